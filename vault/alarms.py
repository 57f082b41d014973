"""Alarms: sealed records that did not open. Logged and counted for the operator, never spoken."""

from __future__ import annotations

from typing import Literal

import structlog
from prometheus_client import CollectorRegistry, Counter

_log = structlog.get_logger(__name__)

Kind = Literal["tampered", "unknown_key", "malformed"]


class Alarms:
    """Counts into `registry`, which is the caller's: nothing here is global.

    `place` is what was to be opened: a purpose, or the table `deks` for a wrapped key. It is a word of our
    own code, never anything from a row. The log line has the total since this process began: an operator sees
    it without a scraper.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refused = Counter(
            "valet_sealed_refused",
            "Sealed records that did not open, by kind of fault and by what was to be opened.",
            ("kind", "place"),
            registry=registry,
        )
        self._total = 0

    def refused(self, kind: Kind, place: str) -> None:
        """A record of that place did not open."""
        self._refused.labels(kind, place).inc()
        self._total += 1
        _log.error("sealed_record_refused", kind=kind, place=place, total=self._total)
