"""A worker that refreshes the connections it is told. It is there to be killed.

Over stdin, JSON lines: first where everything is, then lists of owners. It answers with what came of each.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

from providers.base import ProviderError
from providers.transport import Transport
from tests.proof.people import vault_over
from valet.logging import configure
from vault.errors import VaultError
from vault.refresh import Timing
from vault.store.database import Database
from vault.vault import Vault

ROOT = Path(__file__).resolve().parents[2]
TIMING = Timing(lease=2)
"""A short lease, so that the next worker takes over soon: who is killed never answers late."""


class Worker:
    """The process, seen from the test. It never outlives us: its stdin is our end of a pipe."""

    def __init__(self, url: str, ring: Path, origin: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.proof.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._tell({"url": url, "ring": str(ring), "origin": origin})

    def give(self, owners: Iterable[UUID]) -> None:
        """Let it refresh these at once, and return."""
        self._tell([str(owner) for owner in owners])

    def hear(self) -> dict[UUID, str]:
        """What came of the last `give`: `ok`, or the error and its reason."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the worker ended without a word"
        return {UUID(owner): result for owner, result in json.loads(line).items()}

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        self._close()

    def finish(self) -> None:
        self._close()

    def _tell(self, what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def _close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)


async def _refresh(vault: Vault, owner: str) -> str:
    try:
        await vault.credential(UUID(owner), "spotify")
    except (VaultError, ProviderError) as error:
        return f"{type(error).__name__} {getattr(error, 'reason', '')}".strip()
    return "ok"


async def _main() -> None:
    place = json.loads(sys.stdin.readline())
    async with AsyncExitStack() as stack:
        database = Database(place["url"])
        await database.open()
        stack.push_async_callback(database.close)
        transport = await stack.enter_async_context(Transport(emulator_origin=place["origin"]))
        vault = await vault_over(database, Path(place["ring"]), transport, TIMING)
        stack.push_async_callback(vault.drain)
        while line := await asyncio.to_thread(sys.stdin.readline):
            owners = json.loads(line)
            results = await asyncio.gather(*(_refresh(vault, owner) for owner in owners))
            print(json.dumps(dict(zip(owners, results, strict=True))), flush=True)


if __name__ == "__main__":
    configure("ERROR", "console")
    asyncio.run(_main())
