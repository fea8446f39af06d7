"""The user's own hook runner, asked to install itself."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from orchestrator.core.finding import CannotJudgeError, Finding
from orchestrator.core.value import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


HOOK_TYPES = (
    "commit-msg", "post-checkout", "post-commit", "post-merge", "post-rewrite", "pre-commit", "pre-merge-commit",
    "pre-push", "pre-rebase", "prepare-commit-msg",
)  # fmt: skip
"""What pre-commit and prek can install."""


class RunnerInstalled(Value):
    """The command that installed a runner's hooks, and what it said."""

    command: tuple[str, ...]
    output: str


def find_runner(path: str | None = None) -> tuple[str, ...]:
    """The command of the user's runner: pre-commit on the PATH, else prek, else the pre-commit we depend on.

    ``path`` is searched in place of the environment's PATH, if given.

    Raises:
        CannotJudgeError: there is none at all.
    """
    for name in ("pre-commit", "prek"):
        if shutil.which(name, path=path):
            return (name,)
    if importlib.util.find_spec("pre_commit") is not None:
        return (sys.executable, "-m", "pre_commit")
    raise CannotJudgeError(
        Finding("install", "neither pre-commit nor prek is installed", help="orchestrator install --native")
    )


def install_runner(
    top: Path, runner: Sequence[str] | None = None, *, env: Mapping[str, str] | None = None
) -> RunnerInstalled:
    """What ``RUNNER install`` said, run at the top of the work tree; it installs the hook types of its configuration.

    Raises:
        CannotJudgeError: it refused or could not be started; its own words are in the notes.
    """
    return _run(top, runner, ("install",), env)


def uninstall_runner(
    top: Path, stages: Sequence[str], runner: Sequence[str] | None = None, *, env: Mapping[str, str] | None = None
) -> RunnerInstalled:
    """What ``RUNNER uninstall`` said of these hook types; it puts back hooks that were there before it.

    Raises:
        CannotJudgeError: it refused or could not be started; its own words are in the notes.
    """
    return _run(top, runner, ("uninstall", *[word for stage in stages for word in ("--hook-type", stage)]), env)


def _run(
    top: Path, runner: Sequence[str] | None, arguments: Sequence[str], env: Mapping[str, str] | None
) -> RunnerInstalled:
    environment = dict(os.environ if env is None else env)
    program = tuple(runner or find_runner(environment.get("PATH")))
    command = (*program, *arguments)
    shown = " ".join(("pre-commit" if program[-1] == "pre_commit" else " ".join(program), *arguments))
    try:
        done = subprocess.run(
            command, cwd=top, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise CannotJudgeError(
            Finding("install", f"{shown} could not be started: {error.strerror}", help="orchestrator install --native")
        ) from error
    said = "\n".join(part.decode("utf-8", "replace").strip() for part in (done.stdout, done.stderr)).strip()
    if done.returncode == 0:
        return RunnerInstalled(command, said)
    help_ = f"see above, then run: {shown}"
    if "core.hooksPath" in said:
        help_ = "orchestrator install --native  (puts the hooks where core.hooksPath leads), or unset it as said above"
    raise CannotJudgeError(
        Finding("install", f"{shown} failed (exit {done.returncode})", notes=tuple(said.splitlines()), help=help_)
    )
