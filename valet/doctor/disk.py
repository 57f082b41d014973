"""Room in the data folder, where our own database is."""

from __future__ import annotations

import shutil

from valet.doctor.finding import Finding, fault, ok, warning
from valet.doctor.patient import Patient

_LITTLE, _NONE = 2_000_000_000, 300_000_000


async def look(at: Patient) -> list[Finding]:
    """Only for the embedded database: another server's disk can't be seen from here."""
    if at.settings.database_url is not None or not at.folder.exists():
        return []
    free = shutil.disk_usage(at.folder).free
    said = f"{free / 1e9:.1f} GB free for {at.folder}"
    if free > _LITTLE:
        return [ok(said)]
    fix = "make room on that disk, or move the folder (VALET_DATA_DIR)"
    return [fault(said, fix) if free < _NONE else warning(said, fix)]
