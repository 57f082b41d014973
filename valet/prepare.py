"""`valet prepare`: what processes that start side by side share is made before them, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from valet.keys import Cabinet, stock_up
from valet.serve import CannotServe, folder, migrate_given
from valet.settings import Settings
from vault.rings.choose import open_ring, path_of
from vault.store.migrate import applied


def prepare(settings: Settings, say: Callable[[str, str], None]) -> None:
    """Bring DATABASE_URL's schema to this release, let the app's role in, make the key ring if there is none.

    Safe to run again, and several at once: then the schema is one's work and the others wait for it. `say`
    is told each step. Raises CannotServe, SchemaError, KeyRingError, NotDone, Busy.
    """
    if settings.database_url is None:
        raise CannotServe(
            "there is nothing to prepare: without DATABASE_URL `valet serve` makes its own database and key "
            "ring"
        )
    migrate_given(settings, settings.database_url)
    say("schema", f"{applied(settings.database_url.get_secret_value())}, of this release")
    at = Cabinet(settings, "live", folder(settings, "live"))
    if path_of(at.setting) is None:
        asyncio.run(_opened(at))
        say("key ring", f"{at.setting} answers")
        return
    for line in asyncio.run(stock_up(at)).splitlines():
        say("key ring", line)


async def _opened(at: Cabinet) -> None:
    await open_ring(at.setting)
