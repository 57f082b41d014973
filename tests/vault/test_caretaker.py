"""The caretaker over a real PostgreSQL: once each, a few at a time, and in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from providers.base import App, AppRejected, RateLimited, TokenSet, Unavailable
from tests.vault.tended import DAY, HOUR, column, tended
from tests.vault.upstreams import Clock, FakeUpstream, Told, access, run, scalar, until
from vault.caretaker import Caretaker
from vault.errors import Busy, Sealed
from vault.health import health
from vault.rings.file import FileKeyRing
from vault.store.connections import Connection
from vault.store.database import Database
from vault.timing import Timing
from vault.vault import Vault, open_vault

Person = Callable[[], Awaitable[UUID]]

BRISK = Timing(restart=0, poll=0.01)
ILL = Unavailable("any", "refresh", "HTTP 500")


class Counting(FakeUpstream):
    """One worker's way to the provider `to`: how many refreshes were under way in it at most."""

    def __init__(self, to: FakeUpstream) -> None:
        super().__init__()
        self.to, self.under_way, self.most = to, 0, 0

    async def refresh(self, provider: str, app: App | str, refresh_token: Any) -> TokenSet:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await self.to.refresh(provider, app, refresh_token)
        finally:
            self.under_way -= 1


class Yard:
    """Workers on one database before one provider that no other test knows."""

    def __init__(
        self, database: Database, ring: Path, upstream: FakeUpstream, person: Person, clock: Clock, told: Told
    ) -> None:
        self.database, self.ring, self.upstream, self.person = database, ring, upstream, person
        self.clock, self.told = clock, told
        self.provider = f"tended-{uuid4().hex[:12]}"
        self.stack = AsyncExitStack()

    async def worker(self, timing: Timing = BRISK) -> tuple[Vault, Caretaker, Counting]:
        counting = Counting(self.upstream)
        ring = FileKeyRing.create(self.ring)
        vault = await open_vault(
            self.database, ring, counting, timing=timing, clock=self.clock, report=self.told
        )
        self.stack.push_async_callback(vault.drain)
        return vault, vault.caretaker([self.provider]), counting

    async def rows(self, vault: Vault, number: int, **how: Any) -> list[Connection]:
        return [
            await tended(vault, self.upstream, await self.person(), self.provider, **how)
            for _ in range(number)
        ]

    async def versions(self, rows: list[Connection]) -> list[int]:
        async with self.database.connection() as link:
            found = await link.execute(
                "SELECT secret_version FROM connections WHERE id = ANY(%s)", ([row.id for row in rows],)
            )
            return [version for (version,) in await found.fetchall()]

    async def refreshed(self, rows: list[Connection], number: int) -> None:
        """Return once that many of the rows were refreshed and stored."""
        async with asyncio.timeout(60):
            while (await self.versions(rows)).count(2) < number:
                await asyncio.sleep(0.01)


@pytest.fixture
async def yard(
    database: Database, ring_path: Path, upstream: FakeUpstream, person: Person, clock: Clock, told: Told
) -> AsyncIterator[Yard]:
    yard = Yard(database, ring_path, upstream, person, clock, told)
    yield yard
    if upstream.gate is not None:
        upstream.gate.set()
    await yard.stack.aclose()


