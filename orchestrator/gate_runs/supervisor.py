"""The parent of one gate: starts it, and leaves nothing of it behind.

Run as a script by a bare interpreter (``python -I -S supervisor.py``), one per gate, because what it does belongs to
a whole process: on Linux it adopts every orphan that descends from the gate (also one that made a session of its own
or forked twice), so that all can be found and ended; and it outlives a hook that is killed without a chance to clean
up. Elsewhere it ends the process group of the gate.

Source: prctl(2) PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG; proc(5).
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KILL_S = 3.0  # after SIGKILL: only what hangs in the kernel or belongs to another user needs longer
LOOK_S = 0.02  # how often to look for what sends no signal when it ends


def supervise(control_fd: int, report_fd: int, grace_s: float, cwd: str, command: Sequence[str]) -> None:
    """Run the command in a session of its own in ``cwd``, until it ends or is asked to end, and end what it left.

    It is asked by a byte or the end of ``control_fd`` (which comes also when the process that holds the other end is
    killed), by SIGTERM, SIGINT or SIGHUP: all that descends from it gets SIGTERM, and SIGKILL ``grace_s`` seconds
    later. Reports on ``report_fd`` in lines: ``pid NUMBER`` when it runs or ``error TEXT`` if it cannot be started,
    ``exit CODE`` (negative: a signal) when it has ended, and last ``left NUMBER...``, the processes that even SIGKILL
    did not end.
    """
    prctl = _prctl()
    adopts = prctl is not None and prctl(PR_SET_CHILD_SUBREAPER, 1) == 0
    poll, asked, wake_fd = _prepare(control_fd)
    os.set_inheritable(control_fd, False)
    os.set_inheritable(report_fd, False)
    pid, problem = _start(command, cwd, prctl)
    if problem:
        _tell(report_fd, f"error {problem}")
        return
    _tell(report_fd, f"pid {pid}")
    family = Family(pid, adopts=adopts)
    while True:
        left = family.reap()
        if family.exit_code is not None or asked or not left:
            break
        for fd, _ in poll.poll():
            if fd == control_fd:
                asked.append(0)
            else:
                os.read(wake_fd, 4096)
    poll.unregister(control_fd)
    told = family.exit_code is not None
    if told:
        _tell(report_fd, f"exit {family.exit_code}")
    if left and _end(family, signal.SIGTERM, grace_s, poll, wake_fd):
        _end(family, signal.SIGKILL, KILL_S, poll, wake_fd)
    if not told and family.exit_code is not None:
        _tell(report_fd, f"exit {family.exit_code}")
    remaining = sorted(family.members()) if family.reap() else []
    _tell(report_fd, f"left {' '.join(map(str, remaining))}")


class Family:
    """The gate and all that descends from it; ``exit_code`` is the gate's own, once it was collected."""

    def __init__(self, leader: int, *, adopts: bool) -> None:
        """Look after the process group of ``leader``, and all descendants if orphans are adopted."""
        self.leader = leader
        self.adopts = adopts
        self.exit_code: int | None = None

    def reap(self) -> bool:
        """Collect those that have ended; whether any is left that runs."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return not self.adopts and self._signal_group(0)
            if pid == 0:
                return True
            if pid == self.leader:
                self.exit_code = os.waitstatus_to_exitcode(status)

    def signal(self, number: int) -> None:
        """Send the signal to every member."""
        members = self.members()
        # Once the leader was collected, its number is only safe to use while a member of its group holds it (and
        # where /proc shows no members, it is all there is).
        if self.exit_code is None or not members or self.leader in members.values():
            self._signal_group(number)
        for pid, group in members.items():
            if group != self.leader:
                _kill(pid, number)

    def members(self) -> dict[int, int]:
        """The process groups of all descendants by process id, as far as the system tells."""
        if not self.adopts:
            return {}
        children: dict[int, list[int]] = {}
        groups: dict[int, int] = {}
        for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The name of the program, in parentheses, can contain anything.
                    fields = file.read().rpartition(b")")[2].split()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it ended meanwhile, or is none of ours
            children.setdefault(int(fields[1]), []).append(int(name))
            groups[int(name)] = int(fields[2])
        found: dict[int, int] = {}
        todo = [os.getpid()]
        while todo:
            for child in children.get(todo.pop(), ()):
                found[child] = groups[child]
                todo.append(child)
        return found

    def _signal_group(self, number: int) -> bool:
        """Signal the process group; whether there was one to be signalled."""
        try:
            os.killpg(self.leader, number)
        except (ProcessLookupError, PermissionError):  # macOS says EPERM of a group that has only zombies
            return False
        return True


def _end(family: Family, number: int, seconds: float, poll: select.poll, wake_fd: int) -> bool:
    """Send the signal and wait; whether any is left after so many seconds."""
    deadline = time.monotonic() + seconds
    family.signal(number)
    if number == signal.SIGTERM:
        family.signal(signal.SIGCONT)  # one that is stopped would get it only when it is continued
    while family.reap():
        rest = deadline - time.monotonic()
        if rest <= 0:
            return True
        # The end of a child wakes us; what is no child, or was adopted since the last look, does not.
        wait = LOOK_S if number == signal.SIGKILL or not family.adopts else rest
        if poll.poll(min(wait, rest) * 1000 + 1):
            os.read(wake_fd, 4096)
        if number == signal.SIGKILL:
            family.signal(number)  # what was born between the look and the kill
    return False


def _prepare(control_fd: int) -> tuple[select.poll, list[int], int]:
    """What to wait on, a list that fills when a signal asks to end, and the descriptor that signals write to."""
    asked: list[int] = []
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # ignored: the gate shall inherit that
            signal.signal(number, lambda number, _frame: asked.append(number))
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # only to be woken
    poll = select.poll()
    poll.register(control_fd, select.POLLIN)
    poll.register(wake_read, select.POLLIN)
    return poll, asked, wake_read


def _prctl() -> Callable[[int, int], int] | None:
    """prctl(2) with its second argument, or nothing where the system has none."""
    if not sys.platform.startswith("linux"):
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if function is None:
        return None
    return lambda option, value: int(function(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3))


def _start(command: Sequence[str], cwd: str, prctl: Callable[[int, int], int] | None) -> tuple[int, str]:
    """The process id of the command, started in a session of its own; why it could not be started, else empty.

    By hand, since ``subprocess`` takes longer to import than all else that is done here, and each gate would pay it.
    """
    parent = os.getpid()
    told, tells = os.pipe()  # the end of it is that of this program: it is closed when another takes its place
    pid = os.fork()
    if pid == 0:
        try:
            _become(command, cwd, prctl, parent)
        except (OSError, ValueError) as error:
            name = getattr(error, "filename", None) or command[0]
            problem = f"{name}: {getattr(error, 'strerror', None) or error}"
            os.write(tells, problem.encode("utf-8", "surrogateescape"))
        finally:
            os._exit(127)
    os.close(tells)
    with open(told, "rb") as reader:
        return pid, reader.read().decode("utf-8", "surrogateescape")


def _become(command: Sequence[str], cwd: str, prctl: Callable[[int, int], int] | None, parent: int) -> None:
    """Become the gate, which is killed if its parent dies.

    Raises:
        OSError: there is no such folder or program, or it cannot be run.
    """
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and what follows would, too
        signal.signal(number, signal.SIG_DFL)
    os.chdir(cwd)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before it was asked
            return
    os.execvp(command[0], list(command))  # noqa: S606 - what the plan names; a shell, if any, is named by it


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):  # gone, or another user's, which is reported as left in the end
        return


def _tell(report_fd: int, line: str) -> None:
    # A name can contain a line end; what a pipe takes in one piece is limited.
    data = line.replace("\n", " ").encode("utf-8", "surrogateescape")[:2000] + b"\n"
    try:
        os.write(report_fd, data)
    except BrokenPipeError:  # who asked was killed: there is nobody to tell, and the work here is to clean up
        return


if __name__ == "__main__":
    supervise(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], sys.argv[5:])
