"""Data as ``report_data`` returns them, made up: a small report to change one thing of, and one with everything."""

from __future__ import annotations

from typing import Any

Data = dict[str, Any]

HOSTILE = (
    "<script>alert(1)</script>",
    "</style><style>body{display:none}</style>",
    '" onmouseover="alert(1)" x=\'',
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raise %}",
    "&lt;b&gt; & <!-- --> ]]>",
    "bell\x07 escape\x1b[31m back\x08",
    "turn\u202eround\u2066 \u200b\ufeff line\u2028end",
    "half \udcff \ud800",
    "**bold** [link](http://example.com) `code` | cell",
    "W" * 300,
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea 123",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u4e2d\u6587\u6a19\u984c e\u0301",
)
"""Texts that a page must show and not obey."""


def gate(name: str = "unit", **changes: Any) -> Data:
    """A gate that passed and reported nothing."""
    return {
        "name": name,
        "control": "",
        "run": f"make {name}",
        "passed": True,
        "tests": None,
        "coverage": None,
        "min_coverage": 0.0,
        "runs_here": {},
        **changes,
    }


def phase(number: int = 1, title: str = "", **changes: Any) -> Data:
    """A phase that is ready and has one open task."""
    return {
        "id": f"p{number}",
        "number": number,
        "title": title or f"Step {number}",
        "waits_for": [],
        "held_by": [],
        "owners": [],
        "depends_on": [],
        "status": "ready",
        "complete": False,
        "estimate": "",
        "estimate_s": None,
        "tasks": [{"id": f"{number}.1", "title": "Do it", "mark": "open"}],
        "tasks_done": 0,
        "artifacts": [],
        "reasons": [f"task {number}.1 is open: Do it"],
        **work(),
        "gates": [],
        **changes,
    }


def work(*commits: str, time_s: float = 0.0, first: str | None = None, last: str | None = None) -> Data:
    """What these commits did, without a file."""
    return {
        "commits": list(commits),
        "time_s": time_s,
        "first": first,
        "last": last or first,
        **counts(),
        "command": f"git show {' '.join(commits)}" if commits else "",
    }


def counts(created: int = 0, modified: int = 0, deleted: int = 0, added: int = 0, removed: int = 0) -> Data:
    """Files and lines."""
    return {
        "files": {"created": created, "modified": modified, "deleted": deleted},
        "lines": {"added": added, "removed": removed},
    }


