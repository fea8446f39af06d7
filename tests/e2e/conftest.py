"""Repositories whose hooks are installed natively, by pre-commit and by prek."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import cli
from tests.e2e.support import PLAN, TOP, Adopted, Answer, hook_command
from tests.support import Repository, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.e2e.support import Orchestrator

    InProcess = Callable[..., subprocess.CompletedProcess[str]]

WAYS = ("native", "pre-commit", "prek")
RUNNERS = ("pre-commit", "prek")
STAGES = ("pre-commit", "pre-merge-commit", "commit-msg", "pre-push")
TAG = "v0.1.0"

CONFIG = """\
default_install_hook_types: [pre-commit, pre-merge-commit, commit-msg, pre-push]
repos:
  - repo: {source}
    rev: {tag}
    hooks:
      - id: orchestrator
      - id: orchestrator-commit-msg
      - id: orchestrator-pre-push
"""


def _outer_installers() -> dict[str, str]:
    """The caches and settings of pip and uv that the machine has, which the tests' own home would hide."""
    home = Path.home()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    found = {
        "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR") or str(cache / "pip"),
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(cache / "uv"),
    }
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    for name, file in (("PIP_CONFIG_FILE", settings / "pip" / "pip.conf"), ("UV_CONFIG_FILE", settings / "uv/uv.toml")):
        if name not in os.environ and file.is_file():
            found[name] = str(file)
    return found


INSTALLERS = _outer_installers()  # read before the tests get a home of their own


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Only one process of the test session at a time gets in."""
    with file.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of the session have in common."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "e2e"
    folder.mkdir(exist_ok=True)
    return folder


def copy_checkout(folder: Path) -> None:
    """Make ``folder`` a repository that holds this checkout as it is, committed and tagged."""
    making = folder.with_name(f"{folder.name}.new")
    names = run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=TOP).stdout.split("\0")
    for name in {*names, "README.md"} - {""}:
        (making / name).parent.mkdir(parents=True, exist_ok=True)
        if (TOP / name).is_file():
            shutil.copy2(TOP / name, making / name)
    (making / "README.md").touch()
    repo = Repository.init(making)
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "the checkout")
    repo.git("tag", TAG)
    making.rename(folder)


@pytest.fixture(scope="session")
def source(shared: Path, hermetic: Path) -> str:
    """The address of a repository that holds this checkout as it is, committed and tagged."""
    del hermetic
    folder = shared / "source"
    with locked(shared / "source.lock"):
        if not folder.exists():
            copy_checkout(folder)
    return folder.as_uri()


HOMES = {"pre-commit": "PRE_COMMIT_HOME", "prek": "PREK_HOME"}
IMPORTED_BY_HOOKS = ("orchestrator", "msgspec", "pathspec", "tomli")


def runner_homes(folder: Path) -> dict[str, str]:
    """The environment of runners that keep what they install in ``folder``, and whose installers reach packages.

    pip would compile all that it installs, which takes as long as all the rest; ``install_runner`` does what is needed.
    """
    return {
        **INSTALLERS,
        "PIP_NO_COMPILE": "1",
        "PRE_COMMIT_HOME": str(folder / "pre-commit"),
        "PREK_HOME": str(folder / "prek"),
    }


@pytest.fixture(scope="session")
def runner_env(shared: Path) -> dict[str, str]:
    """Where the runners keep what they install, once for all workers, and how their installers reach packages."""
    return runner_homes(shared)


@pytest.fixture(scope="session")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``orchestrator-hook``, to be put first in PATH."""
    return hook_command(tmp_path_factory.mktemp("bin")).parent


