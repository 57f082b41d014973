"""What the operator's doctor asks through the public address: is it you, and what arrived of my request."""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connect.address import Proxies, client_address, peer_is_trusted
from vault import probing

PATH = "/probe"


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
        """One address."""
        endpoint: Callable[[Request], object] = self._answer
        return [Route(PATH, endpoint, methods=["GET"], name="probe")]

    async def _answer(self, request: Request) -> Response:
        asked = request.headers.get(probing.HEADER, "")
        if not probing.asked(self._key, asked):
            raise HTTPException(404)
        body = json.dumps(
            {
                "version": self._version,
                "address": client_address(request, self._trusted),
                "peer": request.client.host if request.client else None,
                "trusted": peer_is_trusted(request, self._trusted),
                "forwarded": "x-forwarded-for" in request.headers,
            }
        ).encode()
        proof = {probing.PROOF: probing.proof(self._key, asked, body), "Cache-Control": "no-store"}
        return Response(body, media_type="application/json", headers=proof)
