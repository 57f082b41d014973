"""Removing what is old, so that the check still knows it was there: whole batches from a worker's beginning.

What goes is named in rows of event `pruned`, one for each worker, under the same MACs as all others. A later
prune writes those again that are still needed, and may then remove the old ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from vault.audit.names import Keeper
from vault.audit.row import FIRST, Head, Row, mac_of
from vault.ids import new_id
from vault.store.audit import AuditRows


async def prune(rows: AuditRows, operator: Keeper, before: datetime) -> int:
    """Remove every whole batch older than that from the beginning of each worker; returns how many rows went.

    `rows` must be those of a database that is open as the owner of the table. Raises Busy.
    """
    gone = {head.worker: head for head in await rows.old(before)}
    if not gone:
        return 0
    known: dict[UUID, Head] = {}
    for row in await rows.pruned():
        if row.seen is not None and row.seen.batch > _batch(known.get(row.seen.worker)):
            known[row.seen.worker] = row.seen
    # Others may go on naming a worker of which nothing is left, so what is known of it is said again.
    said = [*gone.values(), *(head for worker, head in known.items() if worker not in gone)]
    return await rows.prune(list(gone.values()), _rows(operator.derive("audit"), said))


def _batch(head: Head | None) -> int:
    return 0 if head is None else head.batch


def _rows(key: bytes, said: Iterable[Head]) -> list[Row]:
    """The one batch of a worker of its own: what was removed, and that it stopped."""
    worker, now, heads = new_id(), datetime.now(UTC), list(said)
    bare = Row(worker, 1, 0, len(heads) + 1, now, "pruned", "ok")
    rows = [replace(bare, position=number + 1, seen=head) for number, head in enumerate(heads)]
    rows.append(replace(bare, position=len(heads) + 1, event="worker_stopped"))
    before, out = FIRST, []
    for row in rows:
        before = mac_of(key, row, before)
        out.append(replace(row, mac=before))
    return out
