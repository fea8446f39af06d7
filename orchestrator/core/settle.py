"""What a tree says under its plan: marks, bases, passes and the states that follow from them."""

from __future__ import annotations

from orchestrator.core.formats import NO_EVIDENCE, LockPhase
from orchestrator.core.state import DONE, OPEN, REOPENED, STARTED, plan_state
from orchestrator.core.todo import carry, merged_mark
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.core.evidence import Content
    from orchestrator.core.formats import Lock
    from orchestrator.core.gate import Pass
    from orchestrator.core.plan import Gate, Phase, Plan, Task
    from orchestrator.core.state import PhaseState
    from orchestrator.core.todo import Reading

_STRONGEST = (DONE, REOPENED, STARTED, OPEN)  # of two parents' marks, what the merge begins with


class Before(Value):
    """What the parent commit says, under its own plan; for several parents, what any of them says.

    ``sides`` has, for the tasks on which several parents differ, the mark that each of them has; ``others`` are the
    further parents.
    """

    plan: Plan
    marks: Mapping[str, str]
    lock: Lock | None  # None: the parent has no plan.lock
    content: Content
    sides: Mapping[str, tuple[str, ...]] = {}
    others: tuple[Side, ...] = ()


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
    is_finished: bool = False  # of a finished commit: a pass under any key, here or before, is in the states


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
    marks = _marks_now(plan, before, earlier, reading, said)
    bases = bases_of(plan, content, before)
    parent_passes = (
        {p.key: p for phase in (before.lock or {}).values() for p in phase.passes.values()} if before else {}
    )
    waiting: list[tuple[Phase, Task]] = []  # tasks that are done by themselves, should their phases be open
    if plan.settings.auto_done and before is not None:
        waiting = [
            (phase, task)
            for phase in plan.phases
            for task in phase.tasks
            if marks.get(task.id, OPEN) in (OPEN, STARTED) and content.done_by_itself(task, bases.get(task.id, {}))
        ]
    passes: dict[tuple[str, str], Pass] = {}
    out_of_reach = _out_of_reach(plan, marks, {task.id for _, task in waiting})
    for phase in plan.phases:
        for gate in phase.gates if phase.id not in out_of_reach else ():
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
    while ready := [
        task
        for phase, task in waiting
        if marks.get(task.id) != DONE and states[phase.id].open and all([marks.get(d) == DONE for d in task.depends_on])
    ]:
        marks.update({task.id: DONE for task in ready})
        by_itself += ready
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


def _out_of_reach(plan: Plan, marks: Mapping[str, str], by_themselves: set[str]) -> set[str]:
    """The ids of phases that have not begun and stay locked, whatever gates pass: nothing of theirs is evidence.

    Their gates' keys, which take all that they depend on, need not be worked out.
    """
    unfinished = [
        phase.id
        for phase in plan.phases
        if any([marks.get(task.id) != DONE and task.id not in by_themselves for task in phase.tasks])
    ]
    locked = plan.dependents(unfinished)
    return {p.id for p in plan.phases if p.id in locked and all([task.id not in marks for task in p.tasks])}


