"""How long ``orchestrator verify`` takes over a long history, beside ``git log`` of it and checkers of messages.

The histories are made by histories.py with the Python of our own environment. Standard library only.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import CHECKOUT, COMMITIZEN, COMMITLINT, GITLINT, Finished, Lab, MeasureError, git, run, say, timed
from hot_path import commitlint
from results import Bar, Case, Curve, Line, Measured, Section, Table, fine, take_turns

if TYPE_CHECKING:
    from collections.abc import Mapping

RANGE = "first..main"  # histories.py tags the adoption as "first"
COMMITS = (1_000, 10_000, 100_000)
MERGING = (1_000, 10_000)
MERGE_EVERY = 20
SLOW_RUNS = 3  # of gitlint, which takes many seconds; the others have all their turns
MOST_TO_LOG = 3.0
MOST_MEGABYTES = 200.0
MOST_TO_COMMITIZEN = 0.5
PEERS = (COMMITIZEN, GITLINT, COMMITLINT)
_SAMPLE_S = 0.01
_MEGABYTE = 1_000_000

LOG = "`git log --raw -z`"
REMERGE = "`git log --raw -z --diff-merges=remerge`"
VERIFY = "`orchestrator verify`"
CZ = "`cz check --rev-range`"
LINT = "`gitlint --commits`"
COMMITLINT_FROM = "`commitlint --from`"
ONLY_MESSAGES = "judges the texts of the messages alone"
ABOUT = {
    LOG: "reads the history and judges nothing; passes over merges",
    REMERGE: "the same, and does every merge again",
    VERIFY: "judges every commit: message, order, files, ticks, passes; does every merge again",
    CZ: ONLY_MESSAGES,
    LINT: f"{ONLY_MESSAGES}; {SLOW_RUNS} turns",
    COMMITLINT_FROM: ONLY_MESSAGES,
}


@dataclasses.dataclass(frozen=True, eq=False)
class History:
    """A repository that histories.py has made; ``facts`` are its counts, and as ``text`` what they say to people."""

    folder: Path
    facts: Mapping[str, Any]

    @property
    def commits(self) -> int:
        """The commits of RANGE."""
        return int(self.facts["commits"])


@dataclasses.dataclass(frozen=True)
class Watched:
    """The bytes of verify itself and of its Git processes when together they had most, from samples."""

    own: int
    children: int


def measure(lab: Lab) -> Section:
    """What the group has found.

    Raises:
        MeasureError: a process failed, or did not judge every commit.
    """
    sizes, merging_sizes = ((150, 300), (300,)) if lab.quick else (COMMITS, MERGING)
    plain = [keep_history(lab, size, 0) for size in sizes]
    merging = [keep_history(lab, size, MERGE_EVERY) for size in merging_sizes]
    for history in (*plain, *merging):
        check_judges(lab, history)
    cases = {history: [log_case(lab, history), verify_case(lab, history)] for history in plain}
    cases[plain[0]] += peer_cases(lab, plain[0])
    for history in merging:
        cases[history] = [log_case(lab, history), remerge_case(lab, history), verify_case(lab, history)]
    take_turns("verify", [case for found in cases.values() for case in found], lab.runs)
    found = {history: {case.name: case.measured() for case in by_name} for history, by_name in cases.items()}
    watched = {history: watch(lab, history) for history in plain}

    small, large = found[plain[0]], found[plain[-1]]
    few, many = (f"{history.commits:,} commits" for history in (plain[0], plain[-1]))
    bars = [
        Bar(f"verify / {LOG}, {many}", large[VERIFY].to(large[LOG]), MOST_TO_LOG),
        Bar(f"verify / {CZ}, {few}", small[VERIFY].to(small[CZ]), MOST_TO_COMMITIZEN),
    ]
    if memory_of := watched[plain[-1]]:
        both = (memory_of.own + memory_of.children) / _MEGABYTE
        bars.append(Bar(f"memory of verify and its Git processes, {many}", both, MOST_MEGABYTES, "MB"))
    return Section(
        title="Long histories",
        about=(
            f"`orchestrator verify {RANGE}`, which is everything but the adoption, each time as in a fresh clone: what "
            "an earlier run has kept is taken away."
        ),
        tables=[
            *[table(history, found[history], LOG) for history in plain],
            *[table(history, found[history], REMERGE) for history in merging],
        ],
        bars=bars,
        curves=[
            Curve(
                "A history without merges",
                "commits",
                {
                    label: [(history.commits, found[history][name].median() * 1000) for history in plain]
                    for label, name in (("verify", VERIFY), ("git log --raw", LOG))
                },
            )
        ],
        notes=[
            *[f"{history.facts['text']}." for history in (*plain, *merging)],
            *[memory_line(history, seen) for history, seen in watched.items() if seen],
        ],
        peers=PEERS,
    )


def table(history: History, found: Mapping[str, Measured], base: str) -> Table:
    """What was measured on a history."""
    title = f"{history.commits:,} commits{', with merges' if base == REMERGE else ''}"
    return Table([Line(measured, ABOUT[name]) for name, measured in found.items()], found[base], title)


# -- histories ---------------------------------------------------------------------------------------------------------


def keep_history(lab: Lab, commits: int, merge_every: int) -> History:
    """The history of that size, made now if it is not there or was made by other code."""
    name = f"{commits}-{merge_every}" if merge_every else f"{commits}"
    folder = lab.work / "histories"
    made, note = folder / name, folder / f"{name}.json"
    stamp = code_stamp()
    facts = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
    if facts.get("stamp") != stamp:
        say(f"making {name} commits")
        note.unlink(missing_ok=True)
        if made.exists():
            shutil.rmtree(made)
        folder.mkdir(parents=True, exist_ok=True)
        script: list[str | Path] = [lab.python(), CHECKOUT / "bench/histories.py", made, "--facts", note]
        run([*script, "--commits", str(commits), "--merges", str(merge_every)], folder, lab.env)
        facts = {**json.loads(note.read_text(encoding="utf-8")), "stamp": stamp}
        note.write_text(json.dumps(facts), encoding="utf-8")
    return History(made, facts)


def code_stamp() -> str:
    """A digest of what decides how a history looks."""
    digest = sha256()
    for file in (
        CHECKOUT / "bench/histories.py",
        CHECKOUT / "bench/trees.py",
        *sorted((CHECKOUT / "orchestrator/core").glob("*.py")),
    ):
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


def log_case(lab: Lab, history: History) -> Case:
    """What reading the history costs Git."""
    return Case(LOG, ("git", "log", "--raw", "-z", RANGE), history.folder, lab.env, keep=False)


def remerge_case(lab: Lab, history: History) -> Case:
    """The same, and every merge done again and compared, as verify must."""
    argv = ("git", "log", "--raw", "-z", "--diff-merges=remerge", RANGE)
    return Case(REMERGE, argv, history.folder, lab.env, keep=False)


def verify_case(lab: Lab, history: History) -> Case:
    """The command under test."""

    def check(finished: Finished) -> None:
        fine(finished)
        if history.commits not in numbers(finished.out):
            raise MeasureError(f"verify does not say that it judged {history.commits} commits:\n{finished.out}")

    argv = (lab.ours(), "verify", RANGE)
    return Case(VERIFY, argv, history.folder, lab.env, check, lambda _: forget(history))


def peer_cases(lab: Lab, history: History) -> list[Case]:
    """The peers, with the settings that they come with: the messages of the histories are fine by them.

    Raises:
        MeasureError: one of them, or verify, accepts a commit with a message that none of them accepts.
    """
    folder = history.folder
    bad = git(folder, lab.env, "commit-tree", "-p", "main", "-m", "bad.", "main^{tree}")
    commands: dict[str, tuple[str | Path, ...]] = {
        VERIFY: (lab.ours(), "verify", "{0}..{1}"),
        CZ: (lab.bin(COMMITIZEN) / "cz", "check", "--rev-range", "{0}..{1}"),
        LINT: (lab.bin(GITLINT) / "gitlint", "--commits", "{0}..{1}"),
        COMMITLINT_FROM: (*commitlint(lab), "--from", "{0}", "--to", "{1}"),
    }

    def ranged(name: str, first: str, last: str) -> list[str]:
        return [os.fspath(part).format(first, last) for part in commands[name]]

    for name in commands:
        if timed(ranged(name, "main", bad), folder, lab.env).code == 0:
            raise MeasureError(f"{name} accepts a commit that it must refuse")
    few = {LINT: SLOW_RUNS}
    return [
        Case(name, ranged(name, "first", "main"), folder, lab.env, turns=few.get(name, lab.runs))
        for name in (CZ, LINT, COMMITLINT_FROM)
    ]


def check_judges(lab: Lab, history: History) -> None:
    """Refuse to measure what passes over commits: the JSON report must count each as judged."""
    count = int(git(history.folder, lab.env, "rev-list", "--count", RANGE))
    if count != history.commits:
        raise MeasureError(f"{history.folder} has {count} commits in {RANGE}, not {history.commits}")
    out = run([lab.ours(), "verify", RANGE, "--json"], history.folder, lab.env)
    try:
        judged = field(json.loads(out), "judged")
    except ValueError as error:
        raise MeasureError(f"verify --json does not print JSON: {error}") from error
    if judged != count:
        raise MeasureError(f"verify --json says that it judged {judged} commits, not {count}")


def numbers(text: str) -> set[int]:
    """The whole numbers in a text, with or without separators."""
    return {int(found.replace(",", "")) for found in re.findall(r"\d[\d,]*", text)}


def field(value: Any, name: str) -> Any:
    """The first value of that name, at whatever depth; None if there is none."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and name in value:
        return value[name]
    return next((found for item in inner if (found := field(item, name)) is not None), None)


