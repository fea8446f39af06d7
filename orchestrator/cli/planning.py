"""Commands on the plan itself: what holds it up, and its security checklist."""

from __future__ import annotations

from typing import Any

import click

from orchestrator import console
from orchestrator.cli.common import EXIT_CANNOT_JUDGE, answers, as_json_option, counted, print_json
from orchestrator.core.finding import printable


@click.command()
@as_json_option
@answers
def lint(repository: Any, as_json: bool) -> int:
    """Check plan.toml of the work tree: everything wrong at once, and warnings."""
    from orchestrator.app.lint import lint as run_lint

    findings = run_lint(repository)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        print_json(
            {
                "errors": errors,
                "warnings": len(findings) - errors,
                "findings": [console.finding_data(f) for f in findings],
            }
        )
    else:
        click.echo(console.findings_text(findings), err=True, nl=False)
        click.echo(f"plan.toml: {counted(errors, 'error')}, {counted(len(findings) - errors, 'warning')}")
    return EXIT_CANNOT_JUDGE if errors else 0


@click.command()
def schema() -> None:
    """Print the JSON Schema of plan.toml."""
    from orchestrator.core.plan_file import schema_text

    click.echo(schema_text(), nl=False)


def _show_change(done: Any, as_json: bool) -> None:
    from orchestrator.app.plan_change import change_data

    if as_json:
        print_json(change_data(done))
        return
    for kind, name, what in done.items:
        click.echo(f"{kind} {name}: {what}")
    if done.note:
        click.echo(f"note: {done.note}", err=True)
    click.echo(f"next: {done.commit}" if done.commit else "nothing changes: the plan said so already")


blocks_option = click.option(
    "--blocks", multiple=True, metavar="PHASE", help="Keep this phase from starting; may be given several times."
)


@click.command()
@click.argument("text")
@blocks_option
@as_json_option
@answers
def ask(repository: Any, text: str, blocks: tuple[str, ...], as_json: bool) -> None:
    """Put a question into the plan; until it is answered, the phases that it blocks cannot start."""
    from orchestrator.app import plan_change

    _show_change(plan_change.hold(repository, "question", text, blocks), as_json)


@click.command()
@click.argument("question_id", metavar="ID")
@click.argument("text")
@as_json_option
@answers
def answer(repository: Any, question_id: str, text: str, as_json: bool) -> None:
    """Answer a question of the plan."""
    from orchestrator.app import plan_change

    _show_change(plan_change.settle_hold(repository, "question", question_id, text), as_json)


@click.command()
@click.argument("text")
@blocks_option
@as_json_option
@answers
def assume(repository: Any, text: str, blocks: tuple[str, ...], as_json: bool) -> None:
    """Put an assumption into the plan; until it is confirmed, the phases that it blocks cannot start."""
    from orchestrator.app import plan_change

    _show_change(plan_change.hold(repository, "assumption", text, blocks), as_json)


@click.command()
@click.argument("assumption_id", metavar="ID")
@click.argument("text", default="")
@as_json_option
@answers
def confirm(repository: Any, assumption_id: str, text: str, as_json: bool) -> None:
    """Confirm an assumption of the plan, with TEXT saying how it is known."""
    from orchestrator.app import plan_change

    _show_change(plan_change.settle_hold(repository, "assumption", assumption_id, text), as_json)


@click.command()
@click.argument("phases", nargs=-1, required=True, metavar="PHASE...")
@click.option("--why", required=True, metavar="TEXT", help="What is in the way.")
@as_json_option
@answers
def block(repository: Any, phases: tuple[str, ...], why: str, as_json: bool) -> None:
    """Put a blocker into the plan; until it is out of the way, the phases cannot start."""
    from orchestrator.app import plan_change

    _show_change(plan_change.hold(repository, "blocker", why, phases), as_json)


@click.command()
@click.argument("phase")
@click.option("--how", default="", metavar="TEXT", help="What took it out of the way.")
@as_json_option
@answers
def unblock(repository: Any, phase: str, how: str, as_json: bool) -> None:
    """Say that every blocker of the phase is out of the way."""
    from orchestrator.app import plan_change

    _show_change(plan_change.unblock(repository, phase, how), as_json)


@click.group()
def controls() -> None:
    """The security checklist: starter lists, what is open, and how it was resolved or waived."""


@controls.command("add")
@click.argument(
    "domains", nargs=-1, required=True, type=click.Choice(["web", "api", "auth"]), metavar="web|api|auth..."
)
@click.option("--phase", help="The phase that cannot be complete without them; default: the last one.")
@as_json_option
@answers
def controls_add(repository: Any, domains: tuple[str, ...], phase: str | None, as_json: bool) -> None:
    """Add a starter list after OWASP to the plan."""
    from orchestrator.app import plan_change

    _show_change(plan_change.add_controls(repository, domains, phase), as_json)


@controls.command("list")
@as_json_option
@answers
def controls_list(repository: Any, as_json: bool) -> None:
    """The controls of the plan, with what has become of each."""
    from orchestrator.app.standing import control_rows, read_standing

    rows: list[Any] = control_rows(read_standing(repository).settled)
    if as_json:
        print_json({"controls": rows})
        return
    for row in rows:
        reference = f" - {row['reference']}" if row["reference"] else ""
        click.echo(printable(f"{row['id']} of {row['phase']}: {row['text']}{reference} ({row['status']})"))
    if not rows:
        click.echo("the plan has no controls; a starter list: orchestrator controls add web|api|auth")


@controls.command("resolve")
@click.argument("control_id", metavar="ID")
@click.argument("how")
@as_json_option
@answers
def controls_resolve(repository: Any, control_id: str, how: str, as_json: bool) -> None:
    """Say by hand how a control is resolved."""
    from orchestrator.app import plan_change

    _show_change(plan_change.change_control(repository, control_id, "resolve", {"resolved": how}), as_json)


@controls.command("check")
@click.argument("control_id", metavar="ID")
@click.argument("command")
@as_json_option
@answers
def controls_check(repository: Any, control_id: str, command: str, as_json: bool) -> None:
    """Give a control a command that proves it, run and keyed like a gate."""
    from orchestrator.app import plan_change

    _show_change(plan_change.change_control(repository, control_id, "check", {"check": command}), as_json)


@controls.command("waive")
@click.argument("control_id", metavar="ID")
@click.option("--why", required=True, help="Why it is accepted as it is.")
@click.option("--who", required=True, help="Who accepts it.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Its last day, as 2026-12-31; then it is open."
)
@as_json_option
@answers
def controls_waive(repository: Any, control_id: str, why: str, who: str, until: Any, as_json: bool) -> None:
    """Accept a control as it is, for a reason, by somebody, and until a day."""
    from orchestrator.app import plan_change

    waiver = {"why": why, "who": who, **({"until": until.date()} if until else {})}
    _show_change(plan_change.change_control(repository, control_id, "waive", {"waiver": waiver}), as_json)
