"""What a tree says under its plan: marks, bases, passes and the states that follow from them."""

from __future__ import annotations

from orchestrator.core.formats import LockPhase
from orchestrator.core.state import DONE, OPEN, STARTED, plan_state
from orchestrator.core.todo import carry, merged_mark
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.core.evidence import Content
    from orchestrator.core.formats import Lock
    from orchestrator.core.gate import Pass
    from orchestrator.core.plan import Plan, Task
    from orchestrator.core.state import PhaseState
    from orchestrator.core.todo import Reading


class Before(Value):
    """What the parent commit says, under its own plan; for several parents, what any of them says.

    ``sides`` has, for the tasks on which several parents differ, the mark that each of them has.
    """

    plan: Plan
    marks: Mapping[str, str]
    lock: Lock | None  # None: the parent has no plan.lock
    content: Content
    sides: Mapping[str, tuple[str, ...]] = {}


class Settled(Value):
    """What the commit's tree says, under its own plan.

    ``ticked`` are the tasks that a person ticks in this commit, ``entered`` those that it brings into the plan;
    ``recorded`` are the passes, as (phase id, gate name), that its plan.lock has under whatever key, ``dropped`` those
    of them that nobody can vouch for.
    """

    plan: Plan
    content: Content
    marks: Mapping[str, str]
    notes: Mapping[str, tuple[str, ...]]
    lock: Lock
    states: Mapping[str, PhaseState]
    ticked: tuple[Task, ...] = ()
    by_itself: tuple[Task, ...] = ()
    entered: frozenset[str] = frozenset()
    recorded: frozenset[tuple[str, str]] = frozenset()
    dropped: tuple[tuple[str, str], ...] = ()
    lost_ticks: tuple[str, ...] = ()
    lost_notes: tuple[tuple[str, tuple[str, ...]], ...] = ()


def settle(
    plan: Plan,
    content: Content,
    before: Before | None,
    reading: Reading,
    staged_lock: Lock | None,
    known_pass: Callable[[str], Pass | None],
) -> Settled:
    """What a tree says under its plan.

    ``before`` is None where there is nothing before (adoption): what exists then is the baseline. ``known_pass``
    answers for a key from the local cache and from gates that have just run.
    """
    ids = {task.id: task for phase in plan.phases for task in phase.tasks}
    earlier = _earlier_marks(plan, before)
    entered = frozenset(ids).difference(earlier) if before is not None else frozenset(ids)
    said = carry(reading.marks, reading.plan, plan)
    written = {said[old]: mark for old, mark in reading.marks.items() if old in said}
    sides = _carried_sides(plan, before)
    marks = {}
    for task_id in ids:
        was = earlier.get(task_id, OPEN)
        mark = written.get(task_id, was)
        # A box that a merge has taken over from one side as it was there has been changed by the other side only.
        mark = was if mark in sides.get(task_id, ()) else merged_mark(mark, was)
        if mark != OPEN:
            marks[task_id] = mark
    bases = _bases(plan, content, before)
    parent_passes = (
        {p.key: p for phase in (before.lock or {}).values() for p in phase.passes.values()} if before else {}
    )
    passes: dict[tuple[str, str], Pass] = {}
    for phase in plan.phases:
        for gate in phase.gates:
            key = content.key(phase, gate)
            found = (parent_passes.get(key) or known_pass(key)) if key else None
            if found is not None:
                passes[phase.id, gate.name] = found
    dropped = tuple(
        [
            (phase_id, name)
            for phase_id, evidence in (staged_lock or {}).items()
            for name, claimed in evidence.passes.items()
            if claimed.key not in parent_passes and (phase_id, name) not in passes and known_pass(claimed.key) is None
        ]
    )

    def states_now() -> dict[str, PhaseState]:
        return plan_state(plan, marks, content, lambda phase, gate: (phase.id, gate.name) in passes)

    states = states_now()
    ticked = tuple([ids[i] for i, mark in marks.items() if mark == DONE and earlier.get(i) != DONE])
    by_itself: list[Task] = []
    if plan.settings.auto_done and before is not None:
        waiting = [
            (phase, task)
            for phase in plan.phases
            for task in phase.tasks
            if marks.get(task.id, OPEN) in (OPEN, STARTED) and content.done_by_itself(task, bases.get(task.id, {}))
        ]
        while ready := [
            (phase, task)
            for phase, task in waiting
            if task not in by_itself and states[phase.id].open and all([marks.get(d) == DONE for d in task.depends_on])
        ]:
            for _, task in ready:
                marks[task.id] = DONE
                by_itself.append(task)
            states = states_now()
    # What a phase that cannot have begun shares by accident, while it has no files of its own, is not its evidence:
    # branches on different phases would change its lines of plan.lock and PLAN.md.
    idle = {p.id for p in plan.phases if not states[p.id].open and all([t.id not in marks for t in p.tasks])}
    if early := [name for name in passes if name[0] in idle]:
        for name in early:
            del passes[name]
        states = states_now()
    notes_said = carry(reading.notes, reading.plan, plan)
    return Settled(
        plan=plan,
        content=content,
        marks={task_id: marks[task_id] for task_id in ids if task_id in marks},
        notes={notes_said[old]: lines for old, lines in reading.notes.items() if old in notes_said},
        lock={
            phase.id: LockPhase(
                {g.name: passes[phase.id, g.name] for g in phase.gates if (phase.id, g.name) in passes},
                {task.id: bases[task.id] for task in phase.tasks if bases.get(task.id)},
            )
            for phase in plan.phases
        },
        states=states,
        ticked=ticked,
        by_itself=tuple(by_itself),
        entered=entered,
        recorded=frozenset([(i, name) for i, evidence in (staged_lock or {}).items() for name in evidence.passes]),
        dropped=dropped,
        lost_ticks=tuple([i for i, mark in reading.marks.items() if mark == DONE and i not in said]),
        lost_notes=tuple([(i, lines) for i, lines in reading.notes.items() if i not in notes_said]),
    )


