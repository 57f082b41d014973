"""Refresh under contention: our protocol beside two common ones, in one run, on one PostgreSQL.

    .venv/bin/python benchmarks/refresh.py [rounds [seconds over which the requests arrive]]

Several worker processes want access tokens of the same expired connections. The provider is slow, rotates
strictly (a refresh token works once, no grace) and ends the whole family of one that is used twice. Every
strategy gets the same pool, tables, envelope, HTTP client, requests and arrival times; they take turns, and
the data is put back before each turn. A connection of the pool is also wanted, all the time, by a `SELECT 1`
that has nothing to do with any of it.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import platform
import random
import secrets
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from providers.base import Account, Credential, GrantRejected, ProviderError, TokenSet
from valet.embedded import Supervisor
from valet.logging import configure
from vault.cache import DekCache
from vault.errors import Busy, ConnectionExpired
from vault.ids import new_id
from vault.keyring import FileKeyRing
from vault.records import Tokens, credential, open_tokens, seal_tokens
from vault.refresh import Refresher, Timing, Upstream
from vault.store.connections import Connections, SealedConnection
from vault.store.database import Connection as Link
from vault.store.database import Database
from vault.store.migrate import migrate
from vault.vault import Vault, open_vault

WORKERS, REQUESTS, CONNECTIONS, POOL = 4, 200, 40, 5
DELAY = 0.3  # seconds the provider takes
PROBE = 0.02  # seconds between two unrelated statements of a worker
SKEW = Timing().skew
TTL = 3600

Spawned = multiprocessing.get_context("spawn")
Owned = tuple[UUID, UUID]  # owner and connection
Strategy = Callable[[UUID, UUID], Awaitable[Credential]]


# The provider


class Provider:
    """A token endpoint with strict rotation: half its delay passes before it decides, half after."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.calls = 0
        self.current: dict[str, int] = {}
        self.spent: dict[str, int] = {}
        self.access: dict[str, int] = {}
        self.revoked: dict[int, float] = {}

    def issue(self, family: int) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.access[access] = self.current[refresh] = family
        return {"access_token": access, "refresh_token": refresh, "expires_in": TTL}

    async def token(self, request: Request) -> JSONResponse:
        self.calls += 1
        refresh = str((await request.form())["refresh_token"])
        await asyncio.sleep(DELAY / 2)
        used = self.spent.get(refresh)
        if used is not None:
            self.revoked.setdefault(used, time.monotonic())
        family = self.current.pop(refresh, None)
        if family is not None:
            self.spent[refresh] = family
        good = family is not None and family not in self.revoked
        answer = self.issue(family) if family is not None and good else {"error": "invalid_grant"}
        await asyncio.sleep(DELAY / 2)
        return JSONResponse(answer, 200 if good else 400)

    async def reset(self, request: Request) -> JSONResponse:
        self.clear()
        return JSONResponse([self.issue(family) for family in range(CONNECTIONS)])

    async def figures(self, request: Request) -> JSONResponse:
        return JSONResponse({"calls": self.calls, "access": self.access, "revoked": self.revoked})


