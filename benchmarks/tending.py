"""What it costs to look for connections that are due to be refreshed ahead of anybody's need."""

from __future__ import annotations

import random
import time

import psycopg

from benchmarks.crowd import Crowd
from benchmarks.table import Cell, summed
from vault.store.database import Database
from vault.store.due import Due
from vault.timing import Timing

POLLS = 200
BACKLOG = 10_000


async def work(url: str, crowd: Crowd, chance: random.Random) -> list[Cell]:
    """Milliseconds of a poll that finds nothing, p50 and p99; and how many rows a second are looked at where
    many are to be, none of which is due.
    """
    timing = Timing()
    database = Database(url)
    await database.open()
    due = Due(database)

    async def poll() -> int:
        looked, claims = await due.claim("google", timing.at_once, ahead=timing.ahead, seconds=timing.lease)
        assert not claims
        return looked

    try:
        while await poll():
            pass
        took = []
        for _ in range(POLLS):
            started = time.perf_counter_ns()
            looked = await poll()
            took.append((time.perf_counter_ns() - started) / 1e6)
            assert looked == 0
        backlog = crowd.some(min(BACKLOG, len(crowd) // 2), chance)
        async with await psycopg.AsyncConnection.connect(crowd.url, autocommit=True) as link:
            await link.execute("UPDATE connections SET tend_at = now() WHERE owner = ANY(%s)", (backlog,))
        started, seen = time.perf_counter(), 0
        while looked := await poll():
            seen += looked
        rate = seen / (time.perf_counter() - started)
        assert seen == len(backlog)
    finally:
        await database.close()
    return [*summed(took), rate]
