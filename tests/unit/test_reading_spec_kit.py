"""The reader of spec-kit's tasks.md."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.importing.breakdown import Breakdown, FoundTask, Source
from orchestrator.importing.spec_kit import looks_like, read

NEW = """\
---
description: "Tasks"
---

# Tasks: Shop

**Input**: Design documents from `/specs/001-shop/`

## Format: `[ID] [P?] [Story] Description`

- **[P]**: Can run in parallel (different files)

## Phase 1: Setup (Shared Infrastructure)

**Purpose**: Project

- [X] T001 Create the project
- [ ] T002 [P] Configure linting in .ruff.toml

## Phase 2: Foundational (Blocking Prerequisites)

**⚠️ CRITICAL**: No user story work can begin until this phase is complete

- [x] T003 Database in src/db/schema.sql

**Checkpoint**: ready

## Phase 3: User Story 1 - Buy (Priority: P1) 🎯 MVP

### Tests for User Story 1

- [ ] T010 [P] [US1] Contract test in tests/contract/test_buy.py

### Implementation for User Story 1

- [-] T012 [US1] Model in `src/models/cart.py`
- [ ] T014 [US1] Service in src/services/buy.py (depends on T012, T003)

## Phase 4: User Story 2 - Return (Priority: P2)

- [ ] T020 [US2] Service in src/services/back.py

## Phase N: Polish & Cross-Cutting Concerns

- [ ] T030 [P] Documentation in docs/

## Dependencies & Execution Order

### Phase Dependencies

- **Setup (Phase 1)**: No dependencies - can start immediately
- **Foundational (Phase 2)**: Depends on Setup completion - BLOCKS all user stories
- **User Stories (Phase 3+)**: All depend on Foundational phase completion
  - User stories can then proceed in parallel (if staffed)
- **Polish (Final Phase)**: Depends on all desired user stories being complete

### User Story Dependencies

- **User Story 2 (P2)**: Can start after Foundational (Phase 2) - May integrate with US1

### Within Each User Story

- Models before services

### Parallel Opportunities

- T003 can run in parallel

## Parallel Example: User Story 1

```bash
- [ ] T099 no task
```

## Notes

- [P] tasks = different files, no dependencies
"""

OLD = """\
# Tasks: [FEATURE NAME]

## Phase 3.1: Setup
- [x] T001 Structure

## Phase 3.2: Tests First (TDD) ⚠️ MUST COMPLETE BEFORE 3.3
- [ ] T004 [P] Contract test
- [ ] T005 [P] Integration test

## Phase 3.3: Core Implementation
- [ ] T008 [P] Model
- [ ] T009 Service
- [ ] T010 Endpoint

## Dependencies
- Tests (T004-T007) before implementation (T008-T009)
- T008 blocks T009, T010
- T009 depends on T001 and T020
- Implementation before polish (T019-T023)

