"""The repositories that the groups measure on: plans of any size, the work on them so far, and one ordinary commit.

Standard library only; worlds.py makes a repository of a description.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from common import CHECKOUT, HEAD_OF_PLAN, Lab, MeasureError, git, run, say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STAGES = ("pre-commit", "commit-msg")  # what Git calls for an ordinary commit; a merge and a push call others


@dataclasses.dataclass(frozen=True)
class World:
    """A repository: a plan, the files at its adoption, commits that touch no phase, and the work so far.

    ``done`` are tasks ticked by hand, ``complete`` the phases whose gates have passed.
    """

    plan: str
    adopted: Mapping[str, str]
    work: Mapping[str, str] = dataclasses.field(default_factory=dict)
    done: tuple[str, ...] = ()
    complete: tuple[str, ...] = ()
    filler: int = 0
    message: str = "feat: [plan] work"


@dataclasses.dataclass(frozen=True)
class Size:
    """How large the repository and its plan are: a chain of phases, with HEAD in the middle of one.

    ``files`` are beside those of the work; ``claimed`` says whether they are in the folders of the phases.
    """

    phases: int = 5
    tasks: int = 20
    patterned: int = 4  # of the tasks of each phase, how many have files; the others are ticked by hand
    files: int = 0
    claimed: bool = False
    commits: int = 0

    @property
    def open_phase(self) -> int:
        """The number of the phase that HEAD is in the middle of; those before it are complete."""
        return self.phases // 2 + 1

    @property
    def work_file(self) -> str:
        """The file that every measured commit changes; the open phase claims it, no task does."""
        return f"src/phase_{self.open_phase}/work.py"

    @property
    def patterns(self) -> int:
        """How many patterns the phases and tasks have."""
        return self.phases * (1 + min(self.patterned, self.tasks // self.phases))

    def message(self) -> str:
        """What our hooks and those of the peers accept with the settings that they come with."""
        return (
            f"feat: [Part {self.open_phase}] work on a module\n\n"
            "This is what a commit of an ordinary day says of itself.\n"
        )

    def tasks_of(self, phase: int) -> list[tuple[str, str]]:
        """The ids of the phase's tasks, each with its file, or ""."""
        numbers = range(1, self.tasks // self.phases + 1)
        return [
            (f"{phase}.{number}", f"src/phase_{phase}/task_{number}.py" if number <= self.patterned else "")
            for number in numbers
        ]

    def plan(self) -> str:
        """A plan whose phases follow each other; one gate takes its phase's files, the other names its inputs."""
        lines = [*HEAD_OF_PLAN]
        for phase in range(1, self.phases + 1):
            lines += [
                "[[phase]]",
                f'id = "phase-{phase}"',
                f'title = "Part {phase}"',
                f'depends_on = ["phase-{phase - 1}"]' if phase > 1 else "depends_on = []",
                f'files = ["src/phase_{phase}/**"]',
                'gates = ["lint", "tests"]',
            ]
            for task, file in self.tasks_of(phase):
                lines += ["[[phase.task]]", f'id = "{task}"', 'title = "Write a module"']
                lines += [f'files = ["{file}"]'] if file else []
        return "\n".join(lines) + "\n"

    def world(self) -> World:
        """The repository of that size."""
        done: list[tuple[str, str]] = []
        for phase in range(1, self.open_phase + 1):
            tasks = self.tasks_of(phase)
            done += tasks if phase < self.open_phase else tasks[: len(tasks) // 2]
        # All of them are ticked: to find those that are done by themselves, phase after phase, is slow for so many.
        return World(
            plan=self.plan(),
            adopted={"README": "text", **dict(map(self.other_file, range(self.files)))},
            work={**{file: "pass" for _, file in done if file}, self.work_file: "pass"},
            done=tuple(task for task, _ in done),
            complete=tuple(f"phase-{phase}" for phase in range(1, self.open_phase)),
            filler=self.commits,
        )

    def other_file(self, number: int) -> tuple[str, str]:
        """The path and the text of one of ``files``; many have the same text, as in life."""
        top = f"src/phase_{number % self.phases + 1}" if self.claimed else "lib"
        return f"{top}/part_{number // 1000}/{number % 1000}.txt", str(number % 50)


def make(lab: Lab, name: str, world: World) -> Path:
    """The repository, made new.

    Raises:
        MeasureError: by the rules it is not as it should be.
    """
    folder = lab.scratch / name
    say(f"making {name}")
    description = lab.scratch / f"{name}.json"
    description.write_text(json.dumps(dataclasses.asdict(world)), encoding="utf-8")
    run([lab.python(), CHECKOUT / "bench/worlds.py", folder, description], lab.scratch, lab.env)
    return folder


def copy(lab: Lab, model: Path, name: str) -> Path:
    """The same repository in another place."""
    folder = lab.scratch / name
    shutil.copytree(model, folder, symlinks=True)
    git(folder, lab.env, "update-index", "-q", "--really-refresh")
    return folder


def hook_environment(env: Mapping[str, str]) -> dict[str, str]:
    """What Git adds for the hooks of ``git commit -m``."""
    return {
        **env,
        "GIT_INDEX_FILE": ".git/index",
        "GIT_EDITOR": ":",
        "GIT_PREFIX": "",
        "GIT_AUTHOR_NAME": "Bench",
        "GIT_AUTHOR_EMAIL": "bench@example.org",
    }


@dataclasses.dataclass
class Landing:
    """Stages one change before, and looks for its commit after what is timed."""

    folder: Path
    size: Size
    env: Mapping[str, str]
    head: str = ""
    content: str = ""

    def stage(self, turn: int) -> None:
        """Give the work file a new content, the same for every case of a turn, and add it."""
        self.content = f"turn = {turn}\n"
        (self.folder / self.size.work_file).write_text(self.content, encoding="utf-8")
        git(self.folder, self.env, "add", "--", self.size.work_file)
        self.head = git(self.folder, self.env, "rev-parse", "HEAD")

    def check(self) -> None:
        """Refuse a commit that did not land, or that holds anything but the change."""
        shown = git(self.folder, self.env, "diff-tree", "-r", "--name-only", "--no-commit-id", self.head, "HEAD")
        parents = git(self.folder, self.env, "rev-list", "--parents", "-n", "1", "HEAD").split()[1:]
        if parents != [self.head]:
            raise MeasureError(f"the commit in {self.folder.name} did not land: HEAD has not moved by one commit")
        if shown.split("\n") != [self.size.work_file]:
            raise MeasureError(f"the commit in {self.folder.name} changed {shown!r}, not the work file alone")
        if git(self.folder, self.env, "show", f"HEAD:{self.size.work_file}") + "\n" != self.content:
            raise MeasureError(f"the commit in {self.folder.name} does not hold what was staged")

    def check_refuses(self) -> None:
        """Refuse to measure hooks that judge nothing: a message that none of them accepts must not land."""
        self.stage(-1)
        argv = ["git", "commit", "-q", "-m", "bad."]
        subprocess.run(argv, cwd=self.folder, env=dict(self.env), capture_output=True, check=False)
        if git(self.folder, self.env, "rev-parse", "HEAD") != self.head:
            raise MeasureError(f"the hooks of {self.folder.name} accept a message that they must refuse")
