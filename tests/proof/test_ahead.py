"""Four processes look after connections that nobody asks for; one is stopped and one is killed midway."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from tests.proof.conftest import Say
from tests.proof.nursery import Nursery
from tests.proof.people import REFRESH, ended, opened, settle, standing, versions
from tests.proof.worker import Worker
from tests.support.emulator import EmulatorProcess
from vault.store.database import Database
from vault.timing import Timing

PEOPLE, AT_ONCE = 200, 8
TIMING = Timing(poll=0.05, lease=10, at_once=AT_ONCE)


async def test_each_is_refreshed_once_and_no_end_of_a_process_costs_one(
    empty_database_url: str, nursery: Nursery, ring_path: Path, emulator: EmulatorProcess, say: Say
) -> None:
    emulator.settings(grace_seconds=300)
    async with AsyncExitStack() as stack:
        database, vault = await opened(stack, empty_database_url, ring_path, emulator)
        await settle(database, vault, emulator, "http://127.0.0.1:1", PEOPLE)
        workers = [
            Worker(nursery, empty_database_url, ring_path, emulator.origin, TIMING, caretaker=True)
            for _ in range(4)
        ]
        for worker in workers:
            await asyncio.to_thread(worker.warm)
        stopped, killed, *others = workers
        for worker in others:
            stack.callback(worker.finish)
        emulator.fault(REFRESH, "late", times=None)
        await _come_due(database)
        await asyncio.to_thread(emulator.wait_hanging, 4 * AT_ONCE, 60)
        killed.kill()
        killed.buried()
        stopping = asyncio.create_task(asyncio.to_thread(stopped.finish))
        emulator.clear_faults()
        await stopping
        async with asyncio.timeout(120):
            while (found := Counter((await versions(database)).values())) != {2: PEOPLE}:
                assert set(found) <= {1, 2}
                await asyncio.sleep(0.1)
        refreshes = emulator.refreshes()
        assert refreshes == PEOPLE + AT_ONCE, "nothing twice, but what was under way in the killed one"
        assert await standing(database) == {("active", None): PEOPLE}
        assert ended(emulator) == []
    say(
        f"{PEOPLE} connections due in 4 processes, {AT_ONCE} at a time in each, one stopped and one killed "
        f"midway: {refreshes} refreshes, lost 0"
    )


async def _come_due(database: Database) -> None:
    """All are in use, and their access tokens nearly over."""
    async with database.connection() as link:
        await link.execute(
            "UPDATE connections SET last_used_at = now(), access_expires_at = now() + interval '1 minute',"
            " refreshed_at = now() - interval '59 minutes', tend_at = now()"
        )
