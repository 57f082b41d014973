"""Connections: subject × provider × account × app.

The owner is in every WHERE but two: one gives only a yes or no, one serves the operator's check of keys.
Expiry is computed by PostgreSQL, so hosts' clocks never matter. What a refresh does to a row:
`vault/store/leases.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from vault.store.database import Connection as Link
from vault.store.leases import Leases, SealedConnection, Status

_SEEN: LiteralString = (
    "SELECT id, owner, provider, account_label, app, label, is_default, scopes, status, reason,"
    " grant_expires_at, created_at, last_used_at, grant_expires_at - now() AS ends_in,"
    " access_expires_at <= now() AND coalesce(next_attempt_at > now(), false) AS stalled FROM connections"
)
SEALED: LiteralString = (
    "c.id, c.owner, c.provider, c.app, c.label, c.scopes, c.status, c.reason,"
    " c.secret_version, c.body, c.dek_id, d.kek_ref, d.wrapped,"
    " extract(epoch FROM c.access_expires_at - now())::float8 AS expires_in,"
    " coalesce(extract(epoch FROM c.next_attempt_at - now()), 0)::float8 AS retry_in,"
    " coalesce(c.grant_expires_at <= now(), false) AS grant_over,"
    " coalesce(c.last_used_at > now() - interval '1 minute', false) AS used_lately, c.account_index,"
    " c.grant_expires_at - now() AS ends_in, coalesce(c.next_warning_at > now(), false) AS quiet"
)
"""The columns of a SealedConnection, in its order, where `c` is the connection and `d` its data key."""
ITS_KEY: LiteralString = " ON d.id = c.dek_id AND d.owner = c.owner AND d.purpose = 'connection'"
_OF_ALL: LiteralString = " FROM connections c LEFT JOIN deks d" + ITS_KEY
_SELECT: LiteralString = "SELECT "
_SEALED: LiteralString = _SELECT + SEALED + _OF_ALL


@dataclass(frozen=True, slots=True)
class Connection:
    """What a person sees of a connection; `scopes` are the upstream scopes that were granted.

    `ends_in`, `stalled`: what `vault.health` reads, as of the moment when the row was read.
    """

    id: UUID
    owner: UUID
    provider: str
    account_label: str
    app: str
    label: str
    is_default: bool
    scopes: frozenset[str]
    status: Status
    reason: str | None
    grant_expires_at: datetime | None
    created_at: datetime
    last_used_at: datetime | None
    ends_in: timedelta | None = field(compare=False)
    stalled: bool = field(compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", frozenset(self.scopes))


@dataclass(frozen=True, slots=True)
class Draft:
    """What `save` writes: everything but the owner's other rows.

    Seconds: `expires_in`, `grant_lifetime`, and `quiet`, how long nobody is to be warned of the grant's end.
    """

    id: UUID
    owner: UUID
    provider: str
    app: str
    account_index: bytes
    account_label: str
    scopes: list[str]
    body: bytes
    dek_id: UUID
    secret_version: int
    expires_in: float
    grant_lifetime: float | None
    quiet: float | None = None
    same_refresh: bool = False
    """The consent brought no refresh token: the row keeps its own, its end, and the lease on spending it."""


class Connections(Leases):
    """The `connections` table."""

    async def live(self, owner: UUID) -> list[Connection]:
        """The owner's connections that are not disconnected, oldest first."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(Connection)) as cursor,
        ):
            await cursor.execute(
                _SEEN + " WHERE owner = %(owner)s AND status <> 'disconnected' ORDER BY created_at, id",
                {"owner": owner},
            )
            return await cursor.fetchall()

    async def find(self, owner: UUID, connection: UUID) -> Connection | None:
        """One of the owner's connections, disconnected ones included."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(Connection)) as cursor,
        ):
            await cursor.execute(
                _SEEN + " WHERE owner = %(owner)s AND id = %(id)s",
                {"owner": owner, "id": connection},
            )
            return await cursor.fetchone()

    async def pick(self, owner: UUID, provider: str, label: str | None) -> SealedConnection | None:
        """The connection with that label, or the default one where label is None."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                _SEALED
                + " WHERE c.owner = %(owner)s AND c.provider = %(provider)s AND c.status <> 'disconnected'"
                " AND CASE WHEN %(label)s::text IS NULL THEN c.is_default"
                "     ELSE lower(c.label) = lower(%(label)s) END",
                {"owner": owner, "provider": provider, "label": label},
            )
            row = await cursor.fetchone()
        return None if row is None else SealedConnection(*row)

    async def read(self, owner: UUID, connection: UUID) -> SealedConnection | None:
        """One of the owner's rows with its sealed body, whatever its status."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(SealedConnection)) as cursor,
        ):
            await cursor.execute(
                _SEALED + " WHERE c.owner = %(owner)s AND c.id = %(id)s",
                {"owner": owner, "id": connection},
            )
            return await cursor.fetchone()

    async def touch(self, owner: UUID, connection: UUID) -> None:
        """Note that the connection was used just now, unless somebody holds its row.

        Nobody waits for the disk: a crash of the database may take the notes of its last second.
        """
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE connections SET last_used_at = now(),"
                # One that comes back into use is due at another time: vault/store/due.py.
                " tend_at = CASE WHEN last_used_at > now() - interval '30 days' THEN tend_at ELSE now() END"
                " WHERE owner = %(owner)s AND id ="
                " (SELECT id FROM connections WHERE id = %(id)s AND owner = %(owner)s"
                "  FOR NO KEY UPDATE SKIP LOCKED)"
                # For this statement's own transaction alone, so also behind PgBouncer.
                " AND set_config('synchronous_commit', 'off', true) = 'off'",
                {"id": connection, "owner": owner},
            )

    async def alive(self, provider: str, account_index: bytes, app: str) -> bool:
        """Whether anybody has a live connection of that account through that app, or is about to say yes to
        one: yes or no, never whose.
        """
        # Across owners on purpose: two people may connect one account, and what ends it ends it for both.
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT EXISTS (SELECT FROM connections WHERE provider = %(provider)s"
                " AND account_index = %(index)s AND app = %(app)s AND status <> 'disconnected')"
                " OR EXISTS (SELECT FROM pendings WHERE provider = %(provider)s AND account_index = %(index)s"
                " AND app = %(app)s AND sealed IS NOT NULL AND expires_at > now())",
                {"provider": provider, "index": account_index, "app": app},
            )
            row = await cursor.fetchone()
        return row is not None and bool(row[0])

    async def stand_on(self, link: Link, owner: UUID, provider: str, app: str) -> bool:
        """Whether the owner has a live connection through that app."""
        cursor = await link.execute(
            "SELECT 1 FROM connections WHERE owner = %(owner)s AND provider = %(provider)s"
            " AND app = %(app)s AND status <> 'disconnected'",
            {"owner": owner, "provider": provider, "app": app},
        )
        return await cursor.fetchone() is not None

    async def standing(self, owner: UUID, provider: str, app: str, account_index: bytes) -> UUID | None:
        """The owner's connection of that account through that app, while it is not disconnected."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT id FROM connections WHERE owner = %(owner)s AND provider = %(provider)s"
                " AND account_index = %(index)s AND app = %(app)s AND status <> 'disconnected'",
                {"owner": owner, "provider": provider, "index": account_index, "app": app},
            )
            row = await cursor.fetchone()
        return None if row is None else row[0]

    async def every(self, after: UUID, limit: int) -> list[SealedConnection]:
        """Everybody's rows with something sealed, by id: for the operator's `valet keys verify` alone."""
        # Across owners on purpose; each body still opens only for the owner that its row names.
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(SealedConnection)) as cursor,
        ):
            await cursor.execute(
                _SEALED + " WHERE c.id > %(after)s AND (c.body IS NOT NULL OR c.status <> 'disconnected')"
                " ORDER BY c.id LIMIT %(limit)s",
                {"after": after, "limit": limit},
            )
            return await cursor.fetchall()

    async def lock_owner(self, link: Link, owner: UUID) -> bool:
        """Serialise the writes that look at all of an owner's connections. False: no such user."""
        cursor = await link.execute(
            # The weakest lock that excludes itself: rows of sessions, flows, grants may point to the user.
            "SELECT 1 FROM users WHERE id = %(owner)s FOR NO KEY UPDATE",
            {"owner": owner},
        )
        return await cursor.fetchone() is not None

    async def same(
        self, link: Link, owner: UUID, provider: str, account_index: bytes, app: str
    ) -> SealedConnection | None:
        """The owner's row of that account through that app, locked for the transaction."""
        async with link.cursor(row_factory=class_row(SealedConnection)) as cursor:
            await cursor.execute(
                _SEALED
                + " WHERE c.owner = %(owner)s AND c.provider = %(provider)s AND c.account_index = %(index)s"
                " AND c.app = %(app)s FOR UPDATE OF c",
                {"owner": owner, "provider": provider, "index": account_index, "app": app},
            )
            return await cursor.fetchone()

    async def locked(self, link: Link, owner: UUID, connection: UUID) -> SealedConnection | None:
        """One of the owner's rows, locked for the transaction: no refresh commits under it."""
        async with link.cursor(row_factory=class_row(SealedConnection)) as cursor:
            await cursor.execute(
                _SEALED + " WHERE c.owner = %(owner)s AND c.id = %(id)s FOR UPDATE OF c",
                {"owner": owner, "id": connection},
            )
            return await cursor.fetchone()

    async def write(self, link: Link, draft: Draft, label: str) -> None:
        """Insert or replace a connection; it becomes the default where the owner has no other."""
        await link.execute(
            "INSERT INTO connections (id, owner, provider, account_index, account_label, app, label,"
            " is_default, scopes, status, dek_id, body, secret_version, access_expires_at, grant_expires_at,"
            " next_warning_at)"
            " VALUES (%(id)s, %(owner)s, %(provider)s, %(index)s, %(account)s, %(app)s, %(label)s,"
            "  NOT EXISTS (SELECT 1 FROM connections o WHERE o.owner = %(owner)s"
            "   AND o.provider = %(provider)s AND o.is_default AND o.status <> 'disconnected'"
            "   AND o.id <> %(id)s),"
            "  %(scopes)s, 'active', %(dek)s, %(body)s, %(version)s,"
            "  now() + make_interval(secs => %(expires_in)s), now() + make_interval(secs => %(lifetime)s),"
            "  now() + make_interval(secs => %(quiet)s))"
            " ON CONFLICT (owner, provider, account_index, app) DO UPDATE SET"
            "  account_label = excluded.account_label, label = excluded.label,"
            "  is_default = excluded.is_default,"
            "  scopes = excluded.scopes, status = 'active', reason = NULL, dek_id = excluded.dek_id,"
            "  body = excluded.body, secret_version = excluded.secret_version,"
            "  access_expires_at = excluded.access_expires_at,"
            # The lease guards a refresh token: who keeps that keeps the lease, and the mark of an attempt.
            # The end is the refresh token's, too: it stays with it, unless the answer says another.
            "  grant_expires_at = CASE WHEN %(same)s"
            "   THEN coalesce(excluded.grant_expires_at, connections.grant_expires_at)"
            "   ELSE excluded.grant_expires_at END,"
            "  next_warning_at = CASE WHEN %(same)s THEN connections.next_warning_at"
            "   ELSE excluded.next_warning_at END,"
            "  lease_owner = CASE WHEN %(same)s THEN connections.lease_owner END,"
            "  lease_until = CASE WHEN %(same)s THEN connections.lease_until END,"
            "  attempt_started_at = CASE WHEN %(same)s THEN connections.attempt_started_at END,"
            # A consent that brought no refresh token is no use of the old one.
            "  refreshed_at = CASE WHEN %(same)s THEN connections.refreshed_at ELSE now() END,"
            "  tend_at = now(), fail_count = 0, next_attempt_at = NULL, updated_at = now()",
            {
                "id": draft.id,
                "owner": draft.owner,
                "provider": draft.provider,
                "index": draft.account_index,
                "account": draft.account_label,
                "app": draft.app,
                "label": label,
                "scopes": draft.scopes,
                "dek": draft.dek_id,
                "body": draft.body,
                "version": draft.secret_version,
                "expires_in": draft.expires_in,
                "lifetime": draft.grant_lifetime,
                "quiet": draft.quiet,
                "same": draft.same_refresh,
            },
        )

    async def disconnect(self, link: Link, owner: UUID, connection: UUID) -> UUID | None:
        """End a connection inside the caller's transaction; returns the id of the key to destroy."""
        cursor = await link.execute(
            "UPDATE connections c SET status = 'disconnected', reason = NULL, body = NULL, dek_id = NULL,"
            " is_default = false, lease_owner = NULL,"
            " secret_version = least(c.secret_version, 9223372036854775806) + 1,"
            " lease_until = NULL, attempt_started_at = NULL, updated_at = now()"
            " FROM (SELECT id, dek_id FROM connections WHERE id = %(id)s AND owner = %(owner)s"
            "  AND status <> 'disconnected' FOR UPDATE) was"
            " WHERE c.id = was.id AND c.owner = %(owner)s RETURNING was.dek_id",
            {"id": connection, "owner": owner},
        )
        row = await cursor.fetchone()
        return None if row is None else row[0]
