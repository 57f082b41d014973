"""Client-id documents: which copies we have, how old they are, and whose turn it is to fetch one.

The copy itself is the row of `clients` (kind `cimd`), so every worker shares it. One at a time fetches a
document, one that failed rests for a minute, and one host is asked for at most 20 documents a minute. A
document that was there before is not held up by that: or whoever names twenty that are not would shut its
client out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from vault.store.clients import Client, put_client
from vault.store.database import Database

State = Literal["fresh", "fetch", "wait", "resting", "crowded"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What to do about a document now.

    `fresh`: use the copy. `fetch`: it is the caller's to fetch. `wait`: somebody else is fetching it.
    `resting`: it failed within the last minute, `failure` says how. `crowded`: its host is asked too often.
    `usable`: there is a copy that is younger than a day.
    """

    state: State
    usable: bool
    failure: str | None


class Documents:
    """The `documents` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def turn(self, client_id: str, host: str) -> Turn:
        """What to do about this document now; `fetch` for one caller, for fifteen seconds at most."""
        seen = await self.look(client_id)
        if seen.state != "crowded":
            return seen
        if await self._claim(client_id, host):
            return Turn("fetch", seen.usable, None)
        return await self.look(client_id)

    async def look(self, client_id: str) -> Turn:
        """The state without claiming anything; `crowded` where nothing else holds."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT CASE WHEN c.id IS NOT NULL AND d.fresh_until > now() THEN 'fresh'"
                " WHEN d.busy_until > now() THEN 'wait' WHEN d.retry_at > now() THEN 'resting'"
                " ELSE 'crowded' END,"
                " c.id IS NOT NULL AND coalesce(d.fetched_at > now() - interval '24 hours', false), d.failure"
                " FROM documents d LEFT JOIN clients c ON c.id = d.client_id AND c.kind = 'cimd'"
                " WHERE d.client_id = %(id)s",
                {"id": client_id},
            )
            row = await cursor.fetchone()
        return Turn(*cast("tuple[State, bool, str | None]", row)) if row else Turn("crowded", False, None)

    async def _claim(self, client_id: str, host: str) -> bool:
        names = {"id": client_id, "host": host}
        async with self._database.transaction() as link:
            # The lock makes the count exact. Its wait is part of the transaction, so the clock is asked anew.
            await link.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('documents:' || %(host)s, 0))", names
            )
            cursor = await link.execute(
                "INSERT INTO documents AS d (client_id, host, tried_at, busy_until)"
                " SELECT %(id)s, %(host)s, clock_timestamp(), clock_timestamp() + interval '15 seconds'"
                " WHERE EXISTS (SELECT FROM documents WHERE client_id = %(id)s AND fetched_at IS NOT NULL)"
                "  OR (SELECT count(*) FROM documents WHERE host = %(host)s"
                "   AND tried_at > clock_timestamp() - interval '1 minute') < 20"
                " ON CONFLICT (client_id) DO UPDATE"
                " SET tried_at = excluded.tried_at, busy_until = excluded.busy_until"
                " WHERE coalesce(d.busy_until <= excluded.tried_at, true)"
                " AND coalesce(d.retry_at <= excluded.tried_at, true)"
                " AND (coalesce(d.fresh_until <= excluded.tried_at, true)"
                "  OR NOT EXISTS (SELECT FROM clients WHERE id = d.client_id AND kind = 'cimd'))",
                names,
            )
            return cursor.rowcount == 1

    async def keep(self, client: Client, seconds: int) -> None:
        """Keep what a document says; the copy is fresh for so many seconds.

        Under the lock of a claim: a claim that waits for this row would see it new and the client not yet.
        """
        async with self._database.transaction() as link:
            await link.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('documents:' || host, 0)) FROM documents"
                " WHERE client_id = %(id)s",
                {"id": client.id},
            )
            await put_client(link, client)
            await link.execute(
                "UPDATE documents SET fetched_at = now(), busy_until = NULL, retry_at = NULL, failure = NULL,"
                " fresh_until = now() + make_interval(secs => %(seconds)s) WHERE client_id = %(id)s",
                {"id": client.id, "seconds": seconds},
            )

    async def fail(self, client_id: str, why: str) -> None:
        """Note why a document could not be had; nobody tries again for a minute. The copy stays."""
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE documents SET busy_until = NULL, retry_at = now() + interval '1 minute',"
                " failure = %(why)s WHERE client_id = %(id)s",
                {"id": client_id, "why": why},
            )

    async def sweep(self) -> int:
        """Forget documents that nobody asked for since yesterday and that no client stands on."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "DELETE FROM documents d WHERE d.tried_at < now() - interval '1 day'"
                " AND NOT EXISTS (SELECT FROM clients WHERE id = d.client_id AND kind = 'cimd')"
            )
            return cursor.rowcount
