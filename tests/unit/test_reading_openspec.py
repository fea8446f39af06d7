"""The reader of OpenSpec's tasks.md."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.importing.breakdown import Breakdown, FoundTask, Source
from orchestrator.importing.openspec import looks_like, read

TEXT = """\
<!-- why it is cut so -->

## 1. Storage `layer`

Covers two scenarios.

- [x] 1.1 Create `src/store.py`
  - [ ] 1.1.1 Add the index
  - keep it small
- [-] 1.2 Test it in tests/test_store.py
  - Files: `tests/conftest.py`

### 1.3 Extra

- [ ] 1.3.1 `openspec validate x --strict`

## 2. Documentation

- [ ] 2.1 Update README.md,
  also the first screen

## Dependencies

- Task 2 must complete before Task 3

## Notes

- One
- Two
"""


def sourced(text: str, name: str = "tasks.md") -> Breakdown:
    return read([Source(name, text)])


def tasks(text: str) -> list[FoundTask]:
    return [task for phase in sourced(text).phases for task in phase.tasks]


def test_sections_and_tasks() -> None:
    found = sourced(TEXT, "openspec/changes/add-store/tasks.md")
    assert found.title == "add-store"
    assert [(p.title, p.id, p.line, p.depends_on) for p in found.phases] == [
        ("Storage layer", "", 3, ()),
        ("Documentation", "", 17, ()),
    ]
    assert [(t.id, t.mark, t.title, t.files, t.line) for p in found.phases for t in p.tasks] == [
        ("1.1", DONE, "Create `src/store.py`", ("src/store.py",), 7),
        ("1.1.1", OPEN, "Add the index", (), 8),
        ("1.2", STARTED, "Test it in tests/test_store.py", ("tests/test_store.py", "tests/conftest.py"), 10),
        ("1.3.1", OPEN, "`openspec validate x --strict`", (), 15),
        ("2.1", OPEN, "Update README.md, also the first screen", ("README.md",), 19),
    ]


def test_losses() -> None:
    assert [(loss.line, loss.text, loss.why) for loss in sourced(TEXT).losses] == [
        (1, "", "a section without tasks, and other blocks in it: 1"),
        (5, "Covers two scenarios.", "a note of a section; the plan has no place for it"),
        (9, "keep it small", "a note of a task; a task of a plan has no text but its title"),
        (13, "1.3 Extra", "a heading inside of a section; a phase of a plan has no parts"),
        (22, "Dependencies", "a section without tasks"),
        (24, "Task 2 must complete before Task 3", "OpenSpec has no form for order; it is not read"),
        (26, "Notes", "a section without tasks, and other blocks in it: 2"),
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("- [ ] 1.1 Title", ("1.1", "Title", OPEN)),
        ("- [x] **1.1** Title", ("1.1", "Title", DONE)),
        ("- [x] **1.1 Title** more", ("1.1", "**Title** more", DONE)),
        ("- [ ] 2.3a Title", ("2.3a", "Title", OPEN)),
        ("- [ ] 1.1: Title", ("1.1", "Title", OPEN)),
        ("- [ ] 1. Title", ("1", "Title", OPEN)),
        ("- [ ] 2 servos", ("", "2 servos", OPEN)),
        ("- [X] Title", ("", "Title", DONE)),
        ("- [~] 1.1 Title", ("1.1", "Title", OPEN)),
        ("- [done] 1.1 Title", ("1.1", "Title", OPEN)),
        ("- [ ] 1.1", ("1.1", "1.1", OPEN)),
    ],
)
def test_how_a_task_is_written(item: str, expected: tuple[str, str, str]) -> None:
    (task,) = tasks(f"## 1. Section\n\n{item}\n")
    assert (task.id, task.title, task.mark) == expected


def test_an_unknown_mark_is_told() -> None:
    (loss,) = sourced("## 1. Section\n- [~] 1.1 a\n").losses
    assert (loss.line, loss.text, loss.why) == (2, "1.1 a", 'the mark "~" is not known; the task counts as open')


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        (
            "# Implementation Tasks: Tools\n\n## Phase 1: Core\n- [ ] a\n\n## Checklist\n- [ ] b\n",
            ["Core", "Checklist"],
        ),
        ("# T\n\n## Tasks\n\n### 1. A\n- [ ] 1.1 a\n\n### 2. B\n- [ ] 2.1 b\n", ["A", "B"]),
        ("- [ ] 1.1 a\n", ["Tasks"]),
        ("# Store\n\n- [ ] 1.1 a\n", ["Store"]),
        ("## 0) Prepare\n- [x] 0.1 a\n\n## Other\n- [ ] b\n", ["Prepare", "Other"]),
        ("## A\n- [ ] 1.1 a\n## A\n- [ ] 1.1 a\n", ["A", "A"]),
    ],
)
def test_what_is_a_phase(text: str, titles: list[str]) -> None:
    assert [phase.title for phase in sourced(text).phases] == titles


def test_several_files() -> None:
    found = read([Source("a.md", "# Tasks: A\n## 1. X\n- [ ] 1.1 a\n"), Source("b.md", "## 1. Y\n- [x] 1.1 b\n")])
    assert found.title == "A"
    assert [(p.title, p.source, p.tasks[0].source) for p in found.phases] == [
        ("X", "a.md", "a.md"),
        ("Y", "b.md", "b.md"),
    ]


def test_deep_lists_are_flattened() -> None:
    text = "## 1. A\n" + "".join(["  " * depth + f"- [x] 1.{depth} a\n" for depth in range(100)])
    assert [task.id for task in tasks(text)] == [f"1.{depth}" for depth in range(100)]


@pytest.mark.parametrize("text", ["", "# Tasks\n", "Prose.\n", "## 1. A\n- 1.1 no box\n", "```\n- [ ] 1.1 a\n```\n"])
def test_nothing_to_take(text: str) -> None:
    with pytest.raises(CannotJudgeError):
        sourced(text)


@pytest.mark.parametrize("end", range(0, len(TEXT), 11))
def test_truncated(end: int) -> None:
    try:
        found = sourced(TEXT[:end])
    except CannotJudgeError:
        assert "1.1 C" not in TEXT[:end]
    else:
        assert found.phases


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.md", TEXT, True),
        ("openspec/changes/a/tasks.md", "## Phase 1\n- [ ] a\n", True),
        ("/r/openspec/changes/archive/2026-01-01-a/tasks.md", "- [x] a\n", True),
        ("x.md", "## Phase 1\n- [ ] a\n", False),
        ("x.md", "- [ ] 1. A\n  - [ ] 1.1 a\n", False),
        ("x.md", "## 1. A\n```\n- [ ] 1.1 a\n```\n", False),
        ("x.md", "## 1. A\n- [ ] T001 a\n", False),
        ("openspec/changes/a/tasks.md", "", False),
    ],
)
def test_looks_like(name: str, text: str, expected: bool) -> None:
    assert looks_like(Source(name, text)) is expected


@given(
    st.lists(st.lists(st.tuples(st.sampled_from("x X-~?"), st.booleans(), st.integers(0, 3)), min_size=1), min_size=1)
)
@settings(derandomize=True, max_examples=50)
def test_what_is_done_stays_done(sections: list[list[tuple[str, bool, int]]]) -> None:
    lines: list[str] = []
    done: list[str] = []
    count = 0
    for section, items in enumerate(sections, 1):
        lines += [f"## {section}. S{section}", ""]
        depth = -1
        for index, (box, noted, wanted) in enumerate(items, 1):
            depth = min(wanted, depth + 1)
            count += 1
            lines += ["  " * depth + f"- [{box}] {section}.{index} task"]
            lines += ["  " * depth + "  - note"] if noted else []
            done += [f"{section}.{index}"] if box in "xX" else []
        lines += [""]
    found = tasks("\n".join(lines))
    assert len(found) == count
    assert [task.id for task in found if task.mark == DONE] == done


@pytest.mark.parametrize(
    ("below", "files", "lost"),
    [
        ("`src/b.ts`", ("src/b.ts",), []),
        ("src/b.ts (new)", ("src/b.ts",), ["src/b.ts (new)"]),
        ("`npm test`", (), ["`npm test`"]),
        ("see src/b.ts", (), ["see src/b.ts"]),
    ],
)
def test_an_item_below_a_task_that_is_a_path_is_a_file_of_it(below: str, files: object, lost: list[str]) -> None:
    found = sourced(f"## 1. A\n- [ ] 1.1 Make\n  - {below}\n")
    assert found.phases[0].tasks[0].files == files
    assert [loss.text for loss in found.losses] == lost
