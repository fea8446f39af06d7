"""History as it is read from a real repository: commits, trees, automatic merges, and a place for what is made."""

from __future__ import annotations

import os
import tempfile
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.core.gitignore import patterns
from orchestrator.core.patterns import Paths, matched_paths, selected_paths
from orchestrator.core.plan import path_bytes, path_text
from orchestrator.git import Git, GitError
from orchestrator.history import commits, merges, objects
from orchestrator.history.changes import FileChange, read_changes
from orchestrator.history.commits import is_link, read_subjects, reading_commits
from orchestrator.history.merges import AutomaticMerge, automatic_merges
from orchestrator.history.objects import Objects, TreeListing, UnreadableError, changed_paths
from orchestrator.history.scratch import scratch_objects
from tests.support import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.history.commits import Commit

# Every example is a repository's work; the same ones in every run.
PROPERTY = settings(max_examples=20, deadline=None, derandomize=True)
LINK_A, LINK_B = b"1" * 40, b"2" * 40  # commits of a submodule, which are not in the repository
NAMES = [b"a b", b"x\ny", b"x\ty", b":top", b"\n:100644", b"\xff\xfe", "é".encode(), b"\\n", b'"q"', b"1" * 40, b"]"]
MESSAGES = [
    b"subject\n",
    b"no newline",
    b"",
    b"\n",
    b"\n\nlate\n",
    b"two\nlines\n\nbody\n\n\nTrailer: x\n",
    b"trailing \n\n\n",
    b"\n:100644 100644 aaaa bbbb M\n",
    b":100644",
    b"\n:1",
    b"1" * 40 + b"\n",
    b"feat: [one] x]\n",
    b"a\r\nb\r",
    bytes(range(1, 256)),
    "grüße ✓\n".encode(),
    b"%H%x00%n%d\n",
]
# What users and administrators set, each of which changes what plain git log prints.
HOSTILE = {
    "log.showSignature": "true",
    "log.showRoot": "false",
    "log.mailmap": "true",
    "log.diffMerges": "first-parent",
    "log.decorate": "full",
    "log.abbrevCommit": "true",
    "log.date": "relative",
    "log.follow": "true",
    "format.pretty": "oneline",
    "format.notes": "true",
    "notes.displayRef": "refs/notes/*",
    "i18n.logOutputEncoding": "ISO-8859-1",
    "i18n.commitEncoding": "ISO-8859-1",
    "diff.renames": "copies",
    "diff.noprefix": "true",
    "diff.relative": "true",
    "diff.orderFile": "order",
    "diff.ignoreSubmodules": "all",
    "diff.submodule": "log",
    "diff.external": "false",
    "submodule.sub.path": "sub",
    "submodule.sub.ignore": "all",
    "core.quotePath": "true",
    "core.abbrev": "4",
    "color.ui": "always",
    "color.diff": "always",
    "pager.log": "true",
    "core.pager": "false",
}


def git_of(repo: Repository) -> Git:
    return Git(str(repo.top), {**os.environ, **repo.env})


def c_quoted(path: bytes) -> bytes:
    return b'"' + b"".join([b"\\%03o" % byte for byte in path]) + b'"'


class Stream:
    """What git fast-import makes commits of, all in one process; paths and messages are bytes as they are."""

    def __init__(self) -> None:
        """No commit yet."""
        self._parts: list[bytes] = []
        self._count = 0

    def commit(
        self,
        changes: Mapping[bytes, bytes | tuple[bytes, bytes] | None] | None = None,
        parents: Sequence[int] = (),
        message: bytes = b"m\n",
        *,
        email: bytes = b"ada@example.com",
        encoding: bytes = b"",
        seconds: int | None = None,
    ) -> int:
        """The number of a new commit.

        A change is a file's content, or mode and content, or None for no such file; a submodule's content is an id.
        """
        self._count += 1
        when = 1_700_000_000 + (self._count if seconds is None else seconds)
        # A fresh name for each, so that no commit has another for a parent unless it says so.
        head = [b"commit refs/heads/c%d" % self._count, b"mark :%d" % self._count]
        head += [b"author A <%s> %d +0000" % (email, when), b"committer C <c@example.com> %d +0000" % when]
        head += [b"encoding " + encoding] if encoding else []
        head.append(b"data %d\n%s" % (len(message), message))
        for place, parent in enumerate(parents):
            head.append((b"merge :%d" if place else b"from :%d") % parent)
        for path, change in (changes or {}).items():
            if change is None:
                head.append(b"D " + c_quoted(path))
                continue
            mode, content = change if isinstance(change, tuple) else (b"100644", change)
            if mode == b"160000":
                head.append(b"M 160000 %s %s" % (content, c_quoted(path)))
            else:
                head.append(b"M %s inline %s\ndata %d\n%s" % (mode, c_quoted(path), len(content), content))
        self._parts.append(b"\n".join(head) + b"\n\n")
        return self._count

    def into(self, repo: Repository) -> list[str]:
        """The ids of the commits, by number; 0 is none."""
        marks = repo.git_path("test-marks")
        repo.git("fast-import", "--quiet", "--force", f"--export-marks={marks}", stdin=b"".join(self._parts))
        found = dict(line.split() for line in marks.read_text().splitlines())
        return ["", *[found[f":{number}"] for number in range(1, self._count + 1)]]


def tree_of(repo: Repository, files: Mapping[str, tuple[str, str]]) -> str:
    """The id of a tree with these files, given as mode and id."""
    index = {"GIT_INDEX_FILE": str(repo.git_path("test-index"))}
    repo.git("read-tree", "--empty", env=index)
    entries = [f"{mode} {oid}\t".encode() + path_bytes(path) + b"\0" for path, (mode, oid) in files.items()]
    repo.git("update-index", "-z", "--index-info", stdin=b"".join(entries), env=index)
    return repo.git("write-tree", "--missing-ok", env=index).stdout.strip()


def listed(repo: Repository, tree: str) -> dict[str, tuple[str, str]]:
    """What git ls-tree says of the files of a tree."""
    out = git_of(repo).run("ls-tree", "-r", "-z", "--full-tree", tree)
    found = {}
    for entry in out.split(b"\0")[:-1]:
        meta, _, path = entry.partition(b"\t")
        mode, _, oid = meta.decode().split(" ")
        found[path_text(path)] = (mode, oid)
    return found


