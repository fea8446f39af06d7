"""Gates run again in clean checkouts: what they say, how often they run, and that nothing of them stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.app.repository import Repository as Known
from orchestrator.app.verify import rerun as module
from orchestrator.app.verify.report import Completed
from orchestrator.app.verify.rerun import rerun
from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.plan_file import read_plan
from orchestrator.git import Git
from tests.git.gate_support import PATIENCE_S, Mailbox, is_running
from tests.git.test_checkouts import ROOT, eventually, files_below, head, linux, processes_with, snapshot, temp
from tests.support import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orchestrator.app.verify.report import Rerun
    from orchestrator.core.plan import Plan

__all__ = ["temp"]

PHASES = """
[[phase]]
id = "one"
title = "One"
files = ["src/**"]
gates = GATES
[[phase.task]]
id = "1.1"
title = "A task"
[[phase]]
id = "two"
title = "Two"
depends_on = ["one"]
gates = GATES
[[phase.task]]
id = "2.1"
title = "Another task"
"""


def plan_of(gates: Mapping[str, str], settings: str = "", inputs: str = '["src/**"]') -> Plan:
    """A plan of two phases that both have these gates, which are name -> command."""
    text = f'version = 1\n[feature]\ntitle = "Feature"\n[settings]\n{settings}\n'
    for name, command in gates.items():
        text += f"[gates.{name}]\nrun = '''{command}'''\ninputs = {inputs}\n"
    plan, findings = read_plan((text + PHASES.replace("GATES", str([*gates]))).encode())
    assert plan is not None, findings
    return plan


def completed(plan: Plan, oid: str, *phase_ids: str) -> Completed:
    """All gates of these phases at that commit; of the first, if none is given."""
    phases = [plan.phase(phase_id) for phase_id in phase_ids or ("one",)]
    return Completed(oid, plan, tuple((phase, gate) for phase in phases for gate in phase.gates))


def known(repo: Repository, env: Mapping[str, str] | None = None) -> Known:
    """The repository as a command sees it."""
    return Known(Git(str(repo.top), {**os.environ, **(env or {})}), repo.out("rev-parse", "--absolute-git-dir"))


def statuses(found: list[Rerun]) -> list[tuple[str, str]]:
    """Gate and status of each."""
    return [(each.gate, each.result.status) for each in found]


@pytest.fixture(autouse=True)
def nothing_is_left(temp: Path) -> Iterator[None]:
    """After each of these tests no checkout is left."""
    yield
    assert os.listdir(temp) == []


@pytest.fixture
def ready(repo: Repository) -> Repository:
    """A repository with one commit."""
    repo.commit("one", {"src/a.txt": "a\n"})
    return repo


@pytest.fixture
def commits(repo: Repository) -> list[str]:
    """The ids of three commits, each with other content."""
    found = []
    for text in ("1\n", "2\n", "3\n"):
        repo.commit(text.strip(), {"src/a.txt": text})
        found.append(head(repo))
    return found


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Mailbox]:
    """The pipe by which processes tell who they are."""
    mailbox = Mailbox(tmp_path / "mail")
    yield mailbox
    mailbox.close()


# -- results ----------------------------------------------------------------------------------------------------------


def test_results(ready: Repository) -> None:
    plan = plan_of({"passes": "cat src/a.txt", "fails": "echo no; exit 3", "lost": "no-such-program"})
    found = rerun(known(ready), [completed(plan, head(ready))])
    assert statuses(found) == [("passes", "passed"), ("fails", "failed"), ("lost", "error")]
    assert {(each.oid, each.phases) for each in found} == {(head(ready), ("one",))}
    assert [each.result.exit_code for each in found] == [0, 3, 127]
    assert [each.result.output for each in found][:2] == ["a", "no"]
    assert found[1].result.reason == "exit 3"
    assert found[2].result.reason.startswith("could not run: ")


def test_nothing_to_do(ready: Repository, temp: Path) -> None:
    assert rerun(known(ready), []) == []
    temp.rmdir()  # not even a folder is made
    plan = plan_of({"g": "true"})
    assert rerun(known(ready), [Completed(head(ready), plan, ())]) == []
    temp.mkdir()


def test_inputs_that_match_nothing(ready: Repository, tmp_path: Path) -> None:
    plan = plan_of({"g": f"echo ran >> '{tmp_path}/ran'"}, inputs='["none/**"]')
    found = rerun(known(ready), [completed(plan, head(ready), "one", "two")])
    assert [(each.phases, each.result.status) for each in found] == [(("one",), "error"), (("two",), "error")]
    assert found[0].result.reason == "its inputs match no file"
    assert not (tmp_path / "ran").exists()


def test_user_s_files_do_not_leak_in(ready: Repository) -> None:
    oid = head(ready)
    ready.write("src/a.txt", "modified\n")
    ready.add({"src/staged.txt": "staged\n"})
    ready.write("src/untracked.txt", "untracked\n")
    ready.write(".git/info/exclude", "ignored\n")
    ready.write("ignored", "ignored\n")
    plan = plan_of({"g": "test -f ignored || (ls -A | grep -vx .git; ls src; cat src/a.txt; git status --short)"})
    (found,) = rerun(known(ready), [completed(plan, oid)])
    assert (found.result.status, found.result.output) == ("passed", "src\na.txt\na")


def test_content_of_its_own_commit(ready: Repository, commits: list[str]) -> None:
    plan = plan_of({"g": "cat src/a.txt; git rev-parse HEAD"})
    found = rerun(known(ready), [completed(plan, oid) for oid in commits])
    assert [each.oid for each in found] == commits
    assert [each.result.output for each in found] == [f"{n}\n{oid}" for n, oid in enumerate(commits, 1)]


def test_user_s_repository_is_not_touched(ready: Repository) -> None:
    ready.write("untracked.txt", "untracked\n")
    ready.status()
    before = snapshot(ready.top)
    plan = plan_of({"passes": "true", "fails": "false"}, settings="setup = 'touch made'")
    found = rerun(known(ready), [completed(plan, head(ready))])
    assert statuses(found) == [("passes", "passed"), ("fails", "failed")]
    assert snapshot(ready.top) == before  # no cache, no index, no object, no work tree
    assert ready.out("worktree", "list", "--porcelain").count("worktree ") == 1


def test_report_files(ready: Repository) -> None:
    text = """
