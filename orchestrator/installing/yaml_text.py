"""Where the parts of a YAML text stand, to put text in and cut text out and leave every other byte alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.tokens import (
    BlockEndToken,
    DocumentEndToken,
    FlowEntryToken,
    FlowMappingEndToken,
    FlowSequenceEndToken,
    ScalarToken,
    StreamEndToken,
    Token,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class UneditableError(Exception):
    """The text has a form that is not edited."""


def _yaml() -> Any:
    return YAML(typ="safe", pure=True)  # pure: the C parser gives no positions


def load(text: str) -> Any:
    return _yaml().load(text)


class Layout:
    """Where things stand in the text; positions count characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        # A byte order mark is not counted by the parser.
        self.shift = 1 if text.startswith("\ufeff") else 0
        body = text[self.shift :]
        self.newline = "\r\n" if "\r\n" in body else "\n"
        root = _yaml().compose(body)
        if not isinstance(root, MappingNode):
            raise UneditableError("it is no mapping")
        self.root: Any = root
        self.tokens: list[Token] = list(_yaml().scan(body))

    def value(self, key: str) -> Any:
        """The node under a key of the top level; nothing if there is none."""
        for name, node in self.root.value:
            if isinstance(name, ScalarNode) and name.value == key:
                if isinstance(node, SequenceNode) and node.start_mark.index < name.start_mark.index:
                    raise UneditableError(f"{key} is an alias of another list")
                return node
        return None

    def last_token(self, start: int, end: int) -> Token:
        """The last token with a text of its own that begins between two positions of the parser."""
        none = (BlockEndToken, DocumentEndToken, StreamEndToken)
        return [t for t in self.tokens if start <= t.start_mark.index < end and not isinstance(t, none)][-1]

    def end_of_line_after(self, token: Token) -> int:
        """The position behind the line on which the token ends, its comment included.

        A block scalar's token reaches up to the line after it, where the position then is already.
        """
        end: int = token.end_mark.index + self.shift
        if isinstance(token, ScalarToken) and token.style in {"|", ">"}:
            # Blank lines behind it are its own only if it says so ("|+"); taking them along is right in both cases.
            return end
        found = self.text.find("\n", end)
        return len(self.text) if found < 0 else found + 1

    def insert_lines(self, at: int, lines: Iterable[str]) -> str:
        """The text with these lines at the position, which is the beginning of a line or the end of the text."""
        before, after = self.text[:at], self.text[at:]
        if before and not before.endswith("\n"):
            return before + "".join(self.newline + line for line in lines) + after
        return before + "".join(line + self.newline for line in lines) + after

    def append(self, node: Any, flow_items: Sequence[str], block: Sequence[str]) -> str:
        """The text with items behind the last one of a sequence, in the style that it has."""
        start, end = node.start_mark.index, node.end_mark.index
        if not node.flow_style:
            return self.insert_lines(self.end_of_line_after(self.last_token(start, end)), block)
        items = ", ".join(flow_items)
        if not node.value:
            at = start + 1 + self.shift
            return self.text[:at] + items + self.text[at:]
        last = self.last_token(start, end - 1)
        at = last.end_mark.index + self.shift
        comma = " " if isinstance(last, FlowEntryToken) else ", "
        return self.text[:at] + comma + items + self.text[at:]

    def dash(self, node: Any) -> tuple[str, str]:
        """The indentation of a block sequence's dashes, and the dash with the blanks up to its last item."""
        indent = node.start_mark.column
        return " " * indent, "-".ljust(max(2, min(node.value[-1].start_mark.column - indent, 8)))


def fill_empty_flow(layout: Layout, repos: Any, lines: list[str]) -> str:
    """``repos: []`` turned into a block with these lines; a comment behind it stays on its line."""
    start, end = (mark.index + layout.shift for mark in (repos.start_mark, repos.end_mark))
    head = layout.text[:start].rstrip(" ") + layout.text[end:]
    found = head.find("\n", len(layout.text[:start].rstrip(" ")))
    at = len(head) if found < 0 else found + 1
    before, after = head[:at], head[at:]
    if not before.endswith("\n"):
        return before + "".join(layout.newline + line for line in lines)
    return before + "".join(line + layout.newline for line in lines) + after


def cut_item(layout: Layout, repos: Any, index: int) -> str:
    """The text without one item of ``repos``."""
    text, items, shift = layout.text, repos.value, layout.shift
    start = items[index].start_mark.index
    end = items[index + 1].start_mark.index if index + 1 < len(items) else repos.end_mark.index
    if repos.flow_style:
        own = items[index].end_mark.index + shift
        if index + 1 < len(items):
            return text[: start + shift] + text[end + shift :]
        before = items[index - 1].end_mark.index + shift if index else start + shift
        return text[:before] + text[own:]
    first = text.rfind("\n", 0, start + shift) + 1
    if text[first : start + shift].strip(" -"):
        raise UneditableError("the entry does not begin on a line of its own")
    last = layout.end_of_line_after(_last_of(layout, start, end))
    if len(items) > 1:
        return text[:first] + text[last:]
    # The only one: a block without items would be null, which no runner takes.
    colon = next(
        key.end_mark.index + shift for key, node in layout.root.value if node is repos and isinstance(key, ScalarNode)
    )
    at = text.index(":", colon) + 1
    return text[:at] + " []" + text[at:first] + text[last:]


def _last_of(layout: Layout, start: int, end: int) -> Token:
    """The last token of an item: the dash of the next one is not its own."""
    within = [t for t in layout.tokens if start <= t.start_mark.index < end]
    kinds = (ScalarToken, FlowSequenceEndToken, FlowMappingEndToken)
    return [t for t in within if isinstance(t, kinds)][-1]
