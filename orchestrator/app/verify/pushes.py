"""The new commits of a push: what Git is about to send, and what a server is about to take."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.app.repository import Repository, check_git_version
from orchestrator.app.verify.readable import refuse_unreadable
from orchestrator.app.verify.report import Options, Report, Span, Tip
from orchestrator.core.finding import CannotJudgeError, Finding
from orchestrator.core.plan import PLAN_PATH
from orchestrator.core.value import Value
from orchestrator.git import GitError
from orchestrator.history.objects import UnreadableError
from orchestrator.run_cache import RunCache

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from orchestrator.git import Git

PLAN_REF_KEY = "orchestrator.planRef"
EXCEPTIONS_KEY = "orchestrator.exceptions"
TIME_LIMIT_KEY = "orchestrator.timeLimit"
TIME_LIMIT_S = 300
REPLACE = "refs/replace/"

_GLOB = frozenset("?*[")
_TYPES = frozenset({"commit", "tree", "blob", "tag"})
_UNSEEN = (
    "hook runners do not say what a push sends, so every commit is judged that is here and that the remote lacks",
    "the launcher of orchestrator install --native judges what is pushed and nothing else",
)


class Remote(Value):
    """Where a push goes: the name, or what the user gave in its place, and the URL; "" where nobody tells."""

    name: str = ""
    url: str = ""


class Update(Value):
    """One ref of a push: where it is and where it shall be; "" for an object that is not there."""

    ref: str
    new: str
    old: str = ""


class Answer(Value):
    """``report`` on the commits, ``findings`` on the refs themselves, and ``notes`` for who is refused."""

    report: Report
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the push must not go through."""
        return bool(self.report.refused or self.findings)


class Settings(Value):
    """What the server's configuration says."""

    plan_ref: str = ""
    refuse_exceptions: bool = True
    time_limit_s: int = 300


# -- before a push


def pre_push(repository: Repository, remote: Remote, lines: Iterable[str]) -> Answer:
    """The answer to a push of these refs, one a line as ``<local ref> <local oid> <remote ref> <remote oid>``.

    Raises:
        CannotJudgeError: a line has another form, an object is missing, or the commits cannot be judged.

    Source: githooks(5), pre-push.
    """
    check_git_version(repository.git)
    return _before_push(repository, pushed_span(repository.git, remote, lines))


def pre_push_unseen(repository: Repository, remote: Remote, env: Mapping[str, str]) -> Answer:
    """The answer to a push whose refs are not told: every local commit counts that the remote lacks.

    ``env`` is the environment, in which pre-commit and prek say what they know.

    Raises:
        CannotJudgeError: an object is missing, or the commits cannot be judged.
    """
    check_git_version(repository.git)
    span = unseen_span(repository.git, remote, env)
    return _before_push(repository, span).replace(notes=_UNSEEN if len(span.tips) > 1 else ())


def _before_push(repository: Repository, span: Span) -> Answer:
    try:
        refuse_unreadable(repository.git)
    except CannotJudgeError:
        # A shallow clone of a project without a plan has nothing to do with us.
        if _is_planned(repository.git, span):
            raise
        return Answer(Report(span))
    return _judged(repository, span, Options())


def _is_planned(git: Git, span: Span) -> bool:
    """Whether a plan.toml is staged, in HEAD, at a tip, or changed by a new commit."""
    if _with_plan(git, ["", "HEAD", *[tip.oid for tip in span.tips]]):
        return True
    oids = [tip.oid for tip in span.tips]
    argv = ("rev-list", "-1", "--full-history", *oids, "--not", *span.excluded, "--", PLAN_PATH)
    return bool(oids) and bool(git.run(*argv, env={"GIT_NO_REPLACE_OBJECTS": "1"}))


def remote_of_runner(env: Mapping[str, str]) -> Remote:
    """The remote that pre-commit and prek name in the environment."""
    return Remote(env.get("PRE_COMMIT_REMOTE_NAME", ""), env.get("PRE_COMMIT_REMOTE_URL", ""))


