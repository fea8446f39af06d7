"""Which commits a user means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.verify.report import Span, Tip
from orchestrator.core.finding import CannotJudgeError, Finding, UnknownNameError, printable
from orchestrator.history.commits import revision_arguments

if TYPE_CHECKING:
    from orchestrator.git import Git


_WARNING = ("-c", "core.warnAmbiguousRefs=true")
_PLAIN = {"LC_ALL": "C", "LANGUAGE": ""}


def refuse_ambiguous(name: str, said: bytes) -> None:
    """Refuse a name by which Git could mean a tag or a branch, whichever somebody has made; ``said`` on standard error.

    Raises:
        CannotJudgeError: Git has warned of that.

    Source: gitrevisions(7), the order in which names are looked up; git-config(1), core.warnAmbiguousRefs.
    """
    if b"is ambiguous" in said:
        raise CannotJudgeError(
            Finding(
                "git",
                f"{printable(name)} can mean more than one ref",
                notes=(said.decode("utf-8", "replace").strip().split("\n")[0],),
                help="give the full name, as refs/remotes/origin/main or refs/heads/main: git show-ref",
            )
        )


def commit_of(git: Git, name: str) -> str:
    """The id of the commit of that name; "" if there is none.

    Raises:
        CannotJudgeError: the name could mean several.
    """
    argv = ("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")  # -q would hide the warning
    code, out, err = git.call(*_WARNING, *argv, env=_PLAIN)
    refuse_ambiguous(name, err)
    return "" if code else out.decode("ascii").strip()


def named_span(git: Git, name: str) -> Span:
    """The span that a revision range names, as ``main..HEAD``; of one revision, all that it reaches.

    Raises:
        UnknownNameError: Git knows no such revision.

    Source: gitrevisions(7), "Specifying Ranges".
    """
    if not name.strip() or name.startswith("-"):
        raise _unknown(name, "it is no revision")
    code, out, err = git.call(*_WARNING, "rev-parse", "--revs-only", "--end-of-options", name, "--", env=_PLAIN)
    refuse_ambiguous(name, err)
    if code or not out:
        raise _unknown(name, err.decode("utf-8", "replace").strip().split("\n")[0])
    names = out.decode("ascii").split()
    return _span(git, [n for n in names if n[0] != "^"], [n[1:] for n in names if n[0] == "^"], name)


def default_span(git: Git) -> Span:
    """What HEAD has and its upstream, or else the default branch, does not have.

    The default branch is the one that the remote names, else the one of init.defaultBranch, else main or master.

    Raises:
        CannotJudgeError: there is no commit, or nothing to compare with.
    """
    if git.call("rev-parse", "--verify", "-q", "HEAD^{commit}")[0]:
        raise CannotJudgeError(Finding("git", "there is no commit to judge yet", help="git commit"))
    base = _base(git)
    if not base:
        raise CannotJudgeError(
            Finding(
                "git",
                "there is no upstream and no default branch to compare with",
                help="orchestrator verify <base>..HEAD, or, for all of history: orchestrator verify HEAD",
            )
        )
    span = named_span(git, f"{base}..HEAD")
    short = base.removeprefix("refs/remotes/").removeprefix("refs/heads/")
    return span.replace(text=f"{short}..HEAD", tips=tuple([tip.replace(name="HEAD") for tip in span.tips]))


def _base(git: Git) -> str:
    """The full name of the upstream or default branch; "" if there is none but HEAD's own branch."""
    code, out, _ = git.call("rev-parse", "--symbolic-full-name", "--verify", "-q", "@{upstream}")
    if code == 0 and out.strip():
        return out.decode("utf-8", "surrogateescape").strip()
    here = git.call("symbolic-ref", "-q", "HEAD")[1].decode("utf-8", "surrogateescape").strip()
    configured = git.call("config", "--get", "init.defaultBranch")[1].decode("utf-8", "surrogateescape").strip()
    remotes = git.text("for-each-ref", "--format=%(refname)", "refs/remotes/*/HEAD").split("\n")
    names = [name for name in dict.fromkeys((configured, "main", "master")) if name]
    candidates = [
        *remotes,
        *[f"refs/heads/{name}" for name in names],
        *[f"refs/remotes/origin/{name}" for name in names],
    ]
    for name in candidates:
        if name and name != here and git.call("rev-parse", "--verify", "-q", f"{name}^{{commit}}")[0] == 0:
            return name
    return ""


def refuse_empty(git: Git, span: Span) -> None:
    """Refuse a span in which nothing would be judged, which must not be taken for success.

    Raises:
        CannotJudgeError: it has no commit.
    """
    options, revisions = revision_arguments([tip.oid for tip in span.tips], span.excluded)
    if span.tips and git.text("rev-list", "-n", "1", *options, stdin=revisions):
        return
    raise CannotJudgeError(
        Finding(
            "git",
            f"there is no commit in {span.text}, so nothing was judged",
            help="name a range that has commits: orchestrator verify <base>..<tip>",
        )
    )


def _span(git: Git, tips: list[str], excluded: list[str], text: str) -> Span:
    code, out, err = git.call("rev-parse", *[f"{oid}^{{commit}}" for oid in (*tips, *excluded)])
    if code:
        raise _unknown(text, err.decode("utf-8", "replace").strip().split("\n")[0])
    found = out.decode("ascii").split()
    return Span(tuple([Tip(oid, text) for oid in found[: len(tips)]]), tuple(found[len(tips) :]), text)


def _unknown(name: str, why: str) -> UnknownNameError:
    said = f": {why}" if why else ""
    return UnknownNameError(
        Finding(
            "git", f"{name!r} names no commits{said}", help="git log --oneline, and: orchestrator verify <base>..<tip>"
        )
    )
