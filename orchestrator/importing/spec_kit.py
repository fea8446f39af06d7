"""GitHub spec-kit's ``tasks.md``: phases with tasks such as ``- [ ] T012 [P] [US1] Create src/models/user.py``.

Headings of phases give the phases; another heading gives one where tasks with ids stand under it and nowhere else.
Order is taken only where it is said: in a task's text, in lists of dependencies, and in sections about dependencies.
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
from orchestrator.importing.task_order import TASK_ID, Order, PhaseNames
from orchestrator.importing.written import SPEC_KIT_HEADING, SPEC_KIT_ID, lines_outside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.importing.breakdown import Source

NAME = "spec-kit"

_HAS_TASK = re.compile(r"[ \t]{0,20}(?:[-*+]|\d{1,9}[.)])[ \t]{1,4}\[.?\][ \t]{1,4}" + SPEC_KIT_ID.pattern)
_HAS_HEADING = re.compile(r"#{2,6}[ \t]{1,4}" + SPEC_KIT_HEADING.pattern + r"|[-*+][ \t]{1,4}\[T\d{3,9}\] ")
_IS_TITLE = re.compile(r"# Tasks\b|#{2,4}[ \t]{1,4}Phase \d")

_TITLE = re.compile(r"(?:implementation\s)?tasks?(?:\s(?:list|breakdown))?\s?[:：–—-]\s?(?=\S)", re.IGNORECASE)
_PHASE = re.compile(
    r"\W{0,8}(?:(?:final|last)\sphase|phase\s(\d{1,4}(?:\.\d{1,4}){0,6}[a-z]?|N)\b\+?)\s?[:：.–—-]?\s?(.*)",
    re.IGNORECASE,
)
_TAG = r"\[(?:P|US-?\d{1,4}(?:\s?[,/&+]\s?US-?\d{1,4})*|Story)\]"
_TASK = re.compile(rf"(?P<tags>(?:{_TAG}\s?)*)(?P<lead>[*_`\[]{{0,4}})(?P<id>{TASK_ID})(?P<rest>.*)")
_AFTER_ID = re.compile(rf"(?:[\]`]|\s?{_TAG})*")
_TAGS = re.compile(_TAG)
_STORY = re.compile(
    r"\b(?:user\sstor(?:y|ies)|US)[\s-]?(\d{1,4}(?:(?:\s?(?:,|&|and|/)\s?)(?:US)?\d{1,4})*)", re.IGNORECASE
)
_ODD_BOX = re.compile(r"\[([^\[\]]{0,12})\]\s")
_CHECKLIST = re.compile(r"\W{0,4}CHK\d")
_DONE_SIGN = re.compile(r"[✅✔☑✓]")
_RANGE = re.compile(r"\s?[-–—]\s?T\d")
_ORDER = re.compile(r"dependenc|execution order", re.IGNORECASE)
_ASIDE = re.compile(r"\b(?:parallel|within each|examples?|strategy|notes?)\b", re.IGNORECASE)
_NEEDS = re.compile(
    r"[*_`]{0,3}(?:depends[ _]on|dependencies|dependency|blocked by|depends)[*_`]{0,3}\s?[:：][*_`]{0,3}\s?",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?<!\S)(?=\*\*[^*]{1,40}(?::\*\*|\*\*\s?[:：]))")
_REMARK = re.compile(r"\s[(–—-]")
_STORIES_WAIT = re.compile(r"no user story work can begin until this phase is complete", re.IGNORECASE)
_BEFORE = re.compile(r"must complete before (?:phase )?(\d{1,4}(?:\.\d{1,4})?)", re.IGNORECASE)

_OF_TASK = "a note of a task; a task of a plan has no text but its title"
_OF_PHASE = "a note of a phase; the plan has no place for it"
_PART = "a heading inside of a phase; a phase of a plan has no parts"
_NO_BOX = "a task without a box counts as open; this is the first of"
_CHECKS = "items of a checklist (CHK...) are no tasks; this is the first of"
_PARALLEL = "the mark [P]; tasks of a phase may be done in any order anyhow. Tasks that have it:"


def looks_like(source: Source) -> bool:
    """Whether it has a box with an id such as T001, or, under "# Tasks" or "## Phase 1", a heading or item with one."""
    titled = False
    for line in lines_outside(source.text):
        if _HAS_TASK.match(line) or (titled and _HAS_HEADING.match(line)):
            return True
        titled = titled or bool(_IS_TITLE.match(line))
    return False


def read(sources: Sequence[Source]) -> Breakdown:
    """The phases of all sources, one after the other; a phase's title and order as they stand.

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
        phases.extend(reader.found())
        losses.extend(sorted(reader.losses, key=lambda loss: loss.line))
    if not phases:
        raise nothing_in(sources, 'no task of spec-kit is in it, as "- [ ] T001 Create the project"')
    return Breakdown(title, "", tuple(_told_apart(phases)), tuple(losses))


