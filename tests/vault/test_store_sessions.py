"""Browser sessions: how long they last and what ends them."""

from __future__ import annotations

import os

import pytest

from vault.store.database import Database
from vault.store.sessions import Sessions
from vault.store.users import User, Users


@pytest.fixture
async def user(database: Database) -> User:
    return await Users(database).sign_in("https://issuer.example", os.urandom(32), "Ana")


async def age(database: Database, key: bytes, column: str, interval: str) -> None:
    statements = {
        "last_seen_at": "UPDATE sessions SET last_seen_at = now() - %s::interval WHERE hash = %s",
        "expires_at": "UPDATE sessions SET expires_at = now() - %s::interval WHERE hash = %s",
    }
    async with database.connection() as link:
        await link.execute(statements[column], (interval, key))


async def test_a_session_names_its_person_until_it_ends(database: Database, user: User) -> None:
    sessions, key = Sessions(database), os.urandom(32)
    await sessions.begin(key, user.id)
    found = await sessions.find(key)
    assert found is not None
    assert found.user == user
    assert await sessions.find(os.urandom(32)) is None
    await sessions.end(key)
    assert await sessions.find(key) is None


@pytest.mark.parametrize(("column", "interval"), [("last_seen_at", "7 days"), ("expires_at", "1 second")])
async def test_idle_and_old_sessions_are_over(
    database: Database, user: User, column: str, interval: str
) -> None:
    sessions, key = Sessions(database), os.urandom(32)
    await sessions.begin(key, user.id)
    await age(database, key, column, interval)
    assert await sessions.find(key) is None


async def test_a_visit_keeps_a_session_from_idling_out(database: Database, user: User) -> None:
    sessions, key = Sessions(database), os.urandom(32)
    await sessions.begin(key, user.id)
    await age(database, key, "last_seen_at", "6 days")
    assert await sessions.find(key) is not None
    async with database.connection() as link:
        rows = await link.execute(
            "SELECT last_seen_at > now() - interval '1 minute' FROM sessions WHERE hash = %s", (key,)
        )
        assert await rows.fetchone() == (True,)


async def test_a_session_lasts_thirty_days_at_most(database: Database, user: User) -> None:
    sessions, key = Sessions(database), os.urandom(32)
    await sessions.begin(key, user.id)
    async with database.connection() as link:
        rows = await link.execute(
            "SELECT expires_at - created_at = interval '30 days' FROM sessions WHERE hash = %s", (key,)
        )
        assert await rows.fetchone() == (True,)


async def test_a_blocked_person_has_no_session(database: Database, user: User) -> None:
    sessions, key = Sessions(database), os.urandom(32)
    await sessions.begin(key, user.id)
    async with database.connection() as link:
        await link.execute("UPDATE users SET blocked_at = now() WHERE id = %s", (user.id,))
    assert await sessions.find(key) is None


async def test_the_sweep_takes_only_what_is_over(empty_database: Database) -> None:
    user = await Users(empty_database).sign_in("https://issuer.example", os.urandom(32), "Ana")
    sessions, live, idle, old = Sessions(empty_database), os.urandom(32), os.urandom(32), os.urandom(32)
    for key in (live, idle, old):
        await sessions.begin(key, user.id)
    await age(empty_database, idle, "last_seen_at", "8 days")
    await age(empty_database, old, "expires_at", "1 second")
    assert await sessions.sweep() == 2
    assert await sessions.find(live) is not None
