"""plan.lock and the compiled plan: what is written is read, and what is damaged is not taken for whole."""

from __future__ import annotations

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core import formats
from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.formats import Lock, LockPhase, compile_plan, format_lock, load_compiled, parse_lock
from orchestrator.core.gate import Pass
from tests.unit.core_support import plan_of
from tests.unit.test_judge import PLAN

IDS = st.sampled_from(["a", "base", "0", "a-b", "phase", "gate", "1e3", "true", "-"])
GATES = st.sampled_from(["lint", "control:S1", "a.b", "1", "_x", "Key", "base", "control:1.1"])
TASKS = st.sampled_from(["1.1", "b1", "base", "A-b_c", "2", "x.y.z"])
DIGESTS = st.sampled_from(["a" * 64, "0" * 64, "0123456789abcdef" * 4])
GLOBS = st.one_of(
    st.sampled_from(["src/**", "a = b", "é", "a b", 'q"x', "b\\[", "x.y", "#", "'", "", "\u200b", "[a]", "=", "a]"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
)
PASSES = st.builds(
    Pass,
    DIGESTS,
    st.none() | st.integers(0, 10**6),
    st.sampled_from([None, 0.0, 81.25, 100.0, 1e-07, 33.333333333333336, 5e-324]),
)
LOCKS = st.dictionaries(
    IDS,
    st.builds(
        LockPhase,
        st.dictionaries(GATES, PASSES, max_size=2),
        st.dictionaries(TASKS, st.dictionaries(GLOBS, DIGESTS, min_size=1, max_size=2), max_size=2),
    ),
    max_size=3,
)


@given(LOCKS)
def test_what_is_written_is_read(lock: Lock) -> None:
    data = format_lock(lock)
    assert parse_lock(data) == lock
    assert format_lock(parse_lock(data)) == data
    assert parse_lock(data.replace(b"\n", b"\r\n")) == lock


@given(LOCKS)
def test_the_fast_reader_reads_as_tomli_does(lock: Lock) -> None:
    text = format_lock(lock).decode()
    tree = formats._read_canonical(text)
    assert tree is None or tree == tomli.loads(text)


def test_the_fast_reader_reads_what_is_usual() -> None:
    lock: Lock = {
        "base": LockPhase(
            {"lint": Pass("a" * 64), "control:S1": Pass("b" * 64, 12, 81.25)}, {"1.1": {"src/**": "c" * 64}}
        ),
        "api": LockPhase({"tests": Pass("d" * 64, 0, 0.0)}, {}),
        "web": LockPhase(),
    }
    text = format_lock(lock).decode()
    assert formats._read_canonical(text) == tomli.loads(text)
    assert text == (
        "version = 1\n\n[phase.base]\n\n"
        f'[phase.base.gate.lint]\nkey = "{"a" * 64}"\n\n'
        f'[phase.base.gate."control:S1"]\nkey = "{"b" * 64}"\ntests = 12\ncoverage = 81.25\n\n'
        f'[phase.base.task."1.1".base]\n"src/**" = "{"c" * 64}"\n\n'
        f'[phase.api]\n\n[phase.api.gate.tests]\nkey = "{"d" * 64}"\ntests = 0\ncoverage = 0.0\n\n'
        "[phase.web]\n"
    )


LINES = st.sampled_from(
    [
        "version = 1", "[phase.a]", "[phase.a.gate.x]", "[phase.'a'.gate.x]", "[phase . a]", "[phase..a]", "[phase]",
        '[phase.a.gate."x"]', '[phase."a]', '[phase"a"]', "[[phase]]", "[]", "[", "[a", 'key = "k"', "key = 'k'",
        'key = "k" # c', 'key="k"', "key = ", " = ", '" = 1', "key = 007", "key = 1.", "key = .5", "key = 1_0",
        "key = 1e3", "key = 0.50", "tests = 3", "tests = -3", "gate.x.key = 1", 'gate.x.key = "k"', "a b = 1",
        '"a b" = 1', "# a = 1", ' key = "k"', 'key = "k" ', 'key = "a\tb"', 'key = "\\u0041"', 'key = "a = b"',
        "é = 1", '"" = 1', '"é" = 1', "key = true", "key = {x = 1}", "key = []", "", "\r", "x", '"""',
        "[phase.a.task.1.base]", '"k" = "v"',
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=6).map("\n".join))
def test_whatever_the_fast_reader_takes_tomli_reads_likewise(text: str) -> None:
    tree = formats._read_canonical(text)
    if tree is not None:
        assert tomli.loads(text) == tree


@given(st.lists(LINES, max_size=8).map("\n".join) | st.text(max_size=20))
def test_a_lock_is_read_or_refused(text: str) -> None:
    refusal: list[tuple[str, str]] = []
    try:
        parse_lock(text.encode("utf-8", "replace"))
    except CannotJudgeError as error:
        refusal = [(finding.id, finding.help) for finding in error.findings]
    assert refusal in ([], [("lock-tampered", "orchestrator sync")])


@pytest.mark.parametrize("value", ["007", "00", "1.", ".5", "0.50", "1_0", '"a\x07"', '"a\x7f"', "'a'", "", "true"])
def test_the_fast_reader_takes_no_other_spelling(value: str) -> None:
    assert formats._read_canonical(f"version = 1\n[phase.a.gate.x]\nkey = {value}\n") is None


def test_the_fast_reader_takes_no_quote_within_a_name() -> None:
    assert formats._read_canonical('version = 1\n[phase.a.task.x.base]\n"s"src/**" = "ab"\n') is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "'version' is missing"),
        ("version = 2\n", "version 2"),
        ("version = 1\nmore = 2\n", "unknown key more"),
        ('version = 1\n"\\u001b[31m" = 2\n', "\\x1b[31m"),
        ("version = 1\n[phase.a.gate.x]\ntests = 1\n", "'key' is missing"),
        ("version = 1\n[phase.a.gate.x]\nkey = 1\n", "malformed"),
        ('version = 1\n[phase.a.gate.x]\nkey = "k"\ntests = "3"\n', "malformed"),
        ('version = 1\n[phase.a.gate.x]\nkey = "k"\ntests = true\n', "malformed"),
        ('version = 1\n[phase.a.gate.x]\nkey = "k"\ncoverage = [1]\n', "malformed"),
        ("version = 1\n[phase.a.task.x.base]\np = 1\n", "malformed"),
        ("version = 1\n[phase.a.task.x]\n", "'base' is missing"),
        ("version = 1\nphase = 3\n", "cannot be read"),
        ("version = 1\n[phase.a]\n[phase.a]\n", "cannot be read"),
        ("version = 1\n<<<<<<< ours\n", "cannot be read"),
        ("version = 1\na = " + "[" * 5000, "cannot be read"),
        ("version = " + "9" * 5000, "cannot be read"),
    ],
)
def test_broken_locks(text: str, told: str) -> None:
    with pytest.raises(CannotJudgeError) as caught:
        parse_lock(text.encode())
    message = caught.value.findings[0].message
    assert told in message
    assert message.isprintable()


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(CannotJudgeError):
        parse_lock(b"version = 1\n\xff")


