"""What the tests of this room stand on: a scripted upstream, a clock that moves when slept on, a canary."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx2
from pydantic import SecretStr

from providers.base import Credential

CANARY = "canary-5d1f0c6e"

Step = httpx2.Response | Exception | Callable[[httpx2.Request], Awaitable[httpx2.Response]]


class Upstream(httpx2.AsyncBaseTransport):
    """Plays one step per request, in order, and keeps the requests."""

    def __init__(self, *script: Step) -> None:
        self.script = list(script)
        self.requests: list[httpx2.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.requests.append(request)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx2.Response) else await step(request)

    async def aclose(self) -> None:
        self.closed = True

    @property
    def last(self) -> httpx2.Request:
        return self.requests[-1]

    @property
    def form(self) -> dict[str, str]:
        """The last request's form fields."""
        return {name: values[0] for name, values in parse_qs(self.last.content.decode()).items()}


@dataclass
class Clock:
    """Seconds that pass only while somebody sleeps."""

    now: float = 1000.0
    pauses: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@dataclass
class Vault:
    """A credential source that hands out the next version whenever one is refused."""

    scopes: frozenset[str] = frozenset()
    asked: list[int | None] = field(default_factory=list)
    version: int = 7

    async def __call__(self, refused: int | None) -> Credential:
        self.asked.append(refused)
        if refused is not None:
            self.version = refused + 1
        token = SecretStr(f"token-{self.version}")
        return Credential("connection", token, 3600.0, self.version, self.scopes)


def told(error: BaseException) -> str:
    """All an error can say: its texts, its attributes, its traceback."""
    return "\n".join([str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)])
