"""Make a repository with a long history that is valid by the rules: plan, ticks, evidence, as the hooks write them.

It is written through git-fast-import(1). PLAN.md and plan.lock come from orchestrator's own core, worked out in the
commits that change them. The same arguments give the same commit ids. Needs a Python that has this project.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from common import HEAD_OF_PLAN, MeasureError, clean_environment, git, run
from trees import FIRST, first_tree, plan_of, write_repository, written

from orchestrator.core.gate import Pass
from orchestrator.core.ownership import Owners
from orchestrator.core.settle import Before, settle
from orchestrator.core.state import DONE
from orchestrator.core.todo import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trees import Stream, Tree

RANGE = f"{FIRST}..main"
AREAS = 4  # folders of a phase
SOURCES = 400  # files of all phases; each area has a test beside them
NOTES = 10  # files that no phase claims
LINES = 40
SIDE = 3  # commits on each side of a merge


class Kind(enum.IntEnum):
    """What makes a task done."""

    NEW_FILE = 0  # by itself, with its file
    CHANGE = 1  # a tick, with a change under its pattern
    WORD = 2  # a tick alone


class Half(enum.Enum):
    """The lines that a commit may edit: both sides of a merge may edit a file, and Git merges it by itself."""

    ALL = (0, LINES)
    UPPER = (0, 15)
    LOWER = (LINES - 15, LINES)


@dataclasses.dataclass(frozen=True)
class Job:
    """A task of the plan; the last one of some phases enters the plan while the phase is under way."""

    phase: int
    number: int

    @property
    def id(self) -> str:
        """As the plan has it."""
        return f"{self.phase}.{self.number}"

    @property
    def kind(self) -> Kind:
        """The kinds take turns."""
        return Kind(self.number % len(Kind))

    @property
    def area(self) -> str:
        """The folder that it is about."""
        return f"src/part_{self.phase:02}/area_{self.number % AREAS}"

    @property
    def files(self) -> list[str]:
        """Its evidence."""
        if self.kind is Kind.WORD:
            return []
        return [
            f"src/part_{self.phase:02}/steps/step_{self.number}.py" if self.kind is Kind.NEW_FILE else f"{self.area}/**"
        ]


@dataclasses.dataclass(frozen=True)
class Event:
    """What one commit does beside changing files: ticks a task, or brings it into the plan."""

    job: Job | None = None
    enters: bool = False


WORK = Event()


@dataclasses.dataclass(frozen=True)
class Shape:
    """How large the history is; the adoption is not among its ``commits``."""

    commits: int
    phases: int
    tasks: int
    plan_changes: int
    merge_every: int = 0

    def problem(self) -> str:
        """Why it cannot be made, or ""."""
        if not 0 <= self.plan_changes <= self.phases:
            return "a phase has at most one change of the plan"
        if self.phases < 1 or self.tasks < 2 * self.phases:
            return "each phase needs two tasks"
        if self.commits < 3 * self.tasks:
            return "each task needs three commits"
        if self.merge_every and self.merge_every <= 2 * SIDE + 1:
            return f"a merge needs {2 * SIDE + 1} commits"
        return ""

    def jobs(self, phase: int) -> list[Job]:
        """The tasks of the phase, those that enter later among them."""
        return [Job(phase, number) for number in range(1, _share(self.tasks, self.phases, phase) + 1)]

    def entering(self, phase: int) -> Job | None:
        """The task of the phase that is not in the plan from the start."""
        return self.jobs(phase)[-1] if _share(self.plan_changes, self.phases, phase) else None

    def events(self, phase: int) -> list[Event]:
        """What the commits of the phase do; the last one does its last task."""
        length = _share(self.commits, self.phases, phase)
        events = [WORK] * length
        jobs = self.jobs(phase)
        for number, job in enumerate(jobs, 1):
            events[length * number // len(jobs) - 1] = Event(job)
        if entering := self.entering(phase):
            # Before another task is the last one known, which would complete the phase too early.
            place = next(i for i in range(length // 4, length) if events[i] is WORK)
            events[place] = Event(entering, enters=True)
        return events

    def paths(self, phase: int) -> list[str]:
        """The files that the phase works on."""
        names = []
        for area in range(AREAS):
            count = max(1, SOURCES // self.phases // AREAS)
            names += [f"src/part_{phase:02}/area_{area}/module_{number:02}.py" for number in range(count)]
            names.append(f"tests/part_{phase:02}/test_area_{area}.py")
        return names

    def plan_text(self, entered: Iterable[int]) -> str:
        """plan.toml once these phases have the task that enters later."""
        lines = [*HEAD_OF_PLAN]
        for phase in range(1, self.phases + 1):
            lines += [
                "[[phase]]",
                f'id = "phase-{phase}"',
                f'title = "{title(phase)}"',
                f'depends_on = ["phase-{phase - 1}"]' if phase > 1 else "depends_on = []",
                f'files = ["src/part_{phase:02}/**", "tests/part_{phase:02}/**"]',
                'gates = ["lint", "tests"]',
            ]
            for job in self.jobs(phase):
                if job != self.entering(phase) or phase in entered:
                    lines += ["[[phase.task]]", f'id = "{job.id}"', f'title = "Do step {job.number}"']
                    lines += [f"files = {json.dumps(job.files)}"] if job.files else []
        return "\n".join(lines) + "\n"


def shape_for(commits: int, merge_every: int = 0) -> Shape:
    """The usual shape for that many commits: a task for every fifty of them."""
    phases = 5 if commits <= 1_000 else 20
    return Shape(commits, phases, max(commits // 50, 2 * phases), max(1, phases * 2 // 5), merge_every)


def _share(total: int, parts: int, number: int) -> int:
    """The size of one of several parts (from 1) that are as equal as can be."""
    return total * number // parts - total * (number - 1) // parts


def title(phase: int) -> str:
    """The name of a phase in messages."""
    return f"Part {phase}"


# -- merges ------------------------------------------------------------------------------------------------------------


def merged(base: Tree, ours: Tree, theirs: Tree) -> Tree:
    """What Git makes of two sides that never edit neighbouring lines, and of which one at most ticks."""
    files = {}
    for path, lines in theirs.files.items():
        old, mine = base.files.get(path, ()), ours.files.get(path, ())
        if lines is not old:
            both = (
                [new if new != was else own for was, new, own in zip(old, lines, mine, strict=True)] if old else lines
            )
            files[path] = tuple(both)
    ticked = theirs if theirs.todo != base.todo else ours
    return dataclasses.replace(
        ours.with_files(files), marks=ticked.marks, lock=ticked.lock, todo=ticked.todo, lock_bytes=ticked.lock_bytes
    )


# -- the history -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Facts:
    """What was made; ``ticks``, ``locks``, ``plans`` and ``merges`` count commits, ``files`` are those at the tip."""

    commits: int = 0
    phases: int = 0
    tasks: int = 0
    files: int = 0
    ticks: int = 0
    locks: int = 0
    plans: int = 0
    merges: int = 0
    seconds: float = 0.0
    checked: bool = False

    def text(self) -> str:
        """For people."""
        return (
            f"{self.commits:,} commits after the adoption: {self.ticks} tick a task, {self.locks} change plan.lock, "
            f"{self.plans} change the plan, {self.merges} are merges; {self.phases} phases, {self.tasks} tasks, "
            f"{self.files} files"
        )


class Maker:
    """Writes the stream for git-fast-import, commit by commit."""

    def __init__(self, shape: Shape, stream: Stream) -> None:
        """Keep both; nothing is written yet."""
        self.shape = shape
        self.stream = stream
        self.entered: set[int] = set()
        self.facts = Facts(shape.commits, shape.phases, shape.tasks)

    def make(self) -> Facts:
        """The counts; the whole history has been written."""
        tree = self.adopt()
        merge_due = self.shape.merge_every
        length = 2 * SIDE + 1
        for phase in range(1, self.shape.phases + 1):
            events = self.shape.events(phase)
            while events:
                made = self.stream.last_mark - 1 + length
                if self.shape.merge_every and made >= merge_due and self.may_fork(events[:length]):
                    tree = self.fork(tree, phase, events[:length])
                    del events[:length]
                    merge_due += self.shape.merge_every
                else:
                    tree = self.step(tree, phase, events.pop(0), completes=not events)
        self.facts.files = len(tree.files) + len(tree.own_files())
        return self.facts

    def adopt(self) -> Tree:
        """The first commit: half of the modules of each phase are there, and the baseline of the tasks."""
        names = ["README.md", "pyproject.toml", *[f"docs/notes_{number}.md" for number in range(NOTES)]]
        for phase in range(1, self.shape.phases + 1):
            names += self.shape.paths(phase)[::2]
        tree = first_tree(self.shape.plan_text(()), {path: new_file(path) for path in names})
        return self.stream.adopt(tree, "Adopt a plan")

    def may_fork(self, events: Sequence[Event]) -> bool:
        """Whether these can be two sides and their merge: one tick at most, since all change the same lines."""
        if len(events) < 2 * SIDE + 1 or events[-1] is not WORK or any(event.enters for event in events):
            return False
        return sum(event is not WORK for event in events) <= 1

    def fork(self, base: Tree, phase: int, events: Sequence[Event]) -> Tree:
        """The merge of two sides; on every other merge both edit the same files first."""
        seed = self.stream.last_mark + 1
        ours = theirs = base
        for event in events[:SIDE]:
            ours = self.step(ours, phase, event, half=Half.UPPER)
        for event in events[SIDE : 2 * SIDE]:
            shared = theirs is base and self.facts.merges % 2 == 0
            theirs = self.step(theirs, phase, event, half=Half.LOWER, seed=seed if shared else 0)
        tree = merged(base, ours, theirs)
        self.facts.merges += 1
        subject = f"Merge branch 'topic-{self.facts.merges}'"
        return dataclasses.replace(tree, mark=self.stream.commit([ours.mark, theirs.mark], subject, tree.changes(ours)))

    def step(
        self,
        tree: Tree,
        phase: int,
        event: Event,
        *,
        half: Half = Half.ALL,
        seed: int = 0,
        completes: bool = False,
    ) -> Tree:
        """An ordinary commit on that tree; ``seed`` chooses the files, ``completes``: the gates of the phase pass."""
        number = self.stream.last_mark + 1
        job = event.job
        if job is not None and event.enters:
            return self.enter(tree, job)
        new = tree
        subject = f"feat: [{title(phase)}] "
        if job is None or job.kind is not Kind.WORD:
            paths = self.chosen(tree, phase, seed or number, job, half)
            subject += f"change {paths[0].rpartition('/')[2]}"
            new = tree.with_files({path: edited(tree, path, number, half) for path in paths})
        else:
            subject += f"finish step {job.number}"
        if job is not None:
            self.facts.ticks += 1
            new = self.tick(tree, new, job, completes=completes)
        text = f"{subject}\n\nThis is what commit {number} of an ordinary day says of itself.\n"
        return dataclasses.replace(new, mark=self.stream.commit([tree.mark], text, new.changes(tree)))

    def chosen(self, tree: Tree, phase: int, seed: int, job: Job | None, half: Half) -> list[str]:
        """The files of a commit, each once: one to three of the phase, now and then one that no phase claims."""
        names = self.shape.paths(phase)
        if half is not Half.ALL:  # a file that both sides add would be a conflict
            names = [path for path in names if path in tree.files]
        found = [names[(seed * 13 + 11 * index) % len(names)] for index in range(1 + seed % 3)]
        if job is not None and job.kind is Kind.CHANGE:
            found.insert(0, next(path for path in names if path.startswith(f"{job.area}/")))
        if job is not None and job.kind is Kind.NEW_FILE:
            found = [*job.files, *found]
        if seed % 10 == 0:
            found.append(f"docs/notes_{seed // 10 % NOTES}.md")
        return list(dict.fromkeys(found))

    def tick(self, tree: Tree, new: Tree, job: Job, *, completes: bool) -> Tree:
        """The new tree with the task done, and with the passes of the phase if that completes it.

        Raises:
            MeasureError: by the rules the task is not done, or the phase not complete.
        """
        found = new.content()
        phase = new.plan.phase(f"phase-{job.phase}")
        keys = {found.key(phase, gate) for gate in phase.gates} if completes else set()
        said = new.marks if job.kind is Kind.NEW_FILE else {**new.marks, job.id: DONE}
        before = Before(tree.plan, tree.marks, tree.lock, tree.content())
        reading = Reading(tree.plan, said, {})
        settled = settle(new.plan, found, before, reading, tree.lock, lambda key: Pass(key) if key in keys else None)
        if settled.marks.get(job.id) != DONE or settled.states[phase.id].complete != completes:
            raise MeasureError(f"by the rules, task {job.id} does not end as it should")
        new = written(new, settled)
        self.facts.locks += new.lock_bytes != tree.lock_bytes
        return new

    def enter(self, tree: Tree, job: Job) -> Tree:
        """A change of the plan alone, which brings the task."""
        self.entered.add(job.phase)
        text = self.shape.plan_text(self.entered).encode()
        plan = plan_of(text)
        new = dataclasses.replace(tree, plan_text=text, plan=plan, owners=Owners(plan))
        before = Before(tree.plan, tree.marks, tree.lock, tree.content())
        reading = Reading(tree.plan, tree.marks, {})
        new = written(new, settle(plan, new.content(), before, reading, tree.lock, lambda _: None))
        self.facts.plans += 1
        self.facts.locks += new.lock_bytes != tree.lock_bytes
        subject = f"feat: [plan] add step {job.number} to {title(job.phase)}"
        text_of_commit = f"{subject}\n\nIt was forgotten when the plan was made.\n"
        return dataclasses.replace(new, mark=self.stream.commit([tree.mark], text_of_commit, new.changes(tree)))


def new_file(path: str) -> tuple[str, ...]:
    """What a file begins with; no two are alike, so that Git takes none for a copy."""
    return tuple(f"value_{number:02} = 0  # {path}" for number in range(LINES))


def edited(tree: Tree, path: str, number: int, half: Half) -> tuple[str, ...]:
    """The file of the tree with one line changed, in that half; new if it is not there."""
    lines = tree.files.get(path) or new_file(path)
    first, end = half.value
    place = first + number * 11 % (end - first)
    return (*lines[:place], f"value_{place:02} = {number}  # {path}", *lines[place + 1 :])


# -- the repository ----------------------------------------------------------------------------------------------------


def make_history(folder: Path, shape: Shape) -> Facts:
    """The counts of the history that has been made there, packed, with ``main`` checked out.

    Raises:
        MeasureError: Git failed, or what was made is not what it should be.
    """
    env = clean_environment()
    begin = time.perf_counter()
    facts = write_repository(folder, env, lambda stream: Maker(shape, stream).make())
    facts.seconds = time.perf_counter() - begin
    check(folder, facts, env)
    return facts


def check(folder: Path, facts: Facts, env: Mapping[str, str]) -> None:
    """Refuse a history that is not as it should be; ``checked`` says whether ``orchestrator verify`` could be asked.

    Raises:
        MeasureError: it has other commits, a merge is not Git's own, or verify refuses it.
    """
    if (count := git(folder, env, "rev-list", "--count", RANGE)) != str(facts.commits):
        raise MeasureError(f"the history has {count} commits, not {facts.commits}")
    own = git(folder, env, "log", "--merges", "--diff-merges=remerge", "--raw", "--format=", RANGE)
    if own:
        raise MeasureError(f"merges differ from what Git makes of their parents:\n{own}")
    command = Path(sys.executable).parent / "orchestrator"
    known = subprocess.run([command, "verify", "--help"], cwd=folder, env=env, capture_output=True, check=False)
    if known.returncode == 0:
        run([command, "verify", RANGE], folder, env)
        facts.checked = True


def main() -> int:
    """The exit code: 0 made, 1 not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to make it; must not exist")
    parser.add_argument("--commits", type=int, default=1_000, help="commits after the adoption (default: 1000)")
    parser.add_argument("--phases", type=int, help="default: 5, and 20 for more than 1000 commits")
    parser.add_argument("--tasks", type=int, help="default: one for 50 commits")
    parser.add_argument("--plan-changes", type=int, help="default: in two of five phases")
    parser.add_argument("--merges", type=int, default=0, metavar="K", help="one commit of K is a merge (default: none)")
    parser.add_argument("--facts", type=Path, metavar="FILE", help="write the counts to this file, as JSON")
    options = parser.parse_args()
    wanted = {name: getattr(options, name) for name in ("phases", "tasks", "plan_changes")}
    shape = dataclasses.replace(
        shape_for(options.commits, options.merges), **{name: n for name, n in wanted.items() if n is not None}
    )
    if problem := shape.problem():
        parser.error(problem)
    try:
        facts = make_history(options.folder, shape)
    except MeasureError as error:
        sys.stderr.write(f"not made: {error}\n")
        return 1
    print(f"{facts.text()}; made in {facts.seconds:.1f} s")
    print("orchestrator verify accepts it" if facts.checked else "not checked: this orchestrator has no verify")
    if options.facts:
        options.facts.write_text(json.dumps({**dataclasses.asdict(facts), "text": facts.text()}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
