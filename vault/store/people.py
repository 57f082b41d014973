"""Everybody, as the operator sees them from the command line: who, since when, last seen, blocked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from vault.store.database import Database


@dataclass(frozen=True, slots=True)
class Person:
    """One person. `identities` are (issuer, label) pairs; `last_seen` is of a page, a sign-in or a chat."""

    id: UUID
    display_name: str
    identities: list[tuple[str, str]]
    created_at: datetime
    last_seen: datetime
    blocked: bool

    def __post_init__(self) -> None:
        pairs = [(issuer, label) for issuer, label in self.identities]
        object.__setattr__(self, "identities", pairs)


class People:
    """The `users` table, whole. Only the command line may ask: there is no operator on the web."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[Person]:
        """Everybody, oldest first."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Person)) as cursor:
            await cursor.execute(
                "SELECT u.id, u.display_name, u.created_at, u.blocked_at IS NOT NULL AS blocked,"
                " greatest(u.created_at, max(i.last_used_at),"
                "  (SELECT max(last_seen_at) FROM sessions s WHERE s.user_id = u.id),"
                "  (SELECT max(last_used_at) FROM grants g WHERE g.user_id = u.id)) AS last_seen,"
                " coalesce(jsonb_agg(jsonb_build_array(i.issuer, i.label) ORDER BY i.created_at, i.issuer)"
                "  FILTER (WHERE i.id IS NOT NULL), '[]') AS identities"
                " FROM users u LEFT JOIN identities i ON i.user_id = u.id"
                " GROUP BY u.id ORDER BY u.created_at, u.id"
            )
            return await cursor.fetchall()
