"""The sidecar over a real database, a browser to visit it with, and a fake Spotify at the wire."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
from pydantic import SecretStr
from starlette.applications import Starlette

from connect.account import Asks
from connect.address import Proxies
from connect.admission import Admission, Guests
from connect.app import Stores, build
from connect.authorize import Authorize
from connect.courier import Courier
from connect.limits import Gate
from connect.pages import error_page
from connect.redirects import match
from connect.roster import Roster
from connect.setup import Premises
from providers.base import App, TokenSet
from providers.http import Http
from providers.identity import Identities
from providers.oauth import OAuth
from providers.oidc import Discovery, record
from providers.registry import CARRIERS, PROVIDERS, Registry
from providers.spotify import SPOTIFY
from providers.spotify import record as spotify
from providers.streaming import Streams
from providers.transport import Transport
from valet.directory import OperatorApps
from valet.upstream import RegisteredUpstream
from vault.approvals import Approvals
from vault.audit.audit import Audit
from vault.diary import Diary
from vault.opaque import digest
from vault.rings.file import FileKeyRing
from vault.store.approvals import ApprovalRows
from vault.store.audit import AuditRows
from vault.store.clients import Client, Clients, Kind
from vault.store.database import Database
from vault.store.flows import AuthorizeRequest, Flows
from vault.store.grants import Grant
from vault.store.limits import Limits
from vault.store.transfers import TransferRows
from vault.store.users import User
from vault.transfers import Transfers
from vault.vault import Vault, open_vault

HTTP_URL = "http://127.0.0.1:8420"
HTTPS_URL = "https://valet.example"
ISSUER = SPOTIFY.issuer
ALL = frozenset({"spotify:read", "spotify:write"})
READ = spotify.READ
WRITE = spotify.READ | spotify.WRITE
HOUSE = record("https://id.emulator.example", "House ID")


class FakeSpotify:
    """Consent, token endpoint and GET /me: it checks PKCE, redirect URI and that a code is used once."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, dict[str, str]] = {}
        self.token_status = 200
        self.me: Mapping[str, object] | None = None
        self.me_status = 200
        self.me_error = "x"
        self.authorized: list[dict[str, str]] = []

    def consent(self, url: str, person: str, *, granted: frozenset[str] | None = None) -> str:
        """The person approves at `url`; the callback address their browser is sent to."""
        asked = dict(parse_qsl(urlsplit(url).query))
        self.authorized.append(asked)
        code = secrets.token_urlsafe(8)
        scope = asked.get("scope", "") if granted is None else " ".join(sorted(granted))
        self.codes[code] = {**asked, "person": person, "scope": scope}
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def refusal(self, url: str, error: str = "access_denied") -> str:
        """The person says no at `url`."""
        asked = dict(parse_qsl(urlsplit(url).query))
        return f"{asked['redirect_uri']}?{urlencode({'error': error, 'state': asked['state']})}"

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """The wire."""
        if request.url.path == "/api/token":
            return self._token({k: v[0] for k, v in parse_qs(request.content.decode()).items()})
        assert request.url.path == "/v1/me"
        if self.me_status != 200:
            return httpx2.Response(
                self.me_status, json={"error": {"status": self.me_status, "message": self.me_error}}
            )
        known = self.tokens[request.headers["authorization"].removeprefix("Bearer ")]
        person = known["person"]
        me = {"account_id": f"{person}-1", "id": person, "display_name": person.title()}
        return httpx2.Response(200, json=dict(self.me) if self.me is not None else me)

    def _token(self, fields: dict[str, str]) -> httpx2.Response:
        if self.token_status != 200:
            return httpx2.Response(self.token_status, json={"error": "server_error"})
        made = self.codes.pop(fields["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(fields["code_verifier"].encode()).digest())
        if (
            made is None
            or made["redirect_uri"] != fields["redirect_uri"]
            or made["code_challenge"] != challenge.decode().rstrip("=")
        ):
            return httpx2.Response(400, json={"error": "invalid_grant", "error_description": "secret detail"})
        access = secrets.token_urlsafe(8)
        self.tokens[access] = made
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": 3600,
                  "refresh_token": secrets.token_urlsafe(8), "scope": made["scope"]}  # fmt: skip
        return httpx2.Response(200, content=json.dumps(answer).encode())


@dataclass
class Form:
    """One form of a page with the values it would send untouched."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.refresh = ""
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(a["action"], a.get("method", "get")))
        elif (
            tag == "input" and "name" in a and (a.get("type") not in {"radio", "checkbox"} or "checked" in a)
        ):
            self.forms[-1].fields[a["name"]] = a.get("value", "")
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append((a.get("name", ""), a.get("value", "")))
        elif tag == "a":
            self.links.append(a["href"])
        elif tag == "meta" and a.get("http-equiv") == "refresh":
            self.refresh = re.sub(r"^0; url=", "", a["content"])


@dataclass
class Page:
    """An answer, read as a browser would."""

    response: httpx2.Response

    def __post_init__(self) -> None:
        reader = _Reader()
        reader.feed(self.response.text)
        self.forms, self.refresh, self.links = reader.forms, reader.refresh, reader.links
        self.status, self.text = self.response.status_code, self.response.text
        self.headers = self.response.headers

    @property
    def location(self) -> str:
        return self.response.headers["location"]

    def form(self, action: str) -> Form:
        """The form that posts to `action`."""
        return next(form for form in self.forms if form.action == action)


class Browser:
    """One cookie jar. Redirects are not followed unless asked."""

    def __init__(self, app: Starlette, origin: str) -> None:
        self.origin = origin
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, raise_app_exceptions=False),
            base_url=origin,
            headers={"accept": "text/html"},
        )

    async def get(self, path: str, **headers: str) -> Page:
        return Page(await self.client.get(path, headers=headers))

    async def follow(self, path: str) -> Page:
        return Page(await self.client.get(path, follow_redirects=True))

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Page:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Page(await self.client.post(path, data=dict(fields), headers=named))

    async def submit(self, form: Form, **changes: str | None) -> Page:
        """Send a form as its page made it, with some fields changed or (None) left out."""
        fields = {**form.fields, **{name.replace("__", "-"): value for name, value in changes.items()}}
        return await self.post(form.action, {k: v for k, v in fields.items() if v is not None})

    async def arrive(self, callback: str, decision: str = "connect") -> Page:
        """Come back from a provider and answer its question: whether to connect that account."""
        page = await self.get(callback)
        if page.status != 303 or "/confirm?p=" not in page.location:
            return page
        page = await self.get(page.location)
        assert page.status == 200, page.text
        return await self.submit(page.forms[0], decision=decision)

    def cookie(self, name: str) -> str | None:
        return self.client.cookies.get(name)


class Inn:
    """A sidecar and what tests need to arrange around it."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        public_url: str,
        owner_links: bool,
        everyone: bool,
        emulator: Transport | None = None,
        apps: dict[str, App] | None = None,
        own: frozenset[str] = frozenset(),
        operated: OperatorApps | None = None,
    ):
        self.database, self.vault, self.public_url = database, vault, public_url
        self.clock = 0.0
        self.forget_scopes = False
        self.spotify = FakeSpotify()
        transport = Transport(httpx2.MockTransport(self.spotify.answer))
        if emulator is not None:
            transport = emulator
            apps = emulator_apps() if apps is None else apps
        if apps is None:
            apps = {"spotify": App("operator", "client-1", SecretStr("app-secret"))}
        self.operated = OperatorApps(apps) if operated is None else operated
        self.registry = Registry((*PROVIDERS, HOUSE), self.operated, own)
        self.flows = Flows(database, vault.derive("flow-handle"))
        self.approvals = Approvals(ApprovalRows(database), vault)
        self.clients = Clients(database)
        self.stores = Stores.of(database, self.flows)
        self.admission = Admission(
            self.stores.users,
            vault.index,
            Guests(subjects=frozenset({(ISSUER, "ana-1"), (ISSUER, "ben-1")}), everyone=everyone),
            owner_links=owner_links,
        )
        self.audit = Audit(AuditRows(database))
        self.audit.begin(vault)
        self.gate = Gate(Limits(database, os.urandom(32)), Proxies.read(["127.0.0.1"]), self.audit)
        self.authorize = Authorize(
            public_url,
            f"{public_url}/mcp",
            self.registry.offered,
            Roster(self.clients),
            self.flows,
            error_page,
            self.gate,
        )
        self.diary = Diary(self.stores.activity, also=self.audit.noted)
        self.oauth = _Forgetful(transport, lambda: self.forget_scopes)
        http = Http(transport)
        self.courier = Courier(
            transfers=Transfers(TransferRows(database), vault),
            vault=vault,
            carriers=CARRIERS,
            http=http,
            streams=Streams(http, transport),
        )
        self.app = build(
            public_url=public_url,
            stores=self.stores,
            vault=vault,
            oauth=self.oauth,
            identities=Identities(Http(transport), clock=lambda: self.clock),
            discovery=Discovery(Http(transport), clock=lambda: self.clock),
            registry=self.registry,
            admission=self.admission,
            authorize=self.authorize,
            protocol=self.authorize.routes(),
            diary=self.diary,
            titles={"spotify_play": "Play on Spotify"},
            asks=Asks(self.approvals, frozenset({"calendar", "gmail", "tasks", "spotify"})),
            owner_links_enabled=owner_links,
            gate=self.gate,
            premises=Premises(
                frozenset(self.operated.given),
                ("spotify:ana-1",),
                (("Chat", "an entry"),),
                self.operated.changed,
            ),
            witness=self.audit,
            courier=self.courier,
        )

    @classmethod
    async def open(
        cls,
        database: Database,
        ring: Path,
        *,
        public_url: str = HTTP_URL,
        owner_links: bool = True,
        everyone: bool = False,
        emulator: Transport | None = None,
        apps: dict[str, App] | None = None,
        own: frozenset[str] = frozenset(),
    ) -> Inn:
        """With a Transport to the emulator the providers are the emulator's, else a fake Spotify's.

        `apps` are the operator's, `own` the providers that people may bring an app for in any case.
        """
        upstream: Any = _NoUpstream()
        operated = None
        if emulator is not None:
            operated = OperatorApps(emulator_apps() if apps is None else apps)
            known = Registry(PROVIDERS, operated, own)
            upstream = RegisteredUpstream(OAuth(emulator), known)
        vault = await open_vault(database, FileKeyRing.create(ring), upstream)
        inn = cls(
            database,
            vault,
            public_url=public_url,
            owner_links=owner_links,
            everyone=everyone,
            emulator=emulator,
            apps=apps,
            own=own,
            operated=operated,
        )
        await inn.operated.rest_in(vault.apps)
        return inn

    def browser(self) -> Browser:
        return Browser(self.app, self.public_url)

    async def sign_in(self, browser: Browser, person: str = "ana", **fields: str) -> Page:
        """Sign in through the provider; the redirect that follows."""
        page = await browser.get("/signin?switch=1")
        page = await browser.submit(page.form("/signin"), **fields)
        return await browser.get(self.spotify.consent(page.refresh, person))

    async def guest(self, person: str = "ana") -> tuple[Browser, User]:
        """A browser with that person signed in."""
        browser = self.browser()
        await self.sign_in(browser, person)
        user = await self.user(person)
        return browser, user

    async def user(self, person: str) -> User:
        return await self.stores.users.sign_in(
            ISSUER, self.vault.index(ISSUER, f"{person}-1"), person.title()
        )

    async def client(
        self,
        name: str = "Claude",
        kind: Kind = "dcr",
        redirect: str = "https://claude.ai/api/mcp/auth_callback",
    ) -> Client:
        client_id = f"client-{secrets.token_hex(6)}"
        if kind == "cimd":
            client_id = f"https://claude.ai/{client_id}"
        client = Client(client_id, kind, name, (redirect,), "none")
        await self.clients.add(client)
        return client

    async def asks(
        self, client: Client, scopes: frozenset[str] = ALL, redirect: str | None = None, state: str = "st"
    ) -> str:
        """The handle of a pending authorize request of that client."""
        uri = redirect or client.redirect_uris[0]
        registered = match(uri, client.redirect_uris)
        assert registered is not None
        return await self.flows.create_authorize(
            AuthorizeRequest(
                client_id=client.id,
                redirect_uri=uri,
                registered_uri=registered,
                redirect_sent=True,
                scopes=scopes,
                state=state,
                code_challenge="c" * 43,
                resource=f"{self.public_url}/mcp",
            )
        )

    async def grant(self, user: User, client: Client, scopes: frozenset[str]) -> None:
        """Give that client a grant, as an approved consent would."""
        flow = await self.flows.find_authorize(await self.asks(client))
        assert flow is not None
        await self.authorize.approve(flow, user.id, scopes)

    async def question(
        self, user: User, provider: str, ours: frozenset[str], label: str | None = None
    ) -> tuple[Grant, str]:
        """A new chat that may do all of this, and the handle of the connect link that its tool got."""
        client = await self.client()
        await self.grant(user, client, ours)
        grant = next(g for g in await self.stores.grants.list(user.id) if g.client_id == client.id)
        handle = await self.flows.ask_connect(
            user_id=user.id,
            client_id=client.id,
            grant_id=grant.id,
            provider=provider,
            ours=ours,
            upstream=self.registry.upstream(provider, ours),
            label=label,
        )
        return grant, handle

    async def count(self, query: str, *values: object) -> int:
        """The first number of a query."""
        async with self.database.connection() as link:
            row = await (await link.execute(query.encode(), values)).fetchone()
        assert row is not None
        return int(row[0])

    async def run(self, query: str, *values: object) -> None:
        """One statement, for moving time on."""
        async with self.database.connection() as link:
            await link.execute(query.encode(), values)


class _Forgetful(OAuth):
    """The OAuth client of a provider whose answers may leave out what was granted (RFC 6749 §5.1)."""

    def __init__(self, transport: Transport, forgets: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._forgets = forgets

    async def exchange(self, *args: Any, **more: Any) -> TokenSet:
        tokens = await super().exchange(*args, **more)
        return replace(tokens, scopes=None) if self._forgets() else tokens


class _NoUpstream:
    """Spotify has nothing to revoke, and nothing here refreshes."""

    async def refresh(self, provider: str, app: App | str, refresh_token: SecretStr) -> object:
        raise AssertionError("no refresh in these tests")

    async def revoke(self, provider: str, app: App | str, token: SecretStr) -> bool:
        return False

    def sweeping(self, provider: str) -> bool:
        return False


def emulator_apps() -> dict[str, App]:
    """The apps that the emulator knows."""
    secret = SecretStr("emulator-secret")
    return {p.name: App("operator", f"emulator-{p.name}", secret) for p in PROVIDERS}


def state_of(url: str) -> bytes:
    """The hash under which the state of an authorize URL rests."""
    return digest(dict(parse_qsl(urlsplit(url).query))["state"])
