"""What came back with a person from a provider and waits for their yes: ten minutes, one browser, once.

The row holds the hash of the handle in the page's address; what came back rests sealed. It goes with the
answer: with the body goes the salt that its key is made of. `take` deletes the row. `answer` leaves it for a
day, so that a second answer can be told what became of the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from vault.store.database import Connection as Link
from vault.store.database import Database

Fault = Literal["unknown", "elsewhere", "answered", "expired"]

_MOST = 100


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits. `sealed` is under `record_id`; `params` rests readable: nothing secret.

    `provider`, `app` and `account_index` are set where a grant at a provider hangs on it. `age`: seconds
    since it came.
    """

    purpose: str
    user_id: UUID
    record_id: UUID
    sealed: bytes = field(repr=False)
    params: dict[str, Any]
    provider: str | None = None
    app: str | None = None
    account_index: bytes | None = None
    age: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why nothing waits. `params`, with what became of it, only where it is this person's own."""

    fault: Fault
    params: dict[str, Any] = field(default_factory=dict)


class Pendings:
    """The `pendings` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, handle_hash: bytes, browser_hash: bytes, pending: Pending) -> None:
        """Keep it for ten minutes."""
        async with self._database.connection() as link:
            await link.execute(
                "INSERT INTO pendings (hash, purpose, user_id, browser_hash, record_id, sealed, params,"
                " provider, app, account_index, expires_at) VALUES (%(hash)s, %(purpose)s, %(user)s,"
                " %(browser)s, %(record)s, %(sealed)s, %(params)s, %(provider)s, %(app)s, %(index)s,"
                " now() + interval '10 minutes')",
                {
                    "hash": handle_hash,
                    "purpose": pending.purpose,
                    "user": pending.user_id,
                    "browser": browser_hash,
                    "record": pending.record_id,
                    "sealed": pending.sealed,
                    "params": Jsonb(pending.params),
                    "provider": pending.provider,
                    "app": pending.app,
                    "index": pending.account_index,
                },
            )

    async def find(self, handle_hash: bytes, browser_hash: bytes, user: UUID, purpose: str) -> Pending | None:
        """What waits for this person in this browser; None for anybody else, and when it is over."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Pending)) as cursor:
            await cursor.execute(
                "SELECT purpose, user_id, record_id, sealed, params, provider, app, account_index,"
                " extract(epoch FROM now() - created_at)::float8 AS age FROM pendings"
                " WHERE hash = %(hash)s AND browser_hash = %(browser)s AND user_id = %(user)s"
                " AND purpose = %(purpose)s AND sealed IS NOT NULL AND expires_at > now()",
                {"hash": handle_hash, "browser": browser_hash, "user": user, "purpose": purpose},
            )
            return await cursor.fetchone()

    async def take(self, handle_hash: bytes, browser_hash: bytes, user: UUID, purpose: str) -> Pending | None:
        """The same, and it is gone, in one statement: for exactly one caller."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Pending)) as cursor:
            await cursor.execute(
                "DELETE FROM pendings"
                " WHERE hash = %(hash)s AND browser_hash = %(browser)s AND user_id = %(user)s"
                " AND purpose = %(purpose)s AND sealed IS NOT NULL AND expires_at > now()"
                " RETURNING purpose, user_id, record_id, sealed, params, provider, app, account_index",
                {"hash": handle_hash, "browser": browser_hash, "user": user, "purpose": purpose},
            )
            return await cursor.fetchone()

    async def answer(
        self,
        link: Link,
        handle_hash: bytes,
        browser_hash: bytes,
        user: UUID,
        purpose: str,
        became: dict[str, Any],
    ) -> bool:
        """Answer it in the caller's transaction, by one statement; `became` says how. True for one caller.

        False where nothing waits for this person in this browser. What is sealed goes with it.
        """
        cursor = await link.execute(
            "UPDATE pendings SET answered_at = now(), sealed = NULL, params = params || %(became)s"
            " WHERE hash = %(hash)s AND browser_hash = %(browser)s AND user_id = %(user)s"
            " AND purpose = %(purpose)s AND sealed IS NOT NULL AND expires_at > now()",
            {
                "hash": handle_hash,
                "browser": browser_hash,
                "user": user,
                "purpose": purpose,
                "became": Jsonb(became),
            },
        )
        return cursor.rowcount == 1

    async def refuse(self, handle_hash: bytes, browser_hash: bytes, user: UUID, purpose: str) -> bool:
        """`answer` with a no, by itself."""
        async with self._database.connection() as link:
            return await self.answer(link, handle_hash, browser_hash, user, purpose, {})

    async def misfit(self, handle_hash: bytes, browser_hash: bytes, user: UUID, purpose: str) -> Misfit:
        """Why `find` gave nothing. Tells another browser or person nothing but that."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT browser_hash = %(browser)s AND user_id = %(user)s, answered_at IS NOT NULL,"
                " expires_at <= now(), params FROM pendings"
                " WHERE hash = %(hash)s AND purpose = %(purpose)s",
                {"hash": handle_hash, "browser": browser_hash, "user": user, "purpose": purpose},
            )
            row = await cursor.fetchone()
        if row is None:
            return Misfit("unknown")
        ours, answered, expired, params = row
        if not ours:
            return Misfit("elsewhere")
        if answered:
            return Misfit("answered", params)
        return Misfit("expired", params) if expired else Misfit("unknown")

    async def lapsed(self, purpose: str) -> list[Pending]:
        """Take out what is sealed of what nobody answered in time, each for one caller only."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Pending)) as cursor:
            await cursor.execute(
                "UPDATE pendings p SET sealed = NULL FROM ("
                "  SELECT hash, sealed FROM pendings WHERE purpose = %(purpose)s AND sealed IS NOT NULL"
                "  AND expires_at <= now() ORDER BY expires_at LIMIT %(most)s FOR UPDATE SKIP LOCKED) was"
                " WHERE p.hash = was.hash RETURNING p.purpose, p.user_id, p.record_id, was.sealed, p.params,"
                " p.provider, p.app, p.account_index,"
                " extract(epoch FROM now() - p.created_at)::float8 AS age",
                {"purpose": purpose, "most": _MOST},
            )
            return await cursor.fetchall()

    async def withdraw(self, user: UUID) -> None:
        """Let lapse at once what waits for this person."""
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE pendings SET expires_at = now() WHERE user_id = %(user)s AND expires_at > now()",
                {"user": user},
            )

    async def sweep(self) -> int:
        """Delete what is over; returns how many rows went.

        What a grant at a provider hangs on stays until `lapsed` has taken it, and then for a day.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "DELETE FROM pendings WHERE expires_at <= now() AND (account_index IS NULL"
                " OR sealed IS NULL AND expires_at < now() - interval '1 day')"
            )
            return cursor.rowcount
