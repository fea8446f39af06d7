"""How the hooks and PLAN.md grow with the repository, the plan, the commit and the history.

Whole processes of our two stages on repositories of several sizes; PLAN.md in one process. Standard library only.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, TypeVar

from common import CHECKOUT, Lab, MeasureError, git, run
from hot_path import commit_case, with_stages
from plans import Size, World, copy, make
from results import Bar, Case, Curve, Line, Measured, Section, Table, silent, take_turns, together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from common import Finished

Kind = TypeVar("Kind")

MOST_FOR_FILES_MS = 60.0
MOST_FOR_PLAN = 3.0
MOST_FOR_COMMIT_MS = 1_000.0
MOST_FOR_HISTORY = 1.1
MOST_TO_RENDER_MS = 100.0

FILES = (1_000, 3_000, 10_000, 30_000, 100_000)
PLANS = ((5, 20), (20, 100), (100, 500), (300, 3_000), (1_000, 10_000))
PLAN_PATTERNED = 4  # of the tasks of each phase; with the phase's own these are 5,000 patterns in the largest plan
COMMITS = (100, 1_000, 10_000, 100_000)
WIDE_PHASES, WIDE_FILES = 1_000, 10_000


def measure(lab: Lab) -> Section:
    """What the group has found.

    Raises:
        MeasureError: a stage did not accept what it must accept, or changed something.
    """
    files = {count: Size(files=count) for count in small(lab, FILES, (100, 1_000))}
    claimed = {count: Size(files=count, claimed=True) for count in list(files)[:: 1 if lab.quick else 2]}
    plans = {tasks: Size(phases, tasks, PLAN_PATTERNED) for phases, tasks in small(lab, PLANS, ((5, 20), (10, 50)))}
    commits = {count: Size(commits=count) for count in small(lab, COMMITS, (10, 100))}
    by_files, by_claimed, by_plan, by_commits = (
        both_stages(lab, title, sizes)
        for title, sizes in (
            ("files", files),
            ("files-of-phases", claimed),
            ("tasks", plans),
            ("commits", commits),
        )
    )
    ends = {tasks: plans[tasks] for tasks in (min(plans), max(plans))}
    by_whole_plan = both_stages(lab, "tasks-anew", ends, anew=True)
    wide, wide_note = wide_commit(lab)
    rendered = render(lab, plans)

    first_plan, last_plan = plans[min(plans)], plans[max(plans)]
    return Section(
        title="Growth",
        about=(
            "Our two stages on an ordinary commit, as above, each time with one thing larger. "
            f"The plan grows from {first_plan.phases} phases, {first_plan.tasks} tasks and {first_plan.patterns} "
            f"patterns to {last_plan.phases:,}, {last_plan.tasks:,} and {last_plan.patterns:,}; half of the phases are "
            "complete, with the passes of their gates."
        ),
        tables=[
            Table(lines(by_files, "{:,} files beside the plan's, which no phase claims"), first(by_files), "Files"),
            Table(
                lines(by_claimed, "{:,} files in the folders of the phases, inputs of their gates"), first(by_claimed)
            ),
            Table(lines(by_plan, "{:,} tasks"), first(by_plan), "Plan"),
            Table(
                lines(by_whole_plan, "{:,} tasks, each time without what the commit before has left"),
                first(by_whole_plan),
            ),
            Table(lines(by_commits, "{:,} commits behind HEAD"), first(by_commits), "History"),
            Table([Line(found) for found in wide], wide[0], "A wide commit"),
            Table(lines(rendered, "{:,} tasks, read and rendered anew"), first(rendered), "`PLAN.md` in process"),
        ],
        bars=[
            Bar(f"files: {span(files)}, added", added_ms(by_files), MOST_FOR_FILES_MS, "ms"),
            Bar(f"plan: {span(plans)} tasks", last(by_plan).to(first(by_plan)), MOST_FOR_PLAN),
            Bar(f"history: {span(commits)} commits", last(by_commits).to(first(by_commits)), MOST_FOR_HISTORY),
            Bar(wide_note, wide[1].median() * 1000, MOST_FOR_COMMIT_MS, "ms"),
            Bar(f"`PLAN.md` of {max(rendered):,} tasks", last(rendered).median() * 1000, MOST_TO_RENDER_MS, "ms"),
        ],
        curves=[
            Curve(
                "Files in the repository",
                "files",
                {"no phase's": points(by_files), "of phases": points(by_claimed)},
            ),
            Curve("Size of the plan", "tasks", {"both stages": points(by_plan), "PLAN.md": points(rendered)}),
            Curve("Length of the history", "commits", {"both stages": points(by_commits)}),
        ],
        notes=[
            f"That the hooks do not notice the history is taken as at most {MOST_FOR_HISTORY:g} x.",
            "Anew, with nothing left by the commit before, is one that ticks, or the first after the end of a phase.",
            "The wide commit is taken because its plan has `one_phase_per_commit = false`; by default it is refused.",
        ],
    )


def small(lab: Lab, sizes: Sequence[Kind], quick: Sequence[Kind]) -> Sequence[Kind]:
    """The sizes, or those for a try."""
    return quick if lab.quick else sizes


def both_stages(lab: Lab, title: str, sizes: Mapping[int, Size], *, anew: bool = False) -> dict[int, Measured]:
    """Both stages together in a repository of each size, all sizes in turns.

    ``anew``: what a commit has left of the plan for the next one is taken away.
    """
    found = {}
    for count, size in sizes.items():
        folder = make(lab, f"{title}-{count}", size.world())
        case = commit_case(f"{count} {title}", folder, size, lab.env, says=False)
        found[count] = with_stages(lab, forgetting(case) if anew else case)
    take_turns(title, [stages.commit for stages in found.values()], lab.runs)
    return {
        count: together(f"{count:,} {title.replace('-', ' ')}", *stages.measured()) for count, stages in found.items()
    }


def forgetting(case: Case) -> Case:
    """The same, where the hooks have to begin with the whole plan."""
    prepare = case.prepare

    def forget(turn: int) -> None:
        prepare(turn)
        (case.folder / ".git/orchestrator/under-way").unlink(missing_ok=True)

    return dataclasses.replace(case, prepare=forget)


def lines(found: Mapping[int, Measured], about: str) -> list[Line]:
    """A line for each size."""
    return [Line(measured, about.format(count)) for count, measured in found.items()]


def first(found: Mapping[int, Measured]) -> Measured:
    """That of the smallest size."""
    return found[min(found)]


def last(found: Mapping[int, Measured]) -> Measured:
    """That of the largest size."""
    return found[max(found)]


def added_ms(found: Mapping[int, Measured]) -> float:
    """What the largest takes more than the smallest, in milliseconds."""
    return last(found).less(first(found)).median() * 1000


def points(found: Mapping[int, Measured]) -> list[tuple[float, float]]:
    """For a curve."""
    return [(count, measured.median() * 1000) for count, measured in found.items()]


def span(sizes: Mapping[int, object]) -> str:
    """From the smallest to the largest."""
    return f"{min(sizes):,} -> {max(sizes):,}"


# -- one wide commit ---------------------------------------------------------------------------------------------------


def wide_commit(lab: Lab) -> tuple[list[Measured], str]:
    """Git alone, both stages, and whole commits, for one commit of many files of many phases; and its name.

    A plan refuses such a commit unless ``one_phase_per_commit`` is off, as it is here.
    """
    phases, files = (10, 100) if lab.quick else (WIDE_PHASES, WIDE_FILES)
    paths = [f"src/phase_{number % phases + 1}/file_{number}.txt" for number in range(files)]
    text = [
        "version = 1",
        "[feature]",
        'title = "Bench"',
        "[settings]",
        "one_phase_per_commit = false",
    ]
    for phase in range(1, phases + 1):
        text += ["[[phase]]", f'id = "phase-{phase}"', f'title = "Part {phase}"', f'files = ["src/phase_{phase}/**"]']
        text += ["[[phase.task]]", f'id = "{phase}.1"', 'title = "Talk about it"']
    world = World("\n".join(text) + "\n", dict.fromkeys(paths, "before"))
    model = make(lab, "wide", world)
    for path in paths:
        (model / path).write_text("after\n", encoding="utf-8")
    git(model, lab.env, "add", "src")
    changed = git(model, lab.env, "write-tree")
    base = git(model, lab.env, "rev-parse", "HEAD")
    message = lab.scratch / "wide.message"
    message.write_text("feat: [Part 1] change everything\n", encoding="utf-8")

    def case(name: str, folder: Path) -> Case:
        def prepare(_turn: int) -> None:
            git(folder, lab.env, "reset", "-q", "--soft", base)
            git(folder, lab.env, "read-tree", "--reset", "-u", changed)

        def check(finished: Finished) -> None:
            silent(finished)
            if git(folder, lab.env, "rev-parse", "HEAD^", "HEAD^{tree}").split() != [base, changed]:
                raise MeasureError("the commit did not land, or does not hold what was staged")

        return Case(name, ("git", "commit", "-q", "-F", message), folder, lab.env, check, prepare)

    bare = case("`git commit`, no hooks", copy(lab, model, "wide-bare"))
    ours = copy(lab, model, "wide-ours")
    run([lab.ours(), "install", "--native"], ours, lab.env)
    whole = case("`git commit`, our hooks", ours)
    stages = with_stages(lab, case("stages", model))
    take_turns("wide commit", [bare, whole, stages.commit], lab.runs)
    both = together("our two stages", *stages.measured())
    return [bare.measured(), both, whole.measured()], f"a commit of {files:,} files of {phases:,} phases, both stages"


# -- PLAN.md -----------------------------------------------------------------------------------------------------------


def render(lab: Lab, plans: Mapping[int, Size]) -> dict[int, Measured]:
    """PLAN.md of plans of several sizes, read and rendered in one process."""
    found = {}
    for tasks in plans:
        folder = lab.scratch / f"tasks-{tasks}"
        argv: list[str | Path] = [lab.python(), CHECKOUT / "bench/render.py", folder, "--runs", str(lab.runs)]
        found[tasks] = Measured(f"{tasks:,} tasks", tuple(json.loads(run(argv, folder, lab.env))))
    return found
