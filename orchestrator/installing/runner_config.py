"""Our entry in a ``.pre-commit-config.yaml``: text in, text out, and every other byte of it as it was.

The file is the user's: it is never dumped anew. The YAML parser tells where things stand, text is inserted or cut out
there, and what comes out is parsed again and must be the old data with our entry and nothing else.
"""

from __future__ import annotations

import copy
import json
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import SequenceNode

from orchestrator.core.finding import CannotJudgeError, Finding, Location
from orchestrator.core.value import Value
from orchestrator.installing.yaml_text import Layout, UneditableError, cut_item, fill_empty_flow, load

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CONFIG_FILE = ".pre-commit-config.yaml"
PROJECT_URL = "https://github.com/git-orchestrator/git-orchestrator"
HOOK_IDS = ("orchestrator", "orchestrator-commit-msg", "orchestrator-pre-push")
HOOK_TYPES = ("pre-commit", "pre-merge-commit", "commit-msg", "pre-push")

_TYPES_KEY = "default_install_hook_types"
_TYPES_LINE = f"{_TYPES_KEY}: [{', '.join(HOOK_TYPES)}]  # git-orchestrator needs all four"
_HEADER = "# See https://pre-commit.com. git-orchestrator comes last: it judges what the other hooks left."
# What the runners search their filters for: relative, in a linked work tree absolute; in a merge the other name.
_MESSAGE_FILES = tuple(
    f"{folder}/{name}"
    for folder in (".git", "/repository/.git/worktrees/name")
    for name in ("COMMIT_EDITMSG", "MERGE_MSG")
)


class ConfigEdit(Value):
    """The new text of the file, and sentences that the user should read.

    ``text`` is empty if nothing but ours was in the file, which can then be removed.
    """

    text: str
    notes: tuple[str, ...] = ()


def default_rev() -> str:
    """The revision of this project that is the installed version."""
    return f"v{version('git-orchestrator')}"


def config_path(top: Path, *, repo_url: str = PROJECT_URL, rev: str | None = None) -> Path:
    """The file that the user's runner reads or, if there is none yet, would read.

    Raises:
        CannotJudgeError: there is a ``prek.toml``, which is not edited; the help has the lines to paste.

    Source: prek 0.5: ``prek.toml`` goes before ``.pre-commit-config.yaml``, and that before ``.pre-commit-config.yml``.
    """
    if (top / "prek.toml").is_file():
        types = ", ".join(f'"{name}"' for name in HOOK_TYPES)
        hooks = ", ".join(f'{{ id = "{name}" }}' for name in HOOK_IDS)
        where = f"repo = {json.dumps(repo_url)}\nrev = {json.dumps(rev or default_rev())}"
        raise CannotJudgeError(
            Finding(
                "install",
                "prek reads prek.toml, which is left as it is",
                locations=(Location("prek.toml"),),
                help="paste these lines yourself, the first at the top, the others at the end:\n"
                f"default_install_hook_types = [{types}]\n[[repos]]\n{where}\nhooks = [{hooks}]",
            )
        )
    yml = top / ".pre-commit-config.yml"
    return yml if yml.is_file() and not (top / CONFIG_FILE).exists() else top / CONFIG_FILE


def our_hook_ids(text: str) -> frozenset[str]:
    """The ids of our hooks that the configuration names, wherever they come from; none if it cannot be read."""
    try:
        repos = load(text)["repos"]
        named = {hook["id"] for repo in repos for hook in repo["hooks"]}
    except (YAMLError, TypeError, KeyError):
        return frozenset()  # the question is only whether we are named there; the runner tells what is wrong with it
    return frozenset(name for name in named if isinstance(name, str) and name.split("-")[0] == "orchestrator")


def add_to_pre_commit_config(text: str | None, *, repo_url: str = PROJECT_URL, rev: str | None = None) -> ConfigEdit:
    """The configuration with our hooks as last entry of ``repos`` and with the hook types that they need.

    Without a text, or with an empty one, a complete new file. Everything else stays as it is, byte for byte; an entry
    of ours that is there already is left alone, and a note tells if it is not the last or lacks a hook. The second
    call changes nothing.

    Raises:
        CannotJudgeError: the file cannot be extended safely; the help has the lines to paste.
    """
    rev = rev or default_rev()
    if text is None or not text.strip():
        return ConfigEdit("\n".join([_HEADER, _TYPES_LINE, "repos:", *_entry_lines(repo_url, rev), ""]))
    try:
        old = load(text)
        expected = _expected(old, repo_url, rev)
        new = _with_types(_with_entry(text, repo_url, rev))
        _require_data(new, expected)
    except (YAMLError, UneditableError) as error:
        raise _paste(error, repo_url, rev) from error
    return ConfigEdit(new, (*_notes_on_entry(old, repo_url), *_notes_on_filters(old)))


