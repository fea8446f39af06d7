"""May this commit land? The one set of rules that hooks, commands and the reading of history share.

``settle`` has worked out what the commit's own tree says; ``judge`` applies the rules. Both are pure; what they need
of Git, of the cache and of finished gates is handed to them.
"""

from __future__ import annotations

from orchestrator.core.finding import Finding, Location, printable
from orchestrator.core.formats import NO_EVIDENCE
from orchestrator.core.gate import DueGate
from orchestrator.core.plan import LOCK_PATH, OWN_PATHS, PLAN_PATH, TODO_PATH, is_outside_phases
from orchestrator.core.refusals import (
    MAX_SHOWN,
    commit_of,
    gate_finding,
    hold_findings,
    locked_finding,
    pathspec,
    plan_mixed_finding,
    quoted,
    size_findings,
    titles,
)
from orchestrator.core.state import AWAITING, DONE, current_phase, open_control, plan_state
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orchestrator.core.gate import GateResult
    from orchestrator.core.plan import Gate, Phase
    from orchestrator.core.settle import Before, Settled
    from orchestrator.core.state import LastRunText, PhaseState


class Intent(Value):
    """What is known of the commit beside its tree.

    ``named`` is the phase that the message names, PLAN_NAME
    for ``[plan]``, or "". ``exception`` is the reason of a declared exception. ``in_history``: the commit is judged
    as part of a history (a rebase under way, a finished commit): no gate is due, and a pass under any key counts.
    ``may_run`` says whether due gates can be run at all at this stage, ``why_not_run`` why not.
    ``by_result``: the commit stands for a whole branch (a squash, a branch without a plan), so that it may mix phases
    and carry a plan change; what counts is the state that it leaves. ``links`` are those of the changed paths that are
    or were symbolic links or submodules; None where the trees have to be asked.
    ``last_run`` tells of a gate how it ended when it last ran here, ``edited`` of paths whether one of them may have
    edits that are not staged, both for the text of refusals.
    """

    named: str = ""
    exception: str = ""
    in_history: bool = False
    by_result: bool = False
    may_run: bool = True
    why_not_run: str = ""
    changed_lines: int = 0
    links: frozenset[str] | None = None
    last_run: LastRunText | None = None
    edited: Callable[[Sequence[str]], bool] | None = None


def proposed_phase(settled: Settled, changed: Sequence[str], advanced: Sequence[str]) -> Phase | None:
    """The phase to name in the message: an open one that the work belongs to, else the current one.

    None stands for ``[plan]``.
    """
    if PLAN_PATH in changed:
        return None
    owners = settled.content.owners
    candidates = [*advanced, *[name for path in changed for name in owners.phases(path)]]
    for name in candidates:
        if settled.states[name].open:
            return settled.plan.phase(name)
    current = current_phase(settled.states)
    if candidates or current is None:
        return settled.plan.phase(candidates[0]) if candidates else settled.plan.phases[-1]
    return current.phase


def advanced_phases(settled: Settled, before: Before, changed: Sequence[str], intent: Intent) -> list[str]:
    """The ids of the phases that a commit advances whatever its message names, in plan order."""
    return _Judge(settled, before, changed, intent.replace(named=""), {}).advanced


