"""What a change of the plan takes away from what it asks for."""

from __future__ import annotations

from orchestrator.core.todo import carry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.patterns import Pattern
    from orchestrator.core.plan import Control, Gate, Phase, Plan, Settings


def weakenings(old: Plan, new: Plan) -> list[str]:
    """One line for each thing that the new plan asks less of than the old one, in the order of the old plan.

    A command that is another one is told, too: nobody can say whether it asks as much.
    """
    found = _settings(old.settings, new.settings)
    phases = {phase.id: phase for phase in new.phases}
    for phase in old.phases:
        if phase.id in phases:
            found += [f"phase {phase.id}: {line}" for line in _phase(phase, phases[phase.id])]
            found += _shared(phase, phases[phase.id], [other for other in old.phases if other is not phase])
        else:
            found.append(f"phase {phase.id} is taken away")
    found += _tasks(old, new)
    after = {(hold.kind, hold.id): hold for hold in new.holds}
    for hold in old.holds:
        same = after.get((hold.kind, hold.id))
        if same is None and hold.is_open:
            found.append(f"{hold.kind} {hold.id} is taken away while it is open")
        elif same is not None and same.is_open and (gone := _gone(hold.blocks, same.blocks)):
            found.append(f"{hold.kind} {hold.id} no longer blocks {gone}")
    return found


def _settings(old: Settings, new: Settings) -> list[str]:
    found = [
        f"settings.{name} is {after!r}, was {before!r}"
        for name, strict in (
            ("require_phase", "always"),
            ("unplanned_files", "block"),
            ("one_phase_per_commit", True),
            ("on_gate_failure", "block"),
            ("mainline", "merge"),
            ("auto_done", False),
        )
        if (before := getattr(old, name)) == strict != (after := getattr(new, name))
    ]
    found = [line.replace("True", "true").replace("False", "false").replace("'", '"') for line in found]
    for name in ("commit_types", "exempt_authors"):
        known = [value.casefold() for value in getattr(old, name)]
        more = [value for value in getattr(new, name) if value.casefold() not in known]
        if more and "*" not in getattr(old, name):
            found.append(f"settings.{name} accepts {', '.join(more)}")
    for name in ("max_commit_files", "max_commit_lines"):
        before, after = getattr(old, name), getattr(new, name)
        if before and (not after or after > before):
            found.append(f"settings.{name} is {after}, was {before}")
    return found


def _phase(old: Phase, new: Phase) -> list[str]:
    found = []
    if gone := _gone(old.depends_on, new.depends_on):
        found.append(f"no longer depends on {gone}")
    if gone := _gone(_texts(old.files), _texts(new.files)):
        found.append(f"no longer claims {gone}")
    if more := _excluded(new.files, old.files):
        found.append(f"excludes {more}")
    if gone := _gone(old.artifacts, new.artifacts):
        found.append(f"no longer needs {gone}")
    gates = {gate.name: gate for gate in new.gates}
    for gate in old.gates:
        if gate.control:
            continue  # told with its control
        if gate.name in gates:
            found += [f"gate {gate.name}: {line}" for line in _gate(gate, gates[gate.name])]
        else:
            found.append(f"gate {gate.name} is taken away")
    controls = {control.id: control for control in new.controls}
    for control in old.controls:
        if control.id not in controls:
            found.append(f"control {control.id} is taken away")
            continue
        found += [f"control {control.id}: {line}" for line in _control(control, controls[control.id])]
        checks = [gates.get(f"control:{control.id}"), next((g for g in old.gates if g.control == control.id), None)]
        if checks[0] is not None and checks[1] is not None:
            found += [f"control {control.id}: {line}" for line in _gate(checks[1], checks[0])]
    return found


def _shared(old: Phase, new: Phase, others: Sequence[Phase]) -> list[str]:
    """What the phase claims anew of places that others have claimed: their files then may land with it."""
    known = _texts(old.files)
    found = []
    for pattern in new.files:
        place = pattern.literal or pattern.prefix
        if not pattern.include or pattern.text in known or not place:
            continue
        for other in others:
            claims = [p for patterns in (other.files, *[task.files for task in other.tasks]) for p in patterns]
            places = [claim.literal or claim.prefix for claim in claims if claim.include]
            if any([theirs and (theirs.startswith(place) or place.startswith(theirs)) for theirs in places]):
                found.append(f"phase {new.id}: claims {pattern.text}, as {other.id} does")
    return found


