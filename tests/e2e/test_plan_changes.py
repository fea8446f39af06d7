"""Commands that edit plan.toml, where something else is under way: other commands, unstaged edits, other folders."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import tomli

from tests.e2e.support import ORCHESTRATOR
from tests.support import run

if TYPE_CHECKING:
    from tests.e2e.support import Adopted, Orchestrator


@pytest.fixture
def here(native: Adopted, monkeypatch: pytest.MonkeyPatch) -> Adopted:
    """A repository that has adopted the plan; the current folder is its top."""
    monkeypatch.chdir(native.top)
    return native


def test_commands_at_the_same_time_all_have_their_way(here: Adopted) -> None:
    texts = [f"number {number}?" for number in range(4)]
    commands = [
        *[[*ORCHESTRATOR, "ask", text, "--blocks", "api"] for text in texts],
        [*ORCHESTRATOR, "done", "1.2"],
    ]
    running = [subprocess.Popen(command, cwd=here.top, stdout=subprocess.PIPE) for command in commands]
    said = [process.communicate()[0].decode() for process in running]
    assert [process.returncode for process in running] == [0] * len(running), said
    asked = tomli.loads(here.staged("plan.toml") or "")["question"]
    assert sorted(question["text"] for question in asked) == texts
    assert {question["id"] for question in asked} == {"Q1", "Q2", "Q3", "Q4"}
    assert all(f"question {question['id']}: " in said[texts.index(question["text"])] for question in asked)
    assert "- [x] Task 1.2: Settings agreed" in (here.staged("PLAN.md") or "")
    assert here.status() == ["M  PLAN.md", "M  plan.toml"]


def test_the_commit_that_is_proposed_works_in_a_folder_below_the_top(
    here: Adopted, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.add({"sub/notes.txt": "x\n"})
    monkeypatch.chdir(here.top / "sub")
    done = orchestrator("ask", "Cookies?", "--blocks", "api")
    command = done.out.splitlines()[-1].removeprefix("next: ")
    run(["bash", "-c", command], cwd=here.top / "sub", env=here.env)
    assert here.status() == ["A  sub/notes.txt"]
    assert 'text = "Cookies?"' in here.head("plan.toml")


def test_an_index_of_ones_own_is_looked_for_from_the_top_as_git_does(
    here: Adopted, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.top / ".git/other").write_bytes((here.top / ".git/index").read_bytes())
    (here.top / "sub").mkdir()
    monkeypatch.chdir(here.top / "sub")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/other")
    done = orchestrator("ask", "Cookies?", "--blocks", "api")
    assert done.code == 0, done.err
    assert "Cookies?" in (here.staged("plan.toml") or "")


def test_a_note_that_is_not_staged_stays_while_the_plan_is_changed_twice(
    here: Adopted, orchestrator: Orchestrator
) -> None:
    assert orchestrator("ask", "Cookies?", "--blocks", "api").code == 0
    line = "- [ ] Task 1.1: Users table\n"
    here.write("PLAN.md", here.read("PLAN.md").replace(line, f"{line}  my note\n"))
    done = orchestrator("answer", "Q1", "Yes")
    assert done.code == 0, done.err
    assert here.status() == ["MM PLAN.md", "M  plan.toml"]
    assert f"{line}  my note\n" in here.read("PLAN.md")
    assert "- Question Q1: Cookies? (answered: Yes)\n" in here.read("PLAN.md")
    assert "my note" not in (here.staged("PLAN.md") or "")


def test_the_mode_of_the_plan_stays(here: Adopted, orchestrator: Orchestrator) -> None:
    (here.top / "plan.toml").chmod(0o755)
    here.git("add", "plan.toml")
    here.git("commit", "-q", "-m", "feat: [plan] mode")
    assert orchestrator("ask", "Cookies?", "--blocks", "api").code == 0
    assert here.out("ls-files", "-s", "plan.toml").startswith("100755 ")
    assert here.status() == ["M  PLAN.md", "M  plan.toml"]


def test_a_plan_in_conflict_is_not_taken_for_none(here: Adopted, orchestrator: Orchestrator) -> None:
    here.git("switch", "-q", "-c", "side")
    for branch in ("side", "main"):
        here.git("switch", "-q", branch)
        assert orchestrator("ask", f"From {branch}?", "--blocks", "api").code == 0
        here.git("commit", "-q", "-m", "feat: [plan] ask")
    assert here.git("merge", "side", check=False).returncode == 1
    for command in (("ask", "More?"), ("status",)):
        said = orchestrator(*command)
        assert said.code == 3
        assert "plan.toml is in conflict" in said.err
        assert "help: resolve it, then: git add plan.toml && orchestrator sync" in said.err


@pytest.mark.parametrize(
    "command",
    [
        ("ask", "bad \udcff"),
        ("ask", "bad", "--blocks", "\udcff"),
        ("block", "api", "--why", "bad \udcff"),
        ("answer", "Q\udcff", "x"),
        ("controls", "add", "web", "--phase", "\udcff"),
    ],
)
def test_bytes_that_are_no_text_are_refused(
    here: Adopted, orchestrator: Orchestrator, command: tuple[str, ...]
) -> None:
    before = here.state()
    said = orchestrator(*command)
    assert said.code == 2
    assert "\\xff" in said.err
    assert here.state() == before


def test_controls_take_only_text(here: Adopted, orchestrator: Orchestrator) -> None:
    assert orchestrator("controls", "add", "web", "--phase", "api").code == 0
    before = here.state()
    for values in (
        ("resolve", "S1", "\udcff"),
        ("check", "S1", "\udcff"),
        ("waive", "S1", "--why", "x", "--who", "\udcff"),
    ):
        said = orchestrator("controls", *values)
        assert said.code == 2
        assert "\\xff" in said.err
    assert here.state() == before


@pytest.mark.parametrize("command", [("ask", "Cookies?"), ("done", "1.2"), ("controls", "add", "web")])
def test_where_another_git_holds_the_index_nothing_is_left_behind(
    here: Adopted, orchestrator: Orchestrator, command: tuple[str, ...]
) -> None:
    here.write("PLAN.md", "My text\n" + here.read("PLAN.md"))
    lock = here.git_path("index.lock")
    before = here.state()
    lock.touch()
    done = orchestrator(*command)
    lock.unlink()
    assert done.code == 3
    assert "index.lock': File exists" in done.err
    assert here.state() == before
    assert orchestrator(*command).code == 0
    assert "Q2" not in here.read("plan.toml")
