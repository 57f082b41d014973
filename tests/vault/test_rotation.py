"""Rotating, re-wrapping, retiring under load: four workers read, refresh, save and disconnect all the while.

With processes, kills and far more of everything: tests/proof/test_rotation.py.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import LiteralString
from uuid import UUID

from tests.vault.upstreams import FakeUpstream, connect, run
from vault.custody import Custodian
from vault.ids import new_id
from vault.rings.edit import RingFile
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.timing import Timing
from vault.vault import Vault, open_vault
from vault.verify import Verifier

WORKERS, ROUNDS, OWNERS = 4, 3, 6
SOON = Timing(restart=0)


class Worker:
    """Its owners are its own to disconnect; everybody reads and refreshes everybody's."""

    def __init__(self, vault: Vault, upstream: FakeUpstream, guests: list[UUID]) -> None:
        self.vault, self.upstream, self.guests = vault, upstream, guests
        self.reads = self.saves = 0

    async def read(self, owner: UUID) -> None:
        await self.vault.credential(owner, "spotify")
        self.reads += 1

    async def come_and_go(self, owner: UUID) -> None:
        saved = await connect(self.vault, self.upstream, owner, expires_in=0)
        await self.vault.credential(owner, "spotify")
        await self.vault.disconnect(owner, saved.id)
        self.saves += 1

    async def work(self, database: Database, residents: list[UUID], over: asyncio.Event) -> None:
        """Until it is over, and at least one round."""
        while True:
            expired: LiteralString = "UPDATE connections SET access_expires_at = now() WHERE owner = %s"
            await run(database, expired, residents[self.reads % len(residents)])
            await asyncio.gather(*map(self.read, residents), *map(self.come_and_go, self.guests))
            if over.is_set():
                return


async def test_nobody_notices_a_rotation(
    empty_database: Database, upstream: FakeUpstream, tmp_path: Path
) -> None:
    path = tmp_path / "ring.json"
    FileKeyRing.create(path)
    people = [new_id() for _ in range(OWNERS * (1 + WORKERS))]
    for owner in people:
        await run(empty_database, "INSERT INTO users (id, display_name) VALUES (%s, 'Somebody')", owner)
    residents = people[:OWNERS]
    over = asyncio.Event()
    async with AsyncExitStack() as stack:
        workers = []
        for number in range(WORKERS):
            vault = await open_vault(empty_database, FileKeyRing(path), upstream, timing=SOON)
            stack.push_async_callback(vault.drain)
            workers.append(Worker(vault, upstream, people[OWNERS * (number + 1) :][:2]))
        for owner in residents:
            await connect(workers[0].vault, upstream, owner)
        shift = [asyncio.create_task(worker.work(empty_database, residents, over)) for worker in workers]
        ring, active = RingFile(path), "file:main:1"
        for _ in range(ROUNDS):
            active, before = await asyncio.to_thread(ring.rotate, active), active
            first, second = (Custodian(empty_database, FileKeyRing(path)) for _ in range(2))
            both = await asyncio.gather(first.rewrap(batch=3), second.rewrap(batch=3))
            assert all(done.whole for done in both), both
            assert await first.named(before) == 0
            await asyncio.to_thread(ring.retire, before)
            assert all(
                not verdict.refused for verdict in await Verifier(empty_database, FileKeyRing(path)).verify()
            )
        over.set()
        await asyncio.gather(*shift)
        assert all(worker.reads >= OWNERS and worker.saves >= 2 for worker in workers)
        for owner in residents:
            await workers[-1].vault.credential(owner, "spotify")
    assert {each.kek_ref for each in await first.standing()} == {f"file:main:{ROUNDS + 1}"}
    assert [key.ref for key in ring.inventory()] == [f"file:main:{ROUNDS + 1}"]
