"""Every examination, in the order in which they are told. Another one is a file and a line here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import psycopg

from valet.doctor import (
    address,
    apps,
    audit,
    clock,
    connections,
    database,
    disk,
    files,
    limits,
    mcp,
    pools,
    ring,
    schema,
    settings,
    tls,
    wellknown,
    workers,
)
from valet.doctor.finding import Finding, fault, warning
from valet.doctor.patient import Patient
from vault.errors import Busy

_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Examination:
    """A name, and what looks. It changes nothing, and raises nothing but what a database away raises."""

    name: str
    look: Callable[[Patient], Awaitable[list[Finding]]]


EXAMINATIONS = (
    Examination("settings", settings.look),
    Examination("database", database.look),
    Examination("schema", schema.look),
    Examination("key ring", ring.look),
    Examination("processes", workers.look),
    Examination("pools", pools.look),
    Examination("address", address.look),
    Examination("certificate", tls.look),
    Examination("/mcp", mcp.look),
    Examination("documents", wellknown.look),
    Examination("files", files.look),
    Examination("clock", clock.look),
    Examination("apps", apps.look),
    Examination("connections", connections.look),
    Examination("limits", limits.look),
    Examination("audit", audit.look),
    Examination("disk", disk.look),
)


async def examine(
    at: Patient, examinations: Sequence[Examination] = EXAMINATIONS, *, seconds: float = _SECONDS
) -> list[Finding]:
    """All of them at once, none for longer than that; the findings in their order."""
    told = await asyncio.gather(*(_bounded(at, each, seconds) for each in examinations))
    found: list[Finding] = []
    for each, findings in zip(examinations, told, strict=True):
        early = [one for one in at.ailments if (one.about or "database") == each.name]
        found += [replace(one, about=each.name) for one in (*early, *findings)]
    return found


async def _bounded(at: Patient, examination: Examination, seconds: float) -> list[Finding]:
    try:
        async with asyncio.timeout(seconds):
            return await examination.look(at)
    except TimeoutError:
        return [
            warning(f"could not be looked at within {seconds:.0f} s", "run valet doctor again in a minute")
        ]
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return []  # the schema is behind, and that is said there
    except psycopg.errors.InsufficientPrivilege:
        fix = "valet prepare, with MIGRATION_DATABASE_URL: it gives the role what it needs"
        return [fault("the role of DATABASE_URL may not read what it must", fix)]
    except Busy:
        return [warning("the database did not answer while this was looked at", "run valet doctor again")]
    except Exception as error:  # noqa: BLE001 - one that fails must not hide what the others find
        # The kind only: its text may quote what it was given.
        return [
            warning(
                f"could not be looked at ({type(error).__name__})", "tell it to the project, with this line"
            )
        ]