def settle_recorded(
    plan: Plan,
    content: Content,
    before: Before,
    reading: Reading,
    recorded: Lock | None,
    states: Mapping[str, PhaseState] | None = None,
) -> Settled:
    """What a finished commit says, where a pass under any key counts and nothing is worked out anew but bases.

    A task that has been done by itself, as the hooks do it, is not counted among those that a person ticked.
    ``states`` are those of the commit, if they are known: by its marks, and by passes of its lock and its parents'.
    """
    if before.plan is plan is reading.plan and not before.sides:
        entered: frozenset[str] = frozenset()
        marks, changed = _same_plan_marks(before.marks, reading.marks)
    else:
        ids = [task.id for phase in plan.phases for task in phase.tasks]
        earlier = _earlier_marks(plan, before)
        entered = frozenset(ids).difference(earlier)
        marks = _marks_now(plan, before, earlier, reading, carry(reading.marks, reading.plan, plan))
        changed = {task_id for task_id in ids if marks.get(task_id) == DONE and earlier.get(task_id) != DONE}
    if recorded is not None and recorded is before.lock and before.plan is plan:
        lock = {phase.id: recorded.get(phase.id, NO_EVIDENCE) for phase in plan.phases}
    else:
        bases = bases_of(plan, content, before)
        lock = {
            phase.id: LockPhase(
                (recorded or {}).get(phase.id, NO_EVIDENCE).passes,
                {task.id: bases[task.id] for task in phase.tasks if bases.get(task.id)},
            )
            for phase in plan.phases
        }

    def has_passed(phase: Phase, gate: Gate) -> bool:
        return gate.name in lock[phase.id].passes or gate.name in (before.lock or {}).get(phase.id, NO_EVIDENCE).passes

    known = states if states is not None else plan_state(plan, marks, content, has_passed)
    ticked: list[Task] = []
    by_itself: list[Task] = []
    for phase in plan.phases if changed else ():
        for task in phase.tasks:
            if task.id not in changed:
                continue
            is_own = (
                plan.settings.auto_done
                and known[phase.id].open
                and all([marks.get(name) == DONE for name in task.depends_on])
                and content.done_by_itself(task, lock[phase.id].bases.get(task.id, {}))
            )
            (by_itself if is_own else ticked).append(task)
    return Settled(
        plan=plan,
        content=content,
        marks=marks,
        notes={},
        lock=lock,
        states=known,
        ticked=tuple(ticked),
        by_itself=tuple(by_itself),
        entered=entered,
        recorded=frozenset([(i, name) for i, evidence in (recorded or {}).items() for name in evidence.passes]),
        is_finished=True,
    )


