"""A record player to script: answers the two tools of the card as Valet does, and fails as it is told to."""

from __future__ import annotations

import base64
import copy
import struct
import zlib
from typing import Any

Json = dict[str, Any]


def picture(red: int, green: int, blue: int, edge: int = 8) -> str:
    """A PNG of one colour as a data URI."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes((red, green, blue)) * edge) * edge
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0))
    png += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def track(number: int, name: str, by: str = "Luis Fonsi", minutes: int = 3) -> Json:
    """One track as the tools show it."""
    key = f"{number:022}"
    return {
        "kind": "track", "name": name, "by": [by], "album": "Vida", "duration_ms": minutes * 60_000,
        "uri": f"spotify:track:{key}", "url": f"https://open.spotify.com/track/{key}",
    }  # fmt: skip


PLAYING: Json = {
    "is_active": True, "is_playing": True, "item": track(1, "Despacito"), "progress_ms": 60_000,
    "device": {
        "id": "kitchen", "name": "Kitchen", "type": "Speaker", "active": True, "controllable": True,
        "volume_percent": 40, "supports_volume": True,
    },
    "shuffle": False, "repeat": "off", "context_uri": "spotify:album:1", "disallows": ["resuming"],
    "can_control": True,
    "queue": [track(2, "Échame la Culpa"), track(3, "Calypso", "Stefflon Don"), track(4, "Imposible")],
}  # fmt: skip
NOTHING: Json = {"is_active": False, "is_playing": False, "disallows": [], "can_control": True, "queue": []}


def shown(state: Json, text: str = "Playing on “Kitchen”.") -> Json:
    """A tool's good answer."""
    return {"content": [{"type": "text", "text": text}], "structuredContent": state}


def refused(code: str, text: str, *, retry_after: float | None = None, connect: Json | None = None) -> Json:
    """A tool's error, as `mcp_server/answers.py` makes it."""
    error: Json = {"code": code} if retry_after is None else {"code": code, "retry_after": retry_after}
    meta: Json = {"valet/error": error, **({"valet/connect": connect} if connect else {})}
    return {"content": [{"type": "text", "text": text}], "isError": True, "_meta": meta}


CONNECT_URL = "http://127.0.0.1:8420/connect/spotify?h=handle"
UNCONNECTED = refused(
    "not_connected",
    f"Spotify is not connected yet. Ask the person to open this link in a browser: {CONNECT_URL} – then "
    "repeat the call.",
    connect={"provider": "spotify", "title": "Spotify", "url": CONNECT_URL},
)


class Deck:
    """The player behind the tools. `state` is what it shows; `failing` answers in its place while it is set,
    one for each of the two tools; `confirms` is what a command says of itself.
    """

    def __init__(self, state: Json | None = None) -> None:
        self.state = copy.deepcopy(PLAYING if state is None else state)
        self.cover: Json | None = {"key": "vida", "data_uri": picture(190, 60, 50)}
        self.failing: dict[str, Json] = {}
        self.confirms = True

    def first(self) -> Json:
        """What spotify_get_playback answers: less than the card's own tools."""
        left = {"can_control", "queue", "disallows"}
        return shown({key: value for key, value in self.state.items() if key not in left})

    async def serve(self, tool: str, arguments: Json) -> Json:
        """One call of the view, to the host's liking."""
        if tool in self.failing:
            failing = self.failing[tool]
            return failing if "error" in failing else {"result": failing}
        if tool == "spotify_player_command":
            self._do(arguments)
            return {"result": shown({**self._with_cover(arguments), "confirmed": self.confirms})}
        return {"result": shown(self._with_cover(arguments))}

    def _with_cover(self, arguments: Json) -> Json:
        if self.cover is None or not self.state["is_active"]:
            return copy.deepcopy(self.state)
        known = arguments.get("cover") == self.cover["key"]
        cover = {"key": self.cover["key"]} if known else self.cover
        return {**copy.deepcopy(self.state), "cover": cover}

    def _do(self, arguments: Json) -> None:
        state, action = self.state, arguments["action"]
        if action in {"play", "pause"}:
            state["is_playing"] = action == "play"
            state["disallows"] = ["resuming" if action == "play" else "pausing"]
        elif action == "next":
            state["item"], *state["queue"] = state["queue"]
            state["progress_ms"] = 0
        elif action == "previous":
            state["progress_ms"] = 0
        elif action == "seek":
            state["progress_ms"] = arguments["position_ms"]
        elif action == "volume":
            state["device"]["volume_percent"] = arguments["volume_percent"]
        else:
            state[action] = arguments[action]
