"""Links for files: good once, for a quarter of an hour, while what they stand on does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from providers.base import Parcel
from tests.vault.upstreams import FakeUpstream, connect, run
from vault.errors import Tampered
from vault.ids import new_id
from vault.opaque import digest
from vault.store.database import Database
from vault.store.transfers import TransferRows
from vault.transfers import Offered, Ticket, Transfers
from vault.vault import Vault

FILE = Parcel("download", "google", "drive_file", "Plan.pdf", {"file": "file-one"}, "application/pdf", 12)


@dataclass
class Stand:
    """A person whose chat may read their Drive, and the links of it."""

    transfers: Transfers
    database: Database
    user: UUID
    grant: UUID
    connection: UUID
    vault: Vault

    async def offer(self, parcel: Parcel = FILE) -> Offered:
        return await self.transfers.offer(
            user=self.user,
            grant=self.grant,
            connection=self.connection,
            scopes={"drive:read", "drive:write"},
            parcel=parcel,
        )


@pytest.fixture
async def stand(
    database: Database, vault: Vault, upstream: FakeUpstream, person: Callable[[], Awaitable[UUID]]
) -> Stand:
    user, grant, client = await person(), new_id(), f"client-{new_id()}"
    await run(
        database,
        "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
        " VALUES (%s, 'dcr', 'x', '{}', 'none')",
        client,
    )
    await run(
        database,
        "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
        " VALUES (%s, %s, %s, 'x', '{drive:write}')",
        grant, user, client,
    )  # fmt: skip
    connection = await connect(vault, upstream, user, "private")
    return Stand(Transfers(TransferRows(database), vault), database, user, grant, connection.id, vault)


async def test_it_is_seen_as_often_as_one_likes_and_taken_once(stand: Stand) -> None:
    offered = await stand.offer()
    handle = offered.handle.get_secret_value()
    assert handle not in repr(offered)
    for _ in range(2):
        seen = await stand.transfers.look(handle)
        assert isinstance(seen, Ticket)
        assert seen.parcel == FILE
        assert (seen.user, seen.grant, seen.connection) == (stand.user, stand.grant, stand.connection)
        assert seen.expires_at == offered.expires_at
        assert "Plan" not in repr(seen)
        assert "file-one" not in repr(seen)
    taken = await asyncio.gather(*(stand.transfers.take(handle) for _ in range(8)))
    assert [each for each in taken if isinstance(each, Ticket)] == [seen]
    assert {each for each in taken if not isinstance(each, Ticket)} == {"used"}
    assert await stand.transfers.look(handle) == "used"
    # Nothing came of it: once more, and then it is over.
    await stand.transfers.give_back(seen)
    assert await stand.transfers.take(handle) == seen
    assert await stand.transfers.take(handle) == "used"


async def test_it_rests_as_a_hash_and_sealed(stand: Stand) -> None:
    offered = await stand.offer()
    async with stand.database.connection() as link:
        row = await (
            await link.execute("SELECT t::text FROM transfers t ORDER BY created_at DESC")
        ).fetchone()
    assert row is not None
    for told in ("Plan", "file-one", offered.handle.get_secret_value()):
        assert told not in row[0]
        assert told.encode().hex() not in row[0]


ENDS = {
    "expired": "UPDATE transfers SET expires_at = now() WHERE user_id = %(user)s",
    "ended": "UPDATE grants SET revoked_at = now() WHERE id = %(grant)s",
    "ended: the scope was taken": "UPDATE grants SET scopes = '{gmail:write}' WHERE id = %(grant)s",
    "ended: the person is blocked": "UPDATE users SET blocked_at = now() WHERE id = %(user)s",
    "ended: disconnected": "UPDATE connections SET status = 'disconnected' WHERE id = %(connection)s",
    "unknown": "DELETE FROM grants WHERE id = %(grant)s",
    "unknown: the person is gone": "DELETE FROM users WHERE id = %(user)s",
}


@pytest.mark.parametrize("end", ENDS)
async def test_it_dies_with_what_it_stands_on(stand: Stand, end: str) -> None:
    handle = (await stand.offer()).handle.get_secret_value()
    names = {"user": stand.user, "grant": stand.grant, "connection": stand.connection}
    async with stand.database.connection() as link:
        await link.execute(ENDS[end].encode(), names)
    fault = end.partition(":")[0]
    assert await stand.transfers.look(handle) == fault
    assert await stand.transfers.take(handle) == fault


async def test_a_scope_for_reading_is_enough_for_a_link_that_reads(stand: Stand) -> None:
    handle = (await stand.offer()).handle.get_secret_value()
    await run(stand.database, "UPDATE grants SET scopes = '{drive:read}' WHERE id = %s", stand.grant)
    assert isinstance(await stand.transfers.take(handle), Ticket)


@pytest.mark.parametrize("column", ["user_id", "grant_id", "connection_id", "direction", "record_id"])
async def test_a_row_that_was_made_anothers_opens_for_nobody(
    stand: Stand, column: str, upstream: FakeUpstream, person: Callable[[], Awaitable[UUID]]
) -> None:
    offered = await stand.offer()
    key = digest(offered.handle.get_secret_value())
    owner, grant = await person() if column == "user_id" else stand.user, new_id()
    await run(
        stand.database,
        "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
        " SELECT %s, %s, client_id, 'y', '{drive:write}' FROM grants WHERE id = %s",
        grant, owner, stand.grant,
    )  # fmt: skip
    connection = (await connect(stand.vault, upstream, owner, "another")).id
    edits: dict[str, dict[str, object]] = {
        "user_id": {"user_id": owner, "grant_id": grant, "connection_id": connection},
        "grant_id": {"grant_id": grant},
        "connection_id": {"connection_id": connection},
        "direction": {"direction": "upload"},
        "record_id": {"record_id": new_id()},
    }
    async with stand.database.connection() as link:
        for name, value in edits[column].items():
            await link.execute(f"UPDATE transfers SET {name} = %s WHERE hash = %s".encode(), (value, key))
    with pytest.raises(Tampered):
        await stand.transfers.look(offered.handle.get_secret_value())
    with pytest.raises(Tampered):
        await stand.transfers.take(offered.handle.get_secret_value())


async def test_what_is_long_over_is_swept(stand: Stand) -> None:
    old, new = [(await stand.offer()).handle.get_secret_value() for _ in range(2)]
    await run(
        stand.database,
        "UPDATE transfers SET expires_at = now() - interval '61 minutes' WHERE hash = %s",
        digest(old),
    )
    assert await TransferRows(stand.database).sweep() == 1
    assert await stand.transfers.look(old) == "unknown"
    assert isinstance(await stand.transfers.look(new), Ticket)
