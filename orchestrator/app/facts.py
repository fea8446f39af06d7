"""What Git says of a commit, made or about to be made, as the values that the core judges."""

from __future__ import annotations

import os

from orchestrator.core.evidence import REGULAR, Content, places
from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.formats import parse_lock
from orchestrator.core.plan import LOCK_PATH, OWN_PATHS, PLAN_PATH, TODO_PATH, path_bytes, path_text
from orchestrator.core.settle import Before, Side, joined, settle
from orchestrator.core.state import OPEN
from orchestrator.core.todo import EMPTY, Reading, carry, parse, read_marks
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.app.repository import Repository
    from orchestrator.core.formats import Lock
    from orchestrator.core.gate import GateResult, Pass
    from orchestrator.core.ownership import Owners
    from orchestrator.core.plan import Plan
    from orchestrator.core.settle import Settled
    from orchestrator.core.todo import Todo

_NOTHING = "0" * 6
_KINDS = {"120000": "a symbolic link", "160000": "a submodule"}
# Paths are names, whatever git(1), --glob-pathspecs and the like, has put into the environment.
_LITERAL = {"GIT_LITERAL_PATHSPECS": "1", "GIT_GLOB_PATHSPECS": "0", "GIT_NOGLOB_PATHSPECS": "0",
            "GIT_ICASE_PATHSPECS": "0"}  # fmt: skip
# Below, all keys are worked out in the time that it takes to find those that were kept.
_MANY_PHASES = 50
_MANY_FILES = 3000
INDEX = ""  # the tree-ish that stands for what is staged


class Change(Value):
    """One path that differs between two trees; mode ``000000`` where it is not there."""

    path: str
    old_mode: str
    old_oid: str
    new_mode: str
    new_oid: str

    @property
    def old(self) -> tuple[str, str]:
        """Mode and object id before, as a listing has them; "" where it was not there."""
        return (self.old_mode, self.old_oid) if self.old_mode != _NOTHING else ("", "")

    @property
    def new(self) -> tuple[str, str]:
        """The same after."""
        return (self.new_mode, self.new_oid) if self.new_mode != _NOTHING else ("", "")

    @property
    def is_of_files(self) -> bool:
        """Whether neither what was there nor what is there is a link or a submodule, which can hide a folder."""
        return {self.old[0], self.new[0]} <= {*REGULAR, ""}


class _Files(Value):
    """A tree: path -> (mode, object id). If the listing is a part of it, ``all_of_them`` reads it all."""

    listing: dict[str, tuple[str, str]]
    all_of_them: Callable[[], dict[str, tuple[str, str]]] | None = None

    def with_old(self, changes: Sequence[Change]) -> _Files:
        """The same with what the changes change, wherever it lies."""
        return self.replace(listing=with_old(self.listing, changes))

    def after(self, changes: Sequence[Change]) -> _Files:
        """The tree as it is after the changes."""
        read_all = self.all_of_them
        return _Files(
            change_listing(self.listing, changes),
            None if read_all is None else (lambda: change_listing(read_all(), changes)),
        )


def with_old(listing: Mapping[str, tuple[str, str]], changes: Sequence[Change]) -> dict[str, tuple[str, str]]:
    """The listing with what the changes change, wherever it lies."""
    return {**listing, **{change.path: change.old for change in changes if change.old[0]}}


def change_listing(listing: Mapping[str, tuple[str, str]], changes: Sequence[Change]) -> dict[str, tuple[str, str]]:
    """The listing as it is after the changes."""
    found = {**listing}
    for change in changes:
        if change.new[0]:
            found[change.path] = change.new
        else:
            found.pop(change.path, None)
    return found


