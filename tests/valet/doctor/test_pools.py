"""A process whose pool of connections is really used up says so, and the doctor tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.valet.doctor.conftest import Site, a_worker, look, only
from tests.vault.upstreams import until
from valet.doctor.finding import Finding
from valet.rollcall import Roll
from vault.errors import Busy
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.store.workers import Pool, Workers

MOST = 2


class Process:
    """Another process on the site's database, with `MOST` connections."""

    def __init__(self, site: Site, patience: float) -> None:
        ring = FileKeyRing(Path(site.environment["VALET_KEYRING"]))
        self.database = Database(site.app, min_size=MOST, max_size=MOST, patience=patience)
        self.roll = Roll(self.database, ring, "http://127.0.0.1:8420", ["mcp_server"])

    @property
    def name(self) -> str:
        """As the doctor calls it."""
        return f"mcp_server {self.roll.id.hex[-8:]}"

    async def use(self) -> None:
        """A connection, once."""
        async with self.database.connection() as link:
            await link.execute("SELECT 1")

    @asynccontextmanager
    async def used_up(self) -> AsyncIterator[None]:
        """Every connection is in use."""
        async with AsyncExitStack() as held:
            for _ in range(MOST):
                await held.enter_async_context(self.database.connection())
            yield

    async def wait(self, askers: int, seconds: float) -> None:
        """So many ask while none is free, and get one after that time."""
        clock = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as asking, self.used_up():
            for _ in range(askers):
                asking.create_task(self.use())
            await until(lambda: self.database.stats().get("requests_waiting") == askers)
            over = clock() + seconds
            await until(lambda: clock() > over)


@asynccontextmanager
async def a_process(site: Site, *, patience: float = 20) -> AsyncIterator[Process]:
    process = Process(site, patience)
    await process.database.open()
    try:
        yield process
    finally:
        await process.roll.leave()
        await process.database.close()


async def looked(site: Site) -> list[Finding]:
    return (await asyncio.to_thread(look, site, "pools"))["pools"]


async def test_pools_that_had_what_was_asked_of_them_are_one_line(site: Site) -> None:
    async with a_process(site) as process:
        for _ in range(40):
            await process.use()
        await process.roll.sign()
        [told] = await looked(site)
    assert told.level == "ok" and told.text.startswith("2 had a connection whenever one was needed")
    assert int(told.text.split(": ")[1].split()[0]) >= 40


async def test_a_process_that_waits_for_its_connections_is_told_until_it_does_no_more(site: Site) -> None:
    async with a_process(site) as process:
        await process.wait(12, 0.1)
        await process.roll.sign()
        found = await looked(site)
        told = only(found, "warning")
        assert f"{process.name} waited " in told.text and f"one of the {MOST} connections" in told.text
        assert "start another process" in told.fix
        assert "1 had a connection" in only(found, "ok").text, "the other process has no part in it"
        await process.roll.sign()
        [told] = await looked(site)
        assert told.level == "ok" and "2 had a connection" in told.text


async def test_a_process_that_gets_no_connection_is_told_though_its_sign_was_lost_meanwhile(
    site: Site,
) -> None:
    async with a_process(site, patience=0.2) as process:
        await process.roll.sign()
        async with process.used_up():
            asked = await asyncio.gather(*(process.use() for _ in range(3)), return_exceptions=True)
            assert [type(each) for each in asked] == [Busy] * 3
            with pytest.raises(Busy):
                await process.roll.sign()
        await process.roll.sign()
        told = only(await looked(site), "fault")
        assert f"{process.name} got no connection to the database 4 times" in told.text
        assert f"may have {MOST}" in told.text and "mend that" in told.fix


@pytest.mark.parametrize(
    ("asked", "queued", "waited", "missed", "level"),
    [
        (50, 40, 0.4, 0, None),
        (4, 4, 4.0, 0, None),
        (1000, 90, 90.0, 0, None),
        (1000, 110, 11.0, 0, "warning"),
        (1000, 110, 11.0, 1, "fault"),
        (1000, 0, 0.0, 1, "fault"),
    ],
    ids=["grew", "a line broke", "now and then", "often", "often, and none", "none"],
)
def test_from_when_on_a_pool_is_in_trouble(
    site: Site, asked: int, queued: int, waited: float, missed: int, level: str | None
) -> None:
    figures = {"asked": asked, "queued": queued, "waited": waited, "missed": missed, "most": 10}
    with a_worker(site, **{f"pool_{name}": figure for name, figure in figures.items()}):
        found = look(site, "pools")["pools"]
    assert [each.level for each in found] == ["ok"] + ([level] if level else [])


def test_a_process_of_the_release_before_is_named_and_nothing_is_said_of_its_pool(site: Site) -> None:
    with a_worker(site, version="0.0.1"):
        found = look(site, "pools")["pools"]
    assert [each.level for each in found] == ["ok", "note"]
    assert "1 had a connection" in found[0].text
    assert "an older release, which says nothing of its pool, runs in mcp_server+connect" in found[1].text


def test_on_the_schema_of_the_release_before_the_processes_are_still_looked_at(site: Site) -> None:
    site.run("ALTER TABLE workers RENAME COLUMN pool_asked TO later")
    try:
        found = look(site, "processes", "pools")
    finally:
        site.run("ALTER TABLE workers RENAME COLUMN later TO pool_asked")
    assert set(found) == {"processes"} and {each.level for each in found["processes"]} == {"ok"}


async def test_a_sign_says_what_the_pool_counted_since_the_one_before(site: Site) -> None:
    async with a_process(site) as process:
        await process.roll.sign()
        for _ in range(5):
            await process.use()
        # What a sign itself asks for comes after what it says: the next one tells it, and our look too.
        for asked in (6, 2):
            await process.roll.sign()
            pools = await Workers(process.database).pools()
            assert pools[process.roll.id] == Pool(MOST, asked, 0, 0.0, 0)
