"""Google's state as one thing: people, APIs, quotas, signing keys, ledger. An API is one line in `APIS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from providers.emulator.clock import Clock
from providers.emulator.google.accounts import AUTHORIZE, REVOKE, RULES, TOKEN, Accounts
from providers.emulator.google.api import Api
from providers.emulator.google.calendar.api import CalendarApi
from providers.emulator.google.contacts.api import PeopleApi
from providers.emulator.google.docs.api import DocsApi
from providers.emulator.google.drive.api import DriveApi
from providers.emulator.google.errors import ApiError, both, classic, modern
from providers.emulator.google.gmail.api import GmailApi
from providers.emulator.google.identity import Keys
from providers.emulator.google.people import Person, people
from providers.emulator.google.quota import Quota
from providers.emulator.google.scopes import SCOPES
from providers.emulator.google.sheets.api import SheetsApi
from providers.emulator.google.tasks.api import TasksApi
from providers.emulator.google.youtube.api import YouTubeApi
from providers.emulator.oauth import CodeFlow
from providers.emulator.settings import Settings
from providers.emulator.upstream import ErrorHandler, Json, Reads, Upstream, Writes

APIS: tuple[type[Api], ...] = (
    CalendarApi, GmailApi, DriveApi, DocsApi, SheetsApi, TasksApi, PeopleApi, YouTubeApi,
)  # fmt: skip
PAGES = frozenset(
    {"accounts.google.com", "myaccount.google.com", "oauth2.googleapis.com", "openidconnect.googleapis.com"}
)


class Google(Upstream):
    """The living half of the double."""

    name = "google"
    title = "Google"
    hosts = PAGES.union(*(api.hosts for api in APIS))
    authorize = AUTHORIZE
    token = TOKEN
    revocation = REVOKE
    scopes = SCOPES
    rules = RULES
    people: dict[str, Person]

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self.apis = tuple(make(self) for make in APIS)
        self.keys = Keys()
        self.quota = Quota(clock, (bucket for api in self.apis for bucket in api.buckets))
        super().__init__(clock, settings)

    def settle(self, now: float) -> None:
        """Everybody with what is theirs, and the signing key, as at the beginning."""
        self.people = people()
        self.keys.begin()
        self.quota.clear()
        for api in self.apis:
            api.settle(now)

    def make_flow(self) -> CodeFlow:
        """Google's parameters, pages and identities."""
        return Accounts(self)

    def routes(self) -> Sequence[Route]:
        """Accounts and every API."""
        return [*self.flow.routes(), *(route for api in self.apis for route in api.routes())]

    def errors(self) -> Mapping[type[Exception], ErrorHandler]:
        """Refusals in the shape of the API that was asked."""
        return {ApiError: self._refused}

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        body = self._shaped(request.scope["path"], error.body)
        return JSONResponse(body, body["error"]["code"], error.headers)

    def _shaped(self, path: str, body: Json) -> Json:
        api = self._api(path)
        if api is None:
            return body
        return modern(body) if api.modern else both(body) if api.both else body

    def _api(self, path: str) -> Api | None:
        return next((api for api in self.apis if api.owns(path)), None)

    def error(self, status: int, message: str, reason: str | None = None) -> Json:
        """The classic body."""
        return classic(status, message, reason)

    def fault(self, path: str, status: int, reason: str | None) -> Json:
        """The body of an injected fault, in the shape of the API that was asked."""
        return self._shaped(path, super().fault(path, status, reason))

    def unrouted(self, request: Request, error: HTTPException) -> Response:
        """404 and 405 of the APIs; the pages' hosts say it in plain text."""
        path = request.scope["path"]
        if path.lstrip("/").partition("/")[0] in PAGES:
            return PlainTextResponse(error.detail, error.status_code, error.headers)
        body = self._shaped(path, classic(error.status_code, error.detail))
        return JSONResponse(body, error.status_code, error.headers)

    def template(self, path: str) -> str:
        """`path` without ids, as its API knows them."""
        api = self._api(path)
        return path if api is None else api.template(path)

    def reads(self) -> Reads:
        """What the APIs show, and `google/quota`: units used."""
        merged: dict[str, Callable[[Mapping[str, str]], Any]] = {
            "google/quota": lambda query: self.quota.used()
        }
        for api in self.apis:
            merged |= api.reads()
        return merged

    def writes(self) -> Writes:
        """What the APIs change; `google/quota` sets limits, by bucket; `google/keys/rotate`: another key
        signs identities from now on.
        """
        merged: dict[str, Callable[[Json], Any]] = {
            "google/keys/rotate": lambda body: {"kid": self.keys.rotate()},
            "google/quota": self.quota.limit,
        }
        for api in self.apis:
            merged |= api.writes()
        return merged

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
                **{name: value for api in self.apis for name, value in api.shown(person).items()},
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
        """Ledger and APIs; the signing key is a new one after every start."""
        return {**super().dump(), "apis": {api.name: api.dump() for api in self.apis}}

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave; of a version that had fewer APIs, the others are as at the beginning."""
        super().load(data)
        kept = data.get("apis") or {"calendar": data["calendars"]}
        for api in self.apis:
            if api.name in kept:
                api.load(kept[api.name])
