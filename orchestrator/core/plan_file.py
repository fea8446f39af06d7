"""plan.toml: its types, its JSON Schema, and the way from its bytes to a valid plan or to everything wrong with it.

Only a plan that has not been seen before comes this way; the hooks read the compiled form (``formats``).
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - msgspec reads the annotation
import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import tomli
from msgspec import Meta

from orchestrator.core.finding import Finding, Location, printable
from orchestrator.core.formats import dotted_line
from orchestrator.core.gitignore import patterns
from orchestrator.core.plan import (
    ASSUMPTION,
    BLOCKER,
    PLAN_PATH,
    QUESTION,
    Control,
    Gate,
    Hold,
    Phase,
    Plan,
    ReportRules,
    Risk,
    Settings,
    Task,
)
from orchestrator.core.plan_check import Problems, check, schema_problems, value_problems

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PLAN_BYTES = 4 << 20

Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", description="a-z, 0-9 and '-', at most 64")]
LooseId = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="letters, digits, '.', '_' and '-', at most 64")
]
Duration = Annotated[
    str,
    Meta(
        pattern=r"^(0|[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h))$", description="a number and its unit: ms, s, m or h, as 90s"
    ),
]
Count = Annotated[int, Meta(ge=0)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Text = Annotated[str, Meta(min_length=1)]
Settled = Annotated[bool | str, Meta(description="true, or in words how; false or empty: still open")]
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class FeatureTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is built."""

    title: Text
    summary: str = ""
    assumptions: tuple[str, ...] = ()


class SettingsTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How strict the hooks are; every key is optional."""

    require_phase: Annotated[
        Literal["always", "advancing"], Meta(description="which commits need ': [phase]' in their message")
    ] = "always"
    commit_types: Annotated[
        tuple[Text, ...], Meta(min_length=1, description="types accepted before ': [phase]'; ['*'] = any")
    ] = ("feat",)
    exempt_authors: Annotated[
        tuple[Text, ...], Meta(description="patterns on the author's e-mail: free from the form, from nothing else")
    ] = ()
    unplanned_files: Annotated[Literal["allow", "block"], Meta(description="files that no phase claims")] = "allow"
    one_phase_per_commit: bool = True
    max_commit_files: Annotated[Count, Meta(description="0 = no limit")] = 0
    max_commit_lines: Annotated[Count, Meta(description="0 = no limit")] = 0
    auto_done: Annotated[bool, Meta(description="tasks whose new files are all there are done by themselves")] = True
    on_gate_failure: Annotated[
        Literal["allow", "block"], Meta(description="the commit that completes a phase while a gate fails")
    ] = "allow"
    hook_time_limit: Annotated[
        Duration, Meta(description="for all gates of one hook together, as 60s or 1.5m; 0s: none is run")
    ] = "60s"
    jobs: Annotated[Count, Meta(description="gates at once; 0 = one per CPU")] = 1
    mainline: Annotated[
        Literal["merge", "squash"], Meta(description="squash: first-parent commits are judged by their result")
    ] = "merge"
    setup: Annotated[str, Meta(description="prepares a clean checkout for verify --rerun, as 'npm ci'")] = ""
    summary_lines: Annotated[bool, Meta(description="the two bottom lines of PLAN.md")] = True


class GateTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A validation command, named once and used by many phases."""

    run: Annotated[
        Text | Annotated[tuple[Text, ...], Meta(min_length=1)],
        Meta(description="a string runs in the shell, a list as argv"),
    ]
    inputs: Annotated[
        tuple[Text, ...] | None, Meta(description="patterns; default: the phase's files and its dependencies'")
    ] = None
    cwd: Text = "."
    timeout: Duration = "10m"
    junit: Annotated[str, Meta(description="JUnit XML report, read after the run")] = ""
    min_tests: Annotated[Count | None, Meta(description="default where junit is given: 1")] = None
    coverage: Annotated[str, Meta(description="Cobertura XML report, read after the run")] = ""
    min_coverage: Annotated[Percent | None, Meta(description="percent of lines")] = None


class TaskTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A task of the phase above it."""

    title: Text
    id: Annotated[LooseId | None, Meta(description="default: <phase number>.<task number>")] = None
    files: tuple[Text, ...] = ()
    depends_on: tuple[str, ...] = ()


class PhaseTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A phase; its number is its position."""

    id: Id
    title: Text
    depends_on: tuple[str, ...] = ()
    owners: Annotated[tuple[Text, ...], Meta(description="who looks after it; shown, not enforced")] = ()
    estimate: str = ""
    files: Annotated[tuple[Text, ...], Meta(description="gitignore-style patterns, beside those of its tasks")] = ()
    gates: tuple[str, ...] = ()
    artifacts: Annotated[tuple[Text, ...], Meta(description="exist, not empty, before the phase is complete")] = ()
    task: tuple[TaskTable, ...] = ()


class QuestionTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A question; while it has no answer, the phases that it blocks cannot start."""

    id: LooseId
    text: Text
    blocks: tuple[str, ...] = ()
    answer: str = ""


class BlockerTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Something in the way; until it is resolved, the phases that it blocks cannot start."""

    id: LooseId
    text: Text
    blocks: Annotated[tuple[str, ...], Meta(min_length=1)]
    resolved: Settled = False


class AssumptionTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An assumption; until it is confirmed, the phases that it blocks cannot start."""

    id: LooseId
    text: Text
    blocks: tuple[str, ...] = ()
    confirmed: Settled = False


class WaiverTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Why a control is accepted as it is, by whom, and until when."""

    why: Text
    who: Text
    until: Annotated[
        dt.date | None, Meta(description="the last day, UTC, as 2026-12-31; from the next the control is open")
    ] = None


class ControlTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An item of the security checklist; open, it keeps its phase from being complete."""

    id: LooseId
    text: Text
    phase: str
    reference: Annotated[str, Meta(description="where it comes from, as 'OWASP ASVS 5.0 6.2'")] = ""
    check: Annotated[
        Text | Annotated[tuple[Text, ...], Meta(min_length=1)] | None,
        Meta(description="a command, run and keyed like a gate"),
    ] = None
    resolved: Settled = False
    waiver: Annotated[WaiverTable | str, Meta(description="why it is accepted as it is")] = ""


class RiskTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A risk; shown and reported, it blocks nothing."""

    id: LooseId
    text: Text
    phase: Annotated[str | None, Meta(description="default: the whole feature")] = None
    mitigation: str = ""
    status: Literal["open", "mitigated", "accepted", "closed"] = "open"


class ReportTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the report sorts files and reckons time."""

    domains: Annotated[
        dict[str, Annotated[tuple[Text, ...], Meta(min_length=1)]],
        Meta(description="patterns by name of a domain, tried in order before the default ones"),
    ] = {}
    break_after: Annotated[Duration, Meta(description="a longer time between two commits is a break")] = "2h"
    first_commit: Annotated[Duration, Meta(description="what counts for the first commit after a break")] = "30m"


class PlanFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """plan.toml of git-orchestrator."""

    version: Literal[1]
    feature: FeatureTable
    settings: SettingsTable = SettingsTable()
    gates: dict[str, GateTable] = {}
    phase: tuple[PhaseTable, ...] = ()
    question: tuple[QuestionTable, ...] = ()
    blocker: tuple[BlockerTable, ...] = ()
    assumption: tuple[AssumptionTable, ...] = ()
    control: tuple[ControlTable, ...] = ()
    risk: tuple[RiskTable, ...] = ()
    report: ReportTable = ReportTable()


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of plan.toml, made from the same types that read it."""
    schema = msgspec.json.schema(PlanFile)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "plan.toml", **schema}


def read_plan(data: bytes) -> tuple[Plan | None, list[Finding]]:
    """The plan of that plan.toml, or None, and findings.

    With a plan the findings are warnings; without one they are all the errors of the file at once, each with line,
    key and, for a misspelt name, the nearest known one.
    """
    text, tree, broken = _parsed(data)
    if broken:
        return None, broken
    problems = Problems(text)
    value_problems(tree, problems)
    if problems.errors():
        return None, problems.sorted()
    file = None
    try:
        file = msgspec.convert(tree, PlanFile, strict=True)
    except msgspec.ValidationError as error:
        schema_problems(tree, json_schema(), problems)
        if not problems.errors():  # JSON knows one kind of number only: 1.0 is a whole number there
            message, _, place = str(error).partition(" - at `$")
            problems.add(tuple(re.findall(r"\w+", place)), message)
    # Rules across tables are checked on whatever has the right shape, so that everything wrong is told at once.
    check(tree, problems)
    if problems.errors() or file is None:
        return None, problems.sorted()
    return _resolve(file, problems), problems.sorted()


def toml_problems(data: bytes) -> list[Finding]:
    """Why those bytes are no TOML at all; nothing if they are, whatever they say."""
    return _parsed(data)[2]


