"""Parsers on damaged text: an answer or a refusal for whatever it is, never anything else.

``ORCHESTRATOR_FUZZ_RUNS`` sets how many texts each gets; the suite takes few.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.evidence import Content
from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.form import judge_form
from orchestrator.core.formats import LockPhase, _read_canonical, format_lock, lock_says, parse_lock
from orchestrator.core.gate import Pass
from orchestrator.core.mark_reader import MarkReader
from orchestrator.core.message import clean, fixup_target, parse_header, revert_target, subject_line, trailer
from orchestrator.core.plan_file import read_plan
from orchestrator.core.state import DONE, OPEN, REOPENED, STARTED, plan_state
from orchestrator.core.todo import assemble, parse, read_marks, render_block
from orchestrator.core.todo_merge import with_summary, without_summary
from orchestrator.core.todo_salvage import salvage
from tests.unit.core_support import HEAD, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = int(os.environ.get("ORCHESTRATOR_FUZZ_RUNS", "120"))
FEW = settings(max_examples=RUNS, deadline=None, derandomize=RUNS <= 120, database=None)

PLAN_TEXT = """\
[gates.tests]
run = ["pytest", "-q"]
inputs = ["src/**", "!src/gen/**"]
junit = "r.xml"
[[phase]]
id = "a"
title = "First: one - two"
owners = ["Anna, B"]
estimate = "2-3 hours"
files = ["a/**"]
gates = ["tests"]
artifacts = ["docs/a - b.md"]
[[phase.task]]
title = "Some (in progress)"
[[phase.task]]
id = "x"
title = "Other"
depends_on = ["1.1"]
[[phase]]
id = "b"
title = "Second"
depends_on = ["a"]
[[phase.task]]
title = "Last"
files = ["b/x.py"]
[[question]]
id = "Q1"
text = "Which?"
blocks = ["b"]
[[control]]
id = "S1"
text = "Safe"
phase = "a"
check = "true"
waiver = { why = "x", who = "y", until = 2026-07-01 }
[[risk]]
id = "R1"
text = "Lost"
"""
PLAN = plan_of(PLAN_TEXT)
MARKS = st.dictionaries(st.sampled_from(["1.1", "x", "2.1"]), st.sampled_from([DONE, STARTED, REOPENED]))
NOTES = st.dictionaries(st.sampled_from(["1.1", "x"]), st.just(("  a note", "", "\t- [ ] of mine")))
PIECES = st.one_of(
    st.sampled_from(["", " ", "\n", "\r\n", "\r", "\t", "\0", "\ufeff", "\u2028", "\udcff", "é", "\\", "\\u0000"]),
    st.sampled_from(["- [x] ", "- [ ] Task ", "Task x: Other", "### Phase 1: ", "_complete", "**Progress**: "]),
    st.sampled_from(["- Question Q1: ", "(open)", "<!-- orchestrator:begin -->", "<!-- orchestrator:end -->"]),
    st.sampled_from(["<<<<<<< ours\n", "=======\n", ">>>>>>> theirs\n", "version = 1", "version = 2", "[phase.a"]),
    st.sampled_from(
        ['"', "'", '"""', "[", "]", "[[phase]]", "{", "}", "=", ",", "#", "1", "-1", "1e999", "nan", "true"]
    ),
    st.sampled_from(["2026-07-01", "a.b.c", "key"]),
)


@st.composite
def damaged(draw: Callable[..., Any], text: str) -> str:
    """The text with a few places cut out, doubled, or replaced by something that means something."""
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 2, 7, 40, 400])))
        middle = draw(st.one_of(PIECES, st.just(text[start:end] * 2)))
        text = text[:start] + middle + text[end:]
    return text


def todo(marks: dict[str, str], notes: dict[str, tuple[str, ...]]) -> str:
    """A PLAN.md of the plan with the user's text around."""
    states = plan_state(PLAN, marks, Content(PLAN, {}), lambda *_: False)
    block = render_block(PLAN, states, marks, notes, "\n")
    return assemble(parse("# Mine\n\n<!-- orchestrator:begin -->\n<!-- orchestrator:end -->\nbelow\n"), block)


@given(MARKS, NOTES, st.data())
@FEW
def test_plan_md(marks: dict[str, str], notes: dict[str, tuple[str, ...]], data: st.DataObject) -> None:
    whole = todo(marks, notes)
    read = read_marks(parse(whole), [PLAN])
    assert read.findings == ()
    assert {task: mark for task, mark in read.marks.items() if mark != OPEN} == marks
    text = data.draw(damaged(whole))
    # What cannot be read in place is salvaged, and no line of the user's goes with it.
    salvaged = salvage(text, [PLAN])
    notes_kept = [line for lines in salvaged.notes.values() for line in lines]
    around = salvaged.todo.before + salvaged.todo.after + "\n".join(notes_kept)
    assert parse(assemble(salvaged.todo, "")).has_block
    for line in ("# Mine", "below"):
        if line in text.split("\n"):
            assert line in around
    with_summary(without_summary(text))
    try:
        found = parse(text)
    except CannotJudgeError:
        return
    reading = read_marks(found, [PLAN])
    quick, strange = MarkReader(PLAN).read(text)
    if not reading.findings and found.has_block:
        assert strange == 0
        assert quick == reading.marks, "both readers of marks agree"
    assert set(reading.marks) <= {"1.1", "x", "2.1"}


@given(damaged(HEAD + PLAN_TEXT))
@FEW
def test_plan_toml(text: str) -> None:
    plan, findings = read_plan(text.encode("utf-8", "surrogateescape"))
    assert plan is not None or findings
    for finding in findings:
        assert finding.message.isprintable()
        assert all(place.path == "plan.toml" and place.line >= 0 for place in finding.locations)
    if plan is not None:
        assert plan.at("2026-07-02").at("2026-07-02") == plan.at("2026-07-02")


LOCK = {
    "a": LockPhase({"tests": Pass("ab" * 32, 12, 80.5), "control:S1": Pass("cd" * 32)}, {"x": {"src/**": "ef" * 32}}),
    "b": LockPhase(),
}


@given(damaged(format_lock(LOCK).decode()))
@FEW
def test_plan_lock(text: str) -> None:
    raw = text.encode("utf-8", "surrogateescape")
    try:
        lock = parse_lock(raw)
    except CannotJudgeError:
        return
    assert parse_lock(format_lock(lock)) == lock
    canonical = format_lock(lock)
    assert lock_says(canonical, lock) == (_read_canonical(canonical.decode()) is not None)
    quick = _read_canonical(text.replace("\r\n", "\n"))
    if quick is not None:
        assert quick == tomli.loads(text), "the quick reader takes nothing that TOML reads otherwise"


@given(damaged("feat(api)!: [First: one - two] subject\n\nbody\n\nPlan-Exception: why\n# comment\n"), st.booleans())
@FEW
def test_messages(text: str, freed: bool) -> None:
    for mode in ("strip", "whitespace", "verbatim", "scissors"):
        cleaned = clean(text, mode, "#")
        assert mode == "verbatim" or clean(cleaned, "whitespace", "#") == cleaned
        parse_header(subject_line(cleaned))
        fixup_target(subject_line(cleaned))
        revert_target(cleaned)
        trailer(cleaned, "Plan-Exception")
        said = {"advances": True, "touches_phase": True, "ticks": False, "freed": freed}
        form = judge_form(cleaned, PLAN, PLAN.settings, ["a/x"], proposed="a", **said)
        assert form.named in ("", "a", "b", "plan")
        assert all(finding.message.isprintable() for finding in form.findings)
