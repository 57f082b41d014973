"""Keys for audits in tests, and what tests do to the table as somebody who may do everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import psycopg

from vault import envelope
from vault.ids import operator_id

People = Callable[[], Awaitable[UUID]]


class Keys:
    """The operator's, of no database."""

    def __init__(self, dek: bytes = b"d" * 32) -> None:
        self._dek = dek

    def derive(self, purpose: str) -> bytes:
        return envelope.derive(self._dek, purpose)

    def seal(self, purpose: str, record: UUID, plaintext: bytes) -> bytes:
        return envelope.seal(self._dek, envelope.Context(operator_id(), purpose, record, 1), plaintext)

    def open(self, purpose: str, record: UUID, sealed: bytes) -> bytes:
        return bytes(
            envelope.open_sealed(self._dek, envelope.Context(operator_id(), purpose, record, 1), sealed)
        )


@dataclass
class Intruder:
    """A superuser of the database, whom no trigger stops."""

    url: str

    def run(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.url) as link:
            link.execute("SET LOCAL session_replication_role = 'replica'")
            link.execute(statement.encode(), values)

    def keep(self) -> None:
        self.run("CREATE TABLE kept AS SELECT * FROM audit")

    def restore(self) -> None:
        self.run("TRUNCATE audit")
        self.run("INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM kept")
