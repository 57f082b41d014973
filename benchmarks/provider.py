"""The slow, strict provider of the refresh benchmark, and the call to it that every strategy makes."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from typing import Any

import httpx2
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from providers.base import App, GrantRejected, TokenSet
from vault.upstream import Upstream

CONNECTIONS = 40
DELAY = 0.3  # seconds the provider takes
TTL = 3600


class Provider:
    """A token endpoint with strict rotation: half its delay passes before it decides, half after."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.calls = 0
        self.current: dict[str, int] = {}
        self.spent: dict[str, int] = {}
        self.access: dict[str, int] = {}
        self.revoked: dict[int, float] = {}

    def issue(self, family: int) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.access[access] = self.current[refresh] = family
        return {"access_token": access, "refresh_token": refresh, "expires_in": TTL}

    async def token(self, request: Request) -> JSONResponse:
        self.calls += 1
        refresh = str((await request.form())["refresh_token"])
        await asyncio.sleep(DELAY / 2)
        used = self.spent.get(refresh)
        if used is not None:
            self.revoked.setdefault(used, time.monotonic())
        family = self.current.pop(refresh, None)
        if family is not None:
            self.spent[refresh] = family
        good = family is not None and family not in self.revoked
        answer = self.issue(family) if family is not None and good else {"error": "invalid_grant"}
        await asyncio.sleep(DELAY / 2)
        return JSONResponse(answer, 200 if good else 400)

    async def reset(self, request: Request) -> JSONResponse:
        self.clear()
        return JSONResponse([self.issue(family) for family in range(CONNECTIONS)])

    async def figures(self, request: Request) -> JSONResponse:
        return JSONResponse({"calls": self.calls, "access": self.access, "revoked": self.revoked})


def provide(listener: socket.socket) -> None:
    provider = Provider()
    app = Starlette(
        routes=[
            Route("/token", provider.token, methods=["POST"]),
            Route("/reset", provider.reset, methods=["POST"]),
            Route("/figures", provider.figures),
        ]
    )
    # Longer than a client keeps a line: one that closes just when it is used would be the bench's own fault.
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", timeout_keep_alive=60)
    )
    server.run(sockets=[listener])


class Wire(Upstream):
    """The call to the provider: the same for every strategy."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def refresh(self, provider: str, app: App | str, refresh_token: SecretStr) -> TokenSet:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token.get_secret_value()}
        answer = await self._http.post("/token", data=form)
        if answer.status_code != 200:
            raise GrantRejected(provider, "refresh")
        got = answer.json()
        return TokenSet(SecretStr(got["access_token"]), got["expires_in"], SecretStr(got["refresh_token"]))

    async def revoke(self, provider: str, app: App | str, token: SecretStr) -> bool:
        return False
