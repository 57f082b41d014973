"""Migrations: any number of processes at once, checksums, and refusals that say what to do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from vault.store.migrate import SchemaError, migrate, migrations


@pytest.fixture
def bare_url(server_url: str) -> Iterator[str]:
    """An empty database without a schema, and a role `app_<name>` beside it."""
    name = f"valet_bare_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        link.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(f"app_{name}")))
    yield make_conninfo(server_url, dbname=name)
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        link.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(f"app_{name}")))


def test_many_processes_may_start_at_once(bare_url: str) -> None:
    role = f"app_{psycopg.conninfo.conninfo_to_dict(bare_url)['dbname']}"
    with ThreadPoolExecutor(8) as pool:
        applied = list(pool.map(lambda _: migrate(bare_url, app_role=role), range(24)))
    assert sum(applied) == len(migrations())
    with psycopg.connect(bare_url) as link:
        kept = link.execute("SELECT version FROM schema_migrations").fetchall()
    assert [row[0] for row in kept] == [step.version for step in migrations()]


def test_a_file_that_changed_after_it_was_applied_is_refused(bare_url: str) -> None:
    migrate(bare_url)
    with psycopg.connect(bare_url) as link:
        link.execute("UPDATE schema_migrations SET checksum = '\\x00' WHERE version = 1")
    with pytest.raises(SchemaError, match="changed after it was applied"):
        migrate(bare_url)


def test_a_schema_that_is_newer_than_the_program_is_refused(bare_url: str) -> None:
    migrate(bare_url)
    with psycopg.connect(bare_url) as link:
        link.execute("INSERT INTO schema_migrations VALUES (999, 'later', '\\x00')")
    with pytest.raises(SchemaError, match="newer release"):
        migrate(bare_url)


def test_rows_of_before_are_kept_and_labels_that_differ_by_case_alone_come_apart(bare_url: str) -> None:
    with psycopg.connect(bare_url) as link:
        _of_before(link)
        person = uuid.uuid4()
        link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'Ana')", (person,))
        link.execute(
            "INSERT INTO identities (issuer, subject_index, user_id, label) VALUES ('i', 's', %s, 'Ana')",
            (person,),
        )
        first, second, other = (_connection(link, person, label) for label in ("Ana", "ana", "Ben"))
        gone = _connection(link, person, "ANA", status="disconnected")
    migrate(bare_url)
    with psycopg.connect(bare_url) as link:
        labels = dict(link.execute("SELECT id, label FROM connections").fetchall())
        claims = link.execute("SELECT claims FROM identities").fetchall()
    assert labels == {first: "Ana", second: f"ana {str(second)[-6:]}", other: "Ben", gone: "ANA"}
    assert claims == [([],)]


def _of_before(link: psycopg.Connection) -> None:
    """The schema of the first release alone."""
    link.execute(
        "CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL,"
        " checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    step = migrations()[0]
    link.execute(sql.SQL(step.body))
    link.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, %s, %s)",
        (step.version, step.name, step.checksum),
    )


def _connection(
    link: psycopg.Connection, owner: uuid.UUID, label: str, *, status: str = "active"
) -> uuid.UUID:
    id = uuid.uuid4()
    link.execute(
        "INSERT INTO connections (id, owner, provider, account_index, account_label, app, label, scopes,"
        " status, access_expires_at, created_at)"
        " VALUES (%s, %s, 'spotify', %s, 'Ana', 'default', %s, '{}', %s, now(), clock_timestamp())",
        (id, owner, id.bytes, label, status),
    )
    return id


def test_files_are_numbered_without_a_gap() -> None:
    assert [step.version for step in migrations()] == list(range(1, len(migrations()) + 1))
