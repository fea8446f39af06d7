"""The forms of ``git commit``: whatever is put into the commit, our files are in step and the user's edits stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import (
    BAD_SCHEMA,
    GOOD_SCHEMA,
    PLAN,
    Adopted,
    assert_accepted,
    assert_in_step,
    assert_refused,
    box,
    said,
    script,
    status_line,
)
from tests.support import Repository

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker

MESSAGE = "feat: [foundation] x"


def test_adoption_takes_ticks_over_and_runs_no_gate(make: Maker) -> None:
    repo = make.hooked("native")
    repo.add({"plan.toml": PLAN, "db/schema.sql": BAD_SCHEMA, "src/api/auth.py": "x\n"})
    repo.add({"PLAN.md": "# My notes\n\n- [x] Task 1.2: Settings agreed\n- [x] something else\n"})
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", "whatever", check=False), before)
    assert repo.gate_runs() == []
    text = repo.head("PLAN.md")
    assert text.startswith("# My notes\n\n- [x] Task 1.2: Settings agreed\n- [x] something else\n")
    block = text[text.index("<!-- orchestrator:begin -->") :]
    assert box(repo, "1.2", block) == "- [x] Task 1.2: Settings agreed ✓"
    # What existed before is the baseline: it completes nothing by itself.
    assert box(repo, "1.1", block) == "- [ ] Task 1.1: Users table"
    assert "db/schema.sql" in repo.head("plan.lock")


def test_adoption_of_a_plan_md_with_markers(make: Maker) -> None:
    repo = make.hooked("native")
    repo.commit("before", {"README": "x\n"})
    other = make.adopted(name="other")
    other.tick("1.2")
    repo.add({"plan.toml": PLAN, "PLAN.md": other.read("PLAN.md")})
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", "now with a plan", check=False), before)
    assert box(repo, "1.2") == "- [x] Task 1.2: Settings agreed ✓"


def test_adoption_by_all_and_by_path(make: Maker) -> None:
    for name, form in (("all", ["-a"]), ("path", ["--", "plan.toml"])):
        repo = make.hooked("native", name)
        repo.commit("before", {"README": "x\n"})
        repo.write("plan.toml", PLAN)
        repo.git("add", "-N", "plan.toml")
        before = repo.state()
        assert_accepted(repo, repo.git("commit", "-m", "adopt", *form, check=False), before)


def test_a_broken_plan_is_not_adopted(make: Maker) -> None:
    repo = make.hooked("native")
    repo.add({"plan.toml": "version = 1\n"})
    before = repo.state()
    assert_refused(repo, repo.git("commit", "-m", "adopt", check=False), before, "plan-invalid")


def test_all(native: Adopted) -> None:
    native.add({"db/a.sql": "a\n"})
    native.git("commit", "-q", "-m", MESSAGE)
    native.write("db/a.sql", "b\n")
    native.tick("1.2", stage=False)
    native.write("new.txt", "untracked\n")
    before = native.state()
    done = native.git("commit", "-am", MESSAGE, check=False)
    assert_accepted(native, done, before, dirty=["?? new.txt"])
    assert native.head("db/a.sql") == "b\n"
    assert box(native, "1.2") == "- [x] Task 1.2: Settings agreed ✓"


def test_patch(native: Adopted) -> None:
    lines = [f"line {number}\n" for number in range(30)]
    native.add({"db/a.sql": "".join(lines)})
    native.git("commit", "-q", "-m", MESSAGE)
    lines[2], lines[27] = "first\n", "last\n"
    native.write("db/a.sql", "".join(lines))
    native.write("notes.txt", "edited\n")
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    done = native.git("commit", "-p", "-m", MESSAGE, stdin="y\nn\nn\n", check=False)
    assert_accepted(native, done, before, dirty=[" M db/a.sql", " M notes.txt"])
    assert "first" in native.head("db/a.sql")
    assert "last" not in native.head("db/a.sql")
    assert native.read("db/a.sql") == "".join(lines)
    assert box(native, "1.1") == "- [x] Task 1.1: Users table ✓"


@pytest.mark.parametrize("option", ["--", "-o", "-i"])
def test_by_path(native: Adopted, option: str) -> None:
    native.add({"db/a.sql": "a\n", "db/b.sql": "b\n"})
    native.git("commit", "-q", "-m", MESSAGE)
    native.write("db/a.sql", "aa\n")
    native.add({"db/b.sql": "bb\n", "db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, option, "db/a.sql", check=False)
    dirty = [] if option == "-i" else ["M  db/b.sql", "A  db/schema.sql"]
    assert_accepted(native, done, before, dirty=dirty)
    assert native.head("db/a.sql") == "aa\n"
    assert native.head("db/b.sql") == ("bb\n" if option == "-i" else "b\n")
    assert native.staged("db/b.sql") == "bb\n"
    before = native.state()
    done = native.git("commit", "--allow-empty", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before)
    assert box(native, "1.1") == "- [x] Task 1.1: Users table ✓"


def test_by_path_while_plan_md_has_staged_edits(native: Adopted) -> None:
    native.write("PLAN.md", native.read("PLAN.md") + "\nMy own words.\n")
    native.tick("1.2")
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, "--", "db/schema.sql", check=False)
    assert done.returncode == 0, said(done)
    assert native.commit_count() == before.count + 1
    assert "My own words" not in native.head("PLAN.md")
    assert box(native, "1.1") == "- [x] Task 1.1: Users table ✓"
    assert box(native, "1.2") == "- [ ] Task 1.2: Settings agreed"
    staged = native.staged("PLAN.md")
    assert staged is not None
    assert "My own words.\n" in staged
    assert box(native, "1.1", staged) == "- [x] Task 1.1: Users table ✓"
    assert "[x]" in box(native, "1.2", staged)
    assert native.read("PLAN.md") == staged
    assert native.status() == ["M  PLAN.md"]
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before)
    assert box(native, "1.2") == "- [x] Task 1.2: Settings agreed ✓"
    assert "My own words.\n" in native.head("PLAN.md")


def test_plan_md_itself_by_path(native: Adopted) -> None:
    native.tick("1.2", stage=False)
    native.add({"db/a.sql": "a\n"})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, "--", "PLAN.md", check=False)
    assert_accepted(native, done, before, dirty=["A  db/a.sql"])
    assert box(native, "1.2") == "- [x] Task 1.2: Settings agreed ✓"


def test_amend_is_judged_against_the_parent_of_what_it_replaces(native: Adopted) -> None:
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.git("commit", "-q", "-m", MESSAGE)
    before = native.state()
    done = native.git("commit", "--amend", "-m", "feat: [foundation] y", check=False)
    assert_accepted(native, done, before, new=0)

    native.add({"db/a.sql": "a\n"})
    before = native.state()
    done = native.git("commit", "--amend", "--no-edit", check=False)
    assert_accepted(native, done, before, new=0)

    # The tick goes into the amended commit, and the gate with it.
    native.tick("1.2")
    before = native.state()
    done = native.git("commit", "--amend", "--no-edit", check=False)
    assert_accepted(native, done, before, new=0)
    assert status_line(native, 1) == "_complete - gates: schema passed_"

    # Taking the work out again takes the marks out: against the parent it was never there.
    native.git("rm", "-q", "--cached", "db/schema.sql")
    before = native.state()
    done = native.git("commit", "--amend", "--no-edit", check=False)
    assert done.returncode == 1
    assert "error[task-evidence]" in said(done)
    assert native.state() == before


def test_amend_of_the_adoption(native: Adopted) -> None:
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    done = native.git("commit", "--amend", "-m", "begin anew", check=False)
    assert_accepted(native, done, before, new=0)
    assert box(native, "1.1") == "- [ ] Task 1.1: Users table"


def test_amend_is_refused_like_a_commit(native: Adopted) -> None:
    native.add({"db/a.sql": "a\n"})
    native.git("commit", "-q", "-m", MESSAGE)
    native.add({"src/api/auth.py": "x\n"})
    before = native.state()
    done = native.git("commit", "--amend", "--no-edit", check=False)
    assert_refused(native, done, before, "phase-locked", "phases-mixed")
    native.git("rm", "-qf", "--cached", "src/api/auth.py")
    before = native.state()
    done = native.git("commit", "--amend", "-m", "no form", check=False)
    assert_refused(native, done, before, "message-format")


def test_amend_by_path(native: Adopted) -> None:
    native.add({"db/a.sql": "a\n", "db/b.sql": "b\n"})
    native.git("commit", "-q", "-m", MESSAGE)
    native.write("db/a.sql", "aa\n")
    native.write("db/b.sql", "bb\n")
    before = native.state()
    done = native.git("commit", "--amend", "--no-edit", "--", "db/a.sql", check=False)
    assert_accepted(native, done, before, dirty=[" M db/b.sql"], new=0)


def test_allow_empty(native: Adopted) -> None:
    before = native.state()
    done = native.git("commit", "--allow-empty", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before)
    assert native.out("rev-parse", "HEAD^{tree}") == native.out("rev-parse", "HEAD^^{tree}")


def test_an_unneeded_commit_stays_one(native: Adopted) -> None:
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert done.returncode == 1
    assert native.state() == before


def test_from_outside_by_git_dir_and_work_tree(native: Adopted) -> None:
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    outside = Repository(native.top.parent, native.env)
    done = outside.git(
        f"--git-dir={native.top / '.git'}", f"--work-tree={native.top}", "commit", "-m", MESSAGE, check=False
    )
    assert_accepted(native, done, before)
    before = native.state()
    done = outside.git("-C", native.top, "commit", "--allow-empty", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before)


def test_in_a_linked_work_tree(native: Adopted, make: Maker) -> None:
    native.git("worktree", "add", "-q", "-b", "linked", native.top.parent / "linked")
    linked = Adopted(make.tmp_path / "linked", native.env)
    linked.add({"db/schema.sql": GOOD_SCHEMA})
    linked.tick("1.2")
    before = linked.state()
    done = linked.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(linked, done, before)
    assert status_line(linked, 1) == "_complete - gates: schema passed_"
    assert linked.gate_runs() == ["schema"]
    linked.add({"src/ui/x": "x\n"})
    before = linked.state()
    assert_refused(linked, linked.git("commit", "-m", "feat: [ui] x", check=False), before, "phase-locked")
    assert_in_step(native)


@pytest.mark.parametrize(
    ("setting", "form"),
    [
        ("core.untrackedCache=true", "-a"),
        ("core.autocrlf=input", "--"),
    ],
)
def test_kinds_of_index(native: Adopted, setting: str, form: str) -> None:
    name, _, value = setting.partition("=")
    native.git("config", name, value)
    native.add({"db/übung.sql": "a\n"})
    native.git("commit", "-q", "-m", MESSAGE)
    native.write("db/übung.sql", "b\n")
    before = native.state()
    path = ["--", "db/übung.sql"] if form == "--" else ["-a"]
    assert_accepted(native, native.git("commit", "-m", MESSAGE, *path, check=False), before)


def test_intent_to_add_is_no_part_of_the_commit(native: Adopted) -> None:
    native.write("src/api/auth.py", "x\n")
    native.git("add", "-N", "src/api/auth.py")
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before, dirty=[" A src/api/auth.py"])


def test_intent_to_add_is_no_input_of_a_gate(native: Adopted) -> None:
    """The key of a pass is that of the commit's tree, where such a file is not."""
    native.tick("1.2")
    native.write("db/later.sql", "")
    native.write("db/empty.sql", "")
    native.git("add", "-N", "db/later.sql")
    native.add({"db/schema.sql": GOOD_SCHEMA, "db/empty.sql": ""})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before, dirty=[" A db/later.sql"])
    assert native.gate_runs() == ["schema"]
    assert_in_step(native, dirty=[" A db/later.sql"])
    assert status_line(native, 1) == "_complete - gates: schema passed_"
    assert "db/empty.sql" in native.head_files()


