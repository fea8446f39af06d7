"""What the content of a tree proves: inputs of gates, bases and evidence of tasks, artifacts."""

from __future__ import annotations

from orchestrator.core.gate import Input, content_digest, gate_key
from orchestrator.core.ownership import Owners
from orchestrator.core.patterns import Paths, any_matches, matched_paths, selected_paths
from orchestrator.core.plan import OWN_PATHS, is_outside_phases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orchestrator.core.patterns import PathLookup, Pattern
    from orchestrator.core.plan import Gate, Phase, Plan, Task

    Listing = Mapping[str, tuple[str, str]]  # path -> (mode, object id), in Git's order of paths

# git hash-object -t blob /dev/null, in both object formats
EMPTY_BLOBS = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    }
)
REGULAR = ("100644", "100755")  # the modes of files
_MOST_PLACES = 16


def places(plans: Iterable[Plan], *, of_gates: bool = True) -> list[str] | None:
    """The files and folders that hold all that the plans look at in a tree, but for gates that take everything.

    Unless those ``of_gates`` are wanted, what only gates name is left out. None where these are too many to be asked
    for each, and no folder holds them.
    """
    found = places_of([phase for plan in plans for phase in plan.phases], of_gates=of_gates).union(OWN_PATHS)
    if len(found) > _MOST_PLACES:
        found = {path.partition("/")[0] for path in found}
    if len(found) > _MOST_PLACES or "" in found:
        return None
    return sorted(path for path in found if not any([path.startswith(f"{other}/") for other in found]))


def places_of(phases: Iterable[Phase], *, of_gates: bool) -> set[str]:
    """The files and folders at which patterns and artifacts of the phases lie, "" for the top."""
    found: set[str] = set()
    for phase in phases:
        lists = [phase.files, *[task.files for task in phase.tasks]]
        lists += [gate.inputs or () for gate in phase.gates] if of_gates else []
        found.update([pattern.place for patterns in lists for pattern in patterns if pattern.include])
        found.update([path.rstrip("/") for path in phase.artifacts])
    return found


