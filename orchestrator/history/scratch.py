"""A place for objects that Git makes on the way, so that a repository is read and left as it was."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.git import Git

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def scratch_objects(git: Git) -> Iterator[Git]:
    """The same Git, which writes objects to a temporary folder, and takes objects for what they are.

    Source: git(1), GIT_OBJECT_DIRECTORY, GIT_ALTERNATE_OBJECT_DIRECTORIES, GIT_NO_REPLACE_OBJECTS.
    """
    where = git.env.get("GIT_OBJECT_DIRECTORY") or git.text("rev-parse", "--git-path", "objects")
    others = git.env.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "")
    known = [_quoted(os.path.abspath(os.path.join(git.top, where))), *([others] if others else [])]
    with tempfile.TemporaryDirectory(prefix="orchestrator-objects-") as folder:
        changes = {
            "GIT_OBJECT_DIRECTORY": folder,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(known),
            "GIT_NO_REPLACE_OBJECTS": "1",
        }
        yield Git(git.top, {**git.env, **changes})


def _quoted(path: str) -> str:
    """The path between separators: quoted as in C where it holds one."""
    if os.pathsep not in path and not path.startswith('"') and "\n" not in path:
        return path
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
