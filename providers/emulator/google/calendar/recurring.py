"""Recurring events: their occurrences, and the instances made of them (RFC 5545)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr

from providers.emulator.google.calendar import times
from providers.emulator.google.errors import invalid

Json = dict[str, Any]
HORIZON = timedelta(days=730)
"""How far an endless series is expanded."""

NEVER = re.compile(r"FREQ=(SECONDLY|MINUTELY|HOURLY)|INTERVAL=0+\b|COUNT=.*UNTIL=|UNTIL=.*COUNT=")
"""Too often for Calendar, without end, or with two ends (RFC 5545 §3.3.10)."""

LINE = re.compile(r"(RRULE|EXDATE|RDATE)((?:;[A-Z-]+=[^:;]+)*):(.+)")
INSTANCE = re.compile(r"(.+)_(\d{8}(?:T\d{6}Z)?)")


def check(event: Json, zone: ZoneInfo) -> None:
    """Whether the lines of a recurring event can be read, and it has a time zone. Raises ApiError."""
    for which in ("start", "end"):
        if "dateTime" in event[which] and "timeZone" not in event[which]:
            raise invalid(f"Missing time zone definition for {which} time.", reason="required")
    if any(NEVER.search(line) for line in event["recurrence"]):
        raise invalid("Invalid recurrence rule.")
    try:
        _rules(event, zone)
    except (ValueError, TypeError, AttributeError):
        raise invalid("Invalid recurrence rule.") from None


def instances(event: Json, zone: ZoneInfo, low: datetime | None, high: datetime | None) -> Iterator[Json]:
    """The instances that end after `low` and start before `high`, in order."""
    first = times.local(event["start"], zone)
    length = times.moment(event["end"], zone) - times.moment(event["start"], zone)
    begin = (low - length) if low is not None else first
    end = high if high is not None else max(begin, first) + HORIZON
    for start in _between(event, zone, begin, end):
        ends = start.astimezone(UTC) + length
        if (low is None or ends > low) and (high is None or start < high):
            yield _instance(event, zone, start)


def instance(event: Json, zone: ZoneInfo, id_: str) -> Json | None:
    """The instance of that id, if the series has it."""
    parts = INSTANCE.fullmatch(id_)
    if parts is None or "recurrence" not in event:
        return None
    stamp = parts[2]
    if ("T" in stamp) != ("dateTime" in event["start"]):
        return None
    try:
        form = "%Y%m%dT%H%M%SZ" if "T" in stamp else "%Y%m%d"
        at = datetime.strptime(stamp, form).replace(tzinfo=UTC if "T" in stamp else zone)
    except ValueError:
        return None
    found = (_instance(event, zone, start) for start in _between(event, zone, at, at))
    return next((one for one in found if one["id"] == id_), None)


def _between(event: Json, zone: ZoneInfo, low: datetime, high: datetime) -> Iterator[datetime]:
    """Occurrences, on the clock of the event's zone: a weekly nine o'clock stays nine o'clock."""
    own = times.local(event["start"], zone).tzinfo
    rules = _rules(event, zone)
    # The rules run on wall time without a zone, a day wider than asked.
    wide = timedelta(days=1)
    bounds = [bound.astimezone(own).replace(tzinfo=None) for bound in (low, high)]
    for naive in rules.between(bounds[0] - wide, bounds[1] + wide, inc=True):
        start = naive.replace(tzinfo=own)
        if low <= start <= high:
            yield start


def _rules(event: Json, zone: ZoneInfo) -> rruleset:
    """The whole set: the rules, the first start itself, extra dates, and those taken out."""
    first = times.local(event["start"], zone)
    naive = first.replace(tzinfo=None)
    rules = rruleset()
    rules.rdate(naive)
    for line in event["recurrence"]:
        kind, parameters, value = LINE.fullmatch(line).groups()  # type: ignore[union-attr]
        if kind == "RRULE":
            rules.rrule(rrulestr(f"RRULE:{_until(value, first)}", dtstart=naive))  # type: ignore[arg-type]
            continue
        add = rules.exdate if kind == "EXDATE" else rules.rdate
        for text in value.split(","):
            add(_date(text, parameters, first))
    return rules


def _until(rule: str, first: datetime) -> str:
    """UNTIL on the same wall clock as the start."""
    found = re.search(r"UNTIL=(\d{8})(T\d{6})?(Z)?", rule)
    if found is None:
        return rule
    if found[2] is None:
        wall = f"{found[1]}T235959"
    elif found[3] is None:
        wall = found[1] + found[2]
    else:
        moment = datetime.strptime(found[1] + found[2], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        wall = moment.astimezone(first.tzinfo).strftime("%Y%m%dT%H%M%S")
    return rule.replace(found[0], f"UNTIL={wall}")


def _date(text: str, parameters: str, first: datetime) -> datetime:
    """One date of EXDATE or RDATE on the wall clock of the start."""
    if "T" not in text:
        return datetime.strptime(text, "%Y%m%d").replace(hour=first.hour, minute=first.minute)  # noqa: DTZ007
    naive = datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007
    named = re.search(r"TZID=([^;]+)", parameters)
    own: Any = UTC if text.endswith("Z") else (times.zone(named[1]) if named else first.tzinfo)
    return naive.replace(tzinfo=own).astimezone(first.tzinfo).replace(tzinfo=None)


def _instance(event: Json, zone: ZoneInfo, start: datetime) -> Json:
    length = times.moment(event["end"], zone) - times.moment(event["start"], zone)
    timed = "dateTime" in event["start"]
    stamp = start.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ") if timed else start.strftime("%Y%m%d")
    begin = times.shifted(event["start"], zone, start, timedelta())
    return {
        **{name: value for name, value in event.items() if name != "recurrence"},
        "id": f"{event['id']}_{stamp}",
        "recurringEventId": event["id"],
        "originalStartTime": begin,
        "start": begin,
        "end": times.shifted(event["end"], zone, start, length),
    }