def test_intent_to_add_is_no_part_of_the_adoption(make: Maker) -> None:
    repo = make.hooked("native")
    repo.write("db/schema.sql", GOOD_SCHEMA)
    repo.git("add", "-N", "db/schema.sql")
    repo.add({"plan.toml": PLAN})
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", "adopt", check=False), before, dirty=[" A db/schema.sql"])
    assert "schema.sql" not in repo.head("plan.lock")


def test_crlf_in_the_repository_is_kept(native: Adopted) -> None:
    native.add({"PLAN.md": native.read("PLAN.md").replace("\n", "\r\n")})
    native.git("commit", "-q", "-m", MESSAGE)
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.tick("1.2")
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)
    text = native.head("PLAN.md")
    assert text.count("\n") == text.count("\r\n")


def test_line_ends_by_attributes(native: Adopted) -> None:
    native.add({".gitattributes": "*.md text eol=crlf\n*.lock text eol=crlf\n"})
    native.git("commit", "-q", "-m", MESSAGE)
    native.git("rm", "-q", "--cached", "-r", ".")
    native.git("reset", "-q", "--hard")
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)
    text = native.read("PLAN.md").replace("Settings agreed\r\n", "Settings agreed\r\n  - ask Bob\r\n")
    assert text.count("\n") == text.count("\r\n")
    native.write("PLAN.md", text)
    native.add({"db/x.sql": "x\n"})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before, dirty=[" M PLAN.md"])
    assert native.read("PLAN.md") == text