def _earlier_marks(plan: Plan, before: Before | None) -> dict[str, str]:
    """The parent's mark of each task of the plan that was in the plan before."""
    if before is None:
        return {}
    old = {task.id: before.marks.get(task.id, OPEN) for phase in before.plan.phases for task in phase.tasks}
    carried = carry(old, before.plan, plan)
    return {carried[task_id]: mark for task_id, mark in old.items() if task_id in carried}


def _carried_sides(plan: Plan, before: Before | None) -> dict[str, tuple[str, ...]]:
    """The marks that differ between parents, by id of the plan's tasks."""
    if before is None or not before.sides:
        return {}
    carried = carry(before.sides, before.plan, plan)
    return {carried[old]: marks for old, marks in before.sides.items() if old in carried}


def _bases(plan: Plan, content: Content, before: Before | None) -> dict[str, dict[str, str]]:
    """The base of each task: as the parent's lock has it; of what is new in the plan, from what exists before it."""
    if before is None:
        return {task.id: content.base(task) for phase in plan.phases for task in phase.tasks}
    old_tasks = {task.id: (phase.id, task) for phase in before.plan.phases for task in phase.tasks}
    origin = {new: old for old, new in carry(old_tasks, before.plan, plan).items()}
    bases: dict[str, dict[str, str]] = {}
    for phase in plan.phases:
        for task in phase.tasks:
            old_phase, old_task = old_tasks[origin[task.id]] if task.id in origin else ("", None)
            known = set()
            if old_task is not None and before.lock is not None and _excluded(old_task) == _excluded(task):
                known = {pattern.text for pattern in old_task.files}
            if all([pattern.text in known for pattern in task.files]):
                fresh: dict[str, str] = {}
            else:
                fresh = before.content.base(task) if before.lock is None else content.base(task)
            kept: Mapping[str, str] = {}
            if old_task is not None and before.lock is not None:
                kept = before.lock.get(old_phase, LockPhase()).bases.get(old_task.id, {})
            merged = {}
            for pattern in task.files:
                digest = (kept if pattern.text in known else fresh).get(pattern.text)
                if digest is not None:
                    merged[pattern.text] = digest
            bases[task.id] = merged
    return bases


def _excluded(task: Task) -> list[str]:
    """The task's exclusions, which have a say in what each of its other patterns matches."""
    return [pattern.text for pattern in task.files if not pattern.include]
