"""The story, told: each step is done, shown, and held against what Git really has afterwards."""

from __future__ import annotations

import shlex
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.app.demo.story import ADOPTION, STEPS, Step
from orchestrator.app.demo.throwaway import Throwaway, environment_for, folder_for
from orchestrator.app.facts import read_facts
from orchestrator.app.own_files import updates_for
from orchestrator.app.repository import Repository
from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.plan import LOCK_PATH, PLAN_PATH, TODO_PATH
from orchestrator.gate_runs.interrupts import Interrupts
from orchestrator.git import Git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WIDTH = 100
_SHORT = 10  # digits of a commit's id


class _WrongTurnError(Exception):
    """Something came about that must not, or did not come about."""


def run_demo(keep: Path | None, say: Callable[[str], None]) -> int:
    """0 if the story went as it must, 1 if not; ``say`` gets its lines, the last of which tell what went wrong.

    It is told in a temporary folder, which is removed whatever happens, or in ``keep``, which stays. While it runs,
    the environment of this process is the story's, and an interrupt waits until the commit under way has ended.

    Raises:
        ValueError: ``keep`` is no folder, or not an empty one (wrong usage: exit 2); nothing was done.
        CannotJudgeError: Git is too old, or failed at something that has nothing to do with hooks.
        KeyboardInterrupt: somebody asked for an end.
    """
    begun = time.monotonic()
    with Interrupts() as interrupts, folder_for(keep) as folder, environment_for(folder):
        throwaway = Throwaway.make(folder, interrupts)
        with throwaway.repo:
            telling = _Telling(throwaway, say)
            try:
                telling.tell()
            except _WrongTurnError as error:
                say("")
                for line in str(error).splitlines():
                    _say_wrapped(line, say)
                code = 1
            else:
                seconds = time.monotonic() - begun
                say("")
                say("All went as it must, all phases are complete.")
                say(f"{telling.landed} commits, {telling.refused} refusals, {seconds:.1f} seconds")
                code = 0
    if keep is not None:
        say(f"The repository is kept: {folder}")
    return code


