"""What the part of a plan that is under way leads to, against what the whole plan leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.core.evidence import Content, places
from orchestrator.core.formats import freeze, thaw
from orchestrator.core.judge import Intent, judge, proposed_phase
from orchestrator.core.plan_file import read_plan
from orchestrator.core.settle import Before, settle
from orchestrator.core.state import DONE, REOPENED, STARTED
from orchestrator.core.todo import Reading, render_block
from orchestrator.core.under_way import UnderWay, under_way
from orchestrator.core.whole import judge_whole
from tests.unit.core_support import HEAD, Files, known, listing, plan_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.core.plan import Plan
    from orchestrator.core.settle import Settled

    Tree = Mapping[str, tuple[str, str]]

GATES = """
[gates.own]
run = "own"
[gates.docs]
run = "docs"
inputs = ["docs/**", "*.md", "!docs/old/**"]
[gates.src]
run = "src"
inputs = ["src/**"]
"""
CHAIN = GATES + "".join(
    f'[[phase]]\nid = "p{n}"\ntitle = "Part {n}"\nfiles = ["src/{n}/**"]\ngates = ["own", "src"]\n'
    + (f'depends_on = ["p{n - 1}"]\n' if n > 1 else "")
    + f'[[phase.task]]\nid = "{n}.1"\ntitle = "Code"\nfiles = ["src/{n}/a"]\n'
    + f'[[phase.task]]\nid = "{n}.2"\ntitle = "Think"\n'
    for n in range(1, 5)
)
FILES = {"src/1/a": "1", "src/2/b": "1", "docs/a": "1", "lib": "1"}
FIRST_DONE = {"1.1": DONE, "1.2": DONE, "2.2": STARTED}
PATHS = ("src/1/a", "src/1/b", "src/2/a", "src/2/b", "src/3/a", "src/3/b", "src/x", "docs/a", "docs/old/b", "x.md",
         "lib", "PLAN.md", "docs/plans/old/plan.toml")  # fmt: skip
NONE = ("", "")


def differing(old: Tree, new: Tree) -> list[str]:
    """The paths that differ, sorted."""
    return sorted([path for path in {**old, **new} if old.get(path) != new.get(path)])


def verdict(before: Before, content: Content, changed: Sequence[str], cached: set[str]) -> tuple[Settled, bool]:
    """The commit settled, and whether all that there is to say is that it may land under the phase proposed for it."""
    settled = settle(content.plan, content, before, Reading(before.plan, before.marks, {}), before.lock, known(cached))
    judgement = judge(settled, before, changed, Intent(), {})
    phase = proposed_phase(settled, changed, judgement.advanced)
    text = f"feat: [{phase.id if phase else 'plan'}] x"
    whole = judge_whole(settled, before, changed, text, Intent(may_run=False), freed=False)
    return settled, not (judgement.findings or judgement.due or whole.findings)


class Walk:
    """A commit from one tree to the next that the whole plan has judged, and what is kept of it.

    ``passed`` are the gates, as (phase id, name), whose passes on the first tree are in plan.lock; ``cached`` has the
    keys under which gates have passed in this clone, none ``is_fresh``; ``elsewhere`` adds to them gates on a tree.
    """

    def __init__(
        self,
        plan: Plan,
        old: Files,
        new: Files,
        marks: Mapping[str, str],
        passed: Iterable[tuple[str, str]],
        elsewhere: Iterable[tuple[int, str, str]] = (),
        *,
        is_fresh: bool = False,
    ) -> None:
        self.plan = plan
        self.old, self.new = listing(old), listing(new)
        trees = [Content(plan, self.old), Content(plan, self.new)]
        gates = {(phase.id, gate.name): (phase, gate) for phase in plan.phases for gate in phase.gates}
        keys = {trees[0].key(*gates[name]) for name in passed if name in gates} - {""}
        more = {trees[tree].key(*gates[name]) for tree, *rest in elsewhere if (name := (rest[0], rest[1])) in gates}
        self.cached = keys | (more - {""})
        start = settle(plan, trees[0], None, Reading(plan, marks, {}), None, known(keys))
        self.before = Before(plan, start.marks, start.lock, trees[0])
        self.settled, self.is_fine = verdict(self.before, trees[1], differing(self.old, self.new), self.cached)
        if is_fresh:
            self.cached = set()
        self.part = under_way(self.settled, {p: self.old.get(p, NONE) for p in differing(self.old, self.new)})

    @property
    def text(self) -> str:
        """What PLAN.md says after the commit."""
        return render_block(self.plan, self.settled.states, self.settled.marks, {}, "\n")

    def whole_says(self, base: Tree, tree: Tree) -> bool:
        """Whether by the whole plan the next tree may land on that base as it is, with nothing to run or to write."""
        before = Before(self.plan, self.settled.marks, self.settled.lock, Content(self.plan, base))
        settled, is_fine = verdict(before, Content(self.plan, tree), differing(base, tree), self.cached)
        text = render_block(self.plan, settled.states, settled.marks, {}, "\n")
        return is_fine and text == self.text and settled.lock == self.settled.lock

    def part_says(self, base: Tree, tree: Tree) -> bool:
        """The same by what was kept, which has gone through the cache."""
        assert self.part is not None
        part = UnderWay(*thaw(freeze(self.part.astuple(), "name"), "name"))
        changed = differing(base, tree)
        where = places([part.plan], of_gates=False)

        def near(files: Tree) -> dict[str, tuple[str, str]]:
            wanted = [p for p in files if where is None or any(p == at or p.startswith(f"{at}/") for at in where)]
            return {path: files[path] for path in files if path in {*wanted, *changed}}

        touched = {path: tree.get(path, NONE) for path in {*differing(self.old, base), *changed}}
        content = part.content_after(touched, near(tree))
        if content is None:
            return False
        before = Before(part.plan, part.marks, part.lock, Content(part.plan, near(base)))
        settled, is_fine = verdict(before, content, changed, self.cached)
        return is_fine and part.is_kept_by(settled)


@st.composite
def plans(draw: st.DrawFn) -> str:
    patterns = st.sampled_from(
        [
            "src/1/**",
            "src/2/**",
            "src/3/**",
            "src/**",
            "src/2/b",
            "docs/**",
            "docs/old",
            "*.md",
            "lib",
            "!src/2/b",
            "src/x",
        ]
    )
    lines = [GATES, '[settings]\nunplanned_files = "block"\n' if not draw(st.integers(0, 4)) else ""]
    ids = [f"p{number}" for number in range(1, draw(st.integers(2, 5)) + 1)]
    if draw(st.booleans()):
        lines.append(f'[[question]]\nid = "q"\ntext = "Why?"\nblocks = ["{draw(st.sampled_from(ids))}"]\n')
    for number, name in enumerate(ids, 1):
        needed = draw(st.lists(st.sampled_from(ids[: number - 1]), unique=True)) if number > 1 else []
        gates = draw(st.lists(st.sampled_from(["own", "docs", "src"]), unique=True, max_size=2))
        files = draw(st.lists(patterns, unique=True, max_size=2))
        artifacts = draw(st.sampled_from([[], [], ["docs/a"], ["src/3"]]))
        lines.append(
            f'[[phase]]\nid = "{name}"\ntitle = "Part {number}"\ndepends_on = {needed}\ngates = {gates}\n'
            f"files = {files}\nartifacts = {artifacts}\n"
        )
        for task in range(1, draw(st.integers(0, 2)) + 1):
            literal = draw(st.sampled_from([[], ["src/1/a"], ["src/2/a"], ["src/3/a", "src/3/b"], ["docs/**"]]))
            lines.append(f'[[phase.task]]\nid = "{number}.{task}"\ntitle = "T{task}"\nfiles = {literal}\n')
    return "".join(lines)


TREES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(["", "1", "2"]), min_size=3)
CHANGES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(["", "1", "2", None]), max_size=3)


def changed(files: Files, changes: Mapping[str, str | None]) -> Files:
    """The files after the changes; None takes one away."""
    return {path: text for path, text in {**files, **changes}.items() if text is not None}


@settings(max_examples=120, deadline=None)
@given(plans(), TREES, CHANGES, CHANGES, st.data())
def test_what_may_land_by_the_part_may_land_by_the_whole(
    text: str, old: Files, first: dict[str, str | None], second: dict[str, str | None], data: st.DataObject
) -> None:
    plan, _ = read_plan((HEAD + text.replace("'", '"')).encode())
    assume(plan is not None)
    assert plan is not None
    names = [(phase.id, gate.name) for phase in plan.phases for gate in phase.gates]
    tasks = [task.id for phase in plan.phases for task in phase.tasks]
    marks = (
        data.draw(st.dictionaries(st.sampled_from(tasks), st.sampled_from((DONE, DONE, STARTED, REOPENED))))
        if tasks
        else {}
    )
    passed = data.draw(st.sets(st.sampled_from(names))) if names else set()
    runs = data.draw(st.sets(st.tuples(st.integers(0, 1), st.sampled_from(names)), max_size=3)) if names else set()
    elsewhere = [(tree, *name) for tree, name in runs]
    walk = Walk(plan, old, changed(old, first), marks, passed, elsewhere, is_fresh=data.draw(st.booleans()))
    if walk.part is None or not walk.is_fine:
        return
    base = walk.new
    if walk.settled.marks == walk.before.marks and walk.settled.lock == walk.before.lock and data.draw(st.booleans()):
        base = walk.old  # the commit was given up, and the three files are as they were
    texts = {path: "1" if oid == listing({"x": "1"})["x"][1] else "2" for path, (_, oid) in base.items()}
    tree = listing(changed(texts, second))
    if differing(base, tree) and walk.part_says(base, tree):
        assert walk.whole_says(base, tree)


def chain(**changes: object) -> Walk:
    """Four phases, of which the first is complete and the second under way; the commit changes a file of that."""
    new = {**FILES, "src/2/b": "2"}
    facts = {"old": FILES, "new": new, "marks": FIRST_DONE, "passed": [("p1", "own"), ("p1", "src")], **changes}
    return Walk(plan_of(str(facts.pop("text", CHAIN))), **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("may_land", "changes"),
    [
        (True, {"src/2/b": "1"}),
        (True, {"src/2/b": "3", "src/2/c/d": "new"}),
        (True, {"src/2/b": None, "src/2/c": "in its place"}),
        (True, {"lib": "nobody's"}),
        (True, {"lib": None, "README": "nobody's"}),
        (False, {"src/2/a": "a task is done by itself"}),
        (False, {"src/3/b": "locked"}),
        (False, {"src/1/a": "complete, and what follows hangs on it"}),
        (False, {"src/x": "nobody's, and an input of what is complete"}),
        (False, {"src/2/b": "2", "src/1/b": "two phases"}),
    ],
)
def test_what_may_land(may_land: bool, changes: dict[str, str | None]) -> None:
    walk = chain()
    assert walk.is_fine
    assert walk.part is not None
    assert [phase.id for phase in walk.part.plan.phases] == ["p2"]
    tree = listing(changed({**FILES, "src/2/b": "2"}, changes))
    assert walk.part_says(walk.new, tree) is may_land
    assert not may_land or walk.whole_says(walk.new, tree)


def test_a_commit_that_was_given_up_is_not_counted() -> None:
    """Its files are not in the tree of HEAD; the keys are those of what is there."""
    walk = chain()
    tree = listing({**FILES, "src/2/c": "1"})
    assert walk.part is not None
    files = {path: tree.get(path, NONE) for path in differing(walk.old, tree)}
    content = walk.part.content_after(files, tree)
    assert content is not None
    whole, phase = Content(walk.plan, tree), walk.part.plan.phases[0]
    assert [content.key(phase, gate) for gate in phase.gates] == [
        whole.key(walk.plan.phase("p2"), gate) for gate in walk.plan.phase("p2").gates
    ]


NOT_KEPT: dict[str, dict[str, object]] = {
    "the rest": {"new": {**FILES, "src/3/b": "1"}},  # what is locked
    "the top": {"text": CHAIN.replace('["src/4/**"]', '["**/c"]')},  # which may be anywhere
    "all files": {"old": {"lib": "1"}, "new": {"lib": "2"}},  # which gates take for want of their own
    "nothing": {"text": CHAIN.partition('[[phase]]\nid = "p2"')[0], "new": {**FILES, "lib": "2"}},  # all is complete
    "lines to count": {"text": f"[settings]\nmax_commit_lines = 9\n{CHAIN}"},
    "a date": {
        "text": f"{CHAIN}[[control]]\nid = 'C1'\ntext = 'Safe?'\nphase = 'p4'\n"
        "waiver = { why = 'old', who = 'Anna', until = 2026-12-31 }\n"
    },
    "too much": {
        "text": GATES + "".join(f'[[phase]]\nid = "n{n}"\ntitle = "N {n}"\nartifacts = ["n/{n}"]\n' for n in range(51))
    },
    "complete too early": {
        "new": {**FILES, "lib": "2"},
        "marks": {"2.1": DONE, "2.2": DONE},
        "passed": [("p2", "own"), ("p2", "src")],
    },
}


@pytest.mark.parametrize("changes", NOT_KEPT.values(), ids=NOT_KEPT)
def test_what_is_not_kept(changes: dict[str, object]) -> None:
    assert chain(**changes).part is None


def test_a_phase_without_tasks_is_under_way() -> None:
    """Its gates may become due as soon as those of what it waits for have passed."""
    late = '[[phase]]\nid = "late"\ntitle = "Late"\ndepends_on = ["p3"]\n'
    walk = chain(text=CHAIN.replace('[[phase.task]]\nid = "3.1"', f'{late}[[phase.task]]\nid = "3.1"'))
    assert walk.part is not None
    assert [phase.id for phase in walk.part.plan.phases] == ["p2", "p3"]


ONE_PASSED = [("p1", "own"), ("p1", "src")]


@pytest.mark.parametrize(
    ("facts", "changes"),
    [
        # Without files of its own the second phase has the inputs of the first, which has passed on them.
        ({"is_fresh": True}, {"src/2/b": None}),
        ({"passed": [*ONE_PASSED, ("p2", "own")], "elsewhere": [(1, "p2", "own")]}, {"src/2/b": "1"}),
        ({"marks": {"3.2": STARTED}, "passed": []}, {"src/3/b": "1"}),
        ({"text": CHAIN.replace("depends_on", 'artifacts = ["out"]\ndepends_on', 1)}, {"out/x": "made"}),
        (
            {"text": CHAIN.replace('title = "Part 1"', 'title = "Part 1"\nartifacts = ["out"]'),
             "old": {**FILES, "out": "1"}, "new": {**FILES, "out": "1", "src/2/b": "2"}},
            {"out": None},
        ),
    ],
    ids=["another's pass", "another pass", "locked and begun", "an artifact made", "an artifact of the rest lost"],
)  # fmt: skip
def test_what_takes_the_whole_plan(facts: dict[str, object], changes: dict[str, str | None]) -> None:
    walk = chain(**facts)
    assert walk.part is not None
    files = {**FILES, "src/2/b": "2"} | ({"out": "1"} if "out" in changes else {})
    tree = listing(changed(files, changes))
    assert not walk.whole_says(walk.new, tree)
    assert not walk.part_says(walk.new, tree)


def test_a_gate_that_comes_to_take_every_file() -> None:
    walk = chain(marks={}, passed=[], new={**FILES, "src/1/a": "2"})
    tree = listing({path: text for path, text in FILES.items() if path != "src/1/a"})
    phase = walk.plan.phase("p1")
    walk.cached.add(Content(walk.plan, tree).key(phase, phase.gates[0]))
    assert not walk.whole_says(walk.new, tree)
    assert not walk.part_says(walk.new, tree)
