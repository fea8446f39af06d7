"""The judgement on a whole commit, whose message is known: what it changes, and what it says of that."""

from __future__ import annotations

from orchestrator.core.form import judge_form
from orchestrator.core.judge import advanced_phases, judge, proposed_phase
from orchestrator.core.plan import PLAN_NAME, PLAN_PATH
from orchestrator.core.refusals import plan_mixed_finding
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.finding import Finding
    from orchestrator.core.judge import Intent
    from orchestrator.core.settle import Before, Settled


class Whole(Value):
    """The errors of a commit, and the reason of the exception that it declares, or ""."""

    findings: tuple[Finding, ...] = ()
    exception: str = ""


def judge_whole(
    settled: Settled | None, before: Before, changed: Sequence[str], text: str, intent: Intent, *, freed: bool
) -> Whole:
    """The judgement on a commit with a plan before it and, unless ``settled`` is None, after it.

    ``text`` is the cleaned message, ``freed`` whether what the commit is frees it from the form. Of ``intent`` what
    the message says is filled in here. No warnings: they are for whoever is about to commit.
    """
    plan = settled.plan if settled else before.plan
    advanced = advanced_phases(settled, before, changed, intent) if settled else []
    phase = proposed_phase(settled, changed, advanced) if settled else None
    owners = before.content.owners
    form = judge_form(
        text,
        plan,
        before.plan.settings,
        changed,
        proposed=phase.quotable() if phase else PLAN_NAME,
        advances=bool(advanced),
        touches_phase=any([name == PLAN_PATH or owners.phases(name) for name in changed]),
        ticks=settled is not None and bool(settled.ticked),
        freed=freed,
        by_result=intent.by_result,
    )
    if settled is None:
        return Whole(removal_findings(before, changed) + form.findings, form.exception)
    intent = intent.replace(named=form.named, exception=form.exception)
    found = judge(settled, before, changed, intent, {}).findings
    return Whole(form.findings + tuple([item for item in found if item.severity == "error"]), form.exception)


def removal_findings(before: Before, changed: Sequence[str]) -> tuple[Finding, ...]:
    """The errors of a commit that takes plan.toml away."""
    owners = before.content.owners
    claimed = [(path, found) for path in changed if (found := owners.phases(path))]
    return (plan_mixed_finding(claimed),) if claimed else ()
