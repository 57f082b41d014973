"""spotify_add_to_queue."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Pause
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.arguments import DeviceName, Ref
from mcp_server.tools.spotify.choice import ALONE, LISTS, find, uri
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.commands import elsewhere, gone, on, wherever
from mcp_server.tools.spotify.devices import meant
from mcp_server.tools.spotify.refs import reference
from mcp_server.tools.spotify.views import Item, item, line
from mcp_server.tools.spotify.watch import Lost, carried_out, until
from providers.base import NotFound
from providers.spotify import Playback, Queue, Reference, Spotify, parse_reference
from providers.spotify.record import CONTROL, QUEUE


class Queued(BaseModel):
    """What was put into the queue."""

    confirmed: Annotated[bool, Field(description="Whether the queue already shows it.")]
    added: Item


@tool(
    service="spotify",
    access="write",
    needs=QUEUE | CONTROL,
    title="Add to the Spotify queue",
    read_only=False,
    destructive=False,
    idempotent=False,
)
async def spotify_add_to_queue(
    spotify: SpotifyClient,
    pause: Pause,
    item: Annotated[Ref | None, Field(description="URI, link or id.")] = None,
    query: Annotated[
        str | None,
        Field(min_length=1, max_length=250, description="Words for a track; the best match is added."),
    ] = None,
    device: DeviceName = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Queued]:
    """Let a track or episode play after what plays and what was queued. Give `item` or `query`. It can't be
    taken out again. Something must be playing. Needs Premium.
    """
    added = await _wanted(spotify, item, query)
    before = await spotify.playback()
    device_id = await meant(spotify, device, before)
    had = _times(await spotify.queue(), added)

    async def watch() -> tuple[bool, Queue | None]:
        return await until(spotify.queue, lambda seen: _times(seen, added) > had, pause)

    try:
        confirmed, _ = await carried_out(lambda: _add(spotify, added.uri, device_id), watch)
    except Lost as error:
        raise Lost("spotify_get_queue") from error
    except NotFound as error:
        raise _inactive(error, before, device_id) from error
    return answer(Queued(confirmed=confirmed, added=added), _text(added, confirmed))


async def _wanted(spotify: Spotify, asked: str | None, query: str | None) -> Item:
    """What to add, looked up: Spotify's queue takes a URI of nothing without a word. Raises Refusal."""
    if (asked is None) == (query is None):
        raise Refusal("invalid_argument", "Give either `item` (a URI, link or id) or `query` (words).")
    pointed = parse_reference(query) if query is not None else None
    if query is not None and pointed is None:
        return await find(spotify, query, "track")
    pointed = pointed or reference(asked or "", ALONE + LISTS, bare="track")
    if pointed.kind in LISTS:
        raise Refusal(
            "invalid_argument",
            f"Only tracks and episodes can be queued, and this is one {pointed.kind}. Play it with "
            "spotify_play, or add its tracks one by one.",
        )
    return await _fetched(spotify, pointed)


async def _fetched(spotify: Spotify, pointed: Reference) -> Item:
    """The item itself, under the URI that was asked for."""
    if pointed.kind == "track":
        found = await spotify.track(pointed.id)
        if found.is_playable is False:
            raise Refusal("not_found", "That track can't be played in the country of this account.")
        view = item(found)
    elif pointed.kind == "episode":
        view = item(await spotify.episode(pointed.id))
    else:
        view = item(await spotify.chapter(pointed.id))
    return view.model_copy(update={"uri": uri(pointed)})


async def _add(spotify: Spotify, uri_: str, device_id: str | None) -> None:
    async def add(where: str | None) -> None:
        await spotify.enqueue(uri_, where)

    if device_id is None:
        await wherever(spotify, add)
    else:
        await add(device_id)


def _times(queue: Queue, added: Item) -> int:
    """How often it is in the queue; under another id, too, if that is the one of the person's market."""
    views = [item(each) for each in queue.queue]
    return sum(each.uri == added.uri or (each.name, each.by) == (added.name, added.by) for each in views)


def _inactive(error: NotFound, before: Playback | None, device_id: str | None) -> Refusal:
    if not error.reason:
        return gone()
    if before is not None and not on(before, device_id):
        return elsewhere(before)
    return Refusal(
        "no_active_device",
        "Nothing is playing on any device, so there is no queue to add to. Start something with spotify_play "
        "first.",
    )


def _text(added: Item, confirmed: bool) -> str:
    if confirmed:
        return f"Added to the queue: {line(added)}"
    return (
        f"Spotify accepted the command ({line(added)}), but the queue does not show it yet; it shows 20 "
        "items at most. Look again in a few seconds with spotify_get_queue."
    )
