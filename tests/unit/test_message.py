"""Messages taken apart; that cleaning is Git's own is compared with Git in tests/git/test_message_git.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.message import (
    Header,
    automatic_comment,
    clean,
    fixup_target,
    is_type_accepted,
    parse_header,
    revert_target,
    subject_line,
    trailer,
)

SCISSORS = "# ------------------------ >8 ------------------------"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("feat: [Foundation]", Header("feat", "Foundation")),
        ("feat: [Foundation] schema", Header("feat", "Foundation", "schema")),
        ("feat(db): [1] x", Header("feat", "1", "x", "db")),
        ("feat!: [1] x", Header("feat", "1", "x", "", breaking=True)),
        ("fix(a/b)!: [ Phase 2 ]  x ", Header("fix", "Phase 2", "x", "a/b", breaking=True)),
        ("feat: [a: b] c: d", Header("feat", "a: b", "c: d")),
        ("bug-fix2: [a]", Header("bug-fix2", "a")),
        ("feat: [a] [b]", Header("feat", "a", "[b]")),
        ("feat: [a [b] c", Header("feat", "a [b", "c")),
        ("", None),
        ("feat", None),
        ("feat: x", None),
        ("feat:[a] x", None),
        ("feat: [a]x", None),
        ("feat: [] x", None),
        ("feat: [ ] x", None),
        ("feat: [a", None),
        ("feat : [a]", None),
        ("feat(): [a]", None),
        ("feat( ): [a]", None),
        ("feat(a)(b): [a]", None),
        ("feat(a: [a]", None),
        ("feat!!: [a]", None),
        ("feat!(a): [a]", None),
        (": [a]", None),
        ("-: [a]", None),
        ("two words: [a]", None),
        ("fé: [a]", None),
        ("[a] feat: x", None),
        ('Revert "feat: [a] x"', None),
        ("fixup! feat: [a] x", None),
    ],
)
def test_header(line: str, expected: Header | None) -> None:
    assert parse_header(line) == expected


@given(
    st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True),
    st.from_regex(r"[a-z/]{0,5}", fullmatch=True),
    st.booleans(),
    st.text(st.characters(exclude_characters="]\n", exclude_categories=["Z", "C"]), min_size=1, max_size=9),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Z", "C"]), max_size=9),
)
def test_what_is_written_is_read(kind: str, scope: str, breaking: bool, phase: str, subject: str) -> None:
    line = f"{kind}{f'({scope})' if scope else ''}{'!' if breaking else ''}: [{phase}] {subject}"
    assert parse_header(line.strip()) == Header(kind, phase, subject, scope, breaking)


@pytest.mark.parametrize(
    ("kind", "accepted", "expected"),
    [
        ("feat", ["feat"], True),
        ("Feat", ["feat"], True),
        ("fix", ["feat"], False),
        ("x", ["*"], True),
        ("f", [], False),
    ],
)
def test_types(kind: str, accepted: list[str], expected: bool) -> None:
    assert is_type_accepted(kind, accepted) is expected


@pytest.mark.parametrize(
    ("text", "mode", "comment", "expected"),
    [
        ("\n\n a \t\n\n\n\nb\r\n\n", "whitespace", "#", " a\n\nb\n"),
        ("#a\nb\n", "whitespace", "#", "#a\nb\n"),
        ("#a\nb\n #c\n", "strip", "#", "b\n #c\n"),
        ("#a\n;b\n", "strip", ";", "#a\n"),
        ("//a\n/b\n", "strip", "//", "/b\n"),
        (f"a\n{SCISSORS}\nb\n", "scissors", "#", "a\n"),
        (f"a\n{SCISSORS}\nb\n", "strip", "#", "a\nb\n"),
        (f"a\n {SCISSORS}\nb\n", "scissors", "#", f"a\n {SCISSORS}\nb\n"),
        (f"{SCISSORS}\nb\n", "scissors", "#", ""),
        (f"a\n#b\n{SCISSORS}\n", "scissors", "#", "a\n#b\n"),
        (f"a\n{SCISSORS}", "scissors", "#", f"a\n{SCISSORS}\n"),
        ("\n a \n#b", "verbatim", "#", "\n a \n#b"),
        ("a\v\n", "whitespace", "#", "a\v\n"),
        ("", "strip", "#", ""),
        ("#\n", "strip", "#", ""),
    ],
)
def test_cleaning(text: str, mode: str, comment: str, expected: str) -> None:
    assert clean(text, mode, comment) == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("strip", "a\n"), ("whitespace", "#c\na\n"), ("verbatim", "\n#c\na\n"), ("scissors", "#c\na\n")],
)
def test_a_diff_that_was_shown_is_cut_in_every_mode(mode: str, expected: str) -> None:
    assert clean(f"\n#c\na\n{SCISSORS}\ndiff\n", mode, "#", verbose=True) == expected


@pytest.mark.parametrize(
    ("text", "edited", "expected"),
    [
        ("a\n\n# x\n# y\n", True, "#"),
        ("#a\nb\n; x\n", True, ";"),
        ("a\n", True, "#"),
        ("", True, "#"),
        ("a\n# x\n", False, ";"),
        ("a\r;b\n#", False, "@"),
        ("a # b\n", False, "#"),
        ("", False, "#"),
    ],
)
def test_the_comment_character_that_git_chose(text: str, edited: bool, expected: str) -> None:
    assert automatic_comment(text, edited=edited) == expected


@given(st.text("ab# \n\t\r", max_size=40), st.sampled_from(["strip", "whitespace", "scissors", "verbatim"]))
def test_cleaning_twice_changes_nothing(text: str, mode: str) -> None:
    once = clean(text, mode, "#")
    if mode != "strip":  # a line that begins with blanks before "#" stays as it is
        assert clean(once, mode, "#") == once
    assert subject_line(once) == next((line.strip() for line in once.split("\n") if line.strip()), "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s\n\nPlan-Exception: because\n", "because"),
        ("s\n\nbody\n\nplan-exception:because\nSigned-off-by: A\n", "because"),
        ("s\n\nPlan-Exception: one\nPlan-Exception: two\n", "two"),
        ("s\n\nPlan-Exception: no\n\nlast paragraph\n", ""),
        ("Plan-Exception: in the subject\n", ""),
        ("s\nPlan-Exception: still the subject's paragraph\n", ""),
        ("s\n\nPlan-Exception:\n", ""),
        ("s\n\nPlan-Exceptions: x\n", ""),
        ("", ""),
    ],
)
def test_trailer(text: str, expected: str) -> None:
    assert trailer(text, "Plan-Exception") == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("fixup! feat: [a] x", "feat: [a] x"),
        ("squash! x", "x"),
        ("amend! x", "x"),
        ("fixup! fixup! x", "x"),
        ("fixup! squash! 1234567", "1234567"),
        ("fixup!x", ""),
        ("fixup!", ""),
        ("fixup", ""),
        ("Fixup! x", ""),
    ],
)
def test_fixup_target(subject: str, expected: str) -> None:
    assert fixup_target(subject) == expected


OID = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'Revert "x"\n\nThis reverts commit {OID}.\n', OID),
        (f'Revert "m"\n\nThis reverts commit {OID}, reversing\nchanges made to {OID[::-1]}.\n', OID),
        ("Say why\n\nThis reverts commit 0123456 (feat: [a] x, 2024-01-01).\n", "0123456"),
        ("This reverts commit 0123456 (feat: [a] x, 2024-01-01).\n", "0123456"),
        ("x\n\nThis reverts commit 0123.\n", "0123"),
        ("x\n\nThis reverts commit of mine.\n", ""),
        ("x\n\nThis reverts commit abc.\n", ""),
        (f"x\n\n> This reverts commit {OID}.\n", ""),
        ("x\n\nThis reverts commit \n", ""),
        ("", ""),
    ],
)
def test_revert_target(text: str, expected: str) -> None:
    assert revert_target(text) == expected
