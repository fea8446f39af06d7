"""The rules of a commit: what advances what, what is refused, and which gates are due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.evidence import Content
from orchestrator.core.formats import Lock, LockPhase
from orchestrator.core.gate import Pass
from orchestrator.core.judge import Intent
from orchestrator.core.plan import PLAN_NAME
from orchestrator.core.refusals import pathspec
from orchestrator.core.settle import Before, settle
from orchestrator.core.todo import Reading
from tests.unit.core_support import Files, Outcome, World, plan_of

GATES = """
[gates.lint]
run = "lint"
[gates.tests]
run = "tests"
"""
PHASES = """
[[phase]]
id = "base"
title = "Base"
files = ["base/**", "shared.py"]
gates = ["lint"]
[[phase.task]]
id = "b1"
title = "First"
files = ["base/one.py"]

[[phase]]
id = "api"
title = "Backend API"
depends_on = ["base"]
files = ["api/**", "shared.py"]
gates = ["tests"]
[[phase.task]]
id = "a1"
title = "Endpoint"
files = ["api/**"]
[[phase.task]]
id = "a2"
title = "Talk to people"

[[phase]]
id = "web"
title = "Web"
depends_on = ["api"]
files = ["web/**"]
[[phase.task]]
id = "w1"
title = "Page"

