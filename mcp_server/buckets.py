"""How many requests one grant may make at `/mcp`, counted in this process.

By grant and not by token: a refresh makes another token at no cost, a grant takes a person's click. And not
by address, which all people of a chat service share. In memory, because a call should not cost a write: with
several workers each allows as much, and a restart forgets. That is enough to hold up a program that lost its
way; providers have limits of their own.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.call import Call
from mcp_server.ports import Witness
from mcp_server.refusals import refuse

_log = structlog.get_logger(__name__)

BURST = 300
"""Requests of one grant at once. A model that reads thirty mails in parallel, in several chats, is below."""

PER_SECOND = 20.0
"""Requests of one grant that come back every second. No model keeps that up; a lost program may."""

MOST = 10_000
"""Grants that are remembered. The one not heard of for longest is forgotten first, its bucket then full."""


@dataclass(slots=True)
class _Bucket:
    left: float
    seen: float


class Buckets:
    """Token buckets by grant. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        burst: float = BURST,
        per_second: float = PER_SECOND,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._most = most
        self._clock = clock
        self._held: OrderedDict[UUID, _Bucket] = OrderedDict()

    @property
    def remembered(self) -> int:
        """How many grants are remembered now."""
        return len(self._held)

    def take(self, grant: UUID) -> float:
        """Use the grant's bucket once: 0.0, or how many seconds until there is a request again."""
        now = self._clock()
        bucket = self._held.pop(grant, None) or _Bucket(self._burst, now)
        self._held[grant] = bucket
        if len(self._held) > self._most:
            self._held.popitem(last=False)
        bucket.left = min(self._burst, bucket.left + (now - bucket.seen) * self._per_second)
        bucket.seen = now
        if bucket.left < 1:
            return (1 - bucket.left) / self._per_second
        bucket.left -= 1
        return 0.0


class Throttle:
    """ASGI: requests of a grant whose bucket is empty get 429. Stands behind the bearer check."""

    def __init__(self, app: ASGIApp, buckets: Buckets, witness: Witness) -> None:
        self._app = app
        self._buckets = buckets
        self._witness = witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or tell when to send it again."""
        principal = Call.of(scope).principal
        wait = self._buckets.take(principal.grant_id)
        if not wait:
            return await self._app(scope, receive, send)
        self._witness.note(
            "rate_limited",
            outcome="refused",
            user_id=principal.user_id,
            client_id=principal.client_id,
            detail="calls",
        )
        _log.warning("too_many_calls", grant_id=str(principal.grant_id), client_id=principal.client_id)
        refused = refuse(
            429,
            "rate_limited",
            "This chat asks too much at once. Nothing was done; wait a moment and send the request again.",
            {"Retry-After": str(math.ceil(wait))},
        )
        return await refused(scope, receive, send)
