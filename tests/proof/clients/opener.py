"""What opens a chat client's browser: a program of ours, first on the PATH, that hands on the address."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import TypeVar

Got = TypeVar("Got")

NAMES = ("xdg-open", "open", "sensible-browser", "x-www-browser")
PATIENCE = 90
"""How long one thing that a client is asked may take, its login included, in seconds."""

_PROGRAM = """#!{python} -IS
import socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({socket!r})
    line.sendall(sys.argv[-1].encode())
"""


class Opener:
    """The programs in a folder of their own, and who listens to them.

    `environment` makes a client find them, whether it asks for `xdg-open` or for $BROWSER.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="opener-")
        self._opened: asyncio.Queue[str] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self.urls: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join((self._folder.name, os.environ.get("PATH", "")))
        return {"PATH": path, "BROWSER": str(Path(self._folder.name) / NAMES[0])}

    async def __aenter__(self) -> Opener:
        place = Path(self._folder.name)
        socket = str(place / "line")
        for name in NAMES:
            program = place / name
            program.write_text(_PROGRAM.format(python=sys.executable, socket=socket))
            program.chmod(0o755)
        self._server = await asyncio.start_unix_server(self._hear, socket)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self._folder.cleanup()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        url = (await reader.read()).decode()
        self.urls.append(url)
        self._opened.put_nowait(url)
        writer.close()

    async def during(
        self, work: Coroutine[None, None, Got], visit: Callable[[str], Awaitable[object]]
    ) -> Got:
        """What `work` gives, while every address that is opened meanwhile is visited."""
        async with asyncio.timeout(PATIENCE):
            task = asyncio.ensure_future(work)
            try:
                while not task.done():
                    opened = asyncio.ensure_future(self._opened.get())
                    await asyncio.wait({task, opened}, return_when=asyncio.FIRST_COMPLETED)
                    if opened.done():
                        await visit(opened.result())
                    opened.cancel()
                return task.result()
            finally:
                task.cancel()
                await asyncio.wait({task})
