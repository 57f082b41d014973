"""Counters that every worker shares: bursts, refills, races, and what a flood may cost."""

from __future__ import annotations

import asyncio

import pytest

from vault.errors import Busy
from vault.store.database import Database
from vault.store.limits import Limits, Rule

RULE = Rule("tries", burst=5, seconds=50)
SLOW = Rule("slow", burst=40, seconds=4000)


@pytest.fixture
def database(empty_database: Database) -> Database:
    return empty_database


@pytest.fixture
def limits(database: Database) -> Limits:
    return Limits(database, b"k" * 32)


async def rows(database: Database) -> list[tuple[bytes, object, str]]:
    async with database.connection() as link:
        cursor = await link.execute("SELECT key, until, xmin::text FROM limits ORDER BY key")
        return await cursor.fetchall()


async def pass_time(database: Database, seconds: float) -> None:
    async with database.connection() as link:
        await link.execute("UPDATE limits SET until = until - make_interval(secs => %s)", (seconds,))


async def spend(limits: Limits, rule: Rule, subject: str) -> int:
    """How many uses there are until one is refused."""
    for used in range(rule.burst + 10):
        if await limits.take(rule, subject):
            return used
    raise AssertionError("never refused")


async def test_a_burst_passes_and_the_next_is_told_how_long_to_wait(limits: Limits) -> None:
    assert await spend(limits, RULE, "here") == 5
    assert RULE.pace - 5 < await limits.take(RULE, "here") <= RULE.pace


async def test_uses_come_back_evenly_and_never_more_than_a_burst(limits: Limits, database: Database) -> None:
    await spend(limits, RULE, "here")
    await pass_time(database, 2 * RULE.pace)
    assert await spend(limits, RULE, "here") == 2
    await pass_time(database, 100 * RULE.seconds)
    assert await spend(limits, RULE, "here") == 5


async def test_a_clock_that_is_set_back_shuts_nobody_out_for_so_long(
    limits: Limits, database: Database
) -> None:
    await spend(limits, RULE, "here")
    await pass_time(database, -5)
    assert await limits.take(RULE, "here"), "a little is no sign of it"
    await pass_time(database, -3600)
    assert await spend(limits, RULE, "here") == 5
    assert RULE.pace - 5 < await limits.take(RULE, "here") <= RULE.pace
    # The same where a new version has a shorter rule of that name.
    await spend(limits, SLOW, "here")
    assert await spend(limits, Rule(SLOW.name, burst=5, seconds=50), "here") == 5


async def test_refused_uses_are_not_counted(limits: Limits, database: Database) -> None:
    await spend(limits, RULE, "here")
    for _ in range(50):
        assert 0 < await limits.take(RULE, "here") <= RULE.pace
    await pass_time(database, RULE.pace)
    assert await limits.take(RULE, "here") == 0


async def test_rules_and_subjects_count_apart(limits: Limits) -> None:
    await spend(limits, RULE, "here")
    assert await limits.take(RULE, "there") == 0
    assert await limits.take(SLOW, "here") == 0


async def test_workers_count_together(database: Database, empty_database_url: str) -> None:
    other = Database(empty_database_url)
    await other.open()
    try:
        workers = [Limits(database, b"k" * 32), Limits(other, b"k" * 32)]
        waits = await asyncio.gather(*(workers[n % 2].take(SLOW, "here") for n in range(100)))
    finally:
        await other.close()
    assert sum(wait == 0 for wait in waits) == SLOW.burst
    assert all(0 < wait <= SLOW.pace for wait in waits if wait)


async def test_a_row_names_nobody(limits: Limits, database: Database) -> None:
    await limits.take(RULE, "203.0.113.9")
    await Limits(database, b"j" * 32).take(RULE, "203.0.113.9")
    keys = [key for key, _, _ in await rows(database)]
    assert len({bytes(key) for key in keys}) == 2
    assert all(b"203" not in key and len(key) == 16 for key in keys)
    assert "kkkk" not in repr(limits)


async def test_a_flood_beyond_its_limit_waits_for_no_lock_and_writes_nothing(
    limits: Limits, database: Database
) -> None:
    await spend(limits, RULE, "here")
    before = await rows(database)
    async with database.transaction() as link:
        await link.execute("SELECT FROM limits FOR UPDATE")
        waits = await asyncio.gather(*(limits.take(RULE, "here") for _ in range(30)))
    assert all(waits)
    assert [row[:2] for row in await rows(database)] == [row[:2] for row in before]
    assert [row[2] for row in await rows(database)] == [row[2] for row in before]


async def test_counters_that_are_over_are_swept(limits: Limits, database: Database) -> None:
    await limits.take(RULE, "here")
    await limits.take(SLOW, "here")
    await pass_time(database, RULE.pace)
    assert await limits.sweep() == 1
    assert len(await rows(database)) == 1


async def test_counting_waits_for_no_disk(database: Database) -> None:
    """A table without WAL: nobody can wear out the disk, or wait for it, by being counted."""
    async with database.connection() as link:
        cursor = await link.execute("SELECT relpersistence FROM pg_class WHERE relname = 'limits'")
        row = await cursor.fetchone()
    assert row == ("u",)


async def test_without_a_database_it_says_busy() -> None:
    away = Database("postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(Busy):
        await Limits(away, b"k" * 32).take(RULE, "here")
