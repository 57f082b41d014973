"""The database is away for longer than the lease: the process that holds a result stores it first."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.proof.conftest import Say
from tests.proof.nursery import Nursery
from tests.proof.people import REFRESH, ended, expire, opened, owners, settle, standing, versions
from tests.proof.postgres import Postgres
from tests.proof.worker import Worker
from tests.support.emulator import EmulatorProcess
from vault.errors import Busy
from vault.ids import new_id
from vault.store.connections import Connections
from vault.timing import Timing

PEOPLE, OUTAGES = 20, 3
TIMING = Timing(lease=2)

_ASKING: LiteralString = (
    "SELECT count(DISTINCT application_name) FROM pg_stat_activity"
    " WHERE query LIKE 'UPDATE connections c SET lease%'"
)


async def test_no_grant_is_lost_to_an_outage_that_outlasts_the_lease(
    postgres: Postgres, nursery: Nursery, ring_path: Path, emulator: EmulatorProcess, say: Say
) -> None:
    async with AsyncExitStack() as stack:
        database, vault = await opened(stack, postgres.url, ring_path, emulator)
        who = owners(await settle(database, vault, emulator, "http://127.0.0.1:1", PEOPLE))
        holder, *others = [
            _worker(stack, nursery, make_conninfo(postgres.url, application_name=name), ring_path, emulator)
            for name in ("holder", "second", "third", "fourth")
        ]
        longest = 0.0
        for _ in range(OUTAGES):
            await expire(database)
            holder.give(who)
            await asyncio.to_thread(_spend_and_lose_the_database, postgres, emulator)
            assert await asyncio.to_thread(holder.hear) == dict.fromkeys(who, "ok"), "handed out all the same"
            before = await asyncio.to_thread(_others_ask_first, postgres, holder, others, who)
            for worker in others:
                assert await asyncio.to_thread(worker.hear) == dict.fromkeys(who, "ok")
            longest = max(longest, time.monotonic() - before)
            assert await standing(database) == {("active", None): PEOPLE}
        refreshes = emulator.refreshes()
        assert refreshes == OUTAGES * PEOPLE, "nobody sent what was spent"
        assert set((await versions(database)).values()) == {1 + OUTAGES}
        assert ended(emulator) == []
    say(
        f"database away for longer than the lease {OUTAGES} times, {PEOPLE} results in one process, "
        f"{len(others)} others asking: {refreshes} refreshes, lost 0; the others were served {longest:.1f} s "
        "after it was back"
    )


def _spend_and_lose_the_database(postgres: Postgres, emulator: EmulatorProcess) -> None:
    emulator.fault(REFRESH, "late", times=None)
    emulator.wait_hanging(PEOPLE, seconds=30)
    taken = time.monotonic()
    postgres.kill()
    emulator.clear_faults()
    # That the time of the lease goes by is the condition here.
    while time.monotonic() < taken + TIMING.lease + 0.5:
        time.sleep(0.05)


def _others_ask_first(postgres: Postgres, holder: Worker, others: list[Worker], who: list[UUID]) -> float:
    """Bring the database back, with the holder standing still until every other one has asked for a lease."""
    holder.stop()
    for worker in others:
        worker.give(who)
    postgres.start()
    began = time.monotonic()
    with psycopg.connect(postgres.owner_url, autocommit=True) as link:
        asked = 0
        while asked < len(others):
            assert time.monotonic() < began + 30, "nobody asks"
            row = link.execute(_ASKING).fetchone()
            asked = row[0] if row is not None else 0
    holder.go()
    return began


def _worker(
    stack: AsyncExitStack, nursery: Nursery, url: str, ring: Path, emulator: EmulatorProcess
) -> Worker:
    worker = Worker(nursery, url, ring, emulator.origin, TIMING)
    stack.callback(worker.finish)
    worker.warm()
    return worker


@pytest.mark.parametrize("crash", ["the server", "a process of it"])
async def test_a_lease_from_before_a_crash_counts_for_a_while_after_it(
    postgres: Postgres, ring_path: Path, emulator: EmulatorProcess, crash: str
) -> None:
    async with AsyncExitStack() as stack:
        database, vault = await opened(stack, postgres.url, ring_path, emulator)
        [person] = await settle(database, vault, emulator, "http://127.0.0.1:1", 1)
        connections = Connections(database)

        async def lease(restart: float) -> bool:
            """Whether another worker gets it, now or once the database answers."""
            async with asyncio.timeout(30):
                while True:
                    with suppress(Busy):
                        got = await connections.lease(
                            person.owner,
                            person.connection,
                            new_id(),
                            skew=30,
                            seconds=0,
                            restart=restart,
                            refused=None,
                        )
                        return got is not None

        assert await lease(0)
        assert await lease(3600), "it has run out"
        if crash == "the server":
            await asyncio.to_thread(postgres.kill)
            await asyncio.to_thread(postgres.start)
        else:
            await asyncio.to_thread(_kill_a_process, postgres)
        assert not await lease(3600), "its holder may come back with a result"
        assert await lease(0)


def _kill_a_process(postgres: Postgres) -> None:
    """PostgreSQL then ends all its processes, recovers, and starts them again, without a start of its own."""
    with psycopg.connect(postgres.owner_url) as link:
        link.execute("SELECT 1")
        os.kill(link.info.backend_pid, signal.SIGKILL)
        end = time.monotonic() + 30
        with suppress(psycopg.OperationalError):
            while time.monotonic() < end:
                link.execute("SELECT 1")
            raise AssertionError("it lives on")
