"""What the operator does with all data keys and all sealed records, page by page: every statement is short.

No owner in the WHERE here, on purpose: these statements are the operator's, over everybody. They read what is
sealed and wrapped, and write nothing but how a data key is wrapped, which binds its owner as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from vault.store.database import Database
from vault.store.deks import WrappedDek

_KEYS: LiteralString = "SELECT id, owner, purpose, kek_ref, wrapped FROM deks"

_DUE: LiteralString = " WHERE (kek_ref <> %(active)s OR wrapped_at < %(before)s)"
_COUNT: LiteralString = "SELECT count(*) FROM deks"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """How many data keys of a purpose one key wraps, and when the oldest and the newest were wrapped."""

    kek_ref: str
    purpose: str
    count: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True)
class Small:
    """One of the operator's small sealed things. `key`: where the next page begins; `said`: of which kind."""

    key: bytes
    record: UUID
    said: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Called:
    """The sealed key that a person is called by in the audit. `id` is the person's."""

    id: UUID
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Noted:
    """A sealed thing inside a row's readable notes, in base64. Anything may stand there."""

    key: bytes
    record: str | None
    sealed: str | None = field(repr=False)


class Custody:
    """The table `deks`, and whatever is sealed by the operator's key, as the operator sees them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self) -> list[Wrapped]:
        """What is wrapped under which key, by reference and purpose."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Wrapped)) as cursor:
            await cursor.execute(
                # Within what Python has years for: an edited row may say infinity.
                "SELECT kek_ref, purpose, count(*) AS count,"
                " least(greatest(min(wrapped_at), '0001-01-03 UTC'), '9999-12-29 UTC') AS oldest,"
                " least(greatest(max(wrapped_at), '0001-01-03 UTC'), '9999-12-29 UTC') AS newest"
                " FROM deks GROUP BY kek_ref, purpose ORDER BY kek_ref, purpose"
            )
            return await cursor.fetchall()

    async def named(self, ref: str) -> int:
        """How many data keys are wrapped under that key."""
        async with self._database.connection() as link:
            cursor = await link.execute(_COUNT + " WHERE kek_ref = %(ref)s", {"ref": ref})
            row = await cursor.fetchone()
        return 0 if row is None else int(row[0])

    async def due(self, active: str, before: datetime | None) -> int:
        """How many are wrapped under another key than `active`, or were wrapped before that time."""
        async with self._database.connection() as link:
            cursor = await link.execute(_COUNT + _DUE, {"active": active, "before": before})
            row = await cursor.fetchone()
        return 0 if row is None else int(row[0])

    async def overdue(
        self, active: str, before: datetime | None, after: UUID, limit: int
    ) -> list[WrappedDek]:
        """The next of those, by id. Nothing is locked: a key service may take its time over them."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(WrappedDek)) as cursor,
        ):
            await cursor.execute(
                _KEYS + _DUE + " AND id > %(after)s ORDER BY id LIMIT %(limit)s",
                {"active": active, "before": before, "after": after, "limit": limit},
            )
            return await cursor.fetchall()

    async def exchange(self, pairs: Sequence[tuple[WrappedDek, WrappedDek]]) -> int:
        """Put the second of each pair where the first still stands, in one statement; how many it did.

        A row that somebody else holds, or changed, or destroyed, is left alone: this waits for nobody, so it
        can be part of no deadlock. What is left alone is met again by whoever looks for what is due.
        """
        async with self._database.connection() as link:
            cursor = await link.execute(
                "WITH given AS (SELECT * FROM unnest(%(ids)s::uuid[], %(was)s::text[], %(old)s::bytea[],"
                "  %(is)s::text[], %(new)s::bytea[]) AS given (id, was, old, ref, new)),"
                " held AS (SELECT d.id, given.ref, given.new FROM deks d"
                "  JOIN given ON given.id = d.id AND given.was = d.kek_ref AND given.old = d.wrapped"
                "  FOR NO KEY UPDATE OF d SKIP LOCKED)"
                " UPDATE deks d SET kek_ref = held.ref, wrapped = held.new, wrapped_at = now() FROM held"
                " WHERE d.id = held.id",
                {
                    "ids": [old.id for old, _ in pairs],
                    "was": [old.kek_ref for old, _ in pairs],
                    "old": [old.wrapped for old, _ in pairs],
                    "is": [new.kek_ref for _, new in pairs],
                    "new": [new.wrapped for _, new in pairs],
                },
            )
            return cursor.rowcount

    async def keys(self, after: UUID, limit: int) -> list[WrappedDek]:
        """Every data key, by id."""
        async with (
            self._database.connection() as link,
            link.cursor(row_factory=class_row(WrappedDek)) as cursor,
        ):
            await cursor.execute(
                _KEYS + " WHERE id > %(after)s ORDER BY id LIMIT %(limit)s", {"after": after, "limit": limit}
            )
            return await cursor.fetchall()

    async def trips(self, after: bytes, limit: int) -> list[Small]:
        """`states.sealed`, by hash."""
        return await self._small(
            "SELECT hash AS key, record_id AS record, '' AS said, sealed FROM states"
            " WHERE hash > %(after)s ORDER BY hash LIMIT %(limit)s",
            after,
            limit,
        )

    async def waiting(self, after: bytes, limit: int) -> list[Small]:
        """`pendings.sealed`, by hash; what was answered has none. `said` is the row's purpose."""
        return await self._small(
            "SELECT hash AS key, record_id AS record, purpose AS said, sealed FROM pendings"
            " WHERE hash > %(after)s AND sealed IS NOT NULL ORDER BY hash LIMIT %(limit)s",
            after,
            limit,
        )

    async def previews(self, after: bytes, limit: int) -> list[Small]:
        """`approvals.sealed`, by hash; what was answered has none."""
        return await self._small(
            "SELECT hash AS key, id AS record, '' AS said, sealed FROM approvals"
            " WHERE hash > %(after)s AND sealed IS NOT NULL ORDER BY hash LIMIT %(limit)s",
            after,
            limit,
        )

    async def successors(self, after: bytes, limit: int) -> list[Small]:
        """`refresh_tokens.successor`, by hash; there is one only in a token's grace."""
        return await self._small(
            "SELECT hash AS key, record_id AS record, '' AS said, successor AS sealed FROM refresh_tokens"
            " WHERE hash > %(after)s AND successor IS NOT NULL ORDER BY hash LIMIT %(limit)s",
            after,
            limit,
        )

    async def transfers(self, after: bytes, limit: int) -> list[Small]:
        """`transfers.sealed`, by hash."""
        return await self._small(
            "SELECT hash AS key, record_id AS record, '' AS said, sealed FROM transfers"
            " WHERE hash > %(after)s ORDER BY hash LIMIT %(limit)s",
            after,
            limit,
        )

    async def called(self, after: UUID, limit: int) -> list[Called]:
        """`audit_keys.sealed`, by person."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Called)) as cursor:
            await cursor.execute(
                "SELECT user_id AS id, sealed FROM audit_keys WHERE user_id > %(after)s"
                " ORDER BY user_id LIMIT %(limit)s",
                {"after": after, "limit": limit},
            )
            return await cursor.fetchall()

    async def _small(self, query: LiteralString, after: bytes, limit: int) -> list[Small]:
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Small)) as cursor:
            await cursor.execute(query, {"after": after, "limit": limit})
            return await cursor.fetchall()

    async def pages(self, after: bytes, limit: int) -> list[Noted]:
        """`pages` in `pendings.params`, by hash; answered ones keep theirs for a day."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Noted)) as cursor:
            await cursor.execute(
                "SELECT hash AS key, params ->> 'record' AS record, params ->> 'pages' AS sealed"
                " FROM pendings WHERE hash > %(after)s AND params ? 'pages' ORDER BY hash LIMIT %(limit)s",
                {"after": after, "limit": limit},
            )
            return await cursor.fetchall()

    async def sizes(self) -> int:
        """About how many records `valet keys verify` will open: for its progress bar."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT (SELECT count(*) FROM deks) + (SELECT count(*) FROM connections)"
                " + (SELECT count(*) FROM apps) + (SELECT count(*) FROM states)"
                " + (SELECT count(*) FROM pendings)"
                " + (SELECT count(*) FROM approvals WHERE sealed IS NOT NULL)"
                " + (SELECT count(*) FROM refresh_tokens WHERE successor IS NOT NULL)"
                " + (SELECT count(*) FROM audit_keys) + (SELECT count(*) FROM transfers)"
            )
            row = await cursor.fetchone()
        return 0 if row is None else int(row[0])
