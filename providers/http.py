"""One call to an upstream API: whose token, to which host, how often, and what its answer means.

    status                        error
    401                           the credential is asked for again once, then GrantRejected
    403, missing scope            ScopeMissing
    404                           NotFound
    409, 412                      Conflict
    429                           RateLimited (waited for once where it is short; a longer one of a whole
                                  app pauses that app for everybody, `breaker.py`)
    other 4xx                     Rejected
    408, 3xx, 5xx, no answer      Unavailable (a read is tried again)

No text made here holds an upstream's body, a URL or a token.
"""

from __future__ import annotations

import asyncio
import json as jsonlib
import random as randomlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2
from pydantic import SecretStr

from providers.base import (
    OPERATOR,
    QUOTA,
    Conflict,
    CredentialSource,
    GrantRejected,
    NotFound,
    Provider,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeMissing,
    Unavailable,
)
from providers.breaker import Breaker
from providers.media import Media
from providers.transport import Road, leads
from providers.upstreams import Upstreams
from providers.waiting import DEFAULT_RETRY_AFTER, LONGEST_WAIT, Allowance, named_pause, retry_after, told

Params = Mapping[str, str | int | bool | Sequence[str] | None]
"""Query parameters; several values repeat the parameter, None means it is left out."""

READ_RETRIES = 2
FIRST_PAUSE = 0.5
QUOTA_PAUSE = 3600.0
_TRANSIENT = frozenset({502, 503, 504})
AMBIGUOUS = frozenset({502, 504})  # a gateway speaks for a server that may have acted
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_BROKEN = (*_UNSENT, httpx2.NetworkError, httpx2.RemoteProtocolError)
_VISIBLE = re.compile(r"[\x21-\x7e]+")  # RFC 6749 appendix A.12: an access token is 1*VSCHAR
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "valet"}


def visible(token: str) -> bool:
    """Whether `token` can stand in a header. HTTP libraries quote a header value they refuse."""
    return _VISIBLE.fullmatch(token) is not None


def decoded(body: bytes) -> object:
    """The JSON value of `body`, or None where it holds none."""
    try:
        value: object = jsonlib.loads(body)
    except (ValueError, RecursionError):
        return None
    return value


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upstream answered. Its repr shows neither headers nor body."""

    provider: str
    operation: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> object:
        """The body's JSON value. Raises Unavailable where there is none."""
        value = decoded(self.body)
        if value is None:
            raise Unavailable(self.provider, self.operation, "unreadable answer", ambiguous=True)
        return value


@dataclass(frozen=True, slots=True)
class Content:
    """A body that is no JSON, with its media type. Its repr shows none of it."""

    kind: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Call:
    provider: Provider
    method: str
    url: httpx2.URL
    operation: str
    body: object = field(repr=False)
    scopes: frozenset[str]
    content: Content | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    most: int | None = None

    def unavailable(self, detail: str, *, ambiguous: bool, retry_after: float | None = None) -> Unavailable:
        return Unavailable(
            self.provider.name, self.operation, detail, ambiguous=ambiguous, retry_after=retry_after
        )


@dataclass(frozen=True, slots=True)
class _Bearer:
    token: SecretStr
    version: int | None = None
    scopes: frozenset[str] = frozenset()
    app: str = ""

    @property
    def own(self) -> bool:
        """Whether it was issued to an app that its person brought."""
        return self.app not in {"", OPERATOR}


