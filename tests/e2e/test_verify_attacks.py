"""``verify`` against what an attacker has tried: one test for each way that once got something past it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from orchestrator.app.verify import command, engine
from orchestrator.app.verify.command import Asked
from orchestrator.app.verify.ground import Ground
from orchestrator.app.verify.pushes import pre_receive, read_settings
from orchestrator.app.verify.ranges import named_span
from orchestrator.app.verify.report import Options, Span, Tip
from orchestrator.core.finding import CannotJudgeError, UnknownNameError
from orchestrator.core.formats import compile_plan
from orchestrator.core.plan_file import read_plan
from orchestrator.history import objects
from tests.e2e.support import GOOD_SCHEMA, PHASES, TOP, plan_text
from tests.e2e.verify_support import SCHEMA, around, judged, listed, opened, refused, through
from tests.support import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.app.verify.report import Report
    from tests.e2e.conftest import Maker
    from tests.e2e.support import Adopted

FOUNDATION = """\
[[phase]]
id = "foundation"
title = "Foundation"
files = ["src/core/**"]
[[phase.task]]
id = "f1"
title = "Base"
files = ["src/base.py"]
"""
NEW_TASK = """\
[[phase.task]]
id = "f2"
title = "New"
files = ["src/new.py"]
"""
API = """\
[[phase]]
id = "api"
title = "Api"
depends_on = ["foundation"]
files = ["src/api/**"]
[[phase.task]]
id = "a1"
title = "Login"
files = ["src/api/login.py"]
"""
DEPLOY = """\
[[phase]]
id = "deploy"
title = "Deploy"
depends_on = ["api"]
[[phase.task]]
id = "d1"
title = "Ship"
files = ["ship.sh"]
[[phase.task]]
id = "d2"
title = "Monitor"
files = ["monitor/**"]
"""
WAITS = 'depends_on = ["foundation"]'
SQUASH = 'mainline = "squash"'
OWN = ("plan.toml", "PLAN.md", "plan.lock")
OLD_FILE = {"src/new.py": "was there already\n"}


def plan_of(*phases: str, settings: str = "") -> str:
    """A plan of these phases, without gates."""
    return plan_text(settings, "", "\n".join(phases))


PLAN = plan_of(FOUNDATION, API)
FREE = PLAN.replace(WAITS, "depends_on = []")
MORE = plan_of(FOUNDATION + NEW_TASK, API)


def begun(make: Maker, plan: str = PLAN, files: Mapping[str, str] | None = None) -> Adopted:
    """A project that began at ``before`` and adopted the plan at ``main0``."""
    repo = make.hooked("native")
    around(repo, "start", {"README": "x\n", **(files or {})})
    repo.git("tag", "before")
    through(repo, "adopt", {"plan.toml": plan})
    repo.git("tag", "main0")
    return repo


def start_at(repo: Adopted, name: str, branch: str = "evil") -> None:
    """Begin the branch there, with nothing else in the work tree."""
    repo.git("checkout", "-q", "-f", "-B", branch, name)


def commit_of(repo: Adopted, tree: str, message: str, *parents: str) -> str:
    """The id of a commit of that tree on these parents, to which the branch goes."""
    argv = [part for parent in parents for part in ("-p", parent)]
    oid = repo.out("commit-tree", *argv, "-m", message, tree)
    repo.git("update-ref", "HEAD", oid)
    return oid


def made_merge(repo: Adopted, message: str, *parents: str) -> str:
    """The id of a commit of what is in the work tree, on these parents, whether there was something to merge or not."""
    repo.git("add", "-A")
    return commit_of(repo, repo.out("write-tree"), message, *parents)


def drop_plan(repo: Adopted) -> None:
    """Stage that the three files are gone."""
    repo.git("rm", "-q", "-f", *OWN)


def without_base(lock: str) -> str:
    """The plan.lock without the base of f2."""
    found = re.sub(r"\[phase\.foundation\.task\.f2\.base\]\n.*\n\n?", "", lock)
    assert found != lock
    return found


def with_other_base(lock: str) -> str:
    """The plan.lock with a base of f2 that is of no content."""
    found = re.sub(r'("src/new.py" = ")[0-9a-f]+', r"\g<1>" + "0" * 64, lock)
    assert found != lock
    return found


def answer(repo: Adopted, asked: Asked) -> Report:
    """What the command answers."""
    return command.verify(opened(repo), asked)


def raw_tree(repo: Adopted, name: str) -> bytes:
    """The bytes of the tree."""
    return repo.git("cat-file", "tree", name).stdout.encode("utf-8", "surrogateescape")


def odd_tree(repo: Adopted, data: bytes) -> str:
    """The id of a tree of these bytes, as no Git would write it."""
    return repo.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=data).stdout.strip()


# -- trees that Git would not write ------------------------------------------------------------------------------------


def test_01_a_tree_with_two_plans_adopts_nothing(make: Maker) -> None:
    # Whoever reads the diff thinks that plan.toml is new, so that all before it had no plan.
    repo = begun(make)
    around(repo, "no form", {"src/api/login.py": "locked\n"})
    old = bytes.fromhex(repo.out("rev-parse", "HEAD:plan.toml"))
    repo.add({"plan.toml": PLAN + "\n# new\n"})
    entry = b"100644 plan.toml\0"
    data = raw_tree(repo, repo.out("write-tree"))
    tree = odd_tree(repo, data.replace(entry, entry + old + entry))
    assert refused(judged(repo, "main0..HEAD")) == {"no form": ["message-format", "phase-locked"]}
    commit_of(repo, tree, "anything", "HEAD")
    with pytest.raises(CannotJudgeError, match="malformed"):
        judged(repo, "main0..HEAD")


def test_19e_a_mode_that_old_gits_wrote_is_a_file_at_the_tip_as_before_it(make: Maker) -> None:
    # It was fine within history and could not be judged at the tip.
    repo = begun(make)
    data = raw_tree(repo, "HEAD^{tree}")
    tree = odd_tree(repo, data.replace(b"100644 plan.toml", b"100664 plan.toml"))
    commit_of(repo, tree, "feat: [foundation] odd mode", "HEAD")
    assert refused(judged(repo, "main0..HEAD")) == {}
    commit_of(repo, repo.out("rev-parse", "main0^{tree}"), "feat: [foundation] nothing", "HEAD")
    assert refused(judged(repo, "main0..HEAD")) == {}


# -- merges that merge nothing -----------------------------------------------------------------------------------------


def test_02_a_merge_does_not_tick_what_its_first_parent_does_not_know(make: Maker) -> None:
    # With the parents swapped, the tasks of main seemed to enter the plan with the merge, and with them their ticks.
    repo = begun(make)
    through(repo, "feat: [plan] add deploy", {"plan.toml": plan_of(FOUNDATION, API, DEPLOY)})
    repo.git("tag", "main1")
    start_at(repo, "main0")
    around(repo, "feat: [foundation] notes", {"NOTES": "y\n"})
    repo.git("checkout", "-q", "main1", "--", ".")
    repo.tick("d1", "d2")
    made_merge(repo, "Merge branch main", "evil", "main1")
    assert refused(judged(repo, "main1..HEAD")) == {
        "Merge branch main": ["phase-locked", "task-evidence", "task-locked"]
    }


def test_03_a_parent_from_before_the_plan_frees_nothing(make: Maker) -> None:
    # A side without a plan made a merge "judged by its result"; an ancestor is such a side.
    repo = begun(make, plan_of(FOUNDATION, API, settings="max_commit_files = 1"))
    free = repo.read("plan.toml").replace(WAITS, "depends_on = []")
    repo.add({"plan.toml": free, "src/api/a": "1\n", "src/api/b": "2\n", "src/core/c": "3\n"})
    made_merge(repo, "whatever", "main0", "before")
    assert refused(judged(repo, "main0..HEAD")) == {"whatever": ["commit-too-large", "plan-mixed"]}


def test_05_an_octopus_of_ancestors_brings_no_old_plan_back(make: Maker) -> None:
    # Of three parents only what differs from all counts, so each old state among them was free.
    repo = begun(make, FREE)
    around(repo, "feat: [plan] order", {"plan.toml": PLAN})
    around(repo, "feat: [foundation] x", {"src/core/x": "1\n"})
    repo.git("tag", "main1")
    repo.git("checkout", "-q", "main0", "--", *OWN)
    repo.git("rm", "-q", "src/core/x")
    made_merge(repo, "whatever", "main1", "main1~1", "main0")
    report = judged(repo, "main1..HEAD")
    assert refused(report) == {"whatever": ["plan-mixed"]}
    assert listed(report, "weakened") == ["phase api: no longer depends on foundation"]


def test_06_a_merge_with_an_ancestor_drops_no_base(make: Maker) -> None:
    # The ancestor has no base of the task yet; without one, any file that is there was evidence.
    repo = begun(make, files=OLD_FILE)
    through(repo, "feat: [plan] add f2", {"plan.toml": MORE})
    repo.git("tag", "main1")
    repo.add({"plan.lock": without_base(repo.read("plan.lock"))})
    made_merge(repo, "Merge", "main1", "main0")
    repo.tick("f2")
    around(repo, "feat: [foundation] done")
    assert refused(judged(repo, "main1..HEAD")) == {"Merge": ["lock-tampered"]}


@pytest.mark.parametrize("is_new", [False, True], ids=["known", "new"])
def test_07_a_merge_whose_first_parent_has_no_plan_is_no_adoption(make: Maker, *, is_new: bool) -> None:
    # One trivial commit was enough for no planned parent to be known before the span.
    repo = begun(make)
    planned = around(repo, "feat: [foundation] nothing", None, "--allow-empty") if is_new else "main0"
    repo.add({"src/api/login.py": "locked\n"})
    repo.tick("f1", "a1")
    made_merge(repo, "whatever", "before", planned)
    report = judged(repo, "main0..HEAD")
    assert refused(report) == {"whatever": ["phases-mixed", "task-evidence"]}
    assert listed(report, "adopted") == []


@pytest.mark.parametrize("known", [["main1"], ["main1", "side"]], ids=["with it", "before it"])
def test_08_a_branch_with_an_adoption_of_its_own_vouches_for_nothing(make: Maker, known: list[str]) -> None:
    # Pushed one push earlier, the branch had been "there before" and was believed.
    repo = begun(make)
    around(repo, "feat: [foundation] x", {"src/core/x": "1\n"})
    repo.git("tag", "main1")
    start_at(repo, "main0", "side")
    drop_plan(repo)
    around(repo, "feat: [plan] away")
    around(repo, "anything", {"src/api/login.py": "locked\n"})
    repo.git("checkout", "-q", "main0", "--", *OWN)
    repo.tick("f1", "a1")
    around(repo, "adopt again")
    start_at(repo, "main1")
    repo.git("merge", "-q", "--no-verify", "--no-edit", "-m", "Merge side", "side")
    excluded = tuple([repo.out("rev-parse", name) for name in known])
    span = Span((Tip(repo.out("rev-parse", "HEAD"), "evil"),), excluded)
    report = engine.verify(opened(repo), span, Options()).report
    assert refused(report) == {"Merge side": ["task-evidence"]}


def reopened(make: Maker) -> Adopted:
    """Both phases were complete at ``done``; at ``main1`` they are open again."""
    repo = begun(make)
    through(repo, "feat: [foundation] base", {"src/base.py": "1\n"})
    through(repo, "feat: [api] login", {"src/api/login.py": "1\n"})
    repo.git("tag", "done")
    repo.tick("f1", "a1", mark=" ")
    around(repo, "feat: [api] reopen")
    repo.git("tag", "main1")
    return repo


def test_18b_a_merge_with_an_ancestor_brings_no_tick_back(make: Maker) -> None:
    # The ancestor had the tick, before the task was reopened.
    repo = reopened(make)
    repo.tick("a1")
    around(repo, "feat: [api] again")
    ordinary = refused(judged(repo, "main1..HEAD"))
    assert ordinary == {"feat: [api] again": ["phase-locked", "task-locked"]}
    start_at(repo, "main1")
    repo.tick("a1")
    made_merge(repo, "feat: [api] again", "main1", "done")
    assert refused(judged(repo, "main1..HEAD")) == ordinary


def test_18c_a_merge_with_an_ancestor_brings_no_pass_back(make: Maker) -> None:
    # The order asks for a pass that the commit or its first parent has; the ancestor had one long ago.
    gated = FOUNDATION.replace("[[phase.task]]", 'gates = ["g"]\n[[phase.task]]')
    repo = begun(make, plan_text("", '[gates.g]\nrun = "true"\n', gated + API))
    through(repo, "feat: [foundation] base", {"src/base.py": "1\n"})
    repo.git("tag", "done")
    lock = re.sub(r"\[phase\.foundation\.gate\.g\]\nkey.*\n\n?", "", repo.read("plan.lock"))
    assert lock != repo.read("plan.lock")
    around(repo, "feat: [foundation] no pass", {"plan.lock": lock})
    repo.git("tag", "main1")
    around(repo, "feat: [api] more", {"src/api/more": "1\n"})
    ordinary = refused(judged(repo, "main1..HEAD"))
    assert ordinary == {"feat: [api] more": ["phase-locked"]}
    start_at(repo, "main1")
    repo.add({"src/api/more": "1\n"})
    made_merge(repo, "feat: [api] more", "main1", "done")
    assert refused(judged(repo, "main1..HEAD")) == ordinary


def test_20_a_plan_does_not_vanish_in_a_merge(make: Maker) -> None:
    # Neither the first parent nor the result had a plan, so that the merge seemed to have nothing to do with one.
    repo = begun(make)
    drop_plan(repo)
    repo.add({"src/api/evil": "1\n"})
    made_merge(repo, "Merge", "before", "main0")
    around(repo, "free now", {"src/api/more": "2\n"})
    report = judged(repo, "main0..HEAD")
    assert refused(report) == {"Merge": ["plan-mixed"]}
    assert listed(report, "weakened") == ["the plan is taken away"]
    assert (report.judged, report.unplanned) == (1, 1)


# -- evidence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forge", [without_base, with_other_base])
def test_04_a_tick_is_judged_by_the_right_base_whatever_the_lock_says(make: Maker, forge: Callable[[str], str]) -> None:
    # plan.lock said of a file that was there before the task that it was not, or was another one.
    repo = begun(make, files=OLD_FILE)
    through(repo, "feat: [plan] add f2", {"plan.toml": MORE})
    repo.add({"plan.lock": forge(repo.read("plan.lock"))})
    around(repo, "feat: [plan] add f2", None, "--amend")
    repo.tick("f2")
    around(repo, "feat: [foundation] done")
    report = judged(repo, "main0..HEAD")
    assert refused(report) == {"feat: [foundation] done": ["task-evidence"]}
    assert listed(report, "unproven") == ["task f2 has a base under src/new.py that is not of this content"]


def test_19b_a_marker_with_more_behind_it_is_none(make: Maker) -> None:
    # Nothing was rendered any more, and nothing was said.
    repo = begun(make)
    tasks = [line for line in repo.read("PLAN.md").split("\n") if "Task" in line]
    around(repo, "feat: [foundation] x", {"PLAN.md": "\n".join(["<!-- orchestrator:begin --> x", *tasks]) + "\n"})
    assert refused(judged(repo, "main0..HEAD")) == {"feat: [foundation] x": ["plan-md-edited"]}


GATED = """\
[[phase]]
id = "foundation"
title = "Foundation"
files = ["src/**"]
gates = ["g"]
artifacts = ["docs/a.md"]
[[phase.task]]
id = "f1"
title = "Base"
files = ["src/base.py"]
"""


def test_12_a_phase_that_an_artifact_completes_has_its_gates_run_again(make: Maker) -> None:
    # The commit changes none of the three files; the pass was brought, and maybe forged, one range earlier.
    repo = begun(make, plan_text("", '[gates.g]\nrun = "true"\ninputs = ["src/**"]\n', GATED))
    through(repo, "feat: [foundation] base", {"src/base.py": "1\n"})
    lock = repo.read("plan.lock")
    repo.git("tag", "pr1")
    oid = around(repo, "feat: [foundation] the artifact", {"docs/a.md": "text\n"})
    assert "gate.g]" in lock
    app = opened(repo)
    found = engine.verify(app, named_span(app.git, "pr1..HEAD"), Options())
    assert refused(found.report) == {}
    gates = [(done.oid, phase.id, gate.name) for done in found.completed for phase, gate in done.gates]
    assert gates == [(oid, "foundation", "g")]


def test_13_a_compiled_plan_that_lies_in_the_git_directory_has_no_say(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A gate, or an earlier job in the same folder, can write there.
    repo = begun(make)
    around(repo, "feat: [api] locked", {"src/api/a": "1\n"})
    oid = repo.out("rev-parse", "HEAD:plan.toml")
    weak, _ = read_plan(FREE.encode())
    assert weak is not None
    file = repo.git_path(f"orchestrator/plans/{oid}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(compile_plan(weak, oid))
    assert refused(judged(repo, "main0..HEAD")) == {}  # the file is where the cache is looked for
    monkeypatch.chdir(repo.top)
    report = command.verify(command.open_repository(), Asked("main0..HEAD"))
    assert refused(report) == {"feat: [api] locked": ["phase-locked"]}


def test_13_nothing_is_kept_in_the_git_directory(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is left there would be believed by the next.
    repo = begun(make)
    clone = repo.top.parent / "clone"
    repo.git("clone", "-q", repo.top, clone)
    before = {str(path) for path in (clone / ".git").rglob("*")}
    monkeypatch.chdir(clone)
    assert command.verify(command.open_repository(), Asked("HEAD")).judged == 1
    assert {str(path) for path in (clone / ".git").rglob("*")} == before


# -- which commits, and whose plan -------------------------------------------------------------------------------------


def shadowed(repo: Adopted, tagged: str) -> None:
    """``refs/remotes/origin/main`` is at main0; tags of the short names are elsewhere, for whoever may push tags."""
    repo.git("update-ref", "refs/remotes/origin/main", "main0")
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    for name in ("origin/main", "origin/HEAD"):
        repo.git("tag", name, tagged)
    repo.git("checkout", "-q", "--detach")


def test_09_a_tag_hides_no_base(make: Maker) -> None:
    # The default range knew the full name of its base and asked for the short one, which a tag takes over.
    repo = begun(make)
    around(repo, "locked, formless", {"src/api/a": "1\n"})
    around(repo, "feat: [foundation] fine", {"src/core/b": "1\n"})
    shadowed(repo, "HEAD~1")
    found = {"locked, formless": ["message-format", "phase-locked"]}
    assert refused(answer(repo, Asked())) == found
    assert refused(answer(repo, Asked("refs/remotes/origin/main..HEAD"))) == found
    with pytest.raises(CannotJudgeError, match="more than one ref"):
        answer(repo, Asked("origin/main..HEAD"))


def test_09_a_tag_hides_no_plan_that_binds(make: Maker) -> None:
    # --plan origin/main took the plan of the tag.
    repo = begun(make)
    around(repo, "feat: [plan] weaker", {"plan.toml": FREE})
    around(repo, "feat: [api] relies on it", {"src/api/z": "1\n"})
    shadowed(repo, "HEAD~1")
    full = "refs/remotes/origin/main"
    assert refused(answer(repo, Asked(f"{full}..HEAD", full))) == {"feat: [api] relies on it": ["phase-locked"]}
    with pytest.raises(CannotJudgeError, match="more than one ref"):
        answer(repo, Asked(f"{full}..HEAD", "origin/main"))


def test_10a_a_branch_does_not_say_of_itself_that_it_lands_as_one_commit(make: Maker) -> None:
    # The plan of the tip was asked, so its own commits were judged by nothing but the title.
    repo = begun(make)
    repo.tick("f1")
    around(repo, "no form", {"src/base.py": "1\n", "src/api/login.py": "1\n"})
    around(repo, "no form either", {"plan.toml": plan_of(FOUNDATION, API, settings=SQUASH)})
    report = judged(repo, "main0..HEAD", Options(title="feat: [foundation] base"))
    assert refused(report) == {
        "no form": ["message-format", "phases-mixed"],
        "no form either": ["message-format"],
    }


def test_10b_a_title_goes_with_one_tip(make: Maker) -> None:
    # Of two tips, as in a symmetric difference, only one was judged at all.
    repo = begun(make, plan_of(FOUNDATION, API, settings=SQUASH))
    around(repo, "locked", {"src/api/bad": "1\n"})
    repo.git("tag", "bad")
    start_at(repo, "main0")
    around(repo, "feat: [foundation] good", {"src/core/good": "1\n"})
    with pytest.raises(UnknownNameError, match="one tip"):
        answer(repo, Asked("bad...HEAD", title="feat: [foundation] good"))
    assert refused(answer(repo, Asked("bad...HEAD"))) == {"locked": ["message-format", "phase-locked"]}


@pytest.mark.parametrize("title", ["fixup! f", "This reverts commit 0000000"])
@pytest.mark.parametrize("settings", ["", SQUASH], ids=["merge", "squash"])
def test_19c_a_title_claims_nothing_of_other_commits(make: Maker, settings: str, title: str) -> None:
    # What a title claims was never looked at, but freed it from the form.
    repo = begun(make, plan_of(FOUNDATION, API, settings=settings))
    around(repo, "feat: [foundation] x", {"src/core/x": "1\n"})
    assert refused(judged(repo, "main0..HEAD", Options(title=title))) == {title: ["message-format"]}


def test_17d_a_title_for_a_branch_without_common_history_gets_an_answer(make: Maker) -> None:
    # Git's exit code for "no merge base" was taken for a failure.
    repo = begun(make, plan_of(FOUNDATION, API, settings=SQUASH))
    repo.git("checkout", "-q", "--orphan", "own")
    around(repo, "feat: [foundation] x")
    assert refused(judged(repo, "main0..HEAD", Options(title="feat: [foundation] x"))) == {}


def test_21_a_title_where_neither_base_nor_tip_has_a_plan_gets_an_answer(make: Maker) -> None:
    # This was a traceback.
    repo = begun(make)
    drop_plan(repo)
    around(repo, "feat: [plan] away")
    title = Options(title="feat: [foundation] x")
    assert refused(judged(repo, "before..HEAD", title)) == {}
    start_at(repo, "before")
    around(repo, "x", {"a": "1\n"})
    report = judged(repo, "before..HEAD", title)
    assert (refused(report), report.unplanned) == ({}, 1)


# -- what weakens the plan ---------------------------------------------------------------------------------------------

GATES = """\
[gates.g]
run = "pytest"
inputs = ["src/**", "conf/settings.py"]
junit = "reports/junit.xml"
min_tests = 1
[gates.h]
run = "ruff"
inputs = ["!src/core/**", "src/**"]
"""
WITH_GATES = plan_text("", GATES, FOUNDATION.replace("[[phase.task]]", 'gates = ["g", "h"]\n[[phase.task]]') + API)
QUIET = {
    "default inputs": (
        'inputs = ["src/**", "conf/settings.py"]\n',
        "",
        "phase foundation: gate g: its inputs are now the files of its phase",
    ),
    "exclusion moved": (
        '["!src/core/**", "src/**"]',
        '["src/**", "!src/core/**"]',
        "phase foundation: gate h: its inputs stand in another order, in which an exclusion may take out more",
    ),
    "other report": (
        "reports/junit.xml",
        "other.xml",
        "phase foundation: gate g: junit is read from other.xml, was reports/junit.xml",
    ),
    "claims of others": (
        'files = ["src/core/**"]',
        'files = ["src/core/**", "src/api/**"]',
        "phase foundation: claims src/api/**, as api does",
    ),
}


@pytest.mark.parametrize(("old", "new", "line"), QUIET.values(), ids=QUIET)
def test_11_a_quiet_change_of_the_plan_is_listed(make: Maker, old: str, new: str, line: str) -> None:
    # Each asks for less than before, and none was told.
    repo = make.adopted(plan=WITH_GATES)
    assert old in WITH_GATES
    around(repo, "feat: [plan] quiet", {"plan.toml": WITH_GATES.replace(old, new)})
    report = judged(repo, "HEAD~1..HEAD")
    assert refused(report) == {}
    assert listed(report, "weakened") == [line]


# -- what a clone is set up with ---------------------------------------------------------------------------------------


def bare_clone(repo: Adopted) -> Repository:
    """A clone without a work tree."""
    folder = repo.top.parent / "bare.git"
    repo.git("clone", "-q", "--bare", repo.top, folder)
    return Repository(folder)


def test_16_attributes_do_not_hide_lines(make: Maker) -> None:
    # The attributes that a branch brings itself said that nothing in it is text.
    repo = begun(make, plan_of(FOUNDATION, API, settings="max_commit_lines = 3"))
    around(repo, "feat: [foundation] attributes", {".gitattributes": "* -diff\n"})
    around(repo, "feat: [foundation] big", {"src/core/big": "1\n" * 100})
    found = {"feat: [foundation] big": ["commit-too-large"]}
    assert refused(judged(repo, "main0..HEAD")) == found
    (repo.top / ".gitattributes").unlink()  # those of the index
    assert refused(judged(repo, "main0..HEAD")) == found
    assert refused(judged(bare_clone(repo), "main0..HEAD")) == found


def test_16_no_merge_driver_is_run(make: Maker) -> None:
    # The attributes of the work tree named one that the clone has configured, as for large files.
    repo = begun(make, FREE)
    around(repo, "feat: [api] a", {"src/api/f": "one\n"})
    repo.git("tag", "a")
    start_at(repo, "main0")
    around(repo, "feat: [foundation] b", {".gitattributes": "src/api/f merge=mine\n"})
    around(repo, "feat: [api] b", {"src/api/f": "two\n"})
    repo.git("merge", "-q", "--no-verify", "-s", "ours", "-m", "Merge a", "a")
    ran = repo.top.parent / "ran"
    repo.git("config", "merge.mine.driver", f"touch {shlex.quote(str(ran))}; true")
    expected = refused(judged(bare_clone(repo), "main0..HEAD"))
    assert refused(judged(repo, "main0..HEAD")) == expected
    assert not ran.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_15_a_signal_leaves_nothing_behind(make: Maker, number: signal.Signals) -> None:
    # A server whose pushers hang up would fill its folder for temporary files.
    repo = begun(make)
    folder = repo.top.parent / "tmp"
    folder.mkdir()
    text = (
        "import os, sys\n"
        "from orchestrator.git import Git\n"
        "from orchestrator.history.scratch import scratch_objects\n"
        "with scratch_objects(Git('.', os.environ)):\n"
        "    print(*os.listdir(os.environ['TMPDIR']), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    env = {**os.environ, "PYTHONPATH": str(TOP), "TMPDIR": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-c", text], cwd=repo.top, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith(b"orchestrator-objects-")
        child.send_signal(number)
        assert child.wait(30) == 128 + number
    assert list(folder.iterdir()) == []


# -- a push that never ends --------------------------------------------------------------------------------------------


def push_of(repo: Adopted) -> list[str]:
    """The line of a push that makes a branch."""
    oid = repo.out("rev-parse", "HEAD")
    return [f"{'0' * len(oid)} {oid} refs/heads/new"]


def test_14_a_push_is_not_judged_for_ever(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = begun(make)
    repo.git("config", "orchestrator.timeLimit", "1")
    before = signal.getsignal(signal.SIGALRM)
    assert not pre_receive(opened(repo), push_of(repo)).refused
    monkeypatch.setattr(engine, "verify", lambda *_: threading.Event().wait())
    with pytest.raises(CannotJudgeError, match="within 1 s"):
        pre_receive(opened(repo), push_of(repo))
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "1m", "\u0661"])
def test_14_a_time_limit_that_is_no_number_refuses_every_push(make: Maker, value: str) -> None:
    repo = begun(make)
    repo.git("config", "orchestrator.timeLimit", value)
    with pytest.raises(CannotJudgeError, match="no number of seconds"):
        pre_receive(opened(repo), push_of(repo))


def test_19d_a_plan_ref_without_a_value_refuses_every_push(make: Maker) -> None:
    # It was taken for none, so that no plan was bound.
    repo = begun(make)
    config = repo.git_path("config")
    config.write_text(config.read_text(encoding="utf-8") + "[orchestrator]\n\tplanRef\n", encoding="utf-8")
    with pytest.raises(CannotJudgeError, match="no full name of a ref"):
        read_settings(opened(repo).git)
    with pytest.raises(CannotJudgeError, match="no full name of a ref"):
        pre_receive(opened(repo), push_of(repo))


@pytest.mark.parametrize("path", ["PLAN.md", "plan.lock"])
def test_14_an_object_that_is_too_large_is_not_read(make: Maker, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    # Megabytes of line ends are packed into a few hundred bytes.
    repo = begun(make)
    around(repo, "feat: [foundation] large", {path: repo.read(path) + "\n" * 20_000})
    around(repo, "feat: [api] locked", {"src/api/a": "1\n"})
    monkeypatch.setattr(objects, "MAX_BYTES", 20_000)
    with pytest.raises(CannotJudgeError, match="too large"):
        judged(repo, "main0..HEAD")


# -- honest work that was refused --------------------------------------------------------------------------------------


def test_17a_a_merge_can_be_reverted_against_its_second_parent(make: Maker) -> None:
    # Only what the merge changed against its first parent was taken for its own.
    repo = begun(make)
    start_at(repo, "main0", "side")
    around(repo, "feat: [foundation] s", {"src/core/s": "1\n"})
    start_at(repo, "main0", "main")
    around(repo, "feat: [foundation] m", {"src/core/m": "1\n"})
    repo.git("merge", "-q", "--no-verify", "--no-ff", "-m", "Merge side", "side")
    repo.git("revert", "-m", "2", "--no-edit", "HEAD")
    assert repo.head_files().count("src/core/m") == 0
    assert refused(judged(repo, "main0..HEAD")) == {}


def test_17b_an_adoption_by_hand_may_edit_a_todo_file_of_the_projects_own(make: Maker) -> None:
    # It was told that its markers are gone, which were never there.
    repo = make.hooked("native")
    around(repo, "start", {"PLAN.md": "our plan\n"})
    around(repo, "adopt", {"plan.toml": PLAN, "PLAN.md": "our plan, with git-orchestrator now\n"})
    report = judged(repo)
    assert refused(report) == {}
    assert len(listed(report, "adopted")) == 1


# -- the short way -----------------------------------------------------------------------------------------------------


def test_22_the_short_way_does_not_stand_on_what_cannot_be_read(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    # Under a plan that binds, work on top of a PLAN.md that is a link was taken without a look at it.
    repo = begun(make)
    (repo.top / "PLAN.md").unlink()
    (repo.top / "PLAN.md").symlink_to("README")
    repo.git("add", "PLAN.md")
    around(repo, "feat: [foundation] link")
    around(repo, "feat: [foundation] x", {"src/core/x": "1\n"})
    found = {"feat: [foundation] x": ["plan-invalid"]}
    bound = Options(plan_ref="main0")
    assert refused(judged(repo, "HEAD~1..HEAD", bound)) == found
    assert refused(judged(repo, "HEAD~1..HEAD")) == found
    monkeypatch.setattr(Ground, "phase_of", lambda *_: "")
    assert refused(judged(repo, "HEAD~1..HEAD", bound)) == found


# -- what is read ahead ------------------------------------------------------------------------------------------------


def test_what_nobody_asks_for_may_be_too_large(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects are read ahead for many commits at once; before the plan nobody asks for these files."""
    monkeypatch.setattr(objects, "MAX_BYTES", 20_000)
    repo = make.hooked("native")
    repo.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "before")
    around(repo, "large", {"PLAN.md": "x" * 30_000, "plan.lock": "y" * 30_000})
    repo.git("rm", "-q", "PLAN.md", "plan.lock")
    repo.commit("adopt", {"plan.toml": PLAN})
    report = judged(repo)
    assert refused(report) == {}
    assert report.unplanned == 2
    around(repo, "feat: [foundation] large", {"PLAN.md": "x" * 30_000})
    with pytest.raises(CannotJudgeError, match="too large to be judged"):
        judged(repo)


