"""What HEAD says of its plan, and what the commits since its adoption have done."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from orchestrator.app.facts import read_facts
from orchestrator.app.verify import engine
from orchestrator.app.verify.readable import refuse_unreadable
from orchestrator.app.verify.report import Options, Span, Tip
from orchestrator.core.effort import Work
from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.formats import parse_lock
from orchestrator.core.message import parse_header, subject_line
from orchestrator.core.plan import PLAN_NAME, PLAN_PATH, normal_name
from orchestrator.core.settle import settle
from orchestrator.core.value import Value
from orchestrator.history.changes import read_changes
from orchestrator.history.commits import reading_commits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.repository import Repository
    from orchestrator.app.verify.report import Report
    from orchestrator.core.plan import Plan
    from orchestrator.core.settle import Settled
    from orchestrator.git import Git
    from orchestrator.history.changes import FileChange


class Done(Value):
    """One commit that is no merge; ``purpose`` is the id of the phase that it names, PLAN_NAME, or ""."""

    oid: str
    subject: str
    author: str
    at_s: int
    purpose: str
    changes: tuple[FileChange, ...] = ()

    def work(self) -> Work:
        """What its time is reckoned by."""
        return Work(self.author, self.at_s, self.purpose)


class PlanHistory(Value):
    """A plan at HEAD with all that has been done since its adoption, which is not among ``commits``.

    ``commits`` are in the order of history, parents first as far as Git has them so; ``net`` is what HEAD has otherwise
    than the adoption. ``settled`` counts the passes that plan.lock has of HEAD's own content, and no others.
    ``verified`` is the judgement on the adoption and all that came after it.
    """

    head: str
    adoption: str
    began: Work  # the adoption, of which no time is counted
    settled: Settled
    commits: tuple[Done, ...]
    merges: int
    net: tuple[FileChange, ...]
    verified: Report


def read_plan_history(repository: Repository) -> PlanHistory:
    """What HEAD's plan and the commits since its adoption say.

    Raises:
        CannotJudgeError: HEAD has no plan, it cannot be read, the history is cut off, or Git failed.
    """
    git = repository.git
    refuse_unreadable(git)
    settled = settled_head(repository)
    head = git.text("rev-parse", "--verify", "HEAD^{commit}")
    adoption, parents = _adoption(git)
    made = []
    merges = 0
    began = Work("", 0, None)
    with reading_commits(git, [head], parents) as commits:
        for commit in commits:
            subject = subject_line(commit.text)
            email = commit.email.decode("utf-8", "replace")
            if commit.oid == adoption:
                began = Work(email, commit.authored_s, None)
            elif len(commit.parents) > 1:
                merges += 1
            else:
                made.append(Done(commit.oid, subject, email, commit.authored_s, ""))
    made.reverse()
    plans = _plans(repository, [commit.oid for commit in made])
    known = {phase.id for phase in settled.plan.phases} | {PLAN_NAME}
    purposes = [_purpose(plans.get(commit.oid, settled.plan), commit.subject) for commit in made]
    made = [
        commit.replace(purpose=purpose if purpose in known else "")
        for commit, purpose in zip(made, purposes, strict=True)
    ]
    changes = dict(read_changes(git, [commit.oid for commit in made]))
    net = dict(read_changes(git, [f"{head} {adoption}"])) if head != adoption else {}
    name = f"{adoption[:12]}^..{head[:12]}" if parents else head[:12]  # stays right when HEAD goes on
    span = Span((Tip(head, "HEAD"),), tuple(parents), name)
    return PlanHistory(
        head=head,
        adoption=adoption,
        began=began,
        settled=settled,
        commits=tuple([commit.replace(changes=tuple(changes.get(commit.oid, ()))) for commit in made]),
        merges=merges,
        net=tuple(net.get(head, ())),
        verified=engine.verify(repository, span, Options()).report,
    )


def _adoption(git: Git) -> tuple[str, list[str]]:
    """The commit that brought HEAD's plan, which none of its parents has, and the parents.

    A plan that was retired and adopted again has been brought more than once: the last time counts.
    """
    found = git.run("rev-list", "HEAD", "--", f":/{PLAN_PATH}")
    family = [
        line.split()
        for line in git.text("rev-list", "--no-walk=unsorted", "--parents", "--stdin", stdin=found).split("\n")
    ]
    names = "".join([f"{oid}:{PLAN_PATH}\n" for oids in family for oid in oids]).encode()
    there = iter(
        [not line.endswith(b" missing") for line in git.run("cat-file", "--batch-check", stdin=names).split(b"\n")]
    )
    has_plan = [[next(there) for _ in oids] for oids in family]
    return next(
        (oid, parents)
        for (oid, *parents), (own, *theirs) in zip(family, has_plan, strict=True)
        if own and not any(theirs)
    )


def settled_head(repository: Repository) -> Settled:
    """What HEAD's own tree says under its plan; of passes, those that its plan.lock has of just this content.

    Raises:
        CannotJudgeError: HEAD has no plan, or it cannot be read.
    """
    facts = read_facts(repository, ["HEAD"], "HEAD")
    if facts is None or facts.content is None:
        raise CannotJudgeError(
            Finding(
                "plan-invalid",
                "HEAD has no plan.toml",
                locations=(Location(PLAN_PATH),),
                notes=("of a plan that was finished, the report lies in docs/plans",),
                help="commit the plan, if it is staged; else: orchestrator init",
            )
        )
    reading = facts.reading()
    if reading.findings:
        raise CannotJudgeError(*reading.findings)
    lock = None if facts.lock_bytes is None else parse_lock(facts.lock_bytes)
    return settle(facts.content.plan, facts.content, facts.before, reading, lock, lambda _: None)


def _plans(repository: Repository, oids: Sequence[str]) -> dict[str, Plan]:
    """The plan of each commit that has one which can be read: a phase may have had another name or number then."""
    if not oids:
        return {}
    names = "".join([f"{oid}:{PLAN_PATH}\n" for oid in oids]).encode()
    lines = repository.git.text("cat-file", "--batch-check=%(objectname)", stdin=names).split("\n")
    blobs = {oid: line for oid, line in zip(oids, lines, strict=True) if not line.endswith(" missing")}
    plans: dict[str, Plan] = {}
    for name, found in repository.read_objects(sorted(set(blobs.values()))).items():
        if found is not None:
            with contextlib.suppress(CannotJudgeError):  # told where that commit is judged
                plans[name] = repository.load_plan(*found)
    return {oid: plans[name] for oid, name in blobs.items() if name in plans}


def _purpose(plan: Plan, subject: str) -> str:
    header = parse_header(subject)
    if header is None:
        return ""
    if normal_name(header.phase) == PLAN_NAME:
        return PLAN_NAME
    phase = plan.named(header.phase)
    return phase.id if phase else ""
