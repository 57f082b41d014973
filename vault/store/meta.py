"""What the database knows about itself: for now the mode it was first used in."""

from __future__ import annotations

from typing import Literal

from vault.store.database import Database

Mode = Literal["demo", "live"]


class Meta:
    """The `meta` table."""

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
