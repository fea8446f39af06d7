"""Which paths of files a line of prose names."""

# ruff: noqa: RUF001 - dashes, colons and quotes as people write them, also in Chinese

from __future__ import annotations

import re

_MOST = 255  # characters of one path
_CODE = re.compile(r"`([^`]*)`")
_BREAKS = ",;、，。；：（）「」“”"
_SPACES = str.maketrans(_BREAKS, " " * len(_BREAKS))
_SAFE = re.compile(r"[\w.\-+/@\[\]()*#]+")
_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9_]{0,14}")
_HOST = re.compile(r"(?:[\w-]+\.)+(?:com|org|net|io|dev|ai|app|co|gov|edu)", re.IGNORECASE)
_LINES = re.compile(r":\d{1,9}(?:[-:]\d{1,9})?$")
_LIST = re.compile(
    r"[*_`]{0,3}(?:files?|file\(s\)|paths?|files to (?:create|modify|change|edit|touch)|archivos?)[*_`]{0,3}\s?[:：]"
    r"[*_`]{0,3}",
    re.IGNORECASE,
)
_ONE = re.compile(r"(`[^`\s]+`|[^`\s(]+)(\s*[(–—].*|\s+-\s.*)?")
_PAIRS = (("(", ")"), ("[", "]"))
_QUOTES = "\"'“”‘’!?:<>"

_ENDINGS = frozenset(
    """
    adoc astro bash bat bicep bzl c cc cfg cjs clj cljs cmake conf cpp cs csproj css csv cts cue cxx dart dockerfile
    ejs elm env erl ex exs feature fish fs fsproj ftl gd gitignore go golden gql gradle graphql groovy h hbs hcl hpp hs
    html ini ino ipynb j2 java jl js json json5 jsonc jsonl jsx kt kts less lock lua m mako md mdx mjs mk ml mli mm
    mod mts nim nix patch php pl plist png po proto prisma properties ps1 py pyi pyx r rake rb rs rst sass sbt scala
    scss sh sln snap sol sql storyboard sum svelte svg swift tcl tex tf tfvars toml tml tres ts tscn tsv tsx txt v vb
    vue wasm wgsl xaml xcodeproj xml xsd yaml yml zig zsh
    """.split()  # noqa: SIM905 - a list of so many words is not readable one a line
)
_FOLDERS = frozenset(
    """
    .github api app apps assets backend bench build client cmd common config configs contracts core crates deploy
    doc docs examples frontend include infra infrastructure internal lib libs migrations mobile openspec packages pkg
    public resources scripts server services shared site spec specs src static test tests tools ui web website
    """.split()  # noqa: SIM905
)
_PRODUCTS = frozenset(
    """
    alpine.js angular.js backbone.js chart.js d3.js discord.js ember.js express.js hapi.js koa.js meteor.js nest.js
    next.js node.js nuxt.js p5.js phaser.js react.js socket.js solid.js three.js vue.js
    """.split()  # noqa: SIM905
)


def paths_in(text: str) -> tuple[str, ...]:
    """The paths named in the text, each once, in order: in code marks or bare, for files or folders.

    A word is a path if it has a slash and an ending, or a slash at its end, or starts in a folder of a usual name, or
    is a name with a known ending. URLs, absolute paths and paths with ``..`` are none. A name without folder is left
    out where the text has it with one.

    >>> paths_in("Create the model in src/models/user.py, see `docs/api.md` and `GET /users`")
    ('src/models/user.py', 'docs/api.md')
    """
    if "/" not in text and "." not in text:
        return ()
    found: dict[str, None] = {}
    for index, part in enumerate(_CODE.split(text)):
        if index % 2:
            _add(found, _LINES.sub("", part.strip()), code=True)
            continue
        for word in _words(part):
            if "/" in word or "." in word:
                _add(found, _LINES.sub("", _bare(word)) if ":" in word else _bare(word), code=False)
    return _without_repeats(found)


def _words(text: str) -> list[str]:
    if text.isascii():  # translating is slow
        return text.replace("](", " ").replace(",", " ").replace(";", " ").split()
    return text.replace("](", " ").translate(_SPACES).split()


def listed_paths(text: str) -> tuple[str, ...] | None:
    """The paths of a line that is a list of files, as ``**Files**: a, b``; None if it is no such line."""
    label = _LIST.match(text)
    if not label:
        return None
    found = dict.fromkeys(paths_in(text[label.end() :]))
    for name in _CODE.findall(text[label.end() :]):
        if _is_safe(name.strip()):
            found[name.strip().removeprefix("./")] = None
    return tuple(found)


def lone_path(text: str) -> tuple[tuple[str, ...], str]:
    """The path that a line is, in code marks or bare, and the remark behind it; nothing for any other line.

    >>> lone_path("`src/a.py` (new)")
    (('src/a.py',), '(new)')
    >>> lone_path("see `src/a.py`")
    ((), '')
    """
    found = _ONE.fullmatch(text)
    paths = paths_in(found[1]) if found else ()
    return (paths, (found[2] or "").strip()) if found and paths else ((), "")


def _without_repeats(found: dict[str, None]) -> tuple[str, ...]:
    names = {path.rsplit("/", 1)[1] for path in found if "/" in path}
    return tuple([path for path in found if "/" in path or path not in names])


def _add(found: dict[str, None], word: str, *, code: bool) -> None:
    word = word.removeprefix("./")
    if _is_safe(word) and _is_path(word, code=code):
        found[word] = None


def _bare(word: str) -> str:
    """The word without what surrounds it in a sentence: quotes, brackets that close nothing, emphasis, a full stop."""
    if word[0].isalnum() and word[-1].isalnum():
        return word
    before = None
    while word != before and word:
        before = word
        word = word.strip(_QUOTES).rstrip(".…")
        for opening, closing in _PAIRS:
            if word.startswith(opening) and (word.endswith(closing) or closing not in word):
                word = word[1:].removesuffix(closing)
            elif word.endswith(closing) and opening not in word:
                word = word[:-1]
        if word.startswith(("**", "__")) and not word.startswith("**/"):
            word = word[2:]
        if word.endswith("**") and not word.endswith("/**"):
            word = word[:-2]
    return word


def _is_safe(word: str) -> bool:
    """Whether the word can be a path inside of a repository at all."""
    if not word or len(word) > _MOST or word[0] in "/@#+-(" or not _SAFE.fullmatch(word):
        return False
    parts = word.removesuffix("/").split("/")
    if any([not part or not part.strip(".") for part in parts]):
        return False
    return not (len(parts) > 1 and _HOST.fullmatch(parts[0]))


def _is_path(word: str, *, code: bool) -> bool:
    parts = word.removesuffix("/").split("/")
    last = parts[-1]
    dot = last.rfind(".")
    ending = last[dot:] if dot >= 0 else ""
    if len(parts) == 1 and not word.endswith("/"):
        return ending[1:].lower() in _ENDINGS and last.lower() not in _PRODUCTS
    if word.endswith("/"):
        return code or len(parts) > 1 or parts[0].lower() in _FOLDERS
    if _ENDING.fullmatch(ending):
        return True
    return parts[0].lower() in _FOLDERS and len(parts) > (1 if code else 2)
