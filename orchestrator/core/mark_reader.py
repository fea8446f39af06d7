"""The marks of many versions of one PLAN.md, each part of which is read but once."""

from __future__ import annotations

from orchestrator.core.todo import BEGIN, CONFLICT, END, parse, task_line, written_mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.core.plan import Plan

_KEPT_LINES = 20_000
_KEPT_PARTS = 256
_HEADING = "\n#"


class MarkReader:
    """Reads the marks of many versions of one plan's PLAN.md, of which most have most in common.

    What stands between the markers beside task lines has no say here.
    """

    def __init__(self, plan: Plan) -> None:
        """Read lines as this plan has rendered them."""
        self._titles = {task.id: task.title for phase in plan.phases for task in phase.tasks}
        self._known: dict[str, tuple[str, str] | None] = {}  # by line
        self._parts: dict[str, dict[str, str] | None] = {}  # by part, as ``_marks_of`` has read it

    def read(self, text: str) -> tuple[dict[str, str], int]:
        """The marks by task id, as ``read_marks`` gives them, and how many task lines are not of this plan.

        Raises:
            CannotJudgeError: markers are missing on one side, doubled or swapped, or there are conflict markers.
        """
        block = _block(text)
        if block is None:
            return self._read_lines([f"- [{line.mark}] Task {line.id}: {line.text}" for line in parse(text).tasks])
        marks: dict[str, str] = {}
        count = 0
        for part in block.split(_HEADING):
            found = self._marks_of(part)
            if found is None:
                return self._read_lines(_task_lines(block))
            marks.update(found)
            count += len(found)
        return (marks, 0) if len(marks) == count else self._read_lines(_task_lines(block))

    def _marks_of(self, part: str) -> dict[str, str] | None:
        """The marks of one phase's lines; None if a line is strange."""
        if part not in self._parts:
            if len(self._parts) >= _KEPT_PARTS:
                self._parts.clear()
            marks, strange = self._read_lines(_task_lines(f"#{part}"))  # a heading is no task line
            self._parts[part] = None if strange else marks
        return self._parts[part]

    def _read_lines(self, lines: Iterable[str]) -> tuple[dict[str, str], int]:
        marks: dict[str, str] = {}
        strange = 0
        known = self._known
        for line in lines:
            found = known.get(line)
            if found is None and line not in known:
                if len(known) > _KEPT_LINES:
                    known.clear()
                found = known[line] = self._read(line)
            if found is not None and found[0] not in marks:
                marks[found[0]] = found[1]
            else:
                strange += 1
        return marks, strange

    def _read(self, line: str) -> tuple[str, str] | None:
        task = task_line(0, line.removesuffix("\r").rstrip())
        title = None if task is None else self._titles.get(task.id)
        mark = None if task is None or title is None else written_mark(task, title)
        return None if task is None or mark is None else (task.id, mark)


def _block(text: str) -> str | None:
    """What stands between the markers, from the end of the first one's line on.

    None where anything is out of the ordinary, which is left to ``parse``.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or any([sign in text for sign in CONFLICT]):
        return None
    before, _, rest = text.partition(BEGIN)
    block, end, after = rest.partition(f"\n{END}")
    is_plain = before[-1:] in ("", "\n") and rest[:1] == "\n" and end and after[:1] in ("", "\n")
    return block if is_plain else None


def _task_lines(text: str) -> list[str]:
    """The lines that may be task lines."""
    return [line for line in text.split("\n") if line[:3] == "- ["]
