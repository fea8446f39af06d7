"""How long ``orchestrator verify`` takes over a long history, beside ``git log`` of it, commitizen and gitlint.

Whole processes on the same repositories, in turns (A B C A B C ...), after a warm-up. The projects are installed as
users install them: from wheels, in environments of their own, byte-compiled. Standard library only; the histories
are made by histories.py with the Python of our own environment.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import (
    CHECKOUT,
    COMMITIZEN,
    GITLINT,
    LEAST_RUNS,
    ORCHESTRATOR,
    Finished,
    MeasureError,
    clean_environment,
    git,
    make_environment,
    run,
    say,
    timed,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RANGE = "first..main"  # histories.py tags the adoption as "first"
SLOW_RUNS = 3  # of gitlint, which takes seconds; the others have all their turns
MOST_TO_LOG = 3.0
MOST_TO_COMMITIZEN = 0.5
_SAMPLE_S = 0.001
_MEGABYTE = 1_000_000

PYTHON = "`python -c pass`"
LOG = "`git log --raw -z`"
REMERGE = "`git log --raw -z --diff-merges=remerge`"
VERIFY = "`orchestrator verify`"
CZ = "`cz check --rev-range`"
LINT = "`gitlint --commits`"


@dataclasses.dataclass(frozen=True)
class History:
    """A repository that histories.py has made; ``facts`` are its counts, and as ``text`` what they say to people."""

    folder: Path
    facts: Mapping[str, Any]

    @property
    def commits(self) -> int:
        """The commits of RANGE."""
        return int(self.facts["commits"])


@dataclasses.dataclass
class Row:
    """One process that is measured, on a history; ``check`` looks at what came of it."""

    name: str
    history: History
    argv: Sequence[str | Path]
    check: Callable[[Finished], None]
    keep: bool = True  # its output is read, not sent to the null device
    turns: int = sys.maxsize
    finished: list[Finished] = dataclasses.field(default_factory=list)

    def seconds(self) -> list[float]:
        """The time of each turn."""
        return [found.seconds for found in self.finished]

    def to(self, other: Row) -> float:
        """The median of the ratios, turn by turn, over the turns that both have."""
        both = zip(self.seconds(), other.seconds(), strict=False)
        return statistics.median([ours / theirs for ours, theirs in both])

    def peak(self) -> float:
        """The megabytes of the largest process, over all turns."""
        return max(found.peak for found in self.finished) / _MEGABYTE


@dataclasses.dataclass(frozen=True)
class Programs:
    """What is measured: the bin folders of the environments, and the command that judges a range."""

    ours: Path
    peers: Mapping[str, Path]
    verify: list[str | Path]
    env: Mapping[str, str]
    warm: bool  # what verify has kept of an earlier run is left to it


@dataclasses.dataclass(frozen=True)
class Watched:
    """The bytes that verify itself and its Git processes together had at their largest, from samples."""

    own: int
    children: int


def main() -> int:
    """The exit code: 0 measured, 1 something measured was not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=LEAST_RUNS, help="turns that count (default and least: 15)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report to this file, too")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep environments and histories for the next time")
    parser.add_argument("--small", type=int, default=1_000, metavar="N", help="commits of the histories of peers")
    parser.add_argument("--large", type=int, default=10_000, metavar="N", help="commits of the long histories")
    parser.add_argument("--merges", type=int, default=20, metavar="K", help="one commit of K is a merge (default: 20)")
    parser.add_argument("--command", metavar="WORDS", help="measure this command in the place of orchestrator verify")
    parser.add_argument("--warm", action="store_true", help="leave what a run writes into .git to the next one")
    options = parser.parse_args()
    if options.runs < LEAST_RUNS:
        parser.error(f"--runs: at least {LEAST_RUNS}")
    if options.small >= options.large:
        parser.error("--small, --large: the second is the larger")
    env = clean_environment()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-verify-") as scratch:
            work = (options.work or Path(scratch)).absolute()
            ours = make_environment(work / ORCHESTRATOR, ORCHESTRATOR, env)
            peers = {name: make_environment(work / name, name, env) for name in (COMMITIZEN, GITLINT)}
            verify: list[str | Path] = [ours / "orchestrator", "verify"]
            if options.command:
                verify = [*shlex.split(options.command)]
            programs = Programs(ours, peers, verify, env, options.warm)
            sizes = (options.small, options.large)
            plain = [keep_history(work / "histories", size, 0, programs) for size in sizes]
            merging = [keep_history(work / "histories", size, options.merges, programs) for size in sizes]
            text = measure(plain, merging, options.runs, programs)
    except MeasureError as error:
        sys.stderr.write(f"not measured: {error}\n")
        return 1
    if options.command:
        text += f"\nIn the place of {VERIFY} this was measured: `{options.command}`.\n"
    print(text, end="")
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    return 0


