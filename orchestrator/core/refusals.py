"""What to say of a commit that must not land, or that may and should be known of."""

from __future__ import annotations

from orchestrator.core.finding import Finding, Location, printable
from orchestrator.core.plan import ASSUMPTION, BLOCKER, OWN_PATHS, PLAN_NAME, QUESTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.core.gate import DueGate, GateResult
    from orchestrator.core.plan import Hold, Phase, Plan, Settings
    from orchestrator.core.state import LastRunText, PhaseState

MAX_SHOWN = 8  # files or reasons listed of one kind


def quoted(path: str) -> str:
    """The path as a shell takes it; with control characters in it, as bash and zsh do."""
    import shlex  # noqa: PLC0415 - only to refuse

    shown = printable(path)
    if shown == path:
        return shlex.quote(path)
    return "$'" + "".join(["\\'" if c == "'" else "\\\\" if c == "\\" else printable(c) for c in path]) + "'"


def pathspec(path: str) -> str:
    """That one file for a Git command in a shell, wherever it is typed: gitglossary(7), pathspec."""
    is_plain = path[:1].isalnum() and path.isascii() and not any([char in "*?[\\" for char in path])
    return quoted(f":/{path}" if is_plain else f":(top,literal){path}")


def titles(plan: Plan, phase_ids: Iterable[str]) -> str:
    """The phases' titles, in quotes, as part of a sentence."""
    return _listed([plan.phase(name) for name in phase_ids])


def _listed(phases: Sequence[Phase]) -> str:
    more = len(phases) - MAX_SHOWN
    return " and ".join([f'"{phase.title}"' for phase in phases[:MAX_SHOWN]] + ([f"{more} more"] if more > 0 else []))


def locked_finding(
    state: PhaseState,
    waits_for: Sequence[PhaseState],
    places: tuple[Location, ...],
    last_run: LastRunText | None = None,
) -> Finding:
    """The refusal of work on a phase, with what each phase that it waits for still needs."""
    missing = _listed([other.phase for other in waits_for])
    notes = []
    for other in waits_for[:MAX_SHOWN]:
        prefix = "" if len(waits_for) == 1 else f"{other.phase.title}: "
        reasons = other.reasons(last_run)
        notes += [prefix + reason for reason in reasons[:MAX_SHOWN]]
        if len(reasons) > MAX_SHOWN:
            notes.append(f"{prefix}and {len(reasons) - MAX_SHOWN} more: orchestrator status")
        notes += [prefix + hold.unsettled() for hold in other.holds]
    more = len(waits_for) - MAX_SHOWN
    notes += [f"and {more} more phases that are not complete: orchestrator status"] if more > 0 else []
    first = waits_for[0].phase
    return Finding(
        "phase-locked",
        f'phase "{state.phase.title}" cannot start: {missing} {"is" if len(waits_for) == 1 else "are"} not complete',
        locations=places,
        notes=tuple(notes),
        help=f"finish {first.title}, then run: {_finishing(waits_for[0])}",
    )


def _finishing(state: PhaseState) -> str:
    """The command that brings a phase on which others wait to its end, or tells what does."""
    only_words = not state.open_tasks and all([gate.control for gate in state.open_gates])
    runs = any([control.checked for control in state.open_controls])
    return "orchestrator next" if only_words and not runs else f"orchestrator validate {state.phase.id}"


def hold_findings(state: PhaseState, places: tuple[Location, ...]) -> list[Finding]:
    """The refusals of work on a phase that something open blocks: one for blockers, one for what is to be said."""
    found = []
    for finding_id, kinds in (("phase-blocked", (BLOCKER,)), ("question-open", (QUESTION, ASSUMPTION))):
        holds = [hold for hold in state.holds if hold.kind in kinds]
        if holds:
            names = " and ".join([f"{hold.kind} {hold.id}" for hold in holds])
            found.append(
                Finding(
                    finding_id,
                    f'phase "{state.phase.title}" cannot start: {names} {"is" if len(holds) == 1 else "are"} open',
                    locations=places,
                    notes=tuple([hold.unsettled() for hold in holds]),
                    help=f"{settling(holds[0], state.phase.id)}, then commit it as: feat: [{PLAN_NAME}] ...",
                )
            )
    return found


def settling(hold: Hold, phase_id: str) -> str:
    """The command that settles what holds the phase."""
    commands = {QUESTION: f"answer {hold.id} TEXT", BLOCKER: f"unblock {phase_id}", ASSUMPTION: f"confirm {hold.id}"}
    return f"orchestrator {commands[hold.kind]}"


