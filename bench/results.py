"""What is measured, how it takes turns, and what is told of it: lines, bars, curves; as Markdown and JSON.

Standard library only.
"""

from __future__ import annotations

import dataclasses
import statistics
from typing import TYPE_CHECKING, Any

from common import Finished, MeasureError, say, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_MEGABYTE = 1_000_000


# -- measuring ---------------------------------------------------------------------------------------------------------


def silent(finished: Finished) -> None:
    """Refuse a process that failed or said something, so that it was no plain acceptance."""
    fine(finished)
    if said := (finished.out + finished.err).strip():
        raise MeasureError(f"a process that should say nothing said: {said}")


def fine(finished: Finished) -> None:
    """Refuse a process that failed."""
    if finished.code:
        raise MeasureError(f"a process ended with {finished.code}:\n{finished.out}{finished.err}")


def _nothing(_turn: int) -> None:
    """Where nothing has to be prepared."""


@dataclasses.dataclass
class Case:
    """One process that is measured: ``prepare`` is not timed, ``check`` refuses what is not as it should be.

    ``turns`` is for what takes so long that it has fewer turns than the others.
    """

    name: str
    argv: Sequence[str | Path]
    folder: Path
    env: Mapping[str, str]
    check: Callable[[Finished], None] = fine
    prepare: Callable[[int], None] = _nothing
    keep: bool = True
    given: bytes = b""
    turns: int = 1_000_000
    finished: list[Finished] = dataclasses.field(default_factory=list)

    def measured(self, name: str = "") -> Measured:
        """Its times, under that name or its own."""
        seconds = tuple(found.seconds for found in self.finished)
        return Measured(name or self.name, seconds, max(found.peak for found in self.finished))


def take_turns(title: str, cases: Sequence[Case], runs: int) -> None:
    """Run every case once as a warm-up and then ``runs`` times, in turns: A B C A B C ...

    A machine that becomes slow in between slows all of them.

    Raises:
        MeasureError: one of them is not as it should be.
    """
    for turn in range(runs + 1):
        say(f"{title}: turn {turn} of {runs}" if turn else f"{title}: warm-up")
        for case in cases:
            if turn > case.turns:
                continue
            case.prepare(turn)
            finished = timed(case.argv, case.folder, case.env, keep=case.keep, given=case.given)
            try:
                case.check(finished)
            except MeasureError as error:
                raise MeasureError(f"{title}: {case.name}: {error}") from error
            if turn:
                case.finished.append(finished)


@dataclasses.dataclass(frozen=True)
class Measured:
    """The seconds of something, turn by turn, and the bytes of its largest process (0: not known)."""

    name: str
    seconds: tuple[float, ...]
    peak: int = 0

    def median(self) -> float:
        """In seconds."""
        return statistics.median(self.seconds)

    def to(self, other: Measured) -> float:
        """The median of the ratios, turn by turn; where one of them had fewer turns, of those that both had."""
        return statistics.median(mine / its for mine, its in zip(self.seconds, other.seconds, strict=False))

    def less(self, other: Measured) -> Measured:
        """What it takes more than the other, turn by turn."""
        seconds = tuple(mine - its for mine, its in zip(self.seconds, other.seconds, strict=True))
        return Measured(self.name, seconds)


def together(name: str, *parts: Measured) -> Measured:
    """The sum of several, turn by turn."""
    seconds = tuple(sum(turn) for turn in zip(*[part.seconds for part in parts], strict=True))
    return Measured(name, seconds, max(part.peak for part in parts))


# -- telling -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a table: ``about`` says what is done, and of a peer what it does less."""

    measured: Measured
    about: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """Lines beside each other; all of them are compared with ``base``."""

    lines: Sequence[Line]
    base: Measured
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Bar:
    """What was promised of a number: at most ``limit``, in ``unit`` ("x" for a ratio)."""

    name: str
    value: float
    limit: float
    unit: str = "x"

    def kept(self) -> bool:
        """Whether it holds."""
        return self.value <= self.limit


