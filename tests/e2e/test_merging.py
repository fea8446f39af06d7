"""Branches that work on different phases: however they are merged, the tool's files come out alike and right."""

from __future__ import annotations

import itertools
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import assert_in_step, said

if TYPE_CHECKING:
    from tests.e2e.conftest import InProcess, Maker
    from tests.e2e.support import Adopted

LABELS = ("**Progress**: ", "**Current Phase**: ")
PHASE = """
[[phase]]
id = "p{n}"
title = "Part {n}"
files = ["p{n}/**"]
gates = ["check"]
artifacts = ["p{n}/doc.md"]
[[phase.task]]
id = "{n}.1"
title = "First"
files = ["p{n}/first"]
[[phase.task]]
id = "{n}.2"
title = "Second"
files = ["p{n}/second/**"]
[[phase.task]]
id = "{n}.3"
title = "Third"
[[control]]
id = "S{n}"
text = "Safe"
phase = "p{n}"
check = "test -d p{n}"
[[risk]]
id = "R{n}"
text = "Lost"
phase = "p{n}"
"""
COUNT = 3


def plan(*, summary: bool) -> str:
    """A plan of phases that depend on nothing."""
    settings = f"[settings]\nsummary_lines = {str(summary).lower()}\n[gates.check]\nrun = 'true'\n"
    phases = "".join([PHASE.replace("{n}", str(number)) for number in range(1, COUNT + 2)])
    hold = f'[[question]]\nid = "Q1"\ntext = "Why?"\nblocks = ["p{COUNT + 1}"]\n'
    return f'version = 1\n[feature]\ntitle = "Parts"\n{settings}{phases}{hold}'


def work(repo: Adopted, number: int, random: Random) -> None:
    """One to three commits on the phase of that number, whatever they do."""
    for _ in range(random.randint(1, 3)):
        files = {
            f"p{number}/first": "1\n",
            f"p{number}/second/{random.randint(1, 3)}": "2\n",
            f"p{number}/doc.md": "doc\n",
            f"p{number}/other": f"{random.random()}\n",
        }
        chosen = random.sample(sorted(files), random.randint(1, 3))
        repo.add({path: files[path] for path in chosen})
        if any("second" in path for path in chosen) and random.random() < 0.7:
            repo.tick(f"{number}.2")
        if random.random() < 0.4:
            repo.tick(f"{number}.3", mark=random.choice("x-"))
        if random.random() < 0.4:
            lines = repo.read("PLAN.md").split("\n")
            place = next(index for index, line in enumerate(lines) if f"Task {number}.1:" in line)
            repo.add({"PLAN.md": "\n".join([*lines[: place + 1], f"  a note on {number}", *lines[place + 1 :]])})
        done = repo.git("commit", "-m", f"feat: [p{number}] work", "--allow-empty", check=False)
        assert done.returncode == 0, said(done)


def branched(make: Maker, seed: int, *, summary: bool) -> tuple[Adopted, list[str]]:
    """A repository, and the tips of branches each of which has worked on a phase of its own."""
    repo = make.adopted(plan=plan(summary=summary))
    random = Random(seed)  # noqa: S311 - the same histories in each run
    tips = []
    for number in range(1, COUNT + 1):
        repo.git("switch", "-q", "-c", f"b{number}", "main")
        work(repo, number, random)
        tips.append(repo.out("rev-parse", "HEAD"))
    return repo, tips


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_merging_gives_the_same_bytes(make: Maker, seed: int) -> None:
    """By a plain three-way merge, as a server makes it, without a hook and without our driver."""
    repo, tips = branched(make, seed, summary=False)
    results = set()
    for order in itertools.permutations(tips):
        tip = order[0]
        for other in order[1:]:
            tree = repo.out("merge-tree", "--write-tree", tip, other)
            tip = repo.out("commit-tree", "-p", tip, "-p", other, "-m", "merge", tree)
        results.add(repo.out("rev-parse", f"{tip}^{{tree}}"))
    assert len(results) == 1
    repo.git("reset", "-q", "--hard", tip)
    assert_in_step(repo)


@pytest.mark.parametrize("seed", [1])
def test_with_summary_lines_nothing_else_is_in_question(make: Maker, seed: int) -> None:
    repo, tips = branched(make, seed, summary=True)
    for first, second in itertools.permutations(tips, 2):
        done = repo.git("merge-tree", "--write-tree", "--name-only", "--no-messages", first, second, check=False)
        tree, *conflicts = done.stdout.split()
        assert conflicts in ([], ["PLAN.md"])
        text = repo.git("cat-file", "blob", f"{tree}:PLAN.md").stdout
        inside = False
        for line in text.split("\n"):
            inside = (inside or line.startswith("<<<<<<<")) and not line.startswith(">>>>>>>")
            assert not inside or line.startswith((*LABELS, "<<<<<<<", "=======")) or not line


