"""Activity: which client used which tool on which account, when, and how it ended; never content.

Rows are kept for 90 days. `vault/diary.py` writes them, behind the back of what they are about.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from vault.ids import new_id
from vault.store.database import Database

_SEEN: LiteralString = (
    "SELECT id, at, grant_id, client_id, client_name, client_kind, redirect_uri, action, provider, account,"
    " outcome, milliseconds FROM activity WHERE user_id = %(user_id)s"
)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was done. `action` is a tool's name or a word of our pages, `outcome` `ok` or a code.

    The client is who did it, or whom the person did it to. Its name is given, or that of the grant's client
    is looked up when the note is written; so are its kind and where its answers go, and the label of
    `connection`, where `account` does not name one. `moment` is of this process's clock that never jumps;
    the database's clock makes a time of it.
    """

    user_id: UUID
    action: str
    outcome: str
    grant_id: UUID | None = None
    client_id: str | None = None
    client_name: str | None = None
    provider: str | None = None
    account: str | None = None
    connection: UUID | None = None
    milliseconds: int | None = None
    id: UUID = field(default_factory=new_id)
    moment: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Entry:
    """A note as its person reads it. The client is who did it; or whom they did it to, on our pages."""

    id: UUID
    at: datetime
    grant_id: UUID | None
    client_id: str | None
    client_name: str | None
    client_kind: str | None
    redirect_uri: str | None
    action: str
    provider: str | None
    account: str | None
    outcome: str
    milliseconds: int | None


Cursor = tuple[datetime, UUID]
"""Time and id of the last entry seen; those after it are older."""


class Activity:
    """The `activity` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, notes: Sequence[Note]) -> None:
        """Write these notes; one that is there already is left alone, one whose person is gone is dropped."""
        now = time.monotonic()
        rows = [
            {
                "id": str(note.id),
                "user_id": str(note.user_id),
                "age": max(0.0, now - note.moment),
                "grant_id": _text(note.grant_id),
                "client_id": note.client_id,
                "client_name": note.client_name,
                "action": note.action,
                "provider": note.provider,
                "account": note.account,
                "connection": _text(note.connection),
                "outcome": note.outcome,
                "milliseconds": note.milliseconds,
            }
            for note in notes
        ]
        async with self._database.connection() as link:
            await link.execute(
                "INSERT INTO activity (id, user_id, at, grant_id, client_id, client_name, client_kind,"
                " redirect_uri, action, provider, account, outcome, milliseconds)"
                " SELECT n.id, u.id, now() - make_interval(secs => n.age), n.grant_id,"
                "  coalesce(n.client_id, g.client_id), coalesce(n.client_name, c.name), c.kind,"
                "  g.redirect_uri, n.action, coalesce(n.provider, a.provider),"
                "  coalesce(n.account, a.label), n.outcome, n.milliseconds"
                " FROM jsonb_to_recordset(%(rows)s) AS n (id uuid, user_id uuid, age float8, grant_id uuid,"
                "  client_id text, client_name text, action text, provider text, account text,"
                "  connection uuid, outcome text, milliseconds integer)"
                " JOIN users u ON u.id = n.user_id"
                " LEFT JOIN grants g ON g.id = n.grant_id AND g.user_id = n.user_id"
                " LEFT JOIN clients c ON c.id = coalesce(n.client_id, g.client_id)"
                " LEFT JOIN connections a ON a.id = n.connection AND a.owner = n.user_id"
                # A person who is being deleted at this moment is waited for, and then is not there.
                " FOR KEY SHARE OF u ON CONFLICT (id) DO NOTHING",
                {"rows": Jsonb(rows)},
            )

    async def page(
        self,
        user_id: UUID,
        most: int,
        *,
        before: Cursor | None = None,
        client_id: str | None = None,
        provider: str | None = None,
        account: str | None = None,
    ) -> list[Entry]:
        """The person's latest entries, newest first, at most `most`; older than `before`, of that client,
        of that account.
        """
        at, last = before or (None, None)
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Entry)) as cursor:
            await cursor.execute(
                _SEEN + " AND (%(at)s::timestamptz IS NULL OR (at, id) < (%(at)s, %(last)s))"
                " AND (%(client_id)s::text IS NULL OR client_id = %(client_id)s)"
                " AND (%(provider)s::text IS NULL OR provider = %(provider)s)"
                " AND (%(account)s::text IS NULL OR account = %(account)s)"
                " ORDER BY at DESC, id DESC LIMIT %(most)s",
                {
                    "user_id": user_id,
                    "at": at,
                    "last": last,
                    "client_id": client_id,
                    "provider": provider,
                    "account": account,
                    "most": most,
                },
            )
            return await cursor.fetchall()

    async def all(self, user_id: UUID) -> AsyncIterator[Entry]:
        """Everything noted of the person, newest first, read a few hundred at a time."""
        before: Cursor | None = None
        while entries := await self.page(user_id, _PAGE, before=before):
            for entry in entries:
                yield entry
            before = (entries[-1].at, entries[-1].id)

    async def sweep(self) -> int:
        """Delete what is older than 90 days; returns how many rows went."""
        async with self._database.connection() as link:
            cursor = await link.execute("DELETE FROM activity WHERE at < now() - interval '90 days'")
            return cursor.rowcount


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
