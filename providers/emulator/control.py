"""The control surface under `/_control/`: JSON in, JSON out. Tests and the demo bend the world here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator.ledger import Client
from providers.emulator.spotify.people import Device, Person
from providers.emulator.world import World

PATH = "/_control"
Json = dict[str, Any]
LONGEST_WAIT = 30.0


class Control:
    """The routes; everything they touch lives in `world`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """What this file answers."""
        reads: dict[str, Callable[[Request], Awaitable[Any]]] = {
            "settings": self._settings,
            "clock": self._clock,
            "accounts": self._accounts,
            "player": self._player,
            "clients": self._clients,
            "tokens": self._tokens,
            "faults": self._faults,
            "waiting": self._waiting,
            "counters": self._counters,
            "requests": self._requests,
        }
        writes: dict[str, Callable[[Json], Any]] = {
            "reset": self._reset,
            "settings": self._change_settings,
            "clock": self._move_clock,
            "player": self._change_player,
            "clients": self._change_client,
            "expire": self._expire,
            "revoke": self._revoke,
            "faults": self._add_fault,
            "faults/clear": self._clear_faults,
            "release": self._release,
            "forget": self._forget,
        }
        return [
            *(Route(f"{PATH}/{name}", _read(f), methods=["GET"]) for name, f in reads.items()),
            *(Route(f"{PATH}/{name}", _write(f), methods=["POST"]) for name, f in writes.items()),
        ]

    # The world

    def _reset(self, body: Json) -> Json:
        self._world.reset()
        return {}

    async def _settings(self, request: Request) -> Json:
        return vars(self._world.settings)

    def _change_settings(self, body: Json) -> Json:
        self._world.settings.change(body)
        return vars(self._world.settings)

    async def _clock(self, request: Request) -> Json:
        return {"now": self._world.clock.now(), "offset": self._world.clock.offset}

    def _move_clock(self, body: Json) -> Json:
        clock = self._world.clock
        clock.offset = float(body.get("offset", clock.offset)) + float(body.get("advance", 0))
        return {"now": clock.now(), "offset": clock.offset}

    # Accounts and players

    async def _accounts(self, request: Request) -> list[Json]:
        return [
            {
                "account": person.key,
                "id": person.id,
                "account_id": person.account_id,
                "name": person.name,
                "country": person.country,
                "premium": person.premium,
                "note": person.note,
                "playlists": {playlist.name: playlist.id for playlist in person.playlists},
            }
            for person in self._world.spotify.people.values()
        ]

    async def _player(self, request: Request) -> Json:
        return self._state(self._person(request.query_params.get("account")))

    def _change_player(self, body: Json) -> Json:
        """`active` names a device by id or name, or null; `devices` replaces them all."""
        person = self._person(body.get("account"))
        session = person.session
        if "devices" in body:
            person.devices = [Device(**row) for row in body["devices"]]
        if "active" in body:
            names = {d.id: d.id for d in person.devices} | {d.name: d.id for d in person.devices}
            if body["active"] is not None and body["active"] not in names:
                raise ValueError(f"{person.key} has no device {body['active']!r}.")
            session.device = names.get(body["active"])
        self._world.spotify.players[person.key].view()
        for name in ("playing", "position_ms", "shuffle", "repeat", "queued"):
            if name in body:
                setattr(session, name, body[name])
        session.since = session.changed_at = self._world.clock.now()
        return self._state(person)

    def _state(self, person: Person) -> Json:
        """The state as it is, ahead of what a lagging read would tell."""
        player = self._world.spotify.players[person.key]
        view = player.view(lagging=False)
        session = view.session
        item = self._world.spotify.catalog.item(session.current) if session.current else None
        return {
            "account": person.key,
            "active": session.device,
            "is_playing": session.playing,
            "current": session.current,
            "current_name": item.name if item else None,
            "context": session.context,
            "progress_ms": session.position_ms,
            "shuffle": session.shuffle,
            "repeat": session.repeat,
            "queued": session.queued,
            "upcoming": player.upcoming(session),
            "devices": [vars(device) for device in view.devices],
        }

    def _person(self, account: object) -> Person:
        people = self._world.spotify.people
        if not isinstance(account, str) or account not in people:
            raise ValueError(f"account must be one of {', '.join(people)}.")
        return people[account]

    # Apps, grants, tokens

    async def _clients(self, request: Request) -> list[Json]:
        return [vars(client) for client in self._world.spotify.ledger.clients.values()]

    def _change_client(self, body: Json) -> Json:
        """`secret` null: public; `redirects` null: any again; `refused`: every token request fails."""
        client = self._client(body.get("client_id"))
        if "secret" in body:
            client.secret = body["secret"]
        if "redirects" in body:
            client.exact = body["redirects"] is not None
            client.redirects = list(body["redirects"] or [])
        client.refused = bool(body.get("refused", client.refused))
        return vars(client)

    def _client(self, client_id: object) -> Client:
        client = self._world.spotify.ledger.client(client_id) if isinstance(client_id, str) else None
        if client is None:
            raise ValueError("client_id must begin with 'emulator-'.")
        return client

    async def _tokens(self, request: Request) -> Json:
        ledger = self._world.spotify.ledger
        tokens = ledger.tokens.values()
        return {
            "access": [t.value for t in tokens if t.kind == "access"],
            "refresh": [t.value for t in tokens if t.kind == "refresh"],
            "codes": list(ledger.codes),
            "grants": [vars(grant) for grant in ledger.grants.values()],
        }

    def _expire(self, body: Json) -> Json:
        what = body.get("what", "access")
        if what not in {"access", "refresh", "grants"}:
            raise ValueError("what must be access, refresh or grants.")
        ledger = self._world.spotify.ledger
        return {"expired": ledger.expire(what, body.get("account"), body.get("client_id"))}

    def _revoke(self, body: Json) -> Json:
        access = bool(body.get("access", True))
        ledger = self._world.spotify.ledger
        return {"revoked": ledger.revoke(body.get("account"), body.get("client_id"), access=access)}

    # Faults and counters

    async def _faults(self, request: Request) -> Json:
        return {"faults": self._world.faults.list(), "waiting": self._world.faults.waiting}

    def _add_fault(self, body: Json) -> Json:
        return {"id": self._world.faults.add(body).id}

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

    async def _counters(self, request: Request) -> Json:
        return self._world.journal.counters()

    async def _requests(self, request: Request) -> list[Json]:
        return self._world.journal.requests(int(request.query_params.get("after", "0")))

    def _forget(self, body: Json) -> Json:
        self._world.journal.forget()
        return {}


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
