"""Which commits may land, by the rules of README.md and docs/plan.md, worked out without the program.

Nothing here is imported from ``orchestrator``, so that a mistake there is none here. The model takes the commit that
Git would make if there were no hooks, and says that it must land, that it must be refused and under which id, or that
it does not know. It knows a small part of what a plan may say: see ``Plan``.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from random import Random

    Tree = Mapping[str, tuple[str, str]]  # mode and blob id by path
    Reader = Callable[[str], bytes]  # the bytes of a blob

TODO, LOCK, PLAN_FILE = "PLAN.md", "plan.lock", "plan.toml"
OWN = (TODO, LOCK)
BEGIN, END = "<!-- orchestrator:begin -->", "<!-- orchestrator:end -->"
_BOX = re.compile(r"^- \[(.)\] Task ([^:]+): (.*)$")
_TOOLS = re.compile(r"^(|## .*|### Phase \d+: .*|_.*_|\*\*(Progress|Current Phase)\*\*: .*|- \[.\] Task [^:]+: .*)$")
_FORM = re.compile(r"^(\w+)(?:\([^()]*\))?!?: \[([^\]]*)\](?: (.*))?$")


@dataclass(frozen=True)
class Task:
    """``files`` are patterns, ``deps`` ids of other tasks."""

    id: str
    title: str
    files: tuple[str, ...] = ()
    deps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Phase:
    """``gate`` is a kind of ``GATES``; nothing if there is none."""

    id: str
    title: str
    number: int
    deps: tuple[str, ...]
    files: tuple[str, ...]
    tasks: tuple[Task, ...]
    gate: str = ""


@dataclass(frozen=True)
class Plan:
    """Phases, each after those that it depends on, and settings that are not the default."""

    phases: tuple[Phase, ...]
    settings: tuple[tuple[str, str], ...] = ()

    def setting(self, name: str, default: str) -> str:
        return dict(self.settings).get(name, default)

    @property
    def tasks(self) -> list[Task]:
        return [task for phase in self.phases for task in phase.tasks]

    def phase(self, phase_id: str) -> Phase:
        return next(phase for phase in self.phases if phase.id == phase_id)

    def phase_of(self, task_id: str) -> Phase:
        return next(phase for phase in self.phases if task_id in [task.id for task in phase.tasks])

    def before(self, phase: Phase) -> list[Phase]:
        """All that the phase depends on, directly or not."""
        found = {name for dep in phase.deps for name in (dep, *[more.id for more in self.before(self.phase(dep))])}
        return [other for other in self.phases if other.id in found]

    def claimants(self, path: str) -> list[Phase]:
        return [phase for phase in self.phases if matches(patterns_of(phase), path)]

    def tested(self, phase: Phase) -> list[str]:
        """Patterns of what the phase's gate tests."""
        return [pattern for one in (phase, *self.before(phase)) for pattern in patterns_of(one)]

    def inputs(self, phase: Phase, paths: Iterable[str]) -> list[str]:
        """Those of the paths that the phase's gate tests; nothing means all that are no other phase's."""
        return [path for path in paths if matches(self.tested(phase), path)]

    def text(self) -> str:
        """The plan.toml."""
        lines = ["version = 1", "[feature]", 'title = "Letters"', "[settings]"]
        lines += [f"{name} = {value}" for name, value in self.settings]
        for phase in self.phases:
            if phase.gate:
                lines += [f"[gates.g{phase.id}]", f"run = '{GATES[phase.gate].replace('{}', phase.id)}'"]
        for phase in self.phases:
            lines += ["[[phase]]", f'id = "{phase.id}"', f'title = "{phase.title}"']
            lines += [f"depends_on = {list(phase.deps)}", f"files = {list(phase.files)}"]
            if phase.gate:
                lines.append(f'gates = ["g{phase.id}"]')
            for task in phase.tasks:
                lines += ["[[phase.task]]", f'id = "{task.id}"', f'title = "{task.title}"']
                lines += [f"files = {list(task.files)}", f"depends_on = {list(task.deps)}"]
        return "\n".join(lines) + "\n"


