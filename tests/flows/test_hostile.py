"""Bad input at every door of a running Valet: the right status and a sentence, never a traceback."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import psycopg
import pytest

from tests.support.emulator import EmulatorProcess
from tests.support.valet import ValetProcess
from valet.browser import Browser
from valet.embedded import connection_urls

REDIRECT = "http://127.0.0.1:3121/callback"


@dataclass
class Grant:
    """One chat client's registration and tokens, got the long way round."""

    client_id: str
    code: str
    verifier: str
    tokens: dict[str, Any]


@pytest.fixture(scope="module")
def valet() -> Iterator[ValetProcess]:
    with (
        EmulatorProcess() as emulator,
        ValetProcess(VALET_EMULATOR_ORIGIN=emulator.origin) as valet,
    ):
        yield valet


@pytest.fixture
def http(valet: ValetProcess) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=valet.url, trust_env=False, follow_redirects=False) as http:
        yield http


async def authorize(valet: ValetProcess, http: httpx2.Client) -> tuple[str, str, str]:
    """Register, sign in, consent; returns client id, code and verifier."""
    metadata = {"redirect_uris": [REDIRECT], "client_name": "x", "token_endpoint_auth_method": "none"}
    client_id = http.post("/register", json=metadata).json()["client_id"]
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": "s",
        "resource": f"{valet.url}/mcp",
    }
    browser = Browser(stop_at=REDIRECT)
    try:
        await browser.open(valet.new_owner_link())
        await browser.press("Open Valet")
        await browser.open(str(httpx2.URL(f"{valet.url}/authorize", params=query)))
        await browser.press("Allow")
    finally:
        await browser.close()
    assert browser.caught is not None
    answer = parse_qs(urlsplit(browser.caught).query)
    assert answer["iss"] == [valet.url] and answer["state"] == ["s"]
    return client_id, answer["code"][0], verifier


def exchange(http: httpx2.Client, client_id: str, code: str, verifier: str, **more: str) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": REDIRECT,
        **more,
    }
    return http.post("/token", data=form)


@pytest.fixture
async def grant(valet: ValetProcess, http: httpx2.Client) -> Grant:
    client_id, code, verifier = await authorize(valet, http)
    answer = exchange(http, client_id, code, verifier)
    assert answer.status_code == 200, answer.text
    return Grant(client_id, code, verifier, answer.json())


