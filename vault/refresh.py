"""The refresh protocol: one refresh token is spent once, by one worker, and nothing is lost.

In the process, callers of one connection share one flight. Between processes a lease row decides;
the HTTP call runs with no database connection held; the result is written by compare-and-swap on the
secret version that was spent. `invalid_grant` re-reads before it condemns. Nothing is deleted on
failure. The rules and what was measured against them: docs/architecture.md, "Refresh".
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Literal
from uuid import UUID

import structlog
from pydantic import SecretStr

from providers.base import (
    AppRejected,
    Credential,
    GrantRejected,
    ProviderError,
    RateLimited,
    Unavailable,
)
from vault.apps import Through, rejected
from vault.backlog import Backlog
from vault.cache import DekCache
from vault.circuit import CircuitOpen, Circuits
from vault.errors import Busy, ConnectionExpired, NotConnected
from vault.gauges import LeaseGauges
from vault.lessee import Lessee
from vault.outcomes import Outcomes, Report
from vault.pauses import Pauses, pausing
from vault.proceeds import Proceeds, not_stored
from vault.records import Tokens, credential, open_tokens
from vault.returns import Returns
from vault.revocation import Revoker
from vault.spans import Spans, off
from vault.store.connections import Connections
from vault.store.leases import Death, Lease, SealedConnection
from vault.timing import Timing

_log = structlog.get_logger(__name__)

_OPERATION = "refresh"


class Refresher:
    """Turns an expired or refused access token into a live one, once. `report` hears of each attempt."""

    def __init__(
        self,
        connections: Connections,
        cache: DekCache,
        upstream: Through,
        *,
        timing: Timing | None = None,
        revoker: Revoker | None = None,
        report: Report | None = None,
        circuits: Circuits | None = None,
        leases: LeaseGauges | None = None,
        spans: Spans = off,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._cache = cache
        self._upstream = upstream
        self._timing = timing or Timing()
        self._revoker = revoker or Revoker(
            connections, upstream, call=self._timing.call, pauses=self._timing.revoke
        )
        self._sleep = sleep
        self._clock = clock
        self._flights: dict[tuple[UUID, UUID], asyncio.Task[Credential | None]] = {}
        self._circuits = circuits or Circuits(self._timing, clock=clock)
        self._pauses = Pauses(self._timing, clock=clock)
        self._backlog = Backlog(sleep=sleep, clock=clock)
        self._report = report or Outcomes()
        self._leases, self._spans = leases or LeaseGauges(), spans
        returns = Returns(sleep=sleep)
        self._lessee = Lessee(
            connections, returns, self._timing, self._needed, self._report, self._leases, clock=clock
        )
        self._proceeds = Proceeds(
            connections, cache, self._revoker, self._backlog, self._report, ahead=self._timing.ahead
        )
        self._closing = False

    async def credential(self, owner: UUID, connection: UUID, refused: int | None) -> Credential:
        """A live access token for the owner's connection; joins a refresh that is under way.

        Raises NotConnected, ConnectionExpired, Busy, Sealed, ProviderError.
        """
        key = (owner, connection)
        while True:
            flight = self._flights.get(key)
            # One that has ended and is not taken off yet is no flight to join: awaiting it never yields.
            joined = flight is not None and not flight.done()
            if flight is None or flight.done():
                flight = self._begin(key, self._fly(owner, connection, refused))
            # A caller that goes away must not cancel the refresh that others wait for.
            got = await asyncio.shield(flight)
            # A flight that others began may end with the very token our caller was refused, or, if the
            # caretaker did, with none.
            if got is not None and (got.version != refused or not joined):
                return got

    async def ahead(self, owner: UUID, connection: UUID, version: int) -> Credential | None:
        """Refresh that secret version before anybody needs it: the new access token, or the old one (of that
        very version) where it did not work and lives on.

        None where somebody else is at it or the row moved on; nothing is waited for. Who needs a token
        meanwhile joins. Raises as `credential` does.
        """
        key = (owner, connection)
        flight = self._flights.get(key)
        if flight is not None and not flight.done():
            return None
        return await asyncio.shield(self._begin(key, self._once(owner, connection, version)))

    def room(self, provider: str, most: int, busy: int) -> int:
        """How many more refreshes the token endpoint may get, of `most`, besides the `busy` ones."""
        return self._circuits.room(provider, most, busy)

    def resting(self, provider: str, app: str) -> float:
        """Seconds for which nothing that nobody waits for is to be sent through that app."""
        return self._pauses.resting(provider, app)

    def _begin(
        self, key: tuple[UUID, UUID], flying: Coroutine[None, None, Credential | None]
    ) -> asyncio.Task[Credential | None]:
        flight = asyncio.create_task(flying)
        self._flights[key] = flight
        flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: tuple[UUID, UUID], flight: asyncio.Task[Credential | None]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()

    async def drain(self) -> None:
        """For `Timing.drain` seconds: let refreshes end, store what is not stored, give back, revoke."""
        started = self._clock()

        def left() -> float:
            return max(self._timing.drain - (self._clock() - started), 0.1)

        self._closing = True
        if self._flights:
            _, late = await asyncio.wait(set(self._flights.values()), timeout=left())
            if late:
                _log.error("refresh_lost", reason="the process ends", pending=len(late))
        await asyncio.gather(self._backlog.drain(left()), self._lessee.drain(left()))
        await self._revoker.drain(left())
        self._closing = False

    def _needed(self, owner: UUID, connection: UUID) -> bool:
        """Whether a lease on that connection is in use: by a refresh, or for a result not stored yet."""
        return (owner, connection) in self._flights or self._backlog.holds(owner, connection)

    async def _fly(self, owner: UUID, connection: UUID, refused: int | None) -> Credential:
        deadline = self._clock() + self._timing.wait
        pause = 0.02
        while True:
            if self._closing:
                raise Busy("the process ends")  # what is bought from here on would not be stored
            read = self._clock()
            lease = await self._lessee.take(owner, connection, refused)
            got = None if lease is None else await self._spend(lease, refused, read)
            row = await self._connections.read(owner, connection) if got is None else None
            if got is None:
                got = await self._settled(row, refused)
            if got is not None:
                return got
            assert row is not None
            left = deadline - self._clock()
            if left <= 0:
                # Never refresh without the lease: a second spender kills a rotating grant.
                raise Busy("the connection is being refreshed by another worker", retry_after=2)
            if row.retry_in > left:
                raise pausing(row)
            await self._sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            pause = min(pause * 2, 0.25)

    async def _once(self, owner: UUID, connection: UUID, version: int) -> Credential | None:
        """One attempt to refresh that version, if the lease is free."""
        if self._closing:
            raise Busy("the process ends")
        read = self._clock()
        lease = await self._lessee.take(owner, connection, version)
        if lease is not None:
            # Nobody refused it: while it lives it is served on.
            return await self._spend(lease, None, read)
        row = await self._connections.read(owner, connection)
        if row is not None and row.status == "active" and row.dek() is None:
            await open_tokens(row, self._cache)  # raises: without its key nobody gets the lease, ever
        return None

    async def _settled(self, row: SealedConnection | None, refused: int | None) -> Credential | None:
        """What the row says when we do not hold its lease: a live token, an end, or None (wait)."""
        if row is None or row.status == "disconnected":
            raise NotConnected(row.provider if row else "")
        if row.status == "needs_reauth":
            raise ConnectionExpired(row.provider, row.reason or "unknown")
        kept = self.kept(row, refused)
        if kept is not None:
            return kept
        if row.dek() is None:
            await open_tokens(row, self._cache)  # raises: without its key nobody gets the lease, ever
        # During a pause after a failure the old token is served to its end.
        enough = 0 if row.retry_in > 0 else self._timing.skew
        if row.secret_version == refused or row.expires_in <= enough:
            return None
        return credential(row, await open_tokens(row, self._cache))

    def kept(self, row: SealedConnection, refused: int | None) -> Credential | None:
        """What this worker already spent the row's token for and could not store yet.

        Raises Unavailable where even that was refused or has expired.
        """
        return self._proceeds.kept(row, refused)

    async def _spend(self, lease: Lease, refused: int | None, read: float) -> Credential | None:
        """Refresh under the lease, whose row was read at `read`. None: the row moved on; read it again."""
        with (
            self._leases.held.track_inprogress(),
            self._spans("vault.refresh", {"valet.provider": lease.row.provider}),
        ):
            return await self._spend_it(lease, refused, read)

    async def _spend_it(self, lease: Lease, refused: int | None, read: float) -> Credential | None:
        row = lease.row
        # Here and below the lease stays: until what it bought is stored, nobody may send what is spent.
        kept = self.kept(row, refused)
        if kept is not None:
            return kept
        try:
            tokens = await open_tokens(row, self._cache)
        except Exception:
            # Nothing was sent: whoever comes next must not wait for us.
            await self._lessee.give_back(lease, answered=not lease.ambiguous)
            raise
        if self._pauses.is_shut(row):
            return await self._spare(lease, tokens, rejected(row, _OPERATION), refused, read)
        if tokens.refresh_token is None:
            return await self._last(lease, tokens, refused, read)
        if self._backlog.spent(row, tokens.refresh_token):
            raise not_stored(row)
        return await self._buy(lease, tokens, tokens.refresh_token, refused, read)

    async def _last(
        self, lease: Lease, tokens: Tokens, refused: int | None, read: float
    ) -> Credential | None:
        """There is nothing to refresh it with: it is served to its end, and then its person is needed."""
        old = self._old(lease.row, tokens, refused, read)
        if old is None:
            await self._condemn(lease, "no_refresh_token")
            return None
        await self._lessee.give_back(lease, answered=not lease.ambiguous)
        return old

    async def _spare(
        self, lease: Lease, tokens: Tokens, error: ProviderError, refused: int | None, read: float
    ) -> Credential:
        """Send nothing, for what `error` says; the old access token is served to its end."""
        await self._lessee.give_back(lease, answered=not lease.ambiguous)
        old = self._old(lease.row, tokens, refused, read)
        if old is None:
            raise error
        return old

    async def _buy(
        self, lease: Lease, tokens: Tokens, spent: SecretStr, refused: int | None, read: float
    ) -> Credential | None:
        """Send the refresh token, and keep what it brings. None: the row moved on; read it again."""
        row = lease.row
        try:
            app = await self._upstream.app(row, _OPERATION)
            if self._closing or self._clock() - read > self._timing.lease / 2:
                # A process that ends buys nothing more; and a lease that took so long to reach us, or whose
                # app did, might lapse before the provider answers.
                await self._lessee.give_back(lease, answered=not lease.ambiguous)
                return None
            with self._circuits.call(row.provider):
                async with asyncio.timeout(self._timing.call):
                    fresh = await self._upstream.refresh(row, app, spent)
        except CircuitOpen as still:
            ill = Unavailable(row.provider, _OPERATION, str(still), retry_after=still.seconds)
            return await self._spare(lease, tokens, ill, refused, read)
        except GrantRejected:
            await self._condemn(lease, lease.death)
            return None
        except TimeoutError:
            lost = Unavailable(row.provider, _OPERATION, "no answer in time", ambiguous=True)
            return await self._failed(lease, tokens, lost, refused, read)
        except ProviderError as error:
            return await self._failed(lease, tokens, error, refused, read)
        return await self._proceeds.keep(row, app, tokens, spent, fresh)

    async def _condemn(self, lease: Lease, reason: Death) -> None:
        """Needs the person, unless the row moved on: then the newer secret is the one that counts."""
        if await self._lessee.condemn(lease, reason):
            raise ConnectionExpired(lease.row.provider, reason)

    async def _failed(
        self, lease: Lease, tokens: Tokens, error: ProviderError, refused: int | None, read: float
    ) -> Credential:
        """Give the lease back with a pause, and serve the old access token while it still lives."""
        row = lease.row
        # Only an attempt that surely spent nothing leaves no mark, and it can't wipe an earlier one's.
        answered = not lease.ambiguous and not getattr(error, "ambiguous", False)
        pause = self._pauses.after(lease, error)
        _log.warning("refresh_failed", provider=row.provider, error=type(error).__name__, pause=pause)
        limited = isinstance(error, RateLimited)
        await self._lessee.give_back(lease, answered=answered, retry_after=pause, limited=limited)
        self._report(row, _outcome(error))
        old = self._old(row, tokens, refused, read)
        if old is not None:
            return old
        if not answered and isinstance(error, Unavailable):
            # That is about the refresh token. What the caller was about to do has surely not happened.
            raise Unavailable(
                error.provider, error.operation, "no usable answer", retry_after=error.retry_after
            ) from error
        raise error

    def _old(
        self, row: SealedConnection, tokens: Tokens, refused: int | None, read: float
    ) -> Credential | None:
        """The access token of before, while it lives: the row, read at `read`, said how long."""
        left = row.expires_in - (self._clock() - read)
        if left <= 1 or row.secret_version == refused:
            return None
        return replace(credential(row, tokens), expires_in=left)


def _outcome(error: ProviderError) -> Literal["rate_limited", "app_rejected", "failed"]:
    if isinstance(error, RateLimited):
        return "rate_limited"
    return "app_rejected" if isinstance(error, AppRejected) else "failed"
