"""The HTML form of the report, and where things stand in its drawings."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib import resources
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from orchestrator.app.report.drawing import (
    BOX_HEIGHT,
    BOX_WIDTH,
    Bar,
    calendar_bars,
    crossings,
    graph_drawings,
    layers_of,
    spread,
    text_ems,
    time_scale,
    wrapped,
)
from orchestrator.app.report.page import html_page
from orchestrator.core.finding import printable
from orchestrator.core.plan import one_line
from tests.report_sample import HOSTILE, counts, gate, long_report, phase, report, rich_report, totals, work

HOUR = 3600.0
DAY = 86400

# -- the graph


@pytest.mark.parametrize(
    ("needs", "layers"),
    [
        ([], []),
        ([[]], [0]),
        ([[], [0], [1]], [0, 1, 2]),
        ([[], [0], [0], [1, 2]], [0, 1, 1, 2]),
        ([[], [0], [1, 0], []], [0, 1, 2, 0]),
        ([[1], [2], []], [2, 1, 0]),  # a phase may wait for one that comes later in the file
        ([[], [0, 0]], [0, 1]),
    ],
)
def test_a_layer_is_one_more_than_the_highest_before_it(needs: list[list[int]], layers: list[int]) -> None:
    assert layers_of(needs) == layers


@pytest.mark.parametrize(
    ("rows", "after", "found"),
    [
        ([[0, 1], [2, 3]], {0: [2], 1: [3]}, 0),
        ([[0, 1], [2, 3]], {0: [3], 1: [2]}, 1),
        ([[0, 1], [2, 3]], {0: [2, 3], 1: [2, 3]}, 1),
        ([[0, 1, 2], [3, 4, 5]], {0: [5], 1: [4], 2: [3]}, 3),
        ([[0, 1], [2]], {0: [2], 1: [2]}, 0),
    ],
)
def test_crossings_are_counted(rows: list[list[int]], after: dict[int, list[int]], found: int) -> None:
    assert crossings(rows, after) == found


@pytest.mark.parametrize(
    "needs",
    [
        [[], [], [1], [0]],
        [[], [], [], [2], [1], [0]],
        [[], [0], [0], [2], [1], [3, 4]],
        [[], [0], [0], [0], [3], [2], [1]],
    ],
)
def test_no_lines_cross_where_another_order_avoids_it(needs: list[list[int]]) -> None:
    (drawing, *_) = graph_drawings(needs)
    middles = {box.index: (box.x, box.y) for box in drawing.boxes}
    down = all(middles[arrow.first][1] < middles[arrow.then][1] for arrow in drawing.arrows)
    assert down or all(middles[arrow.first][0] < middles[arrow.then][0] for arrow in drawing.arrows)
    for one, other in combinations(drawing.arrows, 2):
        begin = middles[one.first][not down] - middles[other.first][not down]
        end = middles[one.then][not down] - middles[other.then][not down]
        if middles[one.first][down] == middles[other.first][down]:
            assert begin * end >= 0, (one, other)


def test_a_chain_is_a_straight_line_and_runs_to_the_right_where_the_page_has_room() -> None:
    narrow, wide = graph_drawings([[], [0], [1], [2], [3]])
    assert {box.x for box in narrow.boxes} == {narrow.boxes[0].x}
    assert {box.y for box in wide.boxes} == {wide.boxes[0].y}
    assert narrow.width < 360 < wide.width < 1060
    (only,) = graph_drawings([[], [0], [1], [2], [3], [4]])
    assert only.width < 360


def test_many_phases_beside_each_other_run_to_the_right_on_a_phone_too() -> None:
    (drawing,) = graph_drawings([[], *[[0] for _ in range(20)], list(range(1, 21))])
    assert drawing.width < 700
    assert drawing.height > 20 * BOX_HEIGHT


def test_a_graph_that_nobody_could_read_is_not_drawn() -> None:
    assert graph_drawings([list(range(number)) for number in range(60)]) == ()


def test_a_line_that_passes_a_layer_goes_around_its_boxes() -> None:
    for drawing in graph_drawings([[], [0], [1, 0]]):
        (around,) = [arrow for arrow in drawing.arrows if (arrow.first, arrow.then) == (0, 2)]
        (middle,) = [box for box in drawing.boxes if box.index == 1]
        passing = re.search(r"([-\d.]+),([-\d.]+)L([-\d.]+),([-\d.]+)", around.line)
        assert passing
        x1, y1, x2, y2 = map(float, passing.groups())
        assert x1 == x2 or y1 == y2
        assert not (middle.x < x1 < middle.x + BOX_WIDTH and middle.y < (y1 + y2) / 2 < middle.y + BOX_HEIGHT)


GRAPHS = st.integers(1, 12).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, max(n - 1, 0)), max_size=3 if n else 0) for n in range(size)])
)


@given(GRAPHS)
def test_boxes_lie_apart_and_inside_and_every_dependency_has_its_arrow(needs: tuple[list[int], ...]) -> None:
    for drawing in graph_drawings(needs):
        assert sorted(box.index for box in drawing.boxes) == list(range(len(needs)))
        for box in drawing.boxes:
            assert 0 <= box.x <= drawing.width - BOX_WIDTH
            assert 0 <= box.y <= drawing.height - BOX_HEIGHT
        for one, other in combinations(drawing.boxes, 2):
            assert abs(one.x - other.x) > BOX_WIDTH or abs(one.y - other.y) > BOX_HEIGHT
        wanted = {(first, then) for then, all_ in enumerate(needs) for first in all_}
        assert sorted((arrow.first, arrow.then) for arrow in drawing.arrows) == sorted(wanted)
        for arrow in drawing.arrows:
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", arrow.line + arrow.head)]
            assert all(0 <= x <= drawing.width for x in numbers[::2])
            assert all(0 <= y <= drawing.height for y in numbers[1::2])


@pytest.mark.parametrize(
    ("wanted", "apart", "places"),
    [
        ([5.0], [], [5.0]),
        ([0.0, 10.0], [4.0], [0.0, 10.0]),
        ([0.0, 0.0], [10.0], [-5.0, 5.0]),
        ([9.0, 1.0, 50.0], [10.0, 10.0], [0.0, 10.0, 50.0]),
        ([0.0, 0.0, 0.0], [10.0, 10.0], [-10.0, 0.0, 10.0]),
    ],
)
def test_places_are_as_near_to_the_wanted_ones_as_can_be(
    wanted: list[float], apart: list[float], places: list[float]
) -> None:
    assert spread(wanted, apart) == pytest.approx(places)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one", ["one"]),
        ("one ten", ["one ten"]),
        ("first second third", ["first", "second", "third"]),
        ("first second third fourth", ["first", "second", "third\u2026"]),
        ("WWWWWWWWWWWWWWW", ["WWWW", "WWWW", "WWW\u2026"]),
        ("\u4e2d" * 6, ["\u4e2d" * 3, "\u4e2d" * 3]),
        ("xxxxxx\u0301\u0302", ["xxxxxx\u0301\u0302"]),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467" * 3, ["\U0001f468\u200d\U0001f469\u200d\U0001f467"] * 3),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", ["\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7"]),
    ],
)
def test_text_is_wrapped_and_cut(text: str, lines: list[str]) -> None:
    assert wrapped(text, 3, 4.0) == lines


@given(st.text(max_size=200).filter(lambda text: "\u200d" not in text), st.integers(1, 4))
def test_wrapped_lines_are_few_and_narrow_and_lose_nothing_but_the_end(text: str, most: int) -> None:
    lines = wrapped(text, most, 8.0)
    assert 1 <= len(lines) <= most
    assert all(text_ems(line) <= 8.0 for line in lines)
    assert "".join(text.split()).startswith("".join("".join(lines).removesuffix("\u2026").split()))


# -- time


def test_the_scale_of_time_has_round_steps_and_a_bar_from_the_least_to_the_most() -> None:
    scale = time_scale([(2 * HOUR, 3 * HOUR), None, (HOUR, HOUR)], [0.0, 4.5 * HOUR, HOUR])
    assert scale is not None
    assert (scale.full_s, scale.step_s, scale.marks) == (5 * HOUR, HOUR, (20.0, 40.0, 60.0, 80.0))
    assert scale.estimates == (Bar(40.0, 20.0), None, Bar(20.0, 0.0))
    assert scale.actual == (Bar(0.0, 0.0), Bar(0.0, 90.0), Bar(0.0, 20.0))


@pytest.mark.parametrize(
    ("longest", "full", "step"),
    [
        (14.0, 60.0, 60.0),
        (8 * 60.0, 8 * 60.0, 60.0),
        (9 * 60.0, 10 * 60.0, 120.0),
        (13 * HOUR, 14 * HOUR, 2 * HOUR),
        (100 * HOUR, 100 * HOUR, 20 * HOUR),
        (9e8, 400_000 * HOUR, 200_000 * HOUR),
    ],
)
def test_the_full_width_is_little_more_than_the_longest(longest: float, full: float, step: float) -> None:
    scale = time_scale([None], [longest])
    assert scale is not None
    assert scale.full_s >= longest
    assert (scale.full_s - longest) < scale.step_s
    assert (scale.full_s, scale.step_s) == (full, step)


@pytest.mark.parametrize(
    ("estimates", "actual"), [([], []), ([None], [0.0]), ([(0.0, 0.0)], [0.0]), ([(1.0, float("inf"))], [0.0])]
)
def test_there_is_no_scale_without_a_time_that_can_be_drawn(
    estimates: list[tuple[float, float] | None], actual: list[float]
) -> None:
    assert time_scale(estimates, actual) is None


@pytest.mark.parametrize(
    ("spans", "bars"),
    [
        ([], ()),
        ([None], (None,)),
        ([(100, 100)], (Bar(0.0, 0.0),)),
        ([(0, DAY), None, (DAY, 4 * DAY)], (Bar(0.0, 25.0), None, Bar(25.0, 75.0))),
    ],
)
def test_the_calendar_reaches_from_the_first_to_the_last(
    spans: list[tuple[int, int] | None], bars: tuple[Bar | None, ...]
) -> None:
    assert calendar_bars(spans) == bars


# -- the page

INLINE = {"a", "bdi", "code", "span"}
VOID = {"meta", "link", "br", "img", "input", "hr"}
SOURCES = {"src", "srcset", "href", "xlink:href", "action", "formaction", "data", "poster", "background", "style"}


class Read(HTMLParser):
    """A page taken apart; fails where tags are not balanced or an id is there twice."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []
        ids = self.values("id")
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in INLINE:
            self.texts.append(" ")
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    def values(self, name: str) -> list[str]:
        """The values of all attributes of that name."""
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    @property
    def text(self) -> str:
        """All text, runs of white space as one space."""
        return " ".join("".join(self.texts).split())

    def headings(self) -> list[str]:
        """The headings' levels, in order."""
        return [tag for tag, _ in self.tags if re.fullmatch("h[1-6]", tag)]


