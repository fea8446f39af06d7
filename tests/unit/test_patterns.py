"""Patterns match what Git's ignore patterns match; without glob characters they are paths from the top."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec, PathSpec
from pathspec.patterns.gitignore import GitIgnorePatternError

from orchestrator.core.gitignore import pattern, patterns
from orchestrator.core.patterns import Paths, any_matches, matched_paths, selected_paths

NAMES = st.sampled_from(["a", "b", "ab", "src", "a.py", ".env", "x-y", "é", "[", "a b"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PARTS = st.sampled_from(
    ["*", "**", "?", "*.py", "a*", "[ab]", "[!a]*", "a", "src", "ab", ".*", "\\[", "x-?", "**b", "a.??"]
)


@st.composite
def globs(draw: st.DrawFn) -> str:
    text = "/".join(draw(st.lists(PARTS, min_size=1, max_size=4)))
    return draw(st.sampled_from(["", "/"])) + text + draw(st.sampled_from(["", "/"]))


def is_glob(text: str) -> bool:
    return any(char in "*?[\\" for char in text)


@given(globs(), PATHS)
@example("src/**", "src")
@example("src/**", "src/a/b")
@example("src/**/*", "src/a/b")
@example("src/*", "src/a/b")
@example("**", "a")
@example("a/**/b", "a/b")
@example("*.py", "src/a.py")
@example("/*.py", "src/a.py")
@example("src/a*/", "src/ab")
@example("src/a*/", "src/ab/x")
@example("src/[ab]", "src/a/x")
def test_a_glob_matches_as_in_gitignore(text: str, path: str) -> None:
    assume(is_glob(text))
    try:
        spec = GitIgnoreSpec.from_lines([text])
    except GitIgnorePatternError:
        assume(False)
    assert pattern(text).matches(path) == spec.match_file(path)
    assert pattern(f"!{text}").matches(path) == spec.match_file(path)


@given(st.lists(st.tuples(st.booleans(), globs().filter(is_glob)), min_size=1, max_size=5), PATHS)
def test_the_last_pattern_that_matches_decides(items: list[tuple[bool, str]], path: str) -> None:
    texts = [("" if include else "!") + text for include, text in items]
    try:
        spec = PathSpec.from_lines("gitignore", texts)
    except GitIgnorePatternError:
        assume(False)
    claimed = spec.match_file(path)
    found = patterns(texts)
    assert any_matches(found, path) == claimed
    # What single patterns of the list claim is together what the list claims.
    paths = Paths([path])
    assert any(path in matched_paths(found, p, paths) for p in found if p.include) == claimed
    assert (selected_paths(found, paths) == [path]) == claimed


@given(PATHS, PATHS)
def test_without_glob_characters_it_is_a_path_from_the_top(text: str, path: str) -> None:
    assume(not is_glob(text))
    below = path.startswith(text + "/")
    assert pattern(text).matches(path) == (path == text or below)
    assert pattern(f"/{text}").matches(path) == (path == text or below)
    assert pattern(f"{text}/").matches(path) == below


@pytest.mark.parametrize(
    ("texts", "path", "expected"),
    [
        (["docs"], "src/docs", False),
        (["docs"], "docs2", False),
        (["src/**", "!src/gen/**"], "src/gen/a", False),
        (["src/**", "!src/gen/**"], "src/a", True),
        (["src/**", "!src/gen/**", "src/gen/keep"], "src/gen/keep", True),
        (["!src/gen/**", "src/**"], "src/gen/a", True),
        (["src", "!src/gen"], "src/gen/a", False),
        (["src/"], "src", False),
        (["a"], "a\nb", False),
        (["a*"], "a\nb", True),
        (["src/**"], "src/\n", True),
        (["{a,b}"], "a", False),
        (["~/x"], "~/x", True),
        (["A"], "a", False),
    ],
)
def test_claims(texts: list[str], path: str, expected: bool) -> None:
    assert any_matches(patterns(texts), path) is expected


def test_paths_of_one_pattern_keep_their_order() -> None:
    found = patterns(["b/**", "a", "!b/x"])
    paths = Paths(["b/y", "b/x", "a", "b/a", "ba"])
    assert matched_paths(found, found[0], paths) == ["b/a", "b/y"]
    assert matched_paths(found, found[1], paths) == ["a"]
    assert matched_paths(found, found[1], Paths(["a/b", "ab", "a-", "a"])) == ["a", "a/b"]
    assert selected_paths(found, paths) == ["a", "b/a", "b/y"]


@given(st.lists(PATHS, unique=True, max_size=8), PATHS)
def test_paths_below_a_prefix_are_those_that_begin_with_it(names: list[str], prefix: str) -> None:
    paths = Paths(names)
    assert paths.below(prefix) == sorted(name for name in names if name.startswith(prefix))
    assert paths.at(prefix) == sorted(n for n in names if n == prefix or n.startswith(prefix + "/"))
