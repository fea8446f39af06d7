"""JSON taken apart without losing what it says: numbers as written, repeated keys, and the line of each object."""

from __future__ import annotations

import json
import re
from typing import Any

# Only strings hide braces; both alternatives of a character are told apart by it, so there is nothing to try twice.
_STRING_OR_BRACE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}]')


class Number(str):
    """A number as it is written: 1.10 is another id than 1.1, and no length of digits is too much."""

    __slots__ = ()


class Table(dict[str, Any]):
    """An object with the keys that stand in it more than once (the last counts) and its line, from 1."""

    __slots__ = ("line", "repeated")

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.line = 0
        self.repeated: tuple[str, ...] = ()
        if len(self) != len(pairs):
            seen: set[str] = set()
            self.repeated = tuple(dict.fromkeys([k for k, _ in pairs if k in seen or seen.add(k)]))  # type: ignore[func-returns-value]


def decode(text: str) -> tuple[object, list[Table]]:
    """The value of the text, and all objects in it in the order in which they end.

    Raises:
        ValueError: it is no JSON; mostly a JSONDecodeError, which knows the line.
        RecursionError: it is nested too deep.
    """
    tables: list[Table] = []

    def keep(pairs: list[tuple[str, Any]]) -> Table:
        table = Table(pairs)
        tables.append(table)
        return table

    value = json.loads(
        text.removeprefix("\ufeff"), object_pairs_hook=keep, parse_int=Number, parse_float=Number
    )  # fmt: skip
    return value, tables


def number_lines(text: str, tables: list[Table]) -> None:
    """Give each object of a text that ``decode`` has read its line."""
    open_lines: list[int] = []
    ended: list[int] = []
    line, counted = 1, 0
    for found in _STRING_OR_BRACE.finditer(text):
        token = found[0]
        if token == "{":
            at = found.start()
            line += text.count("\n", counted, at)
            counted = at
            open_lines.append(line)
        elif token == "}":
            ended.append(open_lines.pop())
    for table, start in zip(tables, ended, strict=True):
        table.line = start


def broken(error: Exception) -> tuple[int, str]:
    """The line on which the text stops being JSON, 0 if that is not known, and what is wrong."""
    if isinstance(error, json.JSONDecodeError):
        return error.lineno, f"this is no JSON: {error.msg} (column {error.colno})"
    if isinstance(error, RecursionError):
        return 0, "the JSON is nested too deep to be read"
    return 0, "this is no JSON"


def word(value: object) -> str:
    """The text of a string or a number without blanks around it; "" for anything else."""
    return value.strip() if isinstance(value, str) else ""


def as_written(value: object) -> str:
    """The value for a message."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "..."
