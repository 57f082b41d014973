"""Google Calendar at the emulator, with Google's discovery document judging both directions of every call."""

from __future__ import annotations

import json
from typing import Any

import httpx2

from tests.providers import discovery
from tests.support.emulator import EmulatorProcess

PREFIX = "https://www.googleapis.com/auth/"
SCOPES = ("openid", "email", f"{PREFIX}calendar.events", f"{PREFIX}calendar.calendarlist.readonly")
BASE = "/calendar/v3"
EVENTS = "/calendars/primary/events"
TEA: dict[str, Any] = {
    "summary": "Tea with Nuno",
    "start": {"dateTime": "2027-03-10T16:00:00Z"},
    "end": {"dateTime": "2027-03-10T17:00:00Z"},
}
WEEKLY: dict[str, Any] = {
    "summary": "Drawing class",
    "start": {"dateTime": "2027-03-15T09:00:00", "timeZone": "Europe/Lisbon"},
    "end": {"dateTime": "2027-03-15T10:30:00", "timeZone": "Europe/Lisbon"},
    "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"],
}


class CalendarWire:
    """Calls the emulator as Google Calendar, and lets the document judge."""

    def __init__(
        self, emulator: EmulatorProcess, account: str = "ana", scopes: tuple[str, ...] = SCOPES
    ) -> None:
        self.emulator = emulator
        self.contract = discovery.google("calendar.v3")
        tokens = emulator.sign_in(*scopes, account=account, upstream="google")
        self.scopes = tokens["scope"].split()
        self.token = tokens["access_token"]

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        judged: bool = True,
        headers: dict[str, str] | None = None,
        token: str | None = "",
    ) -> httpx2.Response:
        """`judged` False where the request is wrong on purpose: only the answer is validated then."""
        token = self.token if token == "" else token
        sent = {**({} if token is None else {"authorization": f"Bearer {token}"}), **(headers or {})}
        url = self.emulator.url(f"https://www.googleapis.com{BASE}{path}")
        answer = self.emulator.http.request(method, url, json=body, params=query, headers=sent)
        asked = answer.request
        if judged:
            real = str(asked.url).replace(f"{self.emulator.origin}/", "https://")
            self.contract.assert_request_valid(method, real, asked.headers, asked.content, self.scopes)
        place = asked.url.raw_path.decode().partition("?")[0].removeprefix("/www.googleapis.com")
        self.contract.assert_answer_valid(method, place, answer.status_code, answer.headers, answer.content)
        return answer

    def json(self, path: str, **query: Any) -> Any:
        """A reading that succeeds."""
        answer = self("GET", path, query=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def events(self, calendar: str = "primary", **query: Any) -> list[dict[str, Any]]:
        """The events of one page."""
        return list(self.json(f"/calendars/{calendar}/events", **query)["items"])

    def insert(self, body: Any, calendar: str = "primary", **query: Any) -> dict[str, Any]:
        """A new event."""
        answer = self("POST", f"/calendars/{calendar}/events", body, query=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refused(self, method: str, path: str, body: Any = None, **how: Any) -> tuple[int, str, str]:
        """Status, reason and message of a refusal."""
        answer = self(method, path, body, judged=False, **how)
        error = json.loads(answer.content)["error"]
        assert error["code"] == answer.status_code
        return answer.status_code, error["errors"][0]["reason"], error["message"]


def between(low: str, high: str, **more: str) -> dict[str, str]:
    return {"timeMin": low, "timeMax": high, "singleEvents": "true", "orderBy": "startTime", **more}


def titles(events: list[dict[str, Any]]) -> list[str]:
    return [event["summary"] for event in events]
