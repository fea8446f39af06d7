"""Where the cells are tried: repositories made once and copied, with the hooks of each way."""

from __future__ import annotations

import os
import re
import shutil
from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator.git import Git
from orchestrator.installing.launchers import install_native
from tests.e2e.conftest import (
    CONFIG,
    STAGES,
    TAG,
    copy_checkout,
    install_runner,
    lefthook_config,
    locked,
    runner_command,
    runner_homes,
)
from tests.e2e.support import TOP, Adopted, hook_command
from tests.matrix.operations import PLAN, RUNNERS, TEMPLATES
from tests.matrix.situations import SAVE
from tests.matrix.surroundings import ORDINARY, PLAIN, THEIR_STAGES, Place, hooks_around, their_note
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.matrix.operations import Operation
    from tests.matrix.surroundings import Ground, Surrounding
    from tests.support import Repository

WAYS = ("native", *RUNNERS, "lefthook")
TWIN = "twin"
DATE = "2026-01-02T03:04:05+0000"
FILES = {
    "plan.toml": PLAN,
    "notes.txt": "one\ntwo\nthree\n",
    "doomed.txt": "x\n",
    ".gitignore": "*.log\n",
    "far/off/away.txt": "x\n",
}


def _runners_config(source: str, ground: Ground) -> str:
    """The configuration of pre-commit and prek: our hooks, and other people's around them if there are any."""
    config = CONFIG.format(source=source, tag=TAG)
    if ground.is_idle:
        return config.partition("  - repo:")[0] + _local_hooks("idle", STAGES, "true")
    if not ground.is_beside:
        return config
    _, _, ours = config.partition("repos:\n")
    before, after = (_local_hooks(when) for when in ("before", "after"))
    return f"default_install_hook_types: [{', '.join([*STAGES, *_ONLY_THEIRS])}]\nrepos:\n{before}{ours}{after}"


_ONLY_THEIRS = [stage for stage in THEIR_STAGES if stage not in STAGES]


def _local_hooks(when: str, stages: Sequence[str] = THEIR_STAGES, does: str = "") -> str:
    lines = ["  - repo: local", "    hooks:"]
    for stage in stages:
        command = does or their_note(when, stage)
        lines += [
            f"      - id: {when}-{stage}",
            f"        name: {when} {stage}",
            "        language: system",
            f"        entry: sh -c '{command}'",
            f"        stages: [{stage}]",
            "        always_run: true",
            "        pass_filenames: false",
        ]
    return "\n".join(lines) + "\n"


def _lefthooks_config(ground: Ground) -> str:
    """The same for lefthook."""
    config = lefthook_config()
    if ground.is_idle:
        return re.sub(r"orchestrator-hook [^#\n]*", "exit 0 ", config)
    if not ground.is_beside:
        return config
    parts = []
    for block in re.split(r"^(?=[a-z])", config, flags=re.MULTILINE)[1:]:
        stage = block.partition(":")[0]
        if stage in THEIR_STAGES:
            before = block.replace("  jobs:\n", f"  jobs:\n{_job('before', stage)}", 1)
            parts.append(before + _job("after", stage))
        else:
            parts.append(block)
    parts += [f"{stage}:\n  jobs:\n{_job('before', stage)}{_job('after', stage)}" for stage in _ONLY_THEIRS]
    return "".join(parts)


def _job(when: str, stage: str) -> str:
    """A job that lefthook does not leave out where it sees no file."""
    command = their_note(when, stage).replace('"', '\\"')
    return f'    - name: {when}\n      files: ls lefthook.yml\n      run: "{command} # {{files}}"\n'


