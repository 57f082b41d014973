"""PostgreSQL is killed while people do everything that is written: what was acknowledged is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from providers.base import Account, TokenSet
from providers.transport import Transport
from tests.proof.conftest import Say
from tests.proof.people import SCOPES, vault_over
from tests.proof.postgres import Postgres
from tests.support.bearer import speaks_for
from tests.support.emulator import EmulatorProcess
from vault.errors import Busy
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.store.clients import Client, Clients
from vault.store.database import Database
from vault.store.flows import AuthorizeRequest, Flows
from vault.store.grants import Grants
from vault.store.sessions import Sessions
from vault.store.tokens import Issued, Tokens
from vault.store.users import Users
from vault.vault import Vault

WRITERS, OUTAGES, LEAST = 8, 3, 40

ISSUER = "https://accounts.spotify.com"
REDIRECT = "http://127.0.0.1:1/callback"
RESOURCE = "http://127.0.0.1:1/mcp"


@dataclass
class Acknowledged:
    """What the stores said was done. A consent's code is not spent yet."""

    sign_ins: list[tuple[UUID, bytes]] = field(default_factory=list)
    sessions: list[tuple[UUID, bytes]] = field(default_factory=list)
    clients: list[tuple[str, str]] = field(default_factory=list)
    consents: list[tuple[str, str, UUID]] = field(default_factory=list)
    connections: list[tuple[UUID, UUID, str]] = field(default_factory=list)
    disconnects: list[tuple[UUID, UUID]] = field(default_factory=list)
    names: list[tuple[UUID, UUID, str]] = field(default_factory=list)
    defaults: list[tuple[UUID, UUID]] = field(default_factory=list)
    raises: list[tuple[UUID, UUID]] = field(default_factory=list)
    refreshes: list[Issued] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {each.name: len(getattr(self, each.name)) for each in fields(self)}