@dataclasses.dataclass(frozen=True)
class Curve:
    """How times grow with a size: by name of a series, the milliseconds (medians) for each size."""

    title: str
    size: str
    series: Mapping[str, Sequence[tuple[float, float]]]


@dataclasses.dataclass(frozen=True)
class Section:
    """What one group has found; ``notes`` are lines of Markdown below its tables."""

    title: str
    about: str
    tables: Sequence[Table]
    bars: Sequence[Bar]
    curves: Sequence[Curve] = ()
    notes: Sequence[str] = ()
    peers: Sequence[str] = ()  # the packages that it has used


def number(value: float, unit: str) -> str:
    """A value with its unit, as precise as it makes sense."""
    digits = 0 if value >= 100 else 1 if unit != "x" else 2
    return f"{value:,.{digits}f} {unit}"


def markdown(sections: Sequence[Section], facts: Mapping[str, str], peers: Mapping[str, str], head: str) -> str:
    """The text between the markers of the page; ``head`` says how it was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in peers.items())
    lines = [head, "", f"{', '.join(facts.values())}. Peers: {versions or 'none'}.", ""]
    lines += ["| bar | measured | at most | |", "| --- | ---: | ---: | --- |"]
    for section in sections:
        for bar in section.bars:
            verdict = "kept" if bar.kept() else "**missed**"
            lines.append(f"| {bar.name} | {number(bar.value, bar.unit)} | {number(bar.limit, bar.unit)} | {verdict} |")
    for section in sections:
        lines += ["", f"### {section.title}", "", section.about]
        for table in section.tables:
            lines += ["", *([f"{table.title}:", ""] if table.title else []), *table_lines(table)]
        lines += ["", *[f"- {note}" for note in section.notes]] if section.notes else []
    return "\n".join(lines) + "\n"


def table_lines(table: Table) -> list[str]:
    """A table in Markdown."""
    heads = ["", f"to {table.base.name}", "median ms", "min ms", "peak MB", "what it does"]
    lines = [f"| {' | '.join(heads)} |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for line in table.lines:
        found = line.measured
        peak = f"{found.peak / _MEGABYTE:.0f}" if found.peak else ""
        times = [f"{found.median() * 1000:,.1f}", f"{min(found.seconds) * 1000:,.1f}"]
        lines.append(f"| {' | '.join([found.name, f'{found.to(table.base):.2f} x', *times, peak, line.about])} |")
    return lines


def as_json(sections: Sequence[Section], facts: Mapping[str, str], peers: Mapping[str, str]) -> dict[str, Any]:
    """The same for programs, with the seconds of every turn."""
    return {"machine": dict(facts), "peers": dict(peers), "groups": [_section(section) for section in sections]}


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "tables": [
            {
                "title": table.title,
                "to": table.base.name,
                "lines": [
                    {
                        "name": line.measured.name,
                        "ratio": line.measured.to(table.base),
                        "median_s": line.measured.median(),
                        "min_s": min(line.measured.seconds),
                        "peak_bytes": line.measured.peak or None,
                        "about": line.about,
                        "seconds": line.measured.seconds,
                    }
                    for line in table.lines
                ],
            }
            for table in section.tables
        ],
        "bars": [{**dataclasses.asdict(bar), "kept": bar.kept()} for bar in section.bars],
        "curves": [dataclasses.asdict(curve) for curve in section.curves],
        "notes": list(section.notes),
    }


def put_into_page(page: Path, text: str) -> None:
    """Put the text between the markers of the page; what a person wrote around them stays.

    Raises:
        MeasureError: the page is not there, or has not one pair of markers.
    """
    try:
        before = page.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MeasureError(f"{page} is not there: write it, with a line {BEGIN} and a line {END}") from error
    head, _, rest = before.partition(f"{BEGIN}\n")
    _, found, tail = rest.partition(END)
    if not found or BEGIN in rest or END in tail:
        raise MeasureError(f"{page}: expected one line {BEGIN} and after it one line {END}")
    page.write_text(f"{head}{BEGIN}\n{text}{END}{tail}", encoding="utf-8")