class Facts(Value):
    """A commit with a plan, against what was before it.

    ``content`` is None where the commit takes the plan away, ``before`` None where it is the adoption. ``changed`` are
    the paths that the commit itself changes; for a merge, what differs from the automatic merge. ``changes`` is all
    that differs from the first parent. ``todo_text`` and
    ``lock_bytes`` are as the tree has them, None if it has not.
    """

    repository: Repository
    before: Before | None
    content: Content | None
    changed: tuple[str, ...]
    changes: tuple[Change, ...]
    todo_text: str | None
    lock_bytes: bytes | None
    known_passes: Mapping[str, Pass]
    parents: tuple[str, ...]
    tree: str  # the tree-ish that was read; INDEX for what is staged
    head_oid: str = ""  # of the first parent
    head_tree: str = ""  # the tree of the first parent
    has_parents_lock: bool = False  # plan.lock is that of the only parent
    known_todo: Todo | None = None  # PLAN.md, where it has been taken apart already
    same_reading: Reading | None = None  # of PLAN.md, where it and the plan are those of the only parent
    keys_name: str = ""  # what the gates' keys of that tree are kept under, if they are
    keys_known: int = 0  # how many of them were
    by_result: bool = False  # it stands for a whole branch: a squash, or a merge of what no plan has judged

    @property
    def plan(self) -> Plan | None:
        """The plan that the commit has."""
        return self.content.plan if self.content else None

    def required(self) -> Content:
        """The content under its plan.

        Raises:
            CannotJudgeError: the commit has no plan.
        """
        if self.content is None:
            raise CannotJudgeError(Finding("plan-invalid", "the commit has no plan.toml"))
        return self.content

    def todo(self) -> Todo:
        """PLAN.md taken apart; empty if there is none.

        Raises:
            CannotJudgeError: its markers are broken.
        """
        if self.todo_text is None:
            return EMPTY
        return parse(self.todo_text) if self.known_todo is None else self.known_todo

    def reading(self) -> Reading:
        """The marks that PLAN.md says, in ids of the plan that rendered it."""
        if self.same_reading is not None:
            return self._without_own_ticks(self.same_reading)
        plan = self.required().plan
        todo = self.todo()
        if self.todo_text is None and self.before is not None:
            return Reading(self.before.plan, self.before.marks, {})
        if self.before is not None and not todo.has_block:
            raise CannotJudgeError(
                Finding(
                    "plan-md-edited",
                    "the markers of PLAN.md are gone",
                    locations=(Location(TODO_PATH),),
                    help="orchestrator sync",
                )
            )
        plans = [plan] if self.before is None or self.before.plan == plan else [plan, self.before.plan]
        reading = read_marks(todo, plans, self.repository.loaded_plans() if len(self.parents) > 1 else ())
        if reading.findings:
            # A plan that was staged and changed again before it was committed has rendered it.
            others = [read_marks(todo, [known]) for known in self.repository.cache.plans()]
            reading = next((other for other in others if not other.findings), reading)
        return self._without_own_ticks(reading)

    def _without_own_ticks(self, reading: Reading) -> Reading:
        """The marks without those that a commit which was then given up has set by itself."""
        own = self.repository.cache.own_ticks((self.todo_text or "").encode("utf-8", "surrogateescape"), self.head_oid)
        if self.tree != INDEX or not own:
            return reading
        return reading.replace(marks={task_id: mark for task_id, mark in reading.marks.items() if task_id not in own})

    def settle(self, results: Mapping[str, GateResult], reading: Reading) -> Settled:
        """What the tree says, with what the cache and finished runs add."""
        content = self.required()
        lock = self.before.lock if self.has_parents_lock and self.before else None
        if lock is None and self.lock_bytes is not None:
            lock = parse_lock(self.lock_bytes)
        return settle(content.plan, content, self.before, reading, lock, self.pass_lookup(results))

    def pass_lookup(self, results: Mapping[str, GateResult]) -> Callable[[str], Pass | None]:
        """Answers for a key: from finished runs, from other parents' locks, from the local cache."""

        def known(key: str) -> Pass | None:
            from orchestrator.core.gate import Pass  # noqa: PLC0415

            result = results.get(key)
            if result is not None:
                return Pass(key, result.tests, result.coverage) if result.passed else None
            return self.known_passes.get(key) or self.repository.cache.known_pass(key)

        return known