@pytest.mark.parametrize("seed", [3])
def test_with_our_driver_nothing_at_all_is_in_question(make: Maker, seed: int, in_process: InProcess) -> None:
    repo, tips = branched(make, seed, summary=True)
    installed = in_process(repo, "install", "--native")
    assert installed.returncode == 0, said(installed)
    results = set()
    for order in itertools.permutations(tips):
        repo.git("checkout", "-q", "--detach", order[0])
        for other in order[1:]:
            merged = repo.git("merge", "-q", "--no-edit", other, check=False)
            assert merged.returncode == 0, said(merged)
        results.add(repo.out("rev-parse", "HEAD^{tree}"))
        assert repo.status() == []
    assert len(results) == 1
    assert_in_step(repo)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        (" ", "-", "x", "x"),
        ("x", " ", "x", " "),
        ("x", "x", " ", " "),
        ("-", "x", " ", "x"),
    ],
)
def test_ticks_are_merged_three_way_per_task(
    make: Maker, base: str, ours: str, theirs: str, merged: str, in_process: InProcess
) -> None:
    """Two branches on one phase that each set the box of one task, and change the status line each their way."""
    repo = make.adopted(plan=plan(summary=True))

    def set_box(mark: str, file: str) -> None:
        repo.add({f"p1/{file}": f"{file}\n"})
        repo.tick("1.3", mark=mark)
        done = repo.git("commit", "-m", "feat: [p1] work", check=False)
        assert done.returncode == 0, said(done)

    set_box(base, "other")
    repo.git("switch", "-q", "-c", "theirs")
    set_box(theirs, "first")
    repo.git("switch", "-q", "main")
    set_box(ours, "second/1")
    repo.git("merge", "-q", "--no-edit", "theirs", check=False)
    synced = in_process(repo, "sync")
    assert synced.returncode == 0, said(synced)
    line = next(line for line in (repo.staged("PLAN.md") or "").split("\n") if "Task 1.3:" in line)
    assert line[3] == merged
    if repo.status():
        done = repo.git(
            "commit", "-q", "--no-edit" if repo.git_path("MERGE_HEAD").exists() else "-mfeat: [p1] x", check=False
        )
        assert done.returncode == 0, said(done)
    assert_in_step(repo)


MERGES = [
    ("merge", "-X", "{side}", "other"),
    ("-c", "core.editor=true", "merge", "-qX{side}", "other"),
    ("pull", "-q", "--no-rebase", "--strategy-option={side}", ".", "other"),
    ("cherry-pick", "-X{side}", "other"),
    ("cherry-pick", "--strategy-option", "{side}", "other~1", "other"),
    ("revert", "--no-edit", "-X", "{side}", "HEAD~1"),
    ("rebase", "-X", "{side}", "other"),
    ("rebase", "-i", "--empty=drop", "-Xpatience", "-X{side}", "other"),
]


@pytest.mark.parametrize("arguments", MERGES, ids=" ".join)
def test_a_side_that_is_favoured_is_so_with_our_driver(
    make: Maker, arguments: tuple[str, ...], in_process: InProcess
) -> None:
    """In the user's own text; all comes out as it does without the driver, also that nothing is left to commit."""
    repo = make.adopted(plan=plan(summary=True))
    repo.env["GIT_SEQUENCE_EDITOR"] = ":"
    installed = in_process(repo, "install", "--native")
    assert installed.returncode == 0, said(installed)
    repo.git("config", "core.hooksPath", "/dev/null")
    text = repo.read("PLAN.md")

    def commit(words: str, *, top: str = "") -> None:
        repo.commit("text", {"PLAN.md": f"{top}{text}\n{words}\n"})

    commit("base")
    repo.git("branch", "other")
    commit("ours one")
    commit("ours two")
    repo.git("switch", "-q", "other")
    commit("theirs one")
    commit("theirs two", top="# top\n\n")
    repo.git("switch", "-q", "main")
    tip = repo.out("rev-parse", "HEAD")
    for side in ("ours", "theirs"):
        found = []
        for driver in (True, False):
            repo.write(".git/info/attributes", "/PLAN.md merge=orchestrator\n" if driver else "")
            done = repo.git(*[word.format(side=side) for word in arguments], check=False)
            found.append((done.returncode, repo.read("PLAN.md"), repo.status()))
            assert "<<<<<<< " not in repo.read("PLAN.md"), said(done)
            for command in ("cherry-pick", "revert"):
                repo.git(command, "--quit")
            repo.git("reset", "-q", "--hard", tip)
        assert found[0] == found[1]


def test_no_side_is_favoured_unless_asked(make: Maker, in_process: InProcess) -> None:
    repo = make.adopted(plan=plan(summary=True))
    installed = in_process(repo, "install", "--native")
    assert installed.returncode == 0, said(installed)
    text = repo.read("PLAN.md")
    repo.git("branch", "other")
    repo.commit("feat: [p1] x", {"PLAN.md": f"{text}\nours\n"})
    repo.git("switch", "-q", "other")
    repo.commit("feat: [p1] x", {"PLAN.md": f"{text}\ntheirs\n"})
    assert repo.git("merge", "-m", "-Xours", "main", check=False).returncode == 1
    assert "<<<<<<< " in repo.read("PLAN.md")
