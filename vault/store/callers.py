"""Who calls, and what with: a token, what it stands on, its person and their default accounts, by one SELECT.

Nothing of it is kept from one request to the next, so a revocation, a block or a disconnect works at the next
request, on every worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from vault.store.connections import ITS_KEY, SEALED
from vault.store.database import Connection as Link
from vault.store.database import Database
from vault.store.leases import SealedConnection

# PostgreSQL plans each part by itself: of seven tables at once it would try out so many orders that planning
# took most of the statement's time.
_WHO: LiteralString = (
    "WITH who AS MATERIALIZED ("
    "SELECT g.user_id, g.client_id, (SELECT name FROM clients WHERE id = g.client_id), g.id, g.scopes,"
    " f.resource, t.expires_at, (SELECT kind = 'personal' FROM clients WHERE id = g.client_id) AS personal,"
    " coalesce(g.last_used_at < now() - interval '1 minute', true) AS stale"
    " FROM access_tokens t JOIN families f ON f.id = t.family_id JOIN grants g ON g.id = f.grant_id"
    " WHERE t.hash = %(hash)s AND f.revoked_at IS NULL AND g.revoked_at IS NULL"
    " AND (SELECT blocked_at IS NULL FROM users WHERE id = g.user_id))"
    " SELECT who.*, "
)
_THEIRS: LiteralString = (
    " FROM who LEFT JOIN connections c"
    " ON c.owner = who.user_id AND c.is_default AND c.status <> 'disconnected' LEFT JOIN deks d"
    + ITS_KEY
    # Out here, or PostgreSQL may look for the token among all that have not ended instead of by its hash.
    + " WHERE who.expires_at > now()"
)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a live access token speaks for, and what they may do; `scopes` are ours. `personal`: it is one."""

    user_id: UUID
    client_id: str
    client_name: str
    grant_id: UUID
    scopes: frozenset[str]
    resource: str
    expires_at: datetime
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a live token speaks for, and their default connections at that moment, sealed, by provider."""

    principal: Principal
    connections: Mapping[str, SealedConnection] = field(default_factory=dict, repr=False)


class Callers:
    """Reads of `access_tokens` and of all that one stands on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, token_hash: bytes) -> Caller | None:
        """Who comes with this access token, and with what; None once it, its family, its grant or its user
        ended.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                _WHO + SEALED + _THEIRS,
                {"hash": token_hash},
            )
            rows = await cursor.fetchall()
            if not rows:
                return None
            user, client, name, grant, scopes, resource, expires_at, personal, stale = rows[0][:9]
            if stale:
                await _touch(link, grant)
        principal = Principal(user, client, name, grant, frozenset(scopes), resource, expires_at, personal)
        held = [SealedConnection(*row[9:]) for row in rows if row[9] is not None]
        return Caller(principal, {row.provider: row for row in held})


async def _touch(link: Link, grant_id: UUID) -> None:
    """Note the use of a grant. Of many calls at once one writes; none waits for it, nor it for the disk."""
    await link.execute(
        "UPDATE grants SET last_used_at = now() WHERE id = (SELECT id FROM grants WHERE id = %(id)s"
        " AND coalesce(last_used_at < now() - interval '1 minute', true) FOR NO KEY UPDATE SKIP LOCKED)"
        " AND set_config('synchronous_commit', 'off', true) = 'off'",
        {"id": grant_id},
    )
