"""The shield: headers on every answer, one host, small bodies, no traceback."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connect.shield import MAX_BODY, Shield
from tests.connect.inn import HTTP_URL, HTTPS_URL, Inn


async def test_every_answer_carries_the_headers(inn: Inn) -> None:
    browser, _ = await inn.guest()
    handle = await inn.asks(await inn.client())
    page = await browser.submit((await browser.get("/connect/spotify")).forms[0])
    question = (await browser.get(inn.spotify.consent(page.refresh, "ana"))).location
    form = (await browser.get(question)).forms[0]
    answers = [
        await browser.get(path)
        for path in (
            question, f"/connect/spotify/confirm?p={'x' * 43}",
            "/", "/account", "/signin?switch=1", f"/consent?h={handle}", "/connect/spotify", "/nothing",
            "/callback/spotify", "/static/valet.css", "/static/nothing.css", "/authorize", "/signout",
        )
    ]  # fmt: skip
    answers.append(await browser.post("/consent", {}))
    answers.append(await browser.submit(form, decision="no"))
    answers.append(await browser.get("/account", host="evil.example"))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy == (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in answer.headers["permissions-policy"]
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
        assert "strict-transport-security" not in answer.headers
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


async def test_pages_are_not_kept_and_static_files_are(inn: Inn) -> None:
    browser, _ = await inn.guest()
    for path in ("/account", "/signin?switch=1", "/connect/spotify", "/nothing", "/"):
        assert (await browser.get(path)).headers["cache-control"] == "no-store"
    for name in ("valet.css", "mark.svg", "done.js", "once.js"):
        answer = await browser.get(f"/static/{name}")
        assert answer.status == 200
        assert answer.headers["cache-control"] == "public, max-age=300"
    assert (await browser.get("/static/../app.py")).status == 404
    assert (await browser.get("/static/%2e%2e/app.py")).status == 404


async def test_strict_transport_on_https(hotel: Inn) -> None:
    page = await hotel.browser().get("/signin")
    assert page.headers["strict-transport-security"] == "max-age=31536000"


async def test_it_answers_for_its_own_address_only(inn: Inn) -> None:
    browser = inn.browser()
    for host in ("evil.example", "localhost:8420", "127.0.0.1", "127.0.0.1:9", "127.0.0.1:8420.evil.example"):
        page = await browser.get("/signin", host=host)
        assert page.status == 421
        assert "http://127.0.0.1:8420" in page.links
    assert (await browser.get("/signin", host="127.0.0.1:8420")).status == 200


async def test_its_health_may_be_asked_for_under_any_name(inn: Inn, hotel: Inn) -> None:
    """A platform's look goes by address and port."""
    for place in (inn, hotel):
        for host in ("10.0.0.7:8420", "localhost", "evil.example"):
            answer = await place.browser().get("/healthz", host=host)
            assert (answer.status, answer.text) == (200, "ok\n")
            assert (await place.browser().get("/healthz/", host=host)).status == 421
            assert (await place.browser().post("/healthz", {}, host=host)).status == 405


async def test_the_scheme_s_own_port_may_be_named(hotel: Inn) -> None:
    browser = hotel.browser()
    for host in ("valet.example", "VALET.example:443"):
        assert (await browser.get("/signin", host=host)).status == 200
    for host in ("valet.example:80", "valet.example:8443", "x.valet.example"):
        assert (await browser.get("/signin", host=host)).status == 421


Sender = Callable[[dict[str, object]], Awaitable[None]]


async def run(app: object, hosts: list[bytes]) -> list[dict[str, object]]:
    """What the shield around a bare ASGI app sends for a GET with these Host headers."""
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", host) for host in hosts]}
    await Shield(app, public_url=HTTP_URL)(scope, receive, send)  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize("hosts", [[], [b"127.0.0.1:8420", b"127.0.0.1:8420"]])
async def test_no_host_or_two_is_a_bad_request(hosts: list[bytes]) -> None:
    async def never(scope: object, receive: object, send: Sender) -> None:
        raise AssertionError("must not get here")

    assert (await run(never, hosts))[0]["status"] == 400


