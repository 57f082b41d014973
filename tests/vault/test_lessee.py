"""One worker's way with leases, alone: what it asks of the store, and what it does while that is away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from vault.errors import Busy
from vault.gauges import LeaseGauges
from vault.ids import new_id
from vault.lessee import Lessee
from vault.returns import Returns
from vault.store.connections import Connections
from vault.store.leases import Lease, SealedConnection
from vault.timing import Timing

OWNER, CONNECTION = new_id(), new_id()
RELEASE, LEASE = ("release", OWNER, CONNECTION), ("lease", OWNER, CONNECTION)


class FakeStore:
    """Notes each call. `away`: so many of the next calls raise Busy."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.away = 0
        self.condemns = True
        self.generation: int | None = 7
        self.given: Lease | None = None

    def _asked(self, *call: Any) -> None:
        self.calls.append(call)
        if self.away:
            self.away -= 1
            raise Busy("away")

    async def lease(self, *args: Any, **options: Any) -> Lease | None:
        self._asked("lease", args, options)
        return self.given

    async def held(self, *args: Any) -> int | None:
        self._asked("held", args)
        return self.generation

    async def abandon(self, *args: Any) -> None:
        self._asked("abandon", args)

    async def release(self, lease: Lease, **options: Any) -> None:
        self._asked("release", lease, options)

    async def condemn(self, *args: Any) -> bool:
        self._asked("condemn", args)
        return self.condemns


class Bench:
    def __init__(self) -> None:
        self.store, self.now, self.needed = FakeStore(), 1000.0, False
        self.metrics = CollectorRegistry()
        self.told: list[tuple[UUID, str]] = []
        self.asked: list[tuple[UUID, UUID]] = []
        self.returns = Returns(sleep=self._sleep)
        self.lessee = Lessee(
            cast(Connections, self.store),
            self.returns,
            Timing(skew=1, lease=2, restart=3),
            self._needed,
            lambda row, outcome: self.told.append((row.id, outcome)),
            LeaseGauges(self.metrics),
            clock=lambda: self.now,
        )

    async def _sleep(self, _: float) -> None:
        self.now += 10

    def _needed(self, owner: UUID, connection: UUID) -> bool:
        self.asked.append((owner, connection))
        return self.needed

    async def later(self) -> list[tuple[Any, ...]]:
        """What is asked once the store is back."""
        before = len(self.store.calls)
        await self.returns.drain(20)
        return self.store.calls[before:]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def lease() -> Lease:
    row = SealedConnection(
        id=CONNECTION, owner=OWNER, provider="spotify", app="operator", label="Ana", scopes=[],
        status="active", reason=None, secret_version=5, body=None, dek_id=None, kek_ref=None, wrapped=None,
        expires_in=0, retry_in=0, grant_over=False, used_lately=True, account_index=b"",
    )  # fmt: skip
    return Lease(row, 7, ambiguous=False, failures=0)


async def test_it_takes_leases_under_one_name_with_its_timing(bench: Bench, lease: Lease) -> None:
    bench.store.given = lease
    assert await bench.lessee.take(OWNER, CONNECTION, 5) is lease
    assert await bench.lessee.take(OWNER, CONNECTION, None) is lease
    [(_, one, options), (_, two, other)] = bench.store.calls
    assert one == two
    assert (one[0], one[1], type(one[2])) == (OWNER, CONNECTION, UUID)
    assert options == {"skew": 1, "seconds": 2, "restart": 3, "refused": 5}
    assert other == options | {"refused": None}
    assert Bench().lessee._worker != bench.lessee._worker


async def test_what_became_of_asking_is_counted(bench: Bench, lease: Lease) -> None:
    lapsed = replace(lease, ambiguous=True)
    for bench.store.given in (lease, lease, lease, lapsed, lapsed, None):
        assert await bench.lessee.take(OWNER, CONNECTION, None) is bench.store.given
    bench.store.away = 1
    with pytest.raises(Busy):
        await bench.lessee.take(OWNER, CONNECTION, None)
    counted = {
        word: bench.metrics.get_sample_value("valet_leases_total", {"outcome": word})
        for word in ("taken", "taken_after_lapse", "not_taken")
    }
    assert counted == {"taken": 3, "taken_after_lapse": 2, "not_taken": 1}


async def test_without_a_registry_nothing_is_counted_and_all_goes_on(bench: Bench, lease: Lease) -> None:
    bench.store.given = lease
    alone = Lessee(cast(Connections, bench.store), bench.returns, Timing(), lambda *_: False, lambda *_: None)
    assert await alone.take(OWNER, CONNECTION, None) is lease


