"""``finish``: check everything that makes a plan a success, keep it with its report, and retire it in one commit."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
from typing import TYPE_CHECKING, Any

from orchestrator.app.gates import run_due
from orchestrator.app.report.figures import report_data
from orchestrator.app.report.history import read_plan_history
from orchestrator.app.report.markdown import markdown_report
from orchestrator.app.report.page import html_page
from orchestrator.app.setup import stage
from orchestrator.core.final import final_gates, folder_name
from orchestrator.core.finding import CannotJudgeError, Finding, Location, RefusedError, printable
from orchestrator.core.plan import ARCHIVE_PREFIX, OWN_PATHS, PLAN_NAME
from orchestrator.core.refusals import gate_finding
from orchestrator.core.state import DONE, open_control
from orchestrator.core.value import Value
from orchestrator.worktree import read_file, replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.app.report.history import PlanHistory
    from orchestrator.app.repository import Repository
    from orchestrator.core.gate import DueGate, GateResult, Pass
    from orchestrator.core.settle import Settled

_MOST_NOTES = 20


class Criterion(Value):
    """One thing that makes a plan a success; ``notes`` tell what there is, or what is missing, ``help`` what to do."""

    name: str
    met: bool
    notes: tuple[str, ...] = ()
    help: str = ""


class Finished(Value):
    """The checklist; ``folder`` is where the plan is kept and ``commit`` the one that retired it, "" if it was not."""

    criteria: tuple[Criterion, ...]
    folder: str = ""
    commit: str = ""

    @property
    def met(self) -> bool:
        """Whether nothing is missing."""
        return all(criterion.met for criterion in self.criteria)


def finish(repository: Repository, *, check_only: bool = False) -> Finished:
    """Check HEAD's plan; if all is well, write report and plan to docs/plans, and retire the plan in one commit.

    Gates without a pass on the final tree are run.

    Raises:
        CannotJudgeError: something is staged or under way, HEAD has no plan, the history cannot be judged, or the
            commit was refused.
    """
    _refuse_unsettled(repository)
    history = read_plan_history(repository)
    criteria = tuple(_criteria(repository, history))
    checked = Finished(criteria)
    if not checked.met or check_only:
        return checked
    _refuse_unsettled(repository)  # gates take their time, and may do anything
    if repository.git.text("rev-parse", "HEAD") != history.head:
        raise RefusedError(
            Finding("finish", "HEAD is another commit than the one that was checked", help="orchestrator finish")
        )
    data = report_data(history, repository.cache, [_criterion_data(found) for found in criteria])
    folder = _free_folder(repository, history.settled)
    files = {f"{folder}/{path}": _head_file(repository, path) for path in OWN_PATHS}
    files[f"{folder}/report.md"] = markdown_report(data).encode("utf-8", "backslashreplace")
    files[f"{folder}/report.html"] = html_page(data).encode("utf-8", "backslashreplace")
    files[f"{folder}/report.json"] = (json.dumps(data, indent=2) + "\n").encode()
    _write(repository, files)
    return checked.replace(folder=folder, commit=_commit(repository, history, folder))


# -- the checklist -----------------------------------------------------------------------------------------------------


def _criteria(repository: Repository, history: PlanHistory) -> Iterator[Criterion]:
    """The method's success criteria, each judged on HEAD."""
    settled = history.settled
    states = list(settled.states.values())
    refused = history.verified.refused
    open_phases = [
        f"{state.phase.title} ({state.phase.id}) is {state.status}" for state in states if not state.complete
    ]
    yield Criterion(
        _all(len(states), "phase", "is complete", "are complete"),
        not open_phases,
        tuple(open_phases),
        "orchestrator status",
    )
    yield Criterion(
        "the history was verified: order, evidence and form of every commit since the adoption",
        not refused,
        tuple([f"{v.oid[:12]} {v.subject}: {', '.join(f.id for f in v.findings)}" for v in refused])
        or (f"{history.verified.judged} commits judged",),
        f"orchestrator verify {history.verified.span.text}",
    )
    tasks = [(task, mark) for state in states for task, mark in state.marks]
    todo = [f"task {task.id} is {mark}: {task.title}" for task, mark in tasks if mark != DONE]
    yield Criterion(_all(len(tasks), "task", "is done", "are done"), not todo, tuple(todo), "orchestrator next")
    yield from _gate_criteria(repository, settled)
    controls = [control for state in states for control in state.phase.controls]
    still = [open_control(control) for state in states for control in state.open_controls]
    yield Criterion(
        _all(len(controls), "security control", "is resolved or waived", "are resolved or waived"),
        not still,
        tuple(still),
        "orchestrator controls list",
    )
    artifacts = [path for state in states for path in state.phase.artifacts]
    missing = [f"{path} is missing or empty" for state in states for path in state.missing_artifacts]
    yield Criterion(
        _all(len(artifacts), "artifact", "is there", "are there"), not missing, tuple(missing), "orchestrator next"
    )
    holds = [hold.unsettled() for hold in settled.plan.holds if hold.is_open]
    yield Criterion("no question, blocker or assumption is open", not holds, tuple(holds), "orchestrator next")


