"""Safe writes of the tool's own files to index and work tree, beside whatever the user has there unstaged."""

from __future__ import annotations

import os

from orchestrator.core.finding import CannotJudgeError, Finding, Location, RefusedError
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.callers import Runner
    from orchestrator.git import Git

_FILE_MODES = ("100644", "100755")


class Update(Value):
    """New content of one of the tool's files.

    ``old`` is what the index has (None: nothing), ``new`` what it shall have. ``rework`` turns another version of
    the file that the user has (unstaged edits, another index) into its new version, keeping what is the user's; it
    returns None where that cannot be done safely, and is None where the file is the tool's alone.
    """

    path: str
    old: bytes | None
    new: bytes
    rework: Callable[[bytes], bytes | None] | None = None
    mode: str = "100644"  # as the index has it
    always: bool = False  # look at the file also where the index needs no change
    old_oid: str = ""  # of ``old``; "" to write over whatever is staged by now


class _Entry(Value):
    """What an index has, or shall have, of a file."""

    path: str
    mode: str
    oid: str
    tag: str = "H"  # as git-ls-files(1), -v, has it: lower case for --assume-unchanged, "S" for --skip-worktree


def read_file(top: str, path: str) -> bytes | None:
    """The bytes of a regular file in the work tree; None if there is none.

    Raises:
        CannotJudgeError: it is a symbolic link or no regular file.
    """
    try:
        fd = os.open(os.path.join(top, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_a_file(path, str(error.strerror)) from error
    import stat  # noqa: PLC0415 - imported by Python itself at its start

    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _not_a_file(path, "not a regular file")
    with open(fd, "rb") as file:
        return file.read()


def _not_a_file(path: str, why: str) -> CannotJudgeError:
    return CannotJudgeError(
        Finding(
            "plan-invalid",
            f"{path} must be a regular file: {why}",
            locations=(Location(path),),
            help=f"replace {path} by a regular file, then: git add :/{path}",
        )
    )


def write_updates(git: Git, updates: Sequence[Update], index_file: str, runner: Runner, parent_pid: int) -> None:
    """Bring the updates into the index in use and into the work tree.

    With a temporary index of ``git commit -- path`` the pending real index (``index.lock``) gets them, too, so that
    the next commit does not take them back (git-commit(1), --only). Blobs are written first, then files by rename,
    then the index in one step: killed in between, the next commit finds its own text and finishes the work.

    Raises:
        RefusedError: the user's unstaged edits cannot be kept safely; nothing has been written.
        GitError: the index cannot be written; the files are as they were.
        KeyboardInterrupt: the commit has been given up meanwhile; nothing has been written.
    """
    scratch = _scratch(index_file)
    updates = [update for update in updates if update.old != update.new or update.always]
    if not updates:
        return
    patch = _freed_patch(runner, updates) if runner.has_put_away else None
    found = [(update, read_file(git.top, update.path)) for update in updates]
    files = [(update.path, current, _new_file(update, current)) for update, current in found]
    entries = [_Entry(path=update.path, mode=update.mode, oid=_blob(git, update.new)) for update in updates]
    second = _pending_index(index_file)
    for_second = _for_other_index(git, updates, entries, second) if second else []
    staged = [entry for update, entry in zip(updates, entries, strict=True) if update.old != update.new]
    with _Signals(waiting=index_file.endswith(".lock")):
        if os.getppid() != parent_pid or (index_file.endswith(".lock") and not os.path.exists(index_file)):
            # Git does not wait for its hooks when it is interrupted; writing now would leave a stale lock file behind.
            raise KeyboardInterrupt
        if patch is not None:
            replace_file(runner.patch_path, patch)
        written: list[tuple[str, bytes | None, bytes]] = []
        try:
            for path, current, data in files:
                if data is not None:
                    written.append((path, current, data))
                    replace_file(os.path.join(git.top, path), data, scratch, _Unsaved(git.top, path, current))
            if staged:
                _enter(git, _tagged(git, staged, {update.path: update.old_oid for update in updates}), None)
        except (CannotJudgeError, OSError):  # another Git holds the index, or the disk is full
            _put_back(git.top, written, scratch)
            raise
        if for_second:
            _enter(git, for_second, second)
        if os.getppid() != parent_pid:
            # Git has been ended in between and has taken its locks away; what we have written in their place is none.
            for lock in (index_file, second):
                if lock.endswith(".lock") and os.path.exists(lock):
                    os.unlink(lock)
            raise KeyboardInterrupt


class _Signals:
    """Lets signals that end this process wait until its context is left, if ``waiting``.

    For a lock file of a commit under way: a Git that was started to write it would go on without us, and put the lock
    back which the commit has given up.
    """

    def __init__(self, *, waiting: bool) -> None:
        self._waiting = waiting

    def __enter__(self) -> None:
        if self._waiting:
            import signal  # noqa: PLC0415 - not for an ordinary commit

            self._before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))

    def __exit__(self, *_: object) -> None:
        if self._waiting:
            import signal  # noqa: PLC0415

            signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


