"""Where in a TOML text each key stands; tomli, which has accepted the text before, does not tell."""

from __future__ import annotations

import re
from itertools import chain

import tomli

KeyPath = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n=.,]"
    r"|[^\s\[\]{}\"'#=.,]+"
    r"|[^\S\n]+",
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of each table header and key of a valid TOML text, under its path.

    Elements of an array of tables have their index in the path: ``("phase", 0, "task", 2, "title")``. What stands
    inside inline arrays and tables is not listed; ask ``line_of`` for the nearest place above.
    """
    return _read(text)[0]


def key_spans(text: str) -> dict[KeyPath, tuple[int, int]]:
    """The first and the last line (from 1) of each key with its value, under its path; headers are not among them."""
    return _read(text)[1]


def _read(text: str) -> tuple[dict[KeyPath, int], dict[KeyPath, tuple[int, int]]]:
    lines: dict[KeyPath, int] = {}
    spans: dict[KeyPath, tuple[int, int]] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    line = 1
    statement: list[str] = []
    depth = 0
    start = 1
    in_value = False
    for match in chain(_TOKEN.finditer(text), (None,)):
        token = match.group() if match else "\n"
        if token == "\n" and depth == 0:
            if statement:
                path = _record(statement, start, table, lines, counts)
                if statement[0] == "[":
                    table = path
                else:
                    spans[path] = (start, line)
            statement, in_value = [], False
        elif in_value or (statement and statement[0] == "["):
            if in_value:
                depth += (token in "[{") - (token in "]}")
            else:
                statement.append(token)
        elif token[0] not in "# \t\r\n":
            start = start if statement else line
            statement.append(token)
            in_value = token == "="
        line += token.count("\n")
    return lines, spans


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of the path, or of the nearest key or table above it; 0 if there is none."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def _record(
    statement: list[str], line: int, table: KeyPath, lines: dict[KeyPath, int], counts: dict[KeyPath, int]
) -> KeyPath:
    """Enter one header or key; returns its path."""
    names = [_unquoted(token) for token in statement if token.strip() and token not in "[].=" and token[0] != "#"]
    is_header = statement[0] == "["
    path: KeyPath = () if is_header else table
    for position, name in enumerate(names):
        path = (*path, name)
        is_new_element = is_header and statement[1:2] == ["["] and position == len(names) - 1
        if is_new_element:
            counts[path] = counts.get(path, -1) + 1
            lines.setdefault(path, line)
        if path in counts:
            path = (*path, counts[path])
        lines.setdefault(path, line)
    return path


def _unquoted(token: str) -> str:
    if token[0] == '"':
        return next(iter(tomli.loads(f"{token} = 0")))
    return token[1:-1] if token[0] == "'" else token