GATES = {
    "has": "grep -qs good {}/gate.txt",
    "there": "test -f {}/gate.txt",
    "clean": "! grep -rqs bad {}",
}
SETTINGS = (
    (),
    (),
    (),
    (("require_phase", '"advancing"'),),
    (("unplanned_files", '"block"'),),
    (("one_phase_per_commit", "false"),),
    (("auto_done", "false"),),
    (("on_gate_failure", '"block"'),),
    (("summary_lines", "false"),),
    (("commit_types", '["fix", "feat"]'),),
)
TITLES = ("Alpha", "Beta", "Gamma", "Delta")


def any_plan(random: Random) -> Plan:
    """Two to four phases that depend on each other somehow."""
    phases: list[Phase] = []
    for number, name in enumerate("abcd"[: random.randint(2, 4)], 1):
        kinds = random.sample(("file", "hand", "glob", "two", "old", "after"), random.randint(1, 3))
        tasks: list[Task] = []
        for kind in kinds:
            task_id = f"{name}.{kind}"
            files: tuple[str, ...] = {
                "file": (f"{name}/one.txt",),
                "glob": (f"{name}/x*",),
                "two": (f"{name}/two.txt", f"{name}/three.txt"),
                "old": (f"{name}/old.txt",),
            }.get(kind, ())
            waits = (tasks[0].id,) if kind == "after" and tasks else ()
            tasks.append(Task(task_id, f"Do {kind}", files, waits))
        earlier = [phase.id for phase in phases]
        deps = tuple(sorted(random.sample(earlier, random.randint(0, min(2, len(earlier))))))
        patterns = (f"{name}/**", "shared/**") if random.random() < 0.3 else (f"{name}/**",)
        gate = random.choice(("", *GATES))
        phases.append(Phase(name, TITLES[number - 1], number, deps, patterns, tuple(tasks), gate))
    return Plan(tuple(phases), random.choice(SETTINGS))


def patterns_of(phase: Phase) -> list[str]:
    """Its own patterns and those of its tasks."""
    return [*phase.files, *[pattern for task in phase.tasks for pattern in task.files]]


def matches(patterns: Iterable[str], path: str) -> bool:
    """Whether one of the patterns has the path; they are ``folder/**``, ``folder/x*`` or a path."""
    return any(
        path.startswith(pattern[:-2]) if pattern.endswith("/**") else fnmatch.fnmatchcase(path, pattern)
        for pattern in patterns
    )


# -- PLAN.md -----------------------------------------------------------------------------------------------------------


def marks_of(text: str | None) -> dict[str, str]:
    """``x``, ``-`` (in progress), ``r`` (reopened) or a space by task."""
    marks = {}
    for line in (text or "").splitlines():
        if box := _BOX.match(line):
            mark = box[1].lower() if box[1] in "xX-" else " "
            said = box[3].rpartition(" (")[2] if mark == " " else ""
            marks[box[2]] = {"reopened)": "r", "in progress)": "-"}.get(said, mark)
    return marks


def foreign_lines(text: str) -> list[str] | None:
    """Lines of the machine's part that are neither its own nor notes; None if the part is not there once."""
    lines = text.splitlines()
    if lines.count(BEGIN) != 1 or lines.count(END) != 1 or lines.index(BEGIN) > lines.index(END):
        return None
    part = lines[lines.index(BEGIN) + 1 : lines.index(END)]
    return [line for line in part if not line.startswith("  ") and not _TOOLS.match(line)]


def locked_passes(data: bytes | None) -> set[str] | None:
    """Phases whose gate has a pass in that plan.lock; None if it cannot be read."""
    try:
        found = tomllib.loads((data or b"").decode())
    except ValueError:
        return None
    passes = {name for name, table in found.get("phase", {}).items() if table.get("gate")}
    return passes if "version" in found else None


# -- the judgement -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attempt:
    """A commit that Git would make. ``work`` has the blob ids of what lies in the work tree, ignored files aside.

    ``given_up`` are tasks whose box the tool may have ticked by itself in a commit that was then refused: no person
    claims that they are done. ``by_git``: no hook has written plan.lock of the parent, whose passes may be of other
    content.
    """

    parent: Tree
    tree: Tree
    message: str
    subjects: Collection[str]
    base: Tree
    work: Mapping[str, str]
    read: Reader
    given_up: Collection[str] = ()
    by_git: bool = False


