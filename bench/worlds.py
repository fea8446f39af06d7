"""Make a repository in a given state that is valid by the rules, without a hook and without running a gate.

It reads a description (plans.World as JSON) and commits the adoption, filler that touches no phase, and the work so
far. Needs a Python that has this project.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import MeasureError, clean_environment
from trees import first_tree, write_repository, written

from orchestrator.core.gate import Pass
from orchestrator.core.settle import Before, settle
from orchestrator.core.state import DONE
from orchestrator.core.todo import Reading

if TYPE_CHECKING:
    from trees import Stream, Tree

    from orchestrator.core.settle import Settled

_FILLER = "docs/diary.md"


def write(world: dict[str, Any], stream: Stream) -> Tree:
    """The last tree; its commits have been written.

    Raises:
        MeasureError: by the rules other phases are complete than those that the description names.
    """
    files = {path: (text,) for path, text in world["adopted"].items()}
    tree = stream.adopt(first_tree(world["plan"], {**files, _FILLER: ("0",)}), "Adopt a plan")
    for number in range(1, world["filler"] + 1):
        new = tree.with_files({_FILLER: (str(number),)})
        changes = {_FILLER: b"%d\n" % number}
        tree = dataclasses.replace(new, mark=stream.commit([tree.mark], f"{world['message']} {number}\n", changes))
    new, settled = work(tree, world)
    complete = [phase.id for phase in new.plan.phases if settled.states[phase.id].complete]
    if complete != world["complete"]:
        raise MeasureError(f"{len(complete)} phases are complete by the rules, not {len(world['complete'])}")
    changes = new.changes(tree)
    return dataclasses.replace(new, mark=stream.commit([tree.mark], f"{world['message']} on modules\n", changes))


def work(tree: Tree, world: dict[str, Any]) -> tuple[Tree, Settled]:
    """The tree with the work so far, the ticks, and the passes of the complete phases; and what it says."""
    new = tree.with_files({path: (text,) for path, text in world["work"].items()})
    found = new.content()
    keys = {found.key(phase, gate) for phase in map(new.plan.phase, world["complete"]) for gate in phase.gates}
    before = Before(tree.plan, tree.marks, tree.lock, tree.content())
    reading = Reading(tree.plan, {**tree.marks, **dict.fromkeys(world["done"], DONE)}, {})
    settled = settle(new.plan, found, before, reading, tree.lock, lambda k: Pass(k) if k in keys else None)
    return written(new, settled), settled


def main() -> int:
    """The exit code: always 0, since an error is for whoever changes the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to make it; must not exist")
    parser.add_argument("description", type=Path, help="a JSON file")
    options = parser.parse_args()
    world = json.loads(options.description.read_text(encoding="utf-8"))
    env = clean_environment()
    write_repository(options.folder, env, lambda stream: write(world, stream))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
