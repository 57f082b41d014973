"""A person at a Chromium window: signs in, consents, connects. And their chat client."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import mcp.client.session
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from mcp_types import CallToolResult, ElicitRequestParams, ElicitRequestURLParams, ElicitResult, TextContent
from playwright.async_api import Page

from valet.trial import Memory

REDIRECT = "http://127.0.0.1:3119/callback"
# The SDK's first question gives up after ten seconds, and then speaks the earlier era. Here all of a sign-in
# in a browser is part of it, which a busy machine may not do in that time.
mcp.client.session.DISCOVER_TIMEOUT_SECONDS = 120.0


@dataclass
class Person:
    """One browser window and one chat client of one person.

    `world` is where the consent pages are; `trust` is what the chat client trusts; `before` is awaited before
    each of its requests for the sidecar. `headings` are those of every page that was shown on our side,
    `visited` the addresses of consent pages; `statuses` every answer of /mcp.
    """

    page: Page
    url: str
    name: str = "Test chat"
    storage: Memory = field(default_factory=Memory)
    headings: list[str] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    consents: int = 0
    caught: str = ""
    trust: ssl.SSLContext | bool = True
    before: Callable[[], Awaitable[None]] | None = None
    world: str = "http://localhost:*/**"

    async def sign_in(self, owner_link: str) -> None:
        """Open a one-time link and press its button."""
        await self.page.goto(owner_link)
        await self.page.get_by_role("button", name="Open Valet").click()
        await self.page.wait_for_url("**/account")

    async def connect(
        self, link: str, account: str = "ana", decision: str = "Agree", untick: str | None = None
    ) -> str:
        """Follow a connect link to the emulator and back; the heading of the last page.

        `decision` is the button of Spotify's page; Google's says Continue for Agree. `untick` is part of a
        scope that the person does not allow.
        """
        await self.page.goto(link)
        await self.see()
        await self.page.get_by_role("button", name="Continue").click()
        await self.page.wait_for_url(self.world)
        self.visited.append(self.page.url)
        await self.page.locator(f'input[type="radio"][value="{account}"]').check()
        if untick is not None:
            await self.page.locator(f'input[type="checkbox"][name$="{untick}"]').uncheck()
        if decision == "Agree" and "google" in self.page.url:
            decision = "Continue"
        await self.page.get_by_role("button", name=decision).click()
        await self.page.wait_for_url(f"{self.url}/**")
        return await self.confirm()

    async def confirm(self) -> str:
        """Say yes to the account, where that is asked; the heading of the last page."""
        heading = await self.see()
        yes = self.page.get_by_role("button", name="Connect this account")
        if not await yes.count():
            return heading
        asked = self.page.url
        await yes.click()
        await self.page.wait_for_url(lambda url: url != asked)
        return await self.see()

    async def see(self) -> str:
        """The heading of the page; it is also remembered."""
        heading = (await self.page.locator("h1").inner_text()).strip()
        self.headings.append(heading)
        return heading

    async def allow(self, url: str) -> str:
        """Say yes on the consent page that a client opened; the address that the browser is sent back to."""
        self.consents += 1
        await self.page.goto(url)
        await self.see()
        await self.page.get_by_role("button", name="Allow", exact=True).click()
        await self.page.wait_for_url(lambda address: not address.startswith(self.url))
        return self.page.url

    async def cut_off(self) -> None:
        """Cut off the one chat client that has access, on its page."""
        await self.page.goto(f"{self.url}/account/chats")
        await self.page.get_by_role("button", name="Cut off").click()
        await self.page.get_by_role("status").wait_for()

    async def _authorize(self, url: str) -> None:
        await self.page.route(
            f"{REDIRECT}**", lambda route: route.fulfill(status=200, body="back in the chat")
        )
        self.caught = await self.allow(url)

    async def _callback(self) -> AuthorizationCodeResult:
        answer = {name: values[0] for name, values in parse_qs(urlsplit(self.caught).query).items()}
        return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer["iss"])

    @asynccontextmanager
    async def chat(self, mode: str = "auto", *, elicits: bool = False) -> AsyncIterator[Client]:
        """The SDK's client with its OAuth. `mode` is auto (2026-07-28) or legacy (2025-11-25)."""
        metadata = OAuthClientMetadata.model_validate(
            {"client_name": self.name, "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
        )
        auth = OAuthClientProvider(f"{self.url}/mcp", metadata, self.storage, self._authorize, self._callback)

        async def note(response: httpx2.Response) -> None:
            if response.request.url.path == "/mcp" and response.request.method == "POST":
                self.statuses.append(response.status_code)

        async def go(request: httpx2.Request) -> None:
            if self.before is not None and request.url.path != "/mcp":
                await self.before()

        hooks: dict[str, list[Any]] = {"request": [go], "response": [note]}
        async with httpx2.AsyncClient(
            auth=auth, timeout=60, trust_env=False, verify=self.trust, event_hooks=hooks
        ) as http:
            transport = streamable_http_client(f"{self.url}/mcp", http_client=http)
            callback = self._elicit if elicits else None
            async with Client(transport, mode=mode, elicitation_callback=callback) as client:
                yield client

    async def _elicit(self, context: object, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestURLParams)
        await self.connect(params.url)
        return ElicitResult(action="accept")


def text(result: CallToolResult) -> str:
    """What the model reads."""
    return " ".join(part.text for part in result.content if isinstance(part, TextContent))


def link(result: CallToolResult) -> str:
    """The connect link of an answer that says «not connected»."""
    assert result.meta is not None
    url = result.meta["valet/connect"]["url"]
    assert url in text(result), "hosts without our _meta need the link in the text"
    return str(url)