def read_facts(
    repository: Repository, parents: Sequence[str], tree: str = INDEX, *, whole: bool = True
) -> Facts | None:
    """The facts of a commit with those parents, or None where neither it nor its first parent has a plan.

    ``parents`` are revisions, none for a root commit; ``tree`` is INDEX or the commit itself. Unless the ``whole`` tree
    is wanted, files that the plan does not look at may be missing from the contents' listings. Of a merge's parents one
    that another has behind it brings nothing, so it has no say, and without a plan it makes no adoption.

    Raises:
        CannotJudgeError: a plan or lock cannot be read, or Git failed.
    """
    names = [f"{parent}^{{commit}}" for parent in parents]
    names += [f"{tree}:{path}" for path in OWN_PATHS]
    names += [f"{parent}:{path}" for parent in parents for path in OWN_PATHS]
    squashed = _squashed(repository) if tree == INDEX and len(parents) == 1 else ""
    names += [f"{squashed}:{LOCK_PATH}"] if squashed else []
    objects = repository.read_objects(names)
    if parents and objects[names[0]] is None:
        parents = ()  # HEAD is unborn: this will be a root commit
    sides = _independent(repository, objects, parents) if len(parents) > 1 else parents
    first = sides[0] if sides else ""
    new_plan = objects[f"{tree}:{PLAN_PATH}"]
    old_plan = objects[f"{first}:{PLAN_PATH}"] if first else None
    if new_plan is None and old_plan is None:
        return None
    where = None if whole or len(sides) != 1 else _known_places(repository, new_plan, old_plan)
    files_before = _Files(listing_of(repository, first, where) if first else {})
    changes = changes_between(repository, first or _empty_tree(repository), tree)
    if where is not None:
        files_before = files_before.with_old(changes).replace(all_of_them=lambda: listing_of(repository, first))
    files = files_before.after(changes)
    _check_modes(files.listing)
    plan = repository.load_plan(*new_plan).at(repository.today()) if new_plan else None
    head = objects[f"{first}^{{commit}}"] if first else None
    head_tree = head[1].partition(b"\n")[0].decode("ascii", "replace")[5:] if head else ""
    keys_name = ""
    keys: dict[tuple[str, str], str] = {}
    owners = None
    is_same_plan = plan is not None and new_plan == old_plan and len(sides) == 1
    is_large = plan is not None and (len(plan.phases) >= _MANY_PHASES or len(files.listing) >= _MANY_FILES)
    if plan and new_plan and is_same_plan and is_large and tree == INDEX:
        keys_name, owners, keys = _kept_keys(repository, plan, new_plan[0], head_tree, changes)
    content = Content(plan, files.listing, owners, whole=files.all_of_them, keys=keys) if plan else None
    todo = objects[f"{tree}:{TODO_PATH}"]
    known_todo, same = None, None
    if plan and is_same_plan and todo and todo == objects[f"{first}:{TODO_PATH}"]:
        known_todo, same = _sound_todo(todo, plan)
    before = _before(repository, objects, sides, plan, content, files_before, same.marks if same else None)
    known: dict[str, Pass] = {}
    for parent in (*sides[1:], *([squashed] if squashed else [])):
        lock = parent_lock(objects[f"{parent}:{LOCK_PATH}"])
        known.update({p.key: p for phase in (lock or {}).values() for p in phase.passes.values()})
    lock_blob = objects[f"{tree}:{LOCK_PATH}"]
    by_result = bool(squashed) and before is not None and before.plan.settings.mainline == "squash"
    own = changes
    if len(sides) > 1 and before is not None and not all([objects[f"{side}:{PLAN_PATH}"] for side in sides]):
        # What nobody has judged on a branch without a plan is judged where it comes in; that has no plan to bring.
        by_result = all([change.path != PLAN_PATH for change in changes])
    elif len(sides) > 1:
        own = _own_changes(repository, sides, tree)
    return Facts(
        repository=repository,
        before=before,
        content=content,
        changed=tuple([change.path for change in own]),
        changes=tuple(changes),
        todo_text=todo[1].decode("utf-8", "surrogateescape") if todo else None,
        lock_bytes=lock_blob[1] if lock_blob else None,
        known_passes=known,
        parents=tuple(parents),
        tree=tree,
        head_oid=head[0] if head else "",
        head_tree=head_tree,
        known_todo=known_todo,
        same_reading=same,
        has_parents_lock=len(sides) == 1 and lock_blob is not None and lock_blob == objects[f"{first}:{LOCK_PATH}"],
        keys_name=keys_name,
        keys_known=len(keys),
        by_result=by_result,
    )


def _kept_keys(
    repository: Repository, plan: Plan, plan_oid: str, tree: str, changes: Sequence[Change]
) -> tuple[str, Owners, dict[tuple[str, str], str]]:
    """What the keys of the plan's gates are kept under; then the owners, and those that hold."""
    from orchestrator.app.kept_keys import kept_keys, name_of  # noqa: PLC0415 - only where there is much
    from orchestrator.core.ownership import Owners  # noqa: PLC0415

    name, owners = name_of(plan, plan_oid), Owners(plan)

    def between(old: str, new: str) -> list[str]:
        return [change.path for change in changes_between(repository, old, new)]

    paths = [change.path for change in changes]
    return name, owners, kept_keys(repository, plan, owners, name, tree, paths, between)