class Http:
    """Calls to upstream APIs over a shared transport. It holds no token longer than one call.

    `deadline` is in seconds and bounds one credential's attempts together, pauses included (fetching the
    credential is the vault's time, not counted). `breaker` keeps in mind which apps are paused; calls without
    a credential source are of no app. `upstreams` hears of each request. `allowance` bounds what all its
    calls together wait for short limits.
    `sleep`, `random`, `clock` and `now` are injected for tests. `media` fetches pictures by the same road.
    """

    def __init__(
        self,
        transport: Road,
        *,
        breaker: Breaker | None = None,
        upstreams: Upstreams | None = None,
        allowance: Allowance | None = None,
        deadline: float = 20.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = randomlib.random,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.media = Media(transport)
        self._transport = transport
        self._breaker = breaker or Breaker(now=now)
        self._upstreams = upstreams or Upstreams()
        self._allowance = allowance
        self._deadline = deadline
        self._sleep = sleep
        self._random = random
        self._clock = clock
        self._now = now

    def for_one_task(self) -> Http:
        """The same, for the calls of one task: a short limit is waited for once in all of it.

        Each call by itself would be patient again, and a task of many calls hang for minutes.
        """
        return self._like(self._transport, Allowance(self._clock))

    def over(self, road: Road) -> Http:
        """The same rules over another road, as for what comes as a stream (`streaming.py`)."""
        return self._like(road, self._allowance)

    def _like(self, road: Road, allowance: Allowance | None) -> Http:
        like = copy(self)
        like._transport, like._allowance, like.media = road, allowance, Media(road)
        return like

    async def request(
        self,
        provider: Provider,
        method: str,
        url: str,
        *,
        operation: str,
        credential: CredentialSource | SecretStr | None = None,
        params: Params | None = None,
        json: object = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        scopes: frozenset[str] = frozenset(),
        most: int | None = None,
        accepts: frozenset[int] = frozenset(),
    ) -> Answer:
        """The upstream's 2xx answer to one call, or one of a status that it `accepts`.

        `scopes` are the upstream scopes the call needs; they only name what is missing if it is refused.
        `content` goes in place of `json`; `headers` go beside our own; `most` bounds this answer's body, in
        bytes, in place of the transport's own cap.
        A credential source is asked once more, with the refused version, after a 401. Raises ProviderError,
        and whatever the credential source raises.
        """
        target = _target(provider, url, operation, params)
        call = _Call(provider, method, target, operation, json, scopes, content, headers or {}, most)
        bearer = await self._bearer(call, credential, None)
        answer = await self._exchange(call, bearer)
        if _unauthenticated(call, answer) and bearer is not None and bearer.version is not None:
            bearer = await self._bearer(call, credential, bearer.version)
            answer = await self._exchange(call, bearer)
        if not 200 <= answer.status < 300 and answer.status not in accepts:
            raise self._error(call, answer, bearer)
        return answer

    async def _bearer(
        self, call: _Call, credential: CredentialSource | SecretStr | None, refused: int | None
    ) -> _Bearer | None:
        if credential is None:
            return None
        if isinstance(credential, SecretStr):
            bearer = _Bearer(credential)
        else:
            held = await credential(refused)
            bearer = _Bearer(held.access_token, held.version, held.scopes, held.app)
        if not visible(bearer.token.get_secret_value()):
            raise call.unavailable("unusable access token", ambiguous=False)
        return bearer

    async def _exchange(self, call: _Call, bearer: _Bearer | None) -> Answer:
        ends = self._clock() + self._deadline
        patience = _Patience(READ_RETRIES if call.method == "GET" else 0, self._random)
        while True:
            self._require_unpaused(call, bearer)
            outcome = await self._attempt(call, bearer, ends - self._clock())
            limited = _limited(call.provider, outcome)
            pause = patience.pause(outcome, self._now, limited=limited)
            if pause is None or pause >= ends - self._clock():
                break
            if limited and self._allowance is not None and not self._allowance.grants(pause):
                break
            await self._sleep(pause)
        if isinstance(outcome, Answer):
            return outcome
        detail = "no connection" if isinstance(outcome, _UNSENT) else "no usable answer"
        raise call.unavailable(detail, ambiguous=not isinstance(outcome, _UNSENT))

    def _require_unpaused(self, call: _Call, bearer: _Bearer | None) -> None:
        """Raise RateLimited where the app is paused, perhaps since this very call began to wait."""
        if bearer is None or not bearer.app:
            return
        pause = self._breaker.paused(call.provider.name, bearer.app)
        if pause is not None:
            left = max((pause.until - self._now()).total_seconds(), 0.0)
            raise self._limit(call, bearer, left, pause.reason, pause.until)

    async def _attempt(self, call: _Call, bearer: _Bearer | None, left: float) -> Answer | httpx2.HTTPError:
        road = self._transport.within(left, call.most)
        with self._upstreams.sent(call.provider.name, call.operation, call.method) as exchange:
            try:
                response = await road.handle_async_request(_request(call, bearer))
            except httpx2.HTTPError as error:
                return error
            status = exchange.status = response.status_code
        return Answer(call.provider.name, call.operation, status, response.headers, response.content)

    def _error(self, call: _Call, answer: Answer, bearer: _Bearer | None) -> ProviderError:
        name, operation, status = call.provider.name, call.operation, answer.status
        complaint = call.provider.complaint(status, answer.body)
        if complaint.meaning == "scope":
            held = bearer.scopes if bearer else frozenset()
            return ScopeMissing(name, operation, (call.scopes - held) or call.scopes, held)
        if complaint.meaning == "limit" or status == 429:
            return self._too_many(call, answer, bearer, complaint.reason)
        if _unauthenticated(call, answer) and bearer is not None:
            return GrantRejected(name, operation)
        if 400 <= status < 500 and status != 408:
            return _refusal(call, status, complaint.reason, own=bearer is not None and bearer.own)
        again = named_pause(answer.headers, self._now())
        return call.unavailable(f"HTTP {status}", ambiguous=status in AMBIGUOUS, retry_after=again)

    def _too_many(self, call: _Call, answer: Answer, bearer: _Bearer | None, reason: str) -> RateLimited:
        """What a limit comes to. One of a whole app pauses it: a quota that is used up, or a long time.

        A time that the upstream did not name is a guess of ours, and so no reason to pause anybody else.
        """
        named = told(answer.headers, self._now())
        if reason == QUOTA and named == 0:  # no quota comes back at once: that is no time
            named = None
        guess = QUOTA_PAUSE if reason == QUOTA else DEFAULT_RETRY_AFTER
        seconds, until = guess if named is None else named, None
        lasting = reason == QUOTA or (named is not None and named > LONGEST_WAIT)
        if bearer is not None and bearer.app and lasting and reason in call.provider.app_limits:
            until = self._breaker.pause(call.provider.name, bearer.app, seconds, reason).until
            seconds = max((until - self._now()).total_seconds(), 0.0)
        return self._limit(call, bearer, seconds, reason, until)

    def _limit(
        self, call: _Call, bearer: _Bearer | None, seconds: float, reason: str, until: datetime | None
    ) -> RateLimited:
        own = bearer is not None and bearer.own
        return RateLimited(call.provider.name, call.operation, seconds, reason, until=until, own=own)


def _limited(provider: Provider, outcome: Answer | httpx2.HTTPError) -> bool:
    """Whether the upstream says that there were too many requests, by status or by its own word."""
    if not isinstance(outcome, Answer) or not 400 <= outcome.status < 500:
        return False
    complaint = provider.complaint(outcome.status, outcome.body)
    # A quota that is used up comes back in hours, not in a second.
    return outcome.status == 429 or (complaint.meaning == "limit" and not complaint.reason)


class _Patience:
    """How often one call may be repeated.

    A read twice, after full-jitter pauses (AWS Architecture Blog, "Exponential backoff and jitter"). A short
    limit once, a write too: the upstream said it did not act. A limit told by its machine word alone, without
    a Retry-After, counts as short.
    """

    def __init__(self, retries: int, random: Callable[[], float]) -> None:
        self._retries = retries
        self._tried = 0
        self._waited = False
        self._random = random

    def pause(
        self, outcome: Answer | httpx2.HTTPError, now: Callable[[], datetime], *, limited: bool
    ) -> float | None:
        """Seconds to wait before the next attempt, or None where there is none."""
        if isinstance(outcome, Answer) and limited:
            if self._waited:
                return None
            self._waited = True
            if outcome.status != 429 and "retry-after" not in outcome.headers:
                return FIRST_PAUSE + self._random() * FIRST_PAUSE
            seconds = retry_after(outcome.headers, now())
            return seconds if seconds <= LONGEST_WAIT else None
        broken = outcome.status in _TRANSIENT if isinstance(outcome, Answer) else isinstance(outcome, _BROKEN)
        if not broken or self._tried >= self._retries:
            return None
        self._tried += 1
        return self._random() * FIRST_PAUSE * 2.0 ** (self._tried - 1)


def _unauthenticated(call: _Call, answer: Answer) -> bool:
    """Whether it is the token that was refused."""
    return answer.status == 401 and call.provider.complaint(401, answer.body).meaning != "refused"


def _refusal(call: _Call, status: int, reason: str, *, own: bool) -> ProviderError:
    provider, operation = call.provider.name, call.operation
    if status == 404:
        return NotFound(provider, operation, reason)
    if status in {409, 412}:
        return Conflict(provider, operation, reason)
    return Rejected(provider, operation, reason or f"HTTP_{status}", own=own)


def _target(provider: Provider, url: str, operation: str, params: Params | None) -> httpx2.URL:
    """The URL to call. A token leaves only over https, to a host its provider's record names."""
    given = {name: value for name, value in (params or {}).items() if value is not None}
    if given and "?" not in url and "#" not in url:
        # Nothing to merge with: one parse does for both. What it refuses is told apart below.
        with suppress(httpx2.InvalidURL, UnicodeError):
            target = httpx2.URL(f"{url}?{httpx2.QueryParams(given)}")
            if leads(target, provider.hosts):
                return target
    try:
        target = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError):  # too long, or half a surrogate pair
        raise Rejected(provider.name, operation, "HOST_NOT_ALLOWED") from None
    if not leads(target, provider.hosts):
        raise Rejected(provider.name, operation, "HOST_NOT_ALLOWED")
    try:
        return target.copy_merge_params(given) if given else target
    except (httpx2.InvalidURL, UnicodeError):
        raise Rejected(provider.name, operation, "UNSENDABLE") from None


def _request(call: _Call, bearer: _Bearer | None) -> httpx2.Request:
    headers = {**_HEADERS, **call.headers}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer.token.get_secret_value()}"
    # httpx2 adds Content-Length: 0 to a PUT or POST without a body; some endpoints answer 411 otherwise.
    if call.content is not None:
        headers["Content-Type"] = call.content.kind
        return httpx2.Request(call.method, call.url, headers=headers, content=call.content.body)
    return httpx2.Request(call.method, call.url, headers=headers, json=call.body)
