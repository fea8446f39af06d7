"""A plain list of tasks in Markdown: headings, and items with boxes below them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.core.plan import one_line
from orchestrator.importing import written
from orchestrator.importing.breakdown import Breakdown, FoundPhase, FoundTask, Loss, Source, nothing_in
from orchestrator.importing.markdown import Entry, outline, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "checklist"

_BOX_LINE = re.compile(r"[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]+\[.?\](?:\s|$)")
_HEADING_BOX = re.compile(r"\[.?\]\s+")
_NO_HEADING = "Tasks"


def looks_like(source: Source) -> bool:
    """Whether any item of the text has a box."""
    return any([_BOX_LINE.match(line) for line in written.lines_outside(source.text) if "]" in line])


def read(sources: Sequence[Source]) -> Breakdown:
    """The tasks of the lists, a phase for each heading that has some directly below it.

    Raises:
        CannotJudgeError: there is no item with a box, nor lists under two headings or more.
    """
    readings = [_Reading(source) for source in sources]
    boxes = any([reading.boxes for reading in readings])
    if not boxes and sum([reading.listed for reading in readings]) < 2:
        raise nothing_in(
            sources,
            'there is no list of tasks: no item has a box, as in "- [ ] Title", and there are not two headings '
            "with a list below each",
        )  # fmt: skip
    phases: list[FoundPhase] = []
    losses: list[Loss] = []
    for reading in readings:
        reading.sort(boxes=boxes)
        phases += reading.phases
        losses += sorted(reading.losses, key=lambda loss: loss.line)
    return Breakdown(next((r.title for r in readings if r.title), ""), "", tuple(phases), tuple(losses))


class _Section:
    """A heading, with what stands below it before the next one."""

    def __init__(self, heading: Entry | None, parent: _Section | None) -> None:
        self.heading = heading
        self.parent = parent
        self.entries: list[Entry] = []
        self.title = plain(_HEADING_BOX.sub("", heading.text, count=1)).rstrip(" :") if heading else ""
        self.is_phase = False

    def has_items(self) -> bool:
        """Whether any item stands directly below it."""
        return any([entry.kind == "item" for entry in self.entries])


class _Reading:
    """One file: first taken apart into its sections, then, with ``sort``, into phases and losses."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        source, self.title, front = written.front_matter(source)
        self.losses: list[Loss] = []
        self.phases: list[FoundPhase] = []
        if front:
            self._lose(1, "---", "front matter is not carried")
        self.sections = _sections(outline(source))
        items = [(section, entry) for section in self.sections for entry in section.entries if entry.kind == "item"]
        self.boxes = any([entry.box is not None for _, entry in items])
        self.listed = len({id(section) for section, _ in items if section.heading})
        tops = [section for section in self.sections if section.heading and section.heading.level == 1]
        # A heading of level 1 is the title of what stands below it, not of tasks before it or below another one.
        titled = tops and not self.sections[0].has_items() and (len(tops) == 1 or not tops[0].has_items())
        self._top = tops[0] if titled else None
        self.title = self.title or (self._top.title if self._top else "")

    def sort(self, *, boxes: bool) -> None:
        """Fill the phases and the losses; without any box, every item is an open task."""
        for section in self.sections:
            section.is_phase = any([e.kind == "item" and (e.box is not None or not boxes) for e in section.entries])
        titles = Counter([section.title for section in self.sections if section.is_phase])
        spoken_for = {id(section.parent) for section in self.sections if self._stands_for_parent(section)}
        for section in self.sections:
            if section.heading and id(section) not in spoken_for:
                self._judge_heading(section)
            title = section.title
            if section.heading is None:
                title = self.title if self.title and self.title not in titles else _NO_HEADING
            elif self._stands_for_parent(section):
                title = section.parent.title if section.parent else title
            elif titles[title] > 1 and section.parent and section.parent.title:
                title = f"{section.parent.title}: {title}"
            phase = _PhaseReading(self, boxes=boxes, in_phase=section.is_phase)
            for entry in section.entries:
                phase.take(entry)
            if phase.tasks:
                line = section.heading.line if section.heading else phase.tasks[0].line
                self.phases.append(
                    FoundPhase(title or _NO_HEADING, files=tuple(phase.files), tasks=tuple(phase.finished()),
                               source=self.name, line=line)
                )  # fmt: skip

    def _stands_for_parent(self, section: _Section) -> bool:
        """Whether the heading says no more than "Tasks", so that the one above it is the name of the phase."""
        above = section.parent
        return bool(
            section.is_phase and written.label_of(section.title) == written.TASKS
            and above and above is not self._top and above.title and not above.is_phase
        )  # fmt: skip

    def _judge_heading(self, section: _Section) -> None:
        heading = section.heading
        if heading is None:
            return
        if _HEADING_BOX.match(heading.text):
            self._lose(heading.line, heading.text, "the box of a heading is not carried, only those of items")
        elif not section.is_phase and section is not self._top:
            self._lose(heading.line, heading.text, "a heading without tasks directly below it is no phase")

    def _lose(self, line: int, text: str, why: str) -> None:
        self.losses.append(Loss(self.name, line, text, why))


