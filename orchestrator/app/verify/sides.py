"""Which parents of a merge have been judged by the plan that it stands on, and which nobody has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.verify.reach import adoptions_behind, in_span

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from orchestrator.app.verify.judging import Step
    from orchestrator.app.verify.report import Span
    from orchestrator.git import Git

_NONE: frozenset[str] = frozenset()


def with_judged_sides(git: Git, span: Span, merges: Sequence[Step]) -> list[Step]:
    """The merges, each with only those further parents as ``others`` that the plan of its first one has judged.

    A branch without a plan, or with an adoption of its own, was judged by nobody, so it vouches for nothing: such a
    merge is judged by its result. Where the first parent has no plan, the merge is judged against a parent that has one
    and was there before the span; if there is none, the plan has come to that line with it, which is an adoption.

    Raises:
        GitError: Git failed.
    """
    if not merges:
        return []
    unplanned = [step for step in merges if not step.before[0]]
    new = in_span(git, span, {parent for step in unplanned for parent in step.parents[1:]})
    behind = adoptions_behind(git, span)
    return [_sorted_sides(step, new, behind) for step in merges]


def _sorted_sides(step: Step, new: Collection[str], behind: Mapping[str, frozenset[str]]) -> Step:
    owns = (step.before, *step.others)
    first = 0
    if not step.before[0]:
        planned = [place for place, own in enumerate(owns) if own[0] and step.parents[place] not in new]
        first = planned[0] if planned else 0
    rest = [place for place in range(len(owns)) if place != first]
    if not owns[first][0]:
        return step
    known = behind.get(step.parents[first], _NONE)
    foreign = [place for place in rest if not owns[place][0] or behind.get(step.parents[place], _NONE) - known]
    judged = [place for place in rest if place not in foreign]
    return step.replace(
        parents=tuple([step.parents[place] for place in (first, *judged, *foreign)]),
        before=owns[first],
        others=tuple([owns[place] for place in judged]),
        by_result=bool(foreign),
    )