def plain(found: Commit) -> tuple[object, ...]:
    return found.oid, found.parents, found.tree, found.email, found.body, found.raw


def read_commits(git: Git, tips: Sequence[str], excluded: Sequence[str] = ()) -> list[Commit]:
    with reading_commits(git, tips, excluded) as found:
        return list(found)


def read(repo: Repository, tips: Sequence[str], excluded: Sequence[str] = ()) -> dict[str, Commit]:
    return {found.oid: found for found in read_commits(git_of(repo), tips, excluded)}


def raw_changes(repo: Repository, oid: str) -> list[tuple[bytes, bytes]]:
    """What git diff-tree says that a commit with at most one parent changes."""
    argv = ("diff-tree", "-r", "-z", "--root", "--no-commit-id", "--no-renames", "--ignore-submodules=none", "--raw")
    fields = git_of(repo).run(*argv, "--no-abbrev", oid).split(b"\0")[:-1]
    return list(zip(fields[::2], fields[1::2], strict=True))


# -- commits -----------------------------------------------------------------------------------------------------------


def busy(repo: Repository) -> list[str]:
    """Commits with all that a history can have; the last one reaches all others."""
    stream = Stream()
    lines = b"".join([b"line %d\n" % number for number in range(20)])
    odd = dict.fromkeys(NAMES, b"odd\n")
    files: dict[bytes, bytes | tuple[bytes, bytes] | None] = {
        b"a": lines,
        b"dir/b": b"b\n",
        b"dir/sub/c": b"c\n",
        **odd,
    }
    last = stream.commit(files, message=b"the root\n")
    side = last
    last = stream.commit({b"new name": lines, b"a": None}, [last], b"a rename\n")
    last = stream.commit({b"copy": lines, b"new name": lines + b"more\n"}, [last], b"a copy\n")
    last = stream.commit({b"link": (b"120000", b"dir/b"), b"run": (b"100755", b"#!/bin/sh\n")}, [last], b"modes\n")
    last = stream.commit({b"link": b"no link now\n", b"run": b"#!/bin/sh\n"}, [last], b"other modes\n")
    last = stream.commit({b"sub": (b"160000", LINK_A)}, [last], b"a submodule\n")
    last = stream.commit({b"sub": (b"160000", LINK_B)}, [last], b"the submodule moves\n")
    last = stream.commit({b"sub": b"a file\n"}, [last], b"the submodule is a file now\n")
    last = stream.commit({**dict.fromkeys(NAMES, b"changed\n"), b"dir/b": None}, [last], b"odd names\n")
    last = stream.commit({b"dir": b"no folder now\n", b"dir/sub/c": None}, [last], b"a folder becomes a file\n")
    last = stream.commit({}, [last], b"nothing\n")
    last = stream.commit({b"bin": bytes(range(256))}, [last], b"", email=b"")
    last = stream.commit(
        {b"bin": bytes(256)}, [last], b"gr\xfc\xdfe\n", email=b"J\xfcrgen@x.org", encoding=b"ISO-8859-1"
    )
    last = stream.commit({b"e": b""}, [last], b"\xff\xfe as it is\n", email=b"\xff", encoding=b"no-such-encoding")
    for message in MESSAGES:
        last = stream.commit({b"n": b"%d\n" % last}, [last], message)
    side = stream.commit({b"side": b"s\n", b"n": b"side\n"}, [side], b"beside\n")
    last = stream.commit({b"side": b"s\n", b"evil": b"of the merge itself\n"}, [last, side], b"a merge\n")
    other = stream.commit({b"other": b"o\n"}, message=b"another root\n")
    third = stream.commit({b"third": b"t\n"}, message=b"a third root\n")
    stream.commit({b"other": b"o\n", b"third": b"t\n"}, [last, other, third], b"of three\n")
    return stream.into(repo)


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_commits_are_read_as_git_has_them(tmp_path: Path, form: str) -> None:
    repo = Repository.init(tmp_path / "repo", f"--object-format={form}")
    if form == "sha256":
        stream = Stream()
        first = stream.commit(dict.fromkeys(NAMES, b"x"))
        side = stream.commit({b"s": b"s"}, [first])
        last = stream.commit({b"y": (b"120000", b"a b")}, [first], b"\n:1")
        stream.commit({}, [last, side])
        oids = stream.into(repo)
        assert len(oids[-1]) == 64
    else:
        oids = busy(repo)
    found = read(repo, oids[-1:])
    assert sorted(found) == sorted(oids[1:])
    for oid in oids[1:]:
        commit = found[oid]
        head, _, body = git_of(repo).run("cat-file", "commit", oid).partition(b"\n\n")
        lines = head.split(b"\n")
        assert [f"tree {commit.tree}", *[f"parent {name}" for name in commit.parents]] == [
            line.decode() for line in lines if line.startswith((b"tree ", b"parent "))
        ]
        if b"encoding ISO-8859-1" not in lines:
            assert commit.body == body
            assert any(b" <" + commit.email + b"> " in line for line in lines if line.startswith(b"author "))
        assert commit.raw == ([] if len(commit.parents) > 1 else raw_changes(repo, oid))


def test_what_commits_say(repo: Repository) -> None:
    oids = busy(repo)
    found = [read(repo, oids[-1:])[oid] for oid in oids[1:]]
    by_text = {commit.text: commit for commit in found}
    assert {message.decode("utf-8", "surrogateescape") for message in MESSAGES} <= by_text.keys()
    recoded = by_text["grüße\n"]
    assert (recoded.body, recoded.email) == ("grüße\n".encode(), "Jürgen@x.org".encode())
    assert by_text["\udcff\udcfe as it is\n"].email == b"\xff"
    names = {text: [path for _, path in commit.raw] for text, commit in by_text.items()}
    assert names["a rename\n"] == [b"a", b"new name"]
    assert names["a copy\n"] == [b"copy", b"new name"]
    assert names["nothing\n"] == names["a merge\n"] == names["of three\n"] == []
    assert sorted(names["odd names\n"]) == sorted([*NAMES, b"dir/b"])
    assert names["the root\n"] == sorted([*NAMES, b"a", b"dir/b", b"dir/sub/c"])
    metas = {text: [meta for meta, _ in commit.raw] for text, commit in by_text.items()}
    assert metas["the submodule moves\n"] == [b":160000 160000 " + LINK_A + b" " + LINK_B + b" M"]
    links = ["modes\n", "other modes\n", "a submodule\n", "the submodule moves\n", "the submodule is a file now\n"]
    assert sorted(text for text, found in metas.items() if any(map(is_link, found))) == sorted(links)


