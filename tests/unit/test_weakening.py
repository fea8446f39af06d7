"""What a change of the plan asks less of, told line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.weakening import weakenings
from tests.unit.core_support import plan_of

PLAN = """
[settings]
commit_types = ["feat", "fix"]
max_commit_files = 20
max_commit_lines = 500

[gates.lint]
run = "ruff check"
inputs = ["src/**", "!src/old/**", "tests/**"]
timeout = "5m"

[gates.tests]
run = ["pytest", "-q"]
cwd = "src"
junit = "out/junit.xml"
min_tests = 10
coverage = "out/coverage.xml"
min_coverage = 87.5

[[phase]]
id = "base"
title = "Base"
estimate = "2 hours"
files = ["src/base/**", "shared.py", "!src/base/gen/**"]
artifacts = ["docs/base.md", "dist"]
gates = ["lint", "tests"]

[[phase.task]]
id = "schema"
title = "Schema"
files = ["db/schema.sql", "db/more/*.sql"]

[[phase.task]]
id = "data"
title = "Data"
depends_on = ["schema"]

[[phase]]
id = "api"
title = "API"
depends_on = ["base"]
files = ["api/**"]
gates = ["tests"]

[[phase.task]]
title = "Login"
files = ["api/login.py"]

[[phase.task]]
title = "Logout"
depends_on = ["2.1", "data"]

[[phase]]
id = "docs"
title = "Docs"
files = ["docs/**"]

[[phase.task]]
id = "text"
title = "Text"

[[question]]
id = "Q1"
text = "Which database?"
blocks = ["base", "api"]

[[question]]
id = "Q2"
text = "Which name?"
blocks = ["docs"]
answer = "This one"

[[control]]
id = "S1"
text = "No secrets"
phase = "base"
check = "scan"

[[control]]
id = "S2"
text = "Reviewed"
phase = "api"
"""
DOCS = """[[phase]]
id = "docs"
title = "Docs"
files = ["docs/**"]

