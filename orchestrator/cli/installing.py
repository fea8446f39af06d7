"""Commands that bring plan and hooks into a repository."""

from __future__ import annotations

from typing import Any

import click

from orchestrator.cli.common import answers, as_json_option, print_json
from orchestrator.core.finding import printable


def _show_setup(done: Any, as_json: bool, last: str) -> None:
    if as_json:
        print_json({"written": list(done.written), "notes": list(done.notes)})
        return
    for path in done.written:
        click.echo(f"wrote {printable(path)}")
    for note in done.notes:
        for line in note.splitlines():
            click.echo(printable(line))
    if last:
        click.echo(last)


@click.command()
@click.option("--from", "source", type=click.Path(dir_okay=False), help="Take this plan.")
@click.option("--hooks", type=click.Choice(["pre-commit", "native", "none"]), default="pre-commit", show_default=True)
@click.option("--repo", "repo_url", help="Where hook runners get the tool from (URL or path).")
@click.option("--rev", help="The tag of it to use.")
@as_json_option
@answers
def init(repository: Any, source: str | None, hooks: str, repo_url: str | None, rev: str | None, as_json: bool) -> None:
    """Write and stage plan.toml, PLAN.md and plan.lock; add and install the hooks."""
    from pathlib import Path

    from orchestrator.app import setup

    done = setup.init(repository, None if source is None else Path(source), hooks, repo_url, rev)
    adopt = "git commit -m 'feat: [plan] adopt'"
    if source is None:
        adopt = f"edit plan.toml, then: orchestrator lint && git add plan.toml && {adopt}"
    _show_setup(done, as_json, f"next: {adopt}")


@click.command()
@click.option(
    "--native", is_flag=True, help="Git's own hooks instead of a hook runner's; keeps and chains what is there."
)
@click.option(
    "--with",
    "more",
    multiple=True,
    type=click.Choice(["prepare-commit-msg", "post-commit"]),
    help="With --native: this hook, too; may be given twice.",
)
@click.option("--repo", "repo_url", help="Where hook runners get the tool from (URL or path).")
@click.option("--rev", help="The tag of it to use.")
@as_json_option
@answers
def install(
    repository: Any, native: bool, more: tuple[str, ...], repo_url: str | None, rev: str | None, as_json: bool
) -> None:
    """Install the hooks in this clone."""
    from orchestrator.app import setup

    if more and not native:
        raise click.UsageError("--with goes with --native; for a hook runner add the ids to its configuration")
    _show_setup(
        setup.install(repository, native_hooks=native, more_stages=more, repo_url=repo_url, rev=rev), as_json, ""
    )


@click.command()
@click.option("--native", is_flag=True, help="Take Git's own hooks out again and put back what was there.")
@as_json_option
@answers
def uninstall(repository: Any, native: bool, as_json: bool) -> None:
    """Take the hooks out again."""
    from orchestrator.app import setup

    done = setup.uninstall(repository, native=native)
    if as_json:
        print_json({"removed": list(done.written), "notes": list(done.notes)})
        return
    for path in done.written:
        click.echo(f"{'removed' if native else 'took our entry out of'} {printable(path)}")
    for note in done.notes:
        click.echo(printable(note))


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--format", "format_name", default="", help="The format, where it is not seen by itself.")
@click.option("--tag", default="", help="Of task-master: which tag to take.  [default: master]")
@click.option("--dry-run", is_flag=True, help="Write nothing: the plan goes to stdout, the report to stderr.")
@as_json_option
@answers
def import_(repository: Any, files: tuple[str, ...], format_name: str, tag: str, dry_run: bool, as_json: bool) -> None:
    """Bring a breakdown in as plan.toml and PLAN.md: the method's, spec-kit's, task-master's, OpenSpec's, Backlog.md's,
    beads', or a plain list with boxes. A folder stands for the Markdown files in it."""  # noqa: D205, D209
    from orchestrator.app.import_plan import import_plan, imported_data, imported_text

    done = import_plan(repository, files, format_name=format_name, tag=tag, dry_run=dry_run)
    if as_json:
        print_json(imported_data(done))
        return
    if dry_run:
        click.echo(done.text, nl=False)
    else:
        for path in done.written:
            click.echo(f"wrote {path}")
    click.echo(imported_text(done), err=dry_run, nl=False)
    if not dry_run:
        said = "orchestrator lint && git add plan.toml && git commit -m 'feat: [plan] adopt' && orchestrator install"
        click.echo(f"next: add gates to plan.toml, then: {said}")
