"""The pool goes on trying while somebody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from vault.store.database import Database


class Pool:
    """What is seen of a pool that has just given up."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.asked = asyncio.Event()

    def get_stats(self) -> dict[str, int]:
        return {"requests_waiting": self.waiting} if self.waiting else {}

    @asynccontextmanager
    async def connection(self, timeout: float) -> AsyncIterator[None]:
        self.asked.set()
        yield


@pytest.mark.parametrize("waiting", [0, 3])
async def test_a_pool_that_gave_up_is_asked_anew_while_somebody_waits(waiting: int) -> None:
    database = Database("postgresql:///nowhere")
    pool: Any = Pool(waiting)
    await database._go_on(pool)
    await asyncio.gather(*database._askers)
    assert pool.asked.is_set() == bool(waiting)
    assert database._pool._reconnect_failed == database._go_on  # type: ignore[attr-defined]
