"""People and identities: one person per identity, whatever else looks alike."""

from __future__ import annotations

import asyncio
import os

from vault.ids import new_id
from vault.store.database import Database
from vault.store.users import Users

ISSUER = "https://accounts.spotify.com"


def index() -> bytes:
    return os.urandom(32)


async def test_the_first_sign_in_makes_a_person_and_the_next_finds_them(database: Database) -> None:
    users, who = Users(database), index()
    first = await users.sign_in(ISSUER, who, "Ana")
    again = await users.sign_in(ISSUER, who, "Ana Maria")
    assert again.id == first.id
    assert first.display_name == "Ana"
    assert [i.label for i in await users.identities(first.id)] == ["Ana Maria"]


async def test_the_same_subject_at_another_issuer_is_another_person(database: Database) -> None:
    users, who = Users(database), index()
    one = await users.sign_in(ISSUER, who, "Ana")
    other = await users.sign_in("https://elsewhere.example", who, "Ana")
    assert one.id != other.id


async def test_first_sign_ins_at_once_make_one_person(empty_database: Database) -> None:
    users, who = Users(empty_database), index()
    found = await asyncio.gather(*(users.sign_in(ISSUER, who, "Ana") for _ in range(8)))
    assert len({user.id for user in found}) == 1
    async with empty_database.connection() as link:
        row = await (await link.execute("SELECT count(*) FROM users")).fetchone()
    assert row == (1,)


async def test_a_blocked_person_is_told_apart_and_loses_sessions(database: Database) -> None:
    users, who = Users(database), index()
    user = await users.sign_in(ISSUER, who, "Ana")
    async with database.connection() as link:
        await link.execute(
            "INSERT INTO sessions (hash, user_id, expires_at) VALUES (%s, %s, now() + interval '1 day')",
            (index(), user.id),
        )
    await users.block(user.id)
    assert (await users.sign_in(ISSUER, who, "Ana")).blocked
    found = await users.find(user.id)
    assert found is not None
    assert found.blocked
    async with database.connection() as link:
        rows = await link.execute("SELECT 1 FROM sessions WHERE user_id = %s", (user.id,))
        assert await rows.fetchone() is None


async def test_an_unknown_person_is_nobody(database: Database) -> None:
    users = Users(database)
    assert await users.find(new_id()) is None
    assert await users.identities(new_id()) == []
