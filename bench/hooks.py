"""How much time our hooks add to a commit, beside gitlint's commit-msg hook.

Whole processes on equal repositories, in turns (A B C A B C ...), after a warm-up. Both projects are installed as
users install them: from a wheel, in an environment of their own, byte-compiled. Standard library only.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from common import (
    GITLINT,
    LEAST_RUNS,
    ORCHESTRATOR,
    MeasureError,
    clean_environment,
    git,
    make_environment,
    run,
    say,
    timed,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

WORK_FILE = "src/phase_{0}/work.py"
MEASURED_STAGES = ("pre-commit", "commit-msg")  # what Git calls for an ordinary commit; a merge calls another

PYTHON = "`python -c pass`"
BARE = "`git commit`, no hooks"
OURS = "`git commit`, our hooks"
PEERS = "`git commit`, gitlint's commit-msg hook"
STAGE = "`orchestrator-hook {0}`, the process alone"
PEER_ALONE = "`gitlint --msg-filename`, the process alone"


@dataclasses.dataclass(frozen=True)
class Size:
    """How large the repository and its plan are."""

    phases: int
    tasks: int
    files: int  # beside those of the plan

    @property
    def open_phase(self) -> int:
        """The number of the phase that HEAD is in the middle of; those before it are complete."""
        return self.phases // 2 + 1

    @property
    def work_file(self) -> str:
        """The file that every measured commit changes; the open phase claims it, no task does."""
        return WORK_FILE.format(self.open_phase)

    def task_files(self, phase: int) -> list[str]:
        """The files of the phase's tasks, one each."""
        return [f"src/phase_{phase}/task_{number}.py" for number in range(1, self.tasks // self.phases + 1)]


@dataclasses.dataclass
class Row:
    """One thing that is measured; ``prepare`` is not timed, ``check`` looks at what came of it."""

    name: str
    argv: Sequence[str | Path]
    folder: Path
    env: Mapping[str, str]
    prepare: Callable[[int], None]
    check: Callable[[int], None]
    seconds: list[float] = dataclasses.field(default_factory=list)


def main() -> int:
    """The exit code: 0 measured, 1 something measured was not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=LEAST_RUNS, help="turns that count (default and least: 15)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table to this file, too")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep the environments here for the next time")
    parser.add_argument("--phases", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=20, help="tasks of the plan in all (default: 20)")
    parser.add_argument("--files", type=int, default=0, help="tracked files beside the plan's (default: 0)")
    options = parser.parse_args()
    if options.runs < LEAST_RUNS:
        parser.error(f"--runs: at least {LEAST_RUNS}")
    if options.phases < 2 or options.tasks < 2 * options.phases:
        parser.error("--phases, --tasks: at least two phases with two tasks each")
    size = Size(options.phases, options.tasks, options.files)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-hooks-") as scratch:
            text = measure(size, options.runs, options.work or Path(scratch) / "environments", Path(scratch))
    except MeasureError as error:
        sys.stderr.write(f"not measured: {error}\n")
        return 1
    print(text, end="")
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    return 0


def measure(size: Size, runs: int, environments: Path, scratch: Path) -> str:
    """The report in Markdown.

    Raises:
        MeasureError: a measured commit did not land, or a hook judged nothing.
    """
    env = clean_environment()
    ours = make_environment(environments / ORCHESTRATOR, ORCHESTRATOR, env)
    peer = make_environment(environments / GITLINT, GITLINT, env)
    say(f"making the repository: {size.phases} phases, {size.tasks} tasks, {size.files} other files")
    model = make_model(scratch / "model", size, ours, env)
    rows = make_rows(model, size, ours, peer, env, scratch)
    for turn in range(runs + 1):
        say(f"turn {turn} of {runs}" if turn else "warm-up")
        for row in rows:
            row.prepare(turn)
            seconds = timed_silent(row)
            row.check(turn)
            if turn:
                row.seconds.append(seconds)
    return report(rows, size, versions(ours, {GITLINT: peer}, env))


# -- repositories ------------------------------------------------------------------------------------------------------


def plan_text(size: Size) -> str:
    """A plan whose phases follow each other; one gate takes its phase's files, the other names its inputs."""
    lines = [
        "version = 1",
        "[feature]",
        'title = "Bench"',
        "[gates.lint]",
        'run = "test -d src"',
        "[gates.tests]",
        'run = ["test", "-d", "src"]',
        'inputs = ["src/**", "tests/**", "pyproject.toml"]',
    ]
    for phase in range(1, size.phases + 1):
        lines += [
            "[[phase]]",
            f'id = "phase-{phase}"',
            f'title = "Part {phase}"',
            f'depends_on = ["phase-{phase - 1}"]' if phase > 1 else "depends_on = []",
            f'files = ["src/phase_{phase}/**"]',
            'gates = ["lint", "tests"]',
        ]
        for number, path in enumerate(size.task_files(phase), 1):
            lines += ["[[phase.task]]", f'id = "{phase}.{number}"', f'title = "Write module {number}"']
            lines += [f'files = ["{path}"]']
    return "\n".join(lines) + "\n"


def message(size: Size, phase: int | None = None) -> str:
    """A message that our hooks and gitlint's default rules accept."""
    named = phase or size.open_phase
    return f"feat: [Part {named}] work on a module\n\nThis is what a commit of an ordinary day says of itself.\n"


def make_model(folder: Path, size: Size, ours: Path, env: Mapping[str, str]) -> Path:
    """A repository made through our own hooks, so that plan.lock holds passes of gates that really ran."""
    run(["git", "init", "-q", "-b", "main", folder], folder.parent, env)
    for name, value in (("user.name", "Bench"), ("user.email", "bench@example.org"), ("gc.auto", "0")):
        git(folder, env, "config", name, value)
    (folder / "README").write_text("text\n", encoding="utf-8")
    for number in range(size.files):
        path = folder / f"lib/{number % 100}/{number // 100 % 100}/{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number % 50}\n", encoding="utf-8")
    git(folder, env, "add", "-A")
    git(folder, env, "commit", "-q", "-m", "Begin")
    git(folder, env, "repack", "-q", "-a", "-d")
    (folder / "plan.toml").write_text(plan_text(size), encoding="utf-8")
    run([ours / "orchestrator", "init", "--hooks", "native"], folder, env)
    git(folder, env, "commit", "-q", "-m", "Adopt a plan")
    for phase in range(1, size.open_phase + 1):
        paths = size.task_files(phase)
        if phase == size.open_phase:
            paths = [*paths[: len(paths) // 2], size.work_file]
        for name in paths:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("pass\n", encoding="utf-8")
        git(folder, env, "add", "src")
        git(folder, env, "commit", "-q", "-m", message(size, phase))
    passes = git(folder, env, "show", "HEAD:plan.lock").count("\nkey = ")
    if passes != 2 * (size.open_phase - 1):
        raise MeasureError(f"plan.lock has {passes} passes, not two for each complete phase")
    for hook in (folder / ".git/hooks").iterdir():
        hook.unlink()
    return folder


def make_rows(model: Path, size: Size, ours: Path, peer: Path, env: Mapping[str, str], scratch: Path) -> list[Row]:
    """Everything that is measured, each on its own copy of the model."""
    commit = ("git", "commit", "-q", "-m", message(size))
    message_file = scratch / "message"
    message_file.write_text(message(size), encoding="utf-8")

    def copy(name: str) -> Path:
        folder = scratch / name
        shutil.copytree(model, folder, symlinks=True)
        git(folder, env, "update-index", "-q", "--really-refresh")
        return folder

    bare, with_ours, with_peers, staged = copy("bare"), copy("ours"), copy("peers"), copy("staged")
    run([ours / "orchestrator", "install", "--native"], with_ours, env)
    hook = with_peers / ".git/hooks/commit-msg"
    hook.write_text(f'#!/bin/sh\nexec {peer / "gitlint"} --msg-filename "$1"\n', encoding="utf-8")
    hook.chmod(0o755)
    for folder in (with_ours, with_peers):
        check_refuses(folder, size, env)

    def row(name: str, argv: Sequence[str | Path], folder: Path) -> Row:
        landing = Landing(folder, size, env)
        if argv is commit:
            return Row(name, argv, folder, env, landing.stage, landing.check)
        return Row(name, argv, folder, hook_environment(env), landing.stage, landing.check_nothing)

    rows = [
        row(PYTHON, (ours / "python", "-c", "pass"), staged),
        row(BARE, commit, bare),
        row(OURS, commit, with_ours),
        row(PEERS, commit, with_peers),
    ]
    for stage in MEASURED_STAGES:
        given = (message_file,) if stage == "commit-msg" else ()
        rows.append(row(STAGE.format(stage), (ours / "orchestrator-hook", stage, *given), staged))
    return [*rows, row(PEER_ALONE, (peer / "gitlint", "--msg-filename", message_file), staged)]


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


def check_refuses(folder: Path, size: Size, env: Mapping[str, str]) -> None:
    """Refuse to measure hooks that judge nothing: a message that neither accepts must not land."""
    landing = Landing(folder, size, env)
    landing.stage(-1)
    before = git(folder, env, "rev-parse", "HEAD")
    subprocess.run(["git", "commit", "-q", "-m", "bad."], cwd=folder, env=env, capture_output=True, check=False)
    if git(folder, env, "rev-parse", "HEAD") != before:
        raise MeasureError(f"the hooks of {folder.name} accept a message that they must refuse")


@dataclasses.dataclass
class Landing:
    """Stages one change before, and looks for its commit after what is timed."""

    folder: Path
    size: Size
    env: Mapping[str, str]
    head: str = ""

    def stage(self, turn: int) -> None:
        """Give the work file a new content and add it."""
        (self.folder / self.size.work_file).write_text(self.content(turn), encoding="utf-8")
        git(self.folder, self.env, "add", "--", self.size.work_file)
        self.head = git(self.folder, self.env, "rev-parse", "HEAD")

    def content(self, turn: int) -> str:
        """The same for every row of a turn, so that the trees stay equal."""
        return f"turn = {turn}\n"

    def check(self, turn: int) -> None:
        """Refuse a commit that did not land, or that holds anything but the change."""
        shown = git(self.folder, self.env, "diff-tree", "-r", "--name-only", "--no-commit-id", self.head, "HEAD")
        parents = git(self.folder, self.env, "rev-list", "--parents", "-n", "1", "HEAD").split()[1:]
        if parents != [self.head]:
            raise MeasureError(f"the commit in {self.folder.name} did not land: HEAD has not moved by one commit")
        if shown.split("\n") != [self.size.work_file]:
            raise MeasureError(f"the commit in {self.folder.name} changed {shown!r}, not the work file alone")
        if git(self.folder, self.env, "show", f"HEAD:{self.size.work_file}") + "\n" != self.content(turn):
            raise MeasureError(f"the commit in {self.folder.name} does not hold what was staged")

    def check_nothing(self, _turn: int) -> None:
        """Refuse a stage that committed or staged something of its own."""
        staged = git(self.folder, self.env, "diff-index", "--cached", "--name-only", self.head)
        if git(self.folder, self.env, "rev-parse", "HEAD") != self.head or staged != self.size.work_file:
            raise MeasureError("a stage run by itself has changed the repository")


# -- processes ---------------------------------------------------------------------------------------------------------


def timed_silent(row: Row) -> float:
    """The seconds from the start of the process to its end.

    Raises:
        MeasureError: it failed, or said something, so it was no plain acceptance.
    """
    done = timed(row.argv, row.folder, row.env)
    said = (done.out + done.err).strip()
    if done.code or said:
        raise MeasureError(f"{row.name} ended with {done.code} and said: {said or 'nothing'}")
    return done.seconds


# -- report ------------------------------------------------------------------------------------------------------------


def pairs(rows: Mapping[str, Row], *names: str) -> Iterator[tuple[float, ...]]:
    """The seconds of these rows, turn by turn."""
    return zip(*[rows[name].seconds for name in names], strict=True)


def report(rows: Sequence[Row], size: Size, measured: str) -> str:
    """The table, and the comparisons that the project promises something of."""
    by_name = {row.name: row for row in rows}
    base = statistics.median(by_name[BARE].seconds)
    lines = ["| process | median ms | min ms | to `git commit` without hooks |", "| --- | ---: | ---: | ---: |"]
    for row in rows:
        median = statistics.median(row.seconds)
        lines.append(f"| {row.name} | {median * 1000:.1f} | {min(row.seconds) * 1000:.1f} | {median / base:.1f} x |")
    added = statistics.median([ours - none for ours, none in pairs(by_name, OURS, BARE)])
    by_peer = statistics.median([peer - none for peer, none in pairs(by_name, PEERS, BARE)])
    share = statistics.median([(ours - none) / (peer - none) for ours, peer, none in pairs(by_name, OURS, PEERS, BARE)])
    stages = [STAGE.format(stage) for stage in MEASURED_STAGES]
    together = statistics.median([sum(found) for found in pairs(by_name, *stages)])
    alone = statistics.median([sum(found) / peer for peer, *found in pairs(by_name, PEER_ALONE, *stages)])
    verdict = "kept" if share <= 1 else "missed"
    in_ms = f"{added * 1000:.1f} ms / {by_peer * 1000:.1f} ms"
    lines += [
        "",
        f"- added by our hooks / added by gitlint's hook: **{share:.2f}** ({in_ms})",
        f"- our stages together / gitlint's process: {alone:.2f} ({together * 1000:.1f} ms for both stages)",
        f"- bar, our stages together take no longer than gitlint's commit-msg hook alone: {verdict}",
        "",
        f"Medians of {len(rows[0].seconds)} runs in turns; ratios and differences are taken turn by turn, then their",
        f"median. {size.phases} phases, {size.tasks} tasks, {size.files} files beside the plan's.",
        "",
        f"{measured}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
