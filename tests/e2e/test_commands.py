"""The commands, each run on a real repository; their answers as text and as JSON, and their exit codes."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import jsonschema
import pytest
import tomli

from orchestrator.app import commit as committing
from orchestrator.app import validate as validation
from orchestrator.core.commit_options import CommitOptions
from orchestrator.installing.merge_driver import driver_command
from tests.e2e.support import BAD_SCHEMA, GOOD_SCHEMA, ORCHESTRATOR, PLAN, Adopted, Answer, plan_text
from tests.support import Repository, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import InProcess
    from tests.e2e.support import Orchestrator

CONFIG = """\
# our hooks
repos:
  - repo: https://example.com/other  # stays
    rev: v1
    hooks: [{id: other}]
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work tree of a repository that has adopted the plan, without hooks, to be copied."""
    repo = Repository.init(tmp_path_factory.mktemp("planned") / "repo")
    repo.write("plan.toml", PLAN)
    assert orchestrator_in(repo, "init", "--hooks", "none").code == 0
    repo.git("commit", "-q", "-m", "adopt the plan")
    return repo.top


@pytest.fixture
def planned(template: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Repository:
    """A repository that has adopted the plan, without hooks; the current folder is its top."""
    monkeypatch.setenv("GATE_LOG", str(tmp_path / "gates.log"))
    repo = Repository(tmp_path / "repo")
    shutil.copytree(template, repo.top, symlinks=True)
    repo.git("update-index", "-q", "--refresh")
    monkeypatch.chdir(repo.top)
    return repo


def orchestrator_in(repo: Repository, *arguments: str) -> Answer:
    """The answer of ``orchestrator ARGUMENTS`` as a process in the repository."""
    done = run([*ORCHESTRATOR, *arguments], cwd=repo.top, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def gate_runs() -> list[str]:
    """The gates that were started, in order."""
    log = Path(os.environ["GATE_LOG"])
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def test_init_writes_a_plan_to_fill_in_that_is_valid(
    repo: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.top)
    repo.write(".gitignore", "*.lock\n")
    assert orchestrator("init", "--hooks", "none").code == 0
    assert repo.status() == ["A  PLAN.md", "A  plan.lock", "A  plan.toml", "?? .gitignore"]
    assert orchestrator("lint", "--json").json["errors"] == 0
    again = orchestrator("init", "--hooks", "none")
    assert again.code == 3
    assert "plan.toml is here and staged already" in again.err


def test_init_then_edit_then_commit(
    repo: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.top)
    assert orchestrator("init", "--hooks", "native").code == 0
    repo.write("plan.toml", repo.read("plan.toml").replace("First task", "The very first task"))
    repo.git("add", "plan.toml")
    repo.git("commit", "-q", "-m", "adopt", env={"PATH": path_with_hook()})
    assert "Task 1.1: The very first task" in repo.head("PLAN.md")
    assert repo.status() == []


def path_with_hook() -> str:
    """A PATH on which the hook's entry is found."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def test_init_takes_a_plan_and_a_list_kept_by_hand(
    repo: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(repo.top)
    plan = tmp_path / "the plan.toml"
    plan.write_text(PLAN, encoding="utf-8")
    mine = "# Mine\n\n- [x] Task 1.2: Settings agreed\n- [ ] buy milk\n"
    repo.write("PLAN.md", mine)
    assert orchestrator("init", "--hooks", "none", "--from", str(plan)).code == 0
    assert repo.read("plan.toml") == PLAN
    assert repo.read("PLAN.md").startswith(mine)
    assert "- [x] Task 1.2: Settings agreed ✓\n" in repo.read("PLAN.md")
    assert repo.staged("PLAN.md") == repo.read("PLAN.md")


def test_init_with_an_invalid_plan_writes_nothing(
    repo: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(repo.top)
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.replace('id = "api"', 'id = "foundation"'), encoding="utf-8")
    answer = orchestrator("init", "--from", str(plan))
    assert answer.code == 3
    assert "error[plan-invalid]" in answer.err
    assert repo.status() == []
    assert os.listdir(repo.top) == [".git"]


def test_init_adds_its_hooks_to_a_configuration_and_installs_them(
    repo: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.top)
    repo.write(".pre-commit-config.yaml", CONFIG)
    monkeypatch.setenv("PATH", path_with_hook())
    answer = orchestrator("init", "--repo", "https://example.com/orchestrator", "--rev", "v9")
    assert answer.code == 0, answer.err
    text = repo.read(".pre-commit-config.yaml")
    for line in CONFIG.splitlines():
        assert line in text.splitlines()
    assert text.index("example.com/other") < text.index("example.com/orchestrator")
    hooks = sorted(name for name in os.listdir(repo.top / ".git/hooks") if not name.endswith(".sample"))
    assert hooks == ["commit-msg", "pre-commit", "pre-merge-commit", "pre-push"]


