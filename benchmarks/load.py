"""A load generator that is not the bottleneck: prepared bytes over kept lines, one request at a time on each.

    .venv/bin/python benchmarks/load.py < plan.json        prints {"seconds": …, "micros": […], "cpu": …}

A plan names `ports` (lines are dealt out to them), `lines`, `calls` and `requests` (prepared bytes as text,
used in turns), and `must`, what stands in each good answer. The first answer that is not good ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any

HEAD = b"\r\n\r\n"


class Line(asyncio.Protocol):
    """One connection of the load: it sends the next request when the answer to the last one is whole."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._held = b""
        self._needs = 0
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        held = self._held = self._held + data
        if not self._needs:
            end = held.find(HEAD)
            if end < 0:
                return
            head = held[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._needs = end + 4 + size
        if len(held) < self._needs:
            return
        self._plan.took(time.perf_counter() - self._began, held)
        self._held, self._needs = b"", 0
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._plan.lost()

    def _next(self) -> None:
        request = self._plan.request()
        if request is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)


class Plan:
    """What is to be sent, and what came of it."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.ports: list[int] = given["ports"]
        self.lines: int = given["lines"]
        self._left: int = given["calls"]
        self._due: int = given["calls"]
        self._must: bytes = given["must"].encode()
        self._requests: Iterator[bytes] = cycle([each.encode() for each in given["requests"]])
        self.seconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def request(self) -> bytes | None:
        if self._left <= 0:
            return None
        self._left -= 1
        return next(self._requests)

    def took(self, seconds: float, answer: bytes) -> None:
        if not answer.startswith(b"HTTP/1.1 200") or self._must not in answer:
            self._end(f"not a good answer: {answer[:2000]!r}")
        self.seconds.append(seconds)
        if len(self.seconds) == self._due:
            self._end()

    def lost(self) -> None:
        if self._left > 0:
            self._end("a line broke")

    def _end(self, fault: str = "") -> None:
        if self.done.done():
            return
        if fault:
            self.done.set_exception(RuntimeError(fault))
        else:
            self.done.set_result(None)


async def run(given: dict[str, Any]) -> dict[str, Any]:
    plan = Plan(given)
    loop = asyncio.get_running_loop()
    used, began = time.process_time(), time.perf_counter()
    for number in range(plan.lines):
        port = plan.ports[number % len(plan.ports)]
        await loop.create_connection(lambda: Line(plan), "127.0.0.1", port)
    await plan.done
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    return {"seconds": seconds, "cpu": cpu, "micros": [round(each * 1e6) for each in plan.seconds]}


if __name__ == "__main__":
    json.dump(asyncio.run(run(json.load(sys.stdin))), sys.stdout)
