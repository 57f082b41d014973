"""Looking at the player after a command: its state lags behind by some hundred milliseconds."""

from __future__ import annotations

from collections.abc import Callable

from mcp_server.ladder import Sleep
from providers.base import ProviderError
from providers.spotify import Playback, Spotify

_GAPS = (0.3, 0.5, 0.6)
"""Seconds before each look. A state read within 200 ms of a command is the old one."""


async def settle(
    spotify: Spotify, done: Callable[[Playback], bool], pause: Sleep
) -> tuple[bool, Playback | None]:
    """Whether the player shows what was commanded, and what it shows at last.

    A look that fails says nothing about the command, which was accepted: it only ends the looking.
    """
    state: Playback | None = None
    for gap in _GAPS:
        await pause(gap)
        try:
            state = await spotify.playback()
        except ProviderError:
            break
        if state is not None and done(state):
            return True, state
    return False, state