def _same_plan_marks(before: Mapping[str, str], written: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """The marks under a plan that has not changed, and the ids of the tasks that are done now and were not."""
    marks = dict(before)
    done = set()
    for task_id, mark in written.items() - before.items():
        marks[task_id] = merged_mark(mark, before.get(task_id, OPEN))
        if marks[task_id] == DONE:
            done.add(task_id)
    return {task_id: mark for task_id, mark in marks.items() if mark != OPEN}, done


def _marks_now(
    plan: Plan, before: Before | None, earlier: Mapping[str, str], reading: Reading, said: Mapping[str, str]
) -> dict[str, str]:
    """The mark of each task that is not open, as PLAN.md says it and what was before allows."""
    written = {said[old]: mark for old, mark in reading.marks.items() if old in said}
    sides = _carried_sides(plan, before)
    marks = {}
    for phase in plan.phases:
        for task in phase.tasks:
            was = earlier.get(task.id, OPEN)
            mark = written.get(task.id, was)
            # A box that a merge has taken over from one side as it was there has been changed by the other side only.
            mark = was if mark in sides.get(task.id, ()) else merged_mark(mark, was)
            if mark != OPEN:
                marks[task.id] = mark
    return marks


class Side(Value):
    """What a further parent of a merge says, under its own plan."""

    plan: Plan
    marks: Mapping[str, str]
    lock: Lock | None


def joined(first: Before, others: Sequence[Side], base: Mapping[str, str] | None = None) -> Before:
    """What any of a merge's parents says, in terms of the first one's plan.

    ``base`` has the marks of what they have in common, of each task that was in the plan there: of two marks that
    differ, the one that was changed counts; of two changes, or without base, the one that says most.
    """
    marks = dict(first.marks)
    sides: dict[str, tuple[str, ...]] = {}
    lock = first.lock
    for other in others:
        for old_id, new_id in carry(other.marks, other.plan, first.plan).items():
            mine, theirs = marks.get(new_id, OPEN), other.marks[old_id]
            if mine != theirs:
                sides[new_id] = (*sides.get(new_id, ()), mine, theirs)
                was = (base or {}).get(new_id)
                changed = [mark for mark in (mine, theirs) if mark != was]
                marks[new_id] = next(mark for mark in _STRONGEST if mark in changed)
        lock = _joined_lock(lock, other.lock)
    return first.replace(marks=marks, lock=lock, sides=sides, others=tuple(others))


def _joined_lock(ours: Lock | None, theirs: Lock | None) -> Lock | None:
    """Ours with the passes of both; bases of a task are those that its own plan has laid down."""
    if ours is None or theirs is None:
        return ours
    both = dict(ours)
    for phase_id, other in theirs.items():
        mine = both.get(phase_id, NO_EVIDENCE)
        both[phase_id] = LockPhase({**other.passes, **mine.passes}, mine.bases)
    return both


def _earlier_marks(plan: Plan, before: Before | None) -> dict[str, str]:
    """The parent's mark of each task of the plan that was in the plan before."""
    if before is None:
        return {}
    earlier: dict[str, str] = {}
    # A task that any parent has is not brought in by the merge; the first parent has the last word on its mark.
    for known_plan, marks in (*[(side.plan, side.marks) for side in before.others], (before.plan, before.marks)):
        old = {task.id: marks.get(task.id, OPEN) for phase in known_plan.phases for task in phase.tasks}
        carried = carry(old, known_plan, plan)
        earlier.update({carried[task_id]: mark for task_id, mark in old.items() if task_id in carried})
    return earlier


def _carried_sides(plan: Plan, before: Before | None) -> dict[str, tuple[str, ...]]:
    """The marks that differ between parents, by id of the plan's tasks."""
    if before is None or not before.sides:
        return {}
    carried = carry(before.sides, before.plan, plan)
    return {carried[old]: marks for old, marks in before.sides.items() if old in carried}


def bases_of(plan: Plan, content: Content, before: Before | None) -> dict[str, dict[str, str]]:
    """The base of each task: as the parent's lock has it; of what is new in the plan, from what exists before it."""
    if before is None:
        return {task.id: content.base(task) for phase in plan.phases for task in phase.tasks}
    bases: dict[str, dict[str, str]] = {}
    if before.plan is plan and before.lock is not None and not before.others:
        for phase in plan.phases:
            laid_down = before.lock.get(phase.id, NO_EVIDENCE).bases
            for task in phase.tasks:
                kept = laid_down.get(task.id, {})
                bases[task.id] = {p.text: kept[p.text] for p in task.files if p.text in kept}
        return bases
    origins = _origins(plan, before)
    for phase in plan.phases:
        for task in phase.tasks:
            origin = origins.get(task.id)
            known = _known_patterns(task, origin)
            if all([pattern.text in known for pattern in task.files]):
                fresh: dict[str, str] = {}
            else:
                fresh = before.content.base(task) if before.lock is None else content.base(task)
            laid: Mapping[str, str] = {}
            if origin is not None and origin.lock is not None:
                laid = origin.lock.get(origin.phase_id, NO_EVIDENCE).bases.get(origin.task.id, {})
            found = {}
            for pattern in task.files:
                source = laid if pattern.text in known else fresh
                if pattern.text in source:
                    found[pattern.text] = source[pattern.text]
            bases[task.id] = found
    return bases


def kept_patterns(plan: Plan, before: Before) -> set[tuple[str, str]]:
    """Those patterns, as (task id, text), whose base was laid down before and must stay as it is."""
    origins = _origins(plan, before)
    tasks = [task for phase in plan.phases for task in phase.tasks]
    return {(task.id, text) for task in tasks for text in _known_patterns(task, origins.get(task.id))}


class _Origin(Value):
    """A task as a parent has it, with that parent's evidence."""

    phase_id: str
    task: Task
    lock: Lock | None


def _known_patterns(task: Task, origin: _Origin | None) -> set[str]:
    if origin is None or origin.lock is None or _excluded(origin.task) != _excluded(task):
        return set()
    return {pattern.text for pattern in origin.task.files}


def _origins(plan: Plan, before: Before) -> dict[str, _Origin]:
    """Where each task of the plan comes from, by its id; of several parents the first that has it."""
    found: dict[str, _Origin] = {}
    for old_plan, lock in (*[(side.plan, side.lock) for side in reversed(before.others)], (before.plan, before.lock)):
        old = {task.id: _Origin(phase.id, task, lock) for phase in old_plan.phases for task in phase.tasks}
        found.update({new_id: old[old_id] for old_id, new_id in carry(old, old_plan, plan).items()})
    return found


def _excluded(task: Task) -> list[str]:
    """The task's exclusions, which have a say in what each of its other patterns matches."""
    return [pattern.text for pattern in task.files if not pattern.include]
