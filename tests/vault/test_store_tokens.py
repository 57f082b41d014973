"""Tokens at rest: what a check sees, and what each ending does to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tests.support.bearer import speaks_for
from vault.ids import new_id
from vault.opaque import digest
from vault.store.callers import Principal
from vault.store.clients import Client, Clients
from vault.store.database import Database
from vault.store.flows import AuthorizeRequest, Flows
from vault.store.grants import Grants
from vault.store.tokens import Code, Issued, Refusal, Tokens

CALLBACK = "http://localhost:3334/cb"
RESOURCE = "https://host.example/mcp"


def plain(_: UUID, data: bytes) -> bytes:
    return data


def any_proof(_: Code) -> bool:
    return True


class Bench:
    """One person, one client, and how to get tokens for them."""

    def __init__(self, database: Database, user: UUID, client: Client) -> None:
        self.database = database
        self.user = user
        self.client = client
        self.tokens = Tokens(database)

    async def code(self) -> bytes:
        flows, code = Flows(self.database, b"k" * 32), os.urandom(32)
        asked = AuthorizeRequest(
            client_id=self.client.id,
            redirect_uri=CALLBACK,
            registered_uri=CALLBACK,
            redirect_sent=True,
            scopes=frozenset({"a:read"}),
            state=None,
            code_challenge="c" * 43,
            resource=RESOURCE,
        )
        flow = await flows.find_authorize(await flows.create_authorize(asked))
        assert flow is not None
        await flows.approve(flow.id, self.user, asked=flow.scopes, chosen=flow.scopes, code_hash=code)
        return code

    async def issued(self) -> Issued:
        issued = await self.tokens.exchange(await self.code(), self.client.id, any_proof)
        assert isinstance(issued, Issued)
        return issued

    async def refresh(self, issued: Issued) -> Issued | Refusal:
        key = digest(issued.refresh_token.get_secret_value())
        return await self.tokens.refresh(key, self.client.id, plain, plain)

    async def check(self, issued: Issued) -> Principal | None:
        return await speaks_for(self.database, digest(issued.access_token.get_secret_value()))

    async def run(self, statement: Any, **names: object) -> list[tuple[Any, ...]]:
        async with self.database.connection() as link:
            cursor = await link.execute(statement, {"user": self.user, "client": self.client.id, **names})
            return await cursor.fetchall() if cursor.description else []


async def bench_on(database: Database, user: UUID) -> Bench:
    client = Client(f"tokens-{new_id()}", "dcr", "A chat", (CALLBACK,), "none")
    await Clients(database).add(client)
    return Bench(database, user, client)


@pytest.fixture
async def bench(database: Database, person: Callable[[], Awaitable[UUID]]) -> Bench:
    return await bench_on(database, await person())


async def test_a_live_token_speaks_for_its_person(bench: Bench) -> None:
    issued = await bench.issued()
    who = await bench.check(issued)
    (grant,) = await Grants(bench.database).list(bench.user)
    assert who is not None
    assert (who.user_id, who.client_id, who.client_name) == (bench.user, bench.client.id, "A chat")
    assert (who.grant_id, who.scopes, who.resource) == (grant.id, frozenset({"a:read"}), RESOURCE)
    assert isinstance(who.expires_at, datetime)
    assert who.expires_at.tzinfo is not None
    ((left,),) = await bench.run(
        "SELECT extract(epoch FROM %(at)s - created_at)::int FROM access_tokens WHERE hash = %(hash)s",
        at=who.expires_at,
        hash=digest(issued.access_token.get_secret_value()),
    )
    assert left == 3600
    assert await speaks_for(bench.database, os.urandom(32)) is None


@pytest.mark.parametrize(
    "ending",
    [
        "UPDATE access_tokens SET expires_at = now() WHERE hash = %(hash)s",
        "UPDATE families SET revoked_at = now() WHERE grant_id = %(grant)s",
        "UPDATE grants SET revoked_at = now() WHERE id = %(grant)s",
        "UPDATE users SET blocked_at = now() WHERE id = %(user)s",
        "DELETE FROM users WHERE id = %(user)s",
        "DELETE FROM clients WHERE id = %(client)s",
    ],
)
async def test_each_ending_ends_the_token_at_once(bench: Bench, ending: str) -> None:
    issued = await bench.issued()
    assert await bench.check(issued) is not None
    await bench.run(ending, hash=digest(issued.access_token.get_secret_value()), grant=issued.grant_id)
    assert await bench.check(issued) is None


async def test_use_is_noted_at_most_once_a_minute(bench: Bench) -> None:
    issued = await bench.issued()
    seen = "SELECT last_used_at FROM grants WHERE user_id = %(user)s"
    assert await bench.run(seen) == [(None,)]
    await asyncio.gather(*(bench.check(issued) for _ in range(20)))
    noted = await bench.run(seen)
    assert noted != [(None,)]
    await bench.check(issued)
    assert await bench.run(seen) == noted
    await bench.run("UPDATE grants SET last_used_at = now() - interval '61 s' WHERE user_id = %(user)s")
    await bench.check(issued)
    ((again,),) = await bench.run(seen)
    assert again >= noted[0][0]


async def test_a_check_never_waits_to_note_a_use(bench: Bench) -> None:
    issued = await bench.issued()
    async with bench.database.transaction() as link:
        await link.execute("SELECT FROM grants WHERE id = %s FOR UPDATE", (issued.grant_id,))
        assert await bench.check(issued) is not None


async def test_the_code_tells_its_judge_what_it_was_made_for(bench: Bench) -> None:
    judged: list[Code] = []

    def refuse(code: Code) -> bool:
        judged.append(code)
        return False

    code = await bench.code()
    assert await bench.tokens.exchange(code, bench.client.id, refuse) is Refusal.MISMATCH
    assert judged == [Code(CALLBACK, CALLBACK, "c" * 43, RESOURCE)]
    assert "c" * 43 not in repr(judged)
    assert await bench.tokens.exchange(code, bench.client.id, any_proof) is Refusal.UNKNOWN


async def test_of_many_exchanges_one_wins_and_its_tokens_live_on(bench: Bench) -> None:
    code = await bench.code()
    got = await asyncio.gather(*(bench.tokens.exchange(code, bench.client.id, any_proof) for _ in range(20)))
    (issued,) = [each for each in got if isinstance(each, Issued)]
    assert got.count(Refusal.REPEATED) == 19
    assert await bench.check(issued) is not None
    assert await bench.tokens.exchange(code, bench.client.id, lambda _: False) is Refusal.REPLAYED
    assert await bench.check(issued) is None


async def test_the_holder_is_told_to_its_own_client_only(bench: Bench) -> None:
    issued = await bench.issued()
    key = digest(issued.refresh_token.get_secret_value())
    assert await bench.tokens.holder(key, bench.client.id, RESOURCE) == (bench.user, True)
    assert await bench.tokens.holder(key, "another", RESOURCE) is None
    assert await bench.tokens.holder(key, bench.client.id, "https://moved.example/mcp") is None
    assert await bench.tokens.holder(os.urandom(32), bench.client.id, RESOURCE) is None
    assert await bench.tokens.revoke(key, bench.client.id)
    assert await bench.tokens.holder(key, bench.client.id, RESOURCE) == (bench.user, False)


async def test_a_refresh_is_for_the_tokens_own_client(bench: Bench) -> None:
    key = digest((await bench.issued()).refresh_token.get_secret_value())
    assert await bench.tokens.refresh(key, "another", plain, plain) is Refusal.UNKNOWN
    assert isinstance(await bench.tokens.refresh(key, bench.client.id, plain, plain), Issued)


async def test_what_was_issued_does_not_show_in_its_repr(bench: Bench) -> None:
    issued = await bench.issued()
    for token in (issued.access_token, issued.refresh_token):
        assert token.get_secret_value() not in repr(issued)


async def test_a_seal_that_fails_leaves_the_token_unused(bench: Bench) -> None:
    issued = await bench.issued()

    def broken(*_: object) -> bytes:
        raise RuntimeError("no key")

    key = digest(issued.refresh_token.get_secret_value())
    with pytest.raises(RuntimeError, match="no key"):
        await bench.tokens.refresh(key, bench.client.id, broken, plain)
    assert isinstance(await bench.refresh(issued), Issued)


async def test_revoking_is_for_the_tokens_own_client(bench: Bench) -> None:
    issued = await bench.issued()
    key = digest(issued.access_token.get_secret_value())
    assert not await bench.tokens.revoke(key, "another")
    assert await bench.tokens.revoke(key, bench.client.id)
    assert not await bench.tokens.revoke(key, bench.client.id)
    assert await bench.refresh(issued) is Refusal.UNKNOWN


async def test_the_sweep_removes_what_ended_and_nothing_else(empty_database: Database) -> None:
    user = new_id()
    async with empty_database.connection() as link:
        await link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'Somebody')", (user,))
    bench = await bench_on(empty_database, user)
    alive, old = await bench.issued(), await bench.issued()
    assert isinstance(await bench.refresh(alive), Issued)
    assert await bench.tokens.sweep() == 0
    assert await _sealed(bench) == 1
    await bench.run("UPDATE refresh_tokens SET used_at = used_at - interval '3 minutes'")
    ended = {"family": await _family(bench, old)}
    await bench.run(
        "UPDATE access_tokens SET expires_at = now() - interval '25 h' WHERE family_id = %(family)s", **ended
    )
    await bench.run("UPDATE refresh_tokens SET expires_at = now() WHERE family_id = %(family)s", **ended)
    await bench.run("UPDATE families SET created_at = now() - interval '25 h' WHERE id = %(family)s", **ended)
    await bench.run(
        "UPDATE codes SET expires_at = now() - interval '25 h' WHERE family_id = %(family)s", **ended
    )
    assert await bench.tokens.sweep() == 4
    assert await _sealed(bench) == 0
    assert await bench.check(alive) is not None
    assert await bench.run("SELECT count(*) FROM families") == [(1,)]


async def _sealed(bench: Bench) -> int:
    ((count,),) = await bench.run("SELECT count(successor) FROM refresh_tokens")
    return int(count)


async def _family(bench: Bench, issued: Issued) -> UUID:
    ((family,),) = await bench.run(
        "SELECT family_id FROM access_tokens WHERE hash = %(hash)s",
        hash=digest(issued.access_token.get_secret_value()),
    )
    assert isinstance(family, UUID)
    return family
