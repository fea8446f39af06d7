"""What tests of gate runs share: jobs on what is staged, and news of processes."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING

from orchestrator.core.gate import GateResult, Input
from orchestrator.gate_runs import GateJob, run_gates
from orchestrator.git import Git

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.plan import Gate
    from tests.support import Repository

PATIENCE_S = 20.0


class Watcher:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        """Nothing happened yet."""
        self.events: list[tuple[str, str]] = []
        self.ticks: list[float] = []

    def started(self, job: GateJob) -> None:
        """Remember it."""
        self.events.append(("started", job.gate.name))

    def finished(self, job: GateJob, result: GateResult) -> None:
        """Remember it."""
        assert result.gate == job.gate.name
        self.events.append((result.status, job.gate.name))

    def tick(self, seconds: float) -> None:
        """Remember it."""
        self.ticks.append(seconds)


def python(code: str, *args: str | Path) -> tuple[str, ...]:
    """The argv of a gate that runs the code in a bare interpreter."""
    return (sys.executable, "-I", "-S", "-c", code, *(str(arg) for arg in args))


def staged(repo: Repository, *under: str) -> tuple[Input, ...]:
    """The inputs that the index has at or below these paths; all, if none is given."""
    found = []
    for entry in repo.git("--literal-pathspecs", "ls-files", "-sz", "--", *under).stdout.split("\0"):
        if entry:
            facts, path = entry.split("\t", 1)
            mode, oid, _stage = facts.split(" ")
            found.append(Input(mode, path, oid))
    return tuple(sorted(found, key=lambda item: item.path))


def job(repo: Repository, gate: Gate, *under: str) -> GateJob:
    """A job on what is staged below ``under``, which claims untracked files there, too."""
    return GateJob(
        gate,
        f"key of {gate.name}",
        staged(repo, *under),
        lambda path: not under or any(path == folder or path.startswith(folder + "/") for folder in under),
    )


def run(
    repo: Repository,
    *jobs: GateJob,
    side_by_side: int = 1,
    time_limit_s: float | None = None,
    watcher: Watcher | None = None,
) -> list[GateResult]:
    """The results of the jobs."""
    top = str(repo.top)
    git = Git(top, {**os.environ, **repo.env})
    return run_gates(
        jobs,
        top=top,
        git=git,
        side_by_side=side_by_side,
        time_limit_s=time_limit_s,
        progress=watcher or Watcher(),
    )


def run_one(repo: Repository, gate: Gate, *under: str, time_limit_s: float | None = None) -> GateResult:
    """The result of one gate on what is staged."""
    (result,) = run(repo, job(repo, gate, *under), time_limit_s=time_limit_s)
    return result


def is_running(pid: int) -> bool:
    """Whether there is such a process, be it a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Mailbox:
    """A named pipe by which processes of a gate tell who they are, without anyone polling for a file."""

    def __init__(self, path: Path) -> None:
        """Make the pipe."""
        os.mkfifo(path)
        self.path = path
        # Opened for both, so that neither side waits for the other to open it.
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""

    def close(self) -> None:
        """Close this end."""
        os.close(self._fd)

    def line(self) -> str:
        """The next line that a process wrote.

        Raises:
            AssertionError: none came.
        """
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._fd], [], [], PATIENCE_S)
            if not ready:
                raise AssertionError("nobody wrote")
            self._rest += os.read(self._fd, 4096)
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode()

    def pid(self) -> int:
        """The process id that a process wrote."""
        return int(self.line())

    def is_empty(self) -> bool:
        """Whether nothing is waiting to be read."""
        return not self._rest and not select.select([self._fd], [], [], 0)[0]
