"""The end of a plan: the checklist, what is written, and what keeps it from being finished."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import ORCHESTRATOR, PLAN, leftovers, plan_text, said, script
from tests.support import run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.e2e.conftest import InProcess, Maker
    from tests.e2e.support import Adopted, Orchestrator

    Finish = Callable[..., subprocess.CompletedProcess[str]]

FOLDER = "docs/plans/login"
KEPT = [f"{FOLDER}/{name}" for name in ("PLAN.md", "plan.lock", "plan.toml", "report.html", "report.json", "report.md")]


def complete(repo: Adopted) -> None:
    """Commit all that the three phases need."""
    repo.finish_foundation()
    repo.add({"src/api/auth.py": "x = 1\n", "src/api/log/a.py": "y = 2\n"})
    repo.tick("2.2")
    repo.git("commit", "-q", "-m", "feat: [api] login and logging")
    repo.add({"src/ui/login.html": "<form>\n"})
    repo.git("commit", "-q", "-m", "feat: [ui] form")


@pytest.fixture
def completed(make: Maker) -> Adopted:
    """A repository with native launchers whose three phases are complete."""
    return completed_by(make, "native")


def completed_by(make: Maker, way: str, plan: str = PLAN, more: dict[str, str] | None = None) -> Adopted:
    """A repository with hooks installed in that way and all phases complete, made once and copied."""

    def prepare() -> Adopted:
        repo = make.adopted(way, plan)
        if more:
            repo.commit("feat: [foundation] surroundings", dict(more))
        complete(repo)
        return repo

    return make.copied((way, plan, "complete"), "repo", prepare)


@pytest.fixture
def finish(in_process: InProcess) -> Finish:
    """``orchestrator finish``, with the hooks of the repository."""
    return lambda repo, *options: in_process(repo, "finish", *options)


@pytest.mark.parametrize("way", ["native", "prek"])
def test_a_finished_plan_is_kept_and_retired_in_one_commit(
    make: Maker, way: str, finish: Finish, in_process: InProcess
) -> None:
    repo = completed_by(make, way)
    repo.write("PLAN.md", "My notes\n\n" + repo.read("PLAN.md"))
    repo.git("commit", "-q", "-m", "notes", "--", "PLAN.md")
    before = {path: repo.head(path) for path in ("plan.toml", "PLAN.md", "plan.lock")}
    head = repo.out("rev-parse", "HEAD")
    repo.write("notes.txt", "an edit that is not staged\n")
    repo.write("untracked", "x\n")

    checked = finish(repo, "--check")
    assert checked.returncode == 0, said(checked)
    assert repo.out("rev-parse", "HEAD") == head
    assert checked.stdout.endswith("everything is met; to retire the plan: orchestrator finish\n")
    done = finish(repo)
    assert done.returncode == 0, said(done)
    assert done.stdout.count("[x] ") == 8
    assert "[ ] " not in done.stdout

    assert repo.out("rev-list", "--parents", "-1", "HEAD").split()[1:] == [head]
    assert repo.out("log", "-1", "--format=%s") == "feat: [plan] finish Login"
    changed = repo.out("diff", "--no-renames", "--name-status", "HEAD~1", "HEAD").split("\n")
    assert sorted(changed) == sorted(
        [f"A\t{path}" for path in KEPT] + [f"D\t{path}" for path in ("PLAN.md", "plan.lock", "plan.toml")]
    )
    assert {path: repo.head(f"{FOLDER}/{path}") for path in before} == before
    assert repo.status() == [" M notes.txt", "?? untracked"]
    assert repo.read("notes.txt") == "an edit that is not staged\n"
    assert leftovers(repo) == []
    data = json.loads(repo.head(f"{FOLDER}/report.json"))
    assert data["complete"]
    assert all(criterion["met"] for criterion in data["criteria"])
    named = [item["command"] for item in (*data["commands"], *data["next_steps"])]
    assert not {"orchestrator report --json", "orchestrator finish"} & set(named), "neither answers any more"
    assert "- [x] all 5 tasks are done\n" in repo.head(f"{FOLDER}/report.md")

    # What comes after it is free, and the whole history stands.
    repo.add({"later.txt": "x\n"})
    assert repo.git("commit", "-q", "-m", "whatever", check=False).returncode == 0
    verified = in_process(repo, "verify", "HEAD")
    assert verified.returncode == 0, said(verified)
    assert finish(repo).returncode == 3


def test_a_new_plan_can_begin(
    native: Adopted, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, finish: Finish
) -> None:
    monkeypatch.chdir(native.top)
    for folder in (FOLDER, f"{FOLDER}-2"):
        complete(native)
        done = finish(native)
        assert done.returncode == 0, said(done)
        assert f"the plan and its report are in {folder}; it is retired by commit" in done.stdout
        assert native.head(f"{folder}/plan.toml") == PLAN
        report = json.loads(native.head(f"{folder}/report.json"))
        assert report["totals"]["commits"] == 3, "of this plan only"
        native.git("rm", "-q", "-r", "db", "src")
        native.git("commit", "-q", "-m", "clear")
        native.write("plan.toml", PLAN)
        assert orchestrator("init", "--hooks", "none").code == 0
        native.git("commit", "-q", "-m", "feat: [plan] adopt again")
    assert orchestrator("verify", "HEAD").code == 0


def open_task(repo: Adopted) -> None:
    """Untick a task."""
    run([*ORCHESTRATOR, "reopen", "2.2"], cwd=repo.top, env=repo.env)
    repo.git("commit", "-q", "-m", "feat: [api] not yet")


def late_file(repo: Adopted) -> None:
    """A file of the last phase that the gate of the first one does not see while phases follow each other."""
    repo.add({"src/ui/bad.html": "x\n"})
    repo.git("commit", "-q", "-m", "feat: [ui] more")


def bypass(repo: Adopted) -> None:
    """Go around the hooks."""
    repo.add({"src/ui/more.html": "x\n"})
    repo.git("commit", "-q", "--no-verify", "-m", "no form at all")


def say(*arguments: str) -> Callable[[Adopted], None]:
    """A command that changes the plan, committed."""

    def change(repo: Adopted) -> None:
        run([*ORCHESTRATOR, *arguments], cwd=repo.top, env=repo.env)
        repo.git("commit", "-q", "-m", "feat: [plan] change")

    return change


def lose(repo: Adopted) -> None:
    """Empty an artifact."""
    repo.add({"docs/arch.md": ""})
    repo.git("commit", "-q", "-m", "feat: [ui] emptied")


def control(repo: Adopted) -> None:
    """A control that nobody has resolved."""
    repo.add({"plan.toml": repo.read("plan.toml") + '[[control]]\nid = "S1"\ntext = "Safe"\nphase = "api"\n'})
    repo.git("commit", "-q", "-m", "feat: [plan] safe")


def nothing(repo: Adopted) -> None:
    """Leave it as it is."""
    del repo


MEASURED = """\
[gates.schema]
run = "! test -e src/ui/bad.html"
inputs = ["db/**", "src/**"]
[gates.api]
run = '''mkdir -p reports && echo '<coverage line-rate="0.8"/>' > reports/c.xml'''
coverage = "reports/c.xml"
min_coverage = 80
"""


@pytest.mark.parametrize(
    ("spoil", "unmet", "note"),
    [
        (open_task, ["all 3 phases are complete", "all 5 tasks are done"], "task 2.2 is reopened: Logging"),
        (late_file, ["all 2 gates pass on the final tree, with all inputs"], "gate schema failed: exit 1"),
        (bypass, ["the history was verified"], "no form at all: message-format"),
        (say("ask", "Why?"), ["no question, blocker or assumption is open"], "question Q1 has no answer: Why?"),
        (
            say("assume", "It is"),
            ["no question, blocker or assumption is open"],
            "assumption A1 is not confirmed: It is",
        ),
        (lose, ["all 3 phases are complete", "the artifact is there"], "docs/arch.md is missing or empty"),
        (
            control,
            ["all 3 phases are complete", "the security control is resolved or waived"],
            "control S1 is open: Safe",
        ),
        (nothing, [], "api: 80%, at least 80%"),
    ],
)
def test_what_is_missing_is_listed_and_nothing_is_written(
    make: Maker, spoil: Callable[[Adopted], None], unmet: list[str], note: str, finish: Finish
) -> None:
    claim = 'files = ["src/ui/**"]\n'
    plan = plan_text(gates=MEASURED).replace(claim, f'{claim}artifacts = ["docs/arch.md"]\n')
    more = {".gitignore": "reports/\n*.log\n", "docs/arch.md": "It stands.\n"}
    repo = completed_by(make, "native", plan, more)
    spoil(repo)
    before = repo.state()
    done = finish(repo, *([] if unmet else ["--check"]))
    assert done.returncode == (1 if unmet else 0), said(done)
    assert repo.state() == before
    lines = done.stdout.splitlines()
    missing = [line.removeprefix("[ ] ").partition(":")[0] for line in lines if line.startswith("[ ] ")]
    assert missing == unmet
    assert any(note in line for line in lines), done.stdout
    assert done.stdout.count("help: ") == len(unmet)
    if unmet:
        assert lines[-1] == f"not finished: {len(unmet)} of 8 criteria are not met; nothing was written"
        data = json.loads(finish(repo, "--json").stdout)
        assert [criterion["name"].partition(":")[0] for criterion in data["criteria"] if not criterion["met"]] == unmet
        assert (data["met"], data["folder"], data["commit"]) == (False, "", "")


def test_what_is_not_committed_is_refused(completed: Adopted, finish: Finish) -> None:
    native = completed
    native.add({"later.txt": "x\n"})
    native.write("PLAN.md", native.read("PLAN.md") + "more\n")
    before = native.state()
    done = finish(native)
    assert done.returncode == 1
    assert native.state() == before
    assert "error[finish]: something is staged that is not committed yet\n  --> later.txt" in done.stderr
    assert "error[finish]: PLAN.md has edits that are not committed" in done.stderr
    native.git("commit", "-q", "-a", "-m", "feat: [ui] later")
    native.git("switch", "-q", "-c", "side", "HEAD~1")
    native.git("switch", "-q", "-")
    native.git("cherry-pick", "--no-commit", "HEAD")
    native.git_path("CHERRY_PICK_HEAD").write_text(native.out("rev-parse", "HEAD") + "\n", encoding="ascii")
    assert "is under way" in finish(native).stderr


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_place_that_is_no_folder_is_refused(
    completed: Adopted, kind: str, tmp_path_factory: pytest.TempPathFactory, finish: Finish
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    native = completed
    if kind == "link":
        (native.top / "docs").symlink_to(outside)
    else:
        native.write("docs", "x\n")
    native.git("add", "docs")
    native.git("commit", "-q", "-m", "feat: [ui] docs")
    before = native.state()
    done = finish(native)
    assert done.returncode == 3
    assert "docs is no folder, so the plan cannot be kept in it" in done.stderr
    assert native.state() == before
    assert list(outside.iterdir()) == []


def test_a_hook_that_refuses_leaves_it_staged(completed: Adopted, finish: Finish) -> None:
    native = completed
    head = native.out("rev-parse", "HEAD")
    hook = native.git_path("hooks") / "commit-msg"
    ours = hook.read_bytes()
    script(hook, "echo no, not today >&2; exit 1")
    done = finish(native)
    assert done.returncode == 1
    assert "no, not today" in done.stderr
    assert "git commit ended with 1; what it was to commit is staged" in done.stderr
    assert native.out("rev-parse", "HEAD") == head
    hook.write_bytes(ours)
    # Back, by the words of the help, and once more.
    back = done.stderr.split("or, to go back: ")[1].splitlines()[0]
    run(["sh", "-c", back], cwd=native.top)
    assert native.status() == []
    script(hook, "exit 1")
    forward = finish(native).stderr.split("then: ")[1].splitlines()[0]
    hook.write_bytes(ours)
    staged = native.out("diff", "--cached", "--no-renames", "--name-only").split("\n")
    assert staged == sorted([*KEPT, "PLAN.md", "plan.lock", "plan.toml"])
    run(["sh", "-c", f"{forward} -q"], cwd=native.top, env=native.env)
    assert native.out("log", "-1", "--format=%s") == "feat: [plan] finish Login"
    assert native.status() == []


def test_what_cannot_be_written_leaves_nothing_behind(completed: Adopted, finish: Finish) -> None:
    native = completed
    lock = native.git_path("index.lock")
    before = native.state()
    lock.touch()
    done = finish(native)
    lock.unlink()
    assert done.returncode == 3
    assert "index.lock': File exists" in done.stderr
    assert native.state() == before
    assert not (native.top / "docs").exists()
    assert finish(native).returncode == 0


def test_a_gate_that_cannot_run_is_no_pass(make: Maker, finish: Finish) -> None:
    gates = '[gates.schema]\nrun = "test ! -e src/ui/login.html || exit 127"\ninputs = ["db/**", "src/**"]\n'
    gates += '[gates.api]\nrun = "true"\ninputs = ["nothing/**", "src/api/**"]\n'
    repo = make.adopted(plan=plan_text(gates=gates))
    complete(repo)
    before = repo.state()
    done = finish(repo)
    assert done.returncode == 1
    assert "[ ] all 2 gates pass on the final tree, with all inputs\n" in done.stdout
    assert "gate schema could not be judged" in done.stdout
    assert repo.state() == before


def test_what_only_plan_lock_says_is_run_again(native: Adopted, finish: Finish, in_process: InProcess) -> None:
    complete(native)
    before = native.out("show", "HEAD~2:plan.lock").split("\n")
    (key,) = [line for line in native.head("plan.lock").split("\n") if line.startswith("key = ") and line not in before]
    native.add({"src/api/auth.py": "no Python\n"})
    in_process(native, "validate", "api")
    failed = json.loads((native.git_path("orchestrator") / "runs/api.api").read_text(encoding="utf-8"))
    assert failed["status"] == "failed"
    native.git("checkout", "HEAD", "--", "PLAN.md")
    native.add({"plan.lock": native.head("plan.lock").replace(key, f'key = "{failed["key"]}"')})
    native.git("commit", "-q", "--no-verify", "-m", "feat: [api] with a pass that nobody has seen")
    assert in_process(native, "verify", "HEAD").returncode == 0
    done = finish(native)
    assert done.returncode == 1, done.stdout
    assert "[ ] all 2 gates pass on the final tree" in done.stdout
    assert "gate api failed: exit 1" in done.stdout


def test_a_clone_without_the_runs_of_others_runs_every_gate(native: Adopted, finish: Finish) -> None:
    complete(native)
    shutil.rmtree(native.git_path("orchestrator"))
    native.log.unlink()
    done = finish(native, "--check")
    assert done.returncode == 0, said(done)
    assert sorted(native.gate_runs()) == ["api", "schema"]


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        ("echo x > new && git add new", "something is staged that is not committed yet"),
        ("echo '# more' >> plan.toml", "plan.toml has edits that are not committed"),
        (
            "git -c user.name=x -c user.email=x@y commit -q --no-verify --allow-empty -m other",
            "HEAD is another commit than the one that was checked",
        ),
    ],
)
def test_what_happens_while_gates_run_is_not_taken_along(
    make: Maker, command: str, refusal: str, finish: Finish
) -> None:
    gates = f'[gates.schema]\nrun = """if test -e .git/now; then {command}; fi"""\ninputs = ["db/**"]\n'
    gates += '[gates.api]\nrun = "true"\n'
    repo = make.adopted(plan=plan_text(gates=gates))
    complete(repo)
    shutil.rmtree(repo.git_path("orchestrator"))
    repo.git_path("now").touch()
    before = repo.head_files()
    done = finish(repo)
    assert done.returncode == 1
    assert refusal in done.stderr
    assert repo.head_files() == before
    assert not (repo.top / "docs").exists()
    assert (repo.top / "plan.toml").exists()


def test_the_help_can_be_pasted_whatever_the_title_and_the_folder(make: Maker, finish: Finish) -> None:
    repo = make.adopted(plan=plan_text().replace('title = "Login"', 'title = "Bob\'s $HOME"'))
    complete(repo)
    hook = repo.git_path("hooks") / "commit-msg"
    ours = hook.read_bytes()
    script(hook, "exit 1")
    refused = run([*ORCHESTRATOR, "finish"], cwd=repo.top / "db", env=repo.env, check=False).stderr
    hook.write_bytes(ours)
    back = refused.split("or, to go back: ")[1].splitlines()[0]
    run(["sh", "-c", back], cwd=repo.top / "db")
    assert repo.status() == []
    script(hook, "exit 1")
    forward = finish(repo).stderr.split("then: ")[1].splitlines()[0]
    hook.write_bytes(ours)
    run(["sh", "-c", f"{forward} -q"], cwd=repo.top, env=repo.env)
    assert repo.out("log", "-1", "--format=%s") == "feat: [plan] finish Bob's $HOME"
