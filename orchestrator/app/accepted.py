"""What the pre-commit stage has accepted, so that the commit-msg stage of the same commit need not judge it again.

The note holds for one process of ``git commit`` with one state of its index, and for messages that name one phase and
declare no exception. Whatever differs, and whatever the pre-commit stage has written or run, is judged in full.
"""

from __future__ import annotations

from orchestrator.app.messages import read_message
from orchestrator.callers import commit_process
from orchestrator.core.message import EXCEPTION_TRAILER, is_type_accepted, parse_header, subject_line, trailer
from orchestrator.core.plan import normal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.repository import Repository
    from orchestrator.core.plan import Settings


def keep_accepted(repository: Repository, names: Sequence[str], settings: Settings) -> None:
    """Note that what is staged may be committed under a message that names a phase so."""
    process, index = commit_process(), repository.index_state()
    if process and index:
        repository.cache.keep_accepted("\n".join([process, index, " ".join(settings.commit_types), *names]).encode())


def is_accepted(repository: Repository, path: str) -> bool:
    """Whether the pre-commit stage of this very commit has accepted what the message in that file says."""
    note = repository.cache.accepted().decode("utf-8", "replace").split("\n")
    if len(note) < 4 or "ORCHESTRATOR_EXCEPTION" in repository.git.env:
        return False
    process, index, types, *names = note
    if process != commit_process() or index != repository.index_state():
        return False
    text = read_message(repository, path)
    if text.strip() == repository.cache.offered_message().strip() or trailer(text, EXCEPTION_TRAILER):
        return False
    header = parse_header(subject_line(text))
    return header is not None and is_type_accepted(header.type, types.split(" ")) and normal_name(header.phase) in names
