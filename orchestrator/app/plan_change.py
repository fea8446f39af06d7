"""Commands that change plan.toml: what holds phases up, and the security checklist."""

from __future__ import annotations

import os
import shutil
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from orchestrator.app.own_files import write_own_files
from orchestrator.app.repository import Repository
from orchestrator.app.workplace import no_staged_plan, one_at_a_time, phase_named, staged_facts, staged_reading
from orchestrator.callers import Runner
from orchestrator.core.control_lists import LISTS
from orchestrator.core.finding import CannotJudgeError, Finding, RefusedError, UnknownNameError, printable
from orchestrator.core.names import nearest
from orchestrator.core.plan import ASSUMPTION, BLOCKER, OWN_PATHS, PLAN_PATH, QUESTION
from orchestrator.core.plan_check import STEERING
from orchestrator.core.plan_edit import add_tables, next_id, set_keys
from orchestrator.core.plan_file import read_plan, toml_problems
from orchestrator.core.refusals import commit_of
from orchestrator.core.value import Value
from orchestrator.git import Git
from orchestrator.worktree import Update, read_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.core.plan import Hold, Plan

    Edit = Callable[[bytes], bytes]

_PREFIXES = {QUESTION: "Q", BLOCKER: "B", ASSUMPTION: "A"}
_CLOSING = {QUESTION: "answer", BLOCKER: "resolved", ASSUMPTION: "confirmed"}


class Change(Value):
    """What was changed, as (kind, id, what is said of it), and the command that commits it.

    ``commit`` is "" where all was so already; ``note`` says what else is to be known before.
    """

    items: tuple[tuple[str, str, str], ...]
    commit: str
    note: str = ""


@one_at_a_time
def hold(repository: Repository, kind: str, text: str, phase_names: Sequence[str]) -> Change:
    """Put a question, blocker or assumption into the plan; until it is settled the phases cannot start.

    Raises:
        CannotJudgeError: a phase is unknown, the text is empty or would steer a terminal, or there is no plan.
    """
    text = _said(text)
    place = _Place(repository)
    blocks = list(dict.fromkeys([phase_named(place.plan, name).id for name in phase_names]))
    new_id = next_id(_PREFIXES[kind], place.versions, kind)
    table = {"id": new_id, "text": text, **({"blocks": blocks} if blocks else {})}
    verb = {QUESTION: "ask", BLOCKER: "block", ASSUMPTION: "assume"}[kind]
    what = f"blocks {', '.join(blocks)}" if blocks else "blocks no phase"
    return place.change(lambda data: add_tables(data, kind, [table]), [(kind, new_id, what)], f"{verb} {new_id}")


@one_at_a_time
def settle_hold(repository: Repository, kind: str, hold_id: str, said: str) -> Change:
    """Answer the question, or confirm the assumption, of that id; ``said`` may be empty for the latter.

    Raises:
        CannotJudgeError: there is none of that id, the text would steer a terminal, or there is no plan.
    """
    place = _Place(repository)
    known = {found.id: found for found in place.plan.holds if found.kind == kind}
    if hold_id not in known:
        said_id = f'the plan has no {kind} "{hold_id}"{nearest(hold_id, known)}'
        raise UnknownNameError(Finding("plan-invalid", said_id, help="orchestrator status"))
    verb = "answer" if kind == QUESTION else "confirm"
    return _settle(place, [known[hold_id]], said, f"{verb} {hold_id}")


@one_at_a_time
def unblock(repository: Repository, phase_name: str, said: str) -> Change:
    """Say that every blocker of the phase is out of the way, and, if not empty, how.

    Raises:
        CannotJudgeError: the phase is unknown or nothing blocks it, or there is no plan.
    """
    place = _Place(repository)
    phase = phase_named(place.plan, phase_name)
    holds = [found for found in place.plan.holds if phase.id in found.blocks and found.is_open]
    blockers = [found for found in holds if found.kind == BLOCKER]
    if not blockers:
        notes = tuple([found.unsettled() for found in holds])
        text = f'no blocker is in the way of phase "{phase.title}"'
        raise UnknownNameError(Finding("plan-invalid", text, notes=notes, help="orchestrator next"))
    return _settle(place, blockers, said, f"unblock {phase.id}")


