"""The property of ``verify``: what the hooks accept it accepts, over random honest work on real repositories.

Each history is a list of steps: work of any kind on files, boxes and the plan, put into a commit of any form under any
message; branches, merges, squashes. What the hooks refuse must leave HEAD where it was. After each commit that they
accept the whole branch is verified, in this process. One thing may be wrong there: a tip that is a merge which Git has
made by itself may hold passes of other content (``gate-due``).

The suite looks at a few short histories, always the same. This looks at 500 longer ones, and tells what was in them:

    ORCHESTRATOR_PROPERTY_RUNS=500 pytest -n 1 -o log_cli_level=INFO tests/e2e/test_verify_property.py

``ORCHESTRATOR_PROPERTY_SEED=7`` chooses others. A history that fails is shrunk, which takes minutes, and printed.

All branches share one adoption; histories in which two of them meet are no part of this.

Reverts and cherry-picks come in as ``-n`` and a commit through the hooks, since Git judges nothing where it commits by
itself. The second test has these, too, with rebases and commits around the hooks: there ``verify`` may refuse what it
likes, but must come to an answer, and to the same one without its short way.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import tomli
import tomli_w
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from orchestrator.app.compose import _phase_title
from orchestrator.app.sync import sync
from orchestrator.app.validate import validate
from orchestrator.app.verify.ground import Ground
from orchestrator.app.workplace import parent_of, staged_facts, staged_reading
from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.plan import LOCK_PATH, OWN_PATHS, TODO_PATH
from tests.e2e.support import Adopted, said
from tests.e2e.verify_support import judged, opened

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from orchestrator.app.facts import Facts
    from orchestrator.app.verify.report import Report
    from orchestrator.core.plan import Task
    from orchestrator.core.settle import Settled
    from tests.e2e.conftest import Maker

LOG = logging.getLogger(__name__)
RUNS = int(os.environ.get("ORCHESTRATOR_PROPERTY_RUNS", "0"))
SEED = int(os.environ.get("ORCHESTRATOR_PROPERTY_SEED", "2"))
HISTORIES = 3  # chooses those of the suite

PLAN = """\
version = 1

[feature]
title = "Letters"

[settings]

[gates.good]
run = "! grep -rqs bad a shared"
[gates.fine]
run = "! grep -qs bad b/*"
inputs = ["b/**", "notes.txt"]

[gates.other]
run = "! grep -qs bad notes.txt"

[[phase]]
id = "a"
title = "Alpha"
files = ["a/**", "shared/**"]
gates = ["good"]
[[phase.task]]
title = "First a"
files = ["a/one.txt"]
[[phase.task]]
title = "Second a"

[[phase]]
id = "b"
title = "Beta"
depends_on = ["a"]
files = ["b/**", "shared/**"]
gates = ["good", "fine"]
[[phase.task]]
title = "First b"
files = ["b/one.txt"]
[[phase.task]]
title = "Second b"
files = ["b/x*"]

[[phase]]
id = "c"
title = "Gamma"
files = ["c/**"]
gates = ["fine"]
[[phase.task]]
id = "see"
title = "First c"
files = ["c/one.txt"]

