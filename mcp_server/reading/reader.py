"""Files as text, read by a process of their own: what parses a stranger's bytes has nothing worth taking.

A PDF or an Office file is a program for its parser. So each is read by a fresh process with limits, which
holds no secret and ends after it; at most a few at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from typing import Literal

import structlog

from mcp_server.reading.child import SECONDS

log = structlog.get_logger(__name__)

MOST_BYTES = 25_000_000
"""The largest file that is read; `trouble` is `too_large` beyond."""

_AT_ONCE = 2
_DEADLINE = 2.0 * SECONDS
_MODULE = "mcp_server.reading.child"

Trouble = Literal["unsupported", "password", "damaged", "too_large"]


@dataclass(frozen=True, slots=True)
class Extracted:
    """A file's text from an offset on; `total` characters there are. Its repr shows none of it.

    `kind` is what it was read as: pdf, docx, pptx, odf, sheet, html, mail, text. Where `trouble` is set there
    is no text, and that is why.
    """

    text: str = field(repr=False)
    total: int
    kind: str
    trouble: Trouble | None = None

    @property
    def cut(self) -> bool:
        """Whether it holds a part only."""
        return len(self.text) < self.total


class Reader:
    """Reads files, a few at once. It keeps nothing of them."""

    def __init__(self, at_once: int = _AT_ONCE, deadline: float = _DEADLINE) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._deadline = deadline

    async def text(self, body: bytes, kind: str, name: str, most: int, offset: int = 0) -> Extracted:
        """`most` characters of a file from `offset` on; `kind` is its declared media type. Never raises."""
        if len(body) > MOST_BYTES:
            return Extracted("", 0, "", "too_large")
        async with self._turn:
            found = await self._child(body, kind, name)
        if "text" not in found:
            return Extracted("", 0, "", _trouble(found.get("trouble")))
        text = found["text"]
        return Extracted(text[offset : offset + most], len(text), found["kind"])

    async def _child(self, body: bytes, kind: str, name: str) -> dict[str, str]:
        head = json.dumps({"kind": kind[:200], "name": name[-200:]}).encode() + b"\n"
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", _MODULE),
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
        try:
            async with asyncio.timeout(self._deadline):
                said, _ = await child.communicate(head + body)
        except TimeoutError:
            said = b""
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        try:
            found = json.loads(said)
        except ValueError:  # the kernel ended it: too much memory or time
            log.info("file_not_read", why="limits", status=child.returncode)
            return {"trouble": "too_large"}
        return found if isinstance(found, dict) else {}


def _trouble(word: str | None) -> Trouble:
    return word if word in {"unsupported", "password", "damaged", "too_large"} else "damaged"  # type: ignore[return-value]
