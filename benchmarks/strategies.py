"""The ways of refreshing that the benchmark compares: two common ones, one at its best, and ours."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from providers.base import Credential, GrantRejected, TokenSet
from vault.apps import Apps, Through
from vault.cache import DekCache
from vault.records import Tokens, credential, open_tokens, seal_tokens
from vault.refresh import Refresher
from vault.store.connections import Connections
from vault.store.database import Connection as Link
from vault.store.database import Database
from vault.store.leases import SealedConnection
from vault.timing import Timing
from vault.upstream import Upstream

SKEW = Timing().skew
Strategy = Callable[[UUID, UUID], Awaitable[Credential]]


@dataclass(frozen=True)
class Kit:
    """What every strategy is built from."""

    database: Database
    connections: Connections
    cache: DekCache
    upstream: Upstream

    async def read(self, owner: UUID, connection: UUID) -> SealedConnection:
        row = await self.connections.read(owner, connection)
        assert row is not None
        return row

    async def live(self, row: SealedConnection) -> Credential | None:
        if row.expires_in <= SKEW:
            return None
        return credential(row, await open_tokens(row, self.cache))

    async def spend(self, row: SealedConnection) -> TokenSet:
        refresh = (await open_tokens(row, self.cache)).refresh_token
        assert refresh is not None
        return await self.upstream.refresh(row.provider, row.app, refresh)

    async def write(self, link: Link, row: SealedConnection, fresh: TokenSet) -> Credential:
        version = row.secret_version + 1
        body = await seal_tokens(row, version, Tokens(fresh.access_token, fresh.refresh_token), self.cache)
        await link.execute(
            "UPDATE connections SET body = %s, secret_version = %s, updated_at = now(),"
            " access_expires_at = now() + make_interval(secs => %s) WHERE id = %s AND owner = %s",
            (body, version, fresh.expires_in, row.id, row.owner),
        )
        return Credential(str(row.id), fresh.access_token, fresh.expires_in, version, frozenset(row.scopes))


def process_lock(kit: Kit) -> Strategy:
    # Modelled on FastMCP's OAuthProxy: a lock per token set; read again under it, and after a failure.
    locks: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ask(owner: UUID, connection: UUID) -> Credential:
        async with locks[connection]:
            row = await kit.read(owner, connection)
            if (kept := await kit.live(row)) is not None:
                return kept
            try:
                fresh = await kit.spend(row)
            except GrantRejected:
                if (kept := await kit.live(await kit.read(owner, connection))) is not None:
                    return kept
                raise
            async with kit.database.connection() as link:
                return await kit.write(link, row, fresh)

    return ask


def row_lock(kit: Kit) -> Strategy:
    # Modelled on Django's select_for_update() and Rails' with_lock: lock, look again, call, write, commit.
    async def ask(owner: UUID, connection: UUID) -> Credential:
        async with kit.database.transaction() as link:
            row = await kit.connections.locked(link, owner, connection)
            assert row is not None
            if (kept := await kit.live(row)) is not None:
                return kept
            return await kit.write(link, row, await kit.spend(row))

    return ask


def both_locks(kit: Kit) -> Strategy:
    # The row lock at its best: one coroutine of a process waits for a row, the others wait for it.
    locks: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
    inner = row_lock(kit)

    async def ask(owner: UUID, connection: UUID) -> Credential:
        async with locks[connection]:
            kept = await kit.live(await kit.read(owner, connection))
            return kept if kept is not None else await inner(owner, connection)

    return ask


def ours(kit: Kit) -> Strategy:
    through = Through(kit.upstream, Apps(kit.database, kit.cache))
    refresher = Refresher(kit.connections, kit.cache, through)

    async def ask(owner: UUID, connection: UUID) -> Credential:
        return await refresher.credential(owner, connection, None)

    return ask


STRATEGIES: dict[str, Callable[[Kit], Strategy]] = {
    "process lock": process_lock,
    "FOR UPDATE": row_lock,
    "both locks": both_locks,
    "Valet": ours,
}