[[phase]]
id = "side"
title = "Side"
files = ["side/**", "shared.py"]
[[phase.task]]
id = "s1"
title = "Aside"
"""
PLAN = GATES + PHASES
DONE_BASE: Files = {"base/one.py": "1"}


def with_settings(text: str) -> str:
    return f"[settings]\n{text}\n{PLAN}"


def base_done(plan: str = PLAN, **kwargs: Files) -> World:
    """Base is complete at the parent: its task done, its gate passed there."""
    return World(plan, DONE_BASE | kwargs.get("files", {}), marks={"b1": "done"}, passed=["base/lint"], base={})


def advanced(outcome: Outcome) -> tuple[str, ...]:
    return outcome.judgement.advanced


# -- what advances ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "ticks", "named", "expected"),
    [
        ({"README.md": "x"}, {}, "", ()),
        ({"README.md": "x"}, {}, "side", ("side",)),
        ({"README.md": "x"}, {}, PLAN_NAME, ()),
        ({"base/x.py": "x"}, {}, "", ("base",)),
        ({"shared.py": "x"}, {}, "", ()),
        ({"shared.py": "x", "base/x.py": "x"}, {}, "", ("base",)),
        ({}, {"s1": "done"}, "", ("side",)),
        ({}, {"s1": "in progress"}, "", ()),
        ({"plan.lock": "x", "PLAN.md": "x", "docs/plans/old.md": "x"}, {}, "", ()),
        ({"base/one.py": None}, {}, "", ("base",)),
    ],
)
def test_advances(changes: Files, ticks: Files, named: str, expected: tuple[str, ...]) -> None:
    world = World(PLAN, DONE_BASE)
    outcome = world.commit(changes, ticks=ticks, intent=Intent(named=named))
    assert advanced(outcome) == expected
    assert outcome.errors == []


# -- order -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "named"), [({"api/x.py": "x"}, ""), ({"README.md": "x"}, "api"), ({"README.md": "x"}, "web")]
)
def test_a_locked_phase_cannot_be_advanced(changes: Files, named: str) -> None:
    outcome = World(PLAN).commit(changes, intent=Intent(named=named))
    assert outcome.errors == ["phase-locked"]
    found = outcome.find("phase-locked")
    assert '"Base"' in found.message
    assert any("task b1 is open: First" in note for note in found.notes)
    assert any("gate lint" in note for note in found.notes)
    assert found.help == "finish Base, then run: orchestrator validate base"


def test_the_refusal_names_file_claim_and_line() -> None:
    found = World(PLAN).commit({"api/x.py": "x"}).find("phase-locked")
    place = found.locations[0]
    line = ('version = 1\n[feature]\ntitle = "Feature"\n' + PLAN).split("\n").index('id = "api"')
    assert (place.path, place.text) == ("api/x.py", f"claimed by api (plan.toml:{line})")


def test_of_many_phases_that_are_waited_for_some_are_told() -> None:
    plan = "".join(
        f'[[phase]]\nid = "p{n}"\ntitle = "Part {n}"\nfiles = ["src/{n}/**"]\n'
        + (f'depends_on = ["p{n - 1}"]\n' if n > 1 else "")
        + f'[[phase.task]]\nid = "t{n}"\ntitle = "Work"\n'
        for n in range(1, 31)
    )
    world = World(plan)
    finding = world.commit({"src/30/a": "x"}).find("phase-locked")
    names = " and ".join(f'"Part {n}"' for n in range(1, 9))
    assert finding.message == f'phase "Part 30" cannot start: {names} and 21 more are not complete'
    assert len(finding.notes) == 9
    assert finding.notes[-1] == "and 21 more phases that are not complete: orchestrator status"
    ticked = world.commit(ticks={"t30": "done"}).find("task-locked")
    assert ticked.notes == (f"it waits for {names} and 21 more",)


def test_a_tick_in_a_locked_phase_is_refused_even_if_only_gates_are_open() -> None:
    world = World(PLAN, DONE_BASE, marks={"b1": "done"}, base={})
    outcome = world.commit(ticks={"a2": "done"}, intent=Intent(may_run=False, why_not_run="no time"))
    assert outcome.errors == ["gate-due"]
    outcome = World(PLAN).commit(ticks={"a2": "done"})
    assert outcome.errors == ["task-locked", "phase-locked"]


@pytest.mark.parametrize(("files", "refused"), [(["shared.py"], False), (["both.py"], True)])
def test_a_file_of_several_needs_one_of_them_open(files: list[str], refused: bool) -> None:
    plan = PLAN.replace('"api/**", "shared.py"', '"api/**", "shared.py", "both.py"').replace(
        '["web/**"]', '["web/**", "both.py"]'
    )
    outcome = World(plan).commit(dict.fromkeys(files, "x"))
    assert advanced(outcome) == ()
    assert outcome.errors == (["phase-locked"] if refused else [])


def test_a_question_keeps_its_phases_from_starting() -> None:
    question = '[[question]]\nid = "Q1"\ntext = "Which?"\nblocks = ["side"]\n'
    outcome = World(PLAN + question).commit({"side/x.py": "x"}, ticks={"s1": "done"})
    assert outcome.errors == ["task-locked", "question-open"]
    assert "question Q1 has no answer: Which?" in outcome.find("question-open").notes
    assert outcome.find("question-open").help.startswith("orchestrator answer Q1 TEXT, then commit")
    assert World(PLAN + question + 'answer = " "').commit({"side/x.py": "x"}).errors == ["question-open"]
    assert World(PLAN + question + 'answer = "This"').commit({"side/x.py": "x"}).errors == []
    assert World(PLAN + question).commit({"base/x.py": "x"}).errors == []


def test_open_controls_keep_the_next_phase_locked() -> None:
    def judged(text: str, cached: list[str]) -> list[str]:
        plan = f'{PLAN}\n[[control]]\nid = "S1"\ntext = "Safe"\nphase = "base"\n{text}'
        return base_done(plan).commit({"api/x.py": "x"}, cached=["base/lint", *cached]).errors

    assert judged("", []) == ["phase-locked"]
    assert judged("resolved = true", []) == []
    assert judged('waiver = "accepted"', []) == []
    assert judged('waiver = "  "', []) == ["phase-locked"]
    assert judged('check = "grep"', ["base/control:S1"]) == []
    assert judged('check = "grep"\nwaiver = "accepted"', []) == []


def test_a_check_is_run_like_a_gate() -> None:
    plan = f'{PLAN}\n[[control]]\nid = "S1"\ntext = "Safe"\nphase = "base"\ncheck = "grep"'
    world = base_done(plan)
    assert world.commit({"api/x.py": "x"}, cached=["base/lint"]).due == [("base", "control:S1", "dependency")]
    failed = world.commit({"api/x.py": "x"}, cached=["base/lint"], results={"base/control:S1": "failed"})
    assert failed.errors == ["gate-failed"]
    assert "control S1" in failed.find("gate-failed").message


def test_missing_artifacts_keep_the_next_phase_locked() -> None:
    plan = PLAN.replace('gates = ["lint"]', 'gates = ["lint"]\nartifacts = ["docs/a.md", "docs/b"]')
    full = {"docs/a.md": "text", "docs/b/c.md": "text"}
    assert base_done(plan, files=full).commit({"api/x.py": "x"}).errors == []
    for broken in ({"docs/a.md": ""}, {"docs/a.md": "-> ../../x"}, {"docs/b/c.md": ""}):
        outcome = base_done(plan, files=full | broken).commit({"api/x.py": "x"})
        assert outcome.errors == ["phase-locked"]
        assert any("artifact" in note for note in outcome.find("phase-locked").notes)
    assert "artifact-missing" in base_done(plan).commit({"base/x.py": "x"}, cached=["lint"]).warnings


# -- mixed -----------------------------------------------------------------------------------------------------------

MIXED: list[tuple[Files, Files, str, list[str]]] = [
    ({"base/x.py": "x", "side/x.py": "x"}, {}, "", ["phases-mixed"]),
    ({"base/x.py": "x"}, {"s1": "done"}, "", ["phases-mixed"]),
    ({"base/x.py": "x", "shared.py": "x"}, {}, "", []),
    ({"base/x.py": "x", "README.md": "x"}, {}, "base", []),
    ({"shared.py": "x"}, {}, "side", []),
    ({"shared.py": "x", "base/x.py": "x"}, {}, "side", ["phase-mismatch"]),
    ({"base/x.py": "x"}, {}, "side", ["phase-mismatch"]),
    ({"README.md": "x"}, {}, "side", []),
    ({}, {"s1": "done"}, "base", ["phase-mismatch"]),
]


@pytest.mark.parametrize(("changes", "ticks", "named", "expected"), MIXED)
def test_one_commit_one_phase(changes: Files, ticks: Files, named: str, expected: list[str]) -> None:
    assert World(PLAN).commit(changes, ticks=ticks, intent=Intent(named=named)).errors == expected


@pytest.mark.parametrize(
    ("changes", "named", "expected"),
    [
        ({"base/x.py": "x", "side/x.py": "x"}, "", []),
        ({"base/x.py": "x", "side/x.py": "x"}, "side", []),
        ({"base/x.py": "x", "shared.py": "x", "side/x.py": "x"}, "base", []),
        # shared.py is no file of other; base, which is at work here, claims it.
        ({"base/x.py": "x", "shared.py": "x", "other/x.py": "x"}, "other", []),
        ({"shared.py": "x", "other/x.py": "x"}, "other", ["phase-mismatch"]),
        ({"base/x.py": "x"}, "side", ["phase-mismatch"]),
        ({"base/x.py": "x", "api/x.py": "x"}, "base", ["phase-locked"]),
    ],
)
def test_several_phases_where_the_plan_allows_them(changes: Files, named: str, expected: list[str]) -> None:
    other = '[[phase]]\nid = "other"\ntitle = "Other"\nfiles = ["other/**"]\n[[phase.task]]\ntitle = "X"\n'
    world = World(with_settings("one_phase_per_commit = false") + other)
    assert world.commit(changes, intent=Intent(named=named)).errors == expected


def test_the_way_out_of_a_mixed_commit() -> None:
    found = World(PLAN).commit({"base/x.py": "x", "side/a b-": "x"}).find("phases-mixed")
    assert found.help == 'git commit -m "feat: [Base] ..." -- :/base/x.py'
    found = World(PLAN).commit({"api/x.py": "x", "side/a b-\n": "x"}).find("phases-mixed")
    assert found.help == """git commit -m "feat: [Side] ..." -- $':/side/a b-\\x0a'"""
    found = World(PLAN).commit({"base/x.py": "x"}, ticks={"s1": "done"}).find("phases-mixed")
    assert found.help == 'orchestrator reopen s1, then: git commit -m "feat: [Base] ..." -- :/base/x.py :/PLAN.md'
    found = World(PLAN).commit(ticks={"s1": "done", "b1": "done"}).find("phases-mixed")
    assert found.help == "orchestrator reopen s1, and commit again"
    edited = Intent(edited=lambda paths: "base/x.py" in paths)
    found = World(PLAN).commit({"base/x.py": "x", "side/a b-": "x"}, intent=edited).find("phases-mixed")
    assert found.help == (
        "t=$(git write-tree) && git restore --staged -- ':/side/a b-' && git commit -m \"feat: [Base] ...\"; "
        "git restore --staged --source=$t -- ':/side/a b-'"
    )


def test_what_is_to_be_pasted_into_a_shell_runs_nothing() -> None:
    plan = PLAN.replace('"Side"', "'$(touch x)`y`'")
    found = World(plan).commit({"side/x.py": "x"}, intent=Intent(named="base")).find("phase-mismatch")
    assert found.help == 'git commit -m "feat: [side] ..."'


# -- the plan --------------------------------------------------------------------------------------------------------


def test_plan_changes_travel_alone() -> None:
    changed = PLAN.replace('"Aside"', '"Aside, changed"')
    assert World(PLAN).commit(plan=changed).errors == []
    assert World(PLAN).commit({"README.md": "x"}, plan=changed).errors == []
    assert World(PLAN).commit({"side/x.py": "x"}, plan=changed).errors == ["plan-mixed"]
    # Claimed before or after: taking a claim away in the same commit frees nothing.
    assert World(PLAN).commit({"web/x.py": "x"}, plan=PLAN.replace('["web/**"]', "[]")).errors == ["plan-mixed"]


def test_plan_changes_tick_only_what_they_bring() -> None:
    more = PLAN + '[[phase.task]]\nid = "s2"\ntitle = "New"\nfiles = ["nothing.py"]\n'
    outcome = World(PLAN).commit(ticks={"s2": "done"}, plan=more)
    assert outcome.errors == []
    assert outcome.settled.marks == {"s2": "done"}
    assert World(PLAN).commit(ticks={"s1": "done"}, plan=more).errors == ["plan-mixed"]


def test_a_plan_that_locks_what_has_been_begun_is_warned_of() -> None:
    world = World(PLAN, marks={"s1": "in progress"})
    outcome = world.commit(plan=PLAN.replace('title = "Side"', 'title = "Side"\ndepends_on = ["web"]'))
    assert (outcome.errors, outcome.warnings) == ([], ["phase-locked"])
    assert World(PLAN).commit(plan=PLAN.replace("Side", "Other")).warnings == []
    # A phase of gates only has nothing that could have been begun.
    gates_only = PLAN + '[[phase]]\nid = "end"\ntitle = "End"\ndepends_on = ["web"]\ngates = ["tests"]\n'
    assert World(gates_only).commit(plan=gates_only.replace("Aside", "Beside")).warnings == []


def test_a_tick_whose_task_leaves_the_plan_is_told() -> None:
    plan = GATES + PHASES.replace('[[phase.task]]\nid = "a2"\ntitle = "Talk to people"\n', "")
    world = World(PLAN, marks={"a2": "done"})
    outcome = world.commit(plan=plan)
    assert (outcome.errors, outcome.warnings) == ([], ["plan-mixed"])
    assert outcome.settled.lost_ticks == ("a2",)


# -- ticks -----------------------------------------------------------------------------------------------------------


def test_a_tick_needs_evidence() -> None:
    world = base_done()
    outcome = world.commit(ticks={"a1": "done"}, cached=["base/lint"])
    assert outcome.errors == ["task-evidence"]
    assert any("api/**" in note for note in outcome.find("task-evidence").notes)
    assert world.commit({"api/x.py": "x"}, ticks={"a1": "done"}, cached=["base/lint"]).errors == []
    assert world.commit(ticks={"a2": "done"}, cached=["base/lint"]).errors == []


def test_evidence_is_what_differs_from_base_whoever_committed_it() -> None:
    there = World(
        PLAN, DONE_BASE | {"api/x.py": "new"}, marks={"b1": "done"}, passed=["base/lint"], base={"api/x.py": "old"}
    )
    assert there.commit(ticks={"a1": "done"}).errors == []
    same = World(
        PLAN, DONE_BASE | {"api/x.py": "old"}, marks={"b1": "done"}, passed=["base/lint"], base={"api/x.py": "old"}
    )
    assert same.commit(ticks={"a1": "done"}).errors == ["task-evidence"]
    assert same.commit({"api/x.py": None}, ticks={"a1": "done"}).errors == []


def test_a_tick_needs_the_tasks_it_depends_on() -> None:
    plan = PLAN + '[[phase.task]]\nid = "s2"\ntitle = "After"\ndepends_on = ["s1"]\n'
    assert World(plan).commit(ticks={"s2": "done"}).errors == ["task-locked"]
    assert World(plan).commit(ticks={"s1": "done", "s2": "done"}).errors == []
    assert World(plan, marks={"s1": "done"}).commit(ticks={"s2": "done"}).errors == []


def test_no_exception_frees_a_tick() -> None:
    free = Intent(exception="because")
    assert base_done().commit(ticks={"a1": "done"}, intent=free).errors == ["task-evidence"]
    assert World(PLAN).commit(ticks={"a2": "done"}, intent=free).errors == ["task-locked"]
    waiting = World(PLAN, DONE_BASE, marks={"b1": "done"}, base={})
    assert waiting.commit(ticks={"a2": "done"}, intent=free).errors == ["task-locked"]
    assert waiting.commit(ticks={"a2": "done"}, cached=["base/lint"], intent=free).errors == []


def test_exceptions_free_from_order_and_mixture_only() -> None:
    free = Intent(exception="because")
    assert World(PLAN).commit({"web/x.py": "x", "side/x.py": "x"}, intent=free).errors == []
    changed = PLAN.replace("Aside", "Beside")
    assert World(PLAN).commit({"web/x.py": "x"}, plan=changed, intent=free).errors == ["plan-mixed"]
    small = with_settings('max_commit_files = 1\nunplanned_files = "block"')
    assert World(small).commit({"x": "x", "side/y": "x"}, intent=free).errors == ["commit-too-large", "unplanned-file"]


def test_done_by_itself() -> None:
    outcome = World(PLAN).commit({"base/one.py": "new"})
    assert [task.id for task in outcome.settled.by_itself] == ["b1"]
    assert outcome.settled.ticked == ()
    assert outcome.settled.marks == {"b1": "done"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"base/one.py": ""}, "empty"),
        ({"base/one.py": "-> x"}, "no regular file"),
        ({"base/one.py/x": "x"}, "a folder"),
    ],
)
def test_not_done_by_itself(change: Files, why: str) -> None:
    assert World(PLAN).commit(change).settled.by_itself == (), why


def test_not_done_by_itself_where_something_stands_against_it() -> None:
    new: Files = {"base/one.py": "new"}
    assert World(with_settings("auto_done = false")).commit(new).settled.by_itself == ()
    assert World(PLAN, {"base/one.py": "old"}).commit(new).settled.by_itself == (), "it existed at base"
    assert World(PLAN, marks={"b1": "reopened"}).commit(new).settled.marks == {"b1": "reopened"}
    two = PLAN.replace('title = "Aside"', 'title = "Aside"\nfiles = ["base/one.py"]')
    assert World(two).commit(new).settled.by_itself == (), "it belongs to two tasks"
    after = PLAN.replace('title = "First"', 'title = "First"\ndepends_on = ["s1"]')
    assert World(after).commit(new).settled.by_itself == (), "it waits for another task"
    assert [t.id for t in World(after).commit(new, ticks={"s1": "done"}).settled.by_itself] == ["b1"]
    locked = PLAN.replace('title = "Page"', 'title = "Page"\nfiles = ["web/p.py"]')
    assert World(locked).commit({"web/p.py": "x"}).settled.by_itself == (), "its phase is locked"


def test_reopening() -> None:
    world = World(PLAN, DONE_BASE, marks={"b1": "done"}, base={})
    outcome = world.commit(ticks={"b1": "open"})
    assert outcome.settled.marks == {"b1": "reopened"}
    assert (outcome.errors, advanced(outcome)) == ([], ())
    again = World(PLAN, DONE_BASE, marks={"b1": "reopened"}, base={})
    assert again.commit(ticks={"b1": "open"}).settled.marks == {"b1": "reopened"}
    assert again.commit(ticks={"b1": "done"}).settled.marks == {"b1": "done"}


def test_adoption_takes_ticks_over() -> None:
    world = World(PLAN, DONE_BASE, marks={"b1": "done", "w1": "in progress"})
    assert world.before.marks == {"b1": "done", "w1": "in progress"}
    assert world.before.lock is not None
    assert set(world.before.lock["base"].bases) == {"b1"}


# -- gates -----------------------------------------------------------------------------------------------------------


def test_the_commit_that_completes_a_phase_runs_its_gates() -> None:
    world = World(PLAN)
    assert world.commit({"base/x.py": "x"}).due == [], "a task is open"
    assert world.commit({"base/one.py": "x"}).due == [("base", "lint", "own")]
    assert world.commit({"base/one.py": "x"}, cached=["base/lint"]).due == []


def test_other_commits_run_none() -> None:
    world = base_done()
    assert world.commit({"README.md": "x"}).due == []
    assert world.commit({"side/x.py": "x"}).due == []
    assert world.commit({"base/x.py": "x"}).due == [("base", "lint", "own")]
    assert world.commit({"shared.py": "x"}).due == [("base", "lint", "other")]


def test_advancing_a_phase_needs_the_gates_of_what_it_depends_on() -> None:
    waiting = World(PLAN, DONE_BASE, marks={"b1": "done"}, base={})
    outcome = waiting.commit({"api/x.py": "x"})
    assert (outcome.errors, outcome.due) == ([], [("base", "lint", "dependency")])
    assert waiting.commit({"api/x.py": "x"}, results={"base/lint": "passed"}).errors == []
    failed = waiting.commit({"api/x.py": "x"}, results={"base/lint": "failed"})
    assert failed.errors == ["gate-failed"]
    assert "last line" in failed.find("gate-failed").notes


@pytest.mark.parametrize(
    ("status", "with_pass", "without"),
    [
        ("passed", [], []),
        ("failed", ["gate-failed"], ["gate-failed"]),
        ("error", [], ["gate-error"]),
        ("timeout", [], ["gate-error"]),
        ("stopped", [], ["gate-due"]),
        ("unclean", [], ["gate-unclean"]),
    ],
)
def test_a_gate_that_could_not_be_judged(status: str, with_pass: list[str], without: list[str]) -> None:
    plan = with_settings("one_phase_per_commit = false")
    change: Files = {"api/x.py": "x", "base/one.py": "changed"}
    assert base_done(plan).commit(change, results={"base/lint": status}).errors == with_pass
    waiting = World(plan, DONE_BASE, marks={"b1": "done"}, base={})
    assert waiting.commit(change, results={"base/lint": status}).errors == without


def test_where_no_gate_can_be_started() -> None:
    cannot = Intent(may_run=False, why_not_run="hooks run none")
    waiting = World(PLAN, DONE_BASE, marks={"b1": "done"}, base={})
    outcome = waiting.commit({"api/x.py": "x"}, intent=cannot)
    assert (outcome.errors, outcome.due) == (["gate-due"], [])
    assert outcome.find("gate-due").help == "orchestrator validate base"
    assert "hooks run none" in outcome.find("gate-due").notes
    assert base_done().commit({"api/x.py": "x"}, intent=cannot).errors == [], "HEAD has the pass"
    own = World(PLAN).commit({"base/one.py": "x"}, intent=cannot)
    assert (own.errors, own.warnings) == ([], ["gate-due"])


def test_a_pass_of_head_counts_only_for_heads_own_tree_and_definition() -> None:
    cannot = Intent(may_run=False)
    world = base_done()
    assert world.before.lock is not None
    stale = World(PLAN, DONE_BASE, marks={"b1": "done"}, base={})
    assert stale.before.lock is not None
    lock = {**stale.before.lock, "base": stale.before.lock["base"].replace(passes={"lint": Pass("0" * 64)})}
    stale.before = stale.before.replace(lock=lock)
    assert stale.commit({"api/x.py": "x"}, intent=cannot).errors == ["gate-due"]
    in_history = Intent(in_history=True, may_run=False)
    assert stale.commit({"api/x.py": "x"}, intent=in_history).errors == []
    assert World(PLAN, DONE_BASE, marks={"b1": "done"}, base={}).commit(
        {"api/x.py": "x"}, intent=in_history
    ).errors == ["phase-locked"], "under no key at all"


def test_a_pass_of_head_under_another_definition_does_not_count() -> None:
    # The plan changes the gate and names the phase behind it: what passed was another gate.
    world = base_done()
    plan = PLAN.replace('run = "lint"', 'run = "lint --strict"')
    cannot = Intent(named="api", may_run=False)
    assert world.commit(plan=plan, intent=cannot).errors == ["gate-due"]
    assert world.commit(plan=PLAN.replace("Aside", "Beside"), intent=cannot).errors == []


def test_no_gate_is_due_in_history_or_in_a_locked_phase() -> None:
    in_history = Intent(in_history=True)
    assert World(PLAN).commit({"base/one.py": "x"}, intent=in_history).due == []
    # All its tasks are done, but what it depends on is not: its gates wait.
    locked = World(PLAN, {"api/x.py": "x"}, marks={"a1": "done", "a2": "done"}, base={})
    assert locked.commit({"shared.py": "x"}).due == []


@pytest.mark.parametrize(
    ("setting", "errors", "warnings"), [("allow", [], ["gate-failed"]), ("block", ["gate-failed"], [])]
)
def test_the_completing_commit_with_a_failed_gate(setting: str, errors: list[str], warnings: list[str]) -> None:
    world = World(with_settings(f'on_gate_failure = "{setting}"'))
    outcome = world.commit({"base/one.py": "x"}, results={"base/lint": "failed"})
    assert (outcome.errors, outcome.warnings, outcome.due) == (errors, warnings, [])
    later = World(with_settings(f'on_gate_failure = "{setting}"'), DONE_BASE, marks={"b1": "done"}, base={})
    outcome = later.commit({"base/x.py": "x"}, results={"base/lint": "failed"})
    assert (outcome.errors, outcome.warnings) == ([], ["gate-failed"]), "this commit does not complete it"


def test_given_inputs_that_match_nothing() -> None:
    plan = PLAN.replace('run = "lint"', 'run = "lint"\ninputs = ["nowhere/**"]')
    own = World(plan).commit({"base/one.py": "x"})
    assert (own.errors, own.warnings, own.due) == ([], ["gate-error"], [])
    waiting = World(plan, DONE_BASE, marks={"b1": "done"}, base={})
    assert waiting.commit({"api/x.py": "x"}).errors == ["gate-error"]


def test_one_run_is_evidence_for_every_phase_with_that_key() -> None:
    plan = """
