"""The control surface under `/_control/`: JSON in, JSON out. Tests and the demo bend the world here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator.ledger import Client
from providers.emulator.upstream import Json, Reads, Upstream, Writes
from providers.emulator.world import World

PATH = "/_control"
LONGEST_WAIT = 30.0


class Control:
    """The routes; everything they touch lives in `world`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """What this file answers, and what the upstreams add."""
        upstreams = self._world.upstreams
        return [
            Route(f"{PATH}/waiting", _read(self._waiting), methods=["GET"]),
            *(
                Route(f"{PATH}/{name}", _read(_at_once(read)), methods=["GET"])
                for reads in (self._reads(), *(upstream.reads() for upstream in upstreams))
                for name, read in reads.items()
            ),
            *(
                Route(f"{PATH}/{name}", _write(write), methods=["POST"])
                for writes in (self._writes(), *(upstream.writes() for upstream in upstreams))
                for name, write in writes.items()
            ),
        ]

    def _reads(self) -> Reads:
        return {
            "settings": lambda query: vars(self._world.settings),
            "clock": lambda query: self._time(),
            "accounts": self._accounts,
            "clients": self._clients,
            "tokens": self._tokens,
            "faults": lambda query: {
                "faults": self._world.faults.list(),
                "waiting": self._world.faults.waiting,
            },
            "counters": lambda query: self._world.journal.counters(),
            "requests": lambda query: self._world.journal.requests(int(query.get("after", "0"))),
        }

    def _writes(self) -> Writes:
        return {
            "reset": self._reset,
            "settings": self._change_settings,
            "clock": self._move_clock,
            "clients": self._change_client,
            "expire": self._expire,
            "revoke": self._revoke,
            "faults": lambda body: {"id": self._world.faults.add(body).id},
            "faults/clear": self._clear_faults,
            "release": self._release,
            "forget": self._forget,
        }

    # The world

    def _reset(self, body: Json) -> Json:
        self._world.reset()
        return {}

    def _change_settings(self, body: Json) -> Json:
        self._world.settings.change(body)
        return vars(self._world.settings)

    def _time(self) -> Json:
        return {"now": self._world.clock.now(), "offset": self._world.clock.offset}

    def _move_clock(self, body: Json) -> Json:
        clock = self._world.clock
        clock.offset = float(body.get("offset", clock.offset)) + float(body.get("advance", 0))
        return self._time()

    # Accounts, apps, grants, tokens: of one `upstream`, or of all

    def _accounts(self, query: Mapping[str, str]) -> list[Json]:
        """Of the first upstream unless another is named."""
        upstream = self._one(query)
        return [{"upstream": upstream.name, **row} for row in upstream.accounts()]

    def _clients(self, query: Mapping[str, str]) -> list[Json]:
        return [
            {"upstream": upstream.name, **vars(client)}
            for upstream in self._some(query)
            for client in upstream.ledger.clients.values()
        ]

    def _change_client(self, body: Json) -> Json:
        """`secret` null: public; `redirects` null: any again; `refused`: every token request fails.

        `new`: an app of an id that does not begin `emulator-` is made. Of the first upstream unless another
        is named.
        """
        upstream, client_id = self._one(body), body.get("client_id")
        if body.get("new") and isinstance(client_id, str) and client_id:
            upstream.ledger.register(client_id)
        client = _client(upstream, client_id)
        if "secret" in body:
            client.secret = body["secret"]
        if "redirects" in body:
            client.exact = body["redirects"] is not None
            client.redirects = list(body["redirects"] or [])
        client.refused = bool(body.get("refused", client.refused))
        return vars(client)

    def _tokens(self, query: Mapping[str, str]) -> Json:
        ledgers = [upstream.ledger for upstream in self._some(query)]
        tokens = [token for ledger in ledgers for token in ledger.tokens.values()]
        return {
            "access": [t.value for t in tokens if t.kind == "access"],
            "refresh": [t.value for t in tokens if t.kind == "refresh"],
            "codes": [code for ledger in ledgers for code in ledger.codes],
            "private": [secret for ledger in ledgers for secret in ledger.private],
            "grants": [vars(grant) for ledger in ledgers for grant in ledger.grants.values()],
        }

    def _expire(self, body: Json) -> Json:
        what = body.get("what", "access")
        if what not in {"access", "refresh", "grants"}:
            raise ValueError("what must be access, refresh or grants.")
        account, client_id = body.get("account"), body.get("client_id")
        return {"expired": sum(u.ledger.expire(what, account, client_id) for u in self._some(body))}

    def _revoke(self, body: Json) -> Json:
        access = bool(body.get("access", True))
        account, client_id = body.get("account"), body.get("client_id")
        upstreams = self._some(body)
        return {"revoked": sum(u.ledger.revoke(account, client_id, access=access) for u in upstreams)}

    def _one(self, asked: Mapping[str, Any]) -> Upstream:
        name = asked.get("upstream")
        return self._world.upstreams[0] if name is None else self._world.upstream(name)

    def _some(self, asked: Mapping[str, Any]) -> list[Upstream]:
        name = asked.get("upstream")
        return self._world.upstreams if name is None else [self._world.upstream(name)]

    # Faults and counters

    def _clear_faults(self, body: Json) -> Json:
        self._world.faults.clear()
        return {}

    def _release(self, body: Json) -> Json:
        waiting = self._world.faults.waiting
        self._world.faults.release()
        return {"released": waiting}

    async def _waiting(self, request: Request) -> Json:
        """Answers when `count` requests hang, or after `seconds` with as many as there are."""
        count = int(request.query_params.get("count", "0"))
        seconds = min(float(request.query_params.get("seconds", "10")), LONGEST_WAIT)
        try:
            async with asyncio.timeout(seconds):
                waiting = await self._world.faults.until_waiting(count)
        except TimeoutError:
            waiting = self._world.faults.waiting
        return {"waiting": waiting}

    def _forget(self, body: Json) -> Json:
        self._world.journal.forget()
        return {}


def _client(upstream: Upstream, client_id: object) -> Client:
    client = upstream.ledger.client(client_id) if isinstance(client_id, str) else None
    if client is None:
        raise ValueError("client_id must begin with 'emulator-'.")
    return client


def _at_once(read: Callable[[Mapping[str, str]], Any]) -> Callable[[Request], Awaitable[Any]]:
    async def handler(request: Request) -> Any:
        return read(request.query_params)

    return handler


def _read(handler: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request))
        except (ValueError, TypeError) as error:
            return _wrong(error)

    return endpoint


def _write(handler: Callable[[Json], Any]) -> Callable[[Request], Awaitable[Response]]:
    """JSON only: a page on the web cannot send that here without asking the browser first."""

    async def endpoint(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _wrong(ValueError("Send application/json."))
        try:
            return JSONResponse(handler(_object(await request.body())))
        except (ValueError, TypeError) as error:
            return _wrong(error)

    return endpoint


def _object(raw: bytes) -> Json:
    body = json.loads(raw or b"{}")
    if not isinstance(body, dict):
        raise TypeError("Send a JSON object.")
    return body


def _wrong(error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)
