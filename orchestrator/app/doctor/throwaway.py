"""A throwaway repository that stands where the user's HEAD stands, with the hooks as they are installed there."""

from __future__ import annotations

import os
import select
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.app.repository import Repository
from orchestrator.core.finding import CannotJudgeError, Finding, printable
from orchestrator.core.value import Value
from orchestrator.gate_runs.process import STUCK_S, GateProcess
from orchestrator.git import Git, c_quoted
from orchestrator.installing.inspection import CONFIG_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.gate_runs.interrupts import Interrupts

BRANCH = "orchestrator-doctor"
REMOTE = "orchestrator-doctor"
LIMIT_S = 120.0  # for one commit with all its hooks
SAID_LINES = 8
_QUIET = ("-c", "core.hooksPath=/dev/null")  # around all hooks, those that --no-verify leaves in included
# Settings of the user's repository that speak of its own files, of other repositories, or would ask for a passphrase.
_OWN_SECTIONS = ("alias", "branch", "credential", "extensions", "gc", "http", "include", "includeif", "index",
                 "maintenance", "receive", "remote", "submodule", "uploadpack", "url")  # fmt: skip
_OWN_KEYS = frozenset({
    "commit.gpgsign", "core.bare", "core.editor", "core.fsmonitor", "core.hookspath", "core.logallrefupdates",
    "core.repositoryformatversion", "core.sparsecheckout", "core.sparsecheckoutcone", "core.untrackedcache",
    "core.worktree", "push.gpgsign", "tag.gpgsign",
})  # fmt: skip
_SETTINGS = {
    "commit.gpgSign": "false",
    "core.fsmonitor": "false",
    "core.safecrlf": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "push.gpgSign": "false",
    "submodule.recurse": "false",
}


