"""A chat client in a process of its own, spoken to by lines of JSON on its standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any


class Ended(AssertionError):
    """The client's process ended, or its answer is an error."""


class Line:
    """One process. What it says on standard error goes to `log`."""

    def __init__(self, command: Sequence[str | Path], environment: dict[str, str], log: Path) -> None:
        self._command = [str(part) for part in command]
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._last = 0

    async def start(self) -> None:
        with self._log.open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                cwd=self._log.parent,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=2**24,
                start_new_session=True,
            )

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message with an id of its own; the answer that bears it. Others are passed over."""
        self._last += 1
        self.tell(id=self._last, **message)
        assert self._process is not None and self._process.stdout is not None
        async for line in self._process.stdout:
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == self._last and "method" not in answer:
                if "error" in answer:
                    raise Ended(f"{answer['error']}; {self.said()}")
                return dict(answer["result"])
        raise Ended(f"the client ended with {await self._process.wait()}: {self.said()}")

    def tell(self, **message: Any) -> None:
        """Send a message."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def stop(self) -> None:
        """Close its input and wait for its end, as a chat program does that is closed."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            await self.kill()
            raise

    async def kill(self) -> None:
        """End it and what it started, at once."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    def said(self) -> str:
        """The end of what it said on standard error."""
        return self._log.read_text()[-2000:] if self._log.exists() else ""
