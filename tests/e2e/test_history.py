"""Merges, reverts, fixups, rebases, cherry-picks: what Git does alone goes on, what is wrong does not land."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import (
    BAD_SCHEMA,
    GOOD_SCHEMA,
    PHASES,
    Adopted,
    assert_accepted,
    assert_in_step,
    assert_refused,
    box,
    plan_text,
    said,
    script,
    status_line,
    told,
)

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker

MESSAGE = "feat: [foundation] x"
TWO_OPEN = plan_text(phases=PHASES.replace('depends_on = ["foundation"]\n', "").replace('depends_on = ["api"]\n', ""))


def branches(repo: Adopted) -> None:
    """A branch ``side`` and main, each with a commit of its own."""
    repo.git("switch", "-qc", "side")
    repo.commit(MESSAGE, {"db/side.sql": "s\n"})
    repo.git("switch", "-q", "main")
    repo.commit(MESSAGE, {"db/main.sql": "m\n"})


def sequence_editor(repo: Adopted, text: str) -> dict[str, str]:
    """The environment of an interactive rebase whose list is changed by this sed script."""
    return {"GIT_SEQUENCE_EDITOR": str(script(repo.top.parent / "sequence", f"sed -i -e '{text}' \"$1\""))}


# -- merges


def test_branches_on_different_phases_merge_without_conflict(make: Maker) -> None:
    repo = make.adopted("native", TWO_OPEN.replace("[settings]\n", "[settings]\nsummary_lines = false\n"))
    repo.git("switch", "-qc", "side")
    repo.commit("feat: [ui] form", {"src/ui/login.html": "<form>\n"})
    repo.git("switch", "-q", "main")
    repo.finish_foundation()
    done = repo.git("merge", "--no-edit", "side", check=False)
    assert done.returncode == 0, said(done)
    assert box(repo, "3.1") == "- [x] Task 3.1: Login form ✓"
    assert box(repo, "1.1") == "- [x] Task 1.1: Users table ✓"
    assert repo.gate_runs() == ["schema"]
    assert_in_step(repo)


def test_only_the_two_bottom_lines_conflict_and_the_concluding_commit_renders_them(make: Maker) -> None:
    repo = make.adopted("native", TWO_OPEN)
    repo.git("switch", "-qc", "side")
    repo.commit("feat: [ui] form", {"src/ui/login.html": "<form>\n"})
    repo.git("switch", "-q", "main")
    repo.finish_foundation()
    assert repo.git("merge", "--no-edit", "side", check=False).returncode == 1
    assert repo.status() == ["UU PLAN.md", "A  src/ui/login.html", "M  plan.lock"][: len(repo.status())]
    text = repo.read("PLAN.md")
    ours, theirs = text.partition("<<<<<<<")[2].split("=======\n")
    assert ours.count("\n") == 3
    assert theirs.partition(">>>>>>>")[0].count("\n") == 2
    repo.add({"PLAN.md": text.partition("<<<<<<<")[0] + text.partition(">>>>>>>")[2].partition("\n")[2]})
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "--no-edit", check=False), before, new=2)
    assert "**Progress**: 3/5 tasks complete (60%)" in repo.head("PLAN.md")


def test_a_merge_whose_boxes_conflict_is_concluded_by_a_commit(native: Adopted) -> None:
    native.git("switch", "-qc", "side")
    native.tick("1.2")
    native.git("commit", "-q", "-m", MESSAGE)
    native.git("switch", "-q", "main")
    native.commit(MESSAGE, {"db/schema.sql": GOOD_SCHEMA})
    assert native.git("merge", "--no-edit", "side", check=False).returncode == 1
    native.git("checkout", "-q", "--ours", "--", "PLAN.md")
    native.tick("1.2")
    before = native.state()
    assert_accepted(native, native.git("commit", "--no-edit", check=False), before, new=2)
    assert box(native, "1.2") == "- [x] Task 1.2: Settings agreed ✓"
    assert box(native, "1.1") == "- [x] Task 1.1: Users table ✓"


@pytest.mark.parametrize("side", ["--ours", "--theirs"])
def test_one_side_of_a_conflict_in_the_boxes_unticks_nothing(native: Adopted, side: str) -> None:
    native.git("switch", "-qc", "side")
    native.commit(MESSAGE, {"db/schema.sql": GOOD_SCHEMA})
    native.git("switch", "-q", "main")
    native.tick("1.2")
    native.commit(MESSAGE)
    assert native.git("merge", "side", check=False).returncode == 1
    native.git("checkout", "-q", side, "PLAN.md")
    native.git("add", "PLAN.md")
    native.git("commit", "-q", "--no-edit")
    assert box(native, "1.1") == "- [x] Task 1.1: Users table ✓"
    assert box(native, "1.2") == "- [x] Task 1.2: Settings agreed ✓"
    assert_in_step(native)


def test_a_merge_with_no_commit_and_a_message_of_its_own(native: Adopted) -> None:
    branches(native)
    native.git("merge", "--no-commit", "side")
    before = native.state()
    done = native.git("commit", "-m", "bring them together", check=False)
    assert_accepted(native, done, before, new=2)


def test_a_merge_is_free_from_the_form_only(native: Adopted) -> None:
    branches(native)
    native.git("merge", "--no-commit", "side")
    native.tick("1.1")
    before = native.state()
    done = native.git("commit", "--no-edit", check=False)
    assert_refused(native, done, before, "task-evidence")


def test_a_squash_merge_is_an_ordinary_commit(native: Adopted) -> None:
    branches(native)
    native.git("merge", "--squash", "side")
    before = native.state()
    assert_refused(native, native.git("commit", "--no-edit", check=False), before, "message-format")
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)


def test_an_octopus(native: Adopted) -> None:
    branches(native)
    native.git("switch", "-qc", "third", "HEAD~1")
    native.commit(MESSAGE, {"db/third.sql": "3\n"})
    native.git("switch", "-q", "main")
    before = native.state()
    done = native.git("merge", "--no-edit", "side", "third", check=False)
    assert_accepted(native, done, before, new=3)


def test_a_fast_forward_asks_nobody(native: Adopted) -> None:
    native.git("switch", "-qc", "side")
    native.commit(MESSAGE, {"db/side.sql": "s\n"})
    native.git("switch", "-q", "main")
    native.git("merge", "-q", "side")
    assert_in_step(native)


def test_a_branch_that_adopts_is_merged(make: Maker) -> None:
    repo = make.hooked("native")
    repo.commit("first", {"README": "x\n"})
    repo.git("switch", "-qc", "side")
    repo.commit("adopt", {"plan.toml": TWO_OPEN})
    repo.git("switch", "-q", "main")
    repo.commit("anything", {"other": "x\n"})
    before = repo.state()
    done = repo.git("merge", "--no-edit", "side", check=False)
    assert done.returncode == 0, said(done)
    assert repo.commit_count() == before.count + 2
    before = repo.state()
    assert_accepted(repo, repo.commit(MESSAGE, {"db/x.sql": "x\n"}, check=False), before)


def test_a_branch_from_before_the_adoption_is_merged(make: Maker) -> None:
    repo = make.hooked("native")
    repo.commit("first", {"README": "x\n"})
    repo.git("branch", "side")
    repo.commit("adopt", {"plan.toml": TWO_OPEN})
    repo.git("switch", "-q", "side")
    repo.commit("anything", {"db/schema.sql": GOOD_SCHEMA})
    repo.git("switch", "-q", "main")
    done = repo.git("merge", "--no-edit", "side", check=False)
    assert done.returncode == 0, said(done)
    before = repo.state()
    assert_accepted(repo, repo.commit(MESSAGE, {"db/x.sql": "x\n"}, check=False), before)


def test_unrelated_histories(native: Adopted, make: Maker) -> None:
    other = make.hooked("native", "other")
    other.commit("other", {"other": "x\n"})
    native.git("fetch", "-q", other.top, "main")
    before = native.state()
    done = native.git("merge", "--no-edit", "--allow-unrelated-histories", "FETCH_HEAD", check=False)
    assert_accepted(native, done, before, new=2)


# -- reverts, fixups


def test_revert(native: Adopted) -> None:
    native.commit(MESSAGE, {"db/schema.sql": GOOD_SCHEMA})
    native.commit(MESSAGE, {"db/x.sql": "x\n"})
    # Git runs no hook that could refuse here.
    native.git("revert", "--no-edit", "HEAD")
    assert_in_step(native)
    # With --no-commit it does, and the message is free, since that commit exists.
    native.git("revert", "--no-commit", "HEAD~2")
    oid = native.out("rev-parse", "HEAD~2")
    before = native.state()
    done = native.git("commit", "-m", f'Revert "x"\n\nThis reverts commit {oid}.', check=False)
    assert_accepted(native, done, before)


def test_a_revert_that_brings_more_is_none(native: Adopted) -> None:
    native.commit(MESSAGE, {"db/x.sql": "x\n"})
    native.git("revert", "--no-commit", "HEAD")
    native.add({"db/y.sql": "y\n"})
    oid = native.out("rev-parse", "HEAD")
    before = native.state()
    done = native.git("commit", "-m", f'Revert "x"\n\nThis reverts commit {oid}.', check=False)
    assert_refused(native, done, before, "revert-target")


@pytest.mark.parametrize("option", ["--fixup=HEAD", "--squash=HEAD", "--fixup=amend:HEAD", "--fixup=reword:HEAD"])
def test_fixups(native: Adopted, option: str) -> None:
    native.commit(MESSAGE, {"db/x.sql": "x\n"})
    if "reword" not in option:
        native.add({"db/x.sql": "y\n"})
    before = native.state()
    done = native.git("commit", option, check=False, env={"GIT_EDITOR": "true"})
    assert_accepted(native, done, before)
    native.git(
        "rebase", "-q", "-i", "--autosquash", "HEAD~2", env={"GIT_EDITOR": "true", "GIT_SEQUENCE_EDITOR": "true"}
    )
    assert native.out("log", "-1", "--format=%s") == MESSAGE
    assert native.status() == []


def test_a_fixup_is_judged_for_order_all_the_same(native: Adopted) -> None:
    native.commit(MESSAGE, {"db/x.sql": "x\n"})
    native.add({"src/api/auth.py": "x\n"})
    before = native.state()
    assert_refused(native, native.git("commit", "--fixup=HEAD", check=False), before, "phase-locked")


# -- rebase and cherry-pick


def test_rebase(light_way: Adopted) -> None:
    branches(light_way)
    light_way.git("switch", "-q", "side")
    light_way.commit(MESSAGE, {"db/more.sql": "s\n"})
    done = light_way.git("rebase", "main", check=False)
    assert done.returncode == 0, said(done)
    assert_in_step(light_way)
    assert light_way.commit_count() == 4


def test_rebase_by_apply(native: Adopted) -> None:
    branches(native)
    native.git("switch", "-q", "side")
    native.git("rebase", "-q", "--apply", "main")
    assert_in_step(native)


def test_reword(light_way: Adopted) -> None:
    light_way.commit(MESSAGE, {"db/schema.sql": GOOD_SCHEMA})
    light_way.tick("1.2")
    light_way.git("commit", "-q", "-m", MESSAGE)
    env = sequence_editor(light_way, "1s/pick/reword/")
    env["GIT_EDITOR"] = str(script(light_way.top.parent / "editor", "echo 'free words' >\"$1\""))
    done = light_way.git("rebase", "-i", "HEAD~2", env=env, check=False)
    assert done.returncode == 0, said(done)
    assert light_way.out("log", "--format=%s", "HEAD~2..") == f"{MESSAGE}\nfree words"
    assert_in_step(light_way)
    assert light_way.gate_runs() == ["schema"]


def test_edit_and_exec_in_a_rebase(native: Adopted) -> None:
    native.commit(MESSAGE, {"db/a.sql": "a\n"})
    native.commit(MESSAGE, {"db/b.sql": "b\n"})
    env = sequence_editor(native, "1s/pick/edit/")
    native.git("rebase", "-q", "-i", "HEAD~2", env=env)
    native.add({"db/a.sql": "aa\n"})
    done = native.git("commit", "--amend", "--no-edit", check=False)
    assert done.returncode == 0, said(done)
    done = native.git("rebase", "--continue", check=False)
    assert done.returncode == 0, said(done)
    assert_in_step(native)
    env = sequence_editor(native, "1a exec true")
    assert native.git("rebase", "-q", "-i", "HEAD~2", env=env, check=False).returncode == 0
    assert_in_step(native)


def test_a_rebase_with_a_conflict(native: Adopted) -> None:
    native.git("switch", "-qc", "side")
    native.commit(MESSAGE, {"db/x.sql": "side\n"})
    native.git("switch", "-q", "main")
    native.commit(MESSAGE, {"db/x.sql": "main\n"})
    native.git("switch", "-q", "side")
    assert native.git("rebase", "-q", "main", check=False).returncode == 1
    native.add({"db/x.sql": "both\n"})
    done = native.git("rebase", "--continue", env={"GIT_EDITOR": "true"}, check=False)
    assert done.returncode == 0, said(done)
    assert_in_step(native)


def test_cherry_pick(native: Adopted) -> None:
    branches(native)
    native.git("cherry-pick", "side")
    assert_in_step(native)
    native.git("switch", "-q", "side")
    native.git("cherry-pick", "-n", "main~1")
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)


def test_a_cherry_pick_with_a_conflict_is_judged(native: Adopted) -> None:
    native.git("switch", "-qc", "side")
    native.commit(MESSAGE, {"db/x.sql": "side\n"})
    native.git("switch", "-q", "main")
    native.commit(MESSAGE, {"db/x.sql": "main\n"})
    assert native.git("cherry-pick", "side", check=False).returncode == 1
    native.add({"db/x.sql": "both\n", "src/api/auth.py": "x\n"})
    before = native.state()
    done = native.git("commit", "--no-edit", check=False)
    assert_refused(native, done, before, "phase-locked", "phases-mixed")
    native.git("rm", "-qf", "src/api/auth.py")
    before = native.state()
    done = native.git("cherry-pick", "--continue", env={"GIT_EDITOR": "true"}, check=False)
    assert_accepted(native, done, before)


def test_after_a_reset_the_commit_is_made_again_without_a_run(founded: Adopted) -> None:
    founded.git("reset", "-q", "--soft", "HEAD~1")
    before = founded.state()
    assert_accepted(founded, founded.git("commit", "-m", MESSAGE, check=False), before)
    assert founded.gate_runs() == ["schema"]
    assert status_line(founded, 1) == "_complete - gates: schema passed_"


def test_stash_and_pop_are_no_trouble(native: Adopted) -> None:
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.tick("1.2")
    native.git("stash", "-q")
    assert_in_step(native)
    native.git("stash", "pop", "-q", "--index")
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)


def test_what_went_around_the_hooks_is_mended_by_the_next_commit(native: Adopted) -> None:
    native.add({"db/schema.sql": BAD_SCHEMA})
    native.git("commit", "-q", "--no-verify", "-m", "hasty")
    native.add({"db/x.sql": "x\n"})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)
    assert box(native, "1.1") == "- [x] Task 1.1: Users table ✓"
    assert told("") == set()


def test_a_reword_of_work_whose_passes_are_from_elsewhere(founded: Adopted) -> None:
    for number in "12":
        founded.commit(MESSAGE, {f"db/{number}.sql": "x\n"})
    shutil.rmtree(founded.git_path("orchestrator"))
    editor = {**sequence_editor(founded, "1s/^pick/reword/"), "GIT_EDITOR": "true"}
    done = founded.git("rebase", "-i", "HEAD~2", check=False, env=editor)
    assert done.returncode == 0, said(done)
    assert founded.status() == []
    shutil.rmtree(founded.git_path("orchestrator"), ignore_errors=True)
    done = founded.git("rebase", "-x", "git commit --amend --no-edit", "HEAD~2", check=False)
    assert done.returncode == 0, said(done)


def test_a_phase_renamed_on_one_side_merges_without_the_driver(native: Adopted) -> None:
    native.git("switch", "-qc", "side")
    native.commit("feat: [plan] rename", {"plan.toml": native.read("plan.toml").replace("Backend API", "Back end")})
    native.git("switch", "-q", "main")
    native.finish_foundation()
    assert "Phase 2 (Backend API)" in native.head("PLAN.md")
    done = native.git("merge", "--no-edit", "side", check=False)
    assert done.returncode == 0, said(done)
    assert native.status() == []


def test_a_tick_by_hand_after_the_one_by_itself_counts(native: Adopted) -> None:
    native.commit(MESSAGE, {"db/schema.sql": GOOD_SCHEMA})
    first = native.read("PLAN.md")
    native.tick("1.1", mark=" ")
    native.commit(MESSAGE)
    assert box(native, "1.1") == "- [ ] Task 1.1: Users table (reopened)"
    native.add({"PLAN.md": first})
    native.commit(MESSAGE)
    assert box(native, "1.1") == "- [x] Task 1.1: Users table ✓"
