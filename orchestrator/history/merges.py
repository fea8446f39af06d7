"""The trees that Git makes of merges by itself, for many merges at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.value import Value
from orchestrator.git import GitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.git import Git

# merge-tree keeps each result in memory and writes the trees as loose objects.
_AT_ONCE = 200


class AutomaticMerge(Value):
    """The tree of a merge; where it is not ``clean``, what conflicts stands in it with conflict markers."""

    tree: str
    clean: bool


def automatic_merges(git: Git, pairs: Sequence[tuple[str, str]]) -> list[AutomaticMerge]:
    """What Git makes by itself of the merges of these commits.

    Raises:
        GitError: a pair cannot be merged at all.

    Source: git-merge-tree(1), "--stdin"; there 1 stands for a clean merge and 0 for a conflict.
    """
    found: list[AutomaticMerge] = []
    for first in range(0, len(pairs), _AT_ONCE):
        some = pairs[first : first + _AT_ONCE]
        argv = ("merge-tree", "--write-tree", "--stdin", "--name-only", "--no-messages", "--allow-unrelated-histories")
        out = git.run(*argv, stdin="".join([f"{ours} {theirs}\n" for ours, theirs in some]).encode())
        records = out.split(b"\0\0")[:-1]
        if len(records) != len(some):
            raise GitError(argv, 0, f"{len(records)} answers to {len(some)} merges")
        for record in records:
            status, tree, *_ = record.split(b"\0")
            if status not in (b"0", b"1"):
                raise GitError(argv, 0, f"unknown status {status!r}")
            found.append(AutomaticMerge(tree.decode("ascii"), status == b"1"))
    return found
