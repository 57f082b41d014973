"""Starts and ends: `{dateTime, timeZone}` or `{date}`, the end exclusive."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from providers.emulator.google.errors import invalid
from providers.emulator.google.query import parse_instant

Json = dict[str, Any]
LOCAL = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?")
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def zone(name: Any) -> ZoneInfo | None:
    """The time zone of an IANA name, or None."""
    try:
        return ZoneInfo(name) if isinstance(name, str) and name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read(value: Any, which: str) -> Json:
    """A start or an end out of a request's body, checked. `which` is its name. Raises ApiError."""
    if not isinstance(value, dict) or not (value.get("date") or value.get("dateTime")):
        raise invalid(f"Missing {which} time.", reason="required")
    if value.get("date") and value.get("dateTime"):
        raise invalid(f"Invalid {which} time.")
    named = value.get("timeZone")
    if named is not None and zone(named) is None:
        raise invalid(f"Invalid time zone definition for {which} time.")
    return _day(value["date"], which) if value.get("date") else _timed(value["dateTime"], named, which)


def _day(text: Any, which: str) -> Json:
    try:
        day = date.fromisoformat(text if DAY.fullmatch(text) else "")
        parse_instant(f"{day}T00:00:00Z")
        return {"date": day.isoformat()}
    except (ValueError, TypeError):
        raise invalid(f"Invalid {which} time.") from None


def _timed(text: Any, named: str | None, which: str) -> Json:
    """An offset is needed unless a time zone stands beside it (Event.start.dateTime)."""
    at = zone(named)
    try:
        if at and LOCAL.fullmatch(text):
            parse_instant(f"{text}Z")
            moment = datetime.fromisoformat(text.upper()).replace(tzinfo=at)
        else:
            moment = parse_instant(text)
    except (ValueError, TypeError):
        raise invalid(f'Invalid value for: Invalid format: "{text}"', f"{which}.dateTime") from None
    moment = moment.replace(microsecond=0).astimezone(at) if at else moment.replace(microsecond=0)
    return {"dateTime": moment.isoformat(), **({"timeZone": named} if named else {})}


def check(start: Json, end: Json) -> None:
    """Both of one kind, and the end after the start. Raises ApiError."""
    if ("date" in start) != ("date" in end):
        raise invalid("Start and end times must either both be date or both be dateTime.")
    if "date" in start and end["date"] <= start["date"]:
        raise invalid("The specified time range is empty.", reason="timeRangeEmpty")
    if "date" not in start and moment(end, UTC_ZONE) < moment(start, UTC_ZONE):
        raise invalid("The specified time range is empty.", reason="timeRangeEmpty")


UTC_ZONE = ZoneInfo("UTC")


def moment(value: Json, calendar: ZoneInfo) -> datetime:
    """The instant of a start or end; a day begins at midnight of the calendar's zone."""
    if "date" in value:
        return datetime.combine(date.fromisoformat(value["date"]), time(), calendar)
    return datetime.fromisoformat(value["dateTime"])


def local(value: Json, calendar: ZoneInfo) -> datetime:
    """The start of a recurring event on the clock of its own zone."""
    own = zone(value.get("timeZone")) or calendar
    return moment(value, calendar).astimezone(own) if "dateTime" in value else moment(value, calendar)


def shown(value: Json, reader: ZoneInfo) -> Json:
    """A start or end with the offset of the reader's zone."""
    if "date" in value:
        return value
    text = datetime.fromisoformat(value["dateTime"]).astimezone(reader).isoformat()
    return {**value, "dateTime": text.replace("+00:00", "Z")}


def shifted(value: Json, calendar: ZoneInfo, to: datetime, by: timedelta) -> Json:
    """A start or end of the same kind and zone at `to` plus `by`: that of an instance."""
    if "date" in value:
        return {"date": (to.date() + by).isoformat()}
    own = zone(value.get("timeZone")) or calendar
    return {**value, "dateTime": (to.astimezone(UTC) + by).astimezone(own).isoformat()}
