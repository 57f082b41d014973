"""settings.get, settings.list: how somebody has set up their Google Calendar."""

from __future__ import annotations

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.errors import ApiError
from providers.emulator.google.people import Person

Json = dict[str, Any]


def rows(person: Person) -> dict[str, str]:
    """Ids and values, as developers.google.com, Calendar: settings, lists them."""
    return {
        "dateFieldOrder": "DMY",
        "format24HourTime": "true",
        "locale": "en",
        "timezone": person.zone,
        "weekStart": "1",
    }


def _setting(id_: str, value: str) -> Json:
    etag = hashlib.sha256(f"{id_}={value}".encode()).hexdigest()[:16]
    return {"kind": "calendar#setting", "etag": f'"{etag}"', "id": id_, "value": value}


async def listed(request: Request, person: Person) -> Response:
    """All of them, page by page."""
    if "syncToken" in request.query_params:
        sentence = "Sync token is no longer valid, a full sync is required."
        raise ApiError(410, sentence, "fullSyncRequired", domain="calendar")
    every = [_setting(*row) for row in rows(person).items()]
    some, token = query.page(request, every, query.whole(request, "maxResults", 100, 250))
    more = {"nextPageToken": token} if token else {"nextSyncToken": "CPDAlvWDx70CEPDAlvWDx70CGAU="}
    answer = {"kind": "calendar#settings", "etag": f'"{len(every)}"', **more, "items": some}
    return JSONResponse(query.selected(request, answer))


async def one(request: Request, person: Person) -> Response:
    """One of them. Raises ApiError 404."""
    id_ = request.path_params["setting"]
    if id_ not in rows(person):
        raise ApiError(404, "Not Found", "notFound")
    return JSONResponse(query.selected(request, _setting(id_, rows(person)[id_])))
