"""What keeps a phase from starting or from being complete: questions, blockers, assumptions, controls, artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import tomli

from tests.e2e.support import GOOD_SCHEMA, PLAN, assert_accepted, assert_in_step, assert_refused, said
from tests.support import run

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker
    from tests.e2e.support import Adopted, Orchestrator

CONTROL = """
[[control]]
id = "S1"
text = "Passwords hashed"
phase = "foundation"
"""
WAIVER = 'waiver = { why = "x", who = "y", until = '


@pytest.fixture
def here(native: Adopted, monkeypatch: pytest.MonkeyPatch) -> Adopted:
    """A repository that has adopted the plan; the current folder is its top."""
    monkeypatch.chdir(native.top)
    return native


def lines_under(repo: Adopted, number: int, text: str | None = None) -> list[str]:
    """The lines of PLAN.md, of HEAD or of the text, that belong to the phase and are neither tasks nor its status."""
    part = (repo.head("PLAN.md") if text is None else text).split(f"### Phase {number}:")[1].split("\n\n")[0]
    return [line for line in part.split("\n")[2:] if not line.startswith("- [")]


HOLDS = [
    (
        ("ask", "Cookies or local storage?", "--blocks", "foundation"),
        "question-open",
        "- Question Q1: Cookies or local storage? (open)",
        "question Q1 has no answer: Cookies or local storage?",
        ("answer", "Q1", "Cookies"),
        "- Question Q1: Cookies or local storage? (answered: Cookies)",
    ),
    (
        ("block", "Foundation", "--why", "No database yet"),
        "phase-blocked",
        "- Blocker B1: No database yet (open)",
        "blocker B1 is in the way: No database yet",
        ("unblock", "1", "--how", "It came"),
        "- Blocker B1: No database yet (resolved: It came)",
    ),
    (
        ("assume", "PostgreSQL 15 is there", "--blocks", "Phase 1"),
        "question-open",
        "- Assumption A1: PostgreSQL 15 is there (not confirmed)",
        "assumption A1 is not confirmed: PostgreSQL 15 is there",
        ("confirm", "A1"),
        "- Assumption A1: PostgreSQL 15 is there (confirmed)",
    ),
]


@pytest.mark.parametrize(("say", "error", "line", "reason", "settle", "settled"), HOLDS)
def test_what_is_open_keeps_its_phase_from_starting(
    here: Adopted,
    orchestrator: Orchestrator,
    say: tuple[str, ...],
    error: str,
    line: str,
    reason: str,
    settle: tuple[str, ...],
    settled: str,
) -> None:
    done = orchestrator(*say)
    assert done.code == 0, done.err
    assert here.status() == ["M  PLAN.md", "M  plan.toml"]
    before = here.state()
    assert_accepted(here, here.git("commit", "-m", commit_message(done.out), check=False), before)
    assert lines_under(here, 1) == [line]
    assert here.head("PLAN.md").endswith(
        "**Current Phase**: Phase 1 (Foundation) - locked\n<!-- orchestrator:end -->\n"
    )

    here.add({"db/schema.sql": GOOD_SCHEMA})
    before = here.state()
    refused = here.git("commit", "-m", "feat: [foundation] schema", check=False)
    assert_refused(here, refused, before, error)
    assert reason in said(refused)
    assert f"help: orchestrator {settle[0]} " in said(refused)

    done = orchestrator(*settle)
    assert done.code == 0, done.err
    suggested = commit_message(done.out)
    before = here.state()
    done_plan = here.git("commit", "-m", suggested, "--", "plan.toml", "PLAN.md", "plan.lock", check=False)
    assert_accepted(here, done_plan, before, dirty=["A  db/schema.sql"])
    assert lines_under(here, 1) == [settled]
    before = here.state()
    assert_accepted(here, here.git("commit", "-m", "feat: [foundation] schema", check=False), before)
    assert orchestrator("verify", "HEAD").code == 0


def commit_message(out: str) -> str:
    """The message of the commit that a command's last line proposes."""
    found = re.search(r'^next: git commit -m "([^"]*)"', out, re.MULTILINE)
    assert found, out
    return found[1]


