"""The plan as the rules see it: resolved, with every default filled in and every pattern translated."""

from __future__ import annotations

from orchestrator.core.graph import closure, dependents
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.core.patterns import Pattern

PLAN_PATH = "plan.toml"
TODO_PATH = "PLAN.md"
LOCK_PATH = "plan.lock"
OWN_PATHS = (PLAN_PATH, TODO_PATH, LOCK_PATH)
ARCHIVE_PREFIX = "docs/plans/"
PLAN_NAME = "plan"  # the reserved word of ``feat: [plan] ...``


class Settings(Value):
    """The ``[settings]`` table; times in seconds."""

    require_phase: str = "always"  # "always" | "advancing"
    commit_types: tuple[str, ...] = ("feat",)
    exempt_authors: tuple[str, ...] = ()
    unplanned_files: str = "allow"  # "allow" | "block"
    one_phase_per_commit: bool = True
    max_commit_files: int = 0
    max_commit_lines: int = 0
    auto_done: bool = True
    on_gate_failure: str = "allow"  # "allow" | "block"
    hook_time_limit_s: float = 60.0
    jobs: int = 1
    mainline: str = "merge"  # "merge" | "squash"
    setup: str = ""
    summary_lines: bool = True

    @property
    def usual_type(self) -> str:
        """The commit type to propose where several are accepted."""
        return next((name for name in self.commit_types if name != "*"), "feat")


class ReportRules(Value):
    """The ``[report]`` table: how the report sorts files and reckons time (in seconds)."""

    domains: tuple[tuple[str, tuple[Pattern, ...]], ...] = ()
    break_after_s: float = 7200.0
    first_commit_s: float = 1800.0


class Gate(Value):
    """A validation command; a string ``run`` is for the shell, a tuple is argv.

    ``control`` names the control whose check this is: such gates are run and keyed like others, under the name
    ``control:<id>``, which no gate of a plan can have.
    """

    name: str
    run: str | tuple[str, ...]
    inputs: tuple[Pattern, ...] | None = None  # None: the phase's files and those of its dependencies
    cwd: str = "."
    timeout_s: float = 600.0
    junit: str = ""
    min_tests: int = 0
    coverage: str = ""
    min_coverage: float = 0.0
    control: str = ""

    def definition(self) -> tuple[object, ...]:
        """All fields but the time limit: what a pass was a pass of (plain values, in a fixed order)."""
        inputs = None if self.inputs is None else tuple(pattern.text for pattern in self.inputs)
        return (self.run, inputs, self.cwd, self.junit, self.min_tests, self.coverage, float(self.min_coverage))


class Task(Value):
    """A task; ``positional`` where the plan gives no id, so that it follows its title when the plan changes."""

    id: str
    title: str
    files: tuple[Pattern, ...] = ()
    depends_on: tuple[str, ...] = ()
    positional: bool = False


class Control(Value):
    """An item of the security checklist; ``checked``: a gate of its phase named ``control:<id>`` proves it.

    ``how`` says how it was resolved. A waiver that has an end (``until``, as 2026-12-31) counts through that day, UTC;
    ``Plan.at`` marks one that is over as ``ended``.
    """

    id: str
    text: str
    reference: str = ""
    checked: bool = False
    resolved: bool = False
    how: str = ""
    waiver: str = ""
    waived_by: str = ""
    until: str = ""
    ended: bool = False

    @property
    def is_waived(self) -> bool:
        """Whether it is accepted as it is."""
        return bool(self.waiver) and not self.ended


QUESTION = "question"
BLOCKER = "blocker"
ASSUMPTION = "assumption"


class Hold(Value):
    """A question, blocker or assumption; until it has its answer, the phases that it names cannot start."""

    kind: str
    id: str
    text: str
    blocks: tuple[str, ...] = ()
    answer: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered, removed or confirmed it."""
        return not self.answer

    def unsettled(self) -> str:
        """What is to be said of it while it is open, in one line."""
        state = {QUESTION: "has no answer", BLOCKER: "is in the way", ASSUMPTION: "is not confirmed"}[self.kind]
        return f"{self.kind} {self.id} {state}: {one_line(self.text)}"


class Risk(Value):
    """A risk; ``status`` "open", "mitigated", "accepted" or "closed"."""

    id: str
    text: str
    phase: str = ""  # "": of the whole feature
    mitigation: str = ""
    status: str = "open"


class Phase(Value):
    """A phase; ``gates`` holds the checks of its controls too, last. ``line`` is its place in plan.toml."""

    id: str
    title: str
    number: int
    line: int = 0
    depends_on: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    estimate: str = ""
    files: tuple[Pattern, ...] = ()
    gates: tuple[Gate, ...] = ()
    artifacts: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()
    controls: tuple[Control, ...] = ()

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The ids of its tasks, in order."""
        known: tuple[str, ...] | None = self.__dict__.get("_task_ids")
        if known is None:
            known = self.__dict__["_task_ids"] = tuple([task.id for task in self.tasks])
        return known

    def names(self) -> tuple[str, ...]:
        """What a commit message may call it, normalised."""
        return tuple(normal_name(name) for name in (self.id, self.title, str(self.number), f"Phase {self.number}"))

    def quotable(self) -> str:
        """The title, or the id where a shell would not take the title as it is between double quotes."""
        return self.id if any([char in '"$`\\!' for char in self.title]) else self.title

    def at(self, day: str) -> Phase:
        """The phase as it binds on that day: see ``Plan.at``."""
        if not any([control.waiver for control in self.controls]):
            return self
        controls = tuple([c.replace(ended=True) if c.until and c.until < day else c for c in self.controls])
        waived = {control.id for control in controls if control.is_waived}
        return self.replace(controls=controls, gates=tuple([g for g in self.gates if g.control not in waived]))


