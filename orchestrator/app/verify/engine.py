"""The walk over a history: each commit is judged by what its own tree and those of its parents say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.app.verify.claims import unfounded
from orchestrator.app.verify.ground import Ground
from orchestrator.app.verify.judging import Judging, Step
from orchestrator.app.verify.reach import ancestors, reaching_tips
from orchestrator.app.verify.report import Completed, Listed, Options, Report, Span, Tip, Verdict
from orchestrator.app.verify.sides import with_judged_sides, without_parents
from orchestrator.app.verify.snapshots import NO_FILES, Snapshots, undone
from orchestrator.core.finding import CannotJudgeError
from orchestrator.core.history import stale_finding, stale_passes, unproven_finding
from orchestrator.core.message import EXCEPTION_TRAILER, parse_header, subject_line, trailer
from orchestrator.core.plan import PLAN_PATH, TODO_PATH, is_outside_phases, path_text
from orchestrator.core.refusals import exception_finding, size_findings
from orchestrator.core.value import Value
from orchestrator.git import GitError
from orchestrator.history.changes import read_changes
from orchestrator.history.commits import Commit, in_groups, reading_commits, revision_arguments
from orchestrator.history.merges import AutomaticMerge, automatic_merges
from orchestrator.history.objects import SPARING, Objects, UnreadableError, changed_paths
from orchestrator.history.scratch import scratch_objects, without_work_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.app.repository import Repository
    from orchestrator.app.verify.judging import Claim, Outcome
    from orchestrator.app.verify.snapshots import Own
    from orchestrator.core.finding import Finding
    from orchestrator.core.history import AddedPass, Base
    from orchestrator.core.plan import Gate, Phase, Plan, Settings, Task
    from orchestrator.git import Git

_KEPT_GROUNDS = 64
_OF_MESSAGES = ("message-format", "phase-unknown")
_TITLE = -1  # the place of a pull request's title in the order of commits: after all of them


class Verified(Value):
    """The report, and what ``--rerun`` has to run again."""

    report: Report
    completed: tuple[Completed, ...] = ()


def verify(
    repository: Repository, span: Span, options: Options, *, watch: Callable[[int], None] | None = None
) -> Verified:
    """The judgement on the span; ``watch`` is told the number of each commit that is taken up.

    Everything is read from the repository alone, by a handful of processes however many commits there are; neither
    the local cache nor the work tree has a say. What is wrong with a commit does not keep the next from being judged.

    Not verified: whether a gate whose pass plan.lock has ever ran (``rerun`` does that), who made a commit, and what
    commits without a plan do.

    Whether the history can be judged at all (``refuse_unreadable``) is for the caller to ask.

    Raises:
        CannotJudgeError: an object is missing, or Git failed.
    """
    started = time.monotonic()
    git = without_work_tree(repository.git)
    tips = sorted({tip.oid for tip in span.tips})
    with (
        git.start(*SPARING, "cat-file", "--batch") as process,
        reading_commits(git, tips, span.excluded) as commits,
    ):
        # What reads plans takes long to import, and Git is at work meanwhile.
        from orchestrator.core import plan_file  # noqa: F401, PLC0415

        try:
            walk = _Walk(repository, span, options, git, Objects(process))
            walk.run(commits, watch)
        except UnreadableError as error:
            raise CannotJudgeError(*error.findings) from error
        process.finish()
        return Verified(walk.report(time.monotonic() - started), tuple(walk.completed))


def verify_one(repository: Repository, name: str) -> Report:
    """The report on the one commit of that name; for that it takes no more of history than its parents.

    Raises:
        CannotJudgeError: an object is missing, or Git failed.
    """
    oid, *parents = repository.git.text("rev-list", "--parents", "-n", "1", name, "--").split(" ")
    return verify(repository, Span((Tip(oid, name),), tuple(parents), name), Options()).report


class _Place(Value):
    """A commit's place in the walk (children have lower numbers), its id and its subject."""

    number: int
    oid: str
    subject: str


# A commit's number, the commit, and the three files of its first parent, of itself and of its further parents.
_Read = tuple[int, "Commit", "Own", "Own", tuple["Own", ...]]


