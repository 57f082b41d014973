"""Google's answers as types, reduced to what a tool needs. Field names: Google's discovery documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from providers.model import Model, Text


class CalendarEntry(Model):
    """A calendar as it stands in a person's list. `summary_override` is the name they gave it."""

    id: Text = ""
    summary: Text = ""
    summary_override: Annotated[Text, Field(validation_alias="summaryOverride")] = ""
    description: Text = ""
    time_zone: Annotated[Text, Field(validation_alias="timeZone")] = ""
    access_role: Annotated[Text, Field(validation_alias="accessRole")] = ""
    primary: bool = False
    selected: bool = False

    @property
    def name(self) -> str:
        """What its person calls it."""
        return self.summary_override or self.summary

    @property
    def writable(self) -> bool:
        """Whether its person may add events."""
        return self.access_role in {"owner", "writer"}


class CalendarPage(Model):
    """A part of the list of calendars."""

    items: tuple[CalendarEntry, ...] = ()
    next_page_token: Annotated[str | None, Field(validation_alias="nextPageToken")] = None


class Moment(Model):
    """When something begins or ends: a day, or a time with its offset. The end of a day-long event is the
    day after its last.
    """

    date: Text = ""
    date_time: Annotated[Text, Field(validation_alias="dateTime")] = ""
    time_zone: Annotated[Text, Field(validation_alias="timeZone")] = ""


class Attendee(Model):
    """Somebody invited; `own` is the account whose calendar this is."""

    email: Text = ""
    display_name: Annotated[Text, Field(validation_alias="displayName")] = ""
    response_status: Annotated[Text, Field(validation_alias="responseStatus")] = ""
    own: Annotated[bool, Field(validation_alias="self")] = False
    organizer: bool = False
    resource: bool = False
    optional: bool = False
    comment: Text = ""
    additional_guests: Annotated[int, Field(validation_alias="additionalGuests")] = 0


class Request(Model):
    """A video call that was asked for: `pending`, `success` or `failure`."""

    class Status(Model):
        """The word for it."""

        code: Annotated[Text, Field(validation_alias="statusCode")] = ""

    status: Status = Status()


class Conference(Model):
    """The video call of an event, as far as it matters: what became of asking for one."""

    request: Annotated[Request | None, Field(validation_alias="createRequest")] = None


class Attachment(Model):
    """A file at an event."""

    title: Text = ""
    file_url: Annotated[Text, Field(validation_alias="fileUrl")] = ""


class Event(Model):
    """An event, or one instance of a recurring one. `original_start`: when that would begin by its series."""

    id: Text = ""
    etag: Text = ""
    status: Text = ""
    html_link: Annotated[Text, Field(validation_alias="htmlLink")] = ""
    summary: Text = ""
    description: Text = ""
    location: Text = ""
    start: Moment = Moment()
    end: Moment = Moment()
    organizer: Attendee | None = None
    attendees: tuple[Attendee, ...] = ()
    recurrence: tuple[Text, ...] = ()
    recurring_event_id: Annotated[str | None, Field(validation_alias="recurringEventId")] = None
    hangout_link: Annotated[str | None, Field(validation_alias="hangoutLink")] = None
    event_type: Annotated[Text, Field(validation_alias="eventType")] = ""
    attendees_omitted: Annotated[bool, Field(validation_alias="attendeesOmitted")] = False
    original_start: Annotated[Moment | None, Field(validation_alias="originalStartTime")] = None
    conference: Annotated[Conference | None, Field(validation_alias="conferenceData")] = None
    transparency: Text = ""
    visibility: Text = ""
    attachments: tuple[Attachment, ...] = ()
    guests_can_modify: Annotated[bool, Field(validation_alias="guestsCanModify")] = False

    @property
    def pending(self) -> bool:
        """Whether its video call is still being made."""
        asked = self.conference.request if self.conference else None
        return asked is not None and asked.status.code == "pending"

    @property
    def hosted(self) -> bool:
        """Whether this calendar is its organizer's, so that a change is everybody's."""
        return self.organizer is None or self.organizer.own


class EventPage(Model):
    """A part of a calendar's events; `time_zone` is the one of the answer's times."""

    time_zone: Annotated[Text, Field(validation_alias="timeZone")] = ""
    items: tuple[Event, ...] = ()
    next_page_token: Annotated[str | None, Field(validation_alias="nextPageToken")] = None


class Span(Model):
    """A while in which a calendar is busy, RFC 3339."""

    start: Text = ""
    end: Text = ""


class Fault(Model):
    """Why a calendar's busy times can't be told, in a machine word."""

    reason: Text = ""


class Busy(Model):
    """When one calendar is busy, in order; or why that can't be told."""

    busy: tuple[Span, ...] = ()
    errors: tuple[Fault, ...] = ()


class Group(Model):
    """The calendars that a group's address stands for."""

    calendars: tuple[Text, ...] = ()
    errors: tuple[Fault, ...] = ()


class FreeBusy(Model):
    """Busy times by calendar id; groups that were asked for stand apart."""

    calendars: Annotated[dict[str, Busy], Field(default_factory=dict)]
    groups: Annotated[dict[str, Group], Field(default_factory=dict)]