def call(http: httpx2.Client, token: str | None, body: Any = None, **headers: str | bytes) -> httpx2.Response:
    """One legacy tools/list, or what `body` says."""
    given = {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": "2025-11-25",
        **({"Authorization": f"Bearer {token}"} if token else {}),
        **headers,
    }
    body = body if body is not None else {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    return http.post("/mcp", headers=given, **content)


def plain(answer: httpx2.Response) -> str:
    """The text of an answer that says something and shows nothing of the inside."""
    assert answer.text.strip(), "an empty answer tells nobody what to do"
    for trace in ("Traceback", 'File "', "psycopg", "Exception"):
        assert trace not in answer.text
    return answer.text


def tool(name: str, arguments: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }


async def test_a_good_token_is_let_in(http: httpx2.Client, grant: Grant) -> None:
    assert call(http, grant.tokens["access_token"]).status_code == 200


async def test_without_a_token_the_401_says_where_to_get_one(
    valet: ValetProcess, http: httpx2.Client
) -> None:
    answer = call(http, None)
    challenge = answer.headers["WWW-Authenticate"]
    assert answer.status_code == 401
    assert f'resource_metadata="{valet.url}/.well-known/oauth-protected-resource/mcp"' in challenge
    assert 'scope="spotify:read spotify:write calendar:read calendar:write gmail:read ' in challenge
    assert "error=" not in challenge
    plain(answer)


@pytest.mark.parametrize("token", ["nonsense", "vlt_at_" + "A" * 43, "BQemu-canary-foreign", "é" * 10])
async def test_a_foreign_token_is_refused(http: httpx2.Client, token: str) -> None:
    answer = call(http, None, Authorization=f"Bearer {token}".encode())
    assert answer.status_code == 401 and 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    plain(answer)


async def test_an_expired_token_is_refused(valet: ValetProcess, http: httpx2.Client, grant: Grant) -> None:
    urls = connection_urls(valet.data / "demo")
    assert urls is not None
    hashed = hashlib.sha256(grant.tokens["access_token"].encode()).digest()
    with psycopg.connect(urls.app.get_secret_value(), autocommit=True) as link:
        link.execute("UPDATE access_tokens SET expires_at = now() WHERE hash = %s", (hashed,))
    answer = call(http, grant.tokens["access_token"])
    assert answer.status_code == 401 and 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    form = {
        "grant_type": "refresh_token",
        "refresh_token": grant.tokens["refresh_token"],
        "client_id": grant.client_id,
    }
    fresh = http.post("/token", data=form).json()
    assert call(http, fresh["access_token"]).status_code == 200


async def test_a_refresh_token_or_a_token_in_the_query_opens_nothing(
    http: httpx2.Client, grant: Grant
) -> None:
    assert call(http, grant.tokens["refresh_token"]).status_code == 401
    answer = http.post(f"/mcp?access_token={grant.tokens['access_token']}", json={})
    assert answer.status_code == 401


async def test_a_code_works_once_and_its_theft_ends_what_it_gave(http: httpx2.Client, grant: Grant) -> None:
    answer = exchange(http, grant.client_id, grant.code, "another" * 8)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    plain(answer)
    assert call(http, grant.tokens["access_token"]).status_code == 401


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"verifier": "wrong" * 12}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:3121/elsewhere"}, "invalid_grant"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
    ],
)
async def test_a_code_in_other_hands_is_worth_nothing(
    valet: ValetProcess, http: httpx2.Client, change: dict[str, str], error: str
) -> None:
    client_id, code, verifier = await authorize(valet, http)
    more = dict(change)
    answer = exchange(http, client_id, code, more.pop("verifier", verifier), **more)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    plain(answer)


@pytest.mark.parametrize(
    "redirect",
    ["http://evil.example/callback", f"{REDIRECT}/more", "javascript:alert(1)", "https://evil.example"],
)
async def test_a_wrong_redirect_uri_is_a_page_and_never_a_redirect(
    http: httpx2.Client, redirect: str
) -> None:
    metadata = {"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
    client_id = http.post("/register", json=metadata).json()["client_id"]
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect,
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
    }
    answer = http.get("/authorize", params=query)
    assert answer.status_code == 400 and "location" not in answer.headers
    assert "<h1>" in plain(answer)


async def test_tools_that_are_not_there_and_arguments_that_do_not_fit(
    http: httpx2.Client, grant: Grant
) -> None:
    token = grant.tokens["access_token"]
    unknown = call(http, token, tool("spotify_destroy", {})).json()
    assert unknown["error"]["code"] == -32602
    for arguments in ({"query": 5}, {"query": ["x"]}, {"device": {}}, {"surprise": 1, "query": "x"}):
        answer = call(http, token, tool("spotify_play", arguments))
        result = answer.json()["result"]
        assert result["isError"] is True
        assert result["_meta"]["valet/error"]["code"] == "invalid_argument"
        plain(answer)


async def test_bodies_that_are_no_requests(http: httpx2.Client, grant: Grant) -> None:
    token = grant.tokens["access_token"]
    for body in (b"{", b"[]", b"null", b'"x"', b"\xff\xfe"):
        answer = call(http, token, body)
        assert answer.status_code == 400
        plain(answer)
    big = call(http, token, b'{"a":"' + b"a" * 2_000_000 + b'"}')
    assert big.status_code == 413
    plain(big)


