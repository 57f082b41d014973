"""Every chat client we know of gets all the way: known, approved, calling, refreshed, revoked, back again."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx2
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from connect.fetch import Fetched, NotFetched
from providers.base import App
from providers.registry import PROVIDERS
from tests.connect import shapes
from tests.connect.authserver import VERIFIER, challenge, query
from tests.connect.inn import Browser
from tests.connect.shapes import SHAPES, Shape
from valet.assembly import House, assemble
from valet.settings import load

ORIGIN = "http://127.0.0.1:8420"
RESOURCE = f"{ORIGIN}/mcp"
STREAM = {"Accept": "application/json, text/event-stream"}


class Published:
    """Hands out the documents as their makers publish them; nothing is fetched that nobody publishes."""

    async def fetch(self, url: str) -> Fetched:
        for shape in SHAPES:
            if shape.document is not None and shape.document["client_id"] == url:
                return Fetched(json.dumps(shape.document).encode(), None)
        raise NotFetched("answered with status 404")


@pytest.fixture(scope="module")
def place(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A database and a folder that all the shapes share, as on one server."""
    name = sql.Identifier(f"valet_shapes_{uuid4().hex[:12]}")
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template)))
    yield make_conninfo(server_url, dbname=name.as_string()[1:-1]), tmp_path_factory.mktemp("shapes")
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@asynccontextmanager
async def running(database_url: str, folder: Path) -> AsyncIterator[tuple[House, Browser]]:
    """Valet as `valet serve` puts it together, and its owner's browser."""
    file = folder / "clients.json"
    file.write_text(json.dumps([shape.file for shape in SHAPES if shape.file]))
    settings = load({"PUBLIC_URL": ORIGIN, "VALET_CLIENTS": str(file)}, PROVIDERS)
    apps = {"spotify": App("operator", "client-1", SecretStr("app-secret"))}
    ring = folder / "keyring.json"
    house = await assemble(settings, apps, SecretStr(database_url), ring, "live", fetcher=Published())
    try:
        async with house.app.router.lifespan_context(house.app):
            browser = Browser(house.app, ORIGIN)
            assert house.owner_link is not None
            page = await browser.get(house.owner_link.removeprefix(ORIGIN))
            await browser.submit(page.form("/owner"))
            yield house, browser
    finally:
        await house.close()


class Client:
    """A client of a given shape."""

    def __init__(self, shape: Shape, house: House) -> None:
        self.shape = shape
        transport = httpx2.ASGITransport(app=house.app, raise_app_exceptions=False)
        self.http = httpx2.AsyncClient(transport=transport, base_url=ORIGIN)
        self.id, self.secret = "", None

    async def discover(self) -> dict[str, Any]:
        """Look wherever this client looks; what the authorization server says of itself."""
        found: dict[str, Any] = {}
        for probe in self.shape.probes:
            if probe in {shapes.GET_MCP, shapes.POST_MCP}:
                await self._challenged(probe)
                continue
            answer = await self.http.get(probe, headers={"MCP-Protocol-Version": self.shape.era})
            assert answer.status_code == 200, probe
            assert answer.headers["access-control-allow-origin"] == "*"
            if "protected-resource" in probe:
                assert answer.json()["resource"] == RESOURCE
                assert answer.json()["authorization_servers"] == [ORIGIN]
            else:
                assert answer.json()["issuer"] == ORIGIN
                found = answer.json()
        return found

    async def _challenged(self, probe: str) -> None:
        answer = await self.http.request(
            probe.split(" ")[0], "/mcp", headers={**STREAM, "MCP-Protocol-Version": self.shape.era}
        )
        assert answer.status_code == 401
        found = f'resource_metadata="{ORIGIN}{shapes.PRM_SUFFIXED}"'
        assert found in answer.headers["www-authenticate"]

    async def register(self, metadata: Mapping[str, Any]) -> None:
        """Become known, the way this client does."""
        shape = self.shape
        if shape.document is not None:
            assert metadata["client_id_metadata_document_supported"] is True
            assert "none" in metadata["token_endpoint_auth_methods_supported"]
            self.id = shape.document["client_id"]
        elif shape.file is not None:
            self.id, self.secret = shape.file["client_id"], shape.file["client_secret"]
        else:
            answer = await self.http.post("/register", json=shape.body)
            assert answer.status_code == 201, answer.text
            made = answer.json()
            self.id, self.secret = made["client_id"], made.get("client_secret")
            assert set(made["redirect_uris"]) == set((shape.body or {})["redirect_uris"])

    async def authorize(self, scopes: str) -> str:
        """Open /authorize; the path of the consent page."""
        shape = self.shape
        asked = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": shape.redirect,
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            "state": "st-1" if shape.state else None,
            "resource": RESOURCE if shape.resource else None,
            "scope": shape.scope and shape.scope.replace("all", scopes),
        }
        given = {name: value for name, value in asked.items() if value is not None}
        places = set()
        for _ in range(shape.tries):
            answer = await self.http.get("/authorize", params=given)
            assert answer.status_code == 303, answer.text
            places.add(answer.headers["location"])
        assert len(places) == shape.tries
        return sorted(places)[0].removeprefix(ORIGIN)

    async def token(self, **fields: str) -> httpx2.Response:
        """POST /token as this client proves itself."""
        return await self._post(
            "/token", {**fields, **({"resource": RESOURCE} if self.shape.resource else {})}
        )

    async def revoke(self, token: str) -> httpx2.Response:
        return await self._post("/revoke", {"token": token, "token_type_hint": "refresh_token"})

    async def _post(self, path: str, form: dict[str, str]) -> httpx2.Response:
        headers = {}
        if self.shape.method.startswith("basic"):
            pair = f"{quote(self.id, safe='')}:{quote(self.secret or '', safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        if self.shape.method != "basic":
            form["client_id"] = self.id
        if self.shape.method == "post":
            form["client_secret"] = self.secret or ""
        return await self.http.post(path, data=form, headers=headers)

    async def tools(self, access_token: str) -> httpx2.Response:
        """tools/list in the era that this client speaks."""
        era = self.shape.era
        headers = {**STREAM, "Authorization": f"Bearer {access_token}", "MCP-Protocol-Version": era}
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        if era == "2026-07-28":
            prefix = "io.modelcontextprotocol"
            meta = {f"{prefix}/protocolVersion": era, f"{prefix}/clientCapabilities": {}}
            body["params"] = {"_meta": meta}
            headers["Mcp-Method"] = "tools/list"
        return await self.http.post("/mcp", json=body, headers=headers)


