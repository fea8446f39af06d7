"""``demo``: the story is told to its end, and it does not end well where the hooks do not do their work."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from orchestrator.app.demo import run_demo, story, telling, throwaway
from orchestrator.app.demo.telling import WIDTH
from tests.support import Repository

TOP = Path(__file__).resolve().parents[2]
LANDING = [story.ADOPTION, *[step for step in story.STEPS if not step.refused]]
REFUSED = [step for step in story.STEPS if step.refused]
REAL_HOOK = throwaway.hook_script()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary folders are made."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[str], Path]:
    """Exit code, lines and repository of a story that was told amid what could disturb it, and kept.

    No temporary file may be seen when a line is told: the gates have their own folders, away when they have ended.
    """
    top = tmp_path_factory.mktemp("demo")
    temporary = top / "tmp"
    temporary.mkdir()
    hostile = top / "hostile"
    hook = hostile / "hooks" / "pre-commit"
    hook.parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    hook.chmod(0o755)
    (hostile / "git").mkdir()
    (hostile / "git" / "ignore").write_text("*\n", encoding="utf-8")
    config = hostile / "gitconfig"
    config.write_text(
        f"[core]\n\thooksPath = {hook.parent}\n\tautocrlf = true\n[commit]\n\tgpgsign = true\n\tcleanup = verbatim\n"
        f"\ttemplate = {hook}\n[init]\n\ttemplateDir = {hostile}\n\tdefaultBranch = trunk\n"
        "[i18n]\n\tcommitEncoding = latin1\n[alias]\n\tcommit = status\n[status]\n\tshort = false\n",
        encoding="utf-8",
    )
    lines: list[str] = []

    def say(line: str) -> None:
        assert list(temporary.iterdir()) == []
        lines.append(line)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(temporary))
        for name, value in {
            "TMPDIR": str(temporary),
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.hooksPath",
            "GIT_CONFIG_VALUE_0": str(hook.parent),
            "GIT_TEMPLATE_DIR": str(hostile),
            "GIT_DIR": str(hostile / "nowhere"),
            "GIT_INDEX_FILE": str(hostile / "index"),
            "GIT_AUTHOR_EMAIL": "somebody@example.com",
            "XDG_CONFIG_HOME": str(hostile),
            "PRE_COMMIT": "1",
            "ORCHESTRATOR_EXCEPTION": "none",
        }.items():
            patch.setenv(name, value)
        before = dict(os.environ)
        code = run_demo(top / "deep" / "kept", say)
        assert dict(os.environ) == before
    return code, lines, top / "deep" / "kept"


def test_the_story_ends_well(told: tuple[int, list[str], Path]) -> None:
    code, lines, folder = told
    assert code == 0, "\n".join(lines)
    assert "All went as it must, all phases are complete." in lines
    summary = lines[-2].split(", ")
    assert summary[:2] == [f"{len(LANDING)} commits", f"{len(REFUSED)} refusals"]
    assert summary[2].endswith(" seconds")
    assert lines[-1] == f"The repository is kept: {folder}"


def test_what_is_told_is_what_is_there(told: tuple[int, list[str], Path]) -> None:
    _, lines, folder = told
    repo = Repository(folder)
    subjects = repo.out("log", "--reverse", "--format=%s").splitlines()
    assert subjects == [step.message for step in LANDING]
    assert repo.status() == []
    assert repo.out("stash", "list") == ""
    assert repo.out("log", "-1", "--format=%ae") == "ada@example.com"
    todo = repo.head("PLAN.md")
    assert sum(line.startswith("- [x] Task ") for line in todo.splitlines()) == 18
    assert "**Progress**: 18/18 tasks complete (100%)" in todo
    assert "**Current Phase**: none (all phases complete)" in todo
    # The red gate: the commit landed, and its own PLAN.md says that the phase waits.
    red = repo.out("log", "--format=%H", "--grep=users table and JWT functions")
    assert "_awaiting gates - " in repo.out("show", f"{red}:PLAN.md")
    for error in ("phase-locked", "message-format", "task-evidence", "gate-failed"):
        assert any(line.strip().startswith(f"error[{error}]: ") for line in lines)
    assert any("AssertionError: ValueError not raised" in line for line in lines)


def test_it_fits_a_terminal_and_is_plain(told: tuple[int, list[str], Path]) -> None:
    _, lines, _ = told
    assert [line for line in lines if len(line) > WIDTH] == []
    assert [line for line in lines if not line.isprintable()] == []


def test_the_plan_has_the_phases_and_tasks_of_the_method() -> None:
    done = [task_id for step in LANDING for task_id in step.done]
    assert sorted(done) == [f"{phase}.{task}" for phase, n in enumerate((3, 4, 4, 3, 4), 1) for task in range(1, n + 1)]


def test_nothing_is_left_behind(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "STEPS", story.STEPS[:3])  # to its end it is told above, with a folder that is kept
    monkeypatch.setattr(telling._Telling, "check_end", lambda _: None)
    folders: list[list[Path]] = []
    assert run_demo(None, lambda _: folders.append(list(temporary.iterdir()))) == 0
    assert all(len(there) == 1 for there in folders)
    assert list(temporary.iterdir()) == []


def hook(before: str) -> str:
    """The text of a hook that first does what ``before`` says, then its work."""
    return REAL_HOOK.replace("#!/bin/sh\n", f"#!/bin/sh\n{before}\n", 1)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        pytest.param(
            "#!/bin/sh\nexit 0\n",
            ["this commit landed: ", "Plan the authentication system (", "PLAN.md is not in the commit"],
            id="does nothing",
        ),
        pytest.param(
            hook("git rev-parse -q --verify HEAD >/dev/null && exit 0"),
            ["should have been refused (phase-locked)", "feat: [Backend API] auth middleware (src/middleware/auth.py)"],
            id="does nothing after the adoption",
        ),
        pytest.param(
            hook('[ "$1" = commit-msg ] && exit 0'),
            ["should have been refused (message-format)", "add environment variables (.env.example"],
            id="reads no message",
        ),
        pytest.param(
            hook('[ "$1" = pre-commit ] && git rev-parse -q --verify HEAD >/dev/null && exit 0'),
            # What is locked is refused by commit-msg all the same.
            ["environment variables (.env.example) PLAN.md is not in step with the commit"],
            id="judges no files",
        ),
        pytest.param(hook("exit 1"), ["should have landed, but git commit refused it (exit 1)"], id="refuses all"),
        pytest.param(
            hook("git rev-parse -q --verify HEAD >/dev/null && exit 1"),
            ["refused, but not for the reason expected: phase-locked"],
            id="refuses all without a reason",
        ),
        pytest.param(
            hook('[ "$1" = commit-msg ] && echo left >left-over'),
            ["git status is not clean: ?? left-over"],
            id="leaves something",
        ),
    ],
)
def test_a_broken_hook_is_found_out(
    broken: str, expected: list[str], temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throwaway, "hook_script", lambda: broken)
    lines: list[str] = []
    assert run_demo(None, lines.append) == 1
    start = next(number for number, line in enumerate(lines) if line.startswith("FAILED: "))
    end = " ".join(" ".join(lines[start:]).split())  # long lines are wrapped
    for text in expected:
        assert text in end
    assert not any(line.startswith("All went as it must") for line in lines)
    assert list(temporary.iterdir()) == []


def test_a_plan_md_that_is_not_in_step_is_found_out(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lie = (
        f'[ "$1" = pre-commit ] || exec {shlex.quote(sys.executable)} -c pass\n'
        'printf "<!-- orchestrator:begin -->\\n<!-- orchestrator:end -->\\n" >PLAN.md\n'
        'echo "version = 1" >plan.lock\ngit add PLAN.md plan.lock\nexit 0'
    )
    monkeypatch.setattr(throwaway, "hook_script", lambda: hook(lie))
    lines: list[str] = []
    assert run_demo(None, lines.append) == 1
    assert "  PLAN.md is not in step with the commit" in lines
    assert list(temporary.iterdir()) == []


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    lines: list[str] = []
    with pytest.raises(ValueError, match="is not empty"):
        run_demo(tmp_path, lines.append)
    with pytest.raises(ValueError, match="is no folder"):
        run_demo(tmp_path / "mine", lines.append)
    with pytest.raises(ValueError, match="cannot be used: Not a directory"):
        run_demo(tmp_path / "mine" / "below", lines.append)
    assert lines == []
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_an_empty_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throwaway, "hook_script", lambda: "#!/bin/sh\nexit 0\n")
    lines: list[str] = []
    assert run_demo(tmp_path, lines.append) == 1
    assert lines[-1] == f"The repository is kept: {tmp_path}"
    assert Repository(tmp_path).commit_count() == 1


def test_an_error_while_it_is_told_leaves_nothing(temporary: Path) -> None:
    def say(line: str) -> None:
        if line.startswith("$ git commit"):
            raise BrokenPipeError

    before = dict(os.environ)
    with pytest.raises(BrokenPipeError):
        run_demo(None, say)
    assert list(temporary.iterdir()) == []
    assert dict(os.environ) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(temporary: Path, number: signal.Signals) -> None:
    code = (
        "import sys\n"
        "from orchestrator.app.demo import run_demo\n"
        "try:\n    run_demo(None, lambda line: print(line, flush=True))\n"
        "except KeyboardInterrupt:\n    sys.exit(130)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=TOP, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if "users table and JWT functions" in line:  # in this commit gates run
                break
        time.sleep(0.3)
        process.send_signal(number)
        rest = process.stdout.read()
    assert process.wait() == 130
    assert "FAILED" not in rest
    assert list(temporary.iterdir()) == []
