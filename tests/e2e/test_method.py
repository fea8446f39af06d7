"""The method from end to end: its own example brought in, worked on in real commits, reported and finished."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.e2e.support import said

if TYPE_CHECKING:
    from tests.e2e.conftest import InProcess, Maker

BREAKDOWN = """\
## Feature: Authentication System

### Phase 1: Foundation (No dependencies)
**Tasks:**
- Task 1.1: Database schema for users table
- Task 1.2: Environment variables setup
- Task 1.3: JWT utility functions

**Estimated**: 2-3 hours
**Files**: db/schema.sql, .env.example, src/utils/jwt.ts

### Phase 2: Backend API (Depends on Phase 1)
**Tasks:**
- Task 2.1: Register endpoint
- Task 2.2: Login endpoint
- Task 2.3: Auth middleware
- Task 2.4: Token refresh endpoint

**Estimated**: 4-5 hours
**Files**: src/api/auth.ts, src/middleware/auth.ts, src/routes/auth.ts

### Phase 3: Frontend (Depends on Phase 2)
**Tasks:**
- Task 3.1: Auth context provider
- Task 3.2: Login form component
- Task 3.3: Register form component
- Task 3.4: Protected route wrapper

**Estimated**: 3-4 hours
**Files**: src/contexts/AuthContext.tsx, src/components/LoginForm.tsx, src/components/ProtectedRoute.tsx

### Phase 4: Testing (Depends on Phase 2, 3)
**Tasks:**
- Task 4.1: API tests (register, login, refresh)
- Task 4.2: Component tests (forms, context)
- Task 4.3: Integration tests (end-to-end flow)

**Estimated**: 3-4 hours
**Files**: tests/api/auth.test.ts, tests/components/auth.test.tsx, tests/e2e/auth.test.ts

### Phase 5: Documentation & Deployment (Depends on Phase 4)
**Tasks:**
- Task 5.1: API documentation
- Task 5.2: Setup instructions
- Task 5.3: Security audit
- Task 5.4: Deployment checklist

**Estimated**: 1-2 hours
**Files**: docs/API.md, docs/AUTH_SETUP.md
"""
GATE = """
[gates.tests]
run = '''mkdir -p reports
echo "<testsuite tests='3' failures='0'><testcase name='a'/><testcase name='b'/><testcase name='c'/></testsuite>" \\
  > reports/junit.xml
echo '<coverage line-rate="0.95"/>' > reports/coverage.xml'''
junit = "reports/junit.xml"
coverage = "reports/coverage.xml"
min_coverage = 80
"""
PHASES = {
    "Foundation": ("db/schema.sql", ".env.example", "src/utils/jwt.ts"),
    "Backend API": ("src/api/auth.ts", "src/middleware/auth.ts", "src/routes/auth.ts"),
    "Frontend": ("src/contexts/AuthContext.tsx", "src/components/LoginForm.tsx", "src/components/ProtectedRoute.tsx"),
    "Testing": ("tests/api/auth.test.ts", "tests/components/auth.test.tsx", "tests/e2e/auth.test.ts"),
    "Documentation & Deployment": ("docs/API.md", "docs/AUTH_SETUP.md"),
}


def test_the_example_of_the_method_from_breakdown_to_report(make: Maker, in_process: InProcess) -> None:
    repo = make.hooked("native")
    repo.commit("begin", {".gitignore": "reports/\n", "breakdown.md": BREAKDOWN})
    said_of_import = in_process(repo, "import", "breakdown.md").stdout
    assert "method: Authentication System, 5 phases, 18 tasks, 0 of them done\nnot carried: 0\n" in said_of_import
    plan = repo.read("plan.toml").replace("estimate = ", 'gates = ["tests"]\nestimate = ')
    repo.add({"plan.toml": plan + GATE})
    assert in_process(repo, "lint", "--json").returncode == 0
    repo.git("commit", "-q", "-m", "feat: [plan] adopt", env=at(7, 0))
    base = repo.out("rev-parse", "HEAD")

    for hour, (title, files) in enumerate(PHASES.items(), 8):
        work = {path: "".join(f"line {number}\n" for number in range(hour)) for path in files}
        first, *rest = work
        repo.add({first: work[first]})
        assert repo.git("commit", "-q", "-m", f"feat: [{title}] begin", env=at(hour, 0)).returncode == 0
        repo.add({path: work[path] for path in rest})
        in_process(repo, "done", *re.findall(rf"Task ({hour - 7}\.\d):", BREAKDOWN))
        done = repo.git("commit", "-m", f"feat: [{title}] end", env=at(hour, 30), check=False)
        assert done.returncode == 0, said(done)
    head = repo.out("rev-parse", "HEAD")
    assert repo.head("PLAN.md").count("\n_complete - gates: tests passed") == 5

    finished = in_process(repo, "finish")
    assert "the plan and its report are in docs/plans/authentication-system;" in finished.stdout
    assert repo.status() == []
    report = json.loads(repo.head("docs/plans/authentication-system/report.json"))
    totals = report["totals"]
    assert totals["tasks"] == {"done": 18, "total": 18, "percent": 100}
    assert (totals["tests"], totals["coverage"]) == (3, [{"gate": "tests", "percent": 95.0, "minimum": 80.0}])
    assert totals["estimate_s"] == [13 * 3600, 18 * 3600], "13 to 18 hours, as the method says"

    # Plain Git says the same.
    own = [":(exclude)plan.toml", ":(exclude)PLAN.md", ":(exclude)plan.lock"]
    status = repo.out("diff", "--no-renames", "--name-status", base, head, "--", ".", *own).split("\n")
    assert (
        totals["files"]
        == {"created": len(status), "modified": 0, "deleted": 0}
        == {"created": 14, "modified": 0, "deleted": 0}
    )
    lines = [line.split("\t") for line in repo.out("diff", "--numstat", base, head, "--", ".", *own).split("\n")]
    assert totals["lines"]["added"] == sum(int(line[0]) for line in lines)
    times = [int(line) for line in repo.out("log", "--reverse", "--format=%at", f"{base}~..{head}").split("\n")]
    assert totals["time_s"] == times[-1] - times[0], "no break is longer than two hours"
    assert totals["time_s"] == sum(phase["time_s"] for phase in report["phases"]) == 5.5 * 3600
    for phase, (title, files) in zip(report["phases"], PHASES.items(), strict=True):
        oids = repo.out(
            "log", "--reverse", "--fixed-strings", f"--grep=[{title}]", "--format=%H", f"{base}..{head}"
        ).split("\n")
        assert phase["commits"] == oids
        assert phase["files"]["created"] == len(files)
        assert phase["time_s"] == (5400 if title == "Foundation" else 3600)
    text = repo.head("docs/plans/authentication-system/report.md")
    assert "- **Total time**: about 5 h 30 min (estimated 13 h to 18 h)\n" in text
    assert "- **Coverage**: 95.0% (tests, at least 80.0%)\n" in text


def at(hour: int, minute: int) -> dict[str, str]:
    """The environment of a commit authored then."""
    return {"GIT_AUTHOR_DATE": f"2026-03-02T{hour:02}:{minute:02}:00Z"}
