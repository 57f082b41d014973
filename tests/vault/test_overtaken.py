"""What a refresh bought is not lost when the row moves on meanwhile: consents, condemnations, disconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from providers.base import RateLimited, Unavailable
from tests.vault.upstreams import FakeUpstream, Unwritable, access, connect, consent, run, scalar
from vault.errors import Busy, ConnectionExpired, NotConnected
from vault.store.database import Database
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]
Rival = tuple[Vault, FakeUpstream]

HELD = "SELECT lease_until > now() FROM connections WHERE id = %s"
LAPSE = "UPDATE connections SET lease_until = now() - interval '1 second' WHERE id = %s"


async def refreshing(vault: Vault, upstream: FakeUpstream, owner: UUID) -> asyncio.Task[Any]:
    """A refresh whose token is at the provider, which waits for `upstream.gate`."""
    upstream.gate = asyncio.Event()
    flight = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called(len(upstream.calls) + 1)
    return flight


def opened(upstream: FakeUpstream) -> None:
    assert upstream.gate is not None
    upstream.gate.set()


async def spends_next(vault: Vault, owner: UUID, upstream: FakeUpstream) -> str:
    """The refresh token that the next refresh sends."""
    version = (await vault.credential(owner, "spotify")).version
    await vault.credential(owner, "spotify", refused=version)
    return upstream.calls[-1]


async def test_a_consent_during_a_refresh_keeps_the_token_that_was_bought(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    slow = await refreshing(vault, upstream, owner)
    await consent(vault, owner, "consented", expires_in=600)
    opened(upstream)
    got = await slow
    assert access(got) == "consented" and "more" in got.scopes, "what the person allowed last counts"
    assert 500 < got.expires_in <= 600
    assert upstream.calls == ["refresh-1"] and upstream.revoked == []
    assert await spends_next(vault, owner, upstream) == "refresh-2", "and refresh-1 was not put back"
    [shown] = await vault.list(owner)
    assert (shown.id, shown.status) == (connection.id, "active")


async def test_a_consent_after_a_refresh_keeps_the_token_that_was_bought(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    await vault.credential(owner, "spotify")
    await consent(vault, owner, "consented")
    assert await spends_next(vault, owner, upstream) == "refresh-2"


async def test_a_consent_before_the_result_is_stored_keeps_the_token_that_was_bought(
    vault: Vault, upstream: FakeUpstream, rival: Rival, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    away = Unwritable(vault, monkeypatch, Busy("away"))
    assert access(await vault.credential(owner, "spotify")) == "access-2"
    await consent(vault, owner, "consented")
    got = await vault.credential(owner, "spotify")
    assert access(got) == "consented"
    with suppress(Exception):
        await vault._refresher.credential(owner, UUID(got.connection), got.version)
    assert upstream.calls == ["refresh-1"], "the newer row still holds what is spent: it must not be sent"
    away.back.set()
    await vault.drain()
    rival[1].live.add("refresh-2")
    assert await spends_next(rival[0], owner, rival[1]) == "refresh-2"


async def test_a_consent_that_keeps_the_refresh_token_keeps_the_lease_on_it(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    slow = await refreshing(vault, upstream, owner)
    await consent(vault, owner, "consented", expires_in=0)
    assert await scalar(database, HELD, connection.id), "another worker would spend refresh-1 again"
    opened(upstream)
    assert access(await slow) == "access-3"
    assert upstream.calls == ["refresh-1", "refresh-2"]
    await connect(vault, upstream, owner, expires_in=0)
    assert not await scalar(database, HELD, connection.id)


async def test_a_consent_that_keeps_the_refresh_token_keeps_what_is_known_of_it(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    """When it ends by itself, and that an attempt to spend it got no answer."""
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    await run(database, "UPDATE connections SET grant_expires_at = now() + interval '3 days'")
    upstream.late = Unavailable("spotify", "refresh", ambiguous=True)
    with suppress(Unavailable):
        await vault.credential(owner, "spotify")
    known = "SELECT attempt_started_at::text || grant_expires_at FROM connections WHERE id = %s"
    before = await scalar(database, known, connection.id)
    assert before is not None
    await consent(vault, owner, "consented", expires_in=0)
    assert await scalar(database, known, connection.id) == before
    upstream.late = None
    with pytest.raises(ConnectionExpired) as caught:
        await vault.credential(owner, "spotify")
    assert caught.value.reason == "lost_rotation", "and so the person reads what truly happened"
    await connect(vault, upstream, owner)
    assert await scalar(database, known, connection.id) is None, "another token, another story"


async def test_a_row_that_moves_again_while_it_is_mended_is_tried_again(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    succeed, moves = vault._connections.succeed, iter(range(3))

    async def moved(*args: Any) -> bool:
        for number in moves:
            await consent(vault, owner, f"consented-{number}")
            break
        return await succeed(*args)

    monkeypatch.setattr(vault._connections, "succeed", moved)
    slow = await refreshing(vault, upstream, owner)
    await consent(vault, owner, "consented")
    opened(upstream)
    assert access(await slow) == "consented-2"
    assert await spends_next(vault, owner, upstream) == "refresh-2"


async def test_a_row_that_never_rests_is_left_to_the_backlog(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    succeed, still = vault._connections.succeed, asyncio.Event()

    async def moved(*args: Any) -> bool:
        return still.is_set() and await succeed(*args)

    monkeypatch.setattr(vault._connections, "succeed", moved)
    slow = await refreshing(vault, upstream, owner)
    await consent(vault, owner, "consented")
    opened(upstream)
    assert access(await slow) == "access-2", "a live token, whatever is stored"
    still.set()
    await vault.drain()
    assert await spends_next(vault, owner, upstream) == "refresh-2"


async def test_what_another_worker_condemned_is_taken_back_by_who_holds_its_successor(
    vault: Vault, upstream: FakeUpstream, rival: Rival, person: Person, database: Database
) -> None:
    other, theirs = rival
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    slow = await refreshing(vault, upstream, owner)
    await run(database, LAPSE, connection.id)
    with pytest.raises(ConnectionExpired):
        await other.credential(owner, "spotify")
    assert theirs.calls == ["refresh-1"]
    opened(upstream)
    assert access(await slow) == "access-2"
    [shown] = await vault.list(owner)
    assert (shown.status, shown.reason) == ("active", None)
    assert await spends_next(vault, owner, upstream) == "refresh-2"


async def test_a_refresh_that_failed_leaves_no_pause_on_a_newer_consent(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    slow = await refreshing(vault, upstream, owner)
    await connect(vault, upstream, owner, expires_in=0)
    upstream.error = RateLimited("spotify", "refresh", 3600)
    opened(upstream)
    with suppress(RateLimited):
        await slow
    paused = "SELECT next_attempt_at IS NOT NULL OR fail_count > 0 FROM connections WHERE id = %s"
    assert not await scalar(database, paused, connection.id)
    upstream.error = None
    assert access(await vault.credential(owner, "spotify")) == "access-3"


async def test_a_refusal_of_what_a_consent_kept_gives_the_lease_back(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    upstream.live.clear()
    slow = await refreshing(vault, upstream, owner)
    await consent(vault, owner, "consented")
    opened(upstream)
    assert access(await slow) == "consented"
    assert not await scalar(database, HELD, connection.id)


@pytest.mark.parametrize("who", ["its own worker", "another worker"])
@pytest.mark.parametrize(
    "when", ["before the answer", "before it is stored", "backlog pending", "afterwards"]
)
async def test_a_disconnect_wins_whenever_it_comes_and_all_tokens_are_revoked(
    vault: Vault,
    upstream: FakeUpstream,
    rival: Rival,
    person: Person,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
    who: str,
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    slow = await refreshing(vault, upstream, owner)
    away, commit, storing = Unwritable(vault, monkeypatch, Busy("away")), asyncio.Event(), asyncio.Event()
    if when != "backlog pending":
        away.back.set()
    store = vault._connections.commit

    async def held(*args: Any, **options: Any) -> bool:
        storing.set()
        await commit.wait()
        return await store(*args, **options)

    if when == "before it is stored":
        monkeypatch.setattr(vault._connections, "commit", held)
    if when != "before the answer":
        opened(upstream)
        await (storing.wait() if when == "before it is stored" else slow)
    await (vault if who == "its own worker" else rival[0]).disconnect(owner, connection.id)
    commit.set()
    opened(upstream)
    with suppress(NotConnected):
        await slow
    for worker in (vault, rival[0]):
        with pytest.raises(NotConnected):
            await worker.credential(owner, "spotify")
        assert await worker.list(owner) == []
    away.back.set()
    await vault.drain()
    assert set(upstream.revoked + rival[1].revoked) >= {"refresh-2"}, "what the refresher got is ended"
    assert upstream.calls == ["refresh-1"] and rival[1].calls == []
    left = "SELECT count(*) FROM deks d WHERE d.owner = %s"
    assert await scalar(database, left, owner) == 0, "and nothing of it rests here"


async def test_an_answer_without_a_refresh_token_for_an_ended_connection_is_revoked_too(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    upstream.rotate = False
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    slow = await refreshing(vault, upstream, owner)
    await vault.disconnect(owner, connection.id)
    opened(upstream)
    with pytest.raises(NotConnected):
        await slow
    assert upstream.revoked == ["refresh-1", "refresh-1"]


async def test_a_lease_whose_answer_was_lost_is_taken_again_by_its_own_worker_only(
    vault: Vault, upstream: FakeUpstream, rival: Rival, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    lease, answers = vault._connections.lease, iter([Busy("the answer got lost")])

    async def lost(*args: Any, **options: Any) -> Any:
        taken = await lease(*args, **options)
        for error in answers:
            raise error
        return taken

    async def away(*_: Any) -> None:
        raise Busy("away")

    monkeypatch.setattr(vault._connections, "lease", lost)
    monkeypatch.setattr(vault._connections, "held", away)  # else it would be given back: test_returns.py
    with pytest.raises(Busy):
        await vault.credential(owner, "spotify")
    assert await rival[0]._refresher._lessee.take(owner, connection.id, None) is None
    assert access(await vault.credential(owner, "spotify")) == "access-2"
    assert upstream.calls == ["refresh-1"] and rival[1].calls == []


@pytest.mark.parametrize(
    ("taken", "restart", "due"),
    [
        ("before", 1e6, False),
        ("before", 0, True),
        ("after", 1e6, True),
    ],
)
async def test_a_lease_from_before_a_restart_counts_for_a_while_after_it(
    vault: Vault,
    upstream: FakeUpstream,
    person: Person,
    database: Database,
    taken: str,
    restart: float,
    due: bool,
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    lapsed = {
        "before": "pg_postmaster_start_time() - interval '1 minute'",
        "after": "now() - interval '1 ms'",
    }
    await run(
        database,
        f"UPDATE connections SET lease_owner = id, lease_until = {lapsed[taken]} WHERE id = %s",
        connection.id,
    )
    got = await vault._connections.lease(
        owner, connection.id, owner, skew=30, seconds=0.001, restart=restart, refused=None
    )
    assert (got is not None) == due
