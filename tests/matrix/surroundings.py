"""What a repository can be besides an ordinary one, and what can be set in it: where all else is tried once more."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.e2e.conftest import STAGES
from tests.e2e.support import Adopted, script
from tests.matrix.operations import COMMIT, MESSAGE, OPERATIONS, Operation, Step
from tests.matrix.situations import SITUATIONS
from tests.support import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.matrix.situations import Situation

    Tries = tuple[tuple[Operation, Situation], ...]


class Place(Adopted):
    """A repository in its surrounding: ``cwd`` is the folder of the work tree where the user stands.

    ``hooks`` is the folder for our hooks where it is not the one that Git looks into. ``is_idle``: they do nothing.
    """

    cwd: str = "."
    hooks: Path | None = None
    is_idle: bool = False


def _nothing(repo: Place) -> None:
    del repo


@dataclass(frozen=True)
class Ground:
    """What has to be so from the first commit on; repositories are made once for each.

    ``options`` are of ``git init``; ``files`` are in the first commit; ``theirs`` puts hooks of other people into the
    folder, which a twin has, too. ``is_kept``: they are there when ours are installed; ``is_beside``: they stand before
    and after ours in the configuration of the runner. ``is_idle``: in place of ours it has hooks that do nothing.
    """

    name: str = ""
    options: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    theirs: Callable[[Path], None] | None = None
    is_kept: bool = False
    is_beside: bool = False
    is_idle: bool = False


PLAIN = Ground()


@dataclass(frozen=True)
class Surrounding:
    """``place`` brings it about in a repository that was made on ``ground``; ``tries`` is what is done there.

    ``unable`` says of a runner why it fails there by itself; it counts where hooks that do nothing fail, too.
    """

    name: str
    about: str
    place: Callable[[Place], None] = _nothing
    ground: Ground = PLAIN
    tries: Tries = ()
    unable: Mapping[str, str] = field(default_factory=dict)

    def with_idle_hooks(self) -> Surrounding:
        """The same with hooks that do nothing in place of ours."""
        return replace(self, ground=replace(self.ground, name=f"{self.ground.name} idle", is_idle=True))


ORDINARY = Surrounding("", "", tries=())

_OPERATIONS = {operation.name: operation for operation in OPERATIONS}
_SITUATIONS = {situation.name: situation for situation in SITUATIONS}
# A commit within a rebase: hooks are run, and must see that one is under way.
_REBASE = Operation(
    "rebase --autostash --exec",
    "rebase",
    "in a row",
    (Step(("rebase", "-q", "--autostash", "--exec", "git commit -q --amend --no-edit", "HEAD~3")),),
)
# The message goes on top of what Git has prepared.
_EDITOR = {"GIT_EDITOR": f"sed -i -e '1s/^/{MESSAGE}\\n\\n/'"}
_EDITED_COMMIT = Operation("commit (editor)", "plain", "staged", (Step(("commit", "-q"), env=_EDITOR),), runs_gate=True)

NAMES = ("two words.sql", "new\nline.sql", 'tab\t"quoted" and it\'s.sql', "-n.sql", "übung.sql")
BYTES = ("latin \udcfc.sql", "\udcff.sql")


def _named(names: tuple[str, ...]) -> Tries:
    """Commits of files with such names."""
    paths = [f"db/{name}" for name in names]
    whole = Operation(
        "commit of these", "plain", "staged", (Step(COMMIT, writes=dict.fromkeys(paths, "x\n")),), runs_gate=True
    )
    part = Operation(
        "commit -- one of these",
        "paths",
        "staged beside",
        (Step((*COMMIT, "--", paths[1], "db/schema.sql"), writes=dict.fromkeys(paths, "x\n")),),
        runs_gate=True,
        is_partial=True,
    )
    return (
        (whole, _SITUATIONS["others"]),
        (whole, _SITUATIONS["edited"]),
        (part, _SITUATIONS["edited"]),
        *[pair for pair in TRIES if pair[0].name == "merge"],
    )


def _tries(*names: tuple[str, str]) -> Tries:
    return tuple((_OPERATIONS[operation], _SITUATIONS[situation]) for operation, situation in names)


TRIES = (
    *_tries(
        ("commit", "others"),
        ("commit", "edited"),
        ("commit -- path", "edited"),
        ("commit --amend", "others"),
        ("merge", "others"),
    ),
    (_REBASE, _SITUATIONS["edited"]),
)
_BY_EDITOR = (
    (_EDITED_COMMIT, _SITUATIONS["others"]),
    (_EDITED_COMMIT, _SITUATIONS["edited"]),
    *_tries(("commit", "others"), ("merge", "others")),
)
# Nothing can be amended or merged where there is no commit yet.
_UNBORN = _tries(("commit", "clean"), ("commit", "others"), ("commit", "edited"), ("commit -a", "edited"))


def _linked(repo: Place) -> None:
    """All that lies ready goes into the linked work tree; the main one gets a branch of its own."""
    main, linked = repo.top, repo.top.parent / "linked"
    branch = repo.out("symbolic-ref", "--short", "HEAD")
    repo.git("switch", "-q", "-c", "elsewhere")
    repo.git("worktree", "add", "-q", "--no-checkout", linked, branch)
    shutil.copyfile(main / ".git" / "index", main / ".git" / "worktrees" / "linked" / "index")
    for entry in main.iterdir():
        if entry.name != ".git":
            shutil.move(entry, linked)
    repo.git("reset", "-q", "--hard")
    repo.top = linked


def _submodule(repo: Place) -> None:
    outer = Repository.init(repo.top.parent / "outer")
    repo.top = repo.top.rename(outer.top / "inner")
    outer.git("submodule", "--quiet", "add", repo.top.as_uri(), "inner")
    outer.git("submodule", "--quiet", "absorbgitdirs")
    outer.git("commit", "-q", "-m", "outer")


def _bare(repo: Place) -> None:
    """As people keep their dotfiles."""
    store = (repo.top / ".git").rename(repo.top.parent / "store.git")
    repo.env.update(GIT_DIR=str(store), GIT_WORK_TREE=str(repo.top))
    repo.git("config", "core.bare", "true")


def _subdirectory(repo: Place) -> None:
    repo.cwd = "db"


def _strange_folder(repo: Place) -> None:
    repo.top = repo.top.rename(repo.top.parent / 'it\'s "our" wörk $tree')


def _detached(repo: Place) -> None:
    repo.git("switch", "-q", "--detach")


def _orphan(repo: Place) -> None:
    repo.git("checkout", "-q", "--orphan", "new")


def _split(repo: Place) -> None:
    repo.git("config", "core.splitIndex", "true")
    repo.git("update-index", "--split-index")


def _sparse(repo: Place) -> None:
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "db")
    assert "far/" in repo.out("ls-files", "--sparse").split("\n")


def _sparse_without_ours(repo: Place) -> None:
    """Only the files of the user's own work are checked out."""
    repo.git("sparse-checkout", "set", "--no-cone", "/*", "!/PLAN.md", "!/plan.lock", "!/plan.toml")
    assert not (repo.top / "PLAN.md").exists()


