"""``validate``: run what is due on what is staged, and say why or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.gates import run_due
from orchestrator.app.kept_keys import keep_keys
from orchestrator.app.own_files import refuse_filtered
from orchestrator.app.sync import in_conflict, sync, sync_alone
from orchestrator.app.unchanged import state
from orchestrator.app.workplace import one_at_a_time, phase_named, stage_own_files, staged_facts, staged_reading
from orchestrator.core.finding import Finding
from orchestrator.core.gate import DueGate
from orchestrator.core.refusals import gate_finding
from orchestrator.core.value import Value
from orchestrator.run_cache import ANSWER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.app.facts import Facts
    from orchestrator.app.repository import Repository
    from orchestrator.core.gate import GateResult
    from orchestrator.core.plan import Phase
    from orchestrator.core.settle import Settled


class Validated(Value):
    """One line of the answer: a gate of a phase, whether it counts as passed now, and why it was run or not."""

    phase_id: str
    gate: str
    passed: bool
    why: str
    result: GateResult | None = None  # None: not run


class Validation(Value):
    """What was asked for, gate by gate in plan order, and what is wrong."""

    gates: tuple[Validated, ...]
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


def validate(
    repository: Repository,
    names: Sequence[str],
    *,
    everything: bool = False,
    force: bool = False,
    jobs: int | None = None,
) -> Validation:
    """Run the gates of the named phases, or of every open phase whose tasks are done, or (``everything``) of all.

    A gate with a pass for what is staged is not run again unless ``force`` says so. PLAN.md and plan.lock are brought
    up to date and staged, first out of a conflict, if they are in one. What is staged or committed while gates run is
    kept: a pass counts for the content that was tested, wherever that is still staged. Where nothing has changed since
    the last answer, and that was that there is nothing to run and to write, it is given again.

    Raises:
        CannotJudgeError: a phase is unknown, or the plan cannot be read.
    """
    started = "" if force else state(repository, names, everything)
    known = repository.cache.kept(ANSWER, started) if started else None
    if known is not None:
        refuse_filtered(repository)
        return Validation(tuple([Validated(*line) for line in known]))
    return _validate(repository, names, started, everything=everything, force=force, jobs=jobs)


def _validate(
    repository: Repository, names: Sequence[str], started: str, *, everything: bool, force: bool, jobs: int | None
) -> Validation:
    """The same, worked out, and kept for the state ``started`` if that is still so."""
    warnings = sync(repository).warnings if in_conflict(repository) else ()
    index = repository.index_state()
    facts = staged_facts(repository)
    reading = staged_reading(facts)
    settled = facts.settle({}, reading)
    phases = [phase_named(settled.plan, name) for name in names]
    known = {found.key for phase in settled.lock.values() for found in phase.passes.values()}
    results: dict[str, GateResult] = {}
    ran: dict[tuple[str, str], DueGate] = {}

    def due_in(now: Settled) -> list[DueGate]:
        due, _ = _due(now, phases if names else None, ran, everything=everything, force=force)
        ran.update({(item.phase.id, item.gate.name): item for item in due})
        return due

    def follow(result: GateResult) -> list[DueGate]:
        # A phase that has its passes now opens those that wait for it, whose gates may be due in turn.
        results[result.key] = result
        return due_in(facts.settle(results, reading))

    if due := due_in(settled):
        run_due(repository, settled, due, None, jobs, follow)
        settled = facts.settle(results, reading)
    _, skipped = _due(settled, phases if names else None, ran, everything=everything, force=force)
    if facts.keys_name:
        keep_keys(facts)
    settled = _write(repository, facts, index, results)
    lines: list[Validated] = []
    findings = []
    for item in ran.values():
        result = results.get(item.key)
        still = _is_staged_still(settled, item)
        passed = result is not None and result.passed and still
        lines.append(Validated(item.phase.id, item.gate.name, passed, item.why, result))
        if not still:
            findings.append(_moved(item))
        elif not passed:
            finding = gate_finding(item, result)
            if item.key in known:
                note = "an earlier pass on this content still counts: change an input or the gate to take it back"
                finding = finding.replace(notes=(*finding.notes, note))
            findings.append(finding)
    lines = sorted([*lines, *skipped], key=lambda line: settled.plan.phase(line.phase_id).number)
    if not (ran or warnings or settled.plan.has_ends) and started == state(repository, names, everything) != "":
        repository.cache.keep(ANSWER, started, tuple([line.astuple() for line in lines]))
    return Validation(tuple(lines), tuple(findings), warnings)


@one_at_a_time
def _write(repository: Repository, facts: Facts, index: str, results: Mapping[str, GateResult]) -> Settled:
    """Bring both files up to date with what is staged now, which may be another plan, tick or text than before.

    ``facts`` are those of the index as it was in the state ``index``.
    """
    if in_conflict(repository):
        sync_alone(repository)
    head = repository.git.call("rev-parse", "-q", "--verify", "HEAD")[1].decode("ascii").strip()
    if not index or (index, head) != (repository.index_state(), facts.head_oid):
        facts = staged_facts(repository)
    settled = facts.settle(results, staged_reading(facts))
    stage_own_files(facts, settled)
    return settled


def _is_staged_still(settled: Settled, item: DueGate) -> bool:
    """Whether the gate, if it were run now, would be run on the same content."""
    keys = [
        settled.content.key(phase, gate)
        for phase in settled.plan.phases
        for gate in phase.gates
        if (phase.id, gate.name) == (item.phase.id, item.gate.name)
    ]
    return keys == [item.key]


def _moved(item: DueGate) -> Finding:
    return Finding(
        "gate-unclean",
        f"what gate {item.gate.name} of {item.phase.id} tests has changed while it ran",
        notes=("a pass counts for the content that was tested, and is remembered for it",),
        help=f"orchestrator validate {item.phase.id}",
    )


def _due(
    settled: Settled,
    wanted: Sequence[Phase] | None,
    ran: Mapping[tuple[str, str], DueGate],
    *,
    everything: bool,
    force: bool,
) -> tuple[list[DueGate], list[Validated]]:
    """The gates to run now, and what to say of those that are not; those that ``ran`` are neither."""
    due: list[DueGate] = []
    skipped: list[Validated] = []
    for phase in settled.plan.phases:
        state = settled.states[phase.id]
        if wanted is not None and phase not in wanted:
            continue
        for gate, passed in state.gates:
            if (phase.id, gate.name) in ran:
                continue
            key = settled.content.key(phase, gate)
            asked = "you asked for its phase" if wanted is not None else "you asked for all" if everything else ""
            if passed and not force:
                why = f"passed before on this content ({key[:12]})"
                skipped.append(Validated(phase.id, gate.name, passed=True, why=why))
            elif asked or (state.open and not state.open_tasks):
                due.append(DueGate(phase, gate, key, "own", asked or "all tasks of its phase are done"))
            else:
                reason = (
                    "its phase is locked" if not state.open else f"{len(state.open_tasks)} tasks of its phase are open"
                )
                skipped.append(Validated(phase.id, gate.name, passed=passed, why=f"not due: {reason}"))
    return due, skipped