def pushed_span(git: Git, remote: Remote, lines: Iterable[str]) -> Span:
    """The commits that the push sends and the remote does not have.

    The remote has what its tracking refs have, and its own side of each line as far as that is here. Deletions, and
    tags of what is no commit, bring nothing.

    Raises:
        CannotJudgeError: a line has another form, or an object that is to be sent is missing.
    """
    updates = [_pushed(line) for line in lines if line]
    name = _configured(git, remote)
    excluded = _known_to(git, name, [update.old for update in updates if update.old])
    return Span(_tips(git, updates), excluded, _lacking(name))


def unseen_span(git: Git, remote: Remote, env: Mapping[str, str]) -> Span:
    """The commits of all local branches, of HEAD and of what a hook runner names, that the remote does not have.

    Where no remote is named no push is under way, and what any remote has is left out. Tags are no tips, but for one
    that the runner names: those of the remote can stand on commits that none of its branches has.

    Raises:
        CannotJudgeError: what the runner names is missing.
    """
    updates = [Update(*line.split(" ", 1)) for line in _lines(git, "--format=%(refname) %(objectname)", "refs/heads")]
    head = _resolved(git, "HEAD")
    if head and all(update.new != head for update in updates):
        updates.append(Update("HEAD", head))
    # pre-commit names no commit where the remote has nothing yet, only what the user called it.
    named = env.get("PRE_COMMIT_LOCAL_BRANCH", "")
    name = env.get("PRE_COMMIT_TO_REF") or named
    pushed = _resolved(git, name) if name else ""
    if name and not pushed:
        raise CannotJudgeError(Finding("git", f"what is pushed cannot be found here: {name}", help="push again"))
    if pushed and all(update.new != pushed for update in updates):
        updates.append(Update(named or name, pushed))
    remote_name = _configured(git, remote)
    # Of a URL both runners give what its ref is at, if that is here, or an ancestor of it (pre-commit 4.7, prek 0.5).
    start = "" if remote_name else env.get("PRE_COMMIT_FROM_REF", "")
    known = _resolved(git, start) if start else ""
    excluded = _known_to(git, remote_name, [known] if known else []) if remote.name else ("--remotes",)
    return Span(_tips(git, updates), excluded, _lacking(remote_name))


def _pushed(line: str) -> Update:
    parts = line.rsplit(" ", 3)  # the first can be any revision with blanks in it, as ":/fix this"
    if len(parts) != 4:
        raise _odd_line(line)
    local, new, _, old = parts
    return Update(local, _oid(new), _oid(old))


def _known_to(git: Git, name: str, oids: Sequence[str]) -> tuple[str, ...]:
    """What git-rev-list(1) must exclude: commits that the remote of that name surely has, and these.

    Of a URL that is no remote's, nothing is known but what the push says. The tracking refs of another remote would
    not do: it may have commits that this one lacks.
    """
    tracking = (f"--remotes={name}",) if name and not _GLOB & set(name) else ()
    commits = [commit for commit in _peeled(git, oids, all_here=False).values() if commit]
    return (*tracking, *dict.fromkeys(commits))


def _configured(git: Git, remote: Remote) -> str:
    """The name of the remote; of one that has this URL, if it was not given by name; "" if there is none."""
    if not remote.name:
        return ""
    found = ""
    for key, value in git.settings(r"^remote\..*\.(url|pushurl)$"):
        name = key.removeprefix("remote.").rpartition(".")[0]
        if name == remote.name:
            return name
        if key.endswith(".url") and value in {remote.name, remote.url}:
            found = found or name
    return found


def _lacking(name: str) -> str:
    return f"what {name} does not have" if name else "what the remote does not have"  # a URL may hold a password


# -- on the server


