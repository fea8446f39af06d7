"""The YAML at the head of a Markdown file: the texts and the lists of texts that it has, each with its line.

Every value is taken as written: as YAML has it, an id 7.10 would be the number 7.1.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

MOST = 32 * 1024  # characters; tasks have some hundreds
_DEEPEST = 20
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*):(?: +(\S.*))?")
_PLAIN = re.compile(r"[A-Za-z0-9_/(.][^\t\x00-\x1f]*")
_ITEM = re.compile(r"( *- +)(\S.*)")
_END = re.compile(r"\n---[ \t]*(?=\n|\Z)")
_NAMES = re.compile(r"^((?:assignee|reporter): *)(?:@.*|\[.*@.*\] *)$", re.MULTILINE)


class BadFrontMatterError(Exception):
    """It cannot be read; with the line of the file, and why."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line
        self.why = why


class Field(
    NamedTuple
):  # no Value: a folder has a hundred thousand of them, and a tuple is made in a tenth of the time
    """One value: a ``text``, or the ``items`` of a list, or neither where it is a table or nothing.

    ``odd`` says that there is more in it than texts, ``repeated`` that the key stands there more than once.
    """

    line: int
    text: str = ""
    items: tuple[str, ...] = ()
    is_list: bool = False
    odd: bool = False
    repeated: bool = False


def front_matter(text: str) -> tuple[dict[str, Field], str] | None:
    """The fields and the text below them; nothing if the file has no front matter.

    Raises:
        BadFrontMatterError: it does not end, is too long or no YAML.
    """
    text = text.removeprefix("\ufeff")
    if not text.startswith("---\n"):
        return None
    found = _END.search(text, 3, MOST + 8)
    if not found:
        if len(text) > MOST:
            raise BadFrontMatterError(1, f"the front matter is longer than {MOST} characters")
        raise BadFrontMatterError(1, "the front matter does not end: a line --- is missing")
    head = text[4 : found.start() + 1]
    fields = _simple(head)
    return (_parsed(head) if fields is None else fields), text[found.end() :]


def _simple(text: str) -> dict[str, Field] | None:
    """The fields if all lines have the plainest forms, else nothing; a hundred times as fast as the parser."""
    fields: dict[str, Field] = {}
    items: list[str] = []
    key, dash = "", ""
    for number, line in enumerate(text.split("\n"), 2):
        stripped = line.rstrip(" ")
        if not stripped:
            continue
        item = _ITEM.fullmatch(stripped)
        if item:
            value = _scalar(item[2])
            if not key or value is None or (items and item[1] != dash):
                return None
            dash = item[1]
            items.append(value)
            continue
        if items:
            fields[key] = Field(fields[key].line, "", tuple(items), True, False, False)
        key, items = "", []
        found = _KEY.fullmatch(stripped)
        if not found or found[1] in fields:
            return None
        name, written = found.groups()
        values: tuple[str, ...] | None = ()
        text_of: str | None = ""
        if written is None:
            key = name
        elif written.startswith("["):
            values = _flow(written)
        elif written.startswith("@") and name in ("assignee", "reporter"):
            text_of = written
        else:
            text_of = _scalar(written)
        if values is None or text_of is None:
            return None
        is_list = written is not None and written.startswith("[")
        fields[name] = Field(number, text_of, values, is_list, False, False)
    if items:
        fields[key] = Field(fields[key].line, "", tuple(items), True, False, False)
    return fields


def _flow(written: str) -> tuple[str, ...] | None:
    if not written.endswith("]"):
        return None
    inner = written[1:-1].strip(" ")
    if not inner:
        return ()
    values = []
    for part in inner.split(","):
        value = _scalar(part.strip(" "))
        if value is None or any([sign in part for sign in "[]{}?"]):
            return None
        values.append(value)
    return tuple(values)


def _scalar(written: str) -> str | None:
    """What a value of the plainest forms says; None where the parser has to look."""
    if len(written) > 1 and written[0] == written[-1] and written[0] in "'\"":
        inner = written[1:-1]
        plain = written[0] not in inner and "\\" not in inner and inner.isprintable()
        return inner if plain and inner.isascii() else _quoted(written)
    if not _PLAIN.fullmatch(written) or ": " in written or " #" in written or written.endswith(":"):
        return None
    if not written.isprintable() or written.startswith(("...", "---")):
        return None
    return "" if written in _NOTHING else written


def _quoted(written: str) -> str | None:
    """A text in single quotes, in which two stand for one."""
    inner = written[1:-1]
    if written[0] != "'" or not inner.isprintable() or "'" in inner.replace("''", ""):
        return None
    return inner.replace("''", "'")


def _parsed(text: str) -> dict[str, Field]:
    """The fields as the YAML parser finds them; its events need no recursion, and nothing is built from an alias."""
    text = _NAMES.sub(r'\1"@"', text)  # names like @ada are no YAML, but the tracker takes them
    fields: dict[str, Field] = {}
    key: tuple[str, int] | None = None
    items: list[str] = []
    depth, odd, is_list = 0, False, False
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            line = event.start_mark.line + 2
            if isinstance(event, AliasEvent):
                raise BadFrontMatterError(line, "the front matter has an alias (*), which is not read")
            if isinstance(event, (MappingStartEvent, SequenceStartEvent)):
                depth += 1
                if depth > _DEEPEST:  # the parser's time grows with the square of it
                    raise BadFrontMatterError(line, "the front matter is nested too deep to be read")
                if depth == 1 and isinstance(event, SequenceStartEvent):
                    raise BadFrontMatterError(line, "the front matter is no table of keys and values")
                if depth == 2:
                    is_list = isinstance(event, SequenceStartEvent)
                    items, odd = [], not is_list
                    key = key or ("", line)
                odd = odd or depth > 2
            elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
                depth -= 1
                if depth == 1 and key:
                    name, line = key
                    fields[name] = Field(line, "", tuple(items), is_list, odd, name in fields)
                    key = None
            elif isinstance(event, ScalarEvent):
                value = "" if event.style is None and event.value in _NOTHING else event.value
                if depth == 0:
                    raise BadFrontMatterError(line, "the front matter is no table of keys and values")
                if depth == 2 and is_list:
                    items.append(value)
                elif depth == 1 and key is None:
                    key = (event.value, line)
                elif depth == 1 and key:
                    name, line = key
                    fields[name] = Field(line, value, repeated=name in fields)
                    key = None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadFrontMatterError(
            mark.line + 2 if mark else 1, f"the front matter is no YAML: {error.problem}"
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise BadFrontMatterError(1, f"the front matter is no YAML: {str(error).splitlines()[0]}") from None
    return fields
