"""What a judgement has to say: one finding per thing that is wrong."""

from __future__ import annotations

from orchestrator.core.value import Value


class Location(Value):
    """A place in a file, with what is to be said of it."""

    path: str
    line: int = 0  # from 1; 0: the file as a whole
    text: str = ""


class Finding(Value):
    """One thing that is wrong or worth a warning; its id is stable and documented in docs/errors.md."""

    id: str
    message: str
    severity: str = "error"  # "error" | "warning"
    locations: tuple[Location, ...] = ()
    notes: tuple[str, ...] = ()
    help: str = ""  # what to do next, with the exact command


class CannotJudgeError(Exception):
    """The question cannot be answered (broken plan, Git error): exit code 3, never 0."""

    def __init__(self, *findings: Finding) -> None:
        """Carry everything that stands in the way."""
        super().__init__("; ".join(f.message for f in findings))
        self.findings = findings


class RefusedError(CannotJudgeError):
    """Nothing could be done for a reason that the user has made and can mend: exit code 1."""


class UnknownNameError(CannotJudgeError):
    """A phase or task was asked for that the plan does not have: exit code 2."""


_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co"})
_JOINERS = "\u200c\u200d"  # of Persian words and of emoji


def printable(text: str) -> str:
    r"""The text with everything that could steer a terminal or break a line shown as ``\xNN`` or ``\uNNNN``.

    Plans, file names and commits are untrusted: control characters, line separators, bidirectional overrides and
    the lone surrogates of undecodable bytes are escaped, other text is left as it is.
    """
    if text.isprintable():
        return text
    from unicodedata import category  # noqa: PLC0415 - hardly ever needed

    return "".join([_escaped(c) if category(c) in _STEERING and c not in _JOINERS else c for c in text])


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: one undecodable byte
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
