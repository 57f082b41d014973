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


class Event(Model):
    """An event, or one instance of a recurring one."""

    id: Text = ""
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


class EventPage(Model):
    """A part of a calendar's events; `time_zone` is the one of the answer's times."""

    time_zone: Annotated[Text, Field(validation_alias="timeZone")] = ""
    items: tuple[Event, ...] = ()
    next_page_token: Annotated[str | None, Field(validation_alias="nextPageToken")] = None
