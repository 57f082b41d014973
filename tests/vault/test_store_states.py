"""Provider states: one browser, one person, one provider, once, for ten minutes."""

from __future__ import annotations

import asyncio
import os
from uuid import UUID

import pytest

from vault.ids import new_id
from vault.store.database import Database
from vault.store.states import State, States
from vault.store.users import User, Users


@pytest.fixture
async def user(database: Database) -> User:
    return await Users(database).sign_in("https://issuer.example", os.urandom(32), "Ana")


def connect_state(user: UUID) -> State:
    return State("connect", "spotify", "operator", None, user, new_id(), b"sealed", {"asked": ["a"]})


def signin_state() -> State:
    return State("signin", "spotify", "operator", None, None, new_id(), b"sealed", {"next": "/account"})


async def expire(database: Database, key: bytes) -> None:
    async with database.connection() as link:
        await link.execute("UPDATE states SET expires_at = now() WHERE hash = %s", (key,))


async def test_a_state_comes_back_as_it_was_noted_and_only_once(database: Database, user: User) -> None:
    states, key, browser, state = States(database), os.urandom(32), os.urandom(32), connect_state(user.id)
    await states.add(key, browser, state)
    assert await states.consume(key, browser, "spotify", user.id) == state
    assert await states.consume(key, browser, "spotify", user.id) is None
    assert (await states.misfit(key, browser, user.id)).fault == "used"


async def test_of_many_callbacks_at_once_one_wins(database: Database, user: User) -> None:
    states, key, browser = States(database), os.urandom(32), os.urandom(32)
    await states.add(key, browser, connect_state(user.id))
    got = await asyncio.gather(*(states.consume(key, browser, "spotify", user.id) for _ in range(8)))
    assert sum(state is not None for state in got) == 1


async def test_another_browser_person_or_provider_does_not_use_it_up(database: Database, user: User) -> None:
    states, key, browser = States(database), os.urandom(32), os.urandom(32)
    await states.add(key, browser, connect_state(user.id))
    assert await states.consume(key, os.urandom(32), "spotify", user.id) is None
    assert await states.consume(key, browser, "spotify", new_id()) is None
    assert await states.consume(key, browser, "spotify", None) is None
    assert await states.consume(key, browser, "google", user.id) is None
    assert await states.consume(key, browser, "spotify", user.id) is not None


async def test_a_sign_in_asks_for_the_browser_and_for_nobody(database: Database) -> None:
    states, key, browser = States(database), os.urandom(32), os.urandom(32)
    await states.add(key, browser, signin_state())
    assert await states.consume(key, os.urandom(32), "spotify", None) is None
    found = await states.consume(key, browser, "spotify", new_id())
    assert found is not None
    assert found.user_id is None


async def test_a_state_lives_ten_minutes(database: Database, user: User) -> None:
    states, key, browser, state = States(database), os.urandom(32), os.urandom(32), connect_state(user.id)
    await states.add(key, browser, state)
    async with database.connection() as link:
        rows = await link.execute(
            "SELECT expires_at - created_at = interval '10 minutes' FROM states WHERE hash = %s", (key,)
        )
        assert await rows.fetchone() == (True,)
    await expire(database, key)
    assert await states.consume(key, browser, "spotify", user.id) is None
    misfit = await states.misfit(key, browser, user.id)
    assert (misfit.fault, misfit.state) == ("expired", state)


async def test_a_stranger_learns_nothing_about_a_state(database: Database, user: User) -> None:
    states, key, browser = States(database), os.urandom(32), os.urandom(32)
    await states.add(key, browser, connect_state(user.id))
    for misfit in (
        await states.misfit(key, os.urandom(32), user.id),
        await states.misfit(key, browser, new_id()),
        await states.misfit(key, browser, None),
    ):
        assert (misfit.fault, misfit.state) == ("elsewhere", None)
    assert (await states.misfit(os.urandom(32), browser, user.id)).fault == "unknown"


async def test_the_sweep_keeps_a_day(empty_database: Database) -> None:
    states, live, recent, old = States(empty_database), os.urandom(32), os.urandom(32), os.urandom(32)
    for key in (live, recent, old):
        await states.add(key, os.urandom(32), signin_state())
    await expire(empty_database, recent)
    async with empty_database.connection() as link:
        await link.execute("UPDATE states SET expires_at = now() - interval '2 days' WHERE hash = %s", (old,))
    assert await states.sweep() == 1
