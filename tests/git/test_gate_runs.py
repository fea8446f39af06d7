"""Gate processes: what they come to, and that nothing of them stays."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.plan import Gate
from orchestrator.gate_runs import run_gates
from orchestrator.gate_runs.process import GateProcess
from orchestrator.git import Git
from tests.git.gate_support import PATIENCE_S, Mailbox, Watcher, is_running, job, python, run, run_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.gate_runs import GateJob
    from tests.support import Repository

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="orphans are adopted on Linux only")

# Writes its process id into the pipe, then sleeps.
SLEEP = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
# Leaves its session by forking twice, as daemons do, and keeps the output open.
DAEMON = f"""
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        exec({STUBBORN!r})
    os._exit(0)
"""


@pytest.fixture
def ready(repo: Repository) -> Repository:
    """A repository with one staged file, the input of all gates."""
    repo.add({"a.txt": "a\n"})
    return repo


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time between SIGTERM and SIGKILL, where they are known to ignore the first."""
    monkeypatch.setattr("orchestrator.gate_runs.process.GRACE_S", 0.2)


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Mailbox]:
    """The pipe by which processes of a gate tell who they are."""
    mailbox = Mailbox(tmp_path / "mail")
    yield mailbox
    mailbox.close()


ENDS: dict[str, tuple[str | tuple[str, ...], str, int | None, str]] = {
    "shell passes": ("test -f a.txt && test x = $(printf x)", "passed", 0, ""),
    "argv passes": (python("pass"), "passed", 0, ""),
    "argv is not for a shell": (python("import sys; sys.exit(sys.argv[1] != '$HOME; false')", "$HOME; false"),
                                "passed", 0, ""),
    "shell fails": ("exit 3", "failed", 3, "exit 3"),
    "argv fails": (python("raise SystemExit(4)"), "failed", 4, "exit 4"),
    "argv fails as a shell would": (python("raise SystemExit(127)"), "failed", 127, "exit 127"),
    "shell finds nothing": ("no-such-program-here --x", "error", 127, "could not run: "),
    "shell finds no program": ("./a.txt", "error", 126, "could not run: "),
    "argv finds nothing": (("no-such-program-here", "--x"), "error", None,
                           "could not run: no-such-program-here: No such file or directory"),
    "argv finds no program": (("./a.txt",), "error", None, "could not run: ./a.txt: Permission denied"),
    "empty argv": ((), "error", None, "could not run: the command is empty"),
    "null byte": (("true", "a\0b"), "error", None, "could not run: embedded null byte"),
    "too long": (("true", "x" * 3_000_000), "error", None, "could not run: Argument list too long"),
    "argv killed": (python("import os; os.kill(os.getpid(), 9)"), "failed", -9, "killed by SIGKILL"),
    "shell killed": ("kill -ABRT $$", "failed", -6, "killed by SIGABRT"),
    "killed in a shell": ("sh -c 'kill -SEGV $$'; exit $?", "failed", 139, "exit 139 (killed by SIGSEGV)"),
    "above the signals": ("exit 255", "failed", 255, "exit 255"),
    "no input": (python("import sys; sys.exit(sys.stdin.read() != '')"), "passed", 0, ""),
    "no terminal": (python("import os\ntry: os.open('/dev/tty', 0)\nexcept OSError: pass\nelse: raise KeyError"),
                    "passed", 0, ""),
    "session of its own": (python("import os; assert os.getsid(0) == os.getpgrp() == os.getpid()"), "passed", 0, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", ENDS)
def test_ends(ready: Repository, case: str) -> None:
    command, status, exit_code, reason = ENDS[case]
    result = run_one(ready, Gate("g", command))
    assert (result.gate, result.key, result.status, result.exit_code) == ("g", "key of g", status, exit_code)
    assert result.reason.startswith(reason)
    assert bool(result.reason) == (status != "passed")


CWDS = {
    "top": (".", "passed", ""),
    "folder": ("sub/dir", "passed", ""),
    "symlink inside": ("inside", "passed", ""),
    "missing": ("none", "error", "could not run: its folder none does not exist"),
    "file": ("a.txt", "error", "could not run: its folder a.txt does not exist"),
    "above": ("..", "error", "could not run: its folder .. lies outside the repository"),
    "absolute": ("/", "error", "could not run: its folder / lies outside the repository"),
    "symlink out": ("outside", "error", "could not run: its folder outside lies outside the repository"),
}


@pytest.mark.parametrize("case", CWDS)
def test_cwd(ready: Repository, case: str) -> None:
    cwd, status, reason = CWDS[case]
    ready.add({"sub/dir/x": "x\n"})
    (ready.top / "inside").symlink_to("sub/dir")
    (ready.top / "outside").symlink_to("..")
    result = run_one(ready, Gate("g", "pwd -P", cwd=cwd), "a.txt")
    assert (result.status, result.reason) == (status, reason)
    if status == "passed":
        assert result.output == str((ready.top / cwd).resolve())


def test_relative_program_is_found_from_its_folder(ready: Repository) -> None:
    ready.write("sub/run", "#!/bin/sh\necho ran\n").chmod(0o755)
    assert run_one(ready, Gate("g", ("./run",), cwd="sub"), "a.txt").output == "ran"


def test_nothing_to_do(ready: Repository) -> None:
    assert run(ready) == []


def test_order_and_progress(ready: Repository) -> None:
    os.mkfifo(ready.top.parent / "fifo")
    # The first ends after the second, which shows that they run side by side.
    jobs = [job(ready, Gate("slow", "cat ../fifo")), job(ready, Gate("fast", "echo > ../fifo; exit 1"))]
    watcher = Watcher()
    results = run(ready, *jobs, side_by_side=0 if (os.cpu_count() or 1) > 1 else 2, watcher=watcher)
    assert [(result.gate, result.status) for result in results] == [("slow", "passed"), ("fast", "failed")]
    assert watcher.events[:2] == [("started", "slow"), ("started", "fast")]
    assert sorted(watcher.events[2:]) == [("failed", "fast"), ("passed", "slow")]


def test_one_at_a_time(ready: Repository) -> None:
    watcher = Watcher()
    jobs = [job(ready, Gate(name, "mkdir ../lock && rmdir ../lock")) for name in ("a", "b", "c")]
    assert [result.status for result in run(ready, *jobs, watcher=watcher)] == ["passed"] * 3
    assert [name for _, name in watcher.events] == ["a", "a", "b", "b", "c", "c"]


def test_refused_gate_leaves_its_place(ready: Repository) -> None:
    bad = job(ready, Gate("bad", "true", cwd="none"))
    os.mkfifo(ready.top.parent / "fifo")
    reader, writer = job(ready, Gate("r", "cat ../fifo")), job(ready, Gate("w", "echo > ../fifo"))
    results = run(ready, reader, bad, writer, side_by_side=2)
    assert [result.status for result in results] == ["passed", "error", "passed"]


# -- output -----------------------------------------------------------------------------------------------------------


def test_output_of_both_streams_in_order(ready: Repository) -> None:
    result = run_one(ready, Gate("g", "echo one; echo two >&2; printf three; exit 1"))
    assert result.output == "one\ntwo\nthree"


def test_output_is_cut(ready: Repository) -> None:
    code = "print('\\n'.join(map(str, range(100)))); print('x' * 10000); print('10 %\\r50 %\\r100 %'); print('a\\r')"
    lines = run_one(ready, Gate("g", python(code))).output.split("\n")
    assert len(lines) == 40
    assert lines[0] == "63"
    assert lines[-3] == "x" * 499 + "…"
    assert lines[-2:] == ["100 %", "a"]


def test_output_that_is_no_text(ready: Repository) -> None:
    assert run_one(ready, Gate("g", python("import os; os.write(1, b'caf\\xe9 \\x1b[31m')"))).output == "caf� \x1b[31m"


def test_flood_is_bounded(ready: Repository) -> None:
    # 512 MiB without a line end, then the message; a pipe that nobody reads would block it after 64 KiB.
    code = "import os\nfor _ in range(512): os.write(1, b'x' * (1 << 20))\nos.write(1, b'\\nthe end\\n')"
    result = run_one(ready, Gate("g", python(code)))
    assert (result.status, result.output) == ("passed", "the end")


def test_endless_flood_is_stopped(ready: Repository) -> None:
    result = run_one(ready, Gate("g", "exec yes", timeout_s=0.2))
    assert result.status == "timeout"
    assert result.output == "\n".join(["y"] * 40)


# -- limits -----------------------------------------------------------------------------------------------------------


def test_timeout(ready: Repository, mail: Mailbox) -> None:
    result = run_one(ready, Gate("g", python("print('begun', flush=True); " + SLEEP, mail.path), timeout_s=0.5))
    assert (result.status, result.reason) == ("timeout", "stopped after its time limit of 0.5 s")
    assert result.output == "begun"
    assert 0.5 <= result.seconds < 2
    assert not is_running(mail.pid())


@pytest.mark.usefixtures("impatient")
def test_timeout_of_one_that_ignores_sigterm(ready: Repository, mail: Mailbox) -> None:
    result = run_one(ready, Gate("g", python(STUBBORN, mail.path), timeout_s=0.5))
    assert (result.status, result.exit_code) == ("timeout", -9)
    assert not is_running(mail.pid())


def test_timeout_lets_it_clean_up(ready: Repository) -> None:
    code = """
import signal, sys
def end(*_):
    print("bye")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("hi")
signal.pause()
"""
    result = run_one(ready, Gate("g", python(code), timeout_s=0.5))
    assert (result.status, result.exit_code, result.output) == ("timeout", 0, "hi\nbye")


def test_stopped_process_is_ended(ready: Repository, mail: Mailbox) -> None:
    code = "import os, sys, signal; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); os.kill(os.getpid(), 19)"
    assert run_one(ready, Gate("g", python(code, mail.path), timeout_s=0.4)).status == "timeout"
    assert not is_running(mail.pid())


def test_time_limit_of_all(ready: Repository, mail: Mailbox) -> None:
    jobs = [
        job(ready, Gate("quick", "true")),
        job(ready, Gate("slow", python(SLEEP, mail.path))),
        job(ready, Gate("never", "echo > ../ran")),
    ]
    watcher = Watcher()
    begun = time.monotonic()
    results = run(ready, *jobs, time_limit_s=0.7, watcher=watcher)
    assert time.monotonic() - begun < 3
    assert [result.status for result in results] == ["passed", "stopped", "stopped"]
    assert results[1].reason == "stopped when the time limit of 0.7 s for all gates together was over"
    assert results[2].reason.startswith("not started")
    assert not is_running(mail.pid())
    assert not (ready.top.parent / "ran").exists()
    assert ("started", "never") not in watcher.events


def test_no_time_at_all(ready: Repository) -> None:
    assert run_one(ready, Gate("g", "echo > ../ran"), time_limit_s=0).status == "stopped"
    assert not (ready.top.parent / "ran").exists()


def test_ticks(ready: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.gate_runs.runner.TICK_S", 0.1)
    watcher = Watcher()
    run(ready, job(ready, Gate("g", "sleep 0.35")), watcher=watcher)
    assert watcher.ticks == sorted(watcher.ticks)
    assert len(watcher.ticks) >= 1
    assert watcher.ticks[0] >= 0.1


# -- what is left -----------------------------------------------------------------------------------------------------


def test_background_process_ends_with_its_gate(ready: Repository, mail: Mailbox) -> None:
    # It holds the output open, too, which must not be waited for.
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}, sys.argv[1]]); "
    wait = "f = open(sys.argv[2]); f.readline()"
    os.mkfifo(ready.top.parent / "go")
    gate = Gate("g", python(child + wait, mail.path, ready.top.parent / "go"))
    pids: list[int] = []

    def release() -> None:
        pids.append(mail.pid())
        (ready.top.parent / "go").write_text("go\n", encoding="utf-8")

    thread = threading.Thread(target=release)
    thread.start()
    result = run_one(ready, gate)
    thread.join()
    assert (result.status, result.exit_code) == ("passed", 0)
    assert not is_running(pids[0])


