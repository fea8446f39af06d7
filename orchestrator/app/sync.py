"""``sync``: PLAN.md and plan.lock as plan, ticks and content say, out of whatever state they are in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orchestrator.app.own_files import refuse_filtered, todo_text, updates_for
from orchestrator.app.workplace import no_staged_plan, one_at_a_time, stage_own_files, staged_facts
from orchestrator.callers import Runner
from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.formats import format_lock, parse_lock
from orchestrator.core.plan import LOCK_PATH, PLAN_PATH, TODO_PATH
from orchestrator.core.state import DONE, OPEN, REOPENED
from orchestrator.core.todo import EMPTY, Reading, assemble, carry, find_hunks, parse, read_marks, render_block
from orchestrator.core.todo_salvage import salvage
from orchestrator.core.value import Value
from orchestrator.worktree import Update, read_file, write_updates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.app.facts import Facts
    from orchestrator.app.repository import Repository
    from orchestrator.core.plan import Plan
    from orchestrator.core.settle import Settled


class Synced(Value):
    """The files that were rewritten, how PLAN.md was read ("as it is", "merged", "salvaged"), and what to look at."""

    written: tuple[str, ...]
    how: str
    warnings: tuple[Finding, ...] = ()


def sync_alone(repository: Repository) -> Synced:
    """Rewrite and stage both files, by who has seen to it that nobody else changes them meanwhile.

    What a person wrote into PLAN.md is kept, and what of it is not staged stays so, but where the file is in conflict.
    Lines between the markers that are not the tool's go below them. Of a task's two boxes, after a merge, the one that
    was changed counts, and before both one that is set otherwise by hand; of a conflict in the user's own text both
    sides stay, and that is told.

    Raises:
        CannotJudgeError: there is no plan.toml that could be read, it is in conflict itself, or Git would store the
            files in another form.
    """
    refuse_filtered(repository)
    stages = _unmerged(repository)
    if PLAN_PATH in stages:
        raise no_staged_plan(repository)
    facts = staged_facts(repository)
    plan = facts.required().plan
    if facts.lock_bytes is not None and not _is_lock(facts.lock_bytes):
        facts = facts.replace(lock_bytes=None)
    try:
        reading = facts.reading() if TODO_PATH not in stages else None
    except CannotJudgeError:
        reading = None
    if reading is not None and not reading.findings:
        settled = facts.settle({}, reading)
        if not _is_readable(repository, facts, plan):
            return _mend_file(repository, facts, settled)
        before = (facts.todo_text, facts.lock_bytes)
        stage_own_files(facts, settled)
        after = (todo_text(facts.todo(), settled), format_lock(settled.lock))
        changed = [path for path, old, new in zip((TODO_PATH, LOCK_PATH), before, after, strict=True) if old != new]
        return Synced(tuple(changed), "as it is")
    return _rebuild(repository, facts, plan, stages.get(TODO_PATH, {}))


sync = one_at_a_time(sync_alone)


def _rebuild(repository: Repository, facts: Facts, plan: Plan, stages: Mapping[int, str]) -> Synced:
    """From lines that cannot be read as they stand: what is staged, or where that is a conflict, the work tree's."""
    plans = _rendering_plans(repository, facts, plan)
    if stages:
        return _settle_conflict(repository, facts, plans, stages)
    old = (facts.todo_text or "").encode("utf-8", "surrogateescape")
    found = salvage(facts.todo_text or "", plans)
    settled = facts.settle({}, Reading(plan, found.marks, found.notes))
    new = todo_text(found.todo, settled).encode("utf-8", "surrogateescape")
    mode, oid = facts.required().listing[TODO_PATH]
    rework = _kept_edits(settled, found.marks, plans)
    updates = [Update(TODO_PATH, old, new, rework, mode, always=True, old_oid=oid), _lock_update(facts, settled)]
    write_updates(repository.git, updates, repository.index_file, Runner(), os.getppid())
    return Synced((TODO_PATH, LOCK_PATH), "salvaged")


def _settle_conflict(repository: Repository, facts: Facts, plans: Sequence[Plan], stages: Mapping[int, str]) -> Synced:
    """From the work tree's file, which Git has filled from both sides and a person may have gone over since."""
    sides = _sides(repository, stages)
    data = read_file(repository.git.top, TODO_PATH)
    text = (sides.get(2) or sides.get(3) or "") if data is None else data.decode("utf-8", "surrogateescape")
    known = [hunk for side in sides.values() for hunk in _own_hunks(side)]
    found = salvage(text, plans, unmerged=True, known=known)
    marks = _merged_marks(sides, plans, found.settled)
    settled = facts.settle({}, Reading(plans[0], marks, found.notes))
    merged = todo_text(found.todo, settled)
    new = merged.encode("utf-8", "surrogateescape")
    updates = [Update(TODO_PATH, None, new, lambda _: new), _lock_update(facts, settled)]
    write_updates(repository.git, updates, repository.index_file, Runner(), os.getppid())
    total = len(merged.split("\n"))
    places = [place if place > 0 else total + 1 + place for place in found.joined]
    return Synced((TODO_PATH, LOCK_PATH), "merged", _to_look_at(places))


def _lock_update(facts: Facts, settled: Settled) -> Update:
    new = format_lock(settled.lock)
    mode = facts.required().listing.get(LOCK_PATH, ("100644", ""))[0]
    return Update(LOCK_PATH, None, new, lambda _: new, mode)


def _own_hunks(text: str) -> list[tuple[str, ...]]:
    """What looks like a conflict in the text of one side, and is none, as in a block of code."""
    lines = text.split("\n")
    return [tuple(lines[hunk.start : hunk.end + 1]) for hunk in find_hunks(lines)]


