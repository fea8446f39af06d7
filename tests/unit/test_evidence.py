"""What the content of a tree proves: inputs and keys of gates, bases and evidence of tasks, artifacts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.evidence import Content
from orchestrator.core.gate import content_digest, gate_key
from orchestrator.core.plan import Gate
from tests.unit.core_support import Files, listing, plan_of

PLAN = """
[gates.lint]
run = "lint"
[gates.docs]
run = "docs"
inputs = ["docs/**", "*.md"]
[[phase]]
id = "base"
title = "Base"
files = ["base/**", "shared.py"]
gates = ["lint", "docs"]
[[phase]]
id = "api"
title = "API"
depends_on = ["base"]
files = ["api/**"]
gates = ["lint"]
[[phase.task]]
id = "t"
title = "T"
files = ["api/new.py", "extra/*"]
[[phase]]
id = "side"
title = "Side"
files = ["side/**", "shared.py", "docs/side/**"]
gates = ["lint"]
[[phase]]
id = "late"
title = "Late"
gates = ["lint"]
"""
FILES: Files = {
    name: name
    for name in (
        "plan.toml", "PLAN.md", "plan.lock", "README.md", "base/a.py", "api/b.py", "extra/c", "side/d.py", "shared.py",
        "docs/x.md", "docs/side/y.md", "docs/plans/old.md",
    )
}  # fmt: skip


def inputs(content: Content, phase_id: str, gate: str) -> list[str]:
    phase = content.plan.phase(phase_id)
    return [item.path for item in content.inputs(phase, next(g for g in phase.gates if g.name == gate))]


@pytest.mark.parametrize(
    ("phase_id", "gate", "expected"),
    [
        ("base", "lint", ["base/a.py", "shared.py"]),
        ("api", "lint", ["api/b.py", "base/a.py", "extra/c", "shared.py"]),
        ("side", "lint", ["docs/side/y.md", "shared.py", "side/d.py"]),
        ("base", "docs", ["README.md", "docs/plans/old.md", "docs/x.md"]),
        # Without files of its own: every tracked file, but those that others alone claim.
        ("late", "lint", ["README.md", "docs/plans/old.md", "docs/x.md"]),
    ],
)
def test_inputs(phase_id: str, gate: str, expected: list[str]) -> None:
    assert inputs(Content(plan_of(PLAN), listing(FILES)), phase_id, gate) == expected


def test_every_tracked_file_where_a_phase_has_none_yet() -> None:
    files = {name: name for name in ("README.md", "plan.toml", "other.txt")}
    assert inputs(Content(plan_of(PLAN), listing(files)), "base", "lint") == ["README.md", "other.txt"]


def test_given_inputs_that_match_nothing_have_no_key() -> None:
    content = Content(plan_of(PLAN), listing({"base/a.py": "x"}))
    base = content.plan.phase("base")
    assert content.key(base, base.gates[1]) == ""
    assert content.key(base, base.gates[0]) != ""


def keys(content: Content) -> dict[tuple[str, str], str]:
    return {(phase.id, gate.name): content.key(phase, gate) for phase in content.plan.phases for gate in phase.gates}


@given(st.sampled_from(sorted(FILES)), st.sampled_from(["other", None]))
def test_a_key_changes_with_each_input_and_nothing_else(path: str, text: str | None) -> None:
    plan = plan_of(PLAN)
    before = Content(plan, listing(FILES))
    files = {name: old for name, old in {**FILES, path: text}.items() if old is not None}
    after = Content(plan, listing(files))
    for phase in plan.phases:
        for gate in phase.gates:
            is_input = path in inputs(before, phase.id, gate.name)
            assert (keys(before)[phase.id, gate.name] != keys(after)[phase.id, gate.name]) == is_input


GATE = Gate("g", "run")
INPUTS = [("100644", "a", "1" * 40), ("100755", "b", "2" * 40)]


@pytest.mark.parametrize(
    "gate",
    [
        Gate("h", "run"),
        Gate("g", "other"),
        Gate("g", ("run",)),
        Gate("g", "run", inputs=()),
        Gate("g", "run", cwd="x"),
        Gate("g", "run", junit="x"),
        Gate("g", "run", min_tests=2),
        Gate("g", "run", coverage="x"),
        Gate("g", "run", min_coverage=1.0),
    ],
)
def test_a_key_changes_with_the_definition(gate: Gate) -> None:
    assert gate_key(gate, INPUTS) != gate_key(GATE, INPUTS)


def test_a_key_does_not_change_with_the_time_limit() -> None:
    assert gate_key(GATE.replace(timeout_s=1.0), INPUTS) == gate_key(GATE, INPUTS)
    assert gate_key(GATE.replace(min_coverage=1), INPUTS) == gate_key(GATE.replace(min_coverage=1.0), INPUTS)


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["100644", "100755", "120000"]), st.text("ab/ \n", min_size=1, max_size=4), st.just("1" * 40)
    ),
    max_size=3,
)


@given(ENTRIES, ENTRIES)
def test_different_inputs_have_different_keys(one: list[tuple[str, str, str]], two: list[tuple[str, str, str]]) -> None:
    assert (gate_key(GATE, one) == gate_key(GATE, two)) == (one == two)
    assert (content_digest(one) == content_digest(two)) == (one == two)


def test_names_that_are_no_utf8_have_keys() -> None:
    assert gate_key(GATE, [("100644", b"\xff".decode("utf-8", "surrogateescape"), "1")])


@pytest.mark.parametrize(
    ("base", "now", "missing"),
    [
        ({}, {}, ["api/new.py", "extra/*"]),
        ({}, {"api/new.py": "x"}, ["extra/*"]),
        ({}, {"api/new.py": "x", "extra/c": "x"}, []),
        ({"api/new.py": "x", "extra/c": "x"}, {"api/new.py": "x", "extra/c": "x"}, ["api/new.py", "extra/*"]),
        ({"api/new.py": "x", "extra/c": "x"}, {"api/new.py": "y", "extra/c": "x", "extra/d": "x"}, []),
        ({"api/new.py": "x", "extra/c": "x"}, {}, []),
        ({"api/new.py": "x"}, {"api/new.py": "-> x", "extra/e/f": ""}, []),
    ],
)
def test_evidence_is_what_differs_from_base(base: Files, now: Files, missing: list[str]) -> None:
    plan = plan_of(PLAN)
    task = plan.phase("api").tasks[0]
    found = Content(plan, listing(base)).base(task)
    assert Content(plan, listing(now)).without_evidence(task, found) == missing


def test_base_holds_only_what_matched() -> None:
    plan = plan_of(PLAN)
    task = plan.phase("api").tasks[0]
    assert set(Content(plan, listing({"extra/c": "x"})).base(task)) == {"extra/*"}


@pytest.mark.parametrize(
    ("path", "files", "expected"),
    [
        ("a", {"a": "x"}, True),
        ("a", {"a": ""}, False),
        ("a", {"a": "-> /etc/passwd"}, False),
        ("a", {"a/b/c": "x"}, True),
        ("a", {"a/b": "", "a/c": "-> x"}, False),
        ("a", {"ab": "x"}, False),
        ("a", {}, False),
    ],
)
def test_artifacts(path: str, files: Files, expected: bool) -> None:
    assert Content(plan_of(PLAN), listing(files)).has_artifact(path) is expected


def test_an_empty_blob_is_known_in_both_object_formats() -> None:
    content = Content(
        plan_of(PLAN),
        {
            "a": ("100644", "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"),
            "b": ("160000", "1" * 40),
        },
    )
    assert not content.is_filled("a")
    assert not content.is_filled("b")
