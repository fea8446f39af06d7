"""Backlog.md's folder of tasks: one Markdown file each, with the facts in its front matter."""

from __future__ import annotations

import re
from math import inf, isfinite
from typing import TYPE_CHECKING

from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.core.value import Value
from orchestrator.importing.breakdown import Breakdown, FoundTask, Loss, Source, nothing_in, shown, unreadable
from orchestrator.importing.front_matter import MOST, BadFrontMatterError, Field, front_matter
from orchestrator.importing.trackers import Group, count_fields, fields_loss, loss_of, named, phases_of, roots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "backlog"

_REST = "Backlog"
_MARKS = {"to do": OPEN, "in progress": STARTED, "done": DONE, "completed": DONE}
_CARRIED = frozenset({
    "id", "title", "status", "dependencies", "milestone", "parent_task_id", "ordinal", "modified_files",
})  # fmt: skip
_NO_CONTENT = frozenset({"created_date", "updated_date", "subtasks", "type"})
_OTHER_RECORD = re.compile(r"(?:decision|doc)-\d", re.IGNORECASE)
_MILESTONE = re.compile(r"m-\d+", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_BOX = re.compile(r"^[ \t]*[-*+] \[[ xX]\] ", re.MULTILINE)
_WHY_FIELDS = "these fields are not carried (in brackets: how many files have them)"


class _Entry(Value):
    task: FoundTask
    milestone: str
    parent: str
    order: tuple[object, ...]


def looks_like(source: Source) -> bool:
    """Whether it has front matter with an id and a status, and is neither a decision nor a document."""
    if not source.text.removeprefix("\ufeff").startswith("---\n"):
        return False
    head = source.text[: MOST + 8]
    try:
        found = front_matter(head)
    except BadFrontMatterError:
        lines = head.split("\n---", 2)[0]  # broken, but its own: ``read`` says where
        return bool(
            re.search(r"^id: *['\"]?\w+-\d", lines, re.MULTILINE) and re.search(r"^status:", lines, re.MULTILINE)
        )
    return bool(found and "id" in found[0] and "status" in found[0] and not _OTHER_RECORD.match(found[0]["id"].text))


def read(sources: Sequence[Source]) -> Breakdown:
    """The tasks; a phase is a milestone if any file has one, else a task that has others below it.

    Raises:
        CannotJudgeError: no file is a task.
    """
    reader = _Reader()
    for source in sources:
        reader.take(source)
    if not reader.entries:
        if reader.first_error:
            raise unreadable(*reader.first_error)
        why = "there is no task in it: a file with front matter (id, title, status) was expected"
        raise nothing_in(sources, why)
    entries = [_resolved(entry, reader.places) for entry in sorted(reader.entries, key=lambda entry: entry.order)]
    losses = reader.all_losses()
    by_milestone = any([entry.milestone for entry in entries])
    groups = _by_milestone(entries, reader.milestones, losses) if by_milestone else _by_parent(entries, losses)
    phases, more = phases_of(groups)
    return Breakdown("", "", phases, (*losses, *more))


def _resolved(entry: _Entry, places: Mapping[str, str]) -> _Entry:
    """The entry with the ids that it names as the tasks themselves write them: task-7 may be called TASK-07."""
    task = entry.task
    if not task.depends_on and not entry.parent:
        return entry
    names = tuple(dict.fromkeys([places.get(_key(name), name) for name in task.depends_on]))
    parent = places.get(_key(entry.parent), entry.parent)
    if names == task.depends_on and parent == entry.parent:
        return entry
    return entry.replace(task=task.replace(depends_on=names), parent=parent)


def _key(name: str) -> str:
    return _DIGITS.sub(lambda found: found[0].lstrip("0") or "0", name.strip().casefold())


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key by which 2 comes before 10; numbers stay text, because they may be of any length."""
    numbers = [number.lstrip("0") for number in _DIGITS.findall(name)]
    return tuple([(len(number), number) for number in numbers])


def _by_milestone(entries: list[_Entry], titles: Mapping[str, str], losses: list[Loss]) -> list[Group]:
    found: dict[str, list[FoundTask]] = {}
    names: dict[str, str] = {}
    for entry in entries:
        key = _key(entry.milestone)
        found.setdefault(key, []).append(entry.task)
        names.setdefault(key, entry.milestone)
    children = [entry.task for entry in entries if entry.parent]
    if children:
        why = "the phases are the milestones, so what these tasks are part of is not carried"
        losses.append(Loss(children[0].source, 0, named(children), why))
    rest = found.pop("", [])
    numbered = sorted([key for key in found if _MILESTONE.fullmatch(key)], key=_natural)
    keys = numbered + [key for key in found if key not in set(numbered)]
    groups = [_heading(titles.get(key, names[key]), found[key]) for key in keys]
    return [*groups, _heading(_REST, rest)] if rest else groups


def _heading(title: str, tasks: Sequence[FoundTask]) -> Group:
    return Group(FoundTask(title, source=tasks[0].source), tuple(tasks), own=False)


def _by_parent(entries: list[_Entry], losses: list[Loss]) -> list[Group]:
    place: dict[str, int] = {}
    for number, entry in enumerate(entries):
        place.setdefault(entry.task.id, number)
    above = [place.get(entry.parent, -1) if entry.parent else -1 for entry in entries]
    lost = [entry.task for entry, at in zip(entries, above, strict=True) if entry.parent and at < 0]
    if lost:
        why = "what these tasks are part of is not among the files"
        losses.append(Loss(lost[0].source, 0, named(lost), why))
    root, cut = roots(above)
    losses.extend([loss_of(entries[at].task, "it is its own ancestor: its parent is not carried") for at in cut])
    below: list[list[FoundTask]] = [[] for _ in entries]
    deep = []
    for number, entry in enumerate(entries):
        if root[number] != number:
            below[root[number]].append(entry.task)
            if above[number] != root[number]:
                deep.append(entry.task)
    if deep:
        why = "tasks below tasks of a phase stand beside them, because tasks hold no tasks"
        losses.append(Loss(deep[0].source, 0, named(deep), why))
    groups = [Group(entry.task, tuple(below[at])) for at, entry in enumerate(entries) if below[at]]
    rest = [entry.task for at, entry in enumerate(entries) if root[at] == at and not below[at]]
    return [*groups, _heading(_REST, rest)] if rest else groups


def _common(names: Sequence[str]) -> str:
    """The one file, or the folder that all files lie in."""
    if len(names) < 2:
        return names[0] if names else ""
    first, last = min(names), max(names)  # all others share what these two share
    shared = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    folder, slash, _ = first[:shared].rpartition("/")
    return folder or slash or "."


class _Reader:
    """All files: the tasks, the titles of milestones, and what is not carried."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self.places: dict[str, str] = {}
        self.milestones: dict[str, str] = {}
        self.losses: list[Loss] = []
        self.first_error: tuple[str, int, str] | None = None
        self.fields: dict[str, int] = {}
        self.boxes: list[int] = []
        self.texts = 0
        self.names: list[str] = []

    def take(self, source: Source) -> None:
        """Read one file."""
        try:
            found = front_matter(source.text)
        except BadFrontMatterError as error:
            self.first_error = self.first_error or (source.name, error.line, error.why)
            self.losses.append(Loss(source.name, error.line, "", f"{error.why}: the file is not carried"))
            return
        fields, body = found or ({}, "")
        own, title = self._text(source, fields, "id"), self._text(source, fields, "title")
        if not own or _OTHER_RECORD.match(own):
            why = "this file is no task: it has no front matter with the id of one"
            self.losses.append(Loss(source.name, 0, shown(title or own), why))
        elif "status" not in fields and _MILESTONE.fullmatch(own):
            self.milestones[_key(own)] = title or own
        else:
            self._task(source, fields, body, own, title)

    def _task(self, source: Source, fields: dict[str, Field], body: str, own: str, title: str) -> None:
        if not title:
            self.losses.append(Loss(source.name, 1, own, "it has no title"))
            title = f"Task {own}"
        for name, field in fields.items():
            if field.repeated:
                why = "stands twice in the front matter: the last one counts"
                self.losses.append(Loss(source.name, field.line, shown(name), why))
        values = [(name, field.text or field.items or field.odd or "") for name, field in fields.items()]
        count_fields(values, _CARRIED | _NO_CONTENT | {""}, self.fields)
        boxes = len(_BOX.findall(body))
        if boxes:
            self.boxes.append(boxes)
        self.texts += bool(body.strip())
        self.names.append(source.name)
        waits, files = self._items(source, fields, "dependencies"), self._items(source, fields, "modified_files")
        line = fields["title"].line if "title" in fields else 1
        mark = self._mark(source, fields, line, f"{own} {title}")
        task = FoundTask(title, mark, own, files, waits, source.name, line)
        self.places.setdefault(_key(own), own)
        order = (self._ordinal(source, fields), _natural(own), own)
        milestone, parent = self._text(source, fields, "milestone"), self._text(source, fields, "parent_task_id")
        self.entries.append(_Entry(task, milestone, parent, order))

    def _mark(self, source: Source, fields: dict[str, Field], line: int, shown_as: str) -> str:
        status = self._text(source, fields, "status")
        mark = _MARKS.get(" ".join(status.lower().replace("-", " ").replace("_", " ").split()))
        if mark is None:
            why = f'a plan knows no status "{shown(status, 40)}": it is open here' if status else "it has no status"
            self.losses.append(Loss(source.name, line, shown(shown_as), why))
        elif mark != DONE and "/archive/" in f"/{source.name}".replace("\\", "/"):
            why = "it lies in the archive, but is not done: it is open here"
            self.losses.append(Loss(source.name, line, shown(shown_as), why))
        return mark or OPEN

    def _ordinal(self, source: Source, fields: dict[str, Field]) -> float:
        text = self._text(source, fields, "ordinal")
        if not text:
            return inf
        try:
            number = float(text)
        except ValueError:
            number = inf
        if not isfinite(number):
            self.losses.append(Loss(source.name, fields["ordinal"].line, shown(text), "the ordinal is no number"))
            return inf
        return number

    def _text(self, source: Source, fields: dict[str, Field], name: str) -> str:
        field = fields.get(name)
        if field is None:
            return ""
        if field.is_list or field.odd:
            why = f"{name} is no text: it is not carried"
            self.losses.append(Loss(source.name, field.line, shown(", ".join(field.items) or name), why))
            return ""
        return field.text.strip()

    def _items(self, source: Source, fields: dict[str, Field], name: str) -> tuple[str, ...]:
        field = fields.get(name)
        if field is None:
            return ()
        if field.text or field.odd:
            why = f"{name} is no list of texts: what is none is not carried"
            self.losses.append(Loss(source.name, field.line, shown(field.text or name), why))
        return tuple([item.strip() for item in field.items if item.strip()])

    def all_losses(self) -> list[Loss]:
        """Those of single files, then those of all together."""
        folder = _common(self.names)
        more = fields_loss(folder, self.fields, _WHY_FIELDS)
        if self.texts:
            why = "what stands below the front matter (description, plan, notes) is not carried"
            more.append(Loss(folder, 0, f"{self.texts} files", why))
        if self.boxes:
            why = "boxes below the front matter, as those of acceptance criteria, are no tasks"
            more.append(Loss(folder, 0, f"{sum(self.boxes)} boxes in {len(self.boxes)} files", why))
        return [*self.losses, *more]
