"""A provider's token endpoint that fails for everybody is left alone, asked once, and then used again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from providers.base import (
    Account,
    AppRejected,
    GrantRejected,
    ProviderError,
    RateLimited,
    Rejected,
    Unavailable,
)
from tests.vault.upstreams import SCOPES, Clock, FakeUpstream, access, connect, run, scalar
from vault.circuit import CircuitOpen, Circuits
from vault.errors import Busy
from vault.store.database import Database
from vault.timing import Timing
from vault.vault import Vault

Person = Callable[[], Awaitable[UUID]]

ILL = Unavailable("spotify", "refresh", "HTTP 500")


class Bench:
    """Circuits on a clock that stands still, and what their gauge says."""

    def __init__(self) -> None:
        self.clock, self.registry = Clock(), CollectorRegistry()
        self.clock.stop()
        self.circuits = Circuits(Timing(), self.registry, clock=self.clock)

    def call(self, answer: BaseException | None = None, provider: str = "spotify") -> None:
        with self.circuits.call(provider):
            if answer is not None:
                raise answer

    def fail(self, times: int, apart: float = 1) -> None:
        for _ in range(times):
            with pytest.raises(Unavailable):
                self.call(ILL)
            self.clock.move(apart)

    def open(self) -> bool:
        return self.circuits.room("spotify", 8) == 0

    def gauge(self, provider: str = "spotify") -> float | None:
        return self.registry.get_sample_value("valet_token_endpoint_open_circuit", {"provider": provider})


def test_five_failures_in_thirty_seconds_open_it_for_thirty() -> None:
    bench = Bench()
    bench.fail(4, apart=7)
    assert not bench.open()
    bench.fail(1, apart=0)
    assert bench.open() and bench.gauge() == 1
    with pytest.raises(CircuitOpen) as caught:
        bench.call()
    assert caught.value.seconds == pytest.approx(30)
    bench.clock.move(29.9)
    assert bench.open()
    bench.clock.move(0.2)
    assert bench.circuits.room("spotify", 8) == 1, "one may ask how it is"
    assert bench.circuits.room("spotify", 8, 1) == 0, "if no other is about to"


def test_failures_further_apart_leave_it_closed() -> None:
    bench = Bench()
    bench.fail(40, apart=7.6)
    assert not bench.open()


@pytest.mark.parametrize(
    "answer",
    [
        None,
        GrantRejected("spotify", "refresh"),
        RateLimited("spotify", "refresh", 9),
        Rejected("spotify", "refresh", "invalid_scope"),
    ],
    ids=repr,
)
def test_any_proper_answer_shows_that_the_endpoint_is_well(answer: ProviderError | None) -> None:
    bench = Bench()
    for _ in range(5):
        bench.fail(4)
        with suppress(ProviderError):
            bench.call(answer)
    assert not bench.open()


def test_an_app_that_is_refused_says_nothing_about_the_endpoint() -> None:
    bench = Bench()
    bench.fail(4)
    with pytest.raises(AppRejected):
        bench.call(AppRejected("spotify", "refresh"))
    bench.fail(1)
    assert bench.open()


def test_a_timeout_counts() -> None:
    bench = Bench()
    for _ in range(5):
        with pytest.raises(TimeoutError):
            bench.call(TimeoutError())
    assert bench.open()


def test_each_provider_has_its_own() -> None:
    bench = Bench()
    bench.fail(5)
    bench.call(provider="google")
    assert bench.circuits.room("google", 8, 3) == 5 and bench.gauge("google") == 0


def test_one_probe_at_a_time_and_its_answer_decides() -> None:
    bench = Bench()
    bench.fail(5, apart=0)
    for _ in range(2):
        bench.clock.move(30)
        with suppress(Unavailable), bench.circuits.call("spotify"):
            assert bench.open(), "it is being asked"
            with pytest.raises(CircuitOpen) as caught:
                bench.call()
            assert 0 < caught.value.seconds < 5
            raise ILL
        assert bench.open() and bench.gauge() == 1
    bench.clock.move(30)
    bench.call()
    assert bench.circuits.room("spotify", 8) == 8 and bench.gauge() == 0
    bench.fail(4)
    assert not bench.open(), "what was before is forgotten"


def test_a_probe_without_a_verdict_passes_its_turn_on() -> None:
    bench = Bench()
    bench.fail(5, apart=0)
    bench.clock.move(30)
    with pytest.raises(asyncio.CancelledError):
        bench.call(asyncio.CancelledError())
    assert bench.circuits.room("spotify", 8) == 1


def test_what_was_sent_before_it_opened_opens_it_no_longer_and_may_close_it() -> None:
    bench = Bench()
    with suppress(Unavailable), bench.circuits.call("spotify"):
        bench.fail(5, apart=0)
        bench.clock.move(20)
        raise ILL
    bench.clock.move(10)
    assert bench.circuits.room("spotify", 8) == 1
    bench.clock.move(30)
    with bench.circuits.call("spotify"):
        bench.fail(0)
    assert bench.circuits.room("spotify", 8) == 8


@pytest.mark.parametrize(("asked", "left"), [(5, 30), (90, 90), (86400, 300)])
def test_an_endpoint_that_names_a_time_gets_it_within_reason(asked: float, left: float) -> None:
    bench = Bench()
    for _ in range(5):
        with pytest.raises(Unavailable):
            bench.call(Unavailable("spotify", "refresh", "HTTP 503", retry_after=asked))
    with pytest.raises(CircuitOpen) as caught:
        bench.call()
    assert caught.value.seconds == pytest.approx(left)


async def people(
    vault: Vault, upstream: FakeUpstream, person: Person, number: int, expires_in: float
) -> list[UUID]:
    owners = [await person() for _ in range(number)]
    for owner in owners:
        await connect(vault, upstream, owner, expires_in=expires_in)
    return owners


async def opened(vault: Vault, upstream: FakeUpstream, owners: list[UUID]) -> None:
    upstream.error = ILL
    for owner in owners:
        with pytest.raises(Unavailable):
            await vault.credential(owner, "spotify")
    assert len(upstream.calls) == len(owners)


async def test_while_it_is_open_tokens_are_served_to_their_end_and_others_hear_when_to_come_back(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, clock: Clock
) -> None:
    clock.stop()
    owners = await people(vault, upstream, person, 5, 0)
    ana, ben = await person(), await person()
    await connect(vault, upstream, ana, expires_in=20)
    gone = await connect(vault, upstream, ben, expires_in=0)
    await opened(vault, upstream, owners)
    clock.move(10)
    for _ in range(3):
        assert access(await vault.credential(ana, "spotify")) == "access-6"
        with pytest.raises(Unavailable) as caught:
            await vault.credential(ben, "spotify")
        assert caught.value.retry_after == pytest.approx(20)
        assert not caught.value.ambiguous, "nothing was sent"
    assert len(upstream.calls) == 5
    untouched = (
        "SELECT lease_owner IS NULL AND attempt_started_at IS NULL AND next_attempt_at IS NULL"
        " AND fail_count = 0 FROM connections WHERE id = %s"
    )
    assert await scalar(database, untouched, gone.id)


async def test_one_caller_of_many_finds_out_that_it_is_well_again(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database, clock: Clock
) -> None:
    clock.stop()
    owners = await people(vault, upstream, person, 5, 0)
    await opened(vault, upstream, owners)
    await run(database, "UPDATE connections SET next_attempt_at = NULL WHERE owner = ANY(%s)", owners)
    clock.move(31)
    upstream.gate, upstream.error = asyncio.Event(), None
    calls = [asyncio.create_task(vault.credential(owner, "spotify")) for owner in owners]
    while sum(call.done() for call in calls) < 4:
        await asyncio.sleep(0)
    assert len(upstream.calls) == 6, "one asks, the others hear at once that they should come back"
    upstream.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["Credential"] + ["Unavailable"] * 4
    for owner in owners:
        await vault.credential(owner, "spotify")
    assert len(upstream.calls) == 10


async def test_our_own_database_is_no_fault_of_the_endpoint(
    vault: Vault, upstream: FakeUpstream, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise Busy("away")

    monkeypatch.setattr(vault.apps, "app", away)
    account = Account("https://accounts.spotify.com", "ana", "Ana")
    for _ in range(6):
        owner = await person()
        own = await vault.apps.save(owner, "spotify", "an-app-of-mine", None)
        await vault.save(owner, "spotify", own.ref, account, upstream.grant(0), SCOPES, None)
        with pytest.raises(Unavailable):
            await vault.credential(owner, "spotify")
    assert upstream.calls == []
    [other] = await people(vault, upstream, person, 1, 0)
    assert access(await vault.credential(other, "spotify")) == "access-8"


async def test_a_pause_lasts_as_long_as_a_503_asks(
    vault: Vault, upstream: FakeUpstream, person: Person, database: Database
) -> None:
    owner = await person()
    connection = await connect(vault, upstream, owner, expires_in=0)
    upstream.error = Unavailable("spotify", "refresh", "HTTP 503", retry_after=900)
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await vault.credential(owner, "spotify")
        assert caught.value.retry_after is not None and 800 < caught.value.retry_after <= 900
    assert len(upstream.calls) == 1
    paused = "SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM connections WHERE id = %s"
    assert 800 < await scalar(database, paused, connection.id) <= 900
