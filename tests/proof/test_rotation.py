"""Keys rotate, are re-wrapped and retired while four server processes read and refresh: nobody notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
from pydantic import SecretStr

from providers.base import Account, TokenSet
from providers.transport import Transport
from tests.proof.calls import call, client, outcome
from tests.proof.conftest import Say
from tests.proof.people import USER_ROW, Person, ended, opened, settle, standing, vault_over
from tests.proof.test_processes import processes
from tests.support.emulator import EmulatorProcess
from tests.support.valet import ROOT, ValetProcess
from vault.ids import new_id
from vault.store.database import Database
from vault.vault import Vault

PEOPLE, SLEEPERS, ROUNDS = 20, 1000, 3
ROUND_RATE = 400


class Load:
    """Calls through all doors without a pause; each has to go well, and now and then all tokens expire."""

    def __init__(self, doors: list[httpx2.AsyncClient], people: list[Person], database: Database) -> None:
        self._doors, self._people, self._database = doors, people, database
        self.over = asyncio.Event()
        self.came: Counter[str] = Counter()
        self.expiries = self.rounds = 0

    async def run(self) -> None:
        while not self.over.is_set():
            if self.rounds % 3 == 0:
                await self._expire()
                self.expiries += 1
            self.rounds += 1
            turns = [(door, person) for person in self._people for door in self._doors]
            answers = await asyncio.gather(*(call(door, person.token) for door, person in turns))
            for answer in answers:
                said = outcome(answer)
                self.came[said if said != "wrong" else answer.text[:300]] += 1

    async def _expire(self) -> None:
        # Not the visitors', who have nothing to refresh with.
        async with self._database.connection() as link:
            await link.execute("UPDATE connections SET access_expires_at = now() WHERE provider = 'spotify'")


class Visitors:
    """People who connect, use it and disconnect, over and over, through a worker of their own."""

    def __init__(self, vault: Vault, owners: list[UUID]) -> None:
        self._vault, self._owners = vault, owners
        self.over = asyncio.Event()
        self.visits = 0

    async def run(self) -> None:
        while not self.over.is_set():
            for owner in self._owners:
                saved = await sleeper(self._vault, owner)
                got = await self._vault.credential(owner, "google")
                assert got.access_token.get_secret_value() == f"token of {owner}"
                await self._vault.disconnect(owner, saved)
                self.visits += 1


async def sleeper(vault: Vault, owner: UUID) -> UUID:
    """A connection that nobody has to refresh."""
    tokens = TokenSet(SecretStr(f"token of {owner}"), 86400, None, frozenset({"s"}))
    account = Account("https://accounts.google.com", "sleeper", "Sleeper")
    return (await vault.save(owner, "google", "operator", account, tokens, frozenset(), None)).id


async def persons(database: Database, count: int) -> list[UUID]:
    owners = [new_id() for _ in range(count)]
    async with database.connection() as link:
        for owner in owners:
            await link.execute(USER_ROW, (owner,))
    return owners


async def keys(server: ValetProcess, *words: str) -> Any:
    """What a command of `valet keys` prints, in a process of its own."""
    ran = await asyncio.to_thread(server.run, "keys", *words, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout) if "--json" in words else ran.stdout


async def killed_halfway(server: ValetProcess) -> str:
    """A re-wrap that dies without a word when its first tenth is done."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "valet", "keys", "rewrap", "--rate", str(ROUND_RATE),
        cwd=server.folder, env={**server.environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    line = (await process.stderr.readline()).decode()
    os.kill(process.pid, signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    return line


async def rotated(server: ValetProcess, number: int) -> dict[str, int]:
    """One round: rotate, a re-wrap that is killed, then two at once, and the old key goes."""
    was = f"file:main:{number}"
    assert f"file:main:{number + 1} wraps from now on" in await keys(server, "rotate")
    line = await killed_halfway(server)
    assert line.startswith("re-wrapping: "), line
    left = (await keys(server, "status", "--json"))["rewrap_due"]
    assert SLEEPERS // 2 < left < SLEEPERS + PEOPLE + 50, "it was killed at its beginning"
    # Slowly, so that both are at it.
    again = ("rewrap", "--rate", str(ROUND_RATE // 4), "--json")
    first, second = await asyncio.gather(keys(server, *again), keys(server, *again))
    assert first["left"] == second["left"] == 0
    assert first["refused"] == second["refused"] == {}
    await keys(server, "retire", was, "--yes")
    verified = await keys(server, "verify", "--json")
    assert verified["whole"]
    return {"left": left, "first": first["rewrapped"], "second": second["rewrapped"]}


async def test_four_processes_read_and_refresh_while_keys_rotate(
    empty_database_url: str, ring_path: Path, emulator: EmulatorProcess, say: Say
) -> None:
    async with AsyncExitStack() as stack:
        servers = processes(stack, empty_database_url, ring_path, emulator)
        database, vault = await opened(stack, empty_database_url, ring_path, emulator)
        people = await settle(database, vault, emulator, servers[0].url, PEOPLE)
        sleepers = await persons(database, SLEEPERS)
        for owner in sleepers:
            await sleeper(vault, owner)
        for server in servers:
            server.start()
        host = urlsplit(servers[0].url).netloc
        doors = [await stack.enter_async_context(client(server.url, host)) for server in servers]
        load = Load(doors, people, database)
        visitors = Visitors(vault, await persons(database, 4))
        tasks = [asyncio.create_task(load.run()), asyncio.create_task(visitors.run())]
        rounds = [await rotated(servers[0], number) for number in range(1, ROUNDS + 1)]
        load.over.set()
        visitors.over.set()
        await asyncio.gather(*tasks)
        assert set(load.came) == {"ok"}
        assert ended(emulator) == []
        assert (await standing(database))["active", None] == PEOPLE + SLEEPERS
        status = await keys(servers[0], "status", "--json")
        assert [each["ref"] for each in status["keys"]] == [f"file:main:{ROUNDS + 1}"]
        assert (status["rewrap_due"], status["unknown"], status["belongs"]) == (0, [], True)
        # A worker that never saw the old keys opens everything, too.
        transport = await stack.enter_async_context(Transport(emulator_origin=emulator.origin))
        fresh = await vault_over(database, ring_path, transport)
        stack.push_async_callback(fresh.drain)
        for owner in sleepers:
            assert (
                await fresh.credential(owner, "google")
            ).access_token.get_secret_value() == f"token of {owner}"
        assert visitors.visits > 0
        assert load.expiries > ROUNDS
        say(
            f"{ROUNDS} rotations over {SLEEPERS + PEOPLE} connections on 4 processes: "
            f"{load.came['ok']} calls, {emulator.refreshes()} refreshes, {visitors.visits} connected and "
            f"disconnected, failed 0, lost 0; re-wraps killed and gone on with: {rounds}"
        )
