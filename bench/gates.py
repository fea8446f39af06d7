"""Gates that need not run, beside other programs that know what is up to date; and gates that run side by side.

Standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from common import DOIT, TURBOREPO, Finished, Lab, MeasureError, git, run
from plans import World, make
from results import Bar, Case, Curve, Line, Measured, Section, Table, fine, silent, take_turns, together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MOST_TO_FLOOR = 2.5
MOST_TO_PEER = 1.0
MOST_TO_CRITICAL = 1.1
PEERS = (DOIT, TURBOREPO)

GATES = 100
FILES = (1_000, 10_000, 100_000)
SLEEPS_S = ((2.0,), (1.5,), (1.0,), (1.0,), (0.5,), (0.5,))  # independent gates
CHAINS_S = ((0.5, 1.5), (1.0, 1.0))  # gates of phases, each of which waits for the one before

PYTHON = "`python -c pass`"
LIST = "`git ls-files -s`"
VALIDATE = "`orchestrator validate`"
ANEW = "`orchestrator validate`, something else staged"
DOIT_RUN = "`doit`"
TURBO_RUN = "`turbo run check`"
ABOUT = {
    PYTHON: "the start of Python",
    LIST: "lists what is staged",
    VALIDATE: (
        "finds by the checksum of the index, by HEAD, by what is known of passes and by `PLAN.md` and `plan.lock` that "
        "its last answer still holds"
    ),
    ANEW: (
        "the same once a file that no gate takes has been staged: looks up a pass for the mode, id and path of every "
        "staged input; writes `PLAN.md` and `plan.lock`"
    ),
    DOIT_RUN: (
        "compares time and size of every input in the work tree with those of its last run, and reads no content; "
        "its record is of this clone only, nobody else can check it, and new files are seen as `dodo.py` lists folders"
    ),
    TURBO_RUN: (
        "hashes the files of every package by what Git has committed and what differs from it, and shows the output "
        "kept for each; its record is of this machine only and no commit is judged by it"
    ),
}

# One task for each folder, with all of its files.
_DODO = """\
import os

def task_check():
    for folder in sorted(name for name in os.listdir(".") if name.startswith("part_")):
        files = [f"{folder}/{name}" for name in os.listdir(folder) if not name.startswith(".")]
        yield {"name": folder, "actions": ["true"], "file_dep": files}
