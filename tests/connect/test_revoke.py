"""Revocation: either token ends the family, for its own client only."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import httpx2
import pytest
from structlog.testing import capture_logs

from tests.connect.authserver import House, assert_error, open_house
from vault.store.database import Database


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with open_house(database) as house:
        yield house


async def give_back(house: House, client: str, token: str, **fields: str) -> httpx2.Response:
    return await house.http.post("/revoke", data={"client_id": client, "token": token, **fields})


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "made_up"])
async def test_either_token_ends_the_whole_family(house: House, kind: str, hint: str | None) -> None:
    client = (await house.register())["client_id"]
    other = await house.login(client)
    first = await house.login(client)
    second = (await house.refresh(client, first["refresh_token"])).json()
    answer = await give_back(house, client, first[kind], **({"token_type_hint": hint} if hint else {}))
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    for tokens in (first, second):
        assert await house.who(tokens["access_token"]) is None
        assert_error(await house.refresh(client, tokens["refresh_token"]), "invalid_grant")
    assert await house.who(other["access_token"]) is not None
    assert len(await house.grants.list(house.user)) == 1


async def test_a_successor_does_not_stay_sealed_in_a_revoked_family(house: House) -> None:
    client = (await house.register())["client_id"]
    tokens = await house.login(client)
    await house.refresh(client, tokens["refresh_token"])
    count = (
        "SELECT count(r.successor) FROM refresh_tokens r JOIN families f ON f.id = r.family_id"
        " JOIN grants g ON g.id = f.grant_id WHERE g.client_id = %s"
    )
    assert await house.execute(count, client) == [(1,)]
    await give_back(house, client, tokens["refresh_token"])
    assert await house.execute(count, client) == [(0,)]


async def test_an_unknown_token_is_no_error(house: House) -> None:
    client = (await house.register())["client_id"]
    tokens = await house.login(client)
    for token in ("vlt_rt_" + "x" * 43, "nonsense", "ü"):
        assert (await give_back(house, client, token)).status_code == 200
    for _ in range(2):
        assert (await give_back(house, client, tokens["access_token"])).status_code == 200


async def test_another_clients_token_stays(house: House) -> None:
    client, stranger = (await house.register())["client_id"], (await house.register())["client_id"]
    tokens = await house.login(client)
    for kind in ("access_token", "refresh_token"):
        assert (await give_back(house, stranger, tokens[kind])).status_code == 200
    assert await house.who(tokens["access_token"]) is not None
    assert (await house.refresh(client, tokens["refresh_token"])).status_code == 200


async def test_a_client_with_a_secret_must_prove_itself(house: House) -> None:
    made = await house.register(token_endpoint_auth_method="client_secret_basic")
    client, secret = made["client_id"], made["client_secret"]
    code = await house.code(client)
    tokens = (await house.exchange(client, code, client_secret=secret)).json()
    assert_error(await give_back(house, client, tokens["access_token"]), "invalid_client", 401)
    assert await house.who(tokens["access_token"]) is not None
    header = "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()
    answer = await house.http.post(
        "/revoke", data={"token": tokens["access_token"]}, headers={"Authorization": header}
    )
    assert answer.status_code == 200
    assert await house.who(tokens["access_token"]) is None


async def test_what_is_malformed_is_said_so(house: House) -> None:
    client = (await house.register())["client_id"]
    assert_error(await house.http.post("/revoke", data={"client_id": client}), "invalid_request")
    assert_error(await give_back(house, "nobody", "x"), "invalid_client", 401)
    assert_error(await house.http.post("/revoke", data={"token": "x"}), "invalid_client", 401)
    assert_error(await house.http.post("/revoke", json={"token": "x"}), "invalid_request")
    assert_error(await house.http.get("/revoke"), "invalid_request", 405)
    assert (await house.http.options("/revoke")).status_code == 204


async def test_the_token_is_not_logged(house: House) -> None:
    client = (await house.register())["client_id"]
    tokens = await house.login(client)
    with capture_logs() as logs:
        await give_back(house, client, tokens["refresh_token"])
    assert [entry["event"] for entry in logs] == ["tokens_revoked"]
    assert tokens["refresh_token"] not in repr(logs)
