"""What a finished commit says of evidence: what its plan.lock adds, and whether its own content bears that out."""

from __future__ import annotations

from orchestrator.core.finding import Finding, Location, printable
from orchestrator.core.formats import NO_EVIDENCE
from orchestrator.core.plan import LOCK_PATH
from orchestrator.core.settle import bases_of, kept_patterns
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.core.evidence import Content
    from orchestrator.core.formats import Lock
    from orchestrator.core.plan import Gate, Phase, Plan
    from orchestrator.core.settle import Before, Side


class AddedPass(Value):
    """A pass that a commit brings into plan.lock and none of its parents has."""

    phase_id: str
    gate: str
    key: str


class Base(Value):
    """The digest of what a task's pattern matched when it entered the plan, as plan.lock has it; "" for none."""

    task_id: str
    pattern: str
    digest: str
    phase_id: str = ""


def added_passes(recorded: Lock, parents: Iterable[Lock | None]) -> list[AddedPass]:
    """The passes in the lock whose key no parent's lock has for that gate."""
    known = {
        (phase_id, name, found.key)
        for lock in parents
        for phase_id, phase in (lock or {}).items()
        for name, found in phase.passes.items()
    }
    return [
        AddedPass(phase_id, name, found.key)
        for phase_id, phase in recorded.items()
        for name, found in phase.passes.items()
        if (phase_id, name, found.key) not in known
    ]


def is_yielded(added: AddedPass, contents: Iterable[Content]) -> bool:
    """Whether one of the trees, under its plan, gives the gate just that key."""
    return bool(added.key) and any(
        content.key(phase, gate) == added.key
        for content in contents
        for phase in content.plan.phases
        if phase.id == added.phase_id
        for gate in phase.gates
        if gate.name == added.gate
    )


def stale_passes(lock: Lock, content: Content, *, unknown: bool) -> list[tuple[str, str]]:
    """The passes in the lock, as (phase id, gate name), that the tree does not yield under its plan.

    ``unknown``: passes of gates that the plan does not have are among them.
    """
    gates = {(phase.id, gate.name): (phase, gate) for phase in content.plan.phases for gate in phase.gates}
    stale = []
    for phase_id, evidence in lock.items():
        for name, found in evidence.passes.items():
            pair = gates.get((phase_id, name))
            if (pair is None and unknown) or (pair is not None and content.key(*pair) != (found.key or None)):
                stale.append((phase_id, name))
    return stale


def stale_finding(phase_id: str, gate: str, plan: Plan) -> Finding:
    """The refusal of a tip whose plan.lock has a pass of other content."""
    is_known = any(phase.id == phase_id for phase in plan.phases)
    again = f"orchestrator validate {phase_id}" if is_known else "orchestrator sync"
    return Finding(
        "gate-due",
        f"the pass of {printable(gate)} for {printable(phase_id)} in plan.lock is not one of the content at the tip",
        locations=(Location(LOCK_PATH),),
        notes=("a merge, rebase or cherry-pick made by Git alone leaves such a pass; so does a forged plan.lock",),
        help=f"{again}, then commit, and verify again",
    )


def unproven_finding(added: AddedPass) -> Finding:
    """The refusal of a pass that neither the commit's own content nor the tip bears out."""
    return Finding(
        "lock-tampered",
        f"plan.lock claims a pass of {printable(added.gate)} for {printable(added.phase_id)} "
        "that is not one of this content, nor of what stood before",
        locations=(Location(LOCK_PATH),),
        notes=("a rebase leaves such a pass, and one of the content at the tip would make up for it",),
        help=f"orchestrator validate {added.phase_id}, then commit, and verify again",
    )


def changed_bases(
    plan: Plan, content: Content, before: Before | None, recorded: Lock, others: Sequence[Side]
) -> list[tuple[Base, str, bool]]:
    """The bases that the lock has otherwise than the hooks would have written them.

    With each comes the digest that they would have written, and whether it was laid down before this commit. One that
    ``others`` have, the further parents of a merge, is as good, also where the first one has no plan.
    """
    right = bases_of(plan, content, before)
    found = []
    for phase in plan.phases:
        said = recorded.get(phase.id, NO_EVIDENCE).bases
        for task in phase.tasks:
            mine, theirs = said.get(task.id, {}), right[task.id]
            for text in dict.fromkeys([pattern.text for pattern in task.files]) if mine != theirs else ():
                digest = mine.get(text, "")
                if digest != theirs.get(text, "") and not _is_of_other(others, phase.id, task.id, text, digest):
                    found.append((Base(task.id, text, digest, phase.id), theirs.get(text, "")))
    kept = kept_patterns(plan, before) if found and before is not None else set()
    return [(base, digest, (base.task_id, base.pattern) in kept) for base, digest in found]


def _is_of_other(others: Sequence[Side], phase_id: str, task_id: str, text: str, digest: str) -> bool:
    """Whether another parent of a merge has that base, none included if it has the task."""
    for other in others:
        has_task = any(task.id == task_id for p in other.plan.phases if p.id == phase_id for task in p.tasks)
        theirs = (other.lock or {}).get(phase_id, NO_EVIDENCE).bases.get(task_id, {}).get(text, "")
        if theirs == digest and (digest or has_task):
            return True
    return False


def base_finding(base: Base) -> Finding:
    """The refusal of a commit that changes the base of a task which was in the plan before."""
    return Finding(
        "lock-tampered",
        f"plan.lock has another base of task {printable(base.task_id)} than before",
        locations=(Location(LOCK_PATH, 0, f"under {printable(base.pattern)}"),),
        help="git rebase -i to this commit, then: git checkout HEAD^ -- plan.lock, git commit --amend",
    )


def gates_of(plan: Plan, phase_ids: Iterable[str]) -> list[tuple[Phase, Gate]]:
    """The gates of these phases, in plan order."""
    wanted = set(phase_ids)
    return [(phase, gate) for phase in plan.phases if phase.id in wanted for gate in phase.gates]
