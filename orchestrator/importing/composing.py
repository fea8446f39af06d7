"""From a breakdown to a plan.toml that is valid, and the marks of its tasks; whatever had to change is a loss."""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from orchestrator.core.graph import find_cycle
from orchestrator.core.plan import OWN_PATHS, PLAN_NAME, normal_name, one_line
from orchestrator.core.plan_check import STEERING, pattern_problem
from orchestrator.core.state import OPEN
from orchestrator.core.value import Value
from orchestrator.importing.breakdown import FoundTask, Loss, shown, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.importing.breakdown import Breakdown, FoundPhase

_MOST_TASKS = 50_000  # plan.toml may have 4 MB
_MOST_OF_TITLE = 200
_MOST_READ = 20_000  # characters of a title that are looked at
_MOST_OF_ID = 64
_MOST_CUT_ONE_BY_ONE = 8
_JSON = json.JSONEncoder(ensure_ascii=False)  # json.dumps would make one for each string
_WIDTH = 110
# What cannot stand in a title, because PLAN.md and messages could not be read back, and what stands there instead.
_BREAKERS = str.maketrans("[]|", "()/")
_COMMENT = re.compile(r"<!--+|--+>")
_SUFFIXES = (" ✓", " (in progress)", " (reopened)")  # PLAN.md writes them itself
_NO_ID_CHARACTER = re.compile(r"[^A-Za-z0-9._-]+")
_NO_SLUG_CHARACTER = re.compile(r"[^a-z0-9]+")
_UNTITLED = "Untitled"


class Composed(Value):
    """The text of a plan.toml, the mark of each task that is not open by its id in it, and what was lost in all."""

    text: str
    marks: dict[str, str]
    losses: tuple[Loss, ...]


class _Phase:
    """A phase on its way into the plan."""

    def __init__(self, found: FoundPhase, number: int) -> None:
        self.found = found
        self.number = number
        self.id = ""
        self.title = ""
        self.depends_on: list[int] = []  # places of phases
        self.tasks: list[_Task] = []


class _Task:
    """A task on its way into the plan."""

    def __init__(self, found: FoundTask, phase: int, number: int, place: int) -> None:
        self.found = found
        self.phase = phase
        self.number = number  # in its phase, from 1
        self.place = place  # among all tasks
        self.id = ""
        self.title = ""
        self.depends_on: list[int] = []  # places of tasks


def compose(found: Breakdown) -> Composed:
    """The plan that the breakdown makes, with ids for all phases and tasks and without what no plan can have.

    Raises:
        CannotJudgeError: it has more tasks than a plan.toml has room for.
    """
    count = sum([len(phase.tasks) or 1 for phase in found.phases])
    if count > _MOST_TASKS:
        said = f"this has {count} tasks; at most {_MOST_TASKS} are brought in"
        raise unreadable(found.phases[0].source, 0, said, "bring in only what is to be done next")
    return _Composer(found).composed()


