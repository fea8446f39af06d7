"""PLAN.md: its text from plan, state and marks, and the marks from its text.

What stands between the two marker comments is the machine's; text outside them and lines indented under a task are
the user's and are carried through byte for byte.
"""

from __future__ import annotations

from orchestrator.core.finding import CannotJudgeError, Finding, Location, printable
from orchestrator.core.plan import TODO_PATH, normal_name
from orchestrator.core.state import (
    AWAITING,
    COMPLETE,
    DONE,
    IN_PROGRESS,
    NOT_STARTED,
    OPEN,
    REOPENED,
    STARTED,
    current_phase,
)
from orchestrator.core.todo_items import ITEM_LABELS, feature_items, phase_holds, phase_items, possible_items
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orchestrator.core.plan import Phase, Plan, Task
    from orchestrator.core.state import PhaseState

BEGIN = "<!-- orchestrator:begin -->"
END = "<!-- orchestrator:end -->"
_SUFFIXES = {DONE: " ✓", STARTED: " (in progress)", REOPENED: " (reopened)", OPEN: ""}
_NO_PHASE = "none (all phases complete)"
_OWN_BEGINNINGS = ("#", "_", "**Progress**", "**Current Phase**", *ITEM_LABELS)
CONFLICT = ("<<<<<<< ", ">>>>>>> ")


class TaskLine(Value):
    """A task line as found: its place, the mark as written, id, and the title with any suffix."""

    line: int
    mark: str  # the character in the box
    id: str
    text: str


class Todo(Value):
    """PLAN.md taken apart; ``before`` and ``after`` include the lines of the markers.

    ``headings`` are the lines that look like the machine's headings, items, status and summary lines, ``foreign`` those
    between the markers that look like neither these nor the user's notes, as (line number, text). ``notes`` are the
    user's raw lines under a task, by position in ``tasks``.
    """

    before: str
    after: str
    newline: str
    has_block: bool
    tasks: tuple[TaskLine, ...] = ()
    headings: tuple[tuple[int, str], ...] = ()
    foreign: tuple[tuple[int, str], ...] = ()
    notes: tuple[tuple[str, ...], ...] = ()


def parse(text: str) -> Todo:
    """PLAN.md taken apart; without markers the whole text counts as the user's, but its task lines are read.

    Raises:
        CannotJudgeError: markers are missing on one side, doubled or swapped, or a conflict is about the tool's part;
            one in the user's own text, as in a block of code, is theirs.
    """
    lines = text.split("\n")
    begins = [i for i, line in enumerate(lines) if line.removeprefix("\ufeff").strip() == BEGIN]
    ends = [i for i, line in enumerate(lines) if line.strip() == END]
    if any([line.startswith(CONFLICT) for line in lines]):
        _refuse_conflicts(lines, begins + ends)
    newline = "\r\n" if lines[begins[0] if begins else 0].endswith("\r") else "\n"
    if not begins and not ends:
        return scan(lines, 0, Todo(text, "", newline, has_block=False))
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        places = [i + 1 for i in sorted(begins + ends)]
        raise _unreadable(f"PLAN.md needs exactly one line {BEGIN} and, after it, one line {END}", places)
    first, last = begins[0] + 1, ends[0]
    before = "".join(f"{line}\n" for line in lines[:first])
    return scan(lines[first:last], first, Todo(before, "\n".join(lines[last:]), newline, has_block=True))


def _refuse_conflicts(lines: Sequence[str], markers: Sequence[int]) -> None:
    """Raise if a conflict holds, or lies in, the tool's part; without markers, if it holds a task line."""
    places: set[int] = set()
    for hunk in find_hunks(lines):
        inside = [task_line(0, line.rstrip()) for line in lines[hunk.start : hunk.end]]
        if hunk.end >= min(markers) and hunk.start <= max(markers) if markers else any(inside):
            places.update((hunk.start, hunk.end))
    if markers:  # what an editor has left of one
        span = range(min(markers), max(markers) + 1)
        places.update([i for i in span if lines[i].startswith(CONFLICT)])
    if places:
        raise _unreadable("PLAN.md has conflict markers", [i + 1 for i in sorted(places)])


class Hunk(Value):
    """A conflict as Git leaves it in a file: the indexes of its first line, of those that part it, and of its last."""

    start: int
    base: int  # where what both sides had begins; ``parted`` where Git has not written it
    parted: int
    end: int


