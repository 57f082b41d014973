"""Limits that were reached within a day, as the audit has them."""

from __future__ import annotations

from connect.limits import RULES
from valet.doctor.finding import Finding, note, ok, warning
from valet.doctor.patient import Patient
from vault.audit.entry import word
from vault.store.vitals import Vitals

_MANY = 1000


async def look(at: Patient) -> list[Finding]:
    """How often somebody was told to wait; whoever may add to the audit may have put a row in."""
    if at.database is None:
        return []
    rows = await Vitals(at.database).refused()
    known = {rule.name for rule in RULES}
    if not rows:
        return [ok("none was reached within a day")]
    said = ", ".join(
        f"{each.rule if each.rule in known else word(each.rule) or '?'} {each.times}×" for each in rows
    )
    if sum(each.times for each in rows) < _MANY:
        return [note(f"reached within a day: {said}")]
    return [
        warning(
            f"reached very often within a day: {said}",
            "name your proxies in VALET_TRUSTED_PROXIES if all come from one address (those before "
            "compose.yaml's nginx in VALET_FRONT_PROXY); docs/limits.md has the numbers",
        )
    ]
