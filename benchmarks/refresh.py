"""Refresh under contention: our protocol beside two common ones, in one run, on one PostgreSQL.

    .venv/bin/python benchmarks/refresh.py [rounds [seconds]]

Several worker processes want access tokens of the same expired connections. The provider is slow, rotates
strictly (a refresh token works once, no grace) and ends the whole family of one that is used twice. Every
strategy gets the same pool, tables, envelope, HTTP client, requests and arrival times; they take turns, and
the data is put back before each turn. A connection of the pool is also wanted, all the time, by a `SELECT 1`
that has nothing to do with any of it. The requests arrive over `seconds`: at much less than one, few cores
are busy with the requests themselves, and every latency grows with that.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import platform
import random
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.provider import CONNECTIONS, DELAY, Wire, provide
from benchmarks.strategies import STRATEGIES, Kit
from providers.base import Account, ProviderError, TokenSet
from valet.embedded import Supervisor
from valet.logging import configure
from vault.alarms import Alarms
from vault.cache import DekCache
from vault.errors import Busy, ConnectionExpired
from vault.ids import new_id
from vault.rings.file import FileKeyRing
from vault.store.connections import Connections
from vault.store.database import Database
from vault.store.migrate import migrate
from vault.vault import Vault, open_vault

WORKERS, REQUESTS, POOL = 4, 200, 5
PROBE = 0.02  # seconds between two unrelated statements of a worker

Spawned = multiprocessing.get_context("spawn")
Owned = tuple[UUID, UUID]  # owner and connection


@dataclass(frozen=True)
class Job:
    """One turn of one worker; `start` is on the clock that all processes of a machine share."""

    strategy: str
    seed: str
    start: float
    spread: float
    connections: list[Owned]


@dataclass
class Outcome:
    """What a worker saw: seconds, and each answer's access token with the time it was given."""

    latencies: list[float] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    answers: list[tuple[str, float]] = field(default_factory=list)
    failed: int = 0


async def until(moment: float) -> None:
    await asyncio.sleep(max(moment - time.monotonic(), 0))


async def turn(job: Job, kit: Kit) -> Outcome:
    """The worker's requests, each at its time whether or not the earlier ones are answered."""
    outcome = Outcome()
    chance = random.Random(job.seed)
    wanted = [job.connections[n % CONNECTIONS] for n in range(REQUESTS)]
    chance.shuffle(wanted)
    refresh = STRATEGIES[job.strategy](kit)

    async def request(due: float, owner: UUID, connection: UUID) -> None:
        await until(due)
        try:
            got = await kit.live(await kit.read(owner, connection)) or await refresh(owner, connection)
            outcome.answers.append((got.access_token.get_secret_value(), time.monotonic()))
        except (ProviderError, Busy, ConnectionExpired):
            outcome.failed += 1
        outcome.latencies.append(time.monotonic() - due)

    async def probe(due: float) -> None:
        try:
            async with kit.database.connection() as link:
                await link.execute("SELECT 1")
        except Busy:
            pass
        outcome.probes.append(time.monotonic() - due)

    async def probes(requests: asyncio.Future[Any]) -> None:
        async with asyncio.TaskGroup() as group:
            due = job.start
            while not requests.done():
                await until(due)
                group.create_task(probe(due))
                due += PROBE

    asked = (request(job.start + chance.uniform(0, job.spread), *one) for one in wanted)
    requests = asyncio.gather(*asked)
    await probes(requests)
    await requests
    return outcome


async def serve(pipe: Pipe[Any, Any], url: str, ring: Path, origin: str) -> None:
    async with AsyncExitStack() as stack:
        database = Database(url, min_size=POOL, max_size=POOL)
        await database.open()
        stack.push_async_callback(database.close)
        http = await stack.enter_async_context(httpx2.AsyncClient(base_url=origin, trust_env=False))
        pipe.send("ready")
        while (job := await asyncio.to_thread(pipe.recv)) is not None:
            kit = Kit(
                database,
                Connections(database),
                DekCache(FileKeyRing(ring), Alarms(CollectorRegistry())),
                Wire(http),
            )
            pipe.send(await turn(job, kit))


def work(pipe: Pipe[Any, Any], url: str, ring: Path, origin: str) -> None:
    configure("ERROR", "console")
    asyncio.run(serve(pipe, url, ring, origin))


# The whole


