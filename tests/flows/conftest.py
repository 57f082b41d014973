from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser

from tests.support.chromium import launched
from tests.support.emulator import EmulatorProcess
from tests.support.person import Person
from tests.support.valet import ValetProcess


@pytest.fixture
def emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        yield emulator


@pytest.fixture
def valet(emulator: EmulatorProcess) -> Iterator[ValetProcess]:
    with ValetProcess(VALET_EMULATOR_ORIGIN=emulator.origin) as valet:
        # As at the real one: nothing but what is registered.
        for name in ("spotify", "google", "oidc"):
            emulator.client(f"emulator-{name}", upstream=name, redirects=[f"{valet.url}/callback/{name}"])
        yield valet


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.fixture
async def person(chromium: Browser, valet: ValetProcess) -> AsyncIterator[Person]:
    """Somebody with an own browser profile, signed in as the owner."""
    context = await chromium.new_context()
    page = await context.new_page()
    somebody = Person(page, valet.url)
    await somebody.sign_in(valet.owner_link)
    yield somebody
    await context.close()
