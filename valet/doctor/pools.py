"""The pools: whether the processes that run get the connections to the database that they ask for."""

from __future__ import annotations

from valet.doctor.finding import Finding, fault, note, ok, warning
from valet.doctor.patient import Patient
from vault.store.workers import Pool, Workers

_SHARE = 0.1
"""Waits for each use from which on there are too many."""
_LONG = 0.05
"""Seconds of a wait that somebody notices. A pool that grows makes its askers wait too, but not so long."""
_FEW = 10
"""Fewer waits since the last sign say nothing: a single line that broke makes some."""
_FIX = "where the database is away, full or slow (above) mend that; else start another process beside it"


async def look(at: Patient) -> list[Finding]:
    """What each process that runs says of its pool, since its last sign."""
    if at.database is None or not at.running:
        return []
    told = await Workers(at.database).pools()
    troubles, well, silent = [], [], []
    for each in at.running:
        pool = told.get(each.id)
        if pool is None:
            silent.append(each.name)
        elif trouble := _trouble(each.name, pool):
            troubles.append(trouble)
        else:
            well.append(pool)
    found = [ok(_healthy(well))] if well else []
    if silent:
        found.append(note(f"an older release, which says nothing of its pool, runs in {', '.join(silent)}"))
    return [*found, *troubles]


def _healthy(pools: list[Pool]) -> str:
    uses = sum(each.asked for each in pools)
    return f"{len(pools)} had a connection whenever one was needed: {uses} uses since their last sign"


def _trouble(name: str, pool: Pool) -> Finding | None:
    if pool.missed:
        return fault(
            f"{name} got no connection to the database {pool.missed} times lately (it may have {pool.most}): "
            "who asked was told to try again",
            _FIX,
        )
    if pool.queued < max(_FEW, _SHARE * pool.asked) or pool.waited < _LONG * pool.queued:
        return None
    each = 1000 * pool.waited / pool.queued
    return warning(
        f"{name} waited {pool.queued} times in {pool.asked} uses lately, {each:.0f} ms each, for one of the "
        f"{pool.most} connections to the database that it may have",
        _FIX,
    )
