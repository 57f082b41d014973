"""The authorization server alone, on a real database: what the tests of its endpoints stand on."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connect.address import Proxies
from connect.authorize import Authorize
from connect.fetch import Fetcher
from connect.limits import Gate
from connect.metadata import Metadata
from connect.register import Register
from connect.revoke import Revoke
from connect.roster import Roster
from connect.token import Token
from connect.vouched import Vouched
from tests.support.bearer import speaks_for
from tests.support.witness import Witnessed
from vault.ids import new_id
from vault.opaque import digest
from vault.store.callers import Principal
from vault.store.clients import Client, Clients
from vault.store.database import Database
from vault.store.documents import Documents
from vault.store.flows import Flows
from vault.store.grants import Grants
from vault.store.limits import Limits
from vault.store.tokens import Tokens

ISSUER = "http://127.0.0.1:8420"
RESOURCE = f"{ISSUER}/mcp"
SCOPES = ["spotify:read", "spotify:write", "notes:read", "notes:write"]
CALLBACK = "http://localhost:3334/oauth/callback"
VERIFIER = "a-verifier-of-the-tests-" + "x" * 30
WRONG_VERIFIER = "another-verifier-of-tests-" + "y" * 30


def challenge(verifier: str = VERIFIER) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def query(location: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))


def error_page(_: Request, status: int, title: str, sentence: str) -> Response:
    return PlainTextResponse(f"{title}\n{sentence}", status)


class Safe:
    """A real seal: AES-GCM bound to the record."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(256))

    def seal(self, record: UUID, plaintext: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, plaintext, record.bytes)

    def open(self, record: UUID, sealed: bytes) -> bytes:
        return self._cipher.decrypt(sealed[:12], sealed[12:], record.bytes)


