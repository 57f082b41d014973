"""Erasing a person while others still work for them: nothing comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from tests.vault.upstreams import FakeUpstream, connect, scalar, until
from vault.erasure import Erasure
from vault.errors import NotConnected, PersonGone
from vault.store.database import Database
from vault.store.dossier import Dossiers
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]

LEFT = (
    "SELECT (SELECT count(*) FROM users WHERE id = %s) + (SELECT count(*) FROM connections WHERE owner = %s)"
    " + (SELECT count(*) FROM deks WHERE owner = %s)"
)


async def left(database: Database, owner: UUID) -> int:
    return int(await scalar(database, LEFT, owner, owner, owner))


async def test_every_provider_is_told_and_every_key_is_gone(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner, other = await person(), await person()
    for subject in ("ana", "work", "old"):
        await connect(vault, upstream, owner, subject)
    await connect(vault, upstream, other, "ben")
    ended = await Erasure(Dossiers(database), vault).erase(owner)
    assert sorted(each.connection.account_label for each in ended) == ["Ana", "Old", "Work"]
    assert all(each.told for each in ended)
    assert sorted(upstream.revoked) == ["refresh-1", "refresh-2", "refresh-3"]
    assert await left(database, owner) == 0
    assert (await vault.credential(other, "spotify")).scopes


async def test_a_refresh_under_way_brings_nothing_back(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    await connect(vault, upstream, owner, expires_in=1)
    upstream.gate = asyncio.Event()
    asking = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    await Erasure(Dossiers(database), vault).erase(owner)
    upstream.gate.set()
    with pytest.raises(NotConnected):
        await asking
    assert await left(database, owner) == 0
    await until(lambda: "refresh-2" in upstream.revoked)


async def test_another_workers_refresh_brings_nothing_back_either(
    vault: Vault,
    rival: tuple[Vault, FakeUpstream],
    upstream: FakeUpstream,
    person: Person,
    database: Database,
) -> None:
    other, theirs = rival
    owner = await person()
    await connect(vault, upstream, owner, expires_in=1)
    theirs.live, theirs.gate = upstream.live, asyncio.Event()
    asking = asyncio.create_task(other.credential(owner, "spotify"))
    await theirs.called()
    await Erasure(Dossiers(database), vault).erase(owner)
    theirs.gate.set()
    with pytest.raises(NotConnected):
        await asking
    assert await left(database, owner) == 0
    await until(lambda: bool(theirs.revoked))


async def test_what_is_connected_meanwhile_is_ended_too(
    vault: Vault,
    upstream: FakeUpstream,
    person: Person,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = await person()
    await connect(vault, upstream, owner)
    disconnect = vault.disconnect

    async def and_another(owner: UUID, connection: UUID) -> Any:
        ended = await disconnect(owner, connection)
        if len(upstream.live) == 1:
            await connect(vault, upstream, owner, "late")
        return ended

    monkeypatch.setattr(vault, "disconnect", and_another)
    ended = await Erasure(Dossiers(database), vault).erase(owner)
    assert [each.connection.account_label for each in ended] == ["Ana", "Late"]
    assert len(upstream.revoked) == 2
    assert await left(database, owner) == 0


async def test_a_connection_that_comes_too_late_finds_nobody(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    await Erasure(Dossiers(database), vault).erase(owner)
    with pytest.raises(PersonGone):
        await connect(vault, upstream, owner)
    assert await left(database, owner) == 0


async def test_erasing_goes_on_when_nobody_waits_for_it(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner, erasure = await person(), Erasure(Dossiers(database), vault)
    await connect(vault, upstream, owner)
    waiting = asyncio.create_task(erasure.erase(owner))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(20):
        while await left(database, owner):
            await asyncio.sleep(0.01)
    assert upstream.revoked == ["refresh-1"]


async def test_erasing_twice_at_once_is_no_trouble(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner, erasure = await person(), Erasure(Dossiers(database), vault)
    await connect(vault, upstream, owner)
    both = await asyncio.gather(erasure.erase(owner), erasure.erase(owner))
    assert sum(len(ended) for ended in both) == 1
    assert await left(database, owner) == 0