def runner_command(name: str) -> str:
    """The runner that stands beside this Python, else the one on the PATH."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert found, f"{name} is not installed"
    return found


def write_config(repo: Repository, source: str, text: str = CONFIG) -> None:
    """Stage the configuration of both runners."""
    repo.add({".pre-commit-config.yaml": text.format(source=source, tag=TAG)})


def lefthook_config() -> str:
    """The ``lefthook.yml`` that hooks/README.md gives."""
    text = (TOP / "hooks" / "README.md").read_text(encoding="utf-8")
    lines = text.partition("**lefthook.**")[2].partition("\n\n")[2].split("\n")
    end = next(i for i, line in enumerate(lines) if line.startswith("**"))
    return "".join([f"{line.removeprefix('    ')}\n" for line in lines[:end]])


def install_runner(name: str, source: str, folder: Path, env: Mapping[str, str]) -> None:
    """Make sure that the runner of that name has made its environment for our hooks; ``folder`` remembers it."""
    with locked(folder / f"{name}.lock"):
        done = folder / f"{name}.done"
        if done.exists():
            return
        repo = Repository.init(folder / f"{name}.repo")
        write_config(repo, source)
        run([runner_command(name), "install-hooks"], cwd=repo.top, env=env)
        (packages,) = {found.parent for found in Path(env[HOMES[name]]).rglob("site-packages/orchestrator")}
        python = packages.parents[2] / "bin" / "python"
        run([python, "-m", "compileall", "-q", *IMPORTED_BY_HOOKS], cwd=packages)
        done.touch()


@pytest.fixture(scope="session")
def installed(source: str, shared: Path, runner_env: Mapping[str, str]) -> Callable[[str], None]:
    """Makes sure that the runner of that name has made its environment for our hooks."""
    return lambda name: install_runner(name, source, shared, runner_env)


class Maker:
    """Makes repositories with hooks installed in a given way."""

    def __init__(
        self,
        tmp_path: Path,
        bin_folder: Path,
        runner_env: Mapping[str, str],
        fixture: Callable[[str], Any],
        templates: dict[tuple[str, str, str], Path],
        template_folder: Path,
    ) -> None:
        """Remember where and with what; ``templates`` has what was adopted before, to be copied.

        ``fixture`` gives a fixture by its name when it is needed: the runners' environments take seconds to make.
        """
        self.templates = templates
        self.template_folder = template_folder
        self.tmp_path = tmp_path
        self.bin_folder = bin_folder
        self.runner_env = runner_env
        self.fixture = fixture

    def environment(self, way: str, name: str) -> dict[str, str]:
        """What is added to the environment of everything in the repository."""
        env = {"GATE_LOG": str(self.tmp_path / f"{name}.gates")}
        if way in RUNNERS:
            return {**env, **self.runner_env}
        env["PATH"] = f"{self.bin_folder}{os.pathsep}{os.environ['PATH']}"
        return {**env, "LEFTHOOK_BIN": runner_command("lefthook")} if way == "lefthook" else env

    def hooked(self, way: str, name: str = "repo", *options: str, config: str = CONFIG) -> Adopted:
        """A repository with hooks and without a plan; nothing is committed."""
        repo = Adopted(self.tmp_path / name, self.environment(way, name))
        repo.way = way
        repo.top.mkdir()
        repo.git("init", "-q", "--template=", *options)
        self.install(repo, config)
        return repo

    def install(self, repo: Adopted, config: str = CONFIG) -> None:
        """Put the hooks into the repository."""
        if repo.way == "native":
            folder = repo.git_path("hooks")
            folder.mkdir(exist_ok=True)
            for stage in STAGES:
                shutil.copy2(TOP / "hooks" / stage, folder / stage)
            return
        if repo.way in RUNNERS:
            self.fixture("installed")(repo.way)
            write_config(repo, self.fixture("source"), config)
        else:
            repo.add({"lefthook.yml": lefthook_config()})
        run([runner_command(repo.way), "install"], cwd=repo.top, env=repo.env)

    def adopted(self, way: str = "native", plan: str = PLAN, name: str = "repo", config: str = CONFIG) -> Adopted:
        """A repository that has adopted the plan in its first commit, with a few files beside it."""

        def make() -> Adopted:
            repo = self.hooked(way, name, config=config)
            repo.commit("begin", {"plan.toml": plan, "notes.txt": "one\ntwo\nthree\n", ".gitignore": "*.log\n"})
            return repo

        return self.copied((way, plan, config), name, make)

    def founded(self, name: str = "repo") -> Adopted:
        """A repository with native launchers whose second commit completes the first phase; its gate has run."""

        def make() -> Adopted:
            repo = self.adopted(name=name)
            repo.finish_foundation()
            return repo

        return self.copied(("native", PLAN, "founded"), name, make)

    def copied(self, key: tuple[str, str, str], name: str, make: Callable[[], Adopted]) -> Adopted:
        """A copy of what was made first under the key, which starts with the way; its log of gates comes along."""
        template = self.templates.get(key)
        if template is None:
            repo = make()
            template = self.template_folder / str(len(self.templates))
            shutil.copytree(repo.top, template / "repo", symlinks=True)
            (template / "gates").write_text("".join([f"{gate}\n" for gate in repo.gate_runs()]), encoding="utf-8")
            self.templates[key] = template
            return repo
        way = key[0]
        repo = Adopted(self.tmp_path / name, self.environment(way, name))
        repo.way = way
        shutil.copytree(template / "repo", repo.top, symlinks=True)
        shutil.copyfile(template / "gates", repo.log)
        repo.git("update-index", "-q", "--refresh")
        return repo


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[tuple[str, str, str], Path], Path]:
    """Adopted repositories to be copied, and the folder where they lie."""
    return {}, tmp_path_factory.mktemp("templates")


@pytest.fixture
def make(
    tmp_path: Path,
    bin_folder: Path,
    runner_env: Mapping[str, str],
    templates: tuple[dict[tuple[str, str, str], Path], Path],
    request: pytest.FixtureRequest,
) -> Maker:
    """Makes repositories; the runners' environments are made only when first asked for."""
    return Maker(
        tmp_path,
        bin_folder,
        runner_env,
        request.getfixturevalue,
        *templates,
    )


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, make: Maker) -> Adopted:
    """A repository that has adopted the plan, for each way to install the hooks."""
    return make.adopted(request.param)


@pytest.fixture(params=["native", "prek"])
def light_way(request: pytest.FixtureRequest, make: Maker) -> Adopted:
    """The same where it does not matter which runner there is; a commit under pre-commit takes four times as long."""
    return make.adopted(request.param)


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> str:
    """The name of each hook runner."""
    name: str = request.param
    return name


@pytest.fixture
def orchestrator(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Orchestrator:
    """Runs a command in this process, in the current folder."""

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["orchestrator", *arguments])
        capfd.readouterr()
        code = cli.main()
        said = capfd.readouterr()
        return Answer(code, said.out, said.err)

    return call


@pytest.fixture
def in_process(orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """Runs a command in this process, in a repository and with its environment, as the process that it stands for."""

    def call(
        repo: Repository, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        words = [os.fspath(argument) for argument in arguments]
        with monkeypatch.context() as patch:
            for name, value in {**repo.env, **(env or {})}.items():
                patch.setenv(name, value)
            patch.chdir(repo.top)
            answer = orchestrator(*words)
        return subprocess.CompletedProcess(["orchestrator", *words], answer.code, answer.out, answer.err)

    return call


@pytest.fixture
def native(make: Maker) -> Adopted:
    """A repository that has adopted the plan, with native launchers."""
    return make.adopted()


@pytest.fixture
def founded(make: Maker) -> Adopted:
    """A repository that has adopted the plan and completed its first phase, with native launchers."""
    return make.founded()
