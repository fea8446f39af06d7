"""The report: its numbers are worked out again here, by the very commands that it names and by plain Git."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt

from tests.e2e.support import GOOD_SCHEMA, PLAN
from tests.support import Repository, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Maker
    from tests.e2e.support import Adopted, Orchestrator

RULES = """
[report]
break_after = "1h"
first_commit = "10m"
[report.domains]
schema = ["db/*.sql"]
"""
MORE = """
[[question]]
id = "Q1"
text = "Cookies?"
blocks = ["ui"]
[[control]]
id = "S1"
text = "Hashed"
phase = "foundation"
reference = "ASVS 2.4.1"
waiver = { why = "later", who = "Anna", until = 2999-12-31 }
[[risk]]
id = "R1"
text = "Lost"
status = "accepted"
"""
PLAN_HERE = (
    PLAN.replace('title = "Foundation"', 'title = "Foundation"\nestimate = "2-3 hours"\nowners = ["Anna"]')
    .replace('title = "Backend API"', 'title = "Backend API"\nestimate = "when it is done"')
    .replace("Settings agreed", "Settings <i>agreed</i> `now`")
    + RULES + MORE
)  # fmt: skip
OWN = ("plan.toml", "PLAN.md", "plan.lock")


@pytest.fixture
def story(make: Maker, monkeypatch: pytest.MonkeyPatch) -> Adopted:
    """A plan that has been worked on for two days by two people, with a merge and an exception."""
    repo = make.copied(("native", PLAN_HERE, "story"), "repo", lambda: told(make, monkeypatch))
    monkeypatch.chdir(repo.top)
    return repo


def told(make: Maker, monkeypatch: pytest.MonkeyPatch) -> Adopted:
    """The story, commit by commit."""
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2026-03-01T07:00:00Z")
    repo = make.adopted(plan=PLAN_HERE)

    def at(when: str, message: str, files: dict[str, str | bytes], email: str = "ada@example.com") -> None:
        env = {"GIT_AUTHOR_DATE": f"2026-03-{when}:00Z", "GIT_AUTHOR_EMAIL": email}
        repo.add(files)
        repo.git("commit", "-q", "-m", message, env=env)

    monkeypatch.delenv("GIT_AUTHOR_DATE")
    at("01T09:00", "feat: [foundation] a schema", {"db/schema.sql": GOOD_SCHEMA, "db/blob": b"\0\1\2"})
    at("01T09:30", "feat: [Foundation] longer", {"db/schema.sql": GOOD_SCHEMA + "-- more\n-- and more\n"})
    repo.tick("1.2")
    at("01T12:00", "feat: [1] agreed", {"db/old.sql": "x\n"}, "ben@example.com")
    repo.git("rm", "-q", "db/old.sql")
    at("01T12:20", "feat: [foundation] tidy", {"docs/db.md": "# db\n"}, "ben@example.com")
    repo.git("switch", "-q", "-c", "side")
    at("02T08:00", "feat: [api] login", {"src/api/auth.py": "x = 1\n", "notes.txt": "one\ntwo\n"})
    repo.git("switch", "-q", "-")
    at("02T08:10", "feat: [foundation] comment", {"db/notes": "n\n"}, "ben@example.com")
    repo.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    repo.add({"src/api/log/a b.py": "y = 2\n"})
    reason = "the log <b>is</b> [full](javascript:x)"
    env = {"GIT_AUTHOR_DATE": "2026-03-02T08:20:00Z", "ORCHESTRATOR_EXCEPTION": reason}
    repo.git("commit", "-q", "-m", f"hot fix\n\nPlan-Exception: {reason}", env=env)
    repo.add({"plan.toml": repo.read("plan.toml") + "# the end\n"})
    repo.git("commit", "-q", "-m", "feat: [plan] words", env={"GIT_AUTHOR_DATE": "2026-03-02T08:30:00Z"})
    return repo


def shell(repo: Repository, command: str) -> str:
    """What the command printed, run in a folder below the top as a reader of the report might."""
    return run(["bash", "-c", command], cwd=repo.top / "db", env=repo.env).stdout


def numstat(out: str) -> tuple[int, int]:
    """The lines added and removed."""
    rows = [line.split("\t") for line in out.splitlines() if line]
    return sum(int(row[0]) for row in rows if row[0] != "-"), sum(int(row[1]) for row in rows if row[1] != "-")


def test_every_number_can_be_worked_out_again(story: Adopted, orchestrator: Orchestrator) -> None:
    data = orchestrator("report", "--json").json
    commands = {item["what"]: item["command"] for item in data["commands"]}
    totals = data["totals"]

    # files and lines of the whole
    lines = numstat(shell(story, commands["files and lines in all"]))
    assert (totals["lines"]["added"], totals["lines"]["removed"]) == lines == (7, 1)
    status = shell(story, commands["which files are new or gone"]).splitlines()
    kinds = {"A": "created", "M": "modified", "D": "deleted"}
    assert totals["files"] == {name: sum(line[0] == kind for line in status) for kind, name in kinds.items()}
    assert totals["files"] == {"created": 6, "modified": 1, "deleted": 0}
    base, head = data["history"]["adoption"], data["history"]["head"]
    assert base == story.out("rev-list", "--max-parents=0", "HEAD")
    assert head == story.out("rev-parse", "HEAD")
    plain = story.out(
        "diff", "--no-renames", "--numstat", base, head, "--", ".", *[f":(exclude){path}" for path in OWN]
    )
    assert numstat(plain) == lines

    # domains
    for domain in data["domains"]:
        assert numstat(shell(story, domain["command"])) == (domain["lines"]["added"], domain["lines"]["removed"])
    names = {domain["name"]: sum(domain["files"].values()) for domain in data["domains"]}
    assert names == {"schema": 1, "docs": 1, "backend": 2, "database": 2, "other": 1}
    assert sum(names.values()) == sum(totals["files"].values())

    # phases, by the commits that name them
    log = [
        line.split(" ", 2)
        for line in shell(
            story, commands["commits, their times and phases (the last line is the adoption)"]
        ).splitlines()
    ]
    assert int(shell(story, commands["commits since the adoption"])) == totals["commits"] == len(log) - 1 == 8
    named = {"foundation": r"\[(foundation|Foundation|1)\]", "api": r"\[api\]", "ui": r"\[ui\]"}
    for phase in data["phases"]:
        mine = [subject for _, _, subject in log if re.search(named[phase["id"]], subject)]
        assert len(phase["commits"]) == len(mine)
        if mine:
            assert numstat(shell(story, phase["command"])) == (phase["lines"]["added"], phase["lines"]["removed"])
    first = data["phases"][0]
    assert first["files"] == {"created": 4, "modified": 0, "deleted": 1}
    assert (first["first"], first["last"]) == ("2026-03-01T09:00:00Z", "2026-03-02T08:10:00Z")
    assert int(shell(story, commands["merges"])) == totals["merges"] == 1

    # time: by hand, after the rule that the report states
    assert totals["time_s"] == by_hand([(who, int(when)) for when, who, _ in log])
    # Ada after a break and half an hour later, Ben for the first time, after 20 minutes, and after a night.
    assert first["time_s"] == 600 + 1800 + 600 + 1200 + 600
    assert data["phases"][1]["time_s"] == 600
    assert {work["name"]: work["time_s"] for work in data["other_work"]} == {"no phase": 1200, "the plan": 600}

    # evidence
    lock = shell(story, commands["tests and coverage"])
    passed = [(phase["id"], gate["name"]) for phase in data["phases"] for gate in phase["gates"] if gate["passed"]]
    assert passed == re.findall(r"\[phase\.(\w+)\.gate\.(\w+)\]", lock)
    assert totals["tests"] is None
    assert first["gates"][0]["passed"]
    assert first["gates"][0]["runs_here"]["passed"] == len([name for name in story.gate_runs() if name == "schema"])
    todo = shell(story, commands["tasks, artifacts, controls and risks"])
    assert todo.count("- [x] ") == totals["tasks"]["done"] == 3
    assert f"**Progress**: {totals['tasks']['done']}/{totals['tasks']['total']} " in todo


def by_hand(commits: list[tuple[str, int]]) -> int:
    """Seconds of work by the rule that the report states; the oldest commit is the adoption."""
    (adopter, began), total = min(commits, key=lambda commit: commit[1]), 0
    for who in {who for who, _ in commits}:
        times = sorted(when for other, when in commits if other == who)
        for place, when in enumerate(times):
            if (who, when) == (adopter, began):
                continue
            gap = when - times[place - 1] if place else 99999
            total += gap if gap <= 3600 else 600
    return total


def test_what_stands_beside_the_numbers(story: Adopted, orchestrator: Orchestrator) -> None:
    data = orchestrator("report", "--format", "json").json
    assert not data["complete"]
    assert data["totals"]["estimate_s"] == [7200, 10800]
    assert data["totals"]["estimates_unread"] == ["api"]
    assert data["phases"][0]["owners"] == ["Anna"]
    assert [(c["id"], c["open"], c["status"]) for c in data["controls"]] == [
        ("S1", False, "waived: later, Anna, until 2999-12-31")
    ]
    assert [(hold["id"], hold["answer"]) for hold in data["holds"]] == [("Q1", "")]
    kinds = [item["kind"] for item in data["verified"]["listed"]]
    assert kinds == ["adopted", "exception"]
    assert data["verified"]["refused"] == []
    assert data["follow_up"] == [
        "question Q1 has no answer: Cookies?",
        "control S1 is waived until 2999-12-31: later",
        "risk R1 is accepted: Lost",
        "phase ui has no gate that proves it",
        "1 commit declares an exception: look again",
    ]
    assert data["next_steps"][0]["command"] == "orchestrator next"
    assert story.status() == []


@pytest.mark.usefixtures("story")
def test_the_markdown_says_the_same(orchestrator: Orchestrator, tmp_path: Path) -> None:
    text = orchestrator("report").out
    data = orchestrator("report", "--json").json
    assert text.startswith("# Login: report\n")
    assert f"- **Lines added**: {data['totals']['lines']['added']}\n" in text
    assert "**Not complete yet**: 1 of 3 phases, 3 of 5 tasks (60%).\n" in text
    assert "| 1 Foundation | Anna | 2/2 | complete | 2-3 hours | 1 h 20 min | 5 | 5 | +6 -1 |" in text
    assert "- [ ] 2.2: Logging\n" in text
    assert "- [x] 1.1: Users table\n" in text
    assert "What it still needs:\n\n- question Q1 has no answer: Cookies?\n- it waits for api\n" in text
    for item in [*data["commands"], *data["next_steps"], *[p for p in data["phases"] if p["command"]]]:
        assert item["command"] in text
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    assert not [child for child in inline if child.type in ("html_inline", "link_open", "image")]
    assert not [token for token in tokens if token.type in ("html_block", "code_block", "fence")]
    assert "Settings <i>agreed</i> `now`" in "".join([child.content for child in inline])
    rows = [token for token in tokens if token.type == "tr_open"]
    assert len(rows) == 2 + 3 + 2 + 2, "two tables: phases with other work, gates"
    # a file is written whole, in the form that its name says
    for name in ("out.md", "out.json", "out.html"):
        path = tmp_path / name
        assert orchestrator("report", "-o", str(path)).out == f"wrote {path}\n"
    assert (tmp_path / "out.md").read_text(encoding="utf-8") == text
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert page == orchestrator("report", "--format", "html").out
    assert page.startswith("<!DOCTYPE html>")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == data


def test_what_cannot_be_reported(repo: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.top)
    repo.commit("begin", {"a": "a\n"})
    done = orchestrator("report")
    assert done.code == 3
    assert "HEAD has no plan.toml" in done.err
    assert "help: commit the plan, if it is staged; else: orchestrator init" in done.err


@pytest.mark.usefixtures("story")
def test_a_report_that_cannot_be_written(orchestrator: Orchestrator) -> None:
    done = orchestrator("report", "-o", "no/such/folder/x.md")
    assert done.code == 3
    assert "the report cannot be written: No such file or directory" in done.err


def test_a_shallow_history_is_refused(
    story: Adopted, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run(["git", "clone", "-q", "--depth=2", story.top.as_uri(), tmp_path / "clone"], cwd=tmp_path)
    monkeypatch.chdir(tmp_path / "clone")
    done = orchestrator("report")
    assert done.code == 3
    assert "the history is shallow" in done.err


def test_a_plan_without_anything_is_reported(
    make: Maker, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = 'version = 1\n[feature]\ntitle = "T"\n[[phase]]\nid = "a"\ntitle = "A"\nartifacts = ["out"]\n'
    repo = make.adopted(plan=plan)
    monkeypatch.chdir(repo.top)
    data: Any = orchestrator("report", "--json").json
    assert data["totals"]["commits"] == 0
    assert data["totals"]["time_s"] == 0
    assert data["totals"]["estimate_s"] is None
    assert "No file differs from the adoption of the plan." in orchestrator("report").out


def test_a_report_is_written_where_a_link_or_a_pipe_leads(
    native: Adopted, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(native.top)
    (tmp_path / "real.md").write_text("old\n", encoding="utf-8")
    (tmp_path / "link.md").symlink_to("real.md")
    assert orchestrator("report", "-o", str(tmp_path / "link.md")).code == 0
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_text(encoding="utf-8").startswith("# Login: report\n")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert orchestrator("report", "-o", str(tmp_path / "pipe")).code == 0
    assert os.read(reader, 17) == b"# Login: report\n\n"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    "setting",
    [
        ("diff.relative", "true"),
        ("diff.ignoreSubmodules", "all"),
        ("diff.algorithm", "patience"),
        ("log.showSignature", "true"),
        ("log.follow", "true"),
        ("color.ui", "always"),
        ("i18n.logOutputEncoding", "UTF-16"),
    ],
)
def test_no_setting_changes_the_numbers_or_what_their_commands_count(
    native: Adopted, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, setting: tuple[str, str]
) -> None:
    monkeypatch.chdir(native.top)
    native.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", native.top.as_uri(), "sub")
    native.add({"db/schema.sql": GOOD_SCHEMA, "other/a  b": "x\ny\n"})
    native.git("commit", "-q", "-m", "feat: [foundation] more")
    plain = orchestrator("report", "--json").json
    native.git("config", *setting)
    data = orchestrator("report", "--json").json
    assert data == plain
    commands = {item["what"]: item["command"] for item in data["commands"]}
    assert numstat(shell(native, commands["files and lines in all"])) == (7, 0)
    assert numstat(shell(native, data["phases"][0]["command"])) == (7, 0)
    found = [numstat(shell(native, domain["command"])) for domain in data["domains"]]
    assert sum(added for added, _ in found) == 7


def test_a_command_names_files_as_they_are(
    native: Adopted, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(native.top)
    native.add({"db/a  b": "x\n", "db/ c": "x\n", "db/new\nline": "x\n"})
    native.git("commit", "-q", "-m", "feat: [foundation] names")
    tokens = MarkdownIt("commonmark").enable("table").parse(orchestrator("report").out)
    spans = [child.content for token in tokens for child in token.children or () if child.type == "code_inline"]
    (domain,) = orchestrator("report", "--json").json["domains"]
    assert domain["command"] in spans
    assert {"db/a  b", "db/ c", "db/new\\x0aline"} <= set(spans)
    assert numstat(shell(native, domain["command"])) == (3, 0)


def test_commits_of_one_second_are_taken_in_their_order(
    native: Adopted, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(native.top)
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2026-03-01T07:00:00Z")
    native.add({"db/old.sql": "x\n", "db/kept": "x\n"})
    native.git("commit", "-q", "-m", "feat: [foundation] add")
    native.git("rm", "-q", "db/old.sql")
    native.git("commit", "-q", "-m", "feat: [foundation] remove")
    phase = orchestrator("report", "--json").json["phases"][0]
    assert phase["files"] == {"created": 1, "modified": 0, "deleted": 1}
    assert phase["commits"] == native.out("log", "-2", "--reverse", "--format=%H").split("\n")


def test_a_plan_that_a_merge_has_brought(
    repo: Repository, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.top)
    repo.commit("begin", {"a": "a\n"})
    repo.git("switch", "-q", "-c", "side")
    repo.commit("aside", {"b": "b\n"})
    repo.git("switch", "-q", "main")
    repo.commit("ahead", {"c": "c\n"})
    repo.git("merge", "-q", "--no-commit", "side")
    repo.write("plan.toml", PLAN)
    assert orchestrator("init", "--hooks", "none").code == 0
    repo.git("commit", "-q", "-m", "merge and adopt")
    repo.commit("feat: [foundation] schema", {"db/schema.sql": GOOD_SCHEMA})
    report = orchestrator("report", "--json")
    assert report.code == 0, report.err
    assert report.json["history"]["adoption"] == repo.out("rev-parse", "HEAD~1")
    assert (report.json["totals"]["commits"], report.json["totals"]["merges"]) == (1, 0)


def test_an_adoption_whose_date_nobody_can_read(
    native: Adopted, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(native.top)
    text = re.sub("^author .*", "author X <> not-a-date", native.out("cat-file", "commit", "HEAD"), flags=re.MULTILINE)
    oid = native.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=f"{text}\n").stdout.strip()
    native.git("reset", "-q", "--hard", oid)
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.git("commit", "-q", "-m", "feat: [foundation] schema")
    report = orchestrator("report", "--json")
    assert report.code == 0, report.err
    assert report.json["totals"]["time_s"] == 1800


def test_a_commit_counts_for_the_phase_that_had_the_name_then(
    native: Adopted, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(native.top)
    native.finish_foundation()
    native.add({"src/api/auth.py": "x = 1\n"})
    native.git("commit", "-q", "-m", "feat: [2] login")
    native.add({"src/api/log/a.py": "y = 1\n"})
    native.git("commit", "-q", "-m", "feat: [Backend API] logging")
    first = '[[phase]]\nid = "before"\ntitle = "Before"\nartifacts = ["notes"]\n'
    text = PLAN.replace('[[phase]]\nid = "foundation"', f'{first}[[phase]]\nid = "foundation"')
    native.add({"plan.toml": text.replace("Backend API", "The API")})
    native.git("commit", "-q", "-m", "feat: [plan] one more in front")
    phases = orchestrator("report", "--json").json["phases"]
    assert {phase["id"]: len(phase["commits"]) for phase in phases} == {"before": 0, "foundation": 1, "api": 2, "ui": 0}
