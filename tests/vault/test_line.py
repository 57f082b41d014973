"""A line to the database that goes dead without a word: no wait is without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from psycopg.conninfo import make_conninfo

from tests.support.relay import Relay, place
from vault.errors import Busy
from vault.store.database import Database


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Relay]:
    async with Relay(*place(database_url)) as line:
        yield line


@pytest.fixture
async def database(database_url: str, line: Relay) -> AsyncIterator[Database]:
    database = Database(
        make_conninfo(database_url, host="127.0.0.1", port=line.port), max_size=1, longest=0.3
    )
    await database.open()
    yield database
    line.mend()
    await database.close()


async def test_who_waits_on_a_dead_line_is_told_to_try_again_and_the_next_gets_a_new_one(
    database: Database, line: Relay
) -> None:
    async with asyncio.timeout(20):
        async with database.connection() as link:
            line.cut()
            with pytest.raises(Exception, match="closed the connection"):
                await link.execute("SELECT 1")
        line.mend()
        async with database.connection() as link:
            assert await (await link.execute("SELECT 2")).fetchone() == (2,)


async def cut_within(database: Database, line: Relay) -> None:
    async with database.transaction() as link:
        line.cut()
        await link.execute("SELECT 1")


async def test_a_transaction_ends_as_busy(database: Database, line: Relay) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(Busy):
            await cut_within(database, line)
        line.mend()
        async with database.transaction() as link:
            assert await (await link.execute("SELECT 2")).fetchone() == (2,)


async def test_a_line_that_died_in_the_pool_is_found_out(database: Database, line: Relay) -> None:
    async with asyncio.timeout(20):
        line.cut()
        with pytest.raises(Busy):
            async with database.connection():
                pass
        line.mend()
        async with database.connection() as link:
            assert await (await link.execute("SELECT 2")).fetchone() == (2,)


@pytest.mark.parametrize("state", [b"", b"C57P01\0"], ids=["without a state", "with one"])
async def test_a_line_that_breaks_with_a_last_word_is_busy_whatever_that_word_is(
    database: Database, line: Relay, state: bytes
) -> None:
    """As of libpq itself, which gives no SQLSTATE where it finds the line broken."""
    said = b"SFATAL\0" + state + b"Mthe line broke\0\0"
    async with asyncio.timeout(20):
        with pytest.raises(Busy):
            await broken_off(database, line, b"E" + (len(said) + 4).to_bytes(4, "big") + said)
        line.last = b""


async def broken_off(database: Database, line: Relay, last: bytes) -> None:
    async with database.connection() as link:
        line.last = last
        await link.execute("SELECT 1")
