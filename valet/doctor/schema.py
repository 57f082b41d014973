"""The schema: whether it is this release's."""

from __future__ import annotations

import asyncio

import psycopg

from valet.doctor.finding import Finding, fault, note, ok
from valet.doctor.patient import Patient
from vault.store.migrate import applied, migrations

_PREPARE = "valet prepare, with MIGRATION_DATABASE_URL; before the processes of this release start"


async def look(at: Patient) -> list[Finding]:
    """How far the database is, beside what this program knows."""
    if at.url is None or at.database is None:
        return []
    newest = migrations()[-1].version
    try:
        found = await asyncio.to_thread(applied, at.url.get_secret_value())
    except psycopg.Error:
        return [fault("the role of DATABASE_URL may not read which schema this is", _PREPARE)]
    embedded = at.settings.database_url is None
    if found == 0:
        return [fault("there is nothing of Valet in this database", at.start if embedded else _PREPARE)]
    if found < newest:
        return [
            fault(
                f"the schema is {newest - found} steps behind: {found} of {newest}",
                f"start it: {at.start}" if embedded else _PREPARE,
            )
        ]
    if found > newest:
        return [note(f"the schema, {found}, is of a newer release than this program, which knows {newest}")]
    return [ok(f"{found}, of this release")]
