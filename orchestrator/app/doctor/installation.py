"""What is wrong with the installation as it lies here, and how to mend it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.finding import CannotJudgeError, Finding, Location, printable
from orchestrator.core.plan import LOCK_PATH
from orchestrator.core.value import Value
from orchestrator.installing import inspection
from orchestrator.installing.inspection import (
    LAUNCHER,
    MISSING,
    OTHER,
    PRE_COMMIT,
    PREK,
    PUSH_ID,
    PUSH_STAGE,
    REQUIRED_STAGES,
    Hook,
    HooksPlace,
    RunnerConfig,
)
from orchestrator.installing.runners import find_runner

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.app.repository import Repository

NATIVE = "orchestrator install --native"
_OUR_IDS = ("orchestrator", "orchestrator-commit-msg")
# What pre-commit searches its filters for: relative, and in a merge the other name.
_MESSAGE_FILES = (".git/COMMIT_EDITMSG", ".git/MERGE_MSG")


class Installation(Value):
    """The hooks as they are installed here; ``runner`` is the kind that Git calls, "" if none."""

    place: HooksPlace
    hooks: tuple[Hook, ...]  # of the required stages, in their order
    push: Hook
    runner: str
    config: RunnerConfig

    @property
    def wants_push(self) -> bool:
        """Whether pushes are to be judged here: our hook is there, or its type is asked for."""
        named = self.push.kind == self.runner and any(hook.id == PUSH_ID for hook in self.config.ours)
        asked = bool(self.config.ours) and PUSH_STAGE in (self.config.types or ())
        return bool(self.push.launcher or self.push.calls_us or named or asked)

    def install(self, *stages: str) -> str:
        """The command that installs the hooks of these stages in the way that is in use here."""
        if not self.runner and (not self.config.ours or self.is_native):
            return NATIVE
        return " ".join([self.runner or runner_name(), "install", *(f"-t {stage}" for stage in stages)])

    @property
    def is_native(self) -> bool:
        """Whether a launcher of ours is what Git calls at one of the stages."""
        return any(hook.kind == LAUNCHER for hook in (*self.hooks, self.push))


def runner_name() -> str:
    """The runner that the user would call: by its name."""
    try:
        command = find_runner()
    except CannotJudgeError:
        return PRE_COMMIT
    return PREK if command == (PREK,) else PRE_COMMIT


def read_installation(repository: Repository) -> Installation:
    """What is installed for the repository.

    Raises:
        GitError: Git could not tell where its hooks are.
    """
    place = inspection.hooks_place(repository.git)
    hooks = tuple(inspection.inspect_hook(place.folder, stage) for stage in REQUIRED_STAGES)
    push = inspection.inspect_hook(place.folder, PUSH_STAGE)
    runner = next((hook.kind for hook in (*hooks, push) if hook.kind in (PRE_COMMIT, PREK)), "")
    config = inspection.read_runner_config(Path(repository.git.top), runner or runner_name())
    return Installation(place, hooks, push, runner, config)


def check_installation(repository: Repository, found: Installation) -> tuple[Finding, ...]:
    """Everything that can be seen to be wrong without a commit; each with the command that mends it.

    Raises:
        GitError: Git could not read the index.
    """
    env = repository.git.env
    misled = tuple(_check_place(found))
    return (
        *misled,
        *(() if misled else _check_stages(found)),
        *_check_launchers(found, env),
        *(_check_runner(found, env) if found.runner else ()),
        *_check_lock(repository),
    )


def _error(message: str, help_: str, *notes: str, path: Path | None = None, severity: str = "error") -> Finding:
    places = () if path is None else (Location(os.fspath(path)),)
    return Finding("install", message, severity, places, notes, help_)


def _check_place(found: Installation) -> Iterator[Finding]:
    """core.hooksPath, where it keeps Git from the hooks."""
    place = found.place
    if not place.scope:
        return
    unset = f"git config --{place.scope} --unset core.hooksPath"
    if place.scope == "command":
        unset = "unset GIT_CONFIG_COUNT"
    if not place.value or not place.folder.is_dir():
        yield _error(f"core.hooksPath is {place.value!r}, so Git runs no hook here", unset)
    elif not place.is_husky and all(h.kind in (MISSING, OTHER) and not h.calls_us for h in found.hooks):
        mend = f"{unset} && {NATIVE}"
        if place.scope in ("global", "system"):
            own = '"$(git rev-parse --path-format=absolute --git-common-dir)/hooks"'
            mend = f"git config core.hooksPath {own} && {NATIVE}"
        elif found.config.ours:
            mend = f"{unset} && {runner_name()} install"
        yield _error(
            f"core.hooksPath ({place.scope}) leads Git to hooks that are not ours: {printable(place.value)}", mend
        )


def _check_stages(found: Installation) -> Iterator[Finding]:
    missing = [hook.stage for hook in found.hooks if hook.kind == MISSING]
    if len(missing) == len(found.hooks):
        # A type that is named keeps the runner from installing those that its configuration names.
        named = dict.fromkeys([*(found.config.types or ()), *missing]) if _untold(found, missing) else {}
        yield _error("the hooks are not installed in this clone", found.install(*named))
    elif missing:
        notes = []
        if found.runner and _untold(found, missing):
            types = ", ".join(dict.fromkeys([*(found.config.types or ()), *REQUIRED_STAGES]))
            notes.append(f"for other clones, write into the configuration: default_install_hook_types: [{types}]")
        yield _error(f"Git has no hook to call for {' and '.join(missing)}", found.install(*missing), *notes)
    elif found.runner and (untold := _untold(found, REQUIRED_STAGES)):
        types = ", ".join([*(found.config.types or ("pre-commit",)), *untold])
        yield _error(
            f"default_install_hook_types does not name {' and '.join(untold)}, so other clones will lack them",
            f"write into the configuration: default_install_hook_types: [{types}]",
            path=found.config.path,
            severity="warning",
        )
    for hook in (*found.hooks, found.push):
        if hook.kind != MISSING and not hook.runs and (hook is not found.push or found.wants_push):
            yield _error(f"the hook is not executable, so Git leaves it out: {hook.stage}",
                         f"chmod +x {shlex.quote(printable(str(hook.path)))}")  # fmt: skip
    if found.push.kind == MISSING and len(missing) < len(found.hooks):
        yield _error(
            f"Git has no hook to call for {PUSH_STAGE}, so what went around the other hooks can be pushed",
            found.install(PUSH_STAGE),
            *_how_to_name(found, PUSH_ID),
            severity="error" if found.wants_push else "warning",
        )


def _how_to_name(found: Installation, hook_id: str) -> tuple[str, ...]:
    """What to add to the configuration first, where it names us without that hook."""
    if not found.config.ours or any(hook.id == hook_id for hook in found.config.ours):
        return ()
    return (f"before that, add to the hooks of our entry in the configuration: - id: {hook_id}",)


def _untold(found: Installation, stages: Iterable[str]) -> list[str]:
    """The stages that ``RUNNER install`` alone would leave out."""
    told = found.config.types if found.config.types is not None else ("pre-commit",)
    return [stage for stage in stages if stage not in told]


def _check_launchers(found: Installation, env: Mapping[str, str]) -> Iterator[Finding]:
    """Our launchers: edited, of another version, or leading nowhere; what is the same for several is told once."""
    on_path = shutil.which("orchestrator-hook", path=env.get("PATH"))
    own = version("git-orchestrator")
    said: dict[tuple[str, str], list[str]] = {}
    for hook in (*found.hooks, found.push):
        if hook.launcher is None:
            continue
        state = inspection.launcher_state(hook.stage, hook.launcher)
        if state.is_edited:
            remove = f"rm {shlex.quote(printable(str(hook.launcher)))} && {NATIVE}"
            yield _error("the launcher was edited by hand", f"move your lines to a hook of their own, then: {remove}",
                         path=hook.launcher)  # fmt: skip
        elif not state.is_current:
            said.setdefault(("the launcher is not the one of this version", NATIVE), []).append(hook.stage)
        command = state.command
        if command is not None and not os.access(command, os.X_OK):
            ends = f"orchestrator-hook of the PATH is called instead: {on_path}"
            if not on_path:
                ends = "orchestrator-hook is not on the PATH either, so that nothing can be committed"
            text = f"the launcher calls {command}, which is gone; {ends}"
            said.setdefault((text, NATIVE), []).append(hook.stage)
        elif command is None and not on_path:
            text = "the launcher finds no orchestrator-hook on the PATH, so that nothing can be committed"
            said.setdefault((text, NATIVE), []).append(hook.stage)
        called = command if command is not None and os.access(command, os.X_OK) else on_path
        versions = inspection.installed_versions(Path(called)) if called else ()
        if versions and own not in versions:
            text = f"the launcher calls version {versions[-1]} of git-orchestrator ({called}), this is {own}"
            said.setdefault((text, NATIVE), []).append(hook.stage)
    for (text, mend), stages in said.items():
        yield _error(f"{printable(text)}: {', '.join(stages)}", mend)


def _check_runner(found: Installation, env: Mapping[str, str]) -> Iterator[Finding]:
    hook = next(h for h in (*found.hooks, found.push) if h.kind == found.runner)
    program = inspection.runner_program(hook.path)
    is_there = program is not None and os.access(program, os.X_OK)
    if not is_there and not shutil.which(found.runner, path=env.get("PATH")):
        yield _error(f"the hooks call {found.runner}, which is gone and not on the PATH either",
                     f"pipx install {found.runner} && {found.runner} install", path=hook.path)  # fmt: skip
    yield from _check_config(found, env)
    yield from _check_skip(found, env)


def _check_config(found: Installation, env: Mapping[str, str]) -> Iterator[Finding]:
    config, runner = found.config, found.runner
    if config.path is None:
        allowed = [name for name in ("PRE_COMMIT_ALLOW_NO_CONFIG", "PREK_ALLOW_NO_CONFIG") if env.get(name)]
        if allowed:
            yield _error(
                f"{allowed[0]} is set and the configuration of {runner} is missing, so that {runner} runs no hook",
                f"unset {' '.join(allowed)} && orchestrator install",
            )
        else:
            yield _error(f"the configuration of {runner} is missing", "orchestrator install")
        return
    if config.error:
        yield _error(f"the configuration of {runner} cannot be read: {printable(config.error)}",
                     f"{runner} validate-config", path=config.path)  # fmt: skip
        return
    if not config.ours:
        if not found.is_native:
            yield _error(f"the configuration of {runner} does not name our hooks", "orchestrator install",
                         path=config.path)  # fmt: skip
        return
    wanted = {*_OUR_IDS} | ({PUSH_ID} if found.wants_push and found.push.kind == runner else set())
    lacking = sorted(wanted - {hook.id for hook in config.ours})
    if lacking:
        lines = " and ".join(f"- id: {name}" for name in lacking)
        yield _error(f"our entry in the configuration lacks {' and '.join(lacking)}", f"add to its hooks: {lines}",
                     path=config.path)  # fmt: skip
    own = version("git-orchestrator")
    for repo, rev in dict.fromkeys((hook.repo, hook.rev) for hook in config.ours):
        if inspection.is_older(rev, own):
            update = f"{'prek update' if runner == PREK else 'pre-commit autoupdate'} --repo {shlex.quote(repo)}"
            yield _error(f"the configuration asks for {printable(rev)} of git-orchestrator, this is {own}", update,
                         path=config.path)  # fmt: skip
    if runner == PRE_COMMIT:
        yield from _check_filters(config)
    behind = _behind_ours(config)
    if behind:
        yield _error(
            f"hooks run behind ours and can change what it has judged: {printable(', '.join(behind))}",
            "move our entry to the end of repos",
            path=config.path,
            severity="warning",
        )


def _behind_ours(config: RunnerConfig) -> list[str]:
    """The hooks of the pre-commit stage that come after the one that judges it."""
    ids = [hook.id for hook in config.hooks]
    if "orchestrator" not in ids:
        return []
    after = config.hooks[ids.index("orchestrator") + 1 :]
    stages = ("pre-commit", "commit")
    return [h.id for h in after if not h.is_ours and (not h.stages or any(stage in stages for stage in h.stages))]


def _check_filters(config: RunnerConfig) -> Iterator[Finding]:
    """Filters of the top level that hide the file of the message; prek hands it over all the same."""
    for key, pattern, hides in (("files", config.files, False), ("exclude", config.exclude, True)):
        try:
            hidden = bool(pattern) and any(bool(re.search(pattern, path)) is hides for path in _MESSAGE_FILES)
        except re.error:
            continue  # the runner itself tells that it is no pattern
        if hidden:
            mend = f"'{pattern}|_(EDIT)?MSG$'" if key == "files" else f"'(?!.*_(EDIT)?MSG$)(?:{pattern})'"
            yield _error(
                f"`{printable(f'{key}: {pattern}')}` at the top of the configuration hides the message from commit-msg",
                f"write {key}: {printable(mend)}",
                path=config.path,
            )


def _check_skip(found: Installation, env: Mapping[str, str]) -> Iterator[Finding]:
    ours = {hook.id for hook in found.config.ours}
    for name in ("SKIP", *(("PREK_SKIP",) if found.runner == PREK else ())):
        items = {item.strip().rpartition(":")[2] for item in env.get(name, "").split(",")}
        if skipped := sorted(ours & items):
            yield _error(f"{name} is set in the environment, so that {found.runner} leaves out {' and '.join(skipped)}",
                         f"unset {name}")  # fmt: skip


def _check_lock(repository: Repository) -> Iterator[Finding]:
    """plan.lock where it is and Git does not know it, as after ``git add -A`` with ``*.lock`` in an ignore file.

    The hook rebuilds it in the commit and leaves the file alone, so that the two differ; a runner takes that for a
    change by the hook and refuses. Without the file, and for PLAN.md, nothing goes wrong.
    """
    git = repository.git
    names = (f":{LOCK_PATH}", f"HEAD:{LOCK_PATH}")
    if any(repository.read_objects(names).values()) or not os.path.lexists(os.path.join(git.top, LOCK_PATH)):
        return
    code, out, _ = git.call("check-ignore", "-v", "--no-index", "--", LOCK_PATH)
    rule = printable(out.decode("utf-8", "replace").partition("\t")[0])
    notes = (f"it is ignored by {rule}",) if code == 0 else ()
    yield _error(f"{LOCK_PATH} is here and not tracked, so that its evidence does not count", "orchestrator sync",
                 *notes, path=Path(LOCK_PATH))  # fmt: skip