[[phase.task]]
id = "text"
title = "Text"
"""
DATA = """[[phase.task]]
id = "data"
title = "Data"
depends_on = ["schema"]
"""
LOGIN = """[[phase.task]]
title = "Login"
files = ["api/login.py"]
"""
FIRST = '[[phase.task]]\ntitle = "First"\n'
LOGOUT = """[[phase.task]]
title = "Logout"
depends_on = ["2.1", "data"]
"""
QUESTION = """[[question]]
id = "Q1"
text = "Which database?"
blocks = ["base", "api"]
"""
ANSWERED = """[[question]]
id = "Q2"
text = "Which name?"
blocks = ["docs"]
answer = "This one"
"""
CHECKED = """[[control]]
id = "S1"
text = "No secrets"
phase = "base"
check = "scan"
"""
BY_HAND = """[[control]]
id = "S2"
text = "Reviewed"
phase = "api"
"""
WAIVED = 'waiver = { why = "x", who = "Anna", until = 2026-12-31 }'
Change = tuple[str, str]


def edited(*changes: Change) -> str:
    """The plan's text with each of the texts, which are in it once, replaced."""
    text = PLAN
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def told(old: str, new: str) -> list[str]:
    return weakenings(plan_of(old), plan_of(new))


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        # phases
        ([(DOCS, ""), (ANSWERED, "")], ["phase docs is taken away"]),
        ([('depends_on = ["base"]\n', "")], ["phase api: no longer depends on base"]),
        ([('files = ["api/**"]\n', "")], ["phase api: no longer claims api/**"]),
        (
            [('"src/base/**", "shared.py"', '"src/base/**/*.py"')],
            ["phase base: no longer claims src/base/**, shared.py"],
        ),
        ([('"!src/base/gen/**"', '"!src/base/gen/**", "!shared.py"')], ["phase base: excludes !shared.py"]),
        ([('"docs/base.md", "dist"', '"dist"')], ["phase base: no longer needs docs/base.md"]),
        ([('artifacts = ["docs/base.md", "dist"]\n', "")], ["phase base: no longer needs docs/base.md, dist"]),
        # gates
        ([('"lint", "tests"', '"tests"')], ["phase base: gate lint is taken away"]),
        ([('run = "ruff check"', 'run = "true"')], ["phase base: gate lint: runs 'true', ran 'ruff check'"]),
        (
            [('run = "ruff check"', 'run = ["ruff", "check"]')],
            ["phase base: gate lint: runs ('ruff', 'check'), ran 'ruff check'"],
        ),
        (
            [('cwd = "src"\n', "")],
            ["phase base: gate tests: runs in ., ran in src", "phase api: gate tests: runs in ., ran in src"],
        ),
        (
            [('"src/**", "!src/old/**", "tests/**"', '"src/**", "!src/old/**"')],
            ["phase base: gate lint: tests/** is no input any more"],
        ),
        (
            [('"!src/old/**", "tests/**"', '"!src/old/**", "tests/**", "!tests/slow/**"')],
            ["phase base: gate lint: its inputs exclude !tests/slow/**"],
        ),
        (
            [('cwd = "src"', 'cwd = "src"\ninputs = ["src/**"]')],
            [
                "phase base: gate tests: its inputs are no longer all files of its phase",
                "phase api: gate tests: its inputs are no longer all files of its phase",
            ],
        ),
        (
            [('junit = "out/junit.xml"\nmin_tests = 10\n', "")],
            [
                f"phase {name}: gate tests: {line}"
                for name in ("base", "api")
                for line in ("junit is no longer read", "min_tests is 0, was 10")
            ],
        ),
        (
            [("min_tests = 10", "min_tests = 9")],
            ["phase base: gate tests: min_tests is 9, was 10", "phase api: gate tests: min_tests is 9, was 10"],
        ),
        (
            [('coverage = "out/coverage.xml"\nmin_coverage = 87.5\n', "")],
            [
                f"phase {name}: gate tests: {line}"
                for name in ("base", "api")
                for line in ("coverage is no longer read", "min_coverage is 0, was 87.5")
            ],
        ),
        (
            [("min_coverage = 87.5", "min_coverage = 87")],
            [f"phase {name}: gate tests: min_coverage is 87, was 87.5" for name in ("base", "api")],
        ),
        # controls
        ([(CHECKED, "")], ["phase base: control S1 is taken away"]),
        ([('phase = "base"\n', 'phase = "docs"\n')], ["phase base: control S1 is taken away"]),
        ([('check = "scan"\n', "")], ["phase base: control S1: is no longer checked"]),
        (
            [('check = "scan"\n', "resolved = true\n")],
            ["phase base: control S1: is no longer checked", "phase base: control S1: is resolved by hand"],
        ),
        ([('check = "scan"', 'check = "true"')], ["phase base: control S1: runs 'true', ran 'scan'"]),
        ([('check = "scan"', 'check = "scan"\nwaiver = "no time"')], ["phase base: control S1: is waived: no time"]),
        ([('phase = "api"\n', 'phase = "api"\nresolved = true\n')], ["phase api: control S2: is resolved by hand"]),
        # tasks
        (
            [(DATA, ""), ('"2.1", "data"', '"2.1"')],
            ["task data is taken away: Data", "task 2.2 no longer depends on data"],
        ),
        (
            [(LOGIN, ""), ('"2.1", "data"', '"data"')],
            ["task 2.1 is taken away: Login", "task 2.2 no longer depends on 2.1"],
        ),
        (
            [('title = "Login"', 'title = "Sign in"'), ('"2.1", "data"', '"data"')],
            ["task 2.1 is taken away: Login", "task 2.2 no longer depends on 2.1"],
        ),
        ([('"db/schema.sql", "db/more/*.sql"', '"db/schema.sql"')], ["task schema no longer needs db/more/*.sql"]),
        (
            [('files = ["db/schema.sql", "db/more/*.sql"]\n', "")],
            ["task schema no longer needs db/schema.sql, db/more/*.sql"],
        ),
        ([('"db/more/*.sql"', '"db/more/*.sql", "!db/more/a.sql"')], ["task schema excludes !db/more/a.sql"]),
        ([('depends_on = ["schema"]\n', "")], ["task data no longer depends on schema"]),
        # A task that a title alone names is followed to its new place, and what depends on it, too.
        (
            [(LOGIN, FIRST + LOGIN.replace('"api/login.py"', '"api/*.py"')), ('"2.1", "data"', '"2.2"')],
            ["task 2.1 no longer needs api/login.py", "task 2.2 no longer depends on data"],
        ),
        (
            [('phase = "api"\n', f'phase = "api"\n{WAIVED}\n')],
            ["phase api: control S2: is waived by Anna until 2026-12-31: x"],
        ),
        # questions
        ([(QUESTION, "")], ["question Q1 is taken away while it is open"]),
        ([('blocks = ["base", "api"]', 'blocks = ["api"]')], ["question Q1 no longer blocks base"]),
        # settings
        ([("max_commit_files = 20", "max_commit_files = 21")], ["settings.max_commit_files is 21, was 20"]),
        ([("max_commit_files = 20\n", "")], ["settings.max_commit_files is 0, was 20"]),
        ([("max_commit_lines = 500\n", "")], ["settings.max_commit_lines is 0, was 500"]),
        ([('"feat", "fix"', '"feat", "chore", "fix", "docs"')], ["settings.commit_types accepts chore, docs"]),
        ([('["feat", "fix"]', '["*"]')], ["settings.commit_types accepts *"]),
        (
            [("commit_types =", 'exempt_authors = ["*@x.org"]\ncommit_types =')],
            ["settings.exempt_authors accepts *@x.org"],
        ),
    ],
)
def test_what_is_told(changes: list[Change], lines: list[str]) -> None:
    assert told(PLAN, edited(*changes)) == lines


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('require_phase = "always"', 'require_phase = "advancing"', 'require_phase is "advancing", was "always"'),
        ('unplanned_files = "block"', "", 'unplanned_files is "allow", was "block"'),
        ("", "one_phase_per_commit = false", "one_phase_per_commit is false, was true"),
        ('on_gate_failure = "block"', "", 'on_gate_failure is "allow", was "block"'),
        ("", 'mainline = "squash"', 'mainline is "squash", was "merge"'),
        ("auto_done = false", "", "auto_done is true, was false"),
    ],
)
def test_a_setting_is_loosened_and_not_tightened(old: str, new: str, line: str) -> None:
    before, after = (edited(("[settings]", f"[settings]\n{text}")) for text in (old, new))
    assert told(before, after) == [f"settings.{line}"]
    assert told(after, before) == []


