"""The chain of one worker: entries become a batch of rows, each under a MAC over itself and the one before.

Rows also name the newest batches of other workers, so that a worker's last batches can't go unseen once
another one has written after them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from vault.audit.entry import Entry
from vault.audit.names import Keeper, Names
from vault.audit.row import FIRST, Head, Row, mac_of
from vault.store.audit import Asked, AuditRows, Known

_SETTLED = 10.0
"""Seconds after which a statement that was on its way is through or dead: a later row is not overlooked."""
_LOOK_BACK = 10_000
"""How many of the latest rows are looked through at most: who wrote nothing for a day must get through."""
_OTHERS = 64
"""How many other workers are remembered until a row has named them."""


class Chain:
    """Writes the batches of `worker`. One that was begun stays as it is until it is written or dropped."""

    def __init__(
        self, worker: UUID, rows: AuditRows, operator: Keeper, *, clock: Callable[[], float]
    ) -> None:
        self._worker = worker
        self._rows = rows
        self._names = Names(rows, operator)
        self._key = operator.derive("audit")
        self._clock = clock
        self._batch: list[Row] = []
        self._head: Head | None = None
        self._others: OrderedDict[UUID, Head] = OrderedDict()
        self._named: dict[UUID, int] = {}
        self._looks: deque[tuple[float, int]] = deque()

    def __repr__(self) -> str:
        return f"Chain({self._head})"

    @property
    def head(self) -> Head | None:
        """The end of the last batch that was written."""
        return self._head

    @property
    def begun(self) -> Sequence[Row]:
        """The batch that is not known to be written; nothing where there is none."""
        return self._batch

    async def begin(self, entries: Sequence[Entry], lost: int) -> None:
        """Make the next batch of these; `lost` is said in its first row. Raises Busy."""
        self._batch = await self._compose(entries, lost)

    async def write(self) -> None:
        """Write the batch that was begun.

        Raises Busy: then it may or may not be written, and another call writes the very same rows.
        """
        await self._rows.append(self._batch)
        last = self._batch[-1]
        self._head = Head(last.worker, last.batch, last.mac)
        self._batch = []

    def drop(self) -> None:
        """Forget the batch that was begun: its number is free again."""
        self._batch = []

    async def _compose(self, entries: Sequence[Entry], lost: int) -> list[Row]:
        await self._look()
        asked = [
            Asked(number, entry.user_id, entry.grant_id, entry.connection)
            for number, entry in enumerate(entries)
            if entry.somebodys
        ]
        known = await self._names.know(asked) if asked else {}
        batch, before = (1, FIRST) if self._head is None else (self._head.batch + 1, self._head.mac)
        rows = []
        for number, entry in enumerate(entries):
            row = Row(
                worker=self._worker,
                batch=batch,
                position=number + 1,
                size=len(entries),
                at=entry.at,
                event=entry.event,
                outcome=entry.outcome,
                tool=entry.tool,
                provider=entry.provider,
                detail=entry.detail,
                times=entry.times,
                lost=lost if number == 0 else 0,
                seen=self._next(),
            )
            row = self._called(row, entry, known.get(number))
            before = mac_of(self._key, row, before)
            rows.append(replace(row, mac=before))
        return rows

    def _called(self, row: Row, entry: Entry, known: tuple[Known, bytes] | None) -> Row:
        """The row with the names of whom it is about. One of somebody who is gone names nothing."""
        if not entry.somebodys:
            client = self._names.client(entry.client_id, None)
            return replace(row, client=client, address=self._names.address(entry.address, None, entry.at))
        if known is None:
            return row
        who, key = known
        return replace(
            row,
            person=self._names.person(who.user_id, key),
            client=self._names.client(entry.client_id or who.client_id, key),
            address=self._names.address(entry.address, key, entry.at),
            provider=entry.provider or who.provider,
        )

    async def _look(self) -> None:
        """See which batches other workers have written meanwhile."""
        now, latest = self._clock(), await self._rows.latest()
        while len(self._looks) > 1 and now - self._looks[1][0] >= _SETTLED:
            self._looks.popleft()
        since = max(self._looks[0][1] if self._looks else 0, latest - _LOOK_BACK)
        for head in await self._rows.others(self._worker, since):
            if self._named.get(head.worker, 0) < head.batch:
                self._others.pop(head.worker, None)
                self._others[head.worker] = head
        while len(self._others) > _OTHERS:
            self._others.popitem(last=False)
        self._looks.append((now, latest))

    def _next(self) -> Head | None:
        """The batch to name next, each once."""
        if not self._others:
            return None
        _, head = self._others.popitem(last=False)
        self._named.pop(head.worker, None)
        self._named[head.worker] = head.batch
        if len(self._named) > _OTHERS:
            del self._named[next(iter(self._named))]
        return head
