"""Launchers in real repositories: what a real ``git commit`` then does, and what comes back when they are removed."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest
import tomli

from orchestrator.app import setup
from orchestrator.app.workplace import open_workplace
from orchestrator.core.finding import CannotJudgeError
from orchestrator.git import Git
from orchestrator.installing.launchers import (
    CHAINED_SUFFIX,
    DEFAULT_STAGES,
    SERVER_STAGES,
    STAGES,
    hooks_directory,
    hooks_folder,
    install_native,
    launcher,
    uninstall_native,
)
from orchestrator.installing.runner_config import HOOK_TYPES, add_to_pre_commit_config, config_path
from orchestrator.installing.runners import find_runner, install_runner
from tests.support import Repository, run

RUNNERS = ("pre-commit", "prek")
PUSH_STAGES = ("pre-push", "pre-receive")


def script(file: Path, text: str, mode: int = 0o755) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(mode)
    return file


def command(folder: Path, text: str = "exit 0") -> Path:
    """A stand-in for orchestrator-hook that notes how it was called, then does what ``text`` says."""
    return script(folder / "orchestrator-hook", f'printf "ours:%s\\n" "$*" >>"$ORCHESTRATOR_LOG"\n{text}')


def noted(text: str, exit_code: int = 0) -> str:
    """The text of a hook of somebody else that notes how it was called, then ends."""
    return f'printf "{text}:%s\\n" "$*" >>"$ORCHESTRATOR_LOG"\nexit {exit_code}'


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "calls"
    file.touch()
    monkeypatch.setenv("ORCHESTRATOR_LOG", str(file))
    return file


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    return command(tmp_path / "bin")


@pytest.fixture
def plain_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which there are Git and a shell, and no orchestrator-hook; the folder is its first."""
    folder = tmp_path / "path"
    folder.mkdir()
    for name in ("git", "sh", "env", "cat", "true", "false"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def git(repo: Repository) -> Git:
    return Git(str(repo.top))


def calls(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").splitlines()


def snapshot(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Every file's mode and bytes, a link's target."""
    return {
        file.name: (
            stat.S_IMODE(file.lstat().st_mode),
            os.readlink(file) if file.is_symlink() else file.read_bytes(),
        )
        for file in folder.iterdir()
    }


def test_every_default_stage_is_called(repo: Repository, log: Path, ours: Path) -> None:
    done = install_native(git(repo), command=ours)
    assert [file.name for file in done.written] == list(DEFAULT_STAGES)
    assert done.notes == ()
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o755 for file in done.written)
    repo.commit("one", {"a": "1"})
    assert calls(log) == ["ours:pre-commit", "ours:commit-msg .git/COMMIT_EDITMSG"]


def test_asked_for_stages_and_a_merge(repo: Repository, log: Path, ours: Path) -> None:
    install_native(git(repo), stages=STAGES, command=ours)
    repo.commit("one", {"a": "1"})
    assert [line.split()[0] for line in calls(log)] == [
        "ours:pre-commit",
        "ours:prepare-commit-msg",
        "ours:commit-msg",
        "ours:post-commit",
    ]
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("two", {"b": "1"})
    repo.git("checkout", "-q", "main")
    repo.commit("three", {"c": "1"})
    log.write_text("", encoding="utf-8")
    repo.git("merge", "-q", "--no-edit", "side")
    assert [line.split()[0] for line in calls(log)] == [
        "ours:pre-merge-commit",
        "ours:prepare-commit-msg",
        "ours:commit-msg",
    ]


@pytest.mark.parametrize("stage", ["pre-commit", "commit-msg"])
def test_a_refusal_leaves_no_commit(repo: Repository, log: Path, tmp_path: Path, stage: str) -> None:
    refusing = command(tmp_path / "bin", f'[ "$1" != {stage} ]')
    install_native(git(repo), command=refusing)
    assert repo.commit("one", {"a": "1"}, check=False).returncode == 1
    assert repo.commit_count() == 0
    assert calls(log)[-1].startswith(f"ours:{stage}")


def test_a_refused_merge_leaves_no_commit(repo: Repository, log: Path, tmp_path: Path) -> None:
    repo.commit("one", {"a": "1"})
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("two", {"b": "1"})
    repo.git("checkout", "-q", "main")
    repo.commit("three", {"c": "1"})
    install_native(git(repo), command=command(tmp_path / "bin", "exit 1"))
    assert repo.git("merge", "-q", "--no-edit", "side", check=False).returncode != 0
    assert repo.commit_count() == 2
    assert calls(log) == ["ours:pre-merge-commit"]


@pytest.mark.parametrize(
    "name", ["with blank", "it's", 'quo"te', "new\nline", "$HOME `x`", "back\\slash", "-dash", "ä"]
)
def test_any_path_of_the_command_and_of_the_repository(tmp_path: Path, log: Path, name: str) -> None:
    repo = Repository.init(tmp_path / name / "repo")
    script(repo.top / ".git/hooks/pre-commit", noted("theirs"))
    install_native(git(repo), command=command(tmp_path / name / "bin"))
    repo.commit("one", {"a": "1"})
    assert calls(log) == ["theirs:", "ours:pre-commit", "ours:commit-msg .git/COMMIT_EDITMSG"]


@pytest.mark.parametrize("stage", STAGES)
def test_launchers_are_taken_from_the_path(
    repo: Repository, log: Path, plain_path: Path, tmp_path: Path, stage: str
) -> None:
    command(plain_path)
    install_native(git(repo), stages=[stage], command=tmp_path / "gone" / "orchestrator-hook")
    if stage in {"pre-merge-commit", *PUSH_STAGES}:
        run([repo.top / ".git/hooks" / stage], cwd=repo.top)
    else:
        repo.commit("one", {"a": "1"})
    assert len(calls(log)) == 1
    assert calls(log)[0].startswith(f"ours:{stage}")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.usefixtures("plain_path")
def test_without_the_command_nothing_is_committed(repo: Repository, tmp_path: Path, stage: str) -> None:
    install_native(git(repo), stages=[stage], command=tmp_path / "gone" / "orchestrator-hook")
    done = repo.commit("one", {"a": "1"}, check=False)
    committed = stage not in {"pre-commit", "commit-msg"}
    assert repo.commit_count() == int(committed)
    assert (done.returncode == 0) is committed
    direct = run([repo.top / ".git/hooks" / stage, "file"], cwd=repo.top, check=False)
    assert direct.returncode == (0 if stage == "prepare-commit-msg" else 1)
    assert "install git-orchestrator, so that" in direct.stderr
    assert direct.stdout == ""


def test_prepare_commit_msg_never_fails(repo: Repository, log: Path, tmp_path: Path) -> None:
    install_native(git(repo), stages=["prepare-commit-msg"], command=command(tmp_path / "bin", "exit 3"))
    repo.commit("one", {"a": "1"})
    assert repo.commit_count() == 1
    assert calls(log) == ["ours:prepare-commit-msg .git/COMMIT_EDITMSG message"]


def test_the_committed_launchers_by_core_hookspath(repo: Repository, log: Path, plain_path: Path) -> None:
    command(plain_path)
    repo.git("config", "core.hooksPath", str(hooks_folder()))
    repo.commit("one", {"a": "1"})
    assert [line.split()[0] for line in calls(log)] == [
        "ours:pre-commit",
        "ours:prepare-commit-msg",
        "ours:commit-msg",
        "ours:post-commit",
    ]
    assert all(os.access(hooks_folder() / stage, os.X_OK) for stage in STAGES)


@pytest.mark.parametrize("stage", ["pre-commit", "commit-msg", "prepare-commit-msg"])
@pytest.mark.parametrize("exit_code", [0, 1, 7])
def test_the_hook_before_runs_first_and_its_refusal_stands(
    repo: Repository, log: Path, ours: Path, stage: str, exit_code: int
) -> None:
    script(repo.top / ".git/hooks" / stage, noted("theirs", exit_code))
    done = install_native(git(repo), stages=[stage], command=ours)
    assert [file.name for file in done.kept] == [f"{stage}{CHAINED_SUFFIX}"]
    repo.commit("one", {"a": "1"}, check=False)
    assert repo.commit_count() == int(exit_code == 0)
    arguments = {"pre-commit": "", "commit-msg": ".git/COMMIT_EDITMSG"}.get(stage, ".git/COMMIT_EDITMSG message")
    expected = [f"theirs:{arguments}"] + [f"ours:{stage} {arguments}".rstrip()] * (exit_code == 0)
    assert calls(log) == expected
    direct = run([repo.top / ".git/hooks" / stage], cwd=repo.top, check=False)
    assert direct.returncode == exit_code


def test_the_hook_before_gets_the_input(repo: Repository, log: Path, ours: Path) -> None:
    script(repo.top / ".git/hooks/pre-commit", f'read -r line; echo "$line" >>{log}')
    install_native(git(repo), command=ours)
    run([repo.top / ".git/hooks/pre-commit"], cwd=repo.top, stdin="for them\n")
    assert calls(log) == ["for them", "ours:pre-commit"]


def test_a_failing_post_commit_hook_before_does_not_keep_ours_away(repo: Repository, log: Path, ours: Path) -> None:
    script(repo.top / ".git/hooks/post-commit", noted("theirs", 1))
    install_native(git(repo), stages=["post-commit"], command=ours)
    repo.commit("one", {"a": "1"})
    assert calls(log) == ["theirs:", "ours:post-commit"]


def test_a_hook_that_is_not_executable_stays_ignored(repo: Repository, log: Path, ours: Path) -> None:
    script(repo.top / ".git/hooks/pre-commit", noted("theirs", 1), mode=0o644)
    before = snapshot(repo.top / ".git/hooks")
    install_native(git(repo), command=ours)
    repo.commit("one", {"a": "1"})
    assert calls(log)[0] == "ours:pre-commit"
    uninstall_native(git(repo))
    assert snapshot(repo.top / ".git/hooks") == before


@pytest.mark.parametrize("target", ["../../tools/hook", "absolute", "../../tools/missing"])
def test_a_linked_hook_is_the_same_link_again(repo: Repository, log: Path, ours: Path, target: str) -> None:
    tool = script(repo.top / "tools/hook", noted("theirs"))
    hook = repo.top / ".git/hooks/pre-commit"
    hook.symlink_to(tool if target == "absolute" else target)
    before = snapshot(hook.parent)
    install_native(git(repo), command=ours)
    repo.commit("one", {"a": "1"})
    assert calls(log)[:-1] == ["theirs:", "ours:pre-commit"][target.endswith("missing") :]
    uninstall_native(git(repo))
    assert snapshot(hook.parent) == before
    assert tool.exists()


def test_a_second_installation_changes_nothing(repo: Repository, ours: Path) -> None:
    script(repo.top / ".git/hooks/pre-commit", "exit 0", mode=0o711)
    first = install_native(git(repo), command=ours)
    before = snapshot(first.folder)
    again = install_native(git(repo), command=ours)
    assert again.written == again.kept == ()
    assert again.unchanged == first.written
    assert snapshot(first.folder) == before


def test_another_installation_replaces_only_the_launcher(
    repo: Repository, log: Path, ours: Path, tmp_path: Path
) -> None:
    script(repo.top / ".git/hooks/pre-commit", noted("theirs"))
    install_native(git(repo), command=ours)
    install_native(git(repo), command=command(tmp_path / "newer bin"))
    ours.unlink()
    repo.commit("one", {"a": "1"})
    assert calls(log)[:2] == ["theirs:", "ours:pre-commit"]


def test_uninstalling_restores_exactly(repo: Repository, ours: Path) -> None:
    hooks = repo.top / ".git/hooks"
    script(hooks / "pre-commit", "# theirs \x00 bytes", mode=0o751)
    (hooks / "commit-msg").write_bytes(b"\xff no shebang\r\n")
    script(hooks / "post-merge", "exit 0")
    before = snapshot(hooks)
    install_native(git(repo), stages=STAGES, command=ours)
    done = uninstall_native(git(repo))
    assert snapshot(hooks) == before
    assert sorted(file.name for file in done.restored) == ["commit-msg", "pre-commit"]
    assert {file.name for file in done.removed} == set(STAGES) - {"commit-msg", "pre-commit"}
    assert uninstall_native(git(repo)) == done.replace(restored=(), removed=())


def test_uninstalling_leaves_hooks_of_others(repo: Repository) -> None:
    script(repo.top / ".git/hooks/pre-commit", "exit 0")
    before = snapshot(repo.top / ".git/hooks")
    assert uninstall_native(git(repo)).removed == ()
    assert snapshot(repo.top / ".git/hooks") == before


def refused(repo: Repository, words: str, stages: tuple[str, ...] = DEFAULT_STAGES) -> str:
    """The help of the refusal, which changed nothing and has these words."""
    folder = repo.top / ".git/hooks"
    before = snapshot(folder)
    with pytest.raises(CannotJudgeError, match=words) as caught:
        install_native(git(repo), stages=stages)
    assert snapshot(folder) == before
    assert all(finding.id == "install" for finding in caught.value.findings)
    return caught.value.findings[0].help


def test_a_kept_hook_is_never_overwritten(repo: Repository) -> None:
    script(repo.top / ".git/hooks/commit-msg", "exit 0")
    script(repo.top / f".git/hooks/commit-msg{CHAINED_SUFFIX}", "exit 1")
    refused(repo, "two hooks of others")


def test_an_interrupted_installation_is_taken_up_again(repo: Repository, ours: Path) -> None:
    hook = script(repo.top / ".git/hooks/pre-commit", "exit 0")
    before = snapshot(hook.parent)
    hook.with_name(f"pre-commit{CHAINED_SUFFIX}").hardlink_to(hook)
    install_native(git(repo), command=ours)
    uninstall_native(git(repo))
    assert snapshot(hook.parent) == before


def test_a_hook_that_asks_its_name_is_refused(repo: Repository) -> None:
    script(repo.top / ".git/hooks/pre-commit", 'exec run-hooks "$(basename "$0")"')
    assert 'orchestrator-hook pre-commit "$@" || exit' in refused(repo, "its own file name")


def test_an_edited_launcher_is_neither_replaced_nor_removed(repo: Repository, ours: Path) -> None:
    install_native(git(repo), command=ours)
    hook = repo.top / ".git/hooks/pre-commit"
    hook.write_text(hook.read_text(encoding="utf-8").replace("stage=", "echo mine\nstage="), encoding="utf-8")
    refused(repo, "edited by hand")
    before = snapshot(hook.parent)
    with pytest.raises(CannotJudgeError, match="edited by hand"):
        uninstall_native(git(repo))
    assert snapshot(hook.parent) == before


def test_an_unknown_stage_is_refused(repo: Repository) -> None:
    refused(repo, "no launcher for the stage 'pre-rebase'", ("pre-commit", "pre-rebase"))


def test_a_folder_in_the_way_is_refused(repo: Repository) -> None:
    (repo.top / ".git/hooks/pre-commit").mkdir()
    with pytest.raises(CannotJudgeError, match="a folder where the hook belongs"):
        install_native(git(repo))


@pytest.mark.parametrize("value", ["/dev/null", ""])
def test_hooks_that_are_switched_off_are_told(repo: Repository, value: str) -> None:
    repo.git("config", "core.hooksPath", value)
    assert refused(repo, "runs no hook") == "git config --local --unset core.hooksPath"


def test_hooks_for_all_repositories_are_left_alone(repo: Repository, hermetic: Path, tmp_path: Path) -> None:
    settings = (hermetic / ".gitconfig").read_text(encoding="utf-8")
    mine = tmp_path / "global"
    mine.write_text(f'{settings}[core]\n\thooksPath = "{tmp_path}/all"\n', encoding="utf-8")
    with pytest.raises(CannotJudgeError, match=r"more than this repository \(global\)") as caught:
        install_native(Git(str(repo.top), {**os.environ, "GIT_CONFIG_GLOBAL": str(mine)}))
    assert not (tmp_path / "all").exists()
    help_ = caught.value.findings[0].help
    run(["sh", "-c", help_.partition(": ")[2]], cwd=repo.top)
    assert hooks_directory(git(repo)).resolve() == (repo.top / ".git/hooks").resolve()


def test_linked_work_trees_share_the_hooks(repo: Repository, log: Path, ours: Path, tmp_path: Path) -> None:
    repo.commit("one", {"a": "1"})
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    linked = Repository(tmp_path / "linked")
    done = install_native(git(linked), command=ours)
    assert done.folder.resolve() == (repo.top / ".git/hooks").resolve()
    assert done.notes == ()
    linked.commit("two", {"b": "1"})
    assert calls(log) == ["ours:pre-commit", f"ours:commit-msg {linked.git_path('COMMIT_EDITMSG')}"]
    repo.commit("three", {"b": "1"})
    assert len(calls(log)) == 4


def test_hooks_in_the_work_tree_carry_no_path_of_this_machine(
    repo: Repository, log: Path, plain_path: Path, ours: Path
) -> None:
    repo.git("config", "core.hooksPath", ".githooks")
    done = install_native(git(repo), command=ours)
    assert done.folder == repo.top / ".githooks"
    assert "files to commit" in done.notes[0]
    assert str(ours) not in repo.read(".githooks/pre-commit")
    command(plain_path)
    (repo.top / "sub").mkdir()
    repo.add({"a": "1"})
    repo.git("commit", "-q", "-m", "one", cwd="sub")
    assert calls(log)[0] == "ours:pre-commit"


def test_ignored_hooks_in_the_work_tree_are_this_machines(repo: Repository, ours: Path) -> None:
    repo.write(".githooks/.gitignore", "*\n")
    repo.git("config", "core.hooksPath", ".githooks")
    done = install_native(git(repo), command=ours)
    assert done.notes == ()
    assert str(ours) in repo.read(".githooks/pre-commit")


def test_husky_is_told_to_call_us(repo: Repository, log: Path, plain_path: Path) -> None:
    repo.write(".husky/_/h", "# finds the user's hook by the name under which it was called")
    repo.write(".husky/_/.gitignore", "*")
    repo.git("config", "core.hooksPath", ".husky/_")
    script(repo.top / ".husky/_/pre-commit", 'sh -e "${0%/_/*}/pre-commit" "$@"')
    with pytest.raises(CannotJudgeError, match="husky") as caught:
        install_native(git(repo), stages=["pre-commit"])
    run(["sh", "-c", caught.value.findings[0].help.partition(": ")[2]], cwd=repo.top)
    command(plain_path)
    repo.commit("one", {"a": "1"})
    assert calls(log) == ["ours:pre-commit"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_launcher_starts_no_other_program(
    repo: Repository, log: Path, ours: Path, tmp_path: Path, stage: str
) -> None:
    install_native(git(repo), stages=[stage], command=ours)
    (tmp_path / "empty").mkdir()
    sh = shutil.which("sh")
    assert sh
    run([sh, repo.top / ".git/hooks" / stage], cwd=repo.top, env={"PATH": str(tmp_path / "empty")})
    assert calls(log) == [f"ours:{stage}"]


@pytest.fixture
def server(tmp_path: Path) -> Repository:
    """An empty bare repository."""
    return Repository.init(tmp_path / "server.git", "--bare")


@pytest.fixture
def reading(tmp_path: Path) -> Path:
    """A stand-in for orchestrator-hook that notes its arguments and its input."""
    return command(tmp_path / "bin", 'cat >>"$ORCHESTRATOR_LOG"')


READ = 'printf "theirs:%s\\n" "$*" >>"$ORCHESTRATOR_LOG"; cat >>"$ORCHESTRATOR_LOG"'


def test_a_push_tells_all_its_refs(repo: Repository, server: Repository, log: Path, reading: Path) -> None:
    repo.commit("one", {"a": "1"})
    oid, none = repo.out("rev-parse", "HEAD"), "0" * 40
    install_native(git(repo), command=reading)
    repo.git("push", "-q", str(server.top), "main", "HEAD:refs/heads/other")
    assert calls(log) == [
        f"ours:pre-push {server.top} {server.top}",
        f"refs/heads/main {oid} refs/heads/main {none}",
        f"HEAD {oid} refs/heads/other {none}",
    ]


def test_a_bare_repository_gets_the_hook_of_servers_only(
    repo: Repository, server: Repository, log: Path, reading: Path
) -> None:
    before = snapshot(server.top / "hooks")
    done = install_native(git(server), command=reading)
    assert [file.name for file in done.written] == list(SERVER_STAGES) == ["pre-receive"]
    assert done.notes == ()
    repo.commit("one", {"a": "1"})
    oid, none = repo.out("rev-parse", "HEAD"), "0" * 40
    repo.git("push", "-q", str(server.top), "main", "HEAD:refs/heads/other")
    assert calls(log) == ["ours:pre-receive", f"{none} {oid} refs/heads/main", f"{none} {oid} refs/heads/other"]
    assert install_native(git(server), command=reading).written == ()
    uninstall_native(git(server))
    assert snapshot(server.top / "hooks") == before


def test_the_command_in_a_bare_repository(server: Repository, log: Path, plain_path: Path) -> None:
    command(plain_path)
    before = snapshot(server.top / "hooks")
    config = server.read("config")
    with pytest.raises(CannotJudgeError, match="no work tree") as caught:
        open_workplace(server.top)
    assert caught.value.findings[0].help.startswith("orchestrator install --native,")
    for folder in (server.top, server.top / "refs"):
        repository = open_workplace(folder, bare_too=True)
        done = setup.install(repository, native_hooks=True)
        assert [os.path.basename(path) for path in done.written] == ["pre-receive"]
        assert done.notes == (f"native hooks in {server.top / 'hooks'}: pre-receive",)
        assert os.access(server.top / "hooks/pre-receive", os.X_OK)
        removed = setup.uninstall(repository, native=True).written
        assert removed == (str(server.top / "hooks/pre-receive"),)
        assert snapshot(server.top / "hooks") == before
        assert server.read("config") == config
    assert calls(log) == []


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_runner_over_our_push_launcher(
    repo: Repository, server: Repository, log: Path, reading: Path, runner: str
) -> None:
    """Both ways round: the runner's hook is kept by us, then the runner is installed over us again."""
    theirs = "default_install_hook_types: [pre-push]\nrepos:\n- repo: local\n  hooks:\n  - id: theirs\n    name: x\n"
    theirs += "    language: system\n    entry: sh -c 'echo theirs >>\"$ORCHESTRATOR_LOG\"'\n"
    repo.commit("config", {".pre-commit-config.yaml": f"{theirs}    always_run: true\n    pass_filenames: false\n"})
    install_runner(repo.top, [runner_command(runner)])
    install_native(git(repo), stages=["pre-push"], command=reading)
    oid, none = repo.out("rev-parse", "HEAD"), "0" * 40
    ours = [f"ours:pre-push {server.top} {server.top}", f"refs/heads/main {oid} refs/heads/{{}} {none}"]
    repo.git("push", "-q", str(server.top), "main:first")
    assert calls(log) == ["theirs", *[line.format("first") for line in ours]]
    log.write_text("", encoding="utf-8")
    install_runner(repo.top, [runner_command(runner)])
    repo.git("push", "-q", str(server.top), "main:second")
    assert sorted(calls(log)) == sorted(["theirs", *[line.format("second") for line in ours]])


@pytest.mark.parametrize("stage", PUSH_STAGES)
@pytest.mark.parametrize("way", ["refuses", "is gone", "is refused by the hook before"])
def test_a_refused_push_changes_no_ref(
    repo: Repository, server: Repository, log: Path, plain_path: Path, stage: str, way: str
) -> None:
    del plain_path
    repo.commit("one", {"a": "1"})
    place = repo if stage == "pre-push" else server
    ours = command(log.parent / "bin", "cat >/dev/null; exit 1" if way == "refuses" else "cat >/dev/null")
    if way == "is refused by the hook before":
        script(place.git_path("hooks") / stage, "cat >/dev/null; exit 1")
    install_native(git(place), stages=[stage], command=ours)
    if way == "is gone":
        ours.unlink()
    done = repo.git("push", "-q", str(server.top), "main", "HEAD:refs/heads/other", check=False)
    assert done.returncode == 1
    assert ("orchestrator-hook is not installed" in done.stderr) is (way == "is gone")
    assert server.out("for-each-ref") == ""
    assert len(calls(log)) == int(way == "refuses")


@pytest.mark.parametrize("stage", PUSH_STAGES)
def test_the_hook_before_and_ours_read_the_same_refs(
    repo: Repository, server: Repository, log: Path, reading: Path, stage: str
) -> None:
    place = repo if stage == "pre-push" else server
    script(place.git_path("hooks") / stage, READ)
    install_native(git(place), stages=[stage], command=reading)
    repo.commit("one", {"a": "1"})
    repo.git("push", "-q", str(server.top), "main", "HEAD:refs/heads/other")
    theirs, ours = log.read_text(encoding="utf-8").split("ours:")
    assert theirs.partition("\n")[2] == ours.partition("\n")[2]
    assert theirs.count("\n") == 3


ODD = "$(touch bad) `touch bad` \\n \\\\ %s '\" $HOME ${x}  two  blanks \t ä END"


@pytest.mark.parametrize("stage", PUSH_STAGES)
@pytest.mark.parametrize(
    "lines", ["", "one\n", f"{ODD}\n", "END\nend\n", "".join(f"{n} {'x' * 100}\n" for n in range(5000))]
)
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_any_input_reaches_both_as_it_is(
    repo: Repository, log: Path, reading: Path, stage: str, lines: str, shell: str
) -> None:
    hook = repo.top / ".git/hooks" / stage
    script(hook, READ)
    install_native(git(repo), stages=[stage], command=reading)
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell}")
    run([found, hook], cwd=repo.top, stdin=lines)
    assert log.read_text(encoding="utf-8") == f"theirs:\n{lines}ours:{stage}\n{lines}"
    assert not (repo.top / "bad").exists()


@pytest.mark.parametrize("stage", PUSH_STAGES)
def test_a_hook_before_that_reads_nothing(repo: Repository, log: Path, reading: Path, stage: str) -> None:
    hook = repo.top / ".git/hooks" / stage
    script(hook, noted("theirs"))
    install_native(git(repo), stages=[stage], command=reading)
    lines = "".join(f"{n} {'x' * 100}\n" for n in range(5000))
    done = run([hook], cwd=repo.top, stdin=lines)
    assert (done.stdout, done.stderr) == ("", "")
    assert log.read_text(encoding="utf-8") == f"theirs:\nours:{stage}\n{lines}"


@pytest.mark.parametrize("stage", PUSH_STAGES)
def test_input_that_cannot_be_kept_refuses(
    repo: Repository, log: Path, reading: Path, plain_path: Path, stage: str
) -> None:
    hook = repo.top / ".git/hooks" / stage
    script(hook, noted("theirs"))
    install_native(git(repo), stages=[stage], command=reading)
    (plain_path / "cat").unlink()
    assert run([hook], cwd=repo.top, stdin="x\n", check=False).returncode != 0
    assert calls(log) == []


def test_the_own_command_is_found(repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(tmp_path / "venv/bin")
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "venv/bin/orchestrator")])
    install_native(git(repo))
    assert f"orchestrator={tmp_path}/venv/bin/orchestrator-hook" in repo.read(".git/hooks/pre-commit")


