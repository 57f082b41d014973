"""A connection of the pool that answered a moment ago is believed, and one that has ended is not."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from tests.vault.upstreams import until
from vault.errors import Busy
from vault.store import database as module
from vault.store.database import Database


async def _pid(database: Database) -> int:
    async with database.connection() as link:
        return link.info.backend_pid


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The backend of each connection that was asked whether it still is one."""
    seen: list[int] = []
    real = AsyncConnectionPool.check_connection

    async def counted(connection: psycopg.AsyncConnection[object]) -> None:
        seen.append(connection.info.backend_pid)
        await real(connection)

    monkeypatch.setattr(AsyncConnectionPool, "check_connection", staticmethod(counted))
    return seen


async def test_who_comes_soon_after_pays_no_round_trip_for_the_check(
    database_url: str, asked: list[int]
) -> None:
    database = Database(database_url, max_size=1)
    await database.open()
    try:
        first = await _pid(database)
        assert asked == [first], "one that nobody used yet is asked"
        assert {await _pid(database) for _ in range(20)} == {first}
        assert asked == [first]
    finally:
        await database.close()


async def test_one_that_was_quiet_for_a_while_is_asked(
    database_url: str, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TRUSTED", 0.0)
    database = Database(database_url, max_size=1)
    await database.open()
    try:
        first = await _pid(database)
        assert await _pid(database) == first
        assert asked == [first, first]
    finally:
        await database.close()


async def test_one_that_the_server_ended_a_moment_ago_is_handed_to_nobody(
    database_url: str, server_url: str
) -> None:
    database = Database(database_url, max_size=1)
    await database.open()
    try:
        async with await psycopg.AsyncConnection.connect(server_url, autocommit=True) as other:
            for _ in range(5):
                pid = await _pid(database)
                # With a time to wait in: it answers once the backend is gone, so the end is on the line.
                await other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
                assert await _pid(database) != pid
    finally:
        await database.close()


async def test_who_goes_away_while_they_wait_is_not_taken_for_one_who_got_none(database_url: str) -> None:
    database = Database(database_url, max_size=1, patience=0.5)
    await database.open()
    try:
        async with database.connection():
            asking = asyncio.create_task(_pid(database))
            await until(lambda: database.stats().get("requests_waiting") == 1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert database.stats()["requests_errors"] == 0
            with pytest.raises(Busy):
                await _pid(database)
            assert database.stats()["requests_errors"] == 1
    finally:
        await database.close()
