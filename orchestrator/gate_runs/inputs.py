"""Whether the work tree has exactly what is staged, for the files that a gate tests."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from orchestrator.core.finding import CannotJudgeError, Finding, printable
from orchestrator.core.plan import OWN_PATHS
from orchestrator.git import blob_id, c_quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.core.gate import Input
    from orchestrator.gate_runs.job import GateJob, GitCommands

SHOWN_PATHS = 3
_MAX_FAILURES = 8  # of single files in one check, each of which costs a process
_Key = tuple[str, str, str]


class WorkTreeCheck:
    """Compares inputs with the work tree at ``top``; its settings are read once."""

    def __init__(self, git: GitCommands, top: str) -> None:
        """Read what the repository says about modes and symlinks.

        Raises:
            CannotJudgeError: Git said no.
        """
        self._git = git
        self._top = top
        self._trusts_mode = self._setting("core.fileMode")
        self._has_symlinks = self._setting("core.symlinks")

    def problems(self, jobs: Sequence[GateJob]) -> list[str]:
        """For each job what is not as it is staged, in words for a sentence; empty where all is.

        The work tree is looked at once for all of them, and each file is hashed once. Git's own rules hold for line
        ends, filters, executable bits and symlinks; links are never followed. A submodule is compared by its HEAD, if
        it is checked out.

        Raises:
            CannotJudgeError: Git said no.
        """
        if not jobs:
            return []
        wanted = {item.astuple(): item for job in jobs for item in job.inputs if item.path not in OWN_PATHS}
        differing = self._differing(wanted)
        untracked = list(self._untracked())
        found = []
        for job in jobs:
            own = {os.path.normpath(path) for path in job.reports()}
            changed = [(i.path, differing[i.astuple()]) for i in job.inputs if i.astuple() in differing]
            new = [
                (path, "is untracked")
                for path in untracked
                if path not in own and path not in OWN_PATHS and job.claims(path)
            ]
            found.append(_in_words([*changed, *new]))
        return found

    def _setting(self, name: str) -> bool:
        """A boolean setting that is true unless the configuration says otherwise."""
        return self._git.run("config", "--type=bool", "--default=true", "--get", name).strip() != b"false"

    def _untracked(self) -> Iterator[str]:
        """The files that Git neither knows nor ignores, those in a repository of their own included."""
        for raw in self._git.run("ls-files", "--others", "--exclude-standard", "-z").split(b"\0"):
            path = raw.decode("utf-8", "surrogateescape")
            if not path.endswith("/"):
                if path:
                    yield path
                continue
            for folder, folders, files in os.walk(os.path.join(self._top, path)):
                folders[:] = sorted(name for name in folders if name != ".git")
                below = os.path.relpath(folder, self._top)
                yield from (os.path.join(below, name) for name in sorted(files) if name != ".git")

    def _differing(self, wanted: dict[_Key, Input]) -> dict[_Key, str]:
        """What is wrong with each input that is not as it is staged."""
        differing: dict[_Key, str] = {}
        to_hash: list[Input] = []
        literal: list[Input] = []
        real_folders: dict[str, bool] = {"": True}
        for key, item in wanted.items():
            if not self._is_real_folder(os.path.dirname(item.path), real_folders):
                differing[key] = "is missing"
                continue
            problem = self._look(item, to_hash, literal)
            if problem:
                differing[key] = problem
        differing.update(self._wrong_content(to_hash, literal))
        return differing

    def _is_real_folder(self, folder: str, known: dict[str, bool]) -> bool:
        """Whether the folder is one of the work tree, not reached through a symlink: Git sees nothing behind one."""
        if folder not in known:
            known[folder] = self._is_real_folder(os.path.dirname(folder), known) and stat.S_ISDIR(
                _mode(os.path.join(self._top, folder))
            )
        return known[folder]

    def _look(self, item: Input, to_hash: list[Input], literal: list[Input]) -> str:
        """What a look at the file tells against it; if nothing yet, it is put on a list to be hashed."""
        full = os.path.join(self._top, item.path)
        mode = _mode(full)
        if item.mode == "160000":
            return self._look_at_submodule(item, full, mode)
        if not mode:
            return "is missing"
        if item.mode == "120000":
            if stat.S_ISLNK(mode):
                same = blob_id(os.readlink(os.fsencode(full)), len(item.oid)) == item.oid
                return "" if same else "differs"
            if self._has_symlinks or not stat.S_ISREG(mode):
                return "is no symlink"
            literal.append(item)  # core.symlinks=false: a plain file that holds the target
            return ""
        if not stat.S_ISREG(mode):
            return "is no regular file"
        if self._trusts_mode and (item.mode == "100755") != bool(mode & stat.S_IXUSR):
            return "has another executable bit"
        if not os.access(full, os.R_OK):
            return "cannot be read"
        to_hash.append(item)
        return ""

    def _look_at_submodule(self, item: Input, full: str, mode: int) -> str:
        """What is wrong with a submodule; one that is not checked out is as good as staged."""
        if not mode or (stat.S_ISDIR(mode) and not _mode(os.path.join(full, ".git"))):
            return ""
        if not stat.S_ISDIR(mode):
            return "is no folder"
        # GIT_DIR, because with a broken .git Git would go up and answer for the repository around it.
        code, out, _ = self._git.call("rev-parse", "--verify", "HEAD", env={"GIT_DIR": os.path.join(item.path, ".git")})
        return "" if code == 0 and out.decode().strip() == item.oid else "is at another commit"

    def _wrong_content(self, to_hash: Sequence[Input], literal: Sequence[Input]) -> dict[_Key, str]:
        """The regular files whose blob ids are not the staged ones, and what to say of them."""
        wrong: dict[_Key, str] = {}
        second: list[Input] = list(literal)
        for item, said in zip(to_hash, self._hashes(to_hash), strict=True):
            if said != item.oid:
                wrong[item.astuple()] = "differs" if _is_oid(said) else said
                second.append(item)
        # The very bytes of the blob are what is staged, also where Git would now store them differently (a blob that
        # has CRLF although core.autocrlf is set); that is no difference to a test.
        for item, said in zip(second, self._hashes(second, "--no-filters"), strict=True):
            if said == item.oid:
                wrong.pop(item.astuple(), None)
            else:
                wrong.setdefault(item.astuple(), "differs" if _is_oid(said) else said)
        return wrong

    def _hashes(self, items: Sequence[Input], *options: str) -> list[str]:
        """For each file the id that its content would get, or why there is none.

        Raises:
            CannotJudgeError: Git was killed.
        """
        said: list[str] = []
        failures = 0
        while len(said) < len(items):
            names = b"".join(_quoted(item.path) + b"\n" for item in items[len(said) :])
            code, out, err = self._git.call("hash-object", *options, "--stdin-paths", stdin=names)
            said += out.decode().splitlines()
            if code < 0:
                raise CannotJudgeError(Finding("git", f"git hash-object was killed by signal {-code}"))
            if len(said) < len(items):  # it ends at the first file that it cannot hash
                failures += 1
                lines = err.decode("utf-8", "replace").splitlines() or ["git hash-object failed"]
                rest = len(items) - len(said) if failures > _MAX_FAILURES else 1
                said += [f"cannot be hashed ({printable(lines[-1])})"] * rest
        return said


def _mode(full: str) -> int:
    """The mode of what is there, links not followed; 0 if there is nothing to be seen."""
    try:
        return os.lstat(full).st_mode
    except OSError:  # missing, below a file, or in a folder that may not be entered: nothing a gate could test
        return 0


def _quoted(path: str) -> bytes:
    """The path as ``git hash-object --stdin-paths`` takes it: in quotes where a line would not carry it.

    Source: builtin/hash-object.c of Git 2.39, hash_stdin_paths.
    """
    raw = path.encode("utf-8", "surrogateescape")
    if not (raw.startswith(b'"') or b"\n" in raw or raw.endswith(b"\r")):
        return raw
    return c_quoted(raw)


def _is_oid(text: str) -> bool:
    return " " not in text


def _in_words(problems: Iterable[tuple[str, str]]) -> str:
    """The first few problems, and how many more there are."""
    said = [f"{printable(path)} {problem}" for path, problem in problems]
    more = [f"{len(said) - SHOWN_PATHS} more"] if len(said) > SHOWN_PATHS else []
    return ", ".join(said[:SHOWN_PATHS] + more)
