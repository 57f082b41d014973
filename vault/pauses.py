"""How long nobody asks a provider again after a failure: for one connection, or for all of an app's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from providers.base import AppRejected, ProviderError, RateLimited, Unavailable
from vault.store.leases import RATE_LIMITED, Lease, SealedConnection
from vault.timing import Timing


class Pauses:
    """The pauses of this process. `clock` is monotonic."""

    def __init__(self, timing: Timing, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._timing = timing
        self._clock = clock
        self._shut: dict[tuple[str, str], float] = {}

    def after(self, lease: Lease, error: ProviderError) -> float | None:
        """Seconds before the connection's next attempt: what the provider asks, or full jitter that doubles.

        An app that the provider refuses is shut for everybody instead, and no user is touched: None.
        """
        if isinstance(error, AppRejected):
            self._shut[lease.row.provider, lease.row.app] = self._clock() + self._timing.shut
            return None
        if isinstance(error, RateLimited):
            return error.retry_after
        jitter = random.uniform(0, min(2.0 ** min(lease.failures, 20), self._timing.backoff))  # noqa: S311
        return max(jitter, getattr(error, "retry_after", None) or 0)

    def is_shut(self, row: SealedConnection) -> bool:
        """Whether the provider refused the row's app a moment ago."""
        until = self._shut.get((row.provider, row.app))
        return until is not None and self._clock() < until


def pausing(row: SealedConnection) -> ProviderError:
    """What a caller hears during the row's pause."""
    if row.reason == RATE_LIMITED:
        return RateLimited(row.provider, "refresh", row.retry_in)
    detail = f"pausing for {row.retry_in:.0f} s after failures"
    return Unavailable(row.provider, "refresh", detail, retry_after=row.retry_in)
