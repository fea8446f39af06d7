"""Clean checkouts of commits, in which gates see nothing but what was committed."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.finding import CannotJudgeError, Finding
from orchestrator.gate_runs.environment import gate_environment
from orchestrator.gate_runs.janitor import GOODBYE, REMOVE_S, remove_folder
from orchestrator.git import Git, c_quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON_S = 5.0  # for a checkout that is done with; the rest is for the end
WATCH_S = 10.0  # for what a kill of this process leaves; the supervisors of gates need 5 s at most to end all
_JANITOR = str(Path(__file__).with_name("janitor.py"))
# What a checkout takes over from the user's configuration: where submodules with relative addresses and, of a partial
# clone, missing objects come from.
_REMOTES = r"^(extensions\.partialclone|remote\..*\.(url|promisor|partialclonefilter))$"
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@contextmanager
def clean_checkouts(git: Git) -> Iterator[Checkouts]:
    """A place for checkouts of the commits of the repository that ``git`` works in.

    It is a folder of its own where the system keeps temporary files, outside the repository, so that a tool which
    looks upward for its configuration finds none. A process of its own removes it at the end: also after a signal,
    and when this process is killed. Whatever runs in it must have ended before the context does.

    Nothing is written to the user's repository, which does not get to know of the checkouts.

    Raises:
        CannotJudgeError: Git said no; the folder cannot be made; or, at the end, not be removed.
    """
    janitor = _Janitor()
    try:
        yield Checkouts(git, janitor.folder)
    except BaseException as error:
        problem = janitor.dismiss()
        if problem:
            error.add_note(problem)
        raise
    problem = janitor.dismiss()
    if problem:
        raise CannotJudgeError(Finding("git", problem, help=f"remove it by hand: {janitor.folder}"))


class Checkouts:
    """Makes checkouts below ``folder``; threads may do so side by side."""

    def __init__(self, git: Git, folder: str) -> None:
        """Read what all checkouts need to know of the user's repository.

        Raises:
            CannotJudgeError: Git said no.
        """
        self.folder = folder
        names = git.run("rev-parse", "--local-env-vars").decode().split()
        # Also for Git itself: with GIT_DIR or GIT_INDEX_FILE of a hook it would work in the user's repository.
        self._env = gate_environment(git.env, names)
        self._object_format = git.text("rev-parse", "--show-object-format")
        # In quotes, since a line end or a leading # would mean something (gitrepository-layout(5), objects/info).
        self._alternates = b"".join(c_quoted(path) + b"\n" for path in _object_folders(git))
        settings = git.settings(_REMOTES)
        self._remotes = [(name, "true" if value is None else value) for name, value in settings]
        self._shallow = _content(_git_path(git, "shallow"))
        self._numbers = itertools.count(1)

    @contextmanager
    def checkout(self, oid: str) -> Iterator[Git]:
        """Git at the top of a new work tree that has exactly the commit's files; removed at the end.

        It has a repository of its own, which borrows the objects of the user's and has no branches, no tags and no
        hooks; HEAD is the commit. The environment is that of gates. Submodules are not checked out.

        Raises:
            CannotJudgeError: Git said no.
        """
        top = os.path.join(self.folder, f"{next(self._numbers)}-{oid[:12]}")
        try:
            yield self._make(top, oid)
        finally:
            remove_folder(top, SOON_S)  # what is still in the way then is told at the end of all

    def _make(self, top: str, oid: str) -> Git:
        os.mkdir(top)
        git = Git(top, self._env)
        # --template= is for the hooks that the machine's template may have.
        git.run("init", "--quiet", "--template=", "--initial-branch=main", f"--object-format={self._object_format}")
        own = os.path.join(top, ".git")
        Path(own, "objects", "info", "alternates").write_bytes(self._alternates)
        if self._shallow is not None:
            Path(own, "shallow").write_bytes(self._shallow)
        # Both would start processes that outlive the command.
        for name, value in [("core.fsmonitor", "false"), ("maintenance.auto", "false"), *self._remotes]:
            git.run("config", "--add", name, value)
        # Not git checkout, which ends with 0 where a file could not be read or written (Git 2.39).
        no_hooks = ("-c", f"core.hooksPath={os.devnull}")
        git.run(*no_hooks, "update-ref", "--no-deref", "HEAD", oid)
        git.run(*no_hooks, "reset", "--quiet", "--hard")
        return git


class _Janitor:
    """The process that has made ``folder`` and removes it at the end."""

    def __init__(self) -> None:
        """Start it and wait for the folder.

        Raises:
            CannotJudgeError: it cannot be started, or cannot make the folder.
        """
        try:
            self._process = subprocess.Popen(
                # Found here, because a TMPDIR that is relative means our folder.
                [sys.executable, "-I", "-S", _JANITOR, tempfile.gettempdir(), str(WATCH_S)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # If we are killed, whoever reads our outputs need not wait for it.
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,  # Ctrl-C in the terminal is not for it
            )
        except OSError as error:
            raise CannotJudgeError(Finding("git", f"cannot make a folder for checkouts: {error}")) from error
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("two pipes were asked for")
        self._stdin = stdin
        with stdout:
            said = b""
            while not said.endswith(b"\0") and (chunk := stdout.read(4096)):
                said += chunk
        text = os.fsdecode(said.removesuffix(b"\0"))
        if not text.startswith("="):
            stdin.close()
            self._process.wait()
            why = text[1:] or "its janitor was killed"
            raise CannotJudgeError(Finding("git", f"cannot make a folder for checkouts: {why}"))
        self.folder = os.path.realpath(text[1:])  # as Git will say it

    def dismiss(self) -> str:
        """Wait until the folder is removed; what to say if it could not be."""
        with contextlib.suppress(BrokenPipeError):  # somebody has killed it; what it did not do is done below
            self._stdin.write(GOODBYE)
        self._stdin.close()
        code = self._process.wait()
        why = remove_folder(self.folder, REMOVE_S if code else 0.0)
        return f"the temporary folder {self.folder} cannot be removed: {why}" if why else ""


def _git_path(git: Git, name: str) -> bytes:
    """Where the user's repository has the file or folder, from the root; linked work trees are seen to."""
    return git.run("rev-parse", "--path-format=absolute", "--git-path", name).removesuffix(b"\n")


def _content(path: bytes) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _object_folders(git: Git) -> Iterator[bytes]:
    """Where the user's Git finds objects; within a receiving hook, these are several.

    Source: git(1) GIT_OBJECT_DIRECTORY, GIT_ALTERNATE_OBJECT_DIRECTORIES; parse_alt_odb_entry in object-file.c.
    """
    yield _git_path(git, "objects")  # GIT_OBJECT_DIRECTORY is in it
    rest = os.fsencode(git.env.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", ""))
    separator = os.fsencode(os.pathsep)
    while rest:
        quoted = _QUOTED.match(rest)
        if quoted:
            path = _ESCAPE.sub(_unescaped, quoted[1])
            rest = rest[quoted.end() :].removeprefix(separator)
        else:
            path, _, rest = rest.partition(separator)
        if path:
            yield os.path.join(os.fsencode(os.path.realpath(git.top)), path)


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else _ESCAPES.get(code, code)
