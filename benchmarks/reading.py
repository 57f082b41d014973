"""What one credential costs: by the vault's own face on a real PostgreSQL, beside FastMCP's stores."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from benchmarks.crowd import Crowd
from benchmarks.peers import Kept, on_files, on_postgresql
from benchmarks.shapes import CALLERS, CREDENTIAL
from benchmarks.table import Cell, Table, summed
from benchmarks.usage import Usage
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.upstream import Upstream
from vault.vault import Vault, open_vault

MOST = 1000
"""As many data keys the vault keeps: more people than that in a round would put each other's out."""


class NoUpstream(Upstream):
    """Nothing is refreshed here."""


@dataclass
class Figures:
    """Milliseconds by row of CREDENTIAL, and calls a second of several callers in each round."""

    took: dict[str, list[float]]
    rates: list[float] = field(default_factory=list)

    def table(self) -> Table:
        return Table(CREDENTIAL, {name: summed(took) for name, took in self.took.items()})

    def line(self) -> list[Cell]:
        """The first columns of a row of SCALE."""
        first, _, _, cached, *_ = self.took.values()
        return [*summed(first), *summed(cached), statistics.median(self.rates)]


@dataclass
class Bench:
    """Reads credentials of some of the crowd: `samples` people in each round, others in the next."""

    url: str
    ring: Path
    samples: int
    rounds: int
    chance: random.Random = field(default_factory=lambda: random.Random(2026))

    async def vault(self, database: Database) -> Vault:
        """One that has no data key in its cache."""
        return await open_vault(database, FileKeyRing(self.ring), NoUpstream())  # type: ignore[abstract]

    async def credentials(self, crowd: Crowd, peers: list[Kept]) -> Figures:
        """Everybody takes turns within a round, and the first round warms up."""
        names = CREDENTIAL.rows[: len(CREDENTIAL.rows) - 2 + len(peers)]
        figures = Figures({name: [] for name in names})
        async with AsyncExitStack() as stack:
            database = Database(self.url)
            await database.open()
            stack.push_async_callback(database.close)
            for round_ in range(self.rounds + 1):
                owners = crowd.some(min(self.samples, MOST, len(crowd)), self.chance)
                took = await self._round(database, crowd, owners, peers)
                vault = await self.vault(database)
                await timed(vault, owners)
                rate = await at_once(vault, owners)
                if round_:
                    figures.rates.append(rate)
                    for name, times in zip(names, took, strict=True):
                        figures.took[name] += times
        return figures

    async def _round(
        self, database: Database, crowd: Crowd, owners: list[UUID], peers: list[Kept]
    ) -> list[list[float]]:
        """In the order of CREDENTIAL."""
        await crowd.rest(owners)
        first = await timed(await self.vault(database), owners)
        vault = await self.vault(database)
        cold = await timed(vault, owners)
        cached = await timed(vault, owners)
        await crowd.rest(owners)
        noted = await timed(vault, owners)
        return [first, noted, cold, cached, *[await kept(peer, len(owners)) for peer in peers]]

    async def found(self, crowd: Crowd) -> tuple[str, int]:
        """By which indexes the rows of credentials are found, and how many sequential scans they take."""
        owners = crowd.some(min(self.samples, len(crowd)), self.chance)
        usage = Usage(crowd.url)
        before = await usage.read()
        database = Database(self.url)
        await database.open()
        try:
            await timed(await self.vault(database), owners)
        finally:
            await database.close()
        return await usage.since(before)

    async def beside(self, crowd: Crowd, folder: Path, kv: str) -> Figures:
        """The vault, and FastMCP's stores in the database `kv` and in `folder`, with as many token sets."""
        async with on_postgresql(kv) as postgresql:
            peers = [postgresql, on_files(folder)]
            for peer in peers:
                for number in range(len(crowd)):
                    await peer.put(str(number))
            return await self.credentials(crowd, peers)


async def timed(vault: Vault, owners: Iterable[UUID]) -> list[float]:
    """Milliseconds of each owner's credential."""
    took = []
    for owner in owners:
        started = time.perf_counter_ns()
        got = await vault.credential(owner, "google")
        took.append((time.perf_counter_ns() - started) / 1e6)
        assert got.access_token.get_secret_value().startswith("aaaa")
    return took


async def kept(peer: Kept, calls: int) -> list[float]:
    """Milliseconds of each of the peer's reads."""
    took = []
    for number in range(calls):
        started = time.perf_counter_ns()
        got = await peer.get(str(number))
        took.append((time.perf_counter_ns() - started) / 1e6)
        assert got.startswith("aaaa")
    return took


async def at_once(vault: Vault, owners: list[UUID]) -> float:
    """Calls a second of several callers that each ask for one after the other."""

    async def caller(number: int) -> None:
        await timed(vault, owners[number::CALLERS])

    started = time.perf_counter()
    await asyncio.gather(*map(caller, range(CALLERS)))
    return len(owners) / (time.perf_counter() - started)
