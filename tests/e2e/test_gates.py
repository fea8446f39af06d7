"""Gates in real commits: when they run, what they see, and what becomes of a commit meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import (
    BAD_SCHEMA,
    GATES,
    GOOD_SCHEMA,
    PHASES,
    Adopted,
    assert_accepted,
    assert_refused,
    leftovers,
    plan_text,
    said,
    status_line,
    told,
    work_tree,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Maker

MESSAGE = "feat: [foundation] x"
PATIENCE_S = 20.0


def with_gate(run: str, settings: str = "", more: str = "") -> str:
    """The plan with another command for the gate of phase 1."""
    gates = f"[gates.schema]\nrun = {run}\n{more}\n{GATES[GATES.index('[gates.api]') :]}"
    return plan_text(settings, gates)


def complete(repo: Adopted, schema: str = GOOD_SCHEMA) -> None:
    """Stage all that phase 1 needs, so that its gate is due."""
    repo.add({"db/schema.sql": schema})
    repo.tick("1.2")


def eventually(happened: Callable[[], bool]) -> bool:
    """Whether it happens before patience is over."""
    never = threading.Event()
    for _ in range(int(PATIENCE_S / 0.02)):
        if happened():
            return True
        never.wait(0.02)
    return happened()


# -- when


def test_a_gate_is_not_run_again_for_what_it_does_not_look_at(native: Adopted) -> None:
    native.finish_foundation()
    native.add({"src/api/auth.py": "x = 1\n", "README": "x\n"})
    native.git("commit", "-q", "-m", "feat: [api] x")
    native.git("commit", "-q", "--amend", "-m", "feat: [api] y")
    assert native.gate_runs() == ["schema"]
    native.add({"db/more.sql": "more\n"})
    native.git("commit", "-q", "-m", MESSAGE)
    assert native.gate_runs() == ["schema", "schema"]
    # What was there before has its pass from before.
    native.git("revert", "--no-edit", "HEAD")
    native.commit("feat: [api] z", {"src/api/other.py": "y = 1\n"})
    assert native.gate_runs() == ["schema", "schema"]


def test_a_failed_gate_always_runs_again(native: Adopted) -> None:
    complete(native, BAD_SCHEMA)
    native.git("commit", "-q", "-m", MESSAGE)
    native.add({"src/api/auth.py": "x\n"})
    for count in (2, 3):
        assert native.git("commit", "-m", "feat: [api] x", check=False).returncode == 1
        assert native.gate_runs() == ["schema"] * count


def test_a_red_dependency_counts_as_long_as_head_has_the_pass(native: Adopted) -> None:
    """What breaks a gate of a phase below is refused in the same commit that needs it, by its own failure."""
    native.finish_foundation()
    native.add({"db/schema.sql": BAD_SCHEMA})
    done = native.git("commit", "-m", MESSAGE)
    assert told(said(done), "warning") == {"gate-failed"}
    native.add({"src/api/auth.py": "x\n"})
    before = native.state()
    assert_refused(native, native.git("commit", "-m", "feat: [api] x", check=False), before, "gate-failed")


def test_hooks_run_no_gate_with_a_limit_of_nothing(make: Maker) -> None:
    repo = make.adopted("native", plan_text('hook_time_limit = "0s"'))
    complete(repo)
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(repo, done, before)
    assert told(said(done), "warning") == {"gate-due"}
    assert "orchestrator validate foundation" in said(done)
    repo.add({"src/api/auth.py": "x\n"})
    before = repo.state()
    done = repo.git("commit", "-m", "feat: [api] x", check=False)
    assert_refused(repo, done, before, "gate-due")
    assert "help: orchestrator validate foundation" in said(done)
    assert repo.gate_runs() == []


def test_what_runs_over_the_limit_is_stopped_and_not_started_again(make: Maker) -> None:
    repo = make.adopted(
        "native", with_gate("'echo schema >>\"$GATE_LOG\"; exec sleep 60'", 'hook_time_limit = "500ms"')
    )
    complete(repo)
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(repo, done, before)
    assert told(said(done), "warning") == {"gate-due"}
    assert status_line(repo, 1) == "_awaiting gates - gates: schema open_"
    repo.git("commit", "-q", "--allow-empty", "-m", MESSAGE)
    repo.add({"src/api/auth.py": "x\n"})
    before = repo.state()
    assert_refused(repo, repo.git("commit", "-m", "feat: [api] x", check=False), before, "gate-due")


@pytest.mark.parametrize(
    ("run", "more", "word"),
    [
        ('["no-such-command-anywhere"]', "", "could not be judged"),
        ("'true'", 'inputs = ["nothing/**"]', "match no file"),
        ("'exec sleep 60'", 'timeout = "300ms"', "ran out of time"),
        ("'true'", 'junit = "report.xml"', "failed"),
        ("'echo later >>db/schema.sql'", "", "did not run on what is staged"),
        ("'kill -9 $$'", "", "failed"),
    ],
)
def test_what_neither_passes_nor_blocks_its_own_phase(make: Maker, run: str, more: str, word: str) -> None:
    repo = make.adopted("native", with_gate(run, more=more))
    complete(repo)
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert done.returncode == 0, said(done)
    assert repo.commit_count() == before.count + 1
    assert word in said(done)
    assert status_line(repo, 1) == "_awaiting gates - gates: schema open_"
    repo.git("checkout", "-q", "--", "db")
    repo.add({"src/api/auth.py": "x\n"})
    count = repo.commit_count()
    done = repo.git("commit", "-m", "feat: [api] x", check=False)
    assert done.returncode == 1, said(done)
    assert repo.commit_count() == count


def test_junit_and_coverage_are_read(make: Maker) -> None:
    write = (
        "import pathlib; pathlib.Path('out').mkdir(exist_ok=True); "
        'pathlib.Path("out/j.xml").write_text("<testsuite tests=\\"3\\" failures=\\"0\\"><testcase name=\\"a\\"/>'
        '<testcase name=\\"b\\"/><testcase name=\\"c\\"/></testsuite>")'
    )
    more = 'junit = "out/j.xml"\nmin_tests = 3'
    repo = make.adopted("native", with_gate(f"['python3', '-c', '''{write}''']", more=more))
    complete(repo)
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", MESSAGE, check=False), before, dirty=["?? out/j.xml"])
    assert status_line(repo, 1) == "_complete - gates: schema passed_"
    assert "tests = 3\n" in repo.head("plan.lock")


def test_dirty_inputs_are_not_what_is_committed(native: Adopted) -> None:
    complete(native)
    native.write("db/schema.sql", BAD_SCHEMA)
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before, dirty=[" M db/schema.sql"])
    assert told(said(done), "warning") == {"gate-unclean"}
    assert native.gate_runs() == []
    assert native.read("db/schema.sql") == BAD_SCHEMA
    native.add({"src/api/auth.py": "x\n"})
    before = native.state()
    assert_refused(native, native.git("commit", "-m", "feat: [api] x", check=False), before, "gate-unclean")
    native.git("checkout", "-q", "--", "db/schema.sql")
    native.write("db/forgotten.sql", "untracked\n")
    before = native.state()
    assert_refused(native, native.git("commit", "-m", "feat: [api] x", check=False), before, "gate-unclean")
    assert "forgotten.sql" in said(native.git("commit", "-m", "feat: [api] x", check=False))


def test_under_a_runner_with_unstaged_changes_no_gate_is_started(make: Maker, runner: str) -> None:
    repo = make.adopted(runner)
    complete(repo)
    repo.write("notes.txt", "unstaged\n")
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(repo, done, before, dirty=[" M notes.txt"])
    assert told(said(done), "warning") == {"gate-due"}
    assert repo.gate_runs() == []
    assert repo.read("notes.txt") == "unstaged\n"
    repo.add({"src/api/auth.py": "x = 1\n"})
    before = repo.state()
    done = repo.git("commit", "-m", "feat: [api] x", check=False)
    assert_refused(repo, done, before, "gate-due")
    assert "help: orchestrator validate foundation" in said(done)
    assert repo.gate_runs() == []
    # Without them it runs.
    repo.git("checkout", "-q", "--", "notes.txt")
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", "feat: [api] x", check=False), before)
    assert repo.gate_runs() == ["schema"]


def test_controls_and_artifacts(make: Maker) -> None:
    control = """
