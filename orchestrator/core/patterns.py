"""Gitignore-style patterns over paths, in a form that needs no library to match.

``plan_file`` translates each pattern once, with pathspec; matching then needs string operations, and a regular
expression only for globs that a prefix does not decide.
"""

from __future__ import annotations

from bisect import bisect_left

from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    class PathLookup(Protocol):
        """Paths of files in order, found by folder: ``Paths``, or a tree that is read as far as it is asked for."""

        @property
        def names(self) -> list[str]: ...
        def below(self, prefix: str) -> list[str]: ...
        def at(self, path: str) -> list[str]: ...


_compiled = {}  # type: ignore[var-annotated]  # regex text -> its search method; pure, so sharing it is safe


class Pattern(Value):
    """One pattern.

    ``literal`` is the path that a pattern without glob characters names, itself a file or a folder with all below
    it. Otherwise ``regex`` decides, on paths below ``prefix`` (the folders before the first glob character, with a
    trailing slash), and an empty ``regex`` means everything below the prefix. ``include`` is false for ``!pattern``.
    """

    text: str
    literal: str = ""
    prefix: str = ""
    regex: str = ""
    include: bool = True

    @property
    def place(self) -> str:
        """The file or folder without which it can match nothing, "" for the top."""
        return self.literal or self.prefix.rstrip("/")

    def matches(self, path: str) -> bool:
        """Whether the path (from the top, with slashes) is matched, exclusion or not."""
        if self.literal:
            return path == self.literal or path.startswith(self.literal + "/")
        if not path.startswith(self.prefix):
            return False
        if not self.regex:
            return True
        match = _compiled.get(self.regex)
        if match is None:
            import re  # noqa: PLC0415 - 7 ms that most commits need not pay

            match = _compiled[self.regex] = re.compile(self.regex, re.DOTALL).search
        return match(path) is not None


def any_matches(patterns: Sequence[Pattern], path: str) -> bool:
    """Whether the list claims the path: the last pattern that matches decides, as in gitignore(5)."""
    return any(pattern.matches(path) and _last_word(patterns, pattern, path) for pattern in patterns if pattern.include)


class Paths:
    """Paths in order, among which those below a folder are found without looking at the others."""

    def __init__(self, names: Iterable[str]) -> None:
        """Sort them by code point; Git's order, by byte, is nearly that and costs nothing to sort again."""
        self.names = sorted(names)

    def below(self, prefix: str) -> list[str]:
        """Those that begin with the prefix, in order."""
        if not prefix:
            return self.names
        first = bisect_left(self.names, prefix)
        return self.names[first : bisect_left(self.names, prefix + "\U0010ffff", first)]

    def at(self, path: str) -> list[str]:
        """The path itself, if it is there, and all below it, in order."""
        index = bisect_left(self.names, path)
        found = [path] if self.names[index : index + 1] == [path] else []
        return found + self.below(path + "/")


def matched_paths(patterns: Sequence[Pattern], pattern: Pattern, paths: PathLookup) -> list[str]:
    """The paths that one including pattern of the list claims, less what later exclusions take out, in order."""
    if pattern.literal:
        found = paths.at(pattern.literal)
    else:
        found = paths.below(pattern.prefix)
        if pattern.regex:
            found = [path for path in found if pattern.matches(path)]
    if patterns[-1] is pattern:
        return found
    return [path for path in found if _last_word(patterns, pattern, path)]


def selected_paths(patterns: Sequence[Pattern], paths: PathLookup) -> list[str]:
    """The paths that the list claims, each once, in order."""
    found: set[str] = set()
    for pattern in patterns:
        if pattern.include:
            found.update(matched_paths(patterns, pattern, paths))
    return sorted(found)


def _last_word(patterns: Sequence[Pattern], pattern: Pattern, path: str) -> bool:
    """Whether no exclusion after the pattern takes the path out for good."""
    included = True
    seen = False
    for other in patterns:
        if other is pattern:
            seen = True
        elif seen and other.include != included and other.matches(path):
            included = other.include
    return included
