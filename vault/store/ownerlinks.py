"""One-time links for the owner of a server on their own machine, printed in the terminal."""

from __future__ import annotations

from datetime import timedelta

from vault.store.database import Database


class OwnerLinks:
    """The `owner_links` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, link_hash: bytes, lifetime: timedelta = timedelta(hours=1)) -> None:
        """A link that opens once, until `lifetime` has passed. Links that ended long ago are swept."""
        async with self._database.connection() as link:
            await link.execute("DELETE FROM owner_links WHERE expires_at < now() - interval '1 day'")
            await link.execute(
                "INSERT INTO owner_links (hash, expires_at)"
                " VALUES (%(hash)s, now() + make_interval(secs => %(seconds)s))",
                {"hash": link_hash, "seconds": lifetime.total_seconds()},
            )

    async def consume(self, link_hash: bytes) -> bool:
        """Use the link up, in one statement. False when it is unknown, used or expired."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE owner_links SET consumed_at = now()"
                " WHERE hash = %(hash)s AND consumed_at IS NULL AND expires_at > now() RETURNING 1",
                {"hash": link_hash},
            )
            return await cursor.fetchone() is not None

    async def sweep(self) -> int:
        """Delete links that ended more than a day ago; returns how many rows went."""
        async with self._database.connection() as link:
            cursor = await link.execute("DELETE FROM owner_links WHERE expires_at < now() - interval '1 day'")
            return cursor.rowcount
