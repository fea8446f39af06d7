"""The message is judged as Git will store it, whatever editor, template, comment character or clean-up."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import TOP, Adopted, assert_accepted, assert_refused, script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Maker

GOOD = "feat: [foundation] x"


def editor(repo: Adopted, text: str) -> dict[str, str]:
    """The environment with an editor that runs this Python text with the file's lines as ``text``."""
    program = f"import sys\nfile = sys.argv[1]\ntext = open(file).read()\n{text}\nopen(file, 'w').write(text)"
    return {"GIT_EDITOR": str(script(repo.top.parent / "editor", program, "#!/usr/bin/env python3"))}


def stage(repo: Adopted) -> None:
    repo.add({"db/x.sql": "x\n"})


def subject(repo: Adopted) -> str:
    return repo.out("-c", "i18n.logOutputEncoding=UTF-8", "log", "-1", "--format=%s")


@pytest.mark.parametrize(
    ("options", "comment"),
    [
        ((), ""),
        ((), "core.commentChar=auto"),
        (("-v",), ""),
        (("-v", "-v"), "core.commentChar=;"),
        (("-v",), "core.commentChar=auto"),
        (("--cleanup=scissors",), ""),
        (("--cleanup=scissors", "-v"), "core.commentChar=;"),
        (("--cleanup=strip", "-v"), ""),
    ],
)
def test_editor(native: Adopted, options: tuple[str, ...], comment: str) -> None:
    if comment:
        native.git("config", *comment.split("="))
    native.write("db/x.sql", "feat: [nowhere] this stands in the diff\n")
    native.git("add", "db")
    before = native.state()
    env = editor(native, f"text = '\\n\\n{GOOD}\\n\\n# a line of the body?\\n' + text")
    done = native.git("commit", *options, env=env, check=False)
    assert_accepted(native, done, before)
    assert subject(native) == GOOD
    env = editor(native, "text = 'no form\\n' + text")
    before = native.state()
    done = native.git("commit", "--allow-empty", *options, env=env, check=False)
    assert_refused(native, done, before, "message-format")


def test_template(native: Adopted) -> None:
    stage(native)
    template = native.top.parent / "template"
    template.write_text("# How we write messages\nfeat: [foundation] \n", encoding="utf-8")
    native.git("config", "commit.template", str(template))
    before = native.state()
    env = editor(native, "text = text.replace('[foundation] ', '[foundation] x')")
    assert_accepted(native, native.git("commit", env=env, check=False), before)
    assert subject(native) == GOOD


@pytest.mark.parametrize(
    ("mode", "text", "ids"),
    [
        ("strip", f"# comment\n\n{GOOD}\n", ()),
        ("strip", "# feat: [foundation] x\nbad\n", ("message-format",)),
        ("whitespace", f"\n\n{GOOD}  \n", ()),
        ("whitespace", f"# comment\n{GOOD}\n", ("message-format",)),
        ("scissors", f"\n{GOOD}\n\n# ------------------------ >8 ------------------------\nkept\n", ()),
        ("default", f"{GOOD}\n\n# kept\n", ()),
        ("default", f"# comment\n{GOOD}\n", ("message-format",)),
        ("verbatim", f"{GOOD}\n", ()),
        ("verbatim", f"# comment\n{GOOD}\n", ("message-format",)),
    ],
)
@pytest.mark.parametrize("given", ["argument", "setting"])
def test_cleanup(native: Adopted, mode: str, text: str, ids: tuple[str, ...], given: str) -> None:
    stage(native)
    options = [f"--cleanup={mode}"] if mode != "strip" else ["--cleanup", mode]
    if given == "setting":
        options = []
        native.git("config", "commit.cleanup", mode)
    native.git("commit", "-q", "-m", GOOD)  # what our own files need is there
    before = native.state()
    done = native.git("commit", "--allow-empty", "-F", "-", *options, stdin=text, check=False)
    if ids:
        assert_refused(native, done, before, *ids)
    else:
        assert_accepted(native, done, before)
        assert subject(native) == GOOD


def test_what_is_judged_is_what_is_stored(native: Adopted) -> None:
    """A comment character that is a letter of the subject takes the line away; Git then refuses an empty message."""
    stage(native)
    native.git("commit", "-q", "-m", GOOD)
    native.git("config", "core.commentChar", "f")
    before = native.state()
    done = native.git("commit", "--allow-empty", env=editor(native, f"text = '{GOOD}\\nbad subject\\n'"), check=False)
    assert_refused(native, done, before, "message-format")


