"""The person of these tests, without a browser window: signs in by owner link and allows what is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

from valet.browser import Browser
from valet.trial import Memory

_CALLBACK = "http://127.0.0.1:3117/callback"


class Visitor:
    """Somebody signed in at `origin`."""

    def __init__(self, origin: str, browser: Browser) -> None:
        self.origin = origin
        self._browser = browser

    async def allow(self, url: str) -> None:
        """Open a client's authorize address and allow all that it asks for, to the client's callback."""
        await self._browser.open(url)
        await self._browser.press("Allow")

    async def token(self) -> str:
        """An access token, got as a chat client gets it: 401, discovery, registration, consent, exchange."""
        metadata = OAuthClientMetadata.model_validate(
            {"client_name": "Conformance", "redirect_uris": [_CALLBACK], "token_endpoint_auth_method": "none"}
        )
        memory = Memory()
        auth = OAuthClientProvider(f"{self.origin}/mcp", metadata, memory, self.allow, self._callback)
        async with httpx2.AsyncClient(auth=auth, timeout=30, trust_env=False) as http:
            ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
            (await http.post(f"{self.origin}/mcp", json=ping)).raise_for_status()
        assert memory.tokens is not None
        return memory.tokens.access_token

    async def _callback(self) -> AuthorizationCodeResult:
        assert self._browser.caught is not None
        query = parse_qs(urlsplit(self._browser.caught).query)
        return AuthorizationCodeResult(code=query["code"][0], state=query["state"][0], iss=query["iss"][0])


@asynccontextmanager
async def signed_in(origin: str, owner_link: str) -> AsyncIterator[Visitor]:
    """The owner, for as long as the block runs."""
    browser = Browser(stop_at=_CALLBACK)
    try:
        await browser.open(owner_link)
        await browser.press("Open Valet")
        yield Visitor(origin, browser)
    finally:
        await browser.close()
