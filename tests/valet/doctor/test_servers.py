"""Servers of an operator's own: a standby in the primary's place, PgBouncer before a role without limits."""

from __future__ import annotations

import configparser
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.doors import run
from tests.support.postgres import PgBouncer, Postgres
from tests.support.valet import reachable_folder
from tests.valet.doctor.conftest import Site, look, only
from vault.ids import new_id


@pytest.fixture(scope="module")
def primary() -> Iterator[Postgres]:
    """As docs/setup.md makes it, and prepared."""
    folder = reachable_folder()
    try:
        primary = Postgres(folder / "primary")
        primary.start()
        try:
            primary.furnish()
            yield primary
        finally:
            primary.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def there(primary: Postgres) -> Site:
    """A site on it."""
    given = {
        "DATABASE_URL": primary.app,
        "MIGRATION_DATABASE_URL": primary.owner,
        "VALET_KEYRING": str(primary.folder.parent / "keyring.json"),
        "VALET_PORT": "1",
        "PUBLIC_URL": "http://127.0.0.1:1",
    }
    prepared(given, primary)
    return Site(primary.folder.parent, primary.owner, primary.app, given)


def prepared(given: dict[str, str], primary: Postgres) -> None:
    ran = run("prepare", given=given, folder=primary.folder.parent)
    assert ran.returncode == 0, ran.stderr


def test_a_standby_is_told_and_so_is_the_way_to_the_primary_among_several(
    there: Site, primary: Postgres
) -> None:
    standby = Postgres(primary.folder.parent / "standby", of=primary)
    standby.start()
    try:
        found = look(there, DATABASE_URL=standby.app)
        told = only(found["database"], "fault")
        assert "names a standby: nothing can be written" in told.text and "the primary" in told.fix
        said = [each.text for several in found.values() for each in several]
        assert not any("could not be looked at" in text for text in said), said
        host, port = "127.0.0.1,127.0.0.1", f"{standby.port},{primary.port}"
        several = make_conninfo(primary.app, host=host, port=port)
        assert (
            "names a standby" in only(look(there, "database", DATABASE_URL=several)["database"], "fault").text
        )
        key, _, value = told.fix.rpartition(": ")[2].partition("=")
        found = look(there, "database", DATABASE_URL=make_conninfo(several, **{key: value}))
        assert {each.level for each in found["database"]} == {"ok"}
    finally:
        standby.stop()


@contextmanager
def bouncing(primary: Postgres, **settings: str) -> Iterator[PgBouncer]:
    """PgBouncer of the documents, with some settings more."""
    bouncer = PgBouncer(primary.folder.parent / f"pgbouncer-{new_id().hex}", primary)
    written = configparser.ConfigParser()
    written.read(bouncer.file)
    written["pgbouncer"].update(settings)
    with bouncer.file.open("w") as file:
        written.write(file)
    bouncer.start()
    try:
        yield bouncer
    finally:
        bouncer.stop()


def unlimited(primary: Postgres) -> None:
    """The role has none of the limits that `valet prepare` gives it."""
    with psycopg.connect(primary.admin, autocommit=True) as link:
        link.execute("ALTER ROLE valet_app IN DATABASE valet RESET ALL")


def test_behind_pgbouncer_a_role_without_limits_is_told_until_it_was_prepared(
    there: Site, primary: Postgres
) -> None:
    unlimited(primary)
    with bouncing(primary) as bouncer:
        behind = {**there.environment, "DATABASE_URL": bouncer.app}
        told = only(look(there, "database", DATABASE_URL=bouncer.app)["database"], "fault")
        assert "refuses the startup parameter `options`" in told.text and "valet prepare" in told.fix
        prepared(behind, primary)
        found = look(there, "database", DATABASE_URL=bouncer.app)["database"]
        assert {each.level for each in found} == {"ok"}
        assert "a pooler stands between, in transaction mode" in [each.text for each in found]


def test_limits_that_pgbouncer_drops_are_told_with_the_statements_that_set_them(
    there: Site, primary: Postgres
) -> None:
    unlimited(primary)
    with bouncing(primary, ignore_startup_parameters="options", pool_mode="session") as bouncer:
        told = only(found := look(there, "database", DATABASE_URL=bouncer.app)["database"], "warning")
        assert "drops the time limits" in told.text
        assert "a pooler stands between, in session mode" in [each.text for each in found]
    with psycopg.connect(primary.admin, autocommit=True) as link:
        for statement in told.fix.split("; "):
            link.execute(statement)  # type: ignore[arg-type]
    with bouncing(primary, ignore_startup_parameters="options") as bouncer:
        found = look(there, "database", DATABASE_URL=bouncer.app)["database"]
        assert {each.level for each in found} == {"ok"}
