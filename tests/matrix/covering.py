"""A cover: few cells in which every pair of values of any two axes still meets."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Cell = tuple[str, ...]
Pair = tuple[int, str, int, str]


def pairs_of(cell: Cell) -> set[Pair]:
    """The pairs of values in the cell, each value with the number of its axis."""
    return {(i, cell[i], j, cell[j]) for i, j in combinations(range(len(cell)), 2)}


def pairwise(cells: Sequence[Cell]) -> list[Cell]:
    """Some of the cells, in which each pair of values that any of them has is found.

    The same cells give the same cover: of those that bring the most new pairs, the first is taken.
    """
    missing: set[Pair] = set().union(*map(pairs_of, cells))
    left = list(dict.fromkeys(cells))
    found = []
    while missing:
        best = max(left, key=lambda cell: len(pairs_of(cell) & missing))
        found.append(best)
        left.remove(best)
        missing -= pairs_of(best)
    return found


def pairwise_by_class(cells: Sequence[Cell], classes: Mapping[str, str]) -> list[Cell]:
    """A cover of which the first values count by their class: alike values of a class take turns.

    ``classes`` has the class of each first value. Each first value is in at least one cell.
    """
    used = dict.fromkeys(classes, 0)
    found = []
    for short in pairwise([(classes[first], *rest) for first, *rest in cells]):
        able = [cell for cell in cells if (classes[cell[0]], *cell[1:]) == short]
        found.append(min(able, key=lambda cell: used[cell[0]]))
        used[found[-1][0]] += 1
    for first, times in used.items():
        if not times:
            seen = {rest: sum([cell[1] == rest for cell in found]) for rest in dict.fromkeys(cell[1] for cell in cells)}
            found.append(min([cell for cell in cells if cell[0] == first], key=lambda cell: seen[cell[1]]))
    return found
