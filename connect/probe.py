"""What the operator's doctor asks through the public address: is it you, and what arrived of my request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from connect.address import Proxies, client_address, peer_is_trusted
from vault import probing

PATH = "/probe"
PASSAGE = "/files/probe/passage"
"""Where files go, and where no file is: what stands in front treats it as it treats them."""
PIECES = (b"first", b"last")
"""What a GET there brings."""
PAUSE = 1.0
"""Seconds between the two."""


class Probe:
    """Answers questions made with `key` (`vault.probing`); for everybody else there is nothing here.

    `trusted` are the proxies that are believed, as everywhere. `version` is ours.
    """

    def __init__(self, key: bytes, trusted: Proxies, version: str) -> None:
        self._key = key
        self._trusted = trusted
        self._version = version

    def __repr__(self) -> str:
        return "Probe(**)"

    def routes(self) -> list[Route]:
        """What arrives; how files get in and out."""
        endpoints: list[tuple[str, str, Callable[[Request], object]]] = [
            ("GET", PATH, self._answer),
            ("POST", PASSAGE, self._take),
            ("GET", PASSAGE, self._pour),
        ]
        return [Route(path, endpoint, methods=[method]) for method, path, endpoint in endpoints]

    async def _take(self, request: Request) -> Response:
        """An answer to the head of a request: no body is waited for, and none is read."""
        return Response(b"", headers=self._proved(self._asked(request), b""))

    async def _pour(self, request: Request) -> Response:
        proof = self._proved(self._asked(request), b"".join(PIECES))
        return StreamingResponse(_pieces(), media_type="application/octet-stream", headers=proof)

    def _asked(self, request: Request) -> str:
        asked = request.headers.get(probing.HEADER, "")
        if not probing.asked(self._key, asked):
            raise HTTPException(404)
        return asked

    def _proved(self, asked: str, body: bytes) -> dict[str, str]:
        return {probing.PROOF: probing.proof(self._key, asked, body), "Cache-Control": "no-store"}

    async def _answer(self, request: Request) -> Response:
        asked = self._asked(request)
        body = json.dumps(
            {
                "version": self._version,
                "address": client_address(request, self._trusted),
                "peer": request.client.host if request.client else None,
                "trusted": peer_is_trusted(request, self._trusted),
                "forwarded": "x-forwarded-for" in request.headers,
            }
        ).encode()
        return Response(body, media_type="application/json", headers=self._proved(asked, body))


async def _pieces() -> AsyncIterator[bytes]:
    first, last = PIECES
    yield first
    await asyncio.sleep(PAUSE)
    yield last
