"""``MarkReader`` says of every PLAN.md just what ``parse`` and ``read_marks`` say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.core import mark_reader
from orchestrator.core.evidence import Content
from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.mark_reader import MarkReader
from orchestrator.core.plan import Phase, Plan, Task
from orchestrator.core.state import DONE, OPEN, REOPENED, STARTED, plan_state
from orchestrator.core.todo import BEGIN, EMPTY, END, assemble, parse, read_marks, render_block

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.core.finding import Finding

MARKS = (DONE, STARTED, REOPENED, OPEN)
# Titles that hold what the form of a line is made of.
TITLES = ["Work", "Work ✓", "Work (reopened)", "Task 1.1: x", "a: b", "- [ ] c", "x\u00a0y", "✓", "éß", "<<<<<<< "]
IDS = ["1.1", "1.2", "2.1", "a", "b_c", "login"]
SUFFIXES = ["", " ✓", " (in progress)", " (reopened)", " ✓ ✓", "  ", "\t", " done", ":"]
LINES = [
    BEGIN,
    END,
    f"  {BEGIN}",
    f"{END}\t",
    f"\ufeff{BEGIN}",
    f"{END}\x0c",
    f"see {BEGIN}",
    f"see {END} and",
    "<<<<<<< ours",
    "=======",
    ">>>>>>> theirs",
    " <<<<<<< no marker",
    "text <<<<<<< amid",
    "- [x] Task 1.1: Work",
    "- [ ] Task 1.1: Work (in progress)",
    "- [x] Task a: ✓ ✓",
    "- [x] Task 9.9: unknown",
    "- [] Task 1.1: Work",
    "- [xx] Task 1.1: Work",
    "- [x]  Task 1.1: Work",
    "- [x] Work",
    "- [link](to)",
    "* [x] Task 1.1: Work",
    "  - [x] Task 1.1: Work",
    "\t- [x] Task 1.2: Work",
    "  a note",
    "a line",
    "## A heading",
    "",
    "  ",
    "\x0c",
    "\u2028- [x] Task 1.1: Work",
    "#- [x] Task 1.1: Work",
    "### - [x] Task 2.1: Task 1.1: x",
    "\udcff",
]
Edit = tuple[str, int, str]
EDITS: st.SearchStrategy[Edit] = st.one_of(
    st.tuples(st.just("insert"), st.integers(0, 40), st.sampled_from(LINES)),
    st.tuples(st.just("box"), st.integers(0, 40), st.sampled_from(["x", "X", "-", " ", "?", "✓", "xx", ""])),
    st.tuples(st.just("suffix"), st.integers(0, 40), st.sampled_from(SUFFIXES)),
    st.tuples(st.just("end"), st.integers(0, 40), st.sampled_from(["\r", " ", "\r\r", " \r", "\u00a0", "\u2003"])),
    st.tuples(st.just("again"), st.integers(0, 40), st.just("")),
    st.tuples(st.just("away"), st.integers(0, 40), st.just("")),
    st.tuples(st.just("swap"), st.integers(0, 40), st.just("")),
)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text with each of the edits made to one of its lines."""
    lines = text.split("\n")
    for kind, number, what in edits:
        at = number % len(lines)
        line = lines[at]
        if kind == "insert":
            lines.insert(at, what)
        elif kind == "again":
            lines.insert(at, line)
        elif kind == "away" and len(lines) > 1:
            del lines[at]
        elif kind == "swap":
            lines[at], lines[at - 1] = lines[at - 1], lines[at]
        elif kind == "box" and line.startswith("- ["):
            lines[at] = f"- [{what}{line[4:]}"
        elif kind == "suffix" and line.startswith("- ["):
            lines[at] = line.removesuffix(" ✓") + what
        elif kind == "end":
            lines[at] = line + what
    return "\n".join(lines)


def make(tasks: Sequence[Sequence[tuple[str, str]]]) -> Plan:
    """A plan with phases of these tasks, each given as (id, title)."""
    return Plan(
        "Feature",
        phases=tuple(
            [
                Phase(f"p{number}", f"Phase {number}", number, tasks=tuple([Task(*task) for task in found]))
                for number, found in enumerate(tasks, 1)
            ]
        ),
    )


