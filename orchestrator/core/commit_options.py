"""The options of a ``git commit`` command line, read as Git reads them (git-commit(1), gitcli(7))."""

from __future__ import annotations

from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_WITH_VALUE = (
    "author", "cleanup", "date", "file", "fixup", "message", "pathspec-from-file", "reedit-message", "reuse-message",
    "squash", "template", "trailer",
)  # fmt: skip
_WITHOUT_VALUE = (
    "ahead-behind", "all", "allow-empty", "allow-empty-message", "amend", "branch", "dry-run", "edit", "gpg-sign",
    "include", "interactive", "long", "null", "only", "patch", "pathspec-file-nul", "porcelain", "post-rewrite",
    "quiet", "reset-author", "short", "signoff", "status", "unified", "untracked-files", "verbose", "verify",
)  # fmt: skip
_LONG = (*_WITH_VALUE, *_WITHOUT_VALUE)
_SHORT_WITH_VALUE = {"m": "message", "F": "file", "c": "reedit-message", "C": "reuse-message", "t": "template"}
_SHORT_WITH_REST = "Su"  # their value, if any, is the rest of the cluster
_SHORT = {"e": "edit", "v": "verbose"}


class CommitOptions(Value):
    """What a command line says; ``known`` is false where nobody could tell it.

    ``edited`` says whether an editor is opened on the message, ``verbose`` whether a diff is shown in it (None: as
    the setting says).
    """

    known: bool = False
    amend: bool = False
    allow_empty: bool = False
    allow_empty_message: bool = False
    edited: bool = False
    cleanup: str = ""
    verbose: bool | None = None


def parse_commit_options(arguments: Sequence[str]) -> CommitOptions:
    """The options among the arguments after ``git commit``; of several that contradict, the last one counts."""
    given: dict[str, str | bool] = {}
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            break
        if argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            option = _resolved(name)
            if option in _WITH_VALUE and not equals:
                value = next(rest, "")
            if option:
                given[option] = value if option in _WITH_VALUE else True
            elif (negated := _resolved(name.removeprefix("no-"))) and name.startswith("no-"):
                given[negated] = False
        elif argument.startswith("-"):
            _read_cluster(argument[1:], rest, given)
    message_is_given = any([given.get(name, False) is not False for name in ("message", "file", "reuse-message")])
    fixup = str(given.get("fixup") or "")
    message_is_given = message_is_given or bool(fixup and not fixup.startswith(("amend:", "reword:")))
    return CommitOptions(
        known=True,
        amend=given.get("amend") is True,
        allow_empty=given.get("allow-empty") is True,
        allow_empty_message=given.get("allow-empty-message") is True,
        edited=bool(given["edit"]) if "edit" in given else not message_is_given,
        cleanup=str(given.get("cleanup") or ""),
        verbose=bool(given["verbose"]) if "verbose" in given else None,
    )


def _read_cluster(letters: str, rest: object, given: dict[str, str | bool]) -> None:
    """One argument of short options, as ``-am``; a value is the rest of it, or the next argument."""
    for position, letter in enumerate(letters):
        if letter in _SHORT_WITH_VALUE:
            value = letters[position + 1 :] or next(rest, "")  # type: ignore[call-overload]
            given[_SHORT_WITH_VALUE[letter]] = value
            return
        if letter in _SHORT_WITH_REST:
            return
        if letter in _SHORT:
            given[_SHORT[letter]] = True


def _resolved(name: str) -> str:
    """The long option that the name is or abbreviates without doubt, or ""."""
    if name in _LONG:
        return name
    found = [option for option in _LONG if option.startswith(name)] if name else []
    return found[0] if len(found) == 1 else ""


def commit_arguments(argv: Sequence[str]) -> list[str] | None:
    """The arguments after the subcommand of a ``git commit`` command line; None if it is another command."""
    name, arguments = git_command(argv)
    return arguments if name == "commit" else None


def git_command(argv: Sequence[str]) -> tuple[str, list[str]]:
    """The subcommand of a command line of Git and the arguments after it; "" if it is no such command line."""
    program = argv[0].rpartition("/")[2] if argv else ""
    if program.startswith("git-"):
        return program.removeprefix("git-"), list(argv[1:])
    words = iter(argv[1:] if program == "git" else ())
    for word in words:
        if word in ("-c", "-C", "--git-dir", "--work-tree", "--namespace", "--config-env", "--attr-source"):
            next(words, None)
        elif not word.startswith("-"):
            return word, list(words)
    return "", []


def favoured_side(arguments: Sequence[str]) -> str:
    """The side that ``-X`` of these arguments favours where both have changed a line: "ours", "theirs" or "".

    The arguments are those of ``git merge``, ``pull``, ``cherry-pick`` or ``revert``; the last one counts.
    """
    found = ""
    rest = iter(arguments)
    for argument in rest:
        value = ""
        if argument == "--":
            break
        if argument.startswith("--strategy-"):
            value = argument.partition("=")[2] if "=" in argument else next(rest, "")
        elif argument.startswith("-") and not argument.startswith("--"):
            for position, letter in enumerate(argument[1:], 2):
                if letter in "XmsSF":  # the rest is its value or, but for a key to sign with, the next argument
                    said = argument[position:] or ("" if letter == "S" else next(rest, ""))
                    value = said if letter == "X" else ""
                    break
        if value in ("ours", "theirs"):
            found = value
    return found
