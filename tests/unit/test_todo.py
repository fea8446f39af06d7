"""PLAN.md: its exact text, and what is read back from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.evidence import Content
from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.plan_file import read_plan
from orchestrator.core.state import DONE, OPEN, REOPENED, STARTED, plan_state
from orchestrator.core.todo import (
    BEGIN,
    EMPTY,
    END,
    assemble,
    carry,
    merged_mark,
    parse,
    read_marks,
    render_block,
    task_text,
)
from orchestrator.core.todo_salvage import salvage
from tests.unit.core_support import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.core.plan import Plan
    from orchestrator.core.todo import Reading

HEAD = 'version = 1\n[feature]\ntitle = "Authentication System"\n'
EXAMPLE_PLAN = """
[gates.lint]
run = "ruff check src"
[gates.tests]
run = "pytest"
[[phase]]
id = "foundation"
title = "Foundation"
estimate = "2-3 hours"
gates = ["lint", "tests"]
[[phase.task]]
title = "Database schema for users table"
[[phase.task]]
title = "Environment variables setup"
[[phase]]
id = "backend-api"
title = "Backend API"
depends_on = ["foundation"]
gates = ["tests"]
[[phase.task]]
title = "Register endpoint"
"""
EXAMPLE = """\
<!-- orchestrator:begin -->
## Authentication System - Progress

### Phase 1: Foundation
_in progress - gates: lint passed, tests open - estimate 2-3 hours_
- [x] Task 1.1: Database schema for users table ✓
- [ ] Task 1.2: Environment variables setup (in progress)

### Phase 2: Backend API (Depends on Phase 1)
_not started - gates: tests open_
- [ ] Task 2.1: Register endpoint

**Progress**: 1/3 tasks complete (33%)
**Current Phase**: Phase 1 (Foundation)
<!-- orchestrator:end -->
"""
METHOD = """\
## Auth System Implementation - Progress

### Phase 1: Foundation
- [x] Task 1.1: Database schema ✓
- [x] Task 1.2: Environment variables ✓
- [x] Task 1.3: JWT utilities ✓

### Phase 2: Backend API
- [x] Task 2.1: Register endpoint ✓
- [x] Task 2.2: Login endpoint ✓
- [ ] Task 2.3: Auth middleware (in progress)
- [ ] Task 2.4: Token refresh endpoint

### Phase 3: Frontend
- [ ] Task 3.1: Auth context
- [ ] Task 3.2: Login form
- [ ] Task 3.3: Register form
- [ ] Task 3.4: Protected routes

### Phase 4: Testing
- [ ] Task 4.1: API tests
- [ ] Task 4.2: Component tests
- [ ] Task 4.3: Integration tests

### Phase 5: Documentation
- [ ] Task 5.1: API docs
- [ ] Task 5.2: Setup guide
- [ ] Task 5.3: Security audit
- [ ] Task 5.4: Deployment checklist

