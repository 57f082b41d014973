"""A lease that the database did not take back is given back in the background, and only that one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from providers.base import GrantRejected, RateLimited, Unavailable
from tests.vault.upstreams import FakeUpstream, Unwritable, access, connect, scalar, until
from vault.errors import Busy, ConnectionExpired, Sealed
from vault.returns import Returns
from vault.store.database import Database
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]
Rival = tuple[Vault, FakeUpstream]

HELD = "SELECT lease_owner IS NOT NULL FROM connections WHERE id = %s"
PAUSED = "SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM connections WHERE id = %s"


class Away:
    """Makes one method of a vault's store say that the database is away until `back` is set."""

    def __init__(self, vault: Vault, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        self.back = asyncio.Event()
        for name in names:
            monkeypatch.setattr(vault._connections, name, self._guard(getattr(vault._connections, name)))

    def _guard(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def guarded(*args: Any, **options: Any) -> Any:
            if not self.back.is_set():
                raise Busy("away")
            return await method(*args, **options)

        return guarded


@pytest.mark.parametrize(
    "error", [Unavailable("spotify", "refresh"), RateLimited("spotify", "refresh", 100)], ids=repr
)
async def test_after_a_definite_failure_others_do_not_wait_for_the_lease_to_lapse(
    vault: Vault,
    upstream: FakeUpstream,
    person: Person,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    away = Away(vault, monkeypatch, "release")
    upstream.error = error
    with pytest.raises(type(error)):
        await vault.credential(owner, "spotify")
    assert await scalar(database, HELD, connection.id)
    away.back.set()
    await vault.drain()
    assert not await scalar(database, HELD, connection.id)
    if isinstance(error, RateLimited):
        assert 90 < await scalar(database, PAUSED, connection.id) <= 100, "and the pause is kept"


async def test_the_old_token_is_served_though_the_lease_can_not_be_given_back(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=20)
    away = Away(vault, monkeypatch, "release")
    upstream.error = Unavailable("spotify", "refresh")
    assert access(await vault.credential(owner, "spotify")) == "access-1"
    away.back.set()


async def test_an_alarm_gives_the_lease_back_later(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    async with database.connection() as link:
        await link.execute("UPDATE connections SET secret_version = 9 WHERE id = %s", (connection.id,))
    away = Away(vault, monkeypatch, "release")
    with pytest.raises(Sealed):
        await vault.credential(owner, "spotify")
    away.back.set()
    await vault.drain()
    assert not await scalar(database, HELD, connection.id)


@pytest.mark.parametrize("moved", [False, True])
async def test_a_dead_grant_is_condemned_once_the_database_is_back(
    vault: Vault,
    upstream: FakeUpstream,
    rival: Rival,
    person: Person,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    moved: bool,
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    away = Away(vault, monkeypatch, "condemn")
    upstream.error = GrantRejected("spotify", "refresh")
    with pytest.raises(Busy):
        await vault.credential(owner, "spotify")
    if moved:
        await connect(rival[0], rival[1], owner)
    away.back.set()
    await vault.drain()
    assert not await scalar(database, HELD, connection.id)
    if moved:
        assert access(await rival[0].credential(owner, "spotify")) == "access-101"
    else:
        with pytest.raises(ConnectionExpired):
            await rival[0].credential(owner, "spotify")
        assert rival[1].calls == []


def lost_answer(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next lease is taken, and its answer gets lost."""
    lease, answers = vault._connections.lease, iter([Busy("the answer got lost")])

    async def lost(*args: Any, **options: Any) -> Any:
        taken = await lease(*args, **options)
        for error in answers:
            raise error
        return taken

    monkeypatch.setattr(vault._connections, "lease", lost)


async def test_a_lease_whose_answer_was_lost_is_given_back(
    vault: Vault, upstream: FakeUpstream, rival: Rival, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=0)
    lost_answer(vault, monkeypatch)
    with pytest.raises(Busy):
        await vault.credential(owner, "spotify")
    rival[1].live.add("refresh-1")
    assert access(await rival[0].credential(owner, "spotify")) == "access-101", "another is served at once"
    assert upstream.calls == []


@pytest.mark.parametrize("what", ["a refresh under way", "a result that is not stored"])
async def test_a_lease_that_is_needed_again_is_not_given_back(
    vault: Vault,
    upstream: FakeUpstream,
    person: Person,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    looked, away = asyncio.Event(), Away(vault, monkeypatch, "held")
    held = vault._connections.held

    async def watched(*args: Any) -> Any:
        got = await held(*args)
        looked.set()
        return got

    monkeypatch.setattr(vault._connections, "held", watched)
    lost_answer(vault, monkeypatch)
    with pytest.raises(Busy):
        await vault.credential(owner, "spotify")
    unwritable = Unwritable(vault, monkeypatch, Busy("away"))
    if what == "a refresh under way":
        upstream.gate = asyncio.Event()
    flight = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    if upstream.gate is None:
        await flight
    away.back.set()
    await asyncio.wait_for(looked.wait(), 10)
    await until(lambda: not vault._refresher._lessee._returns._due)
    assert await scalar(database, HELD, connection.id)
    if upstream.gate is not None:
        upstream.gate.set()
    unwritable.back.set()
    assert access(await flight) == "access-2"


async def test_one_that_can_not_be_given_back_keeps_no_other_and_the_end_is_bounded() -> None:
    given: list[str] = []
    returns = Returns()

    async def broken() -> None:
        raise RuntimeError

    async def never() -> None:
        raise Busy("away")

    async def fine() -> None:
        given.append("fine")

    for key, give in (("a", broken), ("b", never), ("c", fine), ("d", fine), ("d", fine)):
        returns.add(key, give)
    await returns.drain(0.3)
    assert given == ["fine", "fine"]
    await asyncio.wait_for(asyncio.gather(returns._task or fine(), return_exceptions=True), 5)
    await returns.drain(1)


async def test_a_release_that_is_due_is_not_overtaken_by_one_without_its_pause(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    away = Away(vault, monkeypatch, "release")
    upstream.error = RateLimited("spotify", "refresh", 100)
    with pytest.raises(RateLimited):
        await vault.credential(owner, "spotify")
    await vault._refresher._lessee.abandon(owner, connection.id)
    assert await scalar(database, HELD, connection.id)
    away.back.set()
    await vault.drain()
    assert 90 < await scalar(database, PAUSED, connection.id) <= 100
