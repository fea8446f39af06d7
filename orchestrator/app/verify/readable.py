"""Whether a repository's history can be judged at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orchestrator.core.finding import CannotJudgeError, Finding, Location

if TYPE_CHECKING:
    from orchestrator.git import Git


def refuse_unreadable(git: Git) -> None:
    """Refuse a history that is cut off, or that Git shows other than it is.

    Raises:
        CannotJudgeError: it is shallow, or has grafts or replace refs; all that applies is told.

    Source: git-rev-parse(1), --is-shallow-repository; gitrepository-layout(5), info/grafts; git-replace(1).
    """
    asked = ("--is-shallow-repository", "--git-path", "info/grafts", "--symbolic", "--glob=refs/replace/*")
    shallow, grafts, *replaced = git.text("rev-parse", *asked).split("\n")
    findings = []
    if shallow == "true":
        findings.append(
            Finding(
                "git",
                "the history is shallow: commits are missing that have to be judged or compared with",
                notes=("in GitHub's actions/checkout: fetch-depth: 0; in GitLab: GIT_DEPTH: 0",),
                help="git fetch --unshallow",
            )
        )
    path = os.path.join(git.top, grafts)
    if os.path.exists(path) and os.path.getsize(path):
        findings.append(
            Finding(
                "git", "the history is grafted", locations=(Location(grafts),), help=f"rm {grafts}, then fetch again"
            )
        )
    if replaced:
        findings.append(
            Finding(
                "git",
                "replace refs show other commits than there are",
                notes=(f"of {replaced[0].removeprefix('refs/replace/')}",),
                help="git replace -l, and for each: git replace -d <object>",
            )
        )
    if findings:
        raise CannotJudgeError(*findings)
