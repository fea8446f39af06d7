"""What the reports of gates say; imported only where a gate has one, since the parsers take a while to import."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING
from xml.etree.ElementTree import TreeBuilder

from defusedxml.ElementTree import XMLParser
from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Skipped, TestCase

from orchestrator.core.value import Value
from orchestrator.gate_runs.reports import ReportError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_ELEMENTS = 1_000_000
MAX_DEPTH = 100
# A rate as tools write it: short enough for exact arithmetic.
_RATE = re.compile(r"(?:\d{1,3}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE]-?\d{1,2})?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,15}")


class JUnit(Value):
    """What a JUnit report says: tests that were executed, and how many of them, or of their suites, did not pass."""

    tests: int
    failed: int


def parse_junit(data: bytes) -> JUnit:
    """What the report says; nested suites and a single suite as root are fine, skipped tests are no tests.

    Raises:
        ReportError: it is broken, hostile or no JUnit report.
    """
    builder = _Builder()
    _feed(data, builder)
    root = builder.close()
    try:
        JUnitXml.fromroot(root)  # type: ignore[arg-type]  # it means an element of the tree, not one of its own
        tests = failed = 0
        for element in root.iter("testcase"):
            results = TestCase.fromelem(element).result  # type: ignore[no-untyped-call]
            failed += any(isinstance(result, Failure | Error) for result in results)
            # GoogleTest lists disabled tests without a <skipped>.
            tests += element.get("status") != "notrun" and not any(isinstance(result, Skipped) for result in results)
        # A suite that broke outside its tests says so in its own counts only.
        counted = max((_count(s, "failures") + _count(s, "errors") for s in _suites(root)), default=0)
    except (JUnitXmlError, ValueError) as error:
        raise ReportError("is no JUnit report") from error
    return JUnit(tests=tests, failed=max(failed, counted))


def parse_coverage(data: bytes) -> Fraction | None:
    """The covered percentage of lines, exactly; nothing if no line was measured.

    Raises:
        ReportError: it is broken, hostile or no Cobertura report.
    """
    builder = _RootOnly()
    _feed(data, builder)
    if builder.tag != "coverage":
        raise ReportError("is no Cobertura report")
    covered, valid, rate = (builder.attributes.get(name, "") for name in ("lines-covered", "lines-valid", "line-rate"))
    if covered and valid:  # exact, where the rate is rounded
        if not (_NUMBER.fullmatch(covered) and _NUMBER.fullmatch(valid)) or int(covered) > int(valid):
            raise ReportError("has no usable numbers of lines")
        return Fraction(100 * int(covered), int(valid)) if int(valid) else None
    if not _RATE.fullmatch(rate) or Fraction(rate) > 1:
        raise ReportError("has no usable line-rate")
    return 100 * Fraction(rate)


def rounded_down(percent: Fraction) -> float:
    """The percentage with two decimals, never more than it is."""
    return int(percent * 100) / 100


class _Builder(TreeBuilder):
    """A tree, within bounds on its depth and on its number of elements."""

    def __init__(self) -> None:
        super().__init__()
        self._elements = 0
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._elements += 1
        self._depth += 1
        if self._elements > MAX_ELEMENTS or self._depth > MAX_DEPTH:
            raise ReportError("has too many or too deeply nested elements")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


class _RootOnly:
    """The root's name and attributes; the rest is only checked for being XML."""

    def __init__(self) -> None:
        self.tag = ""
        self.attributes: dict[str, str] = {}

    def start(self, tag: str, attrs: dict[str, str]) -> None:
        if not self.tag:
            self.tag, self.attributes = tag, attrs

    def close(self) -> None:
        """Nothing is left to do."""


def _feed(data: bytes, target: object) -> None:
    """Parse the bytes into the target; entities, which can blow up or reach out, are refused.

    Raises:
        ReportError: they are no XML, or declare entities.
    """
    # All at once: expat before 2.6 takes quadratic time over a long token that comes in pieces.
    parser = XMLParser(target=target)
    try:
        parser.feed(data)
        parser.close()
    except (SyntaxError, ValueError, LookupError) as error:
        raise ReportError(f"is no XML that can be read safely: {error}".split("\n", maxsplit=1)[0][:200]) from error


def _suites(root: Element) -> list[Element]:
    return [*root.iter("testsuites"), *root.iter("testsuite")]


def _count(suite: Element, name: str) -> int:
    return int(suite.get(name, "") or 0)