def test_other_spellings_are_read() -> None:
    text = "version=1\n[phase.a.gate]\nx = {key='k', tests=3}\n[phase.a.task.'1.1'.base]\n'src' = 'd'  # why\n"
    assert parse_lock(text.encode()) == {"a": LockPhase({"x": Pass("k", 3)}, {"1.1": {"src": "d"}})}
    assert parse_lock(b'version = 1\n[phase.a]\ngate.x.key = "k"\n') == {"a": LockPhase({"x": Pass("k")})}


# -- the compiled plan -----------------------------------------------------------------------------------------------

EXTRA = """
[[question]]
id = "Q1"
text = "Which?"
blocks = ["web"]
[[control]]
id = "S1"
text = "Safe"
phase = "api"
check = ["grep", "-q", "x"]
"""
OID = "0123456789" * 4


def test_a_compiled_plan_reads_back() -> None:
    plan = plan_of(PLAN + EXTRA)
    assert load_compiled(compile_plan(plan, OID), OID) == plan
    assert compile_plan(plan, OID) == compile_plan(plan_of(PLAN + EXTRA), OID)
    assert load_compiled(compile_plan(plan, OID), OID[::-1]) is None


def test_a_damaged_compiled_plan_is_not_read() -> None:
    plan = plan_of('[[phase]]\nid = "a"\ntitle = "A"\n[[phase.task]]\ntitle = "T"\nfiles = ["x*"]\n')
    data = compile_plan(plan, OID)
    for index in range(len(data)):
        assert load_compiled(data[:index], OID) is None
        for bit in (1, 0x80):
            damaged = data[:index] + bytes([data[index] ^ bit]) + data[index + 1 :]
            assert load_compiled(damaged, OID) is None
    assert load_compiled(data + b"x", OID) is None
    assert load_compiled(b"", OID) is None
