"""The short way to accept a commit that leaves the tool's three files as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.verify.snapshots import is_own
from orchestrator.core.message import EXCEPTION_TRAILER, is_type_accepted, parse_header
from orchestrator.core.plan import is_outside_phases, path_text
from orchestrator.history.commits import is_link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.core.ownership import Owners
    from orchestrator.core.plan import Plan
    from orchestrator.core.state import PhaseState
    from orchestrator.history.commits import Commit

_TRAILER = EXCEPTION_TRAILER.encode().lower()
_KEPT_PATHS = 100_000


class Ground:
    """What a commit stands on whose parent has the same three files: which phases are open, and who claims what.

    ``accepts`` says yes only where the whole judgement would find nothing, and no wherever that takes a closer look:
    most commits of a history need no more than this.
    """

    def __init__(self, plan: Plan, owners: Owners, states: Mapping[str, PhaseState]) -> None:
        """Keep the plan, who claims what, and where the phases stand."""
        self.states = states
        self._artifacts = [path for phase in plan.phases for path in phase.artifacts]
        self.has_artifacts = bool(self._artifacts)
        self.may_change = self.has_artifacts or plan.has_ends  # though the three files stay as they are
        self._plan = plan
        self._owners = owners
        settings = plan.settings
        self._max_files = settings.max_commit_files
        self._needs_claims = settings.unplanned_files == "block"
        self._counts_lines = bool(settings.max_commit_lines)
        self._headers: dict[bytes, str] = {}
        self._claims: dict[bytes, Sequence[str]] = {}

    def accepts(self, commit: Commit) -> bool:
        """Whether nothing can be wrong with the commit."""
        return bool(self.phase_of(commit))

    def phase_of(self, commit: Commit, besides: bytes = b"") -> str:
        """The id of the open phase that is named and may change all files, ``besides`` apart; "" if there is none."""
        body = commit.body
        head, bracket, rest = body.partition(b"]")
        if not bracket or rest[:1] not in (b" ", b"\n") or self._counts_lines or _TRAILER in body.lower():
            return ""
        phase_id = self._headers.get(head)
        if phase_id is None:
            phase_id = self._headers[head] = self._named(head)
        if not phase_id or (self._max_files and len(commit.raw) > self._max_files):
            return ""
        for meta, path in commit.raw:
            found = self._claims.get(path)
            if found is None:
                if path == besides:
                    continue
                if is_own(path):
                    return ""
                if len(self._claims) >= _KEPT_PATHS:
                    self._claims.clear()
                found = self._claims[path] = self._claimed(path_text(path))
            if phase_id not in found or is_link(meta):
                return ""
        return phase_id

    def _named(self, head: bytes) -> str:
        """The id of the open phase that a message beginning so names, or ""."""
        line = (head + b"]").decode("utf-8", "surrogateescape")
        header = None if "\n" in line or line[:1].isspace() else parse_header(line)
        if header is None or not is_type_accepted(header.type, self._plan.settings.commit_types):
            return ""
        phase = self._plan.named(header.phase)
        return phase.id if phase is not None and self.states[phase.id].open else ""

    def _claimed(self, path: str) -> Sequence[str]:
        """The phases under whose name the path may be changed."""
        if any([path == place or path.startswith(f"{place}/") for place in self._artifacts]):
            return ()  # it may complete a phase
        found = self._owners.phases(path)
        if found or (self._needs_claims and not is_outside_phases(path)):
            return found
        return [phase.id for phase in self._plan.phases]
