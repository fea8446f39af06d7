"""The commands: parse, call the use case, show its answer, exit. Results on stdout, diagnostics on stderr."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import TYPE_CHECKING

import click

from orchestrator import console
from orchestrator.cli import installing, judging, planning, working
from orchestrator.cli.common import EXIT_CANNOT_JUDGE, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_USAGE, print_json
from orchestrator.core.finding import CannotJudgeError, Finding, RefusedError, UnknownNameError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLLECT_AFTER = 100_000


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
        print_json({"findings": [console.finding_data(finding) for finding in findings]})


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="git-orchestrator")
def commands() -> None:
    """Make a phased plan binding: order, gates, to-do file and commit messages, enforced by Git hooks."""


for command in (
    *(installing.init, installing.import_, installing.install, installing.uninstall),
    *(planning.lint, planning.schema, planning.ask, planning.answer, planning.block, planning.unblock),
    *(planning.assume, planning.confirm, planning.controls),
    *(working.status, working.next_, working.done, working.start, working.reopen),
    *(working.commit, working.validate, working.sync),
    *(judging.verify, judging.report, judging.finish, judging.doctor, judging.demo),
):
    commands.add_command(command)
