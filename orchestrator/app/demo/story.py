"""What happens, commit by commit, and what must come of it."""

from __future__ import annotations

from orchestrator.app.demo import project
from orchestrator.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ALL_COMPLETE = "none (all phases complete)"
_STASH = ("stash", "push", "--quiet", "--include-untracked")
_UNSTASH = ("stash", "pop", "--quiet")
_UNTICK = ("restore", "--staged", "--worktree", "PLAN.md")


class Step(Value):
    """One ``git commit``, and what must come of it.

    Before it the commands ``before`` (arguments of Git) are run, ``files`` written, and the boxes of ``ticks``
    ticked in PLAN.md; after it come the commands ``after``. If ``refused`` is an error's id, the commit must be
    refused with it. Otherwise it must land, warn with the error's id ``warned`` if there is one, make the tasks of
    ``done`` done, and then PLAN.md must say ``status`` of the phase ``shown`` and ``current`` of the current phase.
    ``shown`` is a phase's title; ``tells`` says whether its part of PLAN.md is worth showing.
    """

    heading: str
    message: str
    files: Mapping[str, str] = {}
    ticks: tuple[str, ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    after: tuple[tuple[str, ...], ...] = ()
    refused: str = ""
    warned: str = ""
    done: tuple[str, ...] = ()
    shown: str = ""
    status: str = ""
    current: str = ""
    tells: bool = True


ADOPTION = Step(
    "The plan is adopted: the first commit that has plan.toml may have any message",
    "Plan the authentication system",
    files=project.SKELETON,
    shown="Foundation",
    status="not started",
    current="Phase 1 (Foundation)",
    tells=False,  # PLAN.md is shown whole
)

STEPS = (
    Step(
        "Backend API cannot start while Foundation is open",
        "feat: [Backend API] auth middleware",
        files={"src/middleware/auth.py": project.MIDDLEWARE},
        refused="phase-locked",
        after=(_STASH,),
    ),
    Step(
        "A message that names no phase is refused",
        "add environment variables",
        files={".env.example": project.ENV_EXAMPLE},
        refused="message-format",
    ),
    Step(
        "The same with a message that names one; its file is there, so task 1.2 is done by itself",
        "feat: [Foundation] environment variables",
        done=("1.2",),
        shown="Foundation",
        status="in progress",
        current="Phase 1 (Foundation)",
    ),
    Step(
        "A box that is ticked without the work is refused",
        "feat: [Foundation] the schema is done, believe me",
        ticks=("1.1",),
        refused="task-evidence",
        after=(_UNTICK,),
    ),
    Step(
        "The rest of Foundation, with a fault: the commit lands, but a gate is red and the phase waits",
        "feat: [Foundation] users table and JWT functions",
        files={
            "db/schema.sql": project.SCHEMA,
            "src/utils/jwt.py": project.JWT_THAT_TRUSTS_EVERYBODY,
            "tests/unit/test_foundation.py": project.TEST_FOUNDATION,
        },
        warned="gate-failed",
        done=("1.1", "1.3"),
        shown="Foundation",
        status="awaiting gates",
        current="Phase 1 (Foundation)",
    ),
    Step(
        "Backend API again: every task before it is done, but the red gate holds it back",
        "feat: [Backend API] auth middleware",
        before=(_UNSTASH,),
        files={"src/middleware/auth.py": project.MIDDLEWARE},
        refused="gate-failed",
        after=(_STASH,),
    ),
    Step(
        "The fault is mended, the gates pass, and Foundation is complete",
        "feat: [Foundation] look at the signature",
        files={"src/utils/jwt.py": project.JWT},
        shown="Foundation",
        status="complete",
        current="Phase 2 (Backend API)",
    ),
    Step(
        "Now the very commit that was refused twice lands",
        "feat: [Backend API] auth middleware",
        before=(_UNSTASH,),
        files={"src/middleware/auth.py": project.MIDDLEWARE},
        done=("2.3",),
        shown="Backend API",
        status="in progress",
        current="Phase 2 (Backend API)",
        tells=False,
    ),
    Step(
        "Three tasks share one file, so people tick them",
        "feat: [Backend API] register and login endpoints",
        files={"src/api/auth.py": project.API_REGISTER_AND_LOGIN},
        ticks=("2.1", "2.2"),
        done=("2.1", "2.2"),
        shown="Backend API",
        status="in progress",
        current="Phase 2 (Backend API)",
    ),
    Step(
        "The last task of Backend API: its gates run in this commit",
        "feat: [Backend API] refresh endpoint and routes",
        files={
            "src/api/auth.py": project.API,
            "src/routes/auth.py": project.ROUTES,
            "tests/unit/test_backend.py": project.TEST_BACKEND,
        },
        ticks=("2.4",),
        done=("2.4",),
        shown="Backend API",
        status="complete",
        current="Phase 3 (Frontend)",
    ),
    Step(
        "Frontend, in two commits",
        "feat: [Frontend] context and forms",
        files={
            "src/contexts/auth_context.py": project.CONTEXT,
            "src/components/login_form.py": project.LOGIN_FORM,
            "src/components/register_form.py": project.REGISTER_FORM,
        },
        done=("3.1", "3.2", "3.3"),
        shown="Frontend",
        status="in progress",
        current="Phase 3 (Frontend)",
        tells=False,
    ),
    Step(
        "A phase can be named by its number, too",
        "feat: [Phase 3] protected route",
        files={
            "src/components/protected_route.py": project.PROTECTED_ROUTE,
            "tests/unit/test_frontend.py": project.TEST_FRONTEND,
        },
        done=("3.4",),
        shown="Frontend",
        status="complete",
        current="Phase 4 (Testing)",
    ),
    Step(
        "Testing",
        "feat: [Testing] API and component tests",
        files={
            "tests/api/test_auth.py": project.TEST_API,
            "tests/components/test_auth.py": project.TEST_COMPONENTS,
        },
        done=("4.1", "4.2"),
        shown="Testing",
        status="in progress",
        current="Phase 4 (Testing)",
        tells=False,
    ),
    Step(
        "Its gate counts the tests that really ran",
        "feat: [Testing] the whole flow",
        files={"tests/e2e/test_auth.py": project.TEST_E2E},
        done=("4.3",),
        shown="Testing",
        status="complete",
        current="Phase 5 (Documentation & Deployment)",
    ),
    Step(
        "Documentation",
        "feat: [docs] API and setup",
        files={"docs/API.md": project.API_DOCS, "docs/AUTH_SETUP.md": project.SETUP_DOCS},
        done=("5.1", "5.2"),
        shown="Documentation & Deployment",
        status="in progress",
        current="Phase 5 (Documentation & Deployment)",
        tells=False,
    ),
    Step(
        "The last two tasks have no files; ticking them is a commit like any other",
        "feat: [Documentation & Deployment] audit and checklist",
        ticks=("5.3", "5.4"),
        done=("5.3", "5.4"),
        shown="Documentation & Deployment",
        status="complete",
        current=ALL_COMPLETE,
        tells=False,  # PLAN.md is shown whole
    ),
)
