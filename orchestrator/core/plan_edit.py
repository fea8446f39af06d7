"""Changes of plan.toml that leave everything else in it as its author wrote it, comments and spacing included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomli
import tomlkit
from tomlkit.exceptions import TOMLKitError

from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.plan import PLAN_PATH
from orchestrator.core.toml_lines import key_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orchestrator.core.toml_lines import KeyPath


def add_tables(data: bytes, kind: str, tables: Sequence[Mapping[str, Any]]) -> bytes:
    """The plan with these tables at the end of the array ``[[kind]]``.

    Raises:
        CannotJudgeError: a command cannot add to the array as it is written.
    """

    def change(text: str) -> str:
        added = "".join([f"\n[[{kind}]]\n{tomlkit.dumps(table)}" for table in tables])
        return text + ("" if not text or text.endswith("\n") else "\n") + added

    def expected(tree: dict[str, Any]) -> None:
        tree.setdefault(kind, []).extend([dict(table) for table in tables])

    return _changed(data, change, expected, f"add to [[{kind}]]")


def set_keys(data: bytes, kind: str, values: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The plan with these values (key -> value, by id of the table) in tables of the array ``[[kind]]``.

    Raises:
        CannotJudgeError: there is no table of one of the ids, or a command cannot change the array as it is written.
    """

    def change(text: str) -> str:
        ids = [table.get("id") for table in tomli.loads(text)[kind]]
        for table_id, keys in values.items():
            for key, value in keys.items():
                text = _with_key(text, (kind, ids.index(table_id)), key, value)
        return text

    def expected(tree: dict[str, Any]) -> None:
        tables = {table.get("id"): table for table in tree.get(kind, ())}
        for table_id, keys in values.items():
            tables[table_id].update(keys)

    return _changed(data, change, expected, f"change [[{kind}]] {' '.join(values)}")


def _with_key(text: str, table: KeyPath, key: str, value: Any) -> str:
    """The text with the key in that table: in the place of its old value, or below the table's last key."""
    spans = key_spans(text)
    lines = text.split("\n")
    if (*table, key) in spans:
        first, last = spans[*table, key]
        statement = tomlkit.parse("\n".join(lines[first - 1 : last]))
        statement[key] = _written(value)
        lines[first - 1 : last] = tomlkit.dumps(statement).split("\n")
    else:
        end = max([last for path, (_, last) in spans.items() if path[:-1] == table])
        lines.insert(end, tomlkit.dumps({key: _written(value)}).rstrip("\n"))
    return "\n".join(lines)


def _written(value: Any) -> Any:
    """The value as it stands in one line."""
    if not isinstance(value, dict):
        return value
    table = tomlkit.inline_table()
    table.update(value)
    return table


def next_id(prefix: str, plans: Iterable[bytes], kind: str) -> str:
    """The first id of that prefix and a number above all that the array ``[[kind]]`` has in one of the plans."""
    numbers = [0]
    for data in plans:
        for table in tomli.loads(data.decode().removeprefix("\ufeff")).get(kind, ()):
            found = re.fullmatch(f"{prefix}([0-9]{{1,9}})", str(table.get("id", "")))
            numbers += [int(found[1])] if found else []
    return f"{prefix}{max(numbers) + 1}"


def _changed(data: bytes, change: Callable[[str], str], expected: Callable[[dict[str, Any]], None], what: str) -> bytes:
    """The bytes after the change, which must amount to what is expected and to nothing else."""
    try:
        text = data.decode()
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        plain = text.removeprefix(mark).replace("\r\n", "\n")
        tree = tomli.loads(plain)
        expected(tree)
        after = change(plain)
        is_right = tomli.loads(after) == tree
    except (TOMLKitError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _by_hand(what) from error
    if not is_right:
        raise _by_hand(what)
    return (mark + _with_line_ends(after, text.removeprefix(mark))).encode()


def _with_line_ends(after: str, before: str) -> str:
    """The text, whose lines end with a line feed, with the ends of the lines that it has in common with ``before``.

    What stands between the first line that differs and the last one has the ends that most lines have.
    """
    usual = "\r\n" if before.count("\r\n") * 2 > before.count("\n") else "\n"
    old, new = before.split("\n"), after.split("\n")
    most = min(len(old), len(new)) - 1  # the last ones are what follows the last line end
    head = next((i for i in range(most) if old[i].removesuffix("\r") != new[i]), most)
    tail = next((i for i in range(most - head) if old[-2 - i].removesuffix("\r") != new[-2 - i]), most - head)
    middle = "".join([line + usual for line in new[head : len(new) - 1 - tail]])
    first, last = old[:head], old[len(old) - 1 - tail : -1]
    return "".join([f"{line}\n" for line in first]) + middle + "".join([f"{line}\n" for line in last]) + new[-1]


def _by_hand(what: str) -> CannotJudgeError:
    return CannotJudgeError(
        Finding(
            "plan-invalid",
            f"a command cannot {what}, as plan.toml is written",
            locations=(Location(PLAN_PATH),),
            notes=("it takes arrays of tables, [[question]] and the like, in TOML 1.0",),
            help="edit plan.toml, then: orchestrator lint && git add plan.toml && orchestrator sync",
        )
    )
