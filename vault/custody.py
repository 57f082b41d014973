"""Custody of the keys: under which key each data key rests, and wrapping all of them by the active one.

A re-wrap works while everybody reads, refreshes, saves and disconnects, any number of times, and two at once:

- A page of rows is read without a lock, and the ring is asked for each with none held: it may be far away.
- A new wrap is opened again and compared before it replaces the old one, for that is the only copy there is.
- The page is stored in one statement, each row only where the old wrap still stands. What somebody else holds
  at that moment is left for the next pass. So a kill at any point leaves every row old or new, and whole.
- It passes over the table until nothing is left but what does not open. A worker that does not know the new
  key yet wraps under the old one meanwhile; such rows are met by the next pass.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest

from vault import keyring
from vault.ids import operator_id
from vault.keyring import KeyRing
from vault.secret import wipe
from vault.store.custody import Custody, Wrapped
from vault.store.database import Database
from vault.store.deks import Deks, WrappedDek

BATCH = 500
"""Rows of one page, and of one statement."""

LANES = 8
"""Rows of a page that the ring is asked for at once: a key service takes milliseconds for each."""

_PASSES = 24
"""Passes that find rows to do after the first, before it is clear that a worker goes on under the old key."""

_PAUSE = 0.5
"""Seconds before another pass: who holds a row now commits meanwhile."""

Progress = Callable[[int, int], None]
"""How many are done, and of how many."""


def quiet(done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass
class Rewrapped:
    """What a re-wrap did. `refused` counts, by class, the data keys that did not open and stay as they are.

    `late` counts the rows that came up after the first pass, and `left` those that are still under another
    key although they open: then some worker wraps under it all the time.
    """

    active: str = ""
    moved: int = 0
    late: int = 0
    left: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def whole(self) -> bool:
        """Whether every data key is under the active key now."""
        return not self.left and not self.refused


class Custodian:
    """The operator's hands on all data keys. Nothing here sees what they seal."""

    def __init__(
        self,
        database: Database,
        ring: KeyRing,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rows = Custody(database)
        self._deks = Deks(database)
        self._ring = ring
        self._clock = clock
        self._sleep = sleep

    async def standing(self) -> list[Wrapped]:
        """How many data keys are wrapped under which key, by reference and purpose. Raises Busy."""
        return await self._rows.standing()

    async def named(self, ref: str) -> int:
        """How many data keys are wrapped under that key. Raises Busy."""
        return await self._rows.named(ref)

    async def belongs(self) -> bool | None:
        """Whether the ring opens this database, by the operator's data key; None where there is none yet.

        Raises Busy, and KeyRingError where the ring can't be read or is away.
        """
        kept = await self._deks.operator()
        if kept is None:
            return None
        try:
            context = keyring.wrap_context(kept.owner, kept.purpose, kept.id)
            wipe(await self._ring.unwrap(kept.kek_ref, kept.wrapped, context))
        except (keyring.UnknownKey, keyring.Tampered, keyring.Malformed):
            return False
        return True

    async def rewrap(
        self,
        *,
        rate: float = 0,
        before: datetime | None = None,
        batch: int = BATCH,
        progress: Progress = quiet,
    ) -> Rewrapped:
        """Wrap every data key by the active key; `before`: also what was wrapped by it before that time.

        `rate` is how many rows a second at most, 0 as many as possible. Raises Busy while the database is
        away, and KeyRingError where the ring can't be read or is away: what was done till then is done.
        """
        done = Rewrapped()
        pace = _Pace(rate, self._clock, self._sleep)
        size = max(1, int(min(batch, rate))) if rate else batch
        for number in range(_PASSES + 1):
            if number:
                await self._sleep(_PAUSE)
            done.active = self._ring.active
            total = done.moved + await self._rows.due(done.active, before)
            done.refused.clear()
            moved = done.moved
            await self._pass(done, before, size, pace, total, progress)
            done.late += done.moved - moved if number else 0
            done.active = self._ring.active
            # Of what did not open some may be gone by now.
            done.left = max(0, await self._rows.due(done.active, before) - done.refused.total())
            if not done.left:
                break
        return done

    async def _pass(
        self,
        done: Rewrapped,
        before: datetime | None,
        size: int,
        pace: _Pace,
        total: int,
        progress: Progress,
    ) -> None:
        after = operator_id()
        while rows := await self._rows.overdue(done.active, before, after, size):
            after = rows[-1].id
            pairs = await self._wrapped(rows, done.refused)
            done.moved += await self._rows.exchange(pairs) if pairs else 0
            progress(done.moved + done.refused.total(), total)
            await pace.keep(len(rows))

    async def _wrapped(
        self, rows: list[WrappedDek], refused: Counter[str]
    ) -> list[tuple[WrappedDek, WrappedDek]]:
        """Each row with its successor; those that do not open are counted and left out."""
        lanes = [self._lane(rows[number::LANES], refused) for number in range(LANES)]
        return [pair for lane in await asyncio.gather(*lanes) for pair in lane]

    async def _lane(
        self, rows: list[WrappedDek], refused: Counter[str]
    ) -> list[tuple[WrappedDek, WrappedDek]]:
        pairs = []
        for row in rows:
            try:
                pairs.append((row, await self._again(row)))
            except keyring.UnknownKey:
                refused["unknown_key"] += 1
            except (keyring.Tampered, keyring.Malformed):
                refused["tampered"] += 1
        return pairs

    async def _again(self, row: WrappedDek) -> WrappedDek:
        """The same data key, wrapped by the active key. Raises KeyRingError."""
        context = keyring.wrap_context(row.owner, row.purpose, row.id)
        dek = await self._ring.unwrap(row.kek_ref, row.wrapped, context)
        try:
            ref, blob = await self._ring.wrap(dek, context)
            seen = await self._ring.unwrap(ref, blob, context)
            same = compare_digest(seen, dek)
            wipe(seen)
        finally:
            wipe(dek)
        if not same:
            raise keyring.KeyRingError(
                "the key ring gave back another key than it was given; no row was changed by it"
            )
        return WrappedDek(row.id, row.owner, row.purpose, ref, blob)


class _Pace:
    """Keeps rows within a rate, from the first one on: a pause that came too late is not made up for."""

    def __init__(
        self, rate: float, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._free = clock()

    async def keep(self, rows: int) -> None:
        """Return when that many more rows are within the rate."""
        if not self._rate:
            return
        self._free = max(self._free, self._clock() - 1) + rows / self._rate
        wait = self._free - self._clock()
        if wait > 0:
            await self._sleep(wait)