@linux
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("limit", ["ends by itself", "timeout"])
def test_daemon_ends_with_its_gate(ready: Repository, mail: Mailbox, limit: str) -> None:
    code = DAEMON + ("import time; time.sleep(600)" if limit == "timeout" else "")
    result = run_one(ready, Gate("g", python(code, mail.path), timeout_s=0.7))
    assert result.status == ("timeout" if limit == "timeout" else "passed")
    if limit == "timeout":
        assert not is_running(mail.pid())
    assert mail.is_empty() or not is_running(mail.pid())


@linux
@pytest.mark.usefixtures("impatient")
def test_family_that_keeps_forking_is_ended(ready: Repository, mail: Mailbox) -> None:
    # Each generation ignores SIGTERM, leaves its session and is replaced by its child at once.
    code = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    if os.fork():
        os._exit(0)
    os.setsid()
    time.sleep(0.002)
"""
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    result = run_one(ready, Gate("g", python(code, mark)))
    assert result.status == "passed"
    assert not _with_argument(mark)
    assert mail.is_empty()


def _with_argument(mark: str) -> list[str]:
    """The processes that have this word among their arguments."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if mark.encode() in words:
                found.append(name)
    return found


def test_no_zombies_and_no_open_files(ready: Repository) -> None:
    def open_files() -> set[str]:
        return set(os.listdir("/dev/fd"))

    before = open_files()
    run(ready, *[job(ready, Gate(f"g{n}", "sleep 5 & exit 0")) for n in range(3)], side_by_side=3)
    assert open_files() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_gate_that_kills_its_supervisor(ready: Repository, mail: Mailbox) -> None:
    code = f"import os; os.kill(os.getppid(), 9); {SLEEP}"
    result = run_one(ready, Gate("g", python(code, mail.path)))
    assert (result.status, result.exit_code) == ("error", None)
    assert result.reason == "could not run: the process that watches over it was killed"
    assert mail.is_empty() or _gone(mail.pid())


