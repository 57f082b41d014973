from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from tests.apps.deck import Deck
from tests.apps.host import Chat, Contract, Origins, origins, window
from tests.support.chromium import launched
from tests.support.node import FOLDER, package


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    # A loaded machine may take its time.
    expect.set_options(timeout=60_000)
    async with launched() as browser:
        yield browser
    expect.set_options()


@pytest.fixture(scope="session")
async def served() -> AsyncIterator[Origins]:
    async with origins() as where:
        yield where


@pytest.fixture(scope="session")
def contract() -> Contract | None:
    """The contract of MCP Apps; None where it is absent, which `test_bridge.py` says aloud."""
    schema = FOLDER / "node_modules/@modelcontextprotocol/ext-apps/dist/src/generated/schema.json"
    return Contract(json.loads(schema.read_text(encoding="utf-8"))) if schema.exists() else None


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core as one script."""
    return (package("axe-core") / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def deck() -> Deck:
    """The player that the tools speak of."""
    return Deck()


@pytest.fixture(scope="session")
async def open_window(chromium: Browser, served: Origins) -> AsyncIterator[Chat]:
    async with window(chromium, served) as chat:
        yield chat


@pytest.fixture(scope="session")
async def still_window(chromium: Browser, served: Origins) -> AsyncIterator[Chat]:
    async with window(chromium, served, still=True) as chat:
        yield chat


@pytest.fixture
async def chat(open_window: Chat, deck: Deck, contract: Contract | None) -> AsyncIterator[Chat]:
    """A chat whose tools are the deck's."""
    open_window.begin(deck.serve)
    yield open_window
    await open_window.end(contract)


@pytest.fixture
async def still(still_window: Chat, deck: Deck, contract: Contract | None) -> AsyncIterator[Chat]:
    """The same where time stands still, but for `still.wait`."""
    still_window.begin(deck.serve)
    yield still_window
    await still_window.end(contract)
