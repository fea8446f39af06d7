"""Our entry in configurations of every form: theirs stays byte for byte, the data is theirs and ours."""

from __future__ import annotations

import copy
import io
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from orchestrator.core.finding import CannotJudgeError
from orchestrator.installing.runner_config import (
    HOOK_IDS,
    HOOK_TYPES,
    PROJECT_URL,
    add_to_pre_commit_config,
    our_hook_ids,
    remove_from_pre_commit_config,
)

URL = "https://example.com/orchestrator"
TYPES = f"default_install_hook_types: [{', '.join(HOOK_TYPES)}]  # git-orchestrator needs all four\n"
OURS = """\
- repo: https://example.com/orchestrator
  rev: v1.2.3
  hooks:
  - id: orchestrator
  - id: orchestrator-commit-msg
  - id: orchestrator-pre-push
"""
FLOW = (
    "{repo: 'https://example.com/orchestrator', rev: 'v1.2.3', "
    "hooks: [{id: orchestrator}, {id: orchestrator-commit-msg}, {id: orchestrator-pre-push}]}"
)


def load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def indented(text: str, by: str) -> str:
    return "".join(by + line for line in text.splitlines(keepends=True))


def add(text: str | None) -> str:
    return add_to_pre_commit_config(text, repo_url=URL, rev="v1.2.3").text


# The text before and after, by what is special about it.
ADDED = {
    "block": ("repos:\n- repo: a\n  hooks: []\n", f"{TYPES}repos:\n- repo: a\n  hooks: []\n{OURS}"),
    "comments stay where they are": (
        "# top\n\nrepos:  # list\n# first\n- repo: a  # x\n  hooks: [{id: x}]  # y\n\n# commented out\n# - repo: b\n",
        (
            f"# top\n\n{TYPES}repos:  # list\n# first\n- repo: a  # x\n  hooks: [{{id: x}}]  # y\n{OURS}"
            "\n# commented out\n# - repo: b\n"
        ),
    ),
    "indented, with keys behind": (
        "repos:\n  - repo: 'a'\n    hooks:\n      - id: \"x\"\nci: {}\n",
        f"{TYPES}repos:\n  - repo: 'a'\n    hooks:\n      - id: \"x\"\n{indented(OURS, '  ')}ci: {{}}\n",
    ),
    "wide dashes": (
        "repos:\n-   repo: a\n    hooks: []\n",
        (
            f"{TYPES}repos:\n-   repo: a\n    hooks: []\n-   repo: {URL}\n    rev: v1.2.3\n    hooks:\n"
            "    -   id: orchestrator\n    -   id: orchestrator-commit-msg\n    -   id: orchestrator-pre-push\n"
        ),
    ),
    "no newline at the end": (
        "repos:\n- repo: a\n  hooks: []",
        f"{TYPES}repos:\n- repo: a\n  hooks: []\n{OURS}".removesuffix("\n"),
    ),
    "CRLF": (
        "repos:\r\n- repo: a\r\n  hooks: []\r\n",
        f"{TYPES}repos:\n- repo: a\n  hooks: []\n{OURS}".replace("\n", "\r\n"),
    ),
    "byte order mark": ("\ufeffrepos:\n- repo: a\n", f"\ufeff{TYPES}repos:\n- repo: a\n{OURS}"),
    "document marks": ("---\nrepos:\n- repo: a\n...\n", f"---\n{TYPES}repos:\n- repo: a\n{OURS}...\n"),
    "dash on its own line": ("repos:\n-\n  repo: a\n", f"{TYPES}repos:\n-\n  repo: a\n{OURS}"),
    "block scalar at the end": (
        "repos:\n- repo: a\n  x: |+\n    text\n\nfail_fast: true\n",
        f"{TYPES}repos:\n- repo: a\n  x: |+\n    text\n\n{OURS}fail_fast: true\n",
    ),
    "null at the end": ("repos:\n- repo: a\n  hooks:\n", f"{TYPES}repos:\n- repo: a\n  hooks:\n{OURS}"),
    "alias at the end": ("repos:\n- &a {repo: a}\n- *a\n", f"{TYPES}repos:\n- &a {{repo: a}}\n- *a\n{OURS}"),
    "nothing in it": (
        "repos: []  # none yet\n",
        (
            f"{TYPES}repos:  # none yet\n  -   repo: {URL}\n      rev: v1.2.3\n"
            "      hooks:\n      -   id: orchestrator\n      -   id: orchestrator-commit-msg\n"
            "      -   id: orchestrator-pre-push\n"
        ),
    ),
    "flow list": (
        "repos: [{repo: a}, # c\n {repo: b} # d\n]\n",
        f"{TYPES}repos: [{{repo: a}}, # c\n {{repo: b}}, {FLOW} # d\n]\n",
    ),
    "flow list, trailing comma": ("repos: [{repo: a},\n]\n", f"{TYPES}repos: [{{repo: a}}, {FLOW}\n]\n"),
    "all flow": (
        '{"repos": []}\n',
        f'{{default_install_hook_types: [pre-commit, pre-merge-commit, commit-msg, pre-push], "repos": [{FLOW}]}}\n',
    ),
    "types there": (
        f"default_install_hook_types: [commit-msg, post-merge, pre-push, pre-commit, pre-merge-commit]\nrepos:\n{OURS}",
        f"default_install_hook_types: [commit-msg, post-merge, pre-push, pre-commit, pre-merge-commit]\nrepos:\n{OURS}",
    ),
    "types extended, flow": (
        "repos:\n- repo: a\ndefault_install_hook_types: ['pre-push'] # mine\n",
        (
            f"repos:\n- repo: a\n{OURS}"
            "default_install_hook_types: ['pre-push', pre-commit, pre-merge-commit, commit-msg] # mine\n"
        ),
    ),
    "types extended, block": (
        "default_install_hook_types:\n  - pre-push # why\n  - commit-msg\nrepos:\n- repo: a\n",
        (
            "default_install_hook_types:\n  - pre-push # why\n  - commit-msg\n  - pre-commit\n  - pre-merge-commit\n"
            f"repos:\n- repo: a\n{OURS}"
        ),
    ),
    "types empty": (
        "default_install_hook_types: []\nrepos:\n- repo: a\n",
        f"default_install_hook_types: [pre-commit, pre-merge-commit, commit-msg, pre-push]\nrepos:\n- repo: a\n{OURS}",
    ),
}


