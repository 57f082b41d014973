"""Workers on one database that are killed in the middle of their refreshes, many at a time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import LiteralString
from uuid import UUID

from tests.proof.nursery import Nursery
from tests.proof.people import REFRESH, expire, leased
from tests.proof.worker import Worker
from tests.support.emulator import EmulatorProcess
from vault.store.database import Database
from vault.timing import Timing

TIMING = Timing(lease=1)
"""A short lease, so that the next worker takes over soon: who is killed never answers late."""

_FINAL = ("ok", "ConnectionExpired")

_UPDATES: LiteralString = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
    " AND query LIKE 'UPDATE connections %'"
)


class Crew:
    """Every wave begins with a worker for each share of the owners and ends with all of them killed.

    `killed`: workers that were killed while a refresh of theirs was under way; `idle`: those killed when none
    was; `flying`: the refreshes that were under way.
    """

    def __init__(
        self,
        nursery: Nursery,
        database: Database,
        url: str,
        ring: Path,
        emulator: EmulatorProcess,
        timing: Timing = TIMING,
        *,
        caretaker: bool = False,
    ) -> None:
        self._nursery = nursery
        self._place = (url, ring, emulator.origin, timing)
        self._caretaker = caretaker
        self._database = database
        self._emulator = emulator
        self._dice = random.Random(7)
        self.killed = self.idle = self.flying = 0

    def worker(self) -> Worker:
        return Worker(self._nursery, *self._place, caretaker=self._caretaker)

    async def before_it_acted(self, shares: list[list[UUID]]) -> None:
        """Killed while every request waits at the provider, which does it afterwards."""
        await self._held(shares, "hang")

    async def after_it_acted(self, shares: list[list[UUID]]) -> None:
        """Killed when the provider has done every request and answered none."""
        await self._held(shares, "late")

    async def at_the_lease(self, shares: list[list[UUID]]) -> None:
        """Killed while every lease is being written; PostgreSQL writes it all the same."""
        workers = await self._warm(shares)
        async with self._database.connection() as link:  # else the note of the use would be what waits
            await link.execute("UPDATE connections SET last_used_at = now()")
        async with self._rows_locked(shares):
            await self._give(workers, shares)
            await self._writing(sum(map(len, shares)))
            await self._bury(workers)
        await self._written()
        assert self._count(shares, await leased(self._database)) == len(shares), "all were in flight"

    async def at_the_commit(self, shares: list[list[UUID]]) -> None:
        """Killed while every result is being stored; PostgreSQL stores it all the same."""
        workers = await self._warm(shares)
        await self._hanging(workers, shares, "hang")
        assert self._count(shares, await leased(self._database)) == len(shares), "all were in flight"
        async with self._rows_locked(shares):
            self._emulator.clear_faults()
            await self._writing(sum(map(len, shares)))
            await self._bury(workers)
        await self._written()

    async def in_passing(self, shares: list[list[UUID]]) -> None:
        """Killed each at a moment of its own: before, during or after a refresh."""
        workers = await self._warm(shares)
        moments = sorted(((self._dice.uniform(0.005, 0.2), worker) for worker in workers), key=lambda m: m[0])
        await self._give(workers, shares)
        await asyncio.to_thread(_kill_at, time.monotonic(), moments)
        for worker in workers:
            worker.buried()
        await self._calm()
        self._count(shares, await leased(self._database))

    async def in_haste(self, owners: list[UUID], seconds: float) -> dict[UUID, str]:
        """One worker is asked again and again until everybody is served, or the time is over."""
        worker, came = self.worker(), dict.fromkeys(owners, "not asked")
        await asyncio.to_thread(worker.warm)
        try:
            async with asyncio.timeout(seconds):
                while left := [each for each in owners if not came[each].startswith(_FINAL)]:
                    worker.give(left)
                    came |= await asyncio.to_thread(worker.hear)
        finally:
            await asyncio.to_thread(worker.finish)
        return came

    async def in_peace(self, owners: list[UUID]) -> dict[UUID, str]:
        """One worker does all of it and goes home."""
        worker = self.worker()
        await asyncio.to_thread(worker.warm)
        worker.give(owners)
        try:
            return await asyncio.to_thread(worker.hear)
        finally:
            await asyncio.to_thread(worker.finish)

    async def _held(self, shares: list[list[UUID]], kind: str) -> None:
        workers = await self._warm(shares)
        await self._hanging(workers, shares, kind)
        await self._bury(workers)
        assert self._count(shares, await leased(self._database)) == len(shares), "all were in flight"
        self._emulator.clear_faults()
        await self._calm()

    async def _warm(self, shares: list[list[UUID]]) -> list[Worker]:
        await expire(self._database)
        workers = [self.worker() for _ in shares]
        for worker in workers:
            await asyncio.to_thread(worker.warm)
        return workers

    async def _give(self, workers: list[Worker], shares: list[list[UUID]]) -> None:
        for worker, share in zip(workers, shares, strict=True):
            worker.give(share)

    async def _hanging(self, workers: list[Worker], shares: list[list[UUID]], kind: str) -> None:
        """Return when all their requests are at the provider."""
        self._emulator.fault(REFRESH, kind, times=None)
        await self._give(workers, shares)
        await asyncio.to_thread(self._emulator.wait_hanging, sum(map(len, shares)), 30)

    async def _bury(self, workers: list[Worker]) -> None:
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.buried()

    async def _calm(self) -> None:
        """Return when the provider has done all that the killed workers asked for."""
        async with asyncio.timeout(20):
            while (await asyncio.to_thread(self._emulator.read, "faults"))["waiting"]:
                pass

    def _count(self, shares: list[list[UUID]], flying: set[UUID]) -> int:
        """Note what was under way in the workers of these shares; how many workers had something."""
        busy = [len(flying.intersection(share)) for share in shares]
        killed = sum(1 for number in busy if number)
        self.killed += killed
        self.idle += len(shares) - killed
        self.flying += sum(busy)
        return killed

    @asynccontextmanager
    async def _rows_locked(self, shares: list[list[UUID]]) -> AsyncIterator[None]:
        """What writes to their connections waits until the end of the block."""
        everybody = [owner for share in shares for owner in share]
        async with self._database.transaction() as link:
            await link.execute("SELECT FROM connections WHERE owner = ANY(%s) FOR UPDATE", (everybody,))
            yield

    async def _writing(self, count: int) -> None:
        """Return when that many writes wait for a lock."""
        await self._until(_UPDATES + " AND wait_event_type = 'Lock'", count)

    async def _written(self) -> None:
        """Return when PostgreSQL has done what it was told, by the dead too."""
        await self._until(_UPDATES, 0)

    async def _until(self, query: LiteralString, count: int) -> None:
        async with asyncio.timeout(20), self._database.connection() as link:
            while True:
                row = await (await link.execute(query)).fetchone()
                if row is not None and row[0] == count:
                    return


def _kill_at(began: float, moments: list[tuple[float, Worker]]) -> None:
    """Kill each at its moment, in seconds from `began`: the clock is the condition here."""
    for moment, worker in moments:
        while time.monotonic() - began < moment:
            pass
        worker.kill()


def shares(owners: list[UUID], workers: int) -> list[list[UUID]]:
    """The owners dealt out to that many workers."""
    return [owners[number::workers] for number in range(workers)]