@pytest.mark.parametrize(
    ("before", "after", "link"),
    [
        ("100644", "100755", False),
        ("000000", "100644", False),
        ("100644", "000000", False),
        ("120000", "100644", True),
        ("100644", "120000", True),
        ("000000", "160000", True),
        ("160000", "000000", True),
    ],
)
def test_is_link(before: str, after: str, link: bool) -> None:
    assert is_link(f":{before} {after} {'12' * 20} {'16' * 20} M".encode()) == link


def test_settings_of_the_user_have_no_say(repo: Repository, tmp_path: Path) -> None:
    oids = busy(repo)
    tree, when = repo.out("rev-parse", f"{oids[-1]}^{{tree}}"), b"1700000999 +0000"
    seal = b"-----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    head = b"tree %s\nparent %s\n" % (tree.encode(), oids[-1].encode())
    signed = head + b"author A <a@x.org> %s\ncommitter C <c@x.org> %s\ngpgsig %s\n\nsigned\n" % (when, when, seal)
    oids.append(repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed).stdout.strip())
    talker = repo.write("talker", "#!/bin/sh\necho of the signature\necho of the signature >&2\n")
    talker.chmod(0o755)
    repo.git("config", "gpg.program", str(talker))
    ordinary = [oid for oid in oids[1:] if " " not in repo.out("log", "-1", "--format=%P", oid)]
    commits_before = [plain(found) for found in read_commits(git_of(repo), oids[-1:])]
    subjects_before = list(read_subjects(git_of(repo), oids[-1:]))
    counts_before = list(read_changes(git_of(repo), ordinary))
    repo.git("update-ref", "HEAD", oids[-1])
    repo.git("notes", "add", "-m", "a note", oids[-1])
    repo.git("tag", "-m", "a tag", "tagged", oids[-1])
    repo.write("order", "new name\nz\na\n")
    repo.write(".mailmap", "Other <other@example.com> <ada@example.com>\n")
    repo.write(".gitmodules", '[submodule "sub"]\n\tpath = sub\n\turl = ./sub\n\tignore = all\n')
    for name, value in HOSTILE.items():
        repo.git("config", name, str(repo.top / value) if name == "diff.orderFile" else value)
    for top in (repo.top, repo.write("dir-of-mine/x", "").parent):
        git = Git(str(top), {**os.environ, "GIT_DIFF_OPTS": "-u0", "GIT_EXTERNAL_DIFF": "false"})
        assert [plain(found) for found in read_commits(git, oids[-1:])] == commits_before
        assert list(read_subjects(git, oids[-1:])) == subjects_before
        assert list(read_changes(git, ordinary)) == counts_before
    assert tmp_path in repo.top.parents


@pytest.mark.parametrize("chunk", [1, 7, 41])
def test_what_is_read_does_not_depend_on_where_chunks_end(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    stream = Stream()
    last = stream.commit(dict.fromkeys(NAMES[:5], b"x"), message=MESSAGES[0])
    for message in MESSAGES[1:8]:
        last = stream.commit({b"n": message}, [last], message)
    tips = stream.into(repo)[-1:]
    whole = [plain(found) for found in read_commits(git_of(repo), tips)]
    monkeypatch.setattr(commits, "_CHUNK", chunk)
    assert [plain(found) for found in read_commits(git_of(repo), tips)] == whole
    assert len(whole) == 8


def test_commits_that_only_plumbing_can_make(repo: Repository) -> None:
    tree = tree_of(repo, {})
    written: list[str] = []
    for head, body in [
        (b"author A <a@x.org> 1 +0000\ncommitter C <c@x.org> 1 +0000\n", b"cut\0off"),
        (b"author nobody\ncommitter nobody\n", b"nobody\n"),
        (b"author A <a@x.org> 1 +0000\ncommitter C <c@x.org> 1 +0000\ngpgsig -----BEGIN\n \n x\n", b"signed\n"),
        (b"author A <a@x.org> 1 +0000\ncommitter C <c@x.org> 1 +0000\n", b"last\n"),
    ]:
        parent = f"parent {written[-1]}\n".encode() if written else b""
        data = b"tree " + tree.encode() + b"\n" + parent + head + b"\n" + body
        written.append(
            repo.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=data).stdout.strip()
        )
    found = read(repo, written[-1:])
    assert [found[oid].body for oid in written] == [b"cut", b"nobody\n", b"signed\n", b"last\n"]
    assert [found[oid].email for oid in written] == [b"a@x.org", b"", b"a@x.org", b"a@x.org"]
    assert all(commit.tree == tree and commit.raw == [] for commit in found.values())


def test_ranges(repo: Repository) -> None:
    stream = Stream()
    root = stream.commit({b"a": b"1"})
    left = stream.commit({b"a": b"2"}, [root])
    right = stream.commit({b"b": b"2"}, [root])
    both = stream.commit({b"a": b"2", b"b": b"2"}, [left, right])
    top = stream.commit({b"c": b"2"}, [both])
    oids = stream.into(repo)
    for number in range(1, 6):
        repo.git("update-ref", "-d", f"refs/heads/c{number}")

    def numbers(tips: Sequence[int], *excluded: int | str) -> list[int]:
        names = [oids[name] if isinstance(name, int) else name for name in excluded]
        return sorted(oids.index(oid) for oid in read(repo, [oids[tip] for tip in tips], names))

    assert numbers([top]) == [root, left, right, both, top]
    assert numbers([top], left) == [right, both, top]
    assert numbers([top], left, right) == [both, top]
    assert numbers([left, right], root) == [left, right]
    assert numbers([top], top) == []
    assert numbers([root], top) == []
    assert numbers([top], "--all") == [root, left, right, both, top], "there is no ref yet"
    repo.git("update-ref", "refs/remotes/x/one", oids[left])
    repo.git("update-ref", "refs/remotes/y/two", oids[right])
    assert numbers([top], "--remotes=x") == [right, both, top]
    assert numbers([top], "--remotes=x", right) == [both, top]
    assert numbers([top, right], "--remotes=none", left) == [right, both, top]
    assert numbers([top], "--remotes") == [both, top]
    repo.git("update-ref", "refs/heads/mine", oids[both])
    assert numbers([top], "--all") == [top]
    assert numbers([both], "--all") == []
    assert numbers([top], "--branches", "--tags") == [top]
    assert numbers([top], "refs/remotes/x/one") == [right, both, top]


