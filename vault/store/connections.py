"""Connections: subject × provider × account × app, and the lease that makes a refresh happen once.

The owner is in every WHERE. Expiry is computed by PostgreSQL, so hosts' clocks never matter. Every
write that follows a call to the provider compares `secret_version` with the one that was spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from vault.store.database import Connection as Link
from vault.store.database import Database
from vault.store.deks import WrappedDek

_SEEN: LiteralString = (
    "SELECT id, owner, provider, account_label, app, label, is_default, scopes, status, reason,"
    " grant_expires_at, created_at, last_used_at FROM connections"
)
_SEALED: LiteralString = (
    "SELECT c.id, c.owner, c.provider, c.app, c.label, c.scopes, c.status, c.reason,"
    " c.secret_version, c.body, c.dek_id, d.kek_ref, d.wrapped,"
    " extract(epoch FROM c.access_expires_at - now())::float8 AS expires_in,"
    " coalesce(extract(epoch FROM c.next_attempt_at - now()), 0)::float8 AS retry_in,"
    " coalesce(c.grant_expires_at <= now(), false) AS grant_over,"
    " coalesce(c.last_used_at > now() - interval '1 minute', false) AS used_lately"
    " FROM connections c LEFT JOIN deks d ON d.id = c.dek_id AND d.owner = c.owner"
)

RATE_LIMITED = "rate_limited"
"""The reason of an active connection whose provider asked for a pause."""

Status = Literal["active", "needs_reauth", "disconnected"]


@dataclass(frozen=True, slots=True)
class Connection:
    """What a person sees of a connection; `scopes` are the upstream scopes that were granted."""

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", frozenset(self.scopes))


@dataclass(frozen=True, slots=True)
class SealedConnection:
    """A row with its sealed body and wrapped key; times are seconds from the database's now."""

    id: UUID
    owner: UUID
    provider: str
    app: str
    label: str
    scopes: list[str]
    status: Status
    reason: str | None
    secret_version: int
    body: bytes | None
    dek_id: UUID | None
    kek_ref: str | None
    wrapped: bytes | None
    expires_in: float
    retry_in: float
    grant_over: bool
    used_lately: bool

    def dek(self) -> WrappedDek | None:
        """The row's wrapped key, or None once it was destroyed."""
        if self.dek_id is None or self.kek_ref is None or self.wrapped is None:
            return None
        return WrappedDek(self.dek_id, self.owner, "connection", self.kek_ref, self.wrapped)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to spend one refresh token.

    `ambiguous`: an earlier attempt got no answer. `failures`: attempts since the last success.
    """

    row: SealedConnection
    generation: int
    ambiguous: bool
    failures: int


@dataclass(frozen=True, slots=True)
class Draft:
    """What `save` writes: everything but the owner's other rows.

    `renewed`: the consent brought a refresh token of its own, so the grant's end is counted from now.
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
    renewed: bool


