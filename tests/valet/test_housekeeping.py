"""The sweeps run, go on after a busy database, and stop."""

from __future__ import annotations

import asyncio

from valet.housekeeping import housekeeping
from vault.errors import Busy
from vault.store.database import Database
from vault.store.ownerlinks import OwnerLinks


async def test_every_sweep_runs_again_and_again_also_after_a_busy_one() -> None:
    ran: list[str] = []
    thrice = asyncio.Event()

    async def busy() -> int:
        ran.append("busy")
        raise Busy("the database does not answer")

    async def swept() -> int:
        ran.append("swept")
        if ran.count("swept") == 3:
            thrice.set()
        return 1

    async with housekeeping([busy, swept], every=0.001):
        await asyncio.wait_for(thrice.wait(), 10)
    count = len(ran)
    await asyncio.sleep(0)
    assert ran.count("busy") >= 3 and len(ran) == count


async def test_old_owner_links_go(database: Database) -> None:
    links = OwnerLinks(database)
    async with database.connection() as link:
        await link.execute(
            "INSERT INTO owner_links (hash, expires_at) VALUES ('\\x01', now() - interval '2 days')"
        )
        await link.execute(
            "INSERT INTO owner_links (hash, expires_at) VALUES ('\\x02', now() - interval '1 hour')"
        )
    assert await links.sweep() == 1
    async with database.connection() as link:
        left = await (await link.execute("SELECT hash FROM owner_links WHERE hash < '\\x03'")).fetchall()
    assert [bytes(row[0]) for row in left] == [b"\x02"]