def _told_apart(phases: Sequence[FoundPhase]) -> list[FoundPhase]:
    """The phases with plain titles to depend on; two with one title get ids, that each can be meant."""
    seen: dict[str, int] = {}
    for phase in phases:
        seen[phase.title] = seen.get(phase.title, 0) + 1
    names: dict[str, str] = {}
    told: list[FoundPhase] = []
    counts: dict[str, int] = {}
    for phase in phases:
        counts[phase.title] = counts.get(phase.title, 0) + 1
        many = seen[phase.title] > 1
        names[phase.id] = f"{phase.title} {counts[phase.title]}" if many else phase.title
        told.append(phase.replace(id=names[phase.id] if many else ""))
    return [
        new.replace(depends_on=tuple([names[key] for key in old.depends_on]))
        for new, old in zip(told, phases, strict=True)
    ]


class _Task:
    def __init__(self, title: str, mark: str, task_id: str, line: int) -> None:
        self.title = title
        self.mark = mark
        self.id = task_id
        self.line = line
        self.files = dict.fromkeys(paths_in(title))
        self.heading = False
        self.stories: tuple[int, ...] = ()


class _Phase:
    def __init__(self, title: str, number: str, level: int, line: int) -> None:
        self.title = title
        self.number = number
        self.level = level
        self.line = line
        self.files: dict[str, None] = {}
        self.tasks: list[_Task] = []

    def names(self, start: int) -> PhaseNames:
        """What it can be called; its tasks start at that position."""
        stories = _stories(self.title)
        tagged = {task.stories for task in self.tasks if task.stories}
        if not stories and len(tagged) == 1:
            (stories,) = tagged
        return PhaseNames(self.number, self.title, stories, tuple(range(start, start + len(self.tasks))))


