"""What is shown of gates while they run."""

from __future__ import annotations

import io
import os
import pty
import select
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.gate import GateResult
from orchestrator.core.plan import Gate
from orchestrator.gate_runs import GateJob, TerminalProgress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def a_job(name: str) -> GateJob:
    """A job of that name."""
    return GateJob(Gate(name, "true"), "key", (), lambda _: False)


def a_result(name: str, status: str = "passed", reason: str = "") -> GateResult:
    """A result of that name."""
    return GateResult(name, "key", status, reason=reason, seconds=1.25)


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A terminal: what reads what is shown on it, and its path."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def shown(master: int) -> str:
    """What has been written to the terminal since the last look; it comes in pieces, a little later."""
    found = b""
    while select.select([master], [], [], 0.1)[0]:
        found += os.read(master, 65536)
    return found.decode()


def test_terminal(terminal: tuple[int, str]) -> None:
    master, path = terminal
    stderr = io.StringIO()
    with TerminalProgress(path, stderr, "xterm") as progress:
        progress.started(a_job("one"))
        first = shown(master)
        # A hook runner has left the cursor at the end of its line.
        assert first.startswith("\r")
        assert "gate one: running 0 s" in first
        progress.started(a_job("two\x1b[2J"))
        second = shown(master)
        assert second.startswith("\x1b[1A\r\x1b[J")
        assert "gate two\\x1b[2J: running" in second
        progress.tick(1.0)
        assert shown(master).startswith("\x1b[2A")
        progress.finished(a_job("one"), a_result("one"))
        third = shown(master)
        assert "gate one: passed in 1.2 s" in third
        assert third.index("passed") < third.index("running")
        progress.finished(a_job("two\x1b[2J"), a_result("two\x1b[2J", "failed", "exit 1\x07"))
        assert "gate two\\x1b[2J: failed in 1.2 s (exit 1\\x07)" in shown(master)
        progress.tick(2.0)
        assert shown(master) == ""
    assert stderr.getvalue() == ""


def test_terminal_that_cannot_move_its_cursor(terminal: tuple[int, str]) -> None:
    master, path = terminal
    with TerminalProgress(path, io.StringIO(), "dumb") as progress:
        progress.started(a_job("one"))
        progress.tick(1.0)
        assert shown(master) == ""
        progress.finished(a_job("one"), a_result("one"))
        assert "\x1b" not in (text := shown(master))
        assert "gate one: passed in 1.2 s" in text


def test_no_terminal(tmp_path: Path) -> None:
    stderr = io.StringIO()
    with TerminalProgress(str(tmp_path / "none"), stderr, "xterm") as progress:
        progress.started(a_job("one"))
        progress.tick(1.0)
        assert stderr.getvalue() == ""
        progress.finished(a_job("one"), a_result("one", "unclean", "a\nb"))
    assert stderr.getvalue() == "gate one: unclean in 1.2 s (a\\x0ab)\n"


def test_terminal_that_goes_away() -> None:
    master, slave = pty.openpty()
    stderr = io.StringIO()
    progress = TerminalProgress(os.ttyname(slave), stderr, "xterm")
    progress.started(a_job("one"))
    os.close(master)
    os.close(slave)
    progress.finished(a_job("one"), a_result("one"))
    assert stderr.getvalue() == "gate one: passed in 1.2 s\n"
    progress.close()


def test_terminal_that_is_held(terminal: tuple[int, str]) -> None:
    _, path = terminal
    with TerminalProgress(path, io.StringIO(), "xterm") as progress:
        progress.started(a_job("one"))
        for _ in range(20000):  # far more than a terminal takes that nobody reads
            progress.tick(1.0)
