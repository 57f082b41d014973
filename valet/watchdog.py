"""A process whose loop stands still ends, so that whoever starts processes starts it anew.

It answers nobody and, where nothing asks its `/healthz`, nobody notices but those who call: a proxy sends it
its share of the calls on and on, for it takes connections as before. On Kubernetes the liveness probe ends it
after a minute; this does the same elsewhere.
"""

from __future__ import annotations

import asyncio
import faulthandler
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

LONGEST = 60.0
"""Seconds that the loop may stand still. While all is well, each part of it has its turn in milliseconds."""


@asynccontextmanager
async def watched(seconds: float = LONGEST) -> AsyncIterator[None]:
    """For as long as the block lasts: end the process with status 1 where the loop stands still for so long.

    What each thread was at is written to stderr: files, lines and names of functions, and no values. It works
    from a thread of its own that needs no lock of Python's (faulthandler), so also where one is never let go.
    """

    async def turns() -> None:
        while True:
            faulthandler.dump_traceback_later(seconds, exit=True)
            await asyncio.sleep(seconds / 6)

    turning = asyncio.create_task(turns())
    try:
        yield
    finally:
        turning.cancel()
        with suppress(asyncio.CancelledError):
            await turning
        faulthandler.cancel_dump_traceback_later()
