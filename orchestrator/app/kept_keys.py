"""The keys of gates, kept in the local cache from one commit to the next where there are many phases or files.

A key is made of all inputs of its gate, which are those of all phases that its own one depends on: of a thousand phases
in a chain, half a million. Most commits touch a few of them.
"""

from __future__ import annotations

from orchestrator.core.gate import KEY_SCHEMA
from orchestrator.core.kept_keys import untouched
from orchestrator.git import GitError
from orchestrator.run_cache import KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.app.facts import Facts
    from orchestrator.app.repository import Repository
    from orchestrator.core.ownership import Owners
    from orchestrator.core.plan import Plan

_MOST_CHANGES = 1000  # above, what is left untouched is not worth the search


def name_of(plan: Plan, plan_oid: str) -> str:
    """What the plan's keys are kept under; what the end of a waiver changes has another name."""
    return " ".join([plan_oid, str(KEY_SCHEMA), *plan.ended])


def kept_keys(
    repository: Repository,
    plan: Plan,
    owners: Owners,
    name: str,
    tree: str,
    changes: Sequence[str],
    changes_between: Callable[[str, str], Iterable[str]],
) -> dict[tuple[str, str], str]:
    """The keys that hold in the tree ``tree`` with the ``changes``: those that were kept and nothing has touched since.

    ``changes_between`` tells the paths that differ between two trees.
    """
    kept = repository.cache.kept(KEYS, name)
    if kept is None or len(changes) > _MOST_CHANGES:
        return {}
    kept_tree, keys = kept
    try:
        since = [] if kept_tree == tree else list(changes_between(kept_tree, tree))
    except GitError:  # that tree was only reachable from what has been amended or rebased away, and is gone
        return {}
    return untouched(plan, owners, keys, [*since, *changes]) if len(since) <= _MOST_CHANGES else {}


def keep_keys(facts: Facts) -> None:
    """Keep the keys of the first parent's tree that were worked out, if there are some that were not known."""
    content = facts.content
    if content is None or not facts.keys_name or len(facts.changes) > _MOST_CHANGES:
        return
    keys = untouched(content.plan, content.owners, content.worked_out(), [change.path for change in facts.changes])
    if len(keys) > facts.keys_known:
        facts.repository.cache.keep(KEYS, facts.keys_name, (facts.head_tree, keys))