class _Composer:
    def __init__(self, found: Breakdown) -> None:
        self._found = found
        self._losses = list(found.losses)
        self._phases = [_Phase(phase, number) for number, phase in enumerate(found.phases, 1)]
        self._tasks: list[_Task] = []
        for place, phase in enumerate(self._phases):
            if not phase.found.tasks:
                self._lose(phase.found, "it has no task, so one of its name stands for it")
            for number, task in enumerate(phase.found.tasks or (_task_of(phase.found),), 1):
                phase.tasks.append(_Task(task, place, number, len(self._tasks)))
                self._tasks.append(phase.tasks[-1])

    def composed(self) -> Composed:
        self._name_phases()
        self._name_tasks()
        self._connect_phases()
        self._connect_tasks()
        self._cut_circles()
        parts = ["version = 1\n", f"[feature]\n{_toml(self._feature())}"]
        for phase in self._phases:
            parts.append(f"[[phase]]\n{_toml(self._phase_table(phase))}")
            parts += [f"[[phase.task]]\n{_toml(self._task_table(task))}" for task in phase.tasks]
        marks = {task.id: task.found.mark for task in self._tasks if task.found.mark != OPEN}
        return Composed("\n".join(parts), marks, tuple(self._losses))

    def _lose(self, at: FoundPhase | FoundTask, why: str, text: str = "") -> None:
        self._losses.append(Loss(at.source, at.line, shown(text or at.title), why))

    # -- names -------------------------------------------------------------------------------------------------------

    def _name_phases(self) -> None:
        """Titles and ids of which no name could mean two phases, by id, title or number."""
        numbers = {normal_name(name) for phase in self._phases for name in _numbers(phase)}
        names = _Names({normal_name(PLAN_NAME), *numbers})
        for phase in self._phases:
            title = self._title(phase.found)
            phase.title = names.title(title, frozenset([normal_name(name) for name in _numbers(phase)]))
            if phase.title != title:
                self._lose(phase.found, f'the name is taken, so it is called "{phase.title}"')
            slugs = [slug for slug in (_slug(phase.found.id), _slug(phase.title)) if slug and slug not in numbers]
            slug = slugs[0] if slugs else f"part-{phase.number}"
            phase.id = slug if slug == normal_name(phase.title) else names.id(slug)

    def _name_tasks(self) -> None:
        valid = {task.found.id for task in self._tasks if task.found.id and _clean_id(task.found.id) == task.found.id}
        given, made = _Names(), _Names(valid)
        for task in self._tasks:
            task.title = self._title(task.found)
            wanted = _clean_id(task.found.id) or f"{task.phase + 1}.{task.number}"
            names = given if wanted == task.found.id and wanted not in given.taken else made
            task.id = names.id(wanted)
            made.taken.add(task.id)
            if task.found.id and task.id != task.found.id:
                reason = "is taken" if wanted == task.found.id else "is no id of a task"
                self._lose(task.found, f"the id {shown(task.found.id)} {reason}, so it is {task.id}")

    def _title(self, at: FoundPhase | FoundTask) -> str:
        whole = _clean(at.title)
        title = _cut(whole)
        said = one_line(at.title[:_MOST_READ])
        if whole not in (said, _without_suffix(said)):
            self._lose(at, f'the title has what cannot stand there, so it is "{shown(title)}"')
        if title != whole or len(at.title) > _MOST_READ:
            self._lose(at, f"the title is cut after {len(title) - 3} characters; this follows", whole[len(title) - 3 :])
        return title

    # -- dependencies ------------------------------------------------------------------------------------------------

    def _connect_phases(self) -> None:
        places: dict[str, int] = {}
        for place, phase in enumerate(self._phases):
            if phase.found.id:
                places.setdefault(normal_name(phase.found.id), place)
        for place, phase in enumerate(self._phases):
            for name in (phase.found.title, phase.title, str(phase.number), f"Phase {phase.number}"):
                places.setdefault(normal_name(name), place)
        for place, phase in enumerate(self._phases):
            for name in dict.fromkeys(phase.found.depends_on):
                target = places.get(normal_name(name))
                if target is None:
                    self._lose(phase.found, f"it depends on {shown(name)}, which is no phase here")
                elif target == place:
                    self._lose(phase.found, "it depends on itself")
                elif target not in phase.depends_on:
                    phase.depends_on.append(target)

    def _connect_tasks(self) -> None:
        places: dict[tuple[str, str], int] = {}
        for task in self._tasks:
            if task.found.id:
                places.setdefault((task.found.source, task.found.id), task.place)
        for task in self._tasks:
            if task.found.id:
                places.setdefault(("", task.found.id), task.place)
        for task in self._tasks:
            for name in dict.fromkeys(task.found.depends_on):
                # Two files may use the same ids, each for its own tasks.
                target = places.get((task.found.source, name), places.get(("", name)))
                if target is None:
                    self._lose(task.found, f"it depends on {shown(name)}, which is no task here")
                elif target == task.place:
                    self._lose(task.found, "it depends on itself")
                else:
                    task.depends_on.append(target)

    def _cut_circles(self) -> None:
        """Take dependencies out until nothing waits for itself: of a circle, one that points ahead in the text.

        Each circle has one. After some circles, whatever points ahead is taken out at once.
        """
        for _ in range(_MOST_CUT_ONE_BY_ONE):
            cycle = self._cycle()
            if cycle is None:
                return
            for node, target in pairwise(cycle):
                if self._cut(node, target):
                    break
        if self._cycle() is None:
            return
        for task in self._tasks:
            for place in list(task.depends_on):
                self._cut(f"t{task.place}", f"t{place}")
        for phase in self._phases:
            for place in list(phase.depends_on):
                self._cut(f"t{phase.tasks[0].place}", f"p{place}")

    def _cycle(self) -> list[str] | None:
        """Phases ("p0") and tasks ("t0") that wait for each other: a phase for its tasks, they for what comes first."""
        edges: dict[str, list[str]] = {}
        for place, phase in enumerate(self._phases):
            edges[f"p{place}"] = [f"t{task.place}" for task in phase.tasks]
            first = [f"p{target}" for target in phase.depends_on]
            for task in phase.tasks:
                edges[f"t{task.place}"] = [f"t{target}" for target in task.depends_on] + first
        return find_cycle(edges, edges)

    def _cut(self, node: str, target: str) -> bool:
        """Take out what makes the first wait for the second, if that is a dependency which points ahead."""
        if node[0] != "t":
            return False
        task, place = self._tasks[int(node[1:])], int(target[1:])
        if target[0] == "t":
            if place < task.place or place not in task.depends_on:
                return False
            task.depends_on.remove(place)
            self._lose(task.found, f"that it depends on {self._tasks[place].id} would make a circle")
            return True
        phase = self._phases[task.phase]
        if place < task.phase or place not in phase.depends_on:
            return False
        phase.depends_on.remove(place)
        self._lose(phase.found, f'that it depends on "{self._phases[place].title}" would make a circle')
        return True

    # -- tables ------------------------------------------------------------------------------------------------------

    def _feature(self) -> dict[str, Any]:
        title = _clean_title(self._found.title or "Imported plan")
        summary = one_line(STEERING.sub(" ", self._found.summary))
        return {"title": title, **({"summary": summary} if summary else {})}

    def _phase_table(self, phase: _Phase) -> dict[str, Any]:
        table: dict[str, Any] = {"id": phase.id, "title": phase.title}
        table["depends_on"] = [self._phases[place].id for place in phase.depends_on]
        estimate = _clean_title(phase.found.estimate) if phase.found.estimate.strip() else ""
        if estimate:
            table["estimate"] = estimate
        if files := self._files(phase.found):
            table["files"] = files
        return table

    def _task_table(self, task: _Task) -> dict[str, Any]:
        table: dict[str, Any] = {"id": task.id, "title": task.title}
        if files := self._files(task.found):
            table["files"] = files
        if task.depends_on:
            table["depends_on"] = [self._tasks[place].id for place in task.depends_on]
        return table

    def _files(self, at: FoundPhase | FoundTask) -> list[str]:
        kept = []
        for text in dict.fromkeys(at.files):
            pattern = _as_pattern(text)
            problem = pattern_problem(pattern) if pattern else "it names nothing"
            if STEERING.search(pattern) or not pattern.isprintable():
                problem = "it has a character that cannot be shown"
            elif pattern in OWN_PATHS or pattern.startswith("docs/plans/"):
                problem = "it is the tool's own, so it belongs to no phase"
            elif pattern.split("/")[0].casefold() == ".git":
                problem = "it lies in Git's own folder"
            if problem:
                self._lose(at, f"the file is left out: {problem}", text)
            elif pattern not in kept:
                kept.append(pattern)
        return kept


