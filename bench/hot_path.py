"""What our hooks add to an ordinary commit, beside the Git processes that they start and beside other hooks.

Whole processes on equal repositories. Standard library only.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from typing import TYPE_CHECKING

from common import (
    COMMITIZEN,
    COMMITLINT,
    CONVENTIONAL,
    GITLINT,
    PRE_COMMIT,
    PREK,
    Finished,
    Lab,
    MeasureError,
    read_times,
    run,
    timed,
    timing_hook,
)
from plans import STAGES, Landing, Size, copy, hook_environment, make
from results import Bar, Case, Line, Measured, Section, Table, fine, silent, take_turns, together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MOST_TO_FLOOR = 2.0
MOST_TO_GITLINT = 0.6
PEERS = (GITLINT, CONVENTIONAL, COMMITIZEN, COMMITLINT, PRE_COMMIT, PREK)
ONLY_MESSAGE = "judges the text of the message, at one stage; no files, no plan, no order"

# It tells what it was asked for and hands it on, in both directions; run by a Python without site packages.
_RECORDER = """\
#!{python} -IS
import json, os, subprocess, sys, time
given = b""
with subprocess.Popen([{git!r}, *sys.argv[1:]], stdin=subprocess.PIPE) as process:
    while block := os.read(0, 65536):
        given += block
        process.stdin.write(block)
        process.stdin.flush()
    process.stdin.close()
with open(os.path.join({folder!r}, str(time.monotonic_ns())), "w") as file:
    own = {{name: value for name, value in os.environ.items() if name.startswith("GIT_")}}
    json.dump([sys.argv[1:], given.decode("latin-1"), process.returncode, own], file)
