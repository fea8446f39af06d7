"""What the groups share: clean environments, programs installed as users install them, timed processes, versions.

Standard library only, so that any Python can start the benchmark.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.util
import inspect
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CHECKOUT = Path(__file__).resolve().parent.parent
LEAST_RUNS = 15
# The beginning of every plan here: one gate takes its phase's files, the other names its inputs.
HEAD_OF_PLAN = (
    "version = 1",
    "[feature]",
    'title = "Bench"',
    "[gates.lint]",
    'run = "test -d src"',
    "[gates.tests]",
    'run = ["test", "-d", "src"]',
    'inputs = ["src/**", "tests/**", "pyproject.toml"]',
)


class Package(NamedTuple):
    """What a program is installed from: what pip or npm is asked for, and the module that pip must bring."""

    wanted: tuple[str | Path, ...]
    module: str = ""  # "": it comes from npm


ORCHESTRATOR = "git-orchestrator"
GITLINT = "gitlint"
COMMITIZEN = "commitizen"
CONVENTIONAL = "conventional-pre-commit"
COMMITLINT = "commitlint"
PRE_COMMIT = "pre-commit"
PREK = "prek"
DOIT = "doit"
TURBOREPO = "turborepo"
PACKAGES: Mapping[str, Package] = {
    ORCHESTRATOR: Package((CHECKOUT,), "orchestrator"),
    GITLINT: Package(("gitlint-core",), "gitlint"),
    COMMITIZEN: Package(("commitizen",), "commitizen"),
    CONVENTIONAL: Package(("conventional-pre-commit",), "conventional_pre_commit"),
    PRE_COMMIT: Package(("pre-commit",), "pre_commit"),
    PREK: Package(("prek",), "prek"),
    DOIT: Package(("doit",), "doit"),
    COMMITLINT: Package(("@commitlint/cli", "@commitlint/config-conventional")),
    TURBOREPO: Package(("turbo",)),
}
_FOREIGN = ("PYTHON", "VIRTUAL_ENV", "GIT_", "GITHEAD_", "GITLINT_", "ORCHESTRATOR_", "PRE_COMMIT", "PREK_", "TURBO_")
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, kibibytes elsewhere


class MeasureError(Exception):
    """What was measured is not what it should be, so there is no number."""


class Finished(NamedTuple):
    """A process that has ended: its time, exit code and output, and the bytes of its peak memory.

    The peak is that of the largest process: itself, or one that it has started and waited for.
    """

    seconds: float
    code: int
    out: str
    err: str
    peak: int


# -- environments ------------------------------------------------------------------------------------------------------


def clean_environment() -> dict[str, str]:
    """The user's environment without what changes how Python or Git work, and without settings of the user's Git."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    env.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    return env


def make_environment(folder: Path, package: Package, env: Mapping[str, str]) -> Path:
    """The folder of the package's programs, in an environment of its own; what is there is kept, ours is made anew.

    Raises:
        MeasureError: it cannot be installed, or is not byte-compiled.
    """
    folder = folder.absolute()
    complete = folder / "complete"
    scripts = folder / ("bin" if package.module else "node_modules/.bin")
    ours = [part for part in package.wanted if isinstance(part, Path)]
    if not complete.exists():
        say(f"installing {' '.join(map(str, package.wanted))}")
        if package.module:
            venv.create(folder, with_pip=True, clear=True)
            run([scripts / "python", "-m", "pip", "install", "-q", *package.wanted], folder, env)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
            run(["npm", "install", "--no-audit", "--no-fund", *package.wanted], folder, env)
    elif ours:
        # The version number stays the same while the code changes.
        run([scripts / "python", "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", *ours], folder, env)
    if package.module:
        for packages in folder.glob("lib/python*/site-packages"):
            run([scripts / "python", "-m", "compileall", "-q", packages], folder, env, codes=None)
            _check_compiled(packages / package.module)
    complete.touch()
    return scripts


def _check_compiled(package: Path) -> None:
    """Refuse to measure what is compiled at each start, and what is not installed where it should be."""
    if not package.is_dir():
        raise MeasureError(f"{package.name} is not installed in {package.parent}")
    for source in package.rglob("*.py"):
        if not Path(importlib.util.cache_from_source(os.fspath(source))).is_file():
            raise MeasureError(f"{source.name} of {package.name} is not byte-compiled")


@dataclasses.dataclass
class Lab:
    """Where everything is measured: folders, the environment of all processes, and how much is asked for.

    ``work`` keeps what is dear to make: programs and long histories. ``scratch`` is this run's own.
    """

    work: Path
    scratch: Path
    runs: int = LEAST_RUNS
    quick: bool = False
    env: Mapping[str, str] = dataclasses.field(default_factory=clean_environment)
    programs: dict[str, Path] = dataclasses.field(default_factory=dict)

    def bin(self, name: str) -> Path:
        """The folder of the programs of that package of PACKAGES, installed now if this run has not asked before."""
        if name not in self.programs:
            self.programs[name] = make_environment(self.work / "programs" / name, PACKAGES[name], self.env)
        return self.programs[name]

    def ours(self, program: str = "orchestrator") -> Path:
        """One of our programs."""
        return self.bin(ORCHESTRATOR) / program

    def python(self) -> Path:
        """The Python that runs our programs."""
        return self.bin(ORCHESTRATOR) / "python"


# -- processes ---------------------------------------------------------------------------------------------------------


