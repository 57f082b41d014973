"""Fresh tokens that could not be stored yet: kept in memory and stored again until it works.

A refresh token of a strict provider is spent by the call that failed to be stored, so what it bought must
not be lost and the spent one must not be sent again while this process lives.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import UUID

import structlog
from pydantic import SecretStr

from providers.base import Credential
from vault.store.leases import SealedConnection

_log = structlog.get_logger(__name__)

Store = Callable[[float], Awaitable[object]]
"""Try to store, with the access token's remaining seconds. Raises until it worked or became pointless."""

Key = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class _Pending:
    spent: int
    token: SecretStr
    credential: Credential
    until: float


class Backlog:
    """Pending results by (owner, connection), each with a task that keeps storing it."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._pending: dict[Key, _Pending] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"Backlog({len(self._pending)} pending)"

    def find(self, row: SealedConnection) -> Credential | None:
        """What the row's secret version was already spent for, with the seconds it still lives."""
        pending = self._pending.get((row.owner, row.id))
        if pending is None or pending.spent != row.secret_version:
            return None
        return replace(pending.credential, expires_in=max(pending.until - self._clock(), 0))

    def spent(self, row: SealedConnection, token: SecretStr) -> bool:
        """Whether that refresh token bought something that is not stored yet, whatever version holds it."""
        pending = self._pending.get((row.owner, row.id))
        return pending is not None and pending.token == token

    def holds(self, owner: UUID, connection: UUID) -> bool:
        """Whether something of that connection is not stored yet."""
        return (owner, connection) in self._pending

    def add(self, row: SealedConnection, token: SecretStr, credential: Credential, store: Store) -> None:
        """Keep `credential`, which `token` in that row was spent for, and store it in the background."""
        key = (row.owner, row.id)
        pending = _Pending(row.secret_version, token, credential, self._clock() + credential.expires_in)
        self._pending[key] = pending
        task = asyncio.create_task(self._keep_storing(row.provider, pending, store))
        self._tasks.add(task)

        def done(finished: asyncio.Task[None]) -> None:
            self._tasks.discard(finished)
            if self._pending.get(key) is pending:
                del self._pending[key]

        task.add_done_callback(done)

    async def _keep_storing(self, provider: str, pending: _Pending, store: Store) -> None:
        pause = 0.1
        while True:
            try:
                await store(max(pending.until - self._clock(), 0))
            except Exception as error:  # noqa: BLE001 - whatever it is, giving up would lose the grant
                _log.warning("refresh_not_stored_yet", provider=provider, error=type(error).__name__)
                await self._sleep(pause)
                # Short: after an outage we must store before anybody may take the lease (Timing.restart).
                pause = min(pause * 2, 1)
            else:
                _log.info("refresh_stored_late", provider=provider)
                return

    async def drain(self, seconds: float) -> None:
        """Give pending results that long to be stored."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            _log.error("refresh_lost", reason="the database did not come back before the end")
            task.cancel()
