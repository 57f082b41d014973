"""kill -9 of hundreds of workers in mid-refresh: what a provider's grace covers stays, nothing loops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.transport import Transport
from tests.proof.conftest import Say
from tests.proof.crew import Crew, shares
from tests.proof.nursery import Nursery
from tests.proof.people import ended, expire, leased, lost, owners, settle, standing, vault_over, versions
from tests.support.emulator import EmulatorProcess
from vault.store.database import Database
from vault.timing import Timing
from vault.vault import Vault

ORIGIN = "http://127.0.0.1:1"
WORKERS, EACH, KILLS = 8, 4, 500


@pytest.fixture
def crew(
    nursery: Nursery,
    empty_database: Database,
    empty_database_url: str,
    ring_path: Path,
    emulator: EmulatorProcess,
    vault: Vault,
) -> Crew:
    return Crew(nursery, empty_database, empty_database_url, ring_path, emulator)


@pytest.fixture
async def vault(empty_database: Database, ring_path: Path, emulator: EmulatorProcess) -> AsyncIterator[Vault]:
    async with Transport(emulator_origin=emulator.origin) as transport:
        yield await vault_over(empty_database, ring_path, transport)


async def test_within_the_providers_grace_no_killed_worker_costs_a_connection(
    empty_database: Database, emulator: EmulatorProcess, crew: Crew, vault: Vault, say: Say
) -> None:
    emulator.settings(grace_seconds=30)
    # Two halves by turns: while one's leases run out, the other's workers are killed.
    people = 2 * WORKERS * EACH
    who = owners(await settle(empty_database, vault, emulator, ORIGIN, people))
    halves = [shares(half, WORKERS) for half in (who[::2], who[1::2])]
    while crew.killed < KILLS:
        for wave in (
            crew.at_the_lease,
            crew.in_passing,
            crew.before_it_acted,
            crew.in_passing,
            crew.after_it_acted,
            crew.at_the_commit,
            crew.in_passing,
        ):
            for half in halves:
                await wave(half)
        await expire(empty_database)
        assert await crew.in_peace(who) == dict.fromkeys(who, "ok")
        assert await standing(empty_database) == {("active", None): people}
    refreshes = emulator.refreshes()
    stored = sum((await versions(empty_database)).values()) - people
    assert refreshes <= stored + crew.flying, "each request was stored or in flight at a kill: nobody loops"
    assert ended(emulator) == []
    say(
        f"grace 30 s: {crew.killed} workers killed in mid-refresh (and {crew.idle} around it) with "
        f"{crew.flying} refreshes in flight; {refreshes} refreshes, {stored} stored, lost 0"
    )


async def test_with_caretakers_at_work_no_killed_worker_costs_a_connection_either(
    nursery: Nursery,
    empty_database: Database,
    empty_database_url: str,
    ring_path: Path,
    emulator: EmulatorProcess,
    vault: Vault,
    say: Say,
) -> None:
    """They also refresh what nobody told them to, and take over from the dead before anybody asks."""
    brisk = Timing(lease=1, poll=0.1)
    place = (nursery, empty_database, empty_database_url, ring_path, emulator)
    crew = Crew(*place, brisk, caretaker=True)
    emulator.settings(grace_seconds=300)
    who = owners(await settle(empty_database, vault, emulator, ORIGIN, WORKERS * EACH))
    while crew.killed < 100:
        await crew.in_passing(shares(who, WORKERS))
    await expire(empty_database)
    assert await crew.in_peace(who) == dict.fromkeys(who, "ok")
    assert await standing(empty_database) == {("active", None): WORKERS * EACH}
    assert ended(emulator) == []
    say(f"caretakers at work: {crew.killed} workers killed in mid-refresh, lost 0")


async def test_the_shipped_times_are_within_a_grace_of_30_seconds(
    nursery: Nursery,
    empty_database: Database,
    empty_database_url: str,
    ring_path: Path,
    emulator: EmulatorProcess,
    vault: Vault,
    say: Say,
) -> None:
    workers = 32
    crew = Crew(nursery, empty_database, empty_database_url, ring_path, emulator, Timing())
    emulator.settings(grace_seconds=30)
    who = owners(await settle(empty_database, vault, emulator, ORIGIN, workers))
    await crew.after_it_acted(shares(who, workers))
    assert (crew.killed, crew.flying) == (workers, workers)
    assert await crew.in_haste(who, 120) == dict.fromkeys(who, "ok")
    assert await standing(empty_database) == {("active", None): workers}
    assert ended(emulator) == []
    refreshes = emulator.refreshes()
    assert refreshes == 2 * workers, "each by who was killed and by who took over"
    say(
        f"grace 30 s, the shipped times: {crew.killed} workers killed after the provider acted, "
        f"one survivor asked until all are served; {refreshes} refreshes, lost 0"
    )


async def test_without_grace_only_what_was_in_flight_is_lost_and_says_so_once(
    empty_database: Database, emulator: EmulatorProcess, crew: Crew, vault: Vault, say: Say
) -> None:
    workers = 14
    who = owners(await settle(empty_database, vault, emulator, ORIGIN, 8 * workers))
    waves = [crew.before_it_acted, crew.after_it_acted, crew.in_passing, crew.at_the_lease] * 2
    for number, wave in enumerate(waves):
        await wave(shares(who[number * workers : (number + 1) * workers], workers))
    assert crew.killed >= 80
    flying = await leased(empty_database)
    await expire(empty_database)
    asked = emulator.refreshes()
    results = await crew.in_peace(who)
    gone = await lost(empty_database)
    assert gone <= flying
    assert {owner for owner in who if results[owner] != "ok"} == gone
    assert {results[owner] for owner in gone} == {"ConnectionExpired lost_rotation"}
    assert len(gone) >= 4 * workers, "the provider's rule was in force"
    assert emulator.refreshes() <= asked + len(who), "each spent token is sent once more and never again"
    asked = emulator.refreshes()
    for _ in range(2):
        assert await crew.in_peace(who) == results
    assert emulator.refreshes() == asked
    await expire(empty_database)
    assert await crew.in_peace(who) == results
    assert emulator.refreshes() == asked + len(who) - len(gone)
    assert await standing(empty_database) == {
        ("active", None): len(who) - len(gone),
        ("needs_reauth", "lost_rotation"): len(gone),
    }
    assert len(ended(emulator)) == len(gone)
    say(
        f"no grace: {crew.killed} workers killed in mid-refresh (and {crew.idle} around it), {len(flying)} "
        f"refreshes in flight, lost {len(gone)} (lost_rotation); {emulator.refreshes()} refreshes"
    )
