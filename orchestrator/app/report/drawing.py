"""Where things stand in the drawings of the report: the graph of the phases, and bars on scales of time.

Pure functions: numbers in, numbers and SVG path data out. Lengths are CSS pixels; places on a scale are percent.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from itertools import pairwise
from typing import TYPE_CHECKING
from unicodedata import category, east_asian_width

from orchestrator.core.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Rows = list[list[int]]

BOX_WIDTH = 176
BOX_HEIGHT = 96
_BESIDE = 16.0  # between what stands in the same layer
_BETWEEN = 40.0  # from one layer to the next, where the arrows bend
_EDGE = 4.0  # around all of it, for the lines' width
_TIP = 8.0  # the length of an arrow's head
_MOST_POINTS = 4000  # boxes and places where an arrow passes a layer; more is no drawing that anybody can read
_SWEEPS = 8
_WIDE = 1054.0  # what a page of 1280 px has room for

_MINUTE_S = 60.0
_HOUR_S = 3600.0
_STEPS_S = tuple([n * _MINUTE_S for n in (1, 2, 5, 10, 15, 30)] + [n * _HOUR_S for n in (1, 2, 4, 8, 20, 40, 80, 200)])
_MOST_STEPS = 8
_LONGEST_S = 1e9  # some thirty years; what is said to take longer gets no bar


class Box(Value):
    """One phase: its place in the list of phases, and the left upper corner of its box."""

    index: int
    x: float
    y: float


class Arrow(Value):
    """From the phase that comes first to the one that needs it: SVG path data of the line, and of the head."""

    first: int
    then: int
    line: str
    head: str


class Drawing(Value):
    """A graph with all its boxes, each BOX_WIDTH by BOX_HEIGHT."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


class Bar(Value):
    """A stretch on a scale, in percent of the scale's length."""

    start: float
    length: float


class TimeScale(Value):
    """Bars on one scale of ``full_s`` seconds, with a mark every ``step_s``; None where there is nothing to draw."""

    full_s: float
    step_s: float
    marks: tuple[float, ...]  # percent, without both ends
    estimates: tuple[Bar | None, ...]
    actual: tuple[Bar, ...]


# -- the graph


def graph_drawings(needs: Sequence[Sequence[int]]) -> tuple[Drawing, ...]:
    """The graph as a narrow page shows it and, where a wide one can show it from left to right, that, too.

    ``needs[i]`` are the places in the list of those that i depends on, without circles. Layers run downwards or to the
    right, whichever is narrower. Nothing is returned where it has more lines than anybody could follow.
    """
    layers = layers_of(needs)
    points = len(needs) + sum([layers[then] - layers[first] - 1 for then, all_ in enumerate(needs) for first in all_])
    if points > _MOST_POINTS:
        return ()
    down, across = (_drawing(needs, layers, across=across) for across in (False, True))
    narrow = min(down, across, key=lambda drawing: drawing.width)
    return (narrow,) if narrow is across or across.width > _WIDE else (narrow, across)


def layers_of(needs: Sequence[Sequence[int]]) -> list[int]:
    """The layer of each, from 0: one more than the highest of those that it depends on."""
    layers = [0] * len(needs)
    missing = [len(set(first)) for first in needs]
    needed_by: list[list[int]] = [[] for _ in needs]
    for then, all_ in enumerate(needs):
        for first in set(all_):
            needed_by[first].append(then)
    ready = [index for index, count in enumerate(missing) if not count]
    for first in ready:
        for then in needed_by[first]:
            layers[then] = max(layers[then], layers[first] + 1)
            missing[then] -= 1
            if not missing[then]:
                ready.append(then)
    return layers


class _Links:
    """The rows of a graph; an arrow that passes a layer has a point of its own there, with a number above the boxes."""

    def __init__(self, needs: Sequence[Sequence[int]], layers: Sequence[int]) -> None:
        self.boxes = len(needs)
        self.rows: Rows = [[] for _ in range(max(layers, default=-1) + 1)]
        for index, layer in enumerate(layers):
            self.rows[layer].append(index)
        self.before: dict[int, list[int]] = {index: [] for index in range(self.boxes)}
        self.after: dict[int, list[int]] = {index: [] for index in range(self.boxes)}
        self.ways: list[list[int]] = []  # of each arrow: the box, the points, the box
        points = self.boxes
        for then, all_ in enumerate(needs):
            for first in dict.fromkeys(all_):
                way = [first]
                for row in self.rows[layers[first] + 1 : layers[then]]:
                    row.append(points)
                    self.before[points], self.after[points] = [], []
                    way.append(points)
                    points += 1
                way.append(then)
                for one, other in pairwise(way):
                    self.after[one].append(other)
                    self.before[other].append(one)
                self.ways.append(way)


