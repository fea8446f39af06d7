"""A repository for the story: made for it, with hooks of its own, and out of reach of the user's settings."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from git import GitCommandError, Repo

from orchestrator.app.repository import check_git_version
from orchestrator.core.finding import CannotJudgeError, Finding
from orchestrator.git import Git
from orchestrator.installing.launchers import install_native

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.gate_runs.interrupts import Interrupts

_TOOLS = Path(".git", "demo")  # what the story needs and the project does not: two small programs
# What Git, hook runners and this program take from the environment; where Git's own commands are does not change them.
_FOREIGN = ("GIT_", "GITHEAD_", "PRE_COMMIT", "_PRE_COMMIT", "PREK", "ORCHESTRATOR_")
_KEPT = frozenset({"GIT_EXEC_PATH"})


@contextmanager
def folder_for(keep: Path | None) -> Iterator[Path]:
    """The folder of the story: ``keep``, made if it is not there, or a temporary one that is removed at the end.

    Raises:
        ValueError: ``keep`` is no folder, cannot be made or read, or something is in it.
    """
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="orchestrator-demo-") as name:
            yield Path(name).resolve()
        return
    if keep.exists() and not keep.is_dir():
        raise ValueError(f"{keep} is no folder; name one that is empty or not there yet")
    try:
        keep.mkdir(parents=True, exist_ok=True)
        is_empty = not any(keep.iterdir())
    except OSError as error:
        raise ValueError(f"{keep} cannot be used: {error.strerror}") from error
    if not is_empty:
        raise ValueError(f"{keep} is not empty; name a folder that is empty or not there yet")
    yield keep.resolve()


@contextmanager
def environment_for(folder: Path) -> Iterator[None]:
    """While entered, the environment of this process is the story's, as GitPython and all that Git starts have it.

    No setting, hook, ignore file or identity of the user reaches the story, nor that it is told inside a hook.
    """
    saved = dict(os.environ)
    try:
        for name in saved:
            if name.startswith(_FOREIGN) and name not in _KEPT:
                del os.environ[name]
        os.environ.update(
            GIT_CONFIG_GLOBAL=os.devnull,
            GIT_CONFIG_NOSYSTEM="1",
            GIT_ATTR_NOSYSTEM="1",
            GIT_TEMPLATE_DIR="",  # none: the machine's can hold hooks
            # Where Git looks for ignore and attributes files of the user: a folder that is not there.
            XDG_CONFIG_HOME=str(folder / _TOOLS / "config"),
            GIT_AUTHOR_NAME="Ada Author",
            GIT_AUTHOR_EMAIL="ada@example.com",
            GIT_COMMITTER_NAME="Ada Author",
            GIT_COMMITTER_EMAIL="ada@example.com",
            GIT_TERMINAL_PROMPT="0",
            PATH=os.pathsep.join([str(folder / _TOOLS), os.environ.get("PATH", os.defpath)]),
        )
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


def hook_script() -> str:
    """A program that does what ``orchestrator-hook`` does, with this very Python and this very program.

    It works where no command was installed, and does not take another installation's from the PATH.
    """
    search = [os.path.abspath(folder) for folder in sys.path]
    code = f"import sys; sys.path[:] = {search!r}; from orchestrator.stages import main; sys.exit(main())"
    return f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(code)} "$@"\n'


class Throwaway:
    """The repository: Git as a person types it, and what is really in it."""

    def __init__(self, repo: Repo, interrupts: Interrupts) -> None:
        """Keep both; to be closed by the caller."""
        self.repo = repo
        self.top = Path(repo.working_dir)
        self._interrupts = interrupts

    @classmethod
    def make(cls, folder: Path, interrupts: Interrupts) -> Throwaway:
        """A new repository in the folder, with the launchers installed in it.

        Raises:
            CannotJudgeError: Git is too old or did not do it.
        """
        check_git_version(Git(str(folder)))
        try:
            repo = Repo.init(folder, expand_vars=False, initial_branch="main")
        except GitCommandError as error:
            raise CannotJudgeError(Finding("git", f"git init failed: {error.stderr}")) from error
        # The gates of the plan call this Python so, whatever else the PATH has.
        _program(folder, "python3", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        install_native(Git(str(folder)), command=_program(folder, "orchestrator-hook", hook_script()))
        return cls(repo, interrupts)

    def write(self, path: str, text: str) -> None:
        """Write a file of the work tree, its folders made."""
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")

    def git(self, *arguments: str) -> tuple[int, list[str]]:
        """The exit code of ``git ARGUMENTS`` and the lines of its output, what hooks said first.

        Raises:
            KeyboardInterrupt: somebody asked for an end meanwhile; Git has ended.
        """
        # A session of its own: Ctrl-C does not reach it, so that it never runs on in a folder that is being removed,
        # and gates find no terminal to draw on.
        code, out, err = self.repo.git.execute(
            ["git", *arguments], with_extended_output=True, with_exceptions=False, start_new_session=True
        )
        if self._interrupts.asked:
            raise KeyboardInterrupt
        return code, [*err.splitlines(), *out.splitlines()]

    def must(self, *arguments: str) -> list[str]:
        """The lines of the output of a command that cannot fail.

        Raises:
            CannotJudgeError: it did.
        """
        code, lines = self.git(*arguments)
        if code:
            said = " ".join(lines) or "it said nothing"
            raise CannotJudgeError(Finding("git", f"git {' '.join(arguments)} failed (exit {code}): {said}"))
        return lines

    def commits(self) -> list[str]:
        """The ids of the commits that HEAD has, newest first."""
        return [commit.hexsha for commit in self.repo.iter_commits()] if self.repo.head.is_valid() else []

    def committed(self, path: str) -> str | None:
        """The text of a file of HEAD's commit; nothing if it is not there."""
        tree = self.repo.head.commit.tree
        if path not in tree:
            return None
        content: bytes = tree[path].data_stream.read()
        return content.decode()


def _program(folder: Path, name: str, text: str) -> Path:
    file = folder / _TOOLS / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(os.fsencode(text))
    file.chmod(0o755)
    return file
