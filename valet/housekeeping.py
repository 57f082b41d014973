"""Sweeping: what has expired is deleted, a little at a time, by whichever worker comes by."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

from vault.errors import Busy

_log = structlog.get_logger(__name__)

Sweep = Callable[[], Awaitable[int]]


@asynccontextmanager
async def housekeeping(sweeps: Sequence[Sweep], *, every: float = 120) -> AsyncIterator[None]:
    """Run each sweep about every `every` seconds for as long as the block lasts."""
    task = asyncio.create_task(_keep(sweeps, every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep(sweeps: Sequence[Sweep], every: float) -> None:
    while True:
        # Jitter, so that workers started together do not sweep together.
        await asyncio.sleep(every * random.uniform(0.5, 1.5))  # noqa: S311
        for sweep in sweeps:
            try:
                gone = await sweep()
            except Busy:
                continue
            except Exception as error:  # noqa: BLE001 - one bad sweep must not end the others for good
                _log.error("sweep_failed", error=type(error).__name__)
                continue
            if gone:
                _log.debug("swept", rows=gone)