class Judgement(Value):
    """Everything wrong and worth a warning, and the gates to run before it is the last word."""

    findings: tuple[Finding, ...] = ()
    due: tuple[DueGate, ...] = ()
    advanced: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the commit must not land."""
        return any([finding.severity == "error" for finding in self.findings])


def judge(
    settled: Settled,
    before: Before,
    changed: Sequence[str],
    intent: Intent,
    results: Mapping[str, GateResult],
) -> Judgement:
    """The judgement on a commit that has a plan before and after it.

    ``changed`` are the paths that the commit itself changes, sorted; ``results`` the finished runs by key. With
    gates still due and no error, run them and judge again with their results.
    """
    return _Judge(settled, before, changed, intent, results).judgement()


class _Judge:
    def __init__(
        self,
        settled: Settled,
        before: Before,
        changed: Sequence[str],
        intent: Intent,
        results: Mapping[str, GateResult],
    ) -> None:
        self.settled = settled
        self.before = before
        self.intent = intent
        self.results = results
        self.plan = settled.plan
        self.settings = before.plan.settings
        self.owners = settled.content.owners
        self.changed = changed
        self.files = [path for path in changed if path not in OWN_PATHS]
        self.plan_changes = PLAN_PATH in changed
        self.findings: list[Finding] = []
        self.links = self.find_links() if intent.links is None else intent.links
        self.claimants = {path: found for path in self.files if (found := self.claiming(path))}
        in_phase = {task.id: phase.id for phase in self.plan.phases for task in phase.tasks}
        self.ticks = [(in_phase[task.id], task) for task in settled.ticked]
        self.order = {phase.id: phase.number for phase in self.plan.phases}
        self.sole_files: dict[str, list[str]] = {}  # by phase, the changed files that no other one claims
        for path, found in self.claimants.items():
            if len(found) == 1:
                self.sole_files.setdefault(found[0], []).append(path)
        named = {intent.named} if intent.named in self.order else set()
        own = {phase_id for phase_id, task in self.ticks if task.id not in settled.entered}
        self.advanced = sorted(self.sole_files.keys() | named | own, key=self.order.__getitem__)
        self.dependencies = {name for phase_id in self.advanced for name in self.plan.dependencies(phase_id)}

    def claiming(self, path: str) -> list[str]:
        """The phases that claim a changed path; where it is or was a link or submodule, all that is below it, too."""
        if path in self.links:
            return self.owners.around(path)
        return self.owners.phases(path)

    def find_links(self) -> frozenset[str]:
        listings = (self.settled.content.listing, self.before.content.listing)
        return frozenset(
            [path for path in self.files for tree in listings if tree.get(path, ("", ""))[0] in ("120000", "160000")]
        )

    def judgement(self) -> Judgement:
        self.check_lock()
        self.check_plan_change()
        self.check_ticks()
        if not self.intent.by_result:
            self.check_size()
        self.check_unplanned()
        free = bool(self.intent.exception)
        due: list[DueGate] = []
        order = self.order_states(set())
        if not self.intent.in_history:
            due = self.due_gates(order)
        pending = {
            (d.phase.id, d.gate.name) for d in due if d.key and d.key not in self.results and self.intent.may_run
        }
        if pending:
            order = self.order_states(pending)
        if not free:
            if not self.intent.by_result:
                self.check_mixed()
            blamed = self.check_gates(due, order)
            self.check_order(order, blamed)
        self.check_own_gates(due)
        self.warn_of_locked(order)
        still = tuple([d for d in due if (d.phase.id, d.gate.name) in pending])
        return Judgement(tuple(self.findings), still, tuple(self.advanced))

    # -- order ---------------------------------------------------------------------------------------------------

    def order_states(self, pending: set[tuple[str, str]]) -> dict[str, PhaseState]:
        """The states that order is judged by: a gate counts if HEAD's tree or the staged one has its pass."""
        if self.settled.is_finished and not pending:
            return dict(self.settled.states)

        counted = {
            (phase.id, gate.name)
            for phase in self.plan.phases
            for gate in phase.gates
            if gate.name not in self.settled.lock[phase.id].passes
            and ((phase.id, gate.name) in pending or self.passed_before(phase, gate))
        }
        if not counted:
            return dict(self.settled.states)

        def has_passed(phase: Phase, gate: Gate) -> bool:
            return gate.name in self.settled.lock[phase.id].passes or (phase.id, gate.name) in counted

        return plan_state(self.plan, self.settled.marks, self.settled.content, has_passed)

    def passed_before(self, phase: Phase, gate: Gate) -> bool:
        recorded = (self.before.lock or {}).get(phase.id, NO_EVIDENCE).passes.get(gate.name)
        if self.intent.in_history:
            return recorded is not None or (phase.id, gate.name) in self.settled.recorded
        old = self.before.plan.phases_by_id.get(phase.id)
        if recorded is None or old is None:
            return False
        return any(
            recorded.key == self.before.content.key(old, old_gate)
            for old_gate in old.gates
            if old_gate.name == gate.name and old_gate.definition() == gate.definition()
        )

    def check_order(self, order: Mapping[str, PhaseState], blamed: set[str]) -> None:
        """Refuse to advance what is locked; ``blamed`` phases have been refused for a gate already."""
        for phase_id in self.advanced:
            state = order[phase_id]
            self.findings += hold_findings(state, self.claimed_by(phase_id))
            waits_for = [name for name in state.waits_for if name not in blamed]
            if waits_for:
                self.findings.append(
                    locked_finding(
                        state,
                        [order[name] for name in waits_for],
                        self.claimed_by(phase_id),
                        self.intent.last_run,
                    )
                )
        for path, found in self.claimants.items():
            if len(found) > 1 and not any([order[name].open for name in found]):
                states = [order[name] for name in found]
                waiting = sorted({name for state in states for name in state.waits_for}, key=self.order.__getitem__)
                place = (Location(path, 0, f"claimed by {', '.join(found)}"),)
                if waiting:
                    self.findings.append(
                        locked_finding(states[0], [order[n] for n in waiting], place, self.intent.last_run)
                    )
                else:
                    self.findings += hold_findings(states[0], place)

    def claimed_by(self, phase_id: str) -> tuple[Location, ...]:
        line = self.plan.phase(phase_id).line
        sole = self.sole_files.get(phase_id, [])
        places = [Location(path, 0, f"claimed by {phase_id} ({PLAN_PATH}:{line})") for path in sole[:MAX_SHOWN]]
        if len(sole) > MAX_SHOWN:
            places.append(Location(sole[MAX_SHOWN], 0, f"and {len(sole) - MAX_SHOWN} in all not shown"))
        for tick_phase, task in self.ticks:
            if tick_phase == phase_id:
                places.append(Location(TODO_PATH, 0, f"ticks task {task.id}: {task.title}"))
        return tuple(places)

    def check_mixed(self) -> None:
        """Refuse files (and ticks) that no single phase accounts for, and a named phase that accounts for none."""
        groups = [(path, found) for path, found in self.claimants.items()]
        groups += [
            (f"{TODO_PATH}: task {t.id}", [phase_id]) for phase_id, t in self.ticks if t.id not in self.settled.entered
        ]
        common = set(self.order).intersection(*[found for _, found in groups]) if groups else set(self.order)
        name = self.intent.named
        if self.settings.one_phase_per_commit and not common and not self.plan_changes:
            places = tuple(
                Location(place, 0, f"belongs to {' and '.join(found)}") for place, found in groups[:MAX_SHOWN]
            )
            self.findings.append(
                Finding(
                    "phases-mixed",
                    "one commit, one phase: no single phase claims all that it changes",
                    locations=places,
                    notes=("settings.one_phase_per_commit is true",),
                    help=self.unmixing(groups),
                )
            )
        elif name in self.order and groups and not self.plan_changes:
            sole = {found[0] for _, found in groups if len(found) == 1}
            # A file with several claimants is in its place if the named phase or another one at work here claims it.
            strangers = [
                (place, found)
                for place, found in groups
                if name not in found
                and (self.settings.one_phase_per_commit or (len(found) > 1 and sole.isdisjoint(found)))
            ]
            if strangers or not any(name in found for _, found in groups):
                shown = strangers or groups
                kind = self.settings.usual_type
                candidates = sorted(common, key=self.order.__getitem__) or [shown[0][1][0]]
                self.findings.append(
                    Finding(
                        "phase-mismatch",
                        f'the message names "{self.plan.phase(name).title}", '
                        f"but the work belongs to {titles(self.plan, candidates)}",
                        locations=tuple(
                            Location(place, 0, f"belongs to {' and '.join(found)}")
                            for place, found in shown[:MAX_SHOWN]
                        ),
                        help=f'git commit -m "{kind}: [{self.plan.phase(candidates[0]).quotable()}] ..."',
                    )
                )

    def unmixing(self, groups: Sequence[tuple[str, Sequence[str]]]) -> str:
        """The commands that commit the part of one phase, an open one if there is any."""
        order = self.order_states(set())
        phase_ids = sorted({name for _, found in groups for name in found}, key=self.order.__getitem__)
        keep = next((name for name in phase_ids if order[name].open), phase_ids[0])
        strange = [task.id for phase_id, task in self.ticks if phase_id != keep and task.id not in self.settled.entered]
        files = [path for path, found in self.claimants.items() if keep in found]
        if strange and not files:
            return f"orchestrator reopen {' '.join(strange)}, and commit again"
        # What is staged of the tool's own files goes along; a hook runner would put it away, and refuse to go on.
        own = [path for path in (TODO_PATH, LOCK_PATH) if path in self.changed]
        paths = " ".join([pathspec(path) for path in [*files, *own]])
        others = " ".join([pathspec(path) for path, found in self.claimants.items() if keep not in found])
        message = f"{self.settings.usual_type}: [{self.plan.phase(keep).quotable()}] ..."
        commit = commit_of(message, paths, others, edited=bool(others) and self.is_edited([*files, *own]))
        return f"orchestrator reopen {' '.join(strange)}, then: {commit}" if strange else commit

    def is_edited(self, paths: Sequence[str]) -> bool:
        """Whether one of the paths may have edits that are not staged, as far as anybody can tell."""
        return self.intent.edited is not None and self.intent.edited(paths)

    # -- gates ---------------------------------------------------------------------------------------------------

    def due_gates(self, order: Mapping[str, PhaseState]) -> list[DueGate]:
        """The gates that this commit makes due, in plan order."""
        due = []
        # A phase that waits only for gates which are due themselves is open as far as it can be known before they ran.
        hopeful = self.order_states(
            {(p.id, g.name) for p in self.plan.phases if not order[p.id].open_tasks for g in p.gates}
        )
        for phase in self.plan.phases:
            state = self.settled.states[phase.id]
            if state.open_tasks or not hopeful[phase.id].open:
                continue
            role = "dependency" if phase.id in self.dependencies else "own" if phase.id in self.advanced else "other"
            if role == "dependency" and self.intent.exception:
                role = "other"
            for gate in state.open_gates:
                touched = self.touched_input(phase, gate)
                if role == "dependency":
                    dependents = [name for name in self.advanced if phase.id in self.plan.dependencies(name)]
                    why = f"{titles(self.plan, dependents)} depends on it"
                elif role == "own":
                    why = "all tasks of its phase are done"
                elif touched:
                    why = f"its input {touched} changes"
                else:
                    continue
                due.append(DueGate(phase, gate, self.settled.content.key(phase, gate), role, why))
        return due

    def touched_input(self, phase: Phase, gate: Gate) -> str:
        claims = self.settled.content.claims(phase, gate)
        return next((path for path in self.changed if claims(path)), "")

    def check_gates(self, due: Iterable[DueGate], order: Mapping[str, PhaseState]) -> set[str]:
        """Refuse what a dependency's gate forbids; returns the ids of the phases refused for it."""
        blamed = set()
        for item in due:
            if item.role != "dependency" or item.gate.name in self.settled.lock[item.phase.id].passes:
                continue
            result = self.results.get(item.key)
            failed = result is not None and result.status == "failed"
            if not failed and self.passed_before(item.phase, item.gate):
                continue
            if result is None and self.intent.may_run and item.key:
                continue  # it will run
            if result is None and order[item.phase.id].missing_artifacts:
                continue  # locked anyway; the order says why
            blamed.add(item.phase.id)
            self.findings.append(gate_finding(item, result, self.intent.why_not_run))
        return blamed

    def check_own_gates(self, due: Iterable[DueGate]) -> None:
        """Tell which phases keep waiting; refuse the completing commit where the plan says so."""
        for item in due:
            if item.role == "dependency" or item.gate.name in self.settled.lock[item.phase.id].passes:
                continue
            result = self.results.get(item.key)
            if result is None and self.intent.may_run and item.key:
                continue
            completes = any(
                [task.id for task in self.settled.ticked + self.settled.by_itself if task in item.phase.tasks]
            )
            block = self.settings.on_gate_failure == "block" and item.role == "own" and completes
            finding = gate_finding(item, result, self.intent.why_not_run)
            if not block:
                finding = finding.replace(
                    severity="warning", message=f'phase "{item.phase.title}" awaits its gates: {finding.message}'
                )
            self.findings.append(finding)

    # -- the rest ------------------------------------------------------------------------------------------------

    def check_lock(self) -> None:
        for phase_id, name in self.settled.dropped:
            self.findings.append(
                Finding(
                    "lock-tampered",
                    f"plan.lock claims a pass of {printable(name)} for {printable(phase_id)} that no parent commit "
                    "and no run here knows; it is dropped, and the gate is due again",
                    "warning",
                    (Location(LOCK_PATH),),
                    help=f"orchestrator validate {phase_id}" if phase_id in self.order else "",
                )
            )
        for task_id in self.settled.lost_ticks:
            self.findings.append(
                Finding(
                    "plan-mixed",
                    f"task {printable(task_id)} was done and is no longer in the plan; its tick goes with it",
                    "warning",
                    (Location(PLAN_PATH),),
                    help="give tasks an id, so that ticks can follow a new title",
                )
            )

    def check_plan_change(self) -> None:
        if not self.plan_changes or self.intent.by_result:
            return
        old_owners = self.before.content.owners
        claimed = [(p, self.owners.phases(p) or old_owners.phases(p)) for p in self.files]
        claimed = [(path, found) for path, found in claimed if found]
        if claimed:
            self.findings.append(plan_mixed_finding(claimed, edited=self.is_edited(OWN_PATHS)))
        for phase_id, task in self.ticks:
            if task.id not in self.settled.entered:
                self.findings.append(
                    Finding(
                        "plan-mixed",
                        f"a change of plan.toml ticks task {task.id} ({task.title}), which was in the plan before",
                        locations=(Location(TODO_PATH, 0, f"phase {phase_id}"),),
                        help=f"orchestrator reopen {task.id}, commit the plan, then: orchestrator done {task.id}",
                    )
                )

    def check_ticks(self) -> None:
        """A tick needs an open phase, its task's dependencies done, and evidence."""
        order = self.order_states(set())
        if not self.intent.exception and not all([order[phase_id].open for phase_id, _ in self.ticks]):
            # An open gate is for the order to tell; an exception, which frees from the order, does not free a tick.
            order = self.order_states({(p.id, g.name) for p in self.plan.phases for g in p.gates})
        for phase_id, task in self.ticks:
            if task.id in self.settled.entered:
                continue
            place = (Location(TODO_PATH, 0, f"task {task.id}: {task.title}"),)
            untick = f"orchestrator reopen {task.id}"
            state = order[phase_id]
            if not state.open:
                waiting = [f"it waits for {titles(self.plan, state.waits_for)}"] if state.waits_for else []
                waiting += [hold.unsettled() for hold in state.holds]
                self.findings.append(
                    Finding(
                        "task-locked",
                        f'task {task.id} cannot be done: phase "{state.phase.title}" is locked',
                        locations=place,
                        notes=tuple(waiting),
                        help=untick,
                    )
                )
            open_tasks = [name for name in task.depends_on if self.settled.marks.get(name) != DONE]
            if open_tasks:
                self.findings.append(
                    Finding(
                        "task-locked",
                        f"task {task.id} cannot be done before task {', '.join(open_tasks)}",
                        locations=place,
                        help=untick,
                    )
                )
            base = self.settled.lock[phase_id].bases.get(task.id, {})
            missing = self.settled.content.without_evidence(task, base)
            if missing:
                self.findings.append(
                    Finding(
                        "task-evidence",
                        f"task {task.id} is ticked, but its work is not there: {task.title}",
                        locations=place,
                        notes=tuple(
                            f"nothing under {printable(text)} differs from when the task entered the plan"
                            for text in missing
                        ),
                        help=f"git add the work, or untick it: {untick}",
                    )
                )

    def check_size(self) -> None:
        self.findings += size_findings(self.settings, len(self.files), self.intent.changed_lines)

    def check_unplanned(self) -> None:
        if self.settings.unplanned_files != "block":
            return
        artifacts = {path for phase in self.plan.phases for path in phase.artifacts}
        known = artifacts.union(self.claimants)
        unplanned = [path for path in self.files if path not in known and not is_outside_phases(path)]
        if unplanned:
            shown = " ".join(quoted(path) for path in unplanned[:MAX_SHOWN])
            self.findings.append(
                Finding(
                    "unplanned-file",
                    f"{len(unplanned)} file{'s' if len(unplanned) > 1 else ''} that no phase claims",
                    locations=tuple(Location(path) for path in unplanned[:MAX_SHOWN]),
                    notes=('settings.unplanned_files is "block"',),
                    help=f"add them to a phase in plan.toml, or: git restore --staged -- {shown}",
                )
            )

    def open_before(self) -> set[str]:
        """The ids of the phases that were open before the commit, a pass under any key counting."""
        lock = self.before.lock or {}
        states = plan_state(
            self.before.plan,
            self.before.marks,
            self.before.content,
            lambda phase, gate: gate.name in lock.get(phase.id, NO_EVIDENCE).passes,
        )
        return {phase_id for phase_id, state in states.items() if state.open}

    def warn_of_locked(self, order: Mapping[str, PhaseState]) -> None:
        """Warn where a change of the plan locks what has been begun, and where a phase waits for more than gates."""
        locked = [
            state
            for state in order.values()
            if self.plan_changes and not (state.open or state.complete) and state.begun
        ]
        was_open = self.open_before() if locked else set()
        for state in locked:
            if state.phase.id in was_open:
                waits = [f"it waits for {titles(self.plan, state.waits_for)}"] if state.waits_for else []
                waits += [hold.unsettled() for hold in state.holds]
                message = f'phase "{state.phase.title}" has been begun and is locked by this plan'
                self.findings.append(Finding("phase-locked", message, "warning", notes=tuple(waits)))
        for phase_id in self.advanced:
            state = self.settled.states[phase_id]
            awaits = f'phase "{state.phase.title}" awaits'
            if state.own_status == AWAITING:
                for path in state.missing_artifacts:
                    message = f"{awaits} {printable(path)}, which is missing or empty"
                    self.findings.append(Finding("artifact-missing", message, "warning"))
                for control in state.open_controls:
                    if not control.checked:
                        how = f"orchestrator controls resolve {control.id} HOW"
                        self.findings.append(
                            Finding("control-open", f"{awaits}: {open_control(control)}", "warning", help=how)
                        )
