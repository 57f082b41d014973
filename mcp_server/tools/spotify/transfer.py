"""spotify_transfer_playback: move what plays to another device."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Pause
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.commands import disallowed, on
from mcp_server.tools.spotify.devices import named
from mcp_server.tools.spotify.views import Now, now, sentence, usable
from mcp_server.tools.spotify.watch import Lost, carried_out, settle
from mcp_server.tools.text import quoted
from mcp_server.tools.undo import Undo
from providers.base import NotFound, Unavailable
from providers.spotify import Device, Playback, Spotify
from providers.spotify.record import CONTROL, PLAYBACK


class Moved(BaseModel):
    """Where playback is now, as the player shows it."""

    changed: Annotated[bool, Field(description="False where it was so already.")]
    confirmed: Annotated[bool, Field(description="Whether the player already shows it.")]
    playback: Now
    undo: Undo | None = None


@tool(
    service="spotify",
    access="write",
    needs=PLAYBACK | CONTROL,
    title="Move Spotify to another device",
    read_only=False,
    destructive=True,
    idempotent=True,
)
async def spotify_transfer_playback(
    spotify: SpotifyClient,
    pause: Pause,
    device: Annotated[str, Field(min_length=1, max_length=200, description="Its name or id.")],
    play: Annotated[bool, Field(description="Start it if paused.")] = False,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Moved]:
    """Move what plays to another of the person's devices, at the same place. Needs Premium."""
    goal = await named(spotify, device)
    before = await spotify.playback()
    if before is not None and _there(before, goal, play):
        return _answer(Moved(changed=False, confirmed=True, playback=now(before)))
    if before is not None and "transferring_playback" in before.disallows:
        raise disallowed("moving playback")
    try:
        confirmed, state = await carried_out(
            lambda: _move(spotify, goal, before, play),
            lambda: settle(spotify, lambda seen: _there(seen, goal, play), pause),
        )
    except (NotFound, Unavailable, Lost) as error:
        raise _no_session(error, goal) from error
    back = _undo(before, goal, play)
    return _answer(
        Moved(changed=True, confirmed=confirmed, playback=now(state), undo=back.at(account) if back else None)
    )


def _there(state: Playback, goal: Device, play: bool) -> bool:
    return on(state, goal.id) and (state.is_playing or not play)


async def _move(spotify: Spotify, goal: Device, before: Playback | None, play: bool) -> None:
    assert goal.id is not None, "`named` gives usable devices only"
    if before is not None and on(before, goal.id):
        await spotify.resume(goal.id)
    else:
        await spotify.transfer(goal.id, play=play or None)


def _no_session(error: NotFound | Unavailable | Lost, goal: Device) -> Exception:
    """Spotify answers a 404 or 5xx where nothing was played for a while (web-api#700, #747)."""
    if isinstance(error, Unavailable) and error.retry_after is not None:
        return error
    return Refusal(
        "no_active_device",
        f"Spotify could not move playback to {quoted(goal.name)}: often nothing was played for a while, or "
        "the device has gone. Start something there with spotify_play and its `device`, or let the person "
        "open Spotify on it."
        + (" Look with spotify_get_playback first: it may still come." if isinstance(error, Lost) else ""),
    )


def _undo(before: Playback | None, goal: Device, play: bool) -> Undo | None:
    """What was paused is paused again, there: moved back it would play on."""
    if before is None or before.device is None or not usable(before.device):
        return None
    if before.device.id == goal.id or (play and not before.is_playing):
        return Undo(tool="spotify_control_playback", arguments={"action": "pause"})
    return Undo(tool="spotify_transfer_playback", arguments={"device": before.device.id})


def _answer(moved: Moved) -> CallToolResult:
    if not moved.changed:
        return answer(moved, f"It is there already. {sentence(moved.playback)}")
    if not moved.confirmed:
        return answer(
            moved,
            "Spotify accepted the command, but the player does not show it there yet. Look again in a few "
            "seconds with spotify_get_playback.",
        )
    return answer(moved, f"Moved. {sentence(moved.playback)}")
