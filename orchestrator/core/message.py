"""Commit messages: cleaned as Git will clean them, and read as ``type(scope)!: [phase] subject``."""

from __future__ import annotations

from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EXCEPTION_TRAILER = "Plan-Exception"
_SCISSORS = "------------------------ >8 ------------------------"
_AUTO_COMMENTS = "#;@!$%^&|:"
_TARGETED = ("fixup! ", "squash! ", "amend! ")
_HEX = frozenset("0123456789abcdef")


class Header(Value):
    """The first line of a message that has the form; ``phase`` is the name between the brackets."""

    type: str
    phase: str
    subject: str = ""
    scope: str = ""
    breaking: bool = False


def clean(text: str, mode: str, comment: str, *, verbose: bool = False) -> str:
    """The message as Git will store it.

    ``mode`` is "strip", "whitespace", "scissors" or "verbatim"; ``comment`` the comment string; ``verbose`` whether Git
    was told to show a diff below a line with scissors, and so cuts there in every mode.
    Source: git-commit(1), --cleanup; git-stripspace(1); cleanup_message in sequencer.c of Git.
    """
    if verbose or mode == "scissors":
        text = _above_scissors(text, f"{comment} {_SCISSORS}\n")
    if mode == "verbatim":
        return text
    lines = text.split("\n")
    if mode == "strip":
        lines = [line for line in lines if not line.startswith(comment)]
    kept: list[str] = []
    for line in lines:
        stripped = line.rstrip(" \t\r")
        if stripped or (kept and kept[-1]):
            kept.append(stripped)
    while kept and not kept[-1]:
        kept.pop()
    return "".join([f"{line}\n" for line in kept])


def _above_scissors(text: str, line: str) -> str:
    if text.startswith(line):
        return ""
    at = text.find(f"\n{line}")
    return text if at < 0 else text[: at + 1]


def automatic_comment(text: str, *, edited: bool) -> str:
    """The character that Git chose under core.commentChar=auto, to be told from the message as hooks see it.

    Once a person has ``edited`` it, it is that of the status block, which comes last. Else it is the first that no
    line begins with. Source: adjust_comment_line_char in builtin/commit.c of Git.
    """
    if edited:
        last = next((line for line in reversed(text.split("\n")) if line.strip()), "#")
        return last[0] if last[0] in _AUTO_COMMENTS else "#"
    taken = {line[:1] for line in text.replace("\r", "\n").split("\n")}
    return next((character for character in _AUTO_COMMENTS if character not in taken), "#")


def subject_line(text: str) -> str:
    """The first line that is not blank, without white space around it."""
    return next((line.strip() for line in text.split("\n") if line.strip()), "")


def parse_header(line: str) -> Header | None:
    """The parts of a first line that has the form, else None."""
    head, separator, rest = line.partition(": ")
    if not separator or not rest.startswith("[") or "]" not in rest:
        return None
    name, _, subject = rest[1:].partition("]")
    if not name.strip() or (subject and not subject.startswith(" ")):
        return None
    breaking = head.endswith("!")
    head = head.removesuffix("!")
    scope = ""
    if head.endswith(")") and "(" in head:
        head, _, scope = head[:-1].partition("(")
        if not scope.strip() or "(" in scope or ")" in scope:
            return None
    if not head or not head.replace("-", "").isalnum() or not head.isascii():
        return None
    return Header(head, name.strip(), subject.strip(), scope, breaking)


def is_type_accepted(name: str, accepted: Sequence[str]) -> bool:
    """Whether a type is among those accepted; case does not count (Conventional Commits 1.0.0, item 15)."""
    return "*" in accepted or name.casefold() in [known.casefold() for known in accepted]


def trailer(text: str, name: str) -> str:
    """The value of the last such trailer in the last paragraph, or "" (git-interpret-trailers(1))."""
    paragraphs = text.strip().split("\n\n")
    if len(paragraphs) < 2:
        return ""
    value = ""
    for line in paragraphs[-1].split("\n"):
        token, colon, rest = line.partition(":")
        if colon and token.strip().casefold() == name.casefold():
            value = rest.strip()
    return value


def fixup_target(subject: str) -> str:
    """The subject (or abbreviated id) that a ``fixup!``, ``squash!`` or ``amend!`` is for, or ""."""
    found = ""
    while subject.startswith(_TARGETED):
        subject = found = subject.partition("! ")[2].strip()
    return found


def revert_target(text: str) -> str:
    """The id of the commit that the body says it reverts, or "" (git-revert(1))."""
    marker = "This reverts commit "
    for line in text.split("\n"):
        if line.startswith(marker):
            # "<oid>.", "<oid>, reversing", and with --reference "<oid> (<subject>, <date>)."
            oid = line[len(marker) :].strip().split(" ")[0].rstrip(".,")
            if len(oid) >= 4 and _HEX.issuperset(oid):
                return oid
    return ""
