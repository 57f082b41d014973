"""Workers replaced, killed and set back, PgBouncer and PostgreSQL restarted: all of it under load."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.proof.people import ended, standing
from tests.support.crowd import Load, crowd
from tests.support.doors import ROOT, run
from tests.support.town import Town
from vault.store.database import Database
from vault.store.migrate import migrations

PLAYBACK = "GET api.spotify.com/v1/me/player*"
ROOMS = ("valet", "mcp_server", "connect", "vault", "providers")


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with Town() as town:
        yield town


@pytest.fixture
def following(tmp_path: Path) -> Path:
    """The source tree of the next release, whose schema has one step more."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    step = tmp_path / "vault" / "store" / "migrations" / f"{migrations()[-1].version + 1:04d}_next.sql"
    step.write_text(
        "-- Expand. What only the next release knows.\n"
        "ALTER TABLE connections ADD COLUMN next text NOT NULL DEFAULT 'none';\n"
        "CREATE TABLE following (id uuid PRIMARY KEY, owner uuid REFERENCES users ON DELETE CASCADE);\n"
    )
    return tmp_path


async def test_the_next_release_is_rolled_out_and_one_worker_set_back_without_a_failed_call(
    town: Town, following: Path
) -> None:
    """Every worker and every sidecar is restarted on the way."""
    async with crowd(town) as load:
        async with load.running():
            await load.more()
            await asyncio.to_thread(town.prepare, following)
            await load.more()
            for door in town.doors:
                door.root = following
                await asyncio.to_thread(door.restart)
                await load.more()
            town.workers[0].root = ROOT
            await asyncio.to_thread(town.workers[0].restart)
            await load.more()
        assert load.failed == [] and set(load.answers) == {"ok", "call ok", "token ok"}

    # A step that takes away what the older release needs keeps that from starting, and ends nobody.
    newest = migrations()[-1].version
    with psycopg.connect(town.postgres.owner, autocommit=True) as link:
        link.execute("UPDATE schema_migrations SET needs = %s WHERE version = %s", (newest + 1, newest + 1))
        try:
            ran = run("mcp-server", given=town.environment, folder=town.folder)
            assert ran.returncode == 2 and f"needs a release that knows {newest + 1}" in ran.stderr
        finally:
            link.execute("UPDATE schema_migrations SET needs = 0")


async def both_serve(town: Town, load: Load) -> None:
    """Call until each worker has answered: one that was started anew is left alone by nginx for a while."""
    since, everybody = len(town.served()), {worker.address for worker in town.workers}
    async with asyncio.timeout(60):
        while not everybody <= {row["worker"] for row in town.served(since)}:
            assert await load.call(load.chats[0]) == "ok"


async def test_a_worker_that_is_killed_loses_only_what_it_had_in_flight(town: Town) -> None:
    async with crowd(town) as load:
        await both_serve(town, load)
        since = len(town.served())
        town.emulator.fault(PLAYBACK, "hang", times=len(load.chats))
        flying = [asyncio.create_task(load.call(chat)) for chat in load.chats]
        await asyncio.to_thread(town.emulator.wait_hanging, len(load.chats))
        killed = town.workers[0]
        async with load.running():
            await asyncio.to_thread(killed.stop, signal.SIGKILL)
            await load.more()
            town.emulator.clear_faults()
            answers = await asyncio.gather(*flying)
            await asyncio.to_thread(killed.start)
            await load.more()
        lost = [row for row in town.served(since) if int(row["status"]) >= 500]
        assert {row["worker"] for row in lost} == {killed.address}
        assert 0 < answers.count("wrong") < len(answers), "both had some"
        assert len(lost) == len(load.failed), "nginx sent none of them to the other one"
        assert all("502" in what and "look before you ask again" in what for what in load.failed)
        assert {await load.call(chat) for chat in load.chats} == {"ok"}, "the client's second try"


async def test_a_database_that_is_restarted_is_waited_for_and_nothing_is_lost(town: Town) -> None:
    """PostgreSQL in order, PostgreSQL at once, and PgBouncer."""
    town.emulator.settings(rotate=True, reuse_detection=True, grace_seconds=0)
    town.emulator.forget()
    async with crowd(town) as load:
        async with load.running():
            await outages(town, load)
        assert load.failed == []
        assert load.answers["retry"] > 0
        assert ended(town.emulator) == [], "no token was spent twice"
        database = Database(town.postgres.app)
        await database.open()
        assert set(await standing(database)) == {("active", None)}
        await noted(database, load)
        await database.close()
        # What was acknowledged last is there.
        assert {await load.renew(chat) for chat in load.chats} == {"ok"}
    ran = await asyncio.to_thread(run, "audit", "verify", given=town.environment, folder=town.folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr


async def outages(town: Town, load: Load) -> None:
    """Each of them once, while tokens have to be renewed at the provider."""
    for server, number in (
        (town.postgres, signal.SIGINT),
        (town.postgres, signal.SIGQUIT),
        (town.bouncer, signal.SIGINT),
    ):
        await load.more()
        town.emulator.expire("access")
        await asyncio.to_thread(server.stop, number)
        await told(load)
        await asyncio.to_thread(server.start)
        assert await load.everybody() <= 5, "seconds until everybody is served again"


async def told(load: Load) -> None:
    """Somebody heard that it is to be tried again, on a call and on a page."""
    before = load.answers.copy()
    await load.until(lambda: load.answers["call retry"] > before["call retry"])


async def noted(database: Database, load: Load) -> None:
    """Every call that was answered stands in its person's activity, a moment later at most."""
    owners = [chat.person.owner for chat in load.chats]
    async with asyncio.timeout(20):
        while True:
            async with database.connection() as link:
                cursor = await link.execute(
                    "SELECT count(*) FROM activity WHERE user_id = ANY(%s) AND outcome = 'ok'", (owners,)
                )
                [row] = await cursor.fetchall()
            if row[0] >= load.answers["call ok"]:
                return
            await asyncio.sleep(0.05)