def _task_of(phase: FoundPhase) -> FoundTask:
    return FoundTask(phase.title, source=phase.source, line=phase.line)


def _toml(table: dict[str, Any]) -> str:
    """The lines of a table; a list stands on one line where it is short enough, as people write it."""
    lines = []
    for key, value in table.items():
        line = f"{key} = {_value(value)}"
        if isinstance(value, list) and len(line) > _WIDTH:
            line = "\n".join([f"{key} = [", *[f"    {_value(item)}," for item in value], "]"])
        lines.append(f"{line}\n")
    return "".join(lines)


def _value(value: Any) -> str:
    """A string or a list of strings. Without control characters, JSON is TOML (its specification, "String")."""
    return _JSON.encode(value)


def _clean_title(text: str) -> str:
    return _cut(_clean(text))


def _cut(title: str) -> str:
    return title if len(title) <= _MOST_OF_TITLE else title[: _MOST_OF_TITLE - 3].rstrip() + "..."


def _without_comments(text: str) -> str:
    """The text without comments of HTML, which nobody sees where Markdown is shown."""
    parts = []
    start = 0
    while (opening := text.find("<!--", start)) >= 0 and (closing := text.find("-->", opening + 4)) >= 0:
        parts.append(text[start:opening])
        start = closing + 3
    return " ".join([*parts, text[start:]])


