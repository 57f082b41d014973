"""Two workers meet the same new people at once, each in an order of its own, and both get through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from vault.ids import new_id
from vault.store.audit import AuditRows
from vault.store.database import Database
from vault.store.roles import LIMITS

_GATE = 1
_WITHIN = 30_000
_LOOKUPS = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan")
"""Without these each person is looked up by id, in the order of the batch: as among many people."""
_HELD: LiteralString = """
CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('test.begun', true) = 'yes' THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
    PERFORM set_config('test.begun', 'yes', true);
    RETURN NEW;
END $$;
CREATE TRIGGER held BEFORE INSERT ON audit_keys FOR EACH ROW EXECUTE FUNCTION held();
"""
"""Whoever has written one row waits at the gate before the next."""


@pytest.fixture
def gated(empty_database_url: str) -> str:
    """A database with the gate, in which people are looked up as among many."""
    with psycopg.connect(empty_database_url, autocommit=True) as link:
        link.execute(_HELD)
        here = sql.Identifier(link.info.dbname)
        # Of its own: a slow machine is no deadlock.
        for name, value in {**dict.fromkeys(LIMITS, f"{_WITHIN}"), **dict.fromkeys(_LOOKUPS, "off")}.items():
            change = sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} = {}")
            link.execute(change.format(here, sql.Identifier(name), sql.Literal(value)))
    return empty_database_url


@asynccontextmanager
async def shut(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """The gate is shut, and is opened at the end of the block."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as link:
        await link.execute("SELECT pg_advisory_lock(%s)", (_GATE,))
        yield link
        await link.execute("SELECT pg_advisory_unlock(%s)", (_GATE,))


async def waiting(link: psycopg.AsyncConnection[Any], wanted: int) -> None:
    """Until so many wait: for the gate, or for who waits there."""
    found = 0
    async with asyncio.timeout(_WITHIN / 1000):
        while found < wanted:
            cursor = await link.execute(
                "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid IN"
                " (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
            )
            [(found,)] = await cursor.fetchall()


async def test_workers_that_meet_the_same_new_people_in_opposite_order_do_not_lock_each_other_out(
    gated: str,
) -> None:
    ana, ben = new_id(), new_id()
    database = Database(gated, longest=_WITHIN / 1000)
    await database.open()
    try:
        async with database.connection() as link:
            for person in (ana, ben):
                await link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'x')", (person,))
        rows = AuditRows(database)
        async with asyncio.TaskGroup() as both, shut(gated) as gate:
            one = both.create_task(rows.keys({ana: b"one", ben: b"one"}))
            other = both.create_task(rows.keys({ben: b"other", ana: b"other"}))
            await waiting(gate, 2)
    finally:
        await database.close()
    assert one.result() == other.result()
    assert set(one.result()) == {ana, ben} and len(set(one.result().values())) == 1