class _PhaseReading:
    """The tasks of one section."""

    def __init__(self, reading: _Reading, *, boxes: bool, in_phase: bool) -> None:
        self._lose = reading._lose  # noqa: SLF001 - the two are one reader
        self._name = reading.name
        self._boxes = boxes
        self._in_phase = in_phase
        self._owners: list[tuple[int, int]] = []  # depth and place in ``tasks``
        self._files_below = -1  # the depth of the item that says that those below it are files
        self._task_files: dict[int, dict[str, None]] = {}
        self._row = 0
        self.tasks: list[FoundTask] = []
        self.files: dict[str, None] = {}

    def take(self, entry: Entry) -> None:
        """Sort one block into the tasks, the files or the losses."""
        while self._owners and self._owners[-1][0] >= entry.level:
            self._owners.pop()
        if entry.level <= self._files_below:
            self._files_below = -1
        if entry.kind == "item":
            self._take_item(entry)
        elif entry.kind == "paragraph":
            if entry.line != self._row and not self._take_files(entry):
                self._lose(entry.line, entry.text, "text is not carried")
            self._row = entry.line
        elif not written.is_remark(entry.text):
            self._lose(entry.line, one_line(entry.text), "code is not carried")

    def _take_item(self, entry: Entry) -> None:
        if entry.box is None and (self._files_below >= 0 or self._in_phase) and self._take_files(entry):
            return
        if entry.box is None and self._boxes:
            self._lose(entry.line, entry.text, "an item without a box is no task where others have one")
            return
        found = written.task(entry.text, entry.box)
        if found.problem:
            self._lose(entry.line, entry.text, found.problem)
        if not found.title:
            self._lose(entry.line, entry.text, "a task without a title is not carried")
            return
        self._owners.append((entry.level, len(self.tasks)))
        self.tasks.append(FoundTask(found.title, found.mark, found.id, source=self._name, line=entry.line))

    def _take_files(self, entry: Entry) -> bool:
        """Whether the block is a list of files, which then is taken."""
        text = entry.text
        if self._files_below < 0:
            label = written.label(text)
            if label is None or label[0] != written.FILES:
                return False
            text = label[2]
            if not text and entry.kind == "item":
                self._files_below = entry.level
        paths, rest = written.file_list(text)
        if rest:
            self._lose(entry.line, rest, "of a list of files only the paths are carried")
        files = self._task_files.setdefault(self._owners[-1][1], {}) if self._owners and entry.level else self.files
        files.update(dict.fromkeys(paths))
        return True

    def finished(self) -> list[FoundTask]:
        """The tasks, with their files."""
        for place, files in self._task_files.items():
            self.tasks[place] = self.tasks[place].replace(files=tuple(files))
        return self.tasks


def _sections(entries: Sequence[Entry]) -> list[_Section]:
    sections = [_Section(None, None)]
    above: list[_Section] = []
    for entry in entries:
        if entry.kind == "heading" and entry.level:
            while above and above[-1].heading and above[-1].heading.level >= entry.level:
                above.pop()
            sections.append(_Section(entry, above[-1] if above else None))
            above.append(sections[-1])
        else:
            sections[-1].entries.append(entry)
    return sections
