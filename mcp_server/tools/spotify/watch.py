"""Looking at the player after a command: its state lags behind by some hundred milliseconds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from mcp_server.errors import Refusal
from mcp_server.ladder import Sleep
from mcp_server.tools.ends import BREAKS
from providers.base import Unavailable
from providers.spotify import Playback, Spotify

_GAPS = (0.3, 0.5, 0.6)
"""Seconds before each look. A state read within 200 ms of a command is the old one."""

Seen = TypeVar("Seen")


class Lost(Refusal):
    """A command got no answer, and its effect does not show."""

    def __init__(self, look: str = "spotify_get_playback") -> None:
        super().__init__(
            "provider_error",
            "Spotify did not answer the command, and the player does not show it. It may still come. Look "
            f"with {look} before you repeat it.",
        )


async def settle(
    spotify: Spotify, done: Callable[[Playback], bool], pause: Sleep
) -> tuple[bool, Playback | None]:
    """Whether the player shows what was commanded, and what it shows at last.

    A look that fails says nothing about the command, which was accepted: it only ends the looking.
    """
    return await until(spotify.playback, lambda state: state is not None and done(state), pause)


async def until(
    look: Callable[[], Awaitable[Seen]], done: Callable[[Seen], bool], pause: Sleep
) -> tuple[bool, Seen | None]:
    """As `settle`, by any other way of looking."""
    state: Seen | None = None
    for gap in _GAPS:
        await pause(gap)
        try:
            state = await look()
        except BREAKS:
            break
        if done(state):
            return True, state
    return False, state


async def carried_out(
    command: Callable[[], Awaitable[object]], watch: Callable[[], Awaitable[tuple[bool, Seen]]]
) -> tuple[bool, Seen]:
    """Send `command`, then `watch` for its effect.

    Where its answer was lost, Spotify may have acted: only if the effect does not show either, it failed.
    Raises what `command` raises, and Lost in that case.
    """
    try:
        await command()
    except Unavailable as error:
        if not error.ambiguous:
            raise
        confirmed, state = await watch()
        if not confirmed:
            raise Lost() from error
        return confirmed, state
    return await watch()
