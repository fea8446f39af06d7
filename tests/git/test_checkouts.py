"""Clean checkouts: exactly the commit, nothing of the user's repository touched, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import CannotJudgeError
from orchestrator.gate_runs import checkouts, janitor
from orchestrator.gate_runs.checkouts import clean_checkouts
from orchestrator.git import Git
from tests.git.gate_support import PATIENCE_S
from tests.support import Repository, run

if TYPE_CHECKING:
    from collections.abc import Callable

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the system's for temporary files."""
    folder = tmp_path / "temporary files"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))  # for programs that are started
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def ready(repo: Repository) -> Repository:
    """A repository with one commit."""
    repo.commit("one", {"a.txt": "a\n", "sub/b.txt": "b\n"})
    return repo


def git_of(repo: Repository) -> Git:
    """The Git that a command has there."""
    return Git(str(repo.top), {**os.environ, **repo.env})


def head(repo: Repository) -> str:
    """The id of HEAD's commit."""
    return repo.out("rev-parse", "HEAD")


def files_below(folder: str | Path) -> dict[str, str | bytes]:
    """The content of each file by path, ``.git`` aside; of a link, where it leads."""
    found: dict[str, str | bytes] = {}
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        for name in names:
            path = os.path.join(where, name)
            known = os.readlink(path) if os.path.islink(path) else Path(path).read_bytes()
            found[os.path.relpath(path, folder)] = known
    return found


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time of change and content of everything below the folder."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        facts = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
        found[str(path)] = (facts.st_mode, facts.st_mtime_ns, content)
    return found


