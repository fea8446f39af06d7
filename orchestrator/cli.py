"""The commands: parse, call the use case, show its answer, exit. Results on stdout, diagnostics on stderr."""

from __future__ import annotations

import functools
import gc
import io
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator import console
from orchestrator.core.finding import CannotJudgeError, Finding, RefusedError, UnknownNameError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_COLLECT_AFTER = 100_000
EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_CANNOT_JUDGE = 3
EXIT_INTERRUPTED = 130

as_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON on stdout.")


def main() -> int:
    """The exit code: 0 fine, 1 refused or a gate failed, 2 wrong usage, 3 could not judge, 130 interrupted."""
    gc.set_threshold(_COLLECT_AFTER, 20, 20)  # next to all that a command makes is in use until it ends
    try:
        return _run()
    finally:
        gc.freeze()  # Python would look through all that there is once more before it ends


def _run() -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a tick shows its number
    try:
        code = commands.main(standalone_mode=False)
        sys.stdout.flush()  # what cannot be written has to be told while there is somebody to tell it
    except (click.Abort, KeyboardInterrupt):
        click.echo("\ninterrupted", err=True)
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CannotJudgeError as error:
        _fail(error.findings)
        codes = {UnknownNameError: EXIT_USAGE, RefusedError: EXIT_REFUSED}
        return codes.get(type(error), EXIT_CANNOT_JUDGE)
    except OSError as error:  # a full disk, a closed pipe, a file that may not be read
        _fail_on_system(error)
        return EXIT_CANNOT_JUDGE
    return code if isinstance(code, int) else 0


def _fail_on_system(error: OSError) -> None:
    """Tell on stderr what the system refused; standard output may be what it is about, so nothing more goes there."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python would try once more to write what is left
    where = f": {printable(os.fsdecode(error.filename))}" if isinstance(error.filename, str | bytes) else ""
    click.echo(f"error[git]: the system says: {error.strerror or error}{where}", err=True)


def _fail(findings: Sequence[Finding]) -> None:
    """Tell findings on stderr, and, where the command answers in JSON, on stdout as JSON, too."""
    said = " ".join(sys.argv[1:])
    wants_json = any(f" {option} " in f" {said} " for option in ("--json", "--format json", "--format=json"))
    click.echo(console.findings_text(findings), err=True, nl=False)
    if wants_json:
        _print_json({"findings": [console.finding_data(finding) for finding in findings]})


def _print_json(data: object) -> None:
    import json

    click.echo(json.dumps(data, indent=2))


def _answers(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give the command its repository as first argument."""

    @functools.wraps(function)
    def wrapper(**arguments: Any) -> int | None:
        from orchestrator.app.workplace import open_workplace

        return function(open_workplace(bare_too=bool(arguments.get("native"))), **arguments)

    return wrapper


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="git-orchestrator")
def commands() -> None:
    """Make a phased plan binding: order, gates, to-do file and commit messages, enforced by Git hooks."""


@commands.command()
@click.option("--from", "source", type=click.Path(dir_okay=False), help="Take this plan.")
@click.option("--hooks", type=click.Choice(["pre-commit", "native", "none"]), default="pre-commit", show_default=True)
@click.option("--repo", "repo_url", help="Where hook runners get the tool from (URL or path).")
@click.option("--rev", help="The tag of it to use.")
@as_json_option
@_answers
def init(repository: Any, source: str | None, hooks: str, repo_url: str | None, rev: str | None, as_json: bool) -> None:
    """Write and stage plan.toml, PLAN.md and plan.lock; add and install the hooks."""
    from pathlib import Path

    from orchestrator.app import setup

    done = setup.init(repository, None if source is None else Path(source), hooks, repo_url, rev)
    adopt = "git commit -m 'feat: [plan] adopt'"
    if source is None:
        adopt = f"edit plan.toml, then: orchestrator lint && git add plan.toml && {adopt}"
    _show_setup(done, as_json, f"next: {adopt}")


def _show_setup(done: Any, as_json: bool, last: str) -> None:
    if as_json:
        _print_json({"written": list(done.written), "notes": list(done.notes)})
        return
    for path in done.written:
        click.echo(f"wrote {printable(path)}")
    for note in done.notes:
        for line in note.splitlines():
            click.echo(printable(line))
    if last:
        click.echo(last)


@commands.command()
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
@_answers
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


@commands.command()
@click.option("--native", is_flag=True, help="Take Git's own hooks out again and put back what was there.")
@as_json_option
@_answers
def uninstall(repository: Any, native: bool, as_json: bool) -> None:
    """Take the hooks out again."""
    from orchestrator.app import setup

    done = setup.uninstall(repository, native=native)
    if as_json:
        _print_json({"removed": list(done.written), "notes": list(done.notes)})
        return
    for path in done.written:
        click.echo(f"{'removed' if native else 'took our entry out of'} {printable(path)}")
    for note in done.notes:
        click.echo(printable(note))


