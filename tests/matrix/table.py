"""The verdicts as a page."""

from __future__ import annotations

import platform
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tests.matrix.cell import AS_GIT, OK, REFUSED, SKIPPED, Verdict
from tests.matrix.lab import WAYS
from tests.matrix.operations import OPERATIONS
from tests.matrix.situations import SITUATIONS
from tests.matrix.surroundings import SURROUNDINGS, TRIES
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.matrix.surroundings import Tries

    Found = Mapping[tuple[str, str, str, str], Verdict]  # by surrounding, operation, way, situation

HEAD = """\
# Operations of Git beside edits that are not staged

What our hooks do to an operation of Git, and to what lies in the work tree meanwhile, for each way to install them.
Written by a program; the command that made it stands at the end.

Each cell is tried in a repository with hooks and held against a twin: the same files, the same dates, the same
commands, and no hooks. Compared are exit codes; the log; HEAD's tree, the index, `git status` and every byte of the
work tree, `PLAN.md` and `plan.lock` aside; of `PLAN.md` in HEAD, index and work tree, every line that is the user's;
branches, stashes, and every file in the Git directory that an operation or a lock leaves there. Then an ordinary
commit is made in both, which must work and bring `PLAN.md` and `plan.lock` to what plan, ticks and content say, and
`git fsck` is run.

| in a cell | what it says |
| --- | --- |
| ok | nothing differs from the twin |
| Git | Git itself refuses it beside such edits, with hooks as without; nothing differs from the twin |
| `an-id` | our hook refuses it: HEAD, index, work tree (what was saved meanwhile aside) and Git directory are byte \
for byte as before. Then what its help line says was done, and the operation went on to its end with every edit kept |
| - | says nothing of its own; why stands below the table |
| **LOST**, **BROKEN** | a fault, told below the table |
"""
_FEW = 12
_SHORT = {AS_GIT: "Git", SKIPPED: "-"}


def versions() -> str:
    """The versions of what the cells depend on."""
    git = run(["git", "version"], cwd=Path()).stdout.split()[2]
    packages = ", ".join([f"{name} {metadata.version(name)}" for name in ("pre-commit", "prek", "lefthook")])
    return f"Git {git}, {packages}, Python {platform.python_version()}, {platform.system()}"


def summary(found: Found) -> str:
    """How many cells there are of each verdict."""
    counts = Counter(str(verdict) for verdict in found.values())
    return f"{len(found)} cells: " + ", ".join([f"{count} {name}" for name, count in counts.most_common()])


def page(found: Found, tools: str, before: str = "") -> str:
    """The page; a part of which no cell was tried is taken from ``before``, which is the page as it was.

    Raises:
        ValueError: there is no such part in ``before``.
    """
    ordinary = {key: verdict for key, verdict in found.items() if not key[0]}
    others = {key: verdict for key, verdict in found.items() if key[0]}
    parts = [HEAD]
    for name, cells, write in (("operations", ordinary, _operations), ("surroundings", others, _surroundings)):
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->\n"
        if cells:
            text = f"\n{write(cells)}\n{summary(cells)}.\n\n{tools}.\n\n"
        else:
            text = before[before.index(begin) + len(begin) : before.index(end)]
        parts.append(f"{begin}{text}{end}")
    parts.append("## How it was made\n\n    python -m tests.matrix --jobs 2 --write docs/matrix.md\n")
    return "\n".join(parts)


def _operations(found: Found) -> str:
    """A table for each situation, with a line per operation and a column per way."""
    parts = []
    for situation in SITUATIONS:
        rows = []
        notes: dict[str, list[str]] = {}
        for operation in OPERATIONS:
            cells = {way: found.get(("", operation.name, way, situation.name)) for way in WAYS}
            if any(cells.values()):
                rows.append(f"| `{operation.name}` | {' | '.join([_text(cell) for cell in cells.values()])} |")
            for way, cell in cells.items():
                if cell is not None and cell.note:
                    notes.setdefault(f"{_text(cell)}: {cell.note}", []).append(f"`{operation.name}` ({way})")
        if rows:
            parts.append(f"## {situation.name.capitalize()}\n\n{_upper(situation.about)}.\n")
            parts.append("\n".join([f"| | {' | '.join(WAYS)} |", f"|{' --- |' * (len(WAYS) + 1)}", *rows]) + "\n")
            parts += [f"{_upper(note)}{_places(places)}.\n" for note, places in notes.items()]
    return "\n".join(parts)


