"""One hermetic environment for all tests: no setting, hook or identity of the machine reaches them."""

from __future__ import annotations

import compileall
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

# EDITOR "false": a test that needs an editor names its own by GIT_EDITOR; none may ever wait for a person.
# Nothing that tests write must outlive a failure of power.
GLOBAL_CONFIG = """\
[init]
\tdefaultBranch = main
[core]
\teditor = false
\tfsync = none
[commit]
\tgpgsign = false
[tag]
\tgpgsign = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""
FOREIGN = ("GIT_", "PRE_COMMIT", "PREK_", "_PRE_COMMIT", "ORCHESTRATOR_", "XDG_", "HUSKY", "LEFTHOOK", "LC_")
FOREIGN_NAMES = {"SKIP", "LANG", "LANGUAGE", "EDITOR", "VISUAL", "PAGER", "EMAIL", "NO_COLOR", "FORCE_COLOR", "COLUMNS"}


PROGRAM = Path(__file__).resolve().parents[1] / "orchestrator"


def pytest_configure(config: pytest.Config) -> None:
    """Compile the program once, before there are workers: thousands of hooks would each read the sources again.

    It is done for them because in the tests no Python writes bytecode by itself: the age of a file is kept there in
    seconds, so that a gate could see a module as it was before the test has changed it.
    """
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(PROGRAM, quiet=2)


@pytest.fixture(scope="session", autouse=True)
def hermetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home folder that the whole session has."""
    home = tmp_path_factory.mktemp("home")
    config = home / ".gitconfig"
    config.write_text(GLOBAL_CONFIG, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(FOREIGN) or name in FOREIGN_NAMES:
                patch.delenv(name)
        for name, value in {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "PRE_COMMIT_HOME": str(home / "pre-commit"),
            "PREK_HOME": str(home / "prek"),
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Ada Author",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Cole Committer",
            "GIT_COMMITTER_EMAIL": "cole@example.com",
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TZ": "UTC",
        }.items():
            patch.setenv(name, value)
        yield home


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """A new, empty repository on branch main."""
    return Repository.init(tmp_path / "repo")
