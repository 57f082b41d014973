"""What is left of a time when busy spans are taken out, and only working hours count. All in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from mcp_server.tools.google.calendar.hours import Hours, Span


def slots(
    low: datetime, high: datetime, busy: Iterable[Span], hours: Sequence[Hours], least: timedelta
) -> list[Span]:
    """The free spans of at least that length, in order.

    Lines of hours in one zone add up; where several zones are named, a slot lies within those of each.
    """
    free: list[Span] = [(low, high)]
    by_zone: dict[ZoneInfo, list[Hours]] = {}
    for each in hours:
        by_zone.setdefault(each.zone, []).append(each)
    for lines in by_zone.values():
        free = _common(free, joined(span for line in lines for span in line.between(low, high)))
    free = _without(free, joined(busy))
    return [(start, end) for start, end in free if end - start >= least]


def joined(spans: Iterable[Span]) -> list[Span]:
    """In order, with those that touch made one."""
    rows: list[Span] = []
    for start, end in sorted(spans):
        if rows and start <= rows[-1][1]:
            rows[-1] = (rows[-1][0], max(rows[-1][1], end))
        elif start < end:
            rows.append((start, end))
    return rows


def _common(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """What is in both; each is in order and apart."""
    rows: list[Span] = []
    one = two = 0
    while one < len(first) and two < len(second):
        start = max(first[one][0], second[two][0])
        end = min(first[one][1], second[two][1])
        if start < end:
            rows.append((start, end))
        if first[one][1] < second[two][1]:
            one += 1
        else:
            two += 1
    return rows


def _without(free: Sequence[Span], busy: Sequence[Span]) -> list[Span]:
    """What of `free` no busy span touches."""
    rows: list[Span] = []
    for start, end in free:
        at = start
        for begins, ends in busy:
            if ends <= at or begins >= end:
                continue
            if begins > at:
                rows.append((at, begins))
            at = max(at, ends)
        if at < end:
            rows.append((at, end))
    return rows
