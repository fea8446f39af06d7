"""The breakdown of the method itself, "### Phase 2: Title (Depends on Phase 1)", and its to-do list."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from orchestrator.core.plan import one_line
from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.importing import written
from orchestrator.importing.breakdown import Breakdown, FoundPhase, FoundTask, Loss, Source, nothing_in, unreadable
from orchestrator.importing.markdown import Entry, outline, plain
from orchestrator.importing.written import ESTIMATE, FILES, NEEDS, STANDING, TASKS

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "method"

_ID = r"(?:\d++(?:\.\d++)*+[A-Za-z]?|[A-Z]|[IVX]{2,5})"
_PHASE = re.compile(
    rf"(?:\[.?\]\s++)?[\W_]*+(?:\d{{1,3}}[.)]\s++)?[\W_]*+phase\s+({_ID})(?!\w)(?:\*\*|__)?"
    r"\s*+(?:(?::|[.)](?=\s)|[\u2013—]|-(?=\s))(?:\*\*|__)?|(?=[(\[])|$)", re.IGNORECASE
)  # fmt: skip
_FEATURE = re.compile(r"[\W_]*+feature\s*+:\s*", re.IGNORECASE)
_PROGRESS = re.compile(r"\s*+[-\u2013—:]\s*+progress$", re.IGNORECASE)
_HEADING = re.compile(r"[ \t>]{0,8}#{1,6}[ \t]+")
_ITEM = re.compile(r"[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]+(\[.?\](?=\s|$))?")
_NEEDS = re.compile(
    r"(?:depends?\s+on\b|(?:depends|dependenc(?:y|ies))\s*:|(requires?|needs?|after|blocked\s+by)\b)\s*:?\s*",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"(?:no\s+(?:dependenc(?:y|ies)|deps)|none|nothing|n/a|independent|-|—)(?!\w)", re.IGNORECASE)
_BEFORE = re.compile(r"(?:all\s+(?:the\s+)?)?(?:previous|prior|preceding|earlier)\s+phase(s?)", re.IGNORECASE)
_LIST = rf"{_ID}(?!\w)(?:\s*+(?:,|&|\+|/|-|\u2013|—|and|to|through)\s*+(?:and\s+)?(?:phases?\s+)?{_ID}(?![\w.]))*"
_PHASES = re.compile(rf"phases?\s+({_LIST})", re.IGNORECASE)
_NUMBERS = re.compile(r"[\d.,&+/\u2013\-\s]*+(?:and\s[\d.\s]*+)?")
_ONE = re.compile(rf"(?<!\w)({_ID})(?!\w)(?:\s*(?:-|\u2013|—|to\b|through\b)\s*(?:[Pp]hases?\s+)?({_ID})(?!\w))?")
_FILLERS = {"complete", "completed", "completion", "done", "finished", "and", "phase", "phases", "on"}
_TASK_IDS = re.compile(r"(?:sub-?)?tasks?\s+#?|[,;&]|\band\b", re.IGNORECASE)
_WORD = re.compile(r"\w[\w.]*+")
_REMARK = re.compile(r"\([^()]*+\)")
_STATES = {"not started", "in progress", "awaiting gates", "complete"}
# What people say of a phase in a list directly below its heading; such an item is no task.
_ABOUT = {
    "goal", "goals", "objective", "objectives", "inputs", "outputs", "input", "output", "status", "priority",
    "complexity", "risk", "risks", "owner", "acceptance", "acceptance criteria", "success criteria", "deliverable",
    "deliverables", "description", "note", "notes", "why", "rationale", "scope", "verify", "verification", "testing",
    "definition of done", "milestone", "date", "interfaces",
}  # fmt: skip
_OTHER = "other"
_ORDER = (OPEN, STARTED, DONE)
_MOST_NEEDS = 200_000
_BOLD_PHASE_LEVEL = 7  # any heading ends a phase that begins with a line in bold


def looks_like(source: Source) -> bool:
    """Whether there are headings of numbered phases, and tasks or dependencies as the method writes them."""
    signs = inside = outside = level = 0
    for line in written.lines_outside(source.text, or_markdown=True):
        heading = _HEADING.match(line) if "#" in line else None
        if heading:
            depth = heading[0].count("#")
            if _PHASE.match(line, heading.end()):
                level = depth
                signs += "depend" in line.lower() and bool(_split_heading(line[heading.end() :])[1])
            elif level and written.SPEC_KIT_HEADING.match(line, heading.end()):
                return False
            elif depth <= level:
                level = 0
            continue
        item = _ITEM.match(line)
        if item:
            text = line[item.end() :]
            if item[1] and written.SPEC_KIT_ID.match(text.lstrip()):
                return False
            if item[1] or written.task_prefix(text.strip())[0]:
                inside, outside = (inside + 1, outside) if level else (inside, outside + 1)
        elif level and not signs and ":" in line:
            found = written.label(line)
            signs += found is not None and (found[0] == TASKS or (found[0] == NEEDS and bool(found[2])))
    return inside + signs > outside if inside or signs else False


def read(sources: Sequence[Source]) -> Breakdown:
    """The breakdown of all sources together; the marks of a to-do list belong to the tasks of the same ids.

    Raises:
        CannotJudgeError: no source has a phase with a task.
    """
    readings = [_Reading(source, number) for number, source in enumerate(sources)]
    losses = [loss for reading in readings for loss in reading.losses]
    found = [phase for reading in readings for phase in reading.phases]
    phases = _join(found, [task for reading in readings for task in reading.loose], losses)
    if not any([phase.tasks for phase in phases]):
        message = "there is no phase with a task"
        if not found:
            message = 'there is no heading of a phase, as in "### Phase 1: Title"'
        raise nothing_in(sources, message, found[0].line if found else 0)
    titles = [title for reading in readings for title in reading.titles]
    best = min(titles, key=lambda title: title[0], default=(0, "", ""))
    places = {source.name: place for place, source in enumerate(sources)}
    names = _Names(phases, losses)
    result = tuple([names.finished(phase, place) for place, phase in enumerate(phases)])
    losses.sort(key=lambda loss: (places.get(loss.source, 0), loss.line))
    return Breakdown(best[1], best[2], result, tuple(losses))


class _Task:
    """A task as it is being read; ``group`` tells the list that it is in, tasks without boxes being the breakdown.

    ``listed``: it stands in a to-do list, so that it may be a task of the breakdown once more.
    """

    __slots__ = ("files", "group", "id", "line", "listed", "mark", "needs", "phase", "region", "source", "title")

    def __init__(self, found: written.Written, source: str, line: int) -> None:
        self.id, self.title, self.mark = found.id, found.title, found.mark
        self.source, self.line, self.listed = source, line, False
        self.files: dict[str, None] = {}
        self.needs: list[tuple[str, int]] = []
        self.group = (0, 0)
        self.phase: _Phase | None = None
        self.region: tuple[str, int] | None = None  # of an item that is a task only if it turns out so


class _Phase:
    """A phase as it is being read."""

    def __init__(self, phase_id: str, title: str, source: str, line: int) -> None:
        self.id, self.title, self.source, self.line = phase_id, title, source, line
        self.estimate = ""
        self.files: dict[str, None] = {}
        self.needs: list[tuple[str, int]] = []
        self.tasks: list[_Task] = []
        self.boxed: set[int] = set()  # the regions in which items have boxes
        self.has_task_list = False
        self.into: _Phase | None = None

    def root(self) -> _Phase:
        """The phase that this one turned out to be."""
        phase = self
        while phase.into is not None:
            if phase.into.into is not None:
                phase.into = phase.into.into
            phase = phase.into
        return phase


class _Frame:
    """What items deeper than ``level`` are: tasks, files, what is depended on, or something else."""

    __slots__ = ("level", "number", "region")

    def __init__(self, level: int, region: str, number: int) -> None:
        self.level, self.region, self.number = level, region, number


class _Reading:
    """One source, taken apart."""

    def __init__(self, source: Source, number: int) -> None:
        self.name = source.name
        self._number = number
        self.losses: list[Loss] = []
        self.phases: list[_Phase] = []
        self.loose: list[_Task] = []  # in no phase
        self.titles: list[tuple[int, str, str]] = []  # how good a title it is, title, summary
        source, title, front = written.front_matter(source)
        if front:
            self._lose(1, "---", "front matter is not carried")
        if title:
            self.titles.append((1, title, ""))
        entries = outline(source)
        if not any([_is_phase(entry) for entry in entries]):
            fenced = _fenced(source.text, entries)
            if fenced:
                self._lose(0, "", "the page around the fenced breakdown is not carried")
                for entry in entries:
                    if entry.box is not None:
                        self._lose(entry.line, entry.text, "it stands outside of the fenced breakdown")
                self.titles = []
                source = source.replace(text=fenced)
                entries = outline(source)
        self._lines = source.text.split("\n")
        self._phase: _Phase | None = None
        self._level = 0
        self._heading_task: _Task | None = None
        self._owners: list[tuple[int, _Task]] = []
        self._frames = [_Frame(-1, "", 0)]
        self._regions = 0
        self._rank = 1
        self._outside: tuple[int, str] | None = None
        self._summary = False
        self._row = 0
        for place, entry in enumerate(entries):
            end = entries[place + 1].line - 1 if place + 1 < len(entries) else len(self._lines)
            self._take(entry, end)
        self._drop_candidates()

    def _take(self, entry: Entry, end: int) -> None:
        if entry.kind == "heading":
            self._take_heading(entry.text, entry.line, entry.level)
        elif entry.kind == "item":
            self._take_item(entry, end)
        elif entry.kind == "paragraph":
            self._take_paragraph(entry, end)
        elif not written.is_remark(entry.text):
            text = one_line(entry.text)
            if self._phase:
                self._lose(entry.line, text, "code is not carried")
            else:
                self._lose_outside(entry.line, text)

    def _lose(self, line: int, text: str, why: str) -> None:
        self.losses.append(Loss(self.name, line, text, why))

    def _lose_outside(self, line: int, text: str) -> None:
        """Note once for each heading that what stands below it is lost."""
        if self._outside != (0, ""):
            line, text = self._outside or (line, text)
            self._lose(line, text, "what stands outside of the phases is not carried")
            self._outside = (0, "")

    def _set_region(self, region: str, level: int = -1) -> None:
        self._regions += 1
        if level < 0:
            self._frames = []
        self._frames.append(_Frame(level, region, self._regions))
        if region == TASKS and self._phase:
            self._phase.has_task_list = True

    def _take_heading(self, text: str, line: int, level: int) -> None:
        self._owners, self._heading_task, self._summary = [], None, False
        found = _PHASE.match(text)
        if found:
            self._begin_phase(found[1], text, found.end(), line, level)
            return
        if self._phase and level > self._level:
            region = written.label_of(text)
            task_id, _ = written.task_prefix(text)
            self._set_region(region if region in (TASKS, FILES, NEEDS) else _OTHER)
            if task_id:
                self._heading_task = self._add_task(written.task(text, None), line, boxed=False)
            elif region not in (TASKS, FILES, NEEDS):
                self._lose(line, text, "a heading inside of a phase is not carried")
            return
        self._phase, self._outside = None, (line, text)
        self._set_region("")
        self._take_title(text, level)

    def _take_title(self, text: str, level: int) -> None:
        feature = _FEATURE.match(text)
        progress = _PROGRESS.search(text)
        self._rank = 2 if progress else 1
        if progress:
            text = text[: progress.start()]
        if feature and feature.end() < len(text):
            best = (0, plain(text[feature.end() :]), "")
        elif level == 1:
            best = (1, plain(text), "")
        elif progress:
            best = (2, plain(text), "")
        else:
            return
        self.titles.append(best)
        self._summary = not self.phases

    def _begin_phase(self, phase_id: str, text: str, start: int, line: int, level: int) -> None:
        rest = text[start:]
        for sign in ("**", "__"):
            if text.count(sign, 0, start) % 2:  # closed behind the title
                rest = rest.replace(sign, "", 1)
        title, needs, odd = _split_heading(rest)
        phase = _Phase(phase_id, plain(title).strip(" -\u2013—:") or f"Phase {phase_id}", self.name, line)
        phase.needs = [(need, line) for need in needs]
        if odd:
            self._lose(line, text, "it reads like a dependency, but is not in brackets")
        self.phases.append(phase)
        self._phase, self._level, self._outside = phase, level, (0, "")
        self._set_region("")

    def _take_paragraph(self, entry: Entry, end: int) -> None:
        if entry.line == self._row:
            return  # a further cell of a table's row
        self._row = entry.line
        self._leave(entry.level)
        lines = self._raw(entry.line, end) or [entry.text]
        found = _PHASE.match(entry.text) if not entry.level and _is_phase(entry) else None
        if found:
            self._heading_task = None
            self._begin_phase(found[1], entry.text, found.end(), entry.line, _BOLD_PHASE_LEVEL)
            return
        prose = [
            line for place, line in enumerate(lines) if not self._take_label(line, entry.line + place, entry.level)
        ]
        if not prose or (len(prose) == 1 and self._take_status(prose[0])):
            return
        if self._phase is None:
            if self._summary and not written.label(prose[0]):
                rank, title, _ = self.titles[-1]
                self.titles[-1] = (rank, title, " ".join(prose))
                self._summary = False
            else:
                self._lose_outside(entry.line, entry.text)
            return
        self._lose(entry.line, " ".join(prose), "text is not carried")
        last = written.label(prose[-1])
        if last and not last[2] and not entry.level:
            self._set_region(_OTHER)

    def _raw(self, line: int, end: int) -> list[str]:
        """The lines of a block as written, without indentation and signs of quotes."""
        found: list[str] = []
        for raw in self._lines[line - 1 : max(end, line)]:
            text = raw.strip(" \t>")
            if not text:
                break
            found.append(text)
        return found

    def _take_status(self, line: str) -> bool:
        """Whether the line is one that the tool writes below the heading of a phase, all of which is taken."""
        if self._phase is None or not (line.startswith("_") and line.endswith("_")):
            return False
        status, sign, estimate = line[1:-1].rpartition(" - estimate ")
        status = status if sign else estimate
        state = status.partition(" - ")[0]
        if state in _STATES and sign:
            self._phase.estimate = self._phase.estimate or estimate
        return status in _STATES

    def _take_label(self, line: str, number: int, level: int) -> bool:
        """Whether the line is a label that is known, with what follows it; it then is taken."""
        found = written.label(line) if ":" in line or line[:1] in "*_" else None
        if found is None or not found[0] or (self._phase is None and found[0] != STANDING):
            return False
        kind, _, value = found
        if kind == STANDING:
            return True
        owner = self._owners[-1][1] if self._owners and level else self._heading_task
        if not value:
            if kind == ESTIMATE:
                return False
            self._set_region(kind, level - 1 if level else -1)
            return True
        if kind == TASKS:
            return False
        self._take_value(kind, value, owner, number, line)
        return True

    def _take_value(self, kind: str, value: str, owner: _Task | None, number: int, line: str) -> None:
        target = owner or self._phase
        if target is None:
            return
        if kind == FILES:
            paths, rest = written.file_list(value)
            target.files.update(dict.fromkeys(paths))
            if rest:
                self._lose(number, rest, "of a list of files only the paths are carried")
        elif kind == NEEDS:
            target.needs.append((value, number))
        elif isinstance(target, _Task):
            self._lose(number, line, "a task has no estimate of its own")
        elif target.estimate:
            self._lose(number, line, "the phase has an estimate already")
        else:
            target.estimate = value

    def _take_item(self, entry: Entry, end: int) -> None:
        level, text = entry.level, entry.text
        while self._frames[-1].level >= level:
            self._frames.pop()
        self._leave(level)
        below: list[tuple[str, int]] = []
        if end > entry.line:
            text, below = self._without_labels(entry, end)
        if entry.box is not None or not self._take_plain(entry, text):
            self._take_task(entry, text)
        for line, number in below:
            if not self._take_label(line, number, level + 1):
                self._lose(number, line, "text is not carried")

    def _leave(self, level: int) -> None:
        """Forget the tasks below which nothing of that depth can stand."""
        while self._owners and self._owners[-1][0] >= level:
            self._owners.pop()

    def _take_task(self, entry: Entry, text: str) -> None:
        found = written.task(text, entry.box)
        if found.problem:
            self._lose(entry.line, text, found.problem)
        if not found.title:
            self._lose(entry.line, text, "a task without a title is not carried")
        elif self._phase is None and not found.id:
            self._lose(entry.line, text, "it stands in no phase")
        else:
            self._owners.append((entry.level, self._add_task(found, entry.line, boxed=entry.box is not None)))

    def _without_labels(self, entry: Entry, end: int) -> tuple[str, list[tuple[str, int]]]:
        """The item's text without labels and notes directly below it, and those of them that are indented.

        The others are the phase's and are taken. A note is what follows a line that ends with a tick, or the like.
        """
        text = entry.text
        lines = self._raw(entry.line, end)
        for place in range(1, len(lines)):
            found = written.label(lines[place])
            if not (found and found[0]) and not (place == 1 and written.ends_marked(lines[0])):
                continue
            tail = one_line(" ".join(lines[place:]))
            if not text.endswith(tail):
                break
            below = []
            for number, line in enumerate(lines[place:], entry.line + place):
                if self._lines[number - 1][:1] in (" ", "\t"):
                    below.append((line, number))
                elif not self._take_label(line, number, 0):
                    self._lose(number, line, "text is not carried")
            return text[: len(text) - len(tail)].rstrip(), below
        return text, []

    def _take_plain(self, entry: Entry, text: str) -> bool:
        """Whether an item without a box is done with: it is not a task by its own words."""
        level, frame = entry.level, self._frames[-1]
        label = written.label(text)
        if frame.region in (FILES, NEEDS) and self._phase and not (label and label[0] and label[2]):
            owner = self._owners[-1][1] if self._owners else self._heading_task
            self._take_value(frame.region, text, owner, entry.line, text)
            return True
        if written.task_prefix(_without_tick(text))[0]:
            return False
        if self._phase is None:
            self._lose_outside(entry.line, text)
            return True
        if label and label[0] and (label[2] or label[0] != ESTIMATE) and (self._owners or frame.region != TASKS):
            if not label[2]:
                self._set_region(label[0], level)
                return True
            if self._take_label(text, entry.line, level + 1 if self._owners else 0):
                return True
        about = label is not None and label[1].strip("*_ ").casefold() in _ABOUT
        if level == frame.level + 1 and frame.region in ("", TASKS) and not (about and not frame.region):
            self._take_task(entry, text)
            if self._owners and self._owners[-1][0] == level:
                self._owners[-1][1].region = (frame.region, frame.number)
        else:
            self._lose(entry.line, text, "an item without a box below a task or another heading is no task")
        return True

    def _add_task(self, found: written.Written, line: int, *, boxed: bool) -> _Task:
        task = _Task(found, self.name, line)
        task.listed = boxed or self._rank == 2
        task.group = (self._rank if task.listed else 0, self._number)
        task.phase = self._phase
        if self._phase is None:
            self.loose.append(task)
        else:
            self._phase.tasks.append(task)
            if boxed:
                self._phase.boxed.add(self._frames[-1].number)
        return task

    def _drop_candidates(self) -> None:
        """Take out the items that turned out to be no tasks, because others beside them have boxes."""
        for phase in self.phases:
            kept = []
            for task in phase.tasks:
                if task.region is None:
                    kept.append(task)
                    continue
                region, number = task.region
                if number in phase.boxed or (not region and (phase.boxed or phase.has_task_list)):
                    self._lose(task.line, task.title, "an item without a box is no task where others have one")
                    if task.files:
                        self._lose(task.line, ", ".join(task.files), "it belongs to an item that is no task")
                else:
                    kept.append(task)
            phase.tasks = kept


def _is_phase(entry: Entry) -> bool:
    text = entry.text
    if entry.kind == "heading" or (entry.kind == "paragraph" and text[:2] in ("**", "__") and text.endswith(text[:2])):
        return _PHASE.match(text) is not None
    return False


def _without_tick(text: str) -> str:
    return text[1:].lstrip("\ufe0f ") if text[:1] in "✓✔☑✅" else text


def _fenced(text: str, entries: Sequence[Entry]) -> str:
    """The content of those fences of Markdown that have a phase, each line in its place, "" for none."""
    lines = text.split("\n")
    found = [""] * len(lines)
    for entry in entries:
        if entry.kind != "code" or not written.fenced_as_markdown(lines[entry.line - 1]):
            continue
        content = entry.text.removesuffix("\n").split("\n")
        if any([(head := _HEADING.match(line)) and _PHASE.match(line, head.end()) for line in content]):
            found[entry.line : entry.line + len(content)] = content
    return "\n".join(found) if any(found) else ""


def _split_heading(text: str) -> tuple[str, list[str], bool]:
    """A phase's heading as its title, what it says in brackets that it depends on, and whether it says so elsewhere."""
    needs: list[str] = []
    parts = []
    start = 0
    for opening, closing in _brackets(text):
        inside = text[opening + 1 : closing].strip()
        found = _NEEDS.match(inside)
        if found and (not found[1] or _PHASES.search(inside) or _BEFORE.search(inside)):
            needs.append(inside[found.end() :])
        elif not (_NOTHING.fullmatch(inside) and inside[0].isalpha()):
            continue
        parts.append(text[start:opening])
        start = closing + 1
    title = one_line(" ".join([*parts, text[start:]]))
    return title, needs, "depends on" in title.lower()


