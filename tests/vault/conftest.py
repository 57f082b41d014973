from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest

from vault.ids import new_id
from vault.store.database import Database


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