@commands.command()
@as_json_option
@_answers
def lint(repository: Any, as_json: bool) -> int:
    """Check plan.toml of the work tree: everything wrong at once, and warnings."""
    from orchestrator.app.lint import lint as run_lint

    findings = run_lint(repository)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        _print_json(
            {
                "errors": errors,
                "warnings": len(findings) - errors,
                "findings": [console.finding_data(f) for f in findings],
            }
        )
    else:
        click.echo(console.findings_text(findings), err=True, nl=False)
        click.echo(f"plan.toml: {_counted(errors, 'error')}, {_counted(len(findings) - errors, 'warning')}")
    return EXIT_CANNOT_JUDGE if errors else 0


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@commands.command()
def schema() -> None:
    """Print the JSON Schema of plan.toml."""
    from orchestrator.core.plan_file import schema_text

    click.echo(schema_text(), nl=False)


@commands.command()
@as_json_option
@_answers
def status(repository: Any, as_json: bool) -> None:
    """Where things stand, with what is staged, and why."""
    from orchestrator.app import standing

    found = standing.read_standing(repository)
    if as_json:
        _print_json(standing.standing_data(found))
    else:
        from orchestrator import tables

        tables.show_standing(found)


@commands.command(name="next")
@as_json_option
@_answers
def next_(repository: Any, as_json: bool) -> None:
    """What can be worked on now."""
    from orchestrator.app import standing

    found = standing.read_standing(repository)
    steps = standing.next_steps(found)
    if as_json:
        _print_json({"steps": [{"phase": step.phase_id, "what": step.what, "how": step.how} for step in steps]})
        return
    phase_id = ""
    for step in steps:
        if step.phase_id != phase_id:
            phase_id = step.phase_id
            phase = found.settled.plan.phase(phase_id)
            click.echo(f"Phase {phase.number}: {printable(phase.title)}")
        click.echo(f"  {printable(step.what)}" + (f"   {printable(step.how)}" if step.how else ""))
    if not steps:
        click.echo("nothing: all phases are complete")


def _mark_command(name: str, mark: str, text: str) -> None:
    @commands.command(name=name, help=text)
    @click.argument("ids", nargs=-1, required=True, metavar="ID...")
    @as_json_option
    @_answers
    def command(repository: Any, ids: tuple[str, ...], as_json: bool) -> None:
        from orchestrator.app.marks import set_marks

        marked = set_marks(repository, ids, mark)
        if as_json:
            tasks = [{"id": task.id, "title": task.title, "before": was, "now": now} for task, was, now in marked.tasks]
            _print_json({"tasks": tasks, "findings": [console.finding_data(f) for f in marked.warnings]})
            return
        for task, was, now in marked.tasks:
            same = " (as before)" if was == now else ""
            click.echo(f"task {task.id} is {now}{same}: {printable(task.title)}")
        click.echo(console.findings_text(marked.warnings), err=True, nl=False)


_mark_command("done", "done", "Tick tasks and stage PLAN.md.")
_mark_command("start", "in progress", "Mark tasks as in progress and stage PLAN.md.")
_mark_command("reopen", "open", "Untick tasks and stage PLAN.md.")


def _show_change(done: Any, as_json: bool) -> None:
    from orchestrator.app.plan_change import change_data

    if as_json:
        _print_json(change_data(done))
        return
    for kind, name, what in done.items:
        click.echo(f"{kind} {name}: {what}")
    click.echo(f"next: {done.commit}")


blocks_option = click.option(
    "--blocks", multiple=True, metavar="PHASE", help="Keep this phase from starting; may be given several times."
)


@commands.command()
@click.argument("text")
@blocks_option
@as_json_option
@_answers
def ask(repository: Any, text: str, blocks: tuple[str, ...], as_json: bool) -> None:
    """Put a question into the plan; until it is answered, the phases that it blocks cannot start."""
    from orchestrator.app import plan_change

    _show_change(plan_change.hold(repository, "question", text, blocks), as_json)


@commands.command()
@click.argument("question_id", metavar="ID")
@click.argument("text")
@as_json_option
@_answers
def answer(repository: Any, question_id: str, text: str, as_json: bool) -> None:
    """Answer a question of the plan."""
    from orchestrator.app import plan_change

    _show_change(plan_change.settle_hold(repository, "question", question_id, text), as_json)


