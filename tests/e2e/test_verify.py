"""``verify`` on real repositories: what is refused of what went around the hooks, and what must pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.app.verify.ground import Ground
from orchestrator.app.verify.report import Options
from orchestrator.core.finding import CannotJudgeError
from tests.e2e.support import GATES, GOOD_SCHEMA, PHASES, PLAN, plan_text
from tests.e2e.verify_support import around, finish_api, judged, listed, refused, through
from tests.support import Repository

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import InProcess, Maker
    from tests.e2e.support import Adopted

    Verify = Callable[..., subprocess.CompletedProcess[str]]

ENDED = "a" * 64


@pytest.fixture
def command(in_process: InProcess) -> Verify:
    """The finished ``orchestrator verify ARGUMENTS`` in a repository."""
    return lambda repo, *arguments, **options: in_process(repo, "verify", *arguments, **options)


# -- honest histories --------------------------------------------------------------------------------------------------


def test_what_the_hooks_have_accepted_is_accepted(founded: Adopted) -> None:
    finish_api(founded)
    through(founded, "feat: [ui] the form", {"src/ui/login.html": "<form>\n"})
    through(founded, "feat: [ui] more", {"src/ui/more.html": "<p>\n", "notes.txt": "four\n"})
    report = judged(founded)
    assert refused(report) == {}
    assert (report.judged, report.unplanned) == (5, 0)
    assert listed(report, "adopted") == ["the plan is adopted, with 0 ticks and 0 passes taken over"]


def test_commits_without_a_plan_are_counted_and_left_alone(make: Maker) -> None:
    repo = make.hooked("native")
    repo.commit("anything", {"a.txt": "a"})
    repo.commit("begin", {"plan.toml": PLAN})
    repo.finish_foundation()
    report = judged(repo)
    assert (report.judged, report.unplanned, refused(report)) == (2, 1, {})


def test_a_fixup_and_a_revert_of_what_is_there(founded: Adopted) -> None:
    through(founded, "fixup! feat: [foundation] schema and settings", {"db/more.sql": "more\n"})
    founded.git("revert", "--no-edit", "HEAD")
    assert refused(judged(founded)) == {}


def test_a_revert_of_a_revert(native: Adopted) -> None:
    through(native, "feat: [foundation] some", {"db/more.sql": "more\n"})
    native.git("revert", "--no-edit", "HEAD")
    native.git("revert", "--no-edit", "HEAD")
    assert refused(judged(native)) == {}


def test_an_exempt_author_is_free_from_the_form_only(make: Maker) -> None:
    repo = make.adopted(plan=plan_text('exempt_authors = ["*[[]bot]@example.com"]'))
    around(repo, "bump it", {"db/bump.txt": "1\n"}, "--author", "b <renovate[bot]@example.com>")
    around(repo, "bump the form", {"src/ui/bump.txt": "1\n"}, "--author", "b <renovate[bot]@example.com>")
    around(repo, "bump by hand", {"db/bump.txt": "2\n"})
    assert refused(judged(repo)) == {"bump the form": ["phase-locked"], "bump by hand": ["message-format"]}


def two_branches(repo: Adopted) -> None:
    """A branch ``topic`` completes the second phase."""
    repo.git("checkout", "-q", "-b", "topic")
    finish_api(repo)
    repo.git("checkout", "-q", "-")


def test_a_merge_without_conflict(founded: Adopted) -> None:
    two_branches(founded)
    through(founded, "feat: [foundation] notes", {"notes.txt": "zero\n"})
    founded.git("merge", "-q", "--no-edit", "topic")
    report = judged(founded)
    assert refused(report) == {}
    assert report.judged == 5


def test_a_merge_made_around_the_hooks_that_changes_nothing_by_itself(founded: Adopted) -> None:
    two_branches(founded)
    through(founded, "feat: [foundation] notes", {"notes.txt": "zero\n"})
    founded.git("merge", "-q", "--no-verify", "--no-edit", "topic")
    assert refused(judged(founded)) == {}


def test_a_merge_of_three(founded: Adopted) -> None:
    start = founded.out("rev-parse", "HEAD")
    for name in ("one", "two"):
        founded.git("checkout", "-q", "-b", name, start)
        through(founded, f"feat: [api] {name}", {f"src/api/{name}.py": "x = 1\n"})
    founded.git("checkout", "-q", "--detach", start)
    through(founded, "feat: [api] three", {"src/api/three.py": "x = 1\n"})
    founded.git("merge", "-q", "--no-edit", "one", "two")
    report = judged(founded)
    assert refused(report) == {}
    assert report.judged == 6


def test_a_rebase_onto_changed_inputs_is_healed_by_one_validate_and_one_commit(
    founded: Adopted, in_process: InProcess
) -> None:
    base = founded.out("rev-parse", "HEAD~1")
    finish_api(founded)
    work = founded.out("rev-parse", "HEAD")
    founded.git("checkout", "-q", "--detach", base)
    through(founded, "feat: [foundation] another file", {"db/other.sql": "other\n"})
    upstream = founded.out("rev-parse", "HEAD")
    founded.git("rebase", "-q", "--onto", upstream, base, work)
    stale = judged(founded, f"{upstream}..HEAD")
    assert {name for names in refused(stale).values() for name in names} == {"gate-due", "lock-tampered"}
    assert in_process(founded, "validate").returncode == 0
    founded.git("commit", "-q", "-m", "after the rebase")
    report = judged(founded, f"{upstream}..HEAD")
    assert refused(report) == {}
    assert len(listed(report, "unproven")) == 2


def test_a_cherry_pick_of_ordinary_work(native: Adopted) -> None:
    base = native.out("rev-parse", "HEAD")
    work = through(native, "feat: [foundation] some", {"db/more.sql": "more\n"})
    native.git("checkout", "-q", "--detach", base)
    through(native, "feat: [foundation] other", {"db/other.sql": "other\n"})
    native.git("cherry-pick", work)
    assert refused(judged(native)) == {}


def test_auto_done_in_a_commit_of_another_phase(make: Maker) -> None:
    phases = PHASES.replace('files = ["db/**"]', 'files = ["db/**", "shared/**"]').replace(
        'depends_on = ["foundation"]\nfiles = ["src/api/**"]', 'files = ["src/api/**"]'
    )
    phases = phases.replace('files = ["src/api/auth.py"]', 'files = ["shared/auth.py"]')
    repo = make.adopted(plan=plan_text(gates=GATES, phases=phases))
    through(repo, "feat: [foundation] shared", {"shared/auth.py": "x = 1\n"})
    assert "[x] Task 2.1" in repo.head("PLAN.md")
    assert refused(judged(repo)) == {}


# -- what went around the hooks ----------------------------------------------------------------------------------------


def no_form(repo: Adopted) -> None:
    around(repo, "bad", {"notes.txt": "four\n"})


def wrong_type(repo: Adopted) -> None:
    around(repo, "chore: [foundation] bad", {"notes.txt": "four\n"})


def unknown_phase(repo: Adopted) -> None:
    around(repo, "feat: [fundation] bad", {"notes.txt": "four\n"})


def locked_files(repo: Adopted) -> None:
    around(repo, "feat: [ui] bad", {"src/ui/login.html": "<form>\n"})


def locked_name(repo: Adopted) -> None:
    around(repo, "feat: [ui] bad", {"notes.txt": "four\n"})


def two_phases(repo: Adopted) -> None:
    around(repo, "feat: [foundation] bad", {"db/more.sql": "more\n", "src/api/auth.py": "x = 1\n"})


def other_phase(repo: Adopted) -> None:
    around(repo, "feat: [foundation] bad", {"src/api/more.py": "x = 1\n"})


def tick_without_evidence(repo: Adopted) -> None:
    repo.tick("2.2")
    around(repo, "feat: [api] bad")


def tick_in_locked_phase(repo: Adopted) -> None:
    repo.tick("3.1")
    around(repo, "feat: [ui] bad")


def plan_with_files(repo: Adopted) -> None:
    around(repo, "feat: [plan] bad", {"plan.toml": PLAN.replace("Web UI", "Web"), "db/more.sql": "more\n"})


def plan_under_a_phase(repo: Adopted) -> None:
    around(repo, "feat: [foundation] bad", {"plan.toml": PLAN.replace("Web UI", "Web")})


def plan_without_plan(repo: Adopted) -> None:
    around(repo, "feat: [plan] bad", {"notes.txt": "four\n"})


def plan_that_ticks(repo: Adopted) -> None:
    repo.tick("2.2")
    around(repo, "feat: [plan] bad", {"plan.toml": PLAN.replace("Web UI", "Web")})


def broken_plan(repo: Adopted) -> None:
    around(repo, "feat: [plan] bad", {"plan.toml": PLAN + "\n[[phase]]\n"})


def plan_taken_away(repo: Adopted) -> None:
    repo.git("rm", "-q", "--cached", "plan.toml")
    around(repo, "feat: [ui] bad", {"src/ui/login.html": "<form>\n"})


def plan_as_a_link(repo: Adopted) -> None:
    (repo.top / "plan.toml").rename(repo.top / "real.toml")
    (repo.top / "plan.toml").symlink_to("real.toml")
    repo.git("add", "-A")
    around(repo, "feat: [plan] bad")


def forged_key(repo: Adopted) -> None:
    text = repo.read("plan.lock").replace("[phase.api]\n", f'[phase.api.gate.api]\nkey = "{ENDED}"\n')
    around(repo, "feat: [api] bad", {"plan.lock": text})


def forged_base(repo: Adopted) -> None:
    around(
        repo,
        "feat: [foundation] bad",
        {
            "plan.lock": repo.read("plan.lock").replace(
                "[phase.ui]\n", '[phase.ui.task."3.1".base]\n"src/ui/login.html" = "0"\n'
            )
        },
    )


def broken_lock(repo: Adopted) -> None:
    around(repo, "feat: [foundation] bad", {"plan.lock": "version = 9\n"})


def lock_taken_away(repo: Adopted) -> None:
    repo.git("rm", "-q", "plan.lock")
    around(repo, "feat: [foundation] bad")


def todo_taken_away(repo: Adopted) -> None:
    repo.git("rm", "-q", "PLAN.md")
    around(repo, "feat: [foundation] bad")


def todo_without_markers(repo: Adopted) -> None:
    around(repo, "feat: [foundation] bad", {"PLAN.md": "# nothing\n"})


def todo_with_conflict(repo: Adopted) -> None:
    around(repo, "feat: [foundation] bad", {"PLAN.md": repo.read("PLAN.md").replace("- [", "<<<<<<< a\n- [", 1)})


def false_fixup(repo: Adopted) -> None:
    around(repo, "fixup! bad", {"notes.txt": "four\n"})


def fixup_of_a_locked_phase(repo: Adopted) -> None:
    around(repo, "fixup! feat: [foundation] schema and settings", {"src/ui/login.html": "<form>\n"})


def false_revert(repo: Adopted) -> None:
    head = repo.out("rev-parse", "HEAD")
    around(repo, f"Revert it\n\nThis reverts commit {head}.", {"src/api/auth.py": "x = 1\n"})


def revert_of_nothing(repo: Adopted) -> None:
    around(repo, f"Revert it\n\nThis reverts commit {'b' * 40}.", {"notes.txt": "four\n"})


def link_over_a_folder(repo: Adopted) -> None:
    (repo.top / "src").mkdir(exist_ok=True)
    (repo.top / "src" / "ui").symlink_to("../elsewhere")
    repo.git("add", "src/ui")
    around(repo, "feat: [api] bad")


def commit_tree(repo: Adopted) -> None:
    repo.add({"src/ui/login.html": "<form>\n"})
    tree = repo.out("write-tree")
    oid = repo.out("commit-tree", tree, "-p", "HEAD", "-m", "feat: [foundation] bad")
    repo.git("reset", "-q", "--hard", oid)


VIOLATIONS: dict[Callable[[Adopted], None], list[str]] = {
    no_form: ["message-format"],
    wrong_type: ["message-format"],
    unknown_phase: ["phase-unknown"],
    locked_files: ["phase-locked"],
    locked_name: ["phase-locked"],
    two_phases: ["gate-due", "phases-mixed"],
    other_phase: ["phase-mismatch"],
    tick_without_evidence: ["task-evidence"],
    tick_in_locked_phase: ["phase-locked", "task-evidence", "task-locked"],
    plan_with_files: ["gate-due", "plan-mixed"],
    plan_under_a_phase: ["phase-mismatch"],
    plan_without_plan: ["phase-mismatch"],
    plan_that_ticks: ["plan-mixed", "task-evidence"],
    broken_plan: ["plan-invalid"],
    plan_taken_away: ["phase-mismatch", "plan-mixed"],
    plan_as_a_link: ["plan-invalid"],
    forged_key: ["gate-due", "lock-tampered"],
    forged_base: ["lock-tampered"],
    broken_lock: ["lock-tampered"],
    lock_taken_away: ["lock-tampered"],
    todo_taken_away: ["plan-md-edited"],
    todo_without_markers: ["plan-md-edited"],
    todo_with_conflict: ["plan-md-edited"],
    false_fixup: ["fixup-target"],
    fixup_of_a_locked_phase: ["phase-locked"],
    false_revert: ["revert-target"],
    revert_of_nothing: ["revert-target"],
    link_over_a_folder: ["phase-locked", "phase-mismatch"],
    commit_tree: ["phase-locked", "phase-mismatch"],
}


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda violation: violation.__name__)
def test_a_violation_is_refused_with_its_commit_and_the_next_is_judged_for_itself(
    founded: Adopted, violation: Callable[[Adopted], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    violation(founded)
    oid = founded.out("rev-parse", "HEAD")
    report = judged(founded)
    assert [verdict.oid for verdict in report.refused] == [oid]
    assert sorted({found.id for found in report.refused[0].findings}) == VIOLATIONS[violation]
    assert all(found.help for found in report.refused[0].findings)
    assert report.judged == 3
    monkeypatch.setattr(Ground, "phase_of", lambda *_: "")  # the long way comes to the same
    assert judged(founded).refused == report.refused


def test_each_bad_commit_is_told_in_the_order_of_history(founded: Adopted) -> None:
    around(founded, "one", {"notes.txt": "1\n"})
    around(founded, "feat: [foundation] fine", {"notes.txt": "2\n"})
    around(founded, "two", {"notes.txt": "3\n"})
    assert list(refused(judged(founded))) == ["one", "two"]
    assert list(refused(judged(founded, "HEAD~1..HEAD"))) == ["two"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", []),
        ('require_phase = "advancing"', []),
        ('commit_types = ["fix"]', ["message-format"]),
        ('unplanned_files = "block"', ["unplanned-file"]),
        ("max_commit_files = 1", ["commit-too-large"]),
        ("max_commit_lines = 7", ["commit-too-large"]),
        ("max_commit_lines = 8", []),
    ],
)
def test_settings_count_in_history(make: Maker, settings: str, expected: list[str]) -> None:
    repo = make.adopted(plan=plan_text(settings))
    around(repo, "feat: [foundation] it", {"notes.txt": "1\n2\n3\n", "more.txt": "1\n2\n"})
    assert refused(judged(repo)) == ({"feat: [foundation] it": expected} if expected else {})


def test_settings_of_the_first_parent_count_when_they_change(make: Maker) -> None:
    repo = make.adopted(plan=plan_text('commit_types = ["fix"]'))
    around(repo, "feat: [plan] loosen", {"plan.toml": plan_text('commit_types = ["fix", "feat"]')})
    around(repo, "feat: [foundation] then", {"notes.txt": "1\n"})
    report = judged(repo)
    assert refused(report) == {"feat: [plan] loosen": ["message-format"]}
    assert listed(report, "weakened") == ["settings.commit_types accepts feat"]


def test_an_exception_is_listed_and_refused_where_none_is_accepted(native: Adopted) -> None:
    around(native, "hot fix\n\nPlan-Exception: production is down", {"src/ui/login.html": "<form>\n"})
    report = judged(native)
    assert (refused(report), listed(report, "exception")) == ({}, ["production is down"])
    strict = judged(native, options=Options(refuse_exceptions=True))
    assert refused(strict) == {"hot fix": ["bypassed"]}


def test_an_exception_does_not_free_a_tick_or_a_plan_change(native: Adopted) -> None:
    native.tick("3.1")
    around(native, "hot fix\n\nPlan-Exception: because")
    around(native, "hot plan\n\nPlan-Exception: because", {"plan.toml": PLAN.replace("Web UI", "Web"), "src/ui/x": "x"})
    found = refused(judged(native))
    assert found == {"hot fix": ["task-evidence", "task-locked"], "hot plan": ["plan-mixed"]}


# -- merges ------------------------------------------------------------------------------------------------------------


def test_an_evil_merge_is_refused(founded: Adopted) -> None:
    two_branches(founded)
    through(founded, "feat: [foundation] notes", {"notes.txt": "zero\n"})
    founded.git("merge", "-q", "--no-verify", "--no-commit", "topic")
    around(founded, "Merge branch 'topic'", {"src/ui/login.html": "<form>\n"})
    founded.git("reset", "-q", "--hard")
    report = judged(founded)
    # The phase that the second one opens is open here; the tick that goes with its file is not in PLAN.md.
    assert refused(report) == {}
    founded.git("reset", "-q", "--hard", "HEAD^1")
    founded.git("branch", "-f", "topic", "topic~1")
    founded.git("checkout", "-q", "topic")
    through(founded, "feat: [foundation] on the side", {"side.txt": "side\n"})
    founded.git("checkout", "-q", "-")
    founded.git("merge", "-q", "--no-verify", "--no-commit", "topic")
    around(founded, "Merge branch 'topic'", {"src/ui/login.html": "<form>\n"})
    assert refused(judged(founded)) == {"Merge branch 'topic'": ["phase-locked"]}


def test_a_merge_of_three_that_adds_something_is_refused(native: Adopted) -> None:
    start = native.out("rev-parse", "HEAD")
    for name in ("one", "two"):
        native.git("checkout", "-q", "-b", name, start)
        through(native, f"feat: [foundation] {name}", {f"{name}.txt": "x = 1\n"})
    native.git("checkout", "-q", "--detach", start)
    through(native, "feat: [foundation] three", {"three.txt": "x = 1\n"})
    native.git("merge", "-q", "--no-verify", "--no-commit", "one", "two")
    around(native, "octopus", {"src/ui/login.html": "<form>\n"})
    assert refused(judged(native)) == {"octopus": ["phase-locked"]}


def test_a_merge_that_ticks_what_neither_side_ticked_is_refused(founded: Adopted) -> None:
    two_branches(founded)
    through(founded, "feat: [foundation] notes", {"notes.txt": "zero\n"})
    founded.git("merge", "-q", "--no-verify", "--no-commit", "topic")
    founded.tick("3.1")
    around(founded, "Merge branch 'topic'")
    assert refused(judged(founded)) == {"Merge branch 'topic'": ["task-evidence"]}


def test_a_branch_from_before_the_plan_is_judged_where_it_comes_in(make: Maker) -> None:
    repo = make.hooked("native")
    repo.commit("before", {"a.txt": "a\n"})
    repo.git("branch", "old")
    repo.commit("begin", {"plan.toml": PLAN})
    repo.git("checkout", "-q", "old")
    repo.commit("anything", {"src/ui/login.html": "<form>\n"})
    repo.git("checkout", "-q", "-")
    refusal = repo.git("merge", "--no-edit", "old", check=False)
    assert refusal.returncode != 0
    assert "phase-locked" in refusal.stderr
    repo.git("merge", "--abort", check=False)
    repo.git("merge", "-q", "--no-verify", "--no-edit", "old")
    assert refused(judged(repo)) == {"Merge branch 'old'": ["phase-locked"]}


def test_a_branch_from_before_the_plan_with_unplanned_files_comes_in(make: Maker) -> None:
    repo = make.hooked("native")
    repo.commit("before", {"a.txt": "a\n"})
    repo.git("branch", "old")
    repo.commit("begin", {"plan.toml": PLAN})
    repo.git("checkout", "-q", "old")
    repo.commit("anything", {"old.txt": "<form>\n"})
    repo.git("checkout", "-q", "-")
    repo.git("merge", "-q", "--no-edit", "old")
    assert refused(judged(repo)) == {}


def test_a_merge_of_a_branch_from_before_the_plan_changes_no_plan_beside(make: Maker) -> None:
    # To the hooks any merge of such a branch stood for a whole one, which may bring a plan; to verify this one did not.
    repo = make.hooked("native")
    repo.commit("before", {"a.txt": "a\n"})
    repo.git("branch", "old")
    repo.commit("begin", {"plan.toml": PLAN})
    repo.git("branch", "-M", "main")
    repo.git("checkout", "-q", "old")
    repo.commit("anything", {"db/old.sql": "old\n"})
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-commit", "old")
    repo.add({"plan.toml": PLAN.replace('title = "Logging"', 'title = "Logs"')})
    assert "plan-mixed" in repo.git("commit", "-m", "Merge old", check=False).stderr
    repo.git("checkout", "-q", "HEAD", "--", "plan.toml")
    repo.git("commit", "-q", "-m", "Merge old")
    assert refused(judged(repo)) == {}


def old_line_with_work(make: Maker) -> Adopted:
    """``main`` has the plan; ``old`` began before it and has work of a phase that is locked."""
    repo = make.hooked("native")
    repo.commit("before", {"a.txt": "a\n"})
    repo.git("branch", "-M", "main")
    repo.git("branch", "old")
    repo.commit("begin", {"plan.toml": PLAN})
    repo.git("checkout", "-q", "old")
    repo.commit("anything", {"src/ui/login.html": "<form>\n"})
    return repo


def test_an_old_line_that_takes_the_plan_in_is_judged_against_it(make: Maker) -> None:
    repo = old_line_with_work(make)
    repo.git("merge", "-q", "--no-verify", "--no-edit", "main")
    # The main branch could now be moved there without another merge.
    assert refused(judged(repo, "main..HEAD")) == {"Merge branch 'main' into old": ["phase-locked"]}


def test_the_plan_can_come_to_a_line_by_a_merge(make: Maker) -> None:
    repo = old_line_with_work(make)
    repo.git("merge", "-q", "--no-verify", "--no-edit", "main")
    report = judged(repo)
    assert refused(report) == {}
    assert len(listed(report, "adopted")) == 2


def test_the_plan_comes_to_a_line_with_the_bases_that_it_had(make: Maker) -> None:
    # They were taken for bases of other content, and the ticks that stand on them were refused.
    repo = make.hooked("native")
    repo.commit("before", {"a.txt": "a\n"})
    repo.git("branch", "old")
    repo.commit("begin", {"plan.toml": PLAN})
    repo.finish_foundation()
    repo.git("branch", "-M", "main")
    repo.git("checkout", "-q", "old")
    repo.commit("anything", {"b.txt": "b\n"})
    repo.git("merge", "-q", "--no-edit", "main")
    report = judged(repo)
    assert refused(report) == {}
    assert listed(report, "unproven") == []


@pytest.mark.parametrize("is_amended", [False, True], ids=["concluded", "amended"])
def test_a_merge_of_a_line_with_a_plan_that_only_goes_on_from_here_is_no_adoption(
    make: Maker, *, is_amended: bool
) -> None:
    # The hooks took it for one, as its first parent has no plan; to verify that parent is behind the other one.
    repo = make.hooked("native")
    repo.commit("before", {"db/old.sql": "old\n"})
    repo.git("branch", "old")
    repo.commit("begin", {"plan.toml": PLAN})
    repo.commit("feat: [foundation] table", {"db/schema.sql": GOOD_SCHEMA})
    repo.git("branch", "-M", "main")
    repo.git("checkout", "-q", "old")
    repo.git("merge", "-q", "--no-ff", *(["--no-edit"] if is_amended else ["--no-commit"]), "main")
    amend = ["--amend"] if is_amended else []
    repo.add({"src/ui/login.html": "<form>\n"})
    refusal = repo.git("commit", *amend, "-m", "Merge main", check=False)
    assert "phase-locked" in refusal.stderr
    repo.git("rm", "-q", "-f", "src/ui/login.html")
    repo.add({"db/more.sql": "more\n"})
    repo.git("commit", "-q", *amend, "-m", "Merge main")
    assert repo.read("plan.lock") == repo.out("show", "main:plan.lock") + "\n"  # the bases that it had
    assert refused(judged(repo)) == {}


def test_an_adoption_of_its_own_judges_no_branch(make: Maker) -> None:
    repo = make.adopted()
    repo.git("branch", "-M", "main")
    repo.git("checkout", "-q", "--orphan", "own")
    text = repo.read("PLAN.md").replace("- [ ]", "- [x]")
    around(repo, "an adoption of its own", {"PLAN.md": text, "src/ui/login.html": "<form>\n"})
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-verify", "-X", "theirs", "--allow-unrelated-histories", "--no-edit", "own")
    found = refused(judged(repo))
    assert found == {"Merge branch 'own'": ["phase-locked", "task-evidence"]}


def test_two_adoptions_that_meet_through_the_hooks(make: Maker, in_process: InProcess) -> None:
    repo = make.hooked("native")
    repo.commit("before", {"notes.txt": "one\n"})
    first = repo.out("rev-parse", "HEAD")
    repo.commit("begin", {"plan.toml": PLAN, "db/schema.sql": GOOD_SCHEMA})
    repo.git("branch", "other")
    repo.git("switch", "-q", "-c", "mine", first)
    repo.commit("begin too", {"plan.toml": PLAN})
    assert repo.git("merge", "--no-edit", "other", check=False).returncode != 0  # plan.lock has another base
    assert in_process(repo, "sync").returncode == 0
    repo.git("add", "-A")
    repo.git("commit", "-q", "--no-edit")
    assert refused(judged(repo)) == {}


# -- what weakens the plan ---------------------------------------------------------------------------------------------


def test_what_weakens_the_plan_is_listed_with_its_commit(native: Adopted) -> None:
    weaker = PLAN.replace('gates = ["schema"]\n', "").replace("[gates.schema]\n", "[gates.other]\n")
    oid = through(native, "feat: [plan] no gate", {"plan.toml": weaker})
    report = judged(native)
    assert refused(report) == {}
    weakened = [item for item in report.listed if item.kind == "weakened"]
    assert [(item.oid, item.text) for item in weakened] == [(oid, "phase foundation: gate schema is taken away")]


def test_a_task_that_enters_with_a_tick_is_listed(native: Adopted, in_process: InProcess) -> None:
    more = PLAN.replace('title = "Users table"', 'title = "The users table"')
    native.finish_foundation()
    native.add({"plan.toml": more})
    assert in_process(native, "sync").returncode == 0
    native.tick("1.1")
    through(native, "feat: [plan] another title")
    assert "task 1.1 enters the plan with a tick: The users table" in listed(judged(native), "weakened")


def test_taking_the_plan_away_alone_is_listed(native: Adopted) -> None:
    native.git("rm", "-q", "plan.toml")
    through(native, "feat: [plan] we are done")
    assert listed(judged(native), "weakened") == ["the plan is taken away"]


# -- a plan that binds -------------------------------------------------------------------------------------------------


def test_a_weakened_plan_does_not_count_where_another_binds(native: Adopted) -> None:
    native.git("branch", "protected")
    free = PLAN.replace('depends_on = ["api"]\n', "").replace('depends_on = ["foundation"]\n', "")
    through(native, "feat: [plan] no order", {"plan.toml": free})
    through(native, "feat: [ui] at once", {"src/ui/login.html": "<form>\n"})
    assert refused(judged(native, "protected..HEAD")) == {}
    bound = judged(native, "protected..HEAD", Options(plan_ref="protected"))
    assert refused(bound) == {"feat: [ui] at once": ["phase-locked", "task-locked"]}
    assert len(listed(bound, "weakened")) == 2


def test_a_plan_that_binds_cannot_be_taken_away(native: Adopted) -> None:
    native.git("branch", "protected")
    native.git("rm", "-q", "plan.toml", "PLAN.md", "plan.lock")
    native.git("commit", "-q", "--no-verify", "-m", "feat: [plan] we are done")
    around(native, "anything", {"src/ui/login.html": "<form>\n"})
    found = refused(judged(native, "protected..HEAD", Options(plan_ref="protected")))
    assert "plan-mixed" in found["feat: [plan] we are done"]
    assert found["anything"] == ["message-format", "phase-locked"] or "phase-locked" in found["anything"]


def test_a_gate_that_was_made_easy_does_not_count_where_another_plan_binds(native: Adopted) -> None:
    native.git("branch", "protected")
    easy = PLAN.replace("grep -q users db/schema.sql", "true")
    through(native, "feat: [plan] easy", {"plan.toml": easy})
    native.add({"db/schema.sql": "nothing\n"})
    native.tick("1.2")
    native.git("commit", "-q", "-m", "feat: [foundation] easy")
    assert refused(judged(native, "protected..HEAD")) == {}
    bound = judged(native, "protected..HEAD", Options(plan_ref="protected"))
    assert refused(bound)["feat: [foundation] easy"] == ["gate-due", "lock-tampered"]


# -- squash ------------------------------------------------------------------------------------------------------------

SQUASH = plan_text('mainline = "squash"')


def squashed(make: Maker, plan: str = SQUASH) -> Adopted:
    """Two phases finished on a branch, and staged on the mainline by ``git merge --squash``."""
    repo = make.adopted(plan=plan)
    repo.git("checkout", "-q", "-b", "topic")
    repo.finish_foundation()
    finish_api(repo)
    repo.git("checkout", "-q", "-")
    repo.git("merge", "-q", "--squash", "topic")
    return repo


def test_a_squashed_branch_passes_hooks_and_verify_where_the_plan_says_squash(make: Maker) -> None:
    repo = squashed(make)
    through(repo, "feat: [api] foundation and api")
    assert "complete" in repo.head("PLAN.md")
    assert repo.status() == []
    assert refused(judged(repo)) == {}


def test_a_squashed_branch_is_refused_where_the_plan_says_merge(make: Maker) -> None:
    repo = squashed(make, PLAN)
    done = repo.commit("feat: [api] foundation and api", check=False)
    assert done.returncode != 0
    assert "error[phases-mixed]" in done.stderr
    around(repo, "feat: [api] foundation and api")
    assert refused(judged(repo)) == {"feat: [api] foundation and api": ["phases-mixed"]}


def test_a_squash_whose_result_is_out_of_order_is_refused(make: Maker) -> None:
    repo = make.adopted(plan=SQUASH)
    around(repo, "feat: [api] too early", {"src/api/auth.py": "x = 1\n", "notes.txt": "four\n"})
    assert refused(judged(repo)) == {"feat: [api] too early": ["phase-locked"]}


def test_a_squash_without_the_form_is_refused(make: Maker) -> None:
    repo = squashed(make)
    around(repo, "all of it (#12)")
    assert refused(judged(repo)) == {"all of it (#12)": ["message-format"]}


def test_a_squash_that_brings_a_plan_change_and_its_work(make: Maker) -> None:
    repo = make.adopted(plan=SQUASH)
    repo.git("checkout", "-q", "-b", "topic")
    more = SQUASH.replace(
        '[[phase]]\nid = "api"',
        '[[phase.task]]\nid = "x"\ntitle = "More"\nfiles = ["db/more.sql"]\n\n[[phase]]\nid = "api"',
    )
    through(repo, "feat: [plan] more", {"plan.toml": more})
    through(repo, "feat: [foundation] more", {"db/more.sql": "more\n"})
    repo.git("checkout", "-q", "-")
    repo.git("merge", "-q", "--squash", "topic")
    through(repo, "feat: [foundation] more and its plan")
    assert "[x] Task x" in repo.head("PLAN.md")
    assert refused(judged(repo)) == {}


# -- a pull request's title --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("feat: [api] foundation and api", {}),
        ("Foundation and API", {"Foundation and API": ["message-format"]}),
        ("feat: [nowhere] it", {"feat: [nowhere] it": ["phase-unknown"]}),
    ],
)
@pytest.mark.parametrize("plan", [PLAN, SQUASH], ids=["merge", "squash"])
def test_a_title_is_judged_as_the_message_of_the_squash(
    make: Maker, plan: str, title: str, expected: dict[str, list[str]]
) -> None:
    repo = make.adopted(plan=plan)
    base = repo.out("rev-parse", "HEAD")
    repo.finish_foundation()
    finish_api(repo)
    assert refused(judged(repo, f"{base}..HEAD", Options(title=title))) == expected


def test_single_messages_do_not_count_where_the_branch_lands_as_one_commit(make: Maker) -> None:
    repo = make.adopted(plan=SQUASH)
    base = repo.out("rev-parse", "HEAD")
    around(repo, "wip", {"notes.txt": "1\n"})
    around(repo, "wip 2", {"src/ui/login.html": "<form>\n"})
    assert refused(judged(repo, f"{base}..HEAD~1", Options(title="feat: [foundation] notes"))) == {}
    found = refused(judged(repo, f"{base}..HEAD", Options(title="feat: [foundation] notes")))
    assert found == {"feat: [foundation] notes": ["phase-locked"]}


# -- what cannot be judged ---------------------------------------------------------------------------------------------


def test_a_shallow_history_is_not_judged(founded: Adopted, tmp_path: Path, command: Verify) -> None:
    shallow = tmp_path / "shallow"
    founded.git("clone", "-q", "--depth", "1", founded.top.as_uri(), shallow)
    done = command(Repository(shallow), "HEAD")
    assert done.returncode == 3
    assert "git fetch --unshallow" in done.stderr
    assert "fetch-depth: 0" in done.stderr


def test_grafts_and_replace_refs_are_not_judged(founded: Adopted, command: Verify) -> None:
    head, parent = founded.out("rev-parse", "HEAD"), founded.out("rev-parse", "HEAD~1")
    founded.git("replace", head, parent)
    done = command(founded, "HEAD")
    assert (done.returncode, "git replace -d" in done.stderr) == (3, True)
    founded.git("replace", "-d", head)
    grafts = founded.git_path("info/grafts")
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(f"{head}\n", encoding="ascii")
    assert command(founded, "HEAD").returncode == 3
    grafts.unlink()
    assert command(founded, "HEAD").returncode == 0


@pytest.mark.parametrize("kind", ["tree", "PLAN.md", "plan.toml", "plan.lock", "commit"])
def test_missing_objects_are_not_judged(founded: Adopted, kind: str) -> None:
    finish_api(founded)
    names = {"tree": "HEAD~1^{tree}", "commit": "HEAD~1"}
    oid = founded.out("rev-parse", names.get(kind, f"HEAD:{kind}"))
    (founded.git_path("objects") / oid[:2] / oid[2:]).unlink()
    for cached in founded.git_path("orchestrator/plans").iterdir():
        cached.unlink()
    with pytest.raises(CannotJudgeError):
        judged(founded)


def test_an_empty_range_is_not_fine(native: Adopted, command: Verify) -> None:
    done = command(native, "HEAD..HEAD")
    assert done.returncode == 3
    assert "nothing was judged" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["nowhere", "HEAD..nowhere", "--all", "", "HEAD:plan.toml"])
def test_a_range_that_names_nothing_is_wrong_usage(native: Adopted, name: str, command: Verify) -> None:
    done = command(native, "--", name)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_outside_of_a_repository(tmp_path: Path, command: Verify) -> None:
    done = command(Repository(tmp_path), "HEAD", env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert done.returncode == 3
    assert "no Git repository" in done.stderr


# -- the default range -------------------------------------------------------------------------------------------------


def test_by_default_what_the_upstream_does_not_have(native: Adopted, tmp_path: Path, command: Verify) -> None:
    bare = tmp_path / "bare.git"
    native.git("clone", "-q", "--bare", native.top, bare)
    native.git("remote", "add", "origin", bare)
    native.git("push", "-q", "-u", "origin", "HEAD")
    assert command(native).returncode == 3  # there is nothing that the upstream does not have
    around(native, "bad", {"notes.txt": "1\n"})
    done = command(native, "--json")
    data = json.loads(done.stdout)
    assert (done.returncode, data["judged"], data["refused"][0]["subject"]) == (1, 1, "bad")


def test_by_default_what_the_default_branch_does_not_have(native: Adopted, command: Verify) -> None:
    native.git("branch", "-M", "main")
    native.git("checkout", "-q", "-b", "topic")
    native.finish_foundation()
    done = command(native)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "main..HEAD: 1 commit judged, all fine")
    native.git("checkout", "-q", "main")
    assert command(native).returncode == 3


# -- forms of the answer -----------------------------------------------------------------------------------------------


def test_the_answer_as_text_data_and_annotations(native: Adopted, command: Verify) -> None:
    oid = around(native, "feat: [ui] bad\x1b[31m", {"src/ui/lo:g,in%.html": "<form>\n"})
    text = command(native, "HEAD~1..HEAD")
    assert text.returncode == 1
    assert f"commit {oid[:12]} feat: [ui] bad\\x1b[31m\n" in text.stdout
    assert '  error[phase-locked]: phase "Web UI" cannot start' in text.stdout
    assert text.stdout.splitlines()[-2] == "HEAD~1..HEAD: 1 commit judged, 1 refused"
    assert "\x1b" not in text.stdout
    data = json.loads(command(native, "HEAD~1..HEAD", "--format", "json").stdout)
    assert data["refused"][0]["commit"] == oid
    assert data["refused"][0]["findings"][0]["id"] == "phase-locked"
    github = command(native, "HEAD~1..HEAD", "--format", "github")
    assert github.returncode == 1
    first = github.stdout.splitlines()[0]
    assert first.startswith(f"::error file=src/ui/lo%3Ag%2Cin%25.html,title=phase-locked in {oid[:12]}::feat: [ui] bad")
    assert "%0A" in first
    nothing = command(native, "HEAD..HEAD", "--format", "github")
    assert (nothing.returncode, nothing.stdout[:18]) == (3, "::error title=git:")


def test_the_title_comes_from_the_environment(founded: Adopted, command: Verify) -> None:
    assert command(founded, "HEAD~1..HEAD", "--title-env", "PR_TITLE").returncode == 2
    done = command(founded, "HEAD~1..HEAD", "--title-env", "PR_TITLE", env={"PR_TITLE": "$(touch no) what"})
    assert done.returncode == 1
    assert "title:1" in done.stdout


def test_a_title_and_the_tip_are_both_refused_where_gates_are_run_again(founded: Adopted, command: Verify) -> None:
    around(founded, "bad", {"notes.txt": "1\n"})
    done = command(founded, "HEAD~1..HEAD", "--rerun", "--title-env", "TITLE", "--json", env={"TITLE": "no form"})
    assert [verdict["subject"] for verdict in json.loads(done.stdout)["refused"]] == ["bad", "no form"]


def test_an_unknown_plan_is_wrong_usage(native: Adopted, command: Verify) -> None:
    assert command(native, "HEAD", "--plan", "nowhere").returncode == 2
    native.finish_foundation()
    assert command(native, "HEAD~1..HEAD", "--plan", "HEAD").returncode == 0


def test_gates_are_run_again_and_a_forged_pass_is_found(make: Maker, command: Verify) -> None:
    repo = make.adopted()
    repo.add({"db/schema.sql": "nothing\n"})
    repo.tick("1.2")
    repo.git("commit", "-q", "-m", "feat: [foundation] no users")
    # Whoever forges works out the right key.
    from orchestrator.core.evidence import Content  # noqa: PLC0415
    from orchestrator.core.plan_file import read_plan  # noqa: PLC0415

    plan, _ = read_plan(PLAN.encode())
    assert plan is not None
    entries = [line.split("\t") for line in repo.git("ls-files", "-sz").stdout.split("\0")[:-1]]
    listing = {path: (meta.split()[0], meta.split()[1]) for meta, path in entries}
    phase = plan.phases[0]
    key = Content(plan, listing).key(phase, phase.gates[0])
    lock = repo.read("plan.lock").replace("[phase.foundation]\n", f'[phase.foundation.gate.schema]\nkey = "{key}"\n')
    around(repo, "feat: [foundation] it passes", {"plan.lock": lock})
    assert refused(judged(repo)) == {}
    done = command(repo, "HEAD", "--rerun")
    assert done.returncode == 1, done.stdout
    assert "error[gate-failed]: gate schema of foundation failed in a clean checkout" in done.stdout
    assert "looking for users" in done.stdout
