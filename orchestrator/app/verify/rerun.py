"""Running the gates of finished phases again, each in a clean checkout: what a forged plan.lock cannot answer."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from orchestrator.app.facts import listing_of
from orchestrator.app.gates import gate_job
from orchestrator.app.verify.report import Completed, Rerun
from orchestrator.core.evidence import Content
from orchestrator.core.finding import printable
from orchestrator.core.gate import GateResult
from orchestrator.core.plan import Gate, Phase
from orchestrator.core.value import Value
from orchestrator.gate_runs import GateJob, TerminalProgress, run_gates
from orchestrator.gate_runs.checkouts import clean_checkouts
from orchestrator.gate_runs.interrupts import Interrupts, Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.repository import Repository
    from orchestrator.gate_runs import Progress
    from orchestrator.gate_runs.checkouts import Checkouts
    from orchestrator.git import Git

SETUP_S = 30 * 60.0  # the time limit of settings.setup
_REMEDY = "settings.setup or a gate before it did that"


def rerun(repository: Repository, completed: Sequence[Completed], jobs: int | None = None) -> list[Rerun]:
    """What the gates say of the commits today, in the order of the commits and their gates.

    Gates with the same key are one: it runs at the first of its commits and counts for the phases of all. Each commit
    with a gate to be run is checked out once, and ``settings.setup`` of its plan runs there first; what it leaves
    running is ended with it. If it does not pass, no gate runs there, and each has the status "error". So has a gate
    whose inputs match nothing.

    ``jobs`` gates run at once in all (None: as the plan of the last commit says; 0: one per CPU), and no more
    checkouts than that are there at a time. Nothing is stored, neither in the cache nor elsewhere in the repository.

    Raises:
        KeyboardInterrupt: SIGINT, SIGTERM or SIGHUP came; no process and no checkout is left.
        CannotJudgeError: Git said no, or a checkout cannot be removed; no process is left.
    """
    if not completed:
        return []
    slots: list[_Slot] = []
    benches = [_bench(repository, item, slots) for item in completed]
    todo = [bench for bench in benches if bench.slots]
    if todo:
        wanted = completed[-1].plan.settings.jobs if jobs is None else jobs
        _run_all(repository.git, todo, wanted or os.cpu_count() or 1)
    return [slot.rerun() for slot in slots]


class _Slot:
    """A gate that is to be run once, and what came of it; ``phases`` are those that it counts for."""

    def __init__(self, oid: str, phase: Phase, job: GateJob) -> None:
        self.oid = oid
        self.job = job
        self.phases = [phase.id]
        self.result: GateResult | None = None

    def rerun(self) -> Rerun:
        if self.result is None:
            raise AssertionError("every gate has a result when all have ended")
        return Rerun(self.oid, self.job.gate.name, tuple(self.phases), self.result)


class _Bench(Value):
    """A commit to be checked out, and the gates to be run there."""

    oid: str
    setup: str
    slots: tuple[_Slot, ...]


def _bench(repository: Repository, completed: Completed, slots: list[_Slot]) -> _Bench:
    """The commit with those of its gates that no commit before it has; they are added to ``slots``."""
    content = Content(completed.plan, listing_of(repository, completed.oid))
    known = {slot.job.key: slot for slot in slots if slot.job.key}
    own = []
    for phase, gate in completed.gates:
        job = gate_job(content, phase, gate)
        slot = known.get(job.key)
        if slot is not None:
            if phase.id not in slot.phases:
                slot.phases.append(phase.id)
            continue
        slot = _Slot(completed.oid, phase, job.replace(label=f"{job.label} at {completed.oid[:7]}", remedy=_REMEDY))
        slots.append(slot)
        if job.key:
            known[job.key] = slot
            own.append(slot)
        else:
            slot.result = GateResult(gate.name, "", "error", "its inputs match no file")
    return _Bench(completed.oid, completed.plan.settings.setup, tuple(own))


def _run_all(git: Git, todo: Sequence[_Bench], at_once: int) -> None:
    """Fill the slots of all, in as many threads as there are gates at once or commits.

    In a thread everything comes in a plain sequence (check out, set up, run, remove), and no commit waits for another.
    Signals come to the main thread, which only waits.
    """
    waiting = deque(todo)
    workers = min(at_once, len(todo))
    shares = [at_once // workers + (number < at_once % workers) for number in range(workers)]
    stop = Stop()
    try:
        with Interrupts(stop), clean_checkouts(git) as checkouts, TerminalProgress() as terminal:
            progress = _OneAtATime(terminal)
            with ThreadPoolExecutor(workers) as pool:
                crew = [pool.submit(_work, waiting, checkouts, share, stop, progress) for share in shares]
                failures = [error for future in crew if (error := future.exception()) is not None]
            if failures:
                # Those that were only asked to end because another failed say KeyboardInterrupt.
                raise min(failures, key=lambda error: isinstance(error, KeyboardInterrupt))
    finally:
        stop.close()


def _work(waiting: deque[_Bench], checkouts: Checkouts, share: int, stop: Stop, progress: Progress) -> None:
    """Take commit after commit, with ``share`` gates at once, until none is waiting or the work is stopped."""
    try:
        while waiting and not stop.asked:
            try:
                bench = waiting.popleft()
            except IndexError:  # another thread has just taken the last one
                return
            with checkouts.checkout(bench.oid) as git:
                _run(bench, git, share, stop, progress)
    except BaseException:
        stop.ask()
        raise


def _run(bench: _Bench, git: Git, share: int, stop: Stop, progress: Progress) -> None:
    """Fill the commit's slots; Git is that of its checkout."""

    def run(jobs: Sequence[GateJob]) -> list[GateResult]:
        return run_gates(
            jobs, top=git.top, git=git, side_by_side=share, time_limit_s=None, progress=progress, stop=stop
        )

    if bench.setup:
        gate = Gate("setup", bench.setup, timeout_s=SETUP_S)
        # Without inputs: what it changes is told by the gates whose inputs it changes.
        (setup,) = run([GateJob(gate, "", (), lambda _: False, label=f"setup at {bench.oid[:7]}")])
        if not setup.passed:
            reason = f"settings.setup ({printable(bench.setup)}) did not pass in a clean checkout: {setup.reason}"
            for slot in bench.slots:
                slot.result = GateResult(slot.job.gate.name, slot.job.key, "error", reason, output=setup.output)
                progress.finished(slot.job, slot.result)
            return
    for slot, result in zip(bench.slots, run([slot.job for slot in bench.slots]), strict=True):
        slot.result = result


class _OneAtATime:
    """Progress of gates in several threads, told to one that knows of one thread."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()

    def started(self, job: GateJob) -> None:
        with self._lock:
            self._progress.started(job)

    def finished(self, job: GateJob, result: GateResult) -> None:
        with self._lock:
            self._progress.finished(job, result)

    def tick(self, seconds: float) -> None:
        with self._lock:
            self._progress.tick(seconds)
