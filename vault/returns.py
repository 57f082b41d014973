"""Leases that could not be given back: given back as soon as the database takes it.

A lease that nobody gives back keeps every other process from a connection while it lasts, and after a restart
of the database for `Timing.restart` seconds in any case. So it is tried until it works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable

import structlog

from vault.errors import Busy

_log = structlog.get_logger(__name__)

Give = Callable[[], Awaitable[object]]
"""Try to give one back. Raises Busy until it worked or became pointless."""


class Returns:
    """What has yet to be given back, one of each key, by one task: an outage does not multiply the tries."""

    def __init__(self, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._due: dict[Hashable, Give] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, key: Hashable, give: Give) -> None:
        """Do `give` in the background until it does not raise Busy; the latest of a key counts."""
        self._due[key] = give
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    def due(self, key: Hashable) -> bool:
        """Whether that one has yet to be given back."""
        return key in self._due

    async def _work(self) -> None:
        pause = 0.1
        while self._due:
            key = next(iter(self._due))
            give = self._due.pop(key)
            try:
                await give()
            except Busy:
                self._due.setdefault(key, give)
                await self._sleep(pause)
                pause = min(pause * 2, 1)
            except Exception as error:  # noqa: BLE001 - one that can't be given back must not keep the others
                _log.warning("lease_not_given_back", error=type(error).__name__)
            else:
                pause = 0.1

    async def drain(self, seconds: float) -> None:
        """Give that long to what is due; a lease that stays is over by itself."""
        if self._task is None or self._task.done():
            return
        await asyncio.wait({self._task}, timeout=seconds)
        self._task.cancel()