@pytest.mark.parametrize("staged", ["# mine\n" + CONFIG, "repos: []\n", "a: [\n"])
def test_install_stages_its_entry_and_no_edit_of_the_user(
    repo: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, staged: str
) -> None:
    monkeypatch.chdir(repo.top)
    monkeypatch.setenv("PATH", path_with_hook())
    name = ".pre-commit-config.yaml"
    repo.commit("a", {name: staged})
    repo.write(name, "# not staged\n" + CONFIG)
    for _ in range(2):  # the second time there is nothing to add
        answer = orchestrator("install", "--repo", "https://example.com/orchestrator", "--rev", "v9")
        assert answer.code == 0, answer.err
        assert f"{name} has edits that are not staged; before you commit: git add {name}" in answer.out
        now = str(repo.staged(name))
        assert "# not staged" not in now
        assert ("id: orchestrator-commit-msg" in now) == (staged != "a: [\n")
        assert ("# mine" in now) == ("# mine" in staged)
        assert "id: orchestrator-commit-msg" in repo.read(name)
    repo.git("add", name)
    assert "not staged;" not in orchestrator("install").out


def test_native_hooks_come_and_go(planned: Repository, orchestrator: Orchestrator) -> None:
    old = planned.write(".git/hooks/commit-msg", "#!/bin/sh\necho mine\n")
    old.chmod(0o755)
    answer = orchestrator("install", "--native", "--json")
    assert answer.code == 0
    assert len(answer.json["written"]) == 4
    assert old.read_text(encoding="utf-8") != "#!/bin/sh\necho mine\n"
    assert orchestrator("uninstall", "--native").code == 0
    assert old.read_text(encoding="utf-8") == "#!/bin/sh\necho mine\n"
    assert not (planned.top / ".git/hooks/pre-commit").exists()


