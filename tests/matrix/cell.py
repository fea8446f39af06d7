"""One cell: an operation in a situation with hooks, held against the same without."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.plan import LOCK_PATH, TODO_PATH
from orchestrator.core.todo import BEGIN, END
from tests.e2e.support import expected_own_files, leftovers, said, script, told, work_tree
from tests.matrix.lab import TWIN
from tests.matrix.operations import MESSAGE, RUNNERS
from tests.matrix.surroundings import ORDINARY

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

    from tests.matrix.lab import Lab
    from tests.matrix.operations import Operation, Step
    from tests.matrix.situations import Situation
    from tests.matrix.surroundings import Place, Surrounding

OK, AS_GIT, REFUSED, SKIPPED, LOST, BROKEN = "ok", "as Git: refused", "refused", "skipped", "LOST", "BROKEN"
OWN = (TODO_PATH, LOCK_PATH)
# Folders of the Git directory that hold no state of an operation, and what lefthook keeps there about its settings.
_NO_STATE = ("objects", "logs", "hooks", "orchestrator")
_NO_STATE_FILES = ("info/lefthook.checksum",)
_SHARED_INDEX = "sharedindex."  # what follows is made of its content, in which our files are
_MACHINE = ("## ", "### ", "- [", "_", "**", "- ")
# In these families the pre-commit stage sees the commit that is made, so that our files are in step with it at once.
_IN_STEP = ("plain", "lock", "paths", "concluded")
SAVED = ("notes.txt", TODO_PATH)  # what the gate changes where a file is saved meanwhile
_UNSTAGED = "plan-md-unstaged"


@dataclass(frozen=True)
class Verdict:
    """What came of a cell: ``name`` is one of the words above, ``detail`` the id of a refusal."""

    name: str
    note: str = ""
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost and no operation broken."""
        return self.name not in (LOST, BROKEN)

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})" if self.detail else self.name


@dataclass(frozen=True)
class Words:
    """What is the user's in a PLAN.md: text around the tool's part, lines under tasks, the box that they ticked."""

    before: str = ""
    after: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    ticked: bool = True
    line_ends: str = "LF"

    def lines(self) -> list[str]:
        """All lines that say something, in order."""
        lines = [*self.before.split("\n"), *[line for _, line in self.notes], *self.after.split("\n")]
        return [line for line in lines if line.strip()]


def words_of(text: str) -> Words:
    """The user's part of a PLAN.md; of one that has no tool's part, or conflict markers, all of it."""
    if "\r\n" in text:
        ends = "CRLF" if text.count("\r\n") == text.count("\n") else "mixed"
        return replace(words_of(text.replace("\r\n", "\n")), line_ends=ends)
    if text.count(BEGIN) != 1 or text.count(END) != 1 or "<<<<<<< " in text:
        return Words(before=text)
    before, _, rest = text.partition(f"{BEGIN}\n")
    block, _, after = rest.partition(END)
    notes: list[tuple[str, str]] = []
    task = ""
    blank = 0
    ticked = False
    for line in block.split("\n"):
        if line.startswith("- ["):
            task = line[6:].partition(":")[0]
            ticked = ticked or line.startswith("- [x] Task 1.2:")
        if not line:
            blank += 1
            continue
        if not line.startswith(_MACHINE):
            notes += [*[(task, "")] * blank, (task, line)]
        blank = 0
    return Words(before, after, tuple(notes), ticked)


@dataclass(frozen=True)
class Picture:
    """All that an operation may change; ``words`` are of HEAD, index and work tree, None where there is no PLAN.md."""

    log: str  # with who made the commits, and their messages
    headers: list[str]  # of the commit, in which a signature would be
    head: dict[str, str]
    index: dict[str, str]
    files: dict[str, tuple[bool, bytes]]
    status: list[str]
    own_status: list[str]
    refs: list[str]
    stashes: int
    git_files: frozenset[str]
    theirs: list[str]  # how other people's hooks were called
    words: dict[str, Words | None]


@dataclass(frozen=True)
class Untouched:
    """What a refusal must leave as it was, byte for byte."""

    head: str
    index: str
    files: dict[str, tuple[bool, bytes]]
    stash: str
    git_files: frozenset[str]


