"""Registrations at providers that rest in the vault: people's own, and the operator's of the setup page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from vault.store.database import Connection as Link
from vault.store.database import Database
from vault.store.deks import WrappedDek

# The key belongs to the row only where owner and purpose agree: a key moved here from elsewhere is no key.
_SEALED = (
    "SELECT a.id, a.owner, a.provider, a.client_id, a.label, a.has_secret, a.created_at, a.body,"
    " a.dek_id, d.kek_ref, d.wrapped"
    " FROM apps a LEFT JOIN deks d ON d.id = a.dek_id AND d.owner = a.owner AND d.purpose = 'app'"
)


@dataclass(frozen=True, slots=True)
class SealedApp:
    """A row with its sealed body and wrapped key."""

    id: UUID
    owner: UUID
    provider: str
    client_id: str
    label: str
    has_secret: bool
    created_at: datetime
    body: bytes | None = field(repr=False)
    dek_id: UUID | None
    kek_ref: str | None
    wrapped: bytes | None = field(repr=False)

    def dek(self) -> WrappedDek | None:
        """The row's wrapped key, or None once it was destroyed."""
        if self.dek_id is None or self.kek_ref is None or self.wrapped is None:
            return None
        return WrappedDek(self.dek_id, self.owner, "app", self.kek_ref, self.wrapped)


class AppRows:
    """The `apps` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def every(self, after: UUID, limit: int) -> list[SealedApp]:
        """Everybody's apps, by id: for the operator's `valet keys verify` alone."""
        # Across owners on purpose; each body still opens only for the owner that its row names.
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(SealedApp)) as cursor,
        ):
            await cursor.execute(
                _SEALED + " WHERE a.id > %(after)s ORDER BY a.id LIMIT %(limit)s",
                {"after": after, "limit": limit},
            )
            return await cursor.fetchall()

    async def list(self, owner: UUID) -> list[SealedApp]:
        """The owner's apps, oldest first."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(SealedApp)) as cursor,
        ):
            await cursor.execute(
                _SEALED + " WHERE a.owner = %(owner)s ORDER BY a.created_at, a.id", {"owner": owner}
            )
            return await cursor.fetchall()

    async def of(self, owner: UUID, provider: str) -> SealedApp | None:
        """The owner's app at that provider."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(SealedApp)) as cursor,
        ):
            await cursor.execute(
                _SEALED + " WHERE a.owner = %(owner)s AND a.provider = %(provider)s",
                {"owner": owner, "provider": provider},
            )
            return await cursor.fetchone()

    async def locked(self, link: Link, owner: UUID, provider: str) -> SealedApp | None:
        """The owner's app at that provider, locked for the transaction."""
        async with link.cursor(row_factory=class_row(SealedApp)) as cursor:
            await cursor.execute(
                _SEALED + " WHERE a.owner = %(owner)s AND a.provider = %(provider)s FOR UPDATE OF a",
                {"owner": owner, "provider": provider},
            )
            return await cursor.fetchone()

    async def write(self, link: Link, row: SealedApp, user: UUID | None) -> None:
        """Insert or replace the owner's app at the row's provider; `user` is None for the operator's."""
        await link.execute(
            "INSERT INTO apps (id, owner, user_id, provider, client_id, label, has_secret, dek_id, body)"
            " VALUES (%(id)s, %(owner)s, %(user)s, %(provider)s, %(client)s, %(label)s, %(secret)s,"
            "  %(dek)s, %(body)s)"
            " ON CONFLICT (owner, provider) DO UPDATE SET client_id = excluded.client_id,"
            "  label = excluded.label, has_secret = excluded.has_secret, dek_id = excluded.dek_id,"
            "  body = excluded.body WHERE apps.owner = %(owner)s AND apps.id = excluded.id",
            {
                "id": row.id,
                "owner": row.owner,
                "user": user,
                "provider": row.provider,
                "client": row.client_id,
                "label": row.label,
                "secret": row.has_secret,
                "dek": row.dek_id,
                "body": row.body,
            },
        )

    async def delete(self, link: Link, owner: UUID, app: UUID) -> None:
        """Delete one of the owner's apps inside the caller's transaction."""
        await link.execute(
            "DELETE FROM apps WHERE id = %(id)s AND owner = %(owner)s", {"id": app, "owner": owner}
        )
