"""What must hold however the hooks were installed: the life of a plan, refusals, forms of commit, merges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.support import (
    BAD_SCHEMA,
    GOOD_SCHEMA,
    PLAN,
    assert_accepted,
    assert_in_step,
    assert_refused,
    box,
    said,
    status_line,
)
from tests.support import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Maker
    from tests.e2e.support import Adopted


def test_the_life_of_a_plan(way: Adopted) -> None:
    assert_in_step(way)
    assert way.commit_count() == 1
    assert way.gate_runs() == []
    assert box(way, "1.1") == "- [ ] Task 1.1: Users table"

    # A phase that is not open yet is refused, and a message without a phase.
    way.add({"src/api/auth.py": "x = 1\n"})
    before = way.state()
    done = way.git("commit", "-m", "feat: [Backend API] login", check=False)
    assert_refused(way, done, before, "phase-locked")
    assert "task 1.1 is open: Users table" in said(done)
    way.git("rm", "-qf", "--cached", "src/api/auth.py")

    # Work on the open one lands; its first task is done by itself, no gate is due yet. Other edits stay.
    way.add({"db/schema.sql": GOOD_SCHEMA})
    way.write("notes.txt", "one\ntwo\nthree\nfour\n")
    before = way.state()
    done = way.git("commit", "-m", "feat(db): [foundation] users table", check=False)
    assert_accepted(way, done, before, dirty=[" M notes.txt", "?? src/api/auth.py"])
    assert way.read("notes.txt") == "one\ntwo\nthree\nfour\n"
    assert way.read("src/api/auth.py") == "x = 1\n"
    assert box(way, "1.1") == "- [x] Task 1.1: Users table ✓"
    assert way.gate_runs() == []
    way.git("checkout", "-q", "--", "notes.txt")

    # The last tick makes the gate due; it passes, and the phase is complete in this very commit.
    way.tick("1.2")
    before = way.state()
    done = way.git("commit", "-m", "feat: [1] settings", check=False)
    assert_accepted(way, done, before, dirty=["?? src/api/auth.py"])
    assert way.gate_runs() == ["schema"]
    assert status_line(way, 1) == "_complete - gates: schema passed_"
    assert "1.2: Settings agreed ✓" in box(way, "1.2")

    # The next phase is open now, and the pass that is recorded is not run again.
    way.git("add", "src")
    before = way.state()
    done = way.git("commit", "-m", "feat: [phase 2] login", check=False)
    assert_accepted(way, done, before)
    assert way.gate_runs() == ["schema"]
    assert "**Current Phase**: Phase 2 (Backend API)" in way.head("PLAN.md")


def test_an_accepted_commit_prints_nothing_of_ours(way: Adopted) -> None:
    done = way.commit("feat: [foundation] users table", {"db/schema.sql": GOOD_SCHEMA})
    for word in ("error", "warning", "orchestrator-hook", "plan.lock"):
        assert word not in said(done)


def test_a_red_gate_of_the_own_phase_lets_the_commit_through_and_the_phase_waits(light_way: Adopted) -> None:
    light_way.add({"db/schema.sql": BAD_SCHEMA})
    light_way.tick("1.2")
    before = light_way.state()
    done = light_way.git("commit", "-m", "feat: [foundation] all", check=False)
    assert_accepted(light_way, done, before)
    assert "warning[gate-failed]" in said(done)
    assert "looking for users" in said(done)
    assert status_line(light_way, 1) == "_awaiting gates - gates: schema open_"
    assert light_way.gate_runs() == ["schema"]

    # What depends on it is refused, with the output of the gate.
    light_way.add({"src/api/auth.py": "x = 1\n"})
    before = light_way.state()
    done = light_way.git("commit", "-m", "feat: [api] login", check=False)
    assert_refused(light_way, done, before, "gate-failed")
    assert "looking for users" in said(done)
    assert light_way.gate_runs() == ["schema", "schema"]
    light_way.git("rm", "-qf", "src/api/auth.py")

    # Mended, the gate passes in the commit that mends it.
    before = light_way.state()
    done = light_way.commit("feat: [foundation] mend", {"db/schema.sql": GOOD_SCHEMA})
    assert_accepted(light_way, done, before)
    assert status_line(light_way, 1) == "_complete - gates: schema passed_", said(done)


def test_an_aborted_commit_loses_no_passed_run(light_way: Adopted) -> None:
    light_way.add({"db/schema.sql": GOOD_SCHEMA})
    light_way.tick("1.2")
    count = light_way.commit_count()
    done = light_way.git("commit", "-m", "no form at all", check=False)
    assert done.returncode != 0
    assert "error[message-format]" in said(done)
    assert light_way.commit_count() == count
    assert light_way.gate_runs() == ["schema"]
    before = light_way.state()
    assert_accepted(light_way, light_way.git("commit", "-m", "feat: [foundation] all", check=False), before)
    assert light_way.gate_runs() == ["schema"]
    assert status_line(light_way, 1) == "_complete - gates: schema passed_"


def test_forms_of_commit(light_way: Adopted) -> None:
    light_way.add({"db/a.sql": "a\n", "db/b.sql": "b\n"})
    before = light_way.state()
    assert_accepted(light_way, light_way.git("commit", "-m", "feat: [foundation] two files", check=False), before)

    light_way.write("db/a.sql", "aa\n")
    light_way.tick("1.2", stage=False)
    before = light_way.state()
    assert_accepted(light_way, light_way.git("commit", "-am", "feat: [foundation] by -a", check=False), before)
    assert box(light_way, "1.2") == "- [x] Task 1.2: Settings agreed ✓"

    light_way.write("db/a.sql", "aaa\n")
    light_way.write("db/b.sql", "bb\n")
    light_way.add({"db/schema.sql": GOOD_SCHEMA})
    before = light_way.state()
    done = light_way.git("commit", "-m", "feat: [foundation] by path", "--", "db/schema.sql", check=False)
    assert_accepted(light_way, done, before, dirty=[" M db/a.sql", " M db/b.sql"])
    assert box(light_way, "1.1") == "- [x] Task 1.1: Users table ✓"
    # The next plain commit takes nothing back.
    light_way.git("add", "db/a.sql")
    before = light_way.state()
    done = light_way.git("commit", "-m", "feat: [foundation] plain", check=False)
    assert_accepted(light_way, done, before, dirty=[" M db/b.sql"])
    assert box(light_way, "1.1") == "- [x] Task 1.1: Users table ✓"

    before = light_way.state()
    done = light_way.git("commit", "--amend", "-m", "feat: [foundation] another word", check=False)
    assert_accepted(light_way, done, before, dirty=[" M db/b.sql"], new=0)
    assert light_way.out("log", "-1", "--format=%s") == "feat: [foundation] another word"
    assert light_way.read("db/b.sql") == "bb\n"


def test_merges(light_way: Adopted) -> None:
    light_way.git("switch", "-qc", "side")
    light_way.commit("feat: [foundation] side", {"db/side.sql": "s\n", "db/both.sql": "side\n"})
    light_way.git("switch", "-q", "main")
    light_way.commit("feat: [foundation] main", {"db/main.sql": "m\n"})
    before = light_way.state()
    done = light_way.git("merge", "--no-edit", "side", check=False)
    assert_accepted(light_way, done, before, new=2)
    assert light_way.out("log", "-1", "--format=%s").startswith("Merge branch")

    # Both sides end in another tick; what conflicts is concluded by an ordinary commit.
    light_way.git("switch", "-qc", "other")
    light_way.commit("feat: [foundation] other", {"db/both.sql": "other\n"})
    light_way.git("switch", "-q", "main")
    light_way.commit("feat: [foundation] ours", {"db/both.sql": "ours\n"})
    assert light_way.git("merge", "--no-edit", "other", check=False).returncode == 1
    light_way.add({"db/both.sql": "both\n"})
    before = light_way.state()
    done = light_way.git("commit", "--no-edit", check=False)
    assert_accepted(light_way, done, before, new=2)
    assert light_way.out("rev-list", "--parents", "-n", "1", "HEAD").count(" ") == 2


def test_a_merge_that_would_bring_a_locked_phase_is_refused(light_way: Adopted) -> None:
    light_way.git("switch", "-qc", "side")
    light_way.add({"src/api/auth.py": "x = 1\n"})
    light_way.git("commit", "-q", "--no-verify", "-m", "sneaked in")
    light_way.git("switch", "-q", "main")
    light_way.commit("feat: [foundation] main", {"db/main.sql": "m\n"})
    light_way.git("merge", "--no-commit", "side")
    light_way.add({"src/api/more.py": "y = 1\n"})
    count = light_way.commit_count()
    done = light_way.git("commit", "--no-edit", check=False)
    assert done.returncode != 0
    assert "error[phase-locked]" in said(done)
    assert light_way.commit_count() == count


def test_what_went_around_the_hooks_is_not_pushed(way: Adopted, tmp_path: Path) -> None:
    server = Repository.init(tmp_path / "server.git", "--bare")
    way.git("remote", "add", "origin", str(server.top))
    way.git("push", "-q", "origin", "main")
    way.commit("feat: [foundation] users table", {"db/schema.sql": GOOD_SCHEMA})
    way.git("push", "-q", "origin", "main")
    assert server.out("rev-parse", "main") == way.out("rev-parse", "HEAD")
    way.add({"src/api/auth.py": "x = 1\n"})
    way.git("commit", "-q", "--no-verify", "-m", "sneaked in")
    done = way.git("push", "origin", "main", check=False)
    assert done.returncode == 1
    for name in ("message-format", "phase-locked"):
        assert f"error[{name}]" in said(done)
    assert server.out("rev-parse", "main") == way.out("rev-parse", "HEAD~1")


def test_lefthook_as_hooks_readme_says(make: Maker, tmp_path: Path) -> None:
    """Also where lefthook sees no file in what is committed or pushed."""
    repo = make.adopted("lefthook")
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    repo.tick("1.2")
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", "feat: [foundation] all", check=False), before)
    assert repo.gate_runs() == ["schema"]
    repo.add({"src/ui/login.html": "<form>\n"})
    before = repo.state()
    assert_refused(repo, repo.git("commit", "-m", "feat: [ui] form", check=False), before, "phase-locked")
    repo.git("rm", "-qf", "src/ui/login.html")
    server = Repository.init(tmp_path / "server.git", "--bare")
    repo.git("remote", "add", "origin", str(server.top))
    repo.git("push", "-q", "-u", "origin", "main")

    repo.add({"PLAN.md": repo.read("PLAN.md").replace("**Progress**: 2/5", "**Progress**: 4/5")})
    repo.git("commit", "-q", "--no-verify", "-m", "stale")
    before = repo.state()
    done = repo.git("commit", "--allow-empty", "-m", "feat: [foundation] nothing", check=False)
    assert_accepted(repo, done, before)
    repo.git("push", "-q", "origin", "main")
    repo.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "sneaked in")
    done = repo.git("push", "origin", "main", check=False)
    assert done.returncode == 1
    assert "error[message-format]" in said(done)


def test_first_commit_of_a_repository_adopts_with_any_message(make: Maker, runner: str) -> None:
    repo = make.hooked(runner)
    repo.add({"plan.toml": PLAN, "src/api/auth.py": "x = 1\n", "db/schema.sql": "old\n"})
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", "anything at all", check=False), before)
    assert repo.gate_runs() == []


def test_a_repository_without_a_plan_is_left_alone(make: Maker, runner: str) -> None:
    repo = make.hooked(runner)
    done = repo.commit("whatever", {"README": "x\n"})
    assert said(done).count("orchestrator-hook") == 0
    assert repo.head_files() == [".pre-commit-config.yaml", "README"]
