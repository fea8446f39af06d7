"""Whether the commits that messages speak of are there: what a fixup is for, and what a revert reverts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Finding, Location
from orchestrator.core.plan import PLAN_PATH, is_outside_phases
from orchestrator.history.commits import read_subjects
from orchestrator.history.objects import changed_paths, missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.app.verify.judging import Claim
    from orchestrator.git import Git
    from orchestrator.history.objects import Objects


def unfounded(git: Git, objects: Objects, claims: Mapping[str, Claim]) -> dict[str, Finding]:
    """From each commit whose claim does not hold to what to say of it; ``claims`` are by the id of the commit.

    One walk over all that these commits reach answers for all of them: each claim is carried from a commit to its
    parents until it comes to what it is about.

    Raises:
        GitError: Git failed.
    """
    if not claims:
        return {}
    waiting = dict(claims)
    carried: dict[str, set[str]] = {}
    problems: dict[str, Finding] = {}
    for oid, parents, subject in read_subjects(git, list(claims)):
        here = carried.pop(oid, set()) & waiting.keys()
        for name in sorted(here):
            claim = waiting[name]
            if claim.kind == "fixup" and (subject.startswith(claim.target) or _is_abbreviated(claim.target, oid)):
                del waiting[name]
            elif claim.kind == "revert" and oid.startswith(claim.target):
                del waiting[name]
                if problem := _strange_path(objects, oid, parents, claim):
                    problems[name] = _no_revert(claim, problem)
        if not waiting:
            break
        here &= waiting.keys()
        if oid in waiting:
            here.add(oid)
        for parent in parents if here else ():
            carried.setdefault(parent, set()).update(here)
    for name, claim in waiting.items():
        problems[name] = (
            _no_revert(claim, "no commit before it has that id") if claim.kind == "revert" else _no_fixup(claim)
        )
    return problems


def _is_abbreviated(target: str, oid: str) -> bool:
    return len(target) >= 4 and " " not in target and oid.startswith(target)


def _strange_path(objects: Objects, oid: str, parents: list[str], claim: Claim) -> str:
    """What the revert changes and the reverted commit did not, as the end of a sentence; "" for nothing."""
    tree, *before = [f"{name}^{{tree}}" for name in (oid, *parents)]
    for name in (tree, *before):
        if objects.tree(name) is None:
            raise missing(name)
    # Of a merge, "git revert -m" undoes the changes against any one of the parents.
    theirs = {path for name in before or [""] for path in changed_paths(objects, name, tree)}
    strange = [
        path for path in claim.changed if path not in theirs and not (is_outside_phases(path) and path != PLAN_PATH)
    ]
    return f"that commit did not touch {strange[0]}" if strange else ""


def _no_fixup(claim: Claim) -> Finding:
    return Finding(
        "fixup-target",
        "there is no commit before it that this fixup is for",
        locations=(Location("message", 1, claim.target),),
        help="git rebase -i, and give it a message of its own",
    )


def _no_revert(claim: Claim, problem: str) -> Finding:
    return Finding(
        "revert-target",
        f"this is no revert of {claim.target[:12]}: {problem}",
        locations=(Location("message", 1),),
        notes=("a rebase gives commits other ids, and leaves the old one in the message of a revert",),
        help="git rebase -i, and name a phase in its message; or revert anew the commit that is there now",
    )
