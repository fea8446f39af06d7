"""From a breakdown, whatever stands in it, to a plan that is valid and has every task with its mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.plan_file import read_plan
from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.importing.breakdown import Breakdown, FoundPhase, FoundTask
from orchestrator.importing.composing import Composed, compose

if TYPE_CHECKING:
    from orchestrator.core.plan import Plan

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)


def planned(composed: Composed) -> Plan:
    plan, findings = read_plan(composed.text.encode())
    assert plan is not None, [finding.message for finding in findings]
    assert findings == []
    return plan


def phase(title: str, *tasks: FoundTask, **more: object) -> FoundPhase:
    return FoundPhase(title, tasks=tasks or (FoundTask("Do it"),), **more)  # type: ignore[arg-type]


def made(*phases: FoundPhase) -> tuple[Plan, list[str]]:
    composed = compose(Breakdown("Feature", "", phases))
    return planned(composed), [loss.why for loss in composed.losses]


TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "Foundation", "foundation", "Foundation (2)", "foundation-2", "Phase 1", "phase1", "Phase 2", "1", "2", "plan",
        "a ✓", "✓", " ✓", "x (in progress)", "a]b", "[x]", "<!-- a -->", "a|b", "--->", "\x1b[31m", "a\nb", "", " ",
        "T1", "1.1", "1.2", "2.1", "../..", "$(rm -rf .)", "é", "日本", "\ud800", "x" * 300, "T" * 70, '"', "\\", "a b",
    ]
)  # fmt: skip
PATHS = TEXTS | st.sampled_from(
    [
        "src/a.py", "src/**", "*.py", "../a", "/a", ".git/config", "PLAN.md", "docs/plans/x", "!a", "#a", "a//b", "./a",
        "app/[id]/x.ts", "a\\b", "*****", "**/**/**/**/**/**/**", "a\tb", ".GIT/x", "a/./b", "\x00",
    ]
)  # fmt: skip
TASKS = st.builds(
    FoundTask,
    title=TEXTS,
    mark=st.sampled_from([OPEN, STARTED, DONE]),
    id=TEXTS,
    files=st.lists(PATHS, max_size=3).map(tuple),
    depends_on=st.lists(TEXTS, max_size=3).map(tuple),
)
PHASES = st.builds(
    FoundPhase,
    title=TEXTS,
    id=TEXTS,
    depends_on=st.lists(TEXTS, max_size=3).map(tuple),
    estimate=TEXTS,
    files=st.lists(PATHS, max_size=3).map(tuple),
    tasks=st.lists(TASKS, max_size=5).map(tuple),
)


@PROPERTY
@example(Breakdown("x", "", (FoundPhase("1"), FoundPhase("2"), FoundPhase("Phase 1"), FoundPhase("part-1"))))
@given(st.builds(Breakdown, title=TEXTS, summary=TEXTS, phases=st.lists(PHASES, min_size=1, max_size=6).map(tuple)))
def test_every_breakdown_makes_a_valid_plan_with_all_that_was_done_and_no_more(found: Breakdown) -> None:
    composed = compose(found)
    plan = planned(composed)
    marks = [composed.marks.get(task.id, OPEN) for phase in plan.phases for task in phase.tasks]
    wanted = [[task.mark for task in phase.tasks] or [OPEN] for phase in found.phases]
    assert marks == [mark for phase_marks in wanted for mark in phase_marks]
    assert [len(phase.tasks) for phase in plan.phases] == [len(phase_marks) for phase_marks in wanted]
    assert not any([task.positional for phase in plan.phases for task in phase.tasks])
    assert compose(found) == composed


@PROPERTY
@given(
    st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(st.integers(0, n - 1), max_size=n), min_size=n, max_size=n))
)
def test_dependencies_that_make_no_circle_are_all_kept(wanted: list[list[int]]) -> None:
    backwards = [sorted({place for place in places if place < own}) for own, places in enumerate(wanted)]
    tasks = [FoundTask(f"Task {own}", id=f"T{own}", depends_on=tuple([f"T{p}" for p in places]))
             for own, places in enumerate(backwards)]  # fmt: skip
    phases = [phase(f"Part {own}", id=f"P{own}", depends_on=tuple([f"P{p}" for p in places]))
              for own, places in enumerate(backwards)]  # fmt: skip
    plan, losses = made(*phases, phase("All", *tasks))
    assert losses == []
    assert [list(found.depends_on) for found in plan.phases] == [[f"p{p}" for p in places] for places in backwards] + [
        []
    ]
    assert [list(task.depends_on) for task in plan.phases[-1].tasks] == [
        [f"T{p}" for p in places] for places in backwards
    ]


@pytest.mark.parametrize("name", ["Phase 1", "1", "P1", "Setup", "setup"])
def test_phases_are_named_by_id_number_or_title(name: str) -> None:
    plan, losses = made(phase("Setup", id="P1"), phase("Next", depends_on=(name,)))
    assert plan.phases[1].depends_on == ("p1",)
    assert losses == []


@pytest.mark.parametrize("name", ["Phase 9", "7", "nothing"])
def test_a_phase_that_is_not_there_is_told(name: str) -> None:
    plan, losses = made(phase("Setup", id="P1"), phase("Next", depends_on=(name,)))
    assert plan.phases[1].depends_on == ()
    assert losses == [f"it depends on {name}, which is no phase here"]


def test_an_id_of_the_source_comes_before_a_title_and_a_number() -> None:
    plan, _ = made(phase("First", id="2"), phase("Second", id="First"), phase("Third", depends_on=("2", "first")))
    first, second, third = plan.phases
    assert third.depends_on == (first.id, second.id)


@pytest.mark.parametrize(
    ("given_on", "kept"),
    [
        ({"A": ["B"], "B": ["A"]}, {"A": [], "B": ["A"]}),
        ({"A": ["B"], "B": ["C"], "C": ["A"]}, {"A": [], "B": ["C"], "C": ["A"]}),
        ({"A": ["C"], "B": ["A"], "C": ["B"]}, {"A": [], "B": ["A"], "C": ["B"]}),
        ({"A": ["A"]}, {"A": []}),
        ({"A": ["A", "B"], "B": []}, {"A": ["B"], "B": []}),
    ],
)
def test_a_circle_is_cut_where_it_points_ahead(given_on: dict[str, list[str]], kept: dict[str, list[str]]) -> None:
    plan, losses = made(phase("P", *[FoundTask(name, id=name, depends_on=tuple(on)) for name, on in given_on.items()]))
    assert {task.id: list(task.depends_on) for task in plan.phases[0].tasks} == kept
    assert len(losses) == sum([len(on) for on in given_on.values()]) - sum([len(on) for on in kept.values()])


def test_phases_and_tasks_that_wait_for_each_other_are_cut() -> None:
    first = phase("A", FoundTask("a", id="a", depends_on=("b",)))
    plan, losses = made(first, phase("B", FoundTask("b", id="b"), depends_on=("A",)))
    assert plan.phases[1].depends_on == ("a",)
    assert plan.phases[0].tasks[0].depends_on == ()
    assert losses == ["that it depends on b would make a circle"]


def test_many_circles_are_cut_in_bounded_time() -> None:
    count = 400
    tasks = [FoundTask(str(n), id=f"T{n}", depends_on=(f"T{n + 1}", f"T{n - 1}")) for n in range(count)]
    plan, losses = made(phase("P", *tasks))
    assert [list(task.depends_on) for task in plan.phases[0].tasks] == [[]] + [[f"T{n}"] for n in range(count - 1)]
    assert len(losses) == count + 1  # the first and the last name a task that is not there


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Users table ✓", "Users table"),
        ("Users table (in progress) ✓", "Users table"),
        ("a  b\n c", "a b c"),
        ("see [docs](x) | y", "see (docs)(x) / y"),
        ("<!-- hidden -->", "<- hidden ->"),
        ("Schema <!-- sha:1a2b --> first", "Schema first"),
        ("Schema <!-- a --><!-- b", "Schema <- b"),
        ("\x1b[31mred", "(31mred"),
        ("", "Untitled"),
        (" ✓", "✓"),
        ("x" * 300, "x" * 197 + "..."),
        ("<!--" * 200_000, ("<-" * 99)[:197] + "..."),
        ("x" * 10_000_000, "x" * 197 + "..."),
    ],
)
def test_titles(title: str, expected: str) -> None:
    plan, _ = made(phase("P", FoundTask(title)))
    assert plan.phases[0].tasks[0].title == expected


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("a" * 197 + "b" * 100, ["the title is cut after 197 characters; this follows " + "b" * 77 + "..."]),
        ("Schema <!-- sha:1 -->", ['the title has what cannot stand there, so it is "Schema" Schema <!-- sha:1 -->']),
        ("a" * 200, []),
    ],
)
def test_what_of_a_title_is_not_carried_is_told(title: str, told: list[str]) -> None:
    found = compose(Breakdown("F", "", (phase("P", FoundTask(title)),), ()))
    assert [f"{loss.why} {loss.text}" for loss in found.losses] == told


def test_more_tasks_than_a_plan_has_room_for_are_refused_at_once() -> None:
    many = phase("P", *[FoundTask("t")] * 50_001)
    with pytest.raises(CannotJudgeError, match="this has 50001 tasks; at most 50000 are brought in"):
        compose(Breakdown("F", "", (many,), ()))


@pytest.mark.parametrize(
    ("path", "pattern", "why"),
    [
        ("src/a.py", "src/a.py", ""),
        ("./src/a.py", "src/a.py", ""),
        ("src\\a.py", "src/a.py", ""),
        ("src/**", "src/**", ""),
        ("app/[id]/x.ts", r"app/\[id\]/x.ts", ""),
        ("!important", r"\!important", ""),
        ("../x", "", "leads out of the repository"),
        ("PLAN.md", "", "the tool's own"),
        ("docs/plans/a/plan.toml", "", "the tool's own"),
        (".git/hooks/pre-commit", "", "Git's own folder"),
        ("a\x1bb", "", "cannot be shown"),
        ("", "", "names nothing"),
    ],
)
def test_files(path: str, pattern: str, why: str) -> None:
    plan, losses = made(phase("P", FoundTask("t", files=(path,))))
    assert [found.text for found in plan.phases[0].tasks[0].files] == ([pattern] if pattern else [])
    assert ([why] if why else []) == [why for loss in losses if why in loss and why]


def test_ids_are_kept_where_they_can_be_and_numbered_where_not() -> None:
    ids = ["T1", "T1", "a b", "a-b", "", "../..", "T1-2"]
    plan, losses = made(phase("P", *[FoundTask("t", id=name) for name in ids]))
    found = [task.id for task in plan.phases[0].tasks]
    assert (found[0], found[3], found[6]) == ("T1", "a-b", "T1-2")
    assert len(set(found)) == len(ids)
    assert len(losses) == 3  # of T1, "a b" and "../..": one without id has lost nothing


def test_a_phase_without_a_task_gets_one_of_its_name() -> None:
    composed = compose(Breakdown("F", "", (FoundPhase("Ship it"),)))
    assert [task.title for task in planned(composed).phases[0].tasks] == ["Ship it"]
    assert [loss.why for loss in composed.losses] == ["it has no task, so one of its name stands for it"]


def test_short_lists_stand_on_one_line() -> None:
    long = tuple([f"src/part/of/some/length/{n}.py" for n in range(5)])
    text = compose(
        Breakdown("F", "s", (phase("A", FoundTask("t", files=("a", "b")), FoundTask("u", files=long)),))
    ).text
    assert 'files = ["a", "b"]\n' in text
    assert '\n    "src/part/of/some/length/0.py",\n' in text
    assert text.startswith('version = 1\n\n[feature]\ntitle = "F"\nsummary = "s"\n\n[[phase]]\nid = "a"\n')