def _brackets(text: str) -> list[tuple[int, int]]:
    """Where brackets that lie in no others open and close."""
    found = []
    depth = opening = 0
    for place, sign in enumerate(text):
        if sign in "([":
            if not depth:
                opening = place
            depth += 1
        elif sign in ")]" and depth:
            depth -= 1
            if not depth:
                found.append((opening, place))
    return found


def _join(phases: list[_Phase], loose: list[_Task], losses: list[Loss]) -> list[_Phase]:
    """The phases, with the marks of tasks that stand in more than one list put together."""
    base: dict[tuple[str, str, str], list[_Task]] = {}
    used: dict[tuple[object, ...], int] = {}
    joined: set[int] = set()
    for task in sorted([task for phase in phases for task in phase.tasks], key=lambda task: task.group):
        phase_id = task.phase.id.casefold() if task.phase else ""
        key = (phase_id, task.id.casefold(), "" if task.id else " ".join(task.title.casefold().split()))
        known = base.setdefault(key, [])
        place = used.get((key, task.group), 0)
        used[key, task.group] = place + 1
        if task.listed and place < len(known) and known[place].group != task.group:
            _merge_task(known[place], task, losses)
            joined.add(id(task))
        else:
            known.append(task)
    _join_loose(base, loose, losses)
    with_tasks: dict[str, _Phase] = {}
    for phase in phases:
        phase.tasks = [task for task in phase.tasks if id(task) not in joined]
        if phase.tasks and phase.into is None:
            with_tasks.setdefault(phase.id.casefold(), phase)
    for phase in phases:
        if phase.into is None and not phase.tasks:
            phase.into = with_tasks.get(phase.id.casefold())
        if phase.into is not None:
            _merge_phase(phase.root(), phase, losses)
    return [phase for phase in phases if phase.into is None]


