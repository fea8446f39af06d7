"""The whole judgement on one commit of a history."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from orchestrator.app.verify.snapshots import NO_FILES, refuse_odd
from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.formats import NO_EVIDENCE, parse_lock
from orchestrator.core.history import Base, added_passes, base_finding, changed_bases, is_yielded
from orchestrator.core.judge import Intent
from orchestrator.core.message import fixup_target, parse_header, revert_target, subject_line
from orchestrator.core.plan import LOCK_PATH, PLAN_PATH, TODO_PATH, path_text
from orchestrator.core.settle import Before, Side, joined, settle_recorded
from orchestrator.core.state import DONE, plan_state
from orchestrator.core.todo import Reading, carry
from orchestrator.core.value import Value
from orchestrator.core.weakening import weakenings
from orchestrator.core.whole import judge_whole
from orchestrator.history.commits import is_link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.app.verify.snapshots import Own, Snapshots
    from orchestrator.core.evidence import Content
    from orchestrator.core.formats import Lock
    from orchestrator.core.history import AddedPass
    from orchestrator.core.plan import Gate, Phase, Plan, Settings, Task
    from orchestrator.core.settle import Settled
    from orchestrator.core.state import PhaseState
    from orchestrator.history.commits import Commit


_KEPT_STATES = 64


class Step(Value):
    """One commit with what is read of it: its three files and those of its parents, and what it changes itself.

    ``parents`` are ids, that by whose plan it is judged first; ``before`` are the files of that one, ``others`` those
    of the further ones, as far as they have been judged. ``by_result``: it stands for a whole branch and is judged by
    the state that it leaves.
    """

    commit: Commit
    parents: tuple[str, ...]
    before: Own
    own: Own
    changed: tuple[str, ...] = ()
    others: tuple[Own, ...] = ()
    by_result: bool = False
    is_title: bool = False  # no commit yet, so nothing that it is can free its message

    @property
    def tree_before(self) -> str:
        """The name of the tree that it is compared with; "" where there is none."""
        return f"{self.parents[0]}^{{tree}}" if self.parents else ""


class Claim(Value):
    """What a message says of another commit, and what has to be so for it to be free from the form."""

    kind: str  # "fixup" | "revert"
    target: str
    changed: tuple[str, ...] = ()


class Outcome(Value):
    """What one commit comes to: errors, what is to be listed as (kind, text), and what cannot be said here yet.

    ``claim`` and ``unproven`` passes have to be looked at with all of history in view. ``distrusted`` are bases that
    are not those of the content, each with the right one; where it ``has_ticks`` these stand on bases. ``added`` are
    the passes that it brings, ``completed`` the ids of the phases that it completes. ``limits`` are settings that limit
    its lines, if they do.
    """

    findings: tuple[Finding, ...] = ()
    listed: tuple[tuple[str, str], ...] = ()
    claim: Claim | None = None
    unproven: tuple[AddedPass, ...] = ()
    distrusted: tuple[tuple[Base, str], ...] = ()
    added: tuple[AddedPass, ...] = ()
    completed: tuple[str, ...] = ()
    has_ticks: bool = False
    limits: Settings | None = None


class Judging:
    """Judges single commits by what their own trees say, under each first parent's plan or under one that binds."""

    def __init__(self, snapshots: Snapshots, binding: Plan | None, right: Mapping[Base, str] | None = None) -> None:
        """Read through ``snapshots``; ``right`` has what to take in the place of bases that are not to be trusted."""
        self.snapshots = snapshots
        self.binding = binding
        self._right = right or {}
        self._states: dict[tuple[Own, tuple[bool, ...], tuple[str, ...]], Mapping[str, PhaseState]] = {}

    def plan(self, own: Own) -> Plan | None:
        """The plan that counts where these three files are, with the checks of all its controls, waived or not.

        Raises:
            CannotJudgeError: it is invalid.
        """
        return self.binding or self.snapshots.plan(own)

    def plan_at(self, own: Own, day: str) -> Plan | None:
        """The plan that counts where these three files are, as it binds on that day.

        Raises:
            CannotJudgeError: it is invalid.
        """
        plan = self.plan(own)
        return None if plan is None else plan.at(day)

    def outcome(self, step: Step, text: str) -> Outcome:
        """The outcome of the commit whose message is ``text``.

        Raises:
            CannotJudgeError: its plan is invalid, or one of its files is no file.
        """
        after = self.plan_at(step.own, step.commit.day)
        first = self._before(step, after)
        if first is None:
            return self._adoption(step) if after is not None else Outcome()
        before = joined(first, self._sides(step)) if step.others else first
        freed, claim = self._freed(step, text, before.plan)
        listed = []
        if self.binding is None and after is None:
            whole = judge_whole(None, before, step.changed, text, self._intent(step), freed=freed)
            listed.append(("weakened", "the plan is taken away"))
            listed += [("exception", whole.exception)] if whole.exception else []
            return Outcome(whole.findings, tuple(listed), claim)
        assert after is not None  # noqa: S101 - a binding plan, or the commit's own
        findings: list[Finding] = []
        if self.binding is not None and step.before[0] and not step.own[0]:
            findings.append(_removed())
        reading = self._reading(step, findings)
        recorded = self._recorded(step, findings)
        content = self.content(step.own, after, step.commit.tree)
        is_simple = not step.others and step.own[0] == step.before[0] and step.own[2] == step.before[2]
        states = self.states(step.own, step.commit.tree, step.commit.day) if is_simple else None
        settled = settle_recorded(after, content, before, reading, recorded, states)
        whole = judge_whole(settled, before, step.changed, text, self._intent(step), freed=freed)
        listed += [("exception", whole.exception)] if whole.exception else []
        listed += self._changes_of_plan(step, settled)
        added, unproven = self._passes(step, recorded)
        wrong, distrusted = self._bases(step, recorded)
        return Outcome(
            findings=(*findings, *whole.findings, *wrong),
            listed=tuple(listed),
            claim=claim,
            unproven=unproven,
            distrusted=distrusted,
            added=added,
            completed=self.completed(step),
            has_ticks=any([task.files for task in settled.ticked + settled.by_itself]),
            limits=before.plan.settings if self._limits_lines(step, before) else None,
        )

    def only_ticks(self, step: Step, phase_id: str) -> list[Task] | None:
        """The tasks that a commit ticks which does no more, and otherwise may land under the name of that open phase.

        The short way for a commit that changes PLAN.md alone of the three files. None where ``outcome`` could find or
        list something, but for what ``has_evidence`` says: each box that differs is of the phase, and the phase is not
        done by it.
        """
        if self.binding is not None or step.own[0] != step.before[0] or step.own[2] != step.before[2]:
            return None
        if not step.own[1] or not step.before[1] or any([":" in name for name in (*step.own, *step.before)]):
            return None
        plan = self.snapshots.plan(step.own)
        if plan is None or self.snapshots.lock(step.own) is None:
            return None
        before = self.snapshots.todo(step.before, step.own, plan)
        after = self.snapshots.todo(step.own, step.own, plan)
        tasks = {task.id: task for task in plan.phase(phase_id).tasks}
        if before.problems or after.problems or all([after.marks.get(name) == DONE for name in tasks]):
            return None
        ticked = []
        mark_before = before.marks.get
        for task_id, mark in [item for item in after.marks.items() if mark_before(item[0]) != item[1]]:
            task = tasks.get(task_id)
            if task is None or (mark == DONE and not all([after.marks.get(name) == DONE for name in task.depends_on])):
                return None
            if mark == DONE:
                ticked.append(task)
        return ticked

    def has_evidence(self, step: Step, phase_id: str, tasks: Sequence[Task]) -> bool:
        """Whether the commit's content has the evidence for these tasks of the phase, by the bases of its own lock."""
        plan = self.snapshots.plan(step.own)
        assert plan is not None  # noqa: S101 - it has tasks
        bases = (self.snapshots.lock(step.own) or {}).get(phase_id, NO_EVIDENCE).bases
        content = self.content(step.own, plan, step.commit.tree)
        return not any([task.files and content.without_evidence(task, bases.get(task.id, {})) for task in tasks])

    def _limits_lines(self, step: Step, before: Before) -> bool:
        is_ordinary = len(step.commit.parents) < 2 and not step.by_result
        return is_ordinary and bool(before.plan.settings.max_commit_lines)

    # -- what there was before ------------------------------------------------------------------------------------

    def _before(self, step: Step, after: Plan | None) -> Before | None:
        """What the first parent says; None where it has no plan and none binds."""
        if not step.before[0] and self.binding is None:
            return None
        try:
            plan = self.plan_at(step.before, step.commit.day)
        except CannotJudgeError:
            if after is None:
                raise
            plan = after  # a broken plan got into history; the commit that mends it is judged by what it mends it to
        assert plan is not None  # noqa: S101 - there is a plan.toml, or one that binds
        content = self.content(step.before, plan, step.tree_before)
        return Before(plan, self.marks(step.before, plan), self._lock(step.before), content)

    def _lock(self, own: Own) -> Lock | None:
        """The evidence of a parent, with bases that can be trusted."""
        lock = self.snapshots.lock(own)
        if lock is None or not self._right:
            return lock
        return {
            phase_id: evidence.replace(bases=self._trusted(phase_id, evidence.bases))
            for phase_id, evidence in lock.items()
        }

    def _trusted(self, phase_id: str, bases: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
        trusted = {task_id: dict(base) for task_id, base in bases.items()}
        for wrong, right in self._right.items():
            if wrong.phase_id != phase_id or trusted.get(wrong.task_id, {}).get(wrong.pattern, "") != wrong.digest:
                continue
            base = trusted.setdefault(wrong.task_id, {})
            base[wrong.pattern] = right
            if not right:
                del base[wrong.pattern]
        return trusted

    def marks(self, own: Own, plan: Plan) -> dict[str, str]:
        """The marks of a parent, in ids of the plan that counts there."""
        try:
            real = self.snapshots.plan(own)
        except CannotJudgeError:
            real = plan
        if real is None:
            real = plan  # what binds has to be read from a PLAN.md that stands alone, too
        marks = self.snapshots.marks(own, real)
        if real is plan:
            return dict(marks)
        ids = carry(marks, real, plan)
        return {ids[task_id]: mark for task_id, mark in marks.items() if task_id in ids}

    def _sides(self, step: Step) -> list[Side]:
        sides = []
        for own in step.others:
            plan = self.plan_at(own, step.commit.day)
            if plan is not None:
                sides.append(Side(plan, self.marks(own, plan), self._lock(own)))
        return sides

    def content(self, own: Own, plan: Plan, tree: str) -> Content:
        """The tree of that name under the plan that counts where these three files are."""
        return self.snapshots.content(own if self.binding is None else NO_FILES, plan, tree)

    # -- what the commit says -------------------------------------------------------------------------------------

    def _intent(self, step: Step) -> Intent:
        links = frozenset([path_text(path) for meta, path in step.commit.raw if is_link(meta)])
        known = None if len(step.commit.parents) > 1 or step.by_result else links
        return Intent(in_history=True, by_result=step.by_result, may_run=False, links=known)

    def _reading(self, step: Step, findings: list[Finding]) -> Reading:
        """The marks that the commit's PLAN.md says; only ticks are read, so lines that nobody wrote are no finding.

        They are read with that of the commit's and its parents' plans which has rendered most of its task lines.
        """
        refuse_odd(step.own)
        plans = self._real_plans(step)
        readings = [(plan, self.snapshots.todo(step.own, at, plan)) for at, plan in plans]
        plan, says = min(readings, key=lambda reading: reading[1].strange)
        if not step.own[1] and step.before[1]:
            findings.append(_gone(TODO_PATH, "plan-md-edited"))
        elif step.own[1] != step.before[1]:
            findings += says.problems
        return Reading(plan, says.marks, {})

    def _real_plans(self, step: Step) -> list[tuple[Own, Plan]]:
        """The plans that may have rendered the commit's PLAN.md, its own first, each with where it stands."""
        found: dict[str, tuple[Own, Plan]] = {}
        for own in (step.own, step.before, *step.others):
            try:
                plan = self.snapshots.plan(own)
            except CannotJudgeError:
                continue  # told where that commit is judged
            if plan is not None:
                found.setdefault(own[0], (own, plan.at(step.commit.day)))
        if not found and self.binding is not None:
            found[""] = (NO_FILES, self.binding)
        return list(found.values())

    def _recorded(self, step: Step, findings: list[Finding]) -> Lock | None:
        """The evidence that the commit's plan.lock says."""
        if not step.own[2]:
            if step.before[2]:
                findings.append(_gone(LOCK_PATH, "lock-tampered"))
            return None
        lock = self.snapshots.lock(step.own)
        if lock is None and step.own[2] not in (step.before[2], *[own[2] for own in step.others]):
            try:
                parse_lock(self.snapshots.blob(step.own[2]))
            except CannotJudgeError as error:
                findings += error.findings
        return lock

    def _adoption(self, step: Step) -> Outcome:
        """What the first commit with a plan brings with it: nothing is refused, and all of it is told."""
        plan = self.snapshots.plan(step.own)
        assert plan is not None  # noqa: S101 - else there is no plan before it nor in it
        findings: list[Finding] = []
        marks = self._reading(step, []).marks
        recorded = self._recorded(step, findings)
        done = sum([mark == DONE for mark in marks.values()])
        passes = sum([len(phase.passes) for phase in (recorded or {}).values()])
        text = f"the plan is adopted, with {done} ticks and {passes} passes taken over"
        return Outcome(tuple(findings), (("adopted", text),), distrusted=self._bases(step, recorded)[1])

    def _changes_of_plan(self, step: Step, settled: Settled) -> list[tuple[str, str]]:
        # Several branches may agree on an old plan that none of a merge's differences shows.
        is_changed = PLAN_PATH in step.changed or (len(step.parents) > 2 and step.own[0] != step.before[0])
        if not is_changed or not step.before[0] or not step.own[0]:
            return [("weakened", "the plan is taken away")] if step.before[0] and not step.own[0] else []
        try:
            old = self.snapshots.plan(step.before)
        except CannotJudgeError:
            return [("weakened", "the plan before could not be read, so nobody can say what has changed")]
        new = self.snapshots.plan(step.own)
        assert old is not None and new is not None  # noqa: S101, PT018 - both have a plan.toml
        found = [("weakened", line) for line in weakenings(old, new)]
        return found + [
            ("weakened", f"task {task.id} enters the plan with a tick: {task.title}")
            for task in settled.ticked
            if task.id in settled.entered
        ]

    def _freed(self, step: Step, text: str, plan: Plan) -> tuple[bool, Claim | None]:
        """Whether what the commit is frees its message from the form, and on what condition."""
        if step.is_title:
            return False, None
        if len(step.commit.parents) > 1:
            return True, None
        email = step.commit.email.decode("utf-8", "replace").casefold()
        if any([fnmatchcase(email, pattern.casefold()) for pattern in plan.settings.exempt_authors]):
            return True, None
        subject = subject_line(text)
        if target := fixup_target(subject):
            return True, Claim("fixup", target)
        if (reverted := revert_target(text)) and parse_header(subject) is None:
            return True, Claim("revert", reverted, step.changed)
        return False, None

    # -- evidence -------------------------------------------------------------------------------------------------

    def _passes(self, step: Step, recorded: Lock | None) -> tuple[tuple[AddedPass, ...], tuple[AddedPass, ...]]:
        """The passes that the commit adds, and those of them that neither its content nor its parents' bear out."""
        owns = (step.before, *step.others)
        if not recorded or step.own[2] in [own[2] for own in owns]:
            return (), ()
        added = added_passes(recorded, [self.snapshots.lock(own) for own in owns])
        contents = []
        trees = [step.commit.tree, *[f"{parent}^{{tree}}" for parent in step.parents]]
        for own, tree in zip((step.own, *owns), trees, strict=False):
            try:
                plan = self.plan(own)
            except CannotJudgeError:
                continue
            if plan is not None:
                contents.append(self.content(own, plan, tree))
        return tuple(added), tuple([item for item in added if not is_yielded(item, contents)])

    def _bases(self, step: Step, recorded: Lock | None) -> tuple[tuple[Finding, ...], tuple[tuple[Base, str], ...]]:
        """What is wrong with the bases in plan.lock, and those that are of other content than the commit's.

        Bases are judged under the plans that wrote them. What has entered the plan here may have an older base, as a
        rebase leaves it; what was there before must have the one that it had.
        """
        if recorded is None or (step.own[0] == step.before[0] and step.own[2] == step.before[2]):
            return (), ()
        try:
            plan, old, *_ = [self.snapshots.plan(own) for own in (step.own, step.before, *step.others)]
        except CannotJudgeError:
            return (), ()  # the plan is refused for itself
        if plan is None:
            return (), ()
        content = self.snapshots.content(step.own, plan, step.commit.tree)
        plans = [(self.snapshots.plan(own), self.snapshots.lock(own)) for own in step.others]
        others = [Side(other, {}, lock) for other, lock in plans if other is not None]
        before = None
        if old is not None:
            listing = self.snapshots.content(step.before, old, step.tree_before)
            before = joined(Before(old, {}, self.snapshots.lock(step.before), listing), others)
        wrong, distrusted = [], []
        for base, right, was_kept in changed_bases(plan, content, before, recorded, others):
            if was_kept:
                wrong.append(base_finding(base))
            elif not step.by_result:  # a squash brings what entered the plan on the way, with the base of back then
                distrusted.append((base, right))
        return tuple(wrong), tuple(distrusted)

    def completed(self, step: Step) -> tuple[str, ...]:
        """The phases with gates that are complete here and were not before."""
        after = self.states(step.own, step.commit.tree, step.commit.day)
        before = self.states(step.before, step.tree_before, step.commit.day)
        return tuple(
            [
                name
                for name, state in after.items()
                if state.gates and state.complete and not (name in before and before[name].complete)
            ]
        )

    def states(self, own: Own, tree: str, day: str) -> Mapping[str, PhaseState]:
        """Where the phases stand by these three files and that tree on that day; none without plan.

        A pass under any key counts. Worked out once for the same files, artifacts and waivers.
        """
        try:
            plan = self.plan_at(own, day)
        except CannotJudgeError:
            plan = None
        if plan is None:
            return {}
        content = self.content(own, plan, tree)
        here = tuple([content.has_artifact(path) for phase in plan.phases for path in phase.artifacts])
        key = (own, here, plan.ended)
        if key not in self._states:
            if len(self._states) >= _KEPT_STATES:
                self._states.clear()
            lock = self.snapshots.lock(own)
            self._states[key] = plan_state(
                plan, self.marks(own, plan), content, lambda phase, gate: _has_pass(lock, phase, gate)
            )
        return self._states[key]


def _has_pass(lock: Lock | None, phase: Phase, gate: Gate) -> bool:
    """Whether the lock has a pass of the phase's gate, under whatever key."""
    return gate.name in (lock or {}).get(phase.id, NO_EVIDENCE).passes


def _gone(path: str, finding_id: str) -> Finding:
    # During a rebase a lock that HEAD does not have would be worked out anew, with bases of now.
    then = "orchestrator sync, git commit --amend" if path == TODO_PATH else "git commit --amend"
    return Finding(
        finding_id,
        f"{path} is gone, and with it what it says",
        locations=(Location(path),),
        help=f"git rebase -i to this commit, then: git checkout HEAD^ -- {path}, {then}",
    )


def _removed() -> Finding:
    return Finding(
        "plan-mixed",
        "plan.toml is taken away, but a plan binds here (--plan, or on a server orchestrator.planRef)",
        locations=(Location(PLAN_PATH),),
        help="keep plan.toml; who looks after the server can end it: git config --unset orchestrator.planRef",
    )