**Progress**: 5/20 tasks complete (25%)
**Current Phase**: Phase 2 (Backend API)
"""


def example_plan() -> Plan:
    return plan_of(EXAMPLE_PLAN, HEAD)


def block(
    plan: Plan,
    marks: Mapping[str, str],
    *,
    passed: Iterable[str] = (),
    notes: Mapping[str, Iterable[str]] | None = None,
    newline: str = "\n",
) -> str:
    states = plan_state(plan, marks, Content(plan, {}), lambda phase, gate: f"{phase.id}/{gate.name}" in passed)
    return render_block(plan, states, marks, notes or {}, newline)


def read(text: str, *plans: Plan) -> Reading:
    return read_marks(parse(text), plans)


def rewritten(text: str, plan: Plan) -> str:
    reading = read(text, plan)
    assert reading.findings == ()
    return assemble(parse(text), block(plan, reading.marks, notes=reading.notes, newline=parse(text).newline))


def test_the_exact_text() -> None:
    text = block(example_plan(), {"1.1": DONE, "1.2": STARTED}, passed=["foundation/lint"])
    assert assemble(EMPTY, text) == EXAMPLE


def test_the_method_own_list_reads_back() -> None:
    todo = parse(METHOD)
    assert len(todo.tasks) == 18
    phases: dict[str, list[str]] = {}
    for line in todo.tasks:
        title = line.text.removesuffix(" ✓").removesuffix(" (in progress)")
        phases.setdefault(line.id.partition(".")[0], []).append(title)
    names = ["Foundation", "Backend API", "Frontend", "Testing", "Documentation"]
    text = ""
    for number, name in enumerate(names, 1):
        text += f'[[phase]]\nid = "p{number}x"\ntitle = "{name}"\n'
        text += "".join(f'[[phase.task]]\ntitle = "{title}"\n' for title in phases[str(number)])
    plan = plan_of(text, 'version = 1\n[feature]\ntitle = "Auth System Implementation"\n')
    reading = read_marks(todo, [plan])
    assert reading.findings == ()
    assert sorted(task for task, mark in reading.marks.items() if mark == DONE) == ["1.1", "1.2", "1.3", "2.1", "2.2"]
    assert reading.marks["2.3"] == STARTED
    lines = block(plan, reading.marks).split("\n")
    assert "**Progress**: 5/18 tasks complete (27%)" in lines
    assert set(METHOD.split("\n")) - set(lines) == {"**Progress**: 5/20 tasks complete (25%)"}


@pytest.mark.parametrize(
    ("marks", "passed", "last"),
    [
        ({}, [], "Phase 1 (Foundation)"),
        ({"1.1": DONE, "1.2": DONE}, [], "Phase 1 (Foundation)"),
        ({"1.1": DONE, "1.2": DONE}, ["foundation/lint", "foundation/tests"], "Phase 2 (Backend API)"),
        (
            {"1.1": DONE, "1.2": DONE, "2.1": DONE},
            ["foundation/lint", "foundation/tests", "backend-api/tests"],
            "none (all phases complete)",
        ),
    ],
)
def test_the_current_phase(marks: dict[str, str], passed: list[str], last: str) -> None:
    assert block(example_plan(), marks, passed=passed).endswith(f"\n**Current Phase**: {last}\n")


def test_a_current_phase_that_is_locked() -> None:
    plan = plan_of(EXAMPLE_PLAN + '[[question]]\nid = "Q"\ntext = "?"\nblocks = ["foundation"]\n', HEAD)
    assert block(plan, {}).endswith("**Current Phase**: Phase 1 (Foundation) - locked\n")


def test_the_bottom_lines_can_be_left_out() -> None:
    plan = plan_of("[settings]\nsummary_lines = false\n" + EXAMPLE_PLAN, HEAD)
    assert block(plan, {}).endswith("- [ ] Task 2.1: Register endpoint\n")


def test_a_phase_says_what_it_waits_for() -> None:
    more = '[[control]]\nid = "S1"\ntext = "Safe"\nphase = "foundation"\n'
    text = EXAMPLE_PLAN.replace('"2-3 hours"', '"2-3 hours"\nartifacts = ["docs/a.md"]') + more
    lines = block(plan_of(text, HEAD), {"1.1": DONE, "1.2": DONE}).split("\n")
    assert lines[3] == "_awaiting gates - gates: lint open, tests open - estimate 2-3 hours_"
    assert lines[6:8] == ["- Artifact docs/a.md (missing)", "- Control S1: Safe (open)"]


@pytest.mark.parametrize(
    ("terms", "status"),
    [
        ("", "open"),
        ("resolved = false", "open"),
        ('resolved = " "', "open"),
        ("resolved = true", "resolved"),
        ('resolved = "in\\n hash.py"', "resolved: in hash.py"),
        ('waiver = " "', "open"),
        ('waiver = "no users <!-- yet"', "waived: no users \\<!-- yet"),
        ('waiver = { why = "x", who = "Anna" }', "waived: x, Anna"),
        ('waiver = { why = "x", who = "Anna", until = 2026-06-15 }', "waived: x, Anna, until 2026-06-15"),
        ('waiver = { why = "x", who = "Anna", until = 2026-06-14 }', "open: its waiver ended on 2026-06-14"),
        ('resolved = true\nwaiver = { why = "x", who = "A", until = 2026-06-14 }', "resolved"),
        ('check = "x"', "open"),
        ('check = "x"\nresolved = true', "open"),
    ],
)
def test_the_line_of_a_control(terms: str, status: str) -> None:
    control = f'[[control]]\nid = "S1"\ntext = "Safe"\nphase = "foundation"\nreference = "ASVS 1.2"\n{terms}\n'
    plan = plan_of(EXAMPLE_PLAN + control, HEAD)
    line = f"- Control S1: Safe - ASVS 1.2 ({status})"
    assert line in block(plan, {}).split("\n")
    # On any other day, too, it is known for the tool's own line.
    raw, _ = read_plan((HEAD + EXAMPLE_PLAN + control).encode())
    assert raw is not None
    for other in (raw, raw.at("2020-01-01"), raw.at("2099-01-01")):
        assert read_marks(parse(assemble(EMPTY, block(plan, {}))), [other]).findings == ()


@pytest.mark.parametrize(
    "names", [["docs/a - b.md"], ["a, b"], ["a", "a, b", "b"], ["x - owners: S1", "estimate 2"], ["é", "_"]]
)
def test_names_that_hold_separators_read_back(names: list[str]) -> None:
    listed = ", ".join(f'"{name}"' for name in names)
    keys = f'"2 - 3, hours"\nartifacts = [{listed}]\nowners = [{listed}]'
    plan = plan_of(EXAMPLE_PLAN.replace('"2-3 hours"', keys))
    for there in ([], names[:1], names[1:], names):
        content = Content(plan, dict.fromkeys(there, ("100644", "ab")))
        text = assemble(EMPTY, render_block(plan, plan_state(plan, {}, content, lambda *_: False), {}, {}, "\n"))
        assert read_marks(parse(text), [plan]).findings == ()
        assert read_marks(parse(text.replace(" - gates", " mine - gates")), [plan]).findings


@pytest.mark.parametrize(
    ("box", "suffix", "mark"),
    [
        ("x", " ✓", DONE),
        ("x", "", DONE),
        ("X", "", DONE),
        ("X", " (in progress)", DONE),
        ("x", " (reopened)", DONE),
        ("-", "", STARTED),
        ("-", " ✓", STARTED),
        (" ", "", OPEN),
        (" ", " ✓", OPEN),
        (" ", " (in progress)", STARTED),
        (" ", " (reopened)", REOPENED),
        ("?", "", OPEN),
        ("✓", "", OPEN),
    ],
)
def test_marks(box: str, suffix: str, mark: str) -> None:
    line = f"- [{box}] Task 2.1: Register endpoint{suffix}"
    for found in (line, line + "  ", line + "\r"):
        reading = read(EXAMPLE.replace("- [ ] Task 2.1: Register endpoint", found), example_plan())
        assert (reading.marks["2.1"], reading.findings) == (mark, ())


@pytest.mark.parametrize("title", ["Work ✓", "Work (in progress)", "Work (reopened)", "a: b", "Task 1.1: x"])
@pytest.mark.parametrize("mark", [DONE, STARTED, REOPENED, OPEN])
def test_titles_that_look_like_marks(title: str, mark: str) -> None:
    text = f'[[phase]]\nid = "a"\ntitle = "A"\n[[phase.task]]\ntitle = "{title}"\n'
    plan = plan_of(text)
    assert read(assemble(EMPTY, block(plan, {"1.1": mark})), plan).marks == {"1.1": mark}


@pytest.mark.parametrize(
    "line",
    [
        "a line of mine",
        "- [ ] Task 9.9: unknown",
        "- [ ] Task 2.1: Register endpoint",
        "- [ ] Task 2.1: Another title",
        "- [] Task 2.1: Register endpoint",
        "- [ ] Register endpoint",
        "## Another heading",
        "### Phase 2: Backend API",
        "_finished_",
        "  indented, but under no task",
        "* [x] Task 2.1: Register endpoint",
    ],
)
def test_foreign_lines_are_told(line: str) -> None:
    text = EXAMPLE.replace("### Phase 2", f"{line}\n### Phase 2")
    if line.startswith("  "):
        text = EXAMPLE.replace(
            "## Authentication System - Progress\n", f"## Authentication System - Progress\n{line}\n"
        )
    reading = read(text, example_plan())
    assert [finding.id for finding in reading.findings] == ["plan-md-edited"]
    place = reading.findings[0].locations[0].line
    # Of two lines for one task the first counts, and the second is foreign.
    assert line in text.split("\n")[place - 1] or line.startswith("- [ ] Task 2.1: Reg")


@pytest.mark.parametrize(
    ("line", "help_"),
    [
        ("_in progress - controls open: S1_", "to restore PLAN.md: orchestrator sync"),
        ("- Question Q1: Another text (open)", "to restore PLAN.md: orchestrator sync"),
        ("- Assumption: it is so", "to restore PLAN.md: orchestrator sync"),
        ("**Progress**: nearly done", "to restore PLAN.md: orchestrator sync"),
        ("- my own point", "move the line below the end marker"),
        ("**Mind**: this", "move the line below the end marker"),
    ],
)
def test_what_looks_like_the_tools_is_to_be_restored(line: str, help_: str) -> None:
    (finding,) = read(EXAMPLE.replace("### Phase 2", f"{line}\n### Phase 2"), example_plan()).findings
    assert help_ in finding.help


def test_foreign_lines_are_shown_safely() -> None:
    reading = read(EXAMPLE.replace("### Phase 2", "\x1b[31mred\n### Phase 2"), example_plan())
    assert reading.findings[0].message.isprintable()


def test_a_line_that_is_gone_says_nothing() -> None:
    reading = read(EXAMPLE.replace("- [x] Task 1.1: Database schema for users table ✓\n", ""), example_plan())
    assert "1.1" not in reading.marks
    assert reading.findings == ()


@pytest.mark.parametrize(
    "text",
    [
        BEGIN,
        END,
        f"{END}\n{BEGIN}",
        f"{BEGIN}\n{BEGIN}\n{END}",
        f"{BEGIN}\n{END}\n{END}",
        f"{BEGIN}\n<<<<<<< ours\n=======\n>>>>>>> theirs\n{END}",
        f"{BEGIN}\n<<<<<<< what an editor has left\n{END}",
        f"<<<<<<< ours\n{BEGIN}\n{END}\n=======\n>>>>>>> theirs\n",
        f"<<<<<<< ours\nmine\n=======\n{BEGIN}\n>>>>>>> theirs\n{END}",
        f"{BEGIN}\n<<<<<<< ours\n{END}\n||||||| base\n=======\nmine\n>>>>>>> theirs\n",
        "<<<<<<< ours\n- [ ] Task 1.1: Without markers\n=======\n>>>>>>> theirs\n",
    ],
)
def test_broken_markers(text: str) -> None:
    with pytest.raises(CannotJudgeError) as caught:
        parse(text)
    assert caught.value.findings[0].id == "plan-md-edited"
    assert caught.value.findings[0].help == "orchestrator sync"
    assert all(place.line for place in caught.value.findings[0].locations)


@pytest.mark.parametrize(
    "text",
    [
        f"<<<<<<< ours\nmine\n=======\ntheirs\n>>>>>>> theirs\n{BEGIN}\n{END}\n",
        f"{BEGIN}\n{END}\n<<<<<<< ours\nmine\n||||||| base\n=======\ntheirs\n>>>>>>> theirs\n",
        f"<<<<<<< a line of prose\n{BEGIN}\n{END}\n>>>>>>> another\n",
        "<<<<<<< ours\nmine\n=======\ntheirs\n>>>>>>> theirs\n",
    ],
)
def test_a_conflict_in_the_users_own_text_is_theirs(text: str) -> None:
    todo = parse(text)
    assert todo.before + todo.after == text
    kept = salvage(text, [example_plan()]).todo
    if todo.has_block:
        assert kept.before + kept.after == text
        assert "=======" not in salvage(text, [example_plan()], unmerged=True).todo.after
    assert ">>>>>>> " in kept.before + kept.after


def test_without_markers_the_whole_text_is_the_users() -> None:
    todo = parse(METHOD)
    assert not todo.has_block
    text = assemble(todo, block(example_plan(), {}))
    assert text.startswith(METHOD + f"\n{BEGIN}\n## Authentication")
    assert assemble(parse("no end of line"), "x\n") == f"no end of line\n\n{BEGIN}\nx\n{END}\n"
    assert parse("\ufeff" + EXAMPLE).has_block, "as some editors begin a file"


def test_notes_and_text_outside_survive_byte_for_byte() -> None:
    text = EXAMPLE.replace("\n- [ ] Task 1.2", "\n  why\n\n\tand what  \n\n      deep\r\n- [ ] Task 1.2")
    text = f"# Mine\r\n\n  text \n{text}after  \n\n\x0cend without a newline"
    assert rewritten(text, example_plan()) == rewritten(rewritten(text, example_plan()), example_plan())
    before, _, rest = rewritten(text, example_plan()).partition(BEGIN)
    assert before == "# Mine\r\n\n  text \n"
    assert rest.endswith(f"{END}\nafter  \n\n\x0cend without a newline")
    assert "users table ✓\n  why\n\n\tand what  \n\n      deep\r\n- [ ] Task 1.2" in rest


def test_crlf_is_kept() -> None:
    text = EXAMPLE.replace("users table ✓\n", "users table ✓\n  note\n").replace("\n", "\r\n")
    out = rewritten(text, example_plan())
    assert out.count("\r\n") == out.count("\n")
    assert "✓\r\n  note\r\n- [ ]" in out
    mixed = text.replace("  note\r\n", "  note\n")
    assert "✓\r\n  note\n- [ ]" in rewritten(mixed, example_plan())


MARKS = st.dictionaries(st.sampled_from(["1.1", "1.2", "2.1"]), st.sampled_from([DONE, STARTED, REOPENED]))
NOTES = st.dictionaries(
    st.sampled_from(["1.1", "1.2", "2.1"]),
    st.lists(
        st.text("a -[]x\t#", max_size=6).map(lambda text: f"  {text}." + "\r" * text.count("#")), min_size=1, max_size=3
    ),
)
LINES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(MARKS, NOTES, LINES, LINES, st.sampled_from(["\n", "\r\n"]))
def test_what_is_rendered_is_read(
    marks: dict[str, str], notes: dict[str, list[str]], above: str, below: str, newline: str
) -> None:
    plan = example_plan()
    body = block(plan, marks, notes=notes, newline=newline)
    text = f"{above}{newline}{BEGIN}{newline}{body}{END}{newline}{below}"
    todo = parse(text)
    reading = read_marks(todo, [plan])
    assert reading.findings == ()
    assert {task: mark for task, mark in reading.marks.items() if mark != OPEN} == marks
    assert {task: list(lines) for task, lines in reading.notes.items()} == notes
    assert assemble(todo, body) == text


@given(st.lists(st.sampled_from([*EXAMPLE.split("\n"), "", "  x", "foreign", "\r"]), max_size=25).map("\n".join))
def test_nothing_is_dropped(text: str) -> None:
    try:
        todo = parse(text)
    except CannotJudgeError:
        return
    out = assemble(todo, "") if todo.has_block else todo.before
    kept = {note for notes in todo.notes for note in notes} | {raw for _, raw in todo.foreign}
    kept |= set(out.split("\n"))
    if todo.has_block:
        assert {"  x", "foreign"} & set(text.split("\n")) <= kept
    else:
        assert out == text


# -- ticks when the plan changes -------------------------------------------------------------------------------------


def phase_text(phase_id: str, *tasks: str) -> str:
    """A phase; tasks as "id=title", or as a title alone."""
    text = f'[[phase]]\nid = "{phase_id}"\ntitle = "Phase of {phase_id}"\n'
    for task in tasks:
        task_id, equals, title = task.rpartition("=")
        text += "[[phase.task]]\n" + (f'id = "{task_id}"\n' if equals else "") + f'title = "{title}"\n'
    return text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (["A", "B"], ["New", "A", "B"], {"1.1": "1.2", "1.2": "1.3"}),
        (["A", "B"], ["B", "A"], {"1.1": "1.2", "1.2": "1.1"}),
        (["A b"], ["a B"], {"1.1": "1.1"}),
        (["A"], ["Other"], {}),
        (["x=A"], ["x=Other"], {"x": "x"}),
        (["x=A"], ["A"], {"x": "1.1"}),
        (["A"], ["x=A"], {"1.1": "x"}),
        (["x=A"], ["y=A"], {}),
        (["x=A", "y=B"], ["y=A"], {"y": "y"}),
        (["1.9=A", "B"], ["B", "1.9=A"], {"1.9": "1.9", "1.2": "1.1"}),
    ],
)
def test_ticks_follow_their_task(old: list[str], new: list[str], expected: dict[str, str]) -> None:
    before, after = plan_of(phase_text("a", *old)), plan_of(phase_text("a", *new))
    every = {task.id: 0 for phase in before.phases for task in phase.tasks}
    assert carry(every, before, after) == expected
    assert carry(every, before, before) == {task_id: task_id for task_id in every}


def test_ticks_follow_into_another_phase_if_it_is_clear_which() -> None:
    before = plan_of(phase_text("a", "T", "U") + phase_text("b", "T", "V"))
    after = plan_of(phase_text("a", "V") + phase_text("b", "T", "U"))
    assert carry(dict.fromkeys(["1.1", "1.2", "2.1", "2.2"]), before, after) == {
        "1.2": "2.2",
        "2.1": "2.1",
        "2.2": "1.1",
    }


TASKS = st.lists(st.sampled_from(["A", "B", "C", "x=A", "y=B", "z=D"]), unique=True, min_size=1, max_size=4)


@given(TASKS, TASKS, TASKS, TASKS)
def test_no_two_ticks_become_one(old_a: list[str], old_b: list[str], new_a: list[str], new_b: list[str]) -> None:
    def clean(a: list[str], b: list[str]) -> Plan:
        b = [task for task in b if "=" not in task or task not in a]
        a, b = ([t for t in ts if "=" in t or all(not o.endswith("=" + t) for o in ts)] for ts in (a, b))
        return plan_of(phase_text("a", *a) + phase_text("b", *b, "Last"))

    before, after = clean(old_a, old_b), clean(new_a, new_b)
    carried = carry({task.id: 0 for phase in before.phases for task in phase.tasks}, before, after)
    assert len(set(carried.values())) == len(carried)
    for old_id, new_id in carried.items():
        old = next(task for phase in before.phases for task in phase.tasks if task.id == old_id)
        new = next(task for phase in after.phases for task in phase.tasks if task.id == new_id)
        assert old.id == new.id or old.title == new.title


def test_ticks_are_read_with_the_plan_that_rendered_them() -> None:
    before, after = plan_of(phase_text("a", "A", "B")), plan_of(phase_text("a", "New", "A", "B"))
    text = assemble(EMPTY, block(before, {"1.2": DONE}))
    reading = read(text, after, before)
    assert (reading.plan, reading.marks, reading.findings) == (before, {"1.1": OPEN, "1.2": DONE}, ())
    text = assemble(EMPTY, block(after, {"1.2": DONE}))
    assert read(text, after, before).plan == after


@pytest.mark.parametrize(
    ("written", "before", "expected"),
    [
        (DONE, OPEN, DONE), (DONE, REOPENED, DONE), (OPEN, DONE, REOPENED), (STARTED, DONE, REOPENED),
        (OPEN, REOPENED, REOPENED), (OPEN, STARTED, OPEN), (STARTED, OPEN, STARTED), (OPEN, OPEN, OPEN),
    ],
)  # fmt: skip
def test_done_stays_done_until_someone_unticks_it(written: str, before: str, expected: str) -> None:
    assert merged_mark(written, before) == expected


def test_the_line_of_a_task() -> None:
    task = example_plan().phases[0].tasks[0]
    assert task_text(task, DONE) == "- [x] Task 1.1: Database schema for users table ✓"
    assert task_text(task, REOPENED) == "- [ ] Task 1.1: Database schema for users table (reopened)"
