"""The report as one HTML page that stands alone: no script, no font, no picture and no address from elsewhere."""

from __future__ import annotations

import math
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from orchestrator.app.report.drawing import BOX_HEIGHT, BOX_WIDTH, calendar_bars, graph_drawings, time_scale, wrapped
from orchestrator.app.report.figures import duration
from orchestrator.core.finding import printable
from orchestrator.core.plan import ASSUMPTION, BLOCKER, QUESTION, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

_SIGNS = {
    "complete": ("\u2713", "good"),
    "awaiting gates": ("\u25c7", "busy"),
    "in progress": ("\u25d0", "busy"),
    "ready": ("\u25cb", "calm"),
    "locked": ("\u2298", "calm"),
    "done": ("\u2713", "good"),
    "reopened": ("\u21bb", "bad"),
    "open": ("\u25cb", "calm"),
    "passed": ("\u2713", "good"),
    "there": ("\u2713", "good"),
    "missing": ("\u2717", "bad"),
    "resolved": ("\u2713", "good"),
    "waived": ("\u25c7", "busy"),
    "mitigated": ("\u2713", "good"),
    "accepted": ("\u25c7", "busy"),
    "closed": ("\u2713", "good"),
    "answered": ("\u2713", "good"),
    "confirmed": ("\u2713", "good"),
    "not confirmed": ("\u25cb", "bad"),
    "created": ("+", "good"),
    "modified": ("~", "busy"),
    "deleted": ("\u2212", "bad"),
}
"""The sign and the kind of colour of each state; the word stands beside it always."""

_HOLDS = {
    QUESTION: ("Questions", "open", "answered"),
    BLOCKER: ("Blockers", "open", "resolved"),
    ASSUMPTION: ("Assumptions", "not confirmed", "confirmed"),
}
_KINDS = {
    "exception": "exception",
    "weakened": "weakens the plan",
    "adopted": "adoption of the plan",
    "unproven": "evidence that is not of its commit's content",
}
_TITLE_LINES, _TITLE_EMS = 3, 11.2  # of the title in the box of a phase
_REASONS_FIRST = 4  # at the top of the page; all of them are in the phase's details
_FILES = ("created", "modified", "deleted")


def html_page(data: dict[str, Any]) -> str:
    """The page of what ``report_data`` returned; the same data give the same text.

    Whatever comes from plan, paths and commits is made printable and escaped.
    """
    return _template().render(data=data, **_view(data))


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("orchestrator.app.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        {
            "verbatim": _verbatim,
            "duration": duration,
            "between": _between,
            "percent": _percent,
            "day": _day,
            "files": _files,
            "ended": _ended,
            "counted": _counted,
            "place": _place,
        }
    )
    environment.globals.update({"signs": _SIGNS, "kinds": _KINDS, "reasons_first": _REASONS_FIRST})
    return environment.get_template("page.html.j2")


def _view(data: dict[str, Any]) -> dict[str, Any]:
    """What the template needs beside the data."""
    phases = data["phases"]
    by_id = {phase["id"]: phase for phase in phases}
    estimates = [tuple(phase["estimate_s"]) if phase["estimate_s"] else None for phase in phases]
    holds_up = {
        phase["id"]: [hold for hold in data["holds"] if phase["id"] in hold["blocks"] and not hold["answer"]]
        for phase in phases
    }
    return {
        "by_id": by_id,
        "sections": _sections(data),
        "absent": _absent(data),
        "unfinished": [phase for phase in phases if not phase["complete"]],
        "holds_up": holds_up,
        "waiting": [p["id"] for p in phases if p["status"] == "locked" and not holds_up[p["id"]]],
        "scale": time_scale(estimates, [phase["time_s"] for phase in phases]),
        "calendar": calendar_bars([_span(phase) for phase in phases]),
        "dates": _dates(phases),
        "drawings": _drawings(phases, by_id),
        "has_needs": any(phase["depends_on"] for phase in phases),
        "size": {"width": BOX_WIDTH, "height": BOX_HEIGHT},
        "hold_kinds": [
            {
                "title": title,
                "unsettled": word,
                "settled": settled,
                "items_of": [hold for hold in data["holds"] if hold["kind"] == kind],
            }
            for kind, (title, word, settled) in _HOLDS.items()
        ],
        "notable": [item for item in data["verified"]["listed"] if item["kind"] != "adopted"],
    }


