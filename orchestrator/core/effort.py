"""Time spent, as far as the times of commits tell."""

from __future__ import annotations

from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Work(Value):
    """One commit: who made it, when (seconds since the epoch), and for what: the id of a phase, or "".

    Of None no time is counted; it is only known that its author was at work then.
    """

    author: str
    at_s: int
    purpose: str | None


def time_spent(commits: Iterable[Work], break_after_s: float, first_commit_s: float) -> dict[str, float]:
    """Seconds by purpose.

    Each author's commits are taken in the order of their times. The time since the author's commit before counts for
    the later one; where it is longer than ``break_after_s`` there was a break, and ``first_commit_s`` counts instead,
    as it does for an author's first commit.
    """
    spent: dict[str, float] = {}
    last: dict[str, int] = {}
    for commit in sorted(commits, key=lambda work: work.at_s):
        before = last.get(commit.author)
        gap = None if before is None else commit.at_s - before
        counted = first_commit_s if gap is None or gap > break_after_s else float(gap)
        if commit.purpose is not None:
            spent[commit.purpose] = spent.get(commit.purpose, 0.0) + counted
        last[commit.author] = commit.at_s
    return spent