def test_names_that_are_no_utf8_are_walked(repo: Repository) -> None:
    stream = Stream()
    stream.commit({b"b": b"2"}, [stream.commit({b"a": b"1"})])
    oids = stream.into(repo)
    repo.git("update-ref", os.fsdecode(b"refs/heads/\xfc"), oids[1])
    assert list(read(repo, oids[2:], [os.fsdecode(b"refs/heads/\xfc")])) == oids[2:]


@pytest.mark.parametrize("name", ["1" * 40, "no-such-name"])
def test_what_cannot_be_walked_is_no_end_of_history(repo: Repository, name: str) -> None:
    repo.commit("one", {"a": "a"})
    head = repo.out("rev-parse", "HEAD")
    with pytest.raises(GitError):
        read_commits(git_of(repo), [name], ())
    with pytest.raises(GitError):
        read_commits(git_of(repo), [head], [name])
    with pytest.raises(GitError):
        list(read_subjects(git_of(repo), [name]))


def test_a_history_that_breaks_off_is_told(repo: Repository) -> None:
    stream = Stream()
    first = stream.commit({b"a": b"1"})
    last = stream.commit({b"a": b"2"}, [first])
    oids = stream.into(repo)
    tree = repo.out("rev-parse", f"{oids[first]}^{{tree}}")
    for name in (tree, oids[first]):
        repo.git_path(f"objects/{name[:2]}/{name[2:]}").unlink()
        with pytest.raises(GitError):
            read_commits(git_of(repo), [oids[last]], ())
        with pytest.raises(GitError):
            list(read_changes(git_of(repo), [oids[last]]))
    with pytest.raises(GitError):
        list(read_subjects(git_of(repo), [oids[last]]))


def test_who_has_seen_enough_can_stop(repo: Repository) -> None:
    stream = Stream()
    last = 0
    for _ in range(300):
        last = stream.commit({b"n": b"%d" % last}, [last] if last else [], b"m" * 1000)
    oids = stream.into(repo)
    with reading_commits(git_of(repo), oids[-1:], ()) as found:
        assert [commit.oid for commit in islice(found, 2)] == [oids[-1], oids[-2]]
    assert [found[0] for found in islice(read_subjects(git_of(repo), oids[-1:]), 1)] == [oids[-1]]