def _version_4(repo: Place) -> None:
    repo.git("config", "index.version", "4")
    repo.git("update-index", "--index-version", "4")


def _hooks_path(repo: Place) -> None:
    repo.git("config", "core.hooksPath", "../hooks")


def _crlf(repo: Place) -> None:
    """Files of the work tree as a checkout would write them now."""
    repo.git("config", "core.autocrlf", "true")
    for path in repo.git("ls-files", "-z").stdout.split("\0")[:-1]:
        (repo.top / path).unlink()
    repo.git("checkout-index", "-q", "-a", "-u")


def _template(repo: Place) -> None:
    file = repo.top.parent / "template"
    file.write_text("Why:\n\n# How we write messages\n# is told in CONTRIBUTING\n", encoding="utf-8")
    repo.git("config", "commit.template", file)


def _verbose(repo: Place) -> None:
    repo.git("config", "commit.verbose", "true")


def _scissors(repo: Place) -> None:
    repo.git("config", "commit.cleanup", "scissors")


def _comment_char(repo: Place) -> None:
    repo.git("config", "core.commentChar", ";")


def _signed(repo: Place) -> None:
    signer = script(
        repo.top.parent / "signer",
        "cat >/dev/null; echo '-----BEGIN PGP SIGNATURE-----'; echo x; echo '-----END PGP SIGNATURE-----'\n"
        'echo "[GNUPG:] SIG_CREATED x" >&2',
    )
    repo.git("config", "gpg.program", signer)
    repo.git("config", "commit.gpgSign", "true")


THEIR_STAGES = ("pre-commit", "pre-merge-commit", "prepare-commit-msg", "commit-msg", "post-commit")


def their_note(when: str, stage: str) -> str:
    """The command of a hook of somebody else, which notes that it was called."""
    return f'echo {when} {stage} >>"$THEIRS"'


def hooks_around(folder: Path, ours: str = "") -> None:
    """Hooks of other people, which call ``ours STAGE`` in their midst where we have one."""
    for stage in THEIR_STAGES:
        middle = [f'{ours} {stage} "$@" || exit'] if ours and stage in STAGES else []
        script(folder / stage, "\n".join([their_note("before", stage), *middle, their_note("after", stage)]))


def _hooks_before(folder: Path) -> None:
    for stage in THEIR_STAGES:
        script(folder / stage, their_note("before", stage))


def _hooks_of_nobody(folder: Path) -> None:
    for stage in STAGES:
        script(folder / stage, "exit 0")


_HUSKY_FILES = {
    f".husky/{stage}": their_note("before", stage) + (f'\n../hooks/{stage} "$@"\n' if stage in STAGES else "\n")
    for stage in THEIR_STAGES
}


def _husky(repo: Place) -> None:
    for stage in THEIR_STAGES:
        script(repo.top / ".husky" / "_" / stage, f'sh -e .husky/{stage} "$@"')
    repo.write(".husky/_/.gitignore", "*")
    repo.git("config", "core.hooksPath", ".husky/_")
    repo.hooks = repo.top.parent / "hooks"