def _settle(place: _Place, holds: Sequence[Hold], said: str, subject: str) -> Change:
    kind = holds[0].kind
    value: str | bool = _said(said) if said.strip() or kind == QUESTION else True
    values = {found.id: {_CLOSING[kind]: value} for found in holds}
    word = {QUESTION: "answered", BLOCKER: "resolved", ASSUMPTION: "confirmed"}[kind]
    before = [f"{word} (before: {printable(found.answer)})" if found.answer else word for found in holds]
    items = [(kind, found.id, was) for found, was in zip(holds, before, strict=True)]
    return place.change(lambda data: set_keys(data, kind, values), items, subject)


@one_at_a_time
def add_controls(repository: Repository, domains: Sequence[str], phase_name: str | None) -> Change:
    """Add the starter lists of these domains to the checklist of the phase, by default the last one.

    What the plan has already, by text and reference, is not added again.

    Raises:
        CannotJudgeError: the phase is unknown, everything is there already, or there is no plan.
    """
    place = _Place(repository)
    phase = place.plan.phases[-1] if phase_name is None else phase_named(place.plan, phase_name)
    known = {
        (control.text, control.reference.removeprefix("OWASP "))
        for each in place.plan.phases
        for control in each.controls
    }
    wanted = [item for domain in domains for item in LISTS[domain] if item not in known]
    if not wanted:
        said = f"the plan has all controls of {' and '.join(domains)} already"
        raise UnknownNameError(Finding("plan-invalid", said, help="orchestrator controls list"))
    first = int(next_id("S", place.versions, "control")[1:])
    tables = [
        {"id": f"S{number}", "text": text, "phase": phase.id, "reference": f"OWASP {reference}"}
        for number, (text, reference) in enumerate(wanted, first)
    ]
    items = [("control", str(table["id"]), f"{table['text']} ({table['reference']})") for table in tables]
    subject = f"add controls for {' and '.join(domains)}"
    return place.change(lambda data: add_tables(data, "control", tables), items, subject)


@one_at_a_time
def change_control(repository: Repository, control_id: str, verb: str, values: dict[str, Any]) -> Change:
    """Give the control of that id these keys; ``verb`` is the word for it in the commit.

    Raises:
        CannotJudgeError: there is none of that id, a text would steer a terminal, or there is no plan.
    """
    place = _Place(repository)
    known = {control.id: phase for phase in place.plan.phases for control in phase.controls}
    if control_id not in known:
        said = f'the plan has no control "{control_id}"{nearest(control_id, known)}'
        raise UnknownNameError(Finding("plan-invalid", said, help="orchestrator controls list"))
    parts = [part for value in values.values() for part in (value.values() if isinstance(value, dict) else [value])]
    for text in parts:
        if isinstance(text, str):
            _said(text)
    until = values.get("waiver", {}).get("until")
    if until is not None and until.isoformat() < repository.today():
        said = f"{until.isoformat()} is over already, and with it the waiver"
        raise UnknownNameError(Finding("plan-invalid", said, help="orchestrator controls waive ID ... --until DATE"))
    control = next(found for found in known[control_id].controls if found.id == control_id)
    word = {"resolve": "resolved by hand", "waive": "waived", "check": "checked by a command"}[verb]
    if verb == "resolve" and control.checked:
        word += ", which does not count: it has a check, and that decides"
    items = [("control", control_id, f"of phase {known[control_id].id}: {word}")]
    edits = {control_id: values}
    return place.change(lambda data: set_keys(data, "control", edits), items, f"{verb} {control_id}")


def _said(text: str) -> str:
    """The text of a command line as it may stand in a plan.

    Raises:
        UnknownNameError: it is empty, or would steer a terminal.
    """
    if not text.strip():
        raise UnknownNameError(Finding("plan-invalid", "the text is empty", help="say it in a few words, in quotes"))
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise UnknownNameError(
            Finding("plan-invalid", f"there are bytes that are not UTF-8 in: {printable(text)[:80]}")
        )
    if STEERING.search(text.replace("\n", " ").replace("\t", " ")):
        raise UnknownNameError(Finding("plan-invalid", f"there is a control character in: {printable(text)[:80]}"))
    return text.strip()


