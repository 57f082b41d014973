"""One listening socket, one event loop, and when to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import sys
import threading
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from providers.emulator.app import build
from providers.emulator.world import World


class Connections:
    """The open connections by peer, so that a fault can drop one."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """uvicorn's HTTP protocol, which signs in and out here."""
        transports = self._transports

        class Known(HttpToolsProtocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                transports[transport.get_extra_info("peername")[:2]] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self.transport.get_extra_info("peername")[:2], None)
                super().connection_lost(exc)

        return Known

    def hangup(self, peer: tuple[str, int], reset: bool) -> None:
        """Close the connection of `peer` without an answer; with `reset`, by TCP RST."""
        transport = self._transports.get((peer[0], peer[1]))
        if transport is None:
            return
        if reset:
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        else:
            transport.close()


class Server(uvicorn.Server):
    """uvicorn, told by its parent's pipe when `by_stdin`: Ctrl-C then is for the parent to handle."""

    def __init__(self, world: World, *, by_stdin: bool) -> None:
        connections = Connections()
        config = uvicorn.Config(
            build(world, connections.hangup),
            http=connections.protocol(),
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self._world = world
        self._by_stdin = by_stdin

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so in one line."""
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        sys.stdout.write(f"Emulator ready at http://{shown}:{port}\n")
        sys.stdout.flush()
        if self._by_stdin:
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._watch_stdin, args=(loop,), daemon=True).start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM stops, SIGINT too unless a parent holds our stdin."""
        if not (self._by_stdin and sig == signal.SIGINT):
            self._leave()

    def _watch_stdin(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass  # no stdin at all is the same as one that ended
        loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self._world.faults.clear()
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def serve(world: World, bound: socket.socket, **options: Any) -> None:
    """Serve until told to stop."""
    Server(world, **options).run(sockets=[bound])
