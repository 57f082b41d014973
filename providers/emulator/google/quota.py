"""Google's quotas: so many units in a while, for one person or for the whole project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from providers.emulator.clock import Clock
from providers.emulator.google.errors import LIMITS, ApiError

Json = dict[str, Any]


@dataclass(frozen=True)
class Bucket:
    """A quota: `units` in `seconds`; `shared` by everybody of the project, or each person's own.

    `reason`, `status`, `domain` and `message` are what a call beyond it hears. `daily`: it begins anew at
    midnight in California, whenever it was first used (YouTube's does).
    """

    name: str
    units: int
    seconds: int = 60
    shared: bool = False
    reason: str = "userRateLimitExceeded"
    status: int = 403
    domain: str = "usageLimits"
    message: str = ""
    daily: bool = False


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
        over = now - began >= bucket.seconds if not bucket.daily else _day(now) != _day(began)
        if over:
            began, used = now, 0
        self._used[key] = (began, used + units)
        if used + units > self._limits.get(name, bucket.units):
            message = bucket.message or LIMITS[bucket.reason]
            raise ApiError(bucket.status, message, bucket.reason, domain=bucket.domain)

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


def _day(now: float) -> date:
    return datetime.fromtimestamp(now, ZoneInfo("America/Los_Angeles")).date()
