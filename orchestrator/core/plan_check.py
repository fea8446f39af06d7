"""Everything that can be wrong with a plan, told at once.

The rules read the tree that tomli gives, not typed values, so that they can be checked beside a wrong type
elsewhere in the file. What has the wrong shape is passed over here: the schema reports it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Any

from orchestrator.core.finding import Finding, Location, printable
from orchestrator.core.gitignore import pattern
from orchestrator.core.graph import find_cycle
from orchestrator.core.names import nearest
from orchestrator.core.plan import PLAN_NAME, PLAN_PATH, normal_name
from orchestrator.core.toml_lines import KeyPath, key_lines, line_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_HELP = "edit plan.toml, then run: orchestrator lint"
_MULTILINE_KEYS = frozenset(
    [
        "summary",
        "assumptions",
        "run",
        "setup",
        "check",
        "waiver",
        "why",
        "answer",
        "text",
        "resolved",
        "confirmed",
        "mitigation",
    ]
)
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_STEERING_BUT_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_COMMIT_TYPE = re.compile(r"\*|[A-Za-z][A-Za-z0-9-]*")
_GATE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_DEPTH = 16
_MAX_SUGGESTIONS = 20  # each costs a comparison with every known name
TITLE_BREAKERS = ("]", "|", "-->", "<!--")


class Problems:
    """Collects what is wrong, each with its line."""

    def __init__(self, text: str) -> None:
        """Keep the text, whose lines are looked up only when something is to be said."""
        self._text = text
        self._lines: dict[KeyPath, int] | None = None
        self._found: dict[Finding, None] = {}

    def line_of(self, path: KeyPath) -> int:
        """The line (from 1) of the key or of the nearest table above it."""
        if self._lines is None:
            self._lines = key_lines(self._text)
        return line_of(self._lines, path)

    def table_lines(self, name: str, count: int) -> list[int]:
        """The lines of the headers ``[[name]]``, of which there are so many.

        A plan is mostly read to be obeyed, so the file is not taken apart for that alone if it need not be.
        """
        header = f"[[{name}]]"
        found = [number for number, line in enumerate(self._text.split("\n"), 1) if line.strip() == header]
        is_plain = '"""' not in self._text and "'''" not in self._text
        if is_plain and len(found) == count:
            return found
        return [self.line_of((name, index)) for index in range(count)]

    def add(self, path: KeyPath, message: str, *, severity: str = "error", notes: Iterable[str] = ()) -> None:
        """Say that something is wrong at the path."""
        place = Location(PLAN_PATH, self.line_of(path), printable(key_text(path)))
        self._found[Finding("plan-invalid", printable(message), severity, (place,), tuple(notes), _HELP)] = None

    def errors(self) -> bool:
        """Whether anything makes the plan invalid."""
        return any(finding.severity == "error" for finding in self._found)

    def sorted(self) -> list[Finding]:
        """All of them by line."""
        return sorted(self._found, key=lambda finding: (finding.locations[0].line, finding.message))


def key_text(path: KeyPath) -> str:
    """The path as people write it, elements of arrays counted from 1: ``phase 2, task 1, title``."""
    parts: list[str] = []
    for part in path:
        if isinstance(part, int) and parts:
            parts[-1] = f"{parts[-1]} {part + 1}"
        else:
            parts.append(str(part))
    return ", ".join(parts)


