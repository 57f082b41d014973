"""What the audit counts: events, who was limited, rows that wait, were written, are late or lost."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from vault.audit.entry import Entry

_COUNTED_ELSEWHERE = frozenset({"tool_called", "refresh"})


class Counts:
    """Counts into `registry`. `waiting`: how many rows wait; `oldest`: for how many seconds the first has."""

    def __init__(
        self, registry: CollectorRegistry, waiting: Callable[[], int], oldest: Callable[[], float]
    ) -> None:
        self.lost = Counter(
            "valet_audit_lost", "Rows of the audit that could not be kept.", registry=registry
        )
        self.late = Counter(
            "valet_audit_late", "Answers that went out before their rows were written.", registry=registry
        )
        self.written = Counter("valet_audit_rows", "Rows of the audit that were written.", registry=registry)
        self._events = Counter(
            "valet_events",
            "What happened, by the words of docs/audit.md; calls and refreshes have counters of their own.",
            ("event", "outcome"),
            registry=registry,
        )
        self._limited = Counter(
            "valet_rate_limited",
            "Requests beyond a limit of ours, by the limit.",
            ("rule",),
            registry=registry,
        )
        Gauge(
            "valet_audit_waiting_rows", "Rows of the audit that are not written yet.", registry=registry
        ).set_function(waiting)
        Gauge(
            "valet_audit_oldest_waiting_seconds",
            "How long the first of them has waited; 0 where none does.",
            registry=registry,
        ).set_function(oldest)

    def noted(self, entry: Entry) -> None:
        """That happened."""
        if entry.event in _COUNTED_ELSEWHERE:
            return
        self._events.labels(entry.event, entry.outcome).inc()
        if entry.event == "rate_limited":
            self._limited.labels(entry.detail or "other").inc()
