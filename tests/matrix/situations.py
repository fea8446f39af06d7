"""What lies in the work tree beside what the operation is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.todo import BEGIN, END

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Repository

SAVE = """\
printf 'saved while the hook ran\\n' >>notes.txt
printf 'saved into PLAN.md while the hook ran\\n' >>PLAN.md
"""


@dataclass(frozen=True)
class Situation:
    """``apply`` brings it about.

    ``edits_todo``: PLAN.md has something that is not staged. ``saves``: files are saved while a hook runs.
    """

    name: str
    about: str
    apply: Callable[[Repository], None]
    edits_todo: bool = False
    saves: bool = False


def _clean(repo: Repository) -> None:
    del repo


def _ends(text: str) -> str:
    """The line ends of the text, which an editor keeps."""
    return "\r\n" if "\r\n" in text else "\n"


def _others(repo: Repository) -> None:
    repo.write("notes.txt", "one\nmine\nthree\n".replace("\n", _ends(repo.read("notes.txt"))))
    (repo.top / "doomed.txt").unlink()


def _noted(text: str) -> str:
    """A note right under the line of a task that the tool is about to rewrite."""
    line = next(line for line in text.split("\n") if "Task 1.1:" in line)
    return text.replace(line, f"{line}\n  - ask Carol about the users table", 1)


def _edited(repo: Repository) -> None:
    text = repo.read("PLAN.md")
    ends = _ends(text)
    text = _noted(text.replace(ends, "\n"))
    text = text.replace(BEGIN, f"right above the tool's part\n{BEGIN}")
    text = text.replace(END, f"{END}\nright below the tool's part")
    repo.write("PLAN.md", f"far above\n{text}far below\n".replace("\n", ends))


def _partly(repo: Repository) -> None:
    text = repo.read("PLAN.md")
    repo.add({"PLAN.md": f"staged words at the top\n{text}"})
    repo.write("PLAN.md", _noted(repo.read("PLAN.md")) + "words at the end that are not staged\n")


def _deleted(repo: Repository) -> None:
    (repo.top / "PLAN.md").unlink()


def _untracked(repo: Repository) -> None:
    repo.write("scratch.txt", b"\x00\xff mine\r\n")
    repo.write("drafts/new.txt", "mine\n")
    repo.write("debug.log", "ignored\n")


SITUATIONS = (
    Situation("clean", "nothing else is there", _clean),
    Situation("others", "`notes.txt` is edited and `doomed.txt` deleted, both not staged", _others),
    Situation(
        "edited",
        "`PLAN.md` has words far from and next to the tool's part, and a note under the task whose line is rewritten; "
        "not staged",
        _edited,
        edits_todo=True,
    ),
    Situation(
        "partly",
        "`PLAN.md` has a line that is staged, and two that are not, one of them under the task whose line is rewritten",
        _partly,
        edits_todo=True,
    ),
    Situation("deleted", "`PLAN.md` is deleted in the work tree, not staged", _deleted, edits_todo=True),
    Situation("untracked", "untracked and ignored files", _untracked),
    Situation("saved", "the command of the gate adds lines to `notes.txt` and to `PLAN.md`", _clean, saves=True),
)
