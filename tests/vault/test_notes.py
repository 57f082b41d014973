"""Notes of use: made at once, and neither a lock nor the disk holds up who is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import pytest

from tests.vault.test_store_tokens import bench_on
from tests.vault.upstreams import FakeUpstream, connect
from vault.ids import new_id
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.vault import Vault, open_vault

# What a transaction commits with is what stands in this setting at its end.
_TRAPS: tuple[LiteralString, ...] = (
    "CREATE TABLE trap (of text, commits text)",
    "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO trap VALUES (TG_TABLE_NAME, current_setting('synchronous_commit')); RETURN NEW; END $$",
    "CREATE TRIGGER note BEFORE UPDATE ON connections FOR EACH ROW EXECUTE FUNCTION note()",
    "CREATE TRIGGER note BEFORE UPDATE ON grants FOR EACH ROW EXECUTE FUNCTION note()",
)


async def ask(database: Database, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
    async with database.connection() as link:
        cursor = await link.execute(statement, values)
        return await cursor.fetchall() if cursor.description else []


@pytest.fixture
async def narrow(empty_database_url: str) -> AsyncIterator[Database]:
    """A pool of one connection: what one call leaves behind in it, the next meets."""
    database = Database(empty_database_url, max_size=1)
    await database.open()
    for statement in _TRAPS:
        await ask(database, statement)
    yield database
    await database.close()


async def somebody(database: Database) -> UUID:
    user = new_id()
    await ask(database, "INSERT INTO users (id, display_name) VALUES (%s, 'Somebody')", user)
    return user


async def test_no_note_of_use_waits_for_the_disk_and_everything_else_does(
    narrow: Database, ring_path: Path, upstream: FakeUpstream
) -> None:
    owner = await somebody(narrow)
    vault = await open_vault(narrow, FileKeyRing.create(ring_path), upstream)
    await connect(vault, upstream, owner)
    bench = await bench_on(narrow, owner)
    issued = await bench.issued()
    await ask(narrow, "DELETE FROM trap")

    assert await bench.check(issued) is not None
    await vault.credential(owner, "spotify")
    assert sorted(await ask(narrow, "SELECT * FROM trap")) == [("connections", "off"), ("grants", "off")]
    assert await ask(narrow, "SELECT last_used_at <= now() FROM connections") == [(True,)]
    assert await ask(narrow, "SELECT last_used_at <= now() FROM grants") == [(True,)]

    await ask(narrow, "DELETE FROM trap")
    assert await ask(narrow, "SHOW synchronous_commit") == [("on",)]
    await vault.disconnect(owner, (await vault.list(owner))[0].id)
    assert await ask(narrow, "SELECT * FROM trap") == [("connections", "on")]
    await vault.drain()


async def test_a_credential_waits_for_nobody_to_note_its_use(
    vault: Vault,
    upstream: FakeUpstream,
    person: Callable[[], Awaitable[UUID]],
    database: Database,
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner)
    async with database.transaction() as link:
        await link.execute("SELECT FROM connections WHERE id = %s FOR UPDATE", (connection.id,))
        given = await asyncio.gather(*(vault.credential(owner, "spotify") for _ in range(5)))
    assert {one.access_token.get_secret_value() for one in given} == {"access-1"}
    seen = "SELECT last_used_at FROM connections WHERE id = %s"
    assert await ask(database, seen, connection.id) == [(None,)]
    await vault.credential(owner, "spotify")
    assert await ask(database, seen, connection.id) != [(None,)]
