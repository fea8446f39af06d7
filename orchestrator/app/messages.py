"""Commit messages at the edge: read as Git will store them, and freed from the form by what the commit is."""

from __future__ import annotations

from orchestrator.callers import running_commit
from orchestrator.core.finding import Finding, Location
from orchestrator.core.message import automatic_comment, clean, fixup_target, parse_header, revert_target, subject_line
from orchestrator.core.plan import PLAN_PATH, is_outside_phases, path_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.facts import Facts
    from orchestrator.app.repository import Repository

_FALSE = ("", "0", "false", "no", "off")  # git-config(1), Values, boolean


def read_message(repository: Repository, path: str) -> str:
    """The message in that file as Git will store it (git-commit(1), --cleanup)."""
    with open(path, "rb") as file:
        data = file.read()
    names = ("commit.cleanup", "commit.verbose", "core.commentchar", "core.commentstring", "i18n.commitencoding")
    config = read_config(repository, *names)
    encoding = config.get("i18n.commitencoding", "utf-8")
    try:
        text = data.decode(encoding, "surrogateescape" if encoding.casefold() in ("utf-8", "utf8") else "replace")
    except (LookupError, UnicodeError):  # unknown to Python, or no encoding of text at all
        text = data.decode("utf-8", "surrogateescape")
    options = running_commit()
    # Git tells its hooks by GIT_EDITOR=: that no editor is opened; a user's own setting may say the same.
    is_edited = options.edited if options.known else repository.git.env.get("GIT_EDITOR") != ":"
    mode = options.cleanup or config.get("commit.cleanup", "default")
    if mode == "default":
        mode = "strip" if is_edited else "whitespace"
    elif mode == "scissors" and not is_edited:
        mode = "whitespace"
    comment = config.get("core.commentstring") or config.get("core.commentchar") or "#"
    if comment == "auto":
        comment = automatic_comment(text, edited=is_edited)
    verbose = options.verbose
    if verbose is None:
        # Where nobody can tell, what stands below scissors and below comments is taken for a diff.
        verbose = config["commit.verbose"].casefold() not in _FALSE if "commit.verbose" in config else not options.known
    return clean(text, mode, comment, verbose=verbose)


def read_config(repository: Repository, *names: str) -> dict[str, str]:
    """The values of those settings of Git that are set, by lower-case name."""
    pattern = "^(" + "|".join([name.replace(".", r"\.") for name in names]) + ")$"
    return {name: "true" if value is None else value for name, value in repository.git.settings(pattern)}


def freed_by_structure(facts: Facts, text: str) -> tuple[bool, tuple[Finding, ...]]:
    """Whether the message is free from the form, by what the commit is and not by what it says, and what is wrong.

    What claims to be a fixup or a revert and is none is refused for that; its form is not judged beside.
    """
    repository = facts.repository
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
    theirs = set()
    # Of a merge, "git revert -m" undoes the changes against any one of the parents.
    for base in parents or ["--root"]:
        options = ("-r", "-z", "--no-commit-id", "--name-only", "--no-renames")
        out = repository.git.run("diff-tree", *options, base, commit, "--")
        theirs.update([path_text(name) for name in out.split(b"\0")[:-1]])
    strange = [
        path for path in facts.changed if path not in theirs and not (is_outside_phases(path) and path != PLAN_PATH)
    ]
    return f"that commit did not touch {strange[0]}" if strange else ""