def toy(**handlers: object) -> httpx2.AsyncClient:
    routes = [Route(f"/{name}", handler, methods=["GET", "POST"]) for name, handler in handlers.items()]  # type: ignore[arg-type]
    app = Starlette(routes=routes, middleware=[Middleware(Shield, public_url=HTTP_URL)])
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=HTTP_URL)


async def test_a_body_beyond_the_limit_is_refused_however_it_comes() -> None:
    async def eat(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async def pieces() -> object:
        for _ in range(MAX_BODY // 1000 + 1):
            yield b"x" * 1000

    client = toy(eat=eat)
    assert (await client.post("/eat", content=b"x" * MAX_BODY)).text == str(MAX_BODY)
    declared = await client.post("/eat", content=b"x" * (MAX_BODY + 1))
    streamed = await client.post("/eat", content=pieces())  # type: ignore[arg-type]
    for answer in (declared, streamed):
        assert answer.status_code == 413
        assert "64 KB" in answer.text
        assert "content-security-policy" in answer.headers


async def test_a_crash_is_a_page_with_a_reference_and_no_detail() -> None:
    async def crash(request: Request) -> Response:
        secret = "canary-of-the-crash"
        raise RuntimeError(secret)

    with structlog.testing.capture_logs() as logs:
        answer = await toy(crash=crash).get("/crash")
    assert answer.status_code == 500
    assert "canary" not in answer.text
    assert "Traceback" not in answer.text
    reference = answer.headers["x-request-id"]
    assert reference in answer.text
    [line] = [entry for entry in logs if entry["event"] == "request_failed"]
    assert line["error"] == "RuntimeError"
    assert any(frame.endswith(" crash") for frame in line["where"])
    assert "canary" not in json.dumps(line, default=str)


async def test_a_crash_in_the_middle_of_an_answer_sends_no_second_one() -> None:
    async def half(scope: object, receive: object, send: Sender) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError

    assert [message["type"] for message in await run(half, [b"127.0.0.1:8420"])] == [
        "http.response.start",
        "http.response.body",
    ]


async def test_a_program_gets_a_sentence_instead_of_a_page(inn: Inn) -> None:
    browser = inn.browser()
    for path, status in (("/nothing", 404), ("/signout", 405), ("/consent?h=x", 410)):
        answer = await browser.client.get(path, headers={"accept": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
        assert "<" not in answer.text
    allowed = await browser.client.get("/signout", headers={"accept": "*/*"})
    assert allowed.headers["allow"] == "POST"
    assert "<!doctype html>" in allowed.text


async def test_a_database_that_is_away_is_a_page(inn: Inn, monkeypatch: pytest.MonkeyPatch) -> None:
    from vault.errors import Busy

    async def away(session_hash: bytes) -> None:
        raise Busy("the database does not answer", retry_after=2)

    browser, _ = await inn.guest()
    monkeypatch.setattr(inn.stores.sessions, "find", away)
    page = await browser.get("/account")
    assert (page.status, page.headers["retry-after"]) == (503, "2")
    assert "Nothing was lost" in page.text


def test_an_origin_is_understood() -> None:
    from connect.shield import _hosts

    assert _hosts(HTTP_URL) == {"127.0.0.1:8420"}
    assert _hosts(HTTPS_URL) == {"valet.example", "valet.example:443"}
    assert _hosts("https://Valet.example:8443") == {"valet.example:8443"}
    assert _hosts("http://[::1]:8420") == {"[::1]:8420"}


async def test_a_slash_too_many_leads_to_our_own_origin_behind_a_proxy_too(hotel: Inn) -> None:
    """A proxy that ends TLS speaks http to us: where to go on must not be said from that."""
    behind = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=hotel.app), base_url="http://valet.example"
    )
    for path in ("/account/", "/signin/?switch=1", "/static"):
        answer = await behind.get(path)
        assert answer.status_code == 307
        assert answer.headers["location"].startswith(f"{HTTPS_URL}/"), path
