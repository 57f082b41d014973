"""By which way PostgreSQL found the rows: what it counts itself of indexes and sequential scans."""

from __future__ import annotations

import asyncio
from collections import Counter

import psycopg

# Of deks_operator is made use once, when a vault is opened.
_COUNTED = (
    "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes"
    " WHERE relname IN ('connections', 'deks') AND indexrelname <> 'deks_operator'"
    " UNION ALL SELECT 'sequential scan of ' || relname, seq_scan FROM pg_stat_user_tables"
    " WHERE relname IN ('connections', 'deks')"
)


class Usage:
    """Counts of scans in the database behind `url`."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def read(self) -> Counter[str]:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as link:
            cursor = await link.execute(_COUNTED)
            return Counter({name: count for name, count in await cursor.fetchall()})

    async def since(self, before: Counter[str]) -> tuple[str, int]:
        """Through which indexes rows were found since then, and how many sequential scans there were.

        Ask when who read has closed the pool: a session counts at its end, at the latest.
        """
        async with (
            asyncio.timeout(30),
            await psycopg.AsyncConnection.connect(self._url, autocommit=True) as link,
        ):
            while True:
                cursor = await link.execute("SELECT FROM pg_stat_activity WHERE usename = 'valet_app'")
                if await cursor.fetchone() is None:
                    break
                await asyncio.sleep(0.05)
        scans = await self.read() - before
        indexes = [name for name in sorted(scans) if not name.startswith("sequential")]
        return ", ".join(indexes), sum(scans.values()) - sum(scans[name] for name in indexes)
