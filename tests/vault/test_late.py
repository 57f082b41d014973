"""Answers that come too late or never: of the lease, of a disconnect's COMMIT, of a provider; and callers
that are gone by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from providers.base import AppRejected
from tests.vault.upstreams import Clock, FakeUpstream, access, connect, run, scalar, until
from vault import revocation
from vault.errors import Busy, NotConnected
from vault.store.database import Connection, Database
from vault.timing import Timing
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]
Rival = tuple[Vault, FakeUpstream]


@pytest.mark.parametrize("what", ["lease", "app"])
async def test_a_lease_that_came_too_late_is_given_back_and_nothing_is_sent_under_it(
    what: str,
    vault: Vault,
    upstream: FakeUpstream,
    person: Person,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    timing = Timing()
    assert timing.lease / 2 > timing.call, "what is left of a lease is enough for a call"
    clock.stop()
    # A person's own app is read and opened under the lease, from a database and keys that may be slow.
    holder: Any = vault._connections if what == "lease" else vault._refresher._upstream
    get, slow = getattr(holder, what), iter([timing.lease / 2 + 0.1])
    sent: list[int] = []

    async def late(*args: Any, **options: Any) -> Any:
        taken = await get(*args, **options)
        sent.append(len(upstream.calls))
        clock.move(next(slow, 0))
        return taken

    monkeypatch.setattr(holder, what, late)
    assert access(await vault.credential(owner, "spotify")) == "access-2"
    assert sent == [0, 0], "the first lease sent nothing, the second one did"
    assert upstream.calls == ["refresh-1"]
    assert await scalar(database, "SELECT lease_owner FROM connections WHERE id = %s", connection.id) is None


class Slow:
    """A provider that answers revocations only when `gate` is set."""

    def __init__(self, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.gate = asyncio.Event(), asyncio.Event()
        revoke = upstream.revoke

        async def slow(provider: str, app: str, token: Any) -> bool:
            self.asked.set()
            await self.gate.wait()
            return await revoke(provider, app, token)

        monkeypatch.setattr(upstream, "revoke", slow)


async def test_who_disconnects_and_goes_away_stops_nothing(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    slow = Slow(upstream, monkeypatch)
    going = asyncio.create_task(vault.disconnect(owner, connection.id))
    await slow.asked.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert await vault.list(owner) == []
    slow.gate.set()
    await vault.drain()
    assert upstream.revoked == ["refresh-1"]


async def test_who_goes_away_before_it_is_written_stops_nothing_either(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    promote, inside, gate = vault._labels.promote, asyncio.Event(), asyncio.Event()

    async def held(*args: Any) -> None:
        inside.set()
        await gate.wait()
        await promote(*args)

    monkeypatch.setattr(vault._labels, "promote", held)
    going = asyncio.create_task(vault.disconnect(owner, connection.id))
    await inside.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    gate.set()
    await vault.drain()
    assert await vault.list(owner) == [] and upstream.revoked == ["refresh-1"]


async def test_nobody_waits_long_for_a_provider_that_is_slow(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    slow = Slow(upstream, monkeypatch)
    monkeypatch.setattr(revocation, "_PATIENCE", 0.05)
    assert not (await vault.disconnect(owner, connection.id)).told
    slow.gate.set()
    await vault.drain()
    assert upstream.revoked == ["refresh-1"]


async def test_an_unforeseen_failure_of_a_revocation_is_not_the_persons(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    upstream.revoke_errors = [RuntimeError("canary")]
    with capture_logs() as logs:
        assert not (await vault.disconnect(owner, connection.id)).told
    assert [entry["error"] for entry in logs if entry["event"] == "revoke_given_up"] == ["RuntimeError"]
    assert "canary" not in str(logs)


class Lost:
    """The next COMMIT is done or not, and its answer is lost; from then on reads fail until `back` is set."""

    def __init__(self, vault: Vault, monkeypatch: pytest.MonkeyPatch, *, done: bool, away: bool) -> None:
        self.back = asyncio.Event()
        transaction, read, losses = vault._database.transaction, vault._connections.read, iter([True])
        self.back.set()

        @asynccontextmanager
        async def lost() -> AsyncIterator[Connection]:
            now = next(losses, False)
            if now and away:
                self.back.clear()
            async with transaction() as link:
                yield link
                if now and not done:
                    raise Busy("the database does not answer")
            if now:
                raise Busy("the database does not answer")

        async def reading(*args: Any) -> Any:
            if not self.back.is_set():
                raise Busy("away")
            return await read(*args)

        monkeypatch.setattr(vault._database, "transaction", lost)
        monkeypatch.setattr(vault._connections, "read", reading)


async def test_a_disconnect_whose_answer_was_lost_is_done_and_told(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    Lost(vault, monkeypatch, done=True, away=False)
    assert (await vault.disconnect(owner, connection.id)).told
    assert upstream.revoked == ["refresh-1"] and await vault.list(owner) == []


@pytest.mark.parametrize("done", [True, False])
async def test_while_nobody_can_tell_the_provider_is_not_told_before_it_is_certain(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    lost = Lost(vault, monkeypatch, done=done, away=True)
    with pytest.raises(Busy):
        await vault.disconnect(owner, connection.id)
    await until(lambda: bool(vault._revoker._tasks))
    assert upstream.revoked == []
    lost.back.set()
    await vault.drain()
    assert upstream.revoked == (["refresh-1"] if done else [])
    if done:
        with pytest.raises(NotConnected):
            await vault.credential(owner, "spotify")
    else:
        assert access(await vault.credential(owner, "spotify")) == "access-1"


async def test_a_disconnect_that_was_not_done_says_so_and_ends_nothing(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    Lost(vault, monkeypatch, done=False, away=False)
    with pytest.raises(Busy):
        await vault.disconnect(owner, connection.id)
    assert upstream.revoked == []
    assert (await vault.disconnect(owner, connection.id)).told


async def test_a_stopping_process_sends_nothing_more(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    await run(
        database,
        "UPDATE connections SET lease_owner = gen_random_uuid(), lease_until = now() + interval '1 hour'"
        " WHERE id = %s",
        connection.id,
    )
    waiting = asyncio.create_task(vault.credential(owner, "spotify"))
    await until(lambda: bool(vault._refresher._flights))
    stopping = asyncio.create_task(vault.drain())
    await until(lambda: vault._refresher._closing)
    # The other worker's lease lapses only now: whoever still asks for it gets it.
    await run(database, "UPDATE connections SET lease_until = now() WHERE id = %s", connection.id)
    with pytest.raises(Busy):
        await waiting
    await stopping
    assert upstream.calls == []


async def test_a_lease_that_comes_while_the_process_stops_is_given_back_and_nothing_is_sent_under_it(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    lease, taken, stopped = vault._connections.lease, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **options: Any) -> Any:
        got = await lease(*args, **options)
        taken.set()
        await stopped.wait()
        return got

    monkeypatch.setattr(vault._connections, "lease", slow)
    waiting = asyncio.create_task(vault.credential(owner, "spotify"))
    await taken.wait()
    stopping = asyncio.create_task(vault.drain())
    await until(lambda: vault._refresher._closing)
    stopped.set()
    with pytest.raises(Busy):
        await waiting
    await stopping
    assert upstream.calls == []
    assert await scalar(database, "SELECT lease_owner FROM connections WHERE id = %s", connection.id) is None


async def test_an_app_that_is_refused_does_not_take_the_old_token_from_anybody(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    ana, ben = await person(), await person()
    await connect(vault, upstream, ana, expires_in=0)
    await connect(vault, upstream, ben, expires_in=20)
    upstream.error = AppRejected("spotify", "refresh")
    with pytest.raises(AppRejected):
        await vault.credential(ana, "spotify")
    assert access(await vault.credential(ben, "spotify")) == "access-2"
    assert len(upstream.calls) == 1
