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
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog
from pydantic import SecretStr

from providers.base import (
    AppRejected,
    Credential,
    GrantRejected,
    ProviderError,
    RateLimited,
    Rejected,
    TokenSet,
    Unavailable,
)
from vault.cache import DekCache
from vault.errors import Busy, ConnectionExpired, NotConnected
from vault.ids import new_id
from vault.records import Tokens, credential, open_tokens, seal_tokens
from vault.store.connections import Connections, Lease, SealedConnection

_log = structlog.get_logger(__name__)


class Upstream(Protocol):
    """The two calls the vault makes to a provider; it is given them, it opens no socket itself."""

    async def refresh(self, provider: str, app: str, refresh_token: SecretStr) -> TokenSet:
        """Spend a refresh token. Raises ProviderError."""
        ...

    async def revoke(self, provider: str, app: str, token: SecretStr) -> bool:
        """Tell the provider to end a grant; False where it can't be told. Raises ProviderError."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. `lease` is at least three times `call`, so a slow answer never meets a second worker."""

    skew: float = 30
    lease: float = 30
    call: float = 10
    wait: float = 15
    keep_trying: float = 120
    longest_backoff: float = 300


class Refresher:
    """Turns an expired or refused access token into a live one, once."""

    def __init__(
        self,
        connections: Connections,
        cache: DekCache,
        upstream: Upstream,
        *,
        timing: Timing | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._cache = cache
        self._upstream = upstream
        self._timing = timing or Timing()
        self._sleep = sleep
        self._clock = clock
        self._worker = new_id()
        self._flights: dict[UUID, asyncio.Task[Credential]] = {}
        self._unsaved: dict[tuple[UUID, int], Credential] = {}
        self._savers: set[asyncio.Task[None]] = set()

    async def credential(self, owner: UUID, connection: UUID, refused: int | None) -> Credential:
        """A live access token for the owner's connection; joins a refresh that is under way.

        Raises NotConnected, ConnectionExpired, Busy, Sealed, ProviderError.
        """
        flight = self._flights.get(connection)
        if flight is None:
            flight = asyncio.create_task(self._fly(owner, connection, refused))
            self._flights[connection] = flight
            flight.add_done_callback(lambda done: self._landed(connection, done))
        # A caller that goes away must not cancel the refresh that others wait for.
        got = await asyncio.shield(flight)
        if got.version == refused:
            return await self.credential(owner, connection, refused)
        return got

    def _landed(self, connection: UUID, flight: asyncio.Task[Credential]) -> None:
        self._flights.pop(connection, None)
        if not flight.cancelled():
            flight.exception()

    async def drain(self) -> None:
        """Wait for refreshes under way and for results not yet stored; call it before the pool closes."""
        while self._flights or self._savers:
            await asyncio.gather(*self._flights.values(), *self._savers, return_exceptions=True)

    async def _fly(self, owner: UUID, connection: UUID, refused: int | None) -> Credential:
        deadline = self._clock() + self._timing.wait
        pause = 0.02
        while True:
            lease = await self._connections.lease(
                owner,
                connection,
                self._worker,
                skew=self._timing.skew,
                seconds=self._timing.lease,
                refused=refused,
            )
            if lease is not None:
                got = await self._spend(lease, refused)
                if got is not None:
                    return got
            row = await self._connections.read(owner, connection)
            settled = await self._settled(row, refused)
            if settled is not None:
                return settled
            assert row is not None
            if row.retry_in > deadline - self._clock():
                raise RateLimited(row.provider, "token refresh", row.retry_in)
            if self._clock() >= deadline:
                # Never refresh without the lease: a second spender kills a rotating grant.
                raise Busy("the connection is being refreshed by another worker", retry_after=2)
            await self._sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            pause = min(pause * 2, 0.25)

    async def _settled(self, row: SealedConnection | None, refused: int | None) -> Credential | None:
        """What the row says when we do not hold its lease: a live token, an end, or None (wait)."""
        if row is None or row.status == "disconnected":
            raise NotConnected(row.provider if row else "")
        if row.status == "needs_reauth":
            raise ConnectionExpired(row.provider, row.reason or "unknown")
        if row.secret_version == refused:
            return None
        enough = 0 if row.retry_in > 0 else self._timing.skew
        if row.expires_in <= enough:
            return None
        return credential(row, await open_tokens(row, self._cache))

    async def _spend(self, lease: Lease, refused: int | None) -> Credential | None:
        """Refresh under the lease. None: the row moved on; read it again."""
        row = lease.row
        kept = self._unsaved.get((row.id, row.secret_version))
        if kept is not None:
            # This worker spent the token and could not store the answer yet: never send it again.
            await self._connections.release(lease, answered=False, retry_after=None)
            return kept
        tokens = await open_tokens(row, self._cache)
        if tokens.refresh_token is None:
            await self._condemn(row, "no_refresh_token")
            return None
        started = self._clock()
        try:
            async with asyncio.timeout(self._timing.call):
                fresh = await self._upstream.refresh(row.provider, row.app, tokens.refresh_token)
        except GrantRejected:
            await self._condemn(row, _why(lease))
            return None
        except (ProviderError, TimeoutError) as error:
            return await self._failed(lease, tokens, error, refused)
        return await self._keep(lease, tokens, fresh, self._clock() - started)

    async def _condemn(self, row: SealedConnection, reason: str) -> None:
        if await self._connections.condemn(row, reason):
            _log.warning("connection_needs_reauth", provider=row.provider, reason=reason)
            raise ConnectionExpired(row.provider, reason)

    async def _failed(
        self, lease: Lease, tokens: Tokens, error: ProviderError | TimeoutError, refused: int | None
    ) -> Credential:
        """Give the lease back with a pause, and serve the old access token while it still lives."""
        row = lease.row
        # A definite answer spent nothing; after a lost one nobody knows.
        answered = isinstance(error, ProviderError) and not getattr(error, "ambiguous", False)
        retry_after = self._pause(error)
        _log.warning(
            "refresh_failed", provider=row.provider, error=type(error).__name__, retry_after=retry_after
        )
        await self._connections.release(lease, answered=answered, retry_after=retry_after)
        if row.expires_in > 1 and row.secret_version != refused:
            return credential(row, tokens)
        if isinstance(error, TimeoutError):
            raise Unavailable(row.provider, "token refresh") from None
        raise error

    def _pause(self, error: ProviderError | TimeoutError) -> float | None:
        if isinstance(error, RateLimited):
            return error.retry_after
        if isinstance(error, (AppRejected, Rejected)):
            return None
        return random.uniform(0.05, 1)  # noqa: S311 - jitter

    async def _keep(self, lease: Lease, tokens: Tokens, fresh: TokenSet, took: float) -> Credential | None:
        row = lease.row
        merged = Tokens(fresh.access_token, fresh.refresh_token or tokens.refresh_token)
        body = await seal_tokens(row, row.secret_version + 1, merged, self._cache)
        scopes = None if fresh.scopes is None else sorted(fresh.scopes)
        new = Credential(
            str(row.id),
            fresh.access_token,
            fresh.expires_in,
            row.secret_version + 1,
            frozenset(row.scopes if scopes is None else scopes),
        )
        try:
            stored = await self._connections.commit(row, body, expires_in=fresh.expires_in, scopes=scopes)
        except Busy:
            self._store_later(row, body, fresh.expires_in, scopes, new)
            return new
        _log.info("refreshed", provider=row.provider, stored=stored, rotated=fresh.refresh_token is not None)
        if stored:
            return new
        await self._lost(row, merged)
        return None

    async def _lost(self, row: SealedConnection, merged: Tokens) -> None:
        """The row moved on while we were at the provider. If it was disconnected, end what we got."""
        now = await self._connections.read(row.owner, row.id)
        if (now is None or now.status == "disconnected") and merged.refresh_token is not None:
            try:
                await self._upstream.revoke(row.provider, row.app, merged.refresh_token)
            except ProviderError as error:
                _log.warning("revoke_failed", provider=row.provider, error=type(error).__name__)

    def _store_later(
        self, row: SealedConnection, body: bytes, expires_in: float, scopes: list[str] | None, new: Credential
    ) -> None:
        key = (row.id, row.secret_version)
        self._unsaved[key] = new
        task = asyncio.create_task(self._keep_storing(row, body, expires_in, scopes))
        self._savers.add(task)

        def done(finished: asyncio.Task[None]) -> None:
            self._savers.discard(finished)
            self._unsaved.pop(key, None)

        task.add_done_callback(done)

    async def _keep_storing(
        self, row: SealedConnection, body: bytes, expires_in: float, scopes: list[str] | None
    ) -> None:
        started = self._clock()
        pause = 0.1
        while (elapsed := self._clock() - started) < self._timing.keep_trying:
            try:
                left = max(expires_in - elapsed, 0)
                stored = await self._connections.commit(row, body, expires_in=left, scopes=scopes)
            except Busy:
                await self._sleep(pause)
                pause = min(pause * 2, 5)
                continue
            _log.info("refresh_stored_late", provider=row.provider, stored=stored)
            return
        _log.error("refresh_not_stored", provider=row.provider)


def _why(lease: Lease) -> str:
    if lease.ambiguous:
        return "lost_rotation"
    return "expired" if lease.row.grant_over else "revoked"
