"""What every reader of a breakdown gives: phases with tasks, and what could not be carried."""

from __future__ import annotations

from orchestrator.core.finding import CannotJudgeError, Finding, Location, printable
from orchestrator.core.plan import one_line
from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKS = {"x": DONE, "X": DONE, "-": STARTED, " ": OPEN, "": OPEN}


class Source(Value):
    """One file to be read: its name as the user gave it, and its text with line feeds only."""

    name: str
    text: str


class Loss(Value):
    """Something of a source that the plan does not have; ``line`` counts from 1, 0 for the file as a whole."""

    source: str
    line: int
    text: str
    why: str


class FoundTask(Value):
    """A task as its source has it; ``id`` and ``depends_on`` are the source's own, "" for none."""

    title: str
    mark: str = OPEN  # of orchestrator.core.state: OPEN, STARTED or DONE
    id: str = ""
    files: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    source: str = ""
    line: int = 0


class FoundPhase(Value):
    """A phase as its source has it; what it depends on is named by id, number ("2", "Phase 2") or title."""

    title: str
    id: str = ""
    depends_on: tuple[str, ...] = ()
    estimate: str = ""
    files: tuple[str, ...] = ()
    tasks: tuple[FoundTask, ...] = ()
    source: str = ""
    line: int = 0


class Breakdown(Value):
    """A whole breakdown."""

    title: str = ""
    summary: str = ""
    phases: tuple[FoundPhase, ...] = ()
    losses: tuple[Loss, ...] = ()


def mark_of(box: str) -> str | None:
    """The mark that the character in a box stands for, as in PLAN.md; None for one that is not known."""
    return _MARKS.get(box)


def unreadable(source: str, line: int, message: str, help_text: str = "") -> CannotJudgeError:
    """What to raise of a source of which nothing can be taken."""
    return CannotJudgeError(
        Finding(
            "plan-invalid", printable(message), locations=(Location(source, line),),
            help=help_text or "orchestrator import --help",
        )
    )  # fmt: skip


def nothing_in(sources: Sequence[Source], message: str, line: int = 0, help_text: str = "") -> CannotJudgeError:
    """What to raise where none of the sources has anything to be taken; it names the first of them."""
    return unreadable(sources[0].name if sources else ".", line, message, help_text)


def shown(text: str, most: int = 80) -> str:
    """The text for a message, on one line and not too long."""
    line = one_line(text)
    return line if len(line) <= most else line[: most - 3] + "..."