SMALLEST = report(phase(tasks=[], reasons=[], status="awaiting gates"))
REPORTS = {"smallest": SMALLEST, "no phase": report(), "rich": rich_report(), "long": long_report()}


@pytest.fixture(params=REPORTS)
def data(request: pytest.FixtureRequest) -> Any:
    return REPORTS[request.param]


def test_a_page_is_sound_and_stands_alone(data: dict[str, Any]) -> None:
    page = html_page(data)
    assert page == html_page(data)
    read = Read(page)
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    tags = {tag for tag, _ in read.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use", "video"}
    assert not any(name.startswith("on") for _, attributes in read.tags for name in attributes)
    for _, attributes in read.tags:
        for name in SOURCES & attributes.keys():
            assert re.fullmatch(r"#[a-z0-9-]+", attributes[name]), (name, attributes)
    assert {link[1:] for link in read.values("href")} <= set(read.values("id"))
    assert set(read.values("aria-labelledby")) <= set(read.values("id"))
    style = page[page.index("<style>") : page.index("</style>")]
    assert not re.search(r"url\(|@import|@font-face|https?:|expression", style)
    policy = next(a["content"] for t, a in read.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.split("; ")[:2] == ["default-src 'none'", "style-src 'unsafe-inline'"]
    assert any(a.get("name") == "viewport" for _, a in read.tags)
    assert one_line(printable(page.replace("\n", " "))) == one_line(page)  # nothing left that steers


def test_headings_skip_no_level_and_tables_have_captions_and_scopes(data: dict[str, Any]) -> None:
    read = Read(html_page(data))
    levels = [int(tag[1]) for tag in read.headings()]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    names = [tag for tag, _ in read.tags]
    assert names.count("table") == names.count("caption") == names.count("thead")
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in read.tags if tag == "th")
    assert names.count("tr") - names.count("table") == sum(a.get("scope") == "row" for t, a in read.tags if t == "th")


def text_of(hostile: str) -> str:
    return printable(one_line(hostile))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_shown_and_not_obeyed(hostile: str) -> None:
    gates = [gate(hostile, run=hostile, runs_here={hostile: 1}), gate(control=hostile)]
    tasks = [{"id": hostile, "title": hostile, "mark": "open"}]
    first = phase(
        1,
        hostile,
        owners=[hostile],
        estimate=hostile,
        tasks=tasks,
        gates=gates,
        reasons=[hostile],
        artifacts=[{"path": hostile, "there": False}],
    )
    other = phase(2, hostile, depends_on=["p1"], status="locked")
    found = {"commit": "1" * 40, "subject": hostile}
    page = html_page(
        report(
            first,
            other,
            title=hostile,
            summary=hostile,
            domains=[
                {
                    "name": hostile,
                    **counts(),
                    "command": hostile,
                    "paths": [{"path": hostile, "change": "created", "added": 1, "removed": 2}],
                }
            ],
            controls=[
                {
                    "id": hostile,
                    "phase": "p1",
                    "text": hostile,
                    "reference": hostile,
                    "open": False,
                    "status": f"waived: {text_of(hostile)}",
                }
            ],
            risks=[{"id": hostile, "text": hostile, "phase": "p1", "mitigation": hostile, "status": "open"}],
            holds=[{"kind": "question", "id": hostile, "text": hostile, "blocks": ["p1"], "answer": hostile}],
            assumptions=[hostile],
            verified={
                "commits": 1,
                "refused": [{**found, "findings": [{"id": "message-form", "message": hostile}]}],
                "listed": [{**found, "kind": "exception", "text": hostile}],
            },
            follow_up=[hostile],
            next_steps=[{"what": hostile, "command": hostile}],
            methods=[hostile],
            commands=[{"what": hostile, "command": hostile}],
        )
    )
    read = Read(page)
    clean = Read(html_page(SMALLEST))
    assert {tag for tag, _ in read.tags} - {tag for tag, _ in clean.tags} <= {
        *("svg", "rect", "line", "path", "text", "bdi", "code", "h4", "ol", "details", "summary", "a", "div"),
    }
    assert not any(name.startswith("on") for _, attributes in read.tags for name in attributes)
    assert all(link.startswith("#") for link in read.values("href"))
    assert read.text.count(text_of(hostile)) >= 30
    assert text_of(page.replace("\n", " ")) == one_line(page)
    page.encode("utf-8")


def test_every_number_is_shown() -> None:
    text = Read(html_page(rich_report())).text
    for shown in (
        *("2 of 10", "20 % done", "1 of 7", "69 h 51 min", "56 h to 64 h", "51 created", "52 modified, 53 deleted"),
        *(
            "+5401 \u22125402",
            "6101",
            "87.65 % (at least 80.5 %)",
            "by 33 authors, and 32 merges",
            "unit, at least 80.5 %",
        ),
        *("16 h to 24 h", "19 h 27 min", "40 h", "50 h 24 min", "2-3 days", "1 week", "full width is 56 h"),
        *("2026-03-02 08:01", "2026-03-04 16:31", "2026-03-05 09:00", "2026-03-12 12:00", "line every 8 h"),
        *("41 created, 42 modified, 43 deleted", "+4401 \u22124402", "1213", "17 failed, 19 passed", "23 timeout"),
        *("1 h 2 min", "1 h 12 min", "2026-03-01 10:00", "2026-03-06 11:00", "61", "62", "63", "+6401 \u22126402"),
        *("+71 \u22120", "+0 \u221272", "binary", "34 commits were judged", "1 refused", "1234567890ab"),
        *("a" * 40, "b" * 40, "c" * 12, "d" * 12, "docs/a b.md", "check of control S1", "1 of 4", "after phase 1"),
    ):
        assert shown in text, shown


def test_every_state_is_said_in_words() -> None:
    text = Read(html_page(rich_report())).text
    for shown in (
        *(
            "Not complete: 1 of 7 phases",
            "\u2713 complete",
            "\u25d0 in progress",
            "\u2298 locked",
            "\u25c7 awaiting gates",
        ),
        *("\u2713 done", "\u21bb reopened", "\u25cb open", "\u2713 passed", "\u2717 missing", "\u2713 there"),
        *("\u2713 resolved", "looked at together", "\u25c7 waived", "internal network only, Anna, until 2026-12-31"),
        *("its waiver ended on 2026-01-31", "\u2713 mitigated", "\u25c7 accepted", "\u2713 closed", "\u2713 answered"),
        *("not confirmed", "\u2713 confirmed", "asked sales", "waits for question Q1", "waits for blocker B1"),
        *("and 4 more", "exception", "weakens the plan", "evidence that is not of its commit's content"),
    ):
        assert shown in text, shown


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        (
            {},
            "The plan has no validation gates, no security controls, no risks, no questions, blockers or assumptions.",
        ),
        ({}, "Nothing is left that somebody has to come back to."),
        ({}, "No phase has an estimate or a commit."),
        (
            {},
            "1 commit was judged by the rules of the plan, 0 refused; none declares an exception or weakens the plan.",
        ),
        ({"totals": totals(time_s=14.0)}, "14 s"),
        (
            {"criteria": [{"name": "all is done", "met": True, "notes": []}]},
            "Success criteria \u2713 passed all is done",
        ),
        ({"criteria": [{"name": "<b>", "met": False, "notes": ["a", "b"]}]}, "\u2717 missing <b> a b"),
        ({"totals": totals(estimate_s=[HOUR, HOUR])}, "estimate: 1 h "),
        ({"totals": totals(tests=0)}, "Tests 0 in the reports"),
        ({"totals": totals(coverage=[{"gate": "u", "percent": 79.999, "minimum": 0.0}])}, "79.99 % gate u "),
        ({"totals": totals(coverage=[{"gate": "u", "percent": float("nan"), "minimum": 0.0}])}, "nan % gate u "),
    ],
)
def test_what_is_not_there_is_said_in_a_line(changes: dict[str, Any], shown: str) -> None:
    assert shown in Read(html_page({**SMALLEST, **changes})).text