sys.exit(process.returncode)
"""


def measure(lab: Lab) -> Section:
    """What the group has found.

    Raises:
        MeasureError: a measured commit did not land, or a hook judged nothing.
    """
    size = Size()
    model = make(lab, "hot-path", size.world())
    message = lab.scratch / "message"
    message.write_text(size.message(), encoding="utf-8")
    stages = with_stages(lab, commit_case("stages", copy(lab, model, "stages"), size, lab.env, says=False))
    bare = bare_cases(lab, copy(lab, model, "asked"), size)
    python = Case("`python -c pass`", (lab.python(), "-c", "pass"), lab.scratch, lab.env, silent)
    peers = peer_cases(lab, message)
    commits = commit_cases(lab, model, size)
    asking = [case for cases in bare.values() for case in cases]
    take_turns("hot path", [python, stages.commit, *asking, *peers, *commits], lab.runs)

    ours = together("our two stages", *stages.measured())
    asked = [case.measured() for case in asking]
    floor = together("Python and Git alone", python.measured(), python.measured(), *asked)
    lint = peers[0].measured()
    none, native, by_lint, *under = [case.measured() for case in commits]
    alone = [
        Line(python.measured(), "the start of Python"),
        Line(
            floor, f"{len(STAGES)} starts of Python and {len(asked)} processes of Git, the same as those of our stages"
        ),
        *[Line(found, "one of our stages, timed inside of `git commit`") for found in stages.measured()],
        Line(ours, "index, HEAD, plan, to-do file, evidence, keys of all gates; order, files and message"),
        *[Line(case.measured(), ONLY_MESSAGE) for case in peers],
    ]
    noop = "nothing, at the same two stages"
    whole = [
        Line(none, "no hook"),
        Line(native, "both stages"),
        Line(by_lint, ONLY_MESSAGE),
        *[Line(found, noop if "no-op" in found.name else "both stages") for found in under],
    ]
    added = native.less(none)
    return Section(
        title="An ordinary commit",
        about=(
            f"{size.phases} phases, {size.tasks} tasks; two phases complete with the passes of their gates, HEAD in "
            "the middle of the third, one changed file of that phase, no gate due, nothing to write. "
            "The stages are those that Git calls for such a commit, of those that are installed by default."
        ),
        tables=[Table(alone, floor, "Processes by themselves"), Table(whole, none, "Whole commits")],
        bars=[
            Bar("both stages / two starts of Python and the same Git processes", ours.to(floor), MOST_TO_FLOOR),
            Bar("both stages / gitlint's `commit-msg` hook alone", ours.to(lint), MOST_TO_GITLINT),
            Bar("added to a commit by ours / by gitlint's hook", added.to(by_lint.less(none)), MOST_TO_GITLINT),
        ],
        notes=[
            f"Git processes of `{stage}`: {', '.join(case.name for case in cases) or 'none'}."
            for stage, cases in bare.items()
        ],
        peers=PEERS,
    )


# -- our stages --------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Stages:
    """A commit whose hooks are our stages, each timed as Git starts it; by stage, seconds and peak of each run."""

    commit: Case
    times: dict[str, list[tuple[float, int]]]

    def measured(self) -> list[Measured]:
        """The stages in their order, without the warm-up."""
        return [
            Measured(
                f"`orchestrator-hook {stage}`",
                tuple(seconds for seconds, _ in found[1:]),
                max(peak for _, peak in found),
            )
            for stage, found in self.times.items()
        ]


def with_stages(lab: Lab, commit: Case) -> Stages:
    """The same commit with our stages as its hooks.

    They are not run by themselves: what one of them leaves for the next counts for one process of ``git commit``.
    """
    reports = {stage: put_hook(lab, commit.folder, stage) for stage in STAGES}
    times: dict[str, list[tuple[float, int]]] = {stage: [] for stage in STAGES}

    def check(finished: Finished) -> None:
        commit.check(finished)
        for stage, report in reports.items():
            times[stage].append(read_times(report))

    return Stages(dataclasses.replace(commit, check=check), times)


def put_hook(lab: Lab, folder: Path, stage: str, tools: Path | None = None) -> Path:
    """Where the times of that stage will be found, which is a hook of the repository now."""
    report = lab.scratch / f"{folder.name}.{stage}"
    hook = folder / ".git/hooks" / stage
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(timing_hook(report, (lab.ours("orchestrator-hook"), stage), tools), encoding="utf-8")
    hook.chmod(0o755)
    return report


def bare_cases(lab: Lab, folder: Path, size: Size) -> dict[str, list[Case]]:
    """By stage, the Git processes that it starts in an ordinary commit, each by itself with the same input.

    They are found by a ``git`` that stands first on the PATH, so that the list is never written by hand.
    """
    logs = {stage: put_recorder(lab, folder, stage) for stage in STAGES}
    commit = commit_case("git commit", folder, size, lab.env, says=False)
    commit.prepare(0)
    commit.check(timed(commit.argv, folder, commit.env))
    commit.prepare(1)  # they are asked of what is staged
    found = {
        stage: [json.loads(file.read_text(encoding="utf-8")) for file in sorted(log.iterdir())]
        for stage, log in logs.items()
    }
    if not found[STAGES[0]]:
        raise MeasureError("our stages have started no Git that could be seen")
    return {
        stage: [
            Case(
                f"`git {' '.join(argv)}`",
                ("git", *argv),
                folder,
                {**lab.env, **own},
                ends_with(code),
                keep=False,
                given=given.encode("latin-1"),
            )
            for argv, given, code, own in asked
        ]
        for stage, asked in found.items()
    }


def put_recorder(lab: Lab, folder: Path, stage: str) -> Path:
    """Where each Git process of that stage will leave a file: arguments, input, exit code and Git's variables."""
    tools = lab.scratch / f"recorder-{stage}"
    log = tools / "asked"
    log.mkdir(parents=True)
    wrapper = tools / "git"
    real = shutil.which("git", path=lab.env["PATH"])
    wrapper.write_text(_RECORDER.format(python=sys.executable, git=real, folder=str(log)), encoding="utf-8")
    wrapper.chmod(0o755)
    put_hook(lab, folder, stage, tools)
    return log


def ends_with(code: int) -> Callable[[Finished], None]:
    """A check for what must end with that exit code."""

    def check(finished: Finished) -> None:
        if finished.code != code:
            raise MeasureError(f"it ended with {finished.code}, not with {code} as in our stage:\n{finished.err}")

    return check


# -- checkers of messages ----------------------------------------------------------------------------------------------


def peer_cases(lab: Lab, message: Path) -> list[Case]:
    """What judges a message, with the settings that it comes with, as processes by themselves.

    Raises:
        MeasureError: one of them accepts a message that it must refuse.
    """
    bad = lab.scratch / "bad-message"
    bad.write_text("bad.\n", encoding="utf-8")
    commands: dict[str, tuple[str | Path, ...]] = {
        "`gitlint --msg-filename`": (lab.bin(GITLINT) / "gitlint", "--msg-filename"),
        "`conventional-pre-commit`": (lab.bin(CONVENTIONAL) / "conventional-pre-commit",),
        "`cz check --commit-msg-file`": (lab.bin(COMMITIZEN) / "cz", "check", "--commit-msg-file"),
        "`commitlint --edit`": (*commitlint(lab), "--edit"),
    }
    folder = lab.scratch / "hot-path"
    env = hook_environment(lab.env)
    for name, argv in commands.items():
        if timed((*argv, bad), folder, env).code == 0:
            raise MeasureError(f"{name} accepts a message that it must refuse")
    return [Case(name, (*argv, message), folder, env) for name, argv in commands.items()]


