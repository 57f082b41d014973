"""spotify_get_playback, spotify_list_devices, spotify_get_queue: what plays where, and what next."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.pages import PLAYER
from mcp_server.toolbox import tool
from mcp_server.tools.room import fitting
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.views import (
    Item,
    Now,
    Player,
    brief,
    item,
    line,
    now,
    numbered,
    player,
    report,
)
from mcp_server.tools.text import quoted
from providers.spotify.record import PLAYBACK, QUEUE

_NEXT = 10
"""Items of the queue beside what plays."""

_MOST_DEVICES = 30
_ROOM = 18_000
"""Bytes for the rows of a queue."""


class Devices(BaseModel):
    """The person's devices that are online."""

    devices: list[Player]
    total: int


class Upcoming(BaseModel):
    """What plays, and what follows: first what the person queued, then what comes anyway."""

    playing: Item | None = None
    items: list[Item]
    known: Annotated[int, Field(description="How many Spotify tells; there may be more.")]


@tool(
    service="spotify",
    needs=PLAYBACK,
    title="See what plays on Spotify",
    read_only=True,
    destructive=False,
    idempotent=True,
    app=PLAYER,
)
async def spotify_get_playback(
    spotify: SpotifyClient,
    include_queue: Annotated[bool, Field(description="Also what plays next.")] = False,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Now]:
    """See what plays on Spotify now: track or episode, position, paused or not, device, shuffle, repeat."""
    view = now(await spotify.playback())
    if include_queue and view.is_active:
        view.queue = _room_for([brief(each) for each in (await spotify.queue()).queue[:_NEXT]])
    return answer(view, report(view))


@tool(
    service="spotify",
    needs=PLAYBACK,
    title="List Spotify devices",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_list_devices(
    spotify: SpotifyClient, account: AccountLabel = None
) -> Annotated[CallToolResult, Devices]:
    """List the person's phones, computers and speakers on which Spotify is open. One that is not
    `controllable` plays, but takes no commands from here.
    """
    found = await spotify.devices()
    rows = [player(each) for each in found[:_MOST_DEVICES]]
    view = Devices(devices=rows[: fitting([(row, _device(row)) for row in rows])], total=len(found))
    return answer(view, _devices_text(view))


@tool(
    service="spotify",
    needs=QUEUE,
    title="See the Spotify queue",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_get_queue(
    spotify: SpotifyClient,
    limit: Annotated[int, Field(ge=1, le=20)] = 10,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Upcoming]:
    """See what plays next: what the person queued, then the rest of the album or playlist."""
    found = await spotify.queue()
    playing = item(found.currently_playing) if found.currently_playing is not None else None
    rows = _room_for([brief(each) for each in found.queue[:limit]])
    view = Upcoming(playing=playing, items=rows, known=len(found.queue))
    return answer(view, _queue_text(view))


def _room_for(rows: list[Item]) -> list[Item]:
    """Those that fit an answer beside the item that plays. Spotify has no second page of its queue."""
    return rows[: fitting([(row, line(row)) for row in rows], _ROOM)]


def _devices_text(view: Devices) -> str:
    if not view.devices:
        return "No device is online. The person must open Spotify on a phone, computer or speaker."
    rows = [_device(each) for each in view.devices]
    more = f"{len(rows)} of {view.total} devices shown." if view.total > len(rows) else ""
    return "\n".join([*rows, *([more] if more else [])])


def _device(view: Player) -> str:
    notes = [
        view.type,
        "active" if view.active else "",
        f"volume {view.volume_percent}%" if view.volume_percent is not None else "",
        "volume can't be set from here" if view.supports_volume is False else "",
        "" if view.controllable else "takes no commands from here",
    ]
    return f"{quoted(view.name)}: {', '.join(note for note in notes if note)}"


def _queue_text(view: Upcoming) -> str:
    if view.playing is None and not view.items:
        return "Nothing is playing and nothing is queued."
    first = f"Now: {line(view.playing)}" if view.playing is not None else "Nothing is playing now."
    if not view.items:
        return f"{first}\nNothing follows."
    head = f"Next, {len(view.items)} of {view.known} shown:" if view.known > len(view.items) else "Next:"
    return "\n".join([first, head, *numbered(view.items)])
