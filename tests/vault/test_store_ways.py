"""Ways in: never two persons' and never none."""

from __future__ import annotations

import asyncio
import os

import pytest

from vault.store.database import Database
from vault.store.users import Identity, User, Users
from vault.store.ways import Ways

ISSUER, OTHER = "https://issuer.example", "https://other.example"


@pytest.fixture
async def user(database: Database) -> User:
    return await Users(database).sign_in(ISSUER, os.urandom(32), "Ana")


async def test_a_second_way_in_leads_to_the_same_person(database: Database, user: User) -> None:
    ways, second = Ways(database), Identity(OTHER, os.urandom(32), "ana@example.org", frozenset({b"c" * 32}))
    assert await ways.whose(user.id, OTHER, second.subject_index) == "added"
    assert await ways.add(user.id, second) == "added"
    assert await ways.add(user.id, second) == "held"
    assert [(way.issuer, way.label) for way in await ways.list(user.id)] == [
        (ISSUER, "Ana"),
        (OTHER, "ana@example.org"),
    ]
    assert second in await Users(database).identities(user.id)
    assert (await Users(database).sign_in(OTHER, second.subject_index, "Ana")).id == user.id


async def test_what_another_person_signs_in_with_stays_theirs(database: Database, user: User) -> None:
    ways, users, theirs = Ways(database), Users(database), os.urandom(32)
    ben = await users.sign_in(OTHER, theirs, "Ben")
    assert await ways.whose(user.id, OTHER, theirs) == "taken"
    assert await ways.add(user.id, Identity(OTHER, theirs, "Ben")) == "taken"
    assert (await users.sign_in(OTHER, theirs, "Ben")).id == ben.id
    assert len(await ways.list(user.id)) == 1


async def test_two_persons_who_add_it_at_once_do_not_both_get_it(database: Database) -> None:
    users, ways, prize = Users(database), Ways(database), os.urandom(32)
    people = [await users.sign_in(ISSUER, os.urandom(32), "Ana") for _ in range(6)]
    said = await asyncio.gather(*(ways.add(each.id, Identity(OTHER, prize, "x")) for each in people))
    assert sorted(said) == ["added", *["taken"] * 5]


async def test_the_last_way_in_stays(database: Database, user: User) -> None:
    ways = Ways(database)
    [first] = await ways.list(user.id)
    assert not await ways.remove(user.id, first.id)
    await ways.add(user.id, Identity(OTHER, os.urandom(32), "Ana"))
    assert await ways.remove(user.id, first.id)
    [rest] = await ways.list(user.id)
    assert rest.issuer == OTHER


async def test_two_removals_at_once_leave_one(database: Database, user: User) -> None:
    ways = Ways(database)
    for _ in range(3):
        await ways.add(user.id, Identity(OTHER, os.urandom(32), "Ana"))
    held = await ways.list(user.id)
    done = await asyncio.gather(*(ways.remove(user.id, way.id) for way in held))
    assert sum(done) == 3
    assert len(await ways.list(user.id)) == 1


async def test_nobody_removes_anothers(database: Database, user: User) -> None:
    ways, ben = Ways(database), await Users(database).sign_in(ISSUER, os.urandom(32), "Ben")
    await ways.add(user.id, Identity(OTHER, os.urandom(32), "Ana"))
    for way in await ways.list(user.id):
        assert not await ways.remove(ben.id, way.id)
    assert len(await ways.list(user.id)) == 2
