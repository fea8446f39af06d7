"""Keys that a change leaves as they are, against working all of them out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.evidence import Content
from orchestrator.core.kept_keys import untouched
from orchestrator.core.ownership import Owners
from tests.unit.core_support import Files, listing, plan_of

if TYPE_CHECKING:
    from orchestrator.core.plan import Plan

PLAN = """
[gates.own]
run = "own"
[gates.docs]
run = "docs"
inputs = ["docs/**", "*.md", "!docs/old/**"]
[gates.all]
run = "all"
inputs = ["**"]
[[phase]]
id = "base"
title = "Base"
files = ["base/**", "shared.py"]
gates = ["own", "docs", "all"]
[[phase]]
id = "api"
title = "API"
depends_on = ["base"]
files = ["api/**", "!api/x.py"]
gates = ["own", "all"]
[[phase.task]]
id = "t"
title = "T"
files = ["api/x.py", "docs/api.md"]
[[phase]]
id = "side"
title = "Side"
files = ["side/**", "shared.py"]
gates = ["own", "docs"]
[[phase]]
id = "empty"
title = "Empty"
gates = ["own", "docs"]
[[phase]]
id = "last"
title = "Last"
depends_on = ["api", "empty"]
files = ["last/**"]
gates = ["own", "docs", "all"]
"""
PATHS = ("base/a", "shared.py", "api/a", "api/x.py", "docs/api.md", "docs/b", "docs/old/c", "side/a", "x.md", "last/a",
         "nobody's", "plan.lock", "PLAN.md", "docs/plans/login/plan.toml")  # fmt: skip
TREES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(["", "1", "2"]))


def all_keys(plan: Plan, files: Files) -> tuple[dict[tuple[str, str], str], Content]:
    """The key of every gate of every phase."""
    content = Content(plan, listing(files))
    return {(p.id, g.name): content.key(p, g) for p in plan.phases for g in p.gates}, content


@settings(max_examples=120, deadline=None)
@given(TREES, TREES)
def test_what_is_untouched_is_what_would_be_worked_out(old: Files, new: Files) -> None:
    plan = plan_of(PLAN)
    _, content = all_keys(plan, old)
    expected, _ = all_keys(plan, new)
    changed = [path for path in PATHS if old.get(path) != new.get(path)]
    kept = untouched(plan, Owners(plan), content.worked_out(), changed)
    assert {name: expected[name] for name in kept} == kept
    seeded = Content(plan, listing(new), keys=kept)
    assert {(p.id, g.name): seeded.key(p, g) for p in plan.phases for g in p.gates} == expected


@pytest.mark.parametrize(
    ("path", "touched"),
    [
        ("api/a", {("api", "own"), ("api", "all"), ("last", "own"), ("last", "all")}),
        ("last/a", {("last", "own"), ("last", "all")}),
        ("docs/old/c", {("base", "all"), ("api", "all"), ("last", "all")}),
        ("plan.lock", set()),
    ],
)
def test_what_a_path_touches(path: str, touched: set[tuple[str, str]]) -> None:
    """Not what other phases claim; the phase without files takes everything, so that its key is never kept."""
    plan = plan_of(PLAN)
    every = dict.fromkeys(PATHS, "1")
    keys, content = all_keys(plan, every)
    assert set(keys) - set(content.worked_out()) == {("empty", "own")}
    kept = untouched(plan, Owners(plan), content.worked_out(), [path])
    assert set(content.worked_out()) - set(kept) == touched
