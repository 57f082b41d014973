"""A line to the database that goes dead without a word: no wait is without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vault.errors import Busy
from vault.store.database import Database


class Line:
    """Passes bytes on to the server until it is cut; then it keeps them, and closes nothing.

    `last` is said to who asks next, in place of the server, and then the line is closed.
    """

    def __init__(self, host: str, port: int) -> None:
        self._at = (host, port)
        self._passing = asyncio.Event()
        self._passing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.last = b""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        self._passing.clear()

    def mend(self) -> None:
        self._passing.set()

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._at
        if host.startswith("/"):
            theirs = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            theirs = await asyncio.open_connection(host, port)
        self._ours, self._theirs = writer, theirs[1]
        for source, sink in ((reader, theirs[1]), (theirs[0], writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._tasks.add(task)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._passing.wait()
                if self.last and sink is self._theirs:
                    self._ours.write(self.last)
                    break
                sink.write(data)
                await sink.drain()
        finally:
            sink.close()
            if self.last:
                self._ours.close()


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    server = conninfo_to_dict(database_url)
    line = Line(str(server.get("host") or "127.0.0.1"), int(server.get("port") or 5432))
    await line.open()
    yield line
    await line.close()


@pytest.fixture
async def database(database_url: str, line: Line) -> AsyncIterator[Database]:
    database = Database(
        make_conninfo(database_url, host="127.0.0.1", port=line.port), max_size=1, longest=0.3
    )
    await database.open()
    yield database
    line.mend()
    await database.close()


async def test_who_waits_on_a_dead_line_is_told_to_try_again_and_the_next_gets_a_new_one(
    database: Database, line: Line
) -> None:
    async with asyncio.timeout(20):
        async with database.connection() as link:
            line.cut()
            with pytest.raises(Exception, match="closed the connection"):
                await link.execute("SELECT 1")
        line.mend()
        async with database.connection() as link:
            assert await (await link.execute("SELECT 2")).fetchone() == (2,)


async def cut_within(database: Database, line: Line) -> None:
    async with database.transaction() as link:
        line.cut()
        await link.execute("SELECT 1")


async def test_a_transaction_ends_as_busy(database: Database, line: Line) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(Busy):
            await cut_within(database, line)
        line.mend()
        async with database.transaction() as link:
            assert await (await link.execute("SELECT 2")).fetchone() == (2,)


async def test_a_line_that_died_in_the_pool_is_found_out(database: Database, line: Line) -> None:
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
    database: Database, line: Line, state: bytes
) -> None:
    """As of libpq itself, which gives no SQLSTATE where it finds the line broken."""
    said = b"SFATAL\0" + state + b"Mthe line broke\0\0"
    async with asyncio.timeout(20):
        with pytest.raises(Busy):
            await broken_off(database, line, b"E" + (len(said) + 4).to_bytes(4, "big") + said)
        line.last = b""


async def broken_off(database: Database, line: Line, last: bytes) -> None:
    async with database.connection() as link:
        line.last = last
        await link.execute("SELECT 1")
