"""Telling a provider that a grant is over: at once, and after a passing failure a few times more.

Some providers end everything of an account with one token. There nothing is ended while anybody's live
connection stands on the same account and app, for it would die with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog
from pydantic import SecretStr

from providers.base import App, ProviderError, RateLimited, Unavailable
from vault.apps import Through
from vault.errors import Busy
from vault.store.connections import Connection, Connections
from vault.upstream import Granted

_log = structlog.get_logger(__name__)

_OPERATION = "revoke"
_LONGEST = 600.0
"""Seconds: what a provider asks for beyond that is not waited for with a token in memory."""
_MOST = 1000
"""How many revocations wait for another try at a time."""

_PATIENCE = 3.0
"""Seconds that a person waits for the provider to answer."""

_PASSING = (Busy, Unavailable, RateLimited)

Sure = Callable[[], Awaitable[bool]]
"""Whether a grant is over here. Raises Busy while that is not known."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A grant that no connection holds: its person did not want it after all."""

    owner: UUID
    provider: str
    app: str
    account_index: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """A connection as it was before its end, and whether the provider has ended it too.

    `told` is False where the provider has no revocation, could not be reached or asked, or was left alone
    because another connection stands on the same account there.
    """

    connection: Connection
    told: bool


class Revoker:
    """Ends grants at their providers. `call`: seconds for one try; `pauses`: seconds before each further one.

    A token that waits for another try rests in memory only.
    """

    def __init__(
        self, connections: Connections, upstream: Through, *, call: float, pauses: Sequence[float]
    ) -> None:
        self._connections = connections
        self._upstream = upstream
        self._call = call
        self._pauses = tuple(pauses)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def __repr__(self) -> str:
        return f"Revoker({len(self._tasks)} pending)"

    async def end(self, row: Granted, token: SecretStr, app: App | str | None = None) -> bool:
        """Whether the provider has ended that grant of the row. Raises nothing.

        `app` is the row's where it was opened already: it may have been deleted since. False too where it is
        not known within a few seconds. It goes on in the background, whatever becomes of the caller, and
        after a passing failure it is tried again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                return await asyncio.shield(self.begin(row, token, app=app))
        return False

    def begin(
        self, row: Granted, token: SecretStr, sure: Sure | None = None, *, app: App | str | None = None
    ) -> asyncio.Future[bool]:
        """Start to end that grant; the future has what became of the first try.

        With `sure` nothing is ended before that says that the grant is over here.
        """
        first: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        pauses = self._pauses if len(self._tasks) < _MOST else ()
        task = asyncio.create_task(self._work(row, token, app, sure, pauses, first))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return first

    async def _work(
        self,
        row: Granted,
        token: SecretStr,
        app: App | str | None,
        sure: Sure | None,
        pauses: Sequence[float],
        first: asyncio.Future[bool],
    ) -> None:
        error: Exception | None = None
        for pause in (0, *pauses):
            last = error is not None and await self._rest(pause, error)
            try:
                # Opened once: a person's own app may be deleted before the last try.
                app = app or await self._upstream.app(row, _OPERATION)
                told = (sure is None or await sure()) and await self._tell(row, app, token)
            except _PASSING as passing:
                error = passing
                _settle(first, told=False)
                if last:
                    break
            except Exception as unforeseen:  # noqa: BLE001 - the row is ended, nobody is to hear otherwise
                error = unforeseen
                break
            else:
                if error is not None:
                    _log.info("revoked_late", provider=row.provider, told=told)
                _settle(first, told=told)
                return
        _settle(first, told=False)
        # What is left: the grant is listed at the provider until its person removes it there.
        _log.warning("revoke_given_up", provider=row.provider, error=type(error).__name__)

    async def _rest(self, pause: float, error: Exception) -> bool:
        """Wait before another try; True where the process ends, so that it is the last."""
        asked = error.retry_after if isinstance(error, RateLimited) else 0
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(pause, asked), _LONGEST)):
                await self._closing.wait()
        return self._closing.is_set()

    async def _tell(self, row: Granted, app: App | str, token: SecretStr) -> bool:
        """One try. Raises Busy, Unavailable, RateLimited: then another may do."""
        if self._upstream.sweeping(row.provider) and await self._connections.alive(
            row.provider, row.account_index, row.app
        ):
            _log.info("revoke_left_alone", provider=row.provider)
            return False
        try:
            async with asyncio.timeout(self._call):
                return await self._upstream.revoke(row.provider, app, token)
        except TimeoutError:
            raise Unavailable(row.provider, _OPERATION, "no answer in time") from None
        except (Unavailable, RateLimited):
            raise
        except ProviderError as error:
            _log.warning("revoke_failed", provider=row.provider, error=type(error).__name__)
            return False

    async def drain(self, seconds: float) -> None:
        """Try what is pending once more, at once, and give that so long."""
        if not self._tasks:
            return
        self._closing.set()
        _, late = await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in late:
            task.cancel()
        self._closing.clear()
        if late:
            _log.warning("revoke_given_up", reason="the process ends", pending=len(late))


def _settle(first: asyncio.Future[bool], *, told: bool) -> None:
    if not first.done():
        first.set_result(told)
