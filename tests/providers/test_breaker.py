"""An app that a provider limits: one answer for everybody of it, and nothing sent until it is over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import structlog
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from providers.base import OPERATOR, Complaint, Credential, CredentialSource, Provider, RateLimited
from providers.breaker import _MOST, LONGEST, Breaker
from providers.google import GOOGLE
from providers.http import Http
from providers.spotify import SPOTIFY
from providers.transport import Transport
from tests.providers.upstream import Step, Upstream

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
OWN = "own:0192f0c1-0000-7000-8000-000000000001"
ME = "https://api.spotify.com/v1/me"


@dataclass
class Wall:
    """A wall clock that stands until somebody moves it."""

    time: datetime = NOON

    def __call__(self) -> datetime:
        return self.time

    def seconds(self) -> float:
        """The same as seconds, for what measures."""
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Bench:
    """Calls through apps over one upstream and one breaker."""

    upstream: Upstream
    wall: Wall = field(default_factory=Wall)
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.metrics, now=self.wall)
        self.http = Http(
            Transport(self.upstream),
            breaker=self.breaker,
            sleep=self.wall.sleep,
            clock=self.wall.seconds,
            now=self.wall,
        )

    async def call(self, app: str = OPERATOR, provider: Provider = SPOTIFY, method: str = "GET") -> Any:
        url = ME if provider.name == "spotify" else "https://www.googleapis.com/x"
        credential = person(app)
        return await self.http.request(provider, method, url, operation="op", credential=credential)

    async def refused(self, app: str = OPERATOR, **more: Any) -> RateLimited:
        with pytest.raises(RateLimited) as caught:
            await self.call(app, **more)
        return caught.value

    def gauge(self) -> float | None:
        return self.metrics.get_sample_value("valet_paused_apps", {"provider": "spotify"})

    @property
    def sent(self) -> int:
        return len(self.upstream.requests)


def bench(*script: Step) -> Bench:
    return Bench(Upstream(*script))


def person(app: str) -> CredentialSource:
    """Somebody connected through that app; each call is somebody else."""

    async def source(refused: int | None) -> Credential:
        return Credential("connection", SecretStr("token"), 3600.0, 1, frozenset(), app=app)

    return source


def limited(reason: str | None = None, **headers: str) -> httpx2.Response:
    error: dict[str, Any] = {"status": 429, "message": "Too many requests"}
    return httpx2.Response(
        429,
        json={"error": {**error, "reason": reason} if reason else error},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def fine() -> httpx2.Response:
    return httpx2.Response(200, json={})


def quota(seconds: int = 48_925) -> httpx2.Response:
    return limited("QUOTA_EXCEEDED", retry_after=str(seconds))


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_quota_error_stops_everybody_of_that_app_and_nobody_else(method: str) -> None:
    room = bench(quota(), fine(), fine())
    first = await room.refused()
    assert (first.retry_after, first.reason, first.own) == (48_925, "QUOTA_EXCEEDED", False)
    assert first.until == NOON + timedelta(seconds=48_925)

    room.wall.time += timedelta(hours=1)
    others = await room.refused(method=method)
    assert (others.retry_after, others.reason, others.until) == (45_325, "QUOTA_EXCEEDED", first.until)
    assert room.sent == 1

    assert (await room.call(OWN)).status == 200
    assert (await room.call(provider=GOOGLE)).status == 200
    assert room.sent == 3


async def test_when_the_time_is_over_it_goes_on() -> None:
    room = bench(quota(60), fine(), fine())
    await room.refused()
    room.wall.time += timedelta(seconds=59)
    assert (await room.refused()).retry_after == 1
    room.wall.time += timedelta(seconds=1)
    await room.call()
    await room.call()
    assert room.sent == 3


async def test_an_own_app_has_its_own_pause_and_the_error_says_whose_it_is() -> None:
    room = bench(quota(), fine())
    assert (await room.refused(OWN)).own is True
    assert (await room.refused(OWN)).own is True
    await room.call()
    assert room.sent == 2


@pytest.mark.parametrize(
    ("more", "sent"), [({}, 1), ({"retry_after": "0"}, 2)], ids=["no time", "at once, tried once"]
)
async def test_a_quota_error_without_a_time_stops_for_an_hour(more: dict[str, str], sent: int) -> None:
    room = bench(*[limited("QUOTA_EXCEEDED", **more)] * 2, fine())
    assert (await room.refused()).retry_after == 3600
    assert (await room.refused()).until == NOON + timedelta(hours=1)
    assert room.sent == sent


async def test_a_long_limit_without_a_reason_stops_the_app_too() -> None:
    room = bench(limited(retry_after="6"))
    assert (await room.refused()).until == NOON + timedelta(seconds=6)
    assert (await room.refused()).reason == ""
    assert room.sent == 1


@pytest.mark.parametrize("more", [{}, {"retry_after": "never"}], ids=["no time", "no readable time"])
async def test_a_time_that_is_our_guess_stops_nobody_else(more: dict[str, str]) -> None:
    room = bench(limited(**more), fine())
    error = await room.refused()
    assert (error.retry_after, error.until) == (30, None)
    await room.call()


async def test_a_short_limit_is_waited_for_and_stops_nobody() -> None:
    room = bench(limited(retry_after="5"), fine(), limited(retry_after="5"), limited(retry_after="5"), fine())
    await room.call()
    assert (await room.refused()).until is None
    await room.call()
    assert room.sent == 5


async def test_the_players_own_limit_is_of_one_person() -> None:
    room = bench(limited("RATE_LIMITED", retry_after="90"), fine())
    error = await room.refused()
    assert (error.retry_after, error.until) == (90, None)
    await room.call()


async def test_a_record_says_which_limits_are_of_the_app() -> None:
    """Google's are counted by person, too, and do not say which it was."""
    room = bench(httpx2.Response(429, headers={"Retry-After": "900"}), fine())
    assert (await room.refused(provider=GOOGLE)).until is None
    await room.call(provider=GOOGLE)