BODIES = st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\0", b"\n:")), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """One repository for properties, which only add objects to it."""
    return Repository.init(tmp_path_factory.mktemp("shared") / "repo")


@PROPERTY
@given(BODIES)
def test_any_message_comes_back(shared: Repository, bodies: list[bytes]) -> None:
    stream = Stream()
    last = 0
    for body in bodies:
        last = stream.commit({body.replace(b"/", b"_").strip(b".") or b"x": b"x"}, [last] if last else [], body)
    oids = stream.into(shared)
    found = read(shared, oids[-1:])
    assert [found[oid].body for oid in oids[1:]] == bodies


# -- subjects and lines ------------------------------------------------------------------------------------------------


def test_subjects_come_with_children_first_whatever_clocks_say(repo: Repository) -> None:
    stream = Stream()
    root = stream.commit({b"a": b"1"}, message=b"root\n", seconds=500)
    early = stream.commit({b"a": b"2"}, [root], b"a subject\nof two lines\n\nbody\n", seconds=1)
    late = stream.commit({b"b": b"2"}, [root], b"", seconds=900)
    merge = stream.commit({b"b": b"2"}, [late, early], b"gr\xfc\xdfe\n", encoding=b"ISO-8859-1", seconds=600)
    tip = stream.commit({}, [root], b"\xff ] \x01\n", seconds=2)
    oids = stream.into(repo)
    found = list(read_subjects(git_of(repo), [oids[merge], oids[tip]]))
    assert {oids.index(oid): ([oids.index(name) for name in names], text) for oid, names, text in found} == {
        root: ([], "root"),
        early: ([root], "a subject of two lines"),
        late: ([root], ""),
        merge: ([late, early], "grüße"),
        tip: ([root], "\udcff ] \x01"),
    }
    order = [oid for oid, _, _ in found]
    assert all(order.index(oid) < order.index(parent) for oid, parents, _ in found for parent in parents)
    assert [oid for oid, _, _ in read_subjects(git_of(repo), [oids[early]])] == [oids[early], oids[root]]


def shown_changes(repo: Repository, *arguments: str) -> list[FileChange]:
    """What git show or git diff say of the files and lines of a commit or a span."""
    kinds = {"A": "created", "D": "deleted"}
    options = ("-z", "--no-renames")
    out = git_of(repo).run(*arguments, "--name-status", *options).removeprefix(b"\n").split(b"\0")[:-1]
    change = {path: kinds.get(kind.decode(), "modified") for kind, path in zip(out[::2], out[1::2], strict=True)}
    found = []
    for entry in git_of(repo).run(*arguments, "--numstat", *options).removeprefix(b"\n").split(b"\0")[:-1]:
        added, removed, path = entry.split(b"\t", 2)
        counts = [None if count == b"-" else int(count) for count in (added, removed)]
        found.append(FileChange(path_text(path), change[path], counts[0], counts[1]))
    return found


def test_changes_are_those_of_git_show(repo: Repository) -> None:
    oids = [oid for oid in busy(repo)[1:] if len(repo.out("log", "-1", "--format=%P", oid).split()) < 2]
    oids = oids[1::2] + oids[::-2]  # in an order of their own
    found = dict(read_changes(git_of(repo), oids))
    expected = {oid: changes for oid in oids if (changes := shown_changes(repo, "show", "--format=", oid))}
    assert found == expected
    assert list(found) == [oid for oid in oids if oid in expected]
    told = {repo.out("log", "-1", "--format=%s", oid): changes for oid, changes in found.items()}
    rename = [FileChange("a", "deleted", 0, 20), FileChange("new name", "created", 20, 0)]
    assert sorted(told["a rename"], key=lambda change: change.path) == rename
    assert told["the submodule moves"] == [FileChange("sub", "modified", 1, 1)]
    assert [FileChange("bin", "created", None, None)] in found.values()
    assert {change.path for change in told["odd names"]} == {*map(path_text, NAMES), "dir/b"}
    assert "nothing" not in told


def test_changes_between_two_commits_are_those_of_git_diff(repo: Repository) -> None:
    oids = busy(repo)
    pairs = [(oids[-1], oids[1]), (oids[1], oids[-1]), (oids[-1], oids[-2])]
    for new, old in pairs:
        found = list(read_changes(git_of(repo), [f"{new} {old}"]))
        assert found == [(new, shown_changes(repo, "diff", "--ignore-submodules=none", old, new))]


def test_of_no_commit_nothing_is_counted(repo: Repository) -> None:
    assert list(read_changes(git_of(repo), [])) == []


# -- objects -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(shared: Repository) -> Iterator[Objects]:
    """The objects of the shared repository."""
    with git_of(shared).start("cat-file", "--batch") as process:
        yield Objects(process)


BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"  # need not be there: trees are not checked
ENTRIES = [(mode, digit * 40) for mode in ("100644", "100755", "120000", "160000") for digit in "12"]
# Names that Git sorts otherwise as folders than as files, and by bytes otherwise than by code points.
PARTS = ["a", "b", "a.b", "a-b", "a0", "a b", "é", "\udcff", "\U0001f600", "\ufffd", "x\ny", "x\ty", ":", '"', "1 a"]
PATHS = st.lists(st.sampled_from(PARTS[:6]) | st.sampled_from(PARTS), min_size=1, max_size=4).map("/".join)
TREES = st.dictionaries(PATHS, st.sampled_from(ENTRIES), max_size=12).map(
    lambda files: {path: entry for path, entry in files.items() if not any(p.startswith(path + "/") for p in files)}
)
PATTERNS = ["a", "a/", "a/**", "**/b", "*.b", "a/*", "!a/b", "!a*", "a b", "é/*", "a/b/a", "!a", "**"]


# By byte Git has these the other way round.
TWISTED = {f"{folder}{name}": ENTRIES[0] for folder in ("", "a/") for name in ("\udcff", "\U0001f600", "\udc80", "é")}


@PROPERTY
@example(TWISTED, ["a"], ["a/*"])
@given(TREES, st.lists(PATHS, max_size=6), st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=4, unique=True))
def test_a_tree_is_listed_as_git_lists_it(
    shared: Repository, store: Objects, files: dict[str, tuple[str, str]], others: list[str], texts: list[str]
) -> None:
    tree = tree_of(shared, files)
    expected = listed(shared, tree)
    assert expected == files
    paths = Paths(expected)
    folders = {path[:at] for path in [*files, *others] for at in range(len(path)) if path[at] == "/"}
    for path in sorted({*files, *others, *folders}):
        # A new listing for each, so that what one question has found does not answer the next.
        assert TreeListing(store, tree).at(path) == paths.at(path), path
        assert TreeListing(store, tree).below(path + "/") == paths.below(path + "/"), path
        assert TreeListing(store, tree).get(path) == expected.get(path), path
        assert (path in TreeListing(store, tree)) == (path in expected), path
    wanted = patterns(texts)
    assert selected_paths(wanted, TreeListing(store, tree)) == selected_paths(wanted, paths)
    listing = TreeListing(store, tree)
    for path in sorted({*files, *others, *folders}):
        assert listing.at(path) == paths.at(path)
        assert listing.below(path + "/") == listing.below(path + "/") == paths.below(path + "/")
    for pattern in wanted:
        assert matched_paths(wanted, pattern, listing) == matched_paths(wanted, pattern, paths)
    assert listing.below("") == listing.names == list(listing) == paths.names
    assert dict(listing) == expected
    assert len(listing) == len(expected)


@PROPERTY
@given(TREES, TREES, st.booleans())
def test_changed_paths_are_those_of_git_diff_tree(
    shared: Repository, store: Objects, one: dict[str, tuple[str, str]], two: dict[str, tuple[str, str]], joins: bool
) -> None:
    if joins:  # most trees of a history have most in common
        two = {path: entry for path, entry in {**one, **two}.items() if not any(p.startswith(path + "/") for p in two)}
        two = {path: two[path] for path in two if not any(path.startswith(p + "/") for p in two)}
    old, new = tree_of(shared, one), tree_of(shared, two)
    argv = ("diff-tree", "-r", "-z", "--no-renames", "--name-only", "--ignore-submodules=none")
    out = git_of(shared).run(*argv, old, new).split(b"\0")[:-1]
    assert changed_paths(store, old, new) == sorted({path_text(path) for path in out})
    assert changed_paths(store, new, old) == changed_paths(store, old, new)
    assert changed_paths(store, new, new) == []
    assert changed_paths(store, "", new) == changed_paths(store, new, "") == sorted(two)


def test_changed_paths_between_files_and_folders(shared: Repository, store: Objects) -> None:
    file, link = ("100644", "1" * 40), ("160000", "1" * 40)
    one = tree_of(shared, {"a": file, "b/x": file, "b/y/z": file, "c": file, "d/e": file})
    two = tree_of(shared, {"a/x": file, "b": file, "c": link, "d/e": ("100755", "1" * 40)})
    assert changed_paths(store, one, two) == ["a", "a/x", "b", "b/x", "b/y/z", "c", "d/e"]


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_objects_are_read_by_name(tmp_path: Path, form: str) -> None:
    repo = Repository.init(tmp_path / "repo", f"--object-format={form}")
    contents = {"empty": b"", "lines": b"a\n\n\0b\n", "large": b"x\n" * 300_000, "a b": b"missing", "d/e": b"\n"}
    repo.commit("one", contents)
    head = repo.out("rev-parse", "HEAD")
    tree = repo.out("rev-parse", "HEAD^{tree}")
    with git_of(repo).start("cat-file", "--batch") as process:
        found = Objects(process)
        for path, content in contents.items():
            oid = repo.out("rev-parse", f"HEAD:{path}")
            assert found.read(f"HEAD:{path}") == found.read(oid) == (oid, "blob", content)
            for missing in ("1" * len(head), "HEAD:no", "HEAD:no such file", "no 5", "", head[:-1] + "g", "\udcff"):
                assert found.read(missing) is None
        answer = found.read(head)
        assert answer is not None
        assert answer[:2] == (head, "commit")
        entries = {b"a b", b"d", b"empty", b"large", b"lines"}
        for name in (tree, f"{head}^{{tree}}", "HEAD^{tree}"):
            assert (found.tree(name) or {}).keys() == entries
            assert dict(TreeListing(found, name)) == listed(repo, tree)
        assert (found.tree(tree) or {})[b"d"] == ("040000", repo.out("rev-parse", "HEAD:d"))
        assert found.tree(repo.out("rev-parse", "HEAD:empty")) is None
        assert found.tree("1" * len(head)) is None
        assert TreeListing(found, "").names == []
        assert TreeListing(found, "").at("a") == TreeListing(found, "").below("a/") == []
        process.finish()


class Silent(Objects):
    """Objects that were read before, and no others."""

    asked: Sequence[str] = ()

    def _request(self, names: Sequence[str]) -> None:
        self.asked = [*self.asked, *names]
        super()._request(names)


@pytest.mark.parametrize("at_once", [1, 3, 128])
def test_what_was_read_ahead_is_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(objects, "_AT_ONCE", at_once)
    repo = Repository.init(tmp_path / "repo")
    files = {f"d{number}/e/f": b"%d\n" % number * 1000 for number in range(5)}
    repo.commit("one", files)
    names = [f"HEAD:{path}" for path in files] + [f"HEAD:d{number}" for number in range(5)]
    with git_of(repo).start("cat-file", "--batch") as process, git_of(repo).start("cat-file", "--batch") as other:
        plain, found = Objects(other), Silent(process)
        found.read_ahead([*names, "HEAD:gone", *names])
        assert found.asked == [*names, "HEAD:gone"]
        found.read_ahead(names)
        for name in reversed(names):
            assert found.read(name) == plain.read(name)
        assert found.asked == [*names, "HEAD:gone"]
        assert found.read("HEAD:gone") is None
        assert found.read(names[0]) == plain.read(names[0])
        assert found.asked == [*names, "HEAD:gone", "HEAD:gone", names[0]]
        process.finish()


def test_what_is_read_ahead_takes_bounded_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_AHEAD_BYTES", 2500)
    repo = Repository.init(tmp_path / "repo")
    files = {name: name.encode() * 1000 for name in "abcde"}
    repo.commit("one", {**files, "large": b"x" * 3000})
    names = [f"HEAD:{name}" for name in files]
    with git_of(repo).start("cat-file", "--batch") as process:
        found = Silent(process)
        found.read_ahead(names)
        assert set(found._ahead) == {"HEAD:d", "HEAD:e"}
        assert [(found.read(name) or ("", "", b""))[2] for name in names] == list(files.values())
        assert (found._ahead, found._ahead_bytes) == ({}, 0)
        found.read_ahead(["HEAD:large", "HEAD:a"])
        assert set(found._ahead) == {"HEAD:a"}
        process.finish()


@PROPERTY
@given(st.lists(TREES, min_size=1, max_size=4), st.lists(PATHS, min_size=1, max_size=6))
def test_the_way_to_a_place_is_read_ahead(
    shared: Repository, all_files: list[dict[str, tuple[str, str]]], paths: list[str]
) -> None:
    trees = [tree_of(shared, files) for files in all_files]
    with git_of(shared).start("cat-file", "--batch") as process:
        found = Silent(process)
        found.read_ahead_to([(tree, path) for tree in trees for path in paths])
        asked = list(found.asked)
        for tree, files in zip(trees, all_files, strict=True):
            for path in paths:
                entry = TreeListing(found, tree).find(path)
                assert (entry if entry and entry[0] != "040000" else None) == files.get(path)
                if entry and entry[0] == "040000":
                    assert found.tree(entry[1])
        assert found.asked == asked
        process.finish()


def test_trees_are_let_go_and_read_again(shared: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_KEPT_TREES", 4)
    trees = []
    for number in range(12):
        files = {f"d{number}/e{place}/f": ("100644", f"{number + 1:040x}") for place in range(3)}
        trees.append((tree_of(shared, files), files))
    with git_of(shared).start("cat-file", "--batch") as process:
        store = Objects(process)
        for tree, files in [*trees, *trees]:
            assert dict(TreeListing(store, tree)) == files
            assert len(store._trees) <= 6
        process.finish()


def test_a_missing_tree_is_told(tmp_path: Path) -> None:
    repo = Repository.init(tmp_path / "repo")
    repo.commit("one", {"d/e/f": "f", "g/h": "h"})
    gone = repo.out("rev-parse", "HEAD:d/e")
    repo.git_path(f"objects/{gone[:2]}/{gone[2:]}").unlink()
    with git_of(repo).start("cat-file", "--batch") as process:
        found = Objects(process)
        listing = TreeListing(found, "HEAD^{tree}")
        assert listing.at("g") == ["g/h"]
        assert listing.find("d/e") == ("040000", gone)
        for ask in (
            lambda: listing.names,
            lambda: listing.at("d"),
            lambda: listing.below("d/"),
            lambda: listing.get("d/e/f"),
            lambda: changed_paths(found, "", "HEAD^{tree}"),
        ):
            with pytest.raises(UnreadableError, match=gone):
                ask()
        with pytest.raises(UnreadableError, match="1111"):
            len(TreeListing(found, "1" * 40))


def test_git_that_stops_answering_is_told(tmp_path: Path) -> None:
    with (
        Git(str(tmp_path), os.environ).start("cat-file", "--batch") as process,
        pytest.raises(UnreadableError) as caught,
    ):
        Objects(process).read("HEAD")
    assert "not a git repository" in caught.value.findings[0].message


# -- processes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 3])
def test_git_may_say_more_on_standard_error_than_a_pipe_holds(tmp_path: Path, code: int) -> None:
    repo = Repository.init(tmp_path / "repo")
    script = f"!read line; head -c 3000000 /dev/zero | tr '\\0' x >&2; echo; echo told >&2; echo $line; exit {code} #"
    with git_of(repo).start("-c", f"alias.loud={script}", "loud") as process:
        process.stdin.write(b"asked\n")
        process.stdin.flush()
        assert process.stdout.read() == b"\nasked\n"
        if code:
            with pytest.raises(GitError) as caught:
                process.finish()
            assert caught.value.exit_code == code
            assert len(caught.value.stderr) == 1 << 16
            assert caught.value.stderr.endswith("xxtold\n")
        else:
            process.finish()


def test_who_leaves_ends_the_process(tmp_path: Path) -> None:
    repo = Repository.init(tmp_path / "repo")
    with git_of(repo).start("-c", "alias.wait=!echo $PPID; cat #", "wait") as process:
        number = int(process.stdout.readline())
        process.stdin.write(b"x" * 100_000)  # some of it is never read
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_commits_come_in_groups_that_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "_TOGETHER", 64)
    made = [commits.Commit(str(number), [], "", b"", b"", []) for number in range(16 + 32 + 64 + 64 + 5)]
    groups = list(commits.in_groups(made))
    assert [len(group) for group in groups] == [16, 32, 64, 64, 5]
    assert [commit for group in groups for commit in group] == made
    assert list(commits.in_groups([])) == []


def test_commits_of_long_messages_and_paths_come_in_small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "_TOGETHER_BYTES", 10)
    made = [commits.Commit(str(size), [], "", b"", b"m" * size, [(b"", b"p" * size)]) for size in (1, 4, 2, 9, 0)]
    assert [len(group) for group in commits.in_groups(made)] == [2, 2, 1]


def test_git_that_ends_early_is_told(tmp_path: Path) -> None:
    repo = Repository.init(tmp_path / "repo")
    cut = "alias.cut=!printf 'aa bb\\0mail\\0'; exit 0 #"
    with git_of(repo).start("-c", cut, "cut") as process, pytest.raises(GitError):
        list(commits._commits(process))
    with git_of(repo).start("-c", "alias.deaf=!echo why >&2; exit 7 #", "deaf") as process:
        with pytest.raises(GitError) as caught:
            process.send(b"x" * 1_000_000)
        assert (caught.value.exit_code, caught.value.stderr) == (7, "why\n")


def test_commits_of_many_files_come_in_small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "_TOGETHER_FILES", 10)
    sizes = [0, 4, 5, 1, 30, 0, 9, 1]
    made = [commits.Commit(str(size), [], "", b"", b"", [(b"", b"")] * size) for size in sizes]
    assert [[len(commit.raw) for commit in group] for group in commits.in_groups(made)] == [
        [0, 4, 5, 1],
        [30],
        [0, 9, 1],
    ]


# -- merges ------------------------------------------------------------------------------------------------------------


def branches(repo: Repository) -> dict[str, str]:
    """Commits by name, of which any two can be merged, one way or another."""
    stream = Stream()
    lines = [b"%d\n" % number for number in range(30)]
    text = b"".join(lines)
    files: dict[bytes, bytes | tuple[bytes, bytes] | None] = {
        b"a": text, b"b": text, b"dir/c": b"c\n" * 20, b"dir/d": b"d\n", b"x\ny": b"odd\n", b"bin": bytes(99)
    }  # fmt: skip
    base = stream.commit(files)
    numbers = {
        "base": base,
        "top": stream.commit({b"a": b"top\n" + text}, [base]),
        "bottom": stream.commit({b"a": text + b"bottom\n"}, [base]),
        "also top": stream.commit({b"a": b"also top\n" + text}, [base]),
        "deletes": stream.commit({b"a": None, b"dir/c": None}, [base]),
        "renames": stream.commit({b"a": None, b"new/a": text, b"dir/c": None, b"dir/e": b"c\n" * 20}, [base]),
        "renames otherwise": stream.commit({b"a": None, b"other/a": text}, [base]),
        "moves a folder": stream.commit(
            {b"dir/c": None, b"dir/d": None, b"to/c": b"c\n" * 20, b"to/d": b"d\n"}, [base]
        ),
        "adds": stream.commit({b"n": b"one\n", b"dir/n": b"one\n", b"m\n\nm": b"1\n"}, [base]),
        "adds, too": stream.commit({b"n": b"two\n", b"dir/n": b"two\n", b"m\n\nm": b"2\n"}, [base]),
        "odd": stream.commit({b"x\ny": b"this\n", b"bin": bytes(98)}, [base]),
        "odd, too": stream.commit({b"x\ny": b"that\n", b"bin": bytes(97)}, [base]),
        "folder": stream.commit({b"b": None, b"b/f": b"f\n", b"dir/d": (b"120000", b"c")}, [base]),
        "modes": stream.commit({b"b": (b"100755", text), b"dir/d": (b"160000", LINK_A)}, [base]),
        "unrelated": stream.commit({b"a": b"other\n", b"z": b"z\n"}),
    }
    numbers["crossed"] = stream.commit({b"a": b"x\n" + text}, [numbers["top"], numbers["also top"]])
    numbers["crossed back"] = stream.commit({b"a": b"y\n" + text}, [numbers["also top"], numbers["top"]])
    oids = stream.into(repo)
    return {name: oids[number] for name, number in numbers.items()}


def one_by_one(git: Git, ours: str, theirs: str) -> AutomaticMerge:
    code, out, err = git.call("merge-tree", "--write-tree", "-z", "--allow-unrelated-histories", ours, theirs)
    assert code in (0, 1), err
    return AutomaticMerge(out.split(b"\0")[0].decode(), code == 0)


def test_merges_are_those_that_git_makes_one_by_one(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    names = branches(repo)
    chosen = [(a, b) for a in names for b in names if a < b or "odd" in a or "unrelated" in (a, b)]
    pairs = [(names[a], names[b]) for a, b in chosen]
    git = git_of(repo)
    expected = [one_by_one(git, *pair) for pair in pairs]
    assert automatic_merges(git, pairs) == expected
    monkeypatch.setattr(merges, "_AT_ONCE", 7)
    assert automatic_merges(git, pairs) == expected
    clean = dict(zip(chosen, [merge.clean for merge in expected], strict=True))
    assert clean["base", "top"]
    assert clean["bottom", "top"]
    assert clean["renames", "top"]
    assert not any(
        clean[pair]
        for pair in [
            ("also top", "top"), ("deletes", "top"), ("adds", "adds, too"), ("odd", "odd, too"), ("base", "unrelated"),
            ("renames", "renames otherwise"), ("crossed", "crossed back"),
        ]
    )  # fmt: skip


def test_a_clean_merge_has_both_sides_and_a_conflict_its_markers(repo: Repository) -> None:
    names = branches(repo)
    pairs = [(names["top"], names["renames"]), (names["odd"], names["odd, too"]), (names["base"], names["base"])]
    clean, odd, same = automatic_merges(git_of(repo), pairs)
    assert (clean.clean, odd.clean, same.clean) == (True, False, True)
    assert repo.out("show", f"{clean.tree}:new/a").startswith("top\n0\n")
    assert "<<<<<<< " in repo.out("show", f"{odd.tree}:x\ny")
    assert same.tree == repo.out("rev-parse", f"{names['base']}^{{tree}}")
    assert automatic_merges(git_of(repo), []) == []


def test_what_cannot_be_merged_is_told(repo: Repository) -> None:
    names = branches(repo)
    for bad in ("1" * 40, repo.out("rev-parse", f"{names['base']}:a"), "no-such-name"):
        for pair in ((names["top"], bad), (bad, names["top"])):
            with pytest.raises(GitError):
                automatic_merges(git_of(repo), [(names["base"], names["top"]), pair])


def test_merges_in_a_repository_of_sha256(tmp_path: Path) -> None:
    repo = Repository.init(tmp_path / "repo", "--object-format=sha256")
    stream = Stream()
    base = stream.commit({b"a": b"1\n"})
    one, two = stream.commit({b"a": b"2\n"}, [base]), stream.commit({b"a": b"3\n", b"b": b"b\n"}, [base])
    oids = stream.into(repo)
    pairs = [(oids[one], oids[two]), (oids[base], oids[two])]
    with scratch_objects(git_of(repo)) as git:
        assert automatic_merges(git, pairs) == [one_by_one(git, *pair) for pair in pairs]


# -- a place for what is made ------------------------------------------------------------------------------------------


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize(
    "name", ["plain", "a:b", 'a"b', 'a:"b\\c', '"a":', "a;b c", "new\nline:", os.fsdecode(b"\xff:\xfe"), "a\\"]
)
def test_merges_leave_nothing_behind(tmp_path: Path, temporary: Path, name: str) -> None:
    repo = Repository.init(tmp_path / name / "repo")
    names = branches(repo)
    before = files_below(repo.top)
    with scratch_objects(git_of(repo)) as git:
        pairs = [(names["top"], names["bottom"]), (names["odd"], names["odd, too"])]
        found = automatic_merges(git, pairs)
        assert [merge.clean for merge in found] == [True, False]
        assert files_below(temporary), "the merged trees are somewhere"
        assert git.text("show", f"{found[0].tree}:a").endswith("bottom")
        assert git.text("cat-file", "-t", names["top"]) == "commit"
        assert git_of(repo).call("cat-file", "-e", found[0].tree)[0] != 0
        with git.start("cat-file", "--batch") as process:
            changed = changed_paths(Objects(process), f"{names['base']}^{{tree}}", found[1].tree)
        assert changed == ["bin", "x\ny"]
    assert files_below(repo.top) == before
    assert list(temporary.iterdir()) == []


def test_the_place_goes_away_with_an_error(repo: Repository, temporary: Path) -> None:
    def fail() -> None:
        with scratch_objects(git_of(repo)) as git:
            git.run("hash-object", "-w", "--stdin", stdin=b"x")
            git.run("no-such-command")

    with pytest.raises(GitError):
        fail()
    assert list(temporary.iterdir()) == []
    assert not [path for path in files_below(repo.git_path("objects")) if path.name != "info"]


def test_the_environment_of_the_caller_stays(repo: Repository, temporary: Path) -> None:
    git = git_of(repo)
    env = dict(git.env)
    with scratch_objects(git) as scratch:
        assert scratch.top == f"{git.top}/.git"  # no work tree has a say
        assert scratch.env["GIT_OBJECT_DIRECTORY"].startswith(str(temporary))
    assert git.env == env


def test_objects_that_lie_elsewhere_are_still_there(tmp_path: Path, temporary: Path) -> None:
    repo = Repository.init(tmp_path / "a:b")
    repo.commit("one", {"a": "a"})
    blobs = []
    elsewhere = []
    for name in ("one", "two:"):
        other = Repository.init(tmp_path / name)
        blobs.append(other.git("hash-object", "-w", "--stdin", stdin=name).stdout.strip())
        elsewhere.append(str(other.git_path("objects")))
    quoted = [elsewhere[0], f'"{elsewhere[1]}"']
    made = tmp_path / "quarantine"
    made.mkdir()
    alternates = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(quoted)}
    # As in a pre-receive hook: new objects lie apart, and the repository's own are an alternate.
    apart = {
        "GIT_OBJECT_DIRECTORY": str(made),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join([f'"{repo.git_path("objects")}"', *quoted]),
    }
    blobs.append(repo.git("hash-object", "-w", "--stdin", stdin="new", env=apart).stdout.strip())
    before = files_below(tmp_path)
    for env, there in ((alternates, 2), (apart, 3)):
        with scratch_objects(Git(str(repo.top), {**os.environ, **env})) as git:
            found = [git.call("cat-file", "-e", name)[0] for name in [*blobs, "HEAD:a"]]
            assert found == [0] * there + [1] * (3 - there) + [0]
            written = git.text("hash-object", "-w", "--stdin", stdin=b"newer")
            assert git.call("cat-file", "-e", written)[0] == 0
    assert files_below(tmp_path) == before
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("kind", ["worktree", "bare", "shared", "relative"])
def test_kinds_of_repositories(tmp_path: Path, temporary: Path, kind: str) -> None:
    repo = Repository.init(tmp_path / "repo")
    names = branches(repo)
    top, env = repo.top, dict(os.environ)
    if kind == "worktree":
        top = tmp_path / "linked"
        repo.git("worktree", "add", "-q", "--detach", str(top), names["base"])
    elif kind == "relative":
        env["GIT_OBJECT_DIRECTORY"] = ".git/objects"
    else:
        top = tmp_path / "clone"
        repo.git("clone", "-q", "--mirror", "--shared" if kind == "shared" else "--bare", ".", str(top))
    before = files_below(tmp_path)
    with scratch_objects(Git(str(top), env)) as git:
        (found,) = automatic_merges(git, [(names["top"], names["bottom"])])
        assert git.text("show", f"{found.tree}:a").startswith("top\n")
    assert files_below(tmp_path) == before
    assert list(temporary.iterdir()) == []


def test_objects_are_taken_for_what_they_are(repo: Repository) -> None:
    repo.commit("one", {"a": "a"})
    repo.commit("two", {"a": "b"})
    one, two = repo.out("rev-parse", "HEAD^"), repo.out("rev-parse", "HEAD")
    repo.git("replace", two, one)
    assert git_of(repo).text("log", "-1", "--format=%s", two) == "one"
    with scratch_objects(git_of(repo)) as git:
        assert [found.text for found in read_commits(git, [two])] == ["two\n", "one\n"]
