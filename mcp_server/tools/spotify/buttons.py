"""The buttons of the player card: what each sends, when it can't, and how its effect looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mcp_server.errors import Refusal
from mcp_server.ladder import Sleep
from mcp_server.tools.spotify.commands import Action, as_loud, effect, is_so, require_possible, send
from mcp_server.tools.spotify.views import usable
from mcp_server.tools.spotify.watch import carried_out, settle
from providers.base import NotFound, Rejected
from providers.spotify import Playback, Spotify
from providers.spotify.player import RepeatState

Button = Literal["play", "pause", "next", "previous", "seek", "volume", "shuffle", "repeat"]

_MOVES: dict[Button, Action] = {
    "play": "resume", "pause": "pause", "next": "next", "previous": "previous", "seek": "seek",
}  # fmt: skip
_NEEDS: dict[Button, str] = {
    "seek": "position_ms", "volume": "volume_percent", "shuffle": "shuffle", "repeat": "repeat",
}  # fmt: skip
_FORBIDDEN: dict[Button, frozenset[str]] = {
    "shuffle": frozenset({"toggling_shuffle"}),
    "repeat": frozenset({"toggling_repeat_context", "toggling_repeat_track"}),
}
"""Spotify's names in `actions.disallows`; repeat is impossible only where both its kinds are."""


@dataclass(frozen=True, slots=True)
class Press:
    """One press of a button, with what it needs."""

    button: Button
    position_ms: int | None = None
    volume_percent: int | None = None
    shuffle: bool | None = None
    repeat: RepeatState | None = None

    def complete(self) -> Press:
        """Itself. Raises Refusal where it lacks what the button needs."""
        needed = _NEEDS.get(self.button)
        if needed is not None and getattr(self, needed) is None:
            raise Refusal("invalid_argument", f"`{needed}` is required for {self.button}.")
        return self

    def check(self, before: Playback | None) -> None:
        """Raise Refusal where Spotify's own refusal would say less."""
        if before is not None and before.device is not None and not usable(before.device):
            raise Refusal("conflict", "The active device does not take commands from other programs.")
        if self.button in _MOVES:
            require_possible(_MOVES[self.button], before, None)
        else:
            self._check_option(before)

    def _check_option(self, before: Playback | None) -> None:
        if before is None:
            raise Refusal("no_active_device", "Nothing is playing on any device. Start something first.")
        forbidden = _FORBIDDEN.get(self.button, frozenset())
        if forbidden and forbidden <= before.disallows:
            raise Refusal("conflict", f"Spotify does not allow {self.button} for what is playing right now.")
        if self.button == "volume" and before.device is not None and before.device.supports_volume is False:
            raise Refusal("conflict", "The volume of this device can't be set from here.")

    def needless(self, state: Playback | None) -> bool:
        """Whether the player already is as wanted."""
        if self.button in _MOVES:
            return is_so(_MOVES[self.button], state, None)
        return state is not None and self._set(state)

    def done(self, before: Playback | None) -> Callable[[Playback], bool]:
        """How to recognise that it has taken effect."""
        if self.button in _MOVES:
            return effect(_MOVES[self.button], before, self.position_ms or 0)
        if self.button == "volume":
            return lambda after: as_loud(self.volume_percent or 0, _volume(before), _volume(after))
        return self._set

    def _set(self, state: Playback) -> bool:
        if self.button == "volume":
            return _volume(state) == self.volume_percent
        if self.button == "shuffle":
            return state.shuffle_state == self.shuffle
        return state.repeat_state == self.repeat

    async def send(self, spotify: Spotify) -> None:
        """Send it to the active device. Raises ProviderError."""
        if self.button in _MOVES:
            await send(spotify, _MOVES[self.button], self.position_ms or 0, None)
        elif self.button == "volume":
            await spotify.volume(self.volume_percent or 0)
        elif self.button == "shuffle":
            await spotify.shuffle(bool(self.shuffle))
        else:
            await spotify.repeat(self.repeat or "off")


async def press(
    spotify: Spotify, wanted: Press, before: Playback | None, pause: Sleep
) -> tuple[bool, Playback | None]:
    """Send it where it is needed; whether the player shows it then, and what it shows at last.

    Raises Refusal, ProviderError.
    """
    if wanted.needless(before):
        return True, before
    wanted.check(before)
    try:
        confirmed, after = await carried_out(
            lambda: wanted.send(spotify), lambda: settle(spotify, wanted.done(before), pause)
        )
    except NotFound as error:
        raise error if error.reason else _gone() from error
    except Rejected:
        # Pausing what is paused answers 403 with no better reason; the state before may have been old.
        after = await spotify.playback()
        if not wanted.needless(after):
            raise
        return True, after
    return confirmed, after or before


def _gone() -> Refusal:
    """For a 404 that gives no reason: the player was there a moment ago."""
    return Refusal("no_active_device", "The device is not online any more. Start something on another one.")


def _volume(state: Playback | None) -> int | None:
    return state.device.volume_percent if state is not None and state.device is not None else None