def test_all_of_it_at_once(here: Adopted, orchestrator: Orchestrator) -> None:
    for say, *_ in HOLDS:
        assert orchestrator(*say).code == 0
    here.git("commit", "-q", "-m", "feat: [plan] stop and ask")
    here.add({"db/schema.sql": GOOD_SCHEMA})
    before = here.state()
    refused = here.git("commit", "-m", "feat: [foundation] schema", check=False)
    assert_refused(here, refused, before, "phase-blocked", "question-open")
    assert all(reason in said(refused) for _, _, _, reason, _, _ in HOLDS)
    assert lines_under(here, 1) == [HOLDS[0][2], HOLDS[1][2], HOLDS[2][2]]
    status = orchestrator("status", "--json").json["phases"][0]
    assert [hold["id"] for hold in status["holds"]] == ["Q1", "B1", "A1"]
    assert status["status"] == "locked"
    steps = orchestrator("next").out
    assert all(f"{reason}   orchestrator {settle[0]} " in steps for _, _, _, reason, settle, _ in HOLDS)


def test_a_dependency_that_is_held_tells_why(here: Adopted, orchestrator: Orchestrator) -> None:
    orchestrator(*HOLDS[1][0])
    here.git("commit", "-q", "-m", "feat: [plan] block")
    here.add({"src/api/auth.py": "x = 1\n"})
    before = here.state()
    refused = here.git("commit", "-m", "feat: [api] login", check=False)
    assert_refused(here, refused, before, "phase-locked")
    assert HOLDS[1][3] in said(refused)


def test_what_is_said_of_the_feature_stands_above_the_phases(here: Adopted, orchestrator: Orchestrator) -> None:
    orchestrator("ask", "Which\nlogo? <!-- x")
    orchestrator("assume", "There is time")
    here.git("commit", "-q", "-m", "feat: [plan] ask")
    top = here.head("PLAN.md").split("### Phase 1")[0]
    assert top.endswith(
        "- Question Q1: Which logo? \\<!-- x (open)\n- Assumption A1: There is time (not confirmed)\n\n"
    )
    here.add({"db/schema.sql": GOOD_SCHEMA})
    before = here.state()
    assert_accepted(here, here.git("commit", "-m", "feat: [foundation] schema", check=False), before)


def test_edits_that_are_not_staged_stay_so(here: Adopted, orchestrator: Orchestrator) -> None:
    mine = here.read("plan.toml") + "# mine\n"
    here.write("plan.toml", mine)
    here.write("PLAN.md", "My notes\n" + here.read("PLAN.md"))
    here.write("notes.txt", "changed\n")
    done = orchestrator("ask", "Why?", "--blocks", "api")
    assert done.code == 0, done.err
    assert here.status() == ["MM PLAN.md", " M notes.txt", "MM plan.toml"]
    assert here.read("plan.toml").startswith(mine)
    assert "# mine" not in (here.staged("plan.toml") or "")
    assert tomli.loads(here.read("plan.toml"))["question"] == tomli.loads(here.staged("plan.toml") or "")["question"]
    assert here.read("PLAN.md").startswith("My notes\n")
    assert lines_under(here, 2, here.read("PLAN.md")) == ["- Question Q1: Why? (open)"]
    here.git("commit", "-q", "-m", "feat: [plan] ask")
    assert_in_step(here, dirty=[" M PLAN.md", " M notes.txt", " M plan.toml"])
    # A question that only the work tree has is counted with.
    here.write("plan.toml", here.read("plan.toml").replace('id = "Q1"', 'id = "Q5"'))
    assert orchestrator("ask", "And?").out.startswith("question Q6: blocks no phase\n")


