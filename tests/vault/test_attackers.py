"""What somebody can and cannot do who holds the database, the key ring, both, or a backup of either."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

from tests.support.bearer import speaks_for
from tests.vault.upstreams import FakeUpstream, access, connect, run, scalar
from vault import envelope, keyring, records
from vault.errors import UnknownKey
from vault.ids import new_id
from vault.opaque import digest
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.vault import Vault, open_vault

Backup = dict[str, bytes]


@dataclass
class House:
    """One person with one connection, in a database of its own under a key ring of its own."""

    database: Database
    path: Path
    upstream: FakeUpstream
    ana: UUID

    async def vault(self, path: Path | None = None) -> Vault:
        """A worker that was just started, and has nothing in memory."""
        return await open_vault(self.database, FileKeyRing(path or self.path), self.upstream)

    async def credential(self, **options: Any) -> str:
        return access(await (await self.vault()).credential(self.ana, "spotify", **options))

    async def backup(self) -> Backup:
        """Every table, as PostgreSQL copies it out."""
        kept: Backup = {}
        async with self.database.connection() as link:
            for table in await self._tables(link):
                out = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
                async with link.cursor().copy(out) as copy:
                    kept[table] = b"".join([bytes(part) async for part in copy])
        return kept

    async def restore(self, backup: Backup) -> None:
        """The database as it was then."""
        async with self.database.transaction() as link:
            await link.execute("SET LOCAL session_replication_role = replica")
            for table, content in backup.items():
                await link.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
                into = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                async with link.cursor().copy(into) as copy:
                    await copy.write(content)

    @staticmethod
    async def _tables(link: Any) -> list[str]:
        found = await link.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [name for (name,) in await found.fetchall()]

    def rotate(self) -> None:
        """A second, now active key in the ring file."""
        ring = json.loads(self.path.read_text())
        ring["keys"]["file:main:1"]["state"] = "decrypt_only"
        ring["keys"]["file:main:2"] = {
            "key": b64encode(os.urandom(32)).decode(),
            "created": "2026-11-01T00:00:00+00:00",
            "state": "active",
        }
        self.path.write_text(json.dumps(ring | {"active": "file:main:2"}))

    def retire(self) -> None:
        """Without its first key."""
        ring = json.loads(self.path.read_text())
        del ring["keys"]["file:main:1"]
        self.path.write_text(json.dumps(ring))

    async def rewrap(self) -> None:
        """Every data key under the active key."""
        ring = FileKeyRing(self.path)
        async with self.database.connection() as link:
            rows = await (
                await link.execute("SELECT id, owner, purpose, kek_ref, wrapped FROM deks")
            ).fetchall()
            for dek, owner, purpose, ref, wrapped in rows:
                place = keyring.wrap_context(owner, purpose, dek)
                new, blob = await ring.wrap(await ring.unwrap(ref, bytes(wrapped), place), place)
                await link.execute(
                    "UPDATE deks SET kek_ref = %s, wrapped = %s WHERE id = %s", (new, blob, dek)
                )

    async def keys(self) -> dict[str, bytes]:
        """Every data key in clear: what somebody reads who has both."""
        ring = FileKeyRing(self.path)
        async with self.database.connection() as link:
            rows = await (
                await link.execute("SELECT id, owner, purpose, kek_ref, wrapped FROM deks")
            ).fetchall()
        return {
            purpose: await ring.unwrap(ref, bytes(wrapped), keyring.wrap_context(owner, purpose, dek))
            for dek, owner, purpose, ref, wrapped in rows
        }

    async def sealed(self) -> tuple[envelope.Context, bytes]:
        """The connection's body and where it belongs."""
        async with self.database.connection() as link:
            found = await link.execute(
                "SELECT id, secret_version, body FROM connections WHERE owner = %s", (self.ana,)
            )
            row = await found.fetchone()
        assert row is not None
        return records.context(self.ana, row[0], row[1]), bytes(row[2])


@pytest.fixture
async def house(empty_database: Database, tmp_path: Path, upstream: FakeUpstream) -> House:
    path = tmp_path / "ring.json"
    vault = await open_vault(empty_database, FileKeyRing.create(path), upstream)
    ana = new_id()
    await run(empty_database, "INSERT INTO users (id, display_name) VALUES (%s, 'Ana')", ana)
    await connect(vault, upstream, ana)
    return House(empty_database, path, upstream, ana)


async def test_an_index_of_one_database_says_nothing_about_another(house: House, vault: Vault) -> None:
    """Nor does a key that is derived: they hang on the operator's data key, which is each database's own."""
    account = ("https://accounts.spotify.com", "ana")
    ours = await house.vault()
    assert ours.index(*account) == await scalar(house.database, "SELECT account_index FROM connections")
    assert ours.index(*account) != vault.index(*account)
    assert ours.derive("csrf") != vault.derive("csrf")


