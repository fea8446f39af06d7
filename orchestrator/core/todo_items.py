"""The lines of PLAN.md beside tasks: what holds a phase up, its artifacts, controls and risks."""

from __future__ import annotations

from orchestrator.core.finding import printable
from orchestrator.core.plan import ASSUMPTION, BLOCKER, QUESTION, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.core.plan import Control, Hold, Plan, Risk
    from orchestrator.core.state import PhaseState

HELD = ("(open)", "(not confirmed)")
"""How the line of something that holds a phase up ends."""
HOLD_LABELS = ("- Question ", "- Blocker ", "- Assumption ")
ITEM_LABELS = (*HOLD_LABELS, "- Assumption: ", "- Artifact ", "- Control ", "- Risk ")
"""How the line of any item begins."""
_LABELS = dict(zip((QUESTION, BLOCKER, ASSUMPTION), HOLD_LABELS, strict=True))


def feature_items(plan: Plan) -> list[str]:
    """The lines of what is said of the whole feature."""
    return [
        *[f"- Assumption: {_text(text)}" for text in plan.assumptions],
        *[_hold_line(hold) for hold in plan.holds if not hold.blocks],
        *[_risk_line(risk) for risk in plan.risks if not risk.phase],
    ]


def phase_holds(plan: Plan, phase_id: str) -> list[str]:
    """The lines of what keeps the phase from starting, or did."""
    return [_hold_line(hold) for hold in plan.holds if phase_id in hold.blocks]


def phase_items(plan: Plan, state: PhaseState) -> list[str]:
    """The lines of the phase's artifacts, controls and risks."""
    is_open = {control.id for control in state.open_controls}
    return [
        *[_artifact_lines(path)[path in state.missing_artifacts] for path in state.phase.artifacts],
        *[
            _control_line(control, control_status(control, is_open=control.id in is_open))
            for control in state.phase.controls
        ],
        *[_risk_line(risk) for risk in plan.risks if risk.phase == state.phase.id],
    ]


def possible_items(plan: Plan) -> frozenset[str]:
    """Every such line that the plan can have rendered, whatever the state; worked out once."""
    known: frozenset[str] | None = plan.__dict__.get("_items")
    if known is None:
        known = plan.__dict__["_items"] = frozenset(_possible(plan))
    return known


def _possible(plan: Plan) -> Iterable[str]:
    yield from feature_items(plan)
    yield from [_hold_line(hold) for hold in plan.holds]
    yield from [_risk_line(risk) for risk in plan.risks]
    for phase in plan.phases:
        for path in phase.artifacts:
            yield from _artifact_lines(path)
        for control in phase.controls:
            for ended in (False, True):
                for is_open in (False, True):
                    status = control_status(control.replace(ended=ended), is_open=is_open)
                    yield _control_line(control, status)


def _hold_line(hold: Hold) -> str:
    if hold.kind == QUESTION:
        status = "open" if hold.is_open else f"answered: {_text(hold.answer)}"
    else:
        closed = "resolved" if hold.kind == BLOCKER else "confirmed"
        status = ("open" if hold.kind == BLOCKER else "not confirmed") if hold.is_open else _with(closed, hold.answer)
    return f"{_LABELS[hold.kind]}{hold.id}: {_text(hold.text)} ({status})"


def _with(word: str, how: str) -> str:
    return word if how in ("", "yes") else f"{word}: {_text(how)}"


def _artifact_lines(path: str) -> tuple[str, str]:
    """The line of an artifact that is there, and of one that is not."""
    return f"- Artifact {_text(path)} (there)", f"- Artifact {_text(path)} (missing)"


def _control_line(control: Control, status: str) -> str:
    reference = f" - {_text(control.reference)}" if control.reference else ""
    return f"- Control {control.id}: {_text(control.text)}{reference} ({status})"


def control_status(control: Control, *, is_open: bool) -> str:
    """What has become of the control, in a few words."""
    if control.is_waived:
        terms = [_text(control.waiver)]
        terms += [_text(control.waived_by)] if control.waived_by else []
        terms += [f"until {control.until}"] if control.until else []
        return f"waived: {', '.join(terms)}"
    if is_open:
        return f"open: its waiver ended on {control.until}" if control.ended else "open"
    return "passed" if control.checked else _with("resolved", control.how)


def _risk_line(risk: Risk) -> str:
    mitigation = f" - mitigation: {_text(risk.mitigation)}" if risk.mitigation else ""
    return f"- Risk {risk.id}: {_text(risk.text)}{mitigation} ({risk.status})"


def _text(text: str) -> str:
    """Text of the plan in one line of Markdown, in which it begins no comment that could hide what follows."""
    return printable(one_line(text)).replace("<!", "\\<!")
