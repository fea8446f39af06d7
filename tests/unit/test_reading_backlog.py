"""Backlog.md's folder of tasks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.importing import front_matter as fm
from orchestrator.importing.backlog import looks_like, read
from orchestrator.importing.breakdown import Breakdown, Source

Phases = list[tuple[str, str, tuple[str, ...], list[tuple[str, str, tuple[str, ...]]]]]


def file(number: str, status: str = "To Do", head: str = "", body: str = "", name: str = "") -> Source:
    own = number if "-" in number else f"task-{number}"
    text = f"---\nid: {own}\ntitle: 'Do: {number}'\nstatus: {status}\nassignee: []\n{head}---\n{body}"
    return Source(name or f"backlog/tasks/{own} - Do.md", text)


def phases(found: Breakdown) -> Phases:
    return [(p.id, p.title, p.depends_on, [(t.id, t.mark, t.depends_on) for t in p.tasks]) for p in found.phases]


def whys(found: Breakdown) -> str:
    return "\n".join([f"{loss.line} {loss.text}: {loss.why}" for loss in found.losses])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # by number, the ordinal goes first
        (
            [file("10"), file("9", "Done"), file("11", head="ordinal: 2000\n"), file("12", head="ordinal: 1000.5\n")],
            [
                (
                    "",
                    "Backlog",
                    (),
                    [("task-12", OPEN, ()), ("task-11", OPEN, ()), ("task-9", DONE, ()), ("task-10", OPEN, ())],
                )
            ],
        ),
        # ids are found whatever their case and their zeros
        (
            [
                file("01"),
                file("2", "In Progress", "dependencies:\n  - TASK-1\n  - task-99\n"),
                file("3", head="dependencies: [task-2, 'task-01']\n"),
            ],
            [
                (
                    "",
                    "Backlog",
                    (),
                    [
                        ("task-01", OPEN, ()),
                        ("task-2", STARTED, ("task-01", "task-99")),
                        ("task-3", OPEN, ("task-2", "task-01")),
                    ],
                )
            ],
        ),
        # parents are phases
        (
            [
                file("4"),
                file("4.1", "Done", "parent_task_id: TASK-4\n"),
                file("4.2", head="parent_task_id: task-4\n"),
                file("5"),
            ],
            [
                ("task-4", "Do: 4", (), [("task-4.1", DONE, ()), ("task-4.2", OPEN, ())]),
                ("", "Backlog", (), [("task-5", OPEN, ())]),
            ],
        ),
        (
            [
                file("4", "To Do"),
                file("4.1", "Done", "parent_task_id: task-4\n"),
                file("4.1.1", "Done", "parent_task_id: task-4.1\n"),
                file("6", head="dependencies: [task-4]\n"),
            ],
            [
                ("task-4", "Do: 4", (), [("task-4.1", DONE, ()), ("task-4.1.1", DONE, ()), ("task-4", OPEN, ())]),
                ("", "Backlog", (), [("task-6", OPEN, ("task-4",))]),
            ],
        ),
        # milestones go before parents; their files give the titles
        (
            [
                file("1", head="milestone: m-10\n"),
                file("2", head="milestone: M-2\nparent_task_id: task-1\n"),
                file("3"),
                Source("m", '---\nid: m-2\ntitle: "Web **UI**"\n---\n'),
                file("4", "Done", "milestone: Later on\n"),
            ],
            [
                ("", "Web UI", (), [("task-2", OPEN, ())]),
                ("", "m-10", (), [("task-1", OPEN, ())]),
                ("", "Later on", (), [("task-4", DONE, ())]),
                ("", "Backlog", (), [("task-3", OPEN, ())]),
            ],
        ),
        ([file("1"), file("1", "Done")], [("", "Backlog", (), [("task-1", OPEN, ()), ("task-1", DONE, ())])]),
    ],
)
def test_files_become_tasks(files: list[Source], expected: Phases) -> None:
    assert phases(read(files)) == expected


@pytest.mark.parametrize(
    ("status", "mark", "told"),
    [
        ("Done", DONE, False),
        ("done", DONE, False),
        ("'Done'", DONE, False),
        ("Completed", DONE, False),
        ("In Progress", STARTED, False),
        ("in-progress", STARTED, False),
        ("To Do", OPEN, False),
        ("Archived", OPEN, True),
        ("Draft", OPEN, True),
        ("Blocked", OPEN, True),
        ("Nearly Done", OPEN, True),
        ("", OPEN, True),
        ("[Done]", OPEN, True),
        ("true", OPEN, True),
        ("{Done: 1}", OPEN, True),
        ("|\n  Done", DONE, False),
    ],
)
def test_only_known_words_are_done(status: str, mark: str, told: bool) -> None:
    found = read([file("1", status)])
    assert phases(found) == [("", "Backlog", (), [("task-1", mark, ())])]
    assert ("status" in whys(found)) is told


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([file("1", head="labels: [a]\npriority: high\nreferences: []\n")], "0 labels (1), priority (1): these fields"),
        ([file("1", body="\n## Description\n\nText\n- [x] #1 a\n- [ ] #2 b\n")], "0 2 boxes in 1 files: boxes below"),
        ([file("1", body="Text\n")], "0 1 files: what stands below the front matter"),
        ([file("1", head="status: Done\n")], "6 status: stands twice"),
        ([file("1", head="ordinal: soon\n")], "6 soon: the ordinal is no number"),
        ([file("1", head="ordinal: nan\n")], "6 nan: the ordinal is no number"),
        ([file("1", head="dependencies: task-2\n")], "6 task-2: dependencies is no list of texts"),
        (
            [file("1", head="dependencies:\n  - {a: b}\n  - task-3\n")],
            "6 dependencies: dependencies is no list of texts",
        ),
        ([file("1", head="milestone: [a]\n")], "6 a: milestone is no text"),
        ([file("1", head="parent_task_id: task-9\n")], "0 task-1: what these tasks are part of is not among the files"),
        ([file("1", head="parent_task_id: task-1\n")], "3 task-1 Do: 1: it is its own ancestor"),
        (
            [file("1", head="milestone: a\n"), file("2", head="parent_task_id: task-1\n")],
            "0 task-2: the phases are the milestones",
        ),
        ([file("1", "Done"), file("2", head="parent_task_id: task-1\n")], "3 task-1 Do: 1: it is done there, but"),
        ([file("1", name="backlog/archive/tasks/a.md")], "3 task-1 Do: 1: it lies in the archive"),
        ([file("1"), Source("README.md", "# Backlog\n")], "0 : this file is no task"),
        ([file("1"), file("decision-1", "accepted")], "0 Do: decision-1: this file is no task"),
        ([file("1"), Source("x", "---\nid: task-2\nstatus: Done\n---\n")], "1 task-2: it has no title"),
        ([file("1"), Source("x", "---\nid: task-2\n")], "1 : the front matter does not end"),
        ([file("1"), file("2", head="a: [\n")], " : the front matter is no YAML"),
        ([file("1"), file("2", head="a: &x b\nc: *x\n")], "7 : the front matter has an alias (*)"),
        ([file("1"), file("2", head="labels: ''\n" * 10_000)], "1 : the front matter is longer than 32768 characters"),
        ([file("1"), Source("x", "---\n- a\n---\n")], "2 : the front matter is no table"),
        ([file("1"), Source("x", "---\njust text\n---\n")], "2 : the front matter is no table"),
        ([file("1"), file("2", head="a: " + "[" * 30_000 + "\n")], "6 : the front matter is nested too deep"),
        ([file("1"), file("2", head="a: \x07\n")], "the front matter is no YAML"),
    ],
)
def test_what_is_not_carried_is_told(files: list[Source], told: str) -> None:
    found = read(files)
    assert told in whys(found)
    assert "task-1" in [t.id for p in found.phases for t in p.tasks] + [p.id for p in found.phases]


def test_files_and_values_are_taken_as_written() -> None:
    head = "modified_files:\n  - src/a.py\n  - 'b c.py'\nassignee: @ada\nreporter: [@bob]\n"
    (task,) = read([Source("x", f"---\nid: 7.10\ntitle: 2024 `x`\nstatus: Done\n{head}---\n")]).phases[0].tasks
    assert (task.id, task.title, task.files, task.line) == ("7.10", "2024 `x`", ("src/a.py", "b c.py"), 3)


@pytest.mark.parametrize(
    ("sources", "message", "line"),
    [
        ([], "there is no task in it", 0),
        ([Source("x", "# Text\n")], "there is no task in it", 0),
        ([Source("x", "---\nid: m-1\ntitle: a\n---\n")], "there is no task in it", 0),
        ([Source("x", "---\nid: task-1\ntitle: 'a\nstatus: Done\n---\n")], "the front matter is no YAML", 3),
        ([Source("x", "---\nid: task-1\ntitle: a\n")], "the front matter does not end", 1),
    ],
)
def test_what_cannot_be_read(sources: list[Source], message: str, line: int) -> None:
    with pytest.raises(CannotJudgeError) as caught:
        read(sources)
    (finding,) = caught.value.findings
    assert finding.message.startswith(message)
    assert finding.locations[0].line >= line


def test_a_hundred_levels_deep() -> None:
    files = [file("0")] + [file(str(n), head=f"parent_task_id: task-{n - 1}\n") for n in range(1, 101)]
    assert [t.id for t in read(files).phases[0].tasks] == [f"task-{n}" for n in range(1, 101)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (file("1").text, True),
        ("\ufeff" + file("1").text, True),
        ("---\nid: task-1\ntitle: 'a\nstatus: Done\n---\n", True),
        ("---\nid: task-1\nstatus: To Do\n", True),
        (file("decision-2", "accepted").text, False),
        ("---\nid: m-1\ntitle: a\n---\n", False),
        ("---\ntitle: a post\nstatus: draft\n---\n", False),
        ("---\n", False),
        ("--- \n", False),
        ("# text\n", False),
        ("", False),
    ],
)
def test_it_is_known_by_its_look(text: str, expected: bool) -> None:
    assert looks_like(Source("x", text)) is expected


LINES = st.sampled_from(
    [
        "a: b",
        "a: 'it''s'",
        'b: "x y"',
        'b: "x\\ty"',
        "c: [x, 'y', \"z\"]",
        "c: [x y, z]",
        "c: []",
        "c: [,]",
        "c: [ a,]",
        "c: [a: b]",
        "d:",
        "  - x",
        "- x",
        "    - y",
        "- 'q: r'",
        "-  z",
        "- a: b",
        "- - a",
        "e: f: g",
        "e: #c",
        "e: g #c",
        "e: g#c",
        "e: 'a' b",
        "e: a:",
        "f: ~",
        "f: null",
        "f: 'null'",
        "g: |",
        "  text",
        "g: >-",
        "h: ...",
        "h: @x",
        "h: - x",
        "h: ?",
        "  more",
        "",
        "i : j",
        "'k': l",
        "k: {a: b}",
        "k: é",
        "k: 'é'",
        "l: 2025-01-01 10:00",
        "l: a, b",
        "l: [a, b",
        "# c",
        "m: ''",
        "n: ''''",
        "n: '''",
        "o: a\tb",
        'p: "a\'b"',
        "q: (a]",
        "q: a ---",
        "r: .5",
        "r: /x",
        "s: a  ",
        "t: [a#b]",
        "t: [a #b]",
        "t: [a, ?]",
        "u: !x y",
        "- null",
        "...",
    ]
)


@settings(derandomize=True, max_examples=400, deadline=None)
@given(st.lists(LINES, max_size=6))
def test_the_quick_way_reads_what_the_parser_reads(lines: list[str]) -> None:
    text = "".join([f"{line}\n" for line in lines])
    quick = fm._simple(text)
    if quick:
        assert quick == fm._parsed(text)


STATUSES = st.sampled_from(["To Do", "In Progress", "Done", "done", "Blocked", "Archived"])


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.tuples(STATUSES, st.integers(0, 12)), min_size=1, max_size=10), st.booleans())
def test_exactly_what_is_done_there_is_done_here(drawn: list[tuple[str, int]], by_milestone: bool) -> None:
    key = "milestone: m-{}\n" if by_milestone else "parent_task_id: task-{}\n"
    files = [file(str(n), status, key.format(up) if up < n else "") for n, (status, up) in enumerate(drawn)]
    found = read(files)
    marks = {t.id: t.mark for phase in found.phases for t in phase.tasks}
    for n, (status, _up) in enumerate(drawn):
        if f"task-{n}" in marks:
            assert (marks[f"task-{n}"] == DONE) is (status.lower() == "done")
        else:
            tasks = next(phase.tasks for phase in found.phases if phase.id == f"task-{n}")
            assert status.lower() == "done" or any([t.mark != DONE for t in tasks])
    for phase in found.phases:
        numbers = [int(t.id[5:]) for t in phase.tasks if t.id != phase.id]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("names", "source"),
    [
        (["b/tasks/task-1.md"], "b/tasks/task-1.md"),
        (["b/tasks/task-1.md", "b/tasks/task-2.md"], "b/tasks"),
        (["b/tasks/task-1.md", "b/archive/task-2.md"], "b"),
        (["task-1.md", "task-2.md"], "."),
        (["/task-1.md", "/x/task-2.md"], "/"),
    ],
)
def test_what_many_files_have_is_told_of_their_folder(names: list[str], source: str) -> None:
    found = read([file(str(at), "Done", "priority: low\n", "Text\n", name) for at, name in enumerate(names)])
    assert [loss.source for loss in found.losses] == [source, source]