def remove_from_pre_commit_config(text: str, *, repo_url: str = PROJECT_URL) -> ConfigEdit:
    """The configuration without our entry; with the line of hook types taken out if it is the one that was added.

    Everything else stays as it is, byte for byte.

    Raises:
        CannotJudgeError: the entry cannot be cut out safely; the help tells what to remove by hand.
    """
    try:
        old = load(text)
        if not isinstance(old, dict) or _index(old.get("repos"), repo_url) is None:
            return ConfigEdit(text)
        expected = copy.deepcopy(old)
        expected["repos"] = [repo for repo in old["repos"] if not _is_ours(repo, repo_url)]
        new = _without_entry(text, repo_url)
        line = re.search(rf"^{re.escape(_TYPES_LINE)}\r?\n", new, re.MULTILINE)
        if line:
            new = new[: line.start()] + new[line.end() :]
            del expected[_TYPES_KEY]
        _require_data(new, expected)
    except (YAMLError, UneditableError) as error:
        raise CannotJudgeError(
            Finding(
                "install",
                f"our entry cannot be taken out of {CONFIG_FILE}: {_first_line(error)}",
                locations=(Location(CONFIG_FILE, _line(error)),),
                help=f"remove the entry with  repo: {repo_url}  by hand",
            )
        ) from error
    if new == f"{_HEADER}\nrepos: []\n":
        return ConfigEdit("")
    if _TYPES_KEY in expected:
        return ConfigEdit(new, (f"{_TYPES_KEY} is left as it is; hook types without hooks do nothing",))
    return ConfigEdit(new)


def _require_data(text: str, expected: Any) -> None:
    if load(text) != expected:
        raise UneditableError("lines cannot be put in or taken out safely in the form that it has")


def _expected(old: Any, repo_url: str, rev: str) -> Any:
    if not isinstance(old, dict) or not isinstance(old.get("repos"), list):
        raise UneditableError("it has no list `repos`")
    new = copy.deepcopy(old)
    if _index(old["repos"], repo_url) is None:
        new["repos"].append({"repo": repo_url, "rev": rev, "hooks": [{"id": name} for name in HOOK_IDS]})
    types = old.get(_TYPES_KEY, [])
    if not isinstance(types, list):
        raise UneditableError(f"{_TYPES_KEY} is no list")
    new[_TYPES_KEY] = [*types, *(name for name in HOOK_TYPES if name not in types)]
    return new


def _is_ours(repo: Any, repo_url: str) -> bool:
    if not isinstance(repo, dict):
        return False
    there, ours = (str(url).rstrip("/").removesuffix(".git").lower() for url in (repo.get("repo"), repo_url))
    return there == ours


def _index(repos: Any, repo_url: str) -> int | None:
    entries = repos if isinstance(repos, list) else []
    return next((n for n, repo in enumerate(entries) if _is_ours(repo, repo_url)), None)


def _entry_lines(repo_url: str, rev: str, indent: str = "  ", style: str = "-   ") -> list[str]:
    """The entry as a block, its dash followed by as many blanks as the file's others."""
    inner = indent + " " * len(style)
    hooks = [f"{inner}{style}id: {name}" for name in HOOK_IDS]
    return [f"{indent}{style}repo: {_scalar(repo_url)}", f"{inner}rev: {_scalar(rev)}", f"{inner}hooks:", *hooks]


def _scalar(text: str) -> str:
    """The text as a YAML scalar, quoted if it is not plainly a word, a version or an address."""
    plain = re.fullmatch(r"[A-Za-z/][A-Za-z0-9._/@+-]*(?::[A-Za-z0-9._/@+-]+)*", text)
    if plain and text.lower() not in {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}:
        return text
    return "'" + text.replace("'", "''") + "'"