async def approved(browser: Browser, path: str, shape: Shape) -> dict[str, str]:
    """The person reads the page and says yes; the parameters that reach the client."""
    page = await browser.get(path)
    assert page.status == 200, page.text
    for text in shape.shown:
        assert text in page.text, text
    done = await browser.submit(page.form("/consent"), decision="allow")
    assert done.refresh.startswith(f"{shape.redirect}?")
    return query(done.refresh)


async def login(client: Client, browser: Browser, scopes: str) -> dict[str, Any]:
    """Authorize, approve, exchange; the tokens."""
    shape = client.shape
    back = await approved(browser, await client.authorize(scopes), shape)
    assert back.get("state") == ("st-1" if shape.state else None)
    assert back["iss"] == ORIGIN
    answer = await client.token(
        grant_type="authorization_code",
        code=back["code"],
        redirect_uri=shape.redirect,
        code_verifier=VERIFIER,
    )
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    assert set(tokens["scope"].split()) == {"spotify:read", "spotify:write"}
    return tokens


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_it_gets_all_the_way(shape: Shape, place: tuple[str, Path]) -> None:
    async with running(*place) as (house, browser):
        client = Client(shape, house)
        metadata = await client.discover()
        await client.register(metadata)
        scopes = " ".join(metadata["scopes_supported"])
        tokens = await login(client, browser, scopes)
        assert (await client.tools(tokens["access_token"])).status_code == 200
        refreshes = await asyncio.gather(
            *(
                client.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
                for _ in range(shape.burst)
            )
        )
        assert {answer.status_code for answer in refreshes} == {200}, refreshes[0].text
        (successor,) = {answer.json()["refresh_token"] for answer in refreshes}
        access = refreshes[0].json()["access_token"]
        assert "spotify_play" in (await client.tools(access)).text
        assert (await client.revoke(successor)).status_code == 200
        assert (await client.tools(access)).status_code == 401
        dead = await client.token(grant_type="refresh_token", refresh_token=successor)
        assert (dead.status_code, dead.json()["error"]) == (400, "invalid_grant")
        again = await login(client, browser, scopes)
        assert (await client.tools(again["access_token"])).status_code == 200


def test_every_way_of_becoming_known_is_among_them() -> None:
    for shape in SHAPES:
        assert sum(way is not None for way in (shape.document, shape.body, shape.file)) == 1, shape.name
        assert urlsplit(shape.redirect).scheme in {"http", "https", "cursor"}
    assert {shape.method for shape in SHAPES} == {"none", "basic", "basic and id", "post"}
    assert {shape.era for shape in SHAPES} == {
        "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"
    }  # fmt: skip
    probes = {probe for shape in SHAPES for probe in shape.probes}
    assert probes >= {shapes.ROOT, shapes.SUFFIXED, shapes.UNDER, shapes.OIDC, shapes.PRM, shapes.GET_MCP}