@pytest.mark.parametrize("name", ADDED)
def test_the_text_after_adding(name: str) -> None:
    before, after = ADDED[name]
    assert add(before) == after
    assert add(after) == after


@pytest.mark.parametrize("name", [name for name in ADDED if not name.startswith("types") and name != "all flow"])
def test_removing_gives_the_old_data_and_keeps_comments(name: str) -> None:
    before, after = ADDED[name]
    removed = remove_from_pre_commit_config(after, repo_url=URL)
    expected = load(before)
    if name == "byte order mark":  # the line behind it does not begin a line of its own, so it is left, with a note
        expected["default_install_hook_types"] = list(HOOK_TYPES)
        assert removed.notes
    assert load(removed.text) == expected
    comments = re.findall(r"#.*", before)
    assert [comment for comment in re.findall(r"#.*", removed.text) if "git-orchestrator" not in comment] == comments


WHOLE = (
    set(ADDED)
    - {name for name in ADDED if "flow" in name or "types" in name}
    - {
        "byte order mark",  # the line of types does not begin a line of its own there
        "nothing in it",  # "[]" comes back before the comment
        "no newline at the end",  # gets one
    }
)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_removing_brings_every_byte_back(name: str) -> None:
    before, after = ADDED[name]
    assert remove_from_pre_commit_config(after, repo_url=URL).text == before


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_a_new_file(text: str | None) -> None:
    new = add(text)
    assert load(new) == {
        "default_install_hook_types": list(HOOK_TYPES),
        "repos": [{"repo": URL, "rev": "v1.2.3", "hooks": [{"id": name} for name in HOOK_IDS]}],
    }
    assert new.startswith("# ")
    assert add(new) == new
    assert remove_from_pre_commit_config(new, repo_url=URL).text == ""


def test_the_defaults_are_this_project_and_this_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.installing.runner_config.version", lambda _name: "9.8.7")
    (entry,) = load(add_to_pre_commit_config(None).text)["repos"]
    assert (entry["repo"], entry["rev"]) == (PROJECT_URL, "v9.8.7")


@pytest.mark.parametrize("rev", ["1.0", "1e3", "0x1f", "true", "null", "v1", "it's", "2026-01-01", "a: b", "# x"])
def test_any_revision_is_text(rev: str) -> None:
    for before in (None, "repos:\n- repo: a\n", "repos: [{repo: a}]\n"):
        text = add_to_pre_commit_config(before, repo_url="/a path/to it's", rev=rev).text
        assert load(text)["repos"][-1]["rev"] == rev
        assert load(text)["repos"][-1]["repo"] == "/a path/to it's"


