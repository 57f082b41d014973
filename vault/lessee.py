"""One worker's way with leases: taken, given back, and given back later where the database is away.

A lease that nobody gives back keeps every other process from a connection until it lapses.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

import structlog

from vault.errors import Busy
from vault.gauges import LeaseGauges
from vault.ids import new_id
from vault.outcomes import Report
from vault.returns import Returns
from vault.store.connections import Connections
from vault.store.leases import Death, Lease
from vault.timing import Timing

_log = structlog.get_logger(__name__)

Needed = Callable[[UUID, UUID], bool]
"""Whether this worker needs a lease on that owner's connection: for a refresh, or a result not stored yet."""


class Lessee:
    """Takes leases under a name of its own. `needed` keeps it from giving back one that is in use."""

    def __init__(
        self,
        connections: Connections,
        returns: Returns,
        timing: Timing,
        needed: Needed,
        report: Report,
        leases: LeaseGauges | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._returns = returns
        self._timing = timing
        self._needed = needed
        self._report = report
        self._leases = leases or LeaseGauges()
        self._clock = clock
        self._worker = new_id()

    async def take(self, owner: UUID, connection: UUID, refused: int | None) -> Lease | None:
        """The lease, if a refresh is due and nobody else holds it. Raises Busy."""
        try:
            lease = await self._connections.lease(
                owner,
                connection,
                self._worker,
                skew=self._timing.skew,
                seconds=self._timing.lease,
                restart=self._timing.restart,
                refused=refused,
            )
        except Busy:
            # It may have been written all the same, and then no other process gets it while it lasts.
            self._returns.add(("lease", owner, connection), partial(self.abandon, owner, connection))
            raise
        self._leases.asked(got=lease is not None, lapsed=lease is not None and lease.ambiguous)
        return lease

    async def abandon(self, owner: UUID, connection: UUID) -> None:
        """Give back a lease that we hold without knowing it. Raises Busy."""
        generation = await self._connections.held(owner, connection, self._worker)
        # A refresh that begins only now takes a later generation, which this leaves alone. A release that is
        # due gives it back too, with the pause that the provider asked for.
        busy = self._needed(owner, connection) or self._returns.due(("release", owner, connection))
        if generation is not None and not busy:
            await self._connections.abandon(owner, connection, generation)

    async def give_back(
        self, lease: Lease, *, answered: bool, retry_after: float | None = None, limited: bool = False
    ) -> None:
        """Give the lease back; where the database does not take it now, in the background."""
        began = self._clock()

        async def give() -> None:
            left = None if retry_after is None else max(retry_after - (self._clock() - began), 0)
            await self._connections.release(lease, answered=answered, retry_after=left, limited=limited)

        try:
            await give()
        except Busy:
            self._returns.add(("release", lease.row.owner, lease.row.id), give)

    async def condemn(self, lease: Lease, reason: Death) -> bool:
        """Note that the connection needs its person. False where the row moved on: then the newer secret is
        the one that counts. Raises Busy while the database is away; it is noted once it is back.
        """
        row = lease.row

        async def condemn() -> bool:
            done = await self._connections.condemn(row, reason)
            if done:
                _log.warning("connection_needs_reauth", provider=row.provider, reason=reason)
            else:
                await self._connections.release(lease, answered=True, retry_after=None)
            self._report(row, reason if done else "overtaken")
            return done

        try:
            return await condemn()
        except Busy:
            self._returns.add(("release", row.owner, row.id), condemn)
            raise

    async def drain(self, seconds: float) -> None:
        """Give that long to what has yet to be given back."""
        await self._returns.drain(seconds)