@pytest.mark.parametrize(
    "message",
    [
        "feat: [Foundation]",
        "FEAT(db)!: [FOUNDATION] x",
        "feat: [ phase 1 ] x",
        "feat: [1]",
        "feat: [Found ation] x\n\nbody\n\nSigned-off-by: A <a@example.com>",
    ],
)
def test_ways_to_name_a_phase(native: Adopted, message: str) -> None:
    stage(native)
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", message, check=False), before)


def test_a_latin_1_message(native: Adopted) -> None:
    stage(native)
    native.git("config", "i18n.commitEncoding", "ISO-8859-1")
    before = native.state()
    text = "feat: [foundation] für alle\n".encode("latin-1")
    assert_accepted(native, native.git("commit", "-F", "-", stdin=text, check=False), before)
    assert subject(native) == "feat: [foundation] für alle"


def test_signoff_trailer_squash_and_reuse(native: Adopted) -> None:
    stage(native)
    before = native.state()
    done = native.git("commit", "-s", "--trailer", "Reviewed-by: B <b@example.com>", "-m", GOOD, check=False)
    assert_accepted(native, done, before)
    before = native.state()
    assert_accepted(native, native.git("commit", "--allow-empty", "-C", "HEAD", check=False), before)
    for option in ("--fixup", "--squash"):
        before = native.state()
        done = native.git("commit", "--allow-empty", option, "HEAD", "--no-edit", check=False)
        assert_accepted(native, done, before)


def test_an_amend_whose_message_says_amend(native: Adopted) -> None:
    """The word in a message is no option."""
    stage(native)
    native.git("commit", "-q", "-m", GOOD)
    native.git("rm", "-q", "db/x.sql")
    native.add({"db/schema.sql": "create table users ();\n"})
    before = native.state()
    assert_accepted(native, native.git("commit", "-m", GOOD, "-m", "--amend", check=False), before)
    before = native.state()
    done = native.git("commit", "--allow-empty", "--author", "--amend <a@example.com>", "-m", GOOD, check=False)
    assert_accepted(native, done, before)


def test_exempt_authors_are_free_from_the_form_and_from_nothing_else(make: Maker) -> None:
    from tests.e2e.support import plan_text  # noqa: PLC0415

    repo = make.adopted("native", plan_text('exempt_authors = ["*@bots.example.com"]'))
    stage(repo)
    before = repo.state()
    author = "--author=Bot <bot@bots.example.com>"
    assert_accepted(repo, repo.git("commit", author, "-m", "bump", check=False), before)
    repo.add({"src/api/auth.py": "x\n"})
    before = repo.state()
    assert_refused(repo, repo.git("commit", author, "-m", "bump", check=False), before, "phase-locked")


def test_exempt_author_by_environment(make: Maker) -> None:
    from tests.e2e.support import plan_text  # noqa: PLC0415

    repo = make.adopted("native", plan_text('exempt_authors = ["*@bots.example.com"]'))
    stage(repo)
    before = repo.state()
    env = {"GIT_AUTHOR_EMAIL": "bot@bots.example.com"}
    assert_accepted(repo, repo.git("commit", "-m", "bump", env=env, check=False), before)


# -- what the pre-commit stage has accepted need not be judged again, as long as it is that


def test_a_hook_that_stages_something_after_ours_is_not_trusted(native: Adopted) -> None:
    script(native.git_path("hooks") / "commit-msg.orchestrator-chained", "git add src")
    native.write("src/ui/x", "x\n")
    stage(native)
    before = native.state()
    done = native.git("commit", "-m", GOOD, check=False)
    assert done.returncode == 1
    assert "error[phase-locked]" in done.stderr
    assert native.commit_count() == before.count
    assert native.staged("src/ui/x") == "x\n"


