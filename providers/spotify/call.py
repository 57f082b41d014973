"""One call to Spotify's Web API with one person's credential."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from providers.base import CredentialSource
from providers.http import Answer, Http, Params
from providers.spotify.record import API, CONTROL, SPOTIFY


class Caller:
    """What the groups of calls share. Every call raises ProviderError."""

    def __init__(self, http: Http, credential: CredentialSource | SecretStr) -> None:
        self._http = http
        self._credential = credential

    async def _get(
        self,
        operation: str,
        path: str,
        scopes: frozenset[str] = frozenset(),
        params: Params | None = None,
    ) -> Answer:
        return await self._send(operation, "GET", path, scopes, params)

    async def _command(
        self, operation: str, method: str, path: str, params: Params, body: dict[str, Any] | None = None
    ) -> None:
        """A command to the player. Any 2xx is success; its body is never read, for it may be no JSON."""
        await self._send(operation, method, path, CONTROL, params, body)

    async def _send(
        self,
        operation: str,
        method: str,
        path: str,
        scopes: frozenset[str],
        params: Params | None = None,
        body: dict[str, Any] | None = None,
    ) -> Answer:
        return await self._http.request(
            SPOTIFY,
            method,
            API + path,
            operation=operation,
            credential=self._credential,
            params=params,
            json=body or None,
            scopes=scopes,
        )
