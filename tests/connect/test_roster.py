"""Clients of the operator's file: known without registering, and gone with their entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connect.preset import read_preset
from tests.connect.authserver import House, assert_error, open_house
from tests.connect.test_clientauth import basic
from vault.store.clients import Client
from vault.store.database import Database
from vault.store.flows import AlreadyUsed

CALLBACK = "http://127.0.0.1:3000/callback"
SECRET = "a secret of the operator's: 100% + more"
AGENT = {"client_id": "our-agent", "client_name": "Our agent", "redirect_uris": [CALLBACK]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def preset(folder: Path, *entries: Any) -> dict[str, Client]:
    file = folder / "clients.json"
    file.write_text(json.dumps(list(entries)))
    return read_preset(file)


async def code_of(house: House, client_id: str) -> str:
    return await house.code(client_id, redirect_uri=CALLBACK)


async def test_a_public_client_of_the_file_needs_no_registration(folder: Path, database: Database) -> None:
    async with open_house(database, preset(folder, AGENT | {"client_id": "public-1"})) as house:
        code = await code_of(house, "public-1")
        answer = await house.exchange("public-1", code, redirect_uri=CALLBACK)
        assert answer.status_code == 200, answer.text
        (grant,) = await house.grants.list(house.user)
        assert (grant.client_name, grant.client_kind) == ("Our agent", "static")
        tokens = (await house.refresh("public-1", answer.json()["refresh_token"])).json()
        revoked = await house.http.post(
            "/revoke", data={"client_id": "public-1", "token": tokens["access_token"]}
        )
        assert revoked.status_code == 200
        assert await house.who(tokens["access_token"]) is None


async def test_a_secret_of_the_file_proves_its_client(folder: Path, database: Database) -> None:
    entry = AGENT | {"client_id": "secret-1", "client_secret": SECRET}
    async with open_house(database, preset(folder, entry)) as house:
        code = await code_of(house, "secret-1")
        for wrong in (None, SECRET[:-1], SECRET + "x"):
            answer = await house.exchange("secret-1", code, redirect_uri=CALLBACK, client_secret=wrong)
            assert_error(answer, "invalid_client", 401)
        good = await house.exchange("secret-1", code, redirect_uri=CALLBACK, client_secret=SECRET)
        assert good.status_code == 200
        refresh = {"grant_type": "refresh_token", "refresh_token": good.json()["refresh_token"]}
        in_header = await house.http.post("/token", data=refresh, headers=basic("secret-1", SECRET))
        assert in_header.status_code == 200
        rows = await house.execute("SELECT kind, secret_hash FROM clients WHERE id = 'secret-1'")
        assert rows == [("static", None)], "its secret stays in the file"


async def test_a_client_that_left_the_file_gets_nothing_more(folder: Path, database: Database) -> None:
    async with open_house(database, preset(folder, AGENT | {"client_id": "left-1"})) as house:
        tokens = (
            await house.exchange("left-1", await code_of(house, "left-1"), redirect_uri=CALLBACK)
        ).json()
        code, handle = await code_of(house, "left-1"), await house.pending("left-1", redirect_uri=CALLBACK)
    async with open_house(database) as without:
        assert (await without.ask("left-1", redirect_uri=CALLBACK)).status_code == 400
        flow = await without.flows.find_authorize(handle)
        assert flow is not None
        for answered in (
            without.authorize.approve(flow, house.user, ["spotify:read"]),
            without.authorize.deny(flow),
        ):
            with pytest.raises(AlreadyUsed):
                await answered
        answer = await without.exchange("left-1", code, redirect_uri=CALLBACK)
        assert_error(answer, "invalid_client", 401)
        assert_error(await without.refresh("left-1", tokens["refresh_token"]), "invalid_client", 401)


async def test_the_file_says_what_the_client_is_today(folder: Path, database: Database) -> None:
    async with open_house(database, preset(folder, AGENT | {"client_id": "moved-1"})) as house:
        before = await house.pending("moved-1", redirect_uri=CALLBACK)
    moved = "https://agent.example.org/callback"
    changed = AGENT | {"client_id": "moved-1", "client_name": "Renamed", "redirect_uris": [moved]}
    async with open_house(database, preset(folder, changed)) as house:
        assert (await house.ask("moved-1", redirect_uri=CALLBACK)).status_code == 400
        waiting = await house.flows.find_authorize(before)
        assert waiting is not None
        with pytest.raises(AlreadyUsed):
            await house.authorize.approve(waiting, house.user, ["spotify:read"])
        assert await house.grants.list(house.user) == [], "no code goes where the client no longer is"
        flow = await house.flows.find_authorize(await house.pending("moved-1", redirect_uri=moved))
        assert flow is not None
        assert flow.client_name == "Renamed"


async def test_the_file_comes_before_whoever_else_has_that_id(folder: Path, database: Database) -> None:
    async with open_house(database) as house:
        stranger = await house.put("https://evil.example/cb")
    async with open_house(database, preset(folder, AGENT | {"client_id": stranger.id})) as house:
        answer = await house.ask(stranger.id, redirect_uri="https://evil.example/cb")
        assert answer.status_code == 400
        await house.pending(stranger.id, redirect_uri=CALLBACK)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": "with space"}, "client_id"),
        ({"client_id": "vlt_client_x"}, "client_id"),
        ({"client_name": " "}, "client_name"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": "https://a.example/cb"}, "redirect_uris"),
        ({"redirect_uris": ["http://evil.example/cb"]}, "https"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "https"),
        ({"client_secret": "x" * 31}, "client_secret"),
        ({"client_secret": int("1" * 40)}, "client_secret"),
        ({"client_secrets": SECRET}, "may hold only"),
    ],
)
def test_a_wrong_entry_is_named_without_its_values(folder: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"^entry 2: ") as caught:
        preset(folder, AGENT | {"client_id": "first"}, AGENT | changes)
    assert said in str(caught.value)
    for value in changes.values():
        assert not isinstance(value, str) or len(value) < 5 or value not in str(caught.value)


def test_a_file_that_is_none_is_said_so(folder: Path) -> None:
    file = folder / "clients.json"
    with pytest.raises(ValueError, match="can't be read"):
        read_preset(file)
    for text, said in (("{", "not valid JSON"), ("{}", "list"), ("[1]", "entry 1"), ("\ufeff[", "JSON")):
        file.write_text(text)
        with pytest.raises(ValueError, match=said):
            read_preset(file)
    with pytest.raises(ValueError, match="entry 2: client_id is used"):
        preset(folder, AGENT, AGENT)
    assert read_preset(None) == {}
    assert SECRET not in repr(preset(folder, AGENT | {"client_secret": SECRET}))