def test_with_other_work_staged_the_commit_is_named_by_its_files(here: Adopted, orchestrator: Orchestrator) -> None:
    here.add({"db/schema.sql": GOOD_SCHEMA})
    out = orchestrator("block", "api", "--why", "x").out
    assert out.endswith('next: git commit -m "feat: [plan] block B1" -- plan.toml PLAN.md plan.lock\n')
    assert orchestrator("unblock", "api", "--json").json == {
        "changed": [{"kind": "blocker", "id": "B1"}],
        "commit": 'git commit -m "feat: [plan] unblock api" -- plan.toml PLAN.md plan.lock',
        "note": "",
    }


def test_what_is_not_staged_is_not_taken_along(here: Adopted, orchestrator: Orchestrator) -> None:
    here.add({"db/schema.sql": GOOD_SCHEMA})
    here.write("plan.toml", here.read("plan.toml") + "# mine\n")
    here.write("PLAN.md", "My words\n" + here.read("PLAN.md"))
    command = orchestrator("ask", "Why?").out.splitlines()[-1].removeprefix("next: ")
    run(["sh", "-c", command], cwd=here.top, env=here.env)
    assert "# mine" not in here.head("plan.toml")
    assert "My words" not in here.head("PLAN.md")
    assert sorted(here.status()) == [" M PLAN.md", " M plan.toml", "A  db/schema.sql"]


def test_what_is_staged_of_other_files_stays_staged(here: Adopted, orchestrator: Orchestrator) -> None:
    """A version that no file has, a new file, one that is removed and one that has another name now."""
    here.commit("feat: [foundation] files", {"db/gone": "1\n", "db/old": "2\n" * 9})
    here.add({"notes.txt": "only staged\n", "db/schema.sql": GOOD_SCHEMA})
    here.write("notes.txt", "not staged\n")
    here.git("rm", "-q", "db/gone")
    here.git("mv", "db/old", "db/new")
    here.write("PLAN.md", "My words\n" + here.read("PLAN.md"))
    before = here.out("diff", "--cached", "--raw", "--", ":!PLAN.md", ":!plan.toml")
    assert len(before.splitlines()) == 4
    command = orchestrator("ask", "Why?").out.splitlines()[-1].removeprefix("next: ")
    run(["sh", "-c", command], cwd=here.top, env=here.env)
    assert here.out("log", "-1", "--format=%s", "--name-only").split("\n") == [
        "feat: [plan] ask Q1", "", "PLAN.md", "plan.toml"
    ]  # fmt: skip
    assert "My words" not in here.head("PLAN.md")
    assert here.out("diff", "--cached", "--raw") == before
    assert here.staged("notes.txt") == "only staged\n"


def test_what_blocks_no_phase_is_not_forgotten(here: Adopted, orchestrator: Orchestrator) -> None:
    assert orchestrator("ask", "Which logo?").code == 0
    reason = "question Q1 has no answer: Which logo?"
    assert orchestrator("next").out.startswith(f"The whole feature\n  {reason}   orchestrator answer Q1 TEXT\nPhase 1")
    assert reason in orchestrator("status").out
    assert [hold["id"] for hold in orchestrator("status", "--json").json["holds"]] == ["Q1"]
    assert here.status() == ["M  PLAN.md", "M  plan.toml"]


def test_what_was_settled_before_changes_nothing(here: Adopted, orchestrator: Orchestrator) -> None:
    orchestrator("assume", "So")
    assert orchestrator("confirm", "A1").out.startswith("assumption A1: confirmed\nnext: git commit")
    here.git("commit", "-q", "-m", "feat: [plan] so")
    again = orchestrator("confirm", "A1")
    assert again.out == "assumption A1: confirmed (before: yes)\nnothing changes: the plan said so already\n"
    assert here.status() == []