class Bench:
    """Puts the data back, starts a turn in every worker and counts."""

    def __init__(self, vault: Vault, http: httpx2.AsyncClient, pipes: list[Pipe[Any, Any]]) -> None:
        self._vault = vault
        self._http = http
        self._pipes = pipes
        self._owners = [new_id() for _ in range(CONNECTIONS)]

    async def people(self, database: Database) -> None:
        async with database.connection() as link:
            for owner in self._owners:
                await link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'Bench')", (owner,))

    async def expired(self) -> list[Owned]:
        """Every connection saved anew, with tokens of a fresh family, its access token dead for a minute."""
        rows = []
        issued = (await self._http.post("/reset")).json()
        for owner, one in zip(self._owners, issued, strict=True):
            tokens = TokenSet(SecretStr(one["access_token"]), -60, SecretStr(one["refresh_token"]))
            account = Account("https://accounts.spotify.com", "bench", "Bench")
            saved = await self._vault.save(owner, "spotify", "operator", account, tokens, frozenset(), None)
            rows.append((owner, saved.id))
        return rows

    async def measure(self, strategy: str, round_: int, spread: float) -> dict[str, float]:
        connections = await self.expired()
        start = time.monotonic() + 0.2
        for worker, pipe in enumerate(self._pipes):
            pipe.send(Job(strategy, f"{round_} {worker}", start, spread, connections))
        outcomes: list[Outcome] = [await asyncio.to_thread(pipe.recv) for pipe in self._pipes]
        seen = (await self._http.get("/figures")).json()
        dead = sum(
            when >= seen["revoked"].get(str(seen["access"][token]), math.inf)
            for outcome in outcomes
            for token, when in outcome.answers
        )
        latencies = [took for outcome in outcomes for took in outcome.latencies]
        return {
            "token calls": seen["calls"],
            f"families revoked (of {CONNECTIONS})": len(seen["revoked"]),
            "answered, token live": sum(len(outcome.answers) for outcome in outcomes) - dead,
            "answered, token dead": dead,
            "failed": sum(outcome.failed for outcome in outcomes),
            "request p50, ms": percentile(latencies, 50),
            "request p99, ms": percentile(latencies, 99),
            "SELECT 1 p99, ms": percentile((took for one in outcomes for took in one.probes), 99),
        }


def percentile(seconds: Iterable[float], percent: int) -> float:
    """In milliseconds."""
    ordered = sorted(seconds)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] * 1000


@contextmanager
def processes(url: str, ring: Path) -> Iterator[tuple[str, list[Pipe[Any, Any]]]]:
    """The provider and the workers, each a process: the provider's origin and the workers' pipes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        provider = Spawned.Process(target=provide, args=(listener,), daemon=True)
        provider.start()
    pairs = [Spawned.Pipe() for _ in range(WORKERS)]
    workers = [
        Spawned.Process(target=work, args=(theirs, url, ring, origin), daemon=True) for _, theirs in pairs
    ]
    try:
        for worker, (_, theirs) in zip(workers, pairs, strict=True):
            worker.start()
            theirs.close()
        pipes: list[Pipe[Any, Any]] = [mine for mine, _ in pairs]
        for pipe in pipes:
            pipe.recv()
        yield origin, pipes
        for pipe in pipes:
            pipe.send(None)
        for worker in workers:
            worker.join(10)
    finally:
        for process in (*workers, provider):
            if process.is_alive():
                process.terminate()
                process.join(10)


async def compare(url: str, ring: Path, rounds: int, spread: float) -> None:
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in STRATEGIES}
    async with AsyncExitStack() as stack:
        database = Database(url)
        await database.open()
        stack.push_async_callback(database.close)
        keys = FileKeyRing.create(ring)
        origin, pipes = stack.enter_context(processes(url, ring))
        http = await stack.enter_async_context(httpx2.AsyncClient(base_url=origin, trust_env=False))
        bench = Bench(await open_vault(database, keys, Wire(http)), http, pipes)
        await bench.people(database)
        for round_ in range(rounds + 1):
            for name, figures in rows.items():
                figure = await bench.measure(name, round_, spread)
                if round_:  # the first round warms up
                    figures.append(figure)
    show(rows, rounds, spread)


def show(rows: dict[str, list[dict[str, float]]], rounds: int, spread: float) -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {rounds} rounds")
    print(f"{WORKERS} workers x {REQUESTS} requests within {spread:g} s on {CONNECTIONS} expired connections")
    print(f"pool of {POOL} a worker, provider {DELAY * 1000:.0f} ms, strict rotation with reuse detection")
    print("median (min to max) of the rounds\n")
    width = 22
    print(f"{'':<26}" + "".join(f"{name:>{width}}" for name in rows))
    for label in next(iter(rows.values()))[0]:
        cells = []
        for figures in rows.values():
            values = [figure[label] for figure in figures]
            cells.append(f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})")
        print(f"{label:<26}" + "".join(f"{cell:>{width}}" for cell in cells))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    spread = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    configure("ERROR", "console")
    folder = Path(tempfile.mkdtemp(prefix="valet-bench-"))
    folder.chmod(0o755)
    try:
        with Supervisor(folder) as urls:
            migrate(urls.owner.get_secret_value(), app_role="valet_app")
            asyncio.run(compare(urls.app.get_secret_value(), folder / "keyring.json", rounds, spread))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
