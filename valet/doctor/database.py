"""The database: which server, as which role, over which pooler, how far away."""

from __future__ import annotations

import asyncio

import psycopg

from valet.doctor.away import STANDBY
from valet.doctor.finding import Finding, fault, note, ok, warning
from valet.doctor.patient import Patient
from valet.roles import too_much
from vault.store.database import POOL
from vault.store.vitals import Server, Vitals, Way, way

_OLDEST, _NEWEST = 15, 18
_FAR = 0.02
_SPARE = 5
"""Connections for whoever looks after it: this doctor, a dump, `valet prepare`."""


async def look(at: Patient) -> list[Finding]:
    """All of it, where it answers."""
    if at.database is None or at.url is None:
        return []
    vitals = Vitals(at.database)
    server = await vitals.server()
    try:
        route: Way | None = await asyncio.to_thread(way, at.url.get_secret_value())
    except psycopg.Error:
        route = None
    return [*_server(server), *_pooler(at, server, route), *_role(at, route), _trip(await vitals.trip())]


def _server(server: Server) -> list[Finding]:
    if server.standby:
        return [fault(*STANDBY)]
    found: list[Finding] = []
    if server.major < _OLDEST:
        found.append(fault(f"this is PostgreSQL {server.major}", f"Valet needs {_OLDEST} or newer"))
    elif server.major > _NEWEST:
        found.append(note(f"this is PostgreSQL {server.major}; Valet is tested on {_OLDEST} to {_NEWEST}"))
    else:
        found.append(ok(f"PostgreSQL {server.major}, {server.size / 1e6:.0f} MB"))
    if server.encoding != "UTF8":
        found.append(
            fault(
                f"its encoding is {server.encoding}: not every name can be kept",
                "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and move the data there",
            )
        )
    return found


def _pooler(at: Patient, server: Server, route: Way | None) -> list[Finding]:
    if route is None:
        return []
    found: list[Finding] = []
    if route.pooled:
        how = "in transaction mode" if route.shared else "in session mode"
        found.append(ok(f"a pooler stands between, {how}"))
        if not server.limited:
            role = route.rights.role
            found.append(
                warning(
                    "the pooler drops the time limits that Valet asks for, so a statement may wait for ever",
                    f"ALTER ROLE {role} SET statement_timeout = '5s'; ALTER ROLE {role} SET "
                    "lock_timeout = '2s'; "
                    f"ALTER ROLE {role} SET idle_in_transaction_session_timeout = '10s'",
                )
            )
        return found
    return _room(max(1, len(at.running)), server, route.rights.role)


def _room(processes: int, server: Server, role: str) -> list[Finding]:
    """Whether all that run may have all that their pools may ask for, and an operator a few beside them."""
    bounds = [(server.most, "the server takes", "raise max_connections")]
    if server.role_most is not None:
        bounds.append((server.role_most, "the role may have", f"ALTER ROLE {role} CONNECTION LIMIT -1"))
    if server.database_most is not None:
        fix = "ALTER DATABASE … CONNECTION LIMIT -1"
        bounds.append((server.database_most, "the database takes", fix))
    most, whose, fix = min(bounds)
    wanted = POOL * processes
    if wanted + _SPARE <= most:
        return []
    count = "1 process" if processes == 1 else f"{processes} processes"
    return [
        warning(
            f"{count} may open {wanted} connections, and {whose} {most}",
            f"{fix}, or put PgBouncer in transaction mode between",
        )
    ]


def _role(at: Patient, route: Way | None) -> list[Finding]:
    if route is None:
        return []
    held = route.rights
    if not held.faults:
        return [ok(f"the role {held.role} may work in the tables and change neither schema nor audit")]
    refusal = too_much(at.settings, held, quiet=True)
    if refusal is None:
        return [note(f"the role {held.role} {held.faults[0]}: fine for one machine")]
    return [fault(f"the role {held.role} {', and '.join(held.faults)}", refusal.partition("\n")[2].strip())]


def _trip(seconds: float) -> Finding:
    shown = f"{seconds * 1000:.1f} ms there and back"
    if seconds < _FAR:
        return ok(shown)
    return warning(
        f"{shown}: every request of a chat asks it a few times",
        "run Valet near its database: in the same data centre this is below 2 ms",
    )
