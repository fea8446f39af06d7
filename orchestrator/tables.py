"""Tables for people, through rich; nothing of a plan is taken for markup."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.app.doctor.diagnosis import ACCEPTED, CAUGHT, NOT_INSTALLED
from orchestrator.app.standing import progress
from orchestrator.core.finding import printable
from orchestrator.core.state import LOCKED, current_phase

if TYPE_CHECKING:
    from orchestrator.app.doctor.diagnosis import Diagnosis
    from orchestrator.app.standing import Standing
    from orchestrator.core.state import PhaseState

_NO_WIDTH = 10_000
_STYLES = {"complete": "green", "locked": "dim", "awaiting gates": "yellow", "in progress": "cyan", "ready": "bold"}


def show_standing(standing: Standing, console: Console | None = None) -> None:
    """Print the phases with what each still needs."""
    # A pipe or file has no width: what reads it wants a line for each phase.
    out = console or Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else _NO_WIDTH)
    settled = standing.settled
    done, total, percent = progress(settled)
    out.print(Text(f"{printable(settled.plan.title)}: {done}/{total} tasks complete ({percent}%)", style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for state in settled.states.values():
        status = Text(state.status, style=_STYLES[state.status])
        table.add_row(
            str(state.phase.number),
            Text(f"{printable(state.phase.title)} ({state.phase.id})"),
            status,
            Text(f"{state.tasks_done}/{len(state.task_marks)} tasks" + _detail(state, standing)),
        )
    out.print(table)
    for hold in settled.plan.holds:
        if hold.is_open and not hold.blocks:
            out.print(Text(printable(hold.unsettled())))
    current = current_phase(settled.states)
    if current is None:
        out.print("all phases are complete")
        return
    out.print(Text(f"\nCurrent phase: {printable(current.phase.title)}" + ("" if current.open else " - locked")))
    for reason in current.reasons(standing.last_run):
        out.print(Text(f"  {printable(reason)}"))
    for hold in current.holds:
        out.print(Text(f"  {printable(hold.unsettled())}"))


def _detail(state: PhaseState, standing: Standing) -> str:
    parts = []
    for gate, passed in state.gates:
        last = standing.last_runs.get((state.phase.id, gate.name))
        word = "passed" if passed else f"open (last run {last.result.status})" if last else "open"
        parts.append(f"{gate.name} {word}")
    if state.status == LOCKED:
        parts.append("waits for " + ", ".join([*state.waits_for, *(f"{hold.kind} {hold.id}" for hold in state.holds)]))
    return "".join(f"; {part}" for part in parts)


def show_diagnosis(found: Diagnosis, console: Console | None = None) -> None:
    """Print what was planted and what came of it, and how much of it was caught."""
    out = console or Console(highlight=False, soft_wrap=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("planted", no_wrap=True)
    table.add_column("hook", no_wrap=True)
    table.add_column("result", overflow="fold")
    styles = {CAUGHT: "green", ACCEPTED: "green", NOT_INSTALLED: "dim"}
    for row in found.planted:
        result = Text(row.result, style=styles.get(row.result, "red"))
        table.add_row(Text(row.what), row.stage, result.append(f": {printable(row.detail)}" if row.detail else ""))
    out.print(table)
    caught = sum(row.result == CAUGHT for row in found.violations)
    out.print(Text(f"\n{caught} of {len(found.violations)} violations were caught", style="bold"))
    if any(finding.help for finding in found.findings):
        out.print()