async def test_who_writes_to_the_database_can_be_anybody_and_reads_no_token(house: House) -> None:
    grant, family, mine = new_id(), new_id(), "vlt_at_of-the-attackers-own-making"
    for query, values in (
        (
            "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
            " VALUES ('theirs', 'dcr', 'x', '{}', 'none')",
            (),
        ),
        (
            "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
            " VALUES (%s, %s, 'theirs', 'http://127.0.0.1/', '{spotify:write}')",
            (grant, house.ana),
        ),
        ("INSERT INTO families (id, grant_id, resource) VALUES (%s, %s, 'x')", (family, grant)),
        (
            "INSERT INTO access_tokens (hash, family_id, expires_at)"
            " VALUES (%s, %s, now() + interval '1 hour')",
            (digest(mine), family),
        ),
    ):
        await run(house.database, query, *values)
    speaks = await speaks_for(house.database, digest(mine))
    assert speaks is not None
    assert (speaks.user_id, speaks.scopes) == (house.ana, {"spotify:write"})
    await run(house.database, "UPDATE families SET revoked_at = now()")
    assert await speaks_for(house.database, digest(mine)) is None
    await run(house.database, "UPDATE families SET revoked_at = NULL")
    assert await speaks_for(house.database, digest(mine)) is not None
    # All that can be read is no token.
    live = await house.credential()
    everything = b"".join((await house.backup()).values())
    assert b"Ana" in everything
    for token in (live, *house.upstream.live):
        assert token.encode() not in everything
        assert token.encode().hex().encode() not in everything


async def test_a_row_put_back_whole_is_in_force_again(house: House) -> None:
    """Nothing in a row says that there was a later one."""
    before = await house.backup()
    assert await house.credential(refused=1) == "access-2"
    await house.restore({table: rows for table, rows in before.items() if table == "connections"})
    assert await house.credential() == "access-1"


async def test_the_key_ring_alone_says_nothing_of_any_database(house: House) -> None:
    """Nothing rests under a key of the ring but data keys, and a database made anew has other ones."""
    ring = json.loads(house.path.read_text())
    kek = b64decode(ring["keys"]["file:main:1"]["key"])
    place, body = await house.sealed()
    with pytest.raises(envelope.Tampered):
        envelope.open_sealed(kek, place, body)
    ours = await house.vault()
    assert envelope.derive(kek, "csrf") != ours.derive("csrf")
    before = await house.keys()
    for table in ("connections", "deks"):
        await run(house.database, f"DELETE FROM {table}")
    again = await house.vault()
    assert again.derive("csrf") != ours.derive("csrf")
    assert kek not in before.values()
    assert (await house.keys())["operator"] not in before.values()


async def test_both_open_everything(house: House) -> None:
    keys, (place, body) = await house.keys(), await house.sealed()
    opened = json.loads(envelope.open_sealed(keys["connection"], place, body))
    assert (opened["access_token"], opened["refresh_token"]) == ("access-1", "refresh-1")
    assert envelope.derive(keys["operator"], "csrf") == (await house.vault()).derive("csrf")


async def test_who_once_had_both_keeps_the_data_keys(house: House) -> None:
    """A new wrap protects what a stolen ring could open, not what was opened with it."""
    taken = await house.keys()
    house.rotate()
    await house.rewrap()
    house.retire()
    assert await house.credential(refused=1) == "access-2"
    place, body = await house.sealed()
    assert b"access-2" in envelope.open_sealed(taken["connection"], place, body)
    vault = await house.vault()
    [connection] = await vault.list(house.ana)
    await vault.disconnect(house.ana, connection.id)
    await connect(vault, house.upstream, house.ana)
    place, body = await house.sealed()
    with pytest.raises(envelope.Tampered):
        envelope.open_sealed(taken["connection"], place, body)


async def test_a_backup_and_todays_ring_open_what_was_disconnected_since(house: House) -> None:
    backup = await house.backup()
    vault = await house.vault()
    [connection] = await vault.list(house.ana)
    await vault.disconnect(house.ana, connection.id)
    await vault.drain()
    assert await vault.list(house.ana) == []
    assert house.upstream.revoked == ["refresh-1"], "what its provider could be told"
    assert await scalar(house.database, "SELECT count(*) FROM deks WHERE purpose = 'connection'") == 0
    await house.restore(backup)
    assert await house.credential() == "access-1"


async def test_a_backup_does_not_open_once_its_key_has_left_the_ring(house: House) -> None:
    backup = await house.backup()
    house.rotate()
    await house.rewrap()
    house.retire()
    assert await house.credential() == "access-1", "today's database opens"
    await house.restore(backup)
    with pytest.raises(UnknownKey):
        await house.vault()


async def test_an_old_ring_does_not_open_what_was_wrapped_again_since(house: House) -> None:
    old, backup = house.path.with_name("old.json"), await house.backup()
    old.touch(mode=0o600)
    old.write_text(house.path.read_text())
    house.rotate()
    await house.rewrap()
    with pytest.raises(UnknownKey):
        await house.vault(old)
    await house.restore(backup)
    assert access(await (await house.vault(old)).credential(house.ana, "spotify")) == "access-1"


async def test_code_in_a_worker_can_ask_for_anybody(house: House) -> None:
    vault, ben = await house.vault(), new_id()
    await run(house.database, "INSERT INTO users (id, display_name) VALUES (%s, 'Ben')", ben)
    await connect(vault, house.upstream, ben, "ben")
    async with house.database.connection() as link:
        people = [user for (user,) in await (await link.execute("SELECT id FROM users")).fetchall()]
    assert {access(await vault.credential(user, "spotify")) for user in people} == {"access-1", "access-2"}
