"""What a wheel, an sdist and an editable installation hold, listed in full."""

from __future__ import annotations

import configparser
import os
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.installing.launchers import STAGES
from tests.support import run

TOP = Path(__file__).resolve().parents[2]
NAME = f"git_orchestrator-{__version__}"
COMMANDS = {"orchestrator": "orchestrator.cli:main", "git-orchestrator": "orchestrator.cli:main"}
HOOK = f"{NAME}.data/scripts/orchestrator-hook"


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that what is built does not depend on what else lies in the checkout."""
    copy = tmp_path_factory.mktemp("source") / "checkout"
    left_out = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", ".venv", "dist", "build", ".hypothesis")
    shutil.copytree(TOP, copy, ignore=left_out, symlinks=True)
    (copy / "README.md").touch()
    return copy


@pytest.fixture(scope="session")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheel and sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=source, env={"PYTHONPATH": ""})
    return folder


def files(folder: Path) -> set[str]:
    """The files below the folder, by their paths in it."""
    return {os.fspath(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def wheel(built: Path) -> zipfile.ZipFile:
    (file,) = built.glob("*.whl")
    assert file.name == f"{NAME}-py3-none-any.whl"
    return zipfile.ZipFile(file)


def test_the_wheel_holds_the_package_and_the_launchers_and_nothing_else(source: Path, built: Path) -> None:
    with wheel(built) as archive:
        there = set(archive.namelist())
    package = {f"orchestrator/{name}" for name in files(source / "orchestrator")}
    launchers = {f"orchestrator/_hooks/{name}" for name in files(source / "hooks")}
    about = {f"{NAME}.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    assert there == package | launchers | about | {f"{NAME}.dist-info/licenses/LICENSE", HOOK}
    assert {f"orchestrator/_hooks/{stage}" for stage in STAGES} <= launchers
    assert "orchestrator/py.typed" in package


def test_the_launchers_in_the_wheel_are_those_of_the_checkout(source: Path, built: Path) -> None:
    with wheel(built) as archive:
        for stage in STAGES:
            assert archive.read(f"orchestrator/_hooks/{stage}") == (source / "hooks" / stage).read_bytes()


def test_the_commands(built: Path) -> None:
    with wheel(built) as archive:
        text = archive.read(f"{NAME}.dist-info/entry_points.txt").decode()
        assert archive.read(HOOK).startswith(b"#!python\n")  # what an installer puts its own Python in for
    parser = configparser.ConfigParser(delimiters="=")
    parser.read_string(text)
    assert {section: dict(parser[section]) for section in parser.sections()} == {"console_scripts": COMMANDS}


def test_the_sdist_holds_the_sources_and_builds_the_same_wheel(source: Path, built: Path, tmp_path: Path) -> None:
    (file,) = built.glob("*.tar.gz")
    assert file.name == f"{NAME}.tar.gz"
    shutil.unpack_archive(file, tmp_path, filter="data")
    unpacked = tmp_path / NAME
    there = files(unpacked)
    needed = {f"{folder}/{name}" for folder in ("orchestrator", "hooks", "tests") for name in files(source / folder)}
    assert needed | {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".pre-commit-hooks.yaml"} <= there
    folders = {name.split("/")[0] for name in there if "/" in name and not name.startswith(".")}
    assert folders <= {"orchestrator", "hooks", "tests", "docs", "bench", "scripts"}
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in there)
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again"], cwd=unpacked)
    with wheel(built) as first, wheel(tmp_path / "again") as second:
        assert first.namelist() == second.namelist()


def test_an_unpacked_wheel_finds_its_launchers(built: Path, tmp_path: Path) -> None:
    (file,) = built.glob("*.whl")
    shutil.unpack_archive(file, tmp_path, "zip")
    code = "from orchestrator.installing.launchers import hooks_folder; print(hooks_folder())"
    done = run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.stdout.strip() == str(tmp_path / "orchestrator" / "_hooks")


def test_an_editable_installation_is_a_path(source: Path, tmp_path: Path) -> None:
    """Nothing is imported at the start of every Python for it."""
    code = "import sys; from hatchling.build import build_editable; print(build_editable(sys.argv[1]))"
    name = run([sys.executable, "-c", code, tmp_path], cwd=source).stdout.split()[-1]
    site = tmp_path / "site"
    shutil.unpack_archive(tmp_path / name, site, "zip")
    paths = [file for file in files(site) if not file.startswith(f"{NAME}.dist-info/")]
    assert sorted(paths) == ["_git_orchestrator.pth", HOOK]
    assert (site / "_git_orchestrator.pth").read_text(encoding="utf-8").split() == [str(source)]
    code = (
        f"import sys, site; sys.path.insert(0, {str(site)!r}); site.addsitedir({str(site)!r})\n"
        "from orchestrator.installing.launchers import hooks_folder\n"
        "print(hooks_folder())"
    )
    # Without -S an editable installation of the checkout itself, as developers have it, would answer first.
    libraries = {"PYTHONPATH": sysconfig.get_path("purelib")}
    done = run([sys.executable, "-S", "-P", "-c", code], cwd=tmp_path, env=libraries)
    assert done.stdout.split() == [str(source / "hooks")]
