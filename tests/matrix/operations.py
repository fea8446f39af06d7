"""The operations of Git: the history that each one needs, what lies ready for it, and its steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.e2e.support import GOOD_SCHEMA, plan_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support import Repository

RUNNERS = ("pre-commit", "prek")
MESSAGE = "feat: [foundation] work"
REWORDED = "feat: [foundation] other words"
# The gate is the place where a file is saved while a hook runs: no moment is more certain than its own.
GATES = """\
[gates.schema]
run = 'echo schema >>"$GATE_LOG"; test -z "$SAVE" || sh "$SAVE"; grep -q users db/schema.sql'
"""
PHASES = """\
[[phase]]
id = "foundation"
title = "Foundation"
files = ["db/**", "both.txt"]
gates = ["schema"]
[[phase.task]]
title = "Users table"
files = ["db/schema.sql"]
[[phase.task]]
title = "Settings agreed"
[[phase.task]]
title = "Seeds"
files = ["db/seeds.sql"]

[[phase]]
id = "api"
title = "Backend API"
depends_on = ["foundation"]
files = ["src/api/**"]
[[phase.task]]
title = "Login endpoint"
files = ["src/api/auth.py"]
"""
PLAN = plan_text(gates=GATES, phases=PHASES)
LINES = "".join([f"line {number}\n" for number in range(30)])
NEW_LINES = LINES.replace("line 2\n", "second line\n").replace("line 27\n", "last line but two\n")
SCHEMA = {"db/schema.sql": GOOD_SCHEMA}
SEEDS = {"db/seeds.sql": "insert into users values (1);\n"}


@dataclass(frozen=True)
class Step:
    """One command of Git, which ends with ``code`` where nothing is in its way.

    ``writes`` are written and staged before: what a person does to resolve a conflict.
    """

    args: tuple[str, ...]
    code: int = 0
    writes: Mapping[str, str] = field(default_factory=dict)
    stdin: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """What is tried.

    ``family`` says which index and which hooks Git gives it, ``ready`` which template has its history
    and what lies ready. A gate is due in it if ``runs_gate``; ``is_partial``: it commits some paths only;
    ``put_away_by``: the ways in which the rest is hidden meanwhile.
    """

    name: str
    family: str
    ready: str
    steps: tuple[Step, ...]
    runs_gate: bool = False
    is_partial: bool = False
    put_away_by: tuple[str, ...] = ()


def _begun(repo: Repository) -> None:
    """Go on from the adoption: a box ticked by hand, words of the user around the tool's part and under a task."""
    text = repo.read("PLAN.md").replace("[ ] Task 1.2", "[x] Task 1.2")
    text = text.replace("Settings agreed\n", "Settings agreed\n  - agreed with Bob\n\n    for good\n")
    repo.add({"PLAN.md": f"# Our plan\n\nRead this first.\n\n{text}\nThe end.\n\nSigned: all.\n"})
    repo.commit(MESSAGE, {"a.txt": LINES, "b.txt": "b\n", "both.txt": "one\ntwo\nthree\n"})


def _seeded(repo: Repository) -> None:
    repo.commit(MESSAGE, SEEDS)


def _staged(repo: Repository) -> None:
    """What was missing of the phase is staged."""
    repo.add(SCHEMA)


def _edited_too(repo: Repository) -> None:
    repo.write("a.txt", NEW_LINES)


def _staged_beside(repo: Repository) -> None:
    """Another staged file, which is to stay behind."""
    repo.add({"b.txt": "staged\n"})


def _to_amend(repo: Repository) -> None:
    repo.commit(MESSAGE, {"b.txt": "bb\n"})
    repo.add(SCHEMA)


def _to_amend_in_part(repo: Repository) -> None:
    repo.add({"c.txt": "c\n"})
    repo.write("a.txt", NEW_LINES)


def _stale(repo: Repository) -> None:
    """PLAN.md does not say what HEAD holds, as after a merge that Git made alone."""
    repo.commit(MESSAGE, SCHEMA, "--no-verify")


def _branches(repo: Repository) -> None:
    """Two branches, each with a task that is done by itself: their PLAN.md merge, and are wrong together."""
    repo.git("switch", "-qc", "side")
    repo.commit(MESSAGE, SCHEMA)
    repo.git("switch", "-q", "main")
    repo.commit(MESSAGE, SEEDS)