class Connections:
    """The `connections` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(SealedConnection)) as cursor,
        ):
            await cursor.execute(
                _SEALED
                + " WHERE c.owner = %(owner)s AND c.provider = %(provider)s AND c.status <> 'disconnected'"
                " AND CASE WHEN %(label)s::text IS NULL THEN c.is_default"
                "     ELSE lower(c.label) = lower(%(label)s) END",
                {"owner": owner, "provider": provider, "label": label},
            )
            return await cursor.fetchone()

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
        """Note that the connection was used just now."""
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE connections SET last_used_at = now() WHERE id = %(id)s AND owner = %(owner)s",
                {"id": connection, "owner": owner},
            )

    async def lease(
        self, owner: UUID, connection: UUID, worker: UUID, *, skew: float, seconds: float, refused: int | None
    ) -> Lease | None:
        """Take the lease if a refresh is due and nobody holds it; also proves the database is writable.

        Due: the access token has less than `skew` seconds, or its version is the `refused` one.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE connections c SET lease_owner = %(worker)s,"
                " lease_until = now() + make_interval(secs => %(seconds)s), lease_gen = lease_gen + 1,"
                " attempt_started_at = coalesce(attempt_started_at, now())"
                " FROM deks d WHERE d.id = c.dek_id AND d.owner = c.owner"
                " AND c.id = %(id)s AND c.owner = %(owner)s AND c.status = 'active'"
                " AND (c.access_expires_at < now() + make_interval(secs => %(skew)s)"
                "      OR c.secret_version = %(refused)s)"
                " AND (c.lease_until IS NULL OR c.lease_until < now())"
                " AND (c.next_attempt_at IS NULL OR c.next_attempt_at <= now())"
                " RETURNING c.lease_gen, c.attempt_started_at < now(), c.fail_count,"
                " c.id, c.owner, c.provider, c.app, c.label, c.scopes, c.status, c.reason, c.secret_version,"
                " c.body, c.dek_id, d.kek_ref, d.wrapped,"
                " extract(epoch FROM c.access_expires_at - now())::float8, 0::float8,"
                " coalesce(c.grant_expires_at <= now(), false), true",
                {
                    "worker": worker,
                    "seconds": seconds,
                    "id": connection,
                    "owner": owner,
                    "skew": skew,
                    "refused": refused,
                },
            )
            row = await cursor.fetchone()
        return None if row is None else Lease(SealedConnection(*row[3:]), row[0], row[1], row[2])

    async def commit(
        self, row: SealedConnection, body: bytes, *, expires_in: float, scopes: list[str]
    ) -> bool:
        """Store what the spent version bought. False when the row moved on meanwhile.

        The guard is the version that was spent, not the lease: if our lease ran out but nobody else
        rotated, our token is the only live one and must be kept.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE connections SET body = %(body)s, secret_version = secret_version + 1,"
                " access_expires_at = now() + make_interval(secs => %(expires_in)s),"
                " scopes = %(scopes)s, fail_count = 0, next_attempt_at = NULL, reason = NULL,"
                " lease_owner = NULL, lease_until = NULL, attempt_started_at = NULL, updated_at = now()"
                " WHERE id = %(id)s AND owner = %(owner)s AND secret_version = %(spent)s"
                " AND status = 'active'",
                {
                    "body": body,
                    "expires_in": expires_in,
                    "scopes": scopes,
                    "id": row.id,
                    "owner": row.owner,
                    "spent": row.secret_version,
                },
            )
            return cursor.rowcount == 1

    async def condemn(self, row: SealedConnection, reason: str) -> bool:
        """Mark as needing the person again, unless the row moved on meanwhile. The body is kept."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE connections SET status = 'needs_reauth', reason = %(reason)s, lease_owner = NULL,"
                " lease_until = NULL, attempt_started_at = NULL, updated_at = now()"
                " WHERE id = %(id)s AND owner = %(owner)s AND secret_version = %(spent)s"
                " AND status = 'active'",
                {"reason": reason, "id": row.id, "owner": row.owner, "spent": row.secret_version},
            )
            return cursor.rowcount == 1

    async def release(
        self, lease: Lease, *, answered: bool, retry_after: float | None, limited: bool = False
    ) -> None:
        """Give the lease back if it is still ours.

        `answered`: the token was surely not spent, so the mark goes too. `retry_after`: seconds in which
        nobody should try again; `limited` says that it was the provider who asked for them.
        """
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE connections SET lease_owner = NULL, lease_until = NULL,"
                " attempt_started_at = CASE WHEN %(answered)s THEN NULL ELSE attempt_started_at END,"
                " fail_count = fail_count + (%(retry_after)s::float8 IS NOT NULL)::int,"
                " reason = CASE WHEN %(limited)s THEN %(word)s END,"
                " next_attempt_at = now() + make_interval(secs => %(retry_after)s), updated_at = now()"
                " WHERE id = %(id)s AND owner = %(owner)s AND lease_gen = %(generation)s"
                " AND secret_version = %(spent)s AND status = 'active'",
                {
                    "answered": answered,
                    "retry_after": retry_after,
                    "limited": limited,
                    "word": RATE_LIMITED,
                    "id": lease.row.id,
                    "owner": lease.row.owner,
                    "generation": lease.generation,
                    "spent": lease.row.secret_version,
                },
            )

    async def lock_owner(self, link: Link, owner: UUID) -> bool:
        """Serialise the writes that look at all of an owner's connections. False: no such user."""
        cursor = await link.execute("SELECT 1 FROM users WHERE id = %(owner)s FOR UPDATE", {"owner": owner})
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
            " is_default, scopes, status, dek_id, body, secret_version, access_expires_at, grant_expires_at)"
            " VALUES (%(id)s, %(owner)s, %(provider)s, %(index)s, %(account)s, %(app)s, %(label)s,"
            "  NOT EXISTS (SELECT 1 FROM connections o WHERE o.owner = %(owner)s"
            "   AND o.provider = %(provider)s AND o.is_default AND o.status <> 'disconnected'"
            "   AND o.id <> %(id)s),"
            "  %(scopes)s, 'active', %(dek)s, %(body)s, %(version)s,"
            "  now() + make_interval(secs => %(expires_in)s), now() + make_interval(secs => %(lifetime)s))"
            " ON CONFLICT (owner, provider, account_index, app) DO UPDATE SET"
            "  account_label = excluded.account_label, label = excluded.label,"
            "  is_default = excluded.is_default,"
            "  scopes = excluded.scopes, status = 'active', reason = NULL, dek_id = excluded.dek_id,"
            "  body = excluded.body, secret_version = excluded.secret_version,"
            "  access_expires_at = excluded.access_expires_at,"
            "  grant_expires_at = CASE WHEN %(renewed)s THEN excluded.grant_expires_at"
            "   ELSE connections.grant_expires_at END,"
            "  lease_owner = NULL, lease_until = NULL, attempt_started_at = NULL, fail_count = 0,"
            "  next_attempt_at = NULL, updated_at = now()",
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
                "renewed": draft.renewed,
            },
        )

    async def disconnect(self, link: Link, owner: UUID, connection: UUID) -> UUID | None:
        """End a connection inside the caller's transaction; returns the id of the key to destroy."""
        cursor = await link.execute(
            "UPDATE connections c SET status = 'disconnected', reason = NULL, body = NULL, dek_id = NULL,"
            " is_default = false, secret_version = c.secret_version + 1, lease_owner = NULL,"
            " lease_until = NULL, attempt_started_at = NULL, updated_at = now()"
            " FROM (SELECT id, dek_id FROM connections WHERE id = %(id)s AND owner = %(owner)s"
            "  AND status <> 'disconnected' FOR UPDATE) was"
            " WHERE c.id = was.id AND c.owner = %(owner)s RETURNING was.dek_id",
            {"id": connection, "owner": owner},
        )
        row = await cursor.fetchone()
        return None if row is None else row[0]
