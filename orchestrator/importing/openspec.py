"""OpenSpec's ``tasks.md`` of a change: numbered sections with tasks such as ``- [ ] 1.1 Add the table``.

Every box is a task, as for OpenSpec itself. The format says nothing of order, so no dependency is made.
"""

# ruff: noqa: RUF001 - dashes, colons and quotes as people write them, also in Chinese

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.core.state import OPEN
from orchestrator.importing.breakdown import (
    Breakdown,
    FoundPhase,
    FoundTask,
    Loss,
    mark_of,
    nothing_in,
    shown,
)
from orchestrator.importing.markdown import Entry, outline, plain
from orchestrator.importing.paths import listed_paths, lone_path, paths_in
from orchestrator.importing.written import lines_outside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.importing.breakdown import Source

NAME = "openspec"

_FOLDER = re.compile(r"(?:^|/)openspec/changes/(?:archive/)?([^/]+)/tasks\.md$")
_HAS_SECTION = re.compile(r"#{2,3}[ \t]{1,4}\d{1,4}\.?[ \t]{1,4}\S")
_HAS_TASK = re.compile(r"[ \t]{0,20}[-*+][ \t]{1,4}\[.?\][ \t]{1,4}(?:\*\*)?\d{1,4}\.\d{1,4}\b")
_HAS_BOX = re.compile(r"[ \t]{0,20}[-*+][ \t]{1,4}\[.?\][ \t]")

_NUMBERED = re.compile(r"\d{1,4}[.)]?\s\S")
_SECTION = re.compile(r"(?:phase\s)?\d{1,4}(?:\.\d{1,4}){0,6}[a-z]?(?:[.):：]|\s?[–—-])?\s(?=\S)", re.IGNORECASE)
_TITLE = re.compile(r"(?:implementation\s)?tasks?(?:\s(?:list|breakdown))?\s?[:：–—-]\s?(?=\S)", re.IGNORECASE)
_NO_TITLE = re.compile(r"(?:implementation\s)?(?:tasks?|checklist|plan)", re.IGNORECASE)
_TASK = re.compile(r"(?P<lead>(?:\*\*|`)?)(?P<id>\d{1,4}(?:\.\d{1,4}){1,12}[a-z]?|\d{1,4}(?=[.)]\s))(?!\w)(?P<rest>.*)")
_ODD_BOX = re.compile(r"\[([^\[\]]{0,12})\]\s(?=(?:\*\*)?\d{1,4}\.\d)")

_PART = "a heading inside of a section; a phase of a plan has no parts"
_OF_TASK = "a note of a task; a task of a plan has no text but its title"
_OF_PHASE = "a note of a section; the plan has no place for it"


def looks_like(source: Source) -> bool:
    """Whether it has numbered sections and boxes numbered "1.1" outside of code, or is a change's tasks with boxes."""
    placed = bool(_FOLDER.search(source.name.replace("\\", "/")))
    section = False
    for line in lines_outside(source.text):
        section = section or bool(_HAS_SECTION.match(line))
        if (section and _HAS_TASK.match(line)) or (placed and _HAS_BOX.match(line)):
            return True
    return False


def read(sources: Sequence[Source]) -> Breakdown:
    """The sections of all sources as phases, one after the other.

    Raises:
        CannotJudgeError: no source has a task.
    """
    title = ""
    phases: list[FoundPhase] = []
    losses: list[Loss] = []
    for source in sources:
        reader = _Reader(source)
        reader.read()
        title = title or reader.title
        phases.extend(reader.phases)
        losses.extend(reader.losses)
    if not phases:
        raise nothing_in(sources, 'no task of OpenSpec is in it, as "- [ ] 1.1 Add the table"')
    return Breakdown(title, "", tuple(phases), tuple(losses))


