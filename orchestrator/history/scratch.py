"""A place for objects that Git makes on the way, so that a repository is read and left as it was."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.git import Git, c_quoted

if TYPE_CHECKING:
    from collections.abc import Iterator


_OF_A_WORK_TREE = ("GIT_WORK_TREE", "GIT_PREFIX")
# What is set for a user must not change what is judged: attributes come from no work tree, merges are Git's own, and
# PLAN.md is merged line by line, by no driver.
_SETTINGS = {
    "core.attributesFile": os.devnull,
    "merge.conflictStyle": "merge",
    "merge.renames": "true",
    "merge.directoryRenames": "conflict",
    "merge.renormalize": "false",
    "merge.orchestrator.driver": "false",
}


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the program as an exception does, so that what was made is taken away."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is told of signals
        return
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def without_work_tree(git: Git) -> Git:
    """The same repository, on which neither a work tree nor an index nor what a user has set has any influence.

    Source: git(1), GIT_NO_REPLACE_OBJECTS; git-config(1), GIT_CONFIG_COUNT; gitattributes(5).
    """
    common = os.path.abspath(os.path.join(git.top, git.text("rev-parse", "--git-common-dir")))
    env = {name: value for name, value in git.env.items() if name not in _OF_A_WORK_TREE}
    # What was said of a folder relative to the work tree is no longer so from here.
    if where := env.get("GIT_OBJECT_DIRECTORY"):
        env["GIT_OBJECT_DIRECTORY"] = os.path.abspath(os.path.join(git.top, where))
    if (others := env.get("GIT_ALTERNATE_OBJECT_DIRECTORIES")) and '"' not in others:
        folders = [os.path.abspath(os.path.join(git.top, folder)) for folder in others.split(os.pathsep)]
        env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = os.pathsep.join(folders)
    count = int(env.get("GIT_CONFIG_COUNT", "0"))
    for number, (key, value) in enumerate(_SETTINGS.items(), count):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    env |= {
        "GIT_CONFIG_COUNT": str(count + len(_SETTINGS)),
        "GIT_DIR": common,
        "GIT_INDEX_FILE": os.path.join(common, "no-index"),  # there is none, and no attributes in it
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ATTR_NOSYSTEM": "1",
    }
    return Git(common, env)


@contextmanager
def scratch_objects(git: Git) -> Iterator[Git]:
    """The same repository without its work tree; objects are written to a temporary folder.

    Source: git(1), GIT_OBJECT_DIRECTORY, GIT_ALTERNATE_OBJECT_DIRECTORIES.
    """
    import tempfile  # noqa: PLC0415 - most histories that are judged have no merge

    bare = without_work_tree(git)
    known = [_quoted(os.path.abspath(os.path.join(bare.top, bare.text("rev-parse", "--git-path", "objects"))))]
    if others := bare.env.get("GIT_ALTERNATE_OBJECT_DIRECTORIES"):
        known.append(others)
    with _ended_by_signals(), tempfile.TemporaryDirectory(prefix="orchestrator-objects-") as folder:
        changes = {"GIT_OBJECT_DIRECTORY": folder, "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(known)}
        yield Git(bare.top, {**bare.env, **changes})


def _quoted(path: str) -> str:
    """The path between separators: in quotes where it holds one."""
    if os.pathsep not in path and not path.startswith('"') and "\n" not in path:
        return path
    return c_quoted(os.fsencode(path)).decode("ascii")