## Validation Checklist
- [ ] All contracts have tests
"""


def sourced(text: str) -> Breakdown:
    return read([Source("tasks.md", text)])


def tasks(text: str) -> list[FoundTask]:
    return [task for phase in sourced(text).phases for task in phase.tasks]


def whys(text: str) -> list[str]:
    return [f"{loss.line}: {loss.why}" for loss in sourced(text).losses]


def test_phases_and_their_order() -> None:
    found = sourced(NEW)
    assert found.title == "Shop"
    story_1, story_2 = "User Story 1 - Buy (Priority: P1) 🎯 MVP", "User Story 2 - Return (Priority: P2)"
    assert [(phase.title, phase.id, phase.line, phase.depends_on) for phase in found.phases] == [
        ("Setup (Shared Infrastructure)", "", 13, ()),
        ("Foundational (Blocking Prerequisites)", "", 20, ("Setup (Shared Infrastructure)",)),
        (story_1, "", 28, ("Foundational (Blocking Prerequisites)",)),
        (story_2, "", 39, ("Foundational (Blocking Prerequisites)",)),
        ("Polish & Cross-Cutting Concerns", "", 43, (story_1, story_2)),
    ]


def test_tasks() -> None:
    assert [(t.id, t.mark, t.title, t.files, t.depends_on) for t in tasks(NEW)] == [
        ("T001", DONE, "Create the project", (), ()),
        ("T002", OPEN, "Configure linting in .ruff.toml", (".ruff.toml",), ()),
        ("T003", DONE, "Database in src/db/schema.sql", ("src/db/schema.sql",), ()),
        ("T010", OPEN, "Contract test in tests/contract/test_buy.py", ("tests/contract/test_buy.py",), ()),
        ("T012", STARTED, "Model in `src/models/cart.py`", ("src/models/cart.py",), ()),
        (
            "T014",
            OPEN,
            "Service in src/services/buy.py (depends on T012, T003)",
            ("src/services/buy.py",),
            ("T012", "T003"),
        ),
        ("T020", OPEN, "Service in src/services/back.py", ("src/services/back.py",), ()),
        ("T030", OPEN, "Documentation in docs/", ("docs/",), ()),
    ]


def test_losses_are_told_line_by_line() -> None:
    of_phase = "a note of a phase; the plan has no place for it"
    part = "a heading inside of a phase; a phase of a plan has no parts"
    no_phase = "no heading of a phase; blocks under it that are not taken: "
    assert whys(NEW) == [
        "0: the mark [P]; tasks of a phase may be done in any order anyhow. Tasks that have it: 3",
        f"2: {no_phase}0",
        f"5: {no_phase}1",
        f"9: {no_phase}1",
        f"15: {of_phase}",
        f"26: {of_phase}",
        f"30: {part}",
        f"34: {part}",
        f"47: {no_phase}2",
        "59: an order that is not said in a way that can be read",
        f"69: {no_phase}1",
        f"75: {no_phase}1",
    ]


def test_older_template() -> None:
    found = sourced(OLD)
    assert [(phase.title, phase.depends_on) for phase in found.phases] == [
        ("Setup", ()),
        ("Tests First (TDD) ⚠️ MUST COMPLETE BEFORE 3.3", ()),
        ("Core Implementation", ("Tests First (TDD) ⚠️ MUST COMPLETE BEFORE 3.3",)),
    ]
    assert {task.id: task.depends_on for task in tasks(OLD)} == {
        "T001": (),
        "T004": (),
        "T005": (),
        "T008": ("T004", "T005"),
        "T009": ("T004", "T005", "T008", "T001"),
        "T010": ("T008",),
    }
    assert [why for why in whys(OLD) if "order " in why or "box" in why] == [
        "0: the mark [P]; tasks of a phase may be done in any order anyhow. Tasks that have it: 3",
        "18: an order with tasks that are not there: T020",
        "19: an order with tasks that are not there: T019-T023",
        "22: a box without an id such as T001, outside of the phases",
    ]


PHASES = """\
## Phase 1: Setup
- [ ] T001 a
## Phase 2: Foundational
- [ ] T002 b
## Phase 3: User Story 1 - One
- [ ] T003 c
## Phase 4: User Story 2 - Two
- [ ] T004 d
## Phase 5: Polish
- [ ] T005 e
"""


@pytest.mark.parametrize(
    ("line", "edges", "told"),
    [
        ("**Phase 2**: Depends on Phase 1", "2<1", True),
        ("**User Stories (Phases 3-4)**: Depend on Foundational completion.", "3<2 4<2", True),
        ("**User Story 1 (P1)**: Starts after Phase 2; no dependency on other user stories.", "3<2", True),
        ("**User Story 2 (P2)**: Starts after Phase 2 and depends on US1 primitives.", "4<2 4<3", True),
        (
            "**User Story 2 (Phase 4 - Two)**: Depends on Foundational (Phase 2) AND User Story 1 (requires it)",
            "4<2 4<3",
            True,
        ),
        ("Foundational: Depends on Setup, blocks all user stories", "2<1 3<2 4<2", True),
        ("**Polish (Phase 5)**: Depends on all previous phases", "5<1 5<2 5<3 5<4", True),
        ("US1 must complete before US2", "4<3", True),
        ("US2 cannot start until Phase 2 is complete", "4<2", True),
        ("US2 cannot start before US1", "4<3", True),
        ("US2 does not depend on US1", "", True),
        ("US1 and US2 can run in parallel", "", True),
        ("**US2**: Independent of US1", "", True),
        ("US2 should complete after US1", "", False),
        ("US2 depends on US1 if auth is enabled", "", False),
        ("US1 → US2", "", False),
        ("Core before integration", "", False),
        ("Phase 4 depends on Phase 9", "", False),
        ("T004 depends on T003", "T004<T003", True),
        ("T001-T002 before T004", "T004<T001 T004<T002", True),
        ("US2: Depends on T003 (data)", "T004<T003", True),
        ("T005 depends on Phase 2", "T005<T002", True),
        ("T004 → T005", "", False),
    ],
)
def test_order_that_is_said(line: str, edges: str, told: bool) -> None:
    found = sourced(f"{PHASES}\n## Dependencies\n\n- {line}\n")
    numbers = {phase.title: str(number) for number, phase in enumerate(found.phases, 1)}
    seen = [f"{numbers[p.title]}<{numbers[name]}" for p in found.phases for name in p.depends_on]
    seen += [f"{t.id}<{name}" for p in found.phases for t in p.tasks for name in t.depends_on]
    assert " ".join(seen) == edges
    assert ([loss for loss in found.losses if loss.line == 14] == []) is told


def test_no_order_is_made_up() -> None:
    assert [(p.depends_on, [t.depends_on for t in p.tasks]) for p in sourced(PHASES).phases] == [((), [()])] * 5


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("- [ ] T001 Title", ("T001", "Title", OPEN)),
        ("- [x] T001: Title", ("T001", "Title", DONE)),
        ("* [X] **T001** Title", ("T001", "Title", DONE)),
        ("- [ ] **T001: Title** more", ("T001", "**Title** more", OPEN)),
        ("- [ ] **T001 [P]** Title", ("T001", "Title", OPEN)),
        ("- [ ] [P] T001 [US1] Title", ("T001", "Title", OPEN)),
        ("- [ ] T001 [US1,US2] [P] Title", ("T001", "Title", OPEN)),
        ("- [ ] T001 [Docs] Title", ("T001", "[Docs] Title", OPEN)),
        ("- [ ] `T001` — Title", ("T001", "Title", OPEN)),
        ("1. [x] T001 Title", ("T001", "Title", DONE)),
        ("- [ ] TXXX Title", ("TXXX", "Title", OPEN)),
        ("- [ ] T018c-1 Title", ("T018c-1", "Title", OPEN)),
        ("- [ ] T001", ("T001", "T001", OPEN)),
        ("- [~] T001 Title", ("T001", "Title", OPEN)),
        ("- [ x ] T001 Title", ("T001", "Title", OPEN)),
        ("- [done] T001 Title", ("T001", "Title", OPEN)),
        ("- T001 Title", ("T001", "Title", OPEN)),
        ("- [T001] [P] [Story] Title", ("T001", "Title", OPEN)),
        ("- [P] T001 Title", ("T001", "Title", OPEN)),
        ("- [x] Title", ("", "Title", DONE)),
        ("### T001 Title", ("T001", "Title", OPEN)),
        ("### T001: Title [P]", ("T001", "Title [P]", OPEN)),
        ("### [x] T001 — Title", ("T001", "Title", DONE)),
        ("- [x] T001 two\n  lines", ("T001", "two lines", DONE)),
    ],
)
def test_how_a_task_is_written(item: str, expected: tuple[str, str, str]) -> None:
    (task,) = tasks(f"# Tasks: x\n\n## Phase 1: Setup\n\n{item}\n")
    assert (task.id, task.title, task.mark) == expected


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("- [~] T001 Title", '5: the mark "~" is not known; the task counts as open'),
        ("- [done] T001 Title", '5: the mark "done" is not known; the task counts as open'),
        ("- T001 Title", "5: a task without a box counts as open; this is the first of 1"),
        ("### T001 Title ✅", "5: a sign that is no mark; the task counts as open"),
        ("- [ ] T001 a (depends on T007)", "5: an order with tasks that are not there: T007"),
        (
            "- [ ] T001 a\n- [x] CHK001 b\n- [ ] CHK002 c",
            "6: items of a checklist (CHK...) are no tasks; this is the first of 2",
        ),
        ("- [ ] T001 [US4] a", "3: the tag [US4] of 1 of its tasks; the title does not name it"),
        ("- [ ] T001 a\n  - why", "6: a note of a task; a task of a plan has no text but its title"),
        ("- [ ] T001 a\n\n## Phase 2: Later\n\nNothing yet.", "7: a phase without tasks"),
        ("- [ ] T001 a\n\n## Summary\n\n- [x] T001 a", "9: a task that stands in a phase, too; the mark there counts"),
    ],
)
def test_what_is_lost(item: str, why: str) -> None:
    assert why in whys(f"# Tasks: x\n\n## Phase 1: Setup\n\n{item}\n")


def test_details_under_a_task() -> None:
    text = """\
