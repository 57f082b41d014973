from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest
from pydantic import SecretStr

from providers.base import App, GrantRejected, TokenSet
from tests.mcp_server.desk import Desk, serving
from tests.mcp_server.hall import Hall, Judge, open_hall, road
from tests.support import databases
from tests.support.emulator import EmulatorProcess
from tests.support.ports import free_port
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.vault import Vault, open_vault

Serve = Callable[..., AbstractAsyncContextManager[Desk]]


class DeadUpstream:
    """A provider whose grants are all dead: what is refreshed, is refused."""

    async def refresh(self, provider: str, app: App | str, refresh_token: SecretStr) -> TokenSet:
        raise GrantRejected(provider, "refresh")

    async def revoke(self, provider: str, app: App | str, token: SecretStr) -> bool:
        return False

    def sweeping(self, provider: str) -> bool:
        return False


@pytest.fixture(scope="session")
def own_database_url(server_url: str, template: str) -> Iterator[str]:
    """A database of this room's tests: its operator's key is wrapped by a ring of their own."""
    with databases.copied(server_url, template, lasting=True) as url:
        yield url


@pytest.fixture(scope="session")
async def own_database(own_database_url: str) -> AsyncIterator[Database]:
    database = Database(own_database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def vault(own_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Vault:
    ring = FileKeyRing.create(tmp_path_factory.mktemp("mcp-keys") / "keyring.json")
    return await open_vault(own_database, ring, DeadUpstream())


@pytest.fixture
def serve(own_database: Database, vault: Vault) -> Serve:
    """`async with serve() as desk`: a running server over real stores."""
    return partial(serving, own_database, vault)


@pytest.fixture(scope="session")
def emulated() -> Iterator[EmulatorProcess]:
    """One emulator for this room's tests; `hall` gives each its world as at the beginning."""
    with EmulatorProcess() as emulator:
        yield emulator


@pytest.fixture
async def hall(serve: Serve, emulated: EmulatorProcess) -> AsyncIterator[Hall]:
    """A server over a socket, with the emulator behind it and the published contracts in between."""
    emulated.reset()
    ready: asyncio.Future[Hall] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()
    # In one task: the SDK's task groups must end in the task that began them, and a fixture is two.
    task = asyncio.create_task(_hall(serve, emulated, ready, over))
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    yield ready.result()
    over.set()
    await task


async def _hall(
    serve: Serve, emulated: EmulatorProcess, ready: asyncio.Future[Hall], over: asyncio.Event
) -> None:
    port = free_port()
    async with (
        Judge(emulated) as judge,
        serve(upstream=road(judge), public_url=f"http://127.0.0.1:{port}", google=True) as desk,
        open_hall(desk, emulated, judge, port) as hall,
    ):
        ready.set_result(hall)
        await over.wait()
