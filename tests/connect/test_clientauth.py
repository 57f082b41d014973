"""Which client is calling: HTTP Basic, a secret in the body, or none for a public client."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from tests.connect.authserver import (
    CALLBACK,
    House,
    assert_error,
    open_house,
)
from vault.opaque import digest
from vault.store.database import Database


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with open_house(database) as house:
        yield house


@pytest.fixture
async def client(house: House) -> str:
    return str((await house.register())["client_id"])


def basic(name: str, secret: str) -> dict[str, str]:
    """HTTP Basic as RFC 6749 §2.3.1 wants it."""
    pair = f"{quote(name, safe='')}:{quote(secret, safe='')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


async def test_an_unknown_client_is_told_to_register(house: House) -> None:
    for unknown in ("nobody", "x" * 3000, "ü"):
        answer = await house.exchange(unknown, "x")
        assert "Register" in assert_error(answer, "invalid_client", 401)
        assert "www-authenticate" not in answer.headers
    assert_error(await house.token(None, grant_type="authorization_code"), "invalid_client", 401)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_secret_proves_the_client_either_way(house: House, method: str) -> None:
    made = await house.register(token_endpoint_auth_method=method)
    name, secret = made["client_id"], made["client_secret"]
    in_body = await house.exchange(name, await house.code(name), client_secret=secret)
    assert in_body.status_code == 200
    form = {"grant_type": "refresh_token", "refresh_token": in_body.json()["refresh_token"]}
    in_header = await house.http.post("/token", data=form, headers=basic(name, secret))
    assert in_header.status_code == 200
    both = await house.http.post("/token", data={**form, "client_id": name}, headers=basic(name, secret))
    assert both.status_code == 200


async def test_basic_is_form_decoded(house: House) -> None:
    secret = "a secret: with %, + and ü"
    client = await house.put(CALLBACK, secret_hash=digest(secret))
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    answer = await house.http.post("/token", data=form, headers=basic(client.id, secret))
    assert_error(answer, "invalid_grant")


async def test_a_secret_sent_as_it_is_counts_too(house: House) -> None:
    """The TypeScript SDKs do not encode what they send by Basic."""
    secret = "a+secret: 100% with /?& and %41"
    client = await house.put(CALLBACK, secret_hash=digest(secret))
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    for sent, error, status in (
        (secret, "invalid_grant", 400),
        (secret.replace("%41", "A"), "invalid_client", 401),
        (secret[:-1], "invalid_client", 401),
    ):
        header = "Basic " + base64.b64encode(f"{client.id}:{sent}".encode()).decode()
        answer = await house.http.post("/token", data=form, headers={"Authorization": header})
        assert_error(answer, error, status)


async def test_a_client_without_its_secret_is_refused(house: House) -> None:
    made = await house.register(token_endpoint_auth_method="client_secret_post")
    name, secret = made["client_id"], made["client_secret"]
    code = await house.code(name)
    for wrong in (None, "", "wrong", secret[:-1], secret + "x", digest(secret).hex()):
        assert_error(await house.exchange(name, code, client_secret=wrong), "invalid_client", 401)
    assert (await house.exchange(name, code, client_secret=secret)).status_code == 200


async def test_a_public_client_has_no_secret_to_send(house: House, client: str) -> None:
    code = await house.code(client)
    assert_error(await house.exchange(client, code, client_secret="guess"), "invalid_client", 401)
    assert (await house.exchange(client, code)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer vlt_at_x",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic " + base64.b64encode(b":secret").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"a%ff:x").decode(),
        "Basic " + base64.b64encode(b"a%00:x").decode(),
        "Basic " + base64.b64encode(b"nobody:secret").decode(),
        "",
    ],
)
async def test_a_bad_header_is_challenged(house: House, client: str, header: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client}
    if header.startswith("Basic "):
        form.pop("client_id")
    answer = await house.http.post("/token", data=form, headers={"Authorization": header})
    assert_error(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"] == 'Basic realm="Valet"'


async def test_a_client_says_who_it_is_once(house: House, client: str) -> None:
    made = await house.register(token_endpoint_auth_method="client_secret_basic")
    headers = basic(made["client_id"], made["client_secret"])
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    for extra in ({"client_secret": made["client_secret"]}, {"client_id": client}):
        answer = await house.http.post("/token", data={**form, **extra}, headers=headers)
        assert_error(answer, "invalid_request")


async def test_a_public_client_may_name_itself_in_the_header(house: House, client: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    answer = await house.http.post("/token", data=form, headers=basic(client, ""))
    assert_error(answer, "invalid_grant")
