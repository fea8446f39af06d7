"""A state machine: whatever Git does in whatever order, only what may land lands, and nothing of the user's is lost.

Each run has a plan of its own and native hooks. Every operation is done twice: first in a twin, a copy without hooks,
then in the repository. What the twin's commit is tells the model (``landing_model``) what it must say of it; what the
twin's files, index and HEAD are is what must come out in the repository, too, but for the tool's own lines.

The suite looks at a few short runs, always the same. This looks at 200 longer ones, and tells what was in them:

    ORCHESTRATOR_PROPERTY_RUNS=200 pytest -n 1 -o log_cli_level=INFO tests/e2e/test_state_machine.py

``ORCHESTRATOR_PROPERTY_SEED=7`` chooses others. A run that fails is shrunk, which takes minutes, and printed. What was
found has become a named test where tests of its kind stand.
"""

from __future__ import annotations

import ast
import hashlib
import logging
import os
import re
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import Phase as HypothesisPhase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from orchestrator.app.sync import sync
from orchestrator.app.validate import validate
from orchestrator.core.finding import CannotJudgeError
from orchestrator.installing.merge_driver import install_driver
from tests.e2e import landing_model
from tests.e2e.landing_model import (
    LOCK,
    OWN,
    TODO,
    Attempt,
    Plan,
    Verdict,
    any_plan,
    foreign_lines,
    gate_says,
    judge,
    locked_passes,
    marks_of,
)
from tests.e2e.support import Adopted, expected_own_files, leftovers, said, told, work_tree
from tests.e2e.verify_support import judged, opened
from tests.matrix.cell import Words, words_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping

    from tests.e2e.conftest import Maker

LOG = logging.getLogger(__name__)
RUNS = int(os.environ.get("ORCHESTRATOR_PROPERTY_RUNS", "0"))
SEED = int(os.environ.get("ORCHESTRATOR_PROPERTY_SEED", "2"))
SHORT = (20, 3006)  # runs of the suite in which much happens