def pre_receive(repository: Repository, lines: Iterable[str]) -> Answer:
    """The answer to a push of these refs, one a line as ``<old oid> <new oid> <ref>``, taken or refused as a whole.

    Only reads, from the quarantine, too; nothing is kept and nothing of what was pushed is run.

    Raises:
        CannotJudgeError: there is no line or one has another form, a setting is unknown, an object is missing, or
            the commits cannot be judged.

    Source: githooks(5), pre-receive; git-receive-pack(1), "Quarantine Environment".
    """
    git = repository.git
    check_git_version(git)
    settings = read_settings(git)
    updates = [_received(line) for line in lines if line]
    if not updates:  # Git never asks about nothing, so somebody on the way has swallowed the lines
        raise CannotJudgeError(Finding("git", "pre-receive was told no ref", help="call it with what Git gives it"))
    protected = {settings.plan_ref, _target(git, settings.plan_ref)} if settings.plan_ref else set()
    findings = [finding for update in updates for finding in _of_ref(git, update, protected)]
    span = Span(_tips(git, updates), ("--all",), "what is pushed")
    binding = settings.plan_ref if _has_plan(git, settings.plan_ref) else ""
    options = Options(plan_ref=binding, refuse_exceptions=settings.refuse_exceptions)
    reading = Repository(git, repository.git_dir)
    reading.cache = RunCache("")  # what lies in the server's Git directory is neither believed nor added to
    with _time_limit(settings.time_limit_s):
        return _judged(reading, span, options).replace(findings=tuple(findings))


def read_settings(git: Git) -> Settings:
    """What ``orchestrator.planRef`` and ``orchestrator.exceptions`` say; for each the last value counts.

    Raises:
        CannotJudgeError: a value is none that is known, so that a slip of the pen does not open the door.
    """
    settings = git.settings(r"^orchestrator\.(planref|exceptions|timelimit)$")
    values = {name: value or "" for name, value in settings}
    plan_ref = values.get("orchestrator.planref", "")
    if "orchestrator.planref" in values and (
        not plan_ref.startswith("refs/") or git.call("check-ref-format", plan_ref)[0]
    ):
        # A short name could mean a tag that somebody pushes tomorrow.
        raise CannotJudgeError(
            Finding(
                "git",
                f'{PLAN_REF_KEY} is "{plan_ref}", which is no full name of a ref',
                help=f"on the server: git config {PLAN_REF_KEY} refs/heads/main",
            )
        )
    exceptions = values.get("orchestrator.exceptions", "refuse")
    if exceptions not in {"refuse", "allow"}:
        raise CannotJudgeError(
            Finding(
                "git",
                f'{EXCEPTIONS_KEY} is "{exceptions}", neither "refuse" nor "allow"',
                help=f"on the server: git config {EXCEPTIONS_KEY} refuse",
            )
        )
    limit = values.get("orchestrator.timelimit", str(TIME_LIMIT_S))
    if not (limit.isascii() and limit.isdecimal()):
        raise CannotJudgeError(
            Finding(
                "git",
                f'{TIME_LIMIT_KEY} is "{limit}", which is no number of seconds',
                help=f"on the server: git config {TIME_LIMIT_KEY} {TIME_LIMIT_S}",
            )
        )
    return Settings(plan_ref, exceptions == "refuse", int(limit))


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    """Give up after so many seconds (0: never): a push can be made so that judging it takes for ever.

    Raises:
        CannotJudgeError: the time is over.
    """

    def give_up(_number: int, _frame: object) -> None:
        raise UnreadableError(
            Finding(
                "git",
                f"what is pushed could not be judged within {seconds} s",
                help=f"push less at once; or, on the server: git config {TIME_LIMIT_KEY} {seconds * 2}",
            )
        )

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    except UnreadableError as error:  # no finding about one commit, which would let the walk go on
        raise CannotJudgeError(*error.findings) from error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _received(line: str) -> Update:
    parts = line.split(" ", 2)
    if len(parts) != 3:
        raise _odd_line(line)
    old, new, ref = parts
    return Update(ref, _oid(new), _oid(old))


def _of_ref(git: Git, update: Update, protected: Collection[str]) -> Iterable[Finding]:
    """What is wrong with moving this ref there, whatever the commits are."""
    # On a file system without case Refs/Replace would be the same folder.
    if update.new and update.ref.lower().startswith(REPLACE):
        yield Finding(
            "ref-protected",
            f"{update.ref} would put another object in the place of one that was judged",
            notes=("replacements are for a clone of one's own",),
            help=f"leave {REPLACE} out of the push",
        )
    if update.ref not in protected:
        return
    if not update.new:
        yield Finding(
            "ref-protected",
            f"{update.ref} has the plan that binds here, and cannot be deleted",
            help=f"ask who runs the server: {PLAN_REF_KEY} names this ref",
        )
    elif update.old and not _is_ancestor(git, update.old, update.new):
        yield Finding(
            "ref-protected",
            f"{update.ref} has the plan that binds here, and only goes forward",
            notes=("what is pushed does not contain what the ref is at, and would bring back an older plan",),
            help="git pull, then push again without --force",
        )


