"""The local cache in the Git directory: compiled plans, passed runs by key, the last run of each gate.

Everything in it can be deleted at any time; what is damaged counts as absent.
"""

from __future__ import annotations

import os

from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from orchestrator.core.gate import GateResult, Pass
    from orchestrator.core.plan import Plan

# Files of what one run leaves for the next.
KEYS = "keys"  # of gates, where there are many phases or files
UNDER_WAY = "under-way"  # the part of a large plan that is
ANSWER = "answer"  # of validate
_KEPT_PLANS = 8
_KEY_LENGTH = 64
_HEX = frozenset("0123456789abcdef")
_KEPT_PASSES = 1000
_LAST_RUN_FIELDS = ("status", "reason", "key", "exit_code", "seconds", "tests", "coverage", "finished_at", "output")


class LastRun(Value):
    """The last run of a gate of a phase, for display; ``finished_at`` in seconds since the epoch.

    ``ended`` says how often its runs here have ended so: from "passed", "failed" and the like to a number.
    """

    result: GateResult
    finished_at: float
    ended: Mapping[str, int] = {}


class RunCache:
    """The cache in one folder, made when first written to."""

    def __init__(self, folder: str) -> None:
        """Remember the folder (``git rev-parse --git-path orchestrator``); "" for a cache that keeps nothing."""
        self.folder = folder

    # -- plans

    def plan(self, oid: str) -> Plan | None:
        """The compiled plan of that blob, if it is here and sound."""
        from orchestrator.core.formats import load_compiled  # noqa: PLC0415 - not where nothing is judged again

        data = self._read(f"plans/{oid}")
        return load_compiled(data, oid) if data else None

    def store_plan(self, plan: Plan, oid: str) -> None:
        """Keep the compiled plan; without leave to write, the next hook compiles it again."""
        if not self.folder:
            return
        from orchestrator.core.formats import compile_plan  # noqa: PLC0415

        self._write(f"plans/{oid}", compile_plan(plan, oid))
        self._prune("plans", _KEPT_PLANS)

    def plans(self) -> list[Plan]:
        """All sound compiled plans, the latest first."""
        try:
            with os.scandir(os.path.join(self.folder, "plans")) as entries:
                found = sorted(entries, key=lambda entry: entry.stat().st_mtime, reverse=True)
        except OSError:
            return []
        return [plan for entry in found if (plan := self.plan(entry.name)) is not None]

    # -- what one run leaves for the next, under the name of all that it hangs on

    def has(self, file: str) -> bool:
        """Whether anything is kept in that file, sound or not."""
        return bool(self.folder) and os.path.exists(os.path.join(self.folder, file))

    def kept(self, file: str, name: str) -> Any:
        """What was kept last in that file, if it was under that name and is sound; else None."""
        from orchestrator.core.formats import thaw  # noqa: PLC0415 - not where nothing is judged again

        return thaw(self._read(file) or b"", name)

    def keep(self, file: str, name: str, value: object) -> None:
        """Remember the value, which ``freeze`` has to take, under the name."""
        from orchestrator.core.formats import freeze  # noqa: PLC0415

        self._write(file, freeze(value, name))

    # -- runs

    def passes_state(self) -> list[tuple[str, int, int]]:
        """What changes when one of the known passes does: name, size and time (ns of the epoch) of each file."""
        try:
            with os.scandir(os.path.join(self.folder, "passes")) as entries:
                return sorted([(e.name, e.stat().st_size, e.stat().st_mtime_ns) for e in entries])
        except OSError:
            return []  # there is none

    def known_pass(self, key: str) -> Pass | None:
        """The facts of a passed run under the key."""
        if len(key) != _KEY_LENGTH or not _HEX.issuperset(key):
            return None  # a key of plan.lock is anybody's text, and must not lead out of the folder
        data = self._read(f"passes/{key}")
        if data is None:
            return None
        tests, _, rest = data.decode("ascii", "replace").partition(" ")
        coverage, _, end = rest.partition(" ")
        if end != "passed\n":
            return None
        from orchestrator.core.gate import Pass  # noqa: PLC0415

        try:
            return Pass(key, int(tests) if tests != "-" else None, float(coverage) if coverage != "-" else None)
        except ValueError:
            return None

    def store_result(self, phase_id: str, result: GateResult, finished_at: float) -> None:
        """Remember a run: a pass as evidence under its key, anything else for display only."""
        import json  # noqa: PLC0415 - only after a run

        if result.passed:
            tests = "-" if result.tests is None else str(result.tests)
            coverage = "-" if result.coverage is None else repr(float(result.coverage))
            self._write(f"passes/{result.key}", f"{tests} {coverage} passed\n".encode())
            self._prune("passes", _KEPT_PASSES)
        facts: dict[str, object] = {name: getattr(result, name, finished_at) for name in _LAST_RUN_FIELDS}
        before = self.last_run(phase_id, result.gate)
        ended = dict(before.ended) if before is not None else {}
        facts["ended"] = {**ended, result.status: ended.get(result.status, 0) + 1}
        self._write(_run_name(phase_id, result.gate), json.dumps(facts).encode())

    def last_run(self, phase_id: str, gate: str) -> LastRun | None:
        """The last run of the phase's gate here."""
        import json  # noqa: PLC0415

        from orchestrator.core.gate import GateResult  # noqa: PLC0415

        data = self._read(_run_name(phase_id, gate))
        try:
            facts = json.loads(data or b"")
            finished_at = float(facts.pop("finished_at"))
            ended = {str(status): int(count) for status, count in facts.pop("ended", {}).items()}
            return LastRun(GateResult(gate=gate, **{name: facts[name] for name in facts}), finished_at, ended)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def last_run_text(self, phase_id: str, gate: str) -> str:
        """How the phase's gate ended when it last ran here, as the end of a sentence; "" if it never did."""
        last = self.last_run(phase_id, gate)
        if last is None:
            return ""
        if last.result.passed:
            return "has passed before, on other content or defined otherwise, and not on what is here"
        return f"{last.result.status} ({last.result.reason})" if last.result.reason else last.result.status

    # -- the notes that other stages leave for commit-msg

    def accepted(self) -> bytes:
        """What ``keep_accepted`` was given last, or nothing."""
        return self._read("accepted") or b""

    def keep_accepted(self, note: bytes) -> None:
        """Remember what the pre-commit stage has accepted."""
        self._write("accepted", note)

    def offered_message(self) -> str:
        """The message that was offered and must not be committed unchanged, or ""."""
        return (self._read("offered-message") or b"").decode("utf-8", "replace")

    def offer_message(self, text: str) -> None:
        """Remember what was offered; "" forgets it."""
        if text:
            self._write("offered-message", text.encode())
        else:
            self._remove("offered-message")

    # -- the boxes that were ticked by themselves in a PLAN.md that may not have been committed

    def keep_own_ticks(self, task_ids: Sequence[str], todo: bytes, head_oid: str) -> None:
        """Remember that a person has not ticked these boxes of that PLAN.md, written for a commit on that HEAD."""
        self._write("own-ticks", f"{head_oid} {' '.join(task_ids)}\n".encode() + todo)

    def own_ticks(self, todo: bytes, head_oid: str) -> list[str]:
        """The tasks that were ticked by themselves in just that PLAN.md, if the commit on that HEAD was given up."""
        header, _, text = (self._read("own-ticks") or b"").partition(b"\n")
        head, *ids = header.decode("ascii", "replace").split(" ")
        return ids if text == todo and head == head_oid else []

    # -- files

    def _read(self, name: str) -> bytes | None:
        if not self.folder:
            return None
        try:
            with open(os.path.join(self.folder, name), "rb") as file:
                return file.read()
        except OSError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        if not self.folder:
            return
        path = os.path.join(self.folder, name)
        # Where what a killed process leaves behind is looked for and taken away (orchestrator.worktree).
        temporary = f"tmp/{os.path.basename(name)}.{os.getpid()}.tmp"
        try:
            for folder in (os.path.dirname(name), "tmp"):
                os.makedirs(os.path.join(self.folder, folder), exist_ok=True)
            with open(os.path.join(self.folder, temporary), "wb") as file:
                file.write(data)
            os.replace(os.path.join(self.folder, temporary), path)
        except OSError:
            # A full disk or a read-only Git directory costs the memory of this run, not the commit.
            self._remove(temporary)

    def _remove(self, name: str) -> None:
        import contextlib  # noqa: PLC0415

        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.folder, name))

    def _prune(self, folder: str, kept: int) -> None:
        try:
            with os.scandir(os.path.join(self.folder, folder)) as entries:
                found = list(entries)
            if len(found) <= kept * 2:
                return
            found.sort(key=lambda entry: entry.stat().st_mtime)
        except OSError:
            return  # a folder that could not be made, or that another hook is tidying up right now
        for entry in found[:-kept]:
            self._remove(f"{folder}/{entry.name}")


def _run_name(phase_id: str, gate: str) -> str:
    return f"runs/{phase_id}.{gate.replace(':', '_')}"
