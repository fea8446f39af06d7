"""``done``, ``start``, ``reopen``: set the marks of tasks and stage PLAN.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.workplace import one_at_a_time, parent_of, stage_own_files, staged_facts, staged_reading
from orchestrator.core.finding import Finding, UnknownNameError
from orchestrator.core.judge import Intent, judge
from orchestrator.core.names import nearest
from orchestrator.core.state import DONE, OPEN, REOPENED, STARTED
from orchestrator.core.todo import carry
from orchestrator.core.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.repository import Repository
    from orchestrator.core.plan import Task
    from orchestrator.core.state import PhaseState


class Marked(Value):
    """The tasks that were given a mark, as (task, mark before, mark now), and what a commit would still lack."""

    tasks: tuple[tuple[Task, str, str], ...]
    warnings: tuple[Finding, ...] = ()


def _is_started_in(state: PhaseState, task_ids: Sequence[str]) -> bool:
    """Whether one of these tasks is of that phase, and the phase is locked."""
    return not (state.open or state.complete) and any([task.id in task_ids for task in state.phase.tasks])


def _locked(state: PhaseState) -> Finding:
    waits = [f"it waits for phase {name}" for name in state.waits_for] + [hold.unsettled() for hold in state.holds]
    said = f'phase "{state.phase.title}" is locked: what is begun there cannot be committed yet'
    return Finding("task-locked", said, "warning", notes=tuple(waits), help="orchestrator next")


@one_at_a_time
def set_marks(repository: Repository, task_ids: Sequence[str], mark: str) -> Marked:
    """Give the tasks the mark DONE, STARTED or OPEN (which reopens what was done) and stage PLAN.md.

    Unknown ids change nothing at all.

    Raises:
        CannotJudgeError: an id is unknown, or PLAN.md cannot be read.
    """
    facts = staged_facts(repository)
    reading = staged_reading(facts)
    plan = facts.required().plan
    tasks = {task.id: task for phase in plan.phases for task in phase.tasks}
    wanted = [task_id.removeprefix("Task ").strip() for task_id in task_ids]
    unknown = [
        Finding("plan-invalid", f'the plan has no task "{name}"{nearest(name, tasks)}', help="orchestrator status")
        for name in wanted
        if name not in tasks
    ]
    if unknown:
        raise UnknownNameError(*unknown)
    said = carry(reading.marks, reading.plan, plan)
    marks = {said[old]: found for old, found in reading.marks.items() if old in said}
    before = facts.settle({}, reading)
    by_itself = {task.id for task in before.by_itself}
    earlier = {}
    if facts.before is not None:
        old = facts.before.plan
        earlier = {new: facts.before.marks[was] for was, new in carry(facts.before.marks, old, plan).items()}
    changed = []
    for task_id in dict.fromkeys(wanted):
        was = before.marks.get(task_id, OPEN)
        now = mark
        if mark == OPEN and (earlier.get(task_id) in (DONE, REOPENED) or task_id in by_itself):
            now = REOPENED  # a tick that was never committed is just taken back
        if mark == STARTED and was in (DONE, REOPENED):
            now = was  # what is done is reopened first; what is reopened stays marked so
        marks[task_id] = now
        changed.append((tasks[task_id], was, now))
    settled = facts.settle({}, reading.replace(plan=plan, marks=marks))
    stage_own_files(facts, settled, frozenset(wanted))
    judgement = judge(settled, parent_of(facts, settled), facts.changed, Intent(may_run=False), {})
    mine = tuple([f"task {task_id} " for task_id in wanted])
    lacking = [found for found in judgement.findings if found.message.startswith(mine)]
    if mark == STARTED:
        lacking += [_locked(state) for state in settled.states.values() if _is_started_in(state, wanted)]
    return Marked(tuple(changed), tuple([found.replace(severity="warning") for found in lacking]))
