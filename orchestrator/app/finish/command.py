"""``finish``: check everything that makes a plan a success, keep it with its report, and retire it in one commit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator.app.finish.checklist import Criterion, criteria_of
from orchestrator.app.finish.retiring import commit, free_folder, head_file, refuse_unsettled, write
from orchestrator.app.report.figures import report_data
from orchestrator.app.report.history import read_plan_history
from orchestrator.app.report.markdown import markdown_report
from orchestrator.app.report.page import html_page
from orchestrator.app.workplace import one_at_a_time
from orchestrator.core.finding import Finding, RefusedError, printable
from orchestrator.core.plan import OWN_PATHS
from orchestrator.core.value import Value

if TYPE_CHECKING:
    from orchestrator.app.report.history import PlanHistory
    from orchestrator.app.repository import Repository

_MOST_NOTES = 20


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
    refuse_unsettled(repository)
    history = read_plan_history(repository)
    criteria = tuple(criteria_of(repository, history))
    checked = Finished(criteria)
    if not checked.met or check_only:
        return checked
    data = report_data(history, repository.cache, [_criterion_data(found) for found in criteria])
    folder = _write(repository, history, data)
    return checked.replace(folder=folder, commit=commit(repository, history, folder))


@one_at_a_time
def _write(repository: Repository, history: PlanHistory, data: dict[str, Any]) -> str:
    """The folder that keeps the plan now; gates take their time and anything may have been done meanwhile."""
    refuse_unsettled(repository)
    if repository.git.text("rev-parse", "HEAD") != history.head:
        raise RefusedError(
            Finding("finish", "HEAD is another commit than the one that was checked", help="orchestrator finish")
        )
    folder = free_folder(repository, history.settled)
    files = {f"{folder}/{path}": head_file(repository, path) for path in OWN_PATHS}
    files[f"{folder}/report.md"] = markdown_report(data).encode("utf-8", "backslashreplace")
    files[f"{folder}/report.html"] = html_page(data).encode("utf-8", "backslashreplace")
    files[f"{folder}/report.json"] = (json.dumps(data, indent=2) + "\n").encode()
    write(repository, files)
    return folder


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
