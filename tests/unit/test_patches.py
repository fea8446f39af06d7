"""The patches of hook runners, against what Git makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.core.patches import patched, touches, without_change
from tests.support import Repository

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.lists(
    st.sampled_from(["a", "b", "-- a/PLAN.md", "@@ -1 +1 @@", "", "diff --git a/b b/b", "a\r"]), max_size=30
)
HEAD = b"diff --git a/PLAN.md b/PLAN.md\n"
BODY = b"index 0..1 100644\n--- a/PLAN.md\n+++ b/PLAN.md\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return Repository.init(tmp_path / "repo")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS, st.booleans(), st.booleans(), st.booleans())
def test_a_patch_of_git_is_read_as_git_applies_it(
    repo: Repository, old: list[str], new: list[str], old_ends: bool, new_ends: bool, others: bool
) -> None:
    texts = ["\n".join(lines).encode() + b"\n" * ends for lines, ends in ((old, old_ends), (new, new_ends))]
    texts = [b"1\n2\n" + text for text in texts]
    for text in texts:
        for name in ["PLAN.md", *(["A", "PLAN.md.bak"] if others else [])]:
            (repo.top / name).write_bytes(text)
        if text is texts[0]:
            repo.git("add", "-A")
    code = repo.git("diff", "--exit-code", "--output=../patch", check=False).returncode
    patch = (repo.top.parent / "patch").read_bytes()
    assert touches(patch, "PLAN.md") == bool(code) == (texts[0] != texts[1])
    if not code:
        return
    assert patched(patch, "PLAN.md", texts[0]) == texts[1]
    freed = without_change(patch, "PLAN.md", *texts)
    assert freed is not None
    (repo.top.parent / "freed").write_bytes(freed)
    for text in texts:
        repo.git("checkout", "-q", "--", ".")
        (repo.top / "PLAN.md").write_bytes(text)
        repo.git("apply", "../freed")
        assert (repo.top / "PLAN.md").read_bytes() == text
        if others:
            assert (repo.top / "A").read_bytes() == (repo.top / "PLAN.md.bak").read_bytes() == texts[1]


def test_a_blank_line_of_context_may_lack_its_space() -> None:
    """As git-config(1), diff.suppressBlankEmpty, has it."""
    patch = HEAD + BODY + b"@@ -1,3 +1,3 @@\n-1\n+one\n\n 3\n"
    assert patched(patch, "PLAN.md", b"1\n\n3\n") == b"one\n\n3\n"


@pytest.mark.parametrize(
    "patch",
    [
        HEAD,
        HEAD + b"old mode 100644\nnew mode 100755\n",
        HEAD + b"deleted file mode 100644\n" + BODY + b"@@ -1,2 +0,0 @@\n-a\n-b\n",
        HEAD + b"index 0..1 100644\nGIT binary patch\nliteral 1\n",
        HEAD + BODY + b"@@ -1 +1 @@\n-other\n+a\n",
        HEAD + BODY + b"@@ -x +1 @@\n",
        HEAD + BODY + b"@@ -2 +2 @@\n-b\n@@ -1 +1 @@\n-a\n",
        HEAD + BODY + b"?\n",
        b"diff --git a/PLAN.md b/x\nrename from PLAN.md\nrename to x\n",
    ],
)
def test_what_is_no_change_of_lines_is_not_guessed(patch: bytes) -> None:
    assert touches(patch, "PLAN.md")
    assert patched(patch, "PLAN.md", b"a\nb\n") is None


def test_a_file_whose_beginning_changes_is_not_made_free() -> None:
    assert without_change(HEAD + BODY, "PLAN.md", b"a\nb\n", b"a\nc\n") is None
    assert without_change(HEAD + BODY, "PLAN.md", b"a\n", b"a\n") is None
