"""The report as data: every number of it, and the commands by which anybody can work it out again."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Any

from orchestrator.app.standing import control_rows, progress
from orchestrator.core.domains import Domains
from orchestrator.core.effort import time_spent
from orchestrator.core.estimate import DAY_H, read_estimate
from orchestrator.core.finding import printable
from orchestrator.core.plan import LOCK_PATH, OWN_PATHS, PLAN_NAME, one_line
from orchestrator.core.refusals import quoted
from orchestrator.core.state import REOPENED, open_control
from orchestrator.history.changes import CREATED, DELETED, MODIFIED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.app.report.history import Done, PlanHistory
    from orchestrator.core.gate import Pass
    from orchestrator.core.plan import Gate, Phase
    from orchestrator.core.state import PhaseState
    from orchestrator.history.changes import FileChange
    from orchestrator.run_cache import RunCache

# No setting of who types them changes what these commands count.
_OPTIONS = "--no-renames --no-relative --ignore-submodules=none --diff-algorithm=myers"
_WITHOUT_OWN = "-- :/ " + " ".join([f"':(top,exclude){path}'" for path in OWN_PATHS])
_NO_PHASE = "no phase"
METHODS = """
Time is reckoned from the times at which commits were authored, for each author by themselves: the time since the
author's commit before counts for the phase of the later commit; after more than {pause} without a commit, and for an
author's first, {first} count instead. The adoption of the plan and merges count no time. The two figures are
break_after and first_commit of [report] in plan.toml.

Estimates are those of the plan; a day is taken for {hours} hours, a week for five days.

Files and lines of the whole are those in which HEAD differs from the adoption of the plan. Those of a phase are what
the commits that name it changed, so that a line changed twice counts twice. The tool's own three files and merges are
left out; a renamed file counts as one deleted and one created; of files that Git takes for binary no lines are counted.

A file belongs to the first domain whose patterns match it: those of [report] in plan.toml, then the default ones.

Tests and coverage are what the gates' reports said, as plan.lock has it; of a gate that several phases have, what the
last of them with a pass says.

How often gates ran is counted by the clone that made this report, for its own runs.
"""
"""How numbers that are no plain counts are come by; with the figures of the plan to be filled in."""


def report_data(history: PlanHistory, cache: RunCache, criteria: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The report as data for JSON; times in seconds, dates in ISO 8601 (UTC), ids of commits in full.

    ``criteria`` are those of a plan that is being finished, each with name, met, notes and help.
    """
    settled = history.settled
    plan = settled.plan
    works = [history.began, *[commit.work() for commit in history.commits]]
    spent = time_spent(works, *_rules(history))
    by_purpose: dict[str, list[Done]] = {}
    for commit in history.commits:
        by_purpose.setdefault(commit.purpose, []).append(commit)
    phases = [
        {
            **_phase_data(state),
            **_work_data(by_purpose.get(state.phase.id, []), spent.get(state.phase.id, 0.0)),
            "gates": [
                _gate_data(state.phase, gate, settled.lock[state.phase.id].passes.get(gate.name), cache)
                for gate, _ in state.gates
            ],
        }
        for state in settled.states.values()
    ]
    other = [
        {"name": name, **_work_data(by_purpose[purpose], spent.get(purpose, 0.0))}
        for purpose, name in ((PLAN_NAME, "the plan"), ("", _NO_PHASE))
        if purpose in by_purpose
    ]
    return {
        "version": 1,
        "title": plan.title,
        "criteria": list(criteria),
        "summary": plan.summary,
        "complete": all(state.complete for state in settled.states.values()),
        "history": {"adoption": history.adoption, "head": history.head},
        "totals": _totals(history, phases, spent),
        "phases": phases,
        "other_work": other,
        "domains": _domains(history),
        "controls": control_rows(settled),
        "risks": [
            {"id": r.id, "text": r.text, "phase": r.phase, "mitigation": r.mitigation, "status": r.status}
            for r in plan.risks
        ],
        "holds": [
            {"kind": h.kind, "id": h.id, "text": h.text, "blocks": list(h.blocks), "answer": h.answer}
            for h in plan.holds
        ],
        "assumptions": list(plan.assumptions),
        "verified": {
            "commits": history.verified.judged,
            "refused": [
                {
                    "commit": verdict.oid,
                    "subject": verdict.subject,
                    "findings": [{"id": found.id, "message": found.message} for found in verdict.findings],
                }
                for verdict in history.verified.refused
            ],
            "listed": [
                {"commit": item.oid, "subject": item.subject, "kind": item.kind, "text": item.text}
                for item in history.verified.listed
            ],
        },
        "follow_up": _follow_up(history),
        "next_steps": _next_steps(history, is_finished=bool(criteria)),
        "methods": _methods(history),
        "commands": _commands(history, is_finished=bool(criteria)),
    }


