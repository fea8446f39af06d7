"""What makes a plan a success, each criterion judged on HEAD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.gates import run_due
from orchestrator.core.final import final_gates
from orchestrator.core.plan import PLAN_NAME
from orchestrator.core.refusals import gate_finding
from orchestrator.core.state import DONE, open_control
from orchestrator.core.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.app.report.history import PlanHistory
    from orchestrator.app.repository import Repository
    from orchestrator.core.gate import DueGate, GateResult, Pass
    from orchestrator.core.settle import Settled


class Criterion(Value):
    """One thing that makes a plan a success; ``notes`` tell what there is, or what is missing, ``help`` what to do."""

    name: str
    met: bool
    notes: tuple[str, ...] = ()
    help: str = ""


def criteria_of(repository: Repository, history: PlanHistory) -> Iterator[Criterion]:
    """The method's success criteria, each judged on HEAD."""
    settled = history.settled
    states = list(settled.states.values())
    refused = history.verified.refused
    open_phases = [
        f"{state.phase.title} ({state.phase.id}) is {state.status}" for state in states if not state.complete
    ]
    yield Criterion(
        _all(len(states), "phase", "is complete", "are complete"),
        not open_phases,
        tuple(open_phases),
        "orchestrator status",
    )
    yield Criterion(
        "the history was verified: order, evidence and form of every commit since the adoption",
        not refused,
        tuple([f"{v.oid[:12]} {v.subject}: {', '.join(f.id for f in v.findings)}" for v in refused])
        or (f"{history.verified.judged} commits judged",),
        f"orchestrator verify {history.verified.span.text}",
    )
    tasks = [(task, mark) for state in states for task, mark in state.marks]
    todo = [f"task {task.id} is {mark}: {task.title}" for task, mark in tasks if mark != DONE]
    yield Criterion(_all(len(tasks), "task", "is done", "are done"), not todo, tuple(todo), "orchestrator next")
    yield from _gate_criteria(repository, settled)
    controls = [control for state in states for control in state.phase.controls]
    still = [open_control(control) for state in states for control in state.open_controls]
    yield Criterion(
        _all(len(controls), "security control", "is resolved or waived", "are resolved or waived"),
        not still,
        tuple(still),
        "orchestrator controls list",
    )
    artifacts = [path for state in states for path in state.phase.artifacts]
    missing = [f"{path} is missing or empty" for state in states for path in state.missing_artifacts]
    yield Criterion(
        _all(len(artifacts), "artifact", "is there", "are there"), not missing, tuple(missing), "orchestrator next"
    )
    holds = [hold.unsettled() for hold in settled.plan.holds if hold.is_open]
    yield Criterion("no question, blocker or assumption is open", not holds, tuple(holds), "orchestrator next")


def _all(number: int, noun: str, one: str, many: str) -> str:
    if number == 0:
        return f"the plan has no {noun}s"
    return f"the {noun} {one}" if number == 1 else f"all {number} {noun}s {many}"


def _gate_criteria(repository: Repository, settled: Settled) -> Iterator[Criterion]:
    """Whether every gate passes on the final tree, and whether what was measured is enough.

    Only what has passed in this clone counts: plan.lock is text, and whoever can commit can write into it.
    """
    whole, gates = final_gates(settled.content)
    known = {item.key: repository.cache.known_pass(item.key) for item in gates}
    passes = {key: found for key, found in known.items() if found is not None}
    due = [item for item in gates if item.key not in passes]
    final = settled.replace(plan=whole.plan, content=whole)
    results = {result.key: result for result in run_due(repository, final, due, None)} if due else {}
    failed = [_failure(item, results.get(item.key)) for item in due if not _has_passed(results.get(item.key))]
    where = "on the final tree, with all inputs"
    ran = f", {len(due)} of them just now" if due else ""
    yield Criterion(
        _all(len(gates), "gate", f"passes {where}", f"pass {where}"),
        not failed,
        tuple([line for lines in failed for line in lines]) or (f"{len(gates)} passes{ran}",),
        "mend and commit what fails, then: orchestrator finish",
    )
    yield _coverage(gates, passes, results)


def _has_passed(result: GateResult | None) -> bool:
    return result is not None and result.passed


def _failure(item: DueGate, result: GateResult | None) -> tuple[str, ...]:
    finding = gate_finding(item, result)
    return (finding.message.replace(f" of {PLAN_NAME}", ""), *[f"  {note}" for note in finding.notes[1:]])


def _coverage(gates: Sequence[DueGate], passes: dict[str, Pass], results: dict[str, GateResult]) -> Criterion:
    low, shown = [], []
    for item in gates:
        known = passes.get(item.key) or results.get(item.key)
        percent = None if known is None else known.coverage
        minimum = item.gate.min_coverage
        if percent is not None or minimum:
            measured = "nothing measured" if percent is None else f"{percent:g}%"
            shown.append(f"{item.gate.name}: {measured}, at least {minimum:g}%")
            if minimum and (percent is None or percent < minimum):
                low.append(shown[-1])
    return Criterion(
        "coverage is at least what the plan asks for",
        not low,
        tuple(low or shown or ["no gate of the plan measures any"]),
        "orchestrator validate --all",
    )
