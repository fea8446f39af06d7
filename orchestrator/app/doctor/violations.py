"""What ``doctor`` plants: a small plan of its own, one violation of each kind, and honest work.

The plan is planted, too, so that each violation can be made whatever the user's own plan looks like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.app.doctor.diagnosis import ACCEPTED, ALTERED, CAUGHT, MISSED, NOT_SHOWN, REFUSED, Planted
from orchestrator.app.doctor.throwaway import LIMIT_S, REMOTE
from orchestrator.app.facts import read_facts
from orchestrator.app.own_files import updates_for
from orchestrator.app.repository import no_plan
from orchestrator.core.formats import NO_EVIDENCE, parse_lock
from orchestrator.core.gate import GateResult
from orchestrator.core.plan import LOCK_PATH, PLAN_PATH, TODO_PATH
from orchestrator.core.value import Value
from orchestrator.git import Git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.app.doctor.throwaway import Attempt, Throwaway
    from orchestrator.app.facts import Facts

FOLDER = "orchestrator-doctor"
HONEST = "honest work"
ALL = "all"
UNTICKED = "committed without its tick in PLAN.md"
BAD_PUSH = "a push of what went around the hooks"
PLAN = f"""\
version = 1

[feature]
title = "Planted by orchestrator doctor"

[gates.green]
run = "grep -q green {FOLDER}/first/gate.txt"
inputs = ["{FOLDER}/first/**"]

[[phase]]
id = "first"
title = "First"
files = ["{FOLDER}/first/**"]
gates = ["green"]
[[phase.task]]
id = "1.1"
title = "Written"
files = ["{FOLDER}/first/written.txt"]
[[phase.task]]
id = "1.2"
title = "Agreed"

[[phase]]
id = "second"
title = "Second"
depends_on = ["first"]
files = ["{FOLDER}/second/**"]
[[phase.task]]
id = "2.1"
title = "Built on the first"

