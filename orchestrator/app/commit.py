"""What the hooks of one commit do: judge what is staged, run the gates that are due, write the tool's own files."""

from __future__ import annotations

import os

from orchestrator.app.facts import INDEX, read_facts
from orchestrator.app.own_files import write_own_files
from orchestrator.core.finding import CannotJudgeError, Finding, Location, RefusedError
from orchestrator.core.form import judge_form
from orchestrator.core.judge import Intent, judge
from orchestrator.core.message import clean, fixup_target, parse_header, revert_target, subject_line
from orchestrator.core.plan import PLAN_PATH, is_outside_phases
from orchestrator.core.refusals import plan_mixed_finding
from orchestrator.core.value import Value
from orchestrator.worktree import ancestor_commit_arguments, find_runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.app.facts import Facts
    from orchestrator.app.repository import Repository
    from orchestrator.core.gate import DueGate, GateResult
    from orchestrator.core.judge import Judgement
    from orchestrator.core.settle import Settled
    from orchestrator.worktree import Runner

    RunDue = Callable[[Repository, Settled, Sequence[DueGate], float | None], list[GateResult]]


class Answer(Value):
    """What a stage has to say; an error among the findings refuses the commit."""

    findings: tuple[Finding, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the commit must not land."""
        return any([finding.severity == "error" for finding in self.findings])


ACCEPTED = Answer()


def pre_commit(repository: Repository, run_due: RunDue) -> Answer:
    """Judge what is staged, run due gates, and put PLAN.md and plan.lock into this very commit."""
    env = repository.git.env
    parent_pid = os.getppid()
    facts = read_facts(repository, staged_parents(repository))
    if facts is None:
        return ACCEPTED
    if repository.is_rebasing and facts.plan is not None:
        # Rewriting PLAN.md here would stop the next pick of the rebase; what results is judged when it is done.
        return _judge_staged(facts, Intent(in_history=True, may_run=False), {})[0]
    runner = find_runner(env)
    only_judge = "GIT_INDEX_FILE" not in env
    if runner.name and not only_judge:
        _refuse_changed_files(repository)
    intent = Intent(exception=env.get("ORCHESTRATOR_EXCEPTION", "").strip(), may_run=True)
    why_not = "an earlier check is only judging" if only_judge else _why_not_run(runner)
    return _judge_and_write(facts, intent, run_due, runner, parent_pid, why_not, only_judge=only_judge)


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
        if intent.may_run and facts.before.plan.settings.max_commit_lines:
            intent = intent.replace(changed_lines=count_lines(facts))
    answer, settled, judgement = _judge_staged(facts, intent, results)
    while judgement is not None and judgement.due and not judgement.refused:
        for result in run_due(facts.repository, settled, judgement.due, limit_s):
            results[result.key] = result
        answer, settled, judgement = _judge_staged(facts, intent, results)
    if not answer.refused and not only_judge:
        write_own_files(facts, settled, runner, parent_pid)
    return answer


def _judge_staged(
    facts: Facts, intent: Intent, results: Mapping[str, GateResult]
) -> tuple[Answer, Settled, Judgement | None]:
    reading = facts.reading()
    if reading.findings:
        raise RefusedError(*reading.findings)
    settled = facts.settle(results, reading)
    if facts.before is None:
        return ACCEPTED, settled, None
    judgement = judge(settled, facts.before, facts.changed, intent, results)
    return Answer(judgement.findings), settled, judgement


def judge_removal(facts: Facts) -> tuple[Finding, ...]:
    """The findings on a commit that takes plan.toml away."""
    if facts.before is None:
        return ()
    owners = facts.before.content.owners
    claimed = [(path, found) for path in facts.changed if (found := owners.phases(path))]
    return (plan_mixed_finding(claimed),) if claimed else ()


def staged_parents(repository: Repository) -> list[str]:
    """The parents that the commit about to be made will have, as revisions; HEAD also where it is unborn."""
    git = repository.git
    heads = _merge_heads(repository)
    if heads:
        return ["HEAD", *heads]
    if is_amend():
        line = git.text("rev-list", "--parents", "-n", "1", "HEAD")
        return line.split(" ")[1:]
    return ["HEAD"]


def _merge_heads(repository: Repository) -> list[str]:
    """The commits being merged: as MERGE_HEAD lists them, or, before it is written, as git-merge tells its hooks."""
    try:
        with open(os.path.join(repository.git_dir, "MERGE_HEAD"), encoding="ascii") as file:
            return file.read().split()
    except FileNotFoundError:
        prefix = "GITHEAD_"
        return [name[len(prefix) :] for name in repository.git.env if name.startswith(prefix)]


_VALUED = frozenset(
    [
        "-m",
        "-F",
        "-c",
        "-C",
        "-t",
        "--message",
        "--file",
        "--author",
        "--date",
        "--template",
        "--cleanup",
        "--fixup",
        "--squash",
        "--trailer",
        "--reuse-message",
        "--reedit-message",
        "--pathspec-from-file",
    ]
)


def is_amend() -> bool:
    """Whether the ``git commit`` that runs this hook was given --amend, where the system tells its arguments."""
    arguments = iter(ancestor_commit_arguments() or ())
    for argument in arguments:
        if argument == "--":
            return False
        is_cluster = argument.startswith("-") and not argument.startswith("--") and argument[-1] in "mFcCt"
        if argument in _VALUED or is_cluster:
            next(arguments, None)
        elif len(argument) >= 4 and "--amend".startswith(argument):
            return True
    return False


def _refuse_changed_files(repository: Repository) -> None:
    """Under a hook runner the work tree is what is staged; if it is not, an earlier hook has changed files."""
    out = repository.git.run("diff", "--no-ext-diff", "--name-only", "-z", "--ignore-submodules")
    names = [os.fsdecode(name) for name in out.split(b"\0")[:-1]]
    if names:
        raise RefusedError(
            Finding(
                "gate-unclean",
                "an earlier hook has changed files, so that nothing here can be judged",
                locations=tuple([Location(name) for name in names[:8]]),
                notes=("PLAN.md and plan.lock have not been touched",),
                help="git add the changed files, then commit again",
            )
        )


def count_lines(facts: Facts) -> int:
    """The lines that the commit adds and removes in files other than the tool's own; binary files count none."""
    base = facts.parents[0] if facts.parents else ""
    git = facts.repository.git
    if not base:
        return 0
    if facts.tree == INDEX:
        out = git.run("diff-index", "--cached", "--numstat", "-z", "--no-renames", base, "--")
    else:
        out = git.run("diff-tree", "-r", "--numstat", "-z", "--no-renames", base, facts.tree, "--")
    total = 0
    for line in out.split(b"\0")[:-1]:
        added, removed, path = line.split(b"\t", 2)
        if not is_outside_phases(os.fsdecode(path)) and added != b"-":
            total += int(added) + int(removed)
    return total


def pre_merge_commit(repository: Repository) -> Answer:
    """Judge a merge that Git is about to commit; Git takes no changes from this stage (githooks(5))."""
    facts = read_facts(repository, staged_parents(repository))
    if facts is None:
        return ACCEPTED
    if facts.plan is None:
        return Answer(judge_removal(facts))
    answer, _, _ = _judge_staged(facts, Intent(may_run=False, why_not_run="a merge runs no gates"), {})
    return answer


def is_planned(repository: Repository) -> bool:
    """Whether HEAD or what is staged has a plan, so that there is something to judge."""
    return read_facts(repository, staged_parents(repository)) is not None


def commit_msg(repository: Repository, path: str) -> Answer:
    """Judge the message, and the phase that it names against the staged files and the order; runs no gate."""
    facts = read_facts(repository, staged_parents(repository))
    if facts is None:
        return ACCEPTED
    text = read_message(repository, path)
    offered = repository.cache.offered_message()
    if offered and text.strip() == offered.strip():
        return Answer((_unchanged_finding(text),))
    if not text.strip() or facts.before is None:
        return ACCEPTED  # Git itself refuses an empty message; the adoption may have any
    freed, findings = freed_by_structure(repository, text, facts)
    if facts.plan is None:
        plan, settled, ticks = facts.before.plan, None, False
    else:
        reading = facts.reading()
        settled = facts.settle({}, reading)
        plan, ticks = facts.plan, bool(settled.ticked)
    first = judge(settled, facts.before, facts.changed, Intent(may_run=False), {}) if settled else None
    form = judge_form(
        text,
        plan,
        facts.before.plan.settings,
        facts.changed,
        advances=bool(first and first.advanced),
        touches_phase=any([facts.before.content.owners.phases(name) for name in facts.changed]),
        ticks=ticks,
        freed=freed,
    )
    findings += form.findings
    declared = repository.git.env.get("ORCHESTRATOR_EXCEPTION", "").strip()
    if declared and not form.exception:
        findings += (_trailer_finding(declared),)
    if settled is None:
        return Answer(findings)
    intent = Intent(
        message=text,
        named=form.named,
        exception=form.exception,
        in_history=repository.is_rebasing,
        may_run=False,
        why_not_run="the message names it, and this stage runs no gates",
    )
    judgement = judge(settled, facts.before, facts.changed, intent, {})
    # Warnings have been given by the pre-commit stage.
    return Answer(findings + tuple([found for found in judgement.findings if found.severity == "error"]))


def read_message(repository: Repository, path: str) -> str:
    """The message in that file as Git will store it (git-commit(1), --cleanup)."""
    with open(path, "rb") as file:
        data = file.read()
    config = read_config(repository, "commit.cleanup", "core.commentchar", "core.commentstring", "i18n.commitencoding")
    encoding = config.get("i18n.commitencoding", "utf-8")
    try:
        text = data.decode(encoding, "surrogateescape" if encoding.casefold() in ("utf-8", "utf8") else "replace")
    except LookupError:
        text = data.decode("utf-8", "surrogateescape")
    text = text.replace("\r\n", "\n")
    # Git tells its hooks by this that no editor was or will be opened.
    is_edited = repository.git.env.get("GIT_EDITOR") != ":"
    mode = config.get("commit.cleanup", "default")
    mode = _cleanup_argument() or mode
    if mode in ("default", "strip") and not (mode == "default" and not is_edited):
        mode = "strip"
    elif mode in ("default", "scissors") and not is_edited:
        mode = "whitespace"
    comment = config.get("core.commentstring") or config.get("core.commentchar") or "#"
    return clean(text, mode, comment)


def _cleanup_argument() -> str:
    """The value of --cleanup given to the ``git commit`` that runs this hook, where the system tells."""
    arguments = ancestor_commit_arguments() or []
    for position, argument in enumerate(arguments):
        if argument.startswith("--cleanup="):
            return argument.partition("=")[2]
        if argument == "--cleanup" and position + 1 < len(arguments):
            return arguments[position + 1]
    return ""


def read_config(repository: Repository, *names: str) -> dict[str, str]:
    """The values of those settings of Git that are set, by lower-case name."""
    pattern = "^(" + "|".join([name.replace(".", r"\.") for name in names]) + ")$"
    code, out, err = repository.git.call("config", "-z", "--get-regexp", pattern)
    if code not in (0, 1):
        raise CannotJudgeError(Finding("git", f"git config failed: {err.decode('utf-8', 'replace').strip()}"))
    found = {}
    for entry in out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        name, _, value = entry.partition("\n")
        found[name.lower()] = value
    return found


def freed_by_structure(repository: Repository, text: str, facts: Facts) -> tuple[bool, tuple[Finding, ...]]:
    """Whether the message is free from the form, by what the commit is and not by what it says, and what is wrong.

    What claims to be a fixup or a revert and is none is refused for that; its form is not judged beside.
    """
    if len(facts.parents) > 1 or repository.is_rebasing:
        return True, ()
    email = repository.git.env.get("GIT_AUTHOR_EMAIL", "")
    if facts.before is not None and _is_exempt(email, facts.before.plan.settings.exempt_authors):
        return True, ()
    target = fixup_target(subject_line(text))
    if target:
        if _fixup_exists(repository, target):
            return True, ()
        return True, (
            Finding(
                "fixup-target",
                f"there is no commit that this {subject_line(text).partition('!')[0]}! is for",
                locations=(Location("COMMIT_EDITMSG", 1, target),),
                help="git commit --fixup <commit>",
            ),
        )
    reverted = revert_target(text)
    if reverted and parse_header(subject_line(text)) is None:
        problem = _revert_problem(repository, reverted, facts)
        if not problem:
            return True, ()
        return True, (
            Finding(
                "revert-target",
                f"this is no revert of {reverted[:12]}: {problem}",
                locations=(Location("COMMIT_EDITMSG", 1),),
                help=f"git revert {reverted[:12]}",
            ),
        )
    return False, ()


def _is_exempt(email: str, patterns: Sequence[str]) -> bool:
    if not patterns or not email:
        return False
    from fnmatch import fnmatchcase  # noqa: PLC0415

    return any([fnmatchcase(email.casefold(), pattern.casefold()) for pattern in patterns])


def _fixup_exists(repository: Repository, target: str) -> bool:
    """Whether a commit of HEAD's history has that subject or abbreviated id (git-rebase(1), --autosquash)."""
    subjects = repository.git.run("log", "--format=%s", "-z", "HEAD").split(b"\0")
    wanted = target.encode("utf-8", "surrogateescape")
    if any([subject.startswith(wanted) for subject in subjects]):
        return True
    if " " in target or target.startswith("-"):
        return False
    code, _, _ = repository.git.call("merge-base", "--is-ancestor", f"{target}^{{commit}}", "HEAD")
    return code == 0


def _revert_problem(repository: Repository, oid: str, facts: Facts) -> str:
    code, out, _ = repository.git.call("rev-list", "--parents", "-n", "1", f"{oid}^{{commit}}", "--")
    if code:
        return "there is no such commit"
    commit, *parents = out.decode("ascii").split()
    code, _, _ = repository.git.call("merge-base", "--is-ancestor", commit, "HEAD")
    if code:
        return "it is not in the history of HEAD"
    base = parents[:1] or ["--root"]
    out = repository.git.run(
        "diff-tree", "-r", "-z", "--no-commit-id", "--name-only", "--no-renames", *base, commit, "--"
    )
    theirs = {os.fsdecode(name) for name in out.split(b"\0")[:-1]}
    strange = [
        path for path in facts.changed if path not in theirs and not (is_outside_phases(path) and path != PLAN_PATH)
    ]
    return f"that commit did not touch {strange[0]}" if strange else ""


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
        help=f"orchestrator commit --exception '{reason[:60]}' -m ...",
    )


