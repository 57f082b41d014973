"""The pool of connections to upstreams, and how one of them is looked at before it is used again.

For each request httpcore2 looks at every quiet connection, whether the other side has ended it. Through the
layers of its own backend such a look makes a table of all that could be asked of a socket; here it is a poll.
Everything else, TLS above all, is the backend's own.
"""

from __future__ import annotations

import select
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection as the backend made it, with its socket at hand."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner
        self._socket = inner.get_extra_info("socket")
        self.read, self.write, self.aclose = inner.read, inner.write, inner.aclose  # type: ignore[method-assign]

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable" or self._socket is None:
            return self._inner.get_extra_info(info)
        number = self._socket.fileno()
        if number < 0:  # closed on this side: reading tells so at once
            return True
        look = select.poll()
        look.register(number, select.POLLIN)
        return bool(look.poll(0))


class _Backend(httpcore2.AnyIOBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await super().connect_tcp(host, port, timeout, local_address, socket_options))


class _Pool(httpx2.AsyncHTTPTransport):
    """httpx2's transport over a pool with that backend; of the environment it takes nothing."""

    def __init__(self, limits: httpx2.Limits, believed: ssl.SSLContext | None) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=believed or httpx2.create_ssl_context(trust_env=False),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            http1=True,
            http2=False,
            network_backend=_Backend(),
        )


def pooled(limits: httpx2.Limits, believed: ssl.SSLContext | None = None) -> httpx2.AsyncBaseTransport:
    """HTTP/1.1 to any host, over at most so many connections.

    `believed`: whose certificates are; without it those of the public authorities.
    """
    return _Pool(limits, believed)
