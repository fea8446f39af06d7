"""Where a plan stands: the state of its tasks, gates and phases, from marks, passes and content."""

from __future__ import annotations

from orchestrator.core.plan import one_line
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.core.evidence import Content
    from orchestrator.core.plan import Control, Gate, Hold, Phase, Plan, Task

    LastRunText = Callable[[str, str], str]  # phase id, gate name -> "failed (exit 1)", or "" if nothing is known

DONE = "done"
STARTED = "in progress"
REOPENED = "reopened"
OPEN = "open"

COMPLETE = "complete"
LOCKED = "locked"
AWAITING = "awaiting gates"
IN_PROGRESS = "in progress"
READY = "ready"
NOT_STARTED = "not started"


class Waiting(Value):
    """What keeps phases waiting: the plan's phases that are not complete."""

    plan: Plan
    incomplete: frozenset[str]

    def of(self, phase: Phase) -> tuple[str, ...]:
        """The ids of what the phase depends on, directly or not, and is not complete, in plan order."""
        known = self.plan.phases_by_id
        names = self.incomplete.intersection(self.plan.dependencies(phase.id))
        return tuple(sorted(names, key=lambda name: known[name].number))


class PhaseState(Value):
    """Where one phase stands; ``own_status`` speaks of itself only, as PLAN.md does.

    ``task_marks`` has the mark of each of its tasks, in their order.

    ``waiting`` is there if something that the phase depends on, directly or not, is not complete. What that is costs a
    walk through the plan, and is asked of few phases.
    """

    phase: Phase
    task_marks: tuple[str, ...]
    gates: tuple[tuple[Gate, bool], ...]
    missing_artifacts: tuple[str, ...] = ()
    open_controls: tuple[Control, ...] = ()
    holds: tuple[Hold, ...] = ()  # open, blocking this phase itself
    waiting: Waiting | None = None

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The ids of what it depends on, directly or not, and is not complete, in plan order."""
        return () if self.waiting is None else self.waiting.of(self.phase)

    @property
    def marks(self) -> tuple[tuple[Task, str], ...]:
        """Its tasks, each with its mark."""
        return tuple(zip(self.phase.tasks, self.task_marks, strict=True))

    @property
    def tasks_done(self) -> int:
        """How many of its tasks are done."""
        return self.task_marks.count(DONE)

    @property
    def are_tasks_done(self) -> bool:
        """Whether all of its tasks are done."""
        return self.tasks_done == len(self.task_marks)

    @property
    def begun(self) -> bool:
        """Whether one of its tasks has another mark than open."""
        return self.task_marks.count(OPEN) < len(self.task_marks)

    @property
    def open_tasks(self) -> tuple[Task, ...]:
        """The tasks that are not done."""
        return tuple([task for task, mark in self.marks if mark != DONE])

    @property
    def open_gates(self) -> tuple[Gate, ...]:
        """The gates without a pass."""
        return tuple([gate for gate, passed in self.gates if not passed])

    @property
    def complete(self) -> bool:
        """Tasks done, gates passed, artifacts there, controls resolved."""
        return self.are_tasks_done and not (self.open_gates or self.missing_artifacts or self.open_controls)

    @property
    def open(self) -> bool:
        """Whether work on it may land."""
        return self.waiting is None and not self.holds

    @property
    def own_status(self) -> str:
        """One of complete, awaiting gates, in progress, not started."""
        if self.complete:
            return COMPLETE
        if self.are_tasks_done:
            return AWAITING
        return IN_PROGRESS if self.begun else NOT_STARTED

    @property
    def status(self) -> str:
        """One of complete, locked, awaiting gates, in progress, ready."""
        own = self.own_status
        if own == COMPLETE:
            return COMPLETE
        if not self.open:
            return LOCKED
        return READY if own == NOT_STARTED else own

    def reasons(self, last_run: LastRunText | None = None) -> list[str]:
        """Why it is not complete, one line each; ``last_run`` may tell of a gate how it ended when it last ran."""
        lines = []
        for task, mark in self.marks:
            if mark != DONE:
                lines.append(f"task {task.id} is {mark}: {task.title}")
        for gate, passed in self.gates:
            if not passed and not gate.control:
                known = last_run(self.phase.id, gate.name) if last_run else ""
                lines.append(f"gate {gate.name} {known or 'has not passed on what is here'}")
        lines += [f"artifact {path} is missing or empty" for path in self.missing_artifacts]
        lines += [open_control(control) for control in self.open_controls]
        return lines


def open_control(control: Control) -> str:
    """What is to be said of a control that is open, in one line."""
    ended = f" (its waiver ended on {control.until})" if control.ended else ""
    return f"control {control.id} is open{ended}: {one_line(control.text)}"


def plan_state(
    plan: Plan, marks: Mapping[str, str], content: Content, has_passed: Callable[[Phase, Gate], bool]
) -> dict[str, PhaseState]:
    """The state of each phase by id, in plan order.

    ``marks`` has the mark of each task that is not open; ``has_passed`` says whether a gate counts as passed.
    """
    found = []
    incomplete = set()
    mark_of = marks.get
    for phase in plan.phases:
        gates = tuple([(gate, has_passed(phase, gate)) for gate in phase.gates])
        unproven = {gate.control for gate, passed in gates if gate.control and not passed}
        own_marks = tuple([mark_of(task_id, OPEN) for task_id in phase.task_ids])
        missing = tuple([path for path in phase.artifacts if not content.has_artifact(path)])
        controls = tuple([control for control in phase.controls if _is_open(control, unproven)])
        found.append((own_marks, gates, missing, controls))
        is_done = own_marks.count(DONE) == len(own_marks) and all([passed for _, passed in gates])
        if missing or controls or not is_done:
            incomplete.add(phase.id)
    held_up = plan.dependents(incomplete)
    waiting = Waiting(plan, frozenset(incomplete))
    states: dict[str, PhaseState] = {}
    for phase, own in zip(plan.phases, found, strict=True):
        holds = [hold for hold in plan.holds if phase.id in hold.blocks and hold.is_open]
        states[phase.id] = PhaseState(phase, *own, tuple(holds), waiting if phase.id in held_up else None)
    return states


def _is_open(control: Control, unproven: set[str]) -> bool:
    if control.is_waived:
        return False
    return control.id in unproven if control.checked else not control.resolved


def current_phase(states: Mapping[str, PhaseState]) -> PhaseState | None:
    """The first that is open and not complete, else the first not complete, else None."""
    incomplete = [state for state in states.values() if not state.complete]
    return next((state for state in incomplete if state.open), incomplete[0] if incomplete else None)
