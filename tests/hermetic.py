"""The environment that everything in the tests is started with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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


def foreign_names() -> list[str]:
    """The variables of this process that must not reach Git, the hooks or the runners."""
    return [name for name in os.environ if name.startswith(FOREIGN) or name in FOREIGN_NAMES]


def hermetic_environment(home: Path) -> dict[str, str]:
    """What is set instead, after Git's settings were written to ``home``."""
    config = home / ".gitconfig"
    config.write_text(GLOBAL_CONFIG, encoding="utf-8")
    return {
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
        "VIRTUALENV_NO_PERIODIC_UPDATE": "1",  # pre-commit's environments would look for newer pips in the background
        "TZ": "UTC",
    }
