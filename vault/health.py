"""How a connection stands: what its person reads of it, and the word its operator counts it under.

    healthy               works, as far as is known here
     └ ending             … and its permission ends by itself within SOON; `urgent` within LATE
    pausing               the provider has asked for a pause, or fails: it is tried again by itself
    needs_reconnecting    only its person can mend it, and `reason` says why

Pure: everything is in the row, and the row's times are PostgreSQL's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from vault.store.leases import RATE_LIMITED, SealedConnection

SOON = timedelta(days=14)
"""So long before the end its person is warned."""
LATE = timedelta(days=3)
"""So long before the end the warning becomes urgent."""
DAILY = timedelta(hours=24)
"""So long after a warning in a chat there is no other one."""

UNREADABLE = "unreadable"
"""The reason of an active connection whose sealed body did not open. It is the operator's alarm, too."""

State = Literal["healthy", "ending", "pausing", "needs_reconnecting"]

_WHY: Mapping[str, str] = {
    "expired": "the permission ran out, as this provider's permissions do after a while",
    "revoked": "it was withdrawn at the provider",
    "lost_rotation": "the provider's last answer got lost on the way",
    "no_refresh_token": "the provider gave a permission that could not be renewed",
    UNREADABLE: "what Valet keeps of it can't be opened any more",
}
_UNKNOWN = "the provider no longer accepts it"

WORDS = ("healthy", "ending", "ending_late", "pausing", *_WHY, "other")
"""Every word that `Health.word` can be."""


class Standing(Protocol):
    """What health is read from: a row of `connections` that is not disconnected."""

    @property
    def status(self) -> str:
        """`active` or `needs_reauth`."""
        ...

    @property
    def reason(self) -> str | None:
        """Why it is not active, or what is the matter although it is."""
        ...

    @property
    def ends_in(self) -> timedelta | None:
        """How long the grant still lives; None where it does not end by itself."""
        ...

    @property
    def stalled(self) -> bool:
        """Whether the access token is over and its refresh has to wait."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """How one connection stands. `reason` is a machine word, and may be one that is not known here.

    `soon` and `urgent` are about an end that is yet to come; a connection that pauses can have them, too.
    """

    state: State
    reason: str = ""
    soon: bool = False
    urgent: bool = False

    @property
    def works(self) -> bool:
        """Whether its person has nothing to do before it can be used."""
        return self.state != "needs_reconnecting"

    @property
    def word(self) -> str:
        """One of WORDS, for a metric: the state, and where it needs its person the reason instead."""
        if self.state == "needs_reconnecting":
            return self.reason if self.reason in _WHY else "other"
        return "ending_late" if self.state == "ending" and self.urgent else self.state

    @property
    def why(self) -> str:
        """Half a sentence for people: why it needs reconnecting or pauses; empty where it does neither."""
        if self.state == "needs_reconnecting":
            return why(self.reason)
        if self.state == "pausing":
            asked = self.reason == RATE_LIMITED
            return "the provider asked Valet to wait" if asked else "the provider has not answered lately"
        return ""


def health(row: Standing) -> Health:
    """How a connection stands. One whose permission is over needs its person before anybody has tried it."""
    if row.status != "active":
        return Health("needs_reconnecting", row.reason or "")
    left = row.ends_in
    if left is not None and left <= timedelta(0):
        return Health("needs_reconnecting", "expired")
    if row.reason == UNREADABLE:
        return Health("needs_reconnecting", UNREADABLE)
    soon, urgent = left is not None and left <= SOON, left is not None and left <= LATE
    if row.stalled:
        return Health("pausing", row.reason or "", soon, urgent)
    return Health("ending" if soon else "healthy", soon=soon, urgent=urgent)


def due(row: SealedConnection) -> bool:
    """Whether the row's person is to be warned in a chat, as far as the row says: `Vault.warn` decides."""
    return not row.quiet and row.ends_in is not None and timedelta(0) < row.ends_in <= SOON


def why(reason: str | None) -> str:
    """Half a sentence for people: why a connection needs them again."""
    return _WHY.get(reason or "", _UNKNOWN)


def ahead(left: timedelta) -> str:
    """`in 12 days`, `in a day`, `within a day`: how far off an end is, never further than it is."""
    if left.days > 1:
        return f"in {left.days} days"
    return "in a day" if left.days == 1 else "within a day"


def quiet(lifetime: float | None) -> float | None:
    """For how many seconds after a consent nobody is warned in a chat, where that is less than until SOON.

    A grant that never lives longer than that (Google's of an app in testing: seven days) would otherwise be
    warned of every day from its first. `lifetime` is in seconds; None: it does not end by itself.
    """
    if lifetime is None or lifetime > SOON.total_seconds():
        return None
    return max(0.0, lifetime - LATE.total_seconds())
