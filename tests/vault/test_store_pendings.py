"""What waits for a person's yes: theirs, in their browser, for ten minutes, once."""

from __future__ import annotations

import asyncio
import os

import pytest

from vault.ids import new_id
from vault.store.database import Database
from vault.store.pendings import Pending, Pendings
from vault.store.users import User, Users


@pytest.fixture
async def user(database: Database) -> User:
    return await Users(database).sign_in("https://issuer.example", os.urandom(32), "Ana")


def waiting(user: User) -> Pending:
    return Pending("link", user.id, new_id(), b"sealed", {"provider": "spotify"})


async def test_it_is_seen_as_often_as_one_likes_and_taken_once(database: Database, user: User) -> None:
    pendings, key, browser = Pendings(database), os.urandom(32), os.urandom(32)
    await pendings.add(key, browser, waiting(user))
    for _ in range(2):
        found = await pendings.find(key, browser, user.id, "link")
        assert found is not None
        assert (found.sealed, found.params) == (b"sealed", {"provider": "spotify"})
    taken = await asyncio.gather(*(pendings.take(key, browser, user.id, "link") for _ in range(8)))
    assert [each for each in taken if each] == [found]
    assert await pendings.find(key, browser, user.id, "link") is None


@pytest.mark.parametrize("stranger", ["handle", "browser", "person", "purpose", "late"])
async def test_nobody_else_sees_it_or_uses_it_up(database: Database, user: User, stranger: str) -> None:
    pendings, key, browser = Pendings(database), os.urandom(32), os.urandom(32)
    await pendings.add(key, browser, waiting(user))
    other = await Users(database).sign_in("https://issuer.example", os.urandom(32), "Ben")
    asked = (
        os.urandom(32) if stranger == "handle" else key,
        os.urandom(32) if stranger == "browser" else browser,
        other.id if stranger == "person" else user.id,
        "connect" if stranger == "purpose" else "link",
    )
    if stranger == "late":
        async with database.connection() as link:
            await link.execute("UPDATE pendings SET expires_at = now() WHERE hash = %s", (key,))
    assert await pendings.find(*asked) is None
    assert await pendings.take(*asked) is None
    if stranger != "late":
        assert await pendings.take(key, browser, user.id, "link") is not None


async def test_the_sweep_takes_what_is_over(empty_database: Database) -> None:
    user = await Users(empty_database).sign_in("https://issuer.example", os.urandom(32), "Ana")
    pendings, live, old, browser = Pendings(empty_database), os.urandom(32), os.urandom(32), os.urandom(32)
    for key in (live, old):
        await pendings.add(key, browser, waiting(user))
    async with empty_database.connection() as link:
        await link.execute("UPDATE pendings SET expires_at = now() WHERE hash = %s", (old,))
    assert await pendings.sweep() == 1
    assert await pendings.find(live, browser, user.id, "link") is not None