def _independent(
    repository: Repository, objects: Mapping[str, tuple[str, bytes] | None], parents: Sequence[str]
) -> list[str]:
    """The parents of a merge that no other one has behind it."""
    oids = {parent: found[0] for parent in parents if (found := objects[f"{parent}^{{commit}}"])}
    kept = repository.git.text("merge-base", "--independent", *oids.values()).split()
    return [parent for parent, oid in oids.items() if oid in kept]


def _squashed(repository: Repository) -> str:
    """The id of the branch's last commit after ``git merge --squash``; "" otherwise.

    Source: git-merge(1), --squash; SQUASH_MSG lists what was squashed as git-log(1) does, the last commit first.
    """
    try:
        with open(os.path.join(repository.git_dir, "SQUASH_MSG"), encoding="utf-8", errors="replace") as file:
            words = [line.split() for line in file]
    except FileNotFoundError:
        return ""
    found = [line[1] for line in words if len(line) == 2 and line[0] == "commit" and line[1].isalnum()]
    return found[0] if found else ""


def _before(
    repository: Repository,
    objects: Mapping[str, tuple[str, bytes] | None],
    parents: Sequence[str],
    plan: Plan | None,
    content: Content | None,
    files: _Files,
    marks: Mapping[str, str] | None,
) -> Before | None:
    """What the parents say; of further parents, the ticks. ``marks`` are those of the first one, if they are known."""
    if not parents or (found := objects[f"{parents[0]}:{PLAN_PATH}"]) is None:
        return None
    try:
        old_plan = repository.load_plan(*found).at(repository.today())
    except CannotJudgeError:
        if plan is None:
            raise
        old_plan = plan  # a broken plan got past the hooks; the commit that mends it is judged by what it mends it to
    owners = content.owners if content and old_plan == plan else None
    old_content = Content(old_plan, files.listing, owners, whole=files.all_of_them)
    first = Before(
        old_plan,
        parent_marks(objects[f"{parents[0]}:{TODO_PATH}"], old_plan) if marks is None else marks,
        parent_lock(objects[f"{parents[0]}:{LOCK_PATH}"]),
        old_content,
    )
    others = []
    for parent in parents[1:]:
        other = objects[f"{parent}:{PLAN_PATH}"]
        if other is not None:
            other_plan = repository.load_plan(*other).at(repository.today())
            theirs = parent_marks(objects[f"{parent}:{TODO_PATH}"], other_plan)
            others.append(Side(other_plan, theirs, parent_lock(objects[f"{parent}:{LOCK_PATH}"])))
    if not others:
        return first
    both = joined(first, others)
    if both.sides and len(parents) == 2:
        return joined(first, others, _base_marks(repository, parents, old_plan))
    return both


def _base_marks(repository: Repository, parents: Sequence[str], plan: Plan) -> dict[str, str]:
    """The marks of the commit that two parents have in common, in ids of the plan; none where there is no plan."""
    code, out, _ = repository.git.call("merge-base", *parents)
    if code:
        return {}
    base = out.decode("ascii").split()[0]
    names = [f"{base}:{PLAN_PATH}", f"{base}:{TODO_PATH}"]
    objects = repository.read_objects(names)
    found = objects[names[0]]
    if found is None:
        return {}
    try:
        base_plan = repository.load_plan(*found)
    except CannotJudgeError:
        return {}  # it got past the hooks, and says nothing now
    marks = parent_marks(objects[names[1]], base_plan)
    known = {task.id: marks.get(task.id, OPEN) for phase in base_plan.phases for task in phase.tasks}
    return {new: known[old] for old, new in carry(known, base_plan, plan).items()}


def _sound_todo(blob: tuple[str, bytes], plan: Plan) -> tuple[Todo | None, Reading | None]:
    """A PLAN.md taken apart, and what it says; None and None of one that is not sound under the plan."""
    try:
        todo = parse(blob[1].decode("utf-8", "surrogateescape"))
    except CannotJudgeError:
        return None, None
    reading = read_marks(todo, [plan])
    return (todo, reading) if todo.has_block and not reading.findings else (None, None)


