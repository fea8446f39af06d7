"""Progress of gates on the terminal, past a hook runner that holds back what hooks print."""

from __future__ import annotations

import errno
import os
import sys
import time
from typing import TYPE_CHECKING

from orchestrator.core.finding import printable

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, TextIO

    from orchestrator.core.gate import GateResult
    from orchestrator.gate_runs.job import GateJob


class TerminalProgress:
    """A live line per running gate on the terminal; without one, a line per finished gate on standard error.

    To be used in a ``with`` statement, or closed. Nothing that goes wrong with the terminal reaches the caller: one
    that is gone is left, and one that is held (Ctrl-S) is not waited for.
    """

    def __init__(self, tty_path: str = "/dev/tty", stderr: TextIO | None = None, env_term: str | None = None) -> None:
        """Open the terminal, if there is one; ``env_term`` is what TERM says if not the environment's."""
        self._stderr = stderr
        self._running: dict[str, float] = {}  # by gate name, in the order of their starts
        self._drawn = 0
        term = os.environ.get("TERM", "") if env_term is None else env_term
        self._moves = term not in ("", "dumb")  # whether the cursor can be moved up
        self._begun = False
        self._fd = -1
        try:
            # Not blocking: a terminal that is held must not hold the gates.
            self._fd = os.open(tty_path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:  # ENXIO: no controlling terminal (CI, a session of its own)
            return

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the terminal."""
        self.close()

    def close(self) -> None:
        """Leave the terminal; later news go to standard error."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def started(self, job: GateJob) -> None:
        """Add a line for the gate."""
        self._running[job.label or job.gate.name] = time.monotonic()
        self._draw([])

    def finished(self, job: GateJob, result: GateResult) -> None:
        """Turn the gate's line into its result."""
        name = job.label or job.gate.name
        self._running.pop(name, None)
        reason = f" ({result.reason})" if result.reason and not result.passed else ""
        line = f"gate {printable(name)}: {result.status} in {result.seconds:.1f} s{printable(reason)}"
        self._draw([line])
        if self._fd < 0:
            print(line, file=self._stderr or sys.stderr, flush=True)

    def tick(self, seconds: float) -> None:
        """Let the clocks of the lines go on; ``seconds`` is when, and each line has its own start."""
        del seconds
        if self._moves and self._running:
            self._draw([])

    def _draw(self, done: list[str]) -> None:
        """Draw the results, which stay, and below them the running gates, over what was drawn of those before."""
        if self._fd < 0 or not (done or self._moves):
            return
        now = time.monotonic()
        live = [f"gate {printable(name)}: running {now - start:.0f} s" for name, start in self._running.items()]
        if not self._moves:
            self._write("".join(f"\r\n{line}" for line in done) + "\r\n")
            return
        width = self._width()
        # A hook runner leaves the cursor at the end of its own unfinished line.
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        begin = "" if self._begun else "\r\n"
        clear = "\r\x1b[J"
        # A line that wraps would count as two when the cursor goes up again.
        text = "".join(f"{line}\r\n" for line in done) + "".join(f"{line[: width - 1]}\r\n" for line in live)
        if self._write(begin + up + clear + text):
            self._begun = True
            self._drawn = len(live)

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._fd).columns or 80
        except OSError:  # no terminal but a file that stands for one
            return 80

    def _write(self, text: str) -> bool:
        """Whether the terminal took it; if it is gone, it is left."""
        try:
            os.write(self._fd, text.encode("utf-8", "replace"))
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EINTR:
                self.close()
            return False
        return True