version = 1
[feature]
title = "Feature"
[gates.g]
run = '''mkdir src/out; printf '<testsuite><testcase name="t"/></testsuite>' > src/out/junit.xml'''
inputs = ["src/**"]
junit = "src/out/junit.xml"
[gates.h]
run = "true"
inputs = ["src/**"]
"""
    plan, findings = read_plan((text + PHASES.replace("GATES", '["g", "h"]')).encode())
    assert plan is not None, findings
    found = rerun(known(ready), [completed(plan, head(ready))])
    assert statuses(found) == [("g", "passed"), ("h", "passed")]  # the report of one is no input of the other
    assert found[0].result.tests == 1


def test_sha256_and_a_linked_work_tree(tmp_path: Path) -> None:
    main = Repository.init(tmp_path / "main", "--object-format=sha256")
    main.commit("one", {"src/a.txt": "a\n"})
    main.git("worktree", "add", "-q", "-b", "side", tmp_path / "linked tree")
    linked = Repository(tmp_path / "linked tree")
    linked.commit("two", {"src/a.txt": "side\n"})
    (found,) = rerun(known(linked), [completed(plan_of({"g": "cat src/a.txt"}), head(linked))])
    assert (found.result.status, found.result.output, len(found.oid)) == ("passed", "side", 64)


def test_variables_of_a_hook_do_not_leak(ready: Repository) -> None:
    index = ready.top / ".git/index"
    leaky = {"GIT_DIR": str(ready.top / ".git"), "GIT_WORK_TREE": str(ready.top), "GIT_INDEX_FILE": str(index)}
    before = index.read_bytes()
    add = 'touch new && git add new && test "$(git status --short)" = "A  new" && git rev-parse --show-toplevel'
    command = f"! env | grep -E '^GIT_(DIR|WORK_TREE|INDEX_FILE)=' && {add}"
    plan = plan_of({"g": command}, settings=f'setup = """{command} && git reset -q && rm new"""')
    (found,) = rerun(known(ready, leaky), [completed(plan, head(ready))])
    assert found.result.status == "passed", found.result
    assert found.result.output != str(ready.top)
    assert index.read_bytes() == before


# -- settings.setup ---------------------------------------------------------------------------------------------------


def test_setup_runs_first_and_once_per_checkout(ready: Repository, commits: list[str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    plan = plan_of(
        {"a": f"test -f made && echo a >> '{log}'", "b": f"test -f made && echo b >> '{log}'"},
        settings=f"setup = '''pwd >> \"{log}\"; touch made'''",
    )
    found = rerun(known(ready), [completed(plan, oid) for oid in commits[:2]])
    assert [status for _, status in statuses(found)] == ["passed"] * 4
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines[1:3] == lines[4:6] == ["a", "b"]
    assert len({lines[0], lines[3]}) == 2
    assert all(os.path.isabs(line) for line in (lines[0], lines[3]))


SETUPS = {
    "fails": ("echo broken; exit 7", "exit 7", "broken"),
    "is not there": ("no-such-installer ci", "could not run: ", "no-such-installer"),
    "takes too long": ("echo begun; exec sleep 600", "stopped after its time limit of 0.3 s", "begun"),
}


@pytest.mark.parametrize("case", SETUPS)
def test_setup_that_does_not_pass(
    case: str, ready: Repository, commits: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, reason, output = SETUPS[case]
    if case == "takes too long":
        monkeypatch.setattr(module, "SETUP_S", 0.3)
    ran = f"echo ran >> '{tmp_path}/ran'"
    bad = plan_of({"a": ran, "b": ran}, settings=f"setup = '{command}'")
    found = rerun(known(ready), [completed(bad, commits[0]), completed(plan_of({"c": "true"}), commits[1])])
    assert statuses(found) == [("a", "error"), ("b", "error"), ("c", "passed")]
    for each in found[:2]:
        assert each.result.reason.startswith(f"settings.setup ({command}) did not pass in a clean checkout: {reason}")
        assert output in each.result.output
        assert each.result.key
    assert not (tmp_path / "ran").exists()


def test_time_limit_of_the_setup() -> None:
    assert module.SETUP_S == 1800


def test_setup_that_changes_what_is_tested(ready: Repository) -> None:
    plan = plan_of({"g": "true"}, settings="setup = 'echo x >> src/a.txt'")
    (found,) = rerun(known(ready), [completed(plan, head(ready))])
    assert found.result.status == "unclean"
    assert "src/a.txt differs; settings.setup or a gate before it did that" in found.result.reason


# -- how often --------------------------------------------------------------------------------------------------------


def test_same_key_runs_once(ready: Repository, tmp_path: Path) -> None:
    log = tmp_path / "log"
    plan = plan_of({"g": f"git rev-parse HEAD >> '{log}'"})
    first = head(ready)
    ready.commit("no input", {"other.txt": "other\n"})
    second = head(ready)
    ready.commit("an input", {"src/b.txt": "b\n"})
    third = head(ready)
    found = rerun(
        known(ready),
        [completed(plan, first, "one"), completed(plan, second, "one", "two"), completed(plan, third, "two")],
    )
    assert [(each.oid, each.phases) for each in found] == [(first, ("one", "two")), (third, ("two",))]
    assert log.read_text(encoding="utf-8").split() == [first, third]
    assert found[0].result.key != found[1].result.key


def test_commit_without_a_gate_of_its_own_is_not_checked_out(ready: Repository, tmp_path: Path) -> None:
    plan = plan_of({"g": "true"}, settings=f"setup = '''echo x >> \"{tmp_path}/log\"'''")
    first = head(ready)
    ready.commit("no input", {"other.txt": "other\n"})
    rerun(known(ready), [completed(plan, first), completed(plan, head(ready))])
    assert (tmp_path / "log").read_text(encoding="utf-8") == "x\n"


# -- side by side -----------------------------------------------------------------------------------------------------

# Passes if two of it run at the same time: each makes a file and waits for two to be there, but not for ever.
MEET = """
touch "PLACE/$$"
for _ in $(seq 200); do
    test "$(ls PLACE | wc -l)" -ge 2 && exit 0
    sleep 0.02