def test_edits_that_are_left_out_are_named(here: Adopted, orchestrator: Orchestrator) -> None:
    here.write("plan.toml", here.read("plan.toml") + "# mine\n")
    done = orchestrator("ask", "Why?")
    assert "note: plan.toml has edits that are not staged; they are not part of this: git add plan.toml" in done.err
    here.write("plan.toml", "xx = = \n")
    before = here.state()
    done = orchestrator("ask", "And?")
    assert done.code == 1
    assert "error[plan-invalid]: plan.toml is not TOML" in done.err
    assert "--> plan.toml:1" in done.err
    assert here.state() == before


def test_no_plan_is_changed_in_the_middle_of_a_merge(here: Adopted, orchestrator: Orchestrator) -> None:
    here.git("switch", "-q", "-c", "side")
    here.commit("feat: [foundation] side", {"db/side": "x\n"})
    here.git("switch", "-q", "-")
    here.commit("feat: [foundation] main", {"db/main": "x\n"})
    here.git("merge", "-q", "--no-commit", "--no-ff", "side")
    before = here.state()
    done = orchestrator("ask", "Why?")
    assert done.code == 1
    assert "a merge is under way" in done.err
    assert here.state() == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("ask", " "), "the text is empty"),
        (("ask", "a\x1b[2Jb"), "there is a control character in: a\\x1b[2Jb"),
        (("ask", "a", "--blocks", "apu"), 'the plan has no phase "apu"; did you mean "api"?'),
        (("block", "nobody", "--why", "x"), 'the plan has no phase "nobody"'),
        (("block", "api"), "Missing option '--why'"),
        (("block", "api", "--why", ""), "the text is empty"),
        (("unblock", "api"), 'no blocker is in the way of phase "Backend API"'),
        (("answer", "Q7", "x"), 'the plan has no question "Q7"'),
        (("answer", "Q1", ""), "the plan has no question"),
        (("confirm", "A1"), 'the plan has no assumption "A1"'),
        (("controls", "resolve", "S9", "x"), 'the plan has no control "S9"'),
        (("controls", "add", "wab"), "'wab' is not one of"),
        (("controls", "add", "web", "--phase", "x"), 'the plan has no phase "x"'),
        (("controls", "waive", "S9", "--why", "x"), "Missing option '--who'"),
        (("commit", "-m", "x", "--exception", ""), "--exception needs a reason"),
    ],
)
def test_wrong_usage_changes_nothing(
    here: Adopted, orchestrator: Orchestrator, arguments: tuple[str, ...], reason: str
) -> None:
    before = here.state()
    done = orchestrator(*arguments)
    assert done.code == 2, done.err
    assert reason in done.err
    assert here.state() == before


def test_a_plan_md_that_cannot_be_kept_stops_all_of_it(here: Adopted, orchestrator: Orchestrator) -> None:
    here.write("PLAN.md", here.read("PLAN.md").replace("Users table", "Other table"))
    before = here.state()
    done = orchestrator("ask", "Why?")
    assert done.code == 1
    assert "error[plan-md-unstaged]" in done.err
    assert here.state() == before


