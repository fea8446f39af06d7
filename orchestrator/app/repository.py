"""A repository as the use cases see it: its Git, its folder, its cache, and the state that operations leave there."""

from __future__ import annotations

import os
import time

from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.plan import PLAN_PATH, path_text
from orchestrator.git import Git
from orchestrator.run_cache import RunCache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.core.plan import Plan

MINIMUM_GIT = (2, 39)
_CHECKSUM_BYTES = 32  # of SHA-256; of SHA-1 the last 20


class Repository:
    """One work tree: ``git`` runs at its top; ``git_dir`` is its own Git directory, as seen from there."""

    def __init__(self, git: Git, git_dir: str) -> None:
        """Keep both; the cache lies in the Git directory."""
        self.git = git
        self.git_dir = git_dir
        self.cache = RunCache(os.path.join(git_dir, "orchestrator"))
        self._plans: dict[str, Plan] = {}

    def has(self, name: str) -> bool:
        """Whether the Git directory has a file or folder of that name, as MERGE_HEAD."""
        return os.path.exists(os.path.join(self.git_dir, name))

    @property
    def index_file(self) -> str:
        """The index in use: of a commit of some paths only, Git gives its hooks a temporary one."""
        given = self.git.env.get("GIT_INDEX_FILE")
        if not given:
            return os.path.join(self.git_dir, "index")
        return given if self.git.top == "." else os.path.join(self.git.top, given)  # as Git takes it, from the top

    def index_state(self) -> str:
        """What tells the index as it is from what it may be later, or "" where it does not say (index.skipHash).

        Source: gitformat-index(5): it ends with a checksum over all before.
        """
        try:
            with open(self.index_file, "rb") as file:
                facts = os.fstat(file.fileno())
                file.seek(max(0, facts.st_size - _CHECKSUM_BYTES))
                end = file.read()
        except OSError:
            return ""
        return f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {end.hex()}" if any(end[-20:]) else ""

    @property
    def is_rebasing(self) -> bool:
        """Whether a rebase or am is under way; both leave a folder while they are."""
        return self.has("rebase-merge") or self.has("rebase-apply")

    def read_objects(self, names: Sequence[str]) -> dict[str, tuple[str, bytes] | None]:
        """From each name (as ``HEAD:plan.toml``) to (object id, content), or None where there is no such object.

        Raises:
            GitError: Git could not read the repository.
        """
        out = self.git.run("cat-file", "--batch", stdin="".join([f"{name}\n" for name in names]).encode())
        found: dict[str, tuple[str, bytes] | None] = {}
        position = 0
        for name in names:
            end = out.index(b"\n", position)
            header = out[position:end].decode("utf-8", "surrogateescape").split(" ")
            position = end + 1
            if len(header) == 3 and header[1] in ("blob", "tree", "commit", "tag"):
                size = int(header[2])
                found[name] = (header[0], out[position : position + size])
                position += size + 1
            else:
                found[name] = None
        return found

    def object_ids(self, names: Sequence[str]) -> list[str]:
        """The id of each object so named, "" where there is none.

        Raises:
            GitError: Git could not read the repository.
        """
        out = self.git.run("cat-file", "--batch-check", stdin="".join([f"{name}\n" for name in names]).encode())
        lines = [line.split(" ") for line in path_text(out).split("\n")[:-1]]
        return [line[0] if len(line) == 3 and line[2].isdecimal() else "" for line in lines]

    def known_plan(self, oid: str) -> Plan | None:
        """The plan of that blob, if it was compiled here before."""
        plan = self._plans.get(oid) or self.cache.plan(oid)
        if plan is not None:
            self._plans[oid] = plan  # one object, so that an unchanged plan is seen to be the same at once
        return plan

    def load_plan(self, oid: str, data: bytes) -> Plan:
        """The plan of that blob, compiled now if it is not in the cache.

        Raises:
            CannotJudgeError: the plan is invalid; carries everything that is wrong with it.
        """
        plan = self.known_plan(oid)
        if plan is None:
            from orchestrator.core.plan_file import read_plan  # noqa: PLC0415 - only for a plan not seen before

            plan, findings = read_plan(data)
            if plan is None:
                raise CannotJudgeError(*findings)
            self.cache.store_plan(plan, oid)
            self._plans[oid] = plan
        return plan

    def today(self) -> str:
        """The day by which waivers count, as 2026-12-31, UTC.

        While a rebase or am is under way no waiver ends: what is picked was committed on a day of its own, by which
        ``verify`` judges the result.
        """
        return "" if self.is_rebasing else time.strftime("%Y-%m-%d", time.gmtime())

    def loaded_plans(self) -> list[Plan]:
        """The plans that have been read so far: of what is staged and of all its parents."""
        return list(self._plans.values())


def open_hook_repository(env: Mapping[str, str]) -> Repository:
    """The repository of a hook, whose working directory is the top of the work tree (githooks(5)).

    Raises:
        CannotJudgeError: there is no repository here.
    """
    git = Git(".", env)
    git_dir = env.get("GIT_DIR") or ".git"
    if not os.path.isdir(git_dir):
        git_dir = git.text("rev-parse", "--absolute-git-dir")
    return Repository(git, git_dir)


def check_git_version(git: Git) -> None:
    """Refuse a Git that is too old; off the hot path, where Git's commands fail by themselves if they are missing.

    Raises:
        CannotJudgeError: it is older than MINIMUM_GIT.
    """
    text = git.text("version")
    numbers = text.split(" ")[2].split(".")
    version = tuple(int(part) for part in numbers[:2])
    if version < MINIMUM_GIT:
        wanted = ".".join(str(part) for part in MINIMUM_GIT)
        raise CannotJudgeError(Finding("git", f"{text} is too old", help=f"install Git {wanted} or newer"))


def no_plan() -> CannotJudgeError:
    """What commands say where there is no plan."""
    return CannotJudgeError(
        Finding(
            "plan-invalid", "there is no plan.toml here", locations=(Location(PLAN_PATH),), help="orchestrator init"
        )
    )
