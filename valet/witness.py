"""The audit of one command of the terminal: what the operator did is written when it is done."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry

from valet.settings import Settings
from vault.alarms import Alarms
from vault.audit.audit import Audit
from vault.cache import DekCache
from vault.errors import Busy, Sealed
from vault.keyring import KeyRingError
from vault.operator import Operator
from vault.rings.choose import open_ring
from vault.store.audit import AuditRows
from vault.store.database import Database
from vault.store.deks import Deks
from vault.store.meta import Mode

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def unsealed(settings: Settings, mode: Mode, database: Database) -> AsyncIterator[Operator | None]:
    """The operator's key for as long as the block lasts; None where the database has none yet.

    Raises KeyRingError, Sealed, Busy.
    """
    from valet.serve import folder

    kept = await Deks(database).operator()
    if kept is None:
        yield None
        return
    ring = await open_ring(settings.keyring or str(folder(settings, mode) / "keyring.json"))
    cache = DekCache(ring, Alarms(CollectorRegistry()))
    operator = Operator(await cache.lasting(kept))
    try:
        yield operator
    finally:
        operator.wipe()


@asynccontextmanager
async def witnessed(settings: Settings, mode: Mode, database: Database) -> AsyncIterator[Audit]:
    """Takes notes in the block and writes them at its end.

    What was done is done: where a row can't be written, because the key ring is not here for instance, one
    line says so.
    """
    audit = Audit(AuditRows(database))
    try:
        yield audit
    finally:
        if audit.waiting:
            await _write(settings, mode, database, audit)


async def _write(settings: Settings, mode: Mode, database: Database, audit: Audit) -> None:
    try:
        async with unsealed(settings, mode, database) as operator:
            if operator is not None:
                audit.begin(operator)
            await audit.close()
    except (KeyRingError, Sealed, Busy) as error:
        _log.info("audit_not_begun", error=type(error).__name__)
    if audit.head is None or audit.waiting:
        unwritten()


def unwritten() -> None:
    """Say that what was done does not stand in the audit."""
    print(
        "valet: that was done, but does not stand in the audit: that takes the key ring and the database",
        file=sys.stderr,
    )
