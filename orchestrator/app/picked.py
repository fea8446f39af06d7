"""Who vouches for the evidence of a commit made during a rebase or am, where nothing can be written."""

from __future__ import annotations

import os

from orchestrator.core.finding import Finding, Location
from orchestrator.core.formats import parse_lock
from orchestrator.core.plan import LOCK_PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orchestrator.app.facts import Facts
    from orchestrator.app.repository import Repository
    from orchestrator.core.settle import Settled


def foreign_evidence(facts: Facts, settled: Settled) -> tuple[Finding, ...]:
    """What plan.lock claims beyond the commits that a rebase or am picks from; nothing is written there to mend it."""
    if facts.lock_bytes is None:
        return () if facts.before is None or facts.before.lock is None else (_tampered("plan.lock is gone"),)
    revisions = ["HEAD", "REBASE_HEAD", "ORIG_HEAD", "CHERRY_PICK_HEAD", *_picked(facts.repository)]
    objects = facts.repository.read_objects([f"{revision}:{LOCK_PATH}" for revision in revisions])
    known = [settled.lock, (facts.before.lock if facts.before else None) or {}]
    known += [parse_lock(found[1]) for found in objects.values() if found is not None]
    passes = {found.key for lock in known for phase in lock.values() for found in phase.passes.values()}
    bases = {(i, text, digest) for lock in known for phase in lock.values()
             for i, base in phase.bases.items() for text, digest in base.items()}  # fmt: skip
    wrong = []
    for phase_id, phase in parse_lock(facts.lock_bytes).items():
        for name, claimed in phase.passes.items():
            if claimed.key not in passes and facts.pass_lookup({})(claimed.key) is None:
                wrong.append(_tampered(f"nobody knows the pass of {name} for {phase_id} in plan.lock"))
        for task_id, base in phase.bases.items():
            if any([(task_id, text, digest) not in bases for text, digest in base.items()]):
                wrong.append(_tampered(f"nobody knows the base of task {task_id} in plan.lock"))
    return tuple(wrong)


def _picked(repository: Repository) -> list[str]:
    """The commits that the rebase under way has picked so far, as its list of what is done names them."""
    try:
        with open(os.path.join(repository.git_dir, "rebase-merge", "done"), encoding="utf-8") as file:
            words = [line.split() for line in file]
    except (OSError, UnicodeDecodeError):
        return []
    return [line[1] for line in words if len(line) > 1 and line[1].isalnum()]


def _tampered(message: str) -> Finding:
    return Finding(
        "lock-tampered", message, locations=(Location(LOCK_PATH),), help="git checkout HEAD -- plan.lock, and go on"
    )
