"""The ways in of one person: the identities they sign in with, as they see and change them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from psycopg.rows import class_row

from vault.ids import new_id
from vault.store.database import Connection as Link
from vault.store.database import Database
from vault.store.users import Identity

Added = Literal["added", "held", "taken"]
"""Whether an identity became a way in, was one of theirs before, or is another person's."""


@dataclass(frozen=True, slots=True)
class Way:
    """One identity on its person's page."""

    id: UUID
    issuer: str
    label: str
    created_at: datetime
    last_used_at: datetime


class Ways:
    """The `identities` table, for the person it is about. `Users` has it for the door."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, user: UUID) -> list[Way]:
        """Every way in of this person, oldest first."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Way)) as cursor:
            await cursor.execute(
                "SELECT id, issuer, label, created_at, last_used_at FROM identities"
                " WHERE user_id = %(user)s ORDER BY created_at, issuer",
                {"user": user},
            )
            return await cursor.fetchall()

    async def whose(self, user: UUID, issuer: str, subject_index: bytes) -> Added:
        """What `add` would say now."""
        async with self._database.connection() as link:
            return await _whose(link, user, issuer, subject_index)

    async def add(self, user: UUID, identity: Identity) -> Added:
        """Let this person sign in with one more identity; one of another person's stays theirs."""
        async with self._database.transaction() as link:
            cursor = await link.execute(
                "INSERT INTO identities (id, issuer, subject_index, user_id, label, claims)"
                " VALUES (%(id)s, %(issuer)s, %(index)s, %(user)s, %(label)s, %(claims)s)"
                " ON CONFLICT (issuer, subject_index) DO NOTHING",
                {
                    "id": new_id(),
                    "issuer": identity.issuer,
                    "index": identity.subject_index,
                    "user": user,
                    "label": identity.label,
                    "claims": sorted(identity.claims),
                },
            )
            if cursor.rowcount == 1:
                return "added"
            return await _whose(link, user, identity.issuer, identity.subject_index)

    async def remove(self, user: UUID, way: UUID) -> bool:
        """Take a way in away. False where it is not theirs or the last one they have."""
        async with self._database.transaction() as link:
            # Two removals at once must not take the last two: they wait for each other here.
            await link.execute("SELECT FROM users WHERE id = %(user)s FOR NO KEY UPDATE", {"user": user})
            cursor = await link.execute(
                "DELETE FROM identities i WHERE i.id = %(id)s AND i.user_id = %(user)s AND EXISTS ("
                "  SELECT FROM identities o WHERE o.user_id = %(user)s AND o.id <> i.id)",
                {"id": way, "user": user},
            )
            return cursor.rowcount == 1


async def _whose(link: Link, user: UUID, issuer: str, subject_index: bytes) -> Added:
    cursor = await link.execute(
        "SELECT user_id = %(user)s FROM identities WHERE issuer = %(issuer)s AND subject_index = %(index)s",
        {"user": user, "issuer": issuer, "index": subject_index},
    )
    row = cast("tuple[bool] | None", await cursor.fetchone())
    if row is None:
        return "added"
    return "held" if row[0] else "taken"
