"""Our files when somebody has changed, broken, removed or replaced them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import (
    GOOD_SCHEMA,
    PHASES,
    PLAN,
    Adopted,
    assert_accepted,
    assert_in_step,
    assert_refused,
    box,
    plan_text,
    said,
    status_line,
    told,
)

if TYPE_CHECKING:
    from tests.e2e.conftest import InProcess, Maker

MESSAGE = "feat: [foundation] x"


def with_new_task(plan: str) -> str:
    return plan.replace('title = "Settings agreed"\n', 'title = "Settings agreed"\n[[phase.task]]\ntitle = "Seeds"\n')


# -- plan.toml


def test_a_plan_change_travels_alone_and_ticks_follow(native: Adopted) -> None:
    native.tick("1.2")
    native.git("commit", "-q", "-m", MESSAGE)
    plan = PLAN.replace(
        '[[phase.task]]\ntitle = "Users table"\nfiles = ["db/schema.sql"]\n',
        '[[phase.task]]\ntitle = "Seeds"\n[[phase.task]]\ntitle = "Users table"\nfiles = ["db/schema.sql"]\n',
    )
    native.add({"plan.toml": plan})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", "feat: [plan] seeds", check=False), before)
    assert box(native, "1.1") == "- [ ] Task 1.1: Seeds"
    assert box(native, "1.3") == "- [x] Task 1.3: Settings agreed ✓"


def test_a_plan_change_under_a_runner(make: Maker) -> None:
    repo = make.adopted("prek")
    repo.tick("1.2")
    repo.add({"plan.toml": with_new_task(PLAN)})
    before = repo.state()
    assert_refused(repo, repo.git("commit", "-m", "feat: [plan] seeds", check=False), before, "plan-mixed")
    repo.git("checkout", "-q", "HEAD", "--", "PLAN.md")
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", "feat: [plan] seeds", check=False), before)
    assert box(repo, "1.3") == "- [ ] Task 1.3: Seeds"


def test_a_plan_change_ticks_what_it_brings_in(native: Adopted) -> None:
    native.add({"plan.toml": with_new_task(PLAN)})
    text = native.read("PLAN.md")
    native.add({"PLAN.md": text.replace("Settings agreed\n", "Settings agreed\n- [x] Task 1.3: Seeds\n")})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", "feat: [plan] seeds", check=False), before)
    assert box(native, "1.3") == "- [x] Task 1.3: Seeds ✓"


def test_a_plan_change_keeps_notes_of_a_task_that_leaves(native: Adopted) -> None:
    text = native.read("PLAN.md").replace("Settings agreed\n", "Settings agreed\n  - my note\n")
    native.add({"PLAN.md": text})
    native.git("commit", "-q", "-m", "noted")
    native.add({"plan.toml": PLAN.replace('[[phase.task]]\ntitle = "Settings agreed"\n', "")})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", "feat: [plan] fewer", check=False), before)
    assert "  - my note\n" in native.head("PLAN.md")


def test_a_plan_change_that_locks_what_is_begun_warns(native: Adopted) -> None:
    native.tick("1.2")
    native.git("commit", "-q", "-m", MESSAGE)
    native.add({"plan.toml": PLAN + '\n[[question]]\nid = "Q1"\ntext = "Really?"\nblocks = ["foundation"]\n'})
    before = native.state()
    done = native.git("commit", "-m", "feat: [plan] ask", check=False)
    assert_accepted(native, done, before)
    assert told(said(done), "warning") == {"phase-locked"}


def test_only_plan_md_and_plan_lock_may_have_any_message(native: Adopted) -> None:
    native.add({"PLAN.md": native.read("PLAN.md") + "\nMy words.\n"})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", "words", check=False), before)


def test_a_tick_needs_the_form(native: Adopted) -> None:
    native.tick("1.2")
    count = native.commit_count()
    done = native.git("commit", "-m", "words", check=False)
    assert told(said(done)) == {"message-format"}
    assert native.commit_count() == count


def test_removal_of_the_plan(native: Adopted) -> None:
    native.git("rm", "-q", "plan.toml", "PLAN.md", "plan.lock")
    before = native.state()
    done = native.git("commit", "-m", "feat: [plan] we are done", check=False)
    assert done.returncode == 0, said(done)
    assert native.commit_count() == before.count + 1
    assert native.status() == []
    before = native.state()
    done = native.commit("free again", {"src/api/x": "x\n"}, check=False)
    assert done.returncode == 0, said(done)
    assert native.head_files() == [".gitignore", "notes.txt", "src/api/x"]


def test_removal_of_the_plan_under_a_runner(make: Maker) -> None:
    repo = make.adopted("prek")
    repo.git("rm", "-q", "plan.toml")
    repo.write("notes.txt", "unstaged\n")
    before = repo.state()
    done = repo.git("commit", "-m", "feat: [plan] we are done", check=False)
    assert done.returncode == 0, said(done)
    assert repo.commit_count() == before.count + 1
    assert repo.status() == [" M notes.txt"]


# -- PLAN.md


def test_plan_md_deleted_is_rendered_again(native: Adopted) -> None:
    native.tick("1.2")
    native.git("commit", "-q", "-m", MESSAGE)
    native.git("rm", "-q", "PLAN.md")
    native.add({"db/x.sql": "x\n"})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before)
    assert box(native, "1.2") == "- [x] Task 1.2: Settings agreed ✓"


def test_reopening(founded: Adopted) -> None:
    founded.tick("1.2", mark=" ")
    before = founded.state()
    assert_accepted(founded, founded.git("commit", "-m", "oops", check=False), before)
    assert box(founded, "1.2") == "- [ ] Task 1.2: Settings agreed (reopened)"
    assert status_line(founded, 1).startswith("_in progress")
    founded.add({"db/x.sql": "x\n"})
    founded.git("commit", "-q", "-m", MESSAGE)
    assert box(founded, "1.2") == "- [ ] Task 1.2: Settings agreed (reopened)"
    founded.tick("1.2")
    founded.git("commit", "-q", "-m", MESSAGE)
    assert box(founded, "1.2") == "- [x] Task 1.2: Settings agreed ✓"


def test_marks_as_people_write_them(native: Adopted) -> None:
    native.tick("1.2", mark="X")
    native.tick("2.1", mark="-")
    native.tick("2.2", mark="?")
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)
    assert box(native, "1.2") == "- [x] Task 1.2: Settings agreed ✓"
    assert box(native, "2.1") == "- [ ] Task 2.1: Login endpoint (in progress)"
    assert box(native, "2.2") == "- [ ] Task 2.2: Logging"


def test_the_users_text_survives_byte_for_byte(native: Adopted) -> None:
    head = "\ufeff# Notes\t \n\n* ünïcode \u2028 and a lone CR \r here\n\n"
    tail = "\n\n## After\n- [ ] mine\n   trailing   \n\n\nno newline at the end"
    text = native.read("PLAN.md").replace("Users table\n", "Users table\n\t- tab note  \n\n    code\n")
    native.add({"PLAN.md": head + text + tail})
    native.git("commit", "-q", "-m", "words")
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)
    now = native.head("PLAN.md")
    assert now.startswith(head)
    assert now.endswith(tail)
    assert "Users table ✓\n\t- tab note  \n\n    code\n" in now


@pytest.mark.parametrize("path", ["PLAN.md", "plan.toml", "plan.lock"])
@pytest.mark.parametrize("staged", [True, False])
def test_symbolic_links(native: Adopted, path: str, *, staged: bool) -> None:
    target = native.top.parent / "outside"
    target.write_bytes((native.top / path).read_bytes())
    content = target.read_bytes()
    (native.top / path).unlink()
    (native.top / path).symlink_to(target)
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.tick("1.2", stage=False) if path == "plan.lock" else None
    if path == "plan.lock":
        native.git("add", "PLAN.md")
    if staged:
        native.git("add", path)
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert target.read_bytes() == content
    assert (native.top / path).is_symlink()
    if staged or path != "plan.toml":
        assert_refused(native, done, before, "plan-invalid")
    else:
        assert done.returncode == 0, said(done)


def test_a_folder_in_the_place_of_plan_md(native: Adopted) -> None:
    (native.top / "PLAN.md").unlink()
    (native.top / "PLAN.md").mkdir()
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_refused(native, done, before, "plan-invalid")


# -- plan.lock


def test_missing_plan_lock_is_rebuilt(founded: Adopted) -> None:
    lock = founded.head("plan.lock")
    founded.git("rm", "-q", "plan.lock")
    founded.add({"db/x.sql": "x\n"})
    before = founded.state()
    assert_accepted(founded, founded.git("commit", "-m", MESSAGE, check=False), before)
    assert "[phase.foundation.gate.schema]" in lock
    assert founded.gate_runs() == ["schema", "schema"]


def test_a_forged_pass_is_dropped_with_a_warning(native: Adopted) -> None:
    native.add({"db/schema.sql": "create table people ();\n"})
    native.tick("1.2")
    native.git("commit", "-q", "-m", MESSAGE)
    forged = native.read("plan.lock").replace(
        "[phase.foundation]\n", f'[phase.foundation]\n\n[phase.foundation.gate.schema]\nkey = "{"a" * 64}"\n'
    )
    native.add({"plan.lock": forged, "db/y.sql": "y\n"})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before)
    assert told(said(done), "warning") == {"lock-tampered", "gate-failed"}
    assert "aaaa" not in native.head("plan.lock")
    assert status_line(native, 1) == "_awaiting gates - gates: schema open_"


def test_a_forged_pass_under_the_right_key_is_dropped_too(founded: Adopted) -> None:
    genuine = founded.head("plan.lock")
    # Another clone, without the local cache and without the commit, gets only the file.
    founded.git("reset", "-q", "--hard", "HEAD~1")
    for file in (founded.top / ".git/orchestrator/passes").iterdir():
        file.unlink()
    founded.add({"db/schema.sql": GOOD_SCHEMA, "plan.lock": genuine})
    founded.tick("1.2")
    before = founded.state()
    done = founded.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(founded, done, before)
    assert founded.gate_runs() == ["schema", "schema"]


def test_rearranged_plan_lock_is_put_in_order(native: Adopted) -> None:
    lock = native.read("plan.lock")
    native.add({"plan.lock": "# mine\n" + lock.replace("\n", "\r\n"), "db/x.sql": "x\n"})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)
    assert native.head("plan.lock") == lock


# -- the local cache


@pytest.mark.parametrize("damage", [b"", b"garbage", b"orchestrator-plan 1 4 x 3 00000000\nabc"])
def test_a_corrupt_compiled_plan_is_rebuilt(native: Adopted, damage: bytes) -> None:
    (file,) = (native.top / ".git/orchestrator/plans").iterdir()
    sound = file.read_bytes()
    file.write_bytes(damage or sound[: len(sound) // 2])
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)
    assert file.read_bytes() == sound


def test_without_a_cache_all_the_same(native: Adopted) -> None:
    import shutil  # noqa: PLC0415

    native.finish_foundation()
    shutil.rmtree(native.top / ".git/orchestrator")
    (native.top / ".git/orchestrator").write_text("no folder", encoding="utf-8")
    native.add({"src/api/auth.py": "x = 1\n"})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", "feat: [api] x", check=False), before)
    assert native.gate_runs() == ["schema"]


def test_ignored_plan_lock(make: Maker) -> None:
    repo = make.hooked("native")
    repo.add({"plan.toml": plan_text(phases=PHASES), ".gitignore": "*.lock\nPLAN.md\n"})
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", "begin", check=False), before)
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    repo.git("commit", "-q", "-m", MESSAGE)
    assert_in_step(repo)
    assert os.listdir(repo.top / "db") == ["schema.sql"]


@pytest.mark.parametrize("attribute", ["filter=up", "working-tree-encoding=UTF-16LE-BOM"])
@pytest.mark.parametrize("path", ["PLAN.md", "plan.lock", "plan.toml"])
def test_what_git_stores_in_another_form_is_refused(
    native: Adopted, path: str, attribute: str, in_process: InProcess
) -> None:
    native.git("config", "filter.up.clean", "tr a-z A-Z")
    native.add({".gitattributes": f"{path} {attribute}\n", "db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_refused(native, done, before, "plan-invalid")
    assert f"end .gitattributes with the line: /{path} !filter !working-tree-encoding" in said(done)
    for command in ("sync", "lint", "validate"):
        answer = in_process(native, command)
        assert answer.returncode == 3
        assert "another form" in answer.stderr
    assert native.state() == before
    native.add({".gitattributes": f"{path} {attribute}\n/{path} !filter !working-tree-encoding\n"})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)


@pytest.mark.parametrize("path", ["PLAN.md", "plan.lock", "plan.toml"])
def test_nothing_is_adopted_under_a_filter(make: Maker, path: str, in_process: InProcess) -> None:
    repo = make.hooked("native")
    repo.git("config", "filter.up.clean", "cat")
    repo.add({".gitattributes": f"{path} filter=up\n", "PLAN.md": "mine\n"})
    before = repo.state()
    answer = in_process(repo, "init", "--hooks", "none")
    assert answer.returncode == 3
    assert "another form" in answer.stderr
    assert repo.state() == before
    repo.add({"plan.toml": PLAN})
    before = repo.state()
    assert_refused(repo, repo.git("commit", "-m", "adopt", check=False), before, "plan-invalid")