def commitlint(lab: Lab) -> tuple[Path, str, Path]:
    """The start of its command line; it needs to be told its rules, and finds npm's packages from where that stands."""
    settings = lab.bin(COMMITLINT).parent.parent / "commitlint.config.mjs"
    settings.write_text("export default { extends: ['@commitlint/config-conventional'] };\n", encoding="utf-8")
    return lab.bin(COMMITLINT) / "commitlint", "--config", settings


# -- whole commits -----------------------------------------------------------------------------------------------------


def commit_cases(lab: Lab, model: Path, size: Size) -> list[Case]:
    """`git commit` without hooks, with ours, with gitlint's, and with a runner that calls nothing or ours."""
    env = {**lab.env, "PRE_COMMIT_HOME": str(lab.scratch / "pre-commit"), "PREK_HOME": str(lab.scratch / "prek")}
    cases = [
        commit_case("`git commit`, no hooks", copy(lab, model, "bare"), size, env, says=False),
        native_case(lab, "`git commit`, our hooks", copy(lab, model, "ours"), size, env),
    ]
    folder = copy(lab, model, "gitlint")
    hook = folder / ".git/hooks/commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\nexec {lab.bin(GITLINT) / "gitlint"} --msg-filename "$1"\n', encoding="utf-8")
    hook.chmod(0o755)
    Landing(folder, size, env).check_refuses()
    cases.append(commit_case("`git commit`, gitlint's hook", folder, size, env, says=False))
    for name in (PRE_COMMIT, PREK):
        for what, entries in (("a no-op hook", dict.fromkeys(STAGES, "true")), ("our hooks", our_entries(lab))):
            folder = copy(lab, model, f"{name}-{'ours' if entries['pre-commit'] != 'true' else 'noop'}")
            (folder / ".pre-commit-config.yaml").write_text(runner_config(entries), encoding="utf-8")
            run([lab.bin(name) / name, "install"], folder, env)
            if what == "our hooks":
                Landing(folder, size, env).check_refuses()
            cases.append(commit_case(f"`git commit`, {what} under {name}", folder, size, env, says=True))
    return cases


def native_case(lab: Lab, name: str, folder: Path, size: Size, env: Mapping[str, str]) -> Case:
    """`git commit` in that folder with our hooks as ``orchestrator install --native`` installs them."""
    run([lab.ours(), "install", "--native"], folder, env)
    Landing(folder, size, env).check_refuses()
    return commit_case(name, folder, size, env, says=False)


def commit_case(name: str, folder: Path, size: Size, env: Mapping[str, str], *, says: bool) -> Case:
    """`git commit` in that folder; with ``says`` what a runner tells is fine."""
    landing = Landing(folder, size, env)

    def check(finished: Finished) -> None:
        (fine if says else silent)(finished)
        landing.check()

    return Case(name, ("git", "commit", "-q", "-m", size.message()), folder, env, check, landing.stage)


def our_entries(lab: Lab) -> dict[str, str]:
    """What a runner starts at each stage, as .pre-commit-hooks.yaml has it."""
    hook = lab.ours("orchestrator-hook")
    return {"pre-commit": f"{hook} auto", "commit-msg": f"{hook} commit-msg"}


def runner_config(entries: Mapping[str, str]) -> str:
    """A configuration for both runners: one hook for each stage, started as it stands."""
    lines = [f"default_install_hook_types: [{', '.join(entries)}]", "repos:", "  - repo: local", "    hooks:"]
    for stage, entry in entries.items():
        lines += [
            f"      - id: bench-{stage}",
            f"        name: bench {stage}",
            "        language: system",
            f"        entry: {json.dumps(entry)}",
            f"        stages: [{stage}]",
            "        always_run: true",
            f"        pass_filenames: {'true' if stage == 'commit-msg' else 'false'}",
            "        verbose: true",
        ]
    return "\n".join(lines) + "\n"
