"""The one road to every upstream: a shared pool with a body cap, deadlines, and the emulator's map.

httpx2 and httpcore2 log for themselves: httpx2 prints each URL with its query at INFO, httpcore2 prints
response headers (and, on a malformed request, the header value it refused) at DEBUG. `quiet_loggers` shuts
both up; `valet` calls it wherever it sets up logging.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Collection
from types import TracebackType
from typing import Protocol, Self

import httpx2

from providers.base import emulated
from providers.wire import pooled

MAX_BODY = 5_000_000
_TIMEOUTS = httpx2.Timeout(connect=5.0, read=10.0, write=10.0, pool=5.0)
_EXTENSIONS = {"timeout": _TIMEOUTS.as_dict()}
_LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=15.0)
_REWRITTEN = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class Oversized(httpx2.TransportError):
    """The answer's decoded body is larger than the cap."""


def quiet_loggers() -> None:
    """Keep the HTTP libraries from logging URLs and headers, whatever the level of the root logger is."""
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def reaches(url: str, hosts: Collection[str]) -> bool:
    """Whether `url` leads by https to one of these hosts, by its exact name, and says nothing of a user."""
    try:
        return leads(httpx2.URL(url), hosts)
    except (httpx2.InvalidURL, UnicodeError):  # too long, or half a surrogate pair
        return False


def leads(target: httpx2.URL, hosts: Collection[str]) -> bool:
    """The same of a URL that is parsed already."""
    # httpx2.URL normalises: the default port reads None, the host is lower case.
    host = target.host if target.port is None else f"{target.host}:{target.port}"
    return target.scheme == "https" and not target.userinfo and host in hosts


class Road(Protocol):
    """What calls go over."""

    def within(self, seconds: float, most: int | None = None) -> httpx2.AsyncBaseTransport:
        """For one exchange that ends within `seconds`; `most`: a cap for the answer's body, in bytes."""


class Transport:
    """A connection pool to upstreams. Build one per process, share it, close it last.

    `emulator_origin` sends every `https://host/path` to `<origin>/host/path` (demo and tests only).
    `max_body` is in bytes and counts the decoded body, so a small compressed one cannot grow past it.
    Environment proxies and certificate variables are ignored: where tokens go is the operator's
    configuration, not the shell's.
    """

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport | None = None,
        *,
        emulator_origin: str | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        self._inner = inner or pooled(_LIMITS)
        self._origin = emulator_origin
        self._max_body = max_body

    def address(self, url: str) -> str:
        """Where `url` is really found: itself, or its place at the emulator."""
        return emulated(url, self._origin)

    def within(self, seconds: float, most: int | None = None) -> Exchange:
        """An httpx2 transport whose every exchange, body included, ends within `seconds`.

        It borrows the pool: closing it closes nothing. `most` is another cap for the body, in bytes.
        """
        return Exchange(self, seconds, most)

    async def carry(self, request: httpx2.Request, most: int | None = None) -> httpx2.Response:
        """Send `request` and read the whole answer. Raises httpx2.TransportError, Oversized among them."""
        return await self.whole(request, await self.open(request), most)

    async def open(self, request: httpx2.Request) -> httpx2.Response:
        """Send `request`; the answer with its body still to be read. Whoever opens it closes it.

        Raises httpx2.TransportError.
        """
        return await self._inner.handle_async_request(self._addressed(request))

    async def whole(
        self, request: httpx2.Request, response: httpx2.Response, most: int | None = None
    ) -> httpx2.Response:
        """An opened answer, read and closed. Raises httpx2.TransportError, Oversized among them."""
        cap = self._max_body if most is None else most
        body = bytearray()
        try:
            async for chunk in _chunks(response):
                body += chunk
                if len(body) > cap:
                    raise Oversized("the answer is too large", request=request)
        finally:
            await response.aclose()
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _REWRITTEN]
        return httpx2.Response(response.status_code, headers=headers, content=bytes(body))

    def _addressed(self, request: httpx2.Request) -> httpx2.Request:
        """The request, which is its sender's own, led to where its host is really found."""
        if self._origin is not None:
            url = request.url
            # Text and back is a parse more, and only at the emulator does anything come of it.
            request.url = httpx2.URL(f"{self._origin}/{url.netloc.decode()}{url.raw_path.decode()}")
        host = request.url.netloc.decode("ascii")
        if request.headers.get("Host") != host:
            request.headers["Host"] = host
        request.extensions = dict(_EXTENSIONS)
        return request

    async def aclose(self) -> None:
        """Close the pool and every connection in it."""
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _chunks(response: httpx2.Response) -> AsyncIterable[bytes]:
    """The body, unpacked. What is not packed comes as it is, without the layers that would unpack it."""
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    stream = response.stream
    assert isinstance(stream, httpx2.AsyncByteStream)
    return stream


class Exchange(httpx2.AsyncBaseTransport):
    """A `Transport` on loan, with a deadline in seconds and maybe another cap for each exchange."""

    def __init__(self, transport: Transport, seconds: float, most: int | None = None) -> None:
        self._transport = transport
        self._seconds = seconds
        self._most = most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request, one whole answer. Raises httpx2.TransportError, ReadTimeout past the deadline."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._transport.carry(request, self._most)
        except TimeoutError:
            raise httpx2.ReadTimeout("no whole answer before the deadline", request=request) from None
