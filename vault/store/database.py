"""The pool: one place that opens connections to PostgreSQL."""

from __future__ import annotations

import asyncio
import math
import os
import select
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
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
PATIENCE = 5.0
"""Seconds to wait for a connection."""
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
    connection; `patience`: to wait for one. `spans` trace each use.
    """

    def __init__(
        self,
        url: str,
        *,
        min_size: int = 1,
        max_size: int = POOL,
        longest: float = LONGEST,
        patience: float = PATIENCE,
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
            timeout=patience,
            max_lifetime=1800,
            # The pool doubles its pause up to this: after an outage it must not sleep for minutes.
            reconnect_timeout=5,
            check=_check,
            reconnect_failed=self._go_on,
            open=False,
        )
        self._askers: set[asyncio.Task[None]] = set()
        self._used = 0.0
        self._missed = 0
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
        # How long they were in use the pool counts in its own `connection` only, which is not used here. And
        # for none to be had it takes who went away while they waited, as a browser does that is closed.
        counted = {"usage_ms": round(self._used * 1000), "requests_errors": self._missed}
        return {**self._pool.get_stats(), **counted}

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection in autocommit mode, for the block.

        Raises Busy when none is to be had or it breaks, PersonGone when a row would be of nobody.
        """
        return _Use(self._pool, self._longest, self._spans, self._over, self._miss)

    def _miss(self) -> None:
        self._missed += 1

    def _over(self, held: Line, began: float, *, well: bool) -> None:
        now = time.monotonic()
        self._used += now - began
        if well:
            held.answered = self.answered = now

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction: committed at the end, rolled back on any exception."""
        async with self.connection() as connection, connection.transaction():
            yield connection


class _Use(AbstractAsyncContextManager[Connection]):
    """One use of a connection. Each statement is within one, so it is written out: generators of context
    managers, the pool's own among them, would cost more than the rest of what is done here.
    """

    __slots__ = ("_began", "_held", "_longest", "_miss", "_over", "_pool", "_span", "_spans", "_watch")

    def __init__(
        self,
        pool: AsyncConnectionPool[Line],
        longest: float,
        spans: Spans,
        over: Callable[..., None],
        miss: Callable[[], None],
    ) -> None:
        self._pool, self._longest, self._spans, self._over, self._miss = pool, longest, spans, over, miss

    async def __aenter__(self) -> Connection:
        self._span = self._spans("database", _SPAN, client=True, within=True)
        self._span.__enter__()
        try:
            self._held = await self._pool.getconn()
        except BaseException as error:
            self._span.__exit__(type(error), error, error.__traceback__)
            if isinstance(error, _AWAY):
                self._miss()
                raise Busy("the database does not answer") from error
            raise
        self._began = time.monotonic()
        self._watch = asyncio.get_running_loop().call_later(self._longest, _hang_up, self._held)
        return self._held

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held, last = self._held, error
        try:
            try:
                # In autocommit mode nothing is left to commit, and to roll back where something went wrong.
                if held.pgconn.transaction_status != TransactionStatus.IDLE:
                    await held.__aexit__(kind, error, trace)
            finally:
                self._watch.cancel()
                await self._pool.putconn(held)
        except BaseException as late:  # noqa: BLE001 - it goes on below, in words of ours where there are some
            last = late
        self._over(held, self._began, well=last is None)
        if last is None:
            self._span.__exit__(None, None, None)
            return
        self._span.__exit__(type(last), last, last.__traceback__)
        spoken = _spoken(last, held)
        if spoken is not None:
            raise spoken from last
        if last is not error:
            raise last


def _spoken(error: BaseException, held: Line) -> Exception | None:
    """The error in the vault's words, where it has some."""
    if isinstance(error, _AWAY):
        return Busy("the database does not answer")
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        return PersonGone() if (error.diag.constraint_name or "").endswith(_PERSONS) else None
    # Where libpq itself says that the line broke there is no SQLSTATE, and so no class that tells.
    if isinstance(error, psycopg.DatabaseError) and error.sqlstate is None and held.closed:
        return Busy("the database does not answer")
    return None


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
