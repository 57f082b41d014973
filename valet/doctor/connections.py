"""People's connections, counted: how they stand, leases that hang, refreshes that fail or are late."""

from __future__ import annotations

from collections import Counter

from valet.doctor.finding import Finding, fault, note, ok, warning
from valet.doctor.patient import Patient
from vault.health import UNREADABLE, health
from vault.store.standings import Standings
from vault.store.vitals import Strains, Vitals

_SHOWN = {"needs_reconnecting": "need their person", "ending": "end within two weeks", "pausing": "pause"}


async def look(at: Patient) -> list[Finding]:
    """Numbers by provider; nobody is named. `valet connections` has more of them."""
    if at.database is None:
        return []
    tallies = await Standings(at.database).count()
    strains = await Vitals(at.database).strains()
    states: Counter[str] = Counter()
    unreadable = 0
    for each in tallies:
        stands = health(each)
        states[stands.state] += each.count
        unreadable += each.count if stands.reason == UNREADABLE else 0
    found = [_standing(states)]
    if unreadable:
        found.append(
            fault(
                f"of {unreadable} what is kept can't be opened: an alarm, whoever did it",
                "valet keys verify says which; their people can connect anew",
            )
        )
    for strained in strains:
        found += _strained(at, strained)
    return found


def _standing(states: Counter[str]) -> Finding:
    total = sum(states.values())
    if not total:
        return note("nobody has connected anything yet")
    rest = [f"{states[state]} {words}" for state, words in _SHOWN.items() if states[state]]
    return ok(f"{total} connections, {states['healthy']} healthy" + "".join(f", {each}" for each in rest))


def _strained(at: Patient, of: Strains) -> list[Finding]:
    found = []
    if of.ahead:
        found.append(
            fault(
                f"{of.ahead} leases on {of.provider} end later than any lease may: the database's "
                "clock was set back",
                "let the database's host keep time; each is free again once its time has come",
            )
        )
    if of.left:
        found.append(
            warning(
                f"{of.left} leases on {of.provider} were never given back: their processes were "
                "killed while they "
                "refreshed",
                "nothing is lost, the next refresh takes them over; see why processes are killed (memory?)",
            )
        )
    if of.failing:
        found.append(
            warning(
                f"{of.failing} connections to {of.provider} failed to refresh three times or more",
                f"see whether {of.provider} can be reached and knows the app (above); they are "
                "tried again by "
                "themselves",
            )
        )
    if of.overdue and at.running:
        found.append(
            warning(
                f"{of.overdue} connections to {of.provider} have been due to be looked at for ten minutes",
                "start another process, or see its log for refresh errors",
            )
        )
    return found
