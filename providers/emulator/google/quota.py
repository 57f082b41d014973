"""Google's quotas: so many units in a while, for one person or for the whole project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from providers.emulator.clock import Clock
from providers.emulator.google.errors import LIMITS, ApiError

Json = dict[str, Any]


@dataclass(frozen=True)
class Bucket:
    """A quota: `units` in `seconds`; `shared` by everybody of the project, or each person's own.

    `reason` and `status` are what a call beyond it hears.
    """

    name: str
    units: int
    seconds: int = 60
    shared: bool = False
    reason: str = "userRateLimitExceeded"
    status: int = 403


class Quota:
    """What was used of every bucket. A window begins with its first call, as a rule of thumb for Google's."""

    def __init__(self, clock: Clock, buckets: Iterable[Bucket]) -> None:
        self._clock = clock
        self._buckets = {bucket.name: bucket for bucket in buckets}
        self._limits: dict[str, int] = {}
        self._used: dict[tuple[str, str], tuple[float, int]] = {}

    def clear(self) -> None:
        """Nothing used, every limit at its everyday value."""
        self._limits.clear()
        self._used.clear()

    def spend(self, name: str, account: str, units: int) -> None:
        """Take units, whatever comes of the call. Raises ApiError where there are not as many left."""
        bucket, now = self._buckets[name], self._clock.now()
        key = (name, "" if bucket.shared else account)
        began, used = self._used.get(key, (now, 0))
        if now - began >= bucket.seconds:
            began, used = now, 0
        self._used[key] = (began, used + units)
        if used + units > self._limits.get(name, bucket.units):
            raise ApiError(bucket.status, LIMITS[bucket.reason], bucket.reason, domain="usageLimits")

    def limit(self, body: Json) -> Json:
        """Set limits by bucket, as tests want them: `{"gmail": 40}`. Raises ValueError for an unknown one."""
        for name, units in body.items():
            if name not in self._buckets:
                raise ValueError(f"There is no quota {name!r}; there is {', '.join(self._buckets)}.")
            self._limits[name] = int(units)
        return self.used()

    def used(self) -> Json:
        """Units used in the present windows, by bucket and account."""
        return {f"{name}/{account}" if account else name: used for (name, account), (_, used) in
                self._used.items()}  # fmt: skip
