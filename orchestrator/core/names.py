"""Names that people misspell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean "..."?`` with the most similar known name, or nothing."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    import difflib  # noqa: PLC0415 - only where a name is not known

    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.5)
    return f'; did you mean "{by_folded[close[0]]}"?' if close else ""
