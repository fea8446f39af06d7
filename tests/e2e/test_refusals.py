"""Every refusal: no commit, nothing changed, the reason and what to do next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.e2e.support import (
    BAD_SCHEMA,
    PHASES,
    PLAN,
    Adopted,
    assert_accepted,
    assert_refused,
    plan_text,
    said,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.conftest import Maker

QUESTION = '\n[[question]]\nid = "Q1"\ntext = "Which database?"\nblocks = ["foundation"]\n'
TWO_OPEN = PHASES.replace('depends_on = ["foundation"]\n', "").replace('depends_on = ["api"]\n', "")


class Case(NamedTuple):
    """A commit that is refused: what is staged, ticked and said, under which plan, and the ids it gets."""

    name: str
    ids: tuple[str, ...]
    message: str
    files: Mapping[str, str] = {}
    ticks: tuple[str, ...] = ()
    plan: str = PLAN
    env: Mapping[str, str] = {}


CASES = [
    Case("locked by files", ("phase-locked",), "feat: [api] x", {"src/api/auth.py": "x\n"}),
    Case("locked by files, another message", ("phase-locked",), "x", {"src/api/auth.py": "x\n"}),
    Case("locked by the message alone", ("phase-locked",), "feat: [api] x", {"README": "x\n"}),
    Case("locked by a tick", ("task-locked", "task-evidence", "phase-locked"), "feat: [api] x", {}, ("2.2",)),
    Case("tick without evidence", ("task-evidence",), "feat: [foundation] x", {}, ("1.1",)),
    Case("no form", ("message-format",), "add a table", {"db/x.sql": "x\n"}),
    Case("no phase", ("message-format",), "feat: add a table", {"db/x.sql": "x\n"}),
    Case("a type that is not accepted", ("message-format",), "fix: [foundation] x", {"db/x.sql": "x\n"}),
    Case("an unknown phase", ("phase-unknown",), "feat: [fundation] x", {"db/x.sql": "x\n"}),
    Case("a file of no phase, without form", ("message-format",), "x", {"README": "x\n"}),
    Case("another phase", ("phase-mismatch",), "feat: [api] x", {"db/x.sql": "x\n"}, plan=plan_text(phases=TWO_OPEN)),
    Case(
        "two phases",
        ("phases-mixed",),
        "feat: [api] x",
        {"db/x.sql": "x\n", "src/api/x.py": "x\n"},
        plan=plan_text(phases=TWO_OPEN),
    ),
    Case("plan and files", ("plan-mixed",), "feat: [plan] x", {"plan.toml": PLAN + "\n", "db/x.sql": "x\n"}),
    Case("plan and a tick", ("plan-mixed",), "feat: [plan] x", {"plan.toml": PLAN + "\n"}, ("1.2",)),
    Case("plan under another name", ("phase-mismatch",), "feat: [foundation] x", {"plan.toml": PLAN + "\n"}),
    Case("no plan under its name", ("phase-mismatch",), "feat: [plan] x", {"db/x.sql": "x\n"}),
    Case("broken plan", ("plan-invalid",), "feat: [plan] x", {"plan.toml": "version = 1\n[featur]\n"}),
    Case("no TOML", ("plan-invalid",), "feat: [plan] x", {"plan.toml": "version = \n"}),
    Case("question", ("question-open",), "feat: [foundation] x", {"db/x.sql": "x\n"}, plan=PLAN + QUESTION),
    Case("tick under a question", ("task-locked", "question-open"), "feat: [1] x", {}, ("1.2",), plan=PLAN + QUESTION),
    Case(
        "unplanned",
        ("unplanned-file",),
        "feat: [foundation] x",
        {"README": "x\n"},
        plan=plan_text('unplanned_files = "block"'),
    ),
    Case(
        "too many files",
        ("commit-too-large",),
        "feat: [foundation] x",
        {"db/x.sql": "x\n", "db/y.sql": "y\n"},
        plan=plan_text("max_commit_files = 1"),
    ),
    Case(
        "too many lines",
        ("commit-too-large",),
        "feat: [foundation] x",
        {"db/x.sql": "x\ny\n"},
        plan=plan_text("max_commit_lines = 1"),
    ),
    Case(
        "red gate with block",
        ("gate-failed",),
        "feat: [foundation] x",
        {"db/schema.sql": BAD_SCHEMA},
        ("1.2",),
        plan=plan_text('on_gate_failure = "block"'),
    ),
    Case("fixup of nothing", ("fixup-target",), "fixup! junk", {"db/x.sql": "x\n"}),
    Case(
        "revert of nothing",
        ("revert-target",),
        'Revert "x"\n\nThis reverts commit 0123456789012345678901234567890123456789.',
        {"db/x.sql": "x\n"},
    ),
    Case("a merge by its wording", ("message-format",), "Merge branch 'x'", {"db/x.sql": "x\n"}),
    Case("a foreign line", ("plan-md-edited",), "feat: [foundation] x", {"PLAN.md": "FOREIGN"}),
    Case("a renamed task", ("plan-md-edited",), "feat: [foundation] x", {"PLAN.md": "RENAMED"}),
    Case("no end marker", ("plan-md-edited",), "feat: [foundation] x", {"PLAN.md": "NO END"}),
    Case("no markers", ("plan-md-edited",), "feat: [foundation] x", {"PLAN.md": "my own notes\n"}),
    Case("conflict markers", ("plan-md-edited",), "feat: [foundation] x", {"PLAN.md": "CONFLICT"}),
    Case("broken plan.lock", ("lock-tampered",), "feat: [foundation] x", {"plan.lock": "version = 1\n[phase\n"}),
    Case("strange plan.lock", ("lock-tampered",), "feat: [foundation] x", {"plan.lock": "version = 7\n"}),
    Case(
        "exception without trailer",
        ("message-format",),
        "feat: [foundation] x",
        {"db/x.sql": "x\n"},
        env={"ORCHESTRATOR_EXCEPTION": "in a hurry"},
    ),
    Case(
        "exception does not free ticks",
        ("task-evidence",),
        "x\n\nPlan-Exception: in a hurry",
        {},
        ("1.1",),
        env={"ORCHESTRATOR_EXCEPTION": "in a hurry"},
    ),
]
EDITS = {
    "FOREIGN": ("### Phase 2", "my own line\n\n### Phase 2"),
    "RENAMED": ("Users table", "User tables"),
    "NO END": ("<!-- orchestrator:end -->\n", ""),
    "CONFLICT": ("### Phase 2", "<<<<<<< ours\n=======\n>>>>>>> theirs\n### Phase 2"),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused(make: Maker, case: Case) -> None:
    repo = make.adopted("native", case.plan)
    for path, text in case.files.items():
        repo.add({path: repo.read(path).replace(*EDITS[text]) if text in EDITS else text})
    repo.tick(*case.ticks)
    wrong_message = _is_said_by_commit_msg(case)
    before = repo.state()
    done = repo.git("commit", "-m", case.message, check=False, env=case.env)
    if wrong_message:
        # The files of ours have been brought up to date for a commit whose message was refused then.
        assert done.returncode != 0, said(done)
        assert repo.commit_count() == before.count
        mine = {p: data for p, data in repo.state().files.items() if p not in ("PLAN.md", "plan.lock")}
        assert mine == {p: data for p, data in before.files.items() if p not in ("PLAN.md", "plan.lock")}
        before = repo.state()
        done = repo.git("commit", "-m", case.message, check=False, env=case.env)
    assert_refused(repo, done, before, *case.ids)


def _is_said_by_commit_msg(case: Case) -> bool:
    return not {"phase-locked", "task-locked", "task-evidence", "question-open"}.intersection(case.ids)


def test_everything_wrong_at_a_stage_is_told_at_once(make: Maker) -> None:
    repo = make.adopted("native", plan_text("max_commit_files = 1"))
    repo.add({"src/api/auth.py": "x\n", "db/x.sql": "x\n", "src/ui/x": "x\n"})
    before = repo.state()
    done = repo.git("commit", "-m", "x", check=False)
    assert_refused(repo, done, before, "phase-locked", "phases-mixed", "commit-too-large")


def test_red_dependency_gate_refuses_with_its_output(founded: Adopted) -> None:
    founded.add({"db/schema.sql": BAD_SCHEMA})
    founded.git("commit", "-q", "-m", "feat: [foundation] break it")
    founded.add({"src/api/auth.py": "x = 1\n"})
    before = founded.state()
    done = founded.git("commit", "-m", "feat: [api] login", check=False)
    assert_refused(founded, done, before, "gate-failed")
    assert "looking for users" in said(done)


def test_a_hook_must_not_let_a_plan_vanish_with_its_files(native: Adopted) -> None:
    native.add({"db/x.sql": "x\n"})
    native.git("rm", "-q", "--cached", "plan.toml")
    before = native.state()
    assert_refused(native, native.git("commit", "-m", "feat: [plan] stop", check=False), before, "plan-mixed")


def test_control_characters_never_reach_the_terminal(native: Adopted) -> None:
    native.add({"src/api/a\x1b[31m.py": "x\n"})
    done = native.git("commit", "-m", "feat: [\x1b[0;evil\x07] x", check=False)
    assert done.returncode == 1
    assert "\x1b" not in said(done)
    native.git("rm", "-qf", "--cached", "src/api/a\x1b[31m.py")
    done = native.git("commit", "--allow-empty", "-m", "feat: [\x1b[0;evil\x07] x", check=False)
    assert done.returncode == 1
    assert "error[phase-unknown]" in said(done)
    assert "\x1b" not in said(done)


def test_exception_frees_order_form_and_mixture_and_is_in_the_message(native: Adopted) -> None:
    native.add({"src/api/auth.py": "x\n", "src/ui/x": "x\n"})
    before = native.state()
    env = {"ORCHESTRATOR_EXCEPTION": "customer demo"}
    done = native.git("commit", "-m", "hot fix\n\nPlan-Exception: customer demo", check=False, env=env)
    assert_accepted(native, done, before)


def test_without_hooks_command_nothing_is_committed(native: Adopted) -> None:
    native.add({"db/x.sql": "x\n"})
    before = native.state()
    folders = native.env["PATH"].split(os.pathsep)
    path = os.pathsep.join(
        folder for folder in folders if not os.path.exists(os.path.join(folder, "orchestrator-hook"))
    )
    done = native.git("commit", "-m", "feat: [foundation] x", check=False, env={"PATH": path})
    assert done.returncode == 1
    assert native.state() == before
    assert "orchestrator-hook is not installed" in said(done)


@pytest.mark.parametrize("way", ["native", "pre-commit", "prek"])
def test_refusals_in_every_way(make: Maker, way: str) -> None:
    repo = make.adopted(way)
    repo.tick("1.1")
    repo.write("notes.txt", "unstaged\n")
    before = repo.state()
    done = repo.git("commit", "-m", "feat: [foundation] x", check=False)
    assert_refused(repo, done, before, "task-evidence")
    repo.git("checkout", "-q", "HEAD", "--", "PLAN.md")
    repo.add({"plan.lock": "nonsense"})
    before = repo.state()
    done = repo.git("commit", "-m", "feat: [foundation] x", check=False)
    assert_refused(repo, done, before, "lock-tampered")
    repo.git("checkout", "-q", "HEAD", "--", "plan.lock")
    repo.add({"db/x.sql": "x\n"})
    before = repo.state()
    done = repo.git("commit", "-m", "feat: [nowhere] x", check=False)
    assert_refused(repo, done, before, "phase-unknown")
    assert (repo.top / "notes.txt").read_text(encoding="utf-8") == "unstaged\n"
