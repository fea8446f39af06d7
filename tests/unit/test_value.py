"""Values, findings and what is safe to print."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.finding import CannotJudgeError, Finding, printable
from orchestrator.core.gate import Pass
from orchestrator.core.value import Value

HOT = [
    "value",
    "finding",
    "plan",
    "patterns",
    "graph",
    "ownership",
    "evidence",
    "state",
    "todo",
    "gate",
    "message",
    "form",
    "judge",
    "formats",
]


class Point(Value):
    x: int
    y: int = 0


class Named(Point):
    name: str = ""


def test_fields_in_order_and_by_name() -> None:
    assert Point(1, 2) == Point(x=1, y=2) == Point(1, y=2)
    assert Point(1).y == 0
    assert Named(1, 2, "n").astuple() == (1, 2, "n")
    assert repr(Point(1)) == "Point(x=1, y=0)"


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((), {"y": 1}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1}), ((1, 2), {"z": 1})],
)
def test_wrong_arguments(args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Point(*args, **kwargs)


def test_values_do_not_change() -> None:
    point = Point(1)
    with pytest.raises(AttributeError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del point.x
    assert point.replace(y=3) == Point(1, 3)
    assert point == Point(1)
    with pytest.raises(TypeError):
        point.replace(z=1)


def test_classes_differ() -> None:
    assert Point(1) != Named(1)
    assert Point(1) != (1, 0)


@given(st.tuples(st.integers(), st.integers()), st.tuples(st.integers(), st.integers()))
def test_equality_and_hash_agree_with_the_fields(one: tuple[int, int], two: tuple[int, int]) -> None:
    assert (Point(*one) == Point(*two)) == (one == two)
    if one == two:
        assert hash(Point(*one)) == hash(Point(*two))


def test_errors_carry_findings() -> None:
    error = CannotJudgeError(Finding("a", "one"), Finding("b", "two"))
    assert str(error) == "one; two"
    assert [finding.id for finding in error.findings] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ✓ é 漢", "plain ✓ é 漢"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
        ("\x9b", "\\x9b"),
        ("\u202eabc", "\\u202eabc"),
        ("\u2028", "\\u2028"),
        ("\U000e0041", "\\U000e0041"),
        (b"\xff".decode("utf-8", "surrogateescape"), "\\xff"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(), max_size=20))
def test_shown_text_is_printable_and_stays(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)


def test_what_a_hook_imports_is_lean() -> None:
    code = "import sys; before = set(sys.modules)\n"
    code += "".join(f"import orchestrator.core.{name}\n" for name in HOT)
    code += "print(*sorted(set(sys.modules) - before))"
    # -S: what site-packages load at the start of Python is not ours to count.
    out = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    heavy = {"re", "typing", "enum", "dataclasses", "functools", "json", "msgspec", "pathspec", "tomli", "hashlib"}
    assert heavy.isdisjoint(out)
    assert "orchestrator.core.plan_file" not in out


def test_passes_compare_by_content() -> None:
    assert {Pass("k", 1, 2.0), Pass("k", 1, 2.0)} == {Pass("k", 1, 2.0)}
