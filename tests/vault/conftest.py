from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest

from tests.vault.upstreams import Clock, FakeUpstream, Told
from vault.ids import new_id
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.timing import Timing
from vault.vault import Vault, open_vault


@pytest.fixture
def person(database: Database) -> Callable[[], Awaitable[UUID]]:
    """Makes a user row and returns its id."""

    async def make() -> UUID:
        user = new_id()
        async with database.connection() as link:
            await link.execute("INSERT INTO users (id, display_name) VALUES (%s, 'Somebody')", (user,))
        return user

    return make


@pytest.fixture(scope="session")
def ring_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keyring.json"


@pytest.fixture
def upstream() -> FakeUpstream:
    return FakeUpstream()


# The tests' server began a moment ago: a lease that they let lapse would still count for a while.
SOON = Timing(restart=0)


@pytest.fixture
def clock() -> Clock:
    """The clock of `vault`."""
    return Clock()


@pytest.fixture
def told() -> Told:
    """What `vault` reported of its refreshes."""
    return Told()


@pytest.fixture
async def vault(
    database: Database, ring_path: Path, upstream: FakeUpstream, clock: Clock, told: Told
) -> AsyncIterator[Vault]:
    ring = FileKeyRing.create(ring_path)
    vault = await open_vault(database, ring, upstream, timing=SOON, report=told, clock=clock)
    yield vault
    await vault.drain()


@pytest.fixture
async def rival(
    database: Database, ring_path: Path, vault: Vault
) -> AsyncIterator[tuple[Vault, FakeUpstream]]:
    """Another worker on the same database, with a provider of its own behind it."""
    theirs = FakeUpstream()
    theirs.number = 100
    other = await open_vault(database, FileKeyRing(ring_path), theirs, timing=SOON)
    yield other, theirs
    await other.drain()
