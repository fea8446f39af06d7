"""Where the cells are tried: repositories made once and copied, with the hooks of each way."""

from __future__ import annotations

import os
import shutil
from functools import cached_property
from typing import TYPE_CHECKING

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
from tests.support import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.matrix.operations import Operation
    from tests.support import Repository

WAYS = ("native", *RUNNERS, "lefthook")
TWIN = "twin"
DATE = "2026-01-02T03:04:05+0000"


class Lab:
    """A folder for repositories; several processes may use the same one for what is made once."""

    def __init__(self, shared: Path, own: Path) -> None:
        """``shared`` keeps what the runners install, ``own`` the repositories of this process."""
        self.shared = shared
        self.own = own
        self.cells = 0
        self._hooks: dict[str, Path] = {}
        self._templates: dict[str, Path] = {}
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
            "GIT_AUTHOR_DATE": DATE,
            "GIT_COMMITTER_DATE": DATE,
        }

    def _hooks_of(self, way: str) -> Path:
        """A folder of hooks that way, made once."""
        if way not in self._hooks:
            folder = self.own / "hooks" / way
            repo = Adopted(folder, self._environment(folder))
            folder.mkdir(parents=True)
            repo.git("init", "-q", "--template=")
            hooks = folder / ".git" / "hooks"
            hooks.mkdir()
            if way == "native":
                for stage in STAGES:
                    shutil.copy2(TOP / "hooks" / stage, hooks / stage)
            else:
                self._write_configs(repo)
                if way in RUNNERS:
                    install_runner(way, self._source, self.shared, repo.env)
                run([runner_command(way), "install"], cwd=folder, env=repo.env)
            self._hooks[way] = hooks
        return self._hooks[way]

    def _write_configs(self, repo: Repository) -> None:
        repo.add(
            {
                ".pre-commit-config.yaml": CONFIG.format(source=self._source, tag=TAG),
                "lefthook.yml": lefthook_config(),
            }
        )

    def _template(self, name: str) -> Path:
        """The folder of that template, made once, with native hooks while it is made."""
        if name not in self._templates:
            start, make = TEMPLATES.get(name, ("", self._adopt))
            origin = self._template(start) if start else None
            folder = self.own / "templates" / str(len(self._templates))
            repo = Adopted(folder / "repo", self._environment(folder))
            if origin:
                shutil.copytree(origin, folder, symlinks=True)
            else:
                folder.mkdir(parents=True)
                repo.top.mkdir()
                repo.git("init", "-q", "--template=")
            shutil.copytree(self._hooks_of("native"), repo.top / ".git" / "hooks")
            make(repo)
            shutil.rmtree(repo.top / ".git" / "hooks")
            self._templates[name] = folder
        return self._templates[name]

    def _adopt(self, repo: Repository) -> None:
        self._write_configs(repo)
        files = {"plan.toml": PLAN, "notes.txt": "one\ntwo\nthree\n", "doomed.txt": "x\n", ".gitignore": "*.log\n"}
        repo.commit("begin", files)

    def repository(self, operation: Operation, way: str) -> Adopted:
        """A repository where all is ready for the operation, hooked in that way; a twin has no hooks of ours."""
        template = self._template(operation.ready)
        self.cells += 1
        folder = self.own / "cells" / str(self.cells)
        shutil.copytree(template, folder, symlinks=True)
        repo = Adopted(folder / "repo", self._environment(folder))
        repo.way = way
        repo.log.unlink(missing_ok=True)
        (folder / "save").write_text(SAVE, encoding="utf-8")
        if way == TWIN:
            repo.git("config", "core.hooksPath", "/dev/null")
        else:
            shutil.copytree(self._hooks_of(way), repo.top / ".git" / "hooks")
        repo.git("update-index", "-q", "--refresh", check=False)
        return repo

    def forget(self, repo: Adopted) -> None:
        """Remove a repository that is no longer of use."""
        shutil.rmtree(repo.top.parent)
