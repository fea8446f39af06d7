"""What kind of file a path is of, for the report: tests, documentation, front end and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.gitignore import patterns
from orchestrator.core.patterns import any_matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.core.patterns import Pattern

OTHER = "other"


def _anywhere(*folders: str) -> list[str]:
    return [f"**/{folder}/**" for folder in folders]


def _ending(*names: str) -> list[str]:
    return [f"*.{name}" for name in names]


DEFAULT_DOMAINS: Mapping[str, Sequence[str]] = {
    "tests": [
        *_anywhere("test", "tests", "__tests__", "spec", "specs", "e2e", "cypress"),
        *("test_*.py", "*_test.*", "*.test.*", "*.spec.*", "conftest.py"),
    ],
    "docs": [*_anywhere("doc", "docs"), "*.md", "*.rst", "*.adoc", "LICENSE*"],
    "database": [*_anywhere("db", "migrations", "prisma"), "*.sql"],
    "frontend": [
        *_anywhere("frontend", "client", "components", "contexts", "pages", "views", "ui", "web"),
        *("*.tsx", "*.jsx", "*.vue", "*.svelte", "*.css", "*.scss", "*.html"),
    ],
    "tooling": [
        *_anywhere(".github", "ci", "scripts"),
        *(".*", "Dockerfile*", "Makefile", "*.toml", "*.yml", "*.yaml", "*.json", "*.lock", "*.cfg", "*.ini"),
    ],
    "backend": [
        *_anywhere("backend", "server", "api"),
        *_ending("py", "go", "rs", "java", "kt", "rb", "php", "ts", "js", "mjs", "c", "h", "cc", "cpp", "cs", "ex"),
        *_ending("exs", "scala", "swift", "sh"),
    ],
}
"""From each domain to its patterns, as gitignore(5) writes them; the first domain that matches decides."""


class Domains:
    """The rules in the order in which they are tried: those of the plan, then the default ones."""

    def __init__(self, own: Mapping[str, Sequence[Pattern]]) -> None:
        """Put the plan's rules first; one of the same name as a default takes its place."""
        defaults = {name: patterns(texts) for name, texts in DEFAULT_DOMAINS.items() if name not in own}
        self._rules: dict[str, Sequence[Pattern]] = {**own, **defaults}

    @property
    def names(self) -> list[str]:
        """The names in order, the one for whatever is left at the end."""
        return [*self._rules, *([] if OTHER in self._rules else [OTHER])]

    def of(self, path: str) -> str:
        """The domain of the path."""
        return next((name for name, rules in self._rules.items() if any_matches(rules, path)), OTHER)
