"""Links to one file each, in or out: who made them, until when, and whether they were used.

The row holds the hash of the handle in the link; which file it is rests sealed. A link stands while the grant
it was made under holds one of its scopes, its person is not blocked and the connection is not ended: each
statement looks at those rows, so it dies with them at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from vault.store.database import Database

LIFETIME = 15
"""Minutes that a link stands."""

_LIVES: LiteralString = (
    " EXISTS (SELECT FROM grants g JOIN users u ON u.id = g.user_id"
    "  JOIN connections c ON c.owner = g.user_id AND c.id = t.connection_id"
    "  WHERE g.id = t.grant_id AND g.user_id = t.user_id AND g.revoked_at IS NULL AND g.scopes && t.scopes"
    "  AND u.blocked_at IS NULL AND c.status <> 'disconnected')"
)
_ROW: LiteralString = (
    " t.record_id, t.user_id, t.grant_id, t.connection_id, t.direction, t.sealed, t.expires_at"
)

_TAKE: LiteralString = (
    "UPDATE transfers t SET consumed_at = now() WHERE t.hash = %(hash)s AND t.consumed_at IS NULL"
    " AND t.expires_at > now() AND"
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A link's row. `sealed` is under `record_id`. `used`: by somebody, now or before; `expired` by time.

    `lives`: what it stands on does.
    """

    record_id: UUID
    user_id: UUID
    grant_id: UUID
    connection_id: UUID
    direction: str
    sealed: bytes = field(repr=False)
    expires_at: datetime
    used: bool = False
    expired: bool = False
    lives: bool = True


class TransferRows:
    """The `transfers` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        handle_hash: bytes,
        *,
        record: UUID,
        user: UUID,
        grant: UUID,
        connection: UUID,
        scopes: list[str],
        direction: str,
        sealed: bytes,
    ) -> datetime:
        """A new link; until when it stands. One of `scopes` (ours) must stay granted. Raises PersonGone."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "INSERT INTO transfers (hash, record_id, user_id, grant_id, connection_id, scopes, direction,"
                " sealed, expires_at) VALUES (%(hash)s, %(record)s, %(user)s, %(grant)s, %(connection)s,"
                " %(scopes)s, %(direction)s, %(sealed)s, now() + interval '1 minute' * %(minutes)s)"
                " RETURNING expires_at",
                {
                    "hash": handle_hash,
                    "record": record,
                    "user": user,
                    "grant": grant,
                    "connection": connection,
                    "scopes": scopes,
                    "direction": direction,
                    "sealed": sealed,
                    "minutes": LIFETIME,
                },
            )
            row = await cursor.fetchone()
        assert row is not None
        until: datetime = row[0]
        return until

    async def find(self, handle_hash: bytes) -> Transfer | None:
        """What the link is and how it stands. Uses nothing up."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(Transfer)) as cursor,
        ):
            await cursor.execute(
                "SELECT" + _ROW + ", t.consumed_at IS NOT NULL AS used, t.expires_at <= now() AS expired,"
                + _LIVES + " AS lives FROM transfers t WHERE t.hash = %(hash)s",
                {"hash": handle_hash},
            )  # fmt: skip
            return await cursor.fetchone()

    async def take(self, handle_hash: bytes) -> Transfer | None:
        """Use the link up, in one statement: for exactly one caller, while it stands."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(Transfer)) as cursor,
        ):
            await cursor.execute(_TAKE + _LIVES + " RETURNING" + _ROW, {"hash": handle_hash})
            return await cursor.fetchone()

    async def give_back(self, handle_hash: bytes) -> None:
        """Let the link be used once more: whoever took it got nothing and left nothing."""
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE transfers SET consumed_at = NULL WHERE hash = %(hash)s", {"hash": handle_hash}
            )

    async def sweep(self) -> int:
        """Delete links that ended more than an hour ago; returns how many rows went."""
        async with self._database.connection() as link:
            cursor = await link.execute("DELETE FROM transfers WHERE expires_at < now() - interval '1 hour'")
            return cursor.rowcount