class Content:
    """One tree under one plan: keys and evidence, each computed when first asked for."""

    def __init__(
        self,
        plan: Plan,
        listing: Listing,
        owners: Owners | None = None,
        paths: PathLookup | None = None,
        whole: Callable[[], Listing] | None = None,
        keys: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        """Keep the plan and the files; nothing is computed yet. ``paths`` may find files without listing them all.

        If the files are those of ``places`` alone, ``whole`` lists all of them, should the plan come to need that.
        ``keys``, by phase id and gate name, are known to hold for this tree.
        """
        self.plan = plan
        self.listing = listing
        self._whole = whole
        self.owners = owners or Owners(plan)
        self._paths: PathLookup | None = paths
        self._inputs: dict[tuple[str, str], list[str]] = {}
        self._files: dict[str, set[str]] = {}
        self._related_files: dict[str, list[str]] = {}
        self._keys: dict[tuple[str, str], str] = dict(keys or {})
        self._take_all: set[tuple[str, str]] = set()
        self._related: dict[str, set[str]] = {}

    @property
    def paths(self) -> PathLookup:
        """The files' paths, in order."""
        if self._paths is None:
            self._paths = Paths(self.listing)
        return self._paths

    def inputs(self, phase: Phase, gate: Gate) -> list[Input]:
        """The files that a pass of the phase's gate depends on, in path order; empty if none match."""
        return [Input(*found) for found in self._entries(self._input_paths(phase, gate))]

    def _input_paths(self, phase: Phase, gate: Gate) -> list[str]:
        known = self._inputs.get((phase.id, gate.name))
        if known is None:
            claims = self.claims(phase, gate)
            if gate.inputs is None and not claims.everything:
                known = self._related_paths(phase)
            else:
                if gate.inputs is None and self._whole is not None:
                    self.listing, self._paths, self._whole = self._whole(), None, None
                candidates = self.paths.names if gate.inputs is None else selected_paths(gate.inputs, self.paths)
                known = claims.admitted(candidates)
                if claims.everything:
                    self._take_all.add((phase.id, gate.name))
                if claims.everything and not known:  # the others claim all there is, and this phase none of it
                    known = [path for path in candidates if path not in OWN_PATHS]
            self._inputs[phase.id, gate.name] = known
        return known

    def _related_paths(self, phase: Phase) -> list[str]:
        """The files of the phase and of those that it depends on, in path order."""
        known = self._related_files.get(phase.id)
        if known is None:
            found: set[str] = set()
            for phase_id in self.related(phase):
                files = self._files.get(phase_id)
                if files is None:
                    owner = self.plan.phase(phase_id)
                    files = set()
                    for patterns in (owner.files, *[task.files for task in owner.tasks]):
                        files.update(selected_paths(patterns, self.paths))
                    files = self._files[phase_id] = {path for path in files if not is_outside_phases(path)}
                found |= files
            known = self._related_files[phase.id] = sorted(found)
        return known

    def _entries(self, paths: Iterable[str]) -> list[tuple[str, str, str]]:
        """(mode, path, object id) of each path."""
        listing = self.listing
        return [(mode, path, oid) for path in paths for mode, oid in (listing[path],)]

    def claims(self, phase: Phase, gate: Gate) -> Claims:
        """Whether a path, tracked or not, is an input of the phase's gate."""
        related = self.related(phase)
        everything = gate.inputs is None and not self._related_paths(phase)
        return Claims(gate.inputs, related, self.owners, everything=everything)

    def key(self, phase: Phase, gate: Gate) -> str:
        """The key under which a run of the phase's gate on this tree is evidence; "" if its inputs match nothing."""
        known = self._keys.get((phase.id, gate.name))
        if known is None:
            inputs = self._input_paths(phase, gate)
            known = self._keys[phase.id, gate.name] = gate_key(gate, self._entries(inputs)) if inputs else ""
        return known

    @property
    def takes_all(self) -> bool:
        """Whether a gate takes every file, of those whose inputs have been worked out."""
        return bool(self._take_all)

    def worked_out(self) -> dict[tuple[str, str], str]:
        """The keys that are known by now, but for those of gates that take every file, which each of them changes."""
        return {name: key for name, key in self._keys.items() if name not in self._take_all}

    def related(self, phase: Phase) -> set[str]:
        """The ids of the phase and of everything that it depends on."""
        known = self._related.get(phase.id)
        if known is None:
            known = self._related[phase.id] = {phase.id, *self.plan.dependencies(phase.id)}
        return known

    def base(self, task: Task) -> dict[str, str]:
        """From each pattern of the task that matches something in this tree to a digest of what it matches."""
        digests = {}
        for pattern in task.files:
            if pattern.include and (found := matched_paths(task.files, pattern, self.paths)):
                digests[pattern.text] = content_digest(self._entries(found))
        return digests

    def without_evidence(self, task: Task, base: Mapping[str, str]) -> list[str]:
        """The patterns of the task under which nothing differs from base, as written."""
        now = self.base(task)
        return [p.text for p in task.files if p.include and now.get(p.text) == base.get(p.text)]

    def done_by_itself(self, task: Task, base: Mapping[str, str]) -> bool:
        """Whether each of the task's files is a literal path, new since base, not empty, and no other task's."""
        if not task.files:
            return False
        for pattern in task.files:
            path = pattern.literal
            if not path or not pattern.include or pattern.text in base:
                return False
            if not self.is_filled(path) or self.owners.tasks(path) != [task.id]:
                return False
        return True

    def is_filled(self, path: str) -> bool:
        """Whether the tree has a non-empty regular file there."""
        mode, oid = self.listing.get(path, ("", ""))
        return mode in REGULAR and oid not in EMPTY_BLOBS

    def has_artifact(self, path: str) -> bool:
        """Whether a non-empty file, or a folder with one, is there."""
        return any([self.is_filled(name) for name in self.paths.at(path)])


class Claims:
    """A predicate over paths: is it an input?

    ``patterns`` are the inputs that the gate gives; None: the files of the related phases, or ``everything``.
    """

    def __init__(
        self, patterns: Sequence[Pattern] | None, related: set[str], owners: Owners, *, everything: bool = False
    ) -> None:
        """Keep what decides."""
        self._patterns = patterns
        self.everything = everything
        self._related = related
        self._owners = owners

    def __call__(self, path: str) -> bool:
        """Whether the path is an input: matched, and not claimed by unrelated phases only."""
        return (self._patterns is None or any_matches(self._patterns, path)) and self.admits(path)

    def admitted(self, paths: Sequence[str]) -> list[str]:
        """Those of the paths, which the patterns match, that are inputs: not claimed by unrelated phases only."""
        near = self._owners.near(paths)
        free = self.everything or self._patterns is not None
        return [path for path in paths if (self.admits(path) if path in near else free and path not in OWN_PATHS)]

    def admits(self, path: str) -> bool:
        """Whether a path that the patterns match is an input: not claimed by unrelated phases only."""
        if path in OWN_PATHS:
            return False
        claimants = self._owners.phases(path)
        if not claimants:
            return self.everything or self._patterns is not None
        return not self._related.isdisjoint(claimants)
