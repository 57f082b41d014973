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


async def test_a_person_sees_their_live_sessions_and_ends_them_one_by_one_or_all(
    database: Database, user: User
) -> None:
    sessions, here, there, idle = Sessions(database), *(os.urandom(32) for _ in range(3))
    for key, browser in ((here, "Firefox on Linux"), (there, "Safari on a phone"), (idle, "")):
        await sessions.begin(key, user.id, browser)
    await age(database, idle, "last_seen_at", "7 days")
    seen = await sessions.list(user.id, here)
    assert [(visit.browser, visit.here) for visit in seen] == [
        ("Firefox on Linux", True),
        ("Safari on a phone", False),
    ]
    ben = await Users(database).sign_in("https://issuer.example", os.urandom(32), "Ben")
    assert not await sessions.end_one(ben.id, seen[1].id)
    assert await sessions.list(ben.id, here) == []
    assert await sessions.end_one(user.id, seen[1].id)
    assert not await sessions.end_one(user.id, seen[1].id)
    assert await sessions.find(there) is None
    await sessions.begin(there, user.id)
    assert await sessions.end_all(user.id, but=here) == 2
    assert await sessions.find(here) is not None
    assert await sessions.end_all(ben.id) == 0
    assert await sessions.end_all(user.id) == 1
    assert await sessions.find(here) is None


async def test_the_proof_of_a_session_is_recent_for_ten_minutes(database: Database, user: User) -> None:
    sessions, key = Sessions(database), os.urandom(32)
    await sessions.begin(key, user.id)
    for interval, recent in (("9 minutes 50 seconds", True), ("10 minutes", False)):
        async with database.connection() as link:
            await link.execute(
                "UPDATE sessions SET authenticated_at = now() - %s::interval WHERE hash = %s", (interval, key)
            )
        found = await sessions.find(key)
        assert found is not None
        assert found.recent is recent
