"""What every list and every lookup of the API share: one page of things, and 404 for what is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.spotify import shapes
from providers.emulator.spotify.guard import whole
from providers.emulator.spotify.refusal import Refusal

T = TypeVar("T")


def paged(
    request: Request,
    path: str,
    things: Sequence[T],
    shape: Callable[[T], shapes.Json | None],
    *,
    default: int = 20,
    most: int = 50,
) -> Response:
    """The page that `limit` and `offset` ask for; its links keep what else was asked."""
    limit, offset = whole(request, "limit", default, 1, most), whole(request, "offset", 0, 0)
    query = {name: value for name, value in request.query_params.items() if name not in {"limit", "offset"}}
    return JSONResponse(shapes.page(path, things, limit, offset, shape, query))


def found(shelf: Mapping[str, T], id_: str) -> T:
    """What has that id. Refuses with 404."""
    if id_ not in shelf:
        raise Refusal(404, "Resource not found")
    return shelf[id_]
