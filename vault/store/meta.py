"""What the database knows about itself: the mode it was first used in, and its schema."""

from __future__ import annotations

from typing import Literal

from vault.store.database import Database

Mode = Literal["demo", "live"]


class Meta:
    """The `meta` table, and what `schema_migrations` says."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, mode: Mode) -> Mode:
        """Record the mode on the first start; returns the mode the database is of."""
        async with self._database.connection() as link:
            await link.execute(
                "INSERT INTO meta (name, value) VALUES ('mode', %(mode)s) ON CONFLICT (name) DO NOTHING",
                {"mode": mode},
            )
            cursor = await link.execute("SELECT value FROM meta WHERE name = 'mode'")
            row = await cursor.fetchone()
        return "demo" if row is not None and row[0] == "demo" else "live"

    async def schema(self) -> int:
        """The newest migration that was applied. Raises Busy."""
        async with self._database.connection() as link:
            cursor = await link.execute("SELECT coalesce(max(version), 0) FROM schema_migrations")
            row = await cursor.fetchone()
        return 0 if row is None else int(row[0])
