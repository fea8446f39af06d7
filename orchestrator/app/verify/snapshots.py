"""What commits say by their own three files, read by blob id, each blob once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.app.facts import parent_lock
from orchestrator.core.evidence import Content
from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.mark_reader import MarkReader
from orchestrator.core.ownership import Owners
from orchestrator.core.plan import OWN_PATHS, TODO_PATH
from orchestrator.core.todo import BEGIN
from orchestrator.core.value import Value
from orchestrator.history.objects import TreeListing, missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.app.repository import Repository
    from orchestrator.core.formats import Lock
    from orchestrator.core.plan import Plan
    from orchestrator.history.objects import Objects

Own = tuple[str, str, str]
"""The ids of plan.toml, PLAN.md and plan.lock in one tree; "" where there is none, mode and id where it is no file."""

NO_FILES: Own = ("", "", "")
_PLACES = {path.encode(): place for place, path in enumerate(OWN_PATHS)}
_KEPT = 512
_KEPT_MARKS = 100_000


class TodoSays(Value):
    """What a PLAN.md says: marks by task id, how many task lines are not of the plan, and why it cannot be read."""

    marks: Mapping[str, str] = {}
    strange: int = 0
    problems: tuple[Finding, ...] = ()


class Snapshots:
    """Plans, marks and evidence of trees; what was read is kept as long as it is likely to be asked for again."""

    def __init__(self, repository: Repository, objects: Objects) -> None:
        """Read through ``objects``; compiled plans are kept in the repository's cache."""
        self._repository = repository
        self._objects = objects
        self._owners: dict[str, Owners] = {}
        self._readers: dict[str, MarkReader] = {}
        self._todos: dict[tuple[str, str], TodoSays] = {}
        self._locks: dict[str, Lock | None] = {}

    def own(self, tree: str) -> Own:
        """The three files of the tree of that name.

        Raises:
            UnreadableError: the tree is not there.
        """
        entries = self._objects.tree(tree)
        if entries is None:
            raise missing(tree)
        found = ["", "", ""]
        for path, place in _PLACES.items():
            entry = entries.get(path)
            if entry is not None:
                found[place] = _named(*entry)
        return found[0], found[1], found[2]

    def read_ahead(self, owns: Iterable[Own], trees: Iterable[str]) -> None:
        """Have what these three files say, and these trees, at hand when they are asked for.

        Raises:
            UnreadableError: Git stopped answering.
        """
        known = {todo for _, todo in self._todos}
        known.update(self._locks)
        planned = [own for own in owns if own[0]]  # nobody asks for the others
        names = {oid for own in planned for oid in own if oid and ":" not in oid} - known
        new = [oid for oid in names if self._repository.known_plan(oid) is None]
        self._objects.read_ahead([*new, *trees])

    def listing(self, tree: str) -> TreeListing:
        """The files of the tree of that name."""
        return TreeListing(self._objects, tree)

    def blob(self, oid: str) -> bytes:
        """The content of the blob.

        Raises:
            UnreadableError: it is not there.
        """
        found = self._objects.read(oid)
        if found is None:
            raise missing(oid)
        return found[2]

    def plan(self, own: Own) -> Plan | None:
        """The plan, or None if there is none.

        Raises:
            CannotJudgeError: it is invalid.
        """
        if not own[0]:
            return None
        refuse_odd(own)
        known = self._repository.known_plan(own[0])
        return known if known is not None else self._repository.load_plan(own[0], self.blob(own[0]))

    def content(self, own: Own, plan: Plan, tree: str) -> Content:
        """The tree under the plan; claims are worked out once for each plan.toml (``own``)."""
        owners = self._owners.get(own[0])
        if owners is None:
            _make_room(self._owners)
            owners = self._owners[own[0]] = Owners(plan)
        listing = self.listing(tree)
        return Content(plan, listing, owners, listing)

    def todo(self, own: Own, at: Own, plan: Plan) -> TodoSays:
        """What PLAN.md of ``own`` says, read as the plan.toml of ``at`` has rendered it.

        Raises:
            CannotJudgeError: it is no regular file.
        """
        key = (at[0], own[1])
        known = self._todos.get(key)
        if known is None:
            refuse_odd(("", own[1], ""))  # what the other two are is no matter of what it says
            known = self._read_todo(own, at, plan)
            _make_room(self._todos, min(_KEPT, _KEPT_MARKS // (len(known.marks) + 1) + 1))
            self._todos[key] = known
        return known

    def _read_todo(self, own: Own, at: Own, plan: Plan) -> TodoSays:
        if not own[1]:
            return TodoSays()
        reader = self._readers.get(at[0])
        if reader is None:
            _make_room(self._readers)
            reader = self._readers[at[0]] = MarkReader(plan)
        text = self.blob(own[1]).decode("utf-8", "surrogateescape")
        try:
            marks, strange = reader.read(text)
        except CannotJudgeError as error:
            return TodoSays(problems=error.findings)
        has_block = f"\n{BEGIN}\n" in text or any([line.strip() == BEGIN for line in text.split("\n")])
        return TodoSays(marks, strange, () if has_block else (_no_markers(),))

    def marks(self, own: Own, plan: Plan) -> Mapping[str, str]:
        """The marks that PLAN.md says, in ids of its own plan; none where nobody can read it."""
        return {} if ":" in own[1] else self.todo(own, own, plan).marks

    def lock(self, own: Own) -> Lock | None:
        """The evidence of a parent's plan.lock; None if there is none or nobody can read it."""
        if own[2] not in self._locks:
            _make_room(self._locks)
            readable = own[2] and ":" not in own[2]
            self._locks[own[2]] = parent_lock((own[2], self.blob(own[2]))) if readable else None
        return self._locks[own[2]]


def undone(own: Own, raw: Sequence[tuple[bytes, bytes]]) -> Own | None:
    """The three files before a commit that changes what these raw lines of git-log(1) say.

    None where one of them is added or taken away: so it may look, too, where a name stands twice in a tree.
    """
    before = own
    for meta, path in raw:
        place = _PLACES.get(path)
        if place is not None:
            old_mode, new_mode, oid, _ = meta[1:].decode("ascii").split(" ", 3)
            if "000000" in (old_mode, new_mode):
                return None
            files = list(before)
            files[place] = _named(old_mode, oid)
            before = files[0], files[1], files[2]
    return before


def is_own(path: bytes) -> bool:
    """Whether the path is that of one of the three files."""
    return path in _PLACES


def _named(mode: str, oid: str) -> str:
    return oid if mode.startswith("100") else f"{mode}:{oid}"


def refuse_odd(own: Own) -> None:
    """Refuse one of the three files that is a link, a folder or a submodule.

    Raises:
        CannotJudgeError: so it is.
    """
    odd = [path for path, oid in zip(OWN_PATHS, own, strict=True) if ":" in oid]
    if odd:
        raise CannotJudgeError(
            *[
                Finding("plan-invalid", f"{path} is no regular file", locations=(Location(path),), help=f"rm {path}")
                for path in odd
            ]
        )


def _make_room(memo: dict[Any, Any], most: int = _KEPT) -> None:
    if len(memo) >= most:
        memo.clear()


def _no_markers() -> Finding:
    return Finding(
        "plan-md-edited", "the markers of PLAN.md are gone", locations=(Location(TODO_PATH),), help="orchestrator sync"
    )
