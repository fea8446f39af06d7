"""What a finished commit says: of passes and bases in plan.lock, of several parents, and as a squash of a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.evidence import Content
from orchestrator.core.formats import LockPhase
from orchestrator.core.gate import Pass
from orchestrator.core.history import (
    AddedPass,
    Base,
    added_passes,
    base_finding,
    changed_bases,
    gates_of,
    is_yielded,
    stale_finding,
    stale_passes,
    unproven_finding,
)
from orchestrator.core.judge import Intent
from orchestrator.core.settle import Before, Side, bases_of, joined, settle, settle_recorded
from orchestrator.core.state import DONE, OPEN, REOPENED, STARTED
from orchestrator.core.todo import Reading
from orchestrator.core.whole import judge_whole
from tests.unit.core_support import Files, key_of, listing, plan_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.core.formats import Lock
    from orchestrator.core.plan import Plan
    from orchestrator.core.settle import Settled

PLAN = """
[gates.lint]
run = "lint"
[gates.docs]
run = "docs"
inputs = ["docs/**"]
[[phase]]
id = "one"
title = "One"
files = ["one/**"]
gates = ["lint", "docs"]
[[phase.task]]
id = "1a"
title = "First"
files = ["one/a.py"]
[[phase.task]]
id = "1b"
title = "Second"
files = ["one/b/*", "shared.py"]
[[phase]]
id = "two"
title = "Two"
depends_on = ["one"]
files = ["two/**"]
gates = ["lint"]
[[phase.task]]
id = "2a"
title = "Third"
"""
FILES: Files = {"one/a.py": "a", "one/b/x": "x", "shared.py": "s", "docs/d.md": "d", "README.md": "r"}
KEY = "k" * 64


def content_of(plan: Plan | str = PLAN, files: Files | None = None) -> Content:
    """A tree under a plan."""
    return Content(plan_of(plan) if isinstance(plan, str) else plan, listing(FILES if files is None else files))


def passes(**keys: Mapping[str, str]) -> Lock:
    """A lock with passes under these keys, by phase and gate."""
    return {phase: LockPhase({gate: Pass(key) for gate, key in found.items()}) for phase, found in keys.items()}


# -- passes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parents", "added"),
    [
        ([], ["one lint", "one docs", "two lint"]),
        ([None], ["one lint", "one docs", "two lint"]),
        ([{}], ["one lint", "one docs", "two lint"]),
        ([passes(one={"lint": "k1", "docs": "k2"}, two={"lint": "k3"})], []),
        ([passes(one={"lint": "k1"}, two={"lint": "other"})], ["one docs", "two lint"]),
        # A key is of one gate of one phase, whatever other gates it is known of.
        ([passes(one={"lint": "k2", "docs": "k1"}, two={"docs": "k3"})], ["one lint", "one docs", "two lint"]),
        ([passes(two={"lint": "k1"}, one={"lint": "k3"})], ["one lint", "one docs", "two lint"]),
        # Of several parents each may have brought it.
        ([None, passes(one={"docs": "k2"}), passes(two={"lint": "k3"}, gone={"lint": "k4"})], ["one lint"]),
    ],
)
def test_added_passes(parents: list[Lock | None], added: list[str]) -> None:
    recorded = passes(one={"lint": "k1", "docs": "k2"}, two={"lint": "k3"})
    found = added_passes(recorded, parents)
    assert [f"{item.phase_id} {item.gate}" for item in found] == added
    assert all(item.key == recorded[item.phase_id].passes[item.gate].key for item in found)


def test_nothing_is_added_by_a_lock_that_has_nothing() -> None:
    assert added_passes({}, [passes(one={"lint": "k"})]) == []


@pytest.mark.parametrize(
    ("phase", "gate", "key", "yielded"),
    [
        ("one", "lint", "one/lint", True),
        ("one", "docs", "one/docs", True),
        ("two", "lint", "two/lint", True),
        ("two", "lint", "one/lint", False),
        ("one", "lint", "one/docs", False),
        ("two", "docs", "one/docs", False),
        ("gone", "lint", "one/lint", False),
        ("one", "lint", "", False),
    ],
)
def test_a_pass_is_yielded_by_the_tree_under_the_gates_own_key(phase: str, gate: str, key: str, yielded: bool) -> None:
    content = content_of(files={**FILES, "two/n.py": "n"})
    added = AddedPass(phase, gate, key and key_of(content, key))
    changed = content_of(files={**FILES, "one/a.py": "other", "docs/d.md": "other"})
    assert is_yielded(added, [content]) == yielded
    assert is_yielded(added, [changed, content]) == yielded
    assert not is_yielded(added, [changed])
    assert not is_yielded(added, [])


def test_a_pass_is_yielded_only_under_the_plan_of_its_tree() -> None:
    other = content_of(PLAN.replace('run = "lint"', 'run = "lint -x"'))
    added = AddedPass("one", "lint", key_of(content_of(), "one/lint"))
    assert is_yielded(added, [content_of()])
    assert not is_yielded(added, [other])


def test_stale_passes() -> None:
    content = content_of()
    lint, docs = key_of(content, "one/lint"), key_of(content, "one/docs")
    lock = passes(one={"lint": lint, "docs": lint, "gone": docs}, two={"lint": KEY}, left={"lint": lint})
    assert stale_passes(lock, content, unknown=True) == [
        ("one", "docs"), ("one", "gone"), ("two", "lint"), ("left", "lint")
    ]  # fmt: skip
    assert stale_passes(lock, content, unknown=False) == [("one", "docs"), ("two", "lint")]
    fresh = passes(one={"lint": lint, "docs": docs}, two={"lint": key_of(content, "two/lint")})
    assert stale_passes(fresh, content, unknown=True) == []
    later = content_of(files={**FILES, "docs/d.md": "changed"})
    assert stale_passes(fresh, later, unknown=True) == [("one", "docs")]


def test_what_is_said_of_passes_and_bases() -> None:
    plan = plan_of(PLAN)
    assert stale_finding("one", "lint", plan).help.startswith("orchestrator validate one, ")
    assert stale_finding("left", "lint", plan).help.startswith("orchestrator sync, ")
    assert stale_finding("one\x1b", "l\x1b", plan).message.isprintable()
    assert stale_finding("one", "lint", plan).id == "gate-due"
    assert unproven_finding(AddedPass("one\x1b", "l\x1b", KEY)).message.isprintable()
    assert unproven_finding(AddedPass("one", "lint", KEY)).id == "lock-tampered"
    found = base_finding(Base("1a", "one/\x1b", ""))
    assert (found.id, found.locations[0].path) == ("lock-tampered", "plan.lock")
    assert found.message.isprintable()


def test_the_gates_of_phases_come_in_plan_order() -> None:
    found = gates_of(plan_of(PLAN), ["two", "one", "left"])
    assert [(phase.id, gate.name) for phase, gate in found] == [("one", "lint"), ("one", "docs"), ("two", "lint")]
    assert [phase.id for phase, _ in gates_of(plan_of(PLAN), ["two"])] == ["two"]


# -- bases -------------------------------------------------------------------------------------------------------------

START = content_of(files={"one/b/x": "at first", "shared.py": "at first"})
X = START.base(START.plan.phases[0].tasks[1])["one/b/*"]
SHARED = START.base(START.plan.phases[0].tasks[1])["shared.py"]


def bases(**tasks: Mapping[str, str]) -> Lock:
    """A lock with these bases of tasks of phase one; ``b`` stands for task 1b."""
    return {"one": LockPhase({}, {f"1{name}": base for name, base in tasks.items()}), "two": LockPhase()}


def before_of(lock: Lock | None, plan: Plan | None = None, **others: Lock) -> Before:
    """A parent with that lock, and further parents with the same plan and these locks."""
    plan = plan or plan_of(PLAN)
    first = Before(plan, {}, lock, content_of(plan))
    return joined(first, [Side(plan, {}, other) for other in others.values()]) if others else first


def told(
    plan: Plan, before: Before | None, recorded: Lock, others: Sequence[Side] | None = None
) -> list[tuple[str, str, str, str, bool]]:
    """Task, pattern, digest and the right one (as short names), and whether the base was laid down before."""
    content = content_of(plan)
    if others is None:
        others = before.others if before else ()
    names = {X: "x", SHARED: "shared", "": ""}
    names |= {digest: "now" for base in bases_of(plan, content, None).values() for digest in base.values()}
    return [
        (base.task_id, base.pattern, names.get(base.digest, base.digest), names[right], was_kept)
        for base, right, was_kept in changed_bases(plan, content, before, recorded, others)
    ]


@pytest.mark.parametrize(
    ("recorded", "changed"),
    [
        (bases(b={"one/b/*": X, "shared.py": SHARED}), []),
        (bases(b={"shared.py": SHARED, "one/b/*": X}), []),
        (bases(b={"one/b/*": X}), [("1b", "shared.py", "", "shared", True)]),
        (bases(), [("1b", "one/b/*", "", "x", True), ("1b", "shared.py", "", "shared", True)]),
        ({}, [("1b", "one/b/*", "", "x", True), ("1b", "shared.py", "", "shared", True)]),
        (bases(b={"one/b/*": "forged", "shared.py": SHARED}), [("1b", "one/b/*", "forged", "x", True)]),
        (bases(a={"one/a.py": "forged"}, b={"one/b/*": X, "shared.py": SHARED}),
         [("1a", "one/a.py", "forged", "", True)]),
        # What no task of the plan asks for says nothing.
        (bases(a={"other": "x"}, z={"one/a.py": "x"}, b={"one/b/*": X, "shared.py": SHARED, "z": "z"}), []),
    ],
)  # fmt: skip
def test_bases_that_were_laid_down_before_stay(recorded: Lock, changed: list[tuple[str, str, str, str, bool]]) -> None:
    before = before_of(bases(b={"one/b/*": X, "shared.py": SHARED}))
    assert told(before.plan, before, recorded) == changed
    # An equal plan that was read anew makes no difference.
    assert told(plan_of(PLAN), before, recorded) == changed


def now(plan: Plan) -> Lock:
    """The bases as they would be laid down in the commit itself."""
    found = bases_of(plan, content_of(plan), None)
    return {phase.id: LockPhase({}, {task.id: found[task.id] for task in phase.tasks}) for phase in plan.phases}


def test_an_adoption_lays_down_all_bases() -> None:
    plan = plan_of(PLAN)
    assert told(plan, None, now(plan)) == []
    wrong = bases(a={"one/a.py": X}, b=now(plan)["one"].bases["1b"])
    assert told(plan, None, wrong) == [("1a", "one/a.py", "x", "now", False)]
    assert [item[3:] for item in told(plan, None, {})] == [("now", False)] * 3
    # The plan has come to a line without one by a merge, with what it had laid down before.
    assert told(plan, None, wrong, [Side(plan, {}, wrong)]) == []
    assert told(plan, None, {}, [Side(plan, {}, {})]) == []
    assert told(plan, None, wrong, [Side(plan, {}, now(plan))]) == [("1a", "one/a.py", "x", "now", False)]


def test_the_first_lock_has_the_bases_of_what_was_before_it() -> None:
    plan = plan_of(PLAN)
    before = Before(plan, {}, None, START)
    lock = bases(b={"one/b/*": X, "shared.py": SHARED})
    assert told(plan, before, lock) == []
    assert [(item[2], item[4]) for item in told(plan, before, now(plan))] == [("now", False)] * 3


def test_what_enters_the_plan_has_a_base_of_the_commits_own_content() -> None:
    plan = plan_of(PLAN.replace('"shared.py"]', '"README.md"]') + 'files = ["docs/**"]\n')
    before = before_of(bases(b={"one/b/*": X, "shared.py": SHARED}))
    fresh = now(plan)
    right = {
        "one": LockPhase({}, {"1b": {"one/b/*": X, "README.md": fresh["one"].bases["1b"]["README.md"]}}),
        "two": fresh["two"],
    }
    assert told(plan, before, right) == []
    left = bases(b={"one/b/*": X, "shared.py": SHARED})
    assert told(plan, before, left) == [
        ("1b", "README.md", "", "now", False),
        ("2a", "docs/**", "", "now", False),
    ]
    assert ("1b", "one/b/*", "now", "x", True) in told(plan, before, now(plan))


def test_another_exclusion_lays_down_all_bases_of_its_task_anew() -> None:
    plan = plan_of(PLAN.replace('"one/b/*", "shared.py"', '"one/b/*", "shared.py", "!one/b/y"'))
    before = before_of(bases(a={"one/a.py": X}, b={"one/b/*": X, "shared.py": SHARED}))
    right = bases(a={"one/a.py": X}, b=now(plan)["one"].bases["1b"])
    assert told(plan, before, right) == []
    assert told(plan, before, before.lock or {}) == [
        ("1b", "one/b/*", "x", "now", False),
        ("1b", "shared.py", "shared", "now", False),
    ]


def test_a_base_follows_its_task_to_another_place() -> None:
    task = '[[phase.task]]\ntitle = "Work"\nfiles = ["shared.py"]\n'
    first = '[[phase]]\nid = "one"\ntitle = "One"\n'
    more = '[[phase.task]]\ntitle = "More"\n'
    last = '[[phase]]\nid = "two"\ntitle = "Two"\n'
    before = before_of({"one": LockPhase({}, {"1.1": {"shared.py": SHARED}})}, plan_of(first + task + last + more))
    later, moved = plan_of(first + more + task), plan_of(first + more + last + task)
    assert bases_of(later, content_of(later), before)["1.2"] == {"shared.py": SHARED}
    assert bases_of(moved, content_of(moved), before)["2.1"] == {"shared.py": SHARED}
    forged = {"two": LockPhase({}, {"2.1": {}})}
    assert told(moved, before, forged) == [("2.1", "shared.py", "", "shared", True)]


@pytest.mark.parametrize(
    ("mine", "theirs", "recorded", "changed"),
    [
        # Each parent's base is good, of what only one of them has, too.
        ({"one/b/*": X}, {"one/b/*": SHARED}, {"one/b/*": X}, []),
        ({"one/b/*": X}, {"one/b/*": SHARED}, {"one/b/*": SHARED}, []),
        ({"one/b/*": X}, {}, {}, []),
        ({"one/b/*": X}, {"one/b/*": X}, {}, [("1b", "one/b/*", "", "x", True)]),
        ({"one/b/*": X}, {"one/b/*": SHARED}, {"one/b/*": "forged"}, [("1b", "one/b/*", "forged", "x", True)]),
        ({"one/b/*": X}, {"shared.py": X}, {"one/b/*": X, "shared.py": SHARED},
         [("1b", "shared.py", "shared", "", True)]),
    ],
)  # fmt: skip
def test_a_merge_may_take_the_base_of_either_side(
    mine: dict[str, str], theirs: dict[str, str], recorded: dict[str, str], changed: list[object]
) -> None:
    before = before_of(bases(b=mine), other=bases(b=theirs))
    assert told(before.plan, before, bases(b=recorded)) == changed
    three = before_of(bases(b=mine), same=bases(b=mine), other=bases(b=theirs))
    assert told(before.plan, three, bases(b=recorded)) == changed


def with_task(name: str) -> str:
    return PLAN + f'[[phase.task]]\nid = "{name}"\ntitle = "{name}"\nfiles = ["shared.py"]\n'


def test_bases_of_what_only_one_parent_has_in_its_plan() -> None:
    first, second, third = plan_of(with_task("x")), plan_of(with_task("y")), plan_of(with_task("z"))
    both = plan_of(with_task("x") + with_task("y").removeprefix(PLAN) + with_task("new").removeprefix(PLAN))
    content = content_of(both)
    before = joined(
        Before(first, {}, {"two": LockPhase({}, {"x": {"shared.py": "of x"}})}, content_of(first)),
        [
            Side(second, {}, {"two": LockPhase({}, {"y": {"shared.py": "of y"}, "x": {"shared.py": "no"}})}),
            Side(third, {}, {"two": LockPhase({}, {"y": {"shared.py": "no"}, "z": {"shared.py": "of z"}})}),
        ],
    )
    found = bases_of(both, content, before)
    assert (found["x"], found["y"]) == ({"shared.py": "of x"}, {"shared.py": "of y"})
    assert found["new"] == content.base(both.phases[1].tasks[3])
    # A commit with the plan of its first parent still sees what the other ones have.
    assert bases_of(first, content_of(first), before)["x"] == {"shared.py": "of x"}


def test_of_further_parents_the_first_says_where_a_task_was() -> None:
    task = with_task("x").removeprefix(PLAN)
    in_one = PLAN.replace('[[phase]]\nid = "two"', task + '[[phase]]\nid = "two"')
    first, second, third = plan_of(PLAN), plan_of(PLAN + task), plan_of(in_one)
    lock: Lock = {name: LockPhase({}, {"x": {"shared.py": f"of {name}"}}) for name in ("one", "two")}
    for sides in ((second, third), (third, second)):
        before = joined(Before(first, {}, {}, content_of(first)), [Side(plan, {}, lock) for plan in sides])
        expected = "of two" if sides[0] is second else "of one"
        assert bases_of(second, content_of(second), before)["x"] == {"shared.py": expected}


def test_a_pattern_that_only_the_other_parent_has_keeps_no_base_of_a_task_of_the_first() -> None:
    first, second = plan_of(PLAN), plan_of(PLAN.replace('"shared.py"]', '"shared.py", "README.md"]'))
    before = joined(
        Before(first, {}, bases(b={"shared.py": SHARED}), content_of(first)),
        [Side(second, {}, bases(b={"README.md": "r"}))],
    )
    found = bases_of(second, content_of(second), before)["1b"]
    assert found["shared.py"] == SHARED
    assert found["README.md"] == now(second)["one"].bases["1b"]["README.md"]


# -- several parents ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "theirs", "mark"),
    [
        (DONE, OPEN, DONE),
        (OPEN, DONE, DONE),
        (REOPENED, DONE, DONE),
        (DONE, REOPENED, DONE),
        (OPEN, STARTED, STARTED),
        (OPEN, REOPENED, REOPENED),
    ],
)
def test_of_marks_that_differ_a_tick_counts_and_both_are_known(mine: str, theirs: str, mark: str) -> None:
    before = before_of({}).replace(marks={"1a": mine, "2a": DONE})
    found = joined(before, [Side(before.plan, {"1a": theirs, "2a": DONE}, {})])
    assert found.marks == {"1a": mark, "2a": DONE}
    assert found.sides == {"1a": (mine, theirs)}
    three = joined(before, [Side(before.plan, {"1a": mine}, {}), Side(before.plan, {"1a": theirs}, {})])
    assert three.marks["1a"] == mark
    assert three.sides == {"1a": (mine, theirs)}
    assert len(three.others) == 2


def test_marks_of_another_plan_come_by_the_first_ones_ids() -> None:
    head, one, two = (
        '[[phase]]\nid = "p"\ntitle = "P"\n',
        '[[phase.task]]\ntitle = "A"\n',
        '[[phase.task]]\ntitle = "B"\n',
    )
    first, other = plan_of(head + one + two), plan_of(head + two + '[[phase.task]]\ntitle = "C"\n' + one)
    before = Before(first, {"1.1": OPEN}, {}, content_of(first))
    found = joined(before, [Side(other, {"1.1": DONE, "1.2": DONE, "1.3": STARTED}, {})])
    assert found.marks == {"1.1": STARTED, "1.2": DONE}
    assert found.sides == {"1.1": (OPEN, STARTED), "1.2": (OPEN, DONE)}
    assert found.others[0].plan is other


def test_passes_of_any_parent_count_and_bases_of_the_first_one() -> None:
    mine: Lock = {"one": LockPhase({"lint": Pass("mine")}, {"1a": {"a": "mine"}})}
    theirs: Lock = {
        "one": LockPhase(
            {"lint": Pass("theirs"), "docs": Pass("theirs")}, {"1a": {"b": "theirs"}, "1b": {"b": "theirs"}}
        ),
        "two": LockPhase({"lint": Pass("theirs")}),
    }
    before = before_of(mine)
    assert joined(before, [Side(before.plan, {}, theirs)]).lock == {
        "one": LockPhase({"docs": Pass("theirs"), "lint": Pass("mine")}, {"1a": {"a": "mine"}}),
        "two": LockPhase({"lint": Pass("theirs")}),
    }
    assert joined(before, [Side(before.plan, {}, None)]).lock == mine
    assert joined(before.replace(lock=None), [Side(before.plan, {}, theirs)]).lock is None
    assert joined(before.replace(lock=None), [Side(before.plan, {}, None)]).lock is None


def test_of_a_single_parent_nothing_is_joined() -> None:
    before = before_of({}).replace(marks={"1a": DONE})
    assert joined(before, []) == before


# -- settling a finished commit ----------------------------------------------------------------------------------------


def recorded_settled(
    before: Before,
    marks: Mapping[str, str],
    recorded: Lock | None,
    files: Files | None = None,
    plan: Plan | None = None,
) -> Settled:
    plan = plan or before.plan
    return settle_recorded(plan, content_of(plan, files), before, Reading(plan, marks, {}), recorded)


ALL_DONE = {"1a": DONE, "1b": DONE}


def test_a_pass_under_any_key_counts_here_or_before() -> None:
    before = before_of(passes(one={"docs": "old"}))
    assert recorded_settled(before, ALL_DONE, passes(one={"lint": "any"})).states["one"].complete
    assert recorded_settled(before, ALL_DONE, passes(one={"lint": "any"})).states["two"].open
    assert not recorded_settled(before, ALL_DONE, passes(one={"docs": "any"})).states["one"].complete
    assert not recorded_settled(before, ALL_DONE, passes(two={"lint": "any"})).states["one"].complete
    assert not recorded_settled(before, ALL_DONE, None).states["one"].complete
    assert recorded_settled(before_of(None), ALL_DONE, passes(one={"lint": "a", "docs": "b"})).states["one"].complete


def test_what_is_recorded_is_told_as_it_is() -> None:
    lock = passes(one={"lint": "a", "gone": "b"}, left={"lint": "c"})
    settled = recorded_settled(before_of({}), {}, lock)
    assert settled.recorded == {("one", "lint"), ("one", "gone"), ("left", "lint")}
    assert settled.is_finished
    assert (settled.dropped, settled.by_itself, settled.ticked, settled.entered) == ((), (), (), frozenset())
    assert list(settled.lock) == ["one", "two"]
    assert settled.lock["one"].passes == lock["one"].passes


def test_bases_are_worked_out_and_not_believed() -> None:
    before = before_of(bases(b={"one/b/*": X, "shared.py": SHARED}))
    forged = bases(b={"one/b/*": "forged"}, a={"one/a.py": "forged"})
    settled = recorded_settled(before, {}, forged)
    assert settled.lock["one"].bases == {"1b": {"one/b/*": X, "shared.py": SHARED}}
    unchanged = recorded_settled(before, {}, before.lock)
    assert unchanged.lock == settled.lock
    other = plan_of(PLAN.replace(', "shared.py"', ""))
    assert recorded_settled(before, {}, before.lock, plan=other).lock["one"].bases == {"1b": {"one/b/*": X}}


@pytest.mark.parametrize(
    ("marks", "lock", "files", "ticked", "by_itself"),
    [
        ({"1a": DONE}, {}, FILES, [], ["1a"]),
        ({"1a": DONE, "1b": DONE}, {}, FILES, ["1b"], ["1a"]),  # a glob waits for a person
        ({"1a": DONE}, bases(a={"one/a.py": X}), FILES, ["1a"], []),  # it was there before
        ({"1a": DONE}, {}, {**FILES, "one/a.py": ""}, ["1a"], []),
        ({"1a": STARTED, "1b": REOPENED}, {}, FILES, [], []),
        ({"1b": DONE, "2a": DONE}, {}, FILES, ["1b", "2a"], []),
        ({}, {}, FILES, [], []),
    ],
)
def test_what_has_been_done_by_itself_is_no_persons_tick(
    marks: dict[str, str], lock: Lock, files: Files, ticked: list[str], by_itself: list[str]
) -> None:
    settled = recorded_settled(before_of(lock), marks, lock, files)
    assert [task.id for task in settled.ticked] == ticked
    assert [task.id for task in settled.by_itself] == by_itself
    manual = plan_of("[settings]\nauto_done = false\n" + PLAN)
    found = recorded_settled(before_of(lock, manual), marks, lock, files)
    assert sorted(task.id for task in found.ticked) == sorted(ticked + by_itself)


def test_nothing_in_a_locked_phase_is_done_by_itself() -> None:
    plan = plan_of(PLAN + 'files = ["two/new.py"]\n')
    files = {**FILES, "two/new.py": "new"}
    locked = recorded_settled(before_of({}, plan), {"2a": DONE}, {}, files)
    assert ([task.id for task in locked.ticked], locked.by_itself) == (["2a"], ())
    complete = passes(one={"lint": "a", "docs": "b"})
    unlocked = recorded_settled(before_of(complete, plan).replace(marks=ALL_DONE), {"2a": DONE}, complete, files)
    assert (unlocked.ticked, [task.id for task in unlocked.by_itself]) == ((), ["2a"])


def test_a_task_waits_for_those_that_it_depends_on() -> None:
    plan = plan_of(PLAN.replace('id = "1a"', 'id = "1a"\ndepends_on = ["1b"]'))
    before = before_of({}, plan)
    assert [task.id for task in recorded_settled(before, {"1a": DONE}, {}).ticked] == ["1a"]
    waited = recorded_settled(before.replace(marks={"1b": DONE}), {"1a": DONE}, {})
    assert (waited.ticked, [task.id for task in waited.by_itself]) == ((), ["1a"])


def test_marks_of_a_finished_commit() -> None:
    before = before_of({}).replace(marks={"1a": DONE, "1b": REOPENED, "2a": STARTED})
    assert recorded_settled(before, {}, {}).marks == {"1a": DONE, "1b": REOPENED, "2a": STARTED}
    said = {"1a": OPEN, "1b": OPEN, "2a": OPEN}
    assert recorded_settled(before, said, {}).marks == {"1a": REOPENED, "1b": REOPENED}
    assert recorded_settled(before, {"1b": DONE}, {}).ticked == (before.plan.phases[0].tasks[1],)


MARKS = st.dictionaries(st.sampled_from(["1a", "1b", "2a"]), st.sampled_from([DONE, STARTED, REOPENED, OPEN]))


@given(MARKS, MARKS, st.booleans(), st.sampled_from([{}, {"lint": "a", "docs": "b"}]))
def test_a_plan_that_is_the_very_same_settles_as_one_that_is_equal(
    marks: dict[str, str], said: dict[str, str], same_lock: bool, keys: dict[str, str]
) -> None:
    before = before_of(passes(one=keys)).replace(marks=marks)
    recorded = before.lock if same_lock else bases(a={"one/a.py": X})
    same = recorded_settled(before, said, recorded)
    equal = recorded_settled(before, said, recorded, plan=plan_of(PLAN))
    for name in ("marks", "lock", "states", "ticked", "by_itself", "entered", "recorded"):
        assert getattr(same, name) == getattr(equal, name), name
    known = settle_recorded(
        before.plan, content_of(before.plan), before, Reading(before.plan, said, {}), recorded, same.states
    )
    assert known == same.replace(content=known.content)
    assert known.states is same.states, "what is known is not worked out anew"


def test_what_enters_the_plan_is_known() -> None:
    plan = plan_of(with_task("x"))
    settled = recorded_settled(before_of({}), {"x": DONE}, {}, plan=plan)
    assert settled.entered == {"x"}
    assert [task.id for task in settled.ticked] == ["x"]


def test_a_merge_ticks_nothing_that_a_side_has_ticked() -> None:
    before = before_of({}).replace(marks={"1a": DONE, "1b": DONE})
    merge = joined(before, [Side(before.plan, {"1a": OPEN, "1b": REOPENED, "2a": DONE}, {})])
    for said in ({}, {"1a": OPEN, "1b": REOPENED, "2a": OPEN}, {"1a": DONE, "1b": DONE, "2a": DONE}):
        settled = recorded_settled(merge, said, {})
        assert (settled.ticked, settled.by_itself) == ((), ())
        assert settled.marks == {"1a": DONE, "1b": DONE, "2a": DONE}
    # What no side says is the merge's own doing.
    assert recorded_settled(merge, {"1a": STARTED}, {}).marks["1a"] == REOPENED


def test_what_a_hook_writes_settles_so_when_it_is_finished() -> None:
    before = before_of(bases(b={"one/b/*": X, "shared.py": SHARED}))
    content = content_of(before.plan)
    fresh = {key_of(content, name) for name in ("one/lint", "one/docs", "two/lint")}
    reading = Reading(before.plan, {"1b": DONE}, {})
    made = settle(before.plan, content, before, reading, before.lock, lambda key: Pass(key) if key in fresh else None)
    found = settle_recorded(before.plan, content, before, Reading(before.plan, made.marks, {}), made.lock)
    assert [task.id for task in made.by_itself] == ["1a"]
    for name in ("marks", "lock", "ticked", "by_itself", "entered"):
        assert getattr(found, name) == getattr(made, name), name
    assert {name: state.status for name, state in found.states.items()} == {"one": "complete", "two": "ready"}
    assert stale_passes(found.lock, content, unknown=True) == []
    assert changed_bases(before.plan, content, before, found.lock, ()) == []


# -- a commit that stands for a whole branch ---------------------------------------------------------------------------

HISTORY = Intent(in_history=True, may_run=False)
COMPLETE = passes(one={"lint": "a", "docs": "b"})


def errors(
    text: str,
    changed: list[str],
    *,
    by_result: bool,
    freed: bool = False,
    head: str = "",
    marks: Mapping[str, str] | None = None,
) -> list[str]:
    """The errors of a commit that changes these files, on top of a parent whose first phase is complete."""
    plan = plan_of(head + PLAN)
    files = {**FILES, **{path: f"new {path}" for path in changed if "." in path and path != "PLAN.md"}}
    before = before_of(COMPLETE, plan).replace(marks=ALL_DONE)
    settled = recorded_settled(before, {**ALL_DONE, **(marks or {})}, COMPLETE, files)
    intent = HISTORY.replace(by_result=by_result)
    return [item.id for item in judge_whole(settled, before, changed, text, intent, freed=freed).findings]


@pytest.mark.parametrize(
    ("text", "changed", "head", "ordinary"),
    [
        ("feat: [one] both", ["one/n.py", "two/n.py"], "", ["phases-mixed"]),
        ("feat: [one] the other one's", ["two/n.py"], "", ["phase-mismatch"]),
        ("feat: [one] with the plan", ["plan.toml", "one/n.py"], "", ["phase-mismatch", "plan-mixed"]),
        ("feat: [plan] without the plan", ["two/n.py"], "", ["phase-mismatch"]),
        ("feat: [two] much", ["two/a.py", "two/b.py"], "[settings]\nmax_commit_files = 1\n", ["commit-too-large"]),
    ],
)
def test_a_squash_may_do_what_a_whole_branch_does(
    text: str, changed: list[str], head: str, ordinary: list[str]
) -> None:
    assert errors(text, changed, by_result=False, head=head) == ordinary
    assert errors(text, changed, by_result=True, head=head) == []


@pytest.mark.parametrize("by_result", [True, False])
@pytest.mark.parametrize(
    ("text", "changed", "head", "found"),
    [
        ("feat: [two] fine", ["two/n.py"], "", []),
        ("a message", ["two/n.py"], "", ["message-format"]),
        ("feat: [nine] a message", ["two/n.py"], "", ["phase-unknown"]),
        ("docs: [two] a message", ["two/n.py"], "", ["message-format"]),
        ("feat: [two] more", ["two/n.py", "z.py"], '[settings]\nunplanned_files = "block"\n', ["unplanned-file"]),
    ],
)
def test_what_binds_a_squash_as_any_commit(
    text: str, changed: list[str], head: str, found: list[str], by_result: bool
) -> None:
    assert errors(text, changed, by_result=by_result, head=head) == found


@pytest.mark.parametrize("by_result", [True, False])
def test_a_squash_is_held_to_the_order_of_phases(by_result: bool) -> None:
    plan = plan_of(PLAN)
    before = before_of({}, plan)
    settled = recorded_settled(before, {}, {}, {**FILES, "two/n.py": "new"})
    intent = HISTORY.replace(by_result=by_result)
    whole = judge_whole(settled, before, ["two/n.py"], "feat: [two] early", intent, freed=False)
    assert [item.id for item in whole.findings] == ["phase-locked"]
    free = judge_whole(settled, before, ["two/n.py"], "early", intent, freed=True)
    assert [item.id for item in free.findings] == ["phase-locked"]
    excused = judge_whole(
        settled, before, ["two/n.py"], "early\n\nPlan-Exception: the customer waits\n", intent, freed=False
    )
    assert (excused.findings, excused.exception) == ((), "the customer waits")


@pytest.mark.parametrize("by_result", [True, False])
def test_the_plan_is_taken_away(by_result: bool) -> None:
    before = before_of({})
    intent = HISTORY.replace(by_result=by_result)

    def ids(text: str, *changed: str) -> list[str]:
        return [item.id for item in judge_whole(None, before, changed, text, intent, freed=False).findings]

    assert ids("feat: [plan] over", "plan.toml", "PLAN.md", "plan.lock") == []
    assert ids("over", "plan.toml") == ["message-format"]
    assert ids("feat: [plan] over", "one/a.py", "plan.toml") == ["plan-mixed"]


def test_warnings_are_not_for_history() -> None:
    plan = plan_of(PLAN)
    before = before_of(COMPLETE, plan).replace(marks=ALL_DONE)
    settled = recorded_settled(before, ALL_DONE, COMPLETE, {**FILES, "two/n.py": "n"}).replace(
        dropped=(("one", "lint"),)
    )
    assert judge_whole(settled, before, ["two/n.py"], "feat: [two] x", HISTORY, freed=False).findings == ()
