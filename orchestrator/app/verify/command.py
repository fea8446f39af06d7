"""``orchestrator verify``: the span that a user asks for, judged, and told in one of three forms."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Self

from orchestrator.app.repository import Repository, check_git_version
from orchestrator.app.verify import engine, texts
from orchestrator.app.verify.ranges import commit_of, default_span, named_span, refuse_empty
from orchestrator.app.verify.readable import refuse_unreadable
from orchestrator.app.verify.report import Options, Span, Verdict
from orchestrator.core.finding import CannotJudgeError, Finding, UnknownNameError
from orchestrator.core.plan import PLAN_PATH
from orchestrator.core.refusals import rerun_finding
from orchestrator.core.value import Value
from orchestrator.git import Git
from orchestrator.history.commits import revision_arguments
from orchestrator.run_cache import RunCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.app.verify.report import Report, Rerun

EXIT_REFUSED = 1
EXIT_CANNOT_JUDGE = 3
_UNJUDGED = ("plan-invalid", "gate-error", "gate-unclean")  # of these nobody can say whether they are right or wrong
_PATIENCE_S = 1.0


class Asked(Value):
    """What the command line says: a range or None, a ref whose plan binds or "", a title, and whether to run again."""

    range: str | None = None
    plan_ref: str = ""
    title: str | None = None
    rerun: bool = False
    jobs: int | None = None


def open_repository() -> Repository:
    """The repository around the current folder, bare or not.

    Raises:
        CannotJudgeError: there is none, or Git is too old.
    """
    git = Git(".", os.environ)
    code, out, err = git.call("rev-parse", "--absolute-git-dir", "--show-cdup")
    if code:
        reason = err.decode("utf-8", "replace").strip()
        raise CannotJudgeError(Finding("git", f"this is no Git repository: {reason}", help="git init"))
    git_dir, up, *_ = [*out.decode("utf-8", "surrogateescape").split("\n"), ""]
    repository = Repository(Git(up.rstrip("/") or ".", os.environ), git_dir)
    repository.cache = RunCache("")  # what lies in the Git directory has no say, and nothing is added to it
    check_git_version(repository.git)
    return repository


def verify(repository: Repository, asked: Asked) -> Report:
    """The report on what was asked for.

    Raises:
        CannotJudgeError: there is nothing to judge, or it cannot be judged.
    """
    git = repository.git
    refuse_unreadable(git)
    span = default_span(git) if asked.range is None else named_span(git, asked.range)
    if asked.title is not None and len(span.tips) != 1:
        said = f"--title-env takes a range with one tip, {span.text} has {len(span.tips)}"
        raise UnknownNameError(Finding("git", said, help="orchestrator verify <base>..<tip> --title-env NAME"))
    options = Options(plan_ref=_plan_commit(git, asked.plan_ref), plan_name=asked.plan_ref, title=asked.title)
    with _Meter(git, span) as meter:
        found = engine.verify(repository, span, options, watch=meter.watch)
    report = found.report
    if not report.judged + report.unplanned:
        refuse_empty(git, span)
    if asked.rerun:
        from orchestrator.app.verify.rerun import rerun  # noqa: PLC0415 - only where asked for

        reruns = rerun(repository, found.completed, asked.jobs)
        report = with_reruns(repository, report, reruns)
    return report


def with_reruns(repository: Repository, report: Report, reruns: list[Rerun]) -> Report:
    """The report with what came of running gates again; one that did not pass refuses its commit."""
    verdicts = {verdict.oid: verdict for verdict in report.refused if verdict.is_commit}
    titles = [verdict for verdict in report.refused if not verdict.is_commit]
    for item in reruns:
        if not item.result.passed:
            subject = repository.git.text("log", "-1", "--format=%s", item.oid)
            known = verdicts.get(item.oid, Verdict(item.oid, subject, ()))
            verdicts[item.oid] = known.replace(findings=(*known.findings, rerun_finding(item.phases, item.result)))
    return report.replace(reruns=tuple(reruns), refused=(*verdicts.values(), *titles))


def report_as(output: str, report: Report) -> str:
    """The report as "text", "json" or "github"."""
    if output == "json":
        import json  # noqa: PLC0415 - only for those who ask for it

        return json.dumps(texts.report_data(report), indent=2) + "\n"
    return texts.github_text(report) if output == "github" else texts.report_text(report)


def exit_code(report: Report) -> int:
    """0 if nothing is refused, 1 if something is, 3 if all that is refused could not be judged."""
    if not report.refused:
        return 0
    ids = {finding.id for verdict in report.refused for finding in verdict.findings}
    return EXIT_CANNOT_JUDGE if ids.issubset(_UNJUDGED) else EXIT_REFUSED


def _plan_commit(git: Git, ref: str) -> str:
    """The id of the commit that has the plan which binds.

    Raises:
        UnknownNameError: there is no such ref, or it has no plan.toml.
    """
    if not ref:
        return ""
    oid = commit_of(git, ref)
    if not oid or git.call("cat-file", "-e", f"{oid}:{PLAN_PATH}")[0]:
        problem = "has no plan.toml" if oid else "names no commit"
        raise UnknownNameError(Finding("git", f"--plan: {ref!r} {problem}", help="git branch --all"))
    return oid


class _Meter:
    """A progress bar on the terminal, for those who have waited for a while."""

    def __init__(self, git: Git, span: Span) -> None:
        self._git = git
        self._span = span
        self._next = time.monotonic() + _PATIENCE_S if sys.stderr.isatty() else float("inf")
        self._show: Callable[[int], None] | None = None
        self._stop: Callable[[], None] | None = None
        self.watch = self._watch if sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stop is not None:
            self._stop()

    def _watch(self, number: int) -> None:
        if number % 64 and self._show is None:
            return
        if time.monotonic() < self._next:
            return
        if self._show is None:
            self._show, self._stop = self._bar()
        self._show(number)
        self._next = time.monotonic() + 0.1

    def _bar(self) -> tuple[Callable[[int], None], Callable[[], None]]:
        from rich.console import Console  # noqa: PLC0415 - only for those who wait
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        options, revisions = revision_arguments([tip.oid for tip in self._span.tips], self._span.excluded)
        total = int(self._git.text("rev-list", "--count", *options, stdin=revisions))
        rate = TextColumn("{task.fields[rate]}")
        columns = (TextColumn("verify"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
        progress = Progress(*columns, console=Console(stderr=True), transient=True)
        task = progress.add_task("verify", total=total, rate="")
        progress.start()
        started = time.monotonic() - _PATIENCE_S

        def show(number: int) -> None:
            progress.update(task, completed=number, rate=f"{number / (time.monotonic() - started):.0f} commits/s")

        return show, progress.stop
