"""The operator's apps: those that the settings name, and beneath them those of the setup page."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping

import structlog

from providers.base import App
from vault.apps import Apps
from vault.errors import Busy

_log = structlog.get_logger(__name__)

_SECONDS = 2.0
"""How old the picture may be: a setup counts on every worker by then, for one short SELECT each."""
_MINUTE = 60.0
"""How long one that does not open is left alone."""


class OperatorApps(Mapping[str, App]):
    """Apps by provider name. The settings win over what rests in the vault.

    It is read without waiting, all the time; `fresh` brings it up to date, and whoever serves a request calls
    that first. While the database is away the last picture stands.
    """

    def __init__(
        self,
        given: Mapping[str, App],
        *,
        seconds: float = _SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.given = dict(given)
        self._apps: dict[str, App] = dict(given)
        self._vault: Apps | None = None
        self._seconds = seconds
        self._clock = clock
        self._due = 0.0
        self._mark: object = None
        self._again = math.inf

    def __getitem__(self, provider: str) -> App:
        return self._apps[provider]

    def __iter__(self) -> Iterator[str]:
        return iter(self._apps)

    def __len__(self) -> int:
        return len(self._apps)

    async def rest_in(self, vault: Apps) -> None:
        """Where the stored ones rest; they are read at once. Raises Busy."""
        self._vault = vault
        await self._read(vault)

    async def fresh(self) -> None:
        """Look again if the picture is too old. Raises nothing while the database is away."""
        if self._vault is None or self._clock() < self._due:
            return
        # Set before the read: the requests of that moment don't all ask, they go on with what is known.
        self._due = self._clock() + self._seconds
        try:
            await self._read(self._vault)
        except Busy:
            _log.debug("operator_apps_not_read")

    async def changed(self) -> None:
        """Look again now: this process just changed something. Raises Busy."""
        if self._vault is not None:
            await self._read(self._vault)

    async def _read(self, vault: Apps) -> None:
        # Opened only when a row changed; one that does not open also a minute later, for a new key ring comes
        # to one host after the other, and an alarm at each look would drown the others.
        again = self._clock() >= self._again
        stored = await vault.operated(None if again else self._mark)
        self._due = self._clock() + self._seconds
        if stored is not None:
            self._mark, self._apps = stored.mark, {**stored.apps, **self.given}
            self._again = math.inf if stored.whole else self._clock() + _MINUTE
