"""Commits that are valid by the rules, written through git-fast-import(1): plan, ticks, evidence, as the hooks do it.

PLAN.md and plan.lock come from orchestrator's own core. The same arguments give the same commit ids. Needs a Python
that has this project.
"""

from __future__ import annotations

import dataclasses
import subprocess
import tempfile
from hashlib import sha1
from typing import IO, TYPE_CHECKING, TypeVar

from common import MeasureError, git

from orchestrator.core.evidence import Content
from orchestrator.core.formats import format_lock, lock_says
from orchestrator.core.ownership import Owners
from orchestrator.core.plan import LOCK_PATH, PLAN_PATH, TODO_PATH
from orchestrator.core.plan_file import read_plan
from orchestrator.core.settle import settle
from orchestrator.core.todo import Reading, assemble, parse, render_block

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.core.formats import Lock
    from orchestrator.core.plan import Plan
    from orchestrator.core.settle import Settled

FIRST = "first"  # the tag of the adoption
_BEGIN_S = 1_700_000_000
_STEP_S = 600
_AUTHORS = ("Ada", "Bela", "Chris", "Dana", "Eli")
_WRITTEN = "# Plan\n\nWhat stands above and below the tool's part is ours.\n"

Made = TypeVar("Made")


@dataclasses.dataclass(frozen=True)
class Tree:
    """A commit: its mark in the stream, its files as lines and object ids, and what the tool's own files say."""

    mark: int
    files: Mapping[str, tuple[str, ...]]
    oids: Mapping[str, str]
    plan_text: bytes
    plan: Plan
    owners: Owners
    marks: Mapping[str, str]
    lock: Lock
    todo: str
    lock_bytes: bytes

    def with_files(self, files: Mapping[str, tuple[str, ...]]) -> Tree:
        """The same with these files in the place of theirs."""
        oids = {path: object_id(content(lines)) for path, lines in files.items()}
        return dataclasses.replace(self, files={**self.files, **files}, oids={**self.oids, **oids})

    def content(self) -> Content:
        """The files under the plan; the tool's own are evidence of nothing, so they are not among them."""
        return Content(self.plan, {path: ("100644", self.oids[path]) for path in sorted(self.oids)}, self.owners)

    def own_files(self) -> dict[str, bytes]:
        """What the tool's files hold."""
        return {PLAN_PATH: self.plan_text, TODO_PATH: self.todo.encode(), LOCK_PATH: self.lock_bytes}

    def changes(self, earlier: Tree) -> dict[str, bytes]:
        """The files that differ from those of an earlier tree."""
        changed = {p: content(lines) for p, lines in self.files.items() if lines is not earlier.files.get(p)}
        before = earlier.own_files()
        return {**changed, **{path: data for path, data in self.own_files().items() if data != before[path]}}


def content(lines: Sequence[str]) -> bytes:
    """The bytes of a file."""
    return ("\n".join(lines) + "\n").encode()


def object_id(data: bytes) -> str:
    """The id that Git gives to a blob."""
    return sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324 - as Git names blobs


def first_tree(plan_text: str, files: Mapping[str, tuple[str, ...]]) -> Tree:
    """The tree that adopts the plan, not yet committed: what is there is the baseline of the tasks.

    Raises:
        MeasureError: the plan is invalid.
    """
    text = plan_text.encode()
    plan = plan_of(text)
    tree = Tree(0, {}, {}, text, plan, Owners(plan), {}, {}, _WRITTEN, b"").with_files(files)
    return written(tree, settle(plan, tree.content(), None, Reading(plan, {}, {}), None, lambda _: None))


def plan_of(text: bytes) -> Plan:
    """The plan of that plan.toml.

    Raises:
        MeasureError: it is invalid.
    """
    plan, findings = read_plan(text)
    if plan is None:
        raise MeasureError(f"the plan is invalid: {findings[0].message}")
    return plan


def written(tree: Tree, settled: Settled) -> Tree:
    """The tree with PLAN.md and plan.lock as the hooks write them."""
    block = render_block(settled.plan, settled.states, settled.marks, settled.notes, "\n")
    is_right = bool(tree.lock_bytes) and lock_says(tree.lock_bytes, settled.lock)
    return dataclasses.replace(
        tree,
        marks=settled.marks,
        lock=settled.lock,
        todo=assemble(parse(tree.todo), block),
        lock_bytes=tree.lock_bytes if is_right else format_lock(settled.lock),
    )


# -- the stream --------------------------------------------------------------------------------------------------------


class Stream:
    """What git-fast-import reads, commit by commit, all on ``main``."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Keep it and begin."""
        self.stream = stream
        self.last_mark = 0
        stream.write(b"feature done\n")

    def adopt(self, tree: Tree, message: str) -> Tree:
        """The first tree, committed as FIRST."""
        changes = {**{path: content(lines) for path, lines in tree.files.items()}, **tree.own_files()}
        tree = dataclasses.replace(tree, mark=self.commit([], message, changes))
        self.stream.write(b"reset refs/tags/%s\nfrom :%d\n" % (FIRST.encode(), tree.mark))
        return tree

    def commit(self, parents: Sequence[int], message: str, changes: Mapping[str, bytes]) -> int:
        """The mark of the commit, which has been written."""
        self.last_mark += 1
        name = _AUTHORS[self.last_mark % len(_AUTHORS)]
        who = f"{name} <{name.lower()}@example.org> {_BEGIN_S + self.last_mark * _STEP_S} +0000"
        head = f"commit refs/heads/main\nmark :{self.last_mark}\nauthor {who}\ncommitter {who}\n"
        parts = [head.encode(), _data(message.encode())]
        if parents and parents[0] != self.last_mark - 1:  # the tip of the branch needs no word, and is faster without
            parts.append(b"from :%d\n" % parents[0])
        parts += [b"merge :%d\n" % parent for parent in parents[1:]]
        for path, data in changes.items():
            parts += [f"M 100644 inline {path}\n".encode(), _data(data)]
        self.stream.write(b"".join(parts))
        return self.last_mark


def _data(data: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(data), data)


def write_repository(folder: Path, env: Mapping[str, str], make: Callable[[Stream], Made]) -> Made:
    """What ``make`` returns; what it has written is a repository now, packed, with ``main`` checked out.

    Raises:
        MeasureError: Git failed.
    """
    folder.mkdir(parents=True)
    git(folder, env, "init", "-q", "-b", "main")
    for name, value in (("user.name", "Bench"), ("user.email", "bench@example.org"), ("gc.auto", "0")):
        git(folder, env, "config", name, value)
    with tempfile.TemporaryFile() as file:
        stream = Stream(file)
        made = make(stream)
        file.write(b"done\n")
        file.seek(0)
        argv = ["git", "fast-import", "--quiet"]
        done = subprocess.run(argv, cwd=folder, env=env, stdin=file, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MeasureError(f"git fast-import failed:\n{done.stderr}")
    git(folder, env, "repack", "-q", "-a", "-d", "-f")  # fast-import packs badly, as its manual says
    git(folder, env, "reset", "-q", "--hard")
    return made
