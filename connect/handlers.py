"""What ends a request without its page: a refusal, a limit, a database that is away, an unknown address."""

from __future__ import annotations

import math

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from connect.limits import Gate, TooMany
from connect.pages import Refusal, Step, refused
from connect.witness import Witness
from connect.words import crowded
from vault.errors import Busy, PersonGone


def handlers(gate: Gate, witness: Witness) -> dict[int | type[Exception], ExceptionHandler]:
    """What the app answers to each. `gate` counts what is unknown to us, `witness` hears of refusals."""

    async def refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        if error.denied is not None:
            event, why = error.denied
            witness.note(event, outcome="refused", detail=why)
        wait = await gate.missed(request) if error.missed else 0.0
        return _crowd(request, wait) if wait else refused(request, error)

    async def crowd(request: Request, error: Exception) -> Response:
        assert isinstance(error, TooMany)
        return _crowd(request, error.wait)

    async def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = refused(request, _HTTP.get(error.status_code) or _odd(error.status_code))
        response.headers.update(error.headers or {})
        return response

    async def busy(request: Request, error: Exception) -> Response:
        assert isinstance(error, Busy)
        response = refused(request, _BUSY)
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
        return response

    async def gone(request: Request, _: Exception) -> Response:
        return refused(request, _GONE)

    return {Refusal: refusal, HTTPException: plain, Busy: busy, TooMany: crowd, PersonGone: gone}


def _crowd(request: Request, wait: float) -> Response:
    refusal = Refusal(
        429,
        "That was a lot at once",
        "Valet takes only so many requests in a short time, from one person and from one network. "
        "Nothing was changed.",
        crowded(wait),
    )
    response = refused(request, refusal)
    response.headers["Retry-After"] = str(math.ceil(wait))
    return response


_HOME = Step("Go to your account page", "/account")
_HTTP = {
    404: Refusal(404, "There is nothing here", "The address may have been cut short or mistyped.", _HOME),
    405: Refusal(
        405, "That can't be done here", "This address works another way. Nothing was changed.", _HOME
    ),
}
_BUSY = Refusal(
    503,
    "Valet is busy",
    "The database did not answer in time. Nothing was lost.",
    "Reload this page in a moment.",
)

_GONE = Refusal(
    410,
    "You are not here any more",
    "Your account here was deleted or closed while this was under way, so nothing came of it. Your accounts "
    "elsewhere are as they were.",
    Step("Begin anew", "/signin"),
)


def _odd(status: int) -> Refusal:
    return Refusal(
        status, "That did not work", "Valet could not read the request. Nothing was changed.", _HOME
    )
