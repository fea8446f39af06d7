"""The processes that this one runs under: the ``git commit`` that calls the hook, and a hook runner between the two."""

from __future__ import annotations

import os
import time

from orchestrator.core.commit_options import CommitOptions, commit_arguments, parse_commit_options
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CLOCK_SLACK_S = 2.0
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "busybox")


class Runner(Value):
    """The hook runner that started this process: its name, and the patch of unstaged changes it has put away."""

    name: str = ""  # "pre-commit" | "prek" | "lefthook", which is seen only where it has put something away | "": none
    patch_path: str = ""

    @property
    def has_put_away(self) -> bool:
        """Whether the user's unstaged changes are out of the work tree meanwhile."""
        return bool(self.patch_path)

    @property
    def shows_what_is_staged(self) -> bool:
        """Whether the work tree is what is staged while its hooks run, whatever the user has not staged."""
        return self.name in ("pre-commit", "prek")


def find_runner(env: Mapping[str, str], git_dir: str) -> Runner:
    """The runner of this process, found by what it sets in the environment and by the patches of our ancestors.

    pre-commit and prek name the patch by their own process id. Where ancestors cannot be read (no /proc), any patch
    that is newer than the runner could have left counts: then too much is left alone rather than too little.
    """
    if env.get("PRE_COMMIT") != "1" or _is_started_by_git_itself():
        return _find_lefthook(git_dir)
    home = os.path.expanduser("~")
    cache = env.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    prek_home = env.get("PREK_HOME") or os.path.join(cache, "prek")
    if prek_home == "~" or prek_home.startswith("~/"):  # prek itself takes that for the home; pre-commit does not
        prek_home = home + prek_home[1:]
    folders = (
        ("prek", os.path.join(prek_home, "patches"), ".patch"),
        ("pre-commit", env.get("PRE_COMMIT_HOME") or os.path.join(cache, "pre-commit"), ""),
    )
    name = "prek" if any(key.startswith("PREK_") and key != "PREK_HOME" for key in env) else "pre-commit"
    ancestors = {str(pid): began for pid, began in ancestors_began().items()}
    found: list[tuple[float, str]] = []
    for _, folder, ending in folders:
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries]
        except OSError:
            continue
        for entry in names:
            stem = entry.removesuffix(ending)
            if (ending and not entry.endswith(ending)) or not (ending or stem.startswith("patch")):
                continue
            path = os.path.join(folder, entry)
            stamp, _, pid = stem.removeprefix("patch").rpartition("-")
            began = ancestors.get(pid)
            if began is None or not os.path.getsize(path):
                continue
            # The runner's own clock is in the name, in seconds or thousandths; the clock of a file system may be off.
            named = float(stamp) / (1000 if ending else 1) if stamp.isdecimal() else 0.0
            written = max(os.path.getmtime(path), named)
            # Patches stay for ever, and ids of processes come again: what is older than the process is another's.
            if written >= began - _CLOCK_SLACK_S:
                found.append((written, path))
    return Runner(name, max(found)[1] if found else "")


def _is_started_by_git_itself() -> bool:
    """Whether ``git commit`` has started this hook with nothing but shells in between, so that no runner has.

    PRE_COMMIT may be set by who calls Git: another runner, whose hook makes a commit, or the user.
    """
    for pid, _ in _ancestors():
        argv = _command_line(pid)
        if argv and commit_arguments(argv) is not None:
            return True
        if not argv or argv[0].rpartition("/")[2].lstrip("-") not in _SHELLS:
            return False
    return False


def _find_lefthook(git_dir: str) -> Runner:
    """lefthook, where it has put unstaged changes away; it tells its hooks nothing, and keeps one patch for a clone.

    It does so only if some file is staged in part, then with all of them or, older, with the partly staged ones.
    """
    info = os.path.join(_common_dir(git_dir), "info")
    for name in ("lefthook-unstaged-all.patch", "lefthook-unstaged.patch"):
        path = os.path.join(info, name)
        try:
            written = os.path.getmtime(path)
        except OSError:
            continue
        # One that a killed lefthook has left behind is older than any lefthook that runs now.
        ancestors = ancestors_began()
        known = [began for pid, began in ancestors.items() if _is_lefthook(pid)]
        if any([written >= began - _CLOCK_SLACK_S for began in known]) or 0.0 in ancestors.values():
            return Runner("lefthook", path)
    return Runner()


