"""All that a chat client meets: Valet behind its door, the emulator, a database, a person at a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from playwright.async_api import Browser

from tests.proof.clients.door import Door
from tests.proof.clients.opener import Opener
from tests.support.emulator import EmulatorProcess
from tests.support.faketime import Clock
from tests.support.person import Person
from tests.support.valet import ValetProcess

Got = TypeVar("Got")


@dataclass
class Stage:
    """The set, and what happens on it besides the client's own doing."""

    door: Door
    emulator: EmulatorProcess
    person: Person
    opener: Opener
    clock: Clock
    database_url: str

    @property
    def mcp(self) -> str:
        return f"{self.door.url}/mcp"

    @property
    def environment(self) -> dict[str, str]:
        """A client's: our browser, and the clock that we move."""
        return {**self.clock.environment, **self.opener.environment}

    async def during(self, work: Coroutine[Any, Any, Got]) -> Got:
        """What `work` gives; the person says yes to every login that the client opens meanwhile."""
        return await self.opener.during(work, self.person.allow)

    async def an_hour_passes(self) -> None:
        """For the client, and for the tokens that it holds."""
        async with await psycopg.AsyncConnection.connect(self.database_url, autocommit=True) as link:
            self.clock.advance(3700)
            await self.door.idle()  # what was sent before is answered as of then
            await link.execute("UPDATE access_tokens SET expires_at = now()")

    async def registrations_lapse(self) -> None:
        """What chat clients registered of themselves is over, and with it all that they were given."""
        async with await psycopg.AsyncConnection.connect(self.database_url, autocommit=True) as link:
            await link.execute("DELETE FROM clients WHERE kind = 'dcr'")

    async def logins(self) -> int:
        """How many logins have tokens that still work."""
        async with await psycopg.AsyncConnection.connect(self.database_url, autocommit=True) as link:
            cursor = await link.execute("SELECT count(*) FROM families WHERE revoked_at IS NULL")
            [count] = await cursor.fetchone() or (0,)
            return int(count)


@asynccontextmanager
async def staged(browser: Browser, database_url: str, folder: Path, **settings: str) -> AsyncIterator[Stage]:
    """A stage of its own, the owner signed in, nothing connected. `settings` are further ones of Valet."""
    clock = Clock(folder / "clock")
    async with Door() as door, Opener() as opener:
        with EmulatorProcess() as emulator:
            valet = ValetProcess(
                VALET_EMULATOR_ORIGIN=emulator.origin,
                PUBLIC_URL=door.url,
                DATABASE_URL=database_url,
                VALET_KEYRING=str(folder / "keyring.json"),
                **settings,
            )
            emulator.client("emulator-spotify", redirects=[f"{door.url}/callback/spotify"])
            with valet:
                await door.open(valet.url)
                context = await browser.new_context()
                person = Person(await context.new_page(), door.url)
                await person.sign_in(valet.owner_link)
                yield Stage(door, emulator, person, opener, clock, database_url)
                await context.close()
                await door.close()
