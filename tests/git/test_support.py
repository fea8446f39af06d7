"""The helper class does what the other tests take for granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support import Repository


def test_what_a_repository_tells(repo: Repository) -> None:
    assert repo.commit_count() == 0
    repo.commit("one", {"a b/ä.txt": "x\r\n", "c": ""})
    assert repo.commit_count() == 1
    assert repo.head_files() == ["a b/ä.txt", "c"]
    assert repo.head("a b/ä.txt") == repo.staged("a b/ä.txt") == repo.read("a b/ä.txt") == "x\r\n"
    repo.write("d", "new")
    assert repo.status() == ["?? d"]
    assert repo.staged("d") is None
    assert repo.out("log", "-1", "--format=%an %ce %s") == "Ada Author cole@example.com one"
    assert repo.out("symbolic-ref", "--short", "HEAD") == "main"
    assert repo.git_path("hooks").is_dir()