def _with_entry(text: str, repo_url: str, rev: str) -> str:
    layout = Layout(text)
    repos = layout.value("repos")
    if not isinstance(repos, SequenceNode):
        raise UneditableError("it has no list `repos`")
    if _index(load(text)["repos"], repo_url) is not None:
        return text
    hooks = ", ".join(f"{{id: {name}}}" for name in HOOK_IDS)
    flow = f"{{repo: {_flow_scalar(repo_url)}, rev: {_flow_scalar(rev)}, hooks: [{hooks}]}}"
    block = [] if repos.flow_style else _entry_lines(repo_url, rev, *layout.dash(repos))
    if repos.flow_style and not repos.value and not layout.root.flow_style:
        return fill_empty_flow(layout, repos, _entry_lines(repo_url, rev))
    return layout.append(repos, [flow], block)


def _flow_scalar(text: str) -> str:
    return f"'{text}'" if "'" not in text else _scalar(text)


def _with_types(text: str) -> str:
    layout = Layout(text)
    node = layout.value(_TYPES_KEY)
    if node is None:
        at = layout.root.value[0][0].start_mark.index + layout.shift
        if layout.root.flow_style:
            return f"{text[:at]}{_TYPES_KEY}: [{', '.join(HOOK_TYPES)}], {text[at:]}"
        line = text.rfind("\n", 0, at) + 1 or layout.shift
        if line != at:
            raise UneditableError("its first key does not stand at the beginning of a line")
        return text[:line] + _TYPES_LINE + layout.newline + text[line:]
    if not isinstance(node, SequenceNode):
        raise UneditableError(f"{_TYPES_KEY} is no list")
    there = [item.value for item in node.value]
    missing = [name for name in HOOK_TYPES if name not in there]
    if not missing:
        return text
    block = [] if node.flow_style else ["".join(layout.dash(node)) + name for name in missing]
    return layout.append(node, missing, block)


def _without_entry(text: str, repo_url: str) -> str:
    while True:
        layout = Layout(text)
        repos = layout.value("repos")
        index = _index(load(text)["repos"], repo_url)
        if index is None:
            return text
        text = cut_item(layout, repos, index)


def _notes_on_entry(old: Any, repo_url: str) -> Iterable[str]:
    index = _index(old["repos"], repo_url)
    if index is None:
        return
    if index != len(old["repos"]) - 1:
        yield (
            f"our entry in {CONFIG_FILE} is not the last of `repos`: hooks behind it may still change files that were "
            "judged already; move it to the end"
        )
    entry = old["repos"][index]
    hooks = entry.get("hooks") if isinstance(entry.get("hooks"), list) else []
    there = {hook.get("id") for hook in hooks if isinstance(hook, dict)}
    lacking = [name for name in HOOK_IDS if name not in there]
    if lacking:
        add = ", ".join(f"- id: {name}" for name in lacking)
        yield f"our entry in {CONFIG_FILE} lacks {' and '.join(lacking)}: add {add}"


def _notes_on_filters(old: Any) -> Iterable[str]:
    """A note for each filter of the top level that hides the file of the commit message from the hook that judges it.

    Source: pre-commit, ``Classifier.from_config`` (4.7): both are searched for in the path.
    """
    for key, hides in (("files", False), ("exclude", True)):
        pattern = old.get(key)
        if not isinstance(pattern, str):
            continue
        try:
            hidden = any(bool(re.search(pattern, path)) is hides for path in _MESSAGE_FILES)
        except re.error:
            continue  # the runner itself tells that it is no pattern
        if hidden:
            change = (
                f"{key}: {pattern}|_(EDIT)?MSG$" if key == "files" else "it must not match COMMIT_EDITMSG and MERGE_MSG"
            )
            yield (
                f"`{key}: {pattern}` at the top of {CONFIG_FILE} hides the commit message from every commit-msg hook, "
                f"and ours then refuses the commit: change it ({change})"
            )


def _paste(error: Exception, repo_url: str, rev: str) -> CannotJudgeError:
    lines = [_TYPES_LINE, "repos:", "  # ... what is there, and then, as the last:", *_entry_lines(repo_url, rev)]
    return CannotJudgeError(
        Finding(
            "install",
            f"{CONFIG_FILE} cannot be extended safely: {_first_line(error)}",
            locations=(Location(CONFIG_FILE, _line(error)),),
            help="paste these lines yourself:\n" + "\n".join(lines),
        )
    )


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    return str(problem).strip().split("\n")[0]


def _line(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return 0 if mark is None else int(mark.line) + 1
