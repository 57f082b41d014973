"""What a chat program brings to the SDK: a place to keep tokens, a browser, a callback, and somebody asking.

Runs in the environment of whichever SDK is looked at, so it imports nothing of ours and no SDK.
"""

from __future__ import annotations

import asyncio
import json
import sys
import webbrowser
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""`(method, params) -> result`, over one connection."""
TRIES = 2
"""A chat program whose connection broke opens another, once."""


class Kept:
    """The SDK's storage protocol over a JSON file. `shapes` are the SDK's own types of what is kept."""

    def __init__(self, path: Path, tokens: Any, client: Any) -> None:
        self._path = path
        self._shapes = {"tokens": tokens, "client": client}

    async def get_tokens(self) -> Any:
        return self._get("tokens")

    async def set_tokens(self, tokens: Any) -> None:
        self._set("tokens", tokens)

    async def get_client_info(self) -> Any:
        return self._get("client")

    async def set_client_info(self, client_info: Any) -> None:
        self._set("client", client_info)

    def forget(self) -> None:
        """Keep the registration only."""
        self._path.write_text(json.dumps({"client": self._all()["client"]}))

    def _all(self) -> dict[str, Any]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def _get(self, name: str) -> Any:
        found = self._all().get(name)
        return self._shapes[name].model_validate(found) if found else None

    def _set(self, name: str, value: Any) -> None:
        self._path.write_text(
            json.dumps({**self._all(), name: value.model_dump(mode="json", exclude_none=True)})
        )


class Callback:
    """The loopback address that the browser comes back to."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self.url = ""

    async def listen(self) -> None:
        server = await asyncio.start_server(self._hear, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callback"

    async def open(self, url: str) -> None:
        """The SDK's redirect handler."""
        await asyncio.to_thread(webbrowser.open, url)

    async def answer(self) -> dict[str, str]:
        """The parameters that came, once they have."""
        return await self._arrived.get()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].decode()
        parts = urlsplit(line.split(" ")[1])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nback")
        writer.close()
        if parts.path == "/callback":
            self._arrived.put_nowait(dict(parse_qsl(parts.query)))


async def _lines() -> asyncio.Queue[dict[str, Any] | None]:
    """What is asked on standard input; None at its end."""
    asked: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def read() -> None:
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked.put_nowait(json.loads(line))
        asked.put_nowait(None)

    asked.reader = asyncio.create_task(read())  # type: ignore[attr-defined] # kept from the collector
    return asked


async def serve(connect: Callable[[], AbstractAsyncContextManager[Ask]]) -> None:
    """Answer what is asked, over one connection for as long as it holds."""
    asked = await _lines()
    waiting: dict[str, Any] | None = None
    tries = 0
    while True:
        if waiting is None and (waiting := await asked.get()) is None:
            return
        try:
            async with connect() as ask:
                while waiting is not None:
                    _say(waiting["id"], result=await ask(waiting["method"], waiting["params"]))
                    tries = 0
                    waiting = await asked.get()
                return
        except BaseException as error:  # noqa: BLE001 - an SDK's task group wraps, and cancels us, as it likes
            print(f"the connection broke: {_told(error)}", file=sys.stderr, flush=True)
            tries += 1
            if waiting is not None and tries == TRIES:
                _say(waiting["id"], error=_told(error))
                waiting, tries = None, 0


def _say(number: int, **what: Any) -> None:
    print(json.dumps({"id": number, **what}), flush=True)


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def metadata(name: str, redirect: str) -> dict[str, Any]:
    """The least that a program says of itself."""
    return {"client_name": name, "redirect_uris": [redirect], "token_endpoint_auth_method": "none"}
