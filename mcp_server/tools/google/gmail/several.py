"""Several calls to Google at once: five, for its limits are each person's; and the rows that come of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from mcp_server.tools.room import fitting

AT_ONCE = 5

Item = TypeVar("Item")
Result = TypeVar("Result")


async def several(function: Callable[[Item], Awaitable[Result]], items: Iterable[Item]) -> list[Result]:
    """What `function` gives for each, in order. The first error ends them all, and is raised."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: Item) -> Result:
        async with gate:
            return await function(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def fitting_with_gaps(rows: Sequence[tuple[BaseModel, str] | None]) -> int:
    """How many of a page's rows fit an answer, those counted that are gone (None)."""
    there = [(at, row) for at, row in enumerate(rows) if row is not None]
    fit = fitting([row for _, row in there])
    return there[fit][0] if fit < len(there) else len(rows)