async def test_a_lease_whose_answer_got_lost_is_given_back(bench: Bench) -> None:
    bench.store.away = 1
    with pytest.raises(Busy):
        await bench.lessee.take(OWNER, CONNECTION, None)
    assert bench.returns.due(LEASE)
    worker = bench.store.calls[0][1][2]
    assert await bench.later() == [
        ("held", (OWNER, CONNECTION, worker)), ("abandon", (OWNER, CONNECTION, 7))
    ]  # fmt: skip
    assert bench.asked == [(OWNER, CONNECTION)]


@pytest.mark.parametrize("why", ["not held", "needed", "a release is due"])
async def test_a_lease_is_left_alone_that_is_in_use_or_not_held(bench: Bench, why: str) -> None:
    if why == "not held":
        bench.store.generation = None
    bench.needed = why == "needed"
    if why == "a release is due":
        bench.returns._due[RELEASE] = _nothing
    await bench.lessee.abandon(OWNER, CONNECTION)
    assert [name for name, *_ in bench.store.calls] == ["held"]


async def test_another_release_that_is_due_keeps_nobody(bench: Bench) -> None:
    bench.returns._due["release", OWNER, new_id()] = _nothing
    await bench.lessee.abandon(OWNER, CONNECTION)
    assert [name for name, *_ in bench.store.calls] == ["held", "abandon"]


async def _nothing() -> None:
    pass


@pytest.mark.parametrize("answered", [True, False])
async def test_a_lease_is_given_back_as_it_is_said(bench: Bench, lease: Lease, answered: bool) -> None:
    await bench.lessee.give_back(lease, answered=answered)
    await bench.lessee.give_back(lease, answered=answered, retry_after=5.0, limited=True)
    assert bench.store.calls == [
        ("release", lease, {"answered": answered, "retry_after": None, "limited": False}),
        ("release", lease, {"answered": answered, "retry_after": 5.0, "limited": True}),
    ]
    assert not bench.returns.due(RELEASE)


@pytest.mark.parametrize(("pause", "left"), [(35.0, 25.0), (10.5, 0.5), (5.0, 0), (None, None)])
async def test_a_pause_goes_by_while_the_store_is_away(
    bench: Bench, lease: Lease, pause: float | None, left: float | None
) -> None:
    bench.store.away = 1
    await bench.lessee.give_back(lease, answered=True, retry_after=pause)
    assert bench.returns.due(RELEASE)
    bench.now += 10
    assert await bench.later() == [
        ("release", lease, {"answered": True, "retry_after": left, "limited": False})
    ]


async def test_a_condemnation_is_told_and_logged(bench: Bench, lease: Lease) -> None:
    with capture_logs() as logs:
        assert await bench.lessee.condemn(lease, "revoked") is True
    assert bench.store.calls == [("condemn", (lease.row, "revoked"))]
    assert bench.told == [(CONNECTION, "revoked")]
    assert logs == [
        {
            "event": "connection_needs_reauth",
            "log_level": "warning",
            "provider": "spotify",
            "reason": "revoked",
        }
    ]


async def test_a_row_that_moved_on_is_not_condemned_and_its_lease_is_given_back(
    bench: Bench, lease: Lease
) -> None:
    bench.store.condemns = False
    with capture_logs() as logs:
        assert await bench.lessee.condemn(lease, "revoked") is False
    assert bench.store.calls[1:] == [("release", lease, {"answered": True, "retry_after": None})]
    assert (bench.told, logs) == ([(CONNECTION, "overtaken")], [])


async def test_a_condemnation_waits_for_the_store(bench: Bench, lease: Lease) -> None:
    bench.store.away = 1
    with pytest.raises(Busy):
        await bench.lessee.condemn(lease, "expired")
    assert bench.returns.due(RELEASE) and bench.told == []
    assert await bench.later() == [("condemn", (lease.row, "expired"))]
    assert bench.told == [(CONNECTION, "expired")]


async def test_it_waits_for_what_is_due_as_long_as_it_may(
    bench: Bench, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited, drain = [], bench.returns.drain

    async def spy(seconds: float) -> None:
        waited.append(seconds)
        await drain(seconds)

    monkeypatch.setattr(bench.returns, "drain", spy)
    bench.store.away = 2
    await bench.lessee.give_back(lease, answered=True)
    await bench.lessee.drain(20)
    assert waited == [20]
    assert [name for name, *_ in bench.store.calls] == ["release"] * 3
    assert not bench.returns.due(RELEASE)
