"""The two bottom lines of PLAN.md, taken out and worked out anew."""

from __future__ import annotations

import pytest

from orchestrator.core.todo_merge import with_summary, without_summary

PHASES = """\
mine
<!-- orchestrator:begin -->
## Shop - Progress

### Phase 1: Base
_{first}_
- [x] Task 1.1: A ✓
  - [x] Task 9.9: a note

### Phase 2: Top, and more (Depends on Phase 1)
_{second} - gates: lint open_
- [ ] Task 2.1: B

### Phase 3: Last (Depends on Phase 1, 2)
_{third}_
- [ ] Task 3.1: C
{summary}<!-- orchestrator:end -->
below
"""


def text(states: tuple[str, str, str], summary: str) -> str:
    first, second, third = states
    return PHASES.format(first=first, second=second, third=third, summary=summary)


@pytest.mark.parametrize(
    ("states", "current"),
    [
        (("in progress", "not started", "not started"), "Phase 1 (Base)"),
        (("complete", "not started", "not started"), "Phase 2 (Top, and more)"),
        (("complete", "complete", "not started"), "Phase 3 (Last)"),
        (("complete", "complete", "complete"), "none (all phases complete)"),
        (("awaiting gates", "complete", "in progress"), "Phase 1 (Base)"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_lines_follow_from_the_others(states: tuple[str, str, str], current: str, newline: str) -> None:
    summary = f"\n**Progress**: 1/3 tasks complete (33%)\n**Current Phase**: {current}\n"
    whole = text(states, summary).replace("\n", newline)
    bare = text(states, "").replace("\n", newline)
    assert without_summary(whole) == bare
    assert without_summary(bare) == bare
    assert with_summary(bare) == whole


@pytest.mark.parametrize(
    ("line", "current"),
    [
        ("- Question Q1: Which? (open)", "Phase 2 (Top, and more) - locked"),
        ("- Blocker B1: No key (open)", "Phase 2 (Top, and more) - locked"),
        ("- Assumption A1: There is room (not confirmed)", "Phase 2 (Top, and more) - locked"),
        ("- Question Q1: Which? (open) (answered: that)", "Phase 2 (Top, and more)"),
        ("- Control S1: Safe (open)", "Phase 2 (Top, and more)"),
    ],
)
def test_what_is_held_is_locked(line: str, current: str) -> None:
    bare = text(("complete", "not started", "not started"), "").split("\n")
    place = next(number for number, found in enumerate(bare) if found.startswith("### Phase 2"))
    bare.insert(place + 2, line)
    assert f"**Current Phase**: {current}\n" in with_summary("\n".join(bare))


@pytest.mark.parametrize("broken", ["", "no markers\n", "<!-- orchestrator:end -->\n<!-- orchestrator:begin -->\n"])
def test_without_sound_markers_nothing_is_touched(broken: str) -> None:
    assert without_summary(broken) == broken
    assert with_summary(broken) == broken
