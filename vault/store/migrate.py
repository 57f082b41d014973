"""Plain numbered SQL, forward only.

One transaction per file, under a transaction-level advisory lock, so any number of processes may
start at once and PgBouncer in transaction mode does no harm. A file's SHA-256 is kept: an applied
file that changed afterwards is refused.

Releases overlap: a new one's schema is made while workers of the one before serve, and these may start again
on it. So a step only adds (expand). Where one takes away what older releases used (contract), it says in a
line `-- needs: N` that a program has to know step N at least, and older ones do not start on that schema. A
step that has to wait for a lock lets everybody else go first, and tries again: whoever queues behind it would
wait as long.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import sql

from vault.store import roles

_OLDEST = 150000
_LOCK = 0x76616C6574  # "valet" in ASCII
_NEEDS = re.compile(r"^-- needs: (\d+)$", re.M)
_TURN = 900.0
"""Seconds that one process waits for another one that migrates."""
_TRIES = 30
_PAUSE = 0.5
"""Seconds between two tries of a step that some table was too busy for."""


class SchemaError(Exception):
    """The database can't be brought to this program's schema; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file: version, name, its SQL and the SHA-256 of it.

    `needs` is the newest step that a program must know to work on the schema after this one; 0: any does.
    """

    version: int
    name: str
    body: str
    checksum: bytes

    @property
    def needs(self) -> int:
        """As its line `-- needs: N` says."""
        found = _NEEDS.search(self.body)
        return int(found[1]) if found else 0


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


def migrate(url: str, *, app_role: str | None = None, turn: float = _TURN) -> int:
    """Bring the database behind `url` to the newest schema; returns the number of steps applied.

    `url` must log in as the role that owns the schema, or, where there is nothing to apply, as any that may
    read it. `app_role` is given the rights to read and write rows, none to change the schema
    (`vault/store/roles.py`). On a schema that is newer already nothing is done. `turn`: seconds to wait for
    another process that migrates. Raises SchemaError.
    """
    steps = migrations()
    with psycopg.connect(url, autocommit=True) as connection:
        _refuse_unfit(connection)
        _prepare(connection, turn)
        if _newer(connection, steps[-1].version):
            # What its tables are, and who may what in them, is known there.
            return 0
        applied = sum(_patiently(connection, step, turn) for step in steps)
        if app_role is not None:
            with connection.transaction():
                _alone(connection, turn)
                roles.grant(connection, app_role)
    return applied


def require_current(url: str) -> None:
    """See that this program can work on the schema behind `url`, changing nothing. Raises SchemaError."""
    needed = newest()
    with psycopg.connect(url, autocommit=True) as connection:
        found = _applied(connection)
        if found < needed:
            raise SchemaError(
                f"the database has schema {found}, this release needs {needed}; run `valet prepare` "
                "of this release first, with MIGRATION_DATABASE_URL"
            )
        _newer(connection, needed)


def applied(url: str) -> int:
    """The newest step that the database behind `url` has; 0 where it has no schema of ours."""
    with psycopg.connect(url, autocommit=True) as connection:
        return _applied(connection)


def _applied(connection: psycopg.Connection) -> int:
    found = connection.execute("SELECT to_regclass('public.schema_migrations') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchone()
    return 0 if row is None else int(row[0])


def _refuse_unfit(connection: psycopg.Connection) -> None:
    if connection.info.server_version < _OLDEST:
        raise SchemaError(
            f"this is PostgreSQL {connection.info.server_version // 10000}, Valet needs 15 or newer; "
            "upgrade the server or name another in DATABASE_URL"
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise SchemaError(
            f"this database's encoding is {encoding}, in which not every name can be kept; nothing was made "
            "in it. Make another: CREATE DATABASE valet OWNER valet_owner ENCODING UTF8 TEMPLATE template0"
        )


def _alone(connection: psycopg.Connection, turn: float) -> None:
    """Wait until no other process migrates. For the transaction: a pooler may give the session away.

    Raises SchemaError where one does for longer than `turn`.
    """
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (str(int(turn * 1000)),))
    connection.execute("SET LOCAL statement_timeout = 0")
    try:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    except psycopg.errors.LockNotAvailable:
        raise SchemaError(
            f"another process has been at work on this schema for {turn:g} seconds and is not done; this one "
            "changed nothing meanwhile. Run it again when that one has ended"
        ) from None


def _prepare(connection: psycopg.Connection, turn: float) -> None:
    with connection.transaction():
        _alone(connection, turn)
        found = connection.execute("SELECT to_regclass('public.schema_migrations') IS NOT NULL").fetchone()
        if found is not None and found[0]:
            # IF NOT EXISTS asks for the right to create all the same, and a worker need not have it.
            return
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            " version integer PRIMARY KEY, name text NOT NULL, checksum bytea NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now(), needs integer NOT NULL DEFAULT 0)"
        )


def _patiently(connection: psycopg.Connection, step: Migration, turn: float) -> bool:
    for _ in range(_TRIES):
        try:
            return _apply(connection, step, turn)
        except psycopg.errors.LockNotAvailable:
            time.sleep(_PAUSE)
    raise SchemaError(
        f"migration {step.version:04d}_{step.name} found a table in use all the time, by a backup or a long "
        "statement of somebody; what it would change is as before, and Valet serves on. Run `valet prepare` "
        "again when that is over"
    )


def _apply(connection: psycopg.Connection, step: Migration, turn: float) -> bool:
    with connection.transaction():
        _alone(connection, turn)
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
        # Whoever comes after us waits for us as long, and the workers' own patience is two seconds.
        connection.execute("SET LOCAL lock_timeout = 500")
        # The file comes from our own package, not from input.
        connection.execute(sql.SQL(step.body))
        connection.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, %s, %s)",
            (step.version, step.name, step.checksum),
        )
        if step.needs:
            connection.execute(
                "UPDATE schema_migrations SET needs = %s WHERE version = %s", (step.needs, step.version)
            )
    return True


def _newer(connection: psycopg.Connection, newest: int) -> bool:
    """Whether the schema is a later release's. Raises SchemaError where that has taken away what we need."""
    row = connection.execute("SELECT max(version) FROM schema_migrations").fetchone()
    if row is None or row[0] is None or row[0] <= newest:
        return False
    needs = connection.execute("SELECT max(needs) FROM schema_migrations").fetchone()
    if needs is not None and needs[0] > newest:
        raise SchemaError(
            f"the database has schema {row[0]}, which needs a release that knows {needs[0]} at least; this "
            f"program knows up to {newest}. Start the newer release of Valet that was used on it"
        )
    return True
