"""Commands that prove something: of a history, an installation, a whole plan."""

from __future__ import annotations

import os
from typing import Any

import click

from orchestrator import console
from orchestrator.cli.common import EXIT_REFUSED, answers, as_json_option, print_json
from orchestrator.core.finding import CannotJudgeError, printable


@click.command()
@click.argument("span", required=False, metavar="[RANGE]")
@click.option("--rerun", "run_again", is_flag=True, help="Run the gates of completed phases again, in clean checkouts.")
@click.option("-j", "--jobs", type=click.IntRange(min=0), help="Gates at once with --rerun; 0 = one per CPU.")
@click.option("--plan", "plan_ref", metavar="REF", help="Judge by the plan of this ref alone.")
@click.option("--title-env", metavar="NAME", help="The variable with a pull request's title, to be judged, too.")
@click.option("--format", "output", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@as_json_option
def verify(
    span: str | None,
    run_again: bool,
    jobs: int | None,
    plan_ref: str | None,
    title_env: str | None,
    output: str,
    as_json: bool,
) -> int:
    """Judge history from the commits alone: RANGE as main..HEAD; default: what the upstream does not have."""
    from orchestrator.app.verify import command, texts

    title = None
    if title_env is not None:
        title = os.environ.get(title_env, "").strip()
        if not title:
            raise click.BadParameter(f"the variable {title_env} is not set, or empty", param_hint="--title-env")
    if plan_ref is not None and not plan_ref.strip():
        raise click.BadParameter("the name of the ref is empty", param_hint="--plan")
    asked = command.Asked(span, plan_ref or "", title, run_again, jobs)
    try:
        report = command.verify(command.open_repository(), asked)
    except CannotJudgeError as error:
        if output == "github":  # without an annotation nobody would see why the job is red
            click.echo(texts.github_findings(error.findings), nl=False)
        raise
    click.echo(command.report_as("json" if as_json else output, report), nl=False)
    return command.exit_code(report)


@click.command()
@as_json_option
@answers
def doctor(repository: Any, as_json: bool) -> int:
    """Prove that the hooks block: plant violations in a throwaway clone, and tell which were caught."""
    from orchestrator.app import doctor as examination

    found = examination.examine(repository)
    if as_json:
        print_json(examination.diagnosis_data(found))
    else:
        from orchestrator import tables

        for note in found.notes:
            click.echo(printable(note), err=True)
        tables.show_diagnosis(found)
        click.echo(console.findings_text(found.mends()), nl=False)
    return 0 if found.is_sound else EXIT_REFUSED


@click.command()
@click.option(
    "--format",
    "output",
    type=click.Choice(["markdown", "html", "json"]),
    help="Default: by the ending of --output, else markdown.",
)
@click.option("-o", "--output", "path", type=click.Path(dir_okay=False), help="Write it to this file.")
@as_json_option
@answers
def report(repository: Any, output: str | None, path: str | None, as_json: bool) -> None:
    """What the plan at HEAD has come to: work, time, evidence, and what is left, computed from the repository."""
    from orchestrator.app.report.command import report_as, report_format, write_report

    text = report_as(report_format("json" if as_json else output, path), repository)
    if path is None:
        click.echo(text, nl=False)
    else:
        write_report(path, text)
        click.echo(f"wrote {printable(path)}")


@click.command()
@click.option("--check", "check_only", is_flag=True, help="Print the checklist and change nothing.")
@as_json_option
@answers
def finish(repository: Any, check_only: bool, as_json: bool) -> int:
    """Check everything that makes the plan a success, keep it with its report, and retire it in one commit."""
    from orchestrator.app.finish import command as use_case

    done = use_case.finish(repository, check_only=check_only)
    if as_json:
        print_json(use_case.finished_data(done))
    else:
        click.echo(use_case.finished_text(done), nl=False)
    return 0 if done.met else EXIT_REFUSED


@click.command()
@click.option("--keep", type=click.Path(file_okay=False), help="Keep the repository in this folder.")
def demo(keep: str | None) -> int:
    """Tell the whole story in a throwaway repository with real commits and real gates."""
    from pathlib import Path

    from orchestrator.app.demo import run_demo

    try:
        return run_demo(None if keep is None else Path(keep), click.echo)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--keep") from error