def test_the_text_of_a_launcher() -> None:
    assert launcher("pre-commit", None) != launcher("pre-commit", Path("/x"))
    assert b"orchestrator=/x  #" in launcher("pre-commit", Path("/x"))


def runner_command(runner: str) -> str:
    """The path of the runner, which may lie beside this Python only."""
    found = shutil.which(runner, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert found, f"{runner} belongs to the tools of the tests"
    return found


def with_runner(repo: Repository, runner: str, *, ours_too: bool = False) -> None:
    """Let the runner install its hooks; its configuration has one hook that notes that it ran."""
    local = (
        "repos:\n- repo: local\n  hooks:\n  - id: theirs\n    name: theirs\n    language: system\n"
        "    entry: sh -c 'echo theirs >>\"$ORCHESTRATOR_LOG\"'\n    always_run: true\n    pass_filenames: false\n"
    )
    named = f"{local}  - {{id: orchestrator, name: x, language: system, entry: 'true'}}\n" if ours_too else local
    repo.commit("config", {".pre-commit-config.yaml": named})
    install_runner(repo.top, [runner_command(runner)])


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_runner_before_us(repo: Repository, log: Path, ours: Path, runner: str) -> None:
    with_runner(repo, runner)
    before = snapshot(repo.top / ".git/hooks")
    assert install_native(git(repo), command=ours).notes == ()
    repo.commit("one", {"a": "1"})
    assert calls(log) == ["theirs", "ours:pre-commit", "ours:commit-msg .git/COMMIT_EDITMSG"]
    uninstall_native(git(repo))
    assert snapshot(repo.top / ".git/hooks") == before


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_runner_that_would_run_us_too(repo: Repository, ours: Path, runner: str) -> None:
    with_runner(repo, runner, ours_too=True)
    (note,) = install_native(git(repo), command=ours).notes
    assert note.startswith("pre-commit would run twice")


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_runner_installed_before_and_again_after_us(
    repo: Repository, log: Path, tmp_path: Path, runner: str, exit_code: int
) -> None:
    with_runner(repo, runner)
    ours = command(tmp_path / "bin", f"exit {exit_code}")
    install_native(git(repo), stages=["pre-commit"], command=ours)
    repo.git("commit", "-q", "--allow-empty", "--no-verify", "-m", "nothing")
    install_runner(repo.top, [runner_command(runner)])
    repo.commit("one", {"a": "1"}, check=False)
    assert sorted(calls(log)) == ["ours:pre-commit", "theirs"]
    assert repo.commit_count() == 3 - exit_code
    again = install_native(git(repo), stages=["pre-commit"], command=ours)
    assert [file.name for file in again.unchanged] == ["pre-commit.legacy"]
    uninstall_native(git(repo))
    log.write_text("", encoding="utf-8")
    repo.commit("two", {"a": "2"})
    assert calls(log) == ["theirs"]


def test_the_runner_that_is_on_the_path(tmp_path: Path) -> None:
    assert find_runner(str(tmp_path)) == (sys.executable, "-m", "pre_commit")
    script(tmp_path / "prek", "exit 0")
    assert find_runner(str(tmp_path)) == ("prek",)
    script(tmp_path / "pre-commit", "exit 0")
    assert find_runner(str(tmp_path)) == ("pre-commit",)


def test_the_file_that_the_runner_reads(tmp_path: Path) -> None:
    assert config_path(tmp_path).name == ".pre-commit-config.yaml"
    (tmp_path / ".pre-commit-config.yml").touch()
    assert config_path(tmp_path).name == ".pre-commit-config.yml"
    (tmp_path / ".pre-commit-config.yaml").touch()
    assert config_path(tmp_path).name == ".pre-commit-config.yaml"
    (tmp_path / "prek.toml").touch()
    with pytest.raises(CannotJudgeError, match=r"prek\.toml") as caught:
        config_path(tmp_path, rev="v1")
    pasted = tomli.loads(caught.value.findings[0].help.partition("\n")[2])
    assert pasted["default_install_hook_types"] == list(HOOK_TYPES)
    ids = [hook["id"] for hook in pasted["repos"][0]["hooks"]]
    assert ids == ["orchestrator", "orchestrator-commit-msg", "orchestrator-pre-push"]


def test_the_runner_installs_all_types_of_a_new_configuration(repo: Repository) -> None:
    repo.write(".pre-commit-config.yaml", add_to_pre_commit_config(None, rev="v1").text)
    done = install_runner(repo.top, [sys.executable, "-m", "pre_commit"])
    assert "pre-commit installed at" in done.output
    assert set(HOOK_TYPES) <= set(snapshot(repo.top / ".git/hooks"))


def test_the_words_of_a_runner_that_refuses_are_passed_on(repo: Repository) -> None:
    repo.git("config", "core.hooksPath", ".githooks")
    with pytest.raises(CannotJudgeError, match="pre-commit install failed") as caught:
        install_runner(repo.top, [sys.executable, "-m", "pre_commit"])
    (finding,) = caught.value.findings
    assert any("Cowardly refusing" in note for note in finding.notes)
    assert finding.help.startswith("orchestrator install --native")


def test_a_runner_that_cannot_be_started(repo: Repository, tmp_path: Path) -> None:
    with pytest.raises(CannotJudgeError, match="could not be started"):
        install_runner(repo.top, [str(tmp_path / "missing")])
