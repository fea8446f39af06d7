"""What the hooks of one commit do: judge what is staged, run the gates that are due, write the tool's own files."""

from __future__ import annotations

import os

from orchestrator.app.accepted import keep_accepted
from orchestrator.app.facts import read_facts
from orchestrator.app.messages import freed_by_structure, read_message
from orchestrator.app.own_files import write_own_files
from orchestrator.app.picked import foreign_evidence
from orchestrator.callers import find_runner, running_commit
from orchestrator.core.finding import Finding, Location, RefusedError
from orchestrator.core.judge import Intent, judge, proposed_phase
from orchestrator.core.message import subject_line
from orchestrator.core.plan import PLAN_NAME, PLAN_PATH, is_outside_phases, path_text
from orchestrator.core.refusals import quoted
from orchestrator.core.value import Value
from orchestrator.core.whole import judge_whole, removal_findings
from orchestrator.run_cache import UNDER_WAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.app.facts import Facts
    from orchestrator.app.repository import Repository
    from orchestrator.callers import Runner
    from orchestrator.core.gate import DueGate, GateResult
    from orchestrator.core.judge import Judgement
    from orchestrator.core.settle import Settled

    RunDue = Callable[[Repository, Settled, Sequence[DueGate], float | None], list[GateResult]]


class Answer(Value):
    """What a stage has to say; an error among the findings refuses the commit."""

    findings: tuple[Finding, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the commit must not land."""
        return any([finding.severity == "error" for finding in self.findings])


ACCEPTED = Answer()
_CHANGED_EARLIER = "an earlier hook has changed files, so that nothing here can be judged"
_MESSAGE_INTENT = Intent(may_run=False, why_not_run="the message names it, and this stage runs no gates")


def pre_commit(repository: Repository, run_due: RunDue) -> Answer:
    """Judge what is staged, run due gates, and put PLAN.md and plan.lock into this very commit."""
    env = repository.git.env
    parent_pid = os.getppid()
    parents = staged_parents(repository)
    if _changes_nothing_else(repository, parents):
        return ACCEPTED
    facts = read_facts(repository, parents, whole=False)
    if facts is None:
        return ACCEPTED
    if repository.is_rebasing and facts.plan is not None:
        # Rewriting PLAN.md here would stop the next pick of the rebase; what results is judged when it is done.
        answer, settled, _ = _judge_staged(facts, Intent(in_history=True, may_run=False), {})
        # Nothing is written there, so nothing is dropped either: what nobody vouches for is refused instead.
        found = tuple([finding for finding in answer.findings if finding.id != "lock-tampered"])
        return Answer(found + foreign_evidence(facts, settled))
    runner = find_runner(env, repository.git_dir)
    only_judge = "GIT_INDEX_FILE" not in env
    if runner.shows_what_is_staged and not only_judge:
        _refuse_changed_files(repository, _CHANGED_EARLIER)
    intent = Intent(exception=env.get("ORCHESTRATOR_EXCEPTION", "").strip(), may_run=True)
    why_not = "no commit is being made" if only_judge else _why_not_run(runner)
    return _judge_and_write(facts, intent, run_due, runner, parent_pid, why_not, only_judge=only_judge)


def _changes_nothing_else(repository: Repository, parents: Sequence[str]) -> bool:
    """Whether what is staged may land as it is, found from the part of a large plan that is under way alone."""
    env = repository.git.env
    if not repository.cache.has(UNDER_WAY) or repository.is_rebasing or "ORCHESTRATOR_EXCEPTION" in env:
        return False
    from orchestrator.app.under_way import facts_under_way  # noqa: PLC0415 - only where there is much

    found = facts_under_way(repository, parents)
    if found is None:
        return False
    facts, part = found
    answer, settled, judgement = _judge_staged(facts, Intent(may_run=True), {})
    if answer.findings or judgement is None or judgement.due or not part.is_kept_by(settled):
        return False
    if "GIT_INDEX_FILE" in env:
        if find_runner(env, repository.git_dir).shows_what_is_staged:
            _refuse_changed_files(repository, _CHANGED_EARLIER)
        _keep_accepted(facts, settled, judgement, part.names)
    return True


def _why_not_run(runner: Runner) -> str:
    if runner.has_put_away:
        return f"{runner.name} has put your unstaged changes away, and what you save during a long run would be lost"
    return ""


def _judge_and_write(
    facts: Facts, intent: Intent, run_due: RunDue, runner: Runner, parent_pid: int, why_not: str, *, only_judge: bool
) -> Answer:
    if facts.plan is None:
        return Answer(judge_removal(facts))
    results: dict[str, GateResult] = {}
    if facts.before is not None:
        limit_s = facts.before.plan.settings.hook_time_limit_s
        if limit_s == 0:
            why_not = 'settings.hook_time_limit is "0s": hooks run no gates'
        intent = intent.replace(may_run=not why_not, why_not_run=why_not)
        if facts.before.plan.settings.max_commit_lines:
            intent = intent.replace(changed_lines=count_lines(facts))
    answer, settled, judgement = _judge_staged(facts, intent, results)
    while judgement is not None and judgement.due and not judgement.refused:
        for result in run_due(facts.repository, settled, judgement.due, limit_s):
            results[result.key] = result
        answer, settled, judgement = _judge_staged(facts, intent, results)
    if results and not answer.refused:
        _refuse_moved_index(facts)
        if runner.shows_what_is_staged:
            _refuse_changed_files(
                facts.repository, f"files were changed while gates ran, and {runner.name} commits nothing then"
            )
    if facts.keys_name:
        from orchestrator.app.kept_keys import keep_keys  # noqa: PLC0415 - only where there is much

        keep_keys(facts)
    # Without a change there will be no commit, and what is written now would be left behind, staged.
    options = running_commit()
    is_empty = not facts.changed and len(facts.parents) == 1 and options.known and not options.allow_empty
    if not answer.refused and not only_judge and not is_empty:
        updates = write_own_files(facts, settled, runner, parent_pid)
        if judgement is not None and not updates and not results:
            _keep_accepted(facts, settled, judgement)
        if facts.keys_name:
            from orchestrator.app.under_way import keep_under_way  # noqa: PLC0415 - only where there is much

            keep_under_way(facts, settled, updates)
    return answer


def _keep_accepted(
    facts: Facts, settled: Settled, judgement: Judgement, names: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Leave a note for the commit-msg stage, which will find just what was found here, if that accepts the commit.

    ``names`` are what a message may call each phase, where the plan that was settled is not the whole one.
    """
    before = facts.before
    if before is None or before.plan.settings.exempt_authors or len(facts.parents) > 1 or facts.by_result:
        return
    phase = proposed_phase(settled, facts.changed, judgement.advanced)
    if phase is None:
        return
    message = f"{before.plan.settings.usual_type}: [{phase.id}] x"
    if not judge_whole(settled, before, facts.changed, message, _MESSAGE_INTENT, freed=False).findings:
        known = settled.plan.names_of(phase) if names is None else names[phase.id]
        keep_accepted(facts.repository, known, before.plan.settings)


def _judge_staged(
    facts: Facts, intent: Intent, results: Mapping[str, GateResult]
) -> tuple[Answer, Settled, Judgement | None]:
    reading = facts.reading()
    if reading.findings:
        raise RefusedError(*reading.findings)
    settled = facts.settle(results, reading)
    if facts.before is None:
        return ACCEPTED, settled, None
    intent = _with_local_facts(facts, intent)
    judgement = judge(settled, facts.before, facts.changed, intent, results)
    return Answer(judgement.findings), settled, judgement


def _with_local_facts(facts: Facts, intent: Intent) -> Intent:
    """The intent with what this clone knows beside the tree; what costs a process is asked for only to refuse."""
    repository = facts.repository

    def edited(paths: Sequence[str]) -> bool:
        if find_runner(repository.git.env, repository.git_dir).has_put_away:
            return True  # what has been edited is out of the work tree meanwhile
        out = repository.git.run("diff", "--no-ext-diff", "--name-only", "-z", "--ignore-submodules")
        return not {path_text(name) for name in out.split(b"\0")[:-1]}.isdisjoint(paths)

    last_run = repository.cache.last_run_text
    return intent.replace(last_run=last_run, by_result=facts.by_result, edited=edited)


def judge_removal(facts: Facts) -> tuple[Finding, ...]:
    """The findings on a commit that takes plan.toml away."""
    return () if facts.before is None else removal_findings(facts.before, facts.changed)


def staged_parents(repository: Repository, *, is_merging: bool = False) -> list[str]:
    """The parents that the commit about to be made will have, as revisions; HEAD also where it is unborn.

    ``is_merging``: git-merge itself runs this hook, before it has written MERGE_HEAD.
    """
    git = repository.git
    heads = _merge_heads(repository, is_merging=is_merging)
    if heads:
        return ["HEAD", *heads]
    if running_commit().amend:
        line = git.text("rev-list", "--parents", "-n", "1", "HEAD")
        return line.split(" ")[1:]
    return ["HEAD"]


def _merge_heads(repository: Repository, *, is_merging: bool = False) -> list[str]:
    """The commits being merged: as MERGE_HEAD lists them, or, before it is written, as git-merge tells its hooks."""
    try:
        with open(os.path.join(repository.git_dir, "MERGE_HEAD"), encoding="ascii") as file:
            return file.read().split()
    except FileNotFoundError:
        prefix = "GITHEAD_"
        names = [name for name in repository.git.env if name.startswith(prefix)] if is_merging else []
        return [name[len(prefix) :] for name in names]


def _refuse_moved_index(facts: Facts) -> None:
    """While gates ran the user may have staged something else, which nothing here has judged."""
    now = read_facts(facts.repository, facts.parents)
    if now is None or now.changes != facts.changes:
        raise RefusedError(
            Finding(
                "gate-unclean",
                "what is staged has changed while the gates ran",
                notes=("the runs that passed are remembered",),
                help="commit again",
            )
        )


def _refuse_changed_files(repository: Repository, message: str) -> None:
    """Under a hook runner the work tree is what is staged; if it is not, a hook or a gate has changed files.

    The runner refuses the commit then, whatever we say, so that nothing must be written into the index.
    """
    out = repository.git.run("diff", "--no-ext-diff", "--name-only", "-z", "--ignore-submodules")
    names = [path_text(name) for name in out.split(b"\0")[:-1]]
    if names:
        raise RefusedError(
            Finding(
                "gate-unclean",
                message,
                locations=tuple([Location(name) for name in names[:8]]),
                notes=("PLAN.md and plan.lock have not been touched",),
                help="git add the changed files (or: git stash push FILE), then commit again",
            )
        )


def count_lines(facts: Facts) -> int:
    """The lines that the commit adds and removes in files other than the tool's own; binary files count none."""
    base = facts.parents[0] if facts.parents else ""
    git = facts.repository.git
    if not base or len(facts.parents) > 1 or facts.by_result:
        return 0  # what others have committed is not the size of this commit
    options = ("--numstat", "-z", "--no-renames", "--ignore-submodules=none")
    out = git.run("diff-index", "--cached", *options, base, "--")
    total = 0
    for line in out.split(b"\0")[:-1]:
        added, removed, path = line.split(b"\t", 2)
        if not is_outside_phases(path_text(path)) and added != b"-":
            total += int(added) + int(removed)
    return total


def pre_merge_commit(repository: Repository) -> Answer:
    """Judge a merge that Git is about to commit; Git takes no changes from this stage (githooks(5))."""
    facts = read_facts(repository, staged_parents(repository, is_merging=True), whole=False)
    if facts is None:
        return ACCEPTED
    if facts.plan is None:
        return Answer(judge_removal(facts))
    answer, _, _ = _judge_staged(facts, Intent(may_run=False, why_not_run="a merge runs no gates"), {})
    return answer


def is_planned(repository: Repository) -> bool:
    """Whether HEAD or what is staged has a plan, so that there is something to judge."""
    return read_facts(repository, staged_parents(repository), whole=False) is not None


def commit_msg(repository: Repository, path: str) -> Answer:
    """Judge the message, and the phase that it names against the staged files and the order; runs no gate."""
    facts = read_facts(repository, staged_parents(repository), whole=False)
    if facts is None:
        return ACCEPTED
    text = read_message(repository, path)
    offered = repository.cache.offered_message()
    if offered and text.strip() == offered.strip():
        return Answer((_unchanged_finding(text),))
    options = running_commit()
    if not text.strip() and options.known and not options.allow_empty_message:
        return ACCEPTED  # Git itself refuses it
    intent = _MESSAGE_INTENT.replace(in_history=repository.is_rebasing)
    findings, exception = _judge_with_message(facts, text, intent)
    declared = repository.git.env.get("ORCHESTRATOR_EXCEPTION", "").strip()
    if declared and not exception and facts.before is not None:
        findings += (_trailer_finding(declared),)
    return Answer(findings)


def _judge_with_message(facts: Facts, text: str, intent: Intent) -> tuple[tuple[Finding, ...], str]:
    """The errors of a commit whose message is known, and the reason of the exception that it declares.

    Nothing is wrong with the adoption, which may have any message. Warnings are the pre-commit stage's to give.
    """
    before = facts.before
    if before is None:
        return (), ""
    freed, findings = freed_by_structure(facts, text)
    settled = None
    if facts.plan is not None:
        reading = facts.reading()
        findings += reading.findings
        settled = facts.settle({}, reading)
        intent = _with_local_facts(facts, intent)
    whole = judge_whole(settled, before, facts.changed, text, intent, freed=freed)
    return findings + whole.findings, whole.exception


def _unchanged_finding(text: str) -> Finding:
    return Finding(
        "message-unchanged",
        "the message is just what was offered; closing the editor does not commit",
        locations=(Location("COMMIT_EDITMSG", 1, subject_line(text)),),
        help="commit again and say after the phase what the commit does",
    )


def _trailer_finding(reason: str) -> Finding:
    return Finding(
        "message-format",
        "ORCHESTRATOR_EXCEPTION is set, but the message has no trailer that tells of it",
        locations=(Location("COMMIT_EDITMSG", 1),),
        help=f"orchestrator commit --exception {quoted(reason)} -m ...",
    )


def prepare_commit_msg(repository: Repository, path: str, source: str) -> None:
    """Offer ``feat: [<phase>] `` where no message was given, and leave a note so that it is not taken unchanged."""
    repository.cache.offer_message("")
    if source not in ("", "template") or repository.is_rebasing or _merge_heads(repository):
        return
    facts = read_facts(repository, staged_parents(repository), whole=False)
    if facts is None or facts.before is None or facts.plan is None:
        return
    with open(path, "rb") as file:
        text = file.read()
    first = text.split(b"\n", 1)[0]
    if first.strip() and not first.startswith(b"#"):
        return
    settled = facts.settle({}, facts.reading())
    judgement = judge(settled, facts.before, facts.changed, Intent(may_run=False), {})
    settings = facts.before.plan.settings
    kind = settings.usual_type
    if settings.require_phase != "always" and not judgement.advanced and PLAN_PATH not in facts.changed:
        return
    phase = proposed_phase(settled, facts.changed, judgement.advanced)
    if phase is not None and not settled.states[phase.id].open:
        return
    name = PLAN_NAME if phase is None else phase.title
    offer = f"{kind}: [{name}] "
    with open(path, "wb") as file:
        file.write(offer.encode() + (text if text.startswith(b"\n") else b"\n" + text))
    repository.cache.offer_message(offer)


def post_commit(repository: Repository) -> Answer:
    """Judge the finished commit as ``verify`` does, and report what went around the hooks; writes nothing."""
    if repository.is_rebasing:
        return ACCEPTED
    from orchestrator.app.verify.engine import verify_one  # noqa: PLC0415 - of no use before the commit is made

    found = verify_one(repository, "HEAD").refused
    if not found:
        return ACCEPTED
    bypassed = Finding(
        "bypassed",
        f"commit {found[0].oid[:12]} went around the hooks, which would have refused it",
        help="git reset --soft HEAD~1, mend it, and commit again",
    )
    return Answer((bypassed, *found[0].findings))
