"""Plain lists of tasks in Markdown, read into phases."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.importing.breakdown import Breakdown, Source
from orchestrator.importing.checklist import looks_like, read


def reading(*texts: str) -> Breakdown:
    return read([Source(f"{number}.md", text) for number, text in enumerate(texts)])


def outline_of(found: Breakdown) -> list[tuple[str, list[tuple[str, str]]]]:
    return [(phase.title, [(task.mark, task.title) for task in phase.tasks]) for phase in found.phases]


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [
        (
            "# Shop\n\n## Base\n- [x] A\n- [ ] B\n\n### Deep **down**\n* [X] C\n+ [-] D\n\n## Top\n1. [ ] E\n",
            "Shop",
            [
                ("Base", [(DONE, "A"), (OPEN, "B")]),
                ("Deep down", [(DONE, "C"), (STARTED, "D")]),
                ("Top", [(OPEN, "E")]),
            ],
        ),
        ("- [ ] A\n", "", [("Tasks", [(OPEN, "A")])]),
        ("- [ ] A\n\n# Later\n\ntext\n", "", [("Tasks", [(OPEN, "A")])]),
        ("---\ntitle: Shop\n---\n- [ ] A\n\n# Rest\n- [x] B\n", "Shop",
         [("Shop", [(OPEN, "A")]), ("Rest", [(DONE, "B")])]),
        ("# Shop\n- [ ] A\n## B\n- [x] C\n", "Shop", [("Shop", [(OPEN, "A")]), ("B", [(DONE, "C")])]),
        ("# Back\n- [ ] A\n# Front\n- [ ] B\n", "", [("Back", [(OPEN, "A")]), ("Front", [(OPEN, "B")])]),
        (
            "## Map\n- [ ] Land\n  - [x] Hills\n    - [ ] Snow\n- [x] Sea\n",
            "",
            [("Map", [(OPEN, "Land"), (DONE, "Hills"), (OPEN, "Snow"), (DONE, "Sea")])],
        ),
        ("## Map\n- Land\n  - [x] Hills\n", "", [("Map", [(DONE, "Hills")])]),
        ("## One\n### Tasks\n- [ ] A\n## Two\n### Tasks\n- [x] B\n", "",
         [("One", [(OPEN, "A")]), ("Two", [(DONE, "B")])]),
        ("## One\n1. A\n2. B\n   - C\n## Two\n- ✅ D\n", "",
         [("One", [(OPEN, "A"), (OPEN, "B"), (OPEN, "C")]), ("Two", [(OPEN, "✅ D")])]),
        ("## One\n- [ ] A ✓\n- [x] B ✅\n- [ ] C (in progress)\n", "",
         [("One", [(OPEN, "A"), (DONE, "B"), (STARTED, "C")])]),
        ("## One\n> - [x] quoted\n", "", [("One", [(DONE, "quoted")])]),
        ("---\n- [x] A: b\n---\n", "", [("Tasks", [(DONE, "A: b")])]),
    ],
)  # fmt: skip
def test_each_heading_with_boxes_is_a_phase(text: str, title: str, expected: object) -> None:
    found = reading(text)
    assert found.title == title
    assert outline_of(found) == expected
    assert not any([phase.depends_on for phase in found.phases])


@pytest.mark.parametrize(
    ("text", "titles", "lost"),
    [
        ("# T\n## A\n### Tasks:\n- [ ] a\n## B\n### Tasks:\n- [ ] b\n", ["A", "B"], []),
        ("# T\n## Tasks\n- [ ] a\n", ["Tasks"], []),
        ("# T\n## A\n- [ ] a\n### Tasks\n- [ ] b\n", ["A", "Tasks"], []),
        ("# T\n## A\n### Parts:\n- [ ] a\n## B\n### Parts:\n- [ ] b\n", ["A: Parts", "B: Parts"], ["A", "B"]),
    ],
)
def test_a_heading_that_only_says_tasks_has_the_name_of_the_one_above_it(
    text: str, titles: list[str], lost: list[str]
) -> None:
    found = reading(text)
    assert [phase.title for phase in found.phases] == titles
    assert [loss.text for loss in found.losses] == lost


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("# T\n## A\n- [ ] a\n- b\n", [(4, "b")]),
        ("# T\n## A\n- [~] a\n", [(3, "a")]),
        ("# T\nIntroduction\n## A\n- [x] a\n", [(2, "Introduction")]),
        ("# T\n## A\n### B\n- [x] a\n", [(2, "A")]),
        ("# T\n## [x] A\n- [x] a\n", [(2, "[x] A")]),
        ("# T\n- [x] a\n  ```\n  - [x] code\n  ```\n", [(3, "- [x] code")]),
        ("# T\n- [x] a\n- [ ]\n", [(3, "")]),
        ("# T\n<!-- note -->\n- [x] a\n", []),
        ("# T\n<!--\n- [x] b\n-->\n- [x] a\n", [(2, "<!-- - [x] b -->")]),
        ("# T\n- [x] a\n\n| b | c |\n|---|---|\n| d | e |\n", [(4, "b"), (6, "d")]),
        ("# T\n- [x] a\n  - Depends on: b\n", [(3, "Depends on: b")]),
        ("---\nid: 3\n---\n- [x] a\n", [(1, "---")]),
        ("- ✅ a\n- [x] b\n", [(1, "✅ a")]),
    ],
)
def test_what_is_not_carried_is_told(text: str, lost: object) -> None:
    found = reading(text)
    assert [(loss.line, loss.text) for loss in found.losses] == lost
    assert all([loss.why and loss.source == "0.md" for loss in found.losses])


def test_lists_of_files_belong_to_the_task_above_them_or_to_the_phase() -> None:
    found = reading(
        "# T\n- [x] A\n  - Files: `src/a.py`, b.py (new)\n- [ ] Task 1.2: B\n  - **Files**:\n    - `c/d`\n\n"
        "**Files**: top.md, no path\n"
    )
    (phase,) = found.phases
    assert [(task.id, task.title, task.files) for task in phase.tasks] == [
        ("", "A", ("src/a.py", "b.py")),
        ("1.2", "B", ("c/d",)),
    ]
    assert phase.files == ("top.md",)
    assert [loss.text for loss in found.losses] == ["(new)", "no path"]


def test_several_files_are_read_one_after_another() -> None:
    found = reading("# A\n- [x] a\n", "# B\n- [ ] b\n- c\n")
    assert outline_of(found) == [("A", [(DONE, "a")]), ("B", [(OPEN, "b")])]
    assert found.title == "A"
    assert [(loss.source, loss.line) for loss in found.losses] == [("1.md", 3)]


@pytest.mark.parametrize(
    "text", ["", "# T\ntext\n", "# T\n- a\n- b\n", "- a\n\n## A\n- b\n", "```\n- [ ] a\n", "## [x] A\n"]
)
def test_a_text_without_tasks_is_refused(text: str) -> None:
    with pytest.raises(CannotJudgeError, match="no list of tasks"):
        reading(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- [ ] a", True), ("  * [x] a", True), ("1. [~] a", True), ("> - [ ] a", True), ("- [ ]\n", True),
        ("- a\n", False), ("", False), ("[ ] a", False), ("```\n- [ ] a\n```\n", False), ("- [a](b)", False),
        ("- [ab] c", False), ("```\n- [ ] a\n````\n- [ ] b", True), ('{"a": ["- [ ] b"]}', False),
    ],
)  # fmt: skip
def test_any_item_with_a_box_looks_like_it(text: str, *, expected: bool) -> None:
    assert looks_like(Source("a.md", text)) is expected


def test_deep_nesting_is_flat() -> None:
    found = reading("".join([f"{'  ' * depth}- [{'x' if depth % 2 else ' '}] t{depth}\n" for depth in range(100)]))
    assert [task.mark for task in found.phases[0].tasks] == [OPEN, DONE] * 50


@given(st.lists(st.lists(st.tuples(st.sampled_from(" xX-~?"), st.integers(0, 2)), min_size=1, max_size=6), max_size=5))
@settings(derandomize=True, max_examples=50, deadline=None)
def test_what_is_marked_done_is_done_and_nothing_else(phases: list[list[tuple[str, int]]]) -> None:
    lines, done, count = [], [], 0
    for number, items in enumerate(phases):
        lines += [f"{'#' * (number % 3 + 1)} Heading {number}", ""]
        depth = -1
        for box, wanted in items:
            depth = min(wanted, depth + 1)
            lines.append(f"{'  ' * depth}- [{box}] task {count}")
            if box in "xX":
                done.append(f"task {count}")
            count += 1
        lines.append("")
    if not count:
        return
    found = reading("\n".join(lines))
    assert [task.title for phase in found.phases for task in phase.tasks if task.mark == DONE] == done
    assert sum([len(phase.tasks) for phase in found.phases]) == count
