"""What ``validate`` has answered, kept for as long as nothing that the answer hangs on has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.commit import staged_parents
from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.gate import sha256
from orchestrator.core.plan import LOCK_PATH, TODO_PATH
from orchestrator.worktree import read_file

if TYPE_CHECKING:
    from orchestrator.app.repository import Repository


def state(repository: Repository, *asked: object) -> str:
    """What tells all that an answer hangs on from what it may be later; "" where nobody can tell.

    That is what is ``asked``, the index by its checksum, the parents that a commit would have, the known passes, and
    the two files that a command may write in the work tree. No other file there has a say, but for attributes
    (``refuse_filtered``).
    """
    index = repository.index_state()
    if not index or repository.has("SQUASH_MSG") or repository.is_rebasing:
        return ""
    try:
        files = [read_file(repository.git.top, path) for path in (TODO_PATH, LOCK_PATH)]
    except CannotJudgeError:  # one of them is no regular file, which is told where it is to be written
        return ""
    head = repository.git.call("rev-parse", "-q", "--verify", "HEAD")[1]
    facts = (asked, index, head, staged_parents(repository), repository.cache.passes_state())
    return sha256(repr((facts, files)).encode())