"""


def measure(lab: Lab) -> Section:
    """What the group has found.

    Raises:
        MeasureError: something that should be up to date was run, or something was not run.
    """
    gates, sizes = (5, (100, 500)) if lab.quick else (GATES, FILES)
    cases = {count: up_to_date(lab, gates, count) for count in sizes}
    take_turns("gates", [case for found in cases.values() for case in found.values()], lab.runs)
    found = {count: {name: case.measured() for name, case in by_name.items()} for count, by_name in cases.items()}
    large = found[max(sizes)]
    floor = together(f"{LIST} and {PYTHON}", large[LIST], large[PYTHON])
    scale = 0.1 if lab.quick else 1.0
    alone, chains = ([[length * scale for length in way] for way in ways] for ways in (SLEEPS_S, CHAINS_S))
    independent, waiting = side_by_side(lab, alone, chains)
    to_floor = large[VALIDATE].to(floor)
    return Section(
        title="Gates",
        about=(
            f"{gates} gates, each with a folder of its own as inputs, all passed before on the same content. The same "
            f"folders are the tasks of doit and the packages of Turborepo; all three would start `true`."
        ),
        tables=[
            Table(
                [*[Line(measured, ABOUT[name]) for name, measured in large.items()], Line(floor, "both")],
                floor,
                f"{max(sizes):,} files, everything up to date",
            ),
        ],
        bars=[
            Bar(f"`validate`, {gates} gates, {max(sizes):,} files / {LIST} and one Python", to_floor, MOST_TO_FLOOR),
            Bar("the same / doit", large[VALIDATE].to(large[DOIT_RUN]), MOST_TO_PEER),
            Bar("the same / Turborepo", large[VALIDATE].to(large[TURBO_RUN]), MOST_TO_PEER),
            Bar("something else staged / doit", large[ANEW].to(large[DOIT_RUN]), MOST_TO_PEER),
            Bar("something else staged / Turborepo", large[ANEW].to(large[TURBO_RUN]), MOST_TO_PEER),
            Bar("independent gates side by side, without the start / the longest", independent, MOST_TO_CRITICAL),
            Bar("gates of phases in chains, without the start / the longest chain", waiting, MOST_TO_CRITICAL),
        ],
        curves=[
            Curve(
                f"{gates} gates, all up to date",
                "files",
                {
                    label: [(count, by_name[name].median() * 1000) for count, by_name in found.items()]
                    for label, name in (
                        ("validate", VALIDATE),
                        ("validate anew", ANEW),
                        ("doit", DOIT_RUN),
                        ("Turborepo", TURBO_RUN),
                    )
                },
            )
        ],
        notes=[
            f"Gates that sleep, as many at once as there are: {told(alone)} s, {independent:.2f} x the longest.",
            f"Chains of phases with a gate each, {told(chains)} s: {waiting:.2f} x the longest.",
        ],
        peers=PEERS,
    )


def told(ways: Sequence[Sequence[float]]) -> str:
    """The lengths of gates, those that wait for each other joined by arrows."""
    return ", ".join(" -> ".join(f"{length:g}" for length in way) for way in ways)


# -- everything up to date ---------------------------------------------------------------------------------------------


def up_to_date(lab: Lab, gates: int, files: int) -> dict[str, Case]:
    """Ours and the peers in a repository in which all of them have run before, by name."""
    folder = make(lab, f"gates-{files}", gates_world(gates, files))
    env = {**lab.env, "TURBO_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"}
    doit, turbo = (lab.bin(DOIT) / "doit",), (lab.bin(TURBOREPO) / "turbo", "run", "check")
    validate = (lab.ours(), "validate")
    passed = says("passed before on this content", gates)

    def stage_other(turn: int) -> None:
        (folder / "notes.txt").write_text(f"{turn}", encoding="utf-8")
        git(folder, env, "add", "notes.txt")

    count_run(run(doit, folder, env), ".  check:", gates)
    count_run(run(turbo, folder, env), "cache miss", gates)
    return {
        PYTHON: Case(PYTHON, (lab.python(), "-c", "pass"), folder, env, silent),
        LIST: Case(LIST, ("git", "ls-files", "-s"), folder, env, keep=False),
        VALIDATE: Case(VALIDATE, validate, folder, env, passed),
        ANEW: Case(ANEW, validate, folder, env, passed, stage_other),
        DOIT_RUN: Case(DOIT_RUN, doit, folder, env, says("-- check:", gates)),
        TURBO_RUN: Case(TURBO_RUN, turbo, folder, env, says("cache hit", gates)),
    }


def count_run(out: str, words: str, gates: int) -> None:
    """Refuse a first run that did not do everything."""
    if out.count(words) != gates:
        raise MeasureError(f"{out.count(words)} tasks were run, not {gates}:\n{out[-2000:]}")


def says(words: str, times: int) -> Callable[[Finished], None]:
    """A check for what must say something so many times."""

    def check(finished: Finished) -> None:
        fine(finished)
        if finished.out.count(words) != times:
            raise MeasureError(f"it said {words!r} {finished.out.count(words)} times, not {times}:\n{finished.out}")

    return check


def gates_world(gates: int, files: int) -> World:
    """A repository with a folder of files for each gate, which is also a package and a task of doit."""
    names = [f"part_{number:03}" for number in range(gates)]
    text = ["version = 1", "[feature]", 'title = "Bench"']
    adopted = {
        ".gitignore": "node_modules/\n.turbo/\n.doit.db*",
        "dodo.py": _DODO,
        "package.json": json.dumps({"private": True, "packageManager": "npm@10.0.0", "workspaces": ["part_*"]}),
        "package-lock.json": json.dumps(npm_lock(names)),
        "turbo.json": json.dumps({"tasks": {"check": {"outputs": []}}}),
    }
    for name in names:
        text += [f"[gates.{name}]", 'run = "true"', f'inputs = ["{name}/**"]']
        adopted[f"{name}/package.json"] = json.dumps({"name": name, "version": "1.0.0", "scripts": {"check": "true"}})
        for number in range(files // gates - 1):
            adopted[f"{name}/file_{number}.txt"] = f"{name} {number % 50}"
    text += ["[[phase]]", 'id = "all"', 'title = "All"', f"gates = {json.dumps(names)}"]
    return World("\n".join(text) + "\n", adopted, {"README": "text"}, complete=("all",))


def npm_lock(names: Sequence[str]) -> Mapping[str, object]:
    """What npm would write: Turborepo finds the packages by it."""
    links = {f"node_modules/{name}": {"resolved": name, "link": True} for name in names}
    packages = {name: {"name": name, "version": "1.0.0"} for name in names}
    return {"lockfileVersion": 3, "requires": True, "packages": {"": {"workspaces": ["part_*"]}, **packages, **links}}


# -- side by side ------------------------------------------------------------------------------------------------------


def side_by_side(lab: Lab, alone: Sequence[Sequence[float]], chains: Sequence[Sequence[float]]) -> tuple[float, float]:
    """How long gates take that are independent, and that wait for others, to the longest way through them.

    The start of our program is taken away: that is how long it takes with everything passed.
    """
    cases = []
    for name, ways in (("side-by-side", alone), ("chains", chains)):
        folder = make(lab, name, sleeping_world(ways))
        cases.append(sleeping_case(lab, folder, ways, passed=False))
    folder = make(lab, "passed", sleeping_world(alone))
    run([lab.ours(), "validate", "-j", str(len(alone))], folder, lab.env)
    cases.append(sleeping_case(lab, folder, alone, passed=True))
    take_turns("side by side", cases, lab.runs)
    independent, waiting, start = [case.measured() for case in cases]
    return to_longest(independent.less(start), alone), to_longest(waiting.less(start), chains)


def to_longest(found: Measured, ways: Sequence[Sequence[float]]) -> float:
    """The time to that of the longest way."""
    return found.median() / max(map(sum, ways))


def sleeping_world(ways: Sequence[Sequence[float]]) -> World:
    """Chains of phases with one gate each, which sleeps; nothing has passed yet."""
    text = ["version = 1", "[feature]", 'title = "Bench"']
    phases = []
    for way, lengths in enumerate(ways):
        for place, length in enumerate(lengths):
            name = f"w{way}-{place}"
            text += [f"[gates.{name}]", f'run = ["sleep", "{length}"]', 'inputs = ["README"]']
            phases += ["[[phase]]", f'id = "{name}"', f'title = "Part {name}"', f'gates = ["{name}"]']
            phases += [f'depends_on = ["w{way}-{place - 1}"]'] if place else []
    return World("\n".join([*text, *phases]) + "\n", {"README": "text"}, {"notes": "text"})


def sleeping_case(lab: Lab, folder: Path, ways: Sequence[Sequence[float]], *, passed: bool) -> Case:
    """``validate`` with as many gates at once as there are; before it runs, passes are forgotten unless ``passed``."""
    gates = sum(map(len, ways))
    check = says("passed before on this content" if passed else ": passed (", gates)

    def prepare(_turn: int) -> None:
        if not passed:
            git(folder, lab.env, "reset", "-q", "--hard")
            for name in ("passes", "runs"):
                if os.path.isdir(kept := folder / ".git/orchestrator" / name):
                    shutil.rmtree(kept)

    return Case(folder.name, (lab.ours(), "validate", "-j", str(gates)), folder, lab.env, check, prepare)
