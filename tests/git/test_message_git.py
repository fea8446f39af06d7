"""Cleaning a message, compared with Git's own, and with what Git stores.

``ORCHESTRATOR_FUZZ_RUNS`` sets how many messages are committed; the suite takes few.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.message import clean, revert_target, trailer
from tests.support import Repository

RUNS = int(os.environ.get("ORCHESTRATOR_FUZZ_RUNS", "25"))
TOP = Path(__file__).resolve().parents[2]

# Everything that Git or Python takes for white space or for the end of a line, and comment characters.
TEXTS = st.text(st.sampled_from("ab#; \n\n\t\r\v\f\x1c\x85\u2028\u00a0:"), max_size=40)


def git(text: str, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], input=text.encode(), capture_output=True, check=True)
    return done.stdout.decode()


@given(TEXTS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_white_space_goes_as_in_git(text: str) -> None:
    assert clean(text, "whitespace", "#") == git(text, "stripspace")


@given(TEXTS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_comments_go_as_in_git(text: str) -> None:
    assert clean(text, "strip", "#") == git(text, "stripspace", "--strip-comments")
    assert clean(text, "strip", ";") == git(text, "-c", "core.commentChar=;", "stripspace", "--strip-comments")


def test_an_exception_written_by_git_is_read() -> None:
    text = git("subject\n\nbody\n", "interpret-trailers", "--trailer", "Plan-Exception=the reason")
    assert trailer(text, "Plan-Exception") == "the reason"


def test_the_target_of_a_revert_is_read() -> None:
    oid = "0123456789" * 4
    assert revert_target(f'Revert "x"\n\nThis reverts commit {oid}.\n') == oid


# -- what the commit-msg stage reads, and what Git stores then ----------------------------------------------------

READER = f"""\
#!{sys.executable}
import os, sys
sys.path.insert(0, {str(TOP)!r})
from orchestrator.app.messages import read_message
from orchestrator.app.repository import open_hook_repository
text = read_message(open_hook_repository(os.environ), sys.argv[1])
with open("../read", "wb") as file:
    file.write(text.encode("utf-8", "surrogateescape"))
"""
EDITOR = f"""\
#!{sys.executable}
import sys
with open(sys.argv[1], "r+b") as file:
    prepared = file.read()
    file.seek(0)
    file.write(open("../written", "rb").read() + prepared)
"""
SCISSORS = " ------------------------ >8 ------------------------"
LINES = st.one_of(
    st.sampled_from(
        ["", "", "feat: [a] x", "fix", "# note", "; note", "auto", f"#{SCISSORS}", f";{SCISSORS}", f"f{SCISSORS}",
         "a\r", " indented", "ends \t ", "diff --git a/x b/x", "Signed-off-by: A <a@example.com>", "\u00e9\u2028"]
    ),
    st.text(st.sampled_from("ab#; \r\v\f\t\x85"), max_size=6),
)  # fmt: skip
CLEANUPS = ("", "strip", "whitespace", "verbatim", "scissors", "default")


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository whose commit-msg hook writes what it has read into a file beside it."""
    repo = Repository.init(tmp_path_factory.mktemp("reading") / "repo")
    hooks = {repo.git_path("hooks") / "commit-msg": READER, repo.top.parent / "editor": EDITOR}
    for file, text in hooks.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)
    repo.commit("begin", {"file": "text\n"})
    repo.write("file", "other text\n")  # for the diff of --verbose
    return repo


@given(
    lines=st.lists(LINES, max_size=8),
    ending=st.sampled_from(["", "\n"]),
    cleanup=st.sampled_from(CLEANUPS),
    is_setting=st.booleans(),
    comment=st.sampled_from(["", "", ";", "f", "auto"]),
    options=st.sampled_from([(), ("-v",), ("-v", "-v")]),
    edited=st.booleans(),
)
@settings(max_examples=RUNS, deadline=None, derandomize=RUNS <= 25, database=None)
def test_what_is_read_is_what_git_stores(
    reading: Repository,
    lines: list[str],
    ending: str,
    cleanup: str,
    is_setting: bool,
    comment: str,
    options: tuple[str, ...],
    edited: bool,
) -> None:
    (reading.top.parent / "written").write_text("\n".join(lines) + ending, encoding="utf-8", newline="")
    before = ["-c", f"core.commentChar={comment}"] if comment else []
    after = ["--allow-empty", "--allow-empty-message", *options]
    if cleanup and is_setting:
        before += ["-c", f"commit.cleanup={cleanup}"]
    elif cleanup:
        after.append(f"--cleanup={cleanup}")
    how = [] if edited else ["-F", "../written"]
    reading.git(*before, "commit", "-q", *how, *after, env={"GIT_EDITOR": str(reading.top.parent / "editor")})
    stored = reading.git("cat-file", "commit", "HEAD").stdout.partition("\n\n")[2]
    assert (reading.top.parent / "read").read_bytes().decode("utf-8", "surrogateescape") == stored
