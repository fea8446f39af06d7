"""Where a plan stands, from marks, passes and content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.evidence import Content
from orchestrator.core.state import PhaseState, current_phase, plan_state
from tests.unit.core_support import Files, listing, plan_of

PLAN = """
[gates.lint]
run = "lint"
[[phase]]
id = "one"
title = "One"
gates = ["lint"]
artifacts = ["out"]
[[phase.task]]
id = "1a"
title = "A"
[[phase.task]]
id = "1b"
title = "B"
[[phase]]
id = "two"
title = "Two"
depends_on = ["one"]
[[phase.task]]
id = "2a"
title = "A"
[[phase]]
id = "three"
title = "Three"
depends_on = ["two"]
gates = ["lint"]
[[phase]]
id = "four"
title = "Four"
[[phase.task]]
id = "4a"
title = "A"
[[control]]
id = "S1"
text = "Safe"
phase = "four"
[[question]]
id = "Q1"
text = "Which?"
blocks = ["four"]
"""
DONE_ONE = {"1a": "done", "1b": "done"}


def states(
    marks: dict[str, str], passed: tuple[str, ...] = (), files: Files | None = None, plan: str = PLAN
) -> dict[str, PhaseState]:
    found = plan_of(plan)
    return plan_state(found, marks, Content(found, listing(files or {})), lambda phase, _gate: phase.id in passed)


@pytest.mark.parametrize(
    ("marks", "passed", "files", "expected"),
    [
        ({}, (), {}, ["ready", "locked", "locked", "locked"]),
        ({"1a": "in progress"}, (), {}, ["in progress", "locked", "locked", "locked"]),
        ({"1a": "done"}, (), {}, ["in progress", "locked", "locked", "locked"]),
        ({"1a": "reopened"}, (), {}, ["in progress", "locked", "locked", "locked"]),
        (DONE_ONE, (), {"out": "x"}, ["awaiting gates", "locked", "locked", "locked"]),
        (DONE_ONE, ("one",), {}, ["awaiting gates", "locked", "locked", "locked"]),
        (DONE_ONE, ("one",), {"out": "x"}, ["complete", "ready", "locked", "locked"]),
        (DONE_ONE | {"2a": "done"}, ("one",), {"out": "x"}, ["complete", "complete", "awaiting gates", "locked"]),
        ({"2a": "done"}, (), {}, ["ready", "complete", "locked", "locked"]),
        (DONE_ONE | {"2a": "done"}, ("one", "three"), {"out": "x"}, ["complete", "complete", "complete", "locked"]),
    ],
)
def test_status(marks: dict[str, str], passed: tuple[str, ...], files: Files, expected: list[str]) -> None:
    assert [state.status for state in states(marks, passed, files).values()] == expected


def test_its_own_line_speaks_of_itself_only() -> None:
    assert [s.own_status for s in states({"2a": "done", "4a": "done"}).values()] == [
        "not started", "complete", "awaiting gates", "awaiting gates",
    ]  # fmt: skip


def test_what_it_waits_for_is_transitive_and_in_plan_order() -> None:
    assert states({})["three"].waits_for == ("one", "two")
    assert states({"2a": "done"})["three"].waits_for == ("one",)
    assert states({})["one"].waits_for == ()


def test_reasons() -> None:
    reasons = states({"1a": "in progress"})["one"].reasons()
    assert reasons == [
        "task 1a is in progress: A",
        "task 1b is open: B",
        "gate lint has not passed on what is here",
        "artifact out is missing or empty",
    ]
    assert states({"4a": "done"})["four"].reasons() == ["control S1 is open: Safe"]
    known = {("one", "lint"): "failed (exit 1)"}
    told = states({})["one"].reasons(lambda phase, gate: known.get((phase, gate), ""))
    assert "gate lint failed (exit 1)" in told


@pytest.mark.parametrize(
    ("control", "passed", "is_open"),
    [
        ("", (), True),
        ("resolved = false", (), True),
        ("resolved = true", (), False),
        ('waiver = " "', (), True),
        ('waiver = "accepted"', (), False),
        ('check = "x"', (), True),
        ('check = "x"', ("four",), False),
        ('check = "x"\nresolved = true', (), True),
        ('check = "x"\nwaiver = "accepted"', (), False),
    ],
)
def test_controls(control: str, passed: tuple[str, ...], is_open: bool) -> None:
    plan = PLAN.replace('phase = "four"\n', f'phase = "four"\n{control}\n')
    found = states({"4a": "done"}, passed, plan=plan)["four"]
    assert bool(found.open_controls) is is_open
    assert found.complete is not is_open


@pytest.mark.parametrize(("answer", "is_open"), [("", False), (" \t", False), ("This", True)])
def test_questions(answer: str, is_open: bool) -> None:
    plan = PLAN + f'answer = "{answer}"\n'
    assert states({}, plan=plan)["four"].open is is_open


def test_the_current_phase() -> None:
    def current(
        marks: dict[str, str], passed: tuple[str, ...] = (), files: Files | None = None, plan: str = PLAN
    ) -> str:
        found = current_phase(states(marks, passed, files, plan))
        return found.phase.id if found else ""

    every = DONE_ONE | {"2a": "done", "4a": "done"}
    assert current({}) == "one"
    assert current(DONE_ONE, ("one",), {"out": "x"}) == "two"
    assert current(every, ("one", "three"), {"out": "x"}) == "four", "locked, but the first that is not complete"
    resolved = PLAN.replace('phase = "four"\n', 'phase = "four"\nresolved = true\n')
    assert current(every, ("one", "three"), {"out": "x"}, resolved) == ""


@given(
    st.dictionaries(st.sampled_from(["1a", "1b", "2a", "4a"]), st.sampled_from(["done", "in progress", "reopened"])),
    st.sets(st.sampled_from(["one", "two", "three", "four"])).map(lambda found: tuple(sorted(found))),
    st.booleans(),
)
def test_nothing_is_complete_with_something_missing(
    marks: dict[str, str], passed: tuple[str, ...], has_out: bool
) -> None:
    found = states(marks, passed, {"out": "x"} if has_out else {})
    for state in found.values():
        assert state.complete == (not state.reasons())
        assert state.open == (not state.holds and all(found[name].complete for name in closure_of(state)))
        assert (state.status == "complete") == state.complete


def closure_of(state: PhaseState) -> list[str]:
    return {"one": [], "two": ["one"], "three": ["one", "two"], "four": []}[state.phase.id]
