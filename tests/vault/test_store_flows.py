"""Flows: handles, reuse, and one answer each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from vault.ids import new_id
from vault.opaque import digest
from vault.store.clients import Client, Clients
from vault.store.database import Database
from vault.store.flows import AlreadyUsed, AuthorizeRequest, ConnectFlow, Flows
from vault.store.grants import Grants, settle
from vault.store.users import Users

Person = Callable[[], Awaitable[UUID]]
CALLBACK = "http://localhost:3334/cb"


@pytest.fixture
def flows(database: Database) -> Flows:
    return Flows(database, b"k" * 32)


@pytest.fixture
async def client(database: Database) -> str:
    made = Client(f"flows-{new_id()}", "dcr", "A chat", (CALLBACK,), "none")
    await Clients(database).add(made)
    return made.id


def request(client: str) -> AuthorizeRequest:
    return AuthorizeRequest(
        client_id=client,
        redirect_uri=CALLBACK,
        registered_uri="http://localhost/cb",
        redirect_sent=True,
        scopes=frozenset({"a:read", "b:write"}),
        state="s' \\ ü \U0001f511",
        code_challenge="c" * 43,
        resource="https://host.example/mcp",
    )


async def rows(database: Database, statement: Any, *values: object) -> list[tuple[Any, ...]]:
    async with database.connection() as link:
        cursor = await link.execute(statement, values)
        return await cursor.fetchall() if cursor.description else []


async def test_a_handle_finds_its_flow_and_is_not_in_the_database(
    database: Database, flows: Flows, client: str
) -> None:
    handle = await flows.create_authorize(request(client))
    assert len(handle) == 43
    flow = await flows.find_authorize(handle)
    assert flow is not None
    assert (flow.client_id, flow.client_name, flow.client_kind) == (client, "A chat", "dcr")
    assert (flow.redirect_uri, flow.registered_uri) == (CALLBACK, "http://localhost/cb")
    assert flow.scopes == {"a:read", "b:write"}
    assert flow.state == "s' \\ ü \U0001f511"
    kept = await rows(
        database,
        "SELECT f::text, handle_hash, expires_at - created_at = interval '60 minutes'"
        " FROM flows f WHERE id = %s",
        flow.id,
    )
    assert handle not in kept[0][0]
    assert kept[0][1:] == (digest(handle), True)
    assert await flows.find_authorize(handle[:-1]) is None
    assert await flows.find_connect(handle) is None
    assert await Flows(database, b"j" * 32).find_authorize(handle) is not None


async def test_handles_depend_on_the_key(database: Database, client: str) -> None:
    flow_id = new_id()
    handles = {Flows(database, key)._handle(flow_id) for key in (b"a" * 32, b"b" * 32, b"a" * 32)}
    assert len(handles) == 2


async def test_approval_keeps_a_code_and_a_grant_or_nothing(
    database: Database, flows: Flows, client: str, person: Person
) -> None:
    user, code = await person(), os.urandom(32)
    flow = await flows.find_authorize(await flows.create_authorize(request(client)))
    assert flow is not None
    chosen = frozenset({"a:read"})
    other, taken = await flows.find_authorize(await flows.create_authorize(request(client))), os.urandom(32)
    assert other is not None
    await flows.approve(other.id, await person(), asked=flow.scopes, chosen=chosen, code_hash=taken)
    with pytest.raises(Exception, match="duplicate key"):
        await flows.approve(flow.id, user, asked=flow.scopes, chosen=chosen, code_hash=taken)
    assert await Grants(database).list(user) == []
    grant = await flows.approve(flow.id, user, asked=flow.scopes, chosen=chosen, code_hash=code)
    assert await rows(
        database,
        "SELECT grant_id, client_id, redirect_uri, code_challenge, resource, consumed_at, family_id"
        " FROM codes WHERE hash = %s",
        code,
    ) == [(grant, client, CALLBACK, "c" * 43, "https://host.example/mcp", None, None)]
    (held,) = await Grants(database).list(user)
    assert (held.id, held.redirect_uri, held.scopes) == (grant, "http://localhost/cb", chosen)
    with pytest.raises(AlreadyUsed):
        await flows.approve(flow.id, user, asked=flow.scopes, chosen=chosen, code_hash=os.urandom(32))
    with pytest.raises(AlreadyUsed):
        await flows.deny(flow.id)


async def question(database: Database, client: str, user: UUID, **changes: Any) -> dict[str, Any]:
    async with database.transaction() as link:
        grant = await settle(
            link,
            user_id=user,
            client_id=client,
            redirect_uri=CALLBACK,
            asked=frozenset(),
            chosen=frozenset(),
        )
    return {
        "user_id": user,
        "client_id": client,
        "grant_id": grant,
        "provider": "spotify",
        "ours": frozenset({"spotify:write", "spotify:read"}),
        "upstream": frozenset({"b", "a"}),
        "label": None,
        **changes,
    }


async def test_a_connect_flow_knows_what_was_asked(
    database: Database, flows: Flows, client: str, person: Person
) -> None:
    user = await person()
    asked = await question(database, client, user, label="work")
    handle = await flows.ask_connect(**asked)
    flow = await flows.find_connect(handle)
    assert flow is not None
    assert flow == ConnectFlow(id=flow.id, client_name="A chat", **asked)
    assert await flows.find_authorize(handle) is None
    with pytest.raises(AlreadyUsed):
        await flows.deny(flow.id)


async def test_asking_again_gives_the_pending_flow_a_new_hour(
    database: Database, flows: Flows, client: str, person: Person
) -> None:
    user = await person()
    asked = await question(database, client, user)
    handles = await asyncio.gather(*(flows.ask_connect(**asked) for _ in range(10)))
    assert len(set(handles)) == 1
    await rows(
        database,
        "UPDATE flows SET expires_at = now() + interval '1 minute' WHERE handle_hash = %s",
        digest(handles[0]),
    )
    assert await flows.ask_connect(**asked) == handles[0]
    assert await rows(
        database,
        "SELECT expires_at > now() + interval '59 minutes' FROM flows WHERE user_id = %s",
        user,
    ) == [(True,)]


async def test_another_question_is_another_flow(
    database: Database, flows: Flows, client: str, person: Person
) -> None:
    user, other = await person(), await person()
    asked = await question(database, client, user)
    handles = {await flows.ask_connect(**asked)}
    for change in (
        {"user_id": other},
        {"client_id": None},
        {"grant_id": None},
        {"client_id": None, "grant_id": None},
        {"provider": "google"},
        {"ours": frozenset({"spotify:read"})},
        {"upstream": frozenset({"a"})},
        {"label": "work"},
    ):
        handles.add(await flows.ask_connect(**{**asked, **change}))
    assert len(handles) == 9
    own = await flows.find_connect(await flows.ask_connect(**{**asked, "client_id": None, "grant_id": None}))
    assert own is not None
    assert (own.client_id, own.client_name, own.grant_id) == (None, None, None)


async def test_a_connect_flow_is_finished_once_by_its_person(
    database: Database, flows: Flows, client: str, person: Person
) -> None:
    user, other = await person(), await person()
    asked = await question(database, client, user)
    handle = await flows.ask_connect(**asked)
    flow = await flows.find_connect(handle)
    assert flow is not None
    assert not await flows.finish_connect(flow.id, other)
    assert not await flows.connected(handle, user)
    done = await asyncio.gather(*(flows.finish_connect(flow.id, user) for _ in range(10)))
    assert sum(done) == 1
    assert await flows.connected(handle, user)
    assert not await flows.connected(handle, other)
    assert not await flows.connected("x" * 43, user)
    assert await flows.find_connect(handle) is None
    assert await flows.find_lapsed(handle, user) is None
    assert await flows.ask_connect(**asked) != handle


async def test_an_expired_link_is_over_but_known_to_its_person(
    database: Database, flows: Flows, client: str, person: Person
) -> None:
    user, other = await person(), await person()
    asked = await question(database, client, user)
    handle = await flows.ask_connect(**asked)
    assert await flows.find_lapsed(handle, user) is None
    await rows(database, "UPDATE flows SET expires_at = now() WHERE handle_hash = %s", digest(handle))
    assert await flows.find_connect(handle) is None
    lapsed = await flows.find_lapsed(handle, user)
    assert lapsed is not None
    assert lapsed.upstream == asked["upstream"]
    assert await flows.find_lapsed(handle, other) is None
    assert await flows.ask_connect(**asked) != handle
    assert await flows.finish_connect(lapsed.id, user), "the person was at the provider meanwhile"


async def test_the_sweep_keeps_a_day(empty_database: Database) -> None:
    await Clients(empty_database).add(Client("sweep", "dcr", "A chat", (CALLBACK,), "none"))
    flows = Flows(empty_database, b"k" * 32)
    kept = [await flows.create_authorize(request("sweep")) for _ in range(3)]
    for handle, days in zip(kept, (0, 1, 2), strict=True):
        await rows(
            empty_database,
            "UPDATE flows SET consumed_at = now(),"
            " expires_at = now() + interval '1 hour' - make_interval(days => %s) WHERE handle_hash = %s",
            days,
            digest(handle),
        )
    assert await flows.sweep() == 1


async def test_the_sweep_keeps_an_unanswered_request_an_hour(empty_database: Database) -> None:
    await Clients(empty_database).add(Client("sweep", "dcr", "A chat", (CALLBACK,), "none"))
    flows = Flows(empty_database, b"k" * 32)
    for minutes in (-5, 55, 65):
        handle = await flows.create_authorize(request("sweep"))
        await rows(
            empty_database,
            "UPDATE flows SET expires_at = now() - make_interval(mins => %s) WHERE handle_hash = %s",
            minutes,
            digest(handle),
        )
    assert await flows.sweep() == 1


async def test_a_yes_of_somebody_gone_or_shut_out_gives_nothing(
    database: Database, flows: Flows, client: str, person: Person
) -> None:
    """It was on its way when the person was deleted or blocked."""
    gone, blocked, kept = await person(), await person(), await person()
    await rows(database, "DELETE FROM users WHERE id = %s", gone)
    await Users(database).block(blocked)
    flow = await flows.find_authorize(await flows.create_authorize(request(client)))
    assert flow is not None
    given = {"asked": flow.scopes, "chosen": flow.scopes, "code_hash": os.urandom(32)}
    for user in (gone, blocked):
        with pytest.raises(AlreadyUsed):
            await flows.approve(flow.id, user, **given)
        assert await Grants(database).list(user) == []
    assert await flows.approve(flow.id, kept, **given), "and it took nothing from the one who may"
