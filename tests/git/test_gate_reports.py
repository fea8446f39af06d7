"""Report files: where they may lie, and what they make of a run."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.plan import Gate
from orchestrator.gate_runs import report_formats
from orchestrator.gate_runs.report_formats import JUnit, parse_coverage, parse_junit, rounded_down
from orchestrator.gate_runs.reports import ReportError
from tests.git.gate_support import job, python, run, run_one

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support import Repository

BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
ONE = '<testsuite><testcase name="a"/></testsuite>'

JUNIT: dict[str, tuple[str, tuple[int, int]]] = {
    "single suite": (ONE, (1, 0)),
    "suites": (f"<testsuites>{ONE}{ONE}</testsuites>", (2, 0)),
    "nested": (f"<testsuites><testsuite>{ONE}<testcase/><testsuite>{ONE}</testsuite></testsuite></testsuites>", (3, 0)),
    "cases without a suite": ("<testsuites><testcase/><testcase/></testsuites>", (2, 0)),
    "empty": ("<testsuites/>", (0, 0)),
    "skipped": ("<testsuite><testcase><skipped/></testcase><testcase/></testsuite>", (1, 0)),
    "disabled": ('<testsuite><testcase status="notrun"/><testcase status="run"/></testsuite>', (1, 0)),
    "failed": ("<testsuite><testcase><failure/></testcase><testcase><error/></testcase></testsuite>", (2, 2)),
    "failed deep": ("<testsuite><testsuite><testcase><failure/></testcase></testsuite></testsuite>", (1, 1)),
    "counts of a suite": ('<testsuite errors="1" failures="2"><testcase/></testsuite>', (1, 3)),
    "counts of the root": ('<testsuites errors="1"><testsuite errors="" failures="0"/></testsuites>', (0, 1)),
    "output like a result": ("<testsuite><testcase><o>&lt;failure/&gt;</o></testcase></testsuite>", (1, 0)),
    "harmless document type": (f'<!DOCTYPE testsuite SYSTEM "x.dtd">{ONE}', (1, 0)),
}  # fmt: skip
NO_JUNIT = {
    "nothing": "",
    "broken": "<testsuites>",
    "another root": "<html/>",
    "entities": f"{BOMB}<testsuites>&b;</testsuites>",
    "external": f"{OUTSIDE}<testsuites>&a;</testsuites>",
    "no number": '<testsuites errors="many"/>',
    "deep": "<testsuites>" + "<testsuite>" * 5000 + "</testsuite>" * 5000 + "</testsuites>",
    "unknown encoding": '<?xml version="1.0" encoding="x-none"?><testsuites/>',
    "null bytes": "<testsuites>\0</testsuites>",
}


@pytest.mark.parametrize("case", JUNIT)
def test_junit(case: str) -> None:
    text, (tests, failed) = JUNIT[case]
    assert parse_junit(text.encode()) == JUnit(tests, failed)


@pytest.mark.parametrize("case", NO_JUNIT)
def test_no_junit(case: str) -> None:
    with pytest.raises(ReportError):
        parse_junit(NO_JUNIT[case].encode())


def test_too_many_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_formats, "MAX_ELEMENTS", 10)
    with pytest.raises(ReportError, match="too many"):
        parse_junit(b"<testsuites>" + b"<a/>" * 10 + b"</testsuites>")


COVERAGE: dict[str, tuple[str, Fraction | None]] = {
    "numbers": ('<coverage lines-covered="2" lines-valid="3" line-rate="0.67"/>', Fraction(200, 3)),
    "rate": ('<coverage line-rate="0.8"/>', Fraction(80)),
    "all": ('<coverage line-rate="1"/>', Fraction(100)),
    "small rate": ('<coverage line-rate="1e-05"/>', Fraction(1, 1000)),
    "short rate": ('<coverage line-rate=".5"/>', Fraction(50)),
    "no lines": ('<coverage lines-covered="0" lines-valid="0" line-rate="1"/>', None),
    "document type": (
        '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd"><coverage line-rate="0"/>',
        Fraction(0),
    ),
}
NO_COVERAGE = {
    "another root": '<report line-rate="1"/>',
    "no rate": "<coverage/>",
    "not a number": '<coverage line-rate="nan"/>',
    "more than all": '<coverage line-rate="1.01"/>',
    "negative": '<coverage line-rate="-0.1"/>',
    "endless": '<coverage line-rate="1e-999999999"/>',
    "more covered than there are": '<coverage lines-covered="4" lines-valid="3" line-rate="1"/>',
    "numbers that are none": '<coverage lines-covered="x" lines-valid="3" line-rate="1"/>',
    "broken after the root's attributes": '<coverage line-rate="1"><a></coverage>',
    "entities": f'{BOMB}<coverage line-rate="1">&b;</coverage>',
}


@pytest.mark.parametrize("case", COVERAGE)
def test_coverage(case: str) -> None:
    text, percent = COVERAGE[case]
    assert parse_coverage(text.encode()) == percent


@pytest.mark.parametrize("case", NO_COVERAGE)
def test_no_coverage(case: str) -> None:
    with pytest.raises(ReportError):
        parse_coverage(NO_COVERAGE[case].encode())


@pytest.mark.parametrize(
    ("percent", "shown"), [("79999/1000", 79.99), ("200/3", 66.66), ("8712/100", 87.12), ("100", 100.0), ("0", 0.0)]
)
def test_rounded_down(percent: str, shown: float) -> None:
    assert rounded_down(Fraction(percent)) == shown


# -- in runs ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ready(repo: Repository) -> Repository:
    """A repository with one file and an ignored folder for reports."""
    repo.add({"a.txt": "a\n", ".gitignore": "/out/\n"})
    (repo.top / "out").mkdir()
    return repo


def writes(path: str, text: str) -> tuple[str, ...]:
    """The argv of a gate that writes the text."""
    return python("import sys; open(sys.argv[1], 'w').write(sys.argv[2])", path, text)


TWO_OF_THREE = "<testsuite><testcase/><testcase/><testcase><skipped/></testcase></testsuite>"
RUNS: dict[str, tuple[str, dict[str, object], str, str, tuple[int | None, float | None]]] = {
    "tests enough": (TWO_OF_THREE, {"junit": "out/r.xml", "min_tests": 2}, "passed", "", (2, None)),
    "tests too few": (
        TWO_OF_THREE, {"junit": "out/r.xml", "min_tests": 3}, "failed", "2 tests were executed, 3 are", (2, None),
    ),
    "tests failed": (
        "<testsuite><testcase><failure/></testcase></testsuite>",
        {"junit": "out/r.xml"}, "failed", "1 of its tests did not pass", (1, None),
    ),
    "hostile tests": (
        f"{BOMB}<testsuite>&b;</testsuite>", {"junit": "out/r.xml"}, "failed", "read safely", (None, None),
    ),
    "coverage enough": (
        '<coverage line-rate="0.8"/>', {"coverage": "out/r.xml", "min_coverage": 80.0}, "passed", "", (None, 80.0),
    ),
    "coverage almost enough": (
        '<coverage lines-covered="79999" lines-valid="100000" line-rate="0.8"/>',
        {"coverage": "out/r.xml", "min_coverage": 80.0}, "failed", "coverage is 79.99 %, 80 % are required",
        (None, 79.99),
    ),
    "coverage in decimals": (
        '<coverage line-rate="0.799"/>', {"coverage": "out/r.xml", "min_coverage": 79.9}, "passed", "", (None, 79.9),
    ),
    "coverage of nothing": (
        '<coverage lines-covered="0" lines-valid="0" line-rate="1"/>',
        {"coverage": "out/r.xml", "min_coverage": 80.0}, "failed", "measures no lines", (None, None),
    ),
    "coverage of nothing, none required": (
        '<coverage lines-covered="0" lines-valid="0" line-rate="1"/>',
        {"coverage": "out/r.xml"}, "passed", "", (None, None),
    ),
    "report of another kind": (
        '<coverage line-rate="0.8"/>', {"junit": "out/r.xml"}, "failed", "out/r.xml is no JUnit report", (None, None),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RUNS)
def test_runs(ready: Repository, case: str) -> None:
    text, fields, status, reason, facts = RUNS[case]
    result = run_one(ready, Gate(name="g", run=writes("out/r.xml", text), **fields))  # type: ignore[arg-type]
    assert (result.status, result.exit_code, (result.tests, result.coverage)) == (status, 0, facts)
    assert reason in result.reason
    assert bool(result.reason) == (status != "passed")


def test_failing_gate_has_the_facts_of_its_reports(ready: Repository) -> None:
    text = "<testsuite><testcase/><testcase><failure/></testcase></testsuite>"
    result = run_one(ready, Gate("g", f"echo '{text}' > out/r.xml; exit 1", junit="out/r.xml"))
    assert (result.status, result.tests) == ("failed", 2)
    assert result.reason == "exit 1; 1 of its tests did not pass"


def test_report_of_an_earlier_run_does_not_count(ready: Repository) -> None:
    ready.write("out/r.xml", ONE)
    result = run_one(ready, Gate("g", "true", junit="out/r.xml", min_tests=1))
    assert (result.status, result.reason) == ("failed", "report out/r.xml was not written")
    assert not (ready.top / "out/r.xml").exists()


def test_own_report_need_not_be_ignored(ready: Repository) -> None:
    ready.write("r.xml", "old")
    assert run_one(ready, Gate("g", writes("r.xml", ONE), junit="./r.xml")).status == "passed"
    other = run_one(ready, Gate("other", "true"))
    assert (other.status, "r.xml is untracked" in other.reason) == ("unclean", True)


def test_unclean_gate_leaves_the_old_report(ready: Repository) -> None:
    gate = Gate("g", writes("out/r.xml", ONE), junit="out/r.xml")
    waiting = job(ready, gate)
    ready.write("a.txt", "edited\n")
    ready.write("out/r.xml", "old")
    (result,) = run(ready, waiting)
    assert result.status == "unclean"
    assert ready.read("out/r.xml") == "old"


def test_huge_report(ready: Repository) -> None:
    code = "import os, sys; os.truncate(os.open(sys.argv[1], os.O_CREAT | os.O_RDWR), 1 << 40)"
    result = run_one(ready, Gate("g", python(code, "out/r.xml"), junit="out/r.xml"))
    assert (result.status, result.reason) == ("failed", "report out/r.xml is larger than 64 MiB")


WRITTEN = {
    "symlink": ("ln -s ../a.txt out/r.xml", "cannot be read"),
    "named pipe": ("mkfifo out/r.xml", "is no regular file"),
    "folder": ("mkdir out/r.xml", "is no regular file"),
    "folder behind a symlink": ("rmdir out && ln -s / out", "lies outside the repository"),
    "folder that is a file": ("rmdir out && touch out", "was not written"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_report_that_is_no_file(ready: Repository, case: str) -> None:
    script, reason = WRITTEN[case]
    # Only a.txt is an input: "out" itself may become something that is not ignored.
    result = run_one(ready, Gate("g", script, junit="out/r.xml"), "a.txt")
    assert result.status == "failed"
    assert reason in result.reason


def _link_out(top: Path) -> str:
    (top.parent / "outside").mkdir()
    (top.parent / "outside/r.xml").write_text("mine", encoding="utf-8")
    (top / "out/there").symlink_to(top.parent / "outside")
    return "out/there/r.xml"


def _link_to_git(top: Path) -> str:
    (top / "out/there").symlink_to(top / ".git")
    return "out/there/config"


def _link_to_tracked(top: Path) -> str:
    (top / "out/there").symlink_to(top)
    return "out/there/a.txt"


def _folder(top: Path) -> str:
    (top / "out/r.xml").mkdir()
    return "out/r.xml"


def _pipe(top: Path) -> str:
    os.mkfifo(top / "out/r.xml")
    return "out/r.xml"


PLACES: dict[str, tuple[Callable[[Path], str], str]] = {
    "absolute": (lambda top: str(top / "out/r.xml"), "outside the repository"),
    "above": (lambda _: "../r.xml", "outside the repository"),
    "the top": (lambda _: ".", "outside the repository"),
    "behind a symlink out": (_link_out, "outside the repository, behind a symlink"),
    "Git's folder": (lambda _: ".git/config", "lies in Git's own folder"),
    "Git's folder in other letters": (lambda _: ".GIT/config", "lies in Git's own folder"),
    "Git's folder behind a symlink": (_link_to_git, "lies in Git's own folder"),
    "tracked": (lambda _: "a.txt", "is tracked"),
    "tracked, behind a symlink": (_link_to_tracked, "is tracked"),
    "folder": (_folder, "is no regular file"),
    "named pipe": (_pipe, "is no regular file"),
}


@pytest.mark.parametrize("case", PLACES)
def test_places_that_are_refused(ready: Repository, case: str) -> None:
    make, reason = PLACES[case]
    path = make(ready.top)
    before = ready.git("config", "--list").stdout
    gates = [Gate("j", "echo > ../ran", junit=path), Gate("c", "echo > ../ran", coverage=path)]
    for result in run(ready, *[job(ready, gate) for gate in gates]):
        assert result.status == "error"
        assert reason in result.reason
    assert not (ready.top.parent / "ran").exists()
    assert ready.read("a.txt") == "a\n"
    assert ready.git("config", "--list").stdout == before
    if case == "behind a symlink out":
        assert (ready.top.parent / "outside/r.xml").read_text(encoding="utf-8") == "mine"


def test_symlink_in_the_place_of_a_report_is_removed_itself(ready: Repository) -> None:
    (ready.top / "out/r.xml").symlink_to("../a.txt")
    assert run_one(ready, Gate("g", writes("out/r.xml", ONE), junit="out/r.xml")).status == "passed"
    assert ready.read("a.txt") == "a\n"


def test_folder_of_reports_inside_the_repository_behind_a_symlink(ready: Repository) -> None:
    (ready.top / "out/real").mkdir()
    (ready.top / "out/link").symlink_to("real")
    assert run_one(ready, Gate("g", writes("out/link/r.xml", ONE), junit="out/link/r.xml")).status == "passed"


def test_gates_with_the_same_report_run_one_after_the_other(ready: Repository) -> None:
    # Each fails if the other's lock is there; a third, with another report, runs beside them.
    script = f"mkdir out/lock || exit 9; echo '{TWO_OF_THREE}' > out/r.xml; rmdir out/lock"
    jobs = [
        job(ready, Gate("one", script, junit="out/r.xml", min_tests=2)),
        job(ready, Gate("two", script, junit="./out/r.xml", min_tests=3)),
        job(ready, Gate("three", writes("out/other.xml", ONE), junit="out/other.xml")),
    ]
    results = run(ready, *jobs, side_by_side=3)
    assert [(result.status, result.tests) for result in results] == [("passed", 2), ("failed", 2), ("passed", 1)]
