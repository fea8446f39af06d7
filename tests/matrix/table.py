"""The verdicts as a page."""

from __future__ import annotations

import platform
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tests.matrix.cell import AS_GIT, REFUSED, SKIPPED
from tests.matrix.lab import WAYS
from tests.matrix.operations import OPERATIONS
from tests.matrix.situations import SITUATIONS
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.matrix.cell import Verdict

    Found = Mapping[tuple[str, str, str], Verdict]

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


def table(found: Found, tools: str) -> str:
    """The page: a table for each situation, with a line per operation and a column per way."""
    parts = [HEAD]
    for situation in SITUATIONS:
        rows = []
        notes: dict[str, list[str]] = {}
        for operation in OPERATIONS:
            cells = {way: found.get((operation.name, way, situation.name)) for way in WAYS}
            if any(cells.values()):
                rows.append(f"| `{operation.name}` | {' | '.join([_text(cell) for cell in cells.values()])} |")
            for way, cell in cells.items():
                if cell is not None and cell.note:
                    notes.setdefault(f"{_text(cell)}: {cell.note}", []).append(f"`{operation.name}` ({way})")
        if rows:
            parts.append(f"## {situation.name.capitalize()}\n\n{_upper(situation.about)}.\n")
            parts.append("\n".join([f"| | {' | '.join(WAYS)} |", f"|{' --- |' * (len(WAYS) + 1)}", *rows]) + "\n")
            parts += [f"{_upper(note)}{_places(places)}.\n" for note, places in notes.items()]
    parts.append(f"## How it was made\n\n{summary(found)}.\n\n{tools}.\n")
    parts.append("    python -m tests.matrix --jobs 2 --write docs/matrix.md\n")
    return "\n".join(parts)


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
