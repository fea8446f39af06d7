"""``report``: the report on HEAD's plan in the form that was asked for."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from orchestrator.app.report.figures import report_data
from orchestrator.app.report.history import read_plan_history
from orchestrator.app.report.markdown import markdown_report
from orchestrator.app.report.page import html_page
from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.worktree import replace_file

if TYPE_CHECKING:
    from orchestrator.app.repository import Repository

_ENDINGS = {".html": "html", ".htm": "html", ".json": "json"}


def report_format(asked: str | None, path: str | None) -> str:
    """The format that was asked for, or that the ending of the file's name says: "markdown", "html" or "json"."""
    return asked or _ENDINGS.get(os.path.splitext(path or "")[1].casefold(), "markdown")


def report_as(output: str, repository: Repository) -> str:
    """The report in that format, its last line ended.

    Raises:
        CannotJudgeError: HEAD has no plan, or plan or history cannot be read.
    """
    data = report_data(read_plan_history(repository), repository.cache)
    if output == "json":
        return json.dumps(data, indent=2) + "\n"
    if output == "html":
        return html_page(data)
    return markdown_report(data)


def write_report(path: str, text: str) -> None:
    """Write the report to that file, in one step; a link stays a link, and what is no file, as a pipe, is written into.

    Raises:
        CannotJudgeError: it cannot be written.
    """
    data = text.encode("utf-8", "backslashreplace")
    real = os.path.realpath(path)
    try:
        if os.path.exists(real) and not os.path.isfile(real):
            with open(real, "wb") as file:
                file.write(data)
        else:
            replace_file(real, data)
    except OSError as error:
        said = f"the report cannot be written: {error.strerror}"
        raise CannotJudgeError(Finding("git", said, locations=(Location(path),))) from error
