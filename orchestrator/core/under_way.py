"""The part of a large plan that is under way, and what a commit that touches no more than that is judged by.

Most phases of a large plan are complete, or wait for others; what an ordinary commit changes makes no difference to
them. The rules are the same for the part as for the whole: ``judge`` and ``settle`` are given a plan of fewer phases.
"""

from __future__ import annotations

from bisect import bisect_left

from orchestrator.core.evidence import Claims, Content, places_of
from orchestrator.core.gate import input_lines, key_of_lines
from orchestrator.core.ownership import Owners
from orchestrator.core.patterns import any_matches
from orchestrator.core.plan import OWN_PATHS
from orchestrator.core.todo import status_line
from orchestrator.core.todo_items import phase_items
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.core.formats import Lock
    from orchestrator.core.patterns import Pattern
    from orchestrator.core.plan import Phase, Plan
    from orchestrator.core.settle import Settled
    from orchestrator.core.state import PhaseState

    Files = Mapping[str, tuple[str, str]]  # path -> (mode, object id), ("", "") where there is none

_MOST_PHASES = 50
_MOST_LINES = 8 << 20  # characters of inputs


class UnderWay(Value):
    """The phases that are neither complete nor out of reach, and what has to be known of the rest.

    ``plan`` has these phases alone; what they depend on beside each other is complete. ``marks`` and ``lock`` are
    theirs, ``said`` what PLAN.md says of each, beside tasks, and ``names`` what a message may call it. ``inputs`` has
    of each of their gates, as (phase id, gate name), what its key is made of, as ``gate.input_lines`` gives it.

    Of the rest, ``places`` are the files and folders below which it may look at something, ``taken`` the inputs that
    its gates name, ``passed`` the keys under which they have passed.
    """

    plan: Plan
    marks: Mapping[str, str]
    lock: Lock
    said: Mapping[str, tuple[str, ...]]
    names: Mapping[str, tuple[str, ...]]
    inputs: Mapping[tuple[str, str], str]
    places: tuple[str, ...]
    taken: tuple[tuple[Pattern, ...], ...]
    passed: tuple[str, ...]

    def content_after(self, files: Files, listing: Files) -> Content | None:
        """The tree once these files are as given, under the part of the plan; ``listing`` is what is at its places.

        None where that would not be sure to lead to what the whole plan leads to: the files may make a difference to
        the rest, a gate takes all files, or a pass of the rest counts for one of these phases, too.
        """
        owners = Owners(self.plan)
        inputs = self._inputs_after(files, owners)
        if inputs is None:
            return None
        gates = {(phase.id, gate.name): gate for phase in self.plan.phases for gate in phase.gates}
        keys = {name: key_of_lines(gates[name], lines) if lines else "" for name, lines in inputs.items()}
        own = {found.key for evidence in self.lock.values() for found in evidence.passes.values()}
        is_new = set(keys.values()).difference(own).intersection(self.passed)
        return None if is_new else Content(self.plan, listing, owners, keys=keys)

    def before(self, files: Files) -> UnderWay | None:
        """The same as of another tree, in which these files are as given; None where they may touch the rest."""
        inputs = self._inputs_after(files, Owners(self.plan))
        return None if inputs is None else self.replace(inputs=inputs)

    def _reaches_rest(self, paths: Iterable[str], owners: Owners) -> bool:
        """Whether a change of one of the paths may make a difference to the rest of the plan, or is not sure not to."""
        places = frozenset(self.places)
        for path in paths:
            if path in OWN_PATHS:
                continue
            if not places.isdisjoint((path, *_above(path))):
                return True
            if not owners.phases(path) and any([any_matches(patterns, path) for patterns in self.taken]):
                return True
        return False

    def _inputs_after(self, files: Files, owners: Owners) -> dict[tuple[str, str], str] | None:
        """``inputs`` once these files are as given; None where they may touch the rest, or a gate takes all files."""
        if self._reaches_rest(files, owners):
            return None
        found = {}
        known: dict[tuple[int, frozenset[str]], str] = {}  # most gates of a phase have the same inputs
        for phase in self.plan.phases:
            related = {phase.id, *self.plan.dependencies(phase.id)}
            for gate in phase.gates:
                lines = self.inputs[phase.id, gate.name]
                claims = Claims(gate.inputs, related, owners)
                taken = frozenset([path for path in files if claims(path)])
                if (id(lines), taken) not in known:
                    known[id(lines), taken] = _patched(lines, {path: files[path] for path in taken})
                found[phase.id, gate.name] = known[id(lines), taken]
                if gate.inputs is None and not found[phase.id, gate.name]:
                    return None
        return found

    def is_kept_by(self, settled: Settled) -> bool:
        """Whether all is as it was, so that PLAN.md and plan.lock need not be written anew."""
        said = {phase_id: _said(self.plan, state) for phase_id, state in settled.states.items()}
        return settled.marks == self.marks and settled.lock == self.lock and said == self.said