class House:
    """The endpoints as one app, and a client that speaks to it."""

    def __init__(
        self,
        database: Database,
        preset: Mapping[str, Client] | None = None,
        fetcher: Fetcher | None = None,
        safe: Safe | None = None,
    ) -> None:
        self.database = database
        self.user = new_id()
        self.banned: set[UUID] = set()
        self.clients = Clients(database)
        self.roster = Roster(
            self.clients, preset, fetcher and Vouched(Documents(database), self.clients, fetcher)
        )
        self.cimd = fetcher is not None
        self.flows = Flows(database, b"k" * 32)
        self.grants = Grants(database)
        self.tokens = Tokens(database)
        self.safe = safe or Safe()
        self.witness = Witnessed()
        self.gate = Gate(Limits(database, os.urandom(32)), Proxies.read(["127.0.0.1"]), self.witness)
        self.authorize = Authorize(ISSUER, RESOURCE, SCOPES, self.roster, self.flows, error_page, self.gate)
        self.http = self.browser()

    def browser(self, auth: httpx2.Auth | None = None) -> httpx2.AsyncClient:
        """A client of the app; it follows no redirect."""
        transport = httpx2.ASGITransport(app=self.app())
        return httpx2.AsyncClient(transport=transport, base_url=ISSUER, auth=auth)

    def app(self) -> Starlette:
        token = Token(
            RESOURCE,
            self.roster,
            self.tokens,
            self._recheck,
            self.safe.seal,
            self.safe.open,
            self.gate,
            self.witness,
        )
        return Starlette(
            routes=[
                *Register(self.clients, self.gate).routes(),
                *Metadata(ISSUER, RESOURCE, SCOPES, cimd=self.cimd).routes(),
                *self.authorize.routes(),
                *token.routes(),
                *Revoke(self.roster, self.tokens, self.gate, self.witness).routes(),
                Route("/mcp", self._mcp, methods=["POST"]),
            ]
        )

    async def _recheck(self, user_id: UUID) -> bool:
        return user_id not in self.banned

    async def _mcp(self, request: Request) -> Response:
        """A resource that knows nothing but our tokens."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        who = await speaks_for(self.database, digest(token)) if scheme == "Bearer" else None
        if who is None:
            found = f'resource_metadata="{ISSUER}/.well-known/oauth-protected-resource/mcp"'
            challenge_ = f'Bearer {found}, scope="{" ".join(SCOPES)}"'
            return JSONResponse({}, 401, {"WWW-Authenticate": challenge_})
        return JSONResponse({"scopes": sorted(who.scopes)})

    async def register(self, **metadata: Any) -> dict[str, Any]:
        """A registered client; public unless said otherwise."""
        body = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", **metadata}
        answer = await self.http.post(
            "/register", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def put(self, *redirect_uris: str, **changes: Any) -> Client:
        """A client row that did not go through the rules of registration."""
        client = Client(f"put-{secrets.token_hex(4)}", "dcr", "Put", redirect_uris, "none", **changes)
        await self.clients.add(client)
        return client

    def question(self, client_id: str, **changes: str | None) -> dict[str, str]:
        """The parameters of a good authorize request; None leaves one out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": CALLBACK,
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            "state": "state-of-the-client",
            "resource": RESOURCE,
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    async def ask(self, client_id: str, **changes: str | None) -> httpx2.Response:
        """GET /authorize."""
        return await self.http.get("/authorize", params=self.question(client_id, **changes))

    async def pending(self, client_id: str, **changes: str | None) -> str:
        """The handle of a pending authorize flow."""
        answer = await self.ask(client_id, **changes)
        assert answer.status_code == 303, answer.text
        location = answer.headers["location"]
        assert location.startswith(f"{ISSUER}/consent?h="), location
        return query(location)["h"]

    async def approve(
        self, handle: str, scopes: frozenset[str] = frozenset({"spotify:read"}), user: UUID | None = None
    ) -> dict[str, str]:
        """The person says yes; the parameters the client gets back."""
        flow = await self.flows.find_authorize(handle)
        assert flow is not None
        return query(await self.authorize.approve(flow, user or self.user, scopes))

    async def code(self, client_id: str, user: UUID | None = None, **changes: str | None) -> str:
        """A fresh code for a client."""
        return (await self.approve(await self.pending(client_id, **changes), user=user))["code"]

    async def token(self, client_id: str | None, /, **fields: str | None) -> httpx2.Response:
        """POST /token as a public client."""
        form = {"client_id": client_id, **fields}
        return await self.http.post("/token", data={n: v for n, v in form.items() if v is not None})

    async def exchange(self, client_id: str, given: str, /, **changes: str | None) -> httpx2.Response:
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": given,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            "resource": RESOURCE,
        }
        return await self.token(client_id, **{**fields, **changes})

    async def refresh(self, client_id: str, given: str, /, **changes: str | None) -> httpx2.Response:
        fields: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": given}
        return await self.token(client_id, **{**fields, **changes})

    async def login(self, client_id: str, user: UUID | None = None) -> dict[str, Any]:
        """Tokens of a fresh family."""
        answer = await self.exchange(client_id, await self.code(client_id, user))
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def who(self, access_token: str) -> Principal | None:
        return await speaks_for(self.database, digest(access_token))

    async def execute(self, statement: Any, *values: object) -> list[tuple[Any, ...]]:
        """Run SQL of a test and return its rows, if it has any."""
        async with self.database.connection() as link:
            cursor = await link.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def person(self) -> UUID:
        user = new_id()
        await self.execute("INSERT INTO users (id, display_name) VALUES (%s, 'Somebody')", user)
        return user

    async def age(self, refresh_token: str, seconds: int = 61) -> None:
        """Move the use of a refresh token into the past."""
        await self.execute(
            "UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => %s) WHERE hash = %s",
            seconds,
            digest(refresh_token),
        )


@asynccontextmanager
async def open_house(
    database: Database,
    preset: Mapping[str, Client] | None = None,
    fetcher: Fetcher | None = None,
) -> AsyncIterator[House]:
    """A house with one person in it; `preset` are the clients of the operator's file."""
    house = House(database, preset, fetcher)
    async with house.http:
        house.user = await house.person()
        yield house


@asynccontextmanager
async def another_worker(database_url: str, safe: Safe) -> AsyncIterator[House]:
    """A house over a pool of its own, as another worker process would be."""
    database = Database(database_url)
    await database.open()
    try:
        house = House(database, safe=safe)
        async with house.http:
            yield house
    finally:
        await database.close()


def assert_error(answer: httpx2.Response, error: str, status: int = 400) -> str:
    """The answer is this OAuth error, in the shape RFC 6749 §5.2 wants; returns its sentence."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "error_description"}
    assert body["error"] == error
    assert_description(body["error_description"])
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    sentence: str = body["error_description"]
    return sentence


def assert_description(text: str) -> None:
    assert text.endswith(".")
    assert all(c == "\x21" or "\x20" <= c <= "\x7e" for c in text)
    assert '"' not in text
    assert "\\" not in text
