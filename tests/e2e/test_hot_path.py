"""What a hook imports, opens and starts to accept a commit: every module, file and process is paid for each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import Adopted, listing_hooks, what_hooks_did

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORBIDDEN = {
    "click", "contextlib", "dataclasses", "defusedxml", "enum", "git", "hashlib", "inspect", "json", "jsonschema",
    "junitparser", "logging", "msgspec", "pathlib", "pathspec", "re", "rich", "ruamel", "selectors", "shutil",
    "signal", "subprocess", "tempfile", "threading", "tomli", "tomli_w", "tomllib", "traceback", "typing",
}  # fmt: skip
MESSAGE = "feat: [foundation] x"


@pytest.fixture
def listing(native: Adopted, tmp_path: Path) -> Path:
    """The folder with a file per started hook that tells what it did."""
    return listing_hooks(native, tmp_path)


def imported(folder: Path) -> Mapping[str, set[str]]:
    """From the stage to the top-level modules that it imported."""
    return {
        stage: {name.split(".")[0] for name in facts["imported"]} for stage, facts in what_hooks_did(folder).items()
    }


def test_to_accept_a_commit_little_is_imported(native: Adopted, listing: Path) -> None:
    native.commit(MESSAGE, {"db/x.sql": "x\n"})
    found = imported(listing)
    assert set(found) == {"pre-commit", "commit-msg"}
    for modules in found.values():
        assert modules & FORBIDDEN == set()


def test_the_message_of_what_was_accepted_is_read_and_nothing_judged_again(native: Adopted, listing: Path) -> None:
    native.commit(MESSAGE, {"db/x.sql": "x\n"})
    found = set(what_hooks_did(listing)["commit-msg"]["imported"])
    assert {"orchestrator.core.message", "orchestrator.app.accepted"} <= found
    assert {"orchestrator.core.judge", "orchestrator.app.facts", "orchestrator.core.formats"} & found == set()


def test_what_an_ordinary_commit_costs(native: Adopted, listing: Path) -> None:
    """Counted, since times depend on the machine. A larger number has to be worth its price; a smaller one goes in."""
    native.commit(MESSAGE, {"db/x.sql": "x\n"})
    native.commit(MESSAGE, {"db/x.sql": "y\n"})
    found = what_hooks_did(listing)
    started = {stage: [argv[1] for argv in facts["started"]] for stage, facts in found.items()}
    assert started == {"pre-commit": ["cat-file", "ls-tree", "diff-index"], "commit-msg": ["config"]}
    names = {stage: [name.split(".")[0] for name in facts["imported"]] for stage, facts in found.items()}
    ours = {stage: tops.count("orchestrator") for stage, tops in names.items()}
    assert ours == {"pre-commit": 34, "commit-msg": 16}
    of_python = {stage: len(tops) - ours[stage] for stage, tops in names.items()}  # its versions differ by a few
    assert of_python["pre-commit"] <= 16, names
    assert of_python["commit-msg"] <= 12, names
    files = {
        stage: [name for name in facts["opened"] if name.startswith((".git", "/proc"))]
        for stage, facts in found.items()
    }
    assert {stage: len(names) for stage, names in files.items()} == {"pre-commit": 14, "commit-msg": 8}, files


def test_a_merge_imports_no_more(native: Adopted, listing: Path) -> None:
    native.git("switch", "-qc", "side")
    native.commit(MESSAGE, {"db/x.sql": "x\n"})
    native.git("switch", "-q", "main")
    native.commit(MESSAGE, {"db/y.sql": "y\n"})
    native.git("merge", "-q", "--no-edit", "side")
    assert imported(listing)["pre-merge-commit"] & FORBIDDEN == set()


def test_a_tick_and_a_task_done_by_itself_need_no_writer_of_toml(native: Adopted, listing: Path) -> None:
    native.commit(MESSAGE, {"db/schema.sql": "create table users ();\n"})
    assert imported(listing)["pre-commit"] & FORBIDDEN == set()


def test_a_repository_without_a_plan_costs_least(native: Adopted, listing: Path) -> None:
    native.git("rm", "-q", "plan.toml", "PLAN.md", "plan.lock")
    native.git("commit", "-q", "-m", "feat: [plan] done")
    for file in listing.iterdir():
        file.unlink()
    native.commit("free", {"README": "x\n"})
    for modules in imported(listing).values():
        assert modules & FORBIDDEN == set()


def test_where_a_gate_runs_neither_click_nor_rich_nor_gitpython_is_imported(native: Adopted, listing: Path) -> None:
    native.finish_foundation()
    assert native.gate_runs() == ["schema"]
    assert imported(listing)["pre-commit"] & {"click", "rich", "git", "msgspec", "pathspec"} == set()
