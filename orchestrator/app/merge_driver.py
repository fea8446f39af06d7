"""The merge driver of PLAN.md (gitattributes(5), "Defining a custom merge driver")."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from orchestrator.core.todo_merge import with_summary, without_summary
from orchestrator.git import Git, GitError

_LABELS = ("ours", "base", "theirs")


def merge_todo(base: str, ours: str, theirs: str) -> int:
    """0 if the three versions merge, else 1; the result, with conflict markers then, is written over ``ours``.

    Everything is merged line by line as Git does it, but for the two bottom lines, which follow from the others.

    Raises:
        GitError: ``git merge-file`` could not be run.
    """
    texts = [Path(path).read_bytes().decode("utf-8", "surrogateescape") for path in (ours, base, theirs)]
    stripped = [without_summary(text) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        files = [_write(folder, label, text) for label, text in zip(_LABELS, stripped, strict=True)]
        labels = [part for label in _LABELS for part in ("-L", label)]
        arguments = ("merge-file", "-p", "--quiet", *labels, *files)
        code, out, err = Git(".", os.environ).call(*arguments)
    if code < 0 or code > 127:
        raise GitError(arguments, code, err.decode("utf-8", "replace"))
    merged = out.decode("utf-8", "surrogateescape")
    if stripped[0] != texts[0]:
        merged = with_summary(merged)
    Path(ours).write_bytes(merged.encode("utf-8", "surrogateescape"))
    return min(code, 1)


def _write(folder: str, name: str, text: str) -> str:
    file = Path(folder, name)
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return os.fspath(file)
