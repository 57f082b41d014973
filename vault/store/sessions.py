"""Browser sessions of our own pages. The row holds the hash of the cookie, never the cookie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from vault.ids import new_id
from vault.store.database import Database
from vault.store.users import User


@dataclass(frozen=True, slots=True)
class Session:
    """A live session. `authenticated`: when its person proved who they are; `recent`: under ten minutes ago.

    The database compares the times, so a worker's clock does not count.
    """

    user: User
    authenticated: datetime
    recent: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """A live session on its person's page. `browser` is what the browser called itself, in two words of ours.

    `here` marks the session that asks.
    """

    id: UUID
    browser: str
    created_at: datetime
    last_seen_at: datetime
    here: bool


class Sessions:
    """The `sessions` table: 30 days at most, 7 days without a visit, gone at once for a blocked person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, session_hash: bytes, user: UUID, browser: str = "", *, proved: bool = True) -> None:
        """A new session that starts now; one whose person did not prove who they are is not `recent`."""
        async with self._database.connection() as link:
            await link.execute(
                "INSERT INTO sessions (id, hash, user_id, browser, authenticated_at, expires_at)"
                " VALUES (%(id)s, %(hash)s, %(user)s, %(browser)s,"
                " now() - CASE WHEN %(proved)s THEN interval '0' ELSE interval '10 minutes' END,"
                " now() + interval '30 days')",
                {"id": new_id(), "hash": session_hash, "user": user, "browser": browser, "proved": proved},
            )

    async def find(self, session_hash: bytes) -> Session | None:
        """The live session of a cookie. Notes the visit, at most once in ten minutes."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "WITH live AS ("
                "  SELECT s.hash, s.last_seen_at, s.authenticated_at, u.id, u.display_name FROM sessions s"
                "  JOIN users u ON u.id = s.user_id"
                "  WHERE s.hash = %(hash)s AND s.expires_at > now() AND u.blocked_at IS NULL"
                "  AND s.last_seen_at > now() - interval '7 days'),"
                " seen AS ("
                "  UPDATE sessions s SET last_seen_at = now() FROM live"
                "  WHERE s.hash = live.hash AND live.last_seen_at < now() - interval '10 minutes')"
                " SELECT id, display_name, authenticated_at, authenticated_at > now() - interval '10 minutes'"
                " FROM live",
                {"hash": session_hash},
            )
            row = await cursor.fetchone()
        if row is None:
            return None
        user, name, authenticated, recent = row
        return Session(User(user, name, False), authenticated, recent)

    async def end(self, session_hash: bytes) -> None:
        """End one session; unknown ones are no error."""
        async with self._database.connection() as link:
            await link.execute("DELETE FROM sessions WHERE hash = %(hash)s", {"hash": session_hash})

    async def list(self, user: UUID, session_hash: bytes) -> list[Visit]:
        """The person's live sessions, the one of `session_hash` first, then by their last visit."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Visit)) as cursor:
            await cursor.execute(
                "SELECT id, browser, created_at, last_seen_at, hash = %(hash)s AS here FROM sessions"
                " WHERE user_id = %(user)s AND expires_at > now()"
                " AND last_seen_at > now() - interval '7 days'"
                " ORDER BY here DESC, last_seen_at DESC, id",
                {"user": user, "hash": session_hash},
            )
            return await cursor.fetchall()

    async def end_one(self, user: UUID, session: UUID) -> bool:
        """End one of the person's sessions. False where there is no such session."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "DELETE FROM sessions WHERE id = %(id)s AND user_id = %(user)s", {"id": session, "user": user}
            )
            return cursor.rowcount == 1

    async def end_all(self, user: UUID, but: bytes = b"") -> int:
        """End every session of the person but the one with the hash `but`; returns how many."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "DELETE FROM sessions WHERE user_id = %(user)s AND hash <> %(but)s",
                {"user": user, "but": but},
            )
            return cursor.rowcount

    async def sweep(self) -> int:
        """Delete what nobody can use any more; returns how many rows went."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "DELETE FROM sessions WHERE expires_at <= now() OR last_seen_at <= now() - interval '7 days'"
            )
            return cursor.rowcount
