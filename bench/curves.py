"""Growth curves as an SVG, one panel each: sizes on a logarithmic scale, milliseconds on a linear one from 0.

Standard library only. The colours follow what the reader's system prefers, light or dark.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results import Curve

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 74, 18, 56, 46
COLUMNS = 2
_STYLE = """\
svg { background: #ffffff; font: 12px system-ui, sans-serif; }
text { fill: #1f2328; }
.title { font-size: 14px; font-weight: 600; }
.soft { fill: #59636e; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.line { fill: none; stroke-width: 2; }
.s0 { stroke: #0969da; } .d0 { fill: #0969da; }
.s1 { stroke: #bc4c00; stroke-dasharray: 6 3; } .d1 { fill: #bc4c00; }
.s2 { stroke: #1a7f37; stroke-dasharray: 2 3; } .d2 { fill: #1a7f37; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; }
  text { fill: #f0f6fc; }
  .soft { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .s0 { stroke: #58a6ff; } .d0 { fill: #58a6ff; }
  .s1 { stroke: #f0883e; } .d1 { fill: #f0883e; }
  .s2 { stroke: #56d364; } .d2 { fill: #56d364; }
}
"""
_KINDS = 3  # of lines; more series than that are told by no panel


def svg(curves: Sequence[Curve]) -> str:
    """The picture of all curves."""
    columns = min(COLUMNS, len(curves)) or 1
    rows = math.ceil(len(curves) / columns)
    width, height = columns * WIDTH, rows * HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{escape('; '.join(curve.title for curve in curves))}</title>",
        f"<style>\n{_STYLE}</style>",
    ]
    for place, curve in enumerate(curves):
        parts.append(f'<g transform="translate({place % columns * WIDTH} {place // columns * HEIGHT})">')
        parts += [*panel(curve), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def panel(curve: Curve) -> list[str]:
    """One curve with its axes; from the upper left corner at 0."""
    points = [point for series in curve.series.values() for point in series]
    least, most = min(x for x, _ in points), max(x for x, _ in points)
    step = tick_step(max(y for _, y in points))
    top = step * math.ceil(max(y for _, y in points) / step)

    def x_of(value: float) -> float:
        share = math.log(value / least) / math.log(most / least) if most > least else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y_of(value: float) -> float:
        return round(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM), 1)

    parts = [f'<text class="title" x="{LEFT}" y="20">{escape(curve.title)}</text>']
    for number in range(round(top / step) + 1):
        y = y_of(number * step)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="soft" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{number * step:,g}</text>')
    for value in sorted({x for x, _ in points}):
        x = x_of(value)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 4}"/>')
        parts.append(
            f'<text class="soft" x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{short(value)}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(curve.size)}</text>')
    at = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<text x="14" y="{at}" text-anchor="middle" transform="rotate(-90 14 {at})">milliseconds</text>')
    beside = float(LEFT)
    for kind, (name, series) in enumerate(list(curve.series.items())[:_KINDS]):
        places = [(x_of(x), y_of(y)) for x, y in series]
        path = "L".join(f"{x} {y}" for x, y in places)
        parts.append(f'<path class="line s{kind}" d="M{path}"/>')
        parts += [f'<circle class="d{kind}" cx="{x}" cy="{y}" r="3"/>' for x, y in places]
        parts.append(f'<line class="line s{kind}" x1="{beside}" x2="{beside + 22}" y1="38" y2="38"/>')
        parts.append(f'<text x="{beside + 27}" y="42">{escape(name)}</text>')
        beside += 27 + 6.6 * len(name) + 16
    return parts


def tick_step(most: float) -> float:
    """A round number of which five or fewer reach the largest value."""
    rough = max(most, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


def short(value: float) -> str:
    """A size on the axis: 1,000 as 1k."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
