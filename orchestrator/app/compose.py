"""``commit``: tick, compose ``feat: [phase] SUBJECT``, and run git commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.marks import set_marks
from orchestrator.app.workplace import parent_of, phase_named, staged_facts, staged_reading
from orchestrator.core.finding import Finding, UnknownNameError
from orchestrator.core.judge import Intent, judge, proposed_phase
from orchestrator.core.message import EXCEPTION_TRAILER
from orchestrator.core.plan import PLAN_NAME, normal_name
from orchestrator.core.state import DONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.facts import Facts
    from orchestrator.app.repository import Repository
    from orchestrator.core.settle import Before, Settled


def compose_and_commit(
    repository: Repository, subject: str, phase: str | None, done: Sequence[str], exception: str | None
) -> int:
    """The exit code of ``git commit``, run on the user's terminal with the composed message.

    Without ``phase`` the phase is the one that the staged work advances, else the current one.

    Raises:
        CannotJudgeError: a task or phase is unknown, or the reason of the exception is not one line.
    """
    if exception is not None and (not exception.strip() or not exception.isprintable()):
        raise UnknownNameError(Finding("message-format", "--exception needs a reason of one line"))
    if done:
        set_marks(repository, done, DONE)
    facts = staged_facts(repository)
    settled = facts.settle({}, staged_reading(facts))
    before = parent_of(facts, settled)
    name = _phase_title(facts, settled, before, phase)
    message = f"{before.plan.settings.usual_type}: [{name}] {subject}".rstrip()
    env = {}
    if exception is not None:
        message += f"\n\n{EXCEPTION_TRAILER}: {exception.strip()}"
        env["ORCHESTRATOR_EXCEPTION"] = exception.strip()
    return repository.git.attached("commit", "-m", message, env=env)


def _phase_title(facts: Facts, settled: Settled, before: Before, asked: str | None) -> str:
    if asked is not None:
        return PLAN_NAME if normal_name(asked) == PLAN_NAME else phase_named(settled.plan, asked).title
    judgement = judge(settled, before, facts.changed, Intent(may_run=False), {})
    phase = proposed_phase(settled, facts.changed, judgement.advanced)
    return PLAN_NAME if phase is None else phase.title
