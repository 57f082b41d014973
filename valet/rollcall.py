"""A process says that it is there, and with what, for as long as it is: what `valet doctor` compares."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from valet.ground import Ground
from valet.housekeeping import housekeeping
from vault.errors import Busy
from vault.ids import new_id
from vault.keyring import KeyRing
from vault.rings.mark import mark
from vault.store.database import Database
from vault.store.migrate import migrations
from vault.store.workers import EVERY, Pool, Sign, Workers


class Roll:
    """One process's entry. Its pool counts from its start on; a sign says what is new since the last."""

    def __init__(self, database: Database, ring: KeyRing, origin: str, doors: Sequence[str]) -> None:
        self.id = new_id()
        self._database, self._ring, self._origin, self._doors = database, ring, origin, doors
        self._workers = Workers(database)
        self._knows = migrations()[-1].version
        self._told: Mapping[str, int] = {}

    async def sign(self) -> int:
        """Give a sign of life; returns 0, for nothing is swept. Raises Busy."""
        # Looked at anew each time: a ring file is changed while we run.
        held, stats = mark(self._ring), self._database.stats()
        await self._workers.sign(
            Sign(
                self.id,
                self._doors,
                version("valet"),
                self._knows,
                self._origin,
                held.active,
                held.word,
                self._since(stats),
            )
        )
        # Not before: what a lost sign would have said is said by the next one.
        self._told = stats
        return 0

    async def leave(self) -> None:
        """Take it away. Raises Busy."""
        await self._workers.leave(self.id)

    def _since(self, stats: Mapping[str, int]) -> Pool:
        # psycopg_pool leaves out what is zero.
        def more(key: str) -> int:
            return stats.get(key, 0) - self._told.get(key, 0)

        return Pool(
            most=stats["pool_max"],
            asked=more("requests_num"),
            queued=more("requests_queued"),
            waited=more("requests_wait_ms") / 1000,
            missed=more("requests_errors"),
        )


@asynccontextmanager
async def present(ground: Ground, doors: Sequence[str]) -> AsyncIterator[None]:
    """Give signs of life while the block lasts, and take the row away at its end. Raises Busy at first."""
    roll = Roll(ground.database, ground.ring, ground.settings.origin, doors)
    await roll.sign()
    try:
        # A sweep comes within 1.5 times its pause: three signs in a row lost are still no funeral.
        async with housekeeping([roll.sign, Workers(ground.database).sweep], every=EVERY):
            yield
    finally:
        # Where the database is away the row is found silent, and swept.
        with suppress(Busy):
            await roll.leave()
