"""``lint``: the plan as it is in the work tree, and what in it cannot work or will surprise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.own_files import refuse_filtered
from orchestrator.app.repository import no_plan
from orchestrator.core.evidence import Content
from orchestrator.core.finding import Finding, Location
from orchestrator.core.plan import OWN_PATHS, PLAN_PATH, is_outside_phases, path_bytes, path_text
from orchestrator.core.plan_file import read_plan
from orchestrator.git import GitError
from orchestrator.worktree import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.app.repository import Repository
    from orchestrator.core.patterns import Pattern
    from orchestrator.core.plan import Phase, Plan


def lint(repository: Repository) -> list[Finding]:
    """Everything wrong with plan.toml of the work tree, or, if nothing is, the warnings on it.

    Raises:
        CannotJudgeError: there is no plan.toml, or Git would store the three files in another form.
    """
    refuse_filtered(repository)
    data = read_file(repository.git.top, PLAN_PATH)
    if data is None:
        raise no_plan()
    plan, findings = read_plan(data)
    if plan is None:
        return findings
    return findings + list(_warnings(repository, plan.at(repository.today())))


def _warn(message: str, phase: Phase | None = None, help_: str = "") -> Finding:
    line = phase.line if phase else 0
    return Finding("plan-invalid", message, "warning", (Location(PLAN_PATH, line),), help=help_)


def _warnings(repository: Repository, plan: Plan) -> Iterable[Finding]:
    listing = {}
    for entry in repository.git.run("ls-files", "-s", "-z").split(b"\0")[:-1]:
        meta, _, path = entry.partition(b"\t")
        mode, oid, _ = meta.decode("ascii").split(" ")
        listing[path_text(path)] = (mode, oid)
    content = Content(plan, listing)
    literals = [p.literal for phase in plan.phases for p in _patterns(phase) if p.literal and p.include]
    artifacts = [path for phase in plan.phases for path in phase.artifacts]
    ignored = _ignored(repository, [*literals, *artifacts, *OWN_PATHS])
    for own in OWN_PATHS:
        if own in ignored:
            yield _warn(f"{own} is ignored by Git; git add will not stage it", help_=f"add !/{own} to .gitignore")
    for phase in plan.phases:
        yield from _phase_warnings(phase, content, ignored)
    for gate in {gate.name: gate for phase in plan.phases for gate in phase.gates}.values():
        unmatched = [p.text for p in gate.inputs or () if p.include and not any(p.matches(path) for path in listing)]
        if unmatched:
            yield _warn(f"inputs of gate {gate.name} match nothing yet: {', '.join(unmatched)}")
    yield from _report_warnings(
        plan,
        listing,
        _ignored(repository, [r for p in plan.phases for g in p.gates for r in (g.junit, g.coverage) if r]),
    )


def _phase_warnings(phase: Phase, content: Content, ignored: set[str]) -> Iterable[Finding]:
    if not phase.gates:
        yield _warn(f'phase "{phase.title}" has no gate: its work is complete without any validation', phase)
    if not any(pattern.include for pattern in _patterns(phase)):
        yield _warn(f'phase "{phase.title}" claims no file: work for it cannot be told from other work', phase)
    for gate in phase.gates:
        if gate.inputs is not None and not content.inputs(phase, gate):
            yield _warn(f"gate {gate.name} of {phase.id} cannot pass yet: its inputs match no file", phase)
    for pattern in _patterns(phase):
        if pattern.literal and pattern.literal in ignored:
            yield _warn(
                f"{pattern.literal} is ignored by Git and will not be staged", phase, "take it out of .gitignore"
            )
        if pattern.literal and is_outside_phases(pattern.literal):
            yield _warn(f"{pattern.literal} belongs to no phase: the tool keeps it", phase)
    for control in phase.controls:
        if control.waiver and not control.until:
            yield _warn(f"the waiver of control {control.id} has no end", phase, 'give it one: until = "2026-12-31"')
        elif control.ended:
            yield _warn(f"the waiver of control {control.id} ended on {control.until}: it is open again", phase)
    for path in phase.artifacts:
        if path in ignored:
            yield _warn(f"artifact {path} is ignored by Git and can never be there", phase, "take it out of .gitignore")


def _report_warnings(plan: Plan, listing: dict[str, tuple[str, str]], ignored: set[str]) -> Iterable[Finding]:
    for gate in {gate.name: gate for phase in plan.phases for gate in phase.gates}.values():
        for report in (gate.junit, gate.coverage):
            if report and report in listing:
                yield _warn(
                    f"report {report} of gate {gate.name} is tracked by Git; the gate cannot be judged",
                    help_=f"git rm --cached {report}",
                )
            elif report and report not in ignored:
                yield _warn(
                    f"report {report} of gate {gate.name} is not ignored by Git and will show as untracked",
                    help_=f"add {report} to .gitignore",
                )


def _patterns(phase: Phase) -> list[Pattern]:
    return [*phase.files, *(pattern for task in phase.tasks for pattern in task.files)]


def _ignored(repository: Repository, paths: list[str]) -> set[str]:
    """Those of the paths that an ignore file names, tracked or not."""
    if not paths:
        return set()
    stdin = b"".join(path_bytes(path) + b"\0" for path in dict.fromkeys(paths))
    code, out, err = repository.git.call("check-ignore", "--no-index", "-z", "--stdin", stdin=stdin)
    if code not in (0, 1):
        raise GitError(["check-ignore"], code, err.decode("utf-8", "replace"))
    return {path_text(path) for path in out.split(b"\0")[:-1]}