@dataclass(frozen=True)
class Twin:
    """What came of the operation without hooks, right after it and after one more commit."""

    codes: tuple[int, ...]
    is_stopped: bool
    after: Picture
    then: Picture


def _git_files(repo: Place) -> frozenset[str]:
    """The files of the Git directory that the work tree has for itself, and of the one that it shares with others."""
    tops = repo.out("rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir").split("\n")
    found = []
    for top in dict.fromkeys(tops):
        for folder, folders, names in os.walk(top):
            inside = os.path.relpath(folder, top)
            if folder in tops:
                folders[:] = [name for name in folders if name not in _NO_STATE]
            for name in names:
                known = _SHARED_INDEX if name.startswith(_SHARED_INDEX) else name
                found.append(os.path.normpath(os.path.join(inside, known)))
    return frozenset(found) - frozenset(_NO_STATE_FILES)


def _files(repo: Place) -> dict[str, tuple[bool, bytes]]:
    return {path: (os.access(repo.top / path, os.X_OK), data) for path, data in work_tree(repo.top).items()}


def untouched(repo: Place) -> Untouched:
    """The state that a refusal must not change."""
    return Untouched(
        repo.git("rev-parse", "-q", "--verify", "HEAD", check=False).stdout
        + repo.git("symbolic-ref", "-q", "HEAD", check=False).stdout,
        repo.out("ls-files", "-s", "-v"),
        _files(repo),
        repo.out("stash", "list"),
        _git_files(repo),
    )


def picture(repo: Place) -> Picture:
    """The state that is held against the twin's."""
    head = _entries(repo.git("ls-tree", "-rz", "HEAD").stdout)
    index = _entries(repo.git("ls-files", "-sz").stdout)
    files = _files(repo)
    status = repo.status()
    own = [line for line in status if line[3:] in OWN]
    texts = {
        "HEAD": repo.git("cat-file", "blob", head[TODO_PATH].split(" ")[2]).stdout if TODO_PATH in head else None,
        "index": repo.staged(TODO_PATH),
        "work tree": files[TODO_PATH][1].decode("utf-8") if TODO_PATH in files else None,
    }
    return Picture(
        log=repo.out("log", "--graph", "--format=%an <%ae> %cn%n%B"),
        headers=[
            line.partition(" ")[0] for line in repo.out("cat-file", "commit", "HEAD").split("\n\n")[0].split("\n")
        ],
        head={path: entry for path, entry in head.items() if path not in OWN},
        index={path: entry for path, entry in index.items() if path not in OWN},
        files={path: entry for path, entry in files.items() if path not in OWN},
        status=[line for line in status if line not in own],
        own_status=own,
        refs=repo.out("for-each-ref", "--format=%(refname)").split("\n"),
        stashes=len(repo.out("stash", "list").splitlines()),
        git_files=_git_files(repo),
        theirs=_their_calls(repo).splitlines(),
        words={place: None if text is None else words_of(text) for place, text in texts.items()},
    )


def _their_log(repo: Place) -> Path:
    return Path(repo.env["THEIRS"])


def _their_calls(repo: Place) -> str:
    log = _their_log(repo)
    return log.read_text(encoding="utf-8") if log.exists() else ""