def test_gate_inputs_under_a_filter_are_compared_as_git_stores_them(native: Adopted) -> None:
    native.git("config", "filter.up.clean", "tr a-z A-Z")
    native.git("config", "filter.up.smudge", "tr A-Z a-z")
    native.add({"db/.gitattributes": "*.sql filter=up\n"})
    native.git("commit", "-q", "-m", MESSAGE)
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.tick("1.2")
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)
    assert status_line(native, 1) == "_complete - gates: schema passed_"


def test_by_path_with_a_gate(native: Adopted) -> None:
    native.tick("1.2")
    native.git("commit", "-q", "-m", MESSAGE)
    native.add({"db/schema.sql": GOOD_SCHEMA, "notes.txt": "staged\n"})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, "--", "db", check=False)
    assert_accepted(native, done, before, dirty=["M  notes.txt"])
    assert native.gate_runs() == ["schema"]
    native.git("commit", "-q", "-m", MESSAGE)
    assert status_line(native, 1) == "_complete - gates: schema passed_"


def test_a_users_settings_of_git_are_in_nobodys_way(native: Adopted) -> None:
    native.add({"db/x.sql": "x\n"})
    before = native.state()
    names = ("color.ui=always", "diff.external=false", "diff.renames=copies", "diff.noprefix=true", "core.pager=false")
    options = [part for name in names for part in ("-c", name)]
    env = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "log.showSignature", "GIT_CONFIG_VALUE_0": "true"}
    done = native.git(*options, "commit", "-m", MESSAGE, check=False, env={**env, "GIT_LITERAL_PATHSPECS": "1"})
    assert_accepted(native, done, before)