@pytest.mark.parametrize("arguments", [("status",), ("next",), ("validate",), ("sync",), ("done", "1.1"), ("lint",)])
def test_without_a_plan(
    repo: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(repo.top)
    answer = orchestrator(*arguments)
    assert answer.code == 3
    assert "help: orchestrator init" in answer.err
    assert repo.status() == []


def test_without_a_repository(tmp_path: Path, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    answer = orchestrator("status", "--json")
    assert answer.code == 3
    assert answer.json["findings"][0]["id"] == "git"


def test_lint_tells_everything_wrong_with_its_line(planned: Repository, orchestrator: Orchestrator) -> None:
    planned.write("plan.toml", PLAN.replace('"schema"', '"shema"').replace('title = "Web UI"', 'title = "2"'))
    answer = orchestrator("lint", "--json")
    assert answer.code == 3
    findings = answer.json["findings"]
    assert answer.json["errors"] == len(findings) == 2
    lines = planned.read("plan.toml").splitlines()
    assert 'gates = ["shema"]' in lines[findings[0]["locations"][0]["line"] - 1]
    assert 'did you mean "schema"?' in findings[0]["message"]
    assert lines[findings[1]["locations"][0]["line"] - 1] == 'title = "2"'


def test_lint_warns_of_what_cannot_work(planned: Repository, orchestrator: Orchestrator) -> None:
    planned.write(".gitignore", "db/\n")
    gate = '[gates.late]\nrun = "true"\ninputs = ["nowhere/**"]\njunit = "report.xml"\n'
    phases = PLAN[PLAN.index("[[phase]]") :].replace('gates = ["api"]', 'gates = ["late"]')
    planned.write(
        "plan.toml",
        plan_text(gates=PLAN[PLAN.index("[gates.schema]") : PLAN.index("[gates.api]")] + gate, phases=phases),
    )
    answer = orchestrator("lint")
    assert answer.code == 0
    for text in (
        "gate late of api cannot pass yet: its inputs match no file",
        'phase "Web UI" has no gate',
        "db/schema.sql is ignored by Git",
        "report report.xml of gate late is not ignored by Git",
    ):
        assert text in answer.err


def test_the_schema_accepts_the_plan_and_nothing_else(orchestrator: Orchestrator) -> None:
    answer = orchestrator("schema")
    assert answer.code == 0
    validator = jsonschema.Draft202012Validator(answer.json)
    validator.check_schema(answer.json)
    assert list(validator.iter_errors(tomli.loads(PLAN))) == []
    assert list(validator.iter_errors(tomli.loads(PLAN.replace("[feature]", "[feeture]"))))


def test_status_and_next_say_where_things_stand(planned: Repository, orchestrator: Orchestrator) -> None:
    answer = orchestrator("status")
    assert answer.code == 0
    assert "Login: 0/5 tasks complete (0%)" in answer.out
    assert "waits for foundation" in answer.out
    data = orchestrator("status", "--json").json
    assert [phase["status"] for phase in data["phases"]] == ["ready", "locked", "locked"]
    assert data["current_phase"] == "foundation"
    steps = orchestrator("next", "--json").json["steps"]
    assert [step["what"] for step in steps] == ["task 1.1: Users table", "task 1.2: Settings agreed"]
    assert "then: orchestrator done 1.2" in orchestrator("next").out
    assert planned.status() == []


def test_marks_are_set_and_staged_and_unstaged_edits_stay_unstaged(
    planned: Repository, orchestrator: Orchestrator
) -> None:
    text = planned.read("PLAN.md")
    planned.write("PLAN.md", text + "\nmy own words\n")
    early = orchestrator("start", "2.1")
    assert (early.code, "it waits for phase foundation" in early.err) == (0, True)
    assert orchestrator("reopen", "2.1").code == 0
    assert orchestrator("start", "1.2").code == 0
    assert "- [ ] Task 1.2: Settings agreed (in progress)\n" in str(planned.staged("PLAN.md"))
    answer = orchestrator("done", "1.2", "--json")
    assert answer.json["tasks"] == [{"id": "1.2", "title": "Settings agreed", "before": "in progress", "now": "done"}]
    assert "- [x] Task 1.2: Settings agreed ✓\n" in str(planned.staged("PLAN.md"))
    assert "my own words" not in str(planned.staged("PLAN.md"))
    assert planned.read("PLAN.md") == str(planned.staged("PLAN.md")) + "\nmy own words\n"
    planned.git("commit", "-q", "-m", "tick")
    assert "1.2 is reopened" in orchestrator("reopen", "1.2").out
    assert "- [ ] Task 1.2: Settings agreed (reopened)\n" in planned.read("PLAN.md")
    assert planned.read("PLAN.md").endswith("\nmy own words\n")


def test_a_tick_without_evidence_is_told_at_once(planned: Repository, orchestrator: Orchestrator) -> None:
    answer = orchestrator("done", "1.1")
    assert answer.code == 0
    assert "warning[task-evidence]" in answer.err
    assert "- [x] Task 1.1" in str(planned.staged("PLAN.md"))


@pytest.mark.parametrize(
    "arguments", [("done", "1.1", "1.9"), ("start", "1.9"), ("validate", "fondation"), ("bogus",), ("done",)]
)
def test_wrong_usage_changes_nothing(
    planned: Repository, orchestrator: Orchestrator, arguments: tuple[str, ...]
) -> None:
    answer = orchestrator(*arguments)
    assert answer.code == 2
    assert answer.err
    assert planned.status() == []


def test_validate_runs_what_is_due_once_and_says_why(planned: Repository, orchestrator: Orchestrator) -> None:
    assert "not due: 2 tasks of its phase are open" in orchestrator("validate").out
    assert gate_runs() == []
    planned.add({"db/schema.sql": BAD_SCHEMA})
    assert orchestrator("done", "1.2").code == 0
    failed = orchestrator("validate", "--json")
    assert failed.code == 1
    assert failed.json["gates"][0]["run"]["status"] == "failed"
    assert failed.json["findings"][0]["id"] == "gate-failed"
    assert "looking for users" in failed.json["findings"][0]["notes"]
    assert "  gate schema failed (exit 1)\n" in orchestrator("status").out
    planned.add({"db/schema.sql": GOOD_SCHEMA})
    passed = orchestrator("validate", "foundation")
    assert passed.code == 0
    assert "foundation: schema: passed" in passed.out
    assert "key = " in str(planned.staged("plan.lock"))
    assert "gates: schema passed" in str(planned.staged("PLAN.md"))
    again = orchestrator("validate")
    assert again.code == 0
    assert "foundation: schema: not run: passed before on this content" in again.out
    assert gate_runs() == ["schema", "schema"]
    assert orchestrator("validate", "1", "--force").code == 0
    assert gate_runs() == ["schema", "schema", "schema"]


def forget_passes(repo: Repository) -> None:
    for file in (repo.git_path("orchestrator") / "passes").iterdir():
        file.unlink()


def begin_merge(repo: Repository) -> None:
    """HEAD and index stay as they are."""
    side = repo.out("commit-tree", "HEAD^{tree}", "-p", "HEAD~1", "-m", "side")
    repo.git("merge", "-q", "--no-commit", "-s", "ours", side)


def damage_passes(repo: Repository) -> None:
    for file in (repo.git_path("orchestrator") / "passes").iterdir():
        file.write_bytes(b"")


CHANGES: dict[str, tuple[Callable[[Adopted], object], tuple[str, ...], bool]] = {
    "nothing": (lambda _: None, (), True),
    "written": (lambda repo: repo.write("db/schema.sql", BAD_SCHEMA), (), True),  # what is not staged has no say
    "staged": (lambda repo: repo.add({"notes": "x"}), (), False),
    "committed": (lambda repo: repo.commit("feat: [api] x", {"src/api/x": "x"}), (), False),
    "an empty commit": (lambda repo: repo.git("commit", "-q", "--allow-empty", "-m", "feat: [api] x"), (), False),
    "a box ticked": (lambda repo: repo.tick("2.2", stage=False), (), False),
    "PLAN.md gone": (lambda repo: (repo.top / "PLAN.md").unlink(), (), False),
    "plan.lock edited": (lambda repo: repo.write("plan.lock", repo.read("plan.lock") + "#"), (), False),
    "passes forgotten": (forget_passes, (), False),
    "passes damaged": (damage_passes, (), False),
    "a merge begun": (begin_merge, (), False),
    "a phase asked for": (lambda _: None, ("foundation",), False),
    "--force": (lambda _: None, ("foundation", "--force"), False),
}


@pytest.mark.parametrize(("change", "arguments", "again"), CHANGES.values(), ids=CHANGES)
def test_validate_answers_again_only_where_nothing_has_changed(
    founded: Adopted,
    in_process: InProcess,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Adopted], object],
    arguments: tuple[str, ...],
    *,
    again: bool,
) -> None:
    first = [in_process(founded, "validate") for _ in range(2)][1]
    assert "foundation: schema: not run: passed before on this content" in first.stdout
    change(founded)
    worked_out = Mock(wraps=validation._validate)
    monkeypatch.setattr(validation, "_validate", worked_out)
    answer = in_process(founded, "validate", *arguments)
    assert worked_out.called is not again
    assert not again or answer.stdout == first.stdout
    assert answer.returncode == 0


