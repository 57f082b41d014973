"""Which looks of a page (MCP Apps) are noted: the first in ten minutes of one kind.

A page that is visible looks again every few seconds. Each look noted would drown what a person reads of a
chat in their activity; none noted would hide that somebody looks at all. In memory like the buckets, and may
be forgotten: then one look more is noted.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

EVERY = 600.0
"""Seconds between two notes of the same look."""

MOST = 10_000
"""Kinds of looks that are remembered: grant, tool, account, outcome. The oldest is forgotten first."""


class Polls:
    """Remembers what was noted. `clock` is monotonic, in seconds."""

    def __init__(
        self, every: float = EVERY, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every = every
        self._most = most
        self._clock = clock
        self._noted: OrderedDict[Hashable, float] = OrderedDict()

    def first(self, *kind: Hashable) -> bool:
        """Whether to note a look of that kind; True once in `every` seconds."""
        now = self._clock()
        last = self._noted.get(kind)
        if last is not None and now - last < self._every:
            return False
        self._noted.pop(kind, None)
        self._noted[kind] = now
        if len(self._noted) > self._most:
            self._noted.popitem(last=False)
        return True
