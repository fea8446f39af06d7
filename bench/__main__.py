"""Measure git-orchestrator beside the programs that do a part of its work, each in an environment of its own.

One command makes repositories and plans, installs everything, runs ours and the others in turns, and tells what came
of it. Needs Git, Python, npm and package indexes; standard library only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import gates
import growth
import hot_path
import verify
from common import LEAST_RUNS, Lab, MeasureError, machine, peer_versions
from curves import svg
from results import as_json, markdown, put_into_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from results import Section

GROUPS: Mapping[str, Callable[[Lab], Section]] = {
    "hot-path": hot_path.measure,
    "growth": growth.measure,
    "gates": gates.measure,
    "verify": verify.measure,
}
QUICK_RUNS = 2


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 measured, 1 something measured was not what it should be."""
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(GROUPS), metavar="NAME", help=f"of: {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes and few turns, to see that all of it works")
    parser.add_argument("--runs", type=int, help=f"turns that count (default and least: {LEAST_RUNS})")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep programs and long histories here for next time")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables between the markers of this page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with the seconds of every turn")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the growth curves")
    options = parser.parse_args(argv)
    least = QUICK_RUNS if options.quick else LEAST_RUNS
    runs = least if options.runs is None else options.runs
    if runs < least:
        parser.error(f"--runs: at least {least}")
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            scratch = Path(folder).resolve()
            lab = Lab((options.work or scratch / "work").absolute(), scratch, runs, options.quick)
            sections = [measure(lab) for name, measure in GROUPS.items() if name in (options.only or GROUPS)]
            facts = machine(lab.env)
            peers = peer_versions(lab, dict.fromkeys(peer for section in sections for peer in section.peers))
        text = markdown(sections, facts, peers, head(lab))
        print(text, end="")
        if options.write:
            put_into_page(options.write, text)
    except MeasureError as error:
        sys.stderr.write(f"not measured: {error}\n")
        return 1
    if options.json:
        options.json.write_text(json.dumps(as_json(sections, facts, peers), indent=1) + "\n", encoding="utf-8")
    if options.svg:
        options.svg.write_text(svg([curve for section in sections for curve in section.curves]), encoding="utf-8")
    return 0


def head(lab: Lab) -> str:
    """How it was measured."""
    text = (
        f"Whole processes in turns (A B C A B C ...), {lab.runs} turns after a warm-up. Ratios and differences are "
        "taken turn by turn, then their median; peak is the largest process of each."
    )
    return f"{text} Small sizes, to try the benchmark: the numbers say nothing." if lab.quick else text


if __name__ == "__main__":
    raise SystemExit(main())