def provide(listener: socket.socket) -> None:
    provider = Provider()
    app = Starlette(
        routes=[
            Route("/token", provider.token, methods=["POST"]),
            Route("/reset", provider.reset, methods=["POST"]),
            Route("/figures", provider.figures),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off"))
    server.run(sockets=[listener])


class Wire(Upstream):
    """The call to the provider: the same for every strategy."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def refresh(self, provider: str, app: str, refresh_token: SecretStr) -> TokenSet:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token.get_secret_value()}
        answer = await self._http.post("/token", data=form)
        if answer.status_code != 200:
            raise GrantRejected(provider, "refresh")
        got = answer.json()
        return TokenSet(SecretStr(got["access_token"]), got["expires_in"], SecretStr(got["refresh_token"]))

    async def revoke(self, provider: str, app: str, token: SecretStr) -> bool:
        return False


# The strategies


@dataclass(frozen=True)
class Kit:
    """What every strategy is built from."""

    database: Database
    connections: Connections
    cache: DekCache
    upstream: Upstream

    async def read(self, owner: UUID, connection: UUID) -> SealedConnection:
        row = await self.connections.read(owner, connection)
        assert row is not None
        return row

    async def live(self, row: SealedConnection) -> Credential | None:
        if row.expires_in <= SKEW:
            return None
        return credential(row, await open_tokens(row, self.cache))

    async def spend(self, row: SealedConnection) -> TokenSet:
        refresh = (await open_tokens(row, self.cache)).refresh_token
        assert refresh is not None
        return await self.upstream.refresh(row.provider, row.app, refresh)

    async def write(self, link: Link, row: SealedConnection, fresh: TokenSet) -> Credential:
        version = row.secret_version + 1
        body = await seal_tokens(row, version, Tokens(fresh.access_token, fresh.refresh_token), self.cache)
        await link.execute(
            "UPDATE connections SET body = %s, secret_version = %s, updated_at = now(),"
            " access_expires_at = now() + make_interval(secs => %s) WHERE id = %s AND owner = %s",
            (body, version, fresh.expires_in, row.id, row.owner),
        )
        return Credential(str(row.id), fresh.access_token, fresh.expires_in, version, frozenset(row.scopes))


def process_lock(kit: Kit) -> Strategy:
    # Modelled on FastMCP's OAuthProxy: a lock per token set; read again under it, and after a failure.
    locks: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ask(owner: UUID, connection: UUID) -> Credential:
        async with locks[connection]:
            row = await kit.read(owner, connection)
            if (kept := await kit.live(row)) is not None:
                return kept
            try:
                fresh = await kit.spend(row)
            except GrantRejected:
                if (kept := await kit.live(await kit.read(owner, connection))) is not None:
                    return kept
                raise
            async with kit.database.connection() as link:
                return await kit.write(link, row, fresh)

    return ask


def row_lock(kit: Kit) -> Strategy:
    # Modelled on Django's select_for_update() and Rails' with_lock: lock, look again, call, write, commit.
    async def ask(owner: UUID, connection: UUID) -> Credential:
        async with kit.database.transaction() as link:
            row = await kit.connections.locked(link, owner, connection)
            assert row is not None
            if (kept := await kit.live(row)) is not None:
                return kept
            return await kit.write(link, row, await kit.spend(row))

    return ask


def both_locks(kit: Kit) -> Strategy:
    # The row lock at its best: one coroutine of a process waits for a row, the others wait for it.
    locks: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
    inner = row_lock(kit)

    async def ask(owner: UUID, connection: UUID) -> Credential:
        async with locks[connection]:
            kept = await kit.live(await kit.read(owner, connection))
            return kept if kept is not None else await inner(owner, connection)

    return ask


def ours(kit: Kit) -> Strategy:
    refresher = Refresher(kit.connections, kit.cache, kit.upstream)

    async def ask(owner: UUID, connection: UUID) -> Credential:
        return await refresher.credential(owner, connection, None)

    return ask


STRATEGIES: dict[str, Callable[[Kit], Strategy]] = {
    "process lock": process_lock,
    "FOR UPDATE": row_lock,
    "FOR UPDATE + process lock": both_locks,
    "Valet": ours,
}


# A worker process


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
            kit = Kit(database, Connections(database), DekCache(FileKeyRing(ring)), Wire(http))
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
    width = max(len(name) for name in rows) + 2
    print(f"{'':<26}" + "".join(f"{name:>{width}}" for name in rows))
    for label in next(iter(rows.values()))[0]:
        cells = []
        for figures in rows.values():
            values = [figure[label] for figure in figures]
            cells.append(f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})")
        print(f"{label:<26}" + "".join(f"{cell:>{width}}" for cell in cells))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    spread = float(sys.argv[2]) if len(sys.argv) > 2 else 0.5
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