@pytest.mark.parametrize(
    ("needs", "shown"),
    [
        ([[], []], "No phase depends on another."),
        ([[f"p{first + 1}" for first in range(then)] for then in range(60)], "too many phases and dependencies"),
        ([[], ["p1"]], "An arrow leads from a phase"),
    ],
)
def test_where_there_is_no_graph_the_page_says_why(needs: list[list[str]], shown: str) -> None:
    page = html_page(report(*[phase(number, depends_on=names) for number, names in enumerate(needs, 1)]))
    assert shown in Read(page).text


def test_a_date_that_no_calendar_has_is_shown_without_a_bar() -> None:
    far = phase(**work("a" * 40, first="36812-02-20T00:36:16Z"))
    text = Read(html_page(report(far))).text
    assert "from 36812-02-20 00:36 to 36812-02-20 00:36" in text
    assert "On the calendar" not in text


def test_commands_and_paths_keep_their_spaces_and_lines() -> None:
    page = html_page(rich_report())
    assert '<code dir="ltr">grep -q hash\nsrc/auth.py</code>' in page
    assert '<code dir="ltr">docs/a  b.md</code>' in page


def test_data_that_lack_something_make_no_page() -> None:
    with pytest.raises(UndefinedError):
        html_page(report(phase(gates=[{"name": "unit"}])))
    with pytest.raises(TypeError, match="None is no text"):
        html_page(report(phase(owners=[None])))


# -- colours


def palettes() -> list[dict[str, str]]:
    """The colours of the light and of the dark form."""
    file = resources.files("orchestrator.app.report") / "templates" / "page.css.j2"
    blocks = re.findall(r":root \{(.*?)\}", file.read_text(encoding="utf-8"), re.DOTALL)
    return [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in blocks]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("number", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        *[("text", back, 7.0) for back in ("page", "panel", "good-back", "busy-back", "bad-back", "calm-back")],
        *[("soft", back, 4.5) for back in ("page", "panel")],
        *[("accent", back, 4.5) for back in ("page", "good-back", "busy-back")],
        *[(kind, f"{kind}-back", 4.5) for kind in ("good", "busy", "bad", "calm")],
        *[("took", "page", 3.0), ("range", "page", 3.0)],
    ],
)
def test_contrast_is_sufficient(number: int, front: str, back: str, least: float) -> None:
    palette = palettes()[number]
    dark, light = sorted([luminance(palette[front]), luminance(palette[back])])
    assert (light + 0.05) / (dark + 0.05) >= least
