"""``import``: a breakdown in whatever form it is kept, as plan.toml and PLAN.md with its ticks."""

from __future__ import annotations

import codecs
import os
import stat
from typing import TYPE_CHECKING

from orchestrator.app.setup import is_staged, write_plan
from orchestrator.core.finding import CannotJudgeError, Finding, Location, UnknownNameError, printable
from orchestrator.core.plan import OWN_PATHS, PLAN_PATH
from orchestrator.core.state import DONE, STARTED
from orchestrator.core.value import Value
from orchestrator.importing import formats
from orchestrator.importing.breakdown import Source, unreadable
from orchestrator.importing.composing import compose
from orchestrator.worktree import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.app.repository import Repository
    from orchestrator.importing.breakdown import Loss

_MOST_BYTES = 32 << 20
_MOST_FILES = 20_000
_SAVE = "save it as UTF-8, then import it again"


class Imported(Value):
    """What was brought in, from which format.

    ``text`` is that of plan.toml, ``marks`` those of the tasks that are not open, by their ids in the plan; ``written``
    is empty in a dry run.
    """

    format: str
    title: str
    phases: int
    tasks: int
    marks: dict[str, str]
    text: str
    written: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()


def import_plan(
    repository: Repository, names: Sequence[str], *, format_name: str = "", tag: str = "", dry_run: bool = False
) -> Imported:
    """Write and stage plan.toml, PLAN.md and plan.lock, made from the files (or the files of a folder) of these names.

    Raises:
        CannotJudgeError: there is a plan already, or what is to be imported cannot be read; nothing is written then.
    """
    _refuse_second_plan(repository)
    sources = _read(names)
    reader = formats.reader(sources, format_name)
    found = reader.read(sources, tag)
    composed = compose(found)
    data = composed.text.encode("utf-8")
    plan = repository.load_plan(repository.git.text("hash-object", "--path", PLAN_PATH, "--stdin", stdin=data), data)
    imported = Imported(
        reader.name,
        plan.title,
        len(plan.phases),
        sum([len(phase.tasks) for phase in plan.phases]),
        composed.marks,
        composed.text,
        (),
        composed.losses,
    )
    if dry_run:
        return imported
    write_plan(repository, data, composed.marks)
    return imported.replace(written=OWN_PATHS)


def _marked(imported: Imported, wanted: str) -> int:
    return sum([mark == wanted for mark in imported.marks.values()])


def imported_text(done: Imported) -> str:
    """What was brought in and, line by line, what could not be carried."""
    started = _marked(done, STARTED)
    lines = [
        f"{done.format}: {done.title}, {done.phases} phases, {done.tasks} tasks, {_marked(done, DONE)} of them done"
        + (f", {started} in progress" if started else ""),
        f"not carried: {len(done.losses)}" + (":" if done.losses else ""),
    ]
    for loss in done.losses:
        where = f"{loss.source}:{loss.line}" if loss.line else loss.source
        lines.append(f"  {where}: {loss.why}" + (f"   {loss.text}" if loss.text else ""))
    return "".join([f"{printable(line)}\n" for line in lines])


def imported_data(done: Imported) -> dict[str, object]:
    """The same as JSON data; ``plan`` is the text of plan.toml."""
    return {
        "format": done.format,
        "title": done.title,
        "phases": done.phases,
        "tasks": done.tasks,
        "done": _marked(done, DONE),
        "marks": dict(done.marks),
        "written": list(done.written),
        "losses": [
            {"source": loss.source, "line": loss.line, "text": loss.text, "why": loss.why} for loss in done.losses
        ],
        "plan": done.text,
    }


def _refuse_second_plan(repository: Repository) -> None:
    tracked = is_staged(repository, PLAN_PATH)
    if tracked or read_file(repository.git.top, PLAN_PATH) is not None:
        raise CannotJudgeError(
            Finding(
                "plan-invalid",
                "plan.toml is here already, and an import would take its place",
                locations=(Location(PLAN_PATH),),
                help="orchestrator finish (or, to give it up: git rm -f plan.toml PLAN.md plan.lock && git commit)"
                if tracked
                else "mv plan.toml plan.old.toml",
            )
        )


def _read(names: Sequence[str]) -> list[Source]:
    """The texts of these files, and of the Markdown files in these folders, in the order of their names.

    Raises:
        UnknownNameError: there is no such file.
        CannotJudgeError: they are too large or too many, or one is no text.
    """
    sources = []
    left = _MOST_BYTES
    for count, name in enumerate(_files(names), 1):
        if count > _MOST_FILES:
            raise unreadable(name, 0, f"there are more than {_MOST_FILES} files")
        try:
            data = _bytes(name, left + 1)
        except OSError as error:
            finding = Finding(
                "plan-invalid", f"{name} cannot be read: {error.strerror}", help="orchestrator import FILE"
            )
            raise UnknownNameError(finding) from error
        left -= len(data)
        if left < 0:
            raise unreadable(name, 0, f"that is more than {_MOST_BYTES >> 20} MB in all")
        sources.append(Source(name, _text(name, data)))
    return sources


def _files(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if not os.path.isdir(name):
            yield name
            continue
        none = True
        for folder, folders, files in os.walk(name):
            folders.sort()
            for file in sorted([file for file in files if file.endswith(".md")]):
                none = False
                yield os.path.join(folder, file)
        if none:
            said = f"there is no Markdown file (*.md) in {name}"
            raise unreadable(name, 0, said, "name the files themselves: orchestrator import FILE")


def _bytes(name: str, most: int) -> bytes:
    """The first bytes of the file; a pipe or a device might never end, or never begin."""
    with open(os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise unreadable(name, 0, "this is no regular file", "write it into a file, and import that")
        return file.read(most)


def _text(name: str, data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise unreadable(name, 1, "this is UTF-16 or UTF-32, not UTF-8", _SAVE)
    if b"\0" in data:
        raise unreadable(name, data.count(b"\n", 0, data.index(b"\0")) + 1, "this is no text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable(name, data.count(b"\n", 0, error.start) + 1, "this is not UTF-8", _SAVE) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if line := _conflict(text):  # what is done on one side may be open on the other
        raise unreadable(name, line, "a conflict of a merge is not settled here", "settle it, then import it again")
    return text


def _conflict(text: str) -> int:
    """The line on which Git has left a conflict in the text, 0 for none."""
    if "<<<<<<< " not in text or ">>>>>>> " not in text:
        return 0
    begun = parted = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("<<<<<<< "):
            begun, parted = number, 0
        elif line == "=======":
            parted = begun
        elif line.startswith(">>>>>>> ") and parted:
            return parted
    return 0