@dataclass
class Verdict:
    """Why the commit must be refused: stage (1: files, 2: gates, 3: message), ids of which one must be told, and why.

    Where there are no refusals and ``doubts``, the model does not know.
    """

    refusals: list[tuple[int, frozenset[str], str]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    marks: dict[str, str | None] = field(default_factory=dict)  # that PLAN.md must have if it lands; None: unknown

    def refuse(self, stage: int, why: str, *ids: str) -> None:
        self.refusals.append((stage, frozenset(ids), why))

    @property
    def name(self) -> str:
        return "refuse" if self.refusals else "either" if self.doubts else "land"


def _all(values: Iterable[bool | None]) -> bool | None:
    """Whether all are so; None where that is not known."""
    found = list(values)
    return False if False in found else None if None in found else True


def judge(plan: Plan, attempt: Attempt) -> Verdict:
    """What must become of the commit."""
    return _Judge(plan, attempt).verdict


def gate_says(phase: Phase, tree: Tree, read: Reader) -> bool:
    """Whether the phase's gate passes on the tree."""
    gate = tree.get(f"{phase.id}/gate.txt")
    if phase.gate == "has":
        return gate is not None and b"good" in read(gate[1])
    if phase.gate == "there":
        return gate is not None
    return not any(b"bad" in read(entry[1]) for path, entry in tree.items() if path.startswith(f"{phase.id}/"))


class _Judge:
    def __init__(self, plan: Plan, attempt: Attempt) -> None:
        self.plan, self.at = plan, attempt
        self.verdict = Verdict()
        tree, parent = attempt.tree, attempt.parent
        self.changed = sorted(
            path for path in {*tree, *parent} if tree.get(path) != parent.get(path) and path not in OWN
        )
        self.text = attempt.read(tree[TODO][1]).decode() if TODO in tree else None
        before = attempt.read(parent[TODO][1]).decode() if TODO in parent else None
        self.before = marks_of(before)
        self.locked = locked_passes(attempt.read(parent[LOCK][1]) if LOCK in parent else None) or set()
        self.judge(before)

    def judge(self, before: str | None) -> None:
        plan, verdict = self.plan, self.verdict
        if self.text is None or before is None or (foreign_lines(before) or None) is not None:
            verdict.doubts.append("no PLAN.md, or one that was not right before")
            self.text = before
        foreign = foreign_lines(self.text or "")
        if self.text is not None and foreign is None:
            verdict.refuse(1, "markers of PLAN.md", "plan-md-edited")
            return
        if foreign:
            verdict.refuse(1, f"foreign line {foreign[0]}", "plan-md-edited")
            return
        if PLAN_FILE in self.changed:
            verdict.doubts.append("plan.toml is changed")
        if LOCK in self.at.tree and locked_passes(self.at.read(self.at.tree[LOCK][1])) is None:
            verdict.refuse(1, "plan.lock cannot be read", "lock-tampered")
            return
        marks = marks_of(self.text)
        if set(marks) != {task.id for task in plan.tasks} or set(self.before) != set(marks):
            verdict.doubts.append("boxes were taken away")
        self.marks = {task.id: self.mark(task, marks) for task in plan.tasks}
        self.claims = [
            task for task in plan.tasks if self.marks[task.id] == "x" and self.before.get(task.id, " ") != "x"
        ]
        if any(task.id in self.at.given_up for task in self.claims):
            verdict.doubts.append("a box that the tool may have ticked")
            self.claims = [task for task in self.claims if task.id not in self.at.given_up]
        self.judge_files()
        self.settle()
        self.judge_order()
        self.judge_message()
        verdict.marks = {task.id: self.shown(task) for task in plan.tasks}

    def mark(self, task: Task, marks: Mapping[str, str]) -> str:
        mark = marks.get(task.id, self.before.get(task.id, " "))
        return "r" if mark == " " and self.before.get(task.id) in ("x", "r") else mark

    # -- files

    def judge_files(self) -> None:
        plan, verdict = self.plan, self.verdict
        claimants = {path: plan.claimants(path) for path in self.changed}
        self.claimed = {path: found for path, found in claimants.items() if found}
        candidates = set(plan.phases)
        for found in self.claimed.values():
            candidates &= set(found)
        for task in self.claims:
            candidates &= {plan.phase_of(task.id)}
        self.candidates = candidates
        if not candidates and plan.setting("one_phase_per_commit", "true") == "true":
            verdict.refuse(1, "several phases", "phases-mixed")
        unplanned = [path for path, found in claimants.items() if not found and path != PLAN_FILE]
        if unplanned and plan.setting("unplanned_files", "") == '"block"':
            if any(path in self.at.tree for path in unplanned):
                verdict.refuse(1, f"unplanned {unplanned[0]}", "unplanned-file")
            else:
                verdict.doubts.append("an unplanned file is taken away")
        self.advanced = {plan.phase_of(task.id).id for task in self.claims}
        self.advanced |= {found[0].id for found in self.claimed.values() if len(found) == 1}
        for task in self.claims:
            same = [pattern for pattern in task.files if self.is_as_at_base(pattern)]
            gone = [path for path in self.at.base if matches(same, path) and path not in self.at.tree]
            if gone:
                verdict.doubts.append("the file of a task is taken away")
            elif same:
                verdict.refuse(1, f"no evidence of {task.id}", "task-evidence", "task-locked")

    def is_as_at_base(self, pattern: str) -> bool:
        """Whether nothing of it differs from the base, or it has nothing any more."""
        tree, base = self.at.tree, self.at.base
        paths = [path for path in tree if matches([pattern], path)]
        return not any(tree[path] != base.get(path) for path in paths)

    # -- states

    def settle(self) -> None:
        self.done: dict[str, bool | None] = {}
        self.complete: dict[str, bool | None] = {}
        self.open: dict[str, bool | None] = {}
        self.tasks_done: dict[str, bool | None] = {}
        self.passed: dict[str, bool | None] = {}
        due = {more.id for name in self.advanced for more in self.plan.before(self.plan.phase(name))}
        due |= self.advanced | {phase.id for phase in self.plan.phases if self.plan.inputs(phase, self.changed)}
        for phase in self.plan.phases:
            is_open = self.open[phase.id] = _all([self.complete[dep.id] for dep in self.plan.before(phase)])
            for task in phase.tasks:
                self.done[task.id] = self.is_done(task, is_open=is_open)
            tasks = self.tasks_done[phase.id] = _all([self.done[task.id] for task in phase.tasks])
            is_due = phase.id in due and bool(is_open and tasks)
            passed = self.passed[phase.id] = not phase.gate or self.has_passed(phase, is_due=is_due)
            self.complete[phase.id] = _all([tasks, passed])

    def is_done(self, task: Task, *, is_open: bool | None) -> bool | None:
        mark = self.marks[task.id]
        if mark == "x":
            return True
        if mark == "r" or not task.files or self.plan.setting("auto_done", "true") != "true":
            return False
        for path in task.files:
            others = [other for other in self.plan.tasks if other is not task and path in other.files]
            entry = self.at.tree.get(path)
            if "*" in path or path in self.at.base or others or entry is None or not self.at.read(entry[1]):
                return False
        if mark == "-" and self.before.get(task.id) in ("x", "r"):
            return None  # begun anew
        return _all([is_open, *[self.done.get(dep) for dep in task.deps]])

    def has_passed(self, phase: Phase, *, is_due: bool) -> bool | None:
        tree = self.at.tree
        inputs = self.plan.inputs(phase, tree)
        was_there = phase.id in self.locked
        if not gate_says(phase, tree, self.at.read):
            return None if was_there else False
        if was_there and not self.at.by_git and inputs and not self.plan.inputs(phase, self.changed):
            return True
        return True if is_due and self.is_clean(phase, inputs) else None

    def is_clean(self, phase: Phase, inputs: list[str]) -> bool:
        """Whether what the gate tests is in the work tree just as in the commit."""
        patterns = [pattern for one in (phase, *self.plan.before(phase)) for pattern in patterns_of(one)]
        if not any(matches(patterns, path) for path in inputs):
            return False  # every tracked file: not known here
        there = {path: oid for path, oid in self.at.work.items() if matches(patterns, path)}
        return there == {path: self.at.tree[path][1] for path in inputs}

    # -- order

    def judge_order(self) -> None:
        for name in sorted(self.advanced):
            self.must_be_open(self.plan.phase(name), 1)
        for path, found in self.claimed.items():
            if len(found) > 1:
                states = [self.open[phase.id] for phase in found]
                if not any(state is not False for state in states):
                    self.verdict.refuse(1, f"{path}: no claimant is open", *_LOCKED, *_BY_GATE)
                elif len(found) > 1 and True not in states:
                    self.verdict.doubts.append("a shared file, and it is not known who is open")
        for task in self.claims:
            states = [self.done.get(dep) for dep in task.deps]
            if False in states:
                self.verdict.refuse(1, f"{task.id} waits for a task", "task-locked")
            elif None in states:
                self.verdict.doubts.append("a task that another one waits for")
        if self.plan.setting("on_gate_failure", "") == '"block"':
            for name in self.advanced:
                phase = self.plan.phase(name)
                if self.tasks_done[name] is not False and self.passed[name] is not True:
                    was = all(self.before.get(task.id) == "x" for task in phase.tasks)
                    self.verdict.doubts.append("the gate of the phase itself")
                    if not was and self.tasks_done[name] and self.passed[name] is False and self.open[name]:
                        self.verdict.refuse(2, f"gate of {name}", "gate-failed")

    def must_be_open(self, phase: Phase, stage: int) -> None:
        for dep in self.plan.before(phase):
            if self.tasks_done[dep.id] is False:
                self.verdict.refuse(stage, f"{phase.id} waits for tasks of {dep.id}", *_LOCKED)
                return
        states = [self.complete[dep.id] for dep in self.plan.before(phase)]
        if False in states:
            self.verdict.refuse(max(stage, 2), f"{phase.id} waits for a gate", *_LOCKED, *_BY_GATE)
        elif None in states:
            self.verdict.doubts.append("the pass of a phase before")

    # -- message

    def judge_message(self) -> None:
        plan, verdict = self.plan, self.verdict
        subject = self.at.message.lstrip("\n").partition("\n")[0].rstrip()
        if subject.startswith(("fixup! ", "squash! ", "amend! ")):
            if subject.partition(" ")[2] not in self.at.subjects:
                verdict.refuse(3, "no such commit", "fixup-target")
            return
        if "This reverts commit" in self.at.message:
            verdict.doubts.append("a revert")
            return
        own_only = not self.changed and self.at.tree != self.at.parent and not self.claims
        if own_only:
            if self.at.tree.get(TODO) == self.at.parent.get(TODO):
                verdict.doubts.append("plan.lock alone, which may be put right and leave nothing")
            return
        form = _FORM.match(subject)
        needed = plan.setting("require_phase", "") != '"advancing"' or bool(self.advanced)
        if not form or form[1].casefold() not in plan.setting("commit_types", '["feat"]'):
            if needed:
                verdict.refuse(3, "form", "message-format")
            elif self.claimed:
                verdict.doubts.append("shared files under no name")
            return
        name = re.sub(r"^phase\s*", "", form[2].strip().casefold())
        if name == "plan":
            verdict.doubts.append("[plan]")
            return
        named = [phase for phase in plan.phases if name in (phase.id, phase.title.casefold(), str(phase.number))]
        if not named:
            if needed:
                verdict.refuse(3, "no such phase", "phase-unknown")
            return
        self.must_be_open(named[0], 3)
        if plan.setting("one_phase_per_commit", "true") == "true":
            if self.candidates and named[0] not in self.candidates:
                verdict.refuse(3, "another phase", "phase-mismatch", "phases-mixed")
        elif any(named[0] not in found for found in self.claimed.values()) or self.claims:
            verdict.doubts.append("several phases are allowed")

    def shown(self, task: Task) -> str | None:
        done = self.done[task.id]
        begun_anew = self.marks[task.id] == "-" and self.before.get(task.id) in ("x", "r")
        if done is None or begun_anew or "boxes were taken away" in self.verdict.doubts:
            return None
        return "x" if done else self.marks[task.id]


_LOCKED = ("phase-locked", "task-locked")
_BY_GATE = ("gate-failed", "gate-due", "gate-unclean", "gate-error")