def test_an_answer_is_for_one_set_of_parents(
    founded: Adopted, in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook of the user's may call validate; what ``git commit --amend`` makes has other parents than HEAD."""
    for _ in range(2):
        in_process(founded, "validate")
    worked_out = Mock(wraps=validation._validate)
    monkeypatch.setattr(validation, "_validate", worked_out)
    monkeypatch.setattr(committing, "running_commit", lambda: CommitOptions(known=True, amend=True))
    assert in_process(founded, "validate").returncode == 0
    assert worked_out.called


def test_an_answer_that_holds_still_tells_of_a_filter(founded: Adopted, in_process: InProcess) -> None:
    for _ in range(2):
        in_process(founded, "validate")
    founded.write(".gitattributes", "/PLAN.md filter=foo\n")
    answer = in_process(founded, "validate")
    assert answer.returncode == 3
    assert "PLAN.md in another form" in answer.stderr


@pytest.mark.parametrize("damage", [b"", b"garbage", b"orchestrator 1 4 x 3 00000000\nabc"])
def test_an_answer_that_is_damaged_is_worked_out_anew(founded: Adopted, in_process: InProcess, damage: bytes) -> None:
    first = [in_process(founded, "validate") for _ in range(2)][1]
    file = founded.git_path("orchestrator") / "answer"
    assert file.is_file()
    file.write_bytes(damage)
    assert in_process(founded, "validate").stdout == first.stdout
    assert file.read_bytes() != damage


def test_validate_starts_what_a_gate_opens_while_others_run(
    planned: Repository, orchestrator: Orchestrator, tmp_path: Path
) -> None:
    """The slow gate ends only when that of the second phase has run, which the gate of the first one opens."""
    os.mkfifo(tmp_path / "pipe")
    gates = f"""\
[gates.first]
run = "true"
[gates.second]
run = "echo go >{tmp_path}/pipe"
timeout = "30s"
[gates.slow]
run = "read -r line <{tmp_path}/pipe"
timeout = "30s"
"""
    phases = "".join(
        f'[[phase]]\nid = "{name}"\ntitle = "{name}"\nfiles = ["{name}/**"]\ngates = ["{name}"]\n{more}\n'
        for name, more in (("first", ""), ("second", 'depends_on = ["first"]'), ("slow", ""))
    )
    planned.add({"plan.toml": plan_text(gates=gates, phases=phases), "first/a": "", "second/a": "", "slow/a": ""})
    planned.git("commit", "-q", "-m", "feat: [plan] gates")
    answer = orchestrator("validate", "--jobs", "2", "--json")
    assert [(line["gate"], line["passed"]) for line in answer.json["gates"]] == [
        ("first", True),
        ("second", True),
        ("slow", True),
    ]
    assert answer.code == 0


def test_validate_refuses_to_judge_what_is_not_staged(planned: Repository, orchestrator: Orchestrator) -> None:
    planned.add({"db/schema.sql": GOOD_SCHEMA})
    planned.write("db/schema.sql", BAD_SCHEMA)
    answer = orchestrator("validate", "foundation")
    assert answer.code == 1
    assert "error[gate-unclean]" in answer.err
    assert gate_runs() == []


def test_validate_keeps_what_is_committed_and_ticked_while_its_gates_run(
    planned: Repository, orchestrator: Orchestrator
) -> None:
    """The gate stands for a person at another terminal, who has time to write, commit and tick while it runs."""
    command = " ".join([shlex.quote(word) for word in ORCHESTRATOR])
    run_ = f"""unset $(git rev-parse --local-env-vars)
grep -q mine PLAN.md && exit
echo mine >>PLAN.md; git -c user.name=A -c user.email=a@b commit -qm note PLAN.md || exit
{command} done 1.2; {command} ask why
"""
    gates = f"[gates.schema]\nrun = '''{run_}'''\n[gates.api]\nrun = 'true'\n"
    planned.add({"plan.toml": plan_text(gates=gates), "db/schema.sql": GOOD_SCHEMA})
    planned.git("commit", "-q", "-m", "feat: [plan] gates")
    answer = orchestrator("validate", "foundation")
    assert answer.code == 0, answer.err
    assert "mine\n" in str(planned.staged("PLAN.md"))
    assert "[x] Task 1.2" in str(planned.staged("PLAN.md"))
    assert "[[question]]" in str(planned.staged("plan.toml"))
    assert "Question Q1: why (open)" in str(planned.staged("PLAN.md"))
    assert "key = " in str(planned.staged("plan.lock"))
    planned.git("commit", "-q", "-m", "all of it")
    assert "mine\n" in planned.head("PLAN.md")
    assert planned.status() == []


def test_a_pass_of_what_was_changed_while_its_gate_ran_does_not_count(
    planned: Repository, orchestrator: Orchestrator
) -> None:
    run_ = "test -e db/more.sql || { unset $(git rev-parse --local-env-vars); echo >db/more.sql; git add db; }"
    gates = f"[gates.schema]\ninputs = ['db/schema.sql']\nrun = '{run_}'\n[gates.api]\nrun = 'true'\n"
    planned.add({"plan.toml": plan_text(gates=gates.replace("db/schema", "db/*")), "db/schema.sql": GOOD_SCHEMA})
    planned.git("commit", "-q", "-m", "feat: [plan] gates")
    answer = orchestrator("validate", "foundation")
    assert answer.code == 1
    assert "error[gate-unclean]" in answer.err
    assert "key = " not in str(planned.staged("plan.lock"))
    assert orchestrator("validate", "foundation").code == 0
    assert "key = " in str(planned.staged("plan.lock"))


def test_commit_composes_the_message(
    planned: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path_with_hook())
    assert orchestrator("install", "--native").code == 0
    planned.add({"db/schema.sql": GOOD_SCHEMA})
    answer = orchestrator("commit", "-m", "add the schema", "--done", "1.2")
    assert answer.code == 0, answer.err
    assert planned.out("log", "-1", "--format=%s") == "feat: [Foundation] add the schema"
    assert planned.head("PLAN.md").count("- [x]") == 2
    planned.add({"src/ui/login.html": "<p>"})
    refused = orchestrator("commit", "-m", "too early")
    assert refused.code == 1
    assert "error[phase-locked]" in refused.err
    assert planned.commit_count() == 2
    excused = orchestrator("commit", "-m", "early on purpose", "--phase", "3", "--exception", "shown at the fair")
    assert excused.code == 0, excused.err
    assert (
        planned.out("log", "-1", "--format=%B").strip()
        == "feat: [Web UI] early on purpose\n\nPlan-Exception: shown at the fair"
    )
    planned.write("plan.toml", PLAN.replace("Login form", "Form for the login"))
    planned.git("add", "plan.toml")
    assert orchestrator("commit", "-m", "say it better").code == 0
    assert planned.out("log", "-1", "--format=%s") == "feat: [plan] say it better"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("<!-- orchestrator:end -->\n", ""),
        lambda text: text + text,
        lambda text: text.replace("orchestrator:end", "orchestrator:X").replace("begin", "end").replace("X", "begin"),
        lambda text: text.replace(
            "- [ ] Task 2.1", "<<<<<<< ours\n- [x] Task 1.2: Settings agreed\n=======\n>>>>>>> theirs\n- [ ] Task 2.1"
        ),
        lambda text: text.replace("\n### Phase 2", "\na line of mine\n\n### Phase 2"),
    ],
)
def test_sync_mends_what_is_broken_and_keeps_every_line(
    planned: Repository, orchestrator: Orchestrator, spoil: Callable[[str], str]
) -> None:
    planned.write("PLAN.md", "above\n\n" + spoil(planned.read("PLAN.md")) + "below\n=======\n")
    planned.write("plan.lock", "}{")
    planned.git("add", "-A")
    assert orchestrator("status").code == 3
    answer = orchestrator("sync")
    assert answer.code == 0, answer.err
    text = planned.read("PLAN.md")
    assert text == planned.staged("PLAN.md")
    assert text.startswith("above\n")
    assert "below\n=======\n" in text
    assert ("a line of mine" in text) == ("a line of mine" in str(spoil(planned.head("PLAN.md"))))
    assert planned.staged("plan.lock") == planned.head("plan.lock")
    assert orchestrator("status").code == 0
    assert "up to date" in orchestrator("sync").out


