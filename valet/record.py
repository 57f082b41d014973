"""One request as whoever runs Valet sees it: an id, one line in the log, its counters, the root of its trace.

The id goes out as `X-Request-Id`, stands on every line that is logged within the request, and is the
reference that a person is told when something went wrong on our side. A proxy that the operator named may
give it; a stranger may not, or lines of one request could be made to look like another's.

Nothing of what a request asked for is told: the route is the template of our own code (`/files/{handle}`),
and what no route knows is `other`. No query, no address, no header, nobody's name.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import time
from collections.abc import Iterable, Sequence

import structlog
from opentelemetry.trace import Link, SpanContext, TraceFlags, get_current_span
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connect.address import Proxies
from providers.spans import NOTHING, Attributes, Span, Spans

_log = structlog.get_logger(__name__)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Borders of the histogram's buckets."""
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
OTHER = "other"
QUIET = frozenset({"/healthz", "/static/{path}"})
"""What is asked for so often, and says so little, that it is logged at DEBUG and has no trace."""

_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")
_PARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class Routes:
    """Which of our templates a path belongs to."""

    def __init__(self, routes: Iterable[BaseRoute] = ()) -> None:
        self._plain: set[str] = {"/mcp"}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for route in routes:
            if isinstance(route, Mount):
                self._patterns.append((route.path_regex, route.path + "/{path}"))
            elif isinstance(route, Route) and route.param_convertors:
                self._patterns.append((route.path_regex, re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)))
            elif isinstance(route, Route):
                self._plain.add(route.path)

    @property
    def templates(self) -> frozenset[str]:
        """All of them."""
        return frozenset({*self._plain, *(template for _, template in self._patterns), OTHER})

    def of(self, path: str) -> str:
        """The template of that path."""
        if path in self._plain:
            return path
        for pattern, template in self._patterns:
            if pattern.match(path):
                return template
        return OTHER


class Record:
    """Wraps the doors. `registry` is the caller's; `routes` are those of the sidecar."""

    def __init__(
        self, registry: CollectorRegistry, routes: Routes, proxies: Proxies, spans: Spans | None = None
    ) -> None:
        self._routes = routes
        self._proxies = proxies
        self._spans = spans or Spans()
        self._requests = Counter(
            "valet_http_requests",
            "Requests, by door, route template, method and class of status.",
            ("door", "route", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "valet_http_request_duration_seconds",
            "How long a request took until its answer was sent.",
            ("door", "route"),
            buckets=SECONDS,
            registry=registry,
        )
        self._under_way = Gauge(
            "valet_http_requests_in_progress", "Requests that are not answered yet.", registry=registry
        )

    def wrapped(self, app: ASGIApp) -> ASGIApp:
        """That app, each request of which is recorded."""

        async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
            await self._pass(app, scope, receive, send)

        return recorded

    async def _pass(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        state["request_id"] = name = self._name(scope)
        status = 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if not any(key == b"x-request-id" for key, _ in message["headers"]):
                    message = {**message, "headers": [*message["headers"], (b"x-request-id", name.encode())]}
            await send(message)

        began = time.perf_counter()
        door, route = ("mcp_server" if scope["path"] == "/mcp" else "connect"), self._routes.of(scope["path"])
        method = scope["method"] if scope["method"] in METHODS else OTHER
        with (
            self._under_way.track_inprogress(),
            self._span(scope, door, method, route, name) as span,
            structlog.contextvars.bound_contextvars(**_marks(name)),
        ):
            try:
                await app(scope, receive, answered)
            except Exception:
                status = status or 500  # what the server answers for us
                raise
            finally:
                taken = time.perf_counter() - began
                self._requests.labels(door, route, method, f"{status // 100}xx" if status else "none").inc()
                self._seconds.labels(door, route).observe(taken)
                span.set("http.response.status_code", status)
                if status >= 500:
                    span.fail(f"{status // 100}xx")
                call = state.get("valet.call")
                more = dict(zip(("tool", "outcome"), call.ended, strict=True)) if call and call.ended else {}
                say = _log.debug if route in QUIET else _log.info
                said = {"door": door, "method": method, "route": route, "status": status, **more}
                say("request", **said, ms=round(taken * 1000, 1))

    def _name(self, scope: Scope) -> str:
        given = [value for key, value in scope["headers"] if key == b"x-request-id"]
        if len(given) == 1 and _ID.fullmatch(given[0]) and self._from_proxy(scope):
            return str(given[0], "ascii")
        return secrets.token_hex(8)

    def _from_proxy(self, scope: Scope) -> bool:
        peer = scope.get("client")
        try:
            return peer is not None and ipaddress.ip_address(peer[0]) in self._proxies
        except ValueError:
            return False

    def _span(self, scope: Scope, door: str, method: str, route: str, name: str) -> Span:
        if not self._spans.on or route in QUIET:
            return NOTHING
        attributes: Attributes = {
            "valet.door": door,
            "http.request.method": method,
            "http.route": route,
            "valet.request_id": name,
        }
        return self._spans.request(f"{method} {route}", attributes, _named(scope))


def _marks(name: str) -> dict[str, str]:
    """What stands on every line of a request: its id, and the trace's where there is one."""
    trace = get_current_span().get_span_context().trace_id
    return {"request_id": name, "trace_id": f"{trace:032x}"} if trace else {"request_id": name}


def _named(scope: Scope) -> Sequence[Link]:
    """The span of the caller that a request names (W3C Trace Context), to be looked up beside ours.

    It is no parent: whoever asks us is a stranger, and would decide what is sampled and which trace is whose.
    Their `tracestate` and baggage are free text, and are not read.
    """
    given = [value for key, value in scope["headers"] if key == b"traceparent"]
    found = _PARENT.fullmatch(given[0]) if len(given) == 1 else None
    if found is None:
        return ()
    theirs = SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(0))
    return (Link(theirs),) if theirs.is_valid else ()
