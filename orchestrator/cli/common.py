"""What the commands share: their repository, their answers as JSON, their exit codes."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_CANNOT_JUDGE = 3
EXIT_INTERRUPTED = 130

as_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON on stdout.")


def print_json(data: object) -> None:
    """Print the answer as JSON on standard output."""
    click.echo(json.dumps(data, indent=2))


def answers(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give the command its repository as first argument."""

    @functools.wraps(function)
    def wrapper(**arguments: Any) -> int | None:
        from orchestrator.app.workplace import open_workplace

        return function(open_workplace(bare_too=bool(arguments.get("native"))), **arguments)

    return wrapper


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
