"""Whether requests should be sent to this process: asked by a probe, answered in a bounded time.

What a probe costs does not grow with how many ask: one look at the database serves all who ask meanwhile and
for a second after, and a look that hangs is waited for no longer and not begun again beside itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal, get_args

import structlog
from prometheus_client import CollectorRegistry, Gauge

from vault.errors import Busy, KeysAway

_log = structlog.get_logger(__name__)

Reason = Literal["database", "key_ring", "schema", "draining"]

WITHIN = 2.0
"""Seconds that an answer takes at most."""
_KEPT = 1.0
"""Seconds for which a finding is good."""


class Readiness:
    """Looks at what every request needs.

    `schema` gives the database's schema and `needed` is what this program needs at least; `opens` says
    whether the key ring opens what the database holds; both raise Busy. `answered` is when the database last
    answered anybody in this process, on `clock`: where all its connections are in use, a look may find none,
    and the database is well. An answer takes `within` seconds at most.
    """

    def __init__(
        self,
        schema: Callable[[], Awaitable[int]],
        needed: int,
        opens: Callable[[], Awaitable[bool]],
        answered: Callable[[], float],
        *,
        metrics: CollectorRegistry | None = None,
        clock: Callable[[], float] = time.monotonic,
        within: float = WITHIN,
    ) -> None:
        self._schema = schema
        self._needed = needed
        self._opens = opens
        self._answered = answered
        self._clock = clock
        self._within = within
        self._draining = False
        self._found: tuple[Reason, ...] = ()
        self._good_until = 0.0
        self._look: asyncio.Task[None] | None = None
        self._gauge = Gauge(
            "valet_not_ready",
            "1 for each reason why this process is not ready; looked at anew for each scrape.",
            ("reason",),
            registry=metrics or CollectorRegistry(),
        )

    def drain(self) -> None:
        """From now on it is not ready: it is about to end. For a signal handler: it waits for nothing."""
        self._draining = True

    async def reasons(self) -> tuple[Reason, ...]:
        """Why it is not ready; nothing where it is. Raises nothing."""
        found = await self._reasons()
        for reason in get_args(Reason):
            self._gauge.labels(reason).set(reason in found)
        return found

    async def _reasons(self) -> tuple[Reason, ...]:
        if self._draining:
            return ("draining",)
        if self._clock() >= self._good_until:
            if self._look is None or self._look.done():
                self._look = asyncio.create_task(self._see())
            began = self._clock()
            await asyncio.wait({self._look}, timeout=self._within)
            if not self._look.done() and self._answered() < began:
                return ("database",)
        # It may have been told to end while it waited.
        return ("draining",) if self._draining else self._found

    async def close(self) -> None:
        """End a look that hangs."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait({self._look})

    async def _see(self) -> None:
        began = self._clock()
        try:
            found: tuple[Reason, ...] = () if await self._schema() >= self._needed else ("schema",)
            if not await self._opens():
                found += ("key_ring",)
        except KeysAway:
            found = ("key_ring",)
        except Busy:
            found = ("database",) if self._answered() < began else self._found
        except Exception as error:  # noqa: BLE001 - a look that fails is a finding, and must not be the last
            _log.error("readiness_failed", error=type(error).__name__)
            found = ("database",)
        if found != self._found:
            _log.warning("readiness_changed", reasons=list(found))
        self._found, self._good_until = found, self._clock() + _KEPT
