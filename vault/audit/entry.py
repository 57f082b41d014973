"""What was noted and is not written yet, and how the same again becomes a count."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

_WORD = re.compile(r"[a-z][a-z0-9_]{0,59}")
ODD = "other"
"""Stands for what is no word of ours: nothing else is ever written, wherever it comes from."""

Key = tuple[str, str, UUID | None, str | None, str | None, str | None, str | None, str | None]


@dataclass(slots=True)
class Entry:
    """One event. `written` is set once it is in the database, or lost."""

    at: datetime
    event: str
    outcome: str
    user_id: UUID | None = None
    grant_id: UUID | None = None
    connection: UUID | None = None
    client_id: str | None = None
    address: str | None = None
    tool: str | None = None
    provider: str | None = None
    detail: str | None = None
    times: int = 1
    written: bool = False

    def __post_init__(self) -> None:
        self.outcome = word(self.outcome) or ODD
        self.tool, self.provider, self.detail = word(self.tool), word(self.provider), word(self.detail)

    @property
    def somebodys(self) -> bool:
        """Whether it is about a person, named by themselves or by a grant of theirs."""
        return self.user_id is not None or self.grant_id is not None

    @property
    def key(self) -> Key:
        """What makes two of them the same."""
        return (
            self.event, self.outcome, self.user_id or self.grant_id, self.client_id, self.address, self.tool,
            self.provider, self.detail,
        )  # fmt: skip


def word(value: str | None) -> str | None:
    """`value` where it is a word of ours; what is none becomes one that says so."""
    if value is None:
        return None
    return value if _WORD.fullmatch(value) else ODD


class Repeats:
    """Counts denials, so that a flood of them is no flood of rows.

    The first of a kind goes through; the same again within `window` seconds is counted, and comes out as one
    entry at the end. Of different kinds `burst` go through at once and `per_second` after that; what is more
    is counted by event and reason alone, without person and address.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        window: float = 10,
        burst: float = 200,
        per_second: float = 5,
    ) -> None:
        self._clock = clock
        self._window = window
        self._burst = burst
        self._per_second = per_second
        self._left = burst
        self._seen = clock()
        self._held: OrderedDict[Key, tuple[float, Entry | None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def take(self, entry: Entry) -> bool:
        """Whether to write it now; else it is counted, and comes out of `due`."""
        now = self._clock()
        began, counted = self._held.get(entry.key, (now, None))
        if counted is None and now - began >= self._window:
            del self._held[entry.key]  # nothing was counted, so nobody came by to end its window
        if entry.key in self._held:
            self._count(entry, now)
            return False
        self._left = min(self._burst, self._left + (now - self._seen) * self._per_second)
        self._seen = now
        if self._left < 1:
            bare = replace(entry, user_id=None, grant_id=None, connection=None, client_id=None, address=None)
            self._count(bare, now)
            return False
        self._left -= 1
        self._held[entry.key] = (now, None)
        return True

    def _count(self, entry: Entry, now: float) -> None:
        began, counted = self._held.get(entry.key, (now, None))
        if counted is None:
            counted = entry
        else:
            counted.times += entry.times
        self._held[entry.key] = (began, counted)

    def due(self, *, all_: bool = False) -> list[Entry]:
        """What was counted in windows that are over, or in all of them; they begin anew."""
        now, out = self._clock(), []
        for key, (began, counted) in list(self._held.items()):
            if not all_ and now - began < self._window:
                continue
            del self._held[key]
            if counted is not None:
                out.append(counted)
        return out

    @property
    def counting(self) -> bool:
        """Whether something was counted that is not out yet."""
        return any(counted is not None for _, counted in self._held.values())