def _beside(repo: Repository) -> None:
    """A branch that leaves PLAN.md alone, so that Git merges it beside edits; main's PLAN.md is to be rewritten."""
    repo.git("switch", "-qc", "side", "HEAD~1")
    repo.commit(MESSAGE, {"db/side.sql": "s\n"})
    repo.git("switch", "-q", "main")


def _conflicting(repo: Repository) -> None:
    """The same, and one more file is changed on both sides."""
    repo.git("switch", "-q", "side")
    repo.commit(MESSAGE, {"both.txt": "one\nside\nthree\n"})
    repo.git("switch", "-q", "main")
    repo.commit(MESSAGE, {"both.txt": "one\nmain\nthree\n"}, "--no-verify")


def _complete(repo: Repository) -> None:
    repo.commit(MESSAGE, SCHEMA)


def _to_revert_in_conflict(repo: Repository) -> None:
    repo.commit(MESSAGE, {"both.txt": "one\nfirst\nthree\n"})
    repo.commit(MESSAGE, {"both.txt": "one\nsecond\nthree\n"})
    repo.commit(MESSAGE, SCHEMA, "--no-verify")


def _to_rebase(repo: Repository) -> None:
    repo.git("switch", "-q", "side")
    repo.commit(MESSAGE, {"db/side.sql": "s\n"})


def _in_a_row(repo: Repository) -> None:
    """Three commits to be arranged anew; PLAN.md is wrong in the second, and the third has the lines that mend it."""
    repo.commit(MESSAGE, {"db/x.sql": "x\n"})
    repo.commit(MESSAGE, SCHEMA, "--no-verify")
    repo.commit(MESSAGE, {"db/y.sql": "y\n"})


def _to_apply(repo: Repository) -> None:
    repo.git("format-patch", "-q", "-o", "../patches", "main..side")


def _to_pull(repo: Repository) -> None:
    repo.git("init", "-q", "--bare", "../origin.git")
    repo.git("remote", "add", "origin", "../origin.git")
    repo.git("-c", "core.hooksPath=/dev/null", "push", "-q", "origin", "main:side")
    repo.git("fetch", "-q", "origin")
    repo.git("branch", "-q", "--set-upstream-to=origin/side", "side")


ADOPTED = "adopted"
# What is made once and copied: each from the one that it names.
TEMPLATES: dict[str, tuple[str, Callable[[Repository], None]]] = {
    "begun": (ADOPTED, _begun),
    "seeded": ("begun", _seeded),
    "staged": ("seeded", _staged),
    "edited too": ("staged", _edited_too),
    "staged beside": ("edited too", _staged_beside),
    "to amend": ("seeded", _to_amend),
    "to amend in part": ("to amend", _to_amend_in_part),
    "stale": ("seeded", _stale),
    "branches": ("begun", _branches),
    "beside": ("stale", _beside),
    "conflicting": ("beside", _conflicting),
    "complete": ("seeded", _complete),
    "to revert in conflict": ("seeded", _to_revert_in_conflict),
    "to rebase": ("branches", _to_rebase),
    "in a row": ("seeded", _in_a_row),
    "to apply": ("branches", _to_apply),
    "to pull": ("to rebase", _to_pull),
}

RESOLVED = {"both.txt": "one\nboth\nthree\n"}
EDITOR = {"GIT_EDITOR": "true"}
COMMIT = ("commit", "-q", "-m", MESSAGE)


def _rebase(list_edit: str, *more: Step, editor: str = "true", code: int = 0) -> tuple[Step, ...]:
    env = {"GIT_EDITOR": editor, "GIT_SEQUENCE_EDITOR": f"sed -i -e '{list_edit}'"}
    return (Step(("rebase", "-q", "-i", "HEAD~3"), code, env=env), *more)