def test_gate_that_stops_its_supervisor(ready: Repository, mail: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.gate_runs.runner.STUCK_S", 0.2)
    code = f"import os; os.kill(os.getppid(), 19); {SLEEP}"
    result = run_one(ready, Gate("g", python(code, mail.path), timeout_s=0.4))
    assert result.status == "timeout"
    assert _gone(mail.pid())


def _gone(pid: int) -> bool:
    """Whether the process, which is no child of ours, ends soon."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], PATIENCE_S)[0])
    finally:
        os.close(fd)


# -- interrupts -------------------------------------------------------------------------------------------------------

# A program that runs two gates, one of which leaves a daemon, and tells what came of it.
PROGRAM = """
import signal, sys
from pathlib import Path
from orchestrator.core.plan import Gate
from tests.git.gate_support import job, python, run
from orchestrator.gate_runs import process
from tests.git.test_gate_runs import DAEMON, STUBBORN
from tests.support import Repository

process.GRACE_S = 0.2
repo = Repository(Path(sys.argv[1]))
signal.signal(signal.SIGTERM, before := lambda *_: None)
wait = "import time; time.sleep(600)"
jobs = [job(repo, Gate("a", python(DAEMON + wait, sys.argv[2]))), job(repo, Gate("b", python(STUBBORN, sys.argv[2])))]
try:
    run(repo, *jobs, side_by_side=2)
except KeyboardInterrupt:
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    sys.exit(130)
"""


def _program(ready: Repository, mail: Mailbox) -> tuple[subprocess.Popen[bytes], list[int]]:
    """The program with both of its gates under way, and their processes."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(ready.top), str(mail.path)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
    )
    try:
        return program, [mail.pid(), mail.pid()]
    except AssertionError:
        program.kill()
        program.wait()
        raise


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupt(ready: Repository, mail: Mailbox, number: signal.Signals) -> None:
    program, pids = _program(ready, mail)
    program.send_signal(number)
    assert program.wait(PATIENCE_S) == 130
    assert not any(is_running(pid) for pid in pids)


