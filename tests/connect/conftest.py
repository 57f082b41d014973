"""The sidecar for the tests of the person's pages: one database of their own, emptied before each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.connect.inn import HTTPS_URL, Inn
from tests.support import databases
from tests.support.emulator import EmulatorProcess
from vault.store.database import Database


@pytest.fixture(scope="session")
def inn_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated database that only the tests of this folder use."""
    with databases.copied(server_url, template, lasting=True) as url:
        yield url


@pytest.fixture(scope="session")
async def inn_pool(inn_url: str) -> AsyncIterator[Database]:
    database = Database(inn_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def inn_database(inn_pool: Database) -> Database:
    """That database without people, clients, flows, states and links (the operator's key stays)."""
    async with inn_pool.connection() as link:
        for statement in (
            "DELETE FROM users",
            "DELETE FROM flows",
            "DELETE FROM clients",
            "DELETE FROM states",
            "DELETE FROM owner_links",
            "DELETE FROM apps",
            "DELETE FROM setups",
            "DELETE FROM invitations",
        ):
            await link.execute(statement)
    return inn_pool


@pytest.fixture(scope="session")
def inn_ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inn") / "keyring.json"


@pytest.fixture
async def inn(inn_database: Database, inn_ring: Path) -> Inn:
    """The sidecar on loopback http, with owner links on."""
    return await Inn.open(inn_database, inn_ring)


@pytest.fixture
async def hotel(inn_database: Database, inn_ring: Path) -> Inn:
    """The sidecar on a public https origin, without owner links."""
    return await Inn.open(inn_database, inn_ring, public_url=HTTPS_URL, owner_links=False)


@pytest.fixture(scope="module")
def google_process() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        yield emulator


@pytest.fixture
def google(google_process: EmulatorProcess) -> EmulatorProcess:
    google_process.reset()
    google_process.forget()
    return google_process
