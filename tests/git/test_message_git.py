"""Cleaning a message, compared with Git's own."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.message import clean, revert_target, trailer

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
