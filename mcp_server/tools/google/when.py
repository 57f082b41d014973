"""Days and times as people and models write them, and zones: RFC 3339, or a local time in a named zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from mcp_server.errors import Refusal

When = date | datetime
"""A whole day, or a moment with its zone."""

WHEN = "A day (2026-12-01), or a time: 2026-12-01T14:30 in `time_zone`, 2026-12-01T14:30+01:00."
START = "2026-12-01 or 2026-12-01T14:30, offset optional."
"""The same for a schema, where every byte is read at every turn."""

Zone = Annotated[
    str | None,
    Field(
        description="IANA; default: the calendar's.",
        max_length=60,
    ),
]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?")
_ZONE = re.compile(r"UTC|GMT|[A-Z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){1,2}")
_ONE_DAY = timedelta(days=1)
_YEARS = range(2, 9999)
"""A year at both ends is left free, so that no zone and no day before or after leads out of the calendar."""


def zone(name: str) -> ZoneInfo:
    """The zone of that IANA name. Raises Refusal."""
    found = known_zone(name)
    if found is None:
        raise Refusal(
            "invalid_argument", "`time_zone` must be an IANA name such as Europe/Lisbon or America/New_York."
        )
    return found


def known_zone(name: str) -> ZoneInfo | None:
    """The zone of that IANA name, or None. What only this machine knows (`localtime`, `right/…`) is none."""
    if not _ZONE.fullmatch(name) or name.startswith(("posix/", "right/")):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def local_zone(asked: str | None, *own: str) -> ZoneInfo:
    """The zone that was asked for, else the first of the calendars' own that is one. Raises Refusal."""
    if asked:
        return zone(asked)
    return next((found for name in own if (found := known_zone(name)) is not None), ZoneInfo("UTC"))


def instant(moment: datetime) -> str:
    """A moment as RFC 3339 in UTC. Raises Refusal at the ends of time."""
    try:
        return moment.astimezone(UTC).isoformat()
    except OverflowError:
        raise too_far() from None


def moment(text: str, field: str, local: ZoneInfo) -> When:
    """What `text` means: a day, or a time, local ones in `local`. Raises Refusal, naming the field."""
    found = _read(text.strip(), field, local)
    if found.year not in _YEARS:
        raise too_far()
    return found


def too_far() -> Refusal:
    """The no to what is beyond the calendar."""
    return Refusal("invalid_argument", "That time is too far away.")


def _read(written: str, field: str, local: ZoneInfo) -> When:
    try:
        if not _TIME.fullmatch(written):
            return date.fromisoformat(written if _DAY.fullmatch(written) else "")
        found = datetime.fromisoformat(written.upper())
        if found.tzinfo is not None:
            found.astimezone(UTC)  # OverflowError at the ends of time
            return found
        return _existing(found.replace(tzinfo=local), field)
    except (ValueError, OverflowError):
        raise Refusal("invalid_argument", f"`{field}` is not understood. {WHEN}") from None


def _existing(local: datetime, field: str) -> datetime:
    """`local` where it names one moment: when clocks go forward they skip an hour, and when they go back one
    comes twice.
    """
    if local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise Refusal(
            "invalid_argument",
            f"`{field}` names a time that does not exist in {local.tzinfo}: clocks go forward over it. "
            "Choose another time, or give one with an offset.",
        )
    first, second = (local.replace(fold=fold).isoformat() for fold in (0, 1))
    if first != second:
        raise Refusal(
            "invalid_argument",
            f"`{field}` names a time that comes twice in {local.tzinfo}: clocks go back over it. Say which: "
            f"{first} or {second}.",
        )
    return local


def begins(when: When, local: ZoneInfo) -> datetime:
    """The moment at which `when` begins."""
    return when if isinstance(when, datetime) else datetime(when.year, when.month, when.day, tzinfo=local)


def ends(when: When, local: ZoneInfo) -> datetime:
    """The moment at which `when` is over: a day is over when the next one begins."""
    return when if isinstance(when, datetime) else begins(next_day(when), local)


def next_day(day: date) -> date:
    """The day after. Raises Refusal at the end of the calendar."""
    try:
        return day + _ONE_DAY
    except OverflowError:
        raise Refusal("invalid_argument", "That day is too far away.") from None


def ordered(start: When, end: When, local: ZoneInfo) -> None:
    """Raise Refusal unless `end` comes after `start`, and both are days or both are times."""
    if isinstance(start, datetime) != isinstance(end, datetime):
        raise Refusal("invalid_argument", "`start` and `end` must both be days, or both be times.")
    if ends(end, local) <= begins(start, local):
        raise Refusal("invalid_argument", "`end` must come after `start`.")


def shown(when: When) -> str:
    """`Sun 29 Nov 2026`, `Sun 29 Nov 2026 09:30`."""
    day = f"{when:%a} {when.day} {when:%b %Y}"
    return f"{day} {when:%H:%M}" if isinstance(when, datetime) else day
