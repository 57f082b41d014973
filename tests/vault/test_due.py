"""Which connections are due ahead of anybody's need, when, and that no two workers take the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.vault.tended import DAY, HOUR, column, part, tended, window
from tests.vault.upstreams import FakeUpstream, connect, consent, run, scalar
from vault.store import due as due_module
from vault.store.database import Database
from vault.store.due import Claim, Due
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]


@pytest.fixture
def provider() -> str:
    """A provider that no other test has connections of."""
    return f"due-{uuid4().hex[:12]}"


@pytest.fixture
def due(database: Database) -> Due:
    return Due(database)


async def look(due: Due, provider: str, most: int = 20) -> tuple[int, list[Claim]]:
    return await due.claim(provider, most, ahead=300, seconds=20)


CHANGES: dict[str, tuple[dict[str, Any], str, bool]] = {
    "in use, its token nearly over": ({"left": 100}, "", True),
    "in use, its token over": ({"left": -DAY}, "", True),
    "used 29 days ago": ({"used": 29 * DAY}, "", True),
    "used 31 days ago": ({"used": 31 * DAY}, "", False),
    "never used": ({"used": None}, "", False),
    "in use, its token good for a while": ({"left": 400}, "", False),
    "idle for 91 days": ({"used": 91 * DAY, "left": -91 * DAY}, "", True),
    "idle for 80 days": ({"used": 80 * DAY, "left": -80 * DAY}, "", False),
    "in use through a token that lives for years": ({"left": 300 * DAY, "refreshed": 91 * DAY}, "", True),
    "a token that lives so shortly is left to who calls": ({"lives": 800, "left": 10}, "", False),
    "one that lives just long enough": ({"lives": 901, "left": 10}, "", True),
    "of somebody who is blocked": (
        {},
        "UPDATE users SET blocked_at = now() WHERE id = (SELECT owner FROM connections WHERE id = %s)",
        False,
    ),
    "a grant that is over": ({}, "UPDATE connections SET grant_expires_at = now() WHERE id = %s", False),
    "a grant that ends soon": (
        {}, "UPDATE connections SET grant_expires_at = now() + interval '1 day' WHERE id = %s", True,
    ),
    "in a pause": (
        {}, "UPDATE connections SET next_attempt_at = now() + interval '1 hour' WHERE id = %s", False,
    ),
    "under a lease": ({}, "UPDATE connections SET lease_until = now() + interval '1 h' WHERE id = %s", False),
    "after a lease that lapsed": ({}, "UPDATE connections SET lease_until = now() WHERE id = %s", True),
    "an attempt of half a minute ago without an answer": (
        {"used": None, "left": 3000},
        "UPDATE connections SET attempt_started_at = now() - interval '30 s' WHERE id = %s", True,
    ),
    "an attempt that may still be under way": (
        {"used": None, "left": 3000},
        "UPDATE connections SET attempt_started_at = now() - interval '5 s',"
        " lease_until = now() + interval '1 minute' WHERE id = %s", False,
    ),
    "an attempt without an answer that no grace covers": (
        {"used": None, "left": 3000},
        "UPDATE connections SET attempt_started_at = now() - interval '61 s' WHERE id = %s", False,
    ),
    "an attempt without an answer that was tried again": (
        {"used": None, "left": 3000},
        "UPDATE connections SET attempt_started_at = now() - interval '30 s', fail_count = 2 WHERE id = %s",
        False,
    ),
    # A worker of the release before refreshes and leaves the new columns as they are.
    "refreshed by a worker that knows no caretaker": ({"left": 3599, "refreshed": DAY}, "", False),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
async def test_what_is_due(
    due: Due, vault: Vault, upstream: FakeUpstream, person: Person, provider: str, name: str
) -> None:
    how, change, expected = CHANGES[name]
    owner = await person()
    connection = await tended(vault, upstream, owner, provider, **how)
    if change:
        await run(vault._database, change, connection.id)
    looked, claims = await look(due, provider)
    assert looked == 1
    assert claims == ([Claim(connection.id, owner, "operator", 1)] if expected else [])
    assert await look(due, provider) == (0, []), "nobody looks again before it is time"
    again = await column(vault._database, "tend_at", connection.id)
    assert 0 < again <= 20 if expected else again > 0


@pytest.mark.parametrize("status", ["needs_reauth", "disconnected"])
async def test_what_is_not_active_is_not_even_looked_at(
    due: Due, vault: Vault, upstream: FakeUpstream, person: Person, provider: str, status: str
) -> None:
    connection = await tended(vault, upstream, await person(), provider)
    await run(vault._database, "UPDATE connections SET status = %s WHERE id = %s", status, connection.id)
    assert await look(due, provider) == (0, [])


async def test_each_row_has_its_own_window_and_its_own_day(
    due: Due, vault: Vault, upstream: FakeUpstream, person: Person, provider: str, database: Database
) -> None:
    """What was connected at one moment comes due bit by bit, and all workers agree when."""
    ids = [(await tended(vault, upstream, await person(), provider, left=HOUR)).id for _ in range(40)]
    assert await look(due, provider, 100) == (40, [])
    ahead = {id: HOUR - await column(database, "tend_at", id) for id in ids}
    assert all(240 <= window(id) <= 360 for id in ids)
    assert all(abs(ahead[id] - window(id)) < 30 for id in ids), "but for the time this took"
    assert max(ahead.values()) - min(ahead.values()) > 60
    await run(
        database,
        "UPDATE connections SET last_used_at = NULL, tend_at = now(), refreshed_at = now()"
        " WHERE provider = %s",
        provider,
    )
    assert await look(due, provider, 100) == (40, [])
    days = {id: await column(database, "tend_at", id) / DAY for id in ids}
    assert all(abs(days[id] - (81 + 9 * part(id))) < 0.01 for id in ids)
    assert max(days.values()) - min(days.values()) > 4


async def test_a_refresh_says_itself_when_the_next_is_due(
    due: Due, vault: Vault, upstream: FakeUpstream, person: Person, provider: str, database: Database
) -> None:
    owner = await person()
    connection = await tended(vault, upstream, owner, provider, left=0)
    await vault.credential(owner, provider)
    exact = "SELECT extract(epoch FROM access_expires_at - tend_at)::float8 FROM connections WHERE id = %s"
    assert await scalar(database, exact, connection.id) == pytest.approx(window(connection.id), abs=0.001)
    assert -10 < await column(database, "refreshed_at", connection.id) <= 0
    assert await look(due, provider) == (0, [])


async def test_a_consent_that_brings_no_refresh_token_is_no_use_of_the_old_one(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    await run(
        database,
        "UPDATE connections SET refreshed_at = now() - interval '50 days',"
        " tend_at = now() + interval '9 days' WHERE id = %s",
        connection.id,
    )
    await consent(vault, owner, "consented")
    assert await column(database, "refreshed_at", connection.id) < -49 * DAY
    assert await column(database, "tend_at", connection.id) <= 0, "but the row is looked at anew"
    await connect(vault, upstream, owner)
    assert await column(database, "refreshed_at", connection.id) > -60


@pytest.mark.parametrize(("used", "looked"), [(None, 1), (31 * DAY, 1), (5 * DAY, 0)])
async def test_one_that_comes_back_into_use_is_looked_at_again(
    due: Due,
    vault: Vault,
    upstream: FakeUpstream,
    person: Person,
    provider: str,
    used: float | None,
    looked: int,
) -> None:
    owner = await person()
    await tended(vault, upstream, owner, provider, used=used, left=3000)
    assert await look(due, provider) == (1, [])
    await vault.credential(owner, provider)
    assert (await look(due, provider))[0] == looked


async def test_many_workers_at_once_never_take_the_same(
    due: Due, vault: Vault, upstream: FakeUpstream, person: Person, provider: str
) -> None:
    ids = {(await tended(vault, upstream, await person(), provider)).id for _ in range(48)}
    taken: list[UUID] = []
    while len(taken) < 48:
        several = await asyncio.gather(*(look(due, provider, 6) for _ in range(8)))
        taken += [claim.id for _, claims in several for claim in claims]
    assert len(taken) == 48 and set(taken) == ids


async def test_what_another_worker_holds_is_passed_over(
    due: Due, vault: Vault, upstream: FakeUpstream, person: Person, provider: str, database: Database
) -> None:
    held = await tended(vault, upstream, await person(), provider)
    other = await tended(vault, upstream, await person(), provider)
    async with database.transaction() as link:
        await link.execute("SELECT FROM connections WHERE id = %s FOR UPDATE", (held.id,))
        looked, claims = await look(due, provider)
    assert looked == 1 and [claim.id for claim in claims] == [other.id]


async def test_the_oldest_comes_first_and_a_claim_ends_by_itself(
    due: Due, vault: Vault, upstream: FakeUpstream, person: Person, provider: str, database: Database
) -> None:
    rows = [await tended(vault, upstream, await person(), provider) for _ in range(3)]
    await run(
        database, "UPDATE connections SET tend_at = now() - interval '1 hour' WHERE id = %s", rows[2].id
    )
    _, [first] = await look(due, provider, 1)
    assert first.id == rows[2].id
    await run(database, "UPDATE connections SET tend_at = now() WHERE id = %s", first.id)
    assert (await look(due, provider))[0] == 3


async def test_what_is_given_back_is_there_for_anybody_unless_it_moved_on(
    due: Due, vault: Vault, upstream: FakeUpstream, person: Person, provider: str
) -> None:
    owner, moved = await person(), await person()
    await tended(vault, upstream, owner, provider)
    await tended(vault, upstream, moved, provider)
    _, claims = await look(due, provider)
    await vault.credential(moved, provider, refused=1)
    await due.give_back(claims)
    _, again = await look(due, provider)
    assert [claim.owner for claim in again] == [owner]


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 60), (1, 60), (2, 120), (3, 240), (6, 1920), (7, 3600), (40, 3600)]
)
async def test_what_failed_waits_longer_each_time_up_to_an_hour(
    due: Due,
    vault: Vault,
    upstream: FakeUpstream,
    person: Person,
    provider: str,
    failures: int,
    seconds: float,
) -> None:
    database = vault._database
    connection = await tended(vault, upstream, await person(), provider)
    await run(database, "UPDATE connections SET fail_count = %s WHERE id = %s", failures, connection.id)
    _, [claim] = await look(due, provider)
    await due.postpone(claim, 0, 1)
    assert seconds - 30 < await column(database, "tend_at", connection.id) <= seconds
    await due.postpone(claim, 7200, 1.5)
    assert 10770 < await column(database, "tend_at", connection.id) <= 10800
    await run(
        database,
        "UPDATE connections SET next_attempt_at = now() + interval '1 day' WHERE id = %s",
        connection.id,
    )
    await due.postpone(claim, 0, 1)
    assert DAY - 30 < await column(database, "tend_at", connection.id) <= DAY


async def test_a_lease_says_when_to_see_whether_its_holder_died(
    due: Due, vault: Vault, upstream: FakeUpstream, person: Person, provider: str, database: Database
) -> None:
    owner = await person()
    connection = await tended(vault, upstream, owner, provider, used=None, left=3000)
    assert await look(due, provider) == (1, [])
    assert await column(database, "tend_at", connection.id) > DAY
    lease = await vault._refresher._lessee.take(owner, connection.id, 1)
    assert lease is not None
    same = "SELECT tend_at = lease_until FROM connections WHERE id = %s"
    assert await scalar(database, same, connection.id)
    await run(
        database,
        "UPDATE connections SET tend_at = now(), lease_until = now() WHERE id = %s",
        connection.id,
    )
    assert await look(due, provider) == (1, [Claim(connection.id, owner, "operator", 1)])


async def crowd(database: Database, provider: str, number: int) -> None:
    """That many connections of one person, none due, as an import would make them."""
    async with database.connection() as link:
        await link.execute(
            "INSERT INTO users (id, display_name) VALUES ('00000000-0000-7000-8000-000000000001', 'Many')"
        )
        await link.execute(
            "INSERT INTO connections (id, owner, provider, account_index, account_label, app, label, scopes,"
            " status, access_expires_at, tend_at) SELECT gen_random_uuid(),"
            " '00000000-0000-7000-8000-000000000001', %s, int4send(n), 'Many', 'operator', n::text, '{}',"
            " 'active', now() - interval '1 day', now() + interval '1 second' * (60 + n)"
            " FROM generate_series(1, %s) n",
            (provider, number),
        )
        await link.execute("ANALYZE connections")


async def test_a_look_reads_a_few_pages_however_many_connections_there_are(empty_database: Database) -> None:
    await crowd(empty_database, "many", 30_000)
    for looked in (0, 20):
        plan = await explained(empty_database)
        scans = {node["Node Type"] for node in nodes(plan) if node.get("Relation Name") == "connections"}
        assert "Seq Scan" not in scans, scans
        assert "connections_tend" in {node.get("Index Name") for node in nodes(plan)}
        assert plan["Plan"]["Actual Rows"] == looked
        if not looked:
            assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 20
        await run(empty_database, "UPDATE connections SET tend_at = now() WHERE label::int <= 20")


async def explained(database: Database) -> dict[str, Any]:
    """What PostgreSQL did for one look."""
    async with database.connection() as link:
        cursor = await link.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + due_module._CLAIM,
            {"provider": "many", "most": 20, "ahead": 300, "seconds": 20},
        )
        row = await cursor.fetchone()
    assert row is not None
    found: dict[str, Any] = row[0][0]
    return found


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step of it."""
    for node in [plan["Plan"]] if "Plan" in plan else plan.get("Plans", []):
        yield node
        yield from nodes(node)
