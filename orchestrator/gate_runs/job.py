"""What a run of gates is asked for, and what it asks of its surroundings."""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - the fields of a value are read at run time
from typing import Protocol

from orchestrator.core.gate import GateResult, Input  # noqa: TC001
from orchestrator.core.plan import Gate  # noqa: TC001
from orchestrator.core.value import Value


class GateJob(Value):
    """One gate to be run: under which key a pass counts, and on which files of the index.

    ``inputs`` are in path order; ``claims`` tells of any other path whether it would be an input, too.
    """

    gate: Gate
    key: str
    inputs: tuple[Input, ...]
    claims: Callable[[str], bool]
    label: str = ""  # what progress calls it; default: the gate's name
    remedy: str = "stage, stash or ignore that, then run it again"  # where an input is not what is staged

    def reports(self) -> tuple[str, ...]:
        """The report files that the gate promises to write, as the plan names them."""
        return tuple(path for path in (self.gate.junit, self.gate.coverage) if path)


class Progress(Protocol):
    """Whoever watches gates run; called from the thread that runs them, so it must not block."""

    def started(self, job: GateJob) -> None:
        """The gate's process runs."""

    def finished(self, job: GateJob, result: GateResult) -> None:
        """The gate has its result; one that was not started at all was not announced before."""

    def tick(self, seconds: float) -> None:
        """About a second has gone by; ``seconds`` since the first gate could have started."""


class GitCommands(Protocol):
    """Git at the top of the work tree, as ``orchestrator.git.Git`` offers it.

    A protocol, because the rooms of this floor do not know each other.
    """

    @property
    def env(self) -> Mapping[str, str]:
        """The environment that the process was started with, GIT_INDEX_FILE included."""

    def run(self, *argv: str, stdin: bytes = b"") -> bytes:
        """The standard output of ``git argv``.

        Raises:
            CannotJudgeError: Git said no.
        """

    def call(self, *argv: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> tuple[int, bytes, bytes]:
        """Exit code (negative: a signal), standard output and standard error of ``git argv``."""