def rendered(plan: Plan, marks: Mapping[str, str], notes: Mapping[str, Sequence[str]] | None = None) -> str:
    states = plan_state(plan, marks, Content(plan, {}), lambda *_: False)
    return assemble(EMPTY, render_block(plan, states, marks, notes or {}, "\n"))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1, max_size=len(IDS)))
    tasks = [(task_id, draw(st.sampled_from(TITLES))) for task_id in ids]
    cut = draw(st.integers(0, len(tasks)))
    return make([tasks[:cut], tasks[cut:]])


@st.composite
def versions(draw: st.DrawFn) -> tuple[Plan, list[str]]:
    """A plan, and some texts that came of its PLAN.md, or of the PLAN.md of another plan."""
    plan = draw(plans())
    texts = []
    for _ in range(draw(st.integers(1, 3))):
        author = plan if draw(st.integers(0, 3)) else draw(plans())
        ids = [task.id for phase in author.phases for task in phase.tasks]
        marks = {task_id: draw(st.sampled_from(MARKS)) for task_id in ids}
        notes = {ids[0]: ["  - [x] Task 1.1: a note", "", "\tmore"]} if draw(st.booleans()) else None
        text = edited(rendered(author, marks, notes), draw(st.lists(EDITS, max_size=4)))
        if draw(st.booleans()):
            text = f"- [x] Task 1.1: Work\n\n{text}\n- [x] Task 1.2: Work"
        if not draw(st.integers(0, 3)):
            text = text.replace("\n", "\r\n")
        if not draw(st.integers(0, 5)):
            text = text.replace(BEGIN, "").replace(END, "")
        texts.append(text)
    return plan, texts


def by_reader(reader: MarkReader, text: str) -> dict[str, str] | tuple[Finding, ...]:
    try:
        return reader.read(text)[0]
    except CannotJudgeError as error:
        return tuple(error.findings)


def by_parse(plan: Plan, text: str) -> dict[str, str] | tuple[Finding, ...]:
    try:
        return dict(read_marks(parse(text), [plan]).marks)
    except CannotJudgeError as error:
        return tuple(error.findings)


ONE = make([[("1.1", "Work"), ("1.2", "Work ✓")], [("2.1", "Task 1.1: x")]])
ONE_TEXT = rendered(ONE, {"1.1": DONE, "1.2": STARTED})
OPEN_LINE = "- [ ] Task 2.1: Task 1.1: x\n"


@settings(max_examples=150)
@given(versions())
@example((ONE, [ONE_TEXT, ONE_TEXT.replace("\n", "\r\n"), f"\ufeff{ONE_TEXT}", ""]))
@example((ONE, [ONE_TEXT.replace(END, f"{END} ") + END, f"{END}\n{ONE_TEXT}"]))
@example((ONE, [f"- [x] Task 2.1: Task 1.1: x\n{ONE_TEXT}", f"{ONE_TEXT}- [x] Task 2.1: Task 1.1: x"]))
@example((ONE, [ONE_TEXT.replace(BEGIN, "@").replace(END, BEGIN).replace("@", END)]))
def test_it_reads_what_parse_reads(case: tuple[Plan, list[str]]) -> None:
    plan, texts = case
    reader = MarkReader(plan)
    for text in [*texts, *texts]:
        assert by_reader(reader, text) == by_parse(plan, text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        (" ✓", ""),
        ("[x]", "[X]"),
        ("[x]", "[-]"),
        ("[x] Task 1.1: Work ✓", "[ ] Task 1.1: Work (reopened)"),
        ("\n", "\r\n"),
        (BEGIN, f"{BEGIN} "),
        (END, f"\t{END}"),
        (BEGIN, f"\ufeff{BEGIN}"),
        ("- [x] Task 1.1: Work ✓\n", "- [x] Task 1.1: Work ✓\n- [ ] Task 1.1: Work\n"),
        ("- [x] Task 1.1: Work ✓\n", "- [ ] Task 1.1: Work\n- [x] Task 1.1: Work ✓\n"),
        ("- [x] Task 1.1", "  - [x] Task 1.1"),
        (" ✓\n", " ✓  \n"),
        ("- [x] Task 1.1", "#- [x] Task 1.1"),
        ("\n\n### ", "\n- [x] Task 2.1: Task 1.1: x\n### "),
        ("## Feature - Progress\n", ""),
        (f"{BEGIN}\n", f"mine <<<<<<< \n{BEGIN}\n"),
        (f"{BEGIN}\n", f"- [x] Task 2.1: Task 1.1: x\n{BEGIN}\n"),
        (f"{END}\n", f"{END}\n- [x] Task 2.1: Task 1.1: x\n"),
        (f"{END}\n", f"{END}\nit ends with {END} alone\n"),
        (f"{BEGIN}\n", ""),
        (f"{END}\n", ""),
        (f"{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n"),
        (f"{END}\n", f"{END}\n{END}\n"),
        (f"{END}\n", f"{END}\n>>>>>>> theirs\n"),
        (f"{BEGIN}\n", f"<<<<<<< ours\n{BEGIN}\n"),
    ],
)
def test_one_change(old: str, new: str) -> None:
    text = ONE_TEXT.replace(old, new) if old else ONE_TEXT
    assert by_reader(MarkReader(ONE), text) == by_parse(ONE, text)


