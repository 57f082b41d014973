"""Registration: what a stranger may say about itself, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.client.auth.oauth2 import check_registration_usable
from mcp.client.auth.utils import create_client_registration_request, handle_registration_response
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl

from tests.connect.authserver import CALLBACK, ISSUER, House, assert_error, open_house
from vault.opaque import digest
from vault.store.database import Database


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with open_house(database) as house:
        yield house


async def test_a_public_client_gets_an_id_and_no_secret(house: House) -> None:
    answer = await house.http.post(
        "/register",
        json={"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", "client_name": "My chat"},
    )
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    body = answer.json()
    assert abs(body.pop("client_id_issued_at") - await _now(house)) < 60
    client_id = body.pop("client_id")
    assert body == {
        "client_name": "My chat",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    kept = await house.clients.find(client_id)
    assert kept is not None
    assert (kept.kind, kept.name, kept.redirect_uris, kept.secret_hash) == (
        "dcr",
        "My chat",
        (CALLBACK,),
        None,
    )


async def _now(house: House) -> int:
    ((now,),) = await house.execute("SELECT extract(epoch FROM now())::bigint")
    return int(now)


@pytest.mark.parametrize("method", [None, "", "client_secret_basic", "client_secret_post"])
async def test_a_secret_is_minted_for_secret_methods_and_kept_as_a_hash(
    house: House, method: str | None
) -> None:
    body = await house.register(token_endpoint_auth_method=method)
    assert body["token_endpoint_auth_method"] == (method or "client_secret_basic")
    assert body["client_secret_expires_at"] == 0
    assert body["client_secret"].startswith("vlt_cs_")
    kept = await house.clients.find(body["client_id"])
    assert kept is not None
    assert kept.secret_hash == digest(body["client_secret"])
    assert repr(kept.secret_hash) not in repr(kept)


async def test_ids_and_secrets_are_never_the_same(house: House) -> None:
    both = await asyncio.gather(
        *(house.register(token_endpoint_auth_method="client_secret_post") for _ in "ab")
    )
    assert len({b["client_id"] for b in both}) == len({b["client_secret"] for b in both}) == 2


@pytest.mark.parametrize(
    "uri",
    [
        "https://claude.ai/api/mcp/auth_callback",
        "https://chatgpt.com/connector/oauth/abc-DEF_1",
        "https://vscode.dev/redirect",
        "https://host.example:8443/cb?keep=1",
        "https://xn--bcher-kva.example/cb",
        "http://localhost/callback",
        "http://localhost:6274/oauth/callback",
        "http://LOCALHOST:6274/oauth/callback",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418",
        "http://[::1]:5000/cb",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ],
)
async def test_redirect_uris_of_real_clients_are_taken(house: House, uri: str) -> None:
    assert (await house.register(redirect_uris=[uri]))["redirect_uris"] == [uri]


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "javascript:alert(1)",
        "JavaScript://localhost/%0aalert(1)",
        "data:text/html,hi",
        "file:///etc/passwd",
        "ftp://localhost/",
        "vbscript:x",
        "/relative",
        "//host.example/cb",
        "localhost/cb",
        "http://evil.example/cb",
        "http://localhost.evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.2/cb",
        "http://0.0.0.0/cb",
        "http://2130706433/cb",
        "http://evil.example\\@localhost/cb",
        "http://localhost\\.evil.example/cb",
        "http://localhost@evil.example/cb",
        "http://user:pass@localhost/cb",
        "https://user@host.example/cb",
        "https://host.example/cb#fragment",
        "https://host.example/cb#",
        "https://host.example/c b",
        "https://host.example/cb\n",
        "https://host.example/\u202ecb",
        "https://bücher.example/cb",
        "https://host.example/cb\x00",
        "https://",
        "https:///cb",
        "https://:443/cb",
        "https://host.example:99999/cb",
        "https://host.example:/cb",
        "https://host.example:44x/cb",
        "https://[::1]evil.example/cb",
        "https://[not-an-address]/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "https://host%2eexample/cb",
        "cursor://anysphere.cursor-mcp/oauth/callback?x=1",
        "cursor://evil/oauth/callback",
        "https://host.example/" + "a" * 2000,
    ],
)
async def test_unsafe_redirect_uris_are_refused_with_a_sentence(house: House, uri: str) -> None:
    for uris in ([uri], [CALLBACK, uri]):
        answer = await house.http.post("/register", json={"redirect_uris": uris})
        sentence = assert_error(answer, "invalid_redirect_uri")
        assert not uri or uri not in sentence


@pytest.mark.parametrize(
    "uris", [None, [], "https://host.example/cb", [1], [None], {}, [["https://a.example"]]]
)
async def test_redirect_uris_must_be_a_list_of_strings(house: House, uris: Any) -> None:
    assert_error(await house.http.post("/register", json={"redirect_uris": uris}), "invalid_redirect_uri")


async def test_a_client_may_not_register_a_crowd_of_addresses(house: House) -> None:
    uris = [f"https://host.example/{n}" for n in range(21)]
    assert_error(await house.http.post("/register", json={"redirect_uris": uris}), "invalid_redirect_uri")
    assert len((await house.register(redirect_uris=uris[:20]))["redirect_uris"]) == 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": ["none"]},
        {"grant_types": ["implicit"]},
        {"grant_types": "authorization_code"},
        {"grant_types": []},
        {"response_types": ["token"]},
        {"response_types": "code"},
    ],
)
async def test_a_client_that_can_not_use_the_code_flow_is_refused(
    house: House, wrong: dict[str, Any]
) -> None:
    answer = await house.http.post("/register", json={"redirect_uris": [CALLBACK], **wrong})
    assert_error(answer, "invalid_client_metadata")


async def test_what_we_have_no_use_for_is_passed_over(house: House) -> None:
    body = await house.register(
        grant_types=["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        response_types=["code", "token"],
        application_type="native",
        scope="anything at all",
        logo_uri="javascript:alert(1)",
        software_statement="not.a.jwt",
        made_up={"deep": [1, 2]},
    )
    assert body["grant_types"] == ["authorization_code", "refresh_token"]
    assert body["response_types"] == ["code"]
    assert not {"logo_uri", "scope", "made_up", "software_statement"} & set(body)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Claude Code (valet)", "Claude Code (valet)"),
        ("  two \t lines\nand   spaces ", "two lines and spaces"),
        ("Good\u202eliveD\u2066\u200bName\ufeff", "GoodliveDName"),
        ("bell\x07and\x00nul\x7f", "bellandnul"),
        ("\ue000\udc80private", "private"),
        ("Café Größe 日本", "Café Größe 日本"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("n" * 200, "n" * 80),
        ("", "host.example"),
        (" \u202e\x00 ", "host.example"),
        (None, "host.example"),
        (["a"], "host.example"),
    ],
)
async def test_names_are_made_safe_to_show(house: House, name: Any, shown: str) -> None:
    body = await house.register(client_name=name, redirect_uris=["https://host.example:8443/cb", CALLBACK])
    assert body["client_name"] == shown


async def test_a_nameless_client_of_a_custom_scheme_is_called_by_its_maker(house: House) -> None:
    body = await house.register(redirect_uris=["cursor://anysphere.cursor-mcp/oauth/callback"])
    assert body["client_name"] == "Cursor"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 8000, b'{"a": 1e999999'])
async def test_what_is_no_json_object_is_refused(house: House, body: bytes) -> None:
    answer = await house.http.post("/register", content=body, headers={"Content-Type": "application/json"})
    assert_error(answer, "invalid_client_metadata")


async def test_other_media_types_and_large_bodies_are_refused(house: House) -> None:
    form = await house.http.post("/register", data={"redirect_uris": CALLBACK})
    assert_error(form, "invalid_client_metadata")
    large = await house.http.post("/register", json={"redirect_uris": [CALLBACK], "x": "y" * 16384})
    assert_error(large, "invalid_request", 413)
    charset = await house.http.post(
        "/register",
        content=b'{"redirect_uris": ["http://localhost/cb"]}',
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert charset.status_code == 201


async def test_registration_is_open_to_pages_of_any_origin(house: House) -> None:
    preflight = await house.http.options("/register", headers={"Origin": "https://inspector.example"})
    assert preflight.status_code == 204
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
    refused = await house.http.get("/register")
    assert_error(refused, "invalid_request", 405)
    assert refused.headers["allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("method", [None, "none", "client_secret_post", "client_secret_basic"])
async def test_the_sdk_takes_our_answer(house: House, method: Any) -> None:
    metadata = OAuthClientMetadata(
        redirect_uris=[AnyUrl(CALLBACK)], client_name="SDK", token_endpoint_auth_method=method
    )
    request = create_client_registration_request(None, metadata, ISSUER)
    information = await handle_registration_response(await house.http.send(request))
    check_registration_usable(information)
    assert information.client_name == "SDK"
    assert [str(uri) for uri in information.redirect_uris or []] == [CALLBACK]
    assert (information.client_secret is None) == (method == "none")
