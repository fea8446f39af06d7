"""The form of a commit message, and the phase that it names."""

from __future__ import annotations

from orchestrator.core.finding import Finding, Location, printable
from orchestrator.core.message import EXCEPTION_TRAILER, Header, is_type_accepted, parse_header, subject_line, trailer
from orchestrator.core.plan import PLAN_NAME, PLAN_PATH, is_outside_phases, normal_name
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.plan import Plan, Settings


class Form(Value):
    """What a message says: the named phase's id (PLAN_NAME for ``[plan]``, "" for none), a declared exception."""

    named: str = ""
    exception: str = ""
    findings: tuple[Finding, ...] = ()


def judge_form(
    text: str,
    plan: Plan,
    settings: Settings,
    changed: Sequence[str],
    *,
    proposed: str,
    advances: bool,
    touches_phase: bool,
    ticks: bool,
    freed: bool,
    by_result: bool = False,
) -> Form:
    """The form of a cleaned message.

    ``plan`` gives the names, ``settings`` the rules, ``proposed`` what a refusal offers to write between the brackets.
    ``advances`` says whether the commit advances a phase whatever
    its message names, ``touches_phase`` whether a phase claims one of its files, ``ticks`` whether it ticks a task.
    ``freed`` by structure: a merge, a revert, a fixup, an exempt author, a rebase. ``by_result``: the commit stands
    for a whole branch, and may change the plan under the name of any phase.
    """
    subject = subject_line(text)
    header = parse_header(subject)
    exception = trailer(text, EXCEPTION_TRAILER)
    plan_changes = PLAN_PATH in changed
    own_only = all(path != PLAN_PATH and is_outside_phases(path) and not path.startswith("docs/") for path in changed)
    required = not freed and not exception and (settings.require_phase == "always" or advances or plan_changes)
    if own_only and not ticks and changed:
        required = False
    if header is None:
        return Form("", exception, (_format_finding(subject, settings, proposed, touches_phase),) if required else ())
    if not is_type_accepted(header.type, settings.commit_types):
        named = _named(plan, header) if freed or exception else ""
        return Form(named, exception, (_type_finding(header, settings, touches_phase),) if required else ())
    named = _named(plan, header)
    if not named:
        return Form("", exception, (_unknown_finding(header, plan),) if required else ())
    if not required:
        # A message that may be anything still binds where it names a phase on purpose; "[plan]" says nothing then.
        return Form("" if named == PLAN_NAME or own_only else named, exception)
    if by_result:
        return Form("" if named == PLAN_NAME else named, exception)
    if plan_changes and named != PLAN_NAME:
        return Form("", exception, (_plan_finding(header, settings),))
    if named == PLAN_NAME and not plan_changes and not all(is_outside_phases(path) for path in changed):
        return Form("", exception, (_not_plan_finding(proposed, settings),))
    return Form(named, exception)


def _named(plan: Plan, header: Header) -> str:
    if normal_name(header.phase) == PLAN_NAME:
        return PLAN_NAME
    phase = plan.named(header.phase)
    return phase.id if phase else ""


def expected_form(settings: Settings) -> str:
    """The form that the plan asks for, as people read it: ``feat: [phase] subject``."""
    types = "|".join(name for name in settings.commit_types if name != "*") or "type"
    return f"{types}: [phase] subject"


def _types_note(settings: Settings) -> str:
    return "settings.commit_types accepts " + (
        "any type" if "*" in settings.commit_types else ", ".join(settings.commit_types)
    )


def _notes(settings: Settings, *, touches_phase: bool) -> tuple[str, ...]:
    notes: tuple[str, ...] = (_types_note(settings),)
    if not touches_phase and settings.require_phase == "always":
        notes += ('the commit touches no file of a phase; settings.require_phase = "advancing" would let it pass',)
    return notes


def _format_finding(subject: str, settings: Settings, proposed: str, touches_phase: bool) -> Finding:
    return Finding(
        "message-format",
        f'the message does not have the form "{expected_form(settings)}"',
        locations=(Location("COMMIT_EDITMSG", 1, printable(subject)[:100] or "(empty)"),),
        notes=_notes(settings, touches_phase=touches_phase),
        help=f'git commit -m "{settings.usual_type}: [{proposed}] {_as_subject(subject)}"'
        "  (phases: orchestrator status)",
    )


def _as_subject(subject: str) -> str:
    text = subject.partition(": ")[2] or subject
    if text.startswith("["):
        text = text.partition("]")[2] or text
    kept = "".join(c for c in text if c.isprintable() and c not in "\"'`$\\![]")
    return kept.strip()[:50] or "what it does"


def _type_finding(header: Header, settings: Settings, touches_phase: bool) -> Finding:
    return Finding(
        "message-format",
        f'the type "{printable(header.type)}" is not accepted',
        locations=(Location("COMMIT_EDITMSG", 1),),
        notes=_notes(settings, touches_phase=touches_phase),
        help=f'begin the message with "{expected_form(settings)}", or change commit_types in plan.toml',
    )


def _unknown_finding(header: Header, plan: Plan) -> Finding:
    from orchestrator.core.names import nearest  # noqa: PLC0415 - only to refuse

    names = [phase.title for phase in plan.phases] + [phase.id for phase in plan.phases]
    return Finding(
        "phase-unknown",
        f'the plan has no phase "{printable(header.phase)[:80]}"{nearest(header.phase, names)}',
        locations=(Location("COMMIT_EDITMSG", 1),),
        notes=(f"phases: {', '.join(f'{phase.number} {phase.title} ({phase.id})' for phase in plan.phases[:12])}",),
        help="name the phase by id, title or number: orchestrator status",
    )


def _plan_finding(header: Header, settings: Settings) -> Finding:
    return Finding(
        "phase-mismatch",
        f'the commit changes plan.toml, but its message names "{printable(header.phase)}"',
        locations=(Location(PLAN_PATH),),
        help=f'git commit -m "{settings.usual_type}: [{PLAN_NAME}] {_as_subject(header.subject)}"',
    )


def _not_plan_finding(proposed: str, settings: Settings) -> Finding:
    return Finding(
        "phase-mismatch",
        f'"[{PLAN_NAME}]" stands for changes of plan.toml, and this commit has none',
        locations=(Location("COMMIT_EDITMSG", 1),),
        help=f'name an open phase (orchestrator next): git commit -m "{settings.usual_type}: [{proposed}] ..."',
    )