def _freed_patch(runner: Runner, updates: Sequence[Update]) -> bytes | None:
    """The runner's patch so that it can be put back over the new files; None if it can be as it is.

    What the tool has written itself, for a commit that was then given up, is in the work tree and not in the index;
    so the runner has put it away as an edit of the user's.

    Raises:
        RefusedError: the user's edits are in it.
    """
    from orchestrator.core import patches  # noqa: PLC0415 - only where edits have been put away

    with open(runner.patch_path, "rb") as file:
        patch = file.read()
    freed: bytes | None = None
    for update in [update for update in updates if patches.touches(patch, update.path)]:
        theirs = None if update.old is None else patches.patched(patch, update.path, update.old)
        is_own = theirs is not None and (
            theirs == update.new or (update.rework is not None and update.rework(theirs) == update.new)
        )
        if is_own and runner.shows_what_is_staged:
            freed = patches.without_change(freed or patch, update.path, update.old or b"", update.new)
        if not is_own or freed is None:
            raise RefusedError(_unstaged(update.path))
    return freed


def _put_back(top: str, written: Sequence[tuple[str, bytes | None, bytes]], scratch: str) -> None:
    """Give the files the content that they had, but what somebody has saved meanwhile: (path, before, written)."""
    for path, before, data in written:
        if read_file(top, path) != data:
            continue
        if before is not None:
            replace_file(os.path.join(top, path), before, scratch)
        else:
            os.unlink(os.path.join(top, path))


def _unstaged(path: str) -> Finding:
    return Finding(
        "plan-md-unstaged",
        f"{path} has unstaged edits that cannot be kept safely while it is rewritten",
        locations=(Location(path),),
        notes=("a commit of some paths only (git commit -- PATH) leaves what is staged of it behind",),
        help=f"git add :/{path} and commit it too (or: git stash push :/{path}), then try again",
    )


class _Unsaved:
    """Raises when called, if somebody has saved the file since it was read."""

    def __init__(self, top: str, path: str, content: bytes | None) -> None:
        """Remember what it was then."""
        self.top, self.path, self.content = top, path, content

    def __call__(self) -> None:
        """Look again.

        Raises:
            RefusedError: it has other content now.
        """
        if read_file(self.top, self.path) != self.content:
            raise _overtaken(self.path, "saved")


def _overtaken(path: str, what: str) -> RefusedError:
    """The refusal to write over what somebody else has done meanwhile."""
    return RefusedError(
        Finding(
            "plan-md-unstaged",
            f"{path} has been {what} while it was to be rewritten",
            locations=(Location(path),),
            notes=("what was done is there, and nothing has been written",),
            help="try again",
        )
    )


def _new_file(update: Update, current: bytes | None) -> bytes | None:
    """What the work tree shall have in the place of its current content, or None if that is right as it is."""
    if current is None:
        return update.new if update.old is None else None  # a deletion that is not staged stays one
    if current == update.new:
        return None
    if current == update.old:
        return update.new
    # core.autocrlf and the attribute eol give each line of the work tree another end than in the index.
    if update.old is not None and b"\r\n" not in update.old and current == _with_crlf(update.old):
        return _with_crlf(update.new)
    if update.rework is None:
        return None
    reworked = update.rework(current)
    if reworked is None:
        raise RefusedError(_unstaged(update.path))
    return reworked if reworked != current else None


def _with_crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def _blob(git: Git, data: bytes) -> str:
    return git.text("hash-object", "-w", "--no-filters", "--stdin", stdin=data)


def _pending_index(index_file: str) -> str:
    folder, name = os.path.split(index_file)
    pending = os.path.join(folder, "index.lock")
    return pending if name.startswith("next-index-") and os.path.exists(pending) else ""


