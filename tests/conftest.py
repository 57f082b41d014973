"""One real PostgreSQL for the whole run: an embedded one, or the server in VALET_TEST_DATABASE_URL."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.support import cluster, databases, loud, profiles, room, thrift
from tests.support.kms import KeyService
from vault.store.database import Database
from vault.store.migrate import migrate

_PATIENCE = "authentication_timeout = 10s\n"
"""DROP DATABASE waits for all who are about to come in, and one of them may be a task that waits for it."""

profiles.register()
thrift.begin()
room.begin()


def pytest_collection_finish() -> None:
    """Before the first test."""
    thrift.settle()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Above the summary of a run, in red: what went on without its judge."""
    for line in loud.unjudged(terminalreporter.stats.get("skipped", [])):
        terminalreporter.section("not validated", sep="!", red=True, bold=True)
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A libpq URL of a server on which databases may be made."""
    given = os.environ.get(databases.GIVEN)
    if given:
        yield given
        return
    from valet.embedded import Supervisor

    folder = room.folder()
    cluster.copy(folder / "data")
    with (folder / "data/postgres/cluster/postgresql.auto.conf").open("a") as file:
        file.write(_PATIENCE)
    supervisor = Supervisor(folder / "data")
    try:
        yield supervisor.start().owner.get_secret_value()
    finally:
        supervisor.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def key_service() -> Iterator[KeyService]:
    """AWS KMS, as moto speaks it."""
    with KeyService() as service:
        yield service


@pytest.fixture(scope="module")
def kms(key_service: KeyService) -> Iterator[KeyService]:
    """The same, where boto3 finds it for as long as a module's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in key_service.environment.items():
            patch.setenv(name, value)
        yield key_service


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a migrated, empty database that others are copied from."""
    name = f"valet_template_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrate(make_conninfo(server_url, dbname=name))
    yield name
    if databases.GIVEN in os.environ:
        databases.drop(server_url, name)


@pytest.fixture(scope="session")
def database_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated database shared by the tests of the run: make your own users in it."""
    with databases.copied(server_url, template, lasting=True) as url:
        yield url


@pytest.fixture
def empty_database_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with databases.copied(server_url, template) as url:
        yield url


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    """The shared database, opened as the program opens it."""
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def empty_database(empty_database_url: str) -> AsyncIterator[Database]:
    """The test's own database, opened."""
    database = Database(empty_database_url)
    await database.open()
    yield database
    await database.close()
