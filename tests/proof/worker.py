"""A worker that refreshes the connections it is told. It is there to be killed.

Over its socket, JSON lines: first where everything is, which it answers when it is warm; then lists of
owners, which it answers with what came of each.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

from providers.base import ProviderError
from providers.transport import Transport
from tests.proof.nursery import Nursery
from tests.proof.people import vault_over
from valet.logging import configure
from vault.errors import VaultError
from vault.store.database import Database
from vault.timing import Timing
from vault.vault import Vault


class Worker:
    """The process, seen from the test. It never outlives us: it ends with its socket.

    With a `caretaker` it also refreshes what nobody told it to.
    """

    def __init__(
        self,
        nursery: Nursery,
        url: str,
        ring: Path,
        origin: str,
        timing: Timing,
        *,
        caretaker: bool = False,
    ) -> None:
        self._nursery = nursery
        self._pid, self._socket = nursery.fork()
        self._lines = self._socket.makefile("r")
        self._tell(
            {"url": url, "ring": str(ring), "origin": origin, "timing": asdict(timing), "care": caretaker}
        )

    def warm(self) -> None:
        """Return when it has opened the database and its keys."""
        assert self._lines.readline(), "the worker ended without a word"

    def give(self, owners: Iterable[UUID]) -> None:
        """Let it refresh these at once, and return."""
        self._tell([str(owner) for owner in owners])

    def hear(self) -> dict[UUID, str]:
        """What came of the last `give`: `ok`, or the error and its reason."""
        line = self._lines.readline()
        assert line, "the worker ended without a word"
        return {UUID(owner): result for owner, result in json.loads(line).items()}

    def stop(self) -> None:
        """Let it stand still until `go`."""
        os.kill(self._pid, signal.SIGSTOP)

    def go(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut does."""
        os.kill(self._pid, signal.SIGKILL)

    def buried(self) -> None:
        """Wait for the end of a killed one, and see that it was the kill that ended it."""
        assert self._close() == -signal.SIGKILL

    def finish(self) -> None:
        """End it in peace; it stores what it holds first."""
        assert self._close() == 0

    def _tell(self, what: Any) -> None:
        self._socket.sendall(json.dumps(what).encode() + b"\n")

    def _close(self) -> int:
        self._lines.close()
        self._socket.close()
        return self._nursery.reap(self._pid)


async def _refresh(vault: Vault, owner: str) -> str:
    try:
        await vault.credential(UUID(owner), "spotify")
    except (VaultError, ProviderError) as error:
        return f"{type(error).__name__} {getattr(error, 'reason', '')}".strip()
    return "ok"


async def _work(fd: int) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=fd))
    async with AsyncExitStack() as stack:
        place = json.loads(await reader.readline())
        database = Database(place["url"])
        await database.open()
        stack.push_async_callback(database.close)
        transport = await stack.enter_async_context(Transport(emulator_origin=place["origin"]))
        vault = await vault_over(database, Path(place["ring"]), transport, Timing(**place["timing"]))
        stack.push_async_callback(vault.drain)
        if place["care"]:
            await stack.enter_async_context(vault.caretaker(["spotify"]).at_work())
        writer.write(b"warm\n")
        while line := await reader.readline():
            owners = json.loads(line)
            results = await asyncio.gather(*(_refresh(vault, owner) for owner in owners))
            writer.write(json.dumps(dict(zip(owners, results, strict=True))).encode() + b"\n")
    writer.close()


def main(fd: int) -> None:
    """Be a worker on that socket until it ends."""
    configure("ERROR", "console")
    asyncio.run(_work(fd))
