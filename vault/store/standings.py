"""How connections stand: claiming a warning, marking what does not open, and counting them all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from vault.health import DAILY, LATE, SOON, UNREADABLE
from vault.store.database import Database


@dataclass(frozen=True, slots=True)
class Ending:
    """A connection whose permission ends soon, as its person knows it."""

    id: UUID
    provider: str
    label: str
    ends: datetime
    ends_in: timedelta


@dataclass(frozen=True, slots=True)
class Tally:
    """How many connections of a provider stand alike.

    `ends_in` is rounded up to 0, LATE or SOON; None stands for later, and for never.
    """

    provider: str
    status: str
    reason: str | None
    ends_in: timedelta | None
    stalled: bool
    count: int


class Standings:
    """The part of the `connections` table that health is about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, owner: UUID, connection: UUID) -> Ending | None:
        """The right to warn the owner that their connection ends soon; None where that is not due.

        One caller gets it a day, over all workers: it is one UPDATE, and who waits for another one's compares
        the row anew.
        """
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(Ending)) as cursor,
        ):
            await cursor.execute(
                "UPDATE connections SET next_warning_at = now() + %(daily)s"
                " WHERE id = %(id)s AND owner = %(owner)s AND status = 'active'"
                " AND grant_expires_at > now() AND grant_expires_at <= now() + %(soon)s"
                " AND (next_warning_at IS NULL OR next_warning_at <= now())"
                " RETURNING id, provider, label, grant_expires_at AS ends,"
                "  grant_expires_at - now() AS ends_in",
                {"id": connection, "owner": owner, "daily": DAILY, "soon": SOON},
            )
            return await cursor.fetchone()

    async def mark(self, owner: UUID, connection: UUID, version: int, *, readable: bool) -> None:
        """Note whether the sealed body of that version opens, for its person to see."""
        async with self._database.connection() as link:
            await link.execute(
                "UPDATE connections SET reason = CASE WHEN NOT %(readable)s THEN %(word)s END,"
                " updated_at = now() WHERE id = %(id)s AND owner = %(owner)s AND status = 'active'"
                " AND secret_version = %(version)s AND coalesce(reason = %(word)s, false) = %(readable)s",
                {
                    "id": connection,
                    "owner": owner,
                    "version": version,
                    "readable": readable,
                    "word": UNREADABLE,
                },
            )

    async def count(self) -> list[Tally]:
        """How all connections stand that are not disconnected."""
        # Across owners on purpose: numbers only, for the operator.
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(Tally)) as cursor,
        ):
            await cursor.execute(
                "SELECT provider, status, reason,"
                " CASE WHEN grant_expires_at <= now() THEN interval '0'"
                "  WHEN grant_expires_at <= now() + %(late)s THEN %(late)s"
                "  WHEN grant_expires_at <= now() + %(soon)s THEN %(soon)s END AS ends_in,"
                " access_expires_at <= now() AND coalesce(next_attempt_at > now(), false) AS stalled,"
                " count(*) FROM connections WHERE status <> 'disconnected' GROUP BY 1, 2, 3, 4, 5",
                {"late": LATE, "soon": SOON},
            )
            return await cursor.fetchall()
