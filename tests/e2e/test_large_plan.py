"""A plan of many phases, whose gates' keys are kept from one commit to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.formats import freeze
from orchestrator.core.gate import KEY_SCHEMA
from orchestrator.run_cache import RunCache
from tests.e2e.support import (
    assert_accepted,
    assert_in_step,
    assert_refused,
    listing_hooks,
    said,
    status_line,
    what_hooks_did,
)
from tests.e2e.verify_support import judged, refused

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Maker
    from tests.e2e.support import Adopted

PHASES = 60
PLAN = """\
version = 1

[feature]
title = "Large"

[gates.own]
run = 'echo own >>"$GATE_LOG"; ! grep -rq bad src'

[gates.docs]
run = 'echo docs >>"$GATE_LOG"'
inputs = ["docs/**"]
""" + "".join(
    f'\n[[phase]]\nid = "p{number}"\ntitle = "Part {number}"\nfiles = ["src/{number}/**"]\ngates = ["own", "docs"]\n'
    + (f'depends_on = ["p{number - 1}"]\n' if number > 1 else "")
    + f'[[phase.task]]\ntitle = "Write it"\nfiles = ["src/{number}/a"]\n'
    for number in range(1, PHASES + 1)
)


@pytest.fixture
def large(make: Maker) -> Adopted:
    """A repository whose first ten phases are complete, one commit each."""

    def grow() -> Adopted:
        repo = make.adopted(plan=PLAN)
        repo.commit("feat: [p1] docs", {"docs/a": "a\n"})
        for number in range(1, 11):
            repo.commit(f"feat: [p{number}] it", {f"src/{number}/a": "a\n"})
        return repo

    return make.copied(("native", PLAN, "grown"), "repo", grow)


def kept(repo: Adopted) -> Path:
    """Where the keys are kept."""
    return repo.git_path("orchestrator") / "keys"


def keys_name(repo: Adopted) -> str:
    """What they are kept under."""
    return f"{repo.out('rev-parse', 'HEAD:plan.toml')} {KEY_SCHEMA}"


def test_commits_land_and_gates_run_as_without_what_is_kept(large: Adopted) -> None:
    assert kept(large).is_file()
    runs = len(large.gate_runs())
    assert status_line(large, 10) == "_complete - gates: own passed, docs passed_"
    for number in (11, 12):
        before = large.state()
        done = large.commit(f"feat: [p{number}] it", {f"src/{number}/a": "a\n"})
        assert_accepted(large, done, before)
    assert large.gate_runs()[runs:] == ["own", "own"], "docs have not changed"
    # The gate of the third phase and of all complete ones that follow it take what is changed, and run again.
    before = large.state()
    done = large.commit("feat: [p3] more", {"src/3/b": "b\n"})
    assert_accepted(large, done, before)
    assert large.gate_runs()[runs + 2 :] == ["own"] * 10
    assert status_line(large, 12) == "_complete - gates: own passed, docs passed_"
    assert refused(judged(large)) == {}


def test_a_phase_that_has_lost_its_pass_locks_the_next(large: Adopted) -> None:
    large.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "feat: [p10] nothing")
    large.add({"src/3/a": "bad\n"})
    large.git("commit", "-q", "--no-verify", "-m", "feat: [p3] around the hooks")
    large.add({"src/11/a": "a\n"})
    before = large.state()
    done = large.git("commit", "-m", "feat: [p11] it", check=False)
    assert_refused(large, done, before, "gate-failed")


def test_what_is_kept_is_what_hooks_go_by(large: Adopted) -> None:
    """A wrong key, put there with a right checksum, has no pass, so that its gate is run; else nobody would notice."""
    cache = RunCache(str(kept(large).parent))
    name = keys_name(large)
    tree, keys = cache.kept("keys", name)
    cache.keep("keys", name, (tree, {**keys, ("p1", "own"): "0" * 64}))
    runs = len(large.gate_runs())
    large.add({"src/11/a": "a\n"})
    large.git("commit", "-q", "-m", "feat: [p11] it", check=False)
    assert len(large.gate_runs()) > runs + 1


def test_what_is_kept_may_be_lost_or_damaged(large: Adopted) -> None:
    data = kept(large).read_bytes()
    header, _, body = data.partition(b"\n")
    name = keys_name(large)
    tree, keys = RunCache(str(kept(large).parent)).kept("keys", name)
    damaged = {
        "empty": b"",
        "cut": data[:-10],
        "another plan": freeze((tree, keys), f"{name} x"),
        "flipped": header + b"\n" + body.translate(bytes.maketrans(b"0123456789abcdef", b"123456789abcdef0")),
        "a tree that is not there": freeze(("1" * len(tree), keys), name),
        "gone": None,
    }
    large.add({"src/11/a": "a\n"})
    for name, bad in damaged.items():
        kept(large).unlink(missing_ok=True)
        if bad is not None:
            kept(large).write_bytes(bad)
        runs = len(large.gate_runs())
        done = large.git("commit", "-m", "feat: [p11] it", check=False)
        assert done.returncode == 0, f"{name}: {said(done)}"
        assert large.gate_runs()[runs:] == ["own"] * (name == "empty"), name
        assert status_line(large, 11) == "_complete - gates: own passed, docs passed_", name
        large.git("reset", "-q", "--soft", "HEAD~1")
        large.git("checkout", "-q", "HEAD", "--", "PLAN.md", "plan.lock")


def test_an_amended_and_a_rewound_history(large: Adopted) -> None:
    """The tree that the keys are of is behind, beside, or gone."""
    large.commit("feat: [p11] it", {"src/11/a": "a\n"})
    large.write("src/11/b", "b\n")
    large.git("add", "src")
    large.git("commit", "-q", "--amend", "--no-edit")
    assert_in_step(large)
    large.git("reset", "-q", "--hard", "HEAD~5")
    large.git("reflog", "expire", "--expire=now", "--all")
    large.git("gc", "-q", "--prune=now")
    large.commit("feat: [p7] it", {"src/7/a": "other\n"})
    assert_in_step(large)
    assert refused(judged(large)) == {}


# -- what is under way -----------------------------------------------------------------------------------------------

BY_PART = ["cat-file", "diff-index", "diff-tree", "ls-tree"]
"""The processes of the pre-commit stage where what is under way is enough to judge by."""


@pytest.fixture
def hooks(large: Adopted, tmp_path: Path) -> Path:
    """What hooks did, in a repository where the tenth phase is complete and the eleventh has been begun."""
    large.commit("feat: [p11] begin", {"src/11/c": "c\n"})
    assert (large.git_path("orchestrator") / "under-way").is_file()
    return listing_hooks(large, tmp_path)


def started(hooks: Path) -> list[str]:
    """The Git processes of the last pre-commit stage."""
    return [argv[1] for argv in what_hooks_did(hooks)["pre-commit"]["started"] if argv[0] == "git"]


def test_an_ordinary_commit_is_judged_by_what_is_under_way(large: Adopted, hooks: Path) -> None:
    for text in ("1\n", "2\n"):
        before = large.state()
        large.write("notes", text)  # an edit of the user's beside it
        done = large.commit("feat: [p11] more", {"src/11/b": text})
        assert_accepted(large, done, before, dirty=["?? notes"])
        assert started(hooks) == BY_PART
    did = what_hooks_did(hooks)
    assert not [name for name in did["pre-commit"]["opened"] if "orchestrator/plans" in name], "the whole plan"
    assert [argv[1] for argv in did["commit-msg"]["started"]] == ["config"], "the note of the first stage holds"
    assert refused(judged(large)) == {}


@pytest.mark.parametrize(
    ("message", "files", "ids"),
    [
        ("feat: [p12] too early", {"src/12/b": "b\n"}, {"phase-locked"}),
        ("feat: [p11] and p10", {"src/11/b": "b\n", "src/10/b": "b\n"}, {"phases-mixed"}),
        ("feat: [p10] it is not", {"src/11/b": "b\n"}, {"phase-mismatch"}),
        ("feat: [part 12] it is not", {"src/11/b": "b\n"}, {"phase-mismatch", "phase-locked"}),
        ("more", {"src/11/b": "b\n"}, {"message-format"}),
        ("feat: [p11] more", {".gitattributes": "PLAN.md filter=other\n"}, {"plan-invalid"}),
    ],
)
def test_what_is_refused_is_refused_by_the_whole_plan(
    large: Adopted, hooks: Path, message: str, files: dict[str, str], ids: set[str]
) -> None:
    assert not list(hooks.iterdir())
    large.add(files)
    before = large.state()
    done = large.git("commit", "-m", message, check=False)
    assert_refused(large, done, before, *ids)


@pytest.mark.parametrize("name", ["p11", "PART11", "Phase 11"])
def test_every_name_of_the_phase_is_accepted(large: Adopted, hooks: Path, name: str) -> None:
    before = large.state()
    assert_accepted(large, large.commit(f"feat: [{name}] more", {"src/11/b": "b\n"}), before)
    assert started(hooks) == BY_PART


@pytest.mark.parametrize("how", ["empty", "flipped", "another version", "a folder"])
def test_damage_costs_time_alone(large: Adopted, hooks: Path, how: str) -> None:
    file = large.git_path("orchestrator") / "under-way"
    data = file.read_bytes()
    header, _, body = data.partition(b"\n")
    damaged = {
        "empty": b"",
        "flipped": header + b"\n" + body[:50] + bytes([body[50] ^ 1]) + body[51:],
        "another version": data.replace(b"orchestrator ", b"orchestrator 0", 1),
    }
    file.unlink()
    if how == "a folder":
        file.mkdir()
    else:
        assert damaged[how] != data
        file.write_bytes(damaged[how])
    before = large.state()
    assert_accepted(large, large.commit("feat: [p11] more", {"src/11/b": "b\n"}), before)
    assert started(hooks) != BY_PART


def test_a_commit_that_was_given_up_leaves_nothing_to_go_by(large: Adopted, hooks: Path) -> None:
    """What it would have done to the files of a complete phase has not been done."""
    large.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "feat: [p10] nothing")
    large.add({"src/3/a": "bad\n"})
    large.git("commit", "-q", "--no-verify", "-m", "feat: [p3] around the hooks")
    large.add({"src/3/a": "a\n"})
    done = large.git("commit", "-m", "no form", check=False)
    assert done.returncode != 0, "the mend is given up"
    large.git("reset", "-q", "--hard")
    large.add({"src/11/b": "b\n"})
    before = large.state()
    done = large.git("commit", "-m", "feat: [p11] more", check=False)
    assert_refused(large, done, before, "gate-failed")
    assert started(hooks) != BY_PART


def test_after_a_tick_what_is_under_way_is_enough_again(large: Adopted, hooks: Path) -> None:
    large.tick("11.1", mark="-")
    before = large.state()
    assert_accepted(large, large.commit("feat: [p11] begin", {"src/11/b": "b\n"}), before)
    assert started(hooks) != BY_PART
    before = large.state()
    assert_accepted(large, large.commit("feat: [p11] more", {"src/11/d": "d\n"}), before)
    assert started(hooks) == BY_PART


def test_a_wide_commit_takes_the_whole_plan_and_does_not_slow_the_next(large: Adopted, hooks: Path) -> None:
    for number in range(3):
        files = (
            {f"src/11/many/{name}": f"{name}\n" for name in range(300)} if number == 0 else {"src/11/b": f"{number}\n"}
        )
        before = large.state()
        assert_accepted(large, large.commit("feat: [p11] many", files), before)
        assert (started(hooks) == BY_PART) is (number == 2), number


def test_links_and_what_hides_a_folder_take_the_whole_plan(large: Adopted, hooks: Path) -> None:
    large.commit("feat: [p11] more", {"src/11/b": "b\n"})
    (large.top / "src" / "11" / "link").symlink_to("b")
    large.git("add", "src")
    before = large.state()
    assert_accepted(large, large.git("commit", "-m", "feat: [p11] a link"), before)
    assert started(hooks) != BY_PART
    large.git("rm", "-rq", "--cached", "src/12", check=False)
    (large.top / "src" / "12").symlink_to("11")
    large.git("add", "src")
    before = large.state()
    assert_refused(large, large.git("commit", "-m", "feat: [p11] a folder", check=False), before, "phase-locked")