def parent_marks(blob: tuple[str, bytes] | None, plan: Plan) -> Mapping[str, str]:
    """The marks of a parent's PLAN.md; what Git alone has made unreadable says nothing."""
    if blob is None:
        return {}
    from orchestrator.core.mark_reader import MarkReader  # noqa: PLC0415 - not where PLAN.md stays as it is

    try:
        return MarkReader(plan).read(blob[1].decode("utf-8", "surrogateescape"))[0]
    except CannotJudgeError:
        return {}


def parent_lock(blob: tuple[str, bytes] | None) -> Lock | None:
    """A parent's evidence; what nobody can read is none, and the commit's own is refused."""
    if blob is None:
        return None
    try:
        return parse_lock(blob[1])
    except CannotJudgeError:
        return None


def _known_places(repository: Repository, *plans: tuple[str, bytes] | None) -> list[str] | None:
    """The places that plans seen before look at; None where one of them is new, or looks everywhere."""
    known = [repository.known_plan(found[0]) for found in plans if found]
    return None if None in known else places([plan for plan in known if plan])


def listing_of(repository: Repository, tree: str, where: Sequence[str] | None = None) -> dict[str, tuple[str, str]]:
    """The files of a commit or tree, or those at or below the paths ``where``: path -> (mode, object id)."""
    # As bytes, they are the same in every locale.
    paths = ("--", *[os.fsdecode(path_bytes(path)) for path in where]) if where is not None else ()
    out = repository.git.run("ls-tree", "-r", "-z", "--full-tree", tree, *paths, env=_LITERAL)
    listing = {}
    for entry in path_text(out).split("\0")[:-1]:
        # As "100644 blob ID<tab>PATH" or "160000 commit ID<tab>PATH", taken apart by place: there may be many.
        end = entry.index("\t")
        listing[entry[end + 1 :]] = (entry[:6], entry[12 if entry[7] == "b" else 14 : end])
    return listing


def _empty_tree(repository: Repository) -> str:
    """The id of the tree without files, which Git knows whether it is stored or not."""
    return repository.git.text("hash-object", "-t", "tree", "--stdin")


def changes_between(repository: Repository, base: str, tree: str) -> list[Change]:
    """What the tree changes against the base, by path; renames are a removal and an addition.

    What was added with --intent-to-add stands in the index, and is not in what will be committed (git-add(1)).
    """
    options = ("--raw", "-z", "--no-renames", "--no-abbrev", "--ignore-submodules=none")
    if tree == INDEX:
        out = repository.git.run("diff-index", "--cached", "--ita-invisible-in-index", *options, base, "--")
    else:
        out = repository.git.run("diff-tree", "-r", *options, base, tree, "--")
    fields = out.split(b"\0")[:-1]
    changes = []
    for meta, path in zip(fields[::2], fields[1::2], strict=True):
        old_mode, new_mode, old_oid, new_oid, _ = meta[1:].decode("ascii").split(" ")
        changes.append(Change(path_text(path), old_mode, old_oid, new_mode, new_oid))
    return changes


def _own_changes(repository: Repository, parents: Sequence[str], tree: str) -> list[Change]:
    """What a merge itself changes: against the automatic merge of two parents, of more against every parent."""
    if len(parents) == 2:
        options = ("--write-tree", "-z", "--no-messages", "--allow-unrelated-histories")
        code, out, err = repository.git.call("merge-tree", *options, *parents)
        if code not in (0, 1) or not out:
            text = err.decode("utf-8", "replace").strip()
            raise CannotJudgeError(Finding("git", f"git merge-tree failed (exit {code}): {text}"))
        return changes_between(repository, out.split(b"\0")[0].decode("ascii"), tree)
    common: dict[str, Change] | None = None
    for parent in parents:
        found = {change.path: change for change in changes_between(repository, parent, tree)}
        common = found if common is None else {path: change for path, change in common.items() if path in found}
    return list((common or {}).values())


def _check_modes(listing: Mapping[str, tuple[str, str]]) -> None:
    wrong = [path for path in OWN_PATHS if listing.get(path, ("100644", ""))[0] not in REGULAR]
    if wrong:
        raise CannotJudgeError(
            *[
                Finding(
                    "plan-invalid",
                    f"{path} is staged as {_KINDS.get(listing[path][0], 'no file')}; it must be a regular file",
                    locations=(Location(path),),
                    help=f"replace {path} by a regular file, then: git add :/{path}",
                )
                for path in wrong
            ]
        )
