"""A commit that is cut off at any step: the repository is sound, no byte of the user's is gone, the next one works."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import GOOD_SCHEMA, ORCHESTRATOR, assert_in_step, box, leftovers, said, told
from tests.support import run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.e2e.conftest import Maker
    from tests.e2e.support import Adopted

# Read by Python at its start: it counts what the hook does to the world, and strikes before or after one of these.
STRIKER = """
import os, signal, sys

if sys.orig_argv[-1:] == [os.environ.get("STRIKE_STAGE")] or os.environ.get("STRIKE_STAGE") in sys.orig_argv[1:3]:
    count = 0
    log = os.open(os.environ["STRIKE_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def step(name):
        global count
        count += 1
        os.write(log, f"{count} {name}\\n".encode())
        if count != int(os.environ["STRIKE_AT"]):
            return
        number, parent = int(os.environ["STRIKE_SIGNAL"]), os.getppid()
        target = os.environ["STRIKE_TARGET"]
        if target == "group":
            os.killpg(0, number)
        elif target == "hook":
            os.kill(os.getpid(), number)
        if target != "hook":
            if target == "git":
                os.kill(parent, number)
            while os.getppid() == parent:  # until it is gone
                os.sched_yield()

    def watched(name):
        plain = getattr(os, name)

        def call(*args, **kwargs):
            step(f"before {name} {args[0] if args else ''}")
            found = plain(*args, **kwargs)
            step(f"after {name}")
            return found

        setattr(os, name, call)

    for name in ("posix_spawnp", "replace", "unlink", "makedirs"):
        watched(name)
"""
# An editor that saves a file at the last moment: when the hook has read it and writes its blobs.
SAVER = """
import os

plain = os.posix_spawnp

def spawn(name, argv, *rest, **options):
    if "--no-filters" in argv:
        with open(os.environ["SAVE"], "a") as file:
            file.write("saved\\n")
    return plain(name, argv, *rest, **options)

os.posix_spawnp = spawn
"""
# Somebody who stages at that moment.
STAGER = """
import os

plain = os.posix_spawnp

def spawn(name, argv, *rest, **options):
    if "--no-filters" in argv and not os.path.exists("staged"):
        open("staged", "w").close()
        blob = "$(echo theirs | git hash-object -w --stdin)"
        os.system(f"git update-index --cacheinfo 100644,{blob}," + os.environ["STAGE"])
    return plain(name, argv, *rest, **options)

os.posix_spawnp = spawn
"""
# Ctrl-C at the moment when a module is imported.
INTERRUPTER = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["INTERRUPT_AT"] and "pre-commit" in sys.orig_argv:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP)
FORMS = {
    "plain": ("commit",),
    "-a": ("commit", "-a"),
    "-- path": ("commit", "--", "src/api/auth.py", "src/api/more.py"),
    "--amend": ("commit", "--amend"),
}
MINE = "My words, not staged\n"


@pytest.fixture
def strike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of what the hook did; from here on each Python that starts is counted."""
    folder = tmp_path / "striker"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(STRIKER, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("STRIKE_LOG", str(tmp_path / "steps"))
    monkeypatch.setenv("STRIKE_STAGE", "none")
    return tmp_path / "steps"


def prepared(make: Maker, name: str) -> Adopted:
    """Work that is staged, and edits that are not: in a tracked file, in PLAN.md and in an untracked file."""
    repo = make.founded(name)
    repo.git("commit", "-q", "--allow-empty", "-m", "feat: [api] begin", "--no-verify")
    repo.add({"src/api/auth.py": "x = 1\n", "src/api/more.py": "y = 2\n"})
    repo.write("notes.txt", MINE)
    repo.write("PLAN.md", MINE + repo.read("PLAN.md"))
    repo.write("untracked", MINE)
    return repo


def commit(repo: Adopted, form: str, stage: str, at: int, target: str, number: int) -> subprocess.CompletedProcess[str]:
    """The commit, struck at that step of that stage (0: never), in a session of its own."""
    env = {
        **repo.env, "STRIKE_STAGE": stage, "STRIKE_AT": str(at), "STRIKE_TARGET": target, "STRIKE_SIGNAL": str(number),
        "STRIKE_LOG": str(repo.top.parent / f"{repo.top.name}.steps"),
    }  # fmt: skip
    verb, *rest = FORMS[form]
    return run(["setsid", "-w", "git", verb, "-m", "feat: [api] login", *rest], cwd=repo.top, env=env, check=False)


def steps(make: Maker, form: str, stage: str) -> int:
    """How many steps that stage of an undisturbed commit has."""
    repo = prepared(make, "counted")
    done = commit(repo, form, stage, 0, "hook", signal.SIGINT)
    assert done.returncode == 0, said(done)
    lines = (repo.top.parent / "counted.steps").read_text(encoding="utf-8").splitlines()
    assert any("replace" in line for line in lines) or stage != "pre-commit"
    return len(lines)


ALL = bool(os.environ.get("ORCHESTRATOR_ALL_FAULTS"))  # each step of each stage of each form: some minutes
CASES = [(form, stage) for stage in ("pre-commit", "commit-msg") for form in FORMS]


@pytest.mark.usefixtures("strike")
@pytest.mark.parametrize(("form", "stage"), CASES if ALL else [*CASES[:3], CASES[4]])
def test_a_commit_cut_off_at_any_step(make: Maker, form: str, stage: str) -> None:
    number_of_steps = steps(make, form, stage)
    assert number_of_steps >= 4
    for at in range(1, number_of_steps + 1, 1 if ALL or form == "plain" else 5):
        # Each step is struck once; which signal it gets and whom it hits goes round.
        target = ("hook", "git", "group")[(at + len(form)) % 3]
        number = SIGNALS[(at // 3) % 4] if target != "group" else (signal.SIGINT, signal.SIGHUP)[at % 2]
        if target != "group" and number == signal.SIGKILL and form in ("-a", "-- path"):
            # Git, killed so, leaves index.lock behind also where there is no hook, and goes on writing it for a hook.
            number = signal.SIGTERM
        where = f"{form} {stage} step {at} of {number_of_steps}: {number.name} to {target}"
        repo = prepared(make, f"repo{at}")
        head = repo.out("rev-parse", "HEAD")
        done = commit(repo, form, stage, at, target, number)
        if done.returncode == 0:
            assert target == "hook", where  # it was struck after its last step, or takes that signal for its end
        else:
            assert repo.out("rev-parse", "HEAD") == head, where
        assert "Traceback" not in said(done), f"{where}\n{said(done)}"
        assert repo.git("fsck", "--strict", "--no-dangling", check=False).returncode == 0, where
        # What was being written lies in our own folder of the Git directory, and goes with the next commit.
        assert [path for path in leftovers(repo) if not path.startswith("orchestrator/tmp/")] == [], where
        assert_nothing_lost(repo, form, where, committed=done.returncode == 0)
        if done.returncode:
            again = commit(repo, form, "none", 0, "hook", signal.SIGINT)
            assert again.returncode == 0, f"{where}\n{said(again)}"
        assert box(repo, "2.1") == "- [x] Task 2.1: Login endpoint ✓", where
        assert repo.head("src/api/auth.py") == "x = 1\n", where
        assert_nothing_lost(repo, form, where, committed=True)
        assert_in_step(repo, dirty=dirty(form))


def dirty(form: str) -> list[str]:
    """What is left to be committed after the commit."""
    return ["?? untracked"] if form == "-a" else [" M PLAN.md", " M notes.txt", "?? untracked"]


def assert_nothing_lost(repo: Adopted, form: str, where: str, *, committed: bool) -> None:
    """Every line of the user's is in the work tree; what was not staged is committed only where the form says so."""
    assert repo.read("notes.txt") == repo.read("untracked") == MINE, where
    assert repo.read("PLAN.md").startswith(MINE), where
    assert repo.read("src/api/auth.py") == "x = 1\n", where
    if committed:
        assert repo.head("PLAN.md").startswith(MINE) == (form == "-a"), where
        assert (repo.head("notes.txt") == MINE) == (form == "-a"), where
    else:
        assert repo.staged("src/api/more.py") == "y = 2\n", where


@pytest.mark.skipif(sys.platform != "linux", reason="counts on Linux's way to limit the size of files")
@pytest.mark.parametrize("size", [0, 1, 2, 4])
def test_a_full_disk_loses_nothing(make: Maker, size: int) -> None:
    """No file may grow beyond that many blocks of 512 bytes: neither ours nor Git's."""
    repo = prepared(make, "repo")
    head = repo.out("rev-parse", "HEAD")
    command = f"trap '' XFSZ; ulimit -f {size}; exec git commit -m 'feat: [api] login'"
    done = run(["bash", "-c", command], cwd=repo.top, env=repo.env, check=False)
    if done.returncode:
        assert repo.out("rev-parse", "HEAD") == head
    assert "Traceback" not in said(done), said(done)
    assert repo.git("fsck", "--strict", "--no-dangling", check=False).returncode == 0
    assert leftovers(repo) == []
    assert_nothing_lost(repo, "plain", f"{size}", committed=done.returncode == 0)
    if done.returncode:
        again = repo.git("commit", "-m", "feat: [api] login", check=False)
        assert again.returncode == 0, said(again)
    assert_in_step(repo, dirty=dirty("plain"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_git_folder_that_cannot_be_written(make: Maker) -> None:
    repo = prepared(make, "repo")
    git_dir = repo.top / ".git"
    git_dir.chmod(0o555)
    done = repo.git("commit", "-m", "feat: [api] login", check=False)
    git_dir.chmod(0o755)
    assert done.returncode
    assert_nothing_lost(repo, "plain", "", committed=False)
    assert repo.git("commit", "-m", "feat: [api] login", check=False).returncode == 0


def test_two_commits_at_once(make: Maker) -> None:
    """One of them may lose the race; what it was to commit is still there, and the next commit takes it."""
    repo = prepared(make, "repo")
    both = "git commit -qm 'feat: [api] login' & git commit -qm 'feat: [api] login' --amend --no-edit & wait"
    before = repo.commit_count()
    run(["bash", "-c", both], cwd=repo.top, env=repo.env, check=False)
    assert repo.commit_count() in (before, before + 1)
    assert repo.git("fsck", "--strict", "--no-dangling", check=False).returncode == 0
    assert leftovers(repo) == []
    repo.git("commit", "-q", "--allow-empty", "-m", "feat: [api] the next one")
    assert repo.head("src/api/auth.py") == "x = 1\n"
    assert_nothing_lost(repo, "plain", "", committed=True)
    assert_in_step(repo, dirty=dirty("plain"))


@pytest.mark.parametrize("path", ["PLAN.md", "plan.lock"])
def test_what_is_saved_while_our_files_are_being_written_is_not_written_over(
    native: Adopted, tmp_path: Path, path: str
) -> None:
    """Both files are to be written; the one that nobody has saved is as it was, too."""
    (tmp_path / "saver").mkdir()
    (tmp_path / "saver" / "sitecustomize.py").write_text(SAVER, encoding="utf-8")
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.tick("1.2")
    before = native.state()
    env = {"PYTHONPATH": str(tmp_path / "saver"), "SAVE": path}
    done = native.git("commit", "-m", "feat: [foundation] x", env=env, check=False)
    assert done.returncode == 1, said(done)
    assert told(said(done)) == {"plan-md-unstaged"}
    assert f"{path} has been saved" in said(done)
    after = native.state()
    mine = after.files[path].removeprefix(before.files[path])
    assert mine
    assert set(mine.split(b"\n")) == {b"saved", b""}
    assert {**after.files, path: b""} == {**before.files, path: b""}
    assert (after.head, after.index) == (before.head, before.index)
    assert leftovers(native) == []
    native.git("commit", "-q", "-m", "feat: [foundation] x")
    assert native.read(path).endswith("saved\n")
    assert "saved" not in native.head(path)
    assert_in_step(native, dirty=[f" M {path}"])


@pytest.mark.parametrize(
    ("command", "path"),
    [(["ask", "Which one?"], "PLAN.md"), (["ask", "Which one?"], "plan.toml"), (["done", "1.2"], "PLAN.md")],
)
def test_what_is_staged_while_a_command_writes_stays_staged(
    native: Adopted, tmp_path: Path, command: list[str], path: str
) -> None:
    (tmp_path / "stager").mkdir()
    (tmp_path / "stager" / "sitecustomize.py").write_text(STAGER, encoding="utf-8")
    before = native.state()
    env = {**native.env, "PYTHONPATH": str(tmp_path / "stager"), "STAGE": path}
    done = run([*ORCHESTRATOR, *command], cwd=native.top, env=env, check=False)
    assert done.returncode == 1, said(done)
    assert f"{path} has been staged anew or committed" in said(done)
    assert native.staged(path) == "theirs\n"
    assert {name: data for name, data in native.state().files.items() if name != "staged"} == before.files
    assert native.state().head == before.head


@pytest.mark.parametrize(
    "module",
    ["orchestrator.app.accepted", "orchestrator.core.value", "orchestrator.app.commit", "orchestrator.core.todo"],
)
def test_ctrl_c_at_an_import_ends_the_hook_without_a_traceback(native: Adopted, tmp_path: Path, module: str) -> None:
    (tmp_path / "interrupter").mkdir()
    (tmp_path / "interrupter" / "sitecustomize.py").write_text(INTERRUPTER, encoding="utf-8")
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    env = {"PYTHONPATH": str(tmp_path / "interrupter"), "INTERRUPT_AT": module}
    done = native.git("commit", "-m", "feat: [foundation] x", env=env, check=False)
    assert done.returncode != 0
    assert "Traceback" not in said(done)
    assert native.state() == before
    assert leftovers(native) == []
    assert "interrupted; nothing has been committed" in said(done)
    native.git("commit", "-q", "-m", "feat: [foundation] x")
    assert_in_step(native)