class Attempt(Value):
    """A Git command that ran with the hooks: its exit code, None if it was stopped at the time limit, and its output.

    ``before`` and ``after`` are the ids of HEAD's commit.
    """

    exit_code: int | None
    output: str
    before: str
    after: str

    @property
    def landed(self) -> bool:
        """Whether there is a new commit."""
        return self.before != self.after

    def told(self, finding_id: str) -> bool:
        """Whether a hook of ours refused under that id; prek indents what hooks say."""
        return any(line.strip().startswith(f"error[{finding_id}]") for line in self.output.splitlines())

    def last_lines(self) -> tuple[str, ...]:
        """The last lines of the output that say something, nothing in them able to steer a terminal."""
        lines = [printable(line.rpartition("\r")[2].rstrip()) for line in self.output.split("\n")]
        return tuple([line for line in lines if line][-SAID_LINES:])


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """A new folder where temporary files belong, removed at the end whatever happens.

    Raises:
        CannotJudgeError: there is no place for it.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="orchestrator-doctor-")
    except OSError as error:
        raise CannotJudgeError(
            Finding("git", f"no temporary folder can be made: {error}", help="TMPDIR=...")
        ) from error
    with folder as name:
        yield Path(name).resolve()


def environment_for(git: Git) -> dict[str, str]:
    """The user's environment for commands in another repository: nothing in it leads back into this one.

    Identity, settings of hook runners and PATH stay. No editor is opened and nothing asks for a password.
    """
    env = dict(git.env)
    for name in git.text("rev-parse", "--local-env-vars").split():
        env.pop(name, None)
    env.update(GIT_EDITOR=":", GIT_SEQUENCE_EDITOR=":", GIT_TERMINAL_PROMPT="0", GIT_LFS_SKIP_SMUDGE="1")
    return env


class Throwaway:
    """The repository in ``folder``; ``repository`` is how the program's own functions see it."""

    def __init__(self, folder: Path, env: Mapping[str, str], interrupts: Interrupts) -> None:
        """Speak of the work tree ``clone`` in the folder; ``make`` fills it."""
        self.folder = folder
        self.top = folder / "clone"
        self.env = env
        self.repository = Repository(Git(str(self.top), env), str(self.top / ".git"))
        self._interrupts = interrupts
        self.timed_out = False

    # -- around the hooks

    def git(self, *argv: str) -> str:
        """The output of a Git command that runs no hook.

        Raises:
            GitError: Git said no.
            KeyboardInterrupt: somebody asked for an end.
        """
        if self._interrupts.asked:
            raise KeyboardInterrupt
        return self.repository.git.text(*_QUIET, *argv)

    def head(self) -> str:
        """The id of HEAD's commit."""
        return self.git("rev-parse", "HEAD")

    def reset(self, oid: str) -> None:
        """Bring branch, index and work tree to that commit; ignored files stay, hooks may keep caches there."""
        self.git("reset", "-q", "--hard", oid)
        self.git("clean", "-ffdq")

    def stage(self, files: Mapping[str, str | bytes]) -> None:
        """Write files and stage them, ignored or not."""
        for path, data in files.items():
            file = self.top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data.encode() if isinstance(data, str) else data)
        self.git("--literal-pathspecs", "add", "-f", "--", *files)

    def record(self, message: str) -> str:
        """The id of a commit of what is staged, made around all hooks."""
        self.git("commit", "-q", "--no-verify", "--allow-empty", "-m", message)
        return self.head()

    def committed(self, path: str, revision: str = "HEAD") -> bytes | None:
        """The content of a file of that commit; nothing if it is not there."""
        found = self.repository.read_objects([f"{revision}:{path}"])[f"{revision}:{path}"]
        return None if found is None else found[1]

    # -- through the hooks

    def attempt(self, *argv: str) -> Attempt:
        """What came of ``git argv`` with the hooks; whatever it started has ended.

        Raises:
            KeyboardInterrupt: somebody asked for an end; the command has been stopped.
            CannotJudgeError: it could not be started.
        """
        before = self.head()
        file = self.folder / "output"
        # A session without terminal: no hook can ask a question there, and Ctrl-C reaches only whoever waits here.
        command = ("/bin/sh", "-c", 'exec "$@" >"$0" 2>&1', str(file), "git", *argv)
        try:
            process = GateProcess(command, cwd=str(self.top), env=self.env)
        except (OSError, ValueError) as error:
            raise CannotJudgeError(Finding("git", f"git {argv[0]} could not be started: {error}")) from error
        stopped = self._wait(process)
        if self._interrupts.asked:
            raise KeyboardInterrupt
        if process.error or process.exit_code is None:
            raise CannotJudgeError(Finding("git", f"git {argv[0]} was not seen to its end: {process.error}"))
        self.timed_out = self.timed_out or stopped
        for lock in ("index.lock", "HEAD.lock"):  # a Git that was stopped can leave them
            (self.top / ".git" / lock).unlink(missing_ok=True)
        output = file.read_bytes().decode("utf-8", "replace")
        return Attempt(None if stopped else process.exit_code, output, before, self.head())

    def _wait(self, process: GateProcess) -> bool:
        """Wait for its end, and ask for it at the time limit or at an interrupt; whether the limit was reached."""
        poll = select.poll()
        for fd in (process.output_fd, process.report_fd, self._interrupts.fd):
            poll.register(fd, select.POLLIN)
        deadline = time.monotonic() + LIMIT_S
        stopped = ending = False
        while not process.ended:
            if time.monotonic() >= deadline or (self._interrupts.asked and not ending):
                if ending:
                    process.give_up()
                stopped = stopped or not self._interrupts.asked
                process.stop()
                ending = True
                deadline = time.monotonic() + STUCK_S
            for fd, _ in poll.poll(max(0.0, deadline - time.monotonic()) * 1000 + 1):
                if fd == self._interrupts.fd:
                    self._interrupts.forget_wakeup()
                elif not _take(process, fd):
                    poll.unregister(fd)
        return stopped


def _take(process: GateProcess, fd: int) -> bool:
    """Take what there is to read; false at the end. With its report a process is all over, and both are closed."""
    if process.ended:
        return True
    return process.read_report() if fd == process.report_fd else process.read_output()