def _all(number: int, noun: str, one: str, many: str) -> str:
    if number == 0:
        return f"the plan has no {noun}s"
    return f"the {noun} {one}" if number == 1 else f"all {number} {noun}s {many}"


def _gate_criteria(repository: Repository, settled: Settled) -> Iterator[Criterion]:
    """Whether every gate passes on the final tree, and whether what was measured is enough.

    Only what has passed in this clone counts: plan.lock is text, and whoever can commit can write into it.
    """
    whole, gates = final_gates(settled.content)
    known = {item.key: repository.cache.known_pass(item.key) for item in gates}
    passes = {key: found for key, found in known.items() if found is not None}
    due = [item for item in gates if item.key not in passes]
    final = settled.replace(plan=whole.plan, content=whole)
    results = {result.key: result for result in run_due(repository, final, due, None)} if due else {}
    failed = [_failure(item, results.get(item.key)) for item in due if not _has_passed(results.get(item.key))]
    where = "on the final tree, with all inputs"
    ran = f", {len(due)} of them just now" if due else ""
    yield Criterion(
        _all(len(gates), "gate", f"passes {where}", f"pass {where}"),
        not failed,
        tuple([line for lines in failed for line in lines]) or (f"{len(gates)} passes{ran}",),
        "mend and commit what fails, then: orchestrator finish",
    )
    yield _coverage(gates, passes, results)


def _has_passed(result: GateResult | None) -> bool:
    return result is not None and result.passed


def _failure(item: DueGate, result: GateResult | None) -> tuple[str, ...]:
    finding = gate_finding(item, result)
    return (finding.message.replace(f" of {PLAN_NAME}", ""), *[f"  {note}" for note in finding.notes[1:]])


def _coverage(gates: Sequence[DueGate], passes: dict[str, Pass], results: dict[str, GateResult]) -> Criterion:
    low, shown = [], []
    for item in gates:
        known = passes.get(item.key) or results.get(item.key)
        percent = None if known is None else known.coverage
        minimum = item.gate.min_coverage
        if percent is not None or minimum:
            measured = "nothing measured" if percent is None else f"{percent:g}%"
            shown.append(f"{item.gate.name}: {measured}, at least {minimum:g}%")
            if minimum and (percent is None or percent < minimum):
                low.append(shown[-1])
    return Criterion(
        "coverage is at least what the plan asks for",
        not low,
        tuple(low or shown or ["no gate of the plan measures any"]),
        "orchestrator validate --all",
    )


# -- writing -----------------------------------------------------------------------------------------------------------


def _refuse_unsettled(repository: Repository) -> None:
    """Refuse while something is staged or under way, or one of the three files is edited.

    Raises:
        RefusedError: so it is; tells all of it.
    """
    git = repository.git
    under_way = [name for name in ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD") if repository.has(name)]
    if repository.is_rebasing or under_way:
        raise RefusedError(
            Finding("finish", "a merge, rebase, cherry-pick or revert is under way", help="git status, and end it")
        )
    staged = git.run(
        "diff", "--cached", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none"
    ).split(b"\0")[:-1]
    edited = git.run("diff", "--name-only", "-z", "--no-ext-diff", "--", *[f":/{path}" for path in OWN_PATHS])
    findings = []
    if staged:
        places = tuple([Location(path.decode("utf-8", "surrogateescape")) for path in staged[:8]])
        findings.append(
            Finding(
                "finish",
                "something is staged that is not committed yet",
                locations=places,
                help="git commit, or unstage it with git reset, then: orchestrator finish",
            )
        )
    if edited:
        names = edited.decode("utf-8", "surrogateescape").split("\0")[:-1]
        findings.append(
            Finding(
                "finish",
                f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} edits that are not committed",
                help=f"git add {' '.join(names)} && git commit, or: git restore {' '.join(names)}",
            )
        )
    if findings:
        raise RefusedError(*findings)


def _head_file(repository: Repository, path: str) -> bytes:
    found = repository.read_objects([f"HEAD:{path}"])[f"HEAD:{path}"]
    if found is None:
        raise CannotJudgeError(Finding("finish", f"HEAD has no {path}", help="orchestrator sync, and commit it"))
    return found[1]


