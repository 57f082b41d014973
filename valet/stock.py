"""What `valet keys` says: which keys there are and what is under each, and what was done with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from vault.custody import Rewrapped
from vault.rings.edit import MOST_DAYS, MOST_WRAPS, Key
from vault.rings.ringfile import State
from vault.store.custody import Wrapped
from vault.verify import Verdict

_SHOWN = 5
"""Ids of records that do not open: so many are shown of each kind; --json has more."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A key and what it wraps. `key` is None where the ring does not tell of it.

    `active`: whether it wraps now. Of rings of several kinds one does; another's active key only unwraps.
    """

    ref: str
    key: Key | None
    active: bool
    wrapped: tuple[Wrapped, ...]

    @property
    def state(self) -> State | None:
        """What is done with it; None where the ring does not tell of it."""
        if self.active:
            return "active"
        return "decrypt_only" if self.key else None

    @property
    def shown(self) -> str:
        """Its reference in a line of a terminal: an edited row of the database may hold any text."""
        return self.ref if self.ref.isprintable() else ascii(self.ref)

    @property
    def count(self) -> int:
        """How many data keys it wraps."""
        return sum(each.count for each in self.wrapped)

    @property
    def oldest(self) -> datetime | None:
        """When the oldest of them was wrapped."""
        return min((each.oldest for each in self.wrapped), default=None)

    @property
    def newest(self) -> datetime | None:
        """When the newest of them was wrapped."""
        return max((each.newest for each in self.wrapped), default=None)

    def json(self) -> dict[str, object]:
        """For a script. `state` is null for a key that the ring does not tell of."""
        return {
            "ref": self.ref,
            "state": self.state,
            "created": stamp(self.key.created) if self.key else None,
            "check": self.key.check if self.key else None,
            "data_keys": {each.purpose: each.count for each in self.wrapped},
            "oldest": stamp(self.oldest),
            "newest": stamp(self.newest),
        }

    def line(self) -> str:
        """Reference, state, since when, check value, and what it wraps."""
        what = ", ".join(f"{each.count} {each.purpose}" for each in self.wrapped)
        said = f"wraps {self.count} data keys: {what}" if what else "wraps nothing"
        if self.key is None:
            return f"  {self.shown}  {'active        ' if self.active else ''}{said}"
        since = f"since {day(self.key.created)}"
        state = "active" if self.active else "decrypt only"
        return f"  {self.shown}  {state:12}  {since:16}  check {self.key.check}  {said}"


@dataclass(frozen=True, slots=True)
class Stock:
    """A ring beside a database. `kinds` are those of the rings that the setting names.

    `belongs`: whether the ring opens the database; None where nothing was sealed yet.
    """

    ring: str
    active: str
    kinds: frozenset[str]
    shelves: tuple[Shelf, ...]
    belongs: bool | None

    @classmethod
    def of(
        cls,
        ring: str,
        active: str,
        kinds: Iterable[str],
        keys: Sequence[Key],
        wrapped: Sequence[Wrapped],
        belongs: bool | None,
    ) -> Stock:
        """What the database says beside the keys, in their order; what the ring does not tell of is last."""
        known = [key.ref for key in keys]
        known = known if active in known else [active, *known]
        by_ref = {key.ref: key for key in keys}
        refs = known + sorted({each.kek_ref for each in wrapped} - set(known))
        shelves = tuple(
            Shelf(ref, by_ref.get(ref), ref == active, tuple(each for each in wrapped if each.kek_ref == ref))
            for ref in refs
        )
        return cls(ring, active, frozenset(kinds), shelves, belongs)

    @property
    def unknown(self) -> tuple[Shelf, ...]:
        """What the database names and no ring holds. A key service keeps to itself what it holds."""
        silent = self.kinds - {"file"}
        return tuple(
            each for each in self.shelves if each.key is None and each.ref.partition(":")[0] not in silent
        )

    @property
    def due(self) -> int:
        """How many data keys are wrapped under another key than the active one."""
        return sum(each.count for each in self.shelves if each.ref != self.active)

    @property
    def tired(self) -> bool:
        """Whether the active key has wrapped for a year, or 2^30 times, and another should take over."""
        shelf = next(each for each in self.shelves if each.ref == self.active)
        return (shelf.key is not None and shelf.key.tired) or shelf.count >= MOST_WRAPS

    def json(self) -> dict[str, object]:
        """For a script."""
        return {
            "ring": self.ring,
            "active": self.active,
            "belongs": self.belongs,
            "keys": [each.json() for each in self.shelves],
            "unknown": [each.ref for each in self.unknown],
            "rewrap_due": self.due,
            "rotation_due": self.tired,
        }

    def lines(self) -> list[str]:
        """For a person: where the ring is, each key, and what there is to do."""
        said = [f"key ring  {self.ring}", *(each.line() for each in self.shelves)]
        if self.belongs is False:
            said.append("this ring does not open this database: put the right one there")
        elif self.belongs is None:
            said.append("nothing is sealed yet")
        said += [f"missing   {each.shown}: restore it from a backup of the ring" for each in self.unknown]
        if self.due:
            said.append(f"re-wrap   due, {self.due} data keys are under another key: valet keys rewrap")
        else:
            said.append("re-wrap   not due")
        said.append(self._rotation())
        return said

    def _rotation(self) -> str:
        active = next((each.key for each in self.shelves if each.ref == self.active), None)
        if self.tired:
            return "rotation  due, the active key has wrapped for long enough: valet keys rotate"
        if active is None:
            return "rotation  is the key service's"
        if active.created is None:
            return "rotation  once a year"
        try:
            return f"rotation  due on {active.created.date() + timedelta(days=MOST_DAYS)}"
        except OverflowError:  # the file may say the year 9999
            return "rotation  once a year"


def rewrapped(done: Rewrapped) -> list[str]:
    """What a re-wrap says in the end."""
    said = [f"wrapped {done.moved} data keys by {done.active}" if done.moved else "there was nothing to wrap"]
    if done.late:
        said.append(
            f"{done.late} of them came up meanwhile: they were in use, or a worker did not know the key yet"
        )
    if done.refused:
        said.append(
            f"{counted(done.refused)} did not open and stay as they are; see which: valet keys verify"
        )
    if done.left:
        said.append(
            f"{done.left} are under another key still: a worker goes on wrapping under it. See that every "
            "host has the ring as it is now, then run this again."
        )
    if done.whole:
        said.append(f"every data key is under {done.active}")
    return said


def verified(verdict: Verdict) -> list[str]:
    """What is said of one kind of records, with the first ids of those that did not open."""
    line = f"{verdict.kind:12} {verdict.opened} opened"
    if not verdict.refused:
        return [line]
    more = verdict.refused.total() - _SHOWN
    return [
        f"{line}, {counted(verdict.refused)} did not",
        *(f"  {each}" for each in verdict.ids[:_SHOWN]),
        *([f"  and {more} more"] if more > 0 else []),
    ]


def period(keys: Sequence[Key], ref: str) -> str:
    """From when to when a key wrapped, as far as the ring tells. `keys` are newest first."""
    at = next(number for number, key in enumerate(keys) if key.ref == ref)
    return f"from {day(keys[at].created)} until about {day(keys[at - 1].created)}"


def counted(refused: Mapping[str, int]) -> str:
    """`3 (2 tampered, 1 unknown_key)`."""
    classes = ", ".join(f"{count} {name}" for name, count in sorted(refused.items()))
    return f"{sum(refused.values())} ({classes})"


def stamp(moment: datetime | None) -> str | None:
    """A time for a script."""
    return None if moment is None else moment.isoformat(timespec="seconds")


def day(moment: datetime | None) -> date | str:
    """A time for a person."""
    return "an unknown day" if moment is None else moment.date()
