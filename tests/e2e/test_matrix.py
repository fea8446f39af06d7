"""Part of the matrix (tests/matrix), chosen so that kinds of operation, ways and situations all meet in pairs.

Surroundings are tried several at once, natively and in one more way. Which one is at fault, if any, the matrix tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.matrix.cell import SKIPPED, Twin, run_cell, run_twin, skipped, words_of
from tests.matrix.covering import pairs_of, pairwise_by_class
from tests.matrix.lab import WAYS, Lab
from tests.matrix.operations import OPERATIONS
from tests.matrix.situations import SITUATIONS
from tests.matrix.surroundings import ORDINARY, SURROUNDINGS, together

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.matrix.operations import Operation
    from tests.matrix.situations import Situation
    from tests.matrix.surroundings import Surrounding

    TwinOf = Callable[..., Twin]

BY_NAME = {operation.name: operation for operation in OPERATIONS}
PLACES = {situation.name: situation for situation in SITUATIONS}
FAMILIES = {operation.name: operation.family for operation in OPERATIONS}
CELLS = [
    (operation.name, way, situation.name)
    for operation in OPERATIONS
    for way in WAYS
    for situation in SITUATIONS
    if not skipped(operation, situation, way)
]
COVER = pairwise_by_class(CELLS, FAMILIES)
TOGETHER = [
    (together(names, tried), way)
    for names, tried, way in (
        (
            ("linked work tree", "subdirectory", "split index", "signed commits", "names", "hooks before ours"),
            ("commit of these", "edited"),
            "pre-commit",
        ),
        (
            (
                "GIT_DIR and GIT_WORK_TREE",
                "SHA-256",
                "index v4",
                "sparse checkout without PLAN.md",
                "commit.template",
                "commit.verbose",
                "core.hooksPath",
            ),
            ("commit (editor)", "others"),
            "prek",
        ),
        (
            ("submodule", "detached HEAD", "core.autocrlf", "sparse index", "commit.cleanup", "hooks around ours"),
            ("commit -- path", "edited"),
            "lefthook",
        ),
        (
            ("strange folder", "orphan branch", "core.commentChar", "bytes", "husky"),
            ("commit (editor)", "others"),
            "prek",
        ),
    )
]


@pytest.fixture(scope="session")
def lab(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Where the cells of this worker are tried; what runners install is shared with all tests."""
    return Lab(shared, tmp_path_factory.mktemp("matrix"))


@pytest.fixture(scope="session")
def twin_of(lab: Lab) -> TwinOf:
    """The operation without hooks, made once for each situation and surrounding."""
    known: dict[tuple[str, str, str], Twin] = {}

    def find(operation: Operation, situation: Situation, surrounding: Surrounding = ORDINARY) -> Twin:
        key = (operation.name, situation.name, surrounding.name)
        if key not in known:
            known[key] = run_twin(lab, operation, situation, surrounding)
        return known[key]

    return find


@pytest.mark.parametrize(("operation", "way", "situation"), COVER, ids=[", ".join(cell) for cell in COVER])
def test_no_edit_is_lost_and_no_operation_broken(
    lab: Lab, twin_of: TwinOf, operation: str, way: str, situation: str
) -> None:
    chosen, where = BY_NAME[operation], PLACES[situation]
    verdict = run_cell(lab, chosen, way, where, twin_of(chosen, where))
    assert verdict.is_good, verdict
    assert verdict.name != SKIPPED, verdict


@pytest.mark.parametrize(
    ("surrounding", "way"),
    [(surrounding, way) for surrounding, other in TOGETHER for way in ("native", other)],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_in_every_surrounding(lab: Lab, twin_of: TwinOf, surrounding: Surrounding, way: str) -> None:
    ((operation, situation),) = surrounding.tries
    twin = twin_of(operation, situation, surrounding)
    verdict = run_cell(lab, operation, way, situation, twin, surrounding)
    assert verdict.is_good, verdict
    assert verdict.name != SKIPPED, verdict


def test_no_surrounding_is_left_out() -> None:
    names = [name for surrounding, _ in TOGETHER for name in surrounding.name.split(", ")]
    assert sorted(names) == sorted([surrounding.name for surrounding in SURROUNDINGS])
    assert {"native", *[way for _, way in TOGETHER]} == set(WAYS)


def test_the_cover_has_every_operation_and_every_pair() -> None:
    kinds = [(FAMILIES[first], *rest) for first, *rest in COVER]
    wanted = set().union(*[pairs_of((FAMILIES[first], *rest)) for first, *rest in CELLS])
    assert wanted == set().union(*map(pairs_of, kinds))
    assert {cell[0] for cell in COVER} == set(BY_NAME)
    assert len(set(COVER)) == len(COVER)


def test_the_words_of_the_user_are_told_from_the_tools() -> None:
    text = (
        "above\n<!-- orchestrator:begin -->\n## X - Progress\n\n### Phase 1: P\n_in progress_\n"
        "- [x] Task 1.2: T ✓\n  a note\n\n    more of it\n\n**Progress**: 1/1\n<!-- orchestrator:end -->\nbelow\n"
    )
    words = words_of(text)
    assert (words.before, words.after, words.ticked) == ("above\n", "\nbelow\n", True)
    assert words.notes == (("Task 1.2", "  a note"), ("Task 1.2", ""), ("Task 1.2", "    more of it"))
    assert words_of(text.replace("[x]", "[ ]")) != words
    assert words_of("nothing of the tool's\n").before == "nothing of the tool's\n"
