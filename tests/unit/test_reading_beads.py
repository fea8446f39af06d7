"""Beads' issues.jsonl."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.importing.beads import looks_like, read
from orchestrator.importing.breakdown import Breakdown, Source

Json = dict[str, object]
Phases = list[tuple[str, tuple[str, ...], list[tuple[str, str, tuple[str, ...]]]]]


def link(own: str, other: str, kind: str = "blocks") -> Json:
    return {"issue_id": own, "depends_on_id": other, "type": kind, "created_at": "2026-01-01T10:00:00Z"}


def issue(
    name: str, status: str = "open", kind: str = "task", parent: str = "", blocks: tuple[str, ...] = (), **more: object
) -> Json:
    links = [link(name, parent, "parent-child")] if parent else []
    links += [link(name, other) for other in blocks]
    found: Json = {"id": name, "title": name.upper(), "status": status, "issue_type": kind, "priority": 2}
    return {**found, **({"dependencies": links} if links else {}), **more}


def of(*issues: Json) -> Breakdown:
    return read([Source("issues.jsonl", "".join([json.dumps(each) + "\n" for each in issues]))])


def phases(found: Breakdown) -> Phases:
    return [(p.id or p.title, p.depends_on, [(t.id, t.mark, t.depends_on) for t in p.tasks]) for p in found.phases]


def whys(found: Breakdown) -> str:
    return "\n".join([f"{loss.line} {loss.text}: {loss.why}" for loss in found.losses])


@pytest.mark.parametrize(
    ("issues", "expected"),
    [
        (
            [issue("a"), issue("b", "closed", blocks=("a",))],
            [("Other issues", (), [("a", OPEN, ()), ("b", DONE, ("a",))])],
        ),
        (
            [
                issue("e", kind="epic"),
                issue("a", "closed", parent="e"),
                issue("b", "in_progress", parent="e"),
                issue("c"),
            ],
            [("e", (), [("a", DONE, ()), ("b", STARTED, ())]), ("Other issues", (), [("c", OPEN, ())])],
        ),
        (
            [issue("e", kind="epic"), issue("f", "closed", kind="epic")],
            [("e", (), [("e", OPEN, ())]), ("f", (), [("f", DONE, ())])],
        ),
        # epics wait for epics
        (
            [
                issue("f", kind="epic", blocks=("e",)),
                issue("e", kind="epic"),
                issue("a", parent="e"),
                issue("b", parent="f"),
            ],
            [("f", ("e",), [("b", OPEN, ())]), ("e", (), [("a", OPEN, ())])],
        ),
        # a parent is a phase, whatever its type; below it all stand beside each other
        (
            [issue("e"), issue("f", kind="epic", parent="e"), issue("a", "closed", parent="f", blocks=("z",))],
            [("e", (), [("f", OPEN, ()), ("a", DONE, ("z",))])],
        ),
        # an epic that waits for its own tasks waits for nothing else; one that waits for others hands it on
        (
            [issue("e", kind="epic", blocks=("a", "c")), issue("a", parent="e"), issue("c")],
            [("e", (), [("a", OPEN, ("c",))]), ("Other issues", (), [("c", OPEN, ())])],
        ),
        # what waits for an epic waits for what is in it
        (
            [issue("e", kind="epic"), issue("a", parent="e"), issue("c", blocks=("e",))],
            [("e", (), [("a", OPEN, ())]), ("Other issues", (), [("c", OPEN, ("a",))])],
        ),
        # an open epic without open tasks stays open
        (
            [issue("e", kind="epic"), issue("a", "closed", parent="e"), issue("f", kind="epic", blocks=("e",))],
            [("e", (), [("a", DONE, ()), ("e", OPEN, ())]), ("f", ("e",), [("f", OPEN, ())])],
        ),
        # circles and ids that are there twice are passed on
        (
            [issue("a", blocks=("b",)), issue("b", blocks=("a",))],
            [("Other issues", (), [("a", OPEN, ("b",)), ("b", OPEN, ("a",))])],
        ),
        ([issue("a"), issue("a", "closed")], [("Other issues", (), [("a", OPEN, ()), ("a", DONE, ())])]),
        # the newer form of links, and of the parent
        (
            [
                issue("e", kind="epic"),
                {**issue("a"), "parent": "e"},
                issue("b", dependencies=[{"id": "a", "dependency_type": "blocks"}]),
            ],
            [("e", (), [("a", OPEN, ())]), ("Other issues", (), [("b", OPEN, ("a",))])],
        ),
    ],
)
def test_issues_become_phases_and_tasks(issues: list[Json], expected: Phases) -> None:
    assert phases(of(*issues)) == expected


def test_issues_stand_in_the_order_of_their_creation() -> None:
    issues = [
        issue("c", created_at="2026-01-01T10:00:00.123456789Z"), issue("b", created_at="2026-01-01T09:00:00-08:00"),
        issue("a", created_at="2026-01-01T09:30:00"),
    ]  # fmt: skip
    assert [t.id for t in of(*issues).phases[0].tasks] == ["a", "c", "b"]
    assert [t.id for t in of(*issues, issue("d")).phases[0].tasks] == ["c", "b", "a", "d"]
    assert [t.line for t in of(*issues).phases[0].tasks] == [3, 1, 2]


@pytest.mark.parametrize(
    ("issues", "told"),
    [
        ([issue("a"), issue("b", "tombstone")], "0 b: deleted issues are left out"),
        ([issue("a"), issue("b", deleted_at="2026-01-01T10:00:00Z")], "0 b: deleted issues are left out"),
        ([issue("a"), issue("b", kind="message")], "0 b: records that are no work"),
        ([issue("a"), {"_type": "memory", "key": "b"}], "0 line 2: records that are no work"),
        ([issue("a", "blocked")], '1 a A: a plan knows no status "blocked": it is open here'),
        ([issue("a", "deferred")], 'no status "deferred"'),
        ([issue("a", "done")], 'no status "done"'),
        ([issue("a", status=None)], 'no status "null"'),  # type: ignore[arg-type]
        ([issue("a", parent="gone")], '0 a: their parents are not there or deleted: they stand under "Other issues"'),
        ([issue("a", parent="b"), issue("b", parent="a")], "1 a A: it is its own ancestor"),
        ([issue("a", parent="a")], "1 a A: it is its own ancestor"),
        (
            [
                issue("e"),
                issue("f"),
                issue("a", dependencies=[link("a", "e", "parent-child"), link("a", "f", "parent-child")]),
            ],
            "3 a A: it has 2 parents: it stands under e only",
        ),
        ([issue("e"), issue("f", parent="e"), issue("a", parent="f")], "0 a: issues below issues of a phase"),
        ([issue("e", "closed"), issue("a", parent="e")], "1 e E: it is done there, but of what it holds a is not"),
        ([issue("e"), issue("a", "closed", parent="e")], "1 e E: all that it holds is done"),
        (
            [
                issue(
                    "a",
                    dependencies=[
                        link("a", "b", "related"),
                        link("a", "c", "discovered-from"),
                        link("a", "d", "related"),
                    ],
                )
            ],
            "0 related (2), discovered-from (1): only links of the kinds blocks and parent-child",
        ),
        ([issue("a", dependencies="b")], '1 a: "dependencies" is no list: "b"'),
        ([issue("a", dependencies=["b"])], '1 a: this dependency is not understood: "b"'),
        ([issue("a", dependencies=[link("x", "b")])], "1 a: this dependency is not understood"),
        (
            [issue("a", description="d", labels=["x"], notes="", owner="o")],
            "0 priority (1), description (1), labels (1): these",
        ),
        ([{"id": 7, "title": "a", "status": "open"}], ""),
        ([{"id": "a", "title": 7, "status": "open"}], ""),
        ([{"id": "a", "title": None, "status": "open"}], "1 a: its title is no text: null"),
        ([{"id": ["a"], "title": "b", "status": "open"}], '1 b: its id is no text: ["a"]'),
        ([issue("a"), {"status": "open"}], '2 {"status": "open"}: this is no issue: it has neither id nor title'),
    ],
)
def test_what_is_not_carried_is_told(issues: list[Json], told: str) -> None:
    assert told in whys(of(*issues))


def test_more_than_a_few_dependencies_on_whole_epics_are_told() -> None:
    below = [issue(f"t{number}", parent="e") for number in range(30)]
    found = of(issue("e", kind="epic"), *below, issue("c", blocks=("e",)))
    assert "32 c C: waits for all of e, a phase here: let its phase depend on that one" in whys(found)
    found = of(issue("e", kind="epic", blocks=tuple([f"o{n}" for n in range(30)])), issue("a", parent="e"),
               *[issue(f"o{n}") for n in range(30)])  # fmt: skip
    assert "1 e E: waits for 30 single tasks of other phases, which is not carried" in whys(found)
    assert found.phases[0].tasks[0].depends_on == ()


def test_broken_lines() -> None:
    good = json.dumps(issue("a"))
    found = read([Source("i", f"\ufeff{good}\n\n<<<<<<< HEAD\n[1]\n{good[:-1]}\n" + "[" * 100_000)])
    assert phases(found) == [("Other issues", (), [("a", OPEN, ())])]
    assert [loss.line for loss in found.losses] == [3, 4, 5, 6, 0]
    for text, line in ((good[:-5] + "\nx", 1), ("", 0), (json.dumps(issue("a", "tombstone")), 0), ("[]\n{}", 0)):
        with pytest.raises(CannotJudgeError) as caught:
            read([Source("i", text)])
        assert caught.value.findings[0].locations[0].line == line
    found = read([Source("i", good[:-1] + ', "title": "B"}')])
    assert (found.losses[0].text, found.phases[0].tasks[0].title) == ("title", "B")


def test_a_hundred_levels_deep() -> None:
    issues = [issue("i0")] + [issue(f"i{n}", parent=f"i{n - 1}") for n in range(1, 101)]
    assert [t.id for t in of(*issues).phases[0].tasks] == [f"i{n}" for n in range(1, 101)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps(issue("a")), True),
        ("\n<<<<<<< HEAD\n" + json.dumps(issue("a")) + "\n", True),
        ('{"id": "a", "title": "b", "status": "open", "priority": 1, "created_at": ""}', True),
        ('{"id": "a", "title": "b"}', False),
        ('{"id": "a"', False),
        ('{"tasks": [{"id": 1, "title": "a"}]}', False),
        ("", False),
        ("{" * 100_000, False),
        ("# text\n", False),
    ],
)
def test_it_is_known_by_its_look(text: str, expected: bool) -> None:
    assert looks_like(Source("x", text)) is expected


STATUSES = st.sampled_from(["open", "closed", "in_progress", "blocked", "tombstone"])


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.tuples(STATUSES, st.integers(0, 9)), min_size=1, max_size=10))
def test_exactly_what_is_done_there_is_done_here(drawn: list[tuple[str, int]]) -> None:
    issues = [issue(f"i{n}", status, parent=f"i{up}" if up < n else "") for n, (status, up) in enumerate(drawn)]
    if all([status == "tombstone" for status, _up in drawn]):
        with pytest.raises(CannotJudgeError):
            of(*issues)
        return
    found = of(*issues)
    marks = {t.id: t.mark for phase in found.phases for t in phase.tasks}
    heads = {phase.id for phase in found.phases if phase.id}
    for n, (status, _up) in enumerate(drawn):
        if f"i{n}" in marks:
            assert (marks[f"i{n}"] == DONE) is (status == "closed")
        elif status != "tombstone":  # a phase: its tasks tell
            assert f"i{n}" in heads
            tasks = next(phase.tasks for phase in found.phases if phase.id == f"i{n}")
            assert status == "closed" or any([t.mark != DONE for t in tasks])
        for phase in found.phases:
            names = [int(t.id[1:]) for t in phase.tasks if t.id != phase.id]
            assert names == sorted(names)