def timed(
    argv: Sequence[str | Path], folder: Path, env: Mapping[str, str], *, keep: bool = True, given: bytes = b""
) -> Finished:
    """The process from its start to its end, its output read or, without ``keep``, sent to the null device.

    ``given`` is its standard input.

    Another process starts and times it. The kernel counts the memory of who calls posix_spawn(3) as the peak of the
    program that is started, and this one has more of it than what is to be measured.

    Raises:
        MeasureError: it could not be started.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="ascii") as report, tempfile.TemporaryFile() as stdin:
        stdin.write(given)
        stdin.seek(0)
        try:
            done = subprocess.run(
                [*_TIMER, str(writer), *[os.fspath(part) for part in argv]],
                cwd=folder,
                env=dict(env),
                stdin=stdin,
                stdout=subprocess.PIPE if keep else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[writer],
                check=False,
            )
        finally:
            os.close(writer)
        numbers = report.read().split()
    err = done.stderr.decode("utf-8", "replace")
    if len(numbers) != 3:
        raise MeasureError(f"{argv[0]} could not be started:\n{err}")
    out = (done.stdout or b"").decode("utf-8", "replace")
    return Finished(float(numbers[0]), int(numbers[1]), out, err, int(numbers[2]) * _PEAK_UNIT)


def _start() -> int:
    """Run the rest of the arguments and write seconds, exit code and peak to the file descriptor given first.

    Returned is the exit code. It is sent as text to a Python that has imported as little as can be, so it brings its
    own imports.
    """
    import os  # noqa: PLC0415
    import sys  # noqa: PLC0415
    import time  # noqa: PLC0415

    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    ignored_by_python = (13, 25)  # SIGPIPE, SIGXFSZ; the module signal would double what this process imports
    begin = time.perf_counter()
    pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, setsigdef=ignored_by_python)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - begin
    code = os.waitstatus_to_exitcode(status)
    os.write(report, f"{seconds} {code} {usage.ru_maxrss}".encode())
    return code


_STARTER = f"{inspect.getsource(_start)}\nraise SystemExit(_start())\n"
_TIMER = (sys.executable, "-I", "-S", "-c", _STARTER)


def timing_hook(report: Path, argv: Sequence[str | Path], tools: Path | None = None) -> str:
    """A hook for Git that runs the command with the hook's arguments, as ``timed`` does, and leaves its times there.

    ``tools`` is a folder of programs that come before all others.
    """
    lines = ["#!/bin/sh", f"exec 9>{shlex.quote(str(report))}"]
    lines += [f"PATH={shlex.quote(str(tools))}:$PATH"] if tools else []
    return "\n".join([*lines, f'exec {shlex.join([*_TIMER, "9", *map(str, argv)])} "$@"']) + "\n"


def read_times(report: Path) -> tuple[float, int]:
    """Seconds and peak bytes of what ``timing_hook`` has run, which is forgotten then.

    Raises:
        MeasureError: it was not run.
    """
    try:
        seconds, _, peak = report.read_text(encoding="ascii").split()
        report.unlink()
    except (FileNotFoundError, ValueError) as error:
        raise MeasureError(f"the hook of {report.name} was not run") from error
    return float(seconds), int(peak) * _PEAK_UNIT


def run(argv: Sequence[str | Path], folder: Path, env: Mapping[str, str], codes: Sequence[int] | None = (0,)) -> str:
    """The standard output; ``codes`` are the exit codes that are fine (None: all).

    Raises:
        MeasureError: it ended with another one.
    """
    done = subprocess.run(
        [os.fspath(part) for part in argv], cwd=folder, env=dict(env), capture_output=True, text=True, check=False
    )
    if codes is not None and done.returncode not in codes:
        raise MeasureError(f"{' '.join(map(str, argv[:4]))} failed ({done.returncode}):\n{done.stderr or done.stdout}")
    return done.stdout


def git(folder: Path, env: Mapping[str, str], *argv: str) -> str:
    """What git says, without the last newline."""
    return run(["git", *argv], folder, env).removesuffix("\n")


def say(text: str) -> None:
    """Tell how far it is, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")


# -- what was measured -------------------------------------------------------------------------------------------------


def machine(env: Mapping[str, str]) -> dict[str, str]:
    """What was measured, on what, and when."""
    described = run(["git", "describe", "--always", "--dirty"], CHECKOUT, env, codes=None).strip()
    return {
        "project": f"git-orchestrator {described}".strip(),
        "python": f"Python {platform.python_version()}",
        "git": run(["git", "--version"], CHECKOUT, env).strip().replace("git version", "Git"),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{os.cpu_count()} x {processor()}",
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def processor() -> str:
    """The name of the processor, if the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except FileNotFoundError:
        return platform.processor() or "unknown"
    return next(
        (line.partition(":")[2].strip() for line in text.split("\n") if line.startswith("model name")), "unknown"
    )


def peer_versions(lab: Lab, names: Iterable[str]) -> dict[str, str]:
    """The versions of these packages of PACKAGES, which have been installed."""
    found = {}
    for name in names:
        wanted, scripts = PACKAGES[name].wanted[0], lab.bin(name)
        if PACKAGES[name].module:
            code = f"import importlib.metadata as found; print(found.version({str(wanted)!r}))"
            found[name] = run([scripts / "python", "-c", code], lab.scratch, lab.env).strip()
        else:
            about = json.loads((scripts.parent / str(wanted) / "package.json").read_text(encoding="utf-8"))
            found[name] = str(about["version"])
    return found
