"""How long to wait: what a Retry-After says, and how much of that one task may wait for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 5.0
"""Seconds: what is longer is not waited for but told."""

DEFAULT_RETRY_AFTER = 30.0
_MOST_RETRY_AFTER = timedelta(days=7).total_seconds()


class Allowance:
    """What the calls of one task may wait for limits: each for itself, and all of it within `LONGEST_WAIT`.

    The time begins with the first wait. Calls that are made side by side may so wait side by side.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends: float | None = None

    def grants(self, seconds: float) -> bool:
        """Whether so many seconds may be waited for now."""
        now = self._clock()
        if self._ends is None:
            self._ends = now + LONGEST_WAIT
        return now + seconds <= self._ends


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds of a Retry-After header, a number or a date (RFC 9110 §10.2.3); 30 where it is unusable."""
    named = told(headers, now)
    return DEFAULT_RETRY_AFTER if named is None else named


def told(headers: Mapping[str, str], now: datetime) -> float | None:
    """The same, or None where there is none that can be used."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text):
        return min(float(text), _MOST_RETRY_AFTER)
    until = _date(text)
    if until is None:
        return None
    # The upstream's own clock, where it shows it: ours may differ.
    seconds = (until - (_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(seconds, 0.0), _MOST_RETRY_AFTER)


def named_pause(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds of a Retry-After header, or None where there is none: a 503 need not have one."""
    return retry_after(headers, now) if "retry-after" in headers else None


def _date(text: str) -> datetime | None:
    try:
        stamp = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
