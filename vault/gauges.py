"""Figures of this process that no single call knows: the pool of connections, leases, who waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_PREFIX = "valet_database_pool_"
_GAUGES = (
    ("max_connections", "pool_max", "How many connections to the database this process may have."),
    ("connections", "pool_size", "How many it has."),
    ("idle_connections", "pool_available", "How many of them nobody uses."),
    ("waiting", "requests_waiting", "How many wait for a connection."),
)
_COUNTERS = (
    ("requests", "requests_num", 1.0, "How often a connection was asked for."),
    ("queued", "requests_queued", 1.0, "How often none was free at once."),
    ("wait_seconds", "requests_wait_ms", 0.001, "How long was waited for one, together."),
    ("use_seconds", "usage_ms", 0.001, "How long connections were in use, together."),
    ("errors", "requests_errors", 1.0, "How often none was to be had."),
    ("lost", "connections_lost", 1.0, "Connections that were found broken."),
    ("connect_errors", "connections_errors", 1.0, "How often the database took no new connection."),
)


class PoolGauges(Collector):
    """The pool's own statistics, as they are when somebody looks. `stats` is what psycopg_pool calls so."""

    def __init__(self, stats: Callable[[], Mapping[str, int]], registry: CollectorRegistry) -> None:
        self._stats = stats
        registry.register(self)

    def describe(self) -> list[Metric]:
        """The figures without their values."""
        return list(self._metrics({}))

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        # psycopg_pool leaves out what is zero.
        return self._metrics(self._stats())

    @staticmethod
    def _metrics(stats: Mapping[str, int]) -> Iterator[Metric]:
        for name, key, text in _GAUGES:
            yield GaugeMetricFamily(_PREFIX + name, text, value=stats.get(key, 0))
        for name, key, scale, text in _COUNTERS:
            yield CounterMetricFamily(_PREFIX + name, text, value=stats.get(key, 0) * scale)


class LeaseGauges:
    """What became of asking for the right to refresh a connection, and how many this process holds."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        asked = Counter(
            "valet_leases",
            "Leases on a connection's refresh: taken, taken after another's had lapsed without an answer, or "
            "not to be had (another process holds it, or nothing is due).",
            ("outcome",),
            registry=registry,
        )
        self._taken, self._lapsed, self._refused = (
            asked.labels(word) for word in ("taken", "taken_after_lapse", "not_taken")
        )
        self.held = Gauge("valet_leases_held", "Leases that this process works under.", registry=registry)

    def asked(self, *, got: bool, lapsed: bool) -> None:
        """One was asked for."""
        (self._refused if not got else self._lapsed if lapsed else self._taken).inc()


class RoundGauges:
    """How far the caretaker is, by provider."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._begun = Counter(
            "valet_caretaker_attempts",
            "Connections that the caretaker set about to refresh ahead of time.",
            ("provider",),
            registry=registry,
        )
        self._last = Gauge(
            "valet_caretaker_last_round_timestamp_seconds",
            "When the caretaker last looked whether anything was due.",
            ("provider",),
            registry=registry,
        )

    def looked(self, provider: str, begun: int) -> None:
        """One look through what may be due came to an end."""
        self._begun.labels(provider).inc(begun)
        self._last.labels(provider).set_to_current_time()
