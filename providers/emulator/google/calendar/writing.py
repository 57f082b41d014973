"""events.insert, events.patch, events.delete: one event at a time, and who would get mail about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.calendar import drafts, model
from providers.emulator.google.calendar.model import Calendar
from providers.emulator.google.calendar.sharing import OWN, allowed
from providers.emulator.google.errors import ApiError
from providers.emulator.google.people import Person

if TYPE_CHECKING:
    from providers.emulator.google.calendar.api import CalendarApi

Json = dict[str, Any]
UPDATES = ("all", "externalOnly", "none")


class Writing:
    """The handlers; the state is the API's."""

    def __init__(self, api: CalendarApi) -> None:
        self._api = api

    async def insert(self, request: Request, person: Person) -> Response:
        """A new event. An id used before is a duplicate, whatever became of its event."""
        calendar, _ = self._open(request, person)
        body = await query.body(request)
        id_ = drafts.own_id(body) or model.new_id()
        before = self._begun(id_, calendar, person)
        event = drafts.merged(before, body, calendar.tz, person, meet=_meet(request))
        if id_ in calendar.events:
            raise ApiError(409, "The requested identifier already exists.", "duplicate")
        self._api.state.put(calendar, event)
        self._api.sharing.spread(event)
        self._write_mail(request, person, "invitation", event)
        return self._answer(request, person, calendar, event)

    async def patch(self, request: Request, person: Person) -> Response:
        """Change an event; changing an instance makes it an exception of its series."""
        calendar, _ = self._open(request, person)
        before = self._present(request, calendar)
        body = await query.body(request)
        event = drafts.merged(before, body, calendar.tz, person, meet=_meet(request))
        if not self._api.sharing.is_home(calendar, before):
            return self._as_guest(request, person, calendar, before, event)
        if event["status"] == "cancelled":
            self._cancel(calendar, event)
        else:
            moved = any(event[name] != before[name] for name in ("start", "end"))
            event["sequence"] = before["sequence"] + (1 if moved else 0)
            self._api.state.put(calendar, event)
            self._api.sharing.spread(event, before)
        self._write_mail(request, person, "update", event)
        invited = {guest["email"] for guest in event.get("attendees", [])}
        gone = [guest for guest in before.get("attendees", []) if guest["email"] not in invited]
        self._write_mail(request, person, "cancellation", {**event, "attendees": gone})
        return self._answer(request, person, calendar, event)

    async def delete(self, request: Request, person: Person) -> Response:
        """Cancel an event, a whole series, or one instance; a second time it is gone (410). A guest takes
        their copy away by it, and declines.
        """
        calendar, _ = self._open(request, person)
        event = self._present(request, calendar)
        self._cancel(calendar, event)
        if self._api.sharing.is_home(calendar, event):
            self._write_mail(request, person, "cancellation", event)
            return Response(status_code=204)
        guests = [
            {**guest, "responseStatus": "declined"} if guest["email"] == calendar.id else guest
            for guest in event.get("attendees", [])
        ]
        self._api.sharing.answered(calendar, event, guests)
        self._write_mail(request, person, "reply", self._to_host(event))
        return Response(status_code=204)

    def _as_guest(
        self, request: Request, person: Person, calendar: Calendar, before: Json, event: Json
    ) -> Response:
        """A guest changes their copy: what is shared stays the organizer's, but for their answer."""
        if any(event.get(name) != before.get(name) for name in drafts.SWITCHES):
            sentence = "Shared properties can only be changed by the organizer of the event."
            raise ApiError(403, sentence, "forbiddenForNonOrganizer", domain="calendar")
        guests = allowed(before, event, calendar.id)
        event = {**event, "attendees": guests} if guests else event
        self._api.state.put(calendar, event)
        home = self._api.sharing.home(before)
        if home is not None and before.get("guestsCanModify"):
            theirs = home.find(event["id"]) or event
            own = {name: theirs[name] for name in OWN if name in theirs}
            self._api.sharing.spread(self._api.state.put(home, {**event, **own}))
        elif guests != before.get("attendees", []):
            self._api.sharing.answered(calendar, event, guests)
        self._write_mail(request, person, "reply", self._to_host(event))
        return self._answer(request, person, calendar, event)

    def _to_host(self, event: Json) -> Json:
        """What a reply is about, with its organizer as the only one to hear of it."""
        return {**event, "attendees": [event["organizer"]]}

    def _open(self, request: Request, person: Person) -> tuple[Calendar, model.Entry]:
        query.choice(request, "sendUpdates", UPDATES)
        query.flag(request, "sendNotifications")
        query.whole(request, "conferenceDataVersion", 0, 1, 0)
        return self._api.state.open(person, request.path_params["calendar"], write=True)

    def _present(self, request: Request, calendar: Calendar) -> Json:
        """The event to change. Raises ApiError: 404, 410 where it is deleted, 412 where it moved on."""
        event = calendar.find(request.path_params["event"])
        if event is None:
            raise ApiError(404, "Not Found", "notFound")
        if event["status"] == "cancelled":
            raise ApiError(410, "Resource has been deleted", "deleted")
        expected = request.headers.get("if-match")
        if expected not in {None, "*", event["etag"]}:
            raise ApiError(412, "Precondition Failed", "conditionNotMet")
        return event

    def _cancel(self, calendar: Calendar, event: Json) -> None:
        for one in [event, *calendar.exceptions(event["id"])]:
            gone = self._api.state.put(calendar, {**one, "status": "cancelled"})
            if self._api.sharing.is_home(calendar, event):
                self._api.sharing.spread(gone)

    def _begun(self, id_: str, calendar: Calendar, person: Person) -> Json:
        organizer = {"email": calendar.id}
        if calendar.id != person.email:
            organizer["displayName"] = calendar.summary
        return {
            "id": id_,
            "status": "confirmed",
            "created": model.stamp(self._api.google.clock.now()),
            "creator": {"email": person.email},
            "organizer": organizer,
            "iCalUID": f"{id_}@google.com",
            "sequence": 0,
            "reminders": {"useDefault": True},
            "eventType": "default",
        }

    def _answer(self, request: Request, person: Person, calendar: Calendar, event: Json) -> Response:
        most = query.whole(request, "maxAttendees", 1000, 1000)
        row = model.shown(event, calendar, person, calendar.tz, most)
        answer = JSONResponse(query.selected(request, row), headers={"etag": row["etag"]})
        if (made := drafts.ready(event)) is not None:  # whoever looks next sees the call
            self._api.sharing.spread(self._api.state.put(calendar, made))
        return answer

    def _write_mail(self, request: Request, person: Person, what: str, event: Json) -> None:
        """Write down whom Google would have written to; without `sendUpdates` nobody (events.insert)."""
        whom = request.query_params.get("sendUpdates")
        if whom is None and query.flag(request, "sendNotifications"):
            whom = "all"
        guests = [guest["email"] for guest in event.get("attendees", []) if guest["email"] != person.email]
        if whom == "externalOnly":
            known = {somebody.email for somebody in self._api.google.people.values()}
            guests = [email for email in guests if email not in known]
        if whom in {"all", "externalOnly"} and guests:
            self._api.state.mail.append(
                {"account": person.key, "what": what, "event": event["id"], "to": guests}
            )


def _meet(request: Request) -> bool:
    return request.query_params.get("conferenceDataVersion") == "1"