_NO_COPY = ("objects", "hooks", "orchestrator")
_UNDER_WAY = ("rebase-merge", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")
# Told by the stage before the message: nothing has been written by then.
_NOTHING_WRITTEN = {
    "task-evidence",
    "task-locked",
    "plan-md-edited",
    "plan-md-unstaged",
    "phases-mixed",
    "unplanned-file",
    "gate-failed",
    "lock-tampered",
}
_OF_TEXT = {"plan-md-edited", "lock-tampered"}  # what Git makes of two versions of our files may not be readable


# -- what there is to choose from --------------------------------------------------------------------------------------


def plans() -> list[Plan]:
    """Plans to choose from, simple ones first: hypothesis shrinks to what is first."""
    random = Random(SEED)  # noqa: S311 - nothing secret
    return sorted([any_plan(random) for _ in range(200)], key=lambda plan: len(repr(plan)))


STEPS: dict[str, tuple[dict[str, list[Any]], Callable[[Any], bool]]] = {}  # choices of each rule, and when it applies


def step(when: Callable[[Any], bool] = lambda _: True, **choices: Any) -> Callable[[Callable[..., None]], Any]:
    """A rule whose arguments are chosen from lists; the bounded run chooses from them by itself."""

    def make(function: Callable[..., None]) -> Any:
        found = {name: list(values) for name, values in choices.items()}
        STEPS[function.__name__] = (found, when)
        strategies: dict[str, Any] = {name: st.sampled_from(values) for name, values in found.items()}
        as_rule: Any = rule(**strategies)
        return precondition(when)(as_rule(function))

    return make


def idle(machine: Machine) -> bool:
    """Whether Git is in the middle of nothing."""
    return not machine.under_way()


NUMBERS = range(6)
FIRST = ("reset", "reset", "hard", "hard", "nothing")  # what is done with what is staged, before work that is committed
BESIDE = ("", "top", "bottom", "note", "box", "files")  # what is left unstaged beside it
PATHS = ("one.txt", "x1.txt", "two.txt", "three.txt", "old.txt", "gate.txt")
TEXTS = ("good {}\n", "some {}\n", "bad {}\n", "")
MESSAGES = ("right", "right", "right", "right", "right", "phase", "formless", "type", "unknown", "false fixup", "fixup")
FORMS = ("plain", "all", "only", "only", "include", "amend", "amend all", "amend only", "empty", "own only")
TODO_LISTS = (
    "",
    "1s/^pick/reword/",
    "1s/^pick/drop/",
    "1{h;d};2{G}",
    "2s/^pick/squash/",
    "2s/^pick/fixup/",
    "2s/^pick/edit/",
)
# Rules that the short runs choose more often than the others.
OFTEN = (*("work", "finish", "commit_as", "go_on") * 3, *("switch", "merge", "pick", "rebase"))


@dataclass(frozen=True)
class Snap:
    """All that an operation may change. ``index`` has mode, blob and stage of each path."""

    head: str
    branch: str
    index: dict[str, str]
    files: dict[str, bytes]
    stashes: int
    under_way: tuple[str, ...]


def oid_of(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324 - as Git names it


def without(entries: Mapping[str, Any], paths: tuple[str, ...] = OWN) -> dict[str, Any]:
    return {path: entry for path, entry in entries.items() if path not in paths}


# -- the machine -------------------------------------------------------------------------------------------------------


class Machine(RuleBasedStateMachine):
    """A repository in which anything happens."""

    fresh: Callable[[], Adopted]  # makes a repository with hooks and nothing else in it
    counts: Counter[str]  # is told what happened

    def __init__(self) -> None:
        super().__init__()
        self.repo = self.fresh()
        self.top = self.repo.top
        self.clock = 1_700_000_000
        self.blobs: dict[str, bytes] = {}
        self.trees: dict[str, dict[str, tuple[str, str]]] = {}
        self.through: set[str] = set()
        self.twin = self.repo
        self.given_up: set[str] = set()  # tasks that the tool has ticked in a commit that was refused then
        self.log: list[str] = []
        self.failed = False

    @initialize(plan=st.sampled_from(plans()), driver=st.booleans())
    def adopt(self, plan: Plan, driver: bool) -> None:
        self.plan = plan
        if driver:
            install_driver(opened(self.repo).git)
        files = {f"{phase.id}/old.txt": "old\n" for phase in plan.phases}
        self.repo.commit("begin", {"plan.toml": plan.text(), "notes.txt": "one\ntwo\nthree\n", **files})
        self.adoption = self.repo.out("rev-parse", "HEAD")
        self.through.add(self.adoption)

    # -- work

    @step(phase=NUMBERS, path=PATHS, text=TEXTS, stage=("yes", "yes", "no", "part"))
    def write(self, phase: int, path: str, text: str, stage: str) -> None:
        folder = "shared" if phase == 5 else self.near(phase)
        self.put(f"{folder}/{path}", text, stage)

    @step(path=("notes.txt", "other.txt", "docs/a.txt", "a.log"), stage=("yes", "no", "part"))
    def write_elsewhere(self, path: str, stage: str) -> None:
        self.put(path, "words {}\n", stage)

    @step(
        when=idle,
        phase=NUMBERS,
        ticks=(True, True, False),
        message=("right", "right", "formless"),
        first=FIRST,
        beside=BESIDE,
    )
    def finish(self, phase: int, ticks: bool, message: str, first: str, beside: str) -> None:
        if first != "nothing":
            self.git("reset", "-q", *(["--hard"] if first == "hard" else []))
        self.do_all(phase, ticks=ticks)
        self.leave(beside)
        self.commit(*self.message(message, phase))

    @step(phase=NUMBERS, ticks=(True, False))
    def prepare(self, phase: int, ticks: bool) -> None:
        self.do_all(phase, ticks=ticks)

    @step(when=idle, phase=NUMBERS, path=PATHS, text=TEXTS, message=MESSAGES, first=FIRST, beside=BESIDE)
    def work(self, phase: int, path: str, text: str, message: str, first: str, beside: str) -> None:
        if first != "nothing":
            self.git("reset", "-q", *(["--hard"] if first == "hard" else []))
        self.put(f"{self.near(phase)}/{path}", text, "yes")
        self.leave(beside)
        self.commit(*self.message(message, phase))

    @step(task=range(9), mark="xxx- ", stage=(True, False))
    def box(self, task: int, mark: str, stage: bool) -> None:
        tasks = self.plan.tasks
        self.tick([tasks[task % len(tasks)].id], mark)
        if stage:
            self.git("add", "--", TODO)

    @step(place=("top", "bottom", "note", "foreign"), stage=("yes", "no", "no"))
    def words(self, place: str, stage: str) -> None:
        self.say(place)
        if stage == "yes":
            self.git("add", "--", TODO)

    @step(when=idle, soft=(True, False))
    def undo(self, soft: bool) -> None:
        if self.is_adopted("HEAD~1"):
            self.git("reset", "-q", "--soft" if soft else "--mixed", "HEAD~1")

    @step(path=(TODO, TODO, LOCK, "notes.txt", "a/one.txt", "b/gate.txt"), how=("rm", "unlink", "cached"))
    def take_away(self, path: str, how: str) -> None:
        if how == "unlink":
            (self.top / path).unlink(missing_ok=True)
        else:
            self.git("rm", "-q", "-f", *(["--cached"] if how == "cached" else []), "--ignore-unmatch", "--", path)

    @step(how=("garble", "passes", "comment"), stage=(True, False))
    def lock_by_hand(self, how: str, stage: bool) -> None:
        file = self.top / LOCK
        if not file.is_file():
            return
        text = file.read_text(encoding="utf-8")
        if how == "garble":
            text += f"{self.token()} = = \n"
        elif how == "comment":
            text += f"# {self.token()}\n"
        else:
            text = re.sub(r"key = \"..", 'key = "00', text)
        self.repo.write(LOCK, text)
        if stage:
            self.git("add", "--", LOCK)

    @step(everything=("add -A", "add -u", "reset", "hard", "hard", "restore"))
    def tidy(self, everything: str) -> None:
        commands = {
            "add -A": ("add", "-A"),
            "add -u": ("add", "-u"),
            "reset": ("reset", "-q"),
            "hard": ("reset", "-q", "--hard"),
            "restore": ("checkout", "-q", "--", "."),
        }
        if everything in ("add -A", "add -u") or idle(self):
            self.git(*commands[everything])

    # -- commits

    @step(when=idle, phase=NUMBERS, form=FORMS, message=MESSAGES)
    def commit_as(self, phase: int, form: str, message: str) -> None:
        changed = self.repo.git("diff", "--name-only", "-z", "HEAD").stdout.split("\0")[:-1]
        some = changed[: 1 + phase % 2] or ["notes.txt"]
        options = {
            "all": ("-a",),
            "only": ("--", *some),
            "include": ("-i", "--", *some),
            "amend": ("--amend",),
            "amend all": ("--amend", "-a"),
            "amend only": ("--amend", "--", *some),
            "empty": ("--allow-empty",),
            "own only": ("--", TODO),
        }.get(form, ())
        if "--amend" in options and self.repo.out("rev-parse", "HEAD") == self.adoption:
            return
        words = self.message(message, phase)
        if "--amend" in options and message in ("right", "fixup"):
            words = ("--no-edit",)
        self.commit(*words, *options)

    # hypothesis likes all rules alike; without commits nothing else matters.
    finish_more, finish_most, work_more, work_most, commit_more = finish, finish, work, work, commit_as

    # -- branches

    @step(when=idle, branch=range(3), back=(0, 1, 2))
    def switch(self, branch: int, back: int) -> None:
        names = self.repo.out("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
        start = f"HEAD~{back}"
        if f"b{branch}" in names:
            self.by_git("switch", "-q", f"b{branch}")
        elif self.is_adopted(start):
            self.by_git("switch", "-q", "-c", f"b{branch}", start)

    @step(when=idle, branch=NUMBERS, how=("plain", "no-ff", "no-commit", "squash"))
    def merge(self, branch: int, how: str) -> None:
        names = self.others()
        if names:
            options = {
                "plain": ["--no-edit"],
                "no-ff": ["--no-ff", "--no-edit"],
                "no-commit": ["--no-ff", "--no-commit"],
            }
            self.by_git("merge", "-q", *options.get(how, ["--squash"]), names[branch % len(names)])

    @step(when=idle, branch=NUMBERS, back=range(3), dry=(True, False))
    def pick(self, branch: int, back: int, dry: bool) -> None:
        names = self.others()
        if names and self.is_adopted(f"{names[branch % len(names)]}~{back + 1}"):
            self.by_git("cherry-pick", *(["-n"] if dry else []), f"{names[branch % len(names)]}~{back}")

    @step(when=idle, back=range(3), dry=(True, False))
    def revert(self, back: int, dry: bool) -> None:
        if self.is_adopted(f"HEAD~{back + 1}"):  # the adoption itself stays
            self.by_git("revert", *(["-n"] if dry else ["--no-edit"]), f"HEAD~{back}")

    @step(when=idle, branch=NUMBERS, todo=TODO_LISTS, auto=(True, False))
    def rebase(self, branch: int, todo: str, auto: bool) -> None:
        names = self.others()
        onto = names[branch % len(names)] if names and branch % 2 else "HEAD~2"
        if not self.is_adopted(onto):
            return
        options = ("-i",) if todo else ()
        with_stash = ("--autostash",) if auto else ()
        env = {"GIT_SEQUENCE_EDITOR": f"sed -i -e '{todo}'"}
        self.by_git("rebase", "-q", *options, *with_stash, onto, **env)

    @step(when=idle, how=("push", "push -u", "keep", "pop", "pop", "apply index"))
    def stash(self, how: str) -> None:
        options = {"push -u": ("push", "-u"), "keep": ("push", "--keep-index"), "apply index": ("apply", "--index")}
        self.by_git("stash", *options.get(how, (how,)), "-q")

    @step(when=lambda machine: not idle(machine), how=("abort", "on", "on", "commit", "skip"), side=("ours", "theirs"))
    def go_on(self, how: str, side: str) -> None:
        name = self.under_way()[0]
        command = {"rebase-merge": "rebase", "MERGE_HEAD": "merge"}.get(name, name.partition("_")[0].lower())
        command = "cherry-pick" if command == "cherry" else command
        if how in ("abort", "skip"):
            self.by_git(command, "--abort" if how == "abort" or command == "merge" else "--skip")
            return
        self.resolve(side)
        if command == "rebase" and how == "on":
            self.by_git("rebase", "--continue")
        elif how == "on":
            self.commit(command=(command, "--continue"))
        elif command == "rebase":
            self.commit("-m", "in the middle")
        else:
            self.commit("--no-edit")

    @step(which=("sync", "validate", "validate", "status"))
    def command(self, which: str) -> None:
        before = self.snap()
        staged = self.staged_todo(before)
        if which == "status":
            self.git("status")
        else:
            try:
                if which == "sync":
                    sync(opened(self.repo))
                else:
                    validate(opened(self.repo), [])
            except CannotJudgeError:
                self.counts["commands that could not"] += 1
        after = self.snap()
        self.same(before.head, after.head, "HEAD after a command")
        self.same(without(before.files), without(after.files), "files after a command")
        if not self.is_merged(before):
            return
        self.same(without(before.index), without(after.index), "index after a command")
        for was, now in ((before.files.get(TODO), after.files.get(TODO)), (staged, self.staged_todo(after))):
            if was is not None and foreign_lines(was.decode()) != []:
                gone = set(words_of(was.decode()).lines()) - set(words_of((now or b"").decode()).lines())
                self.same(set(), {line for line in gone if "token" in line}, "lines lost by a command")
            else:
                self.same_words(was, now, "words after a command")

    # -- what the rules share

    def git(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The finished command, in a second of its own."""
        self.clock += 1
        return self.run(self.repo, *arguments, **env)

    def run(self, repo: Adopted, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        date = f"{self.clock} +0000"
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_EDITOR": "true"}
        done = repo.git(*arguments, check=False, env={**dates, **env})
        if repo is self.repo:
            self.log.append(f"git {' '.join(arguments)} -> {done.returncode} {' '.join(sorted(told(said(done))))}")
        return done

    def token(self) -> str:
        self.clock += 1
        return f"token{self.clock}"

    def under_way(self) -> list[str]:
        return [name for name in _UNDER_WAY if (self.top / ".git" / name).exists()]

    def others(self) -> list[str]:
        return self.repo.out("for-each-ref", "--format=%(refname:short)", "refs/heads", "--no-contains=HEAD").split()

    def is_adopted(self, commit: str) -> bool:
        return self.repo.git("merge-base", "--is-ancestor", self.adoption, commit, check=False).returncode == 0

    def near(self, phase: int) -> str:
        """The folder of a phase: of the first that is not done, or of any."""
        marks = marks_of(self.todo())
        first = [p.id for p in self.plan.phases if any(marks.get(task.id) != "x" for task in p.tasks)]
        return first[0] if phase < 3 and first else self.plan.phases[phase % len(self.plan.phases)].id

    def put(self, path: str, text: str, stage: str) -> None:
        """Write the file; staged in part means that the work tree goes on where the index ends."""
        file = self.top / path
        if file.is_dir():
            return
        self.repo.write(path, text.format(self.token()))
        if stage != "no":
            self.git("add", "--", path)
        if stage == "part":
            self.repo.write(path, text.format(self.token()) + f"more {self.token()}\n")

    def do_all(self, phase: int, *, ticks: bool) -> None:
        name = self.near(phase)
        found = self.plan.phase(name)
        for pattern in [f"{name}/gate.txt", *[pattern for task in found.tasks for pattern in task.files]]:
            self.put(pattern.replace("*", "1"), "good {}\n", "yes")
        if ticks:
            self.tick([task.id for task in found.tasks], "x")
            self.git("add", "--", TODO)

    def leave(self, beside: str) -> None:
        """Have something in the work tree that is not staged."""
        if beside == "box":
            tasks = self.plan.tasks
            self.tick([tasks[self.clock % len(tasks)].id], "x- "[self.clock % 3])
        elif beside == "files":
            self.put("notes.txt", "words {}\n", "part")
            self.put("new.txt", "new {}\n", "no")
        elif beside:
            self.say(beside)

    def say(self, place: str) -> None:
        """A line of the user's own in PLAN.md of the work tree."""
        text = self.todo()
        if text is None:
            return
        token = self.token()
        boxes = [match.end() for match in re.finditer(r"^- \[.*\n", text, re.MULTILINE)]
        if place == "top":
            text = f"# top {token}\n\n{text}"
        elif place == "bottom":
            text += f"\nbottom {token}\n"
        elif boxes:
            at = boxes[self.clock % len(boxes)]
            text = f"{text[:at]}{'  note' if place == 'note' else 'foreign'} {token}\n{text[at:]}"
        self.repo.write(TODO, text)

    def todo(self) -> str | None:
        file = self.top / TODO
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def tick(self, tasks: list[str], mark: str) -> None:
        text = self.todo()
        if text is not None:
            for task in tasks:
                text = re.sub(rf"(?m)^- \[.\] Task {re.escape(task)}:", f"- [{mark}] Task {task}:", text)
            self.repo.write(TODO, text)

    def message(self, kind: str, phase: int) -> tuple[str, ...]:
        if kind == "fixup":
            return (f"--fixup=HEAD~{phase % 2}",)
        kinds = self.plan.setting("commit_types", '["feat"]').strip('[]"').partition('"')[0]
        name = self.right()
        if kind == "phase":
            found = self.plan.phases[phase % len(self.plan.phases)]
            name = (found.id, found.title.upper(), str(found.number), f"Phase {found.number}")[phase % 4]
        words = {
            "formless": "some work",
            "type": f"chore: [{name}] work",
            "unknown": f"{kinds}: [nowhere] work",
            "false fixup": "fixup! nothing like it",
        }
        return ("-m", words.get(kind, f"{kinds}: [{name}] work {self.token()}"))

    def right(self) -> str:
        """The phase that most of what is staged belongs to."""
        paths = self.repo.git("diff", "--cached", "--name-only", "-z", "HEAD").stdout.split("\0")
        found = Counter([phase.id for path in paths for phase in self.plan.claimants(path)])
        return found.most_common(1)[0][0] if found else self.near(0)

    def resolve(self, side: str) -> None:
        """Take one side where both have changed a file, and let ``sync`` mend the tool's."""
        unmerged = {line.partition("\t")[2] for line in self.repo.out("ls-files", "-u").splitlines()}
        for path in sorted(unmerged - set(OWN)):
            if self.git("checkout", f"--{side}", "--", path).returncode:
                self.git("rm", "-qf", "--", path)
            self.git("add", "-A", "--", path)
        if unmerged:
            with suppress(CannotJudgeError):
                sync(opened(self.repo))
            self.git("add", "-A", "--", *[path for path in OWN if (self.top / path).exists()])

    # -- what is seen

    def snap(self, repo: Adopted | None = None) -> Snap:
        repo = repo or self.repo
        head, branch = repo.out("rev-parse", "HEAD", "--symbolic-full-name", "HEAD").split("\n")
        index: dict[str, str] = {}
        for line in repo.git("ls-files", "-sz").stdout.split("\0")[:-1]:
            entry, _, path = line.partition("\t")
            index[path] = f"{index[path]}, {entry}" if path in index else entry
        log = repo.top / ".git" / "logs" / "refs" / "stash"
        files = work_tree(repo.top)
        self.blobs.update({oid_of(data): data for data in files.values()})
        stashes = len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0
        under_way = tuple([name for name in _UNDER_WAY if (repo.top / ".git" / name).exists()])
        return Snap(head, branch, index, files, stashes, under_way)

    def read(self, oid: str) -> bytes:
        if oid not in self.blobs:
            done = self.twin.git("cat-file", "blob", oid, check=False)
            done = done if done.returncode == 0 else self.repo.git("cat-file", "blob", oid)
            self.blobs[oid] = done.stdout.encode("utf-8", "surrogateescape")
        return self.blobs[oid]

    def tree(self, commit: str, repo: Adopted) -> dict[str, tuple[str, str]]:
        if commit not in self.trees:
            found = {}
            for line in repo.git("ls-tree", "-rz", commit).stdout.split("\0")[:-1]:
                entry, _, path = line.partition("\t")
                mode, _, oid = entry.split(" ")
                found[path] = (mode, oid)
            self.trees[commit] = found
        return self.trees[commit]

    def staged_todo(self, snap: Snap | None = None) -> bytes | None:
        entry = (snap or self.snap()).index.get(TODO)
        return self.read(entry.split(" ")[1]) if entry and "," not in entry else None

    @staticmethod
    def is_merged(snap: Snap) -> bool:
        return not any("," in entry for entry in snap.index.values())

    def make_twin(self) -> Adopted:
        """A copy without hooks, as the repository is now; it reads the repository's objects."""
        folder = self.top.with_name("twin")
        shutil.rmtree(folder, ignore_errors=True)
        git = self.top / ".git"
        skipped = {str(git): set(_NO_COPY)}
        shutil.copytree(self.top, folder, symlinks=True, ignore=lambda at, _: skipped.get(at, set()))
        (folder / ".git" / "objects" / "info").mkdir(parents=True)
        (folder / ".git" / "objects" / "info" / "alternates").write_text(f"{git / 'objects'}\n", encoding="utf-8")
        # Times are copied, inodes are not.
        settings = (("core.hooksPath", "/dev/null"), ("core.checkStat", "minimal"), ("core.trustctime", "false"))
        env = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (name, value) in enumerate(settings):
            env |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        self.twin = Adopted(folder, {**self.repo.env, **env})
        return self.twin

    # -- what must hold

    def same(self, expected: Any, found: Any, what: str) -> None:
        if expected != found:
            if isinstance(expected, dict):
                keys = sorted(key for key in {*expected, *found} if expected.get(key) != found.get(key))
                expected = {key: expected.get(key) for key in keys}
                found = {key: found.get(key) for key in keys}
            self.fail(f"{what}: {found!r}, must be {expected!r}")

    def same_words(self, expected: bytes | None, found: bytes | None, what: str) -> None:
        """The user's lines of PLAN.md are the same; one that was not there may have been made without any."""
        theirs = words_of(expected.decode()) if expected is not None else Words()
        mine = words_of(found.decode()) if found is not None else Words()
        if expected is None and not mine.lines():
            return
        self.same(theirs, mine, what)

    def fail(self, text: str) -> None:
        self.failed = True
        log = "\n".join(self.log[-25:])
        raise AssertionError(f"{text}\n{log}\nin {self.top}")

    def by_git(self, *arguments: str, **env: str) -> None:
        """An operation in which no hook may change anything; some are judged."""
        self.clock += 1
        twin = self.make_twin()
        before = self.snap()
        expected = self.run(twin, *arguments, **env)
        done = self.run(self.repo, *arguments, **env)
        after, other = self.snap(), self.snap(twin)
        self.counts[f"{arguments[0]}"] += 1
        if "Traceback" in said(done):
            self.fail(said(done))
        if done.returncode != expected.returncode:
            self.counts[f"{arguments[0]} refused"] += 1
            # A merge without conflict is what Git makes of what has landed; a word to reword is as good as any.
            ids = told(said(done))
            if expected.returncode or not ids or (arguments[0] == "merge" and ids - _OF_TEXT):
                self.fail(f"ends with {done.returncode}, without hooks {expected.returncode}: {said(done)}")
            if arguments[0] == "merge":
                self.same(before.head, after.head, "HEAD after a merge that was refused")
                self.same(other.files, after.files, "files after a merge that was refused")
                self.same(other.index, after.index, "index after a merge that was refused")
            return
        for name in ("head", "branch", "index", "files", "stashes", "under_way"):
            self.same(getattr(other, name), getattr(after, name), f"{name} after git {arguments[0]}")
        self.sound()

    def commit(self, *options: str, command: tuple[str, ...] = ("commit", "-q")) -> None:
        """A commit through all hooks, held against the model and against the twin."""
        self.clock += 1
        twin = self.make_twin()
        before = self.snap()
        arguments = (*command, *options)
        expected = self.run(twin, *arguments)
        other = self.snap(twin)
        if expected.returncode or other.head == before.head:
            done = self.run(self.repo, *arguments)
            after = self.snap()
            self.counts["commits that Git refuses"] += 1
            self.same(before.head, after.head, "HEAD where Git itself makes no commit")
            self.same(without(before.files), without(after.files), "files where Git itself makes no commit")
            self.same_words(before.files.get(TODO), after.files.get(TODO), "words where Git itself makes no commit")
            return
        verdict = self.verdict(before, other)
        done = self.run(self.repo, *arguments)
        after = self.snap()
        text = said(done)
        if "Traceback" in text:
            self.fail(text)
        is_in = after.head != before.head
        self.counts[f"model: {verdict.name}"] += 1
        self.counts["accepted" if is_in else "refused"] += 1
        for doubt in verdict.doubts if verdict.name == "either" else ():
            self.counts[f"doubt: {doubt}"] += 1
        self.log[-1] += f" (model: {verdict.name} {[why for _, _, why in verdict.refusals]} {verdict.doubts})"
        if is_in != (done.returncode == 0):
            self.fail(f"ends with {done.returncode}: {text}")
        if is_in:
            if verdict.name == "refuse":
                self.fail(f"must be refused: {verdict.refusals}")
            self.accepted(verdict, before, other, after)
        else:
            if verdict.name == "land":
                self.fail(f"must land, and is refused: {text}")
            self.refused(verdict, before, after, text)
        self.sound()

    def verdict(self, before: Snap, other: Snap) -> Verdict:
        """What the model says of the commit that the twin has made."""
        parents = self.twin.out("rev-list", "--parents", "-n", "1", "HEAD").split(" ")[1:]
        message = self.twin.out("log", "-1", "--format=%B")
        subjects = self.twin.out("log", "--format=%s", *parents).split("\n")
        tree = self.tree(other.head, self.twin)
        work = {path: oid_of(data) for path, data in before.files.items() if not path.endswith(".log")}
        parent, base = self.tree(parents[0], self.twin), self.tree(self.adoption, self.repo)
        by_git = parents[0] not in self.through
        attempt = Attempt(parent, tree, message, subjects, base, work, self.read, self.given_up, by_git)
        verdict = judge(self.plan, attempt)
        if len(parents) > 1 or "rebase-merge" in before.under_way:
            verdict = Verdict(doubts=["a merge, or a rebase"])
        elif before.under_way:
            verdict.doubts.append("Git is in the middle of something")
        # Where edits of PLAN.md that stay behind cannot be kept, the commit may be refused.
        edited = other.files.get(TODO) != self.staged_todo(other)
        mine = other.files.get(TODO)
        if edited and mine is not None and foreign_lines(mine.decode()) != []:
            verdict.doubts.append("unstaged edits of PLAN.md that cannot be kept")
        in_head = self.read(tree[TODO][1]) if TODO in tree else None
        if self.staged_todo(other) != in_head:
            verdict.doubts.append("PLAN.md stays staged")
        return verdict

    def accepted(self, verdict: Verdict, before: Snap, other: Snap, after: Snap) -> None:
        tree, expected = self.tree(after.head, self.repo), self.tree(other.head, self.twin)
        self.same(without(expected), without(tree), "tree")
        for what in ("--format=%P", "--format=%B", "--format=%an %ae %ad"):
            self.same(self.twin.out("log", "-1", what), self.repo.out("log", "-1", what), "commit")
        self.same(without(other.index), without(after.index), "index")
        self.same(without(other.files), without(after.files), "files")
        self.same((other.branch, other.under_way), (after.branch, after.under_way), "state")
        for path in OWN:
            if path not in tree:
                self.fail(f"HEAD has no {path}")
        text = self.read(tree[TODO][1])
        self.same_words(self.read(expected[TODO][1]) if TODO in expected else None, text, "words of HEAD")
        self.same_words(self.staged_todo(other), self.staged_todo(after), "words of the index")
        if TODO in other.files or (TODO in after.files and TODO in other.index):
            self.same_words(other.files.get(TODO), after.files.get(TODO), "words of the work tree")
        self.unstaged_marks(before, other, after, text)
        for path in OWN:
            index, mine = other.index.get(path), other.files.get(path)
            if index and mine is not None and index.split(" ")[1] == expected.get(path, ("", ""))[1] == oid_of(mine):
                entry = after.index[path].split(" ")[1]
                self.same((tree[path][1],) * 2, (entry, oid_of(after.files[path])), f"{path} was clean")
        if LOCK in other.files and other.index.get(LOCK, "").split(" ")[1:2] != [oid_of(other.files[LOCK])]:
            self.same(other.files[LOCK], after.files.get(LOCK), "unstaged edits of plan.lock")
        if "rebase-merge" in before.under_way:
            return
        self.through.add(after.head)
        there = {path: self.read(tree[path][1]).decode() for path in OWN}
        self.same(expected_own_files(self.repo, there), there, "the tool's files")
        marks = marks_of(there[TODO])
        known = {task: mark for task, mark in verdict.marks.items() if mark is not None}
        if not verdict.doubts:
            self.same(known, {task: marks[task] for task in known}, "boxes")
        done = list(marks.values()).count("x")
        if self.plan.setting("summary_lines", "true") == "true":
            line = f"**Progress**: {done}/{len(marks)} tasks complete ({done * 100 // len(marks)}%)"
            if line not in there[TODO].split("\n"):
                self.fail(f"PLAN.md has no {line}")
        for phase_id in locked_passes(there[LOCK].encode()) or ():
            if not gate_says(self.plan.phase(phase_id), tree, self.read):
                self.fail(f"plan.lock has a pass of {phase_id}, whose gate fails")

    def unstaged_marks(self, before: Snap, other: Snap, after: Snap, head: bytes) -> None:
        """Boxes that the user has changed and not committed are as they were; all others are as in HEAD."""
        mine, now = before.files.get(TODO), after.files.get(TODO)
        if mine is None or now is None or TODO not in before.index or foreign_lines(mine.decode()) != []:
            return
        tree = self.tree(other.head, self.twin)
        if TODO not in tree:
            return
        committed = marks_of(self.read(tree[TODO][1]).decode())
        work, found, theirs = marks_of(mine.decode()), marks_of(now.decode()), marks_of(head.decode())
        for task, mark in work.items():
            edited = mark != committed.get(task)
            expected = mark if edited else theirs.get(task)
            if edited and mark in " r":
                self.same(True, found.get(task) in (" ", "r", theirs.get(task)), f"unstaged box of {task}")
            else:
                self.same(expected, found.get(task), f"box of {task} in the work tree")

    def refused(self, verdict: Verdict, before: Snap, after: Snap, text: str) -> None:
        ids = told(text)
        if not ids or "help: " not in text:
            self.fail(f"refused without a reason: {text}")
        for name in ("head", "branch", "stashes", "under_way"):
            self.same(getattr(before, name), getattr(after, name), f"{name} after a refusal")
        own = () if ids & _NOTHING_WRITTEN else OWN
        self.same(without(before.index, own), without(after.index, own), "index after a refusal")
        self.same(without(before.files, own), without(after.files, own), "files after a refusal")
        self.same_words(before.files.get(TODO), after.files.get(TODO), "words after a refusal")
        if verdict.refusals and not verdict.doubts:
            first = min(stage for stage, _, _ in verdict.refusals)
            for stage, expected, why in verdict.refusals:
                if stage == first and not expected & ids:
                    self.fail(f"{why} is to be told as {set(expected)}, and {ids} are")
        was, now = marks_of(self.todo_of(before)), marks_of(self.todo_of(after))
        self.given_up |= {task for task in now if now[task] != was.get(task)}
        for found in ids:
            self.counts[f"id: {found}"] += 1

    @staticmethod
    def todo_of(snap: Snap) -> str:
        return snap.files.get(TODO, b"").decode()

    def sound(self) -> None:
        self.same([], leftovers(self.repo), "left behind")

    def teardown(self) -> None:
        """After a run: all that the hooks took is taken by ``verify``, too, and the repository is whole."""
        try:
            if not self.failed and hasattr(self, "plan"):
                self.end()
        finally:
            shutil.rmtree(self.top.with_name("twin"), ignore_errors=True)

    def end(self) -> None:
        done = self.repo.git("fsck", "--strict", "--no-dangling", check=False)
        if done.returncode:
            self.fail(said(done))
        for branch in self.repo.out("for-each-ref", "--format=%(refname:short)", "refs/heads").split():
            tip = self.repo.out("rev-parse", branch)
            for verdict in judged(self.repo, branch).refused:
                if verdict.oid in self.through:
                    self.fail(f"verify refuses {verdict.oid} {verdict.subject} of {branch} {tip}: {verdict.findings}")
        self.counts["runs"] += 1


@pytest.fixture
def fresh(make: Maker, tmp_path: Path) -> Iterator[Callable[[], Adopted]]:
    """Makes repositories with hooks and nothing else in them."""
    repo = make.hooked("native", "template")
    repo.git("config", "core.fsync", "none")
    top = tmp_path / "copy"

    def copy() -> Adopted:
        shutil.rmtree(top, ignore_errors=True)
        shutil.copytree(repo.top, top, symlinks=True)
        return Adopted(top, repo.env)

    yield copy
    shutil.rmtree(top, ignore_errors=True)


def random_run(machine: type[Machine], seed: int, steps: int) -> None:
    """A run that is the same whenever it has this seed.

    hypothesis would not give the same: it also draws what stands as a constant in any module that happens to be
    imported.
    """
    random = Random(seed)  # noqa: S311 - nothing secret
    one = machine()
    one.adopt(plan=random.choice(plans()), driver=random.random() < 0.5)
    try:
        for _ in range(steps):
            choices = {name: found for name, (found, when) in STEPS.items() if when(one)}
            name = random.choice([*choices, *[name for name in OFTEN if name in choices]])
            getattr(one, name)(**{argument: random.choice(values) for argument, values in choices[name].items()})
    finally:
        one.teardown()


def test_the_model_shares_nothing_with_the_program() -> None:
    tree = ast.parse(Path(landing_model.__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "tomllib" in names
    assert not [name for name in names if name.startswith((".", "orchestrator", "tests"))]


def test_only_what_may_land_lands_and_nothing_is_lost(fresh: Callable[[], Adopted]) -> None:
    class Here(Machine):
        pass

    Here.fresh = staticmethod(fresh)
    counts = Here.counts = Counter()
    try:
        if RUNS:
            settings = hypothesis.settings(
                max_examples=RUNS,
                stateful_step_count=50,
                database=None,
                deadline=None,
                phases=(HypothesisPhase.generate, HypothesisPhase.shrink),
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
            )
            run_state_machine_as_test(hypothesis.seed(SEED)(Here), settings=settings)
        else:
            for seed in SHORT:
                random_run(Here, seed, 30)
    finally:
        LOG.info("%s", dict(sorted(counts.items())))
    decided = counts["model: land"] + counts["model: refuse"]
    # It would be easy to find nothing wrong where nothing happens, or where the model knows nothing.
    assert decided >= 2 * counts["model: either"]
    assert counts["accepted"] >= 10
    assert counts["refused"] >= 10
