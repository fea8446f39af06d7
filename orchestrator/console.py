"""Findings as text for a terminal; imports nothing that an accepted commit would have to pay for."""

from __future__ import annotations

from orchestrator.core.finding import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.core.finding import Finding


MAX_FINDINGS = 40


def finding_text(finding: Finding) -> str:
    """The finding as several lines: what, where, why, and what to do next; nothing in it can steer a terminal."""
    lines = [f"{finding.severity}[{finding.id}]: {printable(finding.message)}"]
    for place in finding.locations:
        where = printable(place.path) + (f":{place.line}" if place.line else "")
        lines.append(f"  --> {where}" + (f"   {printable(place.text)}" if place.text else ""))
    lines += [f"   = {printable(note)}" for note in finding.notes if note]
    if finding.help:
        lines.append("  help: " + "\n".join([printable(line) for line in finding.help.split("\n")]))
    return "\n".join(lines)


def findings_text(findings: Iterable[Finding]) -> str:
    """All of them, errors first, with a blank line between two."""
    ordered = sorted(findings, key=lambda finding: finding.severity != "error")
    more = len(ordered) - MAX_FINDINGS
    if more > 0:
        shown = findings_text(ordered[:MAX_FINDINGS])
        return f"{shown}\n... and {more} more\n"
    return "".join(
        [
            f"{finding_text(finding)}\n" + ("\n" if index + 1 < len(ordered) else "")
            for index, finding in enumerate(ordered)
        ]
    )


def finding_data(finding: Finding) -> dict[str, object]:
    """The finding as JSON data, under its field names."""
    return {
        "id": finding.id,
        "severity": finding.severity,
        "message": finding.message,
        "locations": [{"path": p.path, "line": p.line, "text": p.text} for p in finding.locations],
        "notes": list(finding.notes),
        "help": finding.help,
    }