class Lab:
    """A folder for repositories; several processes may use the same one for what is made once."""

    def __init__(self, shared: Path, own: Path) -> None:
        """``shared`` keeps what the runners install, ``own`` the repositories of this process."""
        self.shared = shared
        self.own = own
        self.cells = 0
        self._hooks: dict[tuple[str, str], Path] = {}
        self._templates: dict[tuple[str, str], Path] = {}
        own.mkdir(parents=True, exist_ok=True)

    @cached_property
    def _bin(self) -> Path:
        folder = self.own / "bin"
        return hook_command(folder).parent

    @cached_property
    def _source(self) -> str:
        folder = self.shared / "source"
        with locked(self.shared / "source.lock"):
            if not folder.exists():
                copy_checkout(folder)
        return folder.as_uri()

    def _environment(self, folder: Path) -> dict[str, str]:
        """What is set in the repository in that folder, however its hooks are installed."""
        return {
            **runner_homes(self.shared),
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "LEFTHOOK_BIN": runner_command("lefthook"),
            "GATE_LOG": str(folder / "gates"),
            "SAVE": "",
            "THEIRS": str(folder / "theirs"),
            "GIT_AUTHOR_DATE": DATE,
            "GIT_COMMITTER_DATE": DATE,
        }

    def _hooks_of(self, way: str, ground: Ground = PLAIN) -> Path:
        """A folder of hooks that way, made once for each ground that has something to say on them."""
        key = (way, ground.name if ground.is_kept or ground.is_beside else "")
        if key not in self._hooks:
            folder = self.own / "hooks" / str(len(self._hooks))
            repo = Adopted(folder, self._environment(folder))
            folder.mkdir(parents=True)
            repo.git("init", "-q", "--template=")
            hooks = folder / ".git" / "hooks"
            hooks.mkdir()
            if ground.theirs and ground.is_kept:
                ground.theirs(hooks)
            if way != "native":
                self._write_configs(repo, ground)
                if way in RUNNERS:
                    install_runner(way, self._source, self.shared, repo.env)
                run([runner_command(way), "install"], cwd=folder, env=repo.env)
            elif ground.is_kept:
                install_native(Git(str(folder)), command=self._bin / "orchestrator-hook")
            elif ground.is_beside:
                hooks_around(hooks, "orchestrator-hook")
            else:
                for stage in STAGES:
                    shutil.copy2(TOP / "hooks" / stage, hooks / stage)
            self._hooks[key] = hooks
        return self._hooks[key]

    def _write_configs(self, repo: Repository, ground: Ground) -> None:
        repo.add(
            {
                ".pre-commit-config.yaml": _runners_config(self._source, ground),
                "lefthook.yml": _lefthooks_config(ground),
            }
        )

    def _template(self, name: str, ground: Ground) -> Path:
        """The folder of that template on that ground, made once, with native hooks while it is made."""
        key = (name, ground.name)
        if key not in self._templates:
            start, make = TEMPLATES.get(name, ("", None))
            origin = self._template(start, ground) if start else None
            folder = self.own / "templates" / str(len(self._templates))
            repo = Adopted(folder / "repo", self._environment(folder))
            if origin:
                shutil.copytree(origin, folder, symlinks=True)
            else:
                folder.mkdir(parents=True)
                repo.top.mkdir()
                repo.git("init", "-q", "--template=", *ground.options)
            shutil.copytree(self._hooks_of("native"), repo.top / ".git" / "hooks")
            if make:
                make(repo)
            else:
                self._write_configs(repo, ground)
                repo.commit("begin", {**FILES, **ground.files})
            shutil.rmtree(repo.top / ".git" / "hooks")
            self._templates[key] = folder
        return self._templates[key]

    def repository(self, operation: Operation, way: str, surrounding: Surrounding = ORDINARY) -> Place:
        """A repository where all is ready for the operation, hooked in that way; a twin has no hooks of ours."""
        ground = surrounding.ground
        template = self._template(operation.ready, ground)
        self.cells += 1
        folder = self.own / "cells" / str(self.cells)
        shutil.copytree(template, folder, symlinks=True)
        repo = Place(folder / "repo", self._environment(folder))
        repo.way = way
        repo.is_idle = ground.is_idle
        repo.log.unlink(missing_ok=True)
        (folder / "save").write_text(SAVE, encoding="utf-8")
        repo.git("update-index", "-q", "--refresh", check=False)
        surrounding.place(repo)
        hooks = repo.hooks or repo.git_path("hooks")
        if way != TWIN:
            shutil.copytree(self._hooks_of(way, ground), hooks)
        elif ground.theirs:
            ground.theirs(hooks)
        else:
            repo.git("config", "core.hooksPath", "/dev/null")
        repo.git("update-index", "-q", "--refresh", check=False)
        return repo

    def forget(self, repo: Place) -> None:
        """Remove a repository that is no longer of use, and what lies beside it."""
        shutil.rmtree(repo.log.parent)