class _Reader:
    """One source on its way to phases."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.title = ""
        self.phases: list[_Phase] = []
        self.losses: list[Loss] = []
        self.needs: dict[int, tuple[int, ...]] = {}  # phases by position
        self.task_needs: dict[int, dict[str, None]] = {}  # tasks by position among all
        self._phase: _Phase | None = None
        self._task: _Task | None = None
        self._seen: dict[str, _Task] = {}
        self._boxed: set[str] = set()
        self._label = ""  # "files" or "needs" while the list under such a line goes on
        self._section = Entry("heading", "", 0)
        self._kind = ""  # of the section: "order", "aside" or ""
        self._part = ""  # of the part of the section
        self._aside = 0  # entries of the section that are not taken
        self._aside_line = 0
        self._boxless = 0
        self._boxless_line = 0
        self._checks = 0
        self._checks_line = 0
        self._parallel = 0
        self._told: list[tuple[str, int, str, _Phase | None, _Task | None]] = []  # how, line, text, of what

    def read(self) -> None:
        """Go through the text, then settle the order, when all names are known."""
        entries = [_without_tag_as_box(entry) for entry in outline(self.source)]
        for entry in entries:
            found = _TASK.match(entry.text) if entry.kind == "item" and entry.box is not None else None
            if found:
                self._boxed.add(found["id"])
        for entry in entries:
            if entry.kind == "heading":
                self._heading(entry)
            elif entry.kind == "item":
                self._item(entry)
            else:
                self._text(entry)
        self._close_section()
        self._sum_up()
        self._settle()

    def found(self) -> list[FoundPhase]:
        """The phases that have a task. Ids and dependencies are keys that only tell them apart."""
        needs = self._needs_without_empty()
        phases: list[FoundPhase] = []
        position = 0
        for index, phase in enumerate(self.phases):
            if phase.tasks:
                tasks = tuple([self._found_task(task, position + at) for at, task in enumerate(phase.tasks)])
                depends_on = tuple([self._key(other) for other in needs.get(index, ())])
                files = tuple(phase.files)
                phases.append(
                    FoundPhase(
                        phase.title, self._key(index), depends_on, "", files, tasks, self.source.name, phase.line
                    )
                )
            position += len(phase.tasks)
        return phases

    def _key(self, index: int) -> str:
        return f"{self.source.name}\n{index}"

    def _found_task(self, task: _Task, position: int) -> FoundTask:
        needs = tuple(self.task_needs.get(position, ()))
        return FoundTask(task.title, task.mark, task.id, tuple(task.files), needs, self.source.name, task.line)

    def _needs_without_empty(self) -> dict[int, tuple[int, ...]]:
        """What each phase depends on; a phase without tasks stands for what it depends on itself."""
        reach: dict[int, tuple[int, ...]] = {}
        for index, needs in self.needs.items():
            found: dict[int, None] = {}
            queue = list(needs)
            passed: set[int] = set()
            for other in queue:
                if self.phases[other].tasks:
                    found[other] = None
                elif other not in passed:
                    passed.add(other)
                    queue.extend(self.needs.get(other, ()))
            reach[index] = tuple(sorted([other for other in found if other != index]))
        return reach

    def _lose(self, line: int, text: str, why: str) -> None:
        self.losses.append(Loss(self.source.name, line, shown(text), why))

    def _heading(self, entry: Entry) -> None:
        text = plain(entry.text)
        self._label = ""
        phase = _PHASE.fullmatch(text)
        task = self._task_heading(entry)
        if task is not None:
            self._described(entry, task)
        elif phase and self._kind != "order" and not (self._kind and entry.level > self._section.level):
            self._open_phase(entry, phase[2] or text, phase[1] or "")
        elif self._phase is not None and entry.level > self._phase.level:
            self._lose(entry.line, entry.text, _PART)
            self._task = None
            self._part = "order" if _ORDER.search(text) else ""
        elif entry.level == 1 and not self.title:
            self._close_section()
            self.title = _TITLE.sub("", text, count=1) if _TITLE.match(text) else text
            self._section = entry
        elif self._section.level and self._kind and entry.level > self._section.level:
            self._part = "aside" if _ASIDE.search(text) else self._kind
        else:
            self._open_section(entry, text)

    def _task_heading(self, entry: Entry) -> re.Match[str] | None:
        odd = _ODD_BOX.match(entry.text)
        found = _TASK.match(entry.text, odd.end() if odd else 0)
        return None if found is None or _RANGE.match(found["rest"]) else found

    def _described(self, entry: Entry, found: re.Match[str]) -> None:
        """A heading with a task's id: a task, unless an item with a box has that id."""
        odd = _ODD_BOX.match(entry.text)
        if found["id"] in self._boxed or found["id"] in self._seen:
            self._lose(entry.line, entry.text, "a heading of a task that stands elsewhere, too")
            self._task = self._seen.get(found["id"])
            return
        self._take(entry, found, odd[1] if odd else None)
        if _DONE_SIGN.search(entry.text) and (not odd or mark_of(odd[1]) is None):
            self._lose(entry.line, entry.text, "a sign that is no mark; the task counts as open")

    def _open_phase(self, entry: Entry, title: str, number: str) -> None:
        self._close_section()
        self._section = entry
        self._kind = self._part = ""
        self._task = None
        self._phase = _Phase(title.strip(), number, entry.level, entry.line)
        self.phases.append(self._phase)
        before = _BEFORE.search(title)
        if before:
            self._told.append(("before", entry.line, f"Phase {before[1]}", self._phase, None))

    def _open_section(self, entry: Entry, text: str) -> None:
        self._close_section()
        self._section = entry
        self._phase = self._task = None
        self._kind = self._part = "order" if _ORDER.search(text) else "aside" if _ASIDE.search(text) else ""

    def _close_section(self) -> None:
        if self._aside or (self._section.line and not self._kind and self._phase is None and self._section.level > 1):
            line = self._section.line or self._aside_line
            self._lose(
                line, self._section.text, f"no heading of a phase; blocks under it that are not taken: {self._aside}"
            )
        self._aside = 0

    def _item(self, entry: Entry) -> None:
        if _CHECKLIST.match(entry.text) and entry.box is not None:
            self._checks += 1
            self._checks_line = self._checks_line or entry.line
            return
        odd = _ODD_BOX.match(entry.text) if entry.box is None else None
        found = _TASK.match(entry.text)
        if found is None and odd and not _TAGS.match(entry.text):
            found = _TASK.match(entry.text, odd.end())
        else:
            odd = None
        if found is not None and (entry.box is not None or odd or self._without_boxes(entry)):
            self._task_item(entry, found, odd[1] if odd else entry.box)
        elif entry.box is not None and self._phase is not None:
            self._label = ""
            self._add(_Task(entry.text, self._mark(entry.line, entry.text, entry.box), "", entry.line))
        elif entry.box is not None:
            self._lose(entry.line, entry.text, "a box without an id such as T001, outside of the phases")
        else:
            self._text(entry)

    def _without_boxes(self, entry: Entry) -> bool:
        """Whether the file writes its tasks without boxes, so that this item is one."""
        return not self._boxed and entry.level == 0 and self._kind == "" and self._part == ""

    def _task_item(self, entry: Entry, found: re.Match[str], box: str | None) -> None:
        self._label = ""
        if self._phase is None and found["id"] in self._seen:
            self._lose(entry.line, entry.text, "a task that stands in a phase, too; the mark there counts")
            return
        self._take(entry, found, box)

    def _take(self, entry: Entry, found: re.Match[str], box: str | None) -> None:
        """Make a task of the item or heading."""
        if self._phase is None:
            self._phase_of_section(entry)
        if box is None:
            self._boxless += 1
            self._boxless_line = self._boxless_line or entry.line
        mark = OPEN if box is None else self._mark(entry.line, entry.text, box)
        title, tags = _taken_apart(found)
        task = _Task(title, mark, found["id"], entry.line)
        task.heading = entry.kind == "heading"
        task.stories = tuple(sorted({story for tag in tags if tag != "[P]" for story in _stories(tag)}))
        self._parallel += "[P]" in tags
        self._add(task)
        self._seen.setdefault(task.id, task)
        self._told.append(("own", entry.line, title, self._phase, task))

    def _phase_of_section(self, entry: Entry) -> None:
        section = self._section
        title = plain(section.text) if section.level > 1 else self.title or "Tasks"
        self._aside, kept = 0, self._aside
        level = section.level if entry.kind == "item" else min(section.level, entry.level - 1)
        self._phase = _Phase(title, "", level, section.line or entry.line)
        self.phases.append(self._phase)
        if kept:
            self._lose(
                section.line or self._aside_line,
                section.text,
                f"blocks before its first task that are not taken: {kept}",
            )

    def _add(self, task: _Task) -> None:
        if self._phase is not None:
            self._phase.tasks.append(task)
        self._task = task

    def _mark(self, line: int, text: str, box: str) -> str:
        mark = mark_of(box)
        if mark is None:
            self._lose(line, text, f'the mark "{box}" is not known; the task counts as open')
        return mark or OPEN

    def _text(self, entry: Entry) -> None:
        """A paragraph, code, or an item that is no task."""
        if self._kind and self._phase is None:
            self._order_line(entry)
        elif self._part == "order" and entry.kind != "code":
            self._told.append(("said", entry.line, entry.text, self._phase, None))
        elif self._phase is not None:
            self._note(entry)
        else:
            self._aside += 1
            self._aside_line = self._aside_line or entry.line

    def _order_line(self, entry: Entry) -> None:
        if self._part == "order" and entry.kind == "code":
            self._lose(entry.line, entry.text, "an order that is drawn or written as code is not read")
        elif self._part == "order":
            self._told.append(("said", entry.line, entry.text, None, None))
        else:
            self._aside += 1

    def _note(self, entry: Entry) -> None:
        if entry.kind == "code":
            self._lose(entry.line, entry.text, _OF_TASK if self._task else _OF_PHASE)
            return
        if entry.kind == "item" and self._label and not _LABEL.match(entry.text):
            text = _REMARK.split(entry.text, maxsplit=1)[0]
            listed = (f"**Files**: {text}", f"**Depends on**: {text}")[self._label == "needs"]
            label = self._label
            if self._labelled(entry.line, listed):
                self._label = label
                return
        self._label = ""
        if entry.kind == "item" and entry.level > 0 and self._task:
            files, remark = lone_path(entry.text)
            self._task.files.update(dict.fromkeys(files))
            if files and not remark:
                return
        for text in [part.strip() for part in _LABEL.split(entry.text)]:
            if self._task is None and _STORIES_WAIT.search(text):
                self._told.append(("before", entry.line, "all user stories", self._phase, None))
            elif text and not self._labelled(entry.line, text):
                of_task = self._task is not None and (entry.level > 0 or self._task.heading)
                self._lose(entry.line, text, _OF_TASK if of_task else _OF_PHASE)

    def _labelled(self, line: int, text: str) -> bool:
        """Whether the line is a list of files or of what is depended on; it is taken."""
        files = listed_paths(text)
        needs = _NEEDS.match(text) if files is None else None
        if files is None and needs is None:
            return False
        rest = text[needs.end() :] if needs else text.partition(":")[2].strip(" *")
        self._label = "" if rest else "needs" if needs else "files"
        target = self._task or self._phase
        if needs and rest:
            self._told.append(("needs", line, rest, self._phase, self._task))
        if files and target is not None:
            target.files.update(dict.fromkeys(files))
        return bool(needs or files or not rest)

    def _sum_up(self) -> None:
        if self._boxless:
            self._lose(self._boxless_line, "", f"{_NO_BOX} {self._boxless}")
        if self._checks:
            self._lose(self._checks_line, "", f"{_CHECKS} {self._checks}")
        if self._parallel:
            self._lose(0, "", f"{_PARALLEL} {self._parallel}")
        for phase in self.phases:
            if not phase.tasks:
                self._lose(phase.line, phase.title, "a phase without tasks")
            self._lose_tags(phase)

    def _lose_tags(self, phase: _Phase) -> None:
        named = set(_stories(phase.title))
        lost: dict[int, int] = {}
        for task in phase.tasks:
            for story in task.stories:
                if story not in named:
                    lost[story] = lost.get(story, 0) + 1
        for story, count in lost.items():
            self._lose(
                phase.line, phase.title, f"the tag [US{story}] of {count} of its tasks; the title does not name it"
            )

    def _settle(self) -> None:
        """Read what was said of the order."""
        tasks = [task for phase in self.phases for task in phase.tasks]
        names: list[PhaseNames] = []
        start = 0
        for phase in self.phases:
            names.append(phase.names(start))
            start += len(phase.tasks)
        order = Order(names, [task.id for task in tasks])
        at = {id(task): index for index, task in enumerate(tasks)}
        places = {id(phase): index for index, phase in enumerate(self.phases)}
        for how, line, text, of_phase, of_task in self._told:
            place = None if of_phase is None else places[id(of_phase)]
            position = None if of_task is None else at[id(of_task)]
            if how == "own":
                why = order.tell_own(text, position or 0)
            elif how == "needs":
                why = order.tell_needs(text, None if of_task else place, position)
            elif how == "before":
                why = order.tell(f"before {text}", place)
            else:
                why = order.tell(text, place)
            if why:
                self._lose(line, text, why)
        self.needs = {index: tuple(needs) for index, needs in order.phase_needs.items()}
        self.task_needs = order.task_needs


