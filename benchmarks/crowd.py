"""A crowd of connections in a database: each of a person of its own, sealed as the vault seals it."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.tokens import token_set
from vault.cache import DekCache
from vault.ids import new_id
from vault.records import context
from vault.store.deks import WrappedDek

CHUNK = 5_000

_USERS = "COPY users (id, display_name) FROM STDIN (FORMAT BINARY)"
_DEKS = "COPY deks (id, owner, purpose, kek_ref, wrapped) FROM STDIN (FORMAT BINARY)"
_CONNECTIONS = (
    "COPY connections (id, owner, provider, account_index, account_label, app, label, is_default, scopes,"
    " status, dek_id, body, access_expires_at, tend_at) FROM STDIN (FORMAT BINARY)"
)
# No access token runs out while this runs, and nobody looks whether one will: nothing is refreshed.
_CONNECTION_TYPES = (
    "uuid", "uuid", "text", "bytea", "text", "text", "text", "bool", "text[]", "text", "uuid", "bytea",
    "timestamptz", "timestamptz",
)  # fmt: skip
_SCOPES = ["https://www.googleapis.com/auth/calendar.readonly", "openid", "email"]
TABLES = ("users", "deks", "connections")


@dataclass
class Crowd:
    """Adds people to the database behind `url`, which the schema's owner opens."""

    url: str
    cache: DekCache
    people: bytearray = field(default_factory=bytearray)
    seconds: float = 0
    """How long everything that is there took to seal, wrap and load."""

    def __len__(self) -> int:
        return len(self.people) // 16

    def some(self, number: int, chance: random.Random) -> list[UUID]:
        """Owners, any of them, none twice."""
        chosen = chance.sample(range(len(self)), number)
        return [UUID(bytes=bytes(self.people[16 * one : 16 * one + 16])) for one in chosen]

    async def grow(self, size: int) -> None:
        """Add people until there are so many, then tidy up as autovacuum would in time."""
        plaintext = token_set()
        started = time.perf_counter()
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as link:
            cursor = await link.execute("SELECT now() + interval '30 days'")
            row = await cursor.fetchone()
            assert row is not None
            while len(self) < size:
                await self._add(link, min(CHUNK, size - len(self)), plaintext, row[0])
            self.seconds += time.perf_counter() - started
            for statement in (b"VACUUM ANALYZE users", b"VACUUM ANALYZE deks", b"VACUUM ANALYZE connections"):
                await link.execute(statement)
            await link.execute("CHECKPOINT")

    async def _add(self, link: psycopg.AsyncConnection[Any], n: int, plaintext: bytes, until: object) -> None:
        deks = [await self.cache.fresh(new_id(), "connection") for _ in range(n)]
        bodies = []
        for dek in deks:
            place = new_id()
            bodies.append((place, await self.cache.seal(dek, context(dek.owner, place, 1), plaintext)))
        async with link.cursor() as cursor:
            async with cursor.copy(_USERS) as copy:
                copy.set_types(("uuid", "text"))
                for dek in deks:
                    await copy.write_row((dek.owner, "Somebody"))
            async with cursor.copy(_DEKS) as copy:
                copy.set_types(("uuid", "uuid", "text", "text", "bytea"))
                for dek in deks:
                    await copy.write_row((dek.id, dek.owner, dek.purpose, dek.kek_ref, dek.wrapped))
            async with cursor.copy(_CONNECTIONS) as copy:
                copy.set_types(_CONNECTION_TYPES)
                for dek, (place, body) in zip(deks, bodies, strict=True):
                    await copy.write_row(_connection(dek, place, body, until))
        self.people += b"".join(dek.owner.bytes for dek in deks)

    async def sizes(self) -> tuple[float, float]:
        """MB of the three tables, and of their indexes."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as link:
            cursor = await link.execute(
                "SELECT sum(pg_table_size(name::regclass)) / 1e6, sum(pg_indexes_size(name::regclass)) / 1e6"
                " FROM unnest(%s::text[]) name",
                (list(TABLES),),
            )
            row = await cursor.fetchone()
        assert row is not None
        return float(row[0]), float(row[1])

    async def rest(self, owners: list[UUID]) -> None:
        """Let the last use of each have been two minutes ago."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as link:
            await link.execute(
                "UPDATE connections SET last_used_at = now() - interval '2 minutes' WHERE owner = ANY(%s)",
                (owners,),
            )


def _connection(dek: WrappedDek, place: UUID, body: bytes, until: object) -> tuple[object, ...]:
    label = "somebody@example.com"
    return (
        place, dek.owner, "google", os.urandom(32), label, "operator", label, True, _SCOPES, "active", dek.id,
        body, until, until,
    )  # fmt: skip
