"""The method's own breakdown and to-do list, read into phases."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.importing.breakdown import Breakdown, Source
from orchestrator.importing.method import looks_like, read

BREAKDOWN = """\
## Feature: Shop

### Phase 1: Base (No dependencies)
**Tasks:**
- Task 1.1: Tables for goods
- Task 1.2: Settings

**Estimated**: 2-3 hours
**Files**: db/schema.sql, .env.example

### Phase 2: Counter & till (Depends on Phase 1)
**Tasks:**
- Task 2.1: Till

**Estimated**: 1 day
**Files**: src/till.py

### Phase 3: Opening (Depends on Phase 1, 2)
**Tasks:**
- Task 3.1: Sign
"""
LIST = """\
## Shop of goods - Progress

### Phase 1: Base
- [x] Task 1.1: Tables ✓
- [ ] Task 1.2: Settings (in progress)

### Phase 2: Counter
- [x] Task 2.1: Till ✓

### Phase 3: Opening
- [ ] Task 3.1: Sign

**Progress**: 2/4 tasks complete (50%)
**Current Phase**: Phase 1 (Base)
"""
UNBOXED = """\
## X - Progress
### Phase 1: Base
- Task 1.1 - Tables ✓
- Task 1.2: Settings (in progress)
### Phase 2: Counter
- ✅ Task 2.1: Till
"""
PAGE = f"""\
# How we work

Words about work.

```markdown
{BREAKDOWN}```

Then keep a list:

```markdown
{LIST}```

