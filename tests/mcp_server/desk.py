"""A whole MCP server over real stores and the real wire, and people to use it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any
from uuid import UUID

import httpx2
from mcp.client import Client, advertise
from mcp.client.streamable_http import streamable_http_client
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp_types import ElicitRequestParams, ElicitResult
from pydantic import SecretStr

from mcp_server.app import McpApp, build
from mcp_server.buckets import Buckets
from mcp_server.house import House
from mcp_server.ladder import Patience
from mcp_server.ports import ConnectLinks, Directory, Secrets, TokenCheck
from mcp_server.toolbox import Toolbox
from mcp_server.tools import MODULES
from providers.base import Account, App, TokenSet
from providers.google import GOOGLE
from providers.http import Http
from providers.registry import PROVIDERS, Registry
from providers.spotify.record import READ, WRITE
from providers.transport import Transport
from tests.mcp_server.spotifydouble import SpotifyDouble
from tests.support.witness import Witnessed
from vault.approvals import Approvals
from vault.audit.audit import Audit
from vault.diary import Diary
from vault.ids import new_id
from vault.opaque import digest
from vault.store.activity import Activity
from vault.store.approvals import ApprovalRows
from vault.store.callers import Callers
from vault.store.connections import Connection
from vault.store.database import Database
from vault.store.flows import Flows
from vault.store.transfers import TransferRows
from vault.transfers import Transfers
from vault.vault import Vault

PUBLIC = "http://127.0.0.1:8420"
RESOURCE = f"{PUBLIC}/mcp"
MODERN = "2026-07-28"
ALL_UPSTREAM = READ | WRITE
BOTH = frozenset({"spotify:write"})
GOOGLE_BOTH = frozenset(f"{service.name}:write" for service in GOOGLE.services)
GOOGLE_UPSTREAM = GOOGLE.least(scope for each in GOOGLE.services for scope in each.upstream("write"))
"""What connecting asks Google for: no restricted scope."""
GOOGLE_LATER = frozenset(scope for each in GOOGLE.services for more in each.later for scope in more.scopes)
"""What tools ask for when they need it."""


@dataclass(frozen=True)
class Resident:
    """A person with a chat client signed in."""

    user_id: UUID
    client_id: str
    grant_id: UUID
    token: str


@dataclass
class Desk:
    """The server under test and everything around it."""

    database: Database
    vault: Vault
    flows: Flows
    approvals: Approvals
    spotify: SpotifyDouble
    app: McpApp
    diary: Diary
    witness: Witnessed
    activity: Activity
    pauses: list[float] = field(default_factory=list)

    async def resident(
        self,
        scopes: Iterable[str] = BOTH,
        *,
        resource: str = RESOURCE,
        lifetime: str = "1 hour",
        user_id: UUID | None = None,
    ) -> Resident:
        """Somebody new (or that user again) whose chat client holds these scopes."""
        who = Resident(
            user_id or new_id(), f"client-{secrets.token_hex(4)}", new_id(), secrets.token_urlsafe(32)
        )
        names = {
            "user": who.user_id, "client": who.client_id, "grant": who.grant_id, "family": new_id(),
            "scopes": sorted(scopes), "resource": resource, "hash": digest(who.token), "lifetime": lifetime,
        }  # fmt: skip
        async with self.database.transaction() as link:
            for statement in (
                "INSERT INTO users (id, display_name) VALUES (%(user)s, 'Ada') ON CONFLICT DO NOTHING",
                "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
                " VALUES (%(client)s, 'dcr', 'Chat', '{}', 'none')",
                "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
                " VALUES (%(grant)s, %(user)s, %(client)s, 'http://localhost/cb', %(scopes)s)",
                "INSERT INTO families (id, grant_id, resource) VALUES (%(family)s, %(grant)s, %(resource)s)",
                "INSERT INTO access_tokens (hash, family_id, expires_at)"
                " VALUES (%(hash)s, %(family)s, now() + %(lifetime)s::interval)",
            ):
                await link.execute(statement, names)
        return who

    async def connect(
        self,
        who: Resident,
        *,
        scopes: frozenset[str] = ALL_UPSTREAM,
        label: str = "private",
        token: str = "upstream-token",
        provider: str = "spotify",
    ) -> Connection:
        """Give somebody a connection with these upstream scopes, to Spotify unless another is named."""
        return await self.vault.save(
            who.user_id,
            provider,
            "operator",
            Account(f"https://accounts.{provider}.com", f"account-{label}", label),
            TokenSet(SecretStr(token), 3600.0, SecretStr("upstream-refresh"), scopes),
            scopes,
            None,
        )

    async def ready(self, scopes: Iterable[str] = BOTH) -> Resident:
        """Somebody with scopes and a full connection."""
        who = await self.resident(scopes)
        await self.connect(who)
        return who

    async def post(
        self,
        body: Any,
        *,
        token: str | None = None,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        query: str = "",
    ) -> httpx2.Response:
        """One raw request on the wire."""
        given = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url=PUBLIC) as client:
            content = body if isinstance(body, bytes) else None
            return await client.request(
                method,
                f"/mcp{query}",
                headers={**given, **(headers or {})},
                content=content,
                json=None if content is not None else body,
            )


class Browser:
    """The chat program's side of elicitation: answers, and remembers what it was asked."""

    def __init__(self, action: str = "accept", then: Callable[[str], Any] | None = None) -> None:
        self.action = action
        self.then = then
        self.urls: list[str] = []
        self.messages: list[str] = []

    async def __call__(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        self.urls.append(getattr(params, "url", ""))
        self.messages.append(params.message)
        if self.then is not None:
            await self.then(self.urls[-1])
        return ElicitResult(action=self.action)  # type: ignore[arg-type]


def toolbox(modules: Iterable[ModuleType] = MODULES) -> Toolbox:
    """Made once: it says what there is and holds nothing, and its schemas are the most work of a server."""
    return _made(tuple(modules))


@cache
def _made(modules: tuple[ModuleType, ...]) -> Toolbox:
    return Toolbox(modules)


@asynccontextmanager
async def serving(
    database: Database,
    vault: Vault,
    *,
    modules: Iterable[ModuleType] = MODULES,
    apps: bool = True,
    google: bool = False,
    looks: int = 3,
    public_url: str = PUBLIC,
    tokens: TokenCheck | None = None,
    secrets_of: Secrets | None = None,
    links: ConnectLinks | None = None,
    directory: Directory | None = None,
    upstream: Transport | None = None,
    activity: Activity | None = None,
    buckets: Buckets | None = None,
    audit: Audit | None = None,
) -> AsyncIterator[Desk]:
    """A running server. Nothing sleeps: pauses are only noted. `upstream` takes the place of the double, and
    `audit` that of a witness who only remembers. `google`: it is set up beside Spotify.
    """
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    spotify = SpotifyDouble()
    flows, approvals = Flows(database, b"k" * 32), Approvals(ApprovalRows(database), vault)
    named = (["spotify"] if apps else []) + (["google"] if google else [])
    registry = Registry(PROVIDERS, {name: App("operator", "emulator-client") for name in named})
    activity = activity or Activity(database)
    diary = Diary(activity, sleep=pause, also=audit.noted if audit else None)
    witness = Witnessed()
    house = House(
        public_url=public_url,
        version="1.2.3",
        tokens=tokens or Callers(database),
        vault=secrets_of or vault,
        links=links or flows,
        files=Transfers(TransferRows(database), vault),
        approvals=approvals,
        directory=directory or registry,
        http=Http(upstream or Transport(spotify), sleep=pause),
        diary=diary,
        witness=audit or witness,
        request_state_keys=(b"r" * 32,),
        session_key=b"s" * 32,
        buckets=buckets or Buckets(),
        patience=Patience(looks=looks, gap=0.5, sleep=pause),
        pause=pause,
    )
    app = build(house, toolbox(modules))
    try:
        async with app.lifespan():
            yield Desk(database, vault, flows, approvals, spotify, app, diary, witness, activity, pauses)
    finally:
        await diary.close()


@asynccontextmanager
async def chat(
    desk: Desk, who: Resident, mode: str = MODERN, browser: Browser | None = None, *, ui: bool = False
) -> AsyncIterator[Client]:
    """A chat program of that era, speaking the wire."""
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(desk.app), headers={"authorization": f"Bearer {who.token}"}
    ) as http:
        transport = streamable_http_client(RESOURCE, http_client=http)
        extensions = [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})] if ui else None
        async with Client(
            transport, mode=mode, elicitation_callback=browser, extensions=extensions, cache=None
        ) as client:
            yield client


def text_of(result: Any) -> str:
    """All text a model reads in a result."""
    return "\n".join(block.text for block in result.content if block.type == "text")


def code_of(result: Any) -> str | None:
    """Our error code in a result."""
    code: str | None = (result.meta or {}).get("valet/error", {}).get("code")
    return code
