"""The audit of one process: takes notes at once, writes them in batches, each chained to the one before.

A call neither waits nor fails for its row: calls are written together, within a second. A grant and a denial
are written at once, and the answer to the request they belong to goes out when they are (`visit`), or after
two seconds where the database does not take them; they are then written when it does. What can't be kept is
counted, and the next row says how much it was.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry

from vault.audit.chain import Chain
from vault.audit.counts import Counts
from vault.audit.entry import Entry, Repeats
from vault.audit.events import EVENTS, Event, denied, later
from vault.audit.names import Keeper
from vault.audit.row import Head
from vault.errors import Busy
from vault.ids import new_id
from vault.outcomes import Outcome
from vault.store.activity import Note
from vault.store.audit import AuditRows
from vault.store.leases import SealedConnection

_log = structlog.get_logger(__name__)

GATHER = 0.5
"""Seconds that a call's row waits for others. Together with the write of those before it, within a second."""
PATIENCE = 2.0
"""The longest, in seconds, that an answer waits for its rows."""
_MOST = 5000
_BATCH = 100
_TELL = 3600.0
"""Seconds between two times that the head is logged."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Visit:
    """One request: where it comes from, and what its answer waits for."""

    address: str | None
    waits: list[Entry] = field(default_factory=list)


class Audit:
    """Takes notes from the beginning, and writes them once `begin` gave it the keys.

    `metrics` counts what is lost and what was late; `most` may wait; `sleep` waits between two tries;
    `gather` is how long rows of calls wait for others, `patience` how long answers wait for theirs, both in
    seconds.
    """

    def __init__(
        self,
        rows: AuditRows,
        *,
        metrics: CollectorRegistry | None = None,
        most: int = _MOST,
        sleep: Sleep = asyncio.sleep,
        gather: float = GATHER,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.worker = new_id()
        self._rows = rows
        self._most = most
        self._sleep = sleep
        self._gather = gather
        self._patience = patience
        self._clock = clock
        self._now = now
        self._chain: Chain | None = None
        self._visit: ContextVar[Visit | None] = ContextVar("audit-visit", default=None)
        self._waiting: deque[Entry] = deque()
        self._repeats = Repeats(clock)
        self._hurry = asyncio.Event()
        self._progress = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._away = False
        self._unsaid = 0
        self._told = clock()
        registry = metrics or CollectorRegistry()
        self._counts = Counts(registry, lambda: self.waiting, self._oldest)

    @property
    def waiting(self) -> int:
        """How many rows are not written yet."""
        return len(self._waiting)

    @property
    def head(self) -> Head | None:
        """The end of the last batch that was written."""
        return None if self._chain is None else self._chain.head

    def begin(self, operator: Keeper) -> None:
        """Write what was noted and what will be, with keys of the operator's. The first row says so."""
        self._chain = Chain(self.worker, self._rows, operator, clock=self._clock)
        self._waiting.appendleft(Entry(self._now(), "worker_started", "ok"))
        self._go()

    def note(
        self,
        event: Event,
        *,
        outcome: str = "ok",
        user_id: UUID | None = None,
        grant_id: UUID | None = None,
        connection: UUID | None = None,
        client_id: str | None = None,
        tool: str | None = None,
        provider: str | None = None,
        detail: str | None = None,
        from_here: bool = True,
    ) -> None:
        """Note an event: words of ours, and whose it is. Returns at once and never raises.

        `grant_id` and `connection` stand for their client and provider, and a grant for its person too where
        none is named. The address is the request's; `from_here`: it has one that means something.
        """
        visit = self._visit.get()
        entry = Entry(
            at=self._now(),
            event=event if event in EVENTS else "other",
            outcome=outcome,
            user_id=user_id,
            grant_id=grant_id,
            connection=connection,
            client_id=client_id,
            address=visit.address if visit is not None and from_here else None,
            tool=tool,
            provider=provider,
            detail=detail,
        )
        self._counts.noted(entry)
        if denied(event, outcome) and not self._repeats.take(entry):
            self._go()
        elif self._keep(entry) and not later(event, outcome):
            if visit is not None:
                visit.waits.append(entry)
            self._hurry.set()

    def noted(self, note: Note) -> None:
        """The same of what is noted for its person (`vault/diary.py`): a call, or a word of our pages."""
        call = note.milliseconds is not None
        self.note(
            "tool_called" if call else note.action,  # type: ignore[arg-type] # `note` looks it up
            outcome=note.outcome,
            user_id=note.user_id,
            grant_id=note.grant_id,
            connection=note.connection,
            client_id=note.client_id,
            tool=note.action if call else None,
            provider=note.provider,
        )

    def refreshed(self, row: SealedConnection, outcome: Outcome) -> None:
        """What came of an attempt to refresh that connection. It is for all who wait, wherever they are."""
        self.note(
            "refresh",
            outcome=outcome,
            user_id=row.owner,
            connection=row.id,
            provider=row.provider,
            from_here=False,
        )

    @contextmanager
    def visit(self, address: str | None) -> Iterator[Visit]:
        """A request from that address: what is noted within is from there."""
        visit = Visit(address)
        token = self._visit.set(visit)
        try:
            yield visit
        finally:
            self._visit.reset(token)

    async def settled(self, visit: Visit) -> None:
        """Wait until what the visit's answer waits for is written; not for long. Raises nothing."""
        waits, visit.waits = visit.waits, []
        if not waits:
            return
        if not self._away:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    while not all(entry.written for entry in waits):
                        await self._progress.wait()
        if not all(entry.written for entry in waits):
            self._counts.late.inc()
            _log.warning("audit_late", rows=len(waits))

    async def flush(self) -> None:
        """Return once everything noted so far is written, or lost."""
        self._collect(all_=True)
        self._go()
        while self._writer is not None and not self._writer.done():
            self._hurry.set()
            await asyncio.wait({self._writer})

    async def close(self, within: float = 5.0) -> None:
        """Write what waits, for at most `within` seconds, and say where it ends.

        Call it before the database is closed.
        """
        self._collect(all_=True)
        if self._chain is not None:
            self._waiting.append(Entry(self._now(), "worker_stopped", "ok"))
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.flush()
        if self._writer is not None and not self._writer.done():
            self._writer.cancel()
            await asyncio.wait({self._writer})
        if self._waiting:
            self._lose(len(self._waiting), "stopped")
            self._waiting.clear()
        self._tell("stopped")

    def _keep(self, entry: Entry) -> bool:
        if len(self._waiting) >= self._most:
            self._lose(entry.times, "full")
            return False
        self._waiting.append(entry)
        if len(self._waiting) >= _BATCH:
            self._hurry.set()
        self._go()
        return True

    def _collect(self, *, all_: bool = False) -> None:
        for entry in self._repeats.due(all_=all_):
            self._keep(entry)

    def _oldest(self) -> float:
        return (self._now() - self._waiting[0].at).total_seconds() if self._waiting else 0.0

    def _go(self) -> None:
        # In no request's context: it writes what came of many, and its lines are about none of them.
        if self._chain is not None and (self._writer is None or self._writer.done()):
            self._writer = asyncio.create_task(self._write(self._chain), context=Context())

    async def _write(self, chain: Chain) -> None:
        while self._waiting or self._repeats.counting:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather):
                    await self._hurry.wait()
            self._collect()
            batch = list(islice(self._waiting, len(chain.begun) or _BATCH))
            if len(batch) == len(self._waiting):
                self._hurry.clear()
            if not batch:
                continue
            try:
                if not chain.begun:
                    said = self._unsaid
                    await chain.begin(batch, said)
                    self._unsaid -= said
                await chain.write()
                self._counts.written.inc(len(batch))
            except Busy as busy:
                self._away = True
                await self._sleep(busy.retry_after)
                continue
            except Exception as error:  # noqa: BLE001 - a row must not be the end of the rows
                self._unsaid += sum(row.lost for row in chain.begun)
                chain.drop()
                self._lose(sum(entry.times for entry in batch), type(error).__name__)
            self._away = False
            for entry in batch:
                self._waiting.popleft()
                entry.written = True
            # One for all who wait, not one for each row: most rows are waited for by nobody.
            self._progress.set()
            self._progress = asyncio.Event()
            if self._clock() - self._told >= _TELL:
                self._tell("hourly")

    def _lose(self, count: int, why: str) -> None:
        self._unsaid += count
        self._counts.lost.inc(count)
        _log.error("audit_lost", count=count, why=why)

    def _tell(self, why: str) -> None:
        """Log where the rows end: whoever keeps the line can hold it against them."""
        self._told = self._clock()
        if self.head is not None:
            _log.info("audit_head", head=str(self.head), why=why)
