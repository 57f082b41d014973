"""What is known of each request to an upstream: how it ended and how long it took. Counted, traced, logged.

`operation` is a word of our own code. Of the request itself nothing is told: no URL, no header, no body.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from providers.spans import Spans

log = structlog.get_logger(__name__)

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
"""Borders of the histogram's buckets."""


@dataclass(slots=True)
class Exchange:
    """One request; whoever sent it sets the status of the answer, if one came."""

    status: int | None = None


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

    @contextmanager
    def sent(self, provider: str, operation: str, method: str) -> Iterator[Exchange]:
        """Around one request. Raises what the block raises."""
        exchange, began = Exchange(), time.perf_counter()
        attributes = {
            "valet.provider": provider,
            "valet.operation": operation,
            "http.request.method": method,
        }
        with self._spans(f"{provider} {operation}", attributes, client=True) as span:  # type: ignore[arg-type]
            try:
                yield exchange
            finally:
                taken = time.perf_counter() - began
                word = outcome(exchange.status)
                self._requests.labels(provider, operation, word).inc()
                self._seconds.labels(provider).observe(taken)
                if exchange.status is not None:
                    span.set("http.response.status_code", exchange.status)
                if word not in {"ok", "not_found"}:
                    span.fail(word)
                log.debug(
                    "upstream_call",
                    provider=provider,
                    operation=operation,
                    status=exchange.status,
                    duration_ms=round(taken * 1000),
                )


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
