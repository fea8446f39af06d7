"""The report files of gates: where they may lie, and what they say."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from fractions import Fraction
from typing import TYPE_CHECKING
from xml.etree.ElementTree import TreeBuilder

from defusedxml.ElementTree import XMLParser
from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Skipped, TestCase

from orchestrator.core.value import Value

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from orchestrator.gate_runs.job import GitCommands

MAX_BYTES = 64 * 1024 * 1024
MAX_ELEMENTS = 1_000_000
MAX_DEPTH = 100
# A rate as tools write it: short enough for exact arithmetic.
_RATE = re.compile(r"(?:\d{1,3}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE]-?\d{1,2})?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,15}")


class ReportError(Exception):
    """A report is not where or what it has to be; the text says why, in one line."""


class JUnit(Value):
    """What a JUnit report says: tests that were executed, and how many of them, or of their suites, did not pass."""

    tests: int
    failed: int


def locate(git: GitCommands, top: str, path: str) -> str:
    """The real place of a report that the plan names ``path``, whether or not there is a file.

    Raises:
        ReportError: it is not in the work tree (in it by name but not by its folder's symlinks, too), or in Git's
            own folder.
        CannotJudgeError: Git said no.
    """
    root = os.path.realpath(top)
    full = os.path.normpath(os.path.join(root, path))
    if os.path.isabs(path) or not _is_below(full, root):
        raise ReportError("lies outside the repository")
    place = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
    if not _is_below(place, root):
        raise ReportError("lies outside the repository, behind a symlink")
    asked = git.run("rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir")
    git_dirs = [os.path.realpath(line) for line in os.fsdecode(asked).splitlines()]
    names = os.path.relpath(place, root).split(os.sep) + path.split("/")
    if any(name.casefold() == ".git" for name in names) or any(_is_below(place, git_dir) for git_dir in git_dirs):
        raise ReportError("lies in Git's own folder")
    return place


def check_untracked(git: GitCommands, top: str, path: str, place: str) -> None:
    """Return if neither the path nor its real place is a file or folder in the index.

    Raises:
        ReportError: it is tracked, so that removing it would remove the user's file.
        CannotJudgeError: Git said no.
    """
    real = os.path.relpath(place, os.path.realpath(top))
    for name in {os.path.normpath(path), real}:
        code, listed, said = git.call("--literal-pathspecs", "ls-files", "-z", "--", name)
        if listed:
            raise ReportError("is tracked, so it cannot be a report: remove it from the index and ignore it")
        # Git refuses to look behind a symlink, where the real place is not; and into submodules.
        if code != 0 and name == real:
            raise ReportError(f"cannot be a report: {said.decode('utf-8', 'replace').strip()}")


def remove(place: str) -> None:
    """Remove the report of an earlier run, if there is one; only a regular file or a symlink itself.

    Raises:
        ReportError: something else is there, or it cannot be removed.
    """
    try:
        mode = os.lstat(place).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise ReportError("is there already and is no regular file")
        os.unlink(place)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ReportError(f"cannot be removed: {error.strerror}") from error


def read(place: str) -> bytes:
    """The content of a report.

    Raises:
        ReportError: it is missing, no regular file, not readable, or larger than 64 MiB.
    """
    try:
        # A symlink could lead out of the repository; a pipe would never end.
        fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReportError("was not written") from error
    except OSError as error:
        raise ReportError(f"cannot be read: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ReportError("is no regular file")
        if os.fstat(fd).st_size > MAX_BYTES:
            raise ReportError(f"is larger than {MAX_BYTES // 1024**2} MiB")
        with os.fdopen(fd, "rb", closefd=False) as file:
            return file.read(MAX_BYTES)
    finally:
        os.close(fd)


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


def _is_below(path: str, folder: str) -> bool:
    with contextlib.suppress(ValueError):  # of two paths without a common beginning
        return path != folder and os.path.commonpath([path, folder]) == folder
    return False