def measure(plain: Sequence[History], merging: Sequence[History], runs: int, programs: Programs) -> str:
    """The report in Markdown; the first of each are small, the last large.

    Raises:
        MeasureError: a process failed, or did not judge every commit.
    """
    for history in (*plain, *merging):
        check_judges(history, programs)
    check_refuse(plain[0], programs)
    rows = [Row(PYTHON, plain[0], (programs.ours / "python", "-c", "pass"), check_fine, keep=False)]
    for history in plain:
        rows += [log_row(history), verify_row(history, programs)]
    rows += peer_rows(plain[0], programs, max(SLOW_RUNS, runs // 5))
    for history in merging:
        rows += [log_row(history), remerge_row(history), verify_row(history, programs)]
    for turn in range(runs + 1):
        say(f"turn {turn} of {runs}" if turn else "warm-up")
        for row in rows:
            if turn > row.turns:
                continue
            if not programs.warm:
                forget(row.history)
            finished = timed(row.argv, row.history.folder, programs.env, keep=row.keep)
            row.check(finished)
            if turn:
                row.finished.append(finished)
    watched = [watch(history, programs) for history in plain]
    about = "With what earlier runs have left in .git" if programs.warm else "Each run as in a fresh clone"
    measured = versions(programs.ours, programs.peers, programs.env)
    return report(rows, plain, merging, watched, f"{about}. {measured}")


# -- histories ---------------------------------------------------------------------------------------------------------


def keep_history(folder: Path, commits: int, merge_every: int, programs: Programs) -> History:
    """The history of that size, made now if it is not there or was made by other code."""
    name = f"{commits}-{merge_every}" if merge_every else f"{commits}"
    made, note = folder / name, folder / f"{name}.json"
    stamp = code_stamp()
    facts = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
    if facts.get("stamp") != stamp:
        say(f"making {name} commits")
        note.unlink(missing_ok=True)
        if made.exists():
            shutil.rmtree(made)
        folder.mkdir(parents=True, exist_ok=True)
        script: list[str | Path] = [programs.ours / "python", CHECKOUT / "bench/histories.py", made, "--facts", note]
        run([*script, "--commits", str(commits), "--merges", str(merge_every)], folder, programs.env)
        facts = {**json.loads(note.read_text(encoding="utf-8")), "stamp": stamp}
        note.write_text(json.dumps(facts), encoding="utf-8")
    return History(made, facts)


def code_stamp() -> str:
    """A digest of what decides how a history looks."""
    digest = sha256()
    for file in (CHECKOUT / "bench/histories.py", *sorted((CHECKOUT / "orchestrator/core").glob("*.py"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def forget(history: History) -> None:
    """Take away what earlier runs have left in the repository, so that each meets a fresh clone, as in CI.

    That is the tool's cache, and the trees of merges done again: all that belongs to the history is packed.
    """
    for folder in (history.folder / ".git/orchestrator", *(history.folder / ".git/objects").glob("[0-9a-f][0-9a-f]")):
        if folder.exists():
            shutil.rmtree(folder)


# -- what is measured --------------------------------------------------------------------------------------------------


def log_row(history: History) -> Row:
    """What reading the history costs Git."""
    return Row(LOG, history, ("git", "log", "--raw", "-z", RANGE), check_fine, keep=False)


def remerge_row(history: History) -> Row:
    """The same, and every merge done again and compared, as verify must."""
    argv = ("git", "log", "--raw", "-z", "--diff-merges=remerge", RANGE)
    return Row(REMERGE, history, argv, check_fine, keep=False)


def verify_row(history: History, programs: Programs) -> Row:
    """The command under test."""

    def check(finished: Finished) -> None:
        check_fine(finished)
        if history.commits not in numbers(finished.out):
            raise MeasureError(f"verify does not say that it judged {history.commits} commits:\n{finished.out}")

    return Row(VERIFY, history, (*programs.verify, RANGE), check)


def peer_rows(history: History, programs: Programs, slow_turns: int) -> list[Row]:
    """The peers, with the settings that they come with: the messages of the histories are fine by them."""
    return [
        Row(CZ, history, (programs.peers[COMMITIZEN] / "cz", "check", "--rev-range", RANGE), check_fine),
        Row(LINT, history, (programs.peers[GITLINT] / "gitlint", "--commits", RANGE), check_fine, turns=slow_turns),
    ]


def numbers(text: str) -> set[int]:
    """The whole numbers in a text, with or without separators."""
    return {int(found.replace(",", "")) for found in re.findall(r"\d[\d,]*", text)}


def check_fine(finished: Finished) -> None:
    """Refuse a process that failed."""
    if finished.code:
        raise MeasureError(f"a process ended with {finished.code}:\n{finished.out}{finished.err}")


def check_judges(history: History, programs: Programs) -> None:
    """Refuse to measure what passes over commits: the JSON report must count each as judged."""
    count = int(git(history.folder, programs.env, "rev-list", "--count", RANGE))
    if count != history.commits:
        raise MeasureError(f"{history.folder} has {count} commits in {RANGE}, not {history.commits}")
    out = run([*programs.verify, RANGE, "--json"], history.folder, programs.env)
    try:
        judged = field(json.loads(out), "judged")
    except ValueError as error:
        raise MeasureError(f"verify --json does not print JSON: {error}") from error
    if judged != count:
        raise MeasureError(f"verify --json says that it judged {judged} commits, not {count}")


def field(value: Any, name: str) -> Any:
    """The first value of that name, at whatever depth; None if there is none."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and name in value:
        return value[name]
    return next((found for item in inner if (found := field(item, name)) is not None), None)


def check_refuse(history: History, programs: Programs) -> None:
    """Refuse to measure programs that judge nothing: each must refuse a commit whose message none of them accepts."""
    folder, env = history.folder, programs.env
    bad = git(folder, env, "commit-tree", "-p", "main", "-m", "bad.", "main^{tree}")
    only = f"main..{bad}"
    code = timed([*programs.verify, only], folder, env).code
    if code != 1:
        raise MeasureError(f"verify ended with {code} on a commit that it must refuse with 1")
    cz: list[str | Path] = [programs.peers[COMMITIZEN] / "cz", "check", "--rev-range", only]
    gitlint: list[str | Path] = [programs.peers[GITLINT] / "gitlint", "--commits", only]
    for argv in (cz, gitlint):
        if timed(argv, folder, env).code == 0:
            raise MeasureError(f"{argv[0]} accepts a commit that it must refuse")


# -- memory ------------------------------------------------------------------------------------------------------------


def watch(history: History, programs: Programs) -> Watched | None:
    """The memory of one more run, sampled and not timed; None where there is no /proc.

    What the kernel says at the end is the largest process alone. Pages of packs that Git maps count as its own.
    """
    if not Path("/proc/self/task").is_dir():
        return None
    if not programs.warm:
        forget(history)
    own = children = 0
    null = subprocess.DEVNULL
    argv = [*programs.verify, RANGE]
    with subprocess.Popen(
        argv, cwd=history.folder, env=dict(programs.env), stdin=null, stdout=null, stderr=null
    ) as process:
        while process.poll() is None:
            own = max(own, memory(process.pid, "VmHWM"))
            children = max(children, sum(memory(pid, "VmRSS") for pid in descendants(process.pid)))
            time.sleep(_SAMPLE_S)
    if process.returncode:
        raise MeasureError(f"{argv[0]} ended with {process.returncode} while its memory was watched")
    return Watched(own, children)


def memory(pid: int, name: str) -> int:
    """The bytes that /proc says of the process under that name; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").split("\n")
    except (FileNotFoundError, ProcessLookupError):
        return 0  # between two samples any process may end
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)


def descendants(pid: int) -> list[int]:
    """The processes below it that run another program; before exec(2) a child still has the memory of its parent."""
    found: list[int] = []
    queue = [pid]
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except (FileNotFoundError, ProcessLookupError):
        return []
    for parent in queue:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                queue += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
            if os.readlink(f"/proc/{parent}/exe") != program:
                found.append(parent)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return found


# -- report ------------------------------------------------------------------------------------------------------------


def report(
    rows: Sequence[Row],
    plain: Sequence[History],
    merging: Sequence[History],
    watched: Sequence[Watched | None],
    measured: str,
) -> str:
    """The tables, and the comparisons that the project promises something of."""

    def row(name: str, history: History) -> Row:
        return next(row for row in rows if row.name == name and row.history is history)

    small, large = plain
    to_log = row(VERIFY, large).to(row(LOG, large))
    to_cz = row(VERIFY, small).to(row(CZ, small))
    to_lint = row(VERIFY, small).to(row(LINT, small))
    few, many = f"{small.commits:,} commits", f"{large.commits:,} commits"
    growth = row(VERIFY, large).to(row(VERIFY, small))
    peaks = row(VERIFY, large).peak() / row(VERIFY, small).peak()
    log_bar = f"bar, at most {MOST_TO_LOG:g}: {verdict(kept=to_log <= MOST_TO_LOG)}"
    cz_bar = f"bar, less than {MOST_TO_COMMITIZEN:g}: {verdict(kept=to_cz < MOST_TO_COMMITIZEN)}"
    lines = [
        *table([row for row in rows if row.history in plain], with_remerge=False),
        "",
        f"- verify / `git log`, {many}: **{to_log:.2f}** ({log_bar})",
        f"- verify / `cz check`, {few}: **{to_cz:.2f}** ({cz_bar})",
        f"- verify / gitlint, {few}: {to_lint:.3f}",
        f"- verify, {many} / {few}: time {growth:.1f}, largest process {peaks:.2f}",
        *[memory_line(history, found) for history, found in zip(plain, watched, strict=True) if found],
        "",
        "Histories with merges:",
        "",
        *table([row for row in rows if row.history in merging], with_remerge=True),
        "",
        f"Medians of {len(row(VERIFY, large).finished)} runs in turns, of gitlint {len(row(LINT, small).finished)};",
        "ratios are taken turn by turn, then their median. Peak: the largest process of each, all runs. Range:",
        f"`{RANGE}`, all but the adoption.",
        "",
        *[f"- {history.facts['text']}" for history in (*plain, *merging)],
        "",
        f"{measured}.",
    ]
    return "\n".join(lines) + "\n"


def table(rows: Sequence[Row], *, with_remerge: bool) -> list[str]:
    """The rows of a table; each is compared with Git's on the same history."""
    heads = ["commits", "process", "median ms", "min ms", "to `git log`"]
    heads += ["to remerge", "peak MB"] if with_remerge else ["peak MB"]
    lines = [f"| {' | '.join(heads)} |", f"| ---: | --- |{' ---: |' * (len(heads) - 2)}"]
    for row in rows:
        same = {other.name: other for other in rows if other.history is row.history}
        cells = ["" if row.name == PYTHON else f"{row.history.commits:,}", row.name]
        cells += [f"{statistics.median(row.seconds()) * 1000:,.1f}", f"{min(row.seconds()) * 1000:,.1f}"]
        cells.append("" if row.name == PYTHON else f"{row.to(same[LOG]):.2f} x")
        if with_remerge:
            cells.append(f"{row.to(same[REMERGE]):.2f} x")
        lines.append(f"| {' | '.join([*cells, f'{row.peak():.1f}'])} |")
    return lines


def memory_line(history: History, found: Watched) -> str:
    """What the samples say of one run."""
    own, children = found.own / _MEGABYTE, found.children / _MEGABYTE
    return f"- memory over {history.commits:,} commits: verify itself {own:.1f} MB, its Git processes {children:.1f} MB"


def verdict(*, kept: bool) -> str:
    """The word for it."""
    return "kept" if kept else "missed"


if __name__ == "__main__":
    raise SystemExit(main())
