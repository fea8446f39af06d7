"""The report as text for people, as data, and as annotations for GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.console import finding_data, finding_text
from orchestrator.core.finding import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.verify.report import Listed, Report, Rerun, Verdict
    from orchestrator.core.finding import Finding

_KINDS = {
    "exception": "exceptions",
    "weakened": "what weakens the plan",
    "adopted": "adopted",
    "unproven": "evidence that is not of its commit's content",
}
_MAX_COMMITS = 50
_MAX_LISTED = 50
_MAX_REFS = 8


def report_text(report: Report) -> str:
    """The report in lines, each ended: what was judged, each refused commit with why, and what should be known."""
    lines = []
    for verdict in report.refused[:_MAX_COMMITS]:
        lines += _verdict_lines(verdict)
    if len(report.refused) > _MAX_COMMITS:
        lines.append(f"... and {len(report.refused) - _MAX_COMMITS} more commits, in full with --format json")
    for kind, title in _KINDS.items():
        items = [item for item in report.listed if item.kind == kind]
        if items:
            lines.append(f"{title}:")
            lines += [_listed_line(item) for item in items[:_MAX_LISTED]]
            if len(items) > _MAX_LISTED:
                lines.append(f"  ... and {len(items) - _MAX_LISTED} more, in full with --format json")
    if report.reruns:
        lines.append("gates run again:")
        lines += [_rerun_line(item) for item in report.reruns]
    lines.append(summary(report))
    lines += [f"  help: {line}" for line in _next_steps(report)]
    return "".join([f"{line}\n" for line in lines])


def _next_steps(report: Report) -> list[str]:
    """What to do about the refused commits."""
    if not report.refused:
        return []
    helps = [finding.help for verdict in report.refused for finding in verdict.findings]
    if all([text.startswith("orchestrator validate") for text in helps]):
        return ["orchestrator validate, then commit, and verify again"]
    oldest = next((verdict.oid for verdict in report.refused if verdict.is_commit), "")
    if oldest:
        return [f"of commits that nobody has yet: git rebase -i {oldest[:12]}^, mend each, then verify again"]
    return ["edit the title of the pull request"]


def summary(report: Report) -> str:
    """One line: how much was judged, and how it ended."""
    count = "1 commit" if report.judged == 1 else f"{report.judged} commits"
    parts = [f"{printable(report.span.text)}: {count} judged" if report.span.text else f"{count} judged"]
    if report.plan_ref:
        parts.append(f"by the plan of {printable(report.plan_ref)}")
    if report.unplanned:
        parts.append(f"{report.unplanned} without a plan")
    parts.append(f"{len(report.refused)} refused" if report.refused else "all fine")
    return ", ".join(parts)


def _verdict_lines(verdict: Verdict) -> list[str]:
    more = [f"{len(verdict.refs) - _MAX_REFS} more"] if len(verdict.refs) > _MAX_REFS else []
    shown = [*[printable(name) for name in verdict.refs[:_MAX_REFS]], *more]
    names = f" ({', '.join(shown)})" if shown else ""
    kind = f"commit {verdict.oid[:12]}{names}" if verdict.is_commit else "title"
    lines = [f"{kind} {printable(verdict.subject)[:100]}"]
    for finding in verdict.findings:
        lines += [f"  {line}" for line in finding_text(finding).split("\n")]
    lines.append("")
    return lines


def _listed_line(item: Listed) -> str:
    return f"  {item.oid[:12]} {printable(item.text)}"


def _rerun_line(item: Rerun) -> str:
    result = item.result
    reason = f": {printable(result.reason)}" if result.reason and not result.passed else ""
    gate = f"{printable(item.gate)} of {', '.join(item.phases)}"
    return f"  {item.oid[:12]} {gate}: {result.outcome()}{reason}"


def report_data(report: Report) -> dict[str, object]:
    """The report as JSON data; ids of commits and texts are as they are, unescaped."""
    return {
        "range": report.span.text,
        "tips": [{"oid": tip.oid, "name": tip.name} for tip in report.span.tips],
        "judged": report.judged,
        "unplanned": report.unplanned,
        "refused": [
            {
                "commit": verdict.oid,
                "subject": verdict.subject,
                "refs": list(verdict.refs),
                "findings": [finding_data(finding) for finding in verdict.findings],
            }
            for verdict in report.refused
        ],
        "listed": [
            {"commit": item.oid, "subject": item.subject, "kind": item.kind, "text": item.text}
            for item in report.listed
        ],
        "reruns": [
            {
                "commit": item.oid,
                "gate": item.gate,
                "phases": list(item.phases),
                "status": item.result.status,
                "reason": item.result.reason,
                "seconds": item.result.seconds,
                "tests": item.result.tests,
                "coverage": item.result.coverage,
            }
            for item in report.reruns
        ],
    }


def github_text(report: Report) -> str:
    """The report as workflow commands, an annotation for each finding, and the summary.

    Source: docs.github.com, "Workflow commands for GitHub Actions", setting an error or a warning message.
    """
    lines = []
    for verdict in report.refused:
        for finding in verdict.findings:
            title = f"{finding.id} in {verdict.oid[:12]}"
            files = [place for place in finding.locations if place.path not in ("message", "title")]
            place = f"file={_property(files[0].path)}," if files else ""
            line = f"line={files[0].line}," if files and files[0].line else ""
            text = f"{printable(verdict.subject)}\n{finding_text(finding)}"
            lines.append(f"::error {place}{line}title={_property(title)}::{_message(text)}")
    lines += [
        f"::warning title={_property(f'{item.kind} in {item.oid[:12]}')}::{_message(printable(item.text))}"
        for item in report.listed
    ]
    return "".join([f"{line}\n" for line in [*lines, summary(report)]])


def github_findings(findings: Sequence[Finding]) -> str:
    """Findings that are about no commit, as annotations."""
    return "".join([f"::error title={_property(item.id)}::{_message(finding_text(item))}\n" for item in findings])


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(printable(text)).replace(":", "%3A").replace(",", "%2C")