def _without_tag_as_box(entry: Entry) -> Entry:
    """The entry with "[P]" in its text where it was read as a box."""
    return entry.replace(text=f"[P] {entry.text}", box=None) if entry.box == "P" else entry


def _taken_apart(found: re.Match[str]) -> tuple[str, list[str]]:
    """The title and the tags of a task, the id taken off."""
    rest = found["rest"]
    tags = _TAGS.findall(found["tags"])
    bold = "**" if "**" in found["lead"] else ""
    if bold and rest.startswith("**"):
        bold, rest = "", rest[2:]
    end = _AFTER_ID.match(rest)
    if end:
        tags.extend(_TAGS.findall(end[0]))
        rest = rest[end.end() :]
    if bold and rest.startswith("**"):
        bold, rest = "", rest[2:]
    title = rest.lstrip(" :：.)–—-")
    if bold and title.startswith("**"):
        bold, title = "", title[2:].lstrip(" :：.)–—-")
    return (bold + title).strip() or found["id"], tags


def _stories(text: str) -> tuple[int, ...]:
    """The numbers of the user stories that the text names.

    >>> _stories("User Stories 1 and 2")
    (1, 2)
    """
    found = {int(number) for numbers in _STORY.findall(text) for number in re.findall(r"\d+", numbers)}
    return tuple(sorted(found))