def _to_look_at(places: Sequence[int]) -> tuple[Finding, ...]:
    if not places:
        return ()
    return (
        Finding(
            "plan-md-edited",
            "both sides of the merge have changed your own text in PLAN.md, and now both stand there",
            "warning",
            locations=tuple([Location(TODO_PATH, place) for place in places]),
            help="see that it reads well, then: git add :/PLAN.md",
        ),
    )


def _kept_edits(settled: Settled, staged: Mapping[str, str], plans: Sequence[Plan]) -> Callable[[bytes], bytes]:
    """Makes of another version of PLAN.md the one for the settled tree, with the text, notes and boxes that differ.

    ``staged`` are the marks that the staged version says.
    """

    def rework(data: bytes) -> bytes:
        found = salvage(data.decode("utf-8", "surrogateescape"), plans)
        changed = {task_id: mark for task_id, mark in found.marks.items() if mark != staged.get(task_id, OPEN)}
        marks = {**settled.marks, **changed}
        block = render_block(settled.plan, settled.states, marks, found.notes, found.todo.newline)
        return assemble(found.todo, block).encode("utf-8", "surrogateescape")

    return rework


def _mend_file(repository: Repository, facts: Facts, settled: Settled) -> Synced:
    """The work tree's PLAN.md can be read again; what is staged was readable, and what is not staged stays so."""
    staged = facts.reading()
    said = carry(staged.marks, staged.plan, settled.plan)
    marks = {said[old]: mark for old, mark in staged.marks.items() if old in said}
    rework = _kept_edits(settled, marks, _rendering_plans(repository, facts, settled.plan))
    todo, *others = updates_for(facts, settled, by_command=True)
    updates = [todo.replace(rework=rework), *others]
    write_updates(repository.git, updates, repository.index_file, Runner(), os.getppid())
    return Synced((TODO_PATH,), "only in the work tree")


def _rendering_plans(repository: Repository, facts: Facts, plan: Plan) -> list[Plan]:
    """The plans that may have rendered what is there: the staged one first, then those of all sides of a merge."""
    revisions = list(facts.parents)
    if len(revisions) > 1:
        code, out, _ = repository.git.call("merge-base", *revisions[:2])
        revisions += out.decode("ascii").split()[:1] if code == 0 else []
    objects = repository.read_objects([f"{revision}:{PLAN_PATH}" for revision in revisions])
    plans = [plan, *(repository.load_plan(*found) for found in objects.values() if found is not None)]
    return [*plans, *(known for known in repository.cache.plans() if known not in plans)]


def _sides(repository: Repository, stages: Mapping[int, str]) -> dict[int, str]:
    """The text of each side of a conflict, by its stage."""
    objects = repository.read_objects(list(stages.values()))
    found = {stage: objects[oid] for stage, oid in stages.items()}
    return {stage: blob[1].decode("utf-8", "surrogateescape") for stage, blob in found.items() if blob is not None}


def _merged_marks(texts: Mapping[int, str], plans: Sequence[Plan], by_hand: Mapping[str, str]) -> dict[str, str]:
    """The marks of a conflict, three-way per task: the side that changed a box is right; of two changes, done.

    ``by_hand`` are the marks of the work tree that no conflict is about; what differs there from both sides is right.
    """
    sides: dict[int, dict[str, str]] = {}
    for stage, text in texts.items():
        try:
            reading = read_marks(parse(text) if text else EMPTY, plans)
        except CannotJudgeError:
            continue
        said = carry(reading.marks, reading.plan, plans[0])
        sides[stage] = {said[old]: mark for old, mark in reading.marks.items() if old in said}
    base, ours, theirs = sides.get(1, {}), sides.get(2, {}), sides.get(3, {})
    merged = {}
    for task_id in {**ours, **theirs}:
        was, mine, other = base.get(task_id, OPEN), ours.get(task_id, OPEN), theirs.get(task_id, OPEN)
        if mine in (was, other):
            merged[task_id] = other
        elif other == was:
            merged[task_id] = mine
        else:
            merged[task_id] = DONE if DONE in (mine, other) else REOPENED if REOPENED in (mine, other) else mine
        now = by_hand.get(task_id, mine)
        if now not in (mine, other):
            merged[task_id] = now
    return merged


def _is_readable(repository: Repository, facts: Facts, plan: Plan) -> bool:
    """Whether PLAN.md of the work tree, staged or not, can be read."""
    data = read_file(repository.git.top, TODO_PATH)
    if data is None:
        return True
    try:
        todo = parse(data.decode("utf-8", "surrogateescape"))
    except CannotJudgeError:
        return False
    return todo.has_block and not read_marks(todo, _rendering_plans(repository, facts, plan)).findings


def _is_lock(data: bytes) -> bool:
    try:
        parse_lock(data)
    except CannotJudgeError:
        return False
    return True


def in_conflict(repository: Repository) -> bool:
    """Whether a merge, rebase or cherry-pick has left one of the tool's files in conflict."""
    return bool(_unmerged(repository))


def _unmerged(repository: Repository) -> dict[str, dict[int, str]]:
    """The tool's files that are in conflict: path -> stage (1 base, 2 ours, 3 theirs) -> blob id."""
    found: dict[str, dict[int, str]] = {}
    out = repository.git.run("ls-files", "-u", "-z", "--", PLAN_PATH, TODO_PATH, LOCK_PATH)
    for entry in out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        meta, _, path = entry.partition("\t")
        _, oid, stage = meta.split(" ")
        found.setdefault(path, {})[int(stage)] = oid
    return found
