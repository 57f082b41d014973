"""One API call: whose token goes where, what is tried again, what an answer means."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from providers.base import (
    Complaint,
    Conflict,
    GrantRejected,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeMissing,
    Unavailable,
)
from providers.http import Http, decoded
from providers.spotify import SPOTIFY
from providers.transport import Transport
from providers.waiting import Allowance, retry_after
from tests.providers.upstream import CANARY, Clock, Step, Upstream, Vault, told

ME = "https://api.spotify.com/v1/me"
TOKEN = SecretStr("token-plain")
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def http(*script: Step, deadline: float = 20.0, random: float = 1.0) -> tuple[Http, Upstream, Clock]:
    upstream, clock = Upstream(*script), Clock()
    client = Http(
        Transport(upstream),
        deadline=deadline,
        sleep=clock.sleep,
        random=lambda: random,
        clock=clock,
        now=lambda: NOW,
    )
    return client, upstream, clock


def spotify_error(status: int, message: str = "", reason: str | None = None) -> httpx2.Response:
    error: dict[str, Any] = {"status": status, "message": message}
    if reason:
        error["reason"] = reason
    return httpx2.Response(status, json={"error": error})


async def call(client: Http, method: str = "PUT", url: str = ME, credential: Any = TOKEN, **more: Any) -> Any:
    return await client.request(SPOTIFY, method, url, operation="op", credential=credential, **more)


# --- What is sent ---


async def test_the_request_and_the_answer() -> None:
    client, upstream, _ = http(httpx2.Response(200, json={"a": 1}, headers={"X-A": "b"}))
    answer = await call(client, "GET", params={"q": "a b&c", "n": 3, "yes": True, "none": None})
    assert upstream.last.headers["authorization"] == "Bearer token-plain"
    assert dict(upstream.last.url.params) == {"q": "a b&c", "n": "3", "yes": "true"}
    assert (answer.status, answer.headers["x-a"], answer.json()) == (200, "b", {"a": 1})
    assert CANARY not in repr(replace(answer, body=CANARY.encode(), headers={"a": CANARY}))


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_command_without_a_body_says_so(method: str) -> None:
    client, upstream, _ = http(httpx2.Response(204))
    await call(client, method)
    assert upstream.last.headers["content-length"] == "0"
    assert "content-type" not in upstream.last.headers


async def test_without_a_credential_there_is_no_authorization() -> None:
    client, upstream, _ = http(httpx2.Response(200))
    await call(client, "GET", credential=None)
    assert "authorization" not in upstream.last.headers


@pytest.mark.parametrize(
    "url",
    [
        "http://api.spotify.com/v1/me",
        "https://api.spotify.com:8443/v1/me",
        "https://api.spotify.com:0/v1/me",
        "https://api.spotify.com.evil.example/v1/me",
        "https://evil.example/api.spotify.com/v1/me",
        "https://api.spotify.com@evil.example/v1/me",
        "https://user:pass@api.spotify.com/v1/me",
        "https://accounts.spotify.com/api/token",
        "https://sub.api.spotify.com/v1/me",
        "https://api.spotify.com\\@evil.example/",
        "https://api.spotify.com%2eevil.example/",
        "https:///v1/me",
        "https://[api.spotify.com/",
        "/v1/me",
        "",
    ],
)
@pytest.mark.parametrize("emulator", [None, "http://localhost:9009"])
async def test_a_token_goes_to_the_providers_hosts_only(url: str, emulator: str | None) -> None:
    upstream = Upstream()
    vault = Vault()
    client = Http(Transport(upstream, emulator_origin=emulator))
    with pytest.raises(Rejected) as caught:
        await call(client, "GET", url, credential=vault)
    assert caught.value.reason == "HOST_NOT_ALLOWED"
    assert upstream.requests == []
    assert vault.asked == []


@pytest.mark.parametrize("url", ["https://api.spotify.com:443/v1/me", "https://API.spotify.com/v1/me"])
async def test_the_same_host_spelt_otherwise_is_the_same_host(url: str) -> None:
    client, upstream, _ = http(httpx2.Response(200))
    await call(client, "GET", url)
    assert str(upstream.last.url) == ME


async def test_the_host_is_checked_before_the_emulator_takes_over() -> None:
    upstream = Upstream(httpx2.Response(200))
    await call(Http(Transport(upstream, emulator_origin="http://localhost:9009")), "GET")
    assert str(upstream.last.url) == "http://localhost:9009/api.spotify.com/v1/me"
    assert upstream.last.headers["authorization"] == "Bearer token-plain"


async def test_a_redirect_is_not_followed() -> None:
    client, upstream, _ = http(httpx2.Response(302, headers={"Location": f"https://evil.example/{CANARY}"}))
    with pytest.raises(Unavailable) as caught:
        await call(client, "GET")
    assert len(upstream.requests) == 1
    assert CANARY not in told(caught.value)


async def test_no_cookie_of_one_call_reaches_the_next() -> None:
    client, upstream, _ = http(
        httpx2.Response(200, headers={"Set-Cookie": "sp=1; Path=/"}), httpx2.Response(200)
    )
    await call(client, "GET")
    await call(client, "GET")
    assert "cookie" not in upstream.last.headers


@pytest.mark.parametrize("query", ["\ud800", "x" * 70_000])
async def test_what_no_url_can_hold_is_refused(query: str) -> None:
    client, upstream, _ = http()
    with pytest.raises(Rejected) as caught:
        await call(client, "GET", params={"q": query})
    assert caught.value.reason == "UNSENDABLE"
    assert upstream.requests == []


@pytest.mark.parametrize("bad", ["", "a b", "a\r\nX-Evil: 1", "a\x00", "tökén"])
async def test_a_token_that_no_header_can_hold_is_never_sent(bad: str) -> None:
    client, upstream, _ = http()
    with pytest.raises(Unavailable) as caught:
        await call(client, credential=SecretStr(bad + CANARY if bad else bad))
    assert upstream.requests == []
    assert CANARY not in told(caught.value)


# --- 401 ---


async def test_a_refused_token_is_exchanged_once() -> None:
    client, upstream, _ = http(spotify_error(401, "The access token expired"), httpx2.Response(204))
    vault = Vault()
    await call(client, credential=vault)
    assert vault.asked == [None, 7]
    assert [r.headers["authorization"] for r in upstream.requests] == ["Bearer token-7", "Bearer token-8"]


async def test_a_second_401_ends_the_grant() -> None:
    client, upstream, _ = http(spotify_error(401), spotify_error(401))
    vault = Vault()
    with pytest.raises(GrantRejected):
        await call(client, credential=vault)
    assert vault.asked == [None, 7]
    assert len(upstream.requests) == 2


async def test_a_plain_token_is_refused_at_once() -> None:
    client, upstream, _ = http(spotify_error(401))
    with pytest.raises(GrantRejected):
        await call(client)
    assert len(upstream.requests) == 1


async def test_what_the_vault_raises_passes_through() -> None:
    class Gone(Exception):
        pass

    async def source(refused: int | None) -> Any:
        raise Gone

    client, upstream, _ = http()
    with pytest.raises(Gone):
        await call(client, credential=source)
    assert upstream.requests == []


# --- Trying again ---

TRANSIENT: list[Step] = [
    httpx2.ConnectError(CANARY),
    httpx2.ConnectTimeout(CANARY),
    httpx2.ReadError(CANARY),
    httpx2.RemoteProtocolError(CANARY),
    httpx2.Response(502),
    httpx2.Response(503),
    httpx2.Response(504),
]


@pytest.mark.parametrize("fault", TRANSIENT, ids=repr)
async def test_a_read_is_tried_three_times_at_most(fault: Step) -> None:
    client, upstream, clock = http(fault, fault, fault)
    with pytest.raises(Unavailable) as caught:
        await call(client, "GET")
    assert len(upstream.requests) == 3
    assert clock.pauses == [0.5, 1.0]
    assert CANARY not in told(caught.value)


@pytest.mark.parametrize("fault", TRANSIENT, ids=repr)
async def test_a_read_that_works_the_second_time(fault: Step) -> None:
    client, upstream, clock = http(fault, httpx2.Response(200), random=0.5)
    assert (await call(client, "GET")).status == 200
    assert len(upstream.requests) == 2
    assert clock.pauses == [0.25]


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
@pytest.mark.parametrize("fault", TRANSIENT, ids=repr)
async def test_a_write_is_tried_once(fault: Step, method: str) -> None:
    client, upstream, clock = http(fault)
    with pytest.raises(Unavailable):
        await call(client, method)
    assert len(upstream.requests) == 1
    assert clock.pauses == []


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500, 501])
async def test_a_definite_answer_is_not_asked_for_again(status: int) -> None:
    client, upstream, _ = http(spotify_error(status))
    with pytest.raises(ProviderError):
        await call(client, "GET")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("fault", "ambiguous"),
    [
        (httpx2.ConnectError(""), False),
        (httpx2.ConnectTimeout(""), False),
        (httpx2.PoolTimeout(""), False),
        (httpx2.ReadError(""), True),
        (httpx2.ReadTimeout(""), True),
        (httpx2.RemoteProtocolError(""), True),
        (httpx2.DecodingError(""), True),
        (httpx2.Response(500), False),
        (httpx2.Response(503), False),
        (httpx2.Response(502), True),
        (httpx2.Response(504), True),
    ],
    ids=repr,
)
async def test_unavailable_says_whether_it_may_have_happened(fault: Step, ambiguous: bool) -> None:
    client, _, _ = http(fault)
    with pytest.raises(Unavailable) as caught:
        await call(client, "POST")
    assert caught.value.ambiguous is ambiguous


async def test_an_outage_says_how_long_where_it_knows() -> None:
    for headers, seconds in (({"Retry-After": "77"}, 77.0), ({}, None)):
        client, _, _ = http(httpx2.Response(503, headers=headers))
        with pytest.raises(Unavailable) as caught:
            await call(client, "POST")
        assert caught.value.retry_after == seconds


async def test_pauses_stay_inside_the_deadline() -> None:
    client, upstream, clock = http(httpx2.Response(503), deadline=0.4)
    with pytest.raises(Unavailable):
        await call(client, "GET")
    assert len(upstream.requests) == 1
    assert clock.pauses == []


async def test_a_stalled_upstream_ends_at_the_deadline() -> None:
    async def stall(_: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = Http(Transport(Upstream(stall)), deadline=0.02)
    with pytest.raises(Unavailable) as caught:
        await call(client, "GET")
    assert caught.value.ambiguous


async def test_an_oversized_answer_is_unavailable() -> None:
    upstream = Upstream(httpx2.Response(200, content=b"x" * 101))
    with pytest.raises(Unavailable):
        await call(Http(Transport(upstream, max_body=100)), "GET")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_short_rate_limit_is_waited_for_once(method: str) -> None:
    limited = httpx2.Response(429, headers={"Retry-After": "5"})
    client, upstream, clock = http(limited, httpx2.Response(204))
    await call(client, method)
    assert clock.pauses == [5.0]

    client, upstream, clock = http(limited, limited)
    with pytest.raises(RateLimited):
        await call(client, method)
    assert len(upstream.requests) == 2
    assert clock.pauses == [5.0]


@pytest.mark.parametrize("headers", [{"Retry-After": "6"}, {}])
async def test_a_long_or_unknown_rate_limit_is_not_waited_for(headers: dict[str, str]) -> None:
    client, upstream, clock = http(httpx2.Response(429, headers=headers))
    with pytest.raises(RateLimited):
        await call(client, "GET")
    assert len(upstream.requests) == 1
    assert clock.pauses == []


async def test_one_task_waits_for_short_limits_once_in_all() -> None:
    def limited() -> httpx2.Response:
        return httpx2.Response(429, headers={"Retry-After": "3"})

    client, upstream, clock = http(
        limited(), httpx2.Response(204), httpx2.Response(204), limited(), limited(), httpx2.Response(204)
    )
    task = client.for_one_task()
    await call(task)
    await call(task)
    assert clock.pauses == [3.0]
    with pytest.raises(RateLimited) as caught:
        await call(task)
    assert (caught.value.retry_after, clock.pauses) == (3.0, [3.0])
    await call(client.for_one_task())
    assert clock.pauses == [3.0, 3.0], "the next task is patient again"
    assert upstream.script == []


async def test_what_a_task_does_side_by_side_waits_side_by_side() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    assert allowance.grants(5) and allowance.grants(4), "both begin now"
    clock.now += 4
    assert allowance.grants(1) and not allowance.grants(1.5)


async def test_a_rate_limit_beyond_the_deadline_is_not_waited_for() -> None:
    client, _, clock = http(httpx2.Response(429, headers={"Retry-After": "4"}), deadline=3)
    with pytest.raises(RateLimited):
        await call(client)
    assert clock.pauses == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "48925"}, 48925.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "99999999999"}, 604800.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:01:00 GMT"}, 60.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:01:00 GMT", "date": "Mon, 23 Nov 2026 12:00:50 GMT"}, 10.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2096 11:00:00 GMT"}, 604800.0),
        ({"retry-after": "-5"}, 30.0),
        ({"retry-after": "inf"}, 30.0),
        ({"retry-after": "soon"}, 30.0),
        ({}, 30.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers, NOW) == seconds


@given(st.text())
def test_retry_after_takes_anything(text: str) -> None:
    assert 0 <= retry_after({"retry-after": text}, NOW) <= 604800


# --- What an answer means ---


@pytest.mark.parametrize(
    ("status", "message", "reason", "expected"),
    [
        (400, "Invalid id", None, Rejected("spotify", "op", "HTTP_400")),
        (403, "Forbidden", None, Rejected("spotify", "op", "FORBIDDEN")),
        (403, "Not allowed", None, Rejected("spotify", "op", "HTTP_403")),
        (
            403,
            "Player command failed: Premium required",
            "PREMIUM_REQUIRED",
            Rejected("spotify", "op", "PREMIUM_REQUIRED"),
        ),
        (403, "Player command failed: Restriction violated", "UNKNOWN", Rejected("spotify", "op", "UNKNOWN")),
        (404, "No active device found", "NO_ACTIVE_DEVICE", NotFound("spotify", "op", "NO_ACTIVE_DEVICE")),
        (404, "Not found.", None, NotFound("spotify", "op")),
        (409, "", None, Conflict("spotify", "op")),
        (412, "", None, Conflict("spotify", "op")),
        (405, "", None, Rejected("spotify", "op", "HTTP_405")),
        (410, "", None, Rejected("spotify", "op", "HTTP_410")),
        (429, "API rate limit exceeded", None, RateLimited("spotify", "op", 30.0)),
        (429, "Too many requests", "QUOTA_EXCEEDED", RateLimited("spotify", "op", 3600.0, "QUOTA_EXCEEDED")),
        (408, "", None, Unavailable("spotify", "op", "HTTP 408")),
        (500, "", None, Unavailable("spotify", "op", "HTTP 500")),
        (501, "", None, Unavailable("spotify", "op", "HTTP 501")),
        (401, "", None, GrantRejected("spotify", "op")),
    ],
)
async def test_status_to_error(
    status: int, message: str, reason: str | None, expected: ProviderError
) -> None:
    client, _, _ = http(spotify_error(status, message, reason))
    with pytest.raises(type(expected)) as caught:
        await call(client, "PUT")
    assert type(caught.value) is type(expected)
    assert vars(caught.value) == vars(expected)
    assert str(caught.value) == str(expected)


async def test_401_without_a_credential_is_a_refusal() -> None:
    client, _, _ = http(spotify_error(401))
    with pytest.raises(Rejected) as caught:
        await call(client, credential=None)
    assert caught.value.reason == "HTTP_401"


@pytest.mark.parametrize(
    ("held", "missing"),
    [({"a"}, {"b"}), (set(), {"a", "b"}), ({"a", "b"}, {"a", "b"})],
)
async def test_a_missing_scope_is_named(held: set[str], missing: set[str]) -> None:
    client, _, _ = http(spotify_error(403, "Insufficient client scope"))
    with pytest.raises(ScopeMissing) as caught:
        await call(client, credential=Vault(frozenset(held)), scopes=frozenset({"a", "b"}))
    assert caught.value.scopes == missing


async def test_a_record_may_call_a_403_a_rate_limit() -> None:
    record = replace(SPOTIFY, complaint=lambda status, body: Complaint("userRateLimitExceeded", "limit"))
    client, _, _ = http(httpx2.Response(403, headers={"Retry-After": "9"}))
    with pytest.raises(RateLimited) as caught:
        await client.request(record, "GET", ME, operation="op", credential=TOKEN)
    assert (caught.value.retry_after, caught.value.reason) == (9.0, "userRateLimitExceeded")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe", b"[" * 200_000, b"1" * 5000])
async def test_an_unreadable_answer_is_unavailable(body: bytes) -> None:
    client, _, _ = http(httpx2.Response(200, content=body))
    answer = await call(client, "GET")
    with pytest.raises(Unavailable):
        answer.json()
    assert decoded(body) is None


# --- What is told ---


def hostile_bodies(status: int) -> list[bytes]:
    return [
        json.dumps(
            {"error": {"status": status, "message": f"token {CANARY}", "reason": CANARY.upper()}}
        ).encode(),
        json.dumps({"error": CANARY, "error_description": CANARY}).encode(),
        json.dumps({"error": {"reason": [CANARY], "message": {"a": CANARY}}}).encode(),
        json.dumps([CANARY]).encode(),
        f"Insufficient client scope {CANARY}, not registered {CANARY}".encode(),
        f"<h1>{CANARY}</h1>".encode(),
        CANARY.encode() + b"\xff",
    ]


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 412, 418, 429, 500, 502, 503, 504, 599])
async def test_a_hostile_answer_is_never_repeated(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for body in hostile_bodies(status):
        headers = {"Retry-After": CANARY, "Location": f"https://{CANARY}/", "WWW-Authenticate": CANARY}
        client, _, _ = http(*[httpx2.Response(status, content=body, headers=headers)] * 3)
        with structlog.testing.capture_logs() as events, pytest.raises(ProviderError) as caught:
            await call(client, "GET", params={"q": CANARY}, credential=SecretStr(CANARY))
        assert CANARY.lower() not in (told(caught.value) + repr(events) + caplog.text).lower()


async def test_one_event_per_call_and_nothing_else_in_it() -> None:
    client, _, _ = http(httpx2.Response(503), httpx2.ConnectError(CANARY), httpx2.Response(200))
    with structlog.testing.capture_logs() as events:
        await call(client, "GET", params={"q": CANARY})
    names = {"provider": "spotify", "operation": "op", "event": "upstream_call", "log_level": "debug"}
    assert all(isinstance(took := event.pop("duration_ms"), int) and took >= 0 for event in events)
    assert events == [{**names, "status": status} for status in (503, None, 200)]


# --- Limits that are told by a word ---

WORDY = replace(
    SPOTIFY,
    complaint=lambda status, body: Complaint("QUOTA_EXCEEDED" if b"quota" in body else "", "limit"),
)


async def wordy(client: Http, method: str = "POST", **more: Any) -> Any:
    return await client.request(WORDY, method, ME, operation="op", credential=TOKEN, **more)


async def test_a_limit_told_by_its_word_is_waited_for_once_a_write_too() -> None:
    client, upstream, clock = http(httpx2.Response(403, json={}), httpx2.Response(204), random=0.5)
    await wordy(client)
    assert len(upstream.requests) == 2
    assert clock.pauses == [0.75]
    client, upstream, clock = http(httpx2.Response(403, json={}), httpx2.Response(403, json={}))
    with pytest.raises(RateLimited):
        await wordy(client)
    assert len(upstream.requests) == 2


async def test_a_quota_is_not_waited_for_and_told_in_hours() -> None:
    client, _, clock = http(httpx2.Response(403, json={"why": "quota"}))
    with pytest.raises(RateLimited) as caught:
        await wordy(client)
    assert (caught.value.reason, caught.value.retry_after) == ("QUOTA_EXCEEDED", 3600.0)
    assert clock.pauses == []
    client, _, _ = http(httpx2.Response(403, json={"why": "quota"}, headers={"Retry-After": "77"}))
    with pytest.raises(RateLimited) as caught:
        await wordy(client)
    assert caught.value.retry_after == 77


async def test_a_conflict_says_which() -> None:
    client, _, _ = http(spotify_error(409, reason="NO_ACTIVE_DEVICE"))
    with pytest.raises(Conflict) as caught:
        await call(client)
    assert caught.value.reason == "NO_ACTIVE_DEVICE"
