"""What is known of each request to an upstream: how it ended and how long it took. Counted, traced, logged.

`operation` is a word of our own code. Of the request itself nothing is told: no URL, no header, no body.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from providers.spans import Attributes, Span, Spans

log = structlog.get_logger(__name__)

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
"""Borders of the histogram's buckets."""


class Exchange:
    """Around one request; whoever sends it sets the status of the answer, if one came.

    Written out, because the generator of a context manager would cost more than what is done here.
    """

    __slots__ = ("_began", "_operation", "_over", "_provider", "_span", "status")

    def __init__(
        self, over: Callable[[str, str, int | None, float], str], provider: str, operation: str, span: Span
    ) -> None:
        self.status: int | None = None
        self._over, self._provider, self._operation, self._span = over, provider, operation, span

    def __enter__(self) -> Self:
        self._span.__enter__()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        word = self._over(self._provider, self._operation, self.status, time.perf_counter() - self._began)
        if self.status is not None:
            self._span.set("http.response.status_code", self.status)
        if word not in {"ok", "not_found"}:
            self._span.fail(word)
        self._span.__exit__(kind, error, trace)


class Upstreams:
    """Counts into `registry`, which is the caller's."""

    def __init__(self, registry: CollectorRegistry | None = None, spans: Spans | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._spans = spans or Spans()
        self._requests = Counter(
            "valet_upstream_requests",
            "Requests to providers, by provider, operation and outcome.",
            ("provider", "operation", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "valet_upstream_request_duration_seconds",
            "How long a request to a provider took, its answer read.",
            ("provider",),
            buckets=SECONDS,
            registry=registry,
        )

    def sent(self, provider: str, operation: str, method: str) -> Exchange:
        """For one request: enter it, set its status, leave it."""
        attributes: Attributes = {
            "valet.provider": provider,
            "valet.operation": operation,
            "http.request.method": method,
        }
        span = self._spans(f"{provider} {operation}", attributes, client=True)
        return Exchange(self._over, provider, operation, span)

    def _over(self, provider: str, operation: str, status: int | None, seconds: float) -> str:
        """Count a request that has ended, and say what it came to."""
        word = outcome(status)
        self._requests.labels(provider, operation, word).inc()
        self._seconds.labels(provider).observe(seconds)
        log.debug(
            "upstream_call",
            provider=provider,
            operation=operation,
            status=status,
            duration_ms=round(seconds * 1000),
        )
        return word


OUTCOMES = ("ok", "unauthorized", "forbidden", "not_found", "limited", "rejected", "failed", "unanswered")
"""What an exchange comes to, by the status alone."""

_BY_STATUS = {401: "unauthorized", 403: "forbidden", 404: "not_found", 408: "failed", 429: "limited"}


def outcome(status: int | None) -> str:
    """The word for that status; None where no whole answer came."""
    if status is None:
        return "unanswered"
    if 200 <= status < 300 or status == 304:
        return "ok"
    return _BY_STATUS.get(status, "rejected" if 400 <= status < 500 else "failed")
