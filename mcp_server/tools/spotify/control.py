"""spotify_control_playback."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Pause
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.arguments import DeviceName, Position
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.commands import Action, effect, gone, is_so, on, require_possible, send
from mcp_server.tools.spotify.devices import meant
from mcp_server.tools.spotify.views import Now, now, sentence
from mcp_server.tools.spotify.watch import carried_out, settle
from mcp_server.tools.undo import Undo
from providers.base import NotFound, Rejected
from providers.spotify import Playback
from providers.spotify.record import CONTROL, PLAYBACK


class Controlled(BaseModel):
    """What a command changed and what the player shows."""

    action: Action
    changed: Annotated[bool, Field(description="False where it was so already.")]
    confirmed: Annotated[bool, Field(description="Whether the player already shows it.")]
    playback: Now
    undo: Undo | None = None


@tool(
    service="spotify",
    access="write",
    needs=PLAYBACK | CONTROL,
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
    """Pause, resume, skip or seek what plays. Calling `next` twice skips two. Needs Premium."""
    if action == "seek" and position_ms is None:
        raise Refusal("invalid_argument", "`position_ms` is required for seek: milliseconds from the start.")
    before = await spotify.playback()
    device_id = await meant(spotify, device, before)
    if is_so(action, before, device_id):
        return _answer(Controlled(action=action, changed=False, confirmed=True, playback=now(before)))
    require_possible(action, before, device_id)
    at = position_ms or 0
    done = effect(action, before, at)

    def seen(state: Playback) -> bool:
        return done(state) and (action != "resume" or on(state, device_id))

    try:
        confirmed, state = await carried_out(
            partial(send, spotify, action, at, device_id),
            lambda: settle(spotify, seen, pause),
        )
    except NotFound as error:
        if error.reason:
            raise
        raise gone() from error
    except Rejected:
        # Pausing what is paused answers 403 with no better reason; the state above may have been old.
        after = await spotify.playback()
        if not is_so(action, after, device_id):
            raise
        return _answer(Controlled(action=action, changed=False, confirmed=True, playback=now(after)))
    back = _undo(action, before)
    return _answer(
        Controlled(
            action=action,
            changed=True,
            confirmed=confirmed,
            playback=now(state),
            undo=back.at(account) if back else None,
        )
    )


def _undo(action: Action, before: Playback | None) -> Undo | None:
    """Skipping is not taken back: the item would begin anew."""
    back = {
        "pause": {"action": "resume"},
        "resume": {"action": "pause"},
        "seek": {"action": "seek", "position_ms": (before.progress_ms if before else None) or 0},
    }.get(action)
    return Undo(tool="spotify_control_playback", arguments=back) if back else None


def _answer(result: Controlled) -> CallToolResult:
    if not result.changed:
        was = {"pause": "It was not playing", "resume": "It is already playing"}[result.action]
        return answer(result, f"{was}. {sentence(result.playback)}")
    if not result.confirmed:
        return answer(
            result,
            "Spotify accepted the command, but the player does not show it yet. Look again in a few seconds "
            "with spotify_get_playback.",
        )
    return answer(result, f"Done. {sentence(result.playback)}")