done
exit 1
"""
# Passes if no other of it runs at the same time.
ALONE = 'mkdir "PLACE/lock" && sleep 0.05 && rmdir "PLACE/lock"'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that all gates can see."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def _all_passed(found: list[Rerun]) -> bool:
    return {each.result.status for each in found} == {"passed"}


@pytest.mark.parametrize("jobs", [2, 3])
def test_two_commits_overlap(ready: Repository, commits: list[str], place: Path, jobs: int) -> None:
    plan = plan_of({"g": MEET.replace("PLACE", str(place))})
    found = rerun(known(ready), [completed(plan, oid) for oid in commits[:2]], jobs)
    assert [each.oid for each in found] == commits[:2]
    assert _all_passed(found), found


def test_gates_of_one_commit_overlap(ready: Repository, place: Path) -> None:
    command = MEET.replace("PLACE", str(place))
    assert _all_passed(rerun(known(ready), [completed(plan_of({"a": command, "b": command}), head(ready))], 2))


def test_plan_of_the_last_commit_says_how_many(ready: Repository, commits: list[str], place: Path) -> None:
    meet = {"g": MEET.replace("PLACE", str(place))}
    todo = [completed(plan_of(meet), commits[0]), completed(plan_of(meet, "jobs = 2"), commits[1])]
    assert _all_passed(rerun(known(ready), todo))


def test_one_per_cpu(ready: Repository, commits: list[str], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    plan = plan_of({"g": MEET.replace("PLACE", str(place))})
    assert _all_passed(rerun(known(ready), [completed(plan, oid) for oid in commits[:2]], 0))


def test_one_at_a_time(ready: Repository, commits: list[str], place: Path) -> None:
    alone = ALONE.replace("PLACE", str(place))
    # Nor is there more than one checkout.
    only = 'test "$(ls .. | wc -l)" -eq 1'
    plan = plan_of({"a": f"{only} && {alone}", "b": alone}, settings="jobs = 1")
    found = rerun(known(ready), [completed(plan, oid) for oid in commits])
    assert len(found) == 6
    assert _all_passed(found), found


def test_no_more_than_asked_for(ready: Repository, commits: list[str], place: Path) -> None:
    # Each takes one of three places; a fourth at the same time finds none.
    seat = " || ".join(f'(mkdir "{place}/{n}" 2>/dev/null && sleep 0.1 && rmdir "{place}/{n}")' for n in range(3))
    plan = plan_of(dict.fromkeys("abcd", seat))
    found = rerun(known(ready), [completed(plan, oid) for oid in commits[:2]], 3)
    assert len(found) == 8
    assert _all_passed(found), found


def test_progress(ready: Repository, commits: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    plan = plan_of({"g": "true"}, settings="setup = 'true'")
    rerun(known(ready), [completed(plan, oid) for oid in commits[:2]], 2)
    said = capfd.readouterr().err
    if said:  # a terminal gets it otherwise
        names = sorted(line.split(":")[0] for line in said.splitlines())
        short = [oid[:7] for oid in commits[:2]]
        assert names == sorted([*(f"gate g of one at {s}" for s in short), *(f"gate setup at {s}" for s in short)])


# -- the end ----------------------------------------------------------------------------------------------------------

# Tells who it is, then sleeps.
SLEEP = 'echo $$ > "MAIL"; exec sleep 600'


def test_git_error_ends_the_others(ready: Repository, commits: list[str], mail: Mailbox, place: Path) -> None:
    # A blob of the last commit is gone, so that it cannot be checked out; that is tried when the first gate runs.
    oid = ready.out("rev-parse", f"{commits[2]}:src/a.txt")
    (ready.top / ".git/objects" / oid[:2] / oid[2:]).unlink()
    sleeps = plan_of({"g": f'touch "{place}/here"; {SLEEP.replace("MAIL", str(mail.path))}'})
    waits = plan_of({"g": MEET.replace("PLACE", str(place))})
    todo = [completed(plan, oid) for plan, oid in zip((sleeps, waits, waits), commits, strict=True)]
    with pytest.raises(CannotJudgeError, match=r"git .*reset"):
        rerun(known(ready), todo, 2)
    assert not is_running(mail.pid())


def test_unknown_commit(ready: Repository) -> None:
    with pytest.raises(CannotJudgeError):
        rerun(known(ready), [completed(plan_of({"g": "true"}), "1" * 40)])


def test_no_zombies_and_no_open_files(ready: Repository, commits: list[str]) -> None:
    before = set(os.listdir("/dev/fd"))
    assert _all_passed(rerun(known(ready), [completed(plan_of({"g": "true"}), oid) for oid in commits], 2))
    assert set(os.listdir("/dev/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_handlers_are_put_back(ready: Repository) -> None:
    before = signal.getsignal(signal.SIGTERM)
    rerun(known(ready), [completed(plan_of({"g": "true"}), head(ready))])
    assert signal.getsignal(signal.SIGTERM) is before


# A program that runs gates of two commits again.
PROGRAM = """
import sys
from pathlib import Path
from orchestrator.gate_runs import checkouts
from orchestrator.app.verify.rerun import rerun
from tests.git.test_rerun import completed, known, plan_of
from tests.support import Repository

