"""PLAN.md and plan.lock as they must be for a settled tree, and their way into index and work tree."""

from __future__ import annotations

from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.formats import format_lock, lock_says
from orchestrator.core.plan import LOCK_PATH, OWN_PATHS, TODO_PATH
from orchestrator.core.state import OPEN
from orchestrator.core.todo import assemble, carry, parse, read_marks, render_block
from orchestrator.worktree import Update, write_updates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.facts import Facts
    from orchestrator.app.repository import Repository
    from orchestrator.callers import Runner
    from orchestrator.core.settle import Settled
    from orchestrator.core.todo import Todo

ATTRIBUTES = ".gitattributes"


def todo_text(todo: Todo, settled: Settled) -> str:
    """PLAN.md for the settled tree, with the user's text of ``todo``."""
    block = render_block(settled.plan, settled.states, settled.marks, settled.notes, todo.newline)
    text = assemble(todo, block)
    for task_id, lines in settled.lost_notes:
        # The task has left the plan, its notes are the user's: they go below the machine's part.
        text = text.removesuffix("\n") + todo.newline
        text += f"{todo.newline}Task {task_id} (no longer in the plan):{todo.newline}" + "".join(
            f"{ln}\n" for ln in lines
        )
    return text


def updates_for(
    facts: Facts, settled: Settled, decided: frozenset[str] = frozenset(), *, by_command: bool = False
) -> list[Update]:
    """The new versions of both files for the tree; equal to the old ones where nothing changes.

    ``decided`` are tasks whose box a command has just set, whatever an unstaged edit says of it.
    """
    old_todo = None if facts.todo_text is None else _encode(facts.todo_text)
    new_todo = _encode(todo_text(facts.todo(), settled))
    listing = facts.content.listing if facts.content else {}
    entries = {path: listing.get(path, ("100644", "")) for path in (TODO_PATH, LOCK_PATH)}
    found = [
        Update(
            TODO_PATH,
            old_todo,
            new_todo,
            lambda data: _rework(data, facts, settled, decided),
            entries[TODO_PATH][0],
            always=by_command,
            old_oid=entries[TODO_PATH][1],
        )
    ]
    old_lock = facts.lock_bytes
    if old_lock is None or not lock_says(old_lock, settled.lock):
        new_lock = format_lock(settled.lock)
        # A hook leaves an unstaged edit of plan.lock alone; a command that was asked to write it does so.
        rework = (lambda _: new_lock) if by_command else None
        found.append(
            Update(LOCK_PATH, old_lock, new_lock, rework, entries[LOCK_PATH][0], old_oid=entries[LOCK_PATH][1])
        )
    return found


def write_own_files(
    facts: Facts,
    settled: Settled,
    runner: Runner,
    parent_pid: int,
    decided: frozenset[str] = frozenset(),
    *,
    by_command: bool = False,
    also: Sequence[Update] = (),
) -> list[Update]:
    """Bring both files, and ``also`` others, up to date in the index in use and in the work tree.

    What of them had to be staged.

    Raises:
        RefusedError: the user's unstaged edits cannot be kept safely; nothing has been written.
        CannotJudgeError: Git would store the files in another form.
        KeyboardInterrupt: the commit has been given up meanwhile; nothing has been written.
    """
    repository = facts.repository
    # Looked at where it can begin, as an ordinary commit must not pay for one more process.
    if by_command or facts.before is None or ATTRIBUTES in facts.changed:
        refuse_filtered(repository)
    updates = updates_for(facts, settled, decided, by_command=by_command)
    write_updates(repository.git, [*also, *updates], repository.index_file, runner, parent_pid)
    if settled.by_itself:
        # If this commit is given up, the boxes that it ticked by itself must not pass for ticks of a person.
        repository.cache.keep_own_ticks([task.id for task in settled.by_itself], updates[0].new, facts.head_oid)
    return [update for update in [*also, *updates] if update.old != update.new]


def refuse_filtered(repository: Repository) -> None:
    """Refuse where attributes make Git store one of the three files in another form than it has in the work tree.

    What is written past a filter cannot be checked out any more. Source: gitattributes(5), filter and
    working-tree-encoding.

    Raises:
        CannotJudgeError: so it is.
    """
    fields = repository.git.run("check-attr", "-z", "filter", "working-tree-encoding", "--", *OWN_PATHS)
    words = fields.decode("utf-8", "replace").split("\0")[:-1]
    none = ("unspecified", "unset", "set", "utf-8", "utf8")
    found = [
        Finding(
            "plan-invalid",
            f"Git stores {path} in another form than it has in the work tree ({name}: {value})",
            locations=(Location(path),),
            notes=("what hooks put into a commit is written as it is",),
            help=f"end .gitattributes with the line: /{path} !filter !working-tree-encoding",
        )
        for path, name, value in zip(words[::3], words[1::3], words[2::3], strict=True)
        if value.lower() not in none
    ]
    if found:
        raise CannotJudgeError(*found)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _rework(data: bytes, facts: Facts, settled: Settled, decided: frozenset[str]) -> bytes | None:
    """Another version of PLAN.md that the user has, brought up to date: their text, notes and boxes stay."""
    try:
        theirs = parse(data.decode("utf-8", "surrogateescape"))
    except CannotJudgeError:
        return None
    if facts.before is not None and not theirs.has_block:
        return None  # taking the machine's part away is an edit, too
    plans = [settled.plan] if facts.before is None else [settled.plan, facts.before.plan]
    reading = read_marks(theirs, plans)
    if reading.findings:
        # A plan that was staged and changed again before it was committed has rendered it.
        others = [read_marks(theirs, [known]) for known in facts.repository.cache.plans()]
        reading = next((other for other in others if not other.findings), reading)
    said = carry({**reading.marks, **reading.notes}, reading.plan, settled.plan)
    if reading.findings or any(task_id not in said for task_id in reading.notes):
        return None
    marks = dict(settled.marks)
    if theirs.has_block:
        staged = facts.reading()
        written = {new: staged.marks.get(old) for old, new in carry(staged.marks, staged.plan, settled.plan).items()}
        own = facts.repository.cache.own_ticks(data, facts.head_oid)
        # A box that the user has changed and not staged stays as they have it.
        changed = {
            said[old]: mark
            for old, mark in reading.marks.items()
            if old in said and old not in own and mark != written.get(said[old], OPEN)
        }
        marks.update({task_id: mark for task_id, mark in changed.items() if task_id not in decided})
    notes = {said[old]: lines for old, lines in reading.notes.items()} if theirs.has_block else settled.notes
    block = render_block(settled.plan, settled.states, marks, notes, theirs.newline)
    return _encode(assemble(theirs, block))
