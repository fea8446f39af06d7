"""What ``validate`` has answered, kept for as long as nothing that the answer hangs on has changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.gate import sha256
from orchestrator.core.plan import LOCK_PATH, TODO_PATH
from orchestrator.worktree import read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.repository import Repository

# While one of these is there, what is staged will become more than a commit on HEAD.
_UNDER_WAY = ("MERGE_HEAD", "SQUASH_MSG", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


def state(repository: Repository, *asked: object) -> str:
    """What tells all that an answer hangs on from what it may be later; "" where nobody can tell.

    That is what is ``asked``, the index by its checksum, HEAD, the known passes, and the two files that a command may
    write in the work tree. No other file there has a say.
    """
    index = repository.index_state()
    if not index or any(repository.has(name) for name in _UNDER_WAY):
        return ""
    head = repository.git.call("rev-parse", "-q", "--verify", "HEAD")[1]
    try:
        files = [read_file(repository.git.top, path) for path in (TODO_PATH, LOCK_PATH)]
    except CannotJudgeError:  # one of them is no regular file, which is told where it is to be written
        return ""
    facts = (asked, index, head, repository.cache.passes_state(), os.environ.get("GIT_INDEX_FILE", ""))
    return sha256(repr(facts).encode() + b"\0".join([repr(data).encode() for data in files]))


def kept_answer(repository: Repository, name: str) -> Sequence[tuple[str, str, bool, str]] | None:
    """What was answered last, if it was in that state: phase id, gate, whether that has passed, and why it did not run.

    None where it has to be worked out.
    """
    kept: tuple[tuple[str, str, bool, str], ...] | None = repository.cache.answer(name) if name else None
    return kept


def keep_answer(repository: Repository, name: str, lines: Sequence[tuple[str, str, bool, str]]) -> None:
    """Keep that for the state."""
    if name:
        repository.cache.keep_answer(name, tuple(lines))