def find_hunks(lines: Sequence[str], known: Iterable[tuple[str, ...]] = ()) -> list[Hunk]:
    """The conflicts in these lines; those that stand there line by line as in ``known`` are text.

    Source: git-merge(1), "How conflicts are presented".
    """
    found = []
    position = 0
    start, base, parted = -1, -1, -1
    texts = [text for text in known if text]
    while position < len(lines):
        line = lines[position].rstrip()
        text = next((text for text in texts if tuple(lines[position : position + len(text)]) == text), None)
        if text is not None:
            position += len(text)
            continue
        if line.startswith(CONFLICT[0]):
            start, base, parted = position, -1, -1
        elif line.startswith("||||||| ") and start >= 0 > parted:
            base = position
        elif line == "=======" and start >= 0 > parted:
            parted = position
        elif line.startswith(CONFLICT[1]) and parted >= 0:
            found.append(Hunk(start, base if base >= 0 else parted, parted, position))
            start, base, parted = -1, -1, -1
        position += 1
    return found


def _unreadable(message: str, lines: Sequence[int]) -> CannotJudgeError:
    places = tuple(Location(TODO_PATH, line) for line in lines) or (Location(TODO_PATH),)
    return CannotJudgeError(Finding("plan-md-edited", message, locations=places, help="orchestrator sync"))


def scan(lines: Sequence[str], offset: int, todo: Todo) -> Todo:
    """Sort the lines between the markers (or, without markers, find the task lines among all)."""
    tasks: list[TaskLine] = []
    headings: list[tuple[int, str]] = []
    foreign: list[tuple[int, str]] = []
    notes: list[list[str]] = []
    blank: list[str] = []  # blank lines that belong to notes if an indented line follows
    under_task = False
    for number, raw in enumerate(lines, offset + 1):
        line = raw.removesuffix("\r")
        task = task_line(number, line.rstrip())
        if task is not None:
            tasks.append(task)
            notes.append([])
            under_task, blank = True, []
        elif not line.strip():
            blank.append(raw)
        elif line[0] in " \t" and under_task:
            notes[-1] += [*blank, raw]
            blank = []
        else:
            under_task, blank = False, []
            if line.startswith(("## ", "### ", "_", "**", "- ")):
                headings.append((number, line.rstrip()))
            else:
                foreign.append((number, line))
    if not todo.has_block:
        return todo.replace(tasks=tuple(tasks))
    return todo.replace(
        tasks=tuple(tasks),
        headings=tuple(headings),
        foreign=tuple(foreign),
        notes=tuple([tuple(found) for found in notes]),
    )


def task_line(number: int, line: str) -> TaskLine | None:
    if not line.startswith("- [") or line[4:6] != "] ":
        return None
    task_id, colon, text = line[6:].removeprefix("Task ").partition(": ")
    if not line.startswith("Task ", 6) or not colon:
        return None
    return TaskLine(number, line[3], task_id, text)


def state_lines(plans: Sequence[Plan]) -> Callable[[str], bool]:
    """Tells whether a line is an item, status or summary line as the tool writes it for a plan, whatever the state."""
    items = {line for plan in plans for line in possible_items(plan)}
    # Phases whose status lines have the same parts are tried once.
    shapes = {(tuple([gate.name for gate in p.gates]), p.owners, p.estimate): p for plan in plans for p in plan.phases}
    summaries = {f"Phase {phase.number} ({phase.title})" for plan in plans for phase in plan.phases} | {_NO_PHASE}

    def known(line: str) -> bool:
        if line.startswith("- "):
            return line in items
        if line.startswith("_") and line.endswith("_"):
            return any([_is_status(line[1:-1], phase) for phase in shapes.values()])
        return _is_summary(line, summaries)

    return known


def _is_summary(line: str, phases: set[str]) -> bool:
    label, colon, rest = line.partition(": ")
    if label == "**Progress**":
        counts, words, percent = rest.partition(" tasks complete (")
        done, slash, total = counts.partition("/")
        numbers = (done, total, percent.removesuffix("%)"))
        return bool(colon and slash and words) and all([number.isdecimal() for number in numbers])
    if label == "**Current Phase**":
        return rest.removesuffix(" - locked") in phases
    return False


def _is_status(text: str, phase: Phase) -> bool:
    """Whether that is a status line of the phase, each part as it is rendered; names may hold any separator."""
    states = (COMPLETE, AWAITING, IN_PROGRESS, NOT_STARTED)
    tails = [text[len(state) :] for state in states if text.startswith(state)]
    gates = [f"{gate.name} {word}" for gate in phase.gates for word in ("passed", "open")]
    tails = _after_part(tails, " - gates: ", gates)
    tails = _after_part(tails, " - owners: ", list(phase.owners))
    return "" in _after_part(tails, " - estimate ", [phase.estimate])


