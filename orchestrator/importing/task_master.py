"""Task Master's ``tasks.json``: a list of tasks with subtasks, or one such list for each tag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.importing.breakdown import Breakdown, FoundTask, Loss, Source, nothing_in, shown, unreadable
from orchestrator.importing.json_text import Number, Table, as_written, broken, decode, number_lines, word
from orchestrator.importing.trackers import Group, count_fields, fields_loss, listed, phases_of

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "task-master"

_MARKS = {"done": DONE, "completed": DONE, "in-progress": STARTED, "review": STARTED, "pending": OPEN}
_CARRIED = frozenset({"id", "title", "status", "dependencies", "subtasks"})
_NO_CONTENT = frozenset({"parentId", "parentTaskId", "createdAt", "updatedAt"})
_HEAD = re.compile(r'\s*\{\s*(?:"[^"\\]*"\s*:\s*\{\s*)?"tasks"\s*:\s*\[\s*\{\s*"id"\s*:')
_WHY_FIELDS = "these fields are not carried (in brackets: how many tasks and subtasks have them)"


def looks_like(source: Source) -> bool:
    """Whether it is JSON with a list "tasks", alone or under tags, whose tasks have an id and a title."""
    text = source.text.removeprefix("\ufeff")
    if not text.lstrip().startswith("{") or '"tasks"' not in text:
        return False
    try:
        value, _tables = decode(text)
    except (ValueError, RecursionError):
        return bool(_HEAD.match(text))  # broken off, but its own: ``read`` says where
    if not isinstance(value, Table):
        return False
    lists = [table.get("tasks") for table in (value, *value.values()) if isinstance(table, Table)]
    return any([_is_task(tasks[0]) for tasks in lists if isinstance(tasks, list) and tasks])


def _is_task(value: object) -> bool:
    """Whether it has what a task has; the tasks of an editor or a build tool have a label or a name instead."""
    return isinstance(value, Table) and "id" in value and "title" in value and not {"label", "command"} & value.keys()


def read(sources: Sequence[Source], tag: str = "master") -> Breakdown:
    """The tasks under the tag as phases, their subtasks as tasks; a file of the old form has no tags.

    Raises:
        CannotJudgeError: a file is no JSON or has no tasks, or not this tag.
    """
    groups: list[Group] = []
    losses: list[Loss] = []
    title = ""
    for source in sources:
        reader = _Reader(source)
        tasks = reader.tasks_of(tag)
        groups.extend(reader.groups(tasks))
        losses.extend(reader.all_losses())
        title = title or reader.title
    if not groups:
        raise nothing_in(sources, "there is no task in it")
    phases, more = phases_of(groups)
    return Breakdown(title, "", phases, (*losses, *more))


class _Reader:
    """One file, and what of it is not carried."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.losses: list[Loss] = []
        self.fields: dict[str, int] = {}
        self.without_status = 0
        self.title = ""
        try:
            self.value, tables = decode(source.text)
        except (ValueError, RecursionError) as error:
            raise unreadable(source.name, *broken(error)) from None
        number_lines(source.text, tables)
        for table in tables:
            if table.repeated:
                why = "stands twice in one object: the last one counts"
                self.losses.append(Loss(source.name, table.line, listed(table.repeated), why))

    def tasks_of(self, tag: str) -> list[Any]:
        """The list of tasks under the tag, or the only one.

        Raises:
            CannotJudgeError: there is none.
        """
        value = self.value
        if not isinstance(value, Table):
            raise unreadable(self.name, 1, 'this is no list of Task Master: an object with "tasks" was expected')
        tags = {key: each["tasks"] for key, each in value.items() if isinstance(each, Table) and "tasks" in each}
        if "tasks" in value and "tasks" not in tags and tag not in tags:
            if tags:
                self._lose_tags(tags)
            elif tag != "master":
                raise unreadable(self.name, 1, f'there is no tag "{shown(tag)}" in it: it has no tags')
            found, holder = value["tasks"], value
        elif tag in tags:
            found, holder = tags[tag], value[tag]
            self._lose_tags({key: tasks for key, tasks in tags.items() if key != tag})
            if "tasks" in value and "tasks" not in tags:
                why = f'a second list beside the tags is not carried: "{tag}" is'
                self.losses.append(Loss(self.name, 1, f"tasks ({_size(value['tasks'])})", why))
        elif tags:
            raise unreadable(self.name, 1, f'there is no tag "{shown(tag)}" in it, only: {listed(list(tags))}')
        else:
            raise unreadable(self.name, 1, 'there is no "tasks" in it')
        if not isinstance(found, list):
            raise unreadable(self.name, holder.line, f'"tasks" is no list: {shown(as_written(found), 40)}')
        meta = holder.get("metadata")
        self.title = word(meta.get("projectName")) if isinstance(meta, Table) else ""
        return found

    def _lose_tags(self, tags: dict[str, Any]) -> None:
        for key, tasks in tags.items():
            why = "the tasks of another tag are not carried: import it by itself"
            self.losses.append(Loss(self.name, self.value[key].line, f"{shown(key)} ({_size(tasks)})", why))  # type: ignore[index]

    def groups(self, tasks: list[Any]) -> list[Group]:
        """The tasks with their subtasks."""
        top = {word(task.get("id")) for task in tasks if isinstance(task, Table)}
        found = []
        for place, value in enumerate(tasks, 1):
            head = self._task(value, "", f"task {place}")
            if head is not None:
                found.append(Group(head, tuple(self._subtasks(value, head.id, top))))
        return found

    def _subtasks(self, task: Table, parent: str, top: set[str]) -> list[FoundTask]:
        """All below the task, each before what it holds itself; the tracker has one level, files may have more."""
        found: list[FoundTask] = []
        waiting = [(task, parent, iter(self._list(task, "subtasks")), self._siblings(task, parent))]
        deep = 0
        while waiting:
            _holder, prefix, rest, siblings = waiting[-1]
            value = next(rest, None)
            if value is None:
                waiting.pop()
                continue
            one = self._task(value[0], prefix, f"a subtask of {prefix or shown(as_written(task.get('title')), 40)}")
            if one is None:
                continue
            names = tuple([_resolved(name, prefix, siblings, top) for name in one.depends_on])
            found.append(one if names == one.depends_on else one.replace(depends_on=names))
            deep += len(waiting) > 1
            if value[0].get("subtasks"):
                below = self._list(value[0], "subtasks")
                waiting.append((value[0], one.id, iter(below), self._siblings(value[0], one.id)))
        if deep:
            why = f"{deep} subtasks of subtasks stand beside them, because tasks hold no tasks"
            self.losses.append(Loss(self.name, task.line, shown(f"{parent} {word(task.get('title'))}"), why))
        return found

    def _siblings(self, task: Table, prefix: str) -> set[str]:
        values = task.get("subtasks")
        if not isinstance(values, list):
            return set()
        return {_full(word(value.get("id")), prefix) for value in values if isinstance(value, Table)}

    def _list(self, task: Table, key: str) -> list[tuple[Any]]:
        """What is in the list, each wrapped, so that a null is told from the end."""
        value = task.get(key)
        if isinstance(value, list):
            return [(each,) for each in value]
        if value is not None:
            self._lose(task, f'"{key}" is no list: {shown(as_written(value), 40)}')
        return []

    def _task(self, value: object, prefix: str, where: str) -> FoundTask | None:
        if not isinstance(value, Table):
            why = f"{where} is no object with an id and a title"
            self.losses.append(Loss(self.name, 0, shown(as_written(value)), why))
            return None
        own, title = word(value.get("id")), value.get("title")
        if not isinstance(title, str) or not title.strip():
            if not own:
                self._lose(value, f"{where} has neither id nor title: it is not carried")
                return None
            self._lose(value, f"its title is no text: {shown(as_written(title), 40)}")
            title = f"Task {_full(own, prefix)}"
        elif isinstance(title, Number):
            self._lose(value, f"its title is a number, taken as written: {shown(title, 40)}")
        if not own and value.get("id") not in (None, ""):
            self._lose(value, f"its id is neither text nor a number: {shown(as_written(value['id']), 40)}")
        count_fields(value.items(), _CARRIED | _NO_CONTENT, self.fields)
        names = []
        for (name,) in self._list(value, "dependencies"):
            if word(name):
                names.append(word(name))
            else:
                self._lose(value, f"depends on something that is no id: {shown(as_written(name), 40)}")
        title = str(title).strip()
        task_id = _full(own, prefix)
        mark = self._mark(value, f"{task_id} {title}".strip())
        return FoundTask(title, mark, task_id, (), tuple(names), self.name, value.line)

    def _mark(self, value: Table, shown_as: str) -> str:
        status = value.get("status")
        if status is None or status == "":
            self.without_status += 1
            return OPEN
        mark = _MARKS.get(word(status).lower().replace("_", "-").replace(" ", "-"))
        if mark is None:
            written = shown(word(status) or as_written(status), 40)
            if value.get("subtasks"):
                why = f'its status "{written}" is not carried: a phase has none, its tasks keep theirs'
            else:
                why = f'a plan knows no status "{written}": it is open here'
            self.losses.append(Loss(self.name, value.line, shown(shown_as), why))
        return mark or OPEN

    def _lose(self, value: Table, why: str) -> None:
        text = f"{word(value.get('id'))} {word(value.get('title'))}"
        self.losses.append(Loss(self.name, value.line, shown(text), why))

    def all_losses(self) -> list[Loss]:
        """Those of single tasks, then those of the file as a whole."""
        more = fields_loss(self.name, self.fields, _WHY_FIELDS)
        if self.without_status:
            why = "tasks without a status are open here"
            more.append(Loss(self.name, 0, f"{self.without_status} tasks", why))
        return [*self.losses, *more]


def _full(own: str, prefix: str) -> str:
    """The id of a subtask with that of its task before it, as the tracker's commands take it."""
    return f"{prefix}.{own}" if own and prefix and "." not in own else own


def _resolved(name: str, prefix: str, siblings: set[str], top: set[str]) -> str:
    """The full id of what a subtask depends on: a sibling goes before a task of the same number."""
    if "." in name or not prefix:
        return name
    sibling = f"{prefix}.{name}"
    return sibling if sibling in siblings or name not in top else name


def _size(tasks: object) -> str:
    return f"{len(tasks)} tasks" if isinstance(tasks, list) else "no list"
