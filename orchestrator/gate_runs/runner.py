"""Runs gates side by side and says what each run is worth."""

from __future__ import annotations

import os
import selectors
import signal
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from orchestrator.core.finding import printable
from orchestrator.core.gate import GateResult
from orchestrator.gate_runs import reports
from orchestrator.gate_runs.environment import gate_environment
from orchestrator.gate_runs.inputs import WorkTreeCheck
from orchestrator.gate_runs.interrupts import Interrupts
from orchestrator.gate_runs.process import STUCK_S, GateProcess
from orchestrator.gate_runs.reports import ReportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.gate_runs.interrupts import Stop
    from orchestrator.gate_runs.job import GateJob, GitCommands, Progress

TICK_S = 1.0
_REASON_CHARS = 1000


def run_gates(
    jobs: Sequence[GateJob],
    *,
    top: str,
    git: GitCommands,
    side_by_side: int,
    time_limit_s: float | None,
    progress: Progress,
    stop: Stop | None = None,
    then: Callable[[GateResult], Sequence[GateJob]] = lambda _: (),
) -> list[GateResult]:
    """The results of the jobs, in their order; what the statuses mean is said at ``GateResult``.

    ``then`` is told each result as soon as it is there and may give more jobs, which come after those given before.

    The gates run in the work tree at ``top``, where ``git`` works too, ``side_by_side`` at once (0: one per CPU), but
    two that write the same report one after the other. ``time_limit_s`` (None: without) bounds them all together, in
    seconds of the clock: what still runs then is stopped, what waits is not started, and both are "stopped".

    Each has a session of its own without terminal and input, and the user's environment. No process of a gate is
    left when this returns or raises; if this process is killed, they end, too (on systems other than Linux: those in
    the gate's process group). While gates run, SIGINT, SIGTERM and SIGHUP end them; with ``stop``, which is for threads
    other than the main one, it is for the caller to look after signals.

    Not seen: a change to an input that is undone before the gate ends; changes inside a submodule whose HEAD is the
    staged commit.

    Raises:
        KeyboardInterrupt: one of these signals came, or ``stop`` was asked; all gates were ended.
        CannotJudgeError: Git said no; all gates were ended.
    """
    if not jobs:
        return []
    interrupts: Stop | Interrupts
    with Interrupts() if stop is None else nullcontext(stop) as interrupts:
        names = git.run("rev-parse", "--local-env-vars").decode().split()
        env = gate_environment(git.env, names)
        at_once = side_by_side or os.cpu_count() or 1
        results = _Runs(
            jobs,
            top=top,
            git=git,
            env=env,
            at_once=at_once,
            time_limit_s=time_limit_s,
            progress=progress,
            interrupts=interrupts,
            then=then,
        ).run()
    if stop is not None and stop.asked:
        raise KeyboardInterrupt
    return results


class _Running:
    """A gate under way; ``cause`` is the status that a stop by us gives it, ``give_up_at`` when to wait no more."""

    def __init__(self, index: int, job: GateJob, process: GateProcess) -> None:
        self.index = index
        self.job = job
        self.process = process
        self.deadline = time.monotonic() + job.gate.timeout_s
        self.cause = ""
        self.give_up_at = float("inf")

    @property
    def ran(self) -> bool:
        """Whether it came to an end by itself, so that its exit code means something."""
        return not self.cause and self.process.exit_code is not None and not self.process.error

    def next_moment(self, limit_at: float) -> float:
        """When something is to be done about it if nothing happens before; ``limit_at`` is when no gate may run."""
        return self.give_up_at if self.ending else min(self.deadline, limit_at)

    @property
    def ending(self) -> bool:
        """Whether it has ended or been asked to, and only what it started is still to be ended."""
        return bool(self.cause) or self.process.exit_code is not None

    def keep_time(self, limit_at: float) -> None:
        """Do what is due by now."""
        now = time.monotonic()
        if not self.ending:
            if now >= limit_at:
                self.stop("stopped")
            elif now >= self.deadline:
                self.stop("timeout")
        elif self.give_up_at == float("inf"):
            self.give_up_at = now + STUCK_S
        elif now >= self.give_up_at:
            self.process.give_up()
            self.give_up_at = now + STUCK_S

    def stop(self, cause: str) -> None:
        """Ask it to end, unless it has ended or was asked already."""
        if not self.ending:
            self.cause = cause
            self.give_up_at = time.monotonic() + STUCK_S
            self.process.stop()


