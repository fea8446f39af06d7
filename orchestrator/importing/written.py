"""What people write the same way in any list of tasks: labels, lists of files, "Task 1.2:", a tick after the title."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.core.state import DONE, OPEN, STARTED
from orchestrator.core.value import Value
from orchestrator.importing.breakdown import Source, mark_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TASKS, FILES, NEEDS, ESTIMATE, STANDING = "tasks", "files", "needs", "estimate", "standing"
_LABELS = {
    **dict.fromkeys(
        ("tasks", "task", "task list", "task breakdown", "todo", "todos", "to-do", "steps", "subtasks"), TASKS),
    **dict.fromkeys(
        ("files", "file", "key files", "affected files", "files affected", "files touched", "files involved",
         "files to create", "files to modify", "files to change", "files to create/modify", "files to edit"), FILES),
    **dict.fromkeys(
        ("depends on", "depends", "dependencies", "dependency", "requires", "prerequisites", "blocked by"), NEEDS),
    **dict.fromkeys(
        ("estimated", "estimate", "estimated time", "estimated effort", "estimated duration", "time estimate",
         "estimated hours", "duration", "effort", "time"), ESTIMATE),
    **dict.fromkeys(("progress", "current phase"), STANDING),
}  # fmt: skip
_LONGEST_LABEL = 40
_NO_FILES = {"none", "n/a", "na", "tbd", "-", "none."}
_TASK = re.compile(
    r"(?:\*\*|__)?(?:sub-?)?task\s+#?([\w.\-]++)(?:\*\*|__)?\s*+([:\u2013—-](?:\*\*|__)?)?(?:\s++|(?<=\s)|$)",
    re.IGNORECASE,
)
_DOTTED = re.compile(r"\d++(?:\.\d++)++[a-z]?")
_TICK = re.compile(r"[✓✔☑✅]\ufe0f?")
_SUFFIX = re.compile(r"(?:[✓✔☑✅]\ufe0f?|\((?:in progress|reopened)\))$", re.IGNORECASE)
_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})[ \t]*([^`\s]*)")
_KEY = re.compile(
    r"[\w-]+:|[ \t]*(?:- (?!\[.?\](?:\s|$))|$)|[ \t]+(?!- )\S"
)  # a line of front matter, no item with a box
# How spec-kit begins a task; the readers that are asked before it look for it, too.
SPEC_KIT_ID = re.compile(r"(?:\[P\] ?)?(?:\*\*|`|\[)?T(?:\d{2,9}|XXX)\b")
SPEC_KIT_HEADING = re.compile(r"(?:\[.?\] )?T\d{3,9}\b(?!-T)")
_HIDDEN_TASK = re.compile(r"^[ \t>]{0,40}[-*+] \[.?\] ", re.MULTILINE)
_MARKDOWN = {"", "markdown", "md", "mdx", "text", "txt", "plaintext"}


class Written(Value):
    """A task's line taken apart; ``problem`` says in plain words what of its mark is not taken, "" for nothing."""

    id: str
    title: str
    mark: str
    problem: str = ""


def task(text: str, box: str | None) -> Written:
    """The task that the text of an item is, with the mark that its box, or a tick or a word behind it, says."""
    tick = ""
    if box is None and (found := _TICK.match(text)):
        tick, text = found[0], text[found.end() :].lstrip()
    task_id, title = task_prefix(text)
    suffix = found[0].lower() if (found := _SUFFIX.search(title)) else ""
    bare = title[: len(title) - len(suffix)].rstrip()
    if box is None and not task_id and (tick or _TICK.match(suffix)):
        # Lists of rules and of features begin with such signs, too.
        return Written("", f"{tick} {title}".lstrip(), OPEN, "a tick without a box counts as open")
    mark = (DONE if tick else OPEN) if box is None else mark_of(box)
    if mark is None:
        return Written(task_id, title, OPEN, f"the mark [{box}] is not known and counts as open")
    if suffix and bare:
        title = bare
    if _TICK.match(suffix) and mark != DONE:
        if box is None:
            mark = DONE
        else:
            return Written(task_id, title, mark, "it ends with a tick, but its box is not ticked, which counts")
    elif suffix == "(in progress)" and mark == OPEN:
        mark = STARTED
    return Written(task_id, title, mark)


def ends_marked(line: str) -> bool:
    """Whether the line of a task ends with a tick or with a word for its mark."""
    return _SUFFIX.search(line) is not None


def task_prefix(text: str) -> tuple[str, str]:
    """The id and the title of "Task 1.2: Title", or "" and the text where it has no such prefix."""
    found = _TASK.match(text)
    if not found:
        return "", text
    task_id = found[1].rstrip(".-")
    if not any([sign.isdigit() for sign in task_id]) or not (found[2] or _DOTTED.fullmatch(task_id)):
        return "", text
    title = text[found.end() :].strip() or f"Task {task_id}"
    prefix = found[0]
    if prefix.startswith(("**", "__")) and prefix.count(prefix[:2]) == 1:  # closed behind the title, or further on
        title = title[:-2] if title.endswith(prefix[:2]) and title.count(prefix[:2]) == 1 else prefix[:2] + title
    return task_id, title