def test_sync_leaves_unstaged_what_is_not_staged(planned: Repository, orchestrator: Orchestrator) -> None:
    """A line that is not the tool's has been staged; the box, the note and the text after it have not."""
    staged = planned.read("PLAN.md").replace("Task 1.2: Settings agreed", "Task 1.2: Settings")
    planned.add({"PLAN.md": staged + "staged\n", "notes.txt": "staged\n"})
    edited = staged.replace("Users table\n", "Users table\n  - a note\n").replace("[ ] Task 2.1", "[-] Task 2.1")
    planned.write("PLAN.md", f"# mine\n\n{edited}staged\n    not staged\n\n\n")
    assert orchestrator("sync").code == 0
    now = str(planned.staged("PLAN.md"))
    assert "Task 1.2: Settings agreed\n" in now
    assert now.endswith("<!-- orchestrator:end -->\n\n- [ ] Task 1.2: Settings\n\nstaged\n")
    there = planned.read("PLAN.md")
    assert there.startswith("# mine\n\n<!-- orchestrator:begin -->\n")
    assert there.endswith("\nstaged\n    not staged\n\n\n")
    assert "  - a note\n" in there
    assert "Task 2.1: Login endpoint (in progress)\n" in there
    for unstaged in ("# mine", "a note", "in progress", "not staged"):
        assert unstaged not in now.replace("not started", "")
    assert sorted(planned.status()) == ["A  notes.txt", "MM PLAN.md"]


