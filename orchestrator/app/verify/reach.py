"""What reaches what in a span: each question is answered for many commits in one walk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.plan import PLAN_PATH
from orchestrator.history.commits import read_subjects, revision_arguments

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from orchestrator.app.verify.report import Span
    from orchestrator.git import Git


def reaching_tips(git: Git, span: Span, oids: Collection[str]) -> Mapping[str, frozenset[str]]:
    """From each of the commits to the ids of the span's tips that reach it.

    Raises:
        GitError: Git failed.
    """
    tips = [tip.oid for tip in span.tips]
    if len(set(tips)) < 2:
        return dict.fromkeys(oids, frozenset(tips))
    waiting = set(oids)
    found: dict[str, frozenset[str]] = {}
    carried: dict[str, frozenset[str]] = {}
    for oid, parents, _ in read_subjects(git, tips, span.excluded) if waiting else ():
        here = carried.pop(oid, frozenset()) | ({oid} if oid in tips else frozenset())
        if oid in waiting:
            found[oid] = here
            waiting.discard(oid)
            if not waiting:
                break
        for parent in parents:
            carried[parent] = carried.get(parent, frozenset()) | here
    return found


def in_span(git: Git, span: Span, oids: Collection[str]) -> set[str]:
    """Those of the commits that the span has.

    Raises:
        GitError: Git failed.
    """
    if not oids:
        return set()
    return {oid for oid, _, _ in read_subjects(git, [tip.oid for tip in span.tips], span.excluded) if oid in oids}


def ancestors(git: Git, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the pairs of commits of which the first one is an ancestor of the second.

    Raises:
        GitError: Git failed.
    """
    found: set[tuple[str, str]] = set()
    sought: dict[str, set[str]] = {}
    waiting: dict[str, int] = {}
    for ancestor, descendant in pairs:
        sought.setdefault(ancestor, set()).add(descendant)
        waiting[descendant] = waiting.get(descendant, 0) + 1
    carried: dict[str, set[str]] = {}
    for oid, parents, _ in read_subjects(git, list(waiting)) if pairs else ():
        here = carried.pop(oid, set())
        for descendant in sought.pop(oid, ()):
            if descendant in here:
                found.add((oid, descendant))
            waiting[descendant] -= 1
        if not sought:
            break
        if oid in waiting:
            here.add(oid)
        here = {name for name in here if waiting[name]}
        for parent in parents if here else ():
            carried.setdefault(parent, set()).update(here)
    return found


def all_adoptions(git: Git, span: Span) -> set[str]:
    """The ids of the commits, in all that the tips reach, that have a plan.toml which a parent has not.

    Raises:
        GitError: Git failed.
    """
    options, revisions = revision_arguments([tip.oid for tip in span.tips], ())
    argv = ("log", "-m", "--full-history", "--no-renames", "--diff-filter=A", "--no-patch", "--format=%H", *options)
    return set(git.text(*argv, "--", PLAN_PATH, stdin=revisions).split())


def adoptions_behind(git: Git, span: Span, adoptions: Collection[str]) -> Mapping[str, frozenset[str]]:
    """From each commit that the tips reach to those of the adoptions that it has behind it.

    Raises:
        GitError: Git failed.
    """
    behind: dict[str, frozenset[str]] = {}
    for oid, parents, _ in read_subjects(git, [tip.oid for tip in span.tips], reverse=True):
        found = frozenset({oid}) if oid in adoptions else frozenset()
        for parent in parents:
            found |= behind.get(parent, frozenset())
        behind[oid] = found
    return behind