def _for_other_index(git: Git, updates: Sequence[Update], entries: Sequence[_Entry], index_file: str) -> list[_Entry]:
    """The entries for another index, from its own version of each file; none for what is removed there."""
    listed = _listed(git, [update.path for update in updates], index_file)
    found = []
    for update, entry in zip(updates, entries, strict=True):
        other = listed.get(update.path)
        if other is None:
            found += [entry] if update.old is None else []  # a removal that is staged and not committed stays one
            continue
        data = git.run("cat-file", "blob", other.oid) if other.mode in _FILE_MODES else None
        if data is None:
            continue
        if data == update.old:
            found.append(other.replace(oid=entry.oid))
        elif update.rework is not None and (reworked := update.rework(data)) is not None:
            found.append(other.replace(oid=_blob(git, reworked)))
    return found


def _env_of(index_file: str | None) -> dict[str, str] | None:
    """What is added to the environment of Git for that index; None stands for the one in use."""
    return None if index_file is None else {"GIT_INDEX_FILE": index_file}


def _listed(git: Git, paths: Sequence[str], index_file: str | None) -> dict[str, _Entry]:
    """What that index has of the files, by path; what is in conflict is left out."""
    found = {}
    out = git.run("ls-files", "-s", "-v", "-z", "--", *paths, env=_env_of(index_file))
    for line in out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        meta, _, path = line.partition("\t")
        tag, mode, oid, stage = meta.split(" ")
        if stage == "0":
            found[path] = _Entry(path=path, mode=mode, oid=oid, tag=tag)
    return found


def _tagged(git: Git, entries: Sequence[_Entry], expected: Mapping[str, str]) -> list[_Entry]:
    """The entries with what the index in use says of the work tree, where it has the file.

    ``expected`` has the ids of the blobs that were read there; "" for any.

    Raises:
        RefusedError: something else has been staged since.
    """
    listed = _listed(git, [entry.path for entry in entries], None)
    for entry in entries:
        found = listed[entry.path].oid if entry.path in listed else ""
        if expected[entry.path] and found != expected[entry.path]:
            raise _overtaken(entry.path, "staged anew or committed")
    return [entry.replace(tag=listed[entry.path].tag) if entry.path in listed else entry for entry in entries]


def _enter(git: Git, entries: Sequence[_Entry], index_file: str | None) -> None:
    """Bring the entries into that index; a new entry has lost what the old one said of the work tree, so say it again.

    Source: git-update-index(1), --assume-unchanged, --skip-worktree; both are kept apart from what is committed.
    """
    env = _env_of(index_file)
    argv = ["--add"]
    for entry in entries:
        argv += ["--cacheinfo", f"{entry.mode},{entry.oid},{entry.path}"]
    unchanged = [entry.path for entry in entries if entry.tag.islower()]
    skipped = [entry.path for entry in entries if entry.tag in "Ss"]
    if unchanged:
        argv += ["--assume-unchanged", *unchanged]
        git.run("update-index", *argv, env=env)
        argv = []
    if skipped:
        argv += ["--skip-worktree", *skipped]
    if argv:
        git.run("update-index", *argv, env=env)


def _scratch(index_file: str) -> str:
    """A folder in the Git directory for files that are being written; "" if there cannot be one.

    What was killed in the middle leaves its file there and not among the user's; the next one takes it away.
    """
    git_dir = os.path.dirname(index_file)
    if not os.path.exists(os.path.join(git_dir, "HEAD")):
        return ""
    folder = os.path.join(git_dir, "orchestrator", "tmp")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:  # without a cache the files are written beside what they replace
        return ""
    for name in os.listdir(folder):
        owner = name.split(".")[-2:-1]
        if owner and owner[0].isdigit() and not _is_running(int(owner[0])):
            os.unlink(os.path.join(folder, name))
    return folder


def _is_running(pid: int) -> bool:
    """Whether there is such a process that may still do something; one that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] != b"Z"
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's, or the system has no /proc
        return True


def replace_file(path: str, data: bytes, scratch: str = "", check: Callable[[], None] | None = None) -> None:
    """Give the file that content in one step; a new file is readable as the umask says, an old one keeps its mode.

    It is written beside the file, or in the folder ``scratch``, if that is of the same file system. ``check`` is called
    last, and what it raises leaves the file alone.
    """
    if scratch and os.stat(scratch).st_dev != os.stat(os.path.dirname(path) or ".").st_dev:
        scratch = ""
    temporary = f"{os.path.join(scratch, os.path.basename(path)) if scratch else path}.{os.getpid()}.tmp"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with open(fd, "wb") as file:
            file.write(data)
            if os.path.exists(path):
                os.fchmod(file.fileno(), os.stat(path).st_mode & 0o777)
        if check is not None:
            check()
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
