"""What can be read of a PLAN.md that cannot be read as it stands: broken markers, foreign lines, a conflict."""

from __future__ import annotations

from orchestrator.core.state import DONE
from orchestrator.core.todo import (
    BEGIN,
    CONFLICT,
    END,
    Todo,
    find_hunks,
    heading,
    scan,
    state_lines,
    task_line,
    title_line,
    written_mark,
)
from orchestrator.core.todo import carry as carry_ids
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.core.plan import Plan

    Tagged = tuple[str, int]  # a line, and the number of the conflict that it comes from (0: none)


class Salvaged(Value):
    """The user's text around the tool's part, the marks by id of the first plan's tasks, and the notes under tasks.

    Of several lines for a task a done one counts. ``settled`` are the marks of those tasks that have one line, which
    is in no conflict. ``joined`` are the lines of the text with both sides of a conflict in the user's own text: from
    the top, or, negative, from the end.
    """

    todo: Todo
    marks: Mapping[str, str]
    notes: Mapping[str, tuple[str, ...]]
    settled: Mapping[str, str]
    joined: tuple[int, ...] = ()


def salvage(
    text: str, plans: Sequence[Plan], *, unmerged: bool = False, known: Iterable[tuple[str, ...]] = ()
) -> Salvaged:
    """What can be read of a PLAN.md, whatever state it is in.

    Every line that is not the tool's is kept: outside of the tool's part as it is, from within it below the end
    marker. Of a conflict that is about the tool's part, and of any in a file that is ``unmerged`` but those that are
    ``known`` as the text of one side, both sides are taken.
    """
    raw = text.split("\n")
    tool = _tool_lines(raw, plans)
    lines = _joined(raw, tool, unmerged=unmerged, known=known)
    plain = [line for line, _ in lines]
    first, last = _span(plain, _tool_lines(plain, plans))
    begin = first < len(plain) and _is_begin(plain[first])
    end = first <= last < len(plain) and plain[last].strip() == END
    newline = "\r\n" if (plain[first].endswith("\r") if begin else "\r\n" in text) else "\n"
    cr = newline.removesuffix("\n")
    above, inside, below = lines[:first], lines[first : last + 1], lines[last + 1 :]
    marks, notes, settled, rest = _read(inside, plans)
    if not begin:
        above = _trimmed(above)
        above += [(cr, 0)] if above else []
    foot: list[Tagged] = [(plain[last] if end else f"{END}{cr}", 0)]
    if rest:
        foot += [(cr, 0), *rest]
        if end and below and below[0][0].strip():
            foot.append((cr, 0))
    foot += below if end else [("", 0)]
    head = [*above, lines[first] if begin else (f"{BEGIN}{cr}", 0)]
    todo = Todo(
        "".join([f"{line}\n" for line, _ in head]), "\n".join([line for line, _ in foot]), newline, has_block=True
    )
    return Salvaged(todo, marks, notes, settled, (*_places(head), *[place - len(foot) - 1 for place in _places(foot)]))


def _places(lines: Sequence[Tagged]) -> list[int]:
    """The number of the first line of each conflict among the lines."""
    found: dict[int, int] = {}
    for number, (line, hunk) in enumerate(lines, 1):
        if hunk and line.strip():
            found.setdefault(hunk, number)
    return list(found.values())


def _is_begin(line: str) -> bool:
    return line.removeprefix("\ufeff").strip() == BEGIN


def _tool_lines(lines: Sequence[str], plans: Sequence[Plan]) -> set[int]:
    """The indexes of lines that are the tool's wherever they stand; task lines are not among them."""
    known = {title_line(plan) for plan in plans}
    known.update([heading(plan, phase) for plan in plans for phase in plan.phases])
    is_state_line = state_lines(plans)
    found = set()
    for index, line in enumerate(lines):
        plain = line.removesuffix("\r").rstrip()
        if plain in known or is_state_line(plain) or _is_begin(plain) or plain.strip() == END:
            found.add(index)
    return found


