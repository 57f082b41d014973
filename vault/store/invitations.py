"""The guest list beside VALET_ALLOW: entries that `valet users allow` adds, in the same words."""

from __future__ import annotations

from vault.store.database import Database


class Invitations:
    """The `invitations` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self) -> list[str]:
        """Every entry, oldest first."""
        async with self._database.connection() as link:
            cursor = await link.execute("SELECT entry FROM invitations ORDER BY created_at, entry")
            return [entry for (entry,) in await cursor.fetchall()]

    async def add(self, entry: str) -> bool:
        """Put an entry on the list. False where it is there already."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "INSERT INTO invitations (entry) VALUES (%(entry)s) ON CONFLICT DO NOTHING", {"entry": entry}
            )
            return cursor.rowcount == 1

    async def remove(self, entry: str) -> bool:
        """Take an entry off. False where it is not there."""
        async with self._database.connection() as link:
            cursor = await link.execute("DELETE FROM invitations WHERE entry = %(entry)s", {"entry": entry})
            return cursor.rowcount == 1
