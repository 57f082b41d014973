"""A loopback relay that adds the bearer token which the suite has no option for.

It passes every byte on as it came but for the port in `Host` and `Origin`, which it turns into the
server's own; so what the suite does to headers reaches the server undressed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def relaying(to_port: int, token: str) -> AsyncIterator[int]:
    """The port of a relay to that port of 127.0.0.1, for as long as the block runs."""
    relay = _Relay(to_port, token)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay.port
    finally:
        server.close()
        for task in relay.tasks:
            task.cancel()
        await asyncio.gather(*relay.tasks, return_exceptions=True)


class _Relay:
    def __init__(self, to_port: int, token: str) -> None:
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self._to_port = to_port
        self._token = token

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            upstream, upwards = await asyncio.open_connection("127.0.0.1", self._to_port)
            back = asyncio.create_task(_pour(upstream, writer))
            try:
                await self._requests(reader, upwards)
            finally:
                upwards.close()
                await back
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def _requests(self, reader: asyncio.StreamReader, upwards: asyncio.StreamWriter) -> None:
        """One request after another on this connection, until the client hangs up."""
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
            upwards.write(b"\r\n".join((first, f"Authorization: Bearer {self._token}".encode())))
            length = 0
            for line in lines:
                name, _, value = line.partition(b":")
                assert name.lower() != b"transfer-encoding", "the suite sends bodies of known length"
                if name.lower() == b"content-length":
                    length = int(value)
                if name.lower() in {b"host", b"origin"}:
                    value = value.replace(b":%d" % self.port, b":%d" % self._to_port)
                upwards.write(b"\r\n" + name + b":" + value)
            upwards.write(b"\r\n\r\n" + await reader.readexactly(length))
            await upwards.drain()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        writer.close()