## Phase 1: Setup
- [ ] T001 First

  **Description**: Long text.

  **Files**:
  - `package.json` (create - with src/none.py)
  - `src/a.ts` (create)

  **Dependencies**: none

- [ ] T002 Second
  - Depends on: T001
  - Files: `src/b.ts`, Makefile
"""
    assert [(t.files, t.depends_on) for t in tasks(text)] == [
        (("package.json", "src/a.ts"), ()),
        (("src/b.ts",), ("T001",)),
    ]
    assert whys(text) == ["4: a note of a task; a task of a plan has no text but its title"]


def test_headings_that_describe_tasks_are_none() -> None:
    text = """\
## Phase 1: Setup
### T001: Long name
- [x] **T001** Create `src/a.py`
### T002-T003: Two at once
- [ ] T002 b

## Details
### T002: More
**File**: `src/b.py`
"""
    assert [(t.id, t.mark, t.title) for t in tasks(text)] == [("T001", DONE, "Create `src/a.py`"), ("T002", OPEN, "b")]


def test_tasks_as_headings() -> None:
    text = "## Phase 1: A\n\n### T001 First\n\n**Files**: src/a.py\n\n### T002 Second\n\n**Dependencies**: T001\n"
    assert [(t.id, t.files, t.depends_on) for t in tasks(text)] == [
        ("T001", ("src/a.py",), ()),
        ("T002", (), ("T001",)),
    ]


def test_headings_that_are_not_called_phase() -> None:
    found = sourced("# Tasks: x\n\n## Setup\n\n- [x] T001 a\n\n## Final Phase: Polish\n\n- [ ] T002 b\n")
    assert [(p.title, [t.id for t in p.tasks]) for p in found.phases] == [("Setup", ["T001"]), ("Polish", ["T002"])]


def test_an_empty_phase_hands_on_what_it_waits_for() -> None:
    text = (
        "## Phase 1: A\n- [ ] T001 a\n## Phase 2: B\n## Phase 3: C\n- [ ] T003 c\n"
        "## Dependencies\n- Phase 2 depends on Phase 1\n- Phase 3 depends on Phase 2\n"
    )
    assert [(p.title, p.depends_on) for p in sourced(text).phases] == [("A", ()), ("C", ("A",))]


def test_phases_of_two_files_with_one_title_are_told_apart() -> None:
    text = "# Tasks: x\n## Phase 1: A\n- [ ] T001 a\n## Phase 2: B\n**Dependencies**: Phase 1\n\n- [ ] T002 b\n"
    found = read([Source("one.md", text), Source("two.md", text)])
    assert [(p.title, p.id, p.depends_on, p.source) for p in found.phases] == [
        ("A", "A 1", (), "one.md"),
        ("B", "B 1", ("A 1",), "one.md"),
        ("A", "A 2", (), "two.md"),
        ("B", "B 2", ("A 2",), "two.md"),
    ]


def test_deep_lists_are_flattened() -> None:
    text = "## Phase 1: A\n" + "".join(["  " * depth + f"- [x] T{depth:03} a\n" for depth in range(100)])
    assert [task.id for task in tasks(text)] == [f"T{depth:03}" for depth in range(100)]


@pytest.mark.parametrize(
    ("below", "files", "lost"),
    [
        ("`src/b.ts`", ("src/a.ts", "src/b.ts"), []),
        ("src/b.ts", ("src/a.ts", "src/b.ts"), []),
        ("`src/b.ts` (new)", ("src/a.ts", "src/b.ts"), ["`src/b.ts` (new)"]),
        ("src/b.ts - new", ("src/a.ts", "src/b.ts"), ["src/b.ts - new"]),
        ("see `src/b.ts`", ("src/a.ts",), ["see `src/b.ts`"]),
        ("`npm test`", ("src/a.ts",), ["`npm test`"]),
    ],
)
def test_an_item_below_a_task_that_is_a_path_is_a_file_of_it(below: str, files: object, lost: list[str]) -> None:
    found = sourced(f"## Phase 1: A\n- [ ] T001 Make src/a.ts and\n  - {below}\n")
    assert found.phases[0].tasks[0].files == files
    assert [loss.text for loss in found.losses] == lost


@pytest.mark.parametrize(
    "text", ["", "# Tasks: x\n", "Some prose.\n", "# Tasks\n\n- [ ] no id\n", "```\n- [ ] T001 a\n```\n"]
)
def test_nothing_to_take(text: str) -> None:
    with pytest.raises(CannotJudgeError):
        sourced(text)


@pytest.mark.parametrize("end", range(0, len(NEW), 37))
def test_truncated(end: int) -> None:
    try:
        found = sourced(NEW[:end])
    except CannotJudgeError:
        assert "T001" not in NEW[:end]
    else:
        assert found.phases


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NEW, True),
        (OLD, True),
        ("# Tasks: x\n\n### T001 a\n", True),
        ("# Tasks: x\n\n- [T001] [Story] a\n", True),
        ("### T001 a\n", False),
        ("## Phase 1: A\n\n### T001: b\n", True),
        ("- [ ] T0001 a\n", True),
        ("- [ ] T00001 a\n", True),
        ("- [ ] **T001** a\n", True),
        ("```\n- [ ] T001 a\n```\n", False),
        ("## 1. A\n\n- [ ] 1.1 b\n", False),
        ("- [ ] Tidy up\n", False),
        ("", False),
    ],
)
def test_looks_like(text: str, expected: bool) -> None:
    assert looks_like(Source("x.md", text)) is expected


@given(
    st.lists(st.lists(st.tuples(st.sampled_from("x X-~?"), st.booleans(), st.integers(0, 3)), min_size=1), min_size=1)
)
@settings(derandomize=True, max_examples=50)
def test_what_is_done_stays_done(phases: list[list[tuple[str, bool, int]]]) -> None:
    lines = ["# Tasks: x"]
    done: list[str] = []
    number = 0
    for index, items in enumerate(phases, 1):
        lines += [f"## Phase {index}: P{index}", ""]
        depth = -1
        for box, noted, wanted in items:
            depth = min(wanted, depth + 1)
            number += 1
            lines += ["  " * depth + f"- [{box}] T{number:03} [P] task {number}"]
            lines += ["  " * depth + f"  - note {number}"] if noted else []
            done += [f"T{number:03}"] if box in "xX" else []
        lines += [""]
    found = tasks("\n".join(lines))
    assert len(found) == number
    assert [task.id for task in found if task.mark == DONE] == done
