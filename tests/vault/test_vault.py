"""The vault over a real PostgreSQL: save, credential, list, disconnect, and the refresh protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from providers.base import (
    Account,
)
from tests.vault.upstreams import SCOPES, FakeUpstream, connect, run, scalar
from vault.errors import Busy, NotConnected, Sealed, Tampered
from vault.ids import new_id
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.vault import Vault, open_vault

Person = Callable[[], Awaitable[UUID]]


async def test_what_was_saved_is_handed_out_without_the_refresh_token(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await connect(vault, upstream, owner)
    credential = await vault.credential(owner, "spotify")
    assert credential.access_token.get_secret_value() == "access-1"
    assert 3590 < credential.expires_in <= 3600
    assert credential.scopes == SCOPES
    assert not hasattr(credential, "refresh_token")
    assert "access-1" not in repr(credential)
    assert upstream.calls == []


async def test_nothing_readable_rests_in_the_database(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    row = await scalar(database, "SELECT c::text FROM connections c WHERE id = %s", connection.id)
    hexed = b"refresh-1".hex()
    assert "refresh-1" not in row and hexed not in row and "access-1" not in row


async def test_owners_never_meet(vault: Vault, upstream: FakeUpstream, person: Person) -> None:
    ana, ben = await person(), await person()
    hers = await connect(vault, upstream, ana)
    with pytest.raises(NotConnected):
        await vault.credential(ben, "spotify")
    with pytest.raises(NotConnected):
        await vault.credential(ben, "spotify", hers.label)
    with pytest.raises(NotConnected):
        await vault.disconnect(ben, hers.id)
    assert await vault.list(ben) == []
    assert (await vault.credential(ana, "spotify")).access_token.get_secret_value() == "access-1"


async def test_two_people_may_connect_the_same_account(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    ana, ben = await person(), await person()
    await connect(vault, upstream, ana, "shared")
    await connect(vault, upstream, ben, "shared")
    assert (await vault.credential(ana, "spotify")).access_token.get_secret_value() == "access-1"
    assert (await vault.credential(ben, "spotify")).access_token.get_secret_value() == "access-2"


async def test_labels_default_and_promotion(vault: Vault, upstream: FakeUpstream, person: Person) -> None:
    owner = await person()
    first = await connect(vault, upstream, owner, "ana")
    account = Account("https://accounts.spotify.com", "another", "Ana")
    second = await vault.save(owner, "spotify", "operator", account, upstream.grant(), SCOPES, None)
    assert (first.label, second.label) == ("Ana", "Ana 2")
    assert (first.is_default, second.is_default) == (True, False)
    assert (await vault.credential(owner, "spotify", "ana 2")).access_token.get_secret_value() == "access-2"
    await vault.disconnect(owner, first.id)
    [left] = await vault.list(owner)
    assert left.is_default
    assert (await vault.credential(owner, "spotify")).access_token.get_secret_value() == "access-2"


async def test_accounts_connected_at_the_same_moment_get_one_default(
    vault: Vault, upstream: FakeUpstream, person: Person
) -> None:
    owner = await person()
    await asyncio.gather(*(connect(vault, upstream, owner, f"account{n}") for n in range(8)))
    shown = await vault.list(owner)
    assert len(shown) == 8 and sum(c.is_default for c in shown) == 1


async def test_while_a_persons_connections_are_written_other_rows_may_point_to_the_person(
    vault: Vault, person: Person, database: Database
) -> None:
    owner = await person()
    signed_in = "INSERT INTO sessions (hash, user_id, expires_at) VALUES (%s, %s, now())"

    async def write() -> None:
        async with database.transaction() as link:
            await link.execute("SET LOCAL lock_timeout = 50")
            await vault._connections.lock_owner(link, owner)

    async with database.transaction() as link:
        assert await vault._connections.lock_owner(link, owner)
        await run(database, signed_in, owner.bytes, owner)
        with pytest.raises(Busy):
            await write()
    await write()


async def test_disconnect_destroys_exactly_one_key(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    first = await connect(vault, upstream, owner, "one")
    await connect(vault, upstream, owner, "two")
    count = "SELECT count(*) FROM deks WHERE owner = %s"
    assert await scalar(database, count, owner) == 2
    await vault.disconnect(owner, first.id)
    assert await scalar(database, count, owner) == 1
    assert await scalar(database, "SELECT body IS NULL FROM connections WHERE id = %s", first.id)
    assert upstream.revoked == ["refresh-1"]
    with pytest.raises(NotConnected):
        await vault.disconnect(owner, first.id)


async def test_the_grants_own_end_is_kept(vault: Vault, upstream: FakeUpstream, person: Person) -> None:
    owner = await person()
    account = Account("https://accounts.spotify.com", "x", "X")
    lifetime = timedelta(days=180)
    saved = await vault.save(owner, "spotify", "operator", account, upstream.grant(), SCOPES, lifetime)
    assert saved.grant_expires_at is not None
    assert abs((saved.grant_expires_at - saved.created_at) - lifetime) < timedelta(minutes=1)
    refreshed = await vault.credential(owner, "spotify", refused=1)
    assert refreshed.version == 2
    assert (await vault.list(owner))[0].grant_expires_at == saved.grant_expires_at


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE connections SET body = overlay(body placing '\\x00'::bytea from 40) WHERE id = %(a)s",
        "UPDATE connections SET body = substring(body from 1 for 60) WHERE id = %(a)s",
        "UPDATE connections a SET body = b.body FROM connections b WHERE a.id = %(a)s AND b.id = %(b)s",
        "UPDATE connections a SET body = b.body, dek_id = b.dek_id, secret_version = b.secret_version"
        " FROM connections b WHERE a.id = %(a)s AND b.id = %(b)s",
        "UPDATE connections SET secret_version = 7 WHERE id = %(a)s",
        "UPDATE deks SET kek_ref = 'file:main:9'"
        " WHERE id = (SELECT dek_id FROM connections WHERE id = %(a)s)",
        "UPDATE deks x SET wrapped = y.wrapped FROM deks y"
        " WHERE x.id = (SELECT dek_id FROM connections WHERE id = %(a)s)"
        " AND y.id = (SELECT dek_id FROM connections WHERE id = %(b)s)",
    ],
)
async def test_an_edited_row_fails_closed(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, edit: str
) -> None:
    ana = await person()
    a = await connect(vault, upstream, ana, "one")
    b = await connect(vault, upstream, ana, "two")
    async with database.connection() as link:
        await link.execute(edit, {"a": a.id, "b": b.id})  # type: ignore[arg-type]
    with pytest.raises(Sealed) as caught:
        await vault.credential(ana, "spotify", a.label)
    assert "refresh-" not in str(caught.value) and "access-" not in str(caught.value)
    assert (await vault.credential(ana, "spotify", b.label)).access_token.get_secret_value() == "access-2"


async def test_another_key_ring_does_not_open_the_database(
    vault: Vault, database: Database, tmp_path: Path, upstream: FakeUpstream
) -> None:
    with pytest.raises(Sealed):
        await open_vault(database, FileKeyRing.create(tmp_path / "other.json"), upstream)


async def test_the_operators_small_things_are_bound_to_purpose_and_record(vault: Vault) -> None:
    one, two = UUID(int=1), UUID(int=2)
    sealed = vault.seal("pkce", one, b"verifier")
    assert vault.open("pkce", one, sealed) == b"verifier"
    for purpose, record in (("pkce", two), ("successor", one)):
        with pytest.raises(Tampered):
            vault.open(purpose, record, sealed)
    assert vault.derive("a") != vault.derive("b") and len(vault.derive("a")) == 32
    assert vault.index("i", "s") == vault.index("i", "s") != vault.index("is", "")


class Watched:
    """A ring that notes, at each call, how many transactions are open on the database."""

    def __init__(self, ring: FileKeyRing, database: Database) -> None:
        self.ring, self.database = ring, database
        self.open: list[int] = []

    @property
    def active(self) -> str:
        return self.ring.active

    async def wrap(self, dek: bytes | bytearray, context: bytes) -> tuple[str, bytes]:
        await self._look()
        return await self.ring.wrap(dek, context)

    async def unwrap(self, ref: str, blob: bytes, context: bytes) -> bytearray:
        await self._look()
        return await self.ring.unwrap(ref, blob, context)

    async def _look(self) -> None:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        self.open.append(await scalar(self.database, waiting))


async def test_what_holds_the_keys_is_asked_while_nothing_is_locked(
    empty_database: Database, tmp_path: Path, upstream: FakeUpstream
) -> None:
    """It may be far away, and a transaction that waits for it holds up everybody of that person."""
    ring = Watched(FileKeyRing.create(tmp_path / "ring.json"), empty_database)
    owner = new_id()
    await run(empty_database, "INSERT INTO users (id, display_name) VALUES (%s, 'x')", owner)
    vault = await open_vault(empty_database, ring, upstream)
    for _ in range(2):
        saved = await connect(vault, upstream, owner)
        vault._cache.wipe()
    await vault.apps.save(owner, "spotify", "client", SecretStr("secret"))
    await vault.credential(owner, "spotify", refused=(await vault.credential(owner, "spotify")).version)
    vault._cache.wipe()
    await vault.disconnect(owner, saved.id)
    assert len(ring.open) >= 5 and not any(ring.open)
    await vault.close()


async def test_a_vault_that_is_closed_holds_no_key(
    empty_database: Database, tmp_path: Path, upstream: FakeUpstream
) -> None:
    vault = await open_vault(empty_database, FileKeyRing.create(tmp_path / "ring.json"), upstream)
    owner = new_id()
    await run(empty_database, "INSERT INTO users (id, display_name) VALUES (%s, 'x')", owner)
    await connect(vault, upstream, owner)
    sealed = vault.seal("verifier", owner, b"small")
    assert repr(vault._cache) != "DekCache(0 keys)"
    await vault.close()
    assert repr(vault._cache) == "DekCache(0 keys)"
    for attempt in (
        lambda: vault.open("verifier", owner, sealed),
        lambda: vault.derive("limits"),
        lambda: vault.index("issuer", "subject"),
    ):
        with pytest.raises(ValueError, match="wiped"):
            attempt()
