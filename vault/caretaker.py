"""The caretaker: refreshes connections before anybody needs it, so nobody waits and no grant dies of disuse.

One loop for each provider and process. It looks through a few connections at a time (`vault/store/due.py`),
and what is due goes through the refresh protocol like any caller's: who comes meanwhile joins. A provider
that asked to be left alone is, and what fails is tried again more patiently than a caller would.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

from providers.base import ProviderError
from vault.errors import Busy, ConnectionExpired, NotConnected, Sealed
from vault.gauges import RoundGauges
from vault.refresh import Refresher
from vault.store.due import Claim, Due
from vault.store.standings import Standings
from vault.timing import Timing

_log = structlog.get_logger(__name__)

_DAY = 86400.0


class Caretaker:
    """Looks after the connections of these providers for as long as `at_work` lasts."""

    def __init__(
        self,
        due: Due,
        standings: Standings,
        refresher: Refresher,
        providers: Sequence[str],
        timing: Timing,
        rounds: RoundGauges | None = None,
    ) -> None:
        self._due = due
        self._standings = standings
        self._refresher = refresher
        self._timing = timing
        self._rounds = rounds or RoundGauges()
        self._running: dict[str, set[asyncio.Task[None]]] = {provider: set() for provider in providers}
        self._weary: set[str] = set()
        self._resting = asyncio.Event()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Look after them during the block; what was begun in it is ended, for a bounded time."""
        loops = [asyncio.create_task(self._keep(provider)) for provider in self._running]
        try:
            yield
        finally:
            self.rest()
            await asyncio.gather(*loops, return_exceptions=True)
            running = set().union(*self._running.values())
            if running:
                _, late = await asyncio.wait(running, timeout=self._timing.call)
                for task in late:
                    task.cancel()  # its refresh goes on: the refresher's own drain waits for that
                await asyncio.gather(*late, return_exceptions=True)

    def rest(self) -> None:
        """Begin nothing more, from now on. For a signal handler: it waits for nothing."""
        self._resting.set()

    async def _keep(self, provider: str) -> None:
        # Workers that are started together do not look together.
        await self._pause(random.uniform(0, 1) * self._timing.poll)  # noqa: S311
        while not self._resting.is_set():
            try:
                more = await self._round(provider)
            except Busy:
                more = False
            except Exception as error:  # noqa: BLE001 - one bad round must not be the last
                _log.error("tending_failed", provider=provider, error=type(error).__name__)
                more = False
            if not more:
                await self._pause(random.uniform(0.5, 1.5) * self._timing.poll)  # noqa: S311

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._resting.wait()

    async def _round(self, provider: str) -> bool:
        """Begin what is due, as far as there is room. Whether to come back at once."""
        running = self._running[provider]
        if len(running) >= self._timing.at_once:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            return True
        room = self._refresher.room(provider, self._timing.at_once, len(running))
        if room == 0 or provider in self._weary:
            self._weary.discard(provider)
            return False
        # A worker that dies now keeps the others from these no longer than from what it has leased.
        looked, claims = await self._due.claim(
            provider, room, ahead=self._timing.ahead, seconds=self._timing.lease
        )
        self._rounds.looked(provider, len(claims))
        if self._resting.is_set():
            await self._due.give_back(claims)
            return False
        for claim in claims:
            task = asyncio.create_task(self._tend(provider, claim))
            running.add(task)
            task.add_done_callback(running.discard)
        return looked == room

    async def _tend(self, provider: str, claim: Claim) -> None:
        try:
            seconds = await self._attempt(provider, claim)
            if seconds is not None:
                await self._due.postpone(claim, seconds, random.uniform(1, 1.5))  # noqa: S311
        except Busy:
            # The database or the keys are away: it is looked at again when the claim is over.
            self._weary.add(provider)
        except Exception as error:  # noqa: BLE001 - nobody waits for the task: it must be seen
            _log.error("tending_failed", provider=provider, error=type(error).__name__)

    async def _attempt(self, provider: str, claim: Claim) -> float | None:
        """Refresh it. None where nothing is left to do, else the least seconds until the next attempt."""
        resting = self._refresher.resting(provider, claim.app)
        if resting > 0:
            return resting
        try:
            got = await self._refresher.ahead(claim.owner, claim.id, claim.version)
        except (NotConnected, ConnectionExpired):
            return None
        except Sealed:
            # The alarm is logged; once a day is enough of it. Its person need not wait for a call to fail.
            await self._standings.mark(claim.owner, claim.id, claim.version, readable=False)
            return _DAY
        except ProviderError:
            return self._refresher.resting(provider, claim.app)
        if got is None or got.version != claim.version:
            return None
        return self._refresher.resting(provider, claim.app)
