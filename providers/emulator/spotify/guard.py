"""The door of api.spotify.com: token, scopes, and how parameters are read and refused."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from providers.emulator.ledger import Unauthenticated
from providers.emulator.spotify.catalog import is_id
from providers.emulator.spotify.people import Person
from providers.emulator.spotify.refusal import Refusal

if TYPE_CHECKING:
    from providers.emulator.spotify.upstream import Spotify

HOST = "/api.spotify.com/v1"


@dataclass(frozen=True)
class Caller:
    """Who a token speaks for, and what it was granted."""

    person: Person
    scopes: frozenset[str]


Handler = Callable[[Request, Caller], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(spotify: Spotify, handler: Handler, *scopes: str) -> Endpoint:
    """`handler` behind a live token that holds all of `scopes`."""

    async def endpoint(request: Request) -> Response:
        if request.method in {"PUT", "POST"} and not _has_length(request):
            return PlainTextResponse("Length Required", 411)
        caller = authenticate(spotify, request)
        if not caller.scopes.issuperset(scopes):
            raise Refusal(403, "Insufficient client scope")
        return await handler(request, caller)

    return endpoint


def authenticate(spotify: Spotify, request: Request) -> Caller:
    """The caller of a request. Raises Refusal: 400 or 401, or 403 for a stranger to the app."""
    header = request.headers.get("authorization")
    if not header:
        raise Refusal(401, "No token provided", headers={"www-authenticate": 'Bearer realm="spotify"'})
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal(400, "Only valid bearer authentication supported")
    try:
        grant = spotify.ledger.holder(token.strip())
    except Unauthenticated as error:
        challenge = f'Bearer realm="spotify", error="invalid_token", error_description="{error}"'
        raise Refusal(401, str(error), headers={"www-authenticate": challenge}) from None
    request.scope["emulator.account"] = grant.account
    request.scope["emulator.country"] = spotify.people[grant.account].country
    if grant.account in spotify.settings.unregistered:
        raise Refusal(
            403,
            "The user is not registered for this application. "
            "Please check your settings on https://developer.spotify.com/dashboard.",
        )
    if not spotify.settings.owner_premium:
        raise Refusal(403, "Active premium subscription required for the owner of the app.")
    return Caller(spotify.people[grant.account], frozenset(grant.scopes))


def whole(request: Request, name: str, default: int | None, low: int, high: int | None = None) -> int:
    """An integer query parameter within bounds. Refuses with 400 `Invalid <name>`, or says it is missing."""
    text = request.query_params.get(name)
    if text is None:
        if default is None:
            raise Refusal(400, f"Required parameter {name} missing")
        return default
    if not text.isascii() or not text.isdigit() or int(text) < low or (high is not None and int(text) > high):
        raise Refusal(400, f"Invalid {name}")
    return int(text)


def market(request: Request) -> str | None:
    """The country whose licences apply where one was asked for, else None. Refuses what is no country.

    That of the account takes priority over the one asked for (parameter `market` of the web reference).
    """
    code = request.query_params.get("market")
    if code is None:
        return None
    if len(code) != 2 or not code.isascii() or not code.isalpha() or not code.isupper():
        raise Refusal(400, "Invalid market code")
    return str(request.scope["emulator.country"])


def path_id(request: Request, name: str = "id") -> str:
    """The id in the path. Refuses what is not base62."""
    id_ = str(request.path_params[name])
    if not is_id(id_):
        raise Refusal(400, "Invalid base62 id")
    return id_


async def json_object(request: Request) -> dict[str, Any]:
    """The body as an object; an absent body is an empty one. Refuses with 400 `Malformed json`."""
    raw = await request.body()
    try:
        value = json.loads(raw) if raw else {}
    except ValueError:
        raise Refusal(400, "Malformed json") from None
    if not isinstance(value, dict):
        raise Refusal(400, "Malformed json")
    return value


def _has_length(request: Request) -> bool:
    """The front of the API wants a length on every PUT and POST, even of nothing (spotify/web-api#1594)."""
    return "content-length" in request.headers or "transfer-encoding" in request.headers
