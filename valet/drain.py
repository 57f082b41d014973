"""Leaving a port so that no request that reached it is lost.

Closing a listening socket resets the connections that wait in it, and those whose handshake has not ended. A
proxy may have written a POST there by then, which it must not send again (RFC 9110, 9.2.2). So before it is
closed, the socket lets nobody begin: a packet filter, which on Linux needs no privilege (socket(7),
SO_ATTACH_FILTER), drops what asks for a new connection. Whoever sent that asks again a second later (RFC
6298, 2.1), is refused then, and has sent nothing yet: a proxy goes to the next worker.
"""

from __future__ import annotations

import ctypes
import ipaddress
import select
import socket
import struct
import sys
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER = 0.5
"""Seconds that an idle connection still has: for a request that is under way, or a client's next one."""
LONGEST_INTAKE = 5.0
"""Seconds to take in who waits, where nothing keeps others from coming."""
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER of <asm-generic/socket.h>; Python's socket module has no name for it.
_FLAGS, _SYN, _ACK = 13, 0x02, 0x10
# Of a listening socket the filter sees segments from their TCP header on, whose byte 13 holds the flags.
_PROGRAM = (
    (0x30, 0, 0, _FLAGS),  # A = that byte
    (0x54, 0, 0, _SYN | _ACK),  # A &= SYN | ACK
    (0x15, 0, 1, _SYN),  # SYN and no ACK?
    (0x06, 0, 0, 0),  # yes: drop it
    (0x06, 0, 0, 0x40000),  # no: all of it goes on
)
"""Classic BPF: (code, jump if true, jump if false, constant), as in <linux/filter.h>."""


class Drain:
    """An app that, once `begun`, tells every client that its connection ends with this answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""

        async def closing(message: Message) -> None:
            if self.begun and message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, closing if scope["type"] == "http" else send)


def shut(listening: socket.socket) -> None:
    """Let nobody begin a new connection; those that have begun still come in.

    Where the system can't do that, nothing changes, and what begins until the socket is closed may be reset.
    """
    if not sys.platform.startswith("linux"):
        return
    steps = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _PROGRAM))
    program = struct.pack("HL", len(_PROGRAM), ctypes.addressof(steps))
    with suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


def waits(listening: socket.socket) -> bool:
    """Whether somebody who has begun was not taken in yet. A loop may take in one a turn (libuv does)."""
    look = select.poll()
    look.register(listening.fileno(), select.POLLIN)
    return bool(look.poll(0))


def settling(listening: socket.socket) -> float:
    """Seconds for handshakes under way to end: a long way round the world, or no way at all on loopback."""
    host = listening.getsockname()[0]
    return 0.05 if ipaddress.ip_address(host.partition("%")[0]).is_loopback else 0.3
