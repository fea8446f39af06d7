"""Which phases and tasks claim a path."""

from __future__ import annotations

from orchestrator.core.patterns import any_matches
from orchestrator.core.plan import is_outside_phases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.core.patterns import Pattern
    from orchestrator.core.plan import Phase, Plan, Task

    Claim = tuple[Pattern, Sequence[Pattern], Phase, Task | None]

_NOBODY: tuple[list[str], list[str]] = ([], [])


class Owners:
    """The claims of a plan, looked up by path.

    A pattern is tried only on paths below its fixed folders, so that a commit costs as many comparisons as its own
    paths need and not as many as the plan has patterns.
    """

    def __init__(self, plan: Plan) -> None:
        """Enter each pattern under the folder that it is fixed to."""
        self._claims: dict[str, list[Claim]] = {}
        self._around: dict[str, list[Claim]] = {}  # by folder, of those that were asked for
        self._order = {phase.id: phase.number for phase in plan.phases}
        self._known: dict[str, tuple[list[str], list[str]]] = {}
        for phase in plan.phases:
            self._enter(phase.files, phase, None)
            for task in phase.tasks:
                self._enter(task.files, phase, task)

    def _enter(self, patterns: Sequence[Pattern], phase: Phase, task: Task | None) -> None:
        for pattern in patterns:
            if pattern.include:
                self._claims.setdefault(pattern.place, []).append((pattern, patterns, phase, task))

    def phases(self, path: str) -> list[str]:
        """The ids of the phases that claim the path, in plan order; none for the tool's own files."""
        known = self._known.get(path)  # asked for each input of each gate
        return self._lookup(path)[0] if known is None else known[0]

    def around(self, path: str) -> list[str]:
        """The ids of the phases that claim something at the path or below it, in plan order.

        For a path that can hide a folder: a symbolic link, a submodule.
        """
        found = {
            phase.id
            for place, claims in self._claims.items()
            if place == path or place.startswith(path + "/")
            for _, _, phase, _ in claims
        }
        return sorted(found.union(self.phases(path)), key=self._order.__getitem__)

    def near(self, paths: Iterable[str]) -> set[str]:
        """Those of the paths at or above which a pattern is fixed; all others are nobody's."""
        found = set()
        last, is_near = None, False
        for path in paths:
            folder = path.rpartition("/")[0]
            if folder != last:  # most follow another one of their folder
                last, is_near = folder, bool(self._above(folder))
            if is_near or path in self._claims:
                found.add(path)
        return found

    def tasks(self, path: str) -> list[str]:
        """The ids of the tasks that claim the path."""
        return self._lookup(path)[1]

    def _lookup(self, path: str) -> tuple[list[str], list[str]]:
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = ([], []) if is_outside_phases(path) else self._find(path)
        return known

    def _find(self, path: str) -> tuple[list[str], list[str]]:
        claims = self._above(path.rpartition("/")[0])
        if path in self._claims:
            claims = [*self._claims[path], *claims]
        elif not claims:
            return _NOBODY
        phases: set[str] = set()
        tasks: dict[str, None] = {}
        for pattern, patterns, phase, task in claims:
            if phase.id in phases and (task is None or task.id in tasks):
                continue
            if pattern.matches(path) and (len(patterns) == 1 or any_matches(patterns, path)):
                phases.add(phase.id)
                if task is not None:
                    tasks[task.id] = None
        return sorted(phases, key=self._order.__getitem__), list(tasks)

    def _above(self, folder: str) -> list[Claim]:
        """The claims that are fixed to the folder or to one above it, the nearest first."""
        known = self._around.get(folder)
        if known is None:
            above = self._above(folder.rpartition("/")[0]) if folder else []
            known = self._around[folder] = [*self._claims.get(folder, ()), *above]
        return known