[[control]]
id = "S1"
text = "No passwords in the schema"
phase = "foundation"
check = "echo S1 >>$GATE_LOG; ! grep -q password db/schema.sql"

[[control]]
id = "S2"
text = "Reviewed"
phase = "foundation"
"""
    phases = PHASES.replace('gates = ["schema"]', 'gates = ["schema"]\nartifacts = ["docs/db.md"]')
    repo = make.adopted("native", plan_text(phases=phases) + control)
    complete(repo, "create table users (password text);\n")
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(repo, done, before)
    assert told(said(done), "warning") == {"artifact-missing", "control-open", "gate-failed"}
    repo.add({"src/api/auth.py": "x = 1\n"})
    before = repo.state()
    done = repo.git("commit", "-m", "feat: [api] x", check=False)
    assert done.returncode == 1
    assert told(said(done)) <= {"phase-locked", "gate-failed"}
    repo.git("rm", "-qf", "--cached", "src/api/auth.py")
    repo.add({"db/schema.sql": GOOD_SCHEMA, "docs/db.md": "x\n"})
    repo.git("commit", "-q", "-m", MESSAGE)
    repo.add({"plan.toml": repo.read("plan.toml").replace('text = "Reviewed"', 'text = "Reviewed"\nresolved = true')})
    repo.git("commit", "-q", "-m", "feat: [plan] reviewed")
    assert status_line(repo, 1).startswith("_complete")
    repo.add({"src/api/auth.py": "x = 1\n"})
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", "feat: [api] x", check=False), before)


# -- what a gate sees


SEEN = 'env -0 >"$GATE_LOG.env"; { pwd; command -v python3; } >"$GATE_LOG.seen"'


@pytest.mark.parametrize(
    ("way", "activated"), [("native", False), ("native", True), ("prek", False), ("pre-commit", True)]
)
def test_the_gate_has_the_users_environment(make: Maker, way: str, tmp_path: Path, *, activated: bool) -> None:
    repo = make.adopted(way, with_gate(f"'''{SEEN}'''"))
    env = {"MY_OWN": "kept"}
    path = repo.env.get("PATH") or os.environ["PATH"]
    path = os.pathsep.join(folder for folder in path.split(os.pathsep) if folder != str(Path(sys.executable).parent))
    if activated:
        user = tmp_path / "their env"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", user], check=True)
        path = f"{user / 'bin'}{os.pathsep}{path}"
        env["VIRTUAL_ENV"] = str(user)
    env["PATH"] = path
    complete(repo)
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False, env=env)
    assert_accepted(repo, done, before)
    seen = dict(
        entry.split("=", 1) for entry in Path(f"{repo.log}.env").read_text(encoding="utf-8").split("\0") if entry
    )
    cwd, python = Path(f"{repo.log}.seen").read_text(encoding="utf-8").splitlines()
    assert seen["MY_OWN"] == "kept"
    assert cwd == str(repo.top)
    assert seen["PATH"] == path
    assert seen.get("VIRTUAL_ENV") == env.get("VIRTUAL_ENV", os.environ.get("VIRTUAL_ENV"))
    if activated:
        assert python == f"{env['VIRTUAL_ENV']}/bin/python3"
    left = {name for name in seen if name.startswith(("GIT_", "PRE_COMMIT", "PREK_", "ORCHESTRATOR_"))}
    assert left - {*os.environ, *repo.env} == set()
    assert "GIT_INDEX_FILE" not in left


@pytest.mark.parametrize("form", [["-a"], ["--", "db"], ["-i", "db"]])
def test_a_gate_that_uses_git_elsewhere_does_no_harm(make: Maker, form: list[str]) -> None:
    run = (
        "'echo schema >>$GATE_LOG; d=$(mktemp -d); cd $d && git init -q && echo x >x && git add x && "
        "git -c user.name=a -c user.email=a@example.com commit -qm x && git status --porcelain && rm -rf $d'"
    )
    repo = make.adopted("native", with_gate(run))
    repo.add({"db/schema.sql": "x\n"})
    repo.git("commit", "-q", "-m", MESSAGE)
    repo.tick("1.2")
    repo.git("commit", "-q", "-m", MESSAGE)
    assert repo.gate_runs() == ["schema"]
    repo.write("db/schema.sql", GOOD_SCHEMA)
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", MESSAGE, *form, check=False), before)
    assert repo.gate_runs() == ["schema", "schema"]
    assert status_line(repo, 1) == "_complete - gates: schema passed_"


def test_a_gate_that_writes_into_the_repository_is_not_committed(make: Maker) -> None:
    repo = make.adopted("native", with_gate("'echo made >made.txt; git add made.txt; echo mine >>notes.txt'"))
    complete(repo)
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert "notes.txt" in repo.head_files()
    assert repo.head("notes.txt") == "one\ntwo\nthree\n"
    assert done.returncode in (0, 1)


def test_a_process_that_a_gate_leaves_behind_is_ended(make: Maker) -> None:
    repo = make.adopted("native", with_gate("'sleep 300 >/dev/null 2>&1 & echo $! >>$GATE_LOG; true'"))
    complete(repo)
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", MESSAGE, check=False), before)
    (pid,) = repo.gate_runs()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists())


# -- interrupted


@pytest.mark.parametrize(
    ("way", "form"),
    [("native", []), ("native", ["--", "db", "PLAN.md"]), ("pre-commit", []), ("prek", ["-a"])],
)
def test_ctrl_c_while_a_gate_runs(make: Maker, way: str, form: list[str]) -> None:
    repo = make.adopted(way, with_gate("'echo $$ >>$GATE_LOG; exec sleep 300'"))
    repo.add({"db/schema.sql": "x\n"})
    repo.git("commit", "-q", "-m", MESSAGE)
    repo.tick("1.2")
    repo.write("db/schema.sql", GOOD_SCHEMA)
    if not form:
        repo.git("add", "db")
    before = repo.state()
    process = subprocess.Popen(
        ["git", "commit", "-m", MESSAGE, *form],
        cwd=repo.top,
        env={**os.environ, **repo.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        assert eventually(lambda: bool(repo.gate_runs()))
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode != 0, output
    (gate,) = repo.gate_runs()
    assert eventually(lambda: not Path(f"/proc/{gate}").exists())
    assert eventually(lambda: not _members(process.pid))
    assert repo.commit_count() == before.count
    assert leftovers(repo) == []
    assert work_tree(repo.top) == before.files
    assert repo.state() == before


def _members(group: int) -> list[str]:
    """The processes of the session that a commit had."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[2:4] and str(group) in fields[2:4] and fields[0] != "Z":
            found.append(folder.name)
    return found