SURROUNDINGS = (
    Surrounding("linked work tree", "the work tree is made by `git worktree add`", _linked, tries=TRIES),
    Surrounding("submodule", "its Git directory is kept by the repository around it", _submodule, tries=TRIES),
    Surrounding("subdirectory", "the user stands in a folder of the work tree", _subdirectory, tries=TRIES),
    Surrounding(
        "strange folder",
        "the path of the work tree has a space, quotes, a letter beyond ASCII and a dollar sign",
        _strange_folder,
        tries=TRIES,
    ),
    Surrounding("detached HEAD", "no branch is checked out", _detached, tries=TRIES),
    Surrounding(
        "orphan branch",
        "the next commit has no parent and adopts the plan anew",
        _orphan,
        tries=_UNBORN,
        unable={"lefthook": "it puts edits away by `git stash create`, which fails where there is no commit yet"},
    ),
    Surrounding(
        "GIT_DIR and GIT_WORK_TREE",
        "a bare repository, and both in the environment, as people keep dotfiles",
        _bare,
        tries=TRIES,
    ),
    Surrounding(
        "SHA-256",
        "`git init --object-format=sha256`",
        ground=Ground("sha256", ("--object-format=sha256",)),
        tries=TRIES,
    ),
    Surrounding("split index", "`core.splitIndex`", _split, tries=TRIES),
    Surrounding("sparse index", "a sparse checkout whose index has an entry for a whole folder", _sparse, tries=TRIES),
    Surrounding(
        "sparse checkout without PLAN.md",
        "nor `plan.lock` and `plan.toml`: they are in the index alone",
        _sparse_without_ours,
        tries=_tries(
            ("commit", "others"), ("commit -- path", "others"), ("commit --amend", "others"), ("merge", "others")
        ),
    ),
    Surrounding("index v4", "`index.version=4`", _version_4, tries=TRIES),
    Surrounding("core.hooksPath", "the hooks lie in another folder", _hooks_path, tries=TRIES),
    Surrounding("core.autocrlf", "it is `true`, and the files have CRLF", _crlf, tries=TRIES),
    Surrounding("commit.template", "the editor shows a template with comments", _template, tries=_BY_EDITOR),
    Surrounding("commit.verbose", "the editor shows the diff below the message", _verbose, tries=_BY_EDITOR),
    Surrounding("commit.cleanup", "it is `scissors`", _scissors, tries=_BY_EDITOR),
    Surrounding("core.commentChar", "it is `;`", _comment_char, tries=_BY_EDITOR),
    Surrounding("signed commits", "`commit.gpgSign`", _signed, tries=TRIES),
    Surrounding(
        "names",
        "files whose names have spaces, quotes, tabs, newlines, a dash at the front, letters beyond ASCII",
        ground=Ground("names", files=dict.fromkeys(NAMES, "x\n")),
        tries=_named(NAMES),
    ),
    Surrounding(
        "bytes",
        "files whose names are no UTF-8",
        ground=Ground("bytes", files=dict.fromkeys(BYTES, "x\n")),
        tries=_named(BYTES),
        unable={"pre-commit": "it reads the names of staged files as UTF-8 and ends with an error of its own"},
    ),
    Surrounding(
        "husky",
        "`core.hooksPath` is `.husky/_`; the files in `.husky` have a line of the user's and one that calls ours",
        _husky,
        Ground("husky", files=_HUSKY_FILES, theirs=_hooks_of_nobody),
        TRIES,
    ),
    Surrounding(
        "hooks around ours",
        "other hooks run before and after ours, and at stages where we have none",
        ground=Ground("around", theirs=hooks_around, is_beside=True),
        tries=TRIES,
    ),
    Surrounding(
        "hooks before ours",
        "hooks were there when ours were installed over them",
        ground=Ground("kept", theirs=_hooks_before, is_kept=True),
        tries=TRIES,
        unable={"lefthook": "it puts aside the hooks that it finds, as `.old`, and runs them no more"},
    ),
)


def together(names: tuple[str, ...], *tries: tuple[str, str]) -> Surrounding:
    """Several of them at once, brought about in that order: what moves the work tree comes first."""
    parts = [next(known for known in SURROUNDINGS if known.name == name) for name in names]
    grounds = [part.ground for part in parts]

    def place(repo: Place) -> None:
        for part in parts:
            part.place(repo)

    ground = Ground(
        " ".join([ground.name for ground in grounds if ground.name]),
        tuple(option for ground in grounds for option in ground.options),
        {path: text for ground in grounds for path, text in ground.files.items()},
        next((ground.theirs for ground in grounds if ground.theirs), None),
        any(ground.is_kept for ground in grounds),
        any(ground.is_beside for ground in grounds),
    )
    known = {
        (operation.name, situation.name): (operation, situation)
        for part in parts
        for operation, situation in part.tries
    }
    return Surrounding(", ".join(names), "", place, ground, tuple(known[names] for names in tries))
