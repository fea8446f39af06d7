"""The environment of gates: a table of what hooks see, and what a gate gets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.plan import Gate
from orchestrator.gate_runs import gate_environment
from tests.git.gate_support import run_one

if TYPE_CHECKING:
    from tests.support import Repository

LOCAL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_COUNT", "GIT_PREFIX")
EXEC = "/usr/lib/git-core"
HOOK = "/home/u/.cache/pre-commit/repo1/py_env-python3.11"
VENV = "/home/u/project/.venv"
REST = "/usr/local/bin:/usr/bin:/bin"
FILES = {f"{HOOK}/pyvenv.cfg", f"{HOOK}/.install_state_v2", f"{VENV}/pyvenv.cfg", "/prek/env/.prek-hook.json"}

CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "nothing foreign": (
        {"PATH": REST, "HOME": "/home/u", "GIT_SSH_COMMAND": "ssh -v", "GIT_EDITOR": "vi", "GIT_PAGER": "less"},
        {"PATH": REST, "HOME": "/home/u", "GIT_SSH_COMMAND": "ssh -v", "GIT_EDITOR": "vi", "GIT_PAGER": "less"},
    ),
    "no PATH at all": ({"GIT_DIR": ".git", "HOME": "/"}, {"HOME": "/"}),
    "what Git sets for hooks": (
        {
            "PATH": REST,
            "GIT_DIR": "/r/.git",
            "GIT_WORK_TREE": ".",
            "GIT_INDEX_FILE": "/r/.git/index.lock",
            "GIT_PREFIX": "sub/",
            "GIT_EDITOR": ":",
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_AUTHOR_DATE": "@1 +0000",
            "GIT_REFLOG_ACTION": "rebase (reword)",
            "GIT_QUARANTINE_PATH": "/q",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "user.name",
            "GIT_CONFIG_VALUE_0": "X",
            "GITHEAD_0123": "topic",
            "ORCHESTRATOR_EXCEPTION": "because",
            "GIT_COMMITTER_NAME": "mine",
        },
        {"PATH": REST, "GIT_COMMITTER_NAME": "mine"},
    ),
    "native hook in the user's environment": (
        {"PATH": f"{EXEC}:{VENV}/bin:{REST}", "GIT_EXEC_PATH": EXEC, "VIRTUAL_ENV": VENV, "PYTHONHOME": "/p"},
        {"PATH": f"{VENV}/bin:{REST}", "VIRTUAL_ENV": VENV, "PYTHONHOME": "/p"},
    ),
    "Git within Git, a slash at the end": (
        {"PATH": f"{EXEC}:{EXEC}/:{REST}", "GIT_EXEC_PATH": EXEC},
        {"PATH": REST},
    ),
    "command in the user's environment": (
        {"PATH": f"{VENV}/bin:{REST}", "VIRTUAL_ENV": VENV},
        {"PATH": f"{VENV}/bin:{REST}", "VIRTUAL_ENV": VENV},
    ),
    "runner, user has an environment": (
        {
            "PATH": f"{HOOK}/bin:{EXEC}:{VENV}/bin:{REST}",
            "GIT_EXEC_PATH": EXEC,
            "VIRTUAL_ENV": HOOK,
            "PYTHONHOME": HOOK,
            "PRE_COMMIT": "1",
            "PRE_COMMIT_COMMIT_MSG_SOURCE": "message",
            "PRE_COMMIT_HOME": "/cache",
            "PREK_HOOK_STAGE": "pre-commit",
            "PREK_HOME": "/prek",
            "_PRE_COMMIT_SKIP_POST_CHECKOUT": "1",
        },
        {
            "PATH": f"{VENV}/bin:{REST}",
            "VIRTUAL_ENV": VENV,
            "PRE_COMMIT_HOME": "/cache",
            "PREK_HOME": "/prek",
        },
    ),
    "runner, user has none": (
        {"PATH": f"{HOOK}/bin:{EXEC}:{REST}", "GIT_EXEC_PATH": EXEC, "VIRTUAL_ENV": HOOK, "PRE_COMMIT": "1"},
        {"PATH": REST},
    ),
    "runner whose environment bears no known mark": (
        {"PATH": f"/new/bin:{EXEC}:{VENV}/bin:{REST}", "GIT_EXEC_PATH": EXEC, "VIRTUAL_ENV": "/new", "PRE_COMMIT": "1"},
        {"PATH": f"{VENV}/bin:{REST}", "VIRTUAL_ENV": VENV},
    ),
    "runner started by hand": (
        {"PATH": f"/prek/env/bin:{VENV}/bin:{REST}", "VIRTUAL_ENV": "/prek/env", "PRE_COMMIT": "1"},
        {"PATH": f"{VENV}/bin:{REST}", "VIRTUAL_ENV": VENV},
    ),
    "runner started by hand, hook without an environment of its own": (
        {"PATH": f"{VENV}/bin:{REST}", "VIRTUAL_ENV": VENV, "PRE_COMMIT": "1"},
        {"PATH": f"{VENV}/bin:{REST}", "VIRTUAL_ENV": VENV},
    ),
    "runner under Git, hook without an environment of its own": (
        {"PATH": f"{EXEC}:{VENV}/bin:{REST}", "GIT_EXEC_PATH": EXEC, "VIRTUAL_ENV": VENV, "PRE_COMMIT": "1"},
        {"PATH": f"{VENV}/bin:{REST}", "VIRTUAL_ENV": VENV},
    ),
    "empty entries of PATH stay": ({"PATH": f":{REST}:"}, {"PATH": f":{REST}:"}),
}


@pytest.mark.parametrize("case", CASES)
def test_table(case: str) -> None:
    env, expected = CASES[case]
    before = dict(env)
    assert gate_environment(env, LOCAL, is_file=FILES.__contains__) == expected
    assert env == before


@pytest.mark.parametrize("case", CASES)
def test_is_idempotent(case: str) -> None:
    _, expected = CASES[case]
    assert gate_environment(expected, LOCAL, is_file=FILES.__contains__) == expected


def test_gate_works_in_its_own_repository(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    # With the hook's GIT_INDEX_FILE this would stage into the user's index.
    repo.add({"a.txt": "a\n"})
    index = repo.top / ".git" / "index"
    monkeypatch.setenv("GIT_INDEX_FILE", str(index))
    monkeypatch.setenv("GIT_DIR", str(repo.top / ".git"))
    before = index.read_bytes()
    script = 'd=$(mktemp -d) && cd "$d" && git init -q && echo x > x && git add x && git ls-files; cd / && rm -r "$d"'
    result = run_one(repo, Gate("own", script))
    assert (result.status, result.output) == ("passed", "x")
    assert index.read_bytes() == before


def test_gate_gets_the_rest(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.add({"a.txt": "a\n"})
    monkeypatch.setenv("MY_OWN", "wörld")
    result = run_one(repo, Gate("env", 'printf "%s" "$MY_OWN|$PATH|$GIT_AUTHOR_NAME"'))
    assert result.output == f"wörld|{os.environ['PATH']}|"
