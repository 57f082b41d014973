"""Registered chat programs."""

from __future__ import annotations

import os

import psycopg
import pytest

from vault.store.clients import Client, Clients
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
