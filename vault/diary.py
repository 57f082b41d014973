"""The diary: notes of what was done, written behind the back of what they are about.

A call is neither slower nor fails for its note. Notes wait in memory, at most a few thousand, and one task
writes all that wait in one statement: those of calls a moment later, so that a statement is there for many of
them, and those of a person's own doings at once, for the next page may show them. A database that is away is
waited for; what can't be kept is logged and counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from itertools import islice
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter

from vault.errors import Busy
from vault.store.activity import Activity, Note

_log = structlog.get_logger(__name__)
_MOST = 5000
_BATCH = 200
_GATHER = 0.25

Sleep = Callable[[float], Awaitable[None]]


class Diary:
    """Takes notes. `metrics` counts the lost ones; `most` may wait; `sleep` waits between two tries; `gather`
    is how long notes of calls wait for others, in seconds. `also` hears of each at once: the audit.
    """

    def __init__(
        self,
        activity: Activity,
        *,
        metrics: CollectorRegistry | None = None,
        most: int = _MOST,
        sleep: Sleep = asyncio.sleep,
        gather: float = _GATHER,
        also: Callable[[Note], None] | None = None,
    ) -> None:
        self._activity = activity
        self._most = most
        self._sleep = sleep
        self._gather = gather
        self._also = also
        self._hurry = asyncio.Event()
        self._waiting: deque[Note] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._lost = Counter(
            "valet_activity_lost",
            "Notes of what was done that could not be kept.",
            registry=metrics or CollectorRegistry(),
        )

    def note(
        self,
        *,
        user_id: UUID,
        action: str,
        outcome: str = "ok",
        grant_id: UUID | None = None,
        client_id: str | None = None,
        client_name: str | None = None,
        provider: str | None = None,
        account: str | None = None,
        connection: UUID | None = None,
        milliseconds: int | None = None,
    ) -> None:
        """Note what was done, for its person alone: names and outcome, never content. Returns at once and
        never raises.

        `action` is a tool's name, or a word of `connect/words.py`. `connection` may stand for `account`. A
        call has `milliseconds`.
        """
        note = Note(
            user_id=user_id,
            action=action,
            outcome=outcome,
            grant_id=grant_id,
            client_id=client_id,
            client_name=client_name,
            provider=provider,
            account=account,
            connection=connection,
            milliseconds=milliseconds,
        )
        if self._also is not None:
            self._also(note)
        if len(self._waiting) >= self._most:
            self._lose(1, "full")
            return
        self._waiting.append(note)
        if milliseconds is None or len(self._waiting) >= _BATCH:
            self._hurry.set()
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), context=Context())

    async def flush(self) -> None:
        """Return once everything noted so far is written, or lost."""
        while self._writer is not None and not self._writer.done():
            self._hurry.set()
            await asyncio.wait({self._writer})

    async def close(self, within: float = 5.0) -> None:
        """Write what waits, for at most `within` seconds; call it before the database is closed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.flush()
        if self._writer is not None and not self._writer.done():
            self._writer.cancel()
            await asyncio.wait({self._writer})
        if self._waiting:
            self._lose(len(self._waiting), "stopped")
            self._waiting.clear()

    async def _write(self) -> None:
        while self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather):
                    await self._hurry.wait()
            batch = list(islice(self._waiting, _BATCH))
            try:
                await self._activity.write(batch)
            except Busy as busy:
                await self._sleep(busy.retry_after)
                continue
            except Exception as error:  # noqa: BLE001 - a note must not be the end of the notes
                self._lose(len(batch), type(error).__name__)
            for _ in batch:
                self._waiting.popleft()
            if not self._waiting:
                self._hurry.clear()

    def _lose(self, count: int, why: str) -> None:
        self._lost.inc(count)
        _log.error("activity_lost", count=count, why=why)