[[phase]]
id = "third"
title = "Third"
files = ["{FOLDER}/third/**"]
[[phase.task]]
id = "3.1"
title = "Beside the others"
files = ["{FOLDER}/third/part/**"]
"""
TEXT = "planted by orchestrator doctor\n"
FIRST, SECOND, THIRD, NOBODYS = (
    f"{FOLDER}/{name}" for name in ("first/more.txt", "second/work.txt", "third/work.txt", "notes.txt")
)
WRITTEN = f"{FOLDER}/first/written.txt"
GATE_FILE = f"{FOLDER}/first/gate.txt"
_PRE_COMMIT, _COMMIT_MSG, _PRE_MERGE, _PRE_PUSH = "pre-commit", "commit-msg", "pre-merge-commit", "pre-push"


class States(Value):
    """The commits from which is planted.

    ``fresh``: the plan is adopted, nothing is done. ``waiting``: all tasks of the first phase are done and its gate
    is red. ``side``: on ``fresh``, with a file of the locked phase that came in around the hooks. ``beside``: on
    ``fresh``, with an honest file of another phase.
    """

    fresh: str
    waiting: str
    side: str
    beside: str


class Violation(Value):
    """A violation: ``files`` staged on top of a state, then a commit with that message, refused under ``expected``."""

    what: str
    stage: str
    expected: str
    message: str
    files: Mapping[str, str] = {}
    ticks: tuple[str, ...] = ()
    waiting: bool = False  # on the state of that name, else on "fresh"
    edit: Callable[[Throwaway], None] | None = None  # what is to be staged beside


def _edit_todo(place: Throwaway) -> None:
    todo = _text(place, TODO_PATH)
    place.stage({TODO_PATH: todo.replace("### Phase 2:", "a line of somebody else\n\n### Phase 2:", 1)})


def _remove_plan(place: Throwaway) -> None:
    place.git("rm", "-q", "-f", "--", PLAN_PATH)


VIOLATIONS = (
    Violation("work on a locked phase", _PRE_COMMIT, "phase-locked", "feat: [Second] work", {SECOND: TEXT}),
    Violation("files of two phases", _PRE_COMMIT, "phases-mixed", "feat: [First] work", {FIRST: TEXT, THIRD: TEXT}),
    Violation("a tick without its work", _PRE_COMMIT, "task-evidence", "feat: [Third] done", ticks=("3.1",)),
    Violation("a tick in a locked phase", _PRE_COMMIT, "task-locked", "feat: [Second] done", ticks=("2.1",)),
    Violation(
        "work that builds on a red gate", _PRE_COMMIT, "gate-failed", "feat: [Second] work", {SECOND: TEXT},
        waiting=True,
    ),
    Violation(
        "a change of plan.toml with files of a phase", _PRE_COMMIT, "plan-mixed", "feat: [plan] change",
        {PLAN_PATH: PLAN.replace("Agreed", "Agreed upon"), FIRST: TEXT},
    ),
    Violation(
        "plan.toml taken away with files of a phase", _PRE_COMMIT, "plan-mixed", "feat: [plan] end", {FIRST: TEXT},
        edit=_remove_plan,
    ),
    Violation(
        "a foreign line in PLAN.md", _PRE_COMMIT, "plan-md-edited", "feat: [First] work", {FIRST: TEXT},
        edit=_edit_todo,
    ),
    Violation("a message without the form", _COMMIT_MSG, "message-format", "some work", {FIRST: TEXT}),
    Violation("a message with an unknown phase", _COMMIT_MSG, "phase-unknown", "feat: [Nowhere] work", {FIRST: TEXT}),
    Violation("a message with a locked phase", _COMMIT_MSG, "phase-locked", "feat: [Second] work", {NOBODYS: TEXT}),
    Violation("a message with another phase than the files", _COMMIT_MSG, "phase-mismatch", "feat: [Third] work",
              {FIRST: TEXT}),
)  # fmt: skip


def prepare(place: Throwaway) -> States:
    """The states, committed around all hooks on top of what is there; the user's own plan is put aside.

    Raises:
        CannotJudgeError: Git did not do it.
    """
    for path in (PLAN_PATH, TODO_PATH, LOCK_PATH):
        place.git("rm", "-q", "-f", "--ignore-unmatch", "--", path)
    place.stage({PLAN_PATH: PLAN, GATE_FILE: "red\n"})
    facts = _facts(place)
    place.stage(_own_files(facts, {}))
    fresh = place.record("feat: [plan] planted by orchestrator doctor")
    place.stage({SECOND: TEXT})
    side = place.record("around the hooks")
    place.reset(fresh)
    place.stage({THIRD: TEXT})
    beside = place.record("feat: [Third] work")
    place.reset(fresh)
    place.stage({WRITTEN: TEXT})
    _tick(place, "1.2")
    place.stage(_own_files(_facts(place, "HEAD"), {}))
    waiting = place.record("feat: [First] all but the gate")
    return States(fresh, waiting, side, beside)


def plant_all(place: Throwaway, states: States) -> Iterator[Planted]:
    """What came of honest work and of each violation, one after the other.

    After a command that was stopped at its time limit nothing more is planted: a hook that hangs would hang each time.
    """
    plants: list[Callable[[], Planted]] = [
        lambda: _honest_commit(place, states),
        *[lambda violation=violation: _violation(place, states, violation) for violation in VIOLATIONS],
        lambda: _forged_pass(place, states),
        lambda: _honest_merge(place, states),
        lambda: _evil_merge(place, states),
        lambda: _evil_conclusion(place, states),
    ]
    for plant in plants:
        if place.timed_out:
            return
        yield plant()


def _violation(place: Throwaway, states: States, violation: Violation) -> Planted:
    place.reset(states.waiting if violation.waiting else states.fresh)
    if violation.files:
        place.stage(violation.files)
    _tick(place, *violation.ticks)
    if violation.edit:
        violation.edit(place)
    done = place.attempt("commit", "-m", violation.message)
    return _judged(violation.what, violation.stage, violation.expected, done)


def _judged(what: str, stage: str, expected: str, done: Attempt) -> Planted:
    """A violation counts as caught only if there is no commit and it was refused under the id that is right for it."""
    row = Planted(what, stage, expected, CAUGHT, said=done.last_lines())
    if done.landed:
        return row.replace(result=MISSED)
    if done.exit_code is None:
        return row.replace(result=NOT_SHOWN, detail=f"stopped after {LIMIT_S:g} s")
    if not done.told(expected):
        return row.replace(result=NOT_SHOWN, detail="refused by something else")
    return row


def _honest_commit(place: Throwaway, states: States) -> Planted:
    """Work that must land, with PLAN.md brought up to date inside of it and nothing else changed."""
    place.reset(states.fresh)
    place.stage({WRITTEN: TEXT})
    staged = place.git("rev-parse", f":{WRITTEN}")
    done = place.attempt("commit", "-m", "feat: [First] write it")
    row = Planted(HONEST, ALL, "", ACCEPTED, said=done.last_lines())
    if not done.landed:
        why = f"stopped after {LIMIT_S:g} s" if done.exit_code is None else "it was refused"
        return row.replace(result=REFUSED, detail=why)
    if b"- [x] Task 1.1:" not in (place.committed(TODO_PATH) or b""):
        return row.replace(result=ALTERED, detail=UNTICKED)
    names = place.git("diff", "--name-only", "--no-renames", "-z", done.before, done.after).split("\0")[:-1]
    strange = sorted({*names} - {WRITTEN, TODO_PATH, LOCK_PATH})
    if place.git("rev-parse", f"HEAD:{WRITTEN}") != staged:
        strange.append(WRITTEN)
    if strange:
        return row.replace(result=ALTERED, detail=f"another hook changed what was judged: {', '.join(strange)}")
    return row


def _forged_pass(place: Throwaway, states: States) -> Planted:
    """A pass that no run has given: the hooks need not refuse it, but it must not be in the commit."""
    place.reset(states.waiting)
    place.stage({NOBODYS: TEXT})
    facts = _facts(place, "HEAD")
    content = facts.required()
    phase = content.plan.phases[0]
    key = content.key(phase, phase.gates[0])
    forged = _own_files(facts, {key: GateResult(phase.gates[0].name, key, "passed")})
    place.stage({LOCK_PATH: forged[LOCK_PATH]})
    done = place.attempt("commit", "-m", "feat: [First] note")
    row = Planted("a forged pass in plan.lock", _PRE_COMMIT, "lock-tampered", CAUGHT, said=done.last_lines())
    if not done.landed:
        return row if done.told("lock-tampered") else _judged(row.what, row.stage, row.expected, done)
    if parse_lock(place.committed(LOCK_PATH) or b"version = 1\n").get("first", NO_EVIDENCE).passes:
        return row.replace(result=MISSED)
    return row.replace(detail="committed without the pass")


def _honest_merge(place: Throwaway, states: States) -> Planted:
    place.reset(states.fresh)
    place.stage({FIRST: TEXT})
    place.record("feat: [First] work")
    done = place.attempt("merge", "--no-edit", states.beside)
    row = Planted("an honest merge", _PRE_MERGE, "", ACCEPTED, said=done.last_lines())
    if done.landed:
        return row
    return row.replace(
        result=REFUSED, detail=f"stopped after {LIMIT_S:g} s" if done.exit_code is None else "it was refused"
    )


def _evil_merge(place: Throwaway, states: States) -> Planted:
    """A merge made by Git alone whose tree is not what the two sides yield: it drops a file of a locked phase."""
    place.reset(states.beside)
    done = place.attempt("merge", "--no-edit", "-s", "ours", states.side)
    return _judged("a merge that drops work of a locked phase", _PRE_MERGE, "phase-locked", done)


def _evil_conclusion(place: Throwaway, states: States) -> Planted:
    """A merge whose conclusion brings a file of a locked phase that neither side has."""
    place.reset(states.fresh)
    place.git("merge", "-q", "--no-ff", "--no-commit", states.beside)
    place.stage({f"{FOLDER}/second/sneaked.txt": TEXT})
    done = place.attempt("commit", "--no-edit")
    return _judged("a merge that brings work of a locked phase", _PRE_COMMIT, "phase-locked", done)


def plant_pushes(place: Throwaway, states: States) -> Iterator[Planted]:
    """What came of pushing an honest commit, and one that went around the hooks, to a bare repository made for it."""
    remote = place.folder / "remote.git"
    form = place.git("rev-parse", "--show-object-format")
    Git(str(place.folder), place.env).run("init", "-q", "--bare", "--template=", f"--object-format={form}", str(remote))
    (remote / "objects" / "info" / "alternates").write_text(f"{place.top}/.git/objects\n", encoding="utf-8")
    server = Git(str(remote), place.env)
    branch = "refs/heads/main"
    server.run("update-ref", branch, states.fresh)
    place.git("remote", "add", REMOTE, str(remote))
    place.git("fetch", "-q", REMOTE)
    place.reset(states.beside)
    for what, revision, expected in (
        ("an honest push", states.beside, ""),
        (BAD_PUSH, states.side, "phase-locked"),
    ):
        if place.timed_out:
            return
        place.reset(revision)
        server.run("update-ref", branch, states.fresh)
        done = place.attempt("push", "-q", REMOTE, f"HEAD:{branch}")
        done = done.replace(before=states.fresh, after=server.text("rev-parse", branch))
        if expected:
            row = _judged(what, _PRE_PUSH, expected, done)
            yield row
        else:
            row = Planted(what, _PRE_PUSH, "", ACCEPTED, said=done.last_lines())
            yield row if done.landed else row.replace(result=REFUSED, detail="it was refused")


# -- the tool's own files -----------------------------------------------------------------------------------------


def _facts(place: Throwaway, *parents: str) -> Facts:
    facts = read_facts(place.repository, parents)
    if facts is None:
        raise no_plan()
    return facts


def _own_files(facts: Facts, results: Mapping[str, GateResult]) -> dict[str, bytes]:
    """PLAN.md and plan.lock as they must be for what is staged, had these gates been run."""
    settled = facts.settle(results, facts.reading())
    return {update.path: update.new for update in updates_for(facts, settled)}


def _text(place: Throwaway, path: str) -> str:
    return (place.committed(path) or b"").decode("utf-8", "surrogateescape")


def _tick(place: Throwaway, *task_ids: str) -> None:
    """Tick the boxes as a person does."""
    todo = _text(place, TODO_PATH)
    for task_id in task_ids:
        todo = todo.replace(f"- [ ] Task {task_id}:", f"- [x] Task {task_id}:", 1)
    if task_ids:
        place.stage({TODO_PATH: todo})