def _rules(history: PlanHistory) -> tuple[float, float]:
    rules = history.settled.plan.report
    return rules.break_after_s, rules.first_commit_s


def _totals(history: PlanHistory, phases: Sequence[dict[str, Any]], spent: dict[str, float]) -> dict[str, Any]:
    states = list(history.settled.states.values())
    done, total, percent = progress(history.settled)
    estimates = [phase["estimate_s"] for phase in phases if phase["estimate_s"]]
    return {
        "commits": len(history.commits),
        "merges": history.merges,
        "authors": len({commit.author for commit in history.commits}),
        "phases": {"complete": sum(state.complete for state in states), "total": len(states)},
        "tasks": {"done": done, "total": total, "percent": percent},
        "time_s": sum(spent.values()),
        "estimate_s": [sum(pair[end] for pair in estimates) for end in (0, 1)] if estimates else None,
        "estimates_unread": [phase["id"] for phase in phases if phase["estimate"] and not phase["estimate_s"]],
        **_change_counts(_worked_on(history.net)),
        **_evidence(phases),
    }


def _evidence(phases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Tests and coverage by gate: of a gate that several phases have, what the last of them with a pass says."""
    last = {gate["name"]: gate for phase in phases for gate in phase["gates"] if gate["passed"]}
    counted = [gate["tests"] for gate in last.values() if gate["tests"] is not None]
    measured = [
        {"gate": gate["name"], "percent": gate["coverage"], "minimum": gate["min_coverage"]}
        for gate in last.values()
        if gate["coverage"] is not None
    ]
    return {"tests": sum(counted) if counted else None, "coverage": measured}


def _phase_data(state: PhaseState) -> dict[str, Any]:
    phase = state.phase
    estimate = read_estimate(phase.estimate)
    return {
        "id": phase.id,
        "number": phase.number,
        "title": phase.title,
        "owners": list(phase.owners),
        "depends_on": list(phase.depends_on),
        "status": state.status,
        "complete": state.complete,
        "estimate": phase.estimate,
        "estimate_s": list(estimate) if estimate else None,
        "tasks": [{"id": task.id, "title": task.title, "mark": mark} for task, mark in state.marks],
        "tasks_done": state.tasks_done,
        "artifacts": [{"path": path, "there": path not in state.missing_artifacts} for path in phase.artifacts],
        "waits_for": list(state.waits_for),
        "held_by": [hold.unsettled() for hold in state.holds],
        "reasons": [] if state.complete else state.reasons(),
    }


def _work_data(commits: Sequence[Done], spent_s: float) -> dict[str, Any]:
    """What the commits did: a file counts once, as created if one of them created it, and so on."""
    files: dict[str, FileChange] = {}
    for commit in commits:
        for change in _worked_on(commit.changes):
            before = files.get(change.path)
            files[change.path] = change if before is None else _together(before, change)
    oids = [commit.oid for commit in commits]
    return {
        "commits": oids,
        "time_s": spent_s,
        "first": _date(min(commit.at_s for commit in commits)) if commits else None,
        "last": _date(max(commit.at_s for commit in commits)) if commits else None,
        **_change_counts(files.values()),
        "command": f"git show {_OPTIONS} --numstat --format= {' '.join(oids)} {_WITHOUT_OWN}" if oids else "",
    }


def _together(before: FileChange, after: FileChange) -> FileChange:
    kind = DELETED if after.change == DELETED else CREATED if CREATED in (before.change, after.change) else MODIFIED
    both = [(before.added, after.added), (before.removed, after.removed)]
    added, removed = [None if None in pair else sum(number or 0 for number in pair) for pair in both]
    return after.replace(change=kind, added=added, removed=removed)


def _worked_on(changes: Iterable[FileChange]) -> list[FileChange]:
    """Without the tool's own three files, which nobody writes."""
    return [change for change in changes if change.path not in OWN_PATHS]


def _change_counts(changes: Iterable[FileChange]) -> dict[str, Any]:
    found = list(changes)
    return {
        "files": {kind: sum(change.change == kind for change in found) for kind in (CREATED, MODIFIED, DELETED)},
        "lines": {
            "added": sum(change.added or 0 for change in found),
            "removed": sum(change.removed or 0 for change in found),
        },
    }


def _gate_data(phase: Phase, gate: Gate, evidence: Pass | None, cache: RunCache) -> dict[str, Any]:
    last = cache.last_run(phase.id, gate.name)
    return {
        "name": gate.name,
        "control": gate.control,
        "run": gate.run if isinstance(gate.run, str) else shlex.join(gate.run),
        "passed": evidence is not None,
        "tests": evidence.tests if evidence else None,
        "coverage": evidence.coverage if evidence else None,
        "min_coverage": gate.min_coverage,
        "runs_here": dict(last.ended) if last is not None else {},
    }


def _domains(history: PlanHistory) -> list[dict[str, Any]]:
    rules = Domains(dict(history.settled.plan.report.domains))
    found: dict[str, list[FileChange]] = {name: [] for name in rules.names}
    for change in _worked_on(history.net):
        found[rules.of(change.path)].append(change)
    diff = f"git diff {_OPTIONS} --numstat {history.adoption} {history.head} --"
    return [
        {
            "name": name,
            **_change_counts(changes),
            "paths": [
                {"path": printable(c.path), "change": c.change, "added": c.added, "removed": c.removed} for c in changes
            ],
            "command": f"{diff} {' '.join([_pathspec(change.path) for change in changes])}",
        }
        for name, changes in found.items()
        if changes
    ]


def _pathspec(path: str) -> str:
    return quoted(f":(top,literal){path}")


def _follow_up(history: PlanHistory) -> list[str]:
    """What somebody has to come back to."""
    settled = history.settled
    states = settled.states.values()
    found = [hold.unsettled() for hold in settled.plan.holds if hold.is_open]
    found += [open_control(control) for state in states for control in state.open_controls]
    for state in states:
        for control in state.phase.controls:
            if control.is_waived:
                end = f"until {control.until}" if control.until else "without an end"
                found.append(f"control {control.id} is waived {end}: {one_line(control.waiver)}")
    for risk in settled.plan.risks:
        if risk.status in ("open", "accepted"):
            found.append(f"risk {risk.id} is {risk.status}: {one_line(risk.text)}")
    found += [f"task {task.id} is reopened: {task.title}" for s in states for task, mark in s.marks if mark == REOPENED]
    found += [f"phase {state.phase.id} has no gate that proves it" for state in states if not state.phase.gates]
    exceptions = sum(item.kind == "exception" for item in history.verified.listed)
    if exceptions:
        commits = "1 commit declares" if exceptions == 1 else f"{exceptions} commits declare"
        found.append(f"{commits} an exception: look again")
    return found


def _next_steps(history: PlanHistory, *, is_finished: bool) -> list[dict[str, str]]:
    states = history.settled.states.values()
    if not all(state.complete for state in states):
        return [
            {"what": "see what can be worked on now", "command": "orchestrator next"},
            {"what": "see what each phase still needs", "command": "orchestrator status"},
        ]
    steps = [
        {"what": "review the whole change", "command": f"git diff {history.adoption} {history.head}"},
        {
            "what": "run the gates again in clean checkouts",
            "command": f"orchestrator verify {history.verified.span.text} --rerun",
        },
    ]
    if not is_finished:
        steps.append({"what": "check everything once more and retire the plan", "command": "orchestrator finish"})
    return [*steps, {"what": "ask for a review", "command": "git push"}]


def _methods(history: PlanHistory) -> list[str]:
    """How numbers that are no plain counts were come by."""
    break_after_s, first_commit_s = _rules(history)
    figures = {"pause": duration(break_after_s), "first": duration(first_commit_s), "hours": DAY_H}
    return [one_line(text).format(**figures) for text in METHODS.strip().split("\n\n")]


def duration(seconds: float) -> str:
    """The time in hours and minutes, as people read it; less than a minute in seconds."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return (
        " ".join([part for part in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if part])
        or "0 min"
    )


def _commands(history: PlanHistory, *, is_finished: bool) -> list[dict[str, str]]:
    span = f"{history.adoption}..{history.head}"
    diff = f"{history.adoption} {history.head} {_WITHOUT_OWN}"
    log = f"git log --no-merges --format='%at %ae %s' {history.head} --not {history.adoption}^@"
    commands = [
        {"what": "files and lines in all", "command": f"git diff {_OPTIONS} --numstat {diff}"},
        {"what": "which files are new or gone", "command": f"git diff {_OPTIONS} --name-status {diff}"},
        {"what": "commits since the adoption", "command": f"git rev-list --count --no-merges {span}"},
        {"what": "commits, their times and phases (the last line is the adoption)", "command": log},
        {"what": "merges", "command": f"git rev-list --count --merges {span}"},
        {"what": "tasks, artifacts, controls and risks", "command": f"git show {history.head}:PLAN.md"},
        {"what": "tests and coverage", "command": f"git show {history.head}:{LOCK_PATH}"},
        {
            "what": "exceptions, and what weakened the plan",
            "command": f"orchestrator verify {history.verified.span.text}",
        },
    ]
    if not is_finished:  # when the plan is retired there is none at HEAD; the data lie beside the report
        whole = "all of it as data, with a command for each phase and domain"
        commands.append({"what": whole, "command": "orchestrator report --json"})
    return commands


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
