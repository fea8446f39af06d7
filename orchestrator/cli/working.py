"""Commands of everyday work: where things stand, ticks, commits, gates."""

from __future__ import annotations

from typing import Any

import click

from orchestrator import console
from orchestrator.cli.common import EXIT_REFUSED, answers, as_json_option, print_json
from orchestrator.core.finding import printable


@click.command()
@as_json_option
@answers
def status(repository: Any, as_json: bool) -> None:
    """Where things stand, with what is staged, and why."""
    from orchestrator.app import standing

    found = standing.read_standing(repository)
    if as_json:
        print_json(standing.standing_data(found))
    else:
        from orchestrator import tables

        tables.show_standing(found)


@click.command(name="next")
@as_json_option
@answers
def next_(repository: Any, as_json: bool) -> None:
    """What can be worked on now."""
    from orchestrator.app import standing

    found = standing.read_standing(repository)
    steps = standing.next_steps(found)
    if as_json:
        print_json({"steps": [{"phase": step.phase_id, "what": step.what, "how": step.how} for step in steps]})
        return
    phase_id = None
    for step in steps:
        if step.phase_id != phase_id:
            phase_id = step.phase_id
            phase = found.settled.plan.phase(phase_id) if phase_id else None
            click.echo(f"Phase {phase.number}: {printable(phase.title)}" if phase else "The whole feature")
        click.echo(f"  {printable(step.what)}" + (f"   {printable(step.how)}" if step.how else ""))
    if not steps:
        click.echo("nothing: all phases are complete")


def _mark_command(name: str, mark: str, text: str) -> click.Command:
    @click.command(name=name, help=text)
    @click.argument("ids", nargs=-1, required=True, metavar="ID...")
    @as_json_option
    @answers
    def command(repository: Any, ids: tuple[str, ...], as_json: bool) -> None:
        from orchestrator.app.marks import set_marks

        marked = set_marks(repository, ids, mark)
        if as_json:
            tasks = [{"id": task.id, "title": task.title, "before": was, "now": now} for task, was, now in marked.tasks]
            print_json({"tasks": tasks, "findings": [console.finding_data(f) for f in marked.warnings]})
            return
        for task, was, now in marked.tasks:
            same = " (as before)" if was == now else ""
            click.echo(f"task {task.id} is {now}{same}: {printable(task.title)}")
        click.echo(console.findings_text(marked.warnings), err=True, nl=False)

    found: click.Command = command
    return found


done = _mark_command("done", "done", "Tick tasks and stage PLAN.md.")
start = _mark_command("start", "in progress", "Mark tasks as in progress and stage PLAN.md.")
reopen = _mark_command("reopen", "open", "Untick tasks and stage PLAN.md.")


@click.command()
@click.option("-m", "--message", "subject", required=True, help="What the commit does.")
@click.option("--phase", help="Id, title or number; default: the phase that the staged work belongs to.")
@click.option("--done", "done_ids", multiple=True, metavar="ID", help="Tick this task in the same commit.")
@click.option(
    "--exception", metavar="REASON", help="Free it from form, order by files and mixed phases; stays on record."
)
@answers
def commit(repository: Any, subject: str, phase: str | None, done_ids: tuple[str, ...], exception: str | None) -> int:
    """Compose "feat: [phase] SUBJECT" and commit what is staged."""
    from orchestrator.app.compose import compose_and_commit

    return compose_and_commit(repository, subject, phase, done_ids, exception)


@click.command()
@click.argument("phases", nargs=-1, metavar="[PHASE]...")
@click.option("--all", "everything", is_flag=True, help="Gates of every phase, locked ones included.")
@click.option("--force", is_flag=True, help="Also what has passed on this content before.")
@click.option("-j", "--jobs", type=click.IntRange(min=0), help="Gates at once; 0 = one per CPU.")
@as_json_option
@answers
def validate(
    repository: Any, phases: tuple[str, ...], everything: bool, force: bool, jobs: int | None, as_json: bool
) -> int:
    """Run the gates that are due on what is staged; stage PLAN.md and plan.lock."""
    from orchestrator.app.validate import validate as run_validate

    found = run_validate(repository, phases, everything=everything, force=force, jobs=jobs)
    if as_json:
        lines = [
            {
                "phase": line.phase_id,
                "gate": line.gate,
                "passed": line.passed,
                "why": line.why,
                "run": None
                if line.result is None
                else {
                    "status": line.result.status,
                    "reason": line.result.reason,
                    "seconds": line.result.seconds,
                    "tests": line.result.tests,
                    "coverage": line.result.coverage,
                },
            }
            for line in found.gates
        ]
        told = [console.finding_data(f) for f in (*found.warnings, *found.findings)]
        print_json({"gates": lines, "findings": told})
    else:
        for line in found.gates:
            click.echo(printable(_validated_text(line)))
        if not found.gates:
            click.echo("there is no gate to run")
    click.echo(console.findings_text((*found.warnings, *found.findings)), err=True, nl=False)
    return EXIT_REFUSED if found.findings else 0


def _validated_text(line: Any) -> str:
    name = f"{line.phase_id}: {line.gate}"
    if line.result is None:
        return f"{name}: not run: {line.why}"
    return f"{name}: {line.result.outcome()}: {line.why}"


@click.command()
@as_json_option
@answers
def sync(repository: Any, as_json: bool) -> None:
    """Rewrite and stage PLAN.md and plan.lock, also out of a merge conflict."""
    from orchestrator.app.sync import sync as run_sync

    done = run_sync(repository)
    if as_json:
        told = [console.finding_data(f) for f in done.warnings]
        print_json({"written": list(done.written), "how": done.how, "findings": told})
    elif done.how == "only in the work tree":
        click.echo("rewrote PLAN.md in the work tree; what is staged was in order")
    elif not done.written:
        click.echo("PLAN.md and plan.lock are up to date")
    else:
        click.echo(
            f"rewrote and staged {' and '.join(done.written)}" + ("" if done.how == "as it is" else f" ({done.how})")
        )
        if done.how != "as it is":
            click.echo("next: orchestrator validate, so that the gates have passes of what is staged now")
    click.echo(console.findings_text(done.warnings), err=True, nl=False)
