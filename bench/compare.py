"""Whether the hot path has become faster or slower: the checkout as it is, beside another revision of it.

Both are installed in environments of their own and take turns on equal repositories. To be run by hand, on a machine
that does nothing else. Standard library only.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from common import CHECKOUT, LEAST_RUNS, ORCHESTRATOR, PACKAGES, Lab, MeasureError, git, make_environment
from hot_path import commit_case, native_case, with_stages
from plans import Size, copy, make
from results import take_turns, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results import Measured

_SURE = 0.95


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 measured, 1 something measured was not what it should be."""
    parser = argparse.ArgumentParser(
        prog="bench/compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", metavar="BASE", help="the revision to compare with, as main or HEAD~3")
    parser.add_argument("--runs", type=int, default=LEAST_RUNS, help=f"turns (default and least: {LEAST_RUNS})")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep the environments here for the next time")
    options = parser.parse_args(argv)
    if options.runs < LEAST_RUNS:
        parser.error(f"--runs: at least {LEAST_RUNS}")
    try:
        with tempfile.TemporaryDirectory(prefix="bench-compare-") as folder:
            scratch = Path(folder).resolve()
            present = Lab((options.work or scratch / "work").absolute(), scratch, options.runs)
            oid = git(CHECKOUT, present.env, "rev-parse", "--verify", "--end-of-options", f"{options.base}^{{commit}}")
            rows = compare(present, base_lab(present, oid))
    except MeasureError as error:
        sys.stderr.write(f"not measured: {error}\n")
        return 1
    print(f"base: {options.base} ({oid[:12]}); {options.runs} turns\n")
    print("\n".join(table(rows)))
    return 0


def base_lab(present: Lab, oid: str) -> Lab:
    """The same lab with the programs of that commit."""
    sources = present.scratch / "base"
    sources.mkdir()
    archive = subprocess.run(
        ["git", "archive", oid], cwd=CHECKOUT, env=dict(present.env), capture_output=True, check=True
    )
    subprocess.run(["tar", "-x"], cwd=sources, input=archive.stdout, check=True)
    package = PACKAGES[ORCHESTRATOR]._replace(wanted=(sources,))
    programs = make_environment(present.work / "programs" / f"base-{oid[:12]}", package, present.env)
    return dataclasses.replace(present, programs={ORCHESTRATOR: programs})


def compare(present: Lab, base: Lab) -> list[tuple[Measured, Measured]]:
    """What was measured of both, row by row: the base first.

    Raises:
        MeasureError: one of them did not accept the commit; a base with other formats cannot be compared.
    """
    size = Size()
    model = make(present, "model", size.world())
    found = []
    for name, lab in (("base", base), ("present", present)):
        inside = commit_case("stages", copy(lab, model, f"{name}-stages"), size, lab.env, says=False)
        whole = native_case(lab, "`git commit`", copy(lab, model, f"{name}-commit"), size, lab.env)
        found.append((with_stages(lab, inside), whole))
    stages, commits = zip(*found, strict=True)
    take_turns("compare", [*[each.commit for each in stages], *commits], present.runs)
    columns = [
        [*each.measured(), together("both stages", *each.measured()), commit.measured()] for each, commit in found
    ]
    return list(zip(*columns, strict=True))


def table(rows: Sequence[tuple[Measured, Measured]]) -> list[str]:
    """The table for people."""
    heads = ("", "base ms", "min", "present ms", "min", "ratio", f"{_SURE:.0%} sure")
    lines = [f"{heads[0]:32}" + "".join(f"{head:>12}" for head in heads[1:-1]) + f"{heads[-1]:>16}"]
    for base, present in rows:
        least, most = interval([mine / its for mine, its in zip(present.seconds, base.seconds, strict=True)])
        times = [base.median(), min(base.seconds), present.median(), min(present.seconds)]
        numbers = "".join(f"{seconds * 1000:12.1f}" for seconds in times)
        spread = f"{least:.3f} to {most:.3f}"
        noise = "  may be noise" if least <= 1 <= most else ""
        lines.append(f"{base.name.strip('`'):32}{numbers}{present.to(base):12.3f}{spread:>16}{noise}")
    return lines


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Between which values the true median lies, as sure as _SURE, whatever the distribution (by the sign test)."""
    ordered, count = sorted(values), len(values)
    outside, place = 0.0, 0
    for below in range(count // 2):
        outside += 2 * math.comb(count, below) / 2**count
        if outside > 1 - _SURE:
            break
        place = below
    return ordered[place], ordered[count - 1 - place]


if __name__ == "__main__":
    raise SystemExit(main())