def eventually(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes true in good time; what nobody can wait for is looked at again and again."""
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def processes_with(word: str | Path) -> list[int]:
    """The processes that have the word as an argument or work in such a folder, zombies aside."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
                cwd = os.readlink(f"/proc/{name}/cwd")
            except OSError:
                continue
            if os.fsencode(word) in words or cwd.startswith(f"{word}{os.sep}"):
                found.append(int(name))
    return found


# -- what is in a checkout --------------------------------------------------------------------------------------------


def test_exactly_the_commit(repo: Repository, temp: Path) -> None:
    names = {"a.txt": "a\n", "sub/b c.txt": "b\r\n", "new\nline": "", '"quoted"': "q", "run": "#!/bin/sh\n"}
    repo.add(names)
    repo.git("update-index", "--chmod=+x", "run")
    (repo.top / "link").symlink_to("sub/b c.txt")
    repo.git("add", "link")
    repo.commit("one")
    oid = head(repo)
    repo.commit("two", {"later.txt": "later\n"})
    repo.add({"staged.txt": "staged\n"})
    repo.write("a.txt", "modified\n")
    repo.write("untracked.txt", "untracked\n")
    with clean_checkouts(git_of(repo)) as place, place.checkout(oid) as git:
        assert os.path.dirname(os.path.dirname(git.top)) == os.path.realpath(temp)
        assert files_below(git.top) == {
            **{path: text.encode() for path, text in names.items()},
            "link": "sub/b c.txt",
        }
        assert os.access(os.path.join(git.top, "run"), os.X_OK)
        assert git.text("rev-parse", "HEAD") == oid
        assert git.text("write-tree") == repo.out("rev-parse", f"{oid}^{{tree}}")
        assert git.text("status", "--porcelain", "--ignored") == ""
        assert git.call("symbolic-ref", "-q", "HEAD")[0] == 1
        assert git.text("for-each-ref") == ""


def test_several_at_once(ready: Repository, temp: Path) -> None:
    first = head(ready)
    ready.commit("two", {"a.txt": "A\n"})
    with clean_checkouts(git_of(ready)) as place:
        with place.checkout(first) as one, place.checkout(head(ready)) as two, place.checkout(first) as three:
            tops = [one.top, two.top, three.top]
            assert [Path(top, "a.txt").read_text(encoding="utf-8") for top in tops] == ["a\n", "A\n", "a\n"]
            Path(one.top, "a.txt").write_text("x\n", encoding="utf-8")
            assert [git.text("status", "--porcelain") for git in (one, two, three)] == [" M a.txt", "", ""]
        assert os.listdir(place.folder) == []  # each is gone as soon as it is done with
    assert os.listdir(temp) == []


@pytest.mark.usefixtures("temp")
def test_users_repository_is_not_touched(ready: Repository) -> None:
    ready.add({"staged.txt": "staged\n"})
    ready.write("a.txt", "modified\n")
    ready.status()  # it writes down what it finds
    before = snapshot(ready.top)
    with clean_checkouts(git_of(ready)) as place, place.checkout(head(ready)) as git:
        assert snapshot(ready.top) == before
        Path(git.top, "a.txt").write_text("x\n", encoding="utf-8")
        git.run("add", ".")
        git.run("-c", "user.name=Gate", "-c", "user.email=gate@example.com", "commit", "-q", "-m", "in the checkout")
    # Git gives an object that it would have written the time of now, wherever it lies.
    after = snapshot(ready.top)
    assert [(path, mode, content) for path, (mode, _, content) in after.items()] == [
        (path, mode, content) for path, (mode, _, content) in before.items()
    ]
    assert ready.out("worktree", "list", "--porcelain").count("worktree ") == 1


@pytest.mark.usefixtures("temp")
def test_variables_of_a_hook_do_not_leak(ready: Repository) -> None:
    top = ready.top
    leaky = {
        "GIT_DIR": str(top / ".git"),
        "GIT_WORK_TREE": str(top),
        "GIT_INDEX_FILE": str(top / ".git/index"),
        "GIT_PREFIX": "sub/",
        "GIT_CONFIG_PARAMETERS": "'core.bare'='true'",
        "USERS_OWN": "stays",
    }
    before = (top / ".git/index").read_bytes()
    with clean_checkouts(Git(str(top), {**os.environ, **leaky})) as place, place.checkout(head(ready)) as git:
        assert git.text("rev-parse", "--show-toplevel") == git.top
        Path(git.top, "new.txt").write_text("new\n", encoding="utf-8")
        run(["git", "add", "new.txt"], cwd=Path(git.top), env=git.env)
        assert git.text("status", "--porcelain") == "A  new.txt"
        assert not {*leaky} - {"USERS_OWN"} & {*git.env}
        assert git.env["USERS_OWN"] == "stays"
    assert (top / ".git/index").read_bytes() == before


@pytest.mark.usefixtures("temp")
def test_no_hook_runs(ready: Repository, tmp_path: Path) -> None:
    hook = f"#!/bin/sh\necho ran >> '{tmp_path}/ran'\n"
    for folder in ("template/hooks", "hooks"):
        for name in ("post-checkout", "post-index-change", "reference-transaction"):
            file = tmp_path / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(hook, encoding="utf-8")
            file.chmod(0o755)
    env = {**os.environ, "GIT_TEMPLATE_DIR": str(tmp_path / "template")}
    with clean_checkouts(Git(str(ready.top), env)) as place, place.checkout(head(ready)) as git:
        assert not os.path.exists(os.path.join(git.top, ".git/hooks"))
    config = tmp_path / "config"
    config.write_text(f'[core]\n\thooksPath = "{tmp_path}/hooks"\n', encoding="utf-8")
    env = {**os.environ, "GIT_CONFIG_GLOBAL": str(config)}
    with clean_checkouts(Git(str(ready.top), env)) as place, place.checkout(head(ready)):
        assert not (tmp_path / "ran").exists()


# -- whose commits ----------------------------------------------------------------------------------------------------

NAMES = ["with space", "new\nline", '"quoted"', "#hash", "back\\slash", "ünï", "colon:"]


@pytest.mark.usefixtures("temp")
@pytest.mark.parametrize("name", NAMES)
def test_name_of_the_users_folder(tmp_path: Path, name: str) -> None:
    repo = Repository.init(tmp_path / name)
    repo.commit("one", {"a.txt": "a\n"})
    assert _checked_out(git_of(repo), head(repo)) == {"a.txt": b"a\n"}


def _checked_out(git: Git, oid: str) -> dict[str, str | bytes]:
    with clean_checkouts(git) as place, place.checkout(oid) as own:
        assert own.text("status", "--porcelain") == ""
        assert own.text("rev-parse", "HEAD") == oid
        own.run("rev-list", "--objects", "HEAD")  # it finds all of them
        return files_below(own.top)


@pytest.mark.usefixtures("temp")
def test_sha256(tmp_path: Path) -> None:
    repo = Repository.init(tmp_path / "repo", "--object-format=sha256")
    repo.commit("one", {"a.txt": "a\n"})
    assert len(head(repo)) == 64
    assert _checked_out(git_of(repo), head(repo)) == {"a.txt": b"a\n"}


@pytest.mark.usefixtures("temp")
def test_format_of_the_environment_does_not_matter(ready: Repository) -> None:
    env = {**os.environ, "GIT_DEFAULT_HASH": "sha256"}
    assert len(_checked_out(Git(str(ready.top), env), head(ready))) == 2


@pytest.mark.usefixtures("temp")
def test_linked_work_tree(ready: Repository, tmp_path: Path) -> None:
    ready.git("worktree", "add", "-q", "-b", "side", tmp_path / "linked")
    linked = Repository(tmp_path / "linked")
    linked.commit("two", {"a.txt": "side\n"})
    before = snapshot(ready.top)
    found = _checked_out(git_of(linked), head(linked))
    assert found == {"a.txt": b"side\n", "sub/b.txt": b"b\n"}
    assert snapshot(ready.top) == before


@pytest.mark.usefixtures("temp")
def test_submodule_as_the_users_repository(ready: Repository, tmp_path: Path) -> None:
    parent = Repository.init(tmp_path / "parent")
    parent.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", ready.top, "module")
    module = Repository(parent.top / "module")
    assert _checked_out(git_of(module), head(ready)) == {"a.txt": b"a\n", "sub/b.txt": b"b\n"}
    parent.commit("with a submodule")
    assert _checked_out(git_of(parent), head(parent)).keys() == {".gitmodules"}


@pytest.mark.usefixtures("temp")
def test_bare_repository(ready: Repository, tmp_path: Path) -> None:
    run(["git", "clone", "-q", "--bare", ready.top, tmp_path / "bare.git"], cwd=tmp_path)
    assert len(_checked_out(Git(str(tmp_path / "bare.git")), head(ready))) == 2


@pytest.mark.usefixtures("temp")
@pytest.mark.parametrize("relative", [False, True])
def test_objects_that_are_borrowed_already(ready: Repository, tmp_path: Path, relative: bool) -> None:
    run(["git", "clone", "-q", "--shared", ready.top, tmp_path / "clone"], cwd=tmp_path)
    if relative:
        alternates = tmp_path / "clone/.git/objects/info/alternates"
        alternates.write_text("../../../repo/.git/objects\n", encoding="utf-8")
    assert len(_checked_out(Git(str(tmp_path / "clone")), head(ready))) == 2


@pytest.mark.usefixtures("temp")
def test_objects_of_a_push_that_is_being_received(ready: Repository, tmp_path: Path) -> None:
    ready.commit("two", {"a.txt": "A\n"})
    oid, top = head(ready), ready.top
    # As git-receive-pack(1) has it: new objects in a place of their own, the others elsewhere.
    names = ['plain"', "with:colon", "new\nline", "back\\slash"]
    everything = top / ".git/objects"
    for name, folder in zip(names, sorted(p for p in everything.iterdir() if len(p.name) == 2), strict=False):
        (tmp_path / name).mkdir()
        folder.rename(tmp_path / name / folder.name)
    quoted = [f'"{tmp_path}/with:colon"', f'"{tmp_path}/new\\nline"', '"../back\\\\slash"']
    env = {
        **os.environ,
        "GIT_OBJECT_DIRECTORY": str(everything),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(['../plain"', *quoted]),
    }
    with pytest.raises(CannotJudgeError):
        _checked_out(Git(str(top)), oid)
    assert _checked_out(Git(str(top), env), oid) == {"a.txt": b"A\n", "sub/b.txt": b"b\n"}


@pytest.mark.usefixtures("temp")
def test_shallow_clone(ready: Repository, tmp_path: Path) -> None:
    ready.commit("two", {"a.txt": "A\n"})
    run(["git", "clone", "-q", "--depth=1", f"file://{ready.top}", tmp_path / "clone"], cwd=tmp_path)
    with clean_checkouts(Git(str(tmp_path / "clone"))) as place, place.checkout(head(ready)) as git:
        assert git.text("rev-list", "--count", "HEAD") == "1"


@pytest.mark.usefixtures("temp")
def test_partial_clone(ready: Repository, tmp_path: Path) -> None:
    ready.git("config", "uploadpack.allowFilter", "true")
    ready.git("config", "uploadpack.allowAnySHA1InWant", "true")
    options = ["--no-checkout", "--filter=blob:none", f"file://{ready.top}"]
    run(["git", "clone", "-q", *options, tmp_path / "clone"], cwd=tmp_path)
    before = snapshot(tmp_path / "clone")
    assert len(_checked_out(Git(str(tmp_path / "clone")), head(ready))) == 2
    assert snapshot(tmp_path / "clone") == before


@pytest.mark.usefixtures("temp")
def test_address_of_the_remote(ready: Repository) -> None:
    with clean_checkouts(git_of(ready)) as place, place.checkout(head(ready)) as git:
        assert git.call("config", "remote.origin.url")[0] == 1
    ready.git("remote", "add", "origin", "https://example.com/project.git")
    with clean_checkouts(git_of(ready)) as place, place.checkout(head(ready)) as git:
        assert git.text("config", "remote.origin.url") == "https://example.com/project.git"


# -- the end ----------------------------------------------------------------------------------------------------------


def test_nothing_is_left_after_an_error(ready: Repository, temp: Path) -> None:
    with pytest.raises(ZeroDivisionError), clean_checkouts(git_of(ready)) as place, place.checkout(head(ready)):
        raise ZeroDivisionError
    assert os.listdir(temp) == []


def test_unknown_commit(ready: Repository, temp: Path) -> None:
    with (
        pytest.raises(CannotJudgeError, match=r"git .*update-ref"),
        clean_checkouts(git_of(ready)) as place,
        place.checkout("1" * 40),
    ):
        raise AssertionError("there is no such commit")
    assert os.listdir(temp) == []


def test_missing_object(ready: Repository, temp: Path) -> None:
    oid = ready.out("rev-parse", "HEAD:a.txt")
    (ready.top / ".git/objects" / oid[:2] / oid[2:]).unlink()
    with (
        pytest.raises(CannotJudgeError, match=r"git .*reset"),
        clean_checkouts(git_of(ready)) as place,
        place.checkout(head(ready)),
    ):
        raise AssertionError("a file is missing")
    assert os.listdir(temp) == []


def test_no_repository(temp: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotJudgeError), clean_checkouts(Git(str(tmp_path))):
        raise AssertionError("there is no repository")
    assert os.listdir(temp) == []


def test_folder_that_cannot_be_made(ready: Repository, temp: Path) -> None:
    temp.rmdir()
    with (
        pytest.raises(CannotJudgeError, match=r"cannot make a folder for checkouts: .*No such file"),
        clean_checkouts(git_of(ready)),
    ):
        raise AssertionError("there is no place for it")


def test_folder_that_cannot_be_removed_is_told(ready: Repository, monkeypatch: pytest.MonkeyPatch, temp: Path) -> None:
    monkeypatch.setattr(checkouts, "remove_folder", lambda *_: "it is busy")
    with pytest.raises(CannotJudgeError, match="cannot be removed: it is busy"), clean_checkouts(git_of(ready)):
        pass
    with pytest.raises(ZeroDivisionError) as caught, clean_checkouts(git_of(ready)):
        raise ZeroDivisionError
    assert "it is busy" in caught.value.__notes__[0]
    assert os.listdir(temp) == []


def test_no_zombies_and_no_open_files(ready: Repository, temp: Path) -> None:
    before = set(os.listdir("/dev/fd"))
    with clean_checkouts(git_of(ready)) as place, place.checkout(head(ready)):
        assert os.listdir(temp)
    temp.rmdir()
    with pytest.raises(CannotJudgeError), clean_checkouts(git_of(ready)):
        pass
    assert set(os.listdir("/dev/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_links_are_not_followed(ready: Repository, temp: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o500)
    (kept / "file").write_text("kept\n", encoding="utf-8")
    with clean_checkouts(git_of(ready)) as place, place.checkout(head(ready)) as git:
        Path(git.top, "link").symlink_to(kept)
        Path(git.top, "dangling").symlink_to("nowhere")
        os.link(kept / "file", Path(git.top, "hard"))
    assert os.listdir(temp) == []
    assert (kept / "file").read_text(encoding="utf-8") == "kept\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o500


def test_deep_folders(ready: Repository, temp: Path) -> None:
    with clean_checkouts(git_of(ready)) as place, place.checkout(head(ready)) as git:
        # Longer than a path may be, and deeper than Python may recurse.
        code = "import os\nfor _ in range(1500): os.mkdir('deep'); os.chdir('deep'); open('file', 'w').close()"
        run([sys.executable, "-I", "-S", "-c", code], cwd=Path(git.top))
    assert os.listdir(temp) == []


# Become somebody whom modes bind, make folders that may not be written or entered, and remove them.
READ_ONLY = """
import os, sys
from orchestrator.gate_runs.janitor import remove_folder
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
top = sys.argv[1]
os.makedirs(f"{top}/sub/below")
for folder in ("sub/below", "sub", "."):
    open(f"{top}/{folder}/file", "w").close()
    os.chmod(f"{top}/{folder}/file", 0)
for folder, mode in (("sub/below", 0o000), ("sub", 0o500), (".", 0o555)):
    os.chmod(f"{top}/{folder}", mode)
try:
    open(f"{top}/new", "w")
except PermissionError:
    pass
else:
    sys.exit("modes do not bind")
sys.exit(remove_folder(top, 0.0) or 0)
"""


def test_read_only_folders() -> None:
    # Not below pytest's own folder, which is for its user alone.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o777)
        argv = [sys.executable, "-c", READ_ONLY, f"{name}/top"]
        assert run(argv, cwd=Path(ROOT), check=False, env={"PYTHONPATH": ROOT}).stderr == ""
        assert os.listdir(name) == []


def test_what_cannot_be_removed_does_not_keep_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/x", "b/stuck", "c/x", "stuck"):
        file = tmp_path / "top" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    unlink = os.unlink

    def refuse(path: str) -> None:
        if path.endswith("stuck"):
            raise PermissionError(1, "Operation not permitted", path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", refuse)
    said = janitor.remove_folder(str(tmp_path / "top"), 0.2)
    assert {os.path.basename(path) for path in files_below(tmp_path / "top")} == {"stuck"}
    monkeypatch.setattr(os, "unlink", unlink)
    assert said
    assert janitor.remove_folder(str(tmp_path / "top"), 0.0) == ""
    assert not (tmp_path / "top").exists()
    assert janitor.remove_folder(str(tmp_path / "top"), 0.0) == ""


# -- the end of this process ------------------------------------------------------------------------------------------

# A program that has a checkout, tells where, and waits for its end.
PROGRAM = """
import sys, time
from orchestrator.gate_runs import checkouts
from orchestrator.git import Git

checkouts.WATCH_S = 0.7
with checkouts.clean_checkouts(Git(sys.argv[1])) as place, place.checkout(sys.argv[2]) as git:
    print(git.top, flush=True)
    time.sleep(600)
"""


def _program(repo: Repository) -> tuple[subprocess.Popen[str], Path]:
    """The program, and its checkout."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(repo.top), head(repo)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ROOT},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdout is not None
    with program.stdout:
        return program, Path(program.stdout.readline().removesuffix("\n"))


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_signal(ready: Repository, temp: Path, number: signal.Signals) -> None:
    program, top = _program(ready)
    assert (top / "a.txt").exists()
    assert processes_with(temp)
    # A terminal sends its signals to the whole group; the janitor is in none that anyone knows, and ends by itself.
    for pid in processes_with(temp):
        if number != signal.SIGKILL:
            os.kill(pid, number)
    program.send_signal(number)
    program.wait(PATIENCE_S)
    assert eventually(lambda: not processes_with(temp))
    assert os.listdir(temp) == []


@linux
def test_late_writer_after_a_kill(ready: Repository, temp: Path) -> None:
    program, top = _program(ready)
    program.kill()
    program.wait(PATIENCE_S)
    for _ in range(2):
        assert eventually(lambda: not os.listdir(temp))
        (top / "made" / "again").mkdir(parents=True)
    assert eventually(lambda: not processes_with(temp))
    assert os.listdir(temp) == []


@linux
def test_kill_of_the_janitor(ready: Repository, temp: Path) -> None:
    with clean_checkouts(git_of(ready)) as place, place.checkout(head(ready)):
        (pid,) = processes_with(temp)
        os.kill(pid, signal.SIGKILL)
        assert place.folder
    assert os.listdir(temp) == []


@linux
def test_janitor_is_in_a_session_of_its_own(ready: Repository, temp: Path) -> None:
    with clean_checkouts(git_of(ready)):
        (pid,) = processes_with(temp)
        assert os.getsid(pid) == pid
        assert os.readlink(f"/proc/{pid}/cwd") == "/"  # it holds no folder of the user


def test_ordinary_end_of_the_janitor(temp: Path) -> None:
    argv = [sys.executable, "-I", "-S", janitor.__file__, str(temp), "600"]
    done = subprocess.run(argv, input=janitor.GOODBYE, capture_output=True, check=True, timeout=PATIENCE_S)
    assert done.stdout.startswith(os.fsencode(f"={temp}/"))
    assert os.listdir(temp) == []


def test_ordinary_end_watches_over_nothing(ready: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkouts, "WATCH_S", 3 * PATIENCE_S)
    begun = time.monotonic()
    with clean_checkouts(git_of(ready)):
        pass
    assert time.monotonic() - begun < PATIENCE_S


def test_kill_before_the_janitor_has_told(temp: Path) -> None:
    # Both of its pipes have lost their other ends already.
    argv = [sys.executable, "-I", "-S", janitor.__file__, str(temp), "0.1"]
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    assert subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=write_fd, check=True, timeout=PATIENCE_S)
    os.close(write_fd)
    assert os.listdir(temp) == []
    shutil.rmtree(temp)
