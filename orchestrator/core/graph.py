"""Dependency graphs: transitive closure, and a cycle with its path.

Terms: ``edges[node]`` are the nodes that it depends on. Unknown nodes have no edges. Nothing here recurses, so a
chain may be as long as it likes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def closure(edges: Mapping[str, Sequence[str]], start: str) -> list[str]:
    """Everything that the node depends on, directly or not, without itself, in order of discovery.

    >>> closure({"c": ["b"], "b": ["a"], "a": []}, "c")
    ['b', 'a']
    """
    seen = {start: None}
    queue = list(edges.get(start, ()))
    for node in queue:
        if node not in seen:
            seen[node] = None
            queue.extend(edges.get(node, ()))
    return list(seen)[1:]


def dependents(edges: Mapping[str, Sequence[str]], nodes: Iterable[str]) -> set[str]:
    """Everything that depends on one of the nodes, directly or not.

    >>> sorted(dependents({"c": ["b"], "b": ["a"], "a": []}, ["a"]))
    ['b', 'c']
    """
    needing: dict[str, list[str]] = {}
    for node, needed in edges.items():
        for name in needed:
            needing.setdefault(name, []).append(node)
    found: set[str] = set()
    queue = list(nodes)
    for node in queue:
        new = [name for name in needing.get(node, ()) if name not in found]
        found.update(new)
        queue.extend(new)
    return found


def find_cycle(edges: Mapping[str, Sequence[str]], nodes: Iterable[str]) -> list[str] | None:
    """A cycle as the nodes along it, the first repeated at the end, or None.

    >>> find_cycle({"a": ["b"], "b": ["a"]}, ["a", "b"])
    ['a', 'b', 'a']
    """
    finished: set[str] = set()
    for start in nodes:
        if start in finished:
            continue
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            node, next_edge = stack.pop()
            if next_edge == 0:
                if node in on_path:
                    return [*path[path.index(node) :], node]
                if node in finished:
                    continue
                path.append(node)
                on_path.add(node)
            targets = edges.get(node, ())
            if next_edge < len(targets):
                stack.append((node, next_edge + 1))
                stack.append((targets[next_edge], 0))
            else:
                finished.add(node)
                on_path.discard(path.pop())
    return None