[gates.lint]
run = "lint"
inputs = ["src/**"]
[[phase]]
id = "one"
title = "One"
gates = ["lint"]
[[phase]]
id = "two"
title = "Two"
depends_on = ["one"]
gates = ["lint"]
"""
    world = World(plan, {"src/a": "a"}, passed=["one/lint"])
    assert world.before.lock is not None
    assert world.before.lock["one"].passes == world.before.lock["two"].passes != {}


def test_a_chain_of_phases_that_only_wait_for_gates_is_opened_in_one_commit() -> None:
    world = World(PLAN, DONE_BASE | {"api/x": "x"}, marks={"b1": "done", "a1": "done", "a2": "done"}, base={})
    outcome = world.commit({"web/x.py": "x"})
    assert outcome.due == [("base", "lint", "dependency"), ("api", "tests", "dependency")]
    done = world.commit({"web/x.py": "x"}, results={"base/lint": "passed", "api/tests": "passed"})
    assert done.errors == []


# -- plan.lock -------------------------------------------------------------------------------------------------------


def test_forged_passes_are_dropped() -> None:
    world = World(PLAN, DONE_BASE, marks={"b1": "done"}, base={})
    forged: Lock = {"base": LockPhase({"lint": Pass("f" * 64)})}
    outcome = world.commit({"README.md": "x"}, lock=forged)
    assert outcome.settled.dropped == (("base", "lint"),)
    assert (outcome.errors, outcome.warnings) == ([], ["lock-tampered"])
    assert outcome.settled.lock["base"].passes == {}
    assert world.commit({"api/x.py": "x"}, lock=forged).due == [("base", "lint", "dependency")]


def test_a_pass_of_a_tree_that_was_left_is_dropped_without_a_word() -> None:
    outcome = base_done().commit({"base/x.py": "x"})
    assert outcome.settled.lock["base"].passes == {}
    assert "lock-tampered" not in outcome.warnings


def test_the_lock_has_every_phase_and_keeps_the_bases() -> None:
    world = World(PLAN, {"base/one.py": "old"})
    settled = world.commit({"base/one.py": "new"}).settled
    assert list(settled.lock) == ["base", "api", "web", "side"]
    assert world.before.lock is not None
    assert settled.lock["base"].bases == world.before.lock["base"].bases


def test_a_missing_lock_takes_its_bases_from_the_parent() -> None:
    world = World(PLAN, {"base/one.py": "old"})
    world.before = world.before.replace(lock=None)
    assert list(world.commit({"base/one.py": "new"}).settled.lock["base"].bases["b1"]) == ["base/one.py"]


# -- size and unplanned files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "lines", "expected"),
    [
        ("max_commit_files = 2", 0, []),
        ("max_commit_files = 1", 0, ["commit-too-large"]),
        ("max_commit_lines = 10", 10, []),
        ("max_commit_lines = 10", 11, ["commit-too-large"]),
        ("max_commit_files = 0", 10**6, []),
    ],
)
def test_size(setting: str, lines: int, expected: list[str]) -> None:
    world = World(with_settings(setting))
    changes: Files = {"side/x": "x", "side/y": "x", "plan.lock": "x", "PLAN.md": "x"}
    assert world.commit(changes, intent=Intent(changed_lines=lines)).errors == expected


def test_unplanned_files() -> None:
    world = World(with_settings('unplanned_files = "block"'))
    assert world.commit({"side/x": "x", "docs/plans/x.md": "x", "plan.lock": "x"}).errors == []
    outcome = world.commit({"side/x": "x", "stray\n.py": "x"})
    assert outcome.errors == ["unplanned-file"]
    assert "\n" not in outcome.find("unplanned-file").help


def test_everything_wrong_is_told_at_once() -> None:
    world = World(with_settings("max_commit_files = 1"))
    outcome = world.commit({"web/x": "x", "side/x": "x"}, ticks={"a1": "done"})
    assert set(outcome.errors) == {
        "task-locked",
        "task-evidence",
        "commit-too-large",
        "phases-mixed",
        "phase-locked",
    }


# -- properties ------------------------------------------------------------------------------------------------------

PATHS = ["README.md", "base/one.py", "base/x.py", "api/x.py", "web/x.py", "side/x.py", "shared.py"]


@given(
    changes=st.dictionaries(st.sampled_from(PATHS), st.sampled_from(["", "x", None])),
    ticks=st.dictionaries(st.sampled_from(["b1", "a1", "a2", "w1", "s1"]), st.sampled_from(["done", "open"])),
    named=st.sampled_from(["", "base", "api", "web", "side"]),
    cached=st.sets(st.sampled_from(["base/lint", "api/tests"])),
)
def test_nothing_locked_is_ever_advanced(
    changes: dict[str, str | None], ticks: dict[str, str], named: str, cached: set[str]
) -> None:
    outcome = World(PLAN).commit(changes, ticks=ticks, intent=Intent(named=named), cached=cached)
    if outcome.judgement.refused or outcome.judgement.due:
        return
    for phase_id in outcome.judgement.advanced:
        assert outcome.settled.states[phase_id].open
    done = {task_id for task_id, mark in outcome.settled.marks.items() if mark == "done"}
    assert done == {task.id for task in outcome.settled.ticked + outcome.settled.by_itself}


@given(changes=st.dictionaries(st.sampled_from(PATHS), st.sampled_from(["x", None]), min_size=1))
def test_settling_twice_changes_nothing(changes: dict[str, str | None]) -> None:
    world = base_done()
    first = world.commit(changes)
    again = world.commit(changes, ticks=first.settled.marks, lock=dict(first.settled.lock))
    assert again.settled.marks == first.settled.marks
    assert again.settled.lock == first.settled.lock


def test_a_locked_phase_is_given_no_pass_that_it_shares_by_accident() -> None:
    plan = (
        '[gates.g]\nrun = "x"\n'
        '[[phase]]\nid = "low"\ntitle = "Low"\nfiles = ["low/**"]\ngates = ["g"]\n'
        '[[phase.task]]\ntitle = "L"\n'
        '[[phase]]\nid = "mid"\ntitle = "Mid"\ndepends_on = ["low"]\ngates = ["g"]\nfiles = ["mid/**"]\n'
        '[[phase.task]]\ntitle = "M"\n'
        '[[phase]]\nid = "top"\ntitle = "Top"\ndepends_on = ["mid"]\ngates = ["g"]\nfiles = ["top/**"]\n'
        '[[phase.task]]\ntitle = "T"\n'
    )
    content = Content(plan_of(plan), {"low/x": ("100644", "aa")})
    low, mid, top = content.plan.phases
    keys = {phase.id: content.key(phase, phase.gates[0]) for phase in (low, mid, top)}
    assert len(set(keys.values())) == 1
    before = Before(content.plan, {"1.1": "done"}, {}, content)
    reading = Reading(content.plan, {"1.1": "done"}, {})
    settled = settle(content.plan, content, before, reading, None, Pass)
    assert [phase_id for phase_id, evidence in settled.lock.items() if evidence.passes] == ["low", "mid"]
    assert [state.open for state in settled.states.values()] == [True, True, False]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/a.py", ":/src/a.py"),
        ("a b", "':/a b'"),
        ("__tests__/a.js", "':(top,literal)__tests__/a.js'"),
        ("@types/x", "':(top,literal)@types/x'"),
        ("-x", "':(top,literal)-x'"),
        ("app/[id].tsx", "':(top,literal)app/[id].tsx'"),
        ("it's", """':/it'"'"'s'"""),
    ],
)
def test_a_path_for_git_is_that_file_and_no_pattern(path: str, expected: str) -> None:
    assert pathspec(path) == expected
