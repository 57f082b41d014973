"""The calls our tools make to Spotify's Web API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import SecretStr

from providers.base import CredentialSource
from providers.http import Answer, Http, Params
from providers.model import read
from providers.spotify.answers import Device, Devices, Playback, Queue, SearchResults
from providers.spotify.record import API, CONTROL, PLAYBACK, QUEUE, SPOTIFY

SearchKind = Literal["track", "album", "artist", "playlist", "show", "episode"]


class Spotify:
    """Spotify's Web API with one person's credential. Every call raises ProviderError."""

    def __init__(self, http: Http, credential: CredentialSource | SecretStr) -> None:
        self._http = http
        self._credential = credential

    async def search(
        self,
        query: str,
        types: Sequence[SearchKind],
        *,
        limit: int | None = None,
        offset: int | None = None,
        market: str | None = None,
    ) -> SearchResults:
        """GET /search. `limit` is per kind, 5 by default and 10 at most; `offset` is 1000 at most."""
        params: Params = {
            "q": query, "type": ",".join(types), "limit": limit, "offset": offset, "market": market,
        }  # fmt: skip
        return read(SearchResults, await self._get("search", "/search", frozenset(), params))

    async def playback(self) -> Playback | None:
        """GET /me/player, or None when nothing is active. It lags behind a command by some 200 ms."""
        params: Params = {"additional_types": "track,episode"}
        answer = await self._get("playback", "/me/player", PLAYBACK, params)
        return read(Playback, answer) if answer.body.strip() else None

    async def devices(self) -> tuple[Device, ...]:
        """GET /me/player/devices."""
        return read(Devices, await self._get("devices", "/me/player/devices", PLAYBACK)).devices

    async def queue(self) -> Queue:
        """GET /me/player/queue."""
        return read(Queue, await self._get("queue", "/me/player/queue", QUEUE))

    async def play(
        self,
        *,
        uris: Sequence[str] | None = None,
        context_uri: str | None = None,
        offset: int | str | None = None,
        position_ms: int | None = None,
        device_id: str | None = None,
    ) -> None:
        """PUT /me/player/play: tracks and episodes, or a context (album, artist, playlist, show).

        `offset` is a position in the context, from 0, or the URI to begin with.
        """
        start = {"position": offset} if isinstance(offset, int) else {"uri": offset}
        given = {
            "uris": list(uris) if uris is not None else None,
            "context_uri": context_uri,
            "offset": None if offset is None else start,
            "position_ms": position_ms,
        }
        body = {name: value for name, value in given.items() if value is not None}
        await self._command("play", "PUT", "/me/player/play", {"device_id": device_id}, body)

    async def resume(self, device_id: str | None = None) -> None:
        """PUT /me/player/play without a body: go on with what was playing."""
        await self._command("resume", "PUT", "/me/player/play", {"device_id": device_id})

    async def pause(self, device_id: str | None = None) -> None:
        """PUT /me/player/pause. Spotify answers 403 when it is paused already."""
        await self._command("pause", "PUT", "/me/player/pause", {"device_id": device_id})

    async def next(self, device_id: str | None = None) -> None:
        """POST /me/player/next."""
        await self._command("next", "POST", "/me/player/next", {"device_id": device_id})

    async def previous(self, device_id: str | None = None) -> None:
        """POST /me/player/previous."""
        await self._command("previous", "POST", "/me/player/previous", {"device_id": device_id})

    async def seek(self, position_ms: int, device_id: str | None = None) -> None:
        """PUT /me/player/seek, within the current item."""
        params: Params = {"position_ms": position_ms, "device_id": device_id}
        await self._command("seek", "PUT", "/me/player/seek", params)

    async def _get(
        self, operation: str, path: str, scopes: frozenset[str], params: Params | None = None
    ) -> Answer:
        return await self._http.request(
            SPOTIFY,
            "GET",
            API + path,
            operation=operation,
            credential=self._credential,
            params=params,
            scopes=scopes,
        )

    async def _command(
        self, operation: str, method: str, path: str, params: Params, body: dict[str, Any] | None = None
    ) -> None:
        """Any 2xx is success. Its body is never read: some commands are answered with no JSON."""
        await self._http.request(
            SPOTIFY,
            method,
            API + path,
            operation=operation,
            credential=self._credential,
            params=params,
            json=body or None,
            scopes=CONTROL,
        )
