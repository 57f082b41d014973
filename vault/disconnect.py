"""Ending a connection: its row, its key and its grant at the provider, in that order.

The end is one transaction under the row's lock, and stronger than a lease: no refresh takes one after it, and
one that is under way finds the row disconnected, stores nothing, and ends what it got (`vault/proceeds.py`).
The token that the provider is told of is read under the same lock, so it is the last one that was stored.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog
from pydantic import SecretStr

from vault.cache import DekCache
from vault.errors import Busy, NotConnected, Sealed
from vault.records import Tokens, open_tokens
from vault.revocation import Ended, Revoker
from vault.store.connections import Connections
from vault.store.database import Connection as Link
from vault.store.database import Database
from vault.store.deks import Deks
from vault.store.labels import Labels
from vault.store.leases import SealedConnection

_log = structlog.get_logger(__name__)


class Disconnects:
    """Ends connections, each to the end once it was begun."""

    def __init__(
        self,
        database: Database,
        connections: Connections,
        labels: Labels,
        cache: DekCache,
        revoker: Revoker,
    ) -> None:
        self._database = database
        self._connections = connections
        self._labels = labels
        self._cache = cache
        self._revoker = revoker
        self._deks = Deks(database)
        self._under_way: set[asyncio.Task[Ended]] = set()

    async def end(self, owner: UUID, connection: UUID) -> Ended:
        """End the owner's connection. A caller that goes away does not stop it.

        Raises NotConnected when the owner has no such connection, Busy.
        """
        task = asyncio.create_task(self._end(owner, connection))
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Ended]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()

    async def drain(self, seconds: float) -> None:
        """Give what is under way that long to end."""
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=seconds)

    async def _end(self, owner: UUID, connection: UUID) -> Ended:
        was = await self._connections.find(owner, connection)
        held = await self._connections.read(owner, connection)
        # Before the transaction: what holds the keys may be far away, and then nothing was begun.
        await self._cache.ready(None if held is None else held.dek())
        row: SealedConnection | None = None
        token: SecretStr | None = None
        try:
            async with self._database.transaction() as link:
                row = await locked(self._connections, link, owner, connection)
                if was is None:
                    raise NotConnected(row.provider, "no such connection")
                # Read under the lock: a refresh that committed a moment ago made this the live token.
                tokens = await self._readable(row)
                token = None if tokens is None else tokens.refresh_token or tokens.access_token
                dek = await self._connections.disconnect(link, owner, connection)
                if dek is not None:
                    await self._deks.destroy(link, owner, dek)
                await self._labels.promote(link, owner, was.provider)
        except Busy:
            if row is None or not await self._gone(row, token):
                raise
        assert row is not None
        assert was is not None
        _log.info("connection_ended", provider=was.provider)
        return Ended(was, told=token is not None and await self._revoker.end(row, token))

    async def _gone(self, row: SealedConnection, token: SecretStr | None) -> bool:
        """Whether a disconnect without an answer was done after all. Raises Busy where nobody can tell now;
        the provider then is told once it is certain.
        """

        async def gone() -> bool:
            now = await self._connections.read(row.owner, row.id)
            return now is None or (now.status == "disconnected" and now.dek_id is None)

        try:
            return await gone()
        except Busy:
            if token is not None:
                self._revoker.begin(row, token, gone)
            raise

    async def _readable(self, row: SealedConnection) -> Tokens | None:
        try:
            return await open_tokens(row, self._cache)
        except Sealed:
            return None


async def locked(connections: Connections, link: Link, owner: UUID, connection: UUID) -> SealedConnection:
    """The owner's live connection, locked after the owner for the transaction. Raises NotConnected."""
    await connections.lock_owner(link, owner)
    row = await connections.locked(link, owner, connection)
    if row is None or row.status == "disconnected":
        raise NotConnected(row.provider if row else "", "no such connection")
    return row