@asynccontextmanager
async def rounds(caretaker: Caretaker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """The caretaker at work; gives a function that returns once it has looked so many times more."""
    pause, paused = caretaker._pause, [0]

    async def counted(seconds: float) -> None:
        paused[0] += 1
        await pause(seconds)

    monkeypatch.setattr(caretaker, "_pause", counted)

    async def after(more: int = 3) -> None:
        wanted = paused[0] + more
        await until(lambda: paused[0] >= wanted)

    async with caretaker.at_work():
        yield after


async def test_four_workers_refresh_each_of_two_hundred_once_and_eight_at_a_time(yard: Yard) -> None:
    workers = [await yard.worker() for _ in range(4)]
    rows = await yard.rows(workers[0][0], 200)
    async with AsyncExitStack() as stack:
        for _, caretaker, _ in workers:
            await stack.enter_async_context(caretaker.at_work())
        await yard.refreshed(rows, 200)
    assert len(yard.upstream.calls) == len(set(yard.upstream.calls)) == 200
    assert await yard.versions(rows) == [2] * 200, "and nobody came back for one"
    assert yard.told.outcomes == ["refreshed"] * 200
    assert all(0 < counting.most <= 8 for _, _, counting in workers)
    held = "SELECT count(*) FROM connections WHERE provider = %s AND lease_owner IS NOT NULL"
    assert await scalar(yard.database, held, yard.provider) == 0


@pytest.mark.parametrize("at_once", [1, 8])
async def test_a_slow_provider_is_asked_for_no_more_at_a_time(yard: Yard, at_once: int) -> None:
    vault, caretaker, counting = await yard.worker(Timing(restart=0, poll=0.01, at_once=at_once))
    rows = await yard.rows(vault, 20)
    yard.upstream.gate = asyncio.Event()
    async with caretaker.at_work():
        await yard.upstream.called(at_once)
        yard.upstream.gate.set()
        await yard.refreshed(rows, 20)
    assert counting.most == at_once


async def test_one_provider_that_hangs_keeps_no_other_waiting(yard: Yard) -> None:
    vault, _, _ = await yard.worker()
    other = f"{yard.provider}-2"
    caretaker = vault.caretaker([other, yard.provider])
    stuck = await tended(vault, yard.upstream, await yard.person(), other)
    gate, refresh = asyncio.Event(), yard.upstream.refresh

    async def slow(provider: str, app: App | str, token: Any) -> TokenSet:
        if provider == other:
            await gate.wait()
        return await refresh(provider, app, token)

    yard.upstream.refresh = slow  # type: ignore[method-assign]
    rows = await yard.rows(vault, 10)
    async with caretaker.at_work():
        await yard.refreshed(rows, 10)
        assert await yard.versions([stuck]) == [1]
        gate.set()
    assert await yard.versions([stuck]) == [2], "what was begun is ended"


async def test_who_needs_a_token_meanwhile_joins_and_who_does_not_is_served_at_once(yard: Yard) -> None:
    vault, caretaker, _ = await yard.worker()
    [urgent] = await yard.rows(vault, 1, left=20)
    [calm] = await yard.rows(vault, 1, left=200)
    yard.upstream.gate = asyncio.Event()
    async with caretaker.at_work():
        await yard.upstream.called(2)
        assert access(await vault.credential(calm.owner, yard.provider)) == "access-2"
        joined = asyncio.create_task(vault.credential(urgent.owner, yard.provider))
        refused = asyncio.create_task(vault.credential(calm.owner, yard.provider, refused=1))
        await asyncio.sleep(0)
        yard.upstream.gate.set()
        assert (await joined).version == 2 and (await refused).version == 2
    assert len(yard.upstream.calls) == 2


async def test_who_needs_a_token_does_not_lose_it_by_a_look_ahead_that_came_to_nothing(yard: Yard) -> None:
    """Another worker holds the lease: the caretaker goes away at once, and who joined it waits."""
    vault, caretaker, _ = await yard.worker()
    [row] = await yard.rows(vault, 1, left=10)
    take, asked, go = vault._refresher._lessee.take, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any) -> Any:
        asked.set()
        await go.wait()
        return await take(*args)

    vault._refresher._lessee.take = slow  # type: ignore[method-assign]
    async with caretaker.at_work():
        await asked.wait()
        caller = asyncio.create_task(vault.credential(row.owner, yard.provider))
        await asyncio.sleep(0)
        await run(
            yard.database,
            "UPDATE connections SET lease_owner = gen_random_uuid(), lease_until = now() + interval '1 hour'"
            " WHERE id = %s",
            row.id,
        )
        go.set()
        await asyncio.sleep(0)
        await run(yard.database, "UPDATE connections SET lease_until = NULL WHERE id = %s", row.id)
        assert (await caller).version == 2
    assert len(yard.upstream.calls) == 1


