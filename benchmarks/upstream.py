"""An upstream that costs next to nothing: it answers each GET at once, with one and the same JSON.

    .venv/bin/python benchmarks/upstream.py        prints its port, and ends when its stdin closes

The emulator judges each request, and takes longer for that than Valet for the whole call; this is for
measuring what is in front of it. The answer is what Spotify's player says while a track plays.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys

IMAGE = {
    "url": "https://i.scdn.co/image/ab67616d0000b273ef0d4234e1a645740f77d59c",
    "height": 640,
    "width": 640,
}
ARTIST = {
    "id": "4V8Sr092TqfHkfAA5fXXqG",
    "name": "Luis Fonsi",
    "type": "artist",
    "uri": "spotify:artist:4V8Sr092TqfHkfAA5fXXqG",
}
PLAYBACK = {
    "device": {
        "id": "5fbb3ba6aa454b5534c4ba43a8c7e8e45a63ad0e",
        "is_active": True,
        "is_private_session": False,
        "is_restricted": False,
        "name": "Kitchen",
        "type": "speaker",
        "volume_percent": 40,
        "supports_volume": True,
    },
    "repeat_state": "off",
    "shuffle_state": False,
    "context": {"type": "album", "uri": "spotify:album:5C0YLr4OoRGFDaqdMQmkeH"},
    "timestamp": 1_790_000_000_000,
    "progress_ms": 61_000,
    "is_playing": True,
    "currently_playing_type": "track",
    "item": {
        "id": "6habFhsOp2NvshLv26DqMb",
        "name": "Despacito",
        "type": "track",
        "uri": "spotify:track:6habFhsOp2NvshLv26DqMb",
        "artists": [ARTIST],
        "album": {
            "id": "5C0YLr4OoRGFDaqdMQmkeH",
            "name": "VIDA",
            "album_type": "album",
            "uri": "spotify:album:5C0YLr4OoRGFDaqdMQmkeH",
            "images": [IMAGE],
            "artists": [ARTIST],
        },
        "duration_ms": 228_200,
        "explicit": False,
        "is_local": False,
        "is_playable": True,
    },
}
BODY = json.dumps(PLAYBACK).encode()
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY


class Answering(asyncio.Protocol):
    """One line: an answer for each head of a request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        *heads, self._held = (self._held + data).split(b"\r\n\r\n")
        self._transport.write(ANSWER * len(heads))


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, family=socket.AF_INET)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