def report(*phases: Data, **changes: Any) -> Data:
    """The report on these phases, with nothing in it that they do not bring."""
    tasks = [task for phase in phases for task in phase["tasks"]]
    done = sum(task["mark"] == "done" for task in tasks)
    complete = sum(phase["complete"] for phase in phases)
    return {
        "version": 1,
        "title": "Login",
        "criteria": [],
        "summary": "",
        "complete": complete == len(phases),
        "history": {"adoption": "a" * 40, "head": "b" * 40},
        "totals": totals(
            phases={"complete": complete, "total": len(phases)},
            tasks={"done": done, "total": len(tasks), "percent": done * 100 // len(tasks) if tasks else 100},
        ),
        "phases": list(phases),
        "other_work": [],
        "domains": [],
        "controls": [],
        "risks": [],
        "holds": [],
        "assumptions": [],
        "verified": {"commits": 1, "refused": [], "listed": []},
        "follow_up": [],
        "next_steps": [],
        "methods": [],
        "commands": [],
        **changes,
    }


def totals(**changes: Any) -> Data:
    """Key figures, all of them nothing."""
    return {
        "commits": 0,
        "merges": 0,
        "authors": 0,
        "phases": {"complete": 0, "total": 0},
        "tasks": {"done": 0, "total": 0, "percent": 100},
        "time_s": 0,
        "estimate_s": None,
        "estimates_unread": [],
        **counts(),
        "tests": None,
        "coverage": [],
        **changes,
    }


def rich_report() -> Data:
    """A report that has something of everything, no number twice where that can be, and hostile texts everywhere."""
    titles = ["Foundation", "Backend API", "Web UI & forms", HOSTILE[0], HOSTILE[10], HOSTILE[11], HOSTILE[12]]
    first = phase(
        1,
        titles[0],
        owners=["Anna", "Ben <ben@example.com>"],
        status="complete",
        complete=True,
        estimate="2-3 days",
        estimate_s=[57600.0, 86400.0],
        tasks=[{"id": "1.1", "title": "Users table", "mark": "done"}],
        tasks_done=1,
        reasons=[],
        artifacts=[{"path": "docs/a  b.md", "there": True}],
        gates=[
            gate("unit", tests=1213, coverage=87.659, min_coverage=80.5, runs_here={"failed": 17, "passed": 19}),
            gate("control:S1", control="S1", run="grep -q hash\nsrc/auth.py"),
        ],
        **work("c" * 40, "d" * 40, time_s=70020.0, first="2026-03-02T08:01:00Z", last="2026-03-04T16:31:00Z"),
    )
    first.update(counts(41, 42, 43, 4401, 4402))
    second = phase(
        2,
        titles[1],
        depends_on=["p1"],
        status="in progress",
        estimate="1 week",
        estimate_s=[144000.0, 144000.0],
        tasks=[
            {"id": f"2.{n}", "title": text, "mark": mark}
            for n, (text, mark) in enumerate(
                [("Register", "done"), ("Log in", "in progress"), (HOSTILE[2], "reopened"), (HOSTILE[3], "open")], 1
            )
        ],
        tasks_done=1,
        reasons=[f"task 2.{n} is open: {text}" for n, text in enumerate(HOSTILE[:8], 2)],
        artifacts=[{"path": HOSTILE[1], "there": False}],
        gates=[gate("unit", passed=False, runs_here={"timeout": 23}), gate("docs", run=HOSTILE[0], passed=False)],
        **work("e" * 40, time_s=181440.0, first="2026-03-05T09:00:00Z", last="2026-03-12T12:00:00Z"),
    )
    others = [
        phase(
            number,
            title,
            depends_on=["p2"] if number < 6 else ["p1", "p3", "p4"],
            status="locked" if number != 5 else "awaiting gates",
            estimate=HOSTILE[number] if number == 4 else "",
        )
        for number, title in enumerate(titles[2:], 3)
    ]
    hold = {"blocks": ["p3"], "answer": ""}
    return report(
        first,
        second,
        *others,
        title="Sign in & <b>out</b>",
        summary="Register, log in,\nstay logged in. " + " ".join(HOSTILE[:4]),
        totals=totals(
            commits=31,
            merges=32,
            authors=33,
            phases={"complete": 1, "total": 7},
            tasks={"done": 2, "total": 10, "percent": 20},
            time_s=251460.0,
            estimate_s=[201600.0, 230400.0],
            estimates_unread=["p4"],
            **counts(51, 52, 53, 5401, 5402),
            tests=6101,
            coverage=[{"gate": "unit", "percent": 87.659, "minimum": 80.5}],
        ),
        other_work=[
            {"name": "the plan", **work("f" * 40, time_s=3720.0, first="2026-03-01T10:00:00Z")},
            {"name": "no phase", **work("9" * 40, time_s=4320.0, first="2026-03-06T11:00:00Z")},
        ],
        domains=[
            {
                "name": "tests",
                **counts(61, 62, 63, 6401, 6402),
                "paths": [
                    {"path": "tests/test_a.py", "change": "created", "added": 71, "removed": 0},
                    {"path": "tests/<img onerror=x>.png", "change": "modified", "added": None, "removed": None},
                    {"path": "tests/" + "very_long_name_" * 20, "change": "deleted", "added": 0, "removed": 72},
                ],
                "command": f"git diff {'a' * 40} {'b' * 40} -- 'tests/a  b'",
            }
        ],
        controls=[
            {"id": f"S{number}", "phase": "p1", "text": text, "reference": reference, "open": is_open, "status": status}
            for number, (text, reference, is_open, status) in enumerate(
                [
                    ("Passwords are hashed", "OWASP ASVS 2.4.1", False, "passed"),
                    ("Sessions end", "", False, "resolved: looked at together"),
                    ("Rate limits", HOSTILE[2], False, "waived: internal network only, Anna, until 2026-12-31"),
                    ("TLS only", "", True, "open: its waiver ended on 2026-01-31"),
                    (HOSTILE[0], "", True, "open"),
                ],
                1,
            )
        ],
        risks=[
            {"id": "R1", "text": "Mail is late", "phase": "p2", "mitigation": "send again", "status": "mitigated"},
            {"id": "R2", "text": HOSTILE[10], "phase": "", "mitigation": "", "status": "open"},
            {"id": "R3", "text": HOSTILE[7], "phase": "p4", "mitigation": HOSTILE[0], "status": "accepted"},
            {"id": "R4", "text": "Gone", "phase": "", "mitigation": "", "status": "closed"},
        ],
        holds=[
            {"kind": "question", "id": "Q1", "text": "Cookies or local storage?", **hold},
            {"kind": "question", "id": "Q2", "text": HOSTILE[0], "blocks": [], "answer": "Cookies"},
            {"kind": "blocker", "id": "B1", "text": "No key for the mail service", **hold},
            {"kind": "blocker", "id": "B2", "text": "No server", "blocks": ["p1", "p2"], "answer": "yes"},
            {"kind": "assumption", "id": "A1", "text": "One region is enough", **hold},
            {"kind": "assumption", "id": "A2", "text": "Few users", "blocks": [], "answer": "asked sales"},
        ],
        assumptions=["Everybody has e-mail", *HOSTILE],
        verified={
            "commits": 34,
            "refused": [
                {
                    "commit": "1234567890abcdef" + "0" * 24,
                    "subject": HOSTILE[0],
                    "findings": [{"id": "phase-locked", "message": HOSTILE[6]}, {"id": "message-form", "message": "x"}],
                }
            ],
            "listed": [
                {"commit": "a" * 40, "subject": "Plan it", "kind": "adopted", "text": "the plan is adopted"},
                {"commit": "7" * 40, "subject": HOSTILE[10], "kind": "exception", "text": HOSTILE[2]},
                {"commit": "8" * 40, "subject": "Loosen", "kind": "weakened", "text": "min_coverage from 90 to 80"},
                {"commit": "6" * 40, "subject": "Merge", "kind": "unproven", "text": "a pass of other content"},
                {"commit": "5" * 40, "subject": "Odd", "kind": "warning", "text": HOSTILE[5]},
            ],
        },
        follow_up=["question Q1 has no answer: Cookies or local storage?", *HOSTILE],
        next_steps=[{"what": "see what can be worked on now", "command": "orchestrator next"}],
        methods=["Time is reckoned from the times at which commits were authored."],
        commands=[{"what": "files and lines in all", "command": f"git diff --numstat {'a' * 40} {'b' * 40} -- :/"}],
    )


def long_report(number: int = 30) -> Data:
    """A chain of so many phases, with every fourth beside it."""
    phases = []
    for n in range(1, number + 1):
        before = [] if n == 1 else [f"p{n - 1}"] if n % 4 else [f"p{max(n - 3, 1)}"]
        phases.append(
            phase(
                n,
                f"Phase that comes as number {n} of this plan",
                depends_on=before,
                status="complete" if n < 9 else "ready" if n == 9 else "locked",
                complete=n < 9,
                reasons=[] if n < 9 else [f"task {n}.1 is open: Do it"],
                gates=[gate(passed=n < 9)],
            )
        )
    return report(*phases)
