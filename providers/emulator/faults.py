"""The faults that wait for a request: what goes wrong, where, and how often."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

Kind = Literal["status", "garbage", "truncated", "cut", "hang", "late", "close", "lost", "reset"]


@dataclass
class Fault:
    """One fault.

    `match` is a glob over `METHOD host/path` (fnmatch: `*` crosses slashes). It skips the first
    `skip` matching requests, then strikes `times` (None: for ever).

    | kind      | what happens                                                              |
    |-----------|---------------------------------------------------------------------------|
    | status    | answers `status` (with `retry_after`, `reason`, or a whole `body`), does nothing |
    | garbage   | answers a page of HTML with `status` (200), does nothing                    |
    | truncated | does it, answers half of the JSON as if that were all                       |
    | cut       | does it, announces the whole answer, sends half, closes                     |
    | hang      | waits until released, then does it, or answers `status` where one is given  |
    | late      | does it, holds the answer until released                                    |
    | close     | closes the connection, does nothing                                         |
    | lost      | does it, closes the connection without an answer                            |
    | reset     | resets the connection (TCP RST), does nothing                               |
    """

    id: int
    match: str
    kind: Kind
    times: int | None = 1
    skip: int = 0
    status: int | None = None
    retry_after: float | None = None
    reason: str | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    struck: int = 0


class Faults:
    """The faults in order of arrival; the first that matches strikes."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._last = 0
        self._release = asyncio.Event()
        self._changed = asyncio.Condition()
        self.waiting = 0

    def add(self, values: dict[str, Any]) -> Fault:
        """Set one up. Raises ValueError or TypeError with a sentence for what cannot be."""
        if values.get("kind") not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}.")
        if not isinstance(values.get("match"), str):
            raise TypeError("match must be a pattern such as 'GET host/path*'.")
        self._last += 1
        try:
            fault = Fault(self._last, **{k: v for k, v in values.items() if k not in {"id", "struck"}})
        except TypeError as error:
            raise ValueError(f"That is no fault: {error}") from None
        if fault.kind == "status" and fault.status is None:
            raise ValueError("A status fault needs a status.")
        self._faults.append(fault)
        return fault

    def take(self, route: str) -> Fault | None:
        """The fault that strikes this request, if any."""
        for fault in self._faults:
            if fault.times == 0 or not fnmatchcase(route, fault.match):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
            fault.struck += 1
            return fault
        return None

    def list(self) -> list[dict[str, Any]]:
        """All of them, spent ones too."""
        return [asdict(fault) for fault in self._faults]

    def clear(self) -> None:
        """Forget all of them and release what hangs."""
        self._faults.clear()
        self.release()

    def release(self) -> None:
        """Let everything go on that hangs now; what comes later hangs anew."""
        self._release.set()
        self._release = asyncio.Event()

    async def hold(self, gone: asyncio.Event) -> None:
        """Wait for the release, or until the caller is gone."""
        await self._count(1)
        tasks = [asyncio.create_task(event.wait()) for event in (self._release, gone)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await self._count(-1)

    async def until_waiting(self, count: int) -> int:
        """Return when at least `count` requests hang."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.waiting >= count)
        return self.waiting

    async def _count(self, step: int) -> None:
        async with self._changed:
            self.waiting += step
            self._changed.notify_all()
