"""Which messages have the form, and which phase they name."""

from __future__ import annotations

import pytest

from orchestrator.core.form import Form, expected_form, judge_form
from orchestrator.core.plan import PLAN_NAME, Settings
from tests.unit.core_support import ids, plan_of

PHASES = """
[[phase]]
id = "base"
title = "Foundation"
[[phase.task]]
title = "T"
[[phase]]
id = "backend-api"
title = "Backend API"
[[phase.task]]
title = "T"
"""
OWN = ["PLAN.md", "plan.lock"]


def form(
    text: str,
    settings: str = "",
    changed: list[str] | None = None,
    *,
    advances: bool = False,
    touches: bool = True,
    ticks: bool = False,
    freed: bool = False,
) -> Form:
    plan = plan_of((f"[settings]\n{settings}\n" if settings else "") + PHASES)
    return judge_form(
        text, plan, plan.settings, ["src/x.py"] if changed is None else changed,
        proposed="Foundation", advances=advances, touches_phase=touches, ticks=ticks, freed=freed,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["base", "BASE", "Foundation", " foundation ", "1", "Phase 1", "phase1", "FOUND ATION"]
)
def test_a_phase_has_names(name: str) -> None:
    assert form(f"feat: [{name}] x\n") == Form("base")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("feat: [Foundation]\n", ""),
        ("FEAT(x)!: [2]\n", ""),
        ("\n\nfeat: [2] after blank lines\n", ""),
        ("fix: [2] x\n", "message-format"),
        ("feat: x\n", "message-format"),
        ("update\n", "message-format"),
        ("", "message-format"),
        ("Merge branch 'x'\n", "message-format"),
        ("fixup! feat: [2] x\n", "message-format"),
        ("feat: [3] x\n", "phase-unknown"),
        ("feat: [plan] x\n", "phase-mismatch"),
    ],
)
def test_form(text: str, finding: str) -> None:
    assert ids(form(text).findings) == ([finding] if finding else [])


def test_the_nearest_phase_is_offered() -> None:
    found = form("feat: [Backand API] x\n").findings[0]
    assert 'did you mean "Backend API"?' in found.message
    assert "2 Backend API (backend-api)" in found.notes[0]


def test_types_are_named() -> None:
    notes = form("fix: [2] x\n").findings[0].notes
    assert notes == ("settings.commit_types accepts feat",)
    assert form("fix: [2] x\n", 'commit_types = ["feat", "fix"]').findings == ()
    assert form("anything: [2] x\n", 'commit_types = ["*"]').findings == ()
    assert ids(form("feat: x\n", 'commit_types = ["*"]').findings) == ["message-format"]
    assert expected_form(Settings(commit_types=("feat", "fix"))) == "feat|fix: [phase] subject"
    assert expected_form(Settings(commit_types=("*",))) == "type: [phase] subject"


def test_the_way_out_is_named_where_no_file_of_a_phase_is_touched() -> None:
    assert any("require_phase" in note for note in form("docs\n", touches=False).findings[0].notes)
    assert not any("require_phase" in note for note in form("docs\n").findings[0].notes)


ADVANCING = 'require_phase = "advancing"'


def test_only_commits_that_advance_need_a_phase() -> None:
    assert form("docs\n", ADVANCING, touches=False) == Form()
    assert ids(form("docs\n", ADVANCING, advances=True).findings) == ["message-format"]
    assert form("feat: [1] x\n", ADVANCING) == Form("base"), "who names a phase advances it"
    assert form("docs: [1] x\n", ADVANCING) == Form()
    assert ids(form("docs\n", ADVANCING, ["plan.toml"]).findings) == ["message-format"]


def test_the_plan_travels_under_its_own_name() -> None:
    assert form("feat: [plan] x\n", changed=["plan.toml"]) == Form(PLAN_NAME)
    assert form("feat: [PLAN]\n", changed=["plan.toml", *OWN]) == Form(PLAN_NAME)
    assert ids(form("feat: [1] x\n", changed=["plan.toml"]).findings) == ["phase-mismatch"]
    assert ids(form("feat: [plan] x\n", changed=["README.md"]).findings) == ["phase-mismatch"]
    assert form("feat: [plan] x\n", changed=["docs/plans/old/plan.toml"]) == Form(PLAN_NAME)


def test_what_ticks_nothing_may_have_any_message() -> None:
    assert form("wip\n", changed=OWN) == Form()
    assert form("feat: [1] x\n", changed=OWN) == Form()
    assert ids(form("wip\n", changed=OWN, ticks=True).findings) == ["message-format"]
    assert ids(form("wip\n", changed=[*OWN, "docs/plans/x.md"]).findings) == ["message-format"]
    assert ids(form("wip\n", changed=[]).findings) == ["message-format"]


def test_freed_from_the_form_only() -> None:
    assert form("Merge branch 'x'\n", freed=True) == Form()
    assert form("feat: [1] x\n", freed=True) == Form("base")
    assert form("fix: [1] x\n", freed=True) == Form("base")
    assert form("feat: [nobody] x\n", freed=True) == Form()
    assert form("feat: [1] x\n", changed=["plan.toml"], freed=True) == Form("base")


def test_exceptions() -> None:
    assert form("hotfix\n\nPlan-Exception: prod is down\n") == Form("", "prod is down")
    assert form("feat: [1] x\n\nPlan-Exception: prod is down\n") == Form("base", "prod is down")
    assert ids(form("hotfix\n\nPlan-Exception:\n").findings) == ["message-format"]


@pytest.mark.parametrize("subject", ["\x1b[31mred", '"; rm -rf ~ #', "$(touch x)", "`touch x`", "a\\b!"])
def test_what_is_offered_can_be_pasted(subject: str) -> None:
    found = form(f"{subject}\n").findings[0]
    command = found.help.partition('git commit -m "')[2].partition('"  (')[0]
    assert command.startswith("feat: [Foundation] ")
    assert not set(command) & set("\"'`$\\!\x1b")
    assert all(place.text.isprintable() for place in found.locations)


def test_a_title_that_a_shell_would_run_is_not_offered() -> None:
    plan = plan_of(PHASES.replace('"Foundation"', "'$(touch x)'"))
    for text, changed in (("x\n", ["a"]), ("feat: [plan] x\n", ["a"])):
        found = judge_form(
            text, plan, plan.settings, changed,
            proposed=plan.phases[0].quotable(), advances=False, touches_phase=True, ticks=False, freed=False,
        )  # fmt: skip
        assert "feat: [base] " in found.findings[0].help
        assert "$(" not in found.findings[0].help
