"""What may come to the door at all: from our own host and origins, as a POST of JSON, not too large."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_server.call import Call
from mcp_server.refusals import refuse

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MAX_BODY = 1_000_000
"""Bytes of one request. Tools take text, not files."""


def is_loopback(public_url: str) -> bool:
    """Whether the public URL is on this machine only."""
    return urlsplit(public_url).hostname in {"127.0.0.1", "localhost", "::1"}


def security(public_url: str, origins: tuple[str, ...]) -> TransportSecuritySettings:
    """Allowed Host and Origin values: the public URL's, and on a loopback server every spelling of it.

    A loopback server also takes pages on other loopback ports (a local inspector); they need a token
    like everybody else.
    """
    parts = urlsplit(public_url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    bare = parts.netloc if parts.port is None else parts.netloc.rpartition(":")[0]
    hosts = [parts.netloc, f"{bare}:{port}"]
    allowed = [f"{parts.scheme}://{parts.netloc}", *origins]
    if is_loopback(public_url):
        hosts += [f"{name}:{port}" for name in _LOOPBACK]
        allowed += [f"http://{name}:*" for name in _LOOPBACK]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=allowed)


class Door:
    """ASGI: refuses foreign hosts (421) and origins (403) before anything else is read."""

    def __init__(self, app: ASGIApp, settings: TransportSecuritySettings) -> None:
        self._app = app
        self._check = TransportSecurityMiddleware(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it (MCP streamable-http "Security Warning", DNS rebinding)."""
        refused = await self._check.validate_request(Request(scope), is_post=False)
        if refused is None:
            return await self._app(scope, receive, send)
        return await _foreign(refused.status_code)(scope, receive, send)


def _foreign(status: int) -> Response:
    if status == 403:
        return refuse(403, "origin_not_allowed", "Pages of this origin may not call this server.")
    return refuse(status, "host_not_allowed", "This server does not answer under that host name.")


class Hearing:
    """ASGI: nothing is answered before the body has come: who answers and hangs up meanwhile is not heard.

    The rest of it would meet a closed connection, and a proxy would say 502 where 401 or 429 was the answer.
    Behind nginx a body is there as a whole; without it a few slow ones are waited for, and not for long.
    """

    def __init__(self, app: ASGIApp, *, seconds: float = 10.0, at_once: int = 32) -> None:
        self._app = app
        self._seconds = seconds
        self._at_once = at_once
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        more = True

        async def heard() -> Message:
            nonlocal more
            message = await receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def rest() -> None:
            size = 0
            while more and size <= MAX_BODY:
                size += len((await heard()).get("body", b""))

        async def answered(message: Message) -> None:
            # Who waits to be told to go on has sent nothing, and is not told (RFC 9110, 10.1.1).
            if message["type"] == "http.response.start" and more and "expect" not in Headers(scope=scope):
                await self._wait(rest)
            await send(message)

        await self._app(scope, heard, answered)

    async def _wait(self, rest: Callable[[], Awaitable[None]]) -> None:
        if self._waiting >= self._at_once:
            return
        self._waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await rest()
        finally:
            self._waiting -= 1


class Intake:
    """ASGI: one POST of JSON, read whole and kept in the call. Nothing here streams."""

    def __init__(self, app: ASGIApp, most: int = MAX_BODY) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body, or answer 405, 413 or 415."""
        refused = _unfit(scope)
        if refused is not None:
            return await refused(scope, receive, send)
        body = await self._read(Headers(scope=scope), receive)
        if body is None:
            refused = refuse(413, "too_large", f"A request may have at most {self._most} bytes.")
            return await refused(scope, receive, send)
        Call.of(scope).body = body
        return await self._app(scope, _replay(body, receive), send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        declared = headers.get("content-length", "")
        if declared.isdigit() and len(declared) < 20 and int(declared) > self._most:
            return None
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return bytes(body)
            body += message.get("body", b"")
            if len(body) > self._most:
                return None
            if not message.get("more_body", False):
                return bytes(body)


def _unfit(scope: Scope) -> Response | None:
    if scope["method"] != "POST":
        sentence = "This server keeps no sessions and opens no streams: send each request as a POST."
        return refuse(405, "method_not_allowed", sentence, {"Allow": "POST"})
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return refuse(415, "not_json", "Send the request as application/json.")
    return None


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
