"""Objects read one after another from one ``git cat-file --batch``, and trees as listings that read what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.core.finding import Finding
from orchestrator.core.plan import path_bytes, path_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.git import GitProcess

    Tree = dict[bytes, tuple[str, str]]  # name -> (mode of six digits, object id), in Git's order

# Of a pack Git would map, and of what it has unpacked it would keep, so much that a long history fills the memory with
# what is read but once. Source: git-config(1), core.packedGitWindowSize and those that it names.
SPARING = ("-c", "core.packedGitWindowSize=1m", "-c", "core.packedGitLimit=16m", "-c", "core.deltaBaseCacheLimit=8m")
_KEPT_TREES = 2048
_AT_ONCE = 128  # requests on their way; so few fit into any pipe, and nobody waits for the other to read
_AHEAD_BYTES = 4 << 20
MAX_BYTES = 64 << 20  # of one object; a plan, a to-do file or a folder of more is an attack
_FOLDER = "040000"
_MODES = {b"40000": _FOLDER, **{mode.encode(): mode for mode in ("100644", "100755", "120000", "160000")}}


class UnreadableError(Exception):
    """The repository cannot be read on: not a finding about one commit, but the end of the walk."""

    def __init__(self, *findings: Finding) -> None:
        """Carry what stands in the way."""
        super().__init__("; ".join([finding.message for finding in findings]))
        self.findings = findings


def missing(name: str) -> UnreadableError:
    """What to raise of an object that is not in the repository."""
    return UnreadableError(
        Finding(
            "git",
            f"object {name} is missing from this repository",
            notes=("it is damaged, or a partial clone that cannot reach its remote",),
            help="git fsck, then fetch what is missing: git fetch --refetch",
        )
    )


class Objects:
    """Answers for objects by name, as ``<id>``, ``<id>^{tree}``."""

    def __init__(self, process: GitProcess) -> None:
        """Ask that ``git cat-file --batch``."""
        self._process = process
        self._trees: dict[str, Tree] = {}
        self._ids: dict[str, str] = {}
        self._folders: dict[tuple[str, bytes], tuple[dict[str, tuple[str, str]], list[tuple[str, bytes]]]] = {}
        self._ahead: dict[str, tuple[str, str, bytes]] = {}
        self._ahead_bytes = 0

    def read(self, name: str) -> tuple[str, str, bytes] | None:
        """Object id, type and content, or None if there is no such object.

        Raises:
            UnreadableError: Git stopped answering, or the object is too large to be judged.
        """
        found = self._ahead.pop(name, None)
        if found is None:
            self._request([name])
            return self._answer()
        self._ahead_bytes -= len(found[2])
        return found

    def read_ahead(self, names: Iterable[str]) -> None:
        """Have the objects of these names at hand when they are asked for, and wait for Git once for many of them.

        One that is not there, or no more at hand by then, is asked for again by ``read``.

        Raises:
            UnreadableError: as ``read``.
        """
        wanted = [name for name in dict.fromkeys(names) if name not in self._trees and name not in self._ahead]
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first : first + _AT_ONCE]
            self._request(some)
            for name in some:
                found = self._answer()
                if found is not None:
                    self._ahead[name] = found
                    self._ahead_bytes += len(found[2])
                while self._ahead_bytes > _AHEAD_BYTES:
                    _, _, data = self._ahead.pop(next(iter(self._ahead)))
                    self._ahead_bytes -= len(data)

    def _request(self, names: Sequence[str]) -> None:
        try:
            self._process.stdin.write("".join([f"{name}\n" for name in names]).encode("utf-8", "surrogateescape"))
            self._process.stdin.flush()
        except BrokenPipeError:
            raise UnreadableError(*self._process.failure().findings) from None

    def _answer(self) -> tuple[str, str, bytes] | None:
        process = self._process
        header = process.stdout.readline().decode("utf-8", "surrogateescape").split()
        if not header:
            raise UnreadableError(*process.failure().findings)
        if len(header) != 3 or not header[2].isdecimal():
            return None
        if int(header[2]) > MAX_BYTES:
            # Its content stands in the pipe, so nothing that is read from here on would be an answer.
            raise UnreadableError(Finding("git", f"object {header[0]} has {header[2]} bytes, too large to be judged"))
        data = process.stdout.read(int(header[2]) + 1)
        if len(data) != int(header[2]) + 1:
            raise UnreadableError(*process.failure().findings)
        return header[0], header[1], data[:-1]

    def tree(self, name: str) -> Tree | None:
        """The entries of that tree, one level, or None if there is no such tree."""
        known = self._trees.get(name)
        if known is None:
            found = self.read(name)
            if found is None or found[1] != "tree":
                return None
            if len(self._trees) >= _KEPT_TREES:
                for oldest in list(self._trees)[: _KEPT_TREES // 2]:
                    del self._trees[oldest]
                    self._ids.pop(oldest, None)
            known = self._trees.get(found[0])
            if known is None:
                known = self._trees[found[0]] = _entries(found[0], found[2])
            self._trees[name] = known
            if name != found[0]:
                self._ids[name] = found[0]
        return known

    def read_ahead_to(self, places: Iterable[tuple[str, str]]) -> None:
        """The same for the trees on the way to each place, which is the name of a tree and a path in it.

        Raises:
            UnreadableError: as ``read``.
        """
        ways = [(tree, path_bytes(path).split(b"/")) for tree, path in places]
        while ways:
            self.read_ahead([name for name, _ in ways])
            entries = [((self.tree(name) or {}).get(folders[0], ("", "")), folders[1:]) for name, folders in ways]
            ways = [(oid, folders) for (mode, oid), folders in entries if mode == _FOLDER]
            self.read_ahead([name for name, folders in ways if not folders])
            ways = [(oid, folders) for oid, folders in ways if folders]

    def entries(self, name: str) -> Tree:
        """The entries of that tree; none of "".

        Raises:
            UnreadableError: there is no such tree.
        """
        if not name:
            return {}
        found = self.tree(name)
        if found is None:
            raise missing(name)
        return found

    def folder(self, tree: str, prefix: bytes) -> tuple[dict[str, tuple[str, str]], list[tuple[str, bytes]]]:
        """The files of that tree, which lies at the prefix, by path, and its folders with their prefixes.

        Most folders are the same in most commits, so what was said of one is kept.

        Raises:
            UnreadableError: there is no such tree.
        """
        known = self._folders.get((tree, prefix))
        if known is None:
            entries = self.entries(tree).items()
            files = {path_text(prefix + name): entry for name, entry in entries if entry[0] != _FOLDER}
            below = [(oid, prefix + name + b"/") for name, (mode, oid) in entries if mode == _FOLDER]
            if len(self._folders) >= _KEPT_TREES:
                self._folders.clear()
            known = self._folders[tree, prefix] = files, below
        return known

    def tree_id(self, name: str) -> str:
        """The id of the tree of that name; "" if there is none."""
        return (self._ids.get(name) or name) if self.tree(name) is not None else ""


def _entries(tree: str, data: bytes) -> Tree:
    id_length = len(tree) // 2
    entries: Tree = {}
    count = 0
    position = 0
    while position < len(data):
        space = data.index(b" ", position)
        end = data.index(b"\0", space)
        oid = data[end + 1 : end + 1 + id_length].hex()
        mode = data[position:space]
        entries[data[space + 1 : end]] = (_MODES.get(mode) or mode.decode("ascii").zfill(6), oid)
        position = end + 1 + id_length
        count += 1
    if count != len(entries):
        raise UnreadableError(Finding("git", f"tree {tree} is malformed: a name stands in it twice", help="git fsck"))
    return entries


class TreeListing(Mapping[str, tuple[str, str]]):
    """The files of one tree, path -> (mode, object id), read from the repository as far as they are asked for."""

    def __init__(self, objects: Objects, tree: str) -> None:
        """Look into the tree of that name; "" for one without files."""
        self._objects = objects
        self.tree = tree
        self._names: list[str] | None = None
        self._seen: dict[str, tuple[str, str]] = {}
        self._below: dict[str, list[str]] = {}

    def _tree(self, name: str) -> Tree:
        return self._objects.entries(name)

    def __getitem__(self, path: str) -> tuple[str, str]:
        """Mode and object id of the file.

        Raises:
            KeyError: there is none.
        """
        found = self._seen.get(path) or self.find(path)
        if found is None or found[0] == _FOLDER:
            raise KeyError(path)
        return found

    def __iter__(self) -> Iterator[str]:
        """The paths of all files, sorted."""
        return iter(self.names)

    def __len__(self) -> int:
        """How many files there are."""
        return len(self.names)

    def find(self, path: str) -> tuple[str, str] | None:
        """Mode and object id of what is there, a folder too, or None."""
        *folders, name = path_bytes(path).split(b"/")
        tree = self._tree(self.tree)
        for folder in folders:
            mode, oid = tree.get(folder, ("", ""))
            if mode != _FOLDER:
                return None
            tree = self._tree(oid)
        return tree.get(name)

    @property
    def names(self) -> list[str]:
        """The paths of all files, sorted."""
        if self._names is None:
            self._names = self._files(self.tree, b"")
        return self._names

    def below(self, prefix: str) -> list[str]:
        """The paths that begin with the prefix, which ends with a slash, sorted."""
        if not prefix:
            return self.names
        known = self._below.get(prefix)
        if known is None:
            mode, tree = self.find(prefix.rstrip("/")) or ("", "")
            known = self._files(tree, path_bytes(prefix)) if mode == _FOLDER else []
            self._below[prefix] = known
        return known

    def at(self, path: str) -> list[str]:
        """The path itself, if it is a file, or all below it, sorted."""
        found = self.find(path)
        if found is None:
            return []
        return self.below(path + "/") if found[0] == _FOLDER else [path]

    def _files(self, tree: str, prefix: bytes) -> list[str]:
        """The paths of the files in that tree, which lies at the prefix, sorted; folder by folder, many at once."""
        found: list[str] = []
        folders = [(tree, prefix)]
        while folders:
            some = folders[-_AT_ONCE:]
            del folders[-_AT_ONCE:]
            self._objects.read_ahead([oid for oid, _ in some if oid])
            for oid, place in some:
                files, below = self._objects.folder(oid, place)
                self._seen.update(files)
                found += files
                folders += below
        return sorted(found)


def changed_paths(objects: Objects, old: str, new: str) -> list[str]:
    """The paths of the files that differ between two trees, sorted; renames are a removal and an addition."""
    found: list[str] = []
    if old != new:
        _compare(objects, old, new, b"", found)
    return sorted(found)


def _compare(objects: Objects, old: str, new: str, prefix: bytes, found: list[str]) -> None:
    ours, theirs = (TreeListing(objects, name)._tree(name) for name in (old, new))  # noqa: SLF001
    for name in {**ours, **theirs}:
        before, after = ours.get(name, ("", "")), theirs.get(name, ("", ""))
        if before == after:
            continue
        folders = [oid if mode == _FOLDER else "" for mode, oid in (before, after)]
        if any(folders):
            _compare(objects, folders[0], folders[1], prefix + name + b"/", found)
        if (before[0] not in ("", _FOLDER)) or (after[0] not in ("", _FOLDER)):
            found.append(path_text(prefix + name))
