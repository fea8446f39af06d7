"""The merge driver of PLAN.md (gitattributes(5), "Defining a custom merge driver")."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from orchestrator.app.repository import open_hook_repository
from orchestrator.callers import git_above
from orchestrator.core.commit_options import favoured_side, git_command
from orchestrator.core.todo_merge import with_summary, without_summary
from orchestrator.git import Git, GitError

_LABELS = ("ours", "base", "theirs")


_MARKER_SIZE = "7"


def merge_todo(base: str, ours: str, theirs: str, marker_size: str = _MARKER_SIZE) -> int:
    """0 if the three versions merge, else 1; the result, with conflict markers then, is written over ``ours``.

    Everything is merged line by line as Git does it, but for the two bottom lines, which follow from the others.
    ``marker_size`` is longer where two common ancestors are merged, in which no side is favoured.

    Raises:
        GitError: ``git merge-file`` could not be run.
    """
    texts = [Path(path).read_bytes().decode("utf-8", "surrogateescape") for path in (ours, base, theirs)]
    stripped = [without_summary(text) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        files = [_write(folder, label, text) for label, text in zip(_LABELS, stripped, strict=True)]
        labels = [part for label in _LABELS for part in ("-L", label)]
        favour = _favour() if marker_size == _MARKER_SIZE else ""
        options = (f"--marker-size={marker_size}", *((f"--{favour}",) if favour else ()))
        arguments = ("merge-file", "-p", "--quiet", *options, *labels, *files)
        code, out, err = Git(".", os.environ).call(*arguments)
    if code < 0 or code > 127:
        raise GitError(arguments, code, err.decode("utf-8", "replace"))
    merged = out.decode("utf-8", "surrogateescape")
    if stripped[0] != texts[0]:
        merged = with_summary(merged)
    Path(ours).write_bytes(merged.encode("utf-8", "surrogateescape"))
    return min(code, 1)


def _favour() -> str:
    """The side that the user has asked for with -X: "ours", "theirs" or "".

    Git tells a driver nothing of it. A command line says it; a rebase keeps it in a file, and so does a cherry-pick or
    revert of several commits that goes on. Source: sequencer.c of Git, rebase_path_strategy_opts, git_path_opts_file.
    """
    command, arguments = git_command(git_above())
    if command in ("merge", "pull"):
        return favoured_side(arguments)
    git_dir = open_hook_repository(os.environ).git_dir
    if command in ("rebase", ""):
        words = _read(git_dir, "rebase-merge/strategy_opts").replace("'", " ").split()
        found = [word.removeprefix("--") for word in words if word in ("--ours", "--theirs")]
        if found or command:
            return found[-1] if found else ""
    if command not in ("cherry-pick", "revert", ""):
        return ""
    if side := favoured_side(arguments):
        return side
    lines = [line.replace(" ", "").strip() for line in _read(git_dir, "sequencer/opts").splitlines()]
    sides = [side for line in lines for side in ("ours", "theirs") if line == f"strategy-option={side}"]
    return sides[-1] if sides else ""


def _read(folder: str, name: str) -> str:
    file = Path(folder, name)
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _write(folder: str, name: str, text: str) -> str:
    file = Path(folder, name)
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return os.fspath(file)