def _gate(old: Gate, new: Gate) -> list[str]:
    found = []
    if old.run != new.run:
        found.append(f"runs {new.run!r}, ran {old.run!r}")
    if old.cwd != new.cwd:
        found.append(f"runs in {new.cwd}, ran in {old.cwd}")
    if old.inputs is None and new.inputs is not None:
        found.append("its inputs are no longer all files of its phase")
    elif old.inputs is not None and new.inputs is None:
        found.append("its inputs are now the files of its phase")
    elif old.inputs is not None and new.inputs is not None:
        if gone := _gone(_texts(old.inputs), _texts(new.inputs)):
            found.append(f"{gone} is no input any more")
        if more := _excluded(new.inputs, old.inputs):
            found.append(f"its inputs exclude {more}")
        elif _reordered(old.inputs, new.inputs):
            found.append("its inputs stand in another order, in which an exclusion may take out more")
    for name in ("junit", "coverage"):
        before, after = getattr(old, name), getattr(new, name)
        if before and before != after:
            found.append(f"{name} is read from {after}, was {before}" if after else f"{name} is no longer read")
    found += [
        f"{name} is {getattr(new, name):g}, was {getattr(old, name):g}"
        for name in ("min_tests", "min_coverage")
        if getattr(new, name) < getattr(old, name)
    ]
    return found


def _control(old: Control, new: Control) -> list[str]:
    found = []
    if old.checked and not new.checked:
        found.append("is no longer checked")
    if new.resolved and not old.resolved and not new.checked:
        found.append("is resolved by hand")
    if new.waiver and not old.waiver:
        found.append(f"is waived{_terms(new)}: {new.waiver}")
    elif new.waiver and old.until and (not new.until or new.until > old.until):
        found.append(f"is waived longer, until {new.until or 'for ever'}, was {old.until}")
    return found


def _terms(control: Control) -> str:
    """By whom and until when it is waived, as part of a sentence."""
    by = f" by {control.waived_by}" if control.waived_by else ""
    return f"{by} until {control.until}" if control.until else by


def _tasks(old: Plan, new: Plan) -> list[str]:
    found = []
    tasks = {task.id: task for phase in old.phases for task in phase.tasks}
    places = {task.id: phase.id for phase in old.phases for task in phase.tasks}
    after = {task.id: task for phase in new.phases for task in phase.tasks}
    places_after = {task.id: phase.id for phase in new.phases for task in phase.tasks}
    carried = carry(tasks, old, new)
    kept = {phase.id for phase in new.phases}
    for task in tasks.values():
        same = after.get(carried.get(task.id, ""))
        if same is None:
            if places[task.id] in kept:
                found.append(f"task {task.id} is taken away: {task.title}")
            continue
        if places_after[same.id] != places[task.id]:
            found.append(f"task {task.id} moves from {places[task.id]} to {places_after[same.id]}")
        if gone := _gone(_texts(task.files), _texts(same.files)):
            found.append(f"task {task.id} no longer needs {gone}")
        if more := _excluded(same.files, task.files):
            found.append(f"task {task.id} excludes {more}")
        needed = [carried.get(name, name) for name in task.depends_on]
        if gone := _gone(needed, same.depends_on):
            found.append(f"task {task.id} no longer depends on {gone}")
    return found


def _texts(patterns: Sequence[Pattern]) -> list[str]:
    return [pattern.text for pattern in patterns if pattern.include]


def _excluded(new: Sequence[Pattern], old: Sequence[Pattern]) -> str:
    known = [pattern.text for pattern in old]
    return ", ".join([pattern.text for pattern in new if not pattern.include and pattern.text not in known])


def _reordered(old: Sequence[Pattern], new: Sequence[Pattern]) -> bool:
    """Whether the same patterns, an exclusion among them, stand in another order; the last that matches decides."""
    texts = [[pattern.text for pattern in patterns] for patterns in (old, new)]
    return texts[0] != texts[1] and sorted(texts[0]) == sorted(texts[1]) and not all(p.include for p in new)


def _gone(old: Sequence[str], new: Sequence[str]) -> str:
    """What of the old is not in the new, as part of a sentence; "" if nothing."""
    return ", ".join([name for name in old if name not in new])