def make(user: Repository, hooks: Path, hooks_path: str | None, place: Throwaway) -> tuple[str, ...]:
    """Fill the throwaway repository; the answer says where it differs from the user's HEAD.

    It borrows the user's objects and has no remote, so that nothing in it can reach the user's repository. Branch,
    index and work tree are those of HEAD, with the configuration of hook runners as it lies in the work tree, since
    that is what they read. ``hooks`` is the folder in which Git looks for the user's hooks, ``hooks_path`` the value
    of core.hooksPath that was set for that repository alone, None for none.

    Raises:
        CannotJudgeError: Git did not do it, or a file could not be copied.
    """
    try:
        _borrow(user, place)
        notes = _bring_configuration(user, place)
        _bring_settings(user, place)
        _bring_hooks(Path(user.git.top), hooks, hooks_path, place)
    except (OSError, shutil.Error) as error:
        message = f"the throwaway repository could not be made: {error}"
        raise CannotJudgeError(Finding("git", message, help="TMPDIR=... for a place with room")) from error
    return notes


def _borrow(user: Repository, place: Throwaway) -> None:
    git = Git(str(place.folder), place.env)
    form = user.git.text("rev-parse", "--show-object-format")
    git.run("init", "-q", "--template=", f"--object-format={form}", str(place.top))
    objects = _git_path(user, "objects")
    alternates = place.top / ".git" / "objects" / "info" / "alternates"
    alternates.parent.mkdir(parents=True, exist_ok=True)
    alternates.write_bytes(c_quoted(os.fsencode(objects)) + b"\n")
    shallow = _git_path(user, "shallow")
    if shallow.is_file():
        shutil.copyfile(shallow, place.top / ".git" / "shallow")
    place.git("symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
    code, out, _ = user.git.call("rev-parse", "-q", "--verify", "HEAD^{commit}")
    if code == 0:
        place.git("update-ref", "HEAD", out.decode("ascii").strip())
        place.git("reset", "-q", "--hard")


def _git_path(user: Repository, name: str) -> Path:
    return Path(os.path.abspath(os.path.join(user.git.top, user.git.text("rev-parse", "--git-path", name))))


def _bring_configuration(user: Repository, place: Throwaway) -> tuple[str, ...]:
    notes = []
    for name in CONFIG_FILES:
        here, there = Path(user.git.top, name), place.top / name
        data = here.read_bytes() if here.is_file() else None
        if data == (there.read_bytes() if there.is_file() else None):
            continue
        if data is None:
            place.git("rm", "-q", "-f", "--", name)
            notes.append(f"judged without {name}, which is in HEAD and not in the work tree")
        else:
            place.stage({name: data})
            notes.append(f"judged with {name} of the work tree, which differs from HEAD")
    return tuple(notes)


def _bring_settings(user: Repository, place: Throwaway) -> None:
    out = user.git.run("config", "--show-scope", "--includes", "--list", "-z").decode("utf-8", "surrogateescape")
    fields = out.split("\0")[:-1]
    for scope, entry in zip(fields[::2], fields[1::2], strict=True):
        name, has_value, value = entry.partition("\n")
        if scope in {"local", "worktree"} and name.split(".")[0] not in _OWN_SECTIONS and name not in _OWN_KEYS:
            place.git("config", "--add", name, value if has_value else "true")
    for name, value in _SETTINGS.items():
        place.git("config", "--replace-all", name, value)
    if place.repository.git.call("var", "GIT_COMMITTER_IDENT")[0]:
        place.git("config", "user.name", "orchestrator doctor")
        place.git("config", "user.email", "doctor@localhost")


def _bring_hooks(top: Path, hooks: Path, hooks_path: str | None, place: Throwaway) -> None:
    if hooks_path is not None:
        target = Path(os.path.normpath(place.top / hooks_path))
        is_inside = bool(hooks_path) and not os.path.isabs(hooks_path) and not hooks_path.startswith("~")
        if is_inside and target.is_relative_to(place.top):
            place.git("config", "core.hooksPath", hooks_path)
        else:
            is_outside = is_inside or (hooks_path and not hooks_path.startswith("~"))
            place.git("config", "core.hooksPath", str(top / hooks_path) if is_outside else hooks_path)
            return
    else:
        target = place.top / ".git" / "hooks"
    if not hooks.is_dir():
        return
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(hooks, target, symlinks=True, ignore=shutil.ignore_patterns("*.sample"))
    for file in target.rglob("*"):
        if file.is_symlink():
            original = hooks / file.relative_to(target)
            file.unlink()
            file.symlink_to(original.resolve())  # a relative one may lead elsewhere from here
    if not target.is_relative_to(place.top / ".git"):
        place.git("--literal-pathspecs", "add", "-f", "--", str(target.relative_to(place.top)))
