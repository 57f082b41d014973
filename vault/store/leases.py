"""The lease that makes a refresh happen once, and what a refresh writes.

The owner is in every WHERE. Time is PostgreSQL's, so hosts' clocks never matter. Every write that follows
a call to the provider compares `secret_version` with the one that was spent, or the lease with the one taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from vault.store.database import Database
from vault.store.deks import WrappedDek

RATE_LIMITED = "rate_limited"
"""The reason of an active connection whose provider asked for a pause."""

Status = Literal["active", "needs_reauth", "disconnected"]
Death = Literal["revoked", "expired", "lost_rotation", "no_refresh_token"]
"""Why a connection needs its person: its `reason` once it is condemned."""


@dataclass(frozen=True, slots=True)
class SealedConnection:
    """A row with its sealed body and wrapped key; times are seconds from the database's now.

    `ends_in`: how long the grant still lives, where that is known; `quiet`: its person is not to be warned
    yet.
    """

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
    account_index: bytes
    ends_in: timedelta | None = None
    quiet: bool = False

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

    @property
    def death(self) -> Death:
        """Why a grant died that the provider refuses under this lease: a connection's `reason`."""
        if self.ambiguous:
            return "lost_rotation"
        return "expired" if self.row.grant_over else "revoked"


class Leases:
    """The part of the `connections` table that a refresh reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lease(
        self,
        owner: UUID,
        connection: UUID,
        worker: UUID,
        *,
        skew: float,
        seconds: float,
        restart: float,
        refused: int | None,
    ) -> Lease | None:
        """Take the lease if a refresh is due and nobody holds it; also proves the database is writable.

        Due: the access token has less than `skew` seconds, or its version is the `refused` one. A lease of
        the `worker` itself is no hindrance: it asks only when it has no refresh of that connection under
        way, so the answer that gave the lease, or took it back, got lost. One from before a restart of the
        database still counts for `restart` seconds after it: its holder may not have been able to store.
        """
        # When this PostgreSQL began: the postmaster's start does not move when it only starts its children
        # again after one crashed, but every recovery from a crash discards the statistics and notes when
        # (PostgreSQL 15 to 18). Resetting them by hand lets a lapsed lease last a little longer, no more.
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE connections c SET lease_owner = %(worker)s,"
                " lease_until = now() + make_interval(secs => %(seconds)s), lease_gen = lease_gen + 1,"
                # If its holder dies, somebody looks as soon as the lease is over.
                " tend_at = now() + make_interval(secs => %(seconds)s),"
                " attempt_started_at = coalesce(attempt_started_at, now())"
                " FROM deks d, (SELECT greatest(pg_postmaster_start_time(),"
                "  pg_stat_get_bgwriter_stat_reset_time()) AS began) server"
                " WHERE d.id = c.dek_id AND d.owner = c.owner AND d.purpose = 'connection'"
                " AND c.id = %(id)s AND c.owner = %(owner)s AND c.status = 'active'"
                " AND (c.access_expires_at < now() + make_interval(secs => %(skew)s)"
                "      OR c.secret_version = %(refused)s)"
                " AND (c.lease_until IS NULL OR c.lease_owner = %(worker)s OR c.lease_until < now()"
                "  AND (c.lease_until - make_interval(secs => %(seconds)s) >= server.began"
                "   OR now() >= server.began + make_interval(secs => %(restart)s)))"
                " AND (c.next_attempt_at IS NULL OR c.next_attempt_at <= now())"
                " RETURNING c.lease_gen, c.attempt_started_at < now(), c.fail_count,"
                " c.id, c.owner, c.provider, c.app, c.label, c.scopes, c.status, c.reason, c.secret_version,"
                " c.body, c.dek_id, d.kek_ref, d.wrapped,"
                " extract(epoch FROM c.access_expires_at - now())::float8, 0::float8,"
                " coalesce(c.grant_expires_at <= now(), false), true, c.account_index",
                {
                    "worker": worker,
                    "seconds": seconds,
                    "restart": restart,
                    "id": connection,
                    "owner": owner,
                    "skew": skew,
                    "refused": refused,
                },
            )
            row = await cursor.fetchone()
        return None if row is None else Lease(SealedConnection(*row[3:]), row[0], row[1], row[2])

    async def held(self, owner: UUID, connection: UUID, worker: UUID) -> int | None:
        """The generation of the lease that the worker holds on that connection, if it holds one."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT lease_gen FROM connections"
                " WHERE id = %(id)s AND owner = %(owner)s AND lease_owner = %(worker)s",
                {"id": connection, "owner": owner, "worker": worker},
            )
            row = await cursor.fetchone()
        return None if row is None else row[0]

    async def abandon(self, owner: UUID, connection: UUID, generation: int) -> None:
        """Give that lease back, if it is still that one; nothing is known of what was done under it."""
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE connections SET lease_owner = NULL, lease_until = NULL, updated_at = now()"
                " WHERE id = %(id)s AND owner = %(owner)s AND lease_gen = %(generation)s",
                {"id": connection, "owner": owner, "generation": generation},
            )

    async def commit(
        self,
        row: SealedConnection,
        body: bytes,
        *,
        expires_in: float,
        scopes: list[str],
        ahead: float,
        grant_expires_in: float | None = None,
    ) -> bool:
        """Store what the spent version bought. False when the row moved on meanwhile.

        The guard is the version that was spent, not the lease: if our lease ran out but nobody else
        rotated, our token is the only live one and must be kept. That also goes for a version that somebody
        condemned: they sent what we had spent. `grant_expires_in`: seconds until the grant itself ends, where
        the answer says so; else its end stays what it was, for to refresh a grant prolongs none. `ahead`:
        seconds before its end at which the next refresh is due, which each row shortens or lengthens by up to
        a fifth, as in `vault/store/due.py`.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE connections SET body = %(body)s, secret_version = secret_version + 1,"
                " access_expires_at = now() + make_interval(secs => %(expires_in)s), status = 'active',"
                " grant_expires_at = coalesce(now() + make_interval(secs => %(ends_in)s), grant_expires_at),"
                " refreshed_at = now(), tend_at = now() + least(interval '80 days',"
                "  make_interval(secs => %(expires_in)s - %(ahead)s * (0.8 + 0.4 *"
                "   ((get_byte(uuid_send(id), 14) * 256 + get_byte(uuid_send(id), 15)) / 65536.0)::float8))),"
                " scopes = %(scopes)s, fail_count = 0, next_attempt_at = NULL, reason = NULL,"
                " lease_owner = NULL, lease_until = NULL, attempt_started_at = NULL, updated_at = now()"
                " WHERE id = %(id)s AND owner = %(owner)s AND secret_version = %(spent)s"
                " AND status <> 'disconnected'",
                {
                    "ends_in": grant_expires_in,
                    "body": body,
                    "expires_in": expires_in,
                    "ahead": ahead,
                    "scopes": scopes,
                    "id": row.id,
                    "owner": row.owner,
                    "spent": row.secret_version,
                },
            )
            return cursor.rowcount == 1

    async def succeed(self, row: SealedConnection, body: bytes) -> bool:
        """Replace the spent refresh token of a row that moved on and kept it; all else stays as it is.

        `body` is sealed for the version after the row's. False when the row moved on again.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE connections SET body = %(body)s, secret_version = secret_version + 1,"
                " status = 'active', fail_count = 0, next_attempt_at = NULL, reason = NULL,"
                " lease_owner = NULL, lease_until = NULL, attempt_started_at = NULL, updated_at = now()"
                " WHERE id = %(id)s AND owner = %(owner)s AND secret_version = %(version)s"
                " AND status <> 'disconnected'",
                {"body": body, "id": row.id, "owner": row.owner, "version": row.secret_version},
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
        """Give the lease back if it is still ours; what ends it otherwise also takes its owner off.

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
                " AND lease_owner IS NOT NULL AND status = 'active'",
                {
                    "answered": answered,
                    "retry_after": retry_after,
                    "limited": limited,
                    "word": RATE_LIMITED,
                    "id": lease.row.id,
                    "owner": lease.row.owner,
                    "generation": lease.generation,
                },
            )
