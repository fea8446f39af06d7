"""``import`` as a person uses it: files in, a plan that can be adopted out, or nothing at all."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import ORCHESTRATOR, assert_in_step, box
from tests.support import Repository, run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.e2e.conftest import InProcess, Maker

    Import = Callable[..., subprocess.CompletedProcess[str]]

BREAKDOWN = """\
## Feature: Shop

### Phase 1: Catalogue (No dependencies)
**Tasks:**
- [x] Task 1.1: Table of products
- [ ] Task 1.2: Search

**Estimated**: 2-3 hours
**Files**: db/products.sql, src/search.py

### Phase 2: Basket (Depends on Phase 1)
**Tasks:**
- Task 2.1: Put in
- Task 2.2: Take out

**Estimated**: 1 day
**Files**: src/basket.py
"""
FORMATS: Mapping[str, tuple[str, str]] = {
    "method": ("plan.md", BREAKDOWN),
    "spec-kit": (
        "tasks.md",
        ("# Tasks: Shop\n\n## Phase 1: Setup\n\n- [x] T001 Make src/shop.py\n- [ ] T002 [P] Write tests/shop.py\n\n"
        "## Phase 2: User Story 1 - Basket\n\n- [ ] T003 [US1] Put in, src/basket.py (depends on T001)\n"),
    ),
    "openspec": ("tasks.md", "## 1. Catalogue\n- [x] 1.1 Table\n- [ ] 1.2 Search\n\n## 2. Basket\n- [ ] 2.1 Put in\n"),
    "task-master": (
        "tasks.json",
        json.dumps(
            {
                "master": {
                    "tasks": [
                        {"id": 1, "title": "Table", "status": "done", "dependencies": []},
                        {
                            "id": 2, "title": "Basket", "status": "pending", "dependencies": [1],
                            "subtasks": [{"id": 1, "title": "Put in", "status": "pending"}],
                        },
                    ]
                }
            }
        ),
    ),
    "beads": (
        "issues.jsonl",
        ('{"id": "a-1", "title": "Catalogue", "status": "open", "issue_type": "epic"}\n'
        '{"id": "a-2", "title": "Table", "status": "closed", "issue_type": "task",'
        ' "dependencies": [{"issue_id": "a-2", "depends_on_id": "a-1", "type": "parent-child"}]}\n'
        '{"id": "a-3", "title": "Search", "status": "open", "issue_type": "task"}\n'),
    ),
    "checklist": ("TODO.md", "# Shop\n\n## Catalogue\n\n- [x] Table\n- [ ] Search\n\n## Basket\n\n- [ ] Put in\n"),
}  # fmt: skip


@pytest.fixture
def brought_in(in_process: InProcess) -> Import:
    """The finished ``orchestrator import ARGUMENTS`` in a repository."""
    return lambda repo, *arguments: in_process(repo, "import", *arguments)


def in_a_process(repo: Repository, file: str | Path) -> subprocess.CompletedProcess[str]:
    """The same as a process, which can be ended if it waits for ever."""
    return run([*ORCHESTRATOR, "import", file], cwd=repo.top, check=False)


def assert_nothing_is_there(repo: Repository, done: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "  help: " in done.stderr or "Usage:" in done.stderr
    assert "Traceback" not in done.stderr
    assert repo.git("ls-files", "-s").stdout == ""
    assert [file.name for file in repo.top.iterdir() if file.name != ".git"] == []


def test_the_breakdown_of_the_method_becomes_a_plan_that_is_adopted(
    make: Maker, tmp_path: Path, brought_in: Import, in_process: InProcess
) -> None:
    repo = make.hooked("native")
    file = tmp_path / "breakdown.md"
    file.write_bytes(BREAKDOWN.replace("\n", "\r\n").encode())
    done = brought_in(repo, file)
    assert done.returncode == 0, done.stderr
    assert "method: Shop, 2 phases, 4 tasks, 1 of them done\nnot carried: 0\n" in done.stdout
    assert repo.status() == ["A  PLAN.md", "A  plan.lock", "A  plan.toml"]
    assert repo.read("plan.toml") == (
        'version = 1\n\n[feature]\ntitle = "Shop"\n\n'
        '[[phase]]\nid = "catalogue"\ntitle = "Catalogue"\ndepends_on = []\nestimate = "2-3 hours"\n'
        'files = ["db/products.sql", "src/search.py"]\n\n'
        '[[phase.task]]\nid = "1.1"\ntitle = "Table of products"\n\n'
        '[[phase.task]]\nid = "1.2"\ntitle = "Search"\n\n'
        '[[phase]]\nid = "basket"\ntitle = "Basket"\ndepends_on = ["catalogue"]\nestimate = "1 day"\n'
        'files = ["src/basket.py"]\n\n'
        '[[phase.task]]\nid = "2.1"\ntitle = "Put in"\n\n'
        '[[phase.task]]\nid = "2.2"\ntitle = "Take out"\n'
    )
    assert in_process(repo, "lint").returncode == 0
    repo.commit("feat: [plan] adopt")
    assert_in_step(repo)
    assert box(repo, "1.1") == "- [x] Task 1.1: Table of products ✓"
    refused = repo.commit("feat: [Basket] too early", {"src/basket.py": "x = 1\n"}, check=False)
    assert "error[phase-locked]" in refused.stderr
    assert in_process(repo, "verify", "HEAD").returncode == 0


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_seen_and_read(repo: Repository, tmp_path: Path, name: str, brought_in: Import) -> None:
    file_name, text = FORMATS[name]
    file = tmp_path / file_name
    file.write_text(text, encoding="utf-8")
    seen = brought_in(repo, file, "--json", "--dry-run")
    assert seen.returncode == 0, seen.stderr
    told = json.loads(seen.stdout)
    assert (told["format"], told["done"], told["written"]) == (name, 1, [])
    assert list(told["marks"].values()) == ["done"]
    assert repo.status() == []
    done = brought_in(repo, "--format", name, file)
    assert done.returncode == 0, done.stderr
    assert repo.read("plan.toml") == told["plan"]
    assert repo.read("PLAN.md").count("- [x]") == 1
    assert repo.read("PLAN.md").count("- [ ]") == told["tasks"] - 1
    repo.commit("adopt")
    assert repo.status() == []


def test_a_folder_of_task_files(repo: Repository, tmp_path: Path, brought_in: Import) -> None:
    folder = tmp_path / "backlog/tasks"
    folder.mkdir(parents=True)
    for number, status in ((1, "Done"), (2, "To Do")):
        text = f"---\nid: task-{number}\ntitle: Part {number}\nstatus: {status}\n---\n\n## Description\n\nWords.\n"
        (folder / f"task-{number} - Part.md").write_text(text, encoding="utf-8")
    done = brought_in(repo, tmp_path / "backlog")
    assert "backlog: " in done.stdout, done.stderr
    assert "2 tasks, 1 of them done" in done.stdout
    assert "- [x] Task task-1: Part 1 ✓\n- [ ] Task task-2: Part 2\n" in repo.read("PLAN.md")


def test_a_dry_run_gives_the_plan_alone(repo: Repository, tmp_path: Path, brought_in: Import) -> None:
    (tmp_path / "b.md").write_text(BREAKDOWN, encoding="utf-8")
    done = brought_in(repo, tmp_path / "b.md", "--dry-run")
    assert done.stdout.startswith("version = 1\n")
    assert "method: Shop" in done.stderr
    assert repo.status() == []


def test_what_could_not_be_carried_is_told_by_line(repo: Repository, tmp_path: Path, brought_in: Import) -> None:
    text = "# Shop\n\n## Catalogue\n\n- [x] Table [draft]\n- [?] Search\n- [ ] \x1b[31mred\x1b[0m\n\nProse.\n"
    (tmp_path / "t.md").write_text(text, encoding="utf-8")
    done = brought_in(repo, tmp_path / "t.md")
    assert done.returncode == 0, done.stderr
    lines = [line.strip().removeprefix(str(tmp_path)) for line in done.stdout.splitlines()]
    for number in (5, 6, 7, 9):
        assert [line for line in lines if line.startswith(f"/t.md:{number}: ")], (number, lines)
    assert "\x1b" not in done.stdout
    assert "- [x] Task 1.1: Table (draft) ✓\n- [ ] Task 1.2: Search\n" in repo.read("PLAN.md")


def test_what_stands_in_titles_and_names_is_never_run(repo: Repository, tmp_path: Path, brought_in: Import) -> None:
    text = "# T\n\n## P $(touch ran)\n\n- [ ] `touch ran` ; touch ran in `../ran` and `.git/config`\n"
    (tmp_path / "t;touch ran.md").write_text(text, encoding="utf-8")
    assert brought_in(repo, tmp_path / "t;touch ran.md").returncode == 0
    assert sorted(file.name for file in repo.top.iterdir()) == [".git", "PLAN.md", "plan.lock", "plan.toml"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"Prose alone.\n", 3, "no task was found"),
        (b"", 3, "no task was found"),
        (b"\x7fELF\0\0", 3, "this is no text"),
        (b"- [ ] caf\xe9\n", 3, "this is not UTF-8"),
        (b'{"master": {"tasks": [', 3, ""),
        (b"".join([b"  " * n + b"- [ ] t\n" for n in range(900)]), 3, "nested too deep"),
        (b"- [ ] t" + b"y" * 3_000_000, 3, "this has 3000007 characters; at most 2097152 of Markdown are read"),
        (b"# h\n" * 60_000 + b"- [ ] t\n", 3, "this has 60001 lines; at most 50000 of Markdown are read"),
        (
            b"- [x] a\n<<<<<<< HEAD\n- [x] b\n=======\n- [ ] b\n>>>>>>> side\n",
            3,
            "a conflict of a merge is not settled",
        ),
        ("- [ ] t\n".encode("utf-16"), 3, "this is UTF-16 or UTF-32, not UTF-8"),
    ],
)
def test_nothing_is_written_of_what_cannot_be_read(
    repo: Repository, tmp_path: Path, data: bytes, code: int, words: str, brought_in: Import
) -> None:
    (tmp_path / "x").write_bytes(data)
    assert_nothing_is_there(repo, brought_in(repo, tmp_path / "x"), code, words)


def test_an_index_that_cannot_be_written_leaves_nothing_behind(
    repo: Repository, tmp_path: Path, brought_in: Import
) -> None:
    (tmp_path / "b.md").write_text(BREAKDOWN, encoding="utf-8")
    lock = repo.top / ".git/index.lock"
    lock.touch()
    done = brought_in(repo, tmp_path / "b.md")
    assert done.returncode == 3
    assert "index.lock': File exists." in done.stderr
    assert "\\x0a" not in done.stderr
    assert [file.name for file in repo.top.iterdir()] == [".git"]
    lock.unlink()
    assert brought_in(repo, tmp_path / "b.md").returncode == 0


@pytest.mark.parametrize("name", ["plan.toml", "PLAN.md", "plan.lock"])
def test_a_folder_where_a_file_has_to_be_leaves_all_as_it_was(
    repo: Repository, tmp_path: Path, name: str, brought_in: Import
) -> None:
    (tmp_path / "b.md").write_text(BREAKDOWN, encoding="utf-8")
    (repo.top / name).mkdir()
    done = brought_in(repo, tmp_path / "b.md")
    assert done.returncode == 3
    assert f"{name} must be a regular file" in done.stderr
    assert sorted(file.name for file in repo.top.iterdir()) == [".git", name]
    assert repo.git("ls-files").stdout == ""


def test_what_cannot_be_finished_is_taken_back(repo: Repository, tmp_path: Path, brought_in: Import) -> None:
    """The last of the three is in the way only when the others are written: the user's files are as they were."""
    (tmp_path / "b.md").write_text(BREAKDOWN, encoding="utf-8")
    repo.write("PLAN.md", "# Mine\n\n<!-- orchestrator:begin -->\nno end\n")
    before = repo.status()
    done = brought_in(repo, tmp_path / "b.md")
    assert done.returncode == 3, done.stdout
    assert (repo.status(), repo.read("PLAN.md")) == (before, "# Mine\n\n<!-- orchestrator:begin -->\nno end\n")


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("link", [False, True])
def test_a_pipe_is_refused_and_not_waited_for(repo: Repository, tmp_path: Path, inside: bool, link: bool) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    if link:
        (tmp_path / "link.md").symlink_to(tmp_path / "pipe.md")
    name = tmp_path if inside else tmp_path / ("link.md" if link else "pipe.md")
    assert_nothing_is_there(repo, in_a_process(repo, name), 3, "this is no regular file")


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "/dev/tty"])
def test_a_device_is_refused(repo: Repository, name: str) -> None:
    done = in_a_process(repo, name)
    assert "this is no regular file" in done.stderr or "cannot be read" in done.stderr
    assert_nothing_is_there(repo, done, done.returncode or 1, "")