HARMLESS: dict[str, list[Change]] = {
    "a type fewer": [('"feat", "fix"', '"feat"')],
    "types in another order": [('"feat", "fix"', '"fix", "feat"')],
    "smaller commits": [
        ("max_commit_files = 20", "max_commit_files = 1"),
        ("max_commit_lines = 500", "max_commit_lines = 1"),
    ],
    "settings that judge nothing": [
        ("[settings]", '[settings]\njobs = 4\nsummary_lines = false\nhook_time_limit = "1s"')
    ],
    "a phase more": [(QUESTION, '[[phase]]\nid = "more"\ntitle = "More"\ngates = ["lint"]\n' + QUESTION)],
    "a phase by another title": [('title = "API"', 'title = "Endpoints"')],
    "an estimate": [('"2 hours"', '"9 hours"')],
    "phases in another order": [
        (DOCS, ""),
        ('[[phase]]\nid = "base"', DOCS + '[[phase]]\nid = "base"'),
        ('"2.1"', '"3.1"'),
    ],
    "a dependency more": [('id = "docs"', 'id = "docs"\ndepends_on = ["base"]')],
    "a claim more": [('"api/**"', '"web/**", "api/**"')],
    "an exclusion fewer": [(', "!src/base/gen/**"', "")],
    "an artifact more": [('"docs/base.md", "dist"', '"dist", "docs/base.md", "more"')],
    "gates in another order": [('"lint", "tests"', '"tests", "lint"')],
    "a gate more": [('files = ["docs/**"]', 'files = ["docs/**"]\ngates = ["lint"]')],
    "a time limit": [('timeout = "5m"', 'timeout = "50m"')],
    "inputs more, an exclusion fewer": [('"src/**", "!src/old/**", "tests/**"', '"tests/**", "conf/**", "src/**"')],
    "higher minima": [("min_tests = 10", "min_tests = 11"), ("min_coverage = 87.5", "min_coverage = 88")],
    "a report more": [('timeout = "5m"', 'junit = "lint.xml"')],
    "a task more": [(LOGOUT, LOGOUT + '[[phase.task]]\ntitle = "Third"\n')],
    "a task by another title": [('title = "Schema"', 'title = "Tables"')],
    "tasks in another order": [(LOGIN, ""), (LOGOUT, LOGOUT.replace("2.1", "2.2") + LOGIN)],
    "a task that gets an id": [
        ('title = "Login"', 'id = "login"\ntitle = "Login"'),
        ('"2.1", "data"', '"login", "data"'),
    ],
    "a file of a task more": [('"db/schema.sql", "db/more/*.sql"', '"db/more/*.sql", "db/x.sql", "db/schema.sql"')],
    "a task's dependency more": [('"2.1", "data"', '"schema", "data", "2.1"')],
    "an answer": [('blocks = ["base", "api"]', 'blocks = ["base", "api"]\nanswer = "Any"')],
    "an answered question that is taken away": [(ANSWERED, "")],
    "a question that blocks more": [('blocks = ["base", "api"]', 'blocks = ["docs", "api", "base"]')],
    "a control that is checked now": [('phase = "api"\n', 'phase = "api"\ncheck = "look"\n')],
    "a checked control that is also resolved": [('check = "scan"', 'check = "scan"\nresolved = true')],
    "a control by another text": [('text = "Reviewed"', 'text = "Reviewed twice"')],
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_asks_no_less_is_not_told(name: str) -> None:
    assert told(PLAN, edited(*HARMLESS[name])) == []


def test_what_has_been_given_up_before_is_not_told_again() -> None:
    lax = edited(
        ("[settings]", '[settings]\nexempt_authors = ["*"]'),
        ('["feat", "fix"]', '["*"]'),
        ("max_commit_files = 20\n", ""),
        (BY_HAND, BY_HAND + 'resolved = true\nwaiver = "old"\n'),
    )
    more = lax.replace('["*"]', '["*", "b"]').replace('waiver = "old"', 'waiver = "new"')
    assert told(lax, more.replace("max_commit_lines", "max_commit_files = 9\nmax_commit_lines")) == []


@pytest.mark.parametrize(
    ("terms", "line"),
    [
        (WAIVED.replace("2026-12-31", "2027-01-01"), "until 2027-01-01, was 2026-12-31"),
        ('waiver = "x"', "until for ever, was 2026-12-31"),
        (WAIVED.replace("2026-12-31", "2026-12-30"), ""),
        (WAIVED.replace("Anna", "Ben"), ""),
    ],
)
def test_a_waiver_that_is_made_longer_is_told(terms: str, line: str) -> None:
    before = edited((BY_HAND, f"{BY_HAND}{WAIVED}\n"))
    expected = [f"phase api: control S2: is waived longer, {line}"] if line else []
    assert told(before, before.replace(WAIVED, terms)) == expected


@pytest.mark.parametrize("kind", ["blocker", "assumption"])
def test_what_holds_is_told_when_it_goes(kind: str) -> None:
    hold = f'[[{kind}]]\nid = "X1"\ntext = "Wait"\nblocks = ["base", "api"]\n'
    settled = {"blocker": "resolved", "assumption": "confirmed"}[kind]
    assert told(PLAN + hold, PLAN) == [f"{kind} X1 is taken away while it is open"]
    assert told(PLAN + hold, PLAN + hold.replace('"base", ', "")) == [f"{kind} X1 no longer blocks base"]
    assert told(PLAN + hold, f"{PLAN}{hold}{settled} = true\n") == []
    assert told(f"{PLAN}{hold}{settled} = true\n", PLAN) == []


def test_all_of_it_is_told_in_the_order_of_the_old_plan() -> None:
    new = edited(
        (DOCS, ""),
        (ANSWERED, ""),
        (QUESTION, ""),
        (BY_HAND, ""),
        (DATA, ""),
        ('"2.1", "data"', '"2.1"'),
        ('"lint", "tests"', '"tests"'),
        ('depends_on = ["base"]\n', ""),
        ("max_commit_lines = 500\n", ""),
    )
    assert told(PLAN, new) == [
        "settings.max_commit_lines is 0, was 500",
        "phase base: gate lint is taken away",
        "phase api: no longer depends on base",
        "phase api: control S2 is taken away",
        "phase docs is taken away",
        "task data is taken away: Data",
        "task 2.2 no longer depends on data",
        "question Q1 is taken away while it is open",
    ]


@given(st.lists(st.sampled_from(sorted(HARMLESS)), unique=True, max_size=8))
def test_a_plan_is_no_weaker_than_itself_nor_than_what_harmless_changes_make_of_it(names: list[str]) -> None:
    text = PLAN
    for name in names:
        changes = HARMLESS[name]
        if all(text.count(old) == 1 for old, _ in changes):  # an earlier change may have taken its place
            for old, new in changes:
                text = text.replace(old, new)
    plan = plan_of(text)
    assert weakenings(plan, plan) == []
    assert weakenings(plan, plan_of(text)) == []
    assert weakenings(plan_of(PLAN), plan) == []
