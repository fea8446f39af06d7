"""``init``, ``install`` and ``uninstall``: a plan and its hooks in the user's repository."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.app.commit import staged_parents
from orchestrator.app.facts import read_facts
from orchestrator.app.own_files import refuse_filtered
from orchestrator.app.repository import no_plan
from orchestrator.app.workplace import one_at_a_time, stage_own_files
from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.plan import OWN_PATHS, PLAN_PATH, TODO_PATH
from orchestrator.core.plan_file import MAX_PLAN_BYTES, read_plan
from orchestrator.core.todo import Reading
from orchestrator.core.value import Value
from orchestrator.installing import inspection, launchers, runner_config, runners
from orchestrator.installing.merge_driver import install_driver, uninstall_driver
from orchestrator.worktree import read_file, replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.app.repository import Repository

TEMPLATE = """\
# The plan: phases, their order, and the gates that each must pass before the next one can start.
# Fill it in, then: orchestrator lint, git add plan.toml. JSON Schema for editors: orchestrator schema
version = 1

[feature]
title = "My feature"
summary = "What it does, in one sentence"
# assumptions = ["PostgreSQL 15 is available"]

# [settings]                     # every key is optional; these are the defaults
# require_phase = "always"       # or "advancing": only commits that advance a phase need ": [phase]"
# commit_types = ["feat"]        # types accepted before it; ["*"] = any
# unplanned_files = "allow"      # or "block": files that no phase claims
# on_gate_failure = "allow"      # or "block": the commit that completes a phase while a gate fails
# hook_time_limit = "60s"        # for all gates of one hook together

# Gates are named once and used by many phases. A string runs in the shell, a list as it stands.
# [gates.lint]
# run = "ruff check src"
# [gates.tests]
# run = ["pytest", "-q", "--junitxml=reports/junit.xml"]
# inputs = ["src/**", "tests/**", "pyproject.toml"]
# junit = "reports/junit.xml"    # read after the run; keep it in .gitignore

[[phase]]
id = "foundation"
title = "Foundation"
estimate = "2-3 hours"
files = ["src/foundation/**"]    # gitignore-style; what the phase works on, beside its tasks' files
# gates = ["lint", "tests"]

[[phase.task]]
id = "1.1"
title = "First task"             # without files it is ticked by hand: orchestrator done 1.1
# files = ["src/foundation/schema.sql"]   # new files: it is done by itself when they are committed

[[phase]]
id = "next-phase"
title = "Next phase"
depends_on = ["foundation"]
files = ["src/next/**"]
# gates = ["lint", "tests"]

