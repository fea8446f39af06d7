"""Plans from TOML text, trees from dictionaries, and commits on top of them, without a repository."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING

from orchestrator.core.evidence import EMPTY_BLOBS, Content
from orchestrator.core.gate import GateResult, Pass
from orchestrator.core.judge import Intent, judge
from orchestrator.core.plan import PLAN_PATH, TODO_PATH
from orchestrator.core.plan_file import read_plan
from orchestrator.core.settle import Before, settle
from orchestrator.core.todo import Reading, carry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.core.finding import Finding
    from orchestrator.core.formats import Lock
    from orchestrator.core.judge import Judgement
    from orchestrator.core.plan import Gate, Phase, Plan
    from orchestrator.core.settle import Settled

HEAD = 'version = 1\n[feature]\ntitle = "Feature"\n'
Files = dict[str, str]
EMPTY_BLOB = min(EMPTY_BLOBS, key=len)


def plan_of(text: str, head: str = HEAD) -> Plan:
    """The plan of that text, which begins after the feature, as it binds on one day of 2026."""
    plan, findings = read_plan((head + text).encode())
    assert plan is not None, findings
    return plan.at("2026-06-15")


def listing(files: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """A tree from path -> text; a text "-> x" is a symbolic link."""
    return {
        path: (
            "120000" if text.startswith("-> ") else "100644",
            sha1(text.encode()).hexdigest() if text else EMPTY_BLOB,  # noqa: S324 - as Git names blobs
        )
        for path, text in sorted(files.items(), key=lambda item: item[0].encode())
    }


def ids(findings: Iterable[Finding], severity: str = "error") -> list[str]:
    """The ids of the findings of that severity."""
    return [finding.id for finding in findings if finding.severity == severity]


class Outcome:
    """What settling and judging one commit gave."""

    def __init__(self, settled: Settled, judgement: Judgement) -> None:
        self.settled = settled
        self.judgement = judgement

    @property
    def errors(self) -> list[str]:
        """The ids of what refuses the commit."""
        return ids(self.judgement.findings)

    @property
    def warnings(self) -> list[str]:
        """The ids of what is only told."""
        return ids(self.judgement.findings, "warning")

    def find(self, finding_id: str) -> Finding:
        """The first finding of that id."""
        return next(finding for finding in self.judgement.findings if finding.id == finding_id)

    @property
    def due(self) -> list[tuple[str, str, str]]:
        """The gates to run, as (phase, gate, role)."""
        return [(item.phase.id, item.gate.name, item.role) for item in self.judgement.due]


class World:
    """A parent commit with a plan; ``commit`` judges one on top of it.

    ``marks`` are its ticks, ``passed`` the gates that its lock records for its tree, as "phase/gate" or "gate".
    Tasks have what ``base`` holds as their base (by default the files of the parent itself).
    """

    def __init__(
        self,
        plan: str | Plan,
        files: Files | None = None,
        *,
        marks: Mapping[str, str] | None = None,
        passed: Iterable[str] = (),
        base: Files | None = None,
    ) -> None:
        self.plan = plan_of(plan) if isinstance(plan, str) else plan
        self.files = {PLAN_PATH: "plan", "README.md": "readme", **(files or {})}
        start = Content(self.plan, listing(self.files if base is None else base))
        content = Content(self.plan, listing(self.files))
        keys = {key_of(content, name) for name in passed}
        adoption = settle(self.plan, start, None, Reading(self.plan, marks or {}, {}), None, known(keys))
        bases = {phase_id: evidence.bases for phase_id, evidence in adoption.lock.items()}
        now = settle(self.plan, content, None, Reading(self.plan, marks or {}, {}), None, known(keys))
        lock = {phase_id: evidence.replace(bases=bases[phase_id]) for phase_id, evidence in now.lock.items()}
        self.before = Before(self.plan, now.marks, lock, content)

    def content(self, changes: Mapping[str, str | None], plan: Plan | None = None) -> Content:
        """The tree with those changes; None takes a file away."""
        files = {path: text for path, text in {**self.files, **changes}.items() if text is not None}
        return Content(plan or self.plan, listing(files))

    def commit(
        self,
        changes: Mapping[str, str | None] | None = None,
        *,
        ticks: Mapping[str, str] | None = None,
        plan: str | None = None,
        intent: Intent | None = None,
        cached: Iterable[str] = (),
        results: Mapping[str, str] | None = None,
        lock: Lock | None = None,
    ) -> Outcome:
        """The commit that makes the changes, writes the ticks and perhaps brings another plan.

        ``cached`` names the gates that passed on the staged tree before, ``results`` those that have just run, by
        their status.
        """
        changes = dict(changes or {})
        new_plan = self.plan if plan is None else plan_of(plan)
        if plan is not None:
            changes[PLAN_PATH] = "changed"
        content = self.content(changes, new_plan)
        passes = {key_of(content, name) for name in cached}
        finished = {
            key_of(content, name): GateResult(
                name, key_of(content, name), status, reason="exit 1", output="last line\n"
            )
            for name, status in (results or {}).items()
        }
        passes |= {key for key, result in finished.items() if result.passed}
        marks = {task.id: "open" for phase in self.plan.phases for task in phase.tasks} | dict(self.before.marks)
        if set(ticks or {}) <= set(marks):  # PLAN.md as the parent's plan rendered it
            reading = Reading(self.plan, marks | dict(ticks or {}), {})
        else:
            kept = carry(marks, self.plan, new_plan)
            carried = {kept[old]: mark for old, mark in marks.items() if old in kept}
            reading = Reading(new_plan, carried | dict(ticks or {}), {})
        staged = lock if lock is not None else self.before.lock
        settled = settle(new_plan, content, self.before, reading, staged, known(passes))
        changed = sorted([*changes, TODO_PATH] if ticks else changes)
        return Outcome(settled, judge(settled, self.before, changed, intent or Intent(), finished))


class known:  # noqa: N801 - used as a function
    """Answers for a key from a set of keys."""

    def __init__(self, keys: set[str]) -> None:
        self.keys = keys

    def __call__(self, key: str) -> Pass | None:
        """The pass under that key."""
        return Pass(key) if key in self.keys else None


def key_of(content: Content, name: str) -> str:
    """The key of a gate given as "phase/gate", or as "gate" where one phase has it."""
    wanted_phase, _, wanted_gate = name.rpartition("/")
    found: list[tuple[Phase, Gate]] = [
        (phase, gate)
        for phase in content.plan.phases
        for gate in phase.gates
        if gate.name == wanted_gate and wanted_phase in ("", phase.id)
    ]
    return content.key(*found[0])
