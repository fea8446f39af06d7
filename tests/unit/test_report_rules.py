"""What the report reckons with: estimates, time spent, domains of files, and text that must stay text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestrator.app.report.figures import duration
from orchestrator.app.report.markdown import code, escaped
from orchestrator.core.domains import DEFAULT_DOMAINS, Domains
from orchestrator.core.effort import Work, time_spent
from orchestrator.core.estimate import read_estimate
from orchestrator.core.gitignore import patterns

HOUR = 3600


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("2-3 hours", 2 * HOUR, 3 * HOUR),
        ("2 \u2013 3 h", 2 * HOUR, 3 * HOUR),
        ("2 to 3 hrs.", 2 * HOUR, 3 * HOUR),
        ("~15 hours", 15 * HOUR, 15 * HOUR),
        ("about 1.5h", 1.5 * HOUR, 1.5 * HOUR),
        ("1,5 hours", 1.5 * HOUR, 1.5 * HOUR),
        ("1h 30m", 1.5 * HOUR, 1.5 * HOUR),
        ("1 day and 2 hours", 10 * HOUR, 10 * HOUR),
        ("1-2 Days", 8 * HOUR, 16 * HOUR),
        ("2 weeks", 80 * HOUR, 80 * HOUR),
        ("30 min", 0.5 * HOUR, 0.5 * HOUR),
        ("3-2 hours", 2 * HOUR, 3 * HOUR),
    ],
)
def test_estimates(text: str, least: float, most: float) -> None:
    assert read_estimate(text) == (least, most)


@pytest.mark.parametrize(
    "text", ["", "soon", "3", "2-3", "3 points", "h", "2 hours or so", "-", "1 h?", "9" * 400 + " h"]
)
def test_what_is_no_estimate(text: str) -> None:
    assert read_estimate(text) is None


@given(st.text("0123456789 -,.hmdw~", max_size=40))
def test_an_estimate_has_two_ends(text: str) -> None:
    found = read_estimate(text)
    assert found is None or 0 <= found[0] <= found[1]


@pytest.mark.parametrize(
    ("commits", "spent"),
    [
        ([], {}),
        ([("a", 0, "x")], {"x": 100}),
        ([("a", 0, "x"), ("a", 50, "y"), ("a", 60, "x")], {"x": 110, "y": 50}),
        ([("a", 0, "x"), ("a", 1000, "x")], {"x": 1100}),  # just no break
        ([("a", 0, "x"), ("a", 1001, "x")], {"x": 200}),
        ([("a", 60, "x"), ("a", 0, "x")], {"x": 160}),  # in the order of time
        ([("a", 0, "x"), ("b", 10, "x"), ("a", 20, "y"), ("b", 40, "y")], {"x": 200, "y": 50}),  # each by themselves
        ([("a", 0, None), ("a", 50, "x"), ("b", 60, "")], {"x": 50, "": 100}),
        ([("a", 5, "x"), ("a", 5, "y")], {"x": 100, "y": 0}),
    ],
)
def test_time_spent(commits: list[tuple[str, int, str | None]], spent: dict[str, float]) -> None:
    assert time_spent([Work(*commit) for commit in commits], 1000, 100) == spent


@pytest.mark.parametrize(
    ("path", "domain"),
    [
        ("tests/api/auth.test.ts", "tests"),
        ("src/app/__tests__/a.js", "tests"),
        ("src/a.spec.tsx", "tests"),
        ("src/test_a.py", "tests"),
        ("docs/API.md", "docs"),
        ("README.md", "docs"),
        ("db/schema.sql", "database"),
        ("prisma/schema.prisma", "database"),
        ("src/components/LoginForm.tsx", "frontend"),
        ("src/pages/index.js", "frontend"),
        ("src/api/auth.ts", "backend"),
        ("main.go", "backend"),
        (".env.example", "tooling"),
        (".github/workflows/ci.yml", "tooling"),
        ("package.json", "tooling"),
        ("assets/logo.png", "other"),
    ],
)
def test_domains(path: str, domain: str) -> None:
    assert Domains({}).of(path) == domain


def test_the_rules_of_a_plan_come_first() -> None:
    rules = Domains({"models": patterns(["src/models/**"]), "docs": patterns(["handbook/**"])})
    assert rules.of("src/models/test_a.py") == "models"
    assert rules.of("handbook/a.py") == "docs"
    assert rules.of("docs/a.md") == "other", "the plan's own rule takes the place of the default one"
    assert rules.names == ["models", "docs", *[name for name in DEFAULT_DOMAINS if name != "docs"], "other"]
    assert Domains({"other": patterns(["x"])}).names.count("other") == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (5400, "1 h 30 min"), (90061, "25 h 1 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_text_stays_text_in_markdown(said: str) -> None:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for markdown in (f"- x {escaped(said)}", f"- x {code(said)}"):
        blocks = parser.parse(markdown)
        assert [token.type for token in blocks if token.nesting >= 0] == [
            "bullet_list_open", "list_item_open", "paragraph_open", "inline",
        ]  # fmt: skip
        inline = next(token for token in blocks if token.type == "inline")
        kinds = {token.type for token in inline.children or ()}
        assert kinds <= {"text", "text_special", "code_inline"}


@pytest.mark.parametrize("said", ["1. x", "20) x", "- x", "+ x", "-", "---", "===", "- [ ] x", "1.5 h", ". x", "12"])
def test_text_that_begins_a_line_begins_nothing_else(said: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(f"x\n\n{escaped(said)}\n")
    kinds = ["paragraph_open", "inline", "paragraph_close"]
    assert [token.type for token in tokens] == kinds * 2
    assert "".join([child.content for child in tokens[4].children or ()]) == said
