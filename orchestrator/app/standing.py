"""``status`` and ``next``: where things stand with what is staged, and what can be worked on now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.workplace import staged_facts, staged_reading
from orchestrator.core.plan import one_line
from orchestrator.core.refusals import quoted, settling
from orchestrator.core.state import DONE, LOCKED, current_phase, open_control
from orchestrator.core.todo_items import control_status
from orchestrator.core.value import Value

if TYPE_CHECKING:
    from orchestrator.app.repository import Repository
    from orchestrator.core.plan import Hold
    from orchestrator.core.settle import Settled
    from orchestrator.core.state import LastRunText, PhaseState
    from orchestrator.run_cache import LastRun


class Standing(Value):
    """What is staged, settled; the last run of each gate without a pass, by (phase id, gate name)."""

    settled: Settled
    last_run: LastRunText
    last_runs: dict[tuple[str, str], LastRun]


class Step(Value):
    """One thing that can be done now, and the command or file that does it; ``phase_id`` "": for no phase alone."""

    phase_id: str
    what: str
    how: str = ""


def read_standing(repository: Repository) -> Standing:
    """Where things stand; reads only.

    Raises:
        CannotJudgeError: there is no plan, or it cannot be read.
    """
    facts = staged_facts(repository)
    settled = facts.settle({}, staged_reading(facts))
    runs = {}
    for state in settled.states.values():
        for gate in state.open_gates:
            last = repository.cache.last_run(state.phase.id, gate.name)
            if last is not None:
                runs[state.phase.id, gate.name] = last
    return Standing(settled, repository.cache.last_run_text, runs)


def next_steps(standing: Standing) -> list[Step]:
    """What can be worked on now, in plan order: open what holds phases up, tasks, due gates, artifacts, controls."""
    settled = standing.settled
    steps = [
        Step("", hold.unsettled(), settling(hold, ""))
        for hold in settled.plan.holds
        if hold.is_open and not hold.blocks
    ]
    for phase_id, state in settled.states.items():
        steps += [Step(phase_id, hold.unsettled(), settling(hold, phase_id)) for hold in state.holds]
        if state.status in (LOCKED, "complete"):
            continue
        steps += _steps_of(phase_id, state, standing)
    return steps


def _steps_of(phase_id: str, state: PhaseState, standing: Standing) -> list[Step]:
    settled = standing.settled
    steps = []
    for task, mark in state.marks:
        waiting = [name for name in task.depends_on if settled.marks.get(name) != DONE]
        if mark != DONE and not waiting:
            files = ", ".join(pattern.text for pattern in task.files)
            by_itself = bool(task.files) and all(pattern.literal for pattern in task.files)
            note = f" ({mark})" if mark != "open" else ""
            how = f"files: {files}" if files else f"then: orchestrator done {task.id}"
            steps.append(
                Step(
                    phase_id,
                    f"task {task.id}: {task.title}{note}",
                    how if by_itself or not files else f"{how}; then: orchestrator done {task.id}",
                )
            )
    if not state.open_tasks:
        for gate in state.open_gates:
            last = standing.last_runs.get((phase_id, gate.name))
            has_run = last is not None and last.result.key == settled.content.key(state.phase, gate)
            what = f"gate {gate.name} has not passed on what is staged"
            how = f"orchestrator validate {phase_id}"
            if last is not None and has_run:
                what = f"gate {gate.name} {standing.last_run(phase_id, gate.name)}"
                how = f"mend it, git add, then: {how}" if last.result.status == "failed" else how
            if not gate.control:
                steps.append(Step(phase_id, what, how))
    steps += [
        Step(phase_id, f"artifact {path} is missing or empty", f"write it, then: git add {quoted(path)}")
        for path in state.missing_artifacts
    ]
    for control in state.open_controls:
        how = f"validate {phase_id}" if control.checked else f"controls resolve {control.id} HOW"
        steps.append(Step(phase_id, open_control(control), f"orchestrator {how}"))
    return steps


def control_rows(settled: Settled) -> list[dict[str, object]]:
    """The controls of the plan in its order, as id, phase, text, reference, open and status."""
    return [
        {
            "id": control.id,
            "phase": state.phase.id,
            "text": one_line(control.text),
            "reference": control.reference,
            "open": control in state.open_controls,
            "status": control_status(control, is_open=control in state.open_controls),
        }
        for state in settled.states.values()
        for control in state.phase.controls
    ]


def progress(settled: Settled) -> tuple[int, int, int]:
    """Tasks done, tasks in all, and percent rounded down, as in PLAN.md."""
    done = sum(state.tasks_done for state in settled.states.values())
    total = sum(len(state.task_marks) for state in settled.states.values())
    return done, total, done * 100 // total if total else 100


def standing_data(standing: Standing) -> dict[str, object]:
    """The standing as JSON data."""
    settled = standing.settled
    done, total, percent = progress(settled)
    current = current_phase(settled.states)
    return {
        "feature": settled.plan.title,
        "holds": [hold_data(hold) for hold in settled.plan.holds if hold.is_open and not hold.blocks],
        "tasks": {"done": done, "total": total, "percent": percent},
        "current_phase": current.phase.id if current else None,
        "phases": [_phase_data(state, standing) for state in settled.states.values()],
    }


def hold_data(hold: Hold) -> dict[str, str]:
    """What is open and holds something up, as JSON data."""
    return {"kind": hold.kind, "id": hold.id, "text": hold.text}


def _phase_data(state: PhaseState, standing: Standing) -> dict[str, object]:
    phase = state.phase
    gates = []
    for gate, passed in state.gates:
        last = standing.last_runs.get((phase.id, gate.name))
        run = (
            {
                "status": last.result.status,
                "reason": last.result.reason,
                "seconds": last.result.seconds,
                "finished_at": last.finished_at,
            }
            if last
            else None
        )
        gates.append({"name": gate.name, "passed": passed, "last_run": run})
    return {
        "id": phase.id,
        "number": phase.number,
        "title": phase.title,
        "status": state.status,
        "owners": list(phase.owners),
        "estimate": phase.estimate,
        "depends_on": list(phase.depends_on),
        "waits_for": list(state.waits_for),
        "tasks": [{"id": task.id, "title": task.title, "mark": mark} for task, mark in state.marks],
        "gates": gates,
        "missing_artifacts": list(state.missing_artifacts),
        "open_controls": [control.id for control in state.open_controls],
        "holds": [hold_data(hold) for hold in state.holds],
        "reasons": state.reasons(standing.last_run),
    }
