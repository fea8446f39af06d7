"""One hermetic environment for all tests: no setting, hook or identity of the machine reaches them."""

from __future__ import annotations

import compileall
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hermetic import foreign_names, hermetic_environment
from tests.support import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).resolve().parents[1] / "orchestrator"


def pytest_configure(config: pytest.Config) -> None:
    """Compile the program once, before there are workers: thousands of hooks would each read the sources again.

    It is done for them because in the tests no Python writes bytecode by itself: the age of a file is kept there in
    seconds, so that a gate could see a module as it was before the test has changed it.
    """
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(PROGRAM, quiet=2)
    gc.disable()  # while tests are collected, which all stay


def pytest_collection_finish() -> None:
    """Leave what was imported and collected, some hundred thousand objects, out of each search for garbage."""
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are processors: they wait for Git and the disk for a sixth of their time."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def hermetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home folder that the whole session has."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in foreign_names():
            patch.delenv(name)
        for name, value in hermetic_environment(home).items():
            patch.setenv(name, value)
        yield home


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """A new, empty repository on branch main."""
    return Repository.init(tmp_path / "repo")
