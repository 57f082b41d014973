"""Reads the whole audit and says where it is not what was written: edited, removed, inserted, moved rows.

What is found is named by worker, batch and position, never by what stands there. A batch carries its size
and each row the MAC of the one before it, so a gap anywhere but at the end of a worker shows in the chain;
and the end of a worker, where another has named it since or somebody kept its head (`Head`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from vault.audit.row import FIRST, Head, Row, mac_of
from vault.store.audit import AuditRows

_PAGE = 2000
_TRIES = 3

Kind = Literal["edited", "removed", "inserted"]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written, and where. `position` is None for the end of a batch."""

    kind: Kind
    worker: UUID
    batch: int
    position: int | None = None

    def __str__(self) -> str:
        where = f"worker {self.worker}, batch {self.batch}"
        if self.position is not None:
            where += f", position {self.position}"
        return f"{where}: {_WORDS[self.kind]}"


_WORDS: dict[Kind, str] = {
    "edited": "is not what was written here: edited, inserted, or moved from elsewhere",
    "removed": "something that was written here is gone",
    "inserted": "was never written here",
}


@dataclass(slots=True)
class Verdict:
    """What came of a check. `open` are ends of workers that did not say that they stopped."""

    rows: int = 0
    workers: int = 0
    faults: list[Fault] = field(default_factory=list)
    open: list[Head] = field(default_factory=list)
    pruned: int = 0
    lost: int = 0

    @property
    def sound(self) -> bool:
        """Whether all is as it was written."""
        return not self.faults


class Check:
    """Checks row by row; what it keeps grows with the number of workers, not of rows.

    `heads` are ends that somebody kept elsewhere: they must still be there. `progress` hears how many rows
    are checked, and of how many.
    """

    def __init__(
        self,
        rows: AuditRows,
        key: bytes,
        heads: Iterable[Head] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._progress = progress
        self._rows = rows
        self._key = key
        self._heads = list(heads)
        self._begin([])

    def _begin(self, pruned: Iterable[Row]) -> None:
        self._starts: dict[UUID, Head] = {}
        self._seen: dict[UUID, Head] = {}
        self._ends: dict[UUID, Row] = {}
        self._told: set[Fault] = set()
        self._verdict = Verdict()
        for row in pruned:
            # The row itself is checked with all the others: a false one is a fault of its own.
            if row.seen is not None and row.seen.batch >= self._start(row.seen.worker).batch:
                self._starts[row.seen.worker] = row.seen
        self._verdict.pruned = len(self._starts)

    async def run(self) -> Verdict:
        """The verdict on all rows that are there. Raises Busy."""
        pruned = await self._rows.pruned()
        for _ in range(_TRIES):
            self._begin(pruned)
            await self._read()
            before, pruned = pruned, await self._rows.pruned()
            if self._verdict.sound or pruned == before:
                break  # else somebody pruned while we read, and what they removed looks as if it were missing
        return self._verdict

    async def _read(self) -> None:
        after: tuple[UUID, int, int] | None = None
        total = await self._rows.count() if self._progress is not None else 0
        while page := await self._rows.page(after, _PAGE):
            for row in page:
                self._take(row)
            after = page[-1].place
            if self._progress is not None:
                self._progress(self._verdict.rows, max(total, self._verdict.rows))
        self._verdict.workers = len(self._ends)
        for row in self._ends.values():
            self._end(row)
        await self._named()

    def _start(self, worker: UUID) -> Head:
        return self._starts.get(worker) or Head(worker, 0, FIRST)

    def _take(self, row: Row) -> None:
        self._verdict.rows += 1
        faults = len(self._verdict.faults)
        before = self._before(row)
        if before is None and any(fault.kind == "inserted" for fault in self._verdict.faults[faults:]):
            return  # what comes next goes on from where it was
        self._ends[row.worker] = row
        if before is not None and not hmac.compare_digest(mac_of(self._key, row, before), row.mac):
            self._fault("edited", row.worker, row.batch, row.position)
            return
        self._verdict.lost += row.lost
        seen = row.seen
        if seen is not None and seen.batch > self._last(seen.worker):
            self._seen[seen.worker] = seen

    def _before(self, row: Row) -> bytes | None:
        """The MAC that stood before the row; None where that can't be known, which is a fault already."""
        start, last = self._start(row.worker), self._ends.get(row.worker)
        stands = (start.batch, 0, 0, start.mac) if last is None else (*last.place[1:], last.size, last.mac)
        batch, position, size, mac = stands
        if (row.batch, row.position) == (batch, position + 1) and row.position <= size:
            return mac
        if position == size and (row.batch, row.position) == (batch + 1, 1):
            return mac
        if (
            row.batch <= start.batch
            or not 1 <= row.position <= row.size
            or (row.batch == batch and position == size)
        ):
            self._fault("inserted", row.worker, row.batch, row.position)
            return None
        # Name what is missing between the two.
        if position < size:
            self._fault("removed", row.worker, batch, position + 1)
        if row.batch > batch + 1:
            self._fault("removed", row.worker, batch + 1)
        if row.batch > batch and row.position > 1:
            self._fault("removed", row.worker, row.batch, 1)
        return None

    def _end(self, row: Row) -> None:
        if row.position < row.size:
            self._fault("removed", row.worker, row.batch, row.position + 1)
        elif row.event != "worker_stopped":
            self._verdict.open.append(Head(row.worker, row.batch, row.mac))

    def _last(self, worker: UUID) -> int:
        """The newest batch of a worker that a row has named so far."""
        named = self._seen.get(worker)
        return 0 if named is None else named.batch

    async def _named(self) -> None:
        """Whether what was named is there: it may have been written while we read, or pruned."""
        for head in (*self._seen.values(), *self._heads):
            if head.batch <= self._start(head.worker).batch:
                continue
            found = await self._rows.end(head.worker, head.batch)
            if found is None:
                self._fault("removed", head.worker, head.batch)
            elif not hmac.compare_digest(found, head.mac):
                self._fault("edited", head.worker, head.batch)

    def _fault(self, kind: Kind, worker: UUID, batch: int, position: int | None = None) -> None:
        fault = Fault(kind, worker, batch, position)
        if fault not in self._told:
            self._told.add(fault)
            self._verdict.faults.append(fault)
