"""The OAuth client: what goes to the authorization server, and what its answers mean."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from providers.base import (
    App,
    AppRejected,
    GrantRejected,
    ProviderError,
    RateLimited,
    Rejected,
    TokenSet,
    Unavailable,
)
from providers.google import GOOGLE
from providers.oauth import OAuth, new_verifier
from providers.spotify import SPOTIFY
from providers.transport import Transport
from tests.providers.upstream import CANARY, Clock, Step, Upstream, told

REDIRECT = "http://127.0.0.1:8420/callback/spotify"
PUBLIC = App("operator", "client-id")
CONFIDENTIAL = App("operator", "client-id", SecretStr("client-secret"))
TOKENS = {
    "access_token": "AT",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "RT",
    "scope": "user-read-playback-state user-read-currently-playing",
}
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
GOOGLE_LIKE = replace(SPOTIFY, name="google", revoke_url="https://oauth2.googleapis.com/revoke")

Call = Callable[[OAuth], Awaitable[TokenSet]]


def oauth(*script: Step) -> tuple[OAuth, Upstream]:
    upstream = Upstream(*script)
    return OAuth(Transport(upstream), clock=Clock(), now=lambda: NOW), upstream


async def exchange(client: OAuth, app: App = PUBLIC) -> TokenSet:
    return await client.exchange(SPOTIFY, app, REDIRECT, SecretStr("the+code/="), SecretStr("v" * 43))


async def refresh(client: OAuth, app: App = PUBLIC) -> TokenSet:
    return await client.refresh(SPOTIFY, app, SecretStr("old&RT"))


BOTH = pytest.mark.parametrize("ask", [exchange, refresh])


def reply(status: int = 200, **fields: Any) -> httpx2.Response:
    return httpx2.Response(status, json=fields)


# --- The authorize URL ---


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


def test_the_authorize_url() -> None:
    client, _ = oauth()
    verifier = new_verifier()
    scopes = ("user-read-playback-state", "user-modify-playback-state")
    url = client.authorize_url(SPOTIFY, PUBLIC, REDIRECT, scopes, SecretStr("st&te"), verifier)
    assert url.startswith("https://accounts.spotify.com/authorize?")
    digest = hashlib.sha256(verifier.get_secret_value().encode()).digest()
    assert query(url) == {
        "response_type": ["code"],
        "client_id": ["client-id"],
        "redirect_uri": [REDIRECT],
        "scope": ["user-modify-playback-state user-read-playback-state"],
        "state": ["st&te"],
        "code_challenge": [base64.urlsafe_b64encode(digest).decode().rstrip("=")],
        "code_challenge_method": ["S256"],
    }
    assert verifier.get_secret_value() not in url


def test_switching_accounts_adds_the_records_parameters() -> None:
    client, _ = oauth()
    record = replace(SPOTIFY, authorize_params={"access_type": "offline"})
    plain = query(client.authorize_url(record, PUBLIC, REDIRECT, (), "s", new_verifier()))
    switched = query(client.authorize_url(record, PUBLIC, REDIRECT, (), "s", new_verifier(), switch=True))
    assert plain["access_type"] == switched["access_type"] == ["offline"]
    assert "show_dialog" not in plain
    assert switched["show_dialog"] == ["true"]
    assert "scope" not in plain


def test_the_client_secret_is_not_in_the_authorize_url() -> None:
    client, _ = oauth()
    url = client.authorize_url(SPOTIFY, CONFIDENTIAL, REDIRECT, (), "s", new_verifier())
    assert "client-secret" not in url


def test_the_browser_goes_to_the_emulator() -> None:
    client = OAuth(Transport(Upstream(), emulator_origin="http://localhost:9009"))
    url = client.authorize_url(SPOTIFY, PUBLIC, REDIRECT, (), "s", new_verifier())
    assert url.startswith("http://localhost:9009/accounts.spotify.com/authorize?")


def test_verifiers() -> None:
    seen = {new_verifier().get_secret_value() for _ in range(50)}
    assert len(seen) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier) for verifier in seen)


# --- Whether an app is known ---


@pytest.mark.parametrize("app", [PUBLIC, CONFIDENTIAL], ids=["public", "secret"])
async def test_an_app_is_known_where_only_the_code_is_refused(app: App) -> None:
    client, upstream = oauth(
        reply(400, error="invalid_grant", error_description="Invalid authorization code")
    )
    await client.check(SPOTIFY, app, REDIRECT)
    sent = parse_qs(upstream.last.content.decode())
    assert sent["grant_type"] == ["authorization_code"] and sent["redirect_uri"] == [REDIRECT]
    assert len(sent["code"][0]) > 40 and len(sent["code_verifier"][0]) >= 43


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(400, error="invalid_client"), AppRejected),
        (reply(401, error="invalid_client"), AppRejected),
        (reply(400, error="redirect_uri_mismatch"), Rejected),
        (reply(429), RateLimited),
        (reply(503), Unavailable),
        (reply(200, **TOKENS), Unavailable),
    ],
)
async def test_an_app_is_not_known_by_any_other_answer(
    answer: httpx2.Response, error: type[ProviderError]
) -> None:
    client, _ = oauth(answer)
    with pytest.raises(error):
        await client.check(SPOTIFY, CONFIDENTIAL, REDIRECT)


# --- The token request ---


async def test_exchange_with_pkce_only() -> None:
    client, upstream = oauth(reply(**TOKENS))
    await exchange(client)
    assert upstream.last.method == "POST"
    assert str(upstream.last.url) == "https://accounts.spotify.com/api/token"
    assert upstream.last.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert upstream.last.headers["content-length"] == str(len(upstream.last.content))
    assert "authorization" not in upstream.last.headers
    assert upstream.form == {
        "grant_type": "authorization_code",
        "code": "the+code/=",
        "redirect_uri": REDIRECT,
        "code_verifier": "v" * 43,
        "client_id": "client-id",
    }


async def test_exchange_with_a_secret_and_pkce() -> None:
    client, upstream = oauth(reply(**TOKENS))
    await exchange(client, CONFIDENTIAL)
    assert (
        upstream.last.headers["authorization"]
        == "Basic " + base64.b64encode(b"client-id:client-secret").decode()
    )
    assert upstream.form == {
        "grant_type": "authorization_code",
        "code": "the+code/=",
        "redirect_uri": REDIRECT,
        "code_verifier": "v" * 43,
    }


@pytest.mark.parametrize("app", [PUBLIC, CONFIDENTIAL])
async def test_refresh(app: App) -> None:
    client, upstream = oauth(reply(**TOKENS))
    await refresh(client, app)
    named = {} if app.client_secret else {"client_id": "client-id"}
    assert upstream.form == {"grant_type": "refresh_token", "refresh_token": "old&RT", **named}
    assert ("authorization" in upstream.last.headers) is (app is CONFIDENTIAL)


@BOTH
async def test_the_token_call_goes_to_the_emulator(ask: Call) -> None:
    upstream = Upstream(reply(**TOKENS))
    await ask(OAuth(Transport(upstream, emulator_origin="http://localhost:9009")))
    assert str(upstream.last.url) == "http://localhost:9009/accounts.spotify.com/api/token"


@BOTH
async def test_a_client_per_call_over_one_pool(ask: Call) -> None:
    first = httpx2.Response(200, json=TOKENS, headers={"Set-Cookie": "sp=1; Path=/"})
    client, upstream = oauth(first, reply(**TOKENS))
    await ask(client)
    await ask(client)
    assert not upstream.closed
    assert "cookie" not in upstream.last.headers


@BOTH
async def test_a_redirect_is_not_followed(ask: Call) -> None:
    client, upstream = oauth(httpx2.Response(307, headers={"Location": "https://evil.example/token"}))
    with pytest.raises(Unavailable):
        await ask(client)
    assert len(upstream.requests) == 1


# --- The token answer ---


@BOTH
async def test_a_token_set(ask: Call) -> None:
    client, _ = oauth(reply(**TOKENS, id_token="IT"))
    tokens = await ask(client)
    assert tokens == TokenSet(
        access_token=SecretStr("AT"),
        expires_in=3600.0,
        refresh_token=SecretStr("RT"),
        scopes=frozenset({"user-read-playback-state", "user-read-currently-playing"}),
        id_token=SecretStr("IT"),
    )
    assert "AT" not in repr(tokens)
    assert "RT" not in repr(tokens)


@BOTH
async def test_the_time_the_request_took_is_taken_off(ask: Call) -> None:
    clock = Clock()

    async def slow(_: httpx2.Request) -> httpx2.Response:
        clock.now += 4.0
        return reply(**TOKENS)

    assert (await ask(OAuth(Transport(Upstream(slow)), clock=clock))).expires_in == 3596.0


async def test_a_lifetime_never_goes_below_zero() -> None:
    clock = Clock()

    async def slow(_: httpx2.Request) -> httpx2.Response:
        clock.now += 9.0
        return reply(access_token="AT", token_type="Bearer", expires_in=5)

    assert (await refresh(OAuth(Transport(Upstream(slow)), clock=clock))).expires_in == 0.0


@pytest.mark.parametrize(
    ("given_", "seconds"),
    [
        (1800, 1800.0),
        ("1800", 1800.0),
        (59.5, 59.5),
        (None, 3600.0),
        ("soon", 3600.0),
        ([1], 3600.0),
        ({}, 3600.0),
        (True, 3600.0),
        (0, 3600.0),
        (-1, 3600.0),
        ("NaN", 3600.0),
        ("inf", 3600.0),
        (10**400, 3600.0),
        (10**12, 365 * 86400.0),
    ],
)
async def test_expires_in(given_: Any, seconds: float) -> None:
    client, _ = oauth(reply(access_token="AT", token_type="bearer", expires_in=given_))
    assert (await refresh(client)).expires_in == seconds


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("a b", frozenset({"a", "b"})),
        ("", None),
        (["a", "b"], frozenset({"a", "b"})),
        (None, None),
        (7, None),
        ([1], None),
    ],
)
async def test_granted_scopes(scope: Any, expected: frozenset[str] | None) -> None:
    client, _ = oauth(reply(access_token="AT", token_type="Bearer", scope=scope))
    assert (await refresh(client)).scopes == expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("", frozenset()),
        ('a \x00 b\ud800 c"d e\\f g', frozenset({"a", "g"})),
        (["a b", "c"], frozenset({"c"})),
        ("x" * 301 + " y", frozenset({"y"})),
        (" ".join(f"s{n}" for n in range(60_000)), frozenset(f"s{n}" for n in range(500))),
    ],
    ids=["none", "odd characters", "a list of two", "a long one", "many"],
)
async def test_what_is_no_scope_was_not_granted(scope: Any, expected: frozenset[str]) -> None:
    answer = json.dumps({"access_token": "AT", "token_type": "Bearer", "scope": scope})
    client, _ = oauth(httpx2.Response(200, content=answer.encode()))
    assert (await exchange(client)).scopes == expected


async def test_what_the_answer_does_not_say_is_none() -> None:
    client, _ = oauth(reply(access_token="AT", token_type="Bearer"))
    tokens = await refresh(client)
    assert (tokens.refresh_token, tokens.scopes, tokens.id_token, tokens.expires_in) == (
        None,
        None,
        None,
        3600.0,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b"access_token=AT&token_type=bearer",
        b'{"access_token":"AT"}',
        b'{"access_token":"AT","token_type":"mac"}',
        b'{"access_token":"AT","token_type":7}',
        b'{"access_token":"","token_type":"Bearer"}',
        b'{"access_token":null,"token_type":"Bearer"}',
        b'{"access_token":["AT"],"token_type":"Bearer"}',
        b'{"access_token":"A T\\r\\n","token_type":"Bearer"}',
        b"[" * 100_000,
    ],
)
@BOTH
async def test_an_unreadable_answer_is_unavailable_and_ambiguous(ask: Call, body: bytes) -> None:
    client, _ = oauth(httpx2.Response(200, content=body))
    with pytest.raises(Unavailable) as caught:
        await ask(client)
    assert caught.value.ambiguous


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*TOKENS, "error", "id_token"]), inner),
)


@given(ANY_JSON)
def test_any_json_is_a_token_set_or_one_of_our_errors(body: Any) -> None:
    client, _ = oauth(httpx2.Response(200, content=json.dumps(body).encode()))
    try:
        tokens = asyncio.run(refresh(client))
    except ProviderError:
        return
    assert 0 < tokens.expires_in <= 365 * 86400


# --- Errors ---


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (
            400,
            {"error": "invalid_grant", "error_description": "Refresh token revoked"},
            GrantRejected("spotify", "X"),
        ),
        (200, {"error": "invalid_grant"}, GrantRejected("spotify", "X")),
        (400, {"error": "invalid_client"}, AppRejected("spotify", "X")),
        (
            401,
            {"error": "invalid_client", "error_description": "Invalid client"},
            AppRejected("spotify", "X"),
        ),
        (400, {"error": "unauthorized_client"}, AppRejected("spotify", "X")),
        (401, {"error": "deleted_client"}, AppRejected("spotify", "X")),
        (401, {"error": "disabled_client"}, AppRejected("spotify", "X")),
        (400, {"error": "invalid_scope"}, Rejected("spotify", "X", "invalid_scope")),
        (400, {"error": "invalid_request"}, Rejected("spotify", "X", "invalid_request")),
        (400, {"error": "unsupported_grant_type"}, Rejected("spotify", "X", "unsupported_grant_type")),
        (400, {"error": "brand_new_word"}, Rejected("spotify", "X", "unknown_error")),
        (400, {"error": "server_error"}, Unavailable("spotify", "X", "HTTP 400")),
        (400, {"error": "temporarily_unavailable"}, Unavailable("spotify", "X", "HTTP 400")),
        (429, {"error": "invalid_grant"}, RateLimited("spotify", "X", 30.0)),
        (408, {"error": "invalid_grant"}, Unavailable("spotify", "X", "HTTP 408")),
        (500, {"error": "invalid_grant"}, Unavailable("spotify", "X", "HTTP 500")),
        (503, {}, Unavailable("spotify", "X", "HTTP 503")),
        (502, {}, Unavailable("spotify", "X", "HTTP 502", ambiguous=True)),
        (504, {}, Unavailable("spotify", "X", "HTTP 504", ambiguous=True)),
        (400, {}, Unavailable("spotify", "X", "unreadable answer")),
        (401, {"error": {"status": 401}}, Unavailable("spotify", "X", "unreadable answer")),
        (403, {"error": ""}, Unavailable("spotify", "X", "unreadable answer")),
    ],
)
@BOTH
async def test_errors(ask: Call, status: int, fields: dict[str, Any], expected: ProviderError) -> None:
    client, upstream = oauth(reply(status, **fields))
    with pytest.raises(type(expected)) as caught:
        await ask(client)
    expected.operation = ask.__name__
    assert type(caught.value) is type(expected)
    assert vars(caught.value) == vars(expected)
    assert str(caught.value) == str(expected).replace(" X", f" {ask.__name__}")
    assert len(upstream.requests) == 1


async def test_a_page_of_a_gateway_is_unavailable() -> None:
    client, _ = oauth(httpx2.Response(403, html="<h1>blocked</h1>"))
    with pytest.raises(Unavailable) as caught:
        await refresh(client)
    assert not caught.value.ambiguous


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "Mon, 23 Nov 2026 12:00:42 GMT"}, 42.0),
        ({"Retry-After": "later"}, 30.0),
        ({}, None),
    ],
)
@BOTH
async def test_an_outage_says_how_long_where_it_knows(
    ask: Call, headers: dict[str, str], seconds: float | None
) -> None:
    client, _ = oauth(httpx2.Response(503, headers=headers))
    with pytest.raises(Unavailable) as caught:
        await ask(client)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("header", "seconds"), [("12", 12.0), ("Mon, 23 Nov 2026 12:00:42 GMT", 42.0), ("later", 30.0)]
)
@BOTH
async def test_a_rate_limit_says_how_long(ask: Call, header: str, seconds: float) -> None:
    client, upstream = oauth(httpx2.Response(429, headers={"Retry-After": header}))
    with pytest.raises(RateLimited) as caught:
        await ask(client)
    assert caught.value.retry_after == seconds
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("fault", "ambiguous"),
    [
        (httpx2.ConnectError(CANARY), False),
        (httpx2.ConnectTimeout(CANARY), False),
        (httpx2.PoolTimeout(CANARY), False),
        (httpx2.ReadTimeout(CANARY), True),
        (httpx2.ReadError(CANARY), True),
        (httpx2.RemoteProtocolError(CANARY), True),
        (httpx2.DecodingError(CANARY), True),
    ],
    ids=repr,
)
@BOTH
async def test_no_answer_is_unavailable_and_never_tried_again(
    ask: Call, fault: Exception, ambiguous: bool
) -> None:
    client, upstream = oauth(fault)
    with pytest.raises(Unavailable) as caught:
        await ask(client)
    assert caught.value.ambiguous is ambiguous
    assert len(upstream.requests) == 1
    assert CANARY not in told(caught.value)


@BOTH
async def test_a_stalled_server_ends_at_the_deadline(ask: Call) -> None:
    async def stall(_: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Unavailable) as caught:
        await ask(OAuth(Transport(Upstream(stall)), deadline=0.02))
    assert caught.value.ambiguous


@BOTH
async def test_an_oversized_answer_is_unavailable(ask: Call) -> None:
    upstream = Upstream(reply(**TOKENS, padding="x" * 1000))
    with pytest.raises(Unavailable):
        await ask(OAuth(Transport(upstream, max_body=1000)))


async def test_a_secret_basic_cannot_carry_is_the_apps_fault() -> None:
    client, upstream = oauth()
    with pytest.raises(AppRejected) as caught:
        await refresh(client, App("operator", "client-id", SecretStr(f"Ω{CANARY}")))
    assert upstream.requests == []
    assert CANARY not in told(caught.value)


@pytest.mark.parametrize("nothing", ["", "\ud800"])
async def test_what_no_form_can_hold_is_refused_without_a_call(nothing: str) -> None:
    client, upstream = oauth()
    for attempt in (
        client.exchange(SPOTIFY, PUBLIC, REDIRECT, SecretStr(nothing), new_verifier()),
        client.refresh(SPOTIFY, PUBLIC, SecretStr(nothing)),
    ):
        with pytest.raises(Rejected) as caught:
            await attempt
        assert caught.value.reason == "invalid_request"
    assert upstream.requests == []


# --- Revocation ---


@pytest.mark.parametrize("app", [PUBLIC, CONFIDENTIAL])
async def test_revoke(app: App) -> None:
    client, upstream = oauth(httpx2.Response(200))
    assert await client.revoke(GOOGLE_LIKE, app, SecretStr("RT")) is True
    assert str(upstream.last.url) == "https://oauth2.googleapis.com/revoke"
    assert upstream.form == {"token": "RT"} | ({} if app.client_secret else {"client_id": "client-id"})
    assert ("authorization" in upstream.last.headers) is (app is CONFIDENTIAL)


async def test_spotify_has_no_revocation() -> None:
    client, upstream = oauth()
    assert await client.revoke(SPOTIFY, PUBLIC, SecretStr("RT")) is False
    assert upstream.requests == []


async def test_a_token_that_is_gone_already_counts_as_revoked() -> None:
    client, _ = oauth(reply(400, error="invalid_token"))
    assert await client.revoke(GOOGLE_LIKE, PUBLIC, SecretStr("RT")) is True


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (reply(401, error="invalid_client"), AppRejected),
        (reply(400, error="invalid_request"), Rejected),
        (httpx2.Response(400), Unavailable),
        (httpx2.Response(503), Unavailable),
        (httpx2.Response(429), RateLimited),
        (httpx2.ConnectError(""), Unavailable),
    ],
    ids=repr,
)
async def test_revocation_errors(step: Step, kind: type[ProviderError]) -> None:
    client, _ = oauth(step)
    with pytest.raises(kind) as caught:
        await client.revoke(GOOGLE_LIKE, PUBLIC, SecretStr("RT"))
    assert (caught.value.provider, caught.value.operation) == ("google", "revoke")


# --- What is told ---


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 408, 429, 500, 503])
async def test_a_hostile_answer_is_never_repeated(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = SecretStr(CANARY)
    bodies = [
        json.dumps({"error": CANARY, "error_description": CANARY, "error_uri": CANARY}),
        json.dumps({"error": "invalid_grant", "error_description": CANARY}),
        json.dumps({"error": "invalid_client", "error_description": CANARY}),
        json.dumps({"error": [CANARY], "access_token": CANARY, "token_type": CANARY}),
        json.dumps({"access_token": f"{CANARY}\r\n", "token_type": "Bearer", "refresh_token": CANARY}),
        json.dumps([CANARY]),
        f"<h1>{CANARY}</h1>",
    ]
    headers = {"Retry-After": CANARY, "Location": f"https://{CANARY}/", "WWW-Authenticate": CANARY}
    for body in bodies:
        client, _ = oauth(*[httpx2.Response(status, content=body.encode(), headers=headers)] * 2)
        app = App("operator", "client-id", secret)
        for ask in (
            lambda c=client, a=app: c.exchange(SPOTIFY, a, REDIRECT, secret, SecretStr(CANARY * 4)),
            lambda c=client, a=app: c.refresh(SPOTIFY, a, secret),
        ):
            with structlog.testing.capture_logs() as events, pytest.raises(ProviderError) as caught:
                await ask()
            assert CANARY not in told(caught.value) + repr(events) + caplog.text


async def test_one_event_per_call_and_nothing_else_in_it() -> None:
    client, _ = oauth(reply(**TOKENS))
    with structlog.testing.capture_logs() as events:
        await refresh(client)
    assert events[0].pop("duration_ms") >= 0
    assert events == [
        {
            "event": "upstream_call",
            "log_level": "debug",
            "provider": "spotify",
            "operation": "refresh",
            "status": 200,
        }
    ]


# --- What differs by purpose ---

DATA = replace(
    SPOTIFY,
    authorize_params={"always": "1"},
    connect_params={"access_type": "offline", "prompt": "consent"},
    switch_params={"prompt": "select_account"},
    openid=GOOGLE.openid,
)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"keep": False}, {"always": "1"}),
        ({"keep": True}, {"always": "1", "access_type": "offline", "prompt": "consent"}),
        ({"keep": False, "switch": True}, {"always": "1", "prompt": "select_account"}),
        (
            {"keep": True, "switch": True},
            {"always": "1", "access_type": "offline", "prompt": "consent select_account"},
        ),
    ],
)
def test_parameters_by_purpose(how: dict[str, bool], expected: dict[str, str]) -> None:
    client, _ = oauth()
    got = query(client.authorize_url(DATA, PUBLIC, REDIRECT, (), "s", new_verifier(), **how))
    names = {"always", "access_type", "prompt", "nonce", "login_hint"}
    assert {name: value for name, [value] in got.items() if name in names} == expected


def test_nonce_and_hint_go_to_providers_with_openid_only() -> None:
    client, _ = oauth()
    more: dict[str, Any] = {"nonce": SecretStr("n"), "hint": "ana@example.org"}
    got = query(client.authorize_url(DATA, PUBLIC, REDIRECT, (), "s", new_verifier(), **more))
    assert (got["nonce"], got["login_hint"]) == (["n"], ["ana@example.org"])
    got = query(client.authorize_url(SPOTIFY, PUBLIC, REDIRECT, (), "s", new_verifier(), **more))
    assert not {"nonce", "login_hint"} & got.keys()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(604799, 604799.0), (1.5, 1.5), (0, None), (-1, None), ("604799", None), (True, None), (None, None),
     (1e300, 100 * 365 * 86400.0)],
)  # fmt: skip
async def test_a_grant_that_ends_says_when(said: object, seconds: float | None) -> None:
    answer = {"access_token": "a", "token_type": "Bearer", "refresh_token_expires_in": said}
    client, _ = oauth(httpx2.Response(200, json=answer))
    tokens = await client.refresh(SPOTIFY, PUBLIC, SecretStr("r"))
    assert tokens.grant_expires_in == seconds
