"""The player: what plays where, and the commands to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from providers.http import Params
from providers.model import read
from providers.spotify.answers import Device, Devices, Playback, Queue
from providers.spotify.call import Caller
from providers.spotify.record import PLAYBACK, QUEUE

RepeatState = Literal["off", "context", "track"]


class PlayerCalls(Caller):
    """`/me/player` and what is below it. Commands need Premium; the order of several is not guaranteed."""

    async def playback(self) -> Playback | None:
        """GET /me/player, or None when nothing is active. It lags behind a command by some 200 ms."""
        params: Params = {"additional_types": "track,episode"}
        answer = await self._get("playback", "/me/player", PLAYBACK, params)
        return read(Playback, answer) if answer.body.strip() else None

    async def devices(self) -> tuple[Device, ...]:
        """GET /me/player/devices."""
        return read(Devices, await self._get("devices", "/me/player/devices", PLAYBACK)).devices

    async def queue(self) -> Queue:
        """GET /me/player/queue: at most 20 items, the person's own queue first, then what follows anyway."""
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
        """PUT /me/player/seek, within the current item; beyond its end means the next one."""
        params: Params = {"position_ms": position_ms, "device_id": device_id}
        await self._command("seek", "PUT", "/me/player/seek", params)

    async def volume(self, percent: int, device_id: str | None = None) -> None:
        """PUT /me/player/volume, 0 to 100, where the device supports it."""
        params: Params = {"volume_percent": percent, "device_id": device_id}
        await self._command("volume", "PUT", "/me/player/volume", params)

    async def shuffle(self, on: bool, device_id: str | None = None) -> None:
        """PUT /me/player/shuffle."""
        params: Params = {"state": on, "device_id": device_id}
        await self._command("shuffle", "PUT", "/me/player/shuffle", params)

    async def repeat(self, state: RepeatState, device_id: str | None = None) -> None:
        """PUT /me/player/repeat: nothing, the context, or the one track."""
        params: Params = {"state": state, "device_id": device_id}
        await self._command("repeat", "PUT", "/me/player/repeat", params)

    async def transfer(self, device_id: str, *, play: bool | None = None) -> None:
        """PUT /me/player: move playback to a device; `play` True starts it there, None keeps its state."""
        body: dict[str, object] = {"device_ids": [device_id]}
        if play is not None:
            body["play"] = play
        await self._command("transfer", "PUT", "/me/player", {}, body)

    async def enqueue(self, uri: str, device_id: str | None = None) -> None:
        """POST /me/player/queue: one track or episode, behind what the person queued already."""
        await self._command("enqueue", "POST", "/me/player/queue", {"uri": uri, "device_id": device_id})
