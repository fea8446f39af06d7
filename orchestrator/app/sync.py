"""``sync``: PLAN.md and plan.lock as plan, ticks and content say, out of whatever state they are in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orchestrator.app.own_files import todo_text, updates_for
from orchestrator.app.workplace import no_staged_plan, one_at_a_time, stage_own_files, staged_facts
from orchestrator.callers import Runner
from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.formats import format_lock, parse_lock
from orchestrator.core.plan import LOCK_PATH, PLAN_PATH, TODO_PATH
from orchestrator.core.state import DONE, OPEN, REOPENED
from orchestrator.core.todo import EMPTY, Reading, assemble, carry, parse, read_marks, render_block, salvage
from orchestrator.core.value import Value
from orchestrator.worktree import Update, read_file, write_updates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.app.facts import Facts
    from orchestrator.app.repository import Repository
    from orchestrator.core.plan import Plan
    from orchestrator.core.settle import Settled


class Synced(Value):
    """The files that were rewritten, and how PLAN.md was read: "as it is", "merged" or "salvaged"."""

    written: tuple[str, ...]
    how: str


def sync_alone(repository: Repository) -> Synced:
    """Rewrite and stage both files, by who has seen to it that nobody else changes them meanwhile.

    What a person wrote into PLAN.md is kept: where the markers are broken or a merge has left conflict markers, all
    lines that are not the tool's go below the tool's part, and of a task's two boxes, after a merge, the one that was
    changed counts.

    Raises:
        CannotJudgeError: there is no plan.toml that could be read, or it is in conflict itself.
    """
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
    """From lines that cannot be read as they stand: the work tree's, which a merge has filled from both sides."""
    data = read_file(repository.git.top, TODO_PATH)
    if data is None:
        data = (facts.todo_text or "").encode("utf-8", "surrogateescape")
    plans = _rendering_plans(repository, facts, plan)
    todo, marks, notes = salvage(data.decode("utf-8", "surrogateescape"), plans)
    if stages:
        marks = _merged_marks(repository, plans, stages)
    settled = facts.settle({}, Reading(plan, marks, notes))
    text = todo_text(todo, settled).encode("utf-8", "surrogateescape")
    updates = [
        Update(TODO_PATH, None, text, lambda _: text),
        Update(LOCK_PATH, None, format_lock(settled.lock), lambda _: format_lock(settled.lock)),
    ]
    write_updates(repository.git, updates, repository.index_file, Runner(), os.getppid())
    return Synced((TODO_PATH, LOCK_PATH), "merged" if stages else "salvaged")


def _mend_file(repository: Repository, facts: Facts, settled: Settled) -> Synced:
    """The work tree's PLAN.md can be read again; what is staged was readable, and what is not staged stays so."""
    data = read_file(repository.git.top, TODO_PATH) or b""
    theirs, marks, notes = salvage(
        data.decode("utf-8", "surrogateescape"), _rendering_plans(repository, facts, settled.plan)
    )
    block = render_block(settled.plan, settled.states, {**settled.marks, **marks}, notes, theirs.newline)
    text = assemble(theirs, block).encode("utf-8", "surrogateescape")
    todo, *others = updates_for(facts, settled, by_command=True)
    updates = [todo.replace(rework=lambda _: text), *others]
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


def _merged_marks(repository: Repository, plans: Sequence[Plan], stages: Mapping[int, str]) -> dict[str, str]:
    """The marks of a conflict, three-way per task: the side that changed a box is right; of two changes, done."""
    sides: dict[int, dict[str, str]] = {}
    objects = repository.read_objects(list(stages.values()))
    for stage, oid in stages.items():
        found = objects[oid]
        text = found[1].decode("utf-8", "surrogateescape") if found else ""
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
