"""Each line that is told for a key really holds that key."""

from __future__ import annotations

from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.toml_lines import KeyPath, key_lines, line_of

TEXT = '''\
# [not] = a header
version = 1  # x = 2
"quoted key" = "a # no comment"
'single.quoted' = 'x'
a.b."c.d" = 1
multi = """
[phase]
id = "no"
\\""" still """
literal = \'\'\'
key = 1\'\'\'
list = [  # comment ]
  "a", # "b
  { x = 1, y = "]" },
]
empty = ""
four = """a""""

[feature]
title = "F"

  [ settings . deep ]  # spaces
jobs = 1

[[phase]]
id = "a"
[[phase.task]]
title = "A1"
files = [
]
[[phase.task]]
title = "A2"
[[phase]]
id = "b"
[phase.extra]
k = 1.5
[[ phase . "task" ]]
title = "B1"
[gates."a=b"]
run = """x"""
"#" = 2024-01-01 10:00:00
'''
EXPECTED: dict[KeyPath, int] = {
    ("version",): 2,
    ("quoted key",): 3,
    ("single.quoted",): 4,
    ("a", "b", "c.d"): 5,
    ("multi",): 6,
    ("literal",): 10,
    ("list",): 12,
    ("empty",): 16,
    ("four",): 17,
    ("feature",): 19,
    ("feature", "title"): 20,
    ("settings", "deep"): 22,
    ("settings", "deep", "jobs"): 23,
    ("phase", 0): 25,
    ("phase", 0, "id"): 26,
    ("phase", 0, "task", 0): 27,
    ("phase", 0, "task", 0, "files"): 29,
    ("phase", 0, "task", 1): 31,
    ("phase", 0, "task", 1, "title"): 32,
    ("phase", 1): 33,
    ("phase", 1, "id"): 34,
    ("phase", 1, "extra", "k"): 36,
    ("phase", 1, "task", 0, "title"): 38,
    ("gates", "a=b", "run"): 40,
    ("gates", "a=b", "#"): 41,
}


@pytest.mark.parametrize(("path", "line"), list(EXPECTED.items()))
def test_lines(path: KeyPath, line: int) -> None:
    tomli.loads(TEXT)
    assert key_lines(TEXT)[path] == line


def test_nothing_else_is_listed() -> None:
    strings = {part for path in key_lines(TEXT) for part in path if isinstance(part, str)}
    assert strings.isdisjoint({"not", "x", "y", "key", "no"})


def test_the_nearest_place_above() -> None:
    lines = key_lines(TEXT)
    assert line_of(lines, ("phase", 0, "task", 1, "files", 3)) == 31
    assert line_of(lines, ("phase", 7, "id")) == 25
    assert line_of(lines, ("nowhere",)) == 0
    assert line_of(lines, ()) == 0


KEYS = st.sampled_from(["a", "b-c", '"x y"', "'d.e'", '"f\\"g"', '"#h"', '"[i]"', "j.k", '"".z'])
VALUES = st.sampled_from(
    [
        "1",
        "1.5",
        '"s # [x]"',
        "'it\\'",
        '["""a"""", "]" ]',
        "['''a'''', '[' ]",
        '"""\nm = 1\n[x]\n"""',
        '"""\\\n  \\"""" """',
        "'''\n# n = 1\n'''",
        "[\n  1, # ]\n  2,\n]",
        "{ o = 1, p = [ 2 ] }",
        "[]",
        '""',
        "true # ok",
        "1979-05-27T07:32:00Z",
    ]
)
BODIES = st.lists(st.one_of(st.tuples(KEYS, VALUES), st.just(("#", "")), st.just(("", ""))), max_size=5)
TABLES = st.lists(
    st.tuples(st.sampled_from(["[t]", "[t.u]", "[[l]]", "[[l.m]]", "[ 'q' ]", "[[l]] # c"]), BODIES), max_size=5
)


def at(tree: Any, path: KeyPath) -> Any:
    for part in path:
        tree = tree[part]
    return tree


@given(BODIES, TABLES)
def test_every_line_holds_its_key(top: list[tuple[str, str]], tables: list[tuple[str, list[tuple[str, str]]]]) -> None:
    lines = []
    for header, body in [("", top), *tables]:
        lines += [header, *(f"{key} = {value}" if value else key for key, value in body)]
    text = "\n".join(lines)
    try:
        tree = tomli.loads(text)
    except tomli.TOMLDecodeError:
        return
    source = text.split("\n")
    found = key_lines(text)
    for path, line in found.items():
        at(tree, path)  # the path is there
        name = next(part for part in reversed(path) if isinstance(part, str))
        assert name.replace('"', '\\"') in source[line - 1]
    # Every key outside inline values is found.
    for key, value in tree.items():
        assert (key,) in found, value
        if isinstance(value, list) and value and isinstance(value[0], dict):
            assert all((key, index) in found for index in range(len(value)))


@pytest.mark.parametrize("value", ['["""a"""", "]" ]', "['''a'''', '[' ]", '["""\\"""", "["]', '["#", "]"] # ]'])
def test_quotes_at_the_end_of_a_string_do_not_begin_the_next(value: str) -> None:
    text = f"a = {value}\nb = 1\n"
    assert set(tomli.loads(text)) == {"a", "b"}
    assert key_lines(text) == {("a",): 1, ("b",): 2}
