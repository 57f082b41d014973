"""On which device to play. Never a guess: the one named, the active one, or the only one there is."""

from __future__ import annotations

from collections.abc import Sequence

from mcp_server.errors import Refusal
from mcp_server.tools.spotify.views import usable
from mcp_server.tools.text import clip, listed, quoted
from providers.spotify import Device, Playback, Spotify

_NAMED = 10


async def named(spotify: Spotify, wanted: str) -> Device:
    """The usable device with that id or name; part of a name will do where only one has it.

    Raises Refusal naming those there are.
    """
    devices = await spotify.devices()
    key = _shown(wanted)
    matches = (
        [each for each in devices if each.id == wanted.strip()]
        or [each for each in devices if _shown(each.name) == key]
        or [each for each in devices if key and key in _shown(each.name)]
    )
    if len(matches) == 1 and usable(matches[0]):
        return matches[0]
    if len(matches) == 1:
        raise Refusal(
            "no_active_device",
            f"{quoted(matches[0].name)} does not take commands from other programs. {_choices(devices)}",
        )
    if matches:
        ids = listed(
            f"{quoted(each.name)} ({clip(each.id, 100) if each.id else 'not controllable'})"
            for each in matches[:_NAMED]
        )
        raise Refusal("no_active_device", f"Several devices fit that name: {ids}. Give the id as `device`.")
    raise Refusal("no_active_device", f"No device of that name is online. {_choices(devices)}")


def _shown(name: str) -> str:
    """A name as it is compared: as a model was shown it, in any case."""
    return clip(name, 100).casefold()


async def only(spotify: Spotify) -> Device:
    """The one usable device, where nothing is active. Raises Refusal where there are several or none."""
    devices = await spotify.devices()
    ready = [each for each in devices if usable(each)]
    if len(ready) == 1:
        return ready[0]
    raise Refusal("no_active_device", f"No device is active. {_choices(devices)}")


async def target(spotify: Spotify, device: str | None, state: Playback | None) -> Device | None:
    """The device named, else the active one, if there is one.

    Raises Refusal where that is not to be had, or takes no commands from here.
    """
    if device:
        return await named(spotify, device)
    active = state.device if state is not None else None
    if active is not None and not usable(active):
        raise Refusal(
            "conflict",
            f"{quoted(active.name)} is the active device, and it does not take commands from other programs. "
            f"{_choices(await spotify.devices())}",
        )
    return active


async def meant(spotify: Spotify, device: str | None, state: Playback | None) -> str | None:
    """The id of the device named; None for the active one. Raises Refusal as `target`."""
    found = await target(spotify, device, state)
    return found.id if device and found is not None else None


def _choices(devices: Sequence[Device]) -> str:
    ready = [quoted(each.name) for each in devices if usable(each)]
    if ready:
        return (
            f"Ready to play: {listed(ready[:_NAMED])}. Ask the person which, and give its name as `device`."
        )
    return "The person must open Spotify on a phone, computer or speaker; it shows up here within seconds."
