"""The two bottom lines of PLAN.md, which every branch changes: taken out before a merge, worked out anew after it."""

from __future__ import annotations

from orchestrator.core.todo import BEGIN, END
from orchestrator.core.todo_items import HELD, HOLD_LABELS

_LABELS = ("**Progress**: ", "**Current Phase**: ")


def without_summary(text: str) -> str:
    """PLAN.md without its two bottom lines and the blank line above them."""
    lines = text.split("\n")
    begin, end = _markers(lines)
    kept = [line for line in lines[begin:end] if not line.startswith(_LABELS)]
    if len(kept) < end - begin:
        while kept and not kept[-1].strip():
            kept.pop()
    return "\n".join([*lines[:begin], *kept, *lines[end:]])


def with_summary(text: str) -> str:
    """PLAN.md with the two bottom lines that its own lines above them amount to."""
    lines = text.split("\n")
    begin, end = _markers(lines)
    if begin == end:
        return text
    newline = "\r" if lines[end].endswith("\r") else ""
    tasks = [line for line in lines[begin:end] if line.startswith("- [") and line[4:11] == "] Task "]
    done = sum([line[3] in "xX" for line in tasks])
    percent = done * 100 // len(tasks) if tasks else 100
    summary = [
        "",
        f"**Progress**: {done}/{len(tasks)} tasks complete ({percent}%)",
        f"**Current Phase**: {_current([line.removesuffix(chr(13)) for line in lines[begin:end]])}",
    ]
    return "\n".join([*lines[:end], *[line + newline for line in summary], *lines[end:]])


def _markers(lines: list[str]) -> tuple[int, int]:
    """The first line of the tool's part and the line of its end marker; the same if it has no sound markers."""
    plain = [line.strip() for line in lines]
    if plain.count(BEGIN) != 1 or plain.count(END) != 1 or plain.index(BEGIN) > plain.index(END):
        return 0, 0
    return plain.index(BEGIN) + 1, plain.index(END)


def _current(lines: list[str]) -> str:
    """The phase that the second line names, from headings (which name dependencies), status lines and what holds."""
    titles: dict[str, str] = {}
    needs: dict[str, list[str]] = {}
    complete: set[str] = set()
    held: set[str] = set()
    number = ""
    for line in lines:
        if line.startswith("### Phase "):
            number, _, title = line.removeprefix("### Phase ").partition(": ")
            title, _, depends = title.partition(" (Depends on Phase ")
            titles[number] = title
            needs[number] = [name for name in depends.removesuffix(")").split(", ") if name]
        elif line.startswith(("_complete -", "_complete_")):
            complete.add(number)
        elif line.startswith(HOLD_LABELS) and line.endswith(HELD):
            held.add(number)
    incomplete = [number for number in titles if number not in complete]
    if not incomplete:
        return "none (all phases complete)"

    def is_open(phase: str, seen: tuple[str, ...] = ()) -> bool:
        return all([n in complete and n not in seen and is_open(n, (*seen, phase)) for n in needs.get(phase, ())])

    ready = [number for number in incomplete if number not in held and is_open(number)]
    chosen = (ready or incomplete)[0]
    return f"Phase {chosen} ({titles[chosen]})" + ("" if ready else " - locked")
