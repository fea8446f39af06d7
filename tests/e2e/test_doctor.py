"""``orchestrator doctor``: it tells which violations the hooks here let through, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.app.doctor import examine, throwaway, violations
from orchestrator.app.doctor.diagnosis import Diagnosis
from orchestrator.app.doctor.installation import check_installation, read_installation
from orchestrator.app.repository import Repository as AppRepository
from orchestrator.app.workplace import open_workplace
from orchestrator.git import Git
from orchestrator.installing.launchers import install_native
from tests.e2e.conftest import CONFIG, runner_command
from tests.e2e.support import ORCHESTRATOR, PLAN, hook_command, script
from tests.support import Repository, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.core.finding import Finding
    from tests.e2e.conftest import InProcess, Maker
    from tests.e2e.support import Adopted

    Briefly = Callable[..., "Told"]

NATIVE = "orchestrator install --native"
BARE_PATH = "/usr/bin:/bin"  # git and sh, neither our command nor a runner
HONEST = {"honest work", "an honest merge", "an honest push"}
LOCKED_WORK, NO_FORM = "work on a locked phase", "a message without the form"
OF_COMMIT_MSG = {
    NO_FORM,
    "a message with an unknown phase",
    "a message with a locked phase",
    "a message with another phase than the files",
}
FORGED, BAD_MERGE, BAD_PUSH = (
    "a forged pass in plan.lock",
    "a merge that drops work of a locked phase",
    "a push of what went around the hooks",
)


class Told:
    """What doctor answered, by what was planted."""

    def __init__(self, code: int, out: str, err: str) -> None:
        """Read the answer."""
        self.text = out + err
        self.code = code
        data: dict[str, Any] = json.loads(out)
        self.rows = {row["what"]: row["result"] for row in data["planted"]}
        self.findings = data["findings"]
        self.notes = data["notes"]
        assert "Traceback" not in err

    def those(self, *results: str) -> set[str]:
        """What was planted and had one of these results."""
        return {what for what, result in self.rows.items() if result in results}

    def mends(self, severity: str = "error") -> list[str]:
        """The commands that mend what is wrong."""
        return [finding["help"] for finding in self.findings if finding["severity"] == severity]


def doctor(repo: Adopted, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The finished command, run in the repository; its temporary folder is empty again."""
    room = repo.top.parent / "room"
    room.mkdir(exist_ok=True)
    environment = {**repo.env, "TMPDIR": str(room), **(env or {})}
    command = [*ORCHESTRATOR, "doctor", *arguments]
    done = run(command, cwd=repo.top, env=environment, check=False)
    assert list(room.iterdir()) == [], done.stderr
    return done