class _Reader:
    """One source on its way to phases."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.phases: list[FoundPhase] = []
        self.losses: list[Loss] = []
        placed = _FOLDER.search(source.name.replace("\\", "/"))
        self._change = placed[1] if placed else ""
        self.title = ""
        self._section = Entry("heading", "", 0)
        self._tasks: list[FoundTask] = []
        self._notes: list[Loss] = []  # of a section of which it is not yet known whether it has tasks
        self._last = 0  # depth of the task that notes belong to
        self._listing = False  # the list under "Files:" goes on

    def read(self) -> None:
        """Go through the text."""
        entries = outline(self.source)
        level = _level(entries)
        for entry in entries:
            if entry.kind == "heading":
                self._heading(entry, level)
            elif entry.kind == "item" and (entry.box is not None or _ODD_BOX.match(entry.text)):
                self._task(entry)
            else:
                self._note(entry)
        self._close()
        self.title = self.title or self._change

    def _heading(self, entry: Entry, level: int) -> None:
        self._listing = False
        if entry.level == 1 and level > 1 and not self.title:
            self._close()
            text = plain(entry.text)
            self.title = self._change if self._change and _NO_TITLE.fullmatch(text) else _TITLE.sub("", text, count=1)
            self._section = Entry("heading", "", entry.line)
        elif entry.level > level and self._section.level:
            self._lose(entry, _PART)
        else:
            self._close()
            self._section = entry

    def _close(self) -> None:
        """End the section: a phase if it has tasks, else a loss."""
        section = self._section
        if self._tasks:
            title = _section_title(section) or self.title or self._change or "Tasks"
            line = section.line or self._tasks[0].line
            self.phases.append(FoundPhase(title, tasks=tuple(self._tasks), source=self.source.name, line=line))
            self.losses.extend(self._notes)
        elif "depend" in section.text.lower():
            self.losses.append(Loss(self.source.name, section.line, shown(section.text), "a section without tasks"))
            self.losses.extend(
                [note.replace(why="OpenSpec has no form for order; it is not read") for note in self._notes]
            )
        elif self._notes or section.text:
            line = section.line or self._notes[0].line
            why = f"a section without tasks, and other blocks in it: {len(self._notes)}"
            self.losses.append(Loss(self.source.name, line, shown(section.text), why))
        self._tasks, self._notes = [], []

    def _task(self, entry: Entry) -> None:
        self._listing = False
        odd = _ODD_BOX.match(entry.text) if entry.box is None else None
        box = odd[1] if odd else entry.box or " "
        text = entry.text[odd.end() :] if odd else entry.text
        mark = mark_of(box)
        if mark is None:
            self._lose(entry, f'the mark "{box}" is not known; the task counts as open')
        task_id, title = _taken_apart(text)
        files = paths_in(title)
        self._tasks.append(FoundTask(title, mark or OPEN, task_id, files, (), self.source.name, entry.line))

    def _note(self, entry: Entry) -> None:
        """Anything else: files where it is a list of them, otherwise a loss."""
        files = listed_paths(entry.text) if entry.kind != "code" else None
        if files is None and self._listing and entry.kind == "item":
            files = listed_paths(f"Files: {entry.text}") or None
        if files is None and entry.kind == "item" and self._tasks:
            lone, remark = lone_path(entry.text)
            self._add_files(lone)
            if lone and not remark:
                self._listing = False
                return
        self._listing = files is not None and (self._listing or not files) and bool(self._tasks)
        if files is None or not self._tasks:
            self._lose(entry, _OF_TASK if self._tasks else _OF_PHASE)
        elif files:
            self._add_files(files)

    def _add_files(self, files: tuple[str, ...]) -> None:
        task = self._tasks[-1]
        self._tasks[-1] = task.replace(files=tuple(dict.fromkeys([*task.files, *files])))

    def _lose(self, entry: Entry, why: str) -> None:
        self._notes.append(Loss(self.source.name, entry.line, shown(entry.text), why))


def _level(entries: Sequence[Entry]) -> int:
    """The level of headings that are sections: of the first that is numbered, else the highest below the title."""
    levels = [entry.level for entry in entries if entry.kind == "heading" and _NUMBERED.match(entry.text)]
    others = [entry.level for entry in entries if entry.kind == "heading" and entry.level > 1]
    return levels[0] if levels else min(others, default=2)


def _section_title(section: Entry) -> str:
    """The title without its number, which is the phase's position in a plan."""
    return _SECTION.sub("", plain(section.text), count=1) if section.text else ""


def _taken_apart(text: str) -> tuple[str, str]:
    """The number of a task, "" for none, and its title."""
    found = _TASK.match(text)
    if not found:
        return "", text
    bold, rest = found["lead"], found["rest"]
    if bold and rest.startswith(bold):
        bold, rest = "", rest[len(bold) :]
    title = rest.lstrip(" .):：–—-")
    if bold and title.startswith(bold):
        bold, title = "", title[len(bold) :].lstrip(" .):：–—-")
    return found["id"], (bold + title).strip() or found["id"]
