"""The repository of a command: found from the current folder, with what is staged there as the facts."""

from __future__ import annotations

import fcntl
import functools
import os
from typing import TYPE_CHECKING

from orchestrator.app.commit import staged_parents
from orchestrator.app.facts import read_facts
from orchestrator.app.own_files import write_own_files
from orchestrator.app.repository import Repository, check_git_version, no_plan
from orchestrator.callers import Runner
from orchestrator.core.finding import CannotJudgeError, Finding, Location, UnknownNameError
from orchestrator.core.names import nearest
from orchestrator.core.plan import PLAN_PATH
from orchestrator.core.settle import Before, Settled
from orchestrator.git import Git, GitError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Concatenate, ParamSpec, TypeVar

    from orchestrator.app.facts import Facts
    from orchestrator.core.plan import Phase, Plan
    from orchestrator.core.todo import Reading

    P = ParamSpec("P")
    R = TypeVar("R")


def open_workplace(start: Path | None = None, *, bare_too: bool = False) -> Repository:
    """The repository whose work tree the folder (default: the current one) lies in.

    ``bare_too``: where there is no work tree, the bare repository, in which Git then runs.

    Raises:
        CannotJudgeError: there is none, it has no work tree, or Git is too old.
    """
    # Each answer on a line of its own, in this order; where there is no work tree, the last one is missing.
    code, out, err = Git(os.fspath(start or "."), os.environ).call(
        "rev-parse", "--is-bare-repository", "--absolute-git-dir", "--show-toplevel", env={"LC_ALL": "C"}
    )
    is_bare, _, places = os.fsdecode(out).partition("\n")
    if not places:
        said = err.decode("utf-8", "replace").strip()
        if "not a git repository" in said.lower():
            raise CannotJudgeError(Finding("git", "this is no Git repository", help="git init"))
        raise GitError(("rev-parse", "--absolute-git-dir"), code, said)
    git_dir, _, top = places.removesuffix("\n").partition("\n")
    if code and is_bare != "true":
        top = os.path.dirname(git_dir)
        if os.path.basename(git_dir) != ".git":
            raise CannotJudgeError(
                Finding("git", "this folder is in the Git directory, not in a work tree", help="cd to the work tree")
            )
    if is_bare == "true" and not bare_too:
        raise CannotJudgeError(
            Finding(
                "git",
                "the repository is bare, it has no work tree",
                help="orchestrator install --native, for the hook that judges what is pushed here",
            )
        )
    repository = Repository(Git(top or git_dir, os.environ), git_dir)
    check_git_version(repository.git)
    return repository


def one_at_a_time(change: Callable[Concatenate[Repository, P], R]) -> Callable[Concatenate[Repository, P], R]:
    """The same change of the three files, which waits until no other one is under way in the work tree.

    Two that read the same plan would give two questions one id, and the later one would write over the earlier.
    """

    @functools.wraps(change)
    def alone(repository: Repository, /, *arguments: P.args, **options: P.kwargs) -> R:
        folder = os.path.join(repository.git_dir, "orchestrator")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "changing"), "ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # gone with the process, however that ends
            return change(repository, *arguments, **options)

    return alone


def staged_facts(repository: Repository) -> Facts:
    """The facts of what is staged, against HEAD (and what is being merged).

    Raises:
        CannotJudgeError: there is no plan.toml, or something cannot be read.
    """
    facts = read_facts(repository, staged_parents(repository))
    if facts is None or facts.plan is None:
        raise no_staged_plan(repository)
    return facts


def no_staged_plan(repository: Repository) -> CannotJudgeError:
    """Why the index has no plan.toml: a merge has left it in conflict, or there is none."""
    if not repository.git.run("ls-files", "-u", "--", PLAN_PATH):
        return no_plan()
    return CannotJudgeError(
        Finding(
            "plan-invalid",
            "plan.toml is in conflict",
            locations=(Location(PLAN_PATH),),
            help="resolve it, then: git add plan.toml && orchestrator sync",
        )
    )


def staged_reading(facts: Facts) -> Reading:
    """The marks that the staged PLAN.md says.

    Raises:
        CannotJudgeError: there are lines between its markers that are not the tool's.
    """
    reading = facts.reading()
    if reading.findings:
        raise CannotJudgeError(*reading.findings)
    return reading


def parent_of(facts: Facts, settled: Settled) -> Before:
    """What is before the staged commit; at the adoption, an empty past under the same plan."""
    if facts.before is not None:
        return facts.before
    return Before(settled.plan, {}, None, settled.content)


def stage_own_files(facts: Facts, settled: Settled, decided: frozenset[str] = frozenset()) -> None:
    """Write and stage PLAN.md and plan.lock, keeping unstaged edits of PLAN.md unstaged."""
    write_own_files(facts, settled, Runner(), os.getppid(), decided, by_command=True)


def phase_named(plan: Plan, name: str) -> Phase:
    """The phase that a person calls so.

    Raises:
        CannotJudgeError: there is none; tells the nearest name.
    """
    phase = plan.named(name)
    if phase is None:
        names = [known.title for known in plan.phases] + [known.id for known in plan.phases]
        raise UnknownNameError(
            Finding(
                "phase-unknown", f'the plan has no phase "{name}"{nearest(name, names)}', help="orchestrator status"
            )
        )
    return phase