async def test_a_failure_ahead_of_need_costs_nobody_anything_and_is_not_repeated_soon(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, caretaker, _ = await yard.worker()
    [row] = await yard.rows(vault, 1, left=200)
    yard.upstream.error = Unavailable(yard.provider, "refresh", "HTTP 500")
    async with rounds(caretaker, monkeypatch) as after:
        await yard.upstream.called()
        await after()
        assert access(await vault.credential(row.owner, yard.provider)) == "access-1"
        await after()
    assert len(yard.upstream.calls) == 1
    assert 40 < await column(yard.database, "tend_at", row.id) <= 90
    assert await column(yard.database, "status", row.id) == "active"


@pytest.mark.parametrize(
    ("error", "least"),
    [(RateLimited("any", "refresh", 7200), 7200), (AppRejected("any", "refresh"), 3600)],
    ids=["rate limited", "app refused"],
)
async def test_what_goes_for_an_app_is_not_tried_with_each_of_its_connections(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, error: Exception, least: float
) -> None:
    vault, caretaker, _ = await yard.worker(Timing(restart=0, poll=0.01, at_once=1))
    rows = await yard.rows(vault, 12, left=200)
    yard.upstream.error = error
    waiting = (
        "SELECT count(*) FROM connections WHERE provider = %s AND tend_at < now() + interval '59 minutes'"
    )
    async with rounds(caretaker, monkeypatch) as after:
        while await scalar(yard.database, waiting, yard.provider):
            await after(1)
        await after()
    assert len(yard.upstream.calls) == 1
    times = [await column(yard.database, "tend_at", row.id) for row in rows]
    assert all(least - 60 < seconds < 1.5 * least + 60 for seconds in times)
    assert max(times) - min(times) > 60, "and they do not all come back at one moment"


async def test_an_open_circuit_is_left_alone_and_one_request_finds_out(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, caretaker, counting = await yard.worker()
    yard.clock.stop()
    rows = await yard.rows(vault, 30, left=200)
    yard.upstream.gate, yard.upstream.error = asyncio.Event(), ILL
    async with rounds(caretaker, monkeypatch) as after:
        await yard.upstream.called(8)
        yard.upstream.gate.set()  # it is open before anybody looks again
        await after()
        asked = len(yard.upstream.calls)
        assert asked == 8, "what was under way when it opened, and no more"
        yard.clock.move(29)
        await after()
        assert len(yard.upstream.calls) == asked
        untouched = "SELECT count(*) FROM connections WHERE provider = %s AND tend_at <= now()"
        assert await scalar(yard.database, untouched, yard.provider) == 22
        yard.upstream.gate, yard.upstream.error, counting.most = asyncio.Event(), None, 0
        yard.clock.move(2)
        await yard.upstream.called(asked + 1)
        await after()
        assert counting.most == 1 and len(yard.upstream.calls) == asked + 1, "a probe goes alone"
        yard.upstream.gate.set()
        await yard.refreshed(rows, 22)


async def test_one_without_a_refresh_token_is_condemned_only_when_it_is_over(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, caretaker, _ = await yard.worker()
    grant = yard.upstream.grant
    yard.upstream.grant = lambda left=HOUR: TokenSet(grant().access_token, left)  # type: ignore[method-assign]
    [row] = await yard.rows(vault, 1, left=200)
    async with rounds(caretaker, monkeypatch) as after:
        # Until it is put off: what comes after that is not undone by it.
        while await column(yard.database, "tend_at", row.id) < 40:
            await after(1)
        assert await column(yard.database, "status", row.id) == "active"
        assert access(await vault.credential(row.owner, yard.provider)) == "access-1"
        await run(
            yard.database,
            "UPDATE connections SET access_expires_at = now() - interval '1 s', tend_at = now()"
            " WHERE id = %s",
            row.id,
        )
        async with asyncio.timeout(60):
            while await column(yard.database, "status", row.id) == "active":
                await after(1)
    assert await column(yard.database, "reason", row.id) == "no_refresh_token"
    assert yard.upstream.calls == []


async def test_an_idle_connection_is_refreshed_once_and_then_left_for_three_months(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, caretaker, _ = await yard.worker()
    [idle] = await yard.rows(vault, 1, used=100 * DAY, left=-95 * DAY)
    [never] = await yard.rows(vault, 1, used=None, left=-95 * DAY)
    [fresh] = await yard.rows(vault, 1, used=100 * DAY, left=-50 * DAY)
    async with rounds(caretaker, monkeypatch) as after:
        await yard.refreshed([idle, never], 2)
        await run(yard.database, "UPDATE connections SET tend_at = now() WHERE provider = %s", yard.provider)
        await after()
    assert sorted(yard.upstream.calls) == ["refresh-1", "refresh-2"]
    assert await yard.versions([fresh]) == [1]
    assert 80 * DAY < await column(yard.database, "tend_at", idle.id) < 90 * DAY


async def test_a_dead_workers_refresh_is_taken_over_though_nobody_asks(yard: Yard) -> None:
    vault, caretaker, _ = await yard.worker()
    [row] = await yard.rows(vault, 1, used=None, left=-5)
    await run(
        yard.database,
        "UPDATE connections SET lease_owner = gen_random_uuid(), lease_until = now() - interval '1 s',"
        " attempt_started_at = now() - interval '21 s' WHERE id = %s",
        row.id,
    )
    async with caretaker.at_work():
        await yard.refreshed([row], 1)
    assert yard.upstream.calls == ["refresh-1"]


async def test_a_process_that_stops_ends_what_it_began_and_leaves_the_rest_to_others(yard: Yard) -> None:
    vault, caretaker, _ = await yard.worker()
    rows = await yard.rows(vault, 30)
    yard.upstream.gate = asyncio.Event()
    async with caretaker.at_work():
        await yard.upstream.called(8)
        caretaker.rest()
        yard.upstream.gate.set()
    assert sorted(await yard.versions(rows)) == [1] * 22 + [2] * 8
    assert len(yard.upstream.calls) == 8
    free = (
        "SELECT count(*) FROM connections WHERE provider = %s AND secret_version = 1"
        " AND tend_at <= now() AND lease_owner IS NULL"
    )
    assert await scalar(yard.database, free, yard.provider) == 22
    _, other, _ = await yard.worker()
    async with other.at_work():
        await yard.refreshed(rows, 30)
    assert len(set(yard.upstream.calls)) == len(yard.upstream.calls) == 30


async def test_what_is_claimed_while_the_process_stops_is_given_back(yard: Yard) -> None:
    vault, caretaker, _ = await yard.worker()
    rows = await yard.rows(vault, 3)
    claim = caretaker._due.claim

    async def late(*args: Any, **options: Any) -> Any:
        got = await claim(*args, **options)
        caretaker.rest()
        return got

    caretaker._due.claim = late  # type: ignore[method-assign]
    async with caretaker.at_work():
        await until(caretaker._resting.is_set)
    assert yard.upstream.calls == []
    assert all([await column(yard.database, "tend_at", row.id) <= 0 for row in rows])


async def test_a_refresh_that_hangs_at_the_end_holds_the_end_up_for_a_bounded_time(yard: Yard) -> None:
    vault, caretaker, _ = await yard.worker(Timing(restart=0, poll=0.01, call=0.3))
    [row] = await yard.rows(vault, 1)
    hung = asyncio.Event()
    ahead = vault._refresher.ahead

    async def hang(*args: Any) -> Any:
        hung.set()
        await asyncio.Event().wait()

    vault._refresher.ahead = hang  # type: ignore[method-assign]
    async with caretaker.at_work():
        await hung.wait()
    assert not caretaker._running[yard.provider]
    vault._refresher.ahead = ahead  # type: ignore[method-assign]
    assert (await vault.credential(row.owner, yard.provider)).version == 1


async def test_a_database_that_is_away_is_waited_for_and_not_flooded(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, caretaker, _ = await yard.worker()
    rows = await yard.rows(vault, 12)
    claim, lease, tries = caretaker._due.claim, vault._connections.lease, [0, 0]
    away = {"claim": True, "lease": True}

    async def claiming(*args: Any, **options: Any) -> Any:
        tries[0] += 1
        if away["claim"]:
            raise Busy("away")
        return await claim(*args, **options)

    async def leasing(*args: Any, **options: Any) -> Any:
        tries[1] += 1
        if away["lease"]:
            raise Busy("away")
        return await lease(*args, **options)

    caretaker._due.claim = claiming  # type: ignore[method-assign]
    monkeypatch.setattr(vault._connections, "lease", leasing)
    async with rounds(caretaker, monkeypatch) as after:
        await after(5)
        assert 4 <= tries[0] <= 6, "one look, one pause"
        away["claim"] = False
        await until(lambda: tries[1] > 0)
        await after(2)
        assert tries[1] <= 12
        away["lease"] = False
        await run(yard.database, "UPDATE connections SET tend_at = now() WHERE provider = %s", yard.provider)
        await yard.refreshed(rows, 12)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE connections SET body = '\\x00' WHERE id = %s",
        "DELETE FROM deks WHERE id = (SELECT dek_id FROM connections WHERE id = %s)",
    ],
)
async def test_an_alarm_is_repeated_once_a_day_and_stops_nothing(yard: Yard, harm: str) -> None:
    vault, caretaker, _ = await yard.worker()
    [broken] = await yard.rows(vault, 1)
    rows = await yard.rows(vault, 3)
    await run(yard.database, harm, broken.id)
    with capture_logs() as logs:
        async with caretaker.at_work():
            await yard.refreshed(rows, 3)
    assert [entry["event"] for entry in logs].count("sealed_record_refused") == 1
    assert DAY - 60 < await column(yard.database, "tend_at", broken.id) < 1.5 * DAY
    [shown] = await vault.list(broken.owner)
    assert health(shown).word == "unreadable", "its person may read of it before a call fails"
    with pytest.raises(Sealed):
        await vault.credential(broken.owner, yard.provider)


async def test_one_bad_round_is_not_the_last(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, caretaker, _ = await yard.worker()
    [row] = await yard.rows(vault, 1)
    claim, bad = caretaker._due.claim, [RuntimeError("canary")]

    async def broken(*args: Any, **options: Any) -> Any:
        if bad:
            raise bad.pop()
        return await claim(*args, **options)

    caretaker._due.claim = broken  # type: ignore[method-assign]
    with capture_logs() as logs:
        async with caretaker.at_work():
            await yard.refreshed([row], 1)
    [entry] = [entry for entry in logs if entry["event"] == "tending_failed"]
    assert entry["error"] == "RuntimeError" and "canary" not in str(logs)


async def test_with_nothing_due_each_look_is_followed_by_a_pause(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, caretaker, _ = await yard.worker()
    await yard.rows(vault, 1, left=3000)
    claim, looks = caretaker._due.claim, [0]

    async def counted(*args: Any, **options: Any) -> Any:
        looks[0] += 1
        return await claim(*args, **options)

    caretaker._due.claim = counted  # type: ignore[method-assign]
    async with rounds(caretaker, monkeypatch) as after:
        await after(10)
        assert looks[0] <= 11
