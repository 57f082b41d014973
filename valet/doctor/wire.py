"""The public address, as anybody asks it: no cookie, no proxy of the environment, no redirect followed.

The certificate is another examination's (`tls.py`), so this one goes on without trusting it: nothing secret
is sent.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx2

_MOST = 200_000


class Wire:
    """One client at one origin. Answers are httpx2's; what did not come is None."""

    def __init__(self, origin: str) -> None:
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

    async def date(self) -> float | None:
        """By how many seconds the clock here is ahead of whoever answers. A Date header has whole seconds."""
        answer = await self.get("/.well-known/oauth-authorization-server")
        try:
            said = parsedate_to_datetime(answer.headers["Date"]).timestamp() if answer is not None else None
        except (KeyError, ValueError):
            return None
        return None if said is None else time.time() - said - 0.5

    async def _send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> httpx2.Response | None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            async with self._http.stream(method, path, headers=named, content=body) as answer:
                content = b""
                async for piece in answer.aiter_raw():
                    content += piece
                    if len(content) > _MOST:
                        return None
        except httpx2.HTTPError:
            return None
        # Read whole, within the cap, and as it came: nothing compressed was asked for, and what unpacks to
        # gigabytes is not unpacked.
        kept = [each for each in answer.headers.raw if each[0].lower() != b"content-encoding"]
        return httpx2.Response(answer.status_code, headers=kept, content=content)


def whose(answer: httpx2.Response) -> str:
    """Who answered, for a sentence: the name that the server gives itself, if it is one word."""
    name = answer.headers.get("Server", "").split(" ")[0][:40]
    return f"{answer.status_code} by {name}" if name.isprintable() and name else str(answer.status_code)
