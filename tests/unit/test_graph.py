"""Closures and cycles."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.graph import closure, dependents, find_cycle

NODES = st.sampled_from("abcdef")
GRAPHS = st.dictionaries(NODES, st.lists(NODES, unique=True, max_size=4))


@pytest.mark.parametrize(
    ("edges", "start", "expected"),
    [
        ({}, "a", []),
        ({"a": []}, "a", []),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"]}, "a", ["b", "c", "d"]),
        ({"a": ["b"], "b": ["a"]}, "a", ["b"]),
        ({"a": ["a"]}, "a", []),
        ({"a": ["unknown"]}, "a", ["unknown"]),
    ],
)
def test_closure(edges: dict[str, list[str]], start: str, expected: list[str]) -> None:
    assert closure(edges, start) == expected


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({}, None),
        ({"a": ["b"], "b": ["c"], "c": []}, None),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, None),
        ({"a": ["a"]}, ["a", "a"]),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c", "b"]),
        ({"a": ["x"]}, None),
    ],
)
def test_find_cycle(edges: dict[str, list[str]], expected: list[str] | None) -> None:
    assert find_cycle(edges, edges) == expected


@given(GRAPHS, st.sets(NODES))
def test_dependents_are_those_whose_closure_has_one_of_the_nodes(edges: dict[str, list[str]], nodes: set[str]) -> None:
    expected = {node for node in edges if nodes.intersection(closure(edges, node))}
    assert dependents(edges, nodes) - nodes == expected - nodes
    if find_cycle(edges, edges) is None:
        assert dependents(edges, nodes) == expected


@given(GRAPHS)
def test_a_cycle_is_one_and_is_found_where_there_is_one(edges: dict[str, list[str]]) -> None:
    cycle = find_cycle(edges, edges)
    reaches_itself = any(
        node == target or node in closure(edges, target) for node, targets in edges.items() for target in targets
    )
    assert (cycle is not None) == reaches_itself
    if cycle:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(after in edges[before] for before, after in pairwise(cycle))


def test_a_chain_may_be_long() -> None:
    edges = {str(n): [str(n + 1)] for n in range(50_000)}
    assert len(closure(edges, "0")) == 50_000
    assert find_cycle(edges, edges) is None
    assert find_cycle({**edges, "50000": ["0"]}, edges) is not None
