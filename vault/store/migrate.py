"""Plain numbered SQL, forward only.

One transaction per file, under a transaction-level advisory lock, so any number of processes may
start at once and PgBouncer in transaction mode does no harm. A file's SHA-256 is kept: an applied
file that changed afterwards, or a schema newer than this program, is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import sql

from vault.store import roles

_OLDEST = 150000
_LOCK = 0x76616C6574  # "valet" in ASCII


class SchemaError(Exception):
    """The database can't be brought to this program's schema; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file: version, name, its SQL and the SHA-256 of it."""

    version: int
    name: str
    body: str
    checksum: bytes


def migrations() -> list[Migration]:
    """All steps in order, from the package's `migrations` folder (`NNNN_name.sql`)."""
    found = []
    for entry in resources.files("vault.store").joinpath("migrations").iterdir():
        number, _, rest = entry.name.partition("_")
        if entry.name.endswith(".sql"):
            body = entry.read_text(encoding="utf-8")
            found.append(Migration(int(number), rest[:-4], body, hashlib.sha256(body.encode()).digest()))
    return sorted(found, key=lambda step: step.version)


def newest() -> int:
    """The schema that this program has."""
    return migrations()[-1].version


def migrate(url: str, *, app_role: str | None = None) -> int:
    """Bring the database behind `url` to the newest schema; returns the number of steps applied.

    `url` must log in as the role that owns the schema, or, where there is nothing to apply, as any that may
    read it. `app_role` is given the rights to read and write rows, none to change the schema
    (`vault/store/roles.py`). Raises SchemaError.
    """
    steps = migrations()
    with psycopg.connect(url, autocommit=True, options="-c lock_timeout=4000") as connection:
        _refuse_old(connection)
        _prepare(connection)
        applied = sum(_apply(connection, step) for step in steps)
        _refuse_newer(connection, steps[-1].version)
        if app_role is not None:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                roles.grant(connection, app_role)
    return applied


def require_current(url: str) -> None:
    """See that the database behind `url` has this program's schema, changing nothing. Raises SchemaError."""
    steps, found = migrations(), applied(url)
    if found < steps[-1].version:
        raise SchemaError(
            f"the database has schema {found}, this release needs {steps[-1].version}; run `valet prepare` "
            "of this release first, with MIGRATION_DATABASE_URL"
        )
    with psycopg.connect(url, autocommit=True) as connection:
        _refuse_newer(connection, steps[-1].version)


def applied(url: str) -> int:
    """The newest step that the database behind `url` has; 0 where it has no schema of ours."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT to_regclass('public.schema_migrations') IS NOT NULL").fetchone()
        if found is None or not found[0]:
            return 0
        row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchone()
    return 0 if row is None else int(row[0])


def _refuse_old(connection: psycopg.Connection) -> None:
    if connection.info.server_version < _OLDEST:
        raise SchemaError(
            f"this is PostgreSQL {connection.info.server_version // 10000}, Valet needs 15 or newer; "
            "upgrade the server or name another in DATABASE_URL"
        )


def _prepare(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        found = connection.execute("SELECT to_regclass('public.schema_migrations') IS NOT NULL").fetchone()
        if found is not None and found[0]:
            # IF NOT EXISTS asks for the right to create all the same, and a worker need not have it.
            return
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            " version integer PRIMARY KEY, name text NOT NULL, checksum bytea NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )


def _apply(connection: psycopg.Connection, step: Migration) -> bool:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        row = connection.execute(
            "SELECT checksum FROM schema_migrations WHERE version = %s", (step.version,)
        ).fetchone()
        if row is not None:
            if bytes(row[0]) != step.checksum:
                raise SchemaError(
                    f"migration {step.version:04d}_{step.name} was changed after it was applied; "
                    "restore the released file and start again"
                )
            return False
        # The file comes from our own package, not from input.
        connection.execute(sql.SQL(step.body))
        connection.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, %s, %s)",
            (step.version, step.name, step.checksum),
        )
    return True


def _refuse_newer(connection: psycopg.Connection, newest: int) -> None:
    row = connection.execute("SELECT max(version) FROM schema_migrations").fetchone()
    if row is not None and row[0] is not None and row[0] > newest:
        raise SchemaError(
            f"the database has schema {row[0]}, this program knows up to {newest}; "
            "start the newer release of Valet that was used on it"
        )
