"""How many connections stand how, for the operator: the gauge `valet_connections{provider,health}`.

Every worker counts for itself now and then and shows what it counted last: a scrape asks no database. All
show the same but for a minute's changes: over several workers take the largest figure, not their sum.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vault.health import WORDS, health
from vault.store.standings import Standings

_SHARE = 100
"""A count that took long is not repeated before this many times as long: at most a hundredth of the time."""
_STALE = 900.0
"""Seconds after which a count is shown no more: no figure is better than one of long ago."""


class Census(Collector):
    """Counts connections into `registry`. `clock` is in seconds and never jumps."""

    def __init__(
        self,
        standings: Standings,
        registry: CollectorRegistry,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._standings = standings
        self._clock = clock
        self._found: Counter[tuple[str, str]] = Counter()
        self._at: float | None = None
        self._next = 0.0
        registry.register(self)

    async def count(self) -> int:
        """Count anew, unless the last count was so costly that it is too early. Returns 0. Raises Busy."""
        began = self._clock()
        if began < self._next:
            return 0
        found: Counter[tuple[str, str]] = Counter()
        for tally in await self._standings.count():
            found[tally.provider, health(tally).word] += tally.count
        # Shown in one step: a scrape meets either the last count or this one.
        self._found, self._at = found, self._clock()
        self._next = self._at + _SHARE * (self._at - began)
        return 0

    def describe(self) -> list[Metric]:
        """The gauge without its values."""
        return [self._gauge()]

    def collect(self) -> Iterator[Metric]:
        """The gauge: every word for each provider that has connections, so that a zero is a zero."""
        gauge, found = self._gauge(), self._found
        if self._at is not None and self._clock() - self._at < _STALE:
            for provider in sorted({provider for provider, _ in found}):
                for word in WORDS:
                    gauge.add_metric([provider, word], found[provider, word])
        yield gauge

    def _gauge(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "valet_connections",
            "Connections that are not disconnected, by provider and by how they stand.",
            labels=("provider", "health"),
        )