CODE = "```\n<<<<<<< HEAD\nmine\n=======\ntheirs\n>>>>>>> branch\n```\n\n\n"


def test_conflict_markers_in_the_users_own_text_are_text(planned: Repository, orchestrator: Orchestrator) -> None:
    text = f"{CODE}{planned.read('PLAN.md')}{CODE}"
    planned.add({"PLAN.md": text})
    assert orchestrator("status").code == 0
    assert "up to date" in orchestrator("sync").out
    assert planned.staged("PLAN.md") == planned.read("PLAN.md") == text
    broken = text.replace("## Login", "<<<<<<< ours\n=======\n>>>>>>> theirs\n## Login")
    planned.add({"PLAN.md": broken})
    assert orchestrator("status").code == 3
    assert orchestrator("sync").code == 0
    assert planned.staged("PLAN.md") == planned.read("PLAN.md") == text


def test_sync_out_of_a_conflict_keeps_the_users_text_as_it_is(planned: Repository, orchestrator: Orchestrator) -> None:
    """Code below the end marker, what looks like a conflict in it, blank lines at the end, a box set by hand."""
    below = f"    code\n\n{CODE}"
    planned.add({"PLAN.md": f"# top\n\n{planned.read('PLAN.md')}{below}"})
    planned.git("commit", "-q", "-m", "text")
    planned.git("switch", "-q", "-c", "side")
    planned.add({"PLAN.md": planned.read("PLAN.md").replace("# top", "# theirs")})
    assert orchestrator("done", "1.1").code == 0
    planned.git("commit", "-q", "-m", "theirs")
    planned.git("switch", "-q", "main")
    planned.add({"PLAN.md": planned.read("PLAN.md").replace("# top", "# ours")})
    assert orchestrator("done", "1.2").code == 0
    planned.git("commit", "-q", "-m", "ours")
    assert planned.git("merge", "side", check=False).returncode == 1
    planned.write("PLAN.md", planned.read("PLAN.md").replace("[ ] Task 2.2", "[-] Task 2.2"))
    answer = orchestrator("sync")
    assert answer.code == 0
    text = planned.read("PLAN.md")
    assert text == planned.staged("PLAN.md")
    assert text.startswith("# ours\n# theirs\n\n<!-- orchestrator:begin -->\n## Login")
    assert text.endswith(f"<!-- orchestrator:end -->\n{below}")
    assert "- [ ] Task 2.2: Logging (in progress)\n" in text
    assert text.count("- [x]") == 2
    assert "warning[plan-md-edited]" in answer.err
    assert "  --> PLAN.md:1\n" in answer.err
    assert "  --> PLAN.md:2\n" not in answer.err


