"""The report as Markdown; whatever a plan or a commit says is text in it, and no markup."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from orchestrator.app.report.figures import duration
from orchestrator.core.finding import printable
from orchestrator.core.plan import one_line

if TYPE_CHECKING:
    from jinja2 import Template

_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~$&!]")
_AT_THE_START = re.compile(r"(?:\d{1,9}(?=[.)](?:\s|$)))?(?=[-+=.)])")
_TICKS = re.compile("`+")


class Plain(str):
    """Text that is Markdown already."""

    __slots__ = ()


def markdown_report(data: dict[str, Any]) -> str:
    """The report as Markdown in the GitHub flavour, its last line ended."""
    return _template().render(data)


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=False,  # noqa: S701 - no HTML; finalize escapes what Markdown would take for markup
        finalize=_final,
        keep_trailing_newline=True,
        loader=PackageLoader("orchestrator.app.report"),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"code": code, "time": _time, "span": _span, "counts": _counts}
    return environment.get_template("report.md.j2")


def escaped(text: str) -> str:
    """The text in one line of Markdown, in which nothing of it is markup.

    Source: CommonMark 0.31.2, section 2.4, "Backslash escapes".
    """
    plain = _MARKUP.sub(r"\\\g<0>", printable(one_line(text)))
    begins = _AT_THE_START.match(plain)  # of a list, a line or a heading's underline, where a line begins with the text
    return plain if begins is None else f"{begins[0]}\\{plain[begins.end() :]}"


def code(text: str) -> Plain:
    """The text as a code span.

    Source: CommonMark 0.31.2, section 6.1: the fence is longer than any run of backticks within. A table's cell ends
    at a bar even there (GitHub Flavored Markdown, section 4.10), so no code span with a bar belongs into one.
    """
    plain = printable(text)  # runs of spaces stay: they are in names of files
    fence = "`" * (max([len(run) for run in _TICKS.findall(plain)], default=0) + 1)
    space = " " if plain.startswith(("`", " ")) or plain.endswith(("`", " ")) else ""
    return Plain(f"{fence}{space}{plain}{space}{fence}")


def _final(value: Any) -> Any:
    return escaped(value) if isinstance(value, str) and not isinstance(value, Plain) else value


def _time(seconds: float) -> Plain:
    return Plain(duration(seconds))


def _span(pair: list[float]) -> Plain:
    least, most = pair
    return Plain(duration(least) if least == most else f"{duration(least)} to {duration(most)}")


def _counts(numbers: dict[str, int]) -> Plain:
    """From names to numbers in words; those that are 0 are left out."""
    return Plain(", ".join([f"{number} {name}" for name, number in numbers.items() if number]) or "none")
