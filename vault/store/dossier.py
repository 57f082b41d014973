"""Everything of one person: read for them to take along, silenced, and destroyed.

What is only compared (hashes) and what is sealed is never read here. A table that gets rows about people
belongs into `read`; `tests/connect/test_data.py` walks the schema and says so.
"""

from __future__ import annotations

from typing import Any, LiteralString, cast
from uuid import UUID

from psycopg.rows import dict_row

from vault.store.database import Connection as Link
from vault.store.database import Database

Rows = list[dict[str, Any]]


class Dossiers:
    """All tables, for one person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, user_id: UUID) -> dict[str, Rows]:
        """What there is of the person but for their activity: section by section, as of one moment."""
        async with self._database.transaction() as link:
            await link.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return {
                "person": await _rows(
                    link, user_id, "SELECT display_name, created_at FROM users WHERE id = %(user_id)s"
                ),
                "identities": await _rows(
                    link,
                    user_id,
                    "SELECT issuer, label, created_at, last_used_at FROM identities"
                    " WHERE user_id = %(user_id)s ORDER BY created_at, id",
                ),
                "sessions": await _rows(
                    link,
                    user_id,
                    "SELECT browser, created_at, last_seen_at, authenticated_at, expires_at FROM sessions"
                    " WHERE user_id = %(user_id)s ORDER BY created_at, id",
                ),
                **await _at_providers(link, user_id),
                **await _of_chats(link, user_id),
            }

    async def silence(self, user_id: UUID) -> None:
        """Revoke every grant of the person and all tokens under them: they are dead from this moment."""
        names = {"user_id": user_id}
        async with self._database.transaction() as link:
            for statement in (
                "UPDATE grants SET revoked_at = now(), updated_at = now()"
                " WHERE user_id = %(user_id)s AND revoked_at IS NULL",
                "UPDATE families SET revoked_at = now() WHERE revoked_at IS NULL"
                " AND grant_id IN (SELECT id FROM grants WHERE user_id = %(user_id)s)",
            ):
                await link.execute(statement, names)

    async def destroy(self, user_id: UUID) -> bool:
        """Delete the person, every row about them and every key of theirs, all or nothing.

        False, and nothing is deleted, while they have a connection that is not ended: its provider must be
        told first. A person who is gone already is no error.
        """
        names = {"user_id": user_id}
        async with self._database.transaction() as link:
            # Whoever is about to add a row that points to the person waits here, and then finds nobody.
            await link.execute("SELECT 1 FROM users WHERE id = %(user_id)s FOR UPDATE", names)
            cursor = await link.execute(
                "SELECT EXISTS (SELECT FROM connections WHERE owner = %(user_id)s"
                " AND status <> 'disconnected')",
                names,
            )
            if cast("tuple[bool]", await cursor.fetchone())[0]:
                return False
            for statement in (
                # A personal token is a client of its own, that nobody else can have a grant with.
                "DELETE FROM clients WHERE kind = 'personal'"
                " AND id IN (SELECT client_id FROM grants WHERE user_id = %(user_id)s)",
                "DELETE FROM deks WHERE owner = %(user_id)s AND purpose <> 'operator'",
                "DELETE FROM users WHERE id = %(user_id)s",
            ):
                await link.execute(statement, names)
        return True


async def _rows(link: Link, user_id: UUID, query: LiteralString) -> Rows:
    async with link.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, {"user_id": user_id})
        return await cursor.fetchall()


async def _at_providers(link: Link, user_id: UUID) -> dict[str, Rows]:
    return {
        "connections": await _rows(
            link,
            user_id,
            "SELECT provider, account_label AS account, label, is_default, app, scopes, status, reason,"
            " created_at, updated_at, last_used_at, access_expires_at, grant_expires_at, attempt_started_at,"
            " next_attempt_at, fail_count, next_warning_at, refreshed_at, tend_at FROM connections"
            " WHERE owner = %(user_id)s ORDER BY created_at, id",
        ),
        "own_apps": await _rows(
            link,
            user_id,
            "SELECT provider, client_id, label, has_secret, created_at FROM apps"
            " WHERE user_id = %(user_id)s ORDER BY created_at, id",
        ),
        "keys": await _rows(
            link,
            user_id,
            "SELECT purpose, kek_ref AS wrapped_by, created_at, wrapped_at FROM deks"
            " WHERE owner = %(user_id)s UNION ALL"
            " SELECT 'audit', NULL, created_at, NULL FROM audit_keys WHERE user_id = %(user_id)s"
            " ORDER BY created_at, purpose",
        ),
        "trips": await _rows(
            link,
            user_id,
            "SELECT purpose, provider, app, created_at, expires_at, consumed_at FROM states"
            " WHERE user_id = %(user_id)s ORDER BY created_at, record_id",
        ),
        "waiting": await _rows(
            link,
            user_id,
            "SELECT purpose, provider, app, created_at, expires_at, answered_at FROM pendings"
            " WHERE user_id = %(user_id)s ORDER BY created_at, record_id",
        ),
    }


async def _of_chats(link: Link, user_id: UUID) -> dict[str, Rows]:
    return {
        "chats": await _rows(
            link,
            user_id,
            "SELECT g.id AS chat, g.client_id, c.name, c.kind, g.redirect_uri, g.scopes, g.created_at,"
            " g.updated_at, g.last_used_at, g.revoked_at FROM grants g JOIN clients c ON c.id = g.client_id"
            " WHERE g.user_id = %(user_id)s ORDER BY g.created_at, g.id",
        ),
        "tokens": await _rows(
            link,
            user_id,
            "SELECT f.grant_id AS chat, 'access' AS token, t.created_at, t.expires_at, NULL AS used_at,"
            "  f.revoked_at FROM access_tokens t JOIN families f ON f.id = t.family_id"
            "  JOIN grants g ON g.id = f.grant_id WHERE g.user_id = %(user_id)s"
            " UNION ALL"
            " SELECT f.grant_id, 'refresh', t.created_at, t.expires_at, t.used_at, f.revoked_at"
            "  FROM refresh_tokens t JOIN families f ON f.id = t.family_id"
            "  JOIN grants g ON g.id = f.grant_id WHERE g.user_id = %(user_id)s"
            " UNION ALL"
            " SELECT k.grant_id, 'code', k.created_at, k.expires_at, k.consumed_at, NULL"
            "  FROM codes k JOIN grants g ON g.id = k.grant_id WHERE g.user_id = %(user_id)s"
            " ORDER BY created_at, token",
        ),
        "file_links": await _rows(
            link,
            user_id,
            "SELECT grant_id AS chat, direction, scopes, created_at, expires_at, consumed_at FROM transfers"
            " WHERE user_id = %(user_id)s ORDER BY created_at, record_id",
        ),
        "asks": await _rows(
            link,
            user_id,
            "SELECT service, created_at FROM asks WHERE user_id = %(user_id)s ORDER BY service",
        ),
        "questions": await _rows(
            link,
            user_id,
            "SELECT grant_id AS chat, tool, decision, created_at, expires_at, answered_at, spent_at"
            " FROM approvals WHERE user_id = %(user_id)s ORDER BY created_at, id",
        ),
        "requests": await _rows(
            link,
            user_id,
            "SELECT kind, client_id, provider, created_at, expires_at, consumed_at FROM flows"
            " WHERE user_id = %(user_id)s ORDER BY created_at, id",
        ),
    }
