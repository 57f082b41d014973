"""The composition root of the emulator: all routes behind one gate."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, ExceptionHandler

from providers.emulator.control import PATH, Control
from providers.emulator.gate import Gate, Hangup
from providers.emulator.ledger import Denied
from providers.emulator.oauth import denied
from providers.emulator.world import World


def build(world: World, hangup: Hangup) -> ASGIApp:
    """The ASGI app over `world`; `hangup` drops a connection where a fault wants it."""

    async def unrouted(request: Request, error: Exception) -> Response:
        """404 and 405 in the words of the host that was asked."""
        assert isinstance(error, HTTPException)
        upstream = world.upstream_of(request.url.path)
        if upstream is not None:
            return upstream.unrouted(request, error)
        if request.url.path.startswith(f"{PATH}/"):
            missing = {"error": f"There is no {request.method} {request.url.path}."}
            return JSONResponse(missing, error.status_code)
        return PlainTextResponse(error.detail, error.status_code, error.headers)

    handlers: dict[type[Exception], ExceptionHandler] = {Denied: _denied, HTTPException: unrouted}
    for upstream in world.upstreams:
        handlers.update(upstream.errors())
    app = Starlette(
        routes=[*Control(world).routes(), *(route for u in world.upstreams for route in u.routes())],
        exception_handlers=dict(handlers),
    )
    app.router.redirect_slashes = False
    return Gate(app, world, hangup)


async def _denied(request: Request, error: Exception) -> Response:
    assert isinstance(error, Denied)
    return denied(error)
