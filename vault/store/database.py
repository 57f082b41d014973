"""The pool: one place that opens connections to PostgreSQL."""

from __future__ import annotations

import asyncio
import math
import os
import select
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vault.errors import Busy, PersonGone
from vault.spans import Spans, off
from vault.store.roles import LIMITS, limited

Connection = psycopg.AsyncConnection[Any]

# The server is gone, going, coming back, or a standby: the same statement may work in a moment.
_AWAY = (
    PoolTimeout,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)
_PERSONS = ("_user_id_fkey", "_owner_fkey")
"""How PostgreSQL names the constraints of columns that say whose a row is."""
_SESSION = " ".join(f"-c {name}={value}" for name, value in LIMITS.items())
_PLAIN: dict[str, Any] = {"autocommit": True, "prepare_threshold": None, "connect_timeout": 5}
POOL = 10
"""The most connections of one process."""
LONGEST = 6.0
"""Seconds for one use of a connection. The server's own limits do not reach us through a dead line."""
_SPAN = {"db.system.name": "postgresql"}
_CHECK = 2.0
"""Seconds for the pool to see whether a connection still is one."""
_TRUSTED = 1.0
"""Seconds since its last answer for which a quiet line counts as one, without a round trip to ask."""


class Line(psycopg.AsyncConnection[Any]):
    """A connection of the pool; `answered`: when its last use ended well, by the monotonic clock."""

    answered = -math.inf


class Database:
    """A pool of autocommit connections.

    `prepare_threshold=None` because PgBouncer in transaction mode may answer the next statement from
    another server connection; for the same reason nothing here uses session state. The limits of statements
    are the role's own (`valet prepare` sets them), for PgBouncer takes no `options`; only where the role has
    none are they asked for so, of a server that is reached directly. `longest`: seconds for one use of a
    connection. `spans` trace each use.
    """

    def __init__(
        self,
        url: str,
        *,
        min_size: int = 1,
        max_size: int = POOL,
        longest: float = LONGEST,
        spans: Spans = off,
    ) -> None:
        self._longest = longest
        self._url = url
        self._spans = spans
        self._pool: AsyncConnectionPool[Line] = AsyncConnectionPool(
            url,
            connection_class=Line,
            kwargs=dict(_PLAIN),
            min_size=min_size,
            max_size=max_size,
            timeout=5,
            max_lifetime=1800,
            # The pool doubles its pause up to this: after an outage it must not sleep for minutes.
            reconnect_timeout=5,
            check=_check,
            reconnect_failed=self._go_on,
            open=False,
        )
        self._askers: set[asyncio.Task[None]] = set()
        self.answered = 0.0
        """When a connection was last used to the end, on the monotonic clock."""

    async def _go_on(self, pool: AsyncConnectionPool[Line]) -> None:
        # After `reconnect_timeout` the pool gives up and tries again only for one who asks anew: who waits in
        # it already would wait in vain, for all of `timeout`, though the database may be back.
        if pool.get_stats().get("requests_waiting"):
            task = asyncio.create_task(self._ask(pool))
            self._askers.add(task)
            task.add_done_callback(self._askers.discard)

    @staticmethod
    async def _ask(pool: AsyncConnectionPool[Line]) -> None:
        with suppress(*_AWAY):
            async with pool.connection(timeout=1):
                pass

    async def open(self) -> None:
        """Open the pool. Raises Busy when the database can't be reached within five seconds."""
        try:
            if not await asyncio.to_thread(limited, self._url):
                self._pool.kwargs = {**_PLAIN, "options": _SESSION}
            await self._pool.open(wait=True, timeout=5)
        except _AWAY as error:
            raise Busy("the database does not answer") from error

    def stats(self) -> dict[str, int]:
        """The pool's figures, as psycopg_pool names them."""
        return dict(self._pool.get_stats())

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode.

        Raises Busy when none is to be had or it breaks, PersonGone when a row would be of nobody.
        """
        held: Line | None = None
        try:
            with self._spans("database", _SPAN, client=True, within=True):
                async with self._pool.connection() as held:
                    with _bounded(held, self._longest):
                        yield held
                    held.answered = self.answered = time.monotonic()
        except _AWAY as error:
            raise Busy("the database does not answer") from error
        except psycopg.errors.ForeignKeyViolation as error:
            if (error.diag.constraint_name or "").endswith(_PERSONS):
                raise PersonGone from error
            raise
        except psycopg.DatabaseError as error:
            # Where libpq itself says that the line broke there is no SQLSTATE, and so no class that tells.
            if held is not None and error.sqlstate is None and held.closed:
                raise Busy("the database does not answer") from error
            raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction: committed at the end, rolled back on any exception."""
        async with self.connection() as connection, connection.transaction():
            yield connection


async def _check(connection: Line) -> None:
    """Raise where it is broken. One that answered a moment ago is looked at only: an end that the server
    made lies in the line to be read, and of a healthy one that waits nothing does. So a call that follows
    another does not pay a round trip for each of its statements.
    """
    if time.monotonic() - connection.answered < _TRUSTED and not _something_to_read(connection):
        return
    with _bounded(connection, _CHECK):
        await AsyncConnectionPool.check_connection(connection)


def _something_to_read(connection: Connection) -> bool:
    look = select.poll()
    look.register(connection.fileno(), select.POLLIN | select.POLLPRI)
    return bool(look.poll(0))


@contextmanager
def _bounded(connection: Connection, seconds: float) -> Iterator[None]:
    """Hang up when the block takes longer: what waits then gets an OperationalError at once.

    A peer that vanished (failover, a dropped NAT entry, a stopped host) sends nothing, so a wait would last
    for minutes; and cancelling it would ask the same peer to cancel.
    """
    watch = asyncio.get_running_loop().call_later(seconds, _hang_up, connection)
    try:
        yield
    finally:
        watch.cancel()


def _hang_up(connection: Connection) -> None:
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
