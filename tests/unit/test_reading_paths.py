"""Paths found in prose; the samples are of the kinds that real task lists have."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.importing.paths import listed_paths, paths_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Create model in src/models/user.py", ["src/models/user.py"]),
        ("Create `src/a.ts` and `src/b.ts`, then src/a.ts", ["src/a.ts", "src/b.ts"]),
        ("Block models (lib/latex/cache.rb).", ["lib/latex/cache.rb"]),
        ("See [the docs](docs/api.md).", ["docs/api.md"]),
        ("**Update ARCHITECTURE.md** with it", ["ARCHITECTURE.md"]),
        ("新建 `memory_store.py` 模块、`src/b.py`", ["memory_store.py", "src/b.py"]),
        ("fix `src/a.py:12-14` and src/b.py:3", ["src/a.py", "src/b.py"]),
        ("in ./src/a.py", ["src/a.py"]),
        ("src/pages/[id].tsx and app/(auth)/page.tsx", ["src/pages/[id].tsx", "app/(auth)/page.tsx"]),
        ("Scaffold `apps/mock-platform`", ["apps/mock-platform"]),
        ("textures in `common/src/block/`", ["common/src/block/"]),
        ("Documentation updates in docs/", ["docs/"]),
        ("in src/API/ with Program.cs", ["src/API/", "Program.cs"]),
        ("change Program.cs, that is src/Program.cs", ["src/Program.cs"]),
        ("Update .gitignore and package.json", [".gitignore", "package.json"]),
        ("Add `src/**/*.ts`", ["src/**/*.ts"]),
        ("Run `pytest tests/unit/test_a.py -q`", []),
        ("`GET /users` and `/api/users` and /etc/passwd", []),
        ("see https://example.com/a.md and example.com/a.md", []),
        ("../other/a.py and src/../../a.py and src/.../a.py", []),
        ("~/.config/a.toml and $HOME/a.toml and @scope/pkg.js", []),
        ("read/write, and/or, I/O, CI/CD, US1/US2, w/ tests", []),
        ("`tokio/full` and `origin/main` and `application/json`", []),
        ("Node.js and Next.js, e.g. version 1.2.3 of 2.0/3.1", []),
        ("call user.save() and `Foo.bar`", []),
        ("a" * 300 + ".py", []),
        ("", []),
    ],
)
def test_paths_in(text: str, expected: list[str]) -> None:
    assert list(paths_in(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Files**: src/a.py, `Makefile`", ("src/a.py", "Makefile")),
        ("Files: `src/a/`", ("src/a/",)),
        ("**File:** docs/a.md", ("docs/a.md",)),
        ("**Files**:", ()),
        ("Files that matter", None),
        ("Profile: src/a.py", None),
    ],
)
def test_listed_paths(text: str, expected: tuple[str, ...] | None) -> None:
    assert listed_paths(text) == expected


@given(st.text(alphabet="ab./`*([])_ :-~\\", max_size=60))
@settings(derandomize=True, max_examples=100)
def test_no_path_leads_out(text: str) -> None:
    for path in paths_in(text):
        assert path
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        assert " " not in path
