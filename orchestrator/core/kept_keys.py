"""Which keys of gates a change leaves as they are: a large plan need not work all of them out at each commit."""

from __future__ import annotations

from orchestrator.core.patterns import any_matches
from orchestrator.core.plan import OWN_PATHS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.core.ownership import Owners
    from orchestrator.core.patterns import Pattern
    from orchestrator.core.plan import Plan

    Keys = Mapping[tuple[str, str], str]  # by phase id and name of the gate


def untouched(plan: Plan, owners: Owners, keys: Keys, paths: Iterable[str]) -> dict[tuple[str, str], str]:
    """Those of the keys that are the same before and after these paths have changed, whatever they changed to.

    ``keys`` must have none of a gate that takes every file for want of files of its phases: that hangs on all of them.
    """
    # By path, the phases whose gates may take it: those that claim it, and all that depend on these; of a path that
    # nobody claims, all (None).
    reaches: list[tuple[str, set[str] | None]] = []
    known: dict[tuple[str, ...], set[str]] = {}
    for path in paths:
        if path in OWN_PATHS:
            continue
        claimants = tuple(owners.phases(path))
        if claimants and claimants not in known:
            known[claimants] = {*claimants, *plan.dependents(claimants)}
        reaches.append((path, known.get(claimants)))
    of_phases = set().union(*known.values())
    by_inputs: dict[tuple[str, ...], list[set[str] | None]] = {}
    found = {}
    for phase in plan.phases:
        for gate in phase.gates:
            key = keys.get((phase.id, gate.name))
            if key is None:
                continue
            if gate.inputs is None:
                is_touched = phase.id in of_phases
            else:
                texts = tuple([pattern.text for pattern in gate.inputs])
                if texts not in by_inputs:
                    by_inputs[texts] = _reached(gate.inputs, reaches)
                is_touched = any([reach is None or phase.id in reach for reach in by_inputs[texts]])
            if not is_touched:
                found[phase.id, gate.name] = key
    return found


def _reached(inputs: Sequence[Pattern], reaches: Iterable[tuple[str, set[str] | None]]) -> list[set[str] | None]:
    """The phases, None for all, that each of the paths which the inputs match may touch, each set once."""
    found: dict[int, set[str] | None] = {}
    for path, reach in reaches:
        if id(reach) not in found and any_matches(inputs, path):
            found[id(reach)] = reach
    return list(found.values())
