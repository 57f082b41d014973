"""What is left of a connection that was ended, whichever way: nothing that opens, here or at its provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from providers.base import Account
from tests.vault.upstreams import SCOPES, FakeUpstream, access, connect, run, scalar, until
from vault import records
from vault.erasure import Erasure
from vault.errors import NotConnected, Sealed
from vault.store.connections import Connections
from vault.store.database import Database
from vault.store.dossier import Dossiers
from vault.store.leases import SealedConnection
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]


async def by_its_person(vault: Vault, database: Database, owner: UUID, row: Any) -> None:
    await vault.disconnect(owner, row.id)


async def with_the_app(vault: Vault, database: Database, owner: UUID, row: Any) -> None:
    await vault.delete_app(owner, "spotify")


async def with_the_person(vault: Vault, database: Database, owner: UUID, row: Any) -> None:
    await Erasure(Dossiers(database), vault).erase(owner)


WAYS = pytest.mark.parametrize("end", [by_its_person, with_the_app, with_the_person])


async def own(vault: Vault, upstream: FakeUpstream, owner: UUID, expires_in: float = 3600) -> Any:
    """A connection through its person's own app."""
    app = await vault.apps.save(owner, "spotify", "mine", SecretStr("secret"))
    account = Account("https://accounts.spotify.com", "ana", "Ana")
    return await vault.save(owner, "spotify", app.ref, account, upstream.grant(expires_in), SCOPES, None)


async def state(database: Database, owner: UUID, connection: UUID) -> SealedConnection:
    row = await Connections(database).read(owner, connection)
    assert row is not None
    return row


@WAYS
async def test_its_key_goes_and_its_provider_is_told(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, end: Any
) -> None:
    owner = await person()
    row = await own(vault, upstream, owner)
    key = (await state(database, owner, row.id)).dek_id
    assert await scalar(database, "SELECT count(*) FROM deks WHERE id = %s", key) == 1
    await end(vault, database, owner, row)
    assert await scalar(database, "SELECT count(*) FROM deks WHERE id = %s", key) == 0
    assert upstream.revoked == ["refresh-1"]
    assert await vault.list(owner) == []
    with pytest.raises(NotConnected):
        await vault.credential(owner, "spotify")


@WAYS
async def test_no_refresh_begins_after_it_and_none_under_way_is_stored(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, end: Any
) -> None:
    owner = await person()
    row = await own(vault, upstream, owner, expires_in=0)
    upstream.gate = asyncio.Event()
    under_way = asyncio.create_task(vault.credential(owner, "spotify"))
    await upstream.called()
    await end(vault, database, owner, row)
    with pytest.raises(NotConnected):
        await vault.credential(owner, "spotify")
    upstream.gate.set()
    with pytest.raises(NotConnected):
        await under_way
    assert upstream.calls == ["refresh-1"]
    # Through its own app, too, which may be gone by then.
    await until(lambda: upstream.revoked == ["refresh-1", "refresh-2"])
    body = "SELECT count(*) FROM connections WHERE owner = %s AND (body IS NOT NULL OR dek_id IS NOT NULL)"
    assert await scalar(database, body, owner) == 0


async def test_a_body_of_an_old_backup_does_not_open_with_the_key_ring_alone(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    old = await state(database, owner, connection.id)
    await vault.disconnect(owner, connection.id)
    again = await connect(vault, upstream, owner)
    assert again.id == connection.id, "the same row, under a new key"
    put = "UPDATE connections SET body = %s, secret_version = %s WHERE id = %s"
    await run(database, put, old.body, old.secret_version, connection.id)
    async with database.connection() as link:
        keys = await (await link.execute("SELECT id, kek_ref, wrapped FROM deks")).fetchall()
    assert keys
    fresh = (await state(database, owner, connection.id)).dek_id
    for _, reference, wrapped in keys:
        # Every key that is left, in the place of the one that is gone.
        await run(
            database, "UPDATE deks SET kek_ref = %s, wrapped = %s WHERE id = %s", reference, wrapped, fresh
        )
        with pytest.raises(Sealed):
            await records.open_tokens(await state(database, owner, connection.id), vault._cache)
    # With its own wrapped key it is what it was: only that makes the difference.
    assert old.dek_id is not None and old.kek_ref is not None
    await run(
        database,
        "INSERT INTO deks (id, owner, purpose, kek_ref, wrapped) VALUES (%s, %s, 'connection', %s, %s)",
        old.dek_id,
        owner,
        old.kek_ref,
        old.wrapped,
    )
    await run(database, "UPDATE connections SET dek_id = %s WHERE id = %s", old.dek_id, connection.id)
    assert access(await vault.credential(owner, "spotify")) == "access-1"
