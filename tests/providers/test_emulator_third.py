"""A third upstream is one small class: consent page, tokens, accounts, a guarded route; and faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator.app import build
from providers.emulator.clock import Clock
from providers.emulator.ledger import Grant, Rules
from providers.emulator.pages import Somebody
from providers.emulator.upstream import Upstream
from providers.emulator.upstreams import UPSTREAMS
from providers.emulator.world import World

SCOPES = {"shelf:read": "See what is on your shelves."}
PEOPLE = {
    "ana": Somebody("ana", "Ana Duarte", "A full larder"),
    "ben": Somebody("ben", "Ben Okafor", "Eggs and little else"),
}


class Larder(Upstream):
    """larder.example: what is in somebody's kitchen."""

    name = "larder"
    title = "Larder"
    hosts = frozenset({"id.larder.example", "api.larder.example"})
    authorize = "/id.larder.example/authorize"
    token = "/id.larder.example/token"
    revocation = "/id.larder.example/revoke"
    scopes = SCOPES
    people = PEOPLE
    rules = Rules({"access": "la-canary-", "refresh": "lr-canary-", "code": "lc-code-"}, grant_seconds=86400)

    def routes(self) -> list[Route]:
        return [
            *self.flow.routes(),
            Route("/api.larder.example/me", self.guarded(self._me)),
            Route("/api.larder.example/shelf", self.guarded(self._shelf, "shelf:read")),
        ]

    async def _me(self, request: Request, grant: Grant) -> Response:
        return JSONResponse({"id": f"larder-{grant.account}", "name": self.people[grant.account].name})

    async def _shelf(self, request: Request, grant: Grant) -> Response:
        return JSONResponse({"items": ["honey", "rice"] if grant.account == "ana" else ["eggs"]})


REDIRECT = "http://127.0.0.1:8420/callback/larder"
APP = ("emulator-larder", "emulator-secret")
ASKED = {"client_id": APP[0], "redirect_uri": REDIRECT, "response_type": "code", "state": "s"}


@pytest.fixture
async def web() -> AsyncIterator[httpx2.AsyncClient]:
    world = World(Clock(), kinds=(*UPSTREAMS, Larder))
    transport = httpx2.ASGITransport(build(world, lambda peer, reset: None))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:9009") as web:
        yield web


async def sign_in(web: httpx2.AsyncClient, scope: str) -> dict[str, Any]:
    agreed = await web.post(
        "/id.larder.example/authorize",
        params={**ASKED, "scope": scope},
        data={"account": "ana", "decision": "agree"},
    )
    code = parse_qs(urlsplit(agreed.headers["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    return dict((await web.post("/id.larder.example/token", data=form, auth=APP)).json())


async def test_it_has_pages_tokens_and_a_guarded_api(web: httpx2.AsyncClient) -> None:
    page = await web.get("/id.larder.example/authorize", params={**ASKED, "scope": "shelf:read"})
    assert "Larder emulator" in page.text
    assert "See what is on your shelves." in page.text
    tokens = await sign_in(web, "shelf:read")
    assert tokens["access_token"].startswith("la-canary-")
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    me = await web.get("/api.larder.example/me", headers=bearer)
    assert me.json() == {"id": "larder-ana", "name": "Ana Duarte"}
    assert (await web.get("/api.larder.example/shelf", headers=bearer)).json()["items"] == ["honey", "rice"]
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await web.post("/id.larder.example/token", data=form, auth=APP)).status_code == 200
    assert (await web.get("/_control/counters")).json()["refreshes"] == 1


async def test_it_refuses_without_a_token_or_a_scope(web: httpx2.AsyncClient) -> None:
    missing = await web.get("/api.larder.example/me")
    assert (missing.status_code, missing.json()["error"]) == (401, "invalid_token")
    bearer = {"authorization": f"Bearer {(await sign_in(web, ''))['access_token']}"}
    narrow = await web.get("/api.larder.example/shelf", headers=bearer)
    assert (narrow.status_code, narrow.json()["error"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in narrow.headers["www-authenticate"]


async def test_it_revokes(web: httpx2.AsyncClient) -> None:
    tokens = await sign_in(web, "shelf:read")
    form = {"token": tokens["refresh_token"]}
    assert (await web.post("/id.larder.example/revoke", data=form)).json()["error"] == "invalid_request"
    assert (await web.post("/id.larder.example/revoke", data=form, auth=APP)).status_code == 200
    assert (await web.post("/id.larder.example/revoke", data=form, auth=APP)).status_code == 200
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await web.get("/api.larder.example/me", headers=bearer)).status_code == 401


async def test_it_is_bent_like_the_others(web: httpx2.AsyncClient) -> None:
    tokens = await sign_in(web, "shelf:read")
    people = (await web.get("/_control/accounts", params={"upstream": "larder"})).json()
    assert people[0] == {
        "upstream": "larder",
        "account": "ana",
        "name": "Ana Duarte",
        "note": "A full larder",
    }
    fault = {"match": "GET api.larder.example/*", "kind": "status", "status": 503}
    await web.post("/_control/faults", json=fault)
    assert (await web.get("/api.larder.example/me")).json()["error"]["message"] == "Service unavailable"
    await web.post("/_control/clock", json={"advance": 86400})
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    expired = await web.post("/id.larder.example/token", data=form, auth=APP)
    assert expired.json() == {"error": "invalid_grant", "error_description": "Refresh token expired"}
    requests = (await web.get("/_control/requests")).text
    assert not any(tokens[name] in requests for name in ("access_token", "refresh_token"))
    assert (await web.get("/api.larder.example/nothing")).status_code == 404