@pytest.mark.parametrize("path", ["/mcp", "/account", "/token", "/.well-known/oauth-authorization-server"])
async def test_another_host_is_refused_at_both_doors(http: httpx2.Client, path: str) -> None:
    answer = http.request(
        "POST" if path in {"/mcp", "/token"} else "GET", path, headers={"Host": "evil.example"}
    )
    assert answer.status_code in {400, 421}
    plain(answer)


async def test_another_origin_is_refused(http: httpx2.Client, grant: Grant) -> None:
    answer = call(http, grant.tokens["access_token"], Origin="https://evil.example")
    assert answer.status_code == 403
    plain(answer)


@pytest.mark.parametrize("path", ["/x%0ay", "/%0a", "/mcp%0a", "/mcp/%0d%0a", "/%0a/mcp"])
async def test_no_path_falls_between_the_doors(http: httpx2.Client, path: str) -> None:
    answer = http.get(path, headers={"Accept": "text/html"})
    assert answer.status_code in {303, 404, 405}
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert http.get(path, headers={"Host": "evil.example"}).status_code in {400, 421}


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_only_post_is_served(http: httpx2.Client, grant: Grant, method: str) -> None:
    headers = {"Authorization": f"Bearer {grant.tokens['access_token']}"}
    answer = http.request(method, "/mcp", headers=headers)
    assert answer.status_code == 405 and "POST" in answer.headers["Allow"]
    plain(answer)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/mcp/", "/connect/nobody", "/callback/nobody", "/consent?h=\x00", "/owner?t=%00"]
)
async def test_pages_that_are_not_there_say_so(http: httpx2.Client, path: str) -> None:
    answer = http.get(path.replace("\x00", "%00"), headers={"Accept": "text/html"}, follow_redirects=True)
    assert 400 <= answer.status_code < 500 or "Sign in" in answer.text
    plain(answer)


async def test_prompts_and_resources_are_not_here_and_their_names_reach_no_log(
    valet: ValetProcess, http: httpx2.Client, grant: Grant
) -> None:
    forged = "x\n2026-01-01 [error] forged \x1b[31m canary-name"
    for method, params in (("prompts/get", {"name": forged}), ("resources/read", {"uri": f"a://{forged}"})):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = call(http, grant.tokens["access_token"], body)
        assert answer.json()["error"]["code"] == -32602
    assert "canary-name" not in valet.logs.read_text()


async def test_labels_with_odd_characters_are_a_plain_mistake(http: httpx2.Client, grant: Grant) -> None:
    for account in ("a\x00", "\x1b[31m"):
        body = tool("spotify_get_playback", {"account": account})
        result = call(http, grant.tokens["access_token"], body).json()["result"]
        assert result["isError"] is True
        assert result["_meta"]["valet/error"]["code"] == "invalid_argument"
    # Half a character is no JSON text (RFC 8259 §8.2).
    halved = json.dumps(tool("spotify_get_playback", {"account": "\ud800"})).encode()
    answer = call(http, grant.tokens["access_token"], halved)
    assert answer.status_code == 400
    plain(answer)


async def test_a_websocket_upgrade_is_not_served_and_not_logged(
    valet: ValetProcess, http: httpx2.Client
) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Authorization": "Bearer canary-upgrade",
    }
    answer = http.get("/owner?t=canary-link", headers=upgrade)
    assert answer.status_code != 101
    assert "canary-upgrade" not in valet.logs.read_text() and "canary-link" not in valet.logs.read_text()


async def test_a_header_without_an_end_is_cut_off(valet: ValetProcess) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", valet.port), 10) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        with contextlib.suppress(ConnectionError):
            while sent < 50_000_000:
                raw.sendall(b"a" * 65536)
                sent += 65536
    assert sent < 50_000_000


async def test_nothing_of_this_left_a_traceback_in_the_log(valet: ValetProcess) -> None:
    assert "Traceback" not in valet.logs.read_text()