def _free_folder(repository: Repository, settled: Settled) -> str:
    """The folder for the plan, one that is not there yet; a second plan of the same title gets a number.

    Raises:
        CannotJudgeError: a symbolic link or a file stands where a folder has to be.
    """
    place = ""
    for part in ARCHIVE_PREFIX.strip("/").split("/"):
        place = os.path.join(place, part)
        full = os.path.join(repository.git.top, place)
        if os.path.islink(full) or (os.path.exists(full) and not os.path.isdir(full)):
            said = f"{place} is no folder, so the plan cannot be kept in it"
            raise CannotJudgeError(Finding("finish", said, locations=(Location(place),), help=f"git mv {place} ..."))
    tracked = repository.git.run("ls-files", "-z", "--", f":/{ARCHIVE_PREFIX}").decode("utf-8", "surrogateescape")
    name = folder_name(settled.plan)
    number = 1
    while True:
        folder = f"{ARCHIVE_PREFIX}{name}" + (f"-{number}" if number > 1 else "")
        is_tracked = any(path == folder or path.startswith(f"{folder}/") for path in tracked.split("\0"))
        if not is_tracked and not os.path.lexists(os.path.join(repository.git.top, folder)):
            return folder
        number += 1


def _write(repository: Repository, files: dict[str, bytes]) -> None:
    """Put the files into the work tree and the index, and take the three files out of both.

    Where that cannot be done, or is interrupted, before the index has it, nothing is left behind.
    """
    top = repository.git.top
    folder = os.path.join(top, os.path.dirname(next(iter(files))))
    try:
        os.makedirs(folder)
        for path, data in files.items():
            replace_file(os.path.join(top, path), data)
        stage(repository, files, OWN_PATHS)
    except BaseException:  # also Ctrl-C
        shutil.rmtree(folder, ignore_errors=True)  # what stopped us is told by who calls
        with contextlib.suppress(OSError):  # there are other plans in it
            os.removedirs(os.path.dirname(folder))
        raise
    for path in OWN_PATHS:
        if read_file(top, path) is not None:
            os.unlink(os.path.join(top, path))


def _commit(repository: Repository, history: PlanHistory, folder: str) -> str:
    """The id of the commit of what is staged.

    Raises:
        RefusedError: a hook has refused it; what is staged stays so.
    """
    plan = history.settled.plan
    message = f"{plan.settings.usual_type}: [{PLAN_NAME}] finish {plan.title}"
    code = repository.git.attached("commit", "-q", "-m", message)
    if code:
        own = " ".join([f":/{path}" for path in OWN_PATHS])
        place = shlex.quote(os.path.relpath(os.path.join(repository.git.top, folder)))
        raise RefusedError(
            Finding(
                "finish",
                f"git commit ended with {code}; what it was to commit is staged",
                locations=(Location(folder),),
                help=f"mend what it says, git add, then: git commit -m {shlex.quote(message)}\n"
                f"or, to go back: git reset -q && git restore {own} && rm -r {place}",
            )
        )
    return repository.git.text("rev-parse", "HEAD")


# -- telling -----------------------------------------------------------------------------------------------------------


def finished_text(done: Finished) -> str:
    """The checklist, and what was done, in lines, each ended."""
    lines = []
    for criterion in done.criteria:
        lines.append(f"[{'x' if criterion.met else ' '}] {printable(criterion.name)}")
        lines += [f"      {printable(note)}" for note in criterion.notes[:_MOST_NOTES]]
        if len(criterion.notes) > _MOST_NOTES:
            lines.append(f"      and {len(criterion.notes) - _MOST_NOTES} more")
        if not criterion.met:
            lines.append(f"      help: {criterion.help}")
    if done.commit:
        lines.append(f"the plan and its report are in {done.folder}; it is retired by commit {done.commit[:12]}")
        lines.append("next: orchestrator init, when there is something new to plan")
    elif not done.met:
        missing = sum(not criterion.met for criterion in done.criteria)
        lines.append(f"not finished: {missing} of {len(done.criteria)} criteria are not met; nothing was written")
    else:
        lines.append("everything is met; to retire the plan: orchestrator finish")
    return "".join([f"{line}\n" for line in lines])


def finished_data(done: Finished) -> dict[str, Any]:
    """The same as JSON data."""
    criteria = [_criterion_data(criterion) for criterion in done.criteria]
    return {"met": done.met, "criteria": criteria, "folder": done.folder, "commit": done.commit}


def _criterion_data(criterion: Criterion) -> dict[str, Any]:
    return {
        "name": criterion.name,
        "met": criterion.met,
        "notes": list(criterion.notes),
        "help": "" if criterion.met else criterion.help,
    }