def _parsed(data: bytes) -> tuple[str, dict[str, Any], list[Finding]]:
    """The text with plain line ends, its tree, and what makes it unreadable."""
    if len(data) > MAX_PLAN_BYTES:
        return "", {}, [_broken(f"plan.toml has {len(data)} bytes; at most {MAX_PLAN_BYTES} are read")]
    try:
        text = data.decode("utf-8").replace("\r\n", "\n").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        said = f"plan.toml is not UTF-8: byte {error.start + 1} is {data[error.start]:#04x}"
        return "", {}, [_broken(said, line)]
    if too_deep := dotted_line(text):
        return text, {}, [_broken("the key is nested too deep to be read", too_deep)]
    try:
        return text, tomli.loads(text), []
    except tomli.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)$", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        return text, {}, [_broken(f"plan.toml is not TOML: {printable(str(error))}", line)]
    except RecursionError:
        return text, {}, [_broken("plan.toml is nested too deep to be read")]
    except ValueError:  # Python reads whole numbers of some thousand digits at most
        return text, {}, [_broken("plan.toml has a number that is too large to be read")]


def _broken(message: str, line: int = 0) -> Finding:
    return Finding(
        "plan-invalid",
        message,
        locations=(Location(PLAN_PATH, line),),
        help="edit plan.toml, then run: orchestrator lint",
    )


def _resolve(file: PlanFile, problems: Problems) -> Plan:
    gates = {name: _gate(name, table) for name, table in file.gates.items()}
    lines = problems.table_lines("phase", len(file.phase))
    phases = tuple(
        _phase(number, line, table, gates, [c for c in file.control if c.phase == table.id])
        for number, (line, table) in enumerate(zip(lines, file.phase, strict=True), 1)
    )
    settings = msgspec.structs.asdict(file.settings)
    settings["hook_time_limit_s"] = seconds(settings.pop("hook_time_limit"))
    return Plan(
        title=file.feature.title,
        summary=file.feature.summary,
        assumptions=file.feature.assumptions,
        settings=Settings(**settings),
        phases=phases,
        holds=(
            *[Hold(QUESTION, q.id, q.text, q.blocks, q.answer.strip()) for q in file.question],
            *[Hold(BLOCKER, b.id, b.text, b.blocks, _settled(b.resolved)) for b in file.blocker],
            *[Hold(ASSUMPTION, a.id, a.text, a.blocks, _settled(a.confirmed)) for a in file.assumption],
        ),
        risks=tuple(Risk(r.id, r.text, r.phase or "", r.mitigation, r.status) for r in file.risk),
        report=ReportRules(
            tuple((name, patterns(texts)) for name, texts in file.report.domains.items()),
            seconds(file.report.break_after),
            seconds(file.report.first_commit),
        ),
    )


def _settled(said: bool | str) -> str:
    """What was said of how it was settled, "yes" if only that it was, "" if it was not."""
    return said.strip() if isinstance(said, str) else "yes" if said else ""


def _control(table: ControlTable) -> Control:
    waiver = table.waiver if isinstance(table.waiver, WaiverTable) else WaiverTable(table.waiver.strip(), "")
    return Control(
        table.id,
        table.text,
        reference=table.reference,
        checked=table.check is not None,
        resolved=bool(_settled(table.resolved)),
        how="" if isinstance(table.resolved, bool) else table.resolved.strip(),
        waiver=waiver.why.strip(),
        waived_by=waiver.who,
        until=waiver.until.isoformat() if waiver.until else "",
    )


def _phase(
    number: int, line: int, table: PhaseTable, gates: dict[str, Gate], controls: Sequence[ControlTable]
) -> Phase:
    tasks = tuple(
        Task(
            id=task.id or f"{number}.{position}",
            title=task.title,
            files=patterns(task.files),
            depends_on=task.depends_on,
            positional=task.id is None,
        )
        for position, task in enumerate(table.task, 1)
    )
    checks = tuple(
        Gate(name=f"control:{control.id}", run=control.check, control=control.id)
        for control in controls
        if control.check is not None
    )
    return Phase(
        id=table.id,
        title=table.title,
        number=number,
        line=line,
        depends_on=table.depends_on,
        owners=table.owners,
        estimate=table.estimate,
        files=patterns(table.files),
        gates=tuple(gates[name] for name in table.gates) + checks,
        artifacts=table.artifacts,
        tasks=tasks,
        controls=tuple(_control(control) for control in controls),
    )


def _gate(name: str, table: GateTable) -> Gate:
    return Gate(
        name=name,
        run=table.run,
        inputs=None if table.inputs is None else patterns(table.inputs),
        cwd=table.cwd,
        timeout_s=seconds(table.timeout),
        junit=table.junit,
        min_tests=(1 if table.junit else 0) if table.min_tests is None else table.min_tests,
        coverage=table.coverage,
        min_coverage=0.0 if table.min_coverage is None else float(table.min_coverage),
    )


def seconds(duration: str) -> float:
    """The seconds of a duration such as ``90s``, ``10m``, ``1.5h`` or ``0``."""
    number = duration.rstrip("mhs")
    return float(number) * _SECONDS[duration[len(number) :] or "s"]


def schema_text() -> str:
    """The JSON Schema as text, keys in the order of the types."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