def _entries(listing: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in listing.split("\0")[:-1]:
        entry, _, path = line.partition("\t")
        found[path] = f"{found[path]}, {entry}" if path in found else entry
    return found


def run_step(
    repo: Place, step: Step, more: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit code and output of the step."""
    if step.writes:
        repo.add(step.writes)
    options, dashes, paths = _parted([*step.args, *more])
    paths = [os.path.relpath(path, repo.cwd) for path in paths]
    done = repo.git(
        *options, *dashes, *paths, check=False, stdin=step.stdin, env={**step.env, **(env or {})}, cwd=repo.cwd
    )
    return done.returncode, said(done)


def _parted(args: list[str]) -> tuple[list[str], list[str], list[str]]:
    """What stands before ``--``, that itself, and what stands behind."""
    at = args.index("--") if "--" in args else len(args)
    return args[:at], args[at : at + 1], args[at + 1 :]


def end_what_is_under_way(repo: Place) -> None:
    """Give up what Git has stopped in the middle of, and take a conflict of a stash for settled."""
    for name, command in (
        ("rebase-merge", ("rebase", "--abort")),
        ("rebase-apply/applying", ("am", "--abort")),
        ("rebase-apply", ("rebase", "--abort")),
        ("MERGE_HEAD", ("merge", "--abort")),
        ("CHERRY_PICK_HEAD", ("cherry-pick", "--abort")),
        ("REVERT_HEAD", ("revert", "--abort")),
    ):
        if repo.git_path(name).exists():
            repo.git(*command, check=False)
    for line in repo.status():
        if line[:2] == "UU":
            repo.git("checkout", "-q", "--theirs", "--", line[3:])
        if line[:2] in ("UU", "UD", "DU"):
            repo.git("add", "-A", "--", line[3:])


def next_commit(repo: Place) -> subprocess.CompletedProcess[str]:
    """An ordinary commit of another file."""
    repo.add({"db/next.sql": "next\n"})
    return repo.git("commit", "-q", "-m", MESSAGE, check=False, cwd=repo.cwd)


def run_twin(lab: Lab, operation: Operation, situation: Situation, surrounding: Surrounding = ORDINARY) -> Twin:
    """The operation without hooks of ours: what Git itself does."""
    repo = lab.repository(operation, TWIN, surrounding)
    situation.apply(repo)
    if situation.saves:
        hook = script(repo.top.parent / "hooks" / "pre-commit", 'sh "$SAVE"')
        repo.git("config", "core.hooksPath", hook.parent)
    env = {"SAVE": str(repo.top.parent / "save")} if situation.saves else {}
    codes = []
    for step in operation.steps:
        codes.append(run_step(repo, step, env=env)[0])
        if codes[-1] != step.code:
            break
    is_stopped = len(codes) < len(operation.steps) or codes[-1] != operation.steps[-1].code
    after = picture(repo)
    end_what_is_under_way(repo)
    if situation.saves:
        repo.git("config", "core.hooksPath", "/dev/null")
    done = next_commit(repo)
    assert done.returncode == 0, (
        f"{operation.name}, {situation.name} {surrounding.name}: without hooks the next commit fails\n{said(done)}"
    )
    then = picture(repo)
    lab.forget(repo)
    return Twin(tuple(codes), is_stopped, after, then)


class Problem(Exception):  # noqa: N818 - it is caught where the cell is judged
    """What is wrong in a cell."""

    def __init__(self, name: str, note: str) -> None:
        """``name`` is LOST or BROKEN."""
        super().__init__(note)
        self.verdict = Verdict(name, note)


def _compare(ours: Picture, twin: Picture, added: Sequence[str]) -> None:
    """Hold both against each other; ``added`` are paths that the user has staged, as a refusal told them to.

    Raises:
        Problem: something differs that must not.
    """
    if ours.files != twin.files:
        paths = sorted(path for path in {*ours.files, *twin.files} if ours.files.get(path) != twin.files.get(path))
        raise Problem(LOST, f"other files in the work tree: {', '.join(paths)}")
    _compare_words(ours, twin, staged_todo=TODO_PATH in added)
    for what in ("head", "index", "status", "log", "headers", "refs", "stashes", "theirs"):
        mine, theirs = getattr(ours, what), getattr(twin, what)
        if what in ("head", "index", "status"):
            mine, theirs = _without(mine, added), _without(theirs, added)
        if mine != theirs:
            raise Problem(BROKEN, f"{what}: {mine!r}, without hooks {theirs!r}")
    if ours.git_files != twin.git_files:
        raise Problem(BROKEN, f"in the Git directory: {sorted(ours.git_files ^ twin.git_files)}")
    if ours.own_status != twin.own_status and TODO_PATH not in added:
        raise Problem(BROKEN, f"status {ours.own_status}, without hooks {twin.own_status}")


def _without(state: dict[str, str] | list[str], paths: Sequence[str]) -> dict[str, str] | list[str]:
    """Entries or status lines but for those of the paths."""
    if isinstance(state, dict):
        return {path: entry for path, entry in state.items() if path not in paths}
    return [line for line in state if line[3:] not in paths]


def _compare_words(ours: Picture, twin: Picture, *, staged_todo: bool) -> None:
    theirs, mine = twin.words["work tree"], ours.words["work tree"]
    if theirs is None:
        is_unstaged = twin.words["index"] is not None and not staged_todo
        if mine is not None and (is_unstaged or mine.lines()):
            raise Problem(BROKEN, "PLAN.md is deleted in the work tree, and is there again")
    elif mine is None:
        raise Problem(LOST, "PLAN.md has gone from the work tree")
    elif mine != theirs:
        gone = [line for line in theirs.lines() if line not in mine.lines()]
        raise Problem(LOST if gone else BROKEN, f"words in PLAN.md of the work tree: {mine}, without hooks {theirs}")
    if staged_todo:
        return
    for place in ("HEAD", "index"):
        theirs, mine = twin.words[place], ours.words[place]
        if mine != theirs and not (theirs is None and mine is not None and not mine.lines()):
            raise Problem(BROKEN, f"words in PLAN.md of {place}: {mine}, without hooks {theirs}")


def _check_in_step(repo: Place) -> None:
    if repo.is_idle:
        return
    there = {}
    for path in OWN:
        done = repo.git("cat-file", "blob", f"HEAD:{path}", check=False)
        if done.returncode:
            raise Problem(BROKEN, f"HEAD has no {path}")
        there[path] = done.stdout
    expected = expected_own_files(repo, there)
    wrong = [path for path in OWN if expected[path] != there[path]]
    if wrong:
        raise Problem(BROKEN, f"not as plan, ticks and content say: {', '.join(wrong)}")


def _check_sound(repo: Place) -> None:
    if leftovers(repo):
        raise Problem(BROKEN, f"left behind: {leftovers(repo)}")
    done = repo.git("fsck", "--strict", "--no-dangling", check=False)
    if done.returncode:
        raise Problem(BROKEN, f"git fsck: {said(done)}")


def _check_refusal(repo: Place, before: Untouched, text: str, situation: Situation) -> str:
    """The id of a refusal that is ours to give, which has left everything as it was.

    Raises:
        Problem: there is no reason for one, or something was touched.
    """
    ids = told(text)
    last = " / ".join(text.strip().split("\n")[-6:])
    if ids != {_UNSTAGED} or not situation.edits_todo:
        raise Problem(BROKEN, f"refused: {', '.join(sorted(ids)) or last}")
    if "help: " not in text:
        raise Problem(BROKEN, "refused without help")
    now = untouched(repo)
    if now.files != before.files:
        raise Problem(LOST, "refused, and files in the work tree are not as they were")
    for what in ("head", "index", "stash", "git_files"):
        if getattr(now, what) != getattr(before, what):
            raise Problem(BROKEN, f"refused, and {what} is not as it was")
    return _UNSTAGED


def _check_refusal_of_saved(repo: Place, before: Untouched, text: str) -> str:
    """The id of the refusal of a commit while whose gates ran files were saved, which has left the rest as it was.

    Raises:
        Problem: there is another reason, what was saved has gone, or something else was touched.
    """
    ids = told(text)
    now = untouched(repo)
    for path in SAVED:
        if b"while the hook ran" not in now.files[path][1]:
            raise Problem(LOST, f"what was saved into {path} while the hook ran")
    if {**now.files, **{path: before.files[path] for path in SAVED}} != before.files:
        raise Problem(LOST, "refused, and files in the work tree are not as they were")
    for what in ("head", "index", "stash", "git_files"):
        if getattr(now, what) != getattr(before, what):
            raise Problem(BROKEN, f"refused, and {what} is not as it was")
    if ids != {"gate-unclean"} or "help: " not in text:
        raise Problem(BROKEN, f"refused: {', '.join(sorted(ids)) or text}")
    return "gate-unclean"


def run_cell(
    lab: Lab,
    operation: Operation,
    way: str,
    situation: Situation,
    twin: Twin | None,
    surrounding: Surrounding = ORDINARY,
) -> Verdict:
    """The verdict on one cell; the twin is None where the cell is skipped."""
    reason = skipped(operation, situation, way)
    if reason or twin is None:
        return Verdict(SKIPPED, reason)
    if way in surrounding.unable and _is_unable(lab, operation, way, situation, surrounding):
        return Verdict(SKIPPED, surrounding.unable[way])
    repo = lab.repository(operation, way, surrounding)
    try:
        verdict = _try(repo, operation, way, situation, twin)
    except Problem as problem:
        return problem.verdict
    lab.forget(repo)
    return verdict


def _is_unable(lab: Lab, operation: Operation, way: str, situation: Situation, surrounding: Surrounding) -> bool:
    """Whether the runner fails there by itself, with hooks that do nothing."""
    idle = surrounding.with_idle_hooks()
    twin = run_twin(lab, operation, situation, idle)
    repo = lab.repository(operation, way, idle)
    try:
        _try(repo, operation, way, situation, twin)
    except Problem:
        return True
    finally:
        lab.forget(repo)
    return False


def skipped(operation: Operation, situation: Situation, way: str) -> str:
    """Why the cell says nothing of its own; empty if it does."""
    if situation.saves and not operation.runs_gate:
        return "no gate runs in it, so there is no moment to save at"
    if situation.saves and way in operation.put_away_by:
        return "what is not committed is put away meanwhile, so no gate runs, and there is no moment to save at"
    return ""


def _try(repo: Place, operation: Operation, way: str, situation: Situation, twin: Twin) -> Verdict:
    situation.apply(repo)
    save = {"SAVE": str(repo.top.parent / "save")} if situation.saves else {}
    verdict = Verdict(AS_GIT if twin.is_stopped else OK)
    codes: list[int] = []
    told_to_add: tuple[str, ...] = ()
    for step in operation.steps:
        if step.writes:
            repo.add(step.writes)
        before, calls = untouched(repo), _their_calls(repo)
        code, text = run_step(repo, step, env=save)
        if code != step.code and (len(codes) >= len(twin.codes) or code != twin.codes[len(codes)]):
            if situation.saves and way in RUNNERS:
                refused, told_to_add = _check_refusal_of_saved(repo, before, text), SAVED
            else:
                refused, told_to_add = _check_refusal(repo, before, text, situation), (TODO_PATH,)
            # PLAN.md must go along, since it is rewritten; what else was saved may stay unstaged (``-a`` takes it).
            repo.git("add", "--", TODO_PATH)
            _their_log(repo).write_text(calls, encoding="utf-8")
            verdict = Verdict(REFUSED, detail=refused)
            more = (TODO_PATH,) if operation.is_partial else ()
            code, text = run_step(repo, step, more)
            if code != step.code:
                raise Problem(BROKEN, f"refused, and again after what help says: {told(text) or text}")
        elif twin.is_stopped and code != twin.codes[len(codes)]:
            raise Problem(BROKEN, f"goes on where Git itself stops: {text}")
        codes.append(code)
        if code != step.code:
            break
    if tuple(codes) != twin.codes:
        raise Problem(BROKEN, f"exit codes {codes}, without hooks {list(twin.codes)}")
    if situation.saves and "schema" not in repo.gate_runs():
        raise Problem(BROKEN, "no gate ran, so nothing was saved meanwhile")
    after = picture(repo)
    _compare(after, twin.after, added=told_to_add)
    if operation.family in _IN_STEP and not twin.is_stopped:
        _check_in_step(repo)
    end_what_is_under_way(repo)
    _check_next(repo, situation, twin, told_to_add=told_to_add)
    return verdict


def _check_next(repo: Place, situation: Situation, twin: Twin, *, told_to_add: tuple[str, ...]) -> None:
    repo.add({"db/next.sql": "next\n"})
    before, calls = untouched(repo), _their_calls(repo)
    done = next_commit(repo)
    if done.returncode:
        try:
            _check_refusal(repo, before, said(done), situation)
        except Problem as problem:
            raise Problem(problem.verdict.name, f"the next commit: {problem.verdict.note}") from problem
        repo.git("add", "--", TODO_PATH)
        _their_log(repo).write_text(calls, encoding="utf-8")
        told_to_add = (TODO_PATH, *told_to_add)
        done = next_commit(repo)
        if done.returncode:
            raise Problem(BROKEN, f"the next commit is refused, and again after what help says: {said(done)}")
    try:
        _compare(picture(repo), twin.then, added=told_to_add)
        _check_in_step(repo)
    except Problem as problem:
        raise Problem(problem.verdict.name, f"after the next commit: {problem.verdict.note}") from problem
    _check_sound(repo)
