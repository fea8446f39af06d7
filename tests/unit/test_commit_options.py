"""Command lines of git commit, read as Git reads them."""

from __future__ import annotations

import pytest

from orchestrator.core.commit_options import (
    CommitOptions,
    commit_arguments,
    favoured_side,
    git_command,
    parse_commit_options,
)

EDITED = CommitOptions(known=True, edited=True)
GIVEN = CommitOptions(known=True)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], EDITED),
        (["-m", "x"], GIVEN),
        (["-mx"], GIVEN),
        (["-am", "x"], GIVEN),
        (["-m", "x", "-e"], EDITED),
        (["-em", "x"], EDITED),
        (["-m", "x", "--edit", "--no-edit"], GIVEN),
        (["--message=x"], GIVEN),
        (["--mess", "--amend"], GIVEN),
        (["-F", "file"], GIVEN),
        (["-C", "HEAD"], GIVEN),
        (["-c", "HEAD"], EDITED),
        (["-t", "template"], EDITED),
        (["--fixup=HEAD"], GIVEN),
        (["--amend"], EDITED.replace(amend=True)),
        (["--am", "--no-edit"], GIVEN.replace(amend=True)),
        (["--amend", "--no-amend"], EDITED),
        (["--no-amend", "--amend"], EDITED.replace(amend=True)),
        (["--", "--amend"], EDITED),
        (["-m", "--amend"], GIVEN),
        (["-mtest", "--amend"], GIVEN.replace(amend=True)),
        (["-Skey-m", "--amend"], EDITED.replace(amend=True)),
        (["-umt", "--amend"], EDITED.replace(amend=True)),
        (["--author", "--amend", "path"], EDITED),
        (["--allow-empty"], EDITED.replace(allow_empty=True)),
        (["--allow-empty-m"], EDITED.replace(allow_empty_message=True)),
        (["--allow-em"], EDITED),  # Git refuses what could mean two options
        (["--cleanup=strip", "--clean", "verbatim"], EDITED.replace(cleanup="verbatim")),
        (["-m"], GIVEN.replace(edited=False)),
        (["-v", "-v"], EDITED.replace(verbose=True)),
        (["-vm", "x", "--no-verb"], GIVEN.replace(verbose=False)),
    ],
)
def test_options(arguments: list[str], expected: CommitOptions) -> None:
    assert parse_commit_options(arguments) == expected


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["git", "commit", "-m", "x"], ["-m", "x"]),
        (["/usr/bin/git", "-c", "a.b=commit", "-C", "x", "--no-pager", "commit"], []),
        (["/usr/libexec/git-core/git-commit", "-a"], ["-a"]),
        (["git", "merge", "commit"], None),
        (["git"], None),
        (["sh", "commit"], None),
        ([], None),
    ],
)
def test_command_lines(argv: list[str], expected: list[str] | None) -> None:
    assert commit_arguments(argv) == expected


@pytest.mark.parametrize(
    ("line", "side"),
    [
        ("git merge -X theirs br", "theirs"),
        ("/usr/lib/git-core/git-merge -Xours br", "ours"),
        ("git -c a=b pull -q --strategy-option=theirs . br", "theirs"),
        ("git merge --strategy-opt ours br", "ours"),
        ("git merge -X ours -X theirs br", "theirs"),
        ("git merge -X ours -X patience br", "ours"),
        ("git merge -nqXtheirs br", "theirs"),
        ("git merge -m -Xours br", ""),
        ("git merge -m Xours -s ours br", ""),
        ("git merge -SX -- -Xours", ""),
        ("git merge --strategy=ours br", ""),
        ("sh -c -Xours", ""),
        ("", ""),
    ],
)
def test_the_side_that_a_merge_favours(line: str, side: str) -> None:
    assert favoured_side(git_command(line.split())[1]) == side
