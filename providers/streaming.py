"""What comes from an upstream a piece at a time: a file is never held whole.

The rules are those of every call (`http.py`): the host's name, the deadline for an answer to begin, one retry
with a fresh credential, no redirect, what a refusal means. Only the body of a good answer stays where it is
until it is read, and its bytes are counted on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from pydantic import SecretStr

from providers.base import CredentialSource, Provider, ProviderError, Rejected, Unavailable
from providers.http import Http, Params
from providers.parcel import MOST
from providers.transport import Transport

TOO_LARGE = "TOO_LARGE"
"""The reason of a Rejected for a file beyond the cap."""


class Stream:
    """The body of an answer on its way. `length` is how long it says that it is, None where it does not."""

    def __init__(self, provider: str, operation: str, response: httpx2.Response, most: int) -> None:
        self._provider = provider
        self._operation = operation
        self._response = response
        self._most = most
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            # Nobody asked for it, and a packed piece may unpack to a thousand times as much.
            raise Unavailable(provider, operation, "an encoding that was not asked for")
        said = response.headers.get("content-length", "")
        self.length = int(said) if said.isascii() and said.isdecimal() else None
        if self.length is not None and self.length > most:
            raise self._too_large()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, some 64 KB at a time.

        Raises Rejected (TOO_LARGE) past the cap, Unavailable where it breaks off or is of another length than
        it said.
        """
        seen = 0
        try:
            async for piece in self._response.aiter_bytes():
                seen += len(piece)
                if seen > self._most:
                    raise self._too_large()
                yield piece
        except httpx2.HTTPError:
            raise Unavailable(self._provider, self._operation, "the answer broke off") from None
        if self.length is not None and seen != self.length:
            raise Unavailable(self._provider, self._operation, "the answer is of another length")

    def _too_large(self) -> ProviderError:
        return Rejected(self._provider, self._operation, TOO_LARGE)


class Streams:
    """Opens streams over the shared transport, by the rules of `http`."""

    def __init__(self, http: Http, transport: Transport) -> None:
        self._http = http
        self._transport = transport

    @asynccontextmanager
    async def open(
        self,
        provider: Provider,
        url: str,
        *,
        operation: str,
        credential: CredentialSource | SecretStr,
        params: Params | None = None,
        scopes: frozenset[str] = frozenset(),
        most: int = MOST,
    ) -> AsyncIterator[Stream]:
        """The answer to a GET, for as long as the block lasts. Raises ProviderError, and what the source
        raises; Rejected (TOO_LARGE) where it says that it is longer than `most` bytes.
        """
        road = _Opening(self._transport)
        try:
            await self._http.over(road).request(
                provider,
                "GET",
                url,
                operation=operation,
                credential=credential,
                params=params,
                scopes=scopes,
            )
            if road.opened is None:  # a part, or nothing: no range was asked for
                raise Unavailable(provider.name, operation, "no whole answer")
            yield Stream(provider.name, operation, road.opened, most)
        finally:
            await road.close()


class _Opening:
    """A road that leaves the body of a good answer where it is, and brings any other whole."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.opened: httpx2.Response | None = None

    def within(self, seconds: float, most: int | None = None) -> httpx2.AsyncBaseTransport:
        """One exchange that begins to be answered within `seconds`."""
        return _Begun(self, self._transport, seconds, most)

    async def close(self) -> None:
        """Hang up, wherever the body is."""
        if self.opened is not None:
            await self.opened.aclose()


class _Begun(httpx2.AsyncBaseTransport):
    def __init__(self, road: _Opening, transport: Transport, seconds: float, most: int | None) -> None:
        self._road = road
        self._transport = transport
        self._seconds = seconds
        self._most = most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # A file is what it is: packed on the way, its length would be another one.
        request.headers["Accept-Encoding"] = "identity"
        request.headers["Accept"] = "*/*"
        response: httpx2.Response | None = None
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._transport.open(request)
                if response.status_code != 200:
                    return await self._transport.whole(request, response, self._most)
        except TimeoutError:
            if response is not None:
                await response.aclose()
            raise httpx2.ReadTimeout("no answer before the deadline", request=request) from None
        self._road.opened = response
        return httpx2.Response(200, headers=response.headers)
