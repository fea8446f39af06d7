"""Patterns as gitignore(5) writes them, on their way into a form that needs no library to match."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from orchestrator.core.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

_GLOB_CHARACTERS = frozenset("*?[\\")


@functools.lru_cache(maxsize=10_000)
def pattern(text: str) -> Pattern:
    """One pattern: without glob characters a path from the top, otherwise as in gitignore(5).

    Raises:
        ValueError: it is empty, a comment or malformed.
    """
    body = text.removeprefix("!")
    include = body == text
    if not body or body.startswith("#"):
        raise _no_pattern(text)
    if not _GLOB_CHARACTERS.intersection(body):
        path = body.strip("/")
        if body.endswith("/"):
            return Pattern(text, prefix=path + "/", include=include)
        return Pattern(text, literal=path, include=include)
    anchored = body.removeprefix("/")
    folders = anchored.split("/")
    fixed = next(i for i, part in enumerate(folders) if _GLOB_CHARACTERS.intersection(part))
    # A pattern without a slash before its end matches at any depth; so does one that begins with "**".
    prefix = "".join(f"{part}/" for part in folders[:fixed]) if "/" in body.rstrip("/") else ""
    if prefix and folders[fixed:] in (["**"], ["**", "*"]):
        return Pattern(text, prefix=prefix, include=include)
    # Takes longer to import than most plans take to read.
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415

    regex, _ = GitIgnoreSpecPattern.pattern_to_regex(body)  # its own error is a ValueError, too
    try:
        re.compile(regex or "")
    except re.error:  # pathspec takes ranges that are the wrong way round, as [z-a]
        regex = None
    if regex is None:
        raise _no_pattern(text)
    return Pattern(text, prefix=prefix, regex=str(regex), include=include)


def patterns(texts: Sequence[str]) -> tuple[Pattern, ...]:
    """Several of them.

    Raises:
        ValueError: one of them is no pattern.
    """
    return tuple(pattern(text) for text in texts)


def _no_pattern(text: str) -> ValueError:
    return ValueError(f"{text!r} is no pattern")
