"""Grants: one live one per person, client and address; raised and cut by their person only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from vault.ids import new_id
from vault.store.clients import Client, Clients
from vault.store.database import Database
from vault.store.grants import Grants, settle

Person = Callable[[], Awaitable[UUID]]
NONE: frozenset[str] = frozenset()


def scopes(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.fixture
async def client(database: Database) -> str:
    made = Client(f"grants-{new_id()}", "cimd", "A chat", ("http://localhost/cb",), "none")
    await Clients(database).add(made)
    return made.id


async def allow(
    database: Database,
    user: UUID,
    client: str,
    chosen: frozenset[str],
    asked: frozenset[str] = NONE,
    redirect_uri: str = "http://localhost/cb",
) -> UUID:
    async with database.transaction() as link:
        return await settle(
            link, user_id=user, client_id=client, redirect_uri=redirect_uri, asked=asked, chosen=chosen
        )


async def test_a_consent_makes_a_grant_that_its_person_sees(
    database: Database, person: Person, client: str
) -> None:
    grants, user = Grants(database), await person()
    made = await allow(database, user, client, scopes("b:read", "a:read"))
    (grant,) = await grants.list(user)
    assert (grant.id, grant.client_id, grant.client_name, grant.client_kind) == (
        made,
        client,
        "A chat",
        "cimd",
    )
    assert grant.scopes == {"a:read", "b:read"}
    assert grant.last_used_at is None
    assert await grants.find(user, client, "http://localhost/cb") == grant
    assert await grants.find(user, client, "http://localhost/other") is None
    other = await person()
    assert await grants.list(other) == []
    assert await grants.find(other, client, "http://localhost/cb") is None


async def test_many_consents_at_once_make_one_grant(database: Database, person: Person, client: str) -> None:
    user = await person()
    made = await asyncio.gather(*(allow(database, user, client, scopes(f"s{n}:read")) for n in range(10)))
    assert len(set(made)) == 1
    (grant,) = await Grants(database).list(user)
    assert grant.scopes == {f"s{n}:read" for n in range(10)}


async def test_a_choice_replaces_what_was_asked_and_nothing_else(
    database: Database, person: Person, client: str
) -> None:
    user = await person()
    await allow(database, user, client, scopes("a:read", "b:write"))
    await allow(database, user, client, scopes("a:write"), asked=scopes("a:read", "a:write"))
    (grant,) = await Grants(database).list(user)
    assert grant.scopes == {"a:write", "b:write"}


async def test_a_grant_is_raised_by_its_person_only(database: Database, person: Person, client: str) -> None:
    grants, user, other = Grants(database), await person(), await person()
    grant = await allow(database, user, client, scopes("a:read"))
    assert await grants.raise_(other, grant, scopes("a:write")) is None
    raised = await asyncio.gather(*(grants.raise_(user, grant, scopes(f"s{n}:read")) for n in range(10)))
    everything = scopes("a:read", *(f"s{n}:read" for n in range(10)))
    assert everything in raised
    assert (await grants.list(user))[0].scopes == everything
    assert await grants.raise_(user, new_id(), scopes("a:write")) is None


async def test_a_grant_is_cut_by_its_person_only_and_once(
    database: Database, person: Person, client: str
) -> None:
    grants, user, other = Grants(database), await person(), await person()
    grant = await allow(database, user, client, scopes("a:read"))
    assert not await grants.cut(other, grant)
    assert await grants.cut(user, grant)
    assert not await grants.cut(user, grant)
    assert await grants.list(user) == []
    assert await grants.raise_(user, grant, scopes("a:write")) is None
    again = await allow(database, user, client, scopes("b:read"))
    assert again != grant
    (fresh,) = await grants.list(user)
    assert fresh.scopes == {"b:read"}