OPERATIONS = (
    Operation("commit", "plain", "staged", (Step(COMMIT),), runs_gate=True),
    Operation("commit -a", "lock", "edited too", (Step((*COMMIT, "-a")),), runs_gate=True),
    Operation(
        "commit -p",
        "lock",
        "edited too",
        (Step((*COMMIT, "-p", "a.txt"), stdin="y\nn\n"),),
        runs_gate=True,
        put_away_by=(*RUNNERS, "lefthook"),
    ),
    Operation("commit -i path", "lock", "edited too", (Step((*COMMIT, "-i", "a.txt")),), runs_gate=True),
    Operation(
        "commit -- path",
        "paths",
        "staged beside",
        (Step((*COMMIT, "--", "db/schema.sql")),),
        runs_gate=True,
        put_away_by=RUNNERS,
        is_partial=True,
    ),
    Operation(
        "commit -o path",
        "paths",
        "edited too",
        (Step((*COMMIT, "-o", "db/schema.sql", "a.txt")),),
        runs_gate=True,
        is_partial=True,
    ),
    Operation("commit --amend", "plain", "to amend", (Step(("commit", "-q", "--amend", "--no-edit")),), runs_gate=True),
    Operation(
        "commit --amend -- path",
        "paths",
        "to amend in part",
        (Step(("commit", "-q", "--amend", "--no-edit", "--", "db/schema.sql")),),
        runs_gate=True,
        put_away_by=RUNNERS,
        is_partial=True,
    ),
    Operation("commit --allow-empty", "plain", "stale", (Step((*COMMIT, "--allow-empty")),)),
    Operation("commit --fixup", "plain", "staged", (Step(("commit", "-q", "--fixup=HEAD")),), runs_gate=True),
    Operation("merge", "merge", "branches", (Step(("merge", "-q", "--no-edit", "side")),)),
    Operation(
        "merge with conflict",
        "concluded",
        "conflicting",
        (
            Step(("merge", "-q", "--no-edit", "side"), 1),
            Step(("commit", "-q", "--no-edit"), writes=RESOLVED),
        ),
        runs_gate=True,
    ),
    Operation(
        "merge --no-commit",
        "concluded",
        "branches",
        (Step(("merge", "-q", "--no-commit", "side")), Step(("commit", "-q", "--no-edit"))),
    ),
    Operation(
        "merge --squash",
        "concluded",
        "beside",
        (Step(("merge", "-q", "--squash", "side")), Step(COMMIT)),
        runs_gate=True,
    ),
    Operation("cherry-pick", "picked", "branches", (Step(("cherry-pick", "side")),)),
    Operation(
        "cherry-pick with conflict",
        "concluded",
        "conflicting",
        (Step(("cherry-pick", "side"), 1), Step(("cherry-pick", "--continue"), writes=RESOLVED, env=EDITOR)),
        runs_gate=True,
    ),
    Operation(
        "cherry-pick -n", "concluded", "beside", (Step(("cherry-pick", "-n", "side")), Step(COMMIT)), runs_gate=True
    ),
    Operation("revert", "picked", "complete", (Step(("revert", "--no-edit", "HEAD")),)),
    Operation(
        "revert with conflict",
        "concluded",
        "to revert in conflict",
        (
            Step(("revert", "--no-edit", "HEAD~2"), 1),
            Step(("revert", "--continue"), writes=RESOLVED, env=EDITOR),
        ),
        runs_gate=True,
    ),
    Operation("rebase", "rebase", "to rebase", (Step(("rebase", "-q", "main")),)),
    Operation("rebase --autostash", "rebase", "to rebase", (Step(("rebase", "-q", "--autostash", "main")),)),
    Operation(
        "rebase -i reword",
        "rebase",
        "in a row",
        _rebase("1,2s/^pick/reword/", editor=f"sed -i -e '1s/.*/{REWORDED}/'"),
    ),
    Operation("rebase -i squash", "rebase", "in a row", _rebase("2s/^pick/squash/")),
    Operation("rebase -i fixup", "rebase", "in a row", _rebase("2s/^pick/fixup/")),
    Operation(
        "rebase -i edit",
        "rebase",
        "in a row",
        _rebase(
            "2s/^pick/edit/",
            Step(("commit", "-q", "--amend", "--no-edit"), writes={"db/x.sql": "xx\n"}),
            Step(("rebase", "--continue"), env=EDITOR),
        ),
    ),
    Operation(
        "rebase --exec",
        "rebase",
        "in a row",
        (Step(("rebase", "-q", "--exec", "git commit -q --amend --no-edit", "HEAD~3")),),
    ),
    Operation("rebase --apply", "picked", "to rebase", (Step(("rebase", "-q", "--apply", "main")),)),
    Operation("am", "picked", "to apply", (Step(("am", "-q", "-3", "../patches/0001-feat-foundation-work.patch")),)),
    Operation("stash and pop", "picked", "edited too", (Step(("stash", "push", "-q")), Step(("stash", "pop", "-q")))),
    Operation("pull --rebase", "rebase", "to pull", (Step(("pull", "-q", "--rebase")),)),
)
