"""What came back with a person from a provider and waits for their yes: ten minutes, one browser, once.

The row holds the hash of the handle in the page's address; what came back rests sealed. Answering deletes
the row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from vault.store.database import Database


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits. `sealed` is under `record_id`; `params` rests readable: nothing secret."""

    purpose: str
    user_id: UUID
    record_id: UUID
    sealed: bytes = field(repr=False)
    params: dict[str, Any]


class Pendings:
    """The `pendings` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, handle_hash: bytes, browser_hash: bytes, pending: Pending) -> None:
        """Keep it for ten minutes."""
        async with self._database.connection() as link:
            await link.execute(
                "INSERT INTO pendings (hash, purpose, user_id, browser_hash, record_id, sealed, params,"
                " expires_at) VALUES (%(hash)s, %(purpose)s, %(user)s, %(browser)s, %(record)s, %(sealed)s,"
                " %(params)s, now() + interval '10 minutes')",
                {
                    "hash": handle_hash,
                    "purpose": pending.purpose,
                    "user": pending.user_id,
                    "browser": browser_hash,
                    "record": pending.record_id,
                    "sealed": pending.sealed,
                    "params": Jsonb(pending.params),
                },
            )

    async def find(self, handle_hash: bytes, browser_hash: bytes, user: UUID, purpose: str) -> Pending | None:
        """What waits for this person in this browser; None for anybody else, and when it is over."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Pending)) as cursor:
            await cursor.execute(
                "SELECT purpose, user_id, record_id, sealed, params FROM pendings"
                " WHERE hash = %(hash)s AND browser_hash = %(browser)s AND user_id = %(user)s"
                " AND purpose = %(purpose)s AND expires_at > now()",
                {"hash": handle_hash, "browser": browser_hash, "user": user, "purpose": purpose},
            )
            return await cursor.fetchone()

    async def take(self, handle_hash: bytes, browser_hash: bytes, user: UUID, purpose: str) -> Pending | None:
        """The same, and it is gone, in one statement: for exactly one caller."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Pending)) as cursor:
            await cursor.execute(
                "DELETE FROM pendings"
                " WHERE hash = %(hash)s AND browser_hash = %(browser)s AND user_id = %(user)s"
                " AND purpose = %(purpose)s AND expires_at > now()"
                " RETURNING purpose, user_id, record_id, sealed, params",
                {"hash": handle_hash, "browser": browser_hash, "user": user, "purpose": purpose},
            )
            return await cursor.fetchone()

    async def sweep(self) -> int:
        """Delete what is over; returns how many rows went."""
        async with self._database.connection() as link:
            cursor = await link.execute("DELETE FROM pendings WHERE expires_at <= now()")
            return cursor.rowcount
