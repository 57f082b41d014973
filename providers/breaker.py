"""Apps that an upstream serves no more for a while: until then nothing is sent for anybody of such an app.

A rate limit of a provider like Spotify is of the app, not of the person who met it: whoever asks again gets
the same answer, and each request may make it longer. So the first answer is kept and given to everybody of
that app; other apps go on. There is no probe before the time is over, for the time is the upstream's own word
and no guess of ours. All this is kept in this process (docs/decisions/0022-breaker.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry, Gauge

from providers.base import OPERATOR

_log = structlog.get_logger(__name__)

LONGEST = timedelta(days=1)
"""However long an upstream says: a quota is counted over 24 hours, and one request then finds out."""

_MOST = 4096
"""How many apps are kept in mind; where more are paused, the one is forgotten that may go on first."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why an app is paused, when that was heard, and until when."""

    since: datetime
    until: datetime
    reason: str


class Breaker:
    """The pauses of this process. `now` is the wall clock: it is what people are told, and runs on asleep."""

    def __init__(
        self,
        metrics: CollectorRegistry | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._pauses: dict[tuple[str, str], Pause] = {}
        self._counted: set[str] = set()
        self._gauge = Gauge(
            "valet_paused_apps",
            "Apps of a provider for which nothing is sent at the moment, because it limits them.",
            ("provider",),
            registry=metrics or CollectorRegistry(),
        )

    def pause(self, provider: str, app: str, seconds: float, reason: str) -> Pause:
        """Send nothing for that app for so many seconds, a day at most. The longer of two pauses counts."""
        now = self._now()
        known = self.paused(provider, app)
        fresh = Pause(now, now + min(timedelta(seconds=seconds), LONGEST), reason)
        if known is not None and known.until >= fresh.until:
            return known
        self._make_room(now)
        self._pauses[provider, app] = fresh
        self._count(provider)
        if known is None:
            own = app != OPERATOR
            _log.warning("app_paused", provider=provider, own=own, seconds=round(seconds), reason=reason)
        return fresh

    def paused(self, provider: str, app: str) -> Pause | None:
        """The pause that the app is in, or None. A clock that was turned back ends it, too."""
        found = self._pauses.get((provider, app))
        return found if found is not None and found.since <= self._now() < found.until else None

    def _make_room(self, now: datetime) -> None:
        for key in [key for key, each in self._pauses.items() if each.until <= now]:
            del self._pauses[key]
        if len(self._pauses) >= _MOST:
            del self._pauses[min(self._pauses, key=lambda key: self._pauses[key].until)]

    def _count(self, provider: str) -> None:
        if provider not in self._counted:
            self._counted.add(provider)
            self._gauge.labels(provider).set_function(lambda: self._paused_at(provider))

    def _paused_at(self, provider: str) -> int:
        return sum(self.paused(*key) is not None for key in tuple(self._pauses) if key[0] == provider)
