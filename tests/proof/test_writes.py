"""PostgreSQL is killed while people connect, disconnect and refresh: what was acknowledged is there."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from providers.base import Account, TokenSet
from providers.transport import Transport
from tests.proof.conftest import Say
from tests.proof.people import CLIENT_ROW, FAMILY_ROW, GRANT_ROW, SCOPES, USER_ROW, vault_over
from tests.proof.postgres import Postgres
from tests.support.emulator import EmulatorProcess
from vault.errors import Busy
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.store.database import Database
from vault.store.grants import Grants
from vault.store.tokens import Issued, Tokens
from vault.vault import Vault

WRITERS, OUTAGES, LEAST = 8, 3, 60

_REFRESH_ROW = (
    "INSERT INTO refresh_tokens (hash, family_id, record_id, expires_at)"
    " VALUES (%s, %s, %s, now() + interval '30 days')"
)


@dataclass
class Acknowledged:
    """What the stores said was done: connections, ended ones, raised grants, refreshed tokens."""

    connected: list[tuple[UUID, UUID, str]] = field(default_factory=list)
    ended: list[tuple[UUID, UUID]] = field(default_factory=list)
    raised: list[tuple[UUID, UUID]] = field(default_factory=list)
    issued: list[Issued] = field(default_factory=list)

    def counts(self) -> list[int]:
        return [len(self.connected), len(self.ended), len(self.raised), len(self.issued)]


class Writers:
    """People whose every step is a write; who is told «busy» begins again as somebody else."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._tokens = Tokens(database)
        self._grants = Grants(database)
        self.done = Acknowledged()
        self.going = True

    async def write(self) -> None:
        while self.going:
            try:
                await self._live(new_id(), new_id())
            except Busy:
                await asyncio.sleep(0)

    async def _live(self, user: UUID, grant: UUID) -> None:
        family, refresh = new_id(), mint("vlt_rt_").get_secret_value()
        async with self._database.transaction() as link:
            await link.execute(USER_ROW, (user,))
            await link.execute(GRANT_ROW, (grant, user))
            await link.execute(FAMILY_ROW, (family, grant, "http://127.0.0.1:1/mcp"))
            await link.execute(_REFRESH_ROW, (digest(refresh), family, new_id()))
        kept = await self._connect(user, "work")
        self.done.connected.append((user, kept.id, f"work {user}"))
        over = await self._connect(user, "home")
        await self._vault.disconnect(user, over.id)
        self.done.ended.append((user, over.id))
        await self._grants.raise_(user, grant, frozenset({"more:read"}))
        self.done.raised.append((user, grant))
        for _ in range(3):
            issued = await self._tokens.refresh(digest(refresh), "proof", self._seal, self._open)
            assert isinstance(issued, Issued)
            refresh = issued.refresh_token.get_secret_value()
            self.done.issued.append(issued)

    async def _connect(self, user: UUID, subject: str) -> Any:
        tokens = TokenSet(SecretStr(f"{subject} {user}"), 3600, SecretStr("refresh"))
        account = Account("https://accounts.spotify.com", subject, subject)
        return await self._vault.save(user, "spotify", "operator", account, tokens, frozenset(SCOPES), None)

    def _seal(self, record: UUID, plaintext: bytes) -> bytes:
        return self._vault.seal("successor", record, plaintext)

    def _open(self, record: UUID, sealed: bytes) -> bytes:
        return self._vault.open("successor", record, sealed)

    async def verify(self) -> None:
        """Everything that was acknowledged is there, and opens."""
        for user, connection, token in self.done.connected:
            got = await self._vault.credential(user, "spotify")
            assert (got.connection, got.access_token.get_secret_value()) == (str(connection), token)
        for user, connection in self.done.ended:
            assert connection not in {shown.id for shown in await self._vault.list(user)}
        for user, grant in self.done.raised:
            [found] = await self._grants.list(user)
            assert found.id == grant and "more:read" in found.scopes
        for issued in self.done.issued:
            principal = await self._tokens.check(digest(issued.access_token.get_secret_value()))
            assert principal is not None and principal.grant_id == issued.grant_id


async def test_no_acknowledged_write_is_lost_when_the_database_is_killed(
    postgres: Postgres, ring_path: Path, emulator: EmulatorProcess, say: Say
) -> None:
    total = [0] * 4
    async with AsyncExitStack() as stack:
        database = Database(postgres.url)
        await database.open()
        stack.push_async_callback(database.close)
        transport = await stack.enter_async_context(Transport(emulator_origin=emulator.origin))
        vault = await vault_over(database, ring_path, transport)
        async with database.connection() as link:
            await link.execute(CLIENT_ROW)
        for _ in range(OUTAGES):
            writers = Writers(database, vault)
            tasks = [asyncio.create_task(writers.write()) for _ in range(WRITERS)]
            while min(writers.done.counts()) < LEAST:
                await asyncio.sleep(0)
                assert not any(task.done() for task in tasks)
            await asyncio.to_thread(postgres.kill)
            writers.going = False
            await asyncio.to_thread(postgres.start)
            await asyncio.gather(*tasks)
            await _answers(database)
            await writers.verify()
            total = [before + now for before, now in zip(total, writers.done.counts(), strict=True)]
    say(
        f"database killed {OUTAGES} times under writes; acknowledged and there afterwards: "
        f"{total[0]} connections, {total[1]} disconnects, {total[2]} grants, {total[3]} refreshes; lost 0"
    )


async def _answers(database: Database) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(Busy):
                async with database.connection() as link:
                    await link.execute("SELECT 1")
                    return