def _join_loose(base: dict[tuple[str, str, str], list[_Task]], loose: list[_Task], losses: list[Loss]) -> None:
    """Give the marks of tasks that stand in no phase to the tasks of the same ids."""
    by_id: dict[str, list[_Task]] = {}
    for tasks in base.values():
        for task in tasks:
            if task.id:
                by_id.setdefault(task.id.casefold(), []).append(task)
    for task in loose:
        known = by_id.get(task.id.casefold(), [])
        if len(known) == 1:
            _merge_task(known[0], task, losses)
        else:
            why = "it stands in no phase, and more than one task has its id" if known else "it stands in no phase"
            losses.append(Loss(task.source, task.line, f"Task {task.id}: {task.title}", why))


def _merge_task(task: _Task, other: _Task, losses: list[Loss]) -> None:
    """Put what a list says of the task to the task."""
    place = f"Task {other.id}: {other.title}" if other.id else other.title
    if other.title.casefold() not in task.title.casefold():
        losses.append(Loss(other.source, other.line, place, f"the task is called otherwise before: {task.title}"))
    if _ORDER.index(other.mark) > _ORDER.index(task.mark):
        task.mark = other.mark
    elif other.mark != task.mark:
        losses.append(Loss(other.source, other.line, place, f"the task is {task.mark} elsewhere, which counts"))
    task.files.update(other.files)
    task.needs += other.needs
    if task.phase and other.phase and task.phase.root() is not other.phase.root():
        other.phase.root().into = task.phase.root()


