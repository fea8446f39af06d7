"""What is installed in a repository: the hooks that Git calls there, and what the runners' configuration says of us."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli
from ruamel.yaml.error import YAMLError

from orchestrator.core.value import Value
from orchestrator.installing.launchers import (
    LEGACY_SUFFIX,
    edited_findings,
    hooks_folder,
    is_ours,
    is_runners,
    launcher,
    lines_of,
    place_of_ours,
)
from orchestrator.installing.yaml_text import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.git import Git

CONFIG_FILES = ("prek.toml", ".pre-commit-config.yaml", ".pre-commit-config.yml")
REQUIRED_STAGES = ("pre-commit", "pre-merge-commit", "commit-msg")
PUSH_STAGE = "pre-push"
PUSH_ID = "orchestrator-pre-push"
LAUNCHER, PRE_COMMIT, PREK, OTHER, MISSING = "launcher", "pre-commit", "prek", "other", "missing"

_VERSION = re.compile(r"v?(\d+(?:\.\d+)+)")
_COMMAND = re.compile(rb"^(?:INSTALL_PYTHON|PREK)=(.*)$", re.MULTILINE)


class HooksPlace(Value):
    """Where Git looks for hooks: the folder, and how core.hooksPath says so (``scope`` "" where it is not set)."""

    folder: Path
    scope: str = ""  # "local" | "worktree" | "global" | "system" | "command"
    value: str = ""

    @property
    def own_value(self) -> str | None:
        """The setting where it is made for this repository or this command, None where it reaches further or is not."""
        return self.value if self.scope in ("local", "worktree", "command") else None

    @property
    def is_husky(self) -> bool:
        """Whether husky's own hooks are there, which call the user's by their names."""
        return self.folder.name == "_" and (self.folder / "h").is_file()


class Hook(Value):
    """The hook of one stage as it lies in Git's folder.

    ``kind``: "launcher" (ours), "pre-commit", "prek", "other", "missing". ``launcher`` is where our launcher is that
    runs in it: the hook itself or the runner's ``.legacy``. ``calls_us``: the text of another hook names our command.
    """

    stage: str
    path: Path
    kind: str
    runs: bool = True  # Git and the runners leave a file alone that is not executable
    launcher: Path | None = None
    calls_us: bool = False


class LauncherState(Value):
    """Where a launcher was told that our command is, and whether it is as this version writes it."""

    command: Path | None = None
    is_edited: bool = False
    is_current: bool = True


class RunnerHook(Value):
    """A hook that the configuration of a runner names, in its order."""

    id: str
    repo: str
    rev: str
    stages: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether it is one of this program's."""
        return self.id.split("-")[0] == "orchestrator"


class RunnerConfig(Value):
    """The configuration that a runner reads; ``path`` None where there is none, ``error`` where it cannot be read."""

    path: Path | None = None
    error: str = ""
    types: tuple[str, ...] | None = None  # default_install_hook_types
    hooks: tuple[RunnerHook, ...] = ()
    files: str = ""
    exclude: str = ""

    @property
    def ours(self) -> tuple[RunnerHook, ...]:
        """Our hooks in it."""
        return tuple(hook for hook in self.hooks if hook.is_ours)


def hooks_place(git: Git) -> HooksPlace:
    """Where Git looks for hooks, whatever is there.

    Raises:
        GitError: Git could not tell.

    Source: git-config(1), core.hooksPath.
    """
    folder = Path(os.path.abspath(Path(git.top) / git.text("rev-parse", "--git-path", "hooks")))
    code, out, _ = git.call("config", "--show-scope", "-z", "--get", "core.hooksPath")
    if code:
        return HooksPlace(folder)
    scope, value = (part.decode("utf-8", "surrogateescape") for part in out.split(b"\0")[:2])
    return HooksPlace(folder, scope, value)


def inspect_hook(folder: Path, stage: str) -> Hook:
    """What lies there for the stage."""
    path = folder / stage
    if not path.is_file():
        return Hook(stage, path, MISSING, runs=False)
    runs = os.access(path, os.X_OK)
    if is_ours(path):
        return Hook(stage, path, LAUNCHER, runs, path)
    if not is_runners(path):
        return Hook(stage, path, OTHER, runs, calls_us=b"orchestrator-hook" in path.read_bytes())
    kind = PREK if any(b"prek" in line for line in lines_of(path)[:5]) else PRE_COMMIT
    place = place_of_ours(folder, stage)
    return Hook(stage, path, kind, runs, place if place.name.endswith(LEGACY_SUFFIX) else None)


def launcher_state(stage: str, place: Path) -> LauncherState:
    """The state of the stage's launcher that lies there."""
    line = next((line for line in lines_of(place) if line.startswith(b"orchestrator=")), b"orchestrator=")
    try:
        words = shlex.split(os.fsdecode(line.partition(b"=")[2]), comments=True)
    except ValueError:
        words = []
    command = Path(words[0]) if words and words[0] else None
    if any(edited_findings(place)):
        return LauncherState(command, is_edited=True)
    template = hooks_folder() / stage
    if not template.is_file():
        return LauncherState(command)
    text = place.read_bytes()
    return LauncherState(command, is_current=text in (launcher(stage, command), template.read_bytes()))


def installed_versions(command: Path) -> tuple[str, ...]:
    """The versions of this program that the environment of that command has; none if it does not tell."""
    root = command.resolve().parent.parent
    found = root.glob("lib/python*/*-packages/git_orchestrator-*.dist-info")
    return tuple(sorted(folder.name.removesuffix(".dist-info").partition("-")[2] for folder in found))


def runner_program(hook: Path) -> Path | None:
    """The program that a runner wrote into the hook it installed."""
    found = _COMMAND.search(hook.read_bytes())
    return Path(os.fsdecode(found[1].strip(b"\"' "))) if found and found[1].strip() else None


def read_runner_config(top: Path, kind: str) -> RunnerConfig:
    """The configuration that the runner of that kind reads.

    Source: prek 0.5: ``prek.toml`` goes before ``.pre-commit-config.yaml``; pre-commit 4 reads the latter alone.
    """
    names = CONFIG_FILES if kind == PREK else (".pre-commit-config.yaml",)
    path = next((top / name for name in names if (top / name).is_file()), None)
    if path is None:
        return RunnerConfig()
    try:
        text = path.read_bytes().decode()
        data = tomli.loads(text) if path.suffix == ".toml" else load(text)
        types = data.get("default_install_hook_types")
        return RunnerConfig(
            path,
            types=None if types is None else tuple(map(str, types)),
            hooks=tuple(_hooks(data)),
            files=str(data.get("files") or ""),
            exclude=str(data.get("exclude") or ""),
        )
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
        return RunnerConfig(path, str(error).strip().split("\n")[0] or type(error).__name__)


def _hooks(data: Mapping[str, Any]) -> Iterator[RunnerHook]:
    for repo in data["repos"]:
        for hook in repo["hooks"]:
            stages = tuple(map(str, hook.get("stages") or ()))
            yield RunnerHook(str(hook["id"]), str(repo["repo"]), str(repo.get("rev", "")), stages)


def is_older(rev: str, than: str) -> bool:
    """Whether a tag names an earlier version; what is no version, as a branch or an id, is not."""
    numbers = [_VERSION.fullmatch(text) for text in (rev, than)]
    first, second = (tuple(map(int, found[1].split("."))) if found else () for found in numbers)
    return bool(first and second) and first < second
