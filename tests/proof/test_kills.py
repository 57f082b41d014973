"""kill -9 in mid-refresh, hundreds of times: what a provider's grace covers is not lost, nothing loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from providers.transport import Transport
from tests.proof.conftest import Say
from tests.proof.people import REFRESH, ended, expire, leased, lost, owners, settle, standing, vault_over
from tests.proof.worker import Worker
from tests.support.emulator import EmulatorProcess
from vault.store.database import Database

ORIGIN = "http://127.0.0.1:1"
PEOPLE = 50


class Crew:
    """Workers on one database, one after the other; the next is already warm."""

    def __init__(self, url: str, ring: Path, emulator: EmulatorProcess) -> None:
        self._place = (url, ring, emulator.origin)
        self._emulator = emulator
        self._spare = Worker(*self._place)

    def next(self) -> Worker:
        worker, self._spare = self._spare, Worker(*self._place)
        return worker

    def kill_held(self, who: list[UUID], kind: str, held: int | None = None) -> None:
        """Kill a worker once that many of its refreshes (default all) wait at the provider."""
        worker = self.next()
        self._emulator.fault(REFRESH, kind, times=held)
        worker.give(who)
        self._emulator.wait_hanging(held or len(who), seconds=30)
        worker.kill()
        self._emulator.clear_faults()
        self._calm()

    def kill_at(self, who: list[UUID], refreshes: int) -> None:
        """Kill a worker once that many of its refreshes have reached the provider."""
        before, worker = self._emulator.refreshes(), self.next()
        worker.give(who)
        while self._emulator.refreshes() - before < refreshes:
            pass
        worker.kill()

    def work(self, who: list[UUID]) -> dict[UUID, str]:
        """Let a worker do all of it in peace."""
        worker = self.next()
        worker.give(who)
        try:
            return worker.hear()
        finally:
            worker.finish()

    def close(self) -> None:
        self._spare.finish()

    def _calm(self) -> None:
        """Return when the provider has done all that the killed worker asked for."""
        while self._emulator.read("faults")["waiting"]:
            pass


@pytest.fixture
def crew(
    empty_database_url: str, ring_path: Path, emulator: EmulatorProcess, who: list[UUID]
) -> Iterator[Crew]:
    crew = Crew(empty_database_url, ring_path, emulator)
    try:
        yield crew
    finally:
        crew.close()


@pytest.fixture
async def who(
    empty_database: Database, ring_path: Path, emulator: EmulatorProcess
) -> AsyncIterator[list[UUID]]:
    """The owners of fifty expired connections."""
    async with Transport(emulator_origin=emulator.origin) as transport:
        vault = await vault_over(empty_database, ring_path, transport)
        yield owners(await settle(empty_database, vault, emulator, ORIGIN, PEOPLE))


async def test_within_the_providers_grace_no_kill_loses_a_connection(
    empty_database: Database, emulator: EmulatorProcess, crew: Crew, who: list[UUID], say: Say
) -> None:
    emulator.settings(grace_seconds=30)
    killed = passing = rounds = 0
    while killed < 500:
        for kind in ("hang", "late"):
            await asyncio.to_thread(crew.kill_held, who, kind)
            assert await leased(empty_database) == set(who), "every one was in flight"
            killed += len(who)
        await asyncio.to_thread(crew.kill_at, who, 5 * (rounds + 1))
        passing += len(await leased(empty_database))
        assert await asyncio.to_thread(crew.work, who) == dict.fromkeys(who, "ok")
        assert await standing(empty_database) == {("active", None): PEOPLE}
        await expire(empty_database)
        rounds += 1
    refreshes = emulator.refreshes()
    assert refreshes <= killed + 2 * PEOPLE * rounds, "nobody asks in a loop"
    assert ended(emulator) == []
    say(
        f"grace 30 s: {3 * rounds} workers killed, {killed} + {passing} refreshes in flight; "
        f"{refreshes} refreshes, lost 0"
    )


@pytest.mark.parametrize("kind", ["hang", "late"])
async def test_without_grace_only_what_was_in_flight_is_lost_and_says_so_once(
    empty_database: Database, emulator: EmulatorProcess, crew: Crew, who: list[UUID], say: Say, kind: str
) -> None:
    await asyncio.to_thread(crew.kill_held, who, kind, PEOPLE // 2)
    flying = await leased(empty_database)
    assert len(flying) >= PEOPLE // 2
    results = await asyncio.to_thread(crew.work, who)
    gone = await lost(empty_database)
    assert gone <= flying
    assert {owner for owner in who if results[owner] != "ok"} == gone
    assert {results[owner] for owner in gone} == {"ConnectionExpired lost_rotation"}
    assert len(gone) >= PEOPLE // 2, "the provider's rule was in force"
    asked = emulator.refreshes()
    assert asked <= PEOPLE + len(flying), "each spent token is sent once more and never again"
    for _ in range(2):
        assert await asyncio.to_thread(crew.work, who) == results
    assert emulator.refreshes() == asked
    await expire(empty_database)
    assert await asyncio.to_thread(crew.work, who) == results
    assert emulator.refreshes() == asked + PEOPLE - len(gone)
    assert await standing(empty_database) == {
        ("active", None): PEOPLE - len(gone),
        ("needs_reauth", "lost_rotation"): len(gone),
    }
    assert len(ended(emulator)) == len(gone)
    say(
        f"no grace, {kind}: {len(flying)} of {PEOPLE} in flight, lost {len(gone)} (lost_rotation); "
        f"{emulator.refreshes()} refreshes"
    )
