"""The only door to Git: plumbing commands, started without the subprocess module.

``os.posix_spawn`` and ``select.poll`` need no import that Python has not made already; subprocess costs as much as
starting Python again, in every hook of every commit.
"""

from __future__ import annotations

import os
import select

from orchestrator.core.finding import CannotJudgeError, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self


_USUAL_PIPE_BYTES = 1 << 16  # pipe(7)
_PIPE_BYTES = 1 << 20
_KEPT_OF_STDERR = 1 << 16
_PATIENCE_S = 1.0
_SHA256_DIGITS = 64


class GitError(CannotJudgeError):
    """Git said no."""

    def __init__(self, argv: Sequence[str], exit_code: int, stderr: str) -> None:
        """Tell which command failed and what it said."""
        said, *more = [line for line in stderr.strip().split("\n") if line.strip()] or ["it said nothing"]
        finding = Finding("git", f"git {' '.join(argv)} failed (exit {exit_code}): {said}", notes=tuple(more))
        super().__init__(finding)
        self.exit_code = exit_code
        self.stderr = stderr


class Git:
    """Git in one repository.

    ``top`` is the top of the work tree (or the bare repository) in which commands run; ``env`` the environment they
    get, the process's own if not given, GIT_INDEX_FILE included.
    """

    def __init__(self, top: str = ".", env: Mapping[str, str] | None = None) -> None:
        """Remember where and with what."""
        self.top = top
        self.env = dict(os.environ if env is None else env)

    def run(
        self,
        *argv: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        ok: Sequence[int] = (0,),
    ) -> bytes:
        """The standard output of ``git argv``.

        Raises:
            GitError: it ended with a code that is not in ``ok``, or could not be started.
        """
        code, out, err = self.call(*argv, stdin=stdin, env=env)
        if code not in ok:
            raise GitError(argv, code, err.decode("utf-8", "replace"))
        return out

    def text(self, *argv: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """The same as text without its last newline; bytes that are no UTF-8 as lone surrogates."""
        return self.run(*argv, stdin=stdin, env=env).decode("utf-8", "surrogateescape").removesuffix("\n")

    def settings(self, pattern: str) -> list[tuple[str, str | None]]:
        """The settings whose names match, by name in the form of git-config(1), the strongest last.

        One that is written without a value, which Git takes as true, has None.

        Raises:
            GitError: the configuration cannot be read.
        """
        out = self.run("config", "-z", "--get-regexp", pattern, ok=(0, 1)).decode("utf-8", "surrogateescape")
        entries = [entry.partition("\n") for entry in out.split("\0")[:-1]]
        return [(name, value if end else None) for name, end, value in entries]

    def call(self, *argv: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> tuple[int, bytes, bytes]:
        """Exit code (negative: the signal that ended it), standard output and standard error of ``git argv``.

        Raises:
            GitError: there is no git on the PATH.
        """
        environment = self.env if env is None else {**self.env, **env}
        where = ("-C", self.top) if self.top != "." else ()
        return _spawn(("git", *where, *argv), stdin, environment)

    def start(self, *argv: str, env: Mapping[str, str] | None = None) -> GitProcess:
        """``git argv`` under way, to be talked to and ended as a context manager."""
        environment = self.env if env is None else {**self.env, **env}
        where = ("-C", self.top) if self.top != "." else ()
        return GitProcess(("git", *where, *argv), environment)

    def attached(self, *argv: str, env: Mapping[str, str] | None = None) -> int:
        """The exit code of ``git argv`` run on this process's own terminal, input and outputs."""
        environment = self.env if env is None else {**self.env, **env}
        where = ("-C", self.top) if self.top != "." else ()
        try:
            pid = os.posix_spawnp("git", ("git", *where, *argv), environment)
        except OSError as error:
            raise GitError(argv, 127, f"cannot start git: {error.strerror}") from error
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class GitProcess:
    """A Git command that is read, or asked and answered, while it runs; leaving the context ends it."""

    def __init__(self, argv: tuple[str, ...], env: Mapping[str, str]) -> None:
        """Start it.

        Raises:
            GitError: there is no git on the PATH.
        """
        import threading  # noqa: PLC0415 - hooks that accept start no such process

        self._argv = argv
        self._pid, in_fd, out_fd, err_fd = _launch(argv, env)
        self._code: int | None = None
        _widen(out_fd)
        self.stdin = os.fdopen(in_fd, "wb")
        self.stdout = os.fdopen(out_fd, "rb")
        self._stderr = os.fdopen(err_fd, "rb")
        self._said = b""
        # A pipe that nobody reads would stop it when full.
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        with self._stderr:
            while chunk := self._stderr.read1():
                self._said = (self._said + chunk)[-_KEPT_OF_STDERR:]  # why it ended is said last

    def __enter__(self) -> Self:
        """Nothing more; it runs already."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, if it has not ended by itself."""
        import contextlib  # noqa: PLC0415
        import signal  # noqa: PLC0415

        if self._code is None:
            os.kill(self._pid, signal.SIGKILL)
            self._wait()
        self.stdout.close()
        with contextlib.suppress(BrokenPipeError):  # what was still to be written is of no use any more
            self.stdin.close()

    def send(self, data: bytes) -> None:
        """Give it that as all of its standard input.

        Raises:
            GitError: it ended before it had read that.
        """
        try:
            self.stdin.write(data)
            self.stdin.close()
        except BrokenPipeError:
            raise self.failure() from None

    def finish(self) -> None:
        """Wait until it has ended by itself.

        Raises:
            GitError: it said no.
        """
        self.stdin.close()
        if self._wait():
            raise self.failure()

    def failure(self) -> GitError:
        """What to raise of a process that stopped answering."""
        code = self._wait()
        self._listener.join(_PATIENCE_S)  # what Git itself has started may still hold the pipe
        return GitError(self._argv[1:], code, self._said.decode("utf-8", "replace"))

    def _wait(self) -> int:
        """The exit code (negative: the signal that ended it)."""
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code


def c_quoted(path: bytes) -> bytes:
    """The path in quotes as in C, in which Git reads it wherever it takes one path among others.

    Source: quote.c of Git, unquote_c_style; git(1), GIT_ALTERNATE_OBJECT_DIRECTORIES.
    """
    plain = [b"%c" % byte if 32 <= byte < 127 and byte not in b'"\\' else b"\\%03o" % byte for byte in path]
    return b'"' + b"".join(plain) + b'"'


def blob_id(content: bytes, length: int) -> str:
    """The id of the blob of that content, of so many hex digits as the repository's ids have."""
    from hashlib import sha1, sha256  # noqa: PLC0415 - not for a hook that has nothing to write

    data = b"blob %d\0" % len(content) + content
    return (sha256(data) if length == _SHA256_DIGITS else sha1(data, usedforsecurity=False)).hexdigest()


def _spawn(argv: tuple[str, ...], stdin: bytes, env: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    pid, in_write, out_read, err_read = _launch(argv, env)
    try:
        out, err = _exchange(in_write, out_read, err_read, stdin)
    finally:
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), out, err


def _launch(argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[int, int, int, int]:
    """The id of the process, and our ends of its standard input, output and error.

    Raises:
        GitError: there is no such program on the PATH.
    """
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    actions = [
        (os.POSIX_SPAWN_DUP2, in_read, 0),
        (os.POSIX_SPAWN_DUP2, out_write, 1),
        (os.POSIX_SPAWN_DUP2, err_write, 2),
    ]
    try:
        # What waits here (orchestrator.worktree) must not wait there: Git ends with the group that it is in.
        pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions, setsigmask=())
    except OSError as error:
        for fd in (in_write, out_read, err_read):
            os.close(fd)
        raise GitError(argv[1:], 127, f"cannot start git: {error.strerror}") from error
    finally:
        for fd in (in_read, out_write, err_write):
            os.close(fd)
    return pid, in_write, out_read, err_read


def _widen(fd: int) -> None:
    """Let the writer of that pipe work further ahead, where the system allows it: it saves both sides some waiting.

    Source: fcntl(2), F_SETPIPE_SZ.
    """
    import contextlib  # noqa: PLC0415
    import fcntl  # noqa: PLC0415

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # the user has used up what they may have of such pipes
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _exchange(in_fd: int, out_fd: int, err_fd: int, stdin: bytes) -> tuple[bytes, bytes]:
    """Feed the input and read both outputs to their ends, none waiting for another; closes all three."""
    chunks: dict[int, list[bytes]] = {out_fd: [], err_fd: []}
    open_fds = {out_fd, err_fd}
    widened: set[int] = set()
    poll = select.poll()
    try:
        poll.register(out_fd, select.POLLIN)
        poll.register(err_fd, select.POLLIN)
        if stdin:
            os.set_blocking(in_fd, False)
            poll.register(in_fd, select.POLLOUT)
            open_fds.add(in_fd)
        else:
            os.close(in_fd)
        rest = memoryview(stdin)
        while open_fds:
            for fd, _ in poll.poll():
                if fd == in_fd:
                    try:
                        rest = rest[os.write(fd, rest[:65536]) :]
                    except BrokenPipeError:  # it has read what it wanted; its exit code tells whether that was right
                        rest = rest[:0]
                    done = not rest
                else:
                    chunk = os.read(fd, _PIPE_BYTES)
                    if len(chunk) == _USUAL_PIPE_BYTES and fd not in widened:  # it was full: more is to come
                        _widen(fd)
                        widened.add(fd)
                    chunks[fd].append(chunk)
                    done = not chunk
                if done:
                    poll.unregister(fd)
                    os.close(fd)
                    open_fds.discard(fd)
    finally:
        for fd in open_fds:
            os.close(fd)
    return b"".join(chunks[out_fd]), b"".join(chunks[err_fd])
