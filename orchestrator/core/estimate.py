"""Estimates of phases, as people write them, in seconds."""

from __future__ import annotations

import re

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_PART = re.compile(rf"{_NUMBER}(?:\s*(?:-|\u2013|\u2014|to)\s*{_NUMBER})?\s*([a-z]+)\.?", re.IGNORECASE)
_FILLER = re.compile(r"[\s~,+]+|about|approx\.?|circa|ca\.|and", re.IGNORECASE)
_HOUR_S = 3600.0
_LONGEST_S = 1e9  # some thirty years: no estimate, and past what a report could show
DAY_H = 8  # working hours
_UNITS_S = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), _HOUR_S),
    **dict.fromkeys(("d", "day", "days"), DAY_H * _HOUR_S),
    **dict.fromkeys(("w", "week", "weeks"), 5 * DAY_H * _HOUR_S),
}


def read_estimate(text: str) -> tuple[float, float] | None:
    """The least and the most seconds that an estimate says, or None if it cannot be read.

    A day is taken for eight hours and a week for five days.

    >>> read_estimate("2-3 hours")
    (7200.0, 10800.0)
    >>> read_estimate("soon") is None
    True
    """
    least = most = 0.0
    found = 0
    place = 0
    while place < len(text):
        filler = _FILLER.match(text, place)
        if filler:
            place = filler.end()
            continue
        part = _PART.match(text, place)
        unit = _UNITS_S.get(part[3].casefold()) if part else None
        if part is None or unit is None:
            return None
        low = float(part[1].replace(",", "."))
        high = float(part[2].replace(",", ".")) if part[2] else low
        least += min(low, high) * unit
        most += max(low, high) * unit
        found += 1
        place = part.end()
    return (least, most) if found and most < _LONGEST_S else None