def test_an_inline_array_is_left_to_a_person(
    make: Maker, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make.adopted(plan=PLAN.replace("[feature]", 'question = [{id = "Q1", text = "x"}]\n[feature]'))
    monkeypatch.chdir(repo.top)
    before = repo.state()
    done = orchestrator("ask", "Why?")
    assert done.code == 3
    assert "a command cannot add to [[question]], as plan.toml is written" in done.err
    assert "help: edit plan.toml" in done.err
    assert repo.state() == before


def test_a_foreign_line_among_the_items_is_refused(here: Adopted, orchestrator: Orchestrator) -> None:
    orchestrator(*HOLDS[0][0])
    here.git("commit", "-q", "-m", "feat: [plan] ask")
    for old, new in (("(open)", "(answered: me)"), ("- Question Q1", "- buy milk\n- Question Q1")):
        here.write("PLAN.md", here.head("PLAN.md").replace(old, new, 1))
        here.git("add", "PLAN.md")
        before = here.state()
        assert_refused(here, here.git("commit", "-m", "feat: [api] x", check=False), before, "plan-md-edited")
    assert orchestrator("sync").code == 0
    assert lines_under(here, 1, here.read("PLAN.md")) == [HOLDS[0][2]]
    assert here.read("PLAN.md").count("- buy milk\n") == 1


# -- controls and artifacts ------------------------------------------------------------------------------------------


def with_foundation_done(make: Maker, plan: str, monkeypatch: pytest.MonkeyPatch) -> Adopted:
    """A repository whose first phase has its tasks done and its gate passed."""
    repo = make.adopted(plan=plan)
    monkeypatch.chdir(repo.top)
    repo.finish_foundation()
    return repo


@pytest.mark.parametrize(
    ("terms", "line", "is_open"),
    [
        ("", "(open)", True),
        ('resolved = "in src/hash.py"', "(resolved: in src/hash.py)", False),
        (
            'waiver = { why = "no users", who = "Anna", until = 2999-12-31 }',
            "(waived: no users, Anna, until 2999-12-31)",
            False,
        ),
        (
            'waiver = { why = "no users", who = "Anna", until = "2020-12-31" }',
            "(open: its waiver ended on 2020-12-31)",
            True,
        ),
        ('check = "test -f db/schema.sql"', "(passed)", False),
        ('check = "test -f db/nothing"', "(open)", True),
        (f'check = "false"\n{WAIVER}2020-12-31 }}', "(open: its waiver ended on 2020-12-31)", True),
        (f'check = "false"\n{WAIVER}2999-12-31 }}', "(waived: x, y, until 2999-12-31)", False),
    ],
)
def test_a_control_holds_its_phase(
    make: Maker, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, terms: str, line: str, is_open: bool
) -> None:
    repo = with_foundation_done(make, f"{PLAN}{CONTROL}{terms}\n", monkeypatch)
    assert lines_under(repo, 1) == [f"- Control S1: Passwords hashed {line}"]
    assert (
        repo.head("PLAN.md")
        .split("### Phase 1")[1]
        .split("\n")[1]
        .startswith("_awaiting gates" if is_open else "_complete")
    )
    repo.add({"src/api/auth.py": "x = 1\n"})
    before = repo.state()
    done = repo.git("commit", "-m", "feat: [api] login", check=False)
    if not is_open:
        assert_accepted(repo, done, before)
        assert orchestrator("verify", "HEAD").code == 0
    elif "check" in terms:
        assert_refused(repo, done, before, "gate-failed")
    else:
        assert_refused(repo, done, before, "phase-locked")
        assert "control S1 is open" in said(done)


def test_a_waiver_binds_by_the_day_of_each_commit(
    make: Maker, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiver = 'waiver = { why = "x", who = "y", until = 2098-12-31 }\n'
    repo = with_foundation_done(make, f"{PLAN}{CONTROL}{waiver}", monkeypatch)

    def land(day: str, path: str) -> str:
        """The id of a commit that goes around the hooks on that day."""
        dates = {"GIT_AUTHOR_DATE": f"{day}T12:00:00Z", "GIT_COMMITTER_DATE": f"{day}T12:00:00Z"}
        repo.add({path: "x = 1\n"})
        repo.git("commit", "-q", "--no-verify", "-m", "feat: [api] login", env=dates)
        return repo.out("rev-parse", "HEAD")

    assert land("2098-12-31", "src/api/a.py")
    assert orchestrator("verify", "HEAD").code == 0
    late = land("2099-01-01", "src/api/b.py")
    assert land("2026-01-01", "src/api/c.py")
    report = orchestrator("verify", "HEAD", "--json")
    assert report.code == 1
    assert [verdict["commit"] for verdict in report.json["refused"]] == [late]
    assert [finding["id"] for finding in report.json["refused"][0]["findings"]] == ["phase-locked"]


def test_the_starter_lists(here: Adopted, orchestrator: Orchestrator) -> None:
    done = orchestrator("controls", "add", "web", "auth", "--phase", "api", "--json")
    assert done.code == 0, done.err
    assert done.json["commit"] == 'git commit -m "feat: [plan] add controls for web and auth"'
    here.git("commit", "-q", "-m", "feat: [plan] controls")
    assert orchestrator("lint", "--json").json["errors"] == 0
    rows = orchestrator("controls", "list", "--json").json["controls"]
    assert [row["id"] for row in rows] == [f"S{number}" for number in range(1, len(rows) + 1)]
    assert {row["phase"] for row in rows} == {"api"}
    assert {row["status"] for row in rows} == {"open"}
    assert all(row["reference"].startswith("OWASP ") for row in rows)
    assert len(lines_under(here, 2)) == len(rows) > 20
    again = orchestrator("controls", "add", "web")
    assert again.code == 2
    assert "the plan has all controls of web already" in again.err
    assert orchestrator("controls", "add", "api").out.startswith(f"control S{len(rows) + 1}: ")
    assert tomli.loads(here.read("plan.toml"))["control"][-1]["phase"] == "ui"


def test_a_control_is_resolved_checked_and_waived_by_commands(
    make: Maker, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = "".join([CONTROL.replace("S1", f"S{number}") for number in (2, 3)])
    repo = with_foundation_done(make, f"{PLAN}{CONTROL}{more}", monkeypatch)
    late = orchestrator("controls", "waive", "S3", "--why", "x", "--who", "y", "--until", "2020-01-31")
    assert (late.code, "2020-01-31 is over already" in late.err) == (2, True)
    assert orchestrator("controls", "resolve", "S1", "bcrypt in db").code == 0
    assert orchestrator("controls", "check", "S2", "grep -q users db/schema.sql").code == 0
    assert orchestrator("controls", "waive", "S3", "--why", "later", "--who", "Ben", "--until", "2999-01-31").code == 0
    assert "does not count: it has a check" in orchestrator("controls", "resolve", "S2", "x").out
    here = repo.git("commit", "-m", "feat: [plan] controls", check=False)
    assert here.returncode == 0, said(here)
    assert lines_under(repo, 1) == [
        "- Control S1: Passwords hashed (resolved: bcrypt in db)",
        "- Control S2: Passwords hashed (open)",
        "- Control S3: Passwords hashed (waived: later, Ben, until 2999-01-31)",
    ]
    assert orchestrator("validate").code == 0
    repo.git("commit", "-q", "-m", "validated")
    assert "- Control S2: Passwords hashed (passed)" in lines_under(repo, 1)
    listed = orchestrator("verify", "HEAD").out
    assert "control S1: is resolved by hand" in listed
    assert "control S3: is waived by Ben until 2999-01-31: later" in listed


def test_artifacts_risks_and_owners_are_shown(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = 'files = ["db/**"]\nowners = ["Anna", "Ben"]\nartifacts = ["docs/arch.md"]\n'
    risk = (
        '[[risk]]\nid = "R1"\ntext = "Data lost"\nphase = "foundation"\nmitigation = "backups"\nstatus = "mitigated"\n'
    )
    repo = with_foundation_done(make, PLAN.replace('files = ["db/**"]\n', keys) + risk, monkeypatch)
    shown = ["- Artifact docs/arch.md (missing)", "- Risk R1: Data lost - mitigation: backups (mitigated)"]
    assert lines_under(repo, 1) == shown
    assert "_awaiting gates - gates: schema passed - owners: Anna, Ben_\n" in repo.head("PLAN.md")
    repo.add({"docs/arch.md": "It stands.\n"})
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", "feat: [foundation] docs", check=False), before)
    assert lines_under(repo, 1) == ["- Artifact docs/arch.md (there)", shown[1]]
    assert "_complete - gates: schema passed - owners: Anna, Ben_\n" in repo.head("PLAN.md")
