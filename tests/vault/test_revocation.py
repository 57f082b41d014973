"""What a disconnect says of the provider's side, what is tried again, and what is left alone there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from providers.base import AppRejected, RateLimited, Unavailable
from tests.vault.upstreams import FakeUpstream, access, connect, run, until
from vault.errors import Busy, NotConnected
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.timing import Timing
from vault.vault import Vault, open_vault

Person = Callable[[], Awaitable[UUID]]
Open = Callable[..., Awaitable[Vault]]

AWAY = Unavailable("spotify", "revoke")


@pytest.fixture
def opening(database: Database, ring_path: Path, upstream: FakeUpstream) -> Open:
    """Opens a vault with that timing."""

    async def opened(**timing: object) -> Vault:
        ring = FileKeyRing.create(ring_path) if not ring_path.exists() else FileKeyRing(ring_path)
        return await open_vault(database, ring, upstream, timing=Timing(restart=0, **timing))  # type: ignore[arg-type]

    return opened


async def test_a_disconnect_says_that_the_provider_ended_it_too(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    ended = await vault.disconnect(owner, connection.id)
    assert ended.told and ended.connection.id == connection.id
    assert upstream.revoked == ["refresh-1"]


@pytest.mark.parametrize("why", ["no revocation", "it refuses", "the row does not open"])
async def test_a_disconnect_says_where_the_provider_was_not_told_and_does_not_try_again(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, why: str
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    upstream.unrevocable = why == "no revocation"
    if why == "it refuses":
        upstream.revoke_errors = [AppRejected("spotify", "revoke")]
    if why == "the row does not open":
        await run(database, "UPDATE connections SET body = '\\x00' WHERE id = %s", connection.id)
    assert not (await vault.disconnect(owner, connection.id)).told
    await vault.drain()
    assert upstream.revoked == [] and upstream.revokes == (0 if why == "the row does not open" else 1)


@pytest.mark.parametrize(
    "error", [AWAY, RateLimited("spotify", "revoke", 0.01)], ids=lambda e: type(e).__name__
)
async def test_a_passing_failure_is_told_at_once_and_made_good_in_the_background(
    opening: Open, upstream: FakeUpstream, person: Person, error: Exception
) -> None:
    vault = await opening(revoke=(0.01, 0.02, 0.03))
    owner = await person()
    connection = await connect(vault, upstream, owner)
    upstream.revoke_errors = [error, error]
    assert not (await vault.disconnect(owner, connection.id)).told
    assert await vault.list(owner) == []
    await until(lambda: upstream.revoked == ["refresh-1"])
    await vault.drain()
    assert upstream.revokes == 3


async def test_a_provider_that_hangs_does_not_hold_up_who_disconnects(
    opening: Open, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await opening(call=0.05, drain=0.2, revoke=(0.01,))
    owner = await person()
    connection = await connect(vault, upstream, owner)

    async def hang(*_: object) -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(upstream, "revoke", hang)
    assert not (await vault.disconnect(owner, connection.id)).told
    await vault.drain()


async def test_it_is_tried_a_few_times_and_then_given_up(
    opening: Open, upstream: FakeUpstream, person: Person
) -> None:
    vault = await opening(revoke=(0.01, 0.01))
    owner = await person()
    connection = await connect(vault, upstream, owner)
    upstream.revoke_errors = [AWAY] * 100
    with capture_logs() as logs:
        await vault.disconnect(owner, connection.id)
        await until(lambda: any(entry["event"] == "revoke_given_up" for entry in logs))
    assert upstream.revokes == 3
    assert "refresh-1" not in repr(logs) and "refresh-1" not in repr(vault._revoker)


async def test_a_stopping_process_tries_once_more_at_once_and_for_a_bounded_time(
    opening: Open, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await opening(revoke=(3600, 3600), drain=0.2)
    owner = await person()
    first, second = await connect(vault, upstream, owner, "one"), await connect(vault, upstream, owner, "two")
    upstream.revoke_errors = [AWAY]
    await vault.disconnect(owner, first.id)
    await vault.drain()
    assert upstream.revoked == ["refresh-1"] and upstream.revokes == 2
    upstream.revoke_errors = [AWAY] * 2
    await vault.disconnect(owner, second.id)
    await vault.drain()
    assert upstream.revokes == 4 and upstream.revoked == ["refresh-1"]


async def test_what_a_refresher_got_that_lost_to_a_disconnect_is_revoked_in_the_end(
    opening: Open, upstream: FakeUpstream, person: Person
) -> None:
    vault = await opening(revoke=(0.01,))
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    upstream.gate = asyncio.Event()
    slow = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    await vault.disconnect(owner, connection.id)
    upstream.revoke_errors = [AWAY]
    upstream.gate.set()
    with pytest.raises(NotConnected):
        await slow
    await until(lambda: upstream.revoked == ["refresh-1", "refresh-2"])


# Providers where one token ends everything of the account


async def test_where_one_token_ends_all_another_persons_connection_is_left_alone(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    upstream.sweeps = True
    ana, ben = await person(), await person()
    hers, his = [await connect(vault, upstream, each, str(ana)) for each in (ana, ben)]
    await connect(vault, upstream, ben, str(ben))
    assert not (await vault.disconnect(ana, hers.id)).told
    assert upstream.revokes == 0
    assert (await vault.disconnect(ben, his.id)).told, "the last one turns off the light"
    assert upstream.revoked == ["refresh-2"]


async def test_where_a_token_ends_itself_only_everybody_ends_their_own(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    ana, ben = await person(), await person()
    hers, _ = [await connect(vault, upstream, each, str(ana)) for each in (ana, ben)]
    assert (await vault.disconnect(ana, hers.id)).told
    assert upstream.revoked == ["refresh-1"]


async def test_a_late_revocation_never_ends_a_newer_consent(
    opening: Open, upstream: FakeUpstream, person: Person
) -> None:
    vault = await opening(revoke=(3600,))
    upstream.sweeps = True
    owner = await person()
    connection = await connect(vault, upstream, owner, str(owner))
    upstream.revoke_errors = [AWAY]
    await vault.disconnect(owner, connection.id)
    await connect(vault, upstream, owner, str(owner))
    await vault.drain()
    assert upstream.revokes == 1 and upstream.revoked == []


async def test_what_cannot_be_checked_is_not_ended_until_it_can(
    opening: Open, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await opening(revoke=(0.01,))
    upstream.sweeps = True
    owner = await person()
    connection = await connect(vault, upstream, owner, str(owner))
    alive, errors = vault._connections.alive, iter([Busy("away")])

    async def away(*args: object) -> bool:
        for error in errors:
            raise error
        return await alive(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(vault._connections, "alive", away)
    assert not (await vault.disconnect(owner, connection.id)).told
    assert upstream.revokes == 0
    await until(lambda: upstream.revoked == ["refresh-1"])


@pytest.mark.parametrize("sweeps", [True, False])
async def test_what_was_bought_for_a_grant_that_ended_and_began_anew_is_ended_where_that_ends_no_other(
    vault: Vault, upstream: FakeUpstream, person: Person, sweeps: bool
) -> None:
    upstream.sweeps = sweeps
    owner = await person()
    connection = await connect(vault, upstream, owner, str(owner), expires_in=0)
    upstream.gate = asyncio.Event()
    slow = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    await vault.disconnect(owner, connection.id)
    await connect(vault, upstream, owner, str(owner))
    upstream.gate.set()
    assert access(await slow) == "access-2"
    assert upstream.revoked == (["refresh-1"] if sweeps else ["refresh-1", "refresh-3"])
