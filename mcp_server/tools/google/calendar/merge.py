"""Several calendars as one list, page by page: what comes next, and where each calendar was left.

A cursor is where every calendar that has more was left: its page token, and how many of that page were shown,
with the page size that they were read by. It names nothing that the caller could not ask for, so it is not
signed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from mcp_server.errors import Refusal

LONGEST_CURSOR = 8000
_MOST = 10
_LARGEST_PAGE = 50

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a calendar was left: the page (None is the first), and how many of it were shown."""

    calendar_id: str
    page: str | None = None
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Part(Generic[Item]):
    """A page of one calendar, in order, from where it was left; `after` is the next page's token."""

    place: Place
    items: tuple[Item, ...]
    after: str | None


def merged(
    parts: Iterable[Part[Item]],
    key: Callable[[Item], tuple[datetime, str]],
    room: Callable[[Item], bool],
) -> tuple[list[tuple[Item, str]], list[Place]]:
    """The next items of all calendars in order, each with its calendar's id, and where that leaves them.

    `room` says whether one more item has a place in the answer. It ends early where a calendar's next page
    must be read first to know what comes next.
    """
    waiting = [(part, list(part.items[part.place.shown :])) for part in parts]
    taken: list[tuple[Item, str]] = []
    used = dict.fromkeys((id(part) for part, _ in waiting), 0)
    while True:
        if any(not items and part.after for part, items in waiting):
            break
        heads = [(key(items[0]), number) for number, (_, items) in enumerate(waiting) if items]
        if not heads:
            break
        part, items = waiting[min(heads)[1]]
        if not room(items[0]):
            break
        taken.append((items.pop(0), part.place.calendar_id))
        used[id(part)] += 1
    return taken, [
        left for part, items in waiting if (left := _left(part, used[id(part)], bool(items))) is not None
    ]


def _left(part: Part[Item], used: int, more: bool) -> Place | None:
    place = part.place
    if more:
        return Place(place.calendar_id, place.page, place.shown + used)
    return Place(place.calendar_id, part.after) if part.after else None


def cursor(size: int, places: Iterable[Place]) -> str | None:
    """Page size and places as an opaque word, or None where nothing is left."""
    rows = [[place.calendar_id, place.page, place.shown] for place in places]
    if not rows:
        return None
    text = json.dumps([size, rows], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def resumed(word: str) -> tuple[int, list[Place]]:
    """What `cursor` was given. Raises Refusal."""
    try:
        padded = word + "=" * (-len(word) % 4)
        size, rows = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        found = [_place(*row) for row in rows]
        different = len({place.calendar_id for place in found})
        good = _whole(size, 1) and 1 <= different == len(found) <= _MOST
    except (binascii.Error, ValueError, TypeError, RecursionError):
        good = False
    if not good:
        raise Refusal("invalid_argument", "`cursor` must be the `next_cursor` of an earlier answer.")
    return size, found


def _place(calendar_id: object, page: object, shown: object) -> Place:
    """Raises TypeError for what is no place."""
    if not isinstance(calendar_id, str) or not (page is None or isinstance(page, str)):
        raise TypeError
    if not isinstance(shown, int) or not _whole(shown, 0):
        raise TypeError
    return Place(calendar_id, page, shown)


def _whole(number: object, least: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= _LARGEST_PAGE