@linux
def test_killed_without_a_chance(ready: Repository, mail: Mailbox) -> None:
    program, pids = _program(ready, mail)
    program.kill()
    program.wait(PATIENCE_S)
    assert all(_gone(pid) for pid in pids)


class Failing(Watcher):
    """A progress that breaks as soon as a gate runs."""

    def started(self, job: GateJob) -> None:
        """Break.

        Raises:
            OSError: always.
        """
        super().started(job)
        raise OSError("broken")


def test_error_of_a_caller_ends_the_gates(ready: Repository, tmp_path: Path) -> None:
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    with pytest.raises(OSError, match="broken"):
        run(ready, job(ready, Gate("g", python("import time; time.sleep(600)", mark))), watcher=Failing())
    assert not (tmp_path / "ran").exists()
    if sys.platform.startswith("linux"):
        assert not _with_argument(mark)


def test_ignored_signal_stays_ignored(ready: Repository) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_one(ready, Gate("g", "kill -HUP $(ps -o ppid= -p $PPID 2>/dev/null || echo $PPID)")).gate == "g"
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread(ready: Repository) -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(run_one(ready, Gate("g", "true")).status))
    thread.start()
    thread.join()
    assert found == ["passed"]


def test_git_error_is_told(tmp_path: Path, ready: Repository) -> None:
    jobs = [job(ready, Gate("g", "true"))]
    nowhere = tmp_path / "no-repository"
    nowhere.mkdir()
    with pytest.raises(CannotJudgeError):
        run_gates(jobs, top=str(nowhere), git=Git(str(nowhere)), side_by_side=1, time_limit_s=None, progress=Watcher())


def test_process_that_cannot_be_started_leaves_no_open_file() -> None:
    before = os.listdir("/dev/fd")
    with pytest.raises(ValueError, match="null byte"):
        GateProcess(("true", "\0"), cwd="/", env={})
    assert os.listdir("/dev/fd") == before
