"""What waits for a person's yes: theirs, in their browser, for ten minutes, once."""

from __future__ import annotations

import asyncio
import os

import pytest

from vault.ids import new_id
from vault.store.connections import Connections
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


# What a grant at a provider hangs on


def account(user: User, *, purpose: str = "connect", index: bytes = b"index") -> Pending:
    return Pending(purpose, user.id, new_id(), b"sealed", {"asked": ["a"]}, "spotify", "operator", index)


async def expire(database: Database, key: bytes) -> None:
    async with database.connection() as link:
        await link.execute("UPDATE pendings SET expires_at = now() WHERE hash = %s", (key,))


async def answer(database: Database, key: bytes, browser: bytes, user: User, number: int) -> bool:
    async with database.transaction() as link:
        return await Pendings(database).answer(link, key, browser, user.id, "connect", {"became": number})


async def test_of_many_answers_at_once_one_counts_and_the_secret_is_gone(
    database: Database, user: User
) -> None:
    pendings, key, browser, waits = Pendings(database), os.urandom(32), os.urandom(32), account(user)
    await pendings.add(key, browser, waits)
    found = await pendings.find(key, browser, user.id, "connect")
    assert found == waits
    assert 0 <= found.age < 60
    got = await asyncio.gather(*(answer(database, key, browser, user, number) for number in range(8)))
    assert sum(got) == 1
    assert await pendings.find(key, browser, user.id, "connect") is None
    assert await pendings.take(key, browser, user.id, "connect") is None
    misfit = await pendings.misfit(key, browser, user.id, "connect")
    assert (misfit.fault, misfit.params) == ("answered", {"asked": ["a"], "became": got.index(True)})
    async with database.connection() as link:
        row = await (await link.execute("SELECT sealed FROM pendings WHERE hash = %s", (key,))).fetchone()
    assert row == (None,)


async def test_another_browser_person_or_purpose_answers_nothing_and_learns_nothing(
    database: Database, user: User
) -> None:
    pendings, key, browser = Pendings(database), os.urandom(32), os.urandom(32)
    await pendings.add(key, browser, account(user))
    for asked in ((os.urandom(32), user.id, "connect"), (browser, new_id(), "connect"),
                  (browser, user.id, "link")):  # fmt: skip
        assert not await pendings.refuse(key, *asked)
        misfit = await pendings.misfit(key, *asked)
        assert (misfit.fault, misfit.params) in (("elsewhere", {}), ("unknown", {}))
    assert await pendings.refuse(key, browser, user.id, "connect")


async def test_an_answer_that_is_rolled_back_was_none(database: Database, user: User) -> None:
    pendings, key, browser = Pendings(database), os.urandom(32), os.urandom(32)
    await pendings.add(key, browser, account(user))

    async def fail() -> None:
        async with database.transaction() as link:
            assert await pendings.answer(link, key, browser, user.id, "connect", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await pendings.find(key, browser, user.id, "connect") is not None


async def test_what_lapsed_is_taken_once_and_can_t_be_answered(database: Database, user: User) -> None:
    pendings, browser = Pendings(database), os.urandom(32)
    keys = [os.urandom(32) for _ in range(3)]
    waits = [account(user, purpose=f"p{keys[0].hex()}") for _ in keys]
    for key, each in zip(keys, waits, strict=True):
        await pendings.add(key, browser, each)
    purpose = waits[0].purpose
    assert await pendings.lapsed(purpose) == []
    for key in keys[:2]:
        await expire(database, key)
    both = await asyncio.gather(*(pendings.lapsed(purpose) for _ in range(4)))
    taken = [each for some in both for each in some]
    assert len(taken) == 2
    assert all(each in waits[:2] for each in taken)
    assert not await pendings.refuse(keys[0], browser, user.id, purpose)
    assert (await pendings.misfit(keys[0], browser, user.id, purpose)).fault == "expired"
    assert await pendings.find(keys[2], browser, user.id, purpose) is not None


async def test_an_account_counts_as_alive_only_while_it_waits(database: Database, user: User) -> None:
    pendings, connections = Pendings(database), Connections(database)
    key, browser, index = os.urandom(32), os.urandom(32), os.urandom(32)
    await pendings.add(key, browser, account(user, index=index))
    assert await connections.alive("spotify", index, "operator")
    assert not await connections.alive("spotify", index, "another app")
    assert not await connections.alive("google", index, "operator")
    await pendings.refuse(key, browser, user.id, "connect")
    assert not await connections.alive("spotify", index, "operator")
    late = os.urandom(32)
    await pendings.add(late, browser, account(user, index=index))
    await expire(database, late)
    assert not await connections.alive("spotify", index, "operator")


async def test_the_sweep_leaves_what_has_yet_to_be_ended(empty_database: Database) -> None:
    user = await Users(empty_database).sign_in("https://issuer.example", os.urandom(32), "Ana")
    pendings, key, browser = Pendings(empty_database), os.urandom(32), os.urandom(32)
    await pendings.add(key, browser, account(user))
    async with empty_database.connection() as link:
        await link.execute("UPDATE pendings SET expires_at = now() - interval '25 hours'")
    assert await pendings.sweep() == 0
    assert len(await pendings.lapsed("connect")) == 1
    assert await pendings.sweep() == 1


async def test_what_a_blocked_person_had_open_lapses_at_once(database: Database, user: User) -> None:
    pendings, key, browser = Pendings(database), os.urandom(32), os.urandom(32)
    await pendings.add(key, browser, account(user, purpose=key.hex()))
    await Users(database).block(user.id)
    assert await pendings.find(key, browser, user.id, key.hex()) is None
    assert len(await pendings.lapsed(key.hex())) == 1
