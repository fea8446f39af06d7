"""A Markdown text as the sequence of headings, list items and paragraphs that it has, each with its line."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

from orchestrator.core.plan import one_line
from orchestrator.core.value import Value
from orchestrator.importing.breakdown import Source, unreadable

# Only blocks: what stands in them is taken as written, which is ten times as fast; ``plain`` reads it where it matters.
_BLOCKS = MarkdownIt("commonmark", {"maxNesting": 1000}).enable("table")
_BLOCKS.core.ruler.enableOnly(["normalize", "block"])
_INLINE = MarkdownIt("commonmark")
_INLINE_SIGNS = re.compile(r"[*_`\[\]<>&\\]")
_BOX = re.compile(r"\[(.?)\](?:\s+|$)")


_MOST_CHARACTERS = 2 << 20  # a plan.toml has at most 4 MB, and each takes some microseconds
_MOST_LINES = 50_000  # each may be a block of its own, and takes some tens of microseconds and a kilobyte


class Entry(Value):
    """One block.

    ``kind``: "heading", "item", "paragraph" (also a cell of a table) or "code" (also raw HTML). ``level``: of a
    heading 1 to 6, of an item its depth from 0, of anything else how many items it lies in. ``box`` is the character
    in an item's box, None without one. ``text`` is Markdown as written, without the box, on one line.
    """

    kind: str
    text: str
    line: int  # from 1
    level: int = 0
    box: str | None = None


def refuse_large(source: Source) -> None:
    """Raise an error if the text is too long to be read as Markdown.

    Raises:
        CannotJudgeError: it is.
    """
    for count, most, what in (
        (len(source.text), _MOST_CHARACTERS, "characters"),
        (source.text.count("\n"), _MOST_LINES, "lines"),
    ):
        if count > most:
            said = f"this has {count} {what}; at most {most} of Markdown are read"
            raise unreadable(source.name, 0, said, "bring the features in one by one, each with a file of its own")


def outline(source: Source) -> list[Entry]:
    """The blocks of the text, in order. An item's first paragraph is its text; those after it stand by themselves.

    Raises:
        CannotJudgeError: it is too long, or nested too deep, to be read.
    """
    refuse_large(source)
    try:
        tokens = _BLOCKS.parse(source.text)
    except RecursionError:
        raise unreadable(source.name, 0, "lists or quotes are nested too deep to be read") from None
    entries: list[Entry] = []
    depth = 0
    waiting = 0  # the line of an item that has no text yet
    heading = 0
    for token in tokens:
        line = token.map[0] + 1 if token.map else 0
        if token.type == "list_item_open":
            if waiting:
                entries.append(Entry("item", "", waiting, depth - 1))
            depth, waiting = depth + 1, line
        elif token.type == "list_item_close":
            if waiting:
                entries.append(Entry("item", "", waiting, depth - 1))
            depth, waiting = depth - 1, 0
        elif token.type == "heading_open":
            heading = int(token.tag[1:])
        elif token.type in ("fence", "code_block", "html_block"):
            entries.append(Entry("code", token.content, line, depth))
        elif token.type == "inline":
            text = one_line(token.content)
            if heading:
                entries.append(Entry("heading", text, line, heading))
                heading = 0
            elif waiting:
                found = _BOX.match(text)
                box = (found[1] or " ") if found else None
                entries.append(Entry("item", text[found.end() :] if found else text, waiting, depth - 1, box))
            else:
                entries.append(Entry("paragraph", text, line, depth))
            waiting = 0
    return entries


def plain(text: str) -> str:
    """The text of one line of Markdown without emphasis, code marks, links' targets and escapes."""
    if not _INLINE_SIGNS.search(text):
        return text.strip()
    (token,) = _INLINE.parseInline(text)
    parts = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type in ("text", "code_inline", "html_inline", "image"):
            parts.append(child.content)
    return one_line("".join(parts))
