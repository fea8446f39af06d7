"""Gates test what is staged, or it is said that they did not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import printable
from orchestrator.core.plan import Gate
from orchestrator.gate_runs.inputs import WorkTreeCheck
from orchestrator.git import Git
from tests.git.gate_support import Watcher, job, python, run, run_one, staged
from tests.support import Repository

if TYPE_CHECKING:
    from collections.abc import Callable

PASS = Gate("pass", "true")


@pytest.fixture
def full(repo: Repository) -> Repository:
    """A repository with a file of each kind."""
    repo.add({"src/a.py": "a\n", "src/b.py": "b\n", "src/deep/er/c.py": "c\n", "run.sh": "#!/bin/sh\n", "o.txt": "o\n"})
    (repo.top / "run.sh").chmod(0o755)
    (repo.top / "link").symlink_to("src/a.py")
    (repo.top / "nowhere").symlink_to("/does/not/exist")
    repo.git("add", "-A")
    return repo


def _remove(top: Path) -> None:
    (top / "src/a.py").unlink()


def _behind_link(top: Path) -> None:
    (top / "src").rename(top.parent / "elsewhere")
    (top / "src").symlink_to(top.parent / "elsewhere")


def _link_to_same(top: Path) -> None:
    (top / "src/a.py").rename(top.parent / "a.py")
    (top / "src/a.py").symlink_to(top.parent / "a.py")


def _pipe(top: Path) -> None:
    (top / "src/a.py").unlink()
    os.mkfifo(top / "src/a.py")


def _retarget(top: Path) -> None:
    (top / "link").unlink()
    (top / "link").symlink_to("src/b.py")


def _unlink_link(top: Path) -> None:
    (top / "link").unlink()
    (top / "link").write_text("src/a.py", encoding="utf-8")


def _folder_for_file(top: Path) -> None:
    (top / "o.txt").unlink()
    (top / "o.txt").mkdir()


def _file_for_folder(top: Path) -> None:
    for name in ("a.py", "b.py", "deep/er/c.py"):
        (top / "src" / name).unlink()
    (top / "src/deep/er").rmdir()
    (top / "src/deep").rmdir()
    (top / "src").rmdir()
    (top / "src").write_text("", encoding="utf-8")


UNCLEAN: dict[str, tuple[Callable[[Path], object], str]] = {
    "edited": (lambda top: (top / "src/a.py").write_text("A\n", encoding="utf-8"), "src/a.py differs"),
    "removed": (_remove, "src/a.py is missing"),
    "executable": (lambda top: (top / "o.txt").chmod(0o755), "o.txt has another executable bit"),
    "not executable": (lambda top: (top / "run.sh").chmod(0o644), "run.sh has another executable bit"),
    "folder behind a symlink": (_behind_link, "src/a.py is missing, src/b.py is missing"),
    "symlink to the same content": (_link_to_same, "src/a.py is no regular file"),
    "named pipe": (_pipe, "src/a.py is no regular file"),
    "symlink with another target": (_retarget, "link differs"),
    "file in place of a symlink": (_unlink_link, "link is no symlink"),
    "folder in place of a file": (_folder_for_file, "o.txt is no regular file"),
    "file in place of a folder": (_file_for_folder, "src/a.py is missing"),
    "untracked": (lambda top: (top / "new\x1b.py").write_text("", encoding="utf-8"), "new\\x1b.py is untracked"),
}


@pytest.mark.parametrize("case", UNCLEAN)
def test_unclean_before(full: Repository, case: str) -> None:
    change, expected = UNCLEAN[case]
    watcher = Watcher()
    jobs = [job(full, Gate("g", "echo ran >> ../ran"))]
    change(full.top)
    (result,) = run(full, *jobs, watcher=watcher)
    assert result.status == "unclean"
    assert result.reason.startswith("not started")
    assert expected in result.reason
    assert "stage, stash or ignore" in result.reason
    assert not (full.top.parent / "ran").exists()
    assert watcher.events == [("unclean", "g")]


def test_clean(full: Repository) -> None:
    assert run_one(full, PASS).status == "passed"


def test_stat_information_alone_is_no_difference(full: Repository) -> None:
    os.utime(full.top / "src/a.py", (1, 1))
    assert run_one(full, PASS).status == "passed"


def test_assumed_unchanged_is_looked_at(full: Repository) -> None:
    full.git("update-index", "--assume-unchanged", "src/a.py")
    full.write("src/a.py", "A\n")
    assert run_one(full, PASS).status == "unclean"


def test_only_own_inputs_count(full: Repository) -> None:
    full.write("o.txt", "changed\n")
    full.write("new.txt", "new\n")
    assert run_one(full, PASS, "src").status == "passed"


def test_ignored_file_is_fine(full: Repository) -> None:
    full.add({".gitignore": "*.log\n"})
    full.write("src/x.log", "x")
    assert run_one(full, PASS).status == "passed"


def test_own_files_are_never_inputs(full: Repository) -> None:
    full.add({"plan.toml": "1\n"})
    full.write("plan.toml", "2\n")
    full.write("PLAN.md", "untracked\n")
    assert run_one(full, PASS).status == "passed"


def test_untracked_in_a_repository_of_its_own(full: Repository) -> None:
    Repository.init(full.top / "src" / "nested").commit("x", {"deep/x.py": "x\n"})
    result = run_one(full, PASS, "src")
    assert (result.status, "src/nested/deep/x.py is untracked" in result.reason) == ("unclean", True)


def test_reason_is_bounded(full: Repository) -> None:
    for number in range(9):
        full.write(f"new{number}.py", "")
    reason = run_one(full, PASS).reason
    assert "new2.py is untracked, 6 more; stage" in reason
    assert "new3.py" not in reason


def test_changed_by_the_gate(full: Repository) -> None:
    result = run_one(full, Gate("fix", "echo fixed > src/a.py"))
    assert (result.status, result.exit_code) == ("unclean", 0)
    assert result.reason.startswith("after the run")
    assert "src/a.py differs" in result.reason


def test_changed_by_a_failing_gate(full: Repository) -> None:
    result = run_one(full, Gate("fix", "echo fixed > src/a.py; exit 3"))
    assert (result.status, result.exit_code) == ("unclean", 3)
    assert result.reason.endswith("; exit 3")


def test_untracked_file_made_by_the_gate(full: Repository) -> None:
    result = run_one(full, Gate("gen", "echo x > src/gen.py"))
    assert (result.status, "src/gen.py is untracked" in result.reason) == ("unclean", True)


def test_changed_by_another_gate(full: Repository) -> None:
    writer = job(full, Gate("writer", "echo x > src/a.py; echo done > ../fifo"), "o.txt")
    # Waits for the writer, so that it certainly runs meanwhile.
    reader = job(full, Gate("reader", "cat ../fifo"), "src")
    os.mkfifo(full.top.parent / "fifo")
    results = run(full, writer, reader, side_by_side=2)
    assert [result.status for result in results] == ["passed", "unclean"]


def test_what_one_gate_breaks_the_next_is_not_started_on(full: Repository) -> None:
    results = run(full, job(full, Gate("writer", "echo x > src/a.py"), "o.txt"), job(full, PASS, "src"))
    assert [result.status for result in results] == ["passed", "unclean"]
    assert results[1].reason.startswith("not started")


def test_line_ends_as_git_stores_them(full: Repository) -> None:
    full.git("config", "core.autocrlf", "true")
    full.write("src/a.py", "a\r\n")
    assert run_one(full, PASS).status == "passed"
    full.write("src/a.py", "b\r\n")
    assert run_one(full, PASS).status == "unclean"


def test_stored_crlf_stays_clean_under_autocrlf(full: Repository) -> None:
    full.add({"dos.txt": "a\r\n"})
    full.git("config", "core.autocrlf", "true")
    assert run_one(full, PASS).status == "passed"


def test_clean_filter(full: Repository) -> None:
    full.git("config", "filter.upper.clean", "tr a-z A-Z")
    full.git("config", "filter.upper.required", "true")
    full.add({".gitattributes": "*.up filter=upper\n", "x.up": "abc\n"})
    assert run_one(full, PASS).status == "passed"
    full.git("config", "filter.upper.clean", "false")
    result = run_one(full, PASS)
    assert (result.status, "x.up cannot be hashed" in result.reason) == ("unclean", True)


def test_core_filemode_false(full: Repository) -> None:
    full.git("config", "core.fileMode", "false")
    (full.top / "run.sh").chmod(0o644)
    assert run_one(full, PASS).status == "passed"


def test_core_symlinks_false(full: Repository) -> None:
    full.git("config", "core.symlinks", "false")
    (full.top / "link").unlink()
    full.write("link", "src/a.py")
    assert run_one(full, PASS).status == "passed"
    full.write("link", "src/b.py")
    assert run_one(full, PASS).status == "unclean"


def test_strange_names(full: Repository) -> None:
    names = ["new\nline", '"quoted"', "back\\slash", "tab\t", "ret\r", "ünï", "-n", " x ", ":(top)"]
    # Each has a content of its own, so that no two ids can be mixed up.
    full.add({name: f"{number}\n" for number, name in enumerate(names)})
    assert run_one(full, PASS).status == "passed"
    check = WorkTreeCheck(Git(str(full.top)), str(full.top))
    waiting = job(full, PASS)
    for name in names:
        before = full.read(name)
        full.write(name, "changed\n")
        assert check.problems([waiting]) == [f"{printable(name)} differs"]
        full.write(name, before)


def test_name_that_is_no_text(full: Repository) -> None:
    name = os.fsdecode(b"caf\xe9")
    Path(full.top / name).write_text("1\n", encoding="utf-8")
    full.git("add", "-A")
    assert run_one(full, PASS).status == "passed"
    Path(full.top / name).write_text("2\n", encoding="utf-8")
    assert "caf\\xe9 differs" in run_one(full, PASS).reason


def test_unreadable(full: Repository) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (full.top / "src/a.py").chmod(0)
    assert "src/a.py cannot be read" in run_one(full, PASS).reason


def test_sha256(tmp_path: Path) -> None:
    repo = Repository.init(tmp_path / "r", "--object-format=sha256")
    repo.write("a", "a\n")
    (repo.top / "link").symlink_to("a")
    repo.git("add", "-A")
    assert run_one(repo, PASS).status == "passed"
    repo.write("a", "b\n")
    assert run_one(repo, PASS).status == "unclean"


def test_submodule(full: Repository, tmp_path: Path) -> None:
    other = Repository.init(tmp_path / "other")
    other.commit("one", {"x": "1\n"})
    full.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.top), "sub")
    assert [item.mode for item in staged(full, "sub")] == ["160000"]
    assert run_one(full, PASS).status == "passed"
    inner = Repository(full.top / "sub")
    inner.commit("two", {"x": "2\n"})
    assert "sub is at another commit" in run_one(full, PASS).reason
    full.git("submodule", "--quiet", "deinit", "-f", "sub")
    assert run_one(full, PASS).status == "passed"
    full.write("sub/.git", "gitdir: /does/not/exist\n")
    assert "sub is at another commit" in run_one(full, PASS).reason


def test_index_of_the_commit_decides_what_is_untracked(full: Repository, tmp_path: Path) -> None:
    # As in "git commit -- path": the commit's index lacks what is only staged for later.
    full.commit("all")
    other = tmp_path / "next-index"
    other.write_bytes((full.top / ".git/index").read_bytes())
    full.add({"src/later.py": "later\n"})
    full.env["GIT_INDEX_FILE"] = str(other)
    assert "src/later.py is untracked" in run_one(full, PASS).reason


def test_each_file_is_hashed_once_a_round(full: Repository, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    full.git("config", "filter.log.clean", f"sh -c 'echo %f >> {log}; cat'")
    full.add({".gitattributes": "a.py filter=log\n"})
    full.git("add", "--renormalize", ".")
    log.write_text("", encoding="utf-8")
    wait = Gate("b", python("open('../fifo', 'rb').read()"))
    os.mkfifo(tmp_path / "fifo")
    jobs = [job(full, Gate("a", "echo > ../fifo")), job(full, wait)]
    assert [result.status for result in run(full, *jobs, side_by_side=2)] == ["passed", "passed"]
    # Once before both; after them once or twice, depending on whether they are seen to end together.
    assert len(log.read_text(encoding="utf-8").splitlines()) in {2, 3}