def _sections(data: dict[str, Any]) -> dict[str, str]:
    """The sections that the page has, from id to heading, in their order."""
    phases = data["phases"]
    found = {
        "figures": ("Key figures", True),
        "criteria": ("Success criteria", bool(data["criteria"])),
        "timeline": ("Timeline", bool(phases)),
        "graph": ("Order of the phases", len(phases) > 1),
        "phases": ("Phases", bool(phases)),
        "details": ("Phase by phase", bool(phases)),
        "other-work": ("Other work", bool(data["other_work"])),
        "domains": ("Files by domain", bool(data["domains"])),
        "gates": ("Validation results", any(phase["gates"] for phase in phases)),
        "controls": ("Security controls", bool(data["controls"])),
        "risks": ("Risks", bool(data["risks"])),
        "holds": ("Questions, blockers, assumptions", bool(data["holds"] or data["assumptions"])),
        "verified": ("Exceptions and refusals", True),
        "follow-up": ("Follow-up", True),
        "next-steps": ("Next steps", bool(data["next_steps"])),
        "methods": ("How these numbers come about", True),
    }
    return {name: title for name, (title, there) in found.items() if there}


def _absent(data: dict[str, Any]) -> list[str]:
    """What the plan has nothing of, so that nobody looks for it."""
    there = {
        "validation gates": any(phase["gates"] for phase in data["phases"]),
        "security controls": data["controls"],
        "risks": data["risks"],
        "questions, blockers or assumptions": data["holds"] or data["assumptions"],
    }
    return [name for name, found in there.items() if not found]


def _drawings(phases: Sequence[dict[str, Any]], by_id: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The graphs, each with its boxes' texts; none where no phase depends on another."""
    place = {name: index for index, name in enumerate(by_id)}
    needs = [[place[name] for name in phase["depends_on"]] for phase in phases]
    if not any(needs):
        return []
    found = []
    for drawing in graph_drawings(needs):
        boxes = []
        for box in drawing.boxes:
            phase = phases[box.index]
            lines = wrapped(_shown(f"{phase['number']}. {phase['title']}"), _TITLE_LINES, _TITLE_EMS)
            first = 47 + 9 * (_TITLE_LINES - len(lines))
            boxes.append(
                {
                    "x": box.x,
                    "y": box.y,
                    "phase": phase,
                    "lines": [{"text": text, "y": first + 18 * number} for number, text in enumerate(lines)],
                }
            )
        found.append({"drawing": drawing, "boxes": boxes})
    return found


# -- filters


def _shown(value: Any) -> str:
    """The value as text of one line without anything that steers; what is Markup already stays as it is.

    Raises:
        TypeError: it is neither text nor a number, so that no page ever says "None".
        UndefinedError: the template names what the data do not have.
    """
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return printable(one_line(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.10g}" if isinstance(value, float) else str(value)
    raise TypeError(f"{value!r} is no text")


def _verbatim(text: str) -> Markup:
    """Commands and paths: their spaces and lines as they are, since they mean something."""
    return Markup("\n").join([escape(printable(line)) for line in text.split("\n")])


def _between(pair: Sequence[float]) -> str:
    """The least and the most time of an estimate."""
    least, most = pair
    return duration(least) if least == most else f"{duration(least)} to {duration(most)}"


def _percent(number: float) -> str:
    """The percentage with at most two digits after the point, cut rather than rounded up."""
    if not math.isfinite(number):
        return f"{number} %"
    return f"{math.floor(number * 100) / 100:.2f}".rstrip("0").rstrip(".") + " %"


def _day(date: str | None) -> str:
    """The date, and the time to the minute."""
    return "" if date is None else date.replace("T", " ").removesuffix("Z")[:-3]


def _files(counts: dict[str, int]) -> str:
    """The numbers of files by what happened to them, without the zeros."""
    return ", ".join([f"{counts[kind]} {kind}" for kind in _FILES if counts[kind]]) or "none"


def _ended(runs: dict[str, int]) -> str:
    """How often a gate ran in this clone, by how it ended."""
    return ", ".join([f"{count} {status}" for status, count in runs.items()]) or "none"


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _place(percent: float) -> str:
    """A place on a scale, as SVG has it."""
    return f"{percent:.3f}%"


# -- dates


def _moment(date: str) -> int | None:
    """Seconds since the epoch; None for a year that calendars do not have, which a commit may name."""
    try:
        return int(datetime.fromisoformat(date).timestamp())
    except ValueError:
        return None


def _span(phase: dict[str, Any]) -> tuple[int, int] | None:
    if phase["first"] is None:
        return None
    begin, end = _moment(phase["first"]), _moment(phase["last"])
    return None if begin is None or end is None else (begin, end)


def _dates(phases: Sequence[dict[str, Any]]) -> tuple[str, str] | None:
    """The first and the last date of those that the calendar shows."""
    shown = [phase for phase in phases if _span(phase)]
    if not shown:
        return None
    return min([phase["first"] for phase in shown]), max([phase["last"] for phase in shown])
