"""What an upstream is to the emulator: a name, hosts, people, a ledger, routes. One subclass per upstream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from providers.emulator.clock import Clock
from providers.emulator.ledger import Grant, Ledger, Rules, Unauthenticated
from providers.emulator.oauth import CodeFlow
from providers.emulator.pages import Account
from providers.emulator.settings import Settings

Json = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]
ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]
Reads = Mapping[str, Callable[[Mapping[str, str]], Any]]
Writes = Mapping[str, Callable[[Json], Any]]

SECRET = "emulator-secret"  # noqa: S105 - the emulator's, worth nothing elsewhere

MESSAGES = {
    429: "API rate limit exceeded",
    500: "Server error",
    502: "Bad gateway.",
    503: "Service unavailable",
}
"""What a fault says where it has no words of its own."""


class Upstream:
    """One upstream. A subclass names itself, says who lives there (`settle`) and what it answers (`routes`).

    `kept` are names of further attributes with JSON-ready values that outlive a restart.
    `authorize`, `token` and `revocation` are paths like `/host/path`; what is posted there stays out of
    the journal. `scopes` maps every scope to its sentence on the consent page. `people` maps keys to
    accounts. The app `emulator-<name>` is known from the start.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    hosts: ClassVar[frozenset[str]]
    authorize: ClassVar[str]
    token: ClassVar[str]
    revocation: ClassVar[str | None] = None
    scopes: ClassVar[Mapping[str, str]]
    rules: ClassVar[Rules]
    kept: ClassVar[tuple[str, ...]] = ()

    people: Mapping[str, Account] = MappingProxyType({})

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self.clock = clock
        self.settings = settings
        self.flow = self.make_flow()
        self.reset()

    def reset(self) -> None:
        """Everybody and everything as at the beginning, with nobody connected."""
        self.ledger = Ledger(self.clock, self.settings, self.rules, {f"emulator-{self.name}": SECRET})
        self.settle(self.clock.now())

    # What a subclass fills in

    def settle(self, now: float) -> None:
        """Set `people` and what is theirs, as the world begins at `now` (epoch seconds)."""

    def make_flow(self) -> CodeFlow:
        """The OAuth half, where it is not the common one."""
        return CodeFlow(self)

    def routes(self) -> Sequence[Route]:
        """All routes, `/host/path`. Begin with `self.flow.routes()`."""
        return self.flow.routes()

    def errors(self) -> Mapping[type[Exception], ErrorHandler]:
        """Handlers of the exceptions only this upstream raises."""
        return {}

    def error(self, status: int, message: str, reason: str | None = None) -> Json:
        """The API's error body: for paths and methods it has not, and for faults."""
        return {"error": {"status": status, "message": message}}

    def template(self, path: str) -> str:
        """`path` with ids as `{id}`: how the journal counts a call and a fault finds it."""
        return path

    def reads(self) -> Reads:
        """Further names under GET `/_control/`, each with what it answers to a query."""
        return {}

    def writes(self) -> Writes:
        """Further names under POST `/_control/`, each with what it does with a body."""
        return {}

    def accounts(self) -> list[Json]:
        """Everybody, for the control surface."""
        return [
            {"account": person.key, "name": person.name, "note": person.note}
            for person in self.people.values()
        ]

    def dump(self) -> Json:
        """What outlives a restart, as JSON-ready values."""
        return {"ledger": self.ledger.dump(), **{name: getattr(self, name) for name in self.kept}}

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave. Raises KeyError or TypeError where it is not that."""
        self.ledger.load(data["ledger"])
        for name in self.kept:
            setattr(self, name, data[name])

    # What every upstream can do

    def owns(self, path: str) -> bool:
        """Whether `/host/path` is one of its hosts."""
        return path.lstrip("/").partition("/")[0] in self.hosts

    def is_oauth(self, path: str) -> bool:
        """Whether `path` is an endpoint of the OAuth half: private, and with OAuth's errors."""
        return path in {self.authorize, self.token, self.revocation}

    def fault(self, path: str, status: int, reason: str | None) -> Json:
        """The body of an injected fault, in the words of the endpoint that was asked."""
        if self.is_oauth(path):
            return {"error": "server_error", "error_description": f"Unexpected status: {status}"}
        return self.error(status, MESSAGES.get(status, "Forbidden"), reason)

    def unrouted(self, request: Request, error: HTTPException) -> Response:
        """404 and 405 in the upstream's words."""
        return PlainTextResponse(error.detail, error.status_code, error.headers)

    def bearer(self, request: Request) -> Grant:
        """The grant of the request's bearer token. Raises Unauthenticated."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("No token provided")
        grant = self.ledger.holder(token.strip())
        request.scope["emulator.account"] = grant.account
        return grant

    def guarded(self, handler: Callable[[Request, Grant], Awaitable[Response]], *scopes: str) -> Endpoint:
        """`handler` behind a live token that holds all of `scopes`, with the errors of RFC 6750 §3.1."""

        async def endpoint(request: Request) -> Response:
            try:
                grant = self.bearer(request)
            except Unauthenticated as error:
                return _challenge(401, "invalid_token", str(error))
            if not set(scopes) <= set(grant.scopes):
                return _challenge(403, "insufficient_scope", f"Needs {' '.join(scopes)}")
            return await handler(request, grant)

        return endpoint


def _challenge(status: int, error: str, description: str) -> Response:
    challenge = f'Bearer error="{error}", error_description="{description}"'
    body = {"error": error, "error_description": description}
    return JSONResponse(body, status, {"www-authenticate": challenge})