def test_sync_resolves_a_merge_by_task(planned: Repository, orchestrator: Orchestrator) -> None:
    planned.git("switch", "-q", "-c", "other")
    planned.add({"db/schema.sql": GOOD_SCHEMA})
    assert orchestrator("done", "1.1").code == 0
    planned.git("commit", "-q", "-m", "feat: [foundation] schema")
    planned.git("switch", "-q", "main")
    assert orchestrator("done", "1.2").code == 0
    planned.git("commit", "-q", "-m", "feat: [foundation] settings")
    merged = planned.git("merge", "other", check=False)
    assert merged.returncode == 1
    assert "error[plan-invalid]" not in orchestrator("sync").err
    planned.git("commit", "-q", "-m", "merge")
    assert planned.head("PLAN.md").count("- [x]") == 2
    assert "**Progress**: 2/5 tasks complete (40%)" in planned.head("PLAN.md")
    assert planned.status() == []


def test_a_hostile_plan_prints_no_control_character(planned: Repository, orchestrator: Orchestrator) -> None:
    planned.write(
        "plan.toml", PLAN + '[[question]]\nid = "Q1"\ntext = "\\u001b[31mred\\u0007"\nblocks = ["foundation"]\n'
    )
    answer = orchestrator("lint")
    assert answer.code == 3
    assert not any(char < " " and char != "\n" for char in answer.out + answer.err)


def test_the_merge_driver_leaves_no_conflict_in_the_bottom_lines(
    planned: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path_with_hook())
    planned.write(".git/info/attributes", "*.png binary\n")
    assert orchestrator("install", "--native").code == 0
    assert orchestrator("install", "--native").code == 0
    attributes = planned.read(".git/info/attributes")
    assert attributes == "*.png binary\n/PLAN.md merge=orchestrator\n"
    planned.git("switch", "-q", "-c", "side")
    planned.write("PLAN.md", planned.read("PLAN.md") + "\nbelow\n")
    planned.git("add", "PLAN.md")
    planned.git("commit", "-q", "-m", "feat: [foundation] schema", "--allow-empty")
    planned.commit("feat: [foundation] schema", {"db/schema.sql": GOOD_SCHEMA})
    planned.git("switch", "-q", "main")
    planned.write("PLAN.md", "above\n\n" + planned.read("PLAN.md"))
    planned.git("add", "PLAN.md")
    planned.git("commit", "-q", "-m", "feat: [foundation] words")
    with_driver = planned.git("merge", "--no-edit", "side", check=False)
    assert with_driver.returncode == 0, with_driver.stdout + with_driver.stderr
    text = planned.head("PLAN.md")
    assert text.startswith("above\n\n")
    assert text.endswith("\nbelow\n")
    assert "**Progress**: 1/5 tasks complete (20%)\n**Current Phase**: Phase 1 (Foundation)\n" in text
    assert planned.status() == []
    assert orchestrator("uninstall", "--native").code == 0
    assert planned.read(".git/info/attributes") == "*.png binary\n"
    assert planned.git("config", "--get-regexp", "^merge\\.orchestrator", check=False).stdout == ""


@pytest.mark.parametrize("value", ["union", "unset"])
def test_the_users_own_attributes_of_plan_md_are_left_to(
    planned: Repository, orchestrator: Orchestrator, value: str
) -> None:
    assert "merge driver of PLAN.md in " in orchestrator("install", "--native").out
    attributes = planned.read(".git/info/attributes")
    planned.write(".gitattributes", "*.md -merge\n" if value == "unset" else f"*.md merge={value}\n")
    said = orchestrator("install", "--native").out
    assert f"no merge driver for PLAN.md: your attributes say how it is merged (merge: {value})" in said
    assert planned.out("check-attr", "merge", "PLAN.md") == f"PLAN.md: merge: {value}"
    planned.write(".gitattributes", "*.txt merge=union\n")
    assert orchestrator("install", "--native").code == 0
    assert planned.read(".git/info/attributes") == attributes


