"""The player's commands: when one is needless, when it is impossible, and how its effect looks.

`spotify_control_playback` and the player card (MCP Apps) share them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from mcp_server.errors import Refusal
from mcp_server.tools.spotify.devices import only
from mcp_server.tools.text import quoted
from providers.base import NotFound
from providers.spotify import Playback, Spotify

Action = Literal["pause", "resume", "next", "previous", "seek"]

_FORBIDDEN = {
    "pause": "pausing",
    "resume": "resuming",
    "next": "skipping_next",
    "previous": "skipping_prev",
    "seek": "seeking",
}
"""Spotify's names in `actions.disallows`."""

_STEP = 6
"""Percent between two volumes of a device that knows sixteen of them: it takes the nearest."""

_NEAR_MS = 10_000
"""How far progress may have run on by the time the effect is looked at."""


async def wherever(spotify: Spotify, command: Callable[[str | None], Awaitable[None]]) -> str | None:
    """Run `command` on the active device (returns None), else on the only usable one (returns its id).

    Raises Refusal where there are several, or none.
    """
    try:
        await command(None)
    except NotFound as error:
        if error.reason != "NO_ACTIVE_DEVICE":
            raise
    else:
        return None
    device = await only(spotify)
    await command(device.id)
    return device.id


async def send(spotify: Spotify, action: Action, position_ms: int, device_id: str | None) -> None:
    """Send one command. `resume` may wake the only device; the others need something to act on."""
    match action:
        case "pause":
            await spotify.pause(device_id)
        case "resume" if device_id is None:
            await wherever(spotify, spotify.resume)
        case "resume":
            await spotify.resume(device_id)
        case "next":
            await spotify.next(device_id)
        case "previous":
            await spotify.previous(device_id)
        case "seek":
            await spotify.seek(position_ms, device_id)


def is_so(action: Action, state: Playback | None, device_id: str | None) -> bool:
    """Whether the player already is as wanted."""
    if action == "pause":
        return state is None or not state.is_playing or not on(state, device_id)
    if action == "resume":
        return state is not None and state.is_playing and on(state, device_id)
    return False


def require_possible(action: Action, state: Playback | None, device_id: str | None) -> None:
    """Raise Refusal where Spotify would answer with a 403 or 404 that says less."""
    if state is None:
        if action != "resume" and device_id is None:
            raise Refusal(
                "no_active_device",
                "Nothing is playing on any device, so there is nothing to skip or seek in. Start something "
                "with spotify_play.",
            )
        return
    if action != "resume" and not on(state, device_id):
        raise elsewhere(state)
    if _FORBIDDEN[action] in state.disallows and on(state, device_id):
        raise disallowed(action)


def elsewhere(state: Playback) -> Refusal:
    """For a command to a device that is not the one that plays."""
    where = f"{quoted(state.device.name)} is" if state.device else "Another device is"
    return Refusal(
        "conflict",
        f"{where} the active device, not the one named. Leave `device` out to command that one, or move "
        "playback with spotify_transfer_playback first.",
    )


def gone() -> Refusal:
    """For a 404 that gives no reason: the device was listed a moment ago."""
    return Refusal(
        "no_active_device",
        "The device is not online any more. See spotify_list_devices for those that are.",
    )


def disallowed(what: str) -> Refusal:
    """For what `actions.disallows` forbids."""
    return Refusal(
        "conflict",
        f"Spotify does not allow {what} right now: an advertisement, the end of the list, or what is "
        "playing forbids it.",
    )


def effect(action: Action, before: Playback | None, position_ms: int) -> Callable[[Playback], bool]:
    """How to recognise in the player's state that the command has taken effect."""

    def seen(after: Playback) -> bool:
        if action == "pause":
            return not after.is_playing
        if action == "resume":
            return after.is_playing
        if action == "seek":
            past_the_end = _moved_on(before, after, False) and position_ms >= _length(before)
            return near(after, position_ms) or past_the_end
        return _moved_on(before, after, action == "previous")

    return seen


def near(state: Playback, position_ms: int) -> bool:
    """Whether it may have been at that position a moment ago."""
    return 0 <= (state.progress_ms or 0) - position_ms <= _NEAR_MS


def _length(state: Playback | None) -> int:
    return state.item.duration_ms if state is not None and state.item is not None else 0


def _moved_on(before: Playback | None, after: Playback, may_restart: bool) -> bool:
    if before is None or before.item is None or after.item is None:
        return after.item is not None
    if after.item.uri != before.item.uri:
        return True
    return may_restart and (after.progress_ms or 0) < (before.progress_ms or 0)


def on(state: Playback, device_id: str | None) -> bool:
    """Whether it plays on that device; None stands for any."""
    return device_id is None or (state.device is not None and state.device.id == device_id)


def as_loud(wanted: int, was: int | None, now: int | None) -> bool:
    """Whether a volume is as it was asked for, or as near to it as the device goes, where it moved."""
    if now is None or now == was:
        return now == wanted
    return abs(now - wanted) <= _STEP