REFUSED = {
    "not YAML": ("repos: [\n", "stream end"),
    "two documents": ("a: 1\n---\nrepos: []\n", "another document"),
    "a list": ("- repo: a\n", "no list `repos`"),
    "comments only": ("# soon\n", "no list `repos`"),
    "no repos": ("ci: {}\n", "no list `repos`"),
    "repos null": ("repos:\n", "no list `repos`"),
    "repos twice": ("repos: []\nrepos: []\n", "duplicate key"),
    "types are a word": ("default_install_hook_types: pre-commit\nrepos: []\n", "is no list"),
    "types are an alias": ("x: &x [a]\ndefault_install_hook_types: *x\nrepos: []\n", "alias"),
    "repos used twice": ("repos: &x\n- repo: a\nother: *x\n", "safely"),
    "first key not at the beginning": ("? repos\n: - repo: a\n", "beginning of a line"),
    "a tag": ("repos: !mine []\n", "tag"),
    "a control character": ("repos: []\n# \x07\n", "characters"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_odd_files_are_left_alone_with_the_lines_to_paste(name: str) -> None:
    text, words = REFUSED[name]
    with pytest.raises(CannotJudgeError, match=words) as caught:
        add(text)
    (finding,) = caught.value.findings
    assert finding.id == "install"
    assert finding.locations[0].path == ".pre-commit-config.yaml"
    pasted = finding.help.partition("\n")[2]
    assert load(pasted) == load(add(None))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{TYPES}repos:\n{OURS}- repo: a\n", "not the last"),
        (
            f"{TYPES}repos:\n- repo: {URL}.git/\n  hooks: [{{id: orchestrator}}]\n",
            "lacks orchestrator-commit-msg and orchestrator-pre-push: add - id: orchestrator-commit-msg, - id: ",
        ),
        (f"{TYPES}repos:\n{OURS}files: ^src/\n", "files: ^src/|_(EDIT)?MSG$"),
        (f"{TYPES}repos:\n{OURS}exclude: EDITMSG\n", "`exclude: EDITMSG`"),
        (f"{TYPES}repos:\n{OURS}exclude: MERGE_\n", "`exclude: MERGE_`"),
    ],
)
def test_what_is_left_alone_is_told(text: str, words: str) -> None:
    edit = add_to_pre_commit_config(text, repo_url=URL, rev="v1.2.3")
    assert edit.text == text
    assert len(edit.notes) == 1
    assert words in edit.notes[0]


@pytest.mark.parametrize(
    "filters",
    ["files: ''", "exclude: ^$", "exclude: ^vendor/", "files: '['", "files: '.'", "files: ^src/|_(EDIT)?MSG$"],
)
def test_harmless_filters_are_not_told(filters: str) -> None:
    assert add_to_pre_commit_config(f"{filters}\nrepos: []\n", repo_url=URL, rev="v1").notes == ()


def test_removing_what_is_not_there_changes_nothing() -> None:
    for text in ("repos:\n- repo: a\n", "- x\n", ""):
        assert remove_from_pre_commit_config(text, repo_url=URL).text == text


@pytest.mark.parametrize("text", ["repos: [\n", f"repos: &x\n{OURS}other: *x\n", f"repos: [{FLOW},]\n"])
def test_what_cannot_be_cut_out_is_refused(text: str) -> None:
    with pytest.raises(CannotJudgeError, match="cannot be taken out"):
        remove_from_pre_commit_config(text, repo_url=URL)


@pytest.mark.parametrize("items", [[FLOW], [FLOW, "{repo: a}"], ["{repo: a}", FLOW], ["{repo: a}", FLOW, "{repo: b}"]])
def test_removing_from_a_flow_list(items: list[str]) -> None:
    text = remove_from_pre_commit_config(f"repos: [{', '.join(items)}]\n", repo_url=URL).text
    assert text == f"repos: [{', '.join(item for item in items if item != FLOW)}]\n"


def test_the_ids_that_a_configuration_names() -> None:
    assert our_hook_ids(f"repos:\n{OURS}- {{repo: local, hooks: [{{id: x}}, {{id: 1}}]}}\n") == set(HOOK_IDS)
    assert our_hook_ids("repos: [") == our_hook_ids("a") == our_hook_ids("repos:\n- x\n") == frozenset()


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)
hooks = st.lists(st.fixed_dictionaries({"id": words}, optional={"args": st.lists(words), "name": words}), max_size=3)
entries = st.fixed_dictionaries({"repo": words, "hooks": hooks}, optional={"rev": words})
configs = st.fixed_dictionaries(
    {"repos": st.lists(entries, max_size=4)},
    optional={
        "default_install_hook_types": st.lists(st.sampled_from([*HOOK_TYPES, "post-merge"]), unique=True),
        "fail_fast": st.booleans(),
        "default_language_version": st.dictionaries(words, words, max_size=2),
    },
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A configuration in one of the forms in which people write them."""
    data = draw(configs)
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = draw(st.sampled_from([True, False, None]))
    yaml.width = draw(st.sampled_from([30, 4000]))
    yaml.block_seq_indent = draw(st.integers(0, 2))
    yaml.indent = 2 + yaml.block_seq_indent
    stream = io.StringIO()
    yaml.dump({key: data[key] for key in draw(st.permutations(list(data)))}, stream)
    text = stream.getvalue()
    try:
        load(text)
    except YAMLError:  # what ruamel.yaml writes in flow style it cannot always read
        reject()
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(texts())
def test_theirs_is_kept_whatever_it_is(before: str) -> None:
    old = load(before)
    after = add(before)
    expected = copy.deepcopy(old)
    expected["repos"].append({"repo": URL, "rev": "v1.2.3", "hooks": [{"id": name} for name in HOOK_IDS]})
    types = old.get("default_install_hook_types", [])
    expected["default_install_hook_types"] = [*types, *(name for name in HOOK_TYPES if name not in types)]
    assert load(after) == expected
    rest = iter(after)
    assert all(char in rest for char in before.replace("repos: []", "repos:"))  # nothing of theirs went away
    assert add(after) == after
    assert load(remove_from_pre_commit_config(after, repo_url=URL).text)["repos"] == old["repos"]
