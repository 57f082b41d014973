"""Owner links open once."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

from vault.store.database import Database
from vault.store.ownerlinks import OwnerLinks


async def test_a_link_opens_once_even_for_many_at_once(database: Database) -> None:
    links, key = OwnerLinks(database), os.urandom(32)
    await links.add(key)
    assert sum(await asyncio.gather(*(links.consume(key) for _ in range(8)))) == 1
    assert not await links.consume(key)


async def test_an_unknown_or_expired_link_does_not_open(database: Database) -> None:
    links, key = OwnerLinks(database), os.urandom(32)
    await links.add(key, timedelta(0))
    assert not await links.consume(key)
    assert not await links.consume(os.urandom(32))


async def test_links_of_yesterday_are_swept_by_the_next_one(empty_database: Database) -> None:
    links = OwnerLinks(empty_database)
    await links.add(os.urandom(32), timedelta(days=-2))
    await links.add(os.urandom(32))
    async with empty_database.connection() as link:
        rows = await link.execute("SELECT count(*) FROM owner_links")
        assert await rows.fetchone() == (1,)