[[phase]]
id = "d"
title = "Delta"
depends_on = ["b", "c"]
files = ["d/**"]
[[phase.task]]
title = "First d"
files = ["d/one.txt", "shared/d.txt"]
"""
FOLDERS = ("a", "b", "c", "d", "e", "shared")
NAMES = ("one.txt", "x1.txt", "two.txt")
ELSEWHERE = ("notes.txt", "shared/s.txt", "shared/d.txt", "docs/b.md", "docs/plans/p.md", ".gitignore")
TEXTS = ("some {}\n", "more {}\nlines\n", "bad {}\n", "", "some {}\n")
SETTINGS: tuple[tuple[str, Any], ...] = (
    ("require_phase", "advancing"),
    ("require_phase", "always"),
    ("commit_types", ["fix", "feat"]),
    ("commit_types", ["*"]),
    ("commit_types", ["fix"]),
    ("exempt_authors", ["*@bots.example.com"]),
    ("unplanned_files", "block"),
    ("unplanned_files", "allow"),
    ("one_phase_per_commit", False),
    ("one_phase_per_commit", True),
    ("max_commit_files", 2),
    ("max_commit_files", 0),
    ("max_commit_lines", 3),
    ("max_commit_lines", 0),
    ("auto_done", False),
    ("auto_done", True),
    ("on_gate_failure", "block"),
    ("hook_time_limit", "0s"),
    ("hook_time_limit", "60s"),
    ("mainline", "squash"),
    ("mainline", "merge"),
    ("summary_lines", False),
)


# -- steps -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edit:
    """Something done to the work tree; what the numbers mean depends on the kind."""

    kind: str
    which: int = 0
    how: int = 0


@dataclass(frozen=True)
class Work:
    """Edits, and a commit of them. ``then`` says what is done where it is refused."""

    area: int
    edits: tuple[Edit, ...]
    form: str
    message: str
    number: int = 0
    then: str = "reset"


@dataclass(frozen=True)
class Go:
    """To a branch, made here where there is none of that number."""

    branch: int


@dataclass(frozen=True)
class Merge:
    """Of a branch into this one."""

    branch: int
    how: str
    resolve: str
    message: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class Back:
    """Reset to an earlier commit; what is between stays staged, if it is soft."""

    commits: int
    soft: bool


Step = Work | Go | Merge | Back


def weighted(**weights: int) -> list[str]:
    """Each word as often as its weight says; ``_`` stands for a space."""
    return [word.replace("_", " ") for word, weight in weights.items() for _ in range(weight)]


STEPS = weighted(work=12, replan=3, go=3, merge=5, back=1)
EDITS = weighted(
    write=8,
    finish=4,
    tick=4,
    elsewhere=2,
    delete=2,
    plan=1,
    sync=1,
    validate=1,
    prose=1,
    link=1,
    revert=1,
    pick=1,
    stray=1,
)
FORMS = weighted(plain=8, all=2, only=2, include=1, amend=3, empty=1, partly=2)
MESSAGES = weighted(
    right=16, phase=2, plan=1, formless=1, fixup=1, false_fixup=1, exception=2, untold=1, reuse=1, odd=2, bot=1
)
OF_PLANS = weighted(right=6, exception=1, formless=1)
OF_MERGES = weighted(own=4, right=2, phase=1, formless=1, exception=1)
MERGES = weighted(plain=4, no_ff=2, no_commit=1, squash=2, two=1)


def edits(random: Random, least: int, most: int) -> tuple[Edit, ...]:
    """Some edits of any kind."""
    count = random.randint(least, most)
    return tuple([Edit(random.choice(EDITS), random.randrange(12), random.randrange(12)) for _ in range(count)])


def any_step(random: Random) -> Step:
    """A step of any kind."""
    number = random.randrange(12)
    kind = random.choice(STEPS)
    if kind == "work":
        then = random.choice(("reset", "retry", "keep"))
        return Work(number, edits(random, 1, 3), random.choice(FORMS), random.choice(MESSAGES), number, then)
    if kind == "replan":
        plans = [Edit("plan", random.randrange(41), random.randrange(12)) for _ in range(random.randint(1, 2))]
        return Work(number, tuple(plans), random.choice(FORMS), random.choice(OF_PLANS), number)
    if kind == "merge":
        resolve = random.choice(("ours", "theirs", "abort"))
        return Merge(number, random.choice(MERGES), resolve, random.choice(OF_MERGES), edits(random, 0, 1))
    return Back(1 + number % 3, soft=number > 5) if kind == "back" else Go(number % 4)


def any_steps() -> list[Step]:
    """Steps to choose from, simple work first: hypothesis shrinks to what is first, and likes it best anyway.

    Strategies for each field would give much the same step again and again in a few histories.
    """
    random = Random(SEED)  # noqa: S311 - nothing secret
    return sorted(
        [any_step(random) for _ in range(4000)], key=lambda step: (not isinstance(step, Work), len(repr(step)))
    )


# -- changes of the plan -----------------------------------------------------------------------------------------------


def replan(data: dict[str, Any], which: int, how: int) -> None:
    """Change the plan in one way; where that makes no sense the plan is left as it is, or broken."""
    phases = data["phase"]
    phase = phases[how % len(phases)]
    tasks = phase.setdefault("task", [])
    folder = FOLDERS[how % len(FOLDERS)]
    settings = data.setdefault("settings", {})
    gates = data.setdefault("gates", {})
    controls = data.setdefault("control", [])
    changes: list[Callable[[], object]] = [
        lambda: tasks.append({"title": f"More {how}"}),
        lambda: tasks.append({"title": f"File {how}", "files": [f"{folder}/{NAMES[how % len(NAMES)]}"]}),
        lambda: tasks.append({"id": f"t{how}", "title": f"Glob {how}", "files": [f"{folder}/x*"]}),
        lambda: tasks.pop(how % len(tasks)),
        lambda: tasks.pop(-1),
        lambda: tasks[0].update(title=f"Title {how}"),
        lambda: tasks[0].update(id=f"id{how}"),
        lambda: tasks[-1].pop("id"),
        lambda: tasks[0].update(files=[f"{folder}/two.txt"]),
        lambda: tasks[0].update(files=[f"{folder}/**", f"!{folder}/two.txt"]),
        lambda: tasks[0].pop("files"),
        lambda: tasks[-1].update(depends_on=[tasks[0]["id"]]),
        lambda: phases[(how + 1) % len(phases)].setdefault("task", []).append(tasks.pop()),
        lambda: phase.setdefault("gates", []).append("fine"),
        lambda: phase.setdefault("gates", []).append("good"),
        lambda: phase["gates"].pop(-1),
        lambda: gates["good"].update(run=f"true {how}"),
        lambda: gates["good"].update(inputs=[f"{folder}/**"]),
        lambda: gates["fine"].update(timeout=f"{how + 1}m"),
        lambda: gates["fine"].pop("inputs"),
        lambda: phase.setdefault("gates", []).append("other"),
        lambda: settings.update([SETTINGS[how % len(SETTINGS)]]),
        lambda: settings.update([SETTINGS[(how + 12) % len(SETTINGS)]]),
        lambda: settings.pop(min(settings)),
        lambda: phases.append({"id": "e", "title": "Epsilon", "files": ["e/**"], "task": [{"title": "First e"}]}),
        lambda: phases.insert(0, {"id": "e", "title": "Epsilon", "files": ["e/**"], "task": [{"title": "First e"}]}),
        lambda: phases.remove(phase),
        lambda: phases.insert(0, phases.pop(how % len(phases))),
        lambda: phase.update(title=f"Phase of {how}"),
        lambda: phase.update(id=f"p{how}"),
        lambda: phase.update(depends_on=[phases[(how + 1) % len(phases)]["id"]]),
        lambda: phase.update(depends_on=[]),
        lambda: phase["files"].append(f"{folder}/**"),
        lambda: phase["files"].pop(-1),
        lambda: data.setdefault("question", []).append({"id": "Q", "text": "Why?", "blocks": [phase["id"]]}),
        lambda: data["question"][0].update(answer="Because"),
        lambda: data.pop("question"),
        lambda: controls.append({"id": "S", "text": "Safe", "phase": phase["id"], "resolved": False}),
        lambda: controls[0].update(resolved=True),
        lambda: controls.append({"id": "T", "text": "Checked", "phase": phase["id"], "check": "! grep -qs bad b/*"}),
        lambda: phase.update(artifacts=["docs/b.md"]),
    ]  # fmt: skip
    try:
        changes[which % len(changes)]()
    except (KeyError, IndexError, ValueError, ZeroDivisionError):
        settings["jobs"] = how


# -- a repository in which things happen -------------------------------------------------------------------------------


class World:
    """A repository in which the steps are done, and what has become of them."""

    def __init__(self, repo: Adopted, counts: Counter[str], *, hooked: bool = True) -> None:
        """Work in the repository, around the hooks if it is not ``hooked``; ``counts`` is told what happened."""
        self.repo = repo
        self.around = [] if hooked else ["--no-verify"]
        self.counts = counts
        self.by_git: set[str] = set()  # merges that no hook could write into
        self.adoption = self.head()
        self.clock = 1_700_000_000

    def do(self, step: Step) -> None:
        """Do the step, and see that what it leaves is as it must be."""
        if isinstance(step, Work):
            self.work(step)
        elif isinstance(step, Merge):
            self.merge(step)
        elif isinstance(step, Go):
            if self.git("switch", "-q", f"b{step.branch}").returncode != 0:
                self.git("switch", "-q", "-c", f"b{step.branch}")
        else:
            for _ in range(step.commits if self.is_after_adoption() else 0):
                self.git("reset", "-q", "--soft" if step.soft else "--hard", "HEAD^")
                if not self.is_after_adoption():
                    self.git("reset", "-q", "--soft" if step.soft else "--hard", "HEAD@{1}")

    def git(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The finished Git command; each has a second of its own, so that the ids are the same in each run."""
        self.clock += 1
        dates = {"GIT_AUTHOR_DATE": f"{self.clock} +0000", "GIT_COMMITTER_DATE": f"{self.clock} +0000"}
        return self.repo.git(*arguments, check=False, env={**dates, **env})

    def is_after_adoption(self) -> bool:
        """Whether HEAD has a commit with a plan before it: the one adoption of all branches stays as it is."""
        return (
            self.head() != self.adoption
            and self.repo.git("merge-base", "--is-ancestor", self.adoption, "HEAD", check=False).returncode == 0
        )

    def head(self) -> str:
        return self.repo.out("rev-parse", "HEAD")

    # -- work ----------------------------------------------------------------------------------------------------

    def work(self, step: Work) -> None:
        for number, edit in enumerate(step.edits):
            self.edit(edit, step.area)
            if step.form != "partly" or number == 0:
                self.git("add", "-A")
        if step.form == "all":
            self.git("reset", "-q")
        form = {
            "all": ["-a"],
            "only": ["--", *self.changed_paths(step.number)],
            "include": ["-i", "--", *self.changed_paths(step.number)],
            "amend": ["--amend"] if self.is_after_adoption() else [],
            "empty": ["--allow-empty"],
        }.get(step.form, [])
        message, env = self.message(step.message, step.number)
        if self.commit([*message, *form], step.form, env):
            return
        if step.then == "retry":
            self.git("add", "-A")
            message, env = self.message("right", step.number)
            self.commit(message, "retried", env)
        if step.then != "keep":
            self.git("reset", "-q", "--hard")

    def changed_paths(self, number: int) -> list[str]:
        out = self.repo.git("diff", "--name-only", "-z", "HEAD").stdout.split("\0")[:-1]
        return out[: 1 + number % 3] or ["PLAN.md"]

    def staged(self) -> tuple[Facts, Settled] | None:
        """What is staged and what it says, if it says something."""
        try:
            facts = staged_facts(opened(self.repo))
            return facts, facts.settle({}, staged_reading(facts))
        except CannotJudgeError:
            return None

    def phase(self, area: int) -> tuple[str, Sequence[Task]]:
        """The folder and the tasks of a phase, most often of one that can be worked on."""
        staged = self.staged() if area < 9 else None
        if staged is None:
            return FOLDERS[area % len(FOLDERS)], ()
        states = staged[1].states
        ready = [name for name, state in states.items() if state.open and not state.complete] or list(states)
        phase = states[ready[area % len(ready)]].phase
        return next((pattern.text.split("/")[0] for pattern in phase.files if "/" in pattern.text), "a"), phase.tasks

    def edit(self, edit: Edit, area: int) -> None:
        """Do the edit; ``area`` says in which phase, where that matters."""
        kind, which, how = edit.kind, edit.which, edit.how
        text = TEXTS[how % len(TEXTS)].format(self.clock)
        if kind == "write":
            self.put(f"{self.phase(area)[0]}/{NAMES[which % len(NAMES)]}", text)
        elif kind == "stray":
            self.put(f"{FOLDERS[which % len(FOLDERS)]}/{NAMES[how % len(NAMES)]}", "stray\n")
        elif kind == "elsewhere":
            self.put(ELSEWHERE[which % len(ELSEWHERE)], text)
        elif kind == "finish":
            _, tasks = self.phase(area)
            for pattern in [pattern for task in tasks for pattern in task.files if pattern.include]:
                self.put(pattern.text.replace("**", "x1.txt").replace("*", "1"), f"done {self.clock}\n")
            self.boxes(lambda _, line: any(f" Task {task.id}:" in line for task in tasks), "x")
        elif kind == "tick":
            task_id = tasks[which % len(tasks)].id if (tasks := self.phase(area)[1]) else ""
            self.boxes(
                lambda number, line: f" Task {task_id}:" in line if task_id else number == which,
                ("x", "x", "-", " ")[how % 4],
            )
        elif kind == "delete":
            out = self.repo.git("ls-files", "-z").stdout.split("\0")[:-1]
            path = out[which % len(out)] if out else "notes.txt"
            if how > 1 and path in OWN_PATHS:
                path = "notes.txt"
            self.git("rm", "-qf", "--ignore-unmatch", path)
        elif kind == "plan":
            self.replan(which, how)
        elif kind == "sync":
            self.command(sync)
        elif kind == "validate":
            self.command(lambda repository: validate(repository, []))
        elif kind == "prose":
            self.prose(which)
        elif kind == "link":
            folder, _ = self.phase(area)
            path = folder if how == 0 else f"{folder}/two.txt"
            self.git("rm", "-rqf", "--ignore-unmatch", path)
            file = self.repo.top / path
            file.parent.mkdir(exist_ok=True)
            if not file.exists() and not file.is_symlink():
                file.symlink_to("elsewhere")
        elif kind in ("revert", "pick"):
            branch = "HEAD" if kind == "revert" else f"b{how % 4}"
            command = ["revert", "-n"] if kind == "revert" else ["cherry-pick", "-n"]
            if self.around:
                # By Git alone.
                self.git("reset", "-q", "--hard")
                command = ["revert", "--no-edit"] if kind == "revert" else ["cherry-pick"]
                if which > 8:
                    command, branch = ["rebase", "-q"], f"b{how % 4}"
            if self.git(*command, f"{branch}~{which % 3}").returncode != 0:
                self.git(command[0], "--abort")
                self.git("reset", "-q", "--hard")

    def put(self, path: str, text: str) -> None:
        file = self.repo.top / path
        if file.parent.is_symlink():
            file.parent.unlink()
        if file.is_symlink():
            file.unlink()
        self.repo.write(path, text)

    def boxes(self, chosen: Callable[[int, str], bool], mark: str) -> None:
        """Set boxes of PLAN.md; ``chosen`` gets the number of a box and its line."""
        file = self.repo.top / "PLAN.md"
        if not file.is_file():
            return
        lines = file.read_text(encoding="utf-8").split("\n")
        places = [place for place, line in enumerate(lines) if line.startswith("- [")]
        for number, place in enumerate(places):
            if chosen(number, lines[place]):
                lines[place] = f"- [{mark}]{lines[place][5:]}"
        file.write_text("\n".join(lines), encoding="utf-8")

    def prose(self, which: int) -> None:
        """A line of a person's own in PLAN.md: below the tool's part, or under a task."""
        file = self.repo.top / "PLAN.md"
        if not file.is_file():
            return
        text = file.read_text(encoding="utf-8")
        box = re.search(r"^- \[.*\n", text, re.MULTILINE)
        if which % 2 and box:
            text = f"{text[: box.end()]}  note {which}\n{text[box.end() :]}"
        else:
            text += f"line {which}\n"
        file.write_text(text, encoding="utf-8")

    def replan(self, which: int, how: int) -> None:
        file = self.repo.top / "plan.toml"
        if not file.is_file():
            if self.is_after_adoption():
                self.repo.write("plan.toml", PLAN)  # adopted once more
            return
        try:
            data = tomli.loads(file.read_text(encoding="utf-8"))
        except tomli.TOMLDecodeError:
            return
        replan(data, which, how)
        file.write_bytes(tomli_w.dumps(data).encode())

    def command(self, run: Callable[[Any], object]) -> None:
        """What a command does, here in this process; what it cannot do it leaves."""
        self.git("add", "-A")
        try:
            run(opened(self.repo))
        except CannotJudgeError:
            self.counts["commands that could not"] += 1

    # -- commits -------------------------------------------------------------------------------------------------

    def message(self, kind: str, number: int) -> tuple[list[str], dict[str, str]]:
        """The arguments of git-commit that give the message, and what is in the environment with them."""
        if kind == "phase":
            names = ("a", "Alpha", "1", "Phase 2", "b", "c", "Gamma", "d", "e", "E", "p1", "nowhere")
            return ["-m", f"feat: [{names[number]}] work"], {}
        if kind == "exception":
            return ["-m", f"hot {number}\n\nPlan-Exception: why"], {"ORCHESTRATOR_EXCEPTION": "why"}
        if kind == "untold":
            return ["-m", f"hot {number}\n\nPlan-Exception: why"], {}
        if kind == "fixup":
            return [f"--fixup=HEAD~{number % 4}"], {}
        if kind == "reuse":
            return ["-C", "HEAD"] if number % 2 else ["--no-edit"], {}
        if kind == "bot":
            return ["-m", f"bump {number}", "--author", "Bot <b@bots.example.com>"], {}
        words = {"plan": "feat: [plan] work", "formless": f"work {number}", "false fixup": "fixup! nothing"}
        if kind in words:
            return ["-m", words[kind]], {}
        right = f"{self.right()} work {number}"
        odd = (
            ["-m", f"\n\n{right}\n# a comment\n"],
            ["-m", f"# not a subject\n{right}", "--cleanup=verbatim"],
            ["-m", f"{right}\n# told\n", "--cleanup=whitespace"],
            ["-m", f"{right}\n# ------------------------ >8 ------------------------\nx", "--cleanup=scissors"],
            ["-m", right, "-m", "And why.\n\nSigned-off-by: A <a@example.com>"],
            ["-m", f"  {right}  "],
            ["-m", right.partition("]")[0] + "]"],
            ["-m", right.replace("feat", "fix(scope)!")],
            ["-m", f"Revert it\n\nThis reverts commit {self.head()}."],
            ["-m", "Merge branch 'b1'"],
            ["-m", right, "--trailer", "Plan-Exception: why"],
            ["-m", f"amend! {right}\n\n{right}"],
        )
        return (odd[number] if kind == "odd" else ["-m", right]), {}

    def right(self) -> str:
        """Type and phase as ``orchestrator commit`` would compose them now."""
        staged = self.staged()
        if staged is None:
            return "feat: [plan]"
        before = parent_of(*staged)
        return f"{before.plan.settings.usual_type}: [{_phase_title(*staged, before, None)}]"

    def commit(self, arguments: list[str], form: str, env: dict[str, str], *, count: bool = True) -> bool:
        """Whether there is a new commit, made through the hooks."""
        before = self.head()
        if self.around and len(arguments) % 2:
            self.command(sync)  # as a hook would have done it
        done = self.git("commit", "-q", *self.around, *arguments, **env)
        assert "Traceback" not in said(done), said(done)
        after = self.head()
        assert (after != before) == (done.returncode == 0), said(done)
        if done.returncode != 0:
            self.counts["refused"] += 1
            return False
        if count:
            self.counts[form] += 1
        self.counts["accepted"] += 1
        if "plan.toml" in self.repo.out("show", "--format=", "--name-only", after).splitlines():
            self.counts["plan changes"] += 1
        self.look()
        return True

    # -- merges --------------------------------------------------------------------------------------------------

    def merge(self, step: Merge) -> None:
        """Merge a branch; conflicts are resolved as the step says, and what is refused is given up."""
        before = self.head()
        others = self.repo.out("branch", "--format=%(refname:short)", "--no-merged", "HEAD").split()
        if not others:
            return
        names = sorted({others[(step.branch + more) % len(others)] for more in range(2 if step.how == "two" else 1)})
        options = {"no ff": ["--no-ff"], "no commit": ["--no-commit", "--no-ff"], "squash": ["--squash"]}
        message, env = self.message(step.message, step.branch) if step.message != "own" else (["--no-edit"], {})
        with_message = [] if step.how in ("squash", "no commit") else message
        done = self.git("merge", "-q", *self.around, *options.get(step.how, []), *with_message, *names, **env)
        assert "Traceback" not in said(done), said(done)
        after = self.head()
        if after != before:
            assert done.returncode == 0, said(done)
            if after not in [self.repo.out("rev-parse", name) for name in others]:  # it is no fast-forward
                self.by_git.add(after)
                self.counts["merges by Git"] += 1
            self.look()
            return
        is_open = self.repo.git_path("MERGE_HEAD").exists() or step.how == "squash"
        if is_open and step.resolve != "abort":
            self.resolve(step, message, env)
        if self.repo.git_path("MERGE_HEAD").exists():
            self.git("merge", "--abort")
        self.git("reset", "-q", "--hard")

    def resolve(self, step: Merge, message: list[str], env: dict[str, str]) -> None:
        """Take one side where both have changed a file, let ``sync`` mend the tool's files, and commit."""
        unmerged = {line.partition("\t")[2] for line in self.repo.out("ls-files", "-u").splitlines()}
        for path in sorted(unmerged - {TODO_PATH, LOCK_PATH}):
            if self.git("checkout", f"--{step.resolve}", "--", path).returncode != 0:
                self.git("rm", "-qf", path)
            self.git("add", "-A", "--", path)
        try:
            sync(opened(self.repo))
        except CannotJudgeError:
            self.counts["commands that could not"] += 1
        for edit in step.edits:
            self.edit(edit, edit.which)
        self.git("add", "-A")
        if step.how == "squash" and step.message == "own":
            message, env = self.message("right", 0)
        self.commit(message, f"{'squashes' if step.how == 'squash' else 'merges through the hooks'}", env)

    def branches(self) -> list[str]:
        return self.repo.out("for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    # -- what must hold ------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Nothing on this branch is refused, but what Git alone leaves in a merge at the tip."""
        if not self.around:
            self.counts["verified"] += 1
            self.judge("HEAD")

    def judge(self, name: str) -> Report:
        report = judged(self.repo, name)
        tip = self.repo.out("rev-parse", name)
        wrong = [
            (verdict.oid[:10], verdict.subject, found.id, found.message, found.notes)
            for verdict in report.refused
            for found in verdict.findings
            if not (verdict.oid == tip and tip in self.by_git and found.id == "gate-due")
        ]
        log = self.repo.out("log", "--graph", "--oneline", "-20", name) if wrong else ""
        assert not wrong, f"{wrong}\n{log}"
        return report


def compare(patch: pytest.MonkeyPatch, world: World, short: Sequence[Report]) -> None:
    """The reports on all branches are the same without the short way."""
    with patch.context() as context:
        context.setattr(Ground, "phase_of", lambda *_: "")
        long = [judged(world.repo, name) for name in world.branches()]
    for one, other in zip(short, long, strict=True):
        assert one.replace(seconds=0.0) == other.replace(seconds=0.0)


@pytest.fixture
def fresh(make: Maker, tmp_path: Path) -> Iterator[Callable[[], Adopted]]:
    """Makes repositories, each as new: an adopted plan, and a branch from before it."""
    repo = make.hooked("native", "template")
    dates = {"GIT_AUTHOR_DATE": "1600000000 +0000", "GIT_COMMITTER_DATE": "1600000000 +0000"}
    repo.env.update(dates)
    repo.git("config", "core.fsync", "none")  # thousands of commits that nobody keeps
    repo.commit("before", {"notes.txt": "notes\n", ".gitignore": "*.log\n"})
    repo.git("branch", "b3")
    repo.commit("begin", {"plan.toml": PLAN})
    repo.git("branch", "-M", "b0")
    repo.git("switch", "-q", "b3")
    repo.commit("anything", {"old.txt": "old\n"})
    repo.git("switch", "-q", "b0")
    top = tmp_path / "copy"
    env = {name: value for name, value in repo.env.items() if name not in dates}

    def copy() -> Adopted:
        shutil.rmtree(top, ignore_errors=True)
        shutil.copytree(repo.top, top, symlinks=True)
        found = Adopted(top, env)
        found.git("update-index", "-q", "--refresh")
        return found

    yield copy
    shutil.rmtree(top, ignore_errors=True)


def histories(runs: int, work: Callable[[list[Step]], None]) -> None:
    """Do the work for that many histories; short ones in the suite, always the same.

    hypothesis, which shrinks what fails, would not give the same: it also draws what stands as a constant in any module
    that happens to be imported.
    """
    if not RUNS:
        random, steps = Random(HISTORIES), any_steps()  # noqa: S311 - nothing secret
        for number in range(runs):
            history = random.choices(steps, k=random.randint(8, 14))
            try:
                work(history)
            except AssertionError as error:
                raise AssertionError(f"history {number}: {history}\n{error}") from error
        return

    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=RUNS,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(st.lists(st.sampled_from(any_steps()), min_size=20, max_size=50))
    def property_of(steps: list[Step]) -> None:
        work(steps)

    property_of()


def test_what_the_hooks_accept_verify_accepts(fresh: Callable[[], Adopted], monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[str] = Counter()

    def work(steps: list[Step]) -> None:
        world = World(fresh(), counts)
        for step in steps:
            world.do(step)
        compare(monkeypatch, world, [world.judge(name) for name in world.branches()])
        counts["histories"] += 1

    histories(3, work)
    LOG.info("%s", dict(sorted(counts.items())))
    # It would be easy to find nothing wrong where nothing happens.
    assert counts["accepted"] >= 10
    assert counts["refused"] >= 3
    assert counts["plan changes"] >= 3
    assert counts["merges by Git"] + counts["merges through the hooks"] >= 1


def test_what_went_around_the_hooks_is_answered_the_same_without_the_short_way(
    fresh: Callable[[], Adopted], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: Counter[str] = Counter()

    def work(steps: list[Step]) -> None:
        world = World(fresh(), counts, hooked=False)
        for step in steps:
            world.do(step)
        reports = [judged(world.repo, name) for name in world.branches()]
        compare(monkeypatch, world, reports)
        counts["judged"] += sum([report.judged for report in reports])
        counts["refused by verify"] += sum([len(report.refused) for report in reports])

    histories(5, work)
    LOG.info("%s", dict(sorted(counts.items())))
    assert 10 <= counts["refused by verify"] <= counts["judged"] - 10
