"""What came of each attempt to refresh: counted, and told to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import structlog
from prometheus_client import CollectorRegistry, Counter

from vault.store.leases import SealedConnection

_log = structlog.get_logger(__name__)

Outcome = Literal[
    "refreshed",  # the provider gave new tokens, and they are stored
    "not_stored",  # it gave new tokens, and they wait in memory for the database
    "lost_race",  # it gave new tokens, and the row had moved on: another refresh, a consent, a disconnect
    "revoked",  # from here to `no_refresh_token`: the row needs its person, and that is the row's reason
    "expired",
    "lost_rotation",
    "no_refresh_token",
    "overtaken",  # the provider refused the token, and the row had moved on: nobody is condemned
    "rate_limited",
    "app_rejected",
    "failed",  # no usable answer, or an answer that no retry mends
]

Report = Callable[[SealedConnection, Outcome], None]
"""Called once for each attempt, with the row as it was leased. Returns at once; what it raises is logged."""


class Outcomes:
    """Counts into `registry`, which is the caller's, and tells `listener`.

    What comes of refreshes at `providers` is counted from 0: a series that began with its first count would
    hide that one from whoever asks how much it grew.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        listener: Report | None = None,
        providers: Sequence[str] = (),
    ) -> None:
        self._refreshes = Counter(
            "valet_refreshes",
            "Attempts to refresh a connection, by provider and by what came of them.",
            ("provider", "outcome"),
            registry=registry or CollectorRegistry(),
        )
        for provider in providers:
            for outcome in get_args(Outcome):
                self._refreshes.labels(provider, outcome)
        self._listener = listener

    def __call__(self, row: SealedConnection, outcome: Outcome) -> None:
        """One attempt for that row came to an end. Raises nothing."""
        self._refreshes.labels(row.provider, outcome).inc()
        if self._listener is None:
            return
        try:
            self._listener(row, outcome)
        except Exception as error:  # noqa: BLE001 - who listens must not lose a token that was just bought
            _log.error("refresh_report_failed", error=type(error).__name__)
