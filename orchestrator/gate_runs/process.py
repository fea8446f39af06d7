"""One gate's process as its starter sees it: output in bounds, its end, and the ways to end it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GRACE_S = 2.0  # between SIGTERM and SIGKILL
STUCK_S = 8.0  # after which the supervisor itself is given up; longer than all that it waits for
TAIL_BYTES = 65536
TAIL_LINES = 40
LINE_CHARS = 500
_CHUNK = 65536
_SUPERVISOR = str(Path(__file__).with_name("supervisor.py"))


class GateProcess:
    """A gate that was started; ``output_fd`` and ``report_fd`` are to be waited on.

    ``exit_code`` (negative: a signal) is known once it ended by itself or was stopped; ``error`` says why it could
    not be started or kept track of; ``left`` are processes of it that could not be ended; ``ended`` is set when all
    is over; ``seconds`` is how long it ran.
    """

    def __init__(self, command: Sequence[str], *, cwd: str, env: Mapping[str, str]) -> None:
        """Start the command.

        Raises:
            OSError: the system refuses even to start its supervisor (arguments too long, no more processes).
            ValueError: an argument has a null byte or is no text of the file system's encoding.
        """
        control_read, self._control_fd = os.pipe()
        self.report_fd, report_write = os.pipe()
        supervisor = [sys.executable, "-I", "-S", _SUPERVISOR]
        try:
            self._child = subprocess.Popen(
                [*supervisor, str(control_read), str(report_write), str(GRACE_S), cwd, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                env=dict(env),
                start_new_session=True,  # Ctrl-C in the terminal reaches whoever waits here, not the gate
                pass_fds=(control_read, report_write),
            )
        except BaseException:
            os.close(self._control_fd)
            os.close(self.report_fd)
            raise
        finally:
            os.close(control_read)
            os.close(report_write)
        if self._child.stdout is None:
            raise AssertionError("a pipe was asked for")
        self._output = self._child.stdout
        self.output_fd = self._output.fileno()
        os.set_blocking(self.output_fd, False)
        self._started = time.monotonic()
        self._tail = bytearray()
        self._cut = False
        self._reports = b""
        self._pid: int | None = None
        self._told_all = False
        self.exit_code: int | None = None
        self.error = ""
        self.left: tuple[int, ...] = ()
        self.ended = False
        self.seconds = 0.0

    def read_output(self) -> bool:
        """Take what it has printed; false at the end, when there is nothing more to wait for."""
        try:
            chunk = os.read(self.output_fd, _CHUNK)
        except BlockingIOError:
            return True
        self._tail += chunk
        if len(self._tail) > 2 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
            self._cut = True
        return bool(chunk)

    def read_report(self) -> bool:
        """Take what the supervisor tells; false at the end, when the supervisor has ended."""
        chunk = os.read(self.report_fd, _CHUNK)
        self._reports += chunk
        *lines, self._reports = self._reports.split(b"\n")
        for line in lines:
            self._take(*line.decode("utf-8", "surrogateescape").split(" ", 1))
        if chunk:
            return True
        self._end()
        return False

    def stop(self) -> None:
        """Ask for its end, and that of all that it started; ``read_report`` tells when it has come."""
        if self._control_fd >= 0:
            os.close(self._control_fd)
            self._control_fd = -1

    def give_up(self) -> None:
        """Kill the supervisor, which does not answer, and the gate's process group."""
        if not self.ended:
            self._child.kill()
            self._kill_group()

    def output(self) -> str:
        """The last lines that it printed, decoded; of a line that overwrites itself, what is seen in the end."""
        # Partial first lines are dropped with the rest that was cut off, unless there is nothing else.
        lines = bytes(self._tail[-TAIL_BYTES:]).decode("utf-8", "replace").rstrip().split("\n")
        if (self._cut or len(self._tail) > TAIL_BYTES) and len(lines) > 1:
            del lines[0]
        seen = (line.rstrip("\r").rpartition("\r")[2] for line in lines[-TAIL_LINES:])
        return "\n".join(line if len(line) <= LINE_CHARS else line[: LINE_CHARS - 1] + "…" for line in seen)

    def _take(self, fact: str, value: str) -> None:
        match fact:
            case "pid":
                self._pid = int(value)
            case "error":
                self.error = value
                self._told_all = True
            case "exit":
                self.exit_code = int(value)
                self.seconds = time.monotonic() - self._started
            case "left":
                self.left = tuple(map(int, value.split()))
                self._told_all = True

    def _end(self) -> None:
        """Collect the supervisor and close all; what is still in the pipe is taken first."""
        self._child.wait()
        self.stop()
        if not self._told_all:  # killed: by the gate itself, or by the system when memory ran out
            self._kill_group()
            self.exit_code = None
            self.error = "the process that watches over it was killed"
        # A process that could not be ended may go on to write, so no more is taken than a pipe holds.
        for _ in range(32):
            before = len(self._tail)
            if not self.read_output() or len(self._tail) == before:
                break
        self._output.close()
        os.close(self.report_fd)
        self.ended = True
        self.seconds = self.seconds or time.monotonic() - self._started

    def _kill_group(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # gone already, or only zombies (macOS)
                os.killpg(self._pid, signal.SIGKILL)
