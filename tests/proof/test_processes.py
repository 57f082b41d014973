"""A thousand calls at once on fifty expired connections, spread over four server processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from providers.transport import Transport
from tests.proof.calls import call, client, outcome
from tests.proof.conftest import Say
from tests.proof.people import Person, ended, expire, settle, standing, vault_over
from tests.support.emulator import EmulatorProcess
from tests.support.valet import ValetProcess
from vault.store.database import Database

PROCESSES, PEOPLE, CALLS = 4, 50, 1000


def processes(stack: AsyncExitStack, url: str, ring: Path, emulator: EmulatorProcess) -> list[ValetProcess]:
    """Servers that are one to the outside: one public address, one key ring, one database."""
    first = ValetProcess()
    shared = {
        "PUBLIC_URL": first.url,
        "DATABASE_URL": url,
        "VALET_KEYRING": str(ring),
        "VALET_EMULATOR_ORIGIN": emulator.origin,
        "VALET_LOG_LEVEL": "WARNING",
    }
    first.environment_more = shared
    servers = [first, *(ValetProcess("demo", **shared) for _ in range(PROCESSES - 1))]
    for server in servers:
        stack.callback(server.close)
    return servers


async def storm(doors: list[httpx2.AsyncClient], people: list[Person]) -> Counter[str]:
    """All calls at once; neighbours of one person go to different processes."""
    turns = CALLS // len(people)
    answers = await asyncio.gather(
        *(call(doors[turn % len(doors)], person.token) for turn in range(turns) for person in people)
    )
    return Counter(outcome(answer) if outcome(answer) != "wrong" else answer.text[:400] for answer in answers)


@pytest.mark.parametrize("rotate", [True, False], ids=["rotating", "not rotating"])
async def test_a_thousand_calls_over_four_processes_refresh_each_connection_once(
    empty_database_url: str, ring_path: Path, emulator: EmulatorProcess, say: Say, rotate: bool
) -> None:
    emulator.settings(rotate=rotate)
    async with AsyncExitStack() as stack:
        servers = processes(stack, empty_database_url, ring_path, emulator)
        database = Database(empty_database_url)
        await database.open()
        stack.push_async_callback(database.close)
        transport = await stack.enter_async_context(Transport(emulator_origin=emulator.origin))
        vault = await vault_over(database, ring_path, transport)
        people = await settle(database, vault, emulator, servers[0].url, PEOPLE)
        for server in servers:
            server.start()
        host = urlsplit(servers[0].url).netloc
        doors = [await stack.enter_async_context(client(server.url, host)) for server in servers]
        spent = []
        for round_ in ("expired", "refused", "expired"):
            # "refused": only the provider knows that the tokens are over.
            emulator.expire("access")
            if round_ == "expired":
                await expire(database)
            emulator.forget()
            assert await storm(doors, people) == {"ok": CALLS}
            spent.append(emulator.refreshes())
        assert spent == [PEOPLE] * 3
        assert ended(emulator) == []
        assert await standing(database) == {("active", None): PEOPLE}
    kind = "rotating" if rotate else "not rotating"
    say(
        f"{kind}: {3 * CALLS} calls in 3 storms on {PROCESSES} processes, {PEOPLE} connections: "
        f"refreshes {spent}, lost 0"
    )
