"""The listener for whoever runs Valet: is it alive, is it ready, what does it count.

A port of its own in the same event loop, so that an answer means that requests are answered, too. It is
plain http, nothing routes to it from outside, and it stays until all else has ended: a probe is told
"draining", and a scrape sees the last figures. Bound to loopback it answers only for loopback names: a web
page that makes its own name point here reads nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from valet.readiness import Readiness
from valet.settings import is_loopback

_PLAIN = "text/plain; charset=utf-8"
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_MOST_CONNECTIONS = 32


class Ops:
    """ASGI: `/healthz`, `/readyz` and `/metrics`, by GET and HEAD, and nothing else.

    `host` is what the listener is bound to.
    """

    def __init__(self, host: str, metrics: CollectorRegistry, readiness: Readiness) -> None:
        self._loopback = is_loopback(host)
        self._metrics = metrics
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. A body is not read."""
        if scope["type"] == "http":
            await (await self._answer(scope))(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        headers = Headers(scope=scope)
        if self._loopback and not _is_local(headers.getlist("host")):
            return _say("This is not served at that address.", status=421)
        if scope["path"] not in {"/healthz", "/readyz", "/metrics"}:
            return _say("There is nothing here.", status=404)
        if scope["method"] not in {"GET", "HEAD"}:
            return _say("Ask by GET.", status=405, headers={"Allow": "GET, HEAD"})
        if scope["path"] == "/healthz":
            # The loop turns, or there would be no answer. It looks at nothing else: were a database that is
            # away a reason to restart, every worker would be restarted for it at once.
            return _say("ok")
        if scope["path"] == "/readyz":
            reasons = await self._readiness.reasons()
            return _say(*reasons, status=503) if reasons else _say("ok")
        await self._readiness.reasons()
        encode, kind = choose_encoder(headers.get("accept", ""))
        return Response(encode(self._metrics), headers={**_HEADERS, "Content-Type": kind})


class _Server(uvicorn.Server):
    """uvicorn beside another one: signals are the other one's."""

    def __init__(self, app: Ops) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=1,
                http="h11",
                ws="none",
                lifespan="off",
                limit_concurrency=_MOST_CONNECTIONS,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None of them."""
        yield


@asynccontextmanager
async def answering(listening: socket.socket | None, app: Ops) -> AsyncIterator[None]:
    """Answer on that socket for as long as the block lasts; without one, nowhere."""
    if listening is None:
        yield
        return
    server = _Server(app)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task


def _say(*words: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = "".join(f"{word}\n" for word in words)
    return Response(text, status, headers={**_HEADERS, "Content-Type": _PLAIN, **(headers or {})})


def _is_local(hosts: list[str]) -> bool:
    """Whether exactly one Host is given, and it is a name of this machine."""
    if len(hosts) != 1:
        return False
    name, port = hosts[0].lower(), ""
    if name.startswith("["):
        name, _, port = name[1:].partition("]")
        port = port.removeprefix(":")
    elif name.count(":") == 1:
        name, _, port = name.partition(":")
    return is_loopback(name) and (not port or port.isdecimal())