def _span(lines: Sequence[str], tool: set[int]) -> tuple[int, int]:
    """The first and the last line of the tool's part, markers included; without a marker it reaches to the end."""
    begins = [index for index in sorted(tool) if _is_begin(lines[index])]
    ends = [index for index in sorted(tool) if lines[index].strip() == END]
    tasks = [index for index, line in enumerate(lines) if task_line(0, line.rstrip()) is not None]
    first = min([*tool, *tasks], default=len(lines))
    if begins and (not ends or begins[0] < ends[-1]):
        first = begins[0]
    last = ends[-1] if ends and (not begins or begins[0] < ends[-1]) else len(lines) - 1
    return first, last


def _joined(raw: Sequence[str], tool: set[int], *, unmerged: bool, known: Iterable[tuple[str, ...]]) -> list[Tagged]:
    """The lines with both sides of each conflict that is to be settled, and without what Git has put around them."""
    first, last = _span(raw, tool)
    lines: list[Tagged] = []
    position = 0
    for number, hunk in enumerate(find_hunks(raw, known), 1):
        if not unmerged and (hunk.end < first or hunk.start > last):
            continue
        lines += [(line, 0) for line in raw[position : hunk.start]]
        lines += [(line, number) for line in raw[hunk.start + 1 : hunk.base]]
        lines += [(line, number) for line in raw[hunk.parted + 1 : hunk.end]]
        position = hunk.end + 1
    return lines + [(line, 0) for line in raw[position:]]


def _read(
    inside: Sequence[Tagged], plans: Sequence[Plan]
) -> tuple[dict[str, str], dict[str, tuple[str, ...]], dict[str, str], list[Tagged]]:
    """Marks, notes, the marks that are settled, and the lines that are not the tool's, from the tool's part."""
    lines = [line for line, _ in inside]
    dropped = _tool_lines(lines, plans)
    dropped.update([index for index, line in enumerate(lines) if line.startswith(CONFLICT)])
    # A line of the tool's ends the notes of the task above it, however it is indented.
    found = scan([END if i in dropped else line for i, line in enumerate(lines)], 0, Todo("", "", "\n", has_block=True))
    known = []
    for plan in plans:
        titles = {task.id: task.title for phase in plan.phases for task in phase.tasks}
        known.append((titles, carry_ids(titles, plan, plans[0])))
    marks: dict[str, str] = {}
    notes: dict[str, tuple[str, ...]] = {}
    written: dict[str, list[tuple[str, int]]] = {}
    for index, task in enumerate(found.tasks):
        for titles, carried in known:
            mark = written_mark(task, titles[task.id]) if task.id in titles else None
            new_id = carried.get(task.id)
            if mark is None or new_id is None:
                continue
            if marks.get(new_id) != DONE:
                marks[new_id] = mark
            written.setdefault(new_id, []).append((mark, inside[task.line - 1][1]))
            more = tuple([note for note in found.notes[index] if note not in notes.get(new_id, ())])
            if more:
                notes[new_id] = notes.get(new_id, ()) + more
            dropped.update(range(task.line - 1, task.line + len(found.notes[index])))
            break
    settled = {task_id: said[0][0] for task_id, said in written.items() if len(said) == 1 and not said[0][1]}
    return marks, notes, settled, _rest(inside, dropped)


def _rest(inside: Sequence[Tagged], dropped: set[int]) -> list[Tagged]:
    """The lines that are left, with one blank line between what did not stand together."""
    rest: list[Tagged] = []
    run: list[Tagged] = []
    for index, line in enumerate([*inside, ("", 0)]):
        if index not in dropped and index < len(inside):
            run.append(line)
            continue
        if run := _trimmed(run):
            rest += [("\r" if run[0][0].endswith("\r") else "", 0), *run] if rest else run
        run = []
    return rest


def _trimmed(lines: Sequence[Tagged]) -> list[Tagged]:
    """The lines without blank ones at both ends."""
    filled = [index for index, (line, _) in enumerate(lines) if line.strip()]
    return list(lines[filled[0] : filled[-1] + 1]) if filled else []
