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
    program = argv[0].rpartition("/")[2] if argv else ""
    if program == "git-commit":
        return list(argv[1:])
    if program != "git":
        return None
    words = iter(argv[1:])
    for word in words:
        if word in ("-c", "-C", "--git-dir", "--work-tree", "--namespace", "--config-env", "--attr-source"):
            next(words, None)
        elif not word.startswith("-"):
            return list(words) if word == "commit" else None
    return None