checkouts.WATCH_S = float(sys.argv[4])
repo = Repository(Path(sys.argv[1]))
plan = plan_of({"g": sys.argv[2]}, settings=f"setup = '''{sys.argv[3]}'''")
try:
    rerun(known(repo), [completed(plan, oid) for oid in sys.argv[5:]], 2)
except KeyboardInterrupt:
    sys.exit(130)
"""
# What a gate does that does not want its folder to be removed.
WRITE = 'trap "" TERM; echo $$ > "MAIL"; while :; do mkdir -p "$PWD/x/y"; touch "$PWD/x/y/z"; done'


@linux
@pytest.mark.parametrize(
    ("number", "where"),
    [
        (signal.SIGINT, "busy gate"),
        (signal.SIGTERM, "setup"),
        (signal.SIGHUP, "gate"),
        (signal.SIGKILL, "gate"),
        (signal.SIGKILL, "setup"),
        (signal.SIGKILL, "busy gate"),
    ],
)
def test_signal(
    ready: Repository, commits: list[str], mail: Mailbox, temp: Path, number: signal.Signals, where: str
) -> None:
    wait = (WRITE if where == "busy gate" else SLEEP).replace("MAIL", str(mail.path))
    commands = ("true", wait) if where == "setup" else (wait, "true")
    watch_s = "3" if where == "busy gate" else "0.7"  # the busy one is ended with SIGKILL, 2 s after SIGTERM
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(ready.top), *commands, watch_s, *commits[:2]],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ROOT},
        stderr=subprocess.DEVNULL,
    )
    try:
        pids = [mail.pid(), mail.pid()]
    except AssertionError:
        program.kill()
        program.wait()
        raise
    assert files_below(temp)
    program.send_signal(number)
    assert program.wait(PATIENCE_S) == (-9 if number == signal.SIGKILL else 130)
    if number != signal.SIGKILL:  # then all is over already
        assert not processes_with(temp)
        assert os.listdir(temp) == []
        assert not any(is_running(pid) for pid in pids)
    assert eventually(lambda: not processes_with(temp))
    assert not any(is_running(pid) for pid in pids)
