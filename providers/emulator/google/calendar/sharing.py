"""Everybody's own copy of an event with guests: what the organizer changes shows there, and what a guest
answers shows at the organizer's.

developers.google.com/workspace/calendar/api/concepts/events-calendars, "Attendees": everybody invited has a
copy under the same id; they may change what is theirs, and their answer is everybody's to see.
"""

from __future__ import annotations

from typing import Any

from providers.emulator.google.calendar.model import Calendar, Calendars

Json = dict[str, Any]
OWN = ("reminders", "colorId", "transparency", "visibility")
"""What each copy has of its own."""


class Sharing:
    """Keeps the copies of one event together. `state` has everybody's calendars."""

    def __init__(self, state: Calendars) -> None:
        self._state = state

    def home(self, event: Json) -> Calendar | None:
        """The calendar of its organizer, where that is one of this world's."""
        return self._state.calendars.get(event.get("organizer", {}).get("email", ""))

    def is_home(self, calendar: Calendar, event: Json) -> bool:
        """Whether that copy is its organizer's."""
        return bool(event.get("organizer", {}).get("email") == calendar.id)

    def spread(self, event: Json, before: Json | None = None) -> None:
        """The organizer wrote `event`, which was `before`: into the guests' calendars."""
        guests = {guest["email"] for guest in event.get("attendees", [])}
        for email in guests:
            copy = self._copy(email, event)
            if copy is not None:
                self._state.put(*copy)
        for guest in (before or {}).get("attendees", []):
            if guest["email"] not in guests:
                self._withdraw(guest["email"], event["id"])

    def answered(self, calendar: Calendar, event: Json, attendees: list[Json]) -> None:
        """A guest changed the list of guests as far as they may: everybody's copy has it from now on."""
        home = self.home(event)
        for place in {home.id if home else "", *(guest["email"] for guest in event.get("attendees", []))}:
            other = self._state.calendars.get(place)
            if other is None or other is calendar:
                continue
            theirs = other.find(event["id"])
            if theirs is not None and theirs["status"] != "cancelled":
                self._state.put(other, {**theirs, "attendees": [dict(guest) for guest in attendees]})
        if home is not None and home is not calendar:
            self.spread(home.find(event["id"]) or event)

    def _copy(self, email: str, event: Json) -> tuple[Calendar, Json] | None:
        calendar = self._state.calendars.get(email)
        if calendar is None or self.is_home(calendar, event):
            return None
        there = calendar.find(event["id"]) or {}
        if there.get("status") == "cancelled" and _answer(event, email) == "declined":
            return None  # they took it out of their calendar
        shared = {name: value for name, value in event.items() if name not in OWN}
        own = {name: there[name] for name in OWN if name in there}
        return calendar, {"reminders": {"useDefault": True}, **shared, **own}

    def _withdraw(self, email: str, id_: str) -> None:
        """Take an event out of the calendar of somebody who is no longer invited."""
        calendar = self._state.calendars.get(email)
        there = calendar.find(id_) if calendar else None
        if calendar is not None and there is not None and not self.is_home(calendar, there):
            self._state.put(calendar, {**there, "status": "cancelled"})


def _answer(event: Json, email: str) -> str:
    return next((str(g["responseStatus"]) for g in event.get("attendees", []) if g["email"] == email), "")


def allowed(before: Json, asked: Json, email: str) -> list[Json]:
    """The guests after a guest asked for a change: their own answer, and new ones where they may invite."""
    wanted = {guest["email"]: guest for guest in asked.get("attendees", [])}
    known = {guest["email"] for guest in before.get("attendees", [])}
    kept = [
        wanted[guest["email"]] if guest["email"] == email and email in wanted else guest
        for guest in before.get("attendees", [])
    ]
    may = before.get("guestsCanInviteOthers", True)
    return kept + [guest for address, guest in wanted.items() if may and address not in known]