def _common_dir(git_dir: str) -> str:
    """The Git directory that all work trees of the clone share (gitrepository-layout(5), commondir)."""
    try:
        with open(os.path.join(git_dir, "commondir"), encoding="utf-8", errors="surrogateescape") as file:
            return os.path.join(git_dir, file.read().rstrip("\n"))
    except FileNotFoundError:
        return git_dir


def _is_lefthook(pid: int) -> bool:
    """Whether that process is lefthook, as itself or as a script that starts it."""
    argv = _command_line(pid) or []
    return any([os.path.basename(part).startswith("lefthook") for part in argv[:2]])


def ancestors_began() -> dict[int, float]:
    """From the ids of the parent, its parent and so on to when each began, in seconds of the epoch (0.0: not known).

    Where the system does not tell (it is not Linux), the parent alone. Source: proc(5), /proc/PID/stat, starttime.
    """
    found = dict(_ancestors())
    if not hasattr(time, "CLOCK_BOOTTIME") or not any(found.values()):
        return dict.fromkeys(found, 0.0)
    # /proc/uptime would not do: in a container it may be the container's own, while each stat is the host's. Should
    # clock and stat disagree all the same, what began so long before us began that long ago at least.
    per_second = os.sysconf("SC_CLK_TCK")
    booted = time.time() - max(time.clock_gettime(time.CLOCK_BOOTTIME), _stat(os.getpid())[0] / per_second)
    return {pid: booted + ticks / per_second if ticks else 0.0 for pid, ticks in found.items()}


def _ancestors() -> Iterator[tuple[int, int]]:
    """The ids of the parent, its parent and so on, each with when it began, in clock ticks after boot (0: not known).

    Source: proc(5), /proc/PID/stat.
    """
    pid = os.getppid()
    while True:
        try:
            ticks, above = _stat(pid)
        except (OSError, ValueError, IndexError):
            ticks, above = 0, 0
        yield pid, ticks
        if above <= 1:
            return
        pid = above


def _stat(pid: int) -> tuple[int, int]:
    """When that process began, in clock ticks after boot, and the id of its parent.

    Raises:
        OSError, ValueError, IndexError: the system does not tell.
    """
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[19]), int(fields[1])


def running_commit() -> CommitOptions:
    """The options of the ``git commit`` that runs this hook; not known where the system does not tell (no /proc)."""
    return _commit_above()[1]


def commit_process() -> str:
    """What tells the ``git commit`` that runs this hook from any other process, or "" where nobody can tell."""
    return _commit_above()[0]


def _command_line(pid: int) -> list[str] | None:
    """The arguments with which that process was started, its program first; None where the system does not tell."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "surrogateescape").split("\0")[:-1]
    except OSError:
        return None


def _commit_above() -> tuple[str, CommitOptions]:
    """The ``git commit`` among our ancestors: its id with when it began, and its options."""
    for pid, ticks in _ancestors():
        argv = _command_line(pid)
        if argv is None:
            break
        if argv and argv[0].rpartition("/")[2] in ("git", "git-commit"):
            arguments = commit_arguments(argv)
            if arguments is None:
                break
            return f"{pid} {ticks}" if ticks else "", parse_commit_options(arguments)
    return "", CommitOptions()


def git_above() -> list[str]:
    """The command line of the Git that runs this process, by itself or by a shell; [] where nobody can tell."""
    for pid, _ in _ancestors():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                argv = file.read().decode("utf-8", "surrogateescape").split("\0")[:-1]
        except OSError:
            break
        if argv and (argv[0].rpartition("/")[2] + "-").startswith("git-"):
            return argv
    return []
