"""A token endpoint that misbehaves, seen through a whole server: one sentence, nobody condemned, no flood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit

import httpx2

from providers.transport import Transport
from tests.proof.calls import call, client
from tests.proof.conftest import Say
from tests.proof.people import CLIENT_ROW, REFRESH, Person, ended, expire, one, standing, vault_over
from tests.support.emulator import EmulatorProcess
from tests.support.valet import ValetProcess
from vault.store.database import Database
from vault.vault import Vault


@dataclass(frozen=True)
class Row:
    """A fault of the token endpoint, and what the model is told of it."""

    name: str
    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    code: str = "provider_error"
    says: str = "Nothing was changed; try again in a moment."
    calls: int = 3
    pauses: bool = False


_LIMITED = {"status": 429, "retry_after": 120}


ROWS = [
    Row("hangs past the deadline", "hang", calls=1),
    Row("HTML with 200", "garbage", {"status": 200}),
    Row("HTML with 502", "garbage", {"status": 502}),
    Row("429 with Retry-After", "status", _LIMITED, "rate_limited", "Try again in", pauses=True),
    Row("500", "status", {"status": 500}),
    Row("503", "status", {"status": 503}),
    Row("closes in mid-answer", "cut"),
    Row("closes without an answer", "lost"),
]

_SOON: LiteralString = (
    "UPDATE connections SET access_expires_at = now() + interval '25 seconds' WHERE owner = %s"
)
_UNPAUSE: LiteralString = "UPDATE connections SET next_attempt_at = NULL WHERE owner = %s"


class Stage:
    """One server, one emulator with rotation and a grace, and somebody new for every row."""

    def __init__(
        self, database: Database, vault: Vault, emulator: EmulatorProcess, url: str, http: httpx2.AsyncClient
    ) -> None:
        self.database, self.vault, self.emulator = database, vault, emulator
        self._url = url
        self._http = http

    async def somebody(self) -> Person:
        return await one(self.database, self.vault, self.emulator, self._url)

    async def run(self, query: LiteralString, person: Person) -> None:
        async with self.database.connection() as link:
            await link.execute(query, (person.owner,))

    async def call(self, person: Person) -> dict[str, Any]:
        """The result of a tool call; it is always a whole answer with status 200."""
        answer = await call(self._http, person.token)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result


async def test_whatever_the_token_endpoint_does_the_person_is_told_and_served_afterwards(
    empty_database_url: str, ring_path: Path, emulator: EmulatorProcess, say: Say
) -> None:
    async with _stage(empty_database_url, ring_path, emulator) as stage:
        for row in ROWS:
            await _misbehave(stage, row)
        spent = await _forgets_the_refresh_token(stage)
        assert await standing(stage.database) == {("active", None): len(ROWS) + 1}
        assert ended(emulator) == []
    say(
        f"token endpoint: {', '.join(row.name for row in ROWS)}, no refresh token in the answer "
        f"({spent} refreshes): "
        "one sentence each, nobody condemned"
    )


async def _misbehave(stage: Stage, row: Row) -> None:
    emulator = stage.emulator
    person = await stage.somebody()
    await stage.run(_SOON, person)
    emulator.forget()
    emulator.fault(REFRESH, row.kind, times=None, **row.values)
    assert not (await stage.call(person)).get("isError"), (
        f"{row.name}: the old token is served while it lives"
    )
    assert emulator.refreshes() == 1
    emulator.expire("access")
    await expire(stage.database)
    for _ in range(row.calls):
        if not row.pauses:  # how long it pauses by itself is shown in tests/vault
            await stage.run(_UNPAUSE, person)
        result = await stage.call(person)
        error = result["_meta"]["valet/error"]
        [block] = result["content"]
        assert result["isError"] is True and error["code"] == row.code, row.name
        assert block["text"].count(".") == 2 and row.says in block["text"], (row.name, block)
        assert ("retry_after" in error) == (row.code == "rate_limited")
    assert emulator.refreshes() <= 1 + (0 if row.pauses else row.calls), f"{row.name}: one try for each call"
    emulator.clear_faults()
    await stage.run(_UNPAUSE, person)
    assert not (await stage.call(person)).get("isError"), f"{row.name}: afterwards it works"


async def _forgets_the_refresh_token(stage: Stage) -> int:
    """It rotates, answers once without a refresh token, and rotates again: the old one was kept."""
    emulator = stage.emulator
    person = await stage.somebody()
    emulator.forget()
    for rotate in (False, True, True):
        emulator.settings(rotate=rotate)
        emulator.expire("access")
        await expire(stage.database)
        assert not (await stage.call(person)).get("isError")
    return emulator.refreshes()


@asynccontextmanager
async def _stage(url: str, ring: Path, emulator: EmulatorProcess) -> AsyncIterator[Stage]:
    emulator.settings(grace_seconds=120)
    async with AsyncExitStack() as stack:
        database = Database(url)
        await database.open()
        stack.push_async_callback(database.close)
        transport = await stack.enter_async_context(Transport(emulator_origin=emulator.origin))
        vault = await vault_over(database, ring, transport)
        server = ValetProcess(
            DATABASE_URL=url,
            VALET_KEYRING=str(ring),
            VALET_EMULATOR_ORIGIN=emulator.origin,
            VALET_LOG_LEVEL="ERROR",
        )
        stack.callback(server.close)
        await asyncio.to_thread(server.start)
        async with database.connection() as link:
            await link.execute(CLIENT_ROW)
        http = await stack.enter_async_context(client(server.url, urlsplit(server.url).netloc))
        yield Stage(database, vault, emulator, server.url, http)