def _target(git: Git, ref: str) -> str:
    """The ref that a symbolic one stands for."""
    code, out, _ = git.call("symbolic-ref", "-q", ref)
    return out.decode("utf-8", "surrogateescape").strip() if code == 0 else ref


def _is_ancestor(git: Git, old: str, new: str) -> bool:
    argv = ("merge-base", "--is-ancestor", f"{old}^{{commit}}", f"{new}^{{commit}}")
    code, _, err = git.call(*argv)
    if code not in {0, 1}:
        raise GitError(argv, code, err.decode("utf-8", "replace"))
    return code == 0


def _has_plan(git: Git, ref: str) -> bool:
    if not ref:
        return False
    return bool(_with_plan(git, [ref]))


def _with_plan(git: Git, places: Sequence[str]) -> list[str]:
    """Those of the trees (as ``HEAD``; "" for the index) that have a plan.toml."""
    names = "".join([f"{place}:{PLAN_PATH}\n" for place in places]).encode("utf-8", "surrogateescape")
    out = git.text("cat-file", "--batch-check", stdin=names)
    return [place for place, line in zip(places, out.split("\n"), strict=True) if " blob " in line]


# -- both


def _judged(repository: Repository, span: Span, options: Options) -> Answer:
    if not span.tips:
        return Answer(Report(span))
    from orchestrator.app.verify.engine import verify  # noqa: PLC0415 - a deletion needs no judge

    refuse_unreadable(repository.git)
    return Answer(verify(repository, span, options).report)


def _tips(git: Git, updates: Iterable[Update]) -> tuple[Tip, ...]:
    """The commits that refs shall be at, each ref once; without deletions and tags of what is no commit."""
    sent = [update for update in updates if update.new]
    commits = _peeled(git, [update.new for update in sent], all_here=True)
    return tuple(
        dict.fromkeys([Tip(commit, update.ref) for update in sent if (commit := commits[update.new]) is not None])
    )


def _peeled(git: Git, oids: Sequence[str], *, all_here: bool) -> dict[str, str | None]:
    """From each object to the commit that it is or that its tag stands for; None for a tree or blob.

    Raises:
        CannotJudgeError: an object is not here; with ``all_here`` unset, it maps to None.
    """
    if not oids:
        return {}
    found: dict[str, str | None] = {}
    out = git.text("cat-file", "--batch-check", stdin="".join([f"{oid}^{{}}\n" for oid in oids]).encode())
    for oid, line in zip(oids, out.split("\n"), strict=True):
        parts = line.split(" ")
        is_here = len(parts) == 3 and parts[1] in _TYPES
        if all_here and not is_here:
            raise CannotJudgeError(Finding("git", f"an object of the push is missing: {oid}", help="git fsck"))
        found[oid] = parts[0] if is_here and parts[1] == "commit" else None
    return found


def _resolved(git: Git, name: str) -> str:
    """The object that the revision names; "" if there is none."""
    code, out, _ = git.call("rev-parse", "-q", "--verify", "--end-of-options", name)
    return out.decode("ascii", "replace").strip() if code == 0 else ""


def _lines(git: Git, *argv: str) -> list[str]:
    return [line for line in git.text("for-each-ref", *argv).split("\n") if line]


def _oid(text: str) -> str:
    """The object id, "" for that of no object.

    Raises:
        CannotJudgeError: it is no object id.
    """
    if len(text) not in {40, 64} or not set(text) <= set("0123456789abcdef"):
        raise _odd_line(text)
    return text if set(text) != {"0"} else ""


def _odd_line(line: str) -> CannotJudgeError:
    return CannotJudgeError(Finding("git", f"this is no line of a push: {line}", help="call it with what Git gives it"))