def _after_part(tails: Sequence[str], label: str, items: Sequence[str]) -> list[str]:
    """What can be left of each text once the part, which may be missing, is taken off its front."""
    found = [tail.removeprefix(label) for tail in tails if tail.startswith(label)]
    return [*tails, *[rest for tail in found for rest in _after_items(tail, items)]]


def _after_items(text: str, items: Sequence[str]) -> list[str]:
    """What can be left of a text that begins with some of the items, in their order, with commas between them."""
    rests = []
    for position, item in enumerate(items):
        if item and text.startswith(item):
            rest = text[len(item) :]
            rests.append(rest)
            if rest.startswith(", "):
                rests += _after_items(rest[2:], items[position + 1 :])
    return rests


def written_mark(line: TaskLine, title: str) -> str | None:
    """The mark that the line says for a task of that title, or None if the line is not that task's."""
    if line.text == title:
        suffix = ""
    else:
        suffix = next((s for s in _SUFFIXES.values() if s and line.text == title + s), "")
        if not suffix:
            return None
    if line.mark in "xX":
        return DONE
    if line.mark == "-":
        return STARTED
    return next((mark for mark, known in _SUFFIXES.items() if known == suffix and mark != DONE), OPEN)


class Reading(Value):
    """The marks that PLAN.md says, by task id of the plan that rendered it, and what could not be read."""

    plan: Plan
    marks: Mapping[str, str]
    notes: Mapping[str, tuple[str, ...]]
    findings: tuple[Finding, ...] = ()


def read_marks(todo: Todo, plans: Sequence[Plan], others: Sequence[Plan] = ()) -> Reading:
    """The marks, read with the plan (of those given, the first that fits best) that rendered the text.

    Status and summary lines may also be those of ``others``: a merge takes them from either side.
    """
    known = [*plans, *others]
    readings = [_read_with(todo, plan, known) for plan in plans]
    return min(readings, key=lambda reading: len(reading.findings))


def _read_with(todo: Todo, plan: Plan, plans: Sequence[Plan]) -> Reading:
    titles = {task.id: task.title for phase in plan.phases for task in phase.tasks}
    marks: dict[str, str] = {}
    notes: dict[str, tuple[str, ...]] = {}
    edited = list(todo.foreign)
    for index, line in enumerate(todo.tasks):
        mark = written_mark(line, titles[line.id]) if line.id in titles else None
        if mark is None or line.id in marks:
            if todo.has_block:
                edited.append((line.line, f"- [{line.mark}] Task {line.id}: {line.text}"))
            continue
        marks[line.id] = mark
        if index < len(todo.notes) and todo.notes[index]:
            notes[line.id] = todo.notes[index]
    known = {title_line(plan), *(heading(plan, phase) for phase in plan.phases)}
    is_state_line = state_lines(plans)
    for number, text in todo.headings:
        if text not in known and not is_state_line(text):
            edited.append((number, text))
    findings = tuple([_foreign(number, text) for number, text in sorted(edited)])
    return Reading(plan, marks, notes, findings)


def _foreign(number: int, text: str) -> Finding:
    is_task = task_line(number, text) is not None or text.startswith(_OWN_BEGINNINGS)
    return Finding(
        "plan-md-edited",
        f"this line between the markers is not the tool's: {printable(text)[:120]}",
        locations=(Location(TODO_PATH, number),),
        notes=("between the markers only the boxes are yours, and lines indented under a task",),
        help="tasks and titles are changed in plan.toml, as: feat: [plan] ...; to restore PLAN.md: orchestrator sync"
        if is_task
        else "move the line below the end marker or indent it under its task, then: git add :/PLAN.md",
    )


def carry(by_task: Mapping[str, object], old: Plan, new: Plan) -> dict[str, str]:
    """From ids of the old plan's tasks to ids of the same tasks in the new plan, for those that are still there.

    A task is the same if it has the same given id; where either plan gives it none, if it has the same title, in
    the same phase or, where one task only is left of that title, anywhere.
    """
    if old is new or [(p.id, id(p.tasks)) for p in old.phases] == [(p.id, id(p.tasks)) for p in new.phases]:
        return {task_id: task_id for task_id in by_task}  # one plan, maybe as it binds on two days
    old_tasks = [(phase.id, task) for phase in old.phases for task in phase.tasks]
    new_tasks = [(phase.id, task) for phase in new.phases for task in phase.tasks]
    given = {task.id for _, task in new_tasks if not task.positional}
    carried = {task.id: task.id for _, task in old_tasks if not task.positional and task.id in given}
    taken = set(carried)
    # First within each phase, then anywhere; no task of the new plan is two tasks of the old one.
    for with_phase in (True, False):
        ours = _by_title([(p, t) for p, t in old_tasks if t.id not in carried], with_phase=with_phase)
        theirs = _by_title([(p, t) for p, t in new_tasks if t.id not in taken], with_phase=with_phase)
        for key, tasks in ours.items():
            found = theirs.get(key, ())
            if len(tasks) == len(found) == 1 and (tasks[0].positional or found[0].positional):
                carried[tasks[0].id] = found[0].id
                taken.add(found[0].id)
    return {task.id: carried[task.id] for _, task in old_tasks if task.id in by_task and task.id in carried}