class _Place:
    """plan.toml as it is staged, and as the work tree has it."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        found = repository.read_objects([f":{PLAN_PATH}"])[f":{PLAN_PATH}"]
        if found is None:
            raise no_staged_plan(repository)
        self._staged_oid, self._staged = found
        self.plan: Plan = repository.load_plan(*found)
        if repository.has("MERGE_HEAD"):
            said = "a merge is under way, and a change of the plan would be committed with it"
            raise RefusedError(Finding("plan-mixed", said, help="git merge --continue (or --abort), then again"))
        current = read_file(repository.git.top, PLAN_PATH)
        self._has_edits = current is not None and current.replace(b"\r\n", b"\n") != self._staged.replace(
            b"\r\n", b"\n"
        )
        if self._has_edits and current is not None and (problems := toml_problems(current)):
            raise RefusedError(*problems)
        self.versions = [self._staged] if current is None else [self._staged, current]

    def change(self, edit: Edit, items: Sequence[tuple[str, str, str]], subject: str) -> Change:
        """Edit and stage plan.toml with its PLAN.md and plan.lock, all of them or none; unstaged edits stay so."""
        new = edit(self._staged)
        plan, findings = read_plan(new)
        if plan is None:
            raise CannotJudgeError(*findings)
        repository = self._repository
        with TemporaryDirectory(prefix="orchestrator-") as folder:
            trial = _with_plan(repository, new, folder)
            facts = staged_facts(trial).replace(repository=repository)
            settled = facts.settle({}, staged_reading(facts))
        mode = settled.content.listing[PLAN_PATH][0]
        update = Update(PLAN_PATH, self._staged, new, lambda data: _or_none(edit, data), mode, old_oid=self._staged_oid)
        write_own_files(facts, settled, Runner(), os.getppid(), by_command=True, also=(update,))
        if new == self._staged:
            return Change(tuple(items), "")
        note = "plan.toml has edits that are not staged; they are not part of this: git add plan.toml, to bring them in"
        kind = settled.plan.settings.usual_type
        others = [path for path in facts.changed if path not in OWN_PATHS]
        message = f"{kind}: [plan] {subject if facts.before is not None else 'adopt'}"
        command = f'git commit -m "{message}"'
        if others:
            rest = " ".join([":/", *[f"':(top,exclude){path}'" for path in OWN_PATHS]])
            command = commit_of(message, _own_paths(repository), rest, edited=_have_edits(repository))
        return Change(tuple(items), command, note if self._has_edits else "")


def _with_plan(repository: Repository, data: bytes, folder: str) -> Repository:
    """The repository with an index of its own, in which that plan.toml is staged."""
    index = os.path.join(folder, "index")
    shutil.copyfile(repository.index_file, index)
    git = Git(repository.git.top, {**repository.git.env, "GIT_INDEX_FILE": index})
    oid = git.text("hash-object", "-w", "--no-filters", "--stdin", stdin=data)
    mode = git.text("ls-files", "-s", "--", PLAN_PATH).split(" ", 1)[0]
    git.run("update-index", "-z", "--index-info", stdin=f"{mode} {oid}\t{PLAN_PATH}\0".encode())
    return Repository(git, repository.git_dir)


def _have_edits(repository: Repository) -> bool:
    """Whether one of the three files has edits that are not staged."""
    return bool(repository.git.run("diff", "--name-only", "--no-ext-diff", "--", *[f":/{path}" for path in OWN_PATHS]))


def _own_paths(repository: Repository) -> str:
    """The tool's three files as Git takes them in the current folder."""
    is_top = os.path.samefile(os.getcwd(), repository.git.top)
    return " ".join(OWN_PATHS if is_top else [f":/{path}" for path in OWN_PATHS])


def _or_none(edit: Edit, data: bytes) -> bytes | None:
    """The edit of another version of the file; None where it cannot be made there."""
    try:
        return edit(data)
    except CannotJudgeError:
        return None


def change_data(done: Change) -> dict[str, Any]:
    """The change as JSON data."""
    changed = [{"kind": kind, "id": name} for kind, name, _ in done.items]
    return {"changed": changed, "commit": done.commit, "note": done.note}
