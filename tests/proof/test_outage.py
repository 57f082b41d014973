"""PostgreSQL is killed under load and comes back: nothing acknowledged is lost, and calls fail softly."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from providers.base import RateLimited, Unavailable
from tests.proof.calls import call, client, outcome
from tests.proof.conftest import Say
from tests.proof.people import REFRESH, Person, ended, opened, settle, standing, versions
from tests.proof.postgres import Postgres
from tests.support.emulator import EmulatorProcess
from tests.support.valet import ValetProcess
from vault.errors import Busy
from vault.store.database import Database

PEOPLE, PROCESSES = 20, 2

Ask = Callable[[Person], Awaitable[str]]
"""One call of somebody: `ok`, `retry`, or what was wrong."""


class Load:
    """Everybody calls all the time, one call after the other."""

    def __init__(self, ask: Ask, people: list[Person]) -> None:
        self._ask = ask
        self._people = people
        self._news = asyncio.Condition()
        self.seen: Counter[str] = Counter()
        self.served: Counter[UUID] = Counter()
        self.recovery: list[float] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self._going = True
        async with asyncio.TaskGroup() as group:
            for person in self._people:
                group.create_task(self._one(person))
            try:
                yield
            finally:
                self._going = False

    async def _one(self, person: Person) -> None:
        while self._going:
            came = await self._ask(person)
            async with self._news:
                self.seen[came] += 1
                self.served[person.owner] += came == "ok"
                self._news.notify_all()

    async def until(self, more: Callable[[], bool]) -> None:
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(more), 90)

    async def everybody_served(self) -> None:
        """Return when everybody had another good answer to a call; twice, so one began after now."""
        before = self.served.copy()
        await self.until(lambda: all(self.served[p.owner] >= before[p.owner] + 2 for p in self._people))

    async def some_refused(self) -> None:
        before = self.seen["retry"]
        await self.until(lambda: self.seen["retry"] >= before + PEOPLE)


async def outages(load: Load, postgres: Postgres, emulator: EmulatorProcess, *, expire: bool) -> None:
    """Kill the database again and again, each time at another moment of the refreshes."""
    for kill in OUTAGES:
        await load.everybody_served()
        await asyncio.to_thread(kill, postgres, emulator, expire)
        await load.some_refused()
        await asyncio.to_thread(postgres.start)
        began = time.monotonic()
        await load.everybody_served()
        load.recovery.append(time.monotonic() - began)


def _kill_while_spent(postgres: Postgres, emulator: EmulatorProcess, expire: bool) -> None:
    """Everybody's token is spent at the provider, whose answers come when the database is gone."""
    emulator.fault(REFRESH, "late", times=None)
    if expire:
        emulator.expire("access")
    emulator.wait_hanging(PEOPLE, seconds=30)
    postgres.kill()
    emulator.clear_faults()


def _kill_in_passing(postgres: Postgres, emulator: EmulatorProcess, expire: bool) -> None:
    """Some are on their way to the provider, some on their way back."""
    before = emulator.refreshes()
    if expire:
        emulator.expire("access")
    end = time.monotonic() + 30
    while emulator.refreshes() < before + 3:
        assert time.monotonic() < end, "nobody refreshes"
    postgres.kill()


def _kill_while_refused(postgres: Postgres, emulator: EmulatorProcess, expire: bool) -> None:
    """The provider has put everybody off when the database is gone, which then takes no lease back.

    Not by a failure: so many at once are left alone for half a minute, and that is another rule.
    """
    emulator.fault(REFRESH, "hang", times=None, status=429, retry_after=1)
    if expire:
        emulator.expire("access")
    emulator.wait_hanging(PEOPLE, seconds=30)
    postgres.kill()
    emulator.clear_faults()


OUTAGES = (_kill_while_spent, _kill_in_passing, _kill_while_refused)


def _servers(
    stack: AsyncExitStack, postgres: Postgres, ring: Path, emulator: EmulatorProcess
) -> list[ValetProcess]:
    """Servers that are one to the outside; a person's calls go to them by turns."""
    first = ValetProcess()
    shared = {
        "PUBLIC_URL": first.url,
        "DATABASE_URL": postgres.url,
        "MIGRATION_DATABASE_URL": postgres.owner_url,
        "VALET_KEYRING": str(ring),
        "VALET_EMULATOR_ORIGIN": emulator.origin,
        "VALET_LOG_LEVEL": "ERROR",
    }
    first.environment_more = shared
    servers = [first, *(ValetProcess("demo", **shared) for _ in range(PROCESSES - 1))]
    for server in servers:
        stack.callback(server.close)
    return servers


async def test_servers_whose_database_is_killed_say_so_and_heal(
    postgres: Postgres, ring_path: Path, emulator: EmulatorProcess, say: Say
) -> None:
    async with AsyncExitStack() as stack:
        database, vault = await opened(stack, postgres.url, ring_path, emulator)
        servers = _servers(stack, postgres, ring_path, emulator)
        people = await settle(database, vault, emulator, servers[0].url, PEOPLE)
        for server in servers:
            await asyncio.to_thread(server.start)
        host = urlsplit(servers[0].url).netloc
        doors = [await stack.enter_async_context(client(server.url, host)) for server in servers]
        turns = {person.owner: itertools.cycle(doors) for person in people}

        async def ask(person: Person) -> str:
            answer = await call(next(turns[person.owner]), person.token)
            found = outcome(answer)
            return found if found != "wrong" else f"{answer.status_code} {answer.text[:300]}"

        load = Load(ask, people)
        async with load.running():
            await outages(load, postgres, emulator, expire=True)
        await _all_well(database, emulator, load)
        refreshes = emulator.refreshes()
    say(_summary(f"{PROCESSES} servers", load, refreshes))


async def test_what_a_vault_handed_out_is_stored_once_the_database_is_back(
    postgres: Postgres, ring_path: Path, emulator: EmulatorProcess, say: Say
) -> None:
    last: dict[UUID, int] = {}
    newest: dict[UUID, int] = {}
    async with AsyncExitStack() as stack:
        database, vault = await opened(stack, postgres.url, ring_path, emulator)
        people = await settle(database, vault, emulator, "http://127.0.0.1:1", PEOPLE)

        async def ask(person: Person) -> str:
            """Refuse whatever came last, so that every call is a refresh."""
            try:
                got = await vault.credential(person.owner, "spotify", refused=last.get(person.owner))
            except (Busy, Unavailable, RateLimited):
                return "retry"
            last[person.owner] = got.version
            newest[person.owner] = max(got.version, newest.get(person.owner, 0))
            return "ok"

        load = Load(ask, people)
        async with load.running():
            await outages(load, postgres, emulator, expire=False)
        await vault.drain()
        assert await versions(database) == newest
        await _all_well(database, emulator, load)
        refreshes = emulator.refreshes()
    say(_summary("vault", load, refreshes))


async def _all_well(database: Database, emulator: EmulatorProcess, load: Load) -> None:
    """Every call was answered well or told to come back, and no grant died of a token sent twice."""
    assert set(load.seen) == {"ok", "retry"}
    assert ended(emulator) == []
    assert await standing(database) == {("active", None): PEOPLE}
    assert max(load.recovery) <= 5, "seconds from a database that answers to everybody served"


def _summary(what: str, load: Load, refreshes: int) -> str:
    return (
        f"{what}: database killed {len(OUTAGES)} times under load; {load.seen['ok']} calls answered, "
        f"{load.seen['retry']} told to retry, {refreshes} refreshes, lost 0; everybody served "
        f"{', '.join(f'{seconds:.1f}' for seconds in load.recovery)} s after it was back"
    )