```bash
# Phase 1: not a heading
- [x] Task 1.2: not a task
```
"""


def reading(*texts: str) -> Breakdown:
    return read([Source(f"{number}.md", text) for number, text in enumerate(texts)])


def tasks_of(found: Breakdown) -> list[tuple[str, str, str]]:
    return [(task.mark, task.id, task.title) for phase in found.phases for task in phase.tasks]


@pytest.mark.parametrize(
    ("texts", "lost"),
    [
        ([BREAKDOWN, LIST], []),
        ([LIST, BREAKDOWN], []),
        ([BREAKDOWN + "\n" + LIST], []),
        ([LIST + "\n" + BREAKDOWN], []),
        ([PAGE], ["the page around the fenced breakdown is not carried"]),
        ([BREAKDOWN.replace("- Task", "- [ ] Task"), LIST], []),
        ([BREAKDOWN.replace("- Task", "- [ ] Task") + "\n" + LIST], []),
        ([BREAKDOWN, "# To do\n- [x] Task 1.1: Tables\n- [-] Task 1.2: Settings\n- [x] Task 2.1: Till\n"], []),
        ([BREAKDOWN, UNBOXED], []),
    ],
)  # fmt: skip
def test_breakdown_and_list_are_one(texts: list[str], lost: list[str]) -> None:
    found = reading(*texts)
    assert found.title == "Shop"
    assert [(p.id, p.title, p.depends_on, p.estimate, p.files) for p in found.phases] == [
        ("1", "Base", (), "2-3 hours", ("db/schema.sql", ".env.example")),
        ("2", "Counter & till", ("1",), "1 day", ("src/till.py",)),
        ("3", "Opening", ("1", "2"), "", ()),
    ]
    assert tasks_of(found) == [
        (DONE, "1.1", "Tables for goods"),
        (STARTED, "1.2", "Settings"),
        (DONE, "2.1", "Till"),
        (OPEN, "3.1", "Sign"),
    ]
    assert [loss.why for loss in found.losses] == lost


def test_a_list_alone_is_a_breakdown() -> None:
    found = reading(LIST)
    assert found.title == "Shop of goods"
    assert [phase.title for phase in found.phases] == ["Base", "Counter", "Opening"]
    assert [mark for mark, _, _ in tasks_of(found)] == [DONE, STARTED, DONE, OPEN]
    assert not found.losses


def test_the_todo_file_of_the_tool_is_read() -> None:
    found = reading(
        "Mine.\n<!-- orchestrator:begin -->\n## Shop - Progress\n\n### Phase 1: Base\n"
        "_in progress - gates: tests open - estimate 2 h_\n"
        "- [x] Task 1.1: A ✓\n  a note\n- [ ] Task 1.2: B (reopened)\n\n"
        "### Phase 2: Top (Depends on Phase 1)\n_not started_\n- [ ] Task 2.1: C\n\n"
        "**Progress**: 1/3 tasks complete (33%)\n**Current Phase**: Phase 1 (Base)\n<!-- orchestrator:end -->\n"
    )
    assert tasks_of(found) == [(DONE, "1.1", "A"), (OPEN, "1.2", "B"), (OPEN, "2.1", "C")]
    assert [(phase.estimate, phase.depends_on) for phase in found.phases] == [("2 h", ()), ("", ("1",))]
    assert [loss.line for loss in found.losses] == [1, 6, 8]


@pytest.mark.parametrize(
    ("heading", "phase_id", "title", "needs"),
    [
        ("## Phase 9: T", "9", "T", ()),
        ("# PHASE 9 - T", "9", "T", ()),
        ("#### Phase 9 \u2014 T [requires Phase 1]", "9", "T", ("1",)),
        ("## 🚀 Phase 9. T", "9", "T", ()),
        ("## [x] Phase 9: T", "9", "T", ()),
        ("## **Phase 9: T** (Depends on Phase 1 & 2) 🚀", "9", "T 🚀", ("1", "2")),
        ("## **Phase 9**: T", "9", "T", ()),
        ("**Phase 9: T (depends on Phase 1 + 2)**", "9", "T", ("1", "2")),
        ("## Phase 2.1: T (Week 2) (Depends: Phases 1-2)", "2.1", "T (Week 2)", ("1", "2")),
        ("## Phase B: T (No Dependencies)", "B", "T", ()),
        ("## Phase 9 (Depends on Phase 2)", "9", "Phase 9", ("2",)),
        ("## Phase 9: `a` of [b](c) (Depends on previous phases)", "9", "a of b", ("1", "2")),
        ("## Phase 9: T (Depends on Base)", "9", "T", ("1",)),
        ("## Phase 9: T (Dependency injection)", "9", "T (Dependency injection)", ()),
        ("## Phase 9: T (after the fair)", "9", "T (after the fair)", ()),
        ("## Phase 9: T\n**Depends on**: Phase 1\n", "9", "T", ("1",)),
        ("## Phase 9: T\n**Dependencies**: Phase 1, Phase 2\n", "9", "T", ("1", "2")),
        ("## Phase 9: T\n**Dependencies: Phase 1: Base and Phase 2**\n", "9", "T", ("1", "2")),
        ("## Phase 9: T\nDepends on: 1, 2\n", "9", "T", ("1", "2")),
        ("## Phase 9: T\n- **Dependencies:** Top, Phase 1 \u2705 complete\n", "9", "T", ("1",)),
        ("## Phase 9: T\n**Dependencies**: None\n", "9", "T", ()),
        ("## Phase 9: T\n**Depends on**:\n- Phase 2\n- Phase 1\n", "9", "T", ("2", "1")),
        ("## Phase 9: T\n**Depends on**: all previous phases\n", "9", "T", ("1", "2")),
    ],
)
def test_headings_of_phases(heading: str, phase_id: str, title: str, needs: tuple[str, ...]) -> None:
    found = reading(f"## Phase 1: Base\n- [ ] a\n\n## Phase 2: Top\n- [ ] b\n\n{heading}\n\n**Tasks**:\n- [x] c\n")
    assert [(phase.id, phase.title, phase.depends_on) for phase in found.phases] == [
        ("1", "Base", ()),
        ("2", "Top", ()),
        (phase_id, title, needs),
    ]
    assert [mark for mark, _, _ in tasks_of(found)] == [OPEN, OPEN, DONE]
    assert [loss for loss in found.losses if "Top, " not in loss.text] == []


@pytest.mark.parametrize(
    "heading", ["## Phase 2 Summary", "## Phase 1-3 (core)", "## Phases 2: x", "## Phase Breakdown", "# Phase two: x"]
)
def test_headings_that_are_no_phases(heading: str) -> None:
    found = reading(f"## Phase 1: Base\n- [ ] a\n\n{heading}\n- [x] b\n")
    assert tasks_of(found) == [(OPEN, "", "a")]
    assert [(loss.text, loss.why) for loss in found.losses] == [("b", "it stands in no phase")]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("- Task 1.1: A", (OPEN, "1.1", "A")),
        ("- [x] Task 1.1: A", (DONE, "1.1", "A")),
        ("* [X] **Task 1.1**: A", (DONE, "1.1", "A")),
        ("- [x] **Task 1.1: A**", (DONE, "1.1", "A")),
        ("- [ ] **Task 1.1: A** \u2014 b", (OPEN, "1.1", "**A** \u2014 b")),
        ("- [ ] **Task 1.1:** A `b`", (OPEN, "1.1", "A `b`")),
        ("1. Task 1.1 - A", (OPEN, "1.1", "A")),
        ("- Task 1.1 A", (OPEN, "1.1", "A")),
        ("- Task 7: A", (OPEN, "7", "A")),
        ("- Task A-7: A", (OPEN, "A-7", "A")),
        ("- [ ] Subtask 1.1.2: A", (OPEN, "1.1.2", "A")),
        ("- [-] Task 1.1: A (in progress)", (STARTED, "1.1", "A")),
        ("- [ ] Task 1.1: A (In Progress)", (STARTED, "1.1", "A")),
        ("- [x] Task 1.1: A (in progress)", (DONE, "1.1", "A")),
        ("- Task 1.1: A \u2713", (DONE, "1.1", "A")),
        ("- \u2705 Task 1.1: A", (DONE, "1.1", "A")),
        ("- [ ] Task 1.1:", (OPEN, "1.1", "Task 1.1")),
        ("- [ ] Task: A", (OPEN, "", "Task: A")),
        ("- [ ] Task force: A", (OPEN, "", "Task force: A")),
        ("- A", (OPEN, "", "A")),
        ("- **A**: b", (OPEN, "", "**A**: b")),
        ("1. [x] A", (DONE, "", "A")),
        ("### Task 1.1: A", (OPEN, "1.1", "A")),
    ],
)
def test_forms_of_tasks(item: str, expected: tuple[str, str, str]) -> None:
    found = reading(f"## Phase 1: Base\n{item}\n")
    assert tasks_of(found) == [expected]
    assert not found.losses


@pytest.mark.parametrize(
    ("body", "tasks", "lost"),
    [
        ("- [~] a\n", ["a"], [(3, "a")]),
        ("- [ ] a ✓\n", ["a"], [(3, "a ✓")]),
        ("**Tasks:**\n- ✅ a\n", ["✅ a"], [(4, "✅ a")]),
        ("- [ ] a\n- b\n", ["a"], [(4, "b")]),
        ("**Tasks:**\n- a\n\n**Checks:**\n- [ ] b\n- c\n", ["a", "b"], [(6, "**Checks:**"), (8, "c")]),
        ("- Goal: much\n- b\n\n**Tasks**:\n- a\n", ["a"], [(3, "Goal: much"), (4, "b")]),
        ("**Goal**: much\n- a\n", ["a"], [(3, "**Goal**: much")]),
        ("- [ ] a\n  - note\n    - deep\n", ["a"], [(4, "note"), (5, "deep")]),
        ("#### Group\n- [ ] a\n- b\n", ["a"], [(3, "Group"), (5, "b")]),
        ("- [ ] a\n\n```\n- [x] b\n```\n", ["a"], [(5, "- [x] b")]),
        ("- [ ] a\n\n## Notes\n- b\n- c\n", ["a"], [(5, "Notes")]),
        ("- [ ] a\n\n## Notes\n- [x] b\n", ["a"], [(6, "b")]),
        ("- [ ] a\n\n## Notes\n- [x] Task 4.2: b\n", ["a"], [(6, "Task 4.2: b")]),
        ("**Depends on**: Phase 7\n- [ ] a\n", ["a"], [(3, "Phase 7")]),
        ("- [ ] a\n- [ ]\n", ["a"], [(4, "")]),
        ("**Estimated**: 1 h\n**Estimate**: 2 h\n- [ ] a\n", ["a"], [(4, "**Estimate**: 2 h")]),
        ("**Files**: a.py, the rest of it\n- [ ] a\n", ["a"], [(3, "the rest of it")]),
        ("**Files**: ../a, /b, https://c.d/e, ~/f, none\n- [ ] a\n", ["a"], [(3, "../a, /b, https://c.d/e, ~/f")]),
    ],
)
def test_what_is_not_carried_is_told(body: str, tasks: list[str], lost: object) -> None:
    found = reading(f"# T\n## Phase 1: Base\n{body}")
    assert [task.title for task in found.phases[0].tasks] == tasks
    assert {mark for mark, _, _ in tasks_of(found)} == {OPEN}
    assert [(loss.line, loss.text) for loss in found.losses] == lost


@pytest.mark.parametrize(
    "body",
    [
        "- [ ] Task 1.1: A\n  - Files: `a/b.py`, c.py\n  - Depends on: Task 1.2\n- [ ] Task 1.2: B\n",
        "- [ ] Task 1.1: A\n  - **Files**:\n    - `a/b.py`\n    - c.py\n  - Depends on: 1.2\n- [ ] Task 1.2: B\n",
        "- [ ] Task 1.1: A\n  **Files**: a/b.py, c.py\n  **Depends on**: Task 1.2\n- [ ] Task 1.2: B\n",
        "- Task 1.1: A\n  Files:\n  - a/b.py\n  - c.py\n  - Depends on: 1.2\n- Task 1.2: B\n",
        "- [ ] Task 1.1: A\n\n  **Files**: a/b.py, c.py\n\n  **Depends on**: Task 1.2\n- [ ] Task 1.2: B\n",
        "### Task 1.1: A\n**Files:** `a/b.py`, `c.py`\n**Depends on**: Task 1.2\n\n### Task 1.2: B\n",
    ],
)
def test_files_of_a_task(body: str) -> None:
    found = reading(f"## Phase 1: Base\n{body}\n### Files\n- `d.py`\n")
    (phase,) = found.phases
    assert phase.files == ("d.py",)
    assert [(task.title, task.files, task.depends_on) for task in phase.tasks] == [
        ("A", ("a/b.py", "c.py"), ("1.2",)),
        ("B", (), ()),
    ]
    assert not found.losses


def test_labels_right_below_a_list_are_the_phase_s() -> None:
    found = reading(
        "## Phase 1: Base\n- Task 1.1: A\n**Estimated**: 2 h\n**Files**: src/**, b.py\n\n## Phase 2: T\n- [x] b\n"
    )
    assert [(p.estimate, p.files) for p in found.phases] == [("2 h", ("src/**", "b.py")), ("", ())]
    assert tasks_of(found) == [(OPEN, "1.1", "A"), (DONE, "", "b")]
    assert not found.losses


def test_headings_of_tasks_take_their_marks_from_a_list_in_the_same_phase() -> None:
    found = reading(
        "# Phase 1: Base\n### Task 1.1: A\n- [ ] part\n### Task 1.2: B\n"
        "## Checks\n- [x] Task 1.1: A\n- [ ] Task 1.2: B\n"
    )
    assert tasks_of(found) == [(DONE, "1.1", "A"), (OPEN, "", "part"), (OPEN, "1.2", "B")]


@pytest.mark.parametrize(
    ("first", "second", "expected", "lost"),
    [
        ("- [x] Task 1.1: A", "- [ ] Task 1.1: A", [(DONE, "1.1", "A")], ["Task 1.1: A"]),
        ("- [ ] Task 1.1: A", "- [x] Task 1.1: A", [(DONE, "1.1", "A")], []),
        ("- Task 1.1: A", "- [x] Task 1.1: Z", [(DONE, "1.1", "A")], ["Task 1.1: Z"]),
        ("- Task 1.1: A", "- [x] Task 1.2: B", [(OPEN, "1.1", "A"), (DONE, "1.2", "B")], []),
        ("- Task 1.1: A", "- [x] Task 1.1: A\n- [ ] Task 1.2: B", [(DONE, "1.1", "A"), (OPEN, "1.2", "B")], []),
        ("- A", "- [x] a", [(DONE, "", "A")], []),
        ("- Task 1: A\n- Task 1: B", "- [ ] Task 1: A\n- [x] Task 1: B", [(OPEN, "1", "A"), (DONE, "1", "B")], []),
    ],
)
def test_two_files_with_the_same_tasks(first: str, second: str, expected: object, lost: list[str]) -> None:
    found = reading(f"## Phase 1: Base\n{first}\n", f"## Phase 1: Base\n{second}\n")
    assert tasks_of(found) == expected
    assert [loss.text for loss in found.losses] == lost


def test_doubled_ids_in_one_list_and_same_ids_in_other_phases_are_kept() -> None:
    found = reading("## Phase 1: A\n- [x] Task 1: a\n- [ ] Task 1: b\n", "## Phase 2: B\n- [x] Task 1: c\n")
    assert tasks_of(found) == [(DONE, "1", "a"), (OPEN, "1", "b"), (DONE, "1", "c")]
    found = reading("# X\n## Phase 1: A\n- [x] Task 1: a\n# Y\n## Phase 1: B\n- [ ] Task 1: b\n")
    assert [(phase.id, phase.title) for phase in found.phases] == [("1", "A"), ("1", "B")]


def test_a_phase_that_is_told_before_its_tasks_is_one_phase() -> None:
    found = reading(
        "### Phase 1: Base\n**Estimated**: 2 h\n\n### Phase 2: Later\n\n# Tasks\n### Phase 1: Base\n- [x] a\n"
    )
    assert [(p.id, p.title, p.estimate, len(p.tasks)) for p in found.phases] == [
        ("2", "Later", "", 0),
        ("1", "Base", "2 h", 1),
    ]


def test_title_and_summary() -> None:
    found = reading("# Shop\nSells *goods*\nto people.\n\nMore.\n\n## Phase 1: Base\n- [ ] a\n")
    assert (found.title, found.summary) == ("Shop", "Sells *goods* to people.")
    assert [(loss.line, loss.text) for loss in found.losses] == [(1, "Shop")]
    assert reading("---\ntitle: Shop\n---\n## Phase 1: A\n- [ ] a\n").title == "Shop"
    assert reading("# Page\n## Feature: **Shop**\n### Phase 1: A\n- [ ] a\n").title == "Shop"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "words\n",
        "# Phase 1: Base\nwords\n",
        "- [x] Task 1.1: A\n",
        "```markdown\n## Phase 1: A\n",
        "```py\n# Phase 1: A\n- [x] a\n```\n",
    ],
)
def test_a_text_without_tasks_in_phases_is_refused(text: str) -> None:
    with pytest.raises(CannotJudgeError, match="there is no"):
        reading(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BREAKDOWN, True), (LIST, True), (PAGE, True), ("", False), ("# T\n- [ ] a\n", False),
        ("## Phase 1: A\n- [ ] a\n", True), ("## Phase 1: A\nwords\n", False),
        ("## Phase 1: A\n**Depends on**: Phase 0\n", True), ("## Phase 1: A (Depends on Phase 0)\n", True),
        *[(f"## Phase 1: Setup\n{task}\n", False) for task in (
            "- [ ] T001 [P] Create", "- [ ] T0001 Create", "- [x] T00001 Create", "- [ ] **T001** Create",
            "- [ ] [P] T001 Create", "- [ ] TXXX Create", "### T001: Create\n**Dependencies**: None",
        )],
        ("## Phase 1: Setup\n- [ ] T1 of the theory\n", True),
        ("```py\n# Phase 1: load\n```\n- [ ] a\n", False),
        ("# T\n## A\n- [ ] a\n- [ ] b\n## Phase 2 - Later\n- [ ] c\n", False),
        ('{"phase": "Phase 1: A"}', False),
    ],
)  # fmt: skip
def test_what_looks_like_it(text: str, *, expected: bool) -> None:
    assert looks_like(Source("a.md", text)) is expected


@pytest.mark.parametrize("end", range(0, len(PAGE), 7))
def test_a_text_that_is_cut_off_is_read_or_refused(end: int) -> None:
    looks_like(Source("a.md", PAGE[:end]))
    try:
        found = reading(PAGE[:end])
    except CannotJudgeError:
        return
    assert {task.id for phase in found.phases for task in phase.tasks if task.mark == DONE} <= {"", "1.1", "2.1"}


def test_deep_nesting_is_flat() -> None:
    found = reading(
        "## Phase 1: A\n"
        + "".join([f"{'  ' * depth}- [{'x' if depth % 2 else ' '}] t{depth}\n" for depth in range(100)])
    )
    assert [mark for mark, _, _ in tasks_of(found)] == [OPEN, DONE] * 50


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(" xX-~?"), st.booleans()), min_size=1, max_size=6), min_size=1, max_size=5
    ),
    st.sampled_from(["boxes", "list below", "list elsewhere"]),
)
@settings(derandomize=True, max_examples=50, deadline=None)
def test_what_is_marked_done_is_done_and_nothing_else(phases: list[list[tuple[str, bool]]], form: str) -> None:
    plan, todo, done, count = ["# T"], ["", "## T - Progress"], [], 0
    for number, items in enumerate(phases, 1):
        heading = f"### Phase {number}: P{number}"
        plan += ["", heading + (f" (Depends on Phase {number - 1})" if number > 1 else ""), "**Tasks:**"]
        todo += ["", heading]
        for place, (box, tick) in enumerate(items, 1):
            name = f"Task {number}.{place}: do {count}"
            line = f"- [{box}] {name}{' ✓' if tick and box in 'xX' else ''}"
            plan.append(line if form == "boxes" else f"- {name}")
            todo.append(line)
            if box in "xX":
                done.append(f"{number}.{place}")
            count += 1
        plan += ["", "**Estimated**: 1 h"]
    texts = {"boxes": [plan], "list below": [plan + todo], "list elsewhere": [plan, todo]}[form]
    found = reading(*["\n".join(lines) + "\n" for lines in texts])
    assert [task_id for mark, task_id, _ in tasks_of(found) if mark == DONE] == done
    assert len(tasks_of(found)) == count
    assert [phase.depends_on for phase in found.phases] == [(), *[(str(n),) for n in range(1, len(phases))]]
    assert [phase.estimate for phase in found.phases] == ["1 h"] * len(phases)
