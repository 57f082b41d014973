"""The composition root of the emulator: all routes behind one gate."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp

from providers.emulator.control import Control
from providers.emulator.gate import Gate, Hangup
from providers.emulator.ledger import Denied
from providers.emulator.spotify import media
from providers.emulator.spotify.accounts import Accounts, denied
from providers.emulator.spotify.api import Api
from providers.emulator.spotify.refusal import Refusal
from providers.emulator.spotify.remote import Remote
from providers.emulator.world import World


def build(world: World, hangup: Hangup) -> ASGIApp:
    """The ASGI app over `world`; `hangup` drops a connection where a fault wants it."""
    app = Starlette(
        routes=[
            *Control(world).routes(),
            *Accounts(world.spotify).routes(),
            *Remote(world.spotify).routes(),
            *Api(world.spotify).routes(),
            *media.routes(),
        ],
        exception_handlers={Refusal: _refused, Denied: _denied, HTTPException: _unrouted},
    )
    app.router.redirect_slashes = False
    return Gate(app, world, hangup)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.answer()


async def _denied(request: Request, error: Exception) -> Response:
    assert isinstance(error, Denied)
    return denied(error)


async def _unrouted(request: Request, error: Exception) -> Response:
    """404 and 405 in the words of the host that was asked."""
    assert isinstance(error, HTTPException)
    message = "Service not found" if error.status_code == 404 else error.detail
    if request.url.path.startswith("/api.spotify.com/"):
        body = {"error": {"status": error.status_code, "message": message}}
        return JSONResponse(body, error.status_code, error.headers)
    if request.url.path.startswith("/_control/"):
        return JSONResponse({"error": f"There is no {request.method} {request.url.path}."}, error.status_code)
    return PlainTextResponse(error.detail, error.status_code, error.headers)
