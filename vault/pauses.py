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
        self._rest: dict[tuple[str, str], float] = {}

    def after(self, lease: Lease, error: ProviderError) -> float | None:
        """Seconds before the connection's next attempt: what the provider asks, or full jitter that doubles.

        An app that the provider refuses is shut for everybody instead, and no user is touched: None.
        """
        key, now = (lease.row.provider, lease.row.app), self._clock()
        if isinstance(error, AppRejected):
            _note(self._shut, key, now, self._timing.shut)
            _note(self._rest, key, now, self._timing.refusal)
            return None
        if isinstance(error, RateLimited):
            _note(self._rest, key, now, error.retry_after)
            return error.retry_after
        jitter = random.uniform(0, min(2.0 ** min(lease.failures, 20), self._timing.backoff))  # noqa: S311
        return max(jitter, getattr(error, "retry_after", None) or 0)

    def is_shut(self, row: SealedConnection) -> bool:
        """Whether the provider refused the row's app a moment ago."""
        until = self._shut.get((row.provider, row.app))
        return until is not None and self._clock() < until

    def resting(self, provider: str, app: str) -> float:
        """Seconds for which nothing that nobody waits for is sent through that app: the provider refused it,
        or asked it to slow down, and that goes for all of its connections.
        """
        return max(self._rest.get((provider, app), 0) - self._clock(), 0)


def _note(times: dict[tuple[str, str], float], key: tuple[str, str], now: float, seconds: float) -> None:
    """Note when it is over, and forget what is over."""
    for each in [each for each, until in times.items() if until <= now]:
        del times[each]
    times[key] = now + seconds


def pausing(row: SealedConnection) -> ProviderError:
    """What a caller hears during the row's pause."""
    if row.reason == RATE_LIMITED:
        return RateLimited(row.provider, "refresh", row.retry_in)
    detail = f"pausing for {row.retry_in:.0f} s after failures"
    return Unavailable(row.provider, "refresh", detail, retry_after=row.retry_in)
