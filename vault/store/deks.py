"""Wrapped data keys. A table of their own, so that disconnecting destroys exactly one key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from psycopg.rows import class_row

from vault.store.database import Connection as Link
from vault.store.database import Database

Purpose = Literal["connection", "app", "operator"]


@dataclass(frozen=True, slots=True)
class WrappedDek:
    """One row: the key encryption key's reference and the wrapped bytes."""

    id: UUID
    owner: UUID
    purpose: Purpose
    kek_ref: str
    wrapped: bytes


class Deks:
    """The `deks` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, link: Link, dek: WrappedDek) -> None:
        """Insert inside the caller's transaction."""
        await link.execute(
            "INSERT INTO deks (id, owner, purpose, kek_ref, wrapped)"
            " VALUES (%(id)s, %(owner)s, %(purpose)s, %(kek_ref)s, %(wrapped)s)",
            {
                "id": dek.id,
                "owner": dek.owner,
                "purpose": dek.purpose,
                "kek_ref": dek.kek_ref,
                "wrapped": dek.wrapped,
            },
        )

    async def destroy(self, link: Link, owner: UUID, dek_id: UUID) -> None:
        """Delete one of the owner's keys inside the caller's transaction: what it sealed is gone."""
        await link.execute(
            "DELETE FROM deks WHERE id = %(id)s AND owner = %(owner)s", {"id": dek_id, "owner": owner}
        )

    async def operator(self) -> WrappedDek | None:
        """The one key of the operator's small things, if it was ever made."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(WrappedDek)) as cursor,
        ):
            await cursor.execute(
                "SELECT id, owner, purpose, kek_ref, wrapped FROM deks WHERE purpose = 'operator'"
            )
            return await cursor.fetchone()

    async def claim_operator(self, dek: WrappedDek) -> WrappedDek:
        """Insert the operator's key, or return the one that another process inserted first."""
        async with self._database.connection() as link:
            await link.execute(
                "INSERT INTO deks (id, owner, purpose, kek_ref, wrapped)"
                " VALUES (%(id)s, %(owner)s, 'operator', %(kek_ref)s, %(wrapped)s)"
                " ON CONFLICT (purpose) WHERE purpose = 'operator' DO NOTHING",
                {"id": dek.id, "owner": dek.owner, "kek_ref": dek.kek_ref, "wrapped": dek.wrapped},
            )
        claimed = await self.operator()
        assert claimed is not None
        return claimed