@pytest.mark.parametrize(
    ("marks", "text"),
    [
        ({"1.1": DONE, "1.2": STARTED, "2.1": OPEN}, ONE_TEXT),
        ({"1.1": DONE, "1.2": STARTED, "2.1": OPEN}, ONE_TEXT.replace("\n", "\r\n")),
        ({"1.1": DONE, "1.2": STARTED}, ONE_TEXT.replace("- [ ] Task 2.1", "  - [ ] Task 2.1")),
        (
            {"1.1": DONE},
            f"- [x] Task 1.1: Work\n{ONE_TEXT.replace('- [ ]', '- [ ]  ')}".replace(BEGIN, "").replace(END, ""),
        ),
        ({"1.1": DONE, "1.2": STARTED}, ONE_TEXT.replace(OPEN_LINE, "") + OPEN_LINE),
        ({"1.1": DONE, "1.2": STARTED}, OPEN_LINE + ONE_TEXT.replace(OPEN_LINE, "")),
        ({}, ""),
    ],
)
def test_the_marks_themselves(marks: dict[str, str], text: str) -> None:
    assert MarkReader(ONE).read(text)[0] == marks


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("strange", "more"),
    [
        (0, ""),
        (0, "a line\n## heading\n  - [x] Task 9.9: a note\n"),
        (1, "- [x] Task 9.9: unknown\n"),
        (1, "- [x] Task 1.1: Another title\n"),
        (1, "- [x] Task 1.1: Work ✓\n"),  # a second line for the task
        (2, "- [x] Task 9.9: unknown\n- [x] Task 9.9: unknown\n"),
    ],
)
def test_task_lines_of_another_plan_are_counted(strange: int, more: str, newline: str) -> None:
    text = ONE_TEXT.replace(END, more + END).replace("\n", newline)
    assert MarkReader(ONE).read(text) == ({"1.1": DONE, "1.2": STARTED, "2.1": OPEN}, strange)


def test_each_plan_reads_with_its_own_titles() -> None:
    other = make([[("1.1", "Work ✓"), ("1.2", "Work"), ("2.1", "Task 1.1: x")]])
    assert MarkReader(ONE).read(ONE_TEXT)[1] == 0
    assert MarkReader(other).read(ONE_TEXT) == ({"1.1": DONE, "2.1": OPEN}, 1)


def test_what_it_keeps_of_lines_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark_reader, "_KEPT_LINES", 3)
    reader = MarkReader(ONE)
    for number in range(30):
        text = ONE_TEXT.replace(END, f"- [x] Task {number}: line\n{END}")
        assert reader.read(text) == ({"1.1": DONE, "1.2": STARTED, "2.1": OPEN}, 1)
        assert len(reader._known) <= 4