def prepare_commit_msg(repository: Repository, path: str, source: str) -> None:
    """Offer ``feat: [<phase>] `` where no message was given, and leave a note so that it is not taken unchanged."""
    repository.cache.offer_message("")
    if source not in ("", "template") or repository.is_rebasing or _merge_heads(repository):
        return
    facts = read_facts(repository, staged_parents(repository))
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
    kind = next((name for name in settings.commit_types if name != "*"), "feat")
    if PLAN_PATH in facts.changed:
        name = "plan"
    elif judgement.advanced:
        name = facts.plan.phase(judgement.advanced[0]).title
    elif settings.require_phase == "always":
        from orchestrator.core.state import current_phase  # noqa: PLC0415

        current = current_phase(settled.states)
        if current is None or not current.open:
            return
        name = current.phase.title
    else:
        return
    offer = f"{kind}: [{name}] "
    with open(path, "wb") as file:
        file.write(offer.encode() + (text if text.startswith(b"\n") else b"\n" + text))
    repository.cache.offer_message(offer)


def post_commit(repository: Repository) -> Answer:
    """Judge the finished commit as a history is judged, and report what went around the hooks; writes nothing."""
    if repository.is_rebasing:
        return ACCEPTED
    line = repository.git.text("rev-list", "--parents", "-n", "1", "HEAD")
    commit, *parents = line.split(" ")
    facts = read_facts(repository, parents, commit)
    if facts is None or facts.before is None:
        return ACCEPTED
    text = repository.git.text("log", "-1", "--format=%B", "HEAD")
    freed, findings = freed_by_structure(repository, text, facts)
    settled = None
    ticks = False
    if facts.plan is not None:
        reading = facts.reading()
        findings += reading.findings
        settled = facts.settle({}, reading)
        ticks = bool(settled.ticked)
    else:
        findings += judge_removal(facts)
    first = judge(settled, facts.before, facts.changed, Intent(in_history=True), {}) if settled else None
    form = judge_form(
        text,
        facts.plan or facts.before.plan,
        facts.before.plan.settings,
        facts.changed,
        advances=bool(first and first.advanced),
        touches_phase=any([facts.before.content.owners.phases(name) for name in facts.changed]),
        ticks=ticks,
        freed=freed,
    )
    findings += form.findings
    if settled is not None:
        intent = Intent(text, form.named, form.exception, in_history=True, may_run=False)
        found = judge(settled, facts.before, facts.changed, intent, {}).findings
        findings += tuple([finding for finding in found if finding.severity == "error"])
    if not findings:
        return ACCEPTED
    bypassed = Finding(
        "bypassed",
        f"commit {commit[:12]} went around the hooks, which would have refused it",
        help="git reset --soft HEAD~1, mend it, and commit again",
    )
    return Answer((bypassed, *findings))