class Plan(Value):
    """A valid plan; phases in the order of their numbers."""

    title: str
    summary: str = ""
    assumptions: tuple[str, ...] = ()
    settings: Settings = Settings()
    phases: tuple[Phase, ...] = ()
    holds: tuple[Hold, ...] = ()
    risks: tuple[Risk, ...] = ()
    report: ReportRules = ReportRules()

    def at(self, day: str) -> Plan:
        """The plan as it binds on that day, as 2026-12-31: without the checks of controls that are waived then.

        plan.toml has them all; the same plan is the same object on all days on which the same waivers count.
        """
        known: dict[tuple[str, ...], Plan] = self.__dict__.setdefault("_at", {})
        ends = self.__dict__.get("_ends")
        if ends is None:
            waived = [control for phase in self.phases for control in phase.controls if control.is_waived]
            ends = self.__dict__["_ends"] = tuple([control.until for control in waived])
        if not ends:
            return self
        over = tuple([end for end in ends if end and end < day])
        if over not in known:
            known[over] = self.replace(phases=tuple([phase.at(day) for phase in self.phases]))
        return known[over]

    @property
    def has_ends(self) -> bool:
        """Whether it binds otherwise on one day than on another."""
        return any([control.until for phase in self.phases for control in phase.controls])

    @property
    def ended(self) -> tuple[str, ...]:
        """The ids of the controls whose waivers are over."""
        return tuple([control.id for phase in self.phases for control in phase.controls if control.ended])

    def phase(self, phase_id: str) -> Phase:
        """The phase of that id.

        Raises:
            KeyError: there is none.
        """
        return self.phases_by_id[phase_id]

    @property
    def phases_by_id(self) -> Mapping[str, Phase]:
        """The phases by id, in order."""
        known: dict[str, Phase] | None = self.__dict__.get("_by_id")
        if known is None:
            known = self.__dict__["_by_id"] = {phase.id: phase for phase in self.phases}
        return known

    def dependencies(self, phase_id: str) -> list[str]:
        """The ids of everything that the phase depends on, directly or not, worked out once."""
        known: dict[str, list[str]] = self.__dict__.setdefault("_dependencies", {})
        if phase_id not in known:
            known[phase_id] = closure(self._edges(), phase_id)
        return known[phase_id]

    def dependents(self, phase_ids: Iterable[str]) -> set[str]:
        """The ids of everything that depends on one of the phases, directly or not."""
        return dependents(self._edges(), phase_ids)

    def _edges(self) -> dict[str, tuple[str, ...]]:
        edges: dict[str, tuple[str, ...]] | None = self.__dict__.get("_edges_by_id")
        if edges is None:
            edges = self.__dict__["_edges_by_id"] = {phase.id: phase.depends_on for phase in self.phases}
        return edges

    def named(self, name: str) -> Phase | None:
        """The phase that a person calls so, by id, title or number, case and spacing aside."""
        known: dict[str, Phase] | None = self.__dict__.get("_by_name")
        if known is None:
            known = self.__dict__["_by_name"] = {}
            for phase in self.phases:
                for known_name in phase.names():
                    known.setdefault(known_name, phase)
        return known.get(normal_name(name))

    def names_of(self, phase: Phase) -> tuple[str, ...]:
        """What a message may call the phase, normalised: its names, but for those that mean something else."""
        return tuple([name for name in phase.names() if name != PLAN_NAME and self.named(name) is phase])


def one_line(text: str) -> str:
    """The text in one line, runs of white space as one space."""
    return " ".join(text.split())


def normal_name(name: str) -> str:
    """The name without case and spacing."""
    return "".join(name.split()).casefold()


def path_text(path: bytes) -> str:
    """A path of Git as text, the same on every machine: UTF-8, other bytes as lone surrogates."""
    return path.decode("utf-8", "surrogateescape")


def path_bytes(path: str) -> bytes:
    """The bytes of such a text."""
    return path.encode("utf-8", "surrogateescape")


def is_outside_phases(path: str) -> bool:
    """Whether the path belongs to no phase by definition: the tool's own files and the archive of plans."""
    return path in OWN_PATHS or path.startswith(ARCHIVE_PREFIX)
