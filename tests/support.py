"""What tests of every floor share: a real repository with a short way to say what happens in it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    check: bool = True,
    stdin: str | bytes = b"",
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """The finished process, its outputs decoded as UTF-8 with every byte and line end kept.

    ``env`` is added to the environment of the tests.

    Raises:
        AssertionError: ``check`` is set and it ended with another code than 0; both outputs are in the message.
    """
    done = subprocess.run(
        [os.fspath(part) for part in argv],
        cwd=cwd,
        input=stdin.encode("utf-8", "surrogateescape") if isinstance(stdin, str) else stdin,
        env={**os.environ, **(env or {})},
        capture_output=True,
        check=False,
    )
    out, err = (said.decode("utf-8", "surrogateescape") for said in (done.stdout, done.stderr))
    if check and done.returncode != 0:
        raise AssertionError(f"{argv} ended with {done.returncode}\n--- stdout\n{out}\n--- stderr\n{err}")
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


class Repository:
    """A work tree with its repository; ``env`` is added to the environment of every Git command in it."""

    def __init__(self, top: Path, env: Mapping[str, str] | None = None) -> None:
        """Speak of the work tree that is at ``top``."""
        self.top = top
        self.env = dict(env or {})

    @classmethod
    def init(cls, top: Path, *options: str) -> Repository:
        """A new repository at ``top``, made by ``git init OPTIONS``."""
        top.mkdir(parents=True, exist_ok=True)
        repo = cls(top)
        repo.git("init", "-q", *options)
        return repo

    def git(
        self,
        *args: str | Path,
        check: bool = True,
        stdin: str | bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> subprocess.CompletedProcess[str]:
        """The finished ``git ARGS``, run in the folder ``cwd`` of the work tree.

        Raises:
            AssertionError: ``check`` is set and it ended with another code than 0.
        """
        environment = {**self.env, **(env or {})}
        return run(["git", *args], cwd=self.top / cwd, check=check, stdin=stdin, env=environment)

    def out(self, *args: str | Path) -> str:
        """What ``git ARGS`` wrote to standard output, without the last newline."""
        return self.git(*args).stdout.removesuffix("\n")

    def write(self, path: str, text: str | bytes) -> Path:
        """The file written, its folders made; text is written as UTF-8 with its line ends as they are."""
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
        return file

    def read(self, path: str) -> str:
        """The text of a file of the work tree, line ends as they are."""
        return (self.top / path).read_bytes().decode("utf-8")

    def add(self, files: Mapping[str, str | bytes]) -> None:
        """Write these files and stage them, ignored or not."""
        for path, text in files.items():
            self.write(path, text)
        self.git("--literal-pathspecs", "add", "-f", "--", *files)

    def commit(
        self, message: str, files: Mapping[str, str | bytes] | None = None, *options: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """The finished ``git commit -m MESSAGE OPTIONS`` after these files were written and staged."""
        if files:
            self.add(files)
        return self.git("commit", "-q", "-m", message, *options, check=check)

    def commit_count(self) -> int:
        """How many commits HEAD has; 0 on an unborn branch."""
        done = self.git("rev-list", "--count", "HEAD", check=False)
        if done.returncode != 0:
            assert self.git("rev-parse", "-q", "--verify", "HEAD", check=False).returncode == 1, done.stderr
            return 0
        return int(done.stdout)

    def head_files(self) -> list[str]:
        """The paths in HEAD's tree, sorted as Git sorts them."""
        return [path for path in self.git("ls-tree", "-rz", "--name-only", "HEAD").stdout.split("\0") if path]

    def head(self, path: str) -> str:
        """The text of a file in HEAD's tree."""
        return self.git("cat-file", "blob", f"HEAD:{path}").stdout

    def staged(self, path: str) -> str | None:
        """The text of a file in the index; nothing if it is not there."""
        found = self.git("cat-file", "blob", f":{path}", check=False)
        return found.stdout if found.returncode == 0 else None

    def status(self) -> list[str]:
        """The lines of ``git status --porcelain``, untracked files each by itself."""
        return self.git("status", "--porcelain", "--untracked-files=all").stdout.splitlines()

    def git_path(self, name: str) -> Path:
        """Where Git keeps ``name`` for this work tree."""
        return self.top / self.out("rev-parse", "--git-path", name)
