"""The end of a plan: every gate once more, on the final tree and with all its inputs."""

from __future__ import annotations

import re

from orchestrator.core.evidence import Content
from orchestrator.core.gate import DueGate
from orchestrator.core.plan import PLAN_NAME, Phase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orchestrator.core.plan import Plan

_MOST_LETTERS = 60


def final_gates(content: Content) -> tuple[Content, list[DueGate]]:
    """The tree under a plan with one more phase that depends on all others, and the gates of that phase.

    It has each gate and each check of a control once. While phases follow each other, a gate of an early one does not
    see what only later ones claim; here nothing is left out.
    """
    plan = content.plan
    gates = {gate.name: gate for phase in plan.phases for gate in phase.gates}
    ids = tuple([phase.id for phase in plan.phases])
    last = Phase(PLAN_NAME, "all phases", len(ids) + 1, depends_on=ids, gates=tuple(gates.values()))
    whole = Content(plan.replace(phases=(*plan.phases, last)), content.listing)
    why = "each gate must pass on the final tree with all its inputs"
    return whole, [DueGate(last, gate, whole.key(last, gate), "own", why) for gate in last.gates]


def folder_name(plan: Plan) -> str:
    """The name of the folder in which a finished plan is kept: its title in a-z, 0-9 and '-', or "plan"."""
    words = re.findall("[a-z0-9]+", plan.title.casefold())
    return "-".join(words)[:_MOST_LETTERS].strip("-") or PLAN_NAME
