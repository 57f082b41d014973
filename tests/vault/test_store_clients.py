"""Registered chat programs."""

from __future__ import annotations

import os

import psycopg
import pytest

from vault.ids import new_id
from vault.store.clients import Client, Clients, Kind
from vault.store.database import Database


def client(name: str, secret_hash: bytes | None = None) -> Client:
    return Client(
        name, "dcr", "A chat", ("http://localhost/cb", "https://host.example/cb"), "none", secret_hash
    )


async def test_a_client_comes_back_as_it_was_added(database: Database) -> None:
    clients, one = Clients(database), client("clients-1", os.urandom(32))
    assert await clients.find(one.id) is None
    at = await clients.add(one)
    assert await clients.find(one.id) == one
    async with database.connection() as link:
        rows = await link.execute(
            "SELECT extract(epoch FROM created_at)::bigint FROM clients WHERE id = %s", (one.id,)
        )
        assert await rows.fetchone() == (at,)
    assert str(one.secret_hash) not in repr(one)


async def test_an_id_is_taken_once(database: Database) -> None:
    clients = Clients(database)
    await clients.add(client("clients-2"))
    with pytest.raises(psycopg.errors.UniqueViolation):
        await clients.add(client("clients-2"))


async def test_use_is_noted_at_most_once_an_hour(database: Database) -> None:
    clients = Clients(database)
    await clients.add(client("clients-3"))

    async def age_after_touch(minutes: int) -> bool:
        """Is the note older than a minute after touching a client last seen so many minutes ago?"""
        async with database.connection() as link:
            await link.execute(
                "UPDATE clients SET last_used_at = now() - make_interval(mins => %s) WHERE id = 'clients-3'",
                (minutes,),
            )
            await clients.touch("clients-3")
            rows = await link.execute(
                "SELECT last_used_at < now() - interval '1 minute' FROM clients WHERE id = 'clients-3'"
            )
            row = await rows.fetchone()
            assert row is not None
            return bool(row[0])

    assert await age_after_touch(59)
    assert not await age_after_touch(61)


async def test_clients_that_are_not_used_are_swept(empty_database: Database) -> None:
    clients = Clients(empty_database)
    kinds: tuple[Kind, ...] = ("dcr", "cimd", "static")
    for kind in kinds:
        for use in ("new", "idle", "granted", "dead"):
            await clients.add(Client(f"{kind}-{use}", kind, "A chat", ("http://localhost/cb",), "none"))
    user = new_id()
    async with empty_database.connection() as link:
        await link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'Somebody')", (user,))
        for kind in kinds:
            for use, days in (("idle", 2), ("granted", 89), ("dead", 91)):
                await link.execute(
                    "UPDATE clients SET last_used_at = now() - make_interval(days => %s) WHERE id = %s",
                    (days, f"{kind}-{use}"),
                )
            for use in ("granted", "dead"):
                await link.execute(
                    "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
                    " VALUES (%s, %s, %s, 'x', '{}')",
                    (new_id(), user, f"{kind}-{use}"),
                )
    assert await clients.sweep() == 4
    for kind in ("dcr", "cimd"):
        left = [use for use in ("new", "idle", "granted", "dead") if await clients.find(f"{kind}-{use}")]
        assert left == ["new", "granted"]
    assert await clients.find("static-dead")


async def test_what_a_flood_has_left_is_swept_bit_by_bit(empty_database: Database) -> None:
    """Each deletion looks for what hangs on it; a sweep must end before the time of a statement does."""
    async with empty_database.connection() as link:
        for rows, age in ((12_000, "2 days"), (10_000, "0 days")):
            await link.execute(
                "INSERT INTO clients (id, kind, name, redirect_uris, auth_method, last_used_at)"
                " SELECT %(age)s || n, 'dcr', 'x', '{}', 'none', now() - %(age)s::interval"
                " FROM generate_series(1, %(rows)s) n",
                {"age": age, "rows": rows},
            )
        await link.execute(
            "INSERT INTO flows (id, kind, handle_hash, client_id, params, expires_at)"
            " SELECT gen_random_uuid(), 'authorize', sha256(n::text::bytea), '0 days' || n, '{}',"
            " now() + interval '1 hour' FROM generate_series(1, 10000) n"
        )
    clients = Clients(empty_database)
    assert [await clients.sweep() for _ in range(4)] == [5000, 5000, 2000, 0]
    async with empty_database.connection() as link:
        cursor = await link.execute("SELECT count(*) FROM flows")
        assert await cursor.fetchone() == (10_000,)
