"""The sidecar on a port of its own, and a Chromium that visits it as somebody who is signed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import jinja2
import uvicorn
from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Page, Route
from pydantic import SecretStr

from providers.base import Account, App, TokenSet
from providers.google import GOOGLE
from providers.spotify import SPOTIFY
from tests.connect.inn import ALL, WRITE, Browser, Inn
from tests.support.ports import free_port
from vault.store.activity import Note
from vault.store.connections import Connection
from vault.store.database import Database
from vault.store.users import User

APPS = {name: App("operator", f"client-{name}", SecretStr("app-secret")) for name in ("spotify", "google")}
EVERYTHING = ALL | {f"{each.name}:{level}" for each in GOOGLE.services for level in ("read", "write")}


class Stage:
    """What a visit has at hand. `shown` are the templates that the answers were made from.

    `foreign` are requests to other origins (they are not let through), `complaints` what the browser's
    console said against us.
    """

    def __init__(self, inn: Inn, context: BrowserContext, page: Page) -> None:
        self.inn, self.context, self.page = inn, context, page
        self.shown: set[str] = set()
        self.foreign: list[str] = []
        self.complaints: list[str] = []

    async def listen(self) -> None:
        """Note what the browser asks for and complains about."""
        await self.context.route(lambda url: not url.startswith(f"{self.inn.public_url}/"), self._foreign)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self._console(message.type, message.text))

    async def _foreign(self, route: Route) -> None:
        self.foreign.append(route.request.url)
        # As an answer without content: the browser stays where it is.
        await route.fulfill(status=204)

    def _console(self, kind: str, text: str) -> None:
        # Chromium says so of every page with a status of an error, and that is what an error's page has.
        if kind in {"error", "warning"} and not text.startswith(
            "Failed to load resource: the server responded"
        ):
            self.complaints.append(text)

    async def be(self, browser: Browser) -> None:
        """Go on in Chromium as the one in that browser."""
        await self.context.add_cookies(
            [
                {"name": cookie.name, "value": str(cookie.value), "url": self.inn.public_url}
                for cookie in browser.client.cookies.jar
            ]
        )

    async def guest(self, person: str = "ana") -> tuple[Browser, User]:
        """Somebody signed in, in both browsers."""
        browser, user = await self.inn.guest(person)
        await self.be(browser)
        return browser, user

    async def open(self, path: str) -> None:
        """Go to one of our pages."""
        await self.page.goto(f"{self.inn.public_url}{path}")

    async def press(self, name: str) -> None:
        """Press a button and wait for what comes."""
        async with self.page.expect_event("load"):
            await self.page.get_by_role("button", name=name, exact=True).click()

    async def spotify(
        self, user: User, name: str = "ana", scopes: frozenset[str] = WRITE, label: str | None = None
    ) -> Connection:
        """A Spotify account of theirs."""
        tokens = TokenSet(SecretStr("access"), 3600, SecretStr("refresh"), scopes)
        account = Account(SPOTIFY.issuer, name, label or name.title())
        lifetime = SPOTIFY.grant_lifetime
        return await self.inn.vault.save(user.id, "spotify", "operator", account, tokens, scopes, lifetime)

    async def google(self, user: User, address: str = "ana.lopez@gmail.com") -> Connection:
        """A Google account of theirs."""
        scopes = self.inn.registry.upstream("google", {"calendar:write"}) | GOOGLE.identity_scopes
        tokens = TokenSet(SecretStr("access"), 3600, SecretStr("refresh"), scopes)
        account = Account(GOOGLE.issuer, address, address, email=address)
        return await self.inn.vault.save(user.id, "google", "operator", account, tokens, scopes, None)

    async def chats(self, user: User) -> None:
        """Chat programs of every kind, with different permissions."""
        for name, kind, redirect, scopes in (
            ("Claude", "cimd", "https://claude.ai/api/mcp/auth_callback", EVERYTHING),
            ("Cursor", "dcr", "http://127.0.0.1:4711/callback", frozenset({"spotify:read"})),
            ("Chat with a name that never seems to end " * 2, "dcr", "https://" + "long." * 12 + "example/cb",
             frozenset()),
        ):  # fmt: skip
            client = await self.inn.client(name, kind, redirect)  # type: ignore[arg-type]
            await self.inn.grant(user, client, scopes)

    async def past(self, user: User, count: int) -> None:
        """That many things that were done, of every sort."""
        outcomes = ("ok", "ok", "not_connected", "provider_error", "input_required")
        grants = await self.inn.stores.grants.list(user.id)
        notes = []
        for number in range(count):
            grant = grants[number % len(grants)] if grants else None
            notes.append(
                Note(
                    user_id=user.id,
                    action="spotify_play" if number % 3 else "signed_in",
                    outcome=outcomes[number % 5],
                    grant_id=grant.id if grant else None,
                    client_id=grant.client_id if grant and number % 3 else None,
                    client_name=grant.client_name if grant and number % 3 else None,
                    provider="spotify" if number % 3 else None,
                    account="private" if number % 3 == 1 else None,
                    milliseconds=number * 37 if number % 3 else None,
                )
            )
        await self.inn.stores.activity.write(notes)

    async def ours(self, user: User, **columns: Any) -> None:
        """Set columns of their connections."""
        for column, value in columns.items():
            await self.inn.run(f"UPDATE connections SET {column} = %s WHERE owner = %s", value, user.id)


@asynccontextmanager
async def staged(
    database: Database,
    ring: Path,
    chromium: Chromium,
    *,
    apps: Mapping[str, App] = APPS,
    owner_links: bool = True,
    script: bool = True,
) -> AsyncIterator[Stage]:
    """A sidecar that listens, and an empty browser window."""
    port = free_port()
    inn = await Inn.open(
        database, ring, public_url=f"http://127.0.0.1:{port}", apps=dict(apps), owner_links=owner_links
    )
    config = uvicorn.Config(inn.app, port=port, log_config=None, access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server._serve())
    context = await chromium.new_context(java_script_enabled=script, reduced_motion="reduce")
    try:
        while not server.started:
            await asyncio.sleep(0.005)
        stage = Stage(inn, context, await context.new_page())
        await stage.listen()
        with _watched(stage):
            yield stage
    finally:
        await context.close()
        server.should_exit = True
        await serving


@contextmanager
def _watched(stage: Stage) -> Iterator[None]:
    """Note which templates are rendered while the block runs."""
    get = jinja2.Environment.get_template

    def noting(environment: jinja2.Environment, name: Any, *more: Any, **how: Any) -> jinja2.Template:
        stage.shown.add(str(name))
        return get(environment, name, *more, **how)

    jinja2.Environment.get_template = noting  # type: ignore[method-assign]
    try:
        yield
    finally:
        jinja2.Environment.get_template = get  # type: ignore[method-assign]
