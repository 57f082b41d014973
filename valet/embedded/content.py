"""What is in a database, to be compared with another: every row of every table, sequences, and the schema.

No table is known here: the catalogue names them. Two servers of different versions must say the same, so what
a row looks like is fixed by the session's settings, and hashing is done here, not by their functions.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from pydantic import SecretStr

from valet.embedded.client import Client

_SESSION = (
    "-c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=postgres"
    " -c bytea_output=hex -c extra_float_digits=1"
)
_TABLES = (
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
    " ORDER BY 1, 2"
)
_SEQUENCES = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"
RESTRICT_KEY = "compared"  # else pg_dump writes a random one


@dataclass(frozen=True, slots=True)
class Table:
    """How many rows a table has, and the sum of their SHA-256 (modulo 2^256): whatever their order."""

    rows: int
    digest: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a database holds."""

    tables: dict[str, Table]
    sequences: tuple[tuple[str, str, int | None], ...]
    schema: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables.values())

    def difference(self, other: Content) -> str | None:
        """Where the other one differs first, in words without any value of a row; None where nowhere."""
        for name in sorted(self.tables.keys() | other.tables.keys()):
            if (mine := self.tables.get(name)) != (theirs := other.tables.get(name)):
                return f"the table {name} ({_rows(mine)} here, {_rows(theirs)} there)"
        if self.sequences != other.sequences:
            return "the sequences"
        if self.schema != other.schema:
            here, there = Counter(self.schema), Counter(other.schema)
            lines = [*(here - there), *(there - here)]
            return f"the schema ({lines[0].strip() if lines else 'its order'})"
        return None


@contextmanager
def snapshot(url: SecretStr) -> Iterator[psycopg.Connection]:
    """A connection in a transaction that only reads, all of it as of one moment."""
    with psycopg.connect(url.get_secret_value(), options=_SESSION, connect_timeout=30) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def export(connection: psycopg.Connection) -> str:
    """The name by which another session sees what this one's snapshot sees, for as long as it lasts."""
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    return str(row[0])


def content(connection: psycopg.Connection, client: Client, moment: str) -> Content:
    """What that snapshot of a database, exported as `moment`, holds; `client` is of the same database."""
    names = connection.execute(_TABLES).fetchall()
    return Content(
        {f"{schema}.{table}": _table(connection, schema, table) for schema, table in names},
        tuple(connection.execute(_SEQUENCES).fetchall()),
        _schema(
            client.read("pg_dump", "--schema-only", f"--restrict-key={RESTRICT_KEY}", f"--snapshot={moment}")
        ),
    )


def _table(connection: psycopg.Connection, schema: str, name: str) -> Table:
    rows, total, rest = 0, 0, b""
    statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, name))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in copy:
            # In the text format a row is a line: what breaks lines inside a value is written as an escape.
            *lines, rest = (rest + bytes(block)).split(b"\n")
            rows += len(lines)
            total += sum(int.from_bytes(hashlib.sha256(line).digest(), "big") for line in lines)
    return Table(rows, total % 2**256)


def _schema(text: str) -> tuple[str, ...]:
    """The statements of a dump, without comments and settings, which name the server's version."""
    return tuple(line for line in text.splitlines() if line and not line.startswith(("--", "SET ", "\\")))


def _rows(table: Table | None) -> str:
    return "not" if table is None else f"{table.rows} rows"
