"""``python -m tests.matrix``: try the cells and write the table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hermetic import foreign_names, hermetic_environment
from tests.matrix.cell import SKIPPED, Verdict, run_cell, run_twin, skipped
from tests.matrix.lab import WAYS, Lab
from tests.matrix.operations import OPERATIONS
from tests.matrix.situations import SITUATIONS
from tests.matrix.surroundings import ORDINARY, SURROUNDINGS
from tests.matrix.table import page, summary, versions

if TYPE_CHECKING:
    from tests.matrix.surroundings import Surrounding, Tries

    Row = dict["Key", Verdict]

Key = tuple[str, str, str, str]  # surrounding, operation, way, situation
_ALL = (ORDINARY, *SURROUNDINGS)
_labs: dict[int, Lab] = {}


def _tries(surrounding: Surrounding) -> Tries:
    """What is tried there; all operations in all situations where nothing is out of the ordinary."""
    return surrounding.tries or tuple((operation, situation) for situation in SITUATIONS for operation in OPERATIONS)


def _chosen(part: str, only: list[str]) -> list[Key]:
    """The cells of the part of which each part that is given (``operation,way,situation,surrounding``) is a name."""
    wanted = [[*text.split(","), "", "", ""][:4] for text in only] or [[""] * 4]
    return [
        (surrounding.name, operation.name, way, situation.name)
        for surrounding in {"": _ALL, "operations": (ORDINARY,), "surroundings": SURROUNDINGS}[part]
        for operation, situation in _tries(surrounding)
        for way in WAYS
        if any(
            all(
                given in ("", name)
                for given, name in zip(names, (operation.name, way, situation.name, surrounding.name), strict=True)
            )
            for names in wanted
        )
    ]


def try_row(folder: str, surrounding_name: str, operation_name: str, situation_name: str, ways: list[str]) -> Row:
    """The verdicts on one operation in one situation and surrounding; the twin is made once."""
    lab = _labs.get(os.getpid())
    if lab is None:
        lab = _labs[os.getpid()] = Lab(Path(folder), Path(folder, f"worker-{os.getpid()}"))
    surrounding = next(known for known in _ALL if known.name == surrounding_name)
    operation, situation = next(
        pair for pair in _tries(surrounding) if (pair[0].name, pair[1].name) == (operation_name, situation_name)
    )
    able = [way for way in ways if not skipped(operation, situation, way)]
    twin = run_twin(lab, operation, situation, surrounding) if able else None
    return {
        (surrounding.name, operation.name, way, situation.name): run_cell(
            lab, operation, way, situation, twin, surrounding
        )
        for way in ways
    }


def main() -> int:
    """0 if nothing is lost and nothing broken, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", action="append", default=[], metavar="OPERATION,WAY,SITUATION,SURROUNDING")
    parser.add_argument("--part", choices=("operations", "surroundings"), default="", help="of the page; else all")
    parser.add_argument("--write", type=Path, metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the repositories of bad cells stay")
    options = parser.parse_args()
    cells = _chosen(options.part, options.only)
    if not cells:
        parser.error(f"no cell is called {options.only}")
    rows: dict[tuple[str, str, str], list[str]] = {}
    for surrounding, operation, way, situation in cells:
        rows.setdefault((surrounding, operation, situation), []).append(way)
    for name in foreign_names():
        del os.environ[name]
    found: dict[Key, Verdict] = {}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="matrix-") as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        folder.mkdir(exist_ok=True)
        home = folder / "home"
        home.mkdir(exist_ok=True)
        os.environ.update(hermetic_environment(home))
        with ProcessPoolExecutor(options.jobs) as pool:
            waiting = [pool.submit(try_row, str(folder), *key, ways) for key, ways in rows.items()]
            for number, done in enumerate(as_completed(waiting), 1):
                for key, verdict in done.result().items():
                    found[key] = verdict
                    if not verdict.is_good or options.only:
                        sys.stdout.write(f"{', '.join(filter(None, key))}: {verdict} {verdict.note}\n")
                if number % 20 == 0:
                    sys.stdout.write(f"{number} of {len(rows)} rows, {time.monotonic() - began:.0f} s\n")
                sys.stdout.flush()
    sys.stdout.write(f"{summary(found)}; {time.monotonic() - began:.0f} s\n")
    if options.write:
        before = options.write.read_text(encoding="utf-8") if options.part else ""
        options.write.write_text(page({key: found[key] for key in cells}, versions(), before), encoding="utf-8")
    assert all(verdict.note for verdict in found.values() if verdict.name == SKIPPED)
    return 0 if all(verdict.is_good for verdict in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