def _clean(text: str) -> str:
    text = text[:_MOST_READ]
    shown_part = _without_comments(text)
    title = STEERING.sub(" ", shown_part if shown_part.strip() else text)
    if not title.isascii():  # looking at each character is slow
        title = "".join([char for char in title if unicodedata.category(char) not in ("Cs", "Cn", "Co")])
    title = _without_suffix(one_line(title))
    title = _COMMENT.sub(lambda found: "<-" if found[0][0] == "<" else "->", title.translate(_BREAKERS))
    return title or _UNTITLED


def _without_suffix(title: str) -> str:
    while title.endswith(_SUFFIXES):
        for suffix in _SUFFIXES:
            title = title.removesuffix(suffix).rstrip()
    return title


def _numbers(phase: _Phase) -> tuple[str, str]:
    """The names that a phase has from its position."""
    return str(phase.number), f"Phase {phase.number}"


def _clean_id(text: str) -> str:
    """The id with what cannot stand there taken out; "" if nothing is left."""
    return _NO_ID_CHARACTER.sub("-", text.strip()).strip("._-")[:_MOST_OF_ID].rstrip("._-")


def _slug(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").casefold()
    return _NO_SLUG_CHARACTER.sub("-", ascii_text).strip("-")[:_MOST_OF_ID].strip("-")


class _Names:
    """Names that are taken; a name that is wanted again gets a number, and the next time the next one."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)
        self._next: dict[str, int] = {}

    def title(self, wanted: str, own: frozenset[str] = frozenset()) -> str:
        """The title, or one with a number behind it, that no other phase could be meant by."""
        found = wanted
        while (name := normal_name(found)) in self.taken and name not in own:
            found = f"{wanted} ({self._number(wanted)})"
        self.taken.add(normal_name(found))
        return found

    def id(self, wanted: str) -> str:
        """The id, or one with a number behind it, that no other one has."""
        found = wanted
        while found in self.taken:
            ending = f"-{self._number(wanted)}"
            found = wanted[: _MOST_OF_ID - len(ending)] + ending
        self.taken.add(found)
        return found

    def _number(self, wanted: str) -> int:
        number = self._next[wanted] = self._next.get(wanted, 1) + 1
        return number


def _as_pattern(text: str) -> str:
    """A file as a source names it, as a pattern: what would be a class or a comment there is taken literally."""
    path = text.strip().replace("\\", "/")
    while path.startswith("./"):
        path = path[2:]
    path = path.replace("[", r"\[").replace("]", r"\]")
    return "\\" + path if path[:1] in ("!", "#") else path
