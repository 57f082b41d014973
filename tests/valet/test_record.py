"""What is told of a request: one id, one line, its counters; and what is never told."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from connect.address import Proxies
from valet.record import Record, Routes

PROXY = "10.0.0.7"
ROUTES = (Route("/plain", lambda _: Response()), Route("/things/{thing:uuid}/x", lambda _: Response()),
          Mount("/static", Starlette()))  # fmt: skip


class Line:
    """A recorded app on an in-process wire; `seen` are the ids that the app ran under."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seen: list[str] = []
        record = Record(self.registry, Routes(ROUTES), Proxies.read([PROXY]))
        self.app: ASGIApp = record.wrapped(self._answer)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.seen.append(structlog.contextvars.get_contextvars()["request_id"])
        assert request.state.request_id == self.seen[-1]
        if "crash" in request.query_params:
            raise RuntimeError("canary of a crash")
        status = int(request.query_params.get("status", "200"))
        await PlainTextResponse("hello", status)(scope, receive, send)

    @asynccontextmanager
    async def from_(self, peer: str) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(self.app, client=(peer, 1), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://valet") as client:
            yield client

    def sample(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.mark.parametrize(
    ("peer", "given", "taken"),
    [
        (PROXY, ["4bf92f3577b34da6a3ce929d0e0e4736"], True),
        (PROXY, ["short"], False),
        (PROXY, ["x" * 65], False),
        (PROXY, ["with space in it"], False),
        (PROXY, ["line\\nbreak-123"], False),
        (PROXY, ["4bf92f3577b34da6", "a3ce929d0e0e4736"], False),
        ("203.0.113.9", ["4bf92f3577b34da6a3ce929d0e0e4736"], False),
        ("testclient", ["4bf92f3577b34da6a3ce929d0e0e4736"], False),
    ],
    ids=["proxy", "short", "long", "blank", "break", "two", "stranger", "nowhere"],
)
async def test_a_request_id_is_the_proxys_or_ours_never_a_strangers(
    peer: str, given: list[str], taken: bool, line: Line
) -> None:
    async with line.from_(peer) as client:
        answer = await client.get("/plain", headers=[("X-Request-ID", each) for each in given])
    name = answer.headers["x-request-id"]
    assert (name in given) is taken
    assert taken or re.fullmatch("[0-9a-f]{16}", name)
    assert line.seen == [name]
    assert "request_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        (
            "GET",
            "/plain?code=canary",
            {"door": "connect", "route": "/plain", "method": "GET", "status": "2xx"},
        ),
        ("POST", "/mcp", {"door": "mcp_server", "route": "/mcp", "method": "POST", "status": "2xx"}),
        (
            "GET",
            "/static/valet.css",
            {"door": "connect", "route": "/static/{path}", "method": "GET", "status": "2xx"},
        ),
        (
            "POST",
            "/things/4bf92f35-77b3-4da6-a3ce-929d0e0e4736/x?status=403",
            {"door": "connect", "route": "/things/{thing}/x", "method": "POST", "status": "4xx"},
        ),
        ("GET", "/things/canary/x", {"door": "connect", "route": "other", "method": "GET", "status": "2xx"}),
        ("BREW", "/canary", {"door": "connect", "route": "other", "method": "other", "status": "2xx"}),
        ("GET", "/mcp/canary", {"door": "connect", "route": "other", "method": "GET", "status": "2xx"}),
        (
            "GET",
            "/plain?crash=canary",
            {"door": "connect", "route": "/plain", "method": "GET", "status": "5xx"},
        ),
    ],
    ids=["plain", "mcp", "static", "template", "unlike", "method", "near", "crash"],
)
async def test_what_is_counted_and_logged_is_the_template_never_what_was_asked_for(
    method: str, path: str, labels: dict[str, str], line: Line, lines: list[Any]
) -> None:
    async with line.from_("203.0.113.9") as client:
        answer = await client.request(method, path, headers={"User-Agent": "canary"})
    assert line.sample("valet_http_requests_total", **labels) == 1
    where = {"door": labels["door"], "route": labels["route"]}
    assert line.sample("valet_http_request_duration_seconds_count", **where) == 1
    assert line.sample("valet_http_requests_in_progress") == 0
    [said] = [each for each in lines if each["event"] == "request"]
    assert {name: said[name] for name in ("door", "route", "method")} == {
        name: labels[name] for name in ("door", "route", "method")
    }
    assert said["status"] == answer.status_code and said["ms"] >= 0
    assert said["log_level"] == ("debug" if labels["route"].startswith("/static") else "info")
    assert "canary" not in str(lines) and "203.0.113.9" not in str(lines)
    assert "canary" not in str([sample for family in line.registry.collect() for sample in family.samples])