[[phase.task]]
id = "2.1"
title = "Second task"
"""


class SetUp(Value):
    """What was written (paths), and what is worth saying."""

    written: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def init(repository: Repository, source: Path | None, hooks: str, repo_url: str | None, rev: str | None) -> SetUp:
    """Write and stage plan.toml (from ``source``, as it is here already, or a commented one to fill in), PLAN.md and
    plan.lock, then add and install the hooks: "pre-commit", "native" or "none".

    Raises:
        CannotJudgeError: HEAD has a plan already, the plan is invalid, or the hooks cannot be installed; an invalid
            plan leaves nothing written.
    """  # noqa: D205
    existing = read_file(repository.git.top, PLAN_PATH)
    if is_staged(repository, PLAN_PATH):
        raise CannotJudgeError(
            Finding(
                "plan-invalid", "plan.toml is here and staged already", locations=(Location(PLAN_PATH),),
                help="orchestrator status, or orchestrator install for the hooks alone",
            )
        )  # fmt: skip
    if source is not None and existing is not None:
        raise CannotJudgeError(
            Finding(
                "plan-invalid",
                f"plan.toml is here already; --from {printable_path(source)} would overwrite it",
                locations=(Location(PLAN_PATH),),
                help="move it away, or leave --from out to take it as it is",
            )
        )
    data = _source_bytes(source) if source is not None else existing if existing is not None else TEMPLATE.encode()
    plan, findings = read_plan(data)
    if plan is None:
        raise CannotJudgeError(*findings)
    write_plan(repository, data)
    written = tuple([path for path in OWN_PATHS if path != PLAN_PATH or existing is None])
    done = (
        install(repository, native_hooks=hooks == "native", repo_url=repo_url, rev=rev, add=True)
        if hooks != "none"
        else SetUp()
    )
    return SetUp((*written, *done.written), done.notes)


def is_staged(repository: Repository, path: str) -> bool:
    """Whether the index has a file there."""
    return repository.git.call("cat-file", "-e", f":{path}")[0] == 0


@one_at_a_time
def write_plan(repository: Repository, data: bytes, marks: Mapping[str, str] | None = None) -> None:
    """Write and stage that plan.toml, which is valid, with its PLAN.md and plan.lock.

    The tasks get these marks; without them, those of a PLAN.md that was kept by hand. Its text stays.

    Raises:
        CannotJudgeError: there is something else than a file where one has to be, or Git cannot take them in; all
            is as it was then.
    """
    refuse_filtered(repository)
    top = repository.git.top
    before = {path: read_file(top, path) for path in OWN_PATHS}
    fresh = [path for path in before if not is_staged(repository, path)]
    entries = {PLAN_PATH: data}
    if (todo := before[TODO_PATH]) is not None and TODO_PATH in fresh:
        entries[TODO_PATH] = todo
    try:
        if before[PLAN_PATH] is None:
            replace_file(os.path.join(top, PLAN_PATH), data)
        stage(repository, entries)
        _stage_own_files(repository, marks)
    except BaseException:  # also Ctrl-C
        _take_back(repository, before, fresh)
        raise


def _stage_own_files(repository: Repository, marks: Mapping[str, str] | None) -> None:
    facts = read_facts(repository, staged_parents(repository))
    if facts is None:
        raise no_plan()
    reading = facts.reading() if marks is None else Reading(facts.required().plan, marks, {})
    stage_own_files(facts, facts.settle({}, reading))


def _take_back(repository: Repository, before: Mapping[str, bytes | None], fresh: Sequence[str]) -> None:
    """Make the files as they were, and those that the index did not have leave it."""
    for path, data in before.items():
        name = os.path.join(repository.git.top, path)
        if data is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        elif read_file(repository.git.top, path) != data:
            replace_file(name, data)
    # Where the index cannot be written, it was not; what stopped us is told by who calls.
    repository.git.call("update-index", "--force-remove", "--", *fresh)


def printable_path(path: Path) -> str:
    """The path for a message."""
    return os.fspath(path)


def _source_bytes(source: Path) -> bytes:
    try:
        with source.open("rb") as file:
            return file.read(MAX_PLAN_BYTES + 1)
    except OSError as error:
        raise CannotJudgeError(Finding("plan-invalid", f"{source} cannot be read: {error.strerror}")) from error


def stage(repository: Repository, entries: Mapping[str, bytes], gone: Sequence[str] = ()) -> None:
    """Put files into the index as they are, whatever an ignore file says of them, and take others out, in one step."""
    git = repository.git
    lines = [f"0 {'0' * 40}\t{path}\0" for path in gone]
    for path, data in entries.items():
        oid = git.text("hash-object", "-w", "--path", path, "--stdin", stdin=data)
        lines.append(f"100644 {oid}\t{path}\0")
    git.run("update-index", "--add", "-z", "--index-info", stdin="".join(lines).encode())


def install(
    repository: Repository,
    *,
    native_hooks: bool,
    more_stages: Sequence[str] = (),
    repo_url: str | None = None,
    rev: str | None = None,
    add: bool = False,
) -> SetUp:
    """Install the hooks: native launchers, or through the user's hook runner and its configuration.

    A bare repository can have native launchers only, and gets the one that judges what is pushed to it; another one
    gets those of the default stages and of ``more_stages``.

    ``add`` (by init) puts our entry into the configuration if it is not there; otherwise it must be.

    Raises:
        CannotJudgeError: something that is here would be lost, or the runner refuses.
    """
    if native_hooks:
        default = () if launchers.is_bare(repository.git) else launchers.DEFAULT_STAGES
        found = launchers.install_native(repository.git, stages=(*default, *more_stages) if default else ())
        said = found.notes
        if not launchers.is_bare(repository.git):  # where nobody merges, no driver is needed
            said = (install_driver(repository.git), *said)
        names = [os.path.basename(path) for path in (*found.written, *found.unchanged)]
        return SetUp(
            tuple(os.fspath(path) for path in found.written),
            (f"native hooks in {found.folder}: {', '.join(sorted(names))}", *said),
        )
    top = Path(repository.git.top)
    url = repo_url or runner_config.PROJECT_URL
    path = runner_config.config_path(top, repo_url=url, rev=rev)
    text = path.read_bytes().decode("utf-8") if path.is_file() else None
    staged = repository.read_objects([f":{path.name}"])[f":{path.name}"]
    is_edited = staged is not None and repository.git.call("diff", "--quiet", "--no-ext-diff", "--", path.name)[0] != 0
    notes: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    if add or text is None or not runner_config.our_hook_ids(text):
        edit = runner_config.add_to_pre_commit_config(text, repo_url=url, rev=rev)
        notes = edit.notes
        if edit.text != text:
            replace_file(os.fspath(path), edit.text.encode("utf-8"))
            written = (path.name,)
    if staged is None or not is_edited:
        repository.git.run("add", "-f", "--", path.name)
    else:
        if written:
            _stage_entry(repository, path.name, staged[1], url, rev)
        notes += (f"{path.name} has edits that are not staged; before you commit: git add {path.name}",)
    native = launchers.native_stages(repository.git)
    if native:
        kept = f"our native launchers ({', '.join(native)}) are kept as .legacy and would judge every commit twice"
        notes += (f"{kept}; to take them out: orchestrator uninstall --native",)
    done = runners.install_runner(top)
    driver = install_driver(repository.git)
    shown = " ".join(shlex.quote(word) for word in done.command[-2:])
    return SetUp(written, (*notes, f"{shown}: {done.output.strip()}", driver))


def _stage_entry(repository: Repository, name: str, staged: bytes, url: str, rev: str | None) -> None:
    """Stage our entry in that configuration, if it can be put there, and nothing of the edits that are not staged."""
    try:
        edit = runner_config.add_to_pre_commit_config(staged.decode("utf-8"), repo_url=url, rev=rev)
    except (CannotJudgeError, UnicodeDecodeError):
        return  # what is staged is broken; the one in the work tree has the entry, and is for the user to stage
    stage(repository, {name: edit.text.encode("utf-8")})


def uninstall(repository: Repository, *, native: bool) -> SetUp:
    """Take the native launchers out again and put back what was there, or take our entry out of the configuration.

    Raises:
        CannotJudgeError: a launcher was edited by hand, or the entry cannot be cut out safely.
    """
    if native:
        found = launchers.uninstall_native(repository.git)
        uninstall_driver(repository.git)
        restored = [os.fspath(path) for path in found.restored]
        notes = tuple(f"restored {path}" for path in restored)
        return SetUp(tuple(os.fspath(path) for path in found.removed), (*notes, *found.notes))
    path = runner_config.config_path(Path(repository.git.top), repo_url=runner_config.PROJECT_URL, rev=None)
    if not path.is_file():
        return SetUp((), (f"{path.name} is not here",))
    text = path.read_bytes().decode("utf-8")
    edit = runner_config.remove_from_pre_commit_config(text)
    if not launchers.native_stages(repository.git):
        uninstall_driver(repository.git)
    if edit.text == text:
        return SetUp((), edit.notes or (f"{path.name} has no entry of ours",))
    if edit.text:
        replace_file(os.fspath(path), edit.text.encode("utf-8"))
        return SetUp((path.name,), edit.notes)
    # Without a configuration the runner's hooks would refuse every commit.
    said = _uninstall_runners(repository)
    path.unlink()
    if repository.git.call("cat-file", "-e", f"HEAD:{path.name}")[0]:
        repository.git.run("update-index", "--force-remove", "--", path.name)
    return SetUp((path.name,), (*edit.notes, *said))


def _uninstall_runners(repository: Repository) -> list[str]:
    """Ask each runner to take its own hooks out of the repository; what was done, in its words."""
    place = inspection.hooks_place(repository.git)
    stages: dict[str, list[str]] = {}
    for stage in runners.HOOK_TYPES:
        kind = inspection.inspect_hook(place.folder, stage).kind
        if kind in (inspection.PRE_COMMIT, inspection.PREK):
            stages.setdefault(kind, []).append(stage)
    said = []
    for kind, found in stages.items():
        runner = ("prek",) if kind == inspection.PREK else None
        said += runners.uninstall_runner(Path(repository.git.top), found, runner).output.splitlines()
    return said
