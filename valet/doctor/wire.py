"""The public address, as anybody asks it: no cookie, no proxy of the environment, no redirect followed.

The certificate is another examination's (`tls.py`), so this one goes on without trusting it: nothing secret
is sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2

_MOST = 200_000
_READ = {b"server", b"valet-proof"}
"""Headers that are looked at where the body is not."""
NEXT = 0.25
"""Seconds until the next address of a name is tried beside one that does not answer (RFC 8305)."""


class Wire:
    """One client at one origin. Answers are httpx2's; what did not come is None."""

    def __init__(self, origin: str) -> None:
        self._at = urlsplit(origin)
        self._http = httpx2.AsyncClient(
            base_url=origin,
            verify=httpx2.create_ssl_context(verify=False),
            timeout=httpx2.Timeout(5, connect=3),
            trust_env=False,
            # Bodies are compared byte by byte.
            headers={"User-Agent": "valet-doctor", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str, **headers: str) -> httpx2.Response | None:
        """GET; header names with `_` for `-`."""
        return await self._send("GET", path, headers)

    async def post(self, path: str, body: bytes, kind: str = "application/json") -> httpx2.Response | None:
        """POST."""
        return await self._send("POST", path, {"Content_Type": kind}, body)

    async def pieces(self, path: str, **headers: str) -> tuple[httpx2.Response | None, float]:
        """GET, and how many seconds lay between the first piece of the body and the last."""
        times: list[float] = []
        answer = await self._send("GET", path, headers, heard=lambda: times.append(time.monotonic()))
        return answer, times[-1] - times[0] if times else 0.0

    async def head(self, path: str, length: int, seconds: float, **headers: str) -> httpx2.Response | None:
        """What a POST of which only the head is sent gets for an answer; its body is not read.

        Raises TimeoutError where there is silence for so many seconds.
        """
        named = {"Host": self._at.netloc, "Content-Length": str(length), **_named(headers)}
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
        secure = self._at.scheme == "https"
        context = httpx2.create_ssl_context(verify=False) if secure else None
        port = self._at.port or (443 if secure else 80)
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_connection(
                    self._at.hostname, port, ssl=context, happy_eyeballs_delay=NEXT
                )
                try:
                    writer.write("\r\n".join([*lines, "", ""]).encode())
                    # Any number of interim answers may come before the one that counts (RFC 9110, 15.2).
                    while (answer := _head(await reader.readuntil(b"\r\n\r\n"))).is_informational:
                        pass
                    return answer
                finally:
                    writer.close()
        except TimeoutError:
            raise
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            return None

    async def date(self) -> float | None:
        """By how many seconds the clock here is ahead of whoever answers. A Date header has whole seconds."""
        answer = await self.get("/.well-known/oauth-authorization-server")
        try:
            said = parsedate_to_datetime(answer.headers["Date"]).timestamp() if answer is not None else None
        except (KeyError, ValueError, OverflowError):
            return None
        return None if said is None else time.time() - said - 0.5

    async def _send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None = None,
        heard: Callable[[], None] = lambda: None,
    ) -> httpx2.Response | None:
        try:
            async with self._http.stream(method, path, headers=_named(headers), content=body) as answer:
                content = b""
                async for piece in answer.aiter_raw():
                    heard()
                    content += piece
                    if len(content) > _MOST:
                        return None
        except httpx2.HTTPError:
            return None
        # Read whole, within the cap, and as it came: nothing compressed was asked for, and what unpacks to
        # gigabytes is not unpacked.
        kept = [each for each in answer.headers.raw if each[0].lower() != b"content-encoding"]
        return httpx2.Response(answer.status_code, headers=kept, content=content)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _head(raw: bytes) -> httpx2.Response:
    """Status and headers of an answer; its body is not read. Raises ValueError."""
    line, *fields = raw.decode("latin-1").split("\r\n")
    pairs = [field.partition(":") for field in fields if field]
    headers = [(name.encode("latin-1"), value.strip().encode("latin-1")) for name, _, value in pairs]
    kept = [each for each in headers if each[0].lower() in _READ]
    return httpx2.Response(int(line.partition(" ")[2][:3]), headers=kept)


def whose(answer: httpx2.Response) -> str:
    """Who answered, for a sentence: the name that the server gives itself, if it is one word."""
    name = answer.headers.get("Server", "").split(" ")[0][:40]
    return f"{answer.status_code} by {name}" if name.isprintable() and name else str(answer.status_code)
