"""What the operator's doctor reads: the server and what stands between, rows that hang, what was too much.

Numbers only, and across owners on purpose: no row of a person leaves this module. Nothing is changed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

import psycopg
from psycopg.rows import class_row

from vault.store.database import Database
from vault.store.roles import Rights, rights_on

_LATEST = 50_000
"""So many of the latest rows of the audit are looked through: there is no index by time."""
_LOOKS = 20
"""So often is looked again before a pooler is taken for one that shares no process."""


@dataclass(frozen=True, slots=True)
class Server:
    """The database server. `clock` is its time, seconds since 1970; `size` in bytes.

    `most`: connections that it takes from all who are no superusers; of these, what the role may have and
    what this database takes, where that is bounded. `limited`: whether the time limits that Valet asks for
    hold.
    """

    number: int
    encoding: str
    standby: bool
    most: int
    role_most: int | None
    database_most: int | None
    size: int
    clock: float
    limited: bool

    @property
    def major(self) -> int:
        """PostgreSQL's major version."""
        return self.number // 10_000


@dataclass(frozen=True, slots=True)
class Strains:
    """Connections of a provider that give trouble now, counted. What is of no person is not here."""

    provider: str
    left: int
    ahead: int
    failing: int
    overdue: int
    longest: timedelta | None


@dataclass(frozen=True, slots=True)
class Endings:
    """Permissions that end in the week that begins at that Monday (UTC)."""

    provider: str
    week: date
    count: int


@dataclass(frozen=True, slots=True)
class Refused:
    """How often a limit was reached within a day."""

    rule: str
    times: int


class Vitals:
    """Reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def server(self) -> Server:
        """The server that answers. Raises Busy."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Server)) as cursor:
            await cursor.execute(
                "SELECT current_setting('server_version_num')::integer AS number,"
                " current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby,"
                " current_setting('max_connections')::integer"
                "  - current_setting('superuser_reserved_connections')::integer"
                # Since PostgreSQL 16.
                "  - coalesce(current_setting('reserved_connections', true)::integer, 0) AS most,"
                " (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = session_user) AS role_most,"
                " (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())"
                "  AS database_most,"
                " pg_database_size(current_database()) AS size,"
                " extract(epoch FROM clock_timestamp())::float8 AS clock,"
                " current_setting('statement_timeout') NOT IN ('0', '0ms') AS limited"
            )
            return cast("Server", await cursor.fetchone())

    async def trip(self) -> float:
        """Seconds that the fastest of five questions takes, there and back. Raises Busy."""
        async with self._database.connection() as link:
            times = []
            for _ in range(5):
                began = time.perf_counter()
                await link.execute("SELECT 1")
                times.append(time.perf_counter() - began)
        return min(times)

    async def strains(self) -> list[Strains]:
        """Leases that nobody gave back or that end too late, failing refreshes, and what nobody looks at."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Strains)) as cursor:
            await cursor.execute(
                "SELECT provider,"
                " count(*) FILTER (WHERE lease_until < now() - interval '10 minutes') AS left,"
                " count(*) FILTER (WHERE lease_until > now() + interval '5 minutes') AS ahead,"
                " count(*) FILTER (WHERE fail_count >= 3) AS failing,"
                " count(*) FILTER (WHERE tend_at < now() - interval '10 minutes') AS overdue,"
                " max(now() - refreshed_at) FILTER (WHERE last_used_at > now() - interval '30 days')"
                "  AS longest"
                " FROM connections WHERE status = 'active' GROUP BY provider ORDER BY provider"
            )
            return await cursor.fetchall()

    async def endings(self) -> list[Endings]:
        """How many permissions end by themselves in each week of the coming half year. Raises Busy."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Endings)) as cursor:
            await cursor.execute(
                "SELECT provider, date_trunc('week', grant_expires_at AT TIME ZONE 'UTC')::date AS week,"
                " count(*) AS count FROM connections WHERE status = 'active'"
                " AND grant_expires_at > now() AND grant_expires_at < now() + interval '26 weeks'"
                " GROUP BY 1, 2 ORDER BY 2, 1"
            )
            return await cursor.fetchall()

    async def refused(self) -> list[Refused]:
        """Which limits of the front door were reached within a day, as far as the latest rows say."""
        async with self._database.connection() as link, link.cursor(row_factory=class_row(Refused)) as cursor:
            await cursor.execute(
                "SELECT coalesce(detail, '') AS rule, sum(times)::integer AS times FROM audit"
                " WHERE seq > (SELECT coalesce(max(seq), 0) FROM audit) - %(latest)s"
                " AND event = 'rate_limited' AND at > now() - interval '1 day' GROUP BY 1 ORDER BY 1",
                {"latest": _LATEST},
            )
            return await cursor.fetchall()


@dataclass(frozen=True, slots=True)
class Way:
    """How one gets to the database: its role's rights, and the pooler between, if there is one."""

    rights: Rights
    pooled: bool
    shared: bool


def way(url: str) -> Way:
    """Connect twice and look. Raises psycopg.Error.

    `pooled`: the process that serves us is not the one that greeted us. `shared`: two connections that are
    both open got one server process, which is what a pooler in transaction mode does.
    """
    with (
        psycopg.connect(url, autocommit=True, connect_timeout=5, prepare_threshold=None) as one,
        psycopg.connect(url, autocommit=True, connect_timeout=5, prepare_threshold=None) as other,
    ):
        pooled = (first := _process(one)) != one.info.backend_pid
        firsts, seconds = {first}, {_process(other)}
        # Somebody else's transaction may have taken the process between our two looks.
        for _ in range(_LOOKS if pooled else 0):
            if firsts & seconds:
                break
            firsts.add(_process(one))
            seconds.add(_process(other))
        return Way(rights_on(one), pooled, bool(firsts & seconds))


def _process(link: psycopg.Connection) -> int:
    row = link.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])
