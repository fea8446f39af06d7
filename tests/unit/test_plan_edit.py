"""Changes of plan.toml by commands: what was asked for is in it, and everything else stands as it was written."""

from __future__ import annotations

from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.plan_edit import add_tables, next_id, set_keys

PLAN = """\
# the plan
version = 1   # of the format

[[question]]
id = "Q1"
text = '''
Which
one?'''
blocks = [
  "a",  # first
]
# about the risk
[[risk]]
id = "R1"
text = "x"

[[question]]
answer = ""   # to be given
text = "Who?"
id = 'Q2'

[gates.lint]
run = "x"
"""


def diff(before: bytes, after: bytes) -> tuple[list[str], list[str]]:
    """The lines taken away and added, where one block of lines changes."""
    old, new = before.decode().split("\n"), after.decode().split("\n")
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return old, new


@pytest.mark.parametrize(
    ("table_id", "key", "value", "gone", "added"),
    [
        ("Q2", "answer", "Me", ['answer = ""   # to be given'], ['answer = "Me"   # to be given']),
        ("Q1", "answer", 'a "b"\\', [], ['answer = "a \\"b\\"\\\\"']),
        ("Q1", "text", "Which?", ["text = '''", "Which", "one?'''"], ['text = "Which?"']),
        ("Q1", "blocks", ["b"], ["blocks = [", '  "a",  # first', "]"], ['blocks = ["b"]']),
        ("Q2", "waiver", {"why": "x", "who": "y"}, [], ['waiver = {why = "x", who = "y"}']),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_key_is_set_in_its_place(
    table_id: str, key: str, value: Any, gone: list[str], added: list[str], end: str, mark: str
) -> None:
    before = (mark + PLAN.replace("\n", end)).encode()
    after = set_keys(before, "question", {table_id: {key: value}})
    tail = end.removesuffix("\n")
    assert diff(before, after) == ([line + tail for line in gone], [line + tail for line in added])


def test_a_new_key_stands_above_the_comment_of_what_follows() -> None:
    after = set_keys(PLAN.encode(), "question", {"Q1": {"answer": "x"}}).decode()
    assert ']\nanswer = "x"\n# about the risk\n[[risk]]\n' in after


@pytest.mark.parametrize("text", [PLAN, PLAN.rstrip("\n"), PLAN.replace("\n", "\r\n"), "\ufeff" + PLAN])
@pytest.mark.parametrize("kind", ["question", "blocker"])
def test_tables_are_added_at_the_end(text: str, kind: str) -> None:
    after = add_tables(text.encode(), kind, [{"id": "X1", "text": "two\nlines", "blocks": ["a"]}, {"id": "X2"}])
    assert after.startswith(text.encode())
    assert (
        after.replace(b"\r\n", b"\n")
        .decode()
        .endswith(f'\n\n[[{kind}]]\nid = "X1"\ntext = "two\\nlines"\nblocks = ["a"]\n\n[[{kind}]]\nid = "X2"\n')
    )
    if "\r" in text:
        assert after.count(b"\n") == after.count(b"\r\n")


@pytest.mark.parametrize(
    "text",
    [
        'question = [{id = "Q1", text = "x"}]\n',  # an inline array takes no table
        'version = 1\n[question]\nid = "Q1"\n',
        "question = 1\n",
        'x = "unended\n',
    ],
)
def test_what_a_command_cannot_change_is_left_to_a_person(text: str) -> None:
    with pytest.raises(CannotJudgeError, match="a command cannot add to"):
        add_tables(text.encode(), "question", [{"id": "Q2"}])
    with pytest.raises(CannotJudgeError, match="a command cannot change"):
        set_keys(text.encode(), "question", {"Q9": {"answer": "x"}})


def test_an_id_is_above_all_that_are_there() -> None:
    assert next_id("Q", [PLAN.encode()], "question") == "Q3"
    assert next_id("Q", [PLAN.encode(), PLAN.replace("'Q2'", "'Q7'").encode()], "question") == "Q8"
    assert next_id("B", [b"\xef\xbb\xbfversion = 1\n"], "blocker") == "B1"
    assert next_id("Q", [b'[[question]]\nid = "Qx"\n[[question]]\nid = "Q0042"\n'], "question") == "Q43"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1), st.sampled_from(["Q1", "Q2"]))
def test_any_text_comes_back_as_it_was_said(said: str, table_id: str) -> None:
    answered = set_keys(PLAN.encode(), "question", {table_id: {"answer": said}})
    again = set_keys(answered, "question", {table_id: {"answer": "short"}})
    added = add_tables(answered, "question", [{"id": "Q3", "text": said}])
    tree = tomli.loads(added.decode())
    assert next(table for table in tree["question"] if table["id"] == table_id)["answer"] == said
    assert tree["question"][-1]["text"] == said
    assert next(t for t in tomli.loads(again.decode())["question"] if t["id"] == table_id)["answer"] == "short"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"version = 1\r\n# a\n# b\r\n# c\n", b'version = 1\r\n# a\n# b\r\n# c\n\n[[question]]\nid = "Q1"\n'),
        (b"version = 1\r\n# a\r\n# b\n", b'version = 1\r\n# a\r\n# b\n\r\n[[question]]\r\nid = "Q1"\r\n'),
        (b"version = 1\r\n# a", b'version = 1\r\n# a\r\n\r\n[[question]]\r\nid = "Q1"\r\n'),
        (b"version = 1", b'version = 1\n\n[[question]]\nid = "Q1"\n'),
    ],
)
def test_lines_of_a_file_with_both_line_ends_keep_theirs(before: bytes, after: bytes) -> None:
    assert add_tables(before, "question", [{"id": "Q1"}]) == after


def test_a_value_in_a_file_with_both_line_ends_takes_the_usual_one() -> None:
    before = b'[[question]]\nid = "Q1"\r\nanswer = ""  # x\ntext = "t"\r\n# the end\r\n'
    after = set_keys(before, "question", {"Q1": {"answer": "y"}})
    assert after == before.replace(b'answer = ""  # x\n', b'answer = "y"  # x\r\n')
