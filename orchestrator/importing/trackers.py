"""What the readers of trackers share: issues that have issues in them become phases with tasks.

A phase has no mark of its own and its tasks cannot wait for a whole phase. So what a tracker says of the issue that
becomes the phase is carried by its tasks, or told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.state import DONE
from orchestrator.core.value import Value
from orchestrator.importing.breakdown import FoundPhase, FoundTask, Loss, shown
from orchestrator.importing.markdown import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_FEW = 20  # so many dependencies are written out; without a limit they could grow with the square of the source
_NAMED = 12


class Group(Value):
    """An issue that becomes a phase, and what becomes its tasks. Not ``own``: the head is a name, not work."""

    head: FoundTask
    members: tuple[FoundTask, ...] = ()
    own: bool = True


class _Places:
    """Where each id stands: the group that it is the head of, or a member of; of two with the same id the first."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.heads: dict[str, int] = {}
        self.members: dict[str, int] = {}
        for number, group in enumerate(groups):
            if group.own and group.head.id:
                self.heads.setdefault(group.head.id, number)
            for task in group.members:
                if task.id:
                    self.members.setdefault(task.id, number)
        self.tasks = [group.members for group in groups]
        self.waits = [set(group.head.depends_on) for group in groups]


def phases_of(groups: Sequence[Group]) -> tuple[tuple[FoundPhase, ...], list[Loss]]:
    """The phases in the order of the groups, and what of the groups they cannot say.

    A group without members is a phase with one task, the head. An open head whose members are all done stays as one
    more task: else its phase would be done by itself, and what waits for it would be free.
    """
    losses: list[Loss] = []
    groups = [_with_open_head(group, losses) for group in groups]
    places = _Places(groups)
    return tuple([_phase(group, number, places, losses) for number, group in enumerate(groups)]), losses


def _with_open_head(group: Group, losses: list[Loss]) -> Group:
    head, members = group.head, group.members
    if not group.own or not members:
        return group
    left = [task for task in members if task.mark != DONE]
    if head.mark == DONE and left:
        why = f"it is done there, but of what it holds {named(left)} is not: they stay open, and so does the phase"
        losses.append(loss_of(head, why))
    if head.mark == DONE or left:
        return group
    why = "all that it holds is done, but it is not done itself: it stays as a task of its own"
    losses.append(loss_of(head, why))
    return group.replace(members=(*members, head.replace(depends_on=())))


def _phase(group: Group, number: int, places: _Places, losses: list[Loss]) -> FoundPhase:
    head = group.head
    of_phase: list[str] = []
    of_tasks: list[str] = []
    for name in head.depends_on:
        home = places.members.get(name)
        if name in places.heads or home is None:
            of_phase.append(name)
        elif home != number:  # what it holds itself is done before it in any case
            of_tasks.append(name)
    if not group.members:
        alone = head if not head.depends_on else head.replace(depends_on=tuple(of_tasks))
        tasks: tuple[FoundTask, ...] = (alone,) if group.own else ()
    else:
        if len(of_tasks) > _FEW:
            why = f"waits for {len(of_tasks)} single tasks of other phases, which is not carried"
            losses.append(loss_of(head, why))
            of_tasks = []
        first = tuple(of_tasks)
        tasks = tuple([_task(task, first, number, places, losses) for task in group.members])
    return FoundPhase(
        plain(head.title), head.id if group.own else "", tuple(of_phase), "", () if tasks else head.files,
        tasks, head.source, head.line,
    )  # fmt: skip


def _task(task: FoundTask, first: tuple[str, ...], number: int, places: _Places, losses: list[Loss]) -> FoundTask:
    if not task.depends_on:
        return task.replace(depends_on=first) if first else task
    names = list(first)
    for name in task.depends_on:
        home = places.heads.get(name)
        if home is None or name in places.members or not places.tasks[home]:
            names.append(name)
        elif home == number:
            losses.append(loss_of(task, f"waits for {shown(name)}, of which it is a part: this is not carried"))
        elif name not in places.waits[number]:  # else the whole phase waits already
            parts = [part.id for part in places.tasks[home]]
            if len(parts) <= _FEW and all(parts):
                names.extend(parts)
            else:
                why = f"waits for all of {shown(name)}, a phase here: let its phase depend on that one"
                losses.append(loss_of(task, why))
    waits = tuple(dict.fromkeys(names))
    return task if waits == task.depends_on else task.replace(depends_on=waits)


def roots(parents: Sequence[int]) -> tuple[list[int], list[int]]:
    """The topmost ancestor of each, itself if it has none (-1), and those at which a circle was cut open."""
    above = list(parents)
    root = [-1] * len(above)
    cut: list[int] = []
    for start in range(len(above)):
        path: dict[int, None] = {}
        at = start
        while root[at] < 0 and above[at] >= 0 and at not in path:
            path[at] = None
            at = above[at]
        if root[at] < 0 and at in path:
            above[at] = -1
            cut.append(at)
        top = root[at] if root[at] >= 0 else at
        for one in (*path, at):
            root[one] = top
    return root, cut


def loss_of(task: FoundTask, why: str) -> Loss:
    """A loss that concerns this task."""
    return Loss(task.source, task.line, shown(f"{task.id} {task.title}".strip()), why)


def named(tasks: Sequence[FoundTask]) -> str:
    """The ids of the tasks, or their titles, for a message."""
    return listed([task.id or task.title for task in tasks])


def listed(names: Sequence[str]) -> str:
    """The names for a message, the first twelve of them."""
    text = ", ".join([shown(name, 40) for name in names[:_NAMED]])
    return text if len(names) <= _NAMED else f"{text} and {len(names) - _NAMED} more"


def count_fields(fields: Iterable[tuple[str, object]], leave_out: frozenset[str], counts: dict[str, int]) -> None:
    """Count each field that has a value and is not left out."""
    for name, value in fields:
        if name not in leave_out and value not in (None, "", [], {}, ()):
            counts[name] = counts.get(name, 0) + 1


def fields_loss(source: str, counts: Mapping[str, int], why: str) -> list[Loss]:
    """One loss for all fields that are not carried, none if there are none."""
    if not counts:
        return []
    return [Loss(source, 0, listed([f"{name} ({count})" for name, count in counts.items()]), why)]
