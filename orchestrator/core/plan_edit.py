"""Changes of plan.toml that leave everything else in it as its author wrote it, comments and spacing included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomli
import tomli_w
import tomlkit
from tomlkit.exceptions import TOMLKitError

from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.plan import PLAN_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


def add_tables(data: bytes, kind: str, tables: Sequence[Mapping[str, Any]]) -> bytes:
    """The plan with these tables at the end of the array ``[[kind]]``.

    Raises:
        CannotJudgeError: a command cannot add to the array as it is written.
    """

    def change(text: str) -> str:
        added = "".join([f"\n[[{kind}]]\n{tomli_w.dumps(table)}" for table in tables])
        return text + ("" if not text or text.endswith("\n") else "\n") + added

    def expected(tree: dict[str, Any]) -> None:
        tree.setdefault(kind, []).extend([dict(table) for table in tables])

    return _changed(data, change, expected, f"add to [[{kind}]]")


def set_keys(data: bytes, kind: str, values: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The plan with these values (key -> value, by id of the table) in tables of the array ``[[kind]]``.

    Raises:
        CannotJudgeError: there is no table of one of the ids, or a command cannot change the array as it is written.
    """

    def put(tables: Iterable[Any]) -> None:
        found = {table["id"]: table for table in tables if table.get("id") in values}
        for table_id, keys in values.items():
            for key, value in keys.items():
                found[table_id][key] = value

    def change(text: str) -> str:
        document = tomlkit.parse(text)
        put(document.get(kind, ()))
        return tomlkit.dumps(document)

    return _changed(data, change, lambda tree: put(tree.get(kind, ())), f"change [[{kind}]] {' '.join(values)}")


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
    has_crlf = text.count("\r\n") * 2 > text.count("\n")
    return (mark + (after.replace("\n", "\r\n") if has_crlf else after)).encode()


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
