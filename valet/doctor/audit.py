"""The audit: whether it is as it was written, where that is soon found out."""

from __future__ import annotations

from valet.doctor.finding import Finding, fault, note, ok, warning
from valet.doctor.patient import Patient
from vault.audit.check import Check
from vault.store.audit import AuditRows

_MOST = 20_000
"""Rows that are checked in less than a second or two."""


async def look(at: Patient) -> list[Finding]:
    """The whole of it while it is short."""
    if at.database is None or at.operator is None:
        return []
    rows = AuditRows(at.database)
    latest = await rows.latest()
    if latest > _MOST:
        return [note(f"about {latest} rows were written: too many to check here", "valet audit verify")]
    verdict = await Check(rows, at.operator.derive("audit")).run()
    if not verdict.sound:
        return [
            fault(
                f"{len(verdict.faults)} places are not what was written: somebody changed the table",
                "valet audit verify says where",
            )
        ]
    found = [ok(f"{verdict.rows} rows of {verdict.workers} processes are as they were written")]
    if verdict.lost:
        found.append(
            warning(
                f"{verdict.lost} rows could not be written when they should have been",
                "the database was away; see its log for that time",
            )
        )
    return found
