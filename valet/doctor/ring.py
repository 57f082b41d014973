"""The key ring: whether it opens, whether what is wrapped has its key there, and the file it is in."""

from __future__ import annotations

import psycopg

from valet.doctor.finding import Finding, fault, note, ok, warning
from valet.doctor.patient import Patient
from vault.errors import Busy
from vault.keyring import KeyRingError
from vault.rings.choose import path_of
from vault.rings.edit import RingFile
from vault.rings.mark import Named
from vault.store.custody import Custody


async def look(at: Patient) -> list[Finding]:
    """What can be said without opening anybody's records; `valet keys verify` opens them."""
    if at.ring is None:
        return []  # why not was found already
    found: list[Finding] = []
    if at.operator is not None:
        found.append(ok(f"opens this database; {at.ring.active} wraps"))
    found += await _unknown(at)
    path = path_of(at.keyring)
    if path is not None:
        found += _file(path_text=str(path), file=RingFile(path))
    return found


async def _unknown(at: Patient) -> list[Finding]:
    if at.database is None or not isinstance(at.ring, Named):
        return []
    names = at.ring.named()
    try:
        standing = await Custody(at.database).standing()
    except (psycopg.Error, Busy):
        return []
    missing: dict[str, int] = {}
    for each in standing:
        if each.kek_ref not in names:
            missing[each.kek_ref] = missing.get(each.kek_ref, 0) + each.count
    return [
        fault(
            f"{count} data keys are wrapped by {ref!a}, which the ring does not hold: they open for nobody",
            "put that key back from a backup of the ring: docs/keys.md",
        )
        for ref, count in missing.items()
    ]


def _file(path_text: str, file: RingFile) -> list[Finding]:
    try:
        keys = file.inventory()
    except KeyRingError:
        return []
    found = [
        warning(f"{key.ref} has wrapped for longer than a year", "valet keys rotate, then valet keys rewrap")
        for key in keys
        if key.state == "active" and key.tired
    ]
    found.append(
        note(f"whether {path_text} is backed up apart from the database can't be told from here",
             "valet keys backup PATH")
    )  # fmt: skip
    return found