def under_way(settled: Settled, files: Files) -> UnderWay | None:
    """What is under way of the plan of a settled tree, with inputs as of the tree in which these files are as given.

    None where the rest cannot be left alone: dates or all files have a say in it, or what is complete depends on what
    is not; where the files may touch the rest; where lines are to be counted; and where nothing is under way, or too
    much.
    """
    plan, content, states = settled.plan, settled.content, settled.states
    inside = _inside(states)
    if not inside or plan.has_ends or plan.settings.max_commit_lines or len(inside) > _MOST_PHASES:
        return None
    phases = tuple([phase for phase in plan.phases if phase.id in inside])
    inputs: dict[tuple[str, str], str] = {}
    texts: dict[str, str] = {}  # equal ones once
    for phase in phases:
        for gate in phase.gates:
            lines = input_lines([found.astuple() for found in content.inputs(phase, gate)])
            inputs[phase.id, gate.name] = texts.setdefault(lines, lines)
    if content.takes_all or sum([len(text) for text in texts]) > _MOST_LINES:
        return None
    rest = [phase for phase in plan.phases if phase.id not in inside]
    part = UnderWay(
        plan=plan.replace(phases=tuple([_within(phase, inside) for phase in phases])),
        marks={task.id: settled.marks[task.id] for p in phases for task in p.tasks if task.id in settled.marks},
        lock={phase.id: settled.lock[phase.id] for phase in phases},
        said={phase.id: _said(plan, states[phase.id]) for phase in phases},
        names={phase.id: plan.names_of(phase) for phase in phases},
        inputs=inputs,
        places=_outermost(places_of(rest, of_gates=False)),
        taken=tuple({gate.inputs for phase in rest for gate in phase.gates if gate.inputs is not None}),
        passed=tuple({found.key for phase in rest for found in settled.lock[phase.id].passes.values()}),
    )
    return part.before(files)


def _inside(states: Mapping[str, PhaseState]) -> set[str] | None:
    """The ids of the phases that have been begun, can be, or have no tasks, and of those that they wait for.

    None where a phase is complete and depends on one that is not.
    """
    inside: set[str] = set()
    for phase_id, state in states.items():
        if state.complete:
            if state.waiting is not None:
                return None
        elif state.waiting is None or state.begun or not state.task_marks:
            inside.update((phase_id, *state.waits_for))
    return inside


def _within(phase: Phase, inside: set[str]) -> Phase:
    """The phase as it depends on these alone."""
    return phase.replace(depends_on=tuple([name for name in phase.depends_on if name in inside]))


def _outermost(places: set[str]) -> tuple[str, ...]:
    """Those of the places that are below no other one."""
    return tuple([place for place in places if places.isdisjoint(_above(place))])


def _above(path: str) -> list[str]:
    """The folders above the path, the top ("") too."""
    folders = []
    while path:
        path = path.rpartition("/")[0]
        folders.append(path)
    return folders


def _said(plan: Plan, state: PhaseState) -> tuple[str, ...]:
    """The lines of PLAN.md that say where the phase stands, beside its tasks."""
    return (status_line(state), *phase_items(plan, state))


def _patched(lines: str, files: Files) -> str:
    """These lines of inputs with the files as given."""
    if not files:
        return lines
    entries = lines.split("\0")[:-1]
    for path, (mode, oid) in files.items():
        at = bisect_left(entries, path, key=_path)
        is_there = at < len(entries) and _path(entries[at]) == path
        entries[at : at + is_there] = [f"{mode} {oid} {path}"] if mode else []
    return "".join([f"{entry}\0" for entry in entries])


def _path(entry: str) -> str:
    return entry.split(" ", 2)[2]
