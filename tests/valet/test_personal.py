"""A personal token on the wire of the whole house: good at /mcp only, and while its person may come in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr

from providers.base import App
from providers.registry import PROVIDERS
from valet.assembly import assemble
from valet.settings import load
from vault.ids import new_id
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.store.personal import PersonalTokens
from vault.store.users import Users
from vault.vault import open_vault

ORIGIN = "http://127.0.0.1:8420"
READ = frozenset({"spotify:read"})
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/list",
}
LIST = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/list",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}


class Place:
    """One house with a guest list, and people with a personal token each."""

    def __init__(self, database: Database, http: httpx2.AsyncClient, guest: UUID, stranger: UUID) -> None:
        self.database, self.http = database, http
        self.guest, self.stranger = guest, stranger

    async def token(self, user: UUID, resource: str = f"{ORIGIN}/mcp") -> str:
        made = await PersonalTokens(self.database).add(new_id(), user, "Laptop", READ, resource, 90)
        assert made is not None
        return made.get_secret_value()

    async def call(self, token: str) -> httpx2.Response:
        return await self.http.post(
            "/mcp", headers={**HEADERS, "Authorization": f"Bearer {token}"}, json=LIST
        )


Open = Callable[[], AbstractAsyncContextManager[Place]]


@pytest.fixture
def open_place(empty_database: Database, empty_database_url: str, tmp_path: Path) -> Open:
    """The MCP server has to be entered and left in the test's own task."""
    return partial(_open, empty_database, empty_database_url, tmp_path)


@asynccontextmanager
async def _open(empty_database: Database, empty_database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    ring = tmp_path / "keyring.json"
    vault = await open_vault(empty_database, FileKeyRing.create(ring), None)  # type: ignore[arg-type]
    issuer, users = PROVIDERS[0].issuer, Users(empty_database)
    people = [
        (await users.sign_in(issuer, vault.index(issuer, name), name)).id for name in ("guest-1", "other-1")
    ]
    settings = load({"VALET_ALLOW": f"{PROVIDERS[0].name}:guest-1"}, PROVIDERS)
    apps = {PROVIDERS[0].name: App("operator", "client", SecretStr("secret"))}
    house = await assemble(settings, apps, SecretStr(empty_database_url), ring, "demo")
    try:
        async with (
            house.app.router.lifespan_context(house.app),
            httpx2.AsyncClient(transport=httpx2.ASGITransport(house.app), base_url=ORIGIN) as http,
        ):
            yield Place(empty_database, http, *people)
    finally:
        await house.close()


async def test_it_calls_tools_with_the_scopes_it_was_made_for(open_place: Open) -> None:
    async with open_place() as place:
        answer = await place.call(await place.token(place.guest))
        assert answer.status_code == 200, answer.text
        names = {tool["name"] for tool in answer.json()["result"]["tools"]}
        assert "spotify_get_playback" in names
        assert "spotify_play" not in names


async def test_it_is_good_for_nothing_but_mcp(open_place: Open) -> None:
    async with open_place() as place:
        token = await place.token(place.guest)
        async with place.database.connection() as link:
            row = await (await link.execute("SELECT id FROM clients WHERE kind = 'personal'")).fetchone()
        assert row is not None
        for form in (
            {"grant_type": "refresh_token", "refresh_token": token, "client_id": row[0]},
            {
                "grant_type": "authorization_code",
                "code": token,
                "code_verifier": "v" * 43,
                "client_id": row[0],
            },
            {"grant_type": "client_credentials", "client_id": row[0], "client_secret": token},
        ):
            answer = await place.http.post("/token", data=form)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        registered = await place.http.post(
            "/register",
            json={"redirect_uris": ["http://localhost/cb"], "token_endpoint_auth_method": "none"},
        )
        client = registered.json()["client_id"]
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client}
        assert (await place.http.post("/token", data=form)).json()["error"] == "invalid_grant"
        await place.http.post("/revoke", data={"token": token, "client_id": client})
        revoked = await place.http.post("/revoke", data={"token": token, "client_id": row[0]})
        assert revoked.status_code == 401
        query = {"client_id": row[0], "response_type": "code", "redirect_uri": ""}
        assert (await place.http.get("/authorize", params=query)).status_code == 400
        account = await place.http.get("/account", headers={"Authorization": f"Bearer {token}"})
        assert account.headers["location"].startswith("/signin")
        assert (await place.call(token)).status_code == 200, "and none of that has touched it"
        assert (
            await place.http.post(f"/mcp?access_token={token}", headers=HEADERS, json=LIST)
        ).status_code == 401


async def test_it_dies_when_its_person_is_off_the_list(open_place: Open) -> None:
    """The guest list is asked at every call: these tokens are never refreshed."""
    async with open_place() as place:
        answer = await place.call(await place.token(place.stranger))
        assert answer.status_code == 401
        assert "invalid_token" in answer.headers["www-authenticate"]


async def test_it_dies_when_its_person_is_blocked(open_place: Open) -> None:
    async with open_place() as place:
        token = await place.token(place.guest)
        assert (await place.call(token)).status_code == 200
        await Users(place.database).block(place.guest)
        assert (await place.call(token)).status_code == 401


async def test_it_dies_with_its_person(open_place: Open) -> None:
    async with open_place() as place:
        token = await place.token(place.guest)
        assert (await place.call(token)).status_code == 200
        async with place.database.connection() as link:
            await link.execute("DELETE FROM users WHERE id = %s", (place.guest,))
        assert (await place.call(token)).status_code == 401


async def test_one_for_another_server_is_refused(open_place: Open) -> None:
    async with open_place() as place:
        token = await place.token(place.guest, "https://other.example/mcp")
        assert (await place.call(token)).status_code == 401