SURROUNDED = """\
## Surroundings

The same once more where the repository, a setting or a file name is out of the ordinary, or beside other people's
hooks. The twin is in the same surrounding. Other people's hooks are in the twin, too, and must be called as often as
there. A line stands for these operations, in the situations in brackets:

{tries}

A cell says what they came to together. `-` is where the runner fails by itself: hooks that do nothing fail there, too.
"""


def _surroundings(found: Found) -> str:
    """A line per surrounding, with a column per way."""
    rows, others = [], []
    notes: dict[str, list[str]] = {}
    for surrounding in SURROUNDINGS:
        cells: dict[str, list[Verdict]] = {}
        for way in WAYS:
            mine = {key: verdict for key, verdict in found.items() if (key[0], key[2]) == (surrounding.name, way)}
            cells[way] = list(mine.values())
            for (_, operation, _, situation), verdict in mine.items():
                if verdict.note:
                    place = f"{surrounding.name} ({way})"
                    if len(set(mine.values())) > 1:
                        place = f"{surrounding.name}: `{operation}` beside {situation} ({way})"
                    places = notes.setdefault(f"{_text(verdict)}: {verdict.note}", [])
                    places += [place] if place not in places else []
        if any(cells.values()):
            texts = [_sum(verdicts) for verdicts in cells.values()]
            rows.append(f"| {surrounding.name} | {surrounding.about} | {' | '.join(texts)} |")
            if surrounding.tries != TRIES:
                others.append(f"- {surrounding.name}: {_tried(surrounding.tries)}")
    head = [f"| | | {' | '.join(WAYS)} |", f"|{' --- |' * (len(WAYS) + 2)}"]
    parts = [SURROUNDED.format(tries=f"- {_tried(TRIES)}"), "\n".join([*head, *rows]) + "\n"]
    if others:
        parts.append("\n".join(["Other operations are tried here:", "", *others]) + "\n")
    parts += [f"{_upper(note)} ({', '.join(places)}).\n" for note, places in notes.items()]
    return "\n".join(parts)


def _tried(tries: Tries) -> str:
    """The operations in their order, each with its situations."""
    places: dict[str, list[str]] = {}
    for operation, situation in tries:
        places.setdefault(operation.name, []).append(situation.name)
    return ", ".join([f"`{operation}` ({', '.join(names)})" for operation, names in places.items()])


def _sum(verdicts: Iterable[Verdict]) -> str:
    """What the verdicts come to; of bad ones these alone."""
    texts = {_text(verdict): verdict for verdict in verdicts}
    bad = [text for text, verdict in texts.items() if not verdict.is_good]
    if bad or not texts:
        return ", ".join(bad)
    refused = sorted(text for text, verdict in texts.items() if verdict.name == REFUSED)
    fine = [OK] if any(verdict.name in (OK, AS_GIT) for verdict in texts.values()) else []
    left_out = [text for text, verdict in texts.items() if verdict.name == SKIPPED]
    return ", ".join([*fine, *refused, *left_out])


def _text(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    if verdict.name == REFUSED:
        return f"`{verdict.detail}`"
    return _SHORT.get(verdict.name, str(verdict) if verdict.is_good else f"**{verdict}**")


def _upper(note: str) -> str:
    return note[:1].upper() + note[1:]


def _places(places: list[str]) -> str:
    """The cells in question, as far as they are few."""
    return f" ({', '.join(places)})" if len(places) <= _FEW else ""
