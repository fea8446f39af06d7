"""What ``verify`` was asked, and what it answers."""

from __future__ import annotations

from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orchestrator.core.finding import Finding
    from orchestrator.core.gate import GateResult
    from orchestrator.core.plan import Gate, Phase, Plan


class Tip(Value):
    """Where a history ends: the commit's id, and what the user calls it (a ref, a revision)."""

    oid: str
    name: str = ""


class Span(Value):
    """The commits that the tips reach and the excluded revisions do not; ``text`` is the span in a user's words."""

    tips: tuple[Tip, ...]
    excluded: tuple[str, ...] = ()  # arguments of git-rev-list(1) after --not: ids, or --all, --remotes=<name>
    text: str = ""


class Options(Value):
    """How to judge.

    ``plan_ref`` is a revision whose plan.toml binds in the place of each first parent's; "" for none; ``plan_name`` is
    what the user calls it.
    ``refuse_exceptions``: a commit that declares an exception is refused. ``title`` is that of a pull request to be
    squashed, None for none.
    """

    plan_ref: str = ""
    plan_name: str = ""
    refuse_exceptions: bool = False
    title: str | None = None


class Verdict(Value):
    """What is wrong with one commit: its id, its subject, and the errors, at least one."""

    oid: str
    subject: str
    findings: tuple[Finding, ...]
    refs: tuple[str, ...] = ()  # names of the tips that reach it, where there are several
    is_commit: bool = True  # False: it is a title, under the id of the commit that would be squashed last


class Listed(Value):
    """What a commit does that nobody refuses and everybody should know.

    ``kind``: "exception", "weakened", "adopted", "unproven", "warning".
    """

    oid: str
    subject: str
    kind: str
    text: str


class Completed(Value):
    """Gates to run again at one commit: under its plan, the gates of the phases that became complete there."""

    oid: str
    plan: Plan
    gates: tuple[tuple[Phase, Gate], ...]


class Rerun(Value):
    """A gate that was run again in a clean checkout of the commit; ``phases`` are the ids of those it counts for."""

    oid: str
    gate: str
    phases: tuple[str, ...]
    result: GateResult


class Report(Value):
    """The answer: ``judged`` commits had a plan to be judged by, ``unplanned`` had none."""

    span: Span
    judged: int = 0
    unplanned: int = 0
    refused: tuple[Verdict, ...] = ()
    listed: tuple[Listed, ...] = ()
    reruns: tuple[Rerun, ...] = ()
    seconds: float = 0.0
    plan_ref: str = ""  # whose plan binds, as the user calls it
