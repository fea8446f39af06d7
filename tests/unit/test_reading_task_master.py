"""Task Master's tasks.json."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.importing.breakdown import Breakdown, Source
from orchestrator.importing.task_master import looks_like, read

Json = dict[str, object]


def task(number: object, status: object = "pending", **more: object) -> Json:
    return {"id": number, "title": f"T{number}", "status": status, **more}


def of(*tasks: object, tag: str = "master") -> Breakdown:
    return read([Source("tasks.json", json.dumps({"tasks": tasks}, indent=2))], tag)


def phases(found: Breakdown) -> list[tuple[str, tuple[str, ...], list[tuple[str, str, tuple[str, ...]]]]]:
    return [(p.id, p.depends_on, [(t.id, t.mark, t.depends_on) for t in p.tasks]) for p in found.phases]


def whys(found: Breakdown) -> str:
    return "\n".join([f"{loss.text}: {loss.why}" for loss in found.losses])


def error(text: str, tag: str = "master") -> tuple[str, int]:
    with pytest.raises(CannotJudgeError) as caught:
        read([Source("tasks.json", text)], tag)
    (finding,) = caught.value.findings
    return finding.message, finding.locations[0].line


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (
            [task(1, "done"), task(2, dependencies=[1])],
            [("1", (), [("1", DONE, ())]), ("2", ("1",), [("2", OPEN, ())])],
        ),
        (
            [task(3, subtasks=[task(1, "done"), task(2, "in-progress", dependencies=[1])])],
            [("3", (), [("3.1", DONE, ()), ("3.2", STARTED, ("3.1",))])],
        ),
        (  # ids as text, full or not; a dependency on a subtask of another task
            [
                task("1", subtasks=[task("1.1", "completed")]),
                task("2", "review", subtasks=[task("2.1"), task("2", dependencies=["2.1", "1.1", "9.9"])]),
            ],
            [
                ("1", (), [("1.1", DONE, ()), ("1", OPEN, ())]),
                ("2", (), [("2.1", OPEN, ()), ("2.2", OPEN, ("2.1", "1.1", "9.9"))]),
            ],
        ),
        # what waits for a subtask is a task; what waits for a whole task with subtasks waits for all of them
        (
            [
                task(1, subtasks=[task(1), task(2)]),
                task(2, dependencies=["1.2"]),
                task(3, subtasks=[task(5, dependencies=[1])]),
            ],
            [
                ("1", (), [("1.1", OPEN, ()), ("1.2", OPEN, ())]),
                ("2", (), [("2", OPEN, ("1.2",))]),
                ("3", (), [("3.5", OPEN, ("1.1", "1.2"))]),
            ],
        ),
        # the phase waits already
        (
            [task(1, subtasks=[task(1)]), task(2, dependencies=[1], subtasks=[task(7, dependencies=[1])])],
            [("1", (), [("1.1", OPEN, ())]), ("2", ("1",), [("2.7", OPEN, ())])],
        ),
        # every subtask of what waits for a subtask elsewhere
        (
            [task(1, subtasks=[task(1)]), task(2, dependencies=["1.1"], subtasks=[task(1), task(2, dependencies=[1])])],
            [("1", (), [("1.1", OPEN, ())]), ("2", (), [("2.1", OPEN, ("1.1",)), ("2.2", OPEN, ("1.1", "2.1"))])],
        ),
        # numbers stay as written, circles and what is not there as found, what is held twice as found
        (
            [task(1.10, dependencies=[7]), task(1.10)],
            [("1.1", ("7",), [("1.1", OPEN, ())]), ("1.1", (), [("1.1", OPEN, ())])],
        ),
        (
            [task(1, dependencies=[2]), task(2, dependencies=[1])],
            [("1", ("2",), [("1", OPEN, ())]), ("2", ("1",), [("2", OPEN, ())])],
        ),
        # subtasks of subtasks stand beside them
        (
            [task(1, subtasks=[task(1, subtasks=[task(1, "done"), task(2, dependencies=[1])]), task(2)])],
            [("1", (), [("1.1", OPEN, ()), ("1.1.1", DONE, ()), ("1.1.2", OPEN, ("1.1.1",)), ("1.2", OPEN, ())])],
        ),
    ],
)
def test_tasks_become_phases(
    tasks: list[Json], expected: list[tuple[str, tuple[str, ...], list[tuple[str, str, tuple[str, ...]]]]]
) -> None:
    if any([isinstance(value["id"], float) for value in tasks]):
        text = json.dumps({"tasks": tasks})
        assert phases(read([Source("t", text)])) == expected
    else:
        assert phases(of(*tasks)) == expected


@pytest.mark.parametrize(
    ("status", "mark", "told"),
    [
        ("done", DONE, False),
        ("Completed", DONE, False),
        ("in_progress", STARTED, False),
        ("In Progress", STARTED, False),
        ("review", STARTED, False),
        ("pending", OPEN, False),
        ("cancelled", OPEN, True),
        ("deferred", OPEN, True),
        ("blocked", OPEN, True),
        ("almost done", OPEN, True),
        (True, OPEN, True),
        (["done"], OPEN, True),
        (None, OPEN, True),
    ],
)
def test_only_known_words_are_done(status: object, mark: str, told: bool) -> None:
    found = of(task(1, status))
    assert phases(found) == [("1", (), [("1", mark, ())])]
    assert ("status" in whys(found)) is told


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        (
            [task(1, "done", subtasks=[task(1, "done"), task(2)])],
            "1 T1: it is done there, but of what it holds 1.2 is not",
        ),
        (
            [task(1, "pending", subtasks=[task(1, "done")])],
            "1 T1: all that it holds is done, but it is not done itself",
        ),
        ([task(1, description="a", details="", subtasks=[task(1, description="b")])], "description (2): these fields"),
        ([task(1, subtasks=[task(1, dependencies=["1"])]), task(9)], ""),
        ([task(5, subtasks=[task(1, dependencies=["5"])])], "5.1 T1: waits for 5, of which it is a part"),
        ([task(1), None], "null: task 2 is no object"),
        ([task(1), "text"], '"text": task 2 is no object'),
        ([task(1, subtasks=[None])], "null: a subtask of 1 is no object"),
        ([task(1, subtasks="x")], '1 T1: "subtasks" is no list: "x"'),
        ([task(1, dependencies="2, 3")], '1 T1: "dependencies" is no list: "2, 3"'),
        ([task(1, dependencies=[None, {}])], "1 T1: depends on something that is no id: {}"),
        ([{"id": 1, "title": 5}], "1 5: its title is a number, taken as written: 5"),
        ([{"id": 1, "title": ["a"]}], '1: its title is no text: ["a"]'),
        ([{"id": True, "title": "a"}], "a: its id is neither text nor a number: true"),
        ([task(1), {"status": "done"}], "task 2 has neither id nor title"),
        ([task(1), {"title": "a", "id": 2}], "1 tasks: tasks without a status are open here"),
    ],
)
def test_what_is_not_carried_is_told(tasks: list[object], told: str) -> None:
    assert told in whys(of(*tasks))


def test_a_title_and_lines() -> None:
    found = of(task(1, subtasks=[task(1, note='a "{" and \\ in a text')]), task(2))
    assert [(p.line, p.source, [t.line for t in p.tasks]) for p in found.phases] == [
        (3, "tasks.json", [8]), (16, "tasks.json", [16]),
    ]  # fmt: skip
    assert found.title == ""
    text = '{"tasks": [{"id": 1, "title": "Use `x` **now**"}], "metadata": {"projectName": "Shop"}}'
    found = read([Source("t", text)])
    assert (found.title, found.phases[0].title, found.phases[0].tasks[0].title) == (
        "Shop",
        "Use x now",
        "Use `x` **now**",
    )


TAGGED = json.dumps({"master": {"tasks": [task(1)], "metadata": {}}, "side": {"tasks": [task(7), task(8)]}})


def test_one_tag_is_read() -> None:
    found = read([Source("t", TAGGED)])
    assert phases(found) == [("1", (), [("1", OPEN, ())])]
    assert whys(found) == "side (2 tasks): the tasks of another tag are not carried: import it by itself"
    assert [p.id for p in read([Source("t", TAGGED)], tag="side").phases] == ["7", "8"]
    both = json.dumps({"tasks": [task(3)], "master": {"tasks": [task(1)]}})
    assert 'tasks (1 tasks): a second list beside the tags is not carried: "master" is' in whys(
        read([Source("t", both)])
    )
    two = read([Source("a", TAGGED), Source("b", json.dumps({"tasks": [task(4)]}))])
    assert [(p.source, p.id) for p in two.phases] == [("a", "1"), ("b", "4")]


@pytest.mark.parametrize(
    ("text", "tag", "expected"),
    [
        (TAGGED, "none", ('there is no tag "none" in it, only: master, side', 1)),
        ('{"tasks": [{"id": 1, "title": "a"}]}', "none", ('there is no tag "none" in it: it has no tags', 1)),
        ('{"tasks": [\n{"id": 1,', "master", ("this is no JSON: Expecting property name enclosed in double quotes", 2)),
        ("", "master", ("this is no JSON: Expecting value (column 1)", 1)),
        ("[" * 100_000, "master", ("the JSON is nested too deep to be read", 0)),
        ("[]", "master", ('this is no list of Task Master: an object with "tasks" was expected', 1)),
        ("{}", "master", ('there is no "tasks" in it', 1)),
        ('{"tasks": null}', "master", ('"tasks" is no list: null', 1)),
        ('{"master": {"tasks": {}}}', "master", ('"tasks" is no list: {}', 1)),
        ('{"tasks": [null]}', "master", ("there is no task in it", 0)),
        ('{"tasks": []}', "master", ("there is no task in it", 0)),
    ],
)
def test_what_cannot_be_read(text: str, tag: str, expected: tuple[str, int]) -> None:
    message, line = error(text, tag)
    assert message.startswith(expected[0])
    assert line == expected[1]


def test_keys_that_stand_twice_are_told() -> None:
    text = '{"tasks": [],\n"tasks": [\n{"id": 1, "title": "a", "status": "done", "status": "pending"}]}'
    found = read([Source("t", text)])
    assert phases(found) == [("1", (), [("1", OPEN, ())])]
    assert [(loss.line, loss.text) for loss in found.losses] == [(3, "status"), (1, "tasks")]


def test_nesting_and_a_hundred_thousand_digits() -> None:
    inner = task(1, "done")
    for _ in range(100):
        inner = task(1, "done", subtasks=[inner])
    assert [t.mark for t in of(inner).phases[0].tasks] == [DONE] * 100 + [OPEN] * 0
    number = "9" * 100_000
    found = read([Source("t", '{"tasks": [{"id": %s, "title": "a"}]}' % number)])  # noqa: UP031
    assert found.phases[0].id == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TAGGED, True),
        ("\ufeff" + TAGGED, True),
        ('{"tasks": [{"id": 1, "title": "a"}]}', True),
        ('{"tasks": [{"id": 1, "tit', True),
        ('{"master": {"tasks": [ {"id": 1, "tit', True),
        ('{"version": "2.0.0", "tasks": [{"label": "a", "command": "b"}]}', False),
        ('{"tasks": []}', False),
        ('{"tasks"', False),
        ('["tasks"]', False),
        ("# tasks\n", False),
        ("", False),
        ('{"a":' * 100_000 + '"tasks"', False),
    ],
)
def test_it_is_known_by_its_look(text: str, expected: bool) -> None:
    assert looks_like(Source("x", text)) is expected


STATUSES = st.sampled_from(["done", "completed", "pending", "in-progress", "cancelled", "blocked", ""])


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.tuples(STATUSES, st.lists(STATUSES, max_size=4)), min_size=1, max_size=8))
def test_exactly_what_is_done_there_is_done_here(statuses: list[tuple[str, list[str]]]) -> None:
    known = {"done", "completed"}
    tasks, expected = [], []
    for number, (own, below) in enumerate(statuses, 1):
        tasks.append(task(number, own, subtasks=[task(at, each) for at, each in enumerate(below, 1)]))
        here = [(f"{number}.{at}", each in known) for at, each in enumerate(below, 1)]
        kept = not here or (own not in known and all([done for _id, done in here]))
        expected.extend([*here, *([(str(number), own in known)] if kept else [])])
    found = [(t.id, t.mark == DONE) for phase in of(*tasks).phases for t in phase.tasks]
    assert found == expected
