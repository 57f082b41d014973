"""spotify_player_state, spotify_player_command: for the player card (MCP Apps) alone, no model sees them.

The page calls the first every few seconds while it is visible, and the second when a button is pressed.
"""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve
from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.answers import answer
from mcp_server.house import House
from mcp_server.inject import AccountLabel, Me, Pause
from mcp_server.toolbox import holds, tool
from mcp_server.tools.spotify.arguments import Position
from mcp_server.tools.spotify.buttons import Button, Press, press
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.panel import Panel, Pressed, panel, summary
from providers.media import Media
from providers.spotify.player import RepeatState
from providers.spotify.record import CONTROL, PLAYBACK, QUEUE

KnownCover = Annotated[
    str | None, Field(max_length=64, description="`cover.key` of the cover that the page has.")
]


async def _media(context: Context[House, Any]) -> Media:
    return context.request_context.lifespan_context.http.media


Pictures = Annotated[Media, Resolve(_media)]


@tool(
    service="spotify",
    needs=QUEUE,
    title="Show the Spotify player in the chat",
    read_only=True,
    destructive=False,
    idempotent=True,
    visibility=("app",),
)
async def spotify_player_state(
    spotify: SpotifyClient, me: Me, pictures: Pictures, cover: KnownCover = None, account: AccountLabel = None
) -> Annotated[CallToolResult, Panel]:
    """What plays on the person's Spotify, with cover and queue, for the player card. Models use
    spotify_get_playback.
    """
    may = holds(me.principal.scopes, "spotify", "write")
    view = await panel(spotify, await spotify.playback(), pictures, known=cover, can_control=may)
    return answer(view, summary(view))


@tool(
    service="spotify",
    access="write",
    needs=PLAYBACK | CONTROL,
    title="Press a button of the Spotify player in the chat",
    read_only=False,
    destructive=True,
    idempotent=False,
    visibility=("app",),
)
async def spotify_player_command(
    spotify: SpotifyClient,
    pause: Pause,
    pictures: Pictures,
    action: Annotated[Button, Field(description="The button; the last four need their argument.")],
    position_ms: Position = None,
    volume_percent: Annotated[int | None, Field(ge=0, le=100, description="For `volume`.")] = None,
    shuffle: Annotated[bool | None, Field(description="For `shuffle`: on or off.")] = None,
    repeat: Annotated[RepeatState | None, Field(description="For `repeat`.")] = None,
    cover: KnownCover = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Pressed]:
    """Press a button of the player card: play, pause, skip, seek, volume, shuffle, repeat. Models use
    spotify_control_playback.
    """
    wanted = Press(action, position_ms, volume_percent, shuffle, repeat).complete()
    confirmed, state = await press(spotify, wanted, await spotify.playback(), pause)
    view = await panel(spotify, state, pictures, known=cover, can_control=True)
    return answer(Pressed(**view.model_dump(), confirmed=confirmed), summary(view))