def label(line: str) -> tuple[str, str, str] | None:
    """What kind of label a line begins with ("" for one that is not known), the label and what follows it.

    None where the line begins with no label: one that is not known must be in bold or stand alone.
    """
    line = line.strip()
    bold = line[:2] in ("**", "__")
    if bold and line.endswith(line[:2]) and ":" not in line and line.count(line[:2]) == 2:
        return _LABELS.get(_key(line), ""), line, ""
    colon = line.find(":", 0, _LONGEST_LABEL + 4)
    if colon < 0:
        return None
    name, value = line[:colon], line[colon + 1 :].strip()
    if bold and name.count(line[:2]) == 1:
        if value.startswith(line[:2]):
            value = value[2:].lstrip()
        elif value.endswith(line[:2]):
            value = value[:-2].rstrip()
    elif line[:1] in "*_" and name.count(line[:1]) == 1 and value.startswith(line[:1]):
        value = value[1:].lstrip()
    kind = _LABELS.get(_key(name), "")
    if not kind and value and not bold:
        return None
    return kind, name, value


def label_of(heading: str) -> str:
    """What kind of label a whole heading is, "" for none."""
    return _LABELS.get(_key(heading), "")


def _key(name: str) -> str:
    return " ".join(name.strip("*_`: \t").casefold().split())


def file_list(text: str) -> tuple[tuple[str, ...], str]:
    """The paths of a written list, and what of it is no path, "" for nothing."""
    paths: dict[str, None] = {}
    rest = []
    for piece in _pieces(text):
        path, remark = _path(piece)
        if path:
            paths[path] = None
        if remark:
            rest.append(remark)
    return tuple(paths), ", ".join(rest)


def _pieces(text: str) -> Iterator[str]:
    """The parts of the text between commas; commas in code, brackets and braces do not part it."""
    start, depth, code = 0, 0, False
    for place, sign in enumerate(text):
        if sign == "`":
            code = not code
        elif code:
            continue
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif sign in ",;" and depth <= 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _path(piece: str) -> tuple[str, str]:
    """The path at the start of the piece, "" for none, and what else stands there."""
    piece = piece.strip().removeprefix("and ").strip()
    if piece.startswith("`"):
        path, _, rest = piece[1:].partition("`")
    else:
        path, _, rest = piece.partition(" ")
        if rest and not rest.lstrip().startswith(("(", "-", "\u2013", "—", "[")):
            return "", piece
    if not path or path.casefold() in _NO_FILES:
        return "", rest.strip()
    wrong = (
        len(path.split()) != 1 or "://" in path or ".." in path.split("/") or path.startswith(("/", "~"))
        or not any([sign.isalpha() or sign in "*?" for sign in path])
    )  # fmt: skip
    return ("", piece) if wrong else (path, rest.strip())


def front_matter(source: Source) -> tuple[Source, str, int]:
    """The source with blank lines in place of its front matter, the title in that, and how many lines it has."""
    lines = source.text.split("\n")
    if lines[0].removeprefix("\ufeff").rstrip() != "---":
        return source, "", 0
    end = next((place for place, line in enumerate(lines) if place and line.rstrip() in ("---", "...")), 0)
    if not end or not all([_KEY.match(line) for line in lines[1:end]]) or ":" not in lines[1]:
        return source, "", 0
    titles = [line[6:].strip().strip("\"'") for line in lines[1:end] if line.startswith("title:")]
    blank = "\n" * (end + 1)
    return source.replace(text=blank + "\n".join(lines[end + 1 :])), titles[0] if titles else "", end + 1


def is_remark(text: str) -> bool:
    """Whether a block of HTML is a comment that hides no task."""
    return text.lstrip().startswith("<!--") and not _HIDDEN_TASK.search(text)


def fenced_as_markdown(line: str) -> bool:
    """Whether the line opens a fence whose content may be Markdown."""
    found = _FENCE.match(line)
    return found is not None and found[2].casefold() in _MARKDOWN


def lines_outside(text: str, *, or_markdown: bool = False) -> Iterator[str]:
    """The lines outside of fences, or also those in fences of Markdown."""
    fence, shown = "", True
    for line in text.split("\n"):
        if fence:
            if line.strip(" \t>").startswith(fence) and not line.strip(" \t>").strip(fence[0]):
                fence, shown = "", True
            elif shown:
                yield line
        elif ("```" in line or "~~~" in line) and (found := _FENCE.match(line)):
            fence, shown = found[1], or_markdown and found[2].casefold() in _MARKDOWN
        else:
            yield line
