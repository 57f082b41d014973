"""A small Spotify behind the real HTTP client: one account, some devices, a player that lags."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import httpx2


def identifier(name: str) -> str:
    """A made-up id in Spotify's form, the same for the same name."""
    return "".join(char for char in name if char.isalnum() and char.isascii())[:22].ljust(22, "0")


def track(title: str, *artists: str, duration_ms: int = 200_000, **more: Any) -> dict[str, Any]:
    key = identifier(title + "".join(artists))
    return {
        "type": "track", "id": key, "uri": f"spotify:track:{key}", "name": title, "duration_ms": duration_ms,
        "external_urls": {"spotify": f"https://open.spotify.com/track/{key}"},
        "artists": [{"type": "artist", "name": name} for name in artists], **more,
    }  # fmt: skip


def thing(kind: str, name: str, **more: Any) -> dict[str, Any]:
    key = identifier(kind + name)
    return {
        "type": kind, "id": key, "uri": f"spotify:{kind}:{key}", "name": name,
        "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{key}"}, **more,
    }  # fmt: skip


def device(name: str, *, active: bool = False, restricted: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "id": f"device-{name.lower()}", "name": name, "type": "Speaker", "is_active": active,
        "is_restricted": restricted, "volume_percent": 40, **more,
    }  # fmt: skip


def error(status: int, message: str, reason: str | None = None) -> httpx2.Response:
    body: dict[str, Any] = {"status": status, "message": message}
    return httpx2.Response(status, json={"error": {**body, "reason": reason} if reason else body})


@dataclass
class SpotifyDouble(httpx2.AsyncBaseTransport):
    """`lag`: how many looks at the player still show the state before the last command."""

    found: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    devices: list[dict[str, Any]] = field(default_factory=list)
    playing: dict[str, Any] | None = None
    premium: bool = True
    lag: int = 0
    disallows: dict[str, bool] = field(default_factory=dict)
    answers: list[httpx2.Response | Exception] = field(default_factory=list)
    calls: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    shown: list[Any] = field(default_factory=list)

    def begin(
        self, item: dict[str, Any], on: dict[str, Any], *, is_playing: bool = True, **more: Any
    ) -> None:
        """As if the person had started it."""
        on["is_active"] = True
        if on not in self.devices:
            self.devices.append(on)
        self.playing = {
            "device": on, "is_playing": is_playing, "item": item, "progress_ms": 60_000, "context": None,
            "shuffle_state": False, "repeat_state": "off", "actions": {"disallows": self.disallows}, **more,
        }  # fmt: skip

    def paths(self) -> list[str]:
        """What was called, without the looks at the player."""
        return [f"{verb} {path}" for verb, path, _, _ in self.calls if (verb, path) != ("GET", "/me/player")]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        path = request.url.path.removeprefix("/v1")
        query = dict(request.url.params)
        self.calls.append((request.method, path, query, json.loads(body) if body else None))
        self.tokens.append(request.headers["authorization"])
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if path == "/search":
            return self._search(query)
        if request.method == "GET":
            return self._look(path)
        return self._command(path, query, self.calls[-1][3])

    def _search(self, query: dict[str, str]) -> httpx2.Response:
        limit, offset = int(query.get("limit", "5")), int(query.get("offset", "0"))
        answer = {}
        for kind in query["type"].split(","):
            items = self.found.get(kind, [])
            page = {
                "items": items[offset : offset + limit],
                "total": len(items),
                "limit": limit,
                "offset": offset,
            }
            answer[f"{kind}s"] = page
        return httpx2.Response(200, json=answer)

    def _look(self, path: str) -> httpx2.Response:
        if path == "/me/player/devices":
            return httpx2.Response(200, json={"devices": self.devices})
        state = self.shown.pop(0) if self.shown else self.playing
        return httpx2.Response(204) if state is None else httpx2.Response(200, json=state)

    def _command(self, path: str, query: dict[str, str], body: Any) -> httpx2.Response:
        if not self.premium:
            return error(403, "Player command failed: Premium required", "PREMIUM_REQUIRED")
        named = next((each for each in self.devices if each["id"] == query.get("device_id", "none")), None)
        on = named or next((each for each in self.devices if each["is_active"]), None)
        if on is None:
            return error(404, "Player command failed: No active device found", "NO_ACTIVE_DEVICE")
        if path == "/me/player/pause" and not (self.playing and self.playing["is_playing"]):
            return error(403, "Player command failed: Restriction violated", "UNKNOWN")
        self.shown = [deepcopy(self.playing)] * self.lag
        getattr(self, "_" + path.rpartition("/")[2])(on, query, body)
        return httpx2.Response(200, text="not-json")

    def _play(self, on: dict[str, Any], query: dict[str, str], body: Any) -> None:
        if body is None:
            assert self.playing is not None
            self.playing["is_playing"] = True
            return
        uri = body.get("context_uri") or body["uris"][0]
        every = [each for kind in self.found.values() for each in kind if each.get("type") == "track"]
        item = next((each for each in every if each["uri"] == uri), track("Something"))
        if item["uri"] != uri and "uris" in body:
            item = {**item, "uri": uri}
        context = {"uri": uri} if "context_uri" in body else None
        self.begin(item, on, context=context, progress_ms=body.get("position_ms", 0))

    def _pause(self, *_: Any) -> None:
        assert self.playing is not None
        self.playing["is_playing"] = False

    def _next(self, *_: Any) -> None:
        assert self.playing is not None
        self.playing["item"] = track("The Next One", "Somebody")

    def _previous(self, *_: Any) -> None:
        assert self.playing is not None
        self.playing["progress_ms"] = 0

    def _seek(self, on: dict[str, Any], query: dict[str, str], body: Any) -> None:
        assert self.playing is not None
        self.playing["progress_ms"] = int(query["position_ms"])
