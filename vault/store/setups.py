"""One-time links to the operator's setup page, and the browser session that one is exchanged for."""

from __future__ import annotations

from vault.store.database import Database


class Setups:
    """The `setups` table: a link opens once within an hour, its session lasts 30 minutes in one browser."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, link_hash: bytes) -> None:
        """A link that was printed now."""
        async with self._database.connection() as link:
            await link.execute(
                "INSERT INTO setups (hash, expires_at) VALUES (%(hash)s, now() + interval '1 hour')",
                {"hash": link_hash},
            )

    async def stands(self, link_hash: bytes) -> bool:
        """Whether the link can still be used. Uses nothing up."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT 1 FROM setups WHERE hash = %(hash)s AND consumed_at IS NULL AND expires_at > now()",
                {"hash": link_hash},
            )
            return await cursor.fetchone() is not None

    async def begin(self, link_hash: bytes, session_hash: bytes, browser_hash: bytes) -> bool:
        """Exchange the link for a session of that browser, in one statement. False: it no longer stands."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE setups SET consumed_at = now(), session_hash = %(session)s,"
                " browser_hash = %(browser)s, session_until = now() + interval '30 minutes'"
                " WHERE hash = %(hash)s AND consumed_at IS NULL AND expires_at > now() RETURNING 1",
                {"hash": link_hash, "session": session_hash, "browser": browser_hash},
            )
            return await cursor.fetchone() is not None

    async def lives(self, session_hash: bytes, browser_hash: bytes) -> bool:
        """Whether that is a live session of that browser."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT 1 FROM setups WHERE session_hash = %(session)s AND browser_hash = %(browser)s"
                " AND session_until > now()",
                {"session": session_hash, "browser": browser_hash},
            )
            return await cursor.fetchone() is not None

    async def end(self, session_hash: bytes) -> None:
        """End a session; unknown ones are no error."""
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE setups SET session_until = now() WHERE session_hash = %(session)s",
                {"session": session_hash},
            )

    async def sweep(self) -> int:
        """Delete links that ended more than a day ago; returns how many rows went."""
        async with self._database.connection() as link:
            cursor = await link.execute("DELETE FROM setups WHERE expires_at < now() - interval '1 day'")
            return cursor.rowcount
