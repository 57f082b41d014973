"""A watch over the embedded PostgreSQL: if it dies while we serve, it is started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from valet.embedded import EmbeddedError, Supervisor

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """The database that the doors use, and its supervisor where it is the embedded one."""

    url: SecretStr
    supervisor: Supervisor | None


@asynccontextmanager
async def guarded(database: Served, *, every: float = 0.5) -> AsyncIterator[None]:
    """Look every so many seconds whether the embedded server still lives, for as long as the block lasts.

    Its socket and passwords stay the same over a restart, so the pool finds it again by itself.
    """
    if database.supervisor is None:
        yield
        return
    task = asyncio.create_task(_watch(database.supervisor, every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(supervisor: Supervisor, every: float) -> None:
    pause = every
    while True:
        await asyncio.sleep(pause)
        if supervisor.pid is not None:
            pause = every
            continue
        _log.error("database_died")
        try:
            # A thread can't be cancelled: the end of the event loop waits for it, then the server is stopped.
            await asyncio.to_thread(supervisor.start)
        except Exception as error:  # noqa: BLE001 - whatever it is, giving up would leave us without a database
            reason = str(error) if isinstance(error, EmbeddedError) else type(error).__name__
            _log.error("database_not_restarted", reason=reason)
            pause = min(pause * 2, 30)
        else:
            _log.warning("database_restarted")
