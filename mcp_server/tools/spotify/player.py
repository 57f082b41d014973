"""spotify_play, spotify_control_playback, spotify_get_playback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Pause
from mcp_server.pages import PLAYER
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.commands import Action, effect, is_so, on, require_possible, send, wherever
from mcp_server.tools.spotify.devices import named
from mcp_server.tools.spotify.pick import best
from mcp_server.tools.spotify.search import page_of
from mcp_server.tools.spotify.views import Item, Kind, Now, item, line, now, sentence
from mcp_server.tools.spotify.watch import settle
from providers.base import NotFound, Rejected
from providers.spotify import Playback, SearchKind, Spotify, parse_reference

READ = ("user-read-playback-state",)
WRITE = ("user-read-playback-state", "user-modify-playback-state")

DeviceName = Annotated[
    str | None,
    Field(
        max_length=200,
        description="Name (or id) of the device to use. Leave out for the active one.",
    ),
]
Position = Annotated[
    int | None, Field(ge=0, le=86_400_000, description="Where to start or seek to, in milliseconds.")
]


class Played(BaseModel):
    """What was asked for and what the player shows."""

    confirmed: Annotated[bool, Field(description="Whether the player already shows it.")]
    uri: Annotated[str, Field(description="What was started.")]
    chosen: Annotated[Item | None, Field(description="The search result that was chosen.")] = None
    playback: Now


class Controlled(BaseModel):
    """What a command changed and what the player shows."""

    action: Action
    changed: Annotated[bool, Field(description="False where it was so already.")]
    confirmed: Annotated[bool, Field(description="Whether the player already shows it.")]
    playback: Now


@dataclass(frozen=True, slots=True)
class Choice:
    """What to play: a track or episode by itself, anything else as a context."""

    kind: Kind
    uri: str
    item: Item | None = None

    async def start(self, spotify: Spotify, position_ms: int | None, device_id: str | None) -> None:
        """Send the command."""
        alone = self.kind in {"track", "episode"}
        await spotify.play(
            uris=[self.uri] if alone else None,
            context_uri=None if alone else self.uri,
            position_ms=position_ms,
            device_id=device_id,
        )

    def shown(self, state: Playback) -> bool:
        """Whether the player shows it. Spotify may play the same track under another id (relinking)."""
        if not state.is_playing:
            return False
        if self.kind not in {"track", "episode"}:
            return (state.context_uri or "").endswith(self.uri.rpartition(":")[2])
        if state.item is None:
            return False
        same_name = self.item is not None and item(state.item).name == self.item.name
        return state.item.uri == self.uri or same_name


@tool(
    service="spotify",
    access="write",
    needs=WRITE,
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
            description="What to play in words, e.g. a song title with its artist. The best match is played.",
        ),
    ] = None,
    uri: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=300,
            description="What to play exactly: a Spotify URI (spotify:track:…) or an open.spotify.com link.",
        ),
    ] = None,
    kind: Annotated[SearchKind, Field(description="What `query` names; `show` is a podcast.")] = "track",
    device: DeviceName = None,
    position_ms: Position = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Played]:
    """Play music or a podcast on the person's Spotify, the streaming service, on one of their own devices
    (phone, computer, speaker). Give either `query` or `uri`. It replaces what is playing now. Without
    `device` it plays on the active device, or on the only one that is online; with several it answers with
    their names. `confirmed` false means the command was accepted but the player does not show it yet. Needs
    Spotify Premium. To go on with paused music use spotify_control_playback.
    """
    choice = await _choose(spotify, query, uri, kind)
    device_id = await _start(spotify, choice, position_ms, device)
    confirmed, state = await settle(spotify, lambda seen: choice.shown(seen) and on(seen, device_id), pause)
    played = Played(confirmed=confirmed, uri=choice.uri, chosen=choice.item, playback=now(state))
    return answer(played, _played_text(played))


@tool(
    service="spotify",
    access="write",
    needs=WRITE,
    title="Control Spotify playback",
    read_only=False,
    destructive=True,
    idempotent=False,
)
async def spotify_control_playback(
    spotify: SpotifyClient,
    pause: Pause,
    action: Annotated[Action, Field(description="`seek` needs `position_ms`.")],
    position_ms: Position = None,
    device: DeviceName = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Controlled]:
    """Pause, resume, skip or seek what plays on the person's Spotify, the streaming service. `next` and
    `previous` skip one track; calling twice skips two. To start something else use spotify_play. Needs
    Spotify Premium.
    """
    if action == "seek" and position_ms is None:
        raise Refusal("invalid_argument", "`position_ms` is required for seek: milliseconds from the start.")
    before = await spotify.playback()
    device_id = (await named(spotify, device)).id if device else None
    if is_so(action, before, device_id):
        return _controlled(Controlled(action=action, changed=False, confirmed=True, playback=now(before)))
    require_possible(action, before, device_id)
    try:
        await send(spotify, action, position_ms or 0, device_id)
    except Rejected:
        # Pausing what is paused answers 403 with no better reason; the state above may have been old.
        after = await spotify.playback()
        if not is_so(action, after, device_id):
            raise
        return _controlled(Controlled(action=action, changed=False, confirmed=True, playback=now(after)))
    confirmed, state = await settle(spotify, effect(action, before, position_ms or 0), pause)
    return _controlled(Controlled(action=action, changed=True, confirmed=confirmed, playback=now(state)))


@tool(
    service="spotify",
    needs=READ,
    title="See what plays on Spotify",
    read_only=True,
    destructive=False,
    idempotent=True,
    app=PLAYER,
)
async def spotify_get_playback(
    spotify: SpotifyClient, account: AccountLabel = None
) -> Annotated[CallToolResult, Now]:
    """See what is playing on the person's Spotify, the streaming service, right now: the track or episode,
    how far it is, whether it is paused, and on which device.
    """
    view = now(await spotify.playback())
    return answer(view, sentence(view))


async def _choose(spotify: Spotify, query: str | None, uri: str | None, kind: SearchKind) -> Choice:
    """What to play. Raises Refusal where the arguments do not say it, or nothing fits."""
    if (query is None) == (uri is None):
        raise Refusal("invalid_argument", "Give either `query` (words) or `uri` (a Spotify URI or link).")
    reference = parse_reference(uri or query or "")
    if reference is not None:
        return Choice(reference.kind, reference.uri)
    if uri is not None:
        raise Refusal(
            "invalid_argument",
            "`uri` is not a Spotify URI or link of something playable: spotify:track:… or "
            "https://open.spotify.com/track/…. To play by name use `query`.",
        )
    assert query is not None
    page = page_of(await spotify.search(query, [kind], limit=10), kind)
    found = best(query, page.items) if page is not None else None
    if found is None:
        raise Refusal("not_found", f"Spotify has no {kind} that matches. Try fewer words, or another `kind`.")
    return Choice(kind, found.uri, item(found))


async def _start(spotify: Spotify, choice: Choice, position_ms: int | None, device: str | None) -> str | None:
    """Start it; returns the id of the device that was named or found, None for the active one."""

    async def start(device_id: str | None) -> None:
        await choice.start(spotify, position_ms, device_id)

    try:
        if not device:
            return await wherever(spotify, start)
        device_id = (await named(spotify, device)).id
        await start(device_id)
    except NotFound as error:
        if error.reason:
            raise
        raise Refusal(
            "not_found", "Spotify can't start this: it, or the device, is not there any more. Search again."
        ) from error
    return device_id


def _played_text(played: Played) -> str:
    if played.confirmed:
        return sentence(played.playback)
    what = f" ({line(played.chosen)})" if played.chosen else ""
    return (
        f"Spotify accepted the command{what}, but the player does not show it yet. "
        "Look again in a few seconds with spotify_get_playback."
    )


def _controlled(result: Controlled) -> CallToolResult:
    if not result.changed:
        was = {"pause": "It was not playing", "resume": "It is already playing"}[result.action]
        return answer(result, f"{was}. {sentence(result.playback)}")
    if not result.confirmed:
        return answer(result, "Spotify accepted the command, but the player does not show it yet.")
    return answer(result, f"Done. {sentence(result.playback)}")