# -- memory ------------------------------------------------------------------------------------------------------------


def watch(lab: Lab, history: History) -> Watched | None:
    """The memory of one more run, sampled and not timed; None where there is no /proc.

    What the kernel says at the end is the largest process alone. Pages of packs that Git maps count, too; those that
    two processes share, once.
    """
    if not Path("/proc/self/task").is_dir():
        return None
    forget(history)
    most = Watched(0, 0)
    null = subprocess.DEVNULL
    argv: list[str | Path] = [lab.ours(), "verify", RANGE]
    with subprocess.Popen(argv, cwd=history.folder, env=dict(lab.env), stdin=null, stdout=null, stderr=null) as process:
        while process.poll() is None:
            now = Watched(memory(process.pid), sum(memory(pid) for pid in descendants(process.pid)))
            most = max(most, now, key=lambda seen: seen.own + seen.children)
            time.sleep(_SAMPLE_S)
    if process.returncode:
        raise MeasureError(f"{argv[0]} ended with {process.returncode} while its memory was watched")
    return most


def memory(pid: int) -> int:
    """The bytes of the process, a page that it shares with another one in halves; 0 if it has ended.

    Source: proc(5), smaps_rollup, Pss.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").split("\n")
    except (FileNotFoundError, ProcessLookupError):
        return 0  # between two samples any process may end
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


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


def memory_line(history: History, seen: Watched) -> str:
    """What the samples say of one run."""
    own, children = seen.own / _MEGABYTE, seen.children / _MEGABYTE
    return f"Memory over {history.commits:,} commits: verify itself {own:.1f} MB, its Git processes {children:.1f} MB."
