"""Two branches that add evidence for different phases merge plan.lock without a conflict."""

from __future__ import annotations

import subprocess
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.formats import Lock, LockPhase, format_lock, parse_lock
from orchestrator.core.gate import Pass

if TYPE_CHECKING:
    from pathlib import Path

PHASES = ("one", "two", "three")
ADDED = {
    "a pass": LockPhase({"lint": Pass("a" * 64)}),
    "two passes": LockPhase({"lint": Pass("a" * 64), "tests": Pass("b" * 64, 12, 81.5)}),
    "a base": LockPhase({}, {"1.1": {"src/**": "c" * 64}}),
    "both": LockPhase({"lint": Pass("a" * 64)}, {"1.1": {"src/**": "c" * 64}}),
}


def merge(folder: Path, base: Lock, ours: Lock, theirs: Lock) -> tuple[int, bytes]:
    names = []
    for name, lock in (("ours", ours), ("base", base), ("theirs", theirs)):
        (folder / name).write_bytes(format_lock(lock))
        names.append(str(folder / name))
    done = subprocess.run(["git", "merge-file", "-p", *names], capture_output=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(("first", "second"), list(permutations(PHASES, 2)))
@pytest.mark.parametrize("start", [LockPhase(), ADDED["a base"], ADDED["a pass"]])
def test_evidence_for_different_phases_merges(tmp_path: Path, first: str, second: str, start: LockPhase) -> None:
    base: Lock = dict.fromkeys(PHASES, start)
    for one in ADDED.values():
        for two in ADDED.values():
            code, out = merge(tmp_path, base, {**base, first: one}, {**base, second: two})
            assert code == 0, out.decode()
            assert parse_lock(out) == {**base, first: one, second: two}
            assert format_lock(parse_lock(out)) == out


def test_the_same_run_on_two_branches_merges(tmp_path: Path) -> None:
    base: Lock = dict.fromkeys(PHASES, LockPhase())
    both: Lock = {**base, "two": ADDED["two passes"]}
    code, out = merge(tmp_path, base, both, both)
    assert (code, out) == (0, format_lock(both))
