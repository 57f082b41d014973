"""A process says that it is there, and with what, for as long as it is: what `valet doctor` compares."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from valet.ground import Ground
from valet.housekeeping import housekeeping
from vault.errors import Busy
from vault.ids import new_id
from vault.rings.mark import mark
from vault.store.migrate import migrations
from vault.store.workers import EVERY, Sign, Workers


@asynccontextmanager
async def present(ground: Ground, doors: Sequence[str]) -> AsyncIterator[None]:
    """Give signs of life while the block lasts, and take the row away at its end. Raises Busy at first."""
    workers, worker = Workers(ground.database), new_id()
    knows = migrations()[-1].version

    async def sign() -> int:
        # Looked at anew each time: a ring file is changed while we run.
        held = mark(ground.ring)
        origin = ground.settings.origin
        await workers.sign(Sign(worker, doors, version("valet"), knows, origin, held.active, held.word))
        return 0

    await sign()
    try:
        # A sweep comes within 1.5 times its pause: three signs in a row lost are still no funeral.
        async with housekeeping([sign, workers.sweep], every=EVERY):
            yield
    finally:
        # Where the database is away the row is found silent, and swept.
        with suppress(Busy):
            await workers.leave(worker)
