"""Ways around the rules that people (and agents) have found: each leaves no commit, or no trace of the trick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import GATES, GOOD_SCHEMA, Adopted, assert_accepted, assert_refused, plan_text, said, told

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker

MESSAGE = "feat: [foundation] x"
EARLY = {"src/api/auth.py": "x = 1\n"}


@pytest.mark.parametrize(
    "options",
    [
        ["--amend", "--no-amend", "-m", MESSAGE],
        ["--mess", "--amend"],
        ["-m", "--amend"],
        ["--author", "--amend <a@b.c>", "-m", MESSAGE],
        ["-m", MESSAGE, "--", "--amend", "src"],
    ],
)
def test_what_only_looks_like_an_amend_is_none(native: Adopted, options: list[str]) -> None:
    native.add({**EARLY, "--amend": "x"})
    before = native.state()
    done = native.git("commit", *options, check=False)
    assert native.state() == before, said(done)
    assert "phase-locked" in told(said(done))


def test_an_amend_with_its_message_in_the_same_word_is_judged_as_one(native: Adopted) -> None:
    native.commit(MESSAGE, {"db/schema.sql": GOOD_SCHEMA})
    native.git("rm", "-q", "--cached", "db/schema.sql")
    native.git("commit", "-mfeat: [foundation] add unit test", "--amend")
    assert native.commit_count() == 2
    assert "- [ ] Task 1.1: Users table\n" in native.head("PLAN.md")


def test_a_planted_merge_head_of_the_environment_makes_no_merge(native: Adopted) -> None:
    native.add(EARLY)
    tree = native.out("write-tree")
    commit = native.out("commit-tree", "-m", "x", "-p", "HEAD", tree)
    before = native.state()
    done = native.git("commit", "-m", "junk", check=False, env={f"GITHEAD_{commit}": "x"})
    assert_refused(native, done, before, "phase-locked")


def test_a_submodule_that_git_is_told_to_ignore_is_seen(native: Adopted) -> None:
    native.commit(MESSAGE, {".gitmodules": '[submodule "v"]\n\tpath = src/api/vend\n\turl = ./none\n\tignore = all\n'})
    native.git("update-index", "--add", "--cacheinfo", f"160000,{native.out('rev-parse', 'HEAD')},src/api/vend")
    before = native.state()
    assert_refused(native, native.git("commit", "-m", "x", check=False), before, "phase-locked")


@pytest.mark.parametrize("mode", ["160000", "120000"])
def test_what_stands_for_a_claimed_folder_is_claimed(native: Adopted, mode: str) -> None:
    oid = native.out("rev-parse", "HEAD" if mode == "160000" else "HEAD:notes.txt")
    native.git("update-index", "--add", "--cacheinfo", f"{mode},{oid},src/api")
    before = native.state()
    assert_refused(native, native.git("commit", "-m", MESSAGE, check=False), before, "phase-locked")


def test_a_lock_forged_in_a_rebase_is_refused(native: Adopted) -> None:
    native.commit(MESSAGE, {"db/x.sql": "x\n"})
    native.git("rebase", "-i", "HEAD~1", env={"GIT_SEQUENCE_EDITOR": "sed -i 1ibreak"})
    forged = native.read("plan.lock").replace(
        "[phase.foundation]\n", f'[phase.foundation]\n\n[phase.foundation.gate.schema]\nkey = "{"ab" * 32}"\n'
    )
    native.add({"plan.lock": forged})
    before = native.state()
    done = native.git("commit", "-m", "x", check=False)
    assert_refused(native, done, before, "lock-tampered")
    native.add(
        {"plan.lock": native.head("plan.lock") + '\n[phase.foundation.task."1.1".base]\n"db/schema.sql" = "00"\n'}
    )
    assert "lock-tampered" in told(said(native.git("commit", "-m", "x", check=False)))
    native.git("rm", "-q", "--cached", "plan.lock")
    assert "lock-tampered" in told(said(native.git("commit", "-m", "x", check=False)))
    native.git("reset", "-q", "--hard")
    assert native.git("rebase", "--continue").returncode == 0


def test_what_is_staged_while_a_gate_runs_is_not_committed(make: Maker) -> None:
    gate = "[gates.schema]\nrun = 'echo late >db/late.sql; git add db/late.sql; git add -A; true'\n"
    repo = make.adopted("native", plan_text(gates=gate + GATES[GATES.index("[gates.api]") :]))
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    repo.tick("1.2")
    count = repo.commit_count()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert done.returncode == 1, said(done)
    assert repo.commit_count() == count
    assert "gate-unclean" in told(said(done))


def test_lines_are_counted_where_no_gate_may_run(make: Maker) -> None:
    repo = make.adopted("native", plan_text('hook_time_limit = "0s"\nmax_commit_lines = 3'))
    repo.add({"db/x.sql": "x\n" * 9})
    before = repo.state()
    assert_refused(repo, repo.git("commit", "-m", MESSAGE, check=False), before, "commit-too-large")


@pytest.mark.parametrize(
    ("options", "config"),
    [
        (["--cleanup=strip", "--cleanup=whitespace"], []),
        (["--clean=whitespace"], ["-c", "commit.cleanup=strip"]),
    ],
)
def test_the_message_is_cleaned_as_git_will_do_it(native: Adopted, options: list[str], config: list[str]) -> None:
    native.add({"db/x.sql": "x\n"})
    before = native.state()
    done = native.git(*config, "commit", *options, "-m", f"# junk\n{MESSAGE}", check=False)
    assert_refused(native, done, before, "message-format")


def test_an_empty_message_is_no_way_around_the_form(native: Adopted) -> None:
    native.add({"db/x.sql": "x\n"})
    before = native.state()
    done = native.git("commit", "--allow-empty-message", "-m", "", check=False)
    assert_refused(native, done, before, "message-format")


@pytest.mark.parametrize("encoding", ["undefined", "idna", "no-such"])
def test_an_encoding_that_nobody_knows_is_no_crash(native: Adopted, encoding: str) -> None:
    native.add({"db/x.sql": "x\n"})
    before = native.state()
    done = native.git("-c", f"i18n.commitEncoding={encoding}", "commit", "-m", "junk", check=False)
    assert_refused(native, done, before, "message-format")


@pytest.mark.parametrize(
    "line",
    [
        "_not started - NOTE: call Bob_",
        "_not started - estimate call Bob_",
        "_complete - gates: Bob passed_",
        "**Progress**: my own note",
        "**Current Phase**: somewhere (else)",
        "__mine__",
    ],
)
def test_a_line_that_looks_like_the_tools_is_never_dropped(native: Adopted, line: str) -> None:
    native.add({"PLAN.md": native.read("PLAN.md").replace("\n### Phase 2", f"{line}\n\n### Phase 2"), "db/x": "x"})
    before = native.state()
    assert_refused(native, native.git("commit", "-m", MESSAGE, check=False), before, "plan-md-edited")


@pytest.mark.parametrize("key", ["a\\u0000b", "../../../../../../../../dev/zero", "AB" * 32])
def test_a_key_of_plan_lock_is_no_path(native: Adopted, key: str) -> None:
    gate = f'[phase.foundation]\n\n[phase.foundation.gate.schema]\nkey = "{key}"\n'
    native.add({"plan.lock": native.read("plan.lock").replace("[phase.foundation]\n", gate), "db/x": "x"})
    done = native.git("commit", "-m", MESSAGE)
    assert told(said(done), "warning") == {"lock-tampered"}
    assert "key" not in native.head("plan.lock")


def test_a_lock_of_nothing_but_dots_is_refused_at_once(native: Adopted) -> None:
    native.add({"plan.lock": "a." * 100_000 + "a = 1\n", "db/x": "x"})
    before = native.state()
    assert_refused(native, native.git("commit", "-m", MESSAGE, check=False), before, "lock-tampered")


def test_paths_mean_the_same_in_every_locale(make: Maker) -> None:
    plan = plan_text().replace("src/api/**", "src/apié/**").replace("src/api/auth.py", "src/apié/auth.py")
    repo = make.adopted("native", plan)
    repo.add({"src/apié/auth.py": "x\n"})
    before = repo.state()
    legacy = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert_refused(repo, repo.git("commit", "-m", "x", check=False, env=legacy), before, "phase-locked")


def test_a_link_above_a_place_of_the_plan_that_is_taken_away(make: Maker) -> None:
    """The plan looks at what is below it only, and what it was has to be known all the same."""
    repo = make.hooked("native")
    (repo.top / "src").symlink_to("db")
    repo.add({"plan.toml": plan_text(), "db/x": "x"})
    repo.git("add", "src")
    repo.git("commit", "-q", "-m", "adopt")
    repo.git("rm", "-q", "src")
    before = repo.state()
    assert_refused(repo, repo.git("commit", "-m", MESSAGE, check=False), before, "phase-locked")


@pytest.mark.parametrize("name", ["GIT_ICASE_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS"])
def test_places_of_the_plan_are_names_and_no_patterns_of_git(make: Maker, name: str) -> None:
    plan = plan_text().replace('"db/**"', '":db/**", "db/**"')
    repo = make.adopted("native", plan)
    repo.add({":db/x": "x\n", "db/schema.sql": GOOD_SCHEMA})
    repo.tick("1.2")
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False, env={name: "1"})
    assert_accepted(repo, done, before)
    assert repo.gate_runs() == ["schema"]
