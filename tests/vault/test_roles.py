"""The two roles, on a real server: what the app's can't do, and how a role that can do too much is told."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vault.store.migrate import SchemaError, migrate, migrations
from vault.store.roles import limit, limited, rights, rights_on, role_of

# A table of which the app's role may do less is written here too: each new one is a decision.
LESS = {
    "audit": {"SELECT", "INSERT"},
    "audit_keys": {"SELECT", "INSERT"},
    "schema_migrations": {"SELECT"},
}
USUAL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
SUPER = "is a superuser, or may become one"
OWNS = "owns the tables, or is a member of the role that does"


@dataclass
class Ground:
    """An empty database with an owner and an app's role, neither of them a superuser."""

    admin: str
    owner: str
    app: str
    names: dict[str, str]

    def named(self, statement: str) -> sql.Composed:
        names = {name: sql.Identifier(value) for name, value in self.names.items()}
        return sql.SQL(statement).format(**names)  # type: ignore[arg-type]

    def run(self, url: str, statement: str) -> list[Any]:
        with psycopg.connect(url, autocommit=True) as link:
            done = link.execute(self.named(statement))
            return done.fetchall() if done.description else []


@contextmanager
def _empty(server_url: str) -> Iterator[Ground]:
    mark = uuid.uuid4().hex[:10]
    names = {
        "owner": f"own_{mark}",
        "app": f"app_{mark}",
        "other": f"other_{mark}",
        "base": f"valet_r_{mark}",
    }
    ground = Ground(
        make_conninfo(server_url, dbname=names["base"]),
        make_conninfo(server_url, dbname=names["base"], user=names["owner"], password="owner"),
        make_conninfo(server_url, dbname=names["base"], user=names["app"], password="app"),
        names,
    )
    for role in ("owner", "app"):
        ground.run(server_url, f"CREATE ROLE {{{role}}} LOGIN PASSWORD '{role}'")
    ground.run(server_url, "CREATE DATABASE {base} OWNER {owner}")
    yield ground
    ground.run(server_url, "DROP DATABASE {base} WITH (FORCE)")
    for role in ("app", "owner", "other"):
        ground.run(server_url, f"DROP ROLE IF EXISTS {{{role}}}")


@pytest.fixture
def bare(server_url: str) -> Iterator[Ground]:
    """A database without a schema."""
    with _empty(server_url) as ground:
        yield ground


@pytest.fixture(scope="module")
def shared(server_url: str) -> Iterator[Ground]:
    """Migrated by its owner, for its app; for tests that leave it as it was."""
    with _empty(server_url) as ground:
        migrate(ground.owner, app_role=ground.names["app"])
        yield ground


@pytest.fixture
def ground(bare: Ground) -> Ground:
    """The same of the test's own."""
    migrate(bare.owner, app_role=bare.names["app"])
    return bare


