"""Gate keys and results: what a pass is a pass of."""

from __future__ import annotations

import sys

from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.core.plan import Gate, Phase

KEY_SCHEMA = 1
_MUCH = 1 << 20  # bytes
_BUILT_IN = "_sha2" if sys.version_info >= (3, 12) else "_sha256"


class Input(Value):
    """One file of a tree: its mode as Git writes it (``100644``), its path and its object id."""

    mode: str
    path: str
    oid: str


class Pass(Value):
    """The facts of a passed run, under its key; the same run writes the same bytes on every branch."""

    key: str
    tests: int | None = None
    coverage: float | None = None  # percent


class GateResult(Value):
    """The outcome of one run of a gate.

    ``status``: "passed"; "failed" (it ran and said no, a report is missing, or there are too few tests or too little
    coverage); "error" (it could not be run or judged); "timeout" (stopped at its own time limit); "stopped" (the
    hook's time limit ended it); "unclean" (what it ran on is not what is staged). Only "passed" is evidence.
    """

    gate: str
    key: str
    status: str
    reason: str = ""  # one line, for people
    exit_code: int | None = None
    seconds: float = 0.0
    tests: int | None = None
    coverage: float | None = None
    output: str = ""  # the last lines, decoded, unescaped

    @property
    def passed(self) -> bool:
        """Whether it is evidence."""
        return self.status == "passed"

    def outcome(self) -> str:
        """How it ended and what was measured, as "passed (1.2 s, 28 tests, 95% coverage)"."""
        facts = [f"{self.seconds:.1f} s"]
        if self.tests is not None:
            facts.append(f"{self.tests} tests")
        if self.coverage is not None:
            facts.append(f"{self.coverage:g}% coverage")
        return f"{self.status} ({', '.join(facts)})"


class DueGate(Value):
    """A gate that must run before the commit can be judged; ``role`` "own", "dependency" or "other"."""

    phase: Phase
    gate: Gate
    key: str
    role: str
    why: str


def gate_key(gate: Gate, inputs: Iterable[tuple[str, str, str]]) -> str:
    """SHA-256, in hex, over schema number, name, definition and inputs, as (mode, path, object id) in path order."""
    return key_of_lines(gate, input_lines(inputs))


def key_of_lines(gate: Gate, lines: str) -> str:
    """The same, of inputs as ``input_lines`` gives them."""
    head = repr((KEY_SCHEMA, gate.name, gate.definition())).encode("utf-8", "backslashreplace")
    return sha256(head + b"\0" + lines.encode("utf-8", "surrogateescape"))


def content_digest(inputs: Iterable[tuple[str, str, str]]) -> str:
    """SHA-256, in hex, over (mode, path, object id) of files in path order: the base of a task's pattern."""
    return sha256(input_lines(inputs).encode("utf-8", "surrogateescape"))


def input_lines(inputs: Iterable[tuple[str, str, str]]) -> str:
    """One line for each of the inputs, as mode, object id and path, ended by a NUL."""
    return "".join([f"{mode} {oid} {path}\0" for mode, path, oid in inputs])


def sha256(data: bytes) -> str:
    """SHA-256 in hex.

    OpenSSL, which hashlib loads, is a third of what a hook imports, and pays for itself from a megabyte on. Below,
    the algorithm of Python itself does, found as ``random`` of the standard library finds it.
    """
    try:
        algorithm = __import__("hashlib" if len(data) > _MUCH else _BUILT_IN)
    except ImportError:  # another Python than CPython
        algorithm = __import__("hashlib")
    digest: str = algorithm.sha256(data).hexdigest()
    return digest
