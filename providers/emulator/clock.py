"""The one clock of the emulator: tests move it instead of waiting."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Wall time and a monotonic count, both shifted by the same movable offset. Seconds throughout."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self.offset = 0.0

    def now(self) -> float:
        """Seconds since the epoch, for what outlives a restart: tokens, grants, playback positions."""
        return self._wall() + self.offset

    def ticks(self) -> float:
        """A monotonic count of seconds, for what does not: how far reads lag behind commands."""
        return self._monotonic() + self.offset
