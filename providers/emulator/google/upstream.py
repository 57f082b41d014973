"""Google's state as one thing: people, calendars, signing keys, ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from providers.emulator.google.accounts import AUTHORIZE, REVOKE, RULES, TOKEN, Accounts
from providers.emulator.google.calendar.agenda import agenda
from providers.emulator.google.calendar.api import CalendarApi
from providers.emulator.google.calendar.data import furnish
from providers.emulator.google.calendar.model import Calendars
from providers.emulator.google.errors import ApiError, answer, classic
from providers.emulator.google.identity import Keys
from providers.emulator.google.people import Person, people
from providers.emulator.google.scopes import SCOPES
from providers.emulator.oauth import CodeFlow
from providers.emulator.upstream import ErrorHandler, Json, Reads, Upstream, Writes

IDS = re.compile(r"/(calendars|events|calendarList|acl|settings)/(?!(?:import|quickAdd|watch)$)[^/]+")


class Google(Upstream):
    """The living half of the double."""

    name = "google"
    title = "Google"
    hosts = frozenset(
        {
            "accounts.google.com",
            "myaccount.google.com",
            "oauth2.googleapis.com",
            "openidconnect.googleapis.com",
            "www.googleapis.com",
        }
    )
    authorize = AUTHORIZE
    token = TOKEN
    revocation = REVOKE
    scopes = SCOPES
    rules = RULES
    people: dict[str, Person]

    def settle(self, now: float) -> None:
        """Everybody with their calendars as at the beginning, and a signing key of a new kind."""
        self.people = people()
        self.keys = Keys()
        self.calendars = Calendars(self.clock)
        furnish(self.calendars, self.people, now)

    def make_flow(self) -> CodeFlow:
        """Google's parameters, pages and identities."""
        return Accounts(self)

    def routes(self) -> Sequence[Route]:
        """Accounts and Calendar."""
        return [*self.flow.routes(), *CalendarApi(self).routes()]

    def errors(self) -> Mapping[type[Exception], ErrorHandler]:
        """Refusals in Google's classic shape."""
        return {ApiError: answer}

    def error(self, status: int, message: str, reason: str | None = None) -> Json:
        """The classic body."""
        return classic(status, message, reason)

    def unrouted(self, request: Request, error: HTTPException) -> Response:
        """404 and 405 of the APIs; the pages' hosts say it in plain text."""
        if not request.scope["path"].startswith("/www.googleapis.com/"):
            return PlainTextResponse(error.detail, error.status_code, error.headers)
        return JSONResponse(classic(error.status_code, error.detail), error.status_code, error.headers)

    def template(self, path: str) -> str:
        """Ids of calendars and events."""
        return IDS.sub(r"/\1/{id}", path)

    def reads(self) -> Reads:
        """`calendar/mail`: who was written to, and about what; `calendar/agenda`: what somebody has on."""
        return {
            "calendar/mail": lambda query: self.calendars.mail,
            "calendar/agenda": lambda query: agenda(self.calendars, self.people, query),
        }

    def writes(self) -> Writes:
        """`google/keys/rotate`: another key signs identities from now on."""
        return {"google/keys/rotate": lambda body: {"kid": self.keys.rotate()}}

    def accounts(self) -> list[Json]:
        """Everybody, with the ids the APIs give them."""
        return [
            {
                "account": person.key,
                "sub": person.sub,
                "name": person.name,
                "email": person.email,
                "email_verified": person.verified,
                "hd": person.domain,
                "zone": person.zone,
                "note": person.note,
                "calendars": self.calendars.names(person.key),
            }
            for person in self.people.values()
        ]

    # What was granted before

    def held(self, account: str, client_id: str) -> list[str]:
        """Every scope that account still grants to that app."""
        return [scope for grant in self.ledger.living(account, client_id) for scope in grant.scopes]

    def keeps(self, account: str, client_id: str) -> bool:
        """Whether that app still has a refresh token of that account."""
        living = {grant.id for grant in self.ledger.living(account, client_id)}
        return any(t.kind == "refresh" and t.grant in living for t in self.ledger.tokens.values())

    # Persistence

    def dump(self) -> Json:
        """Ledger and calendars; the signing key is a new one after every start."""
        return {**super().dump(), "calendars": self.calendars.dump()}

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        super().load(data)
        self.calendars.load(data["calendars"])
