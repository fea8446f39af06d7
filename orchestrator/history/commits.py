"""Commits with what each changes, read from one ``git log --raw -z``."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.history.objects import SPARING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.git import Git, GitProcess

# Settings of the user that would change what is printed, and the options that undo the rest of them.
_CONFIG = ("-c", "log.showRoot=true", "-c", "core.quotePath=false", "-c", "diff.orderFile=/dev/null")
_OPTIONS = (
    "--raw",
    "-z",
    "--no-abbrev",
    "--no-renames",
    "--no-relative",
    "--ignore-submodules=none",
    "--diff-merges=off",
    "--no-show-signature",
    "--no-mailmap",
    "--no-notes",
    "--no-color",
    "--no-decorate",
    "--no-ext-diff",
    "--no-textconv",
    "--encoding=UTF-8",
    "--format=tformat:%H %T %P%x00%at,%ct,%ae%x00%B",
)
_CHUNK = 1 << 18
_LAST_S = 253_402_300_799  # the end of the year 9999
_RAW = frozenset({b"\n:", b":1", b":0"})
_TOGETHER = 512  # commits
_TOGETHER_FILES = 16_384
_TOGETHER_BYTES = 4 << 20  # of messages and paths


class Commit:
    """One commit; what was not asked for yet is left as Git wrote it.

    ``parents`` and ``tree`` are ids; ``raw`` are pairs of Git's raw line and the path, as bytes, against the first
    parent, and empty for a merge. ``made`` are the times at which it was authored and committed, in seconds since the
    epoch, and the author's e-mail, with commas between them.
    """

    __slots__ = ("body", "made", "oid", "parents", "raw", "tree")

    def __init__(
        self, oid: str, parents: list[str], tree: str, made: bytes, body: bytes, raw: list[tuple[bytes, bytes]]
    ) -> None:
        """Keep all of it."""
        self.oid = oid
        self.parents = parents
        self.tree = tree
        self.made = made
        self.body = body
        self.raw = raw

    @property
    def text(self) -> str:
        """The message; bytes that are no UTF-8 as lone surrogates."""
        return self.body.decode("utf-8", "surrogateescape")

    @property
    def day(self) -> str:
        """The day, as 2026-12-31, UTC, on which it was authored, or committed if that was earlier.

        A rebase commits anew what was judged when it was authored; a date of the author's in the future is no use.
        """
        authored, committed, _ = self.made.split(b",", 2)
        return time.strftime("%Y-%m-%d", time.gmtime(min(_seconds(authored), _seconds(committed))))

    @property
    def authored_s(self) -> int:
        """When it was authored, in seconds since the epoch."""
        return _seconds(self.made.partition(b",")[0])

    @property
    def email(self) -> bytes:
        """The author's e-mail."""
        return self.made.split(b",", 2)[2]


def _seconds(text: bytes) -> int:
    """A time as git-log(1) shows it; what is no date in a commit is empty there, and counts as long ago."""
    return min(int(text), _LAST_S) if text.isdigit() else 0


_LINKS = (b"12", b"16")  # how the modes of symbolic links and submodules begin


def is_link(meta: bytes) -> bool:
    """Whether a raw line of ``Commit.raw`` is about a symbolic link or a submodule, before or after."""
    return meta[1:3] in _LINKS or meta[8:10] in _LINKS  # ":<mode> <mode> ...", each of six digits


@contextmanager
def reading_commits(git: Git, tips: Sequence[str], excluded: Sequence[str]) -> Iterator[Iterator[Commit]]:
    """The commits that the tips reach and ``excluded`` (arguments after ``--not``) do not, as git-log(1) orders them.

    A parent comes after its children, but where their dates are out of order. Git is at work from the start.

    Raises:
        GitError: Git failed on the way; what was read so far is not all.
    """
    if not tips:
        yield iter(())  # Git would take HEAD
        return
    options, revisions = revision_arguments(tips, excluded)
    with git.start(*SPARING, *_CONFIG, "log", *_OPTIONS, *options) as process:
        process.send(revisions)
        yield _commits(process)


def _commits(process: GitProcess) -> Iterator[Commit]:
    tokens = _tokens(process)
    following = tokens.__next__
    token = next(tokens, None)
    while token is not None:
        try:
            (oid, tree, *parents), made, body = token.decode("ascii").split(), following(), following()
            raw = []
            token = next(tokens, None)
            # The first line of a commit's changes follows a line end, as the message does.
            while token is not None and token[:2] in _RAW:
                raw.append((token.lstrip(b"\n"), following()))
                token = next(tokens, None)
        except StopIteration:  # Git ended in the middle of a commit
            raise process.failure() from None
        yield Commit(oid, parents, tree, made, body, raw)
    process.finish()


def in_groups(commits: Iterable[Commit]) -> Iterator[list[Commit]]:
    """The same commits in lists of so many as can be kept at once, for those who read objects for many of them.

    The first lists are short, so that there is work to do while Git is still at the others.
    """
    group: list[Commit] = []
    most, files, size = 16, 0, 0
    for commit in commits:
        group.append(commit)
        files += len(commit.raw)
        size += len(commit.body) + sum([len(path) for _, path in commit.raw])
        if len(group) >= most or files >= _TOGETHER_FILES or size >= _TOGETHER_BYTES:
            yield group
            group, files, size, most = [], 0, 0, min(2 * most, _TOGETHER)
    if group:
        yield group


def revision_arguments(tips: Sequence[str], excluded: Sequence[str]) -> tuple[tuple[str, ...], bytes]:
    """The options and the standard input that make ``git log`` or ``git rev-list`` walk just that.

    The names go by standard input, which has no limit; it takes no options, so those (as ``--all``) go by themselves,
    between two ``--not``, of which the second takes back the first (git-rev-list(1)).
    """
    sets = [name for name in excluded if name.startswith("-")]
    options = ("--not", *sets, "--not") if sets else ()
    names = [*tips, *[f"^{name}" for name in excluded if not name.startswith("-")]]
    return (*options, "--stdin"), "".join([f"{name}\n" for name in names]).encode("utf-8", "surrogateescape")


def _tokens(process: GitProcess) -> Iterator[bytes]:
    """What stands between the NULs of its output."""
    rest = b""
    fd = process.stdout.fileno()
    while chunk := os.read(fd, _CHUNK):
        parts = (rest + chunk).split(b"\0")
        rest = parts.pop()
        yield from parts


def read_subjects(
    git: Git, tips: Sequence[str], excluded: Sequence[str] = (), *, reverse: bool = False
) -> Iterator[tuple[str, list[str], str]]:
    """Id, parents and subject of all commits that the tips reach and ``excluded`` do not, children first or last.

    Raises:
        GitError: Git failed on the way.
    """
    options = ("--no-patch", "-z", "--topo-order", "--no-show-signature", "--no-color", "--encoding=UTF-8")
    more, revisions = revision_arguments(tips, excluded)
    more = (*more, "--reverse") if reverse else more
    with git.start("log", *options, "--format=tformat:%H%x00%P%x00%s", *more) as process:
        process.send(revisions)
        tokens = _tokens(process)
        for oid in tokens:
            parents, subject = next(tokens, None), next(tokens, None)
            if parents is None or subject is None:  # Git ended in the middle of a commit
                raise process.failure()
            yield oid.decode("ascii"), parents.decode("ascii").split(), subject.decode("utf-8", "surrogateescape")
        process.finish()