class _Walk:
    def __init__(self, repository: Repository, span: Span, options: Options, git: Git, objects: Objects) -> None:
        self._span = span
        self._options = options
        self._git = git
        self._objects = objects
        self._snapshots = Snapshots(repository, objects)
        self._binding: Plan | None = None
        if options.plan_ref:
            self._binding = self._snapshots.plan(self._snapshots.own(f"{options.plan_ref}^{{tree}}"))
        self._judging = Judging(self._snapshots, self._binding)
        self._tips = sorted({tip.oid for tip in span.tips})
        self._mainline: set[str] | None = None
        self._grounds: dict[Own, Ground] = {}
        self._problems: dict[int, tuple[_Place, list[Finding]]] = {}
        self._listed: list[tuple[int, Listed]] = []
        self._merges: list[tuple[_Place, Step]] = []
        self._claims: dict[str, tuple[_Place, Claim]] = {}
        self._long: dict[str, tuple[_Place, Settings]] = {}  # of commits whose lines must be counted
        self._unproven: list[tuple[_Place, AddedPass]] = []
        self._distrusted: dict[Base, str] = {}
        self._ticks: list[tuple[_Place, Step]] = []
        self._added: set[str] = set()
        self._due: dict[str, set[tuple[str, str]]] = {}  # by tip: the gates without a pass of its own content
        self._at_tips: list[tuple[str, Plan, list[tuple[Phase, Gate, str]]]] = []
        self._judged = 0
        self._unplanned = 0
        self.completed: list[Completed] = []

    # -- the walk ------------------------------------------------------------------------------------------------

    def run(self, read: Iterator[Commit], watch: Callable[[int], None] | None) -> None:
        """Judge everything in the span, which is these commits."""
        as_one = self._options.title is not None and self._lands_as_one()
        tips = set(self._tips)
        told: dict[str, Own] = {}  # the files of commits that their children have told
        number = 0
        for commits in in_groups(read):
            group: list[_Read] = []
            self._objects.read_ahead([name for c in commits if len(c.parents) > 1 for name in _trees(c)])
            for commit in commits:
                number += 1
                if watch is not None:
                    watch(number)
                before, own, others = self._files(commit, told)
                if self._binding is None and not (own[0] or before[0] or any([files[0] for files in others])):
                    self._unplanned += 1
                else:
                    group.append((number, commit, before, own, others))
            self._judged += len(group)
            if not as_one:
                self._read_ahead(group)
            for place, commit, own in [(_place(at, c), c, own) for at, c, _, own, _ in group if c.oid in tips]:
                self._judge_tip(place, commit, own)
            if not as_one:
                self._judge_group(group)
        self._judge_merges()
        self._count_lines()
        self._settle_claims()
        self._settle_evidence()
        if self._options.title is not None:
            self._judge_title(self._options.title)
        self.completed.reverse()
        for oid, plan, gates in self._at_tips:
            # A pass that was there before the span has been judged then.
            fresh = [(phase, gate) for phase, gate, key in gates if key in self._added]
            self.completed += [Completed(oid, plan, tuple(fresh))] if fresh else []

    def report(self, seconds: float) -> Report:
        """The report, commits in the order of history."""
        problems = [self._problems[number] for number in sorted(self._problems, reverse=True)]
        reached = reaching_tips(self._git, self._span, {place.oid for place, _ in problems})
        several = len(self._span.tips) > 1
        refused = [
            Verdict(
                place.oid,
                place.subject,
                tuple(found),
                tuple([tip.name for tip in self._span.tips if several and tip.name and tip.oid in reached[place.oid]]),
                place.number != _TITLE,
            )
            for place, found in problems
        ]
        listed = [item for _, item in sorted(self._listed, key=lambda pair: -pair[0])]
        name = self._options.plan_name or self._options.plan_ref
        return Report(self._span, self._judged, self._unplanned, tuple(refused), tuple(listed), (), seconds, name)

    def _refuse(self, place: _Place, findings: Sequence[Finding]) -> None:
        if findings:
            _, known = self._problems.setdefault(place.number, (place, []))
            known += [found for finding in findings if (found := _relocated(finding, place)) not in known]

    def _list(self, place: _Place, kind: str, text: str) -> None:
        self._listed.append((place.number, Listed(place.oid, place.subject, kind, text)))

    # -- commits -------------------------------------------------------------------------------------------------

    def _files(self, commit: Commit, told: dict[str, Own]) -> tuple[Own, Own, tuple[Own, ...]]:
        """The three files of the commit's first parent, its own, and those of its further parents."""
        own = told.pop(commit.oid, None) or self._snapshots.own(commit.tree)
        parents = commit.parents
        before = undone(own, commit.raw) if len(parents) == 1 else None
        if before is None:  # several parents, or none, or lines that a malformed tree could have made
            own = self._snapshots.own(commit.tree)
            before = self._snapshots.own(f"{parents[0]}^{{tree}}") if parents else NO_FILES
        if parents:
            told[parents[0]] = before
        return before, own, tuple([self._snapshots.own(f"{parent}^{{tree}}") for parent in parents[1:]])

    def _read_ahead(self, group: Sequence[_Read]) -> None:
        """Have at hand what it takes to judge these commits."""
        owns: set[Own] = set()
        for _, _, before, own, others in group:
            owns.update((before, own), others)
        self._snapshots.read_ahead(owns, [commit.tree for _, commit, before, own, _ in group if own != before])

    def _judge_group(self, group: Sequence[_Read]) -> None:
        """Judge each by the shortest way that is sure of its answer."""
        left = []
        for number, commit, before, own, others in group:
            if own == before and len(commit.parents) == 1:
                ground = self._ground(own, commit)
                if ground is not None and ground.accepts(commit):
                    continue
            step = Step(commit, tuple(commit.parents), before, own, (), others)
            left.append((_place(number, commit), step, *self._ticked(step)))
        self._objects.read_ahead_to(
            [
                (step.commit.tree, pattern.place)
                for _, step, _, tasks in left
                for task in tasks
                for pattern in task.files
                if pattern.include and pattern.place
            ]
        )
        for place, step, phase_id, tasks in left:
            if phase_id and self._judging.has_evidence(step, phase_id, tasks):
                changed = tuple([path_text(path) for _, path in step.commit.raw])
                self._ticks.append((place, step.replace(changed=changed)))
            else:
                self._take(place, step)

    def _ticked(self, step: Step) -> tuple[str, list[Task]]:
        """The phase on which the commit does no more than work and tick, and what it ticks; "" if it does more."""
        if len(step.parents) != 1 or step.own[0] != step.before[0] or not step.own[0]:
            return "", []
        ground = self._ground(step.before, step.commit)
        if ground is None or ground.has_artifacts:
            return "", []
        phase_id = ground.phase_of(step.commit, TODO_PATH.encode())
        tasks = self._judging.only_ticks(step, phase_id) if phase_id else None
        return ("", []) if tasks is None else (phase_id, tasks)

    def _take(self, place: _Place, step: Step) -> None:
        """Judge an ordinary commit; put a merge aside, until the automatic merges of many are worked out at once."""
        if step.others:
            self._merges.append((place, step))
            return
        changed = tuple(sorted([path_text(path) for _, path in step.commit.raw]))
        self._judge(place, step.replace(changed=changed, by_result=self._is_squash(step.commit, step.before)))

    def _judge(self, place: _Place, step: Step) -> None:
        try:
            self._note(place, step, self._judging.outcome(step, step.commit.text))
        except CannotJudgeError as error:
            self._refuse(place, error.findings)

    def _note(self, place: _Place, step: Step, outcome: Outcome) -> None:
        self._refuse(place, outcome.findings)
        for kind, text in outcome.listed:
            self._list(place, kind, text)
            if kind == "exception" and self._options.refuse_exceptions:
                self._refuse(place, [exception_finding(text)])
        if outcome.claim is not None:
            self._claims[place.oid] = (place, outcome.claim)
        self._unproven += [(place, added) for added in outcome.unproven]
        self._added.update([added.key for added in outcome.added])
        for base, right in outcome.distrusted:
            self._distrusted[base] = right
            said = f"task {base.task_id} has a base under {base.pattern} that is not of this content"
            self._list(place, "unproven", said)
        if outcome.has_ticks:
            self._ticks.append((place, step))
        if outcome.limits is not None:
            self._long[place.oid] = (place, outcome.limits)
        self._note_completed(place, step, outcome.completed)

    def _note_completed(self, place: _Place, step: Step, phase_ids: Sequence[str]) -> None:
        plan = self._judging.plan_at(step.own, step.commit.day) if phase_ids else None
        if plan is not None:
            gates = [(phase, gate) for phase in plan.phases if phase.id in phase_ids for gate in phase.gates]
            self.completed.append(Completed(place.oid, plan, tuple(gates)))

    def _is_squash(self, commit: Commit, before: Own) -> bool:
        """Whether the commit lies on a mainline of which the plan says that its commits are squashed branches."""
        try:
            plan = self._judging.plan(before)
        except CannotJudgeError:
            return False
        if plan is None or plan.settings.mainline != "squash":
            return False
        if self._mainline is None:
            options, revisions = revision_arguments(self._tips, self._span.excluded)
            out = self._git.text("rev-list", "--first-parent", *options, stdin=revisions)
            self._mainline = set(out.split("\n"))
        return commit.oid in self._mainline

    def _ground(self, own: Own, commit: Commit) -> Ground | None:
        """What commits stand on that leave the three files as they are; None without a plan that can be read."""
        known = self._grounds.get(own)
        if known is not None and not known.may_change:
            return known
        try:
            plan = self._judging.plan_at(own, commit.day)
        except CannotJudgeError:
            return None
        if plan is None or any([":" in name for name in own]):
            return None
        states = self._judging.states(own, commit.tree, commit.day)
        if known is None or known.states is not states:
            if len(self._grounds) >= _KEPT_GROUNDS:
                self._grounds.clear()
            known = self._grounds[own] = Ground(plan, self._judging.content(own, plan, commit.tree).owners, states)
        return known

    # -- what takes more than one commit to say ------------------------------------------------------------------

    def _judge_merges(self) -> None:
        """Judge what merges themselves change: against the automatic merge, of more than two against every parent."""
        if self._merges:
            with scratch_objects(self._git) as git, git.start("cat-file", "--batch") as process:
                self._judge_against_automatic(git, Objects(process))

    def _judge_against_automatic(self, git: Git, objects: Objects) -> None:
        """Judge the merges; ``git`` has a place for the trees that it makes of them, ``objects`` reads them there."""
        pairs = [step.parents for _, step in self._merges if len(step.parents) == 2]
        merged = automatic_merges(git, [(parents[0], parents[1]) for parents in pairs])
        automatic: dict[tuple[str, ...], AutomaticMerge] = dict(zip(pairs, merged, strict=True))
        steps = self._independent([step for _, step in self._merges], automatic)
        if self._binding is None:
            steps = with_judged_sides(self._git, self._span, steps)
        for (place, asked), step in zip(self._merges, steps, strict=True):
            merge = automatic.get(asked.parents) if len(step.parents) == 2 else None
            tree = step.commit.tree
            if step.by_result or len(step.parents) == 1:
                changed = changed_paths(self._objects, step.tree_before, tree)
            elif merge is not None:
                changed = changed_paths(objects, merge.tree, tree)
            else:
                differing = [set(changed_paths(self._objects, f"{name}^{{tree}}", tree)) for name in step.parents]
                changed = sorted(set.intersection(*differing))
            # What brings a plan of its own is no branch that merely has none.
            step = step.replace(changed=tuple(changed), by_result=step.by_result and PLAN_PATH not in changed)  # noqa: PLW2901
            # What Git made by itself, under a message that names no phase, leaves nothing to be judged.
            says_nothing = parse_header(place.subject) is None and not trailer(step.commit.text, EXCEPTION_TRAILER)
            is_clean = len(step.parents) == 1 or (merge is not None and merge.clean)
            is_planned = bool(step.before[0]) or self._binding is not None
            if is_planned and says_nothing and is_clean and not (changed or step.by_result):
                self._note_completed(place, step, self._judging.completed(step))
            else:
                self._judge(place, step)

    def _independent(self, steps: Sequence[Step], automatic: Mapping[tuple[str, ...], AutomaticMerge]) -> list[Step]:
        """The merges without the parents that another parent has behind it.

        Where there are two, the automatic merge then is the tree of the other one, so most need not be asked about.
        """
        asked: list[set[tuple[str, str]]] = []
        for step in steps:
            merge = automatic.get(step.parents)
            asked.append(
                {
                    (older, newer)
                    for newer in step.parents
                    if merge is None or self._objects.tree_id(f"{newer}^{{tree}}") == merge.tree
                    for older in step.parents
                    if older != newer
                }
            )
        behind = ancestors(self._git, set().union(*asked))
        return [
            without_parents(step, {older for older, newer in pairs if (older, newer) in behind})
            for step, pairs in zip(steps, asked, strict=True)
        ]

    def _count_lines(self) -> None:
        """Refuse commits of too many lines, where the plan limits them; one process counts them all."""
        for oid, changes in read_changes(self._git, list(self._long)):
            place, settings = self._long[oid]
            counted = [change for change in changes if not is_outside_phases(change.path)]
            lines = sum([(change.added or 0) + (change.removed or 0) for change in counted])
            self._refuse(place, size_findings(settings, 0, lines))

    def _settle_claims(self) -> None:
        """Refuse fixups and reverts of commits that are not there."""
        claims = {oid: claim for oid, (_, claim) in self._claims.items()}
        for oid, finding in unfounded(self._git, self._objects, claims).items():
            self._refuse(self._claims[oid][0], [finding])

    def _settle_evidence(self) -> None:
        """Refuse passes that nothing bears out, and ticks that stand on a base which is not of its content."""
        reached = reaching_tips(self._git, self._span, {place.oid for place, _ in self._unproven})
        for place, added in self._unproven:
            due = [self._due.get(tip, ()) for tip in reached[place.oid]]
            if any([(added.phase_id, added.gate) in gates for gates in due]):
                self._refuse(place, [unproven_finding(added)])
            else:
                said = (
                    f"the pass of {added.gate} for {added.phase_id} is not of this content; the tip has one of its own"
                )
                self._list(place, "unproven", said)
        judging = Judging(self._snapshots, self._binding, self._distrusted)
        for place, step in self._ticks if self._distrusted else ():
            findings = judging.outcome(step, step.commit.text).findings
            self._refuse(place, [found for found in findings if found.id == "task-evidence"])

    def _judge_tip(self, place: _Place, commit: Commit, own: Own) -> None:
        """Refuse passes in plan.lock that the tip's own tree does not yield."""
        try:
            plan = self._judging.plan(own)
        except CannotJudgeError:
            return  # told with the commit
        if plan is None:
            return
        content = self._judging.content(own, plan, commit.tree)
        lock = self._snapshots.lock(own) or {}
        stale = stale_passes(lock, content, unknown=self._binding is None)
        self._refuse(place, [stale_finding(phase_id, name, plan) for phase_id, name in stale])
        held = {(phase_id, name) for phase_id, evidence in lock.items() for name in evidence.passes}
        self._due[commit.oid] = {(p.id, g.name) for p in plan.phases for g in p.gates} - (held - set(stale))
        states = self._judging.states(own, commit.tree, commit.day)
        gates = [
            (phase, gate, lock[phase.id].passes[gate.name].key)
            for phase in plan.at(commit.day).phases
            if states[phase.id].complete
            for gate in phase.gates
        ]
        self._at_tips.append((commit.oid, plan, gates))

    # -- a pull request that will be squashed --------------------------------------------------------------------

    def _base(self) -> str:
        """The id of the commit that the span begins on; "" where it begins with a root."""
        if not self._span.excluded:
            return ""
        argv = ("merge-base", self._tips[0], *self._span.excluded)
        code, out, err = self._git.call(*argv)
        if code not in (0, 1):
            raise GitError(argv, code, err.decode("utf-8", "replace"))
        return out.decode("ascii").strip()

    def _lands_as_one(self) -> bool:
        """Whether the plan that the span begins under, or brings, says that a branch lands as one commit."""
        base = self._base()
        plan = self._judging.plan(self._snapshots.own(f"{base}^{{tree}}")) if base else None
        if plan is None:
            plan = self._judging.plan(self._snapshots.own(f"{self._tips[0]}^{{tree}}"))
        return plan is not None and plan.settings.mainline == "squash"

    def _judge_title(self, title: str) -> None:
        """Judge the commit that a squash of the span would make, under that title; of a merge, the title's form."""
        tip, base = self._tips[0], self._base()
        trees = [f"{base}^{{tree}}" if base else "", f"{tip}^{{tree}}"]
        now = b"%d,%d," % (time.time(), time.time())  # it would be made today
        commit = Commit(tip, [base] if base else [], trees[1], now, title.encode("utf-8", "surrogateescape"), [])
        before = self._snapshots.own(trees[0]) if base else NO_FILES
        changed = tuple(changed_paths(self._objects, *trees))
        own = self._snapshots.own(trees[1])
        step = Step(commit, tuple(commit.parents), before, own, changed, by_result=True, is_title=True)
        place = _Place(_TITLE, tip, title)
        if self._lands_as_one():
            self._judge(place, step)
        else:
            findings = self._judging.outcome(step, title).findings
            self._refuse(place, [found for found in findings if found.id in _OF_MESSAGES])


def _trees(commit: Commit) -> list[str]:
    """The names of the trees of the commit and of its parents."""
    return [commit.tree, *[f"{parent}^{{tree}}" for parent in commit.parents]]


def _place(number: int, commit: Commit) -> _Place:
    return _Place(number, commit.oid, subject_line(commit.text))


def _relocated(finding: Finding, place: _Place) -> Finding:
    """The finding, which speaks of a commit that is there or a title where a hook speaks of one to be made."""
    name, instead = ("title", "edit the title: ") if place.number == _TITLE else ("message", "git rebase -i, reword: ")
    return finding.replace(
        locations=tuple([p.replace(path=name) if p.path == "COMMIT_EDITMSG" else p for p in finding.locations]),
        help=finding.help.replace("git commit -m ", instead),
    )