def crossings(rows: Rows, after: Mapping[int, Sequence[int]]) -> int:
    """How often lines between neighbouring rows cross."""
    found = 0
    for row, following in pairwise(rows):
        place = {item: at for at, item in enumerate(following)}
        passed: list[int] = []
        for item in row:
            ends = sorted([place[other] for other in after[item]])
            found += sum([len(passed) - bisect_right(passed, end) for end in ends])
            for end in ends:
                insort(passed, end)
    return found


def _order(links: _Links) -> Rows:
    """The rows so ordered that few lines cross: each by the mean place of what it is linked to, to and fro."""
    rows = [list(row) for row in links.rows]
    best, fewest = rows, crossings(rows, links.after)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        rows = [list(row) for row in rows]
        numbers = range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1)
        linked, step = (links.before, -1) if sweep % 2 == 0 else (links.after, 1)
        for number in numbers:
            place = {item: float(at) for at, item in enumerate(rows[number + step])}
            own = {item: float(at) for at, item in enumerate(rows[number])}
            wanted = {item: _mean([place[other] for other in linked[item]], own[item]) for item in own}
            rows[number].sort(key=wanted.__getitem__)
        found = crossings(rows, links.after)
        if found < fewest:
            best, fewest = rows, found
    return best


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise


def spread(wanted: Sequence[float], apart: Sequence[float]) -> list[float]:
    """Places in the same order, at least so far apart, and as near to the wanted ones as can be (least squares).

    ``apart[i]`` is the least distance from i to i + 1. Method: pool adjacent violators.
    """
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    pools: list[tuple[float, int]] = []  # mean place without offset, and of how many
    for place, offset in zip(wanted, offsets, strict=True):
        mean, count = place - offset, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        pools.append((mean, count))
    means = [mean for mean, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _places(links: _Links, rows: Rows, size: float) -> dict[int, float]:
    """Where the middle of each stands in its row, the least edge of all at 0; ``size`` is that of a box."""
    half = {item: size / 2 if item < links.boxes else 0.0 for row in rows for item in row}
    apart = [[half[a] + half[b] + _BESIDE for a, b in pairwise(row)] for row in rows]
    places: dict[int, float] = {}
    for row, distances in zip(rows, apart, strict=True):
        places.update(zip(row, spread([0.0] * len(row), distances), strict=True))
    both = {item: [*links.before[item], *links.after[item]] for item in half}
    for sweep in range(_SWEEPS + 1):
        linked = both if sweep == _SWEEPS else links.after if sweep % 2 else links.before
        for number in range(len(rows)) if sweep % 2 == 0 else range(len(rows) - 1, -1, -1):
            row = rows[number]
            wanted = [_mean([places[other] for other in linked[item]], places[item]) for item in row]
            places.update(zip(row, spread(wanted, apart[number]), strict=True))
    least = min([places[item] - half[item] for item in places], default=0.0)
    return {item: place - least for item, place in places.items()}


def _drawing(needs: Sequence[Sequence[int]], layers: Sequence[int], *, across: bool) -> Drawing:
    along, beside = (BOX_WIDTH, BOX_HEIGHT) if across else (BOX_HEIGHT, BOX_WIDTH)
    links = _Links(needs, layers)
    rows = _order(links)
    places = _places(links, rows, beside)

    def point(at: float, item_at: float) -> tuple[float, float]:
        """From the place along the layers and that in the layer to x and y."""
        return (at + _EDGE, item_at + _EDGE) if across else (item_at + _EDGE, at + _EDGE)

    starts = {item: number * (along + _BETWEEN) for number, row in enumerate(rows) for item in row}
    corners = [point(starts[index], places[index] - beside / 2) for index in range(links.boxes)]
    arrows = []
    for way in links.ways:
        first, then = way[0], way[-1]
        parts = [f"M{_pair(point(starts[first] + along, places[first]))}"]
        for one, other in pairwise(way):
            begin, end = starts[one] + along, starts[other] - (_TIP if other == then else 0.0)
            middle = (begin + end) / 2
            bends = [point(middle, places[one]), point(middle, places[other]), point(end, places[other])]
            parts.append(f"C{' '.join([_pair(bend) for bend in bends])}")
            if other != then:
                parts.append(f"L{_pair(point(end + along, places[other]))}")
        tip = [(0.0, 0.0), (-_TIP, -_TIP / 2), (-_TIP, _TIP / 2)]
        corner = [_pair(point(starts[then] + at, places[then] + aside)) for at, aside in tip]
        arrows.append(Arrow(first, then, "".join(parts), f"M{'L'.join(corner)}Z"))
    wide = max([place + (beside / 2 if item < links.boxes else 0.0) for item, place in places.items()], default=0.0)
    long = len(rows) * (along + _BETWEEN) - _BETWEEN if rows else 0.0
    width, height = point(long, wide)
    boxes = tuple([Box(index, round(x, 1), round(y, 1)) for index, (x, y) in enumerate(corners)])
    return Drawing(round(width + _EDGE, 1), round(height + _EDGE, 1), boxes, tuple(arrows))


def _pair(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


# -- text in a box


def wrapped(text: str, most_lines: int, most_ems: float) -> list[str]:
    """The text in at most so many lines, each about so wide; what does not fit is cut, and an ellipsis says so.

    Widths are reckoned without a font, rather too wide than too narrow. Words that are too long are broken, but
    not inside of what is read as one character.
    """
    lines = [""]
    for word in text.split():
        if lines[-1] and text_ems(f"{lines[-1]} {word}") <= most_ems:
            lines[-1] += f" {word}"
            continue
        if lines[-1]:
            lines.append("")
        for cluster in _clusters(word):
            if lines[-1] and text_ems(lines[-1] + cluster) > most_ems:
                lines.append("")
            lines[-1] += cluster
    if len(lines) <= most_lines:
        return lines
    kept = lines[:most_lines]
    last = _clusters(kept[-1])
    while last and text_ems("".join(last)) > most_ems - 1.0:
        last.pop()
    return [*kept[:-1], "".join(last).rstrip() + "\u2026"]


def text_ems(text: str) -> float:
    """About how wide the text is, in widths of the letter M."""
    return sum([_char_ems(char) for char in text])


def _char_ems(char: str) -> float:
    if char.isascii():
        return 0.35 if char in " !'(),.:;I[]`fijlrt|" else 0.95 if char in "MW@%mw" else 0.72 if char.isupper() else 0.6
    if category(char) in ("Mn", "Me", "Cf"):
        return 0.0
    return 1.3 if east_asian_width(char) in "WF" else 0.75


def _clusters(word: str) -> list[str]:
    """The word in parts between which it may be broken: accents, joined emoji and flags stay whole."""
    parts: list[str] = []
    for char in word:
        before = parts[-1] if parts else ""
        joins = category(char)[0] == "M" or char == "\u200d" or "\U0001f3fb" <= char <= "\U0001f3ff"
        if before and (
            joins or before.endswith("\u200d") or (_is_flag(char) and len(before) == 1 and _is_flag(before))
        ):
            parts[-1] += char
        else:
            parts.append(char)
    return parts


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


# -- time


def time_scale(estimates: Sequence[tuple[float, float] | None], actual_s: Sequence[float]) -> TimeScale | None:
    """Bars for the estimates (from the least to the most) and for the time that each took, or None without any."""
    readable = [pair if pair and max(pair) <= _LONGEST_S else None for pair in estimates]
    longest = max([*actual_s, *[pair[1] for pair in readable if pair]], default=0.0)
    if longest <= 0:
        return None
    step = next((step for step in _STEPS_S if longest <= step * _MOST_STEPS), 0.0)
    if not step:
        step = _STEPS_S[-1]
        while longest > step * _MOST_STEPS:
            step *= 10
    count = -int(-longest // step)
    full = count * step
    return TimeScale(
        full,
        step,
        tuple([100.0 * number / count for number in range(1, count)]),
        tuple([None if pair is None else _bar(pair[0], pair[1], 0.0, full) for pair in readable]),
        tuple([_bar(0.0, seconds, 0.0, full) for seconds in actual_s]),
    )


def calendar_bars(spans: Iterable[tuple[int, int] | None]) -> tuple[Bar | None, ...]:
    """Each stretch of time on the scale from the first begin to the last end; where all is one moment, at its start."""
    found = list(spans)
    begin = min([span[0] for span in found if span], default=0)
    end = max([span[1] for span in found if span], default=0)
    return tuple([None if span is None else _bar(span[0], span[1], begin, max(end, begin + 1)) for span in found])


def _bar(begin: float, end: float, left: float, right: float) -> Bar:
    return Bar(100.0 * (begin - left) / (right - left), 100.0 * (end - begin) / (right - left))