def _merge_phase(phase: _Phase, other: _Phase, losses: list[Loss]) -> None:
    """Put what a second heading of a phase has to the first."""
    phase.tasks += other.tasks
    other.tasks = []
    phase.files.update(other.files)
    phase.needs += [need for need in other.needs if need[0] not in {known for known, _ in phase.needs}]
    if other.estimate and phase.estimate and other.estimate != phase.estimate:
        losses.append(Loss(other.source, other.line, other.estimate, "the phase has another estimate already"))
    phase.estimate = phase.estimate or other.estimate
    if other.title.casefold() not in phase.title.casefold() and other.title != f"Phase {other.id}":
        why = f"the phase is called otherwise elsewhere: {phase.title}"
        losses.append(Loss(other.source, other.line, f"Phase {other.id}: {other.title}", why))


class _Names:
    """The phases and tasks that there are, to tell which of them are depended on."""

    def __init__(self, phases: Sequence[_Phase], losses: list[Loss]) -> None:
        self._phases = phases
        self._losses = losses
        self._ids = {phase.id.casefold(): phase.id for phase in reversed(phases)}
        self._titles = {phase.title.casefold(): phase.id for phase in reversed(phases)}
        self._numbers = sorted([(int(phase.id[:9]), phase.id) for phase in phases if phase.id.isdecimal()])
        self._by_id = {phase.id: phase for phase in reversed(phases)}
        self._count = 0
        self._tasks = {task.id.casefold(): task.id for phase in phases for task in phase.tasks if task.id}

    def finished(self, phase: _Phase, place: int) -> FoundPhase:
        """The phase, with what it depends on by id."""
        needs: dict[str, None] = {}
        for text, line in phase.needs:
            needs.update(dict.fromkeys(self._needed(phase, place, text, line)))
        self._count += len(needs)
        if self._count > _MOST_NEEDS:
            raise unreadable(phase.source, phase.line, "the phases depend on too many others")
        tasks = tuple([self._finished_task(task) for task in phase.tasks])
        return FoundPhase(
            phase.title, phase.id, tuple(needs), phase.estimate, tuple(phase.files), tasks, phase.source, phase.line
        )

    def _finished_task(self, task: _Task) -> FoundTask:
        needs: dict[str, None] = {}
        for text, line in task.needs:
            for name in _TASK_IDS.sub(" , ", _REMARK.sub(" ", text)).split(","):
                bare = name.strip(" .`*")
                if bare.casefold() in self._tasks:
                    needs[self._tasks[bare.casefold()]] = None
                elif bare and not _NOTHING.fullmatch(bare):
                    self._losses.append(Loss(task.source, line, text, f"it names no task of the breakdown: {bare}"))
        return FoundTask(
            task.title, task.mark, task.id, tuple(task.files), tuple(needs), task.source, task.line
        )  # fmt: skip

    def _needed(self, phase: _Phase, place: int, text: str, line: int) -> list[str]:
        """The ids of the phases that the text names; what else it says is lost."""
        found: list[str] = []
        bare = rest = text.strip()
        if nothing := _NOTHING.match(bare):
            rest = bare[nothing.end() :]
        elif before := _BEFORE.search(bare):
            found += [other.id for other in self._phases[0 if before[1] else max(place - 1, 0) : place]]
            rest = bare[: before.start()] + bare[before.end() :]
        elif _NUMBERS.fullmatch(bare):
            rest = self._listed(found, bare)
        elif _PHASES.search(bare):
            unknown: list[str] = []
            rest = _PHASES.sub(lambda match: self._note(unknown, self._listed(found, match[1])), bare)
            rest = " ".join([rest, *unknown])
        else:
            rest = self._titled(found, bare)
        fillers = _FILLERS.union(*[self._by_id[name].title.casefold().split() for name in dict.fromkeys(found[:99])])
        left = [word for word in _WORD.findall(rest) if word.casefold() not in fillers]
        if left:
            why = f"only phases of the breakdown are carried as dependencies, not: {' '.join(left)}"
            self._losses.append(Loss(phase.source, line, text, why))
        return found

    @staticmethod
    def _note(unknown: list[str], rest: str) -> str:
        unknown.append(rest)
        return " "

    def _listed(self, found: list[str], text: str) -> str:
        """Add the phases of a list of numbers; the numbers that are no phase's."""
        unknown = []
        for match in _ONE.finditer(text):
            first, last = match[1], match[2]
            if last and first.isdecimal() and last.isdecimal():
                low, high = int(first[:9]), int(last[:9])
                start, end = bisect_left(self._numbers, (low, "")), bisect_left(self._numbers, (high + 1, ""))
                among = [name for _, name in self._numbers[start:end]]
                found += among
                if not among:
                    unknown.append(match[0])
                continue
            for name in (first, last):
                if name and name.casefold() in self._ids:
                    found.append(self._ids[name.casefold()])
                elif name and name.casefold() not in _FILLERS:
                    unknown.append(name)
        return " ".join(unknown)

    def _titled(self, found: list[str], text: str) -> str:
        """Add the phases that are named by their titles; what is none."""
        whole = text.strip(" .*").casefold()
        if whole in self._titles:
            found.append(self._titles[whole])
            return ""
        unknown = []
        for name in text.split(","):
            bare = name.strip(" .*").casefold()
            if bare in self._titles:
                found.append(self._titles[bare])
            elif bare:
                unknown.append(name)
        return " ".join(unknown)
