"""The patch of unstaged changes that a hook runner keeps: which files it touches, and what it makes of one of them.

Source: git-diff(1), "Generating patch text with -p"; lines of content begin with a blank, a plus or a minus.
"""

from __future__ import annotations

_HEAD = b"\ndiff --git "


def touches(patch: bytes, path: str) -> bool:
    """Whether the patch changes, moves or makes the file of that name."""
    name = path.encode()
    heads = (_HEAD[1:] + b"a/%b b/%b" % (name, name), b"rename from " + name, b"rename to " + name, b"copy to " + name)
    return any([b"\n" + head + b"\n" in b"\n" + patch for head in heads])


def patched(patch: bytes, path: str, old: bytes) -> bytes | None:
    """What the patch makes of the file with that old content; None if it changes more than lines, or does not fit."""
    start, end = _section(patch, path)
    _, *lines = patch[start:end].removesuffix(b"\n").split(b"\n")
    name = path.encode()
    if len(lines) < 3 or not lines[0].startswith(b"index ") or lines[1:3] != [b"--- a/" + name, b"+++ b/" + name]:
        return None
    source = _lines(old)
    found: list[bytes] = []
    position = 0
    for number, line in enumerate(lines[3:], 3):
        sign, body = line[:1] or b" ", line[1:]  # a blank line of context, under diff.suppressBlankEmpty
        if lines[number + 1 : number + 2] != [b"\\ No newline at end of file"]:
            body += b"\n"
        if sign == b"@":
            first = line.removeprefix(b"@@ -").partition(b" ")[0].partition(b",")
            if not first[0].isdigit():
                return None
            begin = int(first[0]) - (first[2] != b"0")
            if begin < position:
                return None
            found += source[position:begin]
            position = begin
        elif sign == b"+":
            found.append(body)
        elif sign in (b" ", b"-") and source[position : position + 1] == [body]:
            found += [body] if sign == b" " else []
            position += 1
        elif sign != b"\\":
            return None
    return b"".join(found + source[position:])


def without_change(patch: bytes, path: str, old: bytes, new: bytes) -> bytes | None:
    """The patch that changes nothing of that file, be it old or new, and all else as before; None if it cannot be.

    The file does not leave the patch: Git takes no patch that is empty.
    """
    start, end = _section(patch, path)
    first = _lines(old)[:2]
    if len(first) < 2 or first != _lines(new)[:2] or not all([line.endswith(b"\n") for line in first]):
        return None
    head = patch[start:end].partition(b"\n")[0] + b"\n--- a/%b\n+++ b/%b\n" % (path.encode(), path.encode())
    return patch[:start] + head + b"@@ -1,2 +1,2 @@\n-%b+%b %b" % (first[0], *first) + patch[end:]


def _section(patch: bytes, path: str) -> tuple[int, int]:
    """Where the file's part of the patch begins and ends; both 0 if it has none of its own."""
    name = path.encode()
    start = (b"\n" + patch).find(_HEAD + b"a/%b b/%b\n" % (name, name))
    if start < 0:
        return 0, 0
    end = patch.find(_HEAD, start)
    return start, len(patch) if end < 0 else end + 1


def _lines(data: bytes) -> list[bytes]:
    """The lines with their ends, which Git sees at line feeds alone."""
    *lines, rest = data.split(b"\n")
    return [*[line + b"\n" for line in lines], *([rest] if rest else [])]
