"""What ``doctor`` found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.console import finding_data
from orchestrator.core.value import Value

if TYPE_CHECKING:
    from orchestrator.core.finding import Finding

CAUGHT = "caught"
MISSED = "missed"
NOT_SHOWN = "not shown"
NOT_INSTALLED = "not installed"
ACCEPTED = "accepted"
REFUSED = "refused"
ALTERED = "altered"


class Planted(Value):
    """One thing that was done in the throwaway repository, and what came of it.

    ``stage`` is the hook that has to judge it, ``expected`` the id of the finding that must refuse it ("" for honest
    work, which must be accepted). ``result`` of a violation: "caught" (refused under that id), "missed" (it landed),
    "not shown" (refused, but not for that), "not installed" (nobody asked for that stage); of honest work: "accepted",
    "refused", "altered" (it landed, but not as it was judged). ``said`` are the last lines of what Git and the hooks
    printed.
    """

    what: str
    stage: str
    expected: str
    result: str
    detail: str = ""
    said: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether the hooks did what they are there for; a stage that nobody installed is no fault."""
        return self.result in (CAUGHT, ACCEPTED, NOT_INSTALLED)


class Diagnosis(Value):
    """The answer of ``doctor``; ``notes`` say on what it was judged."""

    planted: tuple[Planted, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def violations(self) -> tuple[Planted, ...]:
        """What had to be refused, stages left out that nobody installed."""
        return tuple(row for row in self.planted if row.expected and row.result != NOT_INSTALLED)

    @property
    def is_sound(self) -> bool:
        """Whether all was caught, honest work accepted, and nothing wrong found in the installation."""
        return all(row.is_right for row in self.planted) and all(f.severity != "error" for f in self.findings)

    def mends(self) -> tuple[Finding, ...]:
        """The findings, errors first; a command that mends several is named with the first alone."""
        known: set[str] = set()
        found = []
        for finding in sorted(self.findings, key=lambda finding: finding.severity != "error"):
            found.append(finding.replace(help="") if finding.help in known else finding)
            known.add(finding.help)
        return tuple(found)


def diagnosis_data(found: Diagnosis) -> dict[str, object]:
    """The diagnosis as JSON data."""
    return {
        "sound": found.is_sound,
        "planted": [
            {
                "what": row.what,
                "hook": row.stage,
                "expected": row.expected or None,
                "result": row.result,
                "detail": row.detail,
                "said": [] if row.is_right else list(row.said),
            }
            for row in found.planted
        ],
        "findings": [finding_data(finding) for finding in found.findings],
        "notes": list(found.notes),
    }
