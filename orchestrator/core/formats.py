"""plan.lock and the compiled plan: bytes to values and back, without a parser that costs an import."""

from __future__ import annotations

import marshal

from orchestrator import __version__
from orchestrator.core.finding import CannotJudgeError, Finding, Location, printable
from orchestrator.core.gate import Pass
from orchestrator.core.patterns import Pattern
from orchestrator.core.plan import LOCK_PATH, Control, Gate, Hold, Phase, Plan, ReportRules, Risk, Settings, Task
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_FORM = 2
_MOST_DOTS = 500


class LockPhase(Value):
    """The evidence of one phase: passes by gate, and by task the digests of what its patterns matched at base."""

    passes: Mapping[str, Pass] = {}
    bases: Mapping[str, Mapping[str, str]] = {}


_CLASSES = {
    cls.__name__: cls
    for cls in (Plan, Phase, Task, Gate, Control, Hold, Risk, ReportRules, Settings, Pattern, Pass, LockPhase)
}
_PASS_TYPES = [(str, tests, coverage) for tests in (type(None), int) for coverage in (type(None), int, float)]

NO_EVIDENCE = LockPhase()

Lock = dict[str, LockPhase]
"""plan.lock: the evidence by phase id, in plan order."""


def format_lock(lock: Lock) -> bytes:
    """The canonical bytes of plan.lock.

    Each phase has its header from the start, evidence or not, so that what two branches add for two phases is
    always separated by an unchanged line and merges by itself.
    """
    import tomli_w  # noqa: PLC0415 - only where evidence has changed

    parts = ["version = 1\n"]
    for phase_id, phase in lock.items():
        table: dict[str, Any] = {}
        if phase.passes:
            table["gate"] = {
                name: {
                    "key": found.key,
                    **({} if found.tests is None else {"tests": found.tests}),
                    **({} if found.coverage is None else {"coverage": float(found.coverage)}),
                }
                for name, found in phase.passes.items()
            }
        bases = {task_id: {"base": dict(base)} for task_id, base in phase.bases.items() if base}
        if bases:
            table["task"] = bases
        text = tomli_w.dumps({"phase": {phase_id: table}})
        header = f"[phase.{phase_id}]\n"
        parts.append(text if text.startswith(header) else f"{header}\n{text}")
    return "\n".join(parts).encode()


def parse_lock(data: bytes, tree: Mapping[str, Any] | None = None) -> Lock:
    """The evidence in those bytes, canonical or not; ``tree`` is what they say, if it is known.

    Raises:
        CannotJudgeError: they are no plan.lock.
    """
    try:
        text = data.decode()
        tree = tree or _read_canonical(text.replace("\r\n", "\n")) or _parse_toml(text)
        return _lock_of(tree)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise CannotJudgeError(
            Finding(
                "lock-tampered",
                f"plan.lock cannot be read: {printable(reason)}",
                locations=(Location(LOCK_PATH),),
                help="orchestrator sync",
            )
        ) from error


def _parse_toml(text: str) -> dict[str, Any]:
    import tomli  # noqa: PLC0415 - only for what a person or a merge has touched

    if line := dotted_line(text):
        raise ValueError(f"the key in line {line} is nested too deep")
    return tomli.loads(text)


