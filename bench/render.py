"""How long it takes to render the PLAN.md of a repository anew, in this process: the seconds of each turn, as JSON.

Its text is taken apart and put together again with what the rules say of every task. Needs a Python that has this
project.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from common import MeasureError

from orchestrator.app.own_files import todo_text
from orchestrator.app.repository import open_hook_repository
from orchestrator.app.workplace import staged_facts, staged_reading
from orchestrator.core.todo import parse


def main() -> int:
    """The exit code: always 0, since an error is for whoever changes the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the repository")
    parser.add_argument("--runs", type=int, required=True, help="turns that count, after a warm-up")
    options = parser.parse_args()
    os.chdir(options.folder)
    facts = staged_facts(open_hook_repository(os.environ))
    settled = facts.settle({}, staged_reading(facts))
    text = (options.folder / "PLAN.md").read_text(encoding="utf-8")
    seconds = []
    for _ in range(options.runs + 1):
        begin = time.perf_counter()
        rendered = todo_text(parse(text), settled)
        seconds.append(time.perf_counter() - begin)
        if rendered != text:
            raise MeasureError("PLAN.md is not rendered as it stands")
    print(json.dumps(seconds[1:]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
