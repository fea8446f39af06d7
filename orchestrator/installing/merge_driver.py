"""The merge driver of PLAN.md, known to this clone alone: its configuration and its own attributes file."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.installing.launchers import hook_command

if TYPE_CHECKING:
    from orchestrator.git import Git

SECTION = "merge.orchestrator"
ATTRIBUTE = "/PLAN.md merge=orchestrator"


def install_driver(git: Git) -> str:
    """Install the driver, which is this installation's ``orchestrator-hook``; what there is to say of it.

    Where the user's own attributes say how PLAN.md is merged, they are left to.
    Source: gitattributes(5), "Defining a custom merge driver"; $GIT_DIR/info/attributes is no part of a commit.
    """
    file = _attributes(git)
    _take_out(file)
    said = git.text("check-attr", "merge", "--", "PLAN.md").rpartition(": ")[2]
    if said != "unspecified":
        return f"no merge driver for PLAN.md: your attributes say how it is merged (merge: {said})"
    git.run("config", f"{SECTION}.name", "PLAN.md of git-orchestrator")
    git.run("config", f"{SECTION}.driver", driver_command(hook_command()))
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(file, [*_lines(file), ATTRIBUTE])
    return f"merge driver of PLAN.md in {file}"


def driver_command(hook: Path | None) -> str:
    """What the shell runs to merge; without our command, or where it fails, what Git does without us.

    A driver that cannot run would count as a conflict in which only our side is left (gitattributes(5)).
    """
    words = "orchestrator-hook" if hook is None else shlex.quote(os.fspath(hook)).replace("%", "%%")
    there = f"command -v {words} >/dev/null"
    ours = f"{words} merge-todo %O %A %B %L; s=$?; test $s -gt 1 || exit $s;"
    return f"{there} && {{ {ours} }}; exec git merge-file --marker-size=%L -L ours -L base -L theirs %A %O %B"


def uninstall_driver(git: Git) -> bool:
    """Whether the driver was there; it is no longer."""
    was_named = _take_out(_attributes(git))
    code, _, _ = git.call("config", "--remove-section", SECTION)
    return code == 0 or was_named


def _take_out(file: Path) -> bool:
    """Whether the attributes file had our line; it has no longer."""
    lines = _lines(file)
    rest = [line for line in lines if line != ATTRIBUTE]
    if rest and len(rest) < len(lines):
        _write(file, rest)
    elif lines and not rest:
        file.unlink()
    return len(rest) < len(lines)


def _attributes(git: Git) -> Path:
    return Path(git.top) / git.text("rev-parse", "--git-path", "info/attributes")


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if file.is_file() else []


def _write(file: Path, lines: list[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="surrogateescape")