def test_the_apps_role_has_just_what_is_written_down(shared: Ground) -> None:
    ground = shared
    found = ground.run(
        ground.admin,
        "SELECT c.relname, array_agg(a.privilege_type::text) FILTER (WHERE a.grantee IS NOT NULL)"
        " FROM pg_class c LEFT JOIN LATERAL aclexplode(c.relacl) a"
        "  ON a.grantee IN (0, (SELECT oid FROM pg_roles WHERE rolname = '" + ground.names["app"] + "'))"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v') GROUP BY 1",
    )
    given = {name: set(privileges or ()) for name, privileges in found}
    sequences = {name for name in given if name.endswith("_seq")}
    assert all(given.pop(name) == set() for name in sequences)
    assert len(given) > 20
    assert given == {name: LESS.get(name, USUAL) for name in given}
    assert rights(ground.app).faults == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET event = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DELETE FROM audit_keys",
        "UPDATE audit_keys SET sealed = ''",
        "MERGE INTO audit USING users ON false WHEN MATCHED THEN DELETE",
        "INSERT INTO audit (worker, batch, position, size, at, event, outcome, times, lost, mac)"
        " VALUES (gen_random_uuid(), 1, 1, 1, now(), 'x', 'x', 1, 0, '')"
        " ON CONFLICT (worker, batch, position) DO UPDATE SET event = 'y'",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_stays ON audit",
        "CREATE OR REPLACE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "SET session_replication_role = 'replica'",
        "CREATE RULE quiet AS ON INSERT TO audit DO INSTEAD NOTHING",
        "ALTER TABLE audit OWNER TO {app}",
        "SET ROLE {owner}",
        "GRANT {owner} TO {app}",
        "CREATE TABLE public.mine ()",
        "CREATE SCHEMA mine",
        "DROP TABLE users",
        "ALTER TABLE users ADD COLUMN mine text",
        "CREATE INDEX mine ON users (id)",
        "CREATE TRIGGER mine BEFORE INSERT ON users EXECUTE FUNCTION audit_stays()",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "TRUNCATE users",
        "UPDATE schema_migrations SET name = 'x'",
        "DELETE FROM schema_migrations",
        "INSERT INTO schema_migrations VALUES (99, 'x', '')",
        "ALTER DATABASE {base} SET valet.prune = 'on'",
        "COPY audit TO PROGRAM 'true'",
    ],
)
def test_the_apps_role_can_change_neither_the_schema_nor_the_audit(shared: Ground, statement: str) -> None:
    with psycopg.connect(shared.app, autocommit=True) as link:
        # What the trigger lets an owner do on purpose helps nobody else.
        link.execute("SET valet.prune = 'on'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute(shared.named(statement))


_ROW = (
    "INSERT INTO audit (worker, batch, position, size, at, event, outcome, times, lost, mac)"
    " VALUES (gen_random_uuid(), 1, 1, 1, now(), 'kept', 'ok', 1, 0, '')"
)


@pytest.mark.parametrize("statement", ["UPDATE audit SET event = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_a_slip_of_the_owner_is_refused_too(ground: Ground, statement: str) -> None:
    ground.run(ground.app, _ROW)
    for url in (ground.owner, ground.admin):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed and only pruned"):
            ground.run(url, statement)
    with psycopg.connect(ground.owner) as link:
        link.execute("SET LOCAL valet.prune = 'on'")
        if statement.startswith("DELETE"):
            link.execute("DELETE FROM audit")
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                link.execute(statement)  # type: ignore[arg-type]


def test_a_persons_key_of_the_audit_goes_with_their_account_and_not_otherwise(ground: Ground) -> None:
    ground.run(ground.app, "INSERT INTO users (id, display_name) VALUES (gen_random_uuid(), 'x')")
    ground.run(ground.app, "INSERT INTO audit_keys (user_id, sealed) SELECT id, '' FROM users")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ground.run(ground.app, "DELETE FROM audit_keys")
    ground.run(ground.app, "DELETE FROM users")
    assert ground.run(ground.app, "SELECT count(*) FROM audit_keys") == [(0,)]


def test_a_table_of_a_later_migration_is_given_after_it_and_not_before(ground: Ground) -> None:
    ground.run(ground.owner, "CREATE TABLE later (id int GENERATED ALWAYS AS IDENTITY)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ground.run(ground.app, "SELECT * FROM later")
    migrate(ground.owner, app_role=ground.names["app"])
    ground.run(ground.app, "INSERT INTO later DEFAULT VALUES")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ground.run(ground.app, "TRUNCATE later")


def test_what_an_earlier_release_gave_too_much_is_taken_back(ground: Ground) -> None:
    ground.run(ground.owner, "GRANT ALL ON ALL TABLES IN SCHEMA public TO {app}")
    ground.run(ground.owner, "GRANT DELETE ON audit TO PUBLIC")
    ground.run(ground.owner, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    assert rights(ground.app).faults == (
        "may create things in the database",
        "may change or delete what audit says",
    )
    migrate(ground.owner, app_role=ground.names["app"])
    assert rights(ground.app).faults == ()


def test_a_worker_starts_on_a_current_schema_without_its_owner(ground: Ground) -> None:
    assert migrate(ground.app) == 0
    ground.run(ground.admin, f"DELETE FROM schema_migrations WHERE version = {migrations()[-1].version}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        migrate(ground.app)
    ground.run(ground.admin, "UPDATE schema_migrations SET checksum = '\\x00' WHERE version = 1")
    with pytest.raises(SchemaError, match="changed after"):
        migrate(ground.app)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("ALTER ROLE {app} SUPERUSER", SUPER),
        ("CREATE ROLE {other} SUPERUSER; GRANT {other} TO {app}", SUPER),
        (
            "CREATE ROLE {other} CREATEROLE; GRANT {other} TO {app}",
            "may make roles, and so itself a member of the owner",
        ),
        ("ALTER ROLE {app} CREATEROLE", "may make roles, and so itself a member of the owner"),
        ("GRANT {owner} TO {app}", OWNS),
        ("ALTER ROLE {app} NOINHERIT; GRANT {owner} TO {app}", OWNS),
        (
            "CREATE ROLE {other}; GRANT {owner} TO {other}; GRANT {other} TO {app}",
            OWNS,
        ),
        ("ALTER TABLE users OWNER TO {app}", OWNS),
        ("ALTER SCHEMA public OWNER TO {app}", "owns the schema"),
        ("ALTER DATABASE {base} OWNER TO {app}", "owns the schema"),
        ("GRANT CREATE ON SCHEMA public TO {app}", "may create things in the database"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "may create things in the database"),
        ("GRANT CREATE ON DATABASE {base} TO {app}", "may create things in the database"),
        ("GRANT UPDATE ON audit TO {app}", "may change or delete what audit says"),
        ("GRANT DELETE ON audit TO PUBLIC", "may change or delete what audit says"),
        ("GRANT TRUNCATE ON audit TO {app}", "may change or delete what audit says"),
        ("GRANT UPDATE (outcome) ON audit TO {app}", "may change or delete what audit says"),
        ("GRANT pg_write_all_data TO {app}", "may change or delete what audit says"),
        (
            "ALTER ROLE {app} NOINHERIT; CREATE ROLE {other}; GRANT DELETE ON audit TO {other};"
            " GRANT {other} TO {app}",
            "may change or delete what audit says",
        ),
        (
            "ALTER ROLE {app} NOINHERIT; CREATE ROLE {other}; GRANT CREATE ON SCHEMA public TO {other};"
            " GRANT {other} TO {app}",
            "may create things in the database",
        ),
        (
            "GRANT pg_execute_server_program TO {app}",
            "may write the server's files or run programs there",
        ),
    ],
)  # fmt: skip
def test_every_way_to_do_too_much_is_seen(shared: Ground, given: str, fault: str) -> None:
    with psycopg.connect(shared.admin) as link:
        link.execute(shared.named(given))
        link.execute(shared.named("SET LOCAL SESSION AUTHORIZATION {app}"))
        assert fault in rights_on(link).faults
        link.rollback()
        link.execute(shared.named("SET LOCAL SESSION AUTHORIZATION {app}"))
        assert rights_on(link) == rights(shared.app)


def test_a_limit_that_somebody_has_set_stays_and_only_the_missing_ones_are_added(bare: Ground) -> None:
    bare.run(bare.admin, "ALTER ROLE {app} SET statement_timeout = '30s'")
    bare.run(bare.admin, "ALTER ROLE {app} IN DATABASE {base} SET lock_timeout = '1s'")
    assert not limited(bare.app)
    for _ in range(2):
        limit(bare.app)
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        assert [bare.run(bare.app, f"SHOW {name}") for name in names] == [[("30s",)], [("1s",)], [("10s",)]]
    assert limited(bare.app)


def test_the_role_of_an_empty_database_is_seen_too(bare: Ground) -> None:
    assert rights(bare.app).faults == ()
    assert "owns the schema" in rights(bare.owner).faults


def test_an_owner_that_is_given_for_the_app_keeps_what_it_has(bare: Ground) -> None:
    migrate(bare.owner, app_role=bare.names["owner"])
    assert migrate(bare.owner, app_role=bare.names["owner"]) == 0
    bare.run(bare.owner, _ROW)


def test_the_role_is_known_also_where_the_url_does_not_name_it(
    bare: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = conninfo_to_dict(bare.app)
    monkeypatch.setenv("PGUSER", parts.pop("user"))
    assert role_of(make_conninfo("", **parts)) == bare.names["app"]