def commit_of(message: str, paths: str, others: str, *, edited: bool) -> str:
    """The command that commits what is staged of ``paths``, and leaves staged what is staged of ``others``.

    Both are in a shell's words. ``edited``: some of the paths have edits that are not staged, which a commit by paths
    would take along. So the others leave the index for the commit, and come back as they were, be it accepted or not.
    Source: git-commit(1), --only; git-write-tree(1).
    """
    commit = f'git commit -m "{message}"'
    if not edited:
        return f"{commit} -- {paths}"
    unstage, back = f"git restore --staged -- {others}", f"git restore --staged --source=$t -- {others}"
    return f"t=$(git write-tree) && {unstage} && {commit}; {back}"


def plan_mixed_finding(claimed: Sequence[tuple[str, Sequence[str]]], *, edited: bool = False) -> Finding:
    """The refusal of a plan change that travels with files of phases, given as (path, phase ids).

    ``edited``: some of the tool's own files have edits that are not staged.
    """
    own = " ".join([f":/{path}" for path in OWN_PATHS])
    others = " ".join([pathspec(path) for path, _ in claimed])
    return Finding(
        "plan-mixed",
        "plan.toml is changed together with files of a phase; plan changes travel alone",
        locations=tuple(Location(path, 0, f"claimed by {' and '.join(found)}") for path, found in claimed[:MAX_SHOWN]),
        help=f"{commit_of(f'feat: [{PLAN_NAME}] ...', own, others, edited=edited)}, then commit the rest",
    )


def size_findings(settings: Settings, files: int, lines: int) -> list[Finding]:
    """The refusals of a commit of so many files and lines by the limits of the settings."""
    return [
        Finding(
            "commit-too-large",
            f"the commit changes {size} {unit}, the plan allows {limit} (settings.max_commit_{unit})",
            help="git restore --staged <files>, and commit them on their own",
        )
        for limit, size, unit in (
            (settings.max_commit_files, files, "files"),
            (settings.max_commit_lines, lines, "lines"),
        )
        if limit and size > limit
    ]


def rerun_finding(phase_ids: Sequence[str], result: GateResult) -> Finding:
    """The refusal of a commit on whose clean checkout a gate that plan.lock calls passed does not pass."""
    name = (
        f"control {result.gate.removeprefix('control:')}"
        if result.gate.startswith("control:")
        else f"gate {result.gate}"
    )
    lines = [line for line in result.output.splitlines() if line.strip()][-20:]
    word = "failed" if result.status == "failed" else "could not be judged"
    return Finding(
        _GATE_IDS[result.status],
        f"{name} of {' and '.join(phase_ids)} {word} in a clean checkout: {result.reason}",
        notes=("plan.lock says that it passed", *lines),
        help="mend it and commit: other inputs need a pass of their own; then: orchestrator validate "
        + " ".join(phase_ids),
    )


def exception_finding(reason: str) -> Finding:
    """The refusal of a declared exception where none is accepted."""
    return Finding(
        "bypassed",
        f"the commit declares an exception, and none is accepted here: {printable(reason)}",
        help="take the trailer out and mend the commit, or, on the server: git config orchestrator.exceptions allow",
    )


_GATE_IDS = {
    "failed": "gate-failed",
    "error": "gate-error",
    "timeout": "gate-error",
    "stopped": "gate-due",
    "unclean": "gate-unclean",
}


def gate_finding(item: DueGate, result: GateResult | None, why_not_run: str = "") -> Finding:
    """What to say of a gate without a pass: why, the last lines of its output, and how to run it."""
    name = f"control {item.gate.control}" if item.gate.control else f"gate {item.gate.name}"
    again = f"orchestrator validate {item.phase.id}"
    if not item.key:
        return Finding(
            "gate-error",
            f"{name} of {item.phase.id}: its inputs match no file",
            notes=(item.why,),
            help="edit inputs in plan.toml, then run: orchestrator lint",
        )
    if result is None:
        return Finding(
            "gate-due",
            f"{name} of {item.phase.id} has not passed on what is staged",
            notes=(item.why, why_not_run) if why_not_run else (item.why,),
            help=again,
        )
    notes = [item.why, *[line for line in result.output.splitlines() if line.strip()][-20:]]
    word = {
        "failed": "failed",
        "error": "could not be judged",
        "timeout": "ran out of time",
        "stopped": "was not run to its end",
        "unclean": "did not run on what is staged",
    }
    first = {
        "failed": "mend it, git add, then run: ",
        "error": "make its command run here (activate its environment, or change it in plan.toml), then: ",
        "timeout": "mend it, or give it a longer timeout in plan.toml, then run: ",
        "stopped": "",
        "unclean": "git add, git stash or ignore what is named, then run: ",
    }
    return Finding(
        _GATE_IDS[result.status],
        f"{name} of {item.phase.id} {word[result.status]}: {result.reason}",
        notes=tuple(notes),
        help=first[result.status] + again,
    )
