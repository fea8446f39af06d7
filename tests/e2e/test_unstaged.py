"""What the user has not staged stays as it is: never lost, never committed unasked."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from orchestrator.callers import ancestors_began, find_runner
from tests.e2e.support import GOOD_SCHEMA, PLAN, Adopted, assert_accepted, assert_refused, box, said, told
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import Maker

MESSAGE = "feat: [foundation] x"
FAR = "\nA line far below.\n\n" * 4


def edited(repo: Adopted, place: str) -> str:
    """The text of PLAN.md with an edit that is not staged, now in the work tree."""
    text = repo.read("PLAN.md")
    lines = {
        "far": text + FAR,
        "top": f"# My plan\n\n{text}",
        "note": text.replace("Users table\n", "Users table\n  - ask Bob\n"),
        "box": text.replace("[ ] Task 1.2", "[x] Task 1.2"),
        "started": text.replace("[ ] Task 2.1", "[-] Task 2.1"),
        "foreign": text.replace("### Phase 2", "my line\n### Phase 2"),
        "marker gone": text.replace("<!-- orchestrator:end -->\n", ""),
        "emptied": "",
    }
    repo.write("PLAN.md", lines[place])
    return lines[place]


@pytest.mark.parametrize("place", ["far", "top", "note", "box", "started", "foreign", "marker gone", "emptied"])
def test_plan_md_native(native: Adopted, place: str) -> None:
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.write("notes.txt", "other edit\n")
    text = edited(native, place)
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    if place in ("foreign", "marker gone", "emptied"):
        assert_refused(native, done, before, "plan-md-unstaged")
        return
    assert_accepted(native, done, before, dirty=[" M PLAN.md", " M notes.txt"])
    assert native.read("notes.txt") == "other edit\n"
    assert box(native, "1.1") == "- [x] Task 1.1: Users table ✓"
    now = native.read("PLAN.md")
    if place == "far":
        assert now == native.head("PLAN.md") + FAR
    elif place == "top":
        assert now == "# My plan\n\n" + native.head("PLAN.md")
    elif place == "note":
        assert now == native.head("PLAN.md").replace("Users table ✓\n", "Users table ✓\n  - ask Bob\n")
    else:
        task = "1.2" if place == "box" else "2.1"
        mark = "x" if place == "box" else "-"
        assert f"- [{mark}] Task {task}:" in now or "(in progress)" in box(native, task, now)
        assert box(native, task).startswith("- [ ]")
        # Staged now, it goes into the next commit.
        native.git("add", "PLAN.md")
        if place == "box":
            native.git("commit", "-q", "-m", MESSAGE)
            assert box(native, "1.2") == "- [x] Task 1.2: Settings agreed ✓"
    assert text != native.head("PLAN.md")


@pytest.mark.parametrize("place", ["far", "note"])
def test_plan_md_under_a_runner(make: Maker, runner: str, place: str) -> None:
    repo = make.adopted(runner)
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    repo.write("notes.txt", "other edit\n")
    text = edited(repo, place)
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    if done.returncode:
        # Refused rather than at risk: what was there is there.
        assert_refused(repo, done, before, "plan-md-unstaged")
        assert repo.read("PLAN.md") == text
        # What the help says holds from any folder.
        run(["sh", "-c", said(done).split("help: ")[1].split(" and commit")[0]], cwd=repo.top / "db", env=repo.env)
        before = repo.state()
        done = repo.git("commit", "-m", MESSAGE, check=False)
        assert_accepted(repo, done, before, dirty=[" M notes.txt"])
    else:
        assert_accepted(repo, done, before, dirty=[" M PLAN.md", " M notes.txt"])
    assert repo.read("notes.txt") == "other edit\n"
    added = FAR if place == "far" else "  - ask Bob\n"
    assert added in repo.read("PLAN.md")


def test_an_edit_of_a_file_whose_name_only_begins_as_ours_is_no_obstacle(make: Maker, runner: str) -> None:
    repo = make.adopted(runner)
    names = ("PLAN.md.bak", "PLAN.md b", "plan.lock~", "a/PLAN.md")
    repo.commit(MESSAGE, dict.fromkeys(names, "x\n"))
    for name in names:
        repo.write(name, "\ndiff --git a/PLAN.md b/PLAN.md\n")
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(repo, done, before, dirty=[' M "PLAN.md b"', " M PLAN.md.bak", " M a/PLAN.md", " M plan.lock~"])
    for name in names:
        assert repo.read(name) == "\ndiff --git a/PLAN.md b/PLAN.md\n"


@pytest.mark.parametrize(
    ("runner", "form"),
    [
        ("pre-commit", "all of it"),
        *[("prek", form) for form in ("the same", "all of it", "another path", "staged", "with words of mine")],
    ],
)
def test_what_the_tool_wrote_for_a_commit_that_was_given_up_is_no_edit_of_the_user(
    make: Maker, runner: str, form: str
) -> None:
    """A commit of some paths, or of all changes, that a later hook refuses leaves PLAN.md in the work tree alone."""
    repo = make.adopted(runner)
    repo.commit(MESSAGE, {"db/x.sql": "x\n"})
    repo.write("db/schema.sql", GOOD_SCHEMA)
    repo.git("add", "-N", "db/schema.sql")
    repo.write("notes.txt", "other edit\n")
    assert repo.git("commit", "-m", "oops", "--", "db/schema.sql", check=False).returncode == 1
    assert " M PLAN.md" in repo.status()
    arguments, dirty = ["--", "db/schema.sql"], [" M notes.txt"]
    if form == "all of it":
        arguments, dirty = ["-a"], []
    elif form == "staged":
        repo.git("add", "db")
        arguments = []
    elif form == "another path":
        repo.write("db/x.sql", "y\n")
        arguments, dirty = ["--", "db/x.sql"], [" A db/schema.sql", " M notes.txt"]
    elif form == "with words of mine":
        repo.write("PLAN.md", repo.read("PLAN.md").replace("Settings agreed\n", "Settings agreed\n  - mine\n"))
        before = repo.state()
        assert_refused(repo, repo.git("commit", "-m", MESSAGE, *arguments, check=False), before, "plan-md-unstaged")
        repo.git("checkout", "-q", "--", "PLAN.md")
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, *arguments, check=False)
    if form == "another path":
        # Nothing of ours has to be written, so the box stays in the work tree, and nobody takes it for a tick.
        assert done.returncode == 0, said(done)
        assert box(repo, "1.1").startswith("- [ ]")
        repo.git("add", "db")
        before = repo.state()
        done = repo.git("commit", "-m", MESSAGE, check=False)
        dirty = [" M notes.txt"]
    assert_accepted(repo, done, before, dirty=dirty)
    assert box(repo, "1.1") == "- [x] Task 1.1: Users table ✓"
    assert repo.read("notes.txt") == "other edit\n"


@pytest.mark.parametrize("what", ["phases", "plan"])
def test_the_way_out_of_a_mixed_commit_takes_nothing_along(light_way: Adopted, what: str) -> None:
    """Of what is to be left out, a version that no file has, and a removed file, stay staged."""
    plan = PLAN.replace('depends_on = ["foundation"]\n', "") + '[[risk]]\nid = "R1"\ntext = "Lost"\n'
    light_way.commit("feat: [plan] in any order", {"plan.toml": plan})
    light_way.commit("feat: [api] log", {"src/api/log/x": "1\n", "src/api/log/y": "1\n"})
    light_way.add({"src/api/log/x": "only staged\n"})
    light_way.git("rm", "-q", "src/api/log/y")
    light_way.write("src/api/log/x", "other edit\n")
    if what == "phases":
        light_way.add({"db/schema.sql": GOOD_SCHEMA})
        light_way.write("db/schema.sql", "other edit\n")
    else:
        light_way.add({"plan.toml": plan.replace("Lost", "Found")})
        light_way.write("plan.toml", plan)
    before = light_way.out("diff", "--cached", "--raw", "--", "src")
    refused = said(light_way.git("commit", "-m", MESSAGE, check=False))
    helps = [line.strip().removeprefix("help: ") for line in refused.splitlines() if "git write-tree" in line]
    command = helps[0].removesuffix(", then commit the rest")
    assert len(before.splitlines()) == 2
    done = run(["sh", "-c", command.replace("...", "x")], cwd=light_way.top, env=light_way.env, check=False)
    changed = light_way.out("log", "-1", "--format=", "--name-only").split()
    own = "db/schema.sql" if what == "phases" else "plan.toml"
    assert own in changed, said(done)
    assert not [path for path in changed if path.startswith("src")]
    assert "other edit" not in light_way.head(own)
    assert light_way.out("diff", "--cached", "--raw", "--", "src") == before
    assert light_way.read("src/api/log/x") == "other edit\n"


def partly_staged(repo: Adopted) -> None:
    """A line of PLAN.md that is staged; not staged are the tick of a box that the tool ticks too, and another file."""
    repo.add({"db/schema.sql": GOOD_SCHEMA, "PLAN.md": f"# staged words\n\n{repo.read('PLAN.md')}"})
    repo.tick("1.1", stage=False)
    repo.write("PLAN.md", repo.read("PLAN.md") + "\nwords that are not staged\n")
    repo.write("notes.txt", "other edit\n")


def test_plan_md_under_lefthook_is_refused_where_its_edits_are_put_away(make: Maker) -> None:
    """Edits are put back line by line, without context; if one fails, all of them stay out of the work tree."""
    repo = make.adopted("lefthook")
    partly_staged(repo)
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert_refused(repo, done, before, "plan-md-unstaged")
    assert repo.out("stash", "list") == ""
    repo.git("add", "PLAN.md")
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", MESSAGE, check=False), before, dirty=[" M notes.txt"])
    assert "words that are not staged\n" in repo.head("PLAN.md")
    assert repo.read("notes.txt") == "other edit\n"


def test_no_gate_is_started_while_lefthook_has_put_edits_away(make: Maker) -> None:
    repo = make.adopted("lefthook")
    repo.tick("1.2")
    repo.add({"db/schema.sql": GOOD_SCHEMA, "notes.txt": "staged\n"})
    repo.write("notes.txt", "staged\nand not\n")
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(repo, done, before, dirty=[" M notes.txt"])
    assert told(said(done), "warning") == {"gate-due"}
    assert repo.gate_runs() == []
    assert repo.read("notes.txt") == "staged\nand not\n"


def test_a_patch_that_a_killed_lefthook_left_is_in_nobodys_way(make: Maker) -> None:
    repo = make.adopted("lefthook")
    patch = repo.git_path("info") / "lefthook-unstaged.patch"
    patch.write_text("diff --git a/PLAN.md b/PLAN.md\n", encoding="utf-8")
    os.utime(patch, (1, 1))
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    repo.tick("1.2")
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(repo, done, before)
    assert repo.gate_runs() == ["schema"]
    # Natively nothing is put away at all, however new the patch is.
    native = make.adopted(name="native")
    native.git_path("info").mkdir()
    (native.git_path("info") / "lefthook-unstaged.patch").write_bytes(patch.read_bytes())
    partly_staged(native)
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before, dirty=[" M PLAN.md", " M notes.txt"])


def test_what_is_saved_while_a_gate_runs_stays_and_nothing_is_staged(make: Maker, runner: str) -> None:
    """Runners refuse a commit during whose hooks a file was changed, so ours must not have staged anything by then."""
    save = "run = 'echo saved >>notes.txt; echo saved too >>PLAN.md; echo schema"
    repo = make.adopted(runner, PLAN.replace("run = 'echo schema", save))
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    repo.tick("1.2")
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert done.returncode == 1
    assert told(said(done)) == {"gate-unclean"}
    assert "  help: git add the changed files" in said(done)
    after = repo.state()
    saved = {name: before.files[name] + text for name, text in (("notes.txt", b"saved\n"), ("PLAN.md", b"saved too\n"))}
    assert after.files == {**before.files, **saved}
    assert (after.head, after.index) == (before.head, before.index)
    # The run counts: it is not repeated.
    repo.git("add", "PLAN.md")
    before = repo.state()
    assert_accepted(repo, repo.git("commit", "-m", MESSAGE, check=False), before, dirty=[" M notes.txt"])
    assert repo.gate_runs() == ["schema"]
    assert repo.head("PLAN.md").endswith("saved too\n")


def test_an_edit_of_plan_md_that_no_write_touches_is_no_obstacle(make: Maker, runner: str) -> None:
    """Nothing of ours changes in this commit, so the user's unstaged words are in nobody's way."""
    repo = make.adopted(runner)
    text = edited(repo, "note")
    repo.add({"db/x.sql": "x\n"})
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(repo, done, before, dirty=[" M PLAN.md"])
    assert repo.read("PLAN.md") == text


def test_partly_staged_plan_md(native: Adopted) -> None:
    native.write("PLAN.md", native.read("PLAN.md") + "\nstaged words\n")
    native.git("add", "PLAN.md")
    native.write("PLAN.md", "# unstaged words\n\n" + native.read("PLAN.md"))
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before, dirty=[" M PLAN.md"])
    assert "staged words" in native.head("PLAN.md")
    assert "unstaged" not in native.head("PLAN.md")
    assert native.read("PLAN.md") == "# unstaged words\n\n" + native.head("PLAN.md")


def test_deleted_in_the_work_tree_only(light_way: Adopted) -> None:
    light_way.add({"db/schema.sql": GOOD_SCHEMA})
    (light_way.top / "PLAN.md").unlink()
    before = light_way.state()
    done = light_way.git("commit", "-m", MESSAGE, check=False)
    if done.returncode:
        assert light_way.way != "native"
        assert_refused(light_way, done, before, "plan-md-unstaged")
    else:
        assert_accepted(light_way, done, before, dirty=[" D PLAN.md"])
        assert box(light_way, "1.1") == "- [x] Task 1.1: Users table ✓"
    assert not (light_way.top / "PLAN.md").exists()


def leave_out(repo: Adopted, *patterns: str) -> None:
    """Make it a sparse checkout of these patterns, in which PLAN.md is not."""
    # Git leaves a file where it is that may have been changed since the index was written.
    for path in ("PLAN.md", "plan.lock"):
        os.utime(repo.top / path, (1_000_000_000, 1_000_000_000))
    repo.git("update-index", "-q", "--refresh")
    repo.git("sparse-checkout", "set", "--no-cone", *patterns)
    assert not (repo.top / "PLAN.md").exists()


@pytest.mark.parametrize("form", [[], ["-a"], ["--", "db/schema.sql"]])
def test_left_out_of_a_sparse_checkout(native: Adopted, form: list[str]) -> None:
    """What is not checked out does not become a deletion, which the next ``git commit -a`` would take along."""
    leave_out(native, "/*", "!/PLAN.md", "!/plan.lock")
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, *form, check=False), before)
    assert box(native, "1.1") == "- [x] Task 1.1: Users table ✓"
    assert not (native.top / "PLAN.md").exists()


def test_left_out_of_a_sparse_checkout_in_the_index_of_a_runner(make: Maker, runner: str) -> None:
    """Of a commit of some paths the runner looks at the temporary index, and at what it takes for changes there."""
    repo = make.adopted(runner)
    leave_out(repo, "/*", "!/PLAN.md", "!/plan.lock")
    repo.add({"db/schema.sql": GOOD_SCHEMA})
    repo.write("notes.txt", "other edit\n")
    before = repo.state()
    done = repo.git("commit", "-m", MESSAGE, "--", "db/schema.sql", check=False)
    assert_accepted(repo, done, before, dirty=[" M notes.txt"])
    assert box(repo, "1.1") == "- [x] Task 1.1: Users table ✓"


def test_edited_plan_lock_in_the_work_tree(native: Adopted) -> None:
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.tick("1.2")
    native.write("plan.lock", "mine\n")
    before = native.state()
    done = native.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(native, done, before, dirty=[" M plan.lock"])
    assert native.read("plan.lock") == "mine\n"


def test_edited_plan_toml_in_the_work_tree(light_way: Adopted) -> None:
    light_way.add({"db/schema.sql": GOOD_SCHEMA})
    light_way.write("plan.toml", "not even TOML")
    before = light_way.state()
    done = light_way.git("commit", "-m", MESSAGE, check=False)
    assert_accepted(light_way, done, before, dirty=[" M plan.toml"])
    assert light_way.read("plan.toml") == "not even TOML"


@pytest.mark.parametrize("form", [["-a"], ["--", "db/schema.sql"], ["--amend"]])
def test_untracked_and_ignored_files_stay(native: Adopted, form: list[str]) -> None:
    native.add({"db/schema.sql": "x\n"})
    native.git("commit", "-q", "-m", MESSAGE)
    native.write("new.txt", b"\x00\xff\r\n")
    native.write("debug.log", b"ignored")
    native.write("db/schema.sql", GOOD_SCHEMA)
    done = native.git("commit", "-m", MESSAGE, *form, check=False)
    assert done.returncode == 0, said(done)
    assert (native.top / "new.txt").read_bytes() == b"\x00\xff\r\n"
    assert (native.top / "debug.log").read_bytes() == b"ignored"
    assert (native.top / "db/schema.sql").read_text(encoding="utf-8") == GOOD_SCHEMA


def test_executable_plan_md_stays_so(native: Adopted) -> None:
    (native.top / "PLAN.md").chmod(0o755)
    native.git("add", "PLAN.md")
    native.git("commit", "-q", "-m", "executable")
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)
    assert native.out("ls-files", "-s", "PLAN.md").startswith("100755 ")


@pytest.mark.parametrize("staged", ["mode", "removal", "words", "symbolic link"])
def test_a_commit_of_some_paths_leaves_what_is_staged_of_plan_md(native: Adopted, staged: str) -> None:
    if staged == "mode":
        native.git("update-index", "--chmod=+x", "PLAN.md")
    elif staged == "removal":
        native.git("rm", "-q", "--cached", "PLAN.md")
    elif staged == "words":
        native.add({"PLAN.md": native.read("PLAN.md") + "words\n"})
    else:
        oid = native.out("rev-parse", "HEAD:notes.txt")
        native.git("update-index", "--cacheinfo", f"120000,{oid},PLAN.md")
    native.write("db/schema.sql", GOOD_SCHEMA)
    native.git("add", "-N", "db/schema.sql")
    native.git("commit", "-q", "-m", MESSAGE, "--", "db/schema.sql")
    assert "[x] Task 1.1" in native.head("PLAN.md")
    now = native.out("ls-files", "-s", "PLAN.md")
    if staged == "mode":
        assert now.split(" ")[1] == native.out("rev-parse", "HEAD:PLAN.md")
        assert native.out("diff", "--cached", "--summary").strip() == "mode change 100644 => 100755 PLAN.md"
    elif staged == "removal":
        assert now == ""
        assert native.status() == ["D  PLAN.md", "?? PLAN.md"]
        assert native.read("PLAN.md") == native.head("PLAN.md")
    elif staged == "words":
        assert native.staged("PLAN.md") == native.head("PLAN.md") + "words\n" == native.read("PLAN.md")
    else:
        assert now.startswith("120000 ")
        assert native.staged("PLAN.md") == native.head("notes.txt")


@pytest.mark.parametrize("form", [[], ["-a"], ["--", "db/schema.sql"], ["-i", "notes.txt"]])
@pytest.mark.parametrize(
    "options", [["--assume-unchanged"], ["--skip-worktree"], ["--assume-unchanged", "--skip-worktree"]]
)
def test_local_lines_of_a_plan_md_that_git_is_told_not_to_look_at(
    native: Adopted, options: list[str], form: list[str]
) -> None:
    """The bits of the index entry stay, so that no later commit takes the lines."""
    for option in options:
        native.git("update-index", option, "PLAN.md", "plan.lock")
    native.write("PLAN.md", native.read("PLAN.md") + "local\n")
    flags = native.out("ls-files", "-v", "PLAN.md", "plan.lock")
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.git("commit", "-q", "-m", MESSAGE, *form)
    assert box(native, "1.1") == "- [x] Task 1.1: Users table ✓"
    assert native.read("PLAN.md") == native.head("PLAN.md") + "local\n"
    assert native.out("ls-files", "-v", "PLAN.md", "plan.lock") == flags
    native.write("db/schema.sql", "x\n")
    native.git("commit", "-qam", MESSAGE)
    assert "local" not in native.head("PLAN.md")
    assert native.status() == []


def test_a_sparse_checkout_without_plan_md_stays_so(native: Adopted) -> None:
    leave_out(native, "/db/", "/plan.toml")
    assert not (native.top / "PLAN.md").exists()
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before)
    assert not (native.top / "PLAN.md").exists()
    assert native.git("rebase", "--force-rebase", "HEAD~1", check=False).returncode == 0
    native.git("sparse-checkout", "disable")
    assert native.read("PLAN.md") == native.head("PLAN.md")
    assert "[x] Task 1.1" in native.read("PLAN.md")


@pytest.mark.parametrize(
    ("staged", "unstaged"),
    [
        ("LF", "first lines"),
        ("LF", "last line"),
        ("LF", "all"),
        ("CRLF", "none"),
        ("CRLF", "first lines"),
        ("CRLF", "all but the first"),
    ],
)
def test_line_ends_that_the_user_has_changed_stay_theirs(native: Adopted, staged: str, unstaged: str) -> None:
    """Each line of theirs keeps its end; those of the tool go by the line of its first marker."""
    lines = ["# Mine", "", "words", *native.read("PLAN.md").split("\n")[:-1], "more words"]
    native.add({"PLAN.md": "".join([line + ("\r\n" if staged == "CRLF" else "\n") for line in lines])})
    native.git("commit", "-q", "-m", MESSAGE)

    def has_crlf(number: int, count: int) -> bool:
        places = {"first lines": number < 3, "last line": number == count - 1, "all": True, "none": False}
        return places.get(unstaged, number > 0)

    def ended(text: str) -> str:
        found = text.replace("\r", "").split("\n")[:-1]
        return "".join([line + ("\r\n" if has_crlf(i, len(found)) else "\n") for i, line in enumerate(found)])

    native.write("PLAN.md", ended(native.read("PLAN.md")))
    native.add({"db/schema.sql": GOOD_SCHEMA})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", MESSAGE, check=False), before, dirty=[" M PLAN.md"])
    assert "[x] Task 1.1" in native.head("PLAN.md")
    assert native.read("PLAN.md") == ended(native.head("PLAN.md"))
    assert ("\r" in native.head("PLAN.md")) == (staged == "CRLF")


@pytest.mark.parametrize("by", ["core.autocrlf", "eol"])
def test_line_ends_that_git_makes_are_made_as_git_does(native: Adopted, by: str) -> None:
    if by == "eol":
        native.commit(MESSAGE, {".gitattributes": "* text eol=crlf\n"})
    else:
        native.git("config", by, "true")
    for name in ("PLAN.md", "plan.lock"):
        (native.top / name).unlink()
    native.git("checkout", "-q", "--", ".")
    assert native.read("plan.lock").count("\r\n") == native.read("plan.lock").count("\n") > 0
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.tick("1.2")
    native.git("commit", "-q", "-m", MESSAGE)
    for name in ("PLAN.md", "plan.lock"):
        assert "\r" not in native.head(name)
        assert native.read(name) == native.head(name).replace("\n", "\r\n")
    assert native.status() == []


def test_mode_of_plan_md_is_kept(native: Adopted) -> None:
    (native.top / "PLAN.md").chmod(0o600)
    native.add({"db/schema.sql": GOOD_SCHEMA})
    native.git("commit", "-q", "-m", MESSAGE)
    assert (native.top / "PLAN.md").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("age_s", "counts"), [(0, True), (-1, True), (86_400, False)])
def test_a_patch_of_an_earlier_process_with_our_id_is_not_ours(tmp_path: Path, age_s: int, counts: bool) -> None:
    """pre-commit keeps its patches for ever, and the system gives the ids of processes again."""
    patch = tmp_path / f"patch{int(time.time()) - age_s}-{os.getppid()}"
    patch.write_text("diff\n", encoding="utf-8")
    began = ancestors_began()[os.getppid()]
    assert 0 < began <= time.time()
    os.utime(patch, (began - age_s, began - age_s))
    env = {"PRE_COMMIT": "1", "PRE_COMMIT_HOME": str(tmp_path), "PREK_HOME": str(tmp_path / "prek")}
    found = find_runner(env, str(tmp_path))
    assert found.name == "pre-commit"
    assert found.has_put_away == counts


@pytest.mark.parametrize("up_s", [1.0, 100.0, 1e9])
def test_a_patch_of_now_is_ours_whatever_the_clocks_of_a_container_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, up_s: float
) -> None:
    """Time since boot may be the container's, and the beginnings of processes the host's; or a cache's clock is behind.

    Of several patches with an id of ours the newest is ours.
    """
    now = int(time.time())
    for stamp in (now - 7200, now, now - 3600):
        patch = tmp_path / f"patch{stamp}-{os.getppid()}"
        patch.write_text("diff\n", encoding="utf-8")
        os.utime(patch, (now - 7200, now - 7200))
    monkeypatch.setattr(time, "time", lambda: now + 1.0)
    monkeypatch.setattr(time, "clock_gettime", lambda _: up_s)
    monkeypatch.setattr("orchestrator.callers._stat", host_stat(os.getppid()))
    env = {"PRE_COMMIT": "1", "PRE_COMMIT_HOME": str(tmp_path), "PREK_HOME": str(tmp_path / "prek")}
    assert find_runner(env, str(tmp_path)).patch_path == str(tmp_path / f"patch{now}-{os.getppid()}")


@pytest.mark.parametrize("runner_home", ["PREK_HOME=~/p", "PREK_HOME=~", "PREK_HOME=", "PRE_COMMIT_HOME=~/p"])
def test_the_patch_is_looked_for_where_the_runner_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner_home: str
) -> None:
    """Of both, prek alone expands a tilde at the beginning; pre-commit takes it for the name of a folder."""
    name, _, value = runner_home.partition("=")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folders = {"~/p": "p/patches", "~": "patches", "": ".cache/prek/patches"}
    folder = tmp_path / (folders[value] if name == "PREK_HOME" else "~/p")
    folder.mkdir(parents=True)
    stamp = int(time.time())
    patch = folder / (f"{stamp}000-{os.getppid()}.patch" if name == "PREK_HOME" else f"patch{stamp}-{os.getppid()}")
    patch.write_text("diff\n", encoding="utf-8")
    found = find_runner({"PRE_COMMIT": "1", name: value}, str(tmp_path))
    assert found.has_put_away
    assert (tmp_path / found.patch_path).samefile(patch)


def host_stat(parent: int) -> Callable[[int], tuple[int, int]]:
    """In the place of what reads /proc: a host that has been up for a hundred days, and a parent two seconds old."""
    ticks = 100 * 86_400 * os.sysconf("SC_CLK_TCK")
    return lambda pid: (ticks, parent) if pid != parent else (ticks - 2 * os.sysconf("SC_CLK_TCK"), 1)


def test_ancestors_are_known_up_to_the_first_process() -> None:
    began = ancestors_began()
    assert next(iter(began)) == os.getppid()
    assert 1 not in began
    assert sorted(began.values(), reverse=True) == list(began.values())