@pytest.mark.parametrize(
    ("message", "ids"),
    [
        ("fix: [foundation] x", ("message-format",)),
        ("feat: [api] x", ("phase-locked", "phase-mismatch")),
        ("feat: [plan] x", ("phase-mismatch",)),
        ("feat: [nowhere] x", ("phase-unknown",)),
        ("fixup! feat: [foundation] x", ("fixup-target",)),
        (f'Revert "x"\n\nThis reverts commit {"1" * 40}.', ("revert-target",)),
        ("# feat: [foundation] x", ("message-format",)),
    ],
)
def test_another_message_than_the_one_to_be_expected(native: Adopted, message: str, ids: tuple[str, ...]) -> None:
    stage(native)
    before = native.state()
    assert_refused(native, native.git("commit", "-m", message, check=False), before, *ids)


def test_an_acceptance_holds_for_one_commit(native: Adopted) -> None:
    """The next process of Git finds the note of the one before, with the same index, and HEAD may be another."""
    native.add({"src/ui/x": "x\n"})
    native.git("commit", "-q", "--no-verify", "-m", "around the hooks")
    stage(native)
    assert_refused(native, native.git("commit", "-m", "no form", check=False), native.state(), "message-format")
    note = (native.git_path("orchestrator") / "accepted").read_bytes()
    (native.git_path("hooks") / "pre-commit").unlink()
    native.git("reset", "-q", "--soft", "HEAD~1")
    before = native.state()
    assert_refused(native, native.git("commit", "-m", GOOD, check=False), before, "phase-locked", "phases-mixed")
    assert (native.git_path("orchestrator") / "accepted").read_bytes() == note


# -- asked for: prepare-commit-msg and post-commit


@pytest.fixture
def all_hooks(native: Adopted) -> Adopted:
    """The repository with all five launchers."""
    for stage_name in ("prepare-commit-msg", "post-commit"):
        shutil.copy2(TOP / "hooks" / stage_name, native.git_path("hooks") / stage_name)
    return native


def test_offer_is_refused_unchanged_and_taken_with_a_subject(all_hooks: Adopted, tmp_path: Path) -> None:
    repo = all_hooks
    stage(repo)
    seen = tmp_path / "seen"
    env = editor(repo, f"open({str(seen)!r}, 'w').write(text)")
    count = repo.commit_count()
    done = repo.git("commit", env=env, check=False)
    assert seen.read_text(encoding="utf-8").startswith("feat: [Foundation] \n")
    assert done.returncode == 1
    assert "error[message-unchanged]" in done.stderr
    assert repo.commit_count() == count
    before = repo.state()
    assert_refused(repo, repo.git("commit", env=env, check=False), before, "message-unchanged")
    before = repo.state()
    env = editor(repo, "text = text.replace('[Foundation] ', '[Foundation] x')")
    assert_accepted(repo, repo.git("commit", env=env, check=False), before)
    # A message that is given is no offer, even if it says the same.
    before = repo.state()
    done = repo.git("commit", "--allow-empty", "-m", "feat: [Foundation]", check=False)
    assert_accepted(repo, done, before)


def test_offer_of_a_plan_change(all_hooks: Adopted, tmp_path: Path) -> None:
    repo = all_hooks
    repo.add({"plan.toml": repo.read("plan.toml") + "\n"})
    seen = tmp_path / "seen"
    env = editor(repo, f"open({str(seen)!r}, 'w').write(text)\ntext = text.replace('[plan] ', '[plan] x')")
    before = repo.state()
    assert_accepted(repo, repo.git("commit", env=env, check=False), before)
    assert seen.read_text(encoding="utf-8").startswith("feat: [plan] \n")


def test_post_commit_reports_what_went_around_the_hooks_and_writes_nothing(all_hooks: Adopted) -> None:
    repo = all_hooks
    stage(repo)
    done = repo.git("commit", "-m", GOOD)
    assert done.stderr == ""
    repo.add({"src/api/auth.py": "x\n"})
    done = repo.git("commit", "--no-verify", "-m", "sneaked in")
    assert "error[bypassed]" in done.stderr
    assert "error[phase-locked]" in done.stderr
    assert "error[message-format]" in done.stderr
    assert repo.status() == []
    # And the next commit says it again of itself only.
    repo.add({"db/y.sql": "y\n"})
    done = repo.git("commit", "-m", GOOD)
    assert "bypassed" not in done.stderr


def test_prepare_commit_msg_never_fails(all_hooks: Adopted) -> None:
    repo = all_hooks
    repo.add({"plan.toml": "version = "})
    done = repo.git("commit", "--no-verify", "-m", "broken plan")
    assert done.returncode == 0
    assert repo.out("log", "-1", "--format=%s") == "broken plan"
