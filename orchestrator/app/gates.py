"""Running the gates that are due, and remembering what came of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.core.gate import GateResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.app.repository import Repository
    from orchestrator.core.evidence import Content
    from orchestrator.core.gate import DueGate
    from orchestrator.core.plan import Gate, Phase
    from orchestrator.core.settle import Settled
    from orchestrator.gate_runs import GateJob


def run_due(
    repository: Repository,
    settled: Settled,
    due: Sequence[DueGate],
    limit_s: float | None,
    jobs: int | None = None,
    then: Callable[[GateResult], Iterable[DueGate]] = lambda _: (),
) -> list[GateResult]:
    """The result of each due gate, one per key; what passes waits in the cache until a commit takes it.

    ``then`` is told each result as soon as it is there, and may say which gates are due by now; they are run, too.

    With a limit (seconds for all together) nothing is started where the last runs say that it would be passed; the
    results then say "stopped". A gate whose inputs match nothing is not run and has no result.

    Raises:
        KeyboardInterrupt: interrupted; nothing is left running.
    """
    from orchestrator.gate_runs import TerminalProgress, run_gates  # noqa: PLC0415 - only where something is due

    by_key = {item.key: item for item in due if item.key}
    at_once = settled.plan.settings.jobs if jobs is None else jobs
    expected_s = expected_seconds(repository, list(by_key.values()), at_once)
    if limit_s is not None and expected_s > limit_s:
        reason = f"the last runs took {expected_s:.0f} s, settings.hook_time_limit is {limit_s:.0f} s"
        return [GateResult(item.gate.name, key, "stopped", reason) for key, item in by_key.items()]
    work = [gate_job(settled.content, item.phase, item.gate) for item in by_key.values()]
    git = repository.git

    def follow(result: GateResult) -> list[GateJob]:
        repository.cache.store_result(by_key[result.key].phase.id, result, time.time())
        more = {item.key: item for item in then(result) if item.key and item.key not in by_key}
        by_key.update(more)
        return [gate_job(settled.content, item.phase, item.gate) for item in more.values()]

    with TerminalProgress() as progress:
        return run_gates(
            work, top=git.top, git=git, side_by_side=at_once, time_limit_s=limit_s, progress=progress, then=follow
        )


def gate_job(content: Content, phase: Phase, gate: Gate) -> GateJob:
    """What a run of the phase's gate on that tree needs; a gate whose inputs match nothing cannot be run."""
    from orchestrator.gate_runs.job import GateJob  # noqa: PLC0415

    # A report of one gate, written beside another that claims its folder, is no change of content.
    reports = {path for other in content.plan.phases for its in other.gates for path in (its.junit, its.coverage)}
    return GateJob(
        gate=gate,
        key=content.key(phase, gate),
        inputs=tuple(content.inputs(phase, gate)),
        label=f"{gate.name} of {phase.id}",
        claims=_without(content.claims(phase, gate), reports),
    )


def _without(claims: Callable[[str], bool], reports: set[str]) -> Callable[[str], bool]:
    return lambda path: path not in reports and claims(path)


def expected_seconds(repository: Repository, due: Sequence[DueGate], at_once: int) -> float:
    """How long the gates took when they last ran here, as well as they fit beside each other; unknown ones count 0."""
    seconds = []
    for item in due:
        last = repository.cache.last_run(item.phase.id, item.gate.name)
        # Of a run that the limit has stopped nobody knows how long it takes: longer than it was given.
        factor = 2.0 if last is not None and last.result.status == "stopped" else 1.0
        seconds.append(0.0 if last is None else last.result.seconds * factor)
    if not seconds:
        return 0.0
    return max(*seconds, sum(seconds) / at_once) if at_once > 1 else sum(seconds)
