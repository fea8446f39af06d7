"""Which parents of a merge count: those that no other one has behind it, and that the plan has judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.verify.reach import adoptions_behind, all_adoptions, in_span

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from orchestrator.app.verify.judging import Step
    from orchestrator.app.verify.report import Span
    from orchestrator.git import Git

_NONE: frozenset[str] = frozenset()


def without_parents(step: Step, redundant: Collection[str]) -> Step:
    """The merge without those parents: one that another parent has behind it brings nothing and vouches for nothing."""
    owns = (step.before, *step.others)
    kept = [place for place, parent in enumerate(step.parents) if parent not in redundant]
    return step.replace(
        parents=tuple([step.parents[place] for place in kept]),
        before=owns[kept[0]],
        others=tuple([owns[place] for place in kept[1:]]),
    )


def with_judged_sides(git: Git, span: Span, merges: Sequence[Step]) -> list[Step]:
    """The merges, each with only those further parents as ``others`` that the plan of its first one has judged.

    A branch without a plan, or with an adoption of its own, was judged by nobody, so it vouches for nothing: such a
    merge is judged by its result. Where the first parent has no plan, the merge is judged against a parent whose plan
    was there before the span; if there is none, the plan has come to that line with it, which is an adoption.

    Raises:
        GitError: Git failed.
    """
    if not merges:
        return []
    adoptions = all_adoptions(git, span)
    behind = adoptions_behind(git, span, adoptions) if len(adoptions) > 1 else {}
    known = adoptions
    if not all([step.before[0] for step in merges]):
        known = adoptions - in_span(git, span, adoptions)
    return [_sorted_sides(step, adoptions, behind, known) for step in merges]


def _sorted_sides(
    step: Step, adoptions: Collection[str], behind: Mapping[str, frozenset[str]], known: Collection[str]
) -> Step:
    owns = (step.before, *step.others)
    # With one adoption in all of history, everything that has a plan has it from there.
    of_parent = [behind.get(parent, _NONE) if behind else frozenset(adoptions) for parent in step.parents]
    first = 0
    if not owns[0][0]:
        planned = [place for place, own in enumerate(owns) if own[0] and not of_parent[place].isdisjoint(known)]
        first = planned[0] if planned else 0
    if not owns[first][0]:
        return step
    rest = [place for place in range(len(owns)) if place != first]
    foreign = [place for place in rest if not owns[place][0] or of_parent[place] - of_parent[first]]
    judged = [place for place in rest if place not in foreign]
    return step.replace(
        parents=tuple([step.parents[place] for place in (first, *judged, *foreign)]),
        before=owns[first],
        others=tuple([owns[place] for place in judged]),
        by_result=bool(foreign),
    )
