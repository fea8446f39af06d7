"""What commits and spans of history change, file by file: added or removed, and how many lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.plan import path_text
from orchestrator.core.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.git import Git

CREATED = "created"
MODIFIED = "modified"
DELETED = "deleted"
_OPTIONS = ("--stdin", "-r", "-z", "--raw", "--numstat", "--root", "--no-renames", "--ignore-submodules=none")
_NO_FILE = "000000"


class FileChange(Value):
    """A file that is CREATED, MODIFIED or DELETED, with its lines; None for a file that Git takes for binary."""

    path: str
    change: str
    added: int | None
    removed: int | None


def read_changes(git: Git, names: Sequence[str]) -> Iterator[tuple[str, list[FileChange]]]:
    """What each of these changes, renames as a removal and an addition; what changes nothing may be left out.

    A name is the id of a commit, compared with its parent (a merge changes nothing then), or the ids of two commits
    with a space between them, the first compared with the second. What is returned has the first id. Source:
    git-diff-tree(1), --stdin.

    Raises:
        GitError: Git failed.
    """
    if not names:
        return
    out = git.run("diff-tree", *_OPTIONS, stdin="".join([f"{name}\n" for name in names]).encode())
    tokens = iter(out.split(b"\0")[:-1])
    name = ""
    kinds: dict[str, str] = {}
    changes: list[FileChange] = []
    for token in tokens:
        if token[:1] == b":":
            old_mode, new_mode = token[1:].decode("ascii").split(" ")[:2]
            kind = CREATED if old_mode == _NO_FILE else DELETED if new_mode == _NO_FILE else MODIFIED
            kinds[path_text(next(tokens))] = kind
        elif b"\t" in token:
            added, removed, path = token.split(b"\t", 2)
            counts = [None if count == b"-" else int(count) for count in (added, removed)]
            changes.append(FileChange(path_text(path), kinds[path_text(path)], counts[0], counts[1]))
        else:
            if name:
                yield name, changes
            name, kinds, changes = token.decode("ascii").rstrip("\n"), {}, []
    if name:
        yield name, changes
