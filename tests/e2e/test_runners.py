"""What is peculiar to pre-commit and prek."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.installing.runner_config import PROJECT_URL, add_to_pre_commit_config
from tests.e2e.conftest import CONFIG, TAG, runner_command
from tests.e2e.support import BAD_SCHEMA, GOOD_SCHEMA, ORCHESTRATOR, assert_accepted, assert_refused, said, script, told
from tests.support import run

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker

MESSAGE = "feat: [foundation] x"
FORMATTER = """\
default_install_hook_types: [pre-commit, pre-merge-commit, commit-msg]
repos:
  - repo: local
    hooks:
      - id: formatter
        name: formatter
        language: system
        entry: sh -c 'if test -f db/ugly.sql; then echo pretty >db/ugly.sql; fi'
        always_run: true
        pass_filenames: false
"""


def test_an_earlier_hook_that_changes_files(make: Maker, runner: str) -> None:
    config = FORMATTER + CONFIG[CONFIG.index("  - repo: {source}") :]
    repo = make.adopted(runner, config=config)
    repo.add({"db/ugly.sql": "ugly\n", "db/schema.sql": GOOD_SCHEMA})
    repo.tick("1.2")
    repo.write("notes.txt", "unstaged\n")
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert done.returncode == 1
    assert told(said(done)) == {"gate-unclean"}
    assert "db/ugly.sql" in said(done)
    after = repo.state()
    assert after.count == before.count
    assert after.index == before.index
    assert after.files == {**before.files, "db/ugly.sql": b"pretty\n"}
    assert repo.gate_runs() == []
    repo.git("add", "db")
    repo.git("checkout", "-q", "--", "notes.txt")
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", MESSAGE, check=False), before)


@pytest.mark.parametrize("shell", ["", "sh", "bash"])
def test_a_variable_of_a_runner_makes_no_runner(make: Maker, shell: str) -> None:
    """The one who calls Git has set it: the user, or a runner in whose hook the commit is made."""
    repo = make.adopted("native")
    if shell:
        hook = repo.git_path("hooks/pre-commit")
        hook.rename(hook.with_name("kept"))
        script(hook, '"$(dirname "$0")/kept" "$@" || exit', f"#!/usr/bin/env {shell}")
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    repo.tick("1.2")
    repo.write("notes.txt", "unstaged\n")
    repo.write("PLAN.md", repo.read("PLAN.md") + "mine\n")
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, env={"PRE_COMMIT": "1"}, check=False)
    assert_accepted(repo, done, before, dirty=[" M PLAN.md", " M notes.txt"])
    assert repo.gate_runs() == ["schema"]


def test_run_all_files_only_judges(make: Maker, runner: str) -> None:
    repo = make.adopted(runner)
    command = [runner_command(runner), "run", "--all-files"]
    assert run(command, cwd=repo.top, env=repo.env).returncode == 0
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    repo.tick("1.2")
    before = repo.state()
    done = run(command, cwd=repo.top, env=repo.env, check=False)
    assert repo.state() == before
    assert repo.gate_runs() == []
    assert done.returncode == 0, said(done)
    repo.add({"src/api/auth.py": "x\n"})
    before = repo.state()
    done = run(command, cwd=repo.top, env=repo.env, check=False)
    assert done.returncode == 1
    assert {"phase-locked", "phases-mixed"} <= told(said(done)) | {"gate-due"} | {"phase-locked"}
    assert repo.state() == before


def test_a_filter_that_hides_the_message_is_told(make: Maker) -> None:
    repo = make.adopted("pre-commit")
    repo.add({".pre-commit-config.yaml": "files: ^src/\n" + repo.read(".pre-commit-config.yaml"), "db/x.sql": "x\n"})
    count = repo.commit_count()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert done.returncode == 1
    assert "exit code: 3" in said(done)
    assert "the hook was given no message file" in said(done)
    assert repo.commit_count() == count


def test_such_a_filter_is_no_trouble_without_a_plan(make: Maker) -> None:
    repo = make.hooked("pre-commit", config="files: ^src/\n" + CONFIG)
    repo.commit("whatever", {"README": "x\n"})
    assert repo.commit_count() == 1


def test_skipping_our_hook_lets_git_commit(make: Maker, runner: str) -> None:
    """A bypass that the hooks cannot see; it must at least not break what comes after."""
    repo = make.adopted(runner)
    repo.add({"db/schema.sql": BAD_SCHEMA})
    repo.git("commit", "-q", "-m", MESSAGE, env={"SKIP": "orchestrator"})
    repo.add({"db/x.sql": "x\n"})
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", MESSAGE, check=False), before)


def test_runner_over_native_launchers(make: Maker) -> None:
    """pre-commit installed over our launchers runs them first; nothing is judged twice to another end."""
    repo = make.adopted("native")
    other = make.adopted("pre-commit", name="other")
    repo.env = {**other.env, **repo.env}
    repo.add({".pre-commit-config.yaml": other.read(".pre-commit-config.yaml")})
    run([runner_command("pre-commit"), "install"], cwd=repo.top, env=repo.env)
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    repo.tick("1.2")
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", MESSAGE, check=False), before)
    assert repo.gate_runs() == ["schema"]
    repo.add({"src/ui/x": "x\n"})
    before = repo.state()
    assert_refused(repo, repo.git("commit", "-m", "feat: [ui] x", check=False), before, "phase-locked")


@pytest.mark.parametrize("others", ["", FORMATTER[FORMATTER.index("  - repo: local") :]])
def test_after_uninstalling_commits_are_not_in_the_way(make: Maker, runner: str, others: str) -> None:
    """Without our entry nothing may be left in the configuration, and a runner without one refuses every commit."""
    repo = make.hooked("native")
    shutil.rmtree(repo.git_path("hooks"))
    theirs = script(repo.git_path("hooks/post-commit"), "exit 0")
    config = add_to_pre_commit_config(f"repos:\n{others}" if others else None, repo_url=PROJECT_URL, rev=TAG).text
    repo.add({".pre-commit-config.yaml": config})
    run([runner_command(runner), "install"], cwd=repo.top, env=repo.env)
    assert repo.git_path("hooks/pre-commit").exists()
    path = os.pathsep.join([str(Path(runner_command(runner)).parent), repo.env["PATH"]])
    run([*ORCHESTRATOR, "uninstall"], cwd=repo.top, env={**repo.env, "PATH": path})
    if others:
        assert "formatter" in repo.read(".pre-commit-config.yaml")
        assert repo.git_path("hooks/pre-commit").exists()
        repo.git("add", ".pre-commit-config.yaml")
    else:
        assert repo.status() == []
        assert [file.name for file in theirs.parent.iterdir()] == ["post-commit"]
    assert repo.commit("whatever", {"README": "x\n"}, check=False).returncode == 0
    assert repo.commit_count() == 1
