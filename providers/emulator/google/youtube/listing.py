"""How YouTube reads a list's parameters: parts, ids, one filter, pages."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.errors import ApiError
from providers.emulator.google.youtube.model import etag

Json = dict[str, Any]
MOST_IDS = 50


def values(request: Request, name: str) -> list[str]:
    """A parameter that may be repeated, or hold several with commas."""
    given = request.query_params.getlist(name)
    return [part.strip() for text in given for part in text.split(",") if part.strip()]


def asked_parts(request: Request, known: frozenset[str]) -> list[str]:
    """The parts of an answer. Raises ApiError 400."""
    parts = values(request, "part")
    if not parts:
        raise ApiError(400, "No part parameter was specified.", "missingRequiredParameter", about="part")
    for part in parts:
        if part not in known:
            raise ApiError(400, f"'{part}'", "unknownPart", domain="youtube.part", about="part")
    return parts


def filtered(request: Request, names: tuple[str, ...]) -> str:
    """The one filter that is given. Raises ApiError 400 for none and for several."""
    given = [name for name in names if request.query_params.get(name)]
    if not given:
        raise ApiError(400, f"No filter selected. Expected one of: {', '.join(names)}",
                       "missingRequiredParameter", domain="youtube.parameter")  # fmt: skip
    if len(given) > 1:
        raise ApiError(400, f"Incompatible parameters specified in the request: {', '.join(given)}",
                       "incompatibleParameters", domain="youtube.parameter")  # fmt: skip
    if len(values(request, "id")) > MOST_IDS:
        raise ApiError(400, "The request specifies an invalid filter parameter.", "invalidFilters",
                       domain="youtube.parameter")  # fmt: skip
    return given[0]


def page(request: Request, kind: str, rows: list[Json], *, whole: bool = False) -> Response:
    """A page of rows; `whole`: all of them, as where ids are asked for."""
    size = query.whole(request, "maxResults", 5, 50, 0)
    some, token = (rows, None) if whole else query.page(request, rows, size)
    answer: Json = {"kind": f"youtube#{kind}ListResponse", "etag": etag(some)}
    if token:
        answer["nextPageToken"] = token
    info = {"totalResults": len(rows), "resultsPerPage": len(some) if whole else size}
    return JSONResponse(query.selected(request, {**answer, "pageInfo": info, "items": some}))