class _Telling:
    """The story so far: how many commits have landed and how many were refused, and the tasks done."""

    def __init__(self, throwaway: Throwaway, say: Callable[[str], None]) -> None:
        self.throwaway = throwaway
        self.say = say
        self.landed = 0
        self.refused = 0
        self.done: set[str] = set()

    def tell(self) -> None:
        """Tell all of it.

        Raises:
            _WrongTurnError: it did not go as it must.
        """
        self.say("A plan of five phases, a repository made for it, the hooks installed in it, and real commits.")
        plan = Path(__file__).with_name(PLAN_PATH).read_text(encoding="utf-8")
        self.take(ADOPTION.replace(files={**ADOPTION.files, PLAN_PATH: plan}), 1)
        self.show_all()
        for number, step in enumerate(STEPS, 2):
            self.take(step, number)
        self.show_all()
        self.say("")
        self.command("log", "--oneline", "--no-decorate")
        self.check_end()

    # -- a step --------------------------------------------------------------------------------------------------

    def take(self, step: Step, number: int) -> None:
        """Do the step, show it, and see what came of it."""
        self.say("")
        self.say(f"--- {number}. {step.heading}")
        for arguments in step.before:
            self.command(*arguments)
        for path, text in step.files.items():
            self.throwaway.write(path, text)
        if step.ticks:
            self.tick(step.ticks)
        paths = [*step.files, *([TODO_PATH] if step.ticks else [])]
        if paths:
            self.command("add", *(["--all"] if step.message == ADOPTION.message else paths))
        before = self.throwaway.commits()
        code, lines = self.command("commit", "-m", step.message, may_fail=True)
        after = self.throwaway.commits()
        if step.refused:
            self.check_refused(step, before, after, code, lines)
        else:
            self.check_landed(step, before, after, code, lines)
            if step.tells:
                self.show_phase(step.shown)
        for arguments in step.after:
            self.command(*arguments)

    def command(self, *arguments: str, may_fail: bool = False) -> tuple[int, list[str]]:
        """Run Git as a person would, and show both the command and what it said."""
        typed = [part if shlex.quote(part) == part else f'"{part}"' for part in arguments]
        self.show(f"$ git {' '.join(typed)}", "")
        code, lines = self.throwaway.git(*arguments) if may_fail else (0, self.throwaway.must(*arguments))
        for line in lines:
            self.show(line, "  ")
        return code, lines

    def tick(self, ids: Iterable[str]) -> None:
        """Tick boxes of PLAN.md, as a person does in an editor."""
        file = self.throwaway.top / TODO_PATH
        text = file.read_text(encoding="utf-8")
        for task_id in ids:
            old = f"- [ ] Task {task_id}: "
            if old not in text:
                raise _WrongTurnError(f"FAILED: {TODO_PATH} has no open box of task {task_id}")
            text = text.replace(old, f"- [x] Task {task_id}: ")
        self.throwaway.write(TODO_PATH, text)
        self.say(f"(in {TODO_PATH}: [x] Task {', [x] Task '.join(ids)})")

    # -- what is shown -------------------------------------------------------------------------------------------

    def show(self, line: str, indent: str) -> None:
        """One line, or more if it is too long for the terminal."""
        _say_wrapped(indent + line, self.say)

    def show_all(self) -> None:
        """PLAN.md, whole."""
        self.say("")
        self.say(f"{TODO_PATH}:")
        for line in (self.throwaway.committed(TODO_PATH) or "").splitlines():
            self.show(line, "  | ")

    def show_phase(self, title: str) -> None:
        """The phase's part of PLAN.md, and the lines at its bottom."""
        text = self.throwaway.committed(TODO_PATH) or ""
        self.say(f"{TODO_PATH}:")
        bottom = [line for line in text.splitlines() if line.startswith("**")]
        for line in (*_part(text, title), "", *bottom):
            self.show(line, "  | ")

    # -- what must be --------------------------------------------------------------------------------------------

    def check_refused(self, step: Step, before: list[str], after: list[str], code: int, lines: list[str]) -> None:
        """Nothing may have landed, and for the right reason."""
        if after != before:
            raise _WrongTurnError(f"FAILED: this should have been refused ({step.refused}), but {self.what(after)}")
        if code == 0:
            raise _WrongTurnError("FAILED: nothing landed, but git commit says that all is well")
        if not any(line.startswith(f"error[{step.refused}]") for line in lines):
            raise _WrongTurnError(f"FAILED: the commit was refused, but not for the reason expected: {step.refused}")
        self.refused += 1

    def check_landed(self, step: Step, before: list[str], after: list[str], code: int, lines: list[str]) -> None:
        """Exactly one commit on top of what was there, with PLAN.md and plan.lock in step, and nothing left over."""
        if after == before:
            raise _WrongTurnError(f"FAILED: this should have landed, but git commit refused it (exit {code})")
        if after[1:] != before or code:
            raise _WrongTurnError(f"FAILED: one new commit was expected (exit {code}), but {self.what(after)}")
        self.landed += 1
        self.done.update(step.done)
        wrong = self.out_of_step(after) or self.wrong_in_todo(step)
        if not wrong and step.warned and not any(line.startswith(f"warning[{step.warned}]") for line in lines):
            wrong = [f"the hooks do not warn of {step.warned}"]
        if not wrong:
            wrong = [f"git status is not clean: {line}" for line in self.throwaway.must("status", "--porcelain")]
        if wrong:
            raise _WrongTurnError("\n".join([f"FAILED: {self.what(after)}", *[f"  {line}" for line in wrong]]))

    def out_of_step(self, commits: list[str]) -> list[str]:
        """Where PLAN.md and plan.lock of the newest commit are not what would be made from its own tree."""
        for path in (TODO_PATH, LOCK_PATH):
            if self.throwaway.committed(path) is None:
                return [f"{path} is not in the commit"]
        top = self.throwaway.top
        repository = Repository(Git(str(top)), str(top / ".git"))
        try:
            facts = read_facts(repository, commits[1:2], commits[0])
            if facts is None:
                return [f"{PLAN_PATH} is not in the commit"]
            updates = updates_for(facts, facts.settle({}, facts.reading()))
        except CannotJudgeError as error:
            return [f"what is in the commit cannot be read: {finding.message}" for finding in error.findings]
        return [f"{update.path} is not in step with the commit" for update in updates if update.old != update.new]

    def wrong_in_todo(self, step: Step) -> list[str]:
        """What PLAN.md of the newest commit says otherwise than the story."""
        text = self.throwaway.committed(TODO_PATH) or ""
        lines = text.splitlines()
        ticked = {line[len("- [x] Task ") :].partition(":")[0] for line in lines if line.startswith("- [x] Task ")}
        wrong = [f"task {task_id} should be done" for task_id in sorted(self.done - ticked)]
        wrong += [f"task {task_id} should not be done" for task_id in sorted(ticked - self.done)]
        if not any(line.startswith((f"_{step.status} - ", f"_{step.status}_")) for line in _part(text, step.shown)):
            wrong.append(f"{step.shown} should be {step.status}")
        if f"**Current Phase**: {step.current}" not in lines:
            wrong.append(f"the current phase should be {step.current}")
        return wrong

    def check_end(self) -> None:
        """All commits of the story and no other, every task done, nothing put away, nothing left over."""
        commits = self.throwaway.commits()
        if len(commits) != self.landed:
            raise _WrongTurnError(f"FAILED: {self.landed} commits landed, but the history has {len(commits)}")
        _, lines = self.command("status", "--short")
        left = [*lines, *self.throwaway.must("stash", "list")]
        if left:
            raise _WrongTurnError(f"FAILED: something is left over: {', '.join(left)}")

    def what(self, commits: list[str]) -> str:
        """What has landed last, in words."""
        if not commits:
            return "there is no commit at all"
        commit = self.throwaway.repo.commit(commits[0])
        subject = str(commit.summary)
        paths = ", ".join(str(path) for path in commit.stats.files)
        return f"this commit landed: {commits[0][:_SHORT]} {subject} ({paths})"


def _part(text: str, title: str) -> list[str]:
    """The lines of a phase in PLAN.md."""
    part: list[str] = []
    for line in text.splitlines():
        if part and not line:
            break
        if part or (line.startswith("### Phase ") and f": {title}" in line):
            part.append(line)
    return part


def _say_wrapped(line: str, say: Callable[[str], None]) -> None:
    """The line, broken where it is longer than a terminal is wide; what follows is indented further."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    for piece in textwrap.wrap(line, WIDTH, subsequent_indent=indent) or [""]:
        say(piece)
