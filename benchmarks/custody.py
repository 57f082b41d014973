"""The operator's work over everything: each data key wrapped by a new key, and each record opened."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.table import Cell
from vault.custody import Custodian
from vault.rings.edit import RingFile
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.verify import Verifier


async def work(url: str, ring: Path, connections: int) -> list[Cell]:
    """Rows a second: data keys that were wrapped anew, and sealed records that were opened.

    Each is done once, by one process, as fast as it goes; nobody else is served meanwhile.
    """
    file = RingFile(ring)
    file.rotate(FileKeyRing(ring).active)
    keys = FileKeyRing(ring)
    database = Database(url)
    await database.open()
    try:
        started = time.perf_counter()
        done = await Custodian(database, keys).rewrap()
        rewrapped = done.moved / (time.perf_counter() - started)
        # Beside everybody's there is the operator's own.
        assert done.whole and done.moved == connections + 1, done
        started = time.perf_counter()
        verdicts = await Verifier(database, keys).verify()
        took = time.perf_counter() - started
    finally:
        await database.close()
    assert not any(verdict.refused for verdict in verdicts), verdicts
    opened = {verdict.kind: verdict.opened for verdict in verdicts}
    assert opened["connections"] == connections, opened
    return [rewrapped, sum(opened.values()) / took]
