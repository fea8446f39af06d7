"""What the benchmarks share: clean environments, programs installed as users install them, timed processes, versions.

Standard library only, so that any Python can start a benchmark.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import inspect
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHECKOUT = Path(__file__).resolve().parent.parent
LEAST_RUNS = 15
ORCHESTRATOR = "orchestrator"
GITLINT = "gitlint"
COMMITIZEN = "commitizen"
# From the package that is imported to what pip installs; ours is the wheel of the checkout.
PROJECTS: Mapping[str, str | Path] = {ORCHESTRATOR: CHECKOUT, GITLINT: "gitlint-core", COMMITIZEN: "commitizen"}
_FOREIGN = ("PYTHON", "VIRTUAL_ENV", "GIT_", "GITHEAD_", "GITLINT_", "ORCHESTRATOR_", "PRE_COMMIT", "PREK_")
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


def make_environment(folder: Path, package: str, env: Mapping[str, str]) -> Path:
    """The bin folder of an environment with that package of PROJECTS; what it needs is kept, ours is installed anew.

    Raises:
        MeasureError: it cannot be installed, or is not byte-compiled.
    """
    wanted = PROJECTS[package]
    folder = folder.absolute()
    scripts = folder / "bin"
    complete = folder / "complete"
    if not complete.exists():
        say(f"installing {package}")
        venv.create(folder, with_pip=True, clear=True)
        run([scripts / "python", "-m", "pip", "install", "-q", wanted], folder, env)
    elif isinstance(wanted, Path):
        # The version number stays the same while the code changes.
        run([scripts / "python", "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", wanted], folder, env)
    for packages in folder.glob("lib/python*/site-packages"):
        run([scripts / "python", "-m", "compileall", "-q", packages], folder, env, codes=None)
        for name in PROJECTS:
            _check_compiled(packages / name, wanted=name == package)
    complete.touch()
    return scripts


def _check_compiled(package: Path, *, wanted: bool) -> None:
    """Refuse to measure what is compiled at each start, and what is not installed where it should be."""
    if wanted != package.is_dir():
        raise MeasureError(f"{package.name} is {'not ' if wanted else ''}installed in {package.parent}")
    for source in package.rglob("*.py"):
        if not Path(importlib.util.cache_from_source(os.fspath(source))).is_file():
            raise MeasureError(f"{source.name} of {package.name} is not byte-compiled")


# -- processes ---------------------------------------------------------------------------------------------------------


def timed(argv: Sequence[str | Path], folder: Path, env: Mapping[str, str], *, keep: bool = True) -> Finished:
    """The process from its start to its end, its output read or, without ``keep``, sent to the null device.

    Another process starts and times it. The kernel counts the memory of who calls posix_spawn(3) as the peak of the
    program that is started, and this one has more of it than what is to be measured.

    Raises:
        MeasureError: it could not be started.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="ascii") as report:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _STARTER, str(writer), *[os.fspath(part) for part in argv]],
                cwd=folder,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if keep else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[writer],
                check=False,
            )
        finally:
            os.close(writer)
        numbers = report.read().split()
    err = done.stderr.decode("utf-8", "replace")
    if done.returncode or len(numbers) != 3:
        raise MeasureError(f"{argv[0]} could not be started:\n{err}")
    out = (done.stdout or b"").decode("utf-8", "replace")
    return Finished(float(numbers[0]), int(numbers[1]), out, err, int(numbers[2]) * _PEAK_UNIT)


def _start() -> None:
    """Run the rest of the arguments and write seconds, exit code and peak to the file descriptor given first.

    It is sent as text to a Python that has imported as little as can be, so it brings its own imports.
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
    os.write(report, f"{seconds} {os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}".encode())


_STARTER = f"{inspect.getsource(_start)}\n_start()\n"


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


# -- report ------------------------------------------------------------------------------------------------------------


def versions(ours: Path, peers: Mapping[str, Path], env: Mapping[str, str]) -> str:
    """What was measured, on what; ``peers`` are the bin folders of other packages of PROJECTS."""
    folder = ours.parent
    described = run(["git", "describe", "--always", "--dirty"], CHECKOUT, env, codes=None).strip()
    parts = [f"git-orchestrator {described}" if described else "git-orchestrator"]
    for package, scripts in peers.items():
        code = f"import importlib.metadata as found; print(found.version({str(PROJECTS[package])!r}))"
        parts.append(f"{package} {run([scripts / 'python', '-c', code], folder, env).strip()}")
    parts += [
        run([ours / "python", "--version"], folder, env).strip(),
        run(["git", "--version"], folder, env).strip().replace("git version", "Git"),
        platform.system(),
        f"{os.cpu_count()} CPUs",
        dt.datetime.now(dt.UTC).date().isoformat(),
    ]
    return ", ".join(parts)
