"""A line to a database that is far away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Distance:
    """Passes on what it gets, in order, each piece after so many seconds."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self._at, self._seconds = (host, port), seconds
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def listen(self, port: Future[int]) -> None:
        """Until `end`."""
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        port.set_result(server.sockets[0].getsockname()[1])
        await self._over.wait()
        server.close()
        for end in self._ends:
            end.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def end(self) -> None:
        """From another thread."""
        self._loop.call_soon_threadsafe(self._over.set)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._at
        if host.startswith("/"):
            there = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            there = await asyncio.open_connection(host, port)
        self._ends += (writer, there[1])
        for source, sink in ((reader, there[1]), (there[0], writer)):
            self._tasks.add(asyncio.create_task(self._pass(source, sink)))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65536):
                self._loop.call_later(self._seconds, sink.write, piece)
        finally:
            self._loop.call_later(self._seconds, sink.close)


@contextmanager
def distant(url: str, seconds: float) -> Iterator[str]:
    """The same database, so many seconds away, one way."""
    at = conninfo_to_dict(url)
    port, made = Future[int](), Future[Distance]()

    async def listen() -> None:
        made.set_result(distance := Distance(str(at["host"]), int(str(at.get("port", 5432))), seconds))
        await distance.listen(port)

    thread = threading.Thread(target=asyncio.run, args=(listen(),), daemon=True)
    thread.start()
    try:
        yield make_conninfo(url, host="127.0.0.1", port=port.result(20))
    finally:
        made.result(20).end()
        thread.join(20)
