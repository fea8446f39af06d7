"""The formats that can be read, and which of them a file is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.core.finding import Finding, UnknownNameError
from orchestrator.core.names import nearest
from orchestrator.core.value import Value
from orchestrator.importing import backlog, beads, checklist, method, openspec, spec_kit, task_master
from orchestrator.importing.breakdown import Breakdown, Source, nothing_in
from orchestrator.importing.markdown import refuse_large

Read = Callable[[Sequence[Source], str], Breakdown]


class Reader(Value):
    """A format: its name, whether a source is in it, and what it gives; only task-master's has a tag."""

    name: str
    looks_like: Callable[[Source], bool]
    read: Read
    outlined: bool = False  # it reads whole texts as Markdown, which a large one is refused for


def _untagged(module_name: str, read: Callable[[Sequence[Source]], Breakdown]) -> Read:
    def read_untagged(sources: Sequence[Source], tag: str) -> Breakdown:
        if tag:
            said = f"--tag is for task-master alone, and this is {module_name}"
            raise UnknownNameError(Finding("plan-invalid", said, help="leave --tag out"))
        return read(sources)

    return read_untagged


# In the order in which they are asked: each knows less surely than the one before.
READERS = (
    Reader(task_master.NAME, task_master.looks_like, lambda sources, tag: task_master.read(sources, tag or "master")),
    *[
        Reader(module.NAME, module.looks_like, _untagged(module.NAME, module.read), module not in (beads, backlog))
        for module in (beads, backlog, method, spec_kit, openspec, checklist)
    ],
)
NAMES = tuple([reader.name for reader in READERS])


def reader(sources: Sequence[Source], name: str = "") -> Reader:
    """The reader of that name, or the first one of whose format one of the sources is.

    Raises:
        UnknownNameError: there is no format of that name.
        CannotJudgeError: no reader knows the sources, or they are too large.
    """
    for known in READERS:
        if known.outlined and not name:
            for source in sources:
                refuse_large(source)
        if known.name == name or (not name and any(known.looks_like(source) for source in sources)):
            return known
    if name:
        said = f'there is no format "{name}"{nearest(name, NAMES)}'
        raise UnknownNameError(Finding("plan-invalid", said, help=f"one of {', '.join(NAMES)}"))
    advice = f"write tasks as '- [ ] title' under headings, or name the format: --format {'|'.join(NAMES)}"
    raise nothing_in(sources, "no task was found in this", help_text=advice)