def test_in_a_shallow_clone(native: Adopted, make: Maker) -> None:
    native.commit(MESSAGE, {"db/x.sql": "x\n"})
    native.git("clone", "-q", "--depth=1", native.top.as_uri(), native.top.parent / "shallow")
    clone = Adopted(native.top.parent / "shallow", native.env)
    make.install(clone)
    clone.add({"db/schema.sql": GOOD_SCHEMA})
    clone.tick("1.2")
    before = clone.state()
    assert_accepted(clone, clone.git("commit", "-m", MESSAGE, check=False), before)


def test_what_a_refused_message_left_staged_heals(native: Adopted) -> None:
    native.add({"plan.toml": PLAN.replace("Settings agreed", "Settings fixed")})
    assert native.git("commit", "-m", "bad", check=False).returncode == 1
    # Another wording, still not committed before; then given up altogether.
    native.add({"plan.toml": PLAN.replace("Settings agreed", "Settings final")})
    assert native.git("commit", "-m", "bad", check=False).returncode == 1
    native.git("checkout", "-q", "HEAD", "--", "plan.toml")
    native.add({"db/x.sql": "x\n"})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)


def test_a_mark_that_a_refused_commit_left_staged_is_no_tick_of_the_user(native: Adopted) -> None:
    native.add({"db/schema.sql": GOOD_SCHEMA})
    assert native.git("commit", "-m", "bad", check=False).returncode == 1
    # The work is put off; nobody has ticked its task.
    native.git("rm", "-q", "--cached", "db/schema.sql")
    native.add({"db/x.sql": "x\n"})
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before, dirty=["?? db/schema.sql"])


def test_a_commit_without_a_change_leaves_nothing_staged(native: Adopted) -> None:
    text = native.read("PLAN.md").replace("**Progress**: 0/5", "**Progress**: 4/5")
    native.add({"PLAN.md": text})
    native.git("commit", "-q", "--no-verify", "-m", "stale")
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert done.returncode == 1
    assert native.state() == before
    assert native.status() == []
    native.git("commit", "-q", "--allow-empty", "-m", MESSAGE)
    assert "**Progress**: 0/5" in native.head("PLAN.md")
    assert native.status() == []


def test_hooks_of_a_folder_that_is_committed_beside_others(make: Maker) -> None:
    """As husky has it: core.hooksPath leads to stubs, which call the user's own files, and those end with ours."""
    repo = make.hooked("native")
    for stage in ("pre-commit", "pre-merge-commit", "commit-msg"):
        script(repo.top / ".husky" / "_" / stage, f'sh -e .husky/{stage} "$@"')
        repo.write(f".husky/{stage}", f'echo theirs {stage}\norchestrator-hook {stage} "$@"\n')
    repo.git("config", "core.hooksPath", ".husky/_")
    repo.commit("begin", {"plan.toml": PLAN})
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(repo, done, before, dirty=[f"?? .husky/{name}" for name in HUSKY])
    assert "theirs pre-commit" in said(done)
    repo.add({"src/api/auth.py": "x = 1\n"})
    before = repo.state()
    assert_refused(repo, repo.git("commit", "-m", "feat: [api] x", check=False), before, "phase-locked")


HUSKY = ("_/commit-msg", "_/pre-commit", "_/pre-merge-commit", "commit-msg", "pre-commit", "pre-merge-commit")