@commands.command()
@click.argument("text")
@blocks_option
@as_json_option
@_answers
def assume(repository: Any, text: str, blocks: tuple[str, ...], as_json: bool) -> None:
    """Put an assumption into the plan; until it is confirmed, the phases that it blocks cannot start."""
    from orchestrator.app import plan_change

    _show_change(plan_change.hold(repository, "assumption", text, blocks), as_json)


@commands.command()
@click.argument("assumption_id", metavar="ID")
@click.argument("text", default="")
@as_json_option
@_answers
def confirm(repository: Any, assumption_id: str, text: str, as_json: bool) -> None:
    """Confirm an assumption of the plan, with TEXT saying how it is known."""
    from orchestrator.app import plan_change

    _show_change(plan_change.settle_hold(repository, "assumption", assumption_id, text), as_json)


@commands.command()
@click.argument("phases", nargs=-1, required=True, metavar="PHASE...")
@click.option("--why", required=True, metavar="TEXT", help="What is in the way.")
@as_json_option
@_answers
def block(repository: Any, phases: tuple[str, ...], why: str, as_json: bool) -> None:
    """Put a blocker into the plan; until it is out of the way, the phases cannot start."""
    from orchestrator.app import plan_change

    _show_change(plan_change.hold(repository, "blocker", why, phases), as_json)


@commands.command()
@click.argument("phase")
@click.option("--how", default="", metavar="TEXT", help="What took it out of the way.")
@as_json_option
@_answers
def unblock(repository: Any, phase: str, how: str, as_json: bool) -> None:
    """Say that every blocker of the phase is out of the way."""
    from orchestrator.app import plan_change

    _show_change(plan_change.unblock(repository, phase, how), as_json)


@commands.group()
def controls() -> None:
    """The security checklist: starter lists, what is open, and how it was resolved or waived."""


@controls.command("add")
@click.argument(
    "domains", nargs=-1, required=True, type=click.Choice(["web", "api", "auth"]), metavar="web|api|auth..."
)
@click.option("--phase", help="The phase that cannot be complete without them; default: the last one.")
@as_json_option
@_answers
def controls_add(repository: Any, domains: tuple[str, ...], phase: str | None, as_json: bool) -> None:
    """Add a starter list after OWASP to the plan."""
    from orchestrator.app import plan_change

    _show_change(plan_change.add_controls(repository, domains, phase), as_json)


@controls.command("list")
@as_json_option
@_answers
def controls_list(repository: Any, as_json: bool) -> None:
    """The controls of the plan, with what has become of each."""
    from orchestrator.app.standing import control_rows, read_standing

    rows: list[Any] = control_rows(read_standing(repository).settled)
    if as_json:
        _print_json({"controls": rows})
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
@_answers
def controls_resolve(repository: Any, control_id: str, how: str, as_json: bool) -> None:
    """Say by hand how a control is resolved."""
    from orchestrator.app import plan_change

    _show_change(plan_change.change_control(repository, control_id, "resolve", {"resolved": how}), as_json)


@controls.command("check")
@click.argument("control_id", metavar="ID")
@click.argument("command")
@as_json_option
@_answers
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
@_answers
def controls_waive(repository: Any, control_id: str, why: str, who: str, until: Any, as_json: bool) -> None:
    """Accept a control as it is, for a reason, by somebody, and until a day."""
    from orchestrator.app import plan_change

    waiver = {"why": why, "who": who, **({"until": until.date()} if until else {})}
    _show_change(plan_change.change_control(repository, control_id, "waive", {"waiver": waiver}), as_json)


@commands.command()
@click.option("-m", "--message", "subject", required=True, help="What the commit does.")
@click.option("--phase", help="Id, title or number; default: the phase that the staged work belongs to.")
@click.option("--done", "done_ids", multiple=True, metavar="ID", help="Tick this task in the same commit.")
@click.option(
    "--exception", metavar="REASON", help="Free it from form, order by files and mixed phases; stays on record."
)
@_answers
def commit(repository: Any, subject: str, phase: str | None, done_ids: tuple[str, ...], exception: str | None) -> int:
    """Compose "feat: [phase] SUBJECT" and commit what is staged."""
    from orchestrator.app.compose import compose_and_commit

    return compose_and_commit(repository, subject, phase, done_ids, exception)


