"""The refresh protocol over a real PostgreSQL: one spend, no loss, whatever meets in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from providers.base import (
    Account,
    AppRejected,
    ProviderError,
    RateLimited,
    Unavailable,
)
from tests.vault.upstreams import SCOPES, Clock, FakeUpstream, Unwritable, access, connect, run, scalar
from vault.errors import Busy, ConnectionExpired, NotConnected, Sealed
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.timing import Timing
from vault.vault import Vault, open_vault

Person = Callable[[], Awaitable[UUID]]
Rival = tuple[Vault, FakeUpstream]

LAPSE = "UPDATE connections SET lease_until = now() - interval '1 second' WHERE id = %s"
UNPAUSE = "UPDATE connections SET next_attempt_at = NULL WHERE id = %s"


async def test_an_expired_token_is_refreshed_once_for_many_callers(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=5)
    got = await asyncio.gather(*(vault.credential(owner, "spotify") for _ in range(40)))
    assert {c.access_token.get_secret_value() for c in got} == {"access-2"}
    assert upstream.calls == ["refresh-1"]


async def test_two_workers_share_one_refresh(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, ring_path: Path
) -> None:
    others = [await open_vault(database, FileKeyRing(ring_path), upstream) for _ in range(3)]
    owner = await person()
    await connect(vault, upstream, owner, expires_in=1)
    upstream.gate = asyncio.Event()
    calls = [asyncio.create_task(w.credential(owner, "spotify")) for w in (vault, *others) for _ in range(5)]
    await upstream.called()
    upstream.gate.set()
    got = await asyncio.gather(*calls)
    assert upstream.calls == ["refresh-1"]
    assert {c.access_token.get_secret_value() for c in got} == {"access-2"}


async def test_a_refused_token_is_refreshed_though_it_had_not_expired(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner)
    first = await vault.credential(owner, "spotify")
    again = await asyncio.gather(
        *(vault.credential(owner, "spotify", refused=first.version) for _ in range(10))
    )
    assert upstream.calls == ["refresh-1"]
    assert {c.version for c in again} == {first.version + 1}
    late = await vault.credential(owner, "spotify", refused=first.version)
    assert late.version == first.version + 1 and upstream.calls == ["refresh-1"]


async def test_the_old_refresh_token_is_kept_when_none_is_returned(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    upstream.rotate = False
    owner = await person()
    await connect(vault, upstream, owner, expires_in=1)
    first = await vault.credential(owner, "spotify")
    await vault.credential(owner, "spotify", refused=first.version)
    assert upstream.calls == ["refresh-1", "refresh-1"]


async def test_a_dead_grant_asks_for_the_person_and_is_not_retried(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=1)
    upstream.live.clear()
    for _ in range(3):
        with pytest.raises(ConnectionExpired) as caught:
            await vault.credential(owner, "spotify")
        assert caught.value.reason == "revoked"
    assert upstream.calls == ["refresh-1"]
    [shown] = await vault.list(owner)
    assert (shown.status, shown.reason) == ("needs_reauth", "revoked")


async def test_connecting_again_heals_the_same_row(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    before = await connect(vault, upstream, owner, expires_in=1)
    upstream.live.clear()
    with pytest.raises(ConnectionExpired):
        await vault.credential(owner, "spotify")
    after = await connect(vault, upstream, owner)
    assert after.id == before.id and after.status == "active"
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-2"


async def test_an_unanswered_attempt_is_retried_and_then_named(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.error = Unavailable("spotify", "token refresh", ambiguous=True)
    with pytest.raises(Unavailable):
        await vault.credential(owner, "spotify")
    upstream.error = None
    upstream.live.clear()
    with pytest.raises(ConnectionExpired) as caught:
        await vault.credential(owner, "spotify")
    assert caught.value.reason == "lost_rotation"
    assert upstream.calls == ["refresh-1", "refresh-1"]


@pytest.mark.parametrize(
    "error",
    [
        AppRejected("spotify", "token refresh"),
        RateLimited("spotify", "token refresh", 60),
        Unavailable("spotify", "token refresh"),
    ],
    ids=lambda e: type(e).__name__,
)
async def test_no_failure_but_a_dead_grant_touches_the_connection(
    vault: Vault, upstream: FakeUpstream, person: Person, error: ProviderError
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.error = error
    with pytest.raises(type(error)):
        await vault.credential(owner, "spotify")
    [shown] = await vault.list(owner)
    assert shown.status == "active"


async def test_a_long_retry_after_is_answered_at_once_and_not_sent_again(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.error = RateLimited("spotify", "token refresh", 3600)
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            await vault.credential(owner, "spotify")
        assert caught.value.retry_after > 3000
    assert len(upstream.calls) == 1


async def test_a_token_with_some_life_left_is_served_while_the_provider_is_down(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=20)
    upstream.error = Unavailable("spotify", "token refresh")
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-1"


@pytest.mark.parametrize("after", [5, 19.5])
async def test_the_time_that_a_failure_took_is_taken_off_what_the_old_token_lives(
    vault: Vault, upstream: FakeUpstream, person: Person, clock: Clock, after: float
) -> None:
    clock.stop()
    owner = await person()
    await connect(vault, upstream, owner, expires_in=20)
    upstream.error = Unavailable("spotify", "token refresh")
    upstream.gate = asyncio.Event()
    slow = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    clock.move(after)
    upstream.gate.set()
    if after > 19:
        with pytest.raises(Unavailable):
            await slow
    else:
        assert 14 < (await slow).expires_in <= 15


async def test_a_caller_that_gives_up_does_not_cancel_the_refresh(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.gate = asyncio.Event()
    impatient = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    impatient.cancel()
    with suppress(asyncio.CancelledError):
        await impatient
    upstream.gate.set()
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-2"
    assert upstream.calls == ["refresh-1"]


async def test_a_disconnect_during_a_refresh_wins_and_the_new_token_is_revoked(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    upstream.gate = asyncio.Event()
    refresh = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    await vault.disconnect(owner, connection.id)
    upstream.gate.set()
    with pytest.raises(NotConnected):
        await refresh
    assert upstream.revoked == ["refresh-1", "refresh-2"]
    assert await vault.list(owner) == []


async def test_a_lease_that_nobody_gives_back_ends_in_a_clear_retry(
    database: Database, ring_path: Path, upstream: FakeUpstream, person: Person
) -> None:
    clock = Clock()

    async def sleep(seconds: float) -> None:
        clock.move(0.7)
        await asyncio.sleep(0)

    ring = FileKeyRing.create(ring_path)
    vault = await open_vault(database, ring, upstream, timing=Timing(wait=5), clock=clock)
    vault._refresher._sleep = sleep
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    await run(
        database,
        "UPDATE connections SET lease_until = now() + interval '1 hour' WHERE id = %s",
        connection.id,
    )
    with pytest.raises(Busy):
        await vault.credential(owner, "spotify")
    assert upstream.calls == []


async def test_an_abandoned_lease_is_taken_over(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    await run(
        database,
        "UPDATE connections SET lease_until = now() - interval '1 second',"
        " attempt_started_at = now() - interval '31 seconds' WHERE id = %s",
        connection.id,
    )
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-2"


async def test_a_lease_that_lapsed_does_not_cost_the_token_that_it_bought(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    upstream.gate = asyncio.Event()
    slow = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    await run(database, LAPSE, connection.id)
    upstream.gate.set()
    assert access(await slow) == "access-2"
    assert access(await vault.credential(owner, "spotify")) == "access-2"
    assert upstream.calls == ["refresh-1"]


@pytest.mark.parametrize("answer", ["tokens", "invalid_grant"])
async def test_a_worker_that_was_overtaken_takes_the_newer_secret(
    vault: Vault, upstream: FakeUpstream, rival: Rival, person: Person, database: Database, answer: str
) -> None:
    other, theirs = rival
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    theirs.live.add("refresh-1")
    upstream.gate = asyncio.Event()
    slow = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    await run(database, LAPSE, connection.id)
    assert access(await other.credential(owner, "spotify")) == "access-101"
    if answer == "invalid_grant":
        upstream.live.clear()
    upstream.gate.set()
    assert access(await slow) == "access-101", "what was spent is not what counts now"
    [shown] = await vault.list(owner)
    assert shown.status == "active"
    assert access(await other.credential(owner, "spotify")) == "access-101"
    assert upstream.revoked == []


async def test_connecting_again_during_a_refresh_wins(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    upstream.gate = asyncio.Event()
    slow = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    await connect(vault, upstream, owner)
    upstream.gate.set()
    assert access(await slow) == "access-2"
    assert access(await vault.credential(owner, "spotify")) == "access-2"


async def test_giving_a_lease_back_never_frees_another_workers(
    vault: Vault, upstream: FakeUpstream, rival: Rival, person: Person, database: Database
) -> None:
    other, theirs = rival
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    theirs.live.add("refresh-1")
    upstream.gate, theirs.gate = asyncio.Event(), asyncio.Event()
    slow = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    await run(database, LAPSE, connection.id)
    second = asyncio.create_task(other.credential(owner, "spotify"))
    await theirs.called()
    upstream.error = Unavailable("spotify", "refresh")
    upstream.gate.set()
    with pytest.raises(Unavailable):
        await slow
    held = "SELECT lease_until > now() AND next_attempt_at IS NULL FROM connections WHERE id = %s"
    assert await scalar(database, held, connection.id)
    theirs.gate.set()
    assert access(await second) == "access-101"


async def test_a_provider_that_hangs_is_given_up_and_may_have_spent_the_token(
    database: Database, ring_path: Path, upstream: FakeUpstream, person: Person
) -> None:
    ring = FileKeyRing.create(ring_path)
    vault = await open_vault(database, ring, upstream, timing=Timing(call=0.05))
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    upstream.gate = asyncio.Event()
    with pytest.raises(Unavailable) as caught:
        await vault.credential(owner, "spotify")
    assert not caught.value.ambiguous, "what the caller wanted to do was not begun"
    upstream.gate.set()
    upstream.live.clear()
    await run(database, UNPAUSE, connection.id)
    with pytest.raises(ConnectionExpired) as expired:
        await vault.credential(owner, "spotify")
    assert expired.value.reason == "lost_rotation"


async def test_a_lost_answer_stays_on_the_record_until_something_is_certain(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    upstream.late = Unavailable("spotify", "refresh", ambiguous=True)
    with pytest.raises(Unavailable):
        await vault.credential(owner, "spotify")
    for error in (Unavailable("spotify", "refresh"), RateLimited("spotify", "refresh", 100)):
        upstream.error = error
        await run(database, UNPAUSE, connection.id)
        with pytest.raises(type(error)):
            await vault.credential(owner, "spotify")
    upstream.error = upstream.late = None
    await run(database, UNPAUSE, connection.id)
    with pytest.raises(ConnectionExpired) as caught:
        await vault.credential(owner, "spotify")
    assert caught.value.reason == "lost_rotation"


async def test_a_grant_that_died_of_age_is_named_so(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    account = Account("https://accounts.spotify.com", "x", "X")
    lifetime = timedelta(days=180)
    saved = await vault.save(owner, "spotify", "operator", account, upstream.grant(0), SCOPES, lifetime)
    upstream.live.clear()
    await run(database, "UPDATE connections SET grant_expires_at = now() WHERE id = %s", saved.id)
    with pytest.raises(ConnectionExpired) as caught:
        await vault.credential(owner, "spotify")
    assert caught.value.reason == "expired"


async def test_pauses_double_and_nobody_is_asked_during_one(
    vault: Vault,
    upstream: FakeUpstream,
    rival: Rival,
    person: Person,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
) -> None:
    clock.stop()
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    upstream.error = Unavailable("spotify", "refresh")
    paused = "SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM connections WHERE id = %s"
    for doubled in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        with pytest.raises(Unavailable):
            await vault.credential(owner, "spotify")
        assert doubled - 1 < await scalar(database, paused, connection.id) <= doubled
        await run(database, UNPAUSE, connection.id)
        clock.move(31)  # so that the circuit of the provider stays closed: test_circuit.py
    with pytest.raises(Unavailable):
        await vault.credential(owner, "spotify")
    asked = len(upstream.calls)
    for worker in (vault, rival[0]):
        with pytest.raises(Unavailable):
            await worker.credential(owner, "spotify")
    assert len(upstream.calls) == asked and rival[1].calls == []
    upstream.error = None
    await run(database, UNPAUSE, connection.id)
    assert access(await vault.credential(owner, "spotify")) == "access-2"
    assert await scalar(database, "SELECT fail_count FROM connections WHERE id = %s", connection.id) == 0


async def test_during_a_pause_the_old_token_is_served_to_its_end(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=20)
    upstream.error = RateLimited("spotify", "refresh", 3600)
    for _ in range(3):
        assert access(await vault.credential(owner, "spotify")) == "access-1"
    assert len(upstream.calls) == 1


async def test_a_refused_token_is_not_served_to_who_joined_a_flight_that_kept_it(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=20)
    upstream.gate = asyncio.Event()
    content = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    refused = asyncio.create_task(vault.credential(owner, "spotify", refused=1))
    await asyncio.sleep(0)
    upstream.error = RateLimited("spotify", "refresh", 3600)
    upstream.gate.set()
    assert access(await content) == "access-1"
    with pytest.raises(RateLimited):
        await refused


async def test_a_flight_that_has_just_ended_with_the_refused_token_is_not_joined(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    """Between its end and its callback nothing may be waited for that is there already: that never yields."""

    class Asked(dict[Any, Any]):
        times = 0

        def get(self, key: Any, default: Any = None) -> Any:
            self.times += 1
            assert self.times < 100, "it asks for ever"
            return super().get(key, default)

    owner = await person()
    connection = await connect(vault, upstream, owner)
    got = await vault.credential(owner, "spotify")
    ended = asyncio.get_running_loop().create_future()
    ended.set_result(got)
    vault._refresher._flights = Asked({(owner, connection.id): ended})
    again = await vault._refresher.credential(owner, connection.id, got.version)
    assert access(again) == "access-2" and upstream.calls == ["refresh-1"]
    assert not vault._refresher._flights


async def test_an_app_that_is_refused_is_left_alone_for_everybody_and_then_asked_again(
    vault: Vault, upstream: FakeUpstream, person: Person, clock: Clock
) -> None:
    clock.stop()
    ana, ben = await person(), await person()
    for owner in (ana, ben):
        await connect(vault, upstream, owner, expires_in=0)
    upstream.error = AppRejected("spotify", "refresh")
    for owner in (ana, ben, ana):
        with pytest.raises(AppRejected):
            await vault.credential(owner, "spotify")
    assert len(upstream.calls) == 1
    clock.move(31)
    upstream.error = None
    assert access(await vault.credential(ben, "spotify")) == "access-3"


async def test_an_alarm_gives_the_lease_back(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    await run(database, "UPDATE connections SET secret_version = 9 WHERE id = %s", connection.id)
    for _ in range(2):
        with pytest.raises(Sealed):
            await vault.credential(owner, "spotify")
    held = "SELECT lease_until, attempt_started_at, fail_count FROM connections WHERE id = %s"
    async with database.connection() as link:
        assert await (await link.execute(held, (connection.id,))).fetchone() == (None, None, 0)


@pytest.mark.parametrize("error", [Busy("away"), RuntimeError("a standby, a full disk, anything")], ids=repr)
async def test_what_cannot_be_stored_is_handed_out_served_and_stored_later(
    vault: Vault,
    upstream: FakeUpstream,
    rival: Rival,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    error: Exception,
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    away = Unwritable(vault, monkeypatch, error)
    for _ in range(3):
        assert access(await vault.credential(owner, "spotify")) == "access-2"
    await run(database, LAPSE, connection.id)
    assert access(await vault.credential(owner, "spotify")) == "access-2"
    assert upstream.calls == ["refresh-1"], "the spent token is never sent again"
    away.back.set()
    await vault.drain()
    assert (await rival[0].credential(owner, "spotify")).version == 2
    assert upstream.calls == ["refresh-1"] and rival[1].calls == []


async def test_a_token_that_is_refused_before_it_is_stored_asks_to_retry(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    away = Unwritable(vault, monkeypatch, Busy("away"))
    got = await vault.credential(owner, "spotify")
    with pytest.raises(Unavailable):
        await vault._refresher.credential(owner, UUID(got.connection), got.version)
    assert upstream.calls == ["refresh-1"]
    away.back.set()
    await vault.drain()
    assert access(await vault.credential(owner, "spotify", refused=got.version)) == "access-3"


async def test_a_disconnect_before_the_result_is_stored_wins_and_ends_it(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    away = Unwritable(vault, monkeypatch, Busy("away"))
    await vault.credential(owner, "spotify")
    await vault.disconnect(owner, connection.id)
    with pytest.raises(NotConnected):
        await vault.credential(owner, "spotify")
    away.back.set()
    await vault.drain()
    assert "refresh-2" in upstream.revoked


async def test_a_stopping_process_waits_for_a_bounded_time(
    database: Database,
    ring_path: Path,
    upstream: FakeUpstream,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ring = FileKeyRing.create(ring_path)
    vault = await open_vault(database, ring, upstream, timing=Timing(drain=0.2))
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    away = Unwritable(vault, monkeypatch, Busy("away"))
    await vault.credential(owner, "spotify")
    await vault.drain()
    tried = away.tried
    assert tried > 1
    away.back.set()
    await asyncio.sleep(0)
    assert away.tried == tried, "nothing goes on behind a closed pool"


async def test_a_disconnect_right_after_a_refresh_revokes_the_live_token(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    await vault.credential(owner, "spotify")
    await vault.disconnect(owner, connection.id)
    assert upstream.revoked == ["refresh-2"]


async def test_a_row_that_no_longer_opens_is_rekeyed_by_a_new_consent_and_keeps_one_key(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    await run(database, "UPDATE connections SET body = '\\x00' WHERE id = %s", connection.id)
    with pytest.raises(Sealed):
        await vault.credential(owner, "spotify")
    again = await connect(vault, upstream, owner)
    assert again.id == connection.id
    assert access(await vault.credential(owner, "spotify")) == "access-2"
    assert await scalar(database, "SELECT count(*) FROM deks WHERE owner = %s", owner) == 1


async def test_connecting_again_before_the_result_is_stored_wins(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    away = Unwritable(vault, monkeypatch, Busy("away"))
    assert access(await vault.credential(owner, "spotify")) == "access-2"
    again = await connect(vault, upstream, owner, expires_in=100)
    got = await vault._refresher.credential(owner, again.id, None)
    assert access(got) == "access-3"
    away.back.set()
    await vault.drain()
    assert access(await vault.credential(owner, "spotify")) == "access-3"
    assert upstream.revoked == []


async def test_a_connection_that_needs_the_person_is_never_leased(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    await run(database, "UPDATE connections SET status = 'needs_reauth' WHERE id = %s", connection.id)
    with pytest.raises(ConnectionExpired):
        await vault._refresher.credential(owner, connection.id, None)
    assert upstream.calls == []


async def test_an_older_token_never_comes_back_while_a_newer_one_is_not_stored(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner)
    away = Unwritable(vault, monkeypatch, Busy("away"))
    assert (await vault.credential(owner, "spotify", refused=1)).version == 2
    assert (await vault.credential(owner, "spotify")).version == 2
    with pytest.raises(Unavailable):
        await vault.credential(owner, "spotify", refused=2)
    assert upstream.calls == ["refresh-1"]
    away.back.set()
    await vault.drain()
    assert (await vault.credential(owner, "spotify")).version == 2