def value_problems(tree: dict[str, Any], problems: Problems) -> None:
    """Add a problem for each value that no plan can have and that the other rules are not made to take.

    Nothing here recurses: dotted keys may nest tables as deep as they like.
    """
    places: list[tuple[KeyPath, object]] = [((), tree)]
    for path, value in places:
        if len(path) > _MAX_DEPTH:
            problems.add(path, "this is nested too deep")
        elif isinstance(value, dict):
            places += [((*path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            places += [((*path, index), item) for index, item in enumerate(value)]
        elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            problems.add(path, "the number has more than 64 bits")
        elif isinstance(value, float) and math.isnan(value):
            problems.add(path, "nan is not a number")


def schema_problems(tree: dict[str, Any], schema: dict[str, Any], problems: Problems) -> None:
    """Add a problem for everything in the tree that the schema does not allow."""
    import jsonschema  # noqa: PLC0415 - only for a broken plan

    checker = jsonschema.FormatChecker(["date"])
    validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
    for error in [leaf for found in validator.iter_errors(without_dates(tree)) for leaf in _leaves(found)]:
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = error.schema.get("properties", {})
            for key in error.instance:
                if key not in known:
                    problems.add((*path, key), f'unknown key "{key}"{nearest(key, known)}')
        elif error.validator == "required":
            for key in error.validator_value:
                if key not in error.instance:
                    problems.add(path, f'the key "{key}" is missing')
        else:
            problems.add(path, f"{_shown(error.instance)} is not {_expected(error.schema, schema)}")


def _leaves(error: Any) -> list[Any]:
    """What is wrong within the one of several allowed forms that the value has; the error itself if it has none."""
    inner = [found for found in error.context or () if found.validator != "type" or len(found.path)]
    return [leaf for found in inner for leaf in _leaves(found)] if error.validator == "anyOf" and inner else [error]


def without_dates(value: Any) -> Any:
    """The tree with TOML's dates as JSON has them: as strings."""
    if isinstance(value, dict):
        return {key: without_dates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_dates(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def _expected(rule: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a schema allows, in words."""
    if "$ref" in rule:
        return "a table"
    if "anyOf" in rule:
        return " or ".join(_expected(option, schema) for option in rule["anyOf"] if option.get("type") != "null")
    if "enum" in rule:
        return " or ".join(_shown(value) for value in rule["enum"])
    kinds = {
        "string": "a string", "integer": "a whole number", "number": "a number", "boolean": "true or false",
        "array": "a list", "object": "a table", "date": "a date",
    }  # fmt: skip
    words = kinds.get(str(rule.get("format", rule.get("type"))), "what is allowed here")
    if rule.get("minLength") or rule.get("minItems"):
        words = words.replace("a ", "a non-empty ", 1)
    if "items" in rule:
        words += f" of {_expected(rule['items'], schema).removeprefix('a ')}s"
    if "minimum" in rule:
        words += f" from {rule['minimum']:g}" + (f" to {rule['maximum']:g}" if "maximum" in rule else "")
    if "pattern" in rule:
        words += f" of the form {rule['pattern']}"
    return f"{words} ({rule['description']})" if "description" in rule else words


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def check(tree: dict[str, Any], problems: Problems) -> None:
    """Add a problem for each rule across tables that the tree breaks."""
    _check_strings(tree, (), problems)
    _check_feature(tree, problems)
    _check_gates(tree, problems)
    _check_phases(tree, problems)
    _check_tasks(tree, problems)
    _check_paths(tree, problems)
    _check_references(tree, problems)


def _check_strings(value: object, path: KeyPath, problems: Problems) -> None:
    if isinstance(value, str):
        found = STEERING.search(value)
        keys = [part for part in path if isinstance(part, str)] if found else []
        if keys and keys[-1] in _MULTILINE_KEYS:
            found = _STEERING_BUT_LINES.search(value)
        if found:
            problems.add(path, f"control character U+{ord(found.group()):04X} in {_escaped(value)}")
    elif isinstance(value, dict):
        for key, item in value.items():
            if STEERING.search(key):
                problems.add(path, f"control character in the key {_escaped(key)}")
            _check_strings(item, (*path, key), problems)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_strings(item, (*path, index), problems)


def _escaped(text: str) -> str:
    return _shown(text.encode("unicode_escape").decode("ascii"))


def _tables(tree: dict[str, Any], key: str) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """The well-formed tables of an array of tables, with their paths."""
    found = tree.get(key)
    for index, table in enumerate(found if isinstance(found, list) else []):
        if isinstance(table, dict):
            yield (key, index), table


def _tasks(tree: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any], str, KeyPath]]:
    """Path, table, id (given or by position) and phase path of each task."""
    for phase_path, phase in _tables(tree, "phase"):
        for path, task in _tables(phase, "task"):
            given = task.get("id")
            task_id = given if isinstance(given, str) else f"{int(phase_path[1]) + 1}.{int(path[1]) + 1}"
            yield (*phase_path, *path), task, task_id, phase_path


def _strings(table: dict[str, Any], key: str) -> Iterator[tuple[int, str]]:
    found = table.get(key)
    for index, item in enumerate(found if isinstance(found, list) else []):
        if isinstance(item, str):
            yield index, item


def _check_title(path: KeyPath, title: object, problems: Problems) -> None:
    if not isinstance(title, str):
        return
    for breaker in TITLE_BREAKERS:
        if breaker in title:
            problems.add(
                path, f'"{breaker}" cannot stand in {_escaped(title)}: PLAN.md and messages could not be read back'
            )
    if title != title.strip():
        problems.add(path, f"{_escaped(title)} begins or ends with a space")


def _check_feature(tree: dict[str, Any], problems: Problems) -> None:
    feature = tree.get("feature")
    if isinstance(feature, dict):
        _check_title(("feature", "title"), feature.get("title"), problems)
    settings = tree.get("settings")
    if isinstance(settings, dict):
        for index, name in _strings(settings, "commit_types"):
            if not _COMMIT_TYPE.fullmatch(name):
                problems.add(
                    ("settings", "commit_types", index),
                    f"{_escaped(name)} is no commit type (letters, digits, '-', or '*')",
                )


def _check_gates(tree: dict[str, Any], problems: Problems) -> None:
    gates = tree.get("gates")
    for name, gate in gates.items() if isinstance(gates, dict) else ():
        path: KeyPath = ("gates", name)
        if not _GATE_NAME.fullmatch(name):
            problems.add(
                path, f"{_escaped(name)} is no name for a gate (letters, digits, '.', '_' and '-', at most 64)"
            )
        if isinstance(gate, dict):
            timeout = gate.get("timeout")
            if isinstance(timeout, str) and timeout.strip("0.mhs") == "" and any(c == "0" for c in timeout):
                problems.add((*path, "timeout"), f"{_shown(timeout)} leaves the gate no time")
            for minimum, report in (("min_tests", "junit"), ("min_coverage", "coverage")):
                if gate.get(minimum) and not gate.get(report):
                    problems.add((*path, minimum), f'{minimum} needs "{report}", the report that it is read from')


def _check_phases(tree: dict[str, Any], problems: Problems) -> None:
    if not tree.get("phase"):
        problems.add(("phase",), "the plan has no [[phase]]")
    owners: dict[str, KeyPath] = {normal_name(PLAN_NAME): ()}
    for path, phase in _tables(tree, "phase"):
        number = int(path[1]) + 1
        _check_title((*path, "title"), phase.get("title"), problems)
        _check_title((*path, "estimate"), phase.get("estimate"), problems)
        for index, who in _strings(phase, "owners"):
            _check_title((*path, "owners", index), who, problems)
        names: list[tuple[str, object]] = [("id", phase.get("id")), ("title", phase.get("title"))]
        for key, name in [*names, ("id", str(number)), ("id", f"Phase {number}")]:
            if not isinstance(name, str):
                continue
            owner = owners.setdefault(normal_name(name), path)
            if owner == ():
                problems.add((*path, key), f'"{name}" is reserved: "[plan]" stands for changes of the plan')
            elif owner != path:
                problems.add(
                    (*path, key),
                    f'the name "{name}" could also mean {key_text(owner)}: ids, titles and numbers must differ',
                )
        has_check = any(c.get("phase") == phase.get("id") and c.get("check") for _, c in _tables(tree, "control"))
        if not (phase.get("task") or phase.get("gates") or phase.get("artifacts") or has_check):
            problems.add(path, f"phase {number} has neither task, gate nor artifact: nothing could make it complete")
    edges = {
        p["id"]: [d for _, d in _strings(p, "depends_on")]
        for _, p in _tables(tree, "phase")
        if isinstance(p.get("id"), str)
    }
    _check_cycle(
        "phase",
        edges,
        {i: (*p, "depends_on") for p, t in _tables(tree, "phase") if isinstance(i := t.get("id"), str)},
        problems,
    )


def _check_cycle(kind: str, edges: dict[str, list[str]], paths: dict[str, KeyPath], problems: Problems) -> bool:
    cycle = find_cycle(edges, edges)
    if cycle:
        problems.add(paths[cycle[0]], f"{kind}s depend on each other in a circle: {' -> '.join(cycle)}")
    return bool(cycle)


def _check_tasks(tree: dict[str, Any], problems: Problems) -> None:
    seen: dict[str, KeyPath] = {}
    titles: dict[tuple[KeyPath, str], tuple[KeyPath, bool]] = {}
    edges: dict[str, list[str]] = {}
    for path, task, task_id, phase_path in _tasks(tree):
        _check_title((*path, "title"), task.get("title"), problems)
        first = seen.setdefault(task_id, path)
        if first != path:
            problems.add(
                (*path, "id"), f'the task id "{task_id}" is taken by {key_text(first)} (line {problems.line_of(first)})'
            )
        title = task.get("title")
        if isinstance(title, str):
            positional = not isinstance(task.get("id"), str)
            twin, twin_positional = titles.setdefault((phase_path, normal_name(title)), (path, positional))
            if twin != path and (positional or twin_positional):
                problems.add(
                    (*path, "title"),
                    f'{key_text(twin)} has this title, too; give both an "id", so that ticks can follow them',
                )
        edges[task_id] = [name for _, name in _strings(task, "depends_on")]
    places = {task_id: (*path, "depends_on") for path, _, task_id, _ in _tasks(tree)}
    if not _check_cycle("task", edges, places, problems):
        _check_deadlock(tree, edges, problems)


def _check_deadlock(tree: dict[str, Any], needed: dict[str, list[str]], problems: Problems) -> None:
    """Tasks and phases together: no task may wait for one whose phase cannot start before its own is complete."""
    edges: dict[str, list[str]] = {}
    places: dict[str, KeyPath] = {}
    phases = {path: (f"phase {table.get('id')}", table) for path, table in _tables(tree, "phase")}
    for path, (node, _) in phases.items():
        edges[node], places[node] = [], (*path, "depends_on")
    for path, _, task_id, phase_path in _tasks(tree):
        node, phase = phases[phase_path]
        edges[node].append(f"task {task_id}")
        edges[f"task {task_id}"] = [f"task {name}" for name in needed[task_id]]
        edges[f"task {task_id}"] += [f"phase {name}" for _, name in _strings(phase, "depends_on")]
        places[f"task {task_id}"] = (*path, "depends_on")
    cycle = find_cycle(edges, edges)
    if cycle:
        start = min(cycle, key=lambda node: node.startswith("phase "))
        turned = cycle[:-1]
        turned = turned[turned.index(start) :] + turned[: turned.index(start)]
        problems.add(places[start], f"this could never be done: {' -> '.join([*turned, start])}")


def _check_paths(tree: dict[str, Any], problems: Problems) -> None:
    for path, phase in _tables(tree, "phase"):
        _check_patterns(path, phase, "files", problems)
        for index, text in _strings(phase, "artifacts"):
            _check_path((*path, "artifacts", index), text, problems)
    for path, task, _, _ in _tasks(tree):
        _check_patterns(path, task, "files", problems)
    report = tree.get("report")
    domains = report.get("domains") if isinstance(report, dict) else None
    domains = domains if isinstance(domains, dict) else {}
    for name in domains:
        _check_title(("report", "domains", name), name, problems)
        _check_patterns(("report", "domains"), domains, name, problems)
    gates = tree.get("gates")
    for name, gate in gates.items() if isinstance(gates, dict) else ():
        if isinstance(gate, dict):
            _check_patterns(("gates", name), gate, "inputs", problems)
            for key in ("cwd", "junit", "coverage"):
                report = gate.get(key)
                if isinstance(report, str) and report:
                    _check_path(("gates", name, key), report, problems)


def _check_path(path: KeyPath, text: str, problems: Problems) -> None:
    if path[-1] == "cwd" and text == ".":
        return
    parts = text.split("/")
    if text.startswith("/") or ".." in parts:
        problems.add(path, f"{_escaped(text)} leads out of the repository")
    elif parts[0].casefold() == ".git":
        problems.add(path, f"{_escaped(text)} lies in Git's own folder")
    elif "" in parts or "." in parts:
        problems.add(path, f"{_escaped(text)} is not a plain path: no empty part and no '.'")


def pattern_problem(text: str) -> str:
    """What is wrong with a pattern of a plan; "" if nothing is."""
    body = text.removeprefix("!")
    if ".." in body.split("/"):
        return f"{_escaped(text)} leads out of the repository"
    if max(part.count("*") for part in body.split("/")) > 4 or body.count("**") > 6:
        return f"{_shown(text)} has too many '*': at most 4 in one part of a path, 6 times '**'"
    if not body.strip("/ ") or body != body.strip() or not _is_pattern(text):
        return f"{_escaped(text)} is no gitignore pattern"
    if body.startswith("./") or "/./" in body or "//" in body:
        return f"{_escaped(text)} can match nothing: Git's paths have no empty part and no '.'"
    return ""


def _check_patterns(path: KeyPath, table: dict[str, Any], key: str, problems: Problems) -> None:
    for index, text in _strings(table, key):
        if problem := pattern_problem(text):
            problems.add((*path, key, index), problem)
    given = [text for _, text in _strings(table, key)]
    if given and all(text.startswith("!") for text in given):
        problems.add((*path, key), "there are only exclusions, nothing that they could take something from")


def _is_pattern(text: str) -> bool:
    try:
        pattern(text)
    except ValueError:
        return False
    return True


def _check_references(tree: dict[str, Any], problems: Problems) -> None:
    phases = dict.fromkeys(p["id"] for _, p in _tables(tree, "phase") if isinstance(p.get("id"), str))
    tasks = dict.fromkeys(task_id for _, _, task_id, _ in _tasks(tree))
    gates = dict.fromkeys(tree["gates"] if isinstance(tree.get("gates"), dict) else ())

    unknown = 0

    def known(path: KeyPath, kind: str, name: object, names: dict[str, None]) -> None:
        nonlocal unknown
        if isinstance(name, str) and name not in names:
            unknown += 1
            hint = nearest(name, names) if unknown <= _MAX_SUGGESTIONS else ""
            problems.add(path, f'unknown {kind} "{name}"{hint}')

    def all_known(path: KeyPath, table: dict[str, Any], key: str, kind: str, names: dict[str, None]) -> None:
        seen = set()
        for index, name in _strings(table, key):
            known((*path, key, index), kind, name, names)
            if name in seen:
                problems.add((*path, key, index), f'the {kind} "{name}" is named twice')
            seen.add(name)

    for path, phase in _tables(tree, "phase"):
        all_known(path, phase, "depends_on", "phase", phases)
        all_known(path, phase, "gates", "gate", gates)
    for path, task, _, _ in _tasks(tree):
        all_known(path, task, "depends_on", "task", tasks)
    for key in ("question", "blocker", "assumption", "control", "risk"):
        ids: dict[str, KeyPath] = {}
        for path, table in _tables(tree, key):
            own = table.get("id")
            if isinstance(own, str) and ids.setdefault(own, path) != path:
                problems.add((*path, "id"), f'the {key} id "{own}" is taken by {key_text(ids[own])}')
            all_known(path, table, "blocks", "phase", phases)
            if "phase" in table:
                known((*path, "phase"), "phase", table.get("phase"), phases)
