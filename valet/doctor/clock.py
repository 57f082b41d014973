"""The clock of this machine, held against the database's, the public address's and a provider's."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import httpx2

from providers.base import Provider
from valet.doctor.finding import Finding, fault, ok, warning
from valet.doctor.patient import Patient
from valet.doctor.wire import Wire
from vault.store.vitals import Vitals

_SKEW, _FAR_OFF = 5.0, 60.0
_FIX = "let this machine keep time: timedatectl set-ntp true, or chrony"


async def look(at: Patient) -> list[Finding]:
    """By how much they differ. A Date header has whole seconds, and its answer took a moment."""
    against: dict[str, float] = {}
    if at.database is not None:
        began = time.time()
        server = await Vitals(at.database).server()
        against["the database's"] = (began + time.time()) / 2 - server.clock
    async with Wire(at.origin) as wire:
        here = await wire.date()
    if here is not None:
        against["that of PUBLIC_URL"] = here
    for provider in at.known:
        if provider.name in at.apps:
            there = await _provider(at, provider)
            if there is not None:
                against[f"{provider.title}'s"] = there
                break
    found = [_verdict(whose, off) for whose, off in against.items() if abs(off) >= _SKEW]
    if not found and against:
        found.append(ok(f"agrees with {', '.join(against)}"))
    return found


def _verdict(whose: str, off: float) -> Finding:
    said = f"the clock here is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} {whose}"
    return fault(said, _FIX) if abs(off) > _FAR_OFF else warning(said, _FIX)


async def _provider(at: Patient, provider: Provider) -> float | None:
    if not provider.token_url:
        return None
    address = at.transport.address(provider.token_url)
    try:
        async with httpx2.AsyncClient(timeout=4, trust_env=False) as http:
            answer = await http.head(address)
        return time.time() - parsedate_to_datetime(answer.headers["Date"]).timestamp() - 0.5
    except (httpx2.HTTPError, KeyError, ValueError, OverflowError):
        return None
