"""The processes: whether both doors are served, and whether all of them are alike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from valet.doctor.finding import Finding, fault, note, ok, warning
from valet.doctor.patient import Patient
from vault.rings.mark import mark
from vault.store.workers import Worker

_SKEW, _FAR_OFF = 5.0, 60.0
_DOORS = {"mcp_server": "valet mcp-server", "connect": "valet connect"}


async def look(at: Patient) -> list[Finding]:
    """What the processes say of themselves, compared with each other and with what is here."""
    if at.workers is None:
        return []
    running = at.running
    found = [*_silent(at.workers)]
    if not running:
        return [*found, warning("no process of Valet runs on this database", f"start it: {at.start}")]
    found.append(ok(", ".join(f"{each.name} ({each.version})" for each in running)))
    found += _doors(running)
    found += _versions(running)
    found += _rings(at, running)
    found += _origins(at, running)
    found += _clocks(running)
    return found


def _silent(workers: Iterable[Worker]) -> list[Finding]:
    return [
        note(f"{each.name} ended without a word {_ago(each.silent)} ago: killed, or its host went down")
        for each in workers
        if not each.alive
    ]


def _doors(running: list[Worker]) -> list[Finding]:
    served = {door for each in running for door in each.doors}
    return [
        fault(
            f"no process serves {'/mcp' if door == 'mcp_server' else 'the pages'} ({door})",
            f"start one: {how}",
        )
        for door, how in _DOORS.items()
        if door not in served
    ]


def _versions(running: list[Worker]) -> list[Finding]:
    versions = sorted({each.version for each in running})
    if len(versions) == 1:
        return []
    said = "; ".join(f"{one}: {_named(w for w in running if w.version == one)}" for one in versions)
    return [warning(f"several releases run: {said}", "fine during an update; then restart the older ones")]


def _rings(at: Patient, running: list[Worker]) -> list[Finding]:
    if at.ring is None:
        return []
    here = mark(at.ring)
    marks = {each.ring_mark for each in running}
    if marks == {here.word}:
        return [ok(f"all hold the key ring that is here; {here.active} wraps")]
    odd = [each for each in running if each.ring_mark != here.word]
    return [
        fault(
            f"another key ring than here is held by {_named(odd)} "
            f"(wraps with {', '.join(sorted({ascii(each.ring_active) for each in odd}))})",
            "give every process the same file (VALET_KEYRING); a running one reads a changed file by itself "
            "within a minute",
        )
    ]


def _origins(at: Patient, running: list[Worker]) -> list[Finding]:
    odd = [each for each in running if each.origin != at.origin]
    return [
        fault(f"{each.name} has PUBLIC_URL={each.origin}, and here it is {at.origin}",
              "set the same PUBLIC_URL everywhere, and restart")
        for each in odd
    ]  # fmt: skip


def _clocks(running: list[Worker]) -> list[Finding]:
    found = []
    for each in running:
        off = each.clock_ahead
        if abs(off) < _SKEW:
            continue
        way = "ahead of" if off > 0 else "behind"
        said = f"the clock of {each.name} is {abs(off):.0f} s {way} the database's"
        fix = "let its host keep time: timedatectl set-ntp true, or chrony"
        found.append(fault(said, fix) if abs(off) > _FAR_OFF else warning(said, fix))
    return found


def _named(workers: Iterable[Worker]) -> str:
    return ", ".join(each.name for each in workers)


def _ago(silent: timedelta) -> str:
    minutes = int(silent.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
