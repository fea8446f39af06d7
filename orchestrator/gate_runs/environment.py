"""The environment of a gate: the user's, without what Git and a hook runner put into it for a hook."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# What Git sets for hooks and for the commands that it starts, beyond ``git rev-parse --local-env-vars``.
# Source: seen in hooks of Git 2.39; githooks(5), git(1) "Environment Variables".
_GIT_ADDS = frozenset({
    "GIT_ATTR_SOURCE",
    "GIT_AUTHOR_DATE",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_NAME",
    "GIT_CHERRY_PICK_HELP",
    "GIT_EXEC_PATH",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_INDEX_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REFLOG_ACTION",
    "GIT_TRACE2_PARENT_NAME",
    "GIT_TRACE2_PARENT_SID",
})  # fmt: skip
_GIT_PREFIXES = ("GITHEAD_", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_PUSH_OPTION_")
_RUNNER_PREFIXES = ("PRE_COMMIT_", "_PRE_COMMIT_", "PREK_")
_RUNNER_MARKS = (".install_state_v1", ".install_state_v2", ".prek-hook.json")  # in each environment that one made
# Settings of the runners that come from the user, for a gate that starts a runner itself.
_USER_SETS = frozenset({
    "PRE_COMMIT_ALLOW_NO_CONFIG",
    "PRE_COMMIT_COLOR",
    "PRE_COMMIT_HOME",
    "PRE_COMMIT_NO_CONCURRENCY",
    "PRE_COMMIT_USE_MAMBA",
    "PRE_COMMIT_USE_MICROMAMBA",
    "PREK_ALLOW_NO_CONFIG",
    "PREK_COLOR",
    "PREK_CONTAINER_RUNTIME",
    "PREK_HOME",
    "PREK_NATIVE_TLS",
    "PREK_NO_CONCURRENCY",
    "PREK_NO_FAST_PATH",
    "PREK_QUIET",
    "PREK_SKIP",
    "PREK_UV_SOURCE",
})  # fmt: skip


def gate_environment(
    env: Mapping[str, str], local_env_vars: Iterable[str], is_file: Callable[[str], bool] = os.path.isfile
) -> dict[str, str]:
    """The environment for a gate, made from that of a hook or a command.

    ``local_env_vars`` are the names that Git calls local to a repository: with one of them left, a gate that works
    in a repository of its own would write into the user's index. The hook runner's own virtual environment is taken
    out of PATH and VIRTUAL_ENV, so that the gate finds the user's tools, and the user's environment, whose
    VIRTUAL_ENV the runner replaced, is found again by its folder in PATH. Without a runner both are left alone.
    ``is_file`` tells whether a path is a file.

    Source: ``git rev-parse --local-env-vars``; get_env_patch in pre_commit/languages/python.py (pre-commit 4.7).
    """
    local = frozenset(local_env_vars)
    kept = {name: value for name, value in env.items() if name not in local and not _is_added(name, value)}
    if "PATH" not in env:
        return kept
    folders = env["PATH"].split(os.pathsep)
    # Git puts the folder of its own commands first, once for each Git command in the chain that led here.
    exec_path = env.get("GIT_EXEC_PATH", "")
    remaining = [folder for folder in folders if not (exec_path and _same(folder, exec_path))]
    runner_env = _runner_environment(env, folders, is_file) if "PRE_COMMIT" in env else ""
    if runner_env:
        remaining = [folder for folder in remaining if not _same(folder, os.path.join(runner_env, "bin"))]
        kept.pop("VIRTUAL_ENV", None)
        # The runner unset the user's; one that is there belongs to the environment that was taken out.
        kept.pop("PYTHONHOME", None)
        user_env = _user_environment(remaining, is_file)
        if user_env:
            kept["VIRTUAL_ENV"] = user_env
    kept["PATH"] = os.pathsep.join(remaining)
    return kept


def _is_added(name: str, value: str) -> bool:
    """Whether Git, a hook runner or this program set the variable, not the user."""
    if name in _GIT_ADDS or name in {"PRE_COMMIT", "ORCHESTRATOR_EXCEPTION"}:
        return True
    if name == "GIT_EDITOR":
        return value == ":"  # Git's word for "no editor will be started"; any other value is the user's
    return name.startswith(_GIT_PREFIXES) or (name.startswith(_RUNNER_PREFIXES) and name not in _USER_SETS)


def _runner_environment(env: Mapping[str, str], folders: Sequence[str], is_file: Callable[[str], bool]) -> str:
    """The virtual environment that the runner made for the hook; empty if VIRTUAL_ENV is the user's own.

    The runner puts its environment first, before Git's folder. A hook of "language: system" gets none, and then the
    user's own may come first: a real environment that bears no mark of a runner is left alone, unless it stands
    before Git's folder, where only the runner can have put it.
    """
    root = env.get("VIRTUAL_ENV", "")
    if not root or not _same(folders[0], os.path.join(root, "bin")):
        return ""
    if any(is_file(os.path.join(root, mark)) for mark in _RUNNER_MARKS):
        return root
    exec_path = env.get("GIT_EXEC_PATH", "")
    under_git = bool(exec_path) and any(_same(folder, exec_path) for folder in folders)
    return "" if is_file(os.path.join(root, "pyvenv.cfg")) and not under_git else root


def _user_environment(folders: Sequence[str], is_file: Callable[[str], bool]) -> str:
    """The virtual environment whose programs come first in PATH; empty if there is none."""
    for folder in folders:
        parent = os.path.dirname(folder.rstrip("/"))
        if parent and is_file(os.path.join(parent, "pyvenv.cfg")):
            return parent
    return ""


def _same(folder: str, other: str) -> bool:
    return folder.rstrip("/") == other.rstrip("/")