def test_an_excluded_folder_is_not_looked_into(make: Maker) -> None:
    phases = PHASES.replace('files = ["db/schema.sql"]', 'files = ["db/schema.sql", "!db/no/deep/*.c"]')
    repo = make.adopted(plan=plan_text(phases=phases))
    blob = repo.git("hash-object", "-w", "--stdin", stdin="x\n").stdout.strip()
    double = b"".join([b"100644 a\0" + bytes.fromhex(blob)] * 2)
    tree = repo.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=double).stdout.strip()
    repo.write("db/schema.sql", GOOD_SCHEMA)
    repo.git("add", "db")
    repo.tick("1.1", "1.2")
    folder = repo.git("mktree", stdin=f"040000 tree {tree}\tno\n100644 blob {blob}\tschema.sql\n").stdout.strip()
    root = repo.git("mktree", stdin="".join([
        f"{line}\n" for line in repo.out("ls-tree", repo.out("write-tree")).split("\n") if not line.endswith("\tdb")
    ]) + f"040000 tree {folder}\tdb\n").stdout.strip()  # fmt: skip
    oid = repo.out("commit-tree", root, "-p", "HEAD", "-m", "feat: [foundation] schema")
    assert refused(judged(repo, f"HEAD..{oid}")) == {}


@pytest.mark.parametrize("span", ["HEAD~1..HEAD", "HEAD~2..HEAD", "HEAD"])
def test_a_lock_that_was_a_link_is_mended_whatever_else_is_judged(native: Adopted, span: str) -> None:
    """Only the commit that made it a link is at fault, alone or among others."""
    native.commit("feat: [foundation] schema", SCHEMA)
    native.top.joinpath("plan.lock").rename(native.top / "kept")
    native.top.joinpath("plan.lock").symlink_to("elsewhere")
    native.git("add", "plan.lock")
    around(native, "feat: [foundation] odd")
    native.top.joinpath("plan.lock").unlink()
    native.top.joinpath("kept").rename(native.top / "plan.lock")
    native.git("add", "plan.lock")
    native.tick("1.2")
    around(native, "feat: [foundation] mend")
    assert "feat: [foundation] mend" not in refused(judged(native, span))


def test_a_setting_that_git_refuses_is_told_every_time(native: Adopted) -> None:
    """Git then ends before it has read what it was asked."""
    native.git("config", "log.date", "bogus")
    for _ in range(8):
        with pytest.raises(CannotJudgeError, match="unknown date format bogus"):
            judged(native)