def dotted_line(text: str) -> int:
    """The line (from 1) whose key has so many dots that tomli would take minutes over it, or 0."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _MOST_DOTS and "".join(line.partition("=")[0].split('"')[::2]).count(".") > _MOST_DOTS:
            return number
    return 0


def lock_says(data: bytes, lock: Lock) -> bool:
    """Whether those bytes say just what the lock says, in its order, and need not be written anew.

    Values are compared, not bytes: most commits change no evidence and need not import the writer.

    Raises:
        CannotJudgeError: they are no plan.lock.
    """
    text = data.decode("utf-8", "replace")
    tree = None if "\r" in text or "\n\n\n" in text else _read_canonical(text)
    found = parse_lock(data, tree)
    return tree is not None and found == lock and list(found) == list(lock)


def _lock_of(tree: Mapping[str, Any]) -> Lock:
    if tree["version"] != 1:
        raise ValueError(f"version {tree['version']!r} is not known, an upgrade of git-orchestrator may be needed")
    if extra := set(tree) - {"version", "phase"}:
        raise ValueError(f"unknown key {min(extra)}")
    lock: Lock = {}
    for phase_id, table in tree.get("phase", {}).items():
        passes = {}
        for name, facts in table.get("gate", {}).items():
            tests, coverage = facts.get("tests"), facts.get("coverage")
            if (type(facts["key"]), type(tests), type(coverage)) not in _PASS_TYPES:
                raise TypeError(f"the pass of {name} in {phase_id} is malformed")
            passes[name] = Pass(facts["key"], tests, coverage)
        bases = {name: dict(entry["base"].items()) for name, entry in table.get("task", {}).items()}
        if not all([type(digest) is str for base in bases.values() for digest in base.values()]):
            raise TypeError(f"a base in {phase_id} is malformed")
        lock[phase_id] = LockPhase(passes, bases)
    return lock


def _read_canonical(text: str) -> dict[str, Any] | None:
    """The tree of a lock in exactly the form that ``format_lock`` writes, or None.

    Whatever tomli could read otherwise, or refuse, is not taken: each name and number must be as it is written here.
    """
    tree: dict[str, Any] = {}
    table = tree
    for line in text.split("\n"):
        if not line:
            continue
        if "\\" in line or "'" in line or not line.isprintable():
            return None
        if line[0] == "[":
            names = _header_names(line)
            if names is None:
                return None
            table = tree
            for name in names[:-1]:
                table = table.setdefault(name, {})
            if names[-1] in table:
                return None
            table[names[-1]] = table = {}
            continue
        written, _, value = line.rpartition(" = ")
        name = written.strip('"')
        if not value or '"' in name or _written(name) != written or name in table:
            return None
        if value[0] == '"' == value[-1] and value.count('"') == 2:
            table[name] = value[1:-1]
        elif value.isascii() and value.isdigit() and (value == "0" or value[0] != "0"):
            table[name] = int(value)
        elif value.isascii() and value.replace(".", "", 1).isdigit() and repr(float(value)) == value:
            table[name] = float(value)
        else:
            return None
    return tree


def _header_names(line: str) -> list[str] | None:
    names = []
    for index, part in enumerate(line[1:-1].split('"')):
        if index % 2:
            names.append(part)
        else:
            names += [name for name in part.split(".") if name]
    is_exact = f"[{'.'.join([_written(name) for name in names])}]" == line
    return names if is_exact and names and names[0] == "phase" else None


def _written(name: str) -> str:
    """The name as tomli-w writes it, for names without quotes and backslashes."""
    is_bare = name.isalnum() or name.replace("-", "").replace("_", "").isalnum() or (name and not name.strip("-_"))
    return name if is_bare and name.isascii() else f'"{name}"'


def compile_plan(plan: Plan, plan_oid: str) -> bytes:
    """The plan in the form that ``load_compiled`` reads back fast; for the local cache only."""
    return freeze(plan, plan_oid)


def load_compiled(data: bytes, plan_oid: str) -> Plan | None:
    """The plan compiled from the blob of that id, or None if the bytes are not exactly that."""
    plan = thaw(data, plan_oid)
    return plan if isinstance(plan, Plan) else None


def freeze(value: object, name: str) -> bytes:
    """Values of the plan and plain ones, in the form that ``thaw`` reads back fast; for the local cache only."""
    body = marshal.dumps(_packed(value))
    return _frozen_header(name, body) + body


def thaw(data: bytes, name: str) -> Any:
    """What was frozen under that name, or None if the bytes are not exactly that.

    A checksum finds damage. Who can forge a file in the Git directory can replace the hooks themselves, so nothing
    here defends against that; what was frozen under another name is never returned by mistake.
    """
    end = data.find(b"\n") + 1
    header, body = data[:end], data[end:]
    if not header or header != _frozen_header(name, body):
        return None
    try:
        return _unpacked(marshal.loads(body))  # noqa: S302 - checked above; see the docstring
    except (ValueError, EOFError, TypeError, KeyError):
        return None


def _frozen_header(name: str, body: bytes) -> bytes:
    from binascii import crc32  # noqa: PLC0415

    # A cache that an older or newer version has written is not for this one, which may judge otherwise.
    fields = crc32(repr([(known, cls._fields) for known, cls in _CLASSES.items()]).encode())
    form = f"{__version__} {_FORM} {fields:08x} {marshal.version}"
    return f"orchestrator {form} {name} {len(body)} {crc32(body):08x}\n".encode("utf-8", "surrogateescape")


def _packed(value: Any) -> Any:
    """Values as (class name, fields), which marshal takes; None leads a plain tuple, "" the pairs of a dictionary."""
    if isinstance(value, Value):
        return (type(value).__name__, *[_packed(field) for field in value.astuple()])
    if isinstance(value, tuple):
        return (None, *[_packed(item) for item in value])
    if isinstance(value, dict):
        return ("", *[_packed(pair) for pair in value.items()])
    return value


def _unpacked(value: Any) -> Any:
    if type(value) is not tuple:
        return value
    items = [_unpacked(item) if type(item) is tuple else item for item in value[1:]]
    if value[0] is None:
        return tuple(items)
    if not value[0]:
        return dict(items)
    cls = _CLASSES[value[0]]
    if len(items) != len(cls._fields):
        raise TypeError(f"a {value[0]} has {len(cls._fields)} fields, not {len(items)}")
    return cls.made_of(items)