def diagnosis(repo: Adopted, env: dict[str, str] | None = None) -> Told:
    """What doctor answers about the repository."""
    done = doctor(repo, "--json", env=env)
    return Told(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def briefly(in_process: InProcess, monkeypatch: pytest.MonkeyPatch) -> Briefly:
    """The same with one violation for each stage, for what is said of a stage as a whole; it takes half the time."""
    few = tuple([violation for violation in violations.VIOLATIONS if violation.what in (LOCKED_WORK, NO_FORM)])
    monkeypatch.setattr(violations, "VIOLATIONS", few)

    def call(repo: Adopted, env: dict[str, str] | None = None) -> Told:
        done = in_process(repo, "doctor", "--json", env=env)
        return Told(done.returncode, done.stdout, done.stderr)

    return call


def findings_in(repo: Adopted, env: dict[str, str] | None = None) -> list[Finding]:
    """What the look at the installation finds, without any planting."""
    git_dir = repo.out("rev-parse", "--absolute-git-dir")
    app = AppRepository(Git(str(repo.top), {**os.environ, **repo.env, **(env or {})}), git_dir)
    return list(check_installation(app, read_installation(app)))


def errors_in(repo: Adopted, env: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """Message and mend of each error that the look at the installation finds."""
    return [(f.message, f.help) for f in findings_in(repo, env) if f.severity == "error"]


def everything(top: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of every file, the repository's own included."""
    return {
        str(file): (file.lstat().st_mode, os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes())
        for file in top.rglob("*")
        if file.is_symlink() or file.is_file()
    }


def hook(repo: Repository, stage: str) -> Path:
    return repo.git_path("hooks") / stage


@pytest.fixture
def plain(native: Adopted) -> Adopted:
    """A repository with the three hooks of a commit, and none for pushes."""
    hook(native, "pre-push").unlink(missing_ok=True)
    return native


# -- all is well --------------------------------------------------------------------------------------------------


def test_all_is_caught_and_nothing_of_the_repository_changes(native: Adopted, tmp_path: Path) -> None:
    script(hook(native, "pre-commit.orchestrator-chained"), f"echo ran >>{tmp_path / 'log'}")
    native.add({"notes.txt": "staged\n"})
    native.write("notes.txt", "unstaged\n")
    native.write("new.txt", "untracked\n")
    native.git("config", "remote.origin.url", "https://example.invalid/x")
    before = everything(native.top)
    done = doctor(native, env={"GIT_INDEX_FILE": str(native.git_path("index")), "GIT_EDITOR": "false"})
    assert everything(native.top) == before
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "16 of 16 violations were caught" in done.stdout
    lines = done.stdout.splitlines()
    assert [line for line in lines if "missed" in line or "error[" in line] == []
    assert next(line for line in lines if line.startswith(BAD_PUSH)).split()[-2:] == ["pre-push", "caught"]
    assert sum("accepted" in line for line in lines) == len(HONEST)
    assert len((tmp_path / "log").read_text(encoding="utf-8").split()) > 10  # the hooks behind ours come along


def test_all_is_caught_under_a_runner(make: Maker, briefly: Briefly) -> None:
    repo = make.adopted("prek")  # pre-commit takes five times as long; what is its own is looked at below
    before = everything(repo.top)
    told = briefly(repo)
    assert everything(repo.top) == before
    assert told.code == 0, told.text
    assert told.those("accepted") == HONEST
    assert told.those("caught") == set(told.rows) - HONEST
    assert told.findings == []


def test_a_plan_that_is_only_staged_and_hooks_in_the_work_tree(make: Maker, tmp_path: Path, briefly: Briefly) -> None:
    """HEAD is unborn, and core.hooksPath leads to a folder that is ignored, as husky's is."""
    repo = make.hooked("native")
    shutil.move(hook(repo, "."), repo.top / "tools")
    (repo.top / "tools" / "pre-push").unlink(missing_ok=True)
    script(repo.top / "tools" / "pre-commit.orchestrator-chained", f'cd "${{0%/*}}" && pwd >>{tmp_path / "log"}')
    repo.git("config", "core.hooksPath", "tools")
    repo.add({"plan.toml": PLAN, ".gitignore": "tools\n*.lock\n"})
    told = briefly(repo)
    assert told.code == 0, told.text
    assert told.those("not installed") == {BAD_PUSH}
    assert told.those("caught") == set(told.rows) - HONEST - {BAD_PUSH}
    assert told.mends("warning") == [NATIVE]
    (folder,) = set((tmp_path / "log").read_text(encoding="utf-8").splitlines())
    assert folder.endswith("/clone/tools")  # not those of the user's work tree


# -- hooks that are not there, or not called ----------------------------------------------------------------------


def test_a_hook_that_is_missing_and_one_that_is_not_executable(plain: Adopted, briefly: Briefly) -> None:
    hook(plain, "commit-msg").unlink()
    hook(plain, "pre-merge-commit").chmod(0o644)
    plain.git("rm", "-q", "--cached", "plan.lock")
    plain.git("commit", "-q", "--no-verify", "-m", "feat: [foundation] drop the lock")
    plain.write(".gitignore", "*.lock\n")
    told = briefly(plain)
    assert told.code == 1
    assert told.those("missed") == {NO_FORM, BAD_MERGE}
    assert told.those("caught") == set(told.rows) - HONEST - {NO_FORM} - {BAD_MERGE, BAD_PUSH}
    path = hook(plain, "pre-merge-commit")
    assert told.mends() == [NATIVE, f"chmod +x {path}", "orchestrator sync"]
    assert "Git has no hook to call for commit-msg" in told.text
    assert "it is ignored by .gitignore:1:*.lock" in told.text


def test_without_hooks_all_is_missed(plain: Adopted, briefly: Briefly) -> None:
    shutil.rmtree(hook(plain, "."))
    told = briefly(plain)
    assert told.code == 1
    assert told.those("missed") == set(told.rows) - HONEST - {BAD_PUSH}
    assert told.mends() == [NATIVE]
    assert "the hooks are not installed in this clone" in told.text
    # The runner that the configuration is for is named where our entry is there.
    plain.write(".pre-commit-config.yaml", CONFIG.format(source="https://example.invalid", tag="v0.1.0"))
    (finding,) = [f for f in findings_in(plain) if f.severity == "error"]
    assert finding.help.endswith("pre-commit install")


@pytest.mark.parametrize("scope", ["local", "global"])
def test_hooks_of_others_by_hooks_path(plain: Adopted, tmp_path: Path, scope: str, briefly: Briefly) -> None:
    script(tmp_path / "others" / "pre-commit", "exit 0")
    value = tmp_path / "others"
    if scope == "global":
        config = tmp_path / "gitconfig"
        config.write_text(f"[core]\n\thooksPath = {value}\n", encoding="utf-8")
        plain.env["GIT_CONFIG_GLOBAL"] = str(config)
    else:
        plain.git("config", "core.hooksPath", str(value))
    told = briefly(plain)
    assert told.code == 1
    assert told.those("caught") == set()
    assert told.those("altered") == {"honest work"}
    (mend,) = told.mends()
    assert mend.startswith("git config core.hooksPath" if scope == "global" else "git config --local --unset")
    assert mend.endswith(NATIVE)
    plain.env.pop("GIT_CONFIG_GLOBAL", None)
    plain.git("config", "core.hooksPath", "/dev/null")
    assert errors_in(plain) == [
        ("core.hooksPath is '/dev/null', so Git runs no hook here", "git config --local --unset core.hooksPath")
    ]


def test_a_hook_that_refuses_everything_catches_nothing(plain: Adopted) -> None:
    """Only a refusal under our id counts; what a hook says cannot steer the terminal."""
    script(hook(plain, "pre-commit"), "printf 'error[something-else]: \\033[31mno\\033[m\\n' >&2; exit 1")
    done = doctor(plain)
    assert done.returncode == 1
    assert "\x1b[31m" not in done.stdout + done.stderr
    assert "error[something-else]: \\x1b[31mno" in done.stdout
    assert "1 of 15 violations were caught" in done.stdout
    result = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert result[BAD_MERGE].split()[-1] == "caught"  # at another stage
    assert "refused" in result["honest work"]
    assert "missed" not in done.stdout
    assert "help: mend what is said above, then: orchestrator doctor" in done.stdout


def test_a_hook_behind_ours_that_changes_what_was_judged(plain: Adopted, briefly: Briefly) -> None:
    shutil.move(hook(plain, "pre-commit"), hook(plain, "ours"))
    text = 'sed -i.bak "s/^stage=.*/stage=pre-commit/" "${0%/*}/ours"; "${0%/*}/ours" && echo x >late && git add late'
    script(hook(plain, "pre-commit"), text)
    told = briefly(plain)
    assert told.code == 1
    assert told.those("altered") == {"honest work"}
    assert told.mends() == ["let our hook run last: move our entry to the end of repos"]
    assert "late" in told.text


# -- what is wrong with launchers ---------------------------------------------------------------------------------


def test_launchers_that_find_no_program(plain: Adopted, tmp_path: Path, briefly: Briefly) -> None:
    command = hook_command(tmp_path / "gone")
    install_native(Git(str(plain.top)), command=command)
    hook(plain, "pre-push").unlink(missing_ok=True)
    assert errors_in(plain) == []
    command.unlink()
    found = errors_in(plain)
    assert [mend for _, mend in found] == [NATIVE]
    assert "which is gone; orchestrator-hook of the PATH is called instead" in found[0][0]
    assert found[0][0].endswith(": pre-commit, pre-merge-commit, commit-msg")
    told = briefly(plain, {"PATH": BARE_PATH})
    assert told.code == 1
    assert told.those("caught", "missed", "accepted") == set()
    assert told.mends() == [NATIVE, ""]
    assert "orchestrator-hook is not installed, so nothing can be judged" in told.text


def test_launchers_that_were_edited_or_are_of_another_version(plain: Adopted, tmp_path: Path) -> None:
    command = hook_command(tmp_path / "venv" / "bin")
    (tmp_path / "venv/lib/python3.12/site-packages/git_orchestrator-0.0.7.dist-info").mkdir(parents=True)
    install_native(Git(str(plain.top)), command=command, stages=("pre-commit",))
    edited = hook(plain, "pre-commit")
    edited.write_bytes(edited.read_bytes() + b"# mine\n")
    old = hook(plain, "commit-msg")
    old.write_bytes(old.read_bytes() + b"# as it was once\n")
    found = dict(errors_in(plain))
    assert found["the launcher was edited by hand"].endswith(f"then: rm {edited} && {NATIVE}")
    assert found["the launcher is not the one of this version: commit-msg"] == NATIVE
    text = f"the launcher calls version 0.0.7 of git-orchestrator ({command})"
    assert [mend for message, mend in found.items() if message.startswith(text)] == [NATIVE]
    assert len(found) == 3
    # A command that mends two things is named once.
    shown = Diagnosis((), tuple(findings_in(plain))).mends()
    assert [finding.help for finding in shown].count(NATIVE) == 1
    assert len(shown) == 4


# -- what is wrong under a runner ---------------------------------------------------------------------------------


def test_a_filter_and_types_that_were_not_installed(make: Maker) -> None:
    types = "[pre-commit, commit-msg]"
    config = "files: ^db/\n" + CONFIG.replace("[pre-commit, pre-merge-commit, commit-msg, pre-push]", types)
    repo = make.hooked("pre-commit", config=config)
    found = findings_in(repo)
    assert [finding.help for finding in found if finding.severity == "error"] == [
        "pre-commit install -t pre-merge-commit",
        "write files: '^db/|_(EDIT)?MSG$'",
    ]
    missing, *_, push = found[:2]
    types = "default_install_hook_types: [pre-commit, commit-msg, pre-merge-commit]"
    assert missing.notes == (f"for other clones, write into the configuration: {types}",)
    assert (push.severity, push.help) == ("warning", "pre-commit install -t pre-push")
    for stage in ("pre-commit", "commit-msg"):
        hook(repo, stage).unlink()
    (none,) = findings_in(repo)
    assert none.message == "the hooks are not installed in this clone"
    assert none.help == "pre-commit install -t pre-commit -t commit-msg -t pre-merge-commit"


def test_hooks_that_are_skipped(make: Maker, briefly: Briefly) -> None:
    repo = make.adopted("prek")
    told = briefly(repo, {"SKIP": "flake8, orchestrator-commit-msg,orchestrator-pre-push"})
    assert told.code == 1
    assert told.those("missed") == {NO_FORM, BAD_PUSH}
    assert told.mends() == ["unset SKIP"]
    found = errors_in(repo, {"PREK_SKIP": "orchestrator"})
    assert found == [("PREK_SKIP is set in the environment, so that prek leaves out orchestrator", "unset PREK_SKIP")]
    assert errors_in(make.adopted("pre-commit", name="other"), {"PREK_SKIP": "orchestrator"}) == []
    assert errors_in(make.adopted("native", name="third"), {"SKIP": "orchestrator"}) == []


def test_no_configuration_and_leave_to_go_without(make: Maker, briefly: Briefly) -> None:
    repo = make.adopted("prek")
    (repo.top / ".pre-commit-config.yaml").unlink()
    assert errors_in(repo) == [("the configuration of prek is missing", "orchestrator install")]
    told = briefly(repo, {"PRE_COMMIT_ALLOW_NO_CONFIG": "1"})
    assert told.code == 1
    assert told.those("caught") == set()
    assert told.those("missed") >= {LOCKED_WORK, NO_FORM, BAD_MERGE}
    assert told.mends() == ["unset PRE_COMMIT_ALLOW_NO_CONFIG && orchestrator install"]


def test_a_runner_that_is_gone(make: Maker, briefly: Briefly) -> None:
    repo = make.adopted("pre-commit")
    for file in hook(repo, ".").iterdir():
        text = file.read_text(encoding="utf-8")
        lines = ["INSTALL_PYTHON=/gone" if ln.startswith("INSTALL_PYTHON=") else ln for ln in text.split("\n")]
        file.write_text("\n".join(lines), encoding="utf-8")
    told = briefly(repo, {"PATH": BARE_PATH})
    assert told.code == 1
    assert told.those("caught", "missed", "accepted") == set()
    assert told.mends() == ["pipx install pre-commit && pre-commit install", ""]


def test_an_environment_of_the_runner_that_is_broken(make: Maker, tmp_path: Path, briefly: Briefly) -> None:
    """The runner cannot even fetch us: nothing of what was planted was refused by us."""
    repo = make.adopted("prek")
    repo.write(".pre-commit-config.yaml", CONFIG.format(source=(tmp_path / "nowhere").as_uri(), tag="v0.1.0"))
    told = briefly(repo)
    assert told.code == 1
    assert told.those("caught", "missed", "accepted") == set()
    assert told.mends() == ["prek clean && prek prepare-hooks"]


def test_what_a_configuration_says(make: Maker) -> None:
    repo = make.adopted("pre-commit")
    text = repo.read(".pre-commit-config.yaml")
    behind = "  - repo: local\n    hooks:\n      - {id: late, name: late, language: system, entry: 'true'}\n"
    repo.write(".pre-commit-config.yaml", text.replace("rev: v0.1.0", "rev: v0.0.9") + behind)
    (older,) = errors_in(repo)
    assert older[0] == "the configuration asks for v0.0.9 of git-orchestrator, this is 0.1.0"
    assert older[1].startswith("pre-commit autoupdate --repo file://")
    (warning,) = [f for f in findings_in(repo) if f.severity == "warning"]
    assert (warning.message, warning.help) == (
        "hooks run behind ours and can change what it has judged: late",
        "move our entry to the end of repos",
    )
    repo.write(".pre-commit-config.yaml", text.replace("      - id: orchestrator-commit-msg\n", ""))
    assert errors_in(repo) == [
        (
            "our entry in the configuration lacks orchestrator-commit-msg",
            "add to its hooks: - id: orchestrator-commit-msg",
        )
    ]
    repo.write(".pre-commit-config.yaml", "repos: []\n")
    assert errors_in(repo) == [("the configuration of pre-commit does not name our hooks", "orchestrator install")]
    repo.write(".pre-commit-config.yaml", "repos: [\n")
    assert [mend for _, mend in errors_in(repo)] == ["pre-commit validate-config"]
    repo.write(".pre-commit-config.yaml", text.replace(", pre-merge-commit", ""))
    assert [f.severity for f in findings_in(repo)] == ["warning"]
    assert "so other clones will lack them" in findings_in(repo)[0].message
    repo.write(".pre-commit-config.yaml", "exclude: '.*'\n" + text)
    assert [mend for _, mend in errors_in(repo)] == ["write exclude: '(?!.*_(EDIT)?MSG$)(?:.*)'"]
    run([runner_command("prek"), "install", "-f"], cwd=repo.top, env=repo.env)
    assert errors_in(repo) == []  # prek hands the message over all the same


# -- what cannot be judged, and ends before its time --------------------------------------------------------------


def test_what_cannot_be_judged(make: Maker) -> None:
    empty = make.hooked("native", name="empty")
    empty.git("commit", "-q", "--allow-empty", "-m", "no plan")
    done = doctor(empty, "--json")
    assert (done.returncode, json.loads(done.stdout)["findings"][0]["help"]) == (3, "orchestrator init")
    shutil.rmtree(empty.top / ".git")
    assert doctor(empty).returncode == 3
    # A file of HEAD that is not there any more: the throwaway repository cannot be filled.
    repo = make.adopted()
    oid = repo.out("rev-parse", "HEAD:notes.txt")
    (repo.git_path("objects") / oid[:2] / oid[2:]).unlink()
    done = doctor(repo)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error[git]: ")


def test_an_interrupt_leaves_nothing_behind(plain: Adopted, tmp_path: Path) -> None:
    started = tmp_path / "started"
    script(hook(plain, "pre-commit"), f"echo $$ >{started}; exec sleep 60")
    room = tmp_path / "room"
    room.mkdir()
    before = everything(plain.top)
    process = subprocess.Popen(
        [*ORCHESTRATOR, "doctor"],
        cwd=plain.top,
        env={**os.environ, **plain.env, "TMPDIR": str(room)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    while not (started.exists() and started.read_text(encoding="utf-8").strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b""), err
    assert list(room.iterdir()) == []
    assert everything(plain.top) == before
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text(encoding="utf-8")), 0)


def test_a_hook_that_hangs_is_ended_and_not_tried_again(
    plain: Adopted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    script(hook(plain, "pre-commit"), f"echo $$ >>{started}; exec sleep 60")
    monkeypatch.setattr(throwaway, "LIMIT_S", 0.5)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "room"))
    (tmp_path / "room").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    for name, value in plain.env.items():
        monkeypatch.setenv(name, value)
    found = examine(open_workplace(plain.top))
    assert not found.is_sound
    assert [row.result for row in found.planted] == ["refused", "not installed"]
    assert "not all was planted" in found.notes[0]
    (pid,) = started.read_text(encoding="utf-8").split()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    assert list((tmp_path / "room").iterdir()) == []