@commands.command()
@click.argument("phases", nargs=-1, metavar="[PHASE]...")
@click.option("--all", "everything", is_flag=True, help="Gates of every phase, locked ones included.")
@click.option("--force", is_flag=True, help="Also what has passed on this content before.")
@click.option("-j", "--jobs", type=click.IntRange(min=0), help="Gates at once; 0 = one per CPU.")
@as_json_option
@_answers
def validate(
    repository: Any, phases: tuple[str, ...], everything: bool, force: bool, jobs: int | None, as_json: bool
) -> int:
    """Run the gates that are due on what is staged; stage PLAN.md and plan.lock."""
    from orchestrator.app.validate import validate as run_validate

    found = run_validate(repository, phases, everything=everything, force=force, jobs=jobs)
    if as_json:
        lines = [
            {
                "phase": line.phase.id,
                "gate": line.gate.name,
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
        _print_json({"gates": lines, "findings": [console.finding_data(f) for f in found.findings]})
    else:
        for line in found.gates:
            click.echo(printable(_validated_text(line)))
        if not found.gates:
            click.echo("there is no gate to run")
    click.echo(console.findings_text(found.findings), err=True, nl=False)
    return EXIT_REFUSED if found.findings else 0


def _validated_text(line: Any) -> str:
    name = f"{line.phase.id}: {line.gate.name}"
    if line.result is None:
        return f"{name}: not run: {line.why}"
    return f"{name}: {line.result.outcome()}: {line.why}"


@commands.command()
@as_json_option
@_answers
def sync(repository: Any, as_json: bool) -> None:
    """Rewrite and stage PLAN.md and plan.lock, also out of a merge conflict."""
    from orchestrator.app.sync import sync as run_sync

    done = run_sync(repository)
    if as_json:
        _print_json({"written": list(done.written), "how": done.how})
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


@commands.command()
@as_json_option
@_answers
def doctor(repository: Any, as_json: bool) -> int:
    """Prove that the hooks block: plant violations in a throwaway clone, and tell which were caught."""
    from orchestrator.app import doctor as examination

    found = examination.examine(repository)
    if as_json:
        _print_json(examination.diagnosis_data(found))
    else:
        from orchestrator import tables

        for note in found.notes:
            click.echo(printable(note), err=True)
        tables.show_diagnosis(found)
        click.echo(console.findings_text(found.mends()), nl=False)
    return 0 if found.is_sound else EXIT_REFUSED


@commands.command()
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


@commands.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--format", "format_name", default="", help="The format, where it is not seen by itself.")
@click.option("--tag", default="", help="Of task-master: which tag to take.  [default: master]")
@click.option("--dry-run", is_flag=True, help="Write nothing: the plan goes to stdout, the report to stderr.")
@as_json_option
@_answers
def import_(repository: Any, files: tuple[str, ...], format_name: str, tag: str, dry_run: bool, as_json: bool) -> None:
    """Bring a breakdown in as plan.toml and PLAN.md: the method's, spec-kit's, task-master's, OpenSpec's, Backlog.md's,
    beads', or a plain list with boxes. A folder stands for the Markdown files in it."""  # noqa: D205, D209
    from orchestrator.app.import_plan import import_plan, imported_data, imported_text

    done = import_plan(repository, files, format_name=format_name, tag=tag, dry_run=dry_run)
    if as_json:
        _print_json(imported_data(done))
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


@commands.command()
@click.option(
    "--format",
    "output",
    type=click.Choice(["markdown", "json"]),
    help="Default: by the ending of --output, else markdown.",
)
@click.option("-o", "--output", "path", type=click.Path(dir_okay=False), help="Write it to this file.")
@as_json_option
@_answers
def report(repository: Any, output: str | None, path: str | None, as_json: bool) -> None:
    """What the plan at HEAD has come to: work, time, evidence, and what is left, computed from the repository."""
    from orchestrator.app.report.command import report_as, report_format, write_report

    text = report_as(report_format("json" if as_json else output, path), repository)
    if path is None:
        click.echo(text, nl=False)
    else:
        write_report(path, text)
        click.echo(f"wrote {printable(path)}")


@commands.command()
@click.option("--check", "check_only", is_flag=True, help="Print the checklist and change nothing.")
@as_json_option
@_answers
def finish(repository: Any, check_only: bool, as_json: bool) -> int:
    """Check everything that makes the plan a success, keep it with its report, and retire it in one commit."""
    from orchestrator.app import finish as use_case

    done = use_case.finish(repository, check_only=check_only)
    if as_json:
        _print_json(use_case.finished_data(done))
    else:
        click.echo(use_case.finished_text(done), nl=False)
    return 0 if done.met else EXIT_REFUSED


@commands.command()
@click.option("--keep", type=click.Path(file_okay=False), help="Keep the repository in this folder.")
def demo(keep: str | None) -> int:
    """Tell the whole story in a throwaway repository with real commits and real gates."""
    from pathlib import Path

    from orchestrator.app.demo import run_demo

    try:
        return run_demo(None if keep is None else Path(keep), click.echo)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--keep") from error


if __name__ == "__main__":
    sys.exit(main())