async def test_a_403_that_means_a_spent_quota_counts_like_a_429() -> None:
    record = replace(SPOTIFY, complaint=lambda status, body: Complaint("QUOTA_EXCEEDED", "limit"))
    room = bench(httpx2.Response(403))
    assert (await room.refused(provider=record)).until is not None
    await room.refused(provider=record)
    assert room.sent == 1


async def test_who_waits_for_a_short_limit_hears_of_the_pause_that_came_meanwhile() -> None:
    room = bench(limited(retry_after="4"), fine())
    asleep = room.wall.sleep

    async def sleep(seconds: float) -> None:
        await asleep(seconds)
        room.breaker.pause("spotify", OPERATOR, 500, "QUOTA_EXCEEDED")

    room.http._sleep = sleep
    assert (await room.refused()).reason == "QUOTA_EXCEEDED"
    assert room.sent == 1


async def test_a_call_of_no_app_neither_opens_nor_minds_it() -> None:
    room = bench(quota(), quota(), fine())
    token = SecretStr("fresh")
    with pytest.raises(RateLimited) as caught:
        await room.http.request(SPOTIFY, "GET", ME, operation="account", credential=token)
    assert caught.value.until is None
    await room.refused()
    await room.http.request(SPOTIFY, "GET", ME, operation="account", credential=token)
    assert room.sent == 3


async def test_of_two_pauses_the_longer_counts() -> None:
    room = bench()
    long = room.breaker.pause("spotify", OPERATOR, 900, "QUOTA_EXCEEDED")
    assert room.breaker.pause("spotify", OPERATOR, 30, "") == long
    assert room.breaker.pause("spotify", OPERATOR, 1800, "").until == NOON + timedelta(seconds=1800)


async def test_nobody_is_stopped_for_longer_than_a_day() -> None:
    room = bench(quota(7 * 86_400))
    error = await room.refused()
    assert (error.until, error.retry_after) == (NOON + LONGEST, 86_400)


async def test_a_clock_that_was_turned_back_does_not_make_it_longer() -> None:
    room = bench(quota(), fine())
    await room.refused()
    room.wall.time -= timedelta(minutes=1)
    await room.call()


async def test_it_forgets_what_is_over_and_holds_so_many_at_most() -> None:
    room = bench()
    for number in range(_MOST + 10):
        room.breaker.pause("spotify", f"own:{number}", 100 + number, "")
    assert len(room.breaker._pauses) == _MOST
    assert room.breaker.paused("spotify", "own:9") is None
    assert room.breaker.paused("spotify", "own:10") is not None
    room.wall.time += LONGEST
    room.breaker.pause("spotify", OPERATOR, 5, "")
    assert len(room.breaker._pauses) == 1


async def test_it_is_counted_by_provider_and_said_once_in_the_log() -> None:
    room = bench(quota(), quota(60), fine())
    assert room.gauge() is None
    with structlog.testing.capture_logs() as events:
        for app in (OPERATOR, OPERATOR, OWN, OWN):
            await room.refused(app)
    assert room.gauge() == 2
    said = [event for event in events if event["event"] == "app_paused"]
    assert [(event["own"], event["seconds"]) for event in said] == [(False, 48_925), (True, 60)]
    assert OWN not in str(events)
    room.wall.time += timedelta(seconds=60)
    assert room.gauge() == 1
