"""Migrations: any number of processes at once, checksums, and refusals that say what to do."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from vault.store.migrate import _LOCK, Migration, SchemaError, migrate, migrations, require_current
from vault.store.roles import limit, limited


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


def test_many_at_once_give_a_role_its_limits(bare_url: str) -> None:
    name = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(bare_url)["dbname"]))
    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(limit, [bare_url] * 8)) == [None] * 8
        assert limited(bare_url)
        with psycopg.connect(bare_url, autocommit=True) as link:
            link.execute(sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} RESET ALL").format(name))


def test_who_waits_for_another_one_that_migrates_is_told_of_that(bare_url: str) -> None:
    """As long as a step on a large table takes; what is said is not that the database is away."""
    with psycopg.connect(bare_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        with pytest.raises(SchemaError, match="another process has been at work on this schema"):
            migrate(bare_url, turn=0.05)
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(migrate, bare_url)
            other.rollback()
            assert waits.result(60) == len(migrations())


def test_a_database_of_another_encoding_is_refused_before_anything_is_made_in_it(server_url: str) -> None:
    name = f"valet_ascii_{uuid.uuid4().hex[:12]}"
    ascii_url = make_conninfo(server_url, dbname=name)
    with psycopg.connect(server_url, autocommit=True) as link:
        made = "CREATE DATABASE {} ENCODING SQL_ASCII LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        link.execute(sql.SQL(made).format(sql.Identifier(name)))
    try:
        with pytest.raises(SchemaError, match=r"encoding is SQL_ASCII.*ENCODING UTF8"):
            migrate(ascii_url)
        with psycopg.connect(ascii_url) as link:
            assert link.execute("SELECT to_regclass('schema_migrations')").fetchone() == (None,)
    finally:
        with psycopg.connect(server_url, autocommit=True) as link:
            link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_a_file_that_changed_after_it_was_applied_is_refused(bare_url: str) -> None:
    migrate(bare_url)
    with psycopg.connect(bare_url) as link:
        link.execute("UPDATE schema_migrations SET checksum = '\\x00' WHERE version = 1")
    with pytest.raises(SchemaError, match="changed after it was applied"):
        migrate(bare_url)


def test_a_schema_that_has_only_more_than_the_program_knows_is_worked_on(bare_url: str) -> None:
    """An older release that starts again in the middle of a rollout, or after a step back."""
    migrate(bare_url)
    with psycopg.connect(bare_url) as link:
        link.execute("INSERT INTO schema_migrations (version, name, checksum) VALUES (999, 'later', '\\x00')")
    require_current(bare_url)
    assert migrate(bare_url) == 0


def test_a_schema_that_took_away_what_the_program_needs_is_refused(bare_url: str) -> None:
    newest = migrations()[-1].version
    migrate(bare_url)
    with psycopg.connect(bare_url) as link:
        link.execute("INSERT INTO schema_migrations VALUES (998, 'less', '\\x00', now(), %s)", (newest,))
        link.execute("INSERT INTO schema_migrations VALUES (999, 'more', '\\x00', now(), 0)")
    require_current(bare_url)
    with psycopg.connect(bare_url) as link:
        link.execute("UPDATE schema_migrations SET needs = %s WHERE version = 998", (newest + 1,))
    for start in (migrate, require_current):
        with pytest.raises(SchemaError, match=f"needs a release that knows {newest + 1}"):
            start(bare_url)


def test_a_step_waits_for_a_busy_table_without_holding_up_who_comes_after(bare_url: str) -> None:
    """As for a backup that reads it for an hour: a lock that is waited for stops everybody behind it."""
    with psycopg.connect(bare_url) as link:
        _of_before(link, 3)
    with psycopg.connect(bare_url) as backup, ThreadPoolExecutor(1) as pool:
        backup.execute("SELECT count(*) FROM connections")
        migrating = pool.submit(migrate, bare_url)
        with psycopg.connect(bare_url, autocommit=True) as watch, psycopg.connect(bare_url) as worker:
            tried = 0
            while tried < 2:
                # Another try each time that it waits; a worker's own patience is two seconds.
                waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
                while not watch.execute(waits).fetchone()[0]:  # type: ignore[index]
                    assert not migrating.done()
                worker.execute("SET LOCAL lock_timeout = 2000")
                worker.execute("SELECT count(*) FROM connections")
                worker.rollback()
                tried += 1
        backup.rollback()
        assert migrating.result(30) == len(migrations()) - 3


_SHORT = re.compile(
    # New tables, and what a table gets without being read through or rewritten.
    r"CREATE TABLE (?P<new>\w+)|ALTER TABLE (IF EXISTS )?\w+ (ADD COLUMN|ADD CONSTRAINT [^;]+ NOT VALID"
    r"|ALTER COLUMN \w+ SET DEFAULT|ALTER COLUMN \w+ DROP (DEFAULT|NOT NULL)|DROP (COLUMN|CONSTRAINT))"
    r"|ALTER TABLE \w+ VALIDATE CONSTRAINT|CREATE (UNIQUE )?INDEX \w+ ON (?P<index>\w+)"
    r"|DROP (TABLE|INDEX)|COMMENT ON|INSERT INTO|CREATE OR REPLACE FUNCTION"
)
_TAKES_AWAY = re.compile(
    r"DROP (TABLE|COLUMN)|RENAME|SET NOT NULL|ADD COLUMN [^;,]*NOT NULL(?![^;,]*DEFAULT)"
)


@pytest.mark.parametrize(
    "step", [s for s in migrations() if s.version >= 19], ids=lambda step: f"{step.version:04d}"
)
def test_a_step_is_one_that_workers_of_the_release_before_do_not_notice(step: Migration) -> None:
    """CONTRIBUTING, "Changing the schema": short locks, and nothing taken away unless it says so."""
    text = re.sub(r"--[^\n]*", "", step.body)
    statements = [" ".join(each.split()) for each in text.split(";") if each.strip()]
    new = set()
    for each in statements:
        found = _SHORT.match(each)
        assert found, f"reads through or rewrites a table, or is not known to be short: {each}"
        new |= {found["new"]} - {None}
        assert found["index"] in {None, *new}, f"an index on a table with rows stops its writers: {each}"
        assert not re.search(r"DEFAULT (gen_random_uuid|clock_timestamp|random)\(", each) or found["new"], (
            f"a default that is not the same for all rows may rewrite them: {each}"
        )
    assert step.body.startswith("-- Contract." if step.needs else "-- Expand."), "its first words say which"
    assert bool(_TAKES_AWAY.search(" ".join(statements))) <= bool(step.needs)


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


def test_connections_of_before_are_taken_for_refreshed_an_hour_before_their_token_ends(bare_url: str) -> None:
    """As the caretaker finds them: those in use at once, the others over a day, and none as if brand new."""
    with psycopg.connect(bare_url) as link:
        _of_before(link, 14)
        person = uuid.uuid4()
        link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'Ana')", (person,))
        used, live, idle, new = (_connection(link, person, label) for label in ("a", "b", "c", "d"))
        for row, ends, seen in (
            (used, "-1 hour", "1 hour"), (live, "40 minutes", "10 days"), (idle, "-50 days", "51 days"),
        ):  # fmt: skip
            link.execute(
                "UPDATE connections SET created_at = now() - interval '1 year', access_expires_at = now() +"
                " %s::interval, last_used_at = now() - %s::interval WHERE id = %s",
                (ends, seen, row),
            )
        link.execute("UPDATE connections SET created_at = now() - interval '5 minutes' WHERE id = %s", (new,))
    migrate(bare_url)
    with psycopg.connect(bare_url) as link:
        found = link.execute(
            "SELECT id, extract(epoch FROM now() - refreshed_at)::float8 / 60,"
            " extract(epoch FROM tend_at - now())::float8 / 60 FROM connections"
        ).fetchall()
    ago = {id: minutes for id, minutes, _ in found}
    assert 120 <= ago[used] < 125 and 20 <= ago[live] < 25 and 5 <= ago[new] < 10
    assert 50 * 24 * 60 + 60 <= ago[idle] < 50 * 24 * 60 + 65
    look = {id: minutes for id, _, minutes in found}
    assert look[used] <= 0 and look[live] <= 0
    assert -5 < look[idle] < 24 * 60 and -5 < look[new] < 24 * 60


def _of_before(link: psycopg.Connection, version: int = 1) -> None:
    """The schema of the first release alone, or up to that version."""
    link.execute(
        "CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL,"
        " checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    for step in migrations()[:version]:
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
