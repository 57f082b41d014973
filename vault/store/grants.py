"""Grants: what a person allowed a chat client. Tokens point here, so a change works at the next call.

One live grant per (user, client, redirect URI as registered). Locks are taken in the order grant,
family, token; a refresh takes the family only and reads the grant, so the two can't deadlock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, cast
from uuid import UUID

from psycopg.rows import class_row

from vault.ids import new_id
from vault.store.clients import Kind
from vault.store.database import Connection as Link
from vault.store.database import Database

_SEEN: LiteralString = (
    "SELECT g.id, g.client_id, c.name AS client_name, c.kind AS client_kind, g.redirect_uri, g.scopes,"
    " g.created_at, g.last_used_at FROM grants g JOIN clients c ON c.id = g.client_id"
)


@dataclass(frozen=True, slots=True)
class Grant:
    """A live grant as its person sees it; `scopes` are ours (`spotify:read`)."""

    id: UUID
    client_id: str
    client_name: str
    client_kind: Kind
    redirect_uri: str
    scopes: frozenset[str]
    created_at: datetime
    last_used_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", frozenset(self.scopes))


class Grants:
    """The `grants` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, user_id: UUID) -> list[Grant]:
        """The person's live grants, oldest first."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Grant)) as cursor:
            await cursor.execute(
                _SEEN + " WHERE g.user_id = %(user_id)s AND g.revoked_at IS NULL ORDER BY g.created_at, g.id",
                {"user_id": user_id},
            )
            return await cursor.fetchall()

    async def find(self, user_id: UUID, client_id: str, redirect_uri: str) -> Grant | None:
        """What the person already allowed this client at this registered redirect URI."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Grant)) as cursor:
            await cursor.execute(
                _SEEN + " WHERE g.user_id = %(user_id)s AND g.client_id = %(client_id)s"
                " AND g.redirect_uri = %(redirect_uri)s AND g.revoked_at IS NULL",
                {"user_id": user_id, "client_id": client_id, "redirect_uri": redirect_uri},
            )
            return await cursor.fetchone()

    async def raise_(self, user_id: UUID, grant_id: UUID, scopes: frozenset[str]) -> frozenset[str] | None:
        """Add scopes to a live grant; returns what it holds now, None where there is no such grant.

        A personal token keeps the scopes it was made with: it lives long, and whoever holds it could ask.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "UPDATE grants SET updated_at = now(), scopes = ARRAY("
                "  SELECT unnest(scopes) UNION SELECT unnest(%(scopes)s::text[]) ORDER BY 1)"
                " WHERE id = %(id)s AND user_id = %(user_id)s AND revoked_at IS NULL AND NOT EXISTS ("
                "  SELECT FROM clients c WHERE c.id = grants.client_id AND c.kind = 'personal')"
                " RETURNING scopes",
                {"id": grant_id, "user_id": user_id, "scopes": sorted(scopes)},
            )
            row = await cursor.fetchone()
            return frozenset(row[0]) if row else None

    async def cut(self, user_id: UUID, grant_id: UUID) -> bool:
        """Revoke a grant and every token family under it, at once. False where there is no such grant."""
        names = {"id": grant_id, "user_id": user_id}
        async with self._database.transaction() as link:
            cursor = await link.execute(
                "UPDATE grants SET revoked_at = now(), updated_at = now()"
                " WHERE id = %(id)s AND user_id = %(user_id)s AND revoked_at IS NULL",
                names,
            )
            if cursor.rowcount == 0:
                return False
            await link.execute(
                "UPDATE families SET revoked_at = now() WHERE grant_id = %(id)s AND revoked_at IS NULL", names
            )
            await link.execute(
                "UPDATE refresh_tokens SET successor = NULL WHERE successor IS NOT NULL"
                " AND family_id IN (SELECT id FROM families WHERE grant_id = %(id)s)",
                names,
            )
            return True

    async def sweep(self) -> int:
        """Delete grants that were cut off a week ago; returns how many rows went."""
        async with self._database.connection() as link:
            cursor = await link.execute("DELETE FROM grants WHERE revoked_at < now() - interval '7 days'")
            return cursor.rowcount


async def settle(
    link: Link,
    *,
    user_id: UUID,
    client_id: str,
    redirect_uri: str,
    asked: frozenset[str],
    chosen: frozenset[str],
) -> UUID:
    """Make or change the live grant after a consent, inside the caller's transaction; returns its id.

    The person's choice replaces what was asked this time; scopes held from before that this request
    did not ask for stay as they are.
    """
    cursor = await link.execute(
        "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
        " VALUES (%(id)s, %(user_id)s, %(client_id)s, %(redirect_uri)s, %(chosen)s)"
        " ON CONFLICT (user_id, client_id, redirect_uri) WHERE revoked_at IS NULL"
        " DO UPDATE SET updated_at = now(), scopes = ARRAY("
        "   SELECT held FROM unnest(grants.scopes) AS held WHERE held <> ALL(%(asked)s::text[])"
        "   UNION SELECT unnest(%(chosen)s::text[]) ORDER BY 1)"
        " RETURNING id",
        {
            "id": new_id(),
            "user_id": user_id,
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "asked": sorted(asked),
            "chosen": sorted(chosen),
        },
    )
    row = cast("tuple[UUID]", await cursor.fetchone())
    return row[0]
