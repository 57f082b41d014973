"""A line through a test: to a database that is far away or goes silent, to nginx from another address."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager

from anyio.from_thread import start_blocking_portal
from psycopg.conninfo import conninfo_to_dict


class Relay:
    """Passes on what it gets, in order, each piece after so many seconds, for as long as its block.

    Once it is cut it keeps what comes, and closes nothing. `last` is said to who asks next, in place of the
    other end, and then the line is closed. `source` is its own address, where the other end looks at that.
    """

    def __init__(self, host: str, port: int, *, seconds: float = 0, source: str | None = None) -> None:
        self._at, self._seconds, self._source = (host, port), seconds, source
        self._passing = asyncio.Event()
        self._passing.set()
        self._ends: list[StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.last = b""

    def cut(self) -> None:
        self._passing.clear()

    def mend(self) -> None:
        self._passing.set()

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for end in self._ends:
            end.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            theirs, there = await self._reach()
        except OSError:
            writer.close()
            return
        self._ends += (writer, there)
        for one in (self._pass(reader, there, writer), self._pass(theirs, writer)):
            self._tasks.add(asyncio.create_task(one))

    async def _reach(self) -> tuple[StreamReader, StreamWriter]:
        host, port = self._at
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        source = (self._source, 0) if self._source else None
        return await asyncio.open_connection(host, port, local_addr=source)

    async def _pass(self, source: StreamReader, sink: StreamWriter, back: StreamWriter | None = None) -> None:
        """`back` leads to who asks."""
        loop = asyncio.get_running_loop()
        try:
            while piece := await source.read(65536):
                await self._passing.wait()
                if back is not None and self.last:
                    back.write(self.last)
                    back.close()
                    break
                loop.call_later(self._seconds, sink.write, piece)
        finally:
            loop.call_later(self._seconds, sink.close)


def place(url: str) -> tuple[str, int]:
    """Host and port of a database; its host may be the folder of its socket."""
    named = conninfo_to_dict(url)
    return str(named.get("host") or "127.0.0.1"), int(named.get("port") or 5432)


@contextmanager
def aside(relay: Relay) -> Iterator[Relay]:
    """It in a thread of its own, for a test that waits itself."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(relay):
        yield relay
