"""spotify_play."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Pause
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.arguments import DeviceName, Position, Ref
from mcp_server.tools.spotify.back import put_back
from mcp_server.tools.spotify.choice import MOST, Choice, choose
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.commands import disallowed, on, wherever
from mcp_server.tools.spotify.devices import meant
from mcp_server.tools.spotify.views import Item, Now, line, now, sentence
from mcp_server.tools.spotify.watch import carried_out, settle
from mcp_server.tools.undo import Undo
from providers.base import NotFound, Rejected
from providers.spotify import Playback, SearchKind, Spotify
from providers.spotify.record import CONTROL, PLAYBACK


class Played(BaseModel):
    """What was asked for and what the player shows."""

    confirmed: Annotated[bool, Field(description="Whether the player already shows it.")]
    uri: Annotated[str, Field(description="What was started; of several items the first.")]
    count: Annotated[int | None, Field(description="How many items were started.")] = None
    chosen: Annotated[Item | None, Field(description="The search result that was chosen.")] = None
    playback: Now
    undo: Annotated[Undo | None, Field(description="Puts back what played; where nothing did, pauses.")] = (
        None
    )


@tool(
    service="spotify",
    access="write",
    needs=PLAYBACK | CONTROL,
    title="Play on Spotify",
    read_only=False,
    destructive=True,
    idempotent=True,
)
async def spotify_play(
    spotify: SpotifyClient,
    pause: Pause,
    query: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=250,
            description="Words, e.g. title and artist.",
        ),
    ] = None,
    kind: Annotated[SearchKind, Field(description="What `query` names.")] = "track",
    items: Annotated[
        list[Ref] | None,
        Field(min_length=1, max_length=MOST, description="URIs or links of tracks or episodes."),
    ] = None,
    context: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=300,
            description="URI or link of an album, artist, playlist, show or audiobook; or a name of the "
            "person's playlists; or `liked songs`.",
        ),
    ] = None,
    start_at: Annotated[
        Annotated[int, Field(ge=0, le=99_999)] | Annotated[str, Field(max_length=300)] | None,
        Field(description="Place in `context`, from 0, or a URI."),
    ] = None,
    position_ms: Position = None,
    device: DeviceName = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Played]:
    """Play music or a podcast on one of the person's own devices. Give one of `query`, `items`, `context`; it
    replaces what plays. Without `device` it is the active one, or the only one online. `confirmed` false:
    accepted, but not shown by the player yet. Needs Premium.
    """
    choice = await choose(spotify, query=query, kind=kind, items=items, context=context, start_at=start_at)
    before = await spotify.playback()
    device_id = await meant(spotify, device, before)
    if before is not None and "interrupting_playback" in before.disallows and on(before, device_id):
        raise disallowed("starting something else")
    confirmed, state = await _start(spotify, choice, position_ms, device_id, pause)
    back = put_back(before)
    played = Played(
        confirmed=confirmed,
        uri=choice.uri,
        count=len(choice.uris) if len(choice.uris) > 1 else None,
        chosen=choice.item,
        playback=now(state),
        undo=back.at(account) if back else None,
    )
    return answer(played, _text(played, choice))


async def _start(
    spotify: Spotify, choice: Choice, position_ms: int | None, device_id: str | None, pause: Pause
) -> tuple[bool, Playback | None]:
    """Start it, and look until the player shows it. Raises Refusal where it is not to be had."""
    used = device_id

    async def start() -> None:
        nonlocal used
        if device_id is None:
            used = await wherever(spotify, partial(choice.play, spotify, position_ms))
        else:
            await choice.play(spotify, position_ms, device_id)

    async def watch() -> tuple[bool, Playback | None]:
        shown, state = await settle(spotify, lambda seen: choice.shown(seen, position_ms, used), pause)
        return shown or await choice.relinked(spotify, state, position_ms, used), state

    try:
        return await carried_out(start, watch)
    except NotFound as error:
        if error.reason:
            raise
        raise Refusal(
            "not_found", "Spotify can't start this: it, or the device, is not there any more. Search again."
        ) from error
    except Rejected as error:
        if error.reason != "HTTP_400" or choice.start is None:
            raise
        raise Refusal(
            "invalid_argument", "Spotify can't begin there: `start_at` is not in that context."
        ) from error


def _text(played: Played, choice: Choice) -> str:
    notes = [f"{played.count} items were started."] if played.count else []
    tail = " ".join(["", *notes, *([choice.note] if choice.note else [])])
    if played.confirmed:
        return sentence(played.playback) + tail
    what = f" ({line(played.chosen)})" if played.chosen else ""
    return (
        f"Spotify accepted the command{what}, but the player does not show it yet. "
        f"Look again in a few seconds with spotify_get_playback.{tail}"
    )
