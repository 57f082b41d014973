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
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from uuid import UUID

import structlog
from pydantic import SecretStr

from providers.base import (
    AppRejected,
    Credential,
    GrantRejected,
    ProviderError,
    RateLimited,
    TokenSet,
    Unavailable,
)
from vault.apps import Through, rejected
from vault.backlog import Backlog
from vault.cache import DekCache
from vault.errors import Busy, ConnectionExpired, Malformed, NotConnected, Tampered
from vault.ids import new_id
from vault.records import Tokens, credential, open_tokens, seal_tokens
from vault.returns import Returns
from vault.revocation import Revoker
from vault.store.connections import Connections
from vault.store.leases import RATE_LIMITED, Lease, SealedConnection
from vault.timing import Timing

_log = structlog.get_logger(__name__)

_OPERATION = "refresh"
_TRIES = 5
"""How often a row that keeps moving is read again before it is left to the backlog."""


class Refresher:
    """Turns an expired or refused access token into a live one, once."""

    def __init__(
        self,
        connections: Connections,
        cache: DekCache,
        upstream: Through,
        *,
        timing: Timing | None = None,
        revoker: Revoker | None = None,
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
        self._worker = new_id()
        self._flights: dict[tuple[UUID, UUID], asyncio.Task[Credential]] = {}
        self._shut: dict[tuple[str, str], float] = {}
        self._backlog = Backlog(sleep=sleep, clock=clock)
        self._returns = Returns(sleep=sleep)
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
                flight = asyncio.create_task(self._fly(owner, connection, refused))
                self._flights[key] = flight
                flight.add_done_callback(lambda done: self._landed(key, done))
            # A caller that goes away must not cancel the refresh that others wait for.
            got = await asyncio.shield(flight)
            # A flight that others began may end with the very token our caller was refused.
            if got.version != refused or not joined:
                return got

    def _landed(self, key: tuple[UUID, UUID], flight: asyncio.Task[Credential]) -> None:
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
        await asyncio.gather(self._backlog.drain(left()), self._returns.drain(left()))
        await self._revoker.drain(left())
        self._closing = False

    async def _fly(self, owner: UUID, connection: UUID, refused: int | None) -> Credential:
        deadline = self._clock() + self._timing.wait
        pause = 0.02
        while True:
            if self._closing:
                raise Busy("the process ends")  # what is bought from here on would not be stored
            read = self._clock()
            lease = await self._lease(owner, connection, refused)
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
                raise _pausing(row)
            await self._sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            pause = min(pause * 2, 0.25)

    async def _lease(self, owner: UUID, connection: UUID, refused: int | None) -> Lease | None:
        try:
            return await self._connections.lease(
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
            self._returns.add(("lease", owner, connection), partial(self._abandon, owner, connection))
            raise

    async def _abandon(self, owner: UUID, connection: UUID) -> None:
        """Give back a lease that we hold without knowing it. Raises Busy."""
        generation = await self._connections.held(owner, connection, self._worker)
        # A refresh under way and a result that is not stored need theirs. One that begins only now takes a
        # later generation, which this leaves alone.
        busy = (owner, connection) in self._flights or self._backlog.holds(owner, connection)
        # A release that is due gives it back too, with the pause that the provider asked for.
        busy = busy or self._returns.due(("release", owner, connection))
        if generation is not None and not busy:
            await self._connections.abandon(owner, connection, generation)

    async def _give_back(
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
        kept = self._backlog.find(row)
        if kept is None:
            return None
        if kept.version == refused or kept.expires_in <= 0:
            raise _not_stored(row)
        return kept

    async def _spend(self, lease: Lease, refused: int | None, read: float) -> Credential | None:
        """Refresh under the lease, whose row was read at `read`. None: the row moved on; read it again."""
        row = lease.row
        # Here and below the lease stays: until what it bought is stored, nobody may send what is spent.
        kept = self.kept(row, refused)
        if kept is not None:
            return kept
        try:
            tokens = await open_tokens(row, self._cache)
        except Exception:
            # Nothing was sent: whoever comes next must not wait for us.
            await self._give_back(lease, answered=not lease.ambiguous)
            raise
        if self._is_shut(row):
            return await self._spare(lease, tokens, refused, read)
        if tokens.refresh_token is None:
            await self._condemn(lease, "no_refresh_token")
        elif self._backlog.spent(row, tokens.refresh_token):
            raise _not_stored(row)
        elif self._closing or self._clock() - read > self._timing.lease / 2:
            # A process that ends buys nothing more; and a lease that took so long to reach us might lapse
            # before the provider answers.
            await self._give_back(lease, answered=not lease.ambiguous)
        else:
            return await self._buy(lease, tokens, tokens.refresh_token, refused, read)
        return None

    async def _spare(self, lease: Lease, tokens: Tokens, refused: int | None, read: float) -> Credential:
        """Leave an app alone that the provider refuses; the old access token is served to its end."""
        await self._give_back(lease, answered=not lease.ambiguous)
        old = self._old(lease.row, tokens, refused, read)
        if old is None:
            raise rejected(lease.row, _OPERATION)
        return old

    async def _buy(
        self, lease: Lease, tokens: Tokens, spent: SecretStr, refused: int | None, read: float
    ) -> Credential | None:
        """Send the refresh token, and keep what it brings. None: the row moved on; read it again."""
        row = lease.row
        try:
            async with asyncio.timeout(self._timing.call):
                fresh = await self._upstream.refresh(row, spent)
        except GrantRejected:
            await self._condemn(lease, lease.death)
            return None
        except TimeoutError:
            lost = Unavailable(row.provider, _OPERATION, "no answer in time", ambiguous=True)
            return await self._failed(lease, tokens, lost, refused, read)
        except ProviderError as error:
            return await self._failed(lease, tokens, error, refused, read)
        return await self._keep(row, tokens, spent, fresh)

    async def _condemn(self, lease: Lease, reason: str) -> None:
        """Needs the person, unless the row moved on: then the newer secret is the one that counts."""
        row = lease.row

        async def condemn() -> bool:
            done = await self._connections.condemn(row, reason)
            if done:
                _log.warning("connection_needs_reauth", provider=row.provider, reason=reason)
            else:
                await self._connections.release(lease, answered=True, retry_after=None)
            return done

        try:
            if await condemn():
                raise ConnectionExpired(row.provider, reason)
        except Busy:
            self._returns.add(("release", row.owner, row.id), condemn)
            raise

    async def _failed(
        self, lease: Lease, tokens: Tokens, error: ProviderError, refused: int | None, read: float
    ) -> Credential:
        """Give the lease back with a pause, and serve the old access token while it still lives."""
        row = lease.row
        if isinstance(error, AppRejected):
            self._shut[row.provider, row.app] = self._clock() + self._timing.shut
        # Only an attempt that surely spent nothing leaves no mark, and it can't wipe an earlier one's.
        answered = not lease.ambiguous and not getattr(error, "ambiguous", False)
        pause = self._pause(lease, error)
        _log.warning("refresh_failed", provider=row.provider, error=type(error).__name__, pause=pause)
        limited = isinstance(error, RateLimited)
        await self._give_back(lease, answered=answered, retry_after=pause, limited=limited)
        old = self._old(row, tokens, refused, read)
        if old is not None:
            return old
        if not answered and isinstance(error, Unavailable):
            # That is about the refresh token. What the caller was about to do has surely not happened.
            raise Unavailable(error.provider, error.operation, "no usable answer") from error
        raise error

    def _pause(self, lease: Lease, error: ProviderError) -> float | None:
        """Seconds before the next attempt: what the provider asks, or full jitter that doubles."""
        if isinstance(error, RateLimited):
            return error.retry_after
        if isinstance(error, AppRejected):
            return None  # the app is shut for everybody instead; no user is touched
        return random.uniform(0, min(2.0 ** min(lease.failures, 20), self._timing.backoff))  # noqa: S311

    def _old(
        self, row: SealedConnection, tokens: Tokens, refused: int | None, read: float
    ) -> Credential | None:
        """The access token of before, while it lives: the row, read at `read`, said how long."""
        left = row.expires_in - (self._clock() - read)
        if left <= 1 or row.secret_version == refused:
            return None
        return replace(credential(row, tokens), expires_in=left)

    def _is_shut(self, row: SealedConnection) -> bool:
        until = self._shut.get((row.provider, row.app))
        return until is not None and self._clock() < until

    async def _keep(
        self, row: SealedConnection, tokens: Tokens, spent: SecretStr, fresh: TokenSet
    ) -> Credential | None:
        """Store what was bought. The caller gets it even when the database does not take it now."""
        bought = Tokens(fresh.access_token, fresh.refresh_token or tokens.refresh_token)
        granted = frozenset(row.scopes) if fresh.scopes is None else fresh.scopes
        new = Credential(str(row.id), fresh.access_token, fresh.expires_in, row.secret_version + 1, granted)

        async def store(expires_in: float) -> bool:
            if await self._commit(row, bought, expires_in, granted):
                return True
            await self._overtaken(row, spent, bought)
            return False

        try:
            stored = await store(fresh.expires_in)
        except Exception as error:  # noqa: BLE001 - the token is spent: nothing may lose what it bought
            _log.warning("refresh_not_stored", provider=row.provider, error=type(error).__name__)
            self._backlog.add(row, spent, new, store)
            return new
        _log.info("refreshed", provider=row.provider, stored=stored, rotated=fresh.refresh_token is not None)
        return new if stored else None

    async def _commit(
        self, row: SealedConnection, bought: Tokens, expires_in: float, granted: frozenset[str]
    ) -> bool:
        body = await seal_tokens(row, row.secret_version + 1, bought, self._cache)
        return await self._connections.commit(row, body, expires_in=expires_in, scopes=sorted(granted))

    async def _overtaken(self, row: SealedConnection, spent: SecretStr, bought: Tokens) -> None:
        """The row moved on while we were at the provider: what was bought must not be lost by that.

        A disconnect wins: what we got is ended. A row that still has the refresh token we spent (a consent
        need not bring one) gets its successor, by compare-and-swap on its own version; its access token
        stays, for it carries what the person allowed last, and ours may carry less. A row with another
        refresh token needs nothing of ours; what we got is ended where its grant was disconnected meanwhile.
        Raises Busy when the row moves again and again.
        """
        for _ in range(_TRIES):
            now = await self._connections.read(row.owner, row.id)
            if now is None or now.status == "disconnected":
                await self._revoker.end(row, bought.refresh_token or bought.access_token)
                return
            try:
                theirs = await open_tokens(now, self._cache)
            except (Tampered, Malformed):
                return  # the alarm is logged; there is nothing in that row to put ours into
            if theirs.refresh_token != spent or bought.refresh_token == spent:
                # A disconnect destroys the key, a refresh keeps it: another key, another grant. Where no
                # disconnect came between, what we got may be of the very grant that the row stands on.
                if now.dek_id != row.dek_id and theirs.refresh_token not in (spent, bought.refresh_token):
                    await self._revoker.end(row, bought.refresh_token or bought.access_token)
                return
            merged = Tokens(theirs.access_token, bought.refresh_token)
            body = await seal_tokens(now, now.secret_version + 1, merged, self._cache)
            if await self._connections.succeed(now, body):
                return
        raise Busy("the connection changes all the time")


def _not_stored(row: SealedConnection) -> Unavailable:
    # Only what is stored can be refreshed again: the next refresh token rests in memory.
    return Unavailable(row.provider, _OPERATION, "the last refresh is not stored yet")


def _pausing(row: SealedConnection) -> ProviderError:
    if row.reason == RATE_LIMITED:
        return RateLimited(row.provider, _OPERATION, row.retry_in)
    return Unavailable(row.provider, _OPERATION, f"pausing for {row.retry_in:.0f} s after failures")
