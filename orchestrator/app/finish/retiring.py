"""A finished plan leaves the top of the repository and is kept with its report, in one commit."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from typing import TYPE_CHECKING

from orchestrator.app.setup import stage
from orchestrator.core.final import folder_name
from orchestrator.core.finding import CannotJudgeError, Finding, Location, RefusedError
from orchestrator.core.plan import ARCHIVE_PREFIX, OWN_PATHS, PLAN_NAME
from orchestrator.worktree import read_file, replace_file

if TYPE_CHECKING:
    from orchestrator.app.report.history import PlanHistory
    from orchestrator.app.repository import Repository
    from orchestrator.core.settle import Settled


def refuse_unsettled(repository: Repository) -> None:
    """Refuse while something is staged or under way, or one of the three files is edited.

    Raises:
        RefusedError: so it is; tells all of it.
    """
    git = repository.git
    under_way = [name for name in ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD") if repository.has(name)]
    if repository.is_rebasing or under_way:
        raise RefusedError(
            Finding("finish", "a merge, rebase, cherry-pick or revert is under way", help="git status, and end it")
        )
    staged = git.run(
        "diff", "--cached", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none"
    ).split(b"\0")[:-1]
    edited = git.run("diff", "--name-only", "-z", "--no-ext-diff", "--", *[f":/{path}" for path in OWN_PATHS])
    findings = []
    if staged:
        places = tuple([Location(path.decode("utf-8", "surrogateescape")) for path in staged[:8]])
        findings.append(
            Finding(
                "finish",
                "something is staged that is not committed yet",
                locations=places,
                help="git commit, or unstage it with git reset, then: orchestrator finish",
            )
        )
    if edited:
        names = edited.decode("utf-8", "surrogateescape").split("\0")[:-1]
        findings.append(
            Finding(
                "finish",
                f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} edits that are not committed",
                help=f"git add {' '.join(names)} && git commit, or: git restore {' '.join(names)}",
            )
        )
    if findings:
        raise RefusedError(*findings)


def head_file(repository: Repository, path: str) -> bytes:
    found = repository.read_objects([f"HEAD:{path}"])[f"HEAD:{path}"]
    if found is None:
        raise CannotJudgeError(Finding("finish", f"HEAD has no {path}", help="orchestrator sync, and commit it"))
    return found[1]


def free_folder(repository: Repository, settled: Settled) -> str:
    """The folder for the plan, one that is not there yet; a second plan of the same title gets a number.

    Raises:
        CannotJudgeError: a symbolic link or a file stands where a folder has to be.
    """
    place = ""
    for part in ARCHIVE_PREFIX.strip("/").split("/"):
        place = os.path.join(place, part)
        full = os.path.join(repository.git.top, place)
        if os.path.islink(full) or (os.path.exists(full) and not os.path.isdir(full)):
            said = f"{place} is no folder, so the plan cannot be kept in it"
            raise CannotJudgeError(Finding("finish", said, locations=(Location(place),), help=f"git mv {place} ..."))
    tracked = repository.git.run("ls-files", "-z", "--", f":/{ARCHIVE_PREFIX}").decode("utf-8", "surrogateescape")
    name = folder_name(settled.plan)
    number = 1
    while True:
        folder = f"{ARCHIVE_PREFIX}{name}" + (f"-{number}" if number > 1 else "")
        is_tracked = any(path == folder or path.startswith(f"{folder}/") for path in tracked.split("\0"))
        if not is_tracked and not os.path.lexists(os.path.join(repository.git.top, folder)):
            return folder
        number += 1


def write(repository: Repository, files: dict[str, bytes]) -> None:
    """Put the files into the work tree and the index, and take the three files out of both.

    Where that cannot be done, or is interrupted, before the index has it, nothing is left behind.
    """
    top = repository.git.top
    folder = os.path.join(top, os.path.dirname(next(iter(files))))
    try:
        os.makedirs(folder)
        for path, data in files.items():
            replace_file(os.path.join(top, path), data)
        stage(repository, files, OWN_PATHS)
    except BaseException:  # also Ctrl-C
        shutil.rmtree(folder, ignore_errors=True)  # what stopped us is told by who calls
        with contextlib.suppress(OSError):  # there are other plans in it
            os.removedirs(os.path.dirname(folder))
        raise
    for path in OWN_PATHS:
        if read_file(top, path) is not None:
            os.unlink(os.path.join(top, path))


def commit(repository: Repository, history: PlanHistory, folder: str) -> str:
    """The id of the commit of what is staged.

    Raises:
        RefusedError: a hook has refused it; what is staged stays so.
    """
    plan = history.settled.plan
    message = f"{plan.settings.usual_type}: [{PLAN_NAME}] finish {plan.title}"
    code = repository.git.attached("commit", "-q", "-m", message)
    if code:
        own = " ".join([f":/{path}" for path in OWN_PATHS])
        place = shlex.quote(os.path.relpath(os.path.join(repository.git.top, folder)))
        raise RefusedError(
            Finding(
                "finish",
                f"git commit ended with {code}; what it was to commit is staged",
                locations=(Location(folder),),
                help=f"mend what it says, git add, then: git commit -m {shlex.quote(message)}\n"
                f"or, to go back: git reset -q && git restore {own} && rm -r {place}",
            )
        )
    return repository.git.text("rev-parse", "HEAD")