class _Runs:
    """The jobs of one call, from waiting to their results."""

    def __init__(
        self,
        jobs: Sequence[GateJob],
        *,
        top: str,
        git: GitCommands,
        env: dict[str, str],
        at_once: int,
        time_limit_s: float | None,
        progress: Progress,
        interrupts: Stop | Interrupts,
        then: Callable[[GateResult], Sequence[GateJob]],
    ) -> None:
        self._top = os.path.realpath(top)
        self._git = git
        self._env = env
        self._at_once = at_once
        self._limit_s = time_limit_s
        self._limit_at = float("inf") if time_limit_s is None else time.monotonic() + time_limit_s
        self._progress = progress
        self._interrupts = interrupts
        self._then = then
        self._given = len(jobs)
        self._begun = time.monotonic()
        self._next_tick = self._begun + TICK_S
        self._check = WorkTreeCheck(git, self._top)
        self._waiting = dict(enumerate(jobs))
        self._running: list[_Running] = []
        self._results: dict[int, GateResult] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(interrupts.fd, selectors.EVENT_READ, interrupts.forget_wakeup)

    def run(self) -> list[GateResult]:
        """Run all of them, and end all of them whatever happens; after an interrupt only the results so far."""
        try:
            while (self._waiting or self._running) and not self._interrupts.asked:
                self._settle_and_start()
                # One that was refused has left its place to the next.
                if self._running and next(self._turn(), None) is None:
                    self._wait()
        finally:
            self._end_all()
            self._selector.close()
        return [self._results[index] for index in sorted(self._results)]

    # -- one round ------------------------------------------------------------------------------------------------

    def _settle_and_start(self) -> None:
        """Judge the gates that have ended and start those whose turn it is, with one look at the work tree for both."""
        ended = [each for each in self._running if each.process.ended]
        self._running = [each for each in self._running if not each.process.ended]
        self._refuse_late()
        starting = list(self._turn())
        ran = [each for each in ended if each.ran]
        checked = [each.job for each in ran] + [job for _, job in starting]
        problems = self._check.problems(checked)
        after = {each.index: problem for each, problem in zip(ran, problems, strict=False)}
        for each in ended:
            self._settle(each, after.get(each.index, ""))
        self._refuse_late()
        for (index, job), problem in zip(starting, problems[len(ran) :], strict=True):
            if index in self._waiting and not self._interrupts.asked:
                self._start(index, job, problem)

    def _turn(self) -> Iterator[tuple[int, GateJob]]:
        """The waiting jobs that can start beside those that run; one that writes a report of another waits for it."""
        taken = {name for each in self._running for name in self._report_names(each.job)}
        room = self._at_once - len(self._running)
        for index, job in self._waiting.items():
            names = self._report_names(job)
            if room > 0 and not names & taken:
                room -= 1
                taken |= names
                yield index, job

    def _report_names(self, job: GateJob) -> set[str]:
        """Where the reports really lie, to tell whether two are the same."""
        return {os.path.realpath(os.path.join(self._top, path)) for path in job.reports()}

    def _refuse_late(self) -> None:
        """Nothing starts after the time limit."""
        if time.monotonic() >= self._limit_at:
            for index, job in list(self._waiting.items()):
                self._refuse(index, job, "stopped", f"not started: {self._limit_text()} was over")

    def _limit_text(self) -> str:
        return f"the time limit of {self._limit_s or 0:g} s for all gates together"

    # -- start ----------------------------------------------------------------------------------------------------

    def _start(self, index: int, job: GateJob, problem: str) -> None:
        """Start the gate, or say why not."""
        gate = job.gate
        cwd = os.path.realpath(os.path.join(self._top, gate.cwd))
        if os.path.isabs(gate.cwd) or os.path.commonpath([cwd, self._top]) != self._top:
            self._refuse(index, job, "error", f"could not run: its folder {gate.cwd} lies outside the repository")
            return
        if not os.path.isdir(cwd):
            self._refuse(index, job, "error", f"could not run: its folder {gate.cwd} does not exist")
            return
        for path in job.reports():
            try:
                reports.check_untracked(self._git, self._top, path, reports.locate(self._git, self._top, path))
            except ReportError as error:
                self._refuse(index, job, "error", f"report {path} {error}")
                return
        if problem:
            reason = f"not started, what it tests is not what is staged: {problem}; {job.remedy}"
            self._refuse(index, job, "unclean", reason)
            return
        for path in job.reports():
            try:
                reports.remove(reports.locate(self._git, self._top, path))
            except ReportError as error:
                self._refuse(index, job, "error", f"report {path} {error}")
                return
        command = ("/bin/sh", "-c", gate.run) if isinstance(gate.run, str) else gate.run
        if not command:
            self._refuse(index, job, "error", "could not run: the command is empty")
            return
        try:
            process = GateProcess(command, cwd=cwd, env=self._env)
        except (OSError, ValueError) as error:
            self._refuse(index, job, "error", f"could not run: {getattr(error, 'strerror', None) or error}")
            return
        del self._waiting[index]
        running = _Running(index, job, process)
        self._running.append(running)
        for fd, read in ((process.output_fd, process.read_output), (process.report_fd, process.read_report)):
            self._selector.register(fd, selectors.EVENT_READ, read)
        self._progress.started(job)

    def _refuse(self, index: int, job: GateJob, status: str, reason: str) -> None:
        """The gate does not run, for this reason."""
        del self._waiting[index]
        self._finish(index, job, GateResult(job.gate.name, job.key, status, reason=_line(reason)))

    # -- while they run -------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Wait until something happens to a gate or it is time to do something to one."""
        now = time.monotonic()
        moments = [self._next_tick, *(each.next_moment(self._limit_at) for each in self._running)]
        self._take_events(min(moments) - now)
        for each in self._running:
            each.keep_time(self._limit_at)
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            self._progress.tick(now - self._begun)

    def _take_events(self, timeout_s: float) -> None:
        # Half a millisecond more, so that the moment is not just ahead when the wait is over.
        for key, _ in self._selector.select(max(0.0, timeout_s) + 0.0005):
            # The end of a process closes its output, too, which may be the next in this list.
            if key.fd in self._selector.get_map() and key.data() is False:
                self._forget(key.fd)

    def _forget(self, fd: int) -> None:
        """Stop waiting on what has come to its end; with its report a process is all over."""
        self._selector.unregister(fd)
        for each in self._running:
            if each.process.report_fd == fd and each.process.output_fd in self._selector.get_map():
                self._selector.unregister(each.process.output_fd)

    def _end_all(self) -> None:
        """End what still runs, as is due when something went wrong; without it there is nothing to do."""
        self._selector.unregister(self._interrupts.fd)  # nothing more can be asked for
        for each in self._running:
            each.stop("stopped")
        while any(not each.process.ended for each in self._running):
            alive = [each for each in self._running if not each.process.ended]
            for each in alive:
                each.keep_time(self._limit_at)
            self._take_events(min(each.next_moment(self._limit_at) for each in alive) - time.monotonic())

    # -- results --------------------------------------------------------------------------------------------------

    def _settle(self, run: _Running, problem: str) -> None:
        """Judge a gate that has ended; ``problem`` is what is wrong with its inputs now."""
        process = run.process
        result = GateResult(
            run.job.gate.name,
            run.job.key,
            "passed",
            exit_code=process.exit_code,
            seconds=process.seconds,
            output=process.output(),
        )
        status, reason = self._cut_short(run)
        if not status:
            status, reason = _exit_meaning(run.job, process)
        if not status or status == "failed":
            result, failures = self._with_reports(run.job, result)
            reason = "; ".join(filter(None, [reason, *failures]))
            status = "failed" if reason else "passed"
        if problem and run.ran:
            also = f"; {reason}" if reason else ""
            status = "unclean"
            reason = f"after the run, what it tested is not what is staged: {problem}; {run.job.remedy}{also}"
        self._finish(run.index, run.job, result.replace(status=status, reason=_line(reason)))

    def _cut_short(self, run: _Running) -> tuple[str, str]:
        """Status and reason of a gate that did not come to its own end; empty if it did."""
        process = run.process
        if run.cause == "timeout":
            return "timeout", f"stopped after its time limit of {run.job.gate.timeout_s:g} s"
        if run.cause:
            return run.cause, f"stopped when {self._limit_text()} was over"
        if process.error or process.exit_code is None:
            return "error", f"could not run: {process.error or 'it did not say how it ended'}"
        if process.left:
            numbers = ", ".join(map(str, process.left))
            return "error", f"processes that it left behind could not be ended: {numbers}"
        return "", ""

    def _with_reports(self, job: GateJob, result: GateResult) -> tuple[GateResult, list[str]]:
        """The result with the facts of the gate's reports, and what in them fails it."""
        gate = job.gate
        failures: list[str] = []
        if not gate.junit and not gate.coverage:
            return result, failures
        from fractions import Fraction  # noqa: PLC0415 - only for a gate with reports

        from orchestrator.gate_runs import report_formats  # noqa: PLC0415

        if gate.junit:
            try:
                junit = report_formats.parse_junit(self._read(gate.junit))
            except ReportError as error:
                failures.append(f"report {gate.junit} {error}")
            else:
                result = result.replace(tests=junit.tests)
                if junit.failed:
                    failures.append(f"{junit.failed} of its tests did not pass")
                if junit.tests < gate.min_tests:
                    failures.append(f"{junit.tests} tests were executed, {gate.min_tests} are required")
        if gate.coverage:
            try:
                percent = report_formats.parse_coverage(self._read(gate.coverage))
            except ReportError as error:
                failures.append(f"report {gate.coverage} {error}")
            else:
                # The shortest decimal that the plan can have meant, not the binary fraction next to it.
                required = Fraction(str(gate.min_coverage))
                if percent is not None:
                    result = result.replace(coverage=report_formats.rounded_down(percent))
                if percent is None and required > 0:
                    failures.append(f"report {gate.coverage} measures no lines")
                elif percent is not None and percent < required:
                    failures.append(f"coverage is {result.coverage:g} %, {gate.min_coverage:g} % are required")
        return result, failures

    def _read(self, path: str) -> bytes:
        """The report as it is after the run; its folder may have become another.

        Raises:
            ReportError: it is missing or not acceptable.
        """
        return reports.read(reports.locate(self._git, self._top, path))

    def _finish(self, index: int, job: GateJob, result: GateResult) -> None:
        self._results[index] = result
        self._progress.finished(job, result)
        for more in self._then(result):
            self._waiting[self._given] = more
            self._given += 1


def _exit_meaning(job: GateJob, process: GateProcess) -> tuple[str, str]:
    """Status and reason that the exit code alone gives; empty for 0."""
    code = process.exit_code or 0
    if code < 0:
        return "failed", f"killed by {_signal_name(-code)}"
    if isinstance(job.gate.run, str):
        if code in (126, 127):  # sh(1): found but not executable; not found
            said = process.output().rpartition("\n")[2] or f"exit {code}"
            return "error", f"could not run: {said}"
        if code > 128 and _signal_name(code - 128):  # sh(1): a command in it was killed by a signal
            return "failed", f"exit {code} (killed by {_signal_name(code - 128)})"
    return ("failed", f"exit {code}") if code else ("", "")


def _signal_name(number: int) -> str:
    """The name of the signal; for a number that has none, empty."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}" if signal.SIGRTMIN < number < signal.SIGRTMAX else ""


def _line(text: str) -> str:
    """One line fit for a terminal, of bounded length."""
    line = printable(text)
    return line if len(line) <= _REASON_CHARS else line[: _REASON_CHARS - 1] + "…"
