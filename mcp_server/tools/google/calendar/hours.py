"""Working hours as a model writes them: `Mon-Fri 09:00-17:00`, and a zone behind it where it is not the
answer's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mcp_server.errors import Refusal
from mcp_server.tools.google.when import known_zone

HOURS = "Mon-Fri 09:00-17:00"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LINE = re.compile(
    r"([A-Za-z]{3,9})(?:-([A-Za-z]{3,9}))? (\d\d:\d\d)-(\d\d:\d\d)(?: ([A-Za-z0-9_+/-]{1,60}))?", re.ASCII
)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Hours:
    """From when to when, in minutes after midnight, on which weekdays (Monday is 0), on whose clock."""

    days: frozenset[int]
    begin: int
    end: int
    zone: ZoneInfo

    def between(self, low: datetime, high: datetime) -> Iterator[Span]:
        """These hours on every such day, as moments: nine o'clock is nine o'clock on either side of a change
        of clocks.
        """
        day = low.astimezone(self.zone).date() - timedelta(days=1)
        last = high.astimezone(self.zone).date()
        while day <= last:
            if day.weekday() in self.days:
                yield _at(day, self.begin, self.zone), _at(day, self.end, self.zone)
            day += timedelta(days=1)


def read(lines: Sequence[str], local: ZoneInfo) -> list[Hours]:
    """What the lines say. Raises Refusal."""
    return [_read(line.strip(), local) for line in lines]


def _read(line: str, local: ZoneInfo) -> Hours:
    found = _LINE.fullmatch(line)
    begin, end = (_minutes(found[number]) if found else None for number in (3, 4))
    zone = (known_zone(found[5]) if found[5] else local) if found else None
    days = _days(found[1], found[2] or found[1]) if found else None
    if begin is None or end is None or begin == end or zone is None or days is None:
        raise Refusal(
            "invalid_argument",
            f"`hours` must be lines such as {HOURS} or Sat 10:00-13:00 Europe/Lisbon, by the 24-hour clock.",
        )
    return Hours(days, begin, end if end > begin else end + 24 * 60, zone)


def _days(first: str, last: str) -> frozenset[int] | None:
    words = [first[:3].lower(), last[:3].lower()]
    if not all(word in _DAYS for word in words):
        return None
    begin, end = (_DAYS.index(word) for word in words)
    return frozenset((begin + step) % 7 for step in range((end - begin) % 7 + 1))


def _minutes(text: str) -> int | None:
    if not _CLOCK.fullmatch(text):
        return None
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _at(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """A time of that day's clock; one that clocks skip is as long after their change."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return wall.replace(tzinfo=zone).astimezone(UTC)
