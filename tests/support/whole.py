"""All of Valet in this process, as `valet serve` puts it together, with the emulator behind it; no Chromium.

    async with whole(database_url, tmp_path, emulator) as valet:
        token = await valet.sign_in_chat(spotify="read")
        async with valet.chat(token) as client: ...
        page = await valet.connect(url)

Its database is the test's own.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import httpx2
from mcp.client import Client, advertise
from mcp.client.streamable_http import streamable_http_client
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from pydantic import SecretStr

from providers.base import App
from providers.registry import PROVIDERS
from tests.connect.inn import Browser, Page
from tests.support.emulator import SECRET, EmulatorProcess
from valet.assembly import House, assemble
from valet.settings import load

ORIGIN = "http://127.0.0.1:8420"
BACK = "http://127.0.0.1:3119/callback"


@dataclass
class Whole:
    """A running Valet, its owner's browser, and the emulator. `asked`: the scopes of each trip to Spotify."""

    house: House
    browser: Browser
    emulator: EmulatorProcess
    asked: list[frozenset[str]] = field(default_factory=list)

    async def sign_in_chat(self, **levels: str) -> str:
        """The owner allows a new chat client these levels by service; its access token."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        body = {"redirect_uris": [BACK], "token_endpoint_auth_method": "none", "client_name": "Chat"}
        async with self.http() as http:
            client = (await http.post("/register", json=body)).json()["client_id"]
            query = {
                "response_type": "code", "client_id": client, "redirect_uri": BACK, "state": "s",
                "code_challenge": challenge.decode(), "code_challenge_method": "S256",
                "resource": f"{ORIGIN}/mcp",
                "scope": " ".join(f"{service}:{level}" for service, level in levels.items()),
            }  # fmt: skip
            page = await self.browser.follow(f"/authorize?{urlencode(query)}")
            chosen = {f"service-{service}": level for service, level in levels.items()}
            form = {**page.form("/consent").fields, **chosen, "decision": "allow"}
            page = await self.browser.post("/consent", form)
            code = parse_qs(urlsplit(page.refresh).query)["code"][0]
            trade = {
                "grant_type": "authorization_code", "code": code, "redirect_uri": BACK,
                "client_id": client, "code_verifier": verifier, "resource": f"{ORIGIN}/mcp",
            }  # fmt: skip
            answer = await http.post("/token", data=trade)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    @asynccontextmanager
    async def chat(self, token: str, *, ui: bool = False) -> AsyncIterator[Client]:
        """A chat program with that token; with `ui` one that renders MCP Apps."""
        extensions = [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})] if ui else None
        async with self.http(authorization=f"Bearer {token}") as http:
            transport = streamable_http_client(f"{ORIGIN}/mcp", http_client=http)
            async with Client(transport, extensions=extensions, cache=None) as client:
                yield client

    async def connect(self, url: str, account: str = "ana", scopes: frozenset[str] | None = None) -> Page:
        """The owner goes to Spotify and back by our page at `url`, and says yes; the last page.

        `scopes`: as if Valet had asked for these.
        """
        page = await self.browser.get(url.removeprefix(ORIGIN))
        page = await self.browser.submit(page.forms[0])
        parts = urlsplit(page.refresh)
        query = dict(parse_qsl(parts.query))
        self.asked.append(frozenset(query["scope"].split()))
        if scopes is not None:
            query["scope"] = " ".join(sorted(scopes))
        there = urlunsplit(parts._replace(query=urlencode(query)))
        callback = await asyncio.to_thread(self.emulator.agree, there, account)
        page = await self.browser.arrive(callback.removeprefix(ORIGIN))
        return await self.browser.follow(page.location)

    def http(self, **headers: str) -> httpx2.AsyncClient:
        """A program without cookies at our address."""
        app = httpx2.ASGITransport(app=self.house.app)
        return httpx2.AsyncClient(transport=app, base_url=ORIGIN, headers=headers)


@asynccontextmanager
async def whole(
    database_url: str, folder: Path, emulator: EmulatorProcess, *, google: bool = False
) -> AsyncIterator[Whole]:
    """Open it for the block, which must be one task. `google`: it is set up beside Spotify."""
    settings = load({"PUBLIC_URL": ORIGIN}, PROVIDERS, emulator_origin=emulator.origin)
    names = ("spotify", "google") if google else ("spotify",)
    apps = {name: App("operator", f"emulator-{name}", SecretStr(SECRET)) for name in names}
    house = await assemble(settings, apps, SecretStr(database_url), folder / "keyring.json", "demo")
    try:
        async with house.app.router.lifespan_context(house.app):
            browser = Browser(house.app, ORIGIN)
            assert house.owner_link is not None
            page = await browser.get(house.owner_link.removeprefix(ORIGIN))
            await browser.submit(page.form("/owner"))
            yield Whole(house, browser, emulator)
    finally:
        await house.close()
