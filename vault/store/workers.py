"""Which processes serve: the table `workers`. Times are PostgreSQL's."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from vault.store.database import Database

EVERY = 30.0
"""Seconds between two signs of life of a process."""
GONE = timedelta(seconds=4 * EVERY)
"""Who gave none for so long is not there any more: three may be lost, or the database was away."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What became of asking for connections to the database since the last sign, of which it may have `most`.

    `queued`: how often none was free at once; `waited`: seconds of that, together; `missed`: how often none
    was to be had at all.
    """

    most: int
    asked: int
    queued: int
    waited: float
    missed: int


@dataclass(frozen=True, slots=True)
class Sign:
    """What a process says of itself. `knows` is the newest step of the schema that it knows."""

    id: UUID
    doors: Sequence[str]
    version: str
    knows: int
    origin: str
    ring_active: str
    ring_mark: str
    pool: Pool


@dataclass(frozen=True, slots=True)
class Worker:
    """A row. `clock_ahead`: seconds by which its clock was ahead of the database's; `silent`: since when."""

    id: UUID
    doors: list[str]
    version: str
    knows: int
    origin: str
    ring_active: str
    ring_mark: str
    clock_ahead: float
    started_at: datetime
    seen_at: datetime
    silent: timedelta

    @property
    def alive(self) -> bool:
        """Whether it gave a sign of life lately."""
        return self.silent < GONE

    @property
    def name(self) -> str:
        """`mcp_server 0193ab12`: as much of its id as tells it from others, from the random end."""
        return f"{'+'.join(self.doors)} {self.id.hex[-8:]}"


class Workers:
    """The table. `clock` is the wall clock, which is compared with the database's."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def sign(self, sign: Sign) -> None:
        """Give a sign of life, and say what is true of the process now. Raises Busy."""
        async with self._database.connection() as link:
            # Read once there is a connection: waiting for one is not the clock's fault.
            values = {
                "id": sign.id,
                "doors": list(sign.doors),
                "version": sign.version,
                "knows": sign.knows,
                "origin": sign.origin,
                "active": sign.ring_active,
                "mark": sign.ring_mark,
                "clock": self._clock(),
                "most": sign.pool.most,
                "asked": sign.pool.asked,
                "queued": sign.pool.queued,
                "waited": sign.pool.waited,
                "missed": sign.pool.missed,
            }
            await link.execute(
                "INSERT INTO workers (id, doors, version, knows, origin, ring_active, ring_mark, clock_ahead,"
                "  pool_most, pool_asked, pool_queued, pool_waited, pool_missed)"
                " VALUES (%(id)s, %(doors)s, %(version)s, %(knows)s, %(origin)s, %(active)s, %(mark)s,"
                "  %(clock)s - extract(epoch FROM clock_timestamp())::float8,"
                "  %(most)s, %(asked)s, %(queued)s, %(waited)s, %(missed)s)"
                " ON CONFLICT (id) DO UPDATE SET version = excluded.version, knows = excluded.knows,"
                "  origin = excluded.origin, ring_active = excluded.ring_active,"
                "  ring_mark = excluded.ring_mark, clock_ahead = excluded.clock_ahead, seen_at = now(),"
                "  pool_most = excluded.pool_most, pool_asked = excluded.pool_asked,"
                "  pool_queued = excluded.pool_queued, pool_waited = excluded.pool_waited,"
                "  pool_missed = excluded.pool_missed",
                values,
            )

    async def leave(self, worker: UUID) -> None:
        """Remove the row of a process that ends in order. Raises Busy."""
        async with self._database.connection() as link:
            await link.execute("DELETE FROM workers WHERE id = %(id)s", {"id": worker})

    async def list(self) -> list[Worker]:
        """Every process there is, or was within a day; the oldest first. Raises Busy."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Worker)) as cursor:
            await cursor.execute(
                "SELECT id, doors, version, knows, origin, ring_active, ring_mark, clock_ahead, started_at,"
                " seen_at, now() - seen_at AS silent FROM workers ORDER BY started_at, id"
            )
            return await cursor.fetchall()

    async def pools(self) -> dict[UUID, Pool]:
        """The pool of each process, as far as it says: an older release writes nothing of it. Raises Busy."""
        async with self._database.connection() as link:
            cursor = await link.execute(
                "SELECT id, pool_most, pool_asked, pool_queued, pool_waited, pool_missed FROM workers"
                " WHERE pool_asked IS NOT NULL"
            )
            return {row[0]: Pool(*row[1:]) for row in await cursor.fetchall()}

    async def sweep(self) -> int:
        """Delete what killed processes left more than a day ago; returns how many rows went. Raises Busy."""
        async with self._database.connection() as link:
            cursor = await link.execute("DELETE FROM workers WHERE seen_at < now() - interval '1 day'")
            return cursor.rowcount
