"""Facts about a commit that touches no more than what is under way of a large plan, kept from one commit to the next.

Nothing but that an ordinary commit may land as it is is ever found from them: whatever else they lead to is worked out
from the whole plan, so that refusals, gates and what is written are the same with and without what is kept.
"""

from __future__ import annotations

from orchestrator.app.facts import INDEX, Change, Facts, change_listing, changes_between, listing_of
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
_REGULAR = ("100644", "100755")
_NO_FILE = "000000"


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
    if not changes or len(changes) + len(since) > _MOST_CHANGES or not _are_files([*since, *changes]):
        return None
    if any([change.path in (*OWN_PATHS, ATTRIBUTES) for change in changes]):
        return None
    old = {c.path: (c.old_mode, c.old_oid) for c in changes if c.old_mode != _NO_FILE}
    listing = {**listing_of(repository, _HEAD, places([part.plan], of_gates=False)), **old}
    content = part.content_after({c.path: _entry(c) for c in (*since, *changes)}, change_listing(listing, changes))
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
    if len(facts.changes) > _MOST_CHANGES or not _are_files(facts.changes):
        return
    own = {path: content.listing.get(path, ("", ""))[1] for path in OWN_PATHS}
    own.update({update.path: blob_id(update.new, len(facts.head_tree)) for update in updates})
    files = {c.path: (c.old_mode.replace(_NO_FILE, ""), c.old_oid) for c in facts.changes if c.path not in OWN_PATHS}
    part = under_way(settled, files)
    if part is not None and all(own.values()):
        facts.repository.cache.keep(UNDER_WAY, _name(list(own.values())), (facts.head_tree, part.astuple()))


def _name(own: Sequence[str]) -> str:
    """What is kept under: the ids of the three files."""
    return " ".join(own)


def _are_files(changes: Sequence[Change]) -> bool:
    """Whether nothing that is changed is or was a link or a submodule, which can hide a folder."""
    return {mode for change in changes for mode in (change.old_mode, change.new_mode)} <= {*_REGULAR, _NO_FILE}


def _entry(change: Change) -> tuple[str, str]:
    """Mode and object id of the file after the change, "" where it is gone."""
    return ("", "") if change.new_mode == _NO_FILE else (change.new_mode, change.new_oid)