def test_a_folder_without_markdown_is_refused_by_its_name(repo: Repository, tmp_path: Path, brought_in: Import) -> None:
    (tmp_path / "tasks.json").write_text("{}", encoding="utf-8")
    done = brought_in(repo, tmp_path)
    assert_nothing_is_there(repo, done, 3, f"there is no Markdown file (*.md) in {tmp_path}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.md"], "cannot be read: No such file"),
        ([], "Missing argument"),
        ([__file__, "--format", "tasks"], 'there is no format "tasks"'),
        ([__file__, "--format", "beads", "--tag", "x"], "--tag is for task-master alone"),
    ],
)
def test_wrong_usage(repo: Repository, arguments: list[str], words: str, brought_in: Import) -> None:
    assert_nothing_is_there(repo, brought_in(repo, *arguments), 2, words)


@pytest.mark.parametrize("stage", [True, False])
def test_a_plan_that_is_there_is_not_replaced(
    repo: Repository, tmp_path: Path, stage: bool, brought_in: Import
) -> None:
    (tmp_path / "b.md").write_text(BREAKDOWN, encoding="utf-8")
    repo.write("plan.toml", "mine\n")
    if stage:
        repo.git("add", "plan.toml")
    before = repo.status()
    done = brought_in(repo, tmp_path / "b.md")
    assert done.returncode == 3
    assert "plan.toml is here already" in done.stderr
    assert (repo.read("plan.toml"), repo.status()) == ("mine\n", before)


def test_a_list_that_was_kept_by_hand_stays(repo: Repository, brought_in: Import) -> None:
    """PLAN.md itself may be what is brought in; what stands in it is the user's."""
    repo.write("PLAN.md", "# My plan\n\n- [x] One\n- [ ] Two\n")
    done = brought_in(repo, "PLAN.md")
    assert done.returncode == 0, done.stderr
    text = repo.read("PLAN.md")
    assert text.startswith("# My plan\n\n- [x] One\n- [ ] Two\n")
    assert "- [x] Task 1.1: One ✓\n- [ ] Task 1.2: Two\n" in text
    assert repo.status() == ["A  PLAN.md", "A  plan.lock", "A  plan.toml"]
