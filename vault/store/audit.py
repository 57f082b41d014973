"""The `audit` table and the keys that people are called by in it.

Appended only: the app's role may insert and select, and a trigger refuses the rest to the owner too, but for
pruning. The rows name nobody, so there is no owner in their WHERE; `vault/audit/` says what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, cast
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from vault.audit.row import Head, Row
from vault.store.database import Database

_APPEND: LiteralString = (
    "INSERT INTO audit (worker, batch, position, size, at, event, outcome, person, client, address, tool,"
    "  provider, detail, times, lost, seen_worker, seen_batch, seen_mac, mac)"
    " SELECT n.worker, n.batch, n.position, n.size, n.at, n.event, n.outcome,"
    "  decode(n.person, 'hex'), decode(n.client, 'hex'), decode(n.address, 'hex'),"
    "  n.tool, n.provider, n.detail, n.times, n.lost,"
    "  n.seen_worker, n.seen_batch, decode(n.seen_mac, 'hex'), decode(n.mac, 'hex')"
    " FROM jsonb_to_recordset(%(rows)s) AS n (worker uuid, batch bigint, position integer,"
    "  size integer, at timestamptz, event text, outcome text, person text, client text,"
    "  address text, tool text, provider text, detail text, times integer, lost integer,"
    "  seen_worker uuid, seen_batch bigint, seen_mac text, mac text)"
    " ORDER BY n.position ON CONFLICT (worker, batch, position) DO NOTHING"
)
_READ: LiteralString = (
    "SELECT worker, batch, position, size,"
    # What Python can't hold only an edit can have made; it becomes a time at which nothing was written.
    " CASE WHEN at BETWEEN '1970-01-01 UTC' AND '9999-01-01 UTC' THEN at ELSE '1970-01-01 UTC' END AS at,"
    " event, outcome, person, client, address, tool, provider, detail, times, lost, seen_worker, seen_batch,"
    " seen_mac, mac FROM audit"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be known of an event's person, by themselves or by their grant. `number` is the caller's."""

    number: int
    user_id: UUID | None
    grant_id: UUID | None
    connection: UUID | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known: their sealed key, if there is one yet, and what grant and connection stand for."""

    user_id: UUID
    sealed: bytes | None
    client_id: str | None
    provider: str | None


class AuditRows:
    """The two tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, rows: Sequence[Row]) -> None:
        """Insert a whole batch; one that is there already (an answer got lost) is left as it is."""
        async with self._database.connection() as link:
            await link.execute(_APPEND, {"rows": Jsonb([_written(row) for row in rows])})

    async def count(self) -> int:
        """About how many rows there are, as the database estimates it: for a progress bar."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'public.audit'::regclass"
            )
            return int(cast("tuple[int]", await cursor.fetchone())[0])

    async def latest(self) -> int:
        """The order of arrival of the latest row; 0 where there is none."""
        async with self._database.connection() as link:
            cursor = await link.execute("SELECT coalesce(max(seq), 0) FROM audit")
            return int(cast("tuple[int]", await cursor.fetchone())[0])

    async def others(self, worker: UUID, since: int) -> list[Head]:
        """The newest batch of each other worker among the rows that arrived after `since`."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT DISTINCT ON (worker) worker, batch, mac FROM audit"
                " WHERE seq > %(since)s AND worker <> %(worker)s"
                " ORDER BY worker, batch DESC, position DESC",
                {"worker": worker, "since": since},
            )
            return [Head(who, batch, bytes(mac)) for who, batch, mac in await cursor.fetchall()]

    async def know(self, asked: Sequence[Asked]) -> dict[int, Known]:
        """What is known of these people; whoever is not here any more is not in the answer."""
        rows = [
            {
                "number": each.number,
                "user_id": None if each.user_id is None else str(each.user_id),
                "grant_id": None if each.grant_id is None else str(each.grant_id),
                "connection": None if each.connection is None else str(each.connection),
            }
            for each in asked
        ]
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT n.number, u.id, k.sealed, g.client_id, c.provider"
                " FROM jsonb_to_recordset(%(rows)s)"
                "  AS n (number integer, user_id uuid, grant_id uuid, connection uuid)"
                # Tokens are issued for a grant, whoever's it is: there its row says whose.
                " LEFT JOIN grants g ON g.id = n.grant_id AND g.user_id = coalesce(n.user_id, g.user_id)"
                " JOIN users u ON u.id = coalesce(n.user_id, g.user_id)"
                " LEFT JOIN audit_keys k ON k.user_id = u.id"
                " LEFT JOIN connections c ON c.id = n.connection AND c.owner = u.id",
                {"rows": Jsonb(rows)},
            )
            return {
                number: Known(user, None if sealed is None else bytes(sealed), client, provider)
                for number, user, sealed, client, provider in await cursor.fetchall()
            }

    async def keys(self, fresh: Mapping[UUID, bytes]) -> dict[UUID, bytes]:
        """Keep people's keys, and return what is kept, the first that was; nothing for who is gone."""
        rows = [{"user_id": str(user_id), "sealed": sealed.hex()} for user_id, sealed in fresh.items()]
        async with self._database.transaction() as link:
            # A person who is being deleted at this moment is waited for, and then is not there. In one order,
            # so that two workers with the same new people wait for each other and no more.
            await link.execute(
                "INSERT INTO audit_keys (user_id, sealed)"
                " SELECT u.id, decode(n.sealed, 'hex')"
                " FROM jsonb_to_recordset(%(rows)s) AS n (user_id uuid, sealed text)"
                " JOIN users u ON u.id = n.user_id ORDER BY u.id FOR KEY SHARE OF u"
                " ON CONFLICT (user_id) DO NOTHING",
                {"rows": Jsonb(rows)},
            )
            cursor = await link.execute(
                "SELECT user_id, sealed FROM audit_keys WHERE user_id = ANY(%(people)s)",
                {"people": list(fresh)},
            )
            return {user_id: bytes(sealed) for user_id, sealed in await cursor.fetchall()}

    async def page(self, after: tuple[UUID, int, int] | None, most: int) -> list[Row]:
        """The next rows in the order of worker, batch and position, at most `most`."""
        worker, batch, position = after or (None, None, None)
        return await self._rows(
            _READ + " WHERE %(worker)s::uuid IS NULL"
            " OR (worker, batch, position) > (%(worker)s, %(batch)s, %(position)s)"
            " ORDER BY worker, batch, position LIMIT %(most)s",
            {"worker": worker, "batch": batch, "position": position, "most": most},
        )

    async def pruned(self) -> list[Row]:
        """Every row that says what was removed, oldest first."""
        return await self._rows(_READ + " WHERE event = 'pruned' ORDER BY seq", {})

    async def end(self, worker: UUID, batch: int) -> bytes | None:
        """The MAC of the last row of that batch, if it is there."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT mac FROM audit WHERE worker = %(worker)s AND batch = %(batch)s"
                " ORDER BY position DESC LIMIT 1",
                {"worker": worker, "batch": batch},
            )
            row = await cursor.fetchone()
            return None if row is None else bytes(cast("tuple[bytes]", row)[0])

    async def of(self, person: bytes, since: datetime | None, most: int) -> list[Row]:
        """The latest rows about whoever is called that, newest first."""
        return await self._rows(
            _READ + " WHERE person = %(person)s"
            " AND (%(since)s::timestamptz IS NULL OR at >= %(since)s) ORDER BY at DESC LIMIT %(most)s",
            {"person": person, "since": since, "most": most},
        )

    async def old(self, before: datetime) -> list[Head]:
        """By worker the last batch up to which every row is older than that; for those that have such."""
        async with self._database.transaction() as link:
            await link.execute("SET LOCAL statement_timeout = 0")
            cursor = await link.execute(
                "SELECT o.worker, o.batch, a.mac FROM (SELECT worker,"
                "   coalesce(min(batch) FILTER (WHERE at >= %(before)s) - 1, max(batch)) AS batch"
                "  FROM audit GROUP BY worker) o"
                " JOIN LATERAL (SELECT mac FROM audit WHERE worker = o.worker AND batch = o.batch"
                "  ORDER BY position DESC LIMIT 1) a ON true ORDER BY o.worker",
                {"before": before},
            )
            return [Head(worker, batch, bytes(mac)) for worker, batch, mac in await cursor.fetchall()]

    async def prune(self, up_to: Sequence[Head], rows: Sequence[Row]) -> int:
        """Remove those workers' batches up to these, and append `rows`, which say so, or neither.

        Only for the role that owns the table. Returns how many rows went.
        """
        values = {
            "workers": [head.worker for head in up_to],
            "batches": [head.batch for head in up_to],
        }
        async with self._database.transaction() as link:
            await link.execute("SET LOCAL valet.prune = 'on'")
            await link.execute("SET LOCAL statement_timeout = 0")
            cursor = await link.execute(
                "DELETE FROM audit a USING unnest(%(workers)s::uuid[], %(batches)s::bigint[])"
                " AS o (worker, batch) WHERE a.worker = o.worker AND a.batch <= o.batch",
                values,
            )
            await link.execute(_APPEND, {"rows": Jsonb([_written(row) for row in rows])})
            return cursor.rowcount

    async def _rows(self, query: LiteralString, values: dict[str, Any]) -> list[Row]:
        async with self._database.connection() as link, link.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, values)
            return [_read(row) for row in await cursor.fetchall()]


def _written(row: Row) -> dict[str, Any]:
    seen = row.seen
    return {
        "worker": str(row.worker),
        "batch": row.batch,
        "position": row.position,
        "size": row.size,
        "at": row.at.isoformat(),
        "event": row.event,
        "outcome": row.outcome,
        "person": _hex(row.person),
        "client": _hex(row.client),
        "address": _hex(row.address),
        "tool": row.tool,
        "provider": row.provider,
        "detail": row.detail,
        "times": row.times,
        "lost": row.lost,
        "seen_worker": None if seen is None else str(seen.worker),
        "seen_batch": None if seen is None else seen.batch,
        "seen_mac": None if seen is None else seen.mac.hex(),
        "mac": row.mac.hex(),
    }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _read(row: dict[str, Any]) -> Row:
    worker, batch, mac = (row.pop(f"seen_{name}") for name in ("worker", "batch", "mac"))
    # A NULL that only an edit can have made must not be taken for "none": it then is no such row any more.
    seen = None if worker is None and batch is None and mac is None else _head(worker, batch, mac)
    return Row(**row, seen=seen)


def _head(worker: UUID | None, batch: int | None, mac: bytes | None) -> Head:
    return Head(worker or UUID(int=0), batch or 0, bytes(mac or b""))