def _by_title(tasks: Iterable[tuple[str, Task]], *, with_phase: bool) -> dict[tuple[str, str], list[Task]]:
    found: dict[tuple[str, str], list[Task]] = {}
    for phase_id, task in tasks:
        found.setdefault((phase_id if with_phase else "", normal_name(task.title)), []).append(task)
    return found


def merged_mark(written: str, before: str) -> str:
    """The mark of a task whose line says ``written`` and that the parent commit knows as ``before``.

    What was done and is so no longer is reopened, and what was reopened stays so until it is ticked.
    """
    if before in (DONE, REOPENED) and written != DONE:
        return REOPENED
    return written


def render_block(
    plan: Plan,
    states: Mapping[str, PhaseState],
    marks: Mapping[str, str],
    notes: Mapping[str, Iterable[str]],
    newline: str,
) -> str:
    """The lines between the markers, each ended by the newline; a pure function of its arguments."""
    lines = [title_line(plan) + newline]
    if items := feature_items(plan):
        lines += [newline, *[item + newline for item in items]]
    for phase in plan.phases:
        lines += [newline, heading(plan, phase) + newline, status_line(states[phase.id]) + newline]
        lines += [item + newline for item in phase_holds(plan, phase.id)]
        for task in phase.tasks:
            lines.append(task_text(task, marks.get(task.id, OPEN)) + newline)
            lines += [f"{note}\n" for note in notes.get(task.id, ())]  # as they stood, with a "\r" of their own
        lines += [item + newline for item in phase_items(plan, states[phase.id])]
    if plan.settings.summary_lines:
        done = sum([state.tasks_done for state in states.values()])
        total = sum([len(state.task_marks) for state in states.values()])
        percent = done * 100 // total if total else 100
        lines += [
            newline,
            f"**Progress**: {done}/{total} tasks complete ({percent}%){newline}",
            f"**Current Phase**: {_current(states)}{newline}",
        ]
    return "".join(lines)


def task_text(task: Task, mark: str) -> str:
    """The task's line, without its end."""
    return f"- [{'x' if mark == DONE else ' '}] Task {task.id}: {task.title}{_SUFFIXES[mark]}"


def title_line(plan: Plan) -> str:
    return f"## {plan.title} - Progress"


def heading(plan: Plan, phase: Phase) -> str:
    needed = [str(plan.phase(name).number) for name in phase.depends_on]
    depends = f" (Depends on Phase {', '.join(needed)})" if needed else ""
    return f"### Phase {phase.number}: {phase.title}{depends}"


def status_line(state: PhaseState) -> str:
    """What PLAN.md says of the phase itself, in one line."""
    parts = [state.own_status]
    gates = [f"{gate.name} {'passed' if passed else 'open'}" for gate, passed in state.gates if not gate.control]
    if gates:
        parts.append(f"gates: {', '.join(gates)}")
    if state.phase.owners:
        parts.append(f"owners: {', '.join(state.phase.owners)}")
    if state.phase.estimate:
        parts.append(f"estimate {state.phase.estimate}")
    return f"_{' - '.join(parts)}_"


def _current(states: Mapping[str, PhaseState]) -> str:
    state = current_phase(states)
    if state is None:
        return _NO_PHASE
    return f"Phase {state.phase.number} ({state.phase.title})" + ("" if state.open else " - locked")


def assemble(todo: Todo, block: str) -> str:
    """PLAN.md with that block in the place of its own; appended, between markers, where it had none."""
    if todo.has_block:
        return todo.before + block + todo.after
    newline = todo.newline
    text = todo.before
    if text and not text.endswith("\n"):
        text += newline
    return f"{text}{newline if text else ''}{BEGIN}{newline}{block}{END}{newline}"


EMPTY = Todo("", "", "\n", has_block=False)
