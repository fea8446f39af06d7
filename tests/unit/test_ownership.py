"""Which phases and tasks claim a path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.ownership import Owners
from orchestrator.core.patterns import any_matches
from orchestrator.core.plan import is_outside_phases
from tests.unit.core_support import plan_of

PLAN = plan_of("""
[[phase]]
id = "one"
title = "One"
files = ["src/**", "!src/gen/**", "src/gen/keep.py", "docs/**", "plan.toml"]
[[phase.task]]
title = "A"
files = ["src/a.py", "*.md"]
[[phase]]
id = "two"
title = "Two"
files = ["src/gen/", "src/a.py"]
[[phase.task]]
title = "B"
files = ["src", "!src/a.py"]
""")


@pytest.mark.parametrize(
    ("path", "phases", "tasks"),
    [
        ("src/b.py", ["one", "two"], ["2.1"]),
        ("src/a.py", ["one", "two"], ["1.1"]),
        ("src/gen/x.py", ["two"], ["2.1"]),
        ("src/gen/keep.py", ["one", "two"], ["2.1"]),
        ("deep/down/x.md", ["one"], ["1.1"]),
        ("srcs", [], []),
        ("docs/x", ["one"], []),
        ("docs/plans/old.md", [], []),
        ("plan.toml", [], []),
        ("PLAN.md", [], []),
    ],
)
def test_claims(path: str, phases: list[str], tasks: list[str]) -> None:
    owners = Owners(PLAN)
    assert (owners.phases(path), owners.tasks(path)) == (phases, tasks)
    assert (owners.phases(path), owners.tasks(path)) == (phases, tasks), "the second time, too"


@given(st.lists(st.sampled_from(["src", "gen", "a.py", "keep.py", "docs", "plans", "x.md"]), min_size=1, max_size=4))
def test_the_lookup_finds_what_trying_every_pattern_finds(parts: list[str]) -> None:
    path = "/".join(parts)
    expected = [
        phase.id
        for phase in PLAN.phases
        if any(any_matches(found, path) for found in (phase.files, *(task.files for task in phase.tasks)))
    ]
    assert Owners(PLAN).phases(path) == ([] if is_outside_phases(path) else expected)
