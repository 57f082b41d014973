"""What is said of a mail: whom it names, when it came, where it is found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from html import unescape
from typing import Annotated

from pydantic import BaseModel, Field

from mcp_server.tools.google.paging import LONGEST, cursor, foreign, resumed
from mcp_server.tools.google.when import zone
from mcp_server.tools.text import clip
from providers.google.gmail import Message, Part
from providers.google.gmail.parts import addresses, utf8, words

Id = Annotated[str, Field(max_length=200)]
ThreadId = Annotated[str, Field(max_length=200, description="Conversation.")]
Limit = Annotated[int, Field(ge=1, le=25)]
Cursor = Annotated[str | None, Field(max_length=LONGEST, description="`next_cursor`.")]
DateZone = Annotated[str | None, Field(max_length=60, description="For dates; else UTC.")]

_SIZE = re.compile(r"([1-9][0-9]?)\.(.*)", re.S)


class Person(BaseModel):
    """Somebody, as the mail names them: anybody can write any name."""

    name: str | None = None
    address: str | None = None


def people(header: str, most: int) -> list[Person]:
    """The first `most` whom a header names."""
    return [
        Person(name=clip(each.name, 80) or None, address=clip(each.address, 254) or None)
        for each in addresses(header)[:most]
    ]


def sender(head: Part) -> Person:
    """Whom a mail says it is from."""
    return next(iter(people(head.header("From"), 1)), Person())


def called(person: Person) -> str:
    """The shortest that tells who."""
    return clip(person.name or person.address or "somebody unnamed", 60)


def listed_addresses(header: str) -> list[str]:
    """The addresses in a header, and the names that have none."""
    return [clip(each.address or each.name, 254) for each in addresses(header)]


def subject(head: Part) -> str:
    """The subject, in one line."""
    return clip(words(utf8(head.header("Subject"))), 200)


def snippet(text: str) -> str:
    """The beginning of a mail as Gmail gives it, which is HTML without tags."""
    return clip(unescape(text[:2000]), 200)


def chosen_zone(name: str | None) -> tzinfo:
    """The zone of that IANA name, or UTC. Raises Refusal."""
    return zone(name) if name else UTC


def date(message: Message, local: tzinfo) -> str | None:
    """When Gmail took it, RFC 3339 in that zone; the `Date` that its sender wrote may be anything."""
    try:
        return datetime.fromtimestamp(int(message.internal_date) // 1000, local).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def link(thread_id: str) -> str:
    """Its page in Gmail, for whoever is signed in there."""
    return f"https://mail.google.com/mail/#all/{clip(thread_id, 200)}"


def labels_of(messages: Iterable[Message]) -> list[str]:
    """The ids of the labels on any of them, in the order of their first coming."""
    return list(dict.fromkeys(label for message in messages for label in message.label_ids))


def rest(cursor: str | None) -> list[str]:
    """The line that says that there is more."""
    return [f"More with cursor {cursor}."] if cursor else []


def place(word: str | None, limit: int) -> tuple[int, str | None, int]:
    """A cursor as the size of its page, Gmail's token of it, and how many of it were shown. Raises Refusal.

    A page is read again as large as it was, whatever the limit is now: or its rows would be others.
    """
    page, shown = resumed(word)
    found = _SIZE.fullmatch(page) if page else None
    if word and (found is None or int(found[1]) > 25):
        raise foreign()
    return (int(found[1]), found[2] or None, shown) if found else (limit, None, 0)


def onward(size: int, token: str | None, shown: int, rows: Sequence[object], after: str | None) -> str | None:
    """Where a list goes on after `shown` of the rows of that page."""
    if shown < len(rows):
        return cursor(f"{size}.{token or ''}", shown)
    return cursor(f"{size}.{after}") if after else None
