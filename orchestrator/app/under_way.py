"""Facts about a commit that touches no more than what is under way of a large plan, kept from one commit to the next.

Nothing but that an ordinary commit may land as it is is ever found from them: whatever else they lead to is worked out
from the whole plan, so that refusals, gates and what is written are the same with and without what is kept.
"""

from __future__ import annotations

from orchestrator.app.facts import INDEX, Facts, change_listing, changes_between, listing_of, with_old
from orchestrator.app.own_files import ATTRIBUTES
from orchestrator.core.evidence import Content, places
from orchestrator.core.plan import OWN_PATHS
from orchestrator.core.settle import Before
from orchestrator.core.todo import Reading
from orchestrator.core.under_way import UnderWay, under_way
from orchestrator.git import GitError, blob_id
from orchestrator.run_cache import UNDER_WAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.repository import Repository
    from orchestrator.core.settle import Settled
    from orchestrator.worktree import Update

_MOST_CHANGES = 200  # above, the whole plan is the shorter way, and what is under way is kept anew
_HEAD = "HEAD"


def facts_under_way(repository: Repository, parents: Sequence[str]) -> tuple[Facts, UnderWay] | None:
    """The facts of what is staged under the part of the plan that was under way, and that part.

    None where nothing is kept of just this plan, to-do file and evidence, and where the commit may touch the rest.

    Raises:
        GitError: Git failed.
    """
    if list(parents) != [_HEAD] or repository.has("SQUASH_MSG"):
        return None
    names = [f"{_HEAD}^{{tree}}", *[f"{_HEAD}:{path}" for path in OWN_PATHS]]
    head_tree, *own = repository.object_ids(names)
    kept = repository.cache.kept(UNDER_WAY, _name(own))
    if kept is None:
        return None
    kept_tree, part = kept[0], UnderWay(*kept[1])
    changes = changes_between(repository, _HEAD, INDEX)
    try:
        since = [] if kept_tree == head_tree else changes_between(repository, kept_tree, _HEAD)
    except GitError:  # that tree was only reachable from what has been amended or rebased away, and is gone
        return None
    both = [*since, *changes]
    if not changes or len(both) > _MOST_CHANGES or not all([change.is_of_files for change in both]):
        return None
    if any([change.path in (*OWN_PATHS, ATTRIBUTES) for change in changes]):
        return None
    listing = with_old(listing_of(repository, _HEAD, places([part.plan], of_gates=False)), changes)
    content = part.content_after({change.path: change.new for change in both}, change_listing(listing, changes))
    if content is None:
        return None
    facts = Facts(
        repository=repository,
        before=Before(part.plan, part.marks, part.lock, Content(part.plan, listing, content.owners)),
        content=content,
        changed=tuple([change.path for change in changes]),
        changes=tuple(changes),
        todo_text=None,
        lock_bytes=None,
        known_passes={},
        parents=tuple(parents),
        tree=INDEX,
        head_tree=head_tree,
        has_parents_lock=True,
        same_reading=Reading(part.plan, part.marks, {}),
    )
    return facts, part


def keep_under_way(facts: Facts, settled: Settled, updates: Sequence[Update]) -> None:
    """Keep what is under way once a commit with these facts has landed with the ``updates`` of the tool's files."""
    content = facts.required()
    if len(facts.changes) > _MOST_CHANGES or not all([change.is_of_files for change in facts.changes]):
        return
    own = {path: content.listing.get(path, ("", ""))[1] for path in OWN_PATHS}
    own.update({update.path: blob_id(update.new, len(facts.head_tree)) for update in updates})
    part = under_way(settled, {change.path: change.old for change in facts.changes if change.path not in OWN_PATHS})
    if part is not None and all(own.values()):
        facts.repository.cache.keep(UNDER_WAY, _name(list(own.values())), (facts.head_tree, part.astuple()))


def _name(own: Sequence[str]) -> str:
    """What is kept under: the ids of the three files."""
    return " ".join(own)
