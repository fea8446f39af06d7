"""``python -m tests.matrix``: try the cells and write the table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.hermetic import foreign_names, hermetic_environment
from tests.matrix.cell import SKIPPED, Verdict, run_cell, run_twin, skipped
from tests.matrix.lab import WAYS, Lab
from tests.matrix.operations import OPERATIONS
from tests.matrix.situations import SITUATIONS
from tests.matrix.table import summary, table, versions

Key = tuple[str, str, str]
_labs: dict[int, Lab] = {}


def _chosen(only: list[str]) -> list[Key]:
    """The cells of which each part that is given (``operation,way,situation``, any may be empty) is a name."""
    parts = [[*text.split(","), "", ""][:3] for text in only] or [["", "", ""]]
    return [
        (operation.name, way, situation.name)
        for situation in SITUATIONS
        for operation in OPERATIONS
        for way in WAYS
        if any(
            name in ("", operation.name) and wanted in ("", way) and where in ("", situation.name)
            for name, wanted, where in parts
        )
    ]


def try_row(folder: str, operation_name: str, situation_name: str, ways: list[str]) -> dict[Key, Verdict]:
    """The verdicts on one operation in one situation; the twin is made once."""
    lab = _labs.get(os.getpid())
    if lab is None:
        lab = _labs[os.getpid()] = Lab(Path(folder), Path(folder, f"worker-{os.getpid()}"))
    operation = next(known for known in OPERATIONS if known.name == operation_name)
    situation = next(known for known in SITUATIONS if known.name == situation_name)
    twin = None if all(skipped(operation, situation, way) for way in ways) else run_twin(lab, operation, situation)
    return {(operation.name, way, situation.name): run_cell(lab, operation, way, situation, twin) for way in ways}


def main() -> int:
    """0 if nothing is lost and nothing broken, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", action="append", default=[], metavar="OPERATION,WAY,SITUATION")
    parser.add_argument("--write", type=Path, metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the repositories of bad cells stay")
    options = parser.parse_args()
    cells = _chosen(options.only)
    if not cells:
        parser.error(f"no cell is called {options.only}")
    rows: dict[tuple[str, str], list[str]] = {(operation, situation): [] for operation, _, situation in cells}
    for operation, way, situation in cells:
        rows[operation, situation].append(way)
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
                        sys.stdout.write(f"{', '.join(key)}: {verdict} {verdict.note}\n")
                if number % 20 == 0:
                    sys.stdout.write(f"{number} of {len(rows)} rows, {time.monotonic() - began:.0f} s\n")
                sys.stdout.flush()
    sys.stdout.write(f"{summary(found)}; {time.monotonic() - began:.0f} s\n")
    if options.write:
        options.write.write_text(table(found, versions()), encoding="utf-8")
    assert all(verdict.note for verdict in found.values() if verdict.name == SKIPPED)
    return 0 if all(verdict.is_good for verdict in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
