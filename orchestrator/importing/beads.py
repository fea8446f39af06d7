"""Beads' ``issues.jsonl``: one issue in each line, epics and other parents become phases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.core.value import Value
from orchestrator.importing.breakdown import Breakdown, FoundTask, Loss, Source, nothing_in, shown, unreadable
from orchestrator.importing.json_text import Table, as_written, broken, decode, word
from orchestrator.importing.trackers import Group, count_fields, fields_loss, listed, loss_of, named, phases_of, roots

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "beads"

_REST = "Other issues"
_MARKS = {"open": OPEN, "in_progress": STARTED, "closed": DONE}
_NO_WORK = frozenset({"message", "event", "agent", "role", "rig", "slot", "merge-request", "convoy"})
_CARRIED = frozenset({"id", "title", "status", "issue_type", "dependencies", "parent", "_type"})
# What the tracker writes for itself.
_NO_CONTENT = frozenset({
    "created_at", "created_by", "updated_at", "updated_by", "closed_at", "closed_by_session", "content_hash", "owner",
    "source_repo", "compaction_level", "original_size", "sender", "ephemeral", "dependency_count", "dependent_count",
    "comment_count", "started_at", "last_activity",
})  # fmt: skip
_WHY_FIELDS = "these fields are not carried (in brackets: how many issues have them)"


class _Issue(Value):
    task: FoundTask
    epic: bool
    parents: tuple[str, ...]
    created: datetime | None


def looks_like(source: Source) -> bool:
    """Whether its first line of JSON is an issue: an id, a title, and a type or a priority beside the status."""
    for line in source.text.removeprefix("\ufeff").lstrip().split("\n", 10)[:10]:
        if not line.startswith("{"):
            continue
        try:
            value, _tables = decode(line)
        except (ValueError, RecursionError):
            continue
        return (
            isinstance(value, Table) and bool(word(value.get("id"))) and isinstance(value.get("title"), str)
            and ("issue_type" in value or {"status", "priority", "created_at"} <= value.keys())
        )  # fmt: skip
    return False


def read(sources: Sequence[Source]) -> Breakdown:
    """The issues: each that has no parent and is an epic or a parent is a phase, everything below it its tasks.

    Raises:
        CannotJudgeError: there is no issue that is not deleted, or no line of a file is JSON.
    """
    issues: list[_Issue] = []
    losses: list[Loss] = []
    for source in sources:
        reader = _Reader(source)
        issues.extend(reader.issues)
        losses.extend(reader.all_losses())
    if not issues:
        raise nothing_in(sources, "there is no issue in it that is not deleted")
    phases, more = phases_of(_groups(_in_order(issues), losses))
    return Breakdown("", "", phases, (*losses, *more))


def _in_order(issues: list[_Issue]) -> list[_Issue]:
    """The issues as they were created; the file has them by ids, which are drawn by lot."""
    times = [(issue.created, number) for number, issue in enumerate(issues) if issue.created is not None]
    if len(times) < len(issues):
        return issues
    return [issues[number] for _time, number in sorted(times)]


def _groups(issues: list[_Issue], losses: list[Loss]) -> list[Group]:
    place: dict[str, int] = {}
    for number, issue in enumerate(issues):
        place.setdefault(issue.task.id, number)
    above, lost = [], []
    for issue in issues:
        known = [place[name] for name in issue.parents if name in place]
        above.append(known[0] if known else -1)
        if issue.parents and not known:
            lost.append(issue.task)
        elif len(known) > 1:
            why = f"it has {len(known)} parents: it stands under {shown(issues[known[0]].task.id)} only"
            losses.append(loss_of(issue.task, why))
    if lost:
        why = f'their parents are not there or deleted: they stand under "{_REST}", or as phases if they are epics'
        losses.append(Loss(lost[0].source, 0, named(lost), why))
    root, cut = roots(above)
    losses.extend([loss_of(issues[at].task, "it is its own ancestor: its parent is not carried") for at in cut])
    below: list[list[FoundTask]] = [[] for _ in issues]
    deep = []
    for number, issue in enumerate(issues):
        if root[number] != number:
            below[root[number]].append(issue.task)
            if above[number] != root[number]:
                deep.append(issue.task)
    if deep:
        why = "issues below issues of a phase stand beside them, because tasks hold no tasks"
        losses.append(Loss(deep[0].source, 0, named(deep), why))
    groups, rest = [], []
    for number, issue in enumerate(issues):
        if below[number] or (issue.epic and root[number] == number):
            groups.append(Group(issue.task, tuple(below[number])))
        elif root[number] == number:
            rest.append(issue.task)
    if rest:
        groups.append(Group(FoundTask(_REST, source=rest[0].source), tuple(rest), own=False))
    return groups


class _Reader:
    """One file: its issues, and what of it is not carried."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.issues: list[_Issue] = []
        self.losses: list[Loss] = []
        self.fields: dict[str, int] = {}
        self.links: dict[str, int] = {}
        self.deleted: list[str] = []
        self.no_work: list[str] = []
        lines = 0
        first: tuple[int, str] | None = None
        for number, line in enumerate(source.text.removeprefix("\ufeff").split("\n"), 1):
            if not line.strip():
                continue
            lines += 1
            try:
                value, tables = decode(line)
            except (ValueError, RecursionError) as error:
                why = broken(error)[1]
                first = first or (number, why)
                self.losses.append(Loss(self.name, number, shown(line), why))
                continue
            for table in tables:
                if table.repeated:
                    why = "stands twice in one object: the last one counts"
                    self.losses.append(Loss(self.name, number, listed(table.repeated), why))
            self._line(value, number)
        if first and not self.issues and len(self.losses) >= lines:
            raise unreadable(self.name, *first)

    def _lose(self, number: int, text: str, why: str) -> None:
        self.losses.append(Loss(self.name, number, shown(text), why))

    def _line(self, value: object, number: int) -> None:
        if not isinstance(value, Table):
            self._lose(number, as_written(value), "this is no issue: an object with an id and a title was expected")
            return
        own, title = word(value.get("id")), word(value.get("title"))
        kind, status = word(value.get("issue_type")).lower(), word(value.get("status")).lower()
        if status == "tombstone" or value.get("deleted_at"):
            self.deleted.append(own or title or f"line {number}")
            return
        if kind in _NO_WORK or value.get("_type", "issue") != "issue" or value.get("is_template") is True:
            self.no_work.append(own or title or f"line {number}")
            return
        if not own and not title:
            self._lose(number, as_written(value), "this is no issue: it has neither id nor title")
            return
        if not title:
            self._lose(number, own, f"its title is no text: {shown(as_written(value.get('title')), 40)}")
            title = f"Issue {own}"
        elif not own:
            self._lose(number, title, f"its id is no text: {shown(as_written(value.get('id')), 40)}")
        count_fields(value.items(), _CARRIED | _NO_CONTENT, self.fields)
        waits, parents = self._links(value, own, number)
        mark = _MARKS.get(status)
        task = FoundTask(title, mark or OPEN, own, (), waits, self.name, number)
        if mark is None:
            written = word(value.get("status")) or as_written(value.get("status"))
            why = f'a plan knows no status "{shown(written, 40)}": it is open here'
            self.losses.append(loss_of(task, why))
        self.issues.append(_Issue(task, kind == "epic", parents, _time(value.get("created_at"))))

    def _links(self, value: Table, own: str, number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the issue waits for, and its parents."""
        waits: list[str] = []
        parents = [word(value["parent"])] if word(value.get("parent")) else []
        links = value.get("dependencies")
        if not isinstance(links, list):
            if links is not None:
                self._lose(number, own, f'"dependencies" is no list: {shown(as_written(links), 40)}')
            links = []
        for link in links:
            name = kind = ""
            if isinstance(link, Table):
                name = word(link.get("depends_on_id")) or word(link.get("id"))
                kind = word(link.get("type")) or word(link.get("dependency_type"))
            if not name or not kind or word(link.get("issue_id", own)) != own:
                self._lose(number, own, f"this dependency is not understood: {shown(as_written(link))}")
            elif kind == "blocks":
                waits.append(name)
            elif kind == "parent-child":
                parents.append(name)
            else:
                self.links[kind] = self.links.get(kind, 0) + 1
        return tuple(dict.fromkeys(waits)), tuple(dict.fromkeys(parents))

    def all_losses(self) -> list[Loss]:
        """Those of single lines, then those of the file as a whole."""
        more = []
        if self.deleted:
            more.append(Loss(self.name, 0, listed(self.deleted), "deleted issues are left out"))
        if self.no_work:
            why = "records that are no work (messages, agents, merge requests, templates) are left out"
            more.append(Loss(self.name, 0, listed(self.no_work), why))
        why = "only links of the kinds blocks and parent-child are carried (in brackets: how many others)"
        more.extend(fields_loss(self.name, self.links, why))
        more.extend(fields_loss(self.name, self.fields, _WHY_FIELDS))
        return [*self.losses, *more]


def _time(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(word(value))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
