"""The door of Google's APIs: a live token that holds any of a method's scopes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from providers.emulator.google.errors import ApiError, insufficient, invalid, unauthenticated
from providers.emulator.google.people import Person
from providers.emulator.google.scopes import full
from providers.emulator.ledger import Unauthenticated
from providers.emulator.upstream import Endpoint

if TYPE_CHECKING:
    from providers.emulator.google.api import Api

Handler = Callable[[Request, Person], Awaitable[Response]]


def guarded(api: Api, method: str, handler: Handler, scopes: Iterable[str] = ()) -> Endpoint:
    """`handler` behind a token that holds any of `scopes` (without their prefix); none: any token will do.

    `method` is the name in the discovery document, such as `calendar.events.list`. What it costs is taken
    from the API's quotas.
    """
    accepted = [full(scope) for scope in scopes]
    bucket, units = api.cost.get(method, (api.buckets[0].name if api.buckets else "", 1))

    async def endpoint(request: Request) -> Response:
        try:
            grant = api.google.bearer(request)
        except Unauthenticated:
            raise unauthenticated(missing="authorization" not in request.headers) from None
        if bucket:
            api.google.quota.spend(bucket, grant.account, units)
        if accepted and not set(accepted) & set(grant.scopes):
            raise insufficient(method, accepted)
        alt = request.query_params.get("alt", "json")
        if alt != "json" and not (alt == "media" and method in api.media):
            raise invalid("Invalid value for alt.", "alt", "invalidParameter")
        return await handler(request, api.google.people[grant.account])

    return endpoint


async def unbuilt(request: Request, person: Person) -> Response:
    """What the API has and the emulator has not."""
    raise ApiError(501, "Not emulated yet", "notImplemented")
