"""What people call their accounts, and which one is meant where none is named.

Labels are unique per owner and provider, whatever their case, and of one provider there is at most one
default. All of it runs inside the caller's transaction, under the owner's lock.
"""

from __future__ import annotations

from typing import cast
from uuid import UUID

from vault.store.database import Connection as Link


class Labels:
    """The label and default of rows in the `connections` table."""

    async def taken(self, link: Link, owner: UUID, provider: str, but: UUID, label: str) -> bool:
        """Whether another live connection of the owner's at that provider is called so.

        PostgreSQL folds the case, as its unique index does: Python folds some letters differently.
        """
        cursor = await link.execute(
            "SELECT EXISTS (SELECT FROM connections WHERE owner = %(owner)s AND provider = %(provider)s"
            " AND status <> 'disconnected' AND id <> %(but)s AND lower(label) = lower(%(label)s))",
            {"owner": owner, "provider": provider, "but": but, "label": label},
        )
        row = cast("tuple[bool]", await cursor.fetchone())
        return row[0]

    async def rename(self, link: Link, owner: UUID, connection: UUID, label: str) -> None:
        """Give one of the owner's live connections another label."""
        await link.execute(
            "UPDATE connections SET label = %(label)s, updated_at = now()"
            " WHERE id = %(id)s AND owner = %(owner)s AND status <> 'disconnected'",
            {"label": label, "id": connection, "owner": owner},
        )

    async def prefer(self, link: Link, owner: UUID, connection: UUID) -> None:
        """Make one of the owner's live connections the default of its provider.

        First the old one steps down: of one provider there is never more than one default.
        """
        names = {"id": connection, "owner": owner}
        await link.execute(
            "UPDATE connections SET is_default = false, updated_at = now()"
            " WHERE owner = %(owner)s AND is_default AND id <> %(id)s AND provider = ("
            "  SELECT provider FROM connections WHERE id = %(id)s AND owner = %(owner)s"
            "  AND status <> 'disconnected')",
            names,
        )
        await link.execute(
            "UPDATE connections SET is_default = true, updated_at = now()"
            " WHERE id = %(id)s AND owner = %(owner)s AND status <> 'disconnected'",
            names,
        )

    async def promote(self, link: Link, owner: UUID, provider: str) -> None:
        """Give the default to the owner's oldest live connection that works, where none has it."""
        await link.execute(
            "UPDATE connections SET is_default = true, updated_at = now() WHERE id = ("
            " SELECT id FROM connections WHERE owner = %(owner)s AND provider = %(provider)s"
            "  AND status <> 'disconnected' ORDER BY status <> 'active', created_at, id LIMIT 1)"
            " AND owner = %(owner)s AND NOT EXISTS (SELECT 1 FROM connections WHERE owner = %(owner)s"
            "  AND provider = %(provider)s AND is_default AND status <> 'disconnected')",
            {"owner": owner, "provider": provider},
        )
