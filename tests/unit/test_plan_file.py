"""plan.toml: every rule, with the line and the key that are told, and what hostile files do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jsonschema
import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.plan import Control, Gate, Hold, Plan, Risk, Settings
from orchestrator.core.plan_check import without_dates
from orchestrator.core.plan_file import json_schema, read_plan, schema_text, seconds

if TYPE_CHECKING:
    from orchestrator.core.finding import Finding

HEAD = 'version = 1\n[feature]\ntitle = "F"\n'
PHASE = '[[phase]]\nid = "a"\ntitle = "A"\n'
TASK = '[[phase.task]]\ntitle = "T"\n'
OK = HEAD + PHASE + TASK
# Lines: version 1, feature 2, its title 3, [[phase]] 4, id 5, title 6, [[phase.task]] 7, its title 8, more from 9.


def read(text: str | bytes) -> tuple[Plan | None, list[Finding]]:
    return read_plan(text if isinstance(text, bytes) else text.encode())


def told(text: str | bytes) -> list[tuple[int, str, str]]:
    plan, findings = read(text)
    assert plan is None
    assert findings
    for finding in findings:
        assert finding.id == "plan-invalid"
        assert finding.severity == "error"
        assert finding.locations[0].path == "plan.toml"
        assert finding.help == "edit plan.toml, then run: orchestrator lint"
        assert finding.message.isprintable()
        assert finding.locations[0].text.isprintable()
    return [(f.locations[0].line, f.locations[0].text, f.message) for f in findings]


def phase_with(line: str) -> str:
    return HEAD + PHASE + line + "\n" + TASK


def task_with(line: str) -> str:
    return OK + line + "\n"


def gate_with(line: str) -> str:
    return f'{OK}[gates.g]\nrun = "x"\n{line}\n'


SECOND = OK + '[[phase]]\nid = "b"\ntitle = "B"\n'

RULES: list[tuple[str, int, str, str]] = [
    # top level
    (OK.replace("version = 1\n", ""), 0, "", 'the key "version" is missing'),
    (OK.replace("version = 1", "version = 2"), 1, "version", "2 is not 1"),
    (OK.replace("version = 1", "version = 1.0"), 1, "version", "`float`"),
    (OK.replace("version = 1", 'version = "1"'), 1, "version", '"1" is not'),
    ("version = 1\n" + PHASE + TASK, 0, "", 'the key "feature" is missing'),
    (HEAD, 0, "phase", "the plan has no [[phase]]"),
    ("phase = []\n" + HEAD, 1, "phase", "the plan has no [[phase]]"),
    ("fase = 1\n" + OK, 1, "fase", 'unknown key "fase"; did you mean "phase"?'),
    ("question = 1\n" + OK, 1, "question", "is not a list of tables"),
    (OK.replace('title = "F"', 'titel = "F"'), 3, "feature, titel", 'did you mean "title"?'),
    (OK.replace('title = "F"', 'title = ""'), 3, "feature, title", "a non-empty string"),
    (OK.replace('title = "F"', 'title = "F]"'), 3, "feature, title", '"]" cannot stand'),
    (OK.replace('title = "F"', 'title = "F\\n## G"'), 3, "feature, title", "control character U+000A"),
    # settings
    (OK + '[settings]\nrequire_phase = "sometimes"\n', 10, "settings, require_phase", '"advancing" or "always"'),
    (OK + "[settings]\njobs = -1\n", 10, "settings, jobs", "from 0"),
    (OK + "[settings]\njobs = 1.0\n", 10, "settings, jobs", "`float`"),
    (OK + "[settings]\njobs = true\n", 10, "settings, jobs", "true is not a whole number"),
    (OK + "[settings]\ncommit_types = []\n", 10, "settings, commit_types", "a non-empty list"),
    (OK + '[settings]\ncommit_types = ["a b"]\n', 10, "settings, commit_types 1", "is no commit type"),
    (OK + '[settings]\nhook_time_limit = "1 minute"\n', 10, "settings, hook_time_limit", "as 60s or 1.5m"),
    (OK + '[settings]\nhook_time_limit = "9999999999h"\n', 10, "settings, hook_time_limit", "as 60s or 1.5m"),
    (OK + "[settings]\nauto_don = true\n", 10, "settings, auto_don", 'did you mean "auto_done"?'),
    # phases
    (OK.replace('id = "a"\n', ""), 4, "phase 1", 'the key "id" is missing'),
    (OK.replace('id = "a"', 'id = "A b"'), 5, "phase 1, id", "of the form"),
    (OK.replace('id = "a"', 'id = "a\\n"'), 5, "phase 1, id", "control character U+000A"),
    (OK.replace('id = "a"', 'id = "a-->"'), 5, "phase 1, id", "of the form"),
    (OK.replace('id = "a"', 'id = "plan"'), 5, "phase 1, id", "is reserved"),
    (OK.replace('title = "A"', 'title = "P L A N"'), 6, "phase 1, title", "is reserved"),
    (OK.replace('title = "A"', 'title = "a | b"'), 6, "phase 1, title", '"|" cannot stand'),
    (OK.replace('title = "A"', 'title = "[x] a"'), 6, "phase 1, title", '"]" cannot stand'),
    (OK.replace('title = "A"', 'title = "a --> b"'), 6, "phase 1, title", '"-->" cannot stand'),
    (OK.replace('title = "A"', 'title = "<!-- a"'), 6, "phase 1, title", '"<!--" cannot stand'),
    (OK.replace('title = "A"', 'title = " A"'), 6, "phase 1, title", "begins or ends with a space"),
    (OK.replace('title = "A"', 'title = "A\\u00a0"'), 6, "phase 1, title", "begins or ends with a space"),
    (OK.replace('title = "A"', 'title = "\\u202eA"'), 6, "phase 1, title", "U+202E"),
    (phase_with('estimate = "1]"'), 7, "phase 1, estimate", '"]" cannot stand'),
    (HEAD + PHASE, 4, "phase 1", "neither task, gate nor artifact"),
    (SECOND.replace('id = "b"', 'id = "a"') + TASK, 10, "phase 2, id", "could also mean phase 1"),
    (SECOND.replace('"B"', '"a"') + TASK, 11, "phase 2, title", "could also mean phase 1"),
    (SECOND.replace('"B"', '"1"') + TASK, 11, "phase 2, title", "could also mean phase 1"),
    (SECOND.replace('"B"', '"phase 1"') + TASK, 11, "phase 2, title", "could also mean phase 1"),
    (SECOND.replace('"A"', '"2"') + TASK, 10, "phase 2, id", 'the name "2" could also mean phase 1'),
    (phase_with('depends_on = ["x"]'), 7, "phase 1, depends_on 1", 'unknown phase "x"'),
    (phase_with('depends_on = ["a"]'), 7, "phase 1, depends_on", "in a circle: a -> a"),
    (SECOND + 'depends_on = ["a", "a"]\n' + TASK, 12, "phase 2, depends_on 2", '"a" is named twice'),
    (
        HEAD + PHASE + 'depends_on = ["b"]\n' + TASK + '[[phase]]\nid = "b"\ntitle = "B"\ndepends_on = ["a"]\n' + TASK,
        7, "phase 1, depends_on", "phases depend on each other in a circle: a -> b -> a",
    ),
    (phase_with('gates = ["lint"]') + '[gates.lnt]\nrun = "x"\n', 7, "phase 1, gates 1", 'did you mean "lnt"?'),
    (phase_with('gates = ["g", "g"]') + '[gates.g]\nrun = "x"\n', 7, "phase 1, gates 2", "named twice"),
    (phase_with('artifacts = ["../../x"]'), 7, "phase 1, artifacts 1", "out of the repository"),
    (phase_with('artifacts = ["/x"]'), 7, "phase 1, artifacts 1", "out of the repository"),
    (phase_with('artifacts = [".git/config"]'), 7, "phase 1, artifacts 1", "Git's own folder"),
    (phase_with('artifacts = [".GIT"]'), 7, "phase 1, artifacts 1", "Git's own folder"),
    (phase_with('artifacts = ["."]'), 7, "phase 1, artifacts 1", "not a plain path"),
    (phase_with('artifacts = ["a//b"]'), 7, "phase 1, artifacts 1", "not a plain path"),
    (phase_with('artifacts = ["a/"]'), 7, "phase 1, artifacts 1", "not a plain path"),
    (phase_with('files = ["../x"]'), 7, "phase 1, files 1", "out of the repository"),
    (phase_with('files = ["a/../b/*"]'), 7, "phase 1, files 1", "out of the repository"),
    (phase_with('files = ["./x"]'), 7, "phase 1, files 1", "can match nothing"),
    (phase_with('files = ["/"]'), 7, "phase 1, files 1", "no gitignore pattern"),
    (phase_with('files = ["# x"]'), 7, "phase 1, files 1", "no gitignore pattern"),
    (phase_with('files = ["a/[z-a]"]'), 7, "phase 1, files 1", "no gitignore pattern"),
    (phase_with('files = [" x"]'), 7, "phase 1, files 1", "no gitignore pattern"),
    (phase_with('files = ["a", "!"]'), 7, "phase 1, files 2", "no gitignore pattern"),
    (phase_with('files = ["!x"]'), 7, "phase 1, files", "only exclusions"),
    (phase_with('files = "x"'), 7, "phase 1, files", "is not a list"),
    (phase_with("files = [\n 1]"), 7, "phase 1, files 1", "1 is not a non-empty string"),
    # tasks
    (OK.replace('"T"', '""'), 8, "phase 1, task 1, title", "a non-empty string"),
    (OK.replace('"T"', '"T]"'), 8, "phase 1, task 1, title", '"]" cannot stand'),
    (task_with('id = "a b"'), 9, "phase 1, task 1, id", "of the form"),
    (OK + '[[phase.task]]\nid = "1.1"\ntitle = "U"\n', 10, "phase 1, task 2, id", "taken by phase 1, task 1 (line 7)"),
    (OK + TASK, 10, "phase 1, task 2, title", "phase 1, task 1 has this title, too"),
    (OK + '[[phase.task]]\nid = "u"\ntitle = "t"\n', 11, "phase 1, task 2, title", "has this title"),
    (task_with('depends_on = ["1.2"]'), 9, "phase 1, task 1, depends_on 1", 'unknown task "1.2"; did you mean "1.1"?'),
    (task_with('depends_on = ["1.1"]'), 9, "phase 1, task 1, depends_on", "in a circle: 1.1 -> 1.1"),
    (
        task_with('depends_on = ["2.1"]') + '[[phase]]\nid = "b"\ntitle = "B"\ndepends_on = ["a"]\n' + TASK,
        9, "phase 1, task 1, depends_on", "could never be done: task 1.1 -> task 2.1 -> phase a -> task 1.1",
    ),
    (task_with('file = ["x"]'), 9, "phase 1, task 1, file", 'did you mean "files"?'),
    # gates
    (OK + "[gates.g]\n", 9, "gates, g", 'the key "run" is missing'),
    (OK + '[gates.g]\nrun = ""\n', 10, "gates, g, run", "a non-empty string"),
    (OK + "[gates.g]\nrun = []\n", 10, "gates, g, run", "a non-empty list"),
    (OK + "[gates.g]\nrun = 1\n", 10, "gates, g, run", "or a non-empty list"),
    (OK + '[gates."a:b"]\nrun = "x"\n', 9, "gates, a:b", "no name for a gate"),
    (OK + '[gates."\\u001b"]\nrun = "x"\n', 9, "gates, \\x1b", "no name for a gate"),
    (gate_with("min_tests = 1"), 11, "gates, g, min_tests", 'needs "junit"'),
    (gate_with("min_coverage = 1"), 11, "gates, g, min_coverage", 'needs "coverage"'),
    (gate_with('coverage = "c"\nmin_coverage = 101'), 12, "gates, g, min_coverage", "from 0 to 100"),
    (gate_with('coverage = "c"\nmin_coverage = nan'), 12, "gates, g, min_coverage", "nan is not a number"),
    (gate_with('coverage = "c"\nmin_coverage = inf'), 12, "gates, g, min_coverage", "from 0 to 100"),
    (gate_with('junit = "../r.xml"'), 11, "gates, g, junit", "out of the repository"),
    (gate_with('junit = "."'), 11, "gates, g, junit", "not a plain path"),
    (gate_with('cwd = "/tmp"'), 11, "gates, g, cwd", "out of the repository"),
    (gate_with('timeout = "10"'), 11, "gates, g, timeout", "90s"),
    (gate_with('timeout = "10m\\n"'), 11, "gates, g, timeout", "control character U+000A"),
    (gate_with('inputs = ["../x"]'), 11, "gates, g, inputs 1", "out of the repository"),
    # questions and controls
    (OK + '[[question]]\nid = "Q"\n', 9, "question 1", 'the key "text" is missing'),
    (OK + '[[question]]\nid = "Q"\ntext = "?"\nblocks = ["b"]\n', 12, "question 1, blocks 1", 'unknown phase "b"'),
    (OK + '[[question]]\nid = "Q"\ntext = "?"\n' * 2, 13, "question 2, id", "is taken by question 1"),
    (OK + '[[control]]\nid = "S"\ntext = "?"\n', 9, "control 1", 'the key "phase" is missing'),
    (OK + '[[control]]\nid = "S"\ntext = "?"\nphase = "b"\n', 12, "control 1, phase", 'unknown phase "b"'),
    (OK + '[[control]]\nid = "S"\ntext = "?"\nphase = "a"\ncheck = ""\n', 13, "control 1, check", "a non-empty string"),
    # not even TOML
    ("version = 1\nx = \n", 2, "", "is not TOML"),
    ("version = 1\nx = 1", 0, "", 'the key "feature" is missing'),
    ("version = 1\n[feature", 2, "", "is not TOML"),
    ('["line x"]\n["line x"]', 2, "", "is not TOML"),
    ('"(at line 7" = 1\n"(at line 7" = 2', 2, "", "is not TOML"),
    (OK + "version = 2\x00\n", 9, "", "is not TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "message"), RULES)
def test_rules(text: str, line: int, key: str, message: str) -> None:
    found = told(text)
    assert any((line, key) == (at, where) and message in what for at, where, what in found), found
    crlf = told(text.replace("\n", "\r\n"))
    assert [(at, where) for at, where, _ in crlf] == [(at, where) for at, where, _ in found]


def test_everything_wrong_is_told_at_once_in_order_of_lines() -> None:
    text = OK.replace('"A"', '"A]"') + "files = [1]\ndepends_on = ['9']\n[settings]\njobs = -1\n[gates.g]\nrunn = 'x'\n"
    found = told(text)
    assert [line for line, _, _ in found] == sorted(line for line, _, _ in found)
    assert {(line, key) for line, key, _ in found} == {
        (6, "phase 1, title"),
        (9, "phase 1, task 1, files 1"),
        (10, "phase 1, task 1, depends_on 1"),
        (12, "settings, jobs"),
        (13, "gates, g"),
        (14, "gates, g, runn"),
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"#" * (10 << 20), "at most"),
        (OK.encode() + b"# \xff", "not UTF-8"),
        (OK.encode("utf-16"), "not UTF-8"),
        (b"a = " + b"[" * 100_000, "nested too deep"),
        (b"a" + b".a" * 3000 + b" = 1", "nested too deep"),
        (b"[gates" + b".a" * 3000 + b"]", "nested too deep"),
        (b"a = " + b"[" * 100 + b"]" * 100, "nested too deep"),
        (b"version = " + b"9" * 5000, "too large"),
        (b"version = 0x" + b"f" * 5000, "64 bits"),
        (OK.encode() + b"[settings]\njobs = 9223372036854775808\n", "64 bits"),
        (b"", "missing"),
        (b"\x00", "is not TOML"),
        (b'\xff\xfe"', "not UTF-8"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_hostile_files(data: bytes, message: str) -> None:
    started = time.monotonic()
    assert any(message in what for _, _, what in told(data))
    assert time.monotonic() - started < 5


def test_the_line_of_a_byte_that_is_no_text() -> None:
    assert told(b"version = 1\n\n# \xe9\n")[0][0] == 3


def test_a_byte_order_mark_is_no_content() -> None:
    plan, findings = read("\ufeff" + OK)
    assert plan == read(OK)[0] is not None
    assert findings == []


def test_many_mistakes_are_told_soon() -> None:
    tasks = "".join(f'[[phase.task]]\ntitle = "T{n}"\ndepends_on = ["nobody-{n}"]\n' for n in range(2000))
    started = time.monotonic()
    found = told(HEAD + PHASE + tasks)
    assert len(found) == 2000
    assert time.monotonic() - started < 10


def test_a_plan_of_ten_thousand_tasks_is_read_in_seconds() -> None:
    text = HEAD + "".join(
        f'[[phase]]\nid = "p{n}"\ntitle = "Part {n}."\n' + (f'depends_on = ["p{n - 1}"]\n' if n else "")
        + "".join(f'[[phase.task]]\ntitle = "Task {m}"\nfiles = ["src/{n}/{m}.py"]\n' for m in range(100))
        for n in range(100)
    )  # fmt: skip
    started = time.monotonic()
    plan, findings = read(text)
    assert time.monotonic() - started < 8
    assert plan is not None
    assert findings == []
    assert sum(len(phase.tasks) for phase in plan.phases) == 10_000


FULL = """\
version = 1
[feature]
title = "F"
summary = "two\\nlines"
assumptions = ["PostgreSQL 15"]
[settings]
require_phase = "advancing"
commit_types = ["feat", "fix"]
exempt_authors = ["*[bot]@*"]
unplanned_files = "block"
one_phase_per_commit = false
max_commit_files = 3
max_commit_lines = 4
auto_done = false
on_gate_failure = "block"
hook_time_limit = "1.5m"
jobs = 0
mainline = "squash"
setup = "npm ci"
summary_lines = false
[gates.lint]
run = "ruff check src"
[gates.tests]
run = ["pytest", "-q"]
inputs = ["src/**", "!src/gen/**"]
cwd = "sub"
timeout = "500ms"
junit = "r/j.xml"
coverage = "r/c.xml"
min_coverage = 80
[[phase]]
id = "a"
title = "A"
owners = ["Anna", "Ben"]
estimate = "2-3 hours"
files = ["db/schema.sql"]
gates = ["lint", "tests"]
artifacts = ["docs/a.md"]
[[phase.task]]
title = "T"
[[phase.task]]
id = "x"
title = "U"
depends_on = ["1.1"]
[[phase]]
id = "b"
title = "B"
depends_on = ["a"]
gates = ["lint"]
[[question]]
id = "Q1"
text = "Which?"
blocks = ["b"]
[[control]]
id = "S1"
text = "Safe"
phase = "b"
check = "grep"
[[control]]
id = "S2"
text = "Safe"
phase = "b"
check = "grep"
waiver = " accepted "
[[control]]
id = "S3"
text = "Safe"
phase = "b"
reference = "ASVS 1.2.3"
resolved = " by hand "
waiver = { why = "old", who = "Anna", until = 2026-12-31 }
[[blocker]]
id = "B1"
text = "No key"
blocks = ["b"]
resolved = " it came "
[[assumption]]
id = "A1"
text = "There is room"
blocks = ["a", "b"]
confirmed = true
[[risk]]
id = "R1"
text = "It grows"
phase = "a"
mitigation = "cut"
status = "accepted"
[[risk]]
id = "R2"
text = "It shrinks"
"""


def test_every_key_arrives() -> None:
    plan, findings = read(FULL)
    assert plan is not None
    assert findings == []
    assert plan.settings == Settings(
        require_phase="advancing", commit_types=("feat", "fix"), exempt_authors=("*[bot]@*",), unplanned_files="block",
        one_phase_per_commit=False, max_commit_files=3, max_commit_lines=4, auto_done=False, on_gate_failure="block",
        hook_time_limit_s=90.0, jobs=0, mainline="squash", setup="npm ci", summary_lines=False,
    )  # fmt: skip
    assert (plan.title, plan.summary, plan.assumptions) == ("F", "two\nlines", ("PostgreSQL 15",))
    a, b = plan.phases
    assert (a.number, a.line, a.estimate, a.artifacts) == (1, 31, "2-3 hours", ("docs/a.md",))
    assert a.gates[0] == Gate("lint", "ruff check src")
    tests = a.gates[1]
    assert (tests.run, tests.cwd, tests.timeout_s, tests.min_tests) == (("pytest", "-q"), "sub", 0.5, 1)
    assert (tests.junit, tests.coverage, tests.min_coverage) == ("r/j.xml", "r/c.xml", 80.0)
    assert [(p.text, p.include) for p in tests.inputs or ()] == [("src/**", True), ("!src/gen/**", False)]
    assert [(t.id, t.positional, t.depends_on) for t in a.tasks] == [("1.1", True, ()), ("x", False, ("1.1",))]
    assert a.owners == ("Anna", "Ben")
    assert [gate.name for gate in b.gates] == ["lint", "control:S1", "control:S2"]
    assert b.controls == (
        Control("S1", "Safe", checked=True),
        Control("S2", "Safe", checked=True, waiver="accepted"),
        Control(
            "S3", "Safe", "ASVS 1.2.3", resolved=True, how="by hand", waiver="old", waived_by="Anna", until="2026-12-31"
        ),
    )
    assert plan.holds == (
        Hold("question", "Q1", "Which?", ("b",)),
        Hold("blocker", "B1", "No key", ("b",), "it came"),
        Hold("assumption", "A1", "There is room", ("a", "b"), "yes"),
    )
    assert plan.risks == (Risk("R1", "It grows", "a", "cut", "accepted"), Risk("R2", "It shrinks"))


CHECKED = """\
[[control]]
id = "S4"
text = "Safe"
phase = "b"
check = "grep"
waiver = { why = "old", who = "Anna", until = "2026-12-31" }
"""


def test_a_waiver_counts_through_its_last_day() -> None:
    plan, _ = read(FULL + CHECKED)
    assert plan is not None
    assert plan.has_ends

    def gates(day: str) -> list[str]:
        return [gate.name for gate in plan.at(day).phase("b").gates]

    assert gates("2026-12-31") == ["lint", "control:S1"], "what is waived is not checked"
    assert gates("2027-01-01") == ["lint", "control:S1", "control:S4"]
    assert [c.is_waived for c in plan.at("2027-01-01").phase("b").controls] == [False, True, False, False]
    assert plan.at("2027-01-01").ended == ("S3", "S4")
    assert plan.at("2026-12-30") is plan.at("2026-12-31")
    assert plan.at("2027-01-01") is plan.at("2028-01-01")
    assert plan.at("2026-12-31").at("2026-12-31") == plan.at("2026-12-31")


@pytest.mark.parametrize(
    "waiver",
    ['{ why = "old" }', '{ why = "old", who = "" }', '{ why = "old", who = "A", until = "soon" }', "1"],
)
def test_a_waiver_needs_its_terms(waiver: str) -> None:
    plan, findings = read(FULL.replace('" accepted "', waiver))
    assert plan is None
    assert {finding.locations[0].text.split(", ")[:2] == ["control 2", "waiver"] for finding in findings} == {True}


def test_the_defaults_are_those_that_are_documented() -> None:
    plan, _ = read(OK)
    assert plan is not None
    assert plan.settings == Settings(
        require_phase="always", commit_types=("feat",), exempt_authors=(), unplanned_files="allow",
        one_phase_per_commit=True, max_commit_files=0, max_commit_lines=0, auto_done=True, on_gate_failure="allow",
        hook_time_limit_s=60.0, jobs=1, mainline="merge", setup="", summary_lines=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("0s", 0), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("250ms", 0.25)]
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    jsonschema.Draft202012Validator.check_schema(json_schema())
    for text in (OK, FULL):
        assert list(validator.iter_errors(without_dates(tomli.loads(text)))) == []
    for text in (OK.replace("version = 1", "version = 2"), OK + "[settings]\njobs = -1\n", "x = 1\n" + OK):
        assert list(validator.iter_errors(tomli.loads(text)))
    assert schema_text().endswith("}\n")


VALUES = st.recursive(
    st.none()
    | st.sampled_from(['"x"', '""', "1", "-1", "1.0", "true", "nan", "1979-05-27", '"a]"', '["a", "a"]', "[[]]"]),
    lambda inner: st.just("[{}]") | inner.map(lambda value: f"[{value or 1}]"),
    max_leaves=3,
)
KEYS = st.sampled_from(
    ["version", "feature", "settings", "gates", "phase", "question", "control", "id", "title", "task", "files",
     "gates.g", "gates.g.run", "phase.id", "depends_on", "inputs", "text", "blocks", "check", "cwd"]
)  # fmt: skip
HEADERS = st.sampled_from(
    ["", "[feature]", "[settings]", "[gates.g]", "[gates]", "[[phase]]", "[[phase.task]]", "[[question]]",
     "[[control]]", "[phase]", "[[gates]]", "[[feature]]"]
)  # fmt: skip


@given(st.lists(st.tuples(HEADERS, st.dictionaries(KEYS, VALUES, max_size=3)), max_size=5), st.booleans())
def test_anything_is_read_or_told(tables: list[tuple[str, dict[str, str | None]]], begins_well: bool) -> None:
    lines = [OK] if begins_well else []
    for header, body in tables:
        lines += [header, *(f"{key} = {value}" for key, value in body.items() if value is not None)]
    text = "\n".join(lines)
    plan, findings = read(text)
    assert (plan is None) == any(finding.severity == "error" for finding in findings)
    if plan is not None:
        assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(tomli.loads(text))) == []


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_told(data: bytes) -> None:
    assert read_plan(data)[0] is None
