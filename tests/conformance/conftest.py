from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr

from providers.registry import PROVIDERS
from tests.conformance.everything import build_everything
from tests.conformance.relay import relaying
from tests.conformance.visitor import Visitor, signed_in
from tests.support.emulator import EmulatorProcess
from tests.support.node import package
from tests.support.valet import ValetProcess
from valet.assembly import assemble
from valet.settings import load

CLIENT_ID = "conformance"
"""The suite's client at the product, named in the operator's file. Any port of its redirect URI will do."""


@pytest.fixture(scope="session")
def installed() -> None:
    """The suite is there; else nothing below is started."""
    package("@modelcontextprotocol/conformance")


@pytest.fixture(scope="session")
def product(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValetProcess]:
    """Valet itself, as a person starts it."""
    redirect = "http://127.0.0.1:3000/callback"
    clients = [{"client_id": CLIENT_ID, "client_name": "Conformance", "redirect_uris": [redirect]}]
    file = tmp_path_factory.mktemp("conformance") / "clients.json"
    file.write_text(json.dumps(clients))
    with (
        EmulatorProcess() as emulator,
        ValetProcess(VALET_CLIENTS=str(file), VALET_EMULATOR_ORIGIN=emulator.origin) as valet,
    ):
        yield valet


@pytest.fixture(scope="session")
async def owner(product: ValetProcess) -> AsyncIterator[Visitor]:
    """The owner of the product, signed in."""
    async with signed_in(product.url, product.owner_link) as visitor:
        yield visitor


@pytest.fixture(scope="session")
async def product_url(owner: Visitor) -> AsyncIterator[str]:
    """The product's `/mcp`, for a suite that has no token."""
    async with relayed(owner) as url:
        yield url


@pytest.fixture
async def everything_url(installed: None, empty_database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """`/mcp` of the same app with the suite's fixtures on board, behind OAuth, for a suite with no token."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = load({"PUBLIC_URL": origin}, PROVIDERS)
        ring = tmp_path / "keyring.json"
        house = await assemble(
            settings, {}, SecretStr(empty_database_url), ring, "live", build_mcp=build_everything
        )
        server = _Server(uvicorn.Config(house.app, log_config=None, http="h11", ws="none", lifespan="on"))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            assert house.owner_link is not None
            async with signed_in(origin, house.owner_link) as visitor, relayed(visitor) as url:
                yield url
        finally:
            server.should_exit = True
            await serving
            await house.close()


@asynccontextmanager
async def relayed(visitor: Visitor) -> AsyncIterator[str]:
    """The address of a relay that brings that person's token along."""
    async with relaying(int(visitor.origin.rpartition(":")[2]), await visitor.token()) as port:
        yield f"http://127.0.0.1:{port}/mcp"


class _Server(uvicorn.Server):
    """uvicorn that leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
