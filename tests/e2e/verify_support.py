"""What tests of ``verify`` share: the judgement on a real repository, and commits that went around the hooks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orchestrator.app.repository import Repository as AppRepository
from orchestrator.app.verify import engine
from orchestrator.app.verify.ranges import named_span
from orchestrator.app.verify.report import Options
from orchestrator.git import Git
from tests.e2e.support import GOOD_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.app.verify.report import Report
    from tests.e2e.support import Adopted
    from tests.support import Repository


def opened(repo: Repository) -> AppRepository:
    """The repository as the program opens it."""
    git_dir = repo.out("rev-parse", "--absolute-git-dir")
    return AppRepository(Git(str(repo.top), {**os.environ, **repo.env}), git_dir)


def judged(repo: Repository, span: str = "HEAD", options: Options | None = None) -> Report:
    """The report on the span, without running gates again."""
    app = opened(repo)
    return engine.verify(app, named_span(app.git, span), options or Options()).report


def refused(report: Report) -> dict[str, list[str]]:
    """The ids of the errors, each once and sorted, by subject of the refused commit."""
    return {verdict.subject: sorted({found.id for found in verdict.findings}) for verdict in report.refused}


def listed(report: Report, kind: str) -> list[str]:
    """The texts of that kind."""
    return [item.text for item in report.listed if item.kind == kind]


def around(repo: Adopted, message: str, files: Mapping[str, str | bytes] | None = None, *options: str) -> str:
    """The id of a commit that no hook has judged."""
    if files:
        repo.add(files)
    repo.git("commit", "-q", "--no-verify", "-m", message, *options)
    return repo.out("rev-parse", "HEAD")


def through(repo: Adopted, message: str, files: Mapping[str, str | bytes] | None = None) -> str:
    """The id of a commit that the hooks have accepted."""
    repo.commit(message, files)
    return repo.out("rev-parse", "HEAD")


def finish_api(repo: Adopted) -> None:
    """Commit all that phase 2 needs."""
    repo.add({"src/api/auth.py": "login = 1\n", "src/api/log/a.py": "a = 1\n"})
    repo.tick("2.2")
    repo.git("commit", "-q", "-m", "feat: [api] login and logging")


SCHEMA = {"db/schema.sql": GOOD_SCHEMA}
