"""Who is busy when: the person's calendars in one or several accounts, and other people who show it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import BaseModel

from mcp_server.tools.google.calendar.hours import Span
from mcp_server.tools.text import clip
from providers.base import GrantRejected, ScopeMissing, Unavailable
from providers.google import GOOGLE, Calendar, CalendarEntry, FreeBusy
from vault.errors import ConnectionExpired

_MOST_OWN = 10

WHY = {
    "notFound": "not shown to this account",
    "groupTooBig": "a group with too many members",
    "tooManyCalendarsRequested": "too many calendars at once",
}


class Missed(BaseModel):
    """Who could not be seen."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked: from when to when (RFC 3339), and of whom else: people, groups, calendars."""

    low: str
    high: str
    people: tuple[str, ...]


@dataclass(slots=True)
class Seen:
    """What came of it."""

    busy: list[Span] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Account:
    """One account's answer; `own` are its calendars by id, with their names."""

    own: dict[str, str]
    answer: FreeBusy


async def looked(
    calendar: Calendar,
    known: Sequence[CalendarEntry],
    others: Callable[[str], Awaitable[Calendar]],
    labels: Sequence[str],
    wanted: Wanted,
) -> Seen:
    """Everybody's busy times.

    `labels` are further accounts of the person: each shows its own calendars, and may see people whom the
    first does not. One that must be connected again is missed, and said so.

    Raises Refusal, ProviderError.
    """
    seen = Seen()
    own = _counted(seen, _own(known))
    accounts = [await _ask(calendar, {entry.id: entry.name or entry.id for entry in own}, wanted)]
    for label in labels:
        try:
            accounts.append(await _other(seen, label, await others(label), wanted))
        except (ConnectionExpired, GrantRejected, ScopeMissing) as error:
            seen.missed.append(_lost(label, error))
    for account in accounts:
        _take(seen, account)
    for person in wanted.people:
        _person(seen, person, [account.answer for account in accounts])
    return seen


def _own(known: Sequence[CalendarEntry]) -> list[CalendarEntry]:
    """The calendars in which a person's own time stands: theirs, not those they only follow."""
    mine = [entry for entry in known if entry.primary or (entry.selected and entry.access_role == "owner")]
    return mine or [CalendarEntry(id="primary", summary="primary", primary=True)]


def _counted(seen: Seen, mine: list[CalendarEntry], label: str = "") -> list[CalendarEntry]:
    """As many calendars as one question may have; that there are more is said."""
    more = len(mine) - _MOST_OWN
    if more > 0:
        count = f"{more} more calendar{'' if more == 1 else 's'}"
        who = f"{count} ({clip(label, 60)})" if label else count
        seen.missed.append(Missed(who=who, why=WHY["tooManyCalendarsRequested"]))
    return mine[:_MOST_OWN]


async def _ask(calendar: Calendar, own: dict[str, str], wanted: Wanted) -> _Account:
    ids = [*own, *(person for person in wanted.people if person not in own)]
    return _Account(own, await calendar.free_busy(ids, wanted.low, wanted.high))


async def _other(seen: Seen, label: str, calendar: Calendar, wanted: Wanted) -> _Account:
    mine = _counted(seen, _own(await calendar.calendars()), label)
    return await _ask(calendar, {entry.id: f"{entry.name or entry.id} ({label})" for entry in mine}, wanted)


def _lost(label: str, error: Exception) -> Missed:
    why = "has not allowed this yet" if isinstance(error, ScopeMissing) else "must be connected again"
    return Missed(who=clip(label, 60), why=f"that account {why}; the same call with `account` gives the link")


def _take(seen: Seen, account: _Account) -> None:
    for id_, name in account.own.items():
        found = account.answer.calendars.get(id_)
        if found is None or found.errors:
            seen.missed.append(Missed(who=clip(name, 80), why=_why(found.errors[0].reason if found else "")))
        else:
            seen.names.append(clip(name, 80))
            seen.busy += _spans((span.start, span.end) for span in found.busy)


def _person(seen: Seen, person: str, answers: Sequence[FreeBusy]) -> None:
    """A person counts as soon as one account sees them; a group, with every member."""
    reasons: list[str] = []
    for answer in answers:
        group = answer.groups.get(person)
        members = [person] if group is None else list(group.calendars)
        found = [answer.calendars.get(member) for member in members]
        faults = [fault.reason for fault in group.errors] if group else []
        faults += [fault.reason for each in found for fault in (each.errors if each else ())]
        if found and all(found) and not faults:
            seen.names.append(clip(person, 80))
            seen.busy += _spans((span.start, span.end) for each in found if each for span in each.busy)
            return
        reasons += faults
    seen.missed.append(Missed(who=clip(person, 80), why=_why(reasons[0] if reasons else "")))


def _why(reason: str) -> str:
    return WHY.get(reason, "Google could not tell")


def _spans(rows: Iterable[tuple[str, str]]) -> list[Span]:
    """Raises Unavailable for what is no time: to leave it out would call a busy person free."""
    try:
        return [tuple(datetime.fromisoformat(text).astimezone(UTC) for text in row) for row in rows]  # type: ignore[misc]
    except (ValueError, OverflowError):
        raise Unavailable(GOOGLE.name, "free_busy", "unreadable time") from None