@pytest.mark.parametrize("driver", ["/nonexistent/orchestrator-hook", "/bin/false", "no-such-command"])
def test_without_its_program_the_driver_does_what_git_does(
    planned: Repository, orchestrator: Orchestrator, driver: str, tmp_path: Path
) -> None:
    script = tmp_path / "100% gone"
    if driver == "/bin/false":
        script.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
        script.chmod(0o755)
    planned.write(".git/info/attributes", "/PLAN.md merge=orchestrator\n")
    hook = script if driver == "/bin/false" else Path(driver)
    planned.git("config", "merge.orchestrator.driver", driver_command(hook))
    planned.git("switch", "-q", "-c", "side")
    planned.write("PLAN.md", "theirs\n\n" + planned.read("PLAN.md"))
    planned.git("commit", "-qam", "theirs")
    planned.git("switch", "-q", "main")
    planned.write("PLAN.md", planned.read("PLAN.md") + "\nours\n")
    planned.git("commit", "-qam", "ours")
    done = planned.git("merge", "--no-edit", "side", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert planned.head("PLAN.md").startswith("theirs\n\n")
    assert planned.head("PLAN.md").endswith("\nours\n")
    assert orchestrator("status").code == 0


def test_both_sides_progress_and_the_driver_adds_up(
    planned: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path_with_hook())
    loose = PLAN.replace('depends_on = ["foundation"]\n', "").replace('depends_on = ["api"]\n', "")
    planned.commit("feat: [plan] loosen", {"plan.toml": loose})
    assert orchestrator("install", "--native").code == 0
    assert orchestrator("sync").code == 0
    planned.git("commit", "-q", "-m", "in step", "--allow-empty")
    planned.git("switch", "-q", "-c", "side")
    planned.commit("feat: [ui] form", {"src/ui/login.html": "<form>\n"})
    planned.git("switch", "-q", "main")
    planned.commit("feat: [foundation] schema", {"db/schema.sql": GOOD_SCHEMA})
    merged = planned.git("merge", "--no-edit", "side", check=False)
    assert merged.returncode == 0, merged.stdout + merged.stderr
    assert planned.head("PLAN.md").count("- [x]") == 2
    assert "**Progress**: 2/5 tasks complete (40%)" in planned.head("PLAN.md")
    assert "up to date" in orchestrator("sync").out


def test_validate_goes_on_out_of_a_conflict(planned: Repository, orchestrator: Orchestrator) -> None:
    """Both sides have changed the same task line, so Git leaves PLAN.md in conflict."""
    planned.git("switch", "-q", "-c", "side")
    assert orchestrator("done", "1.2").code == 0
    planned.commit("feat: [foundation] agreed")
    planned.git("switch", "-q", "main")
    assert orchestrator("start", "1.2").code == 0
    planned.commit("feat: [foundation] begun")
    assert planned.git("merge", "--no-edit", "side", check=False).returncode == 1
    assert "<<<<<<<" in planned.read("PLAN.md")
    answer = orchestrator("validate")
    assert answer.code == 0, answer.err
    assert "- [x] Task 1.2: Settings agreed ✓" in planned.read("PLAN.md")
    assert planned.git("ls-files", "-u").stdout == ""
    planned.git("commit", "-q", "--no-edit")
    assert planned.status() == []


@pytest.mark.parametrize("name", ["", " "])
def test_a_ref_without_a_name_does_not_bind(planned: Repository, orchestrator: Orchestrator, name: str) -> None:
    del planned
    answer = orchestrator("verify", "HEAD", "--plan", name)
    assert answer.code == 2
    assert "the name of the ref is empty" in answer.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["status", "schema", "report", "lint"])
def test_an_answer_that_cannot_be_written_is_told(planned: Repository, command: str) -> None:
    argv = shlex.join([*ORCHESTRATOR, command])
    done = run(["sh", "-c", f"{argv} > /dev/full"], cwd=planned.top, check=False)
    assert done.returncode == 3
    assert done.stderr.endswith("error[git]: the system says: No space left on device\n")
    assert "Traceback" not in done.stderr


def test_the_repository_is_found_as_git_finds_it(
    planned: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From its own folder, too, and by GIT_DIR and GIT_WORK_TREE; not from that of a linked work tree."""
    monkeypatch.chdir(planned.git_path("refs"))
    assert orchestrator("status").code == 0
    linked = tmp_path / "linked"
    planned.git("worktree", "add", "-q", "--detach", str(linked))
    monkeypatch.chdir(planned.git_path("worktrees") / "linked")
    answer = orchestrator("status")
    assert answer.code == 3
    assert "in the Git directory" in answer.err
    assert "help: cd to the work tree" in answer.err
    monkeypatch.chdir(linked)
    assert orchestrator("status").code == 0
    monkeypatch.chdir(tmp_path)
    assert "this is no Git repository" in orchestrator("status").err
    monkeypatch.setenv("GIT_DIR", str(planned.git_path(".").resolve()))
    monkeypatch.setenv("GIT_WORK_TREE", str(planned.top))
    assert orchestrator("status").code == 0