class Writers:
    """People whose every step is a write; who is told «busy» begins again as somebody else."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._users = Users(database)
        self._sessions = Sessions(database)
        self._clients = Clients(database)
        self._flows = Flows(database, vault.derive("flows"))
        self._tokens = Tokens(database)
        self._grants = Grants(database)
        self.done = Acknowledged()
        self.going = True

    async def write(self) -> None:
        while self.going:
            try:
                user = await self._arrive()
                await self._chat(user)
                await self._keep_accounts(user)
            except Busy:
                await asyncio.sleep(0)

    async def _arrive(self) -> UUID:
        index, cookie = self._vault.index(ISSUER, str(new_id())), digest(str(new_id()))
        user = (await self._users.sign_in(ISSUER, index, "Proof")).id
        self.done.sign_ins.append((user, index))
        await self._sessions.begin(cookie, user)
        self.done.sessions.append((user, cookie))
        return user

    async def _chat(self, user: UUID) -> None:
        client = Client(str(new_id()), "dcr", f"chat of {user}", (REDIRECT,), "none")
        await self._clients.add(client)
        self.done.clients.append((client.id, client.name))
        issued = await self._tokens.exchange(
            digest((await self._consent(user, client))[0]), client.id, lambda _: True
        )
        assert isinstance(issued, Issued)
        self.done.consents.append((*await self._consent(user, client), issued.grant_id))
        await self._grants.raise_(user, issued.grant_id, frozenset({"more:read"}))
        self.done.raises.append((user, issued.grant_id))
        for _ in range(3):
            presented = digest(issued.refresh_token.get_secret_value())
            issued = await self._tokens.refresh(presented, client.id, self._seal, self._open)
            assert isinstance(issued, Issued)
            self.done.refreshes.append(issued)

    async def _consent(self, user: UUID, client: Client) -> tuple[str, str]:
        """An unspent code, and whose it is."""
        ours = frozenset({"spotify:read"})
        request = AuthorizeRequest(
            client_id=client.id,
            redirect_uri=REDIRECT,
            registered_uri=REDIRECT,
            redirect_sent=True,
            scopes=ours,
            state=None,
            code_challenge="challenge",
            resource=RESOURCE,
        )
        flow = await self._flows.find_authorize(await self._flows.create_authorize(request))
        assert flow is not None
        code = mint("vlt_ac_").get_secret_value()
        await self._flows.approve(flow.id, user, asked=ours, chosen=ours, code_hash=digest(code))
        return code, client.id

    async def _keep_accounts(self, user: UUID) -> None:
        work, home, over = [await self._connect(user, subject) for subject in ("work", "home", "over")]
        for kept, subject in ((work, "work"), (home, "home")):
            self.done.connections.append((user, kept.id, f"{subject} {user}"))
        await self._vault.disconnect(user, over.id)
        self.done.disconnects.append((user, over.id))
        await self._vault.rename(user, work.id, f"desk {user}")
        self.done.names.append((user, work.id, f"desk {user}"))
        await self._vault.prefer(user, home.id)
        self.done.defaults.append((user, home.id))

    async def _connect(self, user: UUID, subject: str) -> Any:
        tokens = TokenSet(SecretStr(f"{subject} {user}"), 3600, SecretStr("refresh"))
        account = Account(ISSUER, f"{subject} {user}", subject)
        return await self._vault.save(user, "spotify", "operator", account, tokens, frozenset(SCOPES), None)

    def _seal(self, record: UUID, plaintext: bytes) -> bytes:
        return self._vault.seal("successor", record, plaintext)

    def _open(self, record: UUID, sealed: bytes) -> bytes:
        return self._vault.open("successor", record, sealed)

    async def verify(self) -> None:
        """Everything that was acknowledged is there, opens, and works."""
        for user, index in self.done.sign_ins:
            assert [each.subject_index for each in await self._users.identities(user)] == [index]
        for user, cookie in self.done.sessions:
            found = await self._sessions.find(cookie)
            assert found is not None and found.user.id == user
        for client, name in self.done.clients:
            registered = await self._clients.find(client)
            assert registered is not None and registered.name == name
        for code, client, grant_id in self.done.consents:
            got = await self._tokens.exchange(digest(code), client, lambda code: code.resource == RESOURCE)
            assert isinstance(got, Issued) and got.grant_id == grant_id
        for user, grant in self.done.raises:
            [allowed] = await self._grants.list(user)
            assert allowed.id == grant and "more:read" in allowed.scopes
        for issued in self.done.refreshes:
            principal = await speaks_for(self._database, digest(issued.access_token.get_secret_value()))
            assert principal is not None and principal.grant_id == issued.grant_id
        await self._verify_accounts()

    async def _verify_accounts(self) -> None:
        async def shown(user: UUID) -> dict[UUID, Any]:
            return {each.id: each for each in await self._vault.list(user)}

        for user, connection, token in self.done.connections:
            label = (await shown(user))[connection].label
            got = await self._vault.credential(user, "spotify", label)
            assert (got.connection, got.access_token.get_secret_value()) == (str(connection), token)
        for user, connection in self.done.disconnects:
            assert connection not in await shown(user)
        for user, connection, label in self.done.names:
            assert (await shown(user))[connection].label == label
        for user, connection in self.done.defaults:
            assert [each.id for each in (await shown(user)).values() if each.is_default] == [connection]


async def test_no_acknowledged_write_is_lost_when_the_database_is_killed(
    postgres: Postgres, ring_path: Path, emulator: EmulatorProcess, say: Say
) -> None:
    total: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        database = Database(postgres.url)
        await database.open()
        stack.push_async_callback(database.close)
        transport = await stack.enter_async_context(Transport(emulator_origin=emulator.origin))
        vault = await vault_over(database, ring_path, transport)
        for _ in range(OUTAGES):
            writers = Writers(database, vault)
            tasks = [asyncio.create_task(writers.write()) for _ in range(WRITERS)]
            async with asyncio.timeout(60):
                while min(writers.done.counts().values()) < LEAST:
                    await asyncio.sleep(0)
                    assert not any(task.done() for task in tasks)
            await asyncio.to_thread(postgres.kill)
            writers.going = False
            await asyncio.to_thread(postgres.start)
            await asyncio.gather(*tasks)
            await _answers(database)
            await writers.verify()
            total.update(writers.done.counts())
    written = ", ".join(f"{count} {what.replace('_', '-')}" for what, count in total.items())
    say(f"database killed {OUTAGES} times under writes; acknowledged and there: {written}; lost 0")


async def _answers(database: Database) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(Busy):
                async with database.connection() as link:
                    await link.execute("SELECT 1")
                    return
