"""The report files of gates: where they may lie, and reading them. What they say: ``report_formats``."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.gate_runs.job import GitCommands

MAX_BYTES = 64 * 1024 * 1024


class ReportError(Exception):
    """A report is not where or what it has to be; the text says why, in one line."""


def locate(git: GitCommands, top: str, path: str) -> str:
    """The real place of a report that the plan names ``path``, whether or not there is a file.

    Raises:
        ReportError: it is not in the work tree (in it by name but not by its folder's symlinks, too), or in Git's
            own folder.
        CannotJudgeError: Git said no.
    """
    root = os.path.realpath(top)
    full = os.path.normpath(os.path.join(root, path))
    if os.path.isabs(path) or not _is_below(full, root):
        raise ReportError("lies outside the repository")
    place = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
    if not _is_below(place, root):
        raise ReportError("lies outside the repository, behind a symlink")
    asked = git.run("rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir")
    git_dirs = [os.path.realpath(line) for line in os.fsdecode(asked).splitlines()]
    names = os.path.relpath(place, root).split(os.sep) + path.split("/")
    if any(name.casefold() == ".git" for name in names) or any(_is_below(place, git_dir) for git_dir in git_dirs):
        raise ReportError("lies in Git's own folder")
    return place


def check_untracked(git: GitCommands, top: str, path: str, place: str) -> None:
    """Return if neither the path nor its real place is a file or folder in the index.

    Raises:
        ReportError: it is tracked, so that removing it would remove the user's file.
        CannotJudgeError: Git said no.
    """
    real = os.path.relpath(place, os.path.realpath(top))
    for name in {os.path.normpath(path), real}:
        code, listed, said = git.call("--literal-pathspecs", "ls-files", "-z", "--", name)
        if listed:
            raise ReportError("is tracked, so it cannot be a report: remove it from the index and ignore it")
        # Git refuses to look behind a symlink, where the real place is not; and into submodules.
        if code != 0 and name == real:
            raise ReportError(f"cannot be a report: {said.decode('utf-8', 'replace').strip()}")


def remove(place: str) -> None:
    """Remove the report of an earlier run, if there is one; only a regular file or a symlink itself.

    Raises:
        ReportError: something else is there, or it cannot be removed.
    """
    try:
        mode = os.lstat(place).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise ReportError("is there already and is no regular file")
        os.unlink(place)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ReportError(f"cannot be removed: {error.strerror}") from error


def read(place: str) -> bytes:
    """The content of a report.

    Raises:
        ReportError: it is missing, no regular file, not readable, or larger than 64 MiB.
    """
    try:
        # A symlink could lead out of the repository; a pipe would never end.
        fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReportError("was not written") from error
    except OSError as error:
        raise ReportError(f"cannot be read: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ReportError("is no regular file")
        if os.fstat(fd).st_size > MAX_BYTES:
            raise ReportError(f"is larger than {MAX_BYTES // 1024**2} MiB")
        with os.fdopen(fd, "rb", closefd=False) as file:
            return file.read(MAX_BYTES)
    finally:
        os.close(fd)


def _is_below(path: str, folder: str) -> bool:
    with contextlib.suppress(ValueError):  # of two paths without a common beginning
        return path != folder and os.path.commonpath([path, folder]) == folder
    return False
